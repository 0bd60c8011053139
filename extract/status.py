"""How far each object is, and up to when that is proven, from the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from extract import books
from warehouse.base import TableName, Warehouse


@dataclass(frozen=True)
class ObjectStatus:
    """One object; times naive UTC. ``rows`` are live rows in raw, ``last_error`` is of the last run when it failed.

    ``proven_to`` is the watermark as far as the source's own counts prove it, None where nothing is counted;
    ``open_windows`` are those beyond the watermark that did not add up, and the last recount if it did not.
    """

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
    proof: str
    proven_to: datetime | None
    open_windows: int
    quarantined: int

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
            -- What read single records or a stretch again is no extraction.
            where status = 'failed' or looked_at is not null
        ),
        recounts as (
            select source, object, max(window_end) as proven_to, max(landed_at) as proven_at
            from {warehouse.relation(books.WINDOWS)}
            where kind = 'recount' and proof = 'proven'
            group by source, object
        ),
        -- A window that nobody could count, and that no recount has covered since: proof ends before it.
        gaps as (
            select
                runs.source, runs.object, min(runs.window_start) as begins_at,
                max(case when runs.window_start is null then 1 else 0 end) = 1 as is_from_the_start
            from {runs} as runs
            left join recounts
                on recounts.source = runs.source
                and recounts.object = runs.object
            where
                runs.status = 'succeeded'
                and runs.looked_at is not null
                and runs.proof = 'uncounted'
                and (recounts.proven_at is null or runs.finished_at > recounts.proven_at)
            group by runs.source, runs.object
        ),
        counted as (
            select source, object, max(complete_to) as watermark, max(proven_to) as proven_to
            from (
                select source, object, complete_to, case when proof = 'proven' then complete_to end as proven_to
                from {runs}
                union all
                select source, object, cast(null as timestamp), proven_to from recounts
            ) as reached
            group by source, object
        ),
        marks as (
            select
                counted.source, counted.object, counted.watermark,
                case
                    when gaps.source is null then counted.proven_to
                    when gaps.is_from_the_start then null
                    else least(counted.proven_to, gaps.begins_at)
                end as proven_to
            from counted
            left join gaps
                on gaps.source = counted.source
                and gaps.object = counted.object
        ),
        looked_at as (
            select
                source, object, kind, window_end, proof,
                row_number() over (
                    partition by source, object, kind order by landed_at desc, run_id desc
                ) as newest_first
            from {warehouse.relation(books.WINDOWS)}
        ),
        unproven as (
            select looked_at.source, looked_at.object, count(*) as open_windows
            from looked_at
            left join marks
                on marks.source = looked_at.source
                and marks.object = looked_at.object
            where
                looked_at.proof = 'open'
                and (
                    (looked_at.kind = 'read' and (marks.watermark is null or looked_at.window_end > marks.watermark))
                    or (looked_at.kind = 'recount' and looked_at.newest_first = 1)
                )
            group by looked_at.source, looked_at.object
        ),
        bad_rows as (
            select source, object, count(*) as quarantined
            from {warehouse.relation(books.QUARANTINE)}
            where status = 'open'
            group by source, object
        )
        select
            ranked.source, ranked.object, ranked.known_schema, ranked.known_name, marks.watermark,
            ranked.finished_at, ranked.status, coalesce(ranked.rows_landed, 0), ranked.error, ranked.last_success_at,
            coalesce(ranked.proof, 'uncounted'), marks.proven_to,
            coalesce(unproven.open_windows, 0), coalesce(bad_rows.quarantined, 0)
        from ranked
        left join marks
            on marks.source = ranked.source
            and marks.object = ranked.object
        left join unproven
            on unproven.source = ranked.source
            and unproven.object = ranked.object
        left join bad_rows
            on bad_rows.source = ranked.source
            and bad_rows.object = ranked.object
        where ranked.newest_first = 1
        order by ranked.source, ranked.object
        """
    )
    statuses = []
    for row in zip(*(column.to_pylist() for column in found.columns), strict=True):
        source, name, schema, table, watermark, finished_at, status, landed, error, success, *proof = row
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
                *proof,
            )
        )
    return statuses


def _live_rows(warehouse: Warehouse, table: TableName) -> int | None:
    if warehouse.columns(table) is None:
        return None
    counted = warehouse.query(f"select count(*) from {warehouse.relation(table)} where not _is_deleted")
    return int(counted.column(0)[0].as_py())
