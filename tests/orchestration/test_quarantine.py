"""`braid quarantine` from outside: a bad line of a file is listed, shown, put right or set aside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from orchestration.cli import run

pytestmark = pytest.mark.timeout(120)
DATASET = {
    "name": "shop",
    "contract": "orders",
    "path": "orders.csv",
    "columns": {"order_id": "nr", "line_id": {"value": "1"}, "ordered_at": "at", "amount": "total"},
}
GOOD = "1,2026-01-02 10:00:00,5.00\n"
SECRET = "five-fifty"
BAD = f"2,2026-01-02 11:00:00,{SECRET}\n"


@pytest.fixture
def orders(workshop: Path) -> Path:
    """A file of orders, one of two bad, landed."""
    (workshop / "files.yml").write_text(yaml.safe_dump({"datasets": [DATASET]}))
    path = workshop / "orders.csv"
    path.write_text("nr,at,total\n" + GOOD + BAD)
    assert run(["extract", "files", "orders"]) == 0
    return path


def listed(capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, str]]:
    capsys.readouterr()
    assert run(["quarantine", "list", "--json", *more]) == 0
    return list(json.loads(capsys.readouterr().out)["rows"])


def test_a_bad_line_is_listed_without_its_values_and_shown_with_them(
    capsys: pytest.CaptureFixture[str], orders: Path
) -> None:
    said = capsys.readouterr()
    assert "1 rows" in said.out + said.err
    assert "quarantine" in said.out + said.err
    (row,) = listed(capsys)
    assert (row["source"], row["object"], row["rule"], row["status"]) == ("files", "orders", "type:amount", "open")
    assert SECRET not in json.dumps(row)
    assert row["position"].endswith("orders.csv, row 2")
    assert run(["quarantine", "list"]) == 0
    assert row["quarantine_id"] in capsys.readouterr().out
    assert run(["quarantine", "show", row["quarantine_id"]]) == 0
    assert SECRET in capsys.readouterr().out
    assert run(["quarantine", "show", row["quarantine_id"], "--json"]) == 0
    assert json.loads(json.loads(capsys.readouterr().out)["payload"])["total"] == SECRET
    assert run(["status"]) == 0
    assert "files orders: 1 rows in quarantine" in capsys.readouterr().out


def test_a_file_put_right_empties_it(orders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    orders.write_text("nr,at,total\n" + GOOD + BAD.replace(SECRET, "5.50"))
    assert run(["extract", "files", "orders"]) == 0
    assert listed(capsys) == []
    assert [row["status"] for row in listed(capsys, "--all")] == ["replayed"]
    assert run(["quarantine", "list"]) == 0
    assert "Nothing is in quarantine" in "".join(capsys.readouterr())


def test_a_file_that_was_only_touched_keeps_its_rows_there(orders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = listed(capsys)
    os.utime(orders, (1, 1))
    assert run(["extract", "files", "orders"]) == 0
    assert listed(capsys) == before
    # Read anew it is as bad as it was.
    assert run(["extract", "files", "orders", "--full"]) == 0
    (row,) = listed(capsys, "--all")
    assert (row["quarantine_id"], row["status"]) == (before[0]["quarantine_id"], "open")


def test_rows_of_a_file_that_is_gone_are_gone(orders: Path, workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workshop / "files.yml").write_text(yaml.safe_dump({"datasets": [{**DATASET, "path": "*.csv"}]}))
    other, fixed = workshop / "other.csv", workshop / "fixed.csv"
    other.write_text("nr,at,total\n" + BAD.replace("2,", "3,", 1) + ",2026-01-02 11:00:00,1.00\n" + GOOD * 2)
    fixed.write_text("nr,at,total\n" + BAD.replace("2,", "4,", 1) + GOOD)
    assert run(["extract", "files", "orders"]) == 0
    assert len(listed(capsys)) == 4
    other.unlink()
    fixed.write_text("nr,at,total\n" + BAD.replace("2,", "4,", 1).replace(SECRET, "5.50") + GOOD)
    assert run(["extract", "files", "orders"]) == 0
    # A file that is not there any more is only missed by a full reading.
    statuses = sorted((Path(row["position"].split(",")[0]).name, row["status"]) for row in listed(capsys, "--all"))
    assert statuses == [("fixed.csv", "replayed"), ("orders.csv", "open"), *[("other.csv", "open")] * 2]
    assert run(["extract", "files", "orders", "--full"]) == 0
    statuses = sorted((Path(row["position"].split(",")[0]).name, row["status"]) for row in listed(capsys, "--all"))
    assert statuses == [("fixed.csv", "replayed"), ("orders.csv", "open"), *[("other.csv", "gone")] * 2]


def test_a_row_is_set_aside_once_and_for_good(orders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = listed(capsys)
    assert run(["quarantine", "dismiss", row["quarantine_id"], "--why", "typed by hand"]) == 0
    assert listed(capsys) == []
    assert run(["quarantine", "dismiss", row["quarantine_id"], "--why", "again"]) == 1
    assert "is dismissed already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["show", "nope"], 1, "nope: no such row; see `braid quarantine list --all`"),
        (["replay", "files", "nope"], 1, "nope: no such open row of files"),
        (["replay", "files"], 2, "files cannot be asked for single records; put the source right"),
        (["replay", "nowhere"], 2, "There is no source called 'nowhere'"),
        (["list", "--source", "nowhere"], 2, "There is no source called 'nowhere'"),
        (["dismiss", "nope"], 2, "Missing option '--why'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    orders: Path, words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["quarantine", *words]) == code
    assert says in capsys.readouterr().err


def test_a_source_that_counts_nothing_cannot_be_compared(orders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconcile", "files"]) == 2
    assert "files gives no counts to compare with: `braid extract files --full`" in capsys.readouterr().err


def test_without_a_warehouse_there_is_nothing_to_list(workshop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == []
