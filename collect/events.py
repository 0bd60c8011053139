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
from uuid import uuid4

import orjson

from collect import clock
from collect.judging import Judge, Unplanned
from collect.window import digest
from log.base import RECORD_BYTES, Entry

logger = logging.getLogger(__name__)
TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})
EVENT_BYTES = 32 * 1024
MAX_ID = 100
MAX_USER_ID = 500
# Passed on to every event of a batch that does not say otherwise.
_SHARED = ("context", "integrations")
_OBJECTS = ("properties", "traits", "context")
# What a dead letter tells without its payload, and without what may quote much of it.
_KEPT = ("message_id", "source", "type", "user_id", "anonymous_id", "rule", "reason")
_KEPT_TIMES = ("plan_version", "sent_at", "received_at")
_DEEP = ("nested_too_deep", "It is nested deeper than JSON can be written; its payload is not kept.")


class Malformed(Exception):
    """A call breaks a rule that no tracking plan decides."""

    def __init__(self, rule: str, reason: str) -> None:
        """Name of the rule, and a sentence without any of the call's values."""
        super().__init__(reason)
        self.rule, self.reason = rule, reason


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


def text_id(value: Any, name: str, longest: int) -> str | None:
    """An id as text; None when absent, which an empty one is too. Raises Malformed."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        found = value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = str(value)
    else:
        raise Malformed(f"{name}_invalid", f"{name} is neither text nor a number.")
    if len(found) > longest:
        raise Malformed(f"{name}_invalid", f"{name} is longer than {longest} characters.")
    return found


def message_id(call: Any) -> tuple[str, str]:
    """The message id of a call and the rule it breaks; one is made when there is none that can be used."""
    if not isinstance(call, dict):
        return str(uuid4()), "not_an_object"
    given = call.get("messageId")
    # Nearly all; what follows costs as much as judging by a plan.
    if type(given) is str and 0 < len(given) <= MAX_ID:
        return given, ""
    try:
        return text_id(given, "message_id", MAX_ID) or str(uuid4()), ""
    except Malformed as error:
        return str(uuid4()), error.rule


def check(call: dict[str, Any], kind: Any) -> tuple[str | None, str | None]:
    """The user and anonymous id of a call that is in order; raises Malformed for one that is not."""
    if not isinstance(kind, str) or kind not in TYPES:
        raise Malformed("type_unknown", f"type is none of {', '.join(sorted(TYPES))}.")
    user, anonymous = call.get("userId"), call.get("anonymousId")
    if user is not None and not (type(user) is str and 0 < len(user) <= MAX_USER_ID):
        user = text_id(user, "user_id", MAX_USER_ID)
    if anonymous is not None and not (type(anonymous) is str and 0 < len(anonymous) <= MAX_USER_ID):
        anonymous = text_id(anonymous, "anonymous_id", MAX_USER_ID)
    if user is None and anonymous is None:
        raise Malformed("identity_missing", "Neither userId nor anonymousId is given.")
    if kind == "track":
        name = call.get("event")
        if not isinstance(name, str) or not name.strip():
            raise Malformed("event_missing", "A track call needs the name of an event.")
    elif kind == "group":
        if text_id(call.get("groupId"), "group_id", MAX_USER_ID) is None:
            raise Malformed("group_id_missing", "A group call needs groupId.")
    elif kind == "alias" and text_id(call.get("previousId"), "previous_id", MAX_USER_ID) is None:
        raise Malformed("previous_id_missing", "An alias call needs previousId.")
    for name in _OBJECTS:
        value = call.get(name)
        if value is not None and not isinstance(value, dict):
            raise Malformed(f"{name}_invalid", f"{name} is no object.")
    return user, anonymous


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


def shared(batch: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What a batch says for all of its calls."""
    return [(name, common) for name in _SHARED if isinstance(common := batch.get(name), dict) and common]


def share(common: list[tuple[str, dict[str, Any]]], call: Any) -> None:
    """Pass it on to one of them; what a call says itself counts first.

    For one call when it is taken, not for all at once: a copy for each is many times what was sent.
    """
    if not isinstance(call, dict):
        return
    for name, fields in common:
        own = call.get(name)
        if own is None:
            call[name] = fields
        elif isinstance(own, dict):
            call[name] = fields | own


__all__ = [
    "EVENT_BYTES",
    "TYPES",
    "Intake",
    "Malformed",
    "Records",
    "Stamps",
    "digest",
    "message_id",
    "share",
    "shared",
]
