"""A small company with every awkward value by hand, served on loopback, and the vendors' real clients before it."""

from __future__ import annotations

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


class TinyCompany:
    """Two days of a company whose every row is known here."""

    def __init__(self) -> None:
        self.day = 1
        self.tables = {name: table(name, []) for name in TABLES} | salesforce_tables()

    @property
    def clock(self) -> datetime:
        return DAY_ONE + timedelta(days=self.day - 1)

    def advance(self) -> None:
        self.day += 1
        late = contact(CONTACTS, SystemModstamp=T0, LastModifiedDate=T0, Segment_Tier__c="gold")
        rows = [contact(n) for n in range(CONTACTS)]
        self.tables["salesforce.Contact"] = table("salesforce.Contact", [*rows, late], self.day)


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
