"""Whether numbers between 0 and 1 are uniform: simultaneous bands of their distribution function."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

PARTS = 20
"""Equal parts into which the unit interval is cut; the distribution function is looked at where they meet."""


def places() -> NDArray[np.float64]:
    """Where the distribution function is looked at: 1/20, 2/20, … 19/20."""
    return np.arange(1, PARTS) / PARTS


def counts_below(values: ArrayLike) -> NDArray[np.int64]:
    """How many values are at or below each of `places`.

    Parameters
    ----------
    values : array (study)
        Between 0 and 1.
    """
    return np.searchsorted(np.sort(np.asarray(values, dtype=float)), places(), side="right")


@lru_cache(maxsize=64)
def band(number: int, level: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Smallest and largest counts that uniform values keep to at all `places` at once.

    Parameters
    ----------
    number : int
        How many values there are.
    level : float
        Probability that uniform values stay within at every place.

    Returns
    -------
    lower, upper : int arrays (place)
        Quantiles of the binomial distributions at one pointwise level, the largest tail that keeps `level`
        (Säilynoja, Bürkner & Vehtari 2022, Stat Comput 32:32, their exact recursion).
    """
    low, high = 0.0, (1 - level) / 2  # of each tail; the larger, the narrower the band
    for _ in range(30):
        tail = (low + high) / 2
        if _inside(number, *_pointwise(number, tail)) >= level:
            low = tail
        else:
            high = tail
    return _pointwise(number, low)


def _pointwise(number: int, tail: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if tail <= 0:
        return np.zeros(PARTS - 1, dtype=np.int64), np.full(PARTS - 1, number)
    lower, upper = (stats.binom.ppf(share, number, places()).astype(np.int64) for share in (tail, 1 - tail))
    return np.maximum(lower, 0), upper


def _inside(number: int, lower: NDArray[np.int64], upper: NDArray[np.int64]) -> float:
    """Probability that the counts of uniform values are within at every place, one place after the other."""
    count, probability, before = np.array([0]), np.array([1.0]), 0.0
    for place, least, most in zip(places(), lower, upper, strict=True):
        after = np.arange(least, most + 1)
        step = stats.binom.pmf(after[:, None] - count, number - count, (place - before) / (1 - before))
        count, probability, before = after, step @ probability, float(place)
    return float(probability.sum())
