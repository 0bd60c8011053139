"""Arrow types and what each warehouse calls them; literals for constant columns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from warehouse.base import WarehouseError

# Snowflake's number is decimal(38, 0); varchar, double, boolean, date and time are the same words on both.
_SIMPLE: tuple[tuple[pa.DataType, str, str], ...] = (
    (pa.string(), "varchar", "varchar"),
    (pa.large_string(), "varchar", "varchar"),
    (pa.int64(), "bigint", "bigint"),
    (pa.float64(), "double", "double"),
    (pa.bool_(), "boolean", "boolean"),
    (pa.date32(), "date", "date"),
    (pa.time64("us"), "time", "time(6)"),
    (pa.timestamp("us"), "timestamp", "timestamp_ntz(6)"),
)


def naive_utc(value: datetime) -> datetime:
    """A time as every warehouse here stores it; one without a zone is taken as it is."""
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


_LONG = {b"braid": b"long"}


def long_text(name: str) -> pa.Field[Any]:
    """A text column of long values that few queries read: a warehouse may pack it tighter than the others."""
    return pa.field(name, pa.string(), metadata=_LONG)


def is_long(field: pa.Field[Any]) -> bool:
    """Whether a column was made by ``long_text``."""
    return (field.metadata or {}).items() >= _LONG.items()


def sql_type(arrow: pa.DataType, dialect: str, where: str = "A column") -> str:
    """The warehouse's name of an Arrow type; ``where`` opens the sentence when there is none."""
    if pa.types.is_decimal128(arrow):
        return f"decimal({arrow.precision}, {arrow.scale})"
    for known, duckdb, snowflake in _SIMPLE:
        if arrow == known:
            return snowflake if dialect == "snowflake" else duckdb
    raise WarehouseError(
        f"{where} has the type {arrow}; a warehouse takes string, int64, float64, decimal128, bool, date32, "
        "time64[us] and timestamp[us] without a zone."
    )


def holds(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether every value of ``wanted`` fits a column of type ``stored`` unchanged."""
    if stored == wanted:
        return True
    if pa.types.is_decimal(stored):
        if pa.types.is_decimal(wanted):
            scale_fits = stored.scale >= wanted.scale
            return bool(scale_fits and stored.precision - stored.scale >= wanted.precision - wanted.scale)
        return bool(pa.types.is_integer(wanted) and stored.precision - stored.scale >= 19)
    if pa.types.is_signed_integer(stored) and pa.types.is_signed_integer(wanted):
        return bool(stored.bit_width >= wanted.bit_width)
    strings = (pa.string(), pa.large_string())
    return stored in strings and wanted in strings


def literal(value: object, what: str) -> tuple[str, pa.DataType]:
    """A constant as SQL text that every dialect reads, and its Arrow type. ``what`` names it in the error.

    A null has a type only as an Arrow scalar.
    """
    if isinstance(value, pa.Scalar) and not value.is_valid and value.type in (pa.string(), pa.timestamp("us")):
        return ("cast(null as varchar)" if value.type == pa.string() else "cast(null as timestamp)"), value.type
    if isinstance(value, bool):
        return ("true" if value else "false"), pa.bool_()
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return f"cast({value} as bigint)", pa.int64()
    if isinstance(value, Decimal) and value.is_finite():
        arrow = pa.scalar(value).type
        return f"cast({value:f} as decimal({arrow.precision}, {arrow.scale}))", arrow
    if isinstance(value, datetime):
        moment = naive_utc(value).isoformat(sep=" ", timespec="microseconds")
        return f"cast('{moment}' as timestamp)", pa.timestamp("us")
    if isinstance(value, date):
        return f"cast('{value.isoformat()}' as date)", pa.date32()
    # A backslash escapes in Snowflake's strings and is itself in DuckDB's: neither it nor NUL is written.
    if isinstance(value, str) and not set(value) & {"\x00", "\\"}:
        quoted = value.replace("'", "''")
        return f"cast('{quoted}' as varchar)", pa.string()
    raise WarehouseError(f"The constant {what} cannot be written as SQL: {type(value).__name__} is not supported.")


def with_extra_columns(schema: pa.Schema, extra: Mapping[str, pa.DataType]) -> pa.Schema:
    """``schema`` followed by the extra columns."""
    for name, arrow in extra.items():
        schema = schema.append(pa.field(name, arrow))
    return schema
