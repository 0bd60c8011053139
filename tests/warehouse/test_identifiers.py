"""A name from another system becomes one identifier, whatever is in it, or a sentence."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import exp, parse_one

from warehouse.base import TableName, WarehouseError
from warehouse.identifiers import (
    MAX_LENGTH,
    folded,
    name_from_stored,
    quote,
    quote_list,
    quote_table,
    refuse_collisions,
    stored_name,
)

HOSTILE = [
    'a"b',
    '"',
    '""',
    '";--',
    'x"; drop table t; --',
    "a`b",
    "a'b",
    "a]b[",
    "select",
    "order",
    "1st",
    "{{ env_var('HOME') }}",
    "{% raw %}",
    "%s",
    "?",
    ":1",
    "$1",
    "a.b",
    " lead",
    "\n",
    "\\",
    "\u212aelvin",
    "\u0440\u0430ypal",
    "\U0001f600",
    "a\u0301",
    "x" * MAX_LENGTH,
]
NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=MAX_LENGTH)


def examples(test):  # type: ignore[no-untyped-def]
    for name in HOSTILE:
        test = example(name=name)(test)
    return test


@examples
@given(name=NAMES)
@settings(max_examples=50, deadline=None)
def test_duckdb_gives_back_exactly_the_name(name: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create table t ({quote(name, 'duckdb')} integer)")
        described = connection.execute("select column_name from duckdb_columns() where table_name = 't'").fetchall()
        assert described == [(name,)]
        assert connection.execute(f"select {quote(name, 'duckdb')} from t").fetchall() == []


@examples
@given(name=NAMES)
@settings(max_examples=200, deadline=None)
def test_snowflake_reads_one_identifier_with_the_stored_name(name: str) -> None:
    parsed = parse_one(f"select {quote(name, 'snowflake')} as x", read="snowflake")
    columns = list(parsed.find_all(exp.Column))
    assert [column.name for column in columns] == [stored_name(name, "snowflake")]
    assert columns[0].this.quoted


@given(name=st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True).filter(lambda name: len(name) <= MAX_LENGTH))
def test_a_plain_name_is_found_unquoted_on_snowflake(name: str) -> None:
    assert quote(name, "snowflake") == f'"{name.upper()}"'
    assert name_from_stored(stored_name(name, "snowflake"), "snowflake") == name


@given(name=NAMES)
def test_the_way_back_differs_at_most_in_case(name: str) -> None:
    for dialect in ("duckdb", "snowflake"):
        assert folded(name_from_stored(stored_name(name, dialect), dialect)) == folded(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "without a name"),
        ("a\x00b", "NUL"),
        ("x" * (MAX_LENGTH + 1), "256 characters long"),
        ("\ud800", "not valid Unicode"),
    ],
    ids=["empty", "NUL", "too long", "surrogate"],
)
@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
def test_a_name_that_cannot_be_one_is_refused(name: str, message: str, dialect: str) -> None:
    with pytest.raises(WarehouseError, match=message):
        quote(name, dialect)


def test_names_are_joined_with_their_prefix() -> None:
    assert quote_list(["id", "Odd"], "snowflake", "t.") == 't."ID", t."Odd"'
    assert quote_table(TableName("raw_crm", 'or"der'), "duckdb", "my.file") == '"my.file"."raw_crm"."or""der"'


def test_one_name_in_two_cases_is_a_collision_and_look_alikes_are_not() -> None:
    refuse_collisions(["k", "\u212a", "\u043a", "\u0131", "i"], "t")
    with pytest.raises(WarehouseError, match="'Region__c' and 'region__C'"):
        refuse_collisions(["id", "Region__c", "region__C"], "t")
    with pytest.raises(WarehouseError, match="'id' and 'id'"):
        refuse_collisions(["id", "id"], "t")
