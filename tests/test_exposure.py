"""Exposures: the kernel near its ties and limits with gradients, and the courses that studies are made of."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from xenograft.model.exposure import Schedule, accumulated_exposure, kernel, kind_of, schedule
from xenograft.model.growth import SERIES_BELOW
from xenograft.study.study import Arm, Dosing, Study

reproducible = settings(derandomize=True, deadline=None, max_examples=200)
durations = st.floats(0, 60)
rates = st.floats(0, 1.5)
small_differences = st.floats(-3e-4, 3e-4)  # of rate times duration, around the switch to the series


def _moment(u: float, slowing: float, waning: float, weight: Callable[[float], float] = lambda _: 1.0) -> float:
    """∫₀ᵘ weight(s) e^−β(u−s) e^−λs ds."""

    def integrand(s: float) -> float:
        return weight(s) * float(np.exp(-slowing * (u - s) - waning * s))

    inner = [point for point in (0.02 * u, 0.1 * u, 0.9 * u, 0.98 * u) if u > 0]
    return quad(integrand, 0, u, points=inner or None, epsabs=0, epsrel=1e-11, limit=400)[0]


@pytest.fixture(scope="module")
def with_gradients() -> Callable[..., Any]:
    """The kernel and its derivatives by β and λ, as PyTensor sees them."""
    duration, slowing, waning = pt.dscalars("u", "b", "w")
    value = kernel(duration, slowing, waning, xp=pt)
    outputs = [value, *pytensor.grad(value, [slowing, waning])]
    return pytensor.function([duration, slowing, waning], outputs, mode="FAST_COMPILE")


@reproducible
@given(u=durations, rate=rates, difference=small_differences)
def test_the_kernel_is_exact_where_two_rates_nearly_agree(u: float, rate: float, difference: float) -> None:
    other = max(rate + difference / max(u, 1.0), 0.0)
    for pair in ((rate, other), (other, rate)):
        # quadrature and kernel each keep about 1e-11; denormal values of a long decay keep no digits
        assert float(kernel(np.array(u), *pair)) == pytest.approx(_moment(u, *pair), rel=1e-10, abs=1e-250)


@reproducible
@given(u=durations, slowing=rates, waning=rates)
def test_slowing_and_waning_are_exchangeable_in_the_kernel(u: float, slowing: float, waning: float) -> None:
    assert float(kernel(np.array(u), slowing, waning)) == float(kernel(np.array(u), waning, slowing))


def test_value_and_gradients_of_the_kernel_are_its_integrals(
    with_gradients: Callable[..., Any], subtests: pytest.Subtests
) -> None:
    for u in [0.3, 7.0, 40.0]:
        for slowing, waning in [
            (0.0, 0.0),
            (0.2, 0.2),
            (0.0, 0.3),
            (0.3, 0.0),
            (1e-9, 0.0),
            (0.0, 1e-9),
            (0.1, 0.1 + 1e-12),
            (0.05, 0.8),
            *((0.1, 0.1 + sign * near * SERIES_BELOW / 7) for sign in (-1, 1) for near in (1 - 1e-6, 1 + 1e-6)),
        ]:
            with subtests.test(u=u, slowing=slowing):
                value, by_slowing, by_waning = (float(part) for part in with_gradients(u, slowing, waning))
                assert value == pytest.approx(_moment(u, slowing, waning), rel=1e-10)
                # the series leaves out x³/24, whose derivative by a rate is u² x²/8 at most
                left_out = u**2 * SERIES_BELOW**2 / 4
                assert by_slowing == pytest.approx(
                    -_moment(u, slowing, waning, lambda s: u - s), rel=1e-9, abs=left_out
                )
                assert by_waning == pytest.approx(-_moment(u, slowing, waning, lambda s: s), rel=1e-9, abs=left_out)


def test_gradients_agree_with_finite_differences_at_random_rates(with_gradients: Callable[..., Any]) -> None:
    rng = np.random.default_rng(5)
    step = 1e-5
    for _ in range(50):
        u, slowing, waning = rng.uniform(0.1, 30), *rng.uniform(0.01, 0.8, size=2)
        _, by_slowing, by_waning = with_gradients(u, slowing, waning)
        above = kernel(u, slowing + step, waning), kernel(u, slowing, waning + step)
        below = kernel(u, slowing - step, waning), kernel(u, slowing, waning - step)
        for found, high, low in zip((by_slowing, by_waning), above, below, strict=True):
            # third derivatives are below u⁴/4, rounding is 1e-16 u / step
            assert float(found) == pytest.approx(float(high - low) / (2 * step), abs=step**2 * u**4 / 24 + 1e-10 * u)


def test_before_the_exposure_the_kernel_and_its_gradients_are_zero(
    with_gradients: Callable[..., Any], subtests: pytest.Subtests
) -> None:
    for u in [-1e-12, -3.0, -1e5, 0.0]:
        for slowing, waning in [(0.0, 0.0), (0.2, 0.2), (0.0, 0.5), (5.0, 0.1)]:
            with subtests.test(u=u, slowing=slowing):
                assert [float(part) for part in with_gradients(u, slowing, waning)] == [0.0, 0.0, 0.0]
                assert float(kernel(np.array(u), slowing, waning)) == 0.0


@pytest.mark.parametrize(
    ("slowing", "waning", "limit"), [(50.0, 0.0, 1 / 50), (0.0, 50.0, 1 / 50), (50.0, 50.0, 0.0), (900.0, 0.3, 0.0)]
)
def test_large_rates_over_long_times_do_not_overflow(
    with_gradients: Callable[..., Any], slowing: float, waning: float, limit: float
) -> None:
    found = [float(part) for part in with_gradients(1e4, slowing, waning)]
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(limit, rel=1e-12, abs=1e-300)


def test_numpy_and_pytensor_give_the_same_kernel() -> None:
    rng = np.random.default_rng(6)
    u, slowing, waning = rng.uniform(-5, 40, 300), *rng.uniform(0, 1, size=(2, 300))
    waning[::3] = slowing[::3] + 1e-6 * rng.standard_normal(100)
    symbols = pt.dvectors("u", "b", "w")
    compiled = pytensor.function(symbols, kernel(*symbols, xp=pt), mode="FAST_COMPILE")
    assert np.allclose(compiled(u, slowing, waning), kernel(u, slowing, waning), rtol=1e-13, atol=0)


def _study(*arms: Arm) -> Study:
    last = pd.DataFrame({"day": [60.0], "fitted": [True]})
    return Study(name="", unit="mm3", arms=(Arm("vehicle", control=True), *arms), readings=last)


def _weekly(agent: str, start: float, doses: int = 3, *, every: float = 7.0, ends: bool = False) -> Dosing:
    return Dosing(agent, tuple(start + every * i for i in range(doses)), (1.0,) * doses, "mg/kg", ends=ends)


def _exposed_days(dosings: tuple[Dosing, ...], day: float, slowing: float | None) -> float:
    """∫ e^−β(day−s) ds over the days up to `day` on which every agent acts (docs/mathematics.md#exposure)."""
    start = max(dosing.days[0] for dosing in dosings)
    ends = [2 * dosing.days[-1] - dosing.days[-2] for dosing in dosings if dosing.ends]
    stop = min([day, *ends])
    if stop <= start:
        return 0.0
    if not slowing:
        return stop - start
    return float(np.exp(-slowing * (day - stop)) - np.exp(-slowing * (day - start))) / slowing


FOREVER, LATER = _weekly("A", 3.0), _weekly("B", 9.5)
ENDS_EARLY, ENDS_LATE = _weekly("B", 5.0, 2, every=4.0, ends=True), _weekly("A", 14.0, 3, ends=True)
THIRD = _weekly("C", 6.0, ends=True)
COURSES: dict[str, tuple[Dosing, ...]] = {
    "one agent that goes on": (FOREVER,),
    "one agent that ends": (ENDS_EARLY,),
    "two that start on different days": (FOREVER, LATER),
    "one goes on and one ends": (FOREVER, ENDS_EARLY),
    "the later one starts after the earlier has ended": (ENDS_LATE, ENDS_EARLY),
    "three agents": (FOREVER, ENDS_EARLY, THIRD),
}
DAYS = np.array([-2.0, 3.0, 4.5, 5.0, 9.5, 13.0, 13.5, 20.0, 27.0, 34.9, 60.0])


def test_exposure_lasts_from_the_last_start_to_the_first_end(subtests: pytest.Subtests) -> None:
    for slowing in [None, 0.0, 1e-6, 0.05, 0.6]:
        for course in COURSES:
            with subtests.test(slowing=slowing, course=course):
                dosings = COURSES[course]
                study = _study(Arm("first", dosings=(_weekly("D", 1.0),)), Arm("treated", dosings=dosings))
                given_to = schedule(study)
                assert study.first_dose == 1.0  # days as recorded differ from those of the model
                rate = None if slowing is None else np.array(slowing)
                of_dosing, of_combination = accumulated_exposure(DAYS - study.first_dose, given_to, rate)
                expected = [[_exposed_days((dosing,), day, slowing) for day in DAYS] for dosing in dosings]
                # the independent formula subtracts two exponentials and loses 1e-16/β
                tolerance = {"rtol": 1e-9, "atol": 1e-12 + 1e-15 / (slowing or 1.0)}
                assert np.allclose(of_dosing[1:], expected, **tolerance)
                assert of_combination.shape == (int(len(dosings) > 1), len(DAYS))
                if len(dosings) > 1:
                    assert np.allclose(
                        of_combination[0], [_exposed_days(dosings, day, slowing) for day in DAYS], **tolerance
                    )


@reproducible
@given(
    starts=st.lists(st.integers(0, 30), min_size=2, max_size=3),
    lasts=st.lists(st.integers(0, 20), min_size=3, max_size=3),
    slowing=st.sampled_from([None, 0.0, 0.04]),
)
def test_agents_act_together_on_the_days_they_share(starts: list[int], lasts: list[int], slowing: float | None) -> None:
    dosings = tuple(
        _weekly(agent, float(start), 2, every=last / 2, ends=True) if last else _weekly(agent, float(start))
        for agent, start, last in zip("ABC", starts, lasts, strict=False)
    )
    study = _study(Arm("together", dosings=dosings))
    given_to = schedule(study)
    rate = None if slowing is None else np.array(slowing)
    day = np.arange(0.0, 61.0, 4.0)
    _, (found,) = accumulated_exposure(day - study.first_dose, given_to, rate)
    assert np.allclose(found, [_exposed_days(dosings, d, slowing) for d in day], atol=1e-10)


def test_a_schedule_says_which_arm_gets_what() -> None:
    low, high, other = (Dosing(agent, (0.0,), (dose,), "mg/kg") for agent, dose in (("A", 1.0), ("A", 5.0), ("B", 2.0)))
    study = _study(Arm("low", dosings=(low,)), Arm("b", dosings=(other,)), Arm("both", dosings=(other, high)))
    found = schedule(study)
    assert [study.levels[level] for level in found.dosing_level] == [("A", 1.0), ("B", 2.0), ("A", 5.0)]
    assert found.arm_gets_dosing.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert found.arm_is_combination.tolist() == [[0], [0], [0], [1]]
    assert [dosings.tolist() for dosings in found.combination_dosings] == [[1], [2]]


def test_a_combination_of_two_beside_one_of_three_repeats_its_first_agent() -> None:
    a, b, c = (Dosing(agent, (0.0,)) for agent in "ABC")
    found = schedule(_study(Arm("one", dosings=(c,)), Arm("two", dosings=(b, a)), Arm("three", dosings=(a, b, c))))
    assert [dosings.tolist() for dosings in found.combination_dosings] == [[1, 2], [2, 1], [1, 0]]


def test_a_dose_ladder_has_no_combination() -> None:
    ladder = _study(*(Arm(f"{dose}", dosings=(Dosing("A", (0.0,), (dose,)),)) for dose in (1.0, 2.0)))
    found = schedule(ladder)
    assert found.combination_dosings == found.factors == ()
    assert found.arm_is_combination.shape == (3, 0)
    assert found.jump.shape == found.jump_day.shape == (2, 1)


def test_arms_outside_the_study_count_days_from_its_first_dose() -> None:
    study = _study(Arm("a", dosings=(Dosing("A", (5.0,)),)), Arm("b", dosings=(Dosing("B", (9.0,)),)))
    alone = schedule(study, [Arm("b again", dosings=(Dosing("B", (12.0,)),))])
    assert alone.jump_day[:, 0].tolist() == [7.0]
    assert alone.dosing_level.tolist() == [1]


WANING, ONSET = 0.13, 0.4
PULSES = Dosing("A", (1.0, 4.0, 11.5), (3.0, 1.0, 2.0), "mg/kg")
ONE_PULSE, LATE_PULSE = Dosing("A", (1.0,), (5.0,)), Dosing("B", (9.0, 16.0), (4.0, 2.0))
ELAPSED = np.array([-1.0, 0.0, 2.0, 3.0, 7.7, 10.5, 15.0, 21.0, 40.0])  # day 1 is the first dose
KINDS = ("constant", "decaying", "delayed")


def _exposure(dosing: Dosing, kind: str, day: float) -> float:
    """e(t) from the words of docs/mathematics.md#exposure, day as recorded; the rates are those of this file."""
    if kind == "decaying":
        doses = dosing.doses or (1.0,) * len(dosing.days)
        pulses = zip(dosing.days, doses, strict=True)
        return sum(dose / doses[-1] * np.exp(-WANING * (day - given)) for given, dose in pulses if day >= given)
    if kind == "delayed":
        return 1 - np.exp(-ONSET * (day - dosing.days[0])) if day >= dosing.days[0] else 0.0
    return float(dosing.days[0] <= day < dosing.end)


def _accumulated(kinds: dict[Dosing, str], day: float, slowing: float | None) -> float:
    """∫ e^−β(day−s) Π e(s) ds by quadrature between the days on which something jumps."""
    edges = sorted({d for dosing in kinds for d in (*dosing.days, dosing.end) if d < day} | {day})

    def integrand(s: float) -> float:
        together = np.prod([_exposure(dosing, kind, s) for dosing, kind in kinds.items()])
        return float(together * np.exp(-(slowing or 0.0) * (day - s)))

    # the integrand's value at an upper edge belongs to the next piece, and is never asked for
    return sum(quad(integrand, a, b, epsabs=1e-13, epsrel=1e-11)[0] for a, b in pairwise(edges))


def _rates(given_to: Schedule) -> tuple[np.ndarray | None, np.ndarray | None]:
    waning, onset = len(given_to.waning_agents), len(given_to.delayed_agents)
    return np.full(waning, WANING) if waning else None, np.full(onset, ONSET) if onset else None


def test_exposures_and_their_product_accumulate_as_their_integrals(subtests: pytest.Subtests) -> None:
    rates = (None, 0.0, 0.05, WANING, ONSET, 2 * WANING, WANING + ONSET)
    for slowing, first, second in product(rates, KINDS, KINDS):
        with subtests.test(slowing=slowing, first=first, second=second):
            ends = _weekly("B", 5.0, 2, every=4.0, ends=True)
            for a, b in (
                (PULSES, LATE_PULSE),
                (ONE_PULSE, PULSES),
                (PULSES, ends),
                (ONE_PULSE, _weekly("B", 1.0)),
            ):
                b = Dosing("B", b.days, b.doses, ends=b.ends)
                study = _study(Arm("a", dosings=(a,)), Arm("b", dosings=(b,)), Arm("ab", dosings=(a, b)))
                given_to = schedule(study, exposure={"A": first, "B": second})
                rate = None if slowing is None else np.array(slowing)
                of_dosing, of_combination = accumulated_exposure(ELAPSED, given_to, rate, *_rates(given_to))
                days = (ELAPSED + study.first_dose).tolist()
                expected = [[_accumulated(kinds, day, slowing) for day in days] for kinds in ({a: first}, {b: second})]
                assert np.allclose(of_dosing, expected, rtol=1e-8, atol=1e-9)
                together = [_accumulated({a: first, b: second}, day, slowing) for day in days]
                assert np.allclose(of_combination[0], together, rtol=1e-8, atol=1e-9)


def test_three_agents_of_three_kinds_act_together_as_their_product() -> None:
    b, c = Dosing("B", (3.0,)), _weekly("C", 5.0, 2, every=8.0, ends=True)
    kinds = {PULSES: "decaying", b: "delayed", c: "constant"}
    study = _study(Arm("abc", dosings=tuple(kinds)), Arm("ba", dosings=(b, PULSES)))
    given_to = schedule(study, exposure={"A": "decaying", "B": "delayed", "default": "constant"})
    for slowing in (None, 0.05):
        rate = None if slowing is None else np.array(slowing)
        _, found = accumulated_exposure(ELAPSED, given_to, rate, *_rates(given_to))
        for row, of in enumerate((kinds, {PULSES: "decaying", b: "delayed"})):
            expected = [_accumulated(of, day, slowing) for day in ELAPSED + study.first_dose]
            assert np.allclose(found[row], expected, rtol=1e-8, atol=1e-9)


def _one(kind: str, dosing: Dosing, slowing: float | None, **rates: float) -> np.ndarray:
    given_to = schedule(_study(Arm("a", dosings=(dosing,))), exposure=kind)
    arrays = {name: np.array([rate]) for name, rate in rates.items()}
    found, _ = accumulated_exposure(ELAPSED, given_to, None if slowing is None else np.array(slowing), **arrays)
    return found[0]


@pytest.mark.parametrize("slowing", [None, 0.0, 0.05])
def test_a_single_dose_that_hardly_wanes_is_constant(slowing: float | None) -> None:
    constant = _one("constant", ONE_PULSE, slowing)
    for waning in (1e-4, 1e-8, 0.0):
        # e^−λs is 1 − λs to first order, and 40 days are the longest
        assert (
            np.abs(_one("decaying", ONE_PULSE, slowing, waning=waning) - constant).max() <= waning * 40**2 / 2 + 1e-12
        )


@pytest.mark.parametrize("slowing", [None, 0.0, 0.05])
def test_an_effect_that_sets_in_at_once_is_constant(slowing: float | None) -> None:
    constant = _one("constant", PULSES, slowing)
    for onset in (10.0, 1e3, 1e9):
        assert np.abs(_one("delayed", PULSES, slowing, onset=onset) - constant).max() <= 1.001 / onset


def test_an_effect_that_never_sets_in_does_nothing() -> None:
    assert _one("delayed", PULSES, 0.05, onset=0.0) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("kind", ["decaying", "delayed"])
def test_nothing_jumps_where_two_rates_agree(kind: str) -> None:
    name = "waning" if kind == "decaying" else "onset"
    at = _one(kind, PULSES, 0.08, **{name: 0.08})
    for away in (1e-12, 1e-9, 1e-6):
        assert np.abs(_one(kind, PULSES, 0.08, **{name: 0.08 + away}) - at).max() <= away * 3 * 40**2


def test_a_pulse_is_its_dose_over_the_last_one_and_one_where_doses_are_unknown() -> None:
    unknown = Dosing("A", (1.0, 4.0, 11.5))
    equal = Dosing("A", unknown.days, (7.0, 7.0, 7.0), "mg/kg")
    assert np.array_equal(_one("decaying", unknown, None, waning=0.1), _one("decaying", equal, None, waning=0.1))
    first = _one("decaying", ONE_PULSE, None, waning=0.1)
    loading = _one("decaying", Dosing("A", (1.0, 200.0), (2.0, 1.0), "mg/kg"), None, waning=0.1)
    assert np.allclose(loading, 2 * first)


def test_rates_belong_to_agents_whatever_arms_get_them() -> None:
    low, high = Dosing("A", (1.0,), (1.0,), "mg/kg"), Dosing("A", (1.0, 8.0), (3.0, 3.0), "mg/kg")
    b = Dosing("B", (1.0,))
    arms = Arm("low", dosings=(low,)), Arm("high", dosings=(high,)), Arm("b", dosings=(b,)), Arm("", dosings=(low, b))
    given_to = schedule(_study(*arms), exposure="decaying")
    assert given_to.waning_agents == ("A", "B")
    assert given_to.delayed_agents == ()
    slow, fast = (accumulated_exposure(ELAPSED, given_to, None, np.array([w, 0.1])) for w in (0.05, 0.5))
    assert np.array_equal(slow[0][2], fast[0][2])  # B's own
    assert (slow[0][:2, -1] > fast[0][:2, -1]).all()
    assert slow[1][0, -1] > fast[1][0, -1]


def test_posterior_draws_lead_the_exposures() -> None:
    b, c = Dosing("B", (3.0,)), _weekly("C", 5.0)
    study = _study(Arm("ab", dosings=(PULSES, b)), Arm("abc", dosings=(PULSES, b, c)))
    given_to = schedule(study, exposure={"A": "decaying", "B": "delayed", "C": "constant"})
    rng = np.random.default_rng(3)
    slowing, waning, onset = rng.uniform(0.01, 0.5, (2, 3)), *rng.uniform(0.01, 0.5, (2, 2, 3, 1))
    for law in (None, slowing):
        together = accumulated_exposure(ELAPSED, given_to, law, waning, onset)
        assert [part.shape for part in together] == [(2, 3, 3, len(ELAPSED)), (2, 3, 2, len(ELAPSED))]
        for index in np.ndindex(2, 3):
            one = None if law is None else law[index]
            apart = accumulated_exposure(ELAPSED, given_to, one, waning[index], onset[index])
            for whole, part in zip(together, apart, strict=True):
                assert np.allclose(whole[index], part, rtol=1e-13, atol=1e-13)


def test_an_agent_has_its_own_word_or_the_word_for_all_others() -> None:
    assert kind_of("delayed", "A") == "delayed"
    assert kind_of({"A": "decaying", "default": "constant"}, "A") == "decaying"
    assert kind_of({"A": "decaying", "default": "constant"}, "B") == "constant"
