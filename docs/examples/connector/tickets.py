"""Tickets of a help desk as a source: the example of docs/connectors.md.

Source  ``TICKETS_URL`` with ``TICKETS_TOKEN``: ``/fields``, ``/tickets`` by keyset, ``/tickets/count``
Grain   one row per ticket id, the newest version; a deleted ticket is sent with ``is_deleted`` until it is purged
Cursor  ``updated_at``, moved by every change; tickets may show up a few minutes late
Units   times naive UTC
Errors  those of ``RestApi``; a ticket with a value that is not of its field's type is set aside
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from requests import PreparedRequest
from requests.auth import AuthBase

from extract.naming import columns_of
from extract.source import ConfigurationError, MalformedAnswer, ObjectInfo, ReadContext, Rejected, Source, Window
from extract.sources.rest import Json, RestApi
from extract.sources.times import timestamps
from warehouse.base import TableName

PAGE = 100
LATE = timedelta(minutes=10)
TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "moment": pa.timestamp("us"),
    "flag": pa.bool_(),
}


class Token(AuthBase):
    """The desk's token; kept in here, so that no message shows it."""

    def __init__(self, token: str) -> None:
        """A token as an administrator of the desk made it."""
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Desk(RestApi):
    """The desk's API: time-outs, retries, quotas and errors are the base class's."""

    system, url_setting, token_setting = "The ticket desk", "TICKETS_URL", "TICKETS_TOKEN"


class Tickets(Source):
    """One help desk."""

    name = "tickets"
    objects = ("tickets",)
    counted = objects

    def __init__(self, desk: Desk) -> None:
        """``desk`` says where and as whom."""
        self._desk = desk

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Tickets:
        """TICKETS_URL and TICKETS_TOKEN."""
        url, token = env.get("TICKETS_URL", "").strip(), env.get("TICKETS_TOKEN", "").strip()
        if not url or not token:
            raise ConfigurationError("Set TICKETS_URL and TICKETS_TOKEN: the desk's address and a token that may read.")
        return cls(Desk(url, Token(token), secrets=[token]))

    def connect(self) -> None:
        """One small call proves host and token."""
        self._desk.get("/fields", tries=2)

    def now(self) -> datetime:
        """The desk's clock, from the Date header of its answers."""
        return self._desk.get("/fields").time()

    def describe(self, name: str) -> ObjectInfo:
        """The fields that the desk has now; their names are data, so columns get names of ours."""
        defined = {str(item.get("name")): str(item.get("type")) for item in self._desk.get("/fields").listing("fields")}
        if unknown := sorted(set(defined.values()) - TYPES.keys()):
            raise MalformedAnswer(
                f"{self._desk.where} has fields of type {unknown[0]}; this connector is too old for it."
            )
        columns = columns_of(defined)
        return ObjectInfo(
            name=name,
            table=TableName("raw_tickets", name),
            key=("id",),
            schema=pa.schema([(columns[field], TYPES[kind]) for field, kind in defined.items()]),
            fields={columns[field]: field for field in defined},
            cursor="updated_at",
            newest_by=("updated_at",),
            overlap=LATE,
            counts_deleted=True,
        )

    def count(self, info: ObjectInfo, window: Window) -> int | None:
        """The desk's own count: of another call than the rows come from."""
        counted = self._desk.get("/tickets/count", _within(window)).body.get("count")
        if not isinstance(counted, int):
            raise MalformedAnswer(f"{self._desk.where} counts tickets without a number; try again.")
        return counted

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Page by page; the next one begins after the last ticket's time *and* id, since many share a time."""
        wanted = [("field", field) for field in info.fields.values()]
        after: list[tuple[str, str]] = []
        while True:
            params = [*_within(context.window), *wanted, *after, ("limit", str(PAGE))]
            rows = self._desk.get("/tickets", params).listing("tickets")
            if rows:
                context.spool.rows(_typed(rows, info, context))
                context.progress(len(rows))
            if len(rows) < PAGE:
                return
            after = [("after_time", str(rows[-1]["updated_at"])), ("after_id", str(rows[-1]["id"]))]

    def close(self) -> None:
        """Release connections."""
        self._desk.close()


def _within(window: Window) -> list[tuple[str, str]]:
    """Half open: from the start, the start included, to before the end."""
    since = [("since", window.start.isoformat())] if window.start else []
    return [*since, ("before", window.end.isoformat())]


def _typed(rows: Sequence[Json], info: ObjectInfo, context: ReadContext) -> pa.Table:
    """Rows as columns; one that cannot be typed goes to quarantine, and the others land."""
    try:
        columns = [_column([row.get(info.fields[item.name]) for row in rows], item.type) for item in info.schema]
        return pa.table(columns, schema=info.schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        if len(rows) > 1:
            return pa.concat_tables([_typed([row], info, context) for row in rows])
        (row,) = rows
        key = str(row.get("id"))
        reason = "A value is not of its field's type."
        context.spool.reject([Rejected(json.dumps(row, sort_keys=True), "type", reason, f"ticket {key}", key)])
        return info.schema.empty_table()


def _column(values: Sequence[object], kind: pa.DataType) -> pa.Array[Any]:
    return timestamps(pa.array(values, pa.string())) if kind == TYPES["moment"] else pa.array(values, kind)
