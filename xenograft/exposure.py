"""Exposure of the arms to the agents: dosing days become a closed form in time (DESIGN 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xenograft.growth import relative_growth
from xenograft.study import Arm, Dosing, Study


@dataclass(frozen=True)
class Schedule:
    """Who gets what and when, as arrays.

    A *pattern* is a distinct course of exposure in time; a *term* is one agent given to one arm.

    Parameters
    ----------
    jump_day : array (pattern, jump)
        Days since the first dose at which the exposure jumps.
    jump : array (pattern, jump)
        By how much it jumps (no unit; 0 pads).
    term_level, term_pattern : int arrays (term)
        Which dose level (`Study.levels`) and pattern a term belongs to.
    arm_gets_term : array (arm, term)
        1 where the term belongs to the arm, else 0.
    combination_pattern : int array (combination)
        The pattern of the product of the combination's exposures.
    arm_is_combination : array (arm, combination)
        1 where the arm is the combination, else 0.
    combination_terms : tuple of int arrays (combination)
        The combinations' first terms, second terms and so on; a shorter combination repeats its first. Empty
        without a combination.
    """

    jump_day: Any
    jump: Any
    term_level: Any
    term_pattern: Any
    arm_gets_term: Any
    combination_pattern: Any
    arm_is_combination: Any
    combination_terms: tuple[Any, ...]


def schedule(study: Study, arms: Sequence[Arm] | None = None) -> Schedule:
    """The constant exposures of a study's arms (1 from an agent's first dose on, to its end where it ends).

    Parameters
    ----------
    study : Study
        Dose levels and first dose, from which days are counted.
    arms : sequence of Arm, optional
        Arms made of the study's dose levels; default the study's own.
    """
    arms = study.arms if arms is None else arms
    courses: dict[tuple[tuple[float, float], ...], int] = {}

    def pattern(dosings: tuple[Dosing, ...]) -> int:
        start = max(dosing.days[0] for dosing in dosings) - study.first_dose
        end = min(dosing.end for dosing in dosings) - study.first_dose
        jumps = ((start, 1.0),) if np.isinf(end) else ((start, 1.0), (end, -1.0)) if end > start else ((start, 0.0),)
        return courses.setdefault(jumps, len(courses))

    terms = [(a, dosing) for a, arm in enumerate(arms) for dosing in arm.dosings]
    combinations = [(a, arm) for a, arm in enumerate(arms) if arm.is_combination]
    term_pattern = [pattern((dosing,)) for _, dosing in terms]
    combination_pattern = [pattern(arm.dosings) for _, arm in combinations]
    own_terms = [[i for i, (a, _) in enumerate(terms) if a == arm] for arm, _ in combinations]
    slots = max((len(own) for own in own_terms), default=0)
    padded = [[*own, *[own[0]] * (slots - len(own))] for own in own_terms]
    jumps = max((len(course) for course in courses), default=1)
    padding = [(0.0, 0.0)]
    table = np.array([[*course, *padding * (jumps - len(course))] for course in courses]).reshape(-1, jumps, 2)
    return Schedule(
        jump_day=table[..., 0],
        jump=table[..., 1],
        term_level=_index([study.levels.index((dosing.agent, dosing.level)) for _, dosing in terms]),
        term_pattern=_index(term_pattern),
        arm_gets_term=_belongs(len(arms), [a for a, _ in terms]),
        combination_pattern=_index(combination_pattern),
        arm_is_combination=_belongs(len(arms), [a for a, _ in combinations]),
        combination_terms=tuple(_index([own[slot] for own in padded]) for slot in range(slots)),
    )


def accumulated_exposure(day: Any, jump_day: Any, jump: Any, slowing: Any, *, xp: Any = np) -> Any:
    """The weight of a kill rate in the log volume: E(t) = ∫₀ᵗ e^−β(t−s) e(s) ds of each pattern.

    Parameters
    ----------
    day : array (day)
        Days since the first dose.
    jump_day, jump : arrays (pattern, jump)
        As in `Schedule`.
    slowing : array (...) or None
        Gompertz slowing rate (1/day); None is exponential growth.

    Returns
    -------
    array (..., pattern, day)
        Days of full exposure that still count.
    """
    since = day - jump_day[..., None]
    if slowing is None:
        return (jump[..., None] * xp.maximum(since, 0.0)).sum(axis=-2)
    return (jump[..., None] * kernel(since, slowing[..., None, None, None], 0.0, xp=xp)).sum(axis=-2)


def kernel(duration: Any, slowing: Any, waning: Any, *, xp: Any = np) -> Any:
    """h(u; β, λ) = ∫₀ᵘ e^−β(u−s) e^−λs ds, exact in value and gradient at β = λ, β = 0 and λ = 0.

    Parameters
    ----------
    duration : array (...)
        Days u since the exposure jumped; 0 is returned where it is negative.
    slowing, waning : arrays (...)
        β and λ (1/day), 0 or more.

    Returns
    -------
    array (...)
        Days.
    """
    u = xp.maximum(duration, 0.0)
    first = slowing < waning
    low, high = xp.where(first, slowing, waning), xp.where(first, waning, slowing)
    return u * xp.exp(-low * u) * relative_growth((high - low) * u, xp=xp)


def _belongs(arms: int, owner: list[int]) -> np.ndarray:
    return (np.arange(arms)[:, None] == np.array(owner, dtype=int)).astype(float)


def _index(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int64)
