"""Curves from a fit: what they are called, what they cost, and that the data lie where they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from xenograft.fitting.curves import (
    animal_curves,
    curve_days,
    curves,
    curves_of,
    new_readings,
    predicted_references,
    prior_draws,
    reference_names,
)
from xenograft.fitting.fit import Fit
from xenograft.fitting.integrated import log_likelihood
from xenograft.model.card import ModelCard
from xenograft.model.curve import effect_columns
from xenograft.quantities.estimands import excess
from xenograft.simulation.simulate import true_curves
from xenograft.simulation.truth import Truth, read_truth
from xenograft.study.arms import Arm
from xenograft.study.study import Study

FIXTURE = Path(__file__).parents[1] / "fixtures" / "her2-four-arm"
CARD, GOMPERTZ = "exponential-bliss-departure", "gompertz-bliss-departure"
COMBINATION = "T-DM1 + pertuzumab"


@pytest.fixture
def truth() -> Truth:
    return read_truth(FIXTURE / "truth.toml")


def without_arm(study: Study, name: str) -> Study:
    """The study as if an arm had never been run."""
    arms = tuple(arm for arm in study.arms if arm.name != name)
    return replace(study, arms=arms, readings=study.readings[study.readings["arm"] != name].reset_index(drop=True))


# Typical curves


def test_curves_are_labelled_by_chain_draw_arm_and_day(fits: Mapping[str, Fit], study: Study) -> None:
    found = curves(fits[CARD])
    assert found.dims == ("chain", "draw", "arm", "day")
    assert found.sizes["chain"] == 4
    assert found.sizes["draw"] == 1000
    assert list(found["arm"].values) == [arm.name for arm in study.arms]
    assert not found["predicted"].any()
    assert found.attrs == {"of": "typical", "unit": "ln mm3", "first_dose": 0.0}


def test_the_default_days_are_whole_days_reading_days_and_the_horizon(fits: Mapping[str, Fit], study: Study) -> None:
    days = curve_days(study)
    assert list(curves(fits[CARD])["day"].values) == list(days)
    assert set(np.arange(0, 43.0)) | {study.horizon} <= set(days)
    late = replace(study, readings=study.readings.assign(day=study.readings["day"] + 0.25), chosen_horizon=20.5)
    assert {0.25, 20.5, 42.25} <= set(curve_days(late))
    assert curve_days(late).min() == 0.0
    assert (np.diff(curve_days(late)) > 0).all()


def test_days_are_those_that_the_laboratory_recorded(fits: Mapping[str, Fit], study: Study) -> None:
    def later(days: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(day + 30 for day in days)

    arms = tuple(
        replace(arm, dosings=tuple(replace(dosing, days=later(dosing.days)) for dosing in arm.dosings))
        for arm in study.arms
    )
    shifted = replace(study, arms=arms, readings=study.readings.assign(day=study.readings["day"] + 30))
    moved = curves(replace(fits[CARD], study=shifted), [30.0, 51.0])
    assert list(moved["day"].values) == [30.0, 51.0]
    assert moved.attrs["first_dose"] == 30.0
    np.testing.assert_allclose(moved, curves(fits[CARD], [0.0, 21.0]))


def test_a_curve_starts_at_the_baseline_and_grows_at_the_growth_rate(fits: Mapping[str, Fit]) -> None:
    posterior = fits[CARD].posterior
    vehicle = curves(fits[CARD], [-3.0, 0.0, 10.0]).sel(arm="vehicle")
    np.testing.assert_allclose(vehicle.sel(day=0.0), posterior["baseline"] + np.log(100))
    np.testing.assert_allclose(vehicle.sel(day=10.0) - vehicle.sel(day=0.0), 10 * posterior["growth"])
    np.testing.assert_allclose(vehicle.sel(day=0.0) - vehicle.sel(day=-3.0), 3 * posterior["growth"])


def test_volumes_are_in_the_unit_of_the_study(fits: Mapping[str, Fit], study: Study) -> None:
    counts = replace(study, unit="photons/s", readings=study.readings.assign(volume=study.readings["volume"] * 1e4))
    found = curves(replace(fits[CARD], study=counts), [0.0, 14.0])
    first = counts.fitted_readings.groupby("animal")["volume"].first()
    assert found.attrs["unit"] == "ln photons/s"
    assert counts.reference_volume == pytest.approx(np.exp(np.median(np.log(first))))
    np.testing.assert_allclose(
        found, curves(fits[CARD], [0.0, 14.0]) + np.log(counts.reference_volume / study.reference_volume)
    )


@pytest.mark.parametrize("name", [CARD, GOMPERTZ])
def test_the_curves_of_a_fit_hold_the_true_curves(fits: Mapping[str, Fit], truth: Truth, name: str) -> None:
    days = [0.0, 14.0, 31.0]
    found, expected = curves(fits[name], days), true_curves(fits[name].study.arms, truth, days)
    score = (found.mean(("chain", "draw")) - expected) / found.std(("chain", "draw"))
    assert (np.abs(score) < 4).all(), score


@pytest.mark.parametrize("name", ["exponential-bliss", "gompertz-bliss"])
def test_a_bliss_card_without_departure_has_exactly_no_bliss_excess(fits: Mapping[str, Fit], name: str) -> None:
    found = excess(curves(fits[name]), COMBINATION, ["T-DM1", "pertuzumab"], "vehicle")
    assert not found.any()


@pytest.mark.parametrize("name", ["exponential-hsa", "gompertz-hsa"])
def test_an_hsa_card_has_exactly_no_hsa_excess(fits: Mapping[str, Fit], name: str) -> None:
    found = excess(curves(fits[name]), COMBINATION, ["T-DM1", "pertuzumab"], "vehicle", "hsa")
    assert not found.any()


# Mean curves


@pytest.mark.parametrize("name", [CARD, GOMPERTZ])
def test_the_mean_curve_is_the_log_of_the_mean_over_drawn_animals(fits: Mapping[str, Fit], name: str) -> None:
    fit, days = fits[name], np.array([0.0, 14.0, 31.0])
    one = replace(fit, draws=xr.DataTree.from_dict({"posterior": fit.posterior.isel(chain=[0], draw=[5])}))
    typical, mean = (curves(one, days, of=of).squeeze(("chain", "draw")) for of in ("typical", "mean"))
    assert mean.attrs["of"] == "mean"
    animals, columns = 400_000, effect_columns(days, one.parameters(), np.zeros((1, days.size)))
    own = np.random.default_rng(1).standard_normal((len(columns), animals, 1))
    spread = sum(own[k] * np.asarray(column).reshape(1, -1) for k, column in enumerate(columns))
    volume = np.exp(spread)
    error = volume.std(axis=0) / volume.mean(axis=0) / np.sqrt(animals)  # of the log of the mean
    difference = (mean - typical).transpose("arm", "day").to_numpy()
    assert (np.abs(difference - np.log(volume.mean(axis=0))) < 4.5 * error).all()


def test_the_mean_tumour_is_never_smaller_than_the_typical_one(fits: Mapping[str, Fit]) -> None:
    for fit in fits.values():
        assert (curves(fit, of="mean") > curves(fit)).all()


def test_an_excess_of_mean_curves_is_refused(fits: Mapping[str, Fit]) -> None:
    with pytest.raises(ValueError, match="typical curves"):
        excess(curves(fits[CARD], of="mean"), COMBINATION, ["T-DM1", "pertuzumab"], "vehicle")


# References that were not run


def test_a_combination_is_measured_against_the_arms_of_its_agents(study: Study) -> None:
    assert reference_names(study, study.combinations[0]) == ("T-DM1", "pertuzumab")
    assert predicted_references(study) == ()


def test_an_arm_that_was_not_run_is_predicted_and_says_so(fits: Mapping[str, Fit], study: Study) -> None:
    def once(arm: Arm) -> Arm:
        return replace(
            arm, dosings=tuple(replace(one, days=one.days[:1], doses=(one.level or 0.0,)) for one in arm.dosings)
        )

    other = replace(study, arms=tuple(once(arm) if arm.name == "pertuzumab" else arm for arm in study.arms))
    # the posterior of the whole study stands in for that of the other one: only the labels are looked at
    found = curves_of(fits[CARD].posterior, other, fits[CARD].card, [0.0, 21.0])
    arms = ["vehicle", "T-DM1", "pertuzumab", COMBINATION]
    assert list(found["arm"].values) == [*arms, "pertuzumab 15 mg/kg (predicted)"]
    assert found["predicted"].values.tolist() == [False, False, False, False, True]
    assert reference_names(other, other.combinations[0]) == ("T-DM1", "pertuzumab 15 mg/kg (predicted)")
    whole = curves(fits[CARD], [0.0, 21.0])
    np.testing.assert_allclose(
        found.sel(arm="pertuzumab 15 mg/kg (predicted)", drop=True), whole.sel(arm="pertuzumab", drop=True)
    )


def test_an_arm_on_other_days_is_no_reference(study: Study) -> None:
    late = replace(study.arms[2].dosings[0], days=(1.0, 8.0, 15.0, 22.0, 29.0, 36.0))
    arms = (*study.arms[:2], replace(study.arms[2], dosings=(late,)), study.arms[3])
    other = replace(study, arms=arms)
    assert [arm.name for arm in predicted_references(other)] == ["pertuzumab 15 mg/kg (predicted)"]


# Animals


def test_the_readings_of_an_animal_scatter_around_its_own_curve_by_the_error(
    fits: Mapping[str, Fit], study: Study
) -> None:
    fit, readings = fits[CARD], study.fitted_readings
    days = np.unique(readings["day"])
    own = animal_curves(fit, days, thin=20)
    assert own.dims == ("chain", "draw", "animal", "day")
    assert list(own["animal"].values) == list(study.animals.index)
    mean = own.mean(("chain", "draw")).to_series()
    at = mean[list(zip(readings["animal"], readings["day"], strict=True))].to_numpy()
    residual = np.log(readings["volume"].to_numpy()) - at
    effects = 2 * len(study.animals)  # fitted, so the residuals have that many fewer degrees of freedom
    error = np.sqrt((residual**2).sum() / (len(readings) - effects))
    expected = float(fit.posterior["error"].mean())
    assert error == pytest.approx(expected, abs=4 * expected / np.sqrt(2 * len(readings)))


def test_the_curves_of_animals_follow_the_exact_distribution_of_their_effects(
    fits: Mapping[str, Fit], study: Study
) -> None:
    fit, animal, days = fits[CARD], 3, np.array([0.0, 10.0, 31.0])
    draws = xr.concat([fit.posterior.isel(chain=[0], draw=[7])] * 4000, dim="draw").assign_coords(draw=np.arange(4000))
    one = replace(fit, draws=xr.DataTree.from_dict({"posterior": draws}))
    name = study.animals.index[animal]
    own = animal_curves(one, days, thin=1).sel(animal=name).squeeze("chain").transpose("draw", "day").to_numpy()
    mean, covariance = _conditional(one, name, days)
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(own.mean(axis=0) - mean) < 4.5 * sd / np.sqrt(4000)).all()
    assert (np.abs(own.std(axis=0) / sd - 1) < 4.5 / np.sqrt(8000)).all()
    correlation = covariance / np.outer(sd, sd)
    error = (1 - correlation**2) / np.sqrt(4000)
    assert (np.abs(np.corrcoef(own.T) - correlation) <= 4.5 * error + 1e-12).all()


def _conditional(fit: Fit, animal: str, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of an exponential animal's curve given its readings, as matrix algebra has it."""
    readings = fit.study.fitted_readings
    readings = readings[readings["animal"] == animal]
    drawn = {name: value.isel(chain=0, draw=0).to_numpy() for name, value in fit.posterior.items()}
    cross = drawn["correlation"] * drawn["sd_baseline"] * drawn["sd_growth"]
    between = np.array([[drawn["sd_baseline"] ** 2, cross], [cross, drawn["sd_growth"] ** 2]])
    at, new = (np.column_stack([np.ones(len(day)), day]) for day in (readings["day"].to_numpy(), days))
    typical = curves(fit, np.concatenate([readings["day"], days])).sel(arm=readings["arm"].iloc[0])
    typical = typical.isel(chain=0, draw=0).to_numpy()
    marginal = at @ between @ at.T + drawn["error"] ** 2 * np.eye(len(at))
    gain = new @ between @ at.T @ np.linalg.inv(marginal)
    residual = np.log(readings["volume"].to_numpy()) - typical[: len(at)]
    return typical[len(at) :] + gain @ residual, new @ between @ new.T - gain @ at @ between @ new.T


def test_the_seed_and_the_thinning_of_animal_curves_matter(fits: Mapping[str, Fit]) -> None:
    first, same, other = (animal_curves(fits[CARD], [7.0], thin=100, seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(first, same)
    assert not np.array_equal(first, other)
    assert first.sizes["draw"] == 10
    assert animal_curves(fits[CARD], [7.0], thin=50).sizes["draw"] == 20


# Predictive distributions


@pytest.mark.parametrize("name", [CARD, GOMPERTZ])
def test_the_predictive_intervals_cover_the_readings_as_often_as_they_say(
    fits: Mapping[str, Fit], study: Study, name: str
) -> None:
    predicted = fits[name].draws["posterior_predictive"]["volume_readings"]
    observed = fits[name].draws["observed_data"]["volume_readings"]
    for share in (0.5, 0.9):
        low, high = (predicted.quantile(q, ("chain", "draw"), skipna=False) for q in ((1 - share) / 2, (1 + share) / 2))
        inside = ((observed >= low) & (observed <= high)).where(observed.notnull())
        by_animal = inside.mean("reading")
        # readings of an animal lie on one side together: the spread between animals is the error of the share
        error = float(by_animal.std()) / np.sqrt(len(study.animals))
        assert abs(float(by_animal.mean()) - share) < 4 * error


def test_a_new_reading_is_missing_where_the_animal_has_none(fits: Mapping[str, Fit]) -> None:
    draws = fits[CARD].draws
    missing = draws["observed_data"]["volume_readings"].isnull()
    for group in ("posterior_predictive", "prior_predictive"):
        xr.testing.assert_equal(draws[group]["volume_readings"].isnull().any(("chain", "draw")), missing)
        xr.testing.assert_equal(draws[group]["volume_readings"].isnull().all(("chain", "draw")), missing)


def test_new_readings_have_the_moments_of_the_model(
    fits: Mapping[str, Fit], study: Study, cards: Mapping[str, ModelCard]
) -> None:
    draws = xr.concat([fits[CARD].posterior.isel(chain=[0], draw=[3])] * 8000, dim="draw")
    new = new_readings(draws.assign_coords(draw=np.arange(8000)), study, cards[CARD], seed=4)
    one = {name: value.isel(chain=0, draw=0).to_numpy() for name, value in draws.items()}
    readings = fits[CARD].draws["constant_data"]["elapsed"]
    animal = study.animals.index[0]
    day = readings.sel(animal=animal).to_numpy()
    present = np.isfinite(day)
    day, found = day[present], new.sel(animal=animal).isel(chain=0).to_numpy()[:, present]
    variance = (
        one["sd_baseline"] ** 2
        + 2 * day * one["correlation"] * one["sd_baseline"] * one["sd_growth"]
        + (day * one["sd_growth"]) ** 2
        + one["error"] ** 2
    )
    expected = one["baseline"] + one["growth"] * day  # the first animal is in the vehicle arm
    assert study.animals["arm"].iloc[0] == "vehicle"
    assert (np.abs(found.mean(axis=0) - expected) < 4.5 * np.sqrt(variance / 8000)).all()
    assert (np.abs(found.var(axis=0) / variance - 1) < 4.5 * np.sqrt(2 / 8000)).all()


def test_the_log_likelihood_is_the_normal_density_of_each_animals_readings(
    fits: Mapping[str, Fit], study: Study, cards: Mapping[str, ModelCard]
) -> None:
    posterior = fits[CARD].posterior.isel(chain=[0, 2], draw=[10, 500])
    found = log_likelihood(posterior, study, cards[CARD])
    xr.testing.assert_allclose(
        found.drop_attrs(), fits[CARD].draws["log_likelihood"]["volume_readings"].isel(chain=[0, 2], draw=[10, 500])
    )
    for animal in ("V01", "C10"):
        readings = study.fitted_readings[study.fitted_readings["animal"] == animal]
        day, arm = readings["day"].to_numpy(), readings["arm"].iloc[0]
        for chain, draw in [(0, 10), (2, 500)]:
            one = {name: value.sel(chain=chain, draw=draw).to_numpy() for name, value in posterior.items()}
            cross = one["correlation"] * one["sd_baseline"] * one["sd_growth"]
            between = np.array([[one["sd_baseline"] ** 2, cross], [cross, one["sd_growth"] ** 2]])
            basis = np.column_stack([np.ones(len(day)), day])
            covariance = basis @ between @ basis.T + one["error"] ** 2 * np.eye(len(day))
            typical = curves(fits[CARD], day).sel(chain=chain, draw=draw, arm=arm).to_numpy()
            expected = stats.multivariate_normal(typical, covariance).logpdf(np.log(readings["volume"]))
            assert float(found.sel(chain=chain, draw=draw, animal=animal)) == pytest.approx(expected, rel=1e-9)


def test_large_posteriors_are_gone_through_in_parts(
    fits: Mapping[str, Fit], study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    posterior = fits[CARD].posterior.isel(draw=slice(0, 7))
    whole = log_likelihood(posterior, study, fits[CARD].card)
    monkeypatch.setattr("xenograft.fitting.integrated.CHUNK", 1)
    xr.testing.assert_allclose(log_likelihood(posterior, study, fits[CARD].card), whole, rtol=1e-12)


# Priors


@pytest.mark.parametrize("name", [CARD, "exponential-hsa", GOMPERTZ])
def test_prior_draws_look_like_a_posterior_of_one_chain(
    fits: Mapping[str, Fit], study: Study, cards: Mapping[str, ModelCard], name: str
) -> None:
    found = prior_draws(study, cards[name], 300, seed=2)
    assert set(found.data_vars) == set(fits[name].posterior.data_vars)
    for variable in found.data_vars:
        assert found[variable].dims == fits[name].posterior[variable].dims
    assert (found.sizes["chain"], found.sizes["draw"]) == (1, 300)
    assert list(found["agent"].values) == ["T-DM1", "pertuzumab"]
    assert curves_of(found, study, cards[name], [0.0, 21.0]).shape == (1, 300, 4, 2)


def test_prior_draws_follow_the_priors_of_the_card(study: Study, cards: Mapping[str, ModelCard]) -> None:
    found = prior_draws(study, cards[GOMPERTZ], 2000, seed=2)
    card = cards[GOMPERTZ].on(study)
    p = {
        str(name): stats.kstest(values.to_numpy().ravel(), card.prior_of(str(name)).frozen.cdf).pvalue
        for name, values in found.items()
    }
    assert min(p.values()) > 1e-4, p  # nine parameters


def test_an_agents_own_prior_is_used_for_it_alone(study: Study, cards: Mapping[str, ModelCard]) -> None:
    own = cards[CARD].prior_of("kill").model_copy(update={"mu": 5.0, "sigma": 0.01, "unit": "1/day"})
    card = cards[CARD].model_copy(update={"priors": cards[CARD].priors | {"kill.pertuzumab": own}})
    kill = prior_draws(study, card, 200, seed=1)["kill"].mean(("chain", "draw"))
    assert float(kill.sel(agent="pertuzumab")) == pytest.approx(5.0, abs=0.01)
    assert float(kill.sel(agent="T-DM1")) == pytest.approx(0.03, abs=0.04)


def test_the_seed_of_prior_draws_and_new_readings_matters(
    fits: Mapping[str, Fit], study: Study, cards: Mapping[str, ModelCard]
) -> None:
    first, same, other = (prior_draws(study, cards[CARD], 20, seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(first, same)
    assert not np.array_equal(first["growth"], other["growth"])
    few = fits[CARD].posterior.isel(draw=slice(0, 3))
    one, again, another = (new_readings(few, study, cards[CARD], seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(one, again)
    assert not np.array_equal(one, another, equal_nan=True)
