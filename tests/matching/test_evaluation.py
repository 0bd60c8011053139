"""`braid identity evaluate` from end to end: made-up sets, and the published ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from matching import MatchingError
from matching.evaluation import Evaluated, evaluate
from orchestration.cli import cli
from tests.matching.people import write_people
from tests.needs import published_data

pytestmark = [pytest.mark.timeout(600)]

KEYS = (
    "pairwise_precision pairwise_recall pairwise_f1 b3_precision b3_recall b3_f1 blocking_recall clusters "
    "largest_cluster seconds peak_mb"
).split()
EVERYTHING = ("first_name", "last_name", "date_of_birth", "email", "phone", "street", "city", "postcode")


def test_the_last_line_is_one_json_object(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.csv", EVERYTHING, households=100)
    done = CliRunner().invoke(
        cli, ["identity", "evaluate", str(people), "--truth", "person", "--map", "postcode=postcode"]
    )
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert list(figures) == KEYS
    assert figures["pairwise_f1"] > 0.9
    assert figures["blocking_recall"] > 0.98
    assert figures["peak_mb"] > 50


@pytest.mark.parametrize(
    ("columns", "f1"),
    [
        (EVERYTHING, 0.97),
        (("first_name", "last_name", "street", "city", "postcode"), 0.9),
        (("full_name", "date_of_birth"), 0.93),
        (("first_name", "last_name", "date_of_birth"), 0.93),
    ],
    ids=["households", "households without birthdays", "full name and birthday", "names and birthday"],
)
def test_people_of_a_household_stay_apart_and_two_columns_are_enough(
    columns: tuple[str, ...], f1: float, tmp_path: Path
) -> None:
    people = write_people(tmp_path / "people.csv", columns, households=400)
    figures = evaluate([people], truth="person").figures
    assert figures.pairwise_f1 > f1
    assert figures.b3_f1 > f1


def test_few_repeated_people_are_found_among_many(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.csv", EVERYTHING, households=500, copies=(1,) * 11 + (2,))
    figures = evaluate([people], truth="person").figures
    assert figures.pairwise_precision > 0.9
    assert figures.pairwise_recall > 0.9
    assert figures.b3_f1 > 0.99


def test_the_same_records_give_the_same_clusters(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.csv", EVERYTHING, households=60)
    first, second = (evaluate([people], truth="person") for _ in range(2))
    assert first.learnt.model == second.learnt.model
    assert first.figures.clusters == second.figures.clusters


@pytest.mark.parametrize(
    ("truth", "names", "sentence"),
    [
        ("nobody", {}, "No file has the column 'nobody'"),
        ("person", {"surname": "last_name"}, "'surname' is no column of ours"),
        ("person", {"last_name": "family"}, "No file has the column 'family'"),
    ],
    ids=["no such truth", "not our column", "not their column"],
)
def test_what_cannot_be_evaluated_is_said_in_a_sentence(
    truth: str, names: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    people = write_people(tmp_path / "people.csv", EVERYTHING, households=3, copies=(1,))
    with pytest.raises(MatchingError, match=sentence):
        evaluate([people], truth=truth, names=names)


def published(name: str, truth: str, *more: str) -> Evaluated:
    folder = published_data()
    return evaluate([folder / file for file in (name, *more)], truth=truth)


def test_fake_1000() -> None:
    assert published("splink_datasets/fake_1000.csv", "cluster").figures.pairwise_f1 >= 0.92


def test_febrl_3() -> None:
    assert published("febrl/dataset3.csv", "rec_id").figures.pairwise_f1 >= 0.999


def test_febrl_4_as_one_set() -> None:
    assert published("febrl/dataset4a.csv", "rec_id", "febrl/dataset4b.csv").figures.pairwise_f1 >= 0.9995


def test_50_000_historical_figures() -> None:
    name = "splink_datasets/historical_figures_with_errors_50k.parquet"
    figures = published(name, "cluster").figures
    assert figures.pairwise_f1 >= 0.85
    assert figures.b3_f1 >= 0.88
