"""The same contacts through dlt's Arrow path, the fastest it documents: pages parsed by pyarrow, loaded as Parquet.

    python benchmarks/dlt_arrow.py FOLDER TYPES

Run by an interpreter that has dlt (``requirements/bench.txt``) and nothing of ours; prints one line of JSON. ``TYPES``
is a JSON file of field names and Arrow types, so that both sides type the same columns alike.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dlt
import pyarrow as pa
import pyarrow.csv
import requests

PAGE_ROWS = 100_000
WAIT_SECONDS, LIMIT_SECONDS = 0.2, 600
waited = 0.0


def arrow_type(text: str) -> pa.DataType:
    """``timestamp`` with a zone: pyarrow parses a trailing Z only so."""
    known = {"string": pa.string(), "bool": pa.bool_(), "date32[day]": pa.date32(), "int64": pa.int64()}
    return pa.timestamp("us", "UTC") if text.startswith("timestamp") else known[text]


@dlt.resource(name="contact", primary_key="Id", write_disposition="append")
def contacts(types: dict[str, str]) -> Iterator[pa.Table]:
    """One table a Bulk page."""
    global waited
    url = os.environ["SALESFORCE_URL"]
    session = requests.Session()
    token = session.post(
        f"{url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(os.environ["SALESFORCE_CLIENT_ID"], os.environ["SALESFORCE_CLIENT_SECRET"]),
        timeout=60,
    ).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    jobs = f"{url}/services/data/v59.0/jobs/query"
    asked = {"operation": "queryAll", "query": f"select {', '.join(types)} from Contact"}
    job = session.post(jobs, json=asked, timeout=60).json()["id"]
    began = time.perf_counter()
    while session.get(f"{jobs}/{job}", timeout=60).json()["state"] != "JobComplete":
        if time.perf_counter() - began > LIMIT_SECONDS:
            raise TimeoutError("The Bulk job does not end.")
        time.sleep(WAIT_SECONDS)
    waited = time.perf_counter() - began
    convert = pyarrow.csv.ConvertOptions(
        column_types={name: arrow_type(kind) for name, kind in types.items()}, strings_can_be_null=True
    )
    locator = ""
    while locator != "null":
        params = {"maxRecords": str(PAGE_ROWS)} | ({"locator": locator} if locator else {})
        page = session.get(f"{jobs}/{job}/results", params=params, timeout=LIMIT_SECONDS)
        locator = page.headers.get("Sforce-Locator", "null")
        yield pyarrow.csv.read_csv(
            pa.py_buffer(page.content),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=convert,
        )


def main() -> None:
    """Load into a new DuckDB file below the folder."""
    folder, types = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    began = time.perf_counter()
    pipeline = dlt.pipeline(
        "contacts",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "dlt.duckdb")),
        dataset_name="raw",
    )
    pipeline.run(contacts(types), loader_file_format="parquet")
    seconds = time.perf_counter() - began - waited
    with pipeline.sql_client() as client:
        rows = client.execute_sql("select count(*) from contact")[0][0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "waited": waited, "rows": rows, "peak_rss_mb": peak}) + "\n")


if __name__ == "__main__":
    main()
