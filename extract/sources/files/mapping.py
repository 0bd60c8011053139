"""One file through its mapping, by columns, in a DuckDB of its own: typed record batches of a contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from extract.source import MalformedAnswer
from extract.sources.files.config import Dataset
from extract.sources.input_mapping import plainly, quoted, refuse_null_keys, selected, text

ROWS_A_BATCH = 50_000
MEMORY = "512MB"
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
            connection.execute(f"set {name} = {text(value)}")
        try:
            relation = connection.sql(_query(dataset, local, path))
            for batch in relation.to_arrow_reader(ROWS_A_BATCH):
                refuse_null_keys(batch, dataset.contract, where, "file")
                yield batch
        except duckdb.Error as error:
            raise MalformedAnswer(f"{where}: {plainly(error, 'file')}") from None


def _query(dataset: Dataset, local: Path, path: str) -> str:
    columns = []
    for name, kind in dataset.contract.columns.items():
        if name == "dataset":
            columns.append(f"{text(dataset.name)} as dataset")
        elif (column := dataset.columns.get(name)) is None or column.number_within is None:
            columns.append(selected(name, kind, column))
    numbered = []
    for name, column in dataset.columns.items():
        if column.number_within is not None:
            within = ", ".join(quoted(other) for other in column.number_within)
            numbered.append(
                f"cast(row_number() over (partition by {within} order by {PLACE}) as varchar) as {quoted(name)}"
            )
    final = ", ".join(quoted(name) for name in dataset.contract.columns)
    # Rows that need no number stream through; numbering gathers them first.
    numbering = f", numbered as (select *, {', '.join(numbered)} from mapped)" if numbered else ""
    return f"""
        with source as (select *, row_number() over () as {PLACE} from {_scan(dataset, local)}),
        mapped as (select {PLACE}, {", ".join(columns)} from source)
        {numbering}
        select {final}, {text(path)} as _file
        from {f"numbered order by {PLACE}" if numbered else "mapped"}
    """


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
