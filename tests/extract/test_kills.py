"""SIGKILL at every step that has a name, and at random moments: the next run ends where an undisturbed one ends.

The killed run is the second day's: changed rows, late commits, deletes, a new custom field that is filled in old
rows, and a reconciliation. It is a process of its own; what it left is looked at before the next run goes on.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.pipeline import run
from extract.reconcile import reconcile
from extract.sources.hubspot import HubSpot
from extract.sources.salesforce import Salesforce
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
OBJECTS = {"salesforce": ("account", "contact"), "hubspot": ("contacts",)}
TABLES = ("raw_salesforce.account", "raw_salesforce.contact", "raw_hubspot.contacts")
COMPARED = "* exclude (_run_id, _extracted_at, _deleted_at)"
ROUNDS, TORTURED = 20, 200

CHILD = """
    import os, sys
    from pathlib import Path
    from tests.extract.killing import arm
    from tests.extract.test_kills import day

    folder, step = Path(sys.argv[1]), sys.argv[2]
    if step:
        arm(step)
    print("ready", flush=True)
    day(folder, os.environ)
"""

# As in tests.extract.killing; ``_raw`` takes a statement.
STEPS = [
    "extract.sources.salesforce/Salesforce:describe:after:1",
    "extract.drift:note:after:2",
    "extract.sources.salesforce/Salesforce:count:after:1",
    "extract.sources.salesforce.rest:read:after:2",
    "extract.sources.hubspot/HubSpot:read:after:1",
    "extract.books:ensure_books:after:2",
    "warehouse.duckdb/DuckDBWarehouse:ensure_table:after:9",
    "warehouse.duckdb/DuckDBWarehouse:_raw:before:2:commit",
    "warehouse.duckdb/DuckDBWarehouse:_raw:after:2:commit",
    "warehouse.duckdb/DuckDBWarehouse:merge:before:2",
    "warehouse.duckdb/DuckDBWarehouse:merge:after:2",
    "extract.deletions:stamp:after:1",
    "extract.landing:_write_books:before:1",
    "extract.landing:_write_books:after:2",
    "extract.spool/DiskSpool:__exit__:before:1",
    "extract.targeted:refresh:before:1",
    "extract.targeted:refresh:after:1",
    "extract.drift:settle:after:1",
    "extract.deletions:mark_absent:after:1",
    "extract.deletions:mark_purged:after:1",
    "extract.reconcile:write_window:before:2",
    "extract.reconcile:write_window:after:3",
]


def day(folder: Path, env: Any) -> None:
    """Extract and reconcile everything once."""

    def opened() -> DuckDBWarehouse:
        return DuckDBWarehouse.open(folder / "w.duckdb", settings={"threads": 2})

    for kind in (Salesforce, HubSpot):
        source = kind.from_environment(env)
        for result in run(source, OBJECTS[source.name], opened, spool_root=folder / "spool"):
            assert result.error is None, result.error
        for checked in reconcile(source, OBJECTS[source.name], opened, spool_root=folder / "spool"):
            assert checked.error is None, checked.error
        source.close()


class Bench:
    """The second day of a company, and the warehouse of its first."""

    def __init__(self, folder: Path, sandbox: Running) -> None:
        self.folder, self.env = folder, os.environ | sandbox.environment() | {"PYTHONPATH": str(ROOT)}
        day(folder, self.env)
        sandbox.advance()
        shutil.copy(folder / "w.duckdb", folder / "first.duckdb")
        with duckdb.connect(folder / "w.duckdb", read_only=True) as connection:
            marks = "select object, max(complete_to) from ops.extract_runs where source = 'salesforce' group by object"
            self.first_marks = dict(connection.execute(marks).fetchall())
        began = time.monotonic()
        day(folder, self.env)
        self.seconds = time.monotonic() - began
        self.undisturbed = self.rows()
        self.places = self.cursors()
        assert self.undisturbed != self.restored().rows()

    def restored(self) -> Bench:
        (self.folder / "w.duckdb").unlink(missing_ok=True)
        (self.folder / "w.duckdb.wal").unlink(missing_ok=True)
        shutil.copy(self.folder / "first.duckdb", self.folder / "w.duckdb")
        return self

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        with duckdb.connect(self.folder / "w.duckdb", read_only=True) as connection:
            return {
                table: connection.execute(f"select {COMPARED} from {table} order by id").fetchall() for table in TABLES
            }

    def cursors(self) -> dict[str, int]:
        """Where the cursor stands in the rows."""
        with duckdb.connect(self.folder / "w.duckdb", read_only=True) as connection:
            found = {}
            for table in TABLES[:2]:
                columns = connection.execute(f"select {COMPARED} from {table} limit 0").description or ()
                found[table] = [item[0] for item in columns].index("system_modstamp")
            return found

    def killed(self, step: str = "", after: float | None = None) -> int:
        """Run the second day and kill it; its exit code, which is 0 when it was too quick."""
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(self.folder), step],
            env=self.env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
                if after is not None:
                    time.sleep(after)
                    child.kill()
                return child.wait(timeout=120)
            finally:
                child.kill()

    def assert_nothing_ahead(self) -> None:
        """What the watermark says is complete is stored."""
        with DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2}) as warehouse:
            for name, table in (("account", TABLES[0]), ("contact", TABLES[1])):
                mark = warehouse.query(
                    "select max(complete_to) from ops.extract_runs where source = 'salesforce' and object = ?", [name]
                )
                # Where it has not moved it is the first day's, when late commits were not there to be stored.
                moved = mark.column(0)[0].as_py()
                if moved == self.first_marks[name]:
                    continue
                expected = {row for row in self.undisturbed[table] if row[self.places[table]] < moved}
                stored = warehouse.query(f"select id, system_modstamp from {table}")
                versions = set(zip(*(column.to_pylist() for column in stored.columns), strict=True))
                assert {(row[0], row[self.places[table]]) for row in expected} <= versions

    def assert_goes_on(self) -> None:
        """A plain run ends where an undisturbed one does."""
        day(self.folder, self.env)
        assert self.rows() == self.undisturbed
        assert not list((self.folder / "spool").glob("*")), "a spool is left behind"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running(people=60, seed=5) as sandbox:
        yield Bench(tmp_path_factory.mktemp("kills"), sandbox)


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_named_step(bench: Bench, step: str) -> None:
    bench.restored()
    assert bench.killed(step) == -signal.SIGKILL, "the step is not on the way"
    bench.assert_goes_on()


def at_a_random_moment(bench: Bench, seed: int) -> None:
    bench.restored()
    bench.killed(after=random.Random(seed).uniform(0, bench.seconds))
    bench.assert_nothing_ahead()
    bench.assert_goes_on()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_kill_at_a_random_moment(bench: Bench, seed: int) -> None:
    at_a_random_moment(bench, seed)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(ROUNDS, ROUNDS + TORTURED))
def test_kills_at_random_moments(bench: Bench, seed: int) -> None:
    at_a_random_moment(bench, seed)
