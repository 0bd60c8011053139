"""Where a column comes from: the columns it is made of, model by model, back to the sources.

Read from the SQL that dbt compiled (``target/compiled``) by sqlglot, without a warehouse. A column is an input when the
other's expression names it, in a condition too; what only filters, joins, groups or orders rows is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

# Materialisations of our own make other columns than their SQL selects.
_DBT_MAKES = ("table", "view", "incremental", "ephemeral")
_CONSTANT = "no column: a constant, a count or a sequence"


class LineageError(Exception):
    """The column cannot be followed; one sentence with the remedy."""


class Column(NamedTuple):
    """A column of a model, seed, snapshot or source, by the names people use."""

    table: str
    column: str

    def __str__(self) -> str:
        """As a command takes it."""
        return f"{self.table}.{self.column}"


@dataclass(frozen=True)
class Step:
    """A column and those it is made of; without any, ``ends`` says why it ends there."""

    column: Column
    inputs: tuple[Column, ...]
    ends: str | None = None


class Lineage:
    """The project as dbt compiled it last."""

    def __init__(self, target: Path, dialect: str) -> None:
        """``target`` is dbt's folder of artifacts, ``dialect`` duckdb or snowflake.

        Raises LineageError where there are none, they cannot be read, or they are of the other dialect.
        """
        file = target / "manifest.json"
        if not file.is_file():
            raise LineageError(f"{file} does not exist: run `braid build` first, which compiles every model.")
        try:
            self._manifest: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except ValueError:
            # dbt writes it in place.
            raise LineageError(
                f"{file} is cut short: run `braid build` again, or wait for the one that runs."
            ) from None
        self._target, self._dialect = target, dialect
        compiled_for = (self._manifest.get("metadata") or {}).get("adapter_type") or dialect
        if compiled_for != dialect:
            raise LineageError(
                f"{target} was compiled for {compiled_for}, not {dialect}: name that target, or build for this one."
            )

    def steps(self, wanted: Column) -> Iterator[Step]:
        """The column, then what it is made of, and so on, each once, breadth first and by name.

        Raises LineageError when there is no such column, or a model on the way was not compiled.
        """
        if wanted.table not in self._nodes:
            raise LineageError(
                f"There is no model {wanted.table!r}; name one of models/, as in fct_orders.customer_id."
            )
        if wanted.column not in self._nodes[wanted.table]["columns"]:
            known = ", ".join(self._nodes[wanted.table]["columns"])
            raise LineageError(f"{wanted.table} has no column {wanted.column!r}; it has {known}.")
        seen, waiting = {wanted}, [wanted]
        while waiting:
            step = self._step(waiting.pop(0))
            yield step
            for column in step.inputs:
                if column not in seen:
                    seen.add(column)
                    waiting.append(column)

    def _step(self, column: Column) -> Step:
        node = self._nodes[column.table]
        kind = node["resource_type"]
        if kind == "snapshot":
            # What it snapshots, and dbt's own columns beside it.
            parents = [self._named[name] for name in node["depends_on"]["nodes"]]
            found = tuple(Column(one, column.column) for one in parents if column.column in self._nodes[one]["columns"])
            return Step(column, found, None if found else "made by dbt's snapshot")
        if kind != "model":
            return Step(column, (), kind)
        if node["config"]["materialized"] not in _DBT_MAKES:
            read = ", ".join(sorted({self._named[name] for name in node["depends_on"]["nodes"]}))
            return Step(column, (), f"made by the materialisation {node['config']['materialized']} from {read}")
        from sqlglot.errors import SqlglotError

        try:
            found = self._inputs(node, column.column)
        except (SqlglotError, ValueError) as error:
            # A column that no property names, in SQL that is generated: the rest of the walk is right all the same.
            return Step(column, (), f"not followed: {str(error).splitlines()[0]}")
        return Step(column, found, None if found else _CONSTANT)

    def _inputs(self, node: Mapping[str, Any], column: str) -> tuple[Column, ...]:
        from sqlglot import exp
        from sqlglot.lineage import lineage

        walked = lineage(column, self._sql(node), self._schema, dialect=self._dialect)
        found = set()
        for leaf in walked.walk():
            if leaf.downstream or not isinstance(leaf.source, exp.Table):
                continue
            table = self._relations.get(".".join(part.name for part in leaf.source.parts).lower())
            # An incremental model reads itself.
            if table is not None and table != node["name"]:
                found.add(Column(table, leaf.name.rpartition(".")[2].strip('"').lower()))
        return tuple(sorted(found))

    def _sql(self, node: Mapping[str, Any]) -> str:
        file = self._target / "compiled" / node["package_name"] / node["original_file_path"]
        if not file.is_file():
            raise LineageError(f"{node['name']} was not compiled yet: run `braid build`, or `dbt compile`, first.")
        text: str = file.read_text(encoding="utf-8")
        return text

    @cached_property
    def _nodes(self) -> Mapping[str, Mapping[str, Any]]:
        """Models, seeds, snapshots and sources by the names people use."""
        every = {**self._manifest["nodes"], **self._manifest["sources"]}
        return {self._named[unique_id]: every[unique_id] for unique_id in self._named}

    @cached_property
    def _named(self) -> Mapping[str, str]:
        """Name by dbt's id: a model's own, a source's with its schema."""
        kinds = ("model", "seed", "snapshot")
        nodes = self._manifest["nodes"].items()
        named = {unique_id: node["name"] for unique_id, node in nodes if node["resource_type"] in kinds}
        sources = self._manifest["sources"].items()
        return named | {unique_id: f"{source['schema']}.{source['name']}" for unique_id, source in sources}

    @cached_property
    def _relations(self) -> Mapping[str, str]:
        """Name by what compiled SQL calls it, in lower case."""
        return {
            str(node["relation_name"]).replace('"', "").lower(): name
            for name, node in self._nodes.items()
            if node.get("relation_name")
        }

    @cached_property
    def _schema(self) -> dict[str, Any]:
        """Columns of everything, as sqlglot takes them."""
        found: dict[str, Any] = {}
        for relation, name in self._relations.items():
            database, schema, table = relation.split(".", 2)
            if columns := self._nodes[name]["columns"]:
                tables = found.setdefault(database, {}).setdefault(schema, {})
                tables[table] = dict.fromkeys(columns, "varchar")
        return found


def sources(steps: list[Step]) -> list[Column]:
    """Where it begins: columns of sources and seeds, by name."""
    return sorted(step.column for step in steps if step.ends in ("source", "seed"))
