"""Rows that are no longer there: they stay in raw, marked with when that was noticed and how.

``_deleted_how`` is *flagged* (the source says so row by row), *merged* or *erased* (the source names the keys),
*absent* (a full picture does not have them), *swept* (a sweep of all keys did not find them) or *purged* (it was
flagged, and a sweep found that the source has let go of it for good). A row that comes back is unmarked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from extract.source import AccessDenied, ObjectInfo
from warehouse.base import Staged, Warehouse

AT, HOW = "_deleted_at", "_deleted_how"
# When a row was set aside because it breaks an expectation; see ``quarantine.py``.
QUARANTINED_AT = "_quarantined_at"


def mark_keys(warehouse: Warehouse, info: ObjectInfo, keys: Staged, how: str, noticed_at: datetime, run_id: str) -> int:
    """Mark stored rows whose key the source says no longer exists; returns how many were not marked before."""
    on = " and ".join(f"t.{warehouse.quoted(c)} = g.{warehouse.quoted(c)}" for c in keys.schema.names)
    condition = f"exists (select 1 from {keys.sql} as g where {on})"
    return _mark(warehouse, info, condition, [], how, noticed_at, run_id)


def mark_absent(
    warehouse: Warehouse,
    info: ObjectInfo,
    staged: Sequence[Staged],
    scope: Mapping[str, str],
    noticed_at: datetime,
    run_id: str,
    how: str = "absent",
    before: datetime | None = None,
    spared: Staged | None = None,
) -> int:
    """Mark stored rows within ``scope`` that the batch, being all there is, does not have; returns how many.

    With ``before`` only rows whose cursor is earlier: younger ones may have come while the batch was read. ``spared``
    has the keys, as ``key_text`` writes them, of rows that came and could not be stored: they are there.
    """
    conditions = [f"t.{warehouse.quoted(column)} = ?" for column in scope]
    conditions += _absent(warehouse, info, staged, spared)
    params: list[object] = list(scope.values())
    if before is not None and info.cursor is not None:
        conditions.append(f"t.{warehouse.quoted(info.cursor)} < ?")
        params.append(before)
    return _mark(warehouse, info, " and ".join(conditions) or "true", params, how, noticed_at, run_id)


def vanished(warehouse: Warehouse, row: str = "t") -> str:
    """SQL: ``row`` is no longer at its source, which is another thing than being flagged there."""
    return f"coalesce({row}.{warehouse.quoted(HOW)}, 'flagged') <> 'flagged'"


def key_text(warehouse: Warehouse, key: Sequence[str], row: str = "t") -> str:
    """SQL: the key of ``row`` as one text, the way ``Rejected.key`` and ``ops.quarantine`` have it."""
    texts = [f"cast({row}.{warehouse.quoted(column)} as varchar)" for column in key]
    return texts[0] if len(texts) == 1 else f"concat_ws('|', {', '.join(texts)})"


def mark_purged(
    warehouse: Warehouse, info: ObjectInfo, staged: Sequence[Staged], before: datetime, spared: Staged | None = None
) -> None:
    """Of rows the source flagged as deleted, say which ones it no longer has at all: its counts leave them out."""
    assert info.cursor is not None
    absent = " and ".join(_absent(warehouse, info, staged, spared)) or "true"
    how = warehouse.quoted(HOW)
    warehouse.execute(
        f"update {warehouse.relation(info.table)} as t set {how} = 'purged'"
        f" where t.{how} = 'flagged' and t.{warehouse.quoted(info.cursor)} < ? and {absent}",
        [before],
    )


def stamp(warehouse: Warehouse, info: ObjectInfo, noticed_at: datetime, run_id: str) -> None:
    """Say when and how of the rows that this run brought with the source's own flag."""
    relation = warehouse.relation(info.table)
    where = f"where _run_id = ? and _is_deleted and {warehouse.quoted(AT)} is null"
    found = warehouse.query(f"select count(*) from {relation} {where}", [run_id])
    if found.column(0)[0].as_py():
        warehouse.execute(
            f"update {relation} set {warehouse.quoted(AT)} = ?, {warehouse.quoted(HOW)} = 'flagged' {where}",
            [noticed_at, run_id],
        )


def refuse_emptying(warehouse: Warehouse, info: ObjectInfo, source: str) -> None:
    """Without a single row, a lost permission is likelier than an empty system: never mark a whole table deleted."""
    relation = warehouse.relation(info.table)
    live = warehouse.query(f"select count(*) from {relation} where not _is_deleted").column(0)[0].as_py()
    if live:
        raise AccessDenied(
            f"{source} shows no {info.name} at all, though {live} are known: nothing was marked deleted; "
            "check what the user or token may read."
        )


def _absent(warehouse: Warehouse, info: ObjectInfo, staged: Sequence[Staged], spared: Staged | None) -> list[str]:
    """Conditions: the stored row ``t`` is in no batch, nor among the keys of rows that could not be stored."""
    on = " and ".join(f"t.{warehouse.quoted(c)} = g.{warehouse.quoted(c)}" for c in info.key)
    conditions = [f"not exists (select 1 from {batch.sql} as g where {on})" for batch in staged]
    if spared is not None:
        text = key_text(warehouse, info.key)
        conditions.append(f"not exists (select 1 from {spared.sql} as s where s.record_key = {text})")
    return conditions


def _mark(
    warehouse: Warehouse,
    info: ObjectInfo,
    condition: str,
    params: Sequence[object],
    how: str,
    noticed_at: datetime,
    run_id: str,
) -> int:
    relation = warehouse.relation(info.table)
    where = f"where not t._is_deleted and {condition}"
    marked = int(warehouse.query(f"select count(*) from {relation} as t {where}", params).column(0)[0].as_py())
    if marked:
        warehouse.execute(
            f"update {relation} as t set _is_deleted = true, {warehouse.quoted(AT)} = ?, {warehouse.quoted(HOW)} = ?,"
            f" _extracted_at = ?, _run_id = ? {where}",
            [noticed_at, how, noticed_at, run_id, *params],
        )
    return marked
