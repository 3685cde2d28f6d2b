"""Curves that assume no growth law: straight lines that bend, as an integrated Wiener process bends.

See docs/mathematics.md#no-growth-law.

The smoothing spline of Wahba (1978): the second derivative of a curve is white noise of scale `smoothness`, here
constant between knots, so that a curve is a line plus a closed-form quadratic in each interval. Written once for NumPy
(posterior draws lead the shapes) and PyTensor (no leading dimension).
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from xenograft.model.exposure import Schedule

INTERVALS = 8
"""Pieces between the first dose and the last reading in which a curve bends at one rate each."""


COMBINATION_BENDS = 0.5
"""By how much less the departure of a combination bends than a single agent's effect: interactions are the smaller."""


def curves_that_bend(schedule: Schedule) -> int:
    """Number of a spline's curves: what all arms share, then one per dosing and one per combination."""
    return 1 + len(schedule.dosing_level) + schedule.arm_is_combination.shape[1]


def bend_basis(elapsed: Any, span: Any, *, xp: Any = np) -> Any:
    """What a unit of bending in each interval adds to a curve.

    Parameters
    ----------
    elapsed : array (...)
        Days since the curve may bend; negative before.
    span : float or scalar array
        Days over which it bends; a straight line follows.

    Returns
    -------
    array (..., knot)
        Day^1.5: multiplied by `bend`, log units. Zero with its slope at 0.
    """
    width = span / INTERVALS
    start = np.arange(INTERVALS) * width
    since = elapsed[..., None] - start
    inside, beyond = xp.maximum(since, 0.0), xp.maximum(since - width, 0.0)
    return (inside**2 - beyond**2) / (2 * xp.sqrt(width))


def bend_starts(schedule: Schedule, *, xp: Any = np) -> Any:
    """Days since the first dose from which each curve may bend (curve), the combinations' from their last agent on."""
    first = schedule.jump_day[: len(schedule.dosing_level), 0]  # constant exposures: one course per dosing
    starts = [np.zeros(1), first]
    if schedule.combination_dosings:
        starts.append(reduce(xp.maximum, [first[dosing] for dosing in schedule.combination_dosings]))
    return xp.concatenate(starts)


def bent_course(day: Any, schedule: Schedule, bend: Any, *, xp: Any = np) -> tuple[Any, Any, Any]:
    """How the curves of all arms, of the dosings and of the combinations depart from straight lines.

    Parameters
    ----------
    day : array (day)
        Days since the first dose.
    schedule : Schedule
        Its first jumps say from which day a curve may bend; `span` over how many days.
    bend : array (..., curve, knot)
        As in `Parameters`.

    Returns
    -------
    arrays (..., day), (..., dosing, day), (..., combination, day)
        Log units.
    """
    dosings = len(schedule.dosing_level)
    start = bend_starts(schedule, xp=xp)
    basis = bend_basis(day - start[:, None], schedule.span, xp=xp)
    curve = (bend[..., None, :] * basis).sum(axis=-1)
    return curve[..., 0, :], curve[..., 1 : 1 + dosings, :], COMBINATION_BENDS * curve[..., 1 + dosings :, :]
