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


def test_every_mart_of_the_page_is_there() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "event-marts.md").read_text(), re.MULTILINE))
    files = {path.stem for path in (MODELS / "marts" / "product").glob("*.sql")}
    assert {name for name in named if name.startswith(("fct_", "dim_"))} == {
        name for name in files if not name.startswith("int_")
    }
