"""A Snowflake that is DuckDB underneath (fakesnow), with the shim dbt's second run needs.

Two statements of dbt-snowflake do not run on fakesnow as they are: a *temporary* relation with a database and a
schema in its name (DuckDB keeps those in a catalog of their own), and MERGE with dbt's clauses (DuckDB's own MERGE runs
them). A schema must not be called ``main``: DuckDB has one already, in the other case, and its descriptions are empty.
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
# What fakesnow has no word for, and what changes nothing about the data.
IGNORED = [r"\s*alter\s+session\b", r"\s*use\s+warehouse\b", r"\s*use\s+role\b"]


@contextmanager
def fake_snowflake(folder: Path, statements: list[str] | None = None) -> Iterator[None]:
    """Every Snowflake connection of this process goes to DuckDB files in ``folder``; ``statements`` collects SQL."""
    original = FakeSnowflakeCursor.execute

    def execute(self: FakeSnowflakeCursor, command: str, *args: Any, **kwargs: Any) -> FakeSnowflakeCursor:
        bare = COMMENT.sub("", command).strip()
        if statements is not None:
            statements.append(bare)
        if TEMPORARY.match(bare) and is_qualified(bare):
            command = TEMPORARY.sub(lambda found: f"create {found.group(1) or ''}{found.group(2)}", command, count=1)
        if bare.lower().startswith("merge into") and "dbt_internal" in bare.lower():
            self._duck_conn.execute(bare.rstrip(";"))
            return original(self, "select 1 as merged")
        return original(self, command, *args, **kwargs)

    FakeSnowflakeCursor.execute = execute
    try:
        with fakesnow.patch(db_path=folder, nop_regexes=IGNORED):
            yield
    finally:
        FakeSnowflakeCursor.execute = original


def is_qualified(statement: str) -> bool:
    """Whether the relation being created carries a schema: plain temporary tables work as they are."""
    name = TEMPORARY.sub("", statement, count=1).split(maxsplit=1)[0]
    return "." in name
