"""Braid's own books of extraction, in the schema ``ops``: written with the data, never dropped.

The watermark of an object is not stored but derived: the largest ``complete_to`` of its runs, each of which was written
in the transaction that landed its rows. A run that changes nothing writes its run record and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from extract.source import LandedFile, Place
from warehouse.base import TableName, Warehouse

_MOMENT: pa.DataType = pa.timestamp("us")
_TEXT: pa.DataType = pa.string()
_COUNT: pa.DataType = pa.int64()
_SECONDS: pa.DataType = pa.float64()

RUNS = TableName("ops", "extract_runs")
WINDOWS = TableName("ops", "extract_windows")
SCHEMA_CHANGES = TableName("ops", "schema_changes")
LANDED_FILES = TableName("ops", "landed_files")
QUARANTINE = TableName("ops", "quarantine")
JOBS = TableName("ops", "source_jobs")
LOG_OFFSETS = TableName("ops", "log_offsets")
DEAD_LETTERS = TableName("ops", "dead_letters")
OUTCOMES = TableName("ops", "dead_letter_outcomes")
TURNS = TableName("ops", "landing_turns")

# Lateness of rows is remembered for so long.
LEARNT = timedelta(days=30)

BOOKS: Mapping[TableName, pa.Schema] = {
    RUNS: pa.schema(
        {
            "run_id": _TEXT,
            "source": _TEXT,
            "object": _TEXT,
            "table_schema": _TEXT,
            "table_name": _TEXT,
            "started_at": _MOMENT,
            "looked_at": _MOMENT,
            "finished_at": _MOMENT,
            "status": _TEXT,
            "rows_read": _COUNT,
            "rows_landed": _COUNT,
            "rows_inserted": _COUNT,
            "rows_updated": _COUNT,
            "rows_deleted": _COUNT,
            "rows_quarantined": _COUNT,
            "window_start": _MOMENT,
            "window_end": _MOMENT,
            "source_count": _COUNT,
            "landed_count": _COUNT,
            "proof": _TEXT,
            "complete_to": _MOMENT,
            "source_clock": _MOMENT,
            "late_rows": _COUNT,
            "lateness_seconds": _SECONDS,
            "api_calls": _COUNT,
            "columns": _TEXT,
            "error": _TEXT,
            "braid_version": _TEXT,
        }
    ),
    WINDOWS: pa.schema(
        {
            "source": _TEXT,
            "object": _TEXT,
            "kind": _TEXT,
            "window_start": _MOMENT,
            "window_end": _MOMENT,
            "source_count": _COUNT,
            "landed_count": _COUNT,
            "proof": _TEXT,
            "proven_at": _MOMENT,
            "rows_read": _COUNT,
            "rows_landed": _COUNT,
            "run_id": _TEXT,
            "landed_at": _MOMENT,
        }
    ),
    SCHEMA_CHANGES: pa.schema(
        {
            "source": _TEXT,
            "object": _TEXT,
            "column_name": _TEXT,
            "change": _TEXT,
            "old_type": _TEXT,
            "new_type": _TEXT,
            "run_id": _TEXT,
            "noticed_at": _MOMENT,
            "backfilled_at": _MOMENT,
        }
    ),
    QUARANTINE: pa.schema(
        {
            "quarantine_id": _TEXT,
            "source": _TEXT,
            "object": _TEXT,
            "record_key": _TEXT,
            "record_cursor": _MOMENT,
            "is_deleted": pa.bool_(),
            "rule": _TEXT,
            "rule_version": _TEXT,
            "reason": _TEXT,
            "position": _TEXT,
            "payload": _TEXT,
            "run_id": _TEXT,
            "quarantined_at": _MOMENT,
            "status": _TEXT,
            "settled_at": _MOMENT,
        }
    ),
    JOBS: pa.schema(
        {
            "source": _TEXT,
            "object": _TEXT,
            "job_id": _TEXT,
            "query_hash": _TEXT,
            "window_start": _MOMENT,
            "window_end": _MOMENT,
            "source_clock": _MOMENT,
            "full_load": pa.bool_(),
            "run_id": _TEXT,
            "started_at": _MOMENT,
        }
    ),
    TURNS: pa.schema({"table_schema": _TEXT, "table_name": _TEXT, "run_id": _TEXT, "taken_at": _MOMENT}),
    LOG_OFFSETS: pa.schema(
        {
            "source": _TEXT,
            "object": _TEXT,
            "topic": _TEXT,
            "log_partition": _COUNT,
            "landing": _COUNT,
            "start_offset": _COUNT,
            "next_offset": _COUNT,
            "records": _COUNT,
            "last_offset": _COUNT,
            "last_hash": _TEXT,
            "lost_offsets": _COUNT,
            "problem": _TEXT,
            "run_id": _TEXT,
            "landed_at": _MOMENT,
        }
    ),
    # Dead letters are landed; what became of them is a book.
    OUTCOMES: pa.schema(
        {
            "source": _TEXT,
            "message_id": _TEXT,
            "rule": _TEXT,
            "fix": _TEXT,
            "fix_version": _COUNT,
            "fix_digest": _TEXT,
            "status": _TEXT,
            "attempts": _COUNT,
            "failed_rule": _TEXT,
            "failed_path": _TEXT,
            "failed_reason": _TEXT,
            "plan_version": _TEXT,
            "first_tried_at": _MOMENT,
            "last_tried_at": _MOMENT,
            "run_id": _TEXT,
        }
    ),
    LANDED_FILES: pa.schema(
        {
            "source": _TEXT,
            "object": _TEXT,
            "path": _TEXT,
            "size_bytes": _COUNT,
            "modified_at": _MOMENT,
            "content_hash": _TEXT,
            "rows": _COUNT,
            "run_id": _TEXT,
            "landed_at": _MOMENT,
        }
    ),
}


@dataclass(frozen=True)
class State:
    """What the books say of one object before a run; None and empty when it was never landed.

    ``looked_at`` is when the books were last read for a run that succeeded, by this computer's clock, ``source_clock``
    the source's time when it was last read, ``lateness_seconds`` the latest that a row came in the last 30 days,
    ``columns`` what its columns were (JSON, see ``drift.described``).
    """

    watermark: datetime | None = None
    looked_at: datetime | None = None
    source_clock: datetime | None = None
    lateness_seconds: float | None = None
    columns: str | None = None
    landed_files: Mapping[str, LandedFile] = field(default_factory=dict)
    places: Mapping[tuple[str, int], Place] = field(default_factory=dict)


def ensure_books(warehouse: Warehouse) -> None:
    """Create what is missing. Outside a transaction."""
    for table, schema in BOOKS.items():
        warehouse.ensure_table(table, schema)


def read_state(warehouse: Warehouse, source: str, name: str) -> State:
    """The object's state; a warehouse without books is one where nothing ever landed."""
    if "complete_to" not in (warehouse.columns(RUNS) or {}):
        return State()
    where, params = "where source = ? and object = ?", [source, name]
    found = warehouse.query(
        f"select max(complete_to), max(looked_at), max(source_clock) from {warehouse.relation(RUNS)} {where}"
        " and status = 'succeeded'",
        params,
    )
    watermark, looked, clock = (column[0].as_py() for column in found.columns)
    columns = warehouse.query(
        f"select columns from {warehouse.relation(RUNS)} {where} and status = 'succeeded' and columns is not null"
        " order by finished_at desc, run_id desc limit 1",
        params,
    )
    described = columns.column(0)[0].as_py() if columns.num_rows else None
    lateness = None
    if clock is not None:
        late = warehouse.query(
            f"select max(lateness_seconds) from {warehouse.relation(RUNS)} {where} and source_clock >= ?",
            [*params, clock - LEARNT],
        )
        lateness = late.column(0)[0].as_py()
    files = warehouse.query(
        f"select path, size_bytes, modified_at, content_hash from {warehouse.relation(LANDED_FILES)} {where}"
        " order by landed_at asc, run_id asc",
        params,
    )
    # By position: a warehouse may give names back in upper case. The last landing of a path wins.
    landed: dict[str, LandedFile] = {}
    rows: Iterable[tuple[Any, ...]] = zip(*(column.to_pylist() for column in files.columns), strict=True)
    for path, size, time, digest in rows:
        landed[path] = LandedFile(size, time, digest)
    return State(watermark, looked, clock, lateness, described, landed, places(warehouse, source, name))


def places(warehouse: Warehouse, source: str, name: str) -> dict[tuple[str, int], Place]:
    """Up to where each partition of a log has landed, by topic and partition."""
    if warehouse.columns(LOG_OFFSETS) is None:
        return {}
    found = warehouse.query(
        f"select topic, log_partition, landing, next_offset, last_offset, last_hash"
        f" from {warehouse.relation(LOG_OFFSETS)} where source = ? and object = ? order by landing",
        [source, name],
    )
    rows: Iterable[tuple[Any, ...]] = zip(*(column.to_pylist() for column in found.columns), strict=True)
    return {(topic, int(partition)): Place(*place) for topic, partition, *place in rows}


def subjects(warehouse: Warehouse, table: TableName, column: str, since: datetime | None) -> list[str]:
    """Distinct keys in ``column`` of ``table``, in order; with ``since`` only of rows that landed from then on.

    A sweep has a window and no run; rows it brought up to date have landed too, and may have landed just before it.
    """
    if warehouse.columns(table) is None:
        return []
    name = warehouse.quoted(column)
    landed = (
        f" and _run_id in (select run_id from {warehouse.relation(RUNS)} where finished_at >= ?"
        f" union all select run_id from {warehouse.relation(WINDOWS)} where landed_at >= ?)"
    )
    condition, params = (landed, [since, since]) if since else ("", [])
    found = warehouse.query(
        f"select distinct {name} from {warehouse.relation(table)} where {name} is not null{condition} order by 1",
        params,
    )
    return [str(value) for value in found.column(0).to_pylist()]


def insert(warehouse: Warehouse, table: TableName, values: Mapping[str, object]) -> None:
    """One row of a book; columns not given are null."""
    names = ", ".join(warehouse.quoted(name) for name in values)
    marks = ", ".join("?" * len(values))
    warehouse.execute(f"insert into {warehouse.relation(table)} ({names}) values ({marks})", list(values.values()))
