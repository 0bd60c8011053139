"""The demo, small: the production jobs in one process, twice, with the same customers both times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

pytestmark = [pytest.mark.timeout(600)]
PEOPLE = 80


def demo(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "demo", "--people", str(PEOPLE), "--dir", str(folder), *more],
        capture_output=True, text=True, timeout=280, check=False,
        # A profile of the user's that must stay out of it.
        env={**os.environ, "DBT_TARGET": "snowflake", "BRAID_DUCKDB": str(folder / "mine.duckdb")},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo"


@pytest.fixture(scope="module")
def first(folder: Path) -> dict[str, Any]:
    done = demo(folder, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_two_days_land_and_the_third_extraction_finds_nothing(first: dict[str, Any]) -> None:
    landed = first["landed"]
    assert {name.split(".")[0] for name in landed} == {"salesforce", "hubspot", "segment"}
    assert sum(rows["day 1"] for rows in landed.values()) > PEOPLE
    assert sum(rows["day 2"] for rows in landed.values()) > 0
    assert {rows["again"] for rows in landed.values()} == {0}
    assert first["columns_added"] == {"salesforce.contact": "segment_tier__c"}
    assert first["tests"]["pass"] > 100
    # The second day brings a field that nobody has accepted yet, and nobody has said what a euro is worth.
    assert first["tests"]["warn"] == 2
    assert set(first["tests"]) == {"pass", "warn"}


def test_the_figures_are_those_of_the_warehouse(first: dict[str, Any], folder: Path) -> None:
    with duckdb.connect(str(folder / "braid_serving.duckdb"), read_only=True) as copy:
        (customers,) = copy.execute("select count(*) from identity.customer_master").fetchone() or (None,)
        links = dict(copy.execute("select link_rule, count(*) from identity.int_identity__links group by 1").fetchall())
        (contacts,) = copy.execute("select count(*) from raw_salesforce.contact").fetchone() or (None,)
    assert first["customers"] == customers
    assert first["links"] == links
    # A day's rows are new and changed ones: with the new ones alone it would be equal.
    assert sum(first["landed"]["salesforce.contact"].values()) >= contacts
    assert first["overall"]["precision"] >= 0.99
    assert first["overall"]["recall"] >= 0.85
    assert first["ids_identical_to_previous_run"] is None


def test_a_second_run_gives_the_same_ids_and_a_summary_for_people(first: dict[str, Any], folder: Path) -> None:
    done = demo(folder)
    assert done.returncode == 0, done.stderr
    assert f"All {first['customers']:,} customer_ids are those of the run before." in done.stdout
    for heading in ("Rows landed", "Links by rule", "Against the truth", "Seconds", "Next:"):
        assert heading in done.stdout
    assert "\x1b[" not in done.stdout
    # What Dagster, dbt and Great Expectations have to say stays in the log.
    assert [line for line in done.stderr.splitlines() if not line.startswith("braid: demo: ")] == []
    assert not (folder / "mine.duckdb").exists()
