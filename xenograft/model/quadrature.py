"""The likelihood of animals with censored or Student readings, by Gauss–Hermite over their own effects.

See docs/mathematics.md#the-likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import gammaln, log_ndtr, logsumexp, stdtr

from xenograft.model.likelihood import back_substituted, factorised, log_density

NODES, STUDENT_NODES = 7, 9
"""Nodes per effect, of a rule that is centred and scaled by animal and draw; Student densities need more for 1e-4."""

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
        step = _solved(curvature, gradient)
        mode = [value + move for value, move in zip(mode, step, strict=True)]
    _, cautious = terms.slopes(mode)
    _, second = terms.slopes(mode, exact=True)
    lower = _cholesky(_curvature(prior, second, terms.basis), or_else=_curvature(prior, cautious, terms.basis))
    points, weights = hermegauss(nodes)
    log_weights = np.log(weights / np.sqrt(2 * np.pi))
    values: list[Any] = []
    for index in product(range(nodes), repeat=size):
        node = [points[i] for i in index]
        if sum(log_weights[i] for i in index) < size * log_weights.max() + np.log(NEGLIGIBLE):
            continue
        shift = back_substituted(lower, [np.full(np.shape(mode[0]), value) for value in node])
        here: list[Any] = [value + move for value, move in zip(mode, shift, strict=True)]
        away: list[Any] = [value - middle for value, middle in zip(here, centre, strict=True)]
        inside: Any = -0.5 * sum(prior[k][m] * away[k] * away[m] for k in range(size) for m in range(size))
        weight = float(sum(0.5 * points[i] ** 2 + log_weights[i] for i in index))
        values.append(terms.at(here) + inside + weight)
    determinant = sum(np.log(factor[k][k]) - np.log(lower[k][k]) for k in range(size))
    return np.asarray(logsumexp(np.stack(values), axis=0)) + determinant


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


def _cholesky(matrix: list[list[Any]], or_else: list[list[Any]] | None = None) -> list[list[Any]]:
    """Cholesky factor, elementwise over animals; where the matrix is not positive definite, that of another."""
    factor: list[list[Any]] = []
    with np.errstate(invalid="ignore"):
        for k, entries in enumerate(matrix):
            row: list[Any] = []
            for m in range(k):
                row.append((entries[m] - sum(row[n] * factor[m][n] for n in range(m))) / factor[m][m])
            factor.append([*row, np.sqrt(entries[k] - sum(entry**2 for entry in row))])
    if or_else is None:
        return factor
    definite = np.all([np.isfinite(row[-1]) & (row[-1] > 0) for row in factor], axis=0)
    other = _cholesky(or_else)
    return [[np.where(definite, *pair) for pair in zip(*rows, strict=True)] for rows in zip(factor, other, strict=True)]


def _solved(matrix: list[list[Any]], right: list[Any]) -> list[Any]:
    factor = _cholesky(matrix)
    forward: list[Any] = []
    for k, value in enumerate(right):
        forward.append((value - sum(factor[k][n] * forward[n] for n in range(k))) / factor[k][k])
    return back_substituted(factor, forward)
