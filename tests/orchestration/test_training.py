"""Training in Dagster: where it stands in the graph, what the UI shows of it, and that it is the command's own work."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from matching import pipeline
from matching.keys import PERSON_COLUMNS
from orchestration.cli import run
from orchestration.definitions import defs
from orchestration.lib.match_asset import FREQUENCIES, MODELS, PERSONS, RULES, WEIGHTS
from tests.matching.people import write_people
from tests.orchestration.conftest import ROOT

pytestmark = pytest.mark.timeout(280)

BOOKS = {MODELS, WEIGHTS, FREQUENCIES, RULES}
COLUMNS = ("first_name", "last_name", "street", "city", "postcode", "phone")


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("people") / "people.csv", COLUMNS, households=150)


def land(workshop: Path, people: Path, most: int = 100_000) -> None:
    """The model that training reads, as a build leaves it."""
    given = ", ".join(name if name in COLUMNS else f"cast(null as varchar) as {name}" for name in PERSON_COLUMNS)
    with duckdb.connect(str(workshop / "braid.duckdb")) as connection:
        connection.execute("create schema identity")
        connection.execute(
            "create table identity.int_identity__persons as select 'files:person:made_up/' || row_number() over () "
            f"as record_key, {given} from read_csv('{people}', all_varchar = true) limit {most}"
        )


def rows(workshop: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(workshop / "braid.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral(settings={"telemetry": {"enabled": False}}) as instance:
        yield instance


def trained(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("train").execute_in_process(instance=instance, raise_on_error=False)


def test_training_stands_between_the_persons_and_the_models_that_score() -> None:
    graph = defs.resolve_asset_graph()
    for key in BOOKS:
        assert set(graph.get(key).parent_keys) == {PERSONS}
        scoring = {child.path[-1] for child in graph.get(key).child_keys}
        assert scoring & {"int_identity__matching_model", "int_identity__scored_pairs", "int_identity__compared_pairs",
                          "int_identity__matching_rules"}  # fmt: skip
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    for key in BOOKS:
        assert (specs[key].group_name, list(specs[key].owners)) == ("identity", ["team:data"])
        assert specs[key].description


def test_weights_are_learnt_when_asked_and_by_no_schedule() -> None:
    jobs = {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    made = {name: set(job.asset_layer.executable_asset_keys) & BOOKS for name, job in jobs.items()}
    assert made.pop("train") == BOOKS
    assert not any(made.values())
    assert "train" not in {schedule.job_name for schedule in defs.schedules or ()}
    # One at a time, and nobody waits for the warehouse meanwhile.
    assert {node.definition.pool for node in jobs["train"].nodes} == {"training"}
    # Without it in a run, dbt is one step.
    assert sum(node.name.startswith("dbt_build") for node in jobs["events"].nodes) == 1


def test_loading_the_definitions_imports_neither_splink_nor_pandas() -> None:
    code = "import sys, orchestration.definitions; print({'splink', 'pandas'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"


def test_a_version_is_published_with_what_the_operator_wants_to_see(
    workshop: Path, people: Path, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    land(workshop, people)
    result = trained(instance)
    assert result.success
    made = {event.asset_key: event.materialization.metadata for event in result.get_asset_materialization_events()}
    assert set(made) == BOOKS
    shown = {name: value.value for name, value in made[WEIGHTS].items()}
    ((version, records, link, review),) = rows(
        workshop, "select model_version, number_of_records, link_weight, review_weight from ops.match_models"
    )
    assert (shown["model_version"], shown["records"]) == (version, records)
    assert (shown["link_weight"], shown["review_weight"]) == (link, review)
    assert shown["pairs"] > 1000
    assert 0 < shown["prior"] < shown["household_prior"] < 1
    assert shown["seconds"] > 0
    weights = rows(workshop, "select level_label, m_probability from ops.match_weights")
    lines = str(shown["weights"]).splitlines()
    assert len(lines) == len(weights) + 2
    assert any(line.startswith("| first_name | exact first_name |") for line in lines)
    for key in BOOKS:
        ((held,),) = rows(workshop, f"select count(*) from {'.'.join(key.path)}")
        assert made[key]["dagster/partition_row_count"].value == held > 0
        assert made[key]["model_version"].value == version

    # The command learns the same of the same records: there is one way to do it.
    capfd.readouterr()
    assert run(["identity", "train", "--json"]) == 0
    again = json.loads(capfd.readouterr().out)["model_version"]
    assert again != version
    learnt = "select * exclude (model_version) from ops.match_weights where model_version = '{}' order by all"
    assert rows(workshop, learnt.format(version)) == rows(workshop, learnt.format(again))


def failure(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    (event,) = result.get_step_failure_events()
    said = event.step_failure_data.user_failure_data
    assert said is not None
    assert not result.get_asset_materialization_events()
    # Nothing that another try would put right.
    assert not [event for event in result.all_events if event.event_type_value == "STEP_UP_FOR_RETRY"]
    return str(said.description)


def test_before_the_first_build_it_fails_with_the_remedy(workshop: Path, instance: dg.DagsterInstance) -> None:
    said = failure(trained(instance))
    assert said == "Identity is not built yet, so there are no records to learn from: run `braid build` first."


def test_too_few_persons_fail_in_a_sentence_and_publish_nothing(
    workshop: Path, people: Path, instance: dg.DagsterInstance
) -> None:
    land(workshop, people, most=1)
    said = failure(trained(instance))
    assert said == "No column has two values to compare; map at least names and a date of birth."
    assert rows(workshop, "select count(*) from information_schema.tables where table_schema = 'ops'") == [(0,)]


def test_an_untrained_level_fails_in_a_sentence_and_publishes_nothing(
    workshop: Path, people: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(workshop, people)
    refine = pipeline.refine

    def forgetful(*given: Any) -> Any:
        model = refine(*given)
        return replace(model, levels={**model.levels, "city": {}})

    monkeypatch.setattr(pipeline, "refine", forgetful)
    said = failure(trained(instance))
    assert said.startswith("city: the level 'exact city' was not trained, so it has no weight; train on more records")
    assert rows(workshop, "select count(*) from information_schema.tables where table_schema = 'ops'") == [(0,)]


def test_of_two_trainings_at_once_the_older_one_publishes_nothing(
    workshop: Path, people: Path, instance: dg.DagsterInstance
) -> None:
    land(workshop, people)
    assert trained(instance).success
    # The other one began later and came first: its moment is the newest.
    with duckdb.connect(str(workshop / "braid.duckdb")) as connection:
        connection.execute("update ops.match_models set model_version = 'other', trained_at = timestamp '2999-01-01'")
        connection.execute("update ops.term_frequencies set model_version = 'other'")
    frequencies = rows(workshop, "select count(*) from ops.term_frequencies where model_version = 'other'")
    said = failure(trained(instance))
    assert said.startswith("Version other of the weights was trained meanwhile and is newer, so this one was not kept:")
    assert rows(workshop, "select model_version from ops.match_models") == [("other",)]
    assert rows(workshop, "select count(*) from ops.term_frequencies") == frequencies != [(0,)]
