"""Spooled CSV pages as a DuckDB relation, and its errors in our words.

DuckDB's reader does the work; three of its habits are corrected here. It reads ``4.5`` into an integer column as 5:
such columns are read as text and checked. It drops the offset of ``…+02:00`` when reading a timestamp: they are read
with their zone. It passes over an empty file and never compares headers: both are looked at first.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from warehouse.base import CsvPages, WarehouseError
from warehouse.identifiers import quote
from warehouse.types import sql_type

# A record may be this long: Salesforce's longest text field has 131,072 characters, and an object several of them.
MAX_RECORD_BYTES = 32 * 1024 * 1024
_HEADER_BYTES = 4 * 1024 * 1024

_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_PLACE = re.compile(r"CSV Error on Line: (\d+)")
_COLUMN = re.compile(r'Error when converting column "(.*?)"\. Could not')
_FILE = re.compile(r"^\s*file = (.*)$", re.MULTILINE)


def sql_string(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def csv_relation(pages: CsvPages) -> str:
    """A ``select`` giving the pages' columns with their final names and types, read afresh each time it runs."""
    _check_headers(pages.paths)
    read_types: list[str] = []
    columns: list[str] = []
    for field in pages.schema:
        name = quote(field.name, "duckdb")
        final = sql_type(field.type, "duckdb", f"Column {field.name!r}")
        read_as = final
        column = name
        if pa.types.is_integer(field.type):
            read_as = "varchar"
            column = (
                f"case when {name} is null or regexp_full_match({name}, {sql_string(_WHOLE.pattern)})"
                f" then cast({name} as {final}) else error('not a whole number') end as {name}"
            )
        elif pa.types.is_timestamp(field.type):
            read_as = "timestamptz"
            column = f"cast({name} as {final}) as {name}"
        read_types.append(f"{sql_string(field.name)}: {sql_string(read_as)}")
        columns.append(column)
    if not pages.paths:
        nothing = [f"cast(null as {sql_type(f.type, 'duckdb')}) as {quote(f.name, 'duckdb')}" for f in pages.schema]
        return f"select {', '.join(nothing)} where false"
    files = ", ".join(sql_string(str(path)) for path in pages.paths)
    return (
        f"select {', '.join(columns)} from read_csv([{files}], auto_detect = false, header = true, delim = ',',"
        f" quote = '\"', escape = '\"', nullstr = '', strict_mode = true, max_line_size = {MAX_RECORD_BYTES},"
        f" columns = {{{', '.join(read_types)}}})"
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
        where = f"{Path(file[1]).name}, line {place[1]}"
        if column := _COLUMN.search(text):
            return _does_not_fit(where, column[1], pages.schema)
        reason = "a record is cut short, too long, or not UTF-8"
        if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
            reason = f"a record has {counts[2]} columns instead of {counts[1]}"
        elif "unterminated quote" in text:
            reason = "a quoted value does not end"
        elif "Invalid unicode" in text:
            reason = "the text is not UTF-8"
        return WarehouseError(f"{where}: {reason}; read the page again.")
    for path, line, name in _misfits(pages):
        return _does_not_fit(f"{path.name}, line {line}", name, pages.schema)
    return WarehouseError(f"The pages cannot be read: {text.splitlines()[0]}")


def _does_not_fit(where: str, column: str, schema: pa.Schema) -> WarehouseError:
    index = schema.get_field_index(column)
    wanted = schema.field(index).type if index >= 0 else "the expected type"
    return WarehouseError(
        f"{where}, column {column}: the value is not a valid {wanted}; check the field in the source."
    )


def _misfits(pages: CsvPages) -> Iterator[tuple[Path, int, str]]:
    """Integer values that are none, with the line their record begins at. Slow, and only run after an error."""
    integers = [(at, field.name) for at, field in enumerate(pages.schema) if pa.types.is_integer(field.type)]
    limit = csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        for path in pages.paths:
            with path.open(encoding="utf-8", errors="replace", newline="") as file:
                reader = csv.reader(file)
                next(reader, None)
                line = reader.line_num + 1
                for record in reader:
                    for at, name in integers:
                        value = record[at] if at < len(record) else ""
                        if value and not (_WHOLE.fullmatch(value) and -(2**63) <= int(value.split(".")[0]) < 2**63):
                            yield path, line, name
                    line = reader.line_num + 1
    finally:
        csv.field_size_limit(limit)
