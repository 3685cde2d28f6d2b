"""The one equation (DESIGN 3.1), solved: log volumes of the arms and how animals differ from them.

Written once for NumPy (posterior draws lead the shapes) and PyTensor (no leading dimension).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from xenograft.exposure import Schedule, accumulated_exposure
from xenograft.growth import growth_columns


@dataclass(frozen=True)
class Parameters:
    """The parameters of a card, as arrays of posterior draws or as symbols.

    Parameters
    ----------
    baseline : array (...)
        Log volume at the first dose, counted from the reference volume (log units).
    growth : array (...)
        Growth rate of a tumour of the reference volume (1/day).
    slowing : array (...) or None
        Gompertz slowing rate (1/day); None is exponential growth.
    kill : array (..., level)
        Kill rate of each dose level (1/day); positive shrinks.
    departure : array (..., combination)
        Departure of each combination (1/day); positive = enhanced.
    highest_single_agent : float or scalar array
        0: a combination's reduction is the sum of its agents'; 1: the larger of them at each day.
    sd_baseline, sd_growth : arrays (...)
        Between-animal sd of the log baseline (log units) and of the growth rate (1/day).
    correlation : array (...)
        Correlation of the two, −1 to 1.
    error : array (...)
        Standard deviation of a reading (log units).
    """

    baseline: Any
    growth: Any
    slowing: Any
    kill: Any
    departure: Any
    highest_single_agent: Any
    sd_baseline: Any
    sd_growth: Any
    correlation: Any
    error: Any


def typical_log_volume(day: Any, schedule: Schedule, parameters: Parameters, *, xp: Any = np) -> Any:
    """Log volume of the typical animal (own effects 0) of each arm.

    Parameters
    ----------
    day : array (day)
        Days since the first dose.
    schedule : Schedule
        What each arm receives; `jump_day` and `jump` may be symbols.
    parameters : Parameters
        NumPy or PyTensor arrays.

    Returns
    -------
    array (..., arm, day)
        Log volume counted from the reference volume.
    """
    p = parameters
    from_baseline, from_growth = growth_columns(day, p.slowing, xp=xp)
    untreated = p.baseline[..., None] * from_baseline + p.growth[..., None] * from_growth
    exposure = accumulated_exposure(day, schedule.jump_day, schedule.jump, p.slowing, xp=xp)
    terms = len(schedule.term_level)
    alone = p.kill[..., schedule.term_level, None] * exposure[..., :terms, :]
    reduction = schedule.arm_gets_term @ alone
    if schedule.combination_terms:
        together = p.departure[..., None] * exposure[..., terms:, :]
        largest = reduce(xp.maximum, [alone[..., term, :] for term in schedule.combination_terms])
        beyond_sum = largest - schedule.arm_is_combination.T @ reduction
        reduction = reduction + schedule.arm_is_combination @ (together + p.highest_single_agent * beyond_sum)
    return untreated[..., None, :] - reduction


def effect_columns(day: Any, parameters: Parameters, *, xp: Any = np) -> tuple[Any, ...]:
    """How an animal's standard normal effects enter its log volume: the columns of B = Z L (DESIGN 4).

    Parameters
    ----------
    day : array (day)
        Days since the first dose.
    parameters : Parameters
        NumPy or PyTensor arrays.

    Returns
    -------
    tuple of arrays (..., day)
        One column per effect (log units).
    """
    p = parameters
    from_baseline, from_growth = growth_columns(day, p.slowing, xp=xp)
    shared, own = p.sd_growth * p.correlation, p.sd_growth * xp.sqrt(1 - p.correlation**2)
    first = p.sd_baseline[..., None] * from_baseline + shared[..., None] * from_growth
    return first, own[..., None] * from_growth
