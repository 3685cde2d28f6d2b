"""The unconstrained coordinates of a card's parameters: which there are, their priors, and the way to and fro."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import betaln, expit, gammaln, logit

from xenograft.errors import CardError
from xenograft.fitting import block
from xenograft.model.card import ModelCard
from xenograft.model.choice import share_within_groups
from xenograft.model.exposure import Schedule, schedule
from xenograft.model.latents import capacity
from xenograft.model.prior import Prior
from xenograft.model.spline import INTERVALS, curves_that_bend
from xenograft.model.vocabulary import SHRUNKEN, slowing_columns
from xenograft.study.study import Study

KINDS: Mapping[str, int] = {
    "Normal": block.NORMAL,
    "HalfNormal": block.HALF_NORMAL,
    "LogNormal": block.LOG_NORMAL,
    "Gamma": block.GAMMA,
    "Exponential": block.EXPONENTIAL,
    "LKJ": block.CORRELATION_UNIT,
    "Beta": block.SHARE,
}
"""How the density knows a prior; LKJ of one correlation is a Beta of half of 1 + correlation."""

POSITIVE = (block.HALF_NORMAL, block.LOG_NORMAL, block.GAMMA, block.EXPONENTIAL)
"""Kinds whose coordinate is the parameter's log."""

SCALES = ("sd_departure", "sd_cohort")
"""Parameters by which others are multiplied."""

HALF_LOG_2_PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Piece:
    """Coordinates of one name.

    Parameters
    ----------
    name : str
        As in the posterior; `departure_standard`, `cohort_standard` and `bend_scaled` stand behind a parameter of
        another name.
    dims : tuple of str
        Dimensions in the posterior.
    shape : tuple of int
        Their sizes.
    kinds : tuple of int
        Entries of `block.PRIOR_KIND`: one for all coordinates, or one for each.
    priors : tuple of Prior
        Likewise; empty where the density is standard normal or depends on other coordinates.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    kinds: tuple[int, ...]
    priors: tuple[Prior, ...] = ()

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Pieces:
    """Coordinates, piece after piece.

    Parameters
    ----------
    pieces : tuple of Piece
        In the order of the coordinates.
    """

    pieces: tuple[Piece, ...]

    @cached_property
    def start(self) -> dict[str, int]:
        """The first coordinate of each piece."""
        ends = np.cumsum([0, *(piece.size for piece in self.pieces)])
        return {piece.name: int(end) for piece, end in zip(self.pieces, ends, strict=False)}

    @cached_property
    def size(self) -> int:
        """Number of coordinates."""
        return sum(piece.size for piece in self.pieces)

    @cached_property
    def scale(self) -> int | None:
        """The coordinate by whose exponential others are multiplied; None where there is none, or a root of it is."""
        return next((self.start[name] for name in SCALES if name in self.start), None)

    def prior_numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """`block.PRIOR_KIND` and `block.PRIOR_NUMBERS`: two numbers of each prior, and the constant of its density."""
        kinds: list[int] = []
        rows: list[tuple[float, float, float]] = []
        for piece in self.pieces:
            kinds += piece.kinds * (piece.size if len(piece.kinds) == 1 else 1)
            found = [_numbers(prior) for prior in piece.priors] or [(0.0, 1.0, -HALF_LOG_2_PI)]
            rows += found * (piece.size if len(found) == 1 else 1)
        return np.array(kinds, dtype=np.int64), np.array(rows).reshape(-1, 3)

    def values(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """The constrained value of each piece.

        Parameters
        ----------
        x : array (..., coordinate)
            Unconstrained.

        Returns
        -------
        dict of str to array (..., dims of the piece)
        """
        found: dict[str, np.ndarray] = {}
        for piece in self.pieces:
            part = x[..., self.start[piece.name] : self.start[piece.name] + piece.size]
            first, *others = piece.kinds
            if others:
                part = np.stack([_constrained(kind, part[..., i]) for i, kind in enumerate(piece.kinds)], axis=-1)
            else:
                part = _constrained(first, part)
            found[piece.name] = part.reshape(*x.shape[:-1], *piece.shape)
        return found

    def of_values(self, values: Mapping[str, Any]) -> np.ndarray:
        """The way back: unconstrained coordinates (..., coordinate) of what `values` returns."""
        parts: list[np.ndarray] = []
        for piece in self.pieces:
            value = np.asarray(values[piece.name], dtype=float)
            flat = value.reshape(*value.shape[: value.ndim - len(piece.shape)], piece.size)
            kinds = piece.kinds * (piece.size if len(piece.kinds) == 1 else 1)
            parts += [_unconstrained(kind, flat[..., i])[..., None] for i, kind in enumerate(kinds)]
        return np.concatenate(parts, axis=-1)

    def prior_draws(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Coordinates (draw, coordinate) of draws of the priors, latent variables standard normal."""
        drawn: dict[str, Any] = {}
        for piece in self.pieces:
            if piece.priors:
                each = piece.priors * (piece.size if len(piece.priors) == 1 else 1)
                columns = [prior.draws(draws, rng) for prior in each]
                value = np.stack(columns, axis=-1) if columns else np.empty((draws, 0))
            else:
                scale = np.sqrt(drawn["smoothness"])[..., None] if piece.name == "bend_scaled" else 1.0
                value = scale * rng.standard_normal((draws, piece.size))
            drawn[piece.name] = value.reshape(draws, *piece.shape)
        return self.of_values(drawn)


@dataclass(frozen=True)
class Coordinates(Pieces):
    """The coordinates of a card's parameters on a study.

    Parameters
    ----------
    study : Study
        Its arms, agents and animals are the labels.
    card : ModelCard
        On the study (`ModelCard.on`); its priors are those of the coordinates.
    """

    study: Study
    card: ModelCard


def coordinates_of(study: Study, card: ModelCard, received: Schedule) -> Coordinates:
    """The coordinates that a card has on a study.

    Parameters
    ----------
    study : Study
        Arms, dose levels, cohorts, and readings that need latent variables.
    card : ModelCard
        The hypothesis.
    received : Schedule
        Of the study under the card's exposure.

    Raises
    ------
    CardError
        When the card's growth law has a curve of its own, whose derivatives `compiled_arms` does not have.
    """
    if card.law.columns is not slowing_columns:
        raise CardError(
            f'{card.name}: growth = "{card.growth}" has a curve whose derivatives the sampler does not have. '
            "Add them as docs/architecture.md says under a growth law, or use another law."
        )
    own = card.on(study)
    return Coordinates(tuple(_pieces(study, own, received)), study, own)


def labels_of(study: Study, card: ModelCard) -> dict[str, tuple[str, ...]]:
    """Labels of the dimensions that parameters and animals have."""
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
    } | _labels_of_groups(study)


def _labels_of_groups(study: Study) -> dict[str, tuple[str, ...]]:
    if study.group == "animal":
        return {}
    most = int(study.groups.value_counts().max())
    names = tuple(dict.fromkeys(str(name) for name in study.groups))
    return {study.group: names, "member": tuple(str(i + 1) for i in range(most))}


def _pieces(study: Study, card: ModelCard, received: Schedule) -> Iterable[Piece]:
    arm = (("arm",), (len(study.arms),)) if card.spread == "arm" else ((), ())
    if card.departure == "estimated" and study.combinations:
        by_arm = (("combination",), (len(study.combinations),))
        if card.departure_by == SHRUNKEN:
            yield replace(_piece(card, "departure"), name="departure_mean")
            yield _piece(card, "sd_departure")
            yield Piece("departure_standard", *by_arm, (block.SCALED_DEPARTURE,))
        else:
            yield _piece(card, "departure", *(by_arm if card.departure_by == "arm" else ((), ())))
    yield _piece(card, "error", *arm)
    shapes: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
        "waning": (("waning_agent",), (len(received.waning_agents),)),
        "onset": (("delayed_agent",), (len(received.delayed_agents),)),
        "sd_growth": arm,
    }
    for name in (
        "slowing", "waning", "onset", "sd_baseline", "sd_growth", "sd_effect", "correlation", "small_tumour_error",
        "residual", "degrees_of_freedom", "sd_cohort",
    ):  # fmt: skip
        if name in card.priors:
            yield _piece(card, name, *shapes.get(name, ((), ())))
    if share := share_within_groups(study, card):
        yield _piece(card, share)
    if "sd_cohort" in card.priors:
        yield Piece("cohort_standard", ("cohort",), (len(study.cohorts),), (block.SCALED_COHORT,))
    if card.law.own_curves:
        yield _piece(card, "smoothness")
        yield Piece("bend_scaled", ("curve", "knot"), (curves_that_bend(received), INTERVALS), (block.SCALED_BEND,))
    yield _piece(card, "baseline")
    yield _piece(card, "growth")
    if card.dose_effect == "free":
        yield _kills("kill", "agent", [card.prior_of("kill", agent) for agent, _ in study.levels])
    else:
        agents = dict.fromkeys(agent for agent, _ in study.levels)
        yield _kills("kill_at_top_dose", "single_agent", [card.prior_of("kill", agent) for agent in agents])
        if card.dose_effect == "power":
            yield _piece(card, "dose_power")
    room = capacity(study, card)
    if room.spreads:
        yield Piece("spread", ("student_reading",), (room.spreads,), (block.SPREAD_OF_READING,))
    if room.animals:
        yield Piece("own_effect", ("censored_animal", "effect"), (room.animals, room.effects), (block.NORMAL,))
    if room.groups:
        yield Piece(
            "common_effect", (f"censored_{study.group}", "effect"), (room.groups, room.effects), (block.NORMAL,)
        )


def _piece(card: ModelCard, name: str, dims: tuple[str, ...] = (), shape: tuple[int, ...] = ()) -> Piece:
    prior = card.prior_of(name)
    return Piece(name, dims, shape, (KINDS[prior.distribution],), (prior,))


def _kills(name: str, dim: str, priors: list[Prior]) -> Piece:
    return Piece(name, (dim,), (len(priors),), tuple(KINDS[prior.distribution] for prior in priors), tuple(priors))


def _numbers(prior: Prior) -> tuple[float, float, float]:
    """Two numbers of a prior and the constant of its log density, for `compiled_density.prior_of_coordinate`."""
    a = prior.arguments
    match prior.distribution:
        case "Normal" | "LogNormal":
            return a["mu"], a["sigma"], -np.log(a["sigma"]) - HALF_LOG_2_PI
        case "HalfNormal":
            return a["sigma"], 0.0, np.log(2) - np.log(a["sigma"]) - HALF_LOG_2_PI
        case "Gamma":
            return a["alpha"], a["beta"], a["alpha"] * np.log(a["beta"]) - float(gammaln(a["alpha"]))
        case "Exponential":
            return a["lam"], 0.0, np.log(a["lam"])
        case "LKJ":
            return a["eta"], 0.0, -float(betaln(a["eta"], a["eta"]))
        case "Beta":
            return a["alpha"], a["beta"], -float(betaln(a["alpha"], a["beta"]))


def _constrained(kind: int, x: np.ndarray) -> np.ndarray:
    if kind in POSITIVE:
        return np.exp(x)
    if kind == block.SHARE:
        return expit(x)
    return 2 * expit(x) - 1 if kind == block.CORRELATION_UNIT else x


def _unconstrained(kind: int, value: np.ndarray) -> np.ndarray:
    if kind in POSITIVE:
        return np.log(value)
    if kind == block.SHARE:
        return logit(value)
    return logit((value + 1) / 2) if kind == block.CORRELATION_UNIT else value
