"""Draws that posteriors alike share: points of several Student ts, weighted for each as draws of the ts' mixture.

Every point counts for every posterior, whatever t it was drawn from, with the weight that the mixture of all ts gives
it (multiple importance sampling with the balance heuristic: Veach & Guibas 1995; Elvira et al. 2019, Stat Sci 34:129).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from xenograft.fitting.importance import Student, Weighted, smoothed


@dataclass(frozen=True, eq=False)
class Pool:
    """Points of several ts.

    Parameters
    ----------
    points : array (draw, parameter)
    proposal : tuple of Student
        The ts, each with its share of the points.
    log_proposed : array (t, draw)
        Log density of each t at each point.
    """

    points: np.ndarray
    proposal: tuple[Student, ...]
    log_proposed: np.ndarray

    @classmethod
    def of(cls, weighted: Weighted) -> Pool:
        """The points of weighted draws."""
        points, proposal = weighted.points, weighted.proposal
        return cls(points, proposal, np.array([one.log_density(points) for one in proposal]))

    def with_more(self, of: Sequence[Student], each: int, rng: np.random.Generator) -> Pool:
        """The same and, after them, so many points of each of some more ts."""
        more = np.concatenate([one.draws(each, rng) for one in of])
        points = np.concatenate([self.points, more])
        kept = len(self.points) / len(points)
        proposal = (
            *(replace(one, share=kept * one.share) for one in self.proposal),
            *(replace(one, share=each / len(points)) for one in of),
        )
        there = np.concatenate([self.log_proposed, [one.log_density(self.points) for one in of]])
        return Pool(points, proposal, np.hstack([there, [one.log_density(more) for one in proposal]]))

    @cached_property
    def _of_mixture(self) -> np.ndarray:
        return np.asarray(logsumexp(self.log_proposed, axis=0, b=np.array([[one.share] for one in self.proposal])))

    def weighted(self, log_density: np.ndarray) -> Weighted:
        """All points as draws of a posterior whose log density (draw) at each is given."""
        return replace(smoothed(self.points, log_density, log_density - self._of_mixture), proposal=self.proposal)


def student_of(weighted: Weighted, like: Weighted) -> Student:
    """A t with the moments of weighted draws, drawn towards those of a posterior like it where they are few.

    As many draws as there are parameters tell half of the covariance, the posterior like it the other half.
    """
    size = weighted.points.shape[1]
    known = weighted.effective / (weighted.effective + size)
    middle, covariance = _moments(weighted)
    covariance = known * covariance + (1 - known) * _moments(like)[1]
    return Student(middle, np.linalg.cholesky(covariance), 1.0, weighted.proposal[0].mirrored)


def _moments(weighted: Weighted) -> tuple[np.ndarray, np.ndarray]:
    middle = weighted.weight @ weighted.points
    return middle, np.cov(weighted.points, rowvar=False, aweights=weighted.weight)
