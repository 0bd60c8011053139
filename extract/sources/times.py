"""Times as text from JSON, as naive UTC timestamps, a column at a time."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TIMESTAMP = pa.timestamp("us")

EPOCH_MS = r"^-?\d+$"
ZONED = r":\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$"


def timestamps(text: pa.Array[Any]) -> pa.Array[Any]:
    """ISO 8601 with or without fractions and zone (none means UTC), or epoch milliseconds; null stays null.

    Digits beyond microseconds are cut. Raises pa.ArrowInvalid when a value is none of these.
    """
    epoch = pc.match_substring_regex(text, EPOCH_MS)
    millis = pc.if_else(epoch, text, None).cast(pa.int64()).cast(pa.timestamp("ms")).cast(TIMESTAMP)
    iso = pc.if_else(epoch, None, text)
    iso = pc.replace_substring_regex(iso, r"(\.\d{6})\d+", r"\1")
    zoned = pc.match_substring_regex(iso, ZONED)
    local = pc.if_else(zoned, None, iso).cast(TIMESTAMP)
    aware = pc.if_else(zoned, iso, None).cast(pa.timestamp("us", tz="UTC")).cast(TIMESTAMP)
    return pc.coalesce(millis, aware, local)
