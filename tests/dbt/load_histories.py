"""Made-up histories of loads, and the books that tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

# A Saturday, so that the last full day is a Friday; builds run on it, whatever else does.
NOW = datetime(2026, 5, 30, 12)
DAYS = 60

# What the pasts are judged by.
RULES = """
defaults: {severity: warn, sensitivity: 5, history_days: 56, least_days: 14, least_rows: 20, least_hours: 6}
rules:
  - {table: "forgotten.*", owner: finance, history_from: 2026-05-01}
  - {table: "silent.*", severity: ignore}
"""

Run = tuple[str, datetime, int]


def _scatter(day: int) -> int:
    """-20 to 20, no two weeks alike, the same on every computer."""
    return (day * 37 + day * day * 11) % 41 - 20


def nightly(
    table: str, rows: Callable[[datetime, int], int | None], days: int = DAYS, last: datetime = NOW
) -> Iterator[Run]:
    """A load each night at 02:00 up to ``last``, the first with all history; days without rows (None) have no load.

    ``rows`` is given the load's moment and how many days ago it was, 1 for the last full day.
    """
    for ago in range(days, -1, -1):
        at = last.replace(hour=2) - timedelta(days=ago)
        found = rows(at, ago)
        if found is not None:
            yield table, at, 500_000 if ago == days else found


def _steady(_: datetime, ago: int) -> int:
    return 1_000 + _scatter(ago)


def _weekly(at: datetime, ago: int) -> int:
    return (40 if at.weekday() >= 5 else 1_000) + _scatter(ago)


def _on(day: int, rows: int, other: Callable[[datetime, int], int | None] = _steady) -> Callable[..., int | None]:
    return lambda at, ago: rows if ago == day else other(at, ago)


def _weekdays(at: datetime, ago: int) -> int | None:
    return None if at.weekday() >= 5 else _steady(at, ago)


MONDAY = NOW - timedelta(days=5)

HISTORIES: dict[str, list[Run]] = {
    "steady.rows": list(nightly("steady.rows", _steady)),
    "dropped.rows": list(nightly("dropped.rows", _on(1, 300))),
    "emptied.rows": list(nightly("emptied.rows", _on(1, 0))),
    "spiked.rows": list(nightly("spiked.rows", _on(1, 4_000))),
    "spiking_today.rows": list(nightly("spiking_today.rows", _on(0, 4_000))),
    # Few rows today are no news: the day goes on.
    "slow_today.rows": list(nightly("slow_today.rows", _on(0, 3))),
    # Weekends are quiet, the last full day is a Friday, and the past has one outage.
    "weekly.rows": list(nightly("weekly.rows", _on(30, 0, _weekly))),
    # A Friday as quiet as a Sunday.
    "weekly_dropped.rows": list(nightly("weekly_dropped.rows", _on(1, 45, _weekly))),
    # Three weeks: too few weekdays alike, so only what was never seen counts.
    "young_weekly.rows": list(nightly("young_weekly.rows", _on(1, 45, _weekly), days=21)),
    "young_spiked.rows": list(nightly("young_spiked.rows", _on(1, 9_000, _weekly), days=21)),
    "too_young.rows": list(nightly("too_young.rows", _on(1, 9_000), days=10)),
    # A handful of rows a day scatters by its root.
    "small.rows": list(nightly("small.rows", lambda at, ago: 3 + ago % 4 if ago != 1 else 15)),
    # Read each night as ever, but nothing comes for three days.
    "stalled.rows": list(nightly("stalled.rows", lambda at, ago: 0 if ago < 3 else _steady(at, ago))),
    # Not read at all since Monday.
    "gone.rows": list(nightly("gone.rows", _steady, last=MONDAY)),
    # Over a weekend nothing comes, and nobody is told: NOW is a Saturday.
    "weekdays.rows": list(nightly("weekdays.rows", _weekdays)),
    # A new level since a week, and since ten days a rule that forgets what was before.
    "risen.rows": list(nightly("risen.rows", lambda at, ago: _steady(at, ago) * (3 if ago < 8 else 1))),
    "forgotten.rows": list(nightly("forgotten.rows", lambda at, ago: _steady(at, ago) * (3 if ago < 30 else 1))),
}
