"""One measurement in a process of its own, so that memory and caches are its own: prints one line of JSON.

python -m benchmarks.once extract DUCKDB          the real path: Salesforce over HTTP, Bulk pages, typed rows in raw
python -m benchmarks.once read_csv DUCKDB PAGES   the reference: DuckDB reads the same pages with the same types
python -m benchmarks.once reader DUCKDB PAGES     the same by the stricter statement that landing uses
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
import pyarrow as pa

from extract.pipeline import run
from extract.sources.salesforce import Salesforce, bulk
from warehouse.base import CsvPages, Warehouse
from warehouse.csv_pages import csv_relation, sql_string
from warehouse.duckdb import DuckDBWarehouse
from warehouse.types import sql_type

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
    """Read the pages into a table of a new file, as anyone would who knows the types."""
    columns = ", ".join(
        f"{sql_string(field.name)}: {sql_string(sql_type(field.type, 'duckdb'))}" for field in _contact_schema()
    )
    return _create(database, f"select * from read_csv({sql_string(str(pages / '*.csv'))}, columns = {{{columns}}})")


def reader(database: Path, pages: Path) -> dict[str, Any]:
    """Read the pages into a table of a new file by the statement that landing uses, without anything around it."""
    return _create(database, csv_relation(CsvPages(tuple(sorted(pages.glob("*.csv"))), _contact_schema())))


def _contact_schema() -> pa.Schema:
    source = Salesforce.from_environment(os.environ)
    source.connect()
    return source.describe("contact").schema


def _create(database: Path, select: str) -> dict[str, Any]:
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database), config={"threads": THREADS, "preserve_insertion_order": False}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        began = time.perf_counter()
        ((rows,),) = connection.execute(f"create table contact as {select}").fetchall()
    # Closing writes the table to its file, which the extraction's own time has in it too.
    return {"seconds": time.perf_counter() - began, "rows": rows}


def main() -> None:
    """Measure what the command line names."""
    kind, database, *rest = sys.argv[1:]
    references = {"read_csv": read_csv, "reader": reader}
    measured = extract(Path(database)) if kind == "extract" else references[kind](Path(database), Path(rest[0]))
    measured["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main()
