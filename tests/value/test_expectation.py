"""The sum over nodes against the published formula with 2F1, against itself with more nodes, and where 2F1 fails."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1

from value.bg_nbd import BOUNDS
from value.expectation import Floats, expected_purchases_if_alive

pytestmark = [pytest.mark.timeout(120)]

PARAMETERS = list(product((0.05, 0.243, 1.7, 12.0), (0.2, 4.414, 60.0), (0.05, 0.793, 1.6, 9.0), (0.3, 2.426, 40.0)))
HISTORIES = np.array(list(product((0.0, 1.0, 4.0, 29.0, 200.0), (0.0, 7.0, 38.86, 300.0), (0.5, 13.0, 39.0, 104.0))))


def published(parameters: tuple[float, float, float, float], x: Floats, age: Floats, horizon: Floats) -> Floats:
    """The conditional expectation as Fader, Hardie and Lee print it, without the part that is P(alive)."""
    r, alpha, a, b = parameters
    share = horizon / (alpha + age + horizon)
    gauss = hyp2f1(r + x, b + x, a + b + x - 1, share)
    found: Floats = (a + b + x - 1) / (a - 1) * (1 - (1 - share) ** (r + x) * gauss)
    return found


def test_it_is_the_published_formula_over_a_grid() -> None:
    compared = 0
    x, age, horizon = HISTORIES.T
    for parameters in PARAMETERS:
        ours = expected_purchases_if_alive(parameters, x, age, horizon)
        with np.errstate(all="ignore"):
            theirs = published(parameters, x, age, horizon)
        # hyp2f1 overflows for heavy buyers and small alphas: those are the business of the next tests.
        known = np.isfinite(theirs)
        compared += int(known.sum())
        np.testing.assert_allclose(ours[known], theirs[known], rtol=1e-6, atol=1e-9, err_msg=f"{parameters}")
    assert compared > 0.95 * len(PARAMETERS) * len(HISTORIES)


LOGS = [st.floats(np.log(low), np.log(high)) for low, high in (BOUNDS["r"], (1e-3, 100.0), BOUNDS["a"], BOUNDS["b"])]


@settings(max_examples=150, deadline=None)
@given(st.tuples(*LOGS), st.floats(np.log(0.01), np.log(1000)))
def test_more_nodes_change_nothing_wherever_a_fit_may_end(logs: tuple[float, ...], horizon: float) -> None:
    r, alpha, a, b = (float(np.exp(value)) for value in logs)
    x = np.array([0, 0, 0, 1, 2, 5, 20, 100, 1000.0])
    age = np.array([0, 5, 50, 0, 5, 50, 50, 50, 50.0])
    fixed, exact = (
        expected_purchases_if_alive((r, alpha, a, b), x, age, alpha * np.exp(horizon), nodes) for nodes in (160, 480)
    )
    np.testing.assert_allclose(fixed, exact, rtol=1e-6)
    # Nobody buys more often than if they never left.
    assert (fixed <= (r + x) * alpha * np.exp(horizon) / (alpha + age) * (1 + 1e-6)).all()


def test_a_of_one_is_no_exception() -> None:
    x, age, horizon = HISTORIES.T
    at, near = (expected_purchases_if_alive((0.5, 4.0, a, 2.0), x, age, horizon) for a in (1.0, 1.0 + 1e-9))
    np.testing.assert_allclose(at, near, rtol=1e-7)


def test_a_short_time_is_a_rate_times_the_time() -> None:
    found = expected_purchases_if_alive((0.243, 4.414, 0.793, 2.426), np.array([3.0]), np.array([30.0]), 1e-9)
    assert found[0] == pytest.approx(3.243 * 1e-9 / 34.414, rel=1e-9)
