"""``schema_changes.yml``: which changes of a source's columns stop a build, which are said, which are passed over.

The seed derived from it holds patterns of SQL's LIKE with ``!`` as the escape; ``Rules.judged`` decides the same way
without a warehouse.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, load

SEVERITIES = ("fatal", "warn", "ignore")
# As extraction notes them.
CHANGES = ("column_added", "column_removed", "type_changed")
ANYTHING = "*"


@dataclass(frozen=True)
class Acceptance:
    """Changes of fields like ``field`` that were noticed up to the end of the day ``until`` (UTC) are seen to."""

    field: str
    until: date


@dataclass(frozen=True)
class Rule:
    """Which changes it covers, by patterns in lower case, and what they mean."""

    source: str
    object: str
    field: str
    changes: tuple[str, ...]
    severity: str
    accepted: tuple[Acceptance, ...] = ()

    def covers(self, source: str, object_: str, field: str, change: str) -> bool:
        """Whether the rule speaks of this change."""
        named = ((self.source, source), (self.object, object_), (self.field, field))
        return change in self.changes and all(_fits(pattern, name) for pattern, name in named)


@dataclass(frozen=True)
class Rules:
    """The rules in the order of the file, the one for all the rest last."""

    rules: tuple[Rule, ...]

    def judged(self, source: str, object_: str, field: str, change: str, noticed_at: datetime) -> tuple[str, bool]:
        """Severity of a change, and whether it is accepted; ``noticed_at`` is UTC. The first rule decides."""
        rule = next(rule for rule in self.rules if rule.covers(source, object_, field, change))
        accepted = any(_fits(a.field, field) and noticed_at.date() <= a.until for a in rule.accepted)
        return rule.severity, accepted


def read(path: Path = HERE / "schema_changes.yml") -> Rules:
    """Raises ContractError."""
    top = load(path, ("default", "rules"))
    found = top.values.get("rules", [])
    if not isinstance(found, list):
        raise ContractError(f"{path.name}: rules must be a list; write [] for none.")
    keys = ("source", "object", "field", "change", "severity", "accepted")
    rules = [_rule(Entry(f"{path.name}: rule {place}", value, keys)) for place, value in enumerate(found, start=1)]
    rest = Rule(ANYTHING, ANYTHING, ANYTHING, CHANGES, top.one_of("default", SEVERITIES))
    return Rules((*rules, rest))


def rows(found: Rules) -> Iterator[tuple[str | int | None, ...]]:
    """The seed: a row for each rule, kind of change and acceptance, ranked as the rules stand."""
    for rank, rule in enumerate(found.rules, start=1):
        names = tuple(like(pattern) for pattern in (rule.source, rule.object, rule.field))
        for change in rule.changes:
            for accepted in rule.accepted or (None,):
                until = (like(accepted.field), accepted.until.isoformat()) if accepted else (None, None)
                yield (rank, *names, change, rule.severity, *until)


def like(pattern: str) -> str:
    """The pattern for LIKE with ``escape '!'``."""
    wild = {"*": "%", "?": "_", "%": "!%", "_": "!_", "!": "!!"}
    return "".join(wild.get(sign, sign) for sign in pattern)


def _fits(pattern: str, name: str) -> bool:
    wild = {"*": ".*", "?": "."}
    return (
        re.fullmatch("".join(wild.get(sign, re.escape(sign)) for sign in pattern), name.lower(), re.DOTALL) is not None
    )


def _rule(entry: Entry) -> Rule:
    source, object_, field = (_pattern(entry, key) for key in ("source", "object", "field"))
    return Rule(source, object_, field, _changes(entry), entry.one_of("severity", SEVERITIES), _accepted(entry))


def _pattern(entry: Entry, key: str) -> str:
    found = entry.text(key, ANYTHING)
    if not found.strip():
        raise ContractError(f"{entry.where}: {key} is empty; leave it out where it may be anything.")
    return found.lower()


def _changes(entry: Entry) -> tuple[str, ...]:
    if "change" not in entry.values:
        return CHANGES
    found = entry.texts("change") if isinstance(entry.values["change"], list) else (entry.text("change"),)
    for change in found:
        if change not in CHANGES:
            raise ContractError(f"{entry.where}: change is {change!r}; it must be one of {', '.join(CHANGES)}.")
    if not found:
        raise ContractError(f"{entry.where}: change lists nothing; leave it out where it may be any change.")
    return found


def _accepted(entry: Entry) -> tuple[Acceptance, ...]:
    found = entry.values.get("accepted")
    if found is None:
        return ()
    if isinstance(found, list) and found:
        return tuple(
            _acceptance(Entry(f"{entry.where}, accepted {place}", value, ("field", "until")))
            for place, value in enumerate(found, start=1)
        )
    return (Acceptance(ANYTHING, _day(entry, "accepted", found)),)


def _acceptance(entry: Entry) -> Acceptance:
    entry.text("field")
    return Acceptance(_pattern(entry, "field"), _day(entry, "until", entry.values.get("until")))


def _day(entry: Entry, key: str, value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ContractError(f"{entry.where}: {key} is {value!r}; it must be a day such as 2026-03-01.")
