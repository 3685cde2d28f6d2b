"""The log likelihood of each model's readings, everything that a model or an animal has of its own integrated out."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import xarray as xr
from scipy.special import log_ndtr, logsumexp, ndtri_exp
from scipy.stats import qmc

from xenograft.panels.better import LEAST_VARIANCE, dropped_effects
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import Readings, readings_of, schedules_of
from xenograft.panels.density import PanelDensity
from xenograft.panels.panel import Panel

PATHS = 64
"""Paths by which the probability of a model's censored readings is averaged (Geweke, Hajivassiliou and Keane)."""

OPERATIONS = 2e10
"""Multiplications that the models with censored readings may take; beyond, fewer draws are used."""

LEAST_DRAWS = 1000
"""Draws that are always used."""

CHUNK = 250
"""Draws taken at once."""


def model_log_likelihood(
    density: PanelDensity, positions: np.ndarray, models: Collection[str] | None = None
) -> xr.DataArray:
    """Log likelihood of the readings of each model.

    Parameters
    ----------
    density : PanelDensity
        Of the panel and the card, no model left out.
    positions : array (chain, draw, coordinate)
        Posterior draws.
    models : collection of str, optional
        Only of these.

    Returns
    -------
    DataArray (chain, draw, model)
        Natural log of a density per log unit of each measured reading, times the probability of the censored ones
        given these. Every n-th draw where many models have many censored readings.
    """
    panel = density.coordinates.panel
    wanted = [m for m, name in enumerate(panel.models) if models is None or name in models]
    chains, draws, size = positions.shape
    cost = cost_of_censored(panel, wanted)
    thin = 1
    while chains * draws * cost / thin > OPERATIONS and chains * (draws // (thin + 1)) >= LEAST_DRAWS:
        thin += 1
    chosen = positions[:, ::thin]
    values = log_likelihood_at(density, chosen.reshape(-1, size), wanted)
    shape = (chains, chosen.shape[1], len(wanted))
    coords = {"chain": np.arange(chains), "draw": np.arange(shape[1]), "model": [panel.models[m] for m in wanted]}
    return xr.DataArray(values.reshape(shape), coords=coords, dims=("chain", "draw", "model"))


def log_likelihood_at(density: PanelDensity, x: np.ndarray, wanted: Sequence[int]) -> np.ndarray:
    """The same at positions (draw, coordinate), of models by their places: (draw, model)."""
    readings = readings_of(density.coordinates.panel)
    hard = _with_censored(readings)
    values = np.empty((len(x), len(wanted)))

    def fill(part: slice) -> None:
        values[part] = density.models(x[part]).log_density[:, list(wanted)]
        for at, m in enumerate(wanted):
            if m in hard:
                values[part, at] = _of_censored(density, readings, m, x[part])

    with ThreadPoolExecutor(os.cpu_count()) as threads:  # both NumPy and the compiled density let go of Python's lock
        list(threads.map(fill, [slice(first, first + CHUNK) for first in range(0, len(x), CHUNK)]))
    return values


def cost_of_censored(panel: Panel, wanted: Sequence[int] | None = None) -> float:
    """Multiplications that a draw takes for the models with censored readings."""
    readings = readings_of(panel)
    size = np.bincount(readings.model[readings.animal], minlength=len(panel.models))
    sources = 2 * np.bincount(readings.model, minlength=len(panel.models)) + 2 + len(panel.levels)
    chosen = _with_censored(readings) & set(range(len(size)) if wanted is None else wanted)
    return float(sum(size[m] * sources[m] ** 2 for m in chosen))


def _with_censored(readings: Readings) -> set[int]:
    return set(readings.model[readings.animal[readings.censored]].tolist())


def sources_of_model(
    density: PanelDensity, readings: Readings, m: int, x: np.ndarray, better: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the log volumes of a model have of standard normal sources: its effects, unknown moderators, its animals.

    Parameters
    ----------
    density : PanelDensity
        Of the panel and the card.
    readings : Readings
        Of the panel.
    m : int
        Position of the model.
    x : array (draw, coordinate)
    better : {0, 1}, optional
        Which agent of the model's combination is the better one, of a card of the highest single agent. What is below 0
        where that is so then follows the log volumes as one more variable.

    Returns
    -------
    rows : int array (row)
        Which readings of the panel they are.
    mean : array (draw, row)
        Log units over the reference volume.
    loading : array (draw, row, source)
        Log units for each source, which is standard normal.
    error : array (draw, row)
        Sd of what each has of its own (log units).
    """
    coordinates = density.coordinates
    panel, card, given = coordinates.panel, coordinates.card, coordinates.values(x)
    rows = np.flatnonzero(readings.model[readings.animal] == m)
    animal = readings.animal[rows]
    arm = readings.arm[animal]
    times = schedules_of(panel, card)
    days, at = np.unique(readings.elapsed[rows], return_inverse=True)
    received = times.received[times.of_model[m]]
    columns = effect_columns(days, received, panel, card, given)
    columns = np.broadcast_to(columns, (len(x), *columns.shape[-3:]))[:, arm, at]
    of_animal = animal[:, None] == np.unique(animal)
    if better is not None:
        dropped = dropped_effects(panel)[arm, better]
        columns = np.where(dropped[:, None] == np.arange(columns.shape[-1]), 0.0, columns)
        deciding = (2.0 * better - 1.0) * coordinates.towards_first[m]
        columns = np.concatenate([columns, np.broadcast_to(deciding, (len(x), 1, len(deciding)))], axis=1)
        arm, of_animal = np.append(arm, 0), np.pad(of_animal, ((0, 1), (0, 0)))
    mean = np.concatenate(
        [given["baseline"][:, None], given["growth"][:, None], given["kill"]]
        + ([given["departure"]] if "departure" in given else []),
        axis=1,
    )
    historical = panel.models[m] in panel.historical
    growth = given["historical_growth" if historical else "between_growth"]
    sd = np.concatenate(
        [given["between_baseline"][:, None], growth[:, None], given["between_kill"]]
        + ([given["between_departure"]] if "departure" in given else []),
        axis=1,
    )
    by_arm = card.spread == "arm"
    error = given["error"][:, arm] if by_arm else given["error"][:, None] * np.ones(len(arm))
    sd_growth = given["sd_growth"][:, arm] if by_arm else given["sd_growth"][:, None] * np.ones(len(arm))
    if better is not None:
        error[:, -1] = LEAST_VARIANCE**0.5
    rho, second = given["correlation"][:, None], sd_growth * columns[..., 1]
    own = (given["sd_baseline"][:, None] * columns[..., 0] + rho * second, np.sqrt(1 - rho**2) * second)
    sources = [columns * sd[:, None, :], *(one[:, :, None] * of_animal for one in own)]
    if card.moderators:
        slopes = np.concatenate(
            [np.zeros((len(x), 2, panel.moderators.shape[1])), given["slope_kill"]]
            + ([given["slope_departure"]] if "departure" in given else []),
            axis=1,
        )
        known = panel.standard_moderators.iloc[m].to_numpy(dtype=float)
        mean = mean + slopes @ np.nan_to_num(known)
        sources.append(columns @ slopes[:, :, np.isnan(known)])
    return rows, (columns @ mean[:, :, None])[..., 0], np.concatenate(sources, axis=2), error


def _of_censored(density: PanelDensity, readings: Readings, m: int, x: np.ndarray) -> np.ndarray:
    """Log likelihood (draw) of a model with censored readings."""
    if not density.coordinates.towards_first[m].any():
        return _in_half(density, readings, m, x, None)
    return np.asarray(logsumexp([_in_half(density, readings, m, x, better) for better in (0, 1)], axis=0))


def _in_half(density: PanelDensity, readings: Readings, m: int, x: np.ndarray, better: int | None) -> np.ndarray:
    """The same, and that this agent of its combination is the better one (None: there is no such choice)."""
    rows, mean, loading, error = sources_of_model(density, readings, m, x, better)
    extra = mean.shape[1] - len(rows)
    unknown = np.append(readings.censored[rows], np.ones(extra, dtype=bool))
    residual = np.append(readings.log_volume[rows], np.zeros(extra)) - mean
    measured, sd = loading[:, ~unknown] / error[:, ~unknown, None], error[:, ~unknown]
    standard = residual[:, ~unknown] / sd
    precision = np.eye(loading.shape[2]) + measured.swapaxes(1, 2) @ measured
    factor = _factors(precision)
    vector = measured.swapaxes(1, 2) @ standard[:, :, None]
    solved = np.linalg.solve(factor, np.concatenate([vector, loading[:, unknown].swapaxes(1, 2)], axis=2))
    explained, left = solved[:, :, 0], solved[:, :, 1:]
    exact = 0.5 * ((explained**2).sum(axis=1) - (standard**2).sum(axis=1)) - np.log(sd).sum(axis=1)
    exact -= np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1) + 0.5 * np.log(2 * np.pi) * sd.shape[1]
    below = residual[:, unknown] - (left.swapaxes(1, 2) @ explained[:, :, None])[..., 0]
    covariance = left.swapaxes(1, 2) @ left + error[:, unknown, None] ** 2 * np.eye(int(unknown.sum()))
    return exact + log_probability_below(below, covariance)


def _factors(covariance: np.ndarray) -> np.ndarray:
    """Cholesky factors (draw, source, source); not numbers for draws so far out that there is none."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        found = np.full_like(covariance, np.nan)
        for at, one in enumerate(covariance):
            with suppress(np.linalg.LinAlgError):
                found[at] = np.linalg.cholesky(one)
        return found


def log_probability_below(limit: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Log probability that normal variables are below their limits.

    Parameters
    ----------
    limit : array (draw, variable)
        Over their means.
    covariance : array (draw, variable, variable)

    Returns
    -------
    array (draw)
        By drawing one after the other below its limit, the least likely first, along paths that fill space evenly.
    """
    size = limit.shape[1]
    order = _least_likely_first(limit.mean(axis=0), covariance.mean(axis=0))
    limit, factor = limit[:, order], np.linalg.cholesky(covariance[:, order][:, :, order])
    if size == 1:
        return log_ndtr(limit[:, 0] / factor[:, 0, 0])
    log_points = np.log(np.clip(qmc.Sobol(size - 1, rng=1).random(PATHS), 1e-12, 1.0)).T
    drawn = np.zeros((len(limit), size, PATHS))
    total = np.zeros((len(limit), PATHS))
    for k in range(size):
        along = np.einsum("dj,djp->dp", factor[:, k, :k], drawn[:, :k])
        reached = log_ndtr((limit[:, k, None] - along) / factor[:, k, k, None])
        total += reached
        if k < size - 1:
            drawn[:, k] = ndtri_exp(np.minimum(reached + log_points[k], -1e-16))
    return logsumexp(total, axis=1) - np.log(PATHS)


def _least_likely_first(limit: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Order of variables in which each is the least likely to be below its limit, given that those before it are.

    Gibson, Glasbey and Elston (1994): paths then differ least in the probability that they find.
    """
    left, order = list(range(len(limit))), []
    mean, covariance = np.zeros(len(limit)), covariance.copy()
    while left:
        sd = np.sqrt(covariance[left, left])
        chances = log_ndtr((limit[left] - mean[left]) / sd)
        at = int(chances.argmin())
        k = left.pop(at)
        bound = (limit[k] - mean[k]) / sd[at]
        order.append(k)
        if left:
            fallen = -np.exp(-0.5 * bound**2 - 0.5 * np.log(2 * np.pi) - chances[at])
            along = covariance[left, k] / sd[at]
            mean[left] += along * fallen
            covariance[np.ix_(left, left)] -= np.outer(along, along)
    return np.array(order)
