"""How precisely draws tell a probability, and whether that is enough to say on which side of a limit it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import arviz as az
import numpy as np
import xarray as xr

ENHANCED, LESS = 0.975, 0.025
"""Probabilities of a positive excess from which a verdict is given."""

CLOSE = 2.0
"""Monte-Carlo standard errors within which of a limit another seed might cross it: of a hundred verdicts that would,
ninety-eight are this close (the chance of the farther ones is 2.3 % at most, and falls)."""


@dataclass(frozen=True)
class Known:
    """What a card's draws tell of a probability.

    Parameters
    ----------
    probability : float
        As precisely as they tell it.
    error : float
        Its Monte-Carlo standard error.
    """

    probability: float
    error: float


def known_from(draws: xr.DataArray, effective: float | None, given: xr.DataArray | None = None) -> Known:
    """The probability that a quantity is above 0.

    Parameters
    ----------
    draws : DataArray (chain, draw)
        Of the quantity.
    effective : float or None
        How many independent draws weighted ones are worth (`Health.effective_draws`); None of chains.
    given : DataArray (chain, draw), optional
        The probability given each draw's other parameters, where it is known (Rao–Blackwell).
    """
    values = (draws > 0).astype(float) if given is None else given
    error = monte_carlo_error(values)
    if effective:
        error *= np.sqrt(max(1.0, values.size / effective))
    return Known(float(values.mean()), float(error))


def error_of_average(probability: float, weights: Mapping[str, float], known: Mapping[str, Known]) -> float:
    """Monte-Carlo standard error of a probability among the averaged draws.

    Parameters
    ----------
    probability : float
        Share of the averaged draws.
    weights : mapping of str to float
        Answer weights by card; they add up to 1.
    known : mapping of str to Known
        What all draws of each card tell.
    """
    variance = sum((weights[name] * one.error) ** 2 for name, one in known.items())
    told = sum(weights[name] * one.probability for name, one in known.items())
    return float(np.sqrt(variance + (probability - told) ** 2))


def monte_carlo_error(values: xr.DataArray) -> float:
    """Monte-Carlo standard error of the mean of some values (chain, draw)."""
    if float(values.std()) == 0:
        return 0.0
    return float(az.mcse(values.to_dataset(name="values"), method="mean")["values"])


def is_borderline(probability: float, error: float) -> bool:
    """Whether a probability is within `CLOSE` Monte-Carlo standard errors of a limit."""
    return any(abs(probability - limit) <= CLOSE * error for limit in (ENHANCED, LESS))
