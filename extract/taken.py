"""Rows whose key another owner's row has already: kept in quarantine, since the table has room for one of them.

A table may be fed by owners that do not know of each other (sources of events that make their own message ids). A row
that repeats its own owner's is a repeat and nothing more; one of another owner would be lost with it.
"""

from __future__ import annotations

from datetime import datetime

from extract import books
from extract.source import ObjectInfo, Owners
from warehouse.base import Staged, Warehouse

RULE = "key_taken"


def keep(
    warehouse: Warehouse,
    info: ObjectInfo,
    owners: Owners,
    batch: Staged,
    *,
    source: str,
    version: str,
    run_id: str,
    now: datetime,
) -> int:
    """Put such rows of a landed batch into quarantine, once each; in the landing's transaction. Returns how many."""
    q, owner = warehouse.quoted, warehouse.quoted(owners.column)
    same = " and ".join(f"t.{q(column)} = b.{q(column)}" for column in info.key)
    keys = [f"b.{owner}", *(f"b.{q(column)}" for column in info.key)]
    name = " || '|' || ".join(keys)
    own = ", ".join("?" * len(owners.anyones))
    found = (
        f"select {name} as record_key, b.{q('payload')} as payload,"
        f" row_number() over (partition by {', '.join(keys)} order by b.{q('payload')}) as place"
        f" from {batch.sql} as b inner join {warehouse.relation(info.table)} as t on {same}"
        f" where t.{owner} <> b.{owner} and t.{owner} not in ({own})"
    )
    book = warehouse.relation(books.QUARANTINE)
    new = (
        f"from ({found}) as f where f.place = 1 and not exists (select 1 from {book} as k where k.source = ?"
        " and k.object = ? and k.rule = ? and k.record_key = f.record_key)"
    )
    params = [*owners.anyones, source, info.name, RULE]
    count = int(warehouse.query(f"select count(*) {new}", params).column(0)[0].as_py())
    if count:
        fixed = {
            "source": source,
            "object": info.name,
            "is_deleted": False,
            "rule": RULE,
            "rule_version": version,
            "reason": f"{info.name}: another {owners.column} has used the same {', '.join(info.key)}.",
            "run_id": run_id,
            "quarantined_at": now,
            "status": "open",
        }
        columns = ", ".join(map(q, ["quarantine_id", "record_key", "position", "payload", *fixed]))
        marks = ", ".join("?" * len(fixed))
        warehouse.execute(
            f"insert into {book} ({columns}) select left(md5(f.record_key || '|{RULE}'), 16), f.record_key,"
            f" f.record_key, f.payload, {marks} {new}",
            [*fixed.values(), *params],
        )
    return count
