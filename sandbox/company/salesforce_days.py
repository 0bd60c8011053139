"""What happens to Salesforce records in the course of a day."""

from __future__ import annotations

from typing import Final

import numpy as np

from sandbox.company import salesforce
from sandbox.company.columns import (
    DAY_SECONDS,
    NONE,
    Bools,
    Frame,
    Ints,
    Texts,
    chance,
    nothing,
    sample,
    together,
    where,
)
from sandbox.company.people import MAIN, OTHER, USER, emails
from sandbox.company.salesforce import LOST, REGION_DAYS, WON, history_rows, regions, stage_columns
from sandbox.company.words import TITLES, texts
from sandbox.company.world import LATE_SECONDS, World
from sandbox.company.writing import LOOSE, country_names, known, pick, written_phones

TIER_DAY: Final = 2
TIERS: Final = ("bronze", "silver", "gold")
UNDELETE_DAY: Final = 3
# Where each object's rows are pointed at from: (table, column). A merge moves these, and no stamp with them.
_POINTERS: Final = {
    "Account": (
        ("Contact", "AccountId"),
        ("Opportunity", "AccountId"),
        ("Task", "AccountId"),
        ("Task", "WhatId"),
        ("Event", "AccountId"),
        ("Event", "WhatId"),
    ),
    "Contact": (("Opportunity", "ContactId"), ("CampaignMember", "ContactId"), ("Task", "WhoId"), ("Event", "WhoId")),
    "Lead": (("CampaignMember", "LeadId"), ("Task", "WhoId"), ("Event", "WhoId")),
}
# What a winner takes over from a loser where it has nothing itself.
_FILLED: Final = {
    "Account": ("Website", "Phone", "Industry"),
    "Contact": ("Email", "Phone", "MobilePhone", "Title", "Web_User_Id__c"),
    "Lead": ("Email", "Phone", "MobilePhone", "Title"),
}


def live(world: World) -> None:
    """Everything but new people: to be called when the day's new people are there."""
    _edit(world)
    _move_opportunities(world)
    _convert(world)
    _merge(world)
    if world.day >= UNDELETE_DAY:
        _undelete(world)
    _delete(world)
    _destroy(world)
    if world.day in REGION_DAYS:
        accounts = world.frames["salesforce.Account"]
        accounts["Region__c"] = regions(world.firms["country"][accounts["_firm"]], world.day)
    _commit_late(world)


def table(world: World, name: str) -> Frame:
    """A Salesforce table's rows."""
    return world.frames[f"salesforce.{name}"]


def old_and_alive(world: World, name: str) -> Bools:
    """Rows that stood there yesterday and are not deleted."""
    frame = table(world, name)
    alive: Bools = frame["CreatedDate"] <= world.opens
    return alive & ~frame["IsDeleted"] if "IsDeleted" in frame.columns else alive


def _when(world: World, rng: np.random.Generator, name: str, which: Ints) -> Ints:
    return world.in_span(rng, table(world, name)["SystemModstamp"][which], len(which))


def _edit(world: World) -> None:
    rng = world.stream("salesforce.edit")
    people, contacts, leads = world.people, table(world, "Contact"), table(world, "Lead")

    which = sample(rng, old_and_alive(world, "Contact"), world.share(0.008))
    person, turn = contacts["_person"][which], rng.integers(0, 5, len(which))
    contacts["Title"][which[turn == 0]] = pick(rng, TITLES, int((turn == 0).sum()))
    contacts["HasOptedOutOfEmail"][which[turn == 1]] ^= True
    country = country_names(rng, people["country"][person])
    contacts["MailingCountry"][which[turn == 2]] = country[turn == 2]
    for slot in np.unique(contacts["_slot"][which]):
        mine = (turn == 3) & (contacts["_slot"][which] == slot)
        contacts["Phone"][which[mine]] = written_phones(rng, people, world.firms, person[mine], int(slot), LOOSE)
        # The other address arrives here; the right one is still what the product has.
        moves = (turn == 4) & (contacts["_slot"][which] == slot) & people["has_typo_or_changed_email"][person]
        moves &= people["changed_email"][person] & (people["state_email"][person, USER] == MAIN)
        moves &= people["state_email"][person, slot] == MAIN
        people["state_email"][person[moves], slot] = OTHER
        contacts["Email"][which[moves]] = emails(people, person[moves], int(slot))
    if world.day >= TIER_DAY:
        contacts["Segment_Tier__c"][which] = pick(rng, TIERS, len(which))
    if world.day == TIER_DAY:
        # Filled in by a script for some old rows, without a trace in their stamps.
        old = sample(rng, old_and_alive(world, "Contact"), world.share(0.05))
        contacts["Segment_Tier__c"][old] = pick(rng, TIERS, len(old))
    world.changed("salesforce.Contact", which, _when(world, rng, "Contact", which))
    touched = sample(rng, old_and_alive(world, "Contact"), world.share(0.002))
    world.changed("salesforce.Contact", touched, _when(world, rng, "Contact", touched), by_user=False)

    which = sample(rng, old_and_alive(world, "Lead") & ~leads["IsConverted"], world.share(0.005))
    leads["Status"][which] = pick(rng, ("Working - Contacted", "Closed - Not Converted"), len(which))
    world.changed("salesforce.Lead", which, _when(world, rng, "Lead", which))

    accounts = table(world, "Account")
    which = sample(rng, old_and_alive(world, "Account"), world.share(0.002))
    accounts["Type"][which] = "Customer"
    staff = accounts["NumberOfEmployees"][which]
    accounts["NumberOfEmployees"][which] = np.where(staff == NONE, NONE, staff + 1)
    world.changed("salesforce.Account", which, _when(world, rng, "Account", which))

    campaigns = table(world, "Campaign")
    which = sample(rng, old_and_alive(world, "Campaign"), 1)
    spent = campaigns["ActualCost"][which]
    campaigns["ActualCost"][which] = np.where(spent == NONE, 0, spent) + 125_50
    world.changed("salesforce.Campaign", which, _when(world, rng, "Campaign", which))

    members = table(world, "CampaignMember")
    which = sample(rng, old_and_alive(world, "CampaignMember") & ~members["HasResponded"], world.share(0.004))
    when = _when(world, rng, "CampaignMember", which)
    members["HasResponded"][which], members["Status"][which] = True, "Responded"
    members["FirstRespondedDate"][which] = when // DAY_SECONDS
    world.changed("salesforce.CampaignMember", which, when)

    tasks = table(world, "Task")
    which = sample(rng, old_and_alive(world, "Task") & ~tasks["IsClosed"], world.share(0.006))
    tasks["IsClosed"][which], tasks["Status"][which] = True, "Completed"
    world.changed("salesforce.Task", which, _when(world, rng, "Task", which))

    events = table(world, "Event")
    which = sample(rng, old_and_alive(world, "Event"), world.share(0.001))
    events["Location"][which] = "Moved: on site"
    world.changed("salesforce.Event", which, _when(world, rng, "Event", which))

    users = table(world, "User")
    leavers = old_and_alive(world, "User") & users["IsActive"]
    if world.day % 4 == 0 and int(leavers.sum()) > 5:
        which = sample(rng, leavers, 1)
        users["IsActive"][which] = False
        world.changed("salesforce.User", which, _when(world, rng, "User", which))


def _move_opportunities(world: World) -> None:
    """Open opportunities go on, some are lost, some change their amount; history has a row of each change."""
    rng = world.stream("salesforce.moves")
    frame = table(world, "Opportunity")
    which = sample(rng, old_and_alive(world, "Opportunity") & ~frame["IsClosed"], world.share(0.005))
    count = len(which)
    stage = frame["_stage"][which]
    moves = chance(rng, count, 0.8)
    moves[:1] = True
    stage = np.where(moves, np.where(chance(rng, count, 0.2), LOST, stage + 1), stage)
    amount = frame["Amount"][which]
    # An opportunity that stays where it is has changed its amount, and one that had none has one by now.
    new = rng.integers(500, 40_000, count) * 100
    amount = np.where(amount == NONE, new, np.where(moves & chance(rng, count, 0.7), amount, amount * 11 // 10 + 1))
    when = _when(world, rng, "Opportunity", which)
    for name, column in stage_columns(stage, amount).items():
        frame[name][which] = column
    frame["_stage"][which] = stage
    close = np.where(stage >= WON, when // DAY_SECONDS, frame["CloseDate"][which])
    frame["CloseDate"][which] = close
    world.changed("salesforce.Opportunity", which, when)
    owner = frame["OwnerId"][which]
    world.add(
        "salesforce.OpportunityHistory", history_rows(world, frame["Id"][which], stage, amount, close, owner, when)
    )


def _convert(world: World) -> None:
    """Leads become contacts, with an account and mostly an opportunity."""
    rng = world.stream("salesforce.convert")
    leads, contacts = table(world, "Lead"), table(world, "Contact")
    employed = world.people["firm"][leads["_person"]] >= 0
    which = sample(rng, old_and_alive(world, "Lead") & ~leads["IsConverted"] & employed, world.share(0.001))
    if not len(which):
        return
    when = _when(world, rng, "Lead", which)
    person = leads["_person"][which]
    firm = world.people["firm"][person]
    homeless = ~known(salesforce.accounts_of(world, firm))
    missing, first = np.unique(firm[homeless], return_index=True)
    salesforce.add_accounts(world, missing, when[homeless][first])
    account = salesforce.accounts_of(world, firm)
    count = len(which)
    contact = Frame(
        {
            **{name: leads[name][which] for name in ("FirstName", "LastName", "Name", "Email", "Phone", "MobilePhone")},
            **{name: leads[name][which] for name in ("Title", "LeadSource", "OwnerId", "_person", "_slot")},
            "Id": world.salesforce_ids("Contact", count),
            "IsDeleted": np.zeros(count, dtype=bool),
            "MasterRecordId": nothing(count),
            "AccountId": account,
            "Birthdate": np.full(count, NONE, dtype=np.int64),
            "MailingStreet": leads["Street"][which],
            "MailingCity": leads["City"][which],
            "MailingPostalCode": leads["PostalCode"][which],
            "MailingCountry": leads["Country"][which],
            "HasOptedOutOfEmail": np.zeros(count, dtype=bool),
            "Web_User_Id__c": nothing(count),
            "Segment_Tier__c": nothing(count),
            **{name: when.copy() for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp")},
        }
    )
    contacts.append(contact)
    leads["IsConverted"][which], leads["Status"][which] = True, "Closed - Converted"
    leads["ConvertedDate"][which] = when // DAY_SECONDS
    leads["ConvertedAccountId"][which], leads["ConvertedContactId"][which] = account, contact["Id"]
    sold = chance(rng, count, 0.6)
    sold[:1] = True
    name = together(world.firms["name"][firm[sold]], " - from lead")
    ids = salesforce.add_opportunities(world, account[sold], contact["Id"][sold], name, when[sold], fresh=True)
    leads["ConvertedOpportunityId"][which[sold]] = ids
    world.changed("salesforce.Lead", which, when)


def _twins(frame: Frame, by: str, eligible: Bools, rng: np.random.Generator, count: int) -> tuple[Ints, Ints]:
    """Pairs of eligible rows that are the same thing; the first of each pair is older."""
    rows = np.flatnonzero(eligible)
    rows = rows[np.lexsort((frame["CreatedDate"][rows], frame[by][rows]))]
    same = frame[by][rows[1:]] == frame[by][rows[:-1]]
    # Of three of a kind only the first two meet today.
    fresh = np.concatenate([[True], ~same[:-1]]) if len(same) else np.empty(0, dtype=bool)
    spots = sample(rng, same & fresh, count)
    return rows[spots], rows[spots + 1]


def _merge(world: World) -> None:
    """Two records of one firm or person become one: the loser is deleted and says who won, its children move house."""
    rng = world.stream("salesforce.merge")
    for name, by in (("Account", "_firm"), ("Contact", "_person"), ("Lead", "_person")):
        frame = table(world, name)
        eligible = old_and_alive(world, name) & (frame[by] >= 0)
        if name == "Lead":
            eligible &= ~frame["IsConverted"]
        older, newer = _twins(frame, by, eligible, rng, world.share(0.0006))
        swap = chance(rng, len(older), 0.3)
        winner, loser = np.where(swap, newer, older), np.where(swap, older, newer)
        for field in _FILLED[name]:
            own = frame[field][winner]
            frame[field][winner] = where(known(own), own, frame[field][loser])
        when = _when(
            world, rng, name, np.where(frame["SystemModstamp"][winner] > frame["SystemModstamp"][loser], winner, loser)
        )
        frame["IsDeleted"][loser] = True
        frame["MasterRecordId"][loser] = frame["Id"][winner]
        world.changed(f"salesforce.{name}", winner, when)
        world.changed(f"salesforce.{name}", loser, when)
        _repoint(world, name, frame["Id"][loser], frame["Id"][winner])


def _repoint(world: World, name: str, old: Texts, new: Texts) -> None:
    for pointing, column in _POINTERS[name]:
        frame = table(world, pointing)
        for loser, winner in zip(old, new, strict=True):
            frame[column][frame[column] == loser] = winner


def _set_deleted(world: World, name: str, which: Ints, when: Ints, deleted: bool) -> None:
    """Into the recycle bin or out of it; an opportunity takes its history along."""
    frame = table(world, name)
    frame["IsDeleted"][which] = deleted
    world.changed(f"salesforce.{name}", which, when)
    if name == "Opportunity":
        history = table(world, "OpportunityHistory")
        for opportunity, moment in zip(frame["Id"][which], when, strict=True):
            mine = history["OpportunityId"] == opportunity
            history["IsDeleted"][mine], history["SystemModstamp"][mine] = deleted, moment


def _undelete(world: World) -> None:
    rng = world.stream("salesforce.undelete")
    for name in ("Contact", "Lead", "Account", "Opportunity", "Task"):
        frame = table(world, name)
        binned = frame["IsDeleted"] & (frame["SystemModstamp"] <= world.opens)
        if "MasterRecordId" in frame.columns:
            binned &= ~known(frame["MasterRecordId"])
        back = sample(rng, binned, 1) if name == "Contact" or rng.random() < 0.3 else np.empty(0, dtype=np.int64)
        _set_deleted(world, name, back, _when(world, rng, name, back), False)


def _delete(world: World) -> None:
    """Into the recycle bin. An account goes only when nothing hangs on it, a lead only before it is converted."""
    rng = world.stream("salesforce.delete")
    for name, share in (
        ("Contact", 0.0007),
        ("Lead", 0.0007),
        ("Account", 0.0002),
        ("Opportunity", 0.0003),
        ("Task", 0.002),
        ("Event", 0.0005),
    ):
        frame = table(world, name)
        # One thing a day: what was merged or brought back today is not thrown away as well.
        eligible = old_and_alive(world, name) & (frame["SystemModstamp"] <= world.opens)
        if name == "Lead":
            eligible &= ~frame["IsConverted"]
        if name == "Account":
            for pointing, column in _POINTERS[name]:
                used = table(world, pointing)[column]
                eligible &= ~np.isin(frame["Id"].astype("U18"), used[known(used)].astype("U18"))
        # A small company keeps at least a few of everything.
        spare = int(eligible.sum()) - (0 if name == "Account" else 5)
        which = sample(rng, eligible, min(world.share(share), spare))
        _set_deleted(world, name, which, _when(world, rng, name, which), True)


def _destroy(world: World) -> None:
    """Rows that leave without a trace: deleted for good, or emptied out of the bin."""
    rng = world.stream("salesforce.destroy")
    for name in ("Task", "CampaignMember"):
        frame = table(world, name)
        eligible = old_and_alive(world, name)
        gone = np.zeros(len(frame), dtype=bool)
        gone[sample(rng, eligible, min(world.share(0.001), int(eligible.sum()) - 5))] = True
        if world.day % 3 == 0:
            gone |= frame["IsDeleted"] & (frame["SystemModstamp"] <= world.opens - DAY_SECONDS)
        frame.keep(~gone)


def _commit_late(world: World) -> None:
    """A transaction begun before yesterday's clock commits today: rows that were not there, with old stamps."""
    rng = world.stream("salesforce.late")
    late = world.opens - int(rng.integers(1, LATE_SECONDS))
    for name in ("Account", "Contact", "Lead", "Opportunity", "Campaign", "CampaignMember", "User", "Task", "Event"):
        frame = table(world, name)
        new = np.flatnonzero(frame["CreatedDate"] > world.opens)[:1]
        for stamp in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
            frame[stamp][new] = late
        if name == "Opportunity":
            history = table(world, "OpportunityHistory")
            mine = np.isin(history["OpportunityId"].astype("U18"), frame["Id"][new].astype("U18"))
            history["CreatedDate"][mine] = history["SystemModstamp"][mine] = late
    # And an edit that did so.
    contacts = table(world, "Contact")
    calm = old_and_alive(world, "Contact") & (contacts["SystemModstamp"] < late)
    which = sample(rng, calm, 1)
    contacts["LeadSource"][which] = texts(("Partner Referral",))[np.zeros(len(which), dtype=np.int64)]
    world.changed("salesforce.Contact", which, np.full(len(which), late, dtype=np.int64))
