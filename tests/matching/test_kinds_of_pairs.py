"""What a pair may be besides one person or chance: moved, a household, namesakes. By pairs made by hand."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from contracts.matching import Comparison, read
from matching.model import WEIGHT_COLUMNS, Model, Probabilities
from matching.rounds import refine
from matching.scores import weighed_pairs

NAMES = ("first_name", "last_name", "email", "street", "phone")
# Level of each column: the highest is equal, 0 differs.
SAME = dict(zip(NAMES, (6, 3, 3, 2, 2), strict=True))
STRANGERS = dict.fromkeys(NAMES, 0)


def comparisons() -> tuple[Comparison, ...]:
    by_name = {item.name: item for item in read().comparisons}
    return tuple(by_name[name] for name in NAMES)


def start() -> Model:
    """Every level but equal is rare for one person, and equal is rare by chance."""
    levels = {}
    for item in comparisons():
        numbers = range(len(item.levels) + 1)
        u = dict.fromkeys(numbers, 0.001) | {0: 1 - 0.001 * len(item.levels)}
        m = dict.fromkeys(numbers, 0.02) | {len(item.levels): 1 - 0.02 * len(item.levels)}
        levels[item.name] = {number: Probabilities(m[number], u[number]) for number in numbers}
    return Model(comparisons(), read().blocking, 0.0001, 0.0001, levels)


def learnt(connection: duckdb.DuckDBPyConnection, pairs: list[tuple[dict[str, int], int]]) -> dict[int, float]:
    """Link weights by the place of each kind of pair, when there are so many of it."""
    columns = [*(f"level_{name} integer" for name in NAMES), *(f"shared_{name} double" for name in NAMES)]
    extra = ", shared_x integer"
    connection.execute(f"create table compared (record_key_a varchar, {', '.join(columns)}{extra})")
    for place, (levels, count) in enumerate(pairs):
        known = ", ".join(str(levels[name]) for name in NAMES)
        connection.execute(
            f"insert into compared select '{place}', {known}, {', '.join('null' for _ in NAMES)}, 0 from range({count})"
        )
    model = refine(connection, "compared", 1_000_000.0, start())
    connection.execute(f"create table weights ({', '.join(f'{name} {kind}' for name, kind in WEIGHT_COLUMNS.items())})")
    places = ", ".join("?" for _ in WEIGHT_COLUMNS)
    connection.executemany(f"insert into weights values ({places})", list(model.weight_rows("v")))
    rows = connection.execute(
        f"select distinct record_key_a, link_weight from ({weighed_pairs('compared', 'weights', model.comparisons)})"
    ).fetchall()
    return {int(place): weight for place, weight in rows}


@pytest.mark.parametrize(
    ("pair", "count", "is_one"),
    [
        (SAME | {"street": 0, "phone": 0}, 20, True),
        (SAME | {"first_name": 0, "email": 0}, 400, False),
        (STRANGERS | {"first_name": 6, "last_name": 3, "email": 1}, 60, False),
        (SAME | {"email": 0}, 10, True),
    ],
    ids=["who moved is one person", "a household is two", "namesakes are two", "who has another email is one person"],
)
def test_a_pair_is_what_explains_it_best(pair: dict[str, int], count: int, is_one: bool) -> None:
    with duckdb.connect() as connection:
        weights = learnt(connection, [(SAME, 500), (STRANGERS, 5_000), (pair, count)])
    assert weights[0] > 10
    assert weights[1] < -10
    assert (weights[2] > 0) == is_one


def test_chance_is_what_random_pairs_hold_besides_one_person() -> None:
    crowded = start()
    # Of random pairs one in a thousand shares an email; half of these are one person, as one in two thousand is.
    with duckdb.connect() as connection:
        connection.execute(
            "create table compared as select '' as record_key_a, "
            + ", ".join(f"{SAME[name]} as level_{name}, cast(null as double) as shared_{name}" for name in NAMES)
            + " from range(500)"
        )
        model = refine(connection, "compared", 1_000_000.0, replace(crowded, prior=0.0005))
    email = model.levels["email"][3]
    assert email.u is not None
    assert 0.0004 < email.u < 0.0006
    assert email.rarity == pytest.approx(email.u / 0.001)


def test_records_that_are_all_one_person_leave_a_doubt_to_be_weighed() -> None:
    few = ("email", "phone")
    model = start()
    chosen = tuple(item for item in model.comparisons if item.name in few)
    model = replace(model, comparisons=chosen, levels={name: model.levels[name] for name in few})
    with duckdb.connect() as connection:
        connection.execute(
            "create table compared as select '' as record_key_a, "
            + ", ".join(f"{SAME[name]} as level_{name}, cast(null as double) as shared_{name}" for name in few)
            + " from range(3)"
        )
        model = refine(connection, "compared", 3.0, replace(model, prior=0.9999999999999999))
    assert 0.9 < model.prior < 1
    assert list(model.weight_rows("v"))
