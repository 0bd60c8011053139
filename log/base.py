"""The one interface of the log, whatever keeps it.

A topic is a list of partitions, each an endless list of records numbered from 0: the offset. An offset never changes
and is never given twice, also when records before it are compacted or removed. Readers keep their own place, beside
what they made of the records; the log does not know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

EVENTS = "events"
DEAD_LETTERS = "dead_letters"
TOPICS = (EVENTS, DEAD_LETTERS)

# The most a record may have, whatever keeps the log: a broker takes messages of 1,048,588 bytes unless told otherwise.
RECORD_BYTES = 1_000_000

# Key (who it is about: same key, same partition on a broker) and payload, which is never empty.
Entry = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Batch:
    """Records in the order of their offsets, with gaps where records were removed.

    ``next_offset`` is where to go on; it may be past the last record, and equals what was asked for at the end.
    """

    offsets: Sequence[int]
    payloads: Sequence[bytes]
    next_offset: int


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch as Arrow has it: ``offsets`` int64, ``payloads`` large_binary; otherwise as in ``Batch``."""

    offsets: pa.Array[Any]
    payloads: pa.Array[Any]
    next_offset: int


class Writer(Protocol):
    """Appends; one process at a time for each partition."""

    def append(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        """Append entries by topic; when it returns they are durable, when it raises LogError they may or may not be."""

    def tick(self) -> None:
        """Called about once a second by whoever appends, also when there is nothing to append."""

    def close(self) -> None:
        """End the writing in order; what was appended is durable already."""


class Reader(Protocol):
    """Reads what is durable, in any number of processes."""

    def partitions(self, topic: str) -> Sequence[int]:
        """The partitions of a topic; none before the first append."""

    def start(self, topic: str, partition: int) -> int:
        """The first offset that is kept."""

    def end(self, topic: str, partition: int) -> int:
        """The offset the next record will get: records below it are durable."""

    def read(self, topic: str, partition: int, offset: int, *, max_records: int = 10_000) -> Batch:
        """Records from ``offset`` on, at most ``max_records`` (a block more, at most), none at the end."""

    def columns(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Columns:
        """As ``read``, in columns; it stops at ``max_bytes`` of payload as well (a block or a row group more)."""

    def close(self) -> None:
        """Let go of files or connections."""
