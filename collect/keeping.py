"""The calls of a request become durable, each message once."""

from __future__ import annotations

import asyncio
from typing import Any

from collect.arriving import RETRY_SECONDS
from collect.body import Refused
from collect.calls import message_id, share
from collect.events import Intake, Records, Stamps
from collect.metrics import Metrics
from collect.refusals import Refusals
from collect.window import Window, digest
from log import LogError
from log.group import PENDING_BYTES, GroupCommit, LogFull

# What a request may become, in bodies of the largest size: ids and times of 2,500 events are two of them by themselves.
_RECORDS_A_BODY = 16


class Keeping:
    """Knows which messages there were, and which are just being made durable for another request."""

    def __init__(self, intake: Intake, window: Window, metrics: Metrics, refusals: Refusals, body_bytes: int) -> None:
        """``body_bytes`` is the most that one body may have."""
        self._intake, self._window, self._metrics, self._refusals = intake, window, metrics, refusals
        # What a batch says for all of its events is in the record of each.
        self._record_bytes = min(_RECORDS_A_BODY * body_bytes, PENDING_BYTES)
        self._flying: dict[bytes, asyncio.Future[None]] = {}

    async def keep(
        self, commit: GroupCommit, calls: list[Any], kind: str | None, stamps: Stamps, common: list[Any]
    ) -> None:
        """Make durable what is new among the calls, and wait for what another request is making durable.

        Refused when they become too much (413), or the log is full or fails (503).
        """
        records, new, waits = Records(), dict[bytes, None](), set[asyncio.Future[None]]()
        flying, window, duplicates = self._flying, self._window, 0
        for call in calls:
            message, broken = message_id(call)
            mark = digest(stamps.source, message)
            if mark in new or mark in window:
                duplicates += 1
            elif (other := flying.get(mark)) is not None:
                duplicates += 1
                waits.add(other)
            else:
                share(common, call)
                self._intake.take(call, kind, message, broken, stamps, records)
                new[mark] = None
                if records.size > self._record_bytes:
                    raise Refused(
                        413,
                        "too_large",
                        f"The events of a request become {self._record_bytes:,} bytes at most, each with what the "
                        "batch says for all: send smaller batches.",
                    )
        try:
            if new:
                done = commit.add(records.events, records.dead, records.size)
                flying.update(dict.fromkeys(new, done))
                try:
                    await done
                    window.add(new)
                finally:
                    for mark in new:
                        del flying[mark]
            for other in waits:
                await other
        except LogFull as error:
            raise Refused(503, "busy", str(error), retry_after=RETRY_SECONDS) from None
        except LogError:
            self._metrics.count("commit_failures")
            raise Refused(503, "log_failed", "The log cannot be written now.", retry_after=RETRY_SECONDS) from None
        count = self._metrics.count
        count("events_accepted", len(records.events))
        if new:
            self._refusals.count(stamps.source, len(new), len(records.dead))
        if duplicates or records.dead or records.violations:
            count("events_duplicate", duplicates)
            count("events_dead", len(records.dead))
            count("events_violations", records.violations)
            count("validation_failures", records.failures)
