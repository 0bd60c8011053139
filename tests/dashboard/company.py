"""A serving copy without a build: every mart with the columns of its contract, filled with a company of any size.

Tables are made from the yml of the models, so a page that reads a column no contract has fails here. Rows come from
DuckDB's own arithmetic on row numbers: the same for everybody, and 100,000 customers in a few seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import yaml

from extract.books import BOOKS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_TYPES = {"string": "varchar", "timestamp": "timestamp", "date": "date", "boolean": "boolean", "bigint": "bigint",
          "double": "double"}  # fmt: skip
_RESULTS = "{{ source('dbt', 'dbt_results') }}"
CHANNELS = "['organic_search', 'email', 'paid_search', 'direct', 'social', 'referral']"
STAGES = "['Prospecting', 'Qualification', 'Proposal', 'Negotiation', 'Closed Won', 'Closed Lost']"
MODELS = "['first_touch', 'last_touch', 'last_non_direct', 'linear', 'position_based', 'time_decay', 'shapley']"
FIRST = "['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Ken', 'Radia', 'Tim', 'Lynn', 'Niklaus']"
LAST = "['Byron', 'Hopper', 'Turing', 'Dijkstra', 'Liskov', 'Knuth', 'Allen', 'Perlman', 'Conway', 'Wirth', 'Naur']"


def made(file: Path, people: int = 600, *, fill: bool = True) -> Path:
    """A serving copy at ``file``; without rows unless ``fill``."""
    with duckdb.connect(str(file)) as connection:
        for schema, folder in (("marts", "marts"), ("identity", "identity"), ("staging", "ops")):
            connection.execute(f"create schema if not exists {schema}")
            for model in _models(ROOT / "models" / folder):
                columns = ", ".join(f'"{one["name"]}" {_type(one)}' for one in model["columns"])
                connection.execute(f'create table {schema}."{model["name"]}" ({columns})')
        connection.execute("create schema ops")
        for name, columns in BOOKS.items():
            connection.register("shape", columns.empty_table())
            connection.execute(f"create table ops.{name.name} as select * from shape")
            connection.unregister("shape")
        connection.execute(f"create table ops.dbt_results ({', '.join(_results())})")
        if fill:
            lists = {"channels": CHANNELS, "stages": STAGES, "models": MODELS, "first": FIRST, "last": LAST}
            connection.execute((HERE / "company.sql").read_text().format(people=people, **lists))
            connection.execute((HERE / "books.sql").read_text())
        # What the page shows of tests is what quality's own view says of the results.
        view = (ROOT / "models" / "ops" / "ops_test_status.sql").read_text().replace(_RESULTS, "ops.dbt_results")
        connection.execute(f"create or replace table staging.ops_test_status as {view}")
    return file


def _models(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.rglob("_*__models.yml"))
    return [
        model for file in files for model in yaml.safe_load(file.read_text()).get("models", []) if "columns" in model
    ]


def _results() -> list[str]:
    """Columns of dbt's results."""
    sources = yaml.safe_load((ROOT / "models" / "ops" / "_ops__sources.yml").read_text())["sources"]
    found = next(one for source in sources for one in source["tables"] if one["name"] == "dbt_results")
    return [f'"{one["name"]}" {_type(one)}' for one in found["columns"]]


def _type(column: dict[str, Any]) -> str:
    """As the contract says; of what has none, as the name says."""
    if given := column.get("data_type"):
        return _TYPES.get(given, given)
    name = str(column["name"])
    if name.startswith(("is_", "has_")):
        return "boolean"
    if name.endswith(("_at", "_from", "_to")) and not name.endswith("_email_from"):
        return "timestamp"
    counted = (
        "number_of_",
        "records_",
        "frequency",
        "measured",
        "most",
        "approved_most",
        "survivorship_rank",
        "trust_rank",
    )
    if name.startswith(counted) or name.endswith(("_number", "_records", "_priority", "_rank")):
        return "bigint"
    return "double" if name == "score" else "varchar"
