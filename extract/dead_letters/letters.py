"""Dead letters as the warehouse has them, with what became of them."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.fixing import Selection
from extract import books
from extract.dead_letters.asking import KEY, PRESENT, RAW, REPLAYED, STATUSES, Way, asked_for
from extract.sources.events.source import Events
from warehouse.base import Warehouse

# Payloads have up to 1 MB each, so a page is cut by their length too, in characters.
LETTERS_A_PAGE, CHARACTERS_A_PAGE = 5_000, 32_000_000


@dataclass(frozen=True)
class Letter:
    """One dead letter; times naive UTC, ``violations`` and ``payload`` JSON text.

    ``attempts`` counts how often it came, ``tries`` how often it was replayed; what stands from ``fix`` on is of the
    try that landed it, or of the last one, null when there was none. ``raw_source`` is the source of the event that has
    its id in raw, ``was_tried`` whether it was tried in the way that was asked for. ``payload`` None was not asked for.
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
    raw_source: str | None
    was_tried: bool
    payload: str | None

    @property
    def call(self) -> Any:
        """What came, each time anew; None when its payload was not kept."""
        assert self.payload is not None, "its payload was not asked for"
        return json.loads(self.payload)

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
    warehouse_of: Any, selections: Sequence[Selection], statuses: Sequence[str], *, payloads: bool = False,
    way: Way | None = None, size: int = LETTERS_A_PAGE, characters: int = CHARACTERS_A_PAGE,
) -> Iterator[list[Letter]]:  # fmt: skip
    """The letters that all selections take, in an order of their own, a page at a time and each in a short opening.

    ``warehouse_of`` opens the warehouse. A page has at most ``size`` letters, and with ``payloads`` no more than have
    ``characters``, or one. A letter that changes meanwhile is there as it was or as it is.
    """
    after: str | None = ""
    while after is not None:
        with warehouse_of() as warehouse:
            if not after and not _is_there(warehouse):
                return
            page, after = _page(
                warehouse, asked_for(warehouse, selections, statuses, way), after, payloads, size, characters
            )
        if kept := [one for one in page if all(s.takes(one.rule, one.broken) for s in selections)]:
            yield kept


def _page(
    warehouse: Warehouse, asked: tuple[str, list[object]], after: str, payloads: bool, size: int, characters: int
) -> tuple[list[Letter], str | None]:
    """The letters behind the page key ``after``, and the key that the next page begins behind, None at the end."""
    sql, params = asked
    most = "length(payload)" if payloads else "0"
    found = warehouse.query(
        f"select page_key, {most} as size from ({sql}) as letters where page_key > ? order by page_key limit {size}",
        [*params, after],
    )
    keys: list[str] = found.column(0).to_pylist()  # type: ignore[assignment]
    if not keys:
        return [], None
    fitting, total = 0, 0
    for length in found.column(1).to_pylist():
        total += int(str(length))
        if fitting and total > characters:
            break
        fitting += 1
    last = keys[fitting - 1]
    columns = ", ".join(name for name in Letter.__dataclass_fields__ if name != "payload")
    found = warehouse.query(
        f"select {columns}, {'payload' if payloads else 'null'} as payload_asked from ({sql}) as letters"
        " where page_key > ? and page_key <= ? order by page_key",
        [*params, after, last],
    )
    page = [Letter(*row) for row in zip(*(column.to_pylist() for column in found.columns), strict=True)]
    return page, last if fitting < len(keys) or len(keys) == size else None


def oldest(warehouse_of: Any, selection: Selection, statuses: Sequence[str], limit: int) -> tuple[list[Letter], int]:
    """The letters that came first, without their payloads, and how many there are in all."""
    count = 0

    def each() -> Iterator[Letter]:
        nonlocal count
        for page in pages(warehouse_of, [selection], statuses):
            count += len(page)
            yield from page

    return heapq.nsmallest(limit, each(), key=lambda one: (one.first_seen_at, one.letter_id)), count


def unknown(warehouse_of: Any, ids: Sequence[str]) -> list[str]:
    """Those of the ids that no letter has, whatever became of it."""
    if not ids:
        return []
    found = {one.letter_id for page in pages(warehouse_of, [Selection(ids=tuple(ids))], STATUSES) for one in page}
    return [one for one in ids if one not in found]


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
    if warehouse.columns(books.OUTCOMES) is not None and warehouse.columns(RAW) is not None:
        same = " and ".join(f"o.{name} = l.{name}" for name in KEY)
        settled = (
            f" where not exists (select 1 from {warehouse.relation(books.OUTCOMES)} as o"
            f" inner join {warehouse.relation(RAW)} as e on e.message_id = o.message_id"
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
