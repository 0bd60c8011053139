"""Landing the collector's log in DuckDB: events a second from the log's segments to committed rows.

Two landings: one into an empty table, and one beside it in which every tenth event came before, which is what an hour
is. The calls are the sandbox company's own, taken in as the collector takes them.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from collect.events import Intake, Records, Stamps
from collect.judging import Unplanned
from extract.pipeline import run
from extract.sources.events import Events
from log.base import EVENTS
from log.writer import EmbeddedWriter
from sandbox.company import Company
from warehouse.duckdb import DuckDBWarehouse

LEAST = 100_000
COUNT = 1_000_000
A_COMMIT = 2_000
START = datetime.fromisoformat("2026-05-01")


def measure(count: int = COUNT) -> Iterator[dict[str, Any]]:
    """Land ``count`` events into nothing, and as many beside them."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, first in (("landing", 0), ("landing_beside", count - count // 10)):
            _write(root / "log", first, count)
            source = Events.from_environment({"BRAID_COLLECT_LOG": str(root / "log")})
            began, used = time.monotonic(), time.process_time()
            (result,) = run(source, ["collected"], lambda: _opened(root), spool_root=root / "spool")
            seconds, used = time.monotonic() - began, time.process_time() - used
            source.close()
            if result.error or (result.rows_read, result.rows_inserted) != (
                count,
                count if not first else count * 9 // 10,
            ):
                raise SystemExit(f"{name} landed {result.rows_inserted} of {result.rows_read}: {result.error}")
            yield {
                "measure": name,
                "events": count,
                "seconds": round(seconds, 2),
                "cpu_seconds": round(used, 2),
                "per_second": round(count / seconds),
                "target_per_second": LEAST,
                "ok": count / seconds >= LEAST,
            }


def _opened(root: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse.open(root / "w.duckdb", settings={"threads": 2})


def _write(log: Path, first: int, count: int) -> None:
    """Append events numbered from ``first`` on."""
    payloads = Company(1, 300, 1).tables["segment.events"]["payload"].to_pylist()
    intake, calls, writer = Intake(Unplanned()), cycle(payloads), EmbeddedWriter(log)
    for start in range(first, first + count, A_COMMIT):
        records = Records()
        stamps = Stamps.of("web_shop", START + timedelta(milliseconds=start), None)
        for number, text in enumerate(islice(calls, min(A_COMMIT, first + count - start)), start):
            call = json.loads(text) | {"messageId": f"{number:032x}"}
            intake.take(call, None, call["messageId"], "", stamps, records)
        if records.dead:
            raise SystemExit("the collector takes the company's calls for dead letters")
        writer.append({EVENTS: records.events})
    writer.close()
