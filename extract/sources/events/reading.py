"""One run over a topic of the log: partition by partition, landing by landing, as far as each of them can be read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extract.source import ObjectInfo, Place, Reached, ReadContext
from extract.sources.events.records import typed
from extract.sources.events.settings import GIVE_UP, LogSettings
from log import LogCorrupt, LogError
from log.base import Columns, Reader

if TYPE_CHECKING:
    import duckdb

# What is held in memory at once, and what waits on the disk for one landing.
RECORDS_A_BATCH, BYTES_A_BATCH = 32_768, 64 << 20
RECORDS_A_LANDING, BYTES_A_LANDING = 2_000_000, 2 << 30
# With a whole batch of bad records behind them these are still fewer than a spool takes (``spool.MOST_REJECTED``).
REJECTED_A_LANDING = 20_000


@dataclass
class Run:
    """What one run knows from landing to landing: where each partition ended when it began, and what it met.

    ``more`` when the last landing stopped before an end because it was full; ``begun`` are the partitions read from;
    ``again`` says how far a partition was read once more that has landed further than that.
    """

    ends: Mapping[int, int]
    full: bool
    more: bool = False
    begun: set[int] = field(default_factory=set)
    again: dict[int, int] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)

    def miss(self, topic: str, context: ReadContext) -> None:
        """See to partitions that have landed and are not in this log: another log, unless all of it is read anew."""
        for (of, partition), place in context.places.items():
            if of == topic and partition not in self.ends and place.next_offset:
                if self.full:
                    context.spool.reached(Reached(topic, partition, 0, 0))
                else:
                    self.problems[partition] = _another(topic, partition, place)


@dataclass
class PartitionReading:
    """One landing's share of a run."""

    reader: Reader
    settings: LogSettings
    parser: duckdb.DuckDBPyConnection
    info: ObjectInfo
    topic: str
    run: Run
    context: ReadContext
    records: int = 0
    bytes: int = 0
    # Of the records, those that are none.
    rejected: int = 0

    def read(self) -> None:
        """Read every partition that is not at its end, until the landing is full."""
        for partition, end in self.run.ends.items():
            if partition in self.run.problems:
                continue
            if not self._is_full():
                records = self.records
                try:
                    self._read_partition(partition, end)
                except LogError as error:
                    # What others had lands; rows of this one must not, without its place.
                    if self.records > records or not records:
                        raise
                    self.run.problems[partition] = str(error)
            elif partition not in self.run.begun:
                self.run.more = True

    def _is_full(self) -> bool:
        return self.records >= RECORDS_A_LANDING or self.bytes >= BYTES_A_LANDING or self.rejected >= REJECTED_A_LANDING

    def _read_partition(self, partition: int, end: int) -> None:
        place = self.context.places.get((self.topic, partition))
        if place is not None:
            # What a log lost before anybody read it cannot be told from what was never there; a full read begins
            # again, and counts again only what another log has.
            anew = self.run.full and partition not in self.run.begun
            another = self._is_another(partition, place)
            if not another and self.reader.end(self.topic, partition) < place.next_offset:
                self.run.problems[partition] = _not_opened(self.topic, partition, place)
                return
            if another:
                if not anew:
                    self.run.problems[partition] = _another(self.topic, partition, place)
                    return
                place = None
            elif anew and self.info.folds is None:
                self.run.again[partition] = self.reader.start(self.topic, partition)
        if place is None:
            start, last_offset, last_hash = self.reader.start(self.topic, partition), None, None
        else:
            start = self.run.again.get(partition, place.next_offset)
            last_offset, last_hash = place.last_offset, place.last_hash
        self.run.begun.add(partition)
        at, records, lost, problem = start, 0, 0, None
        # One batch is read while the one before it is taken apart, which DuckDB does outside Python's lock.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="log") as ahead:

            def reading(offset: int) -> Future[Columns]:
                most = {"max_records": RECORDS_A_BATCH, "max_bytes": BYTES_A_BATCH}
                return ahead.submit(self.reader.columns, self.topic, partition, offset, **most)

            coming = reading(at) if at < end else None
            while coming is not None:
                try:
                    batch = coming.result()
                except LogCorrupt as error:
                    passed = self.settings.passed(self.reader, self.topic, partition, at)
                    if passed is None:
                        problem = _damaged(error, self.topic, partition, at)
                        break
                    lost, at = lost + passed - at, passed
                    coming = reading(at) if at < end else None
                    continue
                except LogError as error:
                    if at == start:
                        raise
                    problem = str(error)
                    break
                self.records, self.bytes = self.records + len(batch.offsets), self.bytes + batch.payloads.nbytes
                goes_on = at < batch.next_offset < end
                self.run.more |= goes_on and self._is_full()
                coming = reading(batch.next_offset) if goes_on and not self._is_full() else None
                at = batch.next_offset
                if len(batch.offsets):
                    self._spool(partition, batch)
                    records += len(batch.offsets)
                    last_offset, last_hash = batch.offsets[-1].as_py(), _hash(batch.payloads[-1].as_py())
                if coming is not None and self._is_full():
                    # Only now is it known how many were bad; what was read ahead is the next landing's.
                    self.run.more, coming = True, None
        if place is not None and at < place.next_offset:
            # Landed already, up to further than this: the place stays, or ordinary runs would meet the same problem.
            self.run.again[partition] = at
            if problem is not None:
                self.run.problems[partition] = f"{problem} Runs without --full go on from {place.next_offset:,}."
            return
        self.run.again.pop(partition, None)
        if problem is not None:
            self.run.problems[partition] = problem
        if at != start or place is None or problem is not None:
            self.context.spool.reached(
                Reached(self.topic, partition, start, at, records, last_offset, last_hash, lost, problem)
            )

    def _spool(self, partition: int, batch: Columns) -> None:
        table, rejected = typed(self.parser, self.info.name, f"{self.topic}/{partition}", batch)
        if rejected:
            self.rejected += len(rejected)
            self.context.spool.reject(rejected)
        if table.num_rows:
            self.context.spool.rows(table)
            self.context.progress(table.num_rows)

    def _is_another(self, partition: int, place: Place) -> bool:
        """Whether this is not the log that landed up to ``place``: it has another record there, or ends before it."""
        ends_before = self.reader.end(self.topic, partition) < place.next_offset
        last = place.last_offset
        if last is None or last < self.reader.start(self.topic, partition):
            return ends_before
        try:
            payload = self.reader.written(self.topic, partition, last)
        except LogCorrupt:
            # Damage behind the place hurts nobody; damage before it is met when it is read.
            return False
        if payload is None:
            # Removed, or never there.
            return ends_before
        return _hash(payload) != place.last_hash


def _hash(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def _damaged(error: LogCorrupt, topic: str, partition: int, at: int) -> str:
    return (
        f"{error} Up to offset {at:,} everything has landed; to give up what is damaged for good, "
        f"run once with {GIVE_UP}={topic}/{partition}/{at}."
    )


def _another(topic: str, partition: int, place: Place) -> str:
    return (
        f"{topic}/{partition} is not the log that landed up to offset {place.next_offset:,}, or has lost its end: "
        "check BRAID_COLLECT_LOG or BRAID_KAFKA; if it is a new log, run `braid extract events --full` once."
    )


def _not_opened(topic: str, partition: int, place: Place) -> str:
    return (
        f"{topic}/{partition} has landed up to offset {place.next_offset:,} and does not say any more that so much is "
        "durable, as after a power cut: start the collector first; it finds out what is."
    )
