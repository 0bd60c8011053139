"""What Splink learns of records: how often each level holds for one person (m), and how often by chance (u).

Everything is seeded, and pairs are limited: the same records give the same weights, and a million take no longer than
a hundred thousand. A comparison whose column is empty is left out of the model: it says nothing.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from typing import Any

import duckdb

from contracts.matching import Comparison, Matching, Rule
from matching import MatchingError
from matching.levels import condition, is_missing, part, with_suffix
from matching.model import Levels, Model, Probabilities, columns_of, labels

# Fewer pairs of a training rule than this teach nothing.
_PAIRS_THAT_TEACH = 20
# The share of pairs that are one person before any is seen; the rounds after Splink's find it.
_PRIOR_BEFORE = 0.0001
# m of a level that the sessions did not show while they showed others.
_RARE = 0.001
# Sessions that teach a comparison; what more of them say, the rounds say better.
_SESSIONS_EACH = 2
_LEFT, _RIGHT = with_suffix("l"), with_suffix("r")


def train(connection: duckdb.DuckDBPyConnection, keys: str, matching: Matching) -> Model:
    """What Splink estimates from the table ``keys``; the start of the rounds that follow (matching/rounds.py).

    Raises MatchingError when the records cannot teach anything.
    """
    comparisons = usable(connection, keys, matching.comparisons)
    if not comparisons:
        raise MatchingError("No column has two values to compare; map at least names and a date of birth.")
    rules = [rule for rule in matching.training if _pairs(connection, keys, rule) >= _PAIRS_THAT_TEACH]
    levels = _estimated(connection, keys, comparisons, rules, matching)
    levels = {item.name: _filled(connection, keys, item, levels[item.name], matching) for item in comparisons}
    return Model(comparisons, matching.blocking, _PRIOR_BEFORE, _PRIOR_BEFORE, levels)


def usable(
    connection: duckdb.DuckDBPyConnection, keys: str, comparisons: tuple[Comparison, ...]
) -> tuple[Comparison, ...]:
    """The comparisons whose column at least two records have, with more than one value."""
    columns = ", ".join(f"count(distinct {item.column})" for item in comparisons)
    (counts,) = connection.execute(f"select {columns} from {keys}").fetchall()
    return tuple(item for item, values in zip(comparisons, counts, strict=True) if values > 1)


def _pairs(connection: duckdb.DuckDBPyConnection, keys: str, rule: Rule) -> int:
    parts = [part(item, lambda column: column) for item in rule.parts]
    known = " and ".join(f"{item} is not null" for item in parts)
    ((pairs,),) = connection.execute(
        f"select coalesce(sum(records * (records - 1) / 2), 0) from ("
        f"select count(*) as records from {keys} where {known} group by {', '.join(parts)}) as blocks"
    ).fetchall()
    return int(pairs)


def _estimated(
    connection: duckdb.DuckDBPyConnection,
    keys: str,
    comparisons: tuple[Comparison, ...],
    rules: list[Rule],
    matching: Matching,
) -> Levels:
    """m and u of each level by Splink.

    A rule that holds nothing of a person (a street, a family name) finds households: on its pairs only what tells
    persons apart is learnt, and of that only what the other rules leave open. Two neighbours share a postcode.
    """
    persons = tuple(item for item in comparisons if item.person)
    told_apart = {column for item in persons for column in columns_of(item)}
    of_persons = [rule for rule in rules if told_apart & {part.column for part in rule.parts}]
    levels = _sessions(connection, keys, comparisons, of_persons, matching)
    open_still = any(found.m is None for item in persons for found in levels[item.name].values())
    of_households = [rule for rule in rules if rule not in of_persons]
    if persons and open_still and of_households:
        for name, found in _sessions(connection, keys, persons, of_households, matching).items():
            if all(level.m is None for level in levels[name].values()):
                levels[name] = found
    return levels


def _sessions(
    connection: duckdb.DuckDBPyConnection,
    keys: str,
    comparisons: tuple[Comparison, ...],
    rules: list[Rule],
    matching: Matching,
) -> Levels:
    from splink import DuckDBAPI, Linker, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api = DuckDBAPI(connection)
        linker = Linker(api.register(keys), splink_settings(comparisons), log_level=logging.ERROR)
        linker.training.estimate_u_using_random_sampling(
            max_pairs=matching.random_pairs, seed=matching.seed, min_count_per_level=None, num_chunks=1
        )
        taught: Counter[str] = Counter()
        for rule in rules:
            blocked = {part.column for part in rule.parts}
            learners = [item.name for item in comparisons if not blocked & columns_of(item)]
            if all(taught[name] >= _SESSIONS_EACH for name in learners):
                continue
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    block_on(*(part(item, lambda column: column) for item in rule.parts)),
                    max_pairs=matching.pairs_per_rule,
                    estimate_without_term_frequencies=True,
                )
            except duckdb.Error:
                raise
            except Exception:  # Splink has no public class for it: m came to nothing, or the sample held no pair.
                # Its linker is left half changed: begin anew without the rule.
                others = [other for other in rules if other != rule]
                return _sessions(connection, keys, comparisons, others, matching)
            taught.update(learners)
        saved = linker.misc.save_model_to_json()
        linker.table_management.invalidate_cache()
    return _levels(saved, comparisons)


def splink_settings(comparisons: tuple[Comparison, ...], **more: Any) -> Any:
    """Splink's settings for these comparisons, to train or to predict with."""
    from splink import SettingsCreator

    given = {"blocking_rules_to_generate_predictions": [], "retain_matching_columns": False} | more
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_key",
        comparisons=[splink_comparison(item) for item in comparisons],
        **given,
    )


def splink_model(model: Model, **more: Any) -> dict[str, Any]:
    """Settings with the weights of the model: Splink's predict then gives our match weights."""
    settings: dict[str, Any] = splink_settings(
        model.comparisons, probability_two_random_records_match=model.prior, **more
    ).create_settings_dict("duckdb")
    for comparison in settings["comparisons"]:
        levels = model.levels[comparison["output_column_name"]]
        known = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for number, level in zip(sorted(levels, reverse=True), known, strict=True):
            level["m_probability"], level["u_probability"] = levels[number].m, levels[number].u
            if "tf_adjustment_column" in level:
                level["tf_adjustment_weight"] = levels[number].rarity
    return settings


def splink_comparison(comparison: Comparison) -> dict[str, Any]:
    """The comparison as Splink takes it: the very SQL that scores."""
    levels: list[dict[str, Any]] = [
        {"sql_condition": is_missing(comparison, _LEFT, _RIGHT), "label_for_charts": "unknown", "is_null_level": True}
    ]
    for level in comparison.levels:
        made: dict[str, Any] = {
            "sql_condition": condition(level, _LEFT, _RIGHT, "duckdb"),
            "label_for_charts": level.label,
        }
        if level.term_frequency:
            made |= {"tf_adjustment_column": level.columns[0], "tf_adjustment_weight": 1.0}
        levels.append(made)
    levels.append({"sql_condition": "ELSE", "label_for_charts": "differs"})
    return {"output_column_name": comparison.name, "comparison_levels": levels}


def _levels(model: dict[str, Any], comparisons: tuple[Comparison, ...]) -> Levels:
    found: Levels = {}
    saved = {item["output_column_name"]: item["comparison_levels"] for item in model["comparisons"]}
    for comparison in comparisons:
        known = [level for level in saved[comparison.name] if not level.get("is_null_level")]
        found[comparison.name] = {
            number: Probabilities(level.get("m_probability"), level.get("u_probability"))
            for (number, _), level in zip(labels(comparison), known, strict=True)
        }
    return found


def _filled(
    connection: duckdb.DuckDBPyConnection,
    keys: str,
    item: Comparison,
    found: dict[int, Probabilities],
    matching: Matching,
) -> dict[int, Probabilities]:
    """The levels with what the samples were too small to show.

    Two random records rarely share an email: how often they do follows from how common each value is. Other levels
    that chance did not show are taken as half a pair of the sample, and those that no session shows as rare.
    """
    untaught = all(level.m is None for level in found.values())
    filled = {}
    for number, level in found.items():
        m = level.m or (_RARE if not untaught else 0.1 if number == 0 else 0.9 / (len(found) - 1))
        u = level.u
        if not u:
            kind = item.levels[len(item.levels) - number] if number else None
            u = 0.5 / matching.random_pairs
            if kind and kind.kind == "exact" and len(kind.columns) == 1:
                u = max(u, _chance(connection, keys, kind.columns[0]))
        filled[number] = Probabilities(m, u)
    return filled


def _chance(connection: duckdb.DuckDBPyConnection, keys: str, column: str) -> float:
    """How often two records that have the column have the same value."""
    ((share,),) = connection.execute(
        f"select coalesce(sum(records * (records - 1)) / nullif(sum(records) * (sum(records) - 1), 0), 0) from ("
        f"select cast(count(*) as double) as records from {keys} where {column} is not null group by {column}) as found"
    ).fetchall()
    return float(share)
