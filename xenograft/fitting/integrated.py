"""Log likelihood of each animal, mouse or cage, what is its own integrated out (docs/mathematics.md#the-likelihood)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from xenograft.fitting.fit import parameters_of
from xenograft.model.card import ModelCard
from xenograft.model.curve import Parameters
from xenograft.model.exposure import schedule
from xenograft.model.groups import (
    as_one_animal,
    by_group,
    common_part,
    grouping,
    log_density_of_groups,
    shares_of_groups,
)
from xenograft.model.likelihood import Panel, log_density, moments, panel
from xenograft.model.quadrature import log_density_by_quadrature
from xenograft.study.study import Study

CHUNK = 250_000
"""Numbers held per array while going through posterior draws (2 MB: what a core keeps at hand)."""

CAGE_NODES = 9
"""Nodes over how fast a cage grows, where readings of its animals are censored or have Student errors."""


def log_likelihood(
    posterior: xr.Dataset, study: Study, card: ModelCard, animals: Sequence[str] | None = None
) -> xr.DataArray:
    """Integrated log likelihood of each animal's readings, or mouse's or cage's (docs/mathematics.md#the-likelihood).

    Parameters
    ----------
    posterior : Dataset (chain, draw, …)
        Draws of the card's parameters.
    study : Study
        The readings.
    card : ModelCard
        The hypothesis.
    animals : sequence of str, optional
        Whose, names of `study.groups`; default all.

    Returns
    -------
    DataArray (chain, draw, animal)
        Natural log of a density per log unit for each reading; where mice carry several tumours or cages hold
        several animals, the dimension is `mouse` or `cage`.
    """
    names = list(dict.fromkeys(study.groups)) if animals is None else list(animals)
    readings = _only(panel(study), study.groups, names)
    given = schedule(study, exposure=card.exposure)
    parts: list[Any] = []
    step = max(1, CHUNK // (readings.weight.size * posterior.sizes["chain"]))
    for start in range(0, posterior.sizes["draw"], step):
        parameters = parameters_of(posterior.isel(draw=slice(start, start + step)), card)
        parts.append(_log_likelihood(readings, parameters, *moments(readings, given, parameters)))
    return xr.DataArray(
        np.concatenate(parts, axis=1),
        dims=("chain", "draw", study.group),
        coords={"chain": posterior["chain"], "draw": posterior["draw"], study.group: names},
        name="volume_readings",
    )


def _only(readings: Panel, groups: pd.Series, names: Sequence[str]) -> Panel:
    """The panel of the animals of some groups, in the order of their names."""
    position = pd.Series(np.arange(len(groups)), index=groups.to_numpy())
    rows = position.loc[list(names)].to_numpy()
    by_animal = ("arm_index", "cohort_index", "day_index", "log_volume", "weight", "censored")
    chosen = {name: getattr(readings, name)[rows] for name in by_animal}
    return replace(readings, **chosen, groups=None if readings.groups is None else grouping(groups.iloc[rows]))


def _log_likelihood(readings: Panel, parameters: Parameters, mean: Any, precision: Any, columns: list[Any]) -> Any:
    """Exact where all readings of an animal, mouse or cage are measured with normal errors, else by quadrature."""
    groups, freedom = readings.groups, parameters.degrees_of_freedom
    censored = readings.censored * readings.weight > 0
    if groups is None:
        return _of_animals(readings.log_volume, mean, precision, columns, censored, freedom)
    grouped = by_group(groups, readings.log_volume, mean, precision, columns)
    shares = shares_of_groups(groups, parameters, len(columns))
    found = log_density_of_groups(*grouped, shares)
    hard = np.flatnonzero((censored[groups.members] & (groups.present[..., None] > 0)).any(axis=(-1, -2)))
    hard = np.arange(len(groups.members)) if freedom is not None else hard
    if len(hard):
        of_hard = grouped[0][..., hard, :, :], *(one[..., hard, :, :] for one in (*grouped[1:3], *grouped[3]))
        below = censored[groups.members[hard]] & (groups.present[hard][..., None] > 0)
        own_shares = None if shares is None else shares[..., hard, :]
        by = _of_mice if parameters.cage_share is None else _of_cages
        found[..., hard] = by(of_hard[:3], list(of_hard[3:]), own_shares, below, groups.present[hard], freedom)
    return found


def _of_animals(
    volumes: Any, mean: Any, precision: Any, columns: list[Any], censored: np.ndarray, freedom: Any
) -> np.ndarray:
    """Log likelihood (…, animal) of animals that have nothing in common."""
    if freedom is not None:
        return log_density_by_quadrature(volumes, mean, precision, columns, censored, freedom)
    exact = log_density(volumes, mean, precision, columns)
    hard = np.flatnonzero(censored.any(axis=-1))
    if len(hard):
        own = [np.broadcast_to(column, mean.shape)[..., hard, :] for column in columns]
        exact[..., hard] = log_density_by_quadrature(
            volumes[hard], mean[..., hard, :], precision[..., hard, :], own, censored[hard]
        )
    return exact


def _of_mice(
    readings: tuple[Any, Any, Any], columns: list[Any], shares: Any, censored: np.ndarray, present: Any, freedom: Any
) -> np.ndarray:
    """Log likelihood (…, group) of mice as animals that have the effects of all their tumours."""
    size = present.sum(axis=-1).astype(int)
    found = np.empty(readings[1].shape[:-2])
    for members in np.unique(size):  # the rule has as many dimensions as the members have effects
        at = np.flatnonzero(size == members)
        own = [array[..., at, :members, :] for array in (*readings, *columns)]
        flat = as_one_animal(own[0], own[1], own[2], own[3:], shares[..., at, :] if columns else shares)
        found[..., at] = log_density_by_quadrature(*flat, censored[at, :members].reshape(len(at), -1), freedom)
    return found


def _of_cages(
    readings: tuple[Any, Any, Any], columns: list[Any], shares: Any, censored: np.ndarray, present: Any, freedom: Any
) -> np.ndarray:
    """Log likelihood (…, group) of cages: given how fast a cage grows, its animals have nothing in common.

    That one number is integrated by Gauss–Hermite quadrature about its normal distribution given all that is measured.
    """
    volumes, mean, precision = readings
    at = int(np.flatnonzero((shares > 0).any(axis=tuple(range(shares.ndim - 1))))[0]) if (shares > 0).any() else 0
    middle, sd = common_part(volumes, mean, precision * ~censored, columns, shares, at)
    root = np.sqrt(shares[..., at])[..., None, None]
    own = [np.sqrt(1 - shares[..., k])[..., None, None] * column for k, column in enumerate(columns)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(CAGE_NODES)

    def flat(array: Any) -> Any:
        return array.reshape(*array.shape[:-3], -1, array.shape[-1])

    found: list[np.ndarray] = []
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        common = middle + sd * node
        shifted = mean + root * common[..., None, None] * columns[at]
        of_animals = _of_animals(
            flat(volumes), flat(shifted), flat(precision), [flat(one) for one in own], flat(censored), freedom
        )
        inside = (of_animals.reshape(precision.shape[:-1]) * present).sum(axis=-1)
        found.append(inside + np.log(weight * sd) + (node**2 - common**2) / 2)
    return np.asarray(logsumexp(np.stack(found), axis=0))
