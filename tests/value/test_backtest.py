"""The measures of a back-test, against what they mean, counted out."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from value.backtest import measure

pytestmark = [pytest.mark.timeout(120)]

ROWS = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({did for _, did in rows}) == 2
)


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_figures_are_what_they_mean_whatever_the_order(rows: list[tuple[float, bool]]) -> None:
    shown, did = np.array([p for p, _ in rows]), np.array([float(done) for _, done in rows])
    found = measure(shown, did)
    assert found is not None
    pairs = [(a, b) for (a, done), (b, other) in product(rows, rows) if done and not other]
    assert found.auc == pytest.approx(sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs))
    assert found.expected == pytest.approx(shown.sum())
    assert found.brier == pytest.approx(np.mean((shown - did) ** 2))
    assert sum(one.examples for one in found.deciles) == len(rows)
    assert sum(one.examples * one.happened for one in found.deciles) == pytest.approx(did.sum())
    assert sum(one.examples * one.lift for one in found.deciles) == pytest.approx(len(rows))
    assert [one.expected for one in found.deciles] == sorted((one.expected for one in found.deciles), reverse=True)
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    other = measure(shown[order], did[order])
    assert other is not None
    for one, two in zip(found.deciles, other.deciles, strict=True):
        assert (one.expected, one.happened) == pytest.approx((two.expected, two.happened))


def test_tenths_go_from_the_likeliest_down() -> None:
    shown = np.linspace(0.0, 0.99, 100)
    found = measure(shown, (shown > 0.795).astype(np.float64))
    assert found is not None
    assert [one.happened for one in found.deciles] == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert [one.lift for one in found.deciles[:3]] == pytest.approx([5, 5, 0])
    assert found.deciles[0].expected == pytest.approx(0.945)
    assert found.auc == 1
    assert found.base_log_loss == pytest.approx(-(0.2 * math.log(0.2) + 0.8 * math.log(0.8)))


def test_saying_the_same_of_all_tells_nothing_apart() -> None:
    did = np.array([1.0, 0, 0, 0])
    found = measure(np.full(4, 0.25), did)
    assert found is not None
    assert (found.auc, found.log_loss) == pytest.approx((0.5, found.base_log_loss))
    assert {one.lift for one in found.deciles} == {1.0}
    assert measure(np.full(4, 0.25), np.ones(4)) is None
    assert measure(np.zeros(0), np.zeros(0)) is None
