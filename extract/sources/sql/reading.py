"""Rows of one table in blocks: each in the order of watermark and key, from where the last one ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from extract.source import MalformedAnswer, Rejected, Window
from extract.sources.sql import values
from extract.sources.sql.database import Database
from extract.sources.sql.keyset import after
from extract.sources.sql.tables import Described, Field
from warehouse.types import naive_utc

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

# Rows a query asks for at most, and rows held in memory at once.
BLOCK, CHUNK = 20_000, 2_000


@dataclass(frozen=True)
class Part:
    """Rows of one table: which fields, of which window, under which name in messages.

    ``reject`` is told of rows that cannot be landed.
    """

    database: Database
    described: Described
    fields: Sequence[Field]
    window: Window
    where: str
    reject: Callable[[Sequence[Rejected]], None]

    def count(self) -> int:
        """The server's own count of the window."""
        from sqlalchemy import func, select

        query = select(func.count()).select_from(self.described.table).where(*self._in_window())
        with self.database.transaction() as connection:
            return int(connection.execute(query).scalar_one())

    def tables(self) -> Iterator[pa.Table]:
        """The rows, typed, in columns named as at the source. Flat in memory, one short transaction a block.

        Raises MalformedAnswer for a watermark that is null somewhere: such rows would never be read.
        """
        self._refuse_null_watermarks()
        self._set_null_keys_aside()
        last: tuple[object, ...] | None = None
        while True:
            rows, end = 0, last
            for chunk in self._block(last):
                rows += len(chunk)
                end = tuple(chunk[-1][len(self.fields) :])
                yield self._typed(chunk)
            if rows < BLOCK:
                return
            if end == last:
                raise MalformedAnswer(
                    f"{self.where}: its key or watermark is finer than its driver tells (a time below the microsecond, "
                    "a number too long); choose another."
                )
            last = end

    def _block(self, last: tuple[object, ...] | None) -> Iterator[Sequence[Any]]:
        from sqlalchemy import and_, select

        order = self._order()
        columns = [field.selected.label(f"c{place}") for place, field in enumerate(self.fields)]
        columns += [column.label(f"k{place}") for place, column in enumerate(order)]
        # All history means all there is: a row that changes while it is read must not seem to have vanished.
        within = self._in_window() if self.window.start is not None else []
        conditions = [*within, *(column.is_not(None) for column in self._nullable_keys())]
        if last is not None:
            conditions.append(after(order, last))
        query = select(*columns).where(and_(True, *conditions)).order_by(*order).limit(BLOCK)
        with self.database.transaction() as connection:
            found = connection.execution_options(stream_results=True, max_row_buffer=CHUNK).execute(query)
            yield from found.partitions(CHUNK)

    def _typed(self, chunk: Sequence[Any]) -> pa.Table:
        schema = pa.schema([pa.field(field.name, field.type) for field in self.fields])
        table, broken = values.batch(chunk, schema)
        if broken:
            types = {field.name: field.type for field in self.fields}
            self.reject([self._rejected(chunk[place], column, types[column]) for place, column in broken.items()])
        return table

    def _rejected(self, row: Sequence[Any], column: str, kind: pa.DataType) -> Rejected:
        names = [field.name for field in self.fields]
        return Rejected(
            payload=values.as_json(names, row[: len(self.fields)]),
            rule=f"type:{column}",
            reason=f"{column} is not {values.in_words(kind)}.",
            position=self._position(row),
            key="|".join(as_text(row[names.index(field.name)]) for field in self.described.key),
            cursor=self._moment(row),
        )

    def _moment(self, row: Sequence[Any]) -> datetime | None:
        """The row's watermark, naive UTC; None where there is none or it is no time."""
        value = row[len(self.fields)] if self.described.watermark else None
        if not isinstance(value, datetime):
            return None
        return naive_utc(value)

    def _position(self, row: Sequence[Any]) -> str:
        names = [field.name for field in self.fields]
        return ", ".join(f"{field.name}={row[names.index(field.name)]}" for field in self.described.key)

    def _order(self) -> list[ColumnElement[Any]]:
        """Watermark and key, each column once."""
        first = [self.described.watermark] if self.described.watermark else []
        found = dict.fromkeys(field.name for field in (*first, *self.described.key))
        by_name = {field.name: field for field in (*self.described.key, *first)}
        return [self.described.ordered(by_name[name]) for name in found]

    def _in_window(self) -> list[ColumnElement[bool]]:
        if self.described.watermark is None:
            return []
        column = self.described.ordered(self.described.watermark)
        found = [column < self.described.bound(self.window.end)]
        if self.window.start is not None:
            found.insert(0, column >= self.described.bound(self.window.start))
        return found

    def _nullable_keys(self) -> list[ColumnElement[Any]]:
        return [self.described.table.c[field.name] for field in self.described.key if field.nullable]

    def _refuse_null_watermarks(self) -> None:
        from sqlalchemy import literal_column, select

        watermark = self.described.watermark
        if watermark is None or not (watermark.nullable or self.described.sqlite):
            return
        unstamped = self.described.ordered(watermark).is_(None)
        query: Select[Any] = select(literal_column("1")).select_from(self.described.table).where(unstamped).limit(1)
        with self.database.transaction() as connection:
            if connection.execute(query).first() is not None:
                raise MalformedAnswer(
                    f"{self.where}: there are rows whose watermark {watermark.name!r} is null or no time, and would "
                    "never be read; fill it in, choose another, or leave watermark out: all is read each time then."
                )

    def _set_null_keys_aside(self) -> None:
        from sqlalchemy import or_, select

        nullable = self._nullable_keys()
        if not nullable:
            return
        query = select(*(field.selected.label(f"c{place}") for place, field in enumerate(self.fields)))
        query = query.where(or_(*(column.is_(None) for column in nullable)), *self._in_window())
        with self.database.transaction() as connection:
            for row in connection.execution_options(stream_results=True, max_row_buffer=CHUNK).execute(query):
                payload = values.as_json([field.name for field in self.fields], row)
                reason = "A column of the key is null, so that the row cannot be told from others."
                self.reject([Rejected(payload, "null_key", reason, self._position(row))])


def as_text(value: object) -> str:
    """A value of a key as the warehouse writes it when it is cast to text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        naive = naive_utc(value)
        return naive.isoformat(sep=" ").rstrip("0").rstrip(".") if naive.microsecond else naive.isoformat(sep=" ")
    return str(value)
