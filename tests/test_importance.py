"""Importance sampling around the mode: right where it says so, and it says where it is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import logsumexp

from xenograft.fitting.density import density_of
from xenograft.fitting.importance import LARGEST_PARETO_K, clusters, importance_draws, reweighted
from xenograft.fitting.sampling import SamplerSettings, fit, refit_without
from xenograft.model.card import ModelCard
from xenograft.reading.read import read_study
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.examples import example_folder
from xenograft.study.study import Arm, Dosing, Study

type LogDensity = Callable[[np.ndarray], np.ndarray]


def gradient_of(values: LogDensity) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Value and gradient at a point, the gradient by central differences."""

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        steps = 1e-5 * np.eye(len(point))
        ends = values(np.concatenate([point + steps, point - steps]))
        return float(values(point[None])[0]), (ends[: len(point)] - ends[len(point) :]) / 2e-5

    return value_and_gradient


def normal(covariance: np.ndarray) -> LogDensity:
    precision = np.linalg.inv(covariance)
    return lambda points: -0.5 * np.einsum("ij,jk,ik->i", points, precision, points)


def two_hills(points: np.ndarray) -> np.ndarray:
    """Three tenths of the mass at (−4, 0), seven at (4, 1)."""
    centres, shares = np.array([[-4.0, 0.0], [4.0, 1.0]]), np.log([0.3, 0.7])
    each = [share - 0.5 * ((points - centre) ** 2).sum(axis=1) for share, centre in zip(shares, centres, strict=True)]
    return logsumexp(each, axis=0)


def funnel(points: np.ndarray) -> np.ndarray:
    """Seven normals whose sd spans orders of magnitude: no single t fits."""
    scale = points[:, 0]
    return -0.5 * scale**2 / 9 - 0.5 * (points[:, 1:] ** 2).sum(axis=1) * np.exp(-scale) - 3.5 * scale


def test_a_normal_posterior_is_drawn_with_its_means_and_sds() -> None:
    mixing = np.random.default_rng(3).normal(size=(10, 10))
    covariance = mixing @ mixing.T + np.eye(10)
    values = normal(covariance)
    rng = np.random.default_rng(1)
    starts = 3 * rng.standard_normal((4, 10)) @ np.linalg.cholesky(covariance).T
    found = importance_draws(gradient_of(values), values, starts, draws=4000, rng=rng, enough=400)
    assert found is not None
    assert not found.adapted
    assert found.pareto_k < 0.2
    sds = np.sqrt(np.diagonal(covariance))
    error = 1 / np.sqrt(found.effective)
    assert np.abs(found.weight @ found.points / sds).max() < 4 * error
    assert np.sqrt(found.weight @ found.points**2) / sds == pytest.approx(np.ones(10), abs=4 * error)


def test_draws_of_equal_weight_are_those_of_the_posterior() -> None:
    values = normal(np.diag([1.0, 4.0]))
    rng = np.random.default_rng(2)
    found = importance_draws(gradient_of(values), values, np.ones(2)[None], draws=4000, rng=rng, enough=400)
    assert found is not None
    equal = found.points[found.resampled((4, 1000), rng)]
    assert equal.shape == (4, 1000, 2)
    assert equal.std(axis=(0, 1)) == pytest.approx([1.0, 2.0], rel=0.06)
    assert abs(equal.mean(axis=1)[:, 0]).max() < 0.2  # no chain holds one side only


def test_coordinates_of_either_sign_are_folded() -> None:
    """Of sds near 0 and far from it, on whose squares a density depends, the sizes are drawn."""
    rng = np.random.default_rng(8)

    def values(points: np.ndarray) -> np.ndarray:
        sizes = np.abs(points[:, 1:])
        far = (sizes[:, 1] - 2.0 * points[:, 0] - 8.0) / 0.3
        return -0.5 * (points[:, 0] ** 2 + sizes[:, 0] ** 2 + far**2)

    first = rng.standard_normal(2000)
    chains = np.stack([first, rng.standard_normal(2000), 8.0 + 2.0 * first + 0.3 * rng.standard_normal(2000)], axis=1)
    chains[::2, 2] *= -1
    found = reweighted(chains, np.zeros(2000, dtype=int), values, draws=4000, rng=rng, enough=400, mirrored=(1, 2))
    assert found.trusted(400)
    assert found.points[:, 1:].min() >= 0
    assert found.weight @ found.points[:, 1] == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)
    assert found.weight @ found.points[:, 2] == pytest.approx(8.0, abs=0.15)


def test_two_modes_are_both_drawn_by_their_mass() -> None:
    starts = np.array([[-3.0, 0.0], [3.0, 0.0], [3.5, 0.5]])
    rng = np.random.default_rng(3)
    found = importance_draws(gradient_of(two_hills), two_hills, starts, draws=4000, rng=rng, enough=400)
    assert found is not None
    assert found.modes == 2
    right = float(found.weight @ (found.points[:, 0] > 0))
    assert right == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / found.effective))


def test_a_mode_of_no_mass_is_left_out() -> None:
    def values(points: np.ndarray) -> np.ndarray:
        far = -20 - 0.5 * ((points - 30.0) ** 2).sum(axis=1)
        return logsumexp([-0.5 * (points**2).sum(axis=1), far], axis=0)

    rng = np.random.default_rng(4)
    starts = np.array([[0.5] * 3, [29.5] * 3])
    found = importance_draws(gradient_of(values), values, starts, draws=2000, rng=rng, enough=400)
    assert found is not None
    assert found.modes == 1


def test_too_few_effective_draws_are_made_more() -> None:
    rng = np.random.default_rng(3)
    dimensions = 12

    def values(points: np.ndarray) -> np.ndarray:
        return -np.logaddexp(points, -points).sum(axis=1)

    starts, enough = np.zeros((1, dimensions)), 1500
    few = importance_draws(gradient_of(values), values, starts, draws=2000, rng=rng, enough=0)
    more = importance_draws(gradient_of(values), values, starts, draws=2000, rng=rng, enough=enough)
    assert few is not None
    assert more is not None
    assert few.effective < enough <= more.effective
    assert len(more.points) > len(few.points)


def test_a_skewed_posterior_is_adapted_to() -> None:
    def values(points: np.ndarray) -> np.ndarray:
        # log of a half-normal sd known from few readings: a long tail to the left on the unconstrained line
        return (points - 0.5 * np.exp(2 * points)).sum(axis=1)

    rng = np.random.default_rng(5)
    found = importance_draws(gradient_of(values), values, np.zeros(6)[None], draws=4000, rng=rng, enough=400)
    assert found is not None
    assert found.adapted
    assert found.pareto_k <= LARGEST_PARETO_K
    sd = np.sqrt(found.weight @ np.exp(2 * found.points[:, 0]))
    assert sd == pytest.approx(1.0, abs=4 * 0.7 / np.sqrt(found.effective))


def test_a_posterior_that_no_t_fits_says_so() -> None:
    rng = np.random.default_rng(6)
    found = importance_draws(gradient_of(funnel), funnel, np.zeros(8)[None], draws=4000, rng=rng, enough=400)
    assert found is not None
    assert found.pareto_k > LARGEST_PARETO_K


def test_parameters_that_a_scale_multiplies_are_drawn_along_that_scale() -> None:
    read = np.array([0.3, -0.2, 0.5, 0.1, 0.0, 0.4])

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        """Readings (sd 0.3) of a mean (sd 2) and a half-normal scale times standard normal numbers."""
        scale, mean, standard = np.exp(point[0]), point[1], point[2:]
        residual = (read - mean - scale * standard) / 0.3
        value = -0.5 * scale**2 + point[0] - mean**2 / 8 - 0.5 * (standard @ standard + residual @ residual)
        own = residual / 0.3 * scale
        slopes = [1 - scale**2 + own @ standard, -mean / 4 + residual.sum() / 0.3, *(own - standard)]
        return float(value), np.array(slopes)

    def values(points: np.ndarray) -> np.ndarray:
        return np.array([value_and_gradient(point)[0] for point in points])

    rng = np.random.default_rng(0)
    starts = rng.normal(size=(8, 8))
    plain, along = (
        importance_draws(
            value_and_gradient, values, starts, draws=4000, rng=np.random.default_rng(1), enough=400, scale=scale
        )
        for scale in (None, 0)
    )
    assert plain is not None
    assert along is not None
    assert along.trusted(400)
    assert along.effective > 2 * plain.effective
    # the scale's mean by quadrature, everything else integrated out
    scales = np.linspace(1e-4, 4, 4000)
    root = np.sqrt(scales**2 + 0.09)
    spread = ((read - read.mean()) ** 2).sum()
    given_mean = stats.norm(0, np.sqrt(4 + root**2 / 6)).logpdf(read.mean())
    density = np.exp(-0.5 * scales**2 - 5 * np.log(root) - 0.5 * spread / root**2 + given_mean)
    exact = float((scales * density).sum() / density.sum())
    found = np.exp(along.points[:, 0])
    error = float(np.sqrt(along.weight @ (found - exact) ** 2 / along.effective))
    assert float(along.weight @ found) == pytest.approx(exact, abs=4 * error)


def test_points_without_a_density_get_no_weight() -> None:
    def values(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, 0] > 0, -(points[:, 0] ** 2) - points[:, 1] ** 2, np.nan)

    rng = np.random.default_rng(7)
    found = importance_draws(gradient_of(values), values, np.ones(2)[None], draws=2000, rng=rng, enough=0)
    assert found is not None
    assert found.weight[found.points[:, 0] <= 0].sum() < 1e-12
    nowhere = importance_draws(
        lambda _: (np.nan, np.zeros(2)), lambda p: p[:, 0], np.ones(2)[None], draws=9, rng=rng, enough=0
    )
    assert nowhere is None


def test_a_mode_that_no_chain_has_found_is_drawn_by_its_mass() -> None:
    rng = np.random.default_rng(12)
    stuck = np.array([4.0, 1.0]) + rng.normal(size=(2000, 2))
    starts = 3 * rng.normal(size=(8, 2))
    found = reweighted(
        stuck, clusters(stuck, rng), two_hills, draws=4000, rng=rng, enough=400, search=(gradient_of(two_hills), starts)
    )
    assert found.trusted(400)
    assert float(found.weight[found.points[:, 0] < 0].sum()) == pytest.approx(
        0.3, abs=4 * np.sqrt(0.21 / found.effective)
    )


def test_the_same_seed_gives_the_same_draws() -> None:
    values = normal(np.eye(3))
    first, second = (
        importance_draws(
            gradient_of(values), values, np.ones(3)[None], draws=500, rng=np.random.default_rng(8), enough=400
        )
        for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.weight, second.weight)


def test_chains_that_stuck_to_their_modes_are_weighed_by_the_mass_of_each() -> None:
    rng = np.random.default_rng(9)
    stuck = np.concatenate([rng.normal([-4.0, 0.0], 1.0, (900, 2)), rng.normal([4.0, 1.0], 1.0, (100, 2))])
    found = reweighted(stuck, (stuck[:, 0] > 0).astype(int), two_hills, draws=4000, rng=rng, enough=400)
    assert found.trusted(400)
    right = float(found.weight @ (found.points[:, 0] > 0))
    assert right == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / found.effective))


def far_apart(first: xr.Dataset, second: xr.Dataset, effective: float) -> dict[str, float]:
    """Differences of the means of two posteriors in Monte-Carlo errors, where they are more than four."""
    found: dict[str, float] = {}
    for name in first:
        spread = second[name].std(("chain", "draw"))
        error = spread * np.sqrt(1 / effective + 1 / 1000)
        found[str(name)] = float(abs((first[name] - second[name]).mean(("chain", "draw")) / error).max())
    return {name: value for name, value in found.items() if value > 4}


def test_a_fit_without_chains_has_the_posterior_of_one_with_chains(
    study: Study, cards: Mapping[str, ModelCard]
) -> None:
    for name in ("exponential-bliss-departure", "gompertz-bliss-departure", "exponential-bliss"):
        weighted = fit(study, cards[name], seed=1, progress=False, keep="posterior", method="importance")
        assert weighted.method == "importance"
        assert weighted.health.status == "pass"
        assert weighted.health.pareto_k <= LARGEST_PARETO_K
        assert weighted.health.max_rhat is None
        chains = fit(study, cards[name], seed=1, progress=False, keep="posterior")
        assert chains.method == "nuts"
        assert far_apart(weighted.posterior, chains.posterior, weighted.health.effective_draws) == {}


def test_animals_with_censored_readings_are_drawn_without_chains_too(cards: Mapping[str, ModelCard]) -> None:
    """Each has two coordinates of its own, normal given the rest: some seventy of them are no hindrance."""
    weekly = tuple(float(day) for day in range(0, 36, 7))
    a, b = Dosing("A", weekly), Dosing("B", weekly)
    arms = (Arm("vehicle", control=True), Arm("A", dosings=(a,)), Arm("B", dosings=(b,)), Arm("AB", dosings=(a, b)))
    truth = Truth(baseline=150.0, growth=0.08, sd_baseline=0.2, sd_growth=0.015, error=0.13, kill={"A": 0.11, "B": 0.1})
    days = [float(day) for day in range(0, 36, 5)]
    small = simulate(arms, truth, animals=10, days=days, seed=3, limit_of_quantification=80.0)
    card = cards["exponential-bliss-departure"]
    assert 50 < density_of(small, card).n_dim <= 100
    weighted = fit(small, card, seed=1, progress=False, keep="posterior", method="importance")
    assert (weighted.method, weighted.health.status) == ("importance", "pass")
    chains = fit(small, card, seed=1, progress=False, keep="posterior")
    assert far_apart(weighted.posterior, chains.posterior, weighted.health.effective_draws) == {}


def test_a_card_that_importance_sampling_cannot_serve_is_left_to_nuts(
    study: Study, cards: Mapping[str, ModelCard]
) -> None:
    few = SamplerSettings(draws=100, tune=100, chains=2, retries=0)
    spline = fit(study, cards["spline"], seed=1, settings=few, progress=False, keep="posterior", method="importance")
    assert spline.method == "nuts"
    once = read_study(example_folder("her2-single-dose"))
    bent = cards["spread-bliss-departure"]
    short = fit(once, bent, seed=1, settings=few, progress=False, keep="posterior", method="importance")
    assert [attempt.adaptation for attempt in short.attempts[:2]] == ["importance", "low_rank"]


def test_a_fit_whose_chains_keep_to_their_modes_is_weighed_from_them(cards: Mapping[str, ModelCard]) -> None:
    days, rng = np.arange(0.0, 43, 3.5), np.random.default_rng(3)
    effects = {"vehicle": 0.0, "A": 1.6, "B": 1.1, "A + B": 2.7}  # of a tenth of the cells neither agent kills any
    rows = [
        {"animal": f"{arm} {i}", "arm": arm, "day": day, "volume": 170 * np.exp(0.078 * day - fall + noise)}
        for arm, most in effects.items()
        for i in range(6)
        for day, fall, noise in zip(days, most * np.minimum(days, 14) / 14, rng.normal(0, 0.15, len(days)), strict=True)
    ]
    arms = (
        Arm("vehicle", control=True),
        *(
            Arm(name, dosings=tuple(Dosing(agent, (0.0,)) for agent in name.split(" + ")))
            for name in ("A", "B", "A + B")
        ),
    )
    made = Study.from_frame(pd.DataFrame(rows), arms=arms, name="two ways to wane")
    few = SamplerSettings(draws=250, tune=250, retries=0)
    card = cards["gompertz-decaying-bliss-departure"]
    found = [fit(made, card, seed=seed, settings=few, progress=False, keep="posterior") for seed in (1, 2)]
    for one in found:
        assert [attempt.adaptation for attempt in one.attempts] == ["low_rank", "importance"]
        assert one.attempts[0].status != "pass"
        assert one.health.status == "pass"
    effective = min(one.health.effective_draws or 0.0 for one in found)
    assert far_apart(found[0].posterior, found[1].posterior, effective) == {}


def test_the_card_of_the_better_agent_passes_where_the_agents_are_about_equal(
    study: Study, cards: Mapping[str, ModelCard]
) -> None:
    """Chains go over from one order of the agents to the other too seldom; the orders are weighed instead."""
    found = fit(study, cards["gompertz-hsa"], seed=1, progress=False, keep="posterior")
    assert found.health.status == "pass"


def test_an_animal_is_left_out_without_chains(study: Study, cards: Mapping[str, ModelCard]) -> None:
    whole = fit(study, cards["exponential-bliss-departure"], seed=1, progress=False, keep="posterior")
    animal = str(study.animals.index[0])
    both = [refit_without(whole, [animal], method=method) for method in ("importance", "nuts")]
    assert [one.method for one in both] == ["importance", "nuts"]
    of_animal = [one.draws["log_likelihood"]["volume_readings"].sel(animal=animal) for one in both]
    elpd = [float(np.log(np.exp(values).mean())) for values in of_animal]
    assert elpd[0] == pytest.approx(elpd[1], abs=0.1)
