"""The company as days go by: what changes, how it shows, and what it hides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from sandbox.company import Company
from sandbox.company.hubspot_history import KEPT
from sandbox.company.schema import SALESFORCE, TABLES

DAYS = 13
Rows = dict[str, dict[str, Any]]


@cache
def history(people: int = 1_000, seed: int = 1) -> list[Mapping[str, pa.Table]]:
    """The tables of days 1 to ``DAYS``; index 0 is day 1."""
    company = Company(seed, people)
    found = [company.tables]
    for _ in range(DAYS - 1):
        company.advance()
        found.append(company.tables)
    return found


def clock(day: int) -> datetime:
    return datetime(2026, 1, 5, 6) + timedelta(days=day - 1)


@cache
def keyed(table: str, day: int, key: str = "Id") -> Rows:
    return {row[key]: row for row in history()[day - 1][table].to_pylist()}


def pairs(table: str, key: str = "Id") -> list[tuple[int, Rows, Rows]]:
    """Each day from the second: its number, the rows of the day before, its rows."""
    return [(day, keyed(table, day - 1, key), keyed(table, day, key)) for day in range(2, DAYS + 1)]


def test_the_same_company_on_the_same_day_is_equal_however_one_got_there() -> None:
    walked = Company(7, 300)
    for _ in range(4):
        walked.advance()
    looked_often = Company(7, 300, day=2)
    assert looked_often.tables
    for _ in range(3):
        looked_often.advance()
        assert looked_often.tables
    direct = Company(7, 300, day=5)
    assert walked.day == direct.day == 5
    assert walked.clock == direct.clock
    assert walked.clock.isoformat() == "2026-01-09T06:00:00+00:00"
    for name in TABLES:
        assert walked.tables[name].equals(direct.tables[name]), name
        assert looked_often.tables[name].equals(direct.tables[name]), name


def test_tables_that_were_handed_out_do_not_change_any_more() -> None:
    company = Company(5, 200)
    before = company.tables
    copies = {name: table.to_pylist() for name, table in before.items()}
    company.advance()
    company.advance()
    assert company.tables["truth.people"].num_rows > before["truth.people"].num_rows
    for name, rows in copies.items():
        assert before[name].to_pylist() == rows, name


def test_thirty_days_can_be_lived_by_companies_of_any_size() -> None:
    for people in (20, 400):
        company = Company(2, people, day=31)
        assert company.clock.replace(tzinfo=None) == clock(31)
        for table in company.tables.values():
            assert table.num_rows > 0


@pytest.mark.parametrize("name", list(SALESFORCE))
def test_every_salesforce_object_has_a_late_commit_every_day(name: str) -> None:
    for day, before, after in pairs(f"salesforce.{name}"):
        late = [row for id_, row in after.items() if id_ not in before and row["SystemModstamp"] <= clock(day - 1)]
        assert late, day
        for row in late:
            assert clock(day - 1) - timedelta(minutes=10) <= row["SystemModstamp"] < clock(day - 1)


@pytest.mark.parametrize("name", ["contacts", "companies", "deals"])
def test_every_hubspot_object_has_a_late_commit_every_day(name: str) -> None:
    for day, before, after in pairs(f"hubspot.{name}", "id"):
        late = [row for id_, row in after.items() if id_ not in before and row["updated_at"] <= clock(day - 1)]
        assert late, day
        for row in late:
            assert clock(day - 1) - timedelta(minutes=10) <= row["updated_at"] < clock(day - 1)


# Columns that may change while no stamp moves; everything else must be stamped.
UNSTAMPED = {
    "Account": {"Region__c"},
    "Contact": {"AccountId", "Segment_Tier__c"},
    "Lead": set(),
    "Opportunity": {"AccountId", "ContactId"},
    "OpportunityHistory": set(),
    "Campaign": set(),
    "CampaignMember": {"LeadId", "ContactId"},
    "User": set(),
    "Task": {"WhoId", "WhatId", "AccountId"},
    "Event": {"WhoId", "WhatId", "AccountId"},
}


@pytest.mark.parametrize("name", list(SALESFORCE))
def test_whatever_changes_is_stamped_but_for_what_salesforce_does_not_stamp(name: str) -> None:
    edited = 0
    for day, before, after in pairs(f"salesforce.{name}"):
        for id_, row in after.items():
            old = before.get(id_)
            if old is None or old == row:
                continue
            changed = {column for column in row if row[column] != old.get(column)}
            if changed <= UNSTAMPED[name]:
                continue
            edited += 1
            assert row["SystemModstamp"] > old["SystemModstamp"], (day, id_, changed)
            # An edit within a transaction that committed late is stamped just before yesterday's clock.
            assert clock(day - 1) - timedelta(minutes=10) <= row["SystemModstamp"] <= clock(day)
            assert row["CreatedDate"] == old["CreatedDate"]
    assert edited > 0


def test_some_changes_move_only_the_system_stamp() -> None:
    found = 0
    for _, before, after in pairs("salesforce.Contact"):
        for id_, row in after.items():
            old = before.get(id_)
            if old and row["SystemModstamp"] > old["SystemModstamp"]:
                found += row["LastModifiedDate"] == old["LastModifiedDate"]
    assert found > 0


@pytest.mark.parametrize("name", ["Contact", "Lead", "Account", "Opportunity", "Task", "Event"])
def test_soft_deleted_rows_stay_and_say_so(name: str) -> None:
    deleted = 0
    for day, before, after in pairs(f"salesforce.{name}"):
        gone = [id_ for id_ in before if id_ not in after]
        if name == "Task":
            continue
        assert gone == []
        for id_, row in after.items():
            if row["IsDeleted"] and id_ in before and not before[id_]["IsDeleted"]:
                deleted += 1
                assert row["SystemModstamp"] > clock(day - 1)
    assert deleted > 0 or name == "Task"


@pytest.mark.parametrize("name", ["Task", "CampaignMember"])
def test_some_rows_vanish_without_a_trace(name: str) -> None:
    alive, binned = 0, 0
    for _, before, after in pairs(f"salesforce.{name}"):
        gone = [row for id_, row in before.items() if id_ not in after]
        alive += sum(not row["IsDeleted"] for row in gone)
        binned += sum(row["IsDeleted"] for row in gone)
    assert alive > DAYS / 2
    assert (binned > 0) == (name == "Task")


def test_deleted_records_come_back_from_the_third_day() -> None:
    back = Counter[int]()
    for day, before, after in pairs("salesforce.Contact"):
        for id_, row in after.items():
            if id_ in before and before[id_]["IsDeleted"] and not row["IsDeleted"]:
                back[day] += 1
                assert row["SystemModstamp"] > clock(day - 1)
    assert back[2] == 0
    assert back[3] == 1
    assert sum(back.values()) > DAYS / 2


CHILDREN = {
    "Account": (("Contact", "AccountId"), ("Opportunity", "AccountId"), ("Task", "WhatId"), ("Event", "AccountId")),
    "Contact": (("Opportunity", "ContactId"), ("CampaignMember", "ContactId"), ("Task", "WhoId"), ("Event", "WhoId")),
    "Lead": (("CampaignMember", "LeadId"), ("Task", "WhoId"), ("Event", "WhoId")),
}


@pytest.mark.parametrize("name", list(CHILDREN))
def test_merges_name_the_winner_and_move_the_children_without_a_stamp(name: str) -> None:
    merged, moved = 0, 0
    person = {row["record_key"]: row["person_id"] for row in history()[-1]["truth.records"].to_pylist()}
    for day, before, after in pairs(f"salesforce.{name}"):
        for id_, row in after.items():
            if not row["MasterRecordId"] or before[id_]["MasterRecordId"]:
                continue
            merged += 1
            winner = after[row["MasterRecordId"]]
            assert row["IsDeleted"]
            assert row["SystemModstamp"] == winner["SystemModstamp"] > clock(day - 1)
            if name != "Account":
                key = f"salesforce:{name.lower()}:"
                assert person[key + id_] == person[key + winner["Id"]]
            for child, column in CHILDREN[name]:
                now, then = keyed(f"salesforce.{child}", day), keyed(f"salesforce.{child}", day - 1)
                assert all(other[column] != id_ for other in now.values())
                for child_id, old in then.items():
                    if old[column] == id_ and child_id in now:
                        assert now[child_id][column] == winner["Id"]
                        moved += now[child_id]["SystemModstamp"] == old["SystemModstamp"]
    assert merged > 3
    assert moved > 0


def test_leads_convert_to_contacts_that_carry_on_their_data() -> None:
    converted, sold = 0, 0
    for day, before, after in pairs("salesforce.Lead"):
        contacts, accounts = keyed("salesforce.Contact", day), keyed("salesforce.Account", day)
        for id_, row in after.items():
            if row["IsConverted"] and id_ in before and not before[id_]["IsConverted"]:
                converted += 1
                contact = contacts[row["ConvertedContactId"]]
                assert (contact["Email"], contact["LastName"]) == (row["Email"], row["LastName"])
                assert row["ConvertedAccountId"] == contact["AccountId"]
                assert row["ConvertedAccountId"] in accounts
                assert row["Status"] == "Closed - Converted"
                assert row["ConvertedDate"] == row["SystemModstamp"].date()
                if row["ConvertedOpportunityId"]:
                    sold += 1
                    assert (
                        keyed("salesforce.Opportunity", day)[row["ConvertedOpportunityId"]]["ContactId"]
                        == contact["Id"]
                    )
    assert converted >= DAYS - 1
    assert sold > 0


def test_opportunities_move_on_and_leave_history() -> None:
    moves = 0
    for day, before, after in pairs("salesforce.Opportunity"):
        new = [row for id_, row in keyed("salesforce.OpportunityHistory", day).items()
               if id_ not in keyed("salesforce.OpportunityHistory", day - 1)]  # fmt: skip
        for id_, row in after.items():
            old = before.get(id_)
            if old and (old["StageName"], old["Amount"]) != (row["StageName"], row["Amount"]):
                moves += old["StageName"] != row["StageName"]
                mine = [entry for entry in new if entry["OpportunityId"] == id_]
                assert [(entry["StageName"], entry["Amount"]) for entry in mine] == [(row["StageName"], row["Amount"])]
    assert moves >= DAYS - 1


def test_a_formula_change_reaches_old_rows_and_moves_no_stamp() -> None:
    changed: Counter[int] = Counter()
    for day, before, after in pairs("salesforce.Account"):
        for id_, row in after.items():
            if id_ in before and row["Region__c"] != before[id_]["Region__c"]:
                changed[day] += row["SystemModstamp"] <= clock(day - 1) - timedelta(minutes=10)
    assert set(changed) == {3, 11}
    assert changed[3] > 10


def test_the_new_field_is_filled_in_for_some_old_rows_without_a_stamp() -> None:
    before, after = keyed("salesforce.Contact", 1), keyed("salesforce.Contact", 2)
    assert "Segment_Tier__c" not in next(iter(before.values()))
    filled = {id_: row for id_, row in after.items() if row["Segment_Tier__c"]}
    still = [id_ for id_ in filled if id_ in before and before[id_]["SystemModstamp"] == filled[id_]["SystemModstamp"]]
    edited = [id_ for id_ in filled if id_ in before and before[id_]["SystemModstamp"] < filled[id_]["SystemModstamp"]]
    assert len(still) > 10
    assert len(edited) > 3
    assert len(filled) < len(after) / 2


def test_hubspot_merges_make_a_new_record_and_the_old_ids_are_gone() -> None:
    person = {row["record_key"]: row["person_id"] for row in history()[-1]["truth.records"].to_pylist()}
    merged = 0
    for day, before, after in pairs("hubspot.contacts", "id"):
        for id_, row in after.items():
            if id_ in before or not row["hs_merged_object_ids"]:
                continue
            merged += 1
            old = row["hs_merged_object_ids"].split(";")
            assert all(one in before and one not in after for one in old[-2:])
            assert len({person[f"hubspot:contact:{one}"] for one in [id_, *old]}) == 1
            assert row["created_at"] == min(before[one]["created_at"] for one in old[-2:])
            assert row["updated_at"] > clock(day - 1)
            assert not set(old) & {end for tie in ties(day) for end in tie[:2]}
        vanished = {id_ for id_ in before if id_ not in after}
        named = {one for row in after.values() for one in (row["hs_merged_object_ids"] or "").split(";")}
        assert vanished <= named
    assert merged > DAYS / 2


def test_hubspot_archives_and_restores() -> None:
    archived, restored = 0, Counter[int]()
    for day, before, after in pairs("hubspot.contacts", "id"):
        for id_, row in after.items():
            if id_ in before and row["archived"] != before[id_]["archived"]:
                archived += row["archived"]
                restored[day] += not row["archived"]
                assert row["updated_at"] > clock(day - 1)
    assert archived >= DAYS - 2
    assert restored[2] == 0
    assert sum(restored.values()) > DAYS / 2


def untouched(name: str, day: int) -> set[str]:
    before, after = keyed(f"hubspot.{name}", day - 1, "id"), keyed(f"hubspot.{name}", day, "id")
    return {id_ for id_, row in after.items() if id_ in before and row["updated_at"] == before[id_]["updated_at"]}


def ties(day: int) -> set[tuple[str, str, int]]:
    rows = history()[day - 1]["hubspot.associations"].to_pylist()
    return {(row["from_id"], row["to_id"], row["type_id"]) for row in rows}


def test_associations_change_while_no_stamp_moves() -> None:
    came, went, recounted = 0, 0, 0
    for day, before, after in pairs("hubspot.contacts", "id"):
        calm = untouched("contacts", day) | untouched("deals", day) | untouched("companies", day)
        then, now = ties(day - 1), ties(day)
        came += sum(one in calm and other in calm for one, other, _ in now - then)
        went += sum(one in calm and other in calm for one, other, _ in then - now)
        mine = calm & set(after)
        recounted += sum(after[id_]["num_associated_deals"] != before[id_]["num_associated_deals"] for id_ in mine)
    assert came >= DAYS / 2
    assert went >= DAYS / 2
    assert recounted >= DAYS / 2


def test_hubspot_stamps_whatever_changes_but_for_calculated_properties() -> None:
    for name, free in (("contacts", {"num_associated_deals"}), ("companies", set()), ("deals", set())):
        edited = 0
        for _, before, after in pairs(f"hubspot.{name}", "id"):
            for id_, row in after.items():
                old = before.get(id_)
                changed = {column for column in row if old and row[column] != old[column]} - free
                if old and changed:
                    edited += 1
                    assert row["updated_at"] > old["updated_at"], changed
        assert edited > DAYS / 2


@pytest.mark.parametrize("name", ["contacts", "companies", "deals"])
def test_hubspot_remembers_what_properties_were(name: str) -> None:
    changed = merged = 0
    for day, before, after in pairs(f"hubspot.{name}", "id"):
        old, new = (history()[at - 1][f"hubspot.{name}_history"].to_pylist() for at in (day - 1, day))
        assert new[: len(old)] == old, "what is past does not change"
        for entry in new[len(old) :]:
            row, earlier = after[entry["id"]], before.get(entry["id"])
            merged += entry["source_type"] == "MERGE_OBJECTS"
            if earlier is not None:
                changed += 1
                assert row[entry["property"]] != earlier[entry["property"]]
                assert entry["changed_at"] == row["updated_at"] > clock(day - 1)
        last = {(entry["id"], entry["property"]): entry["value"] for entry in new}
        for id_, row in after.items():
            for property_ in KEPT[name]:
                value = row[property_]
                shown = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
                assert last.get((id_, property_), "") == ("" if value is None else shown)
        keys = [(entry["id"], entry["property"], entry["changed_at"], entry["source_type"]) for entry in new]
        assert len(keys) == len(set(keys))
        assert all(entry["changed_at"] <= clock(day) for entry in new)
    assert changed > 3
    assert merged > 0 or name != "contacts"


def new_calls(day: int) -> list[dict[str, Any]]:
    table = history()[day - 1]["segment.events"]
    old = history()[day - 2]["segment.events"].num_rows
    return [json.loads(payload) for payload in table["payload"].slice(old).to_pylist()]


def test_the_archive_only_grows() -> None:
    for day in range(2, DAYS + 1):
        old, new = history()[day - 2]["segment.events"], history()[day - 1]["segment.events"]
        assert new.slice(0, old.num_rows).equals(old)
        received = new["received_at"].slice(old.num_rows).to_pylist()
        assert received
        assert all(clock(day - 1) < moment <= clock(day) for moment in received)


def test_received_at_is_what_the_payload_says() -> None:
    table = history()[DAYS - 1]["segment.events"]
    for moment, payload in zip(table["received_at"].to_pylist(), table["payload"].to_pylist(), strict=True):
        assert json.loads(payload)["receivedAt"] == moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_some_events_arrive_four_days_late() -> None:
    for day in range(2, DAYS + 1):
        late = 0
        for call in new_calls(day):
            waited = datetime.fromisoformat(call["receivedAt"]) - datetime.fromisoformat(call["timestamp"])
            late += timedelta(days=4) <= waited < timedelta(days=5)
        assert late, day


def test_some_messages_are_delivered_twice_even_on_a_later_day() -> None:
    day_one = [json.loads(p)["messageId"] for p in history()[0]["segment.events"]["payload"].to_pylist()]
    assert len(day_one) > len(set(day_one))
    seen: dict[str, int] = dict.fromkeys(day_one, 1)
    apart = Counter[int]()
    for day in range(2, DAYS + 1):
        for call in new_calls(day):
            first = seen.setdefault(call["messageId"], day)
            apart[day - first] += 1
    assert sum(count for days, count in apart.items() if days >= 1) >= DAYS / 2
    calls: dict[str, dict[str, Any]] = {}
    for payload in history()[-1]["segment.events"]["payload"].to_pylist():
        call = json.loads(payload)
        first_call = calls.setdefault(call["messageId"], call)
        assert {**call, "receivedAt": None} == {**first_call, "receivedAt": None}


def test_visitors_of_earlier_days_sign_up_and_their_history_is_theirs() -> None:
    linked = 0
    for day in range(2, DAYS + 1):
        old = {json.loads(p)["anonymousId"] for p in history()[day - 2]["segment.events"]["payload"].to_pylist()}
        known = set(keyed("segment.profiles", day - 1, "user_id"))
        flags = keyed("truth.people", day, "person_id")
        person = {row["record_key"]: row["person_id"] for row in history()[day - 1]["truth.records"].to_pylist()}
        for call in new_calls(day):
            if call["type"] == "identify" and call["anonymousId"] in old - {None} and call["userId"] not in known:
                linked += 1
                who = person[f"segment:user:{call['userId']}"]
                assert who == person[f"segment:anonymous:{call['anonymousId']}"]
                assert flags[who]["browses_anonymously_first"]
    assert linked >= DAYS - 1


def test_profiles_change_and_an_identify_call_says_so() -> None:
    changed = 0
    for day, before, after in pairs("segment.profiles", "user_id"):
        said = {call["userId"]: call["traits"] for call in new_calls(day) if call["type"] == "identify"}
        for user, row in after.items():
            if user in before and row["traits"] != before[user]["traits"]:
                changed += 1
                assert said[user] == json.loads(row["traits"])
    assert changed >= DAYS - 1


def test_the_truth_remembers_what_is_gone_and_never_changes_its_mind() -> None:
    before: dict[str, str] = {}
    for tables in history():
        now = {row["record_key"]: row["person_id"] for row in tables["truth.records"].to_pylist()}
        assert before.items() <= now.items()
        before = now


def test_people_keep_their_noise_and_gain_it_only_by_signing_up() -> None:
    for _, before, after in pairs("truth.people", "person_id"):
        for person, old in before.items():
            changed = {name for name, value in after[person].items() if value != old[name]}
            assert changed <= {"browses_anonymously_first"}
            assert after[person]["browses_anonymously_first"] >= old["browses_anonymously_first"]


def test_new_people_come_every_day_with_records_in_every_system() -> None:
    for day, before, after in pairs("truth.people", "person_id"):
        new = set(after) - set(before)
        assert len(new) >= 6
        objects = {
            (row["system"], row["object"])
            for row in history()[day - 1]["truth.records"].to_pylist()
            if row["person_id"] in new
        }
        assert {
            ("salesforce", "contact"),
            ("salesforce", "lead"),
            ("hubspot", "contact"),
            ("segment", "user"),
        } <= objects
