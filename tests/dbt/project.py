"""dbt as its users run it: a process of its own, with a time limit, on a warehouse file of the test's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parents[2]


class Project:
    """The dbt project (or the one in ``project``) over one DuckDB file, always at the same path: dbt parses once."""

    def __init__(self, folder: Path, project: Path = ROOT) -> None:
        """``folder`` takes the warehouse file, dbt's artifacts and logs."""
        self.folder = folder
        self.project = project
        self.warehouse = folder / "warehouse.duckdb"

    def forget(self) -> None:
        """Back to an empty warehouse."""
        self.warehouse.unlink(missing_ok=True)

    def run(self, command: str, *arguments: str, timeout: float = 240) -> str:
        """Run dbt and return what it printed; an AssertionError shows it when dbt fails."""
        return self._process(["-c", "from dbt.cli.main import cli; cli()", "--no-use-colors", command,
                              *self._arguments(), *arguments], timeout)  # fmt: skip

    def worker(self, module: str, timeout: float = 240) -> str:
        """Run a module that is given the warehouse's path and dbt's arguments; as ``run`` otherwise."""
        return self._process(["-m", module, str(self.warehouse), *self._arguments()], timeout)

    def _arguments(self) -> list[str]:
        return ["--project-dir", str(self.project), "--profiles-dir", str(ROOT / "tests" / "dbt"),
                "--target-path", str(self.folder / "target"), "--log-path", str(self.folder / "logs")]  # fmt: skip

    def _process(self, arguments: list[str], timeout: float) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "BRAID_DUCKDB": str(self.warehouse), "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the warehouse."""
        with duckdb.connect(self.warehouse, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Change the warehouse."""
        with duckdb.connect(self.warehouse) as connection:
            connection.execute(sql)

    def artifact(self, name: str) -> dict[str, Any]:
        """One of dbt's JSON artifacts of the last run."""
        found: dict[str, Any] = json.loads((self.folder / "target" / name).read_text())
        return found
