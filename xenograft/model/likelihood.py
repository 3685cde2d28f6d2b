"""The likelihood of an animal's readings with its own effects integrated out (docs/mathematics.md#the-likelihood).

Written once for NumPy (posterior draws lead the shapes) and PyTensor (no leading dimension).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xenograft.model.curve import Parameters, course_of_arms, effect_columns, error_variance, measured
from xenograft.model.exposure import Schedule
from xenograft.model.groups import Grouping, grouping
from xenograft.model.matrices import back_substituted
from xenograft.study.study import Study

NO_FLOOR = -20.0
"""Log volume (over the reference volume) below which, without a limit, a typical tumour's calliper error stays."""


@dataclass(frozen=True)
class Panel:
    """The fitted readings as padded arrays, animals in the order of `Study.animals`.

    Parameters
    ----------
    elapsed : array (day)
        Distinct days since the first dose, ascending.
    arm_index, cohort_index : int arrays (animal)
        Position of the animal's arm in `Study.arms`, of its cohort in `Study.cohorts` (0 without).
    day_index : int array (animal, reading)
        Position of each reading's day in `elapsed` (0 pads).
    log_volume : array (animal, reading)
        Natural log of volume (of a censored reading its limit) over reference volume (0 pads).
    weight : array (animal, reading)
        1 for a reading, 0 for padding or a reading left out.
    censored : array (animal, reading)
        1 where the tumour was at or below the volume.
    floor : float
        Log of the limit of quantification over the reference volume.
    groups : Grouping or None
        Which animals (tumours) belong to one mouse; None where each is by itself.
    """

    elapsed: Any
    arm_index: Any
    cohort_index: Any
    day_index: Any
    log_volume: Any
    weight: Any
    censored: Any
    floor: Any
    groups: Grouping | None = None


def panel(study: Study, without: Collection[str] = ()) -> Panel:
    """The fitted readings of a study as padded arrays.

    Parameters
    ----------
    study : Study
        The readings.
    without : collection of str
        Names of `Study.groups` (animals, or mice with all their tumours) whose readings get weight 0.
    """
    fitted = study.fitted_readings
    animals = study.animals
    arm_names = [arm.name for arm in study.arms]
    day = np.unique(fitted["day"].to_numpy())
    row = animals.index.get_indexer(pd.Index(fitted["animal"]))
    column = fitted.groupby("animal", sort=False).cumcount().to_numpy()
    shape = (len(animals), int(column.max()) + 1)
    day_index, log_volume, weight, censored = np.zeros(shape, dtype=np.int64), *np.zeros((3, *shape))
    day_index[row, column] = np.searchsorted(day, fitted["day"])
    log_volume[row, column] = np.log(fitted["volume"] / study.reference_volume)
    weight[row, column] = ~study.groups.iloc[row].isin(list(without))
    censored[row, column] = fitted["censored"]
    limits = fitted.loc[fitted["censored"], "volume"]
    limit = study.limit_of_quantification or (float(limits.min()) if len(limits) else 0.0)
    return Panel(
        elapsed=day - study.first_dose,
        arm_index=np.array([arm_names.index(arm) for arm in animals["arm"]], dtype=np.int64),
        cohort_index=np.array([study.cohorts.index(c) for c in animals["cohort"]], dtype=np.int64),
        day_index=day_index,
        log_volume=log_volume,
        weight=weight,
        censored=censored,
        floor=np.log(limit / study.reference_volume) if limit else NO_FLOOR,
        groups=grouping(study.groups),
    )


def tables_of_arms(
    readings: Panel, schedule: Schedule, parameters: Parameters, *, xp: Any = np
) -> tuple[Any, Any, list[Any]]:
    """What the parameters say of the typical animal of each arm on each day of `readings`.

    Parameters are those of `moments`.

    Returns
    -------
    typical : array (..., arm, day)
        Log of what is measured of it, counted from the reference volume.
    variance : array (..., 1 or arm, 1 or day)
        Of a reading (squared log units).
    columns : list of arrays (..., 1 or arm, day)
        How each standard normal effect of an animal enters (log units).
    """
    untreated, reduction = course_of_arms(readings.elapsed, schedule, parameters, xp=xp)
    own = effect_columns(readings.elapsed, parameters, reduction, xp=xp)
    typical, columns = measured(untreated[..., None, :] - reduction, own, parameters, xp=xp)
    return typical, error_variance(parameters, typical, readings.floor, xp=xp), columns


def moments(readings: Panel, schedule: Schedule, parameters: Parameters, *, xp: Any = np) -> tuple[Any, Any, list[Any]]:
    """What the parameters say of each animal's readings.

    Parameters
    ----------
    readings : Panel
        Days, arms and weights; NumPy or PyTensor arrays.
    schedule : Schedule
        What each arm receives.
    parameters : Parameters
        NumPy or PyTensor arrays.

    Returns
    -------
    mean, precision, columns : array, array, list of arrays, each (..., animal, reading)
        Arguments of `log_density`.
    """
    p = parameters
    typical, variance, columns = tables_of_arms(readings, schedule, p, xp=xp)
    mean = _of_readings(typical, readings)
    if p.cohort is not None:
        _, from_growth = p.columns(readings.elapsed, p, xp=xp)
        mean = mean + p.cohort[..., readings.cohort_index, None] * from_growth[..., readings.day_index]
    precision = readings.weight / _of_readings(variance, readings)
    return mean, precision, [_of_readings(column, readings) for column in columns]


def log_density(readings: Any, mean: Any, precision: Any, columns: Sequence[Any], *, xp: Any = np) -> Any:
    """Log density of each animal's readings, its normal effects integrated out.

    Parameters
    ----------
    readings : array (..., animal, reading)
        Log volumes.
    mean : array (..., animal, reading)
        Log volumes of the typical animal.
    precision : array (..., animal, reading)
        Inverse variance of the readings (1/log units²); 0 leaves a reading out.
    columns : sequence of arrays (..., animal, reading)
        How each standard normal effect enters (log units), any number of effects.

    Returns
    -------
    array (..., animal)
        Natural log of a density per log unit for each reading; 0 for an animal without readings.
    """
    residual = readings - mean
    factor, whitened = factorised(residual, precision, columns, xp=xp)
    present = precision > 0
    log_precision = xp.where(present, xp.log(xp.where(present, precision, 1.0)) - np.log(2 * np.pi), 0.0)
    fit = log_precision - precision * residual**2
    explained = sum(v**2 - 2 * xp.log(factor[k][k]) for k, v in enumerate(whitened))
    return 0.5 * (fit.sum(axis=-1) + explained)


def log_probability_below(
    readings: Any,
    mean: Any,
    precision: Any,
    columns: Sequence[Any],
    censored: Any,
    own: Any,
    log_cdf: Any,
    *,
    xp: Any = np,
) -> Any:
    """Log probability of each animal's censored readings given its own effects.

    Parameters
    ----------
    readings, mean, precision, columns
        As in `log_density`; of a censored reading the log limit.
    censored : array (animal, reading)
        1 where the tumour was at or below the limit.
    own : array (..., animal, effect)
        The animal's effects, standard normal given its measured readings (0 for animals without censored ones).
    log_cdf : callable
        Log of the standard normal distribution function.

    Returns
    -------
    array (..., animal)
        0 or less; with `log_density` of the measured readings, its integral over standard normal `own` is the animal's
        likelihood.
    """
    fitted = mean + _own_course(readings, mean, precision * (1 - censored), columns, own, xp=xp)
    return log_probability_given(readings, fitted, precision, censored, log_cdf, xp=xp)


def log_probability_given(
    readings: Any, fitted: Any, precision: Any, censored: Any, log_cdf: Any, *, xp: Any = np
) -> Any:
    """Log probability (..., animal) of each animal's censored readings given its own curve.

    As `log_probability_below`; `fitted` (..., animal, reading) is the animal's log volume.
    """
    below = (censored > 0) & (precision > 0)
    distance = xp.where(below, (readings - fitted) * xp.sqrt(xp.where(below, precision, 1.0)), 0.0)
    return xp.where(below, log_cdf(distance), 0.0).sum(axis=-1)


def effects(readings: Any, mean: Any, precision: Any, columns: Sequence[Any], noise: np.ndarray) -> np.ndarray:
    """Draws of the animals' standard normal effects from their exact distribution given the readings.

    Parameters
    ----------
    readings, mean, precision, columns
        As in `log_density`, NumPy arrays.
    noise : array (..., animal, effect)
        Standard normal numbers; zeros give the conditional means. Of an animal with censored readings its latent
        effects, the censored readings' precision being 0.

    Returns
    -------
    array (..., animal, effect)
        Standard normal effects (no unit).
    """
    factor, whitened = factorised(readings - mean, precision, columns, xp=np)
    return np.stack(back_substituted(factor, [v + noise[..., k] for k, v in enumerate(whitened)]), axis=-1)


def _own_course(readings: Any, mean: Any, precision: Any, columns: Sequence[Any], own: Any, *, xp: Any) -> Any:
    factor, whitened = factorised(readings - mean, precision, columns, xp=xp)
    found = back_substituted(factor, [v + own[..., k] for k, v in enumerate(whitened)])
    return sum(effect[..., None] * column for effect, column in zip(found, columns, strict=True))


def factorised(residual: Any, precision: Any, columns: Sequence[Any], *, xp: Any = np) -> tuple[list[list[Any]], list]:
    """Cholesky factor c of I + B'PB and c⁻¹ B'Pr, elementwise over animals."""
    factor: list[list[Any]] = []
    whitened: list[Any] = []
    for k, column in enumerate(columns):
        weighted = precision * column
        row: list[Any] = []
        for m in range(k):
            cross = (weighted * columns[m]).sum(axis=-1) - sum(row[n] * factor[m][n] for n in range(m))
            row.append(cross / factor[m][m])
        diagonal = 1 + (weighted * column).sum(axis=-1) - sum(entry**2 for entry in row)
        factor.append([*row, xp.sqrt(diagonal)])
        projected = (weighted * residual).sum(axis=-1) - sum(row[n] * whitened[n] for n in range(k))
        whitened.append(projected / factor[k][k])
    return factor, whitened


def _of_readings(table: Any, readings: Panel) -> Any:
    """Of each animal's readings what is tabulated by arm and day, or (1 long) for all arms, all days."""
    all_arms, all_days = (_is_single(table, axis) for axis in (-2, -1))
    if all_arms and all_days:
        return table
    if all_arms:
        return table[..., 0, :][..., readings.day_index]
    if all_days:
        return table[..., readings.arm_index, :]
    return table[..., readings.arm_index[:, None], readings.day_index]


def _is_single(table: Any, axis: int) -> bool:
    shape = table.shape if isinstance(table, np.ndarray) else table.type.shape
    return shape[axis] == 1
