"""Tables whose keys and watermarks are known, so that a connection needs to name only where they are.

Segment Profiles Sync writes into a schema of the user's warehouse, named for the space. ``uuid_ts`` is when its loader
took a row up, which may be hours before the row can be seen: hence the lag. Rows of the three materialised tables are
deleted when profiles merge; a sweep finds that (``braid reconcile``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class KnownTable:
    """What a preset knows of a table."""

    key: tuple[str, ...]
    watermark: str
    lag: timedelta


_LOADED = timedelta(hours=3)
SEGMENT_PROFILES_SYNC = "segment_profiles_sync"
PRESETS: Mapping[str, Mapping[str, KnownTable]] = {
    SEGMENT_PROFILES_SYNC: {
        # Which profile each profile id stands for now, and its history.
        "profile_merges": KnownTable(("segment_id",), "uuid_ts", _LOADED),
        "id_graph_updates": KnownTable(("id",), "uuid_ts", _LOADED),
        # The identifiers of each profile now, and each time one was tied to a profile.
        "user_identifiers": KnownTable(("canonical_segment_id", "type", "value"), "uuid_ts", _LOADED),
        "external_id_mapping_updates": KnownTable(("id",), "uuid_ts", _LOADED),
        # One row per profile and trait.
        "user_traits": KnownTable(("canonical_segment_id", "name"), "uuid_ts", _LOADED),
    }
}


def objects() -> tuple[str, ...]:
    """Every preset's tables as objects."""
    return tuple(f"{preset}.{table}" for preset, tables in PRESETS.items() for table in tables)
