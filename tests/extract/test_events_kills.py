"""SIGKILL while the log of the collector lands: rows and offsets are both there or neither; the next run ends alike."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.extract.events_log import Landing, dead, event

pytestmark = pytest.mark.timeout(180)

ROOT = Path(__file__).parents[2]
CHILD = """
    import importlib, os, signal, sys
    from pathlib import Path
    from tests.extract.events_log import Landing

    step, statement = sys.argv[2], "commit"
    if step:
        place, attribute, when, times = step.split(":")
        module, _, owner = place.partition("/")
        owner = getattr(importlib.import_module(module), owner) if owner else importlib.import_module(module)
        real, left = getattr(owner, attribute), int(times)

        def killing(*args, **kwargs):
            global left
            left -= (counts := attribute != "_raw" or args[1] == statement)
            if counts and left == 0 and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **kwargs)
            if counts and left == 0 and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, attribute, killing)
    print("ready", flush=True)
    for result in Landing(Path(sys.argv[1])).extract().values():
        assert result.error is None, result.error
"""

# module[/class]:function:before or after:which call of it. ``_raw`` is a commit.
STEPS = [
    "extract.sources.events.source/Events:read:after:1",
    "extract.offsets:write:before:1",
    "extract.offsets:write:after:1",
    "warehouse.duckdb/DuckDBWarehouse:append:after:1",
    "extract.landing:_write_books:after:1",
    "warehouse.duckdb/DuckDBWarehouse:_raw:before:1",
    "warehouse.duckdb/DuckDBWarehouse:_raw:after:1",
    "extract.offsets:write:after:2",
    "extract.folding:fold:before:1",
    "extract.folding:fold:after:1",
    "warehouse.duckdb/DuckDBWarehouse:_raw:before:2",
    "warehouse.duckdb/DuckDBWarehouse:_raw:after:2",
]


class Bench:
    """The second day's log, and the warehouse of the first."""

    def __init__(self, folder: Path) -> None:
        self.landing = Landing(folder)
        self.landing.append([event(f"a{n}") for n in range(200)], [dead(f"d{n % 20}") for n in range(50)])
        self.landing.extract()
        shutil.copy(folder / "w.duckdb", folder / "first.duckdb")
        for partition in (0, 1):
            self.landing.append(
                [event(f"a{n}", seconds=9_000_000 + n) for n in range(100, 400)],
                [dead(f"d{n % 30}", seconds=n) for n in range(50)],
                partition=partition,
            )
        self.first = self.rows()
        self.landing.extract()
        self.undisturbed = self.rows()
        assert self.undisturbed != self.first

    def restored(self) -> None:
        folder = self.landing.folder
        (folder / "w.duckdb.wal").unlink(missing_ok=True)
        shutil.copy(folder / "first.duckdb", folder / "w.duckdb")

    def rows(self) -> tuple[object, ...]:
        places = (
            "select object, log_partition, next_offset from ops.log_offsets"
            " qualify landing = max(landing) over (partition by object, log_partition) order by all"
        )
        return self.landing.events(), self.landing.letters(), self.landing.query(places)

    def killed(self, step: str = "", after: float | None = None) -> int:
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(self.landing.folder), step],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
                if after is None:
                    return child.wait(timeout=120)
                try:
                    return child.wait(timeout=after)
                except subprocess.TimeoutExpired:
                    child.kill()
                    return child.wait(timeout=60)
            finally:
                child.kill()

    def assert_whole(self) -> None:
        """Each object is either as before or as after, its offsets with it; then a plain run ends as always."""
        events, letters, places = self.rows()
        for name, now, at in (("collected", events, 0), ("dead_letters", letters, 1)):
            moved = [row for row in places if row["object"] == name]  # type: ignore[attr-defined]
            same_as = [state for state in (self.first, self.undisturbed) if now == state[at]]
            assert same_as, f"{name} is half-written"
            assert moved in ([row for row in state[2] if row["object"] == name] for state in same_as)  # type: ignore[attr-defined]
        self.landing.extract()
        assert self.rows() == self.undisturbed
        assert not list((self.landing.folder / "spool").glob("*")), "a spool is left behind"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_named_step(bench: Bench, step: str) -> None:
    bench.restored()
    assert bench.killed(step) == -signal.SIGKILL, "the step is not on the way"
    bench.assert_whole()


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_at_a_random_moment(bench: Bench, seed: int) -> None:
    bench.restored()
    bench.killed(after=random.Random(seed).uniform(0, 1.0))
    bench.assert_whole()
