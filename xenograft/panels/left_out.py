"""Posteriors of a card on a panel without some models, from weighted draws in place of chains.

Only parameters are drawn: what a model's readings say, its own effects and its censored readings included, is one
number for every draw, so that the posterior without a model is a matter of weights.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import xarray as xr

from xenograft.fitting.density import MOST_DIMENSIONS
from xenograft.fitting.importance import Weighted, reweighted
from xenograft.fitting.sampling import LEAST_PROPOSED
from xenograft.panels.coordinates import LATENT
from xenograft.panels.density import PanelDensity, panel_density
from xenograft.panels.likelihood import cost_of_censored, log_likelihood_at

ENOUGH = 400
"""Effective draws that weights must leave: the density of a model, whose mean is asked, differs much between draws."""

LARGEST_PARETO_K = 0.7
"""Of these weights, as of the fit's own draws where a model is left out (Vehtari et al. 2017)."""

ON_THE_WAY = 100
"""Effective draws that a step on the way there must leave."""

PROPOSED = 2000
"""Draws of a step on the way."""

STEPS = 8
"""Times at most that a t is adapted on the way to a posterior without some models."""

SHARES = 0.8 ** np.arange(1, 9)
"""Of the likelihood that is left, how much is tried to be taken away at once."""

MOST_OPERATIONS = 1e10
"""Multiplications that the censored readings of a round of weighted draws may take; chains are quicker beyond."""

MOST_MIRRORED = 7
"""Sds between models beyond which the mirror images of a t are too many (each doubles them)."""


@dataclass(frozen=True, eq=False)
class ModelsApart:
    """Weighted draws of the posterior of a whole panel, and what each model's readings say under each.

    Parameters
    ----------
    density : PanelDensity
        Of the whole panel.
    prior : PanelDensity
        The same card without any model.
    whole : Weighted
        Draws of the parameters, without latent values.
    readings : array (draw, model)
        Log likelihood.
    """

    density: PanelDensity
    prior: PanelDensity
    whole: Weighted
    readings: np.ndarray

    def without(self, models: Collection[str], rng: np.random.Generator) -> Weighted | None:
        """Weighted draws of the posterior without some models; None where the weights may not be used.

        Where those of the whole posterior's draws may not, the models' likelihood is taken away by and by, as much at a
        time as its weights allow, and the t adapted to what is left.
        """
        names = self.density.coordinates.panel.models
        out = [names.index(name) for name in models]
        rest = [m for m in range(len(names)) if m not in out]
        drawn, readings, left = self.whole, self.readings[:, out].sum(axis=1), 1.0
        for _ in range(STEPS):
            found, step = drawn.without(left * readings), left
            if _trusted(found):
                return found
            if not _trusted(found, ON_THE_WAY):
                for step in left * SHARES:
                    found = drawn.without(step * readings)
                    if _trusted(found, ON_THE_WAY):
                        break
            rough = drawn.points[found.resampled((LEAST_PROPOSED,), rng)]
            left -= step
            if left == 0:
                whole = self._weighted(rough, rest, [], 0.0, rng, draws=LEAST_PROPOSED, enough=ENOUGH)
                return whole if _trusted(whole) else None
            drawn = self._weighted(rough, rest, out, left, rng, draws=PROPOSED, enough=ON_THE_WAY)
            if not _trusted(drawn, ON_THE_WAY):
                return None
            readings = log_likelihood_at(self.density, with_latents(self.density, drawn.points), out).sum(axis=1)
        return None

    def _weighted(
        self, rough: np.ndarray, rest: list[int], out: list[int], left: float, rng: np.random.Generator,
        *, draws: int, enough: float,
    ) -> Weighted:  # fmt: skip
        """Weighted draws of the posterior with so much left of some models' likelihood, from draws of one like it."""

        def values(points: np.ndarray) -> np.ndarray:
            x = with_latents(self.density, points)
            each = log_likelihood_at(self.density, x, [*rest, *out])
            return self.prior.values(x) + each[:, : len(rest)].sum(axis=1) + left * each[:, len(rest) :].sum(axis=1)

        return reweighted(
            rough, np.zeros(len(rough), dtype=int), values,
            draws=draws, rng=rng, enough=enough, mirrored=self.density.coordinates.mirrored,
        )  # fmt: skip


def models_apart(density: PanelDensity, posterior: xr.Dataset, rng: np.random.Generator) -> ModelsApart | None:
    """Weighted draws of a posterior from draws of chains.

    Parameters
    ----------
    density : PanelDensity
        Of the whole panel.
    posterior : Dataset (chain, draw, …)
        Draws of the parameters.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ModelsApart or None
        None where no Student t is close enough to the posterior, or where so many readings of a model are censored
        that chains are quicker.
    """
    coordinates = density.coordinates
    panel = coordinates.panel
    positions = density.unconstrained(posterior, no_latents(density, posterior))
    points = positions.reshape(-1, density.n_dim)[:, : parameters_of(density)]
    costly = LEAST_PROPOSED * cost_of_censored(panel) > MOST_OPERATIONS
    if costly or points.shape[1] > MOST_DIMENSIONS or len(coordinates.mirrored) > MOST_MIRRORED:
        return None
    prior = panel_density(panel, coordinates.card, panel.models)
    everyone = range(len(panel.models))

    def values(at: np.ndarray) -> np.ndarray:
        x = with_latents(density, at)
        return prior.values(x) + log_likelihood_at(density, x, everyone).sum(axis=1)

    whole = reweighted(
        points, np.zeros(len(points), dtype=int), values,
        draws=LEAST_PROPOSED, rng=rng, enough=ENOUGH, mirrored=coordinates.mirrored,
    )  # fmt: skip
    if not _trusted(whole):
        return None
    return ModelsApart(density, prior, whole, log_likelihood_at(density, with_latents(density, whole.points), everyone))


def _trusted(weighted: Weighted, enough: float = ENOUGH) -> bool:
    return weighted.pareto_k <= LARGEST_PARETO_K and weighted.effective >= enough


def parameters_of(density: PanelDensity) -> int:
    """Number of coordinates that are no latent values of censored readings, which come last."""
    return sum(piece.size for piece in density.coordinates.pieces if piece.name not in LATENT)


def with_latents(density: PanelDensity, points: np.ndarray) -> np.ndarray:
    """Positions (draw, coordinate) from parameters (draw, parameter), latent values 0: nothing here depends on them."""
    x = np.zeros((len(points), density.n_dim))
    x[:, : points.shape[1]] = points
    return x


def no_latents(density: PanelDensity, posterior: xr.Dataset) -> xr.Dataset:
    """Latent values of 0 for draws of the parameters."""
    shape = posterior.sizes["chain"], posterior.sizes["draw"], density.n_dim
    return density.latents(np.zeros(shape)).assign_coords(draw=posterior["draw"], chain=posterior["chain"])
