"""A Snowflake that is DuckDB underneath (fakesnow), with the shim dbt's second run needs.

Two statements of dbt-snowflake do not run on fakesnow as they are: a *temporary* relation with a database and a
schema in its name (DuckDB keeps those in a catalog of their own), and MERGE with dbt's clauses (DuckDB's own MERGE
runs them). A table with cluster keys is made from sorted rows, and in a query one level deeper fakesnow no longer
rewrites FLATTEN: it is made unsorted. It does not know which warehouse is in use. A cast of GET takes the quotes off
a JSON text, on fakesnow only where the key is a literal. A schema must not be called ``main``: DuckDB has one
already, in the other case, and its descriptions are empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fakesnow
from fakesnow.cursor import FakeSnowflakeCursor

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
TEMPORARY = re.compile(r"create\s+(or\s+replace\s+)?temporary\s+(table|view)", re.IGNORECASE)
# GET with a column for its key, as json_property writes it.
COLUMN_KEY = re.compile(r"cast\(get\((try_parse_json\([\w.]+\)), ([\w.]+)\) as varchar\)", re.IGNORECASE)
# What dbt puts around the query of a table with cluster keys; keys are columns, or one call of one.
SORTED = re.compile(
    r"select \* from \((?P<query>.*)\)\s*order by \((?:[^()]|\([^()]*\))*\)\s*\)\s*;?\s*$", re.IGNORECASE | re.DOTALL
)
WAREHOUSE = "LOADING"
# What fakesnow has no word for, and what changes nothing about the data.
IGNORED = [
    r"\s*drop\s+stage\b",
    r"\s*alter\s+session\b",
    r"\s*use\s+warehouse\b",
    r"\s*use\s+role\b",
    r"\s*alter\s+table\s+\S+\s+cluster\s+by\b",
]


@contextmanager
def fake_snowflake(folder: Path, statements: list[str] | None = None) -> Iterator[None]:
    """Every Snowflake connection of this process goes to DuckDB files in ``folder``; ``statements`` collects SQL."""
    folder.mkdir(parents=True, exist_ok=True)
    original = FakeSnowflakeCursor.execute

    def execute(self: FakeSnowflakeCursor, command: str, *args: Any, **kwargs: Any) -> FakeSnowflakeCursor:
        bare = COMMENT.sub("", command).strip()
        if statements is not None:
            statements.append(bare)
        if TEMPORARY.match(bare) and is_qualified(bare):
            command = TEMPORARY.sub(lambda found: f"create {found.group(1) or ''}{found.group(2)}", command, count=1)
        if bare.lower().startswith("create or replace transient table"):
            command = SORTED.sub(lambda found: f"{found['query']})", bare, count=1)
        if bare.lower().startswith("select current_warehouse()"):
            return original(self, f"select '{WAREHOUSE}' as warehouse")
        if bare.lower().startswith("merge into"):
            actions = self._duck_conn.execute(f"{bare.rstrip(';')} returning merge_action").fetchall()
            inserted, updated = (sum(action == word for (action,) in actions) for word in ("INSERT", "UPDATE"))
            counts = f'{inserted} as "number of rows inserted", {updated} as "number of rows updated"'
            return original(self, f"select {counts}")
        return original(self, COLUMN_KEY.sub(r"json_extract_string(\1, \2)", command), *args, **kwargs)

    def fetch_arrow_all(self: FakeSnowflakeCursor, force_return_table: bool = False) -> Any:
        """What fakesnow keeps its result in; its cursor just does not hand it out."""
        return self._arrow_table

    FakeSnowflakeCursor.execute = execute
    FakeSnowflakeCursor.fetch_arrow_all = fetch_arrow_all
    try:
        with fakesnow.patch(db_path=folder, nop_regexes=IGNORED):
            yield
    finally:
        FakeSnowflakeCursor.execute = original
        del FakeSnowflakeCursor.fetch_arrow_all


def is_qualified(statement: str) -> bool:
    """Whether the relation being created carries a schema: plain temporary tables work as they are."""
    name = TEMPORARY.sub("", statement, count=1).split(maxsplit=1)[0]
    return "." in name
