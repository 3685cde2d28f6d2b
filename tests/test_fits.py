"""Fits, their health and files, the comparison and the averaged answers, on the fixture."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import nutpie
import pytest
import xarray as xr
from explicit import explicit_model

from xenograft import sampling
from xenograft.answers import AVERAGED, average, interaction, interaction_of, model_curves, verdict_words, verdicts
from xenograft.comparison import compare
from xenograft.errors import FitFileError, InputError, NoHealthyFitError
from xenograft.estimands import excess
from xenograft.fitted import Fit, Health, judge
from xenograft.prediction import animal_curves, curves, new_readings
from xenograft.sampling import SamplerSettings, fit
from xenograft.simulation import Truth, simulate
from xenograft.study import Arm, Dosing, Study

Fits = dict[str, Fit]
CARD = "exponential-bliss-departure"
FEW = SamplerSettings(draws=200, tune=300, retries=0)


def test_every_answering_fit_of_the_fixture_is_healthy(fits: Fits) -> None:
    assert {name: one.health.status for name, one in fits.items() if one.card.answers} == {
        "exponential-bliss-departure": "pass",
        "gompertz-bliss-departure": "pass",
    }


def test_the_true_interaction_of_the_fixture_is_found(fits: Fits) -> None:
    draws = fits[CARD].posterior["departure"].isel(combination=0)
    assert abs(float(draws.mean()) - 0.021) < 3 * float(draws.std())


def test_the_same_seed_gives_the_same_numbers_on_any_number_of_cores(fits: Fits) -> None:
    one = fits[CARD]
    found = [fit(one.study, one.card, seed=5, settings=replace(FEW, cores=cores), progress=False) for cores in (1, 2)]
    assert found[0].posterior.equals(found[1].posterior)
    other = fit(one.study, one.card, seed=6, settings=FEW, progress=False)
    assert not found[0].posterior.equals(other.posterior)


def test_another_study_of_the_same_shape_needs_no_compilation(
    fits: Fits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nutpie, "compile_pymc_model", None)
    a, b = Dosing("X", (0.0,)), Dosing("Y", (0.0,))
    arms = (Arm("ctrl", control=True), Arm("x", dosings=(a,)), Arm("y", dosings=(b,)), Arm("xy", dosings=(a, b)))
    truth = Truth(baseline=120.0, growth=0.1, kill={"X": 0.06, "Y": 0.0}, sd_baseline=0.2, sd_growth=0.01, error=0.1)
    study = simulate(arms, truth, animals=8, days=[0.0, 4.0, 9.0, 14.0, 20.0], seed=2)
    found = fit(study, fits[CARD].card, settings=FEW, progress=False)
    assert found.posterior["agent"].values.tolist() == ["X", "Y"]
    assert found.posterior["combination"].values.tolist() == ["xy"]
    kill = found.posterior["kill"].sel(agent="X")
    assert abs(float(kill.mean()) - 0.06) < 4 * float(kill.std())
    assert capsys.readouterr() == ("", "")  # no progress when it is not asked for


def test_a_card_that_fixes_the_departure_has_none(fits: Fits) -> None:
    assert "departure" not in fits["exponential-bliss"].posterior
    assert "departure_standard" not in fits[CARD].posterior
    nulls = [fits[f"exponential-{kind}"].posterior["kill"] for kind in ("bliss", "hsa")]
    assert abs(float(nulls[0].mean() - nulls[1].mean())) > 1e-4


def test_the_posterior_is_that_of_the_model_with_explicit_animal_effects(fits: Fits) -> None:
    compiled = nutpie.compile_pymc_model(explicit_model(fits[CARD].study))
    explicit = nutpie.sample(compiled, draws=1000, tune=1000, chains=4, seed=1, progress_bar=False, save_warmup=False)
    theirs, ours = explicit["posterior"].to_dataset(), fits[CARD].posterior
    for name in ("baseline", "growth", "kill", "departure", "sd_baseline", "sd_growth", "error"):
        left, right = np.asarray(ours[name].mean(("chain", "draw"))).ravel(), theirs[name].mean(("chain", "draw"))
        errors = [np.asarray(az.mcse(data[[name]], method="mean")[name]).ravel() for data in (ours, theirs)]
        assert (abs(left - np.asarray(right).ravel()) < 4.5 * np.hypot(*errors)).all(), name
        assert np.allclose(np.asarray(ours[name].std(("chain", "draw"))).ravel(),
                           np.asarray(theirs[name].std(("chain", "draw"))).ravel(), rtol=0.12), name  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ("share of divergences 0.05 (200 draws)", [(200, 300, 0.8), (200, 300, 0.95), (200, 600, 0.99)]),
        ("R-hat 1.2 (growth)", [(200, 300, 0.8), (400, 600, 0.8), (400, 600, 0.8)]),
    ],
)
def test_an_unhealthy_fit_is_sampled_again_more_carefully_at_most_twice(
    fits: Fits, monkeypatch: pytest.MonkeyPatch, failure: str, expected: list[tuple[Any, ...]]
) -> None:
    sick = Health("fail", 1.2, 50, 50, 200, 0.0, 0.9, (failure,))
    monkeypatch.setattr(sampling, "judge", lambda *_: sick)
    found = fit(fits[CARD].study, fits[CARD].card, settings=replace(FEW, retries=2), progress=False)
    assert [(a.draws, a.tune, a.target_accept) for a in found.attempts] == expected
    assert found.attempts[-1].adaptation == ("diag" if failure.startswith("R-hat") else "low_rank")
    assert found.health is sick


def _draws(**changed: Any) -> tuple[xr.Dataset, xr.Dataset]:
    rng = np.random.default_rng(1)
    dims = ("chain", "draw")
    quantities = xr.Dataset({"growth": (dims, rng.normal(size=(4, 1000)))})
    stats = {"diverging": np.zeros((4, 1000), bool), "energy": rng.normal(size=(4, 1000)),
             "reached_max_treedepth": np.zeros((4, 1000), bool)}  # fmt: skip
    return quantities, xr.Dataset({name: (dims, changed.get(name, value)) for name, value in stats.items()})


def test_good_draws_pass() -> None:
    health = judge(*_draws())
    assert health.status == "pass"
    assert health.failures == ()


@pytest.mark.parametrize(
    ("what", "share", "status"),
    [("diverging", 0.0005, "pass"), ("diverging", 0.005, "caution"), ("diverging", 0.05, "fail"),
     ("reached_max_treedepth", 0.005, "pass"), ("reached_max_treedepth", 0.05, "caution"),
     ("reached_max_treedepth", 0.5, "fail")],
)  # fmt: skip
def test_divergences_and_tree_depth_decide_by_their_share(what: str, share: float, status: str) -> None:
    flagged = np.zeros(4000, bool)
    flagged[: int(share * 4000)] = True
    assert judge(*_draws(**{what: flagged.reshape(4, 1000)})).status == status


@pytest.mark.parametrize(("shift", "status"), [(0.4, "caution"), (3.0, "fail")])
def test_chains_that_disagree_do_not_pass_and_are_named(shift: float, status: str) -> None:
    quantities, stats = _draws()
    quantities["growth"][0] += shift
    health = judge(quantities, stats)
    assert health.status == status
    assert any(failure.startswith("R-hat") and "(growth)" in failure for failure in health.failures)


def test_draws_that_are_not_numbers_or_do_not_move_fail() -> None:
    quantities, stats = _draws()
    assert judge(quantities.where(quantities["growth"] < 3), stats).status == "fail"
    slow = np.cumsum(np.random.default_rng(1).normal(size=(4, 1000)), axis=1)
    assert judge(*_draws(energy=slow)).status == "fail"


def test_a_saved_fit_comes_back_as_it_was(fits: Fits, tmp_path: Path) -> None:
    one = fits[CARD]
    readings = one.study.readings.replace({"animal": {"V01": "001", "V02": "NA"}})
    one = replace(one, study=replace(one.study, readings=readings))
    one.save(tmp_path / "fit.nc")
    again = Fit.load(tmp_path / "fit.nc")
    assert all(again.draws[group].to_dataset().equals(one.draws[group].to_dataset()) for group in one.draws.children)
    assert again.study.digest == one.study.digest
    assert {"001", "NA"} <= set(again.study.animals.index)
    assert (again.card, again.health, again.attempts, again.seed) == (one.card, one.health, one.attempts, one.seed)
    assert again.seconds == one.seconds
    assert curves(again).equals(curves(one))
    assert [file.name for file in tmp_path.iterdir()] == ["fit.nc"]


def test_files_that_are_not_ours_are_refused_in_a_sentence(fits: Fits, tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("hello")
    xr.Dataset({"x": 1}).to_netcdf(tmp_path / "foreign.nc", engine="h5netcdf")
    fits[CARD].save(tmp_path / "changed.nc")
    with xr.open_datatree(tmp_path / "changed.nc", engine="h5netcdf") as opened:
        tree = opened.load()
    tree["readings"]["volume"][0] = 1.0
    tree.to_netcdf(tmp_path / "changed.nc", engine="h5netcdf")
    for name, words in {
        "absent.nc": "no such file", "text.nc": "not a NetCDF file", "foreign.nc": "its schema is none",
        "changed.nc": "does not match its digests",
    }.items():  # fmt: skip
        with pytest.raises(FitFileError, match=words):
            Fit.load(tmp_path / name)


def test_every_fit_holds_predictions_of_prior_and_posterior_that_cover_the_readings(fits: Fits) -> None:
    for one in fits.values():
        observed = one.draws["observed_data"]["volume_readings"]
        predicted = one.draws["posterior_predictive"]["volume_readings"]
        assert one.draws["prior_predictive"]["volume_readings"].sizes["animal"] == 40
        if one.card.answers:
            read = observed.notnull().to_numpy()
            low, high = np.quantile(predicted.to_numpy()[..., read], [0.05, 0.95], axis=(0, 1))
            inside = (observed.to_numpy()[read] >= low) & (observed.to_numpy()[read] <= high)
            assert 0.8 < float(inside.mean()) < 0.98  # readings of an animal are correlated


def test_mean_curves_are_the_log_of_the_mean_volume_over_animals(fits: Fits) -> None:
    one = fits["gompertz-bliss-departure"]
    day = one.study.horizon
    few = one.posterior.isel(chain=[0], draw=[0]).assign(error=one.posterior["error"].isel(chain=[0], draw=[0]) * 1e-6)
    many = xr.concat([few.assign_coords(draw=[i]) for i in range(4000)], dim="draw")
    drawn = new_readings(many, one.study, one.card, seed=1).sel(animal="C01")
    days = one.draws["constant_data"]["elapsed"].sel(animal="C01").to_numpy()
    volume = np.exp(drawn.isel(reading=int(np.flatnonzero(days == day)[0]))) * 100
    expected = float(curves(one, [day], of="mean").sel(arm="T-DM1 + pertuzumab").isel(chain=0, draw=0).squeeze())
    assert np.log(float(volume.mean())) == pytest.approx(expected, abs=4 * float(volume.std() / volume.mean()) / 63)
    with pytest.raises(ValueError, match="typical curves"):
        excess(curves(one, of="mean"), "T-DM1 + pertuzumab", ("T-DM1", "pertuzumab"), "vehicle")


def test_the_animals_own_curves_leave_only_the_reading_error(fits: Fits) -> None:
    one = fits[CARD]
    readings = one.study.fitted_readings
    days = np.unique(readings["day"])
    own = animal_curves(one, days).mean(("chain", "draw")).to_pandas().stack()
    places = list(zip(readings["animal"], readings["day"], strict=True))
    residual = np.log(readings["volume"]).to_numpy() - own.loc[places]
    assert float(residual.std()) == pytest.approx(float(one.posterior["error"].mean()), rel=0.15)


def test_a_reference_arm_that_is_missing_is_predicted(fits: Fits) -> None:
    one = fits[CARD]
    arms = tuple(arm for arm in one.study.arms if arm.name != "pertuzumab")
    study = replace(one.study, arms=arms, readings=one.study.readings[one.study.readings["arm"] != "pertuzumab"])
    found = curves(replace(one, study=study))
    assert found["arm"].values[found["predicted"].values].tolist() == ["pertuzumab 15 mg/kg (predicted)"]
    whole = interaction_of(one.study, curves(one), CARD, "bliss").draws
    assert np.allclose(interaction_of(study, found, CARD, "bliss").draws.sel(day=21.0), whole.sel(day=21.0))


def test_weights_are_arvizs_stacking_weights_and_nulls_never_answer(fits: Fits) -> None:
    ranking = compare(fits)
    assert ranking.table["weight"].sum() == pytest.approx(1)
    assert sum(ranking.answer_weights.values()) == pytest.approx(1)
    assert set(ranking.answer_weights) == {name for name, one in fits.items() if one.card.answers}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # large Pareto k
        theirs = az.compare({name: one.draws for name, one in fits.items()}, round_to="none")
    assert np.allclose(theirs["weight"], ranking.table["weight"].reindex(theirs.index), atol=1e-6)
    assert (ranking.table["elpd_diff"] <= 0).all()


def test_nulls_are_set_against_the_answering_card_of_their_growth(fits: Fits) -> None:
    pairs = compare(fits).nulls[["null", "answering"]].to_numpy().tolist()
    assert sorted(pairs) == sorted(
        [f"{law}-{kind}", f"{law}-bliss-departure"] for law in ("exponential", "gompertz") for kind in ("bliss", "hsa")
    )


def _sick(one: Fit) -> Fit:
    return replace(one, health=replace(one.health, status="fail", failures=("R-hat 1.4 (growth)",)))


def test_a_failed_fit_is_named_and_never_ranked(fits: Fits) -> None:
    ranking = compare(fits | {CARD: _sick(fits[CARD])})
    assert ranking.refused == {CARD: "the sampler did not converge (R-hat 1.4 (growth))"}
    assert CARD not in ranking.table.index
    assert ranking.answer_weights == {"gompertz-bliss-departure": pytest.approx(1)}


def test_without_a_healthy_answering_fit_there_is_no_conclusion(fits: Fits) -> None:
    sick = {name: _sick(one) if one.card.answers else one for name, one in fits.items()}
    ranking = compare(sick)
    curves_by_card = model_curves(sick, ranking)
    assert AVERAGED not in curves_by_card
    for verdict in verdicts(sick, ranking, curves_by_card):
        assert verdict.probability is None
        assert verdict.words.startswith("no conclusion: the sampler did not converge (")
    with pytest.raises(NoHealthyFitError):
        interaction(sick, ranking)


def test_fits_of_two_studies_are_not_compared(fits: Fits) -> None:
    other = replace(fits[CARD], study=replace(fits[CARD].study, readings=fits[CARD].study.readings.iloc[1:]))
    with pytest.raises(InputError, match="different studies"):
        compare(fits | {"other": other})


def test_a_pareto_k_that_is_not_a_number_counts_as_bad(fits: Fits, monkeypatch: pytest.MonkeyPatch) -> None:
    original = az.loo

    def loo(*arguments: Any, **options: Any) -> Any:
        found = original(*arguments, **options)
        found.pareto_k[0] = np.nan
        return found

    before = compare({CARD: fits[CARD]}).table["bad_k"].iloc[0]
    monkeypatch.setattr(az, "loo", loo)
    assert compare({CARD: fits[CARD]}).table["bad_k"].iloc[0] == before + 1


def test_averaged_draws_mix_in_proportion_and_never_hold_an_exact_zero(fits: Fits) -> None:
    low, high = (xr.DataArray(np.full((4, 1000), value), dims=("chain", "draw")) for value in (0.0, 1.0))
    assert float(average({"a": low, "b": high}, {"a": 0.3, "b": 0.7}).mean()) == pytest.approx(0.7)
    draws = interaction(fits, compare(fits)).draws.sel(day=slice(1, None))
    assert not bool((draws == 0).any())
    null = interaction(fits, compare(fits), model="exponential-bliss").draws
    assert bool((null == 0).all())


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.975, "enhanced"), (0.9749, "not distinguishable by these data"), (0.5, "not distinguishable by these data"),
     (0.0251, "not distinguishable by these data"), (0.025, "less than the reference")],
)  # fmt: skip
def test_the_verdict_has_its_exact_words(probability: float, words: str) -> None:
    assert verdict_words(probability, "agree") == words
    assert verdict_words(probability, "conflict") == "not distinguishable by these data: the growth laws disagree"


def test_laws_that_contradict_each_other_are_a_conflict(fits: Fits) -> None:
    ranking = compare(fits)
    found = model_curves(fits, ranking)
    mirrored = found["gompertz-bliss-departure"].copy()
    combination = {"arm": "T-DM1 + pertuzumab"}
    mirrored.loc[combination] = mirrored.loc[combination] + 5.0  # far less than the reference
    verdict = verdicts(fits, ranking, found | {"gompertz-bliss-departure": mirrored})[0]
    assert verdict.agreement == "conflict"
    assert verdict.words == "not distinguishable by these data: the growth laws disagree"


def test_the_interaction_table_is_by_day(fits: Fits, study: Study) -> None:
    found = interaction(fits, compare(fits), reference="hsa")
    assert found.table.columns.tolist() == [
        "model", "combination", "reference", "day", "median", "lower", "upper", "probability",
    ]  # fmt: skip
    assert found.draws.dims == ("chain", "draw", "combination", "day")
    assert study.horizon in found.table["day"].tolist()
