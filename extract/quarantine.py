"""The book of rows that are kept out: what could not be landed, and what landed and breaks an expectation.

A row that cannot be landed (a value that is none of its type, no key) is in the book and not in its table. A row that
breaks an expectation is in both: in its table it is marked deleted, ``_deleted_how`` *quarantined*, until it lands
anew with values that hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from extract import books, deletions
from extract.source import Rejected
from warehouse.base import Staged, TableName, Warehouse

# Rules that begin so are judged after landing.
EXPECTATION = "expect:"


@dataclass(frozen=True)
class Quarantined:
    """One row as ``ops.quarantine`` has it; times naive UTC."""

    quarantine_id: str
    source: str
    object: str
    record_key: str | None
    rule: str
    rule_version: str
    reason: str
    position: str
    payload: str
    run_id: str
    quarantined_at: datetime
    status: str
    settled_at: datetime | None


class Broken(NamedTuple):
    """An expectation that rows of a batch break: its name and version, what it says, and the rows' keys."""

    rule: str
    version: str
    reason: str
    keys: pa.Table


def listed(
    warehouse: Warehouse,
    *,
    source: str | None = None,
    name: str | None = None,
    rule: str | None = None,
    status: str | None = "open",
) -> list[Quarantined]:
    """Rows in quarantine, the oldest first; None asks for every value."""
    if warehouse.columns(books.QUARANTINE) is None:
        return []
    wanted = {"source": source, "object": name, "rule": rule, "status": status}
    conditions = [f"{column} = ?" for column, value in wanted.items() if value is not None]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    columns = ", ".join(warehouse.quoted(column) for column in Quarantined.__dataclass_fields__)
    found = warehouse.query(
        f"select {columns} from {warehouse.relation(books.QUARANTINE)}{where} order by quarantined_at, quarantine_id",
        [value for value in wanted.values() if value is not None],
    )
    return [Quarantined(*row) for row in zip(*(column.to_pylist() for column in found.columns), strict=True)]


def dismiss(warehouse: Warehouse, quarantine_id: str, why: str, now: datetime) -> None:
    """Set a row aside for good, with the reason; its payload stays."""
    with warehouse.transaction():
        warehouse.execute(
            f"update {warehouse.relation(books.QUARANTINE)} set status = 'dismissed', settled_at = ?,"
            " reason = concat(reason, ' Dismissed: ', ?) where quarantine_id = ? and status = 'open'",
            [now, why, quarantine_id],
        )


def table_of(source: str, name: str, rows: Sequence[Rejected], version: str, run_id: str, now: datetime) -> pa.Table:
    """Rejected rows as the book keeps them; the same row, rejected again by the same rule, has the same id."""
    found = []
    for row in rows:
        known = f"{source}|{name}|{row.rule}|{row.position}|{row.payload}"
        found.append(
            {
                "quarantine_id": hashlib.sha256(known.encode()).hexdigest()[:16],
                "source": source,
                "object": name,
                "record_key": row.key,
                "rule": row.rule,
                "rule_version": version,
                "reason": row.reason,
                "position": row.position,
                "payload": row.payload,
                "run_id": run_id,
                "quarantined_at": now,
                "status": "open",
            }
        )
    return pa.Table.from_pylist(found, schema=books.BOOKS[books.QUARANTINE])


def add(warehouse: Warehouse, rejected: Staged) -> None:
    """Add rows to the book, in a transaction. One that is there already, as bad as it was, is open again."""
    warehouse.append(books.QUARANTINE, rejected, unless_key=["quarantine_id"])
    warehouse.execute(
        f"update {warehouse.relation(books.QUARANTINE)} set status = 'open', settled_at = null"
        f" where status = 'replayed' and quarantine_id in (select quarantine_id from {rejected.sql} as r)"
    )


def settle(
    warehouse: Warehouse,
    table: TableName,
    key: Sequence[str],
    *,
    source: str,
    name: str,
    runs: Sequence[str],
    expectations: bool,
    now: datetime,
) -> None:
    """Rows that were kept out, and have landed with ``runs`` as they should be, leave the quarantine.

    ``expectations`` says which: those that broke one, or those that could not be landed.
    """
    how, marks = warehouse.quoted(deletions.HOW), ", ".join("?" * len(runs))
    warehouse.execute(
        f"update {warehouse.relation(books.QUARANTINE)} as q set status = 'replayed', settled_at = ?"
        f" where source = ? and object = ? and status = 'open' and rule {'' if expectations else 'not '}like ?"
        f" and exists (select 1 from {warehouse.relation(table)} as t where t._run_id in ({marks})"
        f" and coalesce(t.{how}, '') <> ? and {_key_text(warehouse, key)} = q.record_key)",
        [now, source, name, f"{EXPECTATION}%", *runs, deletions.QUARANTINED],
    )


def settle_file(warehouse: Warehouse, *, source: str, name: str, path: str, run_id: str, now: datetime) -> None:
    """Rows of a file that has landed in another version leave the quarantine: what is still bad is added anew."""
    positions = f"{path}, "
    warehouse.execute(
        f"update {warehouse.relation(books.QUARANTINE)} set status = 'replayed', settled_at = ?"
        " where source = ? and object = ? and status = 'open' and run_id <> ?"
        f" and left(position, {len(positions)}) = ?",
        [now, source, name, run_id, positions],
    )


def set_apart(
    warehouse: Warehouse,
    table: TableName,
    key: Sequence[str],
    broken: Sequence[Broken],
    *,
    source: str,
    name: str,
    runs: Sequence[str],
    now: datetime,
) -> int:
    """Put rows that landed with ``runs`` and break an expectation into quarantine; returns how many.

    Rows that broke one before, and hold now, leave it.
    """
    rejected = [row for item in broken for row in _rejected(warehouse, table, key, item, name, runs)]
    keys = pa.concat_tables([item.keys for item in broken]) if broken else None
    book = table_of(source, name, [row for row, _ in rejected], "", runs[-1], now)
    versions = pa.array([version for _, version in rejected], pa.string())
    book = book.set_column(book.column_names.index("rule_version"), "rule_version", versions)
    with ExitStack() as stages:
        staged = stages.enter_context(warehouse.stage(book, constants={}))
        bad = stages.enter_context(warehouse.stage(keys, constants={})) if keys is not None else None
        with warehouse.transaction():
            if bad is not None:
                add(warehouse, staged)
                _mark(warehouse, table, key, bad, runs, now)
            settle(warehouse, table, key, source=source, name=name, runs=runs, expectations=True, now=now)
    return len({row.key for row, _ in rejected})


def _rejected(
    warehouse: Warehouse, table: TableName, key: Sequence[str], item: Broken, name: str, runs: Sequence[str]
) -> list[tuple[Rejected, str]]:
    """The rows of one broken rule, each with the rule's version."""
    stored = [column for column in warehouse.columns(table) or {} if not column.startswith("_")]
    columns = ", ".join(f"t.{warehouse.quoted(column)}" for column in stored)
    with warehouse.stage(item.keys, constants={}) as bad:
        found = warehouse.query(
            f"select {_key_text(warehouse, key)}, {columns} from {warehouse.relation(table)} as t"
            f" where {_among(warehouse, key, bad, runs)} order by 1",
            list(runs),
        )
    keys = found.column(0).to_pylist()
    rows = zip(*(found.column(place + 1).to_pylist() for place in range(len(stored))), strict=True)
    return [
        (
            Rejected(
                json.dumps(dict(zip(stored, row, strict=True)), sort_keys=True, default=str),
                f"{EXPECTATION}{item.rule}",
                f"{name}: {item.reason}.",
                f"{name} {known}",
                str(known),
            ),
            item.version,
        )
        for known, row in zip(keys, rows, strict=True)
    ]


def _mark(
    warehouse: Warehouse, table: TableName, key: Sequence[str], bad: Staged, runs: Sequence[str], now: datetime
) -> None:
    at, how = warehouse.quoted(deletions.AT), warehouse.quoted(deletions.HOW)
    warehouse.execute(
        f"update {warehouse.relation(table)} as t set _is_deleted = true, {at} = ?, {how} = ?"
        f" where {_among(warehouse, key, bad, runs)}",
        [now, deletions.QUARANTINED, *runs],
    )


def _among(warehouse: Warehouse, key: Sequence[str], bad: Staged, runs: Sequence[str]) -> str:
    """SQL: the row landed with ``runs`` (parameters), is there, and its key is one of ``bad``."""
    on = " and ".join(f"t.{warehouse.quoted(column)} = b.{warehouse.quoted(column)}" for column in key)
    return (
        f"t._run_id in ({', '.join('?' * len(runs))}) and not t._is_deleted"
        f" and exists (select 1 from {bad.sql} as b where {on})"
    )


def _key_text(warehouse: Warehouse, key: Sequence[str]) -> str:
    """SQL: the key of ``t`` as the book writes it."""
    texts = [f"cast(t.{warehouse.quoted(column)} as varchar)" for column in key]
    return texts[0] if len(texts) == 1 else f"concat_ws('|', {', '.join(texts)})"
