"""HubSpot as its API is described: windows, caps, archive, merges, quotas, and what goes wrong."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from extract.source import (
    AccessDenied,
    ConfigurationError,
    MalformedAnswer,
    RateLimited,
    SourceError,
    Unreachable,
)
from extract.sources.hubspot import HubSpot, records
from extract.sources.hubspot.client import HubSpotApi

URL = "https://hubspot.example"
TOKEN = "pat-eu1-very-secret"
START, END = datetime(2026, 1, 4, 6), datetime(2026, 1, 5, 6)
PROPERTIES = [
    {"name": "email", "type": "string", "fieldType": "text"},
    {"name": "hs_object_id", "type": "number", "fieldType": "number"},
    {"name": "hs_merged_object_ids", "type": "enumeration", "fieldType": "checkbox"},
    {"name": "lastmodifieddate", "type": "datetime", "fieldType": "date"},
    {"name": "score", "type": "number", "fieldType": "number"},
    {"name": "optout", "type": "enumeration", "fieldType": "booleancheckbox"},
    {"name": "is_vip", "type": "bool", "fieldType": "booleancheckbox"},
    {"name": "birthday", "type": "date", "fieldType": "date"},
    {"name": "id", "type": "string", "fieldType": "text"},
    {"name": "dropped", "type": "string", "fieldType": "text", "archived": True},
]
Spooled = Callable[..., Any]


class FakeContacts:
    """Contacts behind list, search and batch read, as far as the tests need them to be faithful."""

    def __init__(self, properties: list[dict[str, Any]] = PROPERTIES) -> None:
        self.properties = properties
        self.records: dict[str, dict[str, Any]] = {}
        self.searches: list[dict[str, Any]] = []
        self.batches: list[dict[str, Any]] = []
        self.urls: list[str] = []
        self.cap = 10_000

    def add(self, key: int, modified: datetime = START, *, archived: bool = False, **values: str | None) -> None:
        stamp = modified.isoformat() + "Z"
        self.records[str(key)] = {
            "id": str(key),
            "properties": {"hs_object_id": str(key), "lastmodifieddate": stamp, **values},
            "createdAt": "2025-12-01T00:00:00Z",
            "updatedAt": stamp,
            "archived": archived,
            **({"archivedAt": stamp} if archived else {}),
        }

    def register(self) -> None:
        for method, path, answer in (
            ("GET", "/crm/v3/properties/contacts", lambda _: {"results": self.properties}),
            ("GET", "/crm/v3/objects/contacts", self.list),
            ("POST", "/crm/v3/objects/contacts/search", self.search),
            ("POST", "/crm/v3/objects/contacts/batch/read", self.batch_read),
        ):
            responses.add_callback(method, URL + path, callback=_json(answer))

    def list(self, request: requests.PreparedRequest) -> dict[str, Any]:
        assert request.url
        self.urls.append(request.url)
        query = {name: values[-1] for name, values in parse_qs(urlsplit(request.url).query).items()}
        archived = query["archived"] == "true"
        rows = [row for row in self.records.values() if row["archived"] is archived]
        start, limit = int(query.get("after", "0")), int(query["limit"])
        paging = {"paging": {"next": {"after": str(start + limit)}}} if start + limit < len(rows) else {}
        return {"results": rows[start : start + limit], **paging}

    def search(self, request: requests.PreparedRequest) -> dict[str, Any]:
        body = json.loads(request.body or "")
        self.searches.append(body)
        assert len(request.body or "") <= 3_000
        tests = {(f["propertyName"], f["operator"]): int(f["value"]) for f in body["filterGroups"][0]["filters"]}
        lower, upper = tests["lastmodifieddate", "GTE"], tests["lastmodifieddate", "LT"]
        after_id = tests.get(("hs_object_id", "GT"), 0)
        rows = [
            row
            for row in self.records.values()
            if not row["archived"] and lower <= _millis(row) < upper and int(row["id"]) > after_id
        ]
        sort = body["sorts"][0]["propertyName"]
        rows.sort(key=lambda row: (0 if sort == "hs_object_id" else _millis(row), int(row["id"])))
        start, limit = int(body.get("after", "0")), body["limit"]
        assert start + limit <= self.cap, "HubSpot answers 400 to paging beyond its cap"
        paging = {"paging": {"next": {"after": str(start + limit)}}} if start + limit < len(rows) else {}
        return {"total": len(rows), "results": rows[start : start + limit], **paging}

    def batch_read(self, request: requests.PreparedRequest) -> dict[str, Any]:
        body = json.loads(request.body or "")
        self.batches.append(body)
        ids = [item["id"] for item in body["inputs"]]
        assert len(ids) == len(set(ids)) <= 100
        archived = "archived=true" in str(request.url)
        rows = [self.records[key] for key in ids if key in self.records]
        return {"status": "COMPLETE", "results": [row for row in rows if row["archived"] is archived]}


def _json(
    answer: Callable[[requests.PreparedRequest], dict[str, Any]],
) -> Callable[..., tuple[int, dict[str, str], str]]:
    return lambda request: (200, {}, json.dumps(answer(request)))


def _millis(row: dict[str, Any]) -> int:
    moment = datetime.fromisoformat(row["properties"]["lastmodifieddate"])
    return round(moment.timestamp() * 1000)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def hubspot(waits: list[float]) -> HubSpot:
    return HubSpot(HubSpotApi(URL, TOKEN, sleep=waits.append))


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


# What the tables look like.


@responses.activate
def test_columns_are_typed_from_the_property_list(hubspot: HubSpot, spooled: Spooled) -> None:
    fake = FakeContacts()
    fake.add(
        7,
        datetime(2026, 1, 1, 12, 0, 0, 500_000),
        email="",
        score="12.5",
        optout="true",
        is_vip="false",
        birthday="1990-02-28",
        id="crm-7",
        hs_merged_object_ids=None,
    )
    fake.add(8, email="a@b.example", score=None, birthday="636163200000", is_vip="")
    fake.register()

    info = hubspot.describe("contacts")
    rows = spooled(hubspot, "contacts").pylist

    assert "dropped" not in info.schema.names
    assert info.cursor == "lastmodifieddate"
    assert info.fields["property_id"] == "id"
    assert rows[0] == {
        "id": "7",
        "created_at": datetime(2025, 12, 1),
        "updated_at": datetime(2026, 1, 1, 12, 0, 0, 500_000),
        "archived": False,
        "archived_at": None,
        "_is_deleted": False,
        "hs_object_id": "7",
        "lastmodifieddate": datetime(2026, 1, 1, 12, 0, 0, 500_000),
        "email": None,
        "score": 12.5,
        "optout": True,
        "is_vip": False,
        "birthday": date(1990, 2, 28),
        "property_id": "crm-7",
        "hs_merged_object_ids": None,
    }
    assert (rows[1]["birthday"], rows[1]["score"], rows[1]["is_vip"]) == (date(1990, 2, 28), None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score", "twelve"),
        ("score", "9007199254740993"),
        ("score", "NaN"),
        ("birthday", "28/02/1990"),
        ("optout", "perhaps"),
        ("lastmodifieddate", "yesterday"),
        ("email", {"not": "text"}),
    ],
)
@responses.activate
def test_a_value_that_does_not_fit_keeps_its_record_out_and_names_it(
    hubspot: HubSpot, spooled: Spooled, name: str, value: Any
) -> None:
    fake = FakeContacts()
    fake.add(1)
    fake.add(2)
    fake.records["2"]["properties"][name] = value
    fake.register()
    spool = spooled(hubspot, "contacts")
    assert [record["id"] for record in spool.pylist] == ["1"]
    (rejected,) = spool.rejected
    assert (rejected.key, rejected.rule, rejected.position) == ("2", f"type:{name}", "contacts 2")
    assert f"contacts 2: the value of {name} is not " in rejected.reason
    assert str(value) not in rejected.reason, "values may be personal"
    assert json.loads(rejected.payload)["properties"][name] == value


@responses.activate
def test_the_cursor_of_companies_has_another_name(hubspot: HubSpot) -> None:
    responses.get(f"{URL}/crm/v3/properties/companies", json={"results": PROPERTIES})
    with pytest.raises(MalformedAnswer, match="companies without hs_lastmodifieddate"):
        hubspot.describe("companies")


# Which records are read.


@responses.activate
def test_the_first_load_reads_all_history_by_pages(hubspot: HubSpot, spooled: Spooled) -> None:
    fake = FakeContacts()
    for key in range(1, 251):
        fake.add(key, START - timedelta(days=key))
    fake.register()
    spool = spooled(hubspot, "contacts")
    assert [row["id"] for row in spool.pylist] == [str(key) for key in range(1, 251)]
    assert fake.searches == []


@responses.activate
def test_a_property_list_too_long_for_an_address_goes_into_batch_reads(hubspot: HubSpot, spooled: Spooled) -> None:
    wide = [{"name": f"property_number_{i:04d}", "type": "string"} for i in range(700)]
    fake = FakeContacts(PROPERTIES + wide)
    for key in range(1, 121):
        fake.add(key, property_number_0699=f"value {key}")
    fake.add(500, archived=True, property_number_0699="archived")
    fake.register()
    rows = spooled(hubspot, "contacts").pylist
    assert {row["id"]: row["property_number_0699"] for row in rows} == {
        "500": "archived",
        **{str(key): f"value {key}" for key in range(1, 121)},
    }
    assert max(map(len, fake.urls)) < 500


@responses.activate
def test_an_increment_is_the_window_and_the_archived_ones(hubspot: HubSpot, spooled: Spooled) -> None:
    fake = FakeContacts()
    fake.add(1, START - timedelta(seconds=1))
    fake.add(2, START)
    fake.add(3, END - timedelta(milliseconds=1))
    fake.add(4, END)
    fake.add(5, START - timedelta(days=90), archived=True, email="old@b.example")
    fake.register()
    rows = spooled(hubspot, "contacts", start=START, end=END).pylist
    assert sorted(row["id"] for row in rows) == ["2", "3", "5"]
    archived = next(row for row in rows if row["id"] == "5")
    assert archived["_is_deleted"] is archived["archived"] is True
    assert (archived["email"], archived["archived_at"]) == ("old@b.example", START - timedelta(days=90))


@pytest.mark.parametrize("ties", [1, 7, 60], ids=["no ties", "ties across queries", "more ties than a query gives"])
@responses.activate
def test_more_changes_than_a_query_gives_are_all_read(
    hubspot: HubSpot, spooled: Spooled, monkeypatch: pytest.MonkeyPatch, ties: int
) -> None:
    monkeypatch.setattr(records, "SEARCH_LIMIT", 20)
    fake = FakeContacts()
    fake.cap = 20
    for key in range(1, 131):
        fake.add(1000 - key, START + timedelta(seconds=key // ties))
    fake.register()
    ids = [row["id"] for row in spooled(hubspot, "contacts", start=START, end=END).pylist]
    assert sorted(ids) == sorted(fake.records)
    assert len(fake.searches) < 30


@responses.activate
def test_a_record_that_shows_a_new_time_at_its_old_place_hides_nobody(
    hubspot: HubSpot, spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "SEARCH_LIMIT", 20)
    fake = FakeContacts()
    for key in range(1, 61):
        fake.add(key, START + timedelta(seconds=key))
    # Last row of the first query: edited while we page, an hour ahead of its place in the index.
    places = {key: _millis(row) for key, row in fake.records.items()}
    fake.add(20, START + timedelta(hours=1))

    def search(request: requests.PreparedRequest) -> dict[str, Any]:
        shown = {key: row["properties"]["lastmodifieddate"] for key, row in fake.records.items()}
        for key, row in fake.records.items():
            row["properties"]["lastmodifieddate"] = datetime.fromtimestamp(places[key] / 1000, UTC).isoformat()
        answer = json.loads(json.dumps(FakeContacts.search(fake, request)))
        for key, row in fake.records.items():
            row["properties"]["lastmodifieddate"] = shown[key]
        for row in answer["results"]:
            row["properties"]["lastmodifieddate"] = shown[row["id"]]
        return dict(answer)

    monkeypatch.setattr(fake, "search", search)
    fake.register()
    ids = {row["id"] for row in spooled(hubspot, "contacts", start=START, end=END).pylist}
    assert ids == set(fake.records)


@responses.activate
def test_a_record_edited_between_two_pages_moves_nobody_out_of_sight(
    hubspot: HubSpot, spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "SEARCH_LIMIT", 20)
    fake = FakeContacts()
    for key in range(1, 61):
        fake.add(key, START + timedelta(seconds=key))
    plain = fake.search

    def search(request: requests.PreparedRequest) -> dict[str, Any]:
        answer = plain(request)
        for row in answer["results"][:5]:
            fake.add(int(row["id"]), END + timedelta(seconds=1))
        return answer

    monkeypatch.setattr(fake, "search", search)
    fake.register()
    ids = [row["id"] for row in spooled(hubspot, "contacts", start=START, end=END).pylist]
    assert sorted(ids) == sorted(fake.records)


@responses.activate
def test_a_record_outside_the_window_is_taken_as_it_comes(hubspot: HubSpot, spooled: Spooled) -> None:
    fake = FakeContacts()
    fake.add(1, END + timedelta(seconds=5))
    fake.register()
    responses.replace(
        "POST", f"{URL}/crm/v3/objects/contacts/search", json={"total": 1, "results": [fake.records["1"]]}
    )
    assert [row["id"] for row in spooled(hubspot, "contacts", start=START, end=END).pylist] == ["1"]


@responses.activate
def test_a_merge_leaves_the_old_ids_gone_and_the_survivor_itself_not(hubspot: HubSpot, spooled: Spooled) -> None:
    fake = FakeContacts()
    fake.add(30, hs_merged_object_ids="10; 20;30")
    fake.add(31)
    fake.add(32, hs_merged_object_ids="")
    fake.register()
    spool = spooled(hubspot, "contacts", start=START, end=END)
    assert spool.gone_list == [{"id": "10"}, {"id": "20"}]
    assert [row["_is_deleted"] for row in spool.pylist] == [False, False, False]


@responses.activate
def test_a_record_that_vanishes_between_search_and_read_is_left_out(hubspot: HubSpot, spooled: Spooled) -> None:
    fake = FakeContacts()
    fake.add(1)
    fake.add(2)
    fake.register()
    responses.replace(
        "POST",
        f"{URL}/crm/v3/objects/contacts/search",
        json={"total": 3, "results": [*fake.records.values(), {"id": "3", "properties": {}}]},
    )
    assert [row["id"] for row in spooled(hubspot, "contacts", start=START, end=END).pylist] == ["1", "2"]


@responses.activate
def test_a_record_dropped_from_a_batch_is_asked_for_again(hubspot: HubSpot, spooled: Spooled) -> None:
    fake = FakeContacts()
    fake.add(1)
    fake.add(2)
    fake.register()
    whole = fake.batch_read

    def flaky(request: requests.PreparedRequest) -> dict[str, Any]:
        answer = whole(request)
        return answer | {"results": answer["results"][: 1 if len(fake.batches) == 1 else None]}

    responses.remove("POST", f"{URL}/crm/v3/objects/contacts/batch/read")
    responses.add_callback("POST", f"{URL}/crm/v3/objects/contacts/batch/read", callback=_json(flaky))
    assert [row["id"] for row in spooled(hubspot, "contacts", start=START, end=END).pylist] == ["1", "2"]


@responses.activate
def test_a_batch_that_fails_in_part_is_read_again_and_at_last_raises(
    hubspot: HubSpot, spooled: Spooled, waits: list[float]
) -> None:
    fake = FakeContacts()
    fake.add(1)
    fake.register()
    failed = {"results": [], "numErrors": 1, "errors": [{"category": "INTERNAL_ERROR", "message": "shard away"}]}
    responses.replace("POST", f"{URL}/crm/v3/objects/contacts/batch/read", json=failed, status=207)
    with pytest.raises(Unreachable, match=r"only in part .shard away"):
        spooled(hubspot, "contacts", start=START, end=END)
    assert len(waits) == 4


# What surrounds the records.


@responses.activate
def test_owners_are_read_in_both_states(hubspot: HubSpot, spooled: Spooled) -> None:
    for archived, owner in (
        ("false", {"id": "1", "email": "a@b.example", "firstName": "A", "userId": 11, "archived": False}),
        ("true", {"id": "2", "email": "c@d.example", "lastName": "D", "userId": None, "archived": True}),
    ):
        responses.get(
            f"{URL}/crm/v3/owners/",
            json={"results": [owner | {"createdAt": "2025-01-01T00:00:00.000Z", "updatedAt": "2025-01-02T00:00:00Z"}]},
            match=[responses.matchers.query_param_matcher({"archived": archived}, strict_match=False)],
        )
    rows = spooled(hubspot, "owners").pylist
    assert [(row["id"], row["user_id"], row["_is_deleted"]) for row in rows] == [("1", 11, False), ("2", None, True)]
    assert rows[0]["created_at"] == datetime(2025, 1, 1)


@responses.activate
def test_stages_belong_to_their_pipelines(hubspot: HubSpot, spooled: Spooled) -> None:
    times = {"createdAt": "2025-01-01T00:00:00Z", "updatedAt": "2025-01-01T00:00:00Z", "archived": False}
    won = {"id": "won", "label": "Won", "displayOrder": 1, "metadata": {"isClosed": "true", "probability": "1.0"}}
    new = {"id": "new", "label": "New", "displayOrder": 0, "metadata": {"isClosed": False, "probability": "0.2"}}
    responses.get(
        f"{URL}/crm/v3/pipelines/deals",
        json={
            "results": [
                {"id": "default", "label": "Sales", "displayOrder": 0, "stages": [new | times, won | times]} | times,
                {"id": "p2", "label": "Renewals", "displayOrder": 1, "stages": [won | times]} | times,
            ]
        },
    )
    pipelines = spooled(hubspot, "pipelines").pylist
    stages = spooled(hubspot, "pipeline_stages").pylist
    assert [(row["id"], row["object_type"], row["display_order"]) for row in pipelines] == [
        ("default", "deals", 0),
        ("p2", "deals", 1),
    ]
    assert [(row["pipeline_id"], row["id"], row["probability"], row["is_closed"]) for row in stages] == [
        ("default", "new", 0.2, False),
        ("default", "won", 1.0, True),
        ("p2", "won", 1.0, True),
    ]


@responses.activate
def test_associations_are_read_to_their_last_page(hubspot: HubSpot, spooled: Spooled) -> None:
    kind = {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"}
    unlabelled = {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}
    responses.get(f"{URL}/crm/v3/objects/contacts", json={"results": [{"id": "1"}, {"id": "2"}, {"id": "3"}]})
    responses.get(f"{URL}/crm/v3/objects/deals", json={"results": []})
    path = f"{URL}/crm/v4/associations/contacts/companies/batch/read"
    first = {"results": [{"from": {"id": "1"}, "to": [{"toObjectId": 51, "associationTypes": [kind, unlabelled]}]}]}
    first["results"][0]["paging"] = {"next": {"after": "NTE", "link": "…"}}  # type: ignore[assignment]
    nobody = [{"category": "OBJECT_NOT_FOUND", "message": "No company is associated with contact 2."}]
    second = {"results": [{"from": {"id": "1"}, "to": [{"toObjectId": 52, "associationTypes": [unlabelled]}]}]}
    ids = [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    responses.post(
        path,
        json=first | {"errors": nobody},
        status=207,
        match=[responses.matchers.json_params_matcher({"inputs": ids})],
    )
    more = {"inputs": [{"id": "1", "after": "NTE"}]}
    responses.post(path, json=second, match=[responses.matchers.json_params_matcher(more)])
    rows = spooled(hubspot, "associations").pylist
    assert [(row["from_id"], row["to_id"], row["type_id"], row["label"]) for row in rows] == [
        ("1", "51", 1, "Primary"),
        ("1", "51", 279, None),
        ("1", "52", 279, None),
    ]
    assert {(row["from_object_type"], row["to_object_type"], row["category"]) for row in rows} == {
        ("contacts", "companies", "HUBSPOT_DEFINED")
    }


# Quotas and failures.


def owners(http: responses.RequestsMock, status: int = 200, json: Any = None, **more: Any) -> None:
    http.get(f"{URL}/crm/v3/owners/", status=status, json={"results": []} if json is None else json, **more)


def test_the_clock_is_the_servers(hubspot: HubSpot, http: responses.RequestsMock) -> None:
    owners(http, headers={"Date": "Mon, 05 Jan 2026 06:00:07 GMT"})
    assert hubspot.now() == datetime(2026, 1, 5, 6, 0, 7)


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [({"Retry-After": "7"}, 7.0, 7.0), ({}, 1.0, 1.3)],
    ids=["after Retry-After", "without one"],
)
def test_a_used_up_quota_is_waited_for(
    hubspot: HubSpot,
    http: responses.RequestsMock,
    waits: list[float],
    headers: dict[str, str],
    low: float,
    high: float,
) -> None:
    policy = {"status": "error", "message": "You have reached your ten_secondly_rolling limit."}
    owners(http, 429, policy | {"policyName": "TEN_SECONDLY_ROLLING"}, headers=headers)
    owners(http)
    hubspot.connect()
    assert len(waits) == 1
    assert low <= waits[0] <= high


@pytest.mark.parametrize(
    ("policy", "headers"),
    [("DAILY", {}), ("TEN_SECONDLY_ROLLING", {"Retry-After": "3600"})],
    ids=["daily", "an hour away"],
)
def test_a_quota_that_will_not_refill_is_an_error_at_once(
    hubspot: HubSpot, http: responses.RequestsMock, waits: list[float], policy: str, headers: dict[str, str]
) -> None:
    owners(http, 429, {"message": "You have reached your limit.", "policyName": policy}, headers=headers)
    with pytest.raises(RateLimited, match="no calls left"):
        hubspot.connect()
    assert waits == []


def test_calls_slow_down_before_the_quota_is_used_up(
    hubspot: HubSpot, http: responses.RequestsMock, waits: list[float]
) -> None:
    for left in ("100", "9", "0"):
        headers = {"X-HubSpot-RateLimit-Max": "100", "X-HubSpot-RateLimit-Remaining": left}
        owners(http, headers=headers | {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"})
        hubspot.connect()
    assert waits == [0.1, 1.0]


@pytest.mark.parametrize("status", [408, 477, 500, 502, 503, 524])
def test_a_passing_fault_is_tried_again(
    hubspot: HubSpot, http: responses.RequestsMock, waits: list[float], status: int
) -> None:
    owners(http, status, {"message": "oops"})
    owners(http)
    hubspot.connect()
    assert len(waits) == 1


def test_a_lasting_fault_ends_after_bounded_tries(
    http: responses.RequestsMock, hubspot: HubSpot, waits: list[float]
) -> None:
    for object_type in ("contacts", "deals"):
        http.get(f"{URL}/crm/v3/properties/{object_type}", status=500, body="<html>")
    with pytest.raises(Unreachable, match=r"keeps answering 500 to GET /crm/v3/properties/deals .5 attempts"):
        hubspot.describe("deals")
    assert len(waits) == 4
    assert sum(waits) < 12


SCOPE_BODY = {
    "status": "error",
    "message": "This app hasn't been granted all required scopes to make this call.",
    "category": "MISSING_SCOPES",
    "errors": [{"message": "…", "context": {"requiredGranularScopes": ["crm.objects.contacts.highly_sensitive.read"]}}],
}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            401,
            {"message": f"The token {TOKEN} is invalid", "category": "INVALID_AUTHENTICATION"},
            "HUBSPOT_ACCESS_TOKEN",
        ),
        (403, SCOPE_BODY, "lacks the scope crm.objects.contacts.highly_sensitive.read"),
        (403, {"message": "no"}, "lacks the scope crm.objects.contacts.read"),
        (530, None, "HUBSPOT_ACCESS_TOKEN"),
    ],
    ids=["wrong token", "scope named", "scope not named", "token of a wrong form"],
)
def test_denied_access_says_what_is_missing_and_never_the_token(
    hubspot: HubSpot, http: responses.RequestsMock, waits: list[float], status: int, body: Any, words: str
) -> None:
    http.get(f"{URL}/crm/v3/properties/contacts", status=status, json=body)
    with pytest.raises(AccessDenied) as error:
        hubspot.describe("contacts")
    assert words in str(error.value)
    assert TOKEN not in str(error.value)
    assert waits == []


def test_a_token_without_the_owners_scope_still_connects(hubspot: HubSpot, http: responses.RequestsMock) -> None:
    owners(http, 403, SCOPE_BODY, headers={"Date": "Mon, 05 Jan 2026 06:00:00 GMT"})
    hubspot.connect()
    assert hubspot.now() == datetime(2026, 1, 5, 6)


@pytest.mark.parametrize(
    "body",
    ["<html>busy</html>", "", '{"results": [', "[]", '{"status": "error"}', '{"results": "x"}', '{"results": [1]}'],
    ids=["html", "empty", "cut", "a list", "an error with 200", "no list", "no objects"],
)
def test_a_malformed_page_is_named(hubspot: HubSpot, http: responses.RequestsMock, spooled: Spooled, body: str) -> None:
    http.get(f"{URL}/crm/v3/pipelines/deals", body=body)
    with pytest.raises(MalformedAnswer, match=r"HubSpot at https://hubspot\.example answered"):
        spooled(hubspot, "pipelines")


def owner_pages(http: responses.RequestsMock, *pages: tuple[str, str | None]) -> None:
    """Answers to the active owners' list, in this order: the id of the one owner, and the next cursor."""
    for key, after in pages:
        paging = {"paging": {"next": {"after": after}}} if after else {}
        active = responses.matchers.query_param_matcher({"archived": "false"}, strict_match=False)
        http.get(f"{URL}/crm/v3/owners/", json={"results": [{"id": key}], **paging}, match=[active])
    archived = responses.matchers.query_param_matcher({"archived": "true"}, strict_match=False)
    http.get(f"{URL}/crm/v3/owners/", json={"results": []}, match=[archived])


def test_a_page_sent_twice_does_no_harm(hubspot: HubSpot, http: responses.RequestsMock, spooled: Spooled) -> None:
    owner_pages(http, ("1", "a"), ("1", "a"), ("2", None))
    assert [row["id"] for row in spooled(hubspot, "owners").pylist] == ["1", "1", "2"]


@pytest.mark.parametrize(
    "pages", [[("1", "a")] * 6, [("1", "a"), ("1", "b"), ("2", None)]], ids=["over and over", "instead of the next"]
)
def test_a_page_that_hides_the_next_is_noticed(
    hubspot: HubSpot, http: responses.RequestsMock, spooled: Spooled, pages: list[tuple[str, str | None]]
) -> None:
    owner_pages(http, *pages)
    with pytest.raises(MalformedAnswer, match="same page"):
        spooled(hubspot, "owners")


def test_a_redirect_does_not_carry_the_token_away(hubspot: HubSpot, http: responses.RequestsMock) -> None:
    owners(http, 302, headers={"Location": "https://elsewhere.example/"})
    with pytest.raises(MalformedAnswer, match=r"redirects .* check HUBSPOT_URL"):
        hubspot.connect()
    assert len(http.calls) == 1


def test_another_refusal_repeats_the_servers_words(hubspot: HubSpot, http: responses.RequestsMock) -> None:
    http.get(f"{URL}/crm/v3/properties/deals", status=400, json={"message": "Unable to\n infer object type"})
    with pytest.raises(SourceError, match=r"with 400 \(Unable to infer object type\)"):
        hubspot.describe("deals")


@pytest.mark.timeout(30)
def test_an_unreachable_host_is_one_sentence(waits: list[float]) -> None:
    source = HubSpot(HubSpotApi("http://127.0.0.1:9", TOKEN, sleep=waits.append))
    with pytest.raises(Unreachable, match="cannot be reached: the connection fails; check HUBSPOT_URL") as error:
        source.connect()
    assert TOKEN not in str(error.value)
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "HUBSPOT_ACCESS_TOKEN is not set"),
        ({"HUBSPOT_ACCESS_TOKEN": " "}, "HUBSPOT_ACCESS_TOKEN is not set"),
        ({"HUBSPOT_ACCESS_TOKEN": "x", "HUBSPOT_URL": "hubapi.com"}, "HUBSPOT_URL must be an address"),
        ({"HUBSPOT_ACCESS_TOKEN": "x", "HUBSPOT_URL": "http://api.hubapi.com"}, "HUBSPOT_URL must be https"),
        ({"HUBSPOT_ACCESS_TOKEN": "x", "HUBSPOT_URL": "https://u:p@api.hubapi.com"}, "without credentials"),
    ],
    ids=["nothing", "blank token", "no scheme", "clear text", "credentials in the address"],
)
def test_a_wrong_setting_is_named_before_any_work(env: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        HubSpot.from_environment(env)


def test_the_vendors_address_is_the_default() -> None:
    source = HubSpot.from_environment({"HUBSPOT_ACCESS_TOKEN": TOKEN})
    assert source._api.where == "HubSpot at https://api.hubapi.com"
    assert TOKEN not in repr(vars(source._api)["_auth"])
