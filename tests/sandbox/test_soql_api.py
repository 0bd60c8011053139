"""The pieces of Salesforce's stand-in that have rules of their own: SOQL, ids, pages of CSV."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.salesforce.bulk import Results, locator, row_of
from sandbox.salesforce.ids import normalised, to_18
from sandbox.salesforce.soql import (
    Aggregate,
    Comparison,
    FieldRef,
    FieldsOf,
    Junction,
    Literal,
    Not,
    SoqlError,
    parse,
)

pytestmark = pytest.mark.timeout(60)


def condition(text: str) -> Any:
    return parse(f"SELECT Id FROM Account WHERE {text}").where


def literal(text: str) -> Literal:
    found = condition(f"Name = {text}")
    assert isinstance(found, Comparison)
    return found.values[0]


class TestParser:
    def test_names_are_kept_as_written_and_keywords_read_in_any_case(self) -> None:
        query = parse("sElEcT id , NAME from aCCount order by name desc nulls last, ID limit 5 offset 2")
        assert [item.name for item in query.select if isinstance(item, FieldRef)] == ["id", "NAME"]
        assert query.entity.name == "aCCount"
        assert [(item.field.name, item.descending, item.nulls_first) for item in query.order_by] == [
            ("name", True, False),
            ("ID", False, True),
        ]
        assert (query.limit, query.offset) == (5, 2)

    def test_what_can_be_selected(self) -> None:
        assert parse("SELECT COUNT() FROM Account").is_plain_count
        query = parse("SELECT FIELDS(ALL), MAX(CreatedDate) newest, count(Id) FROM Account LIMIT 1")
        fields, newest, count = query.select
        assert fields == FieldsOf("ALL", 7)
        assert isinstance(newest, Aggregate)
        assert (newest.function, newest.alias) == ("MAX", "newest")
        assert isinstance(count, Aggregate)
        assert (count.function, count.alias) == ("COUNT", None)
        # A word that is a clause elsewhere is a name here.
        assert parse("SELECT Type, Fields FROM Account").select[1] == FieldRef("Fields", 13)

    def test_conditions_nest(self) -> None:
        found = condition("(A = 1 OR NOT B != 'x') AND C IN ('a', null) AND (NOT D NOT IN (1))")
        assert isinstance(found, Junction)
        first, second, third = found.conditions
        assert found.operator == "and"
        assert isinstance(first, Junction)
        assert first.operator == "or"
        assert isinstance(first.conditions[1], Not)
        assert isinstance(second, Comparison)
        assert [value.value for value in second.values] == ["a", None]
        assert isinstance(third, Not)

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("2024-01-01T00:00:00.000Z", datetime.fromisoformat("2024-01-01T00:00:00")),
            ("2024-01-01T00:00:00.1234567Z", datetime.fromisoformat("2024-01-01T00:00:00.123456")),
            ("2024-01-01T05:30:00+05:30", datetime.fromisoformat("2024-01-01T00:00:00")),
            ("2024-01-01T05:30:00-0100", datetime.fromisoformat("2024-01-01T06:30:00")),
            ("2024-02-29", date(2024, 2, 29)),
            ("-1.5e3", -1500.0),
            ("+7", 7),
            ("TRUE", True),
            ("null", None),
            ("last_n_days:30", "LAST_N_DAYS:30"),
            (r"'a\'b\\c\n\u00e9'", "a'b\\c\né"),
        ],
    )
    def test_literals(self, text: str, value: object) -> None:
        assert literal(text).value == value

    def test_like_keeps_what_was_escaped_apart(self) -> None:
        assert literal(r"'50\% of_%'").pattern == r"50\% of_%"
        assert literal(r"'50\% of_%'").value == "50% of_%"

    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
    def test_any_text_survives_quoting(self, text: str) -> None:
        escaped = text.replace("\\", "\\\\").replace("'", "\\'")
        assert literal(f"'{escaped}'").value == text

    @given(st.text(max_size=60))
    def test_any_other_text_is_refused_and_never_breaks_it(self, text: str) -> None:
        with pytest.raises(SoqlError):
            parse("SELECT Id FROM Account WHERE " + text + " ')")

    @pytest.mark.parametrize(
        ("text", "column"),
        [
            ("", None),
            ("SELECT", 7),
            ("SELECT FROM Account", 8),
            ("SELECT Id FROM Account WHERE", 29),
            ("SELECT Id FROM Account LIMIT x", 30),
            ("SELECT Id FROM Account WHERE A = 1 OR B = 2 AND C = 3", 45),
            ("SELECT Id FROM Account WHERE A IN ()", 36),
            ("SELECT Id FROM Account WHERE A = 2024-02-30", 34),
            ("SELECT UPPER(Name) FROM Account", 13),
            ("SELECT Id FROM Account; DROP", 23),
            ("SELECT Id,\nName,\n, FROM Account", 1),
        ],
    )
    def test_refusals_point_at_the_place(self, text: str, column: int | None) -> None:
        with pytest.raises(SoqlError) as caught:
            parse(text)
        assert caught.value.code == "MALFORMED_QUERY"
        if column is not None:
            assert f":Column:{column}\n" in caught.value.message


class TestIds:
    @pytest.mark.parametrize("known", ["001A0000006Vm9rIAC", "01gRO0000016PIAYA2"])
    def test_the_suffix_is_the_vendors(self, known: str) -> None:
        assert to_18(known[:15]) == known
        assert normalised(known[:15]) == known

    @pytest.mark.parametrize("text", ["", "001", "001A0000006Vm9rIA", "001A0000006Vm9r-AC", "001A0000006Vm9rIAC1"])
    def test_what_is_no_id(self, text: str) -> None:
        assert normalised(text) is None


class TestPages:
    VALUES = ("", "plain", 'a "quote"', "two\nlines", "crlf\r\n", "comma,", "nul\x00", "\u2028", "NA", "\r")

    def results(self, rows: int, eol: str = "\n") -> tuple[Results, list[list[str]]]:
        data = [[str(n), self.VALUES[n % len(self.VALUES)]] for n in range(rows)]
        schema = pa.schema([("a", pa.string()), ("b", pa.string())])
        table = pa.Table.from_arrays([pa.array([row[n] for row in data], pa.string()) for n in (0, 1)], schema=schema)
        results = Results(["a", "b"], ",", eol)
        # Batches that do not end where the index's stretches do.
        results.render(pa.RecordBatchReader.from_batches(schema, table.to_batches(max_chunksize=700)))
        return results, data

    @settings(max_examples=60, deadline=None)
    @given(rows=st.integers(0, 3100), size=st.integers(1, 3200), eol=st.sampled_from(["\n", "\r\n"]))
    def test_pages_together_are_the_rows(self, rows: int, size: int, eol: str) -> None:
        results, data = self.results(rows, eol)
        assert results.rows == rows
        found: list[list[str]] = []
        for start in range(0, rows, size):
            page = b"".join(results.page(start, min(start + size, rows))).decode()
            parsed = list(csv.reader(io.StringIO(page, newline="")))
            assert parsed[0] == ["a", "b"]
            found += parsed[1:]
        assert found == data

    def test_a_page_has_the_same_bytes_wherever_it_is_cut(self) -> None:
        results, _ = self.results(2500)
        whole = b"".join(results.page(0, 2500))
        header = results.header
        pieces = [b"".join(results.page(start, min(start + 613, 2500))) for start in range(0, 2500, 613)]
        assert header + b"".join(piece.removeprefix(header) for piece in pieces) == whole

    def test_locators(self) -> None:
        assert locator(10000) == "MTAwMDA"
        assert row_of("MTAwMDA") == 10000
        assert [row_of(text) for text in ("null", "###", "LTE", "")] == [None] * 4
