"""Curves against the differential equation over random truths and whole designs, and what they imply for references."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations, pairwise, product
from math import prod
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from xenograft.model.curve import Parameters, course_of_arms, effect_columns, error_variance, typical_log_volume
from xenograft.model.exposure import schedule
from xenograft.simulation.simulate import Truth, true_curves
from xenograft.study.study import Arm, Dosing, Study

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
    return Study(name="", unit="mm3", arms=arms, readings=pd.DataFrame({"day": [40.0], "fitted": [True]}))


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
        highest_single_agent=0.0, sd_baseline=np.array(0.25), sd_growth=np.array([0.02]), correlation=np.array(-0.4),
        error=np.array([0.12]),
    )  # fmt: skip
    return parameters, truth


def _columns(study: Study, parameters: Parameters, day: np.ndarray = DAYS) -> list[np.ndarray]:
    elapsed = day - study.first_dose
    _, reduction = course_of_arms(elapsed, schedule(study), parameters)
    return effect_columns(elapsed, parameters, reduction)


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
    columns = _columns(study, parameters)
    found = typical_log_volume(DAYS - study.first_dose, schedule(study), parameters)
    found = found + first * columns[0] + second * columns[1] + REFERENCE
    # the animal's baseline is its volume at the first dose, day 2
    expected = true_curves(study.arms, truth.model_copy(update=own), DAYS)
    assert np.allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("correlation", [-1.0, -0.3, 0.0, 1.0])
def test_effect_columns_have_the_variances_and_correlation_they_are_named_for(correlation: float) -> None:
    study = _four_arms(2.0, ends=False)
    parameters, _ = _parameters(study, [0.0, 0.0], [0.0], None)
    parameters = replace(parameters, correlation=np.array(correlation))
    basis = np.stack([column[0] for column in _columns(study, parameters, np.array([2.0, 12.0]))], axis=-1)
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
    _, by_day = course_of_arms(elapsed, days, p)
    _, by_week = course_of_arms(elapsed / 7, weeks, in_weeks)
    columns = effect_columns(elapsed, p, by_day), effect_columns(elapsed / 7, in_weeks, by_week)
    for column, other in zip(*columns, strict=True):
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
        sd_baseline=rng.uniform(0.1, 0.4, (2, 3)), sd_growth=rng.uniform(0.01, 0.05, (2, 3, 1)),
        sd_effect=rng.uniform(0.1, 0.5, (2, 3)), correlation=rng.uniform(-1, 1, (2, 3)),
        error=rng.uniform(0.1, 0.3, (2, 3, 1)),
    )  # fmt: skip
    together = typical_log_volume(DAYS - study.first_dose, schedule(study), p)
    columns = _columns(study, p)
    assert together.shape == (2, 3, 4, len(DAYS))
    for index in np.ndindex(2, 3):
        one = Parameters(**{k: v if v is None or np.ndim(v) == 0 else v[index] for k, v in vars(p).items()})
        assert np.allclose(together[index], typical_log_volume(DAYS - study.first_dose, schedule(study), one))
        for column, alone in zip(columns, _columns(study, one), strict=True):
            assert np.allclose(column[index], alone)


@dataclass(frozen=True)
class Mixed:
    """Three agents, each of its own exposure, alone and in all combinations; rates of kills and exposures by agent."""

    dosings: dict[str, Dosing]
    kinds: dict[str, str]
    rates: dict[str, float]
    kill: dict[str, float]
    departure: dict[str, float]
    slowing: float | None

    @property
    def arms(self) -> tuple[Arm, ...]:
        names = [name for size in (1, 2, 3) for name in combinations(self.dosings, size)]
        treated = (Arm("".join(agents), dosings=tuple(self.dosings[agent] for agent in agents)) for agents in names)
        return (Arm("vehicle", control=True), *treated)

    @property
    def study(self) -> Study:
        return _study(self.arms)

    def parameters(self, study: Study) -> Parameters:
        rates = {kind: [self.rates[agent] for agent in "ABC" if self.kinds[agent] == kind] for kind in RATES_OF}
        return Parameters(
            baseline=np.array(0.5), growth=np.array(0.08),
            slowing=None if self.slowing is None else np.array(self.slowing),
            kill=np.array([self.kill[agent] for agent, _ in study.levels]),
            departure=np.array([self.departure[arm.name] for arm in study.combinations]),
            waning=np.array(rates["decaying"]) if rates["decaying"] else None,
            onset=np.array(rates["delayed"]) if rates["delayed"] else None,
            sd_baseline=np.array(0.3), sd_growth=np.array([0.02]), sd_effect=np.array(0.4), correlation=np.array(0.2),
            error=np.array([0.15]),
        )  # fmt: skip

    def exposure(self, agent: str, day: float) -> float:
        """Exposure to an agent on a day as recorded, from the words of docs/mathematics.md#exposure."""
        dosing, rate = self.dosings[agent], self.rates[agent]
        match self.kinds[agent]:
            case "decaying":
                doses = dosing.doses or ()
                return sum(
                    dose / doses[-1] * np.exp(-rate * (day - given))
                    for given, dose in zip(dosing.days, doses, strict=True)
                    if given <= day
                )
            case "delayed":
                return 1 - np.exp(-rate * (day - dosing.days[0])) if day >= dosing.days[0] else 0.0
            case _:
                return float(dosing.days[0] <= day < dosing.end)

    def kill_of(self, arm: Arm, day: float) -> float:
        exposures = {agent: self.exposure(agent, day) for agent in arm.agents}
        together = self.departure.get(arm.name, 0.0) * prod(exposures.values())
        return sum(self.kill[agent] * exposure for agent, exposure in exposures.items()) + together

    def solved(self, growth: float = 0.08, baseline: float = 0.5, effect: float = 1.0) -> np.ndarray:
        """Log volumes (arm, day of DAYS) of an animal: docs/mathematics.md#the-tumour from jump to jump."""
        jumps = {day for dosing in self.dosings.values() for day in (*dosing.days, dosing.end)}
        first = min(jumps)

        def rate(day: float, z: np.ndarray) -> np.ndarray:
            kill = np.array([self.kill_of(arm, day) for arm in self.arms])
            return growth - (self.slowing or 0.0) * z - effect * kill

        reached = {first: np.full(len(self.arms), baseline)}
        edges = {first, *DAYS.tolist(), *(day for day in jumps if day < DAYS[-1])}
        forwards = sorted(day for day in edges if day >= first)
        backwards = sorted((day for day in edges if day <= first), reverse=True)
        for start, stop in [*pairwise(forwards), *pairwise(backwards)]:
            before_the_jump = np.nextafter(max(start, stop), -np.inf)
            solution = solve_ivp(
                lambda day, z, last=before_the_jump: rate(min(day, last), z), (start, stop), reached[start],
                method="DOP853", rtol=1e-10, atol=1e-10,
            )  # fmt: skip
            reached[stop] = solution.y[:, -1]
        return np.stack([reached[day] for day in DAYS.tolist()], axis=-1)


RATES_OF = ("decaying", "delayed")


@st.composite
def mixtures(draw: Callable[..., Any], kinds: tuple[str, ...] = ("constant", "decaying", "delayed")) -> Mixed:
    def dosing(agent: str) -> Dosing:
        days = sorted(draw(st.sets(st.integers(2, 24), min_size=1, max_size=4)))
        doses = [draw(st.sampled_from([0.5, 1.0, 3.0])) for _ in days]
        ends = len(days) > 1 and draw(st.booleans())
        return Dosing(agent, tuple(map(float, days)), tuple(doses), "mg/kg", ends=ends)

    names = ["".join(agents) for size in (2, 3) for agents in combinations("ABC", size)]
    of_kind = {agent: draw(st.sampled_from(kinds)) for agent in "ABC"}
    dosings = {agent: dosing(agent) for agent in "ABC"}
    # an end is a word of constant exposures; the others wane or stay
    dosings = {a: replace(d, ends=d.ends and of_kind[a] == "constant") for a, d in dosings.items()}
    return Mixed(
        dosings=dosings,
        kinds=of_kind,
        rates={agent: float(np.exp(draw(st.floats(-5, 0.7)))) for agent in "ABC"},
        kill={agent: draw(st.floats(-0.05, 0.15)) for agent in "ABC"},
        departure={name: draw(departures) for name in names},
        slowing=draw(st.none() | st.floats(1e-6, 0.3)),
    )


def _schedule(mixed: Mixed) -> Any:
    return schedule(mixed.study, exposure=mixed.kinds)  # pyright: ignore[reportArgumentType]


@reproducible(30)
@given(mixed=mixtures())
def test_curves_of_waning_delayed_and_constant_agents_solve_the_equation(mixed: Mixed) -> None:
    study = mixed.study
    found = typical_log_volume(DAYS - study.first_dose, _schedule(mixed), mixed.parameters(study))
    assert np.allclose(found, mixed.solved(), rtol=1e-8, atol=1e-6)


@pytest.mark.parametrize("slowing", [None, 0.1, 0.25])
def test_curves_solve_the_equation_where_rates_agree(slowing: float | None) -> None:
    mixed = replace(TIED, slowing=slowing)
    found = typical_log_volume(DAYS - 2.0, _schedule(mixed), mixed.parameters(mixed.study))
    assert np.allclose(found, mixed.solved(), rtol=1e-8, atol=1e-6)


TIED = Mixed(
    dosings={
        "A": Dosing("A", (2.0, 9.0), (1.0, 2.0)), "B": Dosing("B", (2.0, 5.0), (3.0, 1.0)),
        "C": Dosing("C", (6.0, 9.0), (1.0, 1.0), ends=True),
    },
    kinds={"A": "decaying", "B": "decaying", "C": "constant"}, rates={"A": 0.1, "B": 0.1, "C": 0.0},
    kill={"A": 0.05, "B": 0.02, "C": 0.03}, departure={"AB": 0.02, "AC": -0.01, "BC": 0.01, "ABC": 0.03}, slowing=0.1,
)  # fmt: skip


@reproducible(5)
@given(mixed=mixtures(), own=st.tuples(*[st.floats(-2, 2)] * 3))
def test_an_animal_that_responds_more_solves_the_equation_with_all_its_kills_multiplied(
    mixed: Mixed, own: tuple[float, float, float]
) -> None:
    study = mixed.study
    parameters, given_to, elapsed = mixed.parameters(study), _schedule(mixed), DAYS - study.first_dose
    untreated, reduction = course_of_arms(elapsed, given_to, parameters)
    columns = effect_columns(elapsed, parameters, reduction)
    found = untreated - reduction + sum(e * column for e, column in zip(own, columns, strict=True))
    own_growth = 0.02 * (0.2 * own[0] + np.sqrt(1 - 0.2**2) * own[1])
    expected = mixed.solved(growth=0.08 + own_growth, baseline=0.5 + 0.3 * own[0], effect=1 + 0.4 * own[2])
    assert np.allclose(found, expected, rtol=1e-8, atol=1e-6)


@reproducible(60)
@given(mixed=mixtures())
def test_without_departure_any_agents_add_and_the_highest_is_the_best_of_them(mixed: Mixed) -> None:
    mixed = replace(mixed, departure=dict.fromkeys(mixed.departure, 0.0))
    study, given_to, elapsed = mixed.study, _schedule(mixed), DAYS - mixed.study.first_dose
    parameters = mixed.parameters(study)
    names = [arm.name for arm in study.arms]
    _, added = course_of_arms(elapsed, given_to, parameters)
    _, highest = course_of_arms(elapsed, given_to, replace(parameters, highest_single_agent=1.0))
    for arm in study.arms:
        single = np.stack([added[names.index(agent)] for agent in arm.agents] or [np.zeros(len(DAYS))])
        assert np.allclose(added[names.index(arm.name)], single.sum(axis=0), rtol=0, atol=1e-12)
        assert np.allclose(highest[names.index(arm.name)], single.max(axis=0), rtol=0, atol=1e-12)


@reproducible(40)
@given(mixed=mixtures())
def test_a_departure_changes_its_own_combination_only_and_counts_from_the_sum_of_the_single_agents(
    mixed: Mixed,
) -> None:
    study, given_to, elapsed = mixed.study, _schedule(mixed), DAYS - mixed.study.first_dose
    names = [arm.name for arm in study.arms]
    parameters = mixed.parameters(study)
    _, reduction = course_of_arms(elapsed, given_to, parameters)
    for c, arm in enumerate(study.combinations):
        only = np.where(np.arange(4) == c, parameters.departure, 0.0)
        _, alone = course_of_arms(elapsed, given_to, replace(parameters, departure=only))
        excess = alone[names.index(arm.name)] - sum(alone[names.index(agent)] for agent in arm.agents)
        of_all = reduction[names.index(arm.name)] - sum(reduction[names.index(agent)] for agent in arm.agents)
        assert np.allclose(excess, of_all, rtol=0, atol=1e-12)
        assert (excess * parameters.departure[c] >= -1e-12).all()  # positive is enhanced, for positive exposures


@reproducible(40)
@given(mixed=mixtures())
def test_curves_of_any_exposure_do_not_depend_on_the_unit_of_time(mixed: Mixed) -> None:
    study, in_days, elapsed = mixed.study, _schedule(mixed), DAYS - mixed.study.first_dose
    p = mixed.parameters(study)
    per_time = ("growth", "slowing", "waning", "onset", "kill", "departure", "sd_growth")
    weekly = replace(p, **{name: 7 * getattr(p, name) for name in per_time if getattr(p, name) is not None})
    in_weeks = replace(in_days, jump_day=in_days.jump_day / 7, span=in_days.span / 7)
    by_day, by_week = course_of_arms(elapsed, in_days, p), course_of_arms(elapsed / 7, in_weeks, weekly)
    for one, other in zip(by_day, by_week, strict=True):
        assert np.allclose(one, other, rtol=1e-10, atol=1e-10)
    columns = effect_columns(elapsed, p, by_day[1]), effect_columns(elapsed / 7, weekly, by_week[1])
    for one, other in zip(*columns, strict=True):
        assert np.allclose(one, other, rtol=1e-10, atol=1e-10)


GRADIENT_CASES = {
    "waning agents and slowing agree": TIED,
    "waning agents agree": replace(TIED, slowing=None),
    "onset and slowing agree": replace(TIED, kinds={"A": "decaying", "B": "delayed", "C": "constant"}),
    "waning is twice the slowing": replace(TIED, rates={"A": 0.2, "B": 0.2, "C": 0.0}),
    "no two rates agree": replace(TIED, rates={"A": 0.07, "B": 0.31, "C": 0.5}, kinds=dict.fromkeys("ABC", "delayed")),
    "all wane": replace(TIED, rates={"A": 0.1, "B": 0.05, "C": 0.05}, kinds=dict.fromkeys("ABC", "decaying")),
}


@pytest.mark.parametrize("reference", [0.0, 1.0])
@pytest.mark.parametrize("case", GRADIENT_CASES)
def test_gradients_with_rates_of_exposure_agree_with_finite_differences_at_ties_too(
    case: str, reference: float
) -> None:
    mixed = GRADIENT_CASES[case]
    mixed = replace(mixed, dosings={a: replace(d, ends=False) for a, d in mixed.dosings.items()})
    study, given_to = mixed.study, _schedule(mixed)
    p = replace(mixed.parameters(study), highest_single_agent=reference)
    names = [n for n in ("slowing", "kill", "departure", "waning", "onset") if getattr(p, n) is not None]
    symbols = {name: pt.tensor(name, shape=np.shape(getattr(p, name)), dtype="float64") for name in names}
    elapsed = DAYS - study.first_dose
    weight = np.random.default_rng(3).normal(size=(len(study.arms), len(DAYS)))

    def total(changed: Parameters) -> float:
        return float((weight * typical_log_volume(elapsed, given_to, changed)).sum())

    curves = typical_log_volume(pt.constant(elapsed), given_to, replace(p, **symbols), xp=pt)
    outputs = [curves, *pytensor.grad((weight * curves).sum(), list(symbols.values()), disconnected_inputs="ignore")]
    compiled = pytensor.function(list(symbols.values()), outputs, mode="FAST_COMPILE")
    value, *found = compiled(*(getattr(p, name) for name in names))
    assert np.allclose(value, typical_log_volume(elapsed, given_to, p), rtol=1e-12, atol=1e-12)
    step = 1e-5
    for name, gradient in zip(names, found, strict=True):
        at = np.atleast_1d(getattr(p, name))
        for i in range(at.size):
            moved = [at + sign * step * (np.arange(at.size) == i) for sign in (1, -1)]
            high, low = (total(replace(p, **{name: m.reshape(np.shape(getattr(p, name)))})) for m in moved)
            # third derivatives by a rate are below days⁴ kill: 1e5, times step²/6; rounding 1e-14 over the step
            assert np.ravel(gradient)[i] == pytest.approx((high - low) / (2 * step), rel=1e-6, abs=1e-5)


def test_spreads_by_arm_are_those_of_the_arm() -> None:
    study = _four_arms(5.0, ends=False)
    p, _ = _parameters(study, [0.05, 0.02], [0.02], 0.05)
    by_arm = np.array([0.01, 0.02, 0.03, 0.04])
    columns = _columns(study, replace(p, sd_growth=by_arm, sd_effect=np.array(0.3)))
    assert [column.shape for column in columns] == [(4, len(DAYS))] * 3
    for arm, spread in enumerate(by_arm):
        alone = _columns(study, replace(p, sd_growth=np.array([spread]), sd_effect=np.array(0.3)))
        for column, other in zip(columns, alone, strict=True):
            assert np.allclose(column[arm], other[arm % len(other)])


def test_what_does_not_vary_has_no_column() -> None:
    study = _four_arms(5.0, ends=False)
    p, _ = _parameters(study, [0.05, 0.02], [0.02], 0.05)
    p = replace(p, sd_effect=np.array(0.3))
    both = _columns(study, replace(p, correlation=np.array(0.0)))
    for absent, kept in (("sd_baseline", (1, 2)), ("sd_growth", (0, 2)), ("sd_effect", (0, 1))):
        without = _columns(study, replace(p, correlation=None, **{absent: None}))
        assert len(without) == 2
        for column, k in zip(without, kept, strict=True):
            assert np.allclose(column, both[k], rtol=0, atol=1e-15)
    assert _columns(study, replace(p, sd_baseline=None, sd_growth=None, sd_effect=None, correlation=None)) == []


def test_an_animals_response_has_no_column_in_the_vehicle_arm_and_its_spread_grows_with_the_effect() -> None:
    study = _four_arms(5.0, ends=False)
    p, _ = _parameters(study, [0.05, -0.02], [0.02], None)
    *_, column = _columns(study, replace(p, sd_effect=np.array(0.3)))
    reduction = _reductions(study, p)
    assert (column[0] == 0).all()
    for row, arm in enumerate(study.arms):
        assert np.allclose(column[row], -0.3 * reduction[arm.name])


def test_callipers_err_more_on_small_tumours_down_to_the_limit() -> None:
    typical = np.log(np.array([[100.0, 20.0, 1.0, 0.001], [400.0, 50.0, 9.0, 2.0]]) / 100)
    p, _ = _parameters(_four_arms(2.0, ends=False), [0.0, 0.0], [0.0], None)
    assert np.allclose(error_variance(p, typical, np.log(0.1)), 0.12**2)
    found = error_variance(replace(p, small_tumour_error=np.array(0.05)), typical, np.log(0.1))  # 5 mm³, limit 10 mm³
    volume = np.maximum(np.exp(typical) * 100, 10)
    assert np.allclose(found, 0.12**2 + (5 / volume) ** 2)
    by_arm = replace(p, error=np.array([0.1, 0.2]), small_tumour_error=np.array(0.05))
    assert np.allclose(error_variance(by_arm, typical, np.log(0.1)), np.array([[0.01], [0.04]]) + (5 / volume) ** 2)
