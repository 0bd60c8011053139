"""Segment calls as JSON text, put together by columns.

Every helper takes and gives Arrow string arrays; nothing here needs escaping, because the vocabulary has no quotes,
backslashes or control characters (``text_of`` makes sure).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from pyarrow import compute

from sandbox.company.columns import DIGITS, NONE, Bools, Column, Ints, Texts

Strings: TypeAlias = "pa.Array[Any]"
# Its stubs do not know functions of many arrays.
pc: Any = compute


def text_of(column: Texts) -> Strings:
    """A text column as Arrow, with JSON's escapes."""
    array = pa.array(column, type=pa.string())
    escaped: Strings = pc.replace_substring(pc.replace_substring(array, "\\", "\\\\"), '"', '\\"')
    return escaped


def glued(*parts: Any) -> Strings:
    """Arrays and words joined row by row; null where any part is."""
    joined: Strings = pc.binary_join_element_wise(
        *[pa.scalar(part) if isinstance(part, str) else part for part in parts], ""
    )
    return joined


def filled(array: Strings, word: str = "") -> Strings:
    """The word where the array is null."""
    whole: Strings = pc.fill_null(array, word)
    return whole


def chosen(mask: Bools, yes: Strings | str, no: Strings | str) -> Strings:
    """One or the other, by mask."""
    found: Strings = pc.if_else(pa.array(mask), yes, no)
    return found


def first_of(*arrays: Strings) -> Strings:
    """The first value of each row that is not null."""
    found: Strings = pc.coalesce(*arrays)
    return found


def quoted(array: Strings) -> Strings:
    """A JSON string, or ``null``."""
    return filled(glued('"', array, '"'), "null")


def member(name: str, value: Strings) -> Strings:
    """``,"name":value``, or nothing where the value is null."""
    return filled(glued(f',"{name}":', value))


def string_member(name: str, array: Strings) -> Strings:
    """``,"name":"text"``, or nothing where the text is null."""
    return filled(glued(f',"{name}":"', array, '"'))


def only(mask: Bools, array: Strings) -> Strings:
    """Null outside the mask."""
    kept: Strings = pc.if_else(pa.array(mask), array, pa.scalar(None, type=pa.string()))
    return kept


def iso(moments: Ints) -> Strings:
    """Moments as SDKs write them, ``2026-01-05T06:00:00.000Z``; null stays null."""
    none = moments == NONE
    written = np.datetime_as_string(np.where(none, 0, moments).astype("datetime64[s]"))
    return only(~none, glued(pa.array(written.astype(object), type=pa.string()), ".000Z"))


def money(cents: Ints) -> Strings:
    """Cents as a JSON number with two places."""
    whole = pc.cast(pa.array(cents // 100), pa.string())
    return glued(whole, ".", pa.array(DIGITS[2][cents % 100], type=pa.string()))


def of(column: Column) -> Strings:
    """A text column as Arrow, as it is."""
    return pa.array(column, type=pa.string())
