"""Prior sensitivity: ArviZ's numbers, for every answer, in words that say what decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xenograft.answers.followed import quantities, quantity_names
from xenograft.evidence.sensitivity import log_prior, prior_sensitivity
from xenograft.fitting.curves import prior_draws
from xenograft.fitting.fit import Fit
from xenograft.model.vocabulary import SHARED_BY

CARD = "exponential-bliss-departure"
EXCESS = "excess_bliss[T-DM1 + pertuzumab]"


def test_the_log_prior_is_the_sum_of_the_cards_priors(fits: Mapping[str, Fit]) -> None:
    fit = fits["gompertz-bliss-departure"]
    found = log_prior(fit)
    assert set(found) == set(fit.card.priors) - set(SHARED_BY)  # a parameter only where mice carry several tumours
    kill = fit.posterior["kill"]
    card = fit.card.on(fit.study)
    expected = sum(card.prior_of("kill").frozen.logpdf(kill.isel(agent=i)) for i in range(2))
    np.testing.assert_allclose(found["kill"], expected)
    np.testing.assert_allclose(found["error"], fit.card.prior_of("error").frozen.logpdf(fit.posterior["error"]))


def test_an_agents_own_prior_is_used(fits: Mapping[str, Fit]) -> None:
    fit = fits[CARD]
    own = fit.card.priors["kill"].model_copy(update={"mu": 0.5})
    card = fit.card.model_copy(update={"priors": fit.card.priors | {"kill.T-DM1": own}})
    kill = fit.posterior["kill"]
    days = card.on(fit.study).priors
    expected = days["kill.T-DM1"].frozen.logpdf(kill.isel(agent=0)) + days["kill"].frozen.logpdf(kill.isel(agent=1))
    np.testing.assert_allclose(log_prior(replace(fit, card=card))["kill"], expected)


def test_every_answer_that_varies_has_a_sensitivity_and_they_are_arvizs(fits: Mapping[str, Fit]) -> None:
    fit = fits[CARD]
    table = prior_sensitivity(fit)
    names = set(quantity_names(fit.study))
    assert set(table.index) <= names
    never = {"tgi[vehicle]", "tgi_auc[vehicle]", "tgi_baseline[vehicle]", "tgi_auc_baseline[vehicle]"}
    unreached = names - set(table.index) - never  # by more than half the draws
    assert {name.partition("[")[0] for name in unreached} <= {"time_to_2x", "time_to_4x", "doubling_time"}
    draws = quantities(fit)["excess_bliss"].sel(combination="T-DM1 + pertuzumab").to_dataset(name="x")
    tree = xr.DataTree.from_dict({"posterior": draws, "log_prior": log_prior(fit)})
    assert table.loc[EXCESS, "prior"] == pytest.approx(float(az.psense(tree)["x"]))


def test_numbers_asked_for_alone_have_the_sensitivities_they_have_among_all(fits: Mapping[str, Fit]) -> None:
    everything = prior_sensitivity(fits[CARD])
    some = prior_sensitivity(fits[CARD], only=("excess_bliss", "tgi"))
    assert {name.partition("[")[0] for name in some.index} == {"excess_bliss", "tgi"}
    pd.testing.assert_frame_equal(some, everything.loc[some.index])


def test_on_the_fixture_the_data_decide_the_excess(fits: Mapping[str, Fit]) -> None:
    row = prior_sensitivity(fits[CARD]).loc[EXCESS]
    assert row["prior"] < 0.05 < row["likelihood"]
    assert row["words"] == ""


def test_where_the_posterior_is_the_prior_the_prior_decides(fits: Mapping[str, Fit]) -> None:
    fit = fits[CARD]
    prior = prior_draws(fit.study, fit.card, 4000, seed=1)
    draws = fit.draws.copy()
    draws["posterior"] = xr.DataTree(prior)
    flat = fit.draws["log_likelihood"]["volume_readings"].isel(chain=[0])
    flat = (0 * flat.isel(draw=[0])).isel(draw=np.zeros(4000, dtype=int)).assign_coords(draw=np.arange(4000))
    flat = flat + 1e-9 * np.random.default_rng(1).standard_normal(flat.shape)
    draws["log_likelihood"] = xr.DataTree(flat.to_dataset(name="volume_readings"))
    table = prior_sensitivity(replace(fit, draws=draws))
    assert table.loc[EXCESS, "words"] == "the prior decides"
    assert table.loc[EXCESS, "departure_prior"] > 0.05


def test_a_prior_against_the_data_is_named(fits: Mapping[str, Fit]) -> None:
    fit = fits[CARD]
    against = fit.card.priors["departure"].model_copy(update={"mu": -0.1, "sigma": 0.01})
    card = fit.card.model_copy(update={"priors": fit.card.priors | {"departure": against}})
    row = prior_sensitivity(replace(fit, card=card)).loc[EXCESS]
    assert row["words"] == "prior and data disagree"
    assert row["departure_prior"] > 0.05


def test_a_card_that_fixes_the_departure_has_no_departure_prior(fits: Mapping[str, Fit]) -> None:
    table = prior_sensitivity(fits["exponential-bliss"])
    assert table["departure_prior"].isna().all()
    assert EXCESS not in table.index  # 0 in every draw
