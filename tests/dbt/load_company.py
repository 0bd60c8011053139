"""The sandbox company's tables, put straight into a warehouse file's raw tables, as extraction would land them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

# What extraction marks as deleted, by system.
DELETED = {"salesforce": "is_deleted", "hubspot": "archived"}
EVENT_MOMENTS = {"timestamp": "timestamp", "original_timestamp": "originalTimestamp", "sent_at": "sentAt"}


def load(tables: Mapping[str, pa.Table], path: Path, landed_at: datetime) -> None:
    """Replace the raw tables of all three systems by the company's current state."""
    with duckdb.connect(path, config={"threads": 2}) as connection:
        for schema in ("raw_salesforce", "raw_hubspot", "raw_segment", "raw_events"):
            connection.execute(f"create schema if not exists {schema}")
        for name, table in tables.items():
            system, _, kind = name.partition(".")
            if system == "truth":
                continue
            schema, target = f"raw_{system}", snake(kind)
            if name == "segment.events":
                schema, target, table = "raw_events", "events", events(table)
            columns = table.rename_columns([snake(column) for column in table.column_names])
            connection.register("landing", columns)
            deleted = DELETED.get(system, "")
            flag = f'coalesce("{deleted}", false)' if deleted in columns.column_names else "false"
            connection.execute(
                f"create or replace table {schema}.\"{target}\" as select *, timestamp '{landed_at}' as _extracted_at,"
                f" 'company' as _run_id, {flag} as _is_deleted from landing"
            )


def snake(name: str) -> str:
    """API name to raw column: ``StageName`` to ``stage_name``, ``Web_User_Id__c`` to ``web_user_id__c``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def events(calls: pa.Table) -> pa.Table:
    """Segment's archive as the columns of raw_events.events."""
    first: dict[str, dict[str, Any]] = {}
    for call in sorted((_event(row) for row in calls.to_pylist()), key=lambda row: row["received_at"]):
        first.setdefault(call["message_id"], call)  # the archive delivers some twice
    moment = pa.timestamp("us")
    moments = {*EVENT_MOMENTS, "received_at"}
    names = [
        "message_id", "type", "event", "user_id", "anonymous_id", *EVENT_MOMENTS, "received_at", "context",
        "properties", "traits", "consent", "region", "source", "payload",
    ]  # fmt: skip
    schema = pa.schema([(name, moment if name in moments else pa.string()) for name in names])
    return pa.Table.from_pylist(list(first.values()), schema=schema)


def _event(row: dict[str, Any]) -> dict[str, Any]:
    call = json.loads(row["payload"])
    context = call.get("context") or {}
    found = {
        "message_id": call["messageId"],
        "type": call["type"],
        "event": call.get("event"),
        "user_id": call.get("userId"),
        "anonymous_id": call.get("anonymousId"),
        "received_at": row["received_at"],
        "region": (context.get("location") or {}).get("country"),
        "source": "segment_archive",
        "payload": row["payload"],
    }
    for column, name in EVENT_MOMENTS.items():
        found[column] = datetime.fromisoformat(call[name]).replace(tzinfo=None)
    for name, value in (
        ("context", context),
        ("properties", call.get("properties")),
        ("traits", call.get("traits")),
        ("consent", context.get("consent")),
    ):
        found[name] = json.dumps(value) if value else None
    return found
