"""A study and a card become a PyMC model on the integrated likelihood (DESIGN 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from xenograft.cards import ModelCard, Prior
from xenograft.dynamics import Parameters
from xenograft.exposure import Schedule, schedule
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
    return _assemble(study, card, switches=None)


def build_switched(study: Study, card: ModelCard) -> pm.Model:
    """The model that is compiled: as `build`, but the departure's prior and the reference are data.

    The cards of one growth law differ in nothing else, so one compiled graph fits them all: the departure is
    `departure_mu + departure_sigma · departure_standard`, and a card that fixes it has both numbers 0.
    """
    return _assemble(study, card, switches=switch_data(card))


def data(study: Study) -> dict[str, np.ndarray]:
    """Everything of a study that enters the model as `pm.Data`, by name."""
    readings, given = panel(study), schedule(study)
    slots = {f"combination_term_{slot}": terms for slot, terms in enumerate(given.combination_terms)}
    arrays = {item.name: getattr(given, item.name) for item in fields(Schedule) if item.name != "combination_terms"}
    return arrays | slots | {item.name: getattr(readings, item.name) for item in fields(Panel)}


def switch_data(card: ModelCard) -> dict[str, np.ndarray]:
    """What turns the compiled graph of a growth law into the given card."""
    prior = card.prior_of("departure").arguments if card.departure == "estimated" else {"mu": 0.0, "sigma": 0.0}
    return {
        "departure_mu": np.array(prior["mu"]),
        "departure_sigma": np.array(prior["sigma"]),
        "highest_single_agent": np.array(float(card.reference == "hsa")),
    }


def coords(study: Study) -> dict[str, tuple[str, ...]]:
    """Labels of the model's dimensions."""
    return {
        "arm": tuple(arm.name for arm in study.arms),
        "agent": study.level_labels,
        "combination": tuple(arm.name for arm in study.combinations),
        "animal": tuple(str(animal) for animal in study.animals.index),
    }


def _assemble(study: Study, card: ModelCard, *, switches: Mapping[str, np.ndarray] | None) -> pm.Model:
    with pm.Model(coords=coords(study)) as model:
        given = {name: pm.Data(name, value, dims=DIMS.get(name)) for name, value in data(study).items()}
        departure, highest_single_agent = _departure(study, card, switches)
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
        mean, precision, columns = moments(readings, _schedule(study, given), parameters, xp=pt)
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


def _departure(study: Study, card: ModelCard, switches: Mapping[str, np.ndarray] | None) -> tuple[Any, Any]:
    if not study.combinations:
        return np.zeros(0), 0.0
    if switches is not None:
        given = {name: pm.Data(name, value) for name, value in switches.items()}
        standard = pm.Normal("departure_standard", dims="combination")
        departure = given["departure_mu"] + given["departure_sigma"] * standard
        return pm.Deterministic("departure", departure, dims="combination"), given["highest_single_agent"]
    if card.departure == "estimated":
        return _prior("departure", card.prior_of("departure"), dims="combination"), 0.0
    return np.zeros(len(study.combinations)), float(card.reference == "hsa")


def _schedule(study: Study, given: Mapping[str, Any]) -> Schedule:
    slots = len(schedule(study).combination_terms)
    terms = tuple(given[f"combination_term_{slot}"] for slot in range(slots))
    names = [item.name for item in fields(Schedule) if item.name != "combination_terms"]
    return Schedule(**{name: given[name] for name in names}, combination_terms=terms)


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
