"""BG/NBD: how often customers buy, and whether they still do (Fader, Hardie and Lee, 2005).

While alive a customer buys at a rate of their own, Gamma(r, alpha) over customers; after each purchase they leave with
a probability of their own, Beta(a, b) over customers. Of a customer it needs x, the repeat purchases (days after the
first), t_x, when the last of them was, and T, how long ago the first purchase was; t_x and T count from the first
purchase, in any one unit of time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from value import ValueModelError
from value.expectation import Floats, expected_purchases_if_alive
from value.fitting import Fit, maximum

# Fewer who came back say nothing about how people come back.
FEWEST_REPEATERS = 10
NAMES = ("r", "alpha", "a", "b")
# Where scores are proven to be exact; alpha's are of the longest T.
BOUNDS = {"r": (1e-3, 100.0), "alpha": (1e-4, 1e4), "a": (1e-3, 1e4), "b": (0.05, 1e5)}
# r, alpha as a share of the mean T, a, b: rare and frequent buyers, those who leave early and late.
STARTS = (
    (0.3, 0.1, 0.8, 2.5),
    (1.0, 0.3, 0.5, 5.0),
    (3.0, 0.5, 0.2, 1.0),
    (0.8, 1.0, 2.0, 2.0),
    (10.0, 2.0, 0.05, 5.0),
)


@dataclass(frozen=True)
class Histories:
    """Distinct x, t_x and T with the number of customers who have them: customers with one history count together."""

    x: Floats
    last: Floats
    age: Floats
    customers: Floats

    @classmethod
    def of(cls, x: Floats, last: Floats, age: Floats) -> Histories:
        """Of one row per customer."""
        rows, customers = np.unique(np.column_stack([x, last, age]), axis=0, return_counts=True)
        return cls(rows[:, 0], rows[:, 1], rows[:, 2], customers.astype(np.float64))


@dataclass(frozen=True)
class BgNbd:
    """Fitted parameters, in the unit of time that the histories have."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    customers: int
    at_edge: tuple[str, ...]

    @property
    def parameters(self) -> tuple[float, float, float, float]:
        """In the order of NAMES."""
        return self.r, self.alpha, self.a, self.b

    def alive(self, x: Floats, last: Floats, age: Floats) -> Floats:
        """The probability that customers are still customers; 1 without a repeat purchase, for nobody left yet."""
        r, alpha, a, b = self.parameters
        odds = np.log(a / np.maximum(b + x - 1, 1e-300)) + (r + x) * np.log((alpha + age) / (alpha + last))
        return np.where(x > 0, 1.0 / (1.0 + np.exp(np.minimum(odds, 700.0))), 1.0)

    def expected(self, x: Floats, last: Floats, age: Floats, horizon: float) -> Floats:
        """Purchases expected in the next ``horizon``."""
        return self.alive(x, last, age) * expected_purchases_if_alive(self.parameters, x, age, horizon)

    def expected_of_a_new_one(self, since: Floats) -> Floats:
        """Repeat purchases expected of anybody in a time ``since`` their first one."""
        nothing = np.zeros_like(since)
        return expected_purchases_if_alive(self.parameters, nothing, nothing, since)


def fit(histories: Histories) -> BgNbd:
    """The parameters that make the histories likeliest. Raises ValueModelError when they say too little."""
    repeaters = int(histories.customers[histories.x > 0].sum())
    if repeaters < FEWEST_REPEATERS:
        raise ValueModelError(
            f"{repeaters} customers bought on more than one day and {FEWEST_REPEATERS} are needed: "
            "learn when more have come back."
        )
    longest, everybody = float(histories.age.max()), float(histories.customers.sum())
    mean = float((histories.age * histories.customers).sum()) / everybody
    bounds = [
        (low * longest, high * longest) if name == "alpha" else (low, high) for name, (low, high) in BOUNDS.items()
    ]
    found: Fit = maximum(
        lambda parameters: _likelihood(parameters, histories),
        NAMES,
        [(r, alpha * mean, a, b) for r, alpha, a, b in STARTS],
        bounds,
        size=everybody,
    )
    r, alpha, a, b = found.parameters
    return BgNbd(r, alpha, a, b, found.log_likelihood, int(everybody), found.at_edge)


def _likelihood(parameters: Floats, histories: Histories) -> tuple[float, Floats]:
    """The log-likelihood and its slope. Two exponentials are added as logarithms: neither may overflow."""
    from scipy.special import gammaln, psi

    r, alpha, a, b = parameters
    x, last, age, number = histories.x, histories.last, histories.age, histories.customers
    back = x > 0
    bought = r + x
    alive = -bought * np.log(alpha + age)
    # Without a repeat purchase nobody has left: that part is absent (log 0).
    before = np.where(back, b + x - 1, 1.0)
    gone = np.where(back, np.log(a / before) - bought * np.log(alpha + last), -np.inf)
    together = np.logaddexp(alive, gone)
    each = (
        gammaln(bought) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        + together
    )  # fmt: skip
    share_alive, share_gone = np.exp(alive - together), np.exp(gone - together)
    both = psi(a + b) - psi(a + b + x)
    slope = (
        psi(bought) - psi(r) + np.log(alpha) - share_alive * np.log(alpha + age) - share_gone * np.log(alpha + last),
        r / alpha - bought * (share_alive / (alpha + age) + share_gone / (alpha + last)),
        both + share_gone / a,
        both + psi(b + x) - psi(b) - share_gone / before,
    )
    return float(number @ each), np.array([number @ part for part in slope])
