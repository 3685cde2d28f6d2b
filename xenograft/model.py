"""A study and a card become a PyMC model on the integrated likelihood (DESIGN 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from xenograft.cards import ModelCard, Prior
from xenograft.dynamics import Parameters
from xenograft.exposure import schedule
from xenograft.likelihood import Panel, log_density, moments, panel
from xenograft.study import Study

DIMS: Mapping[str, str | tuple[str, ...]] = {
    "elapsed": "day",
    "arm_index": "animal",
    "day_index": ("animal", "reading"),
    "log_volume": ("animal", "reading"),
    "weight": ("animal", "reading"),
}
"""Dimensions of the model's data; those of the schedule have none."""


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
    return _assemble(study, card, switched=False)


def build_switched(study: Study, card: ModelCard) -> pm.Model:
    """The model that is compiled: as `build`, but the departure's prior and the reference are data.

    The cards of one growth law differ in nothing else, so one compiled graph fits them all (see `switches`): the
    departure is its prior's mean plus its prior's sd times `departure_standard`.
    """
    return _assemble(study, card, switched=True)


def data(study: Study) -> dict[str, np.ndarray]:
    """Everything of a study that enters the model as `pm.Data`, by name; who gets what is part of the graph."""
    readings, given = panel(study), schedule(study)
    return {"jump_day": given.jump_day, "jump": given.jump} | {
        item.name: getattr(readings, item.name) for item in fields(Panel)
    }


def switches(card: ModelCard) -> dict[str, np.ndarray]:
    """What turns the compiled graph of a growth law into the given card.

    `hypothesis` holds the mean and sd of the departure's prior (1/day; both 0 fix the departure at 0) and 1 where the
    reference is the highest single agent, else 0.
    """
    prior = card.prior_of("departure").arguments if card.departure == "estimated" else {"mu": 0.0, "sigma": 0.0}
    return {"hypothesis": np.array([prior["mu"], prior["sigma"], float(card.reference == "hsa")])}


def coords(study: Study) -> dict[str, tuple[str, ...]]:
    """Labels of the model's dimensions."""
    return {
        "arm": tuple(arm.name for arm in study.arms),
        "agent": study.level_labels,
        "combination": tuple(arm.name for arm in study.combinations),
        "animal": tuple(str(animal) for animal in study.animals.index),
    }


def _assemble(study: Study, card: ModelCard, *, switched: bool) -> pm.Model:
    with pm.Model(coords=coords(study)) as model:
        given = {name: pm.Data(name, value, dims=DIMS.get(name)) for name, value in data(study).items()}
        given_schedule = replace(schedule(study), jump_day=given["jump_day"], jump=given["jump"])
        departure, highest_single_agent = _departure(study, card, switched=switched)
        parameters = Parameters(
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
        readings = Panel(**{item.name: given[item.name] for item in fields(Panel)})
        mean, precision, columns = moments(readings, given_schedule, parameters, xp=pt)
        _animals_readings("volume_readings", mean, precision, columns, observed=readings.log_volume)
    return model


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


def _departure(study: Study, card: ModelCard, *, switched: bool) -> tuple[Any, Any]:
    if not study.combinations:
        return np.zeros(0), 0.0
    if switched:
        hypothesis: Any = pm.Data("hypothesis", switches(card)["hypothesis"])
        standard = pm.Normal("departure_standard", dims="combination")
        departure = hypothesis[0] + hypothesis[1] * standard
        return pm.Deterministic("departure", departure, dims="combination"), hypothesis[2]
    if card.departure == "estimated":
        return _prior("departure", card.prior_of("departure"), dims="combination"), 0.0
    return np.zeros(len(study.combinations)), float(card.reference == "hsa")


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
