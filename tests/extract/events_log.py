"""What the tests of landing the collector's log share: a log, and a warehouse it lands in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from extract.pipeline import ObjectResult, run
from extract.sources.events import Events
from log.base import DEAD_LETTERS, EVENTS
from log.writer import EmbeddedWriter
from warehouse.duckdb import DuckDBWarehouse

DAY = datetime(2026, 5, 1)


def written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds") + "Z"


def event(message: str, *, seconds: float = 0, source: str = "web_shop", **more: Any) -> bytes:
    """A record as the collector writes it; ``seconds`` is when it was received, after the first of May."""
    call = {
        "messageId": message,
        "type": "track",
        "event": "Viewed",
        "userId": "u1",
        "properties": {"price": 1.5},
        "context": {"consent": {"ads": True}, "location": {"country": "DE"}},
    }
    record = {
        "message_id": message,
        "source": source,
        "type": "track",
        "event": "Viewed",
        "user_id": "u1",
        "anonymous_id": None,
        "timestamp": written(DAY),
        "original_timestamp": written(DAY - timedelta(hours=1)),
        "sent_at": None,
        "received_at": written(DAY + timedelta(seconds=seconds)),
        "plan_version": "p1",
        "payload": call,
    }
    return json.dumps(record | more).encode()


def dead(message: str, *, seconds: float = 0, rule: str = "event_missing", reason: str = "It has none.") -> bytes:
    """A dead letter as the collector writes it."""
    record = {
        "message_id": message,
        "source": "web_shop",
        "rule": rule,
        "reason": reason,
        "plan_version": "p1",
        "sent_at": None,
        "received_at": written(DAY + timedelta(seconds=seconds)),
        "payload": {"type": "track", "messageId": message},
    }
    return json.dumps(record).encode()


class Landing:
    """A log in ``folder/log`` and a warehouse beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.mkdir(parents=True, exist_ok=True)

    def append(self, events: Sequence[bytes] = (), dead_letters: Sequence[bytes] = (), *, partition: int = 0) -> None:
        writer = EmbeddedWriter(self.log, partition=partition)
        try:
            for topic, payloads in ((EVENTS, events), (DEAD_LETTERS, dead_letters)):
                writer.append({topic: [("key", payload) for payload in payloads]})
        finally:
            writer.close()

    def opened(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2})

    def extract(
        self, *objects: str, full: bool = False, env: Mapping[str, str] | None = None
    ) -> dict[str, ObjectResult]:
        source = Events.from_environment({"BRAID_COLLECT_LOG": str(self.log)} | dict(env or {}))
        try:
            results = run(source, objects, self.opened, full=full, spool_root=self.folder / "spool")
        finally:
            source.close()
        return {result.object: result for result in results}

    def query(self, sql: str) -> list[dict[str, Any]]:
        with self.opened() as warehouse:
            return list(warehouse.rows(sql))

    def ids(self) -> list[str]:
        return [row["message_id"] for row in self.query("select message_id from raw_events.events order by 1")]

    def events(self) -> list[dict[str, Any]]:
        return self.query("select * exclude (_run_id, _extracted_at) from raw_events.events order by message_id")

    def letters(self) -> list[dict[str, Any]]:
        return self.query(
            "select * exclude (_run_id, _extracted_at) from ops.dead_letters order by source, message_id, rule"
        )
