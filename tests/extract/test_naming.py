"""Column names from hostile field names: always usable, never two fields in one column, whatever the order."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extract.naming import LONGEST, OURS, columns_of, snake_case
from warehouse.identifiers import folded, quote

USABLE = re.compile(r"[a-z_][a-z0-9_]*")
HOSTILE = st.one_of(
    st.text(max_size=300),
    st.sampled_from(
        [
            'a"b',
            "a`b",
            "x;--",
            "x\x00y",
            "{{ evil }}",
            "select",
            "Ⅷ",
            "naïve",
            "\u017f",
            "İ",
            "_run_id",
            "1st",
            "",
            "__",
            "\u041a",
        ]
    ),
)


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("StageName", "stage_name"),
        ("Region__c", "region__c"),
        ("MasterRecordId", "master_record_id"),
        ("Web_User_Id__c", "web_user_id__c"),
        ("HTTPServer", "http_server"),
        ("Id", "id"),
        ("IsWon", "is_won"),
        ("Top10List", "top10_list"),
        ("1stOrder", "_1st_order"),
        ("ns__Field__c", "ns__field__c"),
        ("a b-c", "a_b_c"),
    ],
)
def test_api_names_become_snake_case(field: str, column: str) -> None:
    assert snake_case(field) == column


@given(HOSTILE)
@example("\ud800")
@example("A" * 5000)
def test_any_name_becomes_a_plain_column(field: str) -> None:
    column = snake_case(field)
    assert USABLE.fullmatch(column)
    assert len(column) <= LONGEST + 1
    for dialect in ("duckdb", "snowflake"):
        quote(column, dialect)


@given(st.lists(HOSTILE, unique=True), st.randoms())
@settings(max_examples=200)
@example(["Amount", "amount", "AMOUNT", "amount_" + "0" * 8], None)
@example(["_run_id", "_Run_Id", "_is_deleted"], None)
def test_fields_never_meet_in_one_column_in_any_order(fields: list[str], random: object) -> None:
    columns = columns_of(fields)
    assert list(columns) == fields
    assert len({folded(column) for column in columns.values()}) == len(fields)
    assert not OURS & set(columns.values())
    assert columns_of(list(reversed(fields))) == columns
    assert all(USABLE.fullmatch(column) for column in columns.values())


def test_a_newcomer_that_sorts_later_takes_no_name_away() -> None:
    before = columns_of(["Region", "Amount"])
    after = columns_of(["Region", "Amount", "amount"])
    assert {name: after[name] for name in before} == before


def test_a_field_called_like_the_suffix_of_another_is_told_apart_too() -> None:
    """The second of two fields gets a suffix that a third field already is."""
    suffixed = columns_of(["A", "a"])["a"]
    assert suffixed != "a"
    columns = columns_of(["A", "a", suffixed])
    assert len(set(columns.values())) == 3
