"""Departures and kills drawn anew from their exact normal distribution, evenly spread over it.

Where readings are not censored, the log posterior of most cards is a parabola in these parameters, whatever the others
are. Each draw of a sampler then says not one departure but a normal distribution of departures, and draws that fill all
of these distributions evenly (a Hammersley set, Owen's scrambling) tell the probability of an excess, and the ends of
its interval, two to five times as precisely as those that the sampler happened to make (Rao–Blackwell). They are draws
of the same posterior: one step of a Gibbs sampler, taken once at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from xenograft.fitting import block
from xenograft.fitting.density import Density

LINEAR = ("departure", "kill")
"""Parameters on which log volumes depend linearly, the first being judged. (With the baseline too: no more precise.)"""

EXACT = 1e-8
"""Largest error of the parabola at any new draw, in log units and as a share of the log density; beyond it all draws
stay as they are. Rounding makes 1e-11."""

TRIED = 8
"""Draws at which the parabola is looked for before all are asked."""


@dataclass(frozen=True)
class Redrawn:
    """New draws of the same posterior.

    Parameters
    ----------
    positions : array (draw, coordinate)
        Unconstrained.
    log_density : array (draw)
        Of the posterior there.
    above : mapping of int to array (draw)
        Of each coordinate drawn anew the probability that it is above 0, given the draw's other parameters.
    """

    positions: np.ndarray
    log_density: np.ndarray
    above: Mapping[int, np.ndarray]


def redrawn(density: Density, positions: np.ndarray, seed: int, first: int = 0) -> Redrawn | None:
    """Draws whose linear parameters fill their distributions evenly; None where the log density is no parabola in them.

    Parameters
    ----------
    density : Density
        Of the posterior.
    positions : array (draw, coordinate)
        Its draws.
    seed : int
        For the scrambling.
    first : int
        Place among the departures of the one for which the draws are to be the most even.
    """
    places = _places(density, first)
    if places is None:
        return None
    few = positions[:: max(1, len(positions) // TRIED)]
    if _given(density, few, places, seed) is None:
        return None
    return _given(density, positions, places, seed)


def _places(density: Density, first: int) -> np.ndarray | None:
    """Coordinates of the linear parameters, the judged departure first; None where there is no departure."""
    pieces = {
        piece.name: density.pieces.start[piece.name] + np.arange(piece.size)
        for piece in density.pieces.pieces
        if piece.name in LINEAR and set(piece.kinds) == {block.NORMAL}
    }
    if "departure" not in pieces:
        return None
    pieces["departure"] = np.roll(pieces["departure"], -(first % len(pieces["departure"])))
    return np.concatenate([pieces[name] for name in LINEAR if name in pieces])


def _given(density: Density, positions: np.ndarray, places: np.ndarray, seed: int) -> Redrawn | None:
    """Draws from the normal distribution of the linear parameters given the others, where it is one."""
    size = len(places)
    values, gradients = density.values_and_gradients(positions)
    slope = gradients[:, places]
    precision = np.empty((len(positions), size, size))
    for i, place in enumerate(places):
        moved = positions.copy()
        moved[:, place] += (step := float(positions[:, place].std()) or 1.0)
        precision[:, :, i] = (slope - density.values_and_gradients(moved)[1][:, places]) / step
    precision = (precision + precision.swapaxes(1, 2)) / 2
    if not np.isfinite(precision).all() or not (np.linalg.eigvalsh(precision) > 0).all():
        return None
    covariance = np.linalg.inv(precision)
    old = positions[:, places]
    mean = old + np.einsum("dij,dj->di", covariance, slope)
    factor = np.linalg.cholesky(covariance)
    standard = np.empty((len(positions), size))
    order = np.argsort(mean[:, 0] / factor[:, 0, 0], kind="stable")
    standard[order] = ndtri(qmc.Halton(size, rng=np.random.default_rng(seed)).random(len(positions)))
    found = positions.copy()
    found[:, places] = mean + np.einsum("dij,dj->di", factor, standard)
    log_density = density.values(found)
    before = np.einsum("di,dij,dj->d", old - mean, precision, old - mean)
    expected = values + (before - (standard**2).sum(axis=1)) / 2
    if not (np.abs(log_density - expected) <= EXACT * np.maximum(1.0, np.abs(values))).all():
        return None
    sds = np.sqrt(np.einsum("dii->di", covariance))
    return Redrawn(found, log_density, dict(zip(places, ndtr(mean / sds).T, strict=True)))
