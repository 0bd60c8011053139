"""Which pairs are compared: rules that stay within the limit, cheapest first, and of those the ones worth their pairs.

A rule that would explode is refused before a pair is made: its pairs are counted from the sizes of its blocks. What a
rule is worth is measured once its pairs are weighed: the links expected among those that no cheaper rule finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from contracts.matching import Matching, Rule
from matching import MatchingError
from matching.scores import pairs_of_rule


@dataclass(frozen=True)
class Measured:
    """A rule and how many pairs it makes; ``refused`` when they are more than the limit."""

    rule: Rule
    pairs: int
    refused: bool


def measured(
    connection: duckdb.DuckDBPyConnection, keys: str, matching: Matching, share: float = 1.0
) -> list[Measured]:
    """Every rule that makes pairs, those with the fewest first.

    Of a sample ``share`` is how much of all records it is: ten times the records make a hundred times the pairs, and a
    rule that all of them would refuse is none to choose.
    """
    ((records,),) = connection.execute(f"select count(*) from {keys}").fetchall()
    limit = max(matching.pairs_per_record * records / share, matching.pairs_at_least) * share**2
    found = []
    for rule in matching.blocking:
        ((pairs,),) = connection.execute(pairs_of_rule(rule, keys)).fetchall()
        if pairs:
            found.append(Measured(rule, int(pairs), pairs > limit))
    return sorted(found, key=lambda item: item.pairs)


def allowed(rules: list[Measured]) -> tuple[Rule, ...]:
    """The rules that are not refused, without those whose pairs another finds anyway.

    Raises MatchingError when none is left.
    """
    within = [item.rule for item in rules if not item.refused]
    kept = tuple(rule for rule in within if not any(_covers(other, rule) for other in within if other != rule))
    if not kept:
        refused = ", ".join(f"{item.rule.name} ({item.pairs:,} pairs)" for item in rules) or "none finds a pair"
        raise MatchingError(
            f"No rule of blocking can be used: {refused}; map more columns, or raise pairs_per_record in "
            "contracts/matching.yml."
        )
    return kept


def worthwhile(
    connection: duckdb.DuckDBPyConnection, weighed: str, rules: tuple[Rule, ...], matching: Matching
) -> tuple[Rule, ...]:
    """The rules, in their order, that find enough of the expected links of the table ``weighed`` by themselves."""
    found: dict[int, float] = {
        int(number): float(links)
        for number, links in connection.execute(
            f"select rule_number, sum(link_probability) from {weighed} group by rule_number"
        ).fetchall()
    }
    least = sum(found.values()) * matching.worth_a_rule / 10_000
    return tuple(rule for place, rule in enumerate(rules) if found.get(place, 0) > least) or rules


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Whether every pair of ``narrow`` is one of ``wide``: it asks for all that ``wide`` asks, or more."""
    return all(
        any(
            mine.column == theirs.column
            and (mine.letters is None or (theirs.letters is not None and mine.letters >= theirs.letters))
            for mine in narrow.parts
        )
        for theirs in wide.parts
    )
