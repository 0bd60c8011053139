"""How far each object is, from the books: watermark, rows, last run, lag."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from extract import books
from warehouse.base import TableName, Warehouse


@dataclass(frozen=True)
class ObjectStatus:
    """One object; times naive UTC. ``rows`` are live rows in raw, ``last_error`` is of the last run when it failed."""

    source: str
    object: str
    table: str
    watermark: datetime | None
    rows: int | None
    last_run_at: datetime | None
    last_status: str
    last_rows_landed: int
    last_error: str | None
    last_success_at: datetime | None

    def lag_seconds(self, now: datetime) -> float | None:
        """Seconds since the last run that succeeded, None when none did."""
        return (now - self.last_success_at).total_seconds() if self.last_success_at else None


def object_status(warehouse: Warehouse) -> list[ObjectStatus]:
    """Every object that was ever run, by source and name; empty when nothing was."""
    if warehouse.columns(books.RUNS) is None:
        return []
    runs = warehouse.relation(books.RUNS)
    found = warehouse.query(
        f"""
        with ranked as (
            select
                *,
                row_number() over (
                    partition by source, object order by finished_at desc, run_id desc
                ) as newest_first,
                max(case when status = 'succeeded' then finished_at end) over (
                    partition by source, object
                ) as last_success_at,
                max(table_schema) over (partition by source, object) as known_schema,
                max(table_name) over (partition by source, object) as known_name
            from {runs}
        ),
        windows as (
            select source, object, max(window_end) as watermark
            from {warehouse.relation(books.WINDOWS)}
            group by source, object
        )
        select
            ranked.source, ranked.object, ranked.known_schema, ranked.known_name, windows.watermark,
            ranked.finished_at, ranked.status, coalesce(ranked.rows_landed, 0), ranked.error, ranked.last_success_at
        from ranked
        left join windows
            on windows.source = ranked.source
            and windows.object = ranked.object
        where ranked.newest_first = 1
        order by ranked.source, ranked.object
        """
    )
    statuses = []
    for row in zip(*(column.to_pylist() for column in found.columns), strict=True):
        source, name, schema, table, watermark, finished_at, status, landed, error, success = row
        relation = TableName(schema, table) if schema and table else None
        statuses.append(
            ObjectStatus(
                source,
                name,
                str(relation) if relation else "",
                watermark,
                _live_rows(warehouse, relation) if relation else None,
                finished_at,
                status,
                landed,
                error,
                success,
            )
        )
    return statuses


def _live_rows(warehouse: Warehouse, table: TableName) -> int | None:
    if warehouse.columns(table) is None:
        return None
    counted = warehouse.query(f"select count(*) from {warehouse.relation(table)} where not _is_deleted")
    return int(counted.column(0)[0].as_py())
