"""What happens on a day: the first one brings the company as it is, every later one a little of everything."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from sandbox.company import (
    hubspot,
    hubspot_days,
    hubspot_history,
    salesforce,
    salesforce_days,
    segment,
    segment_days,
    truth,
)
from sandbox.company.columns import DAY_SECONDS, Ints, chance, moments, nothing, places, sample, where
from sandbox.company.firms import FIRMS_A_PERSON, make_firms
from sandbox.company.people import SHARES, USER, make_people, owed
from sandbox.company.world import FOUNDED, World
from sandbox.company.writing import known

# Shares of the people of day 1 that every later day brings.
NEW_PEOPLE: Final = 0.004
NEW_FIRMS: Final = 0.0005


def found(world: World, people: int) -> None:
    """Day 1: two years of history at once."""
    world.begin()
    world.size = people
    salesforce.add_users(world, max(6, min(120, people // 120)))
    hubspot.add_owners(world)
    hubspot.add_settings(world)
    salesforce.add_campaigns(world, max(8, people // 200))
    arrive(world, people, max(8, round(people * FIRMS_A_PERSON)))
    segment_days.repeat(world, list(world.events), 0.02)
    hubspot_history.note(world)
    truth.note(world)


def live(world: World) -> None:
    """The next day: new people and firms first, then what happens to everybody."""
    world.begin()
    count = max(6, round(world.size * NEW_PEOPLE))
    salesforce.add_users(world, 1)
    hubspot.add_owners(world)
    salesforce.add_campaigns(world, 1)
    # Half of the day's anonymous-first people are visitors of earlier days who sign up now.
    anonymous = owed(
        "browses_anonymously_first", len(world.people), int(world.people["browses_anonymously_first"].sum()), count
    )
    segment_days.sign_up_visitors(world, max(1, anonymous // 2))
    arrive(world, count, world.share(NEW_FIRMS) + 1)
    _go_on(world)
    salesforce_days.live(world)
    hubspot_days.live(world)
    segment_days.live(world)
    hubspot_history.note(world)
    truth.note(world)


def _go_on(world: World) -> None:
    """New business with people who are known already."""
    rng = world.stream("go on")
    contacts = sample(rng, salesforce_days.old_and_alive(world, "Contact"), world.share(0.004))
    leads = sample(rng, salesforce_days.old_and_alive(world, "Lead"), world.share(0.002))
    sell(world, contacts, every=0.4)
    court(world, contacts, leads)
    partners = sample(rng, hubspot_days.old_and_alive(world, "contacts"), world.share(0.001))
    hubspot.add_deals(world, partners, fresh=True)


def arrive(world: World, count: int, firms: int) -> None:
    """New firms and new people, and all that the systems hold of them."""
    first_firm = len(world.firms)
    made = make_firms(world.stream("firms"), first_firm, firms)
    if first_firm:
        world.firms.append(made)
    else:
        world.firms = made
    new_firms = np.arange(first_firm, first_firm + firms)
    _open_accounts(world, new_firms)

    before = len(world.people)
    due = {name: owed(name, before, int(world.people[name].sum()) if before else 0, count) for name in SHARES}
    cohort = make_people(world.stream("people"), world.seed, before, count, world.firms, due, world.taken_emails)
    keys = np.concatenate([cohort["email_key"], cohort["email_changed_key"]])
    world.taken_emails = pa.concat_arrays([world.taken_emails, pa.array(keys, type=pa.string())])
    if before:
        world.people.append(cohort)
    else:
        world.people = cohort
    who = np.arange(before, before + count)
    _settle(world, who)


def _open_accounts(world: World, firms: Ints) -> None:
    """Accounts and companies of new firms; the first firm of all has both, so that there is always one to refer to."""
    rng = world.stream("accounts")
    count = len(firms)
    opened = moments(rng, world.opens, world.opens + (world.closes - world.opens) // 2, count)
    in_salesforce = chance(rng, count, 0.85)
    in_hubspot = chance(rng, count, 0.75)
    in_salesforce[:1] = in_hubspot[:1] = True
    salesforce.add_accounts(world, firms[in_salesforce], opened[in_salesforce])
    hubspot.add_companies(world, firms[in_hubspot], opened[in_hubspot])
    twins = in_salesforce & chance(rng, count, 0.05)
    twins[:1] = True
    later = world.in_span(rng, opened[twins], int(twins.sum()))
    salesforce.add_accounts(world, firms[twins], later, twin=True)


def _settle(world: World, who: Ints) -> None:
    """Everything the systems hold of new people (indices)."""
    rng = world.stream("settle")
    count = len(who)
    if world.day == 1:
        # More came lately than long ago; nobody is new in the last two days.
        span = world.closes - 2 * DAY_SECONDS - FOUNDED
        since = FOUNDED + np.floor(np.sqrt(rng.random(count)) * span).astype(np.int64)
    else:
        since = moments(rng, world.opens, world.opens + (world.closes - world.opens) // 2, count)
    lead_from = len(world.frames["salesforce.Lead"]) if "salesforce.Lead" in world.frames else 0
    contact_from = len(world.frames["salesforce.Contact"]) if "salesforce.Contact" in world.frames else 0
    hubspot_from = len(world.frames["hubspot.contacts"]) if "hubspot.contacts" in world.frames else 0
    salesforce.add_people(world, who, since)
    contacts = np.arange(contact_from, len(world.frames["salesforce.Contact"]))
    leads = np.arange(lead_from, len(world.frames["salesforce.Lead"]))
    sell(world, contacts)
    court(world, contacts, leads)
    hubspot.add_people(world, who, since)
    fresh = np.arange(hubspot_from, len(world.frames["hubspot.contacts"]))
    dealt = chance(rng, len(fresh), 0.18)
    dealt[:1] = True
    hubspot.add_deals(world, fresh[dealt], fresh=world.day > 1)

    segment.add_devices(world, who)
    users = world.people["slots"][who, USER]
    segment.sign_up(world, who[users], since[users])
    segment.add_profiles(world, who[users])
    for start in range(0, count, segment.BLOCK):
        segment.add_events(world, segment.sessions_of(world, who[start : start + segment.BLOCK]))


def sell(world: World, contacts: Ints, every: float = 0.35) -> None:
    """Opportunities around new contacts (row indices); a converted lead often came with one."""
    rng = world.stream("sell")
    rows, leads = world.frames["salesforce.Contact"], world.frames["salesforce.Lead"]
    has_account = known(rows["AccountId"][contacts])
    chosen = chance(rng, len(contacts), every) & has_account
    chosen[np.flatnonzero(has_account)[:1]] = True
    which = contacts[chosen]
    accounts = world.frames["salesforce.Account"]
    place = places(accounts["Id"], rows["AccountId"][which])
    what = np.array(["machines", "beans", "subscription", "refit"], dtype=object)[rng.integers(0, 4, len(which))]
    ids = salesforce.add_opportunities(
        world,
        rows["AccountId"][which],
        rows["Id"][which],
        accounts["Name"][place] + " - " + what,
        rows["CreatedDate"][which],
        fresh=world.day > 1,
    )
    new = leads["IsConverted"] & (leads["CreatedDate"] > world.opens) & ~known(leads["ConvertedOpportunityId"])
    converted = np.flatnonzero(new)
    place = places(rows["Id"][which], leads["ConvertedContactId"][converted])
    leads["ConvertedOpportunityId"][converted[place >= 0]] = ids[place[place >= 0]]


def court(world: World, contacts: Ints, leads: Ints) -> None:
    """Campaign memberships, tasks and events around new contacts and leads (row indices)."""
    rng = world.stream("court")
    people = world.frames["salesforce.Contact"].rows(contacts)
    prospects = world.frames["salesforce.Lead"].rows(leads)
    none_p, none_l = nothing(len(contacts)), nothing(len(leads))
    ids = np.concatenate([people["Id"], prospects["Id"]])
    born = np.concatenate([people["CreatedDate"], prospects["CreatedDate"]])
    account = np.concatenate([people["AccountId"], none_l])
    contact, lead = np.concatenate([people["Id"], none_l]), np.concatenate([none_p, prospects["Id"]])

    # The first opportunity of a contact, null where there is none.
    deals = world.frames["salesforce.Opportunity"]
    of, first = np.unique(deals["ContactId"][known(deals["ContactId"])].astype("U18"), return_index=True)
    place = places(of.astype(object), contact)
    deal = nothing(len(ids))
    deal[place >= 0] = deals["Id"][known(deals["ContactId"])][first[place[place >= 0]]]

    def some(share: float) -> Ints:
        mask = chance(rng, len(ids), share)
        mask[:1] = True
        return np.flatnonzero(mask)

    member = some(0.45)
    salesforce.add_members(world, contact[member], lead[member], born[member])
    for kind, share in (("Task", 0.5), ("Task", 0.25), ("Event", 0.25)):
        which = some(share)
        draw = rng.random(len(which))
        what = where(draw < 0.35, account[which], where(draw < 0.6, deal[which], None))
        salesforce.add_activities(world, ids[which], account[which], what, born[which], kind)
