"""What a server knows of write keys while it runs: who may write, and how fast."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from collect import CollectError
from collect.keys import MAX_KEY_LENGTH, KeyFile, WriteKey, hashed

logger = logging.getLogger(__name__)
# A source may send this many seconds' worth at once: a batch after a pause is no misuse.
BURST_SECONDS = 10
# What one batch may hold must fit a full bucket, however low the rate.
_MIN_BURST = 2500
_LOOK_SECONDS = 1.0


class Source:
    """A key that may write, with its bucket of events."""

    __slots__ = ("_burst", "_clock", "_filled_at", "_level", "_rate", "key_id", "name")

    def __init__(self, key: WriteKey, share: float, clock: Callable[[], float]) -> None:
        """``share`` is the part of the key's rate that this process may give away."""
        self.name, self.key_id = key.source, key.key_id
        self._rate = max(key.rate * share, 0.001)
        self._burst = max(self._rate * BURST_SECONDS, _MIN_BURST)
        self._level, self._clock = self._burst, clock
        self._filled_at = clock()

    def take(self, events: int) -> int:
        """0 when that many events may come in, else the seconds after which they may."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if events <= self._level:
            self._level -= events
            return 0
        return max(1, math.ceil((min(events, self._burst) - self._level) / self._rate))


class Keys:
    """Keys by what clients send. Looked up in memory; the file is looked at once a second at most."""

    def __init__(self, file: KeyFile, *, share: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the keys; raises CollectError when the file is not one of keys."""
        self._file, self._share, self._clock = file, share, clock
        self._sources: dict[str, Source] = {}
        # Only keys that there are: what anybody may send must not stay here.
        self._known: dict[str, Source] = {}
        self._told = ""
        self._looked_at = clock()
        self._stamp = file.stamp()
        self._load()

    def _load(self, *, missing_ok: bool = True) -> None:
        writing = [key for key in self._file.listed(missing_ok=missing_ok) if key.revoked_at is None]
        before = self._sources
        # A key that was there keeps its bucket.
        self._sources = {key.sha256: before.get(key.sha256) or Source(key, self._share, self._clock) for key in writing}
        self._known = {}

    def find(self, key: str) -> Source | None:
        """The source of a key, None when it is unknown or revoked."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            self._refresh()
        try:
            return self._known[key]
        except KeyError:
            if len(key) > MAX_KEY_LENGTH:
                return None
            found = self._sources.get(hashed(key))
            if found is not None:
                self._known[key] = found
            return found

    def _refresh(self) -> None:
        stamp = self._file.stamp()
        if stamp == self._stamp:
            return
        try:
            # A file that is away for a moment is no revocation: SDKs drop what is answered 401.
            self._load(missing_ok=not self._sources)
            self._stamp, self._told = stamp, ""
        except CollectError as error:
            # The keys from before go on: a file that cannot be read must not end the collection.
            if self._told != str(error):
                self._told = str(error)
                logger.error("%s", error)

    def count(self) -> int:
        """How many keys may write."""
        return len(self._sources)
