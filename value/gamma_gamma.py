"""Gamma-Gamma: for how much customers buy (Fader and Hardie, 2013).

What a customer spends on a day of purchase varies about a mean of their own; the means vary over customers. It needs x,
the repeat purchases, and m, their mean amount in one currency. The model takes it that who buys often does not spend
more or less each time for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from value import ValueModelError
from value.expectation import Floats
from value.fitting import maximum

NAMES = ("p", "q", "v")
# v's are of the mean amount.
BOUNDS = {"p": (1e-2, 1e4), "q": (1e-2, 1e4), "v": (1e-4, 1e5)}
STARTS = ((6.0, 4.0, 0.5), (1.0, 1.5, 1.0), (2.0, 10.0, 5.0), (20.0, 2.0, 0.05))
FEWEST_REPEATERS = 10


@dataclass(frozen=True)
class GammaGamma:
    """Fitted parameters; ``v`` is in the currency of the amounts."""

    p: float
    q: float
    v: float
    log_likelihood: float
    customers: int
    at_edge: tuple[str, ...]

    @property
    def mean(self) -> float | None:
        """What a purchase of anybody is expected to be worth; None where that is infinite (q of 1 or less)."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else None

    def expected(self, x: Floats, mean: Floats) -> Floats:
        """What a future purchase of customers is expected to be worth; NaN where that has no finite mean.

        Between their own mean and everybody's, the nearer to their own the more they bought.
        """
        below = self.p * x + self.q - 1
        own = np.where(x > 0, mean, 0.0)
        return np.where(below > 0, (self.v + x * own) * self.p / np.where(below > 0, below, 1.0), np.nan)


def fit(x: Floats, mean: Floats) -> GammaGamma:
    """The parameters that make the means likeliest; only customers with repeat purchases of some worth count.

    Raises ValueModelError when they say too little.
    """
    counted = (x > 0) & (mean > 0)
    x, mean = x[counted], mean[counted]
    if len(x) < FEWEST_REPEATERS:
        raise ValueModelError(
            f"{len(x)} customers spent anything on a repeat purchase and {FEWEST_REPEATERS} are needed: "
            "learn when more have come back."
        )
    typical = float(mean.mean())
    found = maximum(
        lambda parameters: _likelihood(parameters, x, mean),
        NAMES,
        [(p, q, v * typical) for p, q, v in STARTS],
        [(low * typical, high * typical) if name == "v" else (low, high) for name, (low, high) in BOUNDS.items()],
        size=float(len(x)),
    )
    p, q, v = found.parameters
    return GammaGamma(p, q, v, found.log_likelihood, len(x), found.at_edge)


def _likelihood(parameters: Floats, x: Floats, mean: Floats) -> tuple[float, Floats]:
    from scipy.special import gammaln, psi

    p, q, v = parameters
    shape, total = p * x, v + x * mean
    logs = np.log(total)
    each = (
        gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v)
        + (shape - 1) * np.log(mean) + shape * np.log(x) - (shape + q) * logs
    )  # fmt: skip
    both = psi(shape + q)
    slope = (
        x * (both - psi(shape) + np.log(mean) + np.log(x) - logs),
        both - psi(q) + np.log(v) - logs,
        q / v - (shape + q) / total,
    )
    return float(each.sum()), np.array([part.sum() for part in slope])
