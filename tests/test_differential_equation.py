"""The simulator's equation against solutions written out by hand: every growth law, every course of exposure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from xenograft.simulation.simulate import true_curves
from xenograft.simulation.solver import exposure_on
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

ONCE = Dosing("A", days=(5.0,), doses=(3.0,), unit="mg/kg")
LOADED = Dosing("B", days=(5.0, 12.0, 19.0), doses=(30.0, 15.0, 15.0), unit="mg/kg")
STARTED = Dosing("C", days=(8.0,), schedule_known=False)
ARMS = (
    Arm("vehicle", control=True),
    Arm("A", dosings=(ONCE,)),
    Arm("B", dosings=(LOADED,)),
    Arm("C", dosings=(STARTED,)),
    Arm("A + B", dosings=(ONCE, LOADED)),
    Arm("A + B + C", dosings=(ONCE, LOADED, STARTED)),
)
DAYS = np.array([-2.0, 5.0, 6.5, 8.0, 12.0, 15.5, 19.0, 26.0, 40.0])
T = DAYS - 5.0
KILL = {"A": 0.05, "B": 0.02, "C": 0.01}
EXACT = {"rtol": 1e-8, "atol": 1e-8}


def truth_with(**changes: Any) -> Truth:
    return Truth(**{"baseline": 170.0, "growth": 0.08, "kill": KILL, **changes})


def reductions(truth: Truth, arms: tuple[Arm, ...] = ARMS) -> dict[str, np.ndarray]:
    curves = true_curves(arms, truth, DAYS)
    return {arm.name: (curves.sel(arm="vehicle") - curves.sel(arm=arm.name)).to_numpy() for arm in arms}


def pulse(rate: float, since: np.ndarray) -> np.ndarray:
    """Area under a unit pulse that wanes."""
    return (1 - np.exp(-rate * np.maximum(since, 0))) / rate


def test_a_decaying_exposure_is_a_pulse_per_dose_of_the_height_dose_over_last_dose() -> None:
    waning = {"A": 0.12, "B": 0.3}
    found = reductions(truth_with(exposure=dict.fromkeys(waning, "decaying"), waning=waning))
    np.testing.assert_allclose(found["A"], 0.05 * pulse(0.12, T), **EXACT)
    b = 0.02 * (2 * pulse(0.3, T) + pulse(0.3, T - 7) + pulse(0.3, T - 14))
    np.testing.assert_allclose(found["B"], b, **EXACT)
    np.testing.assert_allclose(found["A + B"], found["A"] + found["B"], **EXACT)


def test_with_only_a_start_day_a_decaying_exposure_is_one_pulse_of_height_one() -> None:
    found = reductions(truth_with(exposure={"C": "decaying"}, waning={"C": 0.2}))
    np.testing.assert_allclose(found["C"], 0.01 * pulse(0.2, T - 3), **EXACT)


def test_a_delayed_exposure_builds_up_from_its_first_dose_and_stays() -> None:
    found = reductions(truth_with(exposure={"B": "delayed"}, onset={"B": 0.25}))
    np.testing.assert_allclose(found["B"], 0.02 * (np.maximum(T, 0) - pulse(0.25, T)), **EXACT)


def test_a_pulse_that_does_not_wane_is_a_constant_exposure_per_dose() -> None:
    still = reductions(truth_with(exposure={"A": "decaying", "B": "decaying"}, waning={"A": 0.0, "B": 0.0}))
    np.testing.assert_allclose(still["A"], reductions(truth_with())["A"], **EXACT)
    steps = 2 * np.maximum(T, 0) + np.maximum(T - 7, 0) + np.maximum(T - 14, 0)
    np.testing.assert_allclose(still["B"], 0.02 * steps, **EXACT)


def test_a_very_fast_onset_is_a_constant_exposure() -> None:
    fast = reductions(truth_with(exposure={"B": "delayed"}, onset={"B": 1000.0}))
    np.testing.assert_allclose(fast["B"], reductions(truth_with())["B"], atol=1e-4)


def test_the_departure_of_a_pair_follows_the_product_of_its_exposures() -> None:
    truth = truth_with(
        exposure={"A": "decaying", "B": "delayed"}, waning={"A": 0.12}, onset={"B": 0.25}, departure={"A + B": 0.03}
    )
    found = reductions(truth)
    together = pulse(0.12, T) - pulse(0.37, T)
    np.testing.assert_allclose(found["A + B"], found["A"] + found["B"] + 0.03 * together, **EXACT)


def test_the_departure_of_a_triple_is_from_the_sum_of_its_single_agents() -> None:
    truth = truth_with(exposure={"A": "decaying"}, waning={"A": 0.12}, departure={"A + B": 0.03, "A + B + C": -0.02})
    found = reductions(truth)
    np.testing.assert_allclose(found["A + B"], found["A"] + found["B"] + 0.03 * pulse(0.12, T), **EXACT)
    from_third = np.exp(-0.12 * 3) * pulse(0.12, T - 3)  # C comes three days after A
    np.testing.assert_allclose(found["A + B + C"], found["A"] + found["B"] + found["C"] - 0.02 * from_third, **EXACT)


def test_gompertz_growth_forgets_the_product_of_two_waning_schedules_as_the_integral_says() -> None:
    waning = {"A": 0.12, "B": 0.3}
    truth = truth_with(
        law="gompertz", slowing=0.03, exposure=dict.fromkeys(waning, "decaying"), waning=waning,
        departure={"A + B": 0.04},
    )  # fmt: skip
    found = reductions(truth)

    def weight(day: float, until: float) -> float:
        b = sum(h * np.exp(-0.3 * (day - x)) for x, h in ((5, 2), (12, 1), (19, 1)) if x <= day)
        a = np.exp(-0.12 * (day - 5))
        return np.exp(-0.03 * (until - day)) * (0.05 * a + 0.02 * b + 0.04 * a * b)

    for day, reduction in zip(DAYS[1:], found["A + B"][1:], strict=True):
        area, _ = quad(weight, 5, day, args=(day,), points=[12, 19] if day > 5 else None, epsabs=1e-11, epsrel=1e-11)
        assert reduction == pytest.approx(area, abs=1e-8)


def test_under_hsa_a_combination_does_as_much_as_the_better_agent_on_each_day() -> None:
    truth = truth_with(reference="hsa", exposure={"A": "decaying"}, waning={"A": 0.12})
    alone = reductions(truth_with(exposure={"A": "decaying"}, waning={"A": 0.12}))
    found = reductions(truth)
    for arm in ("vehicle", "A", "B", "C"):
        np.testing.assert_allclose(found[arm], alone[arm], **EXACT)
    better = np.maximum(alone["A"], alone["B"])
    assert (better > alone["A"]).any()  # the better agent changes with time
    assert (better > alone["B"]).any()
    np.testing.assert_allclose(found["A + B"], better, **EXACT)
    np.testing.assert_allclose(found["A + B + C"], np.maximum(better, alone["C"]), **EXACT)


def test_an_exposure_that_ends_is_off_from_that_day_and_ends_concern_constant_exposures_only() -> None:
    ending = Dosing("B", days=(5.0, 12.0), ends=True)
    constant, delayed = truth_with(), truth_with(exposure={"B": "delayed"}, onset={"B": 0.1})
    assert [exposure_on(ending, constant, day) for day in (4.9, 5.0, 18.9, 19.0)] == [0.0, 1.0, 1.0, 0.0]
    assert exposure_on(ending, delayed, 25.0) == pytest.approx(1 - np.exp(-2.0))


def vehicle(truth: Truth) -> np.ndarray:
    return np.exp(true_curves(ARMS, truth, DAYS).sel(arm="vehicle").to_numpy())


def test_logistic_growth_follows_its_closed_form() -> None:
    expected = 3000.0 / (1 + (3000.0 / 170.0 - 1) * np.exp(-0.08 * T))
    np.testing.assert_allclose(vehicle(truth_with(law="logistic", capacity=3000.0)), expected, **EXACT)


def test_von_bertalanffy_growth_follows_its_closed_form() -> None:
    at_rest = (0.08 + 0.05) / 0.05
    side = at_rest + (1.7 ** (1 / 3) - at_rest) * np.exp(-0.05 * T / 3)
    np.testing.assert_allclose(vehicle(truth_with(law="von-bertalanffy", cell_loss=0.05)), 100 * side**3, **EXACT)


def test_exponential_linear_growth_is_exponential_below_and_linear_above_the_turn() -> None:
    small = vehicle(truth_with(law="exponential-linear", linear_from=1e6))
    np.testing.assert_allclose(small, 170 * np.exp(0.08 * T), **EXACT)
    large = vehicle(truth_with(law="exponential-linear", linear_from=20.0))
    np.testing.assert_allclose(large, 170 + 0.08 * 20.0 * T, rtol=1e-8)


@pytest.mark.parametrize(
    "law", [{"law": "von-bertalanffy", "cell_loss": 0.05}, {"law": "exponential-linear", "linear_from": 300.0}]
)
def test_kills_act_under_every_law_and_leave_the_time_before_the_first_dose_alone(law: dict[str, Any]) -> None:
    found = reductions(truth_with(**law))["A"]
    np.testing.assert_allclose(found[:2], 0.0, atol=1e-9)
    assert (np.diff(found[1:]) > 0).all()
