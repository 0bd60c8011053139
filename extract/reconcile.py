"""What windows cannot show, put right: rows lost behind the watermark, keys that vanished, values that moved unstamped.

recount  the source's count of all that is complete against the rows stored; where they differ the stretch is halved,
         down to one that is read again. A bounded number of calls: mostly one an object
sweep    every key and its version at the source against what is stored: vanished keys are marked, rows missed or
         stale are read again, formulas and roll-ups are brought up to date. As many calls as all ids need
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from extract import books, deletions, drift, quarantine, targeted, windows
from extract.landing import Landed, Load, spared_keys, stored_count, write_window
from extract.pipeline import ObjectResult, OpenWarehouse, Progress, Work, check_names, utc_now, version
from extract.source import ObjectInfo, Source, SourceError, Window
from extract.spool import DiskSpool
from warehouse.base import Staged, Warehouse, WarehouseError

log = logging.getLogger(__name__)

# Counts an object may cost in one recount.
COUNTS = 24
# A stretch that does not add up and is at most so long, or has at most so many rows, is read again.
SHORT, FEW = timedelta(hours=1), 2_000
# Rows missed that lie closer together are read again in one window, at most so many windows.
TOGETHER, MOST_WINDOWS = timedelta(hours=1), 40


@dataclass(frozen=True)
class Reconciled:
    """What became of one object; ``proof`` is of everything up to the watermark, None where nothing can be checked."""

    source: str
    object: str
    counts: int = 0
    reread_windows: int = 0
    rows_landed: int = 0
    rows_marked: int = 0
    rows_refreshed: int = 0
    proof: str | None = None
    source_count: int | None = None
    landed_count: int | None = None
    seconds: float = 0.0
    error: str | None = None
    permanent: bool = False


def reconcile(
    source: Source,
    objects: Sequence[str],
    open_warehouse: OpenWarehouse,
    *,
    sweep: bool = True,
    progress: Progress | None = None,
    spool_root: Path = Path(".braid/spool"),
    clock: Callable[[], datetime] | None = None,
) -> list[Reconciled]:
    """Recount, and with ``sweep`` also sweep, ``objects`` (all when empty) that landed before.

    Raises SourceError when the source cannot be reached at all.
    """
    check_names(source, objects)
    work = Work(source, open_warehouse, False, progress or (lambda name, rows: None), spool_root, clock or utc_now)
    source.connect()
    found = []
    for name in source.objects:
        if not objects or name in objects:
            began = time.monotonic()
            result = Reconciled(source.name, name)
            try:
                result = _object(work, name, sweep)
            except (SourceError, WarehouseError) as error:
                permanent = isinstance(error, SourceError) and error.permanent
                result = replace(result, error=str(error), permanent=permanent)
            found.append(replace(result, seconds=time.monotonic() - began))
    return found


def _object(work: Work, name: str, sweep: bool) -> Reconciled:
    result = Reconciled(work.source.name, name)
    described = work.source.describe(name)
    clock = work.source.now()
    with work.open_warehouse() as warehouse:
        state = books.read_state(warehouse, work.source.name, name)
        info, _ = drift.fitted(described, warehouse.columns(described.table), state.columns)
    if info.cursor is None or info.append_only or state.watermark is None:
        return result
    load = Load(
        work.source.name, uuid.uuid4().hex, Window(None, state.watermark), work.now(), False, version(), clock,
        columns=state.columns, state=state,
    )  # fmt: skip
    if sweep:
        result = _sweep(work, info, load, result)
    return _recount(work, info, load, result)


def _recount(work: Work, info: ObjectInfo, load: Load, result: Reconciled) -> Reconciled:
    """Find stretches that do not add up by halving, read them again, and write down what is proven."""
    waiting, short = [load.window], []
    whole: tuple[int | None, int] | None = None
    while waiting and result.counts < COUNTS:
        window = waiting.pop()
        counted, stored = work.source.count(info, window), _stored(work, info, window)
        result = replace(result, counts=result.counts + 1)
        if counted is None:
            return result
        whole = whole or (counted, stored)
        if counted == stored:
            continue
        parts = windows.halves(window, work.earliest(info))
        if parts is None or counted <= FEW or (window.start and window.end - window.start <= SHORT):
            short.append(window)
        else:
            waiting += reversed(parts)
    result = _reread(work, info, load, short, result)
    if short and not waiting:
        whole = (work.source.count(info, load.window), _stored(work, info, load.window))
        result = replace(result, counts=result.counts + 1)
    source_count, stored = whole or (None, 0)
    proof = windows.verdict(source_count, stored)
    with work.open_warehouse() as warehouse, warehouse.transaction():
        landed = Landed(landed_count=stored, proof=proof)
        write_window(warehouse, info.name, replace(load, expected=source_count), landed, "recount", work.now())
    return replace(result, proof=proof, source_count=source_count, landed_count=stored)


def _sweep(work: Work, info: ObjectInfo, load: Load, result: Reconciled) -> Reconciled:
    """Hold every key and version of the source against the table."""
    columns = sorted(info.unstamped)
    tell = work.tell
    with targeted.read(
        work.source, info, columns, load.clock, work.spool_root, lambda rows: tell(info.name, rows)
    ) as spool:
        swept, missed = targeted.landing(spool, lambda: _held(work, info, load, spool, columns))
    if spool.rejected:
        log.warning(
            "%s %s: %d rows have a calculated value that is not of its type, and keep the one they have.",
            load.source, info.name, len(spool.rejected),
        )  # fmt: skip
    result = replace(result, rows_marked=swept.deleted, rows_refreshed=swept.updated)
    return _reread(work, info, load, stretches(missed), result)


def _held(
    work: Work, info: ObjectInfo, load: Load, spool: DiskSpool, columns: Sequence[str]
) -> tuple[Landed, list[datetime]]:
    """Mark what the sweep did not find, refresh what it did; with the cursors of rows that were missed.

    Rows whose narrow record cannot be read are there: they are neither marked nor refreshed.
    """
    with (
        work.open_warehouse() as warehouse,
        targeted.staged(warehouse, spool, load.started_at, load.run_id) as batches,
        spared_keys(warehouse, spool) as (known, spared),
    ):
        rows = sum(_count(warehouse, f"select count(*) from {batch.sql} as b") for batch in batches)
        if not rows and not spool.rejected:
            deletions.refuse_emptying(warehouse, info, load.source)
        missed = _missed(warehouse, info, load, batches)
        marked = 0
        with warehouse.transaction():
            if known:
                marked = deletions.mark_absent(
                    warehouse, info, batches, {}, load.started_at, load.run_id,
                    how="swept", before=load.window.end, spared=spared,
                )  # fmt: skip
                deletions.mark_purged(warehouse, info, batches, load.window.end, spared)
                quarantine.settle_gone(
                    warehouse, info, load.source, batches, before=load.window.end, spared=spared, now=work.now()
                )
            refreshed = targeted.refresh(warehouse, info, batches, columns) if columns else 0
            landed = Landed(
                read=rows, updated=refreshed, deleted=marked, landed_count=rows - len(missed),
                proof=windows.verdict(rows, rows - len(missed)),
            )  # fmt: skip
            write_window(warehouse, info.name, replace(load, expected=rows), landed, "sweep", work.now())
    return landed, missed


def _missed(warehouse: Warehouse, info: ObjectInfo, load: Load, batches: Sequence[Staged]) -> list[datetime]:
    """Cursors, before the watermark, of the source's rows that are not stored, stored older, or stored as vanished."""
    assert info.cursor is not None
    cursor, flag = warehouse.quoted(info.cursor), warehouse.quoted("_is_deleted")
    on = " and ".join(f"t.{warehouse.quoted(c)} = b.{warehouse.quoted(c)}" for c in info.key)
    found: list[datetime] = []
    for batch in batches:
        gone = f"b.{flag}" if "_is_deleted" in batch.schema.names else "false"
        if "is_deleted" in batch.schema.names:
            gone = f"coalesce(b.{warehouse.quoted('is_deleted')}, false)"
        rows = warehouse.query(
            f"select b.{cursor} from {batch.sql} as b left join {warehouse.relation(info.table)} as t on {on}"
            f" where b.{cursor} < ? and (t.{flag} is null or t.{cursor} < b.{cursor}"
            f" or t.{flag} <> {gone}) order by 1",
            [load.window.end],
        )
        found += [moment for moment in rows.column(0).to_pylist() if moment is not None]
    return sorted(found)


def stretches(moments: Sequence[datetime]) -> list[Window]:
    """Windows that hold all ``moments`` (sorted), few and short."""
    together = TOGETHER
    while True:
        found: list[Window] = []
        for moment in moments:
            end = moment.replace(microsecond=0) + timedelta(seconds=1)
            if found and moment - found[-1].end <= together:
                found[-1] = Window(found[-1].start, end)
            else:
                found.append(Window(moment, end))
        if len(found) <= MOST_WINDOWS:
            return found
        together *= 4


def _reread(work: Work, info: ObjectInfo, load: Load, short: Sequence[Window], result: Reconciled) -> Reconciled:
    for window in short:
        again = replace(load, run_id=uuid.uuid4().hex, window=window)
        blank = ObjectResult(load.source, info.name, str(info.table), again.run_id, window)
        done = work.complete(info, again, None, blank)
        result = replace(
            result,
            reread_windows=result.reread_windows + 1,
            rows_landed=result.rows_landed + done.rows_landed,
        )
    return result


def _stored(work: Work, info: ObjectInfo, window: Window) -> int:
    """Records of the window, stored or in quarantine: the source counts both."""
    with work.open_warehouse() as warehouse:
        return stored_count(warehouse, info, work.source.name, window)


def _count(warehouse: Warehouse, sql: str, params: Sequence[object] = ()) -> int:
    return int(warehouse.query(sql, params).column(0)[0].as_py())
