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
    """Who gets what and when, as arrays. A *term* is one agent given to one arm.

    Parameters
    ----------
    jump_day : array (course, jump)
        Days since the first dose at which an exposure jumps; the courses of the terms, then of the combinations
        (the product of their agents' exposures).
    jump : array (course, jump)
        By how much it jumps (no unit; 0 pads).
    term_level : int array (term)
        Position of each term's dose level in `Study.levels`.
    arm_gets_term : array (arm, term)
        1 where the term belongs to the arm, else 0.
    arm_is_combination : array (arm, combination)
        1 where the arm is the combination, else 0.
    combination_terms : tuple of int arrays (combination)
        The combinations' first terms, second terms and so on; a shorter combination repeats its first. Empty
        without a combination.
    """

    jump_day: Any
    jump: Any
    term_level: np.ndarray
    arm_gets_term: np.ndarray
    arm_is_combination: np.ndarray
    combination_terms: tuple[np.ndarray, ...]


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
    terms = [(a, dosing) for a, arm in enumerate(arms) for dosing in arm.dosings]
    combinations = [(a, arm) for a, arm in enumerate(arms) if arm.is_combination]
    courses = [
        *(_course((dosing,), study.first_dose) for _, dosing in terms),
        *(_course(arm.dosings, study.first_dose) for _, arm in combinations),
    ]
    table = np.array(courses).reshape(-1, 2, 2)
    own_terms = [[i for i, (a, _) in enumerate(terms) if a == arm] for arm, _ in combinations]
    slots = max(map(len, own_terms), default=0)
    return Schedule(
        jump_day=table[..., 0],
        jump=table[..., 1],
        term_level=_index([study.levels.index((dosing.agent, dosing.level)) for _, dosing in terms]),
        arm_gets_term=_belongs(len(arms), [a for a, _ in terms]),
        arm_is_combination=_belongs(len(arms), [a for a, _ in combinations]),
        combination_terms=tuple(
            _index([own[slot] if slot < len(own) else own[0] for own in own_terms]) for slot in range(slots)
        ),
    )


def _course(dosings: Sequence[Dosing], first_dose: float) -> list[tuple[float, float]]:
    """(day, jump) of the product of constant exposures: on from the last start to the first end."""
    start = max(dosing.days[0] for dosing in dosings) - first_dose
    end = min(dosing.end for dosing in dosings) - first_dose
    lasts = end > start
    return [(start, float(lasts)), (end, -1.0) if lasts and np.isfinite(end) else (start, 0.0)]


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
