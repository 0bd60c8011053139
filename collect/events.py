"""One call of an SDK becomes one record of the log: an event, or a dead letter that says which rule it broke.

An event's record is JSON in UTF-8:

    message_id, source, type, event, user_id, anonymous_id   who and what; ids are text, null when absent
    timestamp             when it happened, corrected for the device's clock: original + (received - sent)
    original_timestamp, sent_at, received_at                 as the device and this server have them
    plan_version, event_name, event_version, violations      what the tracking plan says
    payload               the call as it came, without its write key

All times are UTC with milliseconds. A dead letter has ``rule`` and ``reason`` besides, and its payload whatever came;
null when it is nested deeper than JSON can be written, or larger than the log takes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from collect import clock
from collect.calls import Malformed, check
from collect.judging import Judge, Unplanned
from log.base import RECORD_BYTES, Entry

logger = logging.getLogger(__name__)
EVENT_BYTES = 32 * 1024
# What a dead letter tells without its payload, and without what may quote much of it.
_KEPT = ("message_id", "source", "type", "user_id", "anonymous_id", "rule", "reason")
_KEPT_TIMES = ("plan_version", "sent_at", "received_at")
_DEEP = ("nested_too_deep", "It is nested deeper than JSON can be written; its payload is not kept.")


@dataclass(slots=True)
class Stamps:
    """What all events of one request share."""

    source: str
    received: datetime
    received_at: str
    sent_at: str | None = None
    offset: timedelta | None = None

    @classmethod
    def of(cls, source: str, received: datetime, sent: Any) -> Stamps:
        """``sent`` is the request's own ``sentAt``, which says how wrong the device's clock is."""
        moment = clock.read(sent) if sent is not None else None
        stamps = cls(source, received, clock.write(received))
        if moment is not None:
            stamps.sent_at, stamps.offset = clock.write(moment), received - moment
        return stamps


@dataclass(slots=True)
class Records:
    """What a request gives to the log, and the digests of the messages in it."""

    events: list[Entry] = field(default_factory=list)
    dead: list[Entry] = field(default_factory=list)
    size: int = 0
    violations: int = 0
    failures: int = 0


class Intake:
    """Turns calls into records of the log."""

    def __init__(self, judge: Judge, *, event_bytes: int = EVENT_BYTES) -> None:
        """``judge`` is the tracking plan, ``event_bytes`` the most one event may have as compact JSON."""
        self._judge, self._event_bytes = judge, event_bytes
        self._version, self._unplanned = judge.version, isinstance(judge, Unplanned)

    def take(self, call: Any, kind: str | None, message: str, broken: str, stamps: Stamps, records: Records) -> None:
        """Add a call to the records. ``message`` and ``broken`` are what ``message_id`` said of it.

        ``kind`` is the path's, None in a batch, where each call says its own.
        """
        if broken:
            self._dead(call, message, broken, "The call is no object, or its messageId no text.", stamps, records)
            return
        call.pop("writeKey", None)
        if kind is None:
            kind = call.get("type")
        else:
            # Said by the path alone; a dead letter that is looked at later has nothing but the call.
            call["type"] = kind
        # RudderStack's SDKs tell traits within context.
        if (kind == "identify" or kind == "group") and call.get("traits") is None:
            context = call.get("context")
            if isinstance(context, dict) and context.get("traits"):
                call["traits"] = context["traits"]
        try:
            user, anonymous = check(call, kind)
        except Malformed as error:
            self._dead(call, message, error.rule, error.reason, stamps, records)
            return
        name = call.get("event")
        record: dict[str, Any] = {
            "message_id": message,
            "source": stamps.source,
            "type": kind,
            # Only a track call has to have one; what others call so may be anything.
            "event": name if isinstance(name, str) else None,
            "user_id": user,
            "anonymous_id": anonymous,
            "timestamp": None,
            "original_timestamp": None,
            "sent_at": stamps.sent_at,
            "received_at": stamps.received_at,
            "plan_version": self._version,
            "payload": call,
        }
        _tell_times(record, call, stamps)
        if not self._unplanned and not self._judged(call, message, record, stamps, records):
            return
        try:
            data = orjson.dumps(record)
        except orjson.JSONEncodeError:
            self._dead(call, message, *_DEEP, stamps, records)
            return
        # What is around the payload is small; only what comes near the limit is measured by itself.
        if len(data) > self._event_bytes and (len(data) > RECORD_BYTES or len(orjson.dumps(call)) > self._event_bytes):
            reason = f"An event has at most {min(self._event_bytes, RECORD_BYTES):,} bytes as JSON."
            self._dead(call, message, "event_too_large", reason, stamps, records)
            return
        records.events.append((user or anonymous or message, data))
        records.size += len(data)

    def _judged(
        self, call: dict[str, Any], message: str, record: dict[str, Any], stamps: Stamps, records: Records
    ) -> bool:
        """Whether the plan lets the event through; the record then has what it says and what it left of it."""
        try:
            verdict = self._judge.judge(call, stamps.source)
            record["event_name"], record["event_version"] = verdict.event_name, verdict.event_version
            violations, action = verdict.violations, verdict.action
            if violations:
                record["violations"] = [{"rule": v.rule, "path": v.path, "message": v.message} for v in violations]
                records.violations += len(violations)
            if action == "strip":
                if not isinstance(verdict.event, Mapping):
                    raise TypeError
                record["payload"] = verdict.event
        except Exception as error:
            # Whatever the plan's fault is, the event is kept; only its type is told, since a message may quote values.
            logger.error("the tracking plan failed on an event: %s", type(error).__name__)
            records.failures += 1
            self._dead(call, message, "validation_failed", "The tracking plan could not judge it.", stamps, records)
            return False
        if action == "dead_letter":
            rule = violations[0].rule if violations else "plan"
            self._dead(call, message, rule, "The tracking plan does not let it pass.", stamps, records, extra=record)
            return False
        return True

    def _dead(
        self,
        call: Any,
        message: str,
        rule: str,
        reason: str,
        stamps: Stamps,
        records: Records,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        if isinstance(call, dict):
            call.pop("writeKey", None)
        record = {"message_id": message, "source": stamps.source, **(extra or {}), "rule": rule, "reason": reason}
        record |= {"plan_version": self._version, "sent_at": stamps.sent_at, "received_at": stamps.received_at}
        record["payload"] = call
        # Whatever it is, the rest of its batch is not to be lost with it.
        try:
            data = orjson.dumps(record)
            if len(data) > RECORD_BYTES:
                data = _bare(record, rule, f"{reason} Its payload is larger than the log takes, and not kept.")
        except orjson.JSONEncodeError:
            data = _bare(record, *_DEEP)
        records.dead.append((message, data))
        records.size += len(data)


def _bare(record: dict[str, Any], rule: str, reason: str) -> bytes:
    told = {**record, "rule": rule, "reason": reason}
    return orjson.dumps({name: told[name] for name in (*_KEPT, *_KEPT_TIMES) if name in told} | {"payload": None})


def _tell_times(record: dict[str, Any], call: dict[str, Any], stamps: Stamps) -> None:
    """When it happened: by the device, and corrected by how wrong the device's clock is."""
    given = call.get("originalTimestamp")
    if given is None:
        given = call.get("timestamp")
    original = clock.read(given) if given is not None else None
    offset = stamps.offset
    if offset is None and (sent := clock.read(call.get("sentAt"))) is not None:
        offset, record["sent_at"] = stamps.received - sent, clock.write(sent)
    if original is None:
        record["timestamp"] = stamps.received_at
        return
    record["original_timestamp"] = clock.write(original)
    moment = original if offset is None else clock.shifted(original, offset)
    record["timestamp"] = clock.write(moment) if moment is not None else stamps.received_at
