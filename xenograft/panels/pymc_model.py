"""A panel and a card as a PyMC model with the effects of models and animals explicit: to open, and for the proof."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from xenograft.fitting.coordinates import Piece
from xenograft.fitting.pymc_model import variable_of
from xenograft.model.card import ModelCard
from xenograft.panels.better import dropped_effects
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import LATENT, SIGNED, panel_coordinates, readings_of, schedules_of
from xenograft.panels.panel import Panel


def build_panel(panel: Panel, card: ModelCard) -> pm.Model:
    """The PyMC model of a panel under a card.

    Parameters
    ----------
    panel : Panel
        Models and readings.
    card : ModelCard
        With `panel = true`.

    Returns
    -------
    pymc.Model
        Parameters as the card's priors name them (rates in 1/day). `model_effect` (model, effect), `animal_effect`
        (animal, 2) and, where moderators are unknown, `unknown_moderator` are standard normal; the deterministic
        `effects` (model, effect) are what each model has: log baseline over the reference volume, growth, kills,
        departures. `volume_readings` are the measured log volumes; censored ones enter as `below_the_limit`.
    """
    coordinates = panel_coordinates(panel, card)
    card, readings, times = coordinates.card, readings_of(panel), schedules_of(panel, coordinates.card)
    labels: dict[str, Any] = coordinates.labels() | {
        "model": list(panel.models),
        "effect": list(coordinates.effects),
        "animal": [f"{panel.models[m]}/{name}" for m, name in zip(readings.model, readings.names, strict=True)],
        "own": ["baseline", "growth"],
    }
    with pm.Model(coords={name: own for name, own in labels.items() if own}) as model:
        given = {p.name: _variable(card, p) for p in coordinates.pieces if p.name not in LATENT}
        effects: Any = pm.Deterministic("effects", _effects(panel, card, given), dims=("model", "effect"))
        own = _own_effects(panel, card, given, readings.arm)
        first: Any = (effects * coordinates.towards_first).sum(axis=1) > 0 if card.reference == "hsa" else None
        mean, error = _means(panel, card, given, effects, own, readings, times, first)
        measured = np.flatnonzero(~readings.censored)
        below = np.flatnonzero(readings.censored)
        pm.Normal("volume_readings", mean[measured], error[measured], observed=readings.log_volume[measured])
        if len(below):
            limit = (readings.log_volume[below] - mean[below]) / error[below]
            below_limit: Any = pm.logcdf(pm.Normal.dist(0, 1), limit)
            pm.Potential("below_the_limit", below_limit.sum())
    return model


def _variable(card: ModelCard, piece: Piece) -> Any:
    priors = [card.prior_of(piece.name)] if piece.name in SIGNED else list(piece.priors)
    dims = piece.dims or None
    if len(set(priors)) > 1:
        parts = [variable_of(f"{piece.name}_{i}", prior) for i, prior in enumerate(priors)]
        return pm.Deterministic(piece.name, pt.stack(parts), dims=dims)
    return variable_of(piece.name, priors[0], dims)


def _effects(panel: Panel, card: ModelCard, given: dict[str, Any]) -> Any:
    """What each model has of its own (model, effect)."""
    names = ("baseline", "growth", "kill", "departure")
    mean: Any = pt.concatenate([pt.atleast_1d(given[name]) for name in names if name in given])
    sd: Any = pt.concatenate([pt.atleast_1d(given[f"between_{name}"]) for name in names if name in given])
    sd = sd[None, :] * np.ones((len(panel.models), 1))
    if panel.historical:
        rows = np.flatnonzero([name in panel.historical for name in panel.models])
        sd = pt.set_subtensor(sd[rows, 1], given["historical_growth"])
    found = mean + sd * pm.Normal("model_effect", 0.0, 1.0, dims=("model", "effect"))
    if not card.moderators:
        return found
    standard = panel.standard_moderators.to_numpy(dtype=float)
    known: Any = pt.as_tensor_variable(np.nan_to_num(standard))
    gaps = np.argwhere(np.isnan(standard))
    if len(gaps):
        known = pt.set_subtensor(
            known[gaps[:, 0], gaps[:, 1]], pm.Normal("unknown_moderator", 0.0, 1.0, shape=len(gaps))
        )
    slopes: Any = pt.concatenate([given[n] for n in ("slope_kill", "slope_departure") if n in given])
    moved: Any = pt.concatenate([pt.zeros((len(panel.models), 2)), known @ slopes.T], axis=1)
    return found + moved


def _own_effects(panel: Panel, card: ModelCard, given: dict[str, Any], arm: np.ndarray) -> Any:
    """An animal's own baseline and growth (animal, 2), correlated."""
    standard = pm.Normal("animal_effect", 0.0, 1.0, dims=("animal", "own"))
    sd_growth = given["sd_growth"][arm] if card.spread == "arm" else given["sd_growth"]
    rho = given["correlation"]
    baseline = given["sd_baseline"] * standard[:, 0]
    growth = sd_growth * (rho * standard[:, 0] + pt.sqrt(1 - rho**2) * standard[:, 1])
    return pt.stack([baseline, growth], axis=1)


def _means(
    panel: Panel, card: ModelCard, given: dict[str, Any], effects: Any, own: Any, readings: Any, times: Any, first: Any
) -> tuple[Any, Any]:
    """Mean and sd of each reading (reading).

    `first` (model) says where of a combination the first agent alone counts, and else the second; None: both do.
    """
    animal = readings.animal
    model, arm = readings.model[animal], readings.arm[animal]
    parts: list[Any] = []
    order: list[np.ndarray] = []
    for s, received in enumerate(times.received):
        mine = np.flatnonzero(times.of_model[model] == s)
        days, at = np.unique(readings.elapsed[mine], return_inverse=True)
        columns = effect_columns(pt.as_tensor_variable(days), received, panel, card, given, xp=pt)[arm[mine], at]
        if first is not None:
            dropped = dropped_effects(panel)[arm[mine]]
            of_arm: Any = pt.switch(first[model[mine]], dropped[:, 0], dropped[:, 1])
            columns = columns * pt.neq(of_arm[:, None], np.arange(2 + len(panel.levels)))
        mean = (columns * effects[model[mine]]).sum(axis=1) + (columns[:, :2] * own[animal[mine]]).sum(axis=1)
        parts.append(mean)
        order.append(mine)
    back = np.argsort(np.concatenate(order))
    error = given["error"][arm] if card.spread == "arm" else given["error"] * np.ones(len(arm))
    joined: Any = pt.concatenate(parts)
    return joined[back], error
