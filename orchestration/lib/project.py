"""The dbt project as Dagster needs it: where it is, its manifest, and the command that runs it.

Definitions are loaded from ``target/manifest.json``. It is made by any dbt command; when it is missing or older than
the project it is made once, by ``dbt parse``, which needs the profile but neither the warehouse nor a connection.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.profile import load_target, project_root

if TYPE_CHECKING:
    from dagster_dbt import DbtCliResource

_PARSE_SECONDS = 300
_FOLDERS = ("models", "macros", "seeds", "snapshots", "tests/singular")
_SUFFIXES = {".sql", ".yml", ".yaml", ".csv", ".md"}


class ProjectError(Exception):
    """The dbt project cannot be read; one sentence with the remedy."""


def dbt_command() -> list[str]:
    """The dbt of this environment, whatever the PATH says."""
    return [sys.executable, "-m", "dbt.cli.main"]


def target_folder() -> Path:
    """Where dbt writes its artifacts: DBT_TARGET_PATH, or ``target`` in the project."""
    return project_root() / os.environ.get("DBT_TARGET_PATH", "target")


@functools.cache
def manifest() -> Mapping[str, Any]:
    """The manifest, made first when it is missing or older than the project. Raises ProjectError."""
    path = target_folder() / "manifest.json"
    if not is_current(path):
        _parse(path)
    loaded: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def is_current(path: Path) -> bool:
    """Whether ``path`` is a manifest that is newer than every file of the project."""
    if not path.is_file():
        return False
    made = path.stat().st_mtime_ns
    return all(file.stat().st_mtime_ns <= made for file in _project_files(project_root()))


def _project_files(root: Path) -> Iterator[Path]:
    yield root / "dbt_project.yml"
    for folder in _FOLDERS:
        for parent, _, names in os.walk(root / folder):
            yield from (Path(parent, name) for name in names if Path(name).suffix in _SUFFIXES)


def _parse(path: Path) -> None:
    """Make the manifest, one process at a time: each Dagster step loads the definitions anew."""
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(path.with_name("manifest.lock"), timeout=_PARSE_SECONDS):
        if is_current(path):
            return
        sys.stderr.write(
            f"braid: preparing {path.name} with dbt parse, since it is missing or older than the project\n"
        )
        command = [*dbt_command(), "--quiet", "parse", "--target-path", str(path.parent), *dbt_arguments()]
        environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        done = subprocess.run(
            command, cwd=project_root(), env=environment, capture_output=True, text=True, timeout=_PARSE_SECONDS,
            check=False,
        )  # fmt: skip
        if done.returncode or not path.is_file():
            last = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()][-3:]
            raise ProjectError(f"dbt cannot parse the project: {' / '.join(last) or f'exit code {done.returncode}'}")
        # A manifest that dbt found unchanged keeps its old time.
        path.touch()


def dbt_arguments(target: str | None = None) -> list[str]:
    """Project, profile and target for a dbt command line, as the rest of Braid finds them. Raises WarehouseError."""
    chosen = load_target(target)
    return [
        "--project-dir", str(chosen.project_root),
        "--profiles-dir", str(chosen.profiles_dir),
        "--target", chosen.name,
    ]  # fmt: skip


def dbt_resource() -> DbtCliResource:
    """dagster-dbt's command, made when needed: without a profile it refuses, and definitions must not.

    Raises WarehouseError when the profile is missing.
    """
    from dagster_dbt import DbtCliResource

    chosen = load_target()
    return DbtCliResource(
        project_dir=str(chosen.project_root),
        profiles_dir=str(chosen.profiles_dir),
        target=chosen.name,
        dbt_executable=str(Path(sys.executable).with_name("dbt")),
    )


def run_folder() -> Path:
    """Artifacts of builds that Dagster runs, one folder a warehouse: builds of one are serial, of two are not."""
    chosen = load_target()
    where = f"{chosen.project_root} {chosen.name} {chosen.duckdb_path or ''}"
    return target_folder() / "dagster" / hashlib.sha256(where.encode()).hexdigest()[:12]
