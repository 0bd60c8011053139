"""Spooled rows into the warehouse: tables and columns first, then everything in one transaction.

Rows, marks of deletion, the proof, the run record that moves the watermark, quarantined rows and files read are
committed together or not at all: a kill at any moment leaves either the state before or the state after. What changes
the schema comes before, since on Snowflake it commits; a column that exists early and is empty harms nobody, and that
its old rows still lack a value is noted before it exists (``drift.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from extract import books, deletions, folding, jobs, offsets, quarantine, taken, turns, windows
from extract.source import MalformedAnswer, ObjectInfo, Window
from extract.spool import IS_DELETED, DiskSpool
from warehouse.base import BadRows, CsvPages, LandedCounts, ParquetFiles, Staged, Warehouse

# A column named so says for each row whether the source has deleted it.
SOURCE_FLAG = "is_deleted"
_META: dict[str, pa.DataType] = {
    "_extracted_at": pa.timestamp("us"),
    "_run_id": pa.string(),
    IS_DELETED: pa.bool_(),
    deletions.AT: pa.timestamp("us"),
    deletions.HOW: pa.string(),
    deletions.QUARANTINED_AT: pa.timestamp("us"),
}
META = pa.schema(_META)
# More rows than this in the overlap are not looked at one by one to learn how late rows come.
MOST_LATE = 200_000


@dataclass(frozen=True)
class Load:
    """One landing: who, when (naive UTC), what was asked for, and what the books said before.

    ``clock`` is the source's, ``lag`` how far behind it the watermark stays, ``looked_at`` when the books were read,
    ``expected`` the source's own count, ``columns`` the object's columns as ``drift.described`` says them.
    ``ahead`` is a window beyond one that is still open: its rows land, and the watermark does not move.
    """

    source: str
    run_id: str
    window: Window
    started_at: datetime
    full: bool
    version: str
    clock: datetime
    lag: timedelta = timedelta(0)
    looked_at: datetime | None = None
    expected: int | None = None
    columns: str | None = None
    api_calls: int = 0
    ahead: bool = False
    state: books.State = field(default_factory=books.State)


@dataclass(frozen=True)
class Landed:
    """What a landing did, in rows; ``columns_added`` only of tables that existed.

    ``landed_count`` is how many keys of the window landed, None where the source counts nothing; ``complete_to`` the
    watermark it left, None as long as nothing is proven.
    """

    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    quarantined: int = 0
    columns_added: tuple[str, ...] = ()
    landed_count: int | None = None
    proof: str = windows.UNCOUNTED
    complete_to: datetime | None = None
    late_rows: int = 0
    lateness_seconds: float | None = None

    @property
    def changed(self) -> int:
        """Rows that are new or changed, those newly marked deleted included."""
        return self.inserted + self.updated + self.deleted


def land(warehouse: Warehouse, info: ObjectInfo, spool: DiskSpool, load: Load, now: datetime) -> Landed:
    """Land one object's spool. Raises WarehouseError or SourceError, having changed no row.

    Rows that cannot be stored go to ``ops.quarantine``, and the others land.
    """
    try:
        return _land(warehouse, info, spool, load, now)
    except BadRows:
        spool.set_aside()
        return _land(warehouse, info, spool, load, now)


def _land(warehouse: Warehouse, info: ObjectInfo, spool: DiskSpool, load: Load, now: datetime) -> Landed:
    books.ensure_books(warehouse)
    existed = warehouse.columns(info.table) is not None
    added = warehouse.ensure_table(info.table, pa.schema([*info.schema, *META]))
    before = _overlap_keys(warehouse, info, load)
    if info.append_only:
        turns.ready(warehouse, info.table)
    with (
        spared_keys(warehouse, spool) as (known, spared),
        _staged(warehouse, spool, load) as (parts, gone),
        warehouse.stage(
            quarantine.table_of(load.source, info.name, spool.rejected, load.version, load.run_id, now), constants={}
        ) as rejected,
    ):
        scopes = [*spool.scopes, *([{}] if info.snapshot or (load.full and not info.append_only) else [])]
        with warehouse.transaction():
            if info.append_only:
                turns.take(warehouse, info.table, load.run_id, now)
            offsets.write(warehouse, load.source, info.name, spool.stretches, load.state.places, load.run_id, now)
            counts = [_write(warehouse, info, part, batch) for part, batch in parts]
            _refuse_incomplete(info, spool, load, parts, counts)
            read = sum(count.read for count in counts)
            if {} in scopes and read == 0:
                deletions.refuse_emptying(warehouse, info, load.source)
            deleted = sum(
                deletions.mark_keys(warehouse, info, keys, how, load.started_at, load.run_id) for keys, how in gone
            )
            staged = [batch for _, batch in parts]
            deleted += sum(
                deletions.mark_absent(warehouse, info, staged, scope, load.started_at, load.run_id, spared=spared)
                for scope in scopes
                if known
            )
            deletions.stamp(warehouse, info, load.started_at, load.run_id)
            landed_count = _landed_count(warehouse, info, parts, counts, load.window)
            if landed_count is not None:
                landed_count += quarantine.counted(info, spool.rejected, load.window)
            proof = windows.verdict(load.expected, landed_count)
            late_rows, lateness = _late(warehouse, info, load, before)
            landed = Landed(
                read=read,
                inserted=sum(count.inserted for count in counts),
                updated=sum(count.updated for count in counts),
                deleted=deleted,
                quarantined=len(spool.rejected),
                columns_added=tuple(name for name in added if name not in META.names) if existed else (),
                landed_count=landed_count,
                proof=proof,
                complete_to=load.state.watermark
                if proof == windows.OPEN or load.ahead
                else windows.mark(load.window, load.clock, load.lag, load.state.watermark),
                late_rows=late_rows,
                lateness_seconds=lateness,
            )
            jobs.settle(warehouse, load.source, info.name, load.window)
            for file in [file for file in spool.files if not file.unchanged]:
                quarantine.settle_file(
                    warehouse, source=load.source, name=info.name, path=file.path, run_id=load.run_id, now=now
                )
            all_there_is = known and {} in scopes
            quarantine.settle(
                warehouse, info, load.source, staged, rejected=rejected if all_there_is else None, now=now
            )
            if spool.rejected:
                quarantine.add(warehouse, rejected)
            if info.owners is not None and landed.inserted < landed.read:
                apart = sum(
                    taken.keep(
                        warehouse, info, info.owners, batch,
                        source=load.source, version=load.version, run_id=load.run_id, now=now,
                    )
                    for batch in staged
                )  # fmt: skip
                landed = replace(landed, quarantined=landed.quarantined + apart)
            _write_books(warehouse, info, spool, load, landed, existed, now)
    return landed


def record_nothing(warehouse: Warehouse, info: ObjectInfo, load: Load, now: datetime) -> Landed:
    """The run record of a window in which the source counts no row: nothing else is written."""
    books.ensure_books(warehouse)
    landed = Landed(
        landed_count=0,
        proof=windows.PROVEN,
        complete_to=load.state.watermark
        if load.ahead
        else windows.mark(load.window, load.clock, load.lag, load.state.watermark),
    )
    with warehouse.transaction():
        _write_run(warehouse, info, load, landed, now)
    return landed


def confirm(warehouse: Warehouse, load: Load, landed: Landed, source_count: int, now: datetime) -> datetime:
    """Prove a landed window by a count taken after it was read; returns the watermark."""
    reached = windows.mark(load.window, load.clock, load.lag, load.state.watermark)
    with warehouse.transaction():
        warehouse.execute(
            f"update {warehouse.relation(books.RUNS)} set proof = ?, source_count = ?, complete_to = ?"
            " where run_id = ?",
            [windows.PROVEN, source_count, reached, load.run_id],
        )
        warehouse.execute(
            f"update {warehouse.relation(books.WINDOWS)} set proof = ?, source_count = ?, proven_at = ?"
            " where run_id = ?",
            [windows.PROVEN, source_count, now, load.run_id],
        )
    return reached


def _null(type_: Any) -> object:
    """A null of a type; ``pa.scalar(None, ...)`` would have pyarrow load pandas, a seventh of a second."""
    return pa.nulls(1, type_)[0]


def constants_of(started_at: datetime, run_id: str) -> dict[str, object]:
    """What every row of a landing has in common."""
    return {
        "_extracted_at": started_at,
        "_run_id": run_id,
        deletions.AT: _null(pa.timestamp("us")),
        deletions.HOW: _null(pa.string()),
        deletions.QUARANTINED_AT: _null(pa.timestamp("us")),
    }


Parts = Sequence[tuple[CsvPages | ParquetFiles, Staged]]


@contextmanager
def spared_keys(warehouse: Warehouse, spool: DiskSpool) -> Iterator[tuple[bool, Staged | None]]:
    """Whether it is known which rows were rejected, and their keys staged, None where there are none.

    Where it is not known, nothing may be taken for absent.
    """
    if not spool.rejected:
        yield True, None
        return
    if (keys := spool.spared()) is None:
        yield False, None
        return
    with warehouse.stage(keys, constants={}) as staged:
        yield True, staged


@contextmanager
def _staged(warehouse: Warehouse, spool: DiskSpool, load: Load) -> Iterator[tuple[Parts, Sequence[tuple[Staged, str]]]]:
    """The spool's parts and vanished keys as temporary relations."""
    constants = constants_of(load.started_at, load.run_id)
    with ExitStack() as stages:
        parts = []
        for part in spool.parts():
            derived: dict[str, str | bool] = {}
            if IS_DELETED not in part.schema.names:
                derived = {IS_DELETED: SOURCE_FLAG if SOURCE_FLAG in part.schema.names else False}
            parts.append((part, stages.enter_context(warehouse.stage(part, constants=constants, derived=derived))))
        gone = [(stages.enter_context(warehouse.stage(keys, constants={})), how) for keys, how in spool.gone_keys()]
        yield parts, gone


def _write(warehouse: Warehouse, info: ObjectInfo, part: CsvPages | ParquetFiles, batch: Staged) -> LandedCounts:
    if info.folds is not None:
        return folding.fold(warehouse, info, batch, info.folds)
    order = [column for column in info.newest_by if column in part.schema.names]
    if info.append_only:
        _make_room(warehouse, info, batch)
        return warehouse.append(info.table, batch, unless_key=info.key, first_by=order)
    return warehouse.merge(info.table, batch, key=info.key, newest_by=order)


def _make_room(warehouse: Warehouse, info: ObjectInfo, batch: Staged) -> None:
    """Where rows are only added, one that is in quarantine gives way to the same one read anew."""
    relation, at = warehouse.relation(info.table), warehouse.quoted(deletions.QUARANTINED_AT)
    found = warehouse.query(f"select count(*) from {relation} where {at} is not null")
    if found.column(0)[0].as_py():
        on = " and ".join(f"t.{warehouse.quoted(column)} = b.{warehouse.quoted(column)}" for column in info.key)
        warehouse.execute(
            f"delete from {relation} as t where {at} is not null and exists (select 1 from {batch.sql} as b where {on})"
        )


def _refuse_incomplete(
    info: ObjectInfo, spool: DiskSpool, load: Load, parts: Parts, counts: Sequence[LandedCounts]
) -> None:
    """CSV pages hold as many rows as the source said when it sent them."""
    if spool.expected_csv_rows is None:
        return
    read = sum(count.read for (part, _), count in zip(parts, counts, strict=True) if isinstance(part, CsvPages))
    if read != spool.expected_csv_rows:
        raise MalformedAnswer(
            f"The source announced {spool.expected_csv_rows} rows of {load.source} {info.name} and sent {read}; "
            "nothing was landed, try again."
        )


def _landed_count(
    warehouse: Warehouse, info: ObjectInfo, parts: Parts, counts: Sequence[LandedCounts], window: Window
) -> int | None:
    """Keys of this batch that are in the table within the window; None without a cursor.

    A batch of CSV pages was cut to the window by the source; other rows are looked at, since some sources send a
    little more than was asked for. The table must hold at least as many, or rows went elsewhere.
    """
    if info.cursor is None or info.append_only:
        return None
    condition, params = within(warehouse, info, window)
    keys = sum(count.keys for (part, _), count in zip(parts, counts, strict=True) if isinstance(part, CsvPages))
    names = ", ".join(warehouse.quoted(column) for column in info.key)
    others = [
        f"select {names} from {batch.sql} as b where {condition}"
        for part, batch in parts
        if not isinstance(part, CsvPages) and info.cursor in part.schema.names
    ]
    if others:
        sql = f"select count(*) from ({' union '.join(f'({other})' for other in others)}) as keys"
        found = warehouse.query(sql, params * len(others))
        keys += int(found.column(0)[0].as_py())
    stored = warehouse.query(f"select count(*) from {warehouse.relation(info.table)} where {condition}", params)
    return min(keys, int(stored.column(0)[0].as_py()))


def within(warehouse: Warehouse, info: ObjectInfo, window: Window) -> tuple[str, list[object]]:
    """SQL and parameters: a row that the source's count of ``window`` counts."""
    assert info.cursor is not None
    cursor = warehouse.quoted(info.cursor)
    conditions, params = [f"{cursor} < ?"], [window.end]
    if window.start is not None:
        conditions.insert(0, f"{cursor} >= ?")
        params.insert(0, window.start)
    if not info.counts_deleted:
        conditions.append(f"not {warehouse.quoted(IS_DELETED)}")
    return " and ".join(conditions), list(params)


def stored_count(warehouse: Warehouse, info: ObjectInfo, source: str, window: Window) -> int:
    """Records stored or kept out that the source should count in ``window``: those it no longer has are left out."""
    condition, params = within(warehouse, info, window)
    how = warehouse.quoted(deletions.HOW)
    others, older = quarantine.kept_out(warehouse, info, source, window)
    if older is not None:
        condition, params = f"{condition} and not {older[0]}", [*params, *older[1]]
    found = warehouse.query(
        f"select count(*) from {warehouse.relation(info.table)} as t"
        f" where {condition} and ({how} is null or {how} = 'flagged')",
        params,
    )
    return int(found.column(0)[0].as_py()) + others


def _overlap_keys(warehouse: Warehouse, info: ObjectInfo, load: Load) -> set[tuple[object, ...]] | None:
    """Keys stored in the stretch before the watermark that is read again; None when there is none or too many."""
    start, watermark = load.window.start, load.state.watermark
    if info.cursor is None or start is None or watermark is None or info.append_only:
        return None
    found = _rows_between(warehouse, info, start, watermark)
    return None if found.num_rows > MOST_LATE else _keys(info, found)


def _late(
    warehouse: Warehouse, info: ObjectInfo, load: Load, before: set[tuple[object, ...]] | None
) -> tuple[int, float | None]:
    """Rows that appeared behind the watermark since the source was last read, and how many seconds late they were."""
    clock, start, watermark = load.state.source_clock, load.window.start, load.state.watermark
    if before is None or clock is None or start is None or watermark is None or info.cursor is None:
        return 0, None
    found = _rows_between(warehouse, info, start, watermark)
    moments: list[datetime] = found.column(len(info.key)).to_pylist()  # type: ignore[assignment]
    late = [moment for key, moment in zip(_keys_listed(info, found), moments, strict=True) if key not in before]
    return (len(late), (clock - min(late)).total_seconds()) if late else (0, None)


def _rows_between(warehouse: Warehouse, info: ObjectInfo, start: datetime, end: datetime) -> pa.Table:
    assert info.cursor is not None
    columns = ", ".join(warehouse.quoted(column) for column in (*info.key, info.cursor))
    cursor = warehouse.quoted(info.cursor)
    return warehouse.query(
        f"select {columns} from {warehouse.relation(info.table)} where {cursor} >= ? and {cursor} < ?"
        f" limit {MOST_LATE + 1}",
        [start, end],
    )


def _keys(info: ObjectInfo, rows: pa.Table) -> set[tuple[object, ...]]:
    return set(_keys_listed(info, rows))


def _keys_listed(info: ObjectInfo, rows: pa.Table) -> Iterator[tuple[object, ...]]:
    yield from zip(*(rows.column(place).to_pylist() for place in range(len(info.key))), strict=True)


def _write_books(
    warehouse: Warehouse,
    info: ObjectInfo,
    spool: DiskSpool,
    load: Load,
    landed: Landed,
    existed: bool,
    now: datetime,
) -> None:
    who = {"source": load.source, "object": info.name}
    if landed.changed or landed.proof == windows.OPEN:
        write_window(warehouse, info.name, load, landed, "read", now)
    if not existed:
        books.insert(
            warehouse,
            books.SCHEMA_CHANGES,
            {**who, "change": "table_created", "run_id": load.run_id, "noticed_at": now, "backfilled_at": now},
        )
    for file in spool.files:
        books.insert(
            warehouse,
            books.LANDED_FILES,
            {
                **who,
                "path": file.path,
                "size_bytes": file.size_bytes,
                "modified_at": file.modified_at,
                "content_hash": file.content_hash,
                "rows": file.rows,
                "run_id": load.run_id,
                "landed_at": now,
            },
        )
    _write_run(warehouse, info, load, landed, now)


def write_window(warehouse: Warehouse, name: str, load: Load, landed: Landed, kind: str, now: datetime) -> None:
    """A row of ``ops.extract_windows``: what the source counted in a window, and what landed."""
    books.insert(
        warehouse,
        books.WINDOWS,
        {
            "source": load.source,
            "object": name,
            "kind": kind,
            "window_start": load.window.start,
            "window_end": load.window.end,
            "source_count": load.expected,
            "landed_count": landed.landed_count,
            "proof": landed.proof,
            "proven_at": now if landed.proof == windows.PROVEN else None,
            "rows_read": landed.read,
            "rows_landed": landed.changed,
            "run_id": load.run_id,
            "landed_at": now,
        },
    )


def _write_run(warehouse: Warehouse, info: ObjectInfo, load: Load, landed: Landed, now: datetime) -> None:
    books.insert(
        warehouse,
        books.RUNS,
        {
            "run_id": load.run_id,
            "source": load.source,
            "object": info.name,
            "table_schema": info.table.schema,
            "table_name": info.table.name,
            "started_at": load.started_at,
            "looked_at": load.looked_at,
            "finished_at": now,
            "status": "succeeded",
            "rows_read": landed.read,
            "rows_landed": landed.changed,
            "rows_inserted": landed.inserted,
            "rows_updated": landed.updated,
            "rows_deleted": landed.deleted,
            "rows_quarantined": landed.quarantined,
            "window_start": load.window.start,
            "window_end": load.window.end,
            "source_count": load.expected,
            "landed_count": landed.landed_count,
            "proof": landed.proof,
            "complete_to": landed.complete_to,
            "source_clock": load.clock,
            "late_rows": landed.late_rows,
            "lateness_seconds": landed.lateness_seconds,
            "api_calls": load.api_calls,
            # Once for every change of them: most runs see what the run before saw.
            "columns": load.columns if load.columns != load.state.columns else None,
            "braid_version": load.version,
        },
    )
