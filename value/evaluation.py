"""How right the models are on purchases that they have not seen: learnt up to a day, compared with what came after."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from value import ValueModelError, bg_nbd, gamma_gamma
from value.bg_nbd import BgNbd, Histories
from value.expectation import Floats
from value.gamma_gamma import GammaGamma
from value.purchases import UNITS, Loaded, Summaries, load, summaries

# From so many repeat purchases on, customers are one line of the comparison.
MANY = 7


@dataclass(frozen=True)
class Evaluation:
    """Times are in ``unit``; money in the file's currency; a purchase is a day on which somebody bought.

    ``tracking`` is of all repeat purchases of the holdout by what is expected of customers of that age, whoever they
    are; ``holdout`` by what is expected of each, given what they did. ``naive`` takes it that each goes on as before.
    """

    customers: int
    repeat_customers: int
    calibration_end: str
    holdout_end: str
    unit: str
    holdout_length: float
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    p: float
    q: float
    v: float
    holdout_purchases: int
    holdout_expected: float
    tracking_expected: float
    mae: float
    rmse: float
    naive_mae: float
    naive_rmse: float
    holdout_spent: float
    holdout_expected_value: float
    value_mae: float
    seconds: float


@dataclass(frozen=True)
class Evaluated:
    """The figures, the models, what was read, and by number of repeat purchases (MANY or more are one): customers,
    purchases expected and made, per customer."""

    figures: Evaluation
    purchases: BgNbd
    spend: GammaGamma
    loaded: Loaded
    by_repeats: tuple[tuple[int, int, float, float], ...]


def evaluate(file: Path, *, customer: str, day: str, amount: str, end: date, unit: str = "weeks") -> Evaluated:
    """Learn from what is up to ``end``, that day too, and compare with the rest. Raises ValueModelError."""
    began = time.monotonic()
    with duckdb.connect() as connection:
        loaded = load(connection, file, customer=customer, day=day, amount=amount)
        if loaded.newest <= end:
            raise ValueModelError(
                f"The newest purchase is of {loaded.newest}, so nothing after {end} is left to compare with: "
                "give an earlier end of the calibration."
            )
        known = summaries(connection, end, unit)
    if not len(known.x):
        raise ValueModelError(f"Nobody bought by {end}: give a later end of the calibration.")
    length = (loaded.newest - end).days / UNITS[unit]
    model = bg_nbd.fit(Histories.of(known.x, known.last, known.age))
    spend = gamma_gamma.fit(known.x, known.mean)
    expected = model.expected(known.x, known.last, known.age, length)
    tracked = model.expected_of_a_new_one(known.age + length) - model.expected_of_a_new_one(known.age)
    naive = np.where(known.age > 0, known.x / np.where(known.age > 0, known.age, 1.0), 0.0) * length
    # Whoever has no finite mean has none that could be added up.
    worth = expected * np.nan_to_num(spend.expected(known.x, known.mean))
    mae, rmse = _errors(expected, known.bought_later)
    naive_mae, naive_rmse = _errors(naive, known.bought_later)
    figures = Evaluation(
        customers=len(known.x),
        repeat_customers=int((known.x > 0).sum()),
        calibration_end=end.isoformat(),
        holdout_end=loaded.newest.isoformat(),
        unit=unit,
        holdout_length=round(length, 4),
        r=round(model.r, 6),
        alpha=round(model.alpha, 6),
        a=round(model.a, 6),
        b=round(model.b, 6),
        log_likelihood=round(model.log_likelihood, 4),
        p=round(spend.p, 6),
        q=round(spend.q, 6),
        v=round(spend.v, 6),
        holdout_purchases=int(known.bought_later.sum()),
        holdout_expected=round(float(expected.sum()), 3),
        tracking_expected=round(float(tracked.sum()), 3),
        mae=mae,
        rmse=rmse,
        naive_mae=naive_mae,
        naive_rmse=naive_rmse,
        holdout_spent=round(float(known.spent_later.sum()), 2),
        holdout_expected_value=round(float(worth.sum()), 2),
        value_mae=_errors(worth, known.spent_later)[0],
        seconds=round(time.monotonic() - began, 2),
    )
    return Evaluated(figures, model, spend, loaded, _by_repeats(known, expected))


def _errors(expected: Floats, made: Floats) -> tuple[float, float]:
    """Mean absolute error, and the root of the mean squared one, per customer."""
    off = expected - made
    return round(float(np.abs(off).mean()), 6), round(float(np.sqrt((off**2).mean())), 6)


def _by_repeats(known: Summaries, expected: Floats) -> tuple[tuple[int, int, float, float], ...]:
    groups = np.minimum(known.x, MANY)
    lines = []
    for repeats in range(MANY + 1):
        mine = groups == repeats
        if number := int(mine.sum()):
            lines.append((repeats, number, float(expected[mine].mean()), float(known.bought_later[mine].mean())))
    return tuple(lines)
