"""Past values of HubSpot properties: which are asked for, of which records, and that none is lost or changed."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import responses

from extract.pipeline import ObjectResult, run
from extract.plan import plan
from extract.reconcile import reconcile
from extract.source import ConfigurationError, MalformedAnswer
from extract.sources.hubspot import HubSpot, history
from extract.sources.hubspot.client import HubSpotApi
from sandbox.company import Company
from sandbox.server import Running, running
from warehouse.duckdb import DuckDBWarehouse

pytestmark = pytest.mark.timeout(180)

URL = "https://hubspot.example"
PEOPLE, SEED = 100, 4
NAMES = tuple(history.PARENTS)
Spooled = Callable[..., Any]
Rows = list[dict[str, Any]]


# Settings.


def test_a_few_properties_are_read_unless_others_are_named() -> None:
    assert history.wanted({}) == {
        "contacts_history": ("lifecyclestage",),
        "companies_history": ("lifecyclestage",),
        "deals_history": ("dealstage", "amount"),
    }
    named = " deals: dealstage ,amount;; Contacts:hs_lead_status;contacts:lifecyclestage,hs_lead_status "
    assert history.wanted({"HUBSPOT_HISTORY": named}) == {
        "deals_history": ("dealstage", "amount"),
        "contacts_history": ("hs_lead_status", "lifecyclestage"),
    }
    assert history.wanted({"HUBSPOT_HISTORY": "none"}) == {}


@pytest.mark.parametrize(
    "text",
    ["lifecyclestage", "contacts:", "contacts:a,,b", "tickets:subject", "contacts:life cycle", "contacts_history:a"],
)
def test_a_wrong_setting_is_one_sentence_that_names_it(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^HUBSPOT_HISTORY has .*; companies|of contacts, companies, deals"):
        HubSpot.from_environment({"HUBSPOT_ACCESS_TOKEN": "x", "HUBSPOT_HISTORY": text})


def test_objects_are_those_with_properties_and_declared_are_all() -> None:
    env = {"HUBSPOT_ACCESS_TOKEN": "x", "HUBSPOT_HISTORY": "deals:amount"}
    assert [name for name in HubSpot.from_environment(env).objects if name in NAMES] == ["deals_history"]
    none = HubSpot.from_environment(env | {"HUBSPOT_HISTORY": "none"})
    assert none.objects == ("contacts", "companies", "deals", "owners", "pipelines", "pipeline_stages", "associations")
    assert set(NAMES) < set(HubSpot.declared(env))


# The API as it is described.


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        names = [{"name": name, "type": "string"} for name in ("lastmodifieddate", "lifecyclestage", "hs_lead_status")]
        mock.get(f"{URL}/crm/v3/properties/contacts", json={"results": names})
        yield mock


def source(*properties: str) -> HubSpot:
    return HubSpot(HubSpotApi(URL, "t", sleep=lambda seconds: None), {"contacts_history": properties})


def value(text: str | None, moment: str = "2026-01-05T10:00:00Z", kind: str = "CRM_UI", **more: Any) -> dict[str, Any]:
    return {"value": text, "timestamp": moment, "sourceType": kind, **more}


def record(key: str, **histories: Any) -> dict[str, Any]:
    return {"id": key, "properties": {}, "archived": False, "propertiesWithHistory": histories}


def listed(http: responses.RequestsMock, *records: dict[str, Any], archived: bool = False) -> None:
    flag = responses.matchers.query_param_matcher({"archived": str(archived).lower()}, strict_match=False)
    http.get(f"{URL}/crm/v3/objects/contacts", json={"results": list(records)}, match=[flag])


def sent(http: responses.RequestsMock) -> list[dict[str, Any]]:
    """Bodies of the batch reads."""
    return [{**json.loads(call.request.body), "url": call.request.url} for call in http.calls if call.request.body]


def test_a_first_load_lists_all_records_archived_ones_too(http: responses.RequestsMock, spooled: Spooled) -> None:
    by_ann = {"sourceId": "userId:7", "updatedByUserId": 7}
    values = [value("lead", "2026-01-05T10:00:00.123Z", **by_ann), value("subscriber", "2025-12-01T00:00:00Z", "FORM")]
    listed(http, record("9", lifecyclestage=[value("customer", kind="IMPORT", sourceLabel="Fair")]), archived=True)
    listed(http, record("1", lifecyclestage=values), record("2"))
    rows = spooled(source("lifecyclestage"), "contacts_history").pylist
    assert [tuple(row.values()) for row in rows] == [
        ("9", "lifecyclestage", datetime(2026, 1, 5, 10), "customer", "IMPORT", None, "Fair", None),
        ("1", "lifecyclestage", datetime(2026, 1, 5, 10, 0, 0, 123000), "lead", "CRM_UI", "userId:7", None, 7),
        ("1", "lifecyclestage", datetime(2025, 12, 1), "subscriber", "FORM", None, None, None),
    ]
    for call in http.calls[1:]:
        assert call.request.params["limit"] == "50"
        assert call.request.params["propertiesWithHistory"] == "lifecyclestage"


def test_later_the_records_that_landed_are_read_fifty_a_call(http: responses.RequestsMock, spooled: Spooled) -> None:
    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        if "archived" in request.url:
            return 200, {}, json.dumps({"results": [record("7", lifecyclestage=[value("lead")])]})
        keys = [item["id"] for item in json.loads(request.body)["inputs"] if item["id"] not in ("7", "8")]
        found = [record(key, lifecyclestage=[value("lead")]) for key in keys]
        return 207, {}, json.dumps({"results": found, "errors": [{"category": "OBJECT_NOT_FOUND"}]})

    http.add_callback("POST", f"{URL}/crm/v3/objects/contacts/batch/read", callback=answer)
    subjects = [str(n) for n in range(120)]
    rows = spooled(source("lifecyclestage"), "contacts_history", start=datetime(2026, 1, 1), subjects=subjects).pylist
    # 7 is archived, 8 is gone.
    assert sorted(int(row["id"]) for row in rows) == [n for n in range(120) if n != 8]
    bodies = sent(http)
    assert [len(body["inputs"]) for body in bodies] == [50, 2, 1, 50, 20]
    assert bodies[0]["propertiesWithHistory"] == ["lifecyclestage"]
    assert ["archived=true" in body["url"] for body in bodies] == [False, True, False, False, False]


def test_without_subjects_nothing_is_asked(http: responses.RequestsMock, spooled: Spooled) -> None:
    assert spooled(source("lifecyclestage"), "contacts_history", start=datetime(2026, 1, 1), subjects=[]).pylist == []
    assert len(http.calls) == 1


def test_of_two_values_in_one_moment_the_last_is_kept_and_cleared_is_null(
    http: responses.RequestsMock, spooled: Spooled
) -> None:
    values = [value("b"), value("a"), value("by form", kind="FORM"), value("", "2026-01-04T00:00:00Z")]
    listed(http, archived=True)
    listed(http, record("1", lifecyclestage=values))
    rows = spooled(source("lifecyclestage"), "contacts_history").pylist
    assert [(row["value"], row["source_type"]) for row in rows] == [
        ("b", "CRM_UI"),
        ("by form", "FORM"),
        (None, "CRM_UI"),
    ]


def test_what_cannot_be_typed_waits_apart_and_the_rest_lands(http: responses.RequestsMock, spooled: Spooled) -> None:
    values = [
        value("lead"),
        value("a", "yesterday"),
        value("b", kind="API", updatedByUserId="ann"),
        {"value": "c", "sourceType": "FORM"},
        {"value": "d", "timestamp": "2026-01-01T00:00:00Z"},
    ]
    listed(http, archived=True)
    listed(http, record("1", lifecyclestage=values), record("2", lifecyclestage=[value("lead")]))
    spool = spooled(source("lifecyclestage"), "contacts_history")
    assert [(row["id"], row["value"]) for row in spool.pylist] == [("1", "lead"), ("2", "lead")]
    assert sorted((row.rule, json.loads(row.payload)["value"], row.key) for row in spool.rejected) == [
        ("null_key", "c", None),
        ("null_key", "d", None),
        ("type:timestamp", "a", None),
        ("type:updatedByUserId", "b", None),
    ]
    assert {row.position for row in spool.rejected} == {"contacts_history 1 lifecyclestage"}


@pytest.mark.parametrize("histories", [{"lifecyclestage": "lead"}, {"lifecyclestage": ["lead"]}, ["lead"]])
def test_a_history_in_another_form_is_named(http: responses.RequestsMock, spooled: Spooled, histories: Any) -> None:
    listed(http, {"id": "1", "propertiesWithHistory": histories}, archived=True)
    with pytest.raises(MalformedAnswer, match="history of lifecyclestage of contacts_history 1 in a form unknown"):
        spooled(source("lifecyclestage"), "contacts_history")


def test_a_property_that_hubspot_does_not_have_is_named(http: responses.RequestsMock) -> None:
    with pytest.raises(ConfigurationError, match="no property lifecycle of contacts: correct HUBSPOT_HISTORY"):
        source("lifecyclestage", "lifecycle").describe("contacts_history")


def test_properties_are_asked_for_once_in_a_run(http: responses.RequestsMock) -> None:
    reader = source("lifecyclestage")
    reader.describe("contacts")
    reader.describe("contacts_history")
    assert len(http.calls) == 1


# Over the sandbox, into a warehouse.


class Place:
    """A sandbox, a warehouse beside it, and the same company once more, to know what should be there."""

    def __init__(self, sandbox: Running, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.company = Company(seed=SEED, people=PEOPLE)

    def open(self) -> DuckDBWarehouse:
        return DuckDBWarehouse.open(self.folder / "w.duckdb", settings={"threads": 2})

    def reader(self, **env: str) -> HubSpot:
        return HubSpot.from_environment(self.sandbox.environment() | env)

    def extract(self, *objects: str, full: bool = False, **env: str) -> dict[str, ObjectResult]:
        reader = self.reader(**env)
        results = run(reader, objects, self.open, full=full, spool_root=self.folder / "spool")
        reader.close()
        assert [result.error for result in results if result.error] == []
        return {result.object: result for result in results}

    def advance(self) -> None:
        self.sandbox.advance()
        self.company.advance()

    def query(self, sql: str) -> Rows:
        with self.open() as warehouse:
            return list(warehouse.rows(sql))

    def stored(self, name: str) -> Rows:
        columns = ", ".join(column for column, _, _ in history.COLUMNS)
        return in_order(self.query(f"select {columns} from raw_hubspot.{name}"))

    def held(self, name: str, properties: tuple[str, ...]) -> Rows:
        rows = self.company.tables[f"hubspot.{name}"].to_pylist()
        return in_order([row | {"value": row["value"] or None} for row in rows if row["property"] in properties])


def in_order(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: tuple(str(row[name]) for name in history.KEY))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running(people=PEOPLE, seed=SEED) as sandbox:
        yield Place(sandbox, tmp_path)


def test_day_by_day_raw_is_every_value_that_ever_was(place: Place) -> None:
    both = {"HUBSPOT_HISTORY": "contacts:lifecyclestage,hs_lead_status;companies:lifecyclestage;deals:dealstage,amount"}
    properties = history.wanted(both)
    changed = dict.fromkeys(NAMES, 0)
    sources = set()
    for day in range(6):
        if day:
            place.advance()
        results = place.extract(**both)
        for name in NAMES:
            stored = place.stored(name)
            assert stored == place.held(name, properties[name]), f"{name}, day {day + 1}"
            changed[name] += results[name].rows_landed if day else 0
            sources |= {row["source_type"] for row in stored}
    assert all(count > 5 for count in changed.values()), "days without changes prove nothing"
    assert "MERGE_OBJECTS" in sources
    archived = "select id from raw_hubspot.deals where archived"
    assert place.query(f"select 1 from raw_hubspot.deals_history where id in ({archived})")
    assert place.query("select 1 from raw_hubspot.contacts_history where _is_deleted") == []


def test_nothing_new_costs_a_call_each_at_most_and_lands_nothing(place: Place) -> None:
    place.extract()
    again = place.extract()
    # What properties there are was asked for the records themselves, and that answer told the time as well.
    assert {again[name].rows_landed for name in NAMES} == {0}
    assert {again[name].api_calls for name in NAMES} <= {0, 1}
    alone = place.extract("deals_history")["deals_history"]
    assert (alone.rows_read, alone.api_calls) == (0, 1)  # the properties, with the time


def test_only_the_records_that_landed_are_read(place: Place) -> None:
    place.extract()
    place.advance()
    results = place.extract()
    for name, parent in history.PARENTS.items():
        run_id = results[parent].run_id
        landed = {row["id"] for row in place.query(f"select id from raw_hubspot.{parent} where _run_id = '{run_id}'")}
        calls = results[name].api_calls
        assert results[name].rows_read < len(place.stored(name))
        assert 0 < calls <= 1 + 3 * -(-len(landed) // history.MOST_RECORDS), name


def test_a_sweep_in_between_hides_no_record(place: Place) -> None:
    place.extract()
    place.advance()
    place.extract("contacts")
    # Of all that landed just now, whatever the sweep finds to refresh hides where it came from.
    newest = "select id from raw_hubspot.contacts where not archived order by updated_at desc limit 1"
    key = place.query(newest)[0]["id"]
    place.sandbox.sql(f"update hubspot.contacts set num_associated_deals = 77 where id = '{key}'")
    reader = place.reader()
    (swept,) = reconcile(reader, ["contacts"], place.open, spool_root=place.folder / "spool")
    reader.close()
    assert swept.rows_refreshed > 0
    place.extract("contacts_history")
    assert place.stored("contacts_history") == place.held("contacts_history", ("lifecyclestage",))


def test_what_hubspot_lets_go_of_stays(place: Place) -> None:
    place.extract()
    key = place.query("select min(id) as id from raw_hubspot.deals where not archived")[0]["id"]
    for number in range(3):
        when = f"timestamp '2026-01-05 0{number}:00:00'"
        place.sandbox.sql(f"insert into hubspot.deals_history by name select '{key}' as id, 'dealstage' as property,"
                          f" {when} as changed_at, 'stage {number}' as value, 'CRM_UI' as source_type")  # fmt: skip
    # A change that the record's own time shows.
    moment = "timestamp '2026-01-05 05:59:00'"
    place.sandbox.sql(f"update hubspot.deals set dealstage = 'stage 2', updated_at = {moment},"
                      f" hs_lastmodifieddate = {moment} where id = '{key}'")  # fmt: skip
    before = len(place.query(f"select 1 from raw_hubspot.deals_history where id = '{key}' and property = 'dealstage'"))
    place.sandbox.faults({"name": "history_cut", "system": "hubspot", "values": 2})
    place.extract("deals", "deals_history")
    rows = place.query(f"select value from raw_hubspot.deals_history where id = '{key}' and property = 'dealstage'")
    assert len(rows) == before + 2
    assert {"stage 1", "stage 2"} <= {row["value"] for row in rows}
    place.extract("deals_history", full=True)
    assert len(
        place.query(f"select 1 from raw_hubspot.deals_history where id = '{key}' and property = 'dealstage'")
    ) == (before + 2)


def test_another_property_brings_the_past_of_all_records(place: Place) -> None:
    few, more = {"HUBSPOT_HISTORY": "contacts:lifecyclestage"}, "contacts:lifecyclestage,hs_lead_status"
    place.extract("contacts", "contacts_history", **few)
    assert place.stored("contacts_history") == place.held("contacts_history", ("lifecyclestage",))
    reader = place.reader(HUBSPOT_HISTORY=more)
    (planned,) = plan(reader, ["contacts_history"], place.open).objects
    assert planned.window is not None
    assert planned.window.start is None
    reader.close()
    place.extract("contacts_history", HUBSPOT_HISTORY=more)
    expected = place.held("contacts_history", ("lifecyclestage", "hs_lead_status"))
    assert place.stored("contacts_history") == expected
    # No more than once, and fewer properties again are no reason.
    for env in ({"HUBSPOT_HISTORY": more}, few):
        again = place.extract("contacts_history", **env)["contacts_history"]
        assert (again.rows_read, again.window.start is None if again.window else True) == (0, False)


def test_a_first_load_in_the_face_of_faults_loses_nothing(place: Place) -> None:
    place.extract()
    place.advance()
    place.sandbox.faults(
        {"name": "partial_batch", "system": "hubspot"},
        {"name": "same_page_twice", "system": "hubspot", "path": "objects/deals"},
        {"name": "http_error", "status": 502, "body": "", "system": "hubspot", "path": "batch/read", "after": 2},
        {"name": "milliseconds", "system": "hubspot"},
    )
    place.extract()
    for name, properties in history.wanted({}).items():
        assert place.stored(name) == place.held(name, properties)
