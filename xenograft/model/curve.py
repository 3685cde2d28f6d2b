"""The one equation (docs/mathematics.md#the-tumour), solved: log volumes of the arms and how animals differ from them.

Written once for NumPy (posterior draws lead the shapes) and PyTensor (no leading dimension).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from xenograft.model.exposure import Schedule, accumulated_exposure
from xenograft.model.spline import bent_course
from xenograft.model.vocabulary import Columns, slowing_columns


@dataclass(frozen=True)
class Parameters:
    """The parameters of a card, as arrays of posterior draws or as symbols; None where the card has none.

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
    waning, onset : arrays (..., agent) or None
        Rates at which an exposure wanes or sets in (1/day), of `Schedule.waning_agents` and `delayed_agents`.
    departure : array (..., combination)
        Departure of each combination (1/day); positive = enhanced.
    highest_single_agent : float or scalar array
        0: a combination's reduction is the sum of its agents'; 1: the larger of them at each day.
    bend : array (..., curve, knot) or None
        How the spline's curves bend (log units per day^1.5): of all arms, of each dosing, of each combination.
    cohort : array (..., cohort) or None
        By how much the growth rate of a cohort's animals differs (1/day).
    sd_baseline : array (...) or None
        Between-animal sd of the log baseline (log units).
    sd_growth : array (..., 1 or arm) or None
        Between-animal sd of the growth rate (1/day), common or by arm.
    sd_effect : array (...) or None
        Between-animal sd of the relative treatment effect (no unit).
    correlation : array (...) or None
        Correlation of an animal's baseline and growth, −1 to 1.
    error : array (..., 1 or arm)
        Standard deviation (Student: scale) of a reading (log units), common or by arm.
    small_tumour_error : array (...) or None
        Volume at which callipers add an error as large as the tumour (over the reference volume).
    residual : array (...) or None
        Volume that is measured with every tumour and never shrinks (over the reference volume).
    degrees_of_freedom : array (...) or None
        Of the reading errors; None is normal.
    mouse_share : array (...) or None
        Share of the variances of the animals' own effects that tumours of one mouse have in common (no unit, 0 to 1).
    cage_share : array (...) or None
        Share of the variance of how fast animals grow, beyond what their baselines say, that animals of one cage have
        in common (no unit, 0 to 1).
    of_law : mapping of str to array (...)
        What the growth law has besides `slowing`, by the names of its priors.
    columns : Columns
        Those of the growth law.
    """

    baseline: Any
    growth: Any
    kill: Any
    departure: Any
    error: Any
    highest_single_agent: Any = 0.0
    slowing: Any = None
    waning: Any = None
    onset: Any = None
    bend: Any = None
    cohort: Any = None
    sd_baseline: Any = None
    sd_growth: Any = None
    sd_effect: Any = None
    correlation: Any = None
    small_tumour_error: Any = None
    residual: Any = None
    degrees_of_freedom: Any = None
    mouse_share: Any = None
    cage_share: Any = None
    of_law: Mapping[str, Any] = field(default_factory=dict[str, Any])
    columns: Columns = slowing_columns


def typical_log_volume(day: Any, schedule: Schedule, parameters: Parameters, *, xp: Any = np) -> Any:
    """Log volume of the typical animal (own effects 0) of each arm.

    Parameters
    ----------
    day : array (day)
        Days since the first dose.
    schedule : Schedule
        What each arm receives; days and jumps may be symbols.
    parameters : Parameters
        NumPy or PyTensor arrays.

    Returns
    -------
    array (..., arm, day)
        Log volume counted from the reference volume.
    """
    untreated, reduction = course_of_arms(day, schedule, parameters, xp=xp)
    return untreated[..., None, :] - reduction


def course_of_arms(day: Any, schedule: Schedule, parameters: Parameters, *, xp: Any = np) -> tuple[Any, Any]:
    """Log volume without treatment (..., day), and by how much each arm's treatment reduces it (..., arm, day).

    As `typical_log_volume`; a reduction is positive where tumours are smaller (log units).
    """
    p = parameters
    from_baseline, from_growth = p.columns(day, p, xp=xp)
    untreated = p.baseline[..., None] * from_baseline + p.growth[..., None] * from_growth
    exposure, joint_exposure = accumulated_exposure(day, schedule, p.slowing, p.waning, p.onset, xp=xp)
    alone = p.kill[..., schedule.dosing_level, None] * exposure
    together = p.departure[..., None] * joint_exposure
    if p.bend is not None:
        bent, alone_bent, together_bent = bent_course(day, schedule, p.bend, xp=xp)
        untreated, alone, together = untreated + bent, alone - alone_bent, together - together_bent
    reduction = schedule.arm_gets_dosing @ alone
    if schedule.combination_dosings:
        largest = reduce(xp.maximum, [alone[..., dosing, :] for dosing in schedule.combination_dosings])
        beyond_sum = largest - schedule.arm_is_combination.T @ reduction
        reduction = reduction + schedule.arm_is_combination @ (together + p.highest_single_agent * beyond_sum)
    return untreated, reduction


def effect_columns(day: Any, parameters: Parameters, reduction: Any, *, xp: Any = np) -> list[Any]:
    """How an animal's standard normal effects enter its log volume: the columns of B = Z L.

    See docs/mathematics.md#the-likelihood.

    Parameters
    ----------
    day : array (day)
        Days since the first dose.
    parameters : Parameters
        NumPy or PyTensor arrays.
    reduction : array (..., arm, day)
        From `course_of_arms`.

    Returns
    -------
    list of arrays (..., 1 or arm, day)
        One column per effect (log units), for all arms or by arm.
    """
    p = parameters
    from_baseline, from_growth = (column[..., None, :] for column in p.columns(day, p, xp=xp))
    columns: list[Any] = []
    own_growth = None if p.sd_growth is None else p.sd_growth[..., None] * from_growth
    if p.sd_baseline is not None:
        first = p.sd_baseline[..., None, None] * from_baseline
        if own_growth is not None and p.correlation is not None:
            first = first + p.correlation[..., None, None] * own_growth
            own_growth = xp.sqrt(1 - p.correlation**2)[..., None, None] * own_growth
        columns.append(first)
    if own_growth is not None:
        columns.append(own_growth)
    if p.sd_effect is not None:
        columns.append(-p.sd_effect[..., None, None] * reduction)
    return columns


def measured(typical: Any, columns: list[Any], parameters: Parameters, *, xp: Any = np) -> tuple[Any, list[Any]]:
    """What callipers see of the tumours: with a residual, more than the tumour and less of how animals differ.

    To the first order in what an animal has of its own: ln(V + r) changes by V / (V + r) of a change of ln V, V the
    arm's typical volume (docs/mathematics.md#a-residual).

    Parameters
    ----------
    typical : array (..., arm, day)
        Log volume of each arm's typical tumour, counted from the reference volume.
    columns : list of arrays (..., 1 or arm, day)
        From `effect_columns`.
    parameters : Parameters
        NumPy or PyTensor arrays.

    Returns
    -------
    typical, columns
        As given where the card has no residual.
    """
    if parameters.residual is None:
        return typical, columns
    log_residual = xp.log(parameters.residual)[..., None, None]
    share = 1 / (1 + xp.exp(log_residual - typical))
    total = xp.maximum(typical, log_residual) + xp.log1p(xp.exp(-xp.abs(typical - log_residual)))
    return total, [share * column for column in columns]


def error_variance(parameters: Parameters, typical: Any, floor: float, *, xp: Any = np) -> Any:
    """Variance of a reading around the animal's log volume (Student: squared scale).

    Parameters
    ----------
    parameters : Parameters
        NumPy or PyTensor arrays.
    typical : array (..., arm, day)
        Log of what is measured of the arm's typical animal, counted from the reference volume.
    floor : float
        Log volume that the typical one is not taken below: the limit of quantification.

    Returns
    -------
    array (..., 1 or arm, 1 or day)
        Squared log units: error² + (small_tumour_error / V)².
    """
    p = parameters
    variance = (p.error**2)[..., None]
    if p.small_tumour_error is None:
        return variance
    relative = p.small_tumour_error[..., None, None] * xp.exp(-xp.maximum(typical, floor))
    return variance + relative**2
