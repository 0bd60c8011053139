"""One extraction: ask the books what is there, read the source with the warehouse closed, land what came.

The warehouse is opened twice for each object, both times for as short as can be: nobody else can use a DuckDB file
meanwhile. An object that fails gets a failed run record and leaves its watermark where it was; the others go on.
"""

from __future__ import annotations

import importlib.metadata
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from extract import books
from extract.landing import Landed, Load, land
from extract.source import ConfigurationError, ObjectInfo, ReadContext, Source, SourceError, Window
from extract.spool import DiskSpool
from extract.windows import next_window
from warehouse.base import Warehouse, WarehouseError

# Events may be stamped by the start of a run that lands a little later than the profiles' run began.
SUBJECTS_MARGIN = timedelta(minutes=10)

OpenWarehouse = Callable[[], AbstractContextManager[Warehouse]]
Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class ObjectResult:
    """What became of one object. ``error`` is None when it landed; rows are 0 when it did not."""

    source: str
    object: str
    table: str
    run_id: str
    window: Window | None
    rows_read: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    columns_added: tuple[str, ...] = field(default=())
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
    unknown = [name for name in objects if name not in source.objects]
    if unknown:
        known = ", ".join(source.objects)
        raise ConfigurationError(f"{source.name} has no object called {', '.join(unknown)}; it has {known}.")
    tell = progress or (lambda name, rows: None)
    now = clock or _now
    source.connect()
    results = []
    for name in source.objects:
        if not objects or name in objects:
            results.append(_extract(source, name, open_warehouse, full, tell, spool_root, now))
    return results


def _extract(
    source: Source,
    name: str,
    open_warehouse: OpenWarehouse,
    full: bool,
    tell: Progress,
    spool_root: Path,
    now: Callable[[], datetime],
) -> ObjectResult:
    run_id, started_at, began = uuid.uuid4().hex, now(), time.monotonic()
    info: ObjectInfo | None = None
    window: Window | None = None
    try:
        info = source.describe(name)
        end = source.now()
        with open_warehouse() as warehouse:
            state = books.read_state(warehouse, source.name, name)
            keys = _subjects(source, name, warehouse, state, full)
        window = next_window(state.watermark, end, info.overlap, full=full)
        with DiskSpool(info, spool_root) as spool:
            files = {} if full else state.landed_files
            source.read(info, ReadContext(window, spool, lambda rows: tell(name, rows), keys, files))
            load = Load(source.name, run_id, window, started_at, full, _version())
            with open_warehouse() as warehouse:
                landed = land(warehouse, info, spool, load, now())
    except (SourceError, WarehouseError) as error:
        failed = ObjectResult(
            source.name,
            name,
            str(info.table) if info else "",
            run_id,
            window,
            seconds=time.monotonic() - began,
            error=str(error),
            permanent=isinstance(error, SourceError) and error.permanent,
        )
        _record_failure(open_warehouse, failed, info, started_at, now)
        return failed
    return _result(source.name, info, run_id, window, landed, time.monotonic() - began)


def _subjects(source: Source, name: str, warehouse: Warehouse, state: books.State, full: bool) -> list[str] | None:
    if (where := source.subjects_from(name)) is None:
        return None
    table, column = where
    since = None if full or state.last_started_at is None else state.last_started_at - SUBJECTS_MARGIN
    return books.subjects(warehouse, table, column, since)


def _result(source: str, info: ObjectInfo, run_id: str, window: Window, landed: Landed, seconds: float) -> ObjectResult:
    return ObjectResult(
        source,
        info.name,
        str(info.table),
        run_id,
        window,
        landed.read,
        landed.inserted,
        landed.updated,
        landed.deleted,
        landed.columns_added,
        seconds,
    )


def _record_failure(
    open_warehouse: OpenWarehouse,
    failed: ObjectResult,
    info: ObjectInfo | None,
    started_at: datetime,
    now: Callable[[], datetime],
) -> None:
    """Write the failed run; a warehouse that cannot be opened is what failed, and then there is nowhere to write."""
    try:
        with open_warehouse() as warehouse:
            books.ensure_books(warehouse)
            with warehouse.transaction():
                books.insert(
                    warehouse,
                    books.RUNS,
                    {
                        "run_id": failed.run_id,
                        "source": failed.source,
                        "object": failed.object,
                        "table_schema": info.table.schema if info else None,
                        "table_name": info.table.name if info else None,
                        "started_at": started_at,
                        "finished_at": now(),
                        "status": "failed",
                        "rows_read": 0,
                        "rows_landed": 0,
                        "error": failed.error,
                        "braid_version": _version(),
                    },
                )
    except WarehouseError:
        return


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _version() -> str:
    return importlib.metadata.version("braid-cdp")
