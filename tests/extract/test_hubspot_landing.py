"""HubSpot from HTTP to raw tables in DuckDB: runs add up, merges mark, failures leave everything as it was."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extract.pipeline import ObjectResult, run
from extract.sources.hubspot import HubSpot
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(180)

Query = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with running(people=80, seed=4) as child:
        yield child


@pytest.fixture
def extract(sandbox: Running, tmp_path: Path) -> Callable[..., dict[str, ObjectResult]]:
    def go(*objects: str, full: bool = False) -> dict[str, ObjectResult]:
        source = HubSpot.from_environment(sandbox.environment())
        results = run(
            source,
            objects,
            lambda: DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"threads": 2}),
            full=full,
            spool_root=tmp_path / "spool",
        )
        source.close()
        return {result.object: result for result in results}

    return go


@pytest.fixture
def query(tmp_path: Path) -> Query:
    def ask(sql: str) -> list[dict[str, Any]]:
        with DuckDBWarehouse.open(tmp_path / "w.duckdb", settings={"threads": 2}) as warehouse:
            return list(warehouse.rows(sql))

    return ask


def test_a_second_run_with_nothing_new_lands_nothing(extract: Callable[..., Any], query: Query) -> None:
    first = extract()
    assert [result.error for result in first.values()] == [None] * len(HubSpot.objects)
    assert all(result.rows_landed > 0 for result in first.values())
    second = extract()
    assert {name: result.rows_landed for name, result in second.items()} == dict.fromkeys(HubSpot.objects, 0)
    assert second["contacts"].window.start is not None
    types = {row["column_name"]: row["data_type"] for row in query(
        "select column_name, data_type from information_schema.columns where table_name = 'deals'"
    )}  # fmt: skip
    assert types["amount"] == "DOUBLE"
    assert types["closedate"] == types["updated_at"] == "TIMESTAMP"
    assert types["hs_is_closed"] == "BOOLEAN"
    assert types["id"] == types["hs_object_id"] == "VARCHAR"


def test_days_of_merges_and_archiving_are_told_apart_in_raw(
    sandbox: Running, extract: Callable[..., Any], query: Query
) -> None:
    extract()
    before = {row["id"]: row for row in query("select * from raw_hubspot.contacts")}
    for _ in range(3):
        sandbox.advance()
        results = extract()
        assert [result.error for result in results.values()] == [None] * len(results)
    rows = {row["id"]: row for row in query("select * from raw_hubspot.contacts")}
    merged = {
        old for row in rows.values() if row["hs_merged_object_ids"] for old in row["hs_merged_object_ids"].split(";")
    }
    landed_and_merged = merged & before.keys()
    assert landed_and_merged, "three days without a merge of landed contacts prove nothing"
    for key in landed_and_merged:
        assert rows[key]["_is_deleted"] is True
        assert rows[key]["email"] == before[key]["email"]
        assert rows[key]["archived"] is False
    assert {row["id"] for row in rows.values() if row["_is_deleted"]} == (merged & rows.keys()) | {
        row["id"] for row in rows.values() if row["archived"]
    }
    gone = query("select count(*) as n from raw_hubspot.associations where _is_deleted")
    assert gone[0]["n"] > 0


def test_a_full_load_marks_what_was_erased_without_a_trace(
    sandbox: Running, extract: Callable[..., Any], query: Query
) -> None:
    extract("companies")
    erased = query("select min(id) as id from raw_hubspot.companies")[0]["id"]
    sandbox.sql(f"delete from hubspot.companies where id = '{erased}'")
    assert extract("companies")["companies"].rows_landed == 0
    assert extract("companies", full=True)["companies"].rows_deleted == 1
    assert query("select id from raw_hubspot.companies where _is_deleted") == [{"id": erased}]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"name": "malformed_page", "path": "objects/contacts", "after": 1}, "not a JSON object"),
        ({"name": "http_error", "status": 403, "path": "objects/contacts"}, "crm.objects.contacts.read"),
        ({"name": "rate_limited", "policy": "DAILY", "path": "objects/contacts"}, "no calls left"),
    ],
    ids=["malformed page", "missing scope", "daily quota"],
)
def test_a_failing_object_moves_no_watermark_and_stops_no_other(
    sandbox: Running, extract: Callable[..., Any], query: Query, fault: dict[str, Any], words: str
) -> None:
    extract("contacts", "owners")
    landed = "object = 'contacts' and complete_to is not null"
    books = f"select max(complete_to) as mark, count(*) as n from ops.extract_runs where {landed}"
    rows = "select * from raw_hubspot.contacts order by id"
    before, stored = query(books), query(rows)
    sandbox.advance()
    sandbox.faults({"system": "hubspot", **fault})
    results = extract("contacts", "owners")
    assert words in results["contacts"].error
    assert results["owners"].error is None
    assert query(books) == before
    assert query(rows) == stored
    failed = query("select status, error from ops.extract_runs where status = 'failed'")
    assert [row["error"] for row in failed] == [results["contacts"].error]
    sandbox.faults()
    assert extract("contacts")["contacts"].rows_landed > 0
