"""JSON values of one field as one Arrow column, exactly: a value that does not fit raises, nothing is bent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import time
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pyarrow as pa

from extract.sources.times import timestamps


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array[Any]:
    """``values`` as ``kind``; null stays null and "" becomes null, as Bulk cannot tell them apart.

    Raises ValueError, TypeError, ArithmeticError or pa.ArrowException.
    """
    present = [None if value == "" else value for value in values]
    if pa.types.is_timestamp(kind):
        return timestamps(pa.array(present, pa.string()))
    if pa.types.is_date(kind):
        return pa.array(present, pa.string()).cast(kind)
    if pa.types.is_boolean(kind) or pa.types.is_string(kind):
        convert = _text if pa.types.is_string(kind) else _same
        return pa.array([None if value is None else convert(value) for value in present], kind)
    if pa.types.is_time(kind):
        return pa.array([None if value is None else _time(value) for value in present], kind)
    numbers = [None if value is None else _number(value) for value in present]
    if pa.types.is_integer(kind):
        return pa.array([None if number is None else _whole(number) for number in numbers], kind)
    if pa.types.is_decimal(kind):
        return pa.array([None if number is None else _rounded(number, kind.scale) for number in numbers], kind)
    return pa.array([None if number is None else float(number) for number in numbers], kind)


def _same(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    return json.dumps(value, sort_keys=True, default=str)


def _time(value: Any) -> time:
    return time.fromisoformat(value).replace(tzinfo=None)


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise TypeError("no number")
    return Decimal(value)


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise ValueError("no whole number")
    return int(number)


def _rounded(number: Decimal, scale: int) -> Decimal:
    with localcontext(prec=80):
        return number.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
