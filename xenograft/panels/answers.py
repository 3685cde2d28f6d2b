"""What a panel says of a combination: of the average model, of the next, of each, of what decides (docs/panels.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr

from xenograft.answers.averaging import average
from xenograft.answers.ranking import Comparison, compare
from xenograft.fitting.fit import Fit
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import panel_coordinates, schedule_of_arms, schedules_of
from xenograft.panels.effects import Population, curves_of_effects, population_of
from xenograft.panels.fit import PanelFit, refit_without_models
from xenograft.panels.panel import Panel
from xenograft.quantities.estimands import JudgedReference, excess
from xenograft.study.study import Arm

REFERENCES: Sequence[JudgedReference] = ("bliss", "hsa")

NEW_MODELS = 40
"""New models per draw from which the spread of an excess that is not linear in the effects is taken."""

LOW, HIGH = 0.25, 0.75
"""Quantiles of a moderator at which the excess is told; of a category its absence and presence."""


@dataclass(frozen=True, eq=False)
class Answer:
    """Draws of what a combination does beyond a reference, averaged over the answering cards.

    All are an excess in log units, positive = enhanced.

    Parameters
    ----------
    combination : str
        The arm.
    reference : {"bliss", "hsa"}
        What no interaction means.
    average, new_model : DataArray (chain, draw, day)
        Of the typical model, its moderators at the mean of the panel's; of a model that was not seen.
    models : DataArray (chain, draw, model)
        Of each model that is no historical control, at the horizon.
    spread : DataArray (chain, draw)
        Sd between models at the horizon, that of the moderators included.
    moderators : DataArray (chain, draw, moderator, place) or None
        Of the typical model of a low and of a high value of each moderator, at the horizon, under the cards that have
        moderators: averaged by their weights, or where all of these are 0 the best of them; None without one.
    by_card : mapping of str to DataArray (chain, draw)
        Of the typical model at the horizon, by answering card.
    """

    combination: str
    reference: JudgedReference
    average: xr.DataArray
    new_model: xr.DataArray
    models: xr.DataArray
    spread: xr.DataArray
    moderators: xr.DataArray | None
    by_card: Mapping[str, xr.DataArray]


def compare_panel(
    fits: Mapping[str, PanelFit],
    *,
    exact: bool = True,
    refit: Callable[[PanelFit, Sequence[str]], PanelFit] | None = None,
) -> Comparison:
    """Rank fits of one panel by how well they predict a model they have not seen.

    Every model is left out in turn by importance sampling, and exactly, by fitting again, where that cannot be trusted.

    Parameters
    ----------
    fits : mapping of str to PanelFit
        By card name.
    exact : bool
        Fit again where importance sampling cannot be trusted.
    refit : callable, optional
        How to fit again; default `refit_without_models`.

    Raises
    ------
    InputError
        When the fits are of different panels.
    """
    return compare(cast("Mapping[str, Fit]", fits), exact=exact, refit=cast("Any", refit or refit_without_models))


def days_of(panel: Panel) -> list[float]:
    """Days since the first dose at which answers are given: every week up to the horizon, and the horizon."""
    weeks = np.arange(7.0, panel.horizon, 7.0)
    return [*map(float, weeks), panel.horizon]


def values_of(panel: Panel) -> dict[str, tuple[float, float]]:
    """A low and a high value of each moderator: quartiles, of a category 0 and 1."""
    found: dict[str, tuple[float, float]] = {}
    for name, column in panel.moderators.items():
        known = column.dropna().to_numpy(dtype=float)
        low, high = (0.0, 1.0) if set(np.unique(known)) <= {0.0, 1.0} else np.quantile(known, [LOW, HIGH])
        found[str(name)] = (float(low), float(high)) if high > low else (float(known.min()), float(known.max()))
    return found


def answers_of(panel: Panel, fits: Mapping[str, PanelFit], ranking: Comparison, *, seed: int = 1) -> list[Answer]:
    """The answers on every combination under every reference; empty where no healthy card may answer.

    Parameters
    ----------
    panel : Panel
        What was fitted.
    fits, ranking
        By card name, and their comparison.
    seed : int
        Of the models that are drawn as new ones.
    """
    weights = ranking.answer_weights
    if not weights:
        return []
    own = {name: ExcessOfCard(panel, fits[name], seed) for name in weights}
    moderated = {name: weight for name, weight in weights.items() if fits[name].card.moderators}
    if moderated and not any(moderated.values()):  # asked about all the same: `panel_cautions` says what it is worth
        moderated = {next(str(name) for name in ranking.table.index if name in moderated): 1.0}
    found: list[Answer] = []
    for arm in panel.judged:
        for reference in REFERENCES:
            each = {name: one.excess(one.typical, arm, reference, days_of(panel)) for name, one in own.items()}
            new = {name: one.excess(one.new, arm, reference, days_of(panel)) for name, one in own.items()}
            models = {name: one.of_models(arm, reference) for name, one in own.items()}
            spread = {name: one.spread(arm, reference) for name, one in own.items()}
            moderators = {name: own[name].at_values(arm, reference) for name in moderated}
            found.append(
                Answer(
                    arm.name,
                    reference,
                    average(each, weights),
                    average(new, weights),
                    average(models, weights),
                    average(spread, weights),
                    average(moderators, moderated) if moderated else None,
                    {name: draws.sel(day=panel.horizon, drop=True) for name, draws in each.items()},
                )
            )
    return found


class ExcessOfCard:
    """Excess of typical, new and the panel's models under one card.

    Parameters
    ----------
    panel : Panel
        What was fitted.
    fit : PanelFit
        With the posterior; `of_models` needs what each model has of its own, too.
    seed : int
        Of the models that are drawn as new ones.
    """

    def __init__(self, panel: Panel, fit: PanelFit, seed: int) -> None:
        self.panel, self.fit = panel, fit
        self.population: Population = population_of(fit.posterior, panel_coordinates(panel, fit.card).effects)
        self.typical = self.population.mean
        self._rng = np.random.default_rng([seed, int(fit.card.digest[:8], 16)])
        self.new = self.population.new(self._rng).isel(model=0, drop=True)

    def excess(
        self, effects: xr.DataArray, arm: Arm, reference: JudgedReference, days: Sequence[float],
        arms: tuple[Arm, ...] | None = None,
    ) -> xr.DataArray:  # fmt: skip
        """Of effects (chain, draw, …, effect), by day; `arms` are what they receive, the panel's own unless given."""
        curves = curves_of_effects(effects, self.fit.posterior, self.panel, self.fit.card, days, arms)
        singles = [one.name for one in self.panel.singles(arm)]
        return excess(curves, arm.name, singles, self.panel.control.name, reference)

    def of_models(self, arm: Arm, reference: JudgedReference) -> xr.DataArray:
        """Of each model that is no historical control, at the horizon (chain, draw, model)."""
        panel, times = self.panel, schedules_of(self.panel, self.fit.card)
        parts: list[xr.DataArray] = []
        for s, arms in enumerate(times.arms):
            names = [
                m for m, of in zip(panel.models, times.of_model, strict=True) if of == s and m not in panel.historical
            ]
            if names:
                own = self.fit.effects.sel(model=names)
                parts.append(self.excess(own, arm, reference, [panel.horizon], arms).isel(day=0, drop=True))
        order = [m for m in panel.models if m not in panel.historical]
        return xr.concat(parts, dim="model").sel(model=order).transpose("chain", "draw", "model")

    def spread(self, arm: Arm, reference: JudgedReference) -> xr.DataArray:
        """Sd between models at the horizon (chain, draw)."""
        if reference != "bliss":
            new = self.population.new(self._rng, NEW_MODELS)
            found = self.excess(new, arm, reference, [self.panel.horizon]).isel(day=0, drop=True)
            return found.std("model", ddof=1)
        weight = self._weight(arm)
        variance = ((weight * self.population.sd) ** 2).sum("effect")
        if self.population.slope is not None:
            variance = variance + (xr.dot(weight, self.population.slope, dim="effect") ** 2).sum("moderator")
        return xr.ufuncs.sqrt(variance).transpose("chain", "draw")

    def _weight(self, arm: Arm) -> xr.DataArray:
        """The Bliss excess at the horizon as a sum of effects."""
        panel = self.panel
        own = self.fit.posterior
        rates = {name: own[name].to_numpy() for name in ("slowing", "waning", "onset") if name in own}
        received = schedule_of_arms(panel, panel.arms, self.fit.card)
        columns = effect_columns(np.array([panel.horizon]), received, panel, self.fit.card, rates)
        dims = ("chain", "draw", "arm", "day", "effect")[-columns.ndim :]
        if columns.ndim == 3:
            dims = ("arm", "day", "effect")
        coords = {"arm": [one.name for one in panel.arms], "effect": self.typical["effect"]}
        array = xr.DataArray(columns, dims=dims, coords=coords).isel(day=0)
        singles = [one.name for one in panel.singles(arm)]
        control = array.sel(arm=panel.control.name, drop=True)
        return (array.sel(arm=singles) - control).sum("arm") - (array.sel(arm=arm.name, drop=True) - control)

    def at_values(self, arm: Arm, reference: JudgedReference) -> xr.DataArray:
        """Of the typical model of a low and a high value of each moderator (chain, draw, moderator, place)."""
        panel = self.panel
        mean, sd = panel.moderators.mean(), panel.moderators.std(ddof=1)
        each = [
            xr.concat(
                [
                    self.excess(
                        self.population.at(name, (value - mean[name]) / sd[name]), arm, reference, [panel.horizon]
                    ).isel(day=0, drop=True)
                    for value in both
                ],
                dim="place",
            ).assign_coords(place=["low", "high"])
            for name, both in values_of(panel).items()
        ]
        labels = xr.DataArray(list(values_of(panel)), dims="moderator")
        found = xr.concat(each, dim="moderator").assign_coords(moderator=labels)
        return found.transpose("chain", "draw", "moderator", "place")
