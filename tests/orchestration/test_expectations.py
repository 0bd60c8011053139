"""Each rule passes what is right and finds what is wrong; a verdict never carries a value."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from orchestration.lib import expectations
from orchestration.lib.expectations import (
    SMALL_BATCH,
    Rule,
    applicable,
    between,
    breaking,
    cursor,
    emails,
    judge,
    keyed,
    one_of,
    present,
)

NOW = datetime(2026, 1, 5, 6)
pytestmark = pytest.mark.timeout(120)


def batch(rows: int = 10, **columns: pa.Array) -> pa.Table:
    plain = {
        "id": pa.array([f"{number:05}" for number in range(rows)]),
        "changed_at": pa.array([NOW - timedelta(minutes=number) for number in range(rows)], pa.timestamp("us")),
        "email": pa.array(["someone@shop.example"] * rows),
        "amount": pa.array([Decimal("12.50")] * rows, pa.decimal128(18, 2)),
        "kind": pa.array(["a"] * rows),
        "born": pa.array([date(1980, 5, 5)] * rows, pa.date32()),
    }
    return pa.table(plain | columns)


SUITE = (
    *keyed("id"),
    *cursor("changed_at"),
    *emails("email"),
    *between("amount", 0, 1e9),
    *one_of("kind", "a", "b"),
    *present("born"),
)


def test_a_good_batch_passes_and_an_empty_one_too() -> None:
    assert judge(batch(), SUITE, extracted_at=NOW).status == "passed"
    assert judge(batch(0), SUITE, extracted_at=NOW).status == "passed"


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("id", pa.array([None, *"bcdefghij"]), "id is never null: 1 of 10"),
        ("id", pa.array([*"aacdefghij"]), "id is unique: 2 of 10"),
        ("changed_at", pa.array([NOW + timedelta(days=9)] * 10, pa.timestamp("us")), "and the extraction: 10 of 10"),
        ("changed_at", pa.array([datetime(1970, 1, 1)] * 10, pa.timestamp("us")), "1990-01-01"),
        ("amount", pa.array([Decimal(-1)] * 10, pa.decimal128(18, 2)), "amount lies between 0 and 1e+09: 10 of 10"),
        ("kind", pa.array(["z"] * 10), "kind is one of a, b: 10 of 10"),
        ("born", pa.array([None] * 10, pa.date32()), "born is never null: 10 of 10"),
    ],
    ids=["null key", "repeated key", "future", "epoch", "negative", "not in the list", "empty column"],
)
def test_a_bad_batch_blocks_and_says_which_rule(column: str, values: pa.Array, says: str) -> None:
    verdict = judge(batch(**{column: values}), SUITE, extracted_at=NOW)
    assert verdict.status == "failed"
    assert [says in str(broken) for broken in verdict.broken] == [True]


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        ("changed_at", pa.array([None, *[NOW] * 9], pa.timestamp("us")), cursor("changed_at")[0]),
        ("changed_at", pa.array([NOW + timedelta(days=9), *[NOW] * 9], pa.timestamp("us")), cursor("changed_at")[1]),
        ("amount", pa.array([Decimal(-1), None, *[Decimal(5)] * 8], pa.decimal128(18, 2)), *between("amount", 0, 1e9)),
        ("amount", pa.array([Decimal(7), None, *[Decimal(5)] * 8], pa.decimal128(18, 2)), *between("amount", None, 6)),
        ("kind", pa.array(["z", None, *"aaaabbbb"]), *one_of("kind", "a", "b")),
        ("email", pa.array(["nobody", None, *["a@b.example"] * 8]), *emails("email", mostly=1)),
    ],
    ids=["null", "future", "negative", "too much", "not in the list", "no address"],
)
def test_the_rows_that_break_a_rule_are_those_great_expectations_counts(
    column: str, values: pa.Array, rule: Rule
) -> None:
    rows = batch(**{column: values})
    (broken,) = judge(rows, (rule,), extracted_at=NOW).broken
    found = breaking(rows, rule, extracted_at=NOW)
    assert found["id"].to_pylist() == ["00000"]
    assert broken.unexpected == found.num_rows


def test_a_rule_about_the_whole_batch_names_no_row() -> None:
    rows = batch(id=pa.array([*"aacdefghij"]), email=pa.array(["x"] * 10))
    assert not breaking(rows, keyed("id")[1]).num_rows
    assert not breaking(rows, *emails("email")).num_rows


def test_shape_blocks_a_large_batch_and_only_warns_in_a_small_one() -> None:
    bad = "not an address"
    small = batch(10, email=pa.array([bad] * 2 + ["a@b.example"] * 8))
    assert judge(small, SUITE, extracted_at=NOW).status == "warned"
    rows = SMALL_BATCH
    large = batch(rows, email=pa.array([bad] * (rows // 5) + ["a@b.example"] * (rows - rows // 5)))
    verdict = judge(large, SUITE, extracted_at=NOW)
    assert verdict.status == "failed"
    assert bad not in str(verdict)
    few = batch(rows, email=pa.array([bad] * (rows // 10) + ["a@b.example"] * (rows - rows // 10)))
    assert judge(few, SUITE, extracted_at=NOW).status == "passed"


def test_nulls_are_no_bad_addresses() -> None:
    assert judge(batch(email=pa.array([None] * 10, pa.string())), SUITE, extracted_at=NOW).status == "passed"


def test_a_missing_column_leaves_its_rule_out_but_never_the_key() -> None:
    table = batch().drop_columns(["email", "id"])
    suite = applicable(SUITE, table.column_names)
    assert "email" not in {column for rule in suite for column in rule.columns}
    verdict = judge(table, suite, extracted_at=NOW)
    assert [broken.problem for broken in verdict.broken] == ["there is no column id"] * 2


def test_several_chunks_count_as_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectations, "CHUNK", 4)
    repeated = batch(10, id=pa.array([*"abccccccde"]), email=pa.array(["x"] + ["a@b.example"] * 9))
    verdict = judge(repeated, SUITE, extracted_at=NOW)
    assert [(broken.rule.kind, broken.unexpected, broken.examined) for broken in verdict.broken] == [("unique", 6, 10)]


def test_composite_keys_are_unique_together() -> None:
    table = pa.table({"a": ["1", "1", "2"], "b": ["x", "y", "x"]})
    assert judge(table, keyed("a", "b")).status == "passed"
    again = pa.table({"a": ["1", "1", "2"], "b": ["x", "x", "x"]})
    assert [broken.rule for broken in judge(again, keyed("a", "b")).broken] == [
        Rule("unique", ("a", "b"), required=True)
    ]
