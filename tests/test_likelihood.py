"""The integrated likelihood against quadrature, the multivariate normal, a mixed linear model and its own pieces."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
import statsmodels.api as sm
from scipy import stats

from xenograft.dynamics import Parameters
from xenograft.exposure import schedule
from xenograft.likelihood import effects, log_density, moments, panel
from xenograft.study import Study

DECADE = 10.0


def _random_case(effect_count: int, readings: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    rng = np.random.default_rng(effect_count)
    y, mean = rng.normal(size=(3, readings)), rng.normal(size=(3, readings))
    precision = rng.uniform(0.5, 4, size=(3, readings))
    return y, mean, precision, [rng.normal(size=(3, readings)) for _ in range(effect_count)]


@pytest.mark.parametrize("effect_count", [1, 2, 3])
def test_the_density_is_the_multivariate_normal_it_integrates_to(effect_count: int) -> None:
    y, mean, precision, columns = _random_case(effect_count)
    basis = np.stack(columns, axis=-1)
    for i, found in enumerate(log_density(y, mean, precision, columns)):
        covariance = basis[i] @ basis[i].T + np.diag(1 / precision[i])
        assert found == pytest.approx(stats.multivariate_normal(mean[i], covariance).logpdf(y[i]), abs=1e-10)


@pytest.mark.parametrize("effect_count", [2, 3])
def test_the_density_agrees_with_brute_force_quadrature(effect_count: int) -> None:
    y, mean, precision, columns = _random_case(effect_count)
    columns = [0.5 * column for column in columns]  # smooth enough for 60 nodes
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    grid = np.stack(np.meshgrid(*[nodes] * effect_count, indexing="ij"), axis=-1).reshape(-1, effect_count)
    weight = np.prod(np.stack(np.meshgrid(*[weights] * effect_count, indexing="ij"), axis=-1), axis=-1).ravel()
    weight = weight / (2 * np.pi) ** (effect_count / 2)
    for i, found in enumerate(log_density(y, mean, precision, columns)):
        basis = np.stack([column[i] for column in columns], axis=-1)
        conditional = stats.norm(mean[i] + grid @ basis.T, 1 / np.sqrt(precision[i])).pdf(y[i]).prod(axis=1)
        assert found == pytest.approx(np.log(weight @ conditional), abs=1e-5)


def test_padding_and_a_reading_left_out_change_nothing() -> None:
    y, mean, precision, columns = _random_case(2)
    whole = log_density(y, mean, precision, columns)
    padded = [np.pad(a, ((0, 0), (0, 3)), constant_values=7.0) for a in (y, mean)]
    weights = np.pad(precision, ((0, 0), (0, 3)))
    wide = [np.pad(column, ((0, 0), (0, 3)), constant_values=9.0) for column in columns]
    assert np.allclose(log_density(*padded, weights, wide), whole)
    without = precision * np.array([1, 1, 0, 1, 1])
    kept = [0, 1, 3, 4]
    expected = log_density(y[:, kept], mean[:, kept], precision[:, kept], [column[:, kept] for column in columns])
    assert np.allclose(log_density(y, mean, without, columns), expected)


def test_an_animal_without_readings_has_log_density_zero_and_a_finite_gradient() -> None:
    y, mean, precision, columns = _random_case(2)
    assert log_density(y, mean, 0 * precision, columns).tolist() == [0.0, 0.0, 0.0]
    error = pt.dscalar()
    density = log_density(
        y, mean, pt.constant(np.array([[1.0] * 5, [0.0] * 5, [1, 0, 1, 0, 1.0]])) / error**2, columns, xp=pt
    )
    gradient = pytensor.function([error], pytensor.grad(density.sum(), error), mode="FAST_COMPILE")
    assert np.isfinite(gradient(0.3))


def test_the_animals_effects_are_drawn_from_their_exact_distribution() -> None:
    y, mean, precision, columns = _random_case(3)
    noise = np.random.default_rng(2).standard_normal((40_000, 3, 3))
    drawn = effects(y, mean, precision, columns, noise)
    centre = effects(y, mean, precision, columns, np.zeros((3, 3)))
    for i in range(3):
        basis = np.stack([column[i] for column in columns], axis=-1)
        covariance = np.linalg.inv(np.eye(3) + basis.T @ np.diag(precision[i]) @ basis)
        assert np.allclose(centre[i], covariance @ basis.T @ (precision[i] * (y[i] - mean[i])))
        # sd of a sample covariance of n draws is about √2/√n of the variances
        assert np.allclose(np.cov(drawn[:, i].T), covariance, atol=5 * np.sqrt(2 / 40_000))


def test_the_linear_case_agrees_with_a_mixed_linear_model(study: Study) -> None:
    readings = study.fitted_readings.assign(y=lambda t: np.log(t["volume"] / 100), treated=1.0)
    gets = {arm.name: arm.agents for arm in study.arms}
    design = pd.DataFrame({"baseline": 1.0, "growth": readings["day"]})
    for agent in ("T-DM1", "pertuzumab"):
        design[agent] = [-day * (agent in gets[arm]) for day, arm in zip(readings["day"], readings["arm"], strict=True)]
    design["departure"] = [
        -day * (len(gets[arm]) == 2) for day, arm in zip(readings["day"], readings["arm"], strict=True)
    ]
    design.iloc[:, 1:] /= DECADE  # its optimiser wants numbers of like size
    slopes = np.column_stack([np.ones(len(readings)), readings["day"] / DECADE])
    model = sm.MixedLM(readings["y"].to_numpy(), design.to_numpy(dtype=float), readings["animal"], exog_re=slopes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whether it got there is checked below
        fitted = model.fit(reml=False, method=["lbfgs", "powell", "lbfgs"])
    sds = np.sqrt(np.diag(fitted.cov_re)) * np.array([1, 1 / DECADE])
    rates = fitted.fe_params / np.array([1, *[DECADE] * 4])
    at_maximum = {
        "baseline": rates[0], "growth": rates[1], "slowing": None, "kill": rates[2:4], "departure": rates[4:5],
        "highest_single_agent": 0.0, "sd_baseline": sds[0], "sd_growth": sds[1],
        "correlation": np.asarray(fitted.cov_re)[0, 1] / DECADE / sds.prod(), "error": np.sqrt(fitted.scale),
    }  # fmt: skip

    def total(**changed: Any) -> float:
        values = {k: v if v is None else np.asarray(v) for k, v in (at_maximum | changed).items()}
        arranged = panel(study)
        return float(log_density(arranged.log_volume, *moments(arranged, schedule(study), Parameters(**values))).sum())

    assert total() == pytest.approx(fitted.llf, rel=1e-6)
    for name in ("baseline", "growth", "kill", "departure", "sd_baseline", "sd_growth", "error"):
        for factor in (0.8, 1.2):
            assert total(**{name: at_maximum[name] * factor}) < fitted.llf
