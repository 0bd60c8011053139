"""The company on its first day: shape, ids, phones, noise as promised, references that hold."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import phonenumbers
import pytest

from sandbox.company import Company
from sandbox.company.people import SHARES
from sandbox.company.schema import NOISE, SALESFORCE, TABLES, schema_of
from sandbox.company.words import FIRST, FIRST_NICK

JUNK_EMAILS = {"test@test.com", "noreply@example.com", "none@none.com", "asdf@asdf.com"}
JUNK_PHONES = {"0000000000", "1111111111", "1234567890", "9999999999"}


@cache
def company(people: int = 2_000, seed: int = 1, day: int = 1) -> Company:
    return Company(seed, people, day)


def rows(table: str, **which: Any) -> list[dict[str, Any]]:
    return company(**which).tables[table].to_pylist()


@cache
def calls(people: int = 2_000) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in company(people).tables["segment.events"]["payload"].to_pylist()]


def owners() -> dict[str, str]:
    return {row["record_key"]: row["person_id"] for row in rows("truth.records")}


def flagged(name: str) -> set[str]:
    return {row["person_id"] for row in rows("truth.people") if row[name]}


def contact_data() -> Iterator[tuple[str, str | None, str | None, list[str]]]:
    """person, first name, address and phones of every record that has such."""
    person = owners()
    for kind in ("Contact", "Lead"):
        for row in rows(f"salesforce.{kind}"):
            key = f"salesforce:{kind.lower()}:{row['Id']}"
            yield person[key], row["FirstName"], row["Email"], [p for p in (row["Phone"], row["MobilePhone"]) if p]
    for row in rows("hubspot.contacts"):
        phones = [p for p in (row["phone"], row["mobilephone"]) if p]
        yield person[f"hubspot:contact:{row['id']}"], row["firstname"], row["email"], phones
    for row in rows("segment.profiles"):
        traits = json.loads(row["traits"])
        phones = [traits["phone"]] if "phone" in traits else []
        yield person[f"segment:user:{row['user_id']}"], traits["first_name"], traits.get("email"), phones


def mailbox(address: str) -> str:
    local, _, domain = address.strip().lower().partition("@")
    return f"{local.replace('.', '') if domain == 'gmail.com' else local}@{domain}"


@pytest.mark.parametrize("day", [1, 2])
def test_tables_have_the_schema_of_the_day(day: int) -> None:
    tables = company(200, day=day).tables
    assert list(tables) == list(TABLES)
    for name, table in tables.items():
        assert table.schema.equals(schema_of(name, day)), name
        table.validate(full=True)
    assert ("Segment_Tier__c" in tables["salesforce.Contact"].column_names) == (day >= 2)


def test_a_company_has_a_smallest_size_and_a_first_day() -> None:
    assert Company(3, 20, day=3).tables["truth.people"].num_rows > 20
    with pytest.raises(ValueError, match="at least 20 people"):
        Company(1, 19)
    with pytest.raises(ValueError, match="no day 0"):
        Company(1, 50, day=0)


def test_salesforce_ids_carry_their_prefix_and_checksum() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
    seen: set[str] = set()
    for name, described in SALESFORCE.items():
        ids = company().tables[f"salesforce.{name}"]["Id"].to_pylist()
        assert len(set(ids)) == len(ids)
        seen.update(ids)
        for id_ in ids:
            assert re.fullmatch(described.key_prefix + r"[0-9A-Za-z]{15}", id_)
            groups = (id_[start : start + 5] for start in (0, 5, 10))
            check = "".join(alphabet[sum(letter.isupper() << place for place, letter in enumerate(g))] for g in groups)
            assert id_[15:] == check
    assert len({id_[:15].lower() for id_ in seen}) < len(seen), "some ids differ only by case, as real ones do"


def test_phones_are_valid_and_written_in_many_ways() -> None:
    regions = {"United States": "US", "United Kingdom": "GB", "Germany": "DE", "France": "FR", "USA": "US", "UK": "GB"}
    shapes, valid, junk = set(), 0, 0
    for row in rows("salesforce.Contact"):
        if not row["Phone"] or not row["MailingCountry"]:
            continue
        if row["Phone"] in JUNK_PHONES:
            junk += 1
            continue
        region = regions.get(row["MailingCountry"], row["MailingCountry"][:2].upper())
        assert phonenumbers.is_valid_number(phonenumbers.parse(row["Phone"], region)), row["Phone"]
        valid += 1
        shapes.add(re.sub(r"\d", "9", row["Phone"]))
    assert valid > 400
    assert junk > 0
    assert len(shapes) > 15


@pytest.mark.parametrize("people", [50, 2_000, 20_000])
def test_noise_is_had_by_the_promised_share_of_people(people: int) -> None:
    table = company(people).tables["truth.people"]
    assert table.num_rows == people
    for name in NOISE:
        found = sum(table[name].to_pylist()) / people
        assert found == pytest.approx(SHARES[name], abs=max(0.001, 2 / people)), name


def test_noise_shares_stay_as_people_come() -> None:
    table = company(2_000, day=12).tables["truth.people"]
    assert table.num_rows > 2_050
    for name in NOISE:
        assert sum(table[name].to_pylist()) / table.num_rows == pytest.approx(SHARES[name], abs=0.004), name


def test_a_wrong_or_old_address_stands_exactly_with_those_who_are_said_to_have_one() -> None:
    addresses: dict[str, set[str]] = defaultdict(set)
    for person, _, address, _ in contact_data():
        if address and address.lower() not in JUNK_EMAILS:
            addresses[person].add(mailbox(address))
    assert {person for person, found in addresses.items() if len(found) > 1} == flagged("has_typo_or_changed_email")
    assert all(len(found) <= 2 for found in addresses.values())


def test_no_mailbox_belongs_to_two_people() -> None:
    holders: dict[str, set[str]] = defaultdict(set)
    for person, _, address, _ in contact_data():
        if address and address.lower() not in JUNK_EMAILS:
            holders[mailbox(address)].add(person)
    assert [address for address, people in holders.items() if len(people) > 1] == []


def test_hubspot_never_holds_an_address_twice() -> None:
    found = [address for address in company().tables["hubspot.contacts"]["email"].to_pylist() if address]
    assert len(found) == len(set(found))


def test_junk_stands_exactly_with_those_who_are_said_to_have_it() -> None:
    found = {
        person
        for person, _, address, phones in contact_data()
        if (address or "").lower() in JUNK_EMAILS or JUNK_PHONES.intersection(phones)
    }
    assert found == flagged("has_junk_identifier")


def test_a_nickname_is_used_exactly_by_those_who_are_said_to() -> None:
    nicks = {(formal.lower(), nick.lower()) for formal, nick in zip(FIRST, FIRST_NICK, strict=True) if nick}
    names: dict[str, set[str]] = defaultdict(set)
    for person, first, _, _ in contact_data():
        names[person].add((first or "").lower())
    found = {person for person, used in names.items() if any((a, b) in nicks for a in used for b in used)}
    assert found == flagged("uses_nickname")


def test_phones_are_shared_exactly_by_those_who_are_said_to() -> None:
    holders: dict[str, set[str]] = defaultdict(set)
    for person, _, _, phones in contact_data():
        for phone in set(phones) - JUNK_PHONES:
            # The last nine digits are the same in every way to write a number.
            holders[re.sub(r"\D", "", phone)[-9:]].add(person)
    sharers = {person for people in holders.values() if len(people) > 1 for person in people}
    assert sharers == flagged("shares_phone")


def test_half_of_shared_phones_are_in_households_and_half_in_offices() -> None:
    offices = company()._world.people
    sharing = offices["shares_phone"]
    assert offices["office_phone"][sharing].mean() == pytest.approx(0.5, abs=0.05)
    homes = offices.rows(sharing & ~offices["office_phone"])
    last_of = dict(zip(homes["number"].tolist(), homes["last"].tolist(), strict=True))
    assert all(
        last_of[line] == last_of[number] for number, line in zip(homes["number"], homes["phone_of"], strict=True)
    )


def test_second_contacts_are_held_exactly_by_those_who_are_said_to() -> None:
    person = owners()
    salesforce: dict[str, int] = defaultdict(int)
    hubspot: dict[str, int] = defaultdict(int)
    for row in rows("salesforce.Contact"):
        salesforce[person[f"salesforce:contact:{row['Id']}"]] += 1
    for row in rows("salesforce.Lead"):
        salesforce[person[f"salesforce:lead:{row['Id']}"]] += not row["IsConverted"]
    for row in rows("hubspot.contacts"):
        hubspot[person[f"hubspot:contact:{row['id']}"]] += 1
    found = {name for held in (salesforce, hubspot) for name, count in held.items() if count > 1}
    assert found == flagged("has_second_contact")


def test_devices_and_anonymous_browsing_are_as_said() -> None:
    person = owners()
    user_of = {row["user_id"]: person[f"segment:user:{row['user_id']}"] for row in rows("segment.profiles")}
    first_identify: dict[str, str] = {}
    first_anonymous: dict[str, str] = {}
    users_on: dict[str, set[str]] = defaultdict(set)
    for call in calls():
        if call["type"] == "identify":
            who = user_of[call["userId"]]
            first_identify[who] = min(first_identify.get(who, "9"), call["timestamp"])
            if call["anonymousId"]:
                users_on[call["anonymousId"]].add(who)
        if call["userId"] is None:
            who = person[f"segment:anonymous:{call['anonymousId']}"]
            first_anonymous[who] = min(first_anonymous.get(who, "9"), call["timestamp"])
    early = {who for who, when in first_anonymous.items() if when < first_identify.get(who, "0")}
    assert early == flagged("browses_anonymously_first")
    assert {who for users in users_on.values() if len(users) > 1 for who in users} == flagged("shares_device")
    assert max(len(users) for users in users_on.values()) == 2


def test_some_browse_on_two_devices_before_they_sign_up() -> None:
    person = owners()
    devices: dict[str, set[str]] = defaultdict(set)
    for call in calls():
        if call["userId"] is None:
            devices[person[f"segment:anonymous:{call['anonymousId']}"]].add(call["anonymousId"])
    early = flagged("browses_anonymously_first")
    two = sum(len(devices[who]) > 1 for who in early)
    assert 0.1 < two / len(early) < 0.5


def test_orders_add_up_to_the_cent() -> None:
    orders = [call for call in calls() if call.get("event") == "Order Completed"]
    raw = company().tables["segment.events"]["payload"].to_pylist()
    assert len(orders) > 300
    for payload in raw:
        if '"Order Completed"' not in payload:
            continue
        order = json.loads(payload, parse_float=Decimal)["properties"]
        goods = sum(line["price"] * line["quantity"] for line in order["products"])
        assert order["revenue"] == goods - order["discount"]
        assert order["total"] == order["revenue"] + order["shipping"]
        assert order["total"].as_tuple().exponent == -2
    ids = {call["messageId"]: call["properties"]["order_id"] for call in orders}
    assert len(set(ids.values())) == len(ids)


def test_calls_look_like_segments() -> None:
    kinds = {(call["type"], call.get("event")) for call in calls()}
    assert {("page", None), ("identify", None), ("track", "Order Completed"), ("track", "Signed Up")} <= kinds
    pages = [call for call in calls() if call["type"] == "page"]
    assert any("campaign" in call["context"] for call in pages)
    assert all(call["properties"] == call["context"]["page"] for call in pages)
    consents = [call["context"]["consent"]["categoryPreferences"] for call in pages if "consent" in call["context"]]
    assert {True, False} == {consent["marketing"] for consent in consents}
    assert 0.2 < len(consents) / len(pages) < 0.95
    assert any(call["anonymousId"] is None for call in calls()), "some calls come from a server"
    for call in calls():
        assert call["originalTimestamp"] <= call["sentAt"] <= call["receivedAt"]


def test_opportunities_agree_with_their_history_and_money_with_probability() -> None:
    latest: dict[str, dict[str, Any]] = {}
    for row in rows("salesforce.OpportunityHistory", day=4):
        if row["OpportunityId"] not in latest or row["CreatedDate"] >= latest[row["OpportunityId"]]["CreatedDate"]:
            latest[row["OpportunityId"]] = row
    opportunities = rows("salesforce.Opportunity", day=4)
    assert {row["Id"] for row in opportunities} == set(latest)
    for row in opportunities:
        last = latest[row["Id"]]
        for field in ("StageName", "Amount", "Probability", "ExpectedRevenue", "CloseDate"):
            assert row[field] == last[field], field
        assert row["LastModifiedDate"] >= last["CreatedDate"]
        if row["Amount"] is not None:
            assert abs(row["Amount"] * row["Probability"] / 100 - row["ExpectedRevenue"]) <= Decimal("0.005")
        assert row["IsWon"] == (row["StageName"] == "Closed Won")
        assert row["IsClosed"] == row["StageName"].startswith("Closed")
    stages = {row["StageName"] for row in opportunities}
    assert len(stages) == 6


@pytest.mark.parametrize("day", [1, 2, 13])
def test_references_lead_somewhere(day: int) -> None:
    tables = company(600, day=day).tables
    ids = {name: set(tables[f"salesforce.{name}"]["Id"].to_pylist()) for name in SALESFORCE}
    for name, described in SALESFORCE.items():
        for field in described.on(day):
            if field.reference_to:
                found = {value for value in tables[f"salesforce.{name}"][field.name].to_pylist() if value}
                # Nothing was merged before the first day.
                assert found or (field.name == "MasterRecordId" and day == 1), f"{name}.{field.name} is always null"
                assert found <= set().union(*(ids[target] for target in field.reference_to)), f"{name}.{field.name}"


def test_activities_are_about_contacts_and_leads_accounts_and_opportunities() -> None:
    for kind in ("Task", "Event"):
        table = company().tables[f"salesforce.{kind}"]
        assert {id_[:3] for id_ in table["WhoId"].to_pylist()} == {"003", "00Q"}
        assert {(id_ or "")[:3] for id_ in table["WhatId"].to_pylist()} == {"001", "006", ""}


@pytest.mark.parametrize("day", [1, 2, 13])
def test_hubspot_hangs_together(day: int) -> None:
    tables = company(600, day=day).tables

    def column(table: str, name: str) -> list[Any]:
        return [value for value in tables[f"hubspot.{table}"][name].to_pylist() if value is not None]

    living = {
        kind: {row["id"] for row in tables[f"hubspot.{kind}"].to_pylist() if not row["archived"]}
        for kind in ("contacts", "companies", "deals")
    }
    ties = tables["hubspot.associations"].to_pylist()
    keys = [
        (row["from_object_type"], row["from_id"], row["to_object_type"], row["to_id"], row["type_id"]) for row in ties
    ]
    assert len(keys) == len(set(keys))
    for row in ties:
        assert row["from_id"] in living[row["from_object_type"]]
        assert row["to_id"] in living[row["to_object_type"]]
    primary = {row["from_id"]: row["to_id"] for row in ties if row["type_id"] == 1}
    for row in tables["hubspot.contacts"].to_pylist():
        if not row["archived"]:
            assert row["associatedcompanyid"] == primary.get(row["id"])
            assert (row["num_associated_deals"] or 0) == sum(k[3] == row["id"] and k[4] == 3 for k in keys)
    stages = {(row["pipeline_id"], row["id"]): row for row in tables["hubspot.pipeline_stages"].to_pylist()}
    for row in tables["hubspot.deals"].to_pylist():
        stage = stages[row["pipeline"], row["dealstage"]]
        assert row["hs_deal_stage_probability"] == stage["probability"]
        assert row["hs_is_closed"] == stage["is_closed"]
        assert row["hs_is_closed_won"] == (stage["is_closed"] and stage["probability"] == 1.0)
    assert set(column("contacts", "hubspot_owner_id")) <= set(column("owners", "id"))
    assert set(column("contacts", "salesforcecontactid")) <= {
        id_ for id_ in company(600, day=day).tables["truth.records"]["record_id"].to_pylist() if id_.startswith("003")
    }
    assert set(column("contacts", "web_user_id")) <= set(tables["segment.profiles"]["user_id"].to_pylist())
    assert len(set(column("contacts", "id"))) == len(column("contacts", "id"))


@pytest.mark.parametrize("day", [1, 2, 13])
def test_nothing_is_stamped_after_the_clock_and_stamps_are_in_order(day: int) -> None:
    tables = company(600, day=day).tables
    clock = company(600, day=day).clock.replace(tzinfo=None)
    for name in SALESFORCE:
        table = tables[f"salesforce.{name}"]
        for row in table.select([c for c in table.column_names if c.endswith(("Date", "stamp"))]).to_pylist():
            assert (
                row["CreatedDate"] <= row.get("LastModifiedDate", row["CreatedDate"]) <= row["SystemModstamp"] <= clock
            )
    for kind in ("contacts", "companies", "deals"):
        for row in tables[f"hubspot.{kind}"].to_pylist():
            assert row["created_at"] <= row["updated_at"] <= clock
            assert row["archived"] == (row["archived_at"] is not None)
    assert max(tables["segment.events"]["received_at"].to_pylist()) <= clock


def test_every_record_of_a_person_is_in_the_truth_once() -> None:
    tables = company(600, day=13).tables
    records = tables["truth.records"].to_pylist()
    keys = [row["record_key"] for row in records]
    assert len(keys) == len(set(keys))
    assert all(row["record_key"] == f"{row['system']}:{row['object']}:{row['record_id']}" for row in records)
    assert {row["person_id"] for row in records} <= set(tables["truth.people"]["person_id"].to_pylist())
    expected = {f"salesforce:contact:{id_}" for id_ in tables["salesforce.Contact"]["Id"].to_pylist()}
    expected |= {f"salesforce:lead:{id_}" for id_ in tables["salesforce.Lead"]["Id"].to_pylist()}
    expected |= {f"hubspot:contact:{id_}" for id_ in tables["hubspot.contacts"]["id"].to_pylist()}
    expected |= {f"segment:user:{id_}" for id_ in tables["segment.profiles"]["user_id"].to_pylist()}
    for payload in tables["segment.events"]["payload"].to_pylist():
        call = json.loads(payload)
        if call["anonymousId"]:
            expected.add(f"segment:anonymous:{call['anonymousId']}")
        if call["userId"]:
            assert f"segment:user:{call['userId']}" in expected
    assert expected <= set(keys)


def test_everybody_has_a_record() -> None:
    for people in (50, 2_000):
        tables = company(people).tables
        assert set(tables["truth.records"]["person_id"].to_pylist()) == set(
            tables["truth.people"]["person_id"].to_pylist()
        )


def test_seeds_make_different_companies() -> None:
    one, other = company(200).tables, company(200, seed=2).tables
    assert not one["salesforce.Contact"].equals(other["salesforce.Contact"])
    assert not one["segment.events"].equals(other["segment.events"])
