"""Candidate pairs and their scores as SQL, from the tables that training leaves behind.

Runs where the records are: nothing here reads a row. Every expression exists on DuckDB and on Snowflake alike, but for
what levels.py renders by dialect.
"""

from __future__ import annotations

from contracts.matching import Comparison, Rule
from matching.levels import level_number, of_table, part
from matching.model import PRIOR, frequency_columns, labels

_LEFT, _RIGHT = of_table("l"), of_table("r")


def pairs_of_rule(rule: Rule) -> str:
    """How many pairs a rule makes of the relation ``keys``: one row, ``pairs``."""
    parts = [part(item, lambda column: column) for item in rule.parts]
    known = " and ".join(f"{item} is not null" for item in parts)
    return (
        "select coalesce(sum(records * (records - 1) / 2), 0) as pairs from ("
        f"select count(*) as records from {{keys}} where {known} group by {', '.join(parts)}) as blocks"
    )


def candidate_pairs(keys: str, blocking: tuple[Rule, ...]) -> str:
    """Pairs of record keys, the lower one first, each once, with the first rule that found it."""
    selects = []
    for place, rule in enumerate(blocking):
        same = " and ".join(f"{part(item, _LEFT)} = {part(item, _RIGHT)}" for item in rule.parts)
        selects.append(
            f"select l.record_key as record_key_a, r.record_key as record_key_b, {place} as rule_number "
            f"from {keys} as l inner join {keys} as r on {same} and l.record_key < r.record_key"
        )
    union = "\nunion all\n".join(selects)
    return (
        "select record_key_a, record_key_b, min(rule_number) as rule_number "
        f"from (\n{union}\n) as found group by record_key_a, record_key_b"
    )


def scored_pairs(
    keys: str, pairs: str, weights: str, frequencies: str, comparisons: tuple[Comparison, ...], dialect: str
) -> str:
    """Pairs with match weight, probability and the level and weight of each comparison (``level_x``, ``weight_x``).

    ``is_contradicted``: no comparison that tells persons apart agrees, and one differs.
    """
    columns = frequency_columns(comparisons)
    return f"""with

weights as (
    select {_pivot(comparisons)}
    from {weights}
),

keys as (
    select known.*{"".join(f", {_frequency(name)} as tf_{name}" for name in columns)}
    from {keys} as known
    {chr(10).join(_frequency_join(name, frequencies) for name in columns)}
),

compared as (
    select
        pairs.record_key_a,
        pairs.record_key_b,
        pairs.rule_number,
        {_lines(f"{level_number(item, _LEFT, _RIGHT, dialect)} as level_{item.name}" for item in comparisons)}{
        "".join(f",{chr(10)}        {_shared_frequency(name)} as shared_{name}" for name in columns)
    }
    from {pairs} as pairs
    inner join keys as l
        on pairs.record_key_a = l.record_key
    inner join keys as r
        on pairs.record_key_b = r.record_key
),

weighed as (
    select
        compared.*,
        weights.prior_0 as weight_prior,
        {_lines(f"{_weight(item)} as weight_{item.name}" for item in comparisons)}
    from compared
    cross join weights
),

summed as (
    select
        weighed.*,
        weight_prior + {" + ".join(f"weight_{item.name}" for item in comparisons)} as match_weight,
        {_contradiction(comparisons)} as is_contradicted
    from weighed
)

select
    summed.*,
    {probability("match_weight")} as match_probability
from summed"""


def probability(weight: str) -> str:
    """A match weight (base-2 log odds) as a probability; weights beyond 1,000 are as good as certain."""
    bounded = f"least(greatest({weight}, -1000), 1000)"
    return f"1 / (1 + power(cast(2 as double), -({bounded})))"


def _lines(items: object) -> str:
    return ",\n        ".join(items)  # type: ignore[call-overload, no-any-return]


def _pivot(comparisons: tuple[Comparison, ...]) -> str:
    """All weights as one row: ``x_3`` the weight of comparison x at level 3, ``u_x_3`` its u."""
    wanted = [(PRIOR, 0, False)]
    for item in comparisons:
        for number, _ in labels(item):
            frequency = bool(number) and item.levels[len(item.levels) - number].term_frequency
            wanted.append((item.name, number, frequency))
    cells = []
    for name, number, frequency in wanted:
        at = f"comparison_name = '{name}' and comparison_level = {number}"
        cells.append(f"max(case when {at} then match_weight end) as {name}_{number}")
        if frequency:
            cells.append(f"max(case when {at} then ln(u_probability) / ln(2) end) as log_u_{name}_{number}")
    return ",\n        ".join(cells)


def _weight(item: Comparison) -> str:
    whens = []
    for number, _ in labels(item):
        value = f"weights.{item.name}_{number}"
        level = item.levels[len(item.levels) - number] if number else None
        if level and level.term_frequency:
            shared = f"compared.shared_{level.columns[0]}"
            # A value that training has not seen has no frequency: the level's own weight stands.
            value += f" + coalesce(weights.log_u_{item.name}_{number} - ln({shared}) / ln(2), 0)"
        whens.append(f"when {number} then {value}")
    return f"case compared.level_{item.name} {' '.join(whens)} else 0 end"


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


def _contradiction(comparisons: tuple[Comparison, ...]) -> str:
    persons = [f"level_{item.name}" for item in comparisons if item.person]
    if not persons:
        return "false"
    return f"greatest({', '.join(persons)}, -1) = 0"
