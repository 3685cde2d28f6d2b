"""Single models of a panel: the better of two agents in each, each left out in turn, and each by itself."""

from __future__ import annotations

from dataclasses import replace

import arviz as az
import numpy as np
import pandas as pd
import pytest
from panels_of import invented, moments_of_model, position
from scipy.special import logsumexp
from scipy.stats import norm

from xenograft.errors import InputError
from xenograft.fitting.sampling import SamplerSettings
from xenograft.fitting.sampling import fit as fit_study
from xenograft.model.card import read_cards, shipped_cards
from xenograft.panels.alone import alone, card_of_one_model, fits_of_models
from xenograft.panels.coordinates import readings_of
from xenograft.panels.density import panel_density
from xenograft.panels.fit import PanelFit, fit_panel, refit_without_models
from xenograft.panels.likelihood import cost_of_censored
from xenograft.study.study import Arm

CARDS = read_cards(shipped_cards() / "panels")


def test_the_better_of_two_agents_has_the_density_of_quadrature_over_their_kills() -> None:
    """The readings given both kills, the larger of which counts in the combination, summed over a grid of both."""
    panel, card = invented(3, 2, censored=False, uneven=False), CARDS["panel-exponential-hsa"]
    density, readings = panel_density(panel, card), readings_of(panel)
    x = position(density)
    given = {name: value[0] for name, value in density.coordinates.values(x[None]).items()}
    found = density.models(x[None])
    fixed = density.unconstrained(
        density.parameters(x[None, None]).assign(
            between_kill=0 * density.parameters(x[None, None])["between_kill"],
            kill=0 * density.parameters(x[None, None])["kill"],
        ),
        density.latents(x[None, None]),
    )[0]
    sds, width = given["between_kill"], 8.0
    grid = [np.linspace(mu - width * sd, mu + width * sd, 401) for mu, sd in zip(given["kill"], sds, strict=True)]
    first, second = (one.ravel() for one in np.meshgrid(*grid, indexing="ij"))
    weight = norm.logpdf(first, given["kill"][0], sds[0]) + norm.logpdf(second, given["kill"][1], sds[1])
    cell = np.log((grid[0][1] - grid[0][0]) * (grid[1][1] - grid[1][0]))
    drawn = found.effects(np.random.default_rng(1))
    assert drawn.shape == (1, 3, 4)
    for m in range(len(panel.models)):
        rows, mean, covariance = moments_of_model(density, readings, m, fixed)
        arm = readings.arm[readings.animal[rows]]
        day = readings.elapsed[rows]
        until = panel.follow_up
        a, b = np.where(np.isin(arm, [1, 3]), day, 0.0), np.where(np.isin(arm, [2, 3]), np.maximum(day - 3, 0), 0.0)
        larger = first * until > second * (until - 3)
        alone = np.where(arm == 3, 0.0, 1.0)
        each = [np.where(larger, 1.0, 0.0), np.where(larger, 0.0, 1.0)]
        root = np.linalg.cholesky(covariance[0])
        white = np.linalg.solve(root, readings.log_volume[rows] - mean[0])[:, None]
        by = {name: np.linalg.solve(root, column)[:, None] for name, column in
              {"a": a * alone, "a3": a * (1 - alone), "b": b * alone, "b3": b * (1 - alone)}.items()}  # fmt: skip
        left = white + by["a"] * first + by["a3"] * first * each[0] + by["b"] * second + by["b3"] * second * each[1]
        logs = weight - 0.5 * (left**2).sum(axis=0)
        constant = -np.log(np.diagonal(root)).sum() - 0.5 * len(rows) * np.log(2 * np.pi)
        assert found.log_density[0, m] == pytest.approx(logsumexp(logs) + cell + constant, abs=2e-3)
        many = density.models(np.repeat(x[None], 4000, axis=0)).effects(np.random.default_rng(2))[:, m, 2:]
        share = np.exp(logs - logsumexp(logs))
        for k, kill in enumerate((first, second)):
            middle = share @ kill
            sd = np.sqrt(share @ (kill - middle) ** 2)
            assert many[:, k].mean() == pytest.approx(middle, abs=5 * sd / 60)
            assert many[:, k].std() == pytest.approx(sd, rel=0.08)


def test_a_card_of_the_better_agent_says_which_panels_it_takes() -> None:
    panel = invented(3, 2, censored=False, uneven=False)
    arms = (*panel.arms, Arm("A + B again", dosings=(panel.arms[1].dosings[0], replace(panel.arms[2].dosings[0]))))
    readings = panel.studies["M0"].readings
    more = readings[readings["arm"] == "A + B"].assign(arm="A + B again", animal=lambda table: table["animal"] + "x")
    study = replace(panel.studies["M0"], arms=arms, readings=pd.concat([readings, more], ignore_index=True))
    two = replace(panel, arms=arms, studies={**panel.studies, "M0": study})
    with pytest.raises(InputError, match="M0 has 2; name one of A \\+ B and A \\+ B again with --combination"):
        fit_panel(two, CARDS["panel-exponential-hsa"])


@pytest.mark.slow
@pytest.mark.parametrize("censored", [False, True])
def test_models_left_out_by_weights_are_those_left_out_by_fitting_again(
    subtests: pytest.Subtests, *, censored: bool
) -> None:
    """Expected log density of every model, one of them unlike the others: by weights, and by chains without it."""
    panel = invented(7, 2, seed=5, censored=censored, uneven=False)
    strange = panel.studies["M2"].readings
    faster = strange["volume"] * np.exp(0.05 * strange["day"])
    studies = {**panel.studies, "M2": replace(panel.studies["M2"], readings=strange.assign(volume=faster))}
    panel = replace(panel, studies=studies)
    assert (cost_of_censored(panel) > 0) is censored
    methods: set[str] = set()
    for name in ("panel-exponential", "panel-gompertz-moderators", "panel-exponential-hsa"):
        fit = fit_panel(panel, CARDS[name], seed=1, progress=False)
        by_weights = {model: refit_without_models(fit, [model]) for model in panel.models}
        methods |= {one.method for one in by_weights.values()}
        for model, one in by_weights.items():
            exact = fit_panel(panel, CARDS[name], seed=2, progress=False, without=[model])
            (ours, error), (theirs, other_error) = (elpd_of(fitted) for fitted in (one, exact))
            with subtests.test(f"{name} without {model}, by {one.method}"):
                assert ours == pytest.approx(theirs, abs=4 * np.hypot(error, other_error))
    assert "importance" in methods


def elpd_of(fit: PanelFit) -> tuple[float, float]:
    """Log of a model's expected density, and its Monte-Carlo error, of the effective draws for that mean."""
    log_density = fit.draws["log_likelihood"]["volume_readings"].squeeze("model", drop=True)
    density = np.exp(log_density - log_density.max())
    worth = az.ess(density.to_dataset(name="x"), method="mean")["x"].item()
    if fit.health.effective_draws is not None:
        worth = min(worth, fit.health.effective_draws)
    mean = density.mean().item()
    return float(np.log(mean) + log_density.max()), float(density.std() / mean / np.sqrt(worth))


def test_a_model_of_enough_animals_is_estimated_by_its_own_fit_and_others_by_least_squares() -> None:
    shipped = read_cards("exponential-bliss-departure")["exponential-bliss-departure"]
    card = CARDS["panel-exponential"]
    assert card_of_one_model(card).digest == shipped.digest
    panel = invented(3, 3, seed=7, censored=False, uneven=False, departure=0.03)
    few = panel.studies["M1"].readings
    few = few[few["animal"] != "B2"]
    panel = replace(panel, studies={**panel.studies, "M1": replace(panel.studies["M1"], readings=few)})
    settings = SamplerSettings(draws=200, tune=300, chains=2, retries=0)
    combination = panel.combinations[0]
    own = fits_of_models(panel, card, seed=1)
    table = alone(panel, fit_panel(panel, card, settings=settings, progress=False), combination, own)
    assert table["by"].to_dict() == {"M0": "fit", "M1": "least_squares", "M2": "fit"}
    for name in ("M0", "M2"):
        study, day = panel.studies[name], panel.horizon + panel.first_dose[name]
        same = {"method": "importance", "seed": 1, "progress": False, "keep": "posterior"}  # the same draws
        single = fit_study(study, shipped, **same)
        direct = single.posterior["departure"].squeeze() * (day - 3.0)
        assert table.loc[name, "median"] == pytest.approx(float(direct.median()), abs=1e-9)
        assert table.loc[name, "upper"] == pytest.approx(float(direct.quantile(0.975)), abs=1e-9)
