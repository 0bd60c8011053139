"""HubSpot over the sandbox's HTTP: what is read equals what the company holds, whatever lies the server tells."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from extract.source import AccessDenied, MalformedAnswer, RateLimited, Unreachable
from extract.sources.hubspot import HubSpot, history
from extract.sources.hubspot.client import HubSpotApi
from sandbox.company import Company
from sandbox.server import Running, running

pytestmark = pytest.mark.timeout(120)

PEOPLE = 150
Spooled = Callable[..., Any]
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    with running(people=PEOPLE) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared: Running) -> Iterator[Running]:
    shared.faults()
    yield shared
    shared.faults()


@pytest.fixture
def own() -> Iterator[Running]:
    """A sandbox whose records this test may edit."""
    with running(people=20) as sandbox:
        yield sandbox


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def hubspot(sandbox: Running, waits: list[float]) -> HubSpot:
    return HubSpot(HubSpotApi(sandbox.url, sandbox.environment()["HUBSPOT_ACCESS_TOKEN"], sleep=waits.append))


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(seed=1, people=PEOPLE)


def held(company: Company, name: str) -> Rows:
    """What the company itself holds of an object."""
    rows: Rows = company.tables[f"hubspot.{name}"].to_pylist()
    return rows


def same(read: Rows, kept: Rows, key: tuple[str, ...] = ("id",), but: str = "") -> None:
    """Row for row and value for value, in the columns the company keeps but one; blank text is no text."""

    def by_key(rows: Rows) -> dict[tuple[str, ...], dict[str, Any]]:
        return {tuple(str(row[name]) for name in key): row for row in rows}

    expected = {place: {k: v if v != "" else None for k, v in row.items()} for place, row in by_key(kept).items()}
    assert expected, "an empty company proves nothing"
    columns = next(iter(expected.values())).keys() - {but}
    expected = {place: {k: row[k] for k in columns} for place, row in expected.items()}
    assert {place: {k: row[k] for k in columns} for place, row in by_key(read).items()} == expected


KEYS = {
    **dict.fromkeys(history.PARENTS, history.KEY),
    "pipeline_stages": ("pipeline_id", "id"),
    "associations": ("from_object_type", "from_id", "to_object_type", "to_id", "type_id"),
}


@pytest.mark.parametrize("name", HubSpot.objects)
def test_a_first_load_is_what_the_company_holds(
    hubspot: HubSpot, spooled: Spooled, company: Company, name: str
) -> None:
    read = spooled(hubspot, name).pylist
    kept = held(company, name)
    if name in history.PARENTS:
        kept = [row for row in kept if row["property"] in history.wanted({})[name]]
    same(read, kept, KEYS.get(name, ("id",)))
    assert len(read) == len(kept)


@pytest.mark.parametrize("name", ["contacts", "companies", "deals"])
def test_an_increment_is_what_changed_and_what_is_archived(
    hubspot: HubSpot, spooled: Spooled, company: Company, name: str
) -> None:
    end = hubspot.now()
    start = end - timedelta(days=40)
    changed = [row for row in held(company, name) if row["archived"] or start <= row["updated_at"] < end]
    assert len(changed) < len(held(company, name))
    same(spooled(hubspot, name, start=start, end=end).pylist, changed)


# States of the sandbox rather than single strikes.
LASTING = {"search_out_of_order", "search_out_of_window", "association_pages", "milliseconds"}


def struck(sandbox: Running) -> int:
    """How often the faults that are on have struck."""
    faults = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=10).json()
    return sum(fault["struck"] for fault in faults)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"name": "http_error", "status": 502, "body": ""}, "contacts"),
        ({"name": "http_error", "status": 500, "times": 3}, "associations"),
        ({"name": "http_error", "status": 477, "headers": {"Retry-After": "1"}}, "deals"),
        ({"name": "rate_limited", "retry_after": 3}, "contacts"),
        ({"name": "rate_limited", "policy": "SECONDLY", "path": "search", "times": 2}, "contacts"),
        ({"name": "connection_dropped", "path": "objects"}, "contacts"),
        ({"name": "connection_dropped", "path": "batch", "after_bytes": 0}, "contacts"),
        ({"name": "partial_batch"}, "contacts"),
        ({"name": "same_page_twice"}, "contacts"),
        ({"name": "same_page_twice"}, "associations"),
        ({"name": "search_out_of_order"}, "contacts"),
        ({"name": "search_out_of_window"}, "deals"),
        ({"name": "association_pages", "size": 1}, "associations"),
        ({"name": "milliseconds"}, "contacts"),
        ({"name": "gzip"}, "contacts"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['name']}-{value.get('status', '')}",
)
def test_a_lie_or_a_passing_fault_loses_nothing(
    sandbox: Running, hubspot: HubSpot, spooled: Spooled, company: Company, fault: dict[str, Any], name: str
) -> None:
    end = hubspot.now() + timedelta(seconds=1)
    kept = held(company, name)
    sandbox.faults({"system": "hubspot", **fault})
    first = spooled(hubspot, name).pylist
    same(first, kept, KEYS.get(name, ("id",)))

    struck_first = struck(sandbox)
    sandbox.faults()
    sandbox.faults({"system": "hubspot", **fault})
    increment = spooled(hubspot, name, start=datetime(2000, 1, 1), end=end).pylist
    same(increment, kept, KEYS.get(name, ("id",)))
    assert struck_first or struck(sandbox) or fault["name"] in LASTING


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"name": "http_error", "status": 500, "times": None}, Unreachable, "keeps answering 500"),
        ({"name": "malformed_page", "how": "cut"}, MalformedAnswer, "not a JSON object"),
        ({"name": "malformed_page", "how": "html"}, MalformedAnswer, "not a JSON object"),
        ({"name": "malformed_page", "how": "empty"}, MalformedAnswer, "not a JSON object"),
        ({"name": "error_body_with_200"}, MalformedAnswer, "without a list of results"),
        ({"name": "session_expired"}, AccessDenied, "HUBSPOT_ACCESS_TOKEN"),
        ({"name": "http_error", "status": 403}, AccessDenied, "scope crm.objects.contacts.read"),
        ({"name": "rate_limited", "policy": "DAILY"}, RateLimited, "daily limit"),
        ({"name": "connection_dropped", "times": None}, Unreachable, "breaks off"),
    ],
    ids=lambda value: f"{value['name']}-{value.get('how', '')}" if isinstance(value, dict) else "",
)
def test_a_fault_that_stays_is_one_clear_error(
    sandbox: Running, hubspot: HubSpot, spooled: Spooled, fault: dict[str, Any], error: type[Exception], words: str
) -> None:
    sandbox.faults({"system": "hubspot", "path": "objects/contacts", **fault})
    with pytest.raises(error, match=words) as caught:
        spooled(hubspot, "contacts")
    assert sandbox.environment()["HUBSPOT_ACCESS_TOKEN"] not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_token_is_denied_on_connecting(sandbox: Running) -> None:
    source = HubSpot.from_environment({**sandbox.environment(), "HUBSPOT_ACCESS_TOKEN": "wrong-token-value"})
    with pytest.raises(AccessDenied, match=r"refuses these credentials .401.*HUBSPOT_ACCESS_TOKEN") as caught:
        source.connect()
    assert "wrong-token-value" not in str(caught.value)


def test_the_clock_is_the_sandboxs_even_when_it_is_off(sandbox: Running, hubspot: HubSpot) -> None:
    true, before = hubspot.now(), hubspot.spent().calls
    sandbox.faults({"name": "clock_skew", "system": "hubspot", "seconds": -300})
    hubspot.connect()
    assert hubspot.now() == true - timedelta(minutes=5)
    # An answer that was just given tells the time as well.
    assert hubspot.spent().calls == before + 1


def test_the_limits_of_the_account_are_kept(sandbox: Running, spooled: Spooled, company: Company) -> None:
    sandbox.faults({"name": "enforce_limits", "per_ten_seconds": 40, "searches_per_second": 5})
    source = HubSpot.from_environment(sandbox.environment())
    for name in ("contacts", "associations", "deals"):
        same(spooled(source, name).pylist, held(company, name), KEYS.get(name, ("id",)))


def test_more_than_ten_thousand_changes_in_one_second_are_all_read(own: Running, spooled: Spooled) -> None:
    source = HubSpot.from_environment(own.environment())
    end = source.now()
    moment = end - timedelta(hours=2)
    for first, count, later in ((7_000_000_000, 10_450, 0), (8_000_000_000, 300, 60), (6_000_000_000, 300, -60)):
        own.sql(
            f"""
            insert into hubspot.contacts by name
            select
                ({first} + i)::varchar as id, ({first} + i)::varchar as hs_object_id, false as archived,
                timestamp '{moment + timedelta(seconds=later)}' as lastmodifieddate,
                timestamp '{moment + timedelta(seconds=later)}' as updated_at,
                timestamp '{moment}' as createdate, timestamp '{moment}' as created_at
            from range({count}) as numbers(i)
            """
        )
    rows = spooled(source, "contacts", start=moment - timedelta(minutes=5), end=end).pylist
    ids = {row["id"] for row in rows}
    expected = {str(n + i) for n, count in ((7, 10_450), (8, 300), (6, 300)) for n in [n * 10**9] for i in range(count)}
    assert ids >= expected
    searches = own.calls()["hubspot"]
    assert sum(count for path, count in searches.items() if "search" in path) < 200


def test_archiving_restoring_and_merging_are_followed(own: Running, spooled: Spooled) -> None:
    source = HubSpot.from_environment(own.environment())
    end = source.now()
    start = end - timedelta(hours=1)
    first = sorted(row["id"] for row in spooled(source, "contacts").pylist if not row["archived"])
    archived, merged_1, merged_2 = first[:3]

    own.sql(f"update hubspot.contacts set archived = true, archived_at = updated_at where id = '{archived}'")
    own.sql(f"delete from hubspot.contacts where id = '{merged_2}'")
    own.sql(
        f"""
        update hubspot.contacts
        set id = '99000000001', hs_object_id = '99000000001', hs_merged_object_ids = '{merged_1};{merged_2}',
            updated_at = timestamp '{start}', lastmodifieddate = timestamp '{start}'
        where id = '{merged_1}'
        """
    )
    spool = spooled(source, "contacts", start=start, end=end)
    read = {row["id"]: row for row in spool.pylist}
    assert read[archived]["_is_deleted"] is True
    assert read["99000000001"]["_is_deleted"] is False
    assert sorted(row["id"] for row in spool.gone_list) == [merged_1, merged_2]

    own.sql(f"update hubspot.contacts set archived = false, updated_at = '{start}', lastmodifieddate = '{start}' "
            f"where id = '{archived}'")  # fmt: skip
    restored = {row["id"]: row for row in spooled(source, "contacts", start=start, end=end).pylist}
    assert restored[archived]["_is_deleted"] is False


@pytest.mark.parametrize("name", ["contacts", "companies", "deals"])
def test_day_by_day_increments_add_up_to_what_the_company_holds(spooled: Spooled, name: str) -> None:
    company = Company(seed=4, people=PEOPLE)
    stored: dict[str, dict[str, Any]] = {}
    with running(people=PEOPLE, seed=4) as sandbox:
        source = HubSpot.from_environment(sandbox.environment())
        overlap = source.describe(name).overlap
        watermark: datetime | None = None
        for _ in range(4):
            # As every run does; the answer also tells the time.
            source.describe(name)
            now = source.now()
            spool = spooled(source, name, start=watermark and watermark - overlap, end=now)
            stored |= {row["id"]: row for row in spool.pylist}
            for key in spool.gone_list:
                if key["id"] in stored:
                    stored[key["id"]]["_is_deleted"] = True
            watermark = now
            living = [row for row in stored.values() if not row["_is_deleted"] or row["archived"]]
            # Calculated when a deal is associated, which moves no time of the contact.
            same(living, held(company, name), but="num_associated_deals")
            assert all(row["archived"] == row["_is_deleted"] for row in spool.pylist)
            sandbox.advance()
            company.advance()
        same(spooled(source, name).pylist, held(company, name))
    vanished = stored.keys() - {row["id"] for row in held(company, name)}
    assert name != "contacts" or vanished, "four days without a merge prove nothing about merges"


def test_what_the_index_showed_too_late_comes_with_the_overlap(own: Running, spooled: Spooled) -> None:
    source = HubSpot.from_environment(own.environment())
    end = source.now()
    moment = end - timedelta(minutes=10)
    key = next(row["id"] for row in spooled(source, "contacts").pylist)
    own.sql(f"update hubspot.contacts set lastmodifieddate = '{moment}', updated_at = '{moment}' where id = '{key}'")
    own.faults({"name": "search_lag", "seconds": 1800})
    early = spooled(source, "contacts", start=end - timedelta(days=1), end=end).pylist
    assert key not in {row["id"] for row in early if not row["archived"]}
    own.faults()
    next_start = end - source.describe("contacts").overlap
    assert key in {row["id"] for row in spooled(source, "contacts", start=next_start, end=end).pylist}
