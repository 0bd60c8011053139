"""The two models: parameters are found again, slopes are slopes, and what cannot be learnt is refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from value import ValueModelError, bg_nbd, gamma_gamma
from value.bg_nbd import BgNbd, Histories
from value.expectation import Floats
from value.gamma_gamma import GammaGamma

pytestmark = [pytest.mark.timeout(120)]


def simulated(r: float, alpha: float, a: float, b: float, customers: int = 4000) -> Histories:
    """Customers of up to 80 weeks who buy and leave as the model has it."""
    random = np.random.default_rng(7)
    rows = []
    for age in random.uniform(20, 80, customers):
        rate, leaves = random.gamma(r, 1 / alpha), random.beta(a, b)
        at = last = 0.0
        x = 0
        while (at := at + random.exponential(1 / rate)) <= age:
            x, last = x + 1, at
            if random.random() < leaves:
                break
        rows.append((x, last, age))
    return Histories.of(*np.array(rows, dtype=np.float64).T)


@pytest.mark.parametrize(
    "parameters", [(0.4, 3.0, 0.8, 2.5), (2.0, 8.0, 0.6, 6.0)], ids=["rare buyers", "regular buyers"]
)
def test_parameters_are_found_again(parameters: tuple[float, float, float, float]) -> None:
    histories = simulated(*parameters)
    found = bg_nbd.fit(histories)
    assert found.at_edge == ()
    assert found.customers == 4000
    truth, _ = bg_nbd._likelihood(np.array(parameters), histories)
    # No worse than the truth, and not so much better that it was something else.
    assert 0 <= found.log_likelihood - truth < 8
    assert found.parameters[:2] == pytest.approx(parameters[:2], rel=0.2)
    assert found.a / (found.a + found.b) == pytest.approx(parameters[2] / (parameters[2] + parameters[3]), rel=0.25)


def test_customers_of_one_history_count_together() -> None:
    histories = simulated(0.4, 3.0, 0.8, 2.5, customers=300)
    apart = Histories(
        *(np.repeat(part, 3) for part in (histories.x, histories.last, histories.age, histories.customers))
    )
    together = Histories(histories.x, histories.last, histories.age, histories.customers * 3)
    assert bg_nbd.fit(apart).parameters == pytest.approx(bg_nbd.fit(together).parameters, rel=1e-4)
    assert Histories.of(*np.array([(1.0, 2.0, 3.0)] * 4 + [(0.0, 0.0, 3.0)]).T).customers.tolist() == [1, 4]


def test_the_unit_of_time_changes_alpha_alone() -> None:
    weeks = simulated(0.4, 3.0, 0.8, 2.5, customers=1500)
    days = Histories(weeks.x, weeks.last * 7, weeks.age * 7, weeks.customers)
    one, other = bg_nbd.fit(weeks), bg_nbd.fit(days)
    assert (other.r, other.alpha / 7, other.a, other.b) == pytest.approx(one.parameters, rel=1e-3)
    mine = (np.array([2.0]), np.array([10.0]), np.array([40.0]))
    scaled = (mine[0], mine[1] * 7, mine[2] * 7)
    assert one.expected(*mine, 39.0) == pytest.approx(other.expected(*scaled, 39.0 * 7), rel=1e-3)


@pytest.mark.parametrize("at", [(0.243, 4.414, 0.793, 2.426), (5.0, 0.2, 0.05, 30.0)], ids=["cdnow", "far off"])
def test_slopes_are_those_of_the_likelihoods(at: tuple[float, ...]) -> None:
    histories = Histories(*np.array([(0, 0, 0, 2), (0, 0, 30, 5), (1, 4, 30, 3), (9, 29, 30, 1), (40, 2, 50, 1.0)]).T)
    slope = bg_nbd._likelihood(np.array(at), histories)[1]
    assert slope == pytest.approx(approx_fprime(np.array(at), lambda p: bg_nbd._likelihood(p, histories)[0]), rel=1e-3)
    x, mean = np.array([1.0, 3, 12]), np.array([20.0, 4, 31])
    slope = gamma_gamma._likelihood(np.array(at[:3]), x, mean)[1]
    measured = approx_fprime(np.array(at[:3]), lambda p: gamma_gamma._likelihood(p, x, mean)[0])
    assert slope == pytest.approx(measured, rel=1e-3)


def test_heavy_buyers_overflow_nothing() -> None:
    heavy: tuple[Floats, Floats, Floats] = (
        np.array([5000.0, 5000.0]),
        np.array([1.0, 3000.0]),
        np.array([3000.0, 3000.0]),
    )
    model = BgNbd(0.243, 4.414, 0.793, 2.426, 0.0, 1, ())
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        alive, expected = model.alive(*heavy), model.expected(*heavy, 52.0)
    # A day of five thousand purchases and then nothing for sixty years; and one who never paused.
    assert alive[0] < 1e-300
    assert alive[1] > 0.999
    assert expected[0] < 1e-300
    assert 75 < expected[1] < 90


def test_who_never_came_back_is_alive_as_far_as_the_model_can_tell() -> None:
    model = BgNbd(0.243, 4.414, 0.793, 2.426, 0.0, 1, ())
    x, last, age = np.array([0.0, 1.0, 1.0]), np.array([0.0, 20.0, 2.0]), np.array([39.0, 39.0, 39.0])
    alive = model.alive(x, last, age)
    assert alive[0] == 1
    assert 0 < alive[2] < alive[1] < 1


def test_spend_is_between_ones_own_mean_and_everybodys() -> None:
    random = np.random.default_rng(3)
    x = random.integers(1, 9, 6000).astype(np.float64)
    own = random.gamma(4.0, 1 / 15.0, 6000)
    mean = np.array([random.gamma(6.0 * n, 1 / (rate * n)) for n, rate in zip(x, own, strict=True)])
    model = gamma_gamma.fit(x, mean)
    assert (model.p, model.q, model.v) == pytest.approx((6.0, 4.0, 15.0), rel=0.15)
    assert model.mean == pytest.approx(6 * 15 / 3, rel=0.05)
    few, many, nobody = model.expected(np.array([1.0, 50.0, 0.0]), np.array([100.0, 100.0, 0.0]))
    assert model.mean < few < many < 100
    assert nobody == pytest.approx(model.mean)


def test_without_a_finite_mean_none_is_made_up() -> None:
    model = GammaGamma(2.0, 0.8, 10.0, 0.0, 1, ())
    assert model.mean is None
    assert np.isnan(model.expected(np.array([0.0]), np.array([0.0]))).all()
    assert model.expected(np.array([1.0]), np.array([20.0]))[0] == pytest.approx(30 * 2 / 1.8)


def test_too_few_who_came_back_are_refused() -> None:
    nothing = np.zeros(50)
    with pytest.raises(ValueModelError, match="0 customers bought on more than one day and 10 are needed"):
        bg_nbd.fit(Histories.of(nothing, nothing, nothing + 30))
    with pytest.raises(ValueModelError, match="9 customers spent anything on a repeat purchase and 10 are needed"):
        gamma_gamma.fit(np.array([1.0] * 9 + [0.0, 1.0]), np.array([5.0] * 9 + [5.0, 0.0]))
