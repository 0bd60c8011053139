"""A table as its database describes it now: columns with the types they land as, its key and its watermark."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from extract.naming import columns_of
from extract.source import ConfigurationError
from extract.sources.sql.config import TableSpec
from extract.sources.sql.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Table
    from sqlalchemy.types import TypeEngine

# The most digits a warehouse keeps in a decimal.
DIGITS = 38
MOMENT: pa.DataType = pa.timestamp("us")
# The one form in which SQLite's moments are compared: there a moment is a text, of any of several forms.
SQLITE_FORM = "%Y-%m-%d %H:%M:%f"


@dataclass(frozen=True)
class Field:
    """One column: its name at the source and as landed, its type, and what is selected for it."""

    name: str
    landed: str
    type: pa.DataType
    selected: ColumnElement[Any]
    nullable: bool


@dataclass(frozen=True)
class Described:
    """A table that can be read. ``left_out`` are columns of bytes, which no raw table holds."""

    table: Table
    fields: tuple[Field, ...]
    key: tuple[Field, ...]
    watermark: Field | None
    left_out: tuple[str, ...]
    sqlite: bool

    def ordered(self, field: Field) -> ColumnElement[Any]:
        """The column as it is compared and ordered by."""
        from sqlalchemy import func
        from sqlalchemy.types import NullType

        column = self.table.c[field.name]
        if not self.sqlite:
            return column
        if field is self.watermark:
            # Texts with a T, a zone or fewer decimals would be put in a wrong order.
            return func.strftime(SQLITE_FORM, column, type_=NullType())
        return _as_stored(column)

    def bound(self, moment: datetime) -> object:
        """A moment (naive UTC) as the watermark is compared with it: a day begins at midnight."""
        assert self.watermark is not None
        kind = self.table.c[self.watermark.name].type
        if self.sqlite:
            return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
        if self.by_day:
            midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            return (midnight if midnight == moment else midnight + timedelta(days=1)).date()
        return moment.replace(tzinfo=UTC) if getattr(kind, "timezone", False) else moment

    @property
    def by_day(self) -> bool:
        """Whether the watermark says the day alone."""
        from sqlalchemy import Date, DateTime

        if self.watermark is None:
            return False
        kind = self.table.c[self.watermark.name].type
        return isinstance(kind, Date) and not isinstance(kind, DateTime)


def describe(database: Database, spec: TableSpec) -> Described:
    """The table by reflection. Raises ConfigurationError for a table, column or key that is not there."""
    from sqlalchemy import MetaData, Table
    from sqlalchemy.exc import NoSuchTableError

    where = f"{database}, table {spec}"
    with database.transaction() as connection, warnings.catch_warnings():
        # SQLAlchemy warns of types it does not know; they are read as texts.
        warnings.simplefilter("ignore")
        try:
            table = Table(spec.name, MetaData(), schema=spec.schema, autoload_with=connection, resolve_fks=False)
        except NoSuchTableError:
            raise ConfigurationError(
                f"{where}: there is no such table, or this user may not see it; correct the name, or grant it select."
            ) from None
    sqlite = database.dialect == "sqlite"
    known = list(table.c.keys())
    for column in (*spec.key, *spec.include, *spec.exclude, *([spec.watermark] if spec.watermark else [])):
        if column not in table.c:
            raise ConfigurationError(f"{where}: there is no column {column!r}; there are {', '.join(known)}.")
    key = spec.key or tuple(column.name for column in table.primary_key)
    if not key:
        raise ConfigurationError(f"{where}: it has no primary key; say which columns tell its rows apart as key.")
    needed = {*key, *([spec.watermark] if spec.watermark else [])}
    wanted = [name for name in known if name in needed or _wanted(name, spec)]
    types = {name: landed_type(table.c[name].type, sqlite=sqlite) for name in wanted}
    if spec.watermark:
        types[spec.watermark] = _watermark_type(types[spec.watermark], table.c[spec.watermark], where, sqlite=sqlite)
    if unfit := [name for name in key if types[name] is None]:
        raise ConfigurationError(
            f"{where}: the key column {unfit[0]!r} holds bytes, which do not land; choose another."
        )
    landed = columns_of(name for name in wanted if types[name] is not None)
    fields = {name: _field(table.c[name], column, types[name], sqlite) for name, column in landed.items()}
    return Described(
        table=table,
        fields=tuple(fields.values()),
        key=tuple(fields[name] for name in key),
        watermark=fields[spec.watermark] if spec.watermark else None,
        left_out=tuple(name for name in wanted if types[name] is None),
        sqlite=sqlite,
    )


def landed_type(kind: TypeEngine[Any], *, sqlite: bool = False) -> pa.DataType | None:
    """What a column of this type lands as; None for bytes. What Arrow and the warehouses do not share is text."""
    import sqlalchemy as sa

    # A domain is what it is made of.
    kind = getattr(kind, "data_type", None) or kind
    simple: Sequence[tuple[type, pa.DataType | None]] = (
        (sa.Boolean, pa.bool_()),
        (sa.LargeBinary, None),
        (sa.BINARY, None),
        (sa.VARBINARY, None),
        (sa.DateTime, MOMENT),
        (sa.Date, pa.date32()),
        (sa.Time, pa.time64("us")),
        (sa.Float, pa.float64()),
    )
    for known, arrow in simple:
        if isinstance(kind, known):
            return arrow
    if isinstance(kind, sa.Numeric):
        precision, scale = kind.precision, kind.scale or 0
        if precision is not None and 0 < precision <= DIGITS and 0 <= scale <= precision:
            return pa.decimal128(precision, scale)
        # A number without bounds keeps its digits as text; SQLite stores it as a float itself.
        return pa.float64() if sqlite else pa.string()
    if isinstance(kind, sa.Integer):
        return pa.decimal128(20, 0) if getattr(kind, "unsigned", False) else pa.int64()
    return pa.string()


def _field(column: Column[Any], landed: str, kind: pa.DataType | None, sqlite: bool) -> Field:
    from sqlalchemy import Enum, String, cast

    assert kind is not None
    selected: ColumnElement[Any] = column
    if sqlite:
        selected = _as_stored(column)
    elif pa.types.is_string(kind) and (not isinstance(column.type, String) or isinstance(column.type, Enum)):
        # The database's own text of it (json, uuid, interval, array …), not what a driver makes of it.
        selected = cast(column, String())
    return Field(column.name, landed, kind, selected, bool(column.nullable))


def _as_stored(column: Column[Any]) -> ColumnElement[Any]:
    """The value as SQLite has it: each row may have another type, which is looked at before anything is made of it."""
    from sqlalchemy import type_coerce
    from sqlalchemy.types import NullType

    return type_coerce(column, NullType())


def _watermark_type(kind: pa.DataType | None, column: Column[Any], where: str, *, sqlite: bool) -> pa.DataType:
    if kind is not None and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return MOMENT
    if sqlite and kind is not None and pa.types.is_string(kind):
        return MOMENT
    raise ConfigurationError(
        f"{where}: {column.name!r} cannot be the watermark: it is neither a time nor a date; choose one that moves on "
        "every change, or none, and the whole table is read each time."
    )


def _wanted(name: str, spec: TableSpec) -> bool:
    return name in spec.include if spec.include else name not in spec.exclude


def fields_by_name(described: Described) -> Mapping[str, Field]:
    """Fields by their name at the source."""
    return {field.name: field for field in described.fields}
