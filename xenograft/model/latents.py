"""Latent variables that keep the integrated likelihood in closed form with censored or Student readings.

See docs/mathematics.md#the-likelihood.

An animal with censored readings keeps its own effects as latent variables, standard normal given its measured readings,
and each censored reading contributes the probability of being below its limit. Where the animals of a group have
something in common, that is latent too, standard normal given all measured readings of the group, and an animal's own
effects are so given it. A Student reading is a normal one whose
precision is multiplied by a gamma weight, a latent variable. A latent variable that belongs to nothing is standard
normal and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln

from xenograft.model.card import ModelCard
from xenograft.model.likelihood import Panel
from xenograft.study.study import Study


@dataclass(frozen=True)
class Latents:
    """Which latent variable belongs to what.

    Parameters
    ----------
    animal_position : int array (animal)
        Position among the animals with censored readings (0 where it has none).
    spread_position : int array (animal, reading)
        Position among the spreads of Student readings (0 pads).
    spread_used : array (spread)
        1 where a spread has a reading, else 0.
    group_position : int array (group) or None
        Position among the groups of several animals with censored readings (0 for others); None without groups.
    """

    animal_position: Any
    spread_position: Any
    spread_used: Any
    group_position: Any = None


@dataclass(frozen=True)
class Capacity:
    """How many animals with censored readings, of how many effects, how many Student readings, and how many groups of
    several animals with censored readings there is room for."""

    animals: int
    effects: int
    spreads: int
    groups: int = 0


def capacity(study: Study, card: ModelCard) -> Capacity:
    """Room for the latent variables that a study needs under a card; 0 where it needs none."""
    animals = int((study.animals["censored"] > 0).sum())
    effects = len(card.varying)
    spreads = len(study.fitted_readings) if "degrees_of_freedom" in card.priors else 0
    return Capacity(animals, effects, spreads, int(_hard_groups(study).sum()) if effects else 0)


def latents_of(study: Study, card: ModelCard, readings: Panel) -> Latents:
    """Give every animal with censored readings and every Student reading its latent variables."""
    censored = (study.animals["censored"] > 0).to_numpy()
    real = np.arange(readings.weight.shape[1]) < study.animals["readings"].to_numpy()[:, None]
    position = np.zeros(real.shape, dtype=np.int64)
    used = np.zeros(capacity(study, card).spreads)
    if len(used):
        position[real] = np.arange(real.sum())
        used[: real.sum()] = readings.weight[real] > 0
    hard = _hard_groups(study)
    of_groups = np.where(hard, np.cumsum(hard) - 1, 0) if readings.groups is not None else None
    return Latents(np.where(censored, np.cumsum(censored) - 1, 0), position, used, of_groups)


def weights_of(spread: Any, given: Latents, freedom: Any, *, xp: Any = np) -> tuple[Any, Any]:
    """Gamma weights of Student readings from their latent variables.

    Parameters
    ----------
    spread : array (..., spread)
        Standard normal where not used.
    given : Latents
        Which belongs to which reading.
    freedom : array (...)
        Degrees of freedom of the errors.

    Returns
    -------
    log_density : array (...)
        To be added to that of standard normal latent variables.
    weights : array (..., animal, reading)
        Factors on the readings' precisions: Gamma(freedom/2, freedom/2).
    """
    shape = freedom[..., None] / 2
    scale = 1 / xp.sqrt(shape)  # about the sd of the log weight, which then hardly depends on the freedom
    log_weight = scale * spread
    constant = shape * xp.log(shape) - (gammaln(shape) if xp is np else xp.gammaln(shape)) + xp.log(scale)
    beyond_normal = constant + shape * (log_weight - xp.exp(log_weight)) + spread**2 / 2 + np.log(2 * np.pi) / 2
    return (given.spread_used * beyond_normal).sum(axis=-1), xp.exp(log_weight)[..., given.spread_position]


def _hard_groups(study: Study) -> np.ndarray:
    """Of each group, in the order of `likelihood.panel`, whether it has something in common and censored readings."""
    by_group = study.animals["censored"].groupby(study.groups, sort=False)
    several = (by_group.size() > 1) | (study.group == "cage")  # an animal by itself is a cage
    return (several & (by_group.sum() > 0)).to_numpy()
