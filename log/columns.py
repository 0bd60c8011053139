"""Records as Arrow columns, made without a Python object for each of them.

A block keeps its payloads end to end behind their lengths, which is nearly what Arrow calls a binary array.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from log.base import Columns

if TYPE_CHECKING:
    import pyarrow as pa

    from log.blocks import Block

_LENGTH_BYTES = 4


def empty(next_offset: int) -> Columns:
    """No records, and where to go on."""
    return of_records((), (), next_offset)


def of_blocks(blocks: Sequence[Block], offset: int, next_offset: int) -> Columns:
    """What blocks hold from ``offset`` on; removed records, which have no bytes, are left out."""
    numbers, lengths = array("q"), bytearray()
    for block in blocks:
        numbers.extend(range(block.first, block.next_offset))
        lengths += block.body[: _LENGTH_BYTES * block.count]
    data = b"".join(memoryview(block.body)[_LENGTH_BYTES * block.count :] for block in blocks)
    found = array("I", bytes(lengths))
    if sys.byteorder == "big":
        found.byteswap()
    columns = _columns(numbers, found, data, next_offset)
    if numbers and (numbers[0] < offset or 0 in found):
        kept = _mask(number >= offset and length > 0 for number, length in zip(numbers, found, strict=True))
        return Columns(columns.offsets.filter(kept), columns.payloads.filter(kept), next_offset)
    return columns


def of_records(offsets: Iterable[int], payloads: Sequence[bytes], next_offset: int) -> Columns:
    """Records that came one by one."""
    return _columns(array("q", offsets), array("I", map(len, payloads)), b"".join(payloads), next_offset)


def listed(found: Columns) -> tuple[list[int], list[bytes]]:
    """Offsets and payloads as Python has them."""
    return found.offsets.to_pylist(), found.payloads.to_pylist()  # type: ignore[return-value]


def joined(parts: Sequence[tuple[Any, Any]], next_offset: int) -> Columns:
    """Pieces of columns, offsets and payloads each, one behind the other."""
    import pyarrow as pa

    if not parts:
        return empty(next_offset)
    offsets, payloads = (pa.concat_arrays(list(arrays)) for arrays in zip(*parts, strict=True))
    return Columns(offsets, payloads, next_offset)


def _columns(numbers: array[int], lengths: array[int], data: bytes, next_offset: int) -> Columns:
    import pyarrow as pa
    import pyarrow.compute as pc

    count = len(numbers)
    sizes = pa.Array.from_buffers(pa.uint32(), count, [None, pa.py_buffer(lengths)])
    # By 64 bits: the payloads of one read may be more than two gigabytes.
    ends = pc.cumulative_sum(sizes.cast(pa.int64()))
    starts = pa.concat_arrays([pa.nulls(1, pa.int64()).fill_null(0), ends])
    return Columns(
        pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(numbers)]),
        pa.Array.from_buffers(pa.large_binary(), count, [None, starts.buffers()[1], pa.py_buffer(data)]),
        next_offset,
    )


def _mask(chosen: Iterable[bool]) -> pa.BooleanArray:
    import pyarrow as pa

    # By way of bytes: an array of Python values has pyarrow load pandas, a seventh of a second.
    raw = bytes(chosen)
    return pa.Array.from_buffers(pa.uint8(), len(raw), [None, pa.py_buffer(raw)]).cast(pa.bool_())  # type: ignore[return-value]


def first_from(offsets: pa.Array[Any], offset: int) -> int:
    """The place of the first of ascending ``offsets`` that is ``offset`` or more."""
    low, high = 0, len(offsets)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if int(offsets[middle].as_py()) < offset else (low, middle)
    return low
