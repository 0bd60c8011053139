"""Columns and the few things done with them: frames that grow and change, random streams, Arrow at the end.

Working columns are numpy arrays. Text is an object array with None for null; moments are whole seconds since 1970,
dates days, money cents, all int64 with ``NONE`` for null; doubles use NaN.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import add
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
Column = npt.NDArray[Any]

NONE: Final = np.iinfo(np.int64).min
DAY_SECONDS: Final = 86_400

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - every moment of the sandbox is naive UTC
_DAY_ONE: Final = datetime(2026, 1, 5, 6)  # noqa: DTZ001
DIGITS: Final[Mapping[int, Texts]] = {
    width: np.array([f"{n:0{width}d}" for n in range(10**width)], dtype=object) for width in (1, 2, 3, 4)
}


def clock_of(day: int) -> datetime:
    """The sandbox's clock on a day, UTC."""
    return (_DAY_ONE + timedelta(days=day - 1)).replace(tzinfo=UTC)


def seconds(moment: datetime) -> int:
    """Seconds since 1970 of a naive UTC moment, or of an aware one."""
    return int((moment.replace(tzinfo=None) - _EPOCH).total_seconds())


def stream(seed: int, day: int, name: str) -> np.random.Generator:
    """The random numbers of one topic on one day: topics do not disturb one another when one of them changes."""
    return np.random.default_rng(np.random.SeedSequence([seed, day, zlib.crc32(name.encode())]))


class Frame:
    """Columns of equal length by name; names beginning with ``_`` are the generator's own and never published."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        """Take the columns as they are."""
        self.columns: dict[str, Column] = dict(columns)

    def __len__(self) -> int:
        """Rows."""
        return next((len(column) for column in self.columns.values()), 0)

    def __getitem__(self, name: str) -> Column:
        """The column itself; writing into it changes the frame."""
        return self.columns[name]

    def __setitem__(self, name: str, column: Column) -> None:
        """Add or replace a column."""
        self.columns[name] = column

    def __iter__(self) -> Iterator[str]:
        """Column names."""
        return iter(self.columns)

    def append(self, other: Frame) -> None:
        """Add the other frame's rows; both have the same columns."""
        if set(self.columns) != set(other.columns):
            raise ValueError(f"columns differ: {sorted(set(self.columns) ^ set(other.columns))}")
        for name, column in self.columns.items():
            self.columns[name] = np.concatenate([column, other.columns[name]])

    def rows(self, which: Column) -> Frame:
        """Rows by index or mask, copied."""
        return Frame({name: column[which] for name, column in self.columns.items()})

    def keep(self, mask: Bools) -> None:
        """Drop the rows outside the mask."""
        for name, column in self.columns.items():
            self.columns[name] = column[mask]

    def table(self, schema: pa.Schema) -> pa.Table:
        """The schema's columns as Arrow."""
        arrays = [to_arrow(self.columns[field.name], field.type) for field in schema]
        return pa.Table.from_arrays(arrays, schema=schema)


def to_arrow(column: Column, kind: pa.DataType) -> pa.Array[Any]:
    """A working column as an Arrow array of the type, nulls where the column has its null."""
    if pa.types.is_string(kind):
        return pa.array(column, type=kind, from_pandas=True)
    if pa.types.is_boolean(kind):
        return pa.array(column, type=kind)
    if pa.types.is_floating(kind):
        # Copied: a table already handed out must not change with the frame.
        return pa.array(column.copy(), type=kind, mask=np.isnan(column))
    none = column == NONE
    whole = np.where(none, 0, column)
    if pa.types.is_decimal(kind):
        return _decimal(whole, none, kind)
    if pa.types.is_timestamp(kind):
        return pa.array(whole * 1_000_000, type=pa.int64(), mask=none).view(kind)
    if pa.types.is_date32(kind):
        return pa.array(whole.astype(np.int32), type=pa.int32(), mask=none).view(kind)
    return pa.array(whole, type=kind, mask=none)


def _decimal(whole: Ints, none: Bools, kind: pa.DataType) -> pa.Array[Any]:
    """Unscaled integers as decimals: two little-endian words a value, the upper one the sign."""
    words = np.empty((len(whole), 2), dtype=np.int64)
    words[:, 0] = whole
    words[:, 1] = whole >> 63
    valid = pa.array(~none).buffers()[1]
    return pa.Array.from_buffers(kind, len(whole), [valid, pa.py_buffer(words.tobytes())])


def nothing(count: int) -> Texts:
    """A text column of nulls."""
    return np.full(count, None, dtype=object)


def where(mask: Bools, yes: Any, no: Any) -> Texts:
    """Text chosen by mask; either side may be a column, a word or None."""
    found = np.full(len(mask), None, dtype=object)
    found[mask] = yes[mask] if isinstance(yes, np.ndarray) else yes
    found[~mask] = no[~mask] if isinstance(no, np.ndarray) else no
    return found


def together(*parts: Any) -> Texts:
    """Text columns and words joined row by row; no part may be null."""
    found: Texts = reduce(add, parts)
    return found


def map_text(column: Texts, how: Any) -> Texts:
    """A function of each text, worked out once for each distinct one."""
    distinct, index = np.unique(column.astype("U"), return_inverse=True)
    words = np.array([how(str(word)) for word in distinct], dtype=object)
    return words[index] if len(column) else nothing(0)


def first_of_each(keys: Texts) -> Bools:
    """True at the first row of every distinct key."""
    codes = pa.array(keys, type=pa.string()).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(codes, return_index=True)
    mask = np.zeros(len(keys), dtype=bool)
    mask[first] = True
    return mask


def places(keys: Texts, wanted: Texts) -> Ints:
    """Where each wanted text stands among distinct keys, -1 where it does not (or is null)."""
    values = pa.array(keys, type=pa.string())
    index = compute.index_in(pa.array(wanted, type=pa.string()), value_set=values)
    found: Ints = np.asarray(index.fill_null(-1)).astype(np.int64)
    return found


def moments(rng: np.random.Generator, start: Ints | int, end: Ints | int, count: int) -> Ints:
    """Whole seconds, uniform in ``start < t <= end``; where the span is empty, ``end``."""
    low = np.broadcast_to(np.asarray(start, dtype=np.int64), (count,))
    high = np.broadcast_to(np.asarray(end, dtype=np.int64), (count,))
    span = np.maximum(high - low, 1)
    later: Ints = low + 1 + np.floor(rng.random(count) * span).astype(np.int64)
    return np.minimum(later, high)


def chance(rng: np.random.Generator, count: int, share: float) -> Bools:
    """True for about this share of rows."""
    return rng.random(count) < share


def sample(rng: np.random.Generator, candidates: Column, count: int) -> Ints:
    """Up to ``count`` of the candidates (indices or a mask), without repetition, in ascending order."""
    found = np.flatnonzero(candidates) if candidates.dtype == np.bool_ else candidates.astype(np.int64)
    if count <= 0 or not len(found):
        return np.empty(0, dtype=np.int64)
    return np.sort(rng.choice(found, size=min(count, len(found)), replace=False))
