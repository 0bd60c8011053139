"""Records and what ties them, as a graph of two kinds of nodes.

Links in the warehouse are stars round the lowest record key, which says nothing about people: here a value is a node
of its own, and whoever is linked by it is next to it. A scored link or a join stays between its two records.
All orders are total, so the same links give the same paths.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Link:
    """A row of int_identity__decided_links."""

    record_a: str
    record_b: str
    rule: str
    evidence: str | None
    score: float
    priority: int


@dataclass(frozen=True, order=True)
class Tie:
    """What ties records: an identifier's value, or what one link between two records shows."""

    priority: int
    rule: str
    evidence: str
    pair: tuple[str, str] | None = None


@dataclass(frozen=True)
class Step:
    """From one record to another by a tie."""

    source: str
    target: str
    tie: Tie
    score: float
    first_seen_at: datetime | None


class Ties:
    """The graph."""

    def __init__(
        self,
        links: Iterable[Link],
        values: Collection[str],
        seen: dict[tuple[str, str, str], datetime],
    ) -> None:
        """``values``: rules whose evidence is a value that records carry; ``seen``: by record, rule and evidence."""
        self._seen = seen
        scores: dict[tuple[Tie, str], float] = {}
        for link in links:
            shared = link.rule in values and link.evidence is not None
            pair = None if shared else (link.record_a, link.record_b)
            tie = Tie(link.priority, link.rule, link.evidence or "", pair)
            for record in (link.record_a, link.record_b):
                scores[tie, record] = max(link.score, scores.get((tie, record), 0.0))
        self._scores = scores
        self.records_of: dict[Tie, list[str]] = {}
        self.ties_of: dict[str, list[Tie]] = {}
        for tie, record in sorted(scores):
            self.records_of.setdefault(tie, []).append(record)
            self.ties_of.setdefault(record, []).append(tie)

    def steps_from(self, start: str) -> dict[str, Step]:
        """The step by which each record that can be reached was reached first, nearest first; not ``start`` itself."""
        found: dict[str, Step] = {}
        used: set[Tie] = set()
        todo = [start]
        for record in todo:
            for tie in self.ties_of.get(record, []):
                if tie in used:
                    continue
                used.add(tie)
                for other in self.records_of[tie]:
                    if other != start and other not in found:
                        found[other] = self._step(record, other, tie)
                        todo.append(other)
        return found

    def path(self, start: str, end: str) -> list[Step] | None:
        """A shortest way, of the most telling ties where several are as short; None when there is none."""
        steps = self.steps_from(start)
        way: list[Step] = []
        while end != start:
            if end not in steps:
                return None
            way.append(steps[end])
            end = steps[end].source
        return way[::-1]

    def first_seen(self, record: str, tie: Tie) -> datetime | None:
        """Since when the record has the tie, as far as builds have seen."""
        return self._seen.get((record, tie.rule, tie.evidence))

    def score(self, tie: Tie) -> float:
        """How sure it is, at its weakest."""
        return min(self._scores[tie, record] for record in self.records_of[tie])

    def _step(self, source: str, target: str, tie: Tie) -> Step:
        moments = [self.first_seen(record, tie) for record in (source, target)]
        known = [moment for moment in moments if moment is not None]
        score = min(self._scores[tie, source], self._scores[tie, target])
        return Step(source, target, tie, score, max(known) if len(known) == len(moments) else None)
