"""Schema changes that nobody has been told of, as alerts: one for each object and run that noticed some.

What was told is remembered change by change, not by a time alone: a long run commits its note with an earlier time
than that of a change which was told already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from contracts.schema_changes import Rules
from extract.drift import ADDED, REMOVED, RETYPED, Noticed
from orchestration.lib.alerts import Alert

# A first look tells so much of the past and no more.
RECENT = timedelta(days=7)
# A note is committed at most so long after the time it bears.
_LATE = timedelta(days=2)

_HAPPENED = {ADDED: "added", REMOVED: "removed", RETYPED: "changed its type"}
_REMEDY = {
    ADDED: "Raw has it, and old rows get their values: add it to staging if anything is to use it.",
    REMOVED: "Raw keeps its last values and gets no new ones: take it out of what builds on it, or ask the source's "
    "owner to bring it back.",
    RETYPED: "Values that the stored column cannot hold land in one of their own beside it: let staging read both.",
}
_MEANS = {
    "fatal": "fatal: builds fail until it is accepted",
    "warn": "builds warn until it is accepted",
    "ignore": "builds pass it over",
}


@dataclass(frozen=True)
class Told:
    """The sensor's cursor: up to when changes were looked at, and those told, as far back as late ones may come."""

    newest: datetime
    changes: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: str | None, now: datetime) -> Told:
        """From the cursor's text; None is a first look. Times are naive UTC."""
        if cursor is None:
            return cls(now - RECENT + _LATE)
        stored = json.loads(cursor)
        changes = {key: datetime.fromisoformat(at) for key, at in stored["told"].items()}
        return cls(datetime.fromisoformat(stored["newest"]), changes)

    def written(self) -> str:
        """As the cursor's text."""
        told = {key: at.isoformat() for key, at in sorted(self.changes.items())}
        return json.dumps({"newest": self.newest.isoformat(), "told": told})

    @property
    def since(self) -> datetime:
        """From when on changes are looked at."""
        return self.newest - _LATE

    def with_(self, changes: Iterable[Noticed]) -> Told:
        """The same with these; what no look will see again is forgotten."""
        every = {**self.changes, **{_key(change): change.noticed_at for change in changes}}
        newest = max(self.newest, *every.values())
        return Told(newest, {key: at for key, at in every.items() if at >= newest - _LATE})


@dataclass(frozen=True)
class Message:
    """One alert and the changes it tells."""

    alert: Alert
    changes: tuple[Noticed, ...]


def news(noticed: Sequence[Noticed], told: Told, rules: Rules) -> list[Message]:
    """What is to be told of ``noticed``, oldest first."""
    fresh = [change for change in noticed if _key(change) not in told.changes]
    first: dict[tuple[str, str, str], datetime] = {}
    for change in fresh:
        first.setdefault(_who(change), change.noticed_at)
    ordered = sorted(fresh, key=lambda change: (first[_who(change)], _who(change), change.column, change.change))
    return [_message(tuple(changes), rules) for _, changes in groupby(ordered, key=_who)]


def judged(change: Noticed, rules: Rules) -> tuple[str, bool]:
    """Severity of a change, and whether it is accepted."""
    return rules.judged(change.source, change.object, change.column, change.change, change.noticed_at)


def said(change: Noticed) -> str:
    """A change in a few words: ``email changed its type from string to int64``."""
    what = f"{change.column} {_HAPPENED.get(change.change, change.change)}"
    if change.change == RETYPED:
        return f"{what} from {change.old_type} to {change.new_type}"
    kind = change.new_type if change.change == ADDED else change.old_type
    return f"{what} ({kind})" if kind else what


def _message(changes: tuple[Noticed, ...], rules: Rules) -> Message:
    head = changes[0]
    count = "1 column" if len(changes) == 1 else f"{len(changes)} columns"
    lines = []
    for change in changes:
        severity, accepted = judged(change, rules)
        means = "it is accepted already" if accepted else _MEANS[severity]
        lines.append(f"{said(change)}; {means}. {_REMEDY.get(change.change, '')}".rstrip())
    lines.append(
        f"Noticed {head.noticed_at:%Y-%m-%d %H:%M} UTC by extraction {head.run_id}."
        " To accept a change, say so in contracts/schema_changes.yml."
    )
    return Message(Alert("schema_change", f"{head.source} {head.object}: {count} changed", tuple(lines)), changes)


def _who(change: Noticed) -> tuple[str, str, str]:
    return change.source, change.object, change.run_id


def _key(change: Noticed) -> str:
    parts = [change.source, change.object, change.run_id, change.column, change.change, change.new_type]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
