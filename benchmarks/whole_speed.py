"""The whole project over a made-up company: `dbt build` with its tests, from nothing and after a day with 1 % more.

Seconds are those of the dbt process, start and end included, on two threads of DuckDB. Unit tests, which say nothing of
the data, are left out as `braid build` leaves them out. The slowest models and tests are named with their seconds.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from benchmarks.identity_speed import Bench
from benchmarks.made_company import Part, land

# For a million customers.
FULL_SECONDS = 360.0
INCREMENT_SECONDS = 90.0
TARGET_PEOPLE = 1_000_000
SHOWN = 15


def measure(sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Two results for each number of customers."""
    for people in sizes:
        with TemporaryDirectory(prefix="braid-bench-") as scratch:
            yield from measured(Whole(Path(scratch)), people)


class Whole(Bench):
    """A warehouse with a company in it, and dbt over it."""

    def built(self, name: str, target: float, rows: dict[str, int]) -> dict[str, Any]:
        """One build with tests."""
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        self.dbt("build", "--exclude-resource-type", "unit_test")
        wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        results = json.loads((self.folder / "target" / "run_results.json").read_text())["results"]
        slowest = sorted(results, key=lambda item: -item["execution_time"])[:SHOWN]
        with duckdb.connect(str(self.database), read_only=True) as connection:
            ((customers,),) = connection.execute("select count(*) from marts.dim_customers").fetchall()
        return {
            "name": name, "customers": customers, "rows": rows, "nodes": len(results), "seconds": round(wall, 1),
            "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
            "peak_mb": after.ru_maxrss // 1024,
            "slowest": {item["unique_id"].split(".", 2)[-1]: round(item["execution_time"], 1) for item in slowest},
            "target": round(target, 1), "ok": wall <= target,
        }  # fmt: skip


def measured(bench: Whole, people: int) -> Iterator[dict[str, Any]]:
    """From nothing, then 1 % more."""
    # Over no rows first: the raw tables are made, and dbt has read the project.
    bench.dbt("build", "--exclude-resource-type", "unit_test")
    share = people / TARGET_PEOPLE
    rows = land(bench.database, Part(0, people, people, 0))
    yield bench.built("whole build", FULL_SECONDS * share, rows)
    rows = land(bench.database, Part(people, people + people // 100, people, 1))
    yield bench.built("whole build with 1 % more", INCREMENT_SECONDS * share, rows)
