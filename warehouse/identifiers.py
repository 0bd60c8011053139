"""The one place where a name becomes SQL text.

Table and column names come from other systems, so each is hostile until quoted, and every name is quoted always.

DuckDB keeps a quoted name as it is and finds it by any case. Snowflake keeps a quoted name as it is and finds it only
so, while an unquoted one is upper-cased first. dbt models say ``select first_name`` on both, so a *plain* name
(``[a-z_][a-z0-9_]*``) is stored upper-case on Snowflake, where unquoted use then finds it. Any other name is kept
verbatim and needs quotes there. Names that differ only in ASCII case are therefore one name (``folded``), everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from warehouse.base import TableName, WarehouseError

# Snowflake's limit; DuckDB has none, but a name must fit both.
MAX_LENGTH = 255

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
_PLAIN_UPPER = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
_TO_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def folded(name: str) -> str:
    """The name with ASCII letters lower-cased: two names are one name to a warehouse if this is equal.

    Other letters stay: ``str.lower`` would turn the Kelvin sign into a ``k`` and join what both engines keep apart.
    """
    return name.translate(_TO_LOWER)


def stored_name(name: str, dialect: str) -> str:
    """The name as the catalog of the warehouse spells it. Raises WarehouseError for a name that cannot be one."""
    if not name:
        raise WarehouseError("A table or column without a name cannot be created: check the source's field list.")
    if "\x00" in name:
        raise WarehouseError(f"The name {name!r} holds a NUL character, which no warehouse accepts; rename the field.")
    if len(name) > MAX_LENGTH:
        raise WarehouseError(f"The name {name[:40]!r}… is {len(name)} characters long; {MAX_LENGTH} is the limit.")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise WarehouseError(f"The name {name!r} is not valid Unicode; rename the field.") from None
    if dialect == "snowflake" and _PLAIN.match(name):
        return name.upper()
    return name


def name_from_stored(stored: str, dialect: str) -> str:
    """The way back: what a catalog's name is called in this code."""
    if dialect == "snowflake" and _PLAIN_UPPER.match(stored):
        return folded(stored)
    return stored


def quote(name: str, dialect: str) -> str:
    """One identifier, safe to put into SQL. Raises WarehouseError for a name that cannot be one."""
    return '"' + stored_name(name, dialect).replace('"', '""') + '"'


def quote_list(names: Iterable[str], dialect: str, prefix: str = "") -> str:
    """Identifiers joined by commas, each behind ``prefix`` (such as ``t.``)."""
    return ", ".join(prefix + quote(name, dialect) for name in names)


def quote_table(table: TableName, dialect: str, database: str | None = None) -> str:
    """A table by schema and name, and by database where one is given (spelled as stored)."""
    parts = [quote(table.schema, dialect), quote(table.name, dialect)]
    if database is not None:
        parts.insert(0, '"' + database.replace('"', '""') + '"')
    return ".".join(parts)


def refuse_collisions(names: Sequence[str], where: str) -> None:
    """Raise WarehouseError when two of the names are one name to a warehouse."""
    seen: dict[str, str] = {}
    for name in names:
        if (other := seen.get(folded(name))) is not None:
            raise WarehouseError(
                f"{where} would have two columns that are one to a warehouse, {other!r} and {name!r}: rename one."
            )
        seen[folded(name)] = name
