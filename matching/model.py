"""What training leaves behind: one version of the tables ``match_weights`` and ``term_frequencies``.

Grain of match_weights: one row per comparison and level, ``else`` included, and two for the priors: ``prior`` (m the
share of all pairs that are one person, u the rest, h two people of one household, n two namesakes) and ``moved`` (m the
share that are one person who moved in between). Weights are base-2 logarithms.
Grain of term_frequencies: one row per column and value; the share of the records with the column that have the value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from contracts.matching import Comparison, Rule
from matching import MatchingError

PRIOR = "prior"
MOVED = "moved"
# Bits that no evidence makes up for.
NEVER = -1000.0
WEIGHT_COLUMNS = {
    "model_version": "varchar",
    "comparison_name": "varchar",
    "comparison_level": "bigint",
    "level_label": "varchar",
    "m_probability": "double",
    "u_probability": "double",
    "h_probability": "double",
    "n_probability": "double",
    "match_weight": "double",
    "household_weight": "double",
    "namesake_weight": "double",
    "term_frequency_column": "varchar",
    "term_frequency_weight": "double",
}
FREQUENCY_COLUMNS = {
    "model_version": "varchar",
    "column_name": "varchar",
    "term": "varchar",
    "term_frequency": "double",
}

WeightRow = tuple[str, str, int, str, float, float, float, float, float, float, float, str | None, float | None]


@dataclass(frozen=True)
class Probabilities:
    """How often a level holds: ``m`` for two records of one person, ``u`` by chance, ``h`` for two of one household.

    ``n`` is of two namesakes, where the comparison has to do with names. None is untrained. ``rarity`` (0 to 1) is how
    much it counts that a shared value is rare or common.
    """

    m: float | None
    u: float | None
    h: float | None = None
    n: float | None = None
    rarity: float = 1.0


Levels = dict[str, dict[int, Probabilities]]


@dataclass(frozen=True)
class Model:
    """What was learnt, and for what. ``levels`` has the probabilities of each comparison by level number.

    ``prior``, ``moved``, ``household`` and ``namesakes`` are shares of all pairs: of one person whose home is compared
    as it was, of one who moved, of two people in a household, of two with one name; 0 where nothing compared can tell.
    ``link`` and ``review`` are link weights: links lie at or above the first, what a person should see between them.
    """

    comparisons: tuple[Comparison, ...]
    blocking: tuple[Rule, ...]
    prior: float
    household: float
    levels: Levels
    link: float = 0.0
    review: float = 0.0
    moved: float = 0.0
    namesakes: float = 0.0

    def check(self) -> None:
        """Raises MatchingError when a level is untrained: its weight would be made up."""
        if not 0 < self.prior < 1:
            raise MatchingError(f"The prior is {self.prior}, not between 0 and 1; train on records that repeat people.")
        for comparison in self.comparisons:
            for number, label in labels(comparison):
                found = self.levels.get(comparison.name, {}).get(number)
                if found is None or not found.m or not found.u or not found.h:
                    raise MatchingError(
                        f"{comparison.name}: the level '{label}' was not trained, so it has no weight; "
                        "train on more records or take the level out of contracts/matching.yml."
                    )

    def weight_rows(self, version: str) -> Iterator[WeightRow]:
        """Rows of match_weights. Raises MatchingError when a level is untrained."""
        self.check()
        rest = 1 - self.prior
        # What cannot be (nobody moves where no home is compared) has a weight that no evidence makes up for.
        match, moved, household, namesakes = (
            weight(share, rest) if share else NEVER
            for share in (self.prior, self.moved, self.household, self.namesakes)
        )
        shares = (self.prior, rest, self.household, self.namesakes)
        yield (version, PRIOR, 0, PRIOR, *shares, match, household, namesakes, None, None)
        yield (version, MOVED, 0, MOVED, self.moved, rest, 0.0, 0.0, moved, NEVER, NEVER, None, None)
        for comparison in self.comparisons:
            for number, label in labels(comparison):
                found = self.levels[comparison.name][number]
                m, u, h = found.m or 0.0, found.u or 0.0, found.h or 0.0
                level = comparison.levels[len(comparison.levels) - number] if number else None
                column = level.columns[0] if level and level.term_frequency else None
                n = found.n or u
                weights = (m, u, h, n, weight(m, u), weight(h, u), weight(n, u))
                yield (version, comparison.name, number, label, *weights, column, found.rarity if column else None)


def labels(comparison: Comparison) -> list[tuple[int, str]]:
    """Number and words of each level, strictest first, with the last one: the values differ."""
    return [(comparison.number(place), level.label) for place, level in enumerate(comparison.levels)] + [(0, "differs")]


def frequency_columns(comparisons: tuple[Comparison, ...]) -> tuple[str, ...]:
    """Columns whose values have frequencies, each once, in order."""
    found = [level.columns[0] for item in comparisons for level in item.levels if level.term_frequency]
    return tuple(dict.fromkeys(found))


def columns_of(comparison: Comparison) -> set[str]:
    """Every column that the comparison looks at."""
    return {comparison.column, *(column for level in comparison.levels for column in level.columns)}


def weight(m: float, u: float) -> float:
    """The base-2 logarithm of how much likelier the level is for one person than for two."""
    return math.log2(m / u)
