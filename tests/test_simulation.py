"""The simulator against solutions written out by hand, and the committed fixture against its script."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xenograft.errors import InputError
from xenograft.simulation import Truth, read_truth, simulate, true_curves
from xenograft.study import Arm, Dosing

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


def test_a_design_in_which_nothing_is_dosed_is_refused() -> None:
    with pytest.raises(InputError, match="no arm is dosed"):
        true_curves(ARMS[:1], truth_with(kill={}), 1.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'law = "gompertz"\nbaseline = 170.0\ngrowth = 0.08\n',
            'truth.toml: law = "gompertz" needs slowing. Add it.',
        ),
        (
            "baseline = 170.0\ngrowth = 0.08\ncapacity = 3000.0\n",
            'truth.toml: capacity has no meaning under law = "exponential". Remove it, or set law = "logistic".',
        ),
        ("baseline = 170.0\n", 'truth.toml: "growth" is missing. Add it.'),
        ("baseline = 170.0\ngrowth = 0.08\nkil = 1\n", 'truth.toml: unknown key "kil". Did you mean "kill"?'),
        ("baseline = \n", "truth.toml: this is not a TOML file: Invalid value (at line 1, column 12). Mend that line."),
    ],
)
def test_a_broken_truth_file_says_what_to_mend(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "truth.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_truth(path)
    assert refused.value.problems == (sentence,)


def test_a_truth_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_truth(tmp_path / "truth.toml")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_her2_four_arm", FIXTURES / "make_her2_four_arm.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_fixture_is_what_its_script_makes(script: ModuleType) -> None:
    contents = script.contents()
    assert {path.name for path in script.FOLDER.iterdir()} == set(contents)
    for name, text in contents.items():
        assert (script.FOLDER / name).read_text(encoding="utf-8") == text, name


def test_the_fixtures_truth_file_holds_the_parameters_it_was_made_with(script: ModuleType) -> None:
    assert read_truth(script.FOLDER / "truth.toml") == script.TRUTH


def test_the_fixtures_study_file_describes_the_arms_it_was_made_with(script: ModuleType) -> None:
    written = tomllib.loads((script.FOLDER / "study.toml").read_text(encoding="utf-8"))["arms"]
    assert list(written) == [arm.name for arm in script.ARMS]
    for arm in script.ARMS:
        assert written[arm.name].get("control", False) is arm.control
        agents = written[arm.name].get("agents", {})
        assert list(agents) == list(arm.agents)
        for dosing in arm.dosings:
            assert agents[dosing.agent]["days"] == list(dosing.days)
            np.testing.assert_array_equal(np.broadcast_to(agents[dosing.agent]["dose"], len(dosing.days)), dosing.doses)


def test_the_fixtures_combination_has_a_true_excess_of_about_half_a_log_unit(script: ModuleType) -> None:
    curves = true_curves(script.ARMS, read_truth(script.FOLDER / "truth.toml"), 21.0)
    vehicle, t_dm1, pertuzumab, both = curves.to_numpy()[:, 0]
    assert t_dm1 + pertuzumab - both - vehicle == pytest.approx(21 * 0.021)
