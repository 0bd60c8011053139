"""Past values of HubSpot properties: written down at the end of each day, by what differs from the day before.

HubSpot keeps a history of every property; the company keeps one of those that a business asks about (``KEPT``). An
entry is of the moment of the record's last change that day; a merged record takes the primary's history along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from sandbox.company.columns import (
    DAY_SECONDS,
    NONE,
    Bools,
    Column,
    Frame,
    Ints,
    Texts,
    chance,
    nothing,
    places,
    where,
)
from sandbox.company.hubspot import STAGES
from sandbox.company.words import texts
from sandbox.company.world import World, no_numbers
from sandbox.company.writing import known

KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "contacts": ("lifecyclestage", "hs_lead_status"),
    "companies": ("lifecyclestage",),
    "deals": ("dealstage", "amount"),
}
# Who sets values: type, id and label; people are named by their user's number.
_BY_HAND, _MERGE = 0, 4
_SOURCES: Final = (
    ("CRM_UI", None, None),
    ("FORM", "9b1f64f2-7d1e-4c0a-9a53-0f6f3f0c2a11", "Newsletter sign-up"),
    ("IMPORT", "48120331", "Fair 2025"),
    ("INTEGRATION", "51381", "Salesforce"),
    ("MERGE_OBJECTS", None, None),
)
# What stood there before a value that is already a later one on day 1.
_FIRST_STAGE: Final = {row[0]: next(s[0] for s in STAGES if s[1] == row[1]) for row in STAGES}


def note(world: World) -> None:
    """Write down what is new since yesterday; on day 1 all there is, with a first value where it was another."""
    for kind, names in KEPT.items():
        frame = world.frames[f"hubspot.{kind}"]
        table, shown = f"hubspot.{kind}_history", f"_hubspot.{kind}.shown"
        if table not in world.frames:
            world.frames[shown] = Frame({"id": nothing(0), **{name: nothing(0) for name in names}})
            world.frames[table] = _entries(world, kind, nothing(0), "", no_numbers(0), nothing(0))
        before = world.frames[shown]
        merged = _merged(frame, kind, before)
        place = places(before["id"], where(known(merged), merged, frame["id"]))
        _take_along(world, table, frame["id"][known(merged)], merged[known(merged)])
        now = {name: _text(frame[name]) for name in names}
        for name in names:
            old = nothing(len(frame))
            old[place >= 0] = before[name][place[place >= 0]]
            later = place >= 0
            if world.day == 1:
                first = _first_values(name, now[name])
                later = (frame["updated_at"] - frame["created_at"] >= DAY_SECONDS) & (first != now[name])
                was = np.flatnonzero(later)
                world.add(table, _entries(world, kind, frame["id"][was], name, frame["created_at"][was], first[was]))
            which = np.flatnonzero(now[name] != old)
            when = np.where(later, frame["updated_at"], frame["created_at"])[which]
            rows = _entries(world, kind, frame["id"][which], name, when, now[name][which], known(merged)[which])
            world.add(table, rows)
        world.frames[shown] = Frame({"id": frame["id"].copy(), **now})


def _first_values(name: str, value: Texts) -> Texts:
    """What a stage was before it came to be what it is on day 1; other values were never others."""
    if name == "dealstage":
        return texts(_FIRST_STAGE[word] for word in value)
    return where(known(value), "subscriber", None) if name == "lifecyclestage" else value


def _merged(frame: Frame, kind: str, before: Frame) -> Texts:
    """For records that came into being by a merge today: the id of the primary one."""
    found = nothing(len(frame))
    if kind != "contacts" or not len(before):
        return found
    listed = frame["hs_merged_object_ids"]
    for row in np.flatnonzero(known(listed) & (places(before["id"], frame["id"]) < 0)):
        found[row] = listed[row].split(";")[-2]
    return found


def _take_along(world: World, table: str, new: Texts, primary: Texts) -> None:
    """The primary's entries once more, under the new id."""
    history = world.frames[table]
    for id_, old in zip(new, primary, strict=True):
        copied = history.rows(np.flatnonzero(history["id"] == old))
        copied["id"] = np.full(len(copied), id_, dtype=object)
        world.add(table, copied)


def _entries(
    world: World, kind: str, ids: Texts, name: str, when: Ints, value: Texts, by_merge: Bools | None = None
) -> Frame:
    """Rows of history, each set by somebody or something; a value that was cleared is empty text."""
    count = len(ids)
    rng = world.stream(f"hubspot.history.{kind}")
    source = np.where(chance(rng, count, 0.5), _BY_HAND, rng.integers(1, 4, count))
    if by_merge is not None:
        source = np.where(by_merge, _MERGE, source)
    users = world.frames["hubspot.owners"]["user_id"]
    user = np.where(source == _BY_HAND, users[rng.integers(0, len(users), count)], NONE)
    by_hand = nothing(count)
    by_hand[:] = [f"userId:{number}" for number in user]
    return Frame(
        {
            "id": ids,
            "property": np.full(count, name, dtype=object),
            "changed_at": when,
            "value": where(known(value), value, ""),
            "source_type": texts(row[0] for row in _SOURCES)[source],
            "source_id": where(source == _BY_HAND, by_hand, texts(row[1] for row in _SOURCES)[source]),
            "source_label": texts(row[2] for row in _SOURCES)[source],
            "updated_by_user_id": user,
        }
    )


def _text(column: Column) -> Texts:
    """Values as HubSpot writes them; null where there is none."""
    if column.dtype == object:
        return where(column == "", None, column)
    found = nothing(len(column))
    found[:] = [None if np.isnan(x) else str(int(x)) if float(x).is_integer() else repr(float(x)) for x in column]
    return found
