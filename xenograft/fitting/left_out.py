"""Posteriors without one animal each, nearly all from one set of weighted draws."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.fitting.coordinates import SCALES
from xenograft.fitting.density import density_of
from xenograft.fitting.fit import Fit
from xenograft.fitting.importance import reweighted
from xenograft.fitting.integrated import log_likelihood
from xenograft.fitting.judged import better_agent
from xenograft.fitting.sampling import ENOUGH, LEAST_PROPOSED, sampler_seed

PARTS = 6
"""Of a funnel, around each of which a t is drawn."""


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Posteriors of a card without one animal each (or mouse with its tumours).

    Parameters
    ----------
    posterior : Dataset (chain, draw, …)
        Draws that the animals share; parameters of the card.
    weight : DataFrame (name, draw)
        Of each of these draws, chain after chain, for the posterior without the animal; rows sum to 1.
    pareto_k : Series (name)
        Shape of the weights' tail.
    untrusted : frozenset of str
        Animals without whom the weights may not be used.
    apart : mapping of str to Dataset (chain, draw, …)
        Draws of equal weight of those animals that needed draws of their own.
    """

    posterior: xr.Dataset
    weight: pd.DataFrame
    pareto_k: pd.Series
    untrusted: frozenset[str] = frozenset()
    apart: Mapping[str, xr.Dataset] = field(default_factory=dict)


def without_each(fit: Fit, needed: Collection[str] | None = None) -> LeftOut | None:
    """The posteriors without one animal each, by importance sampling.

    Draws of a Student t with the moments of the whole posterior are weighted for every one of them: its tails are
    heavier than those of the posterior's own draws, which lack what an influential animal forbids. Where that does not
    suffice, the t is adapted to the animal.

    Parameters
    ----------
    fit : Fit
        Of the whole study; health not failed.
    needed : collection of str, optional
        Animals for whom the t is adapted where it does not suffice, since nothing else tells of them; default all.

    Returns
    -------
    LeftOut or None
        None where the posterior has too many coordinates (latent variables of Student or many censored readings, a
        spline's bends) to be drawn without chains, or a t is not close enough to the whole one.
    """
    study, card = fit.study, fit.card
    density = density_of(study, card)
    if not density.near_student:
        return None
    rng = np.random.default_rng([sampler_seed(fit.seed, card), len(study.animals)])

    def orders(posterior: xr.Dataset) -> np.ndarray:
        size = posterior.sizes["chain"] * posterior.sizes["draw"]
        for scale in set(SCALES) & set(posterior):  # a funnel: a t for each part of it
            return _parts(posterior[scale].to_numpy().ravel())
        return better_agent(posterior, study, card) if card.reference == "hsa" else np.zeros(size, dtype=int)

    points = density.unconstrained(fit.posterior, fit.latent).reshape(-1, density.n_dim)
    whole = reweighted(points, orders(fit.posterior), density.values, draws=LEAST_PROPOSED, rng=rng, enough=ENOUGH)
    if not whole.trusted(ENOUGH):
        return None
    shared = density.parameters(whole.points[None])
    readings = log_likelihood(shared, study, card).isel(chain=0).transpose(study.group, "draw")
    weight: dict[str, np.ndarray] = {}
    pareto_k: dict[str, float] = {}
    untrusted: set[str] = set()
    apart: dict[str, xr.Dataset] = {}
    for name, own in zip(readings[study.group].to_numpy(), readings.to_numpy(), strict=True):
        animal = str(name)
        found = whole.without(own)
        weight[animal], pareto_k[animal] = found.weight, found.pareto_k
        if found.trusted(ENOUGH):
            continue
        if needed is not None and animal not in needed:
            untrusted.add(animal)
            continue
        rough = whole.points[found.resampled((1, LEAST_PROPOSED), rng)]
        order, values = orders(density.parameters(rough)), density_of(study, card, [animal]).values
        again = reweighted(rough[0], order, values, draws=LEAST_PROPOSED, rng=rng, enough=ENOUGH)
        pareto_k[animal] = again.pareto_k
        if again.trusted(ENOUGH):
            apart[animal] = density.parameters(again.points[again.resampled((1, LEAST_PROPOSED), rng)])
        else:
            untrusted.add(animal)
    return LeftOut(shared, pd.DataFrame(weight).T, pd.Series(pareto_k), frozenset(untrusted), apart)


def _parts(scale: np.ndarray) -> np.ndarray:
    """Which part of a funnel each draw belongs to: as many draws in each."""
    return np.searchsorted(np.quantile(scale, np.linspace(0, 1, PARTS + 1)[1:-1]), scale)
