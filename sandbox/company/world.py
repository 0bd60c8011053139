"""The state that days act on: people, firms, every table's rows, and what was handed out so far."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

from sandbox.company.columns import NONE, Frame, Ints, Texts, clock_of, moments, seconds, stream
from sandbox.company.ids import numeric_ids, salesforce_ids
from sandbox.company.schema import SALESFORCE

FOUNDED: Final = seconds(datetime(2024, 1, 8, 8))  # noqa: DTZ001 - naive UTC
# From here on the web shop sends events; whoever signed up before appears in them at their next login.
EVENTS_SINCE: Final = seconds(datetime(2025, 7, 1))  # noqa: DTZ001
LATE_SECONDS: Final = 600

# Where each HubSpot type begins to count; the gaps are other customers of theirs.
_HUBSPOT_FIRST: Final = {"contacts": 50_100_001, "companies": 9_004_000_017, "deals": 13_200_000_405}


class World:
    """Everything at one moment; ``day`` is the day being lived, ``opens`` and ``closes`` its span in seconds.

    ``opens`` of day 1 is the founding; of any other day the clock of the day before.
    """

    def __init__(self, seed: int) -> None:
        """An empty world before day 1."""
        self.seed = seed
        self.day = 0
        self.size = 0
        self.people = Frame({})
        self.firms = Frame({})
        self.frames: dict[str, Frame] = {}
        self.events: list[pa.Table] = []
        self.events_before_today: list[pa.Table] = []
        self.taken_emails: pa.Array[pa.StringScalar] = pa.array([], type=pa.string())
        self._counters: dict[str, int] = {}
        self._calls: dict[str, int] = {}

    def begin(self) -> None:
        """The next day."""
        self.day += 1
        self._calls.clear()
        self.events_before_today = list(self.events)

    @property
    def opens(self) -> int:
        """Nothing that is new this day was stamped before (late commits excepted)."""
        return FOUNDED if self.day == 1 else seconds(clock_of(self.day - 1))

    @property
    def closes(self) -> int:
        """The day's clock."""
        return seconds(clock_of(self.day))

    def share(self, of_people: float) -> int:
        """A number of rows in proportion to the company's size on day 1, at least one."""
        return max(1, round(self.size * of_people))

    def stream(self, topic: str) -> np.random.Generator:
        """The day's random numbers for a topic; asked again for the same one, other numbers."""
        call = self._calls[topic] = self._calls.get(topic, 0) + 1
        return stream(self.seed, self.day, f"{topic}/{call}")

    def count(self, name: str, many: int) -> Ints:
        """The next ``many`` numbers of a counter, from 1."""
        first = self._counters.get(name, 1)
        self._counters[name] = first + many
        return np.arange(first, first + many, dtype=np.int64)

    def salesforce_ids(self, name: str, many: int) -> Texts:
        """New ids of a Salesforce object."""
        return salesforce_ids(SALESFORCE[name].key_prefix, self.count(name, many) + 5_000)

    def hubspot_ids(self, name: str, many: int) -> Texts:
        """New ids of a HubSpot type."""
        return numeric_ids(_HUBSPOT_FIRST[name] + self.count(f"hubspot.{name}", many) * 7)

    def add(self, table: str, rows: Frame) -> None:
        """Append rows to a table, or begin it with them."""
        if table in self.frames:
            self.frames[table].append(rows)
        else:
            self.frames[table] = rows

    def in_span(self, rng: np.random.Generator, after: Ints | int, many: int) -> Ints:
        """Moments of this day after the given ones."""
        return moments(rng, np.maximum(after, self.opens), self.closes, many)

    def changed(self, table: str, which: Ints, when: Ints, *, by_user: bool = True) -> None:
        """Move the stamps of Salesforce rows; an automated change leaves LastModifiedDate alone."""
        frame = self.frames[table]
        if by_user and "LastModifiedDate" in frame.columns:
            frame["LastModifiedDate"][which] = when
        frame["SystemModstamp"][which] = when


def no_numbers(count: int) -> Ints:
    """A numeric column of nulls."""
    return np.full(count, NONE, dtype=np.int64)
