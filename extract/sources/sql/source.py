"""Any SQL database as a source: the tables of a file of connections, read by watermark and key.

Source  the connections of ``BRAID_SQL`` (default ``sql.yml``), each a SQLAlchemy URL
Grain   one row per key of the table (default: its primary key); mapped tables: per key of the input contract
Cursor  the table's watermark column, half open; without one the whole table each time, and what is gone is marked.
        The end is the server's own clock; the watermark stays a lag behind it, since a transaction shows rows only
        when it ends. Deletes below the watermark: a sweep
Units   times naive UTC, those without a zone are taken for UTC; numbers to the digit; bytes are left out
Errors  ConfigurationError (file, driver, table, column, key), AccessDenied, Unreachable; MalformedAnswer for a null
        watermark. A value that does not fit its column's type, and a null in the key, set their row aside
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from contracts import input_contracts
from extract.source import ConfigurationError, ObjectInfo, ReadContext, Rejected, Source, SourceError, Window
from extract.sources.input_mapping import ARROW_TYPES
from extract.sources.sql import config, presets
from extract.sources.sql.config import ConnectionSpec, TableSpec
from extract.sources.sql.database import Database
from extract.sources.sql.mapping import WATERMARK, as_contract
from extract.sources.sql.reading import Part
from extract.sources.sql.tables import MOMENT, Described, Field, describe, fields_by_name
from warehouse.base import TableName

log = logging.getLogger(__name__)

SETTING = "BRAID_SQL"
DEFAULT = "sql.yml"
# A day's rows may come until it ends, in whatever zone.
A_DAY = timedelta(days=1, hours=14)


class Sql(Source):
    """The connections of one file. As a class it has what any file may hold; an instance has what its file names."""

    name = "sql"
    objects = ("people", "orders", *presets.objects())
    counted = presets.objects()

    def __init__(self, connections: tuple[ConnectionSpec, ...]) -> None:
        """Nothing is contacted yet."""
        self.objects = tuple(config.objects_of(connections))
        self.counted = tuple(config.objects_of(connections, stamped=True))
        self._databases = {spec.name: Database(spec) for spec in connections}
        self._mapped: dict[str, list[tuple[Database, TableSpec]]] = {}
        self._tables: dict[str, tuple[Database, TableSpec]] = {}
        for database in self._databases.values():
            for table in database.spec.tables:
                if table.contract:
                    self._mapped.setdefault(table.contract.name, []).append((database, table))
                else:
                    self._tables[f"{database.spec.name}.{table.alias}"] = (database, table)
        self._described: dict[TableSpec, Described] = {}
        # Databases that could not be reached when the run began: not waited for again at each of their tables.
        self._dead: dict[str, SourceError] = {}

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Sql:
        """Read and check the file of connections."""
        return cls(config.load(_file(env), env))

    @classmethod
    def declared(cls, env: Mapping[str, str]) -> tuple[str, ...]:
        """What any file may hold, and the tables that this one names."""
        return tuple(dict.fromkeys((*cls.objects, *config.objects_of(config.declared(_file(env))))))

    @classmethod
    def declared_counted(cls, env: Mapping[str, str]) -> tuple[str, ...]:
        """Tables with a watermark: of presets, and those that this file names."""
        named = config.objects_of(config.declared(_file(env)), stamped=True)
        return tuple(dict.fromkeys((*cls.counted, *named)))

    def connect(self) -> None:
        """Reach every database; one that cannot be reached fails its own tables, unless none can."""
        self._dead = {name: failure for name, database in self._databases.items() if (failure := _failure(database))}
        if self._dead and len(self._dead) == len(self._databases):
            raise next(iter(self._dead.values()))
        for failure in self._dead.values():
            log.warning("%s", failure)

    def now(self) -> datetime:
        """The slowest of the servers' clocks: a window ends where each of them has been."""
        return min(database.clock() for name, database in self._databases.items() if name not in self._dead)

    def describe(self, name: str) -> ObjectInfo:
        """The table by reflection; of a contract, its columns and when the row changed."""
        if name in self._mapped:
            return self._contract_info(name)
        database, spec = self._tables[name]
        described = self._describe(database, spec)
        schema = pa.schema([pa.field(field.landed, field.type) for field in described.fields])
        watermark = described.watermark.landed if described.watermark else None
        return ObjectInfo(
            name=name,
            table=TableName(f"raw_{database.spec.name}", spec.alias),
            key=tuple(field.landed for field in described.key),
            schema=schema,
            fields={field.landed: field.name for field in described.fields},
            cursor=watermark,
            newest_by=(watermark,) if watermark else (),
            overlap=_lag(described, spec) if watermark else timedelta(0),
            lag=_lag(described, spec) if watermark else timedelta(0),
            snapshot=watermark is None,
            # The table counts its rows, those it flags itself among them.
            counts_deleted=True,
        )

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        """``count(*)`` of the window; None without a watermark."""
        if info.cursor is None:
            return None
        return sum(
            part.count()
            for part in self._parts(info, window, lambda rows: None)
            if part.described.watermark is not None
        )

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Spool the window, or the whole table."""
        if info.name in self._mapped:
            self._read_mapped(info, context)
            return
        (part,) = self._parts(info, context.window, context.spool.reject)
        columns = {source: column for column, source in info.fields.items()}
        for table in part.tables():
            if table.num_rows:
                context.spool.rows(table.rename_columns([columns[name] for name in table.column_names]))
            context.progress(table.num_rows)

    def close(self) -> None:
        """Release connections."""
        for database in self._databases.values():
            database.close()

    def _describe(self, database: Database, spec: TableSpec, *, again: bool = True) -> Described:
        if dead := self._dead.get(database.spec.name):
            raise dead
        if again or spec not in self._described:
            self._described[spec] = described = describe(database, spec)
            if described.left_out:
                log.warning("%s, table %s: %s is left out, since it holds bytes.", database, spec,
                            ", ".join(described.left_out))  # fmt: skip
        return self._described[spec]

    def _contract_info(self, name: str) -> ObjectInfo:
        contract = input_contracts.load(name)
        sources = [(self._describe(database, spec), spec) for database, spec in self._mapped[name]]
        stamped = [_lag(described, spec) for described, spec in sources if described.watermark]
        types = {column: ARROW_TYPES[kind] for column, kind in contract.columns.items()} | {WATERMARK: MOMENT}
        lag = max(stamped, default=timedelta(0))
        return ObjectInfo(
            name=name,
            table=TableName(f"raw_{self.name}", name),
            key=contract.key,
            schema=pa.schema(types),
            fields={column: column for column in types},
            cursor=WATERMARK if stamped else None,
            newest_by=(WATERMARK,) if stamped else (),
            overlap=lag,
            lag=lag,
            snapshot=not stamped,
        )

    def _read_mapped(self, info: ObjectInfo, context: ReadContext) -> None:
        for database, spec in self._mapped[info.name]:
            described = self._describe(database, spec, again=False)
            before = context.landed_files.get(spec.dataset)
            # What is mapped for the first time, or otherwise than before, has a history that no window shows.
            new = before is None or before.content_hash != spec.digest
            window = Window(None, context.window.end) if new else context.window
            part = _part(database, spec, described, _needed(info, spec, described), window, context.spool.reject)
            rows = 0
            for table in part.tables():
                context.progress(table.num_rows)
                if table.num_rows:
                    context.spool.rows(as_contract(table, info, spec, described, window, context.spool.reject, rows))
                rows += table.num_rows
            if described.watermark is None and rows:
                # Without a row a lost permission is likelier than an empty table: nothing is marked then.
                context.spool.whole({"dataset": spec.dataset})
            if new:
                context.spool.file_done(
                    spec.dataset, size_bytes=0, modified_at=None, content_hash=spec.digest, rows=rows
                )

    def _parts(self, info: ObjectInfo, window: Window, reject: Callable[[Sequence[Rejected]], None]) -> Iterator[Part]:
        """What is read, or counted, of each table behind an object."""
        for database, spec in self._mapped.get(info.name) or [self._tables[info.name]]:
            described = self._describe(database, spec, again=False)
            by_name = fields_by_name(described)
            if info.name in self._mapped:
                fields = list(described.fields)
            else:
                # A column dropped since it was described is the database's to refuse.
                fields = [replace(by_name[source], type=info.schema.field(column).type)
                          for column, source in info.fields.items() if source in by_name]  # fmt: skip
            yield _part(database, spec, described, fields, window, reject)


def _file(env: Mapping[str, str]) -> Path:
    return Path(env.get(SETTING, "").strip() or DEFAULT)


def _part(
    database: Database,
    spec: TableSpec,
    described: Described,
    fields: Sequence[Field],
    window: Window,
    reject: Callable[[Sequence[Rejected]], None],
) -> Part:
    return Part(database, described, fields, window, f"{database}, table {spec}", reject)


def _needed(info: ObjectInfo, spec: TableSpec, described: Described) -> list[Field]:
    """Fields of the table that the wanted columns of the contract are made of: all of them where SQL decides."""
    wanted = [column for name, column in spec.mapping.items() if name in info.schema.names]
    if any(column.sql for column in wanted):
        return list(described.fields)
    first = {field.name for field in (*described.key, *([described.watermark] if described.watermark else []))}
    names = first | {column.field for column in wanted if column.field}
    unknown = sorted(name for name in names if name not in fields_by_name(described))
    if unknown:
        raise ConfigurationError(
            f"Data set {spec.dataset!r}: table {spec} has no column {unknown[0]!r} that can be landed; there are "
            f"{', '.join(fields_by_name(described))}."
        )
    return [field for field in described.fields if field.name in names]


def _lag(described: Described, spec: TableSpec) -> timedelta:
    return max(spec.lag, A_DAY) if described.by_day else spec.lag


def _failure(database: Database) -> SourceError | None:
    try:
        database.reach()
    except SourceError as error:
        return error
    return None
