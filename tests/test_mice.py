"""Several tumours in a mouse: the tumour grows, what tumours of a mouse have in common is integrated out exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from xenograft.errors import InputError
from xenograft.fitting.curves import animal_curves, new_readings, prior_draws
from xenograft.fitting.fit import Fit, parameters_of
from xenograft.fitting.health import Health
from xenograft.fitting.integrated import log_likelihood
from xenograft.model import quadrature
from xenograft.model.card import ModelCard, read_cards
from xenograft.model.choice import why_not
from xenograft.model.groups import (
    as_one_animal,
    by_group,
    effects_of_groups,
    grouping,
    log_density_of_groups,
    shares_of_groups,
)
from xenograft.model.likelihood import effects, log_density, log_probability_given, panel
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study

A, B = Dosing("A", (0.0,)), Dosing("B", (0.0,))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("both", dosings=(A, B)))
TRUTH = Truth(
    baseline=150.0, growth=0.1, sd_baseline=0.3, sd_growth=0.02, correlation=0.2, error=0.12, mouse_share=0.5,
    kill={"A": 0.05, "B": 0.03}, departure={"both": 0.01},
)  # fmt: skip
SHRINKING = TRUTH.model_copy(update={"kill": {"A": 0.15, "B": 0.09}})
DAYS = (0.0, 4.0, 7.0, 11.0, 14.0, 18.0, 21.0)
SHARES = np.array([0.0, 0.4, 0.95])


def alike(shares: np.ndarray, effects: int) -> np.ndarray:
    """The same share of every effect (group, effect)."""
    return np.repeat(shares[:, None], effects, axis=1)


def _study(
    truth: Truth = TRUTH, *, mice: int = 3, tumours: int = 2, limit: float | None = None, seed: int = 1
) -> Study:
    return simulate(ARMS, truth, animals=mice, days=DAYS, seed=seed, tumours=tumours, limit_of_quantification=limit)


def _uneven(study: Study) -> Study:
    """The study with one tumour taken out of the first mouse, and nothing known of the mouse of the last tumour."""
    readings = study.readings[study.readings["animal"] != study.animals.index[1]]
    unknown = readings["animal"] == study.animals.index[-1]
    return Study("uneven", "mm3", ARMS, readings.assign(mouse=readings["mouse"].mask(unknown, "")))


def _near_the_truth(study: Study, card: ModelCard, draws: int = 3, **given: float) -> xr.Dataset:
    """Draws of the parameters about the truth, as a posterior with one chain."""
    found, rng = prior_draws(study, card, draws, seed=2), np.random.default_rng(3)
    values: dict[str, Any] = {
        "baseline": 0.4, "growth": 0.1, "sd_baseline": 0.3, "sd_growth": 0.02, "correlation": 0.2, "error": 0.12,
        "kill": np.array([0.05, 0.03]), "departure": 0.01, "mouse_share": 0.5, "sd_effect": 0.2,
        "degrees_of_freedom": 5.0,
    }  # fmt: skip
    for name in set(values) & set(found):
        jitter = np.exp(0.1 * rng.standard_normal(found[name].shape))
        found[name] = (found[name].dims, given.get(name, values[name]) * jitter)
    return found


def _random_groups(effect_count: int, members: int = 3, readings: int = 6) -> tuple[Any, Any, Any, list[Any]]:
    rng = np.random.default_rng(effect_count)
    shape = (len(SHARES), members, readings)
    precision = rng.uniform(0.5, 4, shape) * (rng.random(shape) < 0.8)
    return (
        rng.normal(size=shape),
        rng.normal(size=shape),
        precision,
        [rng.normal(size=shape) for _ in range(effect_count)],
    )


def _covariance(precision: Any, columns: list[Any], share: float, group: int) -> np.ndarray:
    """Of all readings of a mouse, written down from the definition."""
    basis = np.stack([column[group] for column in columns], axis=-1)
    members, readings, _ = basis.shape
    found = np.zeros((members, readings, members, readings))
    for i in range(members):
        for j in range(members):
            found[i, :, j, :] = basis[i] @ basis[j].T * (1.0 if i == j else share)
    flat = precision[group].ravel()
    return found.reshape(flat.size, flat.size) + np.diag(1 / np.where(flat > 0, flat, 1.0))


def test_the_density_of_a_mouse_is_the_multivariate_normal_it_integrates_to() -> None:
    for effect_count in (1, 2, 3):
        y, mean, precision, columns = _random_groups(effect_count)
        found = log_density_of_groups(y, mean, precision, columns, alike(SHARES, effect_count))
        for group, share in enumerate(SHARES):
            there = precision[group].ravel() > 0
            covariance = _covariance(precision, columns, share, group)[np.ix_(there, there)]
            expected = stats.multivariate_normal(mean[group].ravel()[there], covariance).logpdf(y[group].ravel()[there])
            assert found[group] == pytest.approx(expected, abs=1e-9)
        as_one = as_one_animal(y, mean, precision, columns, alike(SHARES, effect_count))
        assert np.allclose(found, log_density(*as_one), rtol=0, atol=1e-9)


def test_the_effects_of_tumours_are_drawn_from_their_exact_distribution() -> None:
    y, mean, precision, columns = _random_groups(2)
    members, draws, rng = precision.shape[1], 100_000, np.random.default_rng(1)
    own, common = rng.standard_normal((draws, *precision.shape[:2], 2)), rng.standard_normal((draws, len(SHARES), 2))
    found = effects_of_groups(y, mean, precision, columns, alike(SHARES, 2), own, common)
    as_one = as_one_animal(y, mean, precision, columns, alike(SHARES, 2))
    independent = effects(*as_one, rng.standard_normal((draws, len(SHARES), 2 * members)))
    for group, share in enumerate(SHARES):
        factor = np.linalg.cholesky(np.full((members, members), share) + np.eye(members) * (1 - share))
        expected = np.einsum("ij,njk->nik", factor, independent[:, group].reshape(draws, members, 2))
        ours, theirs = found[:, group].reshape(draws, -1), expected.reshape(draws, -1)
        assert np.allclose(ours.mean(axis=0), theirs.mean(axis=0), atol=0.02)  # five standard errors of two means
        assert np.allclose(np.cov(ours.T), np.cov(theirs.T), atol=0.02)


def test_groups_are_found_wherever_their_animals_stand() -> None:
    study = _uneven(_study())
    groups = grouping(study.groups)
    assert groups is not None
    assert study.group == "mouse"
    for animal, name in study.groups.items():
        at = study.animals.index.get_loc(animal)
        assert groups.members[groups.group_index[at], groups.member_index[at]] == at
        assert list(dict.fromkeys(study.groups))[groups.group_index[at]] == name
    assert groups.several.tolist() == [0, *[1] * 10, 0, 0]  # the first mouse, and the last tumours, are by themselves
    y, *_ = by_group(groups, *[np.zeros((len(study.animals), 7))] * 3, [])
    assert y.shape == (13, 2, 7)


def test_without_a_second_tumour_nothing_changes(study: Study) -> None:
    one_each = replace(study, readings=study.readings.assign(mouse=study.readings["animal"] + "m"))
    unknown = replace(study, readings=study.readings.assign(mouse=""))
    for same in (one_each, unknown):
        assert same.group == "animal"
        assert same.digest == study.digest
        assert panel(same).groups is None
        assert list(same.groups) == list(study.animals.index)
    assert repr(one_each) == repr(study)


def test_tumours_of_one_mouse_change_the_digest_and_are_counted_in_words() -> None:
    made = _study()
    study = Study("mice", "mm3", ARMS, made.readings)
    apart = replace(study, readings=study.readings.drop(columns="mouse"))
    assert study.digest != apart.digest
    assert "24 tumours in 12 mice" in repr(study)
    assert "24 animals" in repr(apart)


def test_the_share_is_a_prior_of_every_card_and_changes_no_digest_until_it_is_another(
    cards: Mapping[str, ModelCard],
) -> None:
    for card in cards.values():
        without = card.model_copy(update={"priors": {n: p for n, p in card.priors.items() if n != "mouse_share"}})
        other = card.priors["mouse_share"].model_copy(update={"alpha": 1.0})
        assert without.digest == card.digest
        assert card.model_copy(update={"priors": {**card.priors, "mouse_share": other}}).digest != card.digest


def test_a_card_that_says_nothing_of_mice_is_not_fitted_to_them_and_says_why(cards: Mapping[str, ModelCard]) -> None:
    card = cards["exponential-bliss-departure"]
    without = card.model_copy(update={"priors": {n: p for n, p in card.priors.items() if n != "mouse_share"}})
    study = _study()
    assert why_not(study, card) is None
    assert why_not(study, without) == (
        "some mice carry several tumours, and it does not say how much tumours of a mouse have in common; "
        "add [priors.mouse_share] to it, as the shipped cards have it"
    )
    assert why_not(replace(study, readings=study.readings.drop(columns="mouse")), without) is None


def test_a_share_of_nothing_in_common_is_tumours_by_themselves(cards: Mapping[str, ModelCard]) -> None:
    for name, limit, tolerance in (
        ("exponential-bliss-departure", None, 1e-9),
        ("gompertz-bliss-departure", None, 1e-9),
        ("exponential-bliss-departure", 60.0, 0.02),
        ("robust-bliss-departure", None, 0.02),
    ):
        study, card = _study(SHRINKING if limit else TRUTH, limit=limit), cards[name]
        draws = _near_the_truth(study, card, mouse_share=0.0)
        apart = replace(study, readings=study.readings.drop(columns="mouse"))
        of_mice = log_likelihood(draws, study, card)
        of_tumours = log_likelihood(draws, apart, card)
        mice = xr.DataArray(
            study.groups.to_numpy(), dims="animal", name="mouse", coords={"animal": of_tumours["animal"]}
        )
        summed = of_tumours.groupby(mice).sum().sel(mouse=of_mice["mouse"])
        assert of_mice.dims == ("chain", "draw", "mouse")
        assert np.abs(of_mice - summed.transpose("chain", "draw", "mouse")).max() < tolerance, (name, limit)


def test_mice_of_other_sizes_and_names_are_scored_alike(cards: Mapping[str, ModelCard]) -> None:
    study, card = _uneven(_study(SHRINKING, limit=60.0)), cards["exponential-bliss-departure"]
    draws = _near_the_truth(study, card)
    everyone = log_likelihood(draws, study, card)
    names = list(dict.fromkeys(study.groups))[::-2]
    assert np.allclose(log_likelihood(draws, study, card, names), everyone.sel(mouse=names), rtol=0, atol=1e-9)
    one = _near_the_truth(study, card, mouse_share=0.9)
    alone = everyone["mouse"].to_numpy()[[0, -1]]
    draws = draws.assign(mouse_share=one["mouse_share"])  # of no meaning for a tumour by itself
    assert np.allclose(log_likelihood(draws, study, card, alone), everyone.sel(mouse=alone), rtol=0, atol=1e-9)


def _brute_force(case: Any, share: float, freedom: float | None, step: float = 0.4) -> np.ndarray:
    """The integral over m, and for each tumour over its own effects, on grids of standard normal numbers."""
    y, mean, precision, columns, censored = case
    line = np.arange(-5.2, 5.2 + step / 2, step)
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    grid = grid[(grid**2).sum(axis=1) <= 27]
    log_prior = stats.norm.logpdf(grid).sum(axis=1) + 2 * np.log(step)
    errors = stats.norm() if freedom is None else stats.t(freedom)
    answers: list[float] = []
    for group in range(len(y)):
        total = log_prior.copy()
        for member in range(y.shape[1]):
            basis = np.stack([column[group, member] for column in columns], axis=-1)
            sd = precision[group, member] ** -0.5
            for place, m in enumerate(grid):
                own = np.sqrt(share) * m + np.sqrt(1 - share) * grid
                scaled = (y[group, member] - mean[group, member] - own @ basis.T) / sd
                below = censored[group, member]
                value = np.where(below, errors.logcdf(scaled) if below.any() else 0, errors.logpdf(scaled) - np.log(sd))
                total[place] += np.logaddexp.reduce(value.sum(axis=1) + log_prior)
        answers.append(np.logaddexp.reduce(total))
    return np.array(answers)


def _censored_mice(share: float, freedom: float | None, quantile: float, mice: int = 2) -> Any:
    rng = np.random.default_rng(5)
    day = np.broadcast_to(np.linspace(0, 20, 6), (mice, 2, 6))
    mean = 0.4 + 0.06 * day - np.linspace(0.06, 0.18, mice)[:, None, None] * day
    columns = [np.full(mean.shape, 0.3), 0.03 * day]
    m, own = rng.standard_normal((2, mice, 1)), rng.standard_normal((2, mice, 2))
    effect = np.sqrt(share) * m + np.sqrt(1 - share) * own
    noise = rng.standard_normal(mean.shape) if freedom is None else rng.standard_t(freedom, mean.shape)
    volumes = mean + sum(effect[k][..., None] * column for k, column in enumerate(columns)) + 0.3 * noise
    limit = np.quantile(volumes, quantile) if quantile else -np.inf
    return np.maximum(volumes, limit), mean, np.full(mean.shape, 0.3**-2), columns, volumes <= limit


def test_mice_with_censored_or_student_readings_agree_with_brute_force() -> None:
    for share, freedom, quantile, tolerance in ((0.4, None, 0.3, 2e-3), (0.8, None, 0.5, 1e-2), (0.4, 6.0, 0.25, 1e-2)):
        case = _censored_mice(share, freedom, quantile)
        y, mean, precision, columns, censored = case
        as_one = as_one_animal(y, mean, precision, columns, np.full((len(y), 2), share))
        degrees = None if freedom is None else np.array(freedom)
        found = quadrature.log_density_by_quadrature(*as_one, censored.reshape(len(y), -1), degrees)
        assert np.abs(found - _brute_force(case, share, freedom)).max() < tolerance, (share, freedom, quantile)


def test_the_sparse_rule_has_the_moments_of_standard_normal_numbers() -> None:
    for size in (4, 6):
        nodes, weights = (np.array(part) for part in zip(*quadrature._rule(size, 7), strict=True))
        assert weights.sum() == pytest.approx(1)
        assert np.allclose(weights @ nodes, 0, atol=1e-12)
        assert np.allclose((nodes * weights[:, None]).T @ nodes, np.eye(size), atol=1e-9)
        assert weights @ (nodes[:, 0] ** 2 * nodes[:, 1] ** 2) == pytest.approx(1)
        assert weights @ nodes[:, 2] ** 6 == pytest.approx(15)


def test_latent_effects_of_a_mouse_and_its_tumours_integrate_to_its_likelihood() -> None:
    share = 0.5
    y, mean, precision, columns, censored = _censored_mice(share, None, 0.4)
    shares, measured = np.full((len(y), 2), share), np.where(censored, 0.0, precision)
    rng = np.random.default_rng(1)
    own, common = rng.standard_normal((40_000, *y.shape[:2], 2)), rng.standard_normal((40_000, len(y), 2))
    found = effects_of_groups(y, mean, measured, columns, shares, own, common)
    fitted = mean + sum(found[..., k, None] * column for k, column in enumerate(columns))
    below = log_probability_given(y, fitted, precision, censored, stats.norm.logcdf).sum(axis=-1)
    density = log_density_of_groups(y, mean, measured, columns, shares) + np.log(np.exp(below).mean(axis=0))
    as_one = as_one_animal(y, mean, precision, columns, shares)
    expected = quadrature.log_density_by_quadrature(*as_one, censored.reshape(len(y), -1))
    assert np.allclose(density, expected, atol=0.05)  # five standard errors of the mean of these draws


def test_new_readings_of_a_mouse_have_the_covariance_of_its_likelihood(cards: Mapping[str, ModelCard]) -> None:
    study, card = _study(mice=1), cards["exponential-bliss-departure"]
    draws = _near_the_truth(study, card, draws=1).isel(draw=np.zeros(40_000, dtype=int))
    found = new_readings(draws.assign_coords(draw=np.arange(40_000)), study, card, seed=1)[0, :, :2]
    value = {name: float(draws[name].to_numpy().flat[0]) for name in ("sd_baseline", "sd_growth", "correlation")}
    own = value["sd_baseline"] ** 2 + value["correlation"] * value["sd_baseline"] * value["sd_growth"] * 21
    covariance = np.cov(found[:, 0, 0], found[:, 1, -1])[0, 1]  # day 0 of one tumour, day 21 of the other
    assert covariance == pytest.approx(float(draws["mouse_share"][0, 0]) * own, abs=0.01)
    assert np.cov(found[:, 0, 0], found[:, 0, -1])[0, 1] == pytest.approx(own, abs=0.01)


def test_curves_of_tumours_follow_their_own_readings_and_those_of_the_mouse(cards: Mapping[str, ModelCard]) -> None:
    """A tumour with a single reading: the other tumour of its mouse says how fast it grows."""
    card, whole = cards["exponential-bliss-departure"], _study(mice=2, seed=4)
    one = whole.animals.index[0]
    readings = whole.readings[(whole.readings["animal"] != one) | (whole.readings["day"] == 0)]
    fast = readings["volume"].where(readings["animal"] != whole.animals.index[1], 150 * np.exp(0.2 * readings["day"]))
    curves_at: dict[float, float] = {}
    for share in (0.05, 0.9):
        study = Study("one reading", "mm3", ARMS, readings.assign(volume=fast))
        draws = _near_the_truth(study, card, draws=400, mouse_share=share)
        draws["mouse_share"] = draws["mouse_share"].clip(0.01, 0.95)
        health = Health("pass", 1.0, 1000, 1000, 0, 0.0, 1.0)
        fit = Fit(study, card, xr.DataTree.from_dict({"posterior": draws}), health, (), 1, {})
        curves_at[share] = float(animal_curves(fit, [21.0], thin=1).sel(animal=one).mean())
    assert curves_at[0.9] > curves_at[0.05] + 0.3


def test_a_mouse_left_out_leaves_with_all_its_tumours() -> None:
    study = _study()
    mouse = study.groups.iloc[0]
    weight = panel(study, [mouse]).weight.sum(axis=1)
    assert (weight[study.groups == mouse] == 0).all()
    assert (weight[study.groups != mouse] > 0).all()


def test_the_simulator_makes_tumours_alike_and_leaves_the_rest_as_it_was() -> None:
    truth = TRUTH.model_copy(update={"mouse_share": 0.6})
    made = simulate(ARMS, truth, animals=400, days=(0.0, 7.0), seed=3, tumours=2)
    pairs = made.true_animals.groupby("mouse")
    for name in ("baseline", "growth"):
        own = np.log(made.true_animals[name]) if name == "baseline" else made.true_animals[name]
        first, second = own.groupby(made.true_animals["mouse"]).nth(0), own.groupby(made.true_animals["mouse"]).nth(1)
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.6, abs=0.06)  # se 0.64/√1600, three and a half of it
    assert set(pairs.size()) == {2}
    plain = TRUTH.model_copy(update={"mouse_share": 0.0})
    one = simulate(ARMS, plain, animals=4, days=DAYS, seed=3)
    two = simulate(ARMS, plain, animals=2, days=DAYS, seed=3, tumours=2)
    assert "mouse" not in one.readings
    assert np.allclose(one.readings["volume"], two.readings["volume"])


def test_a_mouse_leaves_when_one_of_its_tumours_reaches_the_endpoint() -> None:
    made = simulate(ARMS, TRUTH, animals=6, days=DAYS, seed=3, tumours=2, endpoint_volume=500.0)
    last = made.animals["last_day"].groupby(made.groups).nunique()
    assert (last == 1).all()
    left = made.animals[made.animals["last_day"] < 21.0]
    assert (left["last_volume"].groupby(made.groups.loc[left.index]).max() >= 500).all()
    assert (left["last_volume"] < 500).any()
    assert (left["reason_left"] != "").all()


def test_a_share_without_a_second_tumour_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="mouse_share changes nothing where mice carry one tumour"):
        simulate(ARMS, TRUTH, animals=3, days=DAYS, seed=1)


def test_the_simulated_mice_have_the_likelihoods_covariance(cards: Mapping[str, ModelCard]) -> None:
    """Simulator against model: standardised by the model's covariance, a mouse's simulated readings are independent."""
    card = cards["exponential-bliss-departure"]
    made = simulate(ARMS, TRUTH, animals=150, days=DAYS, seed=11, tumours=2)
    exact: dict[str, Any] = {
        "baseline": np.log(1.5), "growth": 0.1, "sd_baseline": 0.3, "sd_growth": 0.02, "correlation": 0.2,
        "error": 0.12, "kill": np.array([0.05, 0.03]), "departure": 0.01, "mouse_share": 0.5,
    }  # fmt: skip
    draw = prior_draws(made, card, 1, seed=1)
    for name, value in exact.items():
        draw[name] = (draw[name].dims, np.broadcast_to(value, draw[name].shape))
    at_truth = float(log_likelihood(draw, made, card).sum())
    for name, other in (("mouse_share", 0.3), ("mouse_share", 0.7), ("sd_growth", 0.017), ("sd_growth", 0.023)):
        moved = draw.assign({name: draw[name] * 0 + other})
        assert float(log_likelihood(moved, made, card).sum()) < at_truth - 2, name
    readings = panel(made)
    assert readings.groups is not None
    without = replace(parameters_of(draw, card), mouse_share=None)
    assert not shares_of_groups(readings.groups, without, 2).any()


def test_cards_read_from_files_keep_the_share() -> None:
    assert all({"mouse_share", "cage_share"} <= set(card.priors) for card in read_cards().values())
