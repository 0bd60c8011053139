"""What happens to HubSpot records in the course of a day."""

from __future__ import annotations

from typing import Final

import numpy as np

from sandbox.company import hubspot
from sandbox.company.columns import NONE, Bools, Frame, Ints, Texts, sample, where
from sandbox.company.hubspot import DEAL_TO_CONTACT, IS_CLOSED, NEXT_STAGE, stage_columns
from sandbox.company.words import TITLES
from sandbox.company.world import LATE_SECONDS, World
from sandbox.company.writing import LOOSE, known, pick, written_phones

RESTORE_DAY: Final = 3
_FILLED: Final = (
    "email", "phone", "mobilephone", "company", "jobtitle", "address", "city", "zip", "country",
    "hs_lead_status", "hubspot_owner_id", "associatedcompanyid", "salesforcecontactid", "web_user_id",
)  # fmt: skip


def live(world: World) -> None:
    """Everything but new people: to be called when the day's new people are there."""
    _edit(world)
    _move_deals(world)
    _merge(world)
    if world.day >= RESTORE_DAY:
        _restore(world)
    _archive(world)
    _tie(world)
    _retire_owners(world)
    _commit_late(world)


def old_and_alive(world: World, name: str) -> Bools:
    """Rows that stood there yesterday and are not archived."""
    frame = world.frames[f"hubspot.{name}"]
    alive: Bools = (frame["created_at"] <= world.opens) & ~frame["archived"]
    return alive


def _touch(world: World, rng: np.random.Generator, name: str, which: Ints) -> Ints:
    frame = world.frames[f"hubspot.{name}"]
    when = world.in_span(rng, frame["updated_at"][which], len(which))
    frame["updated_at"][which] = when
    return when


def _edit(world: World) -> None:
    rng = world.stream("hubspot.edit")
    contacts, companies = world.frames["hubspot.contacts"], world.frames["hubspot.companies"]
    which = sample(rng, old_and_alive(world, "contacts"), world.share(0.008))
    turn = rng.integers(0, 3, len(which))
    contacts["jobtitle"][which[turn == 0]] = pick(rng, TITLES, int((turn == 0).sum()))
    contacts["lifecyclestage"][which[turn == 1]] = "customer"
    for slot in np.unique(contacts["_slot"][which]):
        mine = which[(turn == 2) & (contacts["_slot"][which] == slot)]
        person = contacts["_person"][mine]
        contacts["phone"][mine] = written_phones(rng, world.people, world.firms, person, int(slot), LOOSE)
    _touch(world, rng, "contacts", which)
    which = sample(rng, old_and_alive(world, "companies"), world.share(0.0015))
    companies["numberofemployees"][which] = np.nan_to_num(companies["numberofemployees"][which], nan=1.0) + 1
    companies["lifecyclestage"][which] = np.where(
        companies["lifecyclestage"][which] == "customer", "opportunity", "customer"
    )
    _touch(world, rng, "companies", which)


def _move_deals(world: World) -> None:
    rng = world.stream("hubspot.moves")
    deals = world.frames["hubspot.deals"]
    which = sample(rng, old_and_alive(world, "deals") & ~deals["hs_is_closed"], world.share(0.003))
    stage = NEXT_STAGE[deals["_stage"][which]]
    when = _touch(world, rng, "deals", which)
    for name, column in stage_columns(stage).items():
        deals[name][which] = column
    deals["_stage"][which] = stage
    deals["closedate"][which] = np.where(IS_CLOSED[stage], when, deals["closedate"][which])


def _merge(world: World) -> None:
    """Two contacts of one person become a third with an id of its own; the old ids are gone, never archived."""
    rng = world.stream("hubspot.merge")
    contacts = world.frames["hubspot.contacts"]
    rows = np.flatnonzero(old_and_alive(world, "contacts"))
    rows = rows[np.lexsort((contacts["created_at"][rows], contacts["_person"][rows]))]
    same = contacts["_person"][rows[1:]] == contacts["_person"][rows[:-1]]
    spots = sample(rng, same, world.share(0.0006))
    # Neighbouring pairs of one person would share a row; a person merges once a day.
    spots = spots[np.concatenate([[True], np.diff(spots) > 1])] if len(spots) else spots
    primary, second = rows[spots], rows[spots + 1]
    if not len(spots):
        return
    merged = contacts.rows(primary)
    for name in _FILLED:
        merged[name] = where(known(merged[name]), merged[name], contacts[name][second])
    old = np.stack([contacts["id"][primary], contacts["id"][second]], axis=1)
    before = [contacts["hs_merged_object_ids"][which] for which in (primary, second)]
    listed = old[:, 0] + ";" + old[:, 1]
    for earlier in before:
        listed = where(known(earlier), where(known(earlier), earlier, "") + ";" + listed, listed)
    merged["hs_merged_object_ids"] = listed
    merged["id"] = world.hubspot_ids("contacts", len(spots))
    latest = np.maximum(contacts["updated_at"][primary], contacts["updated_at"][second])
    merged["updated_at"] = world.in_span(rng, latest, len(spots))
    gone = np.zeros(len(contacts), dtype=bool)
    gone[primary] = gone[second] = True
    contacts.keep(~gone)
    contacts.append(merged)
    _repoint(world, old, merged)


def _repoint(world: World, old: np.ndarray[tuple[int, int], np.dtype[np.object_]], merged: Frame) -> None:
    """Associations follow to the new id; doubles fall away, and so does a second primary company."""
    ties = world.frames["hubspot.associations"]
    for pair, new in zip(old, merged["id"], strict=True):
        for name in ("from_id", "to_id"):
            kind = ties["from_object_type" if name == "from_id" else "to_object_type"]
            mine = np.isin(ties[name].astype("U20"), pair.astype("U20")) & (kind == "contacts")
            ties[name][mine] = new
    primaries = (ties["type_id"] == hubspot.CONTACT_TO_PRIMARY) & np.isin(
        ties["from_id"].astype("U20"), merged["id"].astype("U20")
    )
    company = dict(zip(merged["id"], merged["associatedcompanyid"], strict=True))
    wrong = np.zeros(len(ties), dtype=bool)
    for row in np.flatnonzero(primaries):
        wrong[row] = company[ties["from_id"][row]] != ties["to_id"][row]
    ties.keep(~wrong)
    key = ties["from_id"] + ">" + ties["to_id"] + ":" + ties["type_id"].astype("U").astype(object)
    _, first = np.unique(key.astype("U64"), return_index=True)
    once = np.zeros(len(ties), dtype=bool)
    once[first] = True
    ties.keep(once)


def _archive(world: World) -> None:
    rng = world.stream("hubspot.archive")
    ties = world.frames["hubspot.associations"]
    for name, share in (("contacts", 0.0007), ("deals", 0.0004), ("companies", 0.0002)):
        frame = world.frames[f"hubspot.{name}"]
        eligible = old_and_alive(world, name)
        if name == "companies":
            # A company that people or deals hang on is not thrown away.
            eligible &= ~np.isin(frame["id"].astype("U20"), ties["to_id"].astype("U20"))
        which = sample(rng, eligible, min(world.share(share), int(eligible.sum()) - 3))
        frame["archived"][which] = True
        frame["archived_at"][which] = _touch(world, rng, name, which)


def _restore(world: World) -> None:
    rng = world.stream("hubspot.restore")
    for name in ("contacts", "deals"):
        frame = world.frames[f"hubspot.{name}"]
        archived = frame["archived"] & (frame["archived_at"] <= world.opens)
        which = sample(rng, archived, 1) if name == "contacts" or world.day % 3 == 0 else np.empty(0, dtype=np.int64)
        frame["archived"][which], frame["archived_at"][which] = False, NONE
        _touch(world, rng, name, which)


def _tie(world: World) -> None:
    """Associations come and go, and nobody's stamp moves."""
    rng = world.stream("hubspot.tie")
    contacts, companies = world.frames["hubspot.contacts"], world.frames["hubspot.companies"]
    which = sample(rng, old_and_alive(world, "contacts"), world.share(0.0008))
    company = pick(rng, companies["id"][~companies["archived"]], len(which))
    ids = contacts["id"][which]
    new = ~_tied(world, ids, company)
    hubspot.associate_companies(world, ids[new], company[new], primary=False)
    ties = world.frames["hubspot.associations"]
    kept = np.ones(len(ties), dtype=bool)
    loose = sample(rng, ties["type_id"] == DEAL_TO_CONTACT, world.share(0.0004))
    if int((ties["type_id"] == DEAL_TO_CONTACT).sum()) > 3:
        kept[loose] = False
    ties.keep(kept)


def _tied(world: World, contact: Texts, company: Texts) -> Bools:
    ties = world.frames["hubspot.associations"]
    have = (ties["from_id"] + ">" + ties["to_id"]).astype("U64")
    return np.isin((contact + ">" + company).astype("U64"), have)


def _retire_owners(world: World) -> None:
    """An employee who left Salesforce is deactivated here too."""
    users, owners = world.frames["salesforce.User"], world.frames["hubspot.owners"]
    gone = np.isin(owners["_number"], users["_number"][~users["IsActive"]]) & ~owners["archived"]
    owners["archived"][gone] = True
    owners["updated_at"][gone] = world.closes - 60


def _commit_late(world: World) -> None:
    rng = world.stream("hubspot.late")
    late = world.opens - int(rng.integers(1, LATE_SECONDS))
    for name in ("contacts", "companies", "deals"):
        frame = world.frames[f"hubspot.{name}"]
        new = np.flatnonzero(frame["created_at"] > world.opens)[:1]
        frame["created_at"][new] = frame["updated_at"][new] = late
        if name == "deals":
            frame["closedate"][new] = np.maximum(frame["closedate"][new], late)
