"""Salesforce and HubSpot of the sandbox as systems under test: records are put into it as no API could."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import requests

from extract.naming import snake_case
from extract.sources.hubspot import HubSpot, records
from extract.sources.hubspot import client as hubspot_client
from extract.sources.salesforce import Salesforce, settings
from sandbox.salesforce.ids import numbered
from sandbox.server import Running
from tests.conformance.system import Patch, Record, System

MORNING = datetime(2026, 1, 5, 6)
# tests/extract/test_quarantine.py has such values by other means.
MISFITS = "the sandbox keeps its columns typed"


class Vendor(System):
    """One table of the sandbox, emptied."""

    table: ClassVar[str]
    # The sandbox's name of the system in its faults, and where those strike that break pages of records.
    system: ClassVar[str]
    pages: ClassVar[Sequence[Mapping[str, Any]]]

    def __init__(self, sandbox: Running) -> None:
        self.sandbox = sandbox
        self.rows: dict[int, dict[str, Any]] = {}
        self.lasting: dict[str, dict[str, Any]] = {}
        self.moved = timedelta(0)
        sandbox.sql(f"delete from {self.table}")
        self.tell()

    def tell(self) -> None:
        """Switch on what is switched on, and nothing else."""
        skew = {"name": "clock_skew", "system": self.system, "seconds": int(self.moved.total_seconds())}
        self.sandbox.faults()
        self.sandbox.faults(skew, *self.lasting.values())

    def environment(self) -> Mapping[str, str]:
        return self.sandbox.environment()

    @property
    def clock(self) -> datetime:
        return MORNING + self.moved

    def advance(self, by: timedelta) -> None:
        self.moved += by
        self.tell()

    def write(self, rows: Mapping[int, Mapping[str, Any]]) -> None:
        """Put rows, by number, in place of what has their id."""
        if not rows:
            return
        names = list(next(iter(rows.values())))
        ids = ", ".join(literal(row[names[0]]) for row in rows.values())
        values = ", ".join(f"({', '.join(literal(value) for value in row.values())})" for row in rows.values())
        columns = ", ".join(f'"{name}"' for name in names)
        self.sandbox.sql(f'delete from {self.table} where "{names[0]}" in ({ids})')
        assert self.sandbox.sql(f"insert into {self.table} ({columns}) values {values}") == len(rows)
        self.rows |= {number: dict(row) for number, row in rows.items()}

    def remove(self, number: int) -> None:
        name, value = next(iter(self.rows.pop(number).items()))
        assert self.sandbox.sql(f'delete from {self.table} where "{name}" = {literal(value)}') == 1

    def fail_after(self, pages: int) -> None:
        for place, where in enumerate(self.pages):
            self.lasting[f"fault {place}"] = {
                "name": "malformed_page", "how": "html", "system": self.system, "after": pages, "times": None, **where,
            }  # fmt: skip
        self.tell()

    def heal(self) -> None:
        faults = requests.get(f"{self.sandbox.url}/_sandbox/faults", timeout=10).json()
        assert any(fault["name"] == "malformed_page" and fault["struck"] for fault in faults), "nothing was broken"
        self.lasting = {name: fault for name, fault in self.lasting.items() if not name.startswith("fault")}
        self.tell()


class SalesforceAccounts(Vendor):
    """Accounts, over REST."""

    kind = Salesforce
    object_name = "account"
    text = "industry"
    amount = "number_of_employees"
    page = 50
    late = timedelta(minutes=15)
    table = 'salesforce."Account"'
    system = "salesforce"
    pages: ClassVar[Sequence[Mapping[str, Any]]] = ({"path": "/query"},)
    cannot: ClassVar[Mapping[str, str]] = {
        "hostile_names": "Salesforce's field names are letters, digits and _",
        "misfits": MISFITS,
    }

    def __init__(self, sandbox: Running) -> None:
        super().__init__(sandbox)
        self.hidden: set[str] = set()
        self.lasting["pages"] = {"name": "short_pages", "size": self.page}
        self.tell()

    @classmethod
    def prepare(cls, patch: Patch, env: Mapping[str, str]) -> None:
        """The sandbox is told to send short pages; blocks of a query need not be smaller than they are."""

    def put(self, records: Sequence[Record]) -> None:
        self.write({record.number: account(record) for record in records})

    def flag(self, number: int, at: datetime) -> None:
        self.write({number: self.rows[number] | {"IsDeleted": True, "SystemModstamp": at}})

    def truth(self) -> list[dict[str, Any]]:
        return [
            {snake_case(name): value for name, value in row.items() if name not in self.hidden}
            | {"_is_deleted": row["IsDeleted"]}
            for row in self.rows.values()
        ]

    def add_field(self, value: str) -> str:
        self.lasting["new"] = {"name": "added_field", "object": "Account", "field": "Tier__c", "value": value}
        self.tell()
        return "Tier__c"

    def drop_text(self) -> None:
        self.lasting["hidden"] = {"name": "hidden_field", "object": "Account", "field": "Industry"}
        self.hidden.add("Industry")
        self.tell()

    def retype_amount(self) -> None:
        field = "NumberOfEmployees"
        self.lasting["retyped"] = {"name": "retyped_field", "object": "Account", "field": field, "type": "string"}
        self.hidden.add(field)
        self.tell()

    def wrong_environment(self) -> Mapping[str, str]:
        return {**self.environment(), "SALESFORCE_CLIENT_SECRET": "stolen-secret"}


class SalesforceInBulk(SalesforceAccounts):
    """The same, over Bulk API jobs."""

    pages: ClassVar[Sequence[Mapping[str, Any]]] = ({"path": "/results"}, {"path": "/query?"})

    @classmethod
    def prepare(cls, patch: Patch, env: Mapping[str, str]) -> None:
        patch(settings, "REST_ROWS", 0)
        patch(settings, "BULK_PAGE_ROWS", cls.page)
        patch(settings, "FIRST_WAIT", 0.01)


class HubSpotCompanies(Vendor):
    """Companies: listed first, searched then."""

    kind = HubSpot
    object_name = "companies"
    text = "name"
    amount = "numberofemployees"
    page = 40
    late = timedelta(hours=1)
    table = "hubspot.companies"
    system = "hubspot"
    pages: ClassVar[Sequence[Mapping[str, Any]]] = ({"path": "objects/companies?"}, {"path": "objects/companies/batch"})
    new = "industry"
    cannot: ClassVar[Mapping[str, str]] = {
        "hostile_names": "HubSpot's property names are lower-case letters, digits and _",
        "misfits": MISFITS,
    }

    def __init__(self, sandbox: Running) -> None:
        super().__init__(sandbox)
        self.hidden = {self.new}
        self._hide()

    @classmethod
    def prepare(cls, patch: Patch, env: Mapping[str, str]) -> None:
        patch(hubspot_client, "PAGE_LIMIT", str(cls.page))
        for name in ("BATCH_READ", "SEARCH_LIMIT", "ROWS_A_TABLE"):
            patch(records, name, cls.page)

    def put(self, records: Sequence[Record]) -> None:
        self.write({record.number: company(record) for record in records})

    def flag(self, number: int, at: datetime) -> None:
        stamps = {"updated_at": at, "hs_lastmodifieddate": at}
        self.write({number: self.rows[number] | {"archived": True, "archived_at": at} | stamps})

    def truth(self) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in row.items() if name not in self.hidden} | {"_is_deleted": row["archived"]}
            for row in self.rows.values()
        ]

    def add_field(self, value: str) -> str:
        self.sandbox.sql(f"update {self.table} set {self.new} = {literal(value)}")
        self.hidden.remove(self.new)
        self.rows = {number: row | {self.new: value} for number, row in self.rows.items()}
        self._hide()
        return self.new

    def drop_text(self) -> None:
        self.hidden.add(self.text)
        self._hide()

    def retype_amount(self) -> None:
        fault = {"name": "retyped_property", "object": "companies", "property": self.amount, "type": "string"}
        self.lasting["retyped"] = fault
        self.tell()

    def wrong_environment(self) -> Mapping[str, str]:
        return {**self.environment(), "HUBSPOT_ACCESS_TOKEN": "stolen-token"}

    def _hide(self) -> None:
        kept = {key: fault for key, fault in self.lasting.items() if not key.startswith("hide")}
        self.lasting = kept | {
            f"hide {name}": {"name": "hidden_property", "object": "companies", "property": name} for name in self.hidden
        }
        self.tell()


def account(record: Record) -> dict[str, Any]:
    return {
        "Id": numbered("001", record.number + 1),
        "IsDeleted": False,
        "Name": f"Firm {record.number}",
        "Industry": record.text,
        "NumberOfEmployees": record.amount,
        "OwnerId": numbered("005", 1),
        "CreatedDate": datetime(2020, 1, 1),
        "LastModifiedDate": datetime(2020, 1, 1),
        "SystemModstamp": record.changed_at,
    }


def company(record: Record) -> dict[str, Any]:
    key = str(1000 + record.number)
    return {
        "id": key,
        "hs_object_id": key,
        "name": record.text,
        "numberofemployees": record.amount,
        "created_at": datetime(2020, 1, 1),
        "createdate": datetime(2020, 1, 1),
        "updated_at": record.changed_at,
        "hs_lastmodifieddate": record.changed_at,
        "archived": False,
        "archived_at": None,
    }


def literal(value: object) -> str:
    """A value as the sandbox's SQL takes it."""
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat()}'"
    return "'" + str(value).replace("'", "''") + "'"
