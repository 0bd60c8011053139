"""The book of rows kept out, on every warehouse: added once, settled when they land, set apart after landing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from extract import quarantine
from extract.landing import Load, land, stored_count
from extract.source import ObjectInfo, Rejected, Window
from extract.spool import DiskSpool
from warehouse.base import TableName, Warehouse

NOW = datetime(2026, 1, 5, 6)
TYPES = {"region": pa.string(), "id": pa.string(), "amount": pa.float64()}
INFO = ObjectInfo(
    name="sales",
    table=TableName("raw_shop", "sales"),
    key=("region", "id"),
    schema=pa.schema(TYPES),
    fields={name: name for name in TYPES},
)
pytestmark = pytest.mark.timeout(120)
Row = tuple[str | None, str | None, float]


def landed(
    warehouse: Warehouse,
    folder: Path,
    run_id: str,
    rows: list[Row],
    rejected: list[Rejected] | None = None,
    *,
    full: bool = False,
) -> None:
    load = Load("shop", run_id, Window(None, NOW), NOW, full, "1", NOW)
    with DiskSpool(INFO, folder) as spool:
        columns = zip(*rows, strict=True)
        arrays = [pa.array(column, kind) for column, kind in zip(columns, TYPES.values(), strict=True)]
        spool.rows(pa.table(arrays, schema=INFO.schema))
        spool.reject(rejected or [])
        land(warehouse, INFO, spool, load, NOW)


def stored(warehouse: Warehouse) -> list[tuple[object, ...]]:
    found = warehouse.query(
        "select region, id, amount, _is_deleted, _quarantined_at is not null"
        f" from {warehouse.relation(INFO.table)} order by 1, 2"
    )
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def book(warehouse: Warehouse) -> list[tuple[str, str | None, str]]:
    rows = quarantine.listed(warehouse, status=None)
    return [(row.rule, row.record_key, row.status) for row in rows]


def test_a_row_without_a_key_is_kept_out_and_the_others_land(warehouse: Warehouse, tmp_path: Path) -> None:
    landed(warehouse, tmp_path, "one", [("eu", "1", 1.0), ("eu", None, 2.0), (None, "3", 3.0)])
    assert [row[:3] for row in stored(warehouse)] == [("eu", "1", 1.0)]
    assert book(warehouse) == [("null_key", None, "open")] * 2
    landed(warehouse, tmp_path, "two", [("eu", "1", 1.0), ("eu", None, 2.0)])
    assert len(book(warehouse)) == 2, "the same row, as bad as it was, is there once"


def test_a_row_leaves_when_it_lands_and_is_back_when_it_is_bad_again(warehouse: Warehouse, tmp_path: Path) -> None:
    bad = Rejected('{"amount": "many"}', "type:amount", "sales: amount is no number.", "sales eu|2", "eu|2")
    landed(warehouse, tmp_path, "one", [("eu", "1", 1.0)], [bad])
    landed(warehouse, tmp_path, "two", [("eu", "1", 1.5)], [bad])
    assert book(warehouse) == [("type:amount", "eu|2", "open")]
    landed(warehouse, tmp_path, "three", [("eu", "2", 2.0)])
    assert book(warehouse) == [("type:amount", "eu|2", "replayed")]
    landed(warehouse, tmp_path, "four", [("eu", "1", 1.6)], [bad])
    assert book(warehouse) == [("type:amount", "eu|2", "open")]


def test_a_row_that_breaks_an_expectation_is_marked_until_it_holds(warehouse: Warehouse, tmp_path: Path) -> None:
    landed(warehouse, tmp_path, "one", [("eu", "1", 1.0), ("eu", "2", -2.0)])
    keys = pa.table({"region": ["eu"], "id": ["2"]})
    broken = quarantine.Broken("between:amount", "v1", "amount is below 0", keys)

    def set_apart(runs: list[str], *items: quarantine.Broken) -> None:
        quarantine.set_apart(
            warehouse, INFO.table, INFO.key, items, source="shop", name="sales", runs=runs, now=NOW + timedelta(hours=1)
        )

    set_apart(["one"], broken)
    assert [row[3:] for row in stored(warehouse)] == [(False, False), (False, True)]
    (row,) = quarantine.listed(warehouse)
    assert (row.rule, row.rule_version, row.record_key) == ("expect:between:amount", "v1", "eu|2")
    assert '"amount": -2.0' in row.payload
    # Read again as it is, it stays where it is. Landing with a value that holds settles it, once that is judged.
    landed(warehouse, tmp_path, "two", [("eu", "1", 1.1), ("eu", "2", -2.0)])
    set_apart(["two"])
    assert stored(warehouse)[1][2:] == (-2.0, False, True)
    assert book(warehouse)[0][2] == "open"
    landed(warehouse, tmp_path, "three", [("eu", "2", 2.0)])
    assert stored(warehouse)[1][2:] == (2.0, False, False)
    assert book(warehouse)[0][2] == "open"
    set_apart(["three"])
    assert book(warehouse)[0][2] == "replayed"


def test_a_full_reading_tells_what_is_gone_from_what_breaks_another_rule(warehouse: Warehouse, tmp_path: Path) -> None:
    def bad(key: str | None, rule: str) -> Rejected:
        return Rejected("{}", rule, "sales: bad.", f"sales {key}", key)

    rows: list[Row] = [("eu", "1", 1.0)]
    landed(warehouse, tmp_path, "one", rows, [bad("eu|2", "type:amount"), bad("eu|3", "type:amount")])
    landed(warehouse, tmp_path, "two", rows, [bad("eu|2", "type:region"), bad(None, "null_key")], full=True)
    after = {
        ("type:amount", "eu|2", "replayed"),
        ("type:amount", "eu|3", "gone"),
        ("type:region", "eu|2", "open"),
        ("null_key", None, "open"),
    }
    assert set(book(warehouse)) == after
    # As long as nobody knows which row does not fit, it may be any.
    landed(warehouse, tmp_path, "three", rows, [bad(None, "type:amount")], full=True)
    assert set(book(warehouse)) == after | {("type:amount", None, "open")}
    landed(warehouse, tmp_path, "four", rows, full=True)
    assert {status for _, _, status in book(warehouse)} == {"replayed", "gone"}


def test_a_row_set_aside_by_hand_stays_so(warehouse: Warehouse, tmp_path: Path) -> None:
    bad = Rejected("{}", "type:amount", "sales: amount is no number.", "sales eu|2", "eu|2")
    landed(warehouse, tmp_path, "one", [("eu", "1", 1.0)], [bad])
    (row,) = quarantine.listed(warehouse)
    quarantine.dismiss(warehouse, row.quarantine_id, "a test", NOW)
    landed(warehouse, tmp_path, "two", [("eu", "1", 1.2)], [bad])
    assert book(warehouse) == [("type:amount", "eu|2", "dismissed")]
    assert quarantine.listed(warehouse, status="dismissed")[0].reason.endswith("Dismissed: a test")


# Counting.

COUNTED = replace(
    INFO,
    schema=pa.schema(TYPES | {"changed_at": pa.timestamp("us"), "is_deleted": pa.bool_()}),
    cursor="changed_at",
    newest_by=("changed_at",),
    counts_deleted=True,
)
HOUR = timedelta(hours=1)
ALL, LAST_HOUR = Window(None, NOW), Window(NOW - HOUR, NOW)
EARLY, LATE = NOW - 3 * HOUR, NOW - HOUR / 2


def kept_out(
    region: str | None,
    id_: str | None,
    changed_at: datetime | None,
    rule: str = "type:amount",
    is_deleted: bool = False,
) -> Rejected:
    """A record of ours that cannot be landed; each without a key is another one."""
    key = f"{region}|{id_}" if region and id_ else None
    return Rejected(f"{region} {id_}", rule, "sales: bad.", f"sales {region} {id_}", key, changed_at, is_deleted)


def counts(
    warehouse: Warehouse, folder: Path, rows: list[tuple[str, str, datetime]], *rejected: Rejected, all_too: bool = True
) -> tuple[int, int]:
    """What is counted of everything and of the last hour, once these have landed."""
    info = replace(COUNTED, counts_deleted=all_too)
    load = Load("shop", "one", ALL, NOW, False, "1", NOW)
    with DiskSpool(info, folder) as spool:
        plain = [dict(zip(("region", "id", "changed_at"), row, strict=True)) for row in rows]
        spool.rows(pa.Table.from_pylist([row | {"is_deleted": False} for row in plain], schema=info.schema))
        land(warehouse, info, spool, load, NOW)
    with DiskSpool(info, folder) as spool:
        spool.reject(rejected)
        land(warehouse, info, spool, replace(load, run_id="two"), NOW)
    return stored_count(warehouse, info, "shop", ALL), stored_count(warehouse, info, "shop", LAST_HOUR)


@pytest.mark.parametrize(
    ("rejected", "expected"),
    [
        ([], (2, 1)),
        ([kept_out("eu", "2", LATE)], (3, 2)),
        ([kept_out("us", "1", LATE)], (3, 2)),
        ([kept_out("eu", "1", LATE)], (2, 2)),
        ([kept_out("eu", "3", LATE)], (2, 1)),
        ([kept_out("eu", "2", LATE), kept_out("eu", "2", LATE, "type:region")], (3, 2)),
        ([kept_out("eu", None, LATE, "null_key"), kept_out(None, "1", LATE, "null_key")], (4, 3)),
        ([kept_out("eu", "2", None)], (3, 1)),
        ([kept_out("eu", "2", EARLY)], (3, 1)),
        ([kept_out("eu", "2", NOW + HOUR)], (2, 1)),
        ([kept_out("eu", "1", NOW + HOUR)], (1, 1)),
        ([kept_out("eu", "2", LATE, is_deleted=True)], (3, 2)),
    ],
    ids=[
        "none",
        "another key",
        "half of a key that is stored",
        "a version newer than the stored one",
        "a version as old as the stored one",
        "two rules",
        "without a key",
        "no stamp that can be read",
        "an early one",
        "one after the window",
        "moved out of the window",
        "a deleted one",
    ],
)
def test_records_kept_out_are_counted_once_where_they_belong(
    warehouse: Warehouse, tmp_path: Path, rejected: list[Rejected], expected: tuple[int, int]
) -> None:
    assert counts(warehouse, tmp_path, [("eu", "1", EARLY), ("eu", "3", LATE)], *rejected) == expected


def test_deleted_records_kept_out_are_not_counted_where_the_source_does_not(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rejected = [kept_out("eu", "2", LATE, is_deleted=True), kept_out("eu", "4", LATE)]
    assert counts(warehouse, tmp_path, [("eu", "1", EARLY)], *rejected, all_too=False) == (2, 1)


def test_records_of_others_and_broken_expectations_are_not_counted_beside_what_is_stored(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    counts(warehouse, tmp_path, [("eu", "1", EARLY), ("eu", "3", LATE)])
    broken = quarantine.Broken("between:amount", "v1", "it is bad", pa.table({"region": ["eu"], "id": ["3"]}))
    quarantine.set_apart(warehouse, INFO.table, INFO.key, [broken], source="shop", name="sales", runs=["one"], now=NOW)
    others = quarantine.table_of("shop", "others", [kept_out("eu", "9", LATE)], "1", "one", NOW)
    with warehouse.stage(others, constants={}) as staged, warehouse.transaction():
        quarantine.add(warehouse, staged)
    assert stored_count(warehouse, COUNTED, "shop", ALL) == 2
    assert stored_count(warehouse, COUNTED, "shop", LAST_HOUR) == 1
