"""What every warehouse offers: the small interface behind which DuckDB and Snowflake stand.

Data arrives as Arrow or as spooled CSV pages, is staged in a temporary relation first (DDL, outside the
transaction), and reaches its table by INSERT, MERGE, UPDATE or DELETE inside one transaction together with the
books that describe it.

Types are spoken in Arrow: string, int64, float64, decimal128(p, s), bool, date32, time64("us") and timestamp("us").
Timestamps are naive UTC on every warehouse, JSON is text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import pyarrow as pa


class WarehouseError(Exception):
    """The warehouse cannot be used as asked; the message is one sentence with cause and remedy."""


class WarehouseHeld(WarehouseError):
    """Another process has the warehouse and did not let go of it in time; later it may."""


class BadRows(WarehouseError):
    """Some staged rows cannot be stored (a value that is none of its type, no key); the others could, without them."""


class TableName(NamedTuple):
    """A table by schema and name, unquoted; the database is the connection's own."""

    schema: str
    name: str

    def __str__(self) -> str:
        """Dotted form for messages, never for SQL."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class CsvPages:
    """Spooled CSV pages on local disk: UTF-8, comma, double quotes, LF or CRLF, the same header row on each page.

    ``schema`` holds the final column names and types in the order of the file's columns; an empty unquoted or quoted
    field is null. ``schema`` lacks nothing the header has. A date-time may carry ``Z`` or an offset and becomes UTC; a
    whole number may be written ``3.0``; more decimals than a decimal type has are rounded, half away from zero.
    """

    paths: tuple[Path, ...]
    schema: pa.Schema


@dataclass(frozen=True)
class ParquetFiles:
    """Spooled Arrow data as Parquet files on local disk, all with ``schema``."""

    paths: tuple[Path, ...]
    schema: pa.Schema


class LandedCounts(NamedTuple):
    """What a write did to its table, in rows. ``read`` counts staged rows, repeats included; ``keys`` without them."""

    read: int
    inserted: int
    updated: int
    keys: int


class Staged(NamedTuple):
    """A temporary relation holding a batch; ``sql`` names it, quoted, for use in ``from``.

    ``constants`` names the columns that describe the load (``_run_id``), not the row: they are never compared.
    """

    sql: str
    schema: pa.Schema
    constants: frozenset[str]


class Warehouse(ABC):
    """One open connection, for one thread. Close it soon: on DuckDB nobody else can open the file meanwhile."""

    dialect: ClassVar[str]
    # Called with the text of every statement, BEGIN and COMMIT too, before it runs; parameters are not passed.
    on_statement: Callable[[str], None] | None = None

    @abstractmethod
    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Rows of one statement as an Arrow table; ``?`` marks a parameter on every dialect."""

    @abstractmethod
    def execute(self, sql: str, params: Sequence[object] = ()) -> None:
        """Run one statement for its effect."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing; never nested. DDL inside is refused on every dialect, since Snowflake would commit at it."""

    @abstractmethod
    def quoted(self, name: str) -> str:
        """A column's name as SQL."""

    @abstractmethod
    def relation(self, table: TableName) -> str:
        """A table's full name as SQL."""

    @abstractmethod
    def columns(self, table: TableName) -> dict[str, pa.DataType] | None:
        """Column names and types in table order, or None when the table does not exist."""

    @abstractmethod
    def ensure_table(self, table: TableName, schema: pa.Schema) -> tuple[str, ...]:
        """Create the table (and its schema), or add the columns it lacks; returns what was added, all when created.

        Never narrows, renames or drops. Must be called outside a transaction. Raises WarehouseError naming the column
        when a stored type cannot hold the wanted one.
        """

    @abstractmethod
    def stage(
        self,
        data: pa.Table | CsvPages | ParquetFiles,
        *,
        constants: Mapping[str, object],
        derived: Mapping[str, str | bool] | None = None,
    ) -> AbstractContextManager[Staged]:
        """Make ``data`` plus constant columns (``_run_id`` and the like) readable as a temporary relation.

        ``derived`` adds columns that say something about the row: a copy of another column, by its name, or the same
        boolean for all rows (``{"_is_deleted": "is_deleted"}`` or ``{"_is_deleted": False}``); unlike ``constants``
        they are compared by ``merge``, and null in the copied column is false for a boolean. Enter it outside a
        transaction and leave it after.

        The relation is lazy on DuckDB: a value that does not fit its type raises WarehouseError naming file, line and
        column here or where the rows are first read, in ``append`` and ``merge``.
        """

    @abstractmethod
    def append(
        self, table: TableName, staged: Staged, *, unless_key: Sequence[str] = (), first_by: Sequence[str] = ()
    ) -> LandedCounts:
        """Insert staged rows; with ``unless_key`` only the first of each key, and none whose key is there already.

        First is the smallest by ``first_by`` (nulls last), then by all other columns, so that the same input in any
        order stores the same row. Raises WarehouseError when a key column is null.
        """

    @abstractmethod
    def merge(
        self, table: TableName, staged: Staged, *, key: Sequence[str], newest_by: Sequence[str] = ()
    ) -> LandedCounts:
        """Upsert by key: of repeats the newest (``newest_by`` descending, nulls last) wins.

        Repeats that tie are ordered by all other columns, so that the same input in any order stores the same row.
        A staged row equal to the stored one in every column but the staging constants is left alone and not counted,
        and an older one (smaller ``newest_by``) never replaces a newer. Columns that the table has and the batch lacks
        keep their values. Raises WarehouseError when a key column is null.
        """

    @abstractmethod
    def refresh(self, table: TableName, staged: Staged, *, key: Sequence[str], same: Sequence[str]) -> int:
        """Give stored rows the staged values where key and ``same`` columns agree; returns how many rows changed.

        No row is added, and a row with another version (``same``) than the staged one is left alone. Keys of the batch
        are unique.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the connection back; safe to call twice."""

    def rows(self, sql: str, params: Sequence[object] = ()) -> Iterator[dict[str, object]]:
        """Rows of a *small* result as dicts, for messages and books."""
        yield from self.query(sql, params).to_pylist()

    def __enter__(self) -> Warehouse:
        """The connection itself; leaving the block closes it."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()
