"""The likelihood of animals with censored or Student readings, by Gauss–Hermite over their own effects.

See docs/mathematics.md#the-likelihood.

A mouse with several tumours is one animal with the effects of all of them: four and more, for which nodes in every
combination would be too many, so that a sparse rule is taken (Smolyak 1963; Gerstner & Griebel 1998): off by a few
thousandths of a log unit, by up to a tenth where most readings of six effects are censored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from math import comb
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import gammaln, log_ndtr, logsumexp, stdtr

from xenograft.model.likelihood import factorised, log_density
from xenograft.model.matrices import back_substituted, cholesky, solved

NODES, STUDENT_NODES = 7, 9
"""Nodes per effect, of a rule that is centred and scaled by animal and draw; Student densities need more for 1e-4."""

MOST_EFFECTS = 3
"""Effects up to which every combination of nodes is gone through; beyond, a sparse rule is taken."""

SPARSE_LEVEL = 4
"""Rules of 1, 3, … 2 · level − 1 nodes per effect are combined: 201 nodes for four effects, 533 for six."""

NEGLIGIBLE = 1e-14
"""Nodes of less weight than this share of the largest are left out."""

STEPS = 12
"""Newton steps towards the mode of an animal's effects (for Student errors with weights that never overshoot)."""


def log_density_by_quadrature(
    readings: Any,
    mean: Any,
    precision: Any,
    columns: Sequence[Any],
    censored: np.ndarray,
    degrees_of_freedom: Any = None,
    *,
    nodes: int | None = None,
) -> np.ndarray:
    """Log density of each animal's readings where some are censored or their errors are Student.

    Parameters
    ----------
    readings, mean, precision, columns
        As in `likelihood.log_density`; of a censored reading the log limit.
    censored : array (animal, reading)
        True where the tumour was at or below the limit.
    degrees_of_freedom : array (...) or None
        Of the errors, whose squared scale is 1/precision; None is normal.
    nodes : int, optional
        Of the rule, per effect; default `NODES` or `STUDENT_NODES`.

    Returns
    -------
    array (..., animal)
        Natural log of a density per log unit for each measured reading, times the probability of the censored ones.
    """
    censored = np.broadcast_to(censored, np.shape(precision)) & (precision > 0)
    measured = np.where(censored, 0.0, precision)
    freedom = None if degrees_of_freedom is None else np.asarray(degrees_of_freedom)[..., None, None]
    scale = np.sqrt(np.where(precision > 0, precision, 1.0))
    standard = (readings - mean) * scale
    basis = [column * scale for column in columns]
    if freedom is None:
        # measured normal readings integrate exactly; what is left is the censored ones' probability given them
        factor, whitened = factorised(readings - mean, measured, columns)
        exact = log_density(readings, mean, measured, columns)
        first = np.argsort(~censored, axis=-1, kind="stable")[..., : int(censored.sum(axis=-1).max(initial=0))]
        standard, censored = (np.take_along_axis(array, first, axis=-1) for array in (standard, censored))
        own = [np.where(censored, np.take_along_axis(column, first, axis=-1), 0.0) for column in basis]
        terms = _Terms(standard, own, censored, np.zeros_like(censored), None)
    else:
        factor = [[*np.zeros((k, *np.shape(mean)[:-1])), np.ones(np.shape(mean)[:-1])] for k in range(len(columns))]
        whitened = [np.zeros(np.shape(mean)[:-1]) for _ in columns]
        present = (precision > 0) & ~censored
        exact = (present * np.log(scale)).sum(axis=-1)
        terms = _Terms(standard, basis, censored, present, freedom)
    return exact + _integral(terms, factor, whitened, nodes or (NODES if freedom is None else STUDENT_NODES))


class _Terms:
    """The readings that are integrated numerically: log density, slope and curvature along the animal's effects."""

    def __init__(self, standard: Any, basis: list[Any], censored: Any, measured: Any, freedom: Any) -> None:
        self.basis = basis
        self._standard, self._censored, self._measured, self._freedom = standard, censored, measured, freedom

    def at(self, effects: Sequence[Any]) -> np.ndarray:
        value = self._residual(effects)
        return self._log_probability(value) + self._log_density(value)

    def _residual(self, effects: Sequence[Any]) -> Any:
        return self._standard - sum(e[..., None] * column for e, column in zip(effects, self.basis, strict=True))

    def _log_probability(self, value: Any) -> Any:
        if not self._censored.any():
            return 0.0
        kept = np.where(self._censored, value, 0.0)
        log_cdf = log_ndtr(kept) if self._freedom is None else np.log(np.maximum(stdtr(self._freedom, kept), 1e-300))
        return np.where(self._censored, log_cdf, 0.0).sum(axis=-1)

    def _log_density(self, value: Any) -> Any:
        if self._freedom is None:
            return 0.0
        squared = np.where(self._measured, value**2, 0.0) / self._freedom
        constant = (_student_constant(self._freedom) * self._measured).sum(axis=-1)
        return constant - (self._freedom[..., 0] + 1) / 2 * np.log(np.prod(1 + squared, axis=-1))

    def slopes(self, effects: Sequence[Any], *, exact: bool = False) -> tuple[Any, Any]:
        """First derivative by the standardised residual, and the second (not `exact`: one that is 0 or less)."""
        value = self._residual(effects)
        kept = np.where(self._censored, value, 0.0)
        if self._freedom is None:
            ratio = np.exp(-0.5 * kept**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(kept))
            return np.where(self._censored, ratio, 0.0), np.where(self._censored, -ratio * (kept + ratio), 0.0)
        nu = self._freedom
        weight = (nu + 1) / (nu + value**2)
        ratio = np.exp(_student(kept, nu)) / np.maximum(stdtr(nu, kept), 1e-300)
        inner = -(nu + 1) * kept / (nu + kept**2)
        below = np.minimum(ratio * (inner - ratio), 0.0)
        first = np.where(self._censored, ratio, np.where(self._measured, -weight * value, 0.0))
        # of a scale mixture at its current weights never positive, so that steps never overshoot
        second = -weight * (nu - value**2) / (nu + value**2) if exact else -weight
        return first, np.where(self._censored, below, np.where(self._measured, second, 0.0))


def _integral(terms: _Terms, factor: list[list[Any]], whitened: list[Any], nodes: int) -> np.ndarray:
    """ln ∫ exp(terms(e)) N(e; m, (cc')⁻¹) de over the animal's effects, c' m = whitened."""
    size = len(whitened)
    if not size:
        return terms.at([])
    centre = back_substituted(factor, whitened)
    prior = _crossed(factor)
    mode = [np.array(value) for value in centre]
    curvature = prior
    for _ in range(STEPS):
        first, second = terms.slopes(mode)
        away = [value - middle for value, middle in zip(mode, centre, strict=True)]
        gradient = [
            -(first * column).sum(axis=-1) - sum(prior[k][m] * away[m] for m in range(size))
            for k, column in enumerate(terms.basis)
        ]
        curvature = _curvature(prior, second, terms.basis)
        step = solved(cholesky(curvature), gradient)
        mode = [value + move for value, move in zip(mode, step, strict=True)]
    _, cautious = terms.slopes(mode)
    _, second = terms.slopes(mode, exact=True)
    lower = _cholesky_or(_curvature(prior, second, terms.basis), _curvature(prior, cautious, terms.basis))
    rule = _rule(size, nodes)
    values: list[Any] = []
    for node, weight in rule:
        shift = back_substituted(lower, [np.full(np.shape(mode[0]), value) for value in node])
        here: list[Any] = [value + move for value, move in zip(mode, shift, strict=True)]
        away: list[Any] = [value - middle for value, middle in zip(here, centre, strict=True)]
        inside: Any = -0.5 * sum(prior[k][m] * away[k] * away[m] for k in range(size) for m in range(size))
        values.append(terms.at(here) + inside + (np.log(abs(weight)) + 0.5 * sum(value**2 for value in node)))
    determinant = sum(np.log(factor[k][k]) - np.log(lower[k][k]) for k in range(size))
    if size <= MOST_EFFECTS:
        return np.asarray(logsumexp(np.stack(values), axis=0)) + determinant
    signs = np.sign([weight for _, weight in rule]).reshape(-1, *[1] * np.ndim(values[0]))
    found, sign = np.asarray(logsumexp(np.stack(values), axis=0, b=signs, return_sign=True))
    middle = next(place for place, (node, _) in enumerate(rule) if not any(node))
    at_mode = values[middle] - np.log(abs(rule[middle][1]))
    return np.where(sign > 0, found, at_mode) + determinant  # Laplace's value where weights of both signs cancel


def _rule(size: int, nodes: int) -> list[tuple[tuple[float, ...], float]]:
    """Nodes and their weights for the mean of a function of `size` standard normal numbers."""
    if size > MOST_EFFECTS:
        return _sparse_rule(size)
    return _combined([_rule_of_one(nodes)] * size)


def _rule_of_one(nodes: int) -> tuple[Any, Any]:
    points, weights = hermegauss(nodes)
    return points, weights / np.sqrt(2 * np.pi)


def _combined(rules: Sequence[tuple[Any, Any]]) -> list[tuple[tuple[float, ...], float]]:
    """Every combination of the nodes of one-dimensional rules, but those of negligible weight."""
    least = NEGLIGIBLE * np.prod([weights.max() for _, weights in rules])
    chosen: list[tuple[tuple[float, ...], float]] = []
    for index in product(*(range(len(points)) for points, _ in rules)):
        weight = float(np.prod([weights[i] for i, (_, weights) in zip(index, rules, strict=True)]))
        if weight >= least:
            chosen.append((tuple(float(points[i]) for i, (points, _) in zip(index, rules, strict=True)), weight))
    return chosen


@cache
def _sparse_rule(size: int) -> list[tuple[tuple[float, ...], float]]:
    """Smolyak's combination of products of rules of 1, 3, 5, … nodes, exact for low orders in all effects together."""
    weights: dict[tuple[float, ...], float] = {}
    for missing in range(min(SPARSE_LEVEL, size)):
        sign = (-1) ** missing * comb(size - 1, missing)
        for orders in _adding_up_to(SPARSE_LEVEL - 1 - missing, size):
            for node, weight in _combined([_rule_of_one(2 * order + 1) for order in orders]):
                place = tuple(round(value, 12) + 0.0 for value in node)  # + 0.0: there is one 0
                weights[place] = weights.get(place, 0.0) + sign * weight
    return [(node, weight) for node, weight in weights.items() if weight]


def _adding_up_to(total: int, size: int) -> Iterator[tuple[int, ...]]:
    if size == 1:
        yield (total,)
        return
    for first in range(total + 1):
        yield from ((first, *rest) for rest in _adding_up_to(total - first, size - 1))


def _student(value: Any, freedom: Any) -> Any:
    return _student_constant(freedom) - (freedom + 1) / 2 * np.log1p(value**2 / freedom)


def _student_constant(freedom: Any) -> Any:
    return gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - 0.5 * np.log(freedom * np.pi)


def _crossed(factor: list[list[Any]]) -> list[list[Any]]:
    """c c' as a full symmetric matrix, elementwise over animals."""
    size = len(factor)
    return [[sum(factor[k][n] * factor[m][n] for n in range(min(k, m) + 1)) for m in range(size)] for k in range(size)]


def _curvature(prior: list[list[Any]], second: Any, basis: list[Any]) -> list[list[Any]]:
    size = len(basis)
    return [[prior[k][m] - (second * basis[k] * basis[m]).sum(axis=-1) for m in range(size)] for k in range(size)]


def _cholesky_or(matrix: list[list[Any]], or_else: list[list[Any]]) -> list[list[Any]]:
    """Cholesky factor, elementwise over animals; where the matrix is not positive definite, that of another."""
    with np.errstate(invalid="ignore"):
        factor = cholesky(matrix)
    definite = np.all([np.isfinite(row[-1]) & (row[-1] > 0) for row in factor], axis=0)
    other = cholesky(or_else)
    return [[np.where(definite, *pair) for pair in zip(*rows, strict=True)] for rows in zip(factor, other, strict=True)]
