"""What loses rows in other extractors, each by its name, against the sandbox: here nothing is lost.

Two of them have tests of their own, for their size: killed processes (``test_kills.py``, ``test_jobs.py``) and thirty
days of everything at once (``test_thirty_days.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from extract.pipeline import ObjectResult, run
from extract.reconcile import Reconciled, reconcile
from extract.source import ObjectInfo, Source, Window
from extract.sources.hubspot import HubSpot
from extract.sources.hubspot.client import HubSpotApi
from extract.sources.salesforce import Salesforce, rest, settings
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(180)

# The sandbox's clock on its first day.
NOW = datetime(2026, 1, 5, 6)
CRM = "salesforce.Contact"


def nap(seconds: float) -> None:
    time.sleep(min(seconds, 0.02))


class Place:
    """A warehouse beside a sandbox whose records a test may edit behind everybody's back."""

    def __init__(self, folder: Path, sandbox: Running) -> None:
        self.folder, self.sandbox = folder, sandbox

    def open(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2})

    def source(self, system: str) -> Source:
        env = self.sandbox.environment()
        if system == "hubspot":
            return HubSpot(HubSpotApi(env["HUBSPOT_URL"], env["HUBSPOT_ACCESS_TOKEN"], sleep=nap))
        return Salesforce(
            env["SALESFORCE_URL"], env["SALESFORCE_CLIENT_ID"], env["SALESFORCE_CLIENT_SECRET"], sleep=nap
        )

    def extract(self, name: str, *, full: bool = False) -> ObjectResult:
        """One object, by its system's and its own name: ``salesforce.contact``."""
        system, _, name = name.partition(".")
        source = self.source(system)
        (result,) = run(source, [name], self.open, full=full, spool_root=self.folder / "spool")
        source.close()
        return result

    def complete(self, name: str, *, full: bool = False) -> ObjectResult:
        """Extract, which must succeed and be proven."""
        result = self.extract(name, full=full)
        assert (result.error, result.proof) == (None, "proven")
        return result

    def reconcile(self, name: str, *, sweep: bool = True) -> Reconciled:
        system, _, name = name.partition(".")
        source = self.source(system)
        (result,) = reconcile(source, [name], self.open, sweep=sweep, spool_root=self.folder / "spool")
        source.close()
        assert result.error is None
        return result

    def query(self, sql: str) -> list[dict[str, Any]]:
        with self.open() as warehouse:
            return list(warehouse.rows(sql))

    def ids(self, table: str, where: str = "true") -> list[str]:
        return [row["id"] for row in self.query(f"select id from raw_{table} where {where} order by id")]

    def count(self, table: str) -> int:
        """Rows at the source."""
        return self.sandbox.sql(f"update {table} set Id = Id")

    def watermark(self, name: str) -> datetime:
        (row,) = self.query(f"select max(complete_to) as mark from ops.extract_runs where object = '{name}'")
        mark: datetime = row["mark"]
        return mark

    def everything(self, table: str) -> list[dict[str, Any]]:
        return self.query(f"select * from raw_{table} order by id")

    def lie(self, *faults: dict[str, Any]) -> None:
        self.sandbox.faults(*faults)

    def copy(self, where: str, **changed: str) -> None:
        """A new contact like one that is there, with other values."""
        replaced = ", ".join(f"'{value}' as \"{name}\"" for name, value in changed.items())
        self.sandbox.sql(f"insert into {CRM} by name select * replace ({replaced}) from {CRM} where {where}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running(people=60, seed=7) as sandbox:
        yield Place(tmp_path, sandbox)


@pytest.fixture(params=["rest", "bulk"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small pages, over REST and over Bulk."""
    if request.param == "bulk":
        monkeypatch.setattr(settings, "REST_ROWS", 0)
        monkeypatch.setattr(settings, "BULK_PAGE_ROWS", 7)
    return str(request.param)


# Rows and cursors.


def test_two_rows_with_the_same_stamp_and_a_page_boundary_between_them(place: Place, way: str) -> None:
    place.lie({"name": "short_pages", "size": 7})
    place.sandbox.sql(f"update {CRM} set SystemModstamp = '2026-01-05 05:00:00'")
    first = place.complete("salesforce.contact")
    assert first.rows_inserted == place.count(CRM) > 14
    place.sandbox.advance()
    place.sandbox.sql(f"update {CRM} set LastName = 'Tied', SystemModstamp = '2026-01-06 05:00:00'")
    place.complete("salesforce.contact")
    assert {row["last_name"] for row in place.everything("salesforce.contact")} == {"Tied"}


def test_a_row_committed_late_with_a_stamp_below_the_saved_cursor(place: Place) -> None:
    place.complete("salesforce.contact")
    place.sandbox.advance()
    place.complete("salesforce.contact")
    mark = place.watermark("contact")
    first, second = place.ids("salesforce.contact")[:2]
    little, long = mark - timedelta(minutes=5), mark - timedelta(hours=9)
    place.copy(f"Id = '{first}'", Id="003bD0000000LATEAA", SystemModstamp=str(little))
    place.complete("salesforce.contact")
    assert "003bD0000000LATEAA" in place.ids("salesforce.contact"), "the overlap reaches it"
    place.copy(f"Id = '{second}'", Id="003bD0000000LATEBB", SystemModstamp=str(long))
    place.complete("salesforce.contact")
    assert "003bD0000000LATEBB" not in place.ids("salesforce.contact")
    assert place.reconcile("salesforce.contact", sweep=False).proof == "proven"
    assert "003bD0000000LATEBB" in place.ids("salesforce.contact"), "the count of all that is closed does"


def test_a_record_stamped_in_the_future_does_not_push_the_cursor(place: Place) -> None:
    victim, other = (f"(select {side}(Id) from {CRM})" for side in ("min", "max"))
    place.sandbox.sql(f"update {CRM} set SystemModstamp = '2031-01-01' where Id = {victim}")
    place.complete("salesforce.contact")
    assert place.watermark("contact") <= NOW
    place.sandbox.advance()
    place.sandbox.sql(f"update {CRM} set SystemModstamp = '2031-01-01' where Id = {victim}")
    place.sandbox.sql(f"update {CRM} set LastName = 'Seen', SystemModstamp = '2026-01-05 07:00' where Id = {other}")
    place.complete("salesforce.contact")
    assert "Seen" in {row["last_name"] for row in place.everything("salesforce.contact")}


@pytest.mark.parametrize("seconds", [300, -300])
def test_a_clock_five_minutes_off_loses_no_row(place: Place, seconds: int) -> None:
    place.lie({"name": "clock_skew", "seconds": seconds})
    place.complete("salesforce.contact")
    place.lie()
    moment = NOW + timedelta(minutes=2)
    place.sandbox.advance()
    place.sandbox.sql(f"update {CRM} set LastName = 'Between', SystemModstamp = '{moment}'")
    place.complete("salesforce.contact")
    names = [row["last_name"] for row in place.query(
        f"select last_name from raw_salesforce.contact where system_modstamp = '{moment}'"
    )]  # fmt: skip
    assert names
    assert set(names) == {"Between"}


def test_a_first_sync_without_a_start_date_reads_all_history(place: Place, way: str) -> None:
    place.sandbox.sql(f"update {CRM} set SystemModstamp = '1999-03-01' where Id = (select min(Id) from {CRM})")
    assert place.complete("salesforce.contact").rows_inserted == place.count(CRM)


def test_a_wide_object_split_over_queries_while_rows_change_drops_no_row(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "REST_QUERY_BYTES", 750)
    asked: list[str] = []
    rows = rest._rows

    def and_meanwhile(client: Any, info: Any, query: str) -> Any:
        asked.append(query)
        if len(asked) == 2:
            place.sandbox.sql(f"update {CRM} set Title = 'Changed', SystemModstamp = '2026-01-05 05:59:59'")
        return rows(client, info, query)

    monkeypatch.setattr(rest, "_rows", and_meanwhile)
    result = place.complete("salesforce.contact")
    assert len(asked) > 4, "the parts are read once more"
    assert result.rows_inserted == place.count(CRM)
    assert {row["title"] for row in place.everything("salesforce.contact")} == {"Changed"}


# Deletes.


def test_with_bulk_switched_off_the_way_round_keeps_deleted_rows(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REST_ROWS", 20)
    place.lie({"name": "job_rejected", "code": "FEATURENOTENABLED", "message": "Async API not enabled", "times": None})
    some = f"(select Id from {CRM} order by Id limit 9)"
    gone = place.sandbox.sql(f"update {CRM} set IsDeleted = true where Id in {some}")
    place.complete("salesforce.contact")
    assert len(place.ids("salesforce.contact", "_is_deleted and _deleted_how = 'flagged'")) >= gone == 9


def test_a_hard_delete_of_campaign_members_past_an_empty_recycle_bin_and_an_undelete(place: Place) -> None:
    members = "salesforce.CampaignMember"
    place.complete("salesforce.campaign_member")
    first, second, third = place.ids("salesforce.campaign_member", "not _is_deleted")[:3]
    place.sandbox.advance()
    place.sandbox.sql(f"delete from {members} where Id = '{first}'")
    # Out of sight under another id, and back again later.
    place.sandbox.sql(f"update {members} set Id = 'away' where Id = '{second}'")
    place.sandbox.sql(
        f"update {members} set IsDeleted = true, SystemModstamp = '2026-01-06 04:00' where Id = '{third}'"
    )
    place.complete("salesforce.campaign_member")
    assert third in place.ids("salesforce.campaign_member", "_deleted_how = 'flagged'")
    place.reconcile("salesforce.campaign_member")
    assert {first, second} <= set(place.ids("salesforce.campaign_member", "_deleted_how = 'swept'"))
    (row,) = place.query(f"select * from raw_salesforce.campaign_member where id = '{first}'")
    assert (row["_is_deleted"], row["campaign_id"] is None) == (True, False), "what it was stays"
    place.sandbox.sql(f"update {members} set Id = '{second}' where Id = 'away'")
    place.sandbox.sql(
        f"update {members} set IsDeleted = false, SystemModstamp = '2026-01-06 05:00' where Id = '{third}'"
    )
    place.complete("salesforce.campaign_member")
    place.reconcile("salesforce.campaign_member")
    gone = place.ids("salesforce.campaign_member", "_is_deleted")
    assert ({first, "away"} <= set(gone), {second, third} & set(gone)) == (True, set())


# What timestamps do not show.


def test_a_formula_that_changes_without_its_stamp_moving(place: Place) -> None:
    place.complete("salesforce.account")
    place.sandbox.sql("update salesforce.Account set Region__c = 'Moved'")
    assert place.complete("salesforce.account").rows_landed == 0
    assert place.reconcile("salesforce.account").rows_refreshed > 0
    assert {row["region__c"] for row in place.everything("salesforce.account")} == {"Moved"}


def test_a_custom_field_that_appears_in_the_middle_of_a_run(
    place: Place, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.complete("salesforce.contact")
    field = {"name": "added_field", "object": "Contact", "field": "Tier__c", "value": "gold"}
    count = Salesforce.count

    def and_then_there_is_a_field(self: Salesforce, info: ObjectInfo, window: Window) -> int | None:
        place.lie(field)
        return count(self, info, window)

    monkeypatch.setattr(Salesforce, "count", and_then_there_is_a_field)
    assert place.extract("salesforce.contact", full=True).columns_added == ()
    place.complete("salesforce.contact")
    assert {row["tier__c"] for row in place.everything("salesforce.contact")} == {"gold"}, "old rows too"
    (change,) = place.query("select change, backfilled_at from ops.schema_changes where column_name = 'tier__c'")
    assert change["change"] == "column_added"
    assert change["backfilled_at"] is not None


# HubSpot.


def test_hubspot_more_than_ten_thousand_changes_all_with_one_timestamp(place: Place) -> None:
    place.complete("hubspot.contacts")
    place.sandbox.advance()
    moment = NOW + timedelta(hours=20)
    place.sandbox.sql(
        f"""
        insert into hubspot.contacts by name
        select
            (7000000000 + i)::varchar as id, (7000000000 + i)::varchar as hs_object_id, false as archived,
            timestamp '{moment}' as lastmodifieddate, timestamp '{moment}' as updated_at,
            timestamp '{moment}' as createdate, timestamp '{moment}' as created_at
        from range(10300) as numbers(i)
        """
    )
    place.complete("hubspot.contacts")
    assert len(place.ids("hubspot.contacts", "id like '70000%'")) == 10_300


def test_hubspot_contacts_have_a_cursor_of_another_name(place: Place) -> None:
    moment = NOW + timedelta(hours=20)
    for name in ("contacts", "companies"):
        place.complete(f"hubspot.{name}")
    place.sandbox.advance()
    for name, cursor in (("contacts", "lastmodifieddate"), ("companies", "hs_lastmodifieddate")):
        place.sandbox.sql(
            f"update hubspot.{name} set {cursor} = '{moment}'"
            f" where id = (select min(id) from hubspot.{name} where not archived)"
        )
        place.complete(f"hubspot.{name}")
        assert place.ids(f"hubspot.{name}", f"{cursor} = '{moment}'")


def test_hubspot_archive_and_merge(place: Place) -> None:
    place.complete("hubspot.contacts")
    archived, one, other = place.ids("hubspot.contacts", "not _is_deleted")[:3]
    moment = NOW + timedelta(hours=20)
    place.sandbox.advance()
    place.sandbox.sql(f"update hubspot.contacts set archived = true, archived_at = '{moment}' where id = '{archived}'")
    place.sandbox.sql(f"delete from hubspot.contacts where id = '{other}'")
    place.sandbox.sql(
        f"update hubspot.contacts set id = '99000000001', hs_object_id = '99000000001',"
        f" hs_merged_object_ids = '{one};{other}', updated_at = '{moment}', lastmodifieddate = '{moment}'"
        f" where id = '{one}'"
    )
    place.complete("hubspot.contacts")
    how = {row["id"]: row["_deleted_how"] for row in place.everything("hubspot.contacts")}
    assert (how[archived], how[one], how[other], how["99000000001"]) == ("flagged", "merged", "merged", None)


def test_hubspot_a_change_of_associations_alone(place: Place) -> None:
    place.extract("hubspot.contacts")
    place.extract("hubspot.associations")
    before = place.query("select count(*) as n from raw_hubspot.associations where not _is_deleted")[0]["n"]
    gone = place.sandbox.sql(
        "delete from hubspot.associations where from_object_type = 'contacts' and to_object_type = 'companies'"
        " and from_id = (select min(from_id) from hubspot.associations where from_object_type = 'contacts'"
        " and to_object_type = 'companies')"
    )
    place.sandbox.advance()
    assert place.extract("hubspot.contacts").error is None
    result = place.extract("hubspot.associations")
    assert (result.error, gone > 0) == (None, True)
    assert result.rows_deleted >= gone
    assert before > gone


# Lies and crashes.

LIES = [
    ({"name": "rate_limited", "retry_after": 1}, "429 or 503 with Retry-After"),
    ({"name": "http_error", "status": 500}, "5xx"),
    ({"name": "http_error", "status": 503, "body": ""}, "503 without a body"),
    ({"name": "error_body_with_200"}, "an error body with status 200"),
    ({"name": "connection_dropped"}, "a connection that breaks off"),
    ({"name": "same_page_twice"}, "the same page twice"),
    ({"name": "session_expired", "after": 2}, "a session that expires half way"),
]


@pytest.mark.parametrize("system", ["salesforce", "hubspot"])
@pytest.mark.parametrize(("fault", "what"), LIES, ids=[what for _, what in LIES])
def test_a_lie_of_the_server_loses_no_row_and_a_second_run_is_whole(
    place: Place, way: str, system: str, fault: dict[str, Any], what: str
) -> None:
    if system == "hubspot" and way == "bulk":
        way = "rest"
    name, table = {"salesforce": ("contact", CRM), "hubspot": ("contacts", "hubspot.contacts")}[system]
    place.lie({"name": "short_pages", "size": 7}, {**fault, "system": system, "after": fault.get("after", 3)})
    first = place.extract(f"{system}.{name}")
    if first.error is not None:
        # Told, and nothing half-landed.
        runs = place.query(f"select status from ops.extract_runs where object = '{name}'")
        assert [row["status"] for row in runs] == ["failed"]
        place.complete(f"{system}.{name}")
    assert len(place.ids(f"{system}.{name}")) == place.sandbox.sql(f"update {table} set Id = Id")


TRUNCATED = [{"name": "truncated_csv"}, {"name": "truncated_csv", "at_row": True}, {"name": "reused_locator"}]


@pytest.mark.parametrize("fault", TRUNCATED, ids=["in a row", "between rows", "a reused locator"])
def test_a_truncated_csv_with_status_200_is_never_taken_for_the_whole(
    place: Place, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]
) -> None:
    monkeypatch.setattr(settings, "REST_ROWS", 0)
    monkeypatch.setattr(settings, "BULK_PAGE_ROWS", 20)
    place.lie({**fault, "after": 1})
    if place.extract("salesforce.contact").error is not None:
        place.complete("salesforce.contact")
    assert len(place.ids("salesforce.contact")) == place.count(CRM) > 20


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "added"])
def test_a_field_gone_or_added_between_two_pages(place: Place, monkeypatch: pytest.MonkeyPatch, gone: bool) -> None:
    fault: dict[str, Any] = {"name": "hidden_field", "object": "Contact", "field": "Title"}
    if not gone:
        fault = {"name": "added_field", "object": "Contact", "field": "Tier__c", "value": "gold"}
    place.complete("salesforce.contact")
    before = place.everything("salesforce.contact")
    rows = rest._rows
    asked: list[str] = []

    def and_meanwhile(client: Any, info: Any, query: str) -> Any:
        asked.append(query)
        if len(asked) == 2:
            place.lie(fault)
        return rows(client, info, query)

    monkeypatch.setattr(rest, "_rows", and_meanwhile)
    monkeypatch.setattr(settings, "REST_QUERY_BYTES", 750)
    place.sandbox.sql(f"update {CRM} set SystemModstamp = '2026-01-05 05:59:00'")
    result = place.extract("salesforce.contact")
    if result.error is not None:
        assert place.everything("salesforce.contact") == before
    monkeypatch.setattr(rest, "_rows", rows)
    place.complete("salesforce.contact")
    after = place.everything("salesforce.contact")
    assert [row["title"] for row in after] == [row["title"] for row in before], "what is not sent any more is kept"
    assert len(after) == place.count(CRM)
    changes = {(row["change"], row["column_name"]) for row in place.query("select * from ops.schema_changes")}
    assert (("column_removed", "title") if gone else ("column_added", "tier__c")) in changes


def test_a_failing_source_never_advances_a_watermark_and_never_empties_a_table(place: Place) -> None:
    place.complete("salesforce.contact")
    mark, rows = place.watermark("contact"), place.everything("salesforce.contact")
    place.sandbox.advance()

    def assert_kept() -> None:
        # The day has brought a field, whose column may be there already.
        found = place.everything("salesforce.contact")
        assert [{name: row[name] for name in rows[0]} for row in found] == rows

    for fault in (
        {"name": "http_error", "status": 500, "path": "query", "times": None},
        {"name": "malformed_page", "how": "empty", "path": "query", "times": None},
        {"name": "error_body_with_200", "path": "query", "times": None},
    ):
        for full in (False, True):
            place.lie(fault)
            assert place.extract("salesforce.contact", full=full).error is not None
            assert place.watermark("contact") == mark
            assert_kept()
    place.lie()
    place.sandbox.sql(f"delete from {CRM}")
    assert "nothing was marked deleted" in str(place.extract("salesforce.contact", full=True).error)
    assert place.watermark("contact") == mark
    assert_kept()


# Names.

HOSTILE = [
    'x"; drop table raw_salesforce.contact; --',
    "'; delete from ops.extract_runs; --",
    "`tick`",
    "{{ env_var('SALESFORCE_CLIENT_SECRET') }}",
    "select",
    "1st_touch__c",
    "n" * 300,
    "Tier__c",
    "TIER__c",
    "\u0422ier__c",
    "nul\x00byte",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_field_name_becomes_a_plain_column_or_is_refused_by_name(place: Place, name: str) -> None:
    place.complete("salesforce.contact")
    rows = len(place.everything("salesforce.contact"))
    place.lie({"name": "added_field", "object": "Contact", "field": name, "value": "gold"})
    result = place.extract("salesforce.contact")
    if result.error is not None:
        # It is no name that Salesforce gives: it must not get into a query there, nor into one here.
        assert "describes Contact with a field that cannot be one" in result.error
        place.lie()
    place.complete("salesforce.contact")
    found = place.everything("salesforce.contact")
    assert len(found) == rows == place.count(CRM)
    assert all(set(column) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for column in found[0])
    gold = [column for column in found[0] if {row[column] for row in found} == {"gold"}]
    assert len(gold) == (result.error is None)
