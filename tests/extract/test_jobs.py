"""A Bulk job of a run that died is gone on with, not started again; one that came to nothing is not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from extract.pipeline import ObjectResult, run
from extract.sources.salesforce import Salesforce, bulk, settings
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).parents[2]
PAGE = 20

CHILD = """
    import os, sys
    from pathlib import Path
    from tests.extract.killing import arm
    from tests.extract.test_jobs import extract

    arm(sys.argv[2])
    extract(Path(sys.argv[1]), os.environ, full="full" in sys.argv)
"""
# Where it is killed, as in tests.extract.killing, and whether the next run asks for a job of its own.
STEPS = [
    ("extract.sources.salesforce.bulk:_create:after:1", True),
    ("extract.jobs/JobBook:begin:after:1", False),
    ("extract.sources.salesforce.bulk:_wait:after:1", False),
    ("extract.sources.salesforce.pages/_Reader:_page:after:2", False),
    ("extract.pipeline:land:before:1", False),
    ("extract.landing:_write_books:after:1", False),
]


def extract(folder: Path, env: dict[str, str], *, full: bool = False) -> ObjectResult:
    """All contacts over Bulk, in small pages."""
    settings.REST_ROWS, settings.BULK_PAGE_ROWS = 0, PAGE

    def opened() -> DuckDBWarehouse:
        return DuckDBWarehouse.open(folder / "w.duckdb", settings={"threads": 2})

    source = Salesforce.from_environment(env)
    (result,) = run(source, ["contact"], opened, full=full, spool_root=folder / "spool")
    source.close()
    return result


class Place:
    """A warehouse, and an org of a few pages of contacts."""

    def __init__(self, folder: Path, sandbox: Running) -> None:
        self.folder, self.sandbox = folder, sandbox
        self.env = {**os.environ, **sandbox.environment(), "PYTHONPATH": str(ROOT)}

    def extract(self, *, full: bool = False) -> ObjectResult:
        return extract(self.folder, self.env, full=full)

    def killed(self, step: str, *more: str) -> int:
        command = [sys.executable, "-c", textwrap.dedent(CHILD), str(self.folder), step, *more]
        return subprocess.run(command, env=self.env, cwd=ROOT, timeout=60, check=False).returncode

    def query(self, sql: str, folder: Path | None = None) -> list[dict[str, object]]:
        with DuckDBWarehouse.open((folder or self.folder) / "w.duckdb", settings={"threads": 2}) as warehouse:
            return list(warehouse.rows(sql))

    def jobs_made(self) -> int:
        calls = self.sandbox.calls(reset=True)["salesforce"]
        return calls.get("bulk_create", 0)

    def assert_complete(self) -> None:
        """All that a first load finds now is stored, as it is now."""
        fresh = self.folder / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        extract(fresh, self.env)
        compared = "select * exclude (_run_id, _extracted_at, _deleted_at) from raw_salesforce.contact"
        here, there = (
            {str(sorted(row.items())) for row in self.query(compared, folder)} for folder in (self.folder, fresh)
        )
        assert len(there) > 2 * PAGE
        assert there <= here
        self.jobs_made()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name in ("REST_ROWS", "BULK_PAGE_ROWS"):
        monkeypatch.setattr(settings, name, getattr(settings, name))
    with running(people=120, seed=4) as sandbox:
        yield Place(tmp_path, sandbox)


@pytest.mark.parametrize("later", [False, True], ids=["at once", "a day later"])
@pytest.mark.parametrize(("step", "again"), STEPS, ids=[step for step, _ in STEPS])
def test_the_job_of_a_run_that_died_is_gone_on_with(place: Place, step: str, again: bool, later: bool) -> None:
    assert place.killed(step) == -signal.SIGKILL
    assert place.jobs_made() == 1
    begun = None if again else place.query("select window_end from ops.source_jobs")[0]["window_end"]
    if later:
        place.sandbox.advance()
    result = place.extract()
    assert (result.error, result.proof) == (None, "proven")
    # What happened since has jobs of its own: all windows are read over Bulk here.
    assert place.jobs_made() in ({1, 2} if later else {int(again)})
    if not again:
        first, *_ = place.query("select window_end from ops.extract_windows where window_start is null")
        assert first["window_end"] == begun
    place.assert_complete()
    assert place.query("select 1 as one from ops.source_jobs") == []
    assert place.extract().rows_landed == 0
    place.assert_complete()


def test_what_is_committed_late_beside_a_job_is_read_after_it(place: Place) -> None:
    assert place.killed("extract.jobs/JobBook:begin:after:1") == -signal.SIGKILL
    ((end,),) = [tuple(row.values()) for row in place.query("select window_end from ops.source_jobs")]
    assert isinstance(end, datetime)
    # Stamped before the job's window ended, and not there yet when the org ran the job.
    late = end - settings.OVERLAP + timedelta(minutes=1)
    changed = f"set LastName = 'Late', SystemModstamp = '{late}' where Id = (select min(Id) from salesforce.Contact)"
    place.sandbox.sql(f"update salesforce.Contact {changed}")
    place.jobs_made()
    result = place.extract()
    assert (result.error, result.proof) == (None, "proven")
    assert place.query("select system_modstamp from raw_salesforce.contact where last_name = 'Late'") == [
        {"system_modstamp": late}
    ]
    begun, rest = place.query(
        "select window_start, window_end from ops.extract_runs where status = 'succeeded' order by finished_at"
    )
    assert begun == {"window_start": None, "window_end": end}
    assert rest["window_start"] == end - settings.OVERLAP
    place.assert_complete()


def test_a_full_reading_that_died_is_gone_on_with_by_a_full_one_alone(place: Place) -> None:
    place.extract()
    assert place.killed("extract.jobs/JobBook:begin:after:1", "full") == -signal.SIGKILL
    place.jobs_made()
    assert (place.extract().error, place.jobs_made()) == (None, 0), "nothing is new"
    assert (place.extract(full=True).error, place.jobs_made()) == (None, 0)
    place.assert_complete()
    assert place.query("select 1 as one from ops.source_jobs") == []


def test_an_ordinary_run_leaves_the_job_of_a_full_reading_alone(place: Place) -> None:
    watermark = place.extract().complete_to
    assert watermark is not None
    assert place.killed("extract.jobs/JobBook:begin:after:1", "full") == -signal.SIGKILL
    changed = f"set LastName = 'New', SystemModstamp = '{watermark - timedelta(minutes=1)}'"
    place.sandbox.sql(f"update salesforce.Contact {changed} where Id = (select min(Id) from salesforce.Contact)")
    assert place.extract().rows_landed == 1
    place.jobs_made()
    assert (place.extract(full=True).error, place.jobs_made()) == (None, 0)
    assert place.query("select last_name from raw_salesforce.contact order by id limit 1") == [{"last_name": "New"}]
    place.assert_complete()


def test_a_full_reading_whose_window_has_passed_is_not_gone_on_with(place: Place) -> None:
    place.extract()
    assert place.killed("extract.jobs/JobBook:begin:after:1", "full") == -signal.SIGKILL
    # What changed since lies beyond the window of that job, and would seem to be gone.
    place.sandbox.advance()
    place.sandbox.advance()
    place.jobs_made()
    result = place.extract(full=True)
    assert (result.error, result.proof, place.jobs_made()) == (None, "proven", 1)
    place.assert_complete()


@pytest.mark.parametrize("fault", ["job_failed", "job_aborted"])
def test_a_job_that_came_to_nothing_meanwhile_is_made_anew(place: Place, fault: str) -> None:
    place.sandbox.faults({"system": "salesforce", "name": fault})
    assert place.killed("extract.jobs/JobBook:begin:after:1") == -signal.SIGKILL
    place.jobs_made()
    assert place.extract().error is None
    assert place.jobs_made() == 1
    place.assert_complete()


def test_a_job_the_server_has_let_go_of_is_made_anew(place: Place) -> None:
    assert place.killed("extract.jobs/JobBook:begin:after:1") == -signal.SIGKILL
    (book,) = place.query("select job_id from ops.source_jobs")
    source = Salesforce.from_environment(place.env)
    source.connect()
    bulk.remove(source._client, str(book["job_id"]))
    source.close()
    place.jobs_made()
    assert (place.extract().error, place.jobs_made()) == (None, 1)
    place.assert_complete()


def test_a_job_of_another_time_or_other_columns_is_left_alone(place: Place) -> None:
    assert place.killed("extract.jobs/JobBook:begin:after:1") == -signal.SIGKILL
    with DuckDBWarehouse.open(place.folder / "w.duckdb", settings={"threads": 2}) as warehouse:
        warehouse.execute("update ops.source_jobs set started_at = started_at - interval 8 day")
    place.jobs_made()
    assert (place.extract().error, place.jobs_made()) == (None, 1)
    place.assert_complete()


def test_jobs_are_removed_from_the_org_when_their_rows_have_landed(place: Place) -> None:
    place.extract()
    calls = place.sandbox.calls()["salesforce"]
    assert calls["bulk_delete"] == calls["bulk_create"] == 1
