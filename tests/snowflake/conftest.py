"""Two days of the sandbox on DuckDB and on the fake Snowflake, once for all tests of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.server import running

ROOT = Path(__file__).parent.parent.parent
PEOPLE, LIMIT_SECONDS = 200, 900
LARGE = "BUILDING_LARGE"
PROFILES = """
braid:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{folder}/duckdb/braid.duckdb", schema: scratch, threads: 1}
    snowflake:
      type: snowflake
      account: fake
      user: braid
      password: not-a-secret
      database: BRAID
      schema: SCRATCH
      warehouse: LOADING
      threads: 1
"""


@dataclass(frozen=True)
class Day:
    """What both warehouses held at the end of a day."""

    duckdb: Path
    snowflake: Path


@dataclass(frozen=True)
class TwoDays:
    """The sandbox's two days, and what it takes to go on in the same warehouses."""

    folder: Path
    environment: dict[str, str]
    days: tuple[Day, Day]


@pytest.fixture(scope="session")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> TwoDays:
    """Day one (everything is new) and day two (increments and snapshots run for the second time)."""
    folder = tmp_path_factory.mktemp("two_days")
    (folder / "profiles").mkdir()
    (folder / "profiles" / "profiles.yml").write_text(PROFILES.replace("{folder}", str(folder)))
    with running(people=PEOPLE, seed=1) as sandbox:
        environment = os.environ | sandbox.environment() | {"DBT_PROFILES_DIR": str(folder / "profiles")}
        environment["SNOWFLAKE_LARGE_WAREHOUSE"] = LARGE
        # Tests of tests/dbt run the unit tests on DuckDB.
        first = both(folder, "one_day", "day1", environment, snowflake=["units"])
        sandbox.advance()
        second = both(folder, "one_day", "day2", environment)
    return TwoDays(folder, environment, (first, second))


@pytest.fixture(scope="session")
def days(two_days: TwoDays) -> tuple[Day, Day]:
    return two_days.days


@pytest.fixture(scope="session")
def gate_days(two_days: TwoDays) -> Day:
    """After the two days: a graph that the gate holds, that is approved, and taken back."""
    return both(two_days.folder, "gate_days", "gate", two_days.environment)


def both(folder: Path, module: str, name: str, environment: dict[str, str], snowflake: Sequence[str] = ()) -> Day:
    """A module of this folder on both warehouses at once: a process each, a core each.

    ``snowflake`` are arguments that only the process on Snowflake gets.
    """
    outs = {target: folder / place / name for target, place in (("dev", "duckdb"), ("snowflake", "snowflake"))}
    started = {
        target: subprocess.Popen(
            [
                *(sys.executable, "-W", "ignore", "-m", f"tests.snowflake.{module}", target, str(out)),
                *(snowflake if target == "snowflake" else ()),
            ],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for target, out in outs.items()
    }
    try:
        for target, process in started.items():
            said, _ = process.communicate(timeout=LIMIT_SECONDS)
            assert process.returncode == 0, f"{name} on {target} failed:\n{said[-6000:]}"
    finally:
        for process in started.values():
            process.kill()
            process.wait()
    return Day(outs["dev"], outs["snowflake"])
