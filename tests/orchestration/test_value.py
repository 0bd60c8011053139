"""`braid value train` and its job: one way to learn, what is published and shown, and failures in a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration.cli import run
from orchestration.definitions import defs
from orchestration.lib.value_asset import HISTORIES, MODELS, SPEND_MODELS
from tests.orchestration.conftest import ROOT

pytestmark = pytest.mark.timeout(200)

BOOKS = {MODELS, SPEND_MODELS}
# Customers whose histories are spread like those of a small shop; every fourth pays in pounds, the last one in dollars.
HISTORY = """
create table marts.int_finance__purchase_histories as
select 'c' || n as customer_id, case when n = 1 then 'USD' when n % 4 = 0 then 'GBP' else 'EUR' end as currency,
       x as repeat_purchases, if(x = 0, 0, 1 + n * 31 % 250) as recency_days, 260 + n % 90 as age_days,
       x as repeat_spend_days, cast(x * (10 + n * 7 % 50) as decimal(18, 4)) as repeat_amount,
       date '2026-01-31' as cutoff_day
from (select n, case n % 5 when 0 then 1 when 1 then 4 when 2 then n % 7 else 0 end as x from range(1, {most}) as t(n))
"""


def land(workshop: Path, most: int = 400) -> None:
    """The model that training reads, as a build leaves it."""
    with duckdb.connect(str(workshop / "braid.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute(HISTORY.replace("{most}", str(most)))


def rows(workshop: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(workshop / "braid.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        yield instance


def test_the_command_and_the_job_learn_the_same_and_every_version_is_kept(
    workshop: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    land(workshop)
    assert run(["value", "train", "--json"]) == 0
    said = capfd.readouterr()
    document = json.loads(said.out)
    assert "Too few bought again in USD to tell what they will spend." in said.err
    assert (document["customers"], document["learnt_until"]) == (399, "2026-01-31")
    assert [one["currency"] for one in document["spend"]] == ["EUR", "GBP"]

    result = defs.resolve_job_def("train_value").execute_in_process(instance=instance, raise_on_error=False)
    assert result.success
    made = {event.asset_key: event.materialization.metadata for event in result.get_asset_materialization_events()}
    assert set(made) == BOOKS
    versions = rows(workshop, "select model_version, r, alpha, a, b from ops.value_models order by trained_at")
    assert versions[0] == (document["model_version"], *(document[name] for name in ("r", "alpha", "a", "b")))
    assert versions[1][0] == made[MODELS]["model_version"].value != versions[0][0]
    assert versions[1][1:] == versions[0][1:]
    assert made[SPEND_MODELS]["dagster/partition_row_count"].value == 2
    spends = (
        "select currency, number_of_customers, p, q, v, at_edge from ops.value_spend_models where model_version = '{}'"
    )
    assert rows(workshop, f"{spends.format(versions[0][0])} order by 1") == rows(
        workshop, f"{spends.format(versions[1][0])} order by 1"
    )


def test_people_read_parameters_and_the_next_step(workshop: Path, capfd: pytest.CaptureFixture[str]) -> None:
    land(workshop)
    assert run(["value", "train"]) == 0
    said = capfd.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()[2:]] == ["r", "alpha", "a", "b", *["p", "q", "v"] * 2]
    assert "of 399 customers up to 2026-01-31" in said.err
    assert "The next `braid build` scores with it." in said.err


def test_what_cannot_be_learnt_is_one_sentence_and_publishes_nothing(
    workshop: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["value", "train"]) == 1
    assert "not built yet, so there are no purchases to learn from: run `braid build` first." in capfd.readouterr().err
    land(workshop, most=5)
    result = defs.resolve_job_def("train_value").execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    (event,) = result.get_step_failure_events()
    assert event.step_failure_data.user_failure_data is not None
    said = str(event.step_failure_data.user_failure_data.description)
    assert "customers bought on more than one day and 10 are needed" in said
    assert not [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert not rows(workshop, "select 1 from information_schema.tables where table_name = 'value_models'")


def test_training_stands_between_the_histories_and_the_scores() -> None:
    graph = defs.resolve_asset_graph()
    for key in BOOKS:
        assert set(graph.get(key).parent_keys) == {HISTORIES}
        scoring = {child.path[-1] for child in graph.get(key).child_keys}
        assert scoring & {"int_finance__value_model", "customer_value_scores"}
    jobs = {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    made = {name: set(job.asset_layer.executable_asset_keys) & BOOKS for name, job in jobs.items()}
    assert made.pop("train_value") == BOOKS
    assert not any(made.values())


def test_loading_the_definitions_does_not_import_scipy() -> None:
    code = "import sys, orchestration.definitions; print({'scipy', 'pandas'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"
