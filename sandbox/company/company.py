"""The company itself: a first day, and every day after it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

import pyarrow as pa

from sandbox.company import days, hubspot, truth
from sandbox.company.columns import clock_of
from sandbox.company.schema import TABLES, schema_of
from sandbox.company.world import World

SMALLEST = 20


class Company:
    """A made-up company of some size as it stands on a day; equal (seed, people, day) are equal in every table.

    ``people`` counts the people of day 1; every later day brings a few more.
    """

    def __init__(self, seed: int, people: int, day: int = 1) -> None:
        """Found the company and live until ``day``.

        Raises ValueError when it would be too small to have anything happen in it, or the day is before the first.
        """
        if people < SMALLEST:
            raise ValueError(f"A company needs at least {SMALLEST} people, not {people}.")
        if day < 1:
            raise ValueError(f"Days are counted from 1, so there is no day {day}.")
        if seed < 0:
            raise ValueError(f"A seed is zero or more, not {seed}.")
        self.seed = seed
        self.people = people
        self._world = World(seed)
        days.found(self._world, people)
        for _ in range(day - 1):
            self.advance()

    @property
    def day(self) -> int:
        """The day, from 1."""
        return self._world.day

    @property
    def clock(self) -> datetime:
        """The moment the day's tables are of, aware, UTC."""
        return clock_of(self.day)

    def advance(self) -> None:
        """Live one more day."""
        self.__dict__.pop("tables", None)
        days.live(self._world)

    @cached_property
    def tables(self) -> Mapping[str, pa.Table]:
        """Every table as it stands, by name (``schema.TABLES``); rows in the order of their creation."""
        world = self._world
        hubspot.count_deals(world)
        found: dict[str, pa.Table] = {}
        for name in TABLES:
            schema = schema_of(name, world.day)
            if name == "segment.events":
                found[name] = pa.concat_tables(world.events) if world.events else schema.empty_table()
            elif name.startswith("truth."):
                found[name] = truth.TABLES[name](world)
            else:
                frame = hubspot.visible_ties(world) if name == "hubspot.associations" else world.frames[name]
                if name in ("hubspot.contacts", "hubspot.companies", "hubspot.deals"):
                    frame = hubspot.with_mirrors(frame, name)
                found[name] = frame.table(schema)
        return found
