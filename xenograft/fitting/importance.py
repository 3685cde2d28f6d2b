"""Posterior draws without a chain: importance sampling around the mode, which knows when it may not be trusted.

A posterior of some ten parameters is close to a Student t at its mode with the covariance of the curvature there. Draws
from that t are weighted by how much more the posterior holds of each, the largest weights smoothed (Vehtari et al.
2024, J Mach Learn Res 25:72, as ArviZ does it); the Pareto k of the weights says whether the draws may be used. Where
it is too large, the t is adapted to the weighted draws, twice at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from arviz_stats.base.array import array_stats
from scipy.cluster.vq import kmeans2
from scipy.linalg import solve_triangular
from scipy.special import gammaln, logsumexp, softmax

from xenograft.fitting.modes import modes_along, modes_of, scale_of

LARGEST_PARETO_K = 0.5
"""Pareto k of the weights above which a fit is adapted or left to a chain: beyond it their variance is infinite."""

FREEDOM = 5.0
"""Degrees of freedom of the Student t: heavier tails than a posterior has, lighter than waste draws."""

SHARES = (0.6, 0.2, 0.2)
"""Of the adapted proposal: moments of the weighted draws, the same with twice the sds, the first proposal."""

FEWEST = 0.01
"""Share of a mode below which its draws are too few to adapt to."""

CLUSTERS = 6
"""Parts of a posterior of several modes, or a bent one, each of which gets a t of its own."""

OTHERS = 0.2
"""Draws from modes that a search found, for each from what chains found."""

MORE = 4
"""Times as many draws at most, where the weights may be trusted and leave too few effective draws."""


@dataclass(frozen=True)
class Student:
    """A Student t, folded onto positive values of the parameters that are mirrored.

    Parameters
    ----------
    at : array (parameter)
        Its middle.
    factor : array (parameter, parameter)
        Lower Cholesky factor of its scale.
    share : float
        Of a mixture.
    mirrored : tuple of int
        Places of parameters of which the sizes are drawn.
    """

    at: np.ndarray
    factor: np.ndarray
    share: float
    mirrored: tuple[int, ...] = ()

    def draws(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """So many points (draw, parameter)."""
        normal = rng.standard_normal((count, len(self.at)))
        scale = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, count))
        points = self.at + scale[:, None] * (normal @ self.factor.T)
        sizes = list(self.mirrored)
        points[:, sizes] = np.abs(points[:, sizes])
        return points

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """At points; where parameters are mirrored, of those with every choice of their signs together."""
        whitened = solve_triangular(self.factor, (points - self.at).T, lower=True)
        turns = 2 * solve_triangular(self.factor, np.eye(len(self.at))[:, list(self.mirrored)], lower=True)
        size = len(self.at)
        constant = gammaln((FREEDOM + size) / 2) - gammaln(FREEDOM / 2) - size * np.log(FREEDOM * np.pi) / 2

        def over_signs(whitened: np.ndarray, place: int) -> np.ndarray:
            if place == len(self.mirrored):
                return -(FREEDOM + size) / 2 * np.log1p((whitened**2).sum(axis=0) / FREEDOM)
            turned = whitened - turns[:, place, None] * points[:, self.mirrored[place]]
            return np.logaddexp(over_signs(whitened, place + 1), over_signs(turned, place + 1))

        return constant + over_signs(whitened, 0) - np.log(np.diagonal(self.factor)).sum()


@dataclass(frozen=True)
class Weighted:
    """Draws of a posterior, not of equal weight.

    Parameters
    ----------
    points : array (draw, parameter)
        On the unconstrained line.
    log_density : array (draw)
        Of the posterior; minus infinity where there is none.
    log_weight : array (draw)
        Before smoothing, up to a constant.
    weight : array (draw)
        Smoothed and normalised; sums to 1.
    pareto_k : float
        Shape of the weights' tail; above 0.5 the draws should not be used.
    effective : float
        How many independent draws they are worth, 1 / Σ weight².
    modes : int
        Modes that were found and drawn around.
    adapted : bool
        Whether the proposal was adapted to a first round of draws.
    proposal : tuple of Student
        What the points were drawn from.
    """

    points: np.ndarray
    log_density: np.ndarray
    log_weight: np.ndarray
    weight: np.ndarray
    pareto_k: float
    effective: float
    modes: int = 1
    adapted: bool = False
    proposal: tuple[Student, ...] = ()

    def trusted(self, enough: float) -> bool:
        """Whether the weights may be used and leave at least so many effective draws."""
        return self.pareto_k <= LARGEST_PARETO_K and self.effective >= enough

    def resampled(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Which draws (…shape) to take for draws of equal weight: systematic resampling, in an order of no meaning."""
        size = int(np.prod(shape))
        places = (np.arange(size) + rng.uniform()) / size
        chosen = np.minimum(np.searchsorted(np.cumsum(self.weight), places), len(self.weight) - 1)
        return rng.permutation(chosen).reshape(shape)

    def without(self, log_likelihood: np.ndarray) -> Weighted:
        """The same draws for the posterior without some of the data.

        Parameters
        ----------
        log_likelihood : array (draw)
            Of those data under each draw.
        """
        found = smoothed(self.points, self.log_density - log_likelihood, self.log_weight - log_likelihood)
        return replace(found, modes=self.modes, adapted=self.adapted, proposal=self.proposal)


def importance_draws(
    value_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]],
    values: Callable[[np.ndarray], np.ndarray],
    starts: np.ndarray,
    *,
    draws: int,
    rng: np.random.Generator,
    enough: float,
    sds: np.ndarray | None = None,
    scale: int | None = None,
    mirrored: Sequence[int] = (),
) -> Weighted | None:
    """Weighted draws of a posterior; None where no mode was found.

    Where others are multiplied by a parameter, the posterior is a funnel, wide where that scale is large, and no one t
    fits: a mixture takes its place, with a t for each of some values of the scale, at the mode given that value.

    Parameters
    ----------
    value_and_gradient : callable
        Log density, up to a constant, and its gradient at a point (parameter).
    values : callable
        Log densities (draw) at points (draw, parameter); minus infinity or not a number where there is none.
    starts : array (start, parameter)
        Where to look for modes; each mode that is found is drawn around.
    draws : int
        How many.
    rng : Generator
        Source of randomness.
    enough : float
        Effective draws below which the proposal is adapted.
    sds : array (parameter), optional
        The scale of every parameter; default the sds of the starts (1 for a single one), which had best be draws of the
        prior then.
    scale : int, optional
        Place of a parameter, the log of a scale by which others are multiplied.
    mirrored : sequence of int
        Places of parameters whose sign the density does not depend on: draws are of their sizes, from the t and all its
        mirror images.
    """
    if sds is None:
        sds = scale_of(starts)
    found = modes_of(value_and_gradient, starts, np.diag(sds), mirrored)
    if not found:
        return None
    modes = len(found)
    if scale is not None:
        found = [part for mode in found for part in modes_along(value_and_gradient, mode, scale, sds)]
    shares = softmax([mode.log_mass for mode in found])
    mirrors = tuple(mirrored)
    proposal = [Student(m.at, m.factor, float(share), mirrors) for m, share in zip(found, shares, strict=True)]
    weighted = _drawn(values, proposal, draws=draws, rng=rng, enough=enough, rounds=2)
    return replace(weighted, modes=modes)


def reweighted(
    points: np.ndarray,
    group: np.ndarray,
    values: Callable[[np.ndarray], np.ndarray],
    *,
    draws: int,
    rng: np.random.Generator,
    enough: float,
    search: tuple[Callable[[np.ndarray], tuple[float, np.ndarray]], np.ndarray] | None = None,
    mirrored: Sequence[int] = (),
) -> Weighted:
    """Weighted draws of a posterior from draws of chains that moved too slowly between its modes.

    Where the chains spent too much time does not matter: each group gives only the place and shape of its t.

    Parameters
    ----------
    points : array (draw, parameter)
        Draws of the chains.
    group : int array (draw)
        Which mode each draw belongs to; groups of fewer draws than twice the parameters are left to the others.
    values, draws, rng, enough
        As in `importance_draws`.
    search : callable and array (start, parameter), optional
        Log density with its gradient, and where to look for modes that no chain has found: each gets a t too.
    mirrored : sequence of int
        As in `importance_draws`.
    """
    points, sizes, mirrors = points.copy(), list(mirrored), tuple(mirrored)
    points[:, sizes] = np.abs(points[:, sizes])
    size = points.shape[1]
    proposal: list[Student] = []
    for one in np.unique(group):
        own = points[group == one]
        if len(own) < 2 * size:
            continue
        covariance = np.cov(own, rowvar=False) + 1e-6 * np.diag(points.var(axis=0))
        proposal.append(Student(own.mean(axis=0), np.linalg.cholesky(covariance), len(own), mirrors))
    if search is not None:
        found = modes_of(*search, np.diag(scale_of(search[1])), mirrored)
        proposal += [Student(mode.at, mode.factor, OTHERS * len(points) / len(found), mirrors) for mode in found]
    total = sum(part.share for part in proposal)
    proposal = [replace(part, share=part.share / total) for part in proposal]
    return _drawn(values, proposal, draws=draws, rng=rng, enough=enough, rounds=3)


def clusters(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Which of a few parts of a posterior each draw (draw, parameter) is in: k-means of the standardised draws."""
    standard = (points - points.mean(axis=0)) / np.maximum(points.std(axis=0), np.finfo(float).tiny)
    return np.asarray(kmeans2(standard, CLUSTERS, minit="++", rng=rng)[1])


def _drawn(
    values: Callable[[np.ndarray], np.ndarray],
    proposal: Sequence[Student],
    *,
    draws: int,
    rng: np.random.Generator,
    enough: float,
    rounds: int,
) -> Weighted:
    """Weighted draws, adapted up to so many times; the best of all rounds, and more of these where they are too few."""
    best = sample = _weighted(values, proposal, draws, rng, modes=len(proposal), adapted=False)
    drawn_from = proposal
    for _ in range(rounds):
        if best.pareto_k <= LARGEST_PARETO_K and MORE * best.effective >= enough:
            break
        wider = _adapted(proposal, sample)
        sample = _weighted(values, wider, draws, rng, modes=best.modes, adapted=True)
        best, drawn_from = min(
            (best, drawn_from), (sample, wider), key=lambda one: (one[0].pareto_k > LARGEST_PARETO_K, -one[0].effective)
        )
        proposal = [replace(part, share=part.share / SHARES[0]) for part in wider[:: len(SHARES)]]
    if best.pareto_k <= LARGEST_PARETO_K and enough > best.effective >= enough / MORE:
        size = draws * min(MORE - 1, int(np.ceil(1.2 * enough / best.effective)) - 1)
        more = _weighted(values, drawn_from, size, rng, modes=best.modes, adapted=best.adapted)
        points = np.concatenate([best.points, more.points])
        log_density = np.concatenate([best.log_density, more.log_density])
        log_weight = np.concatenate([best.log_weight, more.log_weight])
        found = smoothed(points, log_density, log_weight)
        best = replace(found, modes=best.modes, adapted=best.adapted, proposal=best.proposal)
    return best


def _adapted(first: Sequence[Student], sample: Weighted) -> list[Student]:
    """Around every mode the moments of its weighted draws, the same wider, and the first proposal."""
    each = np.array([np.log(part.share) + part.log_density(sample.points) for part in first])
    belongs = softmax(each, axis=0) * sample.weight
    found: list[Student] = []
    for part, weight in zip(first, belongs, strict=True):
        share = float(weight.sum())
        moments = (part.at, part.factor) if share < FEWEST else _moments(sample.points, weight / share, part.factor)
        share = max(share, FEWEST)
        wider = (moments[0], 2 * moments[1])
        parts = (moments, wider, (part.at, part.factor))
        found += [Student(*one, share * of, part.mirrored) for one, of in zip(parts, SHARES, strict=True)]
    total = sum(part.share for part in found)
    return [replace(part, share=part.share / total) for part in found]


def _moments(points: np.ndarray, weight: np.ndarray, factor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = weight @ points
    centred = points - mean
    covariance = (centred * weight[:, None]).T @ centred
    return mean, np.linalg.cholesky(covariance + 1e-3 * factor @ factor.T)  # few draws may carry all weight


def _weighted(
    values: Callable[[np.ndarray], np.ndarray],
    proposal: Sequence[Student],
    draws: int,
    rng: np.random.Generator,
    *,
    modes: int,
    adapted: bool,
) -> Weighted:
    counts = np.diff(np.round(np.cumsum([0.0, *(part.share for part in proposal)]) * draws)).astype(int)
    points = np.concatenate([part.draws(count, rng) for part, count in zip(proposal, counts, strict=True)])
    each = [np.log(part.share) + part.log_density(points) for part in proposal if part.share > 0]
    log_density = np.asarray(values(points))
    found = smoothed(points, log_density, log_density - logsumexp(each, axis=0))
    return replace(found, modes=modes, adapted=adapted, proposal=tuple(proposal))


def smoothed(points: np.ndarray, log_density: np.ndarray, log_weight: np.ndarray) -> Weighted:
    """Draws with their weights, the largest smoothed (Pareto).

    Parameters
    ----------
    points : array (draw, parameter)
    log_density, log_weight : array (draw)
        Of the posterior, and over the density that the draws are of; minus infinity or not a number where there is
        none.
    """
    usable = np.isfinite(log_weight)
    log_density = np.where(usable, log_density, -np.inf)
    if usable.sum() < 2:
        equal = np.full(len(points), 1 / len(points))
        return Weighted(points, log_density, log_weight, equal, np.inf, 0.0)
    finite = np.where(usable, log_weight, log_weight[usable].min() - 700.0)
    log_smoothed, pareto_k = array_stats.psislw(-finite)
    weight = softmax(log_smoothed)
    effective = float(1 / (weight**2).sum())
    return Weighted(points, log_density, log_weight, weight, float(pareto_k), effective)
