"""What docs/star-schema.md promises: its queries run over the marts' columns, and its tables name all that is there."""

from __future__ import annotations

import re

import duckdb
import pytest
import yaml

from tests.dbt.project import ROOT

MARTS = ROOT / "models" / "marts"
PAGE = (ROOT / "docs" / "star-schema.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def described() -> dict[str, dict[str, str]]:
    """Columns and their types of every mart, as its contract has them."""
    models = [
        model
        for file in sorted(MARTS.glob("*/_*__models.yml"))
        for model in yaml.safe_load(file.read_text())["models"]
        if model["name"].startswith(("dim_", "fct_"))
    ]
    return {model["name"]: {column["name"]: column["data_type"] for column in model["columns"]} for model in models}


@pytest.fixture
def marts() -> duckdb.DuckDBPyConnection:
    """Every mart, without rows."""
    connection = duckdb.connect()
    connection.execute("create schema marts")
    for name, columns in described().items():
        listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
        connection.execute(f"create table marts.{name} ({listed})")
    return connection


@pytest.mark.parametrize("query", QUERIES, ids=[query.splitlines()[0].lstrip("- ") for query in QUERIES])
def test_a_query_of_the_page_runs(marts: duckdb.DuckDBPyConnection, query: str) -> None:
    marts.execute(query)


def test_lines_of_the_drawing_are_joins_that_can_be_made() -> None:
    columns = described()
    lines = re.findall(r"^ +(\w+) \|\|--o\{ (\w+) : \"?([\w, ]+?)\"?$", PAGE, re.MULTILINE)
    assert len(lines) > 15
    keys = dict(re.findall(r"^\| `(\w+)` \|.*\| `(\w+)`", PAGE, re.MULTILINE))
    for one, many, joined in lines:
        assert keys[one] in columns[one]
        assert set(joined.split(", ")) <= set(columns[many]), (one, many)
    drawn = {name for one, many, _ in lines for name in (one, many)}
    assert drawn == set(keys)


def test_the_pipeline_of_a_past_day_counts_a_deal_once(marts: duckdb.DuckDBPyConnection) -> None:
    (query,) = (query for query in QUERIES if "end of each month" in query)
    marts.execute(
        "insert into marts.dim_dates (date_day) values ('2026-01-31'), ('2026-02-28'), ('2026-03-30'), ('2026-03-31')"
    )
    visits = [
        ("a", "new", "2026-01-05 10:00:00", "2026-01-31 10:00:00", False),
        ("a", "proposal", "2026-01-31 10:00:00", "2026-03-15 10:00:00", False),
        ("a", "won", "2026-03-15 10:00:00", None, True),
        ("b", "unmapped", "2026-03-31 10:00:00", None, None),
    ]
    for deal, stage, entered, left, closed in visits:
        marts.execute(
            "insert into marts.fct_opportunity_stage_changes"
            " (opportunity_key, stage, entered_on, entered_at, left_at, is_closed, is_deleted)"
            " values ($1, $2, cast($3 as date), $3, $4, $5, false)",
            [deal, stage, entered, left, closed],
        )
    found = [(f"{day}", stage, deals) for day, stage, deals in marts.execute(query).fetchall()]
    assert found == [
        ("2026-01-31", "proposal", 1),
        ("2026-02-28", "proposal", 1),
        ("2026-03-31", "unmapped", 1),
    ]
