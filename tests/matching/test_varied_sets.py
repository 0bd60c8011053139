"""Sets of a kind that a stranger may bring: two columns, few repeats, households, movers, files of every form."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from matching import MatchingError
from matching.evaluation import evaluate
from matching.loading import load_persons
from orchestration.cli import cli
from tests.matching.people import write_people

pytestmark = [pytest.mark.timeout(300)]

NAMES = ("first_name", "last_name", "date_of_birth")
HOME = ("street", "city", "postcode", "phone")
EVERYTHING = (*NAMES, "email", *HOME)
FEW = (1,) * 49 + (2,)
# Each with columns, what else makes the set, and the pairwise F1 it has at least.
SETS: dict[str, tuple[tuple[str, ...], dict[str, Any], float]] = {
    "one in fifty repeats": (EVERYTHING, {"households": 1200, "copies": FEW}, 0.95),
    "ten records each": (EVERYTHING, {"households": 60, "copies": (10,)}, 0.98),
    "every third record of another home": (EVERYTHING, {"households": 400, "moved": 0.33}, 0.98),
    "every tenth name the wrong way round": (NAMES, {"households": 400, "swapped": 0.1}, 0.97),
    "households without birthdays, some names swapped": (
        ("first_name", "last_name", *HOME),
        {"households": 400, "swapped": 0.05},
        0.9,
    ),
    "last name and birthday": (("last_name", "date_of_birth"), {"households": 400}, 0.92),
    "full name and phone of the household": (("full_name", "phone"), {"households": 400}, 0.94),
    "full name and email": (("full_name", "email"), {"households": 400}, 0.96),
    "email and birthday": (("email", "date_of_birth"), {"households": 400}, 0.95),
    "email and phone": (("email", "phone"), {"households": 400}, 0.83),
}


@pytest.mark.parametrize(("columns", "made", "f1"), SETS.values(), ids=SETS)
def test_the_shipped_configuration_serves_sets_of_many_kinds(
    columns: tuple[str, ...], made: dict[str, Any], f1: float, tmp_path: Path
) -> None:
    people = write_people(tmp_path / "people.csv", columns, **made)
    figures = evaluate([people], truth="person").figures
    assert figures.pairwise_f1 > f1
    assert figures.largest_cluster <= 2 * max(made.get("copies", (3,)))


def test_where_nobody_repeats_nobody_is_linked(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.csv", EVERYTHING, households=400, copies=(1,))
    done = CliRunner().invoke(cli, ["identity", "evaluate", str(people), "--truth", "person"])
    assert done.exit_code == 0, done.output
    assert "recall says nothing" in done.output
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    assert figures["pairwise_precision"] == figures["pairwise_recall"] == 1.0
    assert figures["largest_cluster"] == 1


def test_a_dozen_records_are_enough(tmp_path: Path) -> None:
    people = write_people(tmp_path / "people.csv", EVERYTHING, households=2, copies=(2,))
    figures = evaluate([people], truth="person").figures
    assert figures.pairwise_f1 == 1.0


def _rewritten(path: Path, change: Callable[[list[list[str]]], list[list[str]]], **how: Any) -> Path:
    with path.open(newline="", encoding="utf-8") as file:
        rows = change(list(csv.reader(file)))
    encoding = how.pop("encoding", "utf-8")
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, **how).writerows(rows)
    return path


@pytest.mark.parametrize("day", ["%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%d %b %Y", "%d.%m.%y", "%B %d, %Y"])
def test_birthdays_are_read_however_they_are_written(day: str, tmp_path: Path) -> None:
    born = [date(1935, 1, 1) + timedelta(days=37 * number) for number in range(800)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(["birthday", *(f'"{one.strftime(day)}"' for one in born)]))
    with duckdb.connect() as connection:
        assert load_persons(connection, [path]) == ["date_of_birth"]
        read = [
            one for (one,) in connection.execute("select date_of_birth from persons order by row_number").fetchall()
        ]
    # Of a year of two digits the century is a guess.
    digits = slice(2 if day.endswith("%y") else 0, None)
    assert [one[digits] for one in read] == [one.isoformat()[digits] for one in born]


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda rows: rows, {"delimiter": ";"}),
        (lambda rows: rows, {"delimiter": "\t"}),
        (lambda rows: [[name.replace("_", " ").title() for name in rows[0]], *rows[1:]], {}),
        (
            lambda rows: [rows[0], *([*row[:2], row[2] + "\u00e9", *row[3:]] for row in rows[1:])],
            {"encoding": "latin-1"},
        ),
        (lambda rows: [[*rows[0], "first_name"], *([*row, "twice"] for row in rows[1:])], {}),
        (lambda rows: [rows[0], *(["", *row[1:]] if place % 5 else row for place, row in enumerate(rows[1:]))], {}),
    ],
    ids=["semicolons", "tabs", "blanks in names", "latin-1", "a column twice", "unknown truth"],
)
def test_files_of_every_form_are_read(
    change: Callable[[list[list[str]]], list[list[str]]], how: dict[str, Any], tmp_path: Path
) -> None:
    people = write_people(tmp_path / "people.csv", NAMES, households=100, copies=(2,))
    done = evaluate([_rewritten(people, change, **how)], truth="person")
    assert done.columns == list(NAMES)
    assert done.figures.pairwise_f1 > 0.8


def test_files_may_number_their_records_alike(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 2)):
        people = write_people(tmp_path / f"{name}.csv", NAMES, households=5, seed=seed)
        _rewritten(people, lambda rows: [["id", *rows[0]], *([str(place), *row] for place, row in enumerate(rows[1:]))])
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    with duckdb.connect() as connection:
        load_persons(connection, files, truth="person", record_id="id")
        keys = [key for (key,) in connection.execute("select record_key from persons order by 1").fetchall()]
    assert {"1:0", "2:0"} <= set(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "is empty; name a file"), ("person,last_name\n", "hold no records")],
    ids=["nothing", "names of columns alone"],
)
def test_a_file_without_records_is_said_to_be_one(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(text)
    with pytest.raises(MatchingError, match=sentence):
        evaluate([path], truth="person")
