"""The same landing and the same build on DuckDB and on (a fake) Snowflake, twice in a row, give the same customers.

Then the gate: a graph with one giant is held, published when approved, and taken back. All in one file, since every
worker of the tests that has a part of them would make the days anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.snowflake import gate_days as builds
from tests.snowflake import shop
from tests.snowflake.conftest import LARGE, Day
from tests.snowflake.dialect import unknown_functions
from tests.snowflake.one_day import COMPARED

pytestmark = [pytest.mark.timeout(2400)]

# On its first day the company has merged nobody.
EMPTY = {("int_identity__merged_records", 1)}
DDL = re.compile(r"\s*(create|alter|drop|truncate|comment|grant|use)\b", re.IGNORECASE)
PLACES = ("duckdb", "snowflake")
Rows = list[tuple[Any, ...]]
SHOPPERS = [shop.record_key(dataset, number) for dataset in ("shop", "till") for number in range(shop.PEOPLE)]
NEWCOMER = shop.record_key("shop", shop.NEWCOMER)
ORDERS = "select order_id, customer_id from fct_orders where order_id in ('o1', 'o2', 'o3') order by 1"


@pytest.mark.parametrize("number", [1, 2], ids=["first run", "increment"])
@pytest.mark.parametrize("table", [table.name for table in COMPARED])
def test_both_warehouses_hold_the_same_rows(days: tuple[Day, Day], table: str, number: int) -> None:
    day = days[number - 1]
    files = [folder / f"{table}.parquet" for folder in (day.duckdb, day.snowflake)]
    if (table, number) in EMPTY:
        assert duckdb.sql(f"select count(*) from read_parquet({[str(file) for file in files]})").fetchall() == [(0,)]
    assert_same_rows(*files, may_be_empty=(table, number) in EMPTY)


def assert_same_rows(one: Path, other: Path, *, may_be_empty: bool = False) -> None:
    """The same columns and rows, clocks aside, in two Parquet files of DuckDB and Snowflake."""
    left, right = (f"read_parquet('{file}')" for file in (one, other))
    columns = [name for name, *_ in duckdb.sql(f"describe select * from {left}").fetchall()]
    assert set(columns) == {name for name, *_ in duckdb.sql(f"describe select * from {right}").fetchall()}
    assert may_be_empty or duckdb.sql(f"select 1 from {left} limit 1").fetchall()
    # Compared as text of one form: the warehouses name decimals and text of one length differently.
    listed = ", ".join(f"cast({name} as {comparable(left, name)}) as {name}" for name in columns if not is_clock(name))
    differing = duckdb.sql(
        f"""
        select 'duckdb' as only_in, * from (select {listed} from {left} except all select {listed} from {right})
        union all
        select 'snowflake', * from (select {listed} from {right} except all select {listed} from {left})
        """
    ).fetchall()
    assert not differing, f"{len(differing)} rows of {one.stem} differ, for instance {differing[:2]}"


def comparable(relation: str, column: str) -> str:
    kind = duckdb.sql(f"describe select {column} from {relation}").fetchall()
    name = str(kind[0][1])
    if name.startswith("DECIMAL"):
        return "decimal(38, 6)"
    return "bigint" if name in ("INTEGER", "HUGEINT", "BIGINT", "SMALLINT") else name


def is_clock(column: str) -> bool:
    """When a row was extracted is the run's own time, and the two runs are two."""
    return column in (
        "extracted_at", "first_extracted_at", "last_extracted_at", "merge_noticed_at", "valid_from", "valid_to",
        "changed_at", "built_at", "first_published_at", "issued_at",
    )  # fmt: skip


def test_no_ddl_between_begin_and_commit(days: tuple[Day, Day]) -> None:
    inside = False
    for statement in statements(days, "landing"):
        word = statement.split(maxsplit=1)[0].lower().rstrip(";") if statement.split() else ""
        if word == "begin":
            inside = True
        elif word in ("commit", "rollback"):
            inside = False
        else:
            assert not (inside and DDL.match(statement)), f"Snowflake would commit at: {statement[:200]}"
    assert any(statement.lower().startswith("begin") for statement in statements(days, "landing"))


def test_all_sql_is_snowflake_sql_and_calls_documented_functions_only(days: tuple[Day, Day]) -> None:
    compiled = [path for day in days for path in (day.snowflake / "target" / "compiled").rglob("*.sql")]
    assert len(compiled) > 100
    seen: dict[str, str] = {path.name: path.read_text() for path in compiled}
    # The loops of our own materialisations are in no file: they are among the statements that were sent.
    for sent in statements(days, "build"):
        statement = sent.replace("%s", "null")  # bound values
        if re.match(r"(create|insert|merge|select|with|delete|update)\b", statement, re.IGNORECASE):
            seen.setdefault(statement, statement)
    failures = {name[:120]: unknown for name, sql in seen.items() if (unknown := unknown_functions(sql))}
    assert not failures


def test_every_node_that_ran_has_its_query_tag(days: tuple[Day, Day]) -> None:
    for day in days:
        target = day.snowflake / "target"
        ran = {
            one["unique_id"]
            for one in json.loads((target / "run_results.json").read_text())["results"]
            if one["status"] != "skipped" and one["unique_id"].startswith(("model.", "seed.", "snapshot.", "test."))
        }
        tags = [tag for _, tag in tagged(day)]
        assert len(ran) > 500
        assert {tag["node_id"] for tag in tags} == ran
        assert {(tag["app"], tag["target"]) for tag in tags} == {("braid", "snowflake")}
        (invocation,) = {tag["invocation_id"] for tag in tags}
        assert invocation == json.loads((target / "run_results.json").read_text())["metadata"]["invocation_id"]
        owned = {tag["node_id"]: tag["owner"] for tag in tags}
        assert owned["model.braid.fct_attribution"] == "marketing"
        assert all(len(json.dumps(tag)) < 2_000 for tag in tags)


def test_large_models_run_on_the_large_warehouse_and_no_others(days: tuple[Day, Day]) -> None:
    large = {name for name, config in configured(days[0]).items() if config.get("snowflake_warehouse")}
    assert {"model.braid.int_identity__links", "model.braid.int_product__events"} <= large
    for day in days:
        assert {tag["node_id"] for place, tag in tagged(day) if place == LARGE} == large


def test_large_tables_are_clustered_by_columns_they_have(days: tuple[Day, Day]) -> None:
    sent = " ".join(statements(days[:1], "build")).lower()
    clustered = {name: config["cluster_by"] for name, config in configured(days[0]).items() if config.get("cluster_by")}
    assert len(clustered) >= 7
    nodes = json.loads((days[0].snowflake / "target" / "manifest.json").read_text())["nodes"]
    for name, keys in clustered.items():
        assert re.search(rf"alter table \S+\.{nodes[name]['alias']} cluster by \({re.escape(', '.join(keys))}\)", sent)
        # A view or a table that is made by our own statements would pass over it in silence.
        assert nodes[name]["config"]["materialized"] in ("table", "incremental")
        for key in keys:
            assert re.sub(r"^cast\((\w+) as date\)$", r"\1", key) in nodes[name]["columns"]


def test_books_are_permanent_and_what_a_build_makes_again_is_transient(days: tuple[Day, Day]) -> None:
    sent = statements(days[:1], "build")
    made = {
        found["table"].lower(): bool(found["transient"])
        for one in sent
        if (found := re.match(r"create or replace (?P<transient>transient )?table \S+\.(?P<table>\w+)", one, re.I))
    }
    permanent = {table for table, transient in made.items() if not transient}
    kept = {"customer_ids", "customer_xref", "identity_builds", "identity_over_limits", "int_identity__sightings"}
    assert kept <= permanent
    assert {"customer_master", "fct_orders", "customer_360"} <= made.keys() - permanent


def configured(day: Day) -> dict[str, dict[str, Any]]:
    """The config of every model."""
    nodes = json.loads((day.snowflake / "target" / "manifest.json").read_text())["nodes"].values()
    return {node["unique_id"]: node["config"] for node in nodes if node["resource_type"] == "model"}


def tagged(day: Day) -> list[tuple[str | None, dict[str, Any]]]:
    """Every query tag that was set, with the warehouse in use then; None for the profile's own."""
    found: list[tuple[str | None, dict[str, Any]]] = []
    warehouse = None
    for statement in json.loads((day.snowflake / "statements.json").read_text())["build"]:
        if used := re.match(r"use warehouse (\w+)", statement, re.IGNORECASE):
            warehouse = used[1]
        elif tag := re.match(r"alter session set query_tag = '(.*)'", statement, re.IGNORECASE | re.DOTALL):
            found.append((warehouse, json.loads(tag[1].replace("\\\\", "\\"))))
    return found


def statements(days: Sequence[Day], part: str) -> list[str]:
    found: list[str] = []
    for day in days:
        found += json.loads(Path(day.snowflake / "statements.json").read_text())[part]
    return found


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


@pytest.mark.parametrize("build", ["before", *builds.BUILDS])
@pytest.mark.parametrize("table", [table.name for table in builds.COMPARED])
def test_both_warehouses_hold_the_same_around_the_gate(gate_days: Day, table: str, build: str) -> None:
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
    for book in builds.BOOKS:
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
