"""One partition of the embedded log, as its writer has it.

A commit that cannot be written (a full disk) is taken back, and the next one may succeed. A commit that cannot be made
durable (fsync failed) ends the writer, since nobody knows what the disk has: only opening the log anew finds out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from log import LogBroken, LogError, LogHeld, segments
from log.blocks import encode
from log.files import DURABLE, LOCK, ROTATE, encode_mark, leftovers, make_folder, pieces, read_mark, segment_path
from log.segments import HEADER_BYTES, HOUR_MS, Damage, Scan

logger = logging.getLogger(__name__)
SEGMENT_BYTES = 64 * 1024 * 1024
# fdatasync leaves out times nobody asks for; where it does not exist, fsync does the same and more.
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class PartitionWriter:
    """Appends to the segments in one folder."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES, clock: Callable[[], int] = now_ms) -> None:
        """Take the lock, cut a torn tail, name damage; raises LogHeld, LogCorrupt, OSError."""
        import filelock

        self.folder, self._segment_bytes, self._clock = folder, segment_bytes, clock
        self.damage: list[Damage] = []
        self._broken = self._dirty = False
        make_folder(folder)
        # Not a lock of this thread alone: a group commit closes the writer in its own.
        self._lock = filelock.FileLock(folder / LOCK, thread_local=False)
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            raise LogHeld(
                f"{folder} is written by another process: stop that one first, or give this one its own folder."
            ) from None
        self._file = self._mark = -1
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        for path in leftovers(self.folder):
            path.unlink(missing_ok=True)
        known = read_mark(self.folder)
        mark = known or 0
        kept = pieces(self.folder)
        if kept and kept[-1].end is None:
            found = segments.scan(kept[-1].path)
            self._base, self.next_offset = found.base, found.next_offset
            torn = found.file_bytes - found.good_bytes
            if found.damage and found.file_bytes <= HEADER_BYTES and known == found.base:
                # Nothing was ever acknowledged that it could have held.
                self._begin(found.base)
            elif found.damage or found.next_offset < mark:
                self._set_aside(kept[-1].path, found, mark)
            else:
                if torn:
                    logger.warning("%s: a torn tail of %d bytes, never acknowledged, is cut", kept[-1].path, torn)
                self._resume(kept[-1].path, found)
        else:
            end = kept[-1].end if kept else 0
            assert end is not None
            self._begin(max(end, mark))
        self._mark = os.open(self.folder / DURABLE, os.O_RDWR | os.O_CREAT, 0o600)
        self._publish()

    def _resume(self, path: Path, found: Scan) -> None:
        self._file, self._size = os.open(path, os.O_RDWR), found.good_bytes
        self._hour = found.created_ms // HOUR_MS
        if found.file_bytes != found.good_bytes:
            os.ftruncate(self._file, found.good_bytes)
        # What a killed process wrote is in the page cache, perhaps only there: durable before it is told so. The last
        # block is written once more, since a kernel whose write failed holds it for written; all before are durable.
        os.pwrite(self._file, os.pread(self._file, found.good_bytes - found.last, found.last), found.last)
        os.fsync(self._file)

    def _set_aside(self, path: Path, found: Scan, mark: int) -> None:
        """Leave a damaged segment as it is and go on behind everything that was ever acknowledged."""
        behind = max(found.next_offset, mark)
        if found.next_offset < mark:
            found.damage.append(Damage(path, found.good_bytes, found.file_bytes, found.next_offset, mark))
        for damage in found.damage:
            logger.error("the log is damaged: %s", damage)
        self.damage = found.damage
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        # A segment in which nothing is whole has its own base as the next offset; a name is never used twice.
        self._begin(max(behind, found.base + 1))

    def _begin(self, base: int) -> None:
        made = self._clock()
        try:
            handle = segments.create(self.folder, base, made)
        except OSError:
            # With its name there, whatever is written on into the old one would be hidden behind it.
            there = segment_path(self.folder, base).exists()
            if self._file >= 0 and there and (base != self._base or os.fstat(self._file).st_nlink == 0):
                self._broken = True
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._size, self._hour = handle, HEADER_BYTES, made // HOUR_MS
        self._base = self.next_offset = base

    def write(self, payloads: Sequence[bytes]) -> None:
        """Append one block; it is durable only after ``sync``."""
        if self._broken:
            raise LogBroken(f"{self.folder} could not be made durable before: restart the process that writes it.")
        now = self._clock()
        try:
            # Two blocks that are not durable yet would make a torn first one look like damage.
            self.sync()
            if self._size >= self._segment_bytes or now // HOUR_MS != self._hour:
                self.rotate()
            block = encode(self.next_offset, now, payloads)
            self._write_all(block)
        except OSError as error:
            self._take_back()
            raise LogError(
                f"{self.folder} cannot be written ({error.strerror or error}): make room on its disk."
            ) from error
        self._dirty = True
        self._size += len(block)
        self.next_offset += len(payloads)

    def _write_all(self, block: bytes) -> None:
        view, position = memoryview(block), self._size
        while view:
            done = os.pwrite(self._file, view, position)
            view, position = view[done:], position + done

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self._broken = True

    def sync(self) -> None:
        """Make what was written durable, and tell readers so."""
        if not self._dirty:
            return
        try:
            _sync(self._file)
            self._dirty = False
            self._publish()
        except OSError as error:
            self._broken = True
            raise LogBroken(
                f"{self.folder} cannot be made durable ({error.strerror or error}): look at its disk, then restart."
            ) from error

    def _publish(self) -> None:
        os.pwrite(self._mark, encode_mark(self.next_offset), 0)

    def tick(self) -> None:
        """Begin a new segment where the hour is over or somebody asks for it."""
        asked = self.folder / ROTATE
        try:
            wanted = asked.exists()
            if not self._broken and (wanted or self._clock() // HOUR_MS != self._hour):
                self.rotate()
            if wanted:
                asked.unlink(missing_ok=True)
        except OSError as error:
            raise LogError(f"{self.folder} cannot begin a new segment ({error.strerror or error}).") from error

    def rotate(self) -> None:
        """Close the segment that is written and begin the next."""
        if self.next_offset > self._base:
            self.sync()
            self._begin(self.next_offset)
        else:
            # An empty segment: only its hour moves on, by making it anew.
            self._begin(self._base)

    def close(self) -> None:
        """Let go of the files and the lock."""
        if self._file >= 0 and self._dirty and not self._broken:
            with contextlib.suppress(LogError):
                self.sync()
        for handle in (self._file, self._mark):
            if handle >= 0:
                os.close(handle)
        self._file = self._mark = -1
        if self._lock.is_locked:
            self._lock.release()
