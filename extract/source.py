"""What a source is: the small interface every connector implements, and the words the frame uses with it.

A source knows one system and nothing of the warehouse. It describes each object (name, key, cursor, typed columns)
and reads a window into a spool; when to ask, what is done with the answer, and the books are the frame's
(``pipeline.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple, Protocol

import pyarrow as pa

from warehouse.base import TableName


class SourceError(Exception):
    """Reading failed; the message is one sentence with the cause and the remedy, free of secrets.

    ``permanent`` is true when trying again cannot help (wrong credentials, a missing permission, a bad setting).
    """

    permanent: ClassVar[bool] = False


class ConfigurationError(SourceError):
    """A setting is missing or malformed; the message names the environment variable."""

    permanent = True


class AccessDenied(SourceError):
    """The system refuses these credentials or this scope."""

    permanent = True


class Unreachable(SourceError):
    """The host cannot be reached or does not answer in time."""


class RateLimited(SourceError):
    """The system's quota is used up for now."""


class MalformedAnswer(SourceError):
    """The system answered with something that is not what its API promises."""


@dataclass(frozen=True)
class Window:
    """Half open: ``start <= cursor < end``, naive UTC. ``start`` None reads all history."""

    start: datetime | None
    end: datetime


class Folds(NamedTuple):
    """How rows of one key become one row: ``sums`` add up, ``least`` keeps the smallest, and of all other columns the
    row with the greatest ``newest`` wins.
    """

    sums: str
    least: str
    newest: str


class Owners(NamedTuple):
    """Who a row is from: ``column`` says it, and ``anyones`` are values of it under which all owners' rows may come."""

    column: str
    anyones: tuple[str, ...]


@dataclass(frozen=True)
class ObjectInfo:
    """One object as its source describes it now.

    ``schema`` maps final column names (snake_case) to Arrow types; ``fields`` maps column to the source's field name.
    """

    name: str
    table: TableName
    key: tuple[str, ...]
    schema: pa.Schema
    fields: Mapping[str, str]
    cursor: str | None = None
    newest_by: tuple[str, ...] = ()
    append_only: bool = False
    # Rows of one key are counted together instead of one of them kept; with ``append_only``, since none is ever absent.
    folds: Folds | None = None
    # With ``append_only``: rows of another owner than the one that has the key go to quarantine, by their ``payload``.
    owners: Owners | None = None
    # Re-read this much before the watermark: late commits, index lag.
    overlap: timedelta = timedelta(0)
    # The watermark stays at least this much behind the source's clock; what late rows teach is added to it.
    lag: timedelta = timedelta(0)
    # A full picture each time: rows stored but not in it are marked deleted.
    snapshot: bool = False
    # Whether ``count`` counts deleted rows that ``read`` gives.
    counts_deleted: bool = False
    # Columns that change without the cursor moving (formulas, roll-ups): read anew by ``reconcile``.
    unstamped: frozenset[str] = frozenset()
    # What the settings ask of it beside its columns: once they ask for more, all history is read again.
    asked: frozenset[str] = frozenset()

    def narrowed(self, columns: Iterable[str]) -> ObjectInfo:
        """The object with its key, its cursor and ``columns`` alone, for a read of all rows that costs little."""
        kept = {*self.key, *columns, *([self.cursor] if self.cursor else [])}
        return replace(
            self,
            schema=pa.schema([field for field in self.schema if field.name in kept]),
            fields={column: field for column, field in self.fields.items() if column in kept},
        )


class Rejected(NamedTuple):
    """A row that cannot be landed: what it was, which rule it broke, and where it stood in the source.

    ``payload`` is the row as JSON, ``rule`` a short stable name (``type:<column>``, ``null_key``), ``reason`` a
    sentence without the payload's values, ``position`` where to find it (an id, a file and line, a page). ``key`` is
    the record's key as text, its columns parted by ``|``; ``cursor`` when it changed (naive UTC, None when that is what
    cannot be read) and ``is_deleted`` what the source says of it: the proof counts by them.
    """

    payload: str
    rule: str
    reason: str
    position: str
    key: str | None = None
    cursor: datetime | None = None
    is_deleted: bool = False


class Spool(Protocol):
    """Where a source puts what it read: local disk, never memory (``extract/spool.py``)."""

    def csv_page(self, chunks: Callable[[Callable[[bytes], object]], None]) -> None:
        """Write one CSV page: ``chunks`` is called with a writer that takes bytes.

        Several threads may do so at once. A page whose ``chunks`` raises is not there.
        """

    def expect(self, csv_rows: int) -> None:
        """Say how many rows the CSV pages hold by the source's count; landing refuses another number of them.

        Said several times (a window read in parts), the numbers add up.
        """

    def rows(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Add typed rows; the columns are (a subset of) the object's schema.

        A boolean column ``_is_deleted`` may come with them when the source says so row by row; otherwise it is false.
        """

    def reject(self, rows: Sequence[Rejected]) -> None:
        """Keep rows that cannot be landed for ``ops.quarantine``; the rest of the batch goes on."""

    def gone(self, keys: pa.Table, *, how: str) -> None:
        """Records that no longer exist under this key; ``how`` is one word for it: merged, erased.

        ``keys`` has one or more of the object's key columns. After the rows have landed, stored rows that match on
        those columns are marked ``_is_deleted`` and keep all other values; keys never landed are passed over.
        """

    def whole(self, scope: Mapping[str, str]) -> None:
        """Say that the rows spooled are all there is where the columns of ``scope`` have these values.

        Stored rows of that scope that are not among them are marked ``_is_deleted``.
        """

    def file_done(
        self,
        path: str,
        *,
        size_bytes: int,
        modified_at: datetime | None,
        content_hash: str,
        rows: int,
        unchanged: bool = False,
    ) -> None:
        """Record a source file as read whole; it lands in ``ops.landed_files`` with the rows.

        ``unchanged`` when it was only looked at: it holds what it held when it landed.
        """

    def reached(self, stretch: Reached) -> None:
        """Record how far a log was read; it lands in ``ops.log_offsets`` with the rows, or neither does."""


class LandedFile(NamedTuple):
    """A file as ``ops.landed_files`` knows it: the same size and time means it need not be opened again."""

    size_bytes: int
    modified_at: datetime | None
    content_hash: str


class Place(NamedTuple):
    """Up to where a partition of a log has landed (``ops.log_offsets``).

    ``number`` counts its landings; ``last_offset`` and ``last_hash`` (SHA-256) are of the last record that landed, by
    which the log is known again.
    """

    number: int
    next_offset: int
    last_offset: int | None = None
    last_hash: str | None = None


class Reached(NamedTuple):
    """A stretch of a log's partition that was read, ``start`` up to but without ``next_offset``.

    ``lost`` counts offsets in it that somebody has given up, ``problem`` says why nothing behind it was read.
    """

    topic: str
    partition: int
    start: int
    next_offset: int
    records: int = 0
    last_offset: int | None = None
    last_hash: str | None = None
    lost: int = 0
    problem: str | None = None


class Jobs(Protocol):
    """Long jobs at the server, remembered so that a run that dies leaves them to the next one (``extract/jobs.py``)."""

    def pending(self, query: str) -> str | None:
        """The id of a job for this very query that an earlier run started and did not land; None without one."""

    def begin(self, query: str, job: str) -> None:
        """Remember a job as soon as the server has named it."""

    def forget(self, job: str) -> None:
        """A job that came to nothing."""


@dataclass
class ReadContext:
    """What the frame hands to ``read`` beside the window."""

    window: Window
    spool: Spool
    progress: Callable[[int], None]
    # Keys to read one by one, for sources that cannot list (Segment's Profile API); None otherwise.
    subjects: Sequence[str] | None = None
    # What ``count`` said of the window just before, None when it cannot count.
    expected: int | None = None
    # path -> the file as it was when it landed, for file-like sources.
    landed_files: Mapping[str, LandedFile] = field(default_factory=dict)
    # Where a source that has the server work for minutes remembers its jobs; None in reads that are cheap to repeat.
    jobs: Jobs | None = None
    # (topic, partition) -> up to where it has landed, for sources that read a log.
    places: Mapping[tuple[str, int], Place] = field(default_factory=dict)
    # All history is asked for again.
    full: bool = False


class Spent(NamedTuple):
    """Calls a source has made, and of the system's daily quota how many are used by everybody; None when not told."""

    calls: int = 0
    quota_used: int | None = None
    quota: int | None = None


class Source(ABC):
    """One system. Construct with ``from_environment``; nothing is contacted before ``connect``."""

    name: ClassVar[str]
    # All a source of this kind can have; an instance may have fewer or more, by its settings.
    objects: tuple[str, ...]
    # Those of them that ``count`` counts, and whose windows are therefore proven.
    counted: tuple[str, ...] = ()
    # Objects with ``subjects_from`` that a read of all history lists by itself: it is given no subjects then.
    listed_first: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    @abstractmethod
    def from_environment(cls, env: Mapping[str, str]) -> Source:
        """Read settings; raises ConfigurationError naming each variable that is missing or wrong."""

    def spent(self) -> Spent:
        """Calls made so far, and the day's quota as the server told it last."""
        return Spent()

    def cost(self, info: ObjectInfo, window: Window, rows: int | None) -> int | None:
        """About how many calls reading ``rows`` rows of the window takes; None when nobody can say before."""
        return None

    @classmethod
    def declared(cls, env: Mapping[str, str]) -> tuple[str, ...]:
        """The objects that the settings name, without contacting anything or refusing anything: all there can be."""
        return cls.objects

    @classmethod
    def declared_counted(cls, env: Mapping[str, str]) -> tuple[str, ...]:
        """Those of ``declared`` that are counted."""
        return cls.counted

    @abstractmethod
    def connect(self) -> None:
        """Prove host and credentials, before any work. Raises AccessDenied or Unreachable."""

    @abstractmethod
    def now(self) -> datetime:
        """The *source's* clock, naive UTC, cut to whole seconds: the end of the next window."""

    @abstractmethod
    def describe(self, name: str) -> ObjectInfo:
        """The object's columns, key and cursor as they are now."""

    @abstractmethod
    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Spool every row of the window, or raise; a partial spool is thrown away by the caller.

        ``info`` may be narrowed: then only its columns are asked for, and of ``window`` all history.
        """

    def landed(self, info: ObjectInfo) -> None:  # noqa: B027 - optional
        """Let go at the server of what ``read`` kept for a run that might have to go on: it has landed."""

    def more(self, info: ObjectInfo) -> bool:
        """Whether ``read`` stopped early, so that one landing is not too large: once landed it is asked again."""
        return False

    def unread(self, info: ObjectInfo) -> str | None:
        """What the last ``read`` could not read, when the rest of it landed all the same; None for nothing."""
        return None

    def read_keys(self, info: ObjectInfo, keys: Sequence[str], context: ReadContext) -> None:
        """Spool the records with these keys as they are now; those that no longer exist are left out."""
        raise ConfigurationError(
            f"{self.name} cannot be asked for single records; put the source right and run "
            f"`braid extract {self.name} {info.name} --full`."
        )

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        """How many rows have ``start <= cursor < end``, by the source's own count; None when it cannot say.

        It is the proof that a window is complete, so it must not be derived from the rows ``read`` gives.
        """
        return None

    def subjects_from(self, name: str) -> tuple[TableName, str] | None:
        """For an object read key by key: the landed table and column that holds its keys.

        ``ReadContext.subjects`` are the distinct keys in rows extracted since the object's own last window landed, and
        all of them on a first or full load, or none where ``listed_first`` names the object.
        """
        return None

    def close(self) -> None:  # noqa: B027 - optional
        """Release connections."""
