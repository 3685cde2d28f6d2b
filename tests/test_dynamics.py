"""Curves against the differential equation over random truths and whole designs, and what they imply for references."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenograft.dynamics import Parameters, effect_columns, typical_log_volume
from xenograft.exposure import schedule
from xenograft.simulation import Truth, true_curves
from xenograft.study import Arm, Dosing, Study

LAWS = ("exponential", "gompertz")
DAYS = np.array([-4.0, 0.0, 2.5, 5.0, 6.0, 11.0, 19.0, 26.0, 40.0])  # as recorded; nothing is dosed before day 2
REFERENCE = np.log(100)

kills = st.floats(-0.1, 0.2)
departures = st.floats(-0.08, 0.08)
slowings = st.none() | st.floats(1e-9, 0.3)


def reproducible(examples: int) -> settings:
    return settings(derandomize=True, deadline=None, max_examples=examples)


def _dosing(agent: str, first: float, dose: float = 1.0, *, ends: bool = False) -> Dosing:
    return Dosing(agent, (first, first + 7.0), (dose, dose), "mg/kg", ends=ends)


def _study(arms: tuple[Arm, ...]) -> Study:
    return Study(name="", unit="mm3", arms=arms, readings=pd.DataFrame())


def _four_arms(start: float, *, ends: bool) -> Study:
    a, b = _dosing("A", 2.0), _dosing("B", start, ends=ends)
    arms = (Arm("v", control=True), Arm("a", dosings=(a,)), Arm("b", dosings=(b,)), Arm("ab", dosings=(a, b)))
    return _study(arms)


def _grid() -> Study:
    doses = (1.0, 2.0, 4.0)
    single = {
        (agent, dose): _dosing(agent, start, dose) for (agent, start), dose in product((("A", 2), ("B", 5)), doses)
    }
    arms = [Arm("v", control=True), *(Arm(f"{x}{dose:g}", dosings=(g,)) for (x, dose), g in single.items())]
    arms += [Arm(f"A{a:g}B{b:g}", dosings=(single["A", a], single["B", b])) for a, b in product(doses, doses)]
    return _study(tuple(arms))


def _parameters(
    study: Study, kill: list[float], departure: list[float], slowing: float | None, growth: float = 0.09
) -> tuple[Parameters, Truth]:
    """The same numbers for the closed form and for the differential equation."""
    keys = [agent if dose is None else f"{agent} {dose:g}" for agent, dose in study.levels]
    truth = Truth(
        law="exponential" if slowing is None else "gompertz", baseline=160.0, growth=growth, slowing=slowing,
        kill=dict(zip(keys, kill, strict=True)),
        departure=dict(zip([arm.name for arm in study.combinations], departure, strict=True)),
    )  # fmt: skip
    parameters = Parameters(
        baseline=np.array(np.log(1.6)), growth=np.array(growth),
        slowing=None if slowing is None else np.array(slowing), kill=np.array(kill), departure=np.array(departure),
        highest_single_agent=0.0, sd_baseline=np.array(0.25), sd_growth=np.array(0.02), correlation=np.array(-0.4),
        error=np.array(0.12),
    )  # fmt: skip
    return parameters, truth


def _reductions(study: Study, parameters: Parameters, day: np.ndarray = DAYS) -> dict[str, np.ndarray]:
    curves = typical_log_volume(day - study.first_dose, schedule(study), parameters)
    control = [arm.control for arm in study.arms].index(True)
    return {arm.name: curves[control] - curves[i] for i, arm in enumerate(study.arms)}


@reproducible(40)
@given(
    kill=st.lists(kills, min_size=2, max_size=2), departure=departures, slowing=slowings,
    growth=st.floats(-0.02, 0.3), start=st.sampled_from([2.0, 5.0, 9.0]), ends=st.booleans(),
)  # fmt: skip
def test_curves_of_four_arms_solve_the_equation(
    kill: list[float], departure: float, slowing: float | None, growth: float, start: float, ends: bool
) -> None:
    study = _four_arms(start, ends=ends)
    parameters, truth = _parameters(study, kill, [departure], slowing, growth)
    found = typical_log_volume(DAYS - study.first_dose, schedule(study), parameters) + REFERENCE
    assert np.allclose(found, true_curves(study.arms, truth, DAYS), rtol=0, atol=1e-6)  # the solver's error


@pytest.mark.parametrize("slowing", [None, 0.05])
def test_curves_of_a_dose_grid_solve_the_equation(slowing: float | None) -> None:
    study = _grid()
    rng = np.random.default_rng(1)
    kill, departure = rng.normal(0.03, 0.03, 6).tolist(), rng.normal(0, 0.02, 9).tolist()
    parameters, truth = _parameters(study, kill, departure, slowing)
    found = typical_log_volume(DAYS - study.first_dose, schedule(study), parameters) + REFERENCE
    assert found.shape == (16, len(DAYS))
    assert np.allclose(found, true_curves(study.arms, truth, DAYS), rtol=0, atol=1e-6)


@reproducible(10)
@given(first=st.floats(-2.5, 2.5), second=st.floats(-2.5, 2.5), slowing=st.none() | st.floats(1e-6, 0.1))
def test_an_animal_with_effects_of_its_own_solves_the_equation_with_its_own_rates(
    first: float, second: float, slowing: float | None
) -> None:
    study = _four_arms(5.0, ends=True)
    parameters, truth = _parameters(study, [0.05, 0.02], [0.02], slowing)
    own_growth = 0.02 * (-0.4 * first + np.sqrt(1 - 0.4**2) * second)
    own = {"baseline": 160.0 * np.exp(0.25 * first), "growth": 0.09 + own_growth}
    columns = effect_columns(DAYS - study.first_dose, parameters)
    found = typical_log_volume(DAYS - study.first_dose, schedule(study), parameters)
    found = found + first * columns[0] + second * columns[1] + REFERENCE
    # the animal's baseline is its volume at the first dose, day 2
    expected = true_curves(study.arms, truth.model_copy(update=own), DAYS)
    assert np.allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("correlation", [-1.0, -0.3, 0.0, 1.0])
def test_effect_columns_have_the_variances_and_correlation_they_are_named_for(correlation: float) -> None:
    parameters, _ = _parameters(_four_arms(2.0, ends=False), [0.0, 0.0], [0.0], None)
    parameters = replace(parameters, correlation=np.array(correlation))
    day = np.array([0.0, 10.0])
    basis = np.stack(effect_columns(day, parameters), axis=-1)
    to_baseline_and_growth = np.array([[1, 0], [-0.1, 0.1]])
    of_both = to_baseline_and_growth @ basis
    expected = [[0.25**2, correlation * 0.25 * 0.02], [correlation * 0.25 * 0.02, 0.02**2]]
    assert np.allclose(of_both @ of_both.T, expected, rtol=1e-12, atol=1e-16)


@reproducible(100)
@given(kill=st.lists(kills, min_size=2, max_size=2), slowing=slowings, start=st.sampled_from([2.0, 5.0, 9.0]))
def test_without_departure_the_bliss_excess_is_zero_on_every_day(
    kill: list[float], slowing: float | None, start: float
) -> None:
    study = _four_arms(start, ends=True)
    reduction = _reductions(study, _parameters(study, kill, [0.0], slowing)[0])
    # curves up to some tens of log units are subtracted
    assert np.allclose(reduction["ab"] - reduction["a"] - reduction["b"], 0, rtol=0, atol=1e-13)


def test_without_departure_no_cell_of_a_grid_has_a_bliss_excess() -> None:
    study = _grid()
    reduction = _reductions(study, _parameters(study, [0.01, 0.03, 0.08, -0.02, 0.0, 0.1], [0.0] * 9, 0.07)[0])
    for a, b in product("124", repeat=2):
        assert np.allclose(reduction[f"A{a}B{b}"], reduction[f"A{a}"] + reduction[f"B{b}"], rtol=0, atol=1e-13)


@reproducible(50)
@given(size=st.floats(1e-6, 0.08), sign=st.sampled_from([-1, 1]), slowing=slowings)
def test_a_departure_is_enhancement_when_positive_and_counts_from_the_later_agent(
    size: float, sign: int, slowing: float | None
) -> None:
    study = _four_arms(9.0, ends=False)
    reduction = _reductions(study, _parameters(study, [0.05, 0.02], [sign * size], slowing)[0])
    found = reduction["ab"] - reduction["a"] - reduction["b"]
    assert np.allclose(found[DAYS <= 9], 0, rtol=0, atol=1e-13)
    assert (sign * found[DAYS > 9] > 0).all()
    if slowing is None:
        assert np.allclose(found, sign * size * np.maximum(DAYS - 9, 0), rtol=0, atol=1e-13)


def test_the_excess_of_a_triple_is_its_own_departure_from_its_three_agents() -> None:
    a, b, c = (_dosing(agent, start) for agent, start in (("A", 2.0), ("B", 4.0), ("C", 6.0)))
    single = tuple(Arm(d.agent.lower(), dosings=(d,)) for d in (a, b, c))
    study = _study((Arm("v", control=True), *single, Arm("ab", dosings=(a, b)), Arm("abc", dosings=(a, b, c))))
    parameters, truth = _parameters(study, [0.03, -0.02, 0.05], [0.04, 0.01], None)
    reduction = _reductions(study, parameters)
    found = reduction["abc"] - reduction["a"] - reduction["b"] - reduction["c"]
    assert np.allclose(found, 0.01 * np.maximum(DAYS - 6, 0), atol=1e-13)
    curves = typical_log_volume(DAYS - study.first_dose, schedule(study), parameters) + REFERENCE
    assert np.allclose(curves, true_curves(study.arms, truth, DAYS), rtol=0, atol=1e-6)


@reproducible(100)
@given(kill=st.lists(kills, min_size=2, max_size=2), slowing=slowings, start=st.sampled_from([2.0, 5.0, 9.0]))
def test_the_highest_single_agent_is_the_better_one_of_each_day(
    kill: list[float], slowing: float | None, start: float
) -> None:
    study = _four_arms(start, ends=True)
    parameters, _ = _parameters(study, kill, [0.0], slowing)
    reduction = _reductions(study, replace(parameters, highest_single_agent=1.0))
    # the combination's is the sum plus (largest − sum), and a curve minus a curve
    assert np.allclose(reduction["ab"], np.maximum(reduction["a"], reduction["b"]), rtol=0, atol=1e-13)


def test_the_better_agent_may_change_during_the_study() -> None:
    study = _four_arms(9.0, ends=False)
    parameters, _ = _parameters(study, [0.03, 0.09], [0.0], None)
    reduction = _reductions(study, replace(parameters, highest_single_agent=1.0))
    better_is_a = reduction["a"] > reduction["b"] + 1e-9
    assert better_is_a.any()
    assert (reduction["b"] > reduction["a"] + 1e-9).any()
    assert np.allclose(reduction["ab"], np.where(better_is_a, reduction["a"], reduction["b"]), atol=1e-13)


@pytest.mark.parametrize("law", LAWS)
def test_of_three_agents_the_best_counts_even_where_the_other_combination_has_two(law: str) -> None:
    a, b, c = (_dosing(agent, 2.0) for agent in "ABC")
    single = tuple(Arm(d.agent.lower(), dosings=(d,)) for d in (a, b, c))
    study = _study((Arm("v", control=True), *single, Arm("bc", dosings=(b, c)), Arm("abc", dosings=(a, b, c))))
    parameters, _ = _parameters(study, [-0.05, -0.02, -0.04], [0.0, 0.0], 0.05 if law == "gompertz" else None)
    reduction = _reductions(study, replace(parameters, highest_single_agent=1.0))
    assert np.allclose(reduction["abc"], reduction["b"], atol=1e-13)  # the least harmful of three that harm
    assert np.allclose(reduction["bc"], reduction["b"], atol=1e-13)


@pytest.mark.parametrize("slowing", [None, 0.05])
def test_animals_and_curves_do_not_depend_on_the_unit_of_time(slowing: float | None) -> None:
    study = _four_arms(5.0, ends=True)
    p, _ = _parameters(study, [0.05, -0.02], [0.02], slowing)
    in_weeks = replace(
        p, growth=7 * p.growth, slowing=None if p.slowing is None else 7 * p.slowing, kill=7 * p.kill,
        departure=7 * p.departure, sd_growth=7 * p.sd_growth,
    )  # fmt: skip
    days, weeks = schedule(study), replace(schedule(study), jump_day=schedule(study).jump_day / 7)
    elapsed = DAYS - study.first_dose
    for reference in (0.0, 1.0):
        by_day = typical_log_volume(elapsed, days, replace(p, highest_single_agent=reference))
        by_week = typical_log_volume(elapsed / 7, weeks, replace(in_weeks, highest_single_agent=reference))
        assert np.allclose(by_day, by_week, rtol=0, atol=1e-12)
    for column, other in zip(effect_columns(elapsed, p), effect_columns(elapsed / 7, in_weeks), strict=True):
        assert np.allclose(column, other, rtol=0, atol=1e-12)


def test_curves_of_gompertz_become_exponential_as_slowing_vanishes() -> None:
    study = _four_arms(5.0, ends=True)
    p, _ = _parameters(study, [0.05, -0.02], [0.02], None)
    exponential = typical_log_volume(DAYS - study.first_dose, schedule(study), p)
    for slowing in (1e-4, 1e-7, 0.0):
        gompertz = typical_log_volume(DAYS - study.first_dose, schedule(study), replace(p, slowing=np.array(slowing)))
        # |baseline| t + rate t²/2 bounds the difference per unit of slowing
        assert np.abs(gompertz - exponential).max() <= slowing * (0.5 * 40 + 0.2 * 40**2 / 2) + 1e-13


@pytest.mark.parametrize("reference", [0.0, 1.0])
@pytest.mark.parametrize("law", LAWS)
def test_gradients_of_the_curves_agree_with_finite_differences(law: str, reference: float) -> None:
    study = _four_arms(5.0, ends=True)
    p, _ = _parameters(study, [0.05, 0.03], [0.02], 0.05 if law == "gompertz" else None)
    p = replace(p, highest_single_agent=reference)
    names = [name for name in ("baseline", "growth", "slowing", "kill", "departure") if getattr(p, name) is not None]
    symbols = {name: pt.tensor(name, shape=np.shape(getattr(p, name)), dtype="float64") for name in names}
    weight = np.random.default_rng(3).normal(size=(4, len(DAYS)))  # of a sum of all curves and days
    elapsed = DAYS - study.first_dose

    def total(changed: Parameters) -> float:
        return float((weight * typical_log_volume(elapsed, schedule(study), changed)).sum())

    curves = typical_log_volume(pt.constant(elapsed), schedule(study), replace(p, **symbols), xp=pt)
    gradients = pytensor.grad((weight * curves).sum(), list(symbols.values()), disconnected_inputs="ignore")
    found = pytensor.function(list(symbols.values()), gradients, mode="FAST_COMPILE")(*(getattr(p, n) for n in names))
    step = 1e-6
    for name, gradient in zip(names, found, strict=True):
        value = np.atleast_1d(getattr(p, name))
        for i in range(value.size):
            moved = [value + sign * step * (np.arange(value.size) == i) for sign in (1, -1)]
            high, low = (total(replace(p, **{name: m.reshape(np.shape(getattr(p, name)))})) for m in moved)
            # rounding 1e-16 × sums of 10 over the step; third derivatives × step² are smaller
            assert np.ravel(gradient)[i] == pytest.approx((high - low) / (2 * step), rel=1e-6, abs=1e-6)


def test_posterior_draws_lead_the_curves() -> None:
    study = _four_arms(5.0, ends=True)
    rng = np.random.default_rng(4)
    p = Parameters(
        baseline=rng.normal(size=(2, 3)), growth=rng.uniform(0.02, 0.2, (2, 3)), slowing=rng.uniform(0, 0.1, (2, 3)),
        kill=rng.normal(0.03, 0.1, (2, 3, 2)), departure=rng.normal(0, 0.03, (2, 3, 1)), highest_single_agent=0.0,
        sd_baseline=rng.uniform(0.1, 0.4, (2, 3)), sd_growth=rng.uniform(0.01, 0.05, (2, 3)),
        correlation=rng.uniform(-1, 1, (2, 3)), error=rng.uniform(0.1, 0.3, (2, 3)),
    )  # fmt: skip
    together = typical_log_volume(DAYS - study.first_dose, schedule(study), p)
    columns = effect_columns(DAYS - study.first_dose, p)
    assert together.shape == (2, 3, 4, len(DAYS))
    for index in np.ndindex(2, 3):
        one = Parameters(**{k: v if np.ndim(v) == 0 else v[index] for k, v in vars(p).items()})
        assert np.allclose(together[index], typical_log_volume(DAYS - study.first_dose, schedule(study), one))
        for column, alone in zip(columns, effect_columns(DAYS - study.first_dose, one), strict=True):
            assert np.allclose(column[index], alone)
