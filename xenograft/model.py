"""A study and a card become a PyMC model on the integrated likelihood (DESIGN 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import reduce
from operator import mul
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from xenograft.cards import ModelCard
from xenograft.dynamics import Parameters
from xenograft.exposure import Schedule, schedule
from xenograft.likelihood import Panel, log_density, moments, panel
from xenograft.priors import Prior
from xenograft.study import Study

DIMS: Mapping[str, str | tuple[str, ...]] = {
    "elapsed": "day",
    "arm_index": "animal",
    "day_index": ("animal", "reading"),
    "log_volume": ("animal", "reading"),
    "weight": ("animal", "reading"),
}
"""Dimensions of the model's data; those of the schedule have none."""

PACKED = ("jump_day", "jump", "elapsed", "log_volume", "weight", "arm_index", "day_index")
"""Order in which the sampler's one vector holds the data, after six numbers."""


def build(study: Study, card: ModelCard) -> pm.Model:
    """The PyMC model of a study under a card.

    The observed variable `volume_readings` (animal, reading; log volume over reference volume) is one distribution
    with one log-likelihood value per animal; the animals' own effects are integrated out. All data are `pm.Data` and
    can be exchanged with `pm.set_data`.

    Parameters
    ----------
    study : Study
        The arms and readings.
    card : ModelCard
        The hypothesis.

    Returns
    -------
    pymc.Model
        Free variables `baseline` (log units above the reference volume), `growth`, `slowing`, `kill` (agent),
        `departure` (combination), all 1/day, `sd_baseline` (log units), `sd_growth` (1/day), `correlation` (through
        `correlation_unit` on 0–1) and `error` (log units).
    """
    with pm.Model(coords=coords(study)) as model:
        given = {name: pm.Data(name, value, dims=DIMS.get(name)) for name, value in data(study).items()}
        if card.departure == "estimated" and study.combinations:
            departure = _prior("departure", card.prior_of("departure"), dims="combination")
        else:
            departure = np.zeros(len(study.combinations))
        parameters = _parameters(study, card, departure, float(card.reference == "hsa"))
        mean, precision, columns = moments(*_panel_and_schedule(study, given), parameters, xp=pt)
        _animals_readings("volume_readings", mean, precision, columns, observed=given["log_volume"])
    return model


def build_for_sampler(study: Study, card: ModelCard) -> pm.Model:
    """The posterior of `build` as one graph for all cards of a growth law, with all data in one vector.

    The cards of one law differ in the departure's prior and the reference only, so these are data too: the departure
    is its prior's mean plus its prior's sd times `departure_standard`, and a card that fixes it has both at 0. Each
    array of data costs nutpie half a second of compilation, hence the packing.
    """
    with pm.Model(coords=coords(study)) as model:
        packed: Any = pm.Data("packed", sampler_data(study, card)["packed"])
        mu, sigma, highest_single_agent, given = _unpack(packed, schedule(study))
        if study.combinations:
            standard = pm.Normal("departure_standard", dims="combination")
            departure = pm.Deterministic("departure", mu + sigma * standard, dims="combination")
        else:
            departure = np.zeros(0)
        parameters = _parameters(study, card, departure, highest_single_agent)
        mean, precision, columns = moments(*_panel_and_schedule(study, given), parameters, xp=pt)
        density = log_density(given["log_volume"], mean, precision, columns, xp=pt)
        pm.Potential("volume_readings", density.sum())
    return model


def data(study: Study) -> dict[str, np.ndarray]:
    """Everything of a study that enters the model as data, by name; who gets what is part of the graph."""
    readings, given = panel(study), schedule(study)
    return {"jump_day": given.jump_day, "jump": given.jump} | {
        item.name: getattr(readings, item.name) for item in fields(Panel)
    }


def sampler_data(study: Study, card: ModelCard) -> dict[str, np.ndarray]:
    """The data of `build_for_sampler`: one vector that `_unpack` takes apart."""
    prior = card.prior_of("departure").arguments if card.departure == "estimated" else {"mu": 0.0, "sigma": 0.0}
    given = data(study)
    sizes = [*given["weight"].shape, len(given["elapsed"])]
    head = [prior["mu"], prior["sigma"], float(card.reference == "hsa"), *sizes]
    return {"packed": np.concatenate([head, *(given[name].ravel() for name in PACKED)])}


def coords(study: Study) -> dict[str, tuple[str, ...]]:
    """Labels of the model's dimensions."""
    return {
        "arm": tuple(arm.name for arm in study.arms),
        "agent": study.level_labels,
        "combination": tuple(arm.name for arm in study.combinations),
        "animal": tuple(str(animal) for animal in study.animals.index),
    }


def _unpack(packed: Any, given: Schedule) -> tuple[Any, Any, Any, dict[str, Any]]:
    animals, readings, days = (packed[place].astype("int64") for place in (3, 4, 5))
    shapes: dict[str, tuple[Any, ...]] = {
        "jump_day": given.jump_day.shape,
        "jump": given.jump.shape,
        "elapsed": (days,),
        "log_volume": (animals, readings),
        "weight": (animals, readings),
        "arm_index": (animals,),
        "day_index": (animals, readings),
    }
    arrays: dict[str, Any] = {}
    start: Any = 6
    for name in PACKED:
        end = start + reduce(mul, shapes[name])
        arrays[name] = packed[start:end].reshape(shapes[name])
        start = end
    indices = {name: arrays[name].astype("int64") for name in ("arm_index", "day_index")}
    return packed[0], packed[1], packed[2], arrays | indices


def _panel_and_schedule(study: Study, given: Mapping[str, Any]) -> tuple[Panel, Schedule]:
    readings = Panel(**{item.name: given[item.name] for item in fields(Panel)})
    return readings, replace(schedule(study), jump_day=given["jump_day"], jump=given["jump"])


def _parameters(study: Study, card: ModelCard, departure: Any, highest_single_agent: Any) -> Parameters:
    return Parameters(
        baseline=_prior("baseline", card.prior_of("baseline")),
        growth=_prior("growth", card.prior_of("growth")),
        slowing=_prior("slowing", card.prior_of("slowing")) if card.growth == "gompertz" else None,
        kill=_kill(study, card),
        departure=departure,
        highest_single_agent=highest_single_agent,
        sd_baseline=_prior("sd_baseline", card.prior_of("sd_baseline")),
        sd_growth=_prior("sd_growth", card.prior_of("sd_growth")),
        correlation=_prior("correlation", card.prior_of("correlation")),
        error=_prior("error", card.prior_of("error")),
    )


def _prior(name: str, prior: Prior, dims: str | None = None) -> Any:
    if prior.distribution == "LKJ":  # of a 2 × 2 matrix: a symmetric Beta on (−1, 1)
        eta = prior.arguments["eta"]
        return pm.Deterministic(name, 2 * pm.Beta(f"{name}_unit", eta, eta) - 1)
    return getattr(pm, prior.distribution)(name, **prior.arguments, dims=dims)


def _kill(study: Study, card: ModelCard) -> Any:
    priors = [card.prior_of("kill", agent) for agent, _ in study.levels]
    names = {prior.distribution for prior in priors}
    if len(names) == 1:
        arguments = {name: np.array([prior.arguments[name] for prior in priors]) for name in priors[0].arguments}
        return getattr(pm, names.pop())("kill", **arguments, dims="agent")
    parts = [_prior(f"kill_{label}", prior) for label, prior in zip(study.level_labels, priors, strict=True)]
    return pm.Deterministic("kill", pt.stack(parts), dims="agent")


def _animals_readings(name: str, mean: Any, precision: Any, columns: list[Any], *, observed: Any) -> None:
    def logp(value: Any, mean: Any, precision: Any, *columns: Any) -> Any:
        return log_density(value, mean, precision, columns, xp=pt)

    def random(mean: Any, precision: Any, *columns: Any, rng: np.random.Generator, size: Any = None) -> Any:
        shape = np.broadcast_shapes(np.shape(mean), np.shape(precision), *(np.shape(column) for column in columns))
        shape = shape if size is None else (*size, shape[-1])
        sd = np.where(precision > 0, 1 / np.sqrt(np.where(precision > 0, precision, 1.0)), 0.0)
        own = sum(rng.standard_normal((*shape[:-1], 1)) * column for column in columns)
        return mean + own + sd * rng.standard_normal(shape)

    pm.CustomDist(
        name,
        mean,
        precision,
        *columns,
        logp=logp,
        random=random,
        signature=f"(n),(n),{','.join('(n)' for _ in columns)}->(n)",
        dims=("animal", "reading"),
        observed=observed,
    )
