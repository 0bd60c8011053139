"""A dead letter at the door once more: judged and written as if it came now, with the times it came at then."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import orjson

from collect import clock
from collect.events import Intake, Records, Stamps


class Answer(NamedTuple):
    """The event's record as the log would have it, or the rule that it still breaks; ``violations`` of one let in."""

    record: bytes | None
    rule: str | None = None
    path: str | None = None
    reason: str | None = None
    violations: int = 0


class Again:
    """The collector's intake, for calls that came before."""

    def __init__(self, intake: Intake, plan_version: str) -> None:
        """``plan_version`` is that of the intake's judge."""
        self._intake, self.plan_version = intake, plan_version

    def take(
        self,
        call: Any,
        *,
        source: str,
        message_id: str,
        first_seen_at: datetime,
        last_seen_at: datetime,
        sent_at: datetime | None,
    ) -> Answer:
        """What becomes of the call; it is changed as the intake changes calls. Times are naive UTC.

        The call is that of the delivery at ``last_seen_at``, and so is ``sent_at``: the two say how wrong the device's
        clock was. It was received when it came first.
        """
        if not isinstance(call, dict):
            return Answer(None, "not_an_object", "", "The call is no object, or its payload was not kept.")
        sent = sent_at if sent_at is not None else clock.read(call.get("sentAt"))
        stamps = Stamps(source, first_seen_at, clock.write(first_seen_at))
        if sent is not None:
            stamps.sent_at, stamps.offset = clock.write(sent), last_seen_at - sent
        records = Records()
        self._intake.take(call, None, message_id, "", stamps, records)
        if records.events:
            return Answer(records.events[0][1], violations=records.violations)
        refused = orjson.loads(records.dead[0][1])
        said = (refused.get("violations") or [{}])[0]
        return Answer(None, refused["rule"], said.get("path", ""), said.get("message") or refused["reason"])
