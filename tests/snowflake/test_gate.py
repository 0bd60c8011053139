"""The gate on both warehouses: a graph with one giant is held, published when approved, and taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.snowflake import shop
from tests.snowflake.conftest import Day
from tests.snowflake.gate_days import BOOKS, BUILDS, COMPARED
from tests.snowflake.test_two_days import assert_same_rows

pytestmark = [pytest.mark.timeout(1200)]

PLACES = ("duckdb", "snowflake")
Rows = list[tuple[Any, ...]]


def said(day: Day, place: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(day, place) / "said.json").read_text())
    return found


def folder(day: Day, place: str) -> Path:
    return day.duckdb if place == "duckdb" else day.snowflake


def rows(day: Day, place: str, build: str, sql: str, *tables: str) -> Rows:
    """A query over tables of a build, each a view of that name."""
    with duckdb.connect() as connection:
        for table in tables:
            file = folder(day, place) / build / f"{table}.parquet"
            connection.execute(f"create view {table} as select * from read_parquet('{file}')")
        return connection.execute(sql).fetchall()


def customers(day: Day, place: str, build: str) -> dict[str, str]:
    found = rows(
        day, place, build, "select record_key, customer_id from customer_xref_current", "customer_xref_current"
    )
    return dict(found)


SHOPPERS = [shop.record_key(dataset, number) for dataset in ("shop", "till") for number in range(shop.PEOPLE)]
NEWCOMER = shop.record_key("shop", shop.NEWCOMER)
ORDERS = "select order_id, customer_id from fct_orders where order_id in ('o1', 'o2', 'o3') order by 1"


@pytest.mark.parametrize("build", ["before", *BUILDS])
@pytest.mark.parametrize("table", [table.name for table in COMPARED])
def test_both_warehouses_hold_the_same_rows(gate_days: Day, table: str, build: str) -> None:
    assert_same_rows(
        *(folder(gate_days, place) / build / f"{table}.parquet" for place in PLACES),
        may_be_empty=table in ("identity_over_limits", "identity_diff"),
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_giant_is_held_and_todays_facts_land_on_the_graph_before(gate_days: Day, place: str) -> None:
    held = said(gate_days, place)["builds"]["held"]
    assert (held["is_green"], held["gate_alone"], held["diff"]["is_held"]) == (False, True, True)
    assert held["why"] == f"customers_in_one {shop.PEOPLE}, limit 6"
    assert [one["measure"] for one in held["diff"]["measures"] if one["is_over"]] == ["customers_in_one"]
    worst = held["diff"]["changes"][0]
    assert (worst["change_type"], worst["number_of_customers"]) == ("merged", shop.PEOPLE)
    assert (worst["identifier_type"], worst["identifier_value"], worst["is_over"]) == ("email", shop.MAILBOX, True)
    for book in BOOKS:
        before, after = (rows(gate_days, place, build, f"select * from {book} order by all", book)
                         for build in ("before", "held"))  # fmt: skip
        assert before == after, book
    old = customers(gate_days, place, "before")
    assert len({old[record] for record in SHOPPERS}) == shop.PEOPLE
    regular = old[shop.record_key("shop", shop.REGULAR)]
    assert rows(gate_days, place, "before", ORDERS, "fct_orders") == [("o1", regular)]
    assert rows(gate_days, place, "held", ORDERS, "fct_orders") == [("o1", regular), ("o2", regular), ("o3", None)]


@pytest.mark.parametrize("place", PLACES)
def test_an_approval_publishes_it_and_every_old_id_resolves(gate_days: Day, place: str) -> None:
    approved = said(gate_days, place)["builds"]["approved"]
    assert (approved["is_green"], approved["diff"]["is_held"], approved["why"]) == (True, False, None)
    old, new = (customers(gate_days, place, build) for build in ("before", "approved"))
    (giant,) = {new[record] for record in SHOPPERS}
    assert giant in {old[record] for record in SHOPPERS}
    assert new[NEWCOMER] != giant
    assert {record: new[record] for record in old if record not in SHOPPERS} == {
        record: old[record] for record in old if record not in SHOPPERS
    }
    lookup = dict(rows(gate_days, place, "approved", "select customer_id, living_customer_id from customer_id_lookup",
                       "customer_id_lookup"))  # fmt: skip
    assert {lookup[old[record]] for record in SHOPPERS} == {giant}
    orders = [("o1", giant), ("o2", giant), ("o3", new[NEWCOMER])]
    assert rows(gate_days, place, "approved", ORDERS, "fct_orders") == orders
    last = "select approval_id from identity_builds order by build_number desc limit 1"
    assert rows(gate_days, place, "approved", last, "identity_builds") == [(said(gate_days, place)["approval"],)]


@pytest.mark.parametrize("place", PLACES)
def test_an_undo_takes_it_back_and_new_facts_stay(gate_days: Day, place: str) -> None:
    taken_back = said(gate_days, place)["builds"]["taken_back"]
    # The giant is there still, and held again.
    assert (taken_back["is_green"], taken_back["gate_alone"]) == (False, True)
    old, approved, new = (customers(gate_days, place, build) for build in ("before", "approved", "taken_back"))
    assert {record: new[record] for record in old} == old
    assert new[NEWCOMER] == approved[NEWCOMER]
    gone = "select count(*) from customer_id_lookup where not is_living"
    before, after = (rows(gate_days, place, build, gone, "customer_id_lookup") for build in ("before", "taken_back"))
    assert before == after
    regular = old[shop.record_key("shop", shop.REGULAR)]
    orders = [("o1", regular), ("o2", regular), ("o3", new[NEWCOMER])]
    assert rows(gate_days, place, "taken_back", ORDERS, "fct_orders") == orders
