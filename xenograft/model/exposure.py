"""Exposure of the arms to the agents: dosing days become a closed form in time (docs/mathematics.md#exposure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from operator import mul
from typing import Any

import numpy as np

from xenograft.errors import InputError
from xenograft.model.growth import relative_growth
from xenograft.model.vocabulary import EXPOSURE, LASTS
from xenograft.study.study import Arm, Study

NEVER = 1e6
"""Days since the first dose of a jump that only pads: after every reading."""


@dataclass(frozen=True)
class Schedule:
    """Who gets what and when, as arrays.

    A *dosing* is one agent at given doses on given days, whatever arm gets it. Its exposure is a sum of *courses*: a
    course jumps on some days and in between decays at one rate. So is the product of the exposures of a combination.

    Parameters
    ----------
    jump_day : array (course, jump)
        Days since the first dose at which a course jumps; the courses of the dosings, then of the combinations.
    span : float
        Days from the first dose to the last fitted reading.
    jump : array (course, jump)
        By how much it jumps (no unit); of a combination's courses 0 where `rates_of_course` has a rate, since the jump
        then depends on it.
    rates_of_course : array (course, rate)
        How often each rate (waning of the agents in `waning_agents`, onset of those in `delayed_agents`) is part of
        the course's own.
    factors : tuple of int arrays (course of a combination)
        Courses of dosings whose product it is; a shorter product repeats the last course, which is 1 throughout.
    dosing_has_course : array (dosing, course of a dosing)
        1 where the course is part of the dosing's exposure.
    combination_has_course : array (combination, course of a combination)
        Likewise.
    dosing_level : int array (dosing)
        Position of each dosing's dose level in `Study.levels`.
    arm_gets_dosing : array (arm, dosing)
        1 where the arm gets it, else 0.
    arm_is_combination : array (arm, combination)
        1 where the arm is the combination, else 0.
    combination_dosings : tuple of int arrays (combination)
        The combinations' first dosings, second dosings and so on; a shorter combination repeats its first. Empty
        without a combination.
    waning_agents, delayed_agents : tuple of str
        Agents with a waning rate, with an onset rate.
    """

    jump_day: Any
    jump: Any
    span: Any
    rates_of_course: np.ndarray
    factors: tuple[np.ndarray, ...]
    dosing_has_course: np.ndarray
    combination_has_course: np.ndarray
    dosing_level: np.ndarray
    arm_gets_dosing: np.ndarray
    arm_is_combination: np.ndarray
    combination_dosings: tuple[np.ndarray, ...]
    waning_agents: tuple[str, ...]
    delayed_agents: tuple[str, ...]

    @property
    def structure(self) -> tuple[Any, ...]:
        """Everything but the days and jumps: what a compiled model cannot exchange."""
        arrays = [
            self.rates_of_course, *self.factors, self.dosing_has_course, self.combination_has_course,
            self.dosing_level, self.arm_gets_dosing, self.arm_is_combination, *self.combination_dosings,
        ]  # fmt: skip
        return (*((array.shape, array.tobytes()) for array in arrays), self.waning_agents, self.delayed_agents)


def kind_of(exposure: str | Mapping[str, str], agent: str) -> str:
    """The exposure of an agent under a card that says one word for all, or one per agent ("default": the others).

    Raises
    ------
    InputError
        When it says nothing for the agent.
    """
    if isinstance(exposure, str):
        return exposure
    kind = exposure.get(agent) or exposure.get("default")
    if kind is None:
        raise InputError(f'exposure: nothing is said for {agent}. Add it, or "default" for all others.')
    return kind


def schedule(study: Study, arms: Sequence[Arm] | None = None, exposure: str | Mapping[str, str] = LASTS) -> Schedule:
    """The exposures of a study's arms.

    Parameters
    ----------
    study : Study
        Dose levels and first dose, from which days are counted.
    arms : sequence of Arm, optional
        Arms made of the study's dose levels; default the study's own.
    exposure : str or mapping of agent to str
        Words of `vocabulary.EXPOSURE`.
    """
    arms = study.arms if arms is None else arms
    dosings = list(dict.fromkeys(dosing for arm in arms for dosing in arm.dosings))
    combinations = [(a, arm) for a, arm in enumerate(arms) if arm.is_combination]
    kinds = {agent: EXPOSURE[kind_of(exposure, agent)] for agent, _ in study.levels}
    waning, delayed = (
        tuple(agent for agent, kind in kinds.items() if rate in kind.priors) for rate in ("waning", "onset")
    )
    own = [kinds[dosing.agent].courses(dosing, study.first_dose) for dosing in dosings]
    rates = [*waning, *delayed]
    courses = [(d, course) for d, found in enumerate(own) for course in found]
    single = np.array(
        [[float(course.decays and rate == dosings[d].agent) for rate in rates] for d, course in courses]
    ).reshape(len(courses), len(rates))
    first_of = np.cumsum([0, *map(len, own)])
    products = [
        (c, tuple(int(first_of[d] + n) for d, n in zip(of, which, strict=True)))
        for c, (_, arm) in enumerate(combinations)
        for of in [[dosings.index(dosing) for dosing in arm.dosings]]
        for which in product(*(range(len(own[d])) for d in of))
    ]
    events = [sorted({day for part in parts for day, _ in courses[part][1].jumps}) for _, parts in products]
    width = max((len(course.jumps) for _, course in courses), default=1)
    width = max([width, *map(len, events)])
    jump_day = np.array(
        [_padded([day for day, _ in course.jumps], width, NEVER) for _, course in courses]
        + [_padded(days, width, NEVER) for days in events]
    ).reshape(-1, width)
    jump = np.zeros(jump_day.shape)
    for row, (_, course) in enumerate(courses):
        jump[row] = _padded([size for _, size in course.jumps], width, 0.0)
    longest = max((len(parts) for _, parts in products), default=0)
    unit = len(courses)  # a course that is 1 throughout, appended while products are taken
    factors = tuple(
        _index([parts[slot] if slot < len(parts) else unit for _, parts in products]) for slot in range(longest)
    )
    of_products = [sum((single[part] for part in parts), np.zeros(len(rates))) for _, parts in products]
    if products and not rates:
        jump[unit:] = _product_jumps(jump_day, jump, factors, unit, None, xp=np)
    slots = max((len(arm.dosings) for _, arm in combinations), default=0)
    return Schedule(
        jump_day=jump_day,
        jump=jump,
        span=float(study.fitted_readings["day"].max()) - study.first_dose,
        rates_of_course=np.concatenate([single, np.reshape(of_products, (len(products), len(rates)))]),
        factors=factors,
        dosing_has_course=_belongs(len(dosings), [d for d, _ in courses]),
        combination_has_course=_belongs(len(combinations), [c for c, _ in products]),
        dosing_level=_index([study.levels.index((dosing.agent, dosing.level)) for dosing in dosings]),
        arm_gets_dosing=np.array([[float(d in arm.dosings) for d in dosings] for arm in arms]),
        arm_is_combination=_belongs(len(arms), [a for a, _ in combinations]),
        combination_dosings=tuple(
            _index([dosings.index(arm.dosings[slot if slot < len(arm.dosings) else 0]) for _, arm in combinations])
            for slot in range(slots)
        ),
        waning_agents=waning,
        delayed_agents=delayed,
    )


def accumulated_exposure(
    day: Any, given: Schedule, slowing: Any, waning: Any = None, onset: Any = None, *, xp: Any = np
) -> tuple[Any, Any]:
    """The weight of a kill rate in the log volume: E(t) = ∫₀ᵗ e^−β(t−s) e(s) ds.

    Parameters
    ----------
    day : array (day)
        Days since the first dose.
    given : Schedule
        `jump_day` and `jump` may be symbols.
    slowing : array (...) or None
        Gompertz slowing rate β (1/day); None is exponential growth.
    waning, onset : arrays (..., waning or delayed agent) or None
        Rates (1/day); None without such an agent.

    Returns
    -------
    of_dosing, of_combination : arrays (..., dosing or combination, day)
        Days of full exposure that still count.
    """
    rates = [rate for rate in (waning, onset) if rate is not None]
    decay, jump = None, given.jump
    own = given.dosing_has_course.shape[1]
    if rates:
        decay = (given.rates_of_course @ xp.concatenate(rates, axis=-1)[..., None])[..., 0]
        if given.factors:
            together = _product_jumps(given.jump_day, given.jump, given.factors, own, decay, xp=xp)
            alone = given.jump[:own] + 0 * decay[..., :own, None]  # with the leading dimensions of draws
            jump = xp.concatenate([alone, together], axis=-2)
    since = day - given.jump_day[..., None]
    beta = None if slowing is None else slowing[..., None, None, None]
    if decay is None:
        held = xp.maximum(since, 0.0) if beta is None else kernel(since, beta, None, xp=xp)
    else:
        held = kernel(since, beta, decay[..., None, None], xp=xp)
    total = (jump[..., None] * held).sum(axis=-2)
    return given.dosing_has_course @ total[..., :own, :], given.combination_has_course @ total[..., own:, :]


def kernel(duration: Any, slowing: Any, waning: Any, *, xp: Any = np) -> Any:
    """h(u; β, λ) = ∫₀ᵘ e^−β(u−s) e^−λs ds, exact in value and gradient at β = λ, β = 0 and λ = 0.

    Parameters
    ----------
    duration : array (...)
        Days u since the exposure jumped; 0 is returned where it is negative.
    slowing, waning : arrays (...) or None
        β and λ (1/day), 0 or more; None is 0, of one of them.

    Returns
    -------
    array (...)
        Days.
    """
    u = xp.maximum(duration, 0.0)
    if slowing is None or waning is None:
        return u * relative_growth((waning if slowing is None else slowing) * u, xp=xp)
    first = slowing < waning
    low, high = xp.where(first, slowing, waning), xp.where(first, waning, slowing)
    return u * xp.exp(-low * u) * relative_growth((high - low) * u, xp=xp)


def _product_jumps(jump_day: Any, jump: Any, factors: Sequence[np.ndarray], own: int, decay: Any, *, xp: Any) -> Any:
    """Jumps of the combinations' courses: by how much the product of their factors jumps at each of their days."""
    event = jump_day[own:]
    after: list[Any] = []
    before: list[Any] = []
    for slot in factors:
        real = slot < own
        row = np.where(real, slot, 0)
        since = event[:, :, None] - jump_day[row][:, None, :]
        left = 1.0 if decay is None else xp.exp(-decay[..., row, None, None] * xp.maximum(since, 0.0))
        amount = jump[row][:, None, :] * left
        for values, reached in ((after, since >= 0), (before, since > 0)):
            value = (amount * reached).sum(axis=-1)
            values.append(value if real.all() else xp.where(real[:, None], value, 1.0))
    return reduce(mul, after) - reduce(mul, before)


def _padded(values: list[float], width: int, filler: float) -> list[float]:
    return [*values, *[filler] * (width - len(values))]


def _belongs(rows: int, owner: list[int]) -> np.ndarray:
    return (np.arange(rows)[:, None] == np.array(owner, dtype=int)).astype(float)


def _index(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)
