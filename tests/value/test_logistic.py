"""Logistic regression: the truth is found again, sums agree, and what cannot be learnt is refused."""

from __future__ import annotations

import numpy as np
import pytest

from value import ValueModelError
from value.expectation import Floats
from value.logistic import fit

pytestmark = [pytest.mark.timeout(120)]

NAMES = ("one", "two", "still")


def made(size: int = 40_000) -> tuple[Floats, Floats, Floats]:
    """Features far from mean 0 and deviation 1, one that never varies, outcomes by known weights, and their odds."""
    chance = np.random.default_rng(4)
    values = np.column_stack([chance.normal(50, 10, size), chance.exponential(0.1, size), np.full(size, 7.0)])
    odds = -1.0 + 0.8 * (values[:, 0] - 50) / 10 - 0.5 * (values[:, 1] - 0.1) / 0.1
    return values, (chance.random(size) < 1 / (1 + np.exp(-odds))).astype(np.float64), odds


def test_the_truth_is_found_again() -> None:
    values, happened, odds = made()
    model = fit(NAMES, values, happened)
    assert model.weights == pytest.approx((0.8, -0.5, 0.0), abs=0.04)
    assert model.intercept == pytest.approx(-1.0, abs=0.04)
    assert (model.weights[2], model.deviations[2]) == (0, 1)
    assert np.abs(model.probability(values) - 1 / (1 + np.exp(-odds))).max() < 0.03
    assert (model.examples, model.outcomes) == (40_000, int(happened.sum()))
    given = np.where(happened > 0, model.probability(values), 1 - model.probability(values))
    assert model.log_loss == pytest.approx(-np.log(given).mean(), rel=1e-9)


def test_expected_and_observed_agree_in_sum_and_no_weight_is_better() -> None:
    values, happened, _ = made(3000)
    model = fit(NAMES, values, happened)
    expected = model.probability(values)
    assert expected.sum() == pytest.approx(happened.sum(), abs=0.01)
    # At the best weights the penalty pulls as hard as the data.
    scaled = (values[:, :2] - values[:, :2].mean(axis=0)) / values[:, :2].std(axis=0)
    assert scaled.T @ (happened - expected) == pytest.approx(np.array(model.weights[:2]), abs=0.01)


def test_one_that_tells_outcomes_apart_wholly_has_a_finite_weight() -> None:
    values = np.repeat([[0.0], [1.0]], 100, axis=0)
    model = fit(("all",), values, values[:, 0])
    assert 1 < model.weights[0] < 10
    assert 0.9 < model.probability(np.array([[1.0]]))[0] < 1


def test_too_few_of_either_outcome_are_refused() -> None:
    values, happened = np.zeros((100, 1)), np.zeros(100)
    happened[:29] = 1
    for outcomes in (happened, 1 - happened):
        with pytest.raises(ValueModelError, match=f"{int(outcomes.sum())} of 100 examples had the outcome; 30 that"):
            fit(("one",), values, outcomes)
