"""The log posterior of a card on a panel, and what each model's readings say at a position."""

from __future__ import annotations

import ctypes
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from xenograft.fitting.coordinates import Pieces
from xenograft.fitting.density import Values
from xenograft.model.card import ModelCard
from xenograft.panels.better import draws_in_halves, log_halves
from xenograft.panels.compiled_panels import compiled_models_of_panel, compiled_panel
from xenograft.panels.coordinates import LATENT, PanelCoordinates, panel_coordinates
from xenograft.panels.panel import Panel
from xenograft.panels.panel_block import panel_block

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)


@dataclass(frozen=True, eq=False)
class OfModels:
    """What the readings of each model say at positions.

    Parameters
    ----------
    readings : array (draw, half, model)
        Log density of the readings; with two halves as if either agent of the combination were the better one.
    mean : array (draw, half, model, effect)
        Of the model's effects given them.
    given : array (draw, half, model, source, effect)
        given' given is their covariance.
    towards : array (model, effect)
        What is positive where the first agent is the better one (`better.towards_first`).
    """

    readings: np.ndarray
    mean: np.ndarray
    given: np.ndarray
    towards: np.ndarray

    @property
    def log_density(self) -> np.ndarray:
        """Log density of each model's readings (draw, model)."""
        return np.asarray(logsumexp(log_halves(self.readings, self.mean, self.given, self.towards), axis=1))

    def effects(self, rng: np.random.Generator) -> np.ndarray:
        """Draws of each model's effects given its readings (draw, model, effect)."""
        return draws_in_halves(self.readings, self.mean, self.given, self.towards, rng)


@dataclass(frozen=True, eq=False)
class PanelDensity(Values):
    """The log posterior of a card on a panel, over unconstrained coordinates: models' and animals' effects integrated.

    Parameters
    ----------
    coordinates : PanelCoordinates
        Which coordinates there are, the latent values of censored readings last.
    """

    coordinates: PanelCoordinates

    @property
    def pieces(self) -> Pieces:
        """Its coordinates."""
        return self.coordinates

    def parameters(self, x: np.ndarray) -> xr.Dataset:
        """Labelled parameters (chain, draw, …) at positions (chain, draw, coordinate); rates in 1/day."""
        return self._labelled(x, [piece.name for piece in self.coordinates.pieces if piece.name not in LATENT])

    def latents(self, x: np.ndarray) -> xr.Dataset:
        """The latent values of censored readings (chain, draw, …) at positions (chain, draw, coordinate)."""
        return self._labelled(x, [piece.name for piece in self.coordinates.pieces if piece.name in LATENT])

    def unconstrained(self, posterior: xr.Dataset, latent: xr.Dataset) -> np.ndarray:
        """The way back from `parameters` and `latents`."""
        both = xr.merge([posterior, latent])
        return self.coordinates.of_values({str(name): both[name].to_numpy() for name in both})

    def models(self, x: np.ndarray) -> OfModels:
        """What each model's readings, measured and latent ones, say at positions (draw, coordinate)."""
        positions = np.ascontiguousarray(x, dtype=float)
        models, effects = len(self.coordinates.panel.models), len(self.coordinates.effects)
        sources = effects + (self.coordinates.panel.moderators.shape[1] if self.coordinates.card.moderators else 0)
        halves = 2 if self.coordinates.card.reference == "hsa" else 1
        densities = np.empty((len(positions), halves, models))
        described = np.empty((len(positions), halves, models, 1 + sources, effects))
        function = _ENTRY(compiled_models_of_panel().address)
        for i in range(len(positions)):
            function(
                positions.shape[1], positions[i].ctypes.data, densities[i].ctypes.data, described[i].ctypes.data,
                self.block.ctypes.data,
            )  # fmt: skip
        towards = self.coordinates.towards_first
        return OfModels(densities, described[:, :, :, 0], described[:, :, :, 1:], towards)

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        return self.coordinates.labels()

    def _labelled(self, x: np.ndarray, names: list[str]) -> xr.Dataset:
        values = self.coordinates.values(np.asarray(x))
        dims = {piece.name: piece.dims for piece in self.coordinates.pieces}
        kept: dict[str, Any] = {name: (("chain", "draw", *dims[name]), values[name]) for name in names}
        used = {dim for name in names for dim in dims[name]} & set(self._labels)
        chains, draws = np.shape(x)[:2]
        coords = {"chain": np.arange(chains), "draw": np.arange(draws)} | {dim: self._labels[dim] for dim in used}
        return xr.Dataset(kept, coords=coords)


def panel_density(panel: Panel, card: ModelCard, without: Collection[str] = ()) -> PanelDensity:
    """The log posterior of a card on a panel.

    Parameters
    ----------
    panel : Panel
        The models and their readings.
    card : ModelCard
        With `panel = true`.
    without : collection of str
        Models left out.
    """
    coordinates = panel_coordinates(panel, card)
    block = panel_block(coordinates, without)
    block.flags.writeable = False
    return PanelDensity(block, compiled_panel().address, coordinates)
