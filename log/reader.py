"""The embedded log's reader: any number of processes, while another one writes.

It never shows a record that a power cut could still take back: behind the offset that the writer published as durable
there is nothing yet.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from log import LogCorrupt, columns, files, segments
from log.base import Batch, Columns
from log.blocks import Block
from log.files import Piece
from log.hours import Hour

# While files are replaced, a listing may show neither the old nor the new: looked at again before it is called damage.
_LOOKS, _PAUSE_SECONDS = 4, 0.05
_NO_LIMIT = 1 << 62


class _Most(NamedTuple):
    """Where a read stops, whichever comes first; by bytes of payload."""

    records: int
    bytes: int


@dataclass
class _Place:
    """Where the last read of a partition ended, so that the next one need not search."""

    path: Path
    inode: int
    handle: int
    position: int
    offset: int


class EmbeddedReader:
    """Reads the log below ``root``.

    Damage raises LogCorrupt, which names file, byte and offset; with ``past_damage`` the reader goes on behind it.
    """

    def __init__(self, root: Path, *, past_damage: bool = False) -> None:
        """Open nothing yet; a log that does not exist is an empty one."""
        self.root = root
        self._past_damage = past_damage
        self._places: dict[tuple[str, int], _Place] = {}
        self._parquet: dict[tuple[str, int], tuple[Path, int, Hour]] = {}

    def partitions(self, topic: str) -> Sequence[int]:
        """The partitions a topic has; none before a writer was there."""
        return files.partitions(self.root, topic)

    def start(self, topic: str, partition: int) -> int:
        """The first offset that is kept."""
        kept = files.pieces(files.partition_folder(self.root, topic, partition))
        return kept[0].base if kept else 0

    def end(self, topic: str, partition: int) -> int:
        """The offset behind the last durable record."""
        folder = files.partition_folder(self.root, topic, partition)
        mark = files.read_mark(folder)
        if mark is not None:
            return mark
        # Only a power cut takes the note away. Closed files are durable; the writer, once back, says how much more is.
        kept = files.pieces(folder)
        return (kept[-1].end or kept[-1].base) if kept else 0

    def read(self, topic: str, partition: int, offset: int, *, max_records: int = 10_000) -> Batch:
        """Records from ``offset`` on; see ``log.base.Reader``."""
        found = self.columns(topic, partition, offset, max_records=max_records, max_bytes=_NO_LIMIT)
        return Batch(*columns.listed(found), found.next_offset)

    def columns(self, topic: str, partition: int, offset: int, *, max_records: int, max_bytes: int) -> Columns:
        """Records from ``offset`` on as columns; see ``log.base.Reader``."""
        most = _Most(max_records, max_bytes)
        for look in range(_LOOKS):
            last = look == _LOOKS - 1
            try:
                return self._read(topic, partition, offset, most, skip=last and self._past_damage)
            except (FileNotFoundError, LogCorrupt):
                self._forget(topic, partition)
                if last:
                    raise
                time.sleep(_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def _read(self, topic: str, partition: int, offset: int, most: _Most, *, skip: bool) -> Columns:
        folder = files.partition_folder(self.root, topic, partition)
        end = self.end(topic, partition)
        if offset >= end:
            return columns.empty(offset)
        kept = files.pieces(folder)
        at = max((index for index, piece in enumerate(kept) if piece.base <= offset), default=-1)
        if at < 0:
            first = kept[0].base if kept else end
            if skip:
                return columns.empty(first)
            raise LogCorrupt(f"{folder} has no file for offsets {offset:,} to {first - 1:,}: restore it from a backup.")
        piece, following = kept[at], kept[at + 1] if at + 1 < len(kept) else None
        stop = min(end, following.base) if following else end
        if piece.is_parquet:
            try:
                batch = self._read_parquet(topic, partition, piece, offset, most)
            except LogCorrupt:
                if not skip:
                    raise
                batch = columns.empty(offset)
        else:
            batch = self._read_segment(topic, partition, piece, offset, stop, most)
        if batch.next_offset > offset:
            return batch
        if skip:
            return _behind_damage(piece, offset, stop)
        raise LogCorrupt(
            f"{piece.path} does not give offset {offset:,} of {stop - 1:,}: its bytes are damaged; restore this file "
            "from a backup, or read on past the damage where the reader offers that."
        )

    def _read_segment(self, topic: str, partition: int, piece: Piece, offset: int, stop: int, most: _Most) -> Columns:
        place = self._place(topic, partition, piece, offset)
        found: list[Block] = []
        records = held = 0
        while place.offset < stop and records < most.records and held < most.bytes:
            block = segments.read_block(place.handle, place.position)
            # A block from below the offset is one that a search by headers landed in.
            if block is None or block.next_offset > stop or block.first > place.offset:
                break
            found.append(block)
            records, held = records + block.next_offset - max(block.first, offset), held + len(block.body)
            place.position += block.size
            place.offset = block.next_offset
        return columns.of_blocks(found, offset, max(place.offset, offset))

    def _place(self, topic: str, partition: int, piece: Piece, offset: int) -> _Place:
        """An open handle at the block that holds ``offset``: where the last read ended, or found by the headers."""
        known = self._places.get((topic, partition))
        inode = piece.path.stat().st_ino
        if known and (known.path, known.inode, known.offset) == (piece.path, inode, offset):
            return known
        self._forget(topic, partition)
        handle = os.open(piece.path, os.O_RDONLY)
        place = _Place(piece.path, os.fstat(handle).st_ino, handle, segments.skip_blocks(handle, offset), offset)
        self._places[topic, partition] = place
        return place

    def _read_parquet(self, topic: str, partition: int, piece: Piece, offset: int, most: _Most) -> Columns:
        assert piece.end is not None
        if offset >= piece.end:
            return columns.empty(offset)
        hour = self._open_parquet(topic, partition, piece)
        parts = []
        records = held = 0
        for group, (_, last) in enumerate(hour.bounds):
            if last < offset:
                continue
            numbers, found = hour.records(group)
            first = columns.first_from(numbers, offset)
            numbers, found = (column.slice(first, most.records - records) for column in (numbers, found))
            parts.append((numbers, found))
            records, held = records + len(numbers), held + found.nbytes
            if records >= most.records or held >= most.bytes:
                return columns.joined(parts, numbers[-1].as_py() + 1)
        return columns.joined(parts, piece.end)

    def _open_parquet(self, topic: str, partition: int, piece: Piece) -> Hour:
        inode = piece.path.stat().st_ino
        known = self._parquet.get((topic, partition))
        if known and known[:2] == (piece.path, inode):
            return known[2]
        hour = Hour(piece.path)
        self._parquet[topic, partition] = (piece.path, inode, hour)
        return hour

    def _forget(self, topic: str, partition: int) -> None:
        self._parquet.pop((topic, partition), None)
        if known := self._places.pop((topic, partition), None):
            os.close(known.handle)

    def close(self) -> None:
        """Close what is open."""
        for topic, partition in {*self._places, *self._parquet}:
            self._forget(topic, partition)


def _behind_damage(piece: Piece, offset: int, stop: int) -> Columns:
    """Nothing, and the offset of the first record behind the damage that ``offset`` lies in."""
    if piece.is_parquet:
        return columns.empty(stop)
    resumes = [found.found for found in segments.scan(piece.path).damage if offset < found.found <= stop]
    return columns.empty(min(resumes, default=stop))
