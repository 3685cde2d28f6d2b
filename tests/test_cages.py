"""Cages that hold several animals: what these have in common of how fast they grow is integrated out exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from xenograft.answers.ranking import compare
from xenograft.evidence.housing import curves_in_cages, housing_unknown
from xenograft.evidence.predictive_check import reading_probabilities
from xenograft.fitting.curves import animal_curves, curves, new_readings, prior_draws
from xenograft.fitting.integrated import log_likelihood
from xenograft.fitting.sampling import SamplerSettings, fit
from xenograft.model.card import ModelCard
from xenograft.model.choice import share_within_groups, why_not
from xenograft.reading.cages import cage_notices, cage_questions
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study

A, B = Dosing("A", (0.0,)), Dosing("B", (0.0,))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("both", dosings=(A, B)))
TRUTH = Truth(
    baseline=150.0, growth=0.1, sd_baseline=0.3, sd_growth=0.02, correlation=0.2, error=0.12,
    kill={"A": 0.05, "B": 0.03}, departure={"both": 0.01},
)  # fmt: skip
DAYS = (0.0, 4.0, 7.0, 11.0, 14.0, 18.0, 21.0)
CARD = "exponential-bliss-departure"


def _study(
    *, animals: int = 8, per_cage: int = 4, sd_cage: float = 0.0, seed: int = 1, limit: float | None = None
) -> Study:
    """Cages nested in arms; the growth of a cage's animals differs from that of others by `sd_cage` (1/day)."""
    made = simulate(ARMS, TRUTH, animals=animals, days=DAYS, seed=seed, limit_of_quantification=limit)
    number = made.readings["animal"].str.extract(r"(\d+)$")[0].astype(int) - 1
    cage = made.readings["arm"] + " cage " + (number // per_cage + 1).astype(str)
    rng = np.random.default_rng([seed, 2])
    shift = {name: sd_cage * rng.standard_normal() for name in dict.fromkeys(cage)}
    volume = made.readings["volume"] * np.exp(cage.map(shift).astype(float) * made.readings["day"])
    return Study("caged", "mm3", ARMS, made.readings.assign(cage=cage, volume=volume), limit_of_quantification=limit)


def _one_draw(study: Study, card: ModelCard, **given: Any) -> Any:
    values: dict[str, Any] = {
        "baseline": 0.4, "growth": 0.1, "sd_baseline": 0.3, "sd_growth": 0.02, "correlation": 0.2, "error": 0.12,
        "kill": np.array([0.05, 0.03]), "departure": 0.01, "cage_share": 0.4,
    }  # fmt: skip
    draw = prior_draws(study, card, 1, seed=1)
    for name, value in (values | given).items():
        draw[name] = (draw[name].dims, np.broadcast_to(value, draw[name].shape))
    return draw


def _covariance(day: np.ndarray, animal: np.ndarray, draw: Any) -> np.ndarray:
    """Of the readings of a cage, written down from the definition."""
    value = {name: float(draw[name].to_numpy().flat[0]) for name in draw.data_vars}
    sd_b, sd_g, rho = value["sd_baseline"], value["sd_growth"], value["correlation"]
    same = animal[:, None] == animal[None]
    first = sd_b + rho * sd_g * day
    rest = np.sqrt(1 - rho**2) * sd_g * day
    shared = np.where(same, 1.0, value["cage_share"])
    return same * np.outer(first, first) + shared * np.outer(rest, rest) + np.eye(len(day)) * value["error"] ** 2


def test_the_likelihood_of_a_cage_is_the_multivariate_normal_it_integrates_to(cards: Mapping[str, ModelCard]) -> None:
    study, card = _study(animals=5), cards[CARD]  # a cage of four and one of one
    draw = _one_draw(study, card)
    found = log_likelihood(draw, study, card)
    assert found.dims[-1] == study.group == "cage"
    slope = {"vehicle": 0.1, "A": 0.05, "B": 0.07, "both": 0.01}
    for name, rows in study.readings.groupby("cage", sort=False):
        day = rows["day"].to_numpy()
        mean = 0.4 + rows["arm"].map(slope).to_numpy(dtype=float) * day
        normal = stats.multivariate_normal(mean, _covariance(day, rows["animal"].to_numpy(), draw))
        expected = normal.logpdf(np.log(rows["volume"] / 100))
        assert float(found.sel(cage=str(name)).squeeze()) == pytest.approx(expected, abs=1e-8)


def test_censored_readings_of_a_cage_are_integrated_over_what_its_animals_share(cards: Mapping[str, ModelCard]) -> None:
    study, card = _study(limit=130.0, animals=4), cards[CARD]
    draw = _one_draw(study, card)
    below = study.readings["censored"].groupby(study.readings["cage"], sort=False).sum()
    assert (below > 0).sum() >= 2
    found = log_likelihood(draw, study, card)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    root = np.sqrt(0.4 * (1 - 0.2**2)) * 0.02
    total = []
    for node in nodes:  # given what the cage does, its animals are on their own with the rest of the spread
        spread = 0.02 * np.sqrt(0.2**2 + 0.6 * (1 - 0.2**2))
        alone = draw.drop_vars("cage_share").assign(
            growth=draw["growth"] + root * node, sd_growth=draw["sd_growth"] * 0 + spread,
            correlation=draw["correlation"] * 0 + 0.2 * 0.02 / spread,
        )  # fmt: skip
        own = replace(study, readings=study.readings.drop(columns="cage"))
        cage = study.animals["cage"]
        by_animal = log_likelihood(alone, own, card).isel(chain=0, draw=0).to_series()
        total.append(by_animal.groupby(cage, sort=False).sum())
    table = np.array([one.to_numpy() for one in total])
    largest = table.max(axis=0)
    expected = largest + np.log(weights @ np.exp(table - largest) / weights.sum())
    assert np.allclose(found.to_numpy().ravel(), expected, atol=2e-3)


def test_a_fit_tells_what_cages_share_and_its_interval_holds_it(cards: Mapping[str, ModelCard]) -> None:
    study = _study(sd_cage=0.03, animals=12, per_cage=3, seed=5)
    card = cards[CARD]
    found = fit(study, card, seed=1, progress=False, keep="likelihood", method="importance")
    plain = replace(study, readings=study.readings.drop(columns="cage"))
    without = fit(plain, card, seed=1, progress=False, keep="likelihood", method="importance")
    assert found.health.status == "pass"
    assert float(found.posterior["cage_share"].mean()) > 0.5
    assert float(found.posterior["departure"].std()) > 1.3 * float(without.posterior["departure"].std())
    curves = animal_curves(found, [0.0, 21.0])
    assert curves.sizes["animal"] == 48
    pit = reading_probabilities(found.posterior, study, card)["pit"]
    assert pit.between(0.05, 0.95).mean() > 0.8


def test_new_animals_of_a_cage_have_the_covariance_of_its_likelihood(cards: Mapping[str, ModelCard]) -> None:
    study, card = _study(animals=2, per_cage=2), cards[CARD]
    draw = _one_draw(study, card).isel(draw=np.zeros(40_000, dtype=int)).assign_coords(draw=np.arange(40_000))
    found = new_readings(draw, study, card, seed=1)[0, :, :2]
    day = np.tile(DAYS, 2)
    expected = _covariance(day, np.repeat(["1", "2"], len(DAYS)), _one_draw(study, card))
    ours = np.cov(found.to_numpy().reshape(40_000, -1), rowvar=False)
    assert np.allclose(ours, expected, atol=0.03 * expected.max())


def test_a_card_says_what_cages_share_or_is_not_fitted(cards: Mapping[str, ModelCard]) -> None:
    study, card = _study(animals=2, per_cage=2), cards[CARD]
    assert share_within_groups(study, card) == "cage_share"
    without = card.model_copy(update={"priors": {k: p for k, p in card.priors.items() if k != "cage_share"}})
    assert "add [priors.cage_share]" in (why_not(study, without) or "")
    alone = replace(study, readings=study.readings.assign(cage=study.readings["animal"]))
    assert alone.group == "animal"
    assert why_not(alone, without) is None
    assert alone.digest != study.digest


def test_notices_say_what_cages_do_to_the_answer() -> None:
    study = _study(animals=12, per_cage=4)
    (nested,) = cage_notices(study)
    assert "12 cages, and every cage is of one arm" in nested
    number = study.readings["animal"].str.extract(r"(\d+)$")[0]
    across = replace(study, readings=study.readings.assign(cage="cage " + number))
    (words,) = cage_notices(across)
    assert "12 cages" in words
    assert "every cage" not in words
    assert not list(cage_questions(across))
    again = replace(study, readings=study.readings.assign(cage=study.readings["cage"].str[-1]))
    (question,) = cage_questions(again)
    assert question.startswith("Cage 1 holds 16 animals of 4 arms.")
    moved = study.readings.assign(cage=study.readings["cage"].where(study.readings.index != 3, "elsewhere"))
    first, _ = cage_notices(replace(study, readings=moved))
    assert first.startswith("1 animal moved to another cage")


def test_cages_that_nobody_wrote_down_widen_an_arm_by_the_few_that_it_would_have(
    cards: Mapping[str, ModelCard],
) -> None:
    caged = _study(animals=8)
    unknown = replace(caged, readings=caged.readings.drop(columns="cage"))
    assert housing_unknown(unknown)
    assert not housing_unknown(caged)
    settings = SamplerSettings(draws=1000)
    found = fit(unknown, cards[CARD], seed=1, settings=settings, progress=False, method="importance")
    fits = {CARD: found}
    as_is = curves(found, day=[unknown.horizon]).isel(day=0)
    moved = curves_in_cages(unknown, fits, compare(fits, exact=False))
    assert moved is not None
    more = (moved.isel(day=0) - as_is).to_numpy().reshape(-1, len(ARMS))
    sd_growth = found.posterior["sd_growth"].to_numpy()
    # a share of a half, two cages instead of eight animals
    expected = np.sqrt(0.5 * (1 / 2 - 1 / 8) * (sd_growth**2).mean()) * (unknown.horizon - unknown.first_dose)
    assert more.std(axis=0) == pytest.approx(np.full(len(ARMS), expected), rel=0.08)
    assert np.abs(np.corrcoef(more.T) - np.eye(len(ARMS))).max() < 0.1
