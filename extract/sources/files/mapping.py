"""One file through its mapping, by columns, in a DuckDB of its own: typed record batches of a contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from extract.source import MalformedAnswer
from extract.sources.files.config import Column, Dataset

ROWS_A_BATCH = 50_000
MEMORY = "512MB"
SQL_TYPES = {"text": "varchar", "timestamp": "timestamp", "decimal": "decimal(18, 4)"}
ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us"),
    "decimal": pa.decimal128(18, 4),
}
# The row's place in its file: what tells two equal rows apart.
PLACE = "_braid_place"


def batches(dataset: Dataset, local: Path, path: str) -> Iterator[pa.RecordBatch]:
    """Rows of one file as the contract's columns and ``_file``; ``local`` is where the file ``path`` lies on disk.

    Raises MalformedAnswer naming data set and file: a value that does not fit, a null in the key, a missing column.
    """
    where = f"Data set {dataset.name!r}, file {path}"
    with TemporaryDirectory(prefix="braid-mapping-") as scratch, duckdb.connect() as connection:
        # One thread keeps rows in the file's order, which numbering and repeatable runs rest on.
        settings = {"threads": "1", "timezone": "UTC", "memory_limit": MEMORY, "temp_directory": scratch}
        for name, value in settings.items():
            connection.execute(f"set {name} = {_text(value)}")
        try:
            relation = connection.sql(_query(dataset, local, path))
            for batch in relation.to_arrow_reader(ROWS_A_BATCH):
                _refuse_null_keys(batch, dataset, where)
                yield batch
        except duckdb.Error as error:
            raise MalformedAnswer(f"{where}: {_plainly(error)}") from None


def _query(dataset: Dataset, local: Path, path: str) -> str:
    columns = []
    for name, kind in dataset.contract.columns.items():
        if name == "dataset":
            columns.append(f"{_text(dataset.name)} as dataset")
        elif (column := dataset.columns.get(name)) is None:
            columns.append(f"cast(null as {SQL_TYPES[kind]}) as {_name(name)}")
        elif column.number_within is None:
            columns.append(f"cast({_expression(column)} as {SQL_TYPES[kind]}) as {_name(name)}")
    numbered = []
    for name, column in dataset.columns.items():
        if column.number_within is not None:
            within = ", ".join(_name(other) for other in column.number_within)
            numbered.append(
                f"cast(row_number() over (partition by {within} order by {PLACE}) as varchar) as {_name(name)}"
            )
    final = ", ".join(_name(name) for name in dataset.contract.columns)
    # Rows that need no number stream through; numbering gathers them first.
    numbering = f", numbered as (select *, {', '.join(numbered)} from mapped)" if numbered else ""
    return f"""
        with source as (select *, row_number() over () as {PLACE} from {_scan(dataset, local)}),
        mapped as (select {PLACE}, {", ".join(columns)} from source)
        {numbering}
        select {final}, {_text(path)} as _file
        from {f"numbered order by {PLACE}" if numbered else "mapped"}
    """


def _scan(dataset: Dataset, local: Path) -> str:
    file = _text(str(local))
    match dataset.format_of(str(local)):
        case "parquet":
            return f"read_parquet({file})"
        case "json":
            return f"read_json({file}, format = 'newline_delimited', sample_size = -1)"
        case "lines":
            # A separator no text has: each line is one column.
            return (
                f"read_csv({file}, auto_detect = false, header = false, skip = {dataset.skip}, delim = chr(1),"
                " quote = '', escape = '', columns = {'line': 'varchar'})"
            )
        case _:
            return (
                f"read_csv({file}, all_varchar = true, header = {str(dataset.header).lower()}, skip = {dataset.skip},"
                f" delim = {_text(dataset.delimiter)}, nullstr = {_text(dataset.null)})"
            )


def _expression(column: Column) -> str:
    if column.field is not None:
        return _name(column.field)
    if column.value is not None:
        return _text(column.value)
    return f"({column.sql})"


def _refuse_null_keys(batch: pa.RecordBatch, dataset: Dataset, where: str) -> None:
    for name in dataset.contract.key:
        if nulls := batch.column(name).null_count:
            raise MalformedAnswer(
                f"{where}: {nulls} rows have no {name}, which is part of the key; map it from a column that is never "
                "empty, or leave those rows out of the file."
            )


def _plainly(error: duckdb.Error) -> str:
    """DuckDB's first line; its later ones repeat the query."""
    first = str(error).strip().splitlines()[0]
    return f"{first.rstrip('.')}; correct the file or its mapping."


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
