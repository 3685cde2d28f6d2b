"""Animals with censored or Student readings: Gauss–Hermite over their effects against brute force.

See docs/mathematics.md#the-likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from xenograft.model import quadrature
from xenograft.model.likelihood import log_density
from xenograft.model.quadrature import log_density_by_quadrature

TOLERANCE = 1e-4
ANIMALS = 10
MANY, FEW = 10, 6
NORMAL, STUDENT, HEAVY = None, 6.0, 3.0
"""Degrees of freedom: the median of the cards' prior, and tails that hardly have a variance."""
GRID = np.linspace(-6, 6, 81)
"""Values of a standard normal effect: beyond 6 lies 1e-9; steps of 0.15 are finer than any feature of the readings."""


@dataclass(frozen=True)
class Case:
    """Ten animals as the model sees them; regressing tumours near a limit, some of whose readings are censored."""

    readings: np.ndarray
    mean: np.ndarray
    precision: np.ndarray
    columns: list[np.ndarray]
    censored: np.ndarray
    freedom: float | None

    def density(self, **options: Any) -> np.ndarray:
        """The package's answer, per animal."""
        freedom = None if self.freedom is None else np.array(self.freedom)
        arguments = (self.readings, self.mean, self.precision, self.columns, self.censored, freedom)
        return log_density_by_quadrature(*arguments, **options)


def _case(effects: int, freedom: float | None, *, censored: bool, readings: int = MANY, seed: int = 3) -> Case:
    rng = np.random.default_rng(seed)
    day = np.tile(np.linspace(0, 20, readings), (ANIMALS, 1))
    reduction = np.linspace(0.04, 0.18, ANIMALS)[:, None] * day
    mean = 0.4 + 0.06 * day - reduction
    columns = [np.full(mean.shape, 0.3), 0.02 * day, -0.35 * reduction][:effects]
    own = rng.standard_normal((effects, ANIMALS, 1))
    noise = rng.standard_normal(mean.shape) if freedom is None else rng.standard_t(freedom, mean.shape)
    volumes = mean + sum(own[k] * column for k, column in enumerate(columns)) + 0.15 * noise
    limit = np.quantile(volumes, 0.25) if censored else -np.inf
    precision = np.where(rng.uniform(size=mean.shape) < 0.1, 0.0, 0.15**-2)  # some readings are not there
    precision[:, 0] = 0.15**-2
    return Case(np.maximum(volumes, limit), mean, precision, columns, volumes <= limit, freedom)


def _brute_force(case: Case) -> np.ndarray:
    """The integral over a grid of the effects' space: the trapezoidal rule, which has no error to speak of here."""
    size = len(case.columns)
    grid = np.stack(np.meshgrid(*[GRID] * size, indexing="ij"), axis=-1).reshape(-1, size)
    grid = grid[(grid**2).sum(axis=1) <= 36]
    log_prior = stats.norm.logpdf(grid).sum(axis=1) + size * np.log(GRID[1] - GRID[0])
    errors = stats.norm() if case.freedom is None else stats.t(case.freedom)
    answers: list[float] = []
    for i in range(ANIMALS):
        total = log_prior.copy()
        for j in np.flatnonzero(case.precision[i]):
            sd = case.precision[i, j] ** -0.5
            deviation = case.readings[i, j] - case.mean[i, j] - grid @ [column[i, j] for column in case.columns]
            scaled = deviation / sd
            total += errors.logcdf(scaled) if case.censored[i, j] else errors.logpdf(scaled) - np.log(sd)
        answers.append(np.logaddexp.reduce(total))
    return np.array(answers)


@pytest.mark.parametrize("effects", [2, 3])
@pytest.mark.parametrize(
    ("freedom", "censored"), [(NORMAL, True), (STUDENT, False), (STUDENT, True)], ids=["censored", "Student", "both"]
)
def test_the_density_of_ten_animals_agrees_with_brute_force(
    effects: int, freedom: float | None, *, censored: bool
) -> None:
    case = _case(effects, freedom, censored=censored)
    assert not censored or 0 < case.censored.any(axis=1).sum() < ANIMALS
    assert np.abs(case.density() - _brute_force(case)).max() < TOLERANCE


@pytest.mark.parametrize("censored", [False, True])
def test_few_readings_with_heavy_tails_are_within_a_hundredth(
    monkeypatch: pytest.MonkeyPatch, *, censored: bool
) -> None:
    """Six readings, 3 degrees of freedom: an animal may have two explanations, and no rule about one mode is exact."""
    case = _case(2, HEAVY, censored=censored, readings=FEW, seed=2)
    expected = _brute_force(case)
    assert np.abs(case.density() - expected).max() < 1e-2
    monkeypatch.setattr(quadrature, "NEGLIGIBLE", 1e-300)
    assert np.abs(case.density(nodes=25) - expected).max() < TOLERANCE  # what is missing is nodes, not a term


def test_more_nodes_come_closer() -> None:
    case = _case(2, STUDENT, censored=True)
    expected = _brute_force(case)
    errors = [np.abs(case.density(nodes=nodes) - expected).max() for nodes in (3, 7, 15)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert errors[2] < 1e-5


@pytest.mark.parametrize("effects", [1, 2, 3])
def test_censored_normal_readings_have_the_probability_of_a_multivariate_normal(effects: int) -> None:
    """The measured readings' density times the orthant probability of the censored ones given them."""
    case = _case(effects, NORMAL, censored=True, readings=FEW)
    compared = 0
    for i, found in enumerate(case.density(nodes=9)):
        present = case.precision[i] > 0
        low, seen = case.censored[i] & present, ~case.censored[i] & present
        if not 0 < low.sum() <= 3:
            continue
        basis = np.stack([column[i] for column in case.columns], axis=-1)
        covariance = basis @ basis.T + np.diag(1 / np.where(present, case.precision[i], 1.0))
        residual = case.readings[i] - case.mean[i]
        expected = 0.0
        centre, spread = np.zeros(low.sum()), covariance[np.ix_(low, low)]
        if seen.any():
            gain = covariance[np.ix_(low, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
            centre, spread = gain @ residual[seen], spread - gain @ covariance[np.ix_(seen, low)]
            expected = stats.multivariate_normal(np.zeros(seen.sum()), covariance[np.ix_(seen, seen)]).logpdf(
                residual[seen]
            )
        probability = stats.multivariate_normal(centre, spread, abseps=1e-8, releps=1e-8, maxpts=10**6).cdf(
            residual[low]
        )
        assert found == pytest.approx(expected + np.log(probability), abs=TOLERANCE)
        compared += 1
    assert compared >= 2


@pytest.mark.parametrize("effects", [0, 1, 2, 3])
def test_measured_normal_readings_are_integrated_exactly(effects: int) -> None:
    case = _case(effects, NORMAL, censored=False)
    exact = log_density(case.readings, case.mean, case.precision, case.columns)
    assert np.allclose(case.density(), exact, rtol=0, atol=1e-12)


def test_student_errors_become_normal_as_their_degrees_of_freedom_grow() -> None:
    normal = _case(2, NORMAL, censored=True)
    far = replace(normal, freedom=1e7).density()
    assert np.allclose(far, normal.density(nodes=15), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("freedom", [NORMAL, STUDENT])
def test_without_effects_readings_are_independent(freedom: float | None) -> None:
    case = _case(0, freedom, censored=True)
    errors = stats.norm() if freedom is None else stats.t(freedom)
    sd = np.where(case.precision > 0, np.where(case.precision > 0, case.precision, 1.0) ** -0.5, 1.0)
    scaled = (case.readings - case.mean) / sd
    each = np.where(case.censored, errors.logcdf(scaled), errors.logpdf(scaled) - np.log(sd))
    assert np.allclose(case.density(), np.where(case.precision > 0, each, 0.0).sum(axis=1), rtol=0, atol=1e-10)


@pytest.mark.parametrize("freedom", [NORMAL, STUDENT])
def test_a_reading_that_is_left_out_changes_nothing_whatever_it_says(freedom: float | None) -> None:
    case = _case(2, freedom, censored=True)
    absent = case.precision == 0
    other = replace(
        case, readings=np.where(absent, 40.0, case.readings), mean=np.where(absent, -30.0, case.mean),
        censored=case.censored ^ absent, columns=[np.where(absent, 9.0, column) for column in case.columns],
    )  # fmt: skip
    assert absent.any()
    assert np.allclose(case.density(), other.density(), rtol=0, atol=1e-12)
    nothing = replace(case, precision=0 * case.precision)
    assert np.allclose(nothing.density(), 0.0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("freedom", [NORMAL, STUDENT])
def test_posterior_draws_lead_the_density(freedom: float | None) -> None:
    case = _case(2, freedom, censored=True)
    scales = np.array([[0.6], [1.0], [1.7]])
    shape = scales[..., None, None]
    together = log_density_by_quadrature(
        case.readings, case.mean * shape, case.precision * shape, [column * shape for column in case.columns],
        case.censored, None if freedom is None else freedom * scales,
    )  # fmt: skip
    assert together.shape == (3, 1, ANIMALS)
    for draw, scale in enumerate(scales[:, 0]):
        alone = replace(
            case, mean=case.mean * scale, precision=case.precision * scale,
            columns=[column * scale for column in case.columns], freedom=None if freedom is None else freedom * scale,
        )  # fmt: skip
        assert np.allclose(together[draw, 0], alone.density(), rtol=0, atol=1e-10)


def test_a_tumour_far_above_its_limit_or_far_below_it_keeps_a_finite_density() -> None:
    for freedom in (NORMAL, STUDENT):
        case = _case(2, freedom, censored=True)
        for shift in (-30.0, 30.0):
            moved = replace(case, mean=case.mean + shift).density()
            assert np.isfinite(moved).all()
            assert (moved < case.density()).all()
