"""A small deterministic matcher over the company's tables, as a yardstick: can its records be put together at all?

Records are linked by one normalised address, by a phone together with the whole name, by the product's
user id, by CRM ids (conversion, merge, sync), and by anonymous ids that one user alone signed in on.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

import phonenumbers
import pyarrow as pa
import pytest

from sandbox.company import Company
from sandbox.company.schema import NOISE
from sandbox.score import NO_NOISE, Score, score

JUNK_EMAILS = {"test@test.com", "noreply@example.com", "none@none.com", "asdf@asdf.com"}
REGIONS = {
    "United States": "US", "US": "US", "USA": "US", "United Kingdom": "GB", "GB": "GB", "UK": "GB",
    "Germany": "DE", "DE": "DE", "Deutschland": "DE", "France": "FR", "FR": "FR",
}  # fmt: skip


def email_of(written: str | None) -> str | None:
    if not written:
        return None
    local, _, domain = written.strip().lower().partition("@")
    if domain == "gmail.com":
        local = local.replace(".", "")
    address = f"{local}@{domain}"
    return None if address in JUNK_EMAILS else address


def phone_of(written: str | None, country: str | None) -> str | None:
    if not written or re.fullmatch(r"(\d)\1+|1234567890", written):
        return None
    try:
        number = phonenumbers.parse(written, REGIONS.get(country or ""))
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class Union:
    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def find(self, key: str) -> str:
        root = key
        while (up := self.parent.setdefault(root, root)) != root:
            root = up
        while self.parent[key] != root:
            self.parent[key], key = root, self.parent[key]
        return root

    def join(self, keys: Iterable[str]) -> None:
        first, *rest = keys
        for key in rest:
            self.parent[self.find(key)] = self.find(first)


def clusters_of(tables: Mapping[str, pa.Table]) -> pa.Table:
    """record_key and cluster_id of every record seen."""
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    union = Union()

    def put(key: str, name: str | None, country: str | None, phones: list[str | None], **values: str | None) -> None:
        union.find(key)
        for kind, value in values.items():
            if value:
                holders[kind, value].add(key)
        for phone in phones:
            number = phone_of(phone, country)
            if number and name:
                holders["phone", f"{number}/{name.lower()}"].add(key)

    for row in tables["salesforce.Contact"].to_pylist():
        key = f"salesforce:contact:{row['Id']}"
        master = row["MasterRecordId"]
        put(key, row["Name"], row["MailingCountry"], [row["Phone"], row["MobilePhone"]],
            email=email_of(row["Email"]), user=row["Web_User_Id__c"], contact=row["Id"])  # fmt: skip
        if master:
            holders["contact", master].add(key)
    for row in tables["salesforce.Lead"].to_pylist():
        key = f"salesforce:lead:{row['Id']}"
        put(key, row["Name"], row["Country"], [row["Phone"], row["MobilePhone"]],
            email=email_of(row["Email"]), contact=row["ConvertedContactId"], lead=row["Id"])  # fmt: skip
        if row["MasterRecordId"]:
            holders["lead", row["MasterRecordId"]].add(key)
    for row in tables["hubspot.contacts"].to_pylist():
        key = f"hubspot:contact:{row['id']}"
        put(key, f"{row['firstname']} {row['lastname']}", row["country"], [row["phone"], row["mobilephone"]],
            email=email_of(row["email"]), contact=row["salesforcecontactid"], user=row["web_user_id"])  # fmt: skip
        if row["hs_merged_object_ids"]:
            union.join([key, *(f"hubspot:contact:{old}" for old in row["hs_merged_object_ids"].split(";"))])
    for row in tables["segment.profiles"].to_pylist():
        traits = json.loads(row["traits"])
        name = f"{traits.get('first_name')} {traits.get('last_name')}"
        put(f"segment:user:{row['user_id']}", name, traits.get("country"), [traits.get("phone")],
            email=email_of(traits.get("email")), user=row["user_id"])  # fmt: skip
    users_on: dict[str, set[str]] = defaultdict(set)
    for payload in tables["segment.events"].column("payload").to_pylist():
        call = json.loads(payload)
        if call["anonymousId"]:
            users_on[call["anonymousId"]].update([call["userId"]] if call["userId"] else [])
    for anonymous, users in users_on.items():
        key = f"segment:anonymous:{anonymous}"
        union.find(key)
        if len(users) == 1:
            holders["user", next(iter(users))].add(key)
    for keys in holders.values():
        union.join(sorted(keys))
    keys = sorted(union.parent)
    return pa.table({"record_key": keys, "cluster_id": [union.find(key) for key in keys]})


def scored(company: Company) -> Score:
    tables = company.tables
    return score(tables["truth.records"], clusters_of(tables), tables["truth.people"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sane_deterministic_links_find_most_people(seed: int) -> None:
    result = scored(Company(seed, 2_000))
    assert result.precision >= 0.99
    assert 0.85 <= result.recall <= 0.98, "noise that costs nothing flatters"


def test_links_hold_up_as_days_go_by() -> None:
    result = scored(Company(1, 1_000, day=8))
    assert result.precision >= 0.99
    assert result.recall >= 0.85


def test_noise_costs_recall_where_it_should() -> None:
    result = scored(Company(1, 2_000))
    assert set(result.by_noise) == {*NOISE, NO_NOISE}
    clean = result.by_noise[NO_NOISE].recall
    assert clean > 0.95
    for name in ("has_typo_or_changed_email", "shares_device", "browses_anonymously_first"):
        assert result.by_noise[name].recall < clean - 0.03


def test_a_phone_alone_joins_strangers() -> None:
    """Were shared phones no trap, a matcher that ignores them would look as good as one that does not."""
    tables = Company(1, 2_000).tables
    union = Union()
    for row in clusters_of(tables).to_pylist():
        union.join([row["cluster_id"], row["record_key"]])
    holders: dict[str, list[str]] = defaultdict(list)
    for row in tables["salesforce.Contact"].to_pylist():
        if number := phone_of(row["Phone"], row["MailingCountry"]):
            holders[number].append(f"salesforce:contact:{row['Id']}")
    for keys in holders.values():
        union.join(keys)
    keys = sorted(union.parent)
    clusters = pa.table({"record_key": keys, "cluster_id": [union.find(key) for key in keys]})
    result = score(tables["truth.records"], clusters, tables["truth.people"])
    assert result.precision < 0.99
    assert result.by_noise["shares_phone"].precision < 0.9
