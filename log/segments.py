"""A segment: a header, then blocks. Made whole or not at all, appended to, read block by block.

The hour a segment belongs to is the one it was made in; the writer begins a new one with every hour.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from log import LogCorrupt
from log.blocks import HEADER_BYTES as BLOCK_HEADER_BYTES
from log.blocks import Block, checked, decode, find, read_header
from log.files import DRAFT, replace_durably, segment_path

_HEADER = struct.Struct("<8sQQ")
_MAGIC = b"BRAIDLG1"
HEADER_BYTES = _HEADER.size + 4
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes ``start`` to ``stop`` of a segment that are no block; the offsets from ``lost`` to ``found`` were there."""

    path: Path
    start: int
    stop: int
    lost: int
    found: int

    def __str__(self) -> str:
        """For a sentence: which bytes of which file, and which offsets."""
        what = f"offsets {self.lost:,} to {self.found - 1:,}" if self.found > self.lost else "no record"
        return f"{self.path} at bytes {self.start:,} to {self.stop:,} ({what})"


@dataclass(slots=True)
class Scan:
    """What a segment holds. Behind ``good_bytes`` is nothing but, perhaps, a torn tail; ``last`` is its last block."""

    base: int
    created_ms: int
    next_offset: int
    good_bytes: int
    file_bytes: int
    last: int = HEADER_BYTES
    damage: list[Damage] = field(default_factory=list)


def header(base: int, created_ms: int) -> bytes:
    """The first bytes of a segment."""
    fields = _HEADER.pack(_MAGIC, base, created_ms)
    return fields + zlib.crc32(fields).to_bytes(4, "little")


def created_ms(path: Path) -> int:
    """When a segment was made; LogCorrupt when its header says something else than its name."""
    with path.open("rb") as file:
        return _checked_header(path, file.read(HEADER_BYTES))


def _checked_header(path: Path, data: bytes) -> int:
    if len(data) == HEADER_BYTES and zlib.crc32(data[: _HEADER.size]).to_bytes(4, "little") == data[_HEADER.size :]:
        magic, base, made = _HEADER.unpack_from(data)
        if magic == _MAGIC and base == int(path.stem):
            return int(made)
    raise LogCorrupt(f"{path} does not begin as a segment of the log does: restore this file from a backup.")


def create(folder: Path, base: int, made_ms: int) -> int:
    """A new, empty segment, durable with its name; returns it open."""
    path = segment_path(folder, base)
    draft = path.with_name(path.name + DRAFT)
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, header(base, made_ms))
        replace_durably(draft, path)
    except BaseException:
        os.close(handle)
        raise
    return handle


def scan(path: Path) -> Scan:
    """Read and check all of a segment; damage in it is listed, whatever follows it is still read."""
    data = path.read_bytes()
    base = int(path.stem)
    result = Scan(base, 0, base, min(HEADER_BYTES, len(data)), len(data))
    try:
        result.created_ms = _checked_header(path, data[:HEADER_BYTES])
    except LogCorrupt:
        result.damage.append(Damage(path, 0, result.good_bytes, base, base))
    view, position = memoryview(data), HEADER_BYTES
    while position < len(data):
        block = decode(view[position:])
        result.last = position if block is not None else result.last
        if block is not None and block.first == result.next_offset:
            position += block.size
        elif block is not None and block.first > result.next_offset:
            result.damage.append(Damage(path, position, position, result.next_offset, block.first))
            position += block.size
        else:
            following = find(data, position + 1)
            if following is None:
                break
            found = read_header(view[following:])
            assert found is not None
            result.damage.append(Damage(path, position, following, result.next_offset, found.first))
            result.next_offset = max(result.next_offset, found.first)
            position = following
            continue
        result.next_offset, result.good_bytes = block.next_offset, position
    return result


def read_block(handle: int, position: int) -> Block | None:
    """The whole block at a byte of an open segment, or None: the end, a block being written, or damage."""
    head = os.pread(handle, BLOCK_HEADER_BYTES, position)
    if (header := read_header(head)) is None:
        return None
    # By itself: cut out of what was read with the header it would be copied.
    return checked(head, header, os.pread(handle, header.body_bytes, position + BLOCK_HEADER_BYTES))


def skip_blocks(handle: int, offset: int) -> int:
    """The byte at which the block that holds ``offset`` begins; where the walk ends when no block reaches so far.

    Only headers are read: a block that is passed over is not checked, unless it leads to where none begins.
    """
    position = passed = HEADER_BYTES
    while True:
        head = read_header(os.pread(handle, BLOCK_HEADER_BYTES, position))
        if head is not None and head.first + head.count > offset:
            return position
        if head is not None:
            passed, position = position, position + BLOCK_HEADER_BYTES + head.body_bytes
            continue
        rest = os.pread(handle, max(0, os.fstat(handle).st_size - passed), passed)
        following = find(rest, 1)
        if following is None:
            return position
        position = passed + following


def blocks(path: Path) -> Iterator[Block]:
    """Every block of a closed segment; LogCorrupt at the first damage, which a torn tail is too in a closed one."""
    created_ms(path)
    handle = os.open(path, os.O_RDONLY)
    try:
        size, position, expected = os.fstat(handle).st_size, HEADER_BYTES, int(path.stem)
        while position < size:
            block = read_block(handle, position)
            if block is None or block.first != expected:
                raise LogCorrupt(
                    f"{path} is damaged at byte {position:,} (offset {expected:,}): restore this file from a backup, "
                    "or read on past the damage where the reader offers that."
                )
            yield block
            position, expected = position + block.size, block.next_offset
    finally:
        os.close(handle)
