"""The archive Segment's S3 destination writes: gzipped newline-JSON of raw calls, by source and day received.

``segment-logs/{source-id}/{unix ms of UTC midnight}/{name}.gz``. A day that is over when the company begins is one
file, as a replay delivers it; later days have a file for every hour. What a file holds follows from the rows alone,
and so do its name and bytes: the archive of day three is the same whether the company was started there or got there
day by day, and a new day only ever adds files.
"""

from __future__ import annotations

import gzip
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from sandbox.faults import Faults

FOLDER: Final = "segment-logs"
_LEVEL: Final = 3


def write_archive(archive: Path, events: pa.Table, day: int, clock: datetime, faults: Faults) -> int:
    """Write the files that are not there yet; returns how many.

    ``events`` holds received_at (naive UTC), payload (JSON text) and source_id; ``clock`` is the company's on ``day``.
    """
    first_clock = clock - timedelta(days=day - 1)
    # The company's day on which a row was received: 1 with all history, then (clock of day n-1, clock of day n].
    lived = "greatest(1, 1 + ceil(epoch(received_at - $first) / 86400.0)::bigint)"
    # Cut at the beginning of the day on which the company starts: older days are over.
    span = "case when received_at < date_trunc('day', $first::timestamp) then 'day' else 'hour' end"
    with duckdb.connect(":memory:", config={"threads": 2}) as database:
        database.register("events", events)
        reader = (
            database.cursor()
            .sql(
                f"""
                select
                    source_id,
                    epoch_ms(date_trunc('day', received_at)) as midnight,
                    strftime(date_trunc({span}, received_at), '%Y-%m-%dT%H') as since,
                    {lived} as lived,
                    string_agg(payload, chr(10) order by received_at, payload) as lines
                from events
                group by all
                order by source_id, midnight, since, lived
                """,
                params={"first": first_clock},
            )
            .to_arrow_reader(64)
        )
        written = 0
        for batch in reader:
            for row in batch.to_pylist():
                folder = archive / FOLDER / row["source_id"] / str(row["midnight"])
                written += _write(folder / f"{row['since']}-{row['lived']:04d}.gz", row["lines"], faults)
    return written


def _write(path: Path, lines: str, faults: Faults) -> int:
    """Write one file whole or not at all, unless it is there."""
    if path.exists():
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    body = gzip.compress(lines.encode() + b"\n", _LEVEL, mtime=0)
    if faults.strike("archive_truncated", "segment", path.name) is not None:
        body = body[: len(body) // 2]
    names = [path]
    if faults.strike("archive_duplicates", "segment", path.name) is not None:
        names.append(path.with_name(f"{path.stem}-again.gz"))
    for name in names:
        part = name.with_suffix(".part")
        part.write_bytes(body)
        os.replace(part, name)
    return len(names)
