"""The company's tables in an in-memory DuckDB, where the APIs query them by column.

A store never changes shape under a reader: ``load`` fills a new database and swaps it in, and a query that began on
the old one finishes there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

# Two: the machine is shared with whoever is talking to the sandbox.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 2,
    "enable_external_access": False,
    "preserve_insertion_order": True,
}


def quoted(name: str) -> str:
    """An identifier for SQL; the tables' names and columns are the vendors' own, capitals included."""
    return '"' + name.replace('"', '""') + '"'


def table_sql(name: str) -> str:
    """``salesforce.Account`` as SQL."""
    schema, _, table = name.partition(".")
    return f"{quoted(schema)}.{quoted(table)}"


class Store:
    """Answers SQL over the tables as they are now."""

    def __init__(self) -> None:
        """An empty store; ``load`` fills it."""
        self._database = duckdb.connect(":memory:", config=_SETTINGS)

    def load(self, tables: Mapping[str, pa.Table]) -> None:
        """Replace everything by these tables, named ``system.table``."""
        database = duckdb.connect(":memory:", config=_SETTINGS)
        for schema in sorted({name.partition(".")[0] for name in tables}):
            database.execute(f"create schema {quoted(schema)}")
        for name, table in tables.items():
            database.register("incoming", table)
            database.execute(f"create table {table_sql(name)} as select * from incoming")
            database.unregister("incoming")
        self._database = database

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Rows of one statement; ``?`` marks a parameter."""
        with self._database.cursor() as cursor:
            table: pa.Table = cursor.sql(sql, params=list(params)).to_arrow_table()
            return table

    def execute(self, sql: str) -> int:
        """Run one statement for its effect and say how many rows it touched; the control API's way to edit records."""
        with self._database.cursor() as cursor:
            row = cursor.execute(sql).fetchone()
            return int(row[0]) if row else 0

    def batches(self, sql: str, params: Sequence[object], rows: int) -> pa.RecordBatchReader:
        """The same, in batches of about ``rows`` rows, for results too large to hold twice."""
        relation = self._database.cursor().sql(sql, params=list(params))
        reader: pa.RecordBatchReader = relation.to_arrow_reader(rows)
        return reader
