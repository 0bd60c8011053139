"""One file through its mapping, by columns, in a DuckDB of its own: typed record batches of a contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from extract.source import MalformedAnswer, Rejected
from extract.sources.files.config import Dataset
from extract.sources.input_mapping import has_null_keys, plainly, quoted, selected, text
from extract.sources.misfits import PLACE, Misfits

ROWS_A_BATCH = 50_000
MEMORY = "512MB"
# What DuckDB says of a value that does not fit; all else is about the file or the mapping.
MISFITS = (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException)


def batches(
    dataset: Dataset, local: Path, path: str, reject: Callable[[Sequence[Rejected]], None]
) -> Iterator[pa.RecordBatch]:
    """Rows of one file as the contract's columns and ``_file``; ``local`` is where the file ``path`` lies on disk.

    Rows with a value that does not fit, or without a key, are given to ``reject``. Raises MalformedAnswer naming data
    set and file when the file cannot be read, has no such column, or most of its rows do not fit.
    """
    where = f"Data set {dataset.name!r}, file {path}"
    with TemporaryDirectory(prefix="braid-mapping-") as scratch, duckdb.connect() as connection:
        # One thread keeps rows in the file's order, which numbering and repeatable runs rest on.
        settings = {"threads": "1", "timezone": "UTC", "memory_limit": MEMORY, "temp_directory": scratch}
        for name, value in settings.items():
            connection.execute(f"set {name} = {text(value)}")
        given = 0
        try:
            try:
                for batch in connection.sql(_query(dataset, local, path)).to_arrow_reader(ROWS_A_BATCH):
                    if has_null_keys(batch, dataset.contract):
                        break
                    yield batch
                    given += batch.num_rows
                else:
                    return
            except MISFITS:
                # Of which rows, is looked at next.
                pass
            yield from _good(connection, dataset, local, path, reject, given)
        except duckdb.Error as error:
            raise MalformedAnswer(f"{where}: {plainly(error, 'file')}") from None


def _good(
    connection: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    local: Path,
    path: str,
    reject: Callable[[Sequence[Rejected]], None],
    given: int,
) -> Iterator[pa.RecordBatch]:
    """The rows after the first ``given`` that fit; the others are rejected."""
    connection.execute(
        f"create temp table braid_source as select *, row_number() over () as {PLACE} from {_scan(dataset, local)}"
    )
    misfits = Misfits(connection, dataset.contract, dataset.columns, dataset.name)
    if problem := misfits.too_many():
        raise MalformedAnswer(f"Data set {dataset.name!r}, file {path}: {problem}; correct the file or its mapping.")
    numbers = _numbers(dataset)
    rows = f"select *{numbers} from ({misfits.mapped})"
    # Positions begin with the file's path: that is how they leave the quarantine when the file is replaced.
    reject([row for _, row in misfits.rejected(path, rows)])
    final = ", ".join(quoted(name) for name in dataset.contract.columns)
    yield from connection.sql(
        f"select {final}, {text(path)} as _file from ({rows})"
        f" where braid_names is null and not ({misfits.keyless}) and {PLACE} > {given} order by {PLACE}"
    ).to_arrow_reader(ROWS_A_BATCH)


def _query(dataset: Dataset, local: Path, path: str) -> str:
    columns = []
    for name, kind in dataset.contract.columns.items():
        if name == "dataset":
            columns.append(f"{text(dataset.name)} as dataset")
        elif (column := dataset.columns.get(name)) is None or column.number_within is None:
            columns.append(f"{selected(kind, column)} as {quoted(name)}")
    final = ", ".join(quoted(name) for name in dataset.contract.columns)
    # Rows that need no number stream through; numbering gathers them first.
    numbers = _numbers(dataset)
    numbering = f", numbered as (select *{numbers} from mapped)" if numbers else ""
    return f"""
        with source as (select *, row_number() over () as {PLACE} from {_scan(dataset, local)}),
        mapped as (select {PLACE}, {", ".join(columns)} from source)
        {numbering}
        select {final}, {text(path)} as _file
        from {f"numbered order by {PLACE}" if numbers else "mapped"}
    """


def _numbers(dataset: Dataset) -> str:
    """The columns that count rows, each with a comma before it."""
    found = ""
    for name, column in dataset.columns.items():
        if column.number_within is not None:
            within = ", ".join(quoted(other) for other in column.number_within)
            found += f", cast(row_number() over (partition by {within} order by {PLACE}) as varchar) as {quoted(name)}"
    return found


def _scan(dataset: Dataset, local: Path) -> str:
    file = text(str(local))
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
                f" delim = {text(dataset.delimiter)}, nullstr = {text(dataset.null)})"
            )
