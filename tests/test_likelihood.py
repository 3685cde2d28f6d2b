"""The integrated likelihood against quadrature, the multivariate normal, a mixed linear model and its own pieces."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
import statsmodels.api as sm
from scipy import stats

from xenograft.model.curve import Parameters, typical_log_volume
from xenograft.model.exposure import schedule
from xenograft.model.likelihood import NO_FLOOR, effects, log_density, moments, panel
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import Arm, Dosing, Study

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


def _parameters(law: str) -> Parameters:
    return Parameters(
        baseline=np.array(0.4), growth=np.array(0.1), slowing=np.array(0.04) if law == "gompertz" else None,
        kill=np.array([0.05, 0.02]), departure=np.array([0.015]), highest_single_agent=0.0, sd_baseline=np.array(0.3),
        sd_growth=np.array([0.02]), correlation=np.array(-0.3), error=np.array([0.15]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def uneven() -> Study:
    """Four arms whose animals leave at the endpoint volume, so that numbers of readings differ."""
    a, b = Dosing("A", (2.0, 9.0)), Dosing("B", (6.0, 13.0))
    arms = (Arm("v", control=True), Arm("a", dosings=(a,)), Arm("b", dosings=(b,)), Arm("ab", dosings=(a, b)))
    truth = Truth(
        baseline=150.0, growth=0.12, sd_baseline=0.3, sd_growth=0.03, error=0.12, kill={"A": 0.05, "B": 0.02},
        departure={"ab": 0.015},
    )  # fmt: skip
    days = (-1.0, 2.0, 5.0, 9.0, 12.0, 16.0, 19.0, 23.0)
    return simulate(arms, truth, animals=4, days=days, seed=8, endpoint_volume=600.0)


def test_a_panel_holds_every_fitted_reading_in_its_place(uneven: Study) -> None:
    found = panel(uneven)
    assert len(set(found.weight.sum(axis=1))) > 2  # the point of this study
    assert found.elapsed.tolist() == [
        0.0,
        3.0,
        7.0,
        10.0,
        14.0,
        17.0,
        21.0,
    ]  # no day −1: the baseline reading is of day 2
    for row, (animal, about) in enumerate(uneven.animals.iterrows()):
        own = uneven.fitted_readings[uneven.fitted_readings["animal"] == animal]
        present = found.weight[row] == 1
        assert present.tolist() == [True] * len(own) + [False] * (present.size - len(own))
        assert np.allclose(np.exp(found.log_volume[row][present]) * 100, own["volume"])
        assert found.elapsed[found.day_index[row][present]].tolist() == (own["day"] - 2).tolist()
        assert uneven.arms[found.arm_index[row]].name == about["arm"]


@pytest.mark.parametrize("law", ["exponential", "gompertz"])
def test_animals_with_unequal_numbers_of_readings_each_have_their_own_normal_density(uneven: Study, law: str) -> None:
    p = _parameters(law)
    readings, given = panel(uneven), schedule(uneven)
    found = log_density(readings.log_volume, *moments(readings, given, p))
    covariance_of_effects = np.array([[0.3**2, -0.3 * 0.3 * 0.02], [-0.3 * 0.3 * 0.02, 0.02**2]])
    for row, animal in enumerate(uneven.animals.index):
        own = uneven.fitted_readings[uneven.fitted_readings["animal"] == animal]
        day = own["day"].to_numpy() - 2  # the first dose
        mean = typical_log_volume(day, given, p)[readings.arm_index[row]]
        slowing = 1e-12 if p.slowing is None else float(p.slowing)
        weights = np.stack([np.exp(-slowing * day), -np.expm1(-slowing * day) / slowing], axis=-1)
        covariance = weights @ covariance_of_effects @ weights.T + 0.15**2 * np.eye(len(day))
        expected = stats.multivariate_normal(mean, covariance).logpdf(np.log(own["volume"] / 100))
        assert found[row] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("law", ["exponential", "gompertz"])
def test_gradients_of_the_density_agree_with_finite_differences_in_spite_of_padding(uneven: Study, law: str) -> None:
    p, readings, given = _parameters(law), panel(uneven), schedule(uneven)
    weight = readings.weight.copy()
    weight[2] = 0  # an animal left out of comparison
    readings = replace(readings, weight=weight)
    values = {k: v for k, v in vars(p).items() if isinstance(v, np.ndarray)}
    symbols = {k: pt.tensor(k, shape=v.shape, dtype="float64") for k, v in values.items()}

    def total(**changed: Any) -> float:
        return float(log_density(readings.log_volume, *moments(readings, given, replace(p, **changed))).sum())

    in_graph = replace(readings, **{k: pt.constant(v) for k, v in vars(readings).items() if v is not None})
    density = log_density(in_graph.log_volume, *moments(in_graph, given, replace(p, **symbols), xp=pt), xp=pt).sum()
    outputs = [density, *pytensor.grad(density, list(symbols.values()))]
    value, *found = pytensor.function(list(symbols.values()), outputs, mode="FAST_COMPILE")(*values.values())
    assert float(value) == pytest.approx(total(), rel=1e-12)
    for (name, at), gradient in zip(values.items(), found, strict=True):
        for i in range(at.size):
            step = 1e-6 * (np.arange(at.size) == i).reshape(at.shape)
            difference = (total(**{name: at + step}) - total(**{name: at - step})) / 2e-6
            # rounding: 1e-16 of a few hundred over 1e-6; curvature (up to 1e7 for sd_growth) is even, its slope small
            assert np.ravel(gradient)[i] == pytest.approx(difference, rel=1e-5, abs=1e-5)


def test_animals_without_spread_are_independent_readings() -> None:
    y, mean, precision, columns = _random_case(3)
    expected = stats.norm(mean, 1 / np.sqrt(precision)).logpdf(y).sum(axis=-1)
    assert np.allclose(log_density(y, mean, precision, [0 * column for column in columns]), expected)
    assert np.allclose(log_density(y, mean, precision, []), expected)


def test_effects_that_repeat_each_other_keep_a_finite_density() -> None:
    """A correlation of ±1: the second column is a multiple of the first."""
    y, mean, precision, (column,) = _random_case(1)
    one = log_density(y, mean, precision, [column * np.sqrt(1 + 0.5**2)])
    assert np.allclose(log_density(y, mean, precision, [column, 0.5 * column]), one)


def test_the_density_does_not_depend_on_the_order_of_effects() -> None:
    y, mean, precision, columns = _random_case(3)
    whole = log_density(y, mean, precision, columns)
    assert np.allclose(log_density(y, mean, precision, columns[::-1]), whole)


def test_posterior_draws_lead_the_density() -> None:
    scales = np.array([0.5, 1.0, 2.0])
    y, mean, precision, columns = _random_case(2)
    together = log_density(
        y, mean * scales[:, None, None], precision * scales[:, None, None], [c * scales[:, None, None] for c in columns]
    )
    assert together.shape == (3, 3)
    for i, scale in enumerate(scales):
        assert np.allclose(together[i], log_density(y, scale * mean, scale * precision, [scale * c for c in columns]))


def test_an_animal_whose_readings_are_all_left_out_has_effects_of_the_population() -> None:
    y, mean, precision, columns = _random_case(2)
    noise = np.random.default_rng(1).standard_normal((3, 2))
    assert np.array_equal(effects(y, mean, 0 * precision, columns, noise), noise)


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
        "highest_single_agent": 0.0, "sd_baseline": sds[0], "sd_growth": sds[1:],
        "correlation": np.asarray(fitted.cov_re)[0, 1] / DECADE / sds.prod(), "error": np.sqrt([fitted.scale]),
    }  # fmt: skip

    def total(**changed: Any) -> float:
        values = {k: v if v is None else np.asarray(v) for k, v in (at_maximum | changed).items()}
        arranged = panel(study)
        return float(log_density(arranged.log_volume, *moments(arranged, schedule(study), Parameters(**values))).sum())

    assert total() == pytest.approx(fitted.llf, rel=1e-6)
    for name in ("baseline", "growth", "kill", "departure", "sd_baseline", "sd_growth", "correlation", "error"):
        for factor in (0.8, 1.2):
            assert total(**{name: at_maximum[name] * factor}) < fitted.llf


RICH = Parameters(
    baseline=np.array(0.4), growth=np.array(0.1), slowing=np.array(0.04), kill=np.array([0.09, 0.02]),
    departure=np.array([0.015]), waning=np.array([0.08]), onset=np.array([0.3]), cohort=np.array([0.01, -0.02, 0.015]),
    sd_baseline=np.array(0.3), sd_growth=np.array([0.01, 0.02, 0.03, 0.025]), sd_effect=np.array(0.4),
    correlation=np.array(-0.3), error=np.array([0.1, 0.15, 0.2, 0.25]), small_tumour_error=np.array(0.3),
)  # fmt: skip
"""Everything a card with normal errors may have."""

KINDS = {"A": "decaying", "B": "delayed"}
LIMIT = 160.0


@pytest.fixture(scope="module")
def batches(uneven: Study) -> Study:
    """The same in three cohorts, with a limit that some typical tumours are below."""
    cohort = {animal: f"batch {i % 3}" for i, animal in enumerate(uneven.animals.index)}
    readings = uneven.readings.assign(cohort=uneven.readings["animal"].map(cohort))
    return replace(uneven, readings=readings, limit_of_quantification=LIMIT)


PARTS = {
    "everything": (),
    "effects alone": ("cohort", "sd_baseline", "sd_growth", "correlation", "small_tumour_error"),
    "no baseline": ("sd_baseline", "correlation"),
    "no growth": ("sd_growth", "correlation"),
    "no correlation": ("correlation",),
    "no effect": ("sd_effect",),
    "no cohort": ("cohort",),
    "no small tumours": ("small_tumour_error",),
    "no animals": ("sd_baseline", "sd_growth", "sd_effect", "correlation"),
}


@pytest.mark.parametrize("common", [False, True])
@pytest.mark.parametrize("absent", PARTS)
def test_whatever_a_card_has_an_animals_readings_have_the_normal_density_of_its_parts(
    batches: Study, absent: str, *, common: bool
) -> None:
    p = replace(RICH, **dict.fromkeys(PARTS[absent], None))
    if common:
        p = replace(p, error=RICH.error[1:2], sd_growth=None if p.sd_growth is None else RICH.sd_growth[1:2])
    readings, given = panel(batches), schedule(batches, exposure=KINDS)
    found = log_density(readings.log_volume, *moments(readings, given, p))
    cohorts = {f"batch {i}": i for i in range(3)}
    seen_at_limit = False
    for row, (animal, about) in enumerate(batches.animals.iterrows()):
        own = batches.fitted_readings[batches.fitted_readings["animal"] == animal]
        day = own["day"].to_numpy() - 2  # the first dose
        arm = [one.name for one in batches.arms].index(about["arm"])
        curves = typical_log_volume(day, given, p)
        typical, reduction = curves[arm], curves[0] - curves[arm]
        from_growth = -np.expm1(-0.04 * day) / 0.04
        mean = typical + (0.0 if p.cohort is None else p.cohort[cohorts[about["cohort"]]] * from_growth)
        sds = {name: getattr(p, name) for name in ("sd_baseline", "sd_growth", "sd_effect")}
        of_arm = {name: 0.0 if sd is None else float(np.ravel(sd)[arm % sd.size]) for name, sd in sds.items()}
        weights = np.stack([np.exp(-0.04 * day), from_growth, reduction], axis=-1) * list(of_arm.values())
        correlation = np.eye(3)
        correlation[0, 1] = correlation[1, 0] = 0.0 if p.correlation is None else p.correlation
        variance = np.full(len(day), p.error[arm % p.error.size] ** 2)
        if p.small_tumour_error is not None:
            seen_at_limit |= bool((np.exp(typical) * 100 < LIMIT).any())
            variance += (0.3 / np.maximum(np.exp(typical), LIMIT / 100)) ** 2
        covariance = weights @ correlation @ weights.T + np.diag(variance)
        expected = stats.multivariate_normal(mean, covariance).logpdf(np.log(own["volume"] / 100))
        assert found[row] == pytest.approx(expected, abs=1e-8)
    assert seen_at_limit or p.small_tumour_error is None


@pytest.mark.parametrize(
    "part",
    [
        "cohort",
        "sd_baseline",
        "sd_growth",
        "sd_effect",
        "correlation",
        "error",
        "small_tumour_error",
        "waning",
        "onset",
    ],
)
def test_every_part_changes_the_density_and_its_gradient_is_that_of_finite_differences(
    batches: Study, part: str
) -> None:
    readings, given = panel(batches), schedule(batches, exposure=KINDS)
    value = getattr(RICH, part)

    def total(changed: np.ndarray) -> float:
        return float(
            log_density(readings.log_volume, *moments(readings, given, replace(RICH, **{part: changed}))).sum()
        )

    symbol = pt.tensor(part, shape=value.shape, dtype="float64")
    in_graph = replace(readings, **{k: pt.constant(v) for k, v in vars(readings).items() if v is not None})
    constants = {k: pt.constant(v) for k, v in vars(RICH).items() if isinstance(v, np.ndarray)}
    p = Parameters(**constants | {part: symbol})
    density = log_density(in_graph.log_volume, *moments(in_graph, given, p, xp=pt), xp=pt).sum()
    compiled = pytensor.function([symbol], [density, pytensor.grad(density, symbol)], mode="FAST_COMPILE")
    there, gradient = compiled(value)
    assert float(there) == pytest.approx(total(value), rel=1e-12)
    for i in range(value.size):
        step = 1e-6 * (np.arange(value.size) == i).reshape(value.shape)
        difference = (total(value + step) - total(value - step)) / 2e-6
        assert np.ravel(gradient)[i] == pytest.approx(difference, rel=1e-5, abs=1e-4)
        assert difference != 0


def test_the_floor_is_the_limit_of_the_study_or_of_its_smallest_censored_reading(uneven: Study) -> None:
    assert panel(uneven).floor == NO_FLOOR
    assert panel(replace(uneven, limit_of_quantification=16.0)).floor == pytest.approx(np.log(0.16))
    readings = uneven.readings.copy()
    readings.loc[readings.index[[5, 9]], "censored"] = True
    smallest = readings.loc[readings["censored"], "volume"].min()
    assert panel(replace(uneven, readings=readings)).floor == pytest.approx(np.log(smallest / 100))


def test_a_panel_without_an_animal_differs_in_its_weights_only(batches: Study) -> None:
    first, last = batches.animals.index[[0, -1]]
    whole, without = panel(batches), panel(batches, without=[first, last])
    assert (without.weight[[0, -1]] == 0).all()
    assert np.array_equal(without.weight[1:-1], whole.weight[1:-1])
    for name in vars(whole):
        if name != "weight":
            assert np.array_equal(getattr(whole, name), getattr(without, name))
