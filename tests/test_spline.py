"""Curves without a growth law: where they bend, by how much, and what they leave to the combination."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from scipy.integrate import quad

from xenograft.model import spline
from xenograft.model.curve import Parameters, course_of_arms, typical_log_volume
from xenograft.model.exposure import schedule
from xenograft.model.spline import COMBINATION_BENDS, INTERVALS, bend_basis, bent_course, curves_that_bend
from xenograft.study.study import Arm, Dosing, Study

SPAN = 28.0
A, B = Dosing("A", (2.0, 9.0)), Dosing("B", (8.0, 15.0))
ARMS = (Arm("v", control=True), Arm("a", dosings=(A,)), Arm("b", dosings=(B,)), Arm("ab", dosings=(A, B)))
STUDY = Study(name="", unit="mm3", arms=ARMS, readings=pd.DataFrame({"day": [2.0 + SPAN], "fitted": [True]}))
ELAPSED = np.array([-4.0, 0.0, 1.0, 4.0, 6.0, 6.5, 13.0, 21.0, 28.0, 40.0, 52.0])
CURVES = 4
"""Of all arms, of A, of B, of the combination."""


def _parameters(bend: np.ndarray | None) -> Parameters:
    return Parameters(
        baseline=np.array(0.4), growth=np.array(0.09), kill=np.array([0.05, 0.02]), departure=np.array([0.015]),
        error=np.array([0.1]), bend=bend,
    )  # fmt: skip


def _bend(seed: int = 1) -> np.ndarray:
    return 0.02 * np.random.default_rng(seed).standard_normal((curves_that_bend(schedule(STUDY)), INTERVALS))


def test_a_study_of_four_arms_has_four_curves_that_bend() -> None:
    received = schedule(STUDY)
    assert curves_that_bend(received) == CURVES
    assert received.span == SPAN
    assert [part.shape for part in bent_course(ELAPSED, received, _bend())] == [
        (len(ELAPSED),), (2, len(ELAPSED)), (1, len(ELAPSED)),
    ]  # fmt: skip


def test_a_curve_starts_at_zero_with_slope_zero() -> None:
    assert (bend_basis(np.array([-30.0, -1e-9, 0.0]), SPAN) == 0).all()
    step = 1e-6
    assert np.abs(bend_basis(np.array([step]), SPAN) / step).max() < 1e-6


@pytest.mark.parametrize("knot", range(INTERVALS))
def test_a_bend_is_a_constant_second_derivative_over_its_interval(knot: int) -> None:
    width = SPAN / INTERVALS

    def integrated_twice(day: float) -> float:
        start, stop = knot * width, (knot + 1) * width
        return quad(lambda s: max(day - s, 0.0) / np.sqrt(width), start, stop, points=[np.clip(day, start, stop)])[0]

    for day in (1.0, 4.0, 13.3, 24.7, 28.0, 45.0):
        assert float(bend_basis(np.array(day), SPAN)[knot]) == pytest.approx(integrated_twice(day), rel=1e-9, abs=1e-12)


def test_a_curve_is_a_straight_line_beyond_its_span() -> None:
    beyond = bend_basis(SPAN + np.array([0.0, 3.0, 9.0, 30.0]), SPAN)
    slopes = np.diff(beyond, axis=0) / np.diff([0.0, 3.0, 9.0, 30.0])[:, None]
    assert np.allclose(slopes, slopes[0], rtol=1e-9)
    assert slopes[0] == pytest.approx(np.full(INTERVALS, np.sqrt(SPAN / INTERVALS)))  # the slope at its end


@pytest.mark.parametrize("day", [5.0, 14.0, 28.0, 40.0])
def test_the_scale_of_bending_is_that_of_an_integrated_wiener_process(
    monkeypatch: pytest.MonkeyPatch, day: float
) -> None:
    """Its variance a time t after the start is smoothness² t³/3 (Wahba 1978), and linear beyond the span."""
    inside = min(day, SPAN)
    expected = (day**3 - (day - inside) ** 3) / 3
    errors: list[float] = []
    for intervals in (8, 32, 128):
        monkeypatch.setattr(spline, "INTERVALS", intervals)
        variance = float((bend_basis(np.array(day), SPAN) ** 2).sum())
        errors.append(abs(variance / expected - 1))
    assert errors[0] < 0.15
    # the error of a piecewise constant rate falls with the square of the interval, between knots at least in line
    assert errors[2] < errors[0] / 10
    assert errors[2] < 1e-3


def test_the_scale_does_not_depend_on_where_a_study_ends() -> None:
    for span in (10.0, 28.0, 60.0):
        assert float((bend_basis(np.array(span), span) ** 2).sum()) == pytest.approx(span**3 / 3, rel=0.01)


def test_without_bending_curves_are_straight_lines() -> None:
    straight = typical_log_volume(ELAPSED, schedule(STUDY), _parameters(None))
    none = typical_log_volume(ELAPSED, schedule(STUDY), _parameters(np.zeros((CURVES, INTERVALS))))
    assert np.array_equal(none, straight)


@pytest.mark.parametrize(
    ("curve", "changed", "start"), [(0, "v a b ab", 0.0), (1, "a ab", 0.0), (2, "b ab", 6.0), (3, "ab", 6.0)]
)
def test_a_curve_bends_the_arms_it_belongs_to_from_the_day_its_treatment_starts(
    curve: int, changed: str, start: float
) -> None:
    """The combination's own curve starts when the last of its agents does: day 6 after the first dose."""
    bend = np.zeros((CURVES, INTERVALS))
    bend[curve] = 0.02
    straight = typical_log_volume(ELAPSED, schedule(STUDY), _parameters(None))
    found = typical_log_volume(ELAPSED, schedule(STUDY), _parameters(bend)) - straight
    for row, arm in enumerate(STUDY.arms):
        if arm.name in changed.split():
            assert np.allclose(found[row][start >= ELAPSED], 0.0, rtol=0, atol=1e-13)
            assert (found[row][start < ELAPSED] > 0).all()  # a positive bend is a larger tumour
        else:
            assert np.allclose(found[row], 0.0, rtol=0, atol=1e-13)


def test_only_the_combinations_own_curve_and_departure_are_an_excess() -> None:
    bend = _bend()
    _, reduction = course_of_arms(ELAPSED, schedule(STUDY), _parameters(bend))
    _, _, (own,) = bent_course(ELAPSED, schedule(STUDY), bend)
    excess = reduction[3] - reduction[1] - reduction[2]
    assert np.allclose(excess, 0.015 * np.maximum(ELAPSED - 6, 0) - own, rtol=0, atol=1e-12)
    assert reduction[0] == pytest.approx(np.zeros(len(ELAPSED)))


def test_posterior_draws_lead_the_curves_and_pytensor_gives_the_same() -> None:
    bends = np.stack([[_bend(1), _bend(2), _bend(3)], [_bend(4), _bend(5), _bend(6)]])
    p = _parameters(bends)
    many = replace(p, **{n: np.broadcast_to(getattr(p, n), (2, 3, *np.shape(getattr(p, n))))
                         for n in ("baseline", "growth", "kill", "departure")})  # fmt: skip
    together = typical_log_volume(ELAPSED, schedule(STUDY), many)
    assert together.shape == (2, 3, 4, len(ELAPSED))
    for index in np.ndindex(2, 3):
        alone = replace(p, bend=bends[index])
        assert np.allclose(together[index], typical_log_volume(ELAPSED, schedule(STUDY), alone), rtol=0, atol=1e-12)
    symbols = {n: pt.constant(getattr(p, n)) for n in ("baseline", "growth", "kill", "departure")}
    received = replace(
        schedule(STUDY), span=pt.constant(np.array(SPAN)), jump_day=pt.constant(schedule(STUDY).jump_day)
    )
    symbolic = typical_log_volume(
        pt.constant(ELAPSED), received, replace(p, bend=pt.constant(bends[1, 2]), **symbols), xp=pt
    )
    assert np.allclose(symbolic.eval(mode="FAST_COMPILE"), together[1, 2], rtol=0, atol=1e-12)


def test_curves_that_bend_do_not_depend_on_the_unit_of_time() -> None:
    p, days = _parameters(_bend()), schedule(STUDY)
    weekly = replace(p, growth=7 * p.growth, kill=7 * p.kill, departure=7 * p.departure, bend=7**1.5 * p.bend)
    weeks = replace(days, jump_day=days.jump_day / 7, span=SPAN / 7)
    found = typical_log_volume(ELAPSED / 7, weeks, weekly)
    assert np.allclose(found, typical_log_volume(ELAPSED, days, p), rtol=0, atol=1e-12)


def test_a_combination_bends_less_than_its_agents_by_the_same_number() -> None:
    at_once = replace(A, agent="B")
    arms = (ARMS[0], ARMS[1], Arm("b", dosings=(at_once,)), Arm("ab", dosings=(A, at_once)))
    _, (a, b), (ab,) = bent_course(ELAPSED, schedule(replace(STUDY, arms=arms)), np.full((CURVES, INTERVALS), 0.02))
    assert np.array_equal(a, b)
    assert np.allclose(ab, COMBINATION_BENDS * a)
    assert 0 < COMBINATION_BENDS < 1
