"""Customer value from orders to scores: what is learnt, what SQL makes of it, and that no score knows the future."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pytest
from scipy.special import hyp2f1

from orchestration.lib.value_training import Trained, train
from tests.dbt.project import Project
from value.bg_nbd import BgNbd
from value.expectation import expected_purchases_if_alive
from warehouse.duckdb import DuckDBWarehouse

pytestmark = [pytest.mark.timeout(600)]

# A month before the last order.
CUTOFF = datetime(2025, 11, 30)
MODELS = (
    "int_finance__value_cutoff int_finance__orders_by_cutoff int_finance__customer_currencies "
    "int_finance__purchase_histories int_finance__value_model int_finance__purchase_expectations customer_rfm "
    "customer_value_scores"
)
SHOWN = ("customer_rfm", "customer_value_scores", "int_finance__purchase_histories")
Rows = dict[str, list[tuple[Any, ...]]]


class Told(NamedTuple):
    """Rows of the marts as text, each at its moment: by the cut-off, with more known, and as of the cut-off again."""

    then: Rows
    later: Rows
    again: Rows
    first: Trained
    second: Trained
    folder: Path


def orders() -> list[tuple[str, str, str, float, bool, datetime]]:
    """Two years of a shop whose customers leave sooner or later; some orders are cancelled or in pounds."""
    chance = random.Random(11)
    made = []
    for number in range(500):
        at = datetime(2024, 1, 1) + timedelta(days=chance.uniform(0, 700))
        rate, leaves = chance.gammavariate(0.8, 1 / 20), chance.betavariate(0.8, 2.5)
        mean = 1 / chance.gammavariate(4, 1 / 90)
        while at < datetime(2026, 1, 1):
            amount = round(chance.gammavariate(6, mean / 6) + 0.01, 2)
            currency = "GBP" if chance.random() < 0.1 else "EUR"
            cancelled = chance.random() < 0.05
            made.append((f"o{len(made)}", f"c{number}", currency, -amount if cancelled else amount, cancelled, at))
            if chance.random() < leaves:
                break
            at += timedelta(days=chance.expovariate(rate))
    # The last second of the cut-off, and the first after it.
    made.append(("last", "c0", "EUR", 12.5, False, CUTOFF + timedelta(hours=23, minutes=59, seconds=59)))
    made.append(("next", "c0", "EUR", 99.0, False, CUTOFF + timedelta(days=1)))
    return made


def land(project: Project, rows: list[tuple[str, str, str, float, bool, datetime]]) -> None:
    with duckdb.connect(project.warehouse) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(
            "create table if not exists marts.fct_orders (order_key text, customer_id text, currency text, "
            "amount decimal(18, 4), is_cancellation boolean, ordered_at timestamp)"
        )
        connection.executemany("insert into marts.fct_orders values (?, ?, ?, ?, ?, ?)", [list(row) for row in rows])


def learnt(project: Project, at: datetime) -> Trained:
    @contextmanager
    def opened() -> Iterator[DuckDBWarehouse]:
        with DuckDBWarehouse.open(project.warehouse) as warehouse:
            yield warehouse

    return train(opened, "marts", at)


def shown(project: Project) -> Rows:
    return {name: project.rows(f"select columns(*)::varchar from marts.{name} order by customer_id") for name in SHOWN}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("value")
    project = Project(folder)
    made = orders()
    land(project, [row for row in made if row[-1] < CUTOFF + timedelta(days=1)])
    project.run("run", "--select", MODELS)
    assert project.rows("select count(*) from marts.customer_value_scores") == [(0,)]
    first = learnt(project, datetime(2025, 12, 1))
    project.run("run", "--select", MODELS)
    then = shown(project)
    land(project, [row for row in made if row[-1] >= CUTOFF + timedelta(days=1)])
    project.run("run", "--select", MODELS)
    second = learnt(project, datetime(2026, 1, 1))
    project.run("run", "--select", MODELS)
    later = shown(project)
    # A full refresh makes every model anew, and keeps what was learnt.
    project.run(
        "run", "--full-refresh", "--select", MODELS, "--vars", json.dumps({"value_cutoff": f"{CUTOFF:%Y-%m-%d}"})
    )
    return Told(then, later, shown(project), first, second, folder)


@pytest.mark.parametrize("model", SHOWN)
def test_nothing_from_after_the_cutoff_is_in_what_is_said_of_it(told: Told, model: str) -> None:
    assert len(told.then[model]) > 200
    assert told.again[model] == told.then[model]
    # It would have been seen: with the later orders, and what was learnt from them, all is different.
    assert told.later[model] != told.then[model]


def test_the_cutoffs_own_day_counts_to_its_last_second(told: Told) -> None:
    ((day,),) = {row[-1:] for row in told.then["customer_rfm"]}
    assert day == "2025-11-30"
    (mine,) = (row for row in told.then["customer_rfm"] if row[0] == "c0")
    assert mine[-2] == "2025-11-30"


def test_scores_are_of_the_newest_version_that_may_know_of_them(told: Told) -> None:
    assert told.first.learnt_until == CUTOFF.date()
    assert told.second.learnt_until > CUTOFF.date()
    assert {row[1] for row in told.then["customer_value_scores"]} == {told.first.version}
    assert {row[1] for row in told.later["customer_value_scores"]} == {told.second.version}


def test_scores_are_those_of_the_published_formulas(told: Told) -> None:
    model, spend = told.first.purchases, told.first.spend
    assert set(spend) == {"EUR"}
    assert told.first.unknown == ("GBP",)
    histories = {row[0]: row for row in told.then["int_finance__purchase_histories"]}
    scores = told.then["customer_value_scores"]
    assert set(histories) == {row[0] for row in scores}
    for customer, _, currency, alive, expected, average, value, horizon, _ in scores:
        _, _, repeats, recency, age, spend_days, amount, *_ = histories[customer]
        x, last, old = (np.array([float(number)]) for number in (repeats, recency, age))
        assert float(alive) == pytest.approx(model.alive(x, last / 7, old / 7)[0], abs=1e-6)
        theirs = model.alive(x, last / 7, old / 7)[0] * published(model, x[0], old[0] / 7, float(horizon) / 7)
        assert float(expected) == pytest.approx(theirs, abs=1e-6)
        if currency not in spend:
            assert (average, value) == (None, None)
            continue
        days = np.array([float(spend_days)])
        mean = float(amount) / max(days[0], 1)
        worth = spend[currency].expected(days, np.array([mean]))[0]
        assert float(average) == pytest.approx(worth, abs=1e-4)
        assert float(value) == pytest.approx(theirs * worth, rel=1e-6, abs=1e-4)


def published(model: BgNbd, x: float, age: float, horizon: float) -> float:
    r, alpha, a, b = model.parameters
    share = horizon / (alpha + age + horizon)
    gauss = hyp2f1(r + x, b + x, a + b + x - 1, share)
    return float((a + b + x - 1) / (a - 1) * (1 - (1 - share) ** (r + x) * gauss))


HARD = [
    (0.243, 4.414, 0.793, 2.426),
    (0.05, 0.2, 1.0, 0.05),
    (100.0, 0.001, 0.001, 0.05),
    (100.0, 50.0, 9e3, 9e4),
    (0.001, 300.0, 0.001, 1e5),
    (5.0, 1.0, 12.0, 0.3),
]


def test_the_sql_is_the_python_over_a_grid_of_everything_a_fit_may_be(told: Told, tmp_path: Path) -> None:
    compiled = told.folder / "target" / "compiled" / "braid" / "models" / "marts" / "finance"
    sql = (compiled / "int_finance__purchase_expectations.sql").read_text()
    shutil.copy(told.folder / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    grid = list(product((0, 1, 3, 40, 5000), (0, 1, 70, 4000)))
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute(
            "create or replace table marts.int_finance__purchase_histories (repeat_purchases bigint, age_days bigint)"
        )
        connection.executemany(
            "insert into marts.int_finance__purchase_histories values (?, ?)", [list(pair) for pair in grid]
        )
        for parameters in HARD:
            values = dict(zip(("r", "alpha", "a", "b"), parameters, strict=True))
            listed = ", ".join(f"cast({number!r} as double) as {name}" for name, number in values.items())
            connection.execute(f"create or replace view marts.int_finance__value_model as select {listed}")
            found = {(x, age): expected for x, age, expected in connection.execute(sql).fetchall()}
            assert set(found) == set(grid)
            x, age = np.array(grid, dtype=np.float64).T
            for pair, expected in zip(grid, expected_purchases_if_alive(parameters, x, age / 7, 365 / 7), strict=True):
                assert found[pair] == pytest.approx(expected, rel=1e-6), (parameters, pair)
