"""The log posterior of a card on a study: values, gradients, and the way from coordinates to labelled parameters.

One compiled function serves every card and every study, which are its data; nothing is compiled anew for either.
"""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from xenograft.fitting.compiled_density import compiled_density
from xenograft.fitting.coordinates import Coordinates, Pieces, coordinates_of, labels_of
from xenograft.fitting.study_block import study_block
from xenograft.model.card import ModelCard
from xenograft.model.exposure import schedule
from xenograft.model.vocabulary import SHARED_BY
from xenograft.study.study import Study

LATENT = ("own_effect", "common_effect", "spread")
"""Latent variables, kept in a group of their own."""

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)


MOST_DIMENSIONS = 100
"""Coordinates beyond which (Student readings, hundreds of censored ones) no Student t is tried."""


@dataclass(frozen=True, eq=False)
class Values(ABC):
    """A compiled log density over unconstrained coordinates, as samplers take it.

    Parameters
    ----------
    block : array (number)
        The data and the card as the compiled function takes them; must not be changed.
    address : int
        Of the compiled function.
    """

    block: np.ndarray
    address: int

    @property
    @abstractmethod
    def pieces(self) -> Pieces:
        """Its coordinates."""

    @property
    def n_dim(self) -> int:
        """Number of coordinates."""
        return self.pieces.size

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Log posterior at a position, constants included, and its gradient.

        Parameters
        ----------
        x : array (coordinate)
            Unconstrained.

        Returns
        -------
        value : float
            Natural log; −inf or NaN, with a gradient of no use, where it cannot be computed.
        gradient : array (coordinate)
        """
        values, gradients = self.values_and_gradients(np.asarray(x)[None])
        return float(values[0]), gradients[0]

    def values(self, x: np.ndarray) -> np.ndarray:
        """Log posterior (draw) at many positions (draw, coordinate)."""
        return self.values_and_gradients(x)[0]

    def values_and_gradients(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log posterior (draw) and gradient (draw, coordinate) at positions (draw, coordinate)."""
        positions = np.ascontiguousarray(x, dtype=float)
        draws, size = positions.shape
        if size != self.n_dim:
            raise ValueError(f"a position of {size} coordinates; the density has {self.n_dim}")
        gradients, values = np.empty((draws, size)), np.empty(draws)
        position, gradient, value = (array.ctypes.data for array in (positions, gradients, values))
        function, block, step = self._function, self.block.ctypes.data, positions.itemsize
        for i in range(draws):
            function(size, position + i * size * step, gradient + i * size * step, value + i * step, block)
        return values, gradients

    def prior_draws(self, draws: int, *, seed: int) -> np.ndarray:
        """Coordinates (draw, coordinate) of draws of the priors."""
        return self.pieces.prior_draws(draws, np.random.default_rng(seed))

    @cached_property
    def _function(self) -> Any:
        return _ENTRY(self.address)


@dataclass(frozen=True, eq=False)
class Density(Values):
    """The log posterior of a card on a study, over unconstrained coordinates.

    Parameters
    ----------
    coordinates : Coordinates
        Which coordinates there are: logs of positive parameters, log odds of half of 1 + correlation, others as they
        are; then the latent variables of censored and Student readings.
    """

    coordinates: Coordinates

    @property
    def pieces(self) -> Pieces:
        """Its coordinates."""
        return self.coordinates

    @property
    def near_student(self) -> bool:
        """Whether a Student t may be close enough to the posterior to be tried; to that of a spline none ever was."""
        return self.n_dim <= MOST_DIMENSIONS and "smoothness" not in self.coordinates.start

    def parameters(self, x: np.ndarray) -> xr.Dataset:
        """Labelled parameters at many positions.

        Parameters
        ----------
        x : array (chain, draw, coordinate)
            Unconstrained.

        Returns
        -------
        Dataset (chain, draw, …)
            Parameters of the card by name, rates in 1/day, with what follows from them (`kill` of every dose level,
            `bend`, `cohort_growth`, `departure` of every combination, with their mean where they are shrunken).
        """
        study, card = self.coordinates.study, self.coordinates.card
        values = self.coordinates.values(np.asarray(x))
        dims = {piece.name: piece.dims for piece in self.coordinates.pieces}
        if "departure" in values and card.departure_by == "study":
            values["departure"] = np.repeat(values["departure"][..., None], len(study.combinations), axis=-1)
            dims["departure"] = ("combination",)
        if "departure_standard" in values:
            own = values["sd_departure"][..., None] * values.pop("departure_standard")
            values["departure"], dims["departure"] = values["departure_mean"][..., None] + own, ("combination",)
        if "kill_at_top_dose" in values:
            agents = list(dict.fromkeys(agent for agent, _ in study.levels))
            top = values["kill_at_top_dose"][..., [agents.index(agent) for agent, _ in study.levels]]
            power = values["dose_power"][..., None] if "dose_power" in values else 1.0
            values["kill"], dims["kill"] = top * study.relative_doses**power, ("agent",)
        if "bend_scaled" in values:
            half = np.sqrt(values["smoothness"])[..., None, None]
            values["bend"], dims["bend"] = half * values.pop("bend_scaled"), ("curve", "knot")
        if "cohort_standard" in values:
            values["cohort_growth"] = values["sd_cohort"][..., None] * values.pop("cohort_standard")
            dims["cohort_growth"] = ("cohort",)
        kept = {name: (("chain", "draw", *dims[name]), value) for name, value in values.items() if name not in LATENT}
        labels = {name: list(label) for name, label in labels_of(study, card).items()}
        used = {dim for of, _ in kept.values() for dim in of} & set(labels)
        used |= {"combination"} if study.combinations else set()  # a card may fix the departures
        chains, draws = np.shape(x)[:2]
        coords = {"chain": np.arange(chains), "draw": np.arange(draws)} | {dim: labels[dim] for dim in sorted(used)}
        return xr.Dataset(kept, coords=coords)

    def latents(self, x: np.ndarray) -> xr.Dataset:
        """The latent variables (`LATENT`; chain, draw, …) at many positions (chain, draw, coordinate)."""
        values = self.coordinates.values(np.asarray(x))
        kept = {
            piece.name: (("chain", "draw", *piece.dims), values[piece.name])
            for piece in self.coordinates.pieces
            if piece.name in LATENT
        }
        coords = {"chain": np.arange(len(x)), "draw": np.arange(np.shape(x)[1])} if kept else {}
        return xr.Dataset(kept, coords=coords)

    def unconstrained(self, posterior: xr.Dataset, latent: xr.Dataset | None = None) -> np.ndarray:
        """Coordinates (chain, draw, coordinate) of labelled draws: the way back from `parameters` and `latents`."""
        values: dict[str, Any] = {str(name): one.to_numpy() for name, one in posterior.items()}
        values |= {} if latent is None else {str(name): one.to_numpy() for name, one in latent.items()}
        if "departure" in values and self.coordinates.card.departure_by == "study":
            values["departure"] = values["departure"][..., 0]
        if "departure_mean" in values:
            own = values["departure"] - values["departure_mean"][..., None]
            values["departure_standard"] = own / values["sd_departure"][..., None]
        if "bend" in values:
            values["bend_scaled"] = values["bend"] / np.sqrt(values["smoothness"])[..., None, None]
        if "cohort_growth" in values:
            values["cohort_standard"] = values["cohort_growth"] / values["sd_cohort"][..., None]
        return self.coordinates.of_values(values)


def density_of(study: Study, card: ModelCard, without: Collection[str] = ()) -> Density:
    """The log posterior of a card on a study.

    Parameters
    ----------
    study : Study
        The arms and readings.
    card : ModelCard
        The hypothesis.
    without : collection of str
        Animals (or mice with their tumours, cages with their animals) left out: their readings count for nothing, every
        label stays.
    """
    received = schedule(study, exposure=card.exposure)
    coordinates = coordinates_of(study, card, received)
    block = study_block(coordinates, received, without)
    block.flags.writeable = False
    entry = compiled_density(
        with_latents=any(name in coordinates.start for name in LATENT),
        share=next((name for name in SHARED_BY if name in coordinates.start), None),
    )
    return Density(block, entry.address, coordinates)
