"""What each model has of its own, and what another model would have: draws of effects, and curves from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xenograft.model.card import ModelCard
from xenograft.panels.better import dropped_effects
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import schedule_of_arms
from xenograft.panels.density import PanelDensity
from xenograft.panels.panel import Panel
from xenograft.study.study import Arm

MOST = 2_000_000
"""Draws times models of which effects are kept; beyond, fewer draws are."""


def draws_of_effects(density: PanelDensity, positions: np.ndarray, rng: np.random.Generator) -> xr.DataArray:
    """Draws of the effects of each model from their exact distribution given its readings.

    Parameters
    ----------
    density : PanelDensity
        Of the panel and the card.
    positions : array (chain, draw, coordinate)
        Posterior draws.
    rng : Generator
        Source of randomness.

    Returns
    -------
    DataArray (chain, draw, model, effect)
        Log baseline (over the reference volume), rates in 1/day.
    """
    panel = density.coordinates.panel
    chains, draws, _ = positions.shape
    thin = max(1, int(np.ceil(chains * draws * len(panel.models) / MOST)))
    chosen = positions[:, ::thin]
    flat = chosen.reshape(-1, chosen.shape[-1])
    effects = density.coordinates.effects
    found = np.empty((len(flat), len(panel.models), len(effects)))
    for first in range(0, len(flat), 100):
        part = slice(first, first + 100)
        found[part] = density.models(flat[part]).effects(rng)
    return xr.DataArray(
        found.reshape(chains, -1, *found.shape[1:]),
        dims=("chain", "draw", "model", "effect"),
        coords={"chain": np.arange(chains), "draw": np.arange(draws)[::thin], "model": list(panel.models),
                "effect": list(effects)},
    )  # fmt: skip


@dataclass(frozen=True)
class Population:
    """The models that a panel's are a sample of.

    Parameters
    ----------
    mean : DataArray (chain, draw, effect)
        Effects of the typical model, its moderators at the mean of the panel.
    sd : DataArray (chain, draw, effect)
        Between models, of one value of the moderators.
    slope : DataArray (chain, draw, effect, moderator) or None
        By how much an effect changes with a moderator, per sd of it.
    """

    mean: xr.DataArray
    sd: xr.DataArray
    slope: xr.DataArray | None

    def at(self, moderator: str, value: float) -> xr.DataArray:
        """Effects of the typical model of a value of one moderator, in sds from its mean (chain, draw, effect)."""
        if self.slope is None:
            return self.mean
        return self.mean + value * self.slope.sel(moderator=moderator, drop=True)

    def new(self, rng: np.random.Generator, count: int = 1) -> xr.DataArray:
        """Effects of models that were not seen, of any moderators (chain, draw, model, effect), so many per draw."""
        shape = (*self.mean.shape[:2], count, self.mean.shape[2])
        dims = ("chain", "draw", "model", "effect")
        found = self.mean + self.sd * xr.DataArray(rng.standard_normal(shape), dims=dims)
        if self.slope is not None:
            noise = rng.standard_normal((*shape[:3], self.slope.sizes["moderator"]))
            moderators = xr.DataArray(noise, dims=("chain", "draw", "model", "moderator"))
            found = found + xr.dot(moderators, self.slope, dim="moderator")
        return found.transpose(*dims)


def population_of(posterior: xr.Dataset, effects: Sequence[str]) -> Population:
    """The population of models under draws of a card's parameters.

    Parameters
    ----------
    posterior : Dataset (chain, draw, …)
        From `PanelDensity.parameters`.
    effects : sequence of str
        Their names (`PanelCoordinates.effects`).
    """

    def gathered(*names: str) -> xr.DataArray:
        parts: list[Any] = []
        for name in names:
            if name in posterior:
                values = posterior[name].to_numpy()
                parts.append(values[..., None] if values.ndim == 2 else values)
        return xr.DataArray(
            np.concatenate(parts, axis=2), dims=("chain", "draw", "effect"),
            coords={"chain": posterior["chain"], "draw": posterior["draw"], "effect": list(effects)},
        )  # fmt: skip

    mean = gathered("baseline", "growth", "kill", "departure")
    sd = gathered("between_baseline", "between_growth", "between_kill", "between_departure")
    if "slope_kill" not in posterior:
        return Population(mean, sd, None)
    moderators = posterior["slope_kill"]["moderator"].to_numpy()
    slopes = [np.zeros((*mean.shape[:2], 2, len(moderators))), posterior["slope_kill"].to_numpy()]
    slopes += [posterior["slope_departure"].to_numpy()] if "slope_departure" in posterior else []
    slope = xr.DataArray(
        np.concatenate(slopes, axis=2), dims=("chain", "draw", "effect", "moderator"),
        coords=mean.coords | {"moderator": moderators},
    )  # fmt: skip
    return Population(mean, sd, slope)


def curves_of_effects(
    effects: xr.DataArray,
    posterior: xr.Dataset,
    panel: Panel,
    card: ModelCard,
    days: Sequence[float],
    arms: tuple[Arm, ...] | None = None,
) -> xr.DataArray:
    """Log-volume curves of every arm from effects.

    Parameters
    ----------
    effects : DataArray (chain, draw, …, effect)
        Of a model, or of several.
    posterior : Dataset (chain, draw, …)
        The rates that the columns depend on, of these draws.
    panel, card
        Of the fit.
    days : sequence of float
        Since the first dose.
    arms : tuple of Arm, optional
        What the arms receive, days since the first dose; the panel's own unless given.

    Returns
    -------
    DataArray (chain, draw, …, arm, day)
        ln volume in the panel's unit; `of` = "typical" as of one study.
    """
    received = schedule_of_arms(panel, arms or panel.arms, card)
    own = posterior.sel(draw=effects["draw"])
    rates: Mapping[str, Any] = {n: own[n].to_numpy() for n in ("slowing", "waning", "onset") if n in own}
    columns = effect_columns(np.asarray(days, dtype=float), received, panel, card, rates)
    dims = ("chain", "draw", "arm", "day", "effect") if columns.ndim == 5 else ("arm", "day", "effect")
    weights = xr.DataArray(
        columns, dims=dims, coords={"arm": [arm.name for arm in panel.arms], "day": list(map(float, days))}
    )
    found = xr.dot(effects, weights, dim="effect") + float(np.log(panel.reference_volume))
    if card.reference == "hsa":
        found = _of_the_better(found, effects, weights, received, panel, card)
    order = [dim for dim in effects.dims if dim != "effect"]
    return found.transpose(*order, "arm", "day").assign_attrs(of="typical", first_dose=0.0)


def _of_the_better(
    curves: xr.DataArray, effects: xr.DataArray, weights: xr.DataArray, received: Any, panel: Panel, card: ModelCard
) -> xr.DataArray:
    """Curves whose combinations of two agents do as much as the better of them."""
    by_day_of_decision = effect_columns(np.array([panel.follow_up]), received, panel, card, {})[:, 0]
    parts: list[xr.DataArray] = []
    for a, (second, first) in enumerate(dropped_effects(panel)):
        own = curves.isel(arm=a)
        if second >= 0:
            each = [effects.isel(effect=k, drop=True) for k in (first, second)]
            too_much = [
                one * weights.isel(arm=a, effect=k, drop=True) for one, k in zip(each, (first, second), strict=True)
            ]
            taken = [one * -by_day_of_decision[a, k] for one, k in zip(each, (first, second), strict=True)]
            own = own - xr.where(taken[0] > taken[1], too_much[1], too_much[0])
        parts.append(own)
    return xr.concat(parts, dim="arm")
