"""Blocks: what one commit appends to a segment.

    header   magic "BRL1" | CRC-32 | body bytes | count | first offset | written at
    body     count lengths | the payloads, end to end

All little-endian; ``written at`` in milliseconds since 1970 UTC; the checksum covers everything behind itself. A length
of 0 is a record that was removed: it keeps its offset. One commit is one block and the next is written only when the
one before is durable, so a block that is not whole with a whole one behind it was damaged, not torn.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from log import LogError

MAGIC = b"BRL1"
_HEADER = struct.Struct("<4sIIIQQ")
HEADER_BYTES = _HEADER.size
# A body's bytes are told by 32 bits; far below that a commit is a mistake of whoever groups.
MAX_BODY_BYTES = 1 << 30
_CHECKED_FROM = 8


@dataclass(frozen=True, slots=True)
class Block:
    """One whole block: offsets ``first`` to ``first + count - 1``; ``size`` is its bytes with header."""

    first: int
    count: int
    written_ms: int
    body: bytes

    @property
    def next_offset(self) -> int:
        """The offset behind its last record."""
        return self.first + self.count

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return HEADER_BYTES + len(self.body)

    def lengths(self) -> tuple[int, ...]:
        """Bytes of each payload; 0 where a record was removed."""
        return struct.unpack_from(f"<{self.count}I", self.body)

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Offset and payload of every record that was not removed."""
        lengths = self.lengths()
        ends = accumulate(lengths, initial=4 * self.count)
        for index, (start, length) in enumerate(zip(ends, lengths, strict=False)):
            if length:
                yield self.first + index, self.body[start : start + length]


def encode(first: int, written_ms: int, payloads: Sequence[bytes], *, removed: bool = False) -> bytes:
    """The bytes of a block; an empty payload is refused unless ``removed`` says that it stands for a removed record."""
    lengths = [len(payload) for payload in payloads]
    if not lengths or (not removed and 0 in lengths):
        raise LogError("A record without bytes cannot be appended: give every entry a payload.")
    if sum(lengths) + 4 * len(lengths) > MAX_BODY_BYTES:
        raise LogError(f"A commit holds at most {MAX_BODY_BYTES:,} bytes: append in smaller batches.")
    body = struct.pack(f"<{len(lengths)}I", *lengths) + b"".join(payloads)
    rest = _HEADER.pack(MAGIC, 0, len(body), len(lengths), first, written_ms)[_CHECKED_FROM:]
    return MAGIC + zlib.crc32(body, zlib.crc32(rest)).to_bytes(4, "little") + rest + body


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of a block claim; nothing is checked but the magic and sizes that cannot be."""

    checksum: int
    body_bytes: int
    count: int
    first: int
    written_ms: int


def read_header(data: bytes | memoryview) -> Header | None:
    """The header at the start of ``data``, or None when no block can begin there."""
    if len(data) < HEADER_BYTES:
        return None
    magic, checksum, body_bytes, count, first, written_ms = _HEADER.unpack_from(data)
    if magic != MAGIC or count == 0 or 4 * count > body_bytes or body_bytes > MAX_BODY_BYTES:
        return None
    return Header(checksum, body_bytes, count, first, written_ms)


def decode(data: bytes | memoryview) -> Block | None:
    """The whole block at the start of ``data``, or None when there is none: cut off, or damaged."""
    header = read_header(data)
    if header is None or len(data) < HEADER_BYTES + header.body_bytes:
        return None
    return checked(data[:HEADER_BYTES], header, bytes(data[HEADER_BYTES : HEADER_BYTES + header.body_bytes]))


def checked(head: bytes | memoryview, header: Header, body: bytes) -> Block | None:
    """The block of a header, as bytes and read, and of what is behind it; None when there is too little, or damage."""
    if zlib.crc32(body, zlib.crc32(head[_CHECKED_FROM:])) != header.checksum:
        return None
    block = Block(header.first, header.count, header.written_ms, body)
    return block if 4 * header.count + sum(block.lengths()) == header.body_bytes == len(body) else None


def find(data: bytes, start: int) -> int | None:
    """Where the first whole block at or behind ``start`` begins, or None."""
    view = memoryview(data)
    position = data.find(MAGIC, start)
    while position >= 0:
        if decode(view[position:]) is not None:
            return position
        position = data.find(MAGIC, position + 1)
    return None
