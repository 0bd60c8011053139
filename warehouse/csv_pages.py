"""Spooled CSV pages as a DuckDB relation, and its errors in our words.

DuckDB's reader does the work; three of its habits are corrected here. It reads ``4.5`` into an integer column as 5,
and drops the offset of ``…+02:00`` when reading a timestamp: such columns are read as text, checked and cast. It passes
over an empty file and never compares headers: both are looked at first.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from warehouse.base import BadRows, CsvPages, ParquetFiles, WarehouseError
from warehouse.identifiers import quote
from warehouse.types import sql_type

# A record may be this long: Salesforce's longest text field has 131,072 characters, and an object several of them.
MAX_RECORD_BYTES = 32 * 1024 * 1024
_HEADER_BYTES = 4 * 1024 * 1024

_WHOLE = r"[+-]?[0-9]+(\.0*)?"
_PLACE = re.compile(r"CSV Error on Line: (\d+)")
_COLUMN = re.compile(r'Error when converting column "(.*?)"\. Could not')
_COUNTS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_FILE = re.compile(r"^\s*file = (.*)$", re.MULTILINE)


def sql_string(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def csv_relation(pages: CsvPages) -> str:
    """A ``select`` giving the pages' columns with their final names and types, read afresh each time it runs.

    The session's TimeZone must be UTC.
    """
    _check_headers(pages.paths)
    finals = [sql_type(field.type, "duckdb", f"Column {field.name!r}") for field in pages.schema]
    if not pages.paths:
        nothing = zip(finals, pages.schema.names, strict=True)
        columns = [f"cast(null as {final}) as {quote(name, 'duckdb')}" for final, name in nothing]
        return f"select {', '.join(columns)} where false"
    columns, read_types = [], []
    for field, final in zip(pages.schema, finals, strict=True):
        name = quote(field.name, "duckdb")
        if (misfit := _misfit(field)) is None:
            read_types.append(final)
            columns.append(name)
            continue
        read_types.append("varchar")
        cast = f"cast({name} as {final})"
        if pa.types.is_timestamp(field.type):
            cast = f"cast(cast({name} as timestamptz) as {final})"
        else:
            cast = f"case when {misfit} then error('does not fit') else {cast} end"
        columns.append(f"{cast} as {name}")
    return f"select {', '.join(columns)} from {_read_csv(pages.paths, pages.schema.names, read_types)}"


class BadRow(NamedTuple):
    """A row that cannot be stored: as JSON, which columns do not fit, its key as text (None: it has none).

    ``cursor`` and ``is_deleted`` are its values there, as far as they can be read.
    """

    payload: str
    columns: list[str]
    key: str | None
    cursor: datetime | None
    is_deleted: bool


def split(
    batch: CsvPages | ParquetFiles, key: Sequence[str], target: Path, *, cursor: str | None = None
) -> tuple[ParquetFiles, list[BadRow]]:
    """The rows of a batch that can be stored, written to ``target``, and those that cannot.

    Slow, and only needed when something is wrong: every value is tried. Raises WarehouseError for what is no CSV.
    """
    names = [quote(name, "duckdb") for name in batch.schema.names]
    finals = [sql_type(field.type, "duckdb", f"Column {field.name!r}") for field in batch.schema]
    with duckdb.connect(config={"threads": 2, "memory_limit": "512MB"}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        if isinstance(batch, CsvPages):
            text = _read_csv(batch.paths, batch.schema.names, ["varchar"] * len(names))
            casts = [_tried(field, final) for field, final in zip(batch.schema, finals, strict=True)]
        else:
            text = f"read_parquet([{', '.join(sql_string(str(path)) for path in batch.paths)}])"
            casts = list(names)
        by_name = dict(zip(batch.schema.names, casts, strict=True))
        wrong = [
            f"case when {name} is not null and {cast} is null then {sql_string(field.name)} end"
            for name, cast, field in zip(names, casts, batch.schema, strict=True)
        ]
        wrong += [f"case when {quote(name, 'duckdb')} is null then {sql_string(name)} end" for name in key]
        bad = f"list_filter([{', '.join(wrong)}], lambda found: found is not null)"
        columns = ", ".join(f"{cast} as {name}" for name, cast in zip(names, casts, strict=True))
        row = ", ".join(f"{sql_string(field.name)}: {name}" for field, name in zip(batch.schema, names, strict=True))
        keys = [quote(name, "duckdb") for name in key]
        there = " and ".join(f"{name} is not null" for name in keys)
        whole = f"case when {there} then concat_ws('|', {', '.join(keys)}) end"
        flag = next((by_name[name] for name in ("_is_deleted", "is_deleted") if name in by_name), "false")
        moment = by_name.get(cursor or "", "null")
        try:
            connection.execute(
                f"copy (select {columns} from {text} where len({bad}) = 0)"
                f" to {sql_string(str(target))} (format parquet)"
            )
            found = connection.execute(
                f"select cast(to_json({{{row}}}) as varchar), {bad}, {whole}, cast({moment} as timestamp),"
                f" coalesce({flag}, false) from {text} where len({bad}) > 0 order by 1"
            ).fetchall()
        except duckdb.Error as error:
            if isinstance(batch, CsvPages):
                raise WarehouseError(str(explain(error, batch))) from None
            raise WarehouseError("A batch could not be looked at row by row; try again.") from None
    return ParquetFiles((target,), batch.schema), [BadRow(*one) for one in found]


def _tried(field: pa.Field[pa.DataType], final: str) -> str:
    """SQL: a column's text as its type, null when it is none."""
    name = quote(field.name, "duckdb")
    if pa.types.is_timestamp(field.type):
        return f"cast(try_cast({name} as timestamptz) as {final})"
    if pa.types.is_integer(field.type):
        return f"case when regexp_full_match({name}, {sql_string(_WHOLE)}) then try_cast({name} as {final}) end"
    return f"try_cast({name} as {final})"


def _misfit(field: pa.Field[pa.DataType]) -> str | None:
    """For a column that is read as text: SQL that is true for a text that is no such value."""
    name = quote(field.name, "duckdb")
    if pa.types.is_integer(field.type):
        return f"{name} is not null and not regexp_full_match({name}, {sql_string(_WHOLE)})"
    if pa.types.is_timestamp(field.type):
        return f"{name} is not null and try_cast({name} as timestamptz) is null"
    return None


def _read_csv(paths: Sequence[Path], names: Sequence[str], types: Sequence[str], options: str = "") -> str:
    files = ", ".join(sql_string(str(path)) for path in paths)
    columns = ", ".join(f"{sql_string(name)}: {sql_string(type_)}" for name, type_ in zip(names, types, strict=True))
    return (
        f"read_csv([{files}], auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"',"
        f" nullstr = '', strict_mode = true, max_line_size = {MAX_RECORD_BYTES}, columns = {{{columns}}}{options})"
    )


def _check_headers(paths: tuple[Path, ...]) -> None:
    first: bytes | None = None
    for path in paths:
        with path.open("rb") as file:
            header = file.readline(_HEADER_BYTES)
        if not header.strip():
            raise WarehouseError(f"{path.name} is empty, it lacks even a header: read the page again.")
        if first is None:
            first = header
        elif header.rstrip(b"\r\n") != first.rstrip(b"\r\n"):
            raise WarehouseError(f"{path.name} has other columns than {paths[0].name}: read the object again.")


def explain(error: Exception, pages: CsvPages) -> WarehouseError:
    """The reader's error as one sentence with file, line and column. The value is left out: it may be personal."""
    text = str(error)
    place, file = _PLACE.search(text), _FILE.search(text)
    if place and file:
        # What DuckDB calls a line is a record, the header being the first.
        path, record = Path(file[1]), int(place[1]) - 1
        if column := _COLUMN.search(text):
            return _does_not_fit(path, record, column[1], pages.schema)
        reason = "a record is cut short or too long"
        if counts := _COUNTS.search(text):
            reason = f"a record has {counts[2]} columns instead of {counts[1]}"
        elif "unterminated quote" in text:
            reason = "a quoted value does not end"
        elif "Invalid unicode" in text:
            reason = "the text is not UTF-8"
        return WarehouseError(f"{path.name}, line {_line_of(path, record)}: {reason}; read the page again.")
    for field in pages.schema:
        if found := _first_misfit(pages, field):
            return _does_not_fit(*found, field.name, pages.schema)
    # Its own words may quote a value.
    return WarehouseError(f"The pages cannot be read ({type(error).__name__}); try again.")


def _does_not_fit(path: Path, record: int, column: str, schema: pa.Schema) -> WarehouseError:
    wanted = schema.field(column).type if column in schema.names else "value"
    return BadRows(
        f"{path.name}, line {_line_of(path, record)}, column {column}: the value is not a valid {wanted};"
        " check the field in the source."
    )


def _first_misfit(pages: CsvPages, field: pa.Field[pa.DataType]) -> tuple[Path, int] | None:
    """File and record of the first text that is no value of the column. Slow, and only looked for after an error."""
    if (misfit := _misfit(field)) is None:
        return None
    final = sql_type(field.type, "duckdb")
    name = quote(field.name, "duckdb")
    if pa.types.is_integer(field.type):
        misfit = f"({misfit}) or ({name} is not null and try_cast({name} as {final}) is null)"
    # One thread, in the order of the file: then a row number is a record number.
    with duckdb.connect(config={"threads": 1}) as connection:
        for path in pages.paths:
            text = _read_csv([path], pages.schema.names, ["varchar"] * len(pages.schema), ", parallel = false")
            numbered = f"select row_number() over () as record, {name} from {text}"
            rows = connection.execute(f"select min(record) from ({numbered}) where {misfit}").fetchall()
            if rows[0][0] is not None:
                return path, int(rows[0][0])
    return None


def _line_of(path: Path, record: int) -> int:
    """The line a record begins at, counted from 1; a record with line breaks inside takes several."""
    limit = csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            reader = csv.reader(file)
            for _ in range(record):
                next(reader)
            return reader.line_num + 1
    except (csv.Error, StopIteration, OSError):
        return record + 1
    finally:
        csv.field_size_limit(limit)
