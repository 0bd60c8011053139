"""The help desk that the guide's example reads: a server on loopback whose tickets, fields and clock a test sets."""

from __future__ import annotations

import email.utils
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from docs.examples.connector import tickets
from tests.conformance.system import Patch, Record, System

SECRET = "desk-token"


class Desk(System):
    """Tickets in memory, served as the example's API says."""

    kind = tickets.Tickets
    object_name = "tickets"
    text = "subject"
    amount = "minutes_spent"
    page = 5
    late = timedelta(minutes=10)

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 5, 6)
        self.tickets: dict[int, dict[str, Any]] = {}
        self.fields = {
            "id": "integer", "Subject": "text", "MinutesSpent": "integer", "updated_at": "moment", "is_deleted": "flag",
        }  # fmt: skip
        self.extra: dict[str, str] = {}
        self.pages_left: int | None = None
        self.url = ""

    @classmethod
    def prepare(cls, patch: Patch, env: Mapping[str, str]) -> None:
        patch(tickets, "PAGE", cls.page)

    def environment(self) -> Mapping[str, str]:
        return {"TICKETS_URL": self.url, "TICKETS_TOKEN": SECRET}

    def wrong_environment(self) -> Mapping[str, str]:
        return {"TICKETS_URL": self.url, "TICKETS_TOKEN": "stolen-token"}

    @property
    def clock(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by

    def put(self, records: Sequence[Record]) -> None:
        for record in records:
            self.tickets[record.number] = {
                "id": record.number,
                "Subject": record.text,
                "MinutesSpent": record.amount,
                "updated_at": record.changed_at,
                "is_deleted": False,
            } | self.extra

    def flag(self, number: int, at: datetime) -> None:
        self.tickets[number] |= {"is_deleted": True, "updated_at": at}

    def remove(self, number: int) -> None:
        del self.tickets[number]

    def truth(self) -> list[dict[str, Any]]:
        columns = {"id": "id", "Subject": "subject", "updated_at": "updated_at", "MinutesSpent": "minutes_spent"}
        return [
            {column: row[field] for field, column in columns.items() if field in self.fields}
            | {"_is_deleted": row["is_deleted"]}
            for row in self.tickets.values()
        ]

    def add_field(self, value: str) -> str:
        self.add_named("Tier", value)
        return "Tier"

    def add_named(self, name: str, value: str) -> None:
        self.fields[name] = "text"
        self.extra[name] = value
        for ticket in self.tickets.values():
            ticket[name] = value

    def drop_text(self) -> None:
        del self.fields["Subject"]

    def retype_amount(self) -> None:
        self.fields["MinutesSpent"] = "text"
        for ticket in self.tickets.values():
            ticket["MinutesSpent"] = str(ticket["MinutesSpent"])

    def spoil(self, number: int, at: datetime) -> None:
        self.tickets[number] |= {"MinutesSpent": "many", "updated_at": at}

    def fail_after(self, pages: int) -> None:
        self.pages_left = pages

    def heal(self) -> None:
        assert (self.pages_left or 0) < 0, "nothing was broken"
        self.pages_left = None

    def answer(self, path: str, params: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
        """A JSON object; None when the desk is broken."""
        if path == "/fields":
            return {"fields": [{"name": name, "type": kind} for name, kind in self.fields.items()]}
        asked = dict(params)
        found = [row for row in self.tickets.values() if _within(row["updated_at"], asked)]
        if path == "/tickets/count":
            return {"count": len(found)}
        if self.pages_left is not None:
            self.pages_left -= 1
            if self.pages_left < 0:
                return None
        found.sort(key=lambda row: (row["updated_at"], row["id"]))
        if "after_time" in asked:
            last = (datetime.fromisoformat(asked["after_time"]), int(asked["after_id"]))
            found = [row for row in found if (row["updated_at"], row["id"]) > last]
        wanted = [value for name, value in params if name == "field"]
        rows = [{name: row.get(name) for name in wanted} for row in found[: int(asked["limit"])]]
        return {"tickets": rows}


def _within(moment: datetime, asked: Mapping[str, str]) -> bool:
    since = asked.get("since")
    return (since is None or moment >= datetime.fromisoformat(since)) and moment < datetime.fromisoformat(
        asked["before"]
    )


class _Handler(BaseHTTPRequestHandler):
    desk: ClassVar[Desk]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        answer: dict[str, Any] | None = {"error": "This token may not read."}
        status = 401
        if self.headers["Authorization"] == f"Bearer {SECRET}":
            answer = self.desk.answer(url.path, parse_qsl(url.query, keep_blank_values=True))
            status = 200
        body = b"<html>" if answer is None else json.dumps(answer, default=datetime.isoformat).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return email.utils.format_datetime(self.desk.now.replace(tzinfo=UTC), usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(desk: Desk) -> Iterator[Desk]:
    """The desk on loopback for the length of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"desk": desk}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    desk.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
