"""Which statements may run between BEGIN and COMMIT.

Snowflake commits at every DDL statement, silently. So inside ``transaction()`` only reading and writing of rows is
let through, on every dialect: what passes on DuckDB then keeps its promise on Snowflake.
"""

from __future__ import annotations

import re

from warehouse.base import WarehouseError

_ALLOWED = frozenset({"select", "with", "from", "values", "insert", "update", "delete", "merge", "copy", "explain"})

# Strings, quoted names and comments, in one alternation so that each hides the others' marks inside it.
_OPAQUE = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"[\s(;]*([A-Za-z_]+)")


def first_words(sql: str) -> list[str]:
    """The opening keyword of each statement in ``sql``, lower-case; text in quotes and comments does not count."""
    bare = _OPAQUE.sub(lambda match: " " if match[0][:2] in ("--", "/*") else " '' ", sql)
    return [
        match[1].lower() if (match := _WORD.match(part)) else part.strip() for part in bare.split(";") if part.strip()
    ]


def refuse_outside_rows(sql: str) -> None:
    """Raise WarehouseError when ``sql`` holds a statement that does more than read and write rows."""
    for word in first_words(sql):
        if word not in _ALLOWED:
            raise WarehouseError(
                f"{word.upper()} is not allowed inside a transaction, as Snowflake would commit at it: run it before."
            )
