"""HubSpot's stand-in before the real client, and by plain requests where the client hides the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import hubspot
import pytest
import requests
from hubspot.crm import contacts as contacts_client
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.contacts import BatchReadInputSimplePublicObjectId, PublicObjectSearchRequest

pytestmark = pytest.mark.timeout(60)

AUTH = {"Authorization": "Bearer sandbox-token"}
LIVE = 251


@pytest.fixture
def client(server: Any) -> Any:
    return hubspot.HubSpot(access_token="sandbox-token", host=server.url)


def get(server: Any, path: str, **params: Any) -> requests.Response:
    return requests.get(f"{server.url}{path}", params=params, headers=AUTH, timeout=10)


def post(server: Any, path: str, body: Any) -> requests.Response:
    return requests.post(f"{server.url}{path}", json=body, headers=AUTH, timeout=10)


def search(server: Any, *filters: dict[str, Any], **body: Any) -> dict[str, Any]:
    groups = [{"filters": list(filters)}] if filters else []
    answer = post(server, "/crm/v3/objects/contacts/search", {"filterGroups": groups, "limit": 200, **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def where(name: str, operator: str, *values: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"propertyName": name, "operator": operator}
    if operator in ("IN", "NOT_IN"):
        return found | {"values": list(values)}
    if operator == "BETWEEN":
        return found | {"value": values[0], "highValue": values[1]}
    return found | ({"value": values[0]} if values else {})


def ids(answer: dict[str, Any]) -> list[int]:
    return [int(record["id"]) for record in answer["results"]]


class TestAuthentication:
    def test_a_wrong_token_is_401(self, server: Any) -> None:
        stranger = hubspot.HubSpot(access_token="wrong", host=server.url)
        with pytest.raises(contacts_client.ApiException) as caught:
            stranger.crm.contacts.basic_api.get_page()
        assert caught.value.status == 401
        assert "INVALID_AUTHENTICATION" in caught.value.body

    def test_oauth_tokens_work_and_expire(self, server: Any) -> None:
        oauth = hubspot.HubSpot(host=server.url).oauth.tokens_api
        token = oauth.create(
            grant_type="refresh_token", client_id="sandbox", client_secret="sandbox-secret", refresh_token="r"
        )
        assert token.expires_in == 1800
        client = hubspot.HubSpot(access_token=token.access_token, host=server.url)
        assert client.crm.contacts.basic_api.get_page(limit=1).results
        server.fault("session_expired", system="hubspot")
        for category in ("EXPIRED_AUTHENTICATION", "INVALID_AUTHENTICATION"):
            with pytest.raises(contacts_client.ApiException) as caught:
                client.crm.contacts.basic_api.get_page()
            assert category in caught.value.body


class TestList:
    def test_the_client_reads_all_pages(self, server: Any, client: Any) -> None:
        found = client.crm.contacts.get_all(properties=["email"])
        assert [int(record.id) for record in found] == sorted(int(record.id) for record in found)
        assert len(found) == LIVE
        assert server.control("GET", "calls")["hubspot"] == {"list contacts": 3}

    def test_values_are_text_and_unknown_properties_ignored(self, server: Any) -> None:
        names = "email,hs_email_optout,num_associated_deals,phone,nonsense"
        record = get(server, "/crm/v3/objects/contacts", properties=names, limit=1).json()["results"][0]
        assert record == {
            "id": "100",
            "properties": {
                "createdate": "2025-12-01T08:30:05Z",
                "email": "person0@example.com",
                "hs_email_optout": "true",
                "hs_object_id": "100",
                "lastmodifieddate": "2025-12-01T08:30:05Z",
                "num_associated_deals": "0",
                "phone": None,
            },
            "createdAt": "2025-12-01T08:30:05Z",
            "updatedAt": "2025-12-01T08:30:05Z",
            "archived": False,
        }
        company = get(server, "/crm/v3/objects/companies", properties=["annualrevenue", "numberofemployees"]).json()
        values = company["results"][0]["properties"]
        assert (values["annualrevenue"], values["numberofemployees"]) == ("7500.5", "12")
        server.fault("milliseconds")
        again = get(server, "/crm/v3/objects/contacts", limit=1).json()["results"][0]
        assert again["updatedAt"] == "2025-12-01T08:30:05.000Z"

    def test_archived_records_are_listed_apart(self, server: Any, client: Any) -> None:
        (record,) = client.crm.contacts.basic_api.get_page(archived=True).results
        assert (record.id, record.archived) == ("1000", True)
        assert record.archived_at is not None
        assert "1000" not in {found.id for found in client.crm.contacts.get_all()}

    def test_paging_ends_without_paging(self, server: Any) -> None:
        first = get(server, "/crm/v3/objects/companies", limit=3).json()
        assert first["paging"]["next"]["after"] == "4"
        last = requests.get(first["paging"]["next"]["link"], headers=AUTH, timeout=10).json()
        assert ids(last) == [4, 5]
        assert "paging" not in last

    @pytest.mark.parametrize(
        "params", [{"limit": 101}, {"limit": 51, "propertiesWithHistory": "email"}, {"after": "x"}]
    )
    def test_bad_pages(self, server: Any, params: dict[str, Any]) -> None:
        answer = get(server, "/crm/v3/objects/contacts", **params)
        assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")

    def test_a_list_of_properties_too_long_is_414(self, server: Any) -> None:
        answer = get(server, "/crm/v3/objects/contacts", properties=",".join(["x" * 100] * 160))
        assert answer.status_code == 414

    def test_associations_inline_are_paged(self, server: Any) -> None:
        server.fault("association_pages", size=2)
        record = get(server, "/crm/v3/objects/contacts", limit=1, associations="companies,deals").json()["results"][0]
        companies = record["associations"]["companies"]
        assert [(item["id"], item["type"]) for item in companies["results"]] == [
            ("1", "contact_to_company"), ("1", "contact_to_company_unlabeled"), ("2", "contact_to_company_unlabeled"),
        ]  # fmt: skip
        assert record["associations"]["deals"]["results"] == [{"id": "7", "type": "contact_to_deal"}]
        following = requests.get(companies["paging"]["next"]["link"], headers=AUTH, timeout=10).json()
        assert [item["id"] for item in following["results"]] == ["3", "4"]
        last = requests.get(following["paging"]["next"]["link"], headers=AUTH, timeout=10).json()
        assert [item["id"] for item in last["results"]] == ["5"]
        assert "paging" not in last


class TestSingle:
    def test_by_id_or_email(self, client: Any) -> None:
        api = client.crm.contacts.basic_api
        assert api.get_by_id("103").properties["email"] == "person3@example.com"
        assert api.get_by_id("PERSON3@example.com", id_property="email").id == "103"

    def test_a_merged_id_brings_the_survivor(self, client: Any) -> None:
        assert client.crm.contacts.basic_api.get_by_id("22").id == "1001"

    @pytest.mark.parametrize("contact", ["5", "1000"], ids=["unknown", "archived"])
    def test_not_there(self, client: Any, contact: str) -> None:
        with pytest.raises(contacts_client.ApiException) as caught:
            client.crm.contacts.basic_api.get_by_id(contact)
        assert caught.value.status == 404
        assert "OBJECT_NOT_FOUND" in caught.value.body


class TestHistory:
    def read(self, client: Any, *keys: str, archived: bool = False) -> Any:
        request = BatchReadInputSimplePublicObjectId(
            inputs=[{"id": key} for key in keys],
            properties=[],
            properties_with_history=["lifecyclestage", "hs_lead_status"],
        )
        return client.crm.contacts.batch_api.read(request, archived=archived)

    def test_values_come_newest_first_with_their_source(self, client: Any) -> None:
        (record,) = self.read(client, "103").results
        newest, first = record.properties_with_history["lifecyclestage"]
        assert (newest.value, newest.source_type, newest.source_id, newest.source_label, newest.updated_by_user_id) == (
            "lead", "CRM_UI", "userId:7", None, 7,
        )  # fmt: skip
        assert (first.value, first.source_type, first.source_label) == ("subscriber", "FORM", "Newsletter")
        assert first.timestamp.isoformat() == "2025-12-01T08:30:05+00:00"
        assert newest.timestamp - first.timestamp == timedelta(minutes=3)
        # Cleared: an entry without a value.
        assert [entry.value for entry in record.properties_with_history["hs_lead_status"]] == ["", "NEW"]
        assert record.properties["lifecyclestage"] == "lead"

    def test_archived_records_have_one_too(self, client: Any) -> None:
        (record,) = self.read(client, "1000", archived=True).results
        assert [entry.value for entry in record.properties_with_history["lifecyclestage"]] == ["customer"]
        (listed,) = client.crm.contacts.basic_api.get_page(
            archived=True, properties_with_history=["lifecyclestage"]
        ).results
        assert listed.properties_with_history == record.properties_with_history

    def test_a_page_is_the_same(self, client: Any) -> None:
        page = client.crm.contacts.basic_api.get_page(
            limit=50, properties_with_history=["lifecyclestage", "hs_lead_status"]
        )
        (record,) = (found for found in page.results if found.id == "103")
        assert record.properties_with_history == self.read(client, "103").results[0].properties_with_history

    def test_half_as_many_records_a_call(self, client: Any) -> None:
        assert len(self.read(client, *(str(100 + n) for n in range(50))).results) == 50
        with pytest.raises(contacts_client.ApiException) as caught:
            self.read(client, *(str(100 + n) for n in range(51)))
        assert caught.value.status == 400
        assert "for property histories is 50. Please reduce the number of items" in caught.value.body

    def test_what_nobody_wrote_down_is_told_as_of_the_last_change(self, server: Any) -> None:
        record = get(server, "/crm/v3/objects/contacts/103", propertiesWithHistory="email,jobtitle,nonsense").json()
        history = record["propertiesWithHistory"]
        assert set(history) == {"email"}
        (version,) = history["email"]
        assert (version["value"], version["timestamp"]) == ("person3@example.com", record["updatedAt"])

    def test_without_asking_there_is_none(self, server: Any) -> None:
        assert "propertiesWithHistory" not in get(server, "/crm/v3/objects/contacts/103").json()

    def test_old_entries_can_be_gone(self, server: Any, client: Any) -> None:
        server.fault("history_cut", values=1)
        (record,) = self.read(client, "103").results
        assert [entry.value for entry in record.properties_with_history["lifecyclestage"]] == ["lead"]


class TestBatch:
    def read(self, client: Any, *keys: str) -> Any:
        request = BatchReadInputSimplePublicObjectId(
            inputs=[{"id": key} for key in keys], properties=["email"], properties_with_history=[]
        )
        return client.crm.contacts.batch_api.read(request)

    def test_all_there(self, client: Any) -> None:
        answer = self.read(client, "101", "100")
        assert (answer.status, sorted(record.id for record in answer.results)) == ("COMPLETE", ["100", "101"])

    def test_missing_ones_make_it_207(self, server: Any) -> None:
        answer = post(
            server, "/crm/v3/objects/contacts/batch/read", {"inputs": [{"id": "100"}, {"id": "5"}, {"id": "21"}]}
        )
        assert (answer.status_code, ids(answer.json())) == (207, [100, 1001])
        assert answer.json()["errors"][0]["context"] == {"ids": ["5"]}

    def test_a_flaky_batch(self, server: Any) -> None:
        body = {"inputs": [{"id": "100"}, {"id": "101"}]}
        server.fault("partial_batch")
        assert post(server, "/crm/v3/objects/contacts/batch/read", body).status_code == 207
        assert post(server, "/crm/v3/objects/contacts/batch/read", body).status_code == 200

    @pytest.mark.parametrize("keys", [["100", "100"], [str(n) for n in range(101)]], ids=["twice", "too many"])
    def test_refusals(self, client: Any, keys: list[str]) -> None:
        with pytest.raises(contacts_client.ApiException) as caught:
            self.read(client, *keys)
        assert caught.value.status == 400


class TestSearch:
    def test_the_client_pages_through(self, client: Any) -> None:
        found: list[str] = []
        after = None
        while True:
            request = PublicObjectSearchRequest(
                filter_groups=[{"filters": [where("lifecyclestage", "EQ", "lead")]}],
                sorts=["hs_object_id"], properties=["email"], limit=100, after=after,
            )  # fmt: skip
            page = client.crm.contacts.search_api.do_search(request)
            assert page.total == 246
            found += [record.id for record in page.results]
            if page.paging is None:
                break
            after = page.paging.next.after
        assert (len(found), len(set(found))) == (246, 246)
        assert "1000" not in found

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            ([where("lastmodifieddate", "LT", "1764577925000")], [100, 101]),
            ([where("lastmodifieddate", "LTE", "2025-12-01T08:31:05.000Z"), where("hs_object_id", "GT", 100)], [101]),
            ([where("lastmodifieddate", "BETWEEN", "2025-12-01T08:31:05Z", "2025-12-01T08:32:05Z")], [101, 102]),
            ([where("email", "EQ", "PERSON1@EXAMPLE.COM")], [101]),
            ([where("hs_object_id", "GTE", "348"), where("hs_object_id", "LT", "1001")], [348, 349]),
            ([where("firstname", "IN", "first1", "First2")], [101]),
            ([where("lifecyclestage", "NOT_IN", "lead"), where("num_associated_deals", "EQ", "2")], [150, 300]),
            ([where("hs_merged_object_ids", "HAS_PROPERTY")], [1001]),
            ([where("hs_merged_object_ids", "NOT_HAS_PROPERTY"), where("email", "CONTAINS_TOKEN", "person9*")], None),
            ([where("hs_email_optout", "EQ", "false"), where("hs_object_id", "LTE", "103")], [101, 103]),
        ],
    )  # fmt: skip
    def test_filters(self, server: Any, filters: list[dict[str, Any]], found: list[int] | None) -> None:
        answer = ids(search(server, *filters, sorts=["hs_object_id"]))
        if found is None:
            found = [109, *range(190, 200)]
        # 1001 was modified at the very beginning, like 100.
        assert [n for n in answer if n != 1001 or n in found] == found

    def test_groups_are_alternatives_and_text_is_searched(self, server: Any) -> None:
        groups = [{"filters": [where("email", "EQ", f"person{n}@example.com")]} for n in (1, 2)]
        assert ids(search(server, filterGroups=groups, sorts=["-hs_object_id"])) == [102, 101]
        assert ids(search(server, query="person249@")) == [349]
        assert ids(search(server, filters=[where("email", "EQ", "person7@example.com")])) == [107]

    def test_sorting(self, server: Any) -> None:
        newest = [{"propertyName": "lastmodifieddate", "direction": "DESCENDING"}]
        assert ids(search(server, sorts=newest, limit=2)) == [349, 348]

    def test_beyond_ten_thousand_is_400(self, server: Any) -> None:
        body = {"filterGroups": [], "limit": 200, "after": "9800"}
        assert post(server, "/crm/v3/objects/contacts/search", body).status_code == 200
        answer = post(server, "/crm/v3/objects/contacts/search", body | {"after": "9801"})
        assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")

    @pytest.mark.parametrize(
        "body",
        [
            {"limit": 201},
            {"filterGroups": [{"filters": [where("email", "EQ", "x")]}] * 6},
            {"filterGroups": [{"filters": [where("email", "EQ", "x")] * 7}]},
            {"filterGroups": [{"filters": [where("email", "IN", "x" * 3000)]}]},
            {"filterGroups": [{"filters": [where("nonsense", "EQ", "x")]}]},
            {"filterGroups": [{"filters": [where("lastmodifieddate", "GT", "yesterday")]}]},
            {"filterGroups": [{"filters": [where("email", "LOOKS_LIKE", "x")]}]},
            {"filterGroups": ["x"]},
            [],
        ],
        ids=["page", "groups", "filters", "long", "property", "value", "operator", "shape", "list"],
    )
    def test_refusals(self, server: Any, body: Any) -> None:
        answer = post(server, "/crm/v3/objects/contacts/search", body)
        assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")

    def test_what_changed_a_moment_ago_is_not_found_yet(self, server: Any) -> None:
        server.sql("update hubspot.contacts set updated_at = timestamp '2026-01-05 05:59:50' where id = '105'")
        one = where("hs_object_id", "EQ", "105")
        assert ids(search(server, one)) == [105]
        server.fault("search_lag", seconds=30)
        assert search(server, one) == {"total": 0, "results": []}
        assert get(server, "/crm/v3/objects/contacts/105").status_code == 200

    def test_out_of_order_and_out_of_the_window(self, server: Any) -> None:
        window = where("hs_object_id", "BETWEEN", "110", "112")
        server.fault("search_out_of_order")
        assert ids(search(server, window, sorts=["hs_object_id"])) == [111, 110, 112]
        server.fault("search_out_of_window")
        assert ids(search(server, window, sorts=["hs_object_id"])) == [111, 110, 112, 100]

    def test_ten_thousand_in_one_millisecond(self, own_server: Any) -> None:
        own_server.sql(
            "insert into hubspot.contacts by name select (5000 + range)::varchar as id, (5000 + range)::varchar as "
            "hs_object_id, timestamp '2026-01-02' as created_at, timestamp '2026-01-02' as updated_at, timestamp "
            "'2026-01-02' as lastmodifieddate, false as archived from range(10500)"
        )
        answer = search(own_server, where("lastmodifieddate", "EQ", "2026-01-02T00:00:00Z"), after="9800")
        assert (answer["total"], len(answer["results"])) == (10500, 200)


class TestAssociations:
    def read(self, server: Any, path: str, *inputs: dict[str, str]) -> requests.Response:
        return post(server, f"/crm/v4/associations/{path}/batch/read", {"inputs": list(inputs)})

    def test_by_the_client(self, client: Any) -> None:
        request = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": "7"}])
        answer = client.crm.associations.v4.batch_api.get_page("deals", "contacts", request)
        (result,) = answer.results
        assert result._from.id == "7"
        (to,) = result.to
        assert (str(to.to_object_id), to.association_types[0].type_id) == ("100", 3)

    def test_from_the_other_side_with_its_own_type_ids(self, server: Any) -> None:
        (result,) = self.read(server, "companies/contacts", {"id": "1"}).json()["results"]
        (to,) = result["to"]
        assert to["toObjectId"] == 100
        assert [item["typeId"] for item in to["associationTypes"]] == [2, 280]
        (deal,) = self.read(server, "contacts/deals", {"id": "100"}).json()["results"]
        assert deal["to"][0]["associationTypes"][0]["typeId"] == 4

    def test_pages_and_records_without_any(self, server: Any) -> None:
        server.fault("association_pages", size=2)
        found: list[int] = []
        inputs = [{"id": "100"}, {"id": "101"}]
        while True:
            answer = self.read(server, "contacts/companies", *inputs)
            (result,) = answer.json()["results"]
            found += [to["toObjectId"] for to in result["to"]]
            if len(inputs) == 2:
                assert answer.status_code == 207
                assert answer.json()["errors"][0]["context"] == {"ids": ["101"]}
            if "paging" not in result:
                break
            inputs = [{"id": "100", "after": result["paging"]["next"]["after"]}]
        assert found == [1, 2, 3, 4, 5]


class TestAround:
    def test_properties(self, client: Any) -> None:
        found = {prop.name: prop for prop in client.crm.properties.core_api.get_all("contacts").results}
        assert (found["hs_email_optout"].type, found["createdate"].type) == ("bool", "datetime")
        assert found["num_associated_deals"].calculated
        assert found["email"].has_unique_value

    def test_a_property_that_is_gone(self, server: Any) -> None:
        server.fault("hidden_property", object="contacts", property="email")
        names = {prop["name"] for prop in get(server, "/crm/v3/properties/contacts").json()["results"]}
        assert "email" not in names
        record = get(server, "/crm/v3/objects/contacts", limit=1, properties="email,phone").json()["results"][0]
        assert "email" not in record["properties"]

    def test_a_property_of_another_type_keeps_its_values(self, server: Any) -> None:
        asked = {"limit": 1, "properties": "num_associated_deals"}
        before = get(server, "/crm/v3/objects/contacts", **asked).json()["results"]
        server.fault("retyped_property", object="contacts", property="num_associated_deals")
        types = {prop["name"]: prop["type"] for prop in get(server, "/crm/v3/properties/contacts").json()["results"]}
        assert types["num_associated_deals"] == "string"
        assert get(server, "/crm/v3/objects/contacts", **asked).json()["results"] == before
        assert before[0]["properties"]["num_associated_deals"]

    def test_owners_active_and_archived(self, client: Any) -> None:
        assert [owner.id for owner in client.crm.owners.get_all()] == ["1", "2"]
        (gone,) = client.crm.owners.owners_api.get_page(archived=True).results
        assert (gone.id, gone.archived, gone.user_id) == ("3", True, None)

    def test_pipelines_with_their_stages(self, client: Any) -> None:
        (pipeline,) = client.crm.pipelines.pipelines_api.get_all("deals").results
        assert [(stage.id, stage.metadata) for stage in pipeline.stages] == [
            ("open", {"isClosed": "false", "probability": "0.2"}),
            ("won", {"isClosed": "true", "probability": "1.0"}),
        ]

    def test_an_unknown_type(self, server: Any) -> None:
        assert get(server, "/crm/v3/objects/nonsense").status_code == 400


class TestLimits:
    def test_headers_on_all_but_searches(self, server: Any) -> None:
        answer = get(server, "/crm/v3/objects/contacts", limit=1)
        assert answer.headers["X-HubSpot-RateLimit-Max"] == "190"
        assert int(answer.headers["X-HubSpot-RateLimit-Remaining"]) < 190
        assert answer.headers["Date"] == "Mon, 05 Jan 2026 06:00:00 GMT"
        assert "X-HubSpot-RateLimit-Max" not in post(server, "/crm/v3/objects/contacts/search", {}).headers

    def test_searches_are_limited_by_the_second_when_enforced(self, server: Any) -> None:
        server.fault("enforce_limits", searches_per_second=2, per_ten_seconds=10**6)
        answers = [post(server, "/crm/v3/objects/contacts/search", {"limit": 1}) for _ in range(10)]
        refused = [answer.json() for answer in answers if answer.status_code == 429]
        assert refused
        assert (refused[0]["errorType"], refused[0]["policyName"]) == ("RATE_LIMIT", "SECONDLY")

    @pytest.mark.parametrize(("policy", "wait"), [("TEN_SECONDLY_ROLLING", None), ("SECONDLY", 1), ("DAILY", None)])
    def test_429_with_and_without_retry_after(self, server: Any, policy: str, wait: int | None) -> None:
        server.fault("rate_limited", system="hubspot", policy=policy, retry_after=wait)
        answer = get(server, "/crm/v3/objects/contacts")
        assert (answer.status_code, answer.json()["policyName"]) == (429, policy)
        assert answer.headers.get("Retry-After") == (None if wait is None else str(wait))

    def test_the_client_retries_a_429_as_it_is_told(self, server: Any) -> None:
        from urllib3.util.retry import Retry

        retry = Retry(total=2, status_forcelist=(429,), allowed_methods=None)
        patient = hubspot.HubSpot(access_token="sandbox-token", host=server.url, retry=retry)
        server.fault("rate_limited", system="hubspot", retry_after=0, times=2)
        assert patient.crm.contacts.basic_api.get_page(limit=1).results

    def test_an_error_of_any_status(self, server: Any) -> None:
        for status in (477, 502, 530):
            server.fault("http_error", system="hubspot", status=status)
            answer = get(server, "/crm/v3/objects/contacts")
            assert (answer.status_code, answer.json()["status"]) == (status, "error")

    def test_a_missing_scope_is_403_and_named(self, server: Any) -> None:
        server.fault("missing_scope", path="/crm/v3/owners", scope="crm.objects.owners.read")
        answer = get(server, "/crm/v3/owners/")
        assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
        assert answer.json()["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.owners.read"]}
        assert get(server, "/crm/v3/objects/contacts").status_code == 200

    def test_a_cursor_that_leads_back(self, server: Any) -> None:
        server.fault("reused_locator", system="hubspot", times=3)
        first = get(server, "/crm/v3/objects/companies", limit=2).json()
        again = requests.get(first["paging"]["next"]["link"], headers=AUTH, timeout=10).json()
        assert ids(again) == ids(first) == [1, 2]
        assert search(server, limit=2, after="4")["paging"]["next"]["after"] == "4"

    def test_the_same_page_twice(self, server: Any) -> None:
        server.fault("same_page_twice", system="hubspot")
        assert ids(get(server, "/crm/v3/objects/companies", limit=2).json()) == [1, 2]
        assert ids(get(server, "/crm/v3/objects/companies", limit=2, after=3).json()) == [1, 2]
        assert ids(get(server, "/crm/v3/objects/companies", limit=2, after=3).json()) == [3, 4]
