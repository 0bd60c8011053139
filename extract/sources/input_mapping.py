"""A data set's columns onto an input contract's: what files and databases share.

A contract's column comes from a column of the data set, from a DuckDB expression over its columns, from one value for
all rows, or (files alone, which have no keys) from a count of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from contracts.input_contracts import InputContract
from extract.source import ConfigurationError

if TYPE_CHECKING:
    import duckdb

SQL_TYPES = {"text": "varchar", "timestamp": "timestamp", "decimal": "decimal(18, 4)"}
ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us"),
    "decimal": pa.decimal128(18, 4),
}


@dataclass(frozen=True)
class Column:
    """Where a contract's column comes from; exactly one of the four is set."""

    field: str | None = None
    sql: str | None = None
    value: str | None = None
    number_within: tuple[str, ...] | None = None


def columns_of(given: Any, contract: InputContract, where: str, kind: str) -> dict[str, Column]:
    """The mapping of a data set, checked; ``kind`` says in messages what is mapped: a file, a table.

    Raises ConfigurationError.
    """
    if not isinstance(given, dict):
        raise ConfigurationError(f"{where}: columns must map the contract's columns to the {kind}'s.")
    mappable = [name for name in contract.columns if name != "dataset"]
    if unknown := [name for name in given if name not in mappable]:
        raise ConfigurationError(
            f"{where}: {unknown[0]!r} is no column of {contract.name}; there are {', '.join(mappable)}."
        )
    if missing := [name for name in contract.key if name != "dataset" and name not in given]:
        raise ConfigurationError(f"{where}: {missing[0]} is missing, and is part of the key of {contract.name}.")
    columns = {name: _column(name, value, where) for name, value in given.items()}
    for name, column in columns.items():
        for other in column.number_within or ():
            if other not in columns or columns[other].number_within is not None:
                raise ConfigurationError(f"{where}: {name} is numbered within {other!r}, which is not a mapped column.")
    return columns


def _column(name: str, value: Any, where: str) -> Column:
    if isinstance(value, str) and value:
        return Column(field=value)
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind == "sql" and isinstance(content, str) and content.strip():
            return Column(sql=content)
        if kind == "value" and content is not None:
            return Column(value=str(content))
        if kind == "number_within" and isinstance(content, list) and content and all(map(str, content)):
            return Column(number_within=tuple(map(str, content)))
    raise ConfigurationError(
        f"{where}: {name} must be a column's name, or one of {{sql: …}}, {{value: …}}, {{number_within: [columns]}}."
    )


def selected(kind: str, column: Column | None) -> str:
    """A value of the contract's type as an expression over the data set's columns; null when it is not mapped."""
    return f"cast({'null' if column is None else expression(column)} as {SQL_TYPES[kind]})"


def expression(column: Column) -> str:
    """What a column is made of, as SQL."""
    if column.field is not None:
        return quoted(column.field)
    if column.value is not None:
        return text(column.value)
    return f"({column.sql})"


def has_null_keys(batch: pa.RecordBatch | pa.Table, contract: InputContract) -> bool:
    """Whether a column of the contract's key has a null."""
    return any(batch.column(name).null_count for name in contract.key)


def plainly(error: duckdb.Error, kind: str) -> str:
    """DuckDB's first line, later ones repeat the query; of a value that does not fit only that, it may be personal."""
    import duckdb

    first = str(error).strip().splitlines()[0]
    values = isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException)
    if values or (isinstance(error, duckdb.InvalidInputException) and "CSV Error" not in first):
        first = "a value does not fit its column"
    return f"{first.rstrip('.')}; correct the {kind} or its mapping."


def quoted(name: str) -> str:
    """A column's name as DuckDB's SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as DuckDB's SQL."""
    return "'" + value.replace("'", "''") + "'"
