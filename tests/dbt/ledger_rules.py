"""The rules of the ledger and of cuts, stated once more in plain Python: what the SQL is held against.

Nothing here is fast or clever. Keys of records and ids are texts; a record created at no known time is created last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

HOPS = 6
Pair = tuple[str, str]
NOTHING: Mapping[str, str] = {}
# The day of creation of a record that tells none.
UNKNOWN_DAY = 9


@dataclass(frozen=True)
class Decided:
    """A decision as the tests make them; the place in their list is when it was made."""

    decision_id: str
    kind: str
    a: str | None = None
    b: str | None = None
    undoes: str | None = None
    allows: str | None = None


def customer_id(anchor: str) -> str:
    return "cus_" + hashlib.sha256(f"braid|{anchor}".encode()).hexdigest()[:24]


def components(records: Iterable[str], links: Iterable[Pair]) -> dict[str, str]:
    """Record -> smallest record that it is tied to over any number of links."""
    parent = {record: record for record in records}

    def root(record: str) -> str:
        while parent[record] != record:
            record = parent[record]
        return record

    for a, b in links:
        if a in parent and b in parent:
            low, high = sorted((root(a), root(b)))
            parent[high] = low
    return {record: root(record) for record in parent}


def stars(values: Mapping[str, Iterable[str]]) -> set[Pair]:
    """Links of records that share a value: each to the lowest."""
    carriers: dict[str, list[str]] = {}
    for record in sorted(values):
        for value in values[record]:
            carriers.setdefault(value, []).append(record)
    return {(found[0], other) for found in carriers.values() for other in found[1:]}


def decided(records: Iterable[str], links: Iterable[Pair], joins: Iterable[Pair], cuts: Iterable[Pair]) -> set[Pair]:
    """The links that are left, and the joins, when every cut has taken its share."""
    known, cuts = set(records), list(cuts)
    joined = {(min(a, b), max(a, b)) for a, b in joins if a in known and b in known and a != b}
    ties = set(links) | joined
    groups = components({record for pair in joined for record in pair}, joined)
    torn = {groups[a] for a, b in cuts if groups.get(a, a) == groups.get(b, "") and a in groups}
    whole = {record: group for record, group in groups.items() if group not in torn}
    keys = [(whole.get(a, a), whole.get(b, b)) for a, b in cuts]
    crossing: set[Pair] = set()
    for key_a, key_b in keys:
        named: dict[str, set[int]] = {}
        for one, other in [*keys, *((b, a) for a, b in keys)]:
            if one == key_b:
                named.setdefault(other, set()).add(1)
            if one == key_a:
                named.setdefault(other, set()).add(2)
        sides = _grown({key: 3 if len(said) > 1 else min(said) for key, said in named.items()}, ties, whole)
        crossing |= {(a, b) for a, b in ties if sides.get(a, 1) != sides.get(b, 1)}
    return ties - crossing


def _grown(seeds: Mapping[str, int], ties: Iterable[Pair], whole: Mapping[str, str]) -> dict[str, int]:
    """Record -> side, from wholes that have one, one tie further at a time."""
    members: dict[str, list[str]] = {}
    for record, group in whole.items():
        members.setdefault(group, []).append(record)
    sides = {record: side for key, side in seeds.items() for record in members.get(key, [key])}
    both_ways = [pair for a, b in ties for pair in ((a, b), (b, a))]
    for _ in range(HOPS):
        found: dict[str, int] = {}
        for a, b in both_ways:
            if a in sides and b not in sides:
                key = whole.get(b, b)
                found[key] = min(found.get(key, 9), sides[a])
        sides |= {record: side for key, side in found.items() for record in members.get(key, [key])}
    return sides


@dataclass
class Id:
    """An id that was issued: when, from which record, the record it goes by, the customer it is today."""

    number: int
    created: int
    own: str
    anchor: str
    living: str | None


@dataclass
class Ledger:
    """The ids, and which customer each record is."""

    ids: dict[str, Id] = field(default_factory=dict)
    customer: dict[str, str] = field(default_factory=dict)
    builds: int = 0

    def build(
        self, clusters: Mapping[str, str], created: Mapping[str, int], moved: Mapping[str, str] = NOTHING
    ) -> None:
        """One build over record -> cluster; ``moved`` says which record took one over."""
        before = dict(self.ids)
        self.builds += 1
        claims: dict[str, list[str]] = {}
        for name, known in self.ids.items():
            places = (known.own, known.anchor, moved.get(known.own), moved.get(known.anchor))
            home = next((record for record in places if record in clusters), None)
            if home is None:
                heirs = [record for record, customer in self.customer.items() if customer == known.living]
                home = min(
                    (record for record in heirs if record in clusters), key=lambda r: (created[r], r), default=None
                )
            if home is None:
                known.living = None
            else:
                known.anchor = home
                claims.setdefault(clusters[home], []).append(name)
        owner: dict[str, str] = {}
        for cluster in set(clusters.values()):
            if cluster in claims:
                owner[cluster] = min(claims[cluster], key=self._age)
            else:
                members = [record for record, its in clusters.items() if its == cluster]
                anchor = min(members, key=lambda record: (created[record], record))
                owner[cluster] = customer_id(anchor)
                assert owner[cluster] not in before, "an id was issued twice"
                self.ids[owner[cluster]] = Id(self.builds, created[anchor], anchor, anchor, owner[cluster])
            for name in claims.get(cluster, []):
                self.ids[name].living = owner[cluster]
        self.customer = {record: owner[cluster] for record, cluster in clusters.items()}

    def _age(self, name: str) -> tuple[int, int, str, str]:
        known = self.ids[name]
        return known.number, known.created, known.own, name
