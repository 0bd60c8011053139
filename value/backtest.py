"""How right probabilities were: what was said of customers on a day, and what they did after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from value.expectation import Floats

GROUPS = 10


@dataclass(frozen=True)
class Decile:
    """A tenth of the examples, 1 the likeliest; ``expected`` and ``happened`` are shares of its examples.

    ``lift`` is how many times as often it happened there as among all.
    """

    decile: int
    examples: int
    expected: float
    happened: float
    lift: float


@dataclass(frozen=True)
class Backtest:
    """``auc`` is the chance that one to whom it happened was given more than one to whom it did not; ties half.

    ``log_loss`` is to be compared with ``base_log_loss``, that of giving everybody the share among all; ``brier`` is
    the mean squared error. ``expected`` is the sum of the probabilities, ``outcomes`` how often it happened.
    """

    examples: int
    outcomes: int
    expected: float
    auc: float
    log_loss: float
    base_log_loss: float
    brier: float
    deciles: tuple[Decile, ...]


def measure(probability: Floats, happened: Floats) -> Backtest | None:
    """Compare; None where all or none had the outcome, for then nothing can be told apart."""
    outcomes, examples = int(happened.sum()), len(happened)
    if not 0 < outcomes < examples:
        return None
    share = outcomes / examples
    kept = np.clip(probability, 1e-12, 1 - 1e-12)
    losses = -(happened * np.log(kept) + (1 - happened) * np.log(1 - kept))
    return Backtest(
        examples,
        outcomes,
        float(probability.sum()),
        _auc(probability, happened),
        float(losses.mean()),
        float(-(share * np.log(share) + (1 - share) * np.log(1 - share))),
        float(((probability - happened) ** 2).mean()),
        _deciles(probability, happened, share),
    )


def _auc(probability: Floats, happened: Floats) -> float:
    """From the mean ranks: equal probabilities share theirs."""
    _, place, number = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(number) - (number - 1) / 2.0)[place]
    had = float(happened.sum())
    return float((ranks[happened > 0].sum() - had * (had + 1) / 2) / (had * (len(happened) - had)))


def _deciles(probability: Floats, happened: Floats, share: float) -> tuple[Decile, ...]:
    """Examples of one probability may be in two tenths: whatever their order, each counts as their mean."""
    _, place = np.unique(-probability, return_inverse=True)
    typical = np.bincount(place, weights=happened) / np.bincount(place)
    order = np.argsort(-probability, kind="stable")
    shown, did = probability[order], typical[place][order]
    lines = []
    for decile, rows in enumerate(np.array_split(np.arange(len(order)), GROUPS), start=1):
        if len(rows):
            rate = float(did[rows].mean())
            lines.append(Decile(decile, len(rows), float(shown[rows].mean()), rate, rate / share))
    return tuple(lines)
