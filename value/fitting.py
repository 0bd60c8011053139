"""Maximum likelihood for parameters that are positive: several starts, within bounds, on their logarithms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from value import ValueModelError
from value.expectation import Floats

# The log-likelihood of parameters, and its derivative by each of them.
Likelihood = Callable[[Floats], tuple[float, Floats]]
# Nearer than this to a bound, on the logarithmic scale, a parameter is said to be at the edge.
EDGE = 1e-3


@dataclass(frozen=True)
class Fit:
    """The parameters in the order asked, their log-likelihood, and the names of those that ran into a bound."""

    parameters: tuple[float, ...]
    log_likelihood: float
    at_edge: tuple[str, ...]


def maximum(
    likelihood: Likelihood,
    names: Sequence[str],
    starts: Sequence[Sequence[float]],
    bounds: Sequence[tuple[float, float]],
    *,
    size: float,
) -> Fit:
    """The best of what L-BFGS-B finds from each start; ``size`` (the customers) keeps tolerances alike for all data.

    Raises ValueModelError when no start settles.
    """
    from scipy.optimize import minimize

    limits = np.log(np.asarray(bounds, dtype=np.float64))

    def cost(logs: Floats) -> tuple[float, Floats]:
        parameters = np.exp(logs)
        found, slope = likelihood(parameters)
        return -found / size, -slope * parameters / size

    best = None
    for start in starts:
        with np.errstate(over="ignore", invalid="ignore"):
            done = minimize(
                cost,
                np.clip(np.log(start), limits[:, 0], limits[:, 1]),
                jac=True,
                method="L-BFGS-B",
                bounds=limits,
                options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-14, "gtol": 1e-9},
            )
        if np.isfinite(done.fun) and (best is None or done.fun < best.fun):
            best = done
    if best is None:
        raise ValueModelError(
            "The likelihood has no maximum that can be found: look for amounts or dates that cannot be true."
        )
    edges = tuple(
        name
        for name, log, (low, high) in zip(names, best.x, limits, strict=True)
        if log - low < EDGE or high - log < EDGE
    )
    return Fit(tuple(float(value) for value in np.exp(best.x)), float(-best.fun * size), edges)
