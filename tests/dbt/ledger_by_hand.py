"""Stories made by hand, each of one rule of the ledger or of cuts: short, and told again in every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.dbt.ledger_rules import Decided
from tests.dbt.ledger_stories import TAKEN_OVER, Build, Story

CREATED = {"r0": 1, "r1": 1, "r2": 1, "r3": 1, "r6": 1}


def story(
    *builds: Mapping[str, str],
    created: Mapping[str, int] = CREATED,
    decided: Mapping[int, Sequence[Decided]] | None = None,
    takes_over: Mapping[str, str] | None = None,
) -> Story:
    """Builds as record -> its values; ``decided`` before the build of a number, counted from 0."""
    decisions: list[Decided] = []
    told = []
    for number, values in enumerate(builds):
        decisions += (decided or {}).get(number, ())
        told.append(Build({record: its.split() for record, its in values.items()}, len(decisions)))
    return Story({**CREATED, **created}, decisions, told, takes_over or {})


ALONE = {"r0": "e1", "r1": "e2"}
ONE = {"r0": "e1", "r1": "e1"}
CUT = Decided("d1", "cut", "r0", "r1")
JOIN = Decided("d1", "join", "r0", "r1")
UNDO = Decided("d2", "undo", undoes="d1")

BY_HAND = {
    "the id issued first stays, though its record is younger": story(
        {"r1": "e1"}, {"r1": "e1", "r0": "e2"}, {"r1": "e1", "r0": "e1"}, created={"r1": 2}
    ),
    "of two created at once the lower key is the anchor": story(
        ONE, {**ONE, "r2": "e3", "r3": "e3"}, ALONE | {"r2": "e3", "r3": "e4"}
    ),
    "the record created first is the anchor, though its key is higher": story(
        {"r0": "e1", "r1": "e1"}, {**ONE, "r2": "e3", "r3": "e3"}, created={"r0": 2, "r2": 9, "r3": 3}
    ),
    "an id stays with its own record, though an older one joins": story(
        {"r1": "e1"},
        {"r1": "e1", "r0": "e1"},
        {"r1": "e1", "r0": "e1", "r2": "e1"},
        {"r1": "e1", "r0": "e2", "r2": "e2"},
        created={"r1": 2},
    ),
    "two become one, and two again": story(ALONE, ONE, ALONE),
    "two become one": story(ALONE, ALONE, ONE),
    "one becomes two": story(ONE, ALONE),
    "one goes and is back": story(ALONE, {"r1": "e2"}, ALONE),
    "one goes for good": story(ALONE, {"r1": "e2"}),
    "who takes a record over goes on as it": story(
        {"r6": "e1", "r2": "e1"}, {"r6": "e1", "r2": "e1", "r1": "e2"}, created={"r2": 2}, takes_over=TAKEN_OVER
    ),
    "who stood in, and then the record itself": story(
        {"r0": "e1", "r1": "e1 e2", "r2": "e2"}, {"r2": "e2"}, {"r0": "e1", "r2": "e2"}
    ),
    "who stood in goes too, and then the record is back": story(
        {"r0": "e1", "r2": "e1", "r3": "e9"}, {"r2": "e1", "r3": "e9"}, {"r3": "e9"}, {"r0": "e1", "r3": "e9"}
    ),
    "two are cut": story(ONE, ONE, decided={1: [CUT]}),
    "two are cut, and it is undone": story(ONE, ONE, ONE, decided={1: [CUT], 2: [UNDO]}),
    "two are joined, and it is undone": story(ALONE, ALONE, ALONE, decided={1: [JOIN], 2: [UNDO]}),
    "who is between two that are cut goes with the first": story(
        {"r0": "e1", "r1": "e1 e2", "r2": "e2"},
        {"r0": "e1", "r1": "e1 e2", "r2": "e2"},
        decided={1: [Decided("d1", "cut", "r0", "r2")]},
    ),
    "two that are cut from the same third stay together": story(
        {"r0": "e1 e2", "r1": "e1", "r2": "e2 e3", "r3": "e3"},
        {"r0": "e1 e2", "r1": "e1 p1", "r2": "e2 p1", "r3": "e3"},
        decided={1: [Decided("d1", "cut", "r1", "r0"), Decided("d2", "cut", "r2", "r0")]},
    ),
}
