"""One landing at a time in a table to which rows are only added: each compares its keys with what landed before it.

DuckDB has one writer by itself. On Snowflake two landings do not see each other's rows, and both would add a key that
both bring; two sources may feed one table besides. So a landing begins by writing the table's row in
``ops.landing_turns``: another one waits there until it has ended, and sees all of it.
"""

from __future__ import annotations

from datetime import datetime

from extract import books
from warehouse.base import TableName, Warehouse


def ready(warehouse: Warehouse, table: TableName) -> None:
    """Make sure that the table has a row; before the transaction. Two that come at once make two, which is as good."""
    found = warehouse.query(
        f"select count(*) from {warehouse.relation(books.TURNS)} where table_schema = ? and table_name = ?", [*table]
    )
    if not found.column(0)[0].as_py():
        books.insert(warehouse, books.TURNS, {"table_schema": table.schema, "table_name": table.name})


def take(warehouse: Warehouse, table: TableName, run_id: str, now: datetime) -> None:
    """Wait for the landing that is under way; the first statement of the transaction."""
    warehouse.execute(
        f"update {warehouse.relation(books.TURNS)} set run_id = ?, taken_at = ?"
        " where table_schema = ? and table_name = ?",
        [run_id, now, *table],
    )
