"""Many builds of the sessions in one process, over whatever the raw events are made to be in between.

    python -m tests.dbt.sessions_worker duckdb|snowflake PROJECT FOLDER

Reads a line of JSON a build, ``{"events": [...], "full_refresh": bool, "first": [sql, ...], "asked": [sql, ...],
"vars": {...}, "select": [model, ...]}``; answers with one, the rows of each query asked after it. An event is the list
of ``COLUMNS``; vars go before the project's, and without select all models are built. With ``"refused": true`` the
answer is what dbt said against it. On Snowflake every connection of the process is fakesnow's.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from tests.dbt.components_worker import PROFILES, execute
from tests.snowflake.fake import fake_snowflake

COLUMNS = {
    "message_id": "varchar", "event_type": "varchar", "event_name": "varchar", "user_id": "varchar",
    "anonymous_id": "varchar", "context": "varchar", "properties": "varchar", "occurred_at": "timestamp",
    "extracted_at": "timestamp", "_quarantined_at": "timestamp",
}  # fmt: skip


def literal(value: Any) -> str:
    return "null" if value is None else "'" + str(value).replace("'", "''") + "'"


def main(target: str, project: Path, folder: Path) -> None:
    """Serve until standard input ends."""
    from dbt.cli.main import dbtRunner

    (folder / "profiles.yml").write_text(PROFILES.replace("{folder}", str(folder)))
    where = ["--project-dir", str(project), "--profiles-dir", str(folder), "--target", target]
    where += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    with fake_snowflake(folder / "database") if target == "snowflake" else nullcontext():
        begin = ["create schema if not exists scratch"] if target == "duckdb" else []
        begin += [
            f"create or replace table scratch.events ({columns})",
            "create or replace table scratch.placeholders (user_id varchar)",
            "create or replace table scratch.xref (record_key varchar, customer_id varchar)",
        ]
        execute(target, folder, begin)
        with redirect_stdout(sys.stderr):
            manifest = dbtRunner().invoke(["--quiet", "parse", *where]).result
        for line in sys.stdin:
            asked = json.loads(line)
            statements = list(asked.get("first", ()))
            if "events" in asked:
                statements.append("delete from scratch.events")
                values = ", ".join(f"({', '.join(map(literal, event))})" for event in asked["events"])
                if values:
                    statements.append(f"insert into scratch.events values {values}")
            if statements:
                execute(target, folder, statements)
            with redirect_stdout(sys.stderr):
                more = ["--full-refresh"] if asked.get("full_refresh") else []
                more += ["--vars", json.dumps(asked["vars"])] if asked.get("vars") else []
                more += ["--select", *asked["select"]] if asked.get("select") else []
                done = dbtRunner(manifest=manifest).invoke(["--quiet", "run", *where, *more])
            if asked.get("refused"):
                # What dbt said, where a build is to fail.
                said = [str(each.message) for each in getattr(done.result, "results", ()) if each.status == "error"]
                sys.stdout.write(json.dumps([] if done.success else said or [str(done.exception)]) + "\n")
                sys.stdout.flush()
                continue
            if not done.success:
                sys.exit("dbt failed")
            found = [execute(target, folder, [query]) for query in asked["asked"]]
            sys.stdout.write(json.dumps(found, default=str) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    os.environ["DO_NOT_TRACK"] = "1"
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
