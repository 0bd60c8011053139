"""The serving copy: a read-only twin of the DuckDB file that is never locked, replaced at once after a green build.

A view names the tables it reads with their catalog, and DuckDB takes the catalog from the file's name: in a copy of
another name every view would break. So the views of the copy are written anew without the catalog, from DuckDB's own
syntax tree; then the copy can be opened as it is, by anything that reads DuckDB.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from warehouse.base import WarehouseError
from warehouse.identifiers import quote

_SUFFIX = "_serving"


def serving_path(database: Path) -> Path:
    """Where the copy of a DuckDB file is published: ``braid.duckdb`` becomes ``braid_serving.duckdb`` beside it."""
    return database.with_name(f"{database.stem}{_SUFFIX}{database.suffix}")


def publish(target: str | None = None, *, on_wait: Callable[[str], None] | None = None) -> Path | None:
    """Publish the target's copy under the warehouse lock; None on Snowflake, where tables are read themselves.

    Readers of the last copy keep what they have open. Raises WarehouseError.
    """
    import warehouse
    from warehouse.profile import load_target

    chosen = load_target(target)
    if (database := chosen.duckdb_path) is None:
        return None
    with warehouse.locked(target, command="braid publish", on_wait=on_wait):
        if not database.is_file():
            raise WarehouseError(f"{database} does not exist yet: extract something or build first.")
        with warehouse.connect(target, on_wait=on_wait) as connection:
            connection.execute("checkpoint")
        return _publish(database)


def _publish(database: Path) -> Path:
    published = serving_path(database)
    draft = published.with_name(f".{published.stem}-{os.getpid()}{published.suffix}")
    try:
        shutil.copyfile(database, draft)
        _forget_catalog(draft, database.stem)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(published)
    except OSError as error:
        raise WarehouseError(
            f"{published} cannot be written ({error.strerror}): the last copy stays; make room or permit it, "
            "then run braid publish."
        ) from None
    finally:
        for leftover in (draft, draft.with_name(draft.name + ".wal")):
            leftover.unlink(missing_ok=True)
    return published


def _forget_catalog(file: Path, catalog: str) -> None:
    """Write every view of ``file`` anew without ``catalog``. Raises WarehouseError naming a view that resists."""
    import duckdb

    with duckdb.connect(str(file)) as connection:
        views = connection.execute(
            "select schema_name, view_name, sql from duckdb_views()"
            " where database_name = current_database() and not internal order by schema_name, view_name"
        ).fetchall()
        pending = {(schema, name): _without_catalog(connection, sql, catalog) for schema, name, sql in views}
        # A view may read another one that still names the old catalog: go round until nothing more succeeds.
        while pending:
            refused: dict[tuple[str, str], str] = {}
            for (schema, name), select in pending.items():
                relation = f"{quote(schema, 'duckdb')}.{quote(name, 'duckdb')}"
                try:
                    connection.execute(f"create or replace view {relation} as {select}")
                except duckdb.Error as error:
                    refused[schema, name] = str(error).splitlines()[0]
            if len(refused) == len(pending):
                (schema, name), why = next(iter(refused.items()))
                raise WarehouseError(f"View {schema}.{name} cannot be put into the serving copy: {why}")
            pending = {view: pending[view] for view in refused}


def _without_catalog(connection: Any, create: str, catalog: str) -> str:
    """The select of a ``create view`` statement, its tables named without ``catalog``."""
    select = create[_select_starts(create) :].rstrip().rstrip(";")
    ((text,),) = connection.execute("select json_serialize_sql(?)", [select]).fetchall()
    tree = json.loads(text)
    if tree.get("error"):
        raise WarehouseError(f"A view cannot be read back ({tree.get('error_message')}): {create[:100]}")
    _strip(tree, catalog)
    ((plain,),) = connection.execute("select json_deserialize_sql(?::json)", [json.dumps(tree)]).fetchall()
    return str(plain)


def _select_starts(create: str) -> int:
    """Where the query begins: after the first AS outside of parentheses."""
    import duckdb

    tokens = duckdb.tokenize(create)
    depth = 0
    for (start, _), (end, _) in zip(tokens, [*tokens[1:], (len(create), None)], strict=True):
        word = create[start:end].strip().lower()
        depth += (word == "(") - (word == ")")
        if word == "as" and not depth:
            return end
    raise WarehouseError(f"A view cannot be read back: {create[:100]}")


def _strip(node: Any, catalog: str) -> None:
    if isinstance(node, list):
        for item in node:
            _strip(item, catalog)
    elif isinstance(node, dict):
        for key in ("catalog_name", "catalog"):
            if node.get(key) == catalog:
                node[key] = ""
        names = node.get("column_names")
        # catalog.schema.table.column; three parts may as well be schema.table.column, so only four are sure.
        if isinstance(names, list) and len(names) > 3 and names[0] == catalog:
            node["column_names"] = names[1:]
        for item in node.values():
            _strip(item, catalog)
