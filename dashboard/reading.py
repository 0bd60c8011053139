"""A page's data as the `Warehouse` that other rooms read, so that what they know is not written twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from dashboard.data import Source, table
from orchestration.explain.answers import Answer
from warehouse.base import TableName

if TYPE_CHECKING:
    import pyarrow as pa

    from extract.status import ObjectStatus
    from warehouse.base import Warehouse


class _Reading:
    """The three questions that readers ask of a Warehouse."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def columns(self, name: TableName) -> dict[str, Any] | None:
        found = self._source.frame(
            "select column_name from information_schema.columns"
            " where lower(table_schema) = lower(?) and lower(table_name) = lower(?)",
            [name.schema, name.name],
        )
        return dict.fromkeys(found["column_name"]) or None

    def relation(self, name: TableName) -> str:
        return f"{name.schema}.{name.name}"

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        import pyarrow as pa

        return pa.Table.from_pandas(self._source.frame(sql, params), preserve_index=False)


def answer(source: Source, customer_id: str) -> Answer:
    """What ties the records of a customer. Raises NotExplained."""
    from contracts import identifiers
    from orchestration.explain.answers import explain
    from orchestration.explain.facts import Reader

    values = {known.name for known in identifiers.read().types}
    schema = f"{os.environ.get('BRAID_SCHEMA_PREFIX', '')}identity"
    return explain(Reader(cast("Warehouse", _Reading(source)), schema), [customer_id], values)


def objects(source: Source) -> list[ObjectStatus]:
    """How far each extracted object is."""
    from extract.status import object_status

    return object_status(cast("Warehouse", _Reading(source)))


def exists(source: Source, schema: str, name: str) -> bool:
    """Whether a table that dbt writes is there at all."""
    schema, name = table(schema, name).split(".")
    return _Reading(source).columns(TableName(schema, name)) is not None
