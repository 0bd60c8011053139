"""The second half of training: m and the prior, on the very pairs that blocking finds, with a rival explanation.

Splink's sessions each look at one rule's pairs, and at two kinds of pair: one person, or two that have nothing to do
with each other. Two people of one household are neither: they share name and address, so a model of two kinds calls
them one. And who has moved differs in street, city, postcode and phone at once: that is one event, where a model of
independent columns counts four. And emails are made of names: namesakes have emails that are alike. Here every
candidate pair is one of five kinds, found by expectation maximisation over all rules at once:

    one person    m, from Splink's estimates
    who moved     m, but u where the home is compared (`home` of contracts/matching.yml)
    a household   h, free where nobody is told apart, and about u where persons are (`person`)
    namesakes     n, between u and m for names, free for what is made of names but not quite equal, else u (`names`)
    chance        u, as Splink estimated it, less what of it is one of the others

Pairs that blocking misses count as chance: the prior is of all pairs.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

import duckdb

from contracts.matching import MADE_OF_NAMES, NAME, Comparison
from matching.model import NEVER, Levels, Model, weight
from matching.scores import adjustments

_ROUNDS = 30
# Passes of rounds; chance is corrected after each but the last.
_PASSES = 3
# Of what two records agree on by chance, at least this share is chance indeed.
_CHANCE_AT_LEAST = 0.05
# Rounds end when neither prior moves by more than this share.
_SETTLED = 0.002
# Pairs of each level that are taken as seen before any is: no level becomes impossible.
_SEEN_BEFORE = 0.5
# What pairs of one person are like before any is seen: so many agree exactly, so many differ, and of the rest each
# level has half as many as the one before.
_EXACT_BEFORE, _DIFFERS_BEFORE = 0.7, 0.08
# So many pairs speak for it.
_PAIRS_BEFORE = 10
# A share of households: how many have a pair of one name, or of one birthday.
_HANDED_DOWN_AT_MOST = 0.1
# A share of the pairs of one person: how many moved in between, before any is seen and at most. As many pairs as
# _MOVES_SEEN_BEFORE speak for the first.
_MOVED_BEFORE, _MOVED_AT_MOST, _MOVES_SEEN_BEFORE = 0.05, 0.3, 20
# However few the records are, that two of them are two people can be.
_PRIOR_AT_MOST = 0.999
_Shares = dict[str, dict[int, float]]
# Pattern, rarities of the four kinds, pairs.
_Pairs = tuple[int, float, float, float, float, int]


@dataclass(frozen=True)
class _Sums:
    """Expected pairs of one kind, in all and by level of each comparison."""

    pairs: float
    levels: _Shares


_Kinds = tuple[_Sums, _Sums, _Sums, _Sums]


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
    patterns = connection.execute(f"select {levels} from patterns order by pattern").fetchall()
    observed = model.levels
    model = _with_rivals(model)
    for number in range(_PASSES):
        if number:
            model = _corrected(model, observed)
        pairs = _rarities(connection, compared, same, model)
        for _ in range(_ROUNDS):
            sums = _expected(model, patterns, pairs)
            before = model
            model = _learnt(model, sums, everything)
            if _close(before.prior, model.prior) and _close(before.household, model.household):
                break
    return model


def _rarities(connection: duckdb.DuckDBPyConnection, compared: str, same: str, model: Model) -> list[_Pairs]:
    """Pattern, what rare values add to each kind's weight (bits, by quarters), and the number of pairs."""
    rarities = adjustments(model.comparisons, model.levels)
    kinds = ("match_rarity", "moved_rarity", "household_rarity", "namesake_rarity")
    rounded = ", ".join(f"round(({rarity}) * 4) / 4 as {kind}" for kind, rarity in zip(kinds, rarities, strict=True))
    connection.execute(
        "create or replace temp table pattern_pairs as "
        f"select patterns.pattern, {', '.join(kinds)}, count(*) as pairs from (select *, {rounded} from {compared}) "
        f"as compared inner join patterns on {same} group by patterns.pattern, {', '.join(kinds)}"
    )
    return connection.execute("select * from pattern_pairs order by all").fetchall()


def _corrected(model: Model, observed: Levels) -> Model:
    """The model with the chance of people who have nothing to do with each other.

    Random pairs hold a few of one person or household. Most who share an email are one, so that such pairs are most of
    what seems chance, and a value seen twice is no common value: by the share that is not chance, how common a value is
    counts less.
    """
    levels: Levels = {}
    for item in model.comparisons:
        levels[item.name] = {}
        for number, found in model.levels[item.name].items():
            u = observed[item.name][number].u or 0.0
            known = (model.prior + (0.0 if item.home else model.moved)) * (found.m or 0.0)
            known += model.household * (found.h or 0.0)
            chance = max(1 - known / u, _CHANCE_AT_LEAST)
            levels[item.name][number] = replace(found, u=u * chance, rarity=chance)
    return replace(model, levels=levels)


def _with_rivals(model: Model) -> Model:
    """The start: a household is as common as a repeated person, shares what one does, but not what tells apart.

    Moving takes a home of two comparisons or more: a single one that differs is as likely as m says. A household takes
    something that tells its people apart, namesakes a name and something made of it.
    """
    levels = {}
    for item in model.comparisons:
        m = {number: found.m or 0.0 for number, found in model.levels[item.name].items()}
        n = _of_namesakes(item, m, m if item.names == NAME else dict.fromkeys(m, 1 / len(m)), model)
        levels[item.name] = {
            number: replace(found, h=found.u if item.person else found.m, n=n.get(number))
            for number, found in model.levels[item.name].items()
        }
    can_move = sum(item.home for item in model.comparisons) > 1
    moved = model.prior * _MOVED_BEFORE if can_move else 0.0
    household = model.prior if any(item.person for item in model.comparisons) else 0.0
    namesakes = model.prior if {NAME, MADE_OF_NAMES} <= {item.names for item in model.comparisons} else 0.0
    return replace(model, levels=levels, household=household, moved=moved, namesakes=namesakes)


def _expected(
    model: Model,
    patterns: list[tuple[int, ...]],
    pairs: list[_Pairs],
) -> _Kinds:
    """Sums of one person where he was, one who moved, a household, namesakes."""
    weights = [_weights(model, pattern) for pattern in patterns]
    kinds: list[dict[int, float]] = [defaultdict(float) for _ in range(4)]
    for pattern, *rarities, count in pairs:
        powers = [_power(weight + rarity) for weight, rarity in zip(weights[pattern - 1], rarities, strict=True)]
        whole = 1 + sum(powers)
        for found, power in zip(kinds, powers, strict=True):
            found[pattern] += count * power / whole
    one, moved, household, namesakes = (_summed(model, patterns, found) for found in kinds)
    return one, moved, household, namesakes


def _weights(model: Model, pattern: tuple[int, ...]) -> tuple[float, float, float, float]:
    rest = 1 - model.prior
    match, moved, rival, namesake = (
        weight(prior, rest) if prior else NEVER
        for prior in (model.prior, model.moved, model.household, model.namesakes)
    )
    known = zip(model.comparisons, pattern, strict=True)
    given = [level for item, level in known if item.names == NAME and item.person]
    same_name = bool(given) and all(level > 0 for level in given)
    for item, level in zip(model.comparisons, pattern, strict=True):
        if level >= 0:
            found = model.levels[item.name][level]
            m, u, h = found.m or 0.0, found.u or 0.0, found.h or 0.0
            match += weight(m, u)
            moved += 0.0 if item.home else weight(m, u)
            alike = same_name and item.names == MADE_OF_NAMES
            rival += weight(max(h, found.n or u) if alike else h, u)
            namesake += weight(found.n or u, u) if item.names else 0.0
    return match, moved, rival, namesake


def _power(weight: float) -> float:
    return float(2 ** min(max(weight, -500), 500))


def _summed(model: Model, patterns: list[tuple[int, ...]], expected: dict[int, float]) -> _Sums:
    names = [item.name for item in model.comparisons]
    levels: _Shares = {name: defaultdict(float) for name in names}
    total = 0.0
    for pattern, pairs in expected.items():
        total += pairs
        for name, level in zip(names, patterns[pattern - 1], strict=True):
            levels[name][level] += pairs
    return _Sums(total, levels)


def _learnt(model: Model, sums: _Kinds, everything: float) -> Model:
    stayed, moved, household, namesakes = sums
    levels = {}
    # With one such column alone, a name handed down looks just like one person's: it is taken as his.
    most = _HANDED_DOWN_AT_MOST if sum(item.person for item in model.comparisons) > 1 else 0.0
    for item in model.comparisons:
        # Not of who moved: namesakes would come to mean one person who did.
        m = _held(item, _shares(item, stayed, model, _pairs_before(model, stayed)))
        h = _shares(item, household, model)
        if item.person:
            h = _handed_down(item, m, h, model, most)
        n = _of_namesakes(item, m, _shares(item, namesakes, model), model)
        levels[item.name] = {
            number: replace(found, m=m[number], h=h[number], n=n.get(number))
            for number, found in model.levels[item.name].items()
        }
    one = max(stayed.pairs + moved.pairs, 0.5)
    moves = (moved.pairs + _MOVED_BEFORE * _MOVES_SEEN_BEFORE) / (one + _MOVES_SEEN_BEFORE) if model.moved else 0.0
    moves = min(moves, _MOVED_AT_MOST)
    return replace(
        model,
        levels=levels,
        prior=min(one * (1 - moves) / everything, _PRIOR_AT_MOST),
        moved=one * moves / everything,
        household=max(household.pairs, 0.5) / everything if model.household else 0.0,
        namesakes=max(namesakes.pairs, 0.5) / everything if model.namesakes else 0.0,
    )


def _shares(item: Comparison, sums: _Sums, model: Model, before: float = 0.0) -> dict[int, float]:
    usual = _usual(len(item.levels))
    seen = {
        number: sums.levels[item.name][number] + _SEEN_BEFORE + before * usual[number]
        for number in model.levels[item.name]
    }
    return {number: pairs / sum(seen.values()) for number, pairs in seen.items()}


def _usual(levels: int) -> dict[int, float]:
    """m of a comparison with so many levels before any pair is seen."""
    between = {number: 2.0 ** (number - levels) for number in range(1, levels)}
    rest = 1 - _EXACT_BEFORE - _DIFFERS_BEFORE
    shares = {number: rest * share / sum(between.values()) for number, share in between.items()}
    return {levels: 1 - _DIFFERS_BEFORE - sum(shares.values()), 0: _DIFFERS_BEFORE} | shares


def _pairs_before(model: Model, sums: _Sums) -> float:
    """How many pairs speak for what is usual.

    Three comparisons that are independent are the least from which the share of pairs that are one person and what
    these are like can both be told. Of two, as many pairs speak for what is usual as are seen, of more ever fewer.
    """
    return _PAIRS_BEFORE + sums.pairs / max(len(model.comparisons) - 1, 1) ** 3


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


def _of_namesakes(item: Comparison, m: dict[int, float], seen: dict[int, float], model: Model) -> dict[int, float]:
    """What namesakes share: a name or some of it, and what is made of it but for the very same value."""
    if item.names == NAME:
        return _handed_down(item, m, seen, model, 1.0)
    if item.names != MADE_OF_NAMES:
        return {}
    top = len(item.levels)
    same = model.levels[item.name][top].u or 0.0
    rest = sum(share for number, share in seen.items() if number != top)
    return {number: same if number == top else share * (1 - same) / rest for number, share in seen.items()}


def _close(before: float, after: float) -> bool:
    return abs(after - before) <= _SETTLED * before
