"""Candidate pairs and their scores as SQL, from the tables that training leaves behind.

Runs where the records are: nothing here reads a row. Every expression exists on DuckDB and on Snowflake alike, but for
what levels.py renders by dialect.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from contracts.matching import MADE_OF_NAMES, NAME, Comparison, Level, Rule
from matching.levels import level_number, of_table, part
from matching.model import MOVED, PRIOR, Levels, columns_of, frequency_columns, labels

_LEFT, _RIGHT = of_table("l"), of_table("r")


def pairs_of_rule(rule: Rule, keys: str) -> str:
    """How many pairs a rule makes of the relation ``keys``: one row, ``pairs``."""
    parts = [part(item, lambda column: column) for item in rule.parts]
    known = " and ".join(f"{item} is not null" for item in parts)
    return (
        "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from ("
        f"select count(*) as records from {keys} where {known} group by {', '.join(parts)}) as blocks"
    )


def same_block(rule: Rule) -> str:
    """Whether the records ``l`` and ``r`` share every part of the rule; null where one lacks it."""
    return " and ".join(f"{part(item, _LEFT)} = {part(item, _RIGHT)}" for item in rule.parts)


def rule_pairs(keys: str, rule: Rule, number: int) -> str:
    """The pairs of one rule, with its number."""
    return (
        f"select l.record_key as record_key_a, r.record_key as record_key_b, {number} as rule_number "
        f"from {keys} as l inner join {keys} as r on {same_block(rule)} and l.record_key < r.record_key"
    )


def without(blocks: Iterable[str]) -> str:
    """What leaves out of a rule's pairs those that the blocks of rules before it have: no pair is made twice."""
    return "".join(f" and not coalesce({block}, false)" for block in blocks)


def candidate_pairs(keys: str, blocking: tuple[Rule, ...]) -> str:
    """Pairs of record keys, the lower one first, each once, with the number of the first rule that found it."""
    blocks = [same_block(rule) for rule in blocking]
    return "\nunion all\n".join(
        rule_pairs(keys, rule, place) + without(blocks[:place]) for place, rule in enumerate(blocking)
    )


def compared_pairs(keys: str, pairs: str, frequencies: str, comparisons: tuple[Comparison, ...], dialect: str) -> str:
    """Pairs with the level of each comparison (``level_x``) and how common the shared values are (``shared_x``)."""
    columns = frequency_columns(comparisons)
    looked_at = sorted(set().union(*(columns_of(item) for item in comparisons)))
    shared = "".join(f",\n    {_shared_frequency(name)} as shared_{name}" for name in columns)
    return f"""with

keys as (
    select
        known.record_key{_lines_after(f"known.{name}" for name in looked_at)}{
        _lines_after(f"{_frequency(name)} as tf_{name}" for name in columns)
    }
    from {keys} as known
    {"    ".join(_frequency_join(name, frequencies) for name in columns)}
)

select
    pairs.record_key_a,
    pairs.record_key_b,
    pairs.rule_number,
    {_lines(f"{level_number(item, _LEFT, _RIGHT, dialect)} as level_{item.name}" for item in comparisons)}{shared}
from {pairs} as pairs
inner join keys as l
    on pairs.record_key_a = l.record_key
inner join keys as r
    on pairs.record_key_b = r.record_key"""


def weighed_pairs(compared: str, weights: str, comparisons: tuple[Comparison, ...]) -> str:
    """Compared pairs with their weights in bits, that of each comparison (``weight_x``) as evidence.

    ``match_weight`` and ``match_probability`` are Splink's: one person against chance. ``moved_weight`` is that of one
    person whose home changed, which then says nothing; ``household_weight`` of two people of one household,
    ``namesake_weight`` of two with one name. ``link_weight`` and ``link_probability`` are one person, moved or not,
    against household, namesakes and chance.
    """
    return f"""with

weights as (
    select
        {_pivot(comparisons)}
    from {weights}
),

weighed as (
    select
        compared.*,
        weights.match_{PRIOR}_0 as weight_prior,
        weights.match_{MOVED}_0 as weight_moved,
        {_lines(f"{_weight(item)} as weight_{item.name}" for item in comparisons)},
        weights.household_{PRIOR}_0 + {
        _sum(_household_weight(item, comparisons) for item in comparisons)
    } as household_weight,
        weights.namesake_{PRIOR}_0 + {
        _sum(
            _by_level(item, "namesake", item.levels if item.names == NAME else ()) for item in comparisons if item.names
        )
    } as namesake_weight
    from {compared} as compared
    cross join weights
),

summed as (
    select
        weighed.*,
        weight_prior + {_sum(f"weight_{item.name}" for item in comparisons)} as match_weight,
        weight_moved + {_sum(f"weight_{item.name}" for item in comparisons if not item.home)} as moved_weight,
        greatest(household_weight, namesake_weight)
        + {_one_more("-abs(household_weight - namesake_weight)")} as rival_weight
    from weighed
),

rivalled as (
    select
        summed.*,
        {probability("match_weight")} as match_probability,
        greatest(match_weight, moved_weight) + {_one_more("-abs(match_weight - moved_weight)")}
        - ({_one_more("rival_weight")}) as link_weight
    from summed
)

select
    rivalled.*,
    {probability("link_weight")} as link_probability
from rivalled"""


def adjustments(comparisons: tuple[Comparison, ...], levels: Levels) -> tuple[str, str, str, str]:
    """The term-frequency parts of the weights of one person, a mover, a household, namesakes, over compared pairs."""

    def of(items: tuple[Comparison, ...]) -> str:
        return _sum(
            f"case level_{item.name} when {number} then "
            f"{_rarity(repr(levels[item.name][number].rarity), repr(_log_u(levels, item, number)), level)} else 0 end"
            for item in items
            for number, level in _frequent(item)
        )

    return (
        of(comparisons),
        of(tuple(item for item in comparisons if not item.home)),
        of(tuple(item for item in comparisons if not item.person)),
        of(tuple(item for item in comparisons if item.names == NAME)),
    )


def probability(weight: str) -> str:
    """A match weight (base-2 log odds) as a probability; weights beyond 1,000 are as good as certain."""
    bounded = f"least(greatest({weight}, -1000), 1000)"
    return f"1 / (1 + power(cast(2 as double), -({bounded})))"


def _one_more(weight: str) -> str:
    """The base-2 logarithm of one and of two to the ``weight``."""
    return (
        f"case when {weight} > 60 then {weight} "
        f"when {weight} > -60 then ln(1 + power(cast(2 as double), {weight})) / ln(2) else 0 end"
    )


def _lines(items: Iterable[str]) -> str:
    return ",\n        ".join(items)


def _lines_after(items: Iterable[str]) -> str:
    return "".join(f",\n        {item}" for item in items)


def _sum(items: Iterable[str]) -> str:
    return "\n            + ".join(items) or "0"


def _frequent(item: Comparison) -> list[tuple[int, Level]]:
    """The levels with term frequencies, by number."""
    return [(item.number(place), level) for place, level in enumerate(item.levels) if level.term_frequency]


def _log_u(levels: Levels, item: Comparison, number: int) -> float:
    return math.log2(levels[item.name][number].u or 1)


def _pivot(comparisons: tuple[Comparison, ...]) -> str:
    """All weights as one row: ``match_x_3``, ``household_x_3`` of comparison x at level 3, ``log_u_x_3`` its u."""
    wanted = [(PRIOR, 0), (MOVED, 0)] + [(item.name, number) for item in comparisons for number, _ in labels(item)]
    cells = []
    for name, number in wanted:
        at = f"comparison_name = '{name}' and comparison_level = {number}"
        cells.append(f"max(case when {at} then match_weight end) as match_{name}_{number}")
        cells.append(f"max(case when {at} then household_weight end) as household_{name}_{number}")
        cells.append(f"max(case when {at} then namesake_weight end) as namesake_{name}_{number}")
    for item in comparisons:
        for number, _ in _frequent(item):
            at = f"comparison_name = '{item.name}' and comparison_level = {number}"
            cells.append(f"max(case when {at} then ln(u_probability) / ln(2) end) as log_u_{item.name}_{number}")
            cells.append(f"max(case when {at} then term_frequency_weight end) as rarity_{item.name}_{number}")
    return _lines(cells)


def _weight(item: Comparison) -> str:
    return _by_level(item, "match", item.levels)


def _household_weight(item: Comparison, comparisons: tuple[Comparison, ...]) -> str:
    # What two people of a household share of what tells persons apart, they share by chance: how rare it is says
    # nothing. An address or a family name that is rare is as rare for them as for one person.
    household = _by_level(item, "household", () if item.person else item.levels)
    given = [other for other in comparisons if other.names == NAME and other.person]
    if item.names != MADE_OF_NAMES or not given:
        return household
    # Of two with one given name it is as alike as of any namesakes: father and son.
    same = " and ".join(f"compared.level_{other.name} > 0" for other in given)
    return f"case when {same} then greatest({household}, {_by_level(item, 'namesake', ())}) else {household} end"


def _by_level(item: Comparison, which: str, levels: tuple[Level, ...]) -> str:
    rare = {number: level for number, level in _frequent(item) if level in levels}
    whens = []
    for number, _ in labels(item):
        value = f"weights.{which}_{item.name}_{number}"
        if number in rare:
            place = f"{item.name}_{number}"
            value += " + " + _rarity(f"weights.rarity_{place}", f"weights.log_u_{place}", rare[number])
        whens.append(f"when {number} then {value}")
    return f"case compared.level_{item.name} {' '.join(whens)} else 0 end"


def _rarity(counts: str, log_u: str, level: Level) -> str:
    # A value that training has not seen has no frequency: the level's own weight stands.
    return f"coalesce({counts} * ({log_u} - ln(shared_{level.columns[0]}) / ln(2)), 0)"


def _frequency(column: str) -> str:
    return f"tf_{column}.term_frequency"


def _frequency_join(column: str, frequencies: str) -> str:
    return (
        f"left join {frequencies} as tf_{column} "
        f"on tf_{column}.column_name = '{column}' and known.{column} = tf_{column}.term"
    )


def _shared_frequency(column: str) -> str:
    a, b = f"l.tf_{column}", f"r.tf_{column}"
    return f"greatest(coalesce({a}, {b}), coalesce({b}, {a}))"
