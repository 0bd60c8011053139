"""Records of the collector's log as columns (``collect/events.py`` says what they are).

Times are naive UTC. What a call says of consent and region, and its traits, are found as in the Segment archive, so
that rows of both feeds read alike. A record that is none (no JSON object, no id, no time of receipt) goes to
quarantine.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from extract.source import Rejected
from extract.sources.calls import THREADS, is_utf8, schema_of
from extract.sources.times import TIMESTAMP
from log.base import Columns

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
EVENT_SCHEMA, DEAD_SCHEMA = schema_of(EVENT_TYPES), schema_of(DEAD_TYPES)

_RECORD = (
    '{"message_id":"VARCHAR","source":"VARCHAR","type":"VARCHAR","event":"VARCHAR","user_id":"VARCHAR",'
    '"anonymous_id":"VARCHAR","timestamp":"VARCHAR","original_timestamp":"VARCHAR","sent_at":"VARCHAR",'
    '"received_at":"VARCHAR","plan_version":"VARCHAR","event_name":"VARCHAR","event_version":"VARCHAR",'
    '"violations":"JSON","rule":"VARCHAR","reason":"VARCHAR","payload":"JSON"}'
)
_LONGEST_NAME = 200
_CALLS = "('identify', 'track', 'page', 'screen', 'group', 'alias')"

# Each is read once for all of its texts and once for all of its parts, however deep these are: taking a part out and
# reading that again costs several times as much.
_TEXTS = (
    *("message_id", "source", "type", "event", "user_id", "anonymous_id"),
    *("timestamp", "original_timestamp", "sent_at", "received_at"),
    *("plan_version", "event_name", "event_version", "payload.context.location.country"),
)
_PARTS = (
    *("payload", "payload.context", "payload.properties", "payload.traits"),
    *("payload.context.traits", "payload.context.consent", "violations"),
)


def _paths(names: Sequence[str]) -> str:
    return "[" + ", ".join(f"'$.{name}'" for name in names) + "]"


def _text(name: str) -> str:
    return f"texts[{_TEXTS.index(name) + 1}]"


def _part(name: str) -> str:
    """A part as JSON; where it says null there is none."""
    return f"nullif(parts[{_PARTS.index(name) + 1}], 'null')"


# The log's times are always written in one way, which a plain cast reads several times faster than any other.
_EVENTS = f"""
with

records as (
    select
        place,
        json_extract_string(line, {_paths(_TEXTS)}) as texts,
        json_extract(line, {_paths(_PARTS)}) as parts
    from lines
)

select
    nullif({_text("message_id")}, '') as message_id,
    {_text("type")} as type,
    {_text("event")} as event,
    identifier({_text("user_id")}) as user_id,
    identifier({_text("anonymous_id")}) as anonymous_id,
    coalesce(
        try_cast({_text("timestamp")} as timestamp), try_cast({_text("received_at")} as timestamp)
    ) as timestamp,
    try_cast({_text("original_timestamp")} as timestamp) as original_timestamp,
    try_cast({_text("sent_at")} as timestamp) as sent_at,
    try_cast({_text("received_at")} as timestamp) as received_at,
    cast({_part("payload.context")} as varchar) as context,
    cast({_part("payload.properties")} as varchar) as properties,
    cast(all_traits({_part("payload.context.traits")}, {_part("payload.traits")}) as varchar) as traits,
    cast({_part("payload.context.consent")} as varchar) as consent,
    identifier({_text("payload.context.location.country")}) as region,
    {_text("source")} as source,
    cast({_part("payload")} as varchar) as payload,
    {_text("plan_version")} as plan_version,
    {_text("event_name")} as event_name,
    {_text("event_version")} as event_version,
    cast({_part("violations")} as varchar) as violations,
    place
from records
"""

# Whoever has a write key may call anything an event, however long; what is no call's kind or no track call's event is
# left to the payload, since lists and marts tell these.
_DEAD = f"""
with

records as (
    select place, from_json(line, '{_RECORD}') as record from lines
),

letters as (
    select *, coalesce(record.type, text_at(record.payload, '$.type')) as kind from records
)

select
    record.source as source,
    nullif(record.message_id, '') as message_id,
    record.rule as rule,
    record.reason as reason,
    record.plan_version as plan_version,
    case when kind in {_CALLS} then kind end as type,
    case
        when kind = 'track' then left(coalesce(record.event, text_at(record.payload, '$.event')), {_LONGEST_NAME})
    end as event,
    record.event_name as event_name,
    record.event_version as event_version,
    cast(record.violations as varchar) as violations,
    coalesce(cast(record.payload as varchar), 'null') as payload,
    try_cast(record.sent_at as timestamp) as sent_at,
    try_cast(record.received_at as timestamp) as first_seen_at,
    try_cast(record.received_at as timestamp) as last_seen_at,
    1 as attempts,
    place
from letters
"""

_NO_OBJECTS = """
select place from lines
where not json_valid(line) or case when json_valid(line) then json_type(line) <> 'OBJECT' end
"""
_NO_OBJECT = "not a JSON object"
_MOST_ROWS_A_PIECE = 8_192

_SHAPES = {
    "collected": (_EVENTS, EVENT_SCHEMA, ("message_id", "source", "type", "received_at")),
    "dead_letters": (_DEAD, DEAD_SCHEMA, ("message_id", "source", "rule", "first_seen_at")),
}


def typed(parser: duckdb.DuckDBPyConnection, name: str, where: str, found: Columns) -> tuple[pa.Table, list[Rejected]]:
    """Records as typed rows, and those that are none; ``where`` names their partition."""
    sql, schema, needed = _SHAPES[name]
    rejected: list[Rejected] = []
    try:
        table = _asked(parser, sql, found.offsets, found.payloads)
    except (duckdb.InvalidInputException, pa.ArrowInvalid):
        # One line that is no JSON spoils the whole batch: such lines are looked for then, and only then.
        bad = _unreadable(parser, found)
        rejected += _rejected(where, found, bad, "json", _NO_OBJECT)
        good = _without(found, bad)
        table = _asked(parser, sql, good.offsets, good.payloads)
    for column in needed:
        if missing := _places(table.filter(pc.is_null(table[column]))):
            reason = f"{column} is missing or cannot be read"
            rejected += _rejected(where, found, missing, f"type:{column}", reason)
            table = table.filter(pc.is_valid(table[column]))
    return table.select(schema.names).cast(schema), rejected


def _asked(parser: duckdb.DuckDBPyConnection, sql: str, offsets: pa.Array[Any], payloads: pa.Array[Any]) -> pa.Table:
    """The answer to ``sql`` over lines. In even pieces, since each of them is one thread's work."""
    pieces = THREADS * max(1, -(-len(offsets) // (THREADS * _MOST_ROWS_A_PIECE)))
    size = max(1, -(-len(offsets) // pieces))
    starts = range(0, len(offsets), size)
    lines = [payloads.slice(start, size).cast(pa.large_string()) for start in starts]
    places = [offsets.slice(start, size) for start in starts]
    table = pa.table(
        [pa.chunked_array(places, pa.int64()), pa.chunked_array(lines, pa.large_string())], names=["place", "line"]
    )
    parser.register("lines", table)
    try:
        found: pa.Table = parser.sql(sql).to_arrow_table()
        return found
    finally:
        parser.unregister("lines")


def _places(rows: pa.Table) -> set[int]:
    found: list[int] = rows["place"].to_pylist()  # type: ignore[assignment]
    return set(found)


def _unreadable(parser: duckdb.DuckDBPyConnection, found: Columns) -> set[int]:
    """Offsets of lines that are no text, or no JSON object as the parser sees it, whatever others make of them."""
    numbers: list[int] = found.offsets.to_pylist()  # type: ignore[assignment]
    bad = {number for number, line in zip(numbers, found.payloads, strict=True) if not is_utf8(line.as_py())}
    text = _without(found, bad)
    return bad | _places(_asked(parser, _NO_OBJECTS, text.offsets, text.payloads))


def _without(found: Columns, bad: Collection[int]) -> Columns:
    kept = pa.array([number not in bad for number in found.offsets.to_pylist()], pa.bool_())
    return Columns(found.offsets.filter(kept), found.payloads.filter(kept), found.next_offset)


def _is_object(line: bytes) -> bool:
    """Of a line that the parser has read."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return True


def _rejected(where: str, found: Columns, bad: Collection[int], rule: str, reason: str) -> Sequence[Rejected]:
    rows = []
    for number, payload in zip(found.offsets.to_pylist(), found.payloads, strict=True):
        if number in bad:
            line: bytes = payload.as_py()
            # Alone among good lines it is read, as nothing at all: the same line breaks the same rule every time.
            broken = (rule, reason) if _is_object(line) else ("json", _NO_OBJECT)
            text = json.dumps({"line": line.decode(errors="replace")}, ensure_ascii=False)
            place = f"{where} offset {number}"
            rows.append(Rejected(text, broken[0], f"{place}: {broken[1]}.", place))
    return rows
