"""Salesforce rows through the whole path, against DuckDB's ``read_csv`` of the same page files with the same types.

Served by another process on loopback; each measurement runs in a process of its own. Ratios are the reference's seconds
by ours: 1 would be as fast as reading the files alone, without HTTP, spooling, keys, books and transaction. The
reference is the plain statement with the types named. Landing's own statement leaves out guessing the dialect and is a
little faster: ``ratio_to_own_reader`` is against that one alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from sandbox.server import environment

FIRST_LOAD, MERGE, MEMORY_MB = 0.65, 0.3, 1024
# An object in which nothing changed: calls beside the one that signs in, and seconds for all of it.
QUIET_CALLS, QUIET_SECONDS = 2, 1.0
# At so many rows more time than this is spent on one figure: measured once, and without the merge.
ONCE = 5_000_000
# Peak memory at three times the rows may differ by noise, not by growth.
FLAT = 1.25
LIMIT_SECONDS = 900
PAGE_ROWS = 100_000


def measure(sizes: tuple[int, ...], repeats: int = 2) -> Iterator[dict[str, Any]]:
    """One result a measure: name, rows, seconds, reference_seconds, ratio, peak_rss_mb, target, ok."""
    peaks: list[float] = []
    for rows in sizes:
        with TemporaryDirectory(prefix="braid-bench-") as scratch, serving(rows) as url:
            folder = Path(scratch)
            env = os.environ | environment(url, folder)
            turns = range(1 if rows > ONCE else repeats)
            first = [once(env, "extract", folder / f"first-{turn}" / "braid.duckdb") for turn in turns]
            reference = read_reference(env, url, folder / "pages-1", len(turns))
            peaks.append(max(item["peak_rss_mb"] for item in first))
            yield result("first load, proven", rows, first, reference, FIRST_LOAD) | {
                "ratio_to_own_reader": own_ratio(env, folder / "pages-1", first, len(turns))
            }
            if rows == sizes[0]:
                yield beside_dlt(env, folder, rows, first)
                yield quiet(env, url, folder / "first-0" / "braid.duckdb")
            if rows > ONCE:
                continue
            merges = []
            for turn in range(repeats):
                requests.post(f"{url}/_sandbox/advance", timeout=LIMIT_SECONDS).raise_for_status()
                merges.append(once(env, "extract", folder / "first-0" / "braid.duckdb"))
                # Every day's pages are as large; those of the first merge are the reference for both.
                if turn == 0:
                    reference = read_reference(env, url, folder / "pages-2", repeats)
            peaks[-1] = max(peaks[-1], *(item["peak_rss_mb"] for item in merges))
            yield result("load with merge, every row changed", rows, merges, reference, MERGE)
    for rows, peak in zip(sizes, peaks, strict=True):
        yield {"name": "peak memory", "rows": rows, "peak_rss_mb": round(peak), "target": MEMORY_MB} | {
            "ok": peak < MEMORY_MB
        }
    if len(peaks) > 1:
        growth = peaks[-1] / peaks[0]
        yield {"name": "peak memory growth", "rows": sizes[-1], "ratio": round(growth, 2), "target": FLAT} | {
            "ok": growth <= FLAT
        }


def result(
    name: str, rows: int, ours: list[dict[str, Any]], reference: list[dict[str, Any]], target: float
) -> dict[str, Any]:
    """The best of ours against the best of the reference."""
    for item in [*ours, *reference]:
        assert item["rows"] == rows, f"{name}: {item['rows']} rows instead of {rows}"
    best = min(ours, key=lambda item: item["seconds"])
    fastest = min(item["seconds"] for item in reference)
    ratio = fastest / best["seconds"]
    return {
        "name": name,
        "rows": rows,
        "seconds": round(best["seconds"], 2),
        "bulk_wait_seconds": round(best["waited"], 2),
        "reference": "duckdb read_csv of the same pages",
        "reference_seconds": round(fastest, 2),
        "ratio": round(ratio, 2),
        "peak_rss_mb": round(max(item["peak_rss_mb"] for item in ours)),
        "target": target,
        "ok": ratio >= target,
    }


def beside_dlt(env: dict[str, str], folder: Path, rows: int, first: list[dict[str, Any]]) -> dict[str, Any]:
    """dlt's Arrow path over the same contacts, in its own interpreter (``.venv-bench``)."""
    from extract.sources.salesforce import Salesforce

    source = Salesforce.from_environment(env)
    source.connect()
    info = source.describe("contact")
    types = folder / "types.json"
    types.write_text(json.dumps({info.fields[field.name]: str(field.type) for field in info.schema}))
    place = folder / "dlt"
    place.mkdir()
    command = [
        env.get("BRAID_BENCH_PYTHON", ".venv-bench/bin/python"),
        str(Path(__file__).parent / "dlt_arrow.py"),
        str(place),
        str(types),
    ]
    done = subprocess.run(
        command, env=env | {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"},
        stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS, check=True,
    )  # fmt: skip
    theirs: dict[str, Any] = json.loads(done.stdout)
    found = result("first load against dlt's Arrow path", rows, first, [theirs], 1.0)
    return found | {"reference": "dlt, Arrow tables to DuckDB", "reference_peak_rss_mb": round(theirs["peak_rss_mb"])}


def quiet(env: dict[str, str], url: str, database: Path) -> dict[str, Any]:
    """A run that finds nothing new."""
    requests.delete(f"{url}/_sandbox/calls", timeout=60).raise_for_status()
    found = once(env, "extract", database)
    calls = requests.get(f"{url}/_sandbox/calls", timeout=60).json()["salesforce"]
    spent = sum(calls.values()) - calls.get("token", 0)
    return {
        "name": "nothing new", "rows": found["rows"], "seconds": round(found["seconds"], 3), "calls": spent,
        "target": f"{QUIET_CALLS} calls, {QUIET_SECONDS} s",
        "ok": spent <= QUIET_CALLS and found["seconds"] < QUIET_SECONDS and found["rows"] == 0,
    }  # fmt: skip


def once(env: dict[str, str], *arguments: str | Path) -> dict[str, Any]:
    """Run one measurement."""
    command = [sys.executable, "-m", "benchmarks.once", *map(str, arguments)]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def read_reference(env: dict[str, str], url: str, pages: Path, repeats: int) -> list[dict[str, Any]]:
    """Fetch the pages a Bulk job gives, and time DuckDB on them."""
    fetch_pages(env, url, pages)
    return [once(env, "read_csv", pages / "reference.duckdb", pages) for _ in range(repeats)]


def own_ratio(env: dict[str, str], pages: Path, ours: list[dict[str, Any]], repeats: int) -> float:
    """The best of ours against the best of landing's own statement over the same pages."""
    own = [once(env, "reader", pages / "reference.duckdb", pages) for _ in range(repeats)]
    return round(min(item["seconds"] for item in own) / min(item["seconds"] for item in ours), 2)


def fetch_pages(env: dict[str, str], url: str, folder: Path) -> None:
    """All contacts as Bulk CSV pages, by plain requests."""
    from extract.sources.salesforce import Salesforce

    folder.mkdir(parents=True)
    source = Salesforce.from_environment(env)
    source.connect()
    fields = ", ".join(source.describe("contact").fields.values())
    token = requests.post(
        f"{url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(env["SALESFORCE_CLIENT_ID"], env["SALESFORCE_CLIENT_SECRET"]),
        timeout=60,
    ).json()["access_token"]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    jobs = f"{url}/services/data/v59.0/jobs/query"
    asked = {"operation": "queryAll", "query": f"select {fields} from Contact"}
    job = session.post(jobs, json=asked, timeout=60).json()["id"]
    until = time.monotonic() + LIMIT_SECONDS
    while session.get(f"{jobs}/{job}", timeout=60).json()["state"] != "JobComplete":
        if time.monotonic() > until:
            raise TimeoutError("The Bulk job of the reference does not end.")
        time.sleep(0.2)
    locator, number = "", 0
    while True:
        params = {"maxRecords": str(PAGE_ROWS)} | ({"locator": locator} if locator else {})
        page = session.get(f"{jobs}/{job}/results", params=params, timeout=LIMIT_SECONDS)
        (folder / f"{number:05d}.csv").write_bytes(page.content)
        locator, number = page.headers.get("Sforce-Locator", "null"), number + 1
        if locator == "null":
            break
    session.delete(f"{jobs}/{job}", timeout=60)


@contextmanager
def serving(rows: int) -> Iterator[str]:
    """The address of a company with so many contacts."""
    command = [sys.executable, "-m", "benchmarks.company", "--rows", str(rows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("The benchmark's server did not start.")
            yield json.loads(line)["url"]
        finally:
            process.terminate()
