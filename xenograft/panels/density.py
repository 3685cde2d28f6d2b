"""The log posterior of a card on a panel, and what each model's readings say at a position."""

from __future__ import annotations

import ctypes
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from xenograft.fitting.coordinates import Pieces
from xenograft.fitting.density import Values
from xenograft.model.card import ModelCard
from xenograft.panels.compiled_panels import compiled_models_of_panel, compiled_panel
from xenograft.panels.coordinates import LATENT, PanelCoordinates, panel_block, panel_coordinates
from xenograft.panels.panel import Panel

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)


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

    def models(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each model's readings, measured and latent ones, say at positions (draw, coordinate).

        Returns
        -------
        densities : array (draw, model)
            Log density of the readings.
        mean : array (draw, model, effect)
            Of the model's effects given them.
        given : array (draw, model, source, effect)
            given' given is their covariance.
        """
        positions = np.ascontiguousarray(x, dtype=float)
        models, effects = len(self.coordinates.panel.models), len(self.coordinates.effects)
        sources = effects + (self.coordinates.panel.moderators.shape[1] if self.coordinates.card.moderators else 0)
        densities = np.empty((len(positions), models))
        described = np.empty((len(positions), models, 1 + sources, effects))
        function = _ENTRY(compiled_models_of_panel().address)
        for i in range(len(positions)):
            function(
                positions.shape[1], positions[i].ctypes.data, densities[i].ctypes.data, described[i].ctypes.data,
                self.block.ctypes.data,
            )  # fmt: skip
        return densities, described[:, :, 0], described[:, :, 1:]

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
