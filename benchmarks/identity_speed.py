"""The identity step over made-up identifiers: links, components, gate, ledger, published ids, as dbt runs it on DuckDB.

Seconds are those of the dbt process, less those of one that runs the same models over empty tables. The reference is
scipy's ``connected_components`` over the same records and identifiers as a list of pairs of numbers, its sparse matrix
included, in a process of its own; names, which ours starts from and ends with, are no part of it.

What stands before is made up: records and identifiers with the numbers of their keys and values, as their models store
them. Which of them are new is not told: a run with news finds out, and that counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from benchmarks.graphs import GRAPHS, Graph, fill, news

ROOT = Path(__file__).parent.parent
COMPONENTS = "int_identity__candidate_clusters"
# From identifiers to published ids; what stands before is made up, or built once.
MODELS = (
    "--select",
    "+identity_builds",
    "--exclude",
    "+int_identity__identifiers",
    "+int_identity__judged_pairs",
    "int_identity__flagged_identifiers",
)
BEFORE = (
    ("seed", "--select", "identity_rules", "identity_gate_limits"),
    ("run", "--select", "stg_files__people", "int_identity__moved_records", "int_identity__decisions"),
    ("run", "--select", "int_identity__flagged_identifiers"),
)
# What a full refresh keeps; without it the ids are minted anew.
BOOKS = ("customer_ids", "customer_xref", "identity_builds")
PROFILE = """
braid:
  target: bench
  outputs:
    bench:
      type: duckdb
      path: "{path}"
      schema: main
      threads: 1
      settings: {{threads: 2, preserve_insertion_order: false}}
"""
TIMES_SCIPY = 8
# Below this a step is statements that each take a millisecond or two, whatever is in them.
FLOOR_SECONDS = 0.5
NEWS_SHARE = 0.1
SIXTEEN_MILLION_SECONDS = 60
LIMIT_SECONDS = 1_800


def measure(records: tuple[int, ...], repeats: int = 3) -> Iterator[dict[str, Any]]:
    """One result a measure; the sizes are those of the random graph, the other shapes have their own."""
    with TemporaryDirectory(prefix="braid-bench-") as scratch:
        bench = Bench(Path(scratch))
        bench.fill(GRAPHS["nobody"], 0)
        for command, *arguments in BEFORE:
            bench.dbt(command, *arguments)
        bench.build()
        idle = min(bench.build(full_refresh=True)["wall"] for _ in range(repeats))
        sizes = [("people", size) for size in records]
        for name, size in [*sizes, ("chain", 10_000), ("hub", 100_000), ("two large", 500_000)]:
            bench.fill(GRAPHS[name], size)
            full = [bench.build(full_refresh=True) for _ in range(repeats)]
            reference = [bench.reference() for _ in range(repeats)]
            yield bench.compared(name, size, full, reference)
            net = min(run["wall"] for run in full) - idle
            if name == "people":
                yield whole(size, bench.edges, net, full)
                yield bench.changed(size, net, idle)
            elif name == "two large":
                yield bench.merged(size, repeats)


class Bench:
    """A warehouse with identifiers in it, and dbt over it."""

    def __init__(self, folder: Path) -> None:
        """``folder`` takes the warehouse, dbt's artifacts and the reference's pairs."""
        self.folder = folder
        self.database = folder / "bench.duckdb"
        self.edges = 0
        (folder / "profiles.yml").write_text(PROFILE.format(path=self.database))

    def fill(self, graph: Graph, size: int) -> None:
        """Put a graph in place of the last one."""
        self.edges = fill(self.database, graph, size)

    def build(self, *, full_refresh: bool = False) -> dict[str, Any]:
        """Run the models, with ``full_refresh`` from nothing; seconds of all of it (``wall``) and of each model."""
        if full_refresh:
            with duckdb.connect(str(self.database)) as connection:
                for book in BOOKS:
                    connection.execute(f"drop table if exists identity.{book}")
        began = time.perf_counter()
        self.dbt("run", *MODELS, *(["--full-refresh"] if full_refresh else []))
        wall = time.perf_counter() - began
        results = json.loads((self.folder / "target" / "run_results.json").read_text())["results"]
        steps = {item["unique_id"].rsplit(".", 1)[-1]: item["execution_time"] for item in results}
        return {"wall": wall, "steps": steps}

    def dbt(self, command: str, *arguments: str) -> None:
        """Run dbt in a process of its own, as `braid build` does; exits with what it printed when it fails."""
        line = [
            sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", command, *arguments,
            "--project-dir", str(ROOT), "--profiles-dir", str(self.folder),
            "--target-path", str(self.folder / "target"), "--log-path", str(self.folder / "logs"),
        ]  # fmt: skip
        done = subprocess.run(
            line, cwd=ROOT, env=os.environ | {"DO_NOT_TRACK": "1"}, stdout=subprocess.PIPE, text=True,
            timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(done.stdout)

    def reference(self) -> dict[str, Any]:
        """scipy over the same pairs."""
        command = [sys.executable, "-m", "benchmarks.scipy_components", str(self.database)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS, check=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def compared(
        self, name: str, size: int, full: list[dict[str, Any]], reference: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """The components step, best against best."""
        ours = min(run["steps"][COMPONENTS] for run in full)
        theirs = min(item["seconds"] for item in reference)
        with duckdb.connect(str(self.database), read_only=True) as connection:
            ((found,),) = connection.execute(
                f"select count(distinct cluster_key) from identity.{COMPONENTS}"
            ).fetchall()
        assert found == reference[0]["components"], f"{name}: {found} components, not {reference[0]['components']}"
        return {
            "name": f"components: {name}", "records": size, "edges": self.edges,
            "components": found, "seconds": round(ours, 2),
            "reference": "scipy connected_components of the same pairs as numbers",
            "reference_seconds": round(theirs, 4), "times": round(ours / theirs, 1),
            "target": f"{TIMES_SCIPY} times, or {FLOOR_SECONDS} s",
            "ok": ours <= max(TIMES_SCIPY * theirs, FLOOR_SECONDS),
        }  # fmt: skip

    def changed(self, size: int, full: float, idle: float) -> dict[str, Any]:
        """A run with 1 % new records, against the full run."""
        rows = news(self.database, "people", size)
        found = self.build()
        seconds = max(found["wall"] - idle, 0.0)
        return {
            "name": "identity with 1 % new records", "records": size, "new_edges": rows, "seconds": round(seconds, 2),
            "of": round(full, 2), "share": round(seconds / full, 3), "steps": rounded(found["steps"]),
            "target": NEWS_SHARE, "ok": seconds <= NEWS_SHARE * full,
        }  # fmt: skip

    def merged(self, size: int, repeats: int) -> dict[str, Any]:
        """The components step when one record joins the two large components, against scipy from nothing."""
        rows = news(self.database, "two large", size)
        run = self.build()
        return self.compared("two large merge", size, [run], [self.reference() for _ in range(repeats)]) | {
            "new_edges": rows
        }


def whole(size: int, edges: int, net: float, full: list[dict[str, Any]]) -> dict[str, Any]:
    """Identifiers to published ids."""
    target = SIXTEEN_MILLION_SECONDS * edges / 16_000_000
    best = min(full, key=lambda run: float(run["wall"]))
    return {
        "name": "identity: identifiers to published ids", "records": size, "edges": edges, "seconds": round(net, 2),
        "steps": rounded(best["steps"]), "target": round(target, 1), "ok": net <= target,
    }  # fmt: skip


def rounded(steps: dict[str, float]) -> dict[str, float]:
    """Seconds to show, without the steps that take next to none."""
    return {name: round(seconds, 2) for name, seconds in steps.items() if seconds >= 0.1}
