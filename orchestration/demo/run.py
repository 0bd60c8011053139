"""The demo: a sandbox, and the production jobs run in this process on a DuckDB file of their own.

Everything lies in one folder. The user's profile and warehouse are not touched: the folder has a profile of its own,
and the settings of real systems are out of sight for as long as the demo runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.demo.report import Quality, Report, Stability, Step
from orchestration.errors import CommandError, SetupError

if TYPE_CHECKING:
    import dagster as dg
    import pyarrow as pa

    from sandbox.server import Running

RUNS = ("day 1", "day 2", "again")
_DATABASE = "braid.duckdb"
_SETTINGS = "demo.json"
# Seen by a source, a real system would be extracted beside the sandbox.
_FOREIGN = ("BRAID_FILES", "DBT_TARGET", "DBT_TARGET_PATH", "DBT_PROFILE", "BRAID_ALERT_WEBHOOK", "BRAID_ALERT_EMAIL")
_TAIL_LINES = 30


@dataclass(frozen=True)
class Settings:
    """What to run. ``folder`` is where all of it lies; ``keep`` leaves the sandbox's archive there."""

    people: int
    seed: int
    folder: Path
    keep: bool = False

    @property
    def database(self) -> Path:
        """The demo's own warehouse."""
        return self.folder / _DATABASE

    @property
    def log(self) -> Path:
        """What Dagster and dbt said."""
        return self.folder / "demo.log"


@dataclass
class _Run:
    """One job run: rows per object, seconds per kind of step."""

    landed: dict[str, int] = field(default_factory=dict)
    columns_added: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    batches: int = 0


class _Steps:
    """Names of steps as they begin, and how long they took."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.taken: list[Step] = []
        self._tell = tell

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._tell(name)
        began = time.monotonic()
        yield
        self.taken.append(Step(name, round(time.monotonic() - began, 2)))

    def add(self, prefix: str, run: _Run) -> None:
        self.taken += [Step(f"{prefix}: {kind}", round(seconds, 2)) for kind, seconds in run.seconds.items() if seconds]


def run(settings: Settings, tell: Callable[[str], None]) -> Report:
    """Run it all; ``tell`` gets the name of each step as it begins. Raises CommandError with the reason."""
    from sandbox import server

    began = time.monotonic()
    steps = _Steps(tell)
    with _one_at_a_time(settings), contextlib.ExitStack() as until_the_end:
        earlier = _earlier_ids(settings)
        _clear(settings)
        with steps.step("sandbox"):
            sandbox = until_the_end.enter_context(
                server.running(people=settings.people, seed=settings.seed, archive=settings.folder / "archive")
            )
        until_the_end.enter_context(_environment(settings, sandbox))
        until_the_end.enter_context(_quiet(settings))
        with steps.step("definitions"):
            jobs = _Jobs(settings)
        runs = []
        for number, day in enumerate(RUNS[:2]):
            if number:
                with steps.step("sandbox lives a day"):
                    sandbox.advance()
            tell(f"{day}: extract, check, build")
            runs.append(jobs.run("nightly"))
            steps.add(day, runs[-1])
        tell("again: extract")
        runs.append(jobs.run("extract_all"))
        steps.add(RUNS[2], runs[-1])
        with steps.step("score"):
            figures = _figures(settings, sandbox)
        tests = jobs.test_counts()
    ids: set[str] = figures.pop("ids")
    report = Report(
        people=settings.people,
        seed=settings.seed,
        runs=RUNS,
        landed={name: tuple(run.landed.get(name, 0) for run in runs) for name in sorted(runs[0].landed)},
        columns_added={name: added for run in runs for name, added in run.columns_added.items()},
        tests=tests,
        batches_checked=sum(run.batches for run in runs),
        steps=steps.taken,
        stability=None if earlier is None else Stability(len(ids & earlier), len(ids - earlier), len(earlier - ids)),
        database=_shown(settings.database),
        serving=_shown(_serving(settings)),
        seconds=round(time.monotonic() - began, 2),
        next_steps=_next_steps(settings),
        **figures,
    )
    _remember(settings)
    if not settings.keep:
        shutil.rmtree(settings.folder / "archive", ignore_errors=True)
    return report


class _Jobs:
    """The production definitions, and their jobs run in this process."""

    def __init__(self, settings: Settings) -> None:
        import dagster as dg

        from orchestration.definitions import defs
        from orchestration.lib import catalog

        self._settings = settings
        self._defs = defs
        self._instance = dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}})
        self._extracted, _ = catalog.configured()
        self._names = {
            key: f"{source}.{name}" for source in catalog.SOURCES for key, name in catalog.keys(source).items()
        }

    def run(self, name: str) -> _Run:
        """Run one job on what is configured. Raises CommandError naming the step that failed."""
        job = self._defs.resolve_job_def(name)
        built = [key for key in job.asset_layer.executable_asset_keys if key not in self._names]
        result = job.execute_in_process(
            instance=self._instance,
            asset_selection=[*self._extracted, *built],
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        if not result.success:
            if _interrupted(result):
                raise KeyboardInterrupt
            raise CommandError(self._reason(name, result))
        return self._measured(result)

    def test_counts(self) -> Mapping[str, int]:
        """Tests of the last build, by how they ended."""
        from orchestration.lib.project import run_folder

        report = json.loads((run_folder() / "run_results.json").read_text(encoding="utf-8"))
        return dict(
            Counter(str(item["status"]) for item in report["results"] if str(item["unique_id"]).startswith("test."))
        )

    def _measured(self, result: dg.ExecuteInProcessResult) -> _Run:
        found = _Run(seconds={"extract": 0.0, "expectations": 0.0, "build and test": 0.0})
        for event in result.get_asset_materialization_events():
            key = event.asset_key
            if key not in self._names:
                continue
            name, metadata = self._names[key], event.materialization.metadata
            found.landed[name] = int(str(metadata["dagster/partition_row_count"].value))
            if "columns_added" in metadata:
                found.columns_added[name] = str(metadata["columns_added"].value)
        for event in result.get_step_success_events():
            kind = {"extract": "extract", "check": "expectations"}.get(str(event.step_key).split("_")[0])
            found.seconds[kind or "build and test"] += event.step_success_data.duration_ms / 1000
        found.batches = sum(
            1 for check in result.get_asset_check_evaluations() if check.check_name == "landed_batch" and check.passed
            and check.metadata["rows"].value
        )  # fmt: skip
        return found

    def _reason(self, name: str, result: dg.ExecuteInProcessResult) -> str:
        said = []
        for event in result.get_step_failure_events():
            data = event.step_failure_data
            text = data.user_failure_data.description if data.user_failure_data else None
            if not text and data.error is not None:
                text = (data.error.cause or data.error).message
            first = (text or "failed").strip().splitlines()[0]
            said.append(f"{event.step_key}: {first}")
        where = "; ".join(said) or "an unknown step"
        return f"The job {name} failed in {where} (all of it: {_shown(self._settings.log)})."


def _interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether Ctrl-C ended the run: Dagster makes a failed step of it."""
    errors = [event.step_failure_data.error for event in result.get_step_failure_events()]
    return any(error is not None and "Interrupted" in error.to_string() for error in errors)


def _figures(settings: Settings, sandbox: Running) -> dict[str, Any]:
    """Customers, links and how right they are, read from the serving copy as a dashboard would."""
    from sandbox.score import score
    from warehouse.duckdb import DuckDBWarehouse

    records, people = sandbox.truth()
    with DuckDBWarehouse.open(_serving(settings), read_only=True) as copy:
        clusters = copy.query("select record_key, customer_id as cluster_id from identity.customer_xref_current")
        rules = copy.query("select link_rule, count(*) as links from identity.int_identity__links group by link_rule")
        customers = copy.query("select customer_id from identity.customer_master")
    scored = score(records, clusters, people)
    return {
        "ids": {str(value) for value in customers.column(0).to_pylist()},
        "customers": customers.num_rows,
        "records": clusters.num_rows,
        "links": dict(zip(rules["link_rule"].to_pylist(), rules["links"].to_pylist(), strict=True)),
        "overall": _rounded(scored),
        "by_noise": {name: _rounded(pairs) for name, pairs in scored.by_noise.items()},
    }


def _rounded(pairs: Any) -> Quality:
    return Quality(round(pairs.precision, 6), round(pairs.recall, 6), pairs.true)


def _earlier_ids(settings: Settings) -> set[str] | None:
    """Customer ids of the run before, when it was of the same company; None when there is nothing to compare."""
    try:
        known = json.loads((settings.folder / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if known != _fingerprint(settings) or not _serving(settings).is_file():
        return None
    from warehouse.base import WarehouseError
    from warehouse.duckdb import DuckDBWarehouse

    try:
        with DuckDBWarehouse.open(_serving(settings), read_only=True) as copy:
            found: pa.Table = copy.query("select customer_id from identity.customer_master")
    except WarehouseError:
        return None
    return {str(value) for value in found.column(0).to_pylist()}


def _fingerprint(settings: Settings) -> dict[str, int]:
    return {"people": settings.people, "seed": settings.seed}


def _remember(settings: Settings) -> None:
    """Only after all went well: half a run is nothing to compare with."""
    (settings.folder / _SETTINGS).write_text(json.dumps(_fingerprint(settings)), encoding="utf-8")


def _serving(settings: Settings) -> Path:
    return settings.folder / "braid_serving.duckdb"


def _clear(settings: Settings) -> None:
    """Start afresh; the serving copy stays until the first green build replaces it."""
    for path in (settings.database, settings.database.with_name(_DATABASE + ".wal"), settings.log):
        path.unlink(missing_ok=True)
    shutil.rmtree(settings.folder / "archive", ignore_errors=True)


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    import filelock

    settings.folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(settings.folder / "demo.lock")
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise SetupError(
            f"Another demo is running in {_shown(settings.folder)}: wait for it, or choose another --dir."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _environment(settings: Settings, sandbox: Running) -> Iterator[None]:
    """The sandbox's settings and the folder's own profile, for the length of the block."""
    from warehouse.profile import project_root

    shutil.copyfile(project_root() / "profiles.yml.example", settings.folder / "profiles.yml")
    changes = {
        **dict.fromkeys(_FOREIGN),
        **sandbox.environment(),
        "BRAID_DUCKDB": str(settings.database.resolve()),
        "DBT_PROFILES_DIR": str(settings.folder.resolve()),
        # Colours would end in the log.
        "NO_COLOR": "1",
        "DBT_USE_COLORS": "false",
        # What one dependency of a dependency says about another, past every redirection of ours.
        "PYTHONWARNINGS": "ignore:urllib3",
    }
    before = {name: os.environ.get(name) for name in changes}
    _set(changes)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def _quiet(settings: Settings) -> Iterator[None]:
    """What Dagster, dbt and Great Expectations say goes to the log."""
    with (
        settings.log.open("w", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield


def tail(settings: Settings) -> str:
    """The end of the log, for a failure."""
    try:
        lines = settings.log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_TAIL_LINES:])


def _next_steps(settings: Settings) -> Sequence[tuple[str, str]]:
    braid, database = ".venv/bin/braid", _shown(settings.database)
    return (
        (f"BRAID_DUCKDB={database} {braid} status", "how far each object is"),
        ("make ui", "Dagster, with everything loaded"),
        (f"{braid} sandbox serve --people 500", "the systems, to extract from yourself"),
        (f"{braid} extract --help", "your CRM and CDP in place of the sandbox (README.md)"),
    )


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
