"""Salesforce's stand-in before the real client: what it answers, and how it lies when told to."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from sandbox.salesforce.ids import numbered

pytestmark = pytest.mark.timeout(60)

ACME, MERGED = numbered("001", 1), numbered("001", 2)
CONTACTS = 2345


def read(salesforce: Salesforce, path: str, **options: Any) -> requests.Response:
    """A plain request with the client's session, for what the client hides."""
    url = f"{salesforce.base_url}{path}"
    return salesforce.session.get(url, headers=salesforce.headers, timeout=10, **options)


def error_of(caught: pytest.ExceptionInfo[Any]) -> dict[str, Any]:
    return dict(caught.value.content[0])


def bulk_rows(pages: Any) -> list[list[str]]:
    return [row for page in pages for row in list(csv.reader(io.StringIO(page, newline="")))[1:]]


class TestToken:
    def test_wrong_secret_is_refused_as_oauth_says(self, server: Any) -> None:
        with pytest.raises(SalesforceAuthenticationFailed, match=r"invalid_client\): invalid client credentials"):
            server.salesforce("wrong")

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({}, "unsupported_grant_type"),
            ({"grant_type": "client_credentials", "client_id": "nobody"}, "invalid_client_id"),
            ({"grant_type": "client_credentials", "client_id": "sandbox"}, "invalid_client"),
            ({"grant_type": "password", "username": "a", "password": "b"}, "invalid_grant"),
        ],
        ids=["no grant", "unknown client", "no secret", "password"],
    )
    def test_bad_grants(self, server: Any, form: dict[str, str], error: str) -> None:
        answer = requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=10)
        assert (answer.status_code, answer.json()["error"]) == (400, error)

    def test_form_credentials_are_as_good_as_basic(self, server: Any) -> None:
        form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
        answer = requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=10).json()
        assert answer["instance_url"] == server.url
        assert answer["token_type"] == "Bearer"
        assert "expires_in" not in answer
        assert answer["issued_at"] == "1767592800000"

    def test_without_a_session_nothing_is_told(self, server: Any) -> None:
        url = f"{server.url}/services/data/v59.0/limits"
        none = requests.get(url, timeout=10)
        wrong = requests.get(url, headers={"Authorization": "Bearer x"}, timeout=10)
        assert (none.status_code, none.json()[0]["errorCode"]) == (401, "INVALID_AUTH_HEADER")
        assert (wrong.status_code, wrong.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


class TestDescribe:
    def test_objects(self, salesforce: Salesforce) -> None:
        answer = salesforce.describe()
        assert answer["maxBatchSize"] == 200
        assert {"Account", "OpportunityHistory", "User"} <= {item["name"] for item in answer["sobjects"]}
        assert {item["keyPrefix"] for item in answer["sobjects"] if item["name"] == "Contact"} == {"003"}

    def test_fields_carry_what_types_are_made_of(self, salesforce: Salesforce) -> None:
        fields = {field["name"]: field for field in salesforce.Account.describe()["fields"]}
        assert (fields["AnnualRevenue"]["type"], fields["AnnualRevenue"]["precision"]) == ("currency", 18)
        assert fields["AnnualRevenue"]["scale"] == 2
        assert fields["BillingAddress"]["type"] == "address"
        assert fields["BillingStreet"]["compoundFieldName"] == "BillingAddress"
        assert fields["Region__c"]["calculated"]
        assert fields["OwnerId"]["referenceTo"] == ["User"]

    def test_an_unknown_object_is_404(self, salesforce: Salesforce) -> None:
        with pytest.raises(SalesforceResourceNotFound) as caught:
            salesforce.Nothing.describe()
        assert error_of(caught)["errorCode"] == "NOT_FOUND"

    def test_a_field_hidden_added_or_retyped_between_two_calls(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("hidden_field", object="Account", field="Phone")
        server.fault("added_field", object="Account", field="Tier__c", value="gold")
        server.fault("retyped_field", object="Account", field="NumberOfEmployees", type="string")
        fields = {field["name"]: field["type"] for field in salesforce.Account.describe()["fields"]}
        assert "Phone" not in fields
        assert (fields["Tier__c"], fields["NumberOfEmployees"]) == ("string", "string")
        row = salesforce.query("SELECT Tier__c, NumberOfEmployees FROM Account")["records"][0]
        assert (row["Tier__c"], row["NumberOfEmployees"]) == ("gold", "3")
        with pytest.raises(SalesforceMalformedRequest) as caught:
            salesforce.query("SELECT Phone FROM Account")
        assert error_of(caught)["errorCode"] == "INVALID_FIELD"


class TestQuery:
    def test_all_pages_are_followed(self, server: Any, salesforce: Salesforce) -> None:
        answer = salesforce.query_all("SELECT Id, Email FROM Contact")
        assert len({row["Id"] for row in answer["records"]}) == CONTACTS
        assert server.control("GET", "calls")["salesforce"] == {"query": 1, "query_more": 1, "token": 1}

    def test_values_are_written_as_rest_writes_them(self, salesforce: Salesforce) -> None:
        query = "SELECT Id, createddate, NumberOfEmployees, AnnualRevenue, IsDeleted, Type, BillingAddress FROM Account"
        (row,) = salesforce.query(query)["records"]
        assert list(row)[:3] == ["attributes", "Id", "CreatedDate"]
        assert list(row)[-1] == "BillingAddress"
        url = f"/services/data/v59.0/sobjects/Account/{ACME}"
        assert dict(row["attributes"]) == {"type": "Account", "url": url}
        assert row["CreatedDate"] == "2020-10-22T21:03:23.000+0000"
        assert (row["NumberOfEmployees"], row["AnnualRevenue"]) == (3, Decimal("950000000.0"))
        assert (row["IsDeleted"], row["Type"]) == (False, None)
        assert row["BillingAddress"]["city"] == "Berlin"
        assert row["BillingAddress"]["postalCode"] is None

    def test_only_query_all_shows_the_recycle_bin(self, salesforce: Salesforce) -> None:
        query = "SELECT Id, IsDeleted, MasterRecordId FROM Account ORDER BY Id"
        assert [row["Id"] for row in salesforce.query(query)["records"]] == [ACME]
        rows = salesforce.query(query, include_deleted=True)["records"]
        assert [(row["Id"], row["IsDeleted"], row["MasterRecordId"]) for row in rows] == [
            (ACME, False, None),
            (MERGED, True, ACME),
        ]

    def test_counts(self, salesforce: Salesforce) -> None:
        assert salesforce.query("SELECT COUNT() FROM Contact")["totalSize"] == CONTACTS
        answer = salesforce.query(
            "SELECT COUNT(Id), MIN(SystemModstamp) first, MAX(Amount) most FROM Opportunity WHERE IsWon = false"
        )
        (row,) = answer["records"]
        assert row["attributes"]["type"] == "AggregateResult"
        assert (row["expr0"], row["first"], row["most"]) == (3, "2025-12-01T08:30:05.000+0000", Decimal("300.0"))
        stages = salesforce.query("SELECT StageName, COUNT(Id) n FROM Opportunity GROUP BY StageName")["records"]
        assert [(row["StageName"], row["n"]) for row in stages] == [("Closed Won", 1), ("Prospecting", 3)]

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ("Name = 'DEAL 1'", [1]),
            ("Name LIKE 'deal _'", [0, 1, 2, 3]),
            ("Name LIKE 'Deal\\_1'", []),
            ("StageName != 'closed won' AND Amount = null", [2]),
            ("Amount != 100", [0, 2, 3]),
            ("Amount NOT IN (0, 100)", [2, 3]),
            ("Amount >= 100", [1, 3]),
            ("NOT Amount >= 100", [0, 2]),
            ("NOT (IsWon = true OR Probability > 25)", [0, 2]),
            ("CloseDate <= 2026-01-02", [0, 1]),
            ("CloseDate = TODAY", []),
            ("CloseDate >= LAST_N_DAYS:3", [1, 2, 3]),
            ("SystemModstamp >= 2025-12-01T08:30:05.000Z AND SystemModstamp < 2025-12-01T09:30:06+01:00", [0, 1, 2, 3]),
            ("SystemModstamp > 2025-12-01T08:30:05Z", []),
            ("LeadSource = ''", [0, 1, 2, 3]),
        ],
    )
    def test_conditions(self, salesforce: Salesforce, where: str, found: list[int]) -> None:
        rows = salesforce.query(f"SELECT Name FROM Opportunity WHERE {where} ORDER BY Id")["records"]
        assert [int(row["Name"][-1]) for row in rows] == found

    def test_ids_compare_with_case_in_15_or_18_characters(self, salesforce: Salesforce) -> None:
        def count(text: str) -> Any:
            return salesforce.query(f"SELECT COUNT() FROM Account WHERE Id = '{text}'")["totalSize"]

        assert (count(ACME), count(ACME[:15]), count(ACME[:15].lower())) == (1, 1, 0)

    def test_order_limit_and_quotes(self, salesforce: Salesforce) -> None:
        ordered = salesforce.query("SELECT Name FROM Opportunity ORDER BY Amount DESC, Name ASC")["records"]
        assert [row["Name"][-1] for row in ordered] == ["2", "3", "1", "0"]
        last = salesforce.query("SELECT Name FROM Opportunity ORDER BY Amount NULLS LAST LIMIT 2")["records"]
        assert [row["Name"][-1] for row in last] == ["0", "1"]
        quoted = salesforce.query("SELECT FirstName FROM Contact WHERE LastName = 'o\\'neil'")["records"]
        assert [row["FirstName"] for row in quoted] == ["First3"]

    @pytest.mark.parametrize(
        ("query", "code", "words"),
        [
            ("SELECT Id, Foo FROM Account", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'"),
            ("SELECT Id FROM Nothing", "INVALID_TYPE", "sObject type 'Nothing' is not supported"),
            ("SELECT Id FRM Account", "MALFORMED_QUERY", "unexpected token: 'FRM'"),
            ("SELECT Id, Id FROM Account", "MALFORMED_QUERY", "duplicate field selected: Id"),
            ("SELECT Id FROM Account WHERE IsDeleted = true AND Id = null OR Name = 'x'", "MALFORMED_QUERY", "'OR'"),
            ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY", "no viable alternative"),
            ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD", "must be of type string and should be enclosed"),
            ("SELECT Id FROM Account WHERE CreatedDate = 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
            ("SELECT Id FROM Account WHERE Id = 'short'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: short"),
            ("SELECT Owner.Name FROM Account", "INVALID_FIELD", "Didn't understand relationship 'Owner'"),
            ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-01T00:00:00 00:00", "MALFORMED_QUERY", "unexpected"),
        ],
    )
    def test_refusals(self, salesforce: Salesforce, query: str, code: str, words: str) -> None:
        with pytest.raises(SalesforceMalformedRequest) as caught:
            salesforce.query(query)
        assert error_of(caught)["errorCode"] == code
        assert words in error_of(caught)["message"]

    def test_pages_can_be_smaller_by_request_and_shorter_than_asked(self, server: Any, salesforce: Salesforce) -> None:
        asked = salesforce.query("SELECT Id FROM Contact", headers={"Sforce-Query-Options": "batchSize=200"})
        assert len(asked["records"]) == 200
        server.fault("short_pages", size=7)
        short = salesforce.query("SELECT Id FROM Contact", headers={"Sforce-Query-Options": "batchSize=200"})
        assert (len(short["records"]), short["totalSize"], short["done"]) == (7, CONTACTS, False)
        assert short["nextRecordsUrl"].endswith("-7")
        more = salesforce.query_more(short["nextRecordsUrl"], identifier_is_url=True)
        assert {row["Id"] for row in more["records"]}.isdisjoint(row["Id"] for row in short["records"])

    def test_a_page_does_not_change_when_records_do(self, server: Any, salesforce: Salesforce) -> None:
        first = salesforce.query("SELECT Id, Title FROM Contact")
        server.sql('update salesforce."Contact" set "Title" = \'changed\'')
        rest = salesforce.query_more(first["nextRecordsUrl"], identifier_is_url=True)["records"]
        server.sql('update salesforce."Contact" set "Title" = null')
        assert {row["Title"] for row in rest} == {None}

    def test_one_record_by_id(self, salesforce: Salesforce) -> None:
        assert salesforce.Account.get(ACME[:15])["Name"] == "Acme"
        with pytest.raises(SalesforceResourceNotFound) as caught:
            salesforce.Account.get(MERGED)
        assert error_of(caught)["errorCode"] == "ENTITY_IS_DELETED"

    def test_a_url_too_long_is_414(self, salesforce: Salesforce) -> None:
        with pytest.raises(SalesforceGeneralError) as caught:
            salesforce.query("SELECT Id FROM Account WHERE Name IN (" + ",".join(["'x'"] * 5000) + ")")
        assert caught.value.status == 414


class TestReplication:
    def test_deleted_and_updated(self, salesforce: Salesforce) -> None:
        span = "start=2025-12-25T00:00:00%2B00:00&end=2026-01-04T00:00:00%2B00:00"
        deleted = read(salesforce, f"sobjects/Account/deleted/?{span}").json()
        assert deleted["deletedRecords"] == [{"id": MERGED, "deletedDate": "2025-12-31T08:30:05.000+0000"}]
        assert deleted["latestDateCovered"] == "2026-01-04T00:00:00.000+0000"
        updated = read(salesforce, "sobjects/User/updated/?start=2025-12-10T00:00:00Z&end=2026-02-01T00:00:00Z").json()
        assert updated == {"ids": [], "latestDateCovered": "2026-01-05T06:00:00.000+0000"}

    @pytest.mark.parametrize("start", ["2026-01-04T00:00:00Z", "2025-12-01T00:00:00Z"], ids=["empty", "too old"])
    def test_spans_that_cannot_be_told(self, salesforce: Salesforce, start: str) -> None:
        answer = read(salesforce, f"sobjects/Account/deleted/?start={start}&end=2026-01-04T00:00:30Z")
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_REPLICATION_DATE")


class TestBulk:
    def test_pages_of_csv_by_the_real_client(self, salesforce: Salesforce) -> None:
        pages = list(salesforce.bulk2.Contact.query("SELECT Id, Email FROM Contact", max_records=1100, wait=0.01))
        assert [page.count("\n") for page in pages] == [1101, 1101, 146]
        assert all(page.startswith('"Id","Email"\n') for page in pages)
        rows = bulk_rows(pages)
        assert [row[1] for row in rows] == [f"person{n}@example.com" for n in range(CONTACTS)]

    @pytest.mark.parametrize("size", [1, 999, 1000, 1001, 2345, 5000], ids=str)
    def test_no_page_size_loses_or_doubles_a_row(self, server: Any, salesforce: Salesforce, size: int) -> None:
        if size == 1:
            pages = list(salesforce.bulk2.Contact.query("SELECT Id FROM Opportunity", max_records=1, wait=0.01))
            assert len(bulk_rows(pages)) == 4
            return
        pages = list(salesforce.bulk2.Contact.query("SELECT Id FROM Contact", max_records=size, wait=0.01))
        ids = [row[0] for row in bulk_rows(pages)]
        assert (len(ids), len(set(ids))) == (CONTACTS, CONTACTS)

    def test_values_are_written_as_bulk_writes_them(self, salesforce: Salesforce) -> None:
        query = (
            "SELECT Name, CreatedDate, NumberOfEmployees, AnnualRevenue, IsDeleted, BillingStreet, Website, Phone "
            "FROM Account ORDER BY Id"
        )
        (page,) = salesforce.bulk2.Account.query_all(query, wait=0.01)
        acme, merged = csv.reader(io.StringIO(page.split("\n", 1)[1], newline=""))
        assert acme == [
            "Acme", "2020-10-22T21:03:23.000Z", "3", "950000000.0", "false", '1 "Main" Street\nFloor 2', "", "",
        ]  # fmt: skip
        # The client itself strips NUL; everything else must arrive as it is stored.
        assert merged == ["NA", "2025-12-01T08:30:05.000Z", "", "", "true", "ab\u2028c\r\nd", "null", ""]

    def test_a_nul_byte_is_really_sent_and_no_value_unquoted(self, salesforce: Salesforce) -> None:
        job = finished_job(salesforce, "SELECT BillingStreet, Phone FROM Account ORDER BY Id", operation="queryAll")
        body = read(salesforce, f"jobs/query/{job['id']}/results").content
        assert body == ('"BillingStreet","Phone"\n"1 ""Main"" Street\nFloor 2",""\n"a\x00b\u2028c\r\nd",""\n'.encode())

    def test_states_headers_and_the_end_of_a_job(self, salesforce: Salesforce) -> None:
        created = create_job(salesforce, "SELECT Id FROM Contact")
        assert (created["state"], created["object"], created["apiVersion"]) == ("UploadComplete", "Contact", 59.0)
        path = f"jobs/query/{created['id']}"
        early = read(salesforce, f"{path}/results")
        assert (early.status_code, early.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")
        assert read(salesforce, path).json()["state"] == "InProgress"
        assert wait_for(salesforce, created["id"])["numberRecordsProcessed"] == CONTACTS
        first = read(salesforce, f"{path}/results?maxRecords=2000")
        assert first.headers["Sforce-NumberOfRecords"] == "2000"
        assert first.headers["Sforce-Limit-Info"].startswith("api-usage=")
        locator = first.headers["Sforce-Locator"]
        last = read(salesforce, f"{path}/results?maxRecords=2000&locator={locator}")
        assert (last.headers["Sforce-NumberOfRecords"], last.headers["Sforce-Locator"]) == ("345", "null")
        assert read(salesforce, f"{path}/results?maxRecords=2000&locator={locator}").content == last.content
        assert read(salesforce, f"{path}/results?locator=bad").status_code == 400
        gone = salesforce.session.delete(f"{salesforce.base_url}{path}", headers=salesforce.headers, timeout=10)
        assert (gone.status_code, gone.content) == (204, b"")
        assert read(salesforce, path).status_code == 404

    def test_an_aborted_job_stays_aborted(self, salesforce: Salesforce) -> None:
        job = create_job(salesforce, "SELECT Id FROM Contact")
        assert salesforce.bulk2.Contact._client.abort_job(job["id"], True)["state"] == "Aborted"
        assert read(salesforce, f"jobs/query/{job['id']}").json()["state"] == "Aborted"

    @pytest.mark.parametrize(
        ("query", "code", "words"),
        [
            ("SELECT BillingAddress FROM Account", "API_ERROR", "Selecting compound data not supported in Bulk Query"),
            ("SELECT StageName, COUNT(Id) FROM Opportunity GROUP BY StageName", "API_ERROR", "not supported in Bulk"),
            ("SELECT COUNT() FROM Account", "API_ERROR", "not supported in Bulk Query"),
            ("SELECT Id FROM Account LIMIT 1 OFFSET 1", "API_ERROR", "OFFSET"),
            ("SELECT FIELDS(STANDARD) FROM Account", "API_ERROR", "FIELDS()"),
            ("SELECT Foo FROM Account", "INVALID_FIELD", "No such column 'Foo'"),
            ("SELECT Id FROM Nothing", "INVALID_TYPE", "'Nothing'"),
        ],
    )
    def test_refusals(self, salesforce: Salesforce, query: str, code: str, words: str) -> None:
        with pytest.raises(SalesforceMalformedRequest) as caught:
            create_job(salesforce, query)
        assert error_of(caught)["errorCode"] == code
        assert words in error_of(caught)["message"]

    def test_other_delimiters_and_line_ends(self, salesforce: Salesforce) -> None:
        body = {
            "operation": "query",
            "query": "SELECT Id, Name FROM Account",
            "columnDelimiter": "PIPE",
            "lineEnding": "CRLF",
        }
        job = salesforce.restful("jobs/query", method="POST", json=body)
        wait_for(salesforce, job["id"])
        assert read(salesforce, f"jobs/query/{job['id']}/results").text == f'"Id"|"Name"\r\n"{ACME}"|"Acme"\r\n'


def create_job(salesforce: Salesforce, query: str, operation: str = "query") -> dict[str, Any]:
    return dict(salesforce.restful("jobs/query", method="POST", json={"operation": operation, "query": query}))


def wait_for(salesforce: Salesforce, job_id: str) -> dict[str, Any]:
    for _ in range(200):
        job = read(salesforce, f"jobs/query/{job_id}").json()
        if job["state"] not in ("UploadComplete", "InProgress"):
            return dict(job)
    raise AssertionError("the job never ended")


def finished_job(salesforce: Salesforce, query: str, operation: str = "query") -> dict[str, Any]:
    return wait_for(salesforce, create_job(salesforce, query, operation)["id"])


class TestFaults:
    """How the servers lie, each by its name."""

    def test_a_session_that_expires_half_way_is_renewed_by_the_client(
        self, server: Any, salesforce: Salesforce
    ) -> None:
        server.fault("session_expired", after=1)
        assert len(salesforce.query_all("SELECT Id FROM Contact")["records"]) == CONTACTS
        assert server.control("GET", "calls")["salesforce"] == {"query": 1, "query_more": 2, "token": 2}

    def test_a_session_that_expires_during_bulk_is_not(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("session_expired", path="/results")
        with pytest.raises(SalesforceExpiredSession):
            list(salesforce.bulk2.Contact.query("SELECT Id FROM Contact", wait=0.01))

    def test_a_locator_can_die(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("locator_expired")
        with pytest.raises(SalesforceMalformedRequest) as caught:
            salesforce.query_all("SELECT Id FROM Contact")
        assert error_of(caught)["errorCode"] == "INVALID_QUERY_LOCATOR"

    def test_the_same_page_twice(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("same_page_twice")
        first = salesforce.query("SELECT Id FROM Contact")
        again = salesforce.query_more(first["nextRecordsUrl"], identifier_is_url=True)
        assert again["records"] == first["records"]
        rest = salesforce.query_more(again["nextRecordsUrl"], identifier_is_url=True)
        assert len(rest["records"]) == CONTACTS - 2000

    def test_a_locator_that_leads_back(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("reused_locator", times=2)
        first = salesforce.query("SELECT Id FROM Contact")
        again = salesforce.query_more(first["nextRecordsUrl"], identifier_is_url=True)
        assert again["records"] == first["records"]
        job = finished_job(salesforce, "SELECT Id FROM Contact")
        path = f"jobs/query/{job['id']}/results?maxRecords=1000"
        server.fault("reused_locator")
        page = read(salesforce, path)
        locator = page.headers["Sforce-Locator"]
        assert read(salesforce, f"{path}&locator={locator}").content == page.content

    def test_the_same_csv_page_twice(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("same_page_twice")
        pages = list(salesforce.bulk2.Contact.query("SELECT Id FROM Contact", max_records=2000, wait=0.01))
        assert len(pages) == 2
        assert pages[0] == pages[1]

    @pytest.mark.parametrize("message", [None, "QUERY_TIMEOUT"])
    def test_a_failed_job_with_and_without_a_message(
        self, server: Any, salesforce: Salesforce, message: str | None
    ) -> None:
        server.fault("job_failed", message=message)
        job = finished_job(salesforce, "SELECT Id FROM Contact")
        assert (job["state"], job.get("errorMessage")) == ("Failed", message)
        server.fault("job_failed", message=message)
        with pytest.raises(SalesforceOperationError, match="Job failure"):
            list(salesforce.bulk2.Contact.query("SELECT Id FROM Contact", wait=0.01))

    def test_a_job_aborted_stuck_or_slow(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("job_aborted")
        assert finished_job(salesforce, "SELECT Id FROM Contact")["state"] == "Aborted"
        server.fault("job_stuck", times=1)
        stuck = create_job(salesforce, "SELECT Id FROM Contact")["id"]
        assert {read(salesforce, f"jobs/query/{stuck}").json()["state"] for _ in range(20)} == {"InProgress"}
        server.fault("slow_job", polls=5)
        slow = create_job(salesforce, "SELECT Id FROM User")["id"]
        states = [read(salesforce, f"jobs/query/{slow}").json()["state"] for _ in range(6)]
        assert states == ["InProgress"] * 5 + ["JobComplete"]

    def test_a_rejected_job(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("job_rejected", message="Max bulk v2 query jobs (10000) per 24 hrs has been reached")
        with pytest.raises(SalesforceMalformedRequest) as caught:
            create_job(salesforce, "SELECT Id FROM Contact")
        assert error_of(caught)["message"].startswith("Max bulk v2 query jobs")

    def test_a_truncated_csv_has_status_200_and_the_full_count(self, server: Any, salesforce: Salesforce) -> None:
        job = finished_job(salesforce, "SELECT Id, Email FROM Contact")
        path = f"jobs/query/{job['id']}/results"
        whole = read(salesforce, path).content
        for at_row in (False, True):
            server.fault("truncated_csv", keep=0.5, at_row=at_row)
            cut = read(salesforce, path)
            assert (cut.status_code, cut.headers["Sforce-NumberOfRecords"]) == (200, str(CONTACTS))
            assert whole.startswith(cut.content)
            assert 0.4 < len(cut.content) / len(whole) < 0.6
            assert cut.content.endswith(b'"\n') is at_row
        assert read(salesforce, path).content == whole

    def test_headers_that_are_missing_or_wrong(self, server: Any, salesforce: Salesforce) -> None:
        path = f"jobs/query/{finished_job(salesforce, 'SELECT Id FROM Contact')['id']}/results?maxRecords=2000"
        server.fault("missing_locator")
        assert "Sforce-Locator" in read(salesforce, path).headers
        assert "Sforce-Locator" not in read(salesforce, path + "&locator=MjAwMA").headers
        server.fault("missing_locator", pages="all")
        assert "Sforce-Locator" not in read(salesforce, path).headers
        server.fault("missing_record_count")
        assert "Sforce-NumberOfRecords" not in read(salesforce, path).headers
        server.fault("wrong_record_count", off_by=-1)
        assert read(salesforce, path).headers["Sforce-NumberOfRecords"] == "1999"

    def test_integers_written_as_floats(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("float_integers")
        (page,) = salesforce.bulk2.Account.query("SELECT NumberOfEmployees FROM Account", wait=0.01)
        assert page == '"NumberOfEmployees"\n"3.0"\n'
        (row,) = salesforce.query("SELECT NumberOfEmployees FROM Account")["records"]
        assert str(row["NumberOfEmployees"]) == "3.0"

    def test_usage_near_its_limit(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("api_usage", used=14990, max=15000)
        salesforce.query("SELECT Id FROM User")
        assert salesforce.api_usage["api-usage"] == (14990, 15000)
        assert salesforce.limits()["DailyApiRequests"] == {"Max": 15000, "Remaining": 10}

    def test_a_limit_reached_is_403(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("rate_limited", system="salesforce", path="/query")
        with pytest.raises(SalesforceRefusedRequest) as caught:
            salesforce.query("SELECT Id FROM User")
        assert error_of(caught)["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
        assert len(salesforce.query("SELECT Id FROM User")["records"]) == 1

    @pytest.mark.parametrize(
        ("status", "body"), [(500, None), (503, ""), (420, "<html>busy</html>"), (406, ""), (400, [{"errorCode": "X"}])]
    )
    def test_any_status_with_any_body(self, server: Any, salesforce: Salesforce, status: int, body: Any) -> None:
        server.fault("http_error", status=status, body=body, path="/query", times=2, headers={"Retry-After": "7"})
        for _ in range(2):
            answer = read(salesforce, "query?q=SELECT+Id+FROM+User")
            assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
            if body is None:
                assert answer.json()[0]["errorCode"] == "UNKNOWN_EXCEPTION"
            else:
                assert (answer.json() if isinstance(body, list) else answer.text) == body
        assert read(salesforce, "query?q=SELECT+Id+FROM+User").status_code == 200

    def test_an_error_with_status_200(self, server: Any, salesforce: Salesforce) -> None:
        server.fault("error_body_with_200")
        answer = read(salesforce, "query?q=SELECT+Id+FROM+User")
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (200, "UNKNOWN_EXCEPTION")

    @pytest.mark.parametrize("how", ["cut", "html", "empty"])
    def test_a_malformed_page(self, server: Any, salesforce: Salesforce, how: str) -> None:
        server.fault("malformed_page", how=how, path="/query")
        answer = read(salesforce, "query?q=SELECT+Id+FROM+User")
        assert answer.status_code == 200
        with pytest.raises(requests.JSONDecodeError):
            answer.json()

    @pytest.mark.parametrize("path", ["query?q=SELECT+Id+FROM+Contact", "sobjects/Account/describe"])
    def test_a_dropped_connection(self, server: Any, salesforce: Salesforce, path: str) -> None:
        server.fault("connection_dropped")
        with pytest.raises(requests.RequestException, match=r"IncompleteRead|Connection broken"):
            read(salesforce, path)
        assert read(salesforce, path).status_code == 200

    def test_a_dropped_download(self, server: Any, salesforce: Salesforce) -> None:
        path = f"jobs/query/{finished_job(salesforce, 'SELECT Id FROM Contact')['id']}/results"
        server.fault("connection_dropped", after_bytes=100)
        with pytest.raises(requests.RequestException, match=r"IncompleteRead|Connection broken"):
            read(salesforce, path)

    def test_gzip_when_asked_for(self, server: Any, salesforce: Salesforce) -> None:
        path = f"jobs/query/{finished_job(salesforce, 'SELECT Id FROM Contact')['id']}/results"
        plain = read(salesforce, path)
        server.fault("gzip")
        packed = read(salesforce, path)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.content == plain.content

    def test_a_skewed_clock_and_a_slow_server(self, server: Any, salesforce: Salesforce) -> None:
        assert read(salesforce, "limits").headers["Date"] == "Mon, 05 Jan 2026 06:00:00 GMT"
        server.fault("clock_skew", system="salesforce", seconds=300)
        assert read(salesforce, "limits").headers["Date"] == "Mon, 05 Jan 2026 06:05:00 GMT"
        server.fault("slow", seconds=0.3, times=1)
        assert read(salesforce, "limits").elapsed.total_seconds() >= 0.3


class TestDays:
    def test_a_new_day_brings_late_rows_and_a_new_field(self, own_server: Any) -> None:
        salesforce = own_server.salesforce()
        page = salesforce.query("SELECT Id FROM Contact")
        assert own_server.control("POST", "advance")["day"] == 2
        assert read(salesforce, "limits").headers["Date"] == "Tue, 06 Jan 2026 06:00:00 GMT"
        assert "Segment_Tier__c" in {field["name"] for field in salesforce.Contact.describe()["fields"]}
        (late,) = salesforce.query("SELECT Id, Segment_Tier__c FROM Contact WHERE Segment_Tier__c = 'gold'")["records"]
        assert late["Id"] == numbered("003", CONTACTS + 1)
        # A query begun on the first day ends there.
        rest = salesforce.query_more(page["nextRecordsUrl"], identifier_is_url=True)
        assert (rest["done"], rest["totalSize"]) == (True, CONTACTS)
