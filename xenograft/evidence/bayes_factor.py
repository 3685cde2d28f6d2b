"""Evidence that a combination departs from its reference at all: Savage–Dickey (docs/comparison.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats
from scipy.special import logsumexp

from xenograft.fitting.fit import Fit
from xenograft.fitting.integrated import log_likelihood
from xenograft.model.vocabulary import SHRUNKEN
from xenograft.study.tested import judged_combinations

FAR = 3.0
"""Posterior standard deviations from 0 beyond which only a bound is reported."""

STRONG = 30.0
"""The bound."""

SCALES = (1.0, 0.5, 2.0)
"""Prior standard deviations of the departure for which the factor is given, in units of the card's."""

USED_DRAWS = 4000
"""Posterior draws (of all chains) over which densities are averaged: where 0 is far out, few of them carry the mean."""

LINEAR = 1e-6
"""Largest error (log units) of the parabola through three log likelihoods at a fourth departure."""

COLUMNS = ("card", "combination", "bayes_factor", "words", "half_prior_sd", "double_prior_sd", "log_mcse", "method")


def bayes_factors(fits: Mapping[str, Fit] | Iterable[Fit]) -> pd.DataFrame:
    """Bayes factor of a departure against none, for every combination judged, under every card that estimates it.

    The density of the posterior at departure 0 is the mean over draws of the departure's exact normal distribution
    given the other parameters; where the log likelihood is no parabola in the departure (censored readings), it is a
    kernel density estimate. Half and double the prior's standard deviation are reached by weighting the same draws.
    Departures drawn towards their mean have no prior of their own at 0, and are passed over.

    Parameters
    ----------
    fits : mapping of str to Fit, or fits
        Healthy ones; those of cards that fix the departure are passed over.

    Returns
    -------
    DataFrame
        Columns `card`, `combination`, `bayes_factor` (above 1: for a departure from the reference), `words` (the
        number, or "> 30" and "< 1/30" beyond 3 posterior standard deviations, where a density is not to be trusted),
        `half_prior_sd`, `double_prior_sd` (words), `log_mcse` (Monte-Carlo error of the factor's logarithm), `method`
        ("conditional normal" or "kernel density").
    """
    rows = [
        _row(fit, combination.name)
        for fit in (fits.values() if isinstance(fits, Mapping) else fits)
        if fit.card.departure == "estimated" and fit.card.departure_by != SHRUNKEN
        for combination in judged_combinations(fit.study)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(fit: Fit, combination: str) -> dict[str, object]:
    posterior = _thinned(fit.posterior)
    departure = posterior["departure"].sel(combination=combination)
    prior = fit.card.on(fit.study).prior_of("departure").arguments
    slope, curvature, linear = _parabola(fit, posterior, combination)
    if linear:
        given = [_log_marginal(slope, curvature, prior["mu"], scale * prior["sigma"]) for scale in SCALES]
        at_zero = logsumexp(-given[0]) - np.log(given[0].size)
        logs = [logsumexp(own - given[0]) - np.log(own.size) - at_zero for own in given]
        ratio = np.exp(-given[0] - at_zero)
        error = float(az.mcse(xr.Dataset({"ratio": (("chain", "draw"), ratio)}), method="mean")["ratio"])
    else:
        logs = [_by_kernel(departure.to_numpy().ravel(), prior["mu"], prior["sigma"], scale) for scale in SCALES]
        error = np.nan
    distance = abs(float(departure.mean())) / float(departure.std())
    words = [_words(log, distance) for log in logs]
    return {
        "card": fit.card.name,
        "combination": str(combination),
        "bayes_factor": float(np.exp(logs[0])),
        "words": words[0],
        "half_prior_sd": words[1],
        "double_prior_sd": words[2],
        "log_mcse": error,
        "method": "conditional normal" if linear else "kernel density",
    }


def _thinned(posterior: xr.Dataset) -> xr.Dataset:
    step = max(1, posterior.sizes["chain"] * posterior.sizes["draw"] // USED_DRAWS)
    return posterior.isel(draw=slice(None, None, step))


def _parabola(fit: Fit, posterior: xr.Dataset, combination: str) -> tuple[np.ndarray, np.ndarray, bool]:
    """Slope and curvature (chain, draw) of the log likelihood in one departure at 0, and whether it is a parabola."""
    step = fit.card.on(fit.study).prior_of("departure").arguments["sigma"]
    chosen = posterior["departure"]["combination"] == combination

    def at(value: float) -> np.ndarray:
        moved = posterior.assign(departure=posterior["departure"].where(~chosen, value))
        return log_likelihood(moved, fit.study, fit.card).sum(fit.study.group).to_numpy()

    centre, above, below = at(0.0), at(step), at(-step)
    slope = (above - below) / (2 * step)
    curvature = (2 * centre - above - below) / step**2
    expected = centre + slope * 2 * step - 0.5 * curvature * (2 * step) ** 2
    error = np.abs(at(2 * step) - expected) / np.maximum(1.0, np.abs(centre))
    return slope, curvature, bool(error.max() < LINEAR)


def _log_marginal(slope: np.ndarray, curvature: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """ln ∫ N(δ; mean, sd²) exp(slope δ − curvature δ²/2) dδ."""
    precision = 1 / sd**2
    together = precision + curvature
    pull = mean * precision + slope
    return 0.5 * (np.log(precision / together) + pull**2 / together - mean**2 * precision)


def _by_kernel(departure: np.ndarray, mean: float, sd: float, scale: float) -> float:
    """Log Bayes factor from a kernel density estimate at 0 of the draws, weighted for the other prior."""
    prior: Any = stats.norm(mean, sd)
    other: Any = stats.norm(mean, scale * sd)
    weight = np.exp(other.logpdf(departure) - prior.logpdf(departure))
    density = stats.gaussian_kde(departure, weights=weight / weight.sum())(0.0)[0]
    return float(other.logpdf(0.0) - np.log(np.maximum(density, 1e-300)))


def _words(log_factor: float, distance: float) -> str:
    if distance > FAR and abs(log_factor) > np.log(STRONG):
        return "> 30" if log_factor > 0 else "< 1/30"
    factor = np.exp(log_factor)
    return f"{factor:.2g}" if factor >= 1 else f"1/{1 / factor:.2g}"
