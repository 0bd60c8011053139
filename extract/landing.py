"""Spooled rows into the warehouse: tables and columns first, then everything in one transaction.

Rows, the window that moves the watermark, the run record, schema changes and files read are committed together or not
at all: a kill at any moment leaves either the state before or the state after. What changes the schema comes before,
since on Snowflake it commits; a column that exists early and is empty harms nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from extract import books
from extract.source import AccessDenied, MalformedAnswer, ObjectInfo, Window
from extract.spool import IS_DELETED, DiskSpool
from warehouse.base import CsvPages, Staged, Warehouse

# A column named so says for each row whether the source has deleted it.
SOURCE_FLAG = "is_deleted"
_META: dict[str, pa.DataType] = {"_extracted_at": pa.timestamp("us"), "_run_id": pa.string(), IS_DELETED: pa.bool_()}
META = pa.schema(_META)


@dataclass(frozen=True)
class Load:
    """One landing: who, when (naive UTC), and what was asked for."""

    source: str
    run_id: str
    window: Window
    started_at: datetime
    full: bool
    version: str


@dataclass(frozen=True)
class Landed:
    """What a landing did, in rows; ``columns_added`` only of tables that existed."""

    read: int
    inserted: int
    updated: int
    deleted: int
    columns_added: tuple[str, ...]


def land(warehouse: Warehouse, info: ObjectInfo, spool: DiskSpool, load: Load, now: datetime) -> Landed:
    """Land one object's spool. Raises WarehouseError or SourceError, having changed no row."""
    books.ensure_books(warehouse)
    existed = warehouse.columns(info.table) is not None
    schema = pa.schema([*info.schema, *META])
    added = warehouse.ensure_table(info.table, schema)
    constants = {"_extracted_at": load.started_at, "_run_id": load.run_id}
    parts = spool.parts()
    with ExitStack() as open_stages:
        staged = []
        for part in parts:
            if IS_DELETED in part.schema.names:
                derived: dict[str, str | bool] = {}
            else:
                derived = {IS_DELETED: SOURCE_FLAG if SOURCE_FLAG in part.schema.names else False}
            staged.append(open_stages.enter_context(warehouse.stage(part, constants=constants, derived=derived)))
        gone = [open_stages.enter_context(warehouse.stage(keys, constants={})) for keys in spool.gone_keys()]
        scopes = [*spool.scopes, *([{}] if info.snapshot or (load.full and not info.append_only) else [])]
        with warehouse.transaction():
            read = inserted = updated = 0
            for part, batch in zip(parts, staged, strict=True):
                order = [column for column in info.newest_by if column in batch.schema.names]
                if info.append_only:
                    counts = warehouse.append(info.table, batch, unless_key=info.key, first_by=order)
                else:
                    counts = warehouse.merge(info.table, batch, key=info.key, newest_by=order)
                if isinstance(part, CsvPages) and spool.expected_csv_rows not in (None, counts.read):
                    raise MalformedAnswer(
                        f"The source announced {spool.expected_csv_rows} rows of {load.source} {info.name} and sent "
                        f"{counts.read}; nothing was landed, try again."
                    )
                read, inserted, updated = read + counts.read, inserted + counts.inserted, updated + counts.updated
            if {} in scopes and read == 0:
                _refuse_emptying(warehouse, info, load)
            deleted = sum(_mark_gone(warehouse, info, keys, load) for keys in gone)
            deleted += sum(_mark_absent(warehouse, info, staged, scope, load) for scope in scopes)
            landed = Landed(read, inserted, updated, deleted, tuple(added) if existed else ())
            _write_books(warehouse, info, spool, load, landed, added, existed, now)
    return landed


def _refuse_emptying(warehouse: Warehouse, info: ObjectInfo, load: Load) -> None:
    """Without a single row, a lost permission is likelier than an empty system: never mark a whole table deleted."""
    relation = warehouse.relation(info.table)
    live = warehouse.query(f"select count(*) from {relation} where not _is_deleted").column(0)[0].as_py()
    if live:
        raise AccessDenied(
            f"{load.source} shows no {info.name} at all, though {live} are known: nothing was marked deleted; "
            "check what the user or token may read."
        )


def _mark_gone(warehouse: Warehouse, info: ObjectInfo, keys: Staged, load: Load) -> int:
    """Mark stored rows whose key the source says no longer exists."""
    on = " and ".join(f"t.{warehouse.quoted(c)} = g.{warehouse.quoted(c)}" for c in keys.schema.names)
    return _mark(warehouse, info, f"exists (select 1 from {keys.sql} as g where {on})", [], load)


def _mark_absent(
    warehouse: Warehouse, info: ObjectInfo, staged: Sequence[Staged], scope: Mapping[str, str], load: Load
) -> int:
    """Mark stored rows within ``scope`` that the batch, being all there is, does not have."""
    conditions = [f"t.{warehouse.quoted(column)} = ?" for column in scope]
    on = " and ".join(f"t.{warehouse.quoted(c)} = g.{warehouse.quoted(c)}" for c in info.key)
    conditions += [f"not exists (select 1 from {batch.sql} as g where {on})" for batch in staged]
    return _mark(warehouse, info, " and ".join(conditions) or "true", list(scope.values()), load)


def _mark(warehouse: Warehouse, info: ObjectInfo, condition: str, params: Sequence[object], load: Load) -> int:
    relation = warehouse.relation(info.table)
    where = f"where not t._is_deleted and {condition}"
    marked = int(warehouse.query(f"select count(*) from {relation} as t {where}", params).column(0)[0].as_py())
    if marked:
        warehouse.execute(
            f"update {relation} as t set _is_deleted = true, _extracted_at = ?, _run_id = ? {where}",
            [load.started_at, load.run_id, *params],
        )
    return marked


def _write_books(
    warehouse: Warehouse,
    info: ObjectInfo,
    spool: DiskSpool,
    load: Load,
    landed: Landed,
    added: Sequence[str],
    existed: bool,
    now: datetime,
) -> None:
    rows_landed = landed.inserted + landed.updated + landed.deleted
    who = {"source": load.source, "object": info.name}
    books.insert(
        warehouse,
        books.WINDOWS,
        {
            **who,
            "window_start": load.window.start,
            "window_end": load.window.end,
            "rows_read": landed.read,
            "rows_landed": rows_landed,
            "run_id": load.run_id,
            "landed_at": now,
        },
    )
    types = {field.name: str(field.type) for field in [*info.schema, *META]}
    changes: list[tuple[str | None, str]]
    changes = [(name, "column_added") for name in added] if existed else [(None, "table_created")]
    for column, change in changes:
        books.insert(
            warehouse,
            books.SCHEMA_CHANGES,
            {
                **who,
                "column_name": column,
                "change": change,
                "new_type": types.get(column or ""),
                "run_id": load.run_id,
                "noticed_at": now,
            },
        )
    for file in spool.files:
        books.insert(
            warehouse,
            books.LANDED_FILES,
            {
                **who,
                "path": file.path,
                "size_bytes": file.size_bytes,
                "modified_at": file.modified_at,
                "content_hash": file.content_hash,
                "rows": file.rows,
                "run_id": load.run_id,
                "landed_at": now,
            },
        )
    books.insert(
        warehouse,
        books.RUNS,
        {
            "run_id": load.run_id,
            **who,
            "table_schema": info.table.schema,
            "table_name": info.table.name,
            "started_at": load.started_at,
            "finished_at": now,
            "status": "succeeded",
            "rows_read": landed.read,
            "rows_landed": rows_landed,
            "rows_inserted": landed.inserted,
            "rows_updated": landed.updated,
            "rows_deleted": landed.deleted,
            "braid_version": load.version,
        },
    )
