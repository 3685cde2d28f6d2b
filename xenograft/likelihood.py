"""The likelihood of an animal's readings with its own effects integrated out (DESIGN 4).

Written once for NumPy (posterior draws lead the shapes) and PyTensor (no leading dimension).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xenograft.dynamics import Parameters, effect_columns, typical_log_volume
from xenograft.exposure import Schedule
from xenograft.study import Study


@dataclass(frozen=True)
class Panel:
    """The fitted readings as padded arrays, animals in the order of `Study.animals`.

    Parameters
    ----------
    elapsed : array (day)
        Distinct days since the first dose, ascending.
    arm_index : int array (animal)
        Position of the animal's arm in `Study.arms`.
    day_index : int array (animal, reading)
        Position of each reading's day in `elapsed` (0 pads).
    log_volume : array (animal, reading)
        Natural log of volume over reference volume (0 pads).
    weight : array (animal, reading)
        1 for a reading, 0 for padding or a reading left out.
    """

    elapsed: Any
    arm_index: Any
    day_index: Any
    log_volume: Any
    weight: Any


def panel(study: Study) -> Panel:
    """The fitted readings of a study as padded arrays."""
    fitted = study.fitted_readings
    animals = study.animals
    arm_names = [arm.name for arm in study.arms]
    day = np.unique(fitted["day"].to_numpy())
    row = animals.index.get_indexer(pd.Index(fitted["animal"]))
    column = fitted.groupby("animal", sort=False).cumcount().to_numpy()
    shape = (len(animals), int(column.max()) + 1)
    day_index, log_volume, weight = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape)
    day_index[row, column] = np.searchsorted(day, fitted["day"])
    log_volume[row, column] = np.log(fitted["volume"] / study.reference_volume)
    weight[row, column] = 1.0
    return Panel(
        elapsed=day - study.first_dose,
        arm_index=np.array([arm_names.index(arm) for arm in animals["arm"]], dtype=np.int64),
        day_index=day_index,
        log_volume=log_volume,
        weight=weight,
    )


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
    typical = typical_log_volume(readings.elapsed, schedule, parameters, xp=xp)
    mean = typical[..., readings.arm_index[:, None], readings.day_index]
    precision = readings.weight / (parameters.error**2)[..., None, None]
    columns = effect_columns(readings.elapsed, parameters, xp=xp)
    return mean, precision, [column[..., readings.day_index] for column in columns]


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
    factor, whitened = _factor(residual, precision, columns, xp=xp)
    present = precision > 0
    log_precision = xp.where(present, xp.log(xp.where(present, precision, 1.0)) - np.log(2 * np.pi), 0.0)
    fit = log_precision - precision * residual**2
    explained = sum(v**2 - 2 * xp.log(factor[k][k]) for k, v in enumerate(whitened))
    return 0.5 * (fit.sum(axis=-1) + explained)


def effects(readings: Any, mean: Any, precision: Any, columns: Sequence[Any], noise: np.ndarray) -> np.ndarray:
    """Draws of the animals' standard normal effects from their exact distribution given the readings.

    Parameters
    ----------
    readings, mean, precision, columns
        As in `log_density`, NumPy arrays.
    noise : array (..., animal, effect)
        Standard normal numbers; zeros give the conditional means.

    Returns
    -------
    array (..., animal, effect)
        Standard normal effects (no unit).
    """
    factor, whitened = _factor(readings - mean, precision, columns, xp=np)
    drawn: list[Any] = [None] * len(columns)
    for k in reversed(range(len(columns))):  # back substitution: c' effect = whitened + noise
        rest = sum(factor[m][k] * drawn[m] for m in range(k + 1, len(columns)))
        drawn[k] = (whitened[k] + noise[..., k] - rest) / factor[k][k]
    return np.stack(drawn, axis=-1)


def _factor(residual: Any, precision: Any, columns: Sequence[Any], *, xp: Any) -> tuple[list[list[Any]], list[Any]]:
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
