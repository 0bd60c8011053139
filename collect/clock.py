"""Times: read however SDKs write them, written in one way, and corrected for a clock that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all times here are naive UTC
# Numbers above are milliseconds: as seconds they would lie after the year 5000.
_MILLISECONDS_FROM = 100_000_000_000


def read(value: Any) -> datetime | None:
    """A time as naive UTC, None when it is none: ISO 8601, or seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str):
            # As nearly all SDKs write it; without a zone there is none to take away again.
            if value[-1:] == "Z" and value[-2:-1].isdigit():
                found = datetime.fromisoformat(value[:-1])
                return found if found.tzinfo is None else None
            found = datetime.fromisoformat(value)
            return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(seconds=value / 1000 if abs(value) >= _MILLISECONDS_FROM else value)
    except (ValueError, OverflowError):
        pass
    return None


def write(moment: datetime) -> str:
    """ISO 8601, UTC, milliseconds."""
    return moment.isoformat(timespec="milliseconds") + "Z"


def shifted(moment: datetime, offset: timedelta) -> datetime | None:
    """The moment moved by an offset; None when no calendar has it."""
    try:
        return moment + offset
    except OverflowError:
        return None
