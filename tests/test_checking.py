"""Predictive checks: silent where the model is right, whoever drops out; named arm and day where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from xenograft.evidence.predictive_check import check_of, predictive_check, reading_probabilities
from xenograft.fitting.fit import Fit
from xenograft.model.card import ModelCard
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import Arm, Dosing, Study

CARD = "exponential-bliss-departure"
A = Dosing("A", (0.0, 7.0, 14.0))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)))
TRUTH = {"baseline": 150.0, "growth": 0.08, "sd_baseline": 0.25, "sd_growth": 0.02, "correlation": 0.3, "error": 0.15,
         "kill": {"A": 0.05}}  # fmt: skip


def true_parameters(**changed: float) -> xr.Dataset:
    """The truth as a posterior of two draws."""
    known = {"baseline": np.log(1.5), "growth": 0.08, "sd_baseline": 0.25, "sd_growth": 0.02, "correlation": 0.3,
             "error": 0.15} | changed  # fmt: skip
    values: dict[str, Any] = {n: (("chain", "draw"), np.full((1, 2), x)) for n, x in known.items()}
    values["kill"] = (("chain", "draw", "agent"), np.full((1, 2, 1), 0.05))
    return xr.Dataset(values, coords={"chain": [0], "draw": [0, 1], "agent": ["A"]})


def simulated(animals: int = 200, *, endpoint: float | None = None, limit: float | None = None, **more: Any) -> Study:
    truth = Truth(**(TRUTH | more))
    days = range(0, 29, 4)
    return simulate(
        ARMS, truth, animals=animals, days=days, seed=11, endpoint_volume=endpoint, limit_of_quantification=limit
    )


def test_under_the_truth_the_probabilities_are_uniform_and_independent(cards: Mapping[str, ModelCard]) -> None:
    found = reading_probabilities(true_parameters(), simulated(), cards[CARD])
    assert len(found) == 2 * 200 * 8
    assert stats.kstest(found["pit"], "uniform").pvalue > 0.01
    wide = found.pivot_table(index="animal", columns="day", values="pit").dropna()
    correlation = np.corrcoef(wide.to_numpy().T)[np.triu_indices(8, 1)]
    assert np.abs(correlation).max() < 4 / np.sqrt(len(wide))
    check = check_of(found)
    assert check.warnings == ()
    assert check.by_arm["coverage_90"].to_numpy() == pytest.approx([0.9, 0.9], abs=0.03)
    assert check.by_arm["coverage_50"].to_numpy() == pytest.approx([0.5, 0.5], abs=0.05)


def test_animals_removed_at_the_endpoint_volume_distort_nothing(cards: Mapping[str, ModelCard]) -> None:
    study = simulated(endpoint=600.0)
    assert (study.readings["reason_left"] != "").sum() > 100
    check = check_of(reading_probabilities(true_parameters(), study, cards[CARD]))
    assert check.warnings == ()
    many = check.by_day[check.by_day["readings"] > 50]
    assert many["mean_pit"].sub(0.5).abs().max() < 0.1


def test_censored_readings_distort_nothing(cards: Mapping[str, ModelCard]) -> None:
    study = simulated(limit=120.0, baseline=130.0)
    assert study.readings["censored"].mean() > 0.1
    check = check_of(reading_probabilities(true_parameters(baseline=np.log(1.3)), study, cards[CARD]))
    assert check.warnings == ()
    assert stats.kstest(check.readings["pit"], "uniform").pvalue > 0.01


def test_student_errors_are_checked_as_such(cards: Mapping[str, ModelCard]) -> None:
    study = simulated(degrees_of_freedom=2.5)
    truth = true_parameters(degrees_of_freedom=2.5)
    found = reading_probabilities(truth, study, cards[CARD].model_copy(update={"error": "student"}))
    assert check_of(found).warnings == ()
    assert stats.kstest(found["pit"], "uniform").pvalue > 0.01
    assert check_of(reading_probabilities(true_parameters(), study, cards[CARD])).warnings  # as if they were normal


def test_effects_that_wane_are_checked_as_their_card_has_them_wane(cards: Mapping[str, ModelCard]) -> None:
    truth = {"kill": {"A": 0.3}, "exposure": {"A": "decaying"}, "waning": {"A": 0.2}}
    posterior = true_parameters().assign(
        kill=(("chain", "draw", "agent"), np.full((1, 2, 1), 0.3)),
        waning=(("chain", "draw", "waning_agent"), np.full((1, 2, 1), 0.2)),
    )
    study = simulated(**truth)
    check = check_of(reading_probabilities(posterior, study, cards["decaying-bliss-departure"]))
    assert check.warnings == ()
    assert check.by_arm["coverage_90"].to_numpy() == pytest.approx([0.9, 0.9], abs=0.03)


def test_a_reading_error_that_is_too_small_is_named_by_arm_and_coverage(cards: Mapping[str, ModelCard]) -> None:
    check = check_of(reading_probabilities(true_parameters(error=0.08), simulated(30), cards[CARD]))
    assert any(words.startswith("vehicle: ") and "90 % predictive intervals" in words for words in check.warnings)
    share = int(check.by_arm["coverage_90"].iloc[0] * 240 + 0.5)
    assert f"vehicle: {share} of 240 readings lie inside their 90 % predictive intervals." in check.warnings


def test_growth_that_stops_is_named_by_arm_and_day(cards: Mapping[str, ModelCard]) -> None:
    study = simulated(40, law="logistic", growth=0.2, capacity=700.0)
    check = check_of(reading_probabilities(true_parameters(growth=0.07), study, cards[CARD]))
    words = [w for w in check.warnings if w.startswith("vehicle: on day 28 tumours are smaller than predicted")]
    assert words
    assert words[0].endswith("instead of 0.5).")


def test_a_shape_that_no_single_test_sees_is_still_named() -> None:
    rng = np.random.default_rng(1)
    pit = np.clip(np.where(rng.uniform(size=400) < 0.5, 0.24, 0.76) + rng.normal(0, 0.005, 400), 0, 1)
    half_inside = np.where(np.arange(400) % 2 == 0, 0.3, pit)
    table = pd.DataFrame({"animal": "x", "arm": "A", "day": np.arange(400) % 8, "pit": half_inside})
    table.loc[::2, "pit"] = np.where(rng.uniform(size=200) < 0.5, 0.3, 0.7)
    table.loc[rng.uniform(size=400) < 0.1, "pit"] = 0.01
    assert check_of(table).warnings == ("A: the predicted probabilities of its 400 readings are not uniform.",)


def test_the_fixtures_cards_reproduce_it(fits: Mapping[str, Fit]) -> None:
    for name in (CARD, "gompertz-bliss-departure"):
        check = predictive_check(fits[name])
        assert check.warnings == ()
        assert check.by_arm["readings"].sum() == len(fits[name].study.fitted_readings)
        assert list(check.by_arm["arm"]) == [arm.name for arm in fits[name].study.arms]
        assert "coverage_90" in check._repr_html_()
