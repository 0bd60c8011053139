"""A system, a warehouse of its own, and the extraction between them; also in a process that is killed."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from extract import books, landing
from extract.pipeline import ObjectResult, run
from extract.reconcile import Reconciled, reconcile
from extract.source import ObjectInfo, Source
from extract.spool import DiskSpool
from tests.conformance.system import System
from warehouse.base import TableName
from warehouse.duckdb import DuckDBWarehouse

ROOT = Path(__file__).parents[2]
# Columns that say which run brought a row, and when.
OF_THE_RUN = ("_run_id", "_extracted_at", "_deleted_at")
# Where the process is killed: while the source is read, inside of the transaction, after it.
MOMENTS = ("reading", "landing", "landed")


class Bench:
    """Extraction of the system's object into a DuckDB file in ``folder``."""

    def __init__(self, system: System, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.system = system
        self.folder = folder
        self._table: TableName | None = None

    def open(self) -> DuckDBWarehouse:
        return _open(self.folder)

    @contextmanager
    def source(self) -> Iterator[Source]:
        source = self.system.kind.from_environment(self.system.environment())
        try:
            yield source
        finally:
            source.close()

    def info(self) -> ObjectInfo:
        with self.source() as source:
            source.connect()
            return source.describe(self.system.object_name)

    def attempt(self, source: Source | None = None) -> ObjectResult:
        """One run; what went wrong is in the result."""
        if source is None:
            with self.source() as source:
                return self.attempt(source)
        (result,) = run(source, [self.system.object_name], self.open, spool_root=self.folder / "spool")
        assert not list((self.folder / "spool").glob("*")), "a spool is left behind"
        return result

    def extract(self) -> ObjectResult:
        """One run that works, and is proven where the source counts."""
        result = self.attempt()
        assert result.error is None
        assert result.proof == ("uncounted" if "count" in self.system.cannot else "proven"), (
            f"the source counts {result.source_count}, and {result.landed_count} landed"
        )
        return result

    def reconcile(self) -> Reconciled:
        """Recount and sweep."""
        with self.source() as source:
            (result,) = reconcile(source, [self.system.object_name], self.open, spool_root=self.folder / "spool")
        assert result.error is None
        return result

    def query(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        with self.open() as warehouse:
            return list(warehouse.rows(sql, params))

    def stored(self) -> list[dict[str, Any]]:
        """All rows of raw; none before the first landing."""
        self._table = table = self._table or self.info().table
        with self.open() as warehouse:
            if warehouse.columns(table) is None:
                return []
            return list(warehouse.rows(f"select * from {warehouse.relation(table)}"))

    def known(self) -> list[dict[str, Any]]:
        """Rows that the system should still hold: all but those that were seen to vanish."""
        return [row for row in self.stored() if row["_deleted_how"] in (None, "flagged")]

    def watermark(self) -> datetime | None:
        if not (self.folder / "w.duckdb").exists():
            return None
        with self.open() as warehouse:
            return books.read_state(warehouse, self.system.kind.name, self.system.object_name).watermark

    def image(self) -> list[str]:
        """The table without what is of the run, to be compared with another's."""
        kept = [{name: value for name, value in row.items() if name not in OF_THE_RUN} for row in self.stored()]
        return sorted(repr(sorted(row.items())) for row in kept)

    def assert_true(self) -> None:
        """Raw has the system's rows, each once, and in its columns the system's values."""
        truth = self.system.truth()
        assert truth, "an empty system proves nothing"
        columns = sorted(truth[0])
        known = self.known()
        assert known, "nothing is stored"
        missing = set(columns) - known[0].keys()
        assert not missing, f"raw lacks columns: {', '.join(sorted(missing))}"
        ours = Counter(tuple(row[column] for column in columns) for row in known)
        theirs = Counter(tuple(row[column] for column in columns) for row in truth)
        assert ours == theirs, (
            f"{columns}: only raw has {list((ours - theirs).elements())[:3]}, "
            f"only the system has {list((theirs - ours).elements())[:3]}"
        )

    def killed(self, moment: str) -> None:
        """A run in a process of its own, killed at one of ``MOMENTS``."""
        kind = type(self.system)
        command = [sys.executable, "-m", "tests.conformance.bench", kind.__module__, kind.__qualname__, moment]
        env = os.environ | self.system.environment() | {"PYTHONPATH": str(ROOT)}
        child = subprocess.run(
            [*command, str(self.folder)], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert child.returncode == -signal.SIGKILL, f"{moment} is not on the way: {child.stdout}{child.stderr[-2000:]}"


def _open(folder: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse.open(folder / "w.duckdb", settings={"threads": 2})


def _kill_at(moment: str) -> None:
    """Let this process end by SIGKILL when it comes there."""

    def killing(owner: object, name: str, *, after: bool = False) -> None:
        real = getattr(owner, name)

        def instead(*args: Any, **kwargs: Any) -> None:
            if after:
                real(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, name, instead)

    if moment == "reading":
        killing(DiskSpool, "rows", after=True)
        killing(DiskSpool, "csv_page", after=True)
    elif moment == "landing":
        killing(landing, "_write_books", after=True)
    else:
        killing(DiskSpool, "__exit__")


def _extract_and_die(module: str, kind: str, moment: str, folder: Path, env: Mapping[str, str]) -> None:
    found: Any = importlib.import_module(module)
    for part in kind.split("."):
        found = getattr(found, part)
    found.prepare(setattr, env)
    _kill_at(moment)
    source = found.kind.from_environment(env)
    print(run(source, [found.object_name], lambda: _open(folder), spool_root=folder / "spool"))  # noqa: T201 - why it lived


if __name__ == "__main__":
    _extract_and_die(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), os.environ)
