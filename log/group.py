"""Group commit for asyncio: whoever waits while the disk is busy shares the next fsync.

There is one commit in flight at a time, in a thread of its own; entries that come meanwhile gather into the next. So
the rate of commits follows the disk, and the rate of entries does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from log import LogBroken, LogError
from log.base import DEAD_LETTERS, EVENTS, Entry, Writer

logger = logging.getLogger(__name__)
PENDING_BYTES = 64 * 1024 * 1024
_TICK_SECONDS = 1.0


class LogFull(LogError):
    """More waits for the disk than memory should hold; the same can be tried again in a moment."""


class _Group:
    """What becomes durable together, and the future of all that wait for it."""

    __slots__ = ("bytes", "dead", "done", "events")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.events: list[Entry] = []
        self.dead: list[Entry] = []
        self.bytes = 0
        self.done: asyncio.Future[None] = loop.create_future()


class GroupCommit:
    """Appends to a log from one event loop.

    ``failed`` is the error after which nothing can be appended any more, or None; ``observe(seconds, records)`` is told
    of every commit.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        pending_bytes: int = PENDING_BYTES,
        observe: Callable[[float, int], None] = lambda _seconds, _records: None,
    ) -> None:
        """Use ``writer`` from one thread from now on; call inside the running loop."""
        self._writer, self._limit, self._observe = writer, pending_bytes, observe
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="log")
        self._pending = _Group(self._loop)
        self._flying: _Group | None = None
        self._closing = False
        self.failed: LogBroken | None = None
        self._ticker = self._loop.create_task(self._tick())

    def add(self, events: Sequence[Entry], dead: Sequence[Entry], size: int) -> asyncio.Future[None]:
        """Hand over entries of ``size`` bytes; the future ends when they are durable, or with a LogError.

        Raises LogFull when too much waits already, LogError when it is more than may ever wait. The future is shared:
        shield it before it is cancelled.
        """
        if self.failed is not None:
            # Anew: one exception raised for every request would keep the frames of all of them.
            raise LogBroken(str(self.failed))
        if size > self._limit:
            raise LogError(f"A commit takes at most {self._limit:,} bytes at once: hand over less.")
        group = self._pending
        if group.bytes + size > self._limit:
            raise LogFull("More events wait for the disk than memory should hold: send them again in a moment.")
        group.events += events
        group.dead += dead
        group.bytes += size
        if self._flying is None:
            # Not at once: requests that arrived in the same turn of the loop go into the same commit.
            self._flying = group
            self._loop.call_soon(self._start)
        return group.done

    async def settled(self) -> None:
        """Return when everything that was handed over is durable; LogError when some of it is not."""
        flying, pending = self._flying, self._pending
        for group in (flying, pending if pending.bytes and pending is not flying else None):
            if group is not None:
                await asyncio.shield(group.done)

    def _start(self) -> None:
        group = self._flying
        assert group is not None
        if self._pending is group:
            self._pending = _Group(self._loop)
        began = self._loop.time()
        work = self._loop.run_in_executor(
            self._thread, self._writer.append, {EVENTS: group.events, DEAD_LETTERS: group.dead}
        )
        work.add_done_callback(lambda finished: self._finish(group, finished, began))

    def _finish(self, group: _Group, finished: asyncio.Future[None], began: float) -> None:
        error = finished.exception()
        if error is None:
            self._observe(self._loop.time() - began, len(group.events) + len(group.dead))
            if not group.done.cancelled():
                group.done.set_result(None)
        else:
            logger.error("a commit failed: %s", error)
            if isinstance(error, LogBroken):
                self.failed = error
            if not group.done.cancelled():
                group.done.set_exception(error if isinstance(error, LogError) else LogError(str(error)))
                # Retrieved here, so that nobody waiting is no warning.
                group.done.exception()
        if self._pending.bytes:
            self._flying = self._pending
            self._loop.call_soon(self._start)
        else:
            self._flying = None

    async def _tick(self) -> None:
        while not self._closing:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                await self._loop.run_in_executor(self._thread, self._writer.tick)
            except LogError as error:
                logger.error("%s", error)

    async def close(self) -> None:
        """Make durable what was handed over, then close the writer."""
        self._closing = True
        self._ticker.cancel()
        while self._flying is not None or self._pending.bytes:
            with contextlib.suppress(LogError):
                await self.settled()
            await asyncio.sleep(0)
        await self._loop.run_in_executor(self._thread, self._writer.close)
        self._thread.shutdown()
