"""The closed form of the equation: limits, gradients, the ODE, units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from xenograft.fitting.curves import curves_of
from xenograft.model.curve import Parameters, course_of_arms, effect_columns, typical_log_volume
from xenograft.model.exposure import kernel, schedule
from xenograft.model.growth import growth_columns, relative_growth
from xenograft.simulation.simulate import Truth, simulate, true_curves
from xenograft.study.study import Arm, Dosing, Study

rates = st.floats(0, 2)
durations = st.floats(0, 100)
reproducible = settings(derandomize=True, deadline=None, max_examples=200)


@reproducible
@given(u=durations, slowing=rates, waning=rates)
def test_the_kernel_is_the_integral_it_stands_for(u: float, slowing: float, waning: float) -> None:
    def integrand(s: float) -> float:
        return float(np.exp(-slowing * (u - s) - waning * s))

    expected, _ = quad(integrand, 0, u, limit=400, points=[p for p in (u * 0.01, u * 0.99) if u])
    assert float(kernel(np.array(u), slowing, waning)) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@reproducible
@given(x=st.floats(-2e-4, 2e-4))
def test_relative_growth_does_not_jump_where_its_series_begins(x: float) -> None:
    exact = 1 - x / 2 + x**2 / 6 - x**3 / 24
    assert float(relative_growth(np.array(x))) == pytest.approx(exact, abs=1e-12)


def test_the_kernel_is_zero_before_the_exposure_and_never_overflows() -> None:
    assert kernel(np.array([-5.0, 0.0]), 0.1, 0.2).tolist() == [0.0, 0.0]
    assert np.isfinite(kernel(np.array([1e4]), 50.0, 0.0)).all()


@pytest.mark.parametrize(
    ("slowing", "waning"), [(0.0, 0.0), (0.1, 0.1), (0.0, 0.2), (0.2, 0.0), (0.1, 0.1 + 1e-9), (0.05, 0.3), (1e-6, 0.0)]
)
def test_gradients_of_the_kernel_are_right_at_ties_and_limits(slowing: float, waning: float) -> None:
    b, w = pt.dscalar(), pt.dscalar()
    value = kernel(pt.constant(7.0), b, w, xp=pt)
    gradient = pytensor.function([b, w], pytensor.grad(value, [b, w]), mode="FAST_COMPILE")
    found = [float(g) for g in gradient(slowing, waning)]
    # d/dβ ∫ e^−β(u−s) e^−λs ds = −∫ (u−s) e^… ds, and the same with s for λ
    for part, weight in zip(found, (lambda s: 7 - s, lambda s: s), strict=True):
        expected, _ = quad(lambda s, weight=weight: -weight(s) * np.exp(-slowing * (7 - s) - waning * s), 0, 7)
        assert part == pytest.approx(expected, rel=2e-4)


def test_the_gradient_before_the_exposure_is_finite() -> None:
    b = pt.dscalar()
    gradient = pytensor.function([b], pytensor.grad(kernel(pt.constant(-3.0), b, 0.0, xp=pt), b), mode="FAST_COMPILE")
    assert float(gradient(0.0)) == 0.0


def test_gompertz_becomes_exponential_as_slowing_vanishes() -> None:
    day = np.array([-4.0, 0.0, 3.0, 60.0])
    for slowing in (1e-12, 0.0):
        gompertz = growth_columns(day, np.array(slowing))
        assert np.allclose(gompertz, growth_columns(day, None), atol=1e-8)


def _dosing(agent: str, days: tuple[float, ...], dose: float = 1.0, *, ends: bool = False) -> Dosing:
    return Dosing(agent, days, (dose,) * len(days), "mg/kg", ends=ends)


A, B, C = _dosing("A", (0.0, 7.0)), _dosing("B", (5.0, 12.0)), _dosing("C", (2.0,))
ENDING = _dosing("B", (3.0, 8.0), ends=True)
DESIGNS = {
    "four arms": (Arm("v", control=True), Arm("a", dosings=(A,)), Arm("b", dosings=(B,)), Arm("ab", dosings=(A, B))),
    "an effect that ends": (
        Arm("v", control=True), Arm("a", dosings=(A,)), Arm("b", dosings=(ENDING,)), Arm("ab", dosings=(A, ENDING)),
    ),
    "three agents": (
        Arm("v", control=True), Arm("a", dosings=(A,)), Arm("ab", dosings=(A, B)), Arm("abc", dosings=(A, B, C)),
    ),
    "two doses": (
        Arm("v", control=True), Arm("a 1", dosings=(A,)), Arm("a 2", dosings=(_dosing("A", (0.0,), 2.0),)),
        Arm("a 2 + b", dosings=(_dosing("A", (0.0,), 2.0), B)),
    ),
}  # fmt: skip
KILL = {"A": 0.04, "A 1": 0.03, "A 2": 0.06, "B": 0.02, "C": -0.01}
DAYS = np.array([-3.0, 0.0, 1.5, 5.0, 8.0, 13.0, 14.0, 30.0])


def _case(design: str, law: str) -> tuple[Study, Parameters, Truth]:
    arms = DESIGNS[design]
    given_levels = {f"{d.agent} {d.level:g}" for arm in arms for d in arm.dosings}
    several = {"A 1", "A 2"} <= given_levels
    kill = {k: v for k, v in KILL.items() if (k in given_levels and several and " " in k) or k in ("B", "C")}
    kill |= {} if several else {"A": KILL["A"]}
    agents = {d.agent for arm in arms for d in arm.dosings}
    kill = {k: v for k, v in kill.items() if k.split()[0] in agents}
    combinations = [arm.name for arm in arms if arm.is_combination]
    departure = dict(zip(combinations, (0.02, -0.015), strict=False))
    extra = {"slowing": 0.04} if law == "gompertz" else {}
    truth = Truth(law=law, baseline=150.0, growth=0.09, kill=kill, departure=departure, error=0.1, **extra)
    study = simulate(arms, truth, animals=2, days=[float(d) for d in DAYS], seed=1)
    levels = [kill.get(f"{agent} {level:g}", kill.get(agent)) for agent, level in study.levels]
    parameters = Parameters(
        baseline=np.array(np.log(1.5)), growth=np.array(0.09),
        slowing=np.array(0.04) if law == "gompertz" else None,
        kill=np.array(levels), departure=np.array([departure[name] for name in combinations]), highest_single_agent=0.0,
        sd_baseline=np.array(0.2), sd_growth=np.array([0.02]), correlation=np.array(0.3), error=np.array([0.1]),
    )  # fmt: skip
    return study, parameters, truth


@pytest.mark.parametrize("law", ["exponential", "gompertz"])
@pytest.mark.parametrize("design", DESIGNS)
def test_typical_curves_solve_the_equation(design: str, law: str) -> None:
    study, parameters, truth = _case(design, law)
    found = typical_log_volume(DAYS - study.first_dose, schedule(study), parameters) + np.log(100)
    assert np.allclose(found, true_curves(study.arms, truth, DAYS), atol=1e-6)


@pytest.mark.parametrize("law", ["exponential", "gompertz"])
def test_an_animals_own_effects_solve_the_equation_with_its_own_rates(law: str) -> None:
    study, parameters, truth = _case("four arms", law)
    first, second = 0.7, -1.1  # standard normal effects
    own_baseline = 0.2 * first
    own_growth = 0.02 * (0.3 * first + np.sqrt(1 - 0.3**2) * second)
    untreated, reduction = course_of_arms(DAYS, schedule(study), parameters)
    columns = effect_columns(DAYS, parameters, reduction)
    found = untreated - reduction + first * columns[0] + second * columns[1]
    changed = truth.model_copy(update={"baseline": 150.0 * np.exp(own_baseline), "growth": 0.09 + own_growth})
    assert np.allclose(found + np.log(100), true_curves(study.arms, changed, DAYS), atol=1e-6)


@pytest.mark.parametrize("law", ["exponential", "gompertz"])
def test_curves_do_not_depend_on_the_unit_of_time(law: str) -> None:
    study, p, _ = _case("four arms", law)
    weeks = replace(
        p, growth=p.growth * 7, slowing=None if p.slowing is None else p.slowing * 7, kill=p.kill * 7,
        departure=p.departure * 7,
    )  # fmt: skip
    in_days = schedule(study)
    in_weeks = replace(in_days, jump_day=in_days.jump_day / 7)
    assert np.allclose(typical_log_volume(DAYS, in_days, p), typical_log_volume(DAYS / 7, in_weeks, weeks))


@pytest.mark.parametrize("law", ["exponential", "gompertz"])
@pytest.mark.parametrize("design", DESIGNS)
def test_the_highest_single_agent_reduces_as_the_better_one_does_on_each_day(design: str, law: str) -> None:
    study, p, _ = _case(design, law)
    names = [arm.name for arm in study.arms]
    free = replace(p, departure=np.zeros_like(p.departure))
    single = [Arm(f"{arm.name}/{d.agent}", dosings=(d,)) for arm in study.combinations for d in arm.dosings]
    every = [*study.arms, *single]
    alone = typical_log_volume(DAYS, schedule(study, every), free)
    hsa = typical_log_volume(DAYS, schedule(study), replace(free, highest_single_agent=1.0))
    for arm in study.combinations:
        of_arm = [i for i, one in enumerate(every) if one.name.startswith(f"{arm.name}/")]
        assert np.allclose(hsa[names.index(arm.name)], alone[of_arm].min(axis=0))


@pytest.mark.parametrize("law", ["exponential", "gompertz"])
def test_numpy_and_pytensor_give_the_same_curves(law: str) -> None:
    study, p, _ = _case("two doses", law)
    symbols: dict[str, Any] = {
        name: pt.constant(value) if isinstance(value, np.ndarray) else value for name, value in vars(p).items()
    }
    symbolic = typical_log_volume(pt.constant(DAYS), schedule(study), Parameters(**symbols), xp=pt)
    assert np.allclose(symbolic.eval(mode="FAST_COMPILE"), typical_log_volume(DAYS, schedule(study), p))


@pytest.mark.parametrize(
    "name", ["gompertz-bliss-departure", "gompertz-decaying-hsa", "robust-bliss-departure", "spline"]
)
def test_curves_of_draws_are_the_curves_of_each_draw(cards: dict[str, Any], name: str) -> None:
    from xenograft.fitting.curves import prior_draws

    study, _, _ = _case("four arms", "gompertz")
    card = cards[name]
    draws = prior_draws(study, card, 5, seed=1)
    together = curves_of(draws, study, card, DAYS)
    apart = [curves_of(draws.isel(draw=[i]), study, card, DAYS) for i in range(5)]
    assert np.allclose(together, np.concatenate(apart, axis=1))
