"""A small company with every awkward value by hand, served on loopback, and the vendors' real clients before it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests
import uvicorn
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

from sandbox.app import create_app
from sandbox.company.schema import TABLES, schema_of
from sandbox.salesforce.ids import numbered

DAY_ONE = datetime(2026, 1, 5, 6, tzinfo=UTC)
T0 = datetime.fromisoformat("2025-12-01T08:30:05")
CONTACTS = 2345
HUBSPOT_CONTACTS = 250


def table(name: str, rows: list[dict[str, Any]], day: int = 1) -> pa.Table:
    schema = schema_of(name, day)
    return pa.Table.from_pylist([{field: row.get(field) for field in schema.names} for row in rows], schema=schema)


def contact(n: int, **changes: Any) -> dict[str, Any]:
    moment = T0 + timedelta(seconds=n // 10)
    row = {
        "Id": numbered("003", n + 1),
        "IsDeleted": False,
        "FirstName": f"First{n}",
        "LastName": "O'Neil" if n == 3 else f"Last{n}",
        "Name": f"First{n} Last{n}",
        "Email": f"person{n}@example.com",
        "HasOptedOutOfEmail": n % 2 == 0,
        "OwnerId": numbered("005", 1),
        "CreatedDate": moment,
        "LastModifiedDate": moment,
        "SystemModstamp": moment,
    }
    return row | changes


def salesforce_tables() -> dict[str, pa.Table]:
    accounts = [
        {
            "Id": numbered("001", 1),
            "IsDeleted": False,
            "Name": "Acme",
            "NumberOfEmployees": 3,
            "AnnualRevenue": Decimal("950000000.00"),
            "BillingStreet": '1 "Main" Street\nFloor 2',
            "BillingCity": "Berlin",
            "Region__c": "EMEA",
            "OwnerId": numbered("005", 1),
            "CreatedDate": datetime.fromisoformat("2020-10-22T21:03:23"),
            "LastModifiedDate": T0,
            "SystemModstamp": T0,
        },
        {
            "Id": numbered("001", 2),
            "IsDeleted": True,
            "MasterRecordId": numbered("001", 1),
            "Name": "NA",
            "Website": "null",
            "Phone": "",
            "BillingStreet": "a\x00b\u2028c\r\nd",
            "OwnerId": numbered("005", 1),
            "CreatedDate": T0,
            "LastModifiedDate": T0,
            "SystemModstamp": T0 + timedelta(days=30),
        },
    ]
    opportunities = [
        {
            "Id": numbered("006", n + 1),
            "IsDeleted": False,
            "Name": f"Deal {n}",
            "StageName": "Closed Won" if n == 1 else "Prospecting",
            "Amount": None if n == 2 else Decimal(100 * n),
            "Probability": Decimal(10 * n),
            "CloseDate": date(2026, 1, 1 + n),
            "IsClosed": n == 1,
            "IsWon": n == 1,
            "OwnerId": numbered("005", 1),
            "CreatedDate": T0,
            "LastModifiedDate": T0,
            "SystemModstamp": T0,
        }
        for n in range(4)
    ]
    user = {
        "Id": numbered("005", 1), "Username": "ann@example.com", "LastName": "Owner", "Name": "Ann Owner",
        "Email": "ann@example.com", "IsActive": True, "CreatedDate": T0, "LastModifiedDate": T0, "SystemModstamp": T0,
    }  # fmt: skip
    return {
        "salesforce.Account": table("salesforce.Account", accounts),
        "salesforce.Contact": table("salesforce.Contact", [contact(n) for n in range(CONTACTS)]),
        "salesforce.Opportunity": table("salesforce.Opportunity", opportunities),
        "salesforce.User": table("salesforce.User", [user]),
    }


def hubspot_contact(n: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": str(100 + n),
        "hs_object_id": str(100 + n),
        "created_at": T0,
        "createdate": T0,
        "updated_at": T0 + timedelta(minutes=n),
        "lastmodifieddate": T0 + timedelta(minutes=n),
        "archived": False,
        "email": f"person{n}@example.com",
        "firstname": f"First{n}",
        "lastname": f"Last{n}",
        "lifecyclestage": "customer" if n % 50 == 0 else "lead",
        "hs_email_optout": n % 2 == 0,
        "num_associated_deals": float(n % 3),
    }
    return row | changes


def hubspot_tables() -> dict[str, pa.Table]:
    stamps = {"created_at": T0, "updated_at": T0, "archived": False}
    contacts = [hubspot_contact(n) for n in range(HUBSPOT_CONTACTS)]
    contacts.append(hubspot_contact(900, archived=True, archived_at=T0 + timedelta(days=3)))
    contacts.append(hubspot_contact(901, hs_merged_object_ids="21;22", updated_at=T0, lastmodifieddate=T0))
    companies = [
        {
            "id": str(n),
            "hs_object_id": str(n),
            "name": f"Firm {n}",
            "annualrevenue": 7500.5 * n,
            "numberofemployees": 12.0,
        }
        | {"createdate": T0, "hs_lastmodifieddate": T0, **stamps}
        for n in range(1, 6)
    ]
    deals = [
        {"id": "7", "hs_object_id": "7", "dealname": "Deal 7", "amount": 1500.0, "hs_deal_stage_probability": 0.2}
        | {"hs_is_closed": False, "closedate": T0, "createdate": T0, "hs_lastmodifieddate": T0, **stamps}
    ]
    owners = [
        {"id": str(n), "email": f"o{n}@example.com", "first_name": "Ann", "last_name": "Owner", "user_id": 10 + n}
        | {**stamps, "archived": n == 3}
        for n in range(1, 4)
    ]
    stages = [
        {
            "id": name,
            "pipeline_id": "default",
            "label": name,
            "display_order": n,
            "probability": p,
            "is_closed": p == 1.0,
        }
        | stamps
        for n, (name, p) in enumerate([("open", 0.2), ("won", 1.0)])
    ]
    links = [("contacts", "100", "companies", str(n), 279, None) for n in range(1, 6)]
    links += [("contacts", "100", "companies", "1", 1, "Primary"), ("deals", "7", "contacts", "100", 3, None)]
    names = ("from_object_type", "from_id", "to_object_type", "to_id", "type_id", "label")
    associations = [{**dict(zip(names, link, strict=True)), "category": "HUBSPOT_DEFINED"} for link in links]
    pipeline = {"id": "default", "object_type": "deals", "label": "Sales", "display_order": 0, **stamps}
    by_ann = {"source_type": "CRM_UI", "source_id": "userId:7", "updated_by_user_id": 7}
    by_form = {"source_type": "FORM", "source_id": "f-1", "source_label": "Newsletter"}
    entries = [
        {"id": "103", "property": "lifecyclestage", "changed_at": T0, "value": "subscriber", **by_form},
        {"id": "103", "property": "hs_lead_status", "changed_at": T0, "value": "NEW", **by_ann},
        {"id": "103", "property": "hs_lead_status", "changed_at": T0 + timedelta(minutes=2), "value": "", **by_ann},
        {"id": "103", "property": "lifecyclestage", "changed_at": T0 + timedelta(minutes=3), "value": "lead", **by_ann},
        {"id": "1000", "property": "lifecyclestage", "changed_at": T0, "value": "customer", **by_ann},
    ]
    return {
        "hubspot.contacts_history": table("hubspot.contacts_history", entries),
        "hubspot.contacts": table("hubspot.contacts", contacts),
        "hubspot.companies": table("hubspot.companies", companies),
        "hubspot.deals": table("hubspot.deals", deals),
        "hubspot.owners": table("hubspot.owners", owners),
        "hubspot.pipelines": table("hubspot.pipelines", [pipeline]),
        "hubspot.pipeline_stages": table("hubspot.pipeline_stages", stages),
        "hubspot.associations": table("hubspot.associations", associations),
    }


def segment_event(received_at: str, n: int, source: str = "web") -> dict[str, Any]:
    payload = {"type": "track", "messageId": f"m{n}", "event": "Élan", "userId": "u1", "receivedAt": received_at}
    moment = datetime.fromisoformat(received_at.rstrip("Z"))
    return {"received_at": moment, "payload": json.dumps(payload, ensure_ascii=False), "source_id": source}


def segment_tables() -> dict[str, pa.Table]:
    traits = {f"trait_{n:02}": n for n in range(25)} | {"email": "u1@example.com", "address": {"city": "Köln"}}
    ids = [("user_id", "u1"), ("email", "u1+home@example.com"), ("anonymous_id", "a:b/c")]
    external = [
        {"user_id": "u1", "type": kind, "id": value, "collection": "users", "source_id": "web", "encoding": "none"}
        | {"created_at": T0 + timedelta(seconds=n)}
        for n, (kind, value) in enumerate(ids)
    ]
    events = [
        segment_event("2025-12-30T23:59:59Z", 1),
        segment_event("2025-12-31T00:00:00Z", 2),
        segment_event("2025-12-31T18:00:00Z", 3),
        segment_event("2026-01-05T04:00:00Z", 4),
        segment_event("2026-01-05T05:10:00Z", 5),
        segment_event("2026-01-05T05:10:00Z", 6, "server"),
        segment_event("2026-01-05T06:00:00Z", 7),
    ]
    return {
        "segment.profiles": table("segment.profiles", [{"user_id": "u1", "traits": json.dumps(traits)}]),
        "segment.profile_external_ids": table("segment.profile_external_ids", external),
        "segment.events": table("segment.events", events),
    }


class TinyCompany:
    """Two days of a company whose every row is known here."""

    def __init__(self) -> None:
        self.day = 1
        self.tables = {name: table(name, []) for name in TABLES}
        self.tables |= salesforce_tables() | hubspot_tables() | segment_tables()

    @property
    def clock(self) -> datetime:
        return DAY_ONE + timedelta(days=self.day - 1)

    def advance(self) -> None:
        self.day += 1
        late = contact(CONTACTS, SystemModstamp=T0, LastModifiedDate=T0, Segment_Tier__c="gold")
        rows = [contact(n) for n in range(CONTACTS)]
        self.tables["salesforce.Contact"] = table("salesforce.Contact", [*rows, late], self.day)
        news = [segment_event("2026-01-05T06:00:01Z", 8), segment_event("2026-01-06T06:00:00Z", 9)]
        old = self.tables["segment.events"]
        self.tables["segment.events"] = pa.concat_tables([table("segment.events", news), old])


class ToSandbox(HTTPAdapter):
    """simple-salesforce speaks https to hosts of its own making; this sends all of it to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.target = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        request.url = self.target + "/" + request.url.split("/", 3)[3]
        kwargs["timeout"] = kwargs.get("timeout") or 10
        return super().send(request, *args, **kwargs)


class Served:
    """An app on loopback and its controls."""

    def __init__(self, url: str, company: TinyCompany, archive: Path) -> None:
        self.url = url
        self.company = company
        self.archive = archive

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, name: str, **options: Any) -> None:
        self.control("POST", "faults", {"name": name, **options})

    def sql(self, statement: str) -> None:
        self.control("POST", "sql", {"sql": statement})

    def salesforce(self, secret: str = "sandbox-secret") -> Salesforce:
        session = requests.Session()
        session.mount("https://", ToSandbox(self.url))
        return Salesforce(
            consumer_key="sandbox", consumer_secret=secret, domain="braid.my", session=session, parse_float=Decimal
        )


@contextmanager
def serving(company: TinyCompany, archive: Path) -> Iterator[Served]:
    app = create_app(company, archive=archive)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="critical", access_log=False, date_header=False, server_header=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the server ended before it began"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{port}", company, archive)
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(TinyCompany(), tmp_path_factory.mktemp("archive")) as served:
        yield served


@pytest.fixture
def server(module_server: Served) -> Iterator[Served]:
    """The module's server without faults, counting calls from nothing."""
    module_server.control("DELETE", "faults")
    module_server.control("DELETE", "calls")
    yield module_server
    module_server.control("DELETE", "faults")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Served]:
    """A server of the test's own, for days that pass."""
    with serving(TinyCompany(), tmp_path / "archive") as served:
        yield served


@pytest.fixture
def salesforce(server: Served) -> Salesforce:
    return server.salesforce()
