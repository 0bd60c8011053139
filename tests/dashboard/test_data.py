"""The serving copy is read while builds replace it; what is missing is said in a sentence."""

from __future__ import annotations

import re
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from dashboard import data
from dashboard.data import DataError, ServingCopy, SnowflakeSession

pytestmark = [pytest.mark.timeout(60)]


def copy_with(folder: Path, number: int) -> Path:
    """A file whose table holds ``number`` in both of its rows, put in place at once as `braid publish` does."""
    draft, file = folder / f".draft{number}.duckdb", folder / "braid_serving.duckdb"
    with duckdb.connect(str(draft)) as connection:
        connection.execute(f"create table built as select {number} as number from range(2)")
    draft.replace(file)
    return file


def test_a_new_copy_is_read_once_it_is_in_place(tmp_path: Path) -> None:
    source = ServingCopy(copy_with(tmp_path, 1))
    before = source.version()
    assert list(source.frame("select number from built")["number"]) == [1, 1]
    copy_with(tmp_path, 2)
    assert list(source.frame("select number from built")["number"]) == [2, 2]
    assert source.version() != before


def test_readers_never_see_two_copies_in_one_answer_nor_an_old_one_for_long(tmp_path: Path) -> None:
    source = ServingCopy(copy_with(tmp_path, 1))
    over, seen, wrong = threading.Event(), [], []

    def read() -> None:
        while not over.is_set():
            try:
                found = list(source.frame("select max(number) as n from built, range(50000) group by range % 2")["n"])
            except Exception as error:
                wrong.append(error)
                return
            seen.append(found)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(2, 25):
        copy_with(tmp_path, number)
    over.set()
    for reader in readers:
        reader.join(20)
    assert wrong == []
    assert all(first == second for first, second in seen)
    assert list(source.frame("select number from built")["number"]) == [24, 24]


def test_a_copy_that_is_not_there_yet_is_said_and_found_later(tmp_path: Path) -> None:
    source = ServingCopy(tmp_path / "braid_serving.duckdb")
    with pytest.raises(DataError, match=r"There is no serving copy at .*braid_serving.duckdb yet: run `braid build`"):
        source.frame("select 1")
    copy_with(tmp_path, 7)
    assert list(source.frame("select number from built")["number"]) == [7, 7]


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    file = tmp_path / "braid_serving.duckdb"
    file.write_text("no database at all, however long it may be" * 100)
    with pytest.raises(DataError, match=r"cannot be opened .* run `braid publish`"):
        ServingCopy(file).frame("select 1")


def test_a_mart_of_a_later_version_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"braid_serving.duckdb lacks .*fct_retention.*: run `braid build`"):
        ServingCopy(copy_with(tmp_path, 1)).frame("select * from main.fct_retention")


def test_the_copy_is_read_only(tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error, match="read-only"):
        ServingCopy(copy_with(tmp_path, 1)).frame("create table mine (a int)")


def test_the_profile_says_which_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRAID_DASHBOARD_FILE", raising=False)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(tmp_path))
    monkeypatch.delenv("DBT_TARGET", raising=False)
    with pytest.raises(DataError, match=r"profiles.yml does not exist: copy profiles.yml.example"):
        data.connect()
    outputs = f"outputs: {{dev: {{type: duckdb, path: '{tmp_path}/mine.duckdb'}}, cloud: {{type: snowflake}}}}"
    (tmp_path / "profiles.yml").write_text(f"braid: {{target: dev, {outputs}}}\n")
    assert data.connect().name == "mine_serving.duckdb"
    monkeypatch.setenv("DBT_TARGET", "cloud")
    with pytest.raises(DataError, match="Target 'cloud' is Snowflake, where the dashboards run inside it"):
        data.connect()


class Frames:
    """A Snowpark session that gives one frame, or one failure."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get_current_database(self) -> str:
        return '"BRAID"'

    def sql(self, query: str, params: list[object] | None = None) -> Frames:
        return self

    def to_pandas(self) -> pd.DataFrame:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_snowflakes_frames_are_as_duckdbs() -> None:
    frame = pd.DataFrame({"AMOUNT": [Decimal("1.25"), None], "WHO": ["a", None], "N": [1, 2]})
    source = SnowflakeSession(Frames(frame))
    found = source.frame("select 1")
    assert list(found.columns) == ["amount", "who", "n"]
    assert found["amount"].dtype == float
    assert found["amount"][0] == 1.25
    assert list(found["who"]) == ["a", None]
    assert source.name == "BRAID"


def test_what_snowflake_refuses_is_said_and_other_failures_are_not_hidden() -> None:
    refused = type("SnowparkSQLException", (Exception,), {})
    with pytest.raises(
        DataError, match=re.escape("BRAID lacks what this page shows (no such table): run `braid build`")
    ):
        SnowflakeSession(Frames(refused("no such table"))).frame("select 1")
    with pytest.raises(ZeroDivisionError):
        SnowflakeSession(Frames(ZeroDivisionError())).frame("select 1")


def test_schemas_have_the_prefix_of_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAID_SCHEMA_PREFIX", "dev_")
    assert data.table("marts", "fct_orders") == "dev_marts.fct_orders"
