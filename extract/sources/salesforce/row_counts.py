"""Counting the rows of a CSV page while it passes by, cut anywhere."""

from __future__ import annotations

import numpy as np

NEWLINE, QUOTE = b'\n"'


class RowEnds:
    """Rows by the ends between them, ``"`` newline ``"``: every value is quoted, so a row ends and begins with one."""

    def __init__(self) -> None:
        """Nothing seen."""
        self.rows = 0
        self._tail = b""

    def add(self, chunk: bytes) -> None:
        """See the next bytes."""
        # A newline counts when both its neighbours are here, so the last two bytes are looked at once more.
        seen = self._tail + chunk
        values = np.frombuffer(seen, np.uint8)
        before = np.flatnonzero(values[1:-1] == NEWLINE)
        self.rows += int(np.count_nonzero((values[before] == QUOTE) & (values[before + 2] == QUOTE)))
        self._tail = seen[-2:]

    @property
    def whole(self) -> bool:
        """Whether the last row is complete."""
        return self._tail == b'"\n'


class Quotes:
    """Rows by newlines outside quotes: slower, and exact for any CSV."""

    def __init__(self) -> None:
        """Nothing seen; the header's own newline does not count."""
        self.rows = -1
        self._inside = False
        self._last = b""

    def add(self, chunk: bytes) -> None:
        """See the next bytes."""
        for index, piece in enumerate(chunk.split(b'"')):
            if index:
                self._inside = not self._inside
            if not self._inside:
                self.rows += piece.count(b"\n")
        self._last = chunk[-1:] or self._last

    @property
    def whole(self) -> bool:
        """Whether the last row is complete."""
        return not self._inside and self._last == b"\n"
