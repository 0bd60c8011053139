"""One measurement in a process of its own, so that memory and caches are its own: prints one line of JSON.

python -m benchmarks.once extract DUCKDB          the real path: Salesforce over HTTP, Bulk pages, typed rows in raw
python -m benchmarks.once read_csv DUCKDB PAGES   the reference: DuckDB reads the same pages with the same types
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from extract.pipeline import run
from extract.sources.salesforce import Salesforce, bulk
from warehouse.base import CsvPages, Warehouse
from warehouse.csv_pages import csv_relation
from warehouse.duckdb import DuckDBWarehouse

THREADS = 2


def extract(database: Path) -> dict[str, Any]:
    """Extract contacts; seconds are without the time between a Bulk job's creation and its completion."""
    waited = 0.0
    wait: Callable[..., int] = bulk._wait

    def timed(*args: Any) -> int:
        nonlocal waited
        began = time.perf_counter()
        try:
            return wait(*args)
        finally:
            waited += time.perf_counter() - began

    bulk._wait = timed

    @contextmanager
    def opened() -> Iterator[Warehouse]:
        connection = DuckDBWarehouse.open(database, settings={"threads": THREADS})
        try:
            yield connection
        finally:
            connection.close()

    source = Salesforce.from_environment(os.environ)
    began = time.perf_counter()
    (result,) = run(source, ["contact"], opened, spool_root=database.parent / "spool")
    seconds = time.perf_counter() - began
    if result.error:
        sys.exit(result.error)
    if result.proof != "proven":
        sys.exit(f"the window is {result.proof}: {result.source_count} counted, {result.landed_count} landed")
    return {"seconds": seconds - waited, "waited": waited, "rows": result.rows_landed}


def read_csv(database: Path, pages: Path) -> dict[str, Any]:
    """Read the pages into a table of a new file."""
    source = Salesforce.from_environment(os.environ)
    source.connect()
    schema = source.describe("contact").schema
    relation = csv_relation(CsvPages(tuple(sorted(pages.glob("*.csv"))), schema))
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database), config={"threads": THREADS, "preserve_insertion_order": False}) as connection:
        began = time.perf_counter()
        ((rows,),) = connection.execute(f"create table contact as {relation}").fetchall()
    # Closing writes the table to its file, which the extraction's own time has in it too.
    return {"seconds": time.perf_counter() - began, "rows": rows}


def main() -> None:
    """Measure what the command line names."""
    kind, database, *rest = sys.argv[1:]
    measured = extract(Path(database)) if kind == "extract" else read_csv(Path(database), Path(rest[0]))
    measured["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main()
