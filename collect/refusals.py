"""Sources of which half the events go to the dead letters: then it is a release or the plan that is wrong, not they.

It is told and stops nothing. A collector that refused them would lose them, since SDKs throw away what is answered 4xx
and keep little of what is answered 5xx; in the dead letters they wait, whole, until the cause is put right.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)
# As the circuit breaker of replays has it (extract/breaker.py), of what one source sends in a minute.
SHARE, MINIMUM, SECONDS = 0.5, 100, 60.0


@dataclass(slots=True)
class _Minute:
    began: float
    events: int = 0
    dead: int = 0
    # Whether it is known of this source that half of it is refused.
    told: bool = False


class Refusals:
    """What each source sent in its current minute. Sources are those of write keys, so they are few."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` in seconds, from anywhere."""
        self._clock = clock
        self._minutes: dict[str, _Minute] = {}

    def count(self, source: str, events: int, dead: int) -> None:
        """Count what a request of a source became, dead letters among ``events``."""
        now = self._clock()
        minute = self._minutes.get(source)
        if minute is None:
            minute = self._minutes[source] = _Minute(now)
        elif now - minute.began >= SECONDS:
            self._end(source, minute, now)
        minute.events += events
        minute.dead += dead
        if not minute.told and self._is_half(minute):
            minute.told = True
            logger.error(
                "%d of %d events that %s sent within a minute went to the dead letters: all are kept; see `braid "
                "dead-letters list --source %s`, put right what sends them or the tracking plan, and replay them",
                minute.dead, minute.events, source, source,
            )  # fmt: skip

    def sources(self) -> tuple[str, ...]:
        """Sources of which half is refused now, or was when they last sent, no longer than a minute ago."""
        now = self._clock()
        return tuple(sorted(n for n, m in self._minutes.items() if m.told and now - m.began < 2 * SECONDS))

    def _end(self, source: str, minute: _Minute, now: float) -> None:
        """Begin the next minute; what is known lasts until a minute says otherwise."""
        if minute.told and minute.events >= MINIMUM and not self._is_half(minute):
            minute.told = False
            logger.warning("most events of %s pass again", source)
        minute.began, minute.events, minute.dead = now, 0, 0

    @staticmethod
    def _is_half(minute: _Minute) -> bool:
        return minute.events >= MINIMUM and minute.dead >= SHARE * minute.events
