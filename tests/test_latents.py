"""Latent variables of censored and Student readings: integrated out they are the readings' own density; unused, nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from scipy import stats

from xenograft.cards import ModelCard
from xenograft.dynamics import Parameters
from xenograft.exposure import schedule
from xenograft.fitted import parameters_of
from xenograft.latents import SMALLEST, Latents, capacity, latents
from xenograft.likelihood import Panel, log_density, moments, panel
from xenograft.model import build_for_sampler
from xenograft.priors import Prior
from xenograft.quadrature import log_density_by_quadrature
from xenograft.study import Arm, Dosing, Study

A, B = Dosing("A", (0.0,)), Dosing("B", (0.0,))
ARMS = (Arm("v", control=True), Arm("a", dosings=(A,)), Arm("b", dosings=(B,)), Arm("ab", dosings=(A, B)))
LIMIT = 60.0
FREEDOM = 4.0
DEPTHS = np.arange(-22.0, 4.0, 0.1)
"""Log of how far below its limit a censored log reading may lie."""
SPREADS = np.arange(-16.0, 7.0, 0.25)
"""Scaled log precision of a Student reading; its density is below 1e-9 outside."""


def _study(volumes: dict[tuple[str, str], Sequence[float]]) -> Study:
    """Animals by arm and name, read on days 0, 5, 10, …; a volume at the limit is censored."""
    rows = [
        {"animal": animal, "arm": arm, "day": 5.0 * i, "volume": volume, "censored": volume <= LIMIT}
        for (arm, animal), of_animal in volumes.items()
        for i, volume in enumerate(of_animal)
    ]
    readings = pd.DataFrame(rows).assign(fitted=True)
    return Study(
        name="", unit="mm3", arms=ARMS, limit_of_quantification=LIMIT,
        readings=readings.assign(baseline=readings["day"] == 0),
    )  # fmt: skip


def _parameters(*, student: bool) -> Parameters:
    return Parameters(
        baseline=np.array(0.1), growth=np.array(0.08), kill=np.array([0.12, 0.05]), departure=np.array([0.02]),
        sd_baseline=np.array(0.3), sd_growth=np.array([0.02]), sd_effect=np.array(0.3), correlation=np.array(-0.3),
        error=np.array([0.2]), degrees_of_freedom=np.array(FREEDOM) if student else None,
    )  # fmt: skip


@pytest.fixture
def card(cards: dict[str, ModelCard]) -> ModelCard:
    return cards["exponential-bliss-departure"]


def _student(card: ModelCard) -> ModelCard:
    freedom = Prior(distribution="LogNormal", mu=1.8, sigma=0.6, unit="none", why="A test.")
    return card.model_copy(update={"error": "student", "priors": card.priors | {"degrees_of_freedom": freedom}})


def _given_latents(latent: np.ndarray, cells: Latents, readings: Panel, received: Any, p: Parameters) -> np.ndarray:
    """Log density of the readings and the latent variables, as the sampler has it, without the priors of `p`."""
    mean, precision, columns = moments(readings, received, p)
    density, values, weights = cells.applied(latent, readings, p.degrees_of_freedom)
    readings_density = log_density(values, mean, precision * weights, columns).sum(axis=-1)
    return stats.norm.logpdf(latent).sum(axis=-1) + density + readings_density


CASES: dict[str, tuple[bool, dict[tuple[str, str], Sequence[float]]]] = {
    "one censored reading": (False, {("v", "V1"): (110, 180), ("a", "A1"): (120, 80, LIMIT), ("b", "B1"): (90,)}),
    "two censored readings of one animal": (False, {("v", "V1"): (110, 180), ("ab", "C1"): (105, LIMIT, LIMIT)}),
    "of two animals": (False, {("a", "A1"): (120, LIMIT), ("ab", "C1"): (LIMIT, 75)}),
    "one Student reading": (True, {("v", "V1"): (95,)}),
    "two Student readings of one animal": (True, {("v", "V1"): (95, 400)}),
    "of two animals, far out": (True, {("v", "V1"): (800,), ("ab", "C1"): (100,)}),
    "a censored Student reading": (True, {("ab", "C1"): (LIMIT,)}),
    "a censored and a measured Student reading": (True, {("ab", "C1"): (140, LIMIT)}),
}


@pytest.mark.parametrize("case", CASES)
def test_latent_variables_integrate_to_the_density_of_the_readings(card: ModelCard, case: str) -> None:
    student, volumes = CASES[case]
    study, card = _study(volumes), _student(card) if student else card
    readings, received, p = panel(study), schedule(study), _parameters(student=student)
    cells = latents(study, card, readings)
    depths, spreads = capacity(study, card)
    used = np.flatnonzero(np.concatenate([cells.depth_used, cells.spread_used]))
    assert len(used) == int(study.readings["censored"].sum()) + student * len(study.readings)
    axes = [DEPTHS if position < depths else SPREADS for position in used]
    latent = np.zeros((int(np.prod([len(axis) for axis in axes])), depths + spreads))
    latent[:, used] = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(len(latent), len(used))
    joint = np.concatenate([_given_latents(part, cells, readings, received, p) for part in np.array_split(latent, 50)])
    unused = depths + spreads - len(used)
    found = np.logaddexp.reduce(joint) + sum(np.log(axis[1] - axis[0]) for axis in axes)
    found -= unused * stats.norm.logpdf(0.0)  # they integrate to 1
    expected = log_density_by_quadrature(
        readings.log_volume, *moments(readings, received, p), readings.censored > 0, p.degrees_of_freedom, nodes=25
    ).sum()
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("censored", "student", "expected"),
    [(0, False, (0, 0)), (1, False, (16, 0)), (16, False, (16, 0)), (17, False, (32, 0)), (0, True, (0, 64)),
     (3, True, (16, 64)), (40, True, (64, 64))],
)  # fmt: skip
def test_latent_variables_come_in_powers_of_two(
    card: ModelCard, censored: int, *, student: bool, expected: tuple[int, int]
) -> None:
    study = _study({("v", f"V{i}"): (LIMIT if i < censored else 90,) for i in range(40)})
    assert capacity(study, _student(card) if student else card) == expected
    assert SMALLEST == 16


@pytest.fixture
def mixed() -> Study:
    """Censored readings in two of three animals, of different numbers of readings."""
    return _study({
        ("v", "V1"): (110, 180, 260), ("a", "A1"): (120, 80, LIMIT, 70, LIMIT), ("ab", "C1"): (105, LIMIT),
    })  # fmt: skip


def test_every_reading_that_needs_a_latent_variable_has_its_own(card: ModelCard, mixed: Study) -> None:
    readings = panel(mixed)
    cells = latents(mixed, _student(card), readings)
    present = readings.weight > 0
    assert sorted(cells.spread_position[present]) == list(range(10))  # of Student errors: every reading
    assert cells.spread_used.tolist() == [1] * 10 + [0] * 6
    assert sorted(cells.depth_position[readings.censored > 0]) == [0, 1, 2]
    assert cells.depth_used.tolist() == [1] * 3 + [0] * 13


def test_only_a_readings_own_latent_variable_moves_it(card: ModelCard, mixed: Study) -> None:
    readings = panel(mixed)
    cells = latents(mixed, _student(card), readings)
    present = readings.weight > 0
    latent = np.random.default_rng(1).standard_normal(32)
    _, values, weights = cells.applied(latent, readings, np.array(FREEDOM))
    for position in range(32):
        moved = latent + (np.arange(32) == position)
        _, other_values, other_weights = cells.applied(moved, readings, np.array(FREEDOM))
        assert ((other_values != values) & present).sum() == int(position < 3)
        assert ((other_weights != weights) & present).sum() == int(16 <= position < 26)
    censored = readings.censored > 0
    assert (values[censored] < readings.log_volume[censored]).all()
    assert np.array_equal(values[~censored], readings.log_volume[~censored])


@pytest.mark.parametrize("student", [False, True])
def test_unused_latent_variables_leave_the_density_of_the_parameters_unchanged(
    card: ModelCard, mixed: Study, *, student: bool
) -> None:
    card = _student(card) if student else card
    readings, received, p = panel(mixed), schedule(mixed), _parameters(student=student)
    cells = latents(mixed, card, readings)
    rng = np.random.default_rng(2)
    latent = rng.standard_normal(sum(capacity(mixed, card)))
    unused = np.concatenate([cells.depth_used, cells.spread_used]) == 0
    assert unused.any()
    others = np.where(unused, 3 * rng.standard_normal((5, len(latent))), latent)
    changed = _given_latents(others, cells, readings, received, p)
    own = stats.norm.logpdf(others[:, unused]).sum(axis=1) - stats.norm.logpdf(latent[unused]).sum()
    assert np.allclose(changed - own, _given_latents(latent, cells, readings, received, p), rtol=0, atol=1e-10)


@pytest.mark.parametrize("student", [False, True])
def test_an_animal_left_out_leaves_its_latent_variables_standard_normal(
    card: ModelCard, mixed: Study, *, student: bool
) -> None:
    card = _student(card) if student else card
    received, p = schedule(mixed), _parameters(student=student)
    whole = latents(mixed, card, panel(mixed))
    readings = panel(mixed, without=["A1"])
    cells = latents(mixed, card, readings)
    assert np.array_equal(cells.depth_position, whole.depth_position)  # only what is used changes
    freed = np.concatenate([whole.depth_used - cells.depth_used, whole.spread_used - cells.spread_used]) == 1
    assert freed.sum() == 2 + 5 * student
    rng = np.random.default_rng(3)
    latent = rng.standard_normal(sum(capacity(mixed, card)))
    others = np.where(freed, 2 * rng.standard_normal((5, len(latent))), latent)
    changed = _given_latents(others, cells, readings, received, p) - stats.norm.logpdf(others).sum(axis=1)
    there = _given_latents(latent, cells, readings, received, p) - stats.norm.logpdf(latent).sum()
    assert np.allclose(changed, there, rtol=0, atol=1e-10)
    # the others' density is that of a study which never had the animal
    alone = replace(mixed, readings=mixed.readings[mixed.readings["animal"] != "A1"])
    few, of_few = panel(alone), latents(alone, card, panel(alone))
    kept = np.concatenate([cells.depth_used, cells.spread_used]) == 1
    of_rest = np.zeros(sum(capacity(alone, card)))
    of_rest[np.concatenate([of_few.depth_used, of_few.spread_used]) == 1] = latent[kept]
    expected = _given_latents(of_rest, of_few, few, received, p) - stats.norm.logpdf(of_rest).sum()
    assert there == pytest.approx(expected, abs=1e-10)


def test_numpy_and_pytensor_make_the_same_of_latent_variables_with_finite_gradients(
    card: ModelCard, mixed: Study
) -> None:
    readings = panel(mixed)
    cells = latents(mixed, _student(card), readings)
    latent, freedom = pt.dvector(), pt.dscalar()
    in_graph = replace(readings, **{item.name: pt.constant(getattr(readings, item.name)) for item in fields(Panel)})
    sized = Latents(**{name: pt.constant(value) for name, value in vars(cells).items()})
    outputs = sized.applied(latent, in_graph, freedom, xp=pt)
    compiled = pytensor.function(
        [latent, freedom], [*outputs, *pytensor.grad(outputs[0], [latent, freedom])], mode="FAST_COMPILE"
    )
    rng = np.random.default_rng(4)
    for nu in (0.5, 2.0, 6.0, 300.0):
        at = 2 * rng.standard_normal(32)
        *found, by_latent, by_freedom = compiled(at, nu)
        for theirs, ours in zip(found, cells.applied(at, readings, np.array(nu)), strict=True):
            assert np.allclose(theirs, ours, rtol=1e-11, atol=1e-11)
        assert np.isfinite(by_latent).all()
        for i in (0, 2, 15, 16, 25, 26):
            step = 1e-6 * (np.arange(32) == i)
            high, low = (cells.applied(at + s * step, readings, np.array(nu))[0] for s in (1, -1))
            assert by_latent[i] == pytest.approx((high - low) / 2e-6, rel=1e-6, abs=1e-6)
        high, low = (cells.applied(at, readings, np.array(nu + s * 1e-5 * nu))[0] for s in (1, -1))
        assert by_freedom == pytest.approx((high - low) / (2e-5 * nu), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("student", [False, True])
def test_the_model_that_is_sampled_has_this_density(card: ModelCard, mixed: Study, *, student: bool) -> None:
    card = _student(card) if student else card
    model = build_for_sampler(mixed, card)
    names = [name for name in (*card.priors, "departure") if name in model.named_vars]
    values = model.compile_fn(model.replace_rvs_by_values([model[name] for name in names]), mode="FAST_COMPILE")
    density = model.compile_logp(mode="FAST_COMPILE")
    point = model.initial_point(1)
    dims = {"kill": ("agent",), "departure": ("combination",)}
    drawn = xr.Dataset({
        name: (("chain", "draw", *dims.get(name, ())), np.asarray(value)[None, None])
        for name, value in zip(names, values({k: v for k, v in point.items()}), strict=True)
    })  # fmt: skip
    p = parameters_of(drawn, card)
    p = Parameters(**{k: v[0, 0] if isinstance(v, np.ndarray) else v for k, v in vars(p).items()})
    readings, received = panel(mixed), schedule(mixed)
    cells = latents(mixed, card, readings)
    rng = np.random.default_rng(5)
    several = rng.standard_normal((4, sum(capacity(mixed, card))))
    # the priors of the parameters are the same at every point, and drop out of the differences
    theirs = np.array([float(density(point | {"latent": latent})) for latent in several])
    ours = _given_latents(several, cells, readings, received, p)
    assert np.allclose(theirs - theirs[0], ours - ours[0], rtol=0, atol=1e-8)
    assert np.ptp(theirs) > 0.1
