"""DuckDB: a file on this computer, one process at a time.

Rows of a merge go from their file straight into the table, in one pass; what that did wrong (repeats, rows that are
there already) is then found among the new row ids and put right in the same transaction. For most loads there is
nothing to put right, so a load costs what reading the file costs. Where rows are only added, those that are there
already are left out beforehand.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa

from warehouse.base import (
    BadRows,
    CsvPages,
    LandedCounts,
    ParquetFiles,
    Staged,
    TableName,
    Warehouse,
    WarehouseError,
    WarehouseHeld,
)
from warehouse.csv_pages import csv_relation, explain, sql_string
from warehouse.duckdb_append import KNOWN, REPEATED, Appending
from warehouse.identifiers import folded, quote, quote_list, quote_table, refuse_collisions
from warehouse.lock import REPEAT_SECONDS
from warehouse.profile import Target
from warehouse.statements import refuse_outside_rows
from warehouse.types import holds, is_long, literal, sql_type, with_extra_columns

# Landing streams, so little memory is enough; what does not fit goes to the folder beside the file.
_DEFAULT_MEMORY = "320MB"
# A row group in the making is kept as it is, one a thread: of rows with long texts each is a few hundred megabytes,
# which would be written to the folder and read again.
_LONG_ROWS_MEMORY = "640MB"
_MAX_DEFAULT_THREADS = 4
_POLL_SECONDS = 0.1
_HELD = re.compile(r"lock is held in (.*?) \(PID (\d+)\)")
# Working tables of a merge: a new row beside the old one of its key, those that may be equal, those that are.
_PAIRS, _MAYBE, _EQUAL = "temp.main.braid_pairs", "temp.main.braid_maybe", "temp.main.braid_equal"
# So many values of two row versions are compared at once: about a third of the default memory.
_VALUES_A_PART = 12_000_000


class DuckDBWarehouse(Warehouse):
    """One connection to a DuckDB file. Construct with ``connect`` or ``open``."""

    dialect: ClassVar[str] = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take over an open connection."""
        self._connection: duckdb.DuckDBPyConnection | None = connection
        self._in_transaction = False
        # Nobody has said how much memory to take.
        self._memory_is_ours = False
        self._numbers = itertools.count(1)
        # Staged relation -> the pages it reads, to say where a bad value is.
        self._pages: dict[str, CsvPages] = {}
        self.database = str(self._raw("select current_database()")[0][0])

    @classmethod
    def connect(
        cls,
        target: Target,
        *,
        read_only: bool = False,
        on_wait: Callable[[str], None] | None = None,
        timeout: float = 120.0,
    ) -> DuckDBWarehouse:
        """Open the target's file with its ``settings``; see ``open``."""
        path = target.duckdb_path
        assert path is not None, "the target is not DuckDB"
        settings = target.settings.get("settings") or {}
        return cls.open(path, settings=settings, read_only=read_only, on_wait=on_wait, timeout=timeout)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        settings: Mapping[str, Any] | None = None,
        read_only: bool = False,
        on_wait: Callable[[str], None] | None = None,
        timeout: float = 120.0,
    ) -> DuckDBWarehouse:
        """Open ``path``; while another process has it open, wait up to ``timeout`` seconds and say who has it.

        ``settings`` are DuckDB settings by name, as in dbt-duckdb's profile. Raises WarehouseError.
        """
        connection = _open_when_free(path, read_only, on_wait, timeout)
        defaults: dict[str, Any] = {
            "memory_limit": _DEFAULT_MEMORY,
            "threads": min(os.cpu_count() or 1, _MAX_DEFAULT_THREADS),
            "preserve_insertion_order": False,
        }
        # Times are naive UTC, and a table's name in SQL never means a Python variable of ours.
        fixed = {"TimeZone": "UTC", "python_enable_replacements": False}
        try:
            with _interruptible():
                for name, value in (defaults | dict(settings or {}) | fixed).items():
                    connection.execute(f"set {quote(name, 'duckdb')} = {sql_string(str(value))}")
        except duckdb.Error as error:
            connection.close()
            raise WarehouseError(
                f"Setting {name!r} in profiles.yml is refused by DuckDB: {_first_line(error)}"
            ) from None
        opened = cls(connection)
        opened._memory_is_ours = "memory_limit" not in (settings or {})
        return opened

    def close(self) -> None:
        """Give the file back; safe to call twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def quoted(self, name: str) -> str:
        """A column's name as SQL."""
        return quote(name, self.dialect)

    def relation(self, table: TableName) -> str:
        """A table's full name, with the catalog: a schema may be called like the file."""
        return quote_table(table, self.dialect, self.database)

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Rows of one statement as an Arrow table; ``?`` marks a parameter."""
        with self._explained(sql):
            return self._arrow(sql, params)

    def execute(self, sql: str, params: Sequence[object] = ()) -> None:
        """Run one statement for its effect."""
        with self._explained(sql):
            self._run(sql, params)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; see ``Warehouse.transaction``."""
        if self._in_transaction:
            raise WarehouseError("A transaction is open already, and they do not nest.")
        self._raw("begin transaction")
        self._in_transaction = True
        try:
            yield
            self._raw("commit")
        except BaseException:
            with suppress(duckdb.Error):
                self._raw("rollback")
            raise
        finally:
            self._in_transaction = False

    def columns(self, table: TableName) -> dict[str, pa.DataType] | None:
        """Column names and types in table order, or None when the table does not exist."""
        # Unlike the catalog's text this gives Arrow types exactly, of decimals and of views too.
        try:
            schema = self._arrow(f"select * from {self.relation(table)} limit 0").schema
        except duckdb.CatalogException:
            return None
        return dict(zip(schema.names, schema.types, strict=True))

    def ensure_table(self, table: TableName, schema: pa.Schema) -> tuple[str, ...]:
        """Create the table, or add the columns it lacks; see ``Warehouse.ensure_table``."""
        if self._in_transaction:
            raise WarehouseError(f"Table {table} cannot be changed inside a transaction; do it before.")
        refuse_collisions(schema.names, f"Table {table}")
        types = {f.name: sql_type(f.type, self.dialect, f"Column {table}.{f.name}") for f in schema}
        stored = self.columns(table)
        with self._explained(str(table)):
            if stored is None:
                self._run(f"create schema if not exists {quote(self.database, 'duckdb')}.{self.quoted(table.schema)}")
                # Left to itself DuckDB packs JSON by FSST: three times the bytes, at twice the time.
                packed = {f.name: " using compression zstd" if is_long(f) else "" for f in schema}
                body = ", ".join(f"{self.quoted(name)} {type_}{packed[name]}" for name, type_ in types.items())
                self._run(f"create table {self.relation(table)} ({body})")
                return tuple(types)
            missing = missing_columns(table, stored, schema)
            for name in missing:
                self._run(f"alter table {self.relation(table)} add column {self.quoted(name)} {types[name]}")
            return missing

    @contextmanager
    def stage(
        self,
        data: pa.Table | CsvPages | ParquetFiles,
        *,
        constants: Mapping[str, object],
        derived: Mapping[str, str | bool] | None = None,
    ) -> Iterator[Staged]:
        """A temporary view over Arrow data or files, read when it is used; see ``Warehouse.stage``."""
        if self._in_transaction:
            raise WarehouseError("Staging inside a transaction is not possible: stage first, then begin.")
        name = f"braid_stage_{next(self._numbers)}"
        source = f"{name}_arrow"
        view = f"temp.main.{quote(name, 'duckdb')}"
        schema = data.schema
        refuse_collisions(schema.names, "The batch")
        if isinstance(data, CsvPages):
            select = csv_relation(data)
            self._pages[view] = data
        elif isinstance(data, ParquetFiles):
            select = _parquet_relation(data)
        else:
            for field in schema:
                sql_type(field.type, self.dialect, f"Column {field.name!r}")
            self._open.register(source, data)
            select = f"select * from {quote(source, 'duckdb')}"
        extra, schema = extra_columns(schema, constants, derived or {}, self.dialect)
        try:
            with self._explained(name):
                self._run(f"create temp view {quote(name, 'duckdb')} as select *{extra} from ({select}) as batch")
            yield Staged(view, schema, frozenset(constants))
        finally:
            self._pages.pop(view, None)
            if self._connection is not None:
                self._raw(f"drop view if exists {view}")
                self._connection.unregister(source)

    def append(
        self, table: TableName, staged: Staged, *, unless_key: Sequence[str] = (), first_by: Sequence[str] = ()
    ) -> LandedCounts:
        """Insert, without keys that are there; see ``Warehouse.append``."""
        with self._atomic():
            if not unless_key:
                with self._room_for(staged):
                    _, read = self._insert(table, staged)
                return LandedCounts(read, read, 0, read)
            self._check(table, staged)
            order = [f"{self.quoted(name)} asc nulls last" for name in first_by]
            with self._explained(staged.sql), self._room_for(staged):
                return self._append(table, Appending(self.relation(table), staged, unless_key, order))

    def _append(self, table: TableName, batch: Appending) -> LandedCounts:
        read, hashes, nulls = self._row(batch.counted)
        if nulls:
            raise BadRows(f"{nulls} rows for {table} have no value in their key ({', '.join(batch.key)}).")
        known = self._arrow(batch.known)
        repeated = self._arrow(batch.repeated) if read != hashes else known.slice(0, 0)
        # A table of its own would be a change of the schema, which has no place in a transaction.
        beside = {name: rows for name, rows in ((KNOWN, known), (REPEATED, repeated)) if rows.num_rows}
        for name, rows in beside.items():
            self._open.register(name, rows)
        try:
            inserted, keys = self._number(batch.insert(but=list(beside))), read
            if repeated.num_rows:
                keys -= self._number(f"select sum(braid_rows - 1) from {REPEATED}")
                inserted += self._number(batch.insert_first(but=[KNOWN] if known.num_rows else []))
        finally:
            for name in beside:
                self._open.unregister(name)
        return LandedCounts(read, inserted, 0, keys)

    def merge(
        self, table: TableName, staged: Staged, *, key: Sequence[str], newest_by: Sequence[str] = ()
    ) -> LandedCounts:
        """Upsert by key; see ``Warehouse.merge``."""
        with self._atomic():
            mark, read = self._insert(table, staged)
            order = [f"{self.quoted(name)} desc nulls last" for name in newest_by]
            repeated = self._drop_repeats(table, staged, key, order, mark)
            if mark < 0:
                return LandedCounts(read, read - repeated, 0, read - repeated)
            matched, updated = self._settle(table, staged, key, newest_by, mark)
            return LandedCounts(read, read - repeated - matched, updated, read - repeated)

    def refresh(self, table: TableName, staged: Staged, *, key: Sequence[str], same: Sequence[str]) -> int:
        """Update rows in place; see ``Warehouse.refresh``."""
        with self._atomic(), self._explained(staged.sql):
            return self._number(refreshing(self, self.relation(table), staged, key, same))

    @contextmanager
    def _room_for(self, staged: Staged) -> Iterator[None]:
        """More memory while rows with long texts go in, unless a profile has set it."""
        if not self._memory_is_ours or not any(is_long(field) for field in staged.schema):
            yield
            return
        self._raw(f"set memory_limit = '{_LONG_ROWS_MEMORY}'")
        try:
            yield
        finally:
            self._raw(f"set memory_limit = '{_DEFAULT_MEMORY}'")

    def _check(self, table: TableName, staged: Staged) -> None:
        """Raise WarehouseError unless the table has room for the batch."""
        stored = self.columns(table)
        if stored is None or missing_columns(table, stored, staged.schema):
            raise WarehouseError(f"Table {table} lacks columns of the batch: call ensure_table first.")

    def _insert(self, table: TableName, staged: Staged) -> tuple[int, int]:
        """Put all staged rows in; the highest row id before (-1: the table was empty), and how many rows."""
        self._check(table, staged)
        name = self.relation(table)
        columns = quote_list(staged.schema.names, self.dialect)
        mark = self._number(f"select coalesce(max(rowid), -1) from {name}")
        with self._explained(staged.sql):
            read = self._number(f"insert into {name} ({columns}) select {columns} from {staged.sql}")
        if self._number(f"select count(*) from {name} where rowid > {mark}") != read:
            raise WarehouseError(f"DuckDB numbers new rows of {table} in a way this version of Braid does not know.")
        return mark, read

    def _drop_repeats(
        self, table: TableName, staged: Staged, key: Sequence[str], order: Sequence[str], mark: int
    ) -> int:
        """Of new rows with one key keep the first by ``order``, then by all columns; returns how many went."""
        name = self.relation(table)
        keys = quote_list(key, self.dialect)
        # Equal keys have equal hashes: as many hashes as rows proves that no key repeats, at a quarter of the cost.
        with_null = " or ".join(f"{self.quoted(column)} is null" for column in key)
        rows, hashes, nulls = self._row(
            f"select count(*), count(distinct hash({keys})), count(*) filter (where {with_null})"
            f" from {name} where rowid > {mark}"
        )
        if nulls:
            raise BadRows(f"{nulls} rows for {table} have no value in their key ({', '.join(key)}).")
        if rows == hashes:
            return 0
        rest = [c for c in sorted(staged.schema.names) if c not in staged.constants and c not in key]
        total_order = [*order, *(f"{self.quoted(column)} asc nulls last" for column in rest), "rowid asc"]
        return self._number(
            f"delete from {name} where rowid in (select rowid from (select rowid, row_number() over"
            f" (partition by {keys} order by {', '.join(total_order)}) as place from {name} where rowid > {mark}"
            f" and ({keys}) in (select ({keys}) from {name} where rowid > {mark} group by {keys} having count(*) > 1))"
            " where place > 1)"
        )

    def _settle(
        self, table: TableName, staged: Staged, key: Sequence[str], newest_by: Sequence[str], mark: int
    ) -> tuple[int, int]:
        """Between a new and an old row of one key let one live; how many pairs, and in how many the new one lives."""
        name = self.relation(table)
        beside = self._new_beside_old(table, key, mark)
        self._raw(
            f"create or replace temp table {_PAIRS} as select new.rowid as new_row, old.rowid as old_row,"
            f" ({_is_older(newest_by)}) as old_stays from {beside}"
        )
        compared = [c for c in staged.schema.names if c not in staged.constants and c not in key]
        self._keep_equal(name, key, compared)
        taken = {folded(column) for column in staged.schema.names}
        if kept := [c for c in self.columns(table) or {} if folded(c) not in taken]:
            values = ", ".join(f"{self.quoted(c)} = old.{self.quoted(c)}" for c in kept)
            self._raw(
                f"update {name} as t set {values} from {_PAIRS} as pairs inner join {name} as old"
                " on old.rowid = pairs.old_row where t.rowid = pairs.new_row and not pairs.old_stays"
            )
        self._raw(
            f"delete from {name} where rowid in"
            f" (select case when old_stays then new_row else old_row end from {_PAIRS})"
        )
        matched, updated = self._row(
            f"select count(distinct new_row), count(distinct new_row) filter (where not old_stays) from {_PAIRS}"
        )
        for temporary in (_PAIRS, _MAYBE, _EQUAL):
            self._raw(f"drop table {temporary}")
        return matched, updated

    def _keep_equal(self, name: str, key: Sequence[str], compared: Sequence[str]) -> None:
        """Let the old row stay where it equals the new one.

        Comparing whole rows needs both at once, more than memory holds when there are many: so rows whose hashes differ
        are sorted out first, and the rest is compared value by value, a part at a time.
        """
        wide_part = max(1, _VALUES_A_PART // max(1, len(compared)))
        undecided = f"select new_row, old_row from {_PAIRS} where not old_stays"
        if self._number(f"select count(*) from ({undecided})") > wide_part and compared:
            hashed = f"rowid as place, hash({quote_list(compared, self.dialect)}) as hash from {name} where rowid in"
            self._raw(
                f"create or replace temp table {_MAYBE} as with"
                f" new as materialized (select {hashed} (select new_row from ({undecided}))),"
                f" old as materialized (select {hashed} (select old_row from ({undecided})))"
                f" select pairs.new_row, pairs.old_row from ({undecided}) as pairs"
                " inner join new on new.place = pairs.new_row inner join old on old.place = pairs.old_row"
                " where new.hash = old.hash"
            )
        else:
            self._raw(f"create or replace temp table {_MAYBE} as {undecided}")
        same = " and ".join(f"new.{self.quoted(c)} is not distinct from old.{self.quoted(c)}" for c in compared)
        on = " and ".join(f"new.{self.quoted(c)} = old.{self.quoted(c)}" for c in key)
        parts = -(-self._number(f"select count(*) from {_MAYBE}") // wide_part)
        self._raw(f"create or replace temp table {_EQUAL} (new_row bigint)")
        for part in range(parts):
            chosen = f"from {_MAYBE} where new_row % {parts} = {part}"
            self._raw(
                f"insert into {_EQUAL} select new.rowid"
                f" from (select *, rowid from {name} where rowid in (select new_row {chosen})) as new"
                f" inner join (select *, rowid from {name} where rowid in (select old_row {chosen})) as old"
                f" on {on} where {same or 'true'}"
            )
        self._raw(f"update {_PAIRS} set old_stays = true where new_row in (select new_row from {_EQUAL})")

    def _new_beside_old(self, table: TableName, key: Sequence[str], mark: int) -> str:
        """A join of the rows after ``mark`` (``new``) with those up to it (``old``) on ``key``."""
        name = self.relation(table)
        on = " and ".join(f"new.{self.quoted(c)} = old.{self.quoted(c)}" for c in key)
        return (
            f"(select *, rowid from {name} where rowid > {mark}) as new"
            f" inner join (select *, rowid from {name} where rowid <= {mark}) as old on {on}"
        )

    @contextmanager
    def _atomic(self) -> Iterator[None]:
        """The caller's transaction, or one of its own: a load is several statements."""
        if self._in_transaction:
            yield
            return
        with self.transaction():
            yield

    @property
    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise WarehouseError("The warehouse connection is closed already: open a new one.")
        return self._connection

    def _run(self, sql: str, params: Sequence[object] = ()) -> None:
        """A statement of a caller: inside a transaction only rows may be read and written."""
        if self._in_transaction:
            refuse_outside_rows(sql)
        self._raw(sql, params)

    def _arrow(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """A statement that gives rows, handed over as Arrow without a copy."""
        if self._in_transaction:
            refuse_outside_rows(sql)
        if self.on_statement is not None:
            self.on_statement(sql)
        with _interruptible():
            table: pa.Table = self._open.sql(sql, params=list(params)).to_arrow_table()
            return table

    def _raw(self, sql: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """A statement with a small result, read to its end: an unread one blocks the connection."""
        if self.on_statement is not None:
            self.on_statement(sql)
        with _interruptible():
            return self._open.execute(sql, list(params)).fetchall()

    def _row(self, sql: str) -> tuple[int, ...]:
        """The one row of an aggregate, or the number of rows a statement wrote."""
        return tuple(int(value) for value in self._raw(sql)[0])

    def _number(self, sql: str) -> int:
        return self._row(sql)[0]

    @contextmanager
    def _explained(self, sql: str) -> Iterator[None]:
        """DuckDB's errors as WarehouseError, with file, line and column when a staged page is at fault."""
        try:
            yield
        except duckdb.Error as error:
            for view, pages in self._pages.items():
                if view in sql:
                    raise explain(error, pages) from error
            raise WarehouseError(f"DuckDB refused a statement: {_first_line(error)}") from error


def missing_columns(table: TableName, stored: Mapping[str, pa.DataType], wanted: pa.Schema) -> tuple[str, ...]:
    """Wanted columns that are not stored. Raises WarehouseError when a stored type cannot hold the wanted one."""
    by_name = {folded(name): type_ for name, type_ in stored.items()}
    missing: list[str] = []
    for field in wanted:
        type_ = by_name.get(folded(field.name))
        if type_ is None:
            missing.append(field.name)
        elif not holds(type_, field.type):
            raise WarehouseError(
                f"Column {table}.{field.name} is stored as {type_} and now comes as {field.type}:"
                " rename or drop the stored column, then load the object in full."
            )
    return tuple(missing)


def refreshing(warehouse: Warehouse, relation: str, staged: Staged, key: Sequence[str], same: Sequence[str]) -> str:
    """The UPDATE of ``Warehouse.refresh``, in words that every dialect has."""
    values = [c for c in staged.schema.names if c not in key and c not in same]
    q = warehouse.quoted
    compared = [c for c in values if c not in staged.constants]
    differs = " or ".join(f"t.{q(c)} is distinct from s.{q(c)}" for c in compared) or "false"
    on = [f"t.{q(c)} = s.{q(c)}" for c in key] + [f"t.{q(c)} is not distinct from s.{q(c)}" for c in same]
    return (
        f"update {relation} as t set {', '.join(f'{q(c)} = s.{q(c)}' for c in values)}"
        f" from {staged.sql} as s where {' and '.join(on)} and ({differs})"
    )


def extra_columns(
    schema: pa.Schema, constants: Mapping[str, object], derived: Mapping[str, str | bool], dialect: str
) -> tuple[str, pa.Schema]:
    """SQL (with its leading comma) and schema of the columns a batch gets beside its own."""
    parts: list[str] = []
    types: dict[str, pa.DataType] = {}
    for name, origin in derived.items():
        if isinstance(origin, bool):
            sql, types[name] = literal(origin, name)
        else:
            index = schema.get_field_index(origin)
            if index < 0:
                raise WarehouseError(f"Column {name!r} is to copy {origin!r}, which the batch does not have.")
            types[name] = schema.field(index).type
            sql = quote(origin, dialect)
            if types[name] == pa.bool_():
                sql = f"coalesce({sql}, false)"
        parts.append(f", {sql} as {quote(name, dialect)}")
    for name, value in constants.items():
        sql, types[name] = literal(value, name)
        parts.append(f", {sql} as {quote(name, dialect)}")
    complete = with_extra_columns(schema, types)
    refuse_collisions(complete.names, "The batch")
    return "".join(parts), complete


def _is_older(newest_by: Sequence[str]) -> str:
    """SQL: the new row comes before the old one by ``newest_by``, null being the oldest of all."""
    condition = "false"
    for name in reversed(newest_by):
        new, old = f"new.{quote(name, 'duckdb')}", f"old.{quote(name, 'duckdb')}"
        before = f"({new} is null and {old} is not null) or coalesce({new} < {old}, false)"
        condition = f"{before} or ({new} is not distinct from {old} and ({condition}))"
    return condition


def _parquet_relation(data: ParquetFiles) -> str:
    columns = []
    for field in data.schema:
        name = quote(field.name, "duckdb")
        type_ = sql_type(field.type, "duckdb", f"Column {field.name!r}")
        columns.append(f"cast({name if data.paths else 'null'} as {type_}) as {name}")
    if not data.paths:
        return f"select {', '.join(columns)} where false"
    files = ", ".join(sql_string(str(path)) for path in data.paths)
    return f"select {', '.join(columns)} from read_parquet([{files}], union_by_name = true)"


def _open_when_free(
    path: Path, read_only: bool, on_wait: Callable[[str], None] | None, timeout: float
) -> duckdb.DuckDBPyConnection:
    if read_only and not path.exists():
        raise WarehouseError(f"{path} does not exist yet: extract something or build first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    said: float | None = None
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only)
        except duckdb.IOException as error:
            if (held := _HELD.search(str(error))) is None:
                raise WarehouseError(f"{path} cannot be opened: {_first_line(error)}") from None
        except duckdb.Error as error:
            raise WarehouseError(f"{path} cannot be opened: {_first_line(error)}") from None
        who = f"{held[1]} (pid {held[2]})"
        waited = time.monotonic() - started
        if waited >= timeout:
            raise WarehouseHeld(f"{path} is still open in {who} after {waited:.0f} s: close it there and try again.")
        if on_wait is not None and (said is None or waited - said >= REPEAT_SECONDS):
            on_wait(f"Waiting for {path.name}: open in {who}.")
            said = waited
        time.sleep(_POLL_SECONDS)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C during a statement is an error of DuckDB's own; here it is what it is everywhere."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        raise


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
