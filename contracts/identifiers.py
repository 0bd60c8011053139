"""``identifiers.yml``: what ties records together, which values never do, and how much evidence stops the others.

Patterns match a whole value and use what DuckDB and Snowflake both know: classes, groups, alternatives, counts; no
backslash, no look-around.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, load

NORMALISERS = ("exact", "lower", "code", "email", "phone", "salesforce_id")
# What a record can say beside its identifiers; counted as evidence and used in compound types.
ATTRIBUTES = ("given_name", "family_name")
# Records dbt knows, as `system:object`; the first two parts of a record key.
RECORD_SOURCES = (
    "salesforce:contact",
    "salesforce:lead",
    "hubspot:contact",
    "segment:user",
    "segment:anonymous",
    "files:person",
    "files:customer",
)


@dataclass(frozen=True)
class Limit:
    """The most that is still one person: within any ``days`` days, or ever where that is None."""

    most: int
    days: int | None = None


@dataclass(frozen=True)
class Limits:
    """How many records may share a value, how many values one record may have, how many distinct values of other
    types or attributes the records of one value may show. None is no limit.
    """  # fmt: skip

    records: Limit | None
    per_record: Limit | None
    distinct: Mapping[str, int]


@dataclass(frozen=True)
class IdentifierType:
    """A kind of identifier. ``priority`` orders types, 1 first; ``parts`` is empty unless the type is compound."""

    name: str
    description: str
    priority: int
    normaliser: str
    spoken_by: tuple[str, ...]
    segment_types: tuple[str, ...]
    blocked_values: tuple[str, ...]
    blocked_patterns: tuple[str, ...]
    limits: Limits
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Identifiers:
    """All types, in order of priority, and the values that are blocked for each of them."""

    types: tuple[IdentifierType, ...]
    blocked_everywhere: tuple[str, ...]


def read(path: Path = HERE / "identifiers.yml") -> Identifiers:
    """Raises ContractError."""
    top = load(path, ("blocked_everywhere", "types", "compound_types"))
    own = ("normaliser", "spoken_by", "segment_types", "blocked_values", "blocked_patterns")
    common = ("name", "description", "priority", "limits")
    simple = each(top, "types", (*common, *own), _simple)
    compound = each(top, "compound_types", (*common, "parts"), _compound)
    types = tuple(sorted((*simple, *compound), key=lambda kind: kind.priority))
    _check(path.name, types)
    return Identifiers(types=types, blocked_everywhere=top.texts("blocked_everywhere"))


def _simple(entry: Entry) -> IdentifierType:
    spoken_by = entry.texts("spoken_by")
    for source in spoken_by:
        if source not in RECORD_SOURCES:
            raise ContractError(
                f"{entry.where}: no record is called {source!r}; there are {', '.join(RECORD_SOURCES)}."
            )
    if not spoken_by:
        raise ContractError(f"{entry.where}: spoken_by is empty, so nothing would ever carry it; name the records.")
    patterns = entry.texts("blocked_patterns")
    for pattern in patterns:
        _check_pattern(entry.where, pattern)
    return IdentifierType(
        name=entry.text("name"),
        description=entry.text("description"),
        priority=_priority(entry),
        normaliser=entry.one_of("normaliser", NORMALISERS),
        spoken_by=spoken_by,
        segment_types=entry.texts("segment_types"),
        blocked_values=entry.texts("blocked_values"),
        blocked_patterns=patterns,
        limits=_limits(entry),
        parts=(),
    )


def _compound(entry: Entry) -> IdentifierType:
    parts = entry.texts("parts")
    if len(parts) < 2:
        raise ContractError(f"{entry.where}: a compound type has at least two parts.")
    return IdentifierType(
        name=entry.text("name"),
        description=entry.text("description"),
        priority=_priority(entry),
        normaliser="compound",
        spoken_by=(),
        segment_types=(),
        blocked_values=(),
        blocked_patterns=(),
        limits=_limits(entry),
        parts=parts,
    )


def _priority(entry: Entry) -> int:
    found = entry.number("priority")
    if found is None:
        raise ContractError(f"{entry.where} lacks priority, a whole number; 1 is the most telling type.")
    return found


def _limits(entry: Entry) -> Limits:
    found = Entry(f"{entry.where}: limits", entry.values.get("limits", {}), ("records", "per_record", "distinct"))
    distinct = found.values.get("distinct", {})
    if not isinstance(distinct, Mapping):
        raise ContractError(f"{found.where}: distinct must map a type or attribute to a number.")
    counts = Entry(f"{found.where}: distinct", distinct, distinct)
    for name, most in distinct.items():
        if isinstance(most, Mapping):
            raise ContractError(
                f"{counts.where}: {name} has a window, but two people who used one value years apart are still two; "
                "write the number alone."
            )
    return Limits(
        records=_limit(found, "records"),
        per_record=_limit(found, "per_record"),
        distinct={name: counts.number(name) or 0 for name in distinct},
    )


def _limit(limits: Entry, key: str) -> Limit | None:
    """A number, or a number within days."""
    found = limits.values.get(key)
    if isinstance(found, Mapping):
        window = Entry(f"{limits.where}: {key}", found, ("most", "days"))
        most, days = window.number("most"), window.number("days")
        if most is None or days is None:
            raise ContractError(f"{window.where} needs both most and days, as {{most: 20, days: 90}}.")
        return Limit(most, days)
    most = limits.number(key)
    return None if most is None else Limit(most)


def _check(file: str, types: tuple[IdentifierType, ...]) -> None:
    simple = {kind.name for kind in types if not kind.parts}
    names = [kind.name for kind in types]
    for kind in types:
        if names.count(kind.name) > 1:
            raise ContractError(f"{file}: {kind.name} is both a type and a compound type; names must differ.")
        if [other.priority for other in types].count(kind.priority) > 1:
            raise ContractError(f"{file}: {kind.name} shares priority {kind.priority}; each type has its own.")
        for part in kind.parts:
            if part not in simple and part not in ATTRIBUTES:
                raise ContractError(f"{file}: {kind.name} has the part {part!r}, which is no type and no attribute.")
        for evidence in kind.limits.distinct:
            if evidence not in simple and evidence not in ATTRIBUTES:
                raise ContractError(f"{file}: {kind.name} counts {evidence!r}, which is no type and no attribute.")
    spoken = [name for kind in types for name in kind.segment_types]
    if len(set(spoken)) < len(spoken):
        raise ContractError(f"{file}: a Segment type belongs to two identifier types; name it once.")


def _check_pattern(where: str, pattern: str) -> None:
    if "\\" in pattern or "(?" in pattern or "'" in pattern:
        raise ContractError(
            f"{where}: the pattern {pattern!r} has a backslash, a quote or a (?…) group, which the warehouses read "
            "differently; write [.] for a point and plain groups."
        )
    try:
        re.compile(pattern)
    except re.error as error:
        raise ContractError(f"{where}: the pattern {pattern!r} does not parse: {error}.") from error
