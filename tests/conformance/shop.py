"""A table of a SQLite file as a system under test."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
import yaml

from extract.sources.sql import Sql, reading
from extract.sources.sql.database import Database
from sandbox.store import quoted
from tests.conformance.system import Patch, Record, System

MORNING = datetime(2026, 1, 5, 6)
MOMENT = "%Y-%m-%d %H:%M:%S.%f"


class SqliteTable(System):
    """The columns id, label, amount, changed_at and is_deleted, and what a test adds."""

    kind = Sql
    object_name = "shop.things"
    text = "label"
    amount = "amount"
    page = 6
    late = timedelta(minutes=5)
    cannot: ClassVar[Mapping[str, str]] = {"credentials": "a SQLite file asks nobody who he is"}

    def __init__(self, folder: Path) -> None:
        self.file, self.clock_file, self.settings = folder / "shop.db", folder / "clock", folder / "sql.yml"
        self.clock_file.write_text(MORNING.isoformat())
        self.extra: dict[str, str] = {}
        self.blocks_left: int | None = None
        self.do(
            "create table things (id integer primary key, label text, amount integer,"
            " changed_at datetime not null, is_deleted boolean not null)"
        )
        connection = {"name": "shop", "url": "${SHOP_URL}", "tables": [{"name": "things", "watermark": "changed_at"}]}
        self.settings.write_text(yaml.safe_dump({"connections": [connection]}))

    @classmethod
    def prepare(cls, patch: Patch, env: Mapping[str, str]) -> None:
        """SQLite's clock is the computer's; this one is told by a file."""
        clock = Path(env["SHOP_CLOCK"])
        patch(Database, "clock", lambda self: datetime.fromisoformat(clock.read_text()))
        patch(reading, "BLOCK", cls.page)
        patch(reading, "CHUNK", cls.page // 2)

    def environment(self) -> Mapping[str, str]:
        url = f"sqlite:///{self.file}"
        return {"BRAID_SQL": str(self.settings), "SHOP_URL": url, "SHOP_CLOCK": str(self.clock_file)}

    @property
    def clock(self) -> datetime:
        return datetime.fromisoformat(self.clock_file.read_text())

    def advance(self, by: timedelta) -> None:
        self.clock_file.write_text((self.clock + by).isoformat())

    def do(self, sql: str, rows: Sequence[Sequence[object]] = ((),)) -> None:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            connection.executemany(sql, rows)

    def put(self, records: Sequence[Record]) -> None:
        columns = [name for name in ("id", "label", "amount", "changed_at", "is_deleted") if name in self.columns()]
        names = ", ".join(quoted(name) for name in (*columns, *self.extra))
        marks = ", ".join("?" * (len(columns) + len(self.extra)))
        values = [
            {
                "id": record.number,
                "label": record.text,
                "amount": record.amount,
                "changed_at": record.changed_at.strftime(MOMENT),
                "is_deleted": False,
            }
            for record in records
        ]
        rows = [[*(row[name] for name in columns), *self.extra.values()] for row in values]
        self.do(f"insert or replace into things ({names}) values ({marks})", rows)

    def flag(self, number: int, at: datetime) -> None:
        self.do("update things set is_deleted = 1, changed_at = ? where id = ?", [(at.strftime(MOMENT), number)])

    def remove(self, number: int) -> None:
        self.do("delete from things where id = ?", [(number,)])

    def columns(self) -> list[str]:
        with closing(sqlite3.connect(self.file)) as connection:
            return [name for _, name, *_ in connection.execute("pragma table_info(things)")]

    def truth(self) -> list[dict[str, Any]]:
        columns = [name for name in self.columns() if name not in (*self.extra, "is_deleted")]
        with closing(sqlite3.connect(self.file)) as connection:
            rows = connection.execute(f"select {', '.join(columns)}, is_deleted from things").fetchall()
        found = [dict(zip((*columns, "_is_deleted"), row, strict=True)) for row in rows]
        return [
            row | {"changed_at": datetime.fromisoformat(row["changed_at"]), "_is_deleted": bool(row["_is_deleted"])}
            for row in found
        ]

    def add_field(self, value: str) -> str:
        self.add_named("tier", value)
        return "tier"

    def add_named(self, name: str, value: str) -> None:
        self.do(f"alter table things add column {quoted(name)} text")
        self.do(f"update things set {quoted(name)} = ?", [(value,)])
        self.extra[name] = value

    def drop_text(self) -> None:
        self.do("alter table things drop column label")

    def retype_amount(self) -> None:
        self.do("alter table things add column text_amount text")
        self.do("update things set text_amount = amount")
        self.do("alter table things drop column amount")
        self.do("alter table things rename column text_amount to amount")

    def spoil(self, number: int, at: datetime) -> None:
        self.do("update things set amount = 'many', changed_at = ? where id = ?", [(at.strftime(MOMENT), number)])

    def fail_after(self, pages: int) -> None:
        self.blocks_left = pages
        sa.event.listen(sa.Engine, "before_cursor_execute", self._executing)

    def heal(self) -> None:
        assert (self.blocks_left or 0) < 0, "nothing was broken"
        self.stop()

    def stop(self) -> None:
        """Let the database alone; safe to call twice."""
        if sa.event.contains(sa.Engine, "before_cursor_execute", self._executing):
            sa.event.remove(sa.Engine, "before_cursor_execute", self._executing)

    def _executing(self, connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        if "ORDER BY" not in statement or self.blocks_left is None:
            return
        self.blocks_left -= 1
        if self.blocks_left < 0:
            raise sa.exc.OperationalError(statement, {}, sqlite3.OperationalError("disk I/O error"))
