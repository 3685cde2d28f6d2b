"""The simulator against solutions written out by hand, and the committed fixtures against their scripts."""

from __future__ import annotations

import importlib.util
import pickle
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from xenograft.errors import InputError
from xenograft.quantities import estimands
from xenograft.reading.read import read_study
from xenograft.simulation.simulate import simulate, true_curves
from xenograft.simulation.truth import Truth, read_truth
from xenograft.study.study import Arm, Dosing

FIXTURES = Path(__file__).parent.parent / "fixtures"

A = Dosing("A", days=(5.0,))
B = Dosing("B", days=(5.0, 12.0, 19.0))
ARMS = (
    Arm("vehicle", control=True),
    Arm("A", dosings=(A,)),
    Arm("B", dosings=(B,)),
    Arm("A + B", dosings=(A, B)),
)
DAYS = (-2.0, 1.0, 5.0, 8.0, 12.0, 15.5, 19.0, 26.0)
SINCE_FIRST_DOSE = np.array(DAYS) - 5.0
SPREAD = {"sd_baseline": 0.2, "sd_growth": 0.015, "correlation": 0.2, "error": 0.13}
EXACT = {"rtol": 1e-8, "atol": 1e-8}
STUDENT = {"degrees_of_freedom": 5.0}


def truth_with(**changes: Any) -> Truth:
    values: dict[str, Any] = {"baseline": 170.0, "growth": 0.08, "kill": {"A": 0.035, "B": 0.02}}
    return Truth(**{**values, **changes})


def total_kill(departure: float) -> np.ndarray:
    return np.array([0.0, 0.035, 0.02, 0.055 + departure])[:, None]


def recorded(truth: Truth, arms: tuple[Arm, ...] = ARMS, **options: Any) -> pd.DataFrame:
    return simulate(arms, truth, **{"animals": 10, "days": DAYS, "seed": 1, **options}).readings


def excess(truth: Truth, day: float) -> float:
    vehicle, a, b, both = true_curves(ARMS, truth, day).to_numpy()[:, 0]
    return a + b - both - vehicle


def test_the_same_seed_gives_the_same_study_and_another_seed_another() -> None:
    truth = truth_with(**SPREAD)
    first, again, other = (simulate(ARMS, truth, animals=4, days=DAYS, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.readings, again.readings)
    assert first.digest == again.digest
    assert first.digest != other.digest


@pytest.mark.parametrize("departure", [0.0, 0.02, -0.02])
def test_exponential_readings_without_noise_are_straight_lines_on_the_log_scale(departure: float) -> None:
    readings = recorded(truth_with(departure={"A + B": departure}), animals=1)
    treated = np.maximum(SINCE_FIRST_DOSE, 0)
    expected = np.log(170.0) + 0.08 * SINCE_FIRST_DOSE - total_kill(departure) * treated
    np.testing.assert_allclose(np.log(readings["volume"]).to_numpy().reshape(4, -1), expected, **EXACT)


@pytest.mark.parametrize("departure", [0.0, 0.02, -0.02])
def test_gompertz_readings_without_noise_follow_the_closed_form(departure: float) -> None:
    readings = recorded(truth_with(law="gompertz", slowing=0.03, departure={"A + B": departure}), animals=1)

    def column(t: np.ndarray) -> np.ndarray:
        return (1 - np.exp(-0.03 * t)) / 0.03

    t = SINCE_FIRST_DOSE
    untreated = np.log(100.0) + np.log(1.7) * np.exp(-0.03 * t) + 0.08 * column(t)
    expected = untreated - total_kill(departure) * column(np.maximum(t, 0))
    np.testing.assert_allclose(np.log(readings["volume"]).to_numpy().reshape(4, -1), expected, **EXACT)


def test_logistic_growth_follows_the_closed_form() -> None:
    vehicle = true_curves(ARMS, truth_with(law="logistic", capacity=3000.0), DAYS).sel(arm="vehicle")
    expected = 3000.0 / (1 + (3000.0 / 170.0 - 1) * np.exp(-0.08 * SINCE_FIRST_DOSE))
    np.testing.assert_allclose(np.exp(vehicle), expected, **EXACT)


def test_lag_changes_the_growth_rate_of_every_arm_at_the_first_dose_only() -> None:
    lag = true_curves(ARMS, truth_with(law="lag", growth_before=0.11), DAYS)
    plain = true_curves(ARMS, truth_with(), DAYS)
    expected = np.broadcast_to(0.03 * np.minimum(SINCE_FIRST_DOSE, 0), (4, len(DAYS)))
    np.testing.assert_allclose(lag - plain, expected, **EXACT)


def test_a_kill_starts_on_the_agents_own_first_day_and_is_off_once_it_ends() -> None:
    late = Dosing("B", days=(10.0, 14.0), ends=True)
    arms = (*ARMS[:2], Arm("late B", dosings=(late,)), Arm("A + late B", dosings=(A, late)))
    curves = true_curves(arms, truth_with(departure={"A + late B": 0.01}), [5.0, 10.0, 14.0, 18.0, 25.0])
    reduction = curves.sel(arm="vehicle") - curves
    b = 0.02 * np.array([0.0, 0.0, 4.0, 8.0, 8.0])
    a = 0.035 * np.array([0.0, 5.0, 9.0, 13.0, 20.0])
    np.testing.assert_allclose(reduction.sel(arm="late B"), b, **EXACT)
    np.testing.assert_allclose(reduction.sel(arm="A + late B"), a + b * 1.5, **EXACT)


def test_a_dose_level_with_its_own_kill_rate_uses_it() -> None:
    doses = (1.0, 3.0)
    arms = (ARMS[0], *(Arm(f"A {x:g}", dosings=(Dosing("A", days=(0.0,), doses=(x,), unit="mg/kg"),)) for x in doses))
    curves = true_curves(arms, truth_with(kill={"A": 0.01, "A 3": 0.03}), 10.0).isel(day=0)
    np.testing.assert_allclose(curves.sel(arm="vehicle") - curves, [0.0, 0.1, 0.3], **EXACT)


def test_three_agents_depart_from_the_sum_of_the_three_single_agents() -> None:
    c = Dosing("C", days=(5.0,))
    arms = (ARMS[0], ARMS[3], Arm("A + B + C", dosings=(A, B, c)))
    kill = {"A": 0.035, "B": 0.02, "C": 0.01}
    curves = true_curves(arms, truth_with(kill=kill, departure={"A + B": 0.02, "A + B + C": -0.005}), 15.0)
    np.testing.assert_allclose(curves.sel(arm="vehicle") - curves.sel(arm="A + B + C"), [0.6], **EXACT)


@pytest.mark.parametrize("law", [{}, {"law": "gompertz", "slowing": 0.03}])
def test_bliss_excess_is_zero_without_departure_when_kills_add_on_the_log_scale(law: dict[str, Any]) -> None:
    assert excess(truth_with(**law), 26.0) == pytest.approx(0.0, abs=1e-8)
    assert excess(truth_with(**law, departure={"A + B": 0.02}), 26.0) > 0.1


def test_bliss_excess_is_not_zero_under_logistic_growth_without_departure() -> None:
    assert abs(excess(truth_with(law="logistic", capacity=3000.0), 26.0)) > 0.01


def test_readings_without_noise_are_the_true_curves() -> None:
    truth = truth_with(law="logistic", capacity=3000.0, departure={"A + B": 0.02})
    readings = recorded(truth, animals=1).pivot(index="arm", columns="day", values="volume")
    curves = true_curves(ARMS, truth, DAYS)
    np.testing.assert_allclose(np.log(readings.loc[curves["arm"].to_numpy()]), curves, **EXACT)


def test_an_animal_leaves_with_its_first_reading_at_the_endpoint_volume() -> None:
    truth = truth_with(**SPREAD)
    whole, cut = recorded(truth), recorded(truth, endpoint_volume=500.0)
    assert (whole["reason_left"] == "").all()
    for animal, readings in whole.groupby("animal"):
        kept = cut[cut["animal"] == animal]
        over = np.flatnonzero(readings["volume"] >= 500.0)
        stop = over[0] + 1 if over.size else len(readings)
        np.testing.assert_array_equal(kept["volume"], readings["volume"].iloc[:stop])
        assert list(kept["reason_left"]) == [""] * (stop - 1) + ["endpoint volume" if over.size else ""]
    assert len(cut) < len(whole)


def test_the_baseline_reading_is_the_last_on_or_before_the_first_dose_and_fitting_starts_there() -> None:
    readings = recorded(truth_with(), days=(1.0, 3.0, 8.0, 12.0))
    assert set(readings.loc[readings["baseline"], "day"]) == {3.0}
    assert set(readings.loc[readings["fitted"], "day"]) == {3.0, 8.0, 12.0}
    assert readings.groupby("animal")["baseline"].sum().eq(1).all()


def test_animals_without_a_reading_before_the_first_dose_are_fitted_from_their_first() -> None:
    readings = recorded(truth_with(), days=(8.0, 12.0))
    assert readings["fitted"].all()
    assert not readings["baseline"].any()


def test_a_reading_below_the_limit_of_quantification_is_recorded_at_the_limit() -> None:
    truth = truth_with(**SPREAD)
    whole, limited = recorded(truth), recorded(truth, limit_of_quantification=150.0)
    np.testing.assert_array_equal(limited["volume"], np.maximum(whole["volume"], 150.0))
    assert (limited["volume"] == 150.0).any()


def test_animals_and_readings_spread_as_the_truth_says() -> None:
    truth = truth_with(**{**SPREAD, "correlation": 0.5, "sd_effect": 0.3, "error": 0.0})
    table = recorded(truth, animals=4000, days=(5.0, 6.0)).pivot(index="animal", columns="day", values="volume")
    log_volume = np.log(table)
    baseline, rate = log_volume[5.0], log_volume[6.0] - log_volume[5.0]
    vehicle = rate.index.str.startswith("V")
    assert baseline.std() == pytest.approx(0.2, rel=0.05)
    assert rate[vehicle].std() == pytest.approx(0.015, rel=0.05)
    assert np.corrcoef(baseline[vehicle], rate[vehicle])[0, 1] == pytest.approx(0.5, abs=0.05)
    treated = rate[rate.index.str.startswith("A")]
    assert treated.mean() == pytest.approx(0.045, abs=0.002)
    assert treated.std() == pytest.approx(np.hypot(0.015, 0.3 * 0.035), rel=0.05)
    noisy = recorded(truth_with(error=0.13), animals=4000, days=(5.0,))
    assert np.log(noisy["volume"]).std() == pytest.approx(0.13, rel=0.05)


def spread_of(truth: Truth, day: float = 26.0, **options: Any) -> dict[str, float]:
    """Standard deviation over animals of the log reading of one day, by arm."""
    readings = recorded(truth, **{"animals": 4000, "days": (day,), **options})
    return np.log(readings["volume"]).groupby(readings["arm"]).std().to_dict()


def test_student_errors_have_the_spread_of_their_distribution_and_outlying_readings() -> None:
    normal, student = (recorded(truth_with(error=0.1, **x), animals=4000, days=(5.0,)) for x in ({}, STUDENT))
    residual = np.log(student["volume"] / 170.0)
    assert residual.std() == pytest.approx(0.1 * np.sqrt(5 / 3), rel=0.05)
    assert residual.abs().max() > 1.5 * np.log(normal["volume"] / 170.0).abs().max()


def test_a_share_of_the_readings_may_be_outliers() -> None:
    truth = truth_with(error=0.1, outlier_share=0.1, outlier_factor=5.0)
    mixed = np.sqrt(0.9 + 0.1 * 25)
    assert spread_of(truth, 5.0) == pytest.approx(dict.fromkeys(("A", "A + B", "B", "vehicle"), 0.1 * mixed), rel=0.06)


def test_the_error_in_volume_weighs_in_small_tumours_and_never_beyond_the_limit() -> None:
    truth = truth_with(error=0.1, small_tumour_error=10.0, kill={"A": 0.2, "B": 0.08})
    volume = np.exp(true_curves(ARMS, truth, 26.0).isel(day=0).to_series())
    assert spread_of(truth) == pytest.approx(np.hypot(0.1, 10.0 / volume).to_dict(), rel=0.05)
    readings = recorded(truth, animals=4000, days=(26.0,), limit_of_quantification=50.0)
    vehicle = readings.loc[readings["arm"] == "vehicle", "volume"]
    assert np.log(vehicle).std() == pytest.approx(np.hypot(0.1, 10.0 / volume["vehicle"]), rel=0.05)
    at_limit = recorded(truth_with(error=0.1, small_tumour_error=10.0, baseline=10.0), days=(5.0,), animals=4000,
        limit_of_quantification=20.0)  # fmt: skip
    share = norm.sf(np.log(20.0 / 10.0) / np.hypot(0.1, 10.0 / 20.0))  # with V itself the sd would be 1, the share 25 %
    assert 1 - at_limit["censored"].mean() == pytest.approx(share, rel=0.1)


def test_an_arm_may_have_its_own_spread_between_animals_and_its_own_error() -> None:
    truth = truth_with(sd_baseline=0.2, spread={"A": 2.0})  # animals are randomised before treatment: baselines do not
    assert spread_of(truth) == pytest.approx({"A": 0.2, "A + B": 0.2, "B": 0.2, "vehicle": 0.2}, rel=0.05)
    slope = truth_with(sd_growth=0.01, spread={"vehicle": 0.5})
    assert spread_of(slope) == pytest.approx({"A": 0.21, "A + B": 0.21, "B": 0.21, "vehicle": 0.105}, rel=0.05)
    noisy = truth_with(error=0.1, error_factor={"B": 3.0})
    assert spread_of(noisy) == pytest.approx({"A": 0.1, "A + B": 0.1, "B": 0.3, "vehicle": 0.1}, rel=0.05)


def test_the_animals_of_a_cohort_share_a_shift_of_their_growth_rate_across_arms() -> None:
    study = simulate(ARMS, truth_with(sd_cohort=0.02), animals=10, days=DAYS, seed=1, cohorts=4)
    first = study.readings[study.readings["baseline"]]
    assert list(first["cohort"][:10]) == ["1", "2", "3", "4", "1", "2", "3", "4", "1", "2"]
    vehicle = study.readings[study.readings["arm"] == "vehicle"]
    last = vehicle[vehicle["day"] == vehicle["day"].max()]
    assert last.groupby("cohort")["volume"].nunique().eq(1).all()
    assert last["volume"].nunique() == 4
    assert "cohort" not in recorded(truth_with())
    elapsed = 10.0
    many = recorded(truth_with(sd_cohort=0.02), animals=2000, days=(5.0, 5.0 + elapsed), cohorts=2000)
    volume = np.log(many[many["arm"] == "vehicle"].pivot(index="animal", columns="day", values="volume"))
    assert volume.diff(axis="columns").iloc[:, 1].std() == pytest.approx(0.02 * elapsed, rel=0.05)


def test_a_share_of_the_treated_animals_responds_more() -> None:
    truth = truth_with(responder_share=0.25, responder_factor=3.0, sd_effect=0.1)
    study = simulate(ARMS, truth, animals=2000, days=(5.0, 15.0), seed=1)
    own = study.true_animals
    assert own.groupby("arm")["responder"].mean().drop("vehicle").to_numpy() == pytest.approx(0.25, rel=0.1)
    assert not own.loc[own["arm"] == "vehicle", "responder"].any()
    assert own.loc[own["arm"] == "vehicle", "effect"].eq(1).all()
    assert own[own["arm"] != "vehicle"].groupby("responder")["effect"].mean().to_numpy() == pytest.approx([1, 3], 0.02)
    volume = study.readings.pivot(index="animal", columns="day", values="volume")
    fall = 10 * (0.08 - own["effect"] * own["arm"].map({"vehicle": 0, "A": 0.035, "B": 0.02, "A + B": 0.055}))
    np.testing.assert_allclose(np.log(volume[15.0] / volume[5.0])[own.index], fall, **EXACT)


def test_animals_lost_at_random_leave_at_their_hazard_after_the_first_dose_with_the_reason_other() -> None:
    days = (*range(-5, 6, 5), *range(6, 36))
    readings = recorded(truth_with(dropout=0.03), animals=2000, days=days)
    last = readings.groupby("animal").last()
    assert readings.groupby("animal")["day"].min().eq(-5).all()
    assert last["day"].min() >= 5.0
    assert (last.loc[last["day"] < 35, "reason_left"] == "other").all()
    assert (last.loc[last["day"] == 35, "reason_left"] == "").all()
    assert (last["day"] == 35).mean() == pytest.approx(np.exp(-0.03 * 30), rel=0.05)
    assert readings["reason_left"].ne("").sum() == (last["day"] < 35).sum()


def test_an_animal_that_reached_the_endpoint_volume_first_was_not_lost() -> None:
    readings = recorded(truth_with(dropout=0.05, **SPREAD), animals=200, endpoint_volume=400.0)
    last = readings.groupby("animal").last()
    assert ((last["reason_left"] == "endpoint volume") == (last["volume"] >= 400.0)).all()
    assert {"endpoint volume", "other", ""} == set(last["reason_left"])


def test_arms_may_differ_in_their_number_of_animals() -> None:
    number = {"vehicle": 3, "A": 5, "B": 2, "A + B": 4}
    study = simulate(ARMS, truth_with(**SPREAD), animals=number, days=DAYS, seed=1)
    assert study.animals.groupby("arm").size().to_dict() == number
    whole = simulate(ARMS, truth_with(**SPREAD), animals=5, days=DAYS, seed=1)
    assert set(study.readings["volume"]) < set(whole.readings["volume"])


def test_a_feature_that_is_switched_on_leaves_the_draws_of_the_others_as_they_were() -> None:
    plain = recorded(truth_with(**SPREAD))
    lossy = recorded(truth_with(dropout=0.02, **SPREAD))
    merged = plain.merge(lossy, on=["animal", "day"], suffixes=("", "_lossy"))
    assert 0 < len(merged) < len(plain)
    np.testing.assert_array_equal(merged["volume"], merged["volume_lossy"])


def test_a_simulated_study_carries_its_truth_and_what_was_drawn_for_each_animal() -> None:
    truth = truth_with(sd_baseline=0.2, sd_growth=0.01)
    study = simulate(ARMS, truth, animals=4, days=DAYS, seed=1)
    assert study.truth == truth
    assert list(study.true_animals.index) == list(study.animals.index)
    np.testing.assert_allclose(study.true_animals["baseline"], study.animals["baseline"], **EXACT)
    part = replace(study, readings=study.readings[study.readings["arm"] != "B"])
    assert part.truth == truth
    assert pickle.loads(pickle.dumps(study)).truth == truth


def test_true_curves_are_what_estimands_take() -> None:
    curves = true_curves(ARMS, truth_with(departure={"A + B": 0.02}), [5.0, 26.0])
    found = estimands.excess(curves, "A + B", ["A", "B"], "vehicle")
    np.testing.assert_allclose(found, [0.0, 0.42], atol=1e-8)
    np.testing.assert_allclose(estimands.growth_rate(curves, 26.0), [0.08, 0.045, 0.06, 0.005], atol=1e-8)


def test_volumes_are_recorded_to_so_many_digits_and_judged_as_recorded() -> None:
    truth = truth_with(**SPREAD)
    whole, rounded = recorded(truth), recorded(truth, digits=2)
    assert list(rounded["volume"]) == [float(f"{volume:.2g}") for volume in whole["volume"]]
    limited = recorded(truth, digits=2, limit_of_quantification=150.0)
    assert limited.loc[rounded["volume"] == 150.0, "censored"].all()
    assert (rounded.loc[rounded["volume"] == 150.0, "volume"] != whole.loc[rounded["volume"] == 150.0, "volume"]).all()


def test_animals_have_names_of_their_own_in_arm_order() -> None:
    arms = (*ARMS, Arm("A early", dosings=(Dosing("A", days=(1.0,)),)))
    study = simulate(arms, truth_with(), animals=2, days=DAYS, seed=1)
    assert list(study.animals.index) == ["V01", "V02", "A01", "A02", "B01", "B02", "C01", "C02", "A2-01", "A2-02"]
    assert list(study.animals["arm"].unique()) == [arm.name for arm in arms]


def test_a_truth_that_does_not_fit_the_design_is_refused_with_every_reason() -> None:
    with pytest.raises(InputError) as refused:
        simulate(ARMS, truth_with(kill={"A": 0.03, "C": 0.02}, departure={"A": 0.1}), days=(), seed=1, animals=0)
    assert refused.value.problems == (
        "design: animals is 0; it must be 1 or more.",
        "design: visit days must be one number or more, each finite.",
        'truth: agent B has no kill rate. Add kill."B".',
        'truth: kill."C" is an agent of no arm. Remove it.',
        'truth: departure."A" is not a combination arm. Name one of A + B.',
    )


def test_numbers_of_animals_that_do_not_fit_the_arms_are_refused_with_every_reason() -> None:
    with pytest.raises(InputError) as refused:
        simulate(ARMS, truth_with(), animals={"vehicle": 4, "A": 0, "B": 4, "C": 4}, days=DAYS, seed=1, cohorts=1)
    assert refused.value.problems == (
        'design: arm A has no animals. Add animals."A", 1 or more.',
        'design: arm A + B has no animals. Add animals."A + B", 1 or more.',
        'design: animals."C" is not an arm. Name one of vehicle, A, B, A + B.',
        "design: cohorts is 1; it must be 2 or more. Leave it out where there is one.",
    )


def test_a_design_in_which_nothing_is_dosed_is_refused() -> None:
    with pytest.raises(InputError, match="no arm is dosed"):
        true_curves(ARMS[:1], truth_with(kill={}), 1.0)


def script(folder: str) -> ModuleType:
    name = f"make_{folder.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, FIXTURES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPTS = [script(folder) for folder in ("her2-four-arm", "her2-single-dose")]


@pytest.mark.parametrize("script", [*SCRIPTS, script("her2-panel")])
def test_a_committed_fixture_is_what_its_script_makes(script: ModuleType) -> None:
    contents = script.contents()
    assert {path.name for path in script.FOLDER.iterdir()} == set(contents)
    for name, text in contents.items():
        assert (script.FOLDER / name).read_text(encoding="utf-8") == text, name


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_fixtures_files_hold_the_truth_and_the_arms_it_was_made_with(script: ModuleType) -> None:
    assert read_truth(script.FOLDER / "truth.toml") == script.TRUTH
    assert read_study(script.FOLDER).arms == script.ARMS


def test_the_four_arm_fixture_has_a_true_excess_of_about_half_a_log_unit() -> None:
    curves = true_curves(SCRIPTS[0].ARMS, SCRIPTS[0].TRUTH, 21.0)
    assert estimands.excess(curves, "T-DM1 + pertuzumab", ["T-DM1", "pertuzumab"], "vehicle").item() == pytest.approx(
        21 * 0.021
    )


def test_the_single_dose_fixture_has_censored_readings_regrowth_and_two_responders() -> None:
    made, read = SCRIPTS[1].study(), read_study(SCRIPTS[1].FOLDER)
    without_reasons = [study.readings.drop(columns="reason_left") for study in (read, made)]
    pd.testing.assert_frame_equal(*without_reasons, check_dtype=False)
    assert list(read.animals["reason_left"]) == list(made.animals["reason_left"])
    censored = read.readings[read.readings["censored"]]
    assert set(censored["arm"]) == {"T-DM1 + pertuzumab"}
    assert len(censored) >= 20
    assert SCRIPTS[1].vanished_and_regrown(made)[1] >= 3
    low = read.readings.groupby("animal")["volume"].min()
    for arm, (responder,) in made.true_animals[made.true_animals["responder"]].groupby("arm").groups.items():
        assert low[responder] == low[made.true_animals.index[made.true_animals["arm"] == arm]].min()


def test_the_curves_of_the_single_dose_fixture_follow_the_closed_form() -> None:
    arms, truth = SCRIPTS[1].ARMS, SCRIPTS[1].TRUTH
    day = np.array([0.0, 10.0, 56.0])
    pulse = (1 - np.exp(-0.1 * day)) / 0.1
    vehicle = np.log(170) + 0.078 * day
    expected = [vehicle, vehicle - 0.25 * pulse, vehicle - 0.022 * day, vehicle - 0.38 * pulse - 0.022 * day]
    np.testing.assert_allclose(true_curves(arms, truth, day), expected, **EXACT)
