"""The log that ``braid collect`` keeps: events into ``raw_events.events``, dead letters into ``ops.dead_letters``.

Source  the embedded log below ``BRAID_COLLECT_LOG``, or Kafka's topics at ``BRAID_KAFKA``
Grain   events: one row a ``message_id``, against all history and together with the Segment archive; of deliveries
        that land together the one received first is kept, of others the one that landed first.
        Dead letters: one row a source, message and rule, with how often it came
Cursor  the offset of each partition, in ``ops.log_offsets``; written in the transaction of the rows
Errors  half a batch of records that are none: nothing of it lands (``extract/breaker.py``)
        damage, and records that Kafka's retention took: what is before them lands, the partition stops there, and every
        run fails saying so until the file is restored or ``BRAID_COLLECT_GIVE_UP`` names the place
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from extract import books
from extract.breaker import SHARE, Tripped
from extract.source import (
    Folds,
    MalformedAnswer,
    ObjectInfo,
    Owners,
    Place,
    Reached,
    ReadContext,
    Source,
    Unreachable,
)
from extract.sources.calls import parser
from extract.sources.events.records import DEAD_TYPES, EVENT_TYPES, typed
from extract.sources.events.settings import GIVE_UP, LogSettings
from log import LogCorrupt, LogError
from log.base import DEAD_LETTERS, EVENTS, Batch, Reader
from warehouse.base import TableName

if TYPE_CHECKING:
    import duckdb

TOPICS = {"collected": EVENTS, "dead_letters": DEAD_LETTERS}
RECORDS_A_BATCH = 50_000
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
        self._problems: dict[str, list[str]] = {}
        # Records of the read that is under way, and those that are none.
        self._read = self._bad = 0

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
                schema=pa.schema(EVENT_TYPES),
                fields={column: _FIELDS.get(column, column) for column in EVENT_TYPES},
                newest_by=("received_at",),
                append_only=True,
                # What came through the archive is known by its message alone.
                owners=Owners("source", ("segment_archive",)),
            )
        return ObjectInfo(
            name=name,
            table=books.DEAD_LETTERS,
            key=("source", "message_id", "rule"),
            schema=pa.schema(DEAD_TYPES),
            fields={column: column for column in DEAD_TYPES},
            append_only=True,
            folds=Folds(sums="attempts", least="first_seen_at", newest="last_seen_at"),
        )

    def read(self, info: ObjectInfo, context: ReadContext) -> None:
        """Spool what each partition has behind its place."""
        self._problems[info.name] = []
        self._read = self._bad = 0
        reader = self._open()
        topic = TOPICS[info.name]
        try:
            with closing(parser()) as opened:
                for partition in reader.partitions(topic):
                    self._read_partition(opened, reader, info, topic, partition, context)
        except LogCorrupt as error:
            raise MalformedAnswer(str(error)) from None
        except LogError as error:
            raise Unreachable(str(error)) from None
        if self._settings.breaker.trips(self._bad, self._read):
            raise Tripped(
                f"{self._bad:,} of {self._read:,} records of {topic} are none that the collector writes: "
                "nothing landed, and the log keeps them; check BRAID_COLLECT_LOG or the broker's topic, or land the "
                f"others and put these into quarantine with {SHARE}=off."
            )

    def landed(self, info: ObjectInfo) -> None:
        """Fail for a partition that could not be read to its end, now that what could be read has landed."""
        if problems := self._problems.pop(info.name, []):
            raise MalformedAnswer(" ".join(problems))

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

    def _read_partition(
        self,
        opened: duckdb.DuckDBPyConnection,
        reader: Reader,
        info: ObjectInfo,
        topic: str,
        partition: int,
        context: ReadContext,
    ) -> None:
        place = context.places.get((topic, partition))
        # What a log lost before anybody read it cannot be told from what was never there; a full read begins again.
        again = place is None or (
            context.full and (info.folds is None or self._is_another(reader, topic, partition, place))
        )
        if again or place is None:
            start = reader.start(topic, partition)
            last_offset, last_hash = None, None
        else:
            if self._is_another(reader, topic, partition, place):
                self._problems[info.name].append(_another(topic, partition, place))
                return
            start, last_offset, last_hash = place.next_offset, place.last_offset, place.last_hash
        # What is appended while this runs is the next run's: a busy log would else never be read to its end.
        end = reader.end(topic, partition)
        at, records, lost, problem = start, 0, 0, None
        # One batch is read while the one before it is taken apart, which DuckDB does outside Python's lock.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="log") as ahead:

            def reading(offset: int) -> Future[Batch]:
                return ahead.submit(reader.read, topic, partition, offset, max_records=RECORDS_A_BATCH)

            coming = reading(at) if at < end else None
            while coming is not None:
                try:
                    batch = coming.result()
                except LogCorrupt as error:
                    passed = self._settings.passed(reader, topic, partition, at)
                    if passed is None:
                        problem = (
                            f"{error} Up to offset {at:,} everything has landed; to give up what is damaged for good, "
                            f"run once with {GIVE_UP}={topic}/{partition}/{at}."
                        )
                        break
                    lost += passed - at
                    at = passed
                    coming = reading(at) if at < end else None
                    continue
                coming = reading(batch.next_offset) if at < batch.next_offset < end else None
                at = batch.next_offset
                if batch.offsets:
                    self._spool(opened, info, f"{topic}/{partition}", batch, context)
                    records += len(batch.offsets)
                    last_offset, last_hash = batch.offsets[-1], _hash(batch.payloads[-1])
        if problem is not None:
            self._problems[info.name].append(problem)
        if at != start or again or problem is not None:
            context.spool.reached(Reached(topic, partition, start, at, records, last_offset, last_hash, lost, problem))

    def _spool(
        self, opened: duckdb.DuckDBPyConnection, info: ObjectInfo, where: str, batch: Batch, context: ReadContext
    ) -> None:
        table, rejected = typed(opened, info.name, where, batch.offsets, batch.payloads)
        self._read += len(batch.offsets)
        self._bad += len(rejected)
        if rejected:
            context.spool.reject(rejected)
        if table.num_rows:
            context.spool.rows(table.select(info.schema.names))
            context.progress(table.num_rows)

    def _is_another(self, reader: Reader, topic: str, partition: int, place: Place) -> bool:
        """Whether this is not the log that landed up to ``place``: it ends before, or has another record there."""
        if reader.end(topic, partition) < place.next_offset:
            return True
        last = place.last_offset
        if last is None or last < reader.start(topic, partition):
            return False
        try:
            batch = reader.read(topic, partition, last, max_records=1)
        except LogCorrupt:
            # Damage behind the place hurts nobody; damage before it is met when it is read.
            return False
        if not batch.offsets or batch.offsets[0] != last:
            return False
        return _hash(batch.payloads[0]) != place.last_hash


def _hash(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def _another(topic: str, partition: int, place: Place) -> str:
    return (
        f"{topic}/{partition} is not the log that landed up to offset {place.next_offset:,}, or has lost its end: "
        "check BRAID_COLLECT_LOG or BRAID_KAFKA; if it is a new log, run `braid extract events --full` once."
    )
