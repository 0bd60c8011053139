"""What to ask a source for: a half-open window that never skips a moment and never trusts the rows for its end.

The end is the source's own clock, not the newest row: a record stamped in the future must not carry the watermark
along. The start lies an overlap before the watermark, since a transaction can commit a row stamped before we last
looked. The watermark never moves backwards, whatever the source's clock does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from extract.source import Window


def next_window(watermark: datetime | None, now: datetime, overlap: timedelta, *, full: bool = False) -> Window:
    """The window of a run: all history without a watermark or when ``full``, else from the watermark less the overlap.

    ``now`` is the source's clock; behind the watermark (a clock set back) the window still ends at the watermark.
    """
    if watermark is None:
        return Window(None, now)
    end = max(watermark, now)
    return Window(None if full else watermark - overlap, end)
