"""Group commit: who waits shares a commit, and is told the truth about it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest

from log import LogBroken, LogError
from log.base import EVENTS, Entry
from log.group import GroupCommit, LogFull

pytestmark = pytest.mark.timeout(60)


class Slow:
    """A writer whose commits wait until they are let go, and fail when told to."""

    def __init__(self) -> None:
        self.commits: list[list[bytes]] = []
        self.go = threading.Semaphore(0)
        self.failures: list[Exception] = []
        self.closed = False

    def append(self, entries: Mapping[str, Sequence[Entry]]) -> None:
        assert self.go.acquire(timeout=20)
        if self.failures:
            raise self.failures.pop(0)
        self.commits.append([payload for _, payload in entries[EVENTS]])

    def tick(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def entry(number: int) -> list[Entry]:
    return [("key", b"%d" % number)]


def test_what_comes_while_the_disk_is_busy_is_one_commit() -> None:
    async def work() -> list[list[bytes]]:
        writer = Slow()
        group = GroupCommit(writer)
        first = group.add(entry(0), [], 1)
        await asyncio.sleep(0.05)
        rest = [group.add(entry(number), [], 1) for number in range(1, 100)]
        await asyncio.sleep(0.05)
        assert not first.done()
        writer.go.release(2)
        await first
        await asyncio.gather(*rest)
        await group.close()
        assert writer.closed
        return writer.commits

    assert asyncio.run(work()) == [[b"0"], [b"%d" % number for number in range(1, 100)]]


def test_a_failed_commit_fails_all_of_it_and_nothing_else() -> None:
    async def work() -> None:
        writer = Slow()
        writer.failures = [LogError("full")]
        group = GroupCommit(writer)
        failing = [group.add(entry(number), [], 1) for number in range(3)]
        await asyncio.sleep(0.05)
        good = group.add(entry(9), [], 1)
        writer.go.release(2)
        for one in failing:
            with pytest.raises(LogError, match="full"):
                await one
        await good
        assert group.failed is None
        assert writer.commits == [[b"9"]]
        await group.close()

    asyncio.run(work())


def test_a_broken_log_takes_nothing_more() -> None:
    async def work() -> None:
        writer = Slow()
        writer.failures = [LogBroken("gone")]
        writer.go.release()
        group = GroupCommit(writer)
        with pytest.raises(LogBroken):
            await group.add(entry(0), [], 1)
        with pytest.raises(LogBroken):
            group.add(entry(1), [], 1)
        await group.close()

    asyncio.run(work())


def test_what_waits_is_bounded() -> None:
    async def work() -> None:
        writer = Slow()
        group = GroupCommit(writer, pending_bytes=100)
        group.add(entry(0), [], 90)
        await asyncio.sleep(0.05)
        # One in flight, one waiting; a single one is not larger than what may wait, either.
        with pytest.raises(LogError, match="hand over less"):
            group.add(entry(1), [], 101)
        group.add(entry(1), [], 100)
        with pytest.raises(LogFull):
            group.add(entry(2), [], 1)
        writer.go.release(2)
        await group.close()
        assert writer.commits == [[b"0"], [b"1"]]

    asyncio.run(work())


def test_closing_waits_for_what_was_handed_over() -> None:
    async def work() -> list[list[bytes]]:
        writer = Slow()
        writer.go.release(10)
        group = GroupCommit(writer)
        for number in range(5):
            group.add(entry(number), [], 1)
        await group.close()
        return writer.commits

    assert asyncio.run(work()) == [[b"0", b"1", b"2", b"3", b"4"]]
