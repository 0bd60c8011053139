"""Stories of records that come, change, go and are decided upon, and many of them told in the same builds.

A build of the ledger's models costs the same for one record as for hundreds, so worlds that share no record and no
value are told side by side: what one of them tells is as if it were told alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from tests.dbt import ledger_rules as rules
from tests.dbt.ledger_rules import UNKNOWN_DAY, Decided

RECORDS = [f"r{number}" for number in range(8)]
# None, one or two of few values: records are tied often, and over others.
VALUES = ["", "", "e1", "e2", "e3", "p1", "p2", "e1 p1", "e1 e2", "e2 p2", "e3 p1", "e3 p2"]
CREATED = [1, 1, 2, 3, UNKNOWN_DAY]
TAKEN_OVER = {"r6": "r1", "r7": "r5"}
WORLDS = 12
FIRST_DAY = 20


@dataclass(frozen=True)
class Build:
    """What a build sees: the records with the values they carry, and how many of the decisions are made."""

    values: Mapping[str, Sequence[str]]
    decided: int


@dataclass(frozen=True)
class Story:
    """What comes to Braid, build after build; ``created`` has the day of every record, ``takes_over`` who is whom."""

    created: Mapping[str, int]
    decisions: Sequence[Decided]
    builds: Sequence[Build]
    takes_over: Mapping[str, str] = field(default_factory=dict)

    def named(self, ending: str) -> Story:
        """The same story of others: all names end so."""

        def name(given: str | None) -> str | None:
            return None if given is None else given + ending

        def named(row: Decided) -> Decided:
            return replace(
                row, decision_id=row.decision_id + ending, a=name(row.a), b=name(row.b), undoes=name(row.undoes)
            )

        return Story(
            {record + ending: day for record, day in self.created.items()},
            [named(row) for row in self.decisions],
            [
                Build(
                    {record + ending: [value + ending for value in its] for record, its in build.values.items()},
                    build.decided,
                )
                for build in self.builds
            ],
            {old + ending: new + ending for old, new in self.takes_over.items()},
        )

    def ending(self) -> Story:
        """Its last build alone."""
        return replace(self, builds=self.builds[-1:])

    def build(self, number: int) -> Build:
        """What the build of this number sees; what a story ends with lasts."""
        return self.builds[min(number, len(self.builds) - 1)]

    def moved(self, number: int) -> dict[str, str]:
        """Records that others have taken over by then: once the newer was there, the older never is again."""
        seen = {record for build in self.builds[: number + 1] for record in build.values}
        return {old: new for old, new in self.takes_over.items() if new in seen}


@dataclass(frozen=True)
class Seen:
    """What a build of a warehouse sees, on which day, and the clusters that it has to find."""

    day: int
    created: Mapping[str, int]
    values: Mapping[str, Sequence[str]]
    decisions: Sequence[Decided]
    moved: Mapping[str, str]
    clusters: Mapping[str, str]

    def with_decisions(self, more: Sequence[Decided]) -> Seen:
        """The same, and these decided besides."""
        return replace(self, decisions=[*self.decisions, *more])


def active(decisions: Sequence[Decided], kind: str) -> list[tuple[str, str]]:
    """The pairs of the decisions of a kind that are not undone."""
    undone = {row.undoes for row in decisions}
    return [
        (row.a, row.b) for row in decisions if row.kind == kind and row.decision_id not in undone and row.a and row.b
    ]


def seen(story: Story, number: int) -> Seen:
    """What this story gives to a build."""
    build, moved = story.build(number), story.moved(number)
    values = {record: its for record, its in build.values.items() if record not in moved}
    decisions = story.decisions[: build.decided]
    # Decisions on a record that was taken over mean the one that did.
    meant = [replace(row, a=moved.get(row.a or "", row.a), b=moved.get(row.b or "", row.b)) for row in decisions]
    left = rules.decided(values, rules.stars(values), active(meant, "join"), active(meant, "cut"))
    created = {record: story.created[record] for record in values}
    return Seen(FIRST_DAY + number, created, values, decisions, moved, rules.components(values, left))


# A customer larger than the others can become: as long as the largest is left alone a build goes by what changed.
LARGEST = Story(dict.fromkeys([f"s{n}" for n in range(9)], 1), [], [Build({f"s{n}": ["all"] for n in range(9)}, 0)])


class Worlds:
    """Stories told side by side, with a customer beside them that never changes; and the ledger each must have."""

    def __init__(self, told: Sequence[Story]) -> None:
        """Their names are made distinct."""
        self.told = told
        self.stories = [LARGEST, *(story.named(f".{number}") for number, story in enumerate(told))]
        self.ledgers = [rules.Ledger() for _ in self.stories]

    def endings(self) -> Worlds:
        """The same worlds, each with its last build alone."""
        return Worlds([story.ending() for story in self.told])

    def builds(self) -> Iterator[Seen]:
        """Build after build, until the longest story is told; the ledgers go along."""
        decisions: dict[str, Decided] = {}
        for number in range(max(len(story.builds) for story in self.stories)):
            parts = [seen(story, number) for story in self.stories]
            for part, ledger in zip(parts, self.ledgers, strict=True):
                ledger.build(part.clusters, part.created, part.moved)
                decisions |= {row.decision_id: row for row in part.decisions}
            yield Seen(
                FIRST_DAY + number,
                {record: day for part in parts for record, day in part.created.items()},
                {record: its for part in parts for record, its in part.values.items()},
                list(decisions.values()),
                {old: new for part in parts for old, new in part.moved.items()},
                {record: cluster for part in parts for record, cluster in part.clusters.items()},
            )

    def customers(self) -> dict[str, str]:
        """Record -> customer, by the rules."""
        return {record: customer for ledger in self.ledgers for record, customer in ledger.customer.items()}

    def lookup(self) -> dict[str, str | None]:
        """Id ever issued -> the customer it is, by the rules."""
        return {name: known.living for ledger in self.ledgers for name, known in ledger.ids.items()}


@st.composite
def stories(draw: st.DrawFn, builds: int = 5, *, come_and_go: bool = False) -> Story:
    """A story in which every build changes who belongs together: by values, by who is there, by what is decided.

    Records only come, unless they ``come_and_go`` and are taken over.
    """
    created = {record: draw(st.sampled_from(CREATED)) for record in RECORDS}
    values = {record: draw(st.sampled_from(VALUES)).split() for record in RECORDS}
    arrival = {record: draw(st.integers(0, builds - 1)) // 2 for record in RECORDS}
    away: set[str] = set()
    decisions: list[Decided] = []
    told: list[Build] = []
    for number in range(builds):
        if number:
            values |= {draw(st.sampled_from(RECORDS)): draw(st.sampled_from(VALUES)).split() for _ in range(2)}
            decisions += _decisions(draw, decisions, f"d{number}")
        if come_and_go:
            away ^= {draw(st.sampled_from(RECORDS)), draw(st.sampled_from(RECORDS))}
        here = [record for record in RECORDS if arrival[record] <= number and record not in away]
        told.append(Build({record: values[record] for record in here}, len(decisions)))
    return Story(created, decisions, told, TAKEN_OVER if come_and_go and draw(st.booleans()) else {})


def _decisions(draw: st.DrawFn, before: Sequence[Decided], name: str) -> list[Decided]:
    """One or none, and mostly of two that may well be tied; what is undone was decided before."""
    kind = draw(st.sampled_from(["cut", "cut", "join", "undo", "nothing"]))
    undoable = [row.decision_id for row in before if row.kind != "undo"]
    if kind == "undo" and undoable:
        return [Decided(name, kind, undoes=draw(st.sampled_from(undoable)))]
    if kind in ("cut", "join"):
        a, other = draw(st.sampled_from(RECORDS)), draw(st.integers(1, len(RECORDS) - 1))
        return [Decided(name, kind, a, RECORDS[(RECORDS.index(a) + other) % len(RECORDS)])]
    return []


def worlds(builds: int = 5, *, come_and_go: bool = False, number: int = WORLDS) -> st.SearchStrategy[Worlds]:
    """A dozen stories at once."""
    story = stories(builds, come_and_go=come_and_go)
    return st.lists(story, min_size=number, max_size=number).map(Worlds)
