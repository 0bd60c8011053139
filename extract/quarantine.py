"""Rows that could not be landed: looked at, read again once their cause is put right, or dismissed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from extract import books, drift, windows
from extract.landing import Load, land
from extract.pipeline import OpenWarehouse, utc_now, version
from extract.source import ConfigurationError, ReadContext, Source
from extract.spool import DiskSpool
from warehouse.base import Warehouse


@dataclass(frozen=True)
class Quarantined:
    """One row as ``ops.quarantine`` has it; times naive UTC."""

    quarantine_id: str
    source: str
    object: str
    record_key: str | None
    rule: str
    rule_version: str
    reason: str
    position: str
    payload: str
    run_id: str
    quarantined_at: datetime
    status: str
    settled_at: datetime | None


def listed(
    warehouse: Warehouse,
    *,
    source: str | None = None,
    name: str | None = None,
    rule: str | None = None,
    status: str | None = "open",
) -> list[Quarantined]:
    """Rows in quarantine, the oldest first; None asks for every value."""
    if warehouse.columns(books.QUARANTINE) is None:
        return []
    wanted = {"source": source, "object": name, "rule": rule, "status": status}
    conditions = [f"{column} = ?" for column, value in wanted.items() if value is not None]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    columns = ", ".join(warehouse.quoted(column) for column in Quarantined.__dataclass_fields__)
    found = warehouse.query(
        f"select {columns} from {warehouse.relation(books.QUARANTINE)}{where} order by quarantined_at, quarantine_id",
        [value for value in wanted.values() if value is not None],
    )
    return [Quarantined(*row) for row in zip(*(column.to_pylist() for column in found.columns), strict=True)]


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
            ahead=True, replayed=tuple(row.quarantine_id for row in chosen),
        )  # fmt: skip
        with DiskSpool(info, spool_root) as spool:
            source.read_keys(info, keys, ReadContext(window, spool, lambda rows: None))
            with open_warehouse() as warehouse:
                before = _open(warehouse, source.name, name)
                land(warehouse, info, spool, load, now())
                settled += before - _open(warehouse, source.name, name)
    return settled


def dismiss(warehouse: Warehouse, quarantine_id: str, why: str, now: datetime) -> None:
    """Set a row aside for good, with the reason; its payload stays."""
    with warehouse.transaction():
        warehouse.execute(
            f"update {warehouse.relation(books.QUARANTINE)} set status = 'dismissed', settled_at = ?,"
            " reason = concat(reason, ' Dismissed: ', ?) where quarantine_id = ? and status = 'open'",
            [now, why, quarantine_id],
        )


def _open(warehouse: Warehouse, source: str, name: str) -> int:
    return len(listed(warehouse, source=source, name=name))
