"""What to ask for, and when it is proven: half-open windows on the source's own clock.

The end of a window is the source's clock, not the newest row: a record stamped in the future must not carry the
watermark along. The start lies an overlap before the watermark, since a transaction can commit a row stamped before we
last looked. The watermark stays a lag behind the clock that was read to, at least as long as rows were seen to come
late; it never moves backwards, whatever the source's clock does, and never past a window that is not proven.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from extract.source import ObjectInfo, Window

# A window that cannot be proven is read again, then halved so many times at most.
DEEPEST = 6
# The lag is what late rows took, and half as much again.
MARGIN = 1.5

# A reading of everything ends so long after the clock: a row that changes while it is read must not fall out of it, and
# so seem to be gone.
AHEAD = timedelta(days=1)

PROVEN, OPEN, UNCOUNTED = "proven", "open", "uncounted"


def next_window(watermark: datetime | None, now: datetime, overlap: timedelta, *, full: bool = False) -> Window:
    """The window of a run: all history without a watermark or when ``full``, else from the watermark less the overlap.

    A full one ends well after the clock. ``now`` is the source's clock; behind the watermark (a clock set back) the
    window still ends at the watermark.
    """
    if watermark is None:
        return Window(None, now)
    end = max(watermark, now)
    return Window(None, end + AHEAD) if full else Window(watermark - overlap, end)


def learned_lag(info: ObjectInfo, lateness_seconds: float | None) -> timedelta:
    """How far the watermark stays behind the clock: the source's floor, or more where rows were seen to come later.

    ``lateness_seconds`` is the latest that a row came of late; what is later than the overlap is not waited for, but
    found by ``reconcile``.
    """
    seen = timedelta(seconds=(lateness_seconds or 0.0) * MARGIN)
    return max(info.lag, min(seen, info.overlap))


def mark(window: Window, clock: datetime, lag: timedelta, watermark: datetime | None) -> datetime:
    """The watermark once ``window`` has landed and is not open: its end, or what the lag leaves of it.

    Whole seconds, as the sources' queries have them.
    """
    reached = min(window.end, clock - lag).replace(microsecond=0)
    return reached if watermark is None else max(reached, watermark)


def verdict(source_count: int | None, landed_count: int | None) -> str:
    """Proven when the source counts as many rows as landed, open when not, uncounted when nobody counts."""
    if source_count is None or landed_count is None:
        return UNCOUNTED
    return PROVEN if source_count == landed_count else OPEN


def halves(window: Window, earliest: datetime | None) -> tuple[Window, Window] | None:
    """The window in two, in time; None when it is too short. ``earliest`` stands in for a missing start."""
    start = window.start or earliest
    if start is None or window.end - start < timedelta(seconds=2):
        return None
    middle = (start + (window.end - start) / 2).replace(microsecond=0)
    return Window(window.start, middle), Window(middle, window.end)
