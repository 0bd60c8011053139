"""The SQL that scores gives Splink's own weights and probabilities, term frequencies included."""

from __future__ import annotations

import logging
import math
import warnings
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from contracts.matching import Matching, read
from matching import MatchingError
from matching.evaluation import load_nicknames
from matching.keys import matching_keys
from matching.levels import part
from matching.loading import load_persons
from matching.model import Model, Probabilities
from matching.pipeline import Learnt, learn
from matching.training import splink_model
from tests.needs import published_data

EXACT = 1e-6


def keys_of(connection: duckdb.DuckDBPyConnection, file: Path, truth: str) -> None:
    load_persons(connection, [file], truth=truth)
    load_nicknames(connection)
    connection.execute(f"create table matching_keys as {matching_keys('persons', 'nicknames', 'duckdb')}")


def predict(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """The table ``predicted``: what Splink's own predict says with these weights, blocked by the same rules."""
    from splink import DuckDBAPI, Linker, block_on

    rules = [block_on(*(part(item, lambda column: column) for item in rule.parts)) for rule in model.blocking]
    settings = splink_model(model, blocking_rules_to_generate_predictions=rules)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api = DuckDBAPI(connection)
        linker = Linker(api.register("matching_keys"), settings, log_level=logging.ERROR)
        found = linker.inference.predict()
        connection.execute(f"create or replace table predicted as select * from {found.physical_name}")


def assert_scores_are_splinks(connection: duckdb.DuckDBPyConnection, learnt: Learnt) -> None:
    predict(connection, learnt.model)
    # Splink names the two records in its own order.
    query = (
        "select count(*), count(predicted.match_weight), max(abs(weighed.match_weight - predicted.match_weight)), "
        "max(abs(weighed.match_probability - predicted.match_probability)), count(distinct weighed.match_weight) "
        "from weighed left join predicted on weighed.record_key_a = least(record_key_l, record_key_r) "
        "and weighed.record_key_b = greatest(record_key_l, record_key_r)"
    )
    kept = learnt.model.blocking
    if len(kept) < len([rule for rule in learnt.rules if not rule.refused]):
        query += " where predicted.match_weight is not null"
    ((pairs, theirs, weight, probability, different),) = connection.execute(query).fetchall()
    ((predicted,),) = connection.execute("select count(*) from predicted").fetchall()
    assert theirs == predicted
    assert pairs == theirs
    assert different > 100
    assert weight < EXACT
    assert probability < EXACT


@pytest.mark.timeout(300)
def test_scores_of_fake_1000_are_splinks() -> None:
    file = published_data() / "splink_datasets" / "fake_1000.csv"
    with duckdb.connect() as connection:
        keys_of(connection, file, "cluster")
        assert_scores_are_splinks(connection, learn(connection, read()))


@pytest.mark.timeout(600)
def test_scores_of_50_000_historical_figures_are_splinks() -> None:
    file = published_data() / "splink_datasets" / "historical_figures_with_errors_50k.parquet"
    with duckdb.connect() as connection:
        keys_of(connection, file, "cluster")
        assert_scores_are_splinks(connection, learn(connection, read()))


def test_an_untrained_level_is_refused() -> None:
    matching: Matching = read()
    comparison = next(item for item in matching.comparisons if item.name == "occupation")
    trained = Model(
        (comparison,),
        matching.blocking,
        prior=0.001,
        household=0.001,
        levels={"occupation": {1: Probabilities(0.8, 0.1, 0.1), 0: Probabilities(0.2, 0.9, 0.9)}},
    )
    rows = list(trained.weight_rows("v1"))
    assert [row[1] for row in rows] == ["prior", "moved", "occupation", "occupation"]
    assert rows[2][8] == pytest.approx(math.log2(8))
    for gap in (Probabilities(None, 0.1, 0.1), Probabilities(0.8, None, 0.1), Probabilities(0.8, 0.1, None)):
        untrained = replace(trained, levels={"occupation": {1: gap, 0: Probabilities(0.2, 0.9, 0.9)}})
        with pytest.raises(MatchingError, match="occupation: the level 'exact occupation' was not trained"):
            list(untrained.weight_rows("v1"))
