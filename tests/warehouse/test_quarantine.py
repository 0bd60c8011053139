"""The book of rows kept out, on every warehouse: added once, settled when they land, set apart after landing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from extract import quarantine
from extract.landing import Load, land
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
    warehouse: Warehouse, folder: Path, run_id: str, rows: list[Row], rejected: list[Rejected] | None = None
) -> None:
    load = Load("shop", run_id, Window(None, NOW), NOW, False, "1", NOW)
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


def test_a_row_set_aside_by_hand_stays_so(warehouse: Warehouse, tmp_path: Path) -> None:
    bad = Rejected("{}", "type:amount", "sales: amount is no number.", "sales eu|2", "eu|2")
    landed(warehouse, tmp_path, "one", [("eu", "1", 1.0)], [bad])
    (row,) = quarantine.listed(warehouse)
    quarantine.dismiss(warehouse, row.quarantine_id, "a test", NOW)
    landed(warehouse, tmp_path, "two", [("eu", "1", 1.2)], [bad])
    assert book(warehouse) == [("type:amount", "eu|2", "dismissed")]
    assert quarantine.listed(warehouse, status="dismissed")[0].reason.endswith("Dismissed: a test")
