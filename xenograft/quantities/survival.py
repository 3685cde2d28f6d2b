"""Kaplan–Meier curves, log-rank tests and restricted means, by lifelines."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import median_survival_times, restricted_mean_survival_time


def kaplan_meier(time: Sequence[float], reached: Sequence[bool]) -> pd.DataFrame:
    """The share of animals without the event, by day, with a 95 % interval.

    Parameters
    ----------
    time : sequence of float
        Days since the first dose, of the event or of the last reading.
    reached : sequence of bool
        Whether the event happened.

    Returns
    -------
    DataFrame
        Columns `elapsed` (days since the first dose), `share`, `lower`, `upper` (exponential Greenwood), `at_risk`.
    """
    fitted = _fitted(time, reached)
    bounds = fitted.confidence_interval_
    return pd.DataFrame(
        {
            "elapsed": fitted.survival_function_.index.to_numpy(dtype=float),
            "share": fitted.survival_function_.iloc[:, 0].to_numpy(),
            "lower": bounds.iloc[:, 0].to_numpy(),
            "upper": bounds.iloc[:, 1].to_numpy(),
            "at_risk": fitted.event_table["at_risk"].to_numpy(dtype=int),
        }
    )


def median_time(time: Sequence[float], reached: Sequence[bool]) -> float:
    """Kaplan–Meier median of the time to an event (days), infinite where fewer than half have it."""
    return float(_fitted(time, reached).median_survival_time_)


def median_interval(time: Sequence[float], reached: Sequence[bool]) -> tuple[float, float, float]:
    """Kaplan–Meier median with its 95 % interval (days); a limit that is not reached is infinite."""
    fitted = _fitted(time, reached)
    bounds = cast(pd.DataFrame, median_survival_times(fitted.confidence_interval_))
    lower, upper = bounds.to_numpy().ravel()
    return float(fitted.median_survival_time_), float(lower), float(upper)


def restricted_mean(time: Sequence[float], reached: Sequence[bool], until: float) -> tuple[float, float]:
    """Restricted mean time to an event: the area under the Kaplan–Meier curve, with its standard error.

    Parameters
    ----------
    time, reached
        As in `kaplan_meier`.
    until : float
        Days since the first dose at which the area ends.

    Returns
    -------
    mean, standard_error : float
        Days.
    """
    fitted = _fitted(time, reached)
    mean = _area(fitted, until)
    # lifelines' variance is that of the time itself; that of its mean is Greenwood's sum (Klein and Moeschberger 4.5)
    events = fitted.event_table.query("0 < observed < at_risk and event_at <= @until")
    remaining = np.array([mean - _area(fitted, day) for day in events.index])
    hazard = events["observed"] / (events["at_risk"] * (events["at_risk"] - events["observed"]))
    return mean, float(np.sqrt((remaining**2 * hazard).sum()))


def log_rank(
    time: Sequence[float], reached: Sequence[bool], other_time: Sequence[float], other_reached: Sequence[bool]
) -> float:
    """p value of the log-rank test that two groups have the same times to an event; NaN without an event."""
    if not (any(reached) or any(other_reached)):
        return np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # lifelines 0.30 calls pandas in a way that pandas 4 ends
        warnings.simplefilter("ignore", FutureWarning)
        return float(logrank_test(time, other_time, reached, other_reached).p_value)


def _area(fitted: KaplanMeierFitter, until: float) -> float:
    return float(cast(float, restricted_mean_survival_time(fitted, t=until)))


def _fitted(time: Sequence[float], reached: Sequence[bool]) -> KaplanMeierFitter:
    """The curve; a summary asks for median, mean and curve of the same animals."""
    return _fitted_once(tuple(map(float, time)), tuple(map(bool, reached)))


@lru_cache(maxsize=1024)
def _fitted_once(time: tuple[float, ...], reached: tuple[bool, ...]) -> KaplanMeierFitter:
    return KaplanMeierFitter().fit(np.asarray(time), np.asarray(reached))
