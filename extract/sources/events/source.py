"""The log that ``braid collect`` keeps: events into ``raw_events.events``, dead letters into ``ops.dead_letters``.

Source  the embedded log below ``BRAID_COLLECT_LOG``, or Kafka's topics at ``BRAID_KAFKA``
Grain   events: one row a ``message_id``, against all history and together with the Segment archive; of deliveries
        that land together the one received first is kept, of others the one that landed first.
        Dead letters: one row a source, message and rule, with how often it came
Cursor  the offset of each partition, in ``ops.log_offsets``; written in the transaction of the rows
Bounds  a landing takes two million records or two gigabytes, and a run as many landings as the log has; what was
        appended since it began is the next run's
Errors  half a landing of records that are none: nothing of it lands (``extract/breaker.py``)
        damage, and records that Kafka's retention took: what is before them lands, the partition stops there, and every
        run fails saying so until the file is restored or ``BRAID_COLLECT_GIVE_UP`` names the place
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime

from extract import books
from extract.breaker import SHARE, Tripped
from extract.source import Folds, MalformedAnswer, ObjectInfo, Owners, ReadContext, Source, Unreachable
from extract.sources.calls import parser
from extract.sources.events.reading import PartitionReading, Run
from extract.sources.events.records import DEAD_SCHEMA, EVENT_SCHEMA
from extract.sources.events.settings import LogSettings
from log import LogCorrupt, LogError
from log.base import DEAD_LETTERS, EVENTS, Reader
from warehouse.base import TableName

TOPICS = {"collected": EVENTS, "dead_letters": DEAD_LETTERS}
_FIELDS = {
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "original_timestamp": "originalTimestamp",
    "sent_at": "sentAt",
    "consent": "context.consent",
    "region": "context.location.country",
}


class Events(Source):
    """One log. Nothing is opened before ``connect``."""

    name = "events"
    objects = ("collected", "dead_letters")

    def __init__(self, settings: LogSettings) -> None:
        """``settings`` say where the log is."""
        self._settings = settings
        self._reader: Reader | None = None
        self._runs: dict[str, Run] = {}

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Events:
        """BRAID_COLLECT_LOG, or BRAID_KAFKA with BRAID_KAFKA_SETTINGS; BRAID_COLLECT_GIVE_UP."""
        return cls(LogSettings.from_environment(env))

    def connect(self) -> None:
        """Find the log's folder, or ask a broker."""
        self._open()

    def now(self) -> datetime:
        """This computer's clock: a log has none."""
        return datetime.now(UTC).replace(tzinfo=None, microsecond=0)

    def describe(self, name: str) -> ObjectInfo:
        """The columns are fixed: what a call says beside them is in its payload."""
        return self.described(name)

    @staticmethod
    def described(name: str) -> ObjectInfo:
        """The same, of any log."""
        if name == "collected":
            return ObjectInfo(
                name=name,
                table=TableName("raw_events", "events"),
                key=("message_id",),
                schema=EVENT_SCHEMA,
                fields={column: _FIELDS.get(column, column) for column in EVENT_SCHEMA.names},
                newest_by=("received_at",),
                append_only=True,
                # What came through the archive is known by its message alone.
                owners=Owners("source", ("segment_archive",)),
            )
        return ObjectInfo(
            name=name,
            table=books.DEAD_LETTERS,
            key=("source", "message_id", "rule"),
            schema=DEAD_SCHEMA,
            fields={column: column for column in DEAD_SCHEMA.names},
            append_only=True,
            folds=Folds(sums="attempts", least="first_seen_at", newest="last_seen_at"),
        )

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Spool what the partitions have behind their places, as much of it as one landing takes."""
        reader, topic = self._open(), TOPICS[info.name]
        try:
            run = self._runs.get(info.name)
            if run is None or not run.more:
                # What is appended while this runs is the next run's: a busy log would else never be read to its end.
                ends = {partition: reader.end(topic, partition) for partition in reader.partitions(topic)}
                run = self._runs[info.name] = Run(ends, context.full)
                run.miss(topic, context)
            run.more = False
            with closing(parser()) as opened:
                reading = PartitionReading(reader, self._settings, opened, info, topic, run, context)
                reading.read()
        except LogCorrupt as error:
            raise MalformedAnswer(str(error)) from None
        except LogError as error:
            raise Unreachable(str(error)) from None

        if self._settings.breaker.trips(reading.bad, reading.records):
            raise Tripped(
                f"{reading.bad:,} of {reading.records:,} records of {topic} are none that the collector writes: "
                "nothing of them landed, and the log keeps them; check BRAID_COLLECT_LOG or the broker's topic, or "
                f"land the others and put these into quarantine with {SHARE}=off."
            )

    def more(self, info: ObjectInfo) -> bool:
        """Whether the log has more than the last landing took."""
        return self._runs[info.name].more

    def unread(self, info: ObjectInfo) -> str | None:
        """Why partitions could not be read to their end."""
        problems = self._runs[info.name].problems
        return " ".join(problems[partition] for partition in sorted(problems)) or None

    def close(self) -> None:
        """Let go of files or connections."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> Reader:
        if self._reader is None:
            try:
                self._reader = self._settings.reader()
            except LogError as error:
                raise Unreachable(str(error)) from None
        return self._reader
