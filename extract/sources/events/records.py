"""Records of the collector's log as columns (``collect/events.py`` says what they are).

Times are naive UTC. What a call says of consent and region, and its traits, are found as in the Segment archive, so
that rows of both feeds read alike. A record that is none (no JSON object, no id, no time of receipt) goes to
quarantine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from extract.source import Rejected
from extract.sources.calls import CONTEXT
from extract.sources.times import TIMESTAMP

_TEXT: pa.DataType = pa.string()
EVENT_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("message_id", "type", "event", "user_id", "anonymous_id"), _TEXT),
    **dict.fromkeys(("timestamp", "original_timestamp", "sent_at", "received_at"), TIMESTAMP),
    **dict.fromkeys(("context", "properties", "traits", "consent", "region", "source", "payload"), _TEXT),
    **dict.fromkeys(("plan_version", "event_name", "event_version", "violations"), _TEXT),
}
DEAD_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(("source", "message_id", "rule", "reason", "plan_version"), _TEXT),
    **dict.fromkeys(("type", "event"), _TEXT),
    **dict.fromkeys(("event_name", "event_version", "violations", "payload"), _TEXT),
    **dict.fromkeys(("sent_at", "first_seen_at", "last_seen_at"), TIMESTAMP),
    "attempts": pa.int64(),
}

_RECORD = (
    '{"message_id":"VARCHAR","source":"VARCHAR","type":"VARCHAR","event":"VARCHAR","user_id":"VARCHAR",'
    '"anonymous_id":"VARCHAR","timestamp":"VARCHAR","original_timestamp":"VARCHAR","sent_at":"VARCHAR",'
    '"received_at":"VARCHAR","plan_version":"VARCHAR","event_name":"VARCHAR","event_version":"VARCHAR",'
    '"violations":"JSON","rule":"VARCHAR","reason":"VARCHAR","payload":"JSON"}'
)
_LONGEST_NAME = 200
_CALL = '{"context":"JSON","properties":"JSON","traits":"JSON"}'

# The log's times are always written in one way, which a plain cast reads several times faster than any other.
_EVENTS = f"""
with

records as (
    select place, from_json(line, '{_RECORD}') as record from lines
),

calls as (
    select *, from_json(record.payload, '{_CALL}') as call from records
),

contexts as (
    select *, from_json(call.context, '{CONTEXT}') as context from calls
)

select
    record.message_id as message_id,
    record.type as type,
    record.event as event,
    identifier(record.user_id) as user_id,
    identifier(record.anonymous_id) as anonymous_id,
    coalesce(try_cast(record.timestamp as timestamp), try_cast(record.received_at as timestamp)) as timestamp,
    try_cast(record.original_timestamp as timestamp) as original_timestamp,
    try_cast(record.sent_at as timestamp) as sent_at,
    try_cast(record.received_at as timestamp) as received_at,
    cast(call.context as varchar) as context,
    cast(call.properties as varchar) as properties,
    cast(all_traits(context.traits, call.traits) as varchar) as traits,
    cast(context.consent as varchar) as consent,
    identifier(context.location.country) as region,
    record.source as source,
    cast(record.payload as varchar) as payload,
    record.plan_version as plan_version,
    record.event_name as event_name,
    record.event_version as event_version,
    cast(record.violations as varchar) as violations,
    place
from contexts
"""

# Who wrote the call is not asked here: it may call anything an event, however long.
_DEAD = f"""
with

records as (
    select place, from_json(line, '{_RECORD}') as record from lines
)

select
    record.source as source,
    record.message_id as message_id,
    record.rule as rule,
    record.reason as reason,
    record.plan_version as plan_version,
    left(coalesce(record.type, text_at(record.payload, '$.type')), {_LONGEST_NAME}) as type,
    left(coalesce(record.event, text_at(record.payload, '$.event')), {_LONGEST_NAME}) as event,
    record.event_name as event_name,
    record.event_version as event_version,
    cast(record.violations as varchar) as violations,
    coalesce(cast(record.payload as varchar), 'null') as payload,
    try_cast(record.sent_at as timestamp) as sent_at,
    try_cast(record.received_at as timestamp) as first_seen_at,
    try_cast(record.received_at as timestamp) as last_seen_at,
    1 as attempts,
    place
from records
"""

_SHAPES = {
    "collected": (_EVENTS, pa.schema(EVENT_TYPES), ("message_id", "source", "type", "received_at")),
    "dead_letters": (_DEAD, pa.schema(DEAD_TYPES), ("message_id", "source", "rule", "first_seen_at")),
}


def typed(
    parser: duckdb.DuckDBPyConnection, name: str, where: str, offsets: Sequence[int], payloads: Sequence[bytes]
) -> tuple[pa.Table, list[Rejected]]:
    """Records as typed rows in the order of the log, and those that are none; ``where`` names their partition."""
    sql, schema, needed = _SHAPES[name]
    rejected: list[Rejected] = []
    try:
        table = _parsed(parser, sql, offsets, pa.array(payloads, pa.binary()).cast(_TEXT))
    except (duckdb.Error, pa.ArrowInvalid):
        # One line that is no JSON spoils the whole batch: found one by one, and only then.
        kept = [index for index, payload in enumerate(payloads) if _is_object(payload)]
        bad = sorted(set(range(len(payloads))) - set(kept))
        rejected += [_rejected(where, offsets[i], payloads[i], "json", "not a JSON object") for i in bad]
        lines = pa.array([payloads[i] for i in kept], pa.binary()).cast(_TEXT)
        table = _parsed(parser, sql, [offsets[i] for i in kept], lines)
    for column in needed:
        missing = table.filter(pc.is_null(table[column]))
        if missing.num_rows:
            by_place = dict(zip(offsets, payloads, strict=True))
            rule, reason = f"type:{column}", f"{column} is missing or cannot be read"
            rejected += [_rejected(where, at, by_place[at], rule, reason) for at in _places(missing)]
            table = table.filter(pc.is_valid(table[column]))
    return table.select(schema.names).cast(schema), rejected


def _places(rows: pa.Table) -> list[int]:
    found: list[int] = rows["place"].to_pylist()  # type: ignore[assignment]
    return found


def _parsed(parser: duckdb.DuckDBPyConnection, sql: str, offsets: Sequence[int], lines: pa.Array[Any]) -> pa.Table:
    parser.register("lines", pa.table({"place": pa.array(offsets, pa.int64()), "line": lines}))
    try:
        found: pa.Table = parser.sql(sql).to_arrow_table()
        return found
    finally:
        parser.unregister("lines")


def _is_object(payload: bytes) -> bool:
    try:
        return isinstance(json.loads(payload), dict)
    except (ValueError, RecursionError):
        return False


def _rejected(where: str, offset: int, payload: bytes, rule: str, reason: str) -> Rejected:
    text = json.dumps({"line": payload.decode(errors="replace")}, ensure_ascii=False)
    place = f"{where} offset {offset}"
    return Rejected(text, rule, f"{place}: {reason}.", place)
