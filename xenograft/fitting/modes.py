"""The modes of a posterior: where a search from several starts ends, and how it is curved there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

STEP = 1e-4
"""Of differences of the gradient, in sds of the parameters."""

WIDEST = 3.0
"""Sds of the parameters beyond which no direction of the proposal is wider: the curvature may vanish at a mode."""

IMPOSSIBLE = 1e300
"""Stands for minus the log density where there is none."""

SAME_MODE = 0.5
"""Distance, in posterior sds, below which two ends of the search for the mode are one mode."""

NEGLIGIBLE = 12.0
"""Log mass below the best mode's at which a mode is left out."""

APART = 0.35
"""Steps along the log of a scale on which other parameters depend, and how wide each part of the proposal is there."""

FAINT = 6.0
"""Log mass below the best part's at which no further step is taken along a scale."""

MOST_STEPS = 20
"""Along a scale, to either side."""


@dataclass(frozen=True)
class Mode:
    """Where a density is highest, and how it falls off.

    Parameters
    ----------
    at : array (parameter)
        On the unconstrained line.
    factor : array (parameter, parameter)
        Lower Cholesky factor of the covariance that the curvature there says.
    log_mass : float
        Of a normal of that height and covariance, up to a constant.
    """

    at: np.ndarray
    factor: np.ndarray
    log_mass: float


def scale_of(starts: np.ndarray) -> np.ndarray:
    """Sds of the parameters over the starts, 1 for a single one."""
    return np.maximum(starts.std(axis=0), 1e-8) if len(starts) > 1 else np.ones(starts.shape[1])


def modes_of(
    value_and_gradient: Callable[[np.ndarray], Any],
    starts: np.ndarray,
    scale: np.ndarray,
    mirrored: Sequence[int] = (),
) -> list[Mode]:
    """Ends of the search for a mode from every start, each once, with the curvature there.

    Of parameters whose sign the density does not depend on (`mirrored`) those of positive sign.
    """
    found: list[Mode] = []
    signed = list(mirrored)
    for start in starts:
        rough = _uphill(value_and_gradient, start, scale)
        if rough is not None:
            rough[signed] = np.abs(rough[signed])
        if rough is None or any(_distance(mode, rough) < SAME_MODE for mode in found):
            continue
        at = _uphill(value_and_gradient, rough, _factor_of_covariance(value_and_gradient, rough, scale))
        if at is not None:
            at[signed] = np.abs(at[signed])
        if at is None or any(_distance(mode, at) < SAME_MODE for mode in found):
            continue
        factor = _factor_of_covariance(value_and_gradient, at, scale)
        log_mass = float(value_and_gradient(at)[0]) + float(np.log(np.diagonal(factor)).sum())
        found.append(Mode(at, factor, log_mass))
    best = max((mode.log_mass for mode in found), default=0.0)
    return [mode for mode in found if mode.log_mass > best - NEGLIGIBLE]


def modes_along(value_and_gradient: Callable[[np.ndarray], Any], mode: Mode, scale: int, sds: np.ndarray) -> list[Mode]:
    """The modes of the others given values of a log scale, from a mode on to either side until little mass is left."""
    others = np.delete(np.arange(len(mode.at)), scale)
    spread = np.diag(sds[others])

    def given(value: float, start: np.ndarray, factor: np.ndarray) -> tuple[Mode, np.ndarray] | None:
        def held(point: np.ndarray, away: float = 0.0) -> tuple[float, np.ndarray]:
            found, gradient = value_and_gradient(np.insert(point, scale, value + away))
            return found, np.asarray(gradient)[others]

        at = _uphill(held, start, factor)
        if at is None:
            return None
        own = _factor_of_covariance(held, at, spread)
        slope = own @ (own.T @ (held(at, STEP)[1] - held(at, -STEP)[1])) / (2 * STEP)  # of the mode, by the scale
        slope = np.insert(slope if np.isfinite(slope).all() else 0 * slope, scale, 1.0)
        covariance = np.insert(np.insert(own @ own.T, scale, 0.0, axis=0), scale, 0.0, axis=1)
        whole = np.linalg.cholesky(covariance + APART**2 * np.outer(slope, slope))
        log_mass = float(held(at)[0]) + float(np.log(np.diagonal(own)).sum())
        return Mode(np.insert(at, scale, value), whole, log_mass), own

    covariance = (mode.factor @ mode.factor.T)[np.ix_(others, others)]
    first = given(mode.at[scale], mode.at[others], np.linalg.cholesky(covariance))
    if first is None:
        return [mode]
    found = [first[0]]
    for side in (-1, 1):
        part, factor = first
        for step in range(1, MOST_STEPS + 1):
            next_one = given(mode.at[scale] + side * step * APART, part.at[others], factor)
            if next_one is None:
                break
            part, factor = next_one
            found.append(part)
            if part.log_mass < max(one.log_mass for one in found) - FAINT:
                break
    return found


def _uphill(value_and_gradient: Callable[[np.ndarray], Any], start: np.ndarray, factor: np.ndarray) -> Any:
    """The highest point found from a start, in steps that are of one size in the coordinates of a factor; or None."""

    def downhill(step: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_gradient(start + factor @ step)
        if not np.isfinite(value) or not np.isfinite(gradient).all():
            return IMPOSSIBLE, np.zeros_like(step)
        return -value, -(factor.T @ gradient)

    end = minimize(downhill, np.zeros(len(start)), jac=True, method="BFGS", options={"gtol": 1e-3, "maxiter": 500})
    return start + factor @ end.x if end.fun < IMPOSSIBLE else None


def _distance(mode: Mode, point: np.ndarray) -> float:
    return float(np.linalg.norm(solve_triangular(mode.factor, point - mode.at, lower=True)))


def _factor_of_covariance(
    value_and_gradient: Callable[[np.ndarray], Any], at: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """Cholesky factor of the inverse of the negative curvature, from central differences of the gradient."""
    steps = STEP * scale
    rows = [
        scale @ (np.asarray(value_and_gradient(at - step)[1]) - np.asarray(value_and_gradient(at + step)[1]))
        for step in steps
    ]
    curvature = np.array(rows) / (2 * STEP)
    curvature = (curvature + curvature.T) / 2
    size, vectors = np.linalg.eigh(np.where(np.isfinite(curvature), curvature, 0.0))
    narrow = np.maximum(size, WIDEST**-2)
    return scale @ np.linalg.cholesky((vectors / narrow) @ vectors.T)
