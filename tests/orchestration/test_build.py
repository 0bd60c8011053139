"""`braid build`: the lock is held, the copy is published only when all is green."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from orchestration.cli import run

pytestmark = pytest.mark.timeout(280)


@pytest.fixture
def own_target(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBT_TARGET_PATH", str(workshop / "target"))
    monkeypatch.setenv("DBT_LOG_PATH", str(workshop / "logs"))
    return workshop


def test_only_a_green_build_replaces_the_copy(own_target: Path, capfd: pytest.CaptureFixture[str]) -> None:
    copy = own_target / "braid_serving.duckdb"
    assert run(["build", "--select", "stg_hubspot__owners", "--json"]) == 0
    done = json.loads(capfd.readouterr().out)
    assert done["published"] == str(copy)
    assert set(done["results"]) <= {"success", "pass"}
    published = copy.stat().st_mtime_ns
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("select count(*) from staging.stg_hubspot__owners").fetchone() == (0,)

    # Two rows of one key: a test turns red.
    with duckdb.connect(str(own_target / "braid.duckdb")) as connection:
        connection.execute("insert into raw_hubspot.owners (id) values ('1'), ('1')")
    assert run(["build", "--select", "stg_hubspot__owners"]) == 1
    err = capfd.readouterr().err
    assert err.splitlines()[-1].startswith("braid: dbt build failed, so the serving copy is still that of the last")
    assert copy.stat().st_mtime_ns == published


def test_a_dbt_usage_error_fails_and_publishes_nothing(own_target: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["build", "--no-such-flag"]) == 1
    assert not (own_target / "braid_serving.duckdb").exists()
    assert "braid: dbt build failed" in capfd.readouterr().err
