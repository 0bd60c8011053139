"""One extraction: ask the books what is there, read the source with the warehouse closed, land and prove what came.

The warehouse is opened for as short as can be, before and after each read: nobody else can use a DuckDB file
meanwhile. An object that fails gets a failed run record and leaves its watermark where it was; the others go on.

A window is proven when as many keys of it landed as the source counts. One that is not is counted again (rows may have
changed while it was read), then read again, then halved; what still cannot be proven stays open, is reported, and the
watermark does not pass it.
"""

from __future__ import annotations

import importlib.metadata
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from extract import books, drift, jobs, targeted, windows
from extract.landing import Landed, Load, confirm, land, record_nothing, stored_count
from extract.source import ConfigurationError, ObjectInfo, ReadContext, Source, SourceError, Window
from extract.spool import DiskSpool, remove_stale
from warehouse.base import Warehouse, WarehouseError

# Where no lock keeps landings apart, one may be under way while keys are looked up, and commit with an earlier time.
SUBJECTS_MARGIN = {"snowflake": timedelta(minutes=10)}

OpenWarehouse = Callable[[], AbstractContextManager[Warehouse]]
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class ObjectResult:
    """What became of one object. ``error`` is None when it landed; rows are 0 when it did not.

    ``proof`` is *proven*, *open* or *uncounted*; ``complete_to`` the watermark after the run.
    """

    source: str
    object: str
    table: str
    run_id: str
    window: Window | None
    rows_read: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    rows_quarantined: int = 0
    columns_added: tuple[str, ...] = field(default=())
    changes: tuple[drift.Change, ...] = field(default=())
    proof: str = windows.UNCOUNTED
    source_count: int | None = None
    landed_count: int | None = None
    complete_to: datetime | None = None
    api_calls: int = 0
    seconds: float = 0.0
    error: str | None = None
    permanent: bool = False

    @property
    def rows_landed(self) -> int:
        """Rows that are new or changed, those newly marked deleted included."""
        return self.rows_inserted + self.rows_updated + self.rows_deleted


def run(
    source: Source,
    objects: Sequence[str],
    open_warehouse: OpenWarehouse,
    *,
    full: bool = False,
    progress: Progress | None = None,
    spool_root: Path = Path(".braid/spool"),
    clock: Callable[[], datetime] | None = None,
) -> list[ObjectResult]:
    """Extract ``objects`` (all when empty) of ``source``, in the source's order.

    ``full`` reads all history again and marks what is no longer there. ``progress`` is told the object and rows as they
    are read. Raises SourceError when the source cannot be reached at all, before any work.
    """
    check_names(source, objects)
    work = Work(source, open_warehouse, full, progress or (lambda name, rows: None), spool_root, clock or utc_now)
    # What a crash left would else stay until there is something to read again.
    remove_stale(spool_root)
    source.connect()
    return [work.extract(name) for name in source.objects if not objects or name in objects]


def check_names(source: Source, objects: Sequence[str]) -> None:
    """Raise ConfigurationError for an object that the source does not have."""
    if unknown := [name for name in objects if name not in source.objects]:
        known = ", ".join(source.objects)
        raise ConfigurationError(f"{source.name} has no object called {', '.join(unknown)}; it has {known}.")


@dataclass(frozen=True)
class Work:
    """A run over one source, object by object."""

    source: Source
    open_warehouse: OpenWarehouse
    full: bool
    tell: Progress
    spool_root: Path
    now: Callable[[], datetime]

    def extract(self, name: str) -> ObjectResult:
        """One object; failures are in the result."""
        run_id, started_at, began = uuid.uuid4().hex, self.now(), time.monotonic()
        calls = self.source.spent().calls
        result = ObjectResult(self.source.name, name, "", run_id, None)
        info: ObjectInfo | None = None
        try:
            described = self.source.describe(name)
            result = replace(result, table=str(described.table))
            clock = self.source.now()
            with self.open_warehouse() as warehouse:
                state = books.read_state(warehouse, self.source.name, name)
                info, differing = drift.fitted(described, warehouse.columns(described.table), state.columns)
                changes = drift.note(warehouse, self.source.name, info, differing, run_id, self.now())
                waiting = drift.waiting(warehouse, self.source.name, name)
                looked_at = self.now()
                keys = self._subjects(name, warehouse, state)
                watermark = None if drift.asks_more(described, state.columns) else state.watermark
                window = windows.next_window(watermark, clock, info.overlap, full=self.full)
                begun = jobs.unfinished(
                    warehouse, self.source.name, name, window, full=self.full, clock=clock, now=looked_at
                )
            load = Load(
                self.source.name, run_id, window, started_at, self.full, version(), clock,
                windows.learned_lag(info, state.lateness_seconds), looked_at=looked_at,
                columns=drift.described(described), api_calls=-calls, state=state,
            )  # fmt: skip
            result = replace(result, window=window, changes=tuple(changes))
            if begun is not None:
                result = self.complete(info, replace(load, window=begun.window, clock=begun.clock), keys, result)
                load = self._after(info, begun, load, result)
            if begun is None or (result.proof != windows.OPEN and not self.full):
                result = self.complete(info, load, keys, result)
            while self.source.more(info):
                load = self._onward(info, load)
                part = self.complete(info, load, keys, replace(result, run_id=load.run_id, rows_quarantined=0))
                result = replace(part, rows_quarantined=result.rows_quarantined + part.rows_quarantined)
            if waiting:
                self._backfill(info, waiting, clock, started_at, run_id)
            if unread := self.source.unread(info):
                result = replace(result, error=unread, proof=windows.OPEN)
                self._record_failure(replace(result, run_id=uuid.uuid4().hex), info, started_at)
        except (SourceError, WarehouseError) as error:
            permanent = isinstance(error, SourceError) and error.permanent
            result = replace(result, error=str(error), permanent=permanent, proof=windows.OPEN)
            self._record_failure(result, info, started_at)
        spent = self.source.spent().calls - calls
        return replace(result, seconds=time.monotonic() - began, api_calls=spent)

    def _onward(self, info: ObjectInfo, load: Load) -> Load:
        """The next landing of a run that takes several: from the places that the one before has left."""
        with self.open_warehouse() as warehouse:
            places = books.places(warehouse, self.source.name, info.name)
        state = replace(load.state, places=places, columns=load.columns)
        calls = self.source.spent().calls
        return replace(load, run_id=uuid.uuid4().hex, full=False, api_calls=-calls, state=state)

    def _after(self, info: ObjectInfo, begun: jobs.Unfinished, load: Load, result: ObjectResult) -> Load:
        """What is left of a run's window once the one that an earlier run had begun is done."""
        state = replace(load.state, watermark=result.complete_to)
        rest = Window(begun.window.end - info.overlap, load.window.end)
        return replace(load, run_id=uuid.uuid4().hex, window=rest, state=state, columns=None)

    def complete(
        self, info: ObjectInfo, load: Load, keys: list[str] | None, result: ObjectResult, depth: int = 0
    ) -> ObjectResult:
        """Read, land and prove a window: once more when it stays open, then in halves, the earlier one first."""
        for _ in range(2):
            landed, counted = self._attempt(info, load, keys)
            result = _sum(result, landed, counted)
            if landed.proof != windows.OPEN:
                return result
            if (caught_up := self._caught_up(info, load, keys, result)) is not None:
                return caught_up
            load = replace(load, run_id=uuid.uuid4().hex)
        parts = windows.halves(load.window, self.earliest(info)) if depth < windows.DEEPEST else None
        if parts is None or info.snapshot or load.full:
            return result
        for part in parts:
            state = replace(load.state, watermark=result.complete_to)
            half = replace(load, run_id=uuid.uuid4().hex, window=part, state=state)
            result = self.complete(info, half, keys, result, depth + 1)
            if result.proof == windows.OPEN:
                break
        return result

    def _attempt(self, info: ObjectInfo, load: Load, keys: list[str] | None) -> tuple[Landed, int | None]:
        """Count, read and land a window once; with what the source counted."""
        expected = self.source.count(info, load.window)
        load = replace(load, expected=expected, api_calls=load.api_calls + self.source.spent().calls)
        if expected == 0 and info.counts_deleted and load.window.start is not None:
            with self.open_warehouse() as warehouse:
                return record_nothing(warehouse, info, load, self.now()), 0
        before = self.source.spent().calls
        with DiskSpool(info, self.spool_root) as spool:
            files = {} if load.full else load.state.landed_files
            tell = self.tell
            book = jobs.JobBook(self.open_warehouse, info.name, load, self.now())
            places = load.state.places
            self.source.read(
                info,
                ReadContext(
                    load.window,
                    spool,
                    lambda rows: tell(info.name, rows),
                    keys,
                    expected,
                    files,
                    book,
                    places,
                    load.full,
                ),
            )
            load = replace(load, api_calls=load.api_calls + self.source.spent().calls - before)
            with self.open_warehouse() as warehouse:
                landed = land(warehouse, info, spool, load, self.now())
        self.source.landed(info)
        if landed.proof != windows.OPEN:
            return landed, expected
        # Rows that changed while the window was read have left it by now.
        counted = self.source.count(info, load.window)
        if counted != landed.landed_count or counted is None:
            return landed, counted
        with self.open_warehouse() as warehouse:
            reached = confirm(warehouse, load, landed, counted, self.now())
        return replace(landed, proof=windows.PROVEN, complete_to=reached), counted

    def _caught_up(
        self, info: ObjectInfo, load: Load, keys: list[str] | None, result: ObjectResult
    ) -> ObjectResult | None:
        """Prove a window by what became of its rows since: those that changed while it was read are in the next one.

        None when that does not add up either. A table that is written to all the time would else never be proven.
        """
        now = self.source.now()
        if now <= load.clock or info.snapshot or load.window.end != load.clock:
            return None
        beyond = replace(load, run_id=uuid.uuid4().hex, window=Window(load.window.end, now), ahead=True)
        landed, counted = self._attempt(info, beyond, keys)
        result = _sum(result, landed, counted)
        counted = self.source.count(info, load.window)
        with self.open_warehouse() as warehouse:
            if counted is None or counted != stored_count(warehouse, info, load.source, load.window):
                return None
            reached = confirm(warehouse, load, landed, counted, self.now())
        return replace(result, proof=windows.PROVEN, complete_to=reached, source_count=counted, landed_count=counted)

    def _backfill(
        self, info: ObjectInfo, waiting: Sequence[str], clock: datetime, started_at: datetime, run_id: str
    ) -> None:
        """Values of new columns in rows that did not change: a read of those columns alone."""
        columns = () if self.full else drift.to_fill(info, (), waiting)
        if not columns:
            with self.open_warehouse() as warehouse, warehouse.transaction():
                drift.settle(warehouse, self.source.name, info.name, waiting, self.now())
            return
        tell = self.tell
        with targeted.read(
            self.source, info, columns, clock, self.spool_root, lambda rows: tell(info.name, rows)
        ) as spool:

            def fill() -> None:
                with self.open_warehouse() as warehouse:
                    warehouse.ensure_table(info.table, targeted.complete_schema(info))
                    with targeted.staged(warehouse, spool, started_at, run_id) as batches, warehouse.transaction():
                        targeted.refresh(warehouse, info, batches, columns)
                        drift.settle(warehouse, self.source.name, info.name, waiting, self.now())

            targeted.landing(spool, fill)

    def earliest(self, info: ObjectInfo) -> datetime | None:
        """The oldest cursor stored: where halving begins."""
        if info.cursor is None:
            return None
        with self.open_warehouse() as warehouse:
            column = warehouse.quoted(info.cursor)
            found = warehouse.query(f"select min({column}) from {warehouse.relation(info.table)}")
            earliest: datetime | None = found.column(0)[0].as_py()
            return earliest

    def _subjects(self, name: str, warehouse: Warehouse, state: books.State) -> list[str] | None:
        if (where := self.source.subjects_from(name)) is None:
            return None
        table, column = where
        margin = SUBJECTS_MARGIN.get(warehouse.dialect, timedelta(0))
        since = None if self.full or state.looked_at is None else state.looked_at - margin
        if since is None and name in self.source.listed_first:
            return None
        return books.subjects(warehouse, table, column, since)

    def _record_failure(self, failed: ObjectResult, info: ObjectInfo | None, started_at: datetime) -> None:
        """Write the failed run; a warehouse that cannot be opened is what failed: then there is nowhere to write."""
        try:
            with self.open_warehouse() as warehouse:
                books.ensure_books(warehouse)
                with warehouse.transaction():
                    books.insert(
                        warehouse,
                        books.RUNS,
                        {
                            "run_id": uuid.uuid4().hex if failed.rows_read else failed.run_id,
                            "source": failed.source,
                            "object": failed.object,
                            "table_schema": info.table.schema if info else None,
                            "table_name": info.table.name if info else None,
                            "started_at": started_at,
                            "finished_at": self.now(),
                            "status": "failed",
                            "rows_read": 0,
                            "rows_landed": 0,
                            "error": failed.error,
                            "braid_version": version(),
                        },
                    )
        except WarehouseError:
            return


def _sum(result: ObjectResult, landed: Landed, counted: int | None) -> ObjectResult:
    """The result with one more landing in it."""
    return replace(
        result,
        rows_read=result.rows_read + landed.read,
        rows_inserted=result.rows_inserted + landed.inserted,
        rows_updated=result.rows_updated + landed.updated,
        rows_deleted=result.rows_deleted + landed.deleted,
        # The same rows come again when a window is read once more.
        rows_quarantined=max(result.rows_quarantined, landed.quarantined),
        columns_added=(*result.columns_added, *landed.columns_added),
        proof=landed.proof,
        source_count=counted,
        landed_count=landed.landed_count,
        complete_to=landed.complete_to,
    )


def utc_now() -> datetime:
    """This computer's clock, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def version() -> str:
    """The version of Braid that runs."""
    return importlib.metadata.version("braid-cdp")
