"""What is kept of dbt's runs, and what the views over it and over extraction's books make of made-up pasts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts import load_anomalies
from contracts.reading import HERE
from orchestration.lib import standing
from tests.dbt.load_histories import HISTORIES, MONDAY, NOW, RULES, Run
from tests.dbt.project import ROOT, Project
from warehouse.duckdb import DuckDBWarehouse

pytestmark = [pytest.mark.timeout(300)]

WARNS, FAILS = "assert_loads_are_ordinary", "assert_no_load_is_far_out_of_the_ordinary"
ODD = {
    ("dropped.rows", "rows_of_day"): "dropped",
    ("emptied.rows", "rows_of_day"): "dropped",
    ("spiked.rows", "rows_of_day"): "spiked",
    ("spiking_today.rows", "rows_today"): "spiked",
    ("weekly_dropped.rows", "rows_of_day"): "dropped",
    ("young_spiked.rows", "rows_of_day"): "spiked",
    ("stalled.rows", "rows_of_day"): "dropped",
    ("stalled.rows", "hours_since_rows"): "late",
    ("gone.rows", "hours_since_rows"): "late",
    ("risen.rows", "rows_of_day"): "spiked",
    ("risen.rows", "rows_today"): "spiked",
}


@pytest.fixture(scope="module")
def books(shared_project: Project) -> Project:
    """A warehouse with the views over the books, made by one run that is noted in them."""
    shared_project.forget()
    ops = "path:models/ops"
    shared_project.run(
        "build", "--select", ops, "load_anomaly_rules", "schema_change_rules", "stg_events__events",
        "--exclude", "test_type:unit",
    )  # fmt: skip
    return shared_project


@contextmanager
def made_up(books: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse with empty books and the rules above, as it was before when the test ends."""
    with duckdb.connect(books.warehouse) as connection:
        connection.execute(
            "begin; delete from ops.extract_runs; delete from ops.dbt_results; delete from ops.query_costs"
        )
        yield connection
        connection.execute("rollback")


def ruled(connection: duckdb.DuckDBPyConnection, text: str, folder: Path) -> None:
    (folder / "owners.yml").write_text((HERE / "owners.yml").read_text())
    (folder / "load_anomalies.yml").write_text(text)
    connection.execute("delete from contracts.load_anomaly_rules")
    for row in load_anomalies.rows(load_anomalies.read(folder / "load_anomalies.yml")):
        connection.execute("insert into contracts.load_anomaly_rules values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", list(row))


def extracted(connection: duckdb.DuckDBPyConnection, runs: Sequence[Run]) -> None:
    rows = [(f"{table} {at}", *table.split("."), at, at, at, landed) for table, at, landed in runs]
    connection.executemany(
        "insert into ops.extract_runs (run_id, source, object, started_at, looked_at, finished_at, rows_landed, status)"
        " values (?, ?, ?, ?, ?, ?, ?, 'succeeded')",
        rows,
    )


def heard(connection: duckdb.DuckDBPyConnection, at: datetime) -> None:
    """A run that failed: time goes on all the same."""
    connection.execute(
        "insert into ops.extract_runs (run_id, source, object, started_at, finished_at, rows_landed, status)"
        " values ('last', 'other', 'rows', ?, ?, 0, 'failed')",
        [at, at],
    )


def verdicts(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], str]:
    found = connection.execute("select table_name, measure, verdict from staging.ops_load_verdicts").fetchall()
    return {(table, measure): verdict for table, measure, verdict in found}


def test_odd_loads_are_told_and_usual_ones_are_not(books: Project, tmp_path: Path) -> None:
    with made_up(books) as connection:
        ruled(connection, RULES, tmp_path)
        extracted(connection, [run for runs in HISTORIES.values() for run in runs])
        heard(connection, NOW)
        found = verdicts(connection)
        told = {key: verdict for key, verdict in found.items() if verdict not in ("usual", "unknown")}
        assert told == ODD
        assert {table for (table, _), verdict in found.items() if verdict == "unknown"} == {"too_young.rows"}
        assert {table for table, _ in found} == set(HISTORIES)
        figures = connection.execute(
            "select judged_on, measured, usual, lowest, highest, compared_with, number_compared, owner"
            " from staging.ops_load_verdicts where table_name = 'forgotten.rows' and measure = 'rows_of_day'"
        ).fetchall()
    # Four Fridays since the day that the rule counts from, a quarter of their median either way.
    assert [(*map(float, row[1:5]), *row[5:], row[0]) for row in figures] == [
        (2961.0, 3033.0, 2274.75, 3791.25, "weekday", 4, "finance", date(2026, 5, 29))
    ]


@pytest.mark.parametrize(
    ("rule", "table"),
    [
        ("{table: '*', sensitivity: 50}", "dropped.rows"),
        ("{table: 'spiked.*', least_rows: 5000}", "spiked.rows"),
        ("{table: 'gone.*', least_hours: 200}", "gone.rows"),
        ("{table: 'spiked.*', least_days: 61}", "spiked.rows"),
        ("{table: 'risen.*', history_days: 6, least_days: 5}", "risen.rows"),
    ],
)
def test_sensitivity_is_data(books: Project, tmp_path: Path, rule: str, table: str) -> None:
    with made_up(books) as connection:
        ruled(connection, RULES.replace("rules:\n", f"rules:\n  - {rule}\n"), tmp_path)
        extracted(connection, HISTORIES[table])
        heard(connection, NOW)
        found = verdicts(connection)
    assert found
    assert set(found.values()) <= {"usual", "unknown"}


def test_an_outage_of_everything_is_late_once_something_runs_again(books: Project, tmp_path: Path) -> None:
    hours = [("hourly.rows", MONDAY - timedelta(hours=ago), 100) for ago in range(24 * 30)]
    with made_up(books) as connection:
        ruled(connection, RULES, tmp_path)
        extracted(connection, hours)
        assert verdicts(connection)["hourly.rows", "hours_since_rows"] == "usual"
        # Six hours more than usual are never told.
        heard(connection, MONDAY + timedelta(hours=6))
        assert verdicts(connection)["hourly.rows", "hours_since_rows"] == "usual"
        heard(connection, MONDAY + timedelta(hours=8))
        assert verdicts(connection)["hourly.rows", "hours_since_rows"] == "late"


def noted(
    connection: duckdb.DuckDBPyConnection,
    at: datetime,
    *,
    node: str,
    kind: str = "test",
    whole: bool = True,
    **cells: Any,
) -> None:
    cells = {"seconds": 1.0, "started_at": at, "owner": "sales_operations", "severity": "error", "failures": None,
             "schema_name": None, "row_count": None, **cells}  # fmt: skip
    named = {"invocation_id": f"run {at}", "invoked_at": at, "command": "build", "is_whole": whole, "node_id": node,
             "node_name": node, "kind": kind, **cells}  # fmt: skip
    connection.execute(
        f"insert into ops.dbt_results ({', '.join(named)}) values ({', '.join('?' * len(named))})", list(named.values())
    )


def test_a_mart_is_judged_by_how_it_grows(books: Project, tmp_path: Path) -> None:
    with made_up(books) as connection:
        ruled(connection, RULES, tmp_path)
        total = 1_000_000
        for ago in range(60, -1, -1):
            total += -700 if ago == 1 else 1_000 + ago % 3
            at = NOW - timedelta(days=ago)
            noted(connection, at, node="fct_sold", kind="model", status="success", schema_name="marts", row_count=total)
            # What was not built says nothing, nor does another schema.
            noted(connection, at, node="fct_broken", kind="model", status="error", schema_name="marts")
            noted(connection, at, node="stg_some", kind="model", status="success", schema_name="staging", row_count=7)
        assert verdicts(connection) == {
            ("marts.fct_sold", "rows_of_day"): "dropped",
            ("marts.fct_sold", "rows_today"): "usual",
            ("marts.fct_sold", "hours_since_rows"): "usual",
        }
        owners = connection.execute("select distinct owner from staging.ops_load_verdicts").fetchall()
    assert owners == [("sales_operations",)]


def test_a_test_stands_as_it_last_ran_and_wavers_when_it_turns(books: Project) -> None:
    outcomes = {
        "steady": ["pass"] * 40,
        "broken": ["pass"] * 36 + ["skipped", "fail", "skipped", "error"],
        "never_right": ["warn"] * 40,
        "flaky": (["pass"] * 5 + ["fail"]) * 6 + ["pass"] * 4,
        # Three turns, more than thirty runs ago.
        "mended": ["pass", "fail", "pass", "fail", *["pass"] * 36],
        "removed": ["fail"] * 39,
    }
    with made_up(books) as connection:
        for test, statuses in outcomes.items():
            for day, status in enumerate(statuses):
                noted(connection, NOW + timedelta(days=day), node=test, status=status, failures=day)
        # A run of a part says nothing about what it leaves out.
        noted(connection, NOW + timedelta(days=50), node="steady", status="pass", whole=False)
        found = connection.execute(
            "select test_name, last_status, last_failures, bad_since, is_flaky, recent_bad_runs, owner"
            " from staging.ops_test_status order by test_name"
        ).fetchall()
    who = "sales_operations"
    assert found == [
        ("broken", "error", 39, NOW + timedelta(days=37), False, 2, who),
        ("flaky", "pass", 39, None, True, 5, who),
        ("mended", "pass", 39, None, False, 0, who),
        ("never_right", "warn", 39, NOW, False, 30, who),
        ("steady", "pass", None, None, False, 0, who),
    ]


def test_timings_are_told_beside_what_was_usual(books: Project) -> None:
    with made_up(books) as connection:
        for day in range(20):
            at = NOW + timedelta(days=day)
            noted(connection, at, node="quick", kind="model", status="success", seconds=1.0, row_count=day)
            noted(connection, at, node="slow", kind="model", status="success", seconds=10.0 if day < 19 else 25.0)
            noted(connection, at, node="left out", kind="model", status="skipped", started_at=None)
        noted(connection, NOW + timedelta(days=19, hours=1), node="slow", kind="model", status="error", seconds=5.0)
        found = connection.execute(
            "select node_name, number_of_runs, number_of_failed_runs, row_count, total_seconds, longest_seconds,"
            " mean_seconds, usual_seconds, rank_of_day from staging.ops_node_timings"
            " where run_on = ? order by rank_of_day",
            [(NOW + timedelta(days=19)).date()],
        ).fetchall()
        (first,) = connection.execute(
            "select usual_seconds from staging.ops_node_timings where node_name = 'slow' order by run_on limit 1"
        ).fetchall()
    assert [tuple(float(cell) if cell is not None and place else cell for place, cell in enumerate(row))
            for row in found] == [
        ("slow", 2, 1, None, 30.0, 25.0, 15.0, 10.0, 1),
        ("quick", 1, 0, 19, 1.0, 1.0, 1.0, 1.0, 2),
    ]  # fmt: skip
    assert first == (None,)


def test_what_a_node_costs_is_told_in_seconds_and_credits(books: Project) -> None:
    with made_up(books) as connection:
        noted(connection, NOW, node="cheap", kind="model", status="success", seconds=1.0)
        noted(connection, NOW, node="dear", kind="model", status="success", seconds=3.0, owner="finance")
        for day, node, credits in ((0, "dear", 0.25), (0, "dear", 0.5), (1, "dear", 9.0), (0, None, 7.0)):
            connection.execute(
                "insert into ops.query_costs values (?, ?, 'BRAID_BUILDING', ?)",
                [node, NOW + timedelta(days=day), credits],
            )
        found = connection.execute(
            "select node_name, owner, total_seconds, share_of_seconds, credits from staging.ops_model_costs order by 1"
        ).fetchall()
    assert [(*row[:2], *map(float, row[2:4]), row[4] and float(row[4])) for row in found] == [
        ("cheap", "sales_operations", 1.0, 0.25, None),
        ("dear", "finance", 3.0, 0.75, 0.75),
    ]


def test_every_node_of_a_run_is_noted_as_dbt_says(books: Project) -> None:
    said = {
        one["unique_id"]: (one["status"], one["failures"] if one["unique_id"].startswith("test.") else None)
        for one in books.artifact("run_results.json")["results"]
        if one["unique_id"].startswith(("model.", "seed.", "snapshot.", "test."))
    }
    kept = books.rows("select node_id, status, failures from ops.dbt_results")
    assert {node: (status, failures) for node, status, failures in kept} == said
    assert len(kept) == len(said) > 30
    assert books.rows(
        "select kind, materialization, schema_name, row_count, owner, domain, is_whole, is_full_refresh, command,"
        " target from ops.dbt_results where node_name in ('load_anomaly_rules', 'int_ops__loads') order by kind"
    ) == [
        ("model", "view", "staging", None, "data", "core", False, False, "build", "test"),
        ("seed", "seed", "contracts", len(load_anomalies.read()), "data", "core", False, False, "build", "test"),
    ]
    # dbt's own clock: no test began before its model.
    assert books.rows("select count(*) from ops.dbt_results where started_at is null or seconds is null") == [(0,)]
    assert books.rows(
        "select count(*) from ops.dbt_results as tests inner join ops.dbt_results as models"
        " on tests.tested_node = models.node_name where tests.started_at < models.started_at"
    ) == [(0,)]


def test_the_build_warns_or_fails_and_both_are_kept(books: Project, tmp_path: Path) -> None:
    with duckdb.connect(books.warehouse) as connection:
        # The pasts end long before the runs of this test.
        connection.execute("delete from ops.dbt_results")
        ruled(connection, RULES.replace("rules:", "rules:\n  - {table: 'gone.*', severity: fatal}"), tmp_path)
        extracted(connection, [*HISTORIES["gone.rows"], *HISTORIES["dropped.rows"], *HISTORIES["steady.rows"]])
    with pytest.raises(AssertionError, match=FAILS):
        books.run("test", "--select", WARNS, FAILS)
    assert books.rows(
        "select node_name, status, severity, failures, owner, command from ops.dbt_results"
        f" where command = 'test' and node_name in ('{WARNS}', '{FAILS}') order by node_name"
    ) == [(WARNS, "warn", "warn", 1, "data", "test"), (FAILS, "fail", "error", 1, "data", "test")]
    # What `braid status` says of it, the failure first.
    with DuckDBWarehouse.open(books.warehouse, read_only=True) as store:
        told = [one.said for one in standing.not_passed(store, ROOT)]
    assert [re.sub(r"since \S+ \S+,", "since then,", one) for one in told] == [
        f"test {FAILS}: fails since then, finds 1; ask data.",
        f"test {WARNS}: warns since then, finds 1; ask data.",
    ]


def test_results_older_than_is_kept_are_forgotten(books: Project) -> None:
    with duckdb.connect(books.warehouse) as connection:
        noted(connection, NOW - timedelta(days=4_000), node="old", status="pass")
    books.run("build", "--select", "load_anomaly_rules", "--exclude", "resource_type:test")
    assert books.rows("select count(*) from ops.dbt_results where node_name = 'old'") == [(0,)]
    assert books.rows("select count(distinct invocation_id) from ops.dbt_results") == [(2,)]
