"""The same landing and the same build on DuckDB and on (a fake) Snowflake, twice in a row, give the same customers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest

from tests.snowflake.conftest import Day
from tests.snowflake.dialect import unknown_functions
from tests.snowflake.one_day import COMPARED

pytestmark = [pytest.mark.timeout(1200)]

# On its first day the company has merged nobody.
EMPTY = {("int_identity__merged_records", 1)}
DDL = re.compile(r"\s*(create|alter|drop|truncate|comment|grant|use)\b", re.IGNORECASE)


@pytest.mark.parametrize("number", [1, 2], ids=["first run", "increment"])
@pytest.mark.parametrize("table", [table.name for table in COMPARED])
def test_both_warehouses_hold_the_same_rows(days: tuple[Day, Day], table: str, number: int) -> None:
    day = days[number - 1]
    files = [folder / f"{table}.parquet" for folder in (day.duckdb, day.snowflake)]
    if (table, number) in EMPTY:
        assert duckdb.sql(f"select count(*) from read_parquet({[str(file) for file in files]})").fetchall() == [(0,)]
    assert_same_rows(*files, may_be_empty=(table, number) in EMPTY)


def assert_same_rows(one: Path, other: Path, *, may_be_empty: bool = False) -> None:
    """The same columns and rows, clocks aside, in two Parquet files of DuckDB and Snowflake."""
    left, right = (f"read_parquet('{file}')" for file in (one, other))
    columns = [name for name, *_ in duckdb.sql(f"describe select * from {left}").fetchall()]
    assert set(columns) == {name for name, *_ in duckdb.sql(f"describe select * from {right}").fetchall()}
    assert may_be_empty or duckdb.sql(f"select 1 from {left} limit 1").fetchall()
    # Compared as text of one form: the warehouses name decimals and text of one length differently.
    listed = ", ".join(f"cast({name} as {comparable(left, name)}) as {name}" for name in columns if not is_clock(name))
    differing = duckdb.sql(
        f"""
        select 'duckdb' as only_in, * from (select {listed} from {left} except all select {listed} from {right})
        union all
        select 'snowflake', * from (select {listed} from {right} except all select {listed} from {left})
        """
    ).fetchall()
    assert not differing, f"{len(differing)} rows of {one.stem} differ, for instance {differing[:2]}"


def comparable(relation: str, column: str) -> str:
    kind = duckdb.sql(f"describe select {column} from {relation}").fetchall()
    name = str(kind[0][1])
    if name.startswith("DECIMAL"):
        return "decimal(38, 6)"
    return "bigint" if name in ("INTEGER", "HUGEINT", "BIGINT", "SMALLINT") else name


def is_clock(column: str) -> bool:
    """When a row was extracted is the run's own time, and the two runs are two."""
    return column in (
        "extracted_at", "first_extracted_at", "last_extracted_at", "merge_noticed_at", "valid_from", "valid_to",
        "changed_at", "built_at", "first_published_at", "issued_at",
    )  # fmt: skip


def test_no_ddl_between_begin_and_commit(days: tuple[Day, Day]) -> None:
    inside = False
    for statement in statements(days, "landing"):
        word = statement.split(maxsplit=1)[0].lower().rstrip(";") if statement.split() else ""
        if word == "begin":
            inside = True
        elif word in ("commit", "rollback"):
            inside = False
        else:
            assert not (inside and DDL.match(statement)), f"Snowflake would commit at: {statement[:200]}"
    assert any(statement.lower().startswith("begin") for statement in statements(days, "landing"))


def test_all_sql_is_snowflake_sql_and_calls_documented_functions_only(days: tuple[Day, Day]) -> None:
    compiled = [path for day in days for path in (day.snowflake / "target" / "compiled").rglob("*.sql")]
    assert len(compiled) > 100
    seen: dict[str, str] = {path.name: path.read_text() for path in compiled}
    # The loops of our own materialisations are in no file: they are among the statements that were sent.
    for sent in statements(days, "build"):
        statement = sent.replace("%s", "null")  # bound values
        if re.match(r"(create|insert|merge|select|with|delete|update)\b", statement, re.IGNORECASE):
            seen.setdefault(statement, statement)
    failures = {name[:120]: unknown for name, sql in seen.items() if (unknown := unknown_functions(sql))}
    assert not failures


def statements(days: tuple[Day, Day], part: str) -> list[str]:
    found: list[str] = []
    for day in days:
        found += json.loads(Path(day.snowflake / "statements.json").read_text())[part]
    return found
