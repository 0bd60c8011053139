"""Ground truth: which person each record that was ever visible belongs to, and what noise each person carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import compute

from sandbox.company.columns import DIGITS, Frame, Ints, Texts, together
from sandbox.company.schema import NOISE, schema_of
from sandbox.company.world import World
from sandbox.company.writing import known, nothing_but


def person_ids(number: Ints) -> Texts:
    """Names of people in the truth: ``p`` and six digits."""
    return together("p", DIGITS[3][number // 1000 % 1000], DIGITS[3][number % 1000])


def remember(world: World, system: str, kind: str, ids: Texts, person: Ints) -> None:
    """Note whose records these are; what was noted stays, whatever becomes of the record."""
    count = len(ids)
    world.add(
        "_truth.records",
        Frame(
            {
                "system": nothing_but(system, count),
                "object": nothing_but(kind, count),
                "record_id": ids,
                "_person": person,
            }
        ),
    )


def note(world: World) -> None:
    """Note every person's record that today's tables show and the truth does not know yet."""
    if "_truth.records" not in world.frames:
        remember(world, "salesforce", "contact", np.empty(0, dtype=object), np.empty(0, dtype=np.int64))
    web = world.frames["_segment.people"]
    profiles = world.frames["segment.profiles"]
    people = np.arange(len(world.people))
    one, two = web["_device"], web["_device_2"]
    sources: tuple[tuple[str, str, Texts, Ints], ...] = (
        *(
            ("salesforce", kind.lower(), world.frames[f"salesforce.{kind}"]["Id"],
             world.frames[f"salesforce.{kind}"]["_person"])
            for kind in ("Contact", "Lead")
        ),
        ("hubspot", "contact", world.frames["hubspot.contacts"]["id"], world.frames["hubspot.contacts"]["_person"]),
        ("segment", "user", profiles["user_id"], profiles["_person"]),
        ("segment", "anonymous", one[known(one)], people[known(one)]),
        ("segment", "anonymous", two[known(two)], people[known(two)]),
    )  # fmt: skip
    for system, kind, ids, person in sources:
        frame = world.frames["_truth.records"]
        have = (frame["system"] == system) & (frame["object"] == kind)
        old = pa.array(frame["record_id"][have], type=pa.string())
        new = ~np.asarray(compute.is_in(pa.array(ids, type=pa.string()), value_set=old))
        remember(world, system, kind, ids[new], person[new])


def _records(world: World) -> pa.Table:
    frame = world.frames["_truth.records"]
    key = together(frame["system"], ":", frame["object"], ":", frame["record_id"])
    person = person_ids(world.people["number"])[frame["_person"]]
    whole = Frame({**frame.columns, "record_key": key, "person_id": person})
    return whole.table(schema_of("truth.records"))


def _people(world: World) -> pa.Table:
    people = world.people
    flags = {name: people[name] for name in NOISE}
    return Frame({"person_id": person_ids(people["number"]), **flags}).table(schema_of("truth.people"))


TABLES: Final[Mapping[str, Callable[[World], pa.Table]]] = {"truth.records": _records, "truth.people": _people}
