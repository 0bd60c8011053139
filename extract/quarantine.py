"""The book of rows that are kept out: what could not be landed, and what landed and breaks an expectation.

A row that cannot be landed (a value that is none of its type, no key) is in the book and not in its table, or there
only as the version before. A row that breaks an expectation is in both: in its table it has ``_quarantined_at``, and
staging leaves it out, until it lands anew with values that hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from extract import books, deletions
from extract.source import ObjectInfo, Rejected, Window
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


def table_of(
    source: str, name: str, rows: Sequence[Rejected], version: str | Mapping[str, str], run_id: str, now: datetime
) -> pa.Table:
    """Rejected rows as the book keeps them: a record that breaks the same rule again has the same id.

    ``version`` is that of all rules, or of each by its name.
    """
    found = {}
    for row in rows:
        quarantine_id = hashlib.sha256(f"{source}|{name}|{row.rule}|{_record(row)}".encode()).hexdigest()[:16]
        found[quarantine_id] = {
            "quarantine_id": quarantine_id,
            "source": source,
            "object": name,
            "record_key": row.key,
            "record_cursor": row.cursor,
            "is_deleted": row.is_deleted,
            "rule": row.rule,
            "rule_version": version if isinstance(version, str) else version[row.rule],
            "reason": row.reason,
            "position": row.position,
            "payload": row.payload,
            "run_id": run_id,
            "quarantined_at": now,
            "status": "open",
        }
    schema = books.BOOKS[books.QUARANTINE]
    # Making an array of Python values has pyarrow load pandas, a seventh of a second: not for nothing.
    return pa.Table.from_pylist(list(found.values()), schema=schema) if found else pa.Table.from_batches([], schema)


def add(warehouse: Warehouse, rejected: Staged) -> None:
    """Add rows to the book, in a transaction. One that is there already is open again, as it came now.

    What somebody dismissed stays dismissed.
    """
    book = warehouse.relation(books.QUARANTINE)
    taken = ("record_cursor", "is_deleted", "rule_version", "reason", "position", "payload", "run_id")
    warehouse.execute(
        f"update {book} as q set status = 'open', settled_at = null, "
        + ", ".join(f"{column} = r.{column}" for column in taken)
        + f" from {rejected.sql} as r where r.quarantine_id = q.quarantine_id and q.status <> 'dismissed'"
    )
    warehouse.append(books.QUARANTINE, rejected, unless_key=["quarantine_id"])


def counted(info: ObjectInfo, rows: Sequence[Rejected], window: Window) -> int:
    """How many of the records just rejected the source's count of ``window`` has."""
    found = {
        _record(row)
        for row in rows
        if (info.counts_deleted or not row.is_deleted)
        and (row.cursor is None or ((window.start is None or window.start <= row.cursor) and row.cursor < window.end))
    }
    return len(found)


def kept_out(
    warehouse: Warehouse, info: ObjectInfo, source: str, window: Window
) -> tuple[int, tuple[str, list[object]] | None]:
    """How many records that could not be landed the source's count of ``window`` has.

    And SQL with parameters that is true for a stored row ``t`` that is only the version before one of them, None when
    there is none: such a row is counted by its newer version. A record whose cursor cannot be read is in the window of
    everything alone. Dismissed ones are there at the source as well.
    """
    book = warehouse.relation(books.QUARANTINE)
    mine = f"q.source = ? and q.object = ? and q.status in ('open', 'dismissed') and q.rule not like '{EXPECTATION}%'"
    params: list[object] = [source, info.name]
    if not _known(warehouse, f"select count(*) from {book} as q where {mine}", params):
        return 0, None
    inside, bounds = "latest < ?", [window.end]
    if window.start is not None:
        inside, bounds = f"{inside} and latest >= ?", [window.end, window.start]
    else:
        inside = f"({inside} or latest is null)"
    flagged = "" if info.counts_deleted else " and not is_deleted"
    count = _known(
        warehouse,
        "select count(*) from (select coalesce(q.record_key, q.quarantine_id) as record,"
        " max(q.record_cursor) as latest, max(case when q.is_deleted then 1 else 0 end) = 1 as is_deleted"
        f" from {book} as q where {mine} group by coalesce(q.record_key, q.quarantine_id)) as records"
        f" where {inside}{flagged}",
        [*params, *bounds],
    )
    text = deletions.key_text(warehouse, info.key)
    return count, (f"exists (select 1 from {book} as q where {mine} and q.record_key = {text})", params)


def settle(
    warehouse: Warehouse,
    info: ObjectInfo,
    source: str,
    batches: Sequence[Staged],
    *,
    rejected: Staged | None,
    now: datetime,
) -> None:
    """Records that could not be landed, and have come in ``batches`` as they should be, leave the quarantine.

    ``rejected``, when batches and it are all there is: who is in neither is no longer at the source. In the landing's
    transaction, after ``settle_file`` and before ``add``.
    """
    book = warehouse.relation(books.QUARANTINE)
    mine = f"source = ? and object = ? and status in ('open', 'dismissed') and rule not like '{EXPECTATION}%'"
    params: list[object] = [source, info.name]
    if not _known(warehouse, f"select count(*) from {book} where {mine}", params):
        return
    for batch in batches:
        if set(info.key) <= set(batch.schema.names):
            text = deletions.key_text(warehouse, info.key, "b")
            came = f"exists (select 1 from {batch.sql} as b where {text} = q.record_key)"
            warehouse.execute(
                f"update {book} as q set status = 'replayed', settled_at = ? where {mine} and {came}", [now, *params]
            )
    if rejected is not None:
        again = f"exists (select 1 from {rejected.sql} as r where r.quarantine_id = q.quarantine_id)"
        # Of another rule: there, and this one it breaks no longer.
        there = f"exists (select 1 from {rejected.sql} as r where r.record_key = q.record_key)"
        for status, condition in (("replayed", there), ("gone", f"not {there}")):
            warehouse.execute(
                f"update {book} as q set status = ?, settled_at = ? where {mine} and not {again} and {condition}",
                [status, now, *params],
            )


def settle_file(warehouse: Warehouse, *, source: str, name: str, path: str, run_id: str, now: datetime) -> None:
    """Rows of a file that has landed in another version leave the quarantine: what is still bad is added anew."""
    positions = f"{path}, "
    # The length is written, not bound: Snowflake's stand-in would repeat it.
    warehouse.execute(
        f"update {warehouse.relation(books.QUARANTINE)} set status = 'replayed', settled_at = ?"
        " where source = ? and object = ? and status = 'open' and run_id <> ?"
        f" and left(position, {len(positions)}) = ?",
        [now, source, name, run_id, positions],
    )


def settle_gone(
    warehouse: Warehouse,
    info: ObjectInfo,
    source: str,
    batches: Sequence[Staged],
    *,
    before: datetime,
    spared: Staged | None,
    now: datetime,
) -> None:
    """Records that a sweep of all keys has not found are no longer at the source; in a transaction."""
    found = [
        f"select 1 from {batch.sql} as b where {deletions.key_text(warehouse, info.key, 'b')} = q.record_key"
        for batch in batches
    ]
    if spared is not None:
        found.append(f"select 1 from {spared.sql} as s where s.record_key = q.record_key")
    absent = "".join(f" and not exists ({one})" for one in found)
    warehouse.execute(
        f"update {warehouse.relation(books.QUARANTINE)} as q set status = 'gone', settled_at = ?"
        " where source = ? and object = ? and status in ('open', 'dismissed') and record_key is not null"
        f" and (record_cursor is null or record_cursor < ?){absent}",
        [now, source, info.name, before],
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
) -> None:
    """Put the rows of a judged batch (all that landed with ``runs``) that break an expectation into quarantine.

    Those of the batch that broke one before, and hold now, leave it, and so do those that are no longer at the source.
    """
    rejected = [row for item in broken for row in _rejected(warehouse, table, key, item, name, runs)]
    versions = {f"{EXPECTATION}{item.rule}": item.version for item in broken}
    with warehouse.stage(table_of(source, name, rejected, versions, runs[-1], now), constants={}) as staged:
        text, at = deletions.key_text(warehouse, key), warehouse.quoted(deletions.QUARANTINED_AT)
        is_bad = f"exists (select 1 from {staged.sql} as s where s.record_key = {text})"
        marks = ", ".join("?" * len(runs))
        vanished = deletions.vanished(warehouse)
        of_batch = f"t._run_id in ({marks}) and not {vanished}"
        relation = warehouse.relation(table)
        with warehouse.transaction():
            for status, whose in (("replayed", of_batch), ("gone", f"t._run_id in ({marks}) and {vanished}")):
                warehouse.execute(
                    f"update {warehouse.relation(books.QUARANTINE)} as q set status = ?, settled_at = ?"
                    f" where source = ? and object = ? and status = 'open' and rule like '{EXPECTATION}%'"
                    f" and exists (select 1 from {relation} as t where {whose} and {text} = q.record_key)"
                    f" and not exists (select 1 from {staged.sql} as s where s.quarantine_id = q.quarantine_id)",
                    [status, now, source, name, *runs],
                )
            warehouse.execute(
                f"update {relation} as t set {at} = null where {of_batch} and {at} is not null and not {is_bad}",
                list(runs),
            )
            if rejected:
                add(warehouse, staged)
                warehouse.execute(
                    f"update {relation} as t set {at} = ? where {of_batch} and {at} is null and {is_bad}",
                    [now, *runs],
                )


def outdated(
    warehouse: Warehouse, table: TableName, key: Sequence[str], *, source: str, name: str, versions: Sequence[str]
) -> list[str]:
    """Runs with rows in quarantine by an expectation that is not one of ``versions`` any more."""
    at = warehouse.quoted(deletions.QUARANTINED_AT)
    if warehouse.columns(books.QUARANTINE) is None or deletions.QUARANTINED_AT not in (warehouse.columns(table) or {}):
        return []
    found = warehouse.query(
        f"select distinct t._run_id from {warehouse.relation(table)} as t"
        f" inner join {warehouse.relation(books.QUARANTINE)} as q"
        f" on q.record_key = {deletions.key_text(warehouse, key)}"
        f" where q.source = ? and q.object = ? and q.status = 'open' and q.rule like '{EXPECTATION}%'"
        f" and q.rule_version not in ({', '.join('?' * len(versions)) or repr('')}) and t.{at} is not null order by 1",
        [source, name, *versions],
    )
    return [str(value) for value in found.column(0).to_pylist()]


def _rejected(
    warehouse: Warehouse, table: TableName, key: Sequence[str], item: Broken, name: str, runs: Sequence[str]
) -> list[Rejected]:
    """The rows of one broken rule."""
    stored = [column for column in warehouse.columns(table) or {} if not column.startswith("_")]
    columns = ", ".join(f"t.{warehouse.quoted(column)}" for column in stored)
    on = " and ".join(f"t.{warehouse.quoted(column)} = b.{warehouse.quoted(column)}" for column in key)
    with warehouse.stage(item.keys, constants={}) as bad:
        found = warehouse.query(
            f"select {deletions.key_text(warehouse, key)}, {columns} from {warehouse.relation(table)} as t"
            f" where t._run_id in ({', '.join('?' * len(runs))})"
            f" and exists (select 1 from {bad.sql} as b where {on}) order by 1",
            list(runs),
        )
    keys = found.column(0).to_pylist()
    rows = zip(*(found.column(place + 1).to_pylist() for place in range(len(stored))), strict=True)
    return [
        Rejected(
            json.dumps(dict(zip(stored, row, strict=True)), sort_keys=True, default=str),
            f"{EXPECTATION}{item.rule}",
            f"{name}: {item.reason}.",
            f"{name} {known}",
            str(known),
        )
        for known, row in zip(keys, rows, strict=True)
    ]


def _known(warehouse: Warehouse, sql: str, params: Sequence[object]) -> int:
    return int(str(warehouse.query(sql, params).column(0)[0].as_py()))


def _record(row: Rejected) -> str:
    """What tells a rejected record from others: its key, or all there is to know of one without."""
    return row.key if row.key is not None else f"{row.position}|{row.payload}"
