"""Draws that posteriors alike share, against normals whose means and covariances are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xenograft.fitting.importance import FREEDOM, LARGEST_PARETO_K, Student, Weighted, importance_draws
from xenograft.fitting.pool import Pool, student_of

SIZE = 6
READING_SD = 1.5
READINGS = np.concatenate([np.zeros((6, SIZE)), np.full((1, SIZE), 5.0), -np.full((1, SIZE), 5.0)])
"""Of eight models, two of them unlike the others: each is the parameters with an error of its own."""


def log_likelihood(points: np.ndarray) -> np.ndarray:
    """Of each model's reading: (draw, model)."""
    return stats.norm.logpdf(READINGS, points[:, None], READING_SD).sum(axis=2)


def log_density(points: np.ndarray) -> np.ndarray:
    return -0.5 * (points**2).sum(axis=1) / 4 + log_likelihood(points).sum(axis=1)


def without(model: int) -> tuple[np.ndarray, float]:
    """Mean and sd of the parameters given all models but one."""
    rest = np.delete(READINGS, model, axis=0)
    precision = 1 / 4 + len(rest) / READING_SD**2
    return rest.sum(axis=0) / READING_SD**2 / precision, precision**-0.5


@pytest.fixture(scope="module")
def whole() -> Weighted:
    def gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        return float(log_density(point[None])[0]), (READINGS - point).sum(axis=0) / READING_SD**2 - point / 4

    rng = np.random.default_rng(1)
    found = importance_draws(gradient, log_density, rng.normal(size=(4, SIZE)), draws=2000, rng=rng, enough=400)
    assert found is not None
    return found


def test_points_of_some_ts_serve_posteriors_that_are_far_from_each_other(whole: Weighted) -> None:
    far = (6, 7)
    alone = {model: whole.without(log_likelihood(whole.points)[:, model]) for model in far}
    assert all(not one.trusted(400) for one in alone.values())
    pool, rng = Pool.of(whole), np.random.default_rng(2)
    for share in (0.5, 1.0):
        own = log_likelihood(pool.points)
        nearer = [pool.weighted(log_density(pool.points) - share * own[:, model]) for model in far]
        pool = pool.with_more([student_of(one, whole) for one in nearer], 1000, rng)
    assert sum(one.share for one in pool.proposal) == pytest.approx(1)
    for model in (*far, 0):
        found = pool.weighted(log_density(pool.points) - log_likelihood(pool.points)[:, model])
        mean, sd = without(model)
        assert found.pareto_k <= LARGEST_PARETO_K
        assert found.effective > 400
        error = sd / np.sqrt(found.effective)
        np.testing.assert_allclose(found.weight @ found.points, mean, atol=4 * error)
        np.testing.assert_allclose(found.weight @ (found.points - mean) ** 2, sd**2, rtol=4 * np.sqrt(2 / 400))


def test_a_pool_of_weighted_draws_has_their_weights(whole: Weighted) -> None:
    again = Pool.of(whole).weighted(whole.log_density)
    np.testing.assert_allclose(again.weight, whole.weight, rtol=1e-9)
    assert again.pareto_k == pytest.approx(whole.pareto_k)


def test_a_t_of_few_draws_is_drawn_towards_the_posterior_like_it(whole: Weighted) -> None:
    one = Student(np.full(SIZE, 3.0), 0.1 * np.eye(SIZE), 1.0)
    points = one.draws(SIZE, np.random.default_rng(3))
    equal = np.full(SIZE, 1 / SIZE)
    few = Weighted(points, np.zeros(SIZE), np.zeros(SIZE), equal, 0.0, float(SIZE), proposal=(one,))
    found = student_of(few, whole)
    covariance = found.factor @ found.factor.T
    own, like = np.cov(points, rowvar=False, aweights=equal), np.cov(whole.points.T, aweights=whole.weight)
    np.testing.assert_allclose(covariance, (own + like) / 2)
    np.testing.assert_allclose(found.at, points.mean(axis=0))


def test_a_student_has_the_density_of_scipy() -> None:
    factor = np.array([[1.0, 0.0], [0.5, 2.0]])
    one = Student(np.array([1.0, -1.0]), factor, 1.0)
    points = np.random.default_rng(4).normal(size=(50, 2))
    exact = stats.multivariate_t(one.at, factor @ factor.T, df=FREEDOM).logpdf(points)
    np.testing.assert_allclose(one.log_density(points), exact)
    folded = Student(one.at, factor, 1.0, mirrored=(1,)).log_density(np.abs(points))
    both = [one.log_density(np.abs(points) * np.array([1.0, sign])) for sign in (1.0, -1.0)]
    np.testing.assert_allclose(folded, np.logaddexp(*both))
