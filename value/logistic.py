"""Regularised logistic regression: how likely something is to happen, as a sum that can be read part by part.

Features are set to mean 0 and deviation 1 over the examples, so that weights compare and one penalty fits all; what is
published is in the features' own units. The penalty is half the sum of squared weights: weights are taken to be about
as large as 1 before anything is known. The intercept has none, so expected and observed outcomes agree in sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from value import ValueModelError
from value.expectation import Floats

PENALTY = 1.0
# Fewer examples of either outcome say more about chance than about customers.
FEWEST = 30


@dataclass(frozen=True)
class Logistic:
    """The log-odds are ``intercept`` plus, for each feature, weight * (value - mean) / deviation.

    A feature that never varied has weight 0 and deviation 1.
    """

    features: tuple[str, ...]
    intercept: float
    weights: tuple[float, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    examples: int
    outcomes: int
    log_loss: float

    def probability(self, values: Floats) -> Floats:
        """Of rows of features, in the order of ``features``."""
        scaled = (values - np.array(self.means)) / np.array(self.deviations)
        return _squashed(self.intercept + scaled @ np.array(self.weights))


def fit(features: Sequence[str], values: Floats, happened: Floats) -> Logistic:
    """The weights that make the outcomes (1 or 0) likeliest, less the penalty; rows of ``values`` are examples.

    Raises ValueModelError where too few of either outcome are there.
    """
    from scipy.optimize import minimize

    outcomes = int(happened.sum())
    fewest = min(outcomes, len(happened) - outcomes)
    if fewest < FEWEST:
        raise ValueModelError(
            f"{outcomes} of {len(happened)} examples had the outcome; {FEWEST} that had it and {FEWEST} that had not "
            "are needed: learn when there is more history."
        )
    means = values.mean(axis=0)
    spread = values.std(axis=0)
    varies = spread > 1e-9
    deviations = np.where(varies, spread, 1.0)
    scaled = np.where(varies, (values - means) / deviations, 0.0)
    size = float(len(happened))

    def cost(parameters: Floats) -> tuple[float, Floats]:
        odds = parameters[0] + scaled @ parameters[1:]
        off = _squashed(odds) - happened
        slope = np.concatenate([[off.sum()], scaled.T @ off + PENALTY * parameters[1:]])
        found = np.logaddexp(0.0, odds).sum() - happened @ odds + PENALTY / 2 * float(parameters[1:] @ parameters[1:])
        return float(found) / size, slope / size

    share = outcomes / size
    start = np.zeros(len(features) + 1)
    start[0] = np.log(share / (1 - share))
    done = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-14, "gtol": 1e-10})
    odds = done.x[0] + scaled @ done.x[1:]
    loss = float(np.logaddexp(0.0, odds).sum() - happened @ odds) / size
    weights = np.where(varies, done.x[1:], 0.0)
    return Logistic(
        tuple(features),
        float(done.x[0]),
        tuple(float(weight) for weight in weights),
        tuple(float(mean) for mean in means),
        tuple(float(deviation) for deviation in deviations),
        len(happened),
        outcomes,
        loss,
    )


def _squashed(odds: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(odds, -700.0, 700.0)))
    return found
