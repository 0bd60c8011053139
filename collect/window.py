"""Which messages are durable already: the last few million, shared by all workers, kept through restarts.

A file in memory (mmap) of buckets; an id goes to the front of its bucket and pushes out the oldest. With ``slots`` for
all, one id in 3,000 is forgotten after half as many newer ones. What is forgotten, or was written by two workers at the
same moment, is caught when the log is landed: that compares with all history. An id is only remembered once its event
is durable, so that nothing here can stand in for an event that was lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from collect import CollectError
from collect.mapped import mapped

_DIGEST = 16
_SLOTS_A_BUCKET = 32
_BUCKET = _DIGEST * _SLOTS_A_BUCKET
SLOTS = 1 << 22


def digest(source: str, message_id: str) -> bytes:
    """What is remembered of a message: ids are only compared within a source."""
    return blake2b(f"{source}\0{message_id}".encode("utf-8", "replace"), digest_size=_DIGEST).digest()


class Window:
    """The ids in one file."""

    def __init__(self, path: Path, *, slots: int = SLOTS) -> None:
        """Open or make the file; one of another size is begun anew."""
        self._buckets = max(1, slots // _SLOTS_A_BUCKET)
        size = self._buckets * _BUCKET
        try:
            self._map = mapped(path, size)
        except OSError as error:
            raise CollectError(
                f"{path} cannot be opened ({error.strerror or error}): give a folder that may be written to, with "
                f"{size // 1024 // 1024} MB to spare."
            ) from None

    def __contains__(self, item: bytes) -> bool:
        """Is it among the remembered ones?"""
        start = int.from_bytes(item[:8], "little") % self._buckets * _BUCKET
        return self._map.find(item, start, start + _BUCKET) >= 0

    def add(self, items: Iterable[bytes]) -> None:
        """Remember these."""
        table, buckets = self._map, self._buckets
        for item in items:
            start = int.from_bytes(item[:8], "little") % buckets * _BUCKET
            table.move(start + _DIGEST, start, _BUCKET - _DIGEST)
            table[start : start + _DIGEST] = item

    def close(self) -> None:
        """Let go of the file; it stays."""
        self._map.close()
