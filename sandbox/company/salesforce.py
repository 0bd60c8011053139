"""The company's Salesforce: rows as they come into being. What happens to them later is in ``salesforce_days``."""

from __future__ import annotations

from typing import Final

import numpy as np

from sandbox.company.columns import DAY_SECONDS, NONE, Column, Frame, Ints, Texts, chance, nothing, together, where
from sandbox.company.people import CONTACT, CONVERTED, LEAD, SF, SF2, first_names, last_names
from sandbox.company.words import FIRST, FIRST_FOLDED, FIRST_OF, LAST, LAST_FOLDED, LAST_OF, LEAD_SOURCES
from sandbox.company.world import World, no_numbers
from sandbox.company.writing import (
    LOOSE,
    cased,
    country_names,
    firm_phones,
    pick,
    some,
    written_emails,
    written_mobiles,
    written_phones,
)

OWN_DOMAIN: Final = "tidewater-coffee.example"

# Stage, probability, forecast category of the opportunity, and the same as history spells it.
STAGES: Final = np.array(
    [
        ("Prospecting", 10, "Pipeline", "Pipeline"),
        ("Qualification", 25, "Pipeline", "Pipeline"),
        ("Proposal/Price Quote", 50, "Best Case", "BestCase"),
        ("Negotiation/Review", 75, "Commit", "Forecast"),
        ("Closed Won", 100, "Closed", "Closed"),
        ("Closed Lost", 0, "Omitted", "Omitted"),
    ],
    dtype=object,
)
PROBABILITY: Final = STAGES[:, 1].astype(np.int64)
WON, LOST = 4, 5

# The formula of Account.Region__c by country; administrators rewrite it, and every account changes without a stamp.
REGIONS: Final = (
    ("AMER", "EMEA", "EMEA", "EMEA"),
    ("AMER", "UKI", "EMEA", "EMEA"),
    ("AMER", "UKI", "DACH", "EMEA"),
    ("AMER", "UKI", "DACH", "Southern Europe"),
)
REGION_DAYS: Final = (1, 3, 11, 19)


def regions(country: Ints, day: int) -> Texts:
    """Region__c as the formula of the day gives it."""
    version = sum(day >= since for since in REGION_DAYS) - 1
    found: Texts = np.array(REGIONS[version], dtype=object)[country]
    return found


def stamps(rng: np.random.Generator, world: World, created: Ints) -> dict[str, Ints]:
    """CreatedDate, LastModifiedDate and SystemModstamp of new rows, in this order of time.

    Some were touched by an automated process after their last edit, and loads leave many on one second.
    """
    count = len(created)
    if world.day > 1:
        return {"CreatedDate": created, "LastModifiedDate": created.copy(), "SystemModstamp": created.copy()}
    room = world.closes - created
    modified = created + np.where(chance(rng, count, 0.6), np.floor(rng.random(count) * room).astype(np.int64), 0)
    left = world.closes - modified
    stamp = modified + np.where(chance(rng, count, 0.15), np.floor(rng.random(count) * left).astype(np.int64), 0)
    loads = world.closes - np.array([400, 97, 31]) * DAY_SECONDS + 13
    load = loads[rng.integers(0, len(loads), count)]
    stamp = np.where(chance(rng, count, 0.15) & (stamp < load), load, stamp)
    return {"CreatedDate": created, "LastModifiedDate": modified, "SystemModstamp": stamp}


def owners(rng: np.random.Generator, world: World, count: int) -> Texts:
    """Active users at random."""
    users = world.frames["salesforce.User"]
    return pick(rng, users["Id"][users["IsActive"]], count)


def add_users(world: World, count: int) -> None:
    """Employees of the company, who own its records."""
    rng = world.stream("salesforce.User")
    first = FIRST_OF[0][rng.integers(0, len(FIRST_OF[0]), count)]
    last = LAST_OF[0][rng.integers(0, len(LAST_OF[0]), count)]
    number = world.count("employee", count)
    address = FIRST_FOLDED[first] + "." + LAST_FOLDED[last] + number.astype("U").astype(object) + f"@{OWN_DOMAIN}"
    created = world.in_span(rng, 0, count) if world.day > 1 else np.full(count, world.opens + 60, dtype=np.int64)
    world.add(
        "salesforce.User",
        Frame(
            {
                "Id": world.salesforce_ids("User", count),
                "Username": address,
                "FirstName": FIRST[first],
                "LastName": LAST[last],
                "Name": FIRST[first] + " " + LAST[last],
                "Email": address.copy(),
                "IsActive": ~chance(rng, count, 0.1) | (np.arange(count) == 0),
                **stamps(rng, world, created),
                "_number": number,
            }
        ),
    )


def add_accounts(world: World, firm: Ints, created: Ints, *, twin: bool = False) -> Texts:
    """An account for each firm; a twin is the same firm entered again by somebody who did not look. Returns the ids."""
    rng = world.stream(f"salesforce.Account.{twin}")
    count, firms = len(firm), world.firms
    ids = world.salesforce_ids("Account", count)
    website = together("https://www.", firms["domain"][firm])
    name = together(firms["name"][firm], " ", firms["suffix"][firm])
    if twin:
        name = cased(rng, firms["name"][firm], upper=0.4)
    world.add(
        "salesforce.Account",
        Frame(
            {
                "Id": ids,
                "IsDeleted": np.zeros(count, dtype=bool),
                "MasterRecordId": nothing(count),
                "Name": name,
                "Type": some(rng, pick(rng, ("Customer", "Prospect", "Prospect", "Partner"), count), 0.9),
                "Industry": some(rng, firms["industry"][firm], 0.85),
                "NumberOfEmployees": np.where(chance(rng, count, 0.8), firms["employees"][firm], NONE),
                "AnnualRevenue": np.where(chance(rng, count, 0.6), firms["revenue"][firm], NONE),
                "Website": some(rng, website, 0.85),
                "Phone": some(rng, firm_phones(rng, firms, firm, LOOSE), 0.8),
                "BillingStreet": firms["street"][firm],
                "BillingCity": firms["city"][firm],
                "BillingPostalCode": firms["postal"][firm],
                "BillingCountry": country_names(rng, firms["country"][firm]),
                "Region__c": regions(firms["country"][firm], world.day),
                "OwnerId": owners(rng, world, count),
                **stamps(rng, world, created),
                "_firm": firm,
            }
        ),
    )
    return ids


def accounts_of(world: World, firm: Ints) -> Texts:
    """The living account of each firm, the older one where there are twins; null where there is none."""
    accounts = world.frames["salesforce.Account"]
    found = nothing(len(world.firms))
    alive = np.flatnonzero(~accounts["IsDeleted"])[::-1]
    found[accounts["_firm"][alive]] = accounts["Id"][alive]
    return where(firm >= 0, found[np.maximum(firm, 0)], None)


def contact_rows(world: World, which: Ints, slot: int, created: Ints) -> Frame:
    """Contacts of people (indices), from one of their slots."""
    rng = world.stream(f"salesforce.Contact.{slot}")
    people, count = world.people, len(which)
    first = cased(rng, first_names(people, which, slot))
    last = cased(rng, last_names(people, which))
    address = chance(rng, count, 0.75)
    has_user = people["slots"][which, 0]
    return Frame(
        {
            "Id": world.salesforce_ids("Contact", count),
            "IsDeleted": np.zeros(count, dtype=bool),
            "MasterRecordId": nothing(count),
            "AccountId": accounts_of(world, people["firm"][which]),
            "FirstName": first,
            "LastName": last,
            "Name": first + " " + last,
            "Email": written_emails(rng, people, which, slot, 0.08),
            "Phone": written_phones(rng, people, world.firms, which, slot, LOOSE),
            "MobilePhone": written_mobiles(rng, people, which, slot, 0.4, LOOSE),
            "Title": some(rng, people["title"][which], 0.8),
            "Birthdate": np.where(chance(rng, count, 0.3), people["birthdate"][which], NONE),
            "MailingStreet": where(address, people["street"][which], None),
            "MailingCity": where(address, people["city"][which], None),
            "MailingPostalCode": where(address, people["postal"][which], None),
            "MailingCountry": some(rng, country_names(rng, people["country"][which]), 0.95),
            "LeadSource": some(rng, pick(rng, LEAD_SOURCES, count), 0.8),
            "HasOptedOutOfEmail": chance(rng, count, 0.08),
            "Web_User_Id__c": where(has_user & chance(rng, count, 0.5), people["user_id"][which], None),
            "OwnerId": owners(rng, world, count),
            **stamps(rng, world, created),
            "Segment_Tier__c": nothing(count),
            "_person": which,
            "_slot": np.full(count, slot, dtype=np.int64),
        }
    )


def lead_rows(world: World, which: Ints, slot: int, created: Ints) -> Frame:
    """Leads of people (indices), from one of their slots, none converted yet."""
    rng = world.stream(f"salesforce.Lead.{slot}")
    people, firms, count = world.people, world.firms, len(which)
    first = cased(rng, first_names(people, which, slot))
    last = cased(rng, last_names(people, which))
    firm = people["firm"][which]
    # Salesforce demands a company of every lead.
    company = where(firm >= 0, firms["name"][np.maximum(firm, 0)], "[not provided]")
    return Frame(
        {
            "Id": world.salesforce_ids("Lead", count),
            "IsDeleted": np.zeros(count, dtype=bool),
            "MasterRecordId": nothing(count),
            "FirstName": first,
            "LastName": last,
            "Name": first + " " + last,
            "Company": cased(rng, company, upper=0.05),
            "Email": written_emails(rng, people, which, slot, 0.08),
            "Phone": written_phones(rng, people, firms, which, slot, LOOSE),
            "MobilePhone": written_mobiles(rng, people, which, slot, 0.25, LOOSE),
            "Title": some(rng, people["title"][which], 0.6),
            "Status": pick(rng, ("Open - Not Contacted", "Working - Contacted", "Closed - Not Converted"), count),
            "LeadSource": some(rng, pick(rng, LEAD_SOURCES, count), 0.95),
            "Street": some(rng, people["street"][which], 0.5),
            "City": some(rng, people["city"][which], 0.7),
            "PostalCode": some(rng, people["postal"][which], 0.5),
            "Country": some(rng, country_names(rng, people["country"][which]), 0.95),
            "IsConverted": np.zeros(count, dtype=bool),
            "ConvertedDate": no_numbers(count),
            "ConvertedAccountId": nothing(count),
            "ConvertedContactId": nothing(count),
            "ConvertedOpportunityId": nothing(count),
            "OwnerId": owners(rng, world, count),
            **stamps(rng, world, created),
            "_person": which,
            "_slot": np.full(count, slot, dtype=np.int64),
        }
    )


def add_people(world: World, cohort: Ints, since: Ints) -> None:
    """Contacts and leads of a cohort (indices into people); ``since`` is when each was first seen anywhere.

    A converted lead is the older of two records of one slot, and says which contact it became.
    """
    rng = world.stream("salesforce.people")
    people = world.people
    for slot, kinds in ((SF, people["sf_kind"]), (SF2, people["sf2_kind"])):
        kind = np.where(people["slots"][cohort, slot], kinds[cohort], 0)
        created = world.in_span(rng, since, len(cohort))
        leads = (kind == LEAD) | (kind == CONVERTED)
        lead = lead_rows(world, cohort[leads], slot, created[leads])
        contacts = (kind == CONTACT) | (kind == CONVERTED)
        born = np.where(kind == CONVERTED, world.in_span(rng, created, len(cohort)), created)
        contact = contact_rows(world, cohort[contacts], slot, born[contacts])
        became = np.flatnonzero(kind[leads] == CONVERTED)
        of = np.searchsorted(np.flatnonzero(contacts), np.flatnonzero(leads)[became])
        converted_at = contact["CreatedDate"][of]
        lead["IsConverted"][became] = True
        lead["Status"][became] = "Closed - Converted"
        lead["ConvertedDate"][became] = converted_at // DAY_SECONDS
        lead["ConvertedContactId"][became] = contact["Id"][of]
        lead["ConvertedAccountId"][became] = contact["AccountId"][of]
        for stamp in ("LastModifiedDate", "SystemModstamp"):
            lead[stamp][became] = np.maximum(lead[stamp][became], converted_at)
        world.add("salesforce.Lead", lead)
        world.add("salesforce.Contact", contact)


def add_campaigns(world: World, count: int) -> None:
    """Campaigns, each open for some weeks."""
    rng = world.stream("salesforce.Campaign")
    created = world.in_span(rng, 0, count)
    number = world.count("campaign", count)
    kind = pick(rng, ("Email", "Webinar", "Trade Show", "Advertisement", "Referral Program"), count)
    start = created // DAY_SECONDS + rng.integers(0, 10, count)
    end = start + rng.integers(14, 60, count)
    over = end * DAY_SECONDS < world.closes
    budget = rng.integers(5, 200, count) * 100_00
    world.add(
        "salesforce.Campaign",
        Frame(
            {
                "Id": world.salesforce_ids("Campaign", count),
                "IsDeleted": np.zeros(count, dtype=bool),
                "Name": kind + " " + number.astype("U").astype(object),
                "Type": kind,
                "Status": where(over, "Completed", "In Progress"),
                "StartDate": start,
                "EndDate": end,
                "IsActive": ~over,
                "BudgetedCost": budget,
                "ActualCost": np.where(over, budget * rng.integers(60, 130, count) // 100, NONE),
                "OwnerId": owners(rng, world, count),
                **stamps(rng, world, created),
            }
        ),
    )


def add_members(world: World, contact: Texts, lead: Texts, born: Ints) -> None:
    """A campaign membership for each (contact or lead); ``born`` is when the person's row came into being."""
    rng = world.stream("salesforce.CampaignMember")
    count = len(born)
    responded = chance(rng, count, 0.35)
    created = world.in_span(rng, born, count)
    stamped = stamps(rng, world, created)
    world.add(
        "salesforce.CampaignMember",
        Frame(
            {
                "Id": world.salesforce_ids("CampaignMember", count),
                "IsDeleted": np.zeros(count, dtype=bool),
                "CampaignId": pick(rng, world.frames["salesforce.Campaign"]["Id"], count),
                "LeadId": lead,
                "ContactId": contact,
                "Status": where(responded, "Responded", "Sent"),
                "HasResponded": responded,
                "FirstRespondedDate": np.where(responded, stamped["LastModifiedDate"] // DAY_SECONDS, NONE),
                **stamped,
            }
        ),
    )


def add_opportunities(
    world: World, account: Texts, contact: Texts, name: Texts, born: Ints, *, fresh: bool, topic: str = ""
) -> Texts:
    """An opportunity for each row, with the history of its stages; fresh ones have just begun. Returns the ids."""
    rng = world.stream(f"salesforce.Opportunity{topic}")
    count = len(born)
    created = world.in_span(rng, born, count)
    # How far each came, and whether it then was lost; winning takes all steps.
    steps = np.zeros(count, dtype=np.int64) if fresh else rng.integers(0, 5, count)
    lost = (steps < 4) & chance(rng, count, 0.0 if fresh else 0.3)
    moves = np.where(lost, steps + 2, steps + 1)
    stage = np.where(lost, LOST, steps)
    amount = np.floor(np.exp(rng.normal(8.5, 1.0, count))).astype(np.int64) * 100 + rng.integers(0, 2, count) * 50
    amount = np.where((stage == 0) & chance(rng, count, 0.15), NONE, amount)
    closes_on = created // DAY_SECONDS + rng.integers(20, 180, count)
    ids = world.salesforce_ids("Opportunity", count)

    row = np.repeat(np.arange(count), moves)
    turn = np.arange(len(row)) - np.repeat(np.cumsum(moves) - moves, moves)
    is_last = turn == moves[row] - 1
    row_stage = np.where(is_last, stage[row], turn)
    # Stage changes in order of time: random moments of the life so far, sorted within each opportunity.
    when = np.where(turn == 0, created[row], world.in_span(rng, created[row], len(row)))
    order = np.lexsort((when, row))
    when = when[order]
    last_move = when[np.cumsum(moves) - 1] if count else created
    closed = stage >= WON
    closes_on = np.where(closed, last_move // DAY_SECONDS, closes_on)
    stamped = stamps(rng, world, created)
    for stamp in ("LastModifiedDate", "SystemModstamp"):
        stamped[stamp] = np.maximum(stamped[stamp], last_move)
    owner = owners(rng, world, count)
    world.add(
        "salesforce.Opportunity",
        Frame(
            {
                "Id": ids,
                "IsDeleted": np.zeros(count, dtype=bool),
                "AccountId": account,
                "ContactId": contact,
                "CampaignId": some(rng, pick(rng, world.frames["salesforce.Campaign"]["Id"], count), 0.3),
                "Name": name,
                **stage_columns(stage, amount),
                "CloseDate": closes_on,
                "Type": some(rng, pick(rng, ("New Business", "Existing Business", "Renewal"), count), 0.9),
                "LeadSource": some(rng, pick(rng, LEAD_SOURCES, count), 0.7),
                "OwnerId": owner,
                **stamped,
                "_stage": stage,
            }
        ),
    )
    first_amount = np.where(amount == NONE, NONE, amount * rng.integers(70, 131, count) // 100)
    row_amount = np.where(is_last, amount[row], first_amount[row])
    earlier = rng.integers(-30, 31, len(row))
    history = history_rows(
        world,
        ids[row],
        row_stage,
        row_amount,
        np.where(is_last, closes_on[row], closes_on[row] + earlier),
        owner[row],
        when,
    )
    world.add("salesforce.OpportunityHistory", history)
    return ids


def stage_columns(stage: Ints, amount: Ints) -> dict[str, Column]:
    """The columns of an opportunity that follow from stage and amount (cents)."""
    return {
        "StageName": STAGES[stage, 0],
        "Amount": amount,
        "Probability": PROBABILITY[stage],
        "ExpectedRevenue": expected(amount, stage),
        "ForecastCategoryName": STAGES[stage, 2],
        "IsClosed": stage >= WON,
        "IsWon": stage == WON,
    }


def expected(amount: Ints, stage: Ints) -> Ints:
    """Amount times probability in cents, half a cent up."""
    return np.where(amount == NONE, NONE, (np.where(amount == NONE, 0, amount) * PROBABILITY[stage] + 50) // 100)


def history_rows(
    world: World, opportunity: Texts, stage: Ints, amount: Ints, close: Ints, by: Texts, when: Ints
) -> Frame:
    """What OpportunityHistory keeps of each change of stage, amount or close date."""
    count = len(when)
    return Frame(
        {
            "Id": world.salesforce_ids("OpportunityHistory", count),
            "IsDeleted": np.zeros(count, dtype=bool),
            "OpportunityId": opportunity,
            "StageName": STAGES[stage, 0],
            "Amount": amount,
            "ExpectedRevenue": expected(amount, stage),
            "Probability": PROBABILITY[stage],
            "ForecastCategory": STAGES[stage, 3],
            "CloseDate": close,
            "CreatedById": by,
            "CreatedDate": when,
            "SystemModstamp": when.copy(),
        }
    )


def add_activities(world: World, who: Texts, account: Texts, what: Texts, born: Ints, kind: str) -> None:
    """A Task or an Event for each row."""
    rng = world.stream(f"salesforce.{kind}")
    count = len(born)
    created = world.in_span(rng, born, count)
    stamped = stamps(rng, world, created)
    columns: dict[str, Column] = {
        "Id": world.salesforce_ids(kind, count),
        "IsDeleted": np.zeros(count, dtype=bool),
        "WhoId": who,
        "WhatId": what,
        "AccountId": account,
        "OwnerId": owners(rng, world, count),
    }
    if kind == "Task":
        done = chance(rng, count, 0.6)
        columns |= {
            "Subject": pick(
                rng, ("Call", "Send quote", "Follow up", 'Ask about "decaf"', "Email: samples, prices"), count
            ),
            "Status": where(done, "Completed", "Not Started"),
            "Priority": pick(rng, ("Normal", "Normal", "High", "Low"), count),
            "TaskSubtype": pick(rng, ("Task", "Call", "Email"), count),
            "ActivityDate": created // DAY_SECONDS + rng.integers(0, 21, count),
            "IsClosed": done,
        }
    else:
        start = created // 3600 * 3600 + rng.integers(1, 400, count) * 3600
        columns |= {
            "Subject": pick(rng, ("Meeting", "Tasting", "Demo", "Contract review"), count),
            "Location": some(rng, pick(rng, ("Video call", "On site", "Showroom,\nfirst floor"), count), 0.8),
            "StartDateTime": start,
            "EndDateTime": start + 1800 * rng.integers(1, 5, count),
        }
    world.add(f"salesforce.{kind}", Frame({**columns, **stamped}))
