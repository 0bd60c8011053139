"""What a driver returns as Arrow columns, to the digit; a value that does not fit sets its row aside, not the batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

# Room for any decimal a warehouse holds, so that nothing is rounded on the way.
_EXACT = Context(prec=76)
# Python types that Arrow takes for a type without being asked to guess; all else goes value by value.
_EXPECTED: Mapping[str, frozenset[type]] = {
    "string": frozenset({str}),
    "int64": frozenset({int}),
    "double": frozenset({float}),
    "bool": frozenset({bool}),
    "date32[day]": frozenset({date}),
    "time64[us]": frozenset({time}),
    "timestamp[us]": frozenset({datetime}),
}
_DECIMALS = frozenset({Decimal})
_WORDS = {"string": "text", "int64": "a whole number", "double": "a number", "bool": "true or false"}
_WORDS |= {"date32[day]": "a date", "time64[us]": "a time of day", "timestamp[us]": "a moment"}


def batch(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> tuple[pa.Table, dict[int, str]]:
    """Rows in the order of ``schema`` as a table, and rows that do not fit: their place and the first such column."""
    broken: dict[int, str] = {}
    columns = []
    for place, field in enumerate(schema):
        values = [row[place] for row in rows]
        array, bad = _column(values, field.type)
        columns.append(array)
        for row in bad:
            broken.setdefault(row, field.name)
    table = pa.Table.from_arrays(columns, schema=schema)
    if broken:
        table = table.filter(pa.array([place not in broken for place in range(len(rows))]))
    return table, broken


def in_words(kind: pa.DataType) -> str:
    """A type as a person would say it."""
    if pa.types.is_decimal(kind):
        return f"a number with {kind.precision} digits, {kind.scale} of them decimals"
    return _WORDS[str(kind)]


def as_json(names: Sequence[str], row: Sequence[Any]) -> str:
    """A row as JSON text; what JSON does not have is written as text."""
    return json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)


def _column(values: list[Any], kind: pa.DataType) -> tuple[pa.Array[Any], list[int]]:
    """The values as Arrow; places of those that do not fit, which are null in it."""
    expected = _DECIMALS if pa.types.is_decimal(kind) else _EXPECTED[str(kind)]
    if {type(value) for value in values if value is not None} <= expected:
        try:
            return _array(values, kind), []
        except (pa.ArrowException, ValueError, OverflowError, TypeError):
            pass
    convert, kept, bad = _converter(kind), [], []
    for place, value in enumerate(values):
        try:
            fitting = None if value is None else convert(value)
            # One by one: Arrow has bounds of its own, and says only that some value broke one.
            _array([fitting], kind)
        except (pa.ArrowException, ValueError, OverflowError, TypeError, InvalidOperation):
            bad.append(place)
            fitting = None
        kept.append(fitting)
    return _array(kept, kind), bad


def _array(values: list[Any], kind: pa.DataType) -> pa.Array[Any]:
    if pa.types.is_timestamp(kind):
        # With a zone Arrow turns moments into UTC, and takes those without one for UTC.
        return pa.array(values, pa.timestamp("us", "UTC")).cast(kind)
    return pa.array(values, kind)


def _converter(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_decimal(kind):
        step = Decimal(1).scaleb(-kind.scale)
        return lambda value: _decimal(value).quantize(step, ROUND_HALF_UP, _EXACT)
    return _CONVERTERS[str(kind)]


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool | bytes):
        raise ValueError
    # repr of a float is the shortest text that means it: 0.1, not 0.1000000000000000055.
    found = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    if not found.is_finite():
        raise ValueError
    return found


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        raise ValueError
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _whole(value: Any) -> int:
    found = _decimal(int(value) if isinstance(value, bool) else value)
    if found != found.to_integral_value():
        raise ValueError
    return int(found)


def _number(value: Any) -> float:
    if isinstance(value, bool | bytes):
        raise ValueError
    return float(value)


def _flag(value: Any) -> bool:
    if value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in ("true", "false", "t", "f", "0", "1"):
        return value.strip().lower() in ("true", "t", "1")
    raise ValueError


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            raise ValueError
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    moment: datetime = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return moment


def _day(value: Any) -> date:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    if isinstance(value, datetime):
        if value.time() != time(0):
            raise ValueError
        return value.date()
    if not isinstance(value, date):
        raise ValueError
    return value


def _time(value: Any) -> time:
    if isinstance(value, timedelta):
        if not timedelta(0) <= value < timedelta(days=1):
            raise ValueError
        return (datetime(1970, 1, 1, tzinfo=UTC) + value).time()
    found = time.fromisoformat(value.strip()) if isinstance(value, str) else value
    if not isinstance(found, time):
        raise ValueError
    return found.replace(tzinfo=None)


def naive_utc(value: Any) -> datetime:
    """A moment as a driver returns it, as naive UTC. Raises ValueError."""
    return _moment(value).replace(tzinfo=None)


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "string": _text,
    "int64": _whole,
    "double": _number,
    "bool": _flag,
    "date32[day]": _day,
    "time64[us]": _time,
    "timestamp[us]": _moment,
}
