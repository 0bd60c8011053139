"""Many runs of one connected_components model in one process: a second each where a process each takes five.

    python -m tests.dbt.components_worker duckdb|snowflake PROJECT FOLDER

Reads a JSON list a line, ``[edges, full_refresh]``; answers with one: ``[[node, component], ...]`` in order, and
whether a table was made from nothing. On Snowflake every connection of the process is fakesnow's.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import duckdb

from tests.snowflake.fake import fake_snowflake

PROFILES = """
braid:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: "{folder}/warehouse.duckdb", schema: scratch, threads: 1}
    snowflake: {type: snowflake, account: fake, user: braid, password: no-secret, database: BRAID, schema: SCRATCH,
                warehouse: LOADING, threads: 1}
"""


def execute(target: str, folder: Path, statements: list[str]) -> list[list[Any]]:
    """Rows of the last one."""
    if target == "duckdb":
        with duckdb.connect(folder / "warehouse.duckdb") as connection:
            return [list(row) for row in [connection.execute(each).fetchall() for each in statements][-1]]
    import snowflake.connector

    with snowflake.connector.connect(database="BRAID", schema="SCRATCH") as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return [list(row) for row in cursor.fetchall()]


def quoted(value: str | None) -> str:
    return "null" if value is None else f"'{value}'"


def main(target: str, project: Path, folder: Path) -> None:
    """Serve until standard input ends."""
    from dbt.cli.main import dbtRunner

    (folder / "profiles.yml").write_text(PROFILES.replace("{folder}", str(folder)))
    where = ["--project-dir", str(project), "--profiles-dir", str(folder), "--target", target]
    where += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), "--log-level-file", "debug"]
    log = folder / "logs" / "dbt.log"
    with fake_snowflake(folder / "database") if target == "snowflake" else nullcontext():
        manifest = None
        for line in sys.stdin:
            edges, full_refresh = json.loads(line)
            rows = ", ".join(f"({quoted(a)}, {quoted(b)})" for a, b in [*edges, (None, None)])
            begin = ["create schema if not exists scratch"] if target == "duckdb" else []
            begin += ["create or replace table scratch.edges (node_a varchar, node_b varchar)"]
            execute(target, folder, [*begin, f"insert into scratch.edges values {rows}"])
            log.unlink(missing_ok=True)
            with redirect_stdout(sys.stderr):
                runner = dbtRunner(manifest=manifest)
                if manifest is None:
                    manifest = runner.invoke(["--quiet", "parse", *where]).result
                    runner = dbtRunner(manifest=manifest)
                done = runner.invoke(["--quiet", "run", *where, *(["--full-refresh"] if full_refresh else [])])
            if not done.success:
                sys.exit("dbt failed")
            found = execute(target, folder, ["select node, component from scratch.components order by node"])
            # This one is created where everything is made anew, and only then.
            anew = bool(re.search(r"create or replace table \S+__gone", log.read_text().lower()))
            sys.stdout.write(json.dumps([found, anew]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    os.environ["DO_NOT_TRACK"] = "1"
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
