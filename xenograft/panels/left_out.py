"""Posteriors of a card on a panel without some models, from weighted draws in place of chains.

Only parameters are drawn: what a model's readings say, its own effects and its censored readings included, is one
number for every draw, so that the posterior without a model is a matter of weights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from arviz_stats.base.array import array_stats

from xenograft.fitting.density import MOST_DIMENSIONS
from xenograft.fitting.importance import Weighted, reweighted
from xenograft.fitting.pool import Pool, student_of
from xenograft.fitting.sampling import LEAST_PROPOSED
from xenograft.panels.coordinates import LATENT
from xenograft.panels.density import PanelDensity, panel_density
from xenograft.panels.likelihood import cost_of_censored, log_likelihood_at

ENOUGH = 400
"""Effective draws that weights must leave: the density of a model, whose mean is asked, differs much between draws."""

LARGEST_PARETO_K = 0.7
"""Of these weights, as of the fit's own draws where a model is left out (Vehtari et al. 2017)."""

ON_THE_WAY = 100
"""Effective draws from which a t is made for a posterior with less of some models' likelihood."""

PROPOSED = 1000
"""Draws of each such t."""

ROUNDS = 12
"""Times at most that ts are added."""

SHARES = 0.9 ** np.arange(18)
"""How much of some models' likelihood is tried to be taken away at once, the whole first."""

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
    influential : tuple of str
        Models whose posterior without them the fit's own draws do not tell: drawn together, once one is asked for.
    seed : int
        For these draws.
    """

    density: PanelDensity
    prior: PanelDensity
    whole: Weighted
    readings: np.ndarray
    influential: tuple[str, ...]
    seed: int

    def without(self, models: Collection[str]) -> Weighted | None:
        """Weighted draws of the posterior without some models; None where the weights may not be used."""
        (out,) = self._places([models])
        if _trusted(found := self._from_whole(out)):
            return found
        if len(out) == 1 and set(models) <= set(self.influential):
            return self._each_influential[out]
        return self._pooled([out])[out]

    @cached_property
    def _each_influential(self) -> dict[tuple[int, ...], Weighted | None]:
        return self._pooled(self._places([name] for name in self.influential))

    def _places(self, each: Iterable[Collection[str]]) -> list[tuple[int, ...]]:
        names = self.density.coordinates.panel.models
        return [tuple(names.index(name) for name in models) for models in each]

    def _from_whole(self, out: tuple[int, ...]) -> Weighted:
        return self.whole.without(self.readings[:, list(out)].sum(axis=1))

    def _pooled(self, each: Sequence[tuple[int, ...]]) -> dict[tuple[int, ...], Weighted | None]:
        """Posteriors without some models each, from draws that all of them share.

        Where the draws do not suffice, a t is added at what is left when as much of the models' likelihood is taken
        away as the weights allow, until they suffice.
        """
        rng = np.random.default_rng([self.seed, 1])  # other numbers than the whole posterior's draws
        pool, readings, log_density = Pool.of(self.whole), self.readings, self.whole.log_density
        found: dict[tuple[int, ...], Weighted | None] = dict.fromkeys(each)
        left = list(each)
        for more_rounds in reversed(range(ROUNDS + 1)):
            nearest: dict[tuple[int, ...], Weighted] = {}
            for out in left:
                own = readings[:, list(out)].sum(axis=1)
                for share in SHARES:
                    one = pool.weighted(log_density - share * own)
                    if share == 1 and _trusted(one):
                        found[out] = one
                    elif _trusted(one, ON_THE_WAY):
                        nearest[out] = one
                    else:
                        continue
                    break
            left = list(nearest)
            if not left or not more_rounds:
                break
            first = len(pool.points)
            pool = pool.with_more([student_of(one, self.whole) for one in nearest.values()], PROPOSED, rng)
            more, value = self._values(pool.points[first:])
            readings, log_density = np.concatenate([readings, more]), np.concatenate([log_density, value])
        return found

    def _values(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log likelihood of each model (draw, model), and log density of the whole posterior (draw)."""
        x = with_latents(self.density, points)
        each = log_likelihood_at(self.density, x, range(self.readings.shape[1]))
        return each, self.prior.values(x) + each.sum(axis=1)


def models_apart(
    density: PanelDensity, posterior: xr.Dataset, log_likelihood: xr.DataArray, seed: int
) -> ModelsApart | None:
    """Weighted draws of a posterior from draws of chains.

    Parameters
    ----------
    density : PanelDensity
        Of the whole panel.
    posterior : Dataset (chain, draw, …)
        Draws of the parameters.
    log_likelihood : DataArray (chain, draw, model)
        Of each model's readings under these draws, or every n-th.
    seed : int
        Of all randomness.

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
    rng = np.random.default_rng(seed)

    def values(at: np.ndarray) -> np.ndarray:
        x = with_latents(density, at)
        return prior.values(x) + log_likelihood_at(density, x, everyone).sum(axis=1)

    whole = reweighted(
        points, np.zeros(len(points), dtype=int), values,
        draws=LEAST_PROPOSED, rng=rng, enough=ENOUGH, mirrored=coordinates.mirrored,
    )  # fmt: skip
    if not _trusted(whole):
        return None
    readings = log_likelihood_at(density, with_latents(density, whole.points), everyone)
    own = log_likelihood.stack(sample=("chain", "draw")).transpose("model", "sample").to_numpy()
    pareto_k = array_stats.psislw(-own)[1]
    influential = tuple(np.array(panel.models)[~(pareto_k <= LARGEST_PARETO_K)].tolist())
    return ModelsApart(density, prior, whole, readings, influential, seed)


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
