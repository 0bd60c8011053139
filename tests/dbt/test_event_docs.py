"""The queries of docs/event-marts.md run over the columns that the marts promise."""

from __future__ import annotations

import re

import duckdb
import pytest
import yaml

from tests.dbt.project import ROOT

MODELS = ROOT / "models"
QUERIES = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "event-marts.md").read_text(), re.DOTALL)
PROMISED = (
    ("marts", MODELS / "marts" / "product" / "_product__models.yml"),
    ("marts", MODELS / "marts" / "finance" / "_finance__models.yml"),
    ("staging", MODELS / "staging" / "events" / "plan" / "_plan__models.yml"),
)


@pytest.mark.parametrize("query", QUERIES, ids=[query.splitlines()[0].lstrip("- ") for query in QUERIES])
def test_a_query_of_the_page_runs(query: str) -> None:
    with duckdb.connect() as connection:
        for schema, file in PROMISED:
            connection.execute(f"create schema if not exists {schema}")
            for model in yaml.safe_load(file.read_text())["models"]:
                columns = ", ".join(
                    f'"{column["name"]}" {column.get("data_type", "varchar")}' for column in model["columns"]
                )
                connection.execute(f"create table {schema}.{model['name']} ({columns})")
        connection.execute(query)


def test_who_came_in_on_two_days_is_one_customer() -> None:
    (query,) = (query for query in QUERIES if "fct_funnel_events" in query)
    taken = [("a", 1, "05"), ("a", 1, "06"), ("a", 2, "05"), ("a", 2, "06"), ("b", 1, "11"), ("c", 1, "12")]
    with duckdb.connect() as connection:
        connection.execute(
            "create schema marts; create table marts.fct_funnel_events"
            " (funnel_name text, customer_id text, step_number int, step_name text, entered_at timestamp)"
        )
        for customer, step, day in taken:
            connection.execute(
                "insert into marts.fct_funnel_events values ('purchase', ?, ?, ?, ?)",
                [customer, step, f"step {step}", f"2026-01-{day} 10:00:00"],
            )
        assert connection.execute(query).fetchall() == [("step 1", 2, 100.0), ("step 2", 1, 50.0)]


def test_every_mart_of_the_page_is_there() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "event-marts.md").read_text(), re.MULTILINE))
    files = {path.stem for path in (MODELS / "marts" / "product").glob("*.sql")}
    assert {name for name in named if name.startswith(("fct_", "dim_"))} == {
        name for name in files if name.startswith(("fct_", "dim_"))
    }
