"""Builds a project of derived models in a process of its own and prints what is in them.

    python -m tests.plan.staging_worker duckdb|snowflake PROJECT FOLDER MODEL...

One line of JSON: for each model its rows, values as texts, ordered by message. fakesnow replaces the connector
for the whole process, hence the process.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from tests.dbt.components_worker import PROFILES, execute
from tests.snowflake.fake import fake_snowflake


def shown(value: Any) -> Any:
    """Texts of one form on both warehouses."""
    if value is None or isinstance(value, bool | int):
        return value
    return str(value)


def main(target: str, project: Path, folder: Path, models: list[str]) -> int:
    """Exit code: 0 when dbt's build is green."""
    from dbt.cli.main import dbtRunner

    (folder / "profiles.yml").write_text(PROFILES.replace("{folder}", str(folder)))
    where = ["--project-dir", str(project), "--profiles-dir", str(folder), "--target", target]
    where += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs")]
    with fake_snowflake(folder / "database") if target == "snowflake" else nullcontext():
        with redirect_stdout(sys.stderr):
            result = dbtRunner().invoke(["--no-use-colors", "build", *where])
        if not result.success:
            return 1
        found = {}
        for model in models:
            rows = execute(target, folder, [f"select * from scratch.{model} order by message_id"])
            found[model] = [[shown(value) for value in row] for row in rows]
        warned = [str(node.node.name) for node in result.result if str(node.status) == "warn"]
    sys.stdout.write(json.dumps({"rows": found, "warned": sorted(warned)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
