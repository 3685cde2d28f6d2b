"""What the readings of one model say by themselves, with nothing borrowed from the other models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import readings_of, schedules_of
from xenograft.panels.fit import PanelFit
from xenograft.panels.panel import Panel
from xenograft.study.study import Arm

FREE = 1e6
"""Sd of an effect on which nothing is known beforehand (log units, log units by the horizon)."""


def alone(panel: Panel, fit: PanelFit, combination: Arm) -> pd.DataFrame:
    """The Bliss excess of each model at the horizon by its own readings.

    Generalised least squares: baseline, growth, kills and departure of the model alone, each free; only how much
    animals and readings differ, and how fast growth slows or effects wane, is the panel's. Readings below the limit are
    taken at it.

    Parameters
    ----------
    panel : Panel
        Models and readings.
    fit : PanelFit
        The answering card of the largest weight.
    combination : Arm
        A judged combination of the panel.

    Returns
    -------
    DataFrame (model)
        `median`, `lower`, `upper` (95 %, log units; positive = enhanced), `at_limit` (whether the model's combination
        arm has readings below the limit); models that have the combination, each agent alone and the vehicle.
    """
    readings, times = readings_of(panel), schedules_of(panel, fit.card)
    mean = {str(name): values.mean(("chain", "draw")).to_numpy() for name, values in fit.posterior.items()}
    rates: Mapping[str, np.ndarray] = {n: mean[n] for n in ("slowing", "waning", "onset") if n in mean}
    model_of = readings.model[readings.animal]
    rows: dict[str, dict[str, object]] = {}
    places = {arm.name: place for place, arm in enumerate(panel.arms)}
    singles = [places[arm.name] for arm in panel.singles(combination)]
    joint, control = places[combination.name], places[panel.control.name]
    for name in panel.complete(combination):
        m = panel.models.index(name)
        own = np.flatnonzero(model_of == m)
        animal = readings.animal[own]
        arm = readings.arm[animal]
        days, at = np.unique([*readings.elapsed[own], panel.horizon], return_inverse=True)
        columns = effect_columns(days, times.received[times.of_model[m]], panel, fit.card, rates)
        used = columns[arm, at[:-1]]
        error, growth = (np.broadcast_to(mean[key], len(panel.arms))[arm] for key in ("error", "sd_growth"))
        first, second = float(mean["sd_baseline"]) * used[:, 0], growth * used[:, 1]
        both = float(mean["correlation"]) * np.outer(first, second)
        covariance = (np.outer(first, first) + np.outer(second, second) + both + both.T) * (animal[:, None] == animal)
        covariance += np.diag(error**2)
        information = used.T @ np.linalg.solve(covariance, used)
        information += np.eye(used.shape[1]) / FREE**2
        spread = np.linalg.inv(information)
        effects = spread @ (used.T @ np.linalg.solve(covariance, readings.log_volume[own]))
        there = columns[:, at[-1]]
        weight = (there[singles] - there[control]).sum(axis=0) - (there[joint] - there[control])
        size, sd = float(weight @ effects), float(np.sqrt(weight @ spread @ weight))
        below = bool(readings.censored[own][arm == joint].any())
        rows[name] = {"median": size, "lower": size - 1.96 * sd, "upper": size + 1.96 * sd, "at_limit": below}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["median", "lower", "upper", "at_limit"])
