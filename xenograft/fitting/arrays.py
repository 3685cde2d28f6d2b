"""A study as the models take it: arrays by name, for the sampler in one vector, and the labels of dimensions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from functools import reduce
from operator import mul
from typing import Any

import numpy as np

from xenograft.fitting.old_density import readings_by_day
from xenograft.model.card import ModelCard
from xenograft.model.exposure import schedule
from xenograft.model.latents import capacity, latents_of
from xenograft.model.likelihood import Panel, panel
from xenograft.model.spline import INTERVALS, curves_that_bend
from xenograft.study.study import Study

DIMS: Mapping[str, str | tuple[str, ...]] = {
    "elapsed": "day",
    "arm_index": "animal",
    "cohort_index": "animal",
    "day_index": ("animal", "reading"),
    "log_volume": ("animal", "reading"),
    "weight": ("animal", "reading"),
    "censored": ("animal", "reading"),
    "animal_position": "animal",
    "spread_position": ("animal", "reading"),
    "weight_by_day": ("day", "animal"),
    "log_volume_by_day": ("day", "animal"),
    "sums": ("power", "arm", "day"),
}
"""Dimensions of the models' data; those of the schedule have none."""

INDICES = ("arm_index", "cohort_index", "day_index", "animal_position", "spread_position")
"""Data that are whole numbers."""


def data(study: Study, card: ModelCard, without: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Everything of a study that enters the model as data, by name; who gets what is part of the graph.

    Parameters
    ----------
    study : Study
        The arms and readings.
    card : ModelCard
        Its exposure says on which days what jumps; its errors, which readings need latent variables.
    without : collection of str
        Animals left out.
    """
    readings, received = panel(study, without), schedule(study, exposure=card.exposure)
    found = {"jump_day": received.jump_day, "jump": received.jump, "span": np.array(received.span)}
    found |= {item.name: np.asarray(getattr(readings, item.name)) for item in fields(Panel)}
    room, places = capacity(study, card), latents_of(study, card, readings)
    if room.animals:
        found["animal_position"] = places.animal_position
    else:
        del found["censored"]
    if room.spreads:
        found |= {"spread_position": places.spread_position, "spread_used": places.spread_used}
    if "sd_cohort" not in card.priors:
        del found["cohort_index"]
    if not card.error_small:
        del found["floor"]
    if card.growth != "spline":
        del found["span"]
    return found


def sampler_data(study: Study, card: ModelCard, without: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The data of `build_for_sampler`: one vector that `unpacked` takes apart."""
    prior = card.prior_of("departure").arguments if card.departure == "estimated" else {"mu": 0.0, "sigma": 0.0}
    given = _by_day(study, card, without)
    sizes = [*panel(study).weight.shape, len(given["elapsed"]), given["jump"].shape[1]]
    head = [prior["mu"], prior["sigma"], float(card.reference == "hsa"), *sizes]
    return {"packed": np.concatenate([head, *(given[name].ravel() for name in sorted(given))])}


def in_one_pass(study: Study, card: ModelCard) -> bool:
    """Whether `density` serves the sampler: normal errors, no cohorts, no more than two effects of an animal."""
    room = capacity(study, card)
    return not room.spreads and "sd_cohort" not in card.priors and room.effects <= 2


def _by_day(study: Study, card: ModelCard, without: Collection[str] = ()) -> dict[str, np.ndarray]:
    """The data with readings above the limit by day; by animal only those of animals with censored readings."""
    found = data(study, card, without)
    if not in_one_pass(study, card):
        return found
    readings, room = panel(study, without), capacity(study, card).animals
    of_animals = [name for name in found if DIMS.get(name) in ("animal", ("animal", "reading"))]
    found = {name: value for name, value in found.items() if name not in of_animals}
    if room:
        censored = np.flatnonzero(study.animals["censored"] > 0)
        for name in ("arm_index", "day_index", "log_volume", "weight", "censored"):
            value = getattr(readings, name)
            found[name] = np.zeros((room, *value.shape[1:]))
            found[name][: len(censored)] = value[censored]
    return found | asdict(readings_by_day(readings, len(study.arms)))


def coords(study: Study, card: ModelCard) -> dict[str, tuple[str, ...]]:
    """Labels of the model's dimensions."""
    received = schedule(study, exposure=card.exposure)
    curves = ("all arms", *(f"curve {i + 1}" for i in range(curves_that_bend(received) - 1)))
    return {
        "arm": tuple(arm.name for arm in study.arms),
        "agent": study.level_labels,
        "combination": tuple(arm.name for arm in study.combinations),
        "animal": tuple(str(animal) for animal in study.animals.index),
        "single_agent": tuple(dict.fromkeys(agent for agent, _ in study.levels)),
        "waning_agent": received.waning_agents,
        "delayed_agent": received.delayed_agents,
        "cohort": study.cohorts,
        "curve": curves,
        "knot": tuple(str(i + 1) for i in range(INTERVALS)),
    }


def unpacked(packed: Any, study: Study, card: ModelCard) -> tuple[tuple[Any, Any, Any], dict[str, Any]]:
    """Take the vector of `sampler_data` apart, with numbers or in a graph.

    Returns
    -------
    (mu, sigma, highest_single_agent), arrays
        Mean and sd of the departure's prior (1/day), 1 where the reference is the highest single agent, and by name
        what a study of the same structure may have in other sizes.
    """
    animals, readings, days, jumps = (packed[place].astype("int64") for place in (3, 4, 5, 6))
    example = _by_day(study, card)
    rows = capacity(study, card).animals if in_one_pass(study, card) else animals
    by_dims: dict[Any, tuple[Any, ...]] = {
        "day": (days,),
        "animal": (rows,),
        ("animal", "reading"): (rows, readings),
        ("day", "animal"): (days, animals),
        ("power", "arm", "day"): (3, len(study.arms), days),
    }
    arrays: dict[str, Any] = {}
    start: Any = 7
    for name in sorted(example):
        shape = by_dims.get(DIMS.get(name), example[name].shape)
        if name in ("jump", "jump_day"):
            shape = (len(example[name]), jumps)
        end = start + reduce(mul, shape, 1)
        arrays[name] = packed[start:end].reshape(shape)
        start = end
    indices = {name: arrays[name].astype("int64") for name in INDICES if name in arrays}
    return (packed[0], packed[1], packed[2]), arrays | indices
