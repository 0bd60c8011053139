"""What a run may cost: shares of a quota, a limit of its own, the cost told before, halves of what is too much."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extract.budget import Budget
from extract.pipeline import ObjectResult, run
from extract.plan import plan
from extract.source import ConfigurationError, Source
from extract.sources.hubspot import HubSpot
from extract.sources.salesforce import Salesforce, settings
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with running(people=80) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Running) -> Iterator[Running]:
    shared.faults()
    yield shared
    shared.faults()


class Place:
    """A warehouse, and a source with settings of the test's own."""

    def __init__(self, folder: Path, sandbox: Running) -> None:
        self.folder = folder
        self.sandbox = sandbox

    def open(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2})

    def source(self, kind: type[Source], **env: str) -> Source:
        return kind.from_environment(self.sandbox.environment() | env)

    def extract(self, kind: type[Source], *objects: str, **env: str) -> dict[str, ObjectResult]:
        source = self.source(kind, **env)
        try:
            results = run(source, objects, self.open, spool_root=self.folder / "spool")
        finally:
            source.close()
        return {result.object: result for result in results}

    def query(self, sql: str) -> list[dict[str, object]]:
        with self.open() as warehouse:
            return list(warehouse.rows(sql))


@pytest.fixture
def place(tmp_path: Path, sandbox: Running) -> Place:
    return Place(tmp_path, sandbox)


def test_a_run_stops_at_its_share_of_the_days_calls(place: Place) -> None:
    place.sandbox.faults({"name": "api_usage", "used": 4_000, "max": 5_000})
    found = place.extract(Salesforce, "account", "lead", SALESFORCE_QUOTA_SHARE="0.75")
    assert "4,000 of the day's 5,000 calls are used" in str(found["account"].error)
    assert "SALESFORCE_QUOTA_SHARE" in str(found["lead"].error)
    assert place.query("select distinct status from ops.extract_runs") == [{"status": "failed"}]
    place.sandbox.faults({"name": "api_usage", "used": 3_000, "max": 5_000})
    assert place.extract(Salesforce, "account", SALESFORCE_QUOTA_SHARE="0.75")["account"].error is None


def test_hubspots_daily_headers_are_a_quota_too(place: Place) -> None:
    found = place.extract(HubSpot, "owners", HUBSPOT_QUOTA_SHARE="0.0000001")
    assert "HUBSPOT_QUOTA_SHARE" in str(found["owners"].error)


def test_a_run_of_so_many_calls_lands_what_it_could_and_the_next_goes_on(place: Place) -> None:
    found = place.extract(Salesforce, "account", "lead", "contact", SALESFORCE_RUN_CALLS="6")
    assert found["account"].error is None
    assert found["account"].proof == "proven"
    failed = [name for name, result in found.items() if result.error]
    assert failed
    assert all("SALESFORCE_RUN_CALLS" in str(found[name].error) for name in failed)
    again = place.extract(Salesforce, "account", "lead", "contact")
    assert again["account"].rows_landed == 0
    assert all(again[name].rows_landed > 0 for name in failed)


def test_calls_are_counted_as_the_server_counts_them(place: Place) -> None:
    place.sandbox.calls(reset=True)
    result = place.extract(Salesforce, "account")["account"]
    served = place.sandbox.calls()["salesforce"]
    assert result.api_calls == sum(served.values()) - served["token"] > 2
    assert place.query("select api_calls from ops.extract_runs") == [{"api_calls": result.api_calls}]


@pytest.mark.parametrize(
    ("kind", "objects", "most"),
    [(Salesforce, ("account", "contact", "lead"), 2), (HubSpot, ("contacts", "companies", "deals"), 3)],
    ids=["salesforce", "hubspot"],
)
def test_an_object_without_changes_costs_so_many_calls_at_most(
    place: Place, kind: type[Source], objects: tuple[str, ...], most: int
) -> None:
    place.extract(kind, *objects)
    place.sandbox.calls(reset=True)
    again = place.extract(kind, *objects)
    served = sum(count for path, count in place.sandbox.calls()[kind.name].items() if path != "token")
    assert {result.rows_read for result in again.values()} == {0}
    assert all(result.api_calls <= most for result in again.values())
    # By the server's word too; beside them one call to sign in.
    assert served <= most * len(objects) + 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("SALESFORCE_QUOTA_SHARE", "80"), ("SALESFORCE_QUOTA_SHARE", "much"), ("SALESFORCE_RUN_CALLS", "0")],
)
def test_settings_that_make_no_sense_are_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Budget.from_environment("SALESFORCE", {name: value})


def test_a_plan_says_what_a_run_then_costs_and_writes_nothing(place: Place) -> None:
    source = place.source(Salesforce)
    found = plan(source, ["account", "contact"], place.open)
    source.close()
    assert place.query("select count(*) as n from information_schema.tables") == [{"n": 0}]
    assert found.spent.calls == 5, "sign in, and describe and count each"
    ran = place.extract(Salesforce, "account", "contact")
    for item in found.objects:
        assert item.error is None
        assert (item.rows, item.calls) == (ran[item.object].rows_read, ran[item.object].api_calls)
    source = place.source(HubSpot)
    (owners, contacts) = plan(source, ["owners", "contacts"], place.open).objects[::-1]
    source.close()
    assert (owners.rows, owners.calls) == (None, None)
    assert contacts.rows == place.extract(HubSpot, "contacts")["contacts"].rows_read


def test_a_plan_has_the_read_that_fills_a_new_column(place: Place) -> None:
    place.extract(Salesforce, "contact")
    place.sandbox.advance()
    source = place.source(Salesforce)
    (found,) = plan(source, ["contact"], place.open).objects
    source.close()
    ran = place.extract(Salesforce, "contact")["contact"]
    assert found.fills == tuple(change.column for change in ran.changes) == ("segment_tier__c",)
    assert found.calls == ran.api_calls
    source = place.source(Salesforce)
    (again,) = plan(source, ["contact"], place.open).objects
    source.close()
    assert again.fills == ()


def test_a_plan_of_bulk_counts_its_pages(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REST_ROWS", 0)
    monkeypatch.setattr(settings, "BULK_PAGE_ROWS", 10)
    source = place.source(Salesforce)
    (item,) = plan(source, ["account"], place.open).objects
    source.close()
    assert item.calls is not None
    assert item.rows is not None
    assert abs(place.extract(Salesforce, "account")["account"].api_calls - item.calls) <= 6


def test_a_window_too_long_for_the_server_is_read_in_halves(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REST_ROWS", 0)
    place.sandbox.calls(reset=True)
    place.sandbox.faults(
        {"name": "job_failed", "message": "QUERY_TIMEOUT: Your query request was running for too long."}
    )
    result = place.extract(Salesforce, "contact")["contact"]
    assert (result.error, result.proof) == (None, "proven")
    assert result.landed_count == result.rows_read > 0
    # The whole, then its halves.
    assert place.sandbox.calls()["salesforce"]["bulk_create"] == 3


def test_a_count_too_long_for_the_server_is_the_sum_of_its_halves(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeout = [{"errorCode": "QUERY_TIMEOUT", "message": "Your query request was running for too long."}]
    place.sandbox.faults(
        {"name": "http_error", "system": "salesforce", "path": "queryAll", "status": 400, "body": timeout}
    )
    result = place.extract(Salesforce, "contact")["contact"]
    assert (result.error, result.proof) == (None, "proven")


def test_waits_are_as_long_as_the_server_asks(place: Place) -> None:
    waits: list[float] = []

    def nap(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(0.01)

    env = place.sandbox.environment()
    place.sandbox.faults(
        {
            "name": "http_error",
            "system": "salesforce",
            "path": "describe",
            "status": 503,
            "headers": {"Retry-After": "7"},
        }
    )
    source = Salesforce(env["SALESFORCE_URL"], env["SALESFORCE_CLIENT_ID"], env["SALESFORCE_CLIENT_SECRET"], sleep=nap)
    (result,) = run(source, ["account"], place.open, spool_root=place.folder / "spool")
    source.close()
    assert result.error is None
    assert 7.0 in waits
