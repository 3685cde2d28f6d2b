"""Departures and kills drawn anew from their exact distribution: the same posterior, told more precisely."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from xenograft.answers.precision import error_of_average, known_from, monte_carlo_error
from xenograft.fitting.density import density_of
from xenograft.fitting.fit import Fit
from xenograft.fitting.redrawn import redrawn
from xenograft.fitting.sampling import SamplerSettings, fit
from xenograft.model.card import read_cards
from xenograft.planning.design import Design, simulate_design
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study

CARD = "exponential-bliss-departure"


@pytest.fixture(scope="module")
def study() -> Study:
    """Agents that add."""
    days = tuple(float(day) for day in range(0, 29, 4))
    a, b = (Dosing(agent, (0.0, 7.0, 14.0)) for agent in "AB")
    arms = (Arm("vehicle", control=True), Arm("A", dosings=(a,)), Arm("B", dosings=(b,)), Arm("both", dosings=(a, b)))
    truth = Truth(
        law="exponential", baseline=170.0, growth=0.078, sd_baseline=0.2, sd_growth=0.015, correlation=0.2, error=0.13,
        kill={"A": 0.034, "B": 0.019},
    )  # fmt: skip
    return simulate_design(Design("agents that add", arms, {arm.name: 6 for arm in arms}, days), truth, seed=3)


@pytest.fixture(scope="module")
def fits(study: Study) -> list[Fit]:
    """The same fit with several seeds."""
    card, settings = read_cards()[CARD], SamplerSettings(draws=250)
    return [fit(study, card, seed=seed, settings=settings, progress=False, method="importance") for seed in range(12)]


def test_new_draws_have_the_distribution_that_the_density_says(study: Study, fits: list[Fit]) -> None:
    density = density_of(study, fits[0].card)
    positions = density.unconstrained(fits[0].posterior).reshape(-1, density.n_dim)
    found = redrawn(density, positions, seed=1)
    assert found is not None
    np.testing.assert_allclose(found.log_density, density.values(found.positions), rtol=1e-12)
    moved = (found.positions != positions).any(axis=0)
    names = [piece.name for piece in density.pieces.pieces for _ in range(piece.size)]
    assert {name for name, changed in zip(names, moved, strict=True) if changed} == {"departure", "kill"}
    at = density.pieces.start["departure"]
    point, sd = found.positions[3].copy(), positions[:, at].std()
    grid = np.linspace(-8 * sd, 8 * sd, 401)
    # by brute force: the kills integrated out by the normal that they have given the departure
    line = np.array([_log_marginal(density, point, at, value) for value in grid])
    weight = np.exp(line - line.max())
    above = (weight[grid > 0].sum() + weight[200] / 2) / weight.sum()  # grid[200] is 0
    assert found.above[at][3] == pytest.approx(above, abs=1e-4)


def _log_marginal(density, point: np.ndarray, at: int, value: float) -> float:
    kill = density.pieces.start["kill"]
    places, moved = [kill, kill + 1], point.copy()
    moved[at] = value
    top, slope = density.value_and_gradient(moved)
    curvature = np.empty((2, 2))
    for i, place in enumerate(places):
        other = moved.copy()
        other[place] += 0.01
        curvature[:, i] = (slope[places] - density.value_and_gradient(other)[1][places]) / 0.01
    return float(top + slope[places] @ np.linalg.solve(curvature, slope[places]) / 2)


def test_probabilities_are_told_more_precisely_and_without_bias(fits: list[Fit]) -> None:
    posterior = xr.concat([one.posterior["departure"] for one in fits], dim="seed")
    share = (posterior > 0).mean(("chain", "draw", "combination")).to_numpy()
    told = np.array([float(one.draws["sample_stats"]["above_0"].mean()) for one in fits])
    assert share.mean() == pytest.approx(told.mean(), abs=0.002)
    p, worth = told.mean(), np.mean([one.health.effective_draws or 0.0 for one in fits])
    plain = np.sqrt(p * (1 - p) / worth)
    assert 0.05 < p < 0.95
    assert share.std(ddof=1) < plain / 1.5, "a third of it is usual"
    errors = [
        known_from(
            one.posterior["departure"][..., 0], one.health.effective_draws,
            one.draws["sample_stats"].to_dataset()["above_0"][..., 0],
        ).error
        for one in fits
    ]  # fmt: skip
    assert share.std(ddof=1) / 2 < np.mean(errors) < plain / 1.5


def test_what_is_no_parabola_stays_as_it_is(study: Study) -> None:
    censored = Study.from_frame(
        study.readings[["animal", "arm", "day", "volume"]], arms=study.arms, name="with a limit",
        limit_of_quantification=float(study.readings["volume"].quantile(0.2)),
    )  # fmt: skip
    card = read_cards()[CARD]
    found = fit(censored, card, settings=SamplerSettings(draws=200, tune=200), progress=False)
    assert "above_0" not in found.draws["sample_stats"]


def test_a_null_is_not_drawn_anew(study: Study) -> None:
    null = read_cards()["exponential-bliss"]
    found = fit(study, null, settings=SamplerSettings(draws=200), progress=False, method="importance")
    assert "above_0" not in found.draws["sample_stats"]


def test_the_error_of_an_average_knows_what_all_draws_tell() -> None:
    rng = np.random.default_rng(1)
    draws = xr.DataArray(rng.normal(2.0, 1.0, (4, 1000)), dims=("chain", "draw"))
    given = xr.DataArray(np.full((4, 1000), float(stats.norm.cdf(2.0))), dims=("chain", "draw"))
    plain, exact = known_from(draws, None), known_from(draws, None, given)
    assert plain.error == pytest.approx(np.sqrt(0.9772 * 0.0228 / 4000), rel=0.25)
    assert exact.error == pytest.approx(0.0, abs=1e-12)
    assert error_of_average(0.975, {"a": 1.0}, {"a": exact}) == pytest.approx(
        0.00225, abs=1e-4
    )  # what the draws are off
    both = error_of_average(plain.probability, {"a": 0.5, "b": 0.5}, {"a": plain, "b": plain})
    assert both == pytest.approx(plain.error / np.sqrt(2), rel=1e-6)


def test_fewer_effective_draws_are_less_precise() -> None:
    draws = xr.DataArray(np.random.default_rng(2).normal(1.0, 1.0, (4, 1000)), dims=("chain", "draw"))
    error = monte_carlo_error((draws > 0).astype(float))
    assert known_from(draws, 1000.0).error == pytest.approx(2 * error)
    assert known_from(draws, None).error == pytest.approx(error)
