"""Comparison levels as SQL, in the dialect of the warehouse.

The same text is what Splink trains on and what scores: two records' columns come in as expressions, a number comes out.
Jaro-Winkler is a whole percentage of lower-cased text everywhere, because DuckDB's runs from 0 to 1 and minds the case,
and Snowflake's runs from 0 to 100 and does not.
"""

from __future__ import annotations

from collections.abc import Callable

from contracts.matching import Comparison, Level, Part

DIALECTS = ("duckdb", "snowflake")
# A column of one of the two records, as an expression.
Side = Callable[[str], str]


def of_table(alias: str) -> Side:
    """Columns of a relation: ``alias.column``."""
    return lambda column: f"{alias}.{column}"


def with_suffix(suffix: str) -> Side:
    """Columns of one wide row: ``column_l``."""
    return lambda column: f"{column}_{suffix}"


def condition(level: Level, left: Side, right: Side, dialect: str) -> str:
    """Whether two records agree at this level; null where a column is. Raises ValueError for an unknown dialect."""
    if dialect not in DIALECTS:
        raise ValueError(f"{dialect!r} is no dialect of {', '.join(DIALECTS)}")
    if level.kind == "swapped":
        first, second = level.columns
        ways = ((left(first), right(second)), (left(second), right(first)))
        alike = " and ".join(_jaro_winkler(a, b, level.threshold, dialect) for a, b in ways)
        return f"({alike})"
    a, b = left(level.columns[0]), right(level.columns[0])
    return _KINDS[level.kind](a, b, level.threshold, dialect)


def is_missing(comparison: Comparison, left: Side, right: Side) -> str:
    """Whether one of the records lacks the column, so that the comparison says nothing."""
    return f"{left(comparison.column)} is null or {right(comparison.column)} is null"


def level_number(comparison: Comparison, left: Side, right: Side, dialect: str) -> str:
    """The number of the first level that holds: the strictest has the highest, 0 differs, -1 is unknown."""
    whens = "".join(
        f" when {condition(level, left, right, dialect)} then {comparison.number(place)}"
        for place, level in enumerate(comparison.levels)
    )
    return f"case when {is_missing(comparison, left, right)} then -1{whens} else 0 end"


def part(item: Part, side: Side) -> str:
    """What a rule of blocking compares: a column or its first letters."""
    column = side(item.column)
    return column if item.letters is None else f"left({column}, {item.letters})"


def _exact(a: str, b: str, threshold: int | None, dialect: str) -> str:
    return f"{a} = {b}"


def _levenshtein(a: str, b: str, threshold: int | None, dialect: str) -> str:
    function = "editdistance" if dialect == "snowflake" else "levenshtein"
    return f"{function}({a}, {b}) <= {threshold}"


def _jaro_winkler(a: str, b: str, threshold: int | None, dialect: str) -> str:
    if dialect == "snowflake":
        # https://docs.snowflake.com/en/sql-reference/functions/jarowinkler_similarity: 0 to 100, a whole number.
        return f"jarowinkler_similarity(lower({a}), lower({b})) >= {threshold}"
    return f"floor(jaro_winkler_similarity(lower({a}), lower({b})) * 100 + 0.000001) >= {threshold}"


def _prefix(a: str, b: str, threshold: int | None, dialect: str) -> str:
    shorter = f"least(length({a}), length({b}))"
    return f"({shorter} >= {threshold} and left({a}, {shorter}) = left({b}, {shorter}))"


def _date_distance(a: str, b: str, threshold: int | None, dialect: str) -> str:
    # Both spell it so: DuckDB takes the unit as text, Snowflake as text or word.
    return f"abs(datediff('day', {a}, {b})) <= {threshold}"


def _array_overlap(a: str, b: str, threshold: int | None, dialect: str) -> str:
    if dialect == "snowflake":
        return f"array_size(array_intersection({a}, {b})) >= {threshold}"
    return f"len(list_intersect({a}, {b})) >= {threshold}"


_KINDS: dict[str, Callable[[str, str, int | None, str], str]] = {
    "exact": _exact,
    "levenshtein": _levenshtein,
    "jaro_winkler": _jaro_winkler,
    "prefix": _prefix,
    "date_distance": _date_distance,
    "array_overlap": _array_overlap,
}
