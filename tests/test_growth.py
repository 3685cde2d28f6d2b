"""What a tumour's own baseline and growth rate contribute: the integrals behind the closed form, its limits."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from xenograft.model.growth import SERIES_BELOW, growth_columns, relative_growth

reproducible = settings(derandomize=True, deadline=None, max_examples=200)
BESIDE_THE_SWITCH = [sign * SERIES_BELOW * near for sign in (-1, 1) for near in (0.5, 1 - 1e-9, 1.0, 1 + 1e-9, 2.0)]
DAYS = np.array([-7.0, -0.5, 0.0, 1e-3, 4.0, 60.0])


@reproducible
@given(x=st.floats(-20, 60) | st.floats(-3e-4, 3e-4))
@example(x=0.0)
def test_relative_growth_is_the_mean_of_a_decay(x: float) -> None:
    expected, _ = quad(lambda s: np.exp(-x * s), 0, 1, epsabs=0, epsrel=1e-12, limit=200)
    assert float(relative_growth(np.array(x))) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("x", [0.0, 1e-300, *BESIDE_THE_SWITCH, -3.0, 1e-2, 1.0, 30.0])
def test_the_gradient_of_relative_growth_is_right_on_both_sides_of_its_series(x: float) -> None:
    symbol = pt.dscalar()
    gradient = pytensor.function([symbol], pytensor.grad(relative_growth(symbol, xp=pt), symbol), mode="FAST_COMPILE")
    expected, _ = quad(lambda s: -s * np.exp(-x * s), 0, 1, epsabs=0, epsrel=1e-12, limit=200)
    # the series leaves out x³/24, whose derivative is x²/8 at 1e-4
    assert float(gradient(x)) == pytest.approx(expected, abs=SERIES_BELOW**2 / 4, rel=1e-10)


def test_relative_growth_and_its_gradient_vanish_for_long_times_without_overflow() -> None:
    symbol = pt.dvector()
    value = relative_growth(symbol, xp=pt)
    both = pytensor.function([symbol], [value, pytensor.grad(value.sum(), symbol)], mode="FAST_COMPILE")
    long = np.array([750.0, 1e6, 1e100])
    found, gradient = both(long)
    assert np.allclose(found, 1 / long, rtol=1e-12, atol=0)
    assert np.allclose(gradient, -1 / long**2, rtol=1e-9, atol=0)


def test_numpy_and_pytensor_give_the_same_columns() -> None:
    symbol = pt.dscalar()
    columns = pytensor.function([symbol], growth_columns(pt.constant(DAYS), symbol, xp=pt), mode="FAST_COMPILE")
    for slowing in (0.0, 1e-7, 2e-5, 0.03, 1.5):
        for theirs, ours in zip(columns(slowing), growth_columns(DAYS, np.array(slowing)), strict=True):
            assert np.allclose(theirs, ours, rtol=1e-14, atol=0)


@reproducible
@given(slowing=st.floats(0, 1), day=st.floats(-20, 100))
def test_a_growth_rate_counts_for_the_days_that_slowing_leaves_of_it(slowing: float, day: float) -> None:
    from_baseline, from_growth = (column.item() for column in growth_columns(np.array([day]), np.array(slowing)))
    days_left, _ = quad(lambda s: np.exp(-slowing * (day - s)), 0, day, epsabs=0, epsrel=1e-10, limit=400)
    assert from_baseline == pytest.approx(np.exp(-slowing * day), rel=1e-12)
    assert from_growth == pytest.approx(days_left, rel=1e-9, abs=1e-300)


@reproducible
@given(slowing=st.floats(1e-12, 1e-3), day=st.floats(0, 60))
def test_gompertz_approaches_exponential_at_the_rate_of_its_slowing(slowing: float, day: float) -> None:
    gompertz, exponential = growth_columns(np.array([day]), np.array(slowing)), growth_columns(np.array([day]), None)
    rounding = 1e-14 * max(day, 1.0)
    assert 0 <= (exponential[0] - gompertz[0]).item() + rounding <= slowing * day + 2 * rounding
    assert 0 <= (exponential[1] - gompertz[1]).item() + rounding <= slowing * day**2 / 2 + 2 * rounding


def test_the_gradient_of_gompertz_where_it_becomes_exponential_is_minus_half_the_squared_day() -> None:
    slowing = pt.dscalar()
    for day in DAYS:
        columns = growth_columns(pt.constant(np.array([day])), slowing, xp=pt)
        gradients = [pytensor.grad(column.sum(), slowing) for column in columns]
        found = pytensor.function([slowing], gradients, mode="FAST_COMPILE")(0.0)
        assert np.allclose(found, [-day, -(day**2) / 2], rtol=1e-12, atol=1e-15)


def test_posterior_draws_lead_the_columns() -> None:
    slowing = np.array([[0.0, 0.01, 0.2], [1e-6, 0.05, 1.0]])
    together = growth_columns(DAYS, slowing)
    for index in np.ndindex(slowing.shape):
        for column, alone in zip(together, growth_columns(DAYS, slowing[index]), strict=True):
            assert column.shape == (2, 3, len(DAYS))
            assert np.array_equal(column[index], alone)


def test_a_slowing_tumour_stops_where_growth_and_slowing_balance() -> None:
    from_baseline, from_growth = growth_columns(np.array([5000.0]), np.array(0.02))
    assert float(from_baseline[0]) == pytest.approx(0, abs=1e-40)
    assert float(0.08 * from_growth[0]) == pytest.approx(0.08 / 0.02)
