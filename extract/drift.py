"""Columns that come, go and change their type, between a source that drifts and a table that keeps what it has.

A column is noted in ``ops.schema_changes`` before it exists, as waiting for its old rows' values: so that a crash
anywhere leaves either no trace or a note to go on from. A type that the stored column cannot hold gets a column of its
own, ``<column>__<type>``; the stored one keeps what it has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from extract import books
from extract.source import ObjectInfo
from warehouse.base import Warehouse
from warehouse.types import holds

ADDED, REMOVED, RETYPED = "column_added", "column_removed", "type_changed"
_NAMES: tuple[tuple[pa.DataType, str], ...] = (
    (pa.string(), "text"),
    (pa.int64(), "integer"),
    (pa.float64(), "number"),
    (pa.bool_(), "boolean"),
    (pa.date32(), "date"),
    (pa.time64("us"), "time"),
    (pa.timestamp("us"), "timestamp"),
)


# No column is called so: what the settings ask of an object beside its columns.
_ASKED = "*"


@dataclass(frozen=True)
class Noticed:
    """A change as the books have it; ``noticed_at`` is naive UTC. A table that was made is no change of its source."""

    source: str
    object: str
    column: str
    change: str
    old_type: str | None
    new_type: str | None
    run_id: str
    noticed_at: datetime


@dataclass(frozen=True)
class Change:
    """One difference between the source's columns and the table's."""

    column: str
    change: str
    old_type: str | None = None
    new_type: str | None = None


def variant(name: str, kind: pa.DataType) -> str:
    """The column beside ``name`` for values of another type: ``amount__text``, ``amount__decimal_20_4``."""
    if pa.types.is_decimal(kind):
        return f"{name}__decimal_{kind.precision}_{kind.scale}"
    return f"{name}__{next(word for known, word in _NAMES if known == kind)}"


def described(info: ObjectInfo) -> str:
    """The object's columns and types as one line of JSON, for the run record, with what is asked of it beside them."""
    columns: dict[str, object] = {field.name: str(field.type) for field in info.schema}
    return json.dumps(columns | ({_ASKED: sorted(info.asked)} if info.asked else {}), sort_keys=True)


def asks_more(info: ObjectInfo, before: str | None) -> bool:
    """Whether the settings ask for something that the last run, of which ``before`` was ``described``, did not read."""
    return before is not None and bool(info.asked - set(json.loads(before).get(_ASKED, ())))


def fitted(
    info: ObjectInfo, stored: Mapping[str, pa.DataType] | None, before: str | None
) -> tuple[ObjectInfo, list[Change]]:
    """The object with variant columns where a stored type does not hold its own, and what changed at the source.

    ``before`` is what ``described`` said at the last run, None at the first. Keys and the cursor never change their
    type quietly: landing refuses them.
    """
    fields, sources, changes = [], {}, []
    for field in info.schema:
        kind = (stored or {}).get(field.name)
        fixed = field.name in (*info.key, info.cursor)
        name = field.name if kind is None or fixed or holds(kind, field.type) else variant(field.name, field.type)
        if name != field.name and name not in (stored or {}):
            changes.append(Change(name, ADDED, None, str(field.type)))
        fields.append(field.with_name(name))
        sources[name] = info.fields[field.name]
    if before is not None:
        known = {name: kind for name, kind in json.loads(before).items() if name != _ASKED}
        changes = _differences(known, info) + changes
    moved = {info.fields[column] for column in info.unstamped}
    unstamped = frozenset(name for name, source in sources.items() if source in moved)
    return replace(info, schema=pa.schema(fields), fields=sources, unstamped=unstamped), changes


def _differences(before: Mapping[str, str], info: ObjectInfo) -> list[Change]:
    now = {field.name: str(field.type) for field in info.schema}
    changes = [Change(name, ADDED, None, kind) for name, kind in now.items() if name not in before]
    changes += [Change(name, REMOVED, kind, None) for name, kind in before.items() if name not in now]
    changes += [
        Change(name, RETYPED, before[name], kind) for name, kind in now.items() if before.get(name, kind) != kind
    ]
    return changes


def note(
    warehouse: Warehouse, source: str, info: ObjectInfo, changes: Sequence[Change], run_id: str, now: datetime
) -> list[Change]:
    """Write what is new in ``ops.schema_changes``, and return it; what was noted before and still holds is not."""
    latest = _latest(warehouse, source, info.name)
    fresh = [
        change for change in changes if latest.get(change.column, (None, None)) != (change.change, change.new_type)
    ]
    if not fresh:
        return []
    books.ensure_books(warehouse)
    with warehouse.transaction():
        for change in fresh:
            books.insert(
                warehouse,
                books.SCHEMA_CHANGES,
                {
                    "source": source,
                    "object": info.name,
                    "column_name": change.column,
                    "change": change.change,
                    "old_type": change.old_type,
                    "new_type": change.new_type,
                    "run_id": run_id,
                    "noticed_at": now,
                    "backfilled_at": None if change.change == ADDED else now,
                },
            )
    return fresh


def waiting(warehouse: Warehouse, source: str, name: str) -> list[str]:
    """Columns whose old rows still lack the source's values."""
    if "backfilled_at" not in (warehouse.columns(books.SCHEMA_CHANGES) or {}):
        return []
    found = warehouse.query(
        f"select distinct column_name from {warehouse.relation(books.SCHEMA_CHANGES)}"
        " where source = ? and object = ? and backfilled_at is null order by 1",
        [source, name],
    )
    return [str(value) for value in found.column(0).to_pylist()]


def to_fill(info: ObjectInfo, differing: Sequence[Change], waiting: Sequence[str]) -> tuple[str, ...]:
    """Columns, new ones of ``differing`` among them, that old rows are given in a read of their own."""
    if info.snapshot or info.append_only:
        return ()
    wanted = {*waiting, *(change.column for change in differing if change.change == ADDED)}
    return tuple(name for name in info.schema.names if name in wanted)


def noticed(warehouse: Warehouse, since: datetime) -> list[Noticed]:
    """Changes that were noticed from ``since`` on, oldest first; none when the books were never opened."""
    if warehouse.columns(books.SCHEMA_CHANGES) is None:
        return []
    found = warehouse.query(
        "select source, object, column_name, change, old_type, new_type, run_id, noticed_at"
        f" from {warehouse.relation(books.SCHEMA_CHANGES)} where column_name is not null and noticed_at >= ?"
        " order by noticed_at, source, object, run_id, column_name, change",
        [since],
    )
    return [Noticed(*row) for row in zip(*(column.to_pylist() for column in found.columns), strict=True)]


def settle(warehouse: Warehouse, source: str, name: str, columns: Sequence[str], now: datetime) -> None:
    """Note that old rows have their values. Inside the transaction that gave them."""
    for column in columns:
        warehouse.execute(
            f"update {warehouse.relation(books.SCHEMA_CHANGES)} set backfilled_at = ?"
            " where source = ? and object = ? and column_name = ? and backfilled_at is null",
            [now, source, name, column],
        )


def _latest(warehouse: Warehouse, source: str, name: str) -> dict[str, tuple[str, str | None]]:
    """The last change noted for each column, and the type it led to."""
    if warehouse.columns(books.SCHEMA_CHANGES) is None:
        return {}
    found = warehouse.query(
        f"select column_name, change, new_type from {warehouse.relation(books.SCHEMA_CHANGES)}"
        " where source = ? and object = ? and column_name is not null order by noticed_at, column_name, change",
        [source, name],
    )
    rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
    return {column: (change, kind) for column, change, kind in rows}
