"""`braid score` and its job: what is shown and published, and failures in a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration.cli import run
from orchestration.definitions import defs
from orchestration.lib.score_asset import BOOKS, EXAMPLES

pytestmark = pytest.mark.timeout(200)

# A feature that tells, one that does not, and one that never varies; the outcome follows the first.
MADE = """
create table marts.{model} as
select 'x' || n as {key}, n * 7 % 100 / 100.0 as telling, n * 13 % 17 / 17.0 as idle, 1.0 as still,
       back as horizons_back,
       case when back > 0 then cast(n * 31 % 100 < n * 7 % 100 as integer) end as outcome, 30 as horizon_days,
       date '2026-01-31' - cast(30 * back as integer) as as_of_day, date '2026-01-31' as cutoff_day
from range(1, {most}) as t(n), range({backs}) as b(back)
"""


def land(workshop: Path, model: str, key: str, most: int = 900, backs: int = 3) -> None:
    """The examples that training reads, as a build leaves them."""
    with duckdb.connect(str(workshop / "braid.duckdb")) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute(MADE.format(model=model, key=key, most=most, backs=backs))


def rows(workshop: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(workshop / "braid.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        yield instance


def test_evaluate_publishes_nothing_and_train_what_it_showed(
    workshop: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    land(workshop, "int_finance__churn_examples", "customer_id")
    assert run(["score", "evaluate", "churn", "--json"]) == 0
    measured = json.loads(capfd.readouterr().out)
    assert "model_version" not in measured
    assert not rows(workshop, "select 1 from information_schema.tables where table_schema = 'ops'")

    assert run(["score", "train", "churn", "--json"]) == 0
    trained = json.loads(capfd.readouterr().out)
    version = trained.pop("model_version")
    assert trained == measured
    assert (trained["learnt_until"], trained["horizon_days"], trained["examples"]) == ("2026-01-31", 30, 2 * 899)
    weights = {one["feature"]: one["weight"] for one in trained["weights"]}
    assert set(weights) == {"telling", "idle", "still"}
    assert weights["telling"] > 1 > 0.3 > abs(weights["idle"])
    assert weights["still"] == 0
    assert trained["backtest"]["auc"] > 0.7
    assert trained["backtest"]["deciles"][0]["lift"] > 1.5
    assert rows(workshop, "select score, model_version, backtest_auc from ops.score_models") == [
        ("churn", version, trained["backtest"]["auc"])
    ]

    # The job learns what can be learnt: here there are no leads.
    result = defs.resolve_job_def("train_scores").execute_in_process(instance=instance, raise_on_error=False)
    assert result.success
    made = {event.asset_key: event.materialization.metadata for event in result.get_asset_materialization_events()}
    assert set(made) == set(BOOKS)
    assert made[BOOKS[0]]["churn_backtest_auc"].value == pytest.approx(trained["backtest"]["auc"], abs=1e-4)
    assert not [name for name in made[BOOKS[0]] if name.startswith("lead_")]
    assert rows(workshop, "select count(*), count(distinct intercept) from ops.score_models") == [(2, 1)]


def test_people_read_weights_tenths_and_the_next_step(workshop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    land(workshop, "int_sales__lead_examples", "lead_id")
    assert run(["score", "train", "lead"]) == 0
    said = capfd.readouterr()
    lines = said.out.splitlines()
    assert lines[2].split()[0] == "telling"
    heading = next(place for place, line in enumerate(lines) if line.startswith("tenth"))
    assert "converted" in lines[heading]
    assert [line.split()[0] for line in lines[heading + 2 :]] == [f"{tenth}" for tenth in range(1, 11)]
    assert "of which converted in 30 days" in said.err
    assert "Back-test of 899 examples" in said.err
    assert "The next `braid build` scores with it." in said.err


def test_without_an_earlier_horizon_there_is_a_version_and_no_back_test(
    workshop: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    land(workshop, "int_finance__churn_examples", "customer_id", backs=2)
    assert run(["score", "train", "churn"]) == 0
    assert "There is too little history for a back-test" in capfd.readouterr().err
    assert rows(workshop, "select backtest_examples, backtest_auc from ops.score_models") == [(None, None)]
    assert rows(workshop, "select count(*) from ops.score_backtests") == [(0,)]


def test_what_cannot_be_learnt_is_one_sentence_and_publishes_nothing(
    workshop: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", "train", "lead"]) == 1
    assert "The examples of lead are not built yet: run `braid build` first." in capfd.readouterr().err
    land(workshop, "int_finance__churn_examples", "customer_id", most=20)
    assert run(["score", "evaluate", "churn"]) == 1
    assert "examples had the outcome; 30 that had it and 30 that had not are needed" in capfd.readouterr().err
    result = defs.resolve_job_def("train_scores").execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    assert not [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert not rows(workshop, "select 1 from information_schema.tables where table_name = 'score_models'")


def test_training_stands_between_the_examples_and_the_scores() -> None:
    graph = defs.resolve_asset_graph()
    for key in BOOKS:
        assert set(graph.get(key).parent_keys) == set(EXAMPLES)
    scoring = {child.path[-1] for child in graph.get(BOOKS[1]).child_keys}
    assert {"customer_churn_scores", "lead_priority_scores"} <= scoring
    jobs = {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    made = {name: set(job.asset_layer.executable_asset_keys) & set(BOOKS) for name, job in jobs.items()}
    assert made.pop("train_scores") == set(BOOKS)
    assert not any(made.values())
