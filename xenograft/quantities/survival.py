"""Kaplan–Meier curves by lifelines; medians, restricted means and log-rank tests that are right for small arms."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from numpy.typing import NDArray

MOST_ARRANGEMENTS = 200_000
"""Up to so many ways of dealing the animals to the two arms (10 + 10 have 184,756) a log-rank test counts them all."""
_SAME = 1e-9
"""Shares and scores closer than this are equal: they are ratios of small counts, and products of logs are not exact."""


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
    """Kaplan–Meier median of the time to an event (days), infinite where fewer than half have it; see below."""
    return median_interval(time, reached)[0]


def median_interval(time: Sequence[float], reached: Sequence[bool]) -> tuple[float, float, float]:
    """Kaplan–Meier median with its 95 % interval.

    Where exactly half of the animals are without the event from one event to the next, the median is the midpoint of
    the two, as in R's survfit and as the median of a list of numbers; where no event follows, it is the first of them.

    Parameters
    ----------
    time, reached
        As in `kaplan_meier`.

    Returns
    -------
    median, lower, upper : float
        Days; a median or a limit that is not reached is infinite. The limits follow the same rule on the limits of the
        curve (Brookmeyer & Crowley 1982), which has none after the last animal's event.
    """
    curve = kaplan_meier(time, reached)
    median, lower, upper = (
        _half(curve["elapsed"], curve[share].where((curve["share"] > _SAME) | (share == "share")))
        for share in ("share", "lower", "upper")
    )
    return median, lower, upper


def _half(elapsed: pd.Series, share: pd.Series) -> float:
    """When a falling share first is a half (days)."""
    at_most = share <= 0.5 + _SAME
    if not at_most.any():
        return np.inf
    first = int(at_most.argmax())
    below = share < 0.5 - _SAME
    if below.iloc[first] or not below.any():
        return float(elapsed.iloc[first])
    return float(elapsed.iloc[first] + elapsed.iloc[int(below.argmax())]) / 2


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
    share = fitted.survival_function_.iloc[:, 0].to_numpy()
    start = fitted.survival_function_.index.to_numpy(dtype=float)
    end = np.append(start[1:], np.inf)

    def area(day: float) -> float:
        return float((share * (np.clip(day, start, end) - start)).sum())

    # lifelines' variance is that of the time itself; that of its mean is Greenwood's sum (Klein and Moeschberger 4.5)
    day, observed, at_risk = (
        fitted.event_table.index.to_numpy(dtype=float),
        *fitted.event_table[["observed", "at_risk"]].to_numpy().T,
    )
    events = (observed > 0) & (observed < at_risk) & (day <= until)
    mean = area(until)
    remaining = np.array([mean - area(one) for one in day[events]])
    hazard = observed[events] / (at_risk[events] * (at_risk[events] - observed[events]))
    return mean, float(np.sqrt((remaining**2 * hazard).sum()))


def log_rank(
    time: Sequence[float], reached: Sequence[bool], other_time: Sequence[float], other_reached: Sequence[bool]
) -> float:
    """p value (two-sided) of the log-rank test that two groups have the same times to an event.

    Parameters
    ----------
    time, reached, other_time, other_reached
        As in `kaplan_meier`, of each group.

    Returns
    -------
    float
        Where the animals can be dealt to the groups in at most `MOST_ARRANGEMENTS` ways: the share of these in which
        events and their expected number differ at least as much as seen, so 3 against 3 animals give 0.1 at least. Of
        larger groups: chi-squared. NaN without an event.
    """
    if not (any(reached) or any(other_reached)):
        return np.nan
    if math.comb(len(time) + len(other_time), len(time)) <= MOST_ARRANGEMENTS:
        return _exact_log_rank([*time, *other_time], [*reached, *other_reached], len(time))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # lifelines 0.30 calls pandas in a way that pandas 4 ends
        warnings.simplefilter("ignore", FutureWarning)
        return float(logrank_test(time, other_time, reached, other_reached).p_value)


def _exact_log_rank(time: Sequence[float], reached: Sequence[bool], first: int) -> float:
    """The permutation test: an animal's score is its event minus the cumulative hazard of all animals at its time."""
    times, events = np.asarray(time, dtype=float), np.asarray(reached, dtype=bool)
    at_risk = (times >= times[:, None]).sum(axis=1)
    scores = events - ((times <= times[:, None]) * (events / at_risk)).sum(axis=1)
    differences = np.abs(scores[_arrangements(len(times), first)].sum(axis=1))
    return float((differences >= differences[0] - _SAME).mean())


@lru_cache(maxsize=16)
def _arrangements(animals: int, first: int) -> NDArray[np.int16]:
    """Every choice of the animals of the first group (arrangement, animal); the first choice is the first animals."""
    choices = itertools.combinations(range(animals), first)
    return np.fromiter(itertools.chain.from_iterable(choices), dtype=np.int16).reshape(-1, first)


def _fitted(time: Sequence[float], reached: Sequence[bool]) -> KaplanMeierFitter:
    """The curve; a summary asks for median, mean and curve of the same animals."""
    return _fitted_once(tuple(map(float, time)), tuple(map(bool, reached)))


@lru_cache(maxsize=1024)
def _fitted_once(time: tuple[float, ...], reached: tuple[bool, ...]) -> KaplanMeierFitter:
    return KaplanMeierFitter().fit(np.asarray(time), np.asarray(reached))
