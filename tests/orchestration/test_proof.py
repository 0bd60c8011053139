"""What operators see of proof: the check after an extraction, the recount, the sweep, `braid reconcile`."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from orchestration.cli import run
from orchestration.definitions import defs
from orchestration.lib import catalog
from orchestration.lib.proof import CHECK_NAME, LATEST, counted_keys, judged
from sandbox.server import Running

pytestmark = pytest.mark.timeout(180)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
LEAD = dg.AssetKey(["salesforce", "lead"])


@pytest.fixture
def connected(company: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    for name, value in company.environment().items():
        monkeypatch.setenv(name, value)
    return company


def execute(job: str, **how: object) -> dg.ExecuteInProcessResult:
    instance = dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        raise_on_error=False,
        run_config=QUIET,
        **how,  # type: ignore[arg-type]
    )


def change(sql: str) -> None:
    with duckdb.connect("braid.duckdb") as connection:
        connection.execute(sql)


def count(where: str = "true") -> int:
    with duckdb.connect("braid.duckdb", read_only=True) as connection:
        ((found,),) = connection.execute(f"select count(*) from raw_salesforce.lead where {where}").fetchall()
    return int(found)


def braid(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestration.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def proven(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == CHECK_NAME and c.asset_key == LEAD]
    return check


def test_the_check_is_on_every_object_that_its_source_counts() -> None:
    attached = {key.asset_key for key in defs.resolve_asset_graph().asset_check_keys if key.name == CHECK_NAME}
    assert attached == set(counted_keys())
    assert set(catalog.keys("salesforce")) <= attached


def test_an_extraction_is_proven_and_a_loss_is_found_and_put_right(connected: Running) -> None:
    check = proven(execute("extract_all", asset_selection=[LEAD]))
    assert check.passed
    assert check.metadata["open_windows"].value == 0
    whole = count()
    # Lost behind the watermark, as no window would show.
    change("delete from raw_salesforce.lead where id = (select min(id) from raw_salesforce.lead)")
    result = execute("recount")
    assert result.success
    assert count() == whole
    assert execute("recount").success


def test_a_sweep_marks_what_vanished_and_says_so(connected: Running) -> None:
    assert execute("extract_all", asset_selection=[LEAD]).success
    change(
        "insert into raw_salesforce.lead by name (select * replace ('00Q000000000FAKEAA' as id)"
        " from raw_salesforce.lead order by id limit 1)"
    )
    assert execute("sweep").success
    assert count("_deleted_how = 'swept'") == 1
    done = braid("reconcile", "salesforce", "lead", "--json")
    assert done.returncode == 0
    (told,) = json.loads(done.stdout)["objects"]
    assert (told["proof"], told["source_count"]) == ("proven", told["landed_count"])


def test_status_and_reconcile_speak_of_proof(connected: Running) -> None:
    done = braid("reconcile", "salesforce")
    assert (done.returncode, done.stdout) == (0, "")
    assert "start with `braid extract salesforce`" in done.stderr
    assert braid("extract", "salesforce", "lead").returncode == 0
    told = json.loads(braid("status", "--json").stdout)["objects"][0]
    assert (told["proof"], told["open_windows"]) == ("proven", 0)
    assert told["proven_to"] == told["watermark"]
    done = braid("reconcile", "salesforce", "lead", "--no-sweep")
    assert done.returncode == 0
    assert "proven" in done.stdout
    assert braid("reconcile", "salesforce", "nothing").returncode == 2


def test_status_does_not_say_proven_beyond_what_nobody_counted(
    connected: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run(["extract", "salesforce", "lead"]) == 0
    change(
        "update ops.extract_runs set proof = 'uncounted', source_count = null"
        " where finished_at = (select max(finished_at) from ops.extract_runs)"
    )

    def told() -> dict[str, str]:
        capsys.readouterr()
        assert run(["status", "--json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)["objects"]
        return dict(found)

    found = told()
    assert found["proven_to"] < found["watermark"]
    assert run(["status"]) == 0
    assert found["proven_to"].replace("T", " ") in capsys.readouterr().out
    assert run(["reconcile", "salesforce", "lead", "--no-sweep"]) == 0
    found = told()
    assert found["proven_to"] == found["watermark"]
    change("delete from ops.extract_windows where kind = 'recount'")
    change("update ops.extract_runs set proof = 'uncounted' where window_start is null")
    assert told()["proven_to"] is None
    assert run(["status"]) == 0
    assert "not countable" in capsys.readouterr().out


def test_what_fails_the_check(connected: Running) -> None:
    from extract.status import object_status
    from warehouse.duckdb import DuckDBWarehouse

    assert execute("extract_all", asset_selection=[LEAD]).success
    with DuckDBWarehouse.open(Path("braid.duckdb")) as warehouse:
        (status,) = object_status(warehouse)
    assert status.last_success_at is not None
    assert judged(status, status.last_success_at)[0]
    assert not judged(status, status.last_success_at + LATEST + timedelta(minutes=1))[0]
    assert not judged(None, status.last_success_at)[0]
    change(
        "insert into ops.extract_windows by name select source, object, 'recount' as kind, window_start, window_end,"
        " 'open' as proof, landed_at + interval 1 second as landed_at, 'r' as run_id from ops.extract_windows limit 1"
    )
    with DuckDBWarehouse.open(Path("braid.duckdb")) as warehouse:
        (status,) = object_status(warehouse)
    passed, why = judged(status, status.last_success_at or status.last_run_at)  # type: ignore[arg-type]
    assert (passed, status.open_windows) == (False, 1)
    assert "braid reconcile" in why
