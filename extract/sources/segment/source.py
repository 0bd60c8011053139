"""Segment as a source: the event archive, and the profiles of the users seen in it.

Source  archive and Profile API; either may be left unset, and then only its own objects cannot be read
Grain   see ``archive.py`` and ``profiles.py``
Cursor  none: files by name, size and time; profiles by the users of newly landed events
Errors  ConfigurationError names the variable an object misses
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pyarrow as pa

from extract.source import ConfigurationError, ObjectInfo, ReadContext, Source
from extract.sources.segment.archive import FIELDS, SCHEMA, Archive
from extract.sources.segment.profiles import EXTERNAL_ID_TYPES, PROFILE_TYPES, ProfileApi
from warehouse.base import TableName

DEFAULT_URL = "https://profiles.segment.com"
EVENTS = TableName("raw_events", "events")


class Segment(Source):
    """One Segment workspace: its archive of calls and one unified space."""

    name = "segment"
    objects = ("events", "profiles", "profile_external_ids")

    def __init__(self, archive: Archive | None, profiles: ProfileApi | None) -> None:
        """Either may be None; its objects then raise ConfigurationError."""
        self._archive = archive
        self._profiles = profiles

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Segment:
        """SEGMENT_ARCHIVE_URL, or SEGMENT_SPACE_ID with SEGMENT_ACCESS_TOKEN, or all of them."""
        archive, space, token = (
            env.get(name, "").strip() for name in ("SEGMENT_ARCHIVE_URL", "SEGMENT_SPACE_ID", "SEGMENT_ACCESS_TOKEN")
        )
        if not (archive or space or token):
            raise ConfigurationError(
                "Neither SEGMENT_ARCHIVE_URL (events) nor SEGMENT_SPACE_ID and SEGMENT_ACCESS_TOKEN (profiles) are set."
            )
        if space and not token:
            raise ConfigurationError("SEGMENT_ACCESS_TOKEN is not set: put the space's Profile API token there.")
        if token and not space:
            raise ConfigurationError("SEGMENT_SPACE_ID is not set: put the id of the unified space there.")
        url = env.get("SEGMENT_PROFILE_URL", "").strip() or DEFAULT_URL
        return cls(Archive(archive) if archive else None, ProfileApi(url, space, token) if token else None)

    def connect(self) -> None:
        """Open the archive, and make one call to the Profile API."""
        if self._archive:
            self._archive.open()
        if self._profiles:
            self._profiles.time()

    def now(self) -> datetime:
        """Segment's clock; a bucket has none to ask, so with the archive alone it is ours."""
        if self._profiles:
            return self._profiles.time()
        return datetime.now(UTC).replace(tzinfo=None, microsecond=0)

    def describe(self, name: str) -> ObjectInfo:
        """The columns are fixed: what a call or profile says beside them is in its JSON."""
        if name == "events":
            self._needs_archive()
            fields = {column: FIELDS.get(column, column) for column in SCHEMA.names}
            return ObjectInfo(
                name=name,
                table=EVENTS,
                key=("message_id",),
                schema=SCHEMA,
                fields=fields,
                # Of calls sent again the one received first is kept.
                newest_by=("received_at",),
                append_only=True,
            )
        self._needs_profiles()
        types, key = {
            "profiles": (PROFILE_TYPES, ("user_id",)),
            "profile_external_ids": (EXTERNAL_ID_TYPES, ("user_id", "type", "id")),
        }[name]
        return ObjectInfo(
            name=name,
            table=TableName("raw_segment", name),
            key=key,
            schema=pa.schema(types),
            fields={column: column for column in types},
        )

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Spool new files, or the profiles of the subjects."""
        if info.name == "events":
            self._needs_archive().read(context)
        elif info.name == "profiles":
            self._needs_profiles().read_profiles(context)
        else:
            self._needs_profiles().read_external_ids(context)

    def subjects_from(self, name: str) -> tuple[TableName, str] | None:
        """Profiles are read for the users of the events that landed."""
        return None if name == "events" else (EVENTS, "user_id")

    def close(self) -> None:
        """Release connections."""
        if self._profiles:
            self._profiles.close()

    def _needs_archive(self) -> Archive:
        if self._archive is None:
            raise ConfigurationError("SEGMENT_ARCHIVE_URL is not set: events are read from that folder or bucket.")
        return self._archive

    def _needs_profiles(self) -> ProfileApi:
        if self._profiles is None:
            raise ConfigurationError(
                "SEGMENT_SPACE_ID and SEGMENT_ACCESS_TOKEN are not set: profiles are read from that space; "
                "for the events alone, name them: braid extract segment events."
            )
        return self._profiles
