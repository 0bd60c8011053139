"""A fix tried on dead letters: what the plan would say of each, with nothing written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from contracts.fixing import Fix, paths
from contracts.plan.schemas import type_of
from extract.dead_letters.letters import Letter

# What no plan and no door may judge: there is nothing left of it.
NO_PAYLOAD = "payload_not_kept"


class Answer(Protocol):
    """What the door says: the event's record as the log would have it, or the rule that it still breaks."""

    @property
    def record(self) -> bytes | None:
        """None when it is refused."""

    @property
    def rule(self) -> str | None:
        """The first rule it breaks."""

    @property
    def path(self) -> str | None:
        """Where in the call; empty for the call as a whole."""

    @property
    def reason(self) -> str | None:
        """A sentence without the call's values."""

    @property
    def violations(self) -> int:
        """Rules broken by an event that is let in."""


class Door(Protocol):
    """Who judges events when they come: the same judges them when they come again."""

    @property
    def plan_version(self) -> str:
        """The tracking plan it judges by."""

    def take(
        self,
        call: Any,
        *,
        source: str,
        message_id: str,
        first_seen_at: datetime,
        last_seen_at: datetime,
        sent_at: datetime | None,
    ) -> Answer:
        """Judge a call, which may be changed by it."""


class Refused(NamedTuple):
    """Why a letter would be one again."""

    rule: str
    path: str
    reason: str


class Tried(NamedTuple):
    """One letter after the fix: its record, or why not; and whether the fix changed anything in it."""

    letter: Letter
    record: bytes | None
    refused: Refused | None
    changed: bool
    violations: int


class Difference(NamedTuple):
    """What a fix made of one path: types, or values where they were asked for. None where there is nothing."""

    path: str
    before: str | None
    after: str | None


class Sample(NamedTuple):
    """A letter that the fix changed, and how."""

    letter_id: str
    passes: bool
    differences: tuple[Difference, ...]


@dataclass
class Trial:
    """The sum of it, in letters. ``failing`` counts by rule, path (``[]`` for any entry) and reason."""

    letters: int = 0
    passing: int = 0
    with_violations: int = 0
    changed: int = 0
    failing: Counter[Refused] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Letters that would be dead again."""
        return self.letters - self.passing

    def add(self, tried: Tried) -> None:
        """Count one."""
        self.letters += 1
        self.changed += tried.changed
        self.passing += tried.record is not None
        self.with_violations += tried.record is not None and tried.violations > 0
        if tried.refused is not None:
            told = tried.refused._replace(path=paths.general(tried.refused.path))
            self.failing[told] += 1


def tried(letter: Letter, fix: Fix | None, door: Door) -> Tried:
    """One letter, mended and judged."""
    call = json.loads(letter.payload)
    if call is None:
        return Tried(letter, None, Refused(NO_PAYLOAD, "", "Its payload was not kept."), False, 0)
    changed = fix is not None and fix.apply(call)
    answer = door.take(
        call,
        source=letter.source,
        message_id=letter.message_id,
        first_seen_at=letter.first_seen_at,
        last_seen_at=letter.last_seen_at,
        sent_at=letter.sent_at,
    )
    refused = None
    if answer.record is None:
        refused = Refused(answer.rule or "unknown", answer.path or "", answer.reason or "")
    return Tried(letter, answer.record, refused, changed, answer.violations)


def sample(one: Tried, fix: Fix, *, values: bool) -> Sample:
    """What the fix changed in a letter; without ``values`` only their types, which are nobody's."""
    before, after = json.loads(one.letter.payload), json.loads(one.letter.payload)
    fix.apply(after)
    found = []
    for path in fix.touches:
        for was, became in _pairs(before, after, path):
            told = Difference(paths.written(path), _told(was, values), _told(became, values))
            if (type(was) is not type(became) or was != became) and told not in found:
                found.append(told)
    return Sample(one.letter.letter_id, one.record is not None, tuple(found))


def _pairs(before: Any, after: Any, path: paths.Path) -> Iterator[tuple[Any, Any]]:
    both = dict.fromkeys((*paths.places(before, path), *paths.places(after, path)))
    for place in both:
        yield paths.found(before, place), paths.found(after, place)


def _told(value: Any, values: bool) -> str | None:
    if value is paths.ABSENT:
        return None
    return json.dumps(value, ensure_ascii=False) if values else type_of(value)
