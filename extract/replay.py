"""Rows that could not be landed, read again from their source once their cause is put right."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from extract import books, drift, windows
from extract.landing import Load, land
from extract.pipeline import OpenWarehouse, utc_now, version
from extract.quarantine import Quarantined, listed
from extract.source import ConfigurationError, ReadContext, Source
from extract.spool import DiskSpool
from warehouse.base import Warehouse


def replay(
    source: Source,
    rows: Sequence[Quarantined],
    open_warehouse: OpenWarehouse,
    *,
    spool_root: Path = Path(".braid/spool"),
    clock: Callable[[], datetime] | None = None,
) -> int:
    """Read the rows' records again, as they are now, and land them; returns how many left the quarantine.

    What still cannot be landed stays as it is. Raises SourceError.
    """
    now = clock or utc_now
    source.connect()
    settled = 0
    for name in dict.fromkeys(row.object for row in rows):
        chosen = [row for row in rows if row.object == name]
        keys = sorted({row.record_key for row in chosen if row.record_key})
        if not keys:
            raise ConfigurationError(
                f"The rows of {source.name} {name} in quarantine have no key to ask for: put the source right and run "
                f"`braid extract {source.name} {name} --full`."
            )
        described, moment = source.describe(name), source.now()
        with open_warehouse() as warehouse:
            state = books.read_state(warehouse, source.name, name)
            info, _ = drift.fitted(described, warehouse.columns(described.table), state.columns)
        window = windows.next_window(None, moment, info.overlap)
        load = Load(
            source.name, uuid.uuid4().hex, window, now(), False, version(), moment, columns=state.columns, state=state,
            ahead=True,
        )  # fmt: skip
        with DiskSpool(info, spool_root) as spool:
            source.read_keys(info, keys, ReadContext(window, spool, lambda rows: None))
            with open_warehouse() as warehouse:
                before = _open(warehouse, source.name, name)
                land(warehouse, info, spool, load, now())
                settled += before - _open(warehouse, source.name, name)
    return settled


def _open(warehouse: Warehouse, source: str, name: str) -> int:
    return len(listed(warehouse, source=source, name=name))
