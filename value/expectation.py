"""How often a customer who is still one will buy: the conditional expectation of BG/NBD as a sum over fixed nodes.

The published formula needs Gauss's 2F1, which no warehouse has and whose series either cancels or crawls. It is the
mean of a plain function, though. Who is still a customer buys at a rate that is Gamma(r + x, alpha + T), and leaves
after a purchase with a probability p that is Beta(a, b + x); for one p the expected purchases in a time t are

    (1 - (1 + z p) ** -(r + x)) / p,   z = t / (alpha + T)

Their mean over p is taken by the trapezoid rule, over u = logit(p) = mode + scale * sinh(v): the integrand is smooth
and falls off doubly exponentially, so the rule converges exponentially. All terms are positive: nothing cancels, a = 1
is no exception, and the weights need no Beta function, for they are divided by their own sum. The model
``int_finance__purchase_expectations`` is the same in SQL. Times are in the model's unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Nodes of the trapezoid rule; proven against 2F1 and by doubling them in tests/value/test_expectation.py.
NODES = 160
# The integrand is followed down to exp(-40) of its peak.
TAIL = 40.0
# Under this, 1 - (1 + z p) ** -R is taken from its series: subtracting would leave rounding alone.
SMALL = 1e-5


def expected_purchases_if_alive(
    parameters: tuple[float, float, float, float], x: Floats, age: Floats, horizon: Floats | float, nodes: int = NODES
) -> Floats:
    """Purchases in the next ``horizon`` of customers of ``age`` (T) with ``x`` repeat purchases who are still alive.

    ``parameters`` are r, alpha, a, b; x and age 0 are somebody who has just become a customer.
    """
    r, alpha, a, b = parameters
    shape, left = (np.broadcast_to(value, np.broadcast(x, age, horizon).shape) for value in (r + x, b + x))
    z = np.asarray(horizon / (alpha + age), dtype=np.float64)
    mode = np.log(a / left)
    scale = np.minimum(1.0, np.sqrt(1.0 / a + 1.0 / left))
    first = -np.arcsinh((TAIL + (a + left) * np.log1p(a / left)) / (a * scale))
    last = np.arcsinh((TAIL + (a + left) * np.log1p(left / a)) / (left * scale))
    peak = a * mode - (a + left) * np.log1p(a / left)
    weights = np.zeros_like(z)
    weighted = np.zeros_like(z)
    for node in range(nodes):
        v = first + (last - first) * node / (nodes - 1)
        u = mode + scale * np.sinh(v)
        weight = np.exp(a * u - (a + left) * (np.maximum(u, 0) + np.log1p(np.exp(-np.abs(u)))) - peak) * np.cosh(v)
        p = np.maximum(1e-300, np.exp(np.minimum(u, 0)) / (1.0 + np.exp(-np.abs(u))))
        grown = z * p
        value = np.where(
            grown * (shape + 1.0) < SMALL,
            shape * z * (1.0 - (shape + 1.0) * grown / 2.0),
            (1.0 - np.exp(-shape * np.log1p(grown))) / p,
        )
        weights += weight
        weighted += weight * value
    result: Floats = weighted / weights
    return result
