"""Rows that are only added to a DuckDB file: what is there is left out beforehand, and nothing is written twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.base import BadRows, LandedCounts, TableName
from warehouse.duckdb import DuckDBWarehouse
from warehouse.types import long_text

TABLE = TableName("raw_x", "calls")
SCHEMA = pa.schema([("id", pa.string()), ("source", pa.string()), ("at", pa.int64()), long_text("payload")])
Row = tuple[str, str, int | None, str]
ROWS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("xy"), st.none() | st.integers(0, 2), st.sampled_from("pq")),
    max_size=12,
)
LIMIT = "select current_setting('memory_limit') as memory"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse.open(tmp_path / "w.duckdb") as opened:
        yield opened


def table_of(rows: list[Row]) -> pa.Table:
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(_columns(rows), SCHEMA, strict=True)], SCHEMA
    )


def _columns(rows: list[Row]) -> list[tuple[object, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * len(SCHEMA)


def append(warehouse: DuckDBWarehouse, rows: list[Row]) -> LandedCounts:
    with warehouse.stage(table_of(rows), constants={}) as staged:
        return warehouse.append(TABLE, staged, unless_key=["id", "source"], first_by=["at"])


@given(st.lists(ROWS, max_size=4))
@settings(max_examples=40, deadline=None)
def test_the_first_of_each_key_stays(batches: list[list[Row]]) -> None:
    with DuckDBWarehouse(duckdb.connect()) as warehouse:
        warehouse.ensure_table(TABLE, SCHEMA)
        kept: dict[tuple[str, str], Row] = {}
        for rows in batches:
            first: dict[tuple[str, str], Row] = {}
            for row in sorted(rows, key=lambda row: (row[2] is None, row[2] or 0, row[3])):
                first.setdefault(row[:2], row)
            new = {key: row for key, row in first.items() if key not in kept}
            assert append(warehouse, rows) == LandedCounts(len(rows), len(new), 0, len(first))
            kept |= new
        found = warehouse.query(f"select * from {TABLE}").to_pylist()
        assert sorted(found, key=lambda row: (row["id"], row["source"])) == [
            dict(zip(SCHEMA.names, row, strict=True)) for _, row in sorted(kept.items())
        ]


def test_nothing_is_deleted_and_no_schema_changed(warehouse: DuckDBWarehouse) -> None:
    warehouse.ensure_table(TABLE, SCHEMA)
    append(warehouse, [("a", "x", 1, "p")])
    statements: list[str] = []
    warehouse.on_statement = statements.append
    append(warehouse, [("a", "x", 2, "p"), ("b", "x", 1, "p"), ("b", "x", 1, "p")])
    within = statements[statements.index("begin transaction") : statements.index("commit")]
    assert not [text for text in within if text.split()[0] in ("delete", "create", "drop", "alter")]
    assert sum(text.startswith("insert") for text in within) == 2


def test_a_key_without_a_value_leaves_everything_as_it_was(warehouse: DuckDBWarehouse) -> None:
    warehouse.ensure_table(TABLE, SCHEMA)
    append(warehouse, [("a", "x", 1, "p")])
    rows: list[Row] = [("b", "x", 1, "p"), (None, "x", 1, "p")]  # type: ignore[list-item]
    with pytest.raises(BadRows, match="1 rows"):
        append(warehouse, rows)
    assert append(warehouse, rows[:1]) == LandedCounts(1, 1, 0, 1)


def test_long_rows_have_more_memory_unless_somebody_said_how_much(tmp_path: Path) -> None:
    for name, said in (("ours", None), ("theirs", "400MiB")):
        seen: list[str] = []
        with DuckDBWarehouse.open(tmp_path / name, settings={"memory_limit": said} if said else None) as warehouse:
            before = warehouse.query(LIMIT).to_pylist()
            warehouse.ensure_table(TABLE, SCHEMA)
            warehouse.on_statement = seen.append
            append(warehouse, [("a", "x", 1, "p")])
            warehouse.on_statement = None
            assert warehouse.query(LIMIT).to_pylist() == before
        assert [text for text in seen if "memory_limit" in text][:1] == ([] if said else ["set memory_limit = '640MB'"])
