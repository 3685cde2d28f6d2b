"""Savage–Dickey: against quadrature where the posterior is known, and in words where a number would mislead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats

from xenograft.evidence import bayes_factor
from xenograft.evidence.bayes_factor import COLUMNS, bayes_factors
from xenograft.fitting.fit import Attempt, Fit, Health
from xenograft.fitting.integrated import log_likelihood
from xenograft.model.card import ModelCard
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import Arm, Dosing, Study

CARD = "exponential-bliss-departure"
A, B = Dosing("A", (0.0, 7.0, 14.0)), Dosing("B", (0.0, 7.0, 14.0))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("AB", dosings=(A, B)))
TRUTH = {"baseline": 150.0, "growth": 0.08, "sd_baseline": 0.2, "sd_growth": 0.01, "error": 0.15,
         "kill": {"A": 0.03, "B": 0.02}}  # fmt: skip
HEALTH = Health("pass", 1.0, 4000.0, 4000.0, 0, 0.0, 1.0)
ATTEMPT = Attempt(1000, 1000, 0.8, "low_rank", "pass", ())


def one_unknown(card: ModelCard, departure: float, *, seed: int = 3, draws: int = 4000) -> tuple[Fit, Study]:
    """A fit whose every parameter but the departure is known, so that its posterior is a normal known exactly."""
    truth = Truth(**TRUTH, departure={"AB": departure})
    study = simulate(ARMS, truth, animals=8, days=range(0, 22, 3), seed=seed)
    known = {"baseline": 0.4, "growth": 0.08, "sd_baseline": 0.2, "sd_growth": 0.01, "correlation": 0.0, "error": 0.15}
    values: dict[str, object] = {n: (("chain", "draw"), np.full((1, draws), x)) for n, x in known.items()}
    values["kill"] = (("chain", "draw", "agent"), np.broadcast_to([0.03, 0.02], (1, draws, 2)))
    values["departure"] = (("chain", "draw", "combination"), np.zeros((1, draws, 1)))
    coords = {"chain": [0], "draw": np.arange(draws), "agent": ["A", "B"], "combination": ["AB"]}
    posterior = xr.Dataset(values, coords=coords)
    given = posterior.isel(draw=slice(0, 3)).assign(
        departure=(("chain", "draw", "combination"), np.array([0.0, 0.01, -0.01]).reshape(1, 3, 1))
    )
    centre, above, below = log_likelihood(given, study, card).sum("animal").to_numpy().ravel()
    slope, curvature = (above - below) / 0.02, (2 * centre - above - below) / 0.01**2
    prior = card.on(study).prior_of("departure").arguments
    precision = 1 / prior["sigma"] ** 2 + curvature
    drawn = np.random.default_rng(seed).normal(slope / precision, precision**-0.5, (1, draws, 1))
    posterior["departure"] = (("chain", "draw", "combination"), drawn)
    fit = Fit(study, card, xr.DataTree.from_dict({"posterior": posterior}), HEALTH, (ATTEMPT,), 0, {})
    return fit, study


def by_quadrature(fit: Fit, scale: float = 1.0) -> float:
    """p(data | departure estimated) / p(data | departure 0), the likelihood integrated over the prior."""
    prior = fit.card.on(fit.study).prior_of("departure").arguments
    sd = scale * prior["sigma"]
    departures = np.linspace(-8 * sd, 8 * sd, 8001)  # a hundredth of the likelihood's width, and 0 among them
    grid = fit.posterior.isel(draw=np.zeros(departures.size, int)).assign_coords(draw=np.arange(departures.size))
    grid["departure"] = (("chain", "draw", "combination"), departures.reshape(1, -1, 1))
    total = log_likelihood(grid, fit.study, fit.card).sum("animal").to_numpy().ravel()
    ratio = np.exp(total - total[departures.size // 2]) * stats.norm(prior["mu"], sd).pdf(departures)
    return float(integrate.simpson(ratio, departures))


@pytest.mark.parametrize("departure", [0.0, 0.008])
def test_the_factor_is_that_of_quadrature_where_the_mean_is_linear(
    cards: Mapping[str, ModelCard], departure: float
) -> None:
    fit, _ = one_unknown(cards[CARD], departure)
    row = bayes_factors([fit]).iloc[0]
    assert row["method"] == "conditional normal"
    assert row["bayes_factor"] == pytest.approx(by_quadrature(fit), rel=1e-3)
    assert row["log_mcse"] == pytest.approx(0.0, abs=1e-6)  # the same density under every draw


@pytest.mark.parametrize(("column", "scale"), [("half_prior_sd", 0.5), ("double_prior_sd", 2.0)])
def test_half_and_double_the_prior_sd_are_those_of_quadrature(
    cards: Mapping[str, ModelCard], column: str, scale: float
) -> None:
    fit, _ = one_unknown(cards[CARD], 0.004)
    words = str(bayes_factors([fit]).iloc[0][column])
    found = 1 / float(words[2:]) if words.startswith("1/") else float(words)
    assert found == pytest.approx(by_quadrature(fit, scale), rel=0.06)  # two digits are printed


def test_a_kernel_density_is_used_where_the_likelihood_is_no_parabola(
    cards: Mapping[str, ModelCard], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, _ = one_unknown(cards[CARD], 0.004)
    exact = bayes_factors([fit]).iloc[0]

    def bent(posterior: xr.Dataset, study: Study, card: ModelCard) -> xr.DataArray:
        return log_likelihood(posterior, study, card) - 1e4 * posterior["departure"].sum("combination") ** 4 * 1e6

    monkeypatch.setattr(bayes_factor, "log_likelihood", bent)
    row = bayes_factors([fit]).iloc[0]
    assert row["method"] == "kernel density"
    assert np.isnan(row["log_mcse"])
    assert row["bayes_factor"] == pytest.approx(exact["bayes_factor"], rel=0.3)


def test_beyond_three_posterior_sds_only_a_bound_is_reported(cards: Mapping[str, ModelCard]) -> None:
    fit, _ = one_unknown(cards[CARD], 0.05)
    row = bayes_factors([fit]).iloc[0]
    assert row["bayes_factor"] > 30
    assert row[["words", "half_prior_sd", "double_prior_sd"]].tolist() == ["> 30"] * 3


def test_a_small_factor_is_a_fraction(cards: Mapping[str, ModelCard]) -> None:
    fit, _ = one_unknown(cards[CARD], 0.0)
    assert str(bayes_factors([fit]).iloc[0]["words"]).startswith("1/")


def test_cards_that_fix_the_departure_have_no_factor(cards: Mapping[str, ModelCard]) -> None:
    fit, _ = one_unknown(cards[CARD], 0.0)
    table = bayes_factors([replace(fit, card=cards["exponential-bliss"])])
    assert table.empty
    assert tuple(table.columns) == COLUMNS


def test_the_fixtures_departure_is_strongly_supported_under_both_laws(fits: Mapping[str, Fit]) -> None:
    table = bayes_factors(list(fits.values()))
    assert sorted(table["card"]) == [CARD, "gompertz-bliss-departure"]
    # 62 and 97 with 80,000 draws (errors of the logarithm 0.08)
    exact = table["card"].map({CARD: 62.4, "gompertz-bliss-departure": 97.0})
    assert (np.log(table["bayes_factor"] / exact).abs() < 4 * np.hypot(table["log_mcse"], 0.08)).all(), table
    assert (table["bayes_factor"] > 10).all()
    assert (table["method"] == "conditional normal").all()
