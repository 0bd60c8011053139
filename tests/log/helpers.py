"""What the tests of the log share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from log.base import DEAD_LETTERS, EVENTS, Reader
from log.reader import EmbeddedReader
from log.writer import EmbeddedWriter

HOUR_MS = 3_600_000


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, start_ms: int = 1_790_000_000_000) -> None:
        self.ms = start_ms

    def __call__(self) -> int:
        return self.ms


def entries(*payloads: bytes) -> list[tuple[str, bytes]]:
    return [("key", payload) for payload in payloads]


def append(writer: EmbeddedWriter, *payloads: bytes, topic: str = EVENTS) -> None:
    writer.append({topic: entries(*payloads)})


def read_all(reader: Reader, topic: str = EVENTS, *, offset: int = 0, step: int = 7) -> list[tuple[int, bytes]]:
    """Everything from an offset on, by small steps, with the rules every read obeys checked."""
    found: list[tuple[int, bytes]] = []
    for partition in reader.partitions(topic):
        place = offset
        while (batch := reader.read(topic, partition, place, max_records=step)).next_offset != place:
            assert list(batch.offsets) == sorted(set(batch.offsets))
            assert all(place <= number < batch.next_offset for number in batch.offsets)
            found += zip(batch.offsets, batch.payloads, strict=True)
            place = batch.next_offset
        assert place == max(offset, reader.end(topic, partition))
    return found


def payloads_of(root: Path, topic: str = EVENTS, *, step: int = 7) -> list[bytes]:
    reader = EmbeddedReader(root)
    try:
        return [payload for _, payload in read_all(reader, topic, step=step)]
    finally:
        reader.close()


def segments_of(root: Path, topic: str = EVENTS) -> list[Path]:
    return sorted((root / topic / "000").glob("*.log"))


def numbered(count: int, start: int = 0) -> Sequence[bytes]:
    return [b"record-%d" % number for number in range(start, start + count)]


def block_starts(path: Path) -> Iterator[int]:
    from log.segments import HEADER_BYTES, blocks

    position = HEADER_BYTES
    for block in blocks(path):
        yield position
        position += block.size


__all__ = ["DEAD_LETTERS", "EVENTS"]
