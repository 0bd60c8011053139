"""What happens in Segment in the course of a day: visits, visitors who sign up, late and repeated deliveries."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import compute

from sandbox.company import payloads as json
from sandbox.company import segment
from sandbox.company.columns import DAY_SECONDS, NONE, Frame, Ints, chance, sample
from sandbox.company.people import MAIN, MISSING, USER
from sandbox.company.schema import schema_of
from sandbox.company.world import World
from sandbox.company.writing import known

LATE_DAYS: Final = 4


def live(world: World) -> None:
    """Everything but new people: to be called when the day's new people are there."""
    rng = world.stream("segment.day")
    web = world.frames["_segment.people"]
    earlier = world.events_before_today
    online = known(web["_device"]) & (web["_signed_up"] != NONE) & (web["_signed_up"] <= world.opens)
    segment.add_events(world, segment.later_sessions(world, sample(rng, online, world.share(0.03))))
    _change_traits(world, sample(rng, online, world.share(0.002)))
    # A phone that was offline for days delivers what it kept.
    offline = segment.later_sessions(world, sample(rng, online, world.share(0.0008)))
    offline["start"] = offline["start"] - LATE_DAYS * DAY_SECONDS
    segment.add_events(world, offline, late=LATE_DAYS * DAY_SECONDS)
    repeat(world, [*earlier[-1:], *earlier[-9:-8], *world.events[len(earlier) :][:1]], 0.0005)


def sign_up_visitors(world: World, count: int) -> None:
    """Visitors whom nobody knew sign up, on the device they browsed with: their history becomes theirs."""
    rng = world.stream("segment.visitors")
    people, web = world.people, world.frames["_segment.people"]
    visitors = ~people["slots"].any(axis=1) & known(web["_device"])
    which = sample(rng, visitors, count)
    people["slots"][which, USER] = True
    people["browses_anonymously_first"][which] = True
    people["state_email"][which, USER] = MAIN
    people["state_phone"][which, USER] = np.where(chance(rng, len(which), 0.65), MAIN, MISSING)
    # The second device, where there is one, is never signed in on: it stays a stranger.
    web["_signs_in_2"][which] = False
    web["_signed_up"][which] = world.in_span(rng, 0, len(which))
    segment.add_profiles(world, which)
    sessions = segment.later_sessions(world, which)
    sessions["start"] = web["_signed_up"][which]
    sessions["signs_in"][:] = True
    sessions["signs_up"][:] = True
    segment.add_events(world, sessions)


def _change_traits(world: World, which: Ints) -> None:
    """Users change their plan or phone: the profile has the new traits, and an identify call says so."""
    profiles, web = world.frames["segment.profiles"], world.frames["_segment.people"]
    web["_plan"][which] = np.where(web["_plan"][which] == "office", "home", "office")
    place = np.full(len(world.people), -1)
    place[profiles["_person"]] = np.arange(len(profiles))
    profiles["traits"][place[which]] = segment.traits_of(world, which)
    sessions = segment.later_sessions(world, which)
    sessions["signs_in"][:] = True
    segment.add_events(world, sessions)


def repeat(world: World, archives: list[pa.Table], share: float) -> None:
    """Deliver some calls of these archives again: same message, received once more now."""
    rng = world.stream("segment.repeat")
    schema = schema_of("segment.events")
    for archive in archives:
        rows = archive.take(sample(rng, np.arange(archive.num_rows), world.share(share)))
        if not rows.num_rows:
            continue
        payload: Any = rows.column("payload").combine_chunks()
        parts = compute.extract_regex(payload, r'^(?P<head>.*"receivedAt":")(?P<at>[^"]*)(?P<tail>".*)$')
        before = np.asarray(rows.column("received_at")).astype("datetime64[s]").astype(np.int64)
        again = world.in_span(rng, before, rows.num_rows)
        text = json.glued(parts.field("head"), json.iso(again), parts.field("tail"))
        stamps = Frame({"received_at": again}).table(pa.schema([schema.field("received_at")])).column(0)
        world.events.append(pa.table([stamps, text, rows.column("source_id")], schema=schema))
