"""Dead letters as the warehouse has them, with what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.fixing import Selection
from extract import books
from extract.sources.events.source import Events
from warehouse.base import Warehouse

# Not replayed yet: never tried, or tried and still refused.
OPEN, FAILED = "open", "failed"
WAITING = (OPEN, FAILED)
# Its event is in raw: landed by a replay, or there before, by a delivery that broke no rule.
REPLAYED, PRESENT = "replayed", "present"
STATUSES = (*WAITING, REPLAYED, PRESENT)
KEY = ("source", "message_id", "rule")
LETTERS_A_PAGE = 5_000


@dataclass(frozen=True)
class Letter:
    """One dead letter; times naive UTC, ``violations`` and ``payload`` JSON text.

    ``attempts`` counts how often it came, ``tries`` how often it was replayed; what stands from ``fix`` on is of the
    try that landed it, or of the last one, null when there was none.
    """

    letter_id: str
    source: str
    message_id: str
    rule: str
    type: str | None
    event: str | None
    event_version: str | None
    reason: str
    plan_version: str | None
    sent_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    attempts: int
    status: str
    tries: int
    fix: str | None
    fix_version: int | None
    tried_at: datetime | None
    failed_rule: str | None
    failed_path: str | None
    failed_reason: str | None
    violations: str | None
    payload: str

    @property
    def broken(self) -> list[Mapping[str, Any]]:
        """The rules of the plan that it breaks, with path and message; none when it never came so far."""
        found = json.loads(self.violations) if self.violations else []
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


@dataclass(frozen=True)
class Group:
    """Letters of one event, rule, source and status; ``example`` is the id of one of them."""

    event: str | None
    rule: str
    source: str
    status: str
    letters: int
    attempts: int
    first_seen_at: datetime
    last_seen_at: datetime
    example: str


def pages(
    warehouse_of: Any, selections: Sequence[Selection], statuses: Sequence[str], size: int = LETTERS_A_PAGE
) -> Iterator[list[Letter]]:
    """The letters that all selections take, in an order of their own, ``size`` at a time and each in a short opening.

    ``warehouse_of`` opens the warehouse. A letter that changes meanwhile is there as it was or as it is.
    """
    after = ""
    while True:
        with warehouse_of() as warehouse:
            if not after and not _is_there(warehouse):
                return
            asked, params = _asked(warehouse, selections, statuses)
            marked = f"select * from ({asked}) as letters where page_key > ? order by page_key limit {size}"
            columns = ", ".join(("page_key", *Letter.__dataclass_fields__))
            found = warehouse.query(f"select {columns} from ({marked}) as paged order by page_key", [*params, after])
        rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
        page = [Letter(*row[1:]) for row in rows]
        if kept := [one for one in page if all(s.takes(one.rule, one.broken) for s in selections)]:
            yield kept
        if len(rows) < size:
            return
        after = rows[-1][0]


def groups(warehouse_of: Any, selection: Selection, statuses: Sequence[str]) -> list[Group]:
    """Letters counted, the most frequent first."""
    counted: dict[tuple[str | None, str, str, str], Group] = {}
    for page in pages(warehouse_of, [selection], statuses):
        for one in page:
            key = (one.event or one.type, one.rule, one.source, one.status)
            held = counted.get(key)
            counted[key] = Group(
                *key,
                letters=(held.letters if held else 0) + 1,
                attempts=(held.attempts if held else 0) + one.attempts,
                first_seen_at=min(one.first_seen_at, held.first_seen_at) if held else one.first_seen_at,
                last_seen_at=max(one.last_seen_at, held.last_seen_at) if held else one.last_seen_at,
                example=min(one.letter_id, held.example) if held else one.letter_id,
            )
    return sorted(counted.values(), key=lambda g: (-g.letters, g.event or "", g.rule, g.source, g.status))


def outcomes(warehouse: Warehouse, letter: Letter) -> list[Mapping[str, Any]]:
    """What was tried on a letter, the first try first."""
    if warehouse.columns(books.OUTCOMES) is None:
        return []
    names = [name for name in books.BOOKS[books.OUTCOMES].names if name not in KEY]
    found = warehouse.query(
        f"select {', '.join(names)} from {warehouse.relation(books.OUTCOMES)}"
        " where source = ? and message_id = ? and rule = ? order by first_tried_at, fix, fix_version",
        [letter.source, letter.message_id, letter.rule],
    )
    rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def waiting(warehouse: Warehouse) -> int:
    """How many letters wait to be replayed; for whoever may only look."""
    if warehouse.columns(books.DEAD_LETTERS) is None:
        return 0
    settled = ""
    if warehouse.columns(books.OUTCOMES) is not None:
        same = " and ".join(f"o.{name} = l.{name}" for name in KEY)
        settled = (
            f" where not exists (select 1 from {warehouse.relation(books.OUTCOMES)} as o"
            f" where {same} and o.status in ('{REPLAYED}', '{PRESENT}'))"
        )
    found = warehouse.query(f"select count(*) from {warehouse.relation(books.DEAD_LETTERS)} as l{settled}")
    return int(str(found.column(0)[0].as_py()))


def _is_there(warehouse: Warehouse) -> bool:
    """Whether dead letters have ever landed; makes sure of the columns and books that are asked for."""
    if warehouse.columns(books.DEAD_LETTERS) is None:
        return False
    books.ensure_books(warehouse)
    warehouse.ensure_table(books.DEAD_LETTERS, Events.described("dead_letters").schema)
    return True


def _asked(warehouse: Warehouse, selections: Sequence[Selection], statuses: Sequence[str]) -> tuple[str, list[object]]:
    """SQL and parameters: letters with their status, by all that the warehouse can be asked.

    Rules and paths are looked for in the violations of each by ``Selection.takes``.
    """
    key = ", ".join(KEY)
    sql = f"""
        select
            md5(concat(l.source, '|', l.message_id, '|', l.rule)) as page_key,
            left(md5(concat(l.source, '|', l.message_id, '|', l.rule)), 16) as letter_id,
            l.source, l.message_id, l.rule, l.type, coalesce(l.event_name, nullif(l.event, '')) as event,
            l.event_version, l.reason, l.plan_version, l.sent_at, l.first_seen_at, l.last_seen_at, l.attempts,
            coalesce(o.status, '{OPEN}') as status, coalesce(o.tries, 0) as tries, o.fix, o.fix_version,
            o.last_tried_at as tried_at, o.failed_rule, o.failed_path, o.failed_reason, l.violations, l.payload
        from {warehouse.relation(books.DEAD_LETTERS)} as l
        left join (
            select
                *,
                cast(sum(attempts) over (partition by {key}) as bigint) as tries,
                row_number() over (
                    partition by {key}
                    order by
                        case status when '{REPLAYED}' then 0 when '{PRESENT}' then 1 else 2 end,
                        last_tried_at desc, coalesce(fix, ''), coalesce(fix_version, 0) desc
                ) as place
            from {warehouse.relation(books.OUTCOMES)}
        ) as o on o.source = l.source and o.message_id = l.message_id and o.rule = l.rule and o.place = 1
    """
    conditions, params = [f"status in ({', '.join('?' * len(statuses))})"], list[object](statuses)
    for one in selections:
        for column, values in (
            ("source", one.sources), ("plan_version", one.plan_versions), ("letter_id", one.ids),
            ("coalesce(event, type)", one.events),
        ):  # fmt: skip
            if values:
                conditions.append(f"{column} in ({', '.join('?' * len(values))})")
                params += values
        if one.seen_from is not None:
            conditions.append("last_seen_at >= ?")
            params.append(one.seen_from)
        if one.seen_before is not None:
            conditions.append("first_seen_at < ?")
            params.append(one.seen_before)
    return f"select * from ({sql}) as known where {' and '.join(conditions)}", params
