"""What the three APIs share: the company, its tables as queries see them, the clock, faults, and the count of calls."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from sandbox.faults import Faults
from sandbox.store import Store


class CompanyLike(Protocol):
    """Anything with tables that change by the day; ``sandbox.company.Company`` is one."""

    @property
    def tables(self) -> Mapping[str, pa.Table]:
        """Tables by ``system.name``, as they are today."""

    @property
    def day(self) -> int:
        """1 on the first day."""

    @property
    def clock(self) -> datetime:
        """The company's time, UTC; constant within a day."""

    def advance(self) -> None:
        """Live one day."""


class Calls:
    """How often each endpoint was called, by system."""

    def __init__(self) -> None:
        """Nothing was called."""
        self._counts: dict[str, Counter[str]] = {}
        self._lock = threading.Lock()

    def count(self, system: str, endpoint: str) -> None:
        """One more."""
        with self._lock:
            self._counts.setdefault(system, Counter())[endpoint] += 1

    def reset(self) -> None:
        """Back to nothing."""
        with self._lock:
            self._counts.clear()

    def as_json(self) -> dict[str, dict[str, int]]:
        """Counts by system and endpoint, endpoints in alphabetical order."""
        with self._lock:
            return {system: dict(sorted(counts.items())) for system, counts in self._counts.items()}


class Sandbox:
    """The state behind the app. ``archive`` is where Segment's files go; None keeps none."""

    def __init__(self, company: CompanyLike, archive: Path | None = None) -> None:
        """Load the company's tables and write its archive."""
        self.company = company
        self.archive = archive
        self.faults = Faults()
        self.calls = Calls()
        self.store = Store()
        self._moving = threading.Lock()
        self._publish()

    def _publish(self) -> None:
        tables = self.company.tables
        self.store.load({name: table for name, table in tables.items() if not name.startswith("truth.")})
        self.day = self.company.day
        self.clock = self.company.clock.replace(tzinfo=None)
        if self.archive is not None:
            from sandbox.segment.archive import write_archive

            write_archive(self.archive, tables["segment.events"], self.day, self.clock, self.faults)

    def advance(self) -> None:
        """Live one day; readers keep what they began with."""
        with self._moving:
            self.company.advance()
            self._publish()

    def now(self, system: str) -> datetime:
        """A system's own clock: the company's, unless a fault skews it. Naive UTC."""
        skew = sum(float(options["seconds"]) for options in self.faults.lasting("clock_skew", system))
        return self.clock + timedelta(seconds=skew)
