"""What Salesforce's Bulk CSV holds is read as it is meant, and what does not fit is named with its place."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from warehouse.base import CsvPages, Warehouse, WarehouseError
from warehouse.duckdb import DuckDBWarehouse

TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "whole": pa.int64(),
    "amount": pa.decimal128(18, 2),
    "ratio": pa.float64(),
    "flag": pa.bool_(),
    "day": pa.date32(),
    "at": pa.timestamp("us"),
    "clock": pa.time64("us"),
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """DuckDB alone: on Snowflake it is Snowflake that reads the pages, and its fake has another reader."""
    with DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"threads": 2}) as opened:
        yield opened


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[arg-type, misc]


def page(folder: Path, content: str | bytes, name: str = "page-1.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def read(warehouse: Warehouse, paths: tuple[Path, ...], schema: pa.Schema, order: str = "1") -> list[tuple[Any, ...]]:
    with warehouse.stage(CsvPages(paths, schema), constants={}) as staged:
        return [tuple(row.values()) for row in warehouse.rows(f"select * from {staged.sql} order by {order}")]


def read_one(warehouse: Warehouse, folder: Path, column: str, written: str) -> Any:
    path = page(folder, f'"Id","{column}"\n"1",{written}\n')
    schema = pa.schema([("id", pa.string()), (column, TYPES[column])])
    return read(warehouse, (path,), schema)[0][1]


@pytest.mark.parametrize(
    ("column", "written", "expected"),
    [
        ("text", '"NA"', "NA"),
        ("text", '"null"', "null"),
        ("text", '"NULL"', "NULL"),
        ("text", '"None"', "None"),
        ("text", '""', None),
        ("text", "", None),
        ("text", '" "', " "),
        ("text", '" padded "', " padded "),
        ("text", '"007"', "007"),
        ("text", '"say ""hi"""', 'say "hi"'),
        ("text", '"a\nb"', "a\nb"),
        ("text", '"a\r\nb\rc"', "a\r\nb\rc"),
        ("text", '"a\u2028b\u2029c\u0085d"', "a\u2028b\u2029c\u0085d"),
        ("text", '"1,5"', "1,5"),
        ("text", '"back\\slash\\"', "back\\slash\\"),
        ("text", '"#not a comment"', "#not a comment"),
        ("text", '"\U0001f600 é e\u0301"', "\U0001f600 é e\u0301"),
        ("whole", '"3"', 3),
        ("whole", '"3.0"', 3),
        ("whole", '"0.00"', 0),
        ("whole", '"-12"', -12),
        ("whole", '"9223372036854775807"', 2**63 - 1),
        ("whole", '"9007199254740993.0"', 2**53 + 1),
        ("whole", '""', None),
        ("amount", '"950000000.0"', Decimal("950000000.00")),
        ("amount", '"9.5E8"', Decimal("950000000.00")),
        ("amount", '"0.1"', Decimal("0.10")),
        ("amount", '"2.675"', Decimal("2.68")),
        ("amount", '"-2.675"', Decimal("-2.68")),
        ("amount", '"1234567890123456.78"', Decimal("1234567890123456.78")),
        ("amount", '""', None),
        ("ratio", '"3.0"', 3.0),
        ("ratio", '"1.0E-7"', 1e-7),
        ("flag", '"true"', True),
        ("flag", '"false"', False),
        ("flag", '""', None),
        ("day", '"2024-02-29"', date(2024, 2, 29)),
        ("day", '"1700-01-01"', date(1700, 1, 1)),
        ("day", '"4000-12-31"', date(4000, 12, 31)),
        ("day", '""', None),
        ("at", '"2023-10-22T06:25:12.000Z"', utc(2023, 10, 22, 6, 25, 12)),
        ("at", '"2023-10-22T06:25:12.345Z"', utc(2023, 10, 22, 6, 25, 12, 345000)),
        ("at", '"2023-10-22T06:25:12.000+0000"', utc(2023, 10, 22, 6, 25, 12)),
        ("at", '"2023-10-22T06:25:12.000+02:00"', utc(2023, 10, 22, 4, 25, 12)),
        ("at", '"2023-10-22T06:25:12"', utc(2023, 10, 22, 6, 25, 12)),
        ("at", '"1700-01-01T00:00:00.000Z"', utc(1700, 1, 1)),
        ("at", '""', None),
        ("clock", '"10:11:12.000Z"', time(10, 11, 12)),
    ],
    ids=lambda value: ascii(value)[:40] if isinstance(value, str) else "",
)
def test_a_value_is_read_as_meant(
    warehouse: Warehouse, tmp_path: Path, column: str, written: str, expected: object
) -> None:
    assert read_one(warehouse, tmp_path, column, written) == expected


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("whole", "4.5"),
        ("whole", "1e3x"),
        ("whole", "9223372036854775808"),
        ("whole", " "),
        ("amount", "12345678901234567.00"),
        ("amount", "12,5"),
        ("ratio", "much"),
        ("flag", "maybe"),
        ("day", "2024-02-30"),
        ("day", "01/02/2024"),
        ("at", "yesterday"),
        ("clock", "25:00:00"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_file_line_and_column(
    warehouse: Warehouse, tmp_path: Path, column: str, value: str
) -> None:
    schema = pa.schema([("id", pa.string()), ("note", pa.string()), (column, TYPES[column])])
    good = page(tmp_path, '"Id","Note","X"\n"1","",""\n')
    # The record with the mistake begins on line 4: the one before has a line break inside.
    bad = page(tmp_path, f'"Id","Note","X"\n"2","two\nlines",""\n"3","",{quoted(value)}\n"4","",""\n', "page-2.csv")
    with pytest.raises(WarehouseError, match=rf"page-2\.csv, line 4, column {column}") as caught:
        read(warehouse, (good, bad), schema)
    assert value.strip() == "" or value not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('"Id","Name"\n"1","a"\n"2"\n', r"page-1\.csv, line 3: a record has 1 columns instead of 2"),
        ('"Id","Name"\n"1","a"\n"2","b","c"\n', r"page-1\.csv, line 3: a record has 3 columns instead of 2"),
        ('"Id","Name"\n"1","a"\n"2","b', r"page-1\.csv, line 3: a quoted value does not end"),
        (b'"Id","Name"\n"1","\xff\xfe"\n', r"page-1\.csv, line 2: the text is not UTF-8"),
        ("", r"page-1\.csv is empty"),
    ],
    ids=["a column short", "a column too many", "cut off", "not UTF-8", "empty"],
)
def test_a_malformed_page_is_one_sentence(
    warehouse: Warehouse, tmp_path: Path, content: str | bytes, message: str
) -> None:
    schema = pa.schema([("id", pa.string()), ("name", pa.string())])
    with pytest.raises(WarehouseError, match=message):
        read(warehouse, (page(tmp_path, content),), schema)


def test_pages_with_different_headers_are_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.string()), ("name", pa.string())])
    paths = page(tmp_path, '"Id","Name"\n"1","a"\n'), page(tmp_path, '"Id","Title"\n"2","b"\n', "page-2.csv")
    with pytest.raises(WarehouseError, match=r"page-2\.csv has other columns than page-1\.csv"):
        read(warehouse, paths, schema)


def test_a_page_may_have_no_rows_no_last_line_break_or_crlf(warehouse: Warehouse, tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.string()), ("name", pa.string())])
    paths = (
        page(tmp_path, '"Id","Name"\n', "a.csv"),
        page(tmp_path, '"Id","Name"\n"1","a"', "b.csv"),
        page(tmp_path, '"Id","Name"\r\n"2","b\nc"\r\n', "c.csv"),
    )
    assert read(warehouse, paths, schema) == [("1", "a"), ("2", "b\nc")]


def test_a_file_name_is_never_a_pattern_or_sql(warehouse: Warehouse, tmp_path: Path) -> None:
    page(tmp_path, '"Id"\n"wrong"\n', "page-1.csv")
    paths = (page(tmp_path, '"Id"\n"right"\n', "it's.csv"),)
    assert read(warehouse, paths, pa.schema([("id", pa.string())])) == [("right",)]


def test_a_column_name_is_never_sql(warehouse: Warehouse, tmp_path: Path) -> None:
    name = 'x\'; drop table "y" -- {{ z }}'
    assert read(warehouse, (page(tmp_path, '"Id"\n"1"\n'),), pa.schema([(name, pa.int64())])) == [(1,)]


def test_long_texts_and_text_that_looks_like_records(warehouse: Warehouse, tmp_path: Path) -> None:
    """The reader splits a file among threads by guessing where a record begins; text like this misleads a bad guess."""
    chance = random.Random(1)
    shapes = ["plain", 'x","y\n', '"1","2"\n"3","4"\n' * 30, "\n\n\n", '","', '"', ""]
    expected = [(number, chance.choice(shapes) or None) for number in range(40_000)]
    expected.append((40_000, "long " * 200_000))
    lines = ['"Id","Text"', *(f'"{number}",{quoted(text or "")}' for number, text in expected)]
    path = page(tmp_path, "\n".join(lines) + "\n")
    assert path.stat().st_size > 4_000_000
    assert read(warehouse, (path,), pa.schema([("id", pa.int64()), ("text", pa.string())])) == expected
