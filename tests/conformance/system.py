"""What the author of a connector gives the conformance suite: the system under test, as something to be changed.

A record of the system has a number (its key), a text, an amount and a time of its last change; how they are called
there is the author's. Times are naive UTC, and of the *system's* clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from extract.source import Source

# What a system may not have; ``System.cannot`` gives the reason of each that it has not.
CAPABILITIES = {
    "count": "counts the rows of a window",
    "late_commits": "shows rows later than their time says",
    "soft_deletes": "flags a deleted row, and can restore it",
    "hard_deletes": "lets go of rows without a word",
    "new_fields": "gets a field that old rows have values in, without their times moving",
    "removed_fields": "loses a field",
    "retyped_fields": "turns the field of amounts into text",
    "misfits": "can hold a value that is not of its field's type",
    "hostile_names": "has fields of any name",
    "faults": "can break down between two pages",
    "credentials": "asks who is there",
}

Patch = Callable[[object, str, object], object]


@dataclass(frozen=True)
class Record:
    """One record as the suite wants it to be; ``changed_at`` may have microseconds only where the system keeps them."""

    number: int
    changed_at: datetime
    text: str | None = "plain"
    amount: int | None = 1


class System(ABC):
    """A system under test, empty in the beginning, and the source that reads it."""

    # The class of the source, and which of its objects the suite reads.
    kind: ClassVar[type[Source]]
    object_name: ClassVar[str]
    # Landed columns of a record's text and amount.
    text: ClassVar[str]
    amount: ClassVar[str]
    # How many rows the source asks for at a time, once ``prepare`` has made that small.
    page: ClassVar[int]
    # How long after its time a row may show up, whole seconds: by the system's word, not by what the connector does.
    late: ClassVar[timedelta]
    # Of ``CAPABILITIES`` those that this system does not have, with the reason. All others are put to the test.
    cannot: ClassVar[Mapping[str, str]] = {}

    @classmethod
    @abstractmethod
    def prepare(cls, patch: Patch, env: Mapping[str, str]) -> None:
        """Make pages small: ``patch(owner, name, value)`` sets an attribute. Also called in a process to be killed."""

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """The settings that ``kind.from_environment`` takes."""

    @property
    @abstractmethod
    def clock(self) -> datetime:
        """The system's time, whole seconds."""

    @abstractmethod
    def advance(self, by: timedelta) -> None:
        """Let time pass there."""

    @abstractmethod
    def put(self, records: Sequence[Record]) -> None:
        """Create these records, or replace those of the same number; a deleted one is restored."""

    @abstractmethod
    def truth(self) -> list[dict[str, Any]]:
        """All rows the system holds, flagged ones too, by landed column and not read through the source.

        At least the key, the cursor, the text, the amount (while they exist) and ``_is_deleted``.
        """

    def flag(self, number: int, at: datetime) -> None:
        """Delete a record so that the system still shows it as deleted (*soft_deletes*)."""
        raise NotImplementedError

    def remove(self, number: int) -> None:
        """Delete a record without a trace (*hard_deletes*)."""
        raise NotImplementedError

    def add_field(self, value: str) -> str:
        """Give all records a new text field with this value, and return its name (*new_fields*)."""
        raise NotImplementedError

    def add_named(self, name: str, value: str) -> None:
        """Give all records a text field called so, before anything is read (*hostile_names*)."""
        raise NotImplementedError

    def drop_text(self) -> None:
        """Take the field of the text away (*removed_fields*)."""
        raise NotImplementedError

    def retype_amount(self) -> None:
        """Make the field of the amount a text field; values stay, as text (*retyped_fields*)."""
        raise NotImplementedError

    def spoil(self, number: int, at: datetime) -> None:
        """Give a record an amount that is no number (*misfits*)."""
        raise NotImplementedError

    def fail_after(self, pages: int) -> None:
        """Answer so many more pages of records, and then none, until ``heal`` (*faults*)."""
        raise NotImplementedError

    def heal(self) -> None:
        """End the fault."""
        raise NotImplementedError

    def wrong_environment(self) -> Mapping[str, str]:
        """Settings that reach the system, with credentials that it refuses (*credentials*)."""
        raise NotImplementedError
