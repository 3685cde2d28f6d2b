"""Latent effects and weights of censored and Student readings: integrated out, the density; unused, nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from scipy import stats
from scipy.special import log_ndtr

from xenograft.model.card import ModelCard
from xenograft.model.curve import Parameters
from xenograft.model.exposure import Schedule, schedule
from xenograft.model.latents import (
    Capacity,
    Latents,
    capacity,
    latents_of,
    weights_of,
)
from xenograft.model.likelihood import Panel, log_density, log_probability_below, moments, panel
from xenograft.model.prior import Prior
from xenograft.model.quadrature import log_density_by_quadrature
from xenograft.study.study import Arm, Dosing, Study

A, B = Dosing("A", (0.0,)), Dosing("B", (0.0,))
ARMS = (Arm("v", control=True), Arm("a", dosings=(A,)), Arm("b", dosings=(B,)), Arm("ab", dosings=(A, B)))
LIMIT = 60.0
FREEDOM = 4.0
EFFECTS = np.arange(-7.0, 7.0, 0.25)
SPREADS = np.arange(-16.0, 7.0, 0.25)
"""Scaled log precision of a Student reading with 4 degrees of freedom; its density is below 1e-9 outside."""

type Volumes = dict[tuple[str, str], Sequence[float]]


def _study(volumes: Volumes) -> Study:
    """Animals by arm and name, read on days 0, 5, 10, …; a volume at the limit is censored."""
    rows = [
        {"animal": animal, "arm": arm, "day": 5.0 * i, "volume": float(volume), "censored": volume <= LIMIT}
        for (arm, animal), of_animal in volumes.items()
        for i, volume in enumerate(of_animal)
    ]
    readings = pd.DataFrame(rows).assign(fitted=True)
    return Study(
        name="", unit="mm3", arms=ARMS, limit_of_quantification=LIMIT,
        readings=readings.assign(baseline=readings["day"] == 0),
    )  # fmt: skip


def _card(card: ModelCard, varies: Sequence[str], *, student: bool) -> ModelCard:
    own = {
        "degrees_of_freedom": Prior(distribution="LogNormal", mu=1.8, sigma=0.6, unit="none", why="A test."),
        "sd_effect": Prior(distribution="HalfNormal", sigma=0.4, unit="none", why="A test."),
    }
    needed = {"degrees_of_freedom": student, "sd_effect": "effect" in varies}
    priors = dict(card.priors) | {name: own[name] for name, wanted in needed.items() if wanted}
    absent = [f"sd_{name}" for name in ("baseline", "growth") if name not in varies]
    for name in [*absent, *(["correlation"] if absent else [])]:
        del priors[name]
    return card.model_copy(
        update={"varies": tuple(varies), "error": "student" if student else "normal", "priors": priors}
    )


def _parameters(varies: Sequence[str], *, student: bool) -> Parameters:
    return Parameters(
        baseline=np.array(0.1), growth=np.array(0.08), kill=np.array([0.12, 0.05]), departure=np.array([0.02]),
        sd_baseline=np.array(0.3) if "baseline" in varies else None,
        sd_growth=np.array([0.02]) if "growth" in varies else None,
        sd_effect=np.array(0.3) if "effect" in varies else None,
        correlation=np.array(-0.3) if {"baseline", "growth"} <= set(varies) else None,
        error=np.array([0.2]), degrees_of_freedom=np.array(FREEDOM) if student else None,
    )  # fmt: skip


@pytest.fixture
def card(cards: dict[str, ModelCard]) -> ModelCard:
    return cards["exponential-bliss-departure"]


def _given_latents(
    own: np.ndarray, spread: np.ndarray, places: Latents, readings: Panel, received: Schedule, p: Parameters
) -> np.ndarray:
    """Log density of the readings and the latent variables, as the sampler has it, without the priors of `p`."""
    mean, precision, columns = moments(readings, received, p)
    density = stats.norm.logpdf(own).sum(axis=(-2, -1)) + stats.norm.logpdf(spread).sum(axis=-1)
    if p.degrees_of_freedom is not None:
        of_weights, weights = weights_of(spread, places, p.degrees_of_freedom)
        density, precision = density + of_weights, precision * weights
    if own.shape[-2]:
        own = own[..., places.animal_position, :]
        arguments = readings.log_volume, mean, precision, columns, readings.censored, own, log_ndtr
        density = density + log_probability_below(*arguments).sum(axis=-1)
    measured = precision * (1 - readings.censored)
    return density + log_density(readings.log_volume, mean, measured, columns).sum(axis=-1)


ANIMALS = ("baseline", "growth")
CASES: dict[str, tuple[Sequence[str], bool, Volumes]] = {
    "one censored reading": (ANIMALS, False, {("v", "V1"): (110, 180), ("a", "A1"): (120, 80, LIMIT)}),
    "two censored readings": (ANIMALS, False, {("v", "V1"): (110, 180), ("ab", "C1"): (105, LIMIT, LIMIT)}),
    "none but censored readings": (ANIMALS, False, {("ab", "C1"): (LIMIT, LIMIT), ("b", "B1"): (90,)}),
    "a reading above the limit after one below": (ANIMALS, False, {("ab", "C1"): (105, LIMIT, LIMIT, 400)}),
    "responders": ((*ANIMALS, "effect"), False, {("v", "V1"): (110,), ("ab", "C1"): (105, 90, LIMIT, LIMIT)}),
    "one Student reading": (ANIMALS, True, {("v", "V1"): (95,)}),
    "two Student readings": (ANIMALS, True, {("v", "V1"): (95, 400)}),
    "two Student animals, one far out": (ANIMALS, True, {("v", "V1"): (1500,), ("ab", "C1"): (100,)}),
    "a censored Student reading": (ANIMALS, True, {("ab", "C1"): (LIMIT,)}),
    "a censored and a measured Student reading": (("baseline",), True, {("ab", "C1"): (140, LIMIT)}),
}


@pytest.mark.parametrize("case", CASES)
def test_latent_variables_integrate_to_the_density_of_the_readings(card: ModelCard, case: str) -> None:
    varies, student, volumes = CASES[case]
    study, card = _study(volumes), _card(card, varies, student=student)
    readings, received, p = panel(study), schedule(study), _parameters(varies, student=student)
    places, room = latents_of(study, card, readings), capacity(study, card)
    axes = [*[EFFECTS] * (room.animals * room.effects), *[SPREADS] * room.spreads]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    parts: list[np.ndarray] = []
    for part in np.array_split(points, 1 + len(points) // 20_000):
        own, spread = np.split(part, [room.animals * room.effects], axis=1)
        own = own.reshape(len(part), room.animals, room.effects)
        parts.append(_given_latents(own, spread, places, readings, received, p))
    found = np.logaddexp.reduce(np.concatenate(parts)) + sum(np.log(axis[1] - axis[0]) for axis in axes)
    arguments = readings.log_volume, *moments(readings, received, p), readings.censored > 0, p.degrees_of_freedom
    assert found == pytest.approx(log_density_by_quadrature(*arguments, nodes=25).sum(), abs=1e-4)


@pytest.mark.parametrize("student", [False, True])
def test_there_is_room_for_every_censored_animal_and_every_student_reading(card: ModelCard, *, student: bool) -> None:
    for censored in (0, 1, 9):
        study = _study({("v", f"V{i}"): (90, LIMIT) if i < censored else (90,) for i in range(40)})
        room = Capacity(censored, 2, (40 + censored) * student)
        assert capacity(study, _card(card, ANIMALS, student=student)) == room


@pytest.fixture
def mixed() -> Study:
    """Censored readings in two of three animals, of different numbers of readings."""
    return _study({
        ("v", "V1"): (110, 180, 260), ("a", "A1"): (120, 80, LIMIT, 70, LIMIT), ("ab", "C1"): (105, LIMIT),
    })  # fmt: skip


def test_every_student_reading_and_every_animal_with_censored_ones_has_its_own_variables(
    card: ModelCard, mixed: Study
) -> None:
    readings = panel(mixed)
    places = latents_of(mixed, _card(card, ANIMALS, student=True), readings)
    present = readings.weight > 0
    assert sorted(places.spread_position[present]) == list(range(10))
    assert places.spread_used.tolist() == [1] * 10
    assert places.animal_position[1:].tolist() == [0, 1]  # V1 has no censored reading
    for position in range(10):
        spread = 1.0 * (np.arange(10) == position)
        _, weights = weights_of(spread, places, np.array(FREEDOM))
        assert ((weights != 1.0) & present).sum() == 1


def _drawn(study: Study, card: ModelCard, seed: int, *size: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng, room = np.random.default_rng(seed), capacity(study, card)
    own = scale * rng.standard_normal((*size, room.animals, room.effects))
    return own, scale * rng.standard_normal((*size, room.spreads))


def _normal(own: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return stats.norm.logpdf(own).sum(axis=(-2, -1)) + stats.norm.logpdf(spread).sum(axis=-1)


@pytest.mark.parametrize("student", [False, True])
def test_an_animal_left_out_leaves_its_latent_variables_standard_normal(
    card: ModelCard, mixed: Study, *, student: bool
) -> None:
    card = _card(card, ANIMALS, student=student)
    received, p = schedule(mixed), _parameters(ANIMALS, student=student)
    readings = panel(mixed, without=["A1"])
    whole, places = latents_of(mixed, card, panel(mixed)), latents_of(mixed, card, readings)
    for name in ("animal_position", "spread_position"):  # what is compiled into places stays
        assert np.array_equal(getattr(whole, name), getattr(places, name))
    freed = whole.spread_used - places.spread_used == 1
    assert freed.sum() == 5 * student
    own, spread = _drawn(mixed, card, 4)
    others, other_spreads = np.repeat(own[None], 5, axis=0), np.repeat(spread[None], 5, axis=0)
    others[:, 0] *= -2.5  # A1's effects
    other_spreads[:, freed] -= np.linspace(-3, 3, 5)[:, None]
    there = _given_latents(own, spread, places, readings, received, p) - _normal(own, spread)
    changed = _given_latents(others, other_spreads, places, readings, received, p) - _normal(others, other_spreads)
    assert np.allclose(changed, there, rtol=0, atol=1e-10)
    # the others' density is that of a study which never had the animal
    alone = replace(mixed, readings=mixed.readings[mixed.readings["animal"] != "A1"])
    few, of_few = panel(alone), latents_of(alone, card, panel(alone))
    own_few, spread_few = _drawn(alone, card, 5)
    own_few[0] = own[1]  # C1 is now the first with censored readings
    spread_few[of_few.spread_used == 1] = spread[places.spread_used == 1]
    expected = _given_latents(own_few, spread_few, of_few, few, received, p) - _normal(own_few, spread_few)
    assert there == pytest.approx(expected, abs=1e-10)


def test_weights_are_gamma_of_mean_one() -> None:
    """The density of the weight that a spread stands for, with the Jacobian of a log scaled by √(freedom/2)."""
    places = Latents(np.zeros(1, dtype=int), np.zeros((1, 1), dtype=int), np.ones(1))
    for freedom in (1.0, 4.0, 30.0):
        for spread in (-3.0, -0.5, 0.0, 1.2):
            density, ((weight,),) = weights_of(np.array([spread]), places, np.array(freedom))
            of_weight = stats.gamma(freedom / 2, scale=2 / freedom).logpdf(weight)
            expected = of_weight + np.log(weight / np.sqrt(freedom / 2))
            assert density + stats.norm.logpdf(spread) == pytest.approx(expected, abs=1e-10)


def test_numpy_and_pytensor_give_the_same_density_with_finite_gradients(card: ModelCard, mixed: Study) -> None:
    readings, received, p = panel(mixed), schedule(mixed), _parameters(ANIMALS, student=True)
    places = latents_of(mixed, _card(card, ANIMALS, student=True), readings)
    own, spread, freedom = pt.dmatrix(), pt.dvector(), pt.dscalar()
    mean, precision, columns = moments(readings, received, p)
    of_weights, weights = weights_of(spread, places, freedom, xp=pt)
    precision = precision * weights
    below = log_probability_below(
        readings.log_volume, mean, precision, columns, readings.censored, own[places.animal_position],
        lambda value: pm.logcdf(pm.Normal.dist(), value), xp=pt,
    )  # fmt: skip
    measured = precision * (1 - readings.censored)
    density = of_weights + (below + log_density(readings.log_volume, mean, measured, columns, xp=pt)).sum()
    inputs = [own, spread, freedom]
    compiled = pytensor.function(inputs, [density, *pytensor.grad(density, inputs)], mode="FAST_COMPILE")
    for seed, scale, nu in ((1, 1.0, 0.5), (2, 2.0, 2.0), (3, 1.0, 6.0), (4, 6.0, 300.0)):
        at = (*_drawn(mixed, _card(card, ANIMALS, student=True), seed, scale=scale), np.array(nu))

        def total(own: np.ndarray, spread: np.ndarray, nu: np.ndarray) -> float:
            of_p = replace(p, degrees_of_freedom=nu)
            return float(_given_latents(own, spread, places, readings, received, of_p) - _normal(own, spread))

        value, *gradients = compiled(*at)
        # PyMC's normal distribution function takes √2 in single precision
        assert float(value) == pytest.approx(total(*at), rel=1e-7)
        rng = np.random.default_rng(seed)
        for k, gradient in enumerate(gradients):
            assert np.isfinite(gradient).all()
            direction = rng.standard_normal(np.shape(at[k]))
            step = 1e-6 * max(1.0, nu if k == 2 else 1.0)
            high, low = (total(*at[:k], at[k] + s * step * direction, *at[k + 1 :]) for s in (1, -1))
            assert (gradient * direction).sum() == pytest.approx((high - low) / (2 * step), rel=1e-4, abs=1e-4)
