"""A read of a few columns of every row: what a new column holds in old rows, what a formula gives, which keys are left.

It changes rows that are there already and are the version that was read (same key, same cursor), and adds none: a row
that is new or newer comes with its next window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from extract.landing import META, SOURCE_FLAG
from extract.source import ObjectInfo, ReadContext, Source, Window
from extract.spool import DiskSpool
from extract.windows import AHEAD
from warehouse.base import BadRows, Staged, Warehouse

T = TypeVar("T")


@contextmanager
def read(
    source: Source,
    info: ObjectInfo,
    columns: Iterable[str],
    clock: datetime,
    spool_root: Path,
    tell: Callable[[int], None],
) -> Iterator[DiskSpool]:
    """Key, cursor and ``columns`` of all rows, spooled. Raises SourceError."""
    wanted = [*columns, *([SOURCE_FLAG] if SOURCE_FLAG in info.schema.names else [])]
    narrow = info.narrowed(wanted)
    with DiskSpool(narrow, spool_root) as spool:
        source.read(narrow, ReadContext(Window(None, clock + AHEAD), spool, tell))
        yield spool


def landing(spool: DiskSpool, write: Callable[[], T]) -> T:
    """``write``, and where some rows cannot be stored, again without them; they stay as they are."""
    try:
        return write()
    except BadRows:
        spool.set_aside()
        return write()


@contextmanager
def staged(warehouse: Warehouse, spool: DiskSpool, started_at: datetime, run_id: str) -> Iterator[Sequence[Staged]]:
    """The spool's parts as temporary relations, marked with this run."""
    constants = {"_extracted_at": started_at, "_run_id": run_id}
    with ExitStack() as stages:
        yield [stages.enter_context(warehouse.stage(part, constants=constants)) for part in spool.parts()]


def refresh(warehouse: Warehouse, info: ObjectInfo, batches: Sequence[Staged], columns: Sequence[str]) -> int:
    """Give stored rows the values read; inside a transaction. Returns how many rows changed."""
    same = [info.cursor] if info.cursor else []
    changed = 0
    for batch in batches:
        kept = {*info.key, *same, *columns, *batch.constants}
        only = pa.schema([field for field in batch.schema if field.name in kept])
        if set(columns) & set(only.names):
            changed += warehouse.refresh(info.table, batch._replace(schema=only), key=info.key, same=same)
    return changed


def complete_schema(info: ObjectInfo) -> pa.Schema:
    """Columns of the object's table."""
    return pa.schema([*info.schema, *META])
