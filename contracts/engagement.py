"""``engagement.yml``: how many points a customer's calls are worth, and how fast they fade."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts import ContractError
from contracts.reading import HERE, Entry, each, first_repeated, load

TYPES = ("page", "screen", "track", "identify", "group")


@dataclass(frozen=True)
class Activity:
    """Calls that are worth the same; ``events`` are names of track calls in lower case, ``types`` kinds of calls."""

    name: str
    points: int
    most_a_day: int
    events: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True)
class Engagement:
    """The activities, the days in which points halve, and the points that score 50."""

    half_life_days: int
    middle_points: int
    activities: tuple[Activity, ...]


def read(path: Path = HERE / "engagement.yml") -> Engagement:
    """The points, as they stand in the file. Raises ContractError."""
    top = load(path, ("half_life_days", "middle_points", "activities"))
    activities = each(top, "activities", ("name", "points", "most_a_day", "events", "types"), _activity)
    for kind in ("events", "types"):
        if repeated := first_repeated(value for one in activities for value in getattr(one, kind)):
            raise ContractError(f"{path.name}: {repeated!r} is listed twice among {kind}; it can be one activity.")
    return Engagement(_needed(top, "half_life_days"), _needed(top, "middle_points"), activities)


def rows(engagement: Engagement) -> Iterator[tuple[str, str | None, str, int, int]]:
    """(type, name or None for any, activity, points, most_a_day), for the seed."""
    for one in engagement.activities:
        yield from (("track", event, one.name, one.points, one.most_a_day) for event in one.events)
        yield from ((kind, None, one.name, one.points, one.most_a_day) for kind in one.types)


def _activity(entry: Entry) -> Activity:
    found = Activity(
        entry.text("name"),
        _needed(entry, "points"),
        _needed(entry, "most_a_day"),
        tuple(event.strip().lower() for event in entry.texts("events")),
        entry.texts("types"),
    )
    if not found.events and not found.types:
        raise ContractError(f"{entry.where} needs events or types: no call would be it.")
    for kind in found.types:
        if kind not in TYPES:
            raise ContractError(f"{entry.where}: {kind!r} is no type of a call; it must be one of {', '.join(TYPES)}.")
    return found


def _needed(entry: Entry, key: str) -> int:
    number = entry.number(key)
    if number is None:
        raise ContractError(f"{entry.where} lacks {key}.")
    return number
