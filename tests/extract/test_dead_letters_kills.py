"""SIGKILL while dead letters are replayed: events and outcomes are both there or neither; the next one ends alike."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from extract.breaker import Breaker
from tests.extract.dead_bench import Post, call, fix_of

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
CHILD = """
    import sys
    from pathlib import Path
    from tests.extract.dead_bench import Post, fix_of
    from tests.extract.killing import arm

    if sys.argv[2]:
        arm(sys.argv[2])
    print("ready", flush=True)
    Post(Path(sys.argv[1])).replay(fix_of())
"""
# As in tests.extract.killing; ``_raw`` takes a statement.
STEPS = [
    "extract.dead_letters.replaying:_typed:after:1",
    "extract.turns:take:after:1",
    "warehouse.duckdb/DuckDBWarehouse:append:after:1",
    "extract.dead_letters.settling:settle:after:1",
    "extract.dead_letters.settling:record:after:1",
    "warehouse.duckdb/DuckDBWarehouse:_raw:after:1:commit",
]
State = tuple[list[Any], list[Any]]


class Bench:
    """Letters that a fix mends but for a few, and the warehouse before their replay."""

    def __init__(self, folder: Path) -> None:
        self.post = Post(folder)
        self.post.deliver([call(f"m{n}", True if n % 5 == 0 else str(n)) for n in range(300)])
        self.post.deliver([call(f"p{n}", n) for n in range(50)])
        shutil.copy(folder / "w.duckdb", folder / "first.duckdb")
        self.first = self.state()
        self.post.replay(fix_of())
        self.undisturbed = self.state()
        assert [len(part) for part in self.undisturbed] == [290, 300]

    def restored(self) -> None:
        folder = self.post.folder
        (folder / "w.duckdb.wal").unlink(missing_ok=True)
        shutil.copy(folder / "first.duckdb", folder / "w.duckdb")

    def state(self) -> State:
        outcomes = self.post.query("select message_id, status, failed_rule from ops.dead_letter_outcomes order by 1, 2")
        return self.post.events(), outcomes

    def killed(self, step: str = "", after: float | None = None) -> int:
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(self.post.folder), step],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
                return child.wait(timeout=200 if after is None else after)
            except subprocess.TimeoutExpired:
                return 0
            finally:
                child.kill()

    def assert_whole(self) -> None:
        assert self.state() in (self.first, self.undisturbed), "a replay is half-written"
        # What is left after a whole replay is what fails, all of it.
        self.post.replay(fix_of(), breaker=Breaker(None))
        assert self.state() == self.undisturbed
        runs = self.post.query(
            "select count(distinct e._run_id) as runs, count(distinct r.run_id) as known from raw_events.events as e"
            " left join ops.extract_runs as r on r.run_id = e._run_id"
        )
        assert runs == [{"runs": 2, "known": 2}], "an event's run is not known"
        assert not list((self.post.folder / "spool").glob("*")), "a spool is left behind"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("replays"))


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_a_named_step(bench: Bench, step: str) -> None:
    bench.restored()
    assert bench.killed(step) == -signal.SIGKILL, "the step is not on the way"
    bench.assert_whole()


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_at_a_random_moment(bench: Bench, seed: int) -> None:
    bench.restored()
    bench.killed(after=random.Random(seed).uniform(0, 0.8))
    bench.assert_whole()
