"""One writer at a time on a DuckDB file, for Dagster and the command line alike.

The lock is an advisory lock on ``<file>.lock``, so it ends with its process however that dies. Who holds it is written
beside it, in ``<file>.lock.json``, for those who wait; that note may be stale after a kill, so it only ever informs.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from warehouse.base import WarehouseError, WarehouseHeld

REPEAT_SECONDS = 30.0
_POLL_SECONDS = 0.1

OnWait = Callable[[str], None]


@dataclass(frozen=True)
class Holder:
    """Who has the lock, as its note says. ``since`` is ISO 8601, UTC."""

    pid: int
    command: str
    since: str
    host: str = ""

    def __str__(self) -> str:
        """For a sentence: the command, its process and since when."""
        return f"`{self.command}` (pid {self.pid}) since {self.since}"


def lock_path(database: Path) -> Path:
    """The lock of a DuckDB file."""
    return database.with_name(database.name + ".lock")


def holder_path(database: Path) -> Path:
    """The note beside it."""
    return database.with_name(database.name + ".lock.json")


def read_holder(database: Path) -> Holder | None:
    """What the note says, or None when there is none or it cannot be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        note = json.loads(holder_path(database).read_text(encoding="utf-8"))
        return Holder(int(note["pid"]), str(note["command"]), str(note["since"]), str(note.get("host", "")))
    return None


@contextmanager
def file_lock(
    database: Path, *, command: str, on_wait: OnWait | None = None, timeout: float | None = None
) -> Iterator[None]:
    """Hold the lock of ``database`` for the block; the same thread may take it again inside.

    ``command`` is what others are told. While someone else has it, ``on_wait`` gets a sentence saying who, at once and
    then every 30 s. Raises WarehouseHeld after ``timeout`` seconds (None waits without end).
    """
    import filelock

    try:
        if database.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        database.parent.mkdir(parents=True, exist_ok=True)
        # A folder where nothing can be made would be taken for a lock that somebody holds.
        with lock_path(database).open("a"):
            pass
    except OSError as error:
        raise WarehouseError(
            f"{database} cannot be written ({error.strerror or type(error).__name__}): give BRAID_DUCKDB, or path in "
            "profiles.yml, a file in a folder that may be written to."
        ) from None
    # One object a path and thread: taking it again in the same thread counts up instead of waiting for itself.
    lock = filelock.FileLock(lock_path(database), is_singleton=True)
    outermost = not lock.is_locked
    _wait_for(lambda: lock.acquire(blocking=False), database, on_wait, timeout)
    try:
        if outermost:
            _write_holder(database, command)
        yield
    finally:
        if outermost:
            holder_path(database).unlink(missing_ok=True)
        lock.release()


def _wait_for(attempt: Callable[[], object], database: Path, on_wait: OnWait | None, timeout: float | None) -> None:
    import filelock

    started = time.monotonic()
    said: float | None = None
    while True:
        try:
            attempt()
            return
        except filelock.Timeout:
            pass
        waited = time.monotonic() - started
        if timeout is not None and waited >= timeout:
            raise WarehouseHeld(
                f"{database} is still held by {_who(database)} after {waited:.0f} s: wait for it to end and try again."
            ) from None
        if on_wait is not None and (said is None or waited - said >= REPEAT_SECONDS):
            on_wait(f"Waiting for {database.name}: held by {_who(database)}.")
            said = waited
        time.sleep(_POLL_SECONDS)


def _who(database: Path) -> str:
    holder = read_holder(database)
    return str(holder) if holder else "another process"


def _write_holder(database: Path, command: str) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    holder = Holder(os.getpid(), command, since, socket.gethostname())
    # Through a rename, so that nobody reads half a note.
    note = holder_path(database)
    draft = note.with_name(f"{note.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    draft.replace(note)
