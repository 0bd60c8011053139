"""The company's HubSpot: rows as they come into being. What happens to them later is in ``hubspot_days``."""

from __future__ import annotations

from typing import Final

import numpy as np

from sandbox.company.columns import DAY_SECONDS, NONE, Column, Frame, Ints, Texts, chance, nothing, where
from sandbox.company.ids import numeric_ids
from sandbox.company.people import HS, HS2, USER, first_names, last_names
from sandbox.company.words import CURRENCIES, texts
from sandbox.company.world import FOUNDED, World
from sandbox.company.writing import (
    LOOSE,
    cased,
    country_names,
    firm_phones,
    known,
    nothing_but,
    pick,
    some,
    written_emails,
    written_mobiles,
    written_phones,
)

# id, pipeline, label, order, probability, closed; the won stage is the closed one with probability 1.
STAGES: Final = (
    ("appointmentscheduled", "default", "Appointment Scheduled", 0, 0.2, False),
    ("qualifiedtobuy", "default", "Qualified To Buy", 1, 0.4, False),
    ("presentationscheduled", "default", "Presentation Scheduled", 2, 0.6, False),
    ("contractsent", "default", "Contract Sent", 3, 0.9, False),
    ("closedwon", "default", "Closed Won", 4, 1.0, True),
    ("closedlost", "default", "Closed Lost", 5, 0.0, True),
    ("1180341", "renewals", "Due", 0, 0.5, False),
    ("1180342", "renewals", "Renewed", 1, 1.0, True),
    ("1180343", "renewals", "Ended", 2, 0.0, True),
)
PIPELINES: Final = (("default", "Sales Pipeline"), ("renewals", "Renewals"))
PROBABILITY: Final = np.array([stage[4] for stage in STAGES])
IS_CLOSED: Final = np.array([stage[5] for stage in STAGES])
# The stage an open deal moves on to.
NEXT_STAGE: Final = np.array([1, 2, 3, 4, 4, 5, 7, 7, 8])

LIFECYCLE: Final = ("subscriber", "lead", "marketingqualifiedlead", "opportunity", "customer")

CONTACT_TO_COMPANY, CONTACT_TO_PRIMARY = 279, 1
DEAL_TO_CONTACT, DEAL_TO_COMPANY, DEAL_TO_PRIMARY = 3, 341, 5

INDUSTRIES: Final = {
    "Technology": "COMPUTER_SOFTWARE",
    "Healthcare": "HOSPITAL_HEALTH_CARE",
    "Manufacturing": "MACHINERY",
    "Retail": "RETAIL",
    "Finance": "FINANCIAL_SERVICES",
    "Education": "EDUCATION_MANAGEMENT",
    "Hospitality": "HOSPITALITY",
    "Transportation": "TRANSPORTATION_TRUCKING_RAILROAD",
}


def add_settings(world: World) -> None:
    """Pipelines and their stages, as they were set up once."""
    when = np.array([FOUNDED + 3600])
    count = len(PIPELINES)
    world.add(
        "hubspot.pipelines",
        Frame(
            {
                "id": texts(row[0] for row in PIPELINES),
                "object_type": nothing_but("deals", count),
                "label": texts(row[1] for row in PIPELINES),
                "display_order": np.arange(count),
                "created_at": when.repeat(count),
                "updated_at": when.repeat(count),
                "archived": np.zeros(count, dtype=bool),
            }
        ),
    )
    count = len(STAGES)
    world.add(
        "hubspot.pipeline_stages",
        Frame(
            {
                "id": texts(row[0] for row in STAGES),
                "pipeline_id": texts(row[1] for row in STAGES),
                "label": texts(row[2] for row in STAGES),
                "display_order": np.array([row[3] for row in STAGES]),
                "probability": PROBABILITY,
                "is_closed": IS_CLOSED,
                "created_at": when.repeat(count),
                "updated_at": when.repeat(count),
                "archived": np.zeros(count, dtype=bool),
            }
        ),
    )


def add_owners(world: World) -> None:
    """An owner for each Salesforce user who has none yet: the same employees work in both systems."""
    users = world.frames["salesforce.User"]
    have = world.frames["hubspot.owners"]["_number"] if "hubspot.owners" in world.frames else np.empty(0, np.int64)
    new = ~np.isin(users["_number"], have)
    number = users["_number"][new]
    world.add(
        "hubspot.owners",
        Frame(
            {
                "id": numeric_ids(41_629_000 + number * 13),
                "email": users["Email"][new],
                "first_name": users["FirstName"][new],
                "last_name": users["LastName"][new],
                "user_id": 9_586_000 + number * 3,
                "created_at": users["CreatedDate"][new],
                "updated_at": users["CreatedDate"][new].copy(),
                "archived": ~users["IsActive"][new],
                "_number": number,
            }
        ),
    )


def owners(rng: np.random.Generator, world: World, count: int) -> Texts:
    """Owners who are still there."""
    frame = world.frames["hubspot.owners"]
    return pick(rng, frame["id"][~frame["archived"]], count)


def common(world: World, kind: str, rng: np.random.Generator, created: Ints) -> dict[str, Column]:
    """The columns every HubSpot object has."""
    count = len(created)
    edited = chance(rng, count, 0.6) if world.day == 1 else np.zeros(count, dtype=bool)
    updated = np.where(edited, world.in_span(rng, created, count), created)
    return {
        "id": world.hubspot_ids(kind, count),
        "created_at": created,
        "updated_at": updated,
        "archived": np.zeros(count, dtype=bool),
        "archived_at": np.full(count, NONE, dtype=np.int64),
    }


def add_companies(world: World, firm: Ints, created: Ints) -> None:
    """A company for each firm: without the legal form, with a domain."""
    rng = world.stream("hubspot.companies")
    firms, count = world.firms, len(firm)
    industry = texts(INDUSTRIES[word] for word in firms["industry"][firm])
    world.add(
        "hubspot.companies",
        Frame(
            {
                **common(world, "companies", rng, created),
                "name": firms["name"][firm],
                "domain": some(rng, firms["domain"][firm], 0.95),
                "industry": some(rng, industry, 0.7),
                "numberofemployees": np.where(chance(rng, count, 0.6), firms["employees"][firm].astype(float), np.nan),
                "annualrevenue": np.where(chance(rng, count, 0.4), firms["revenue"][firm] / 100, np.nan),
                "phone": some(rng, firm_phones(rng, firms, firm, LOOSE), 0.6),
                "city": some(rng, firms["city"][firm], 0.8),
                "country": some(rng, country_names(rng, firms["country"][firm]), 0.85),
                "lifecyclestage": pick(world.stream("hubspot.companies.stage"), LIFECYCLE, count),
                "hubspot_owner_id": some(rng, owners(rng, world, count), 0.9),
                "_firm": firm,
            }
        ),
    )


def companies_of(world: World, firm: Ints) -> Texts:
    """The living company of each firm, null where there is none."""
    companies = world.frames["hubspot.companies"]
    found = nothing(len(world.firms))
    alive = np.flatnonzero(~companies["archived"])[::-1]
    found[companies["_firm"][alive]] = companies["id"][alive]
    return where(firm >= 0, found[np.maximum(firm, 0)], None)


def contact_rows(world: World, which: Ints, slot: int, created: Ints) -> Frame:
    """Contacts of people (indices), from one of their slots; some sync with the person's Salesforce contact."""
    rng = world.stream(f"hubspot.contacts.{slot}")
    people, firms, count = world.people, world.firms, len(which)
    firm = people["firm"][which]
    # Some changed their employer since, and nobody told HubSpot.
    stale = chance(rng, count, 0.06)
    shown = np.where(stale, rng.integers(0, len(firms), count), firm)
    company = where(shown >= 0, firms["name"][np.maximum(shown, 0)], None)
    primary = where(chance(rng, count, 0.85), companies_of(world, firm), None)
    synced = chance(rng, count, 0.6 if slot == HS else 0.0)
    is_user = people["slots"][which, USER]
    return Frame(
        {
            **common(world, "contacts", rng, created),
            "email": written_emails(rng, people, which, slot, 0.0),
            "firstname": cased(rng, first_names(people, which, slot), 0.02, 0.06),
            "lastname": cased(rng, last_names(people, which), 0.02, 0.06),
            "phone": written_phones(rng, people, firms, which, slot, LOOSE),
            "mobilephone": written_mobiles(rng, people, which, slot, 0.25, LOOSE),
            "company": some(rng, company, 0.8),
            "jobtitle": some(rng, people["title"][which], 0.6),
            "address": some(rng, people["street"][which], 0.3),
            "city": some(rng, people["city"][which], 0.6),
            "zip": some(rng, people["postal"][which], 0.4),
            "country": some(rng, country_names(rng, people["country"][which]), 0.9),
            "lifecyclestage": pick(rng, LIFECYCLE, count),
            "hs_lead_status": some(rng, pick(rng, ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED"), count), 0.5),
            "hs_analytics_source": pick(
                rng, ("ORGANIC_SEARCH", "DIRECT_TRAFFIC", "PAID_SEARCH", "EMAIL_MARKETING"), count
            ),
            "hs_email_optout": chance(rng, count, 0.07),
            "hubspot_owner_id": some(rng, owners(rng, world, count), 0.7),
            "associatedcompanyid": primary,
            "salesforcecontactid": where(synced, _salesforce_contacts(world, which), None),
            "web_user_id": where(
                is_user & chance(rng, count, 0.5 if slot == HS else 0.1), people["user_id"][which], None
            ),
            "hs_merged_object_ids": nothing(count),
            "num_associated_deals": np.full(count, np.nan),
            "_person": which,
            "_slot": np.full(count, slot, dtype=np.int64),
        }
    )


def _salesforce_contacts(world: World, which: Ints) -> Texts:
    """Each person's first living Salesforce contact, null where there is none."""
    contacts = world.frames["salesforce.Contact"]
    found = nothing(len(world.people))
    alive = np.flatnonzero(~contacts["IsDeleted"])[::-1]
    found[contacts["_person"][alive]] = contacts["Id"][alive]
    return found[which]


def add_people(world: World, cohort: Ints, since: Ints) -> None:
    """The HubSpot contacts of a cohort (indices into people), with their companies."""
    rng = world.stream("hubspot.people")
    for slot in (HS, HS2):
        here = world.people["slots"][cohort, slot]
        which = cohort[here]
        rows = contact_rows(world, which, slot, world.in_span(rng, since[here], len(which)))
        world.add("hubspot.contacts", rows)
        has = known(rows["associatedcompanyid"])
        associate_companies(world, rows["id"][has], rows["associatedcompanyid"][has])


def associate_companies(world: World, contact: Texts, company: Texts, *, primary: bool = True) -> None:
    """Tie contacts to companies; a primary company is tied twice, once with the label."""
    associate(world, "contacts", contact, "companies", company, CONTACT_TO_COMPANY, None)
    if primary:
        associate(world, "contacts", contact, "companies", company, CONTACT_TO_PRIMARY, "Primary")


def associate(world: World, of: str, from_id: Texts, to: str, to_id: Texts, type_id: int, label: str | None) -> None:
    """Add association rows."""
    count = len(from_id)
    world.add(
        "hubspot.associations",
        Frame(
            {
                "from_object_type": nothing_but(of, count),
                "from_id": from_id,
                "to_object_type": nothing_but(to, count),
                "to_id": to_id,
                "type_id": np.full(count, type_id, dtype=np.int64),
                "category": nothing_but("HUBSPOT_DEFINED", count),
                "label": nothing(count) if label is None else nothing_but(label, count),
            }
        ),
    )


def add_deals(world: World, contact: Ints, *, fresh: bool) -> None:
    """A deal for each contact row (index), tied to the contact and to its company."""
    rng = world.stream("hubspot.deals")
    contacts, people = world.frames["hubspot.contacts"], world.people
    count = len(contact)
    created = world.in_span(rng, contacts["created_at"][contact], count)
    renewal = chance(rng, count, 0.15)
    stage = (
        np.where(renewal, 6, 0) if fresh else np.where(renewal, rng.integers(6, 9, count), rng.integers(0, 6, count))
    )
    basis = common(world, "deals", rng, created)
    amount = np.floor(np.exp(rng.normal(7.5, 0.9, count))) + rng.integers(0, 4, count) * 0.25
    closes = np.where(IS_CLOSED[stage], basis["updated_at"], created + rng.integers(10, 90, count) * DAY_SECONDS)
    company = contacts["associatedcompanyid"][contact]
    firm_name = contacts["company"][contact]
    name = where(known(firm_name), firm_name, contacts["lastname"][contact])
    world.add(
        "hubspot.deals",
        Frame(
            {
                **basis,
                "dealname": name + where(renewal, " - renewal", " - new deal"),
                "amount": np.where(chance(rng, count, 0.05), np.nan, amount),
                **stage_columns(stage),
                "dealtype": where(renewal, "existingbusiness", "newbusiness"),
                "closedate": closes,
                "deal_currency_code": texts(CURRENCIES)[people["country"][contacts["_person"][contact]]],
                "hubspot_owner_id": some(rng, owners(rng, world, count), 0.95),
                "_stage": stage,
            }
        ),
    )
    ids = np.asarray(basis["id"], dtype=object)
    associate(world, "deals", ids, "contacts", contacts["id"][contact], DEAL_TO_CONTACT, None)
    tied = known(company)
    associate(world, "deals", ids[tied], "companies", company[tied], DEAL_TO_COMPANY, None)
    associate(world, "deals", ids[tied], "companies", company[tied], DEAL_TO_PRIMARY, "Primary")


def stage_columns(stage: Ints) -> dict[str, Column]:
    """The columns of a deal that follow from its stage."""
    return {
        "dealstage": texts(row[0] for row in STAGES)[stage],
        "pipeline": texts(row[1] for row in STAGES)[stage],
        "hs_is_closed": IS_CLOSED[stage],
        "hs_is_closed_won": IS_CLOSED[stage] & (PROBABILITY[stage] == 1.0),
        "hs_deal_stage_probability": PROBABILITY[stage],
    }


def visible_ties(world: World) -> Frame:
    """Associations whose both ends are there: those of archived records are not shown, and return with them."""
    ties = world.frames["hubspot.associations"]
    shown = np.ones(len(ties), dtype=bool)
    for name in ("contacts", "companies", "deals"):
        frame = world.frames[f"hubspot.{name}"]
        gone = frame["id"][frame["archived"]].astype("U20")
        if len(gone):
            for end in ("from", "to"):
                hidden = np.isin(ties[f"{end}_id"].astype("U20"), gone)
                shown &= ~(hidden & (ties[f"{end}_object_type"] == name))
    return ties.rows(shown)


def count_deals(world: World) -> None:
    """Bring num_associated_deals up to date: it is calculated, and no stamp moves with it."""
    contacts, ties = world.frames["hubspot.contacts"], visible_ties(world)
    ids, many = np.unique(ties["to_id"][ties["type_id"] == DEAL_TO_CONTACT].astype("U20"), return_counts=True)
    counted = np.full(len(contacts), np.nan)
    if len(ids):
        mine = contacts["id"].astype("U20")
        place = np.minimum(np.searchsorted(ids, mine), len(ids) - 1)
        counted = np.where(ids[place] == mine, many[place].astype(float), np.nan)
    contacts["num_associated_deals"] = counted


def with_mirrors(frame: Frame, table: str) -> Frame:
    """The rows with the properties that repeat what stands beside them: id, creation, last change."""
    changed = "lastmodifieddate" if table == "hubspot.contacts" else "hs_lastmodifieddate"
    mirrors = {"hs_object_id": frame["id"], "createdate": frame["created_at"], changed: frame["updated_at"]}
    return Frame({**frame.columns, **mirrors})
