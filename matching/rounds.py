"""The second half of training: m and the prior, on the very pairs that blocking finds, with a rival explanation.

Splink's sessions each look at one rule's pairs, and at two kinds of pair: one person, or two that have nothing to do
with each other. Two people of one household are neither: they share name and address, so a model of two kinds calls
them one. Here every candidate pair is one of three kinds, found by expectation maximisation over all rules at once:

    one person    m, from Splink's estimates
    a household   h, as m where nobody is told apart and as u where persons are (`person` of contracts/matching.yml)
    chance        u, as Splink estimated it; fixed

Pairs that blocking misses count as chance: the prior is of all pairs.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace

import duckdb

from contracts.matching import Comparison
from matching.model import Model, Probabilities
from matching.scores import adjustments

_ROUNDS = 30
# Rounds end when neither prior moves by more than this share.
_SETTLED = 0.002
# Pairs of each level that are taken as seen before any is: no level becomes impossible.
_SEEN_BEFORE = 0.5
# A share of households: how many have a pair of one name, or of one birthday.
_HANDED_DOWN_AT_MOST = 0.1
_Shares = dict[str, dict[int, float]]


@dataclass(frozen=True)
class _Sums:
    """Expected pairs of one kind, in all and by level of each comparison."""

    pairs: float
    levels: _Shares


def refine(connection: duckdb.DuckDBPyConnection, compared: str, everything: float, model: Model) -> Model:
    """The model with m, h and both priors as the pairs of the table ``compared`` tell.

    ``compared`` is compared pairs (matching/scores.py), or a sample of them; ``everything`` counts all pairs, also
    those that blocking misses, in the same sample.
    """
    names = [item.name for item in model.comparisons]
    levels = ", ".join(f"level_{name}" for name in names)
    connection.execute(
        f"create or replace temp table patterns as select row_number() over (order by {levels}) as pattern, * "
        f"from (select distinct {levels} from {compared})"
    )
    same = " and ".join(f"patterns.level_{name} = compared.level_{name}" for name in names)
    rarity, household_rarity = adjustments(model.comparisons, model.levels)
    connection.execute(
        "create or replace temp table pattern_pairs as "
        "select patterns.pattern, adjustment, household_adjustment, count(*) as pairs from ("
        f"select *, round(({rarity}) * 4) / 4 as adjustment, "
        f"round(({household_rarity}) * 4) / 4 as household_adjustment "
        f"from {compared}) as compared inner join patterns on {same} "
        "group by patterns.pattern, adjustment, household_adjustment"
    )
    patterns = connection.execute(f"select {levels} from patterns order by pattern").fetchall()
    pairs = connection.execute("select * from pattern_pairs order by 1, 2, 3").fetchall()
    model = _with_household(model)
    for _ in range(_ROUNDS):
        one, household = _expected(model, names, patterns, pairs)
        before = model
        model = _learnt(model, one, household, everything)
        if _close(before.prior, model.prior) and _close(before.household, model.household):
            break
    return model


def _with_household(model: Model) -> Model:
    """The start: a household is as common as a repeated person, shares what one does, but not what tells apart."""
    levels = {
        item.name: {
            number: replace(found, h=found.u if item.person else found.m)
            for number, found in model.levels[item.name].items()
        }
        for item in model.comparisons
    }
    return replace(model, levels=levels, household=model.prior)


def _expected(
    model: Model,
    names: list[str],
    patterns: list[tuple[int, ...]],
    pairs: list[tuple[int, float, float, int]],
) -> tuple[_Sums, _Sums]:
    weights = [_weights(model, names, pattern) for pattern in patterns]
    one: dict[int, float] = defaultdict(float)
    household: dict[int, float] = defaultdict(float)
    for pattern, adjustment, household_adjustment, count in pairs:
        match, rival = weights[pattern - 1]
        a, b = _power(match + adjustment), _power(rival + household_adjustment)
        one[pattern] += count * a / (1 + a + b)
        household[pattern] += count * b / (1 + a + b)
    return _summed(names, patterns, one), _summed(names, patterns, household)


def _weights(model: Model, names: list[str], pattern: tuple[int, ...]) -> tuple[float, float]:
    match = math.log2(model.prior / (1 - model.prior))
    rival = math.log2(model.household / (1 - model.prior))
    for name, level in zip(names, pattern, strict=True):
        if level >= 0:
            found = model.levels[name][level]
            match += math.log2((found.m or 0) / (found.u or 0))
            rival += math.log2((found.h or 0) / (found.u or 0))
    return match, rival


def _power(weight: float) -> float:
    return float(2 ** min(max(weight, -500), 500))


def _summed(names: list[str], patterns: list[tuple[int, ...]], expected: dict[int, float]) -> _Sums:
    levels: _Shares = {name: defaultdict(float) for name in names}
    total = 0.0
    for pattern, pairs in expected.items():
        total += pairs
        for name, level in zip(names, patterns[pattern - 1], strict=True):
            levels[name][level] += pairs
    return _Sums(total, levels)


def _learnt(model: Model, one: _Sums, household: _Sums, everything: float) -> Model:
    levels = {}
    # With one such column alone, a name handed down looks just like one person's: it is taken as his.
    most = _HANDED_DOWN_AT_MOST if sum(item.person for item in model.comparisons) > 1 else 0.0
    for item in model.comparisons:
        m, h = _held(item, _shares(item, one, model)), _shares(item, household, model)
        if item.person:
            h = _handed_down(item, m, h, model, most)
        levels[item.name] = {
            number: Probabilities(m[number], found.u, h[number]) for number, found in model.levels[item.name].items()
        }
    return replace(
        model,
        levels=levels,
        prior=max(one.pairs, 0.5) / everything,
        household=max(household.pairs, 0.5) / everything,
    )


def _shares(item: Comparison, sums: _Sums, model: Model) -> dict[int, float]:
    seen = sums.levels[item.name]
    numbers = list(model.levels[item.name])
    total = sum(seen[number] for number in numbers) + _SEEN_BEFORE * len(numbers)
    return {number: (seen[number] + _SEEN_BEFORE) / total for number in numbers}


def _held(item: Comparison, m: dict[int, float]) -> dict[int, float]:
    """m with no more differing values than the contract says one person can have."""
    most = item.differs_at_most / 100
    if m[0] <= most:
        return m
    return {number: most if number == 0 else share * (1 - most) / (1 - m[0]) for number, share in m.items()}


def _handed_down(
    item: Comparison, m: dict[int, float], seen: dict[int, float], model: Model, most: float
) -> dict[int, float]:
    """What two people of a household share of what tells apart: chance, and names handed down, twins' birthdays.

    The share handed down is learnt, up to ``most``: were it free, a household could come to mean one person.
    """
    u = {number: found.u or 0.0 for number, found in model.levels[item.name].items()}
    top = max(u)
    share = (seen[top] - u[top]) / max(m[top] - u[top], 0.01)
    share = min(max(share, 0.0), most)
    return {number: (1 - share) * u[number] + share * m[number] for number in u}


def _close(before: float, after: float) -> bool:
    return abs(after - before) <= _SETTLED * before
