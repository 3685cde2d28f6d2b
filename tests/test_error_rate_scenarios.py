"""The page of error rates: its scenarios have no interaction, its counts count, its methods can be told apart."""

from __future__ import annotations

from pathlib import Path

import error_rates
import numpy as np
import pytest

from xenograft.planning.design import simulate_design
from xenograft.simulation.true_excess import true_excess

SCENARIOS = {scenario.name: scenario for scenario in error_rates.scenarios()}
PAGE = Path(__file__).parents[1] / "docs" / "error-rates.md"


def test_no_scenario_has_an_interaction(subtests: pytest.Subtests) -> None:
    for name in SCENARIOS:
        with subtests.test(name=name):
            truth = SCENARIOS[name].truth
            assert not any(truth.departure.values())
            excess = float(true_excess(error_rates.ARMS, truth, 28.0).squeeze())
            saturates = truth.law in ("logistic", "exponential-linear")
            assert (abs(excess) > 0.01) if saturates else (excess == 0.0)


def test_the_scenarios_are_those_that_were_asked_for() -> None:
    laws = {scenario.truth.law for scenario in SCENARIOS.values()}
    assert laws == {"exponential", "gompertz", "logistic", "exponential-linear"}
    assert {next(iter(s.design.animals.values())) for s in SCENARIOS.values()} == {5, 8, 10}
    censored = next(s for s in SCENARIOS.values() if s.design.limit_of_quantification)
    shares = [
        simulate_design(censored.design, censored.truth, seed=seed).readings["censored"].mean() for seed in (1, 2)
    ]
    assert np.mean(shares) == pytest.approx(0.2, abs=0.05)
    assert SCENARIOS["exponential, 5 % outliers, 8 per arm"].truth.outlier_share == 0.05
    assert SCENARIOS["exponential, no removal, 8 per arm"].design.endpoint_volume is None


def test_the_mixed_model_finds_the_contrast_of_a_study_that_is_certain() -> None:
    scenario = SCENARIOS["exponential, no removal, 8 per arm"]
    sure = scenario.truth.model_copy(update={"sd_growth": 0.004, "error": 0.02, "departure": {"A + B": 0.02}})
    found = error_rates.mixed_model(simulate_design(scenario.design, sure, seed=1))
    assert found["words"] == "enhanced"
    assert found["median"] == pytest.approx(0.02 * 42, abs=0.2)
    assert found["lower"] < 0.02 * 42 < found["upper"]


def test_a_verdict_is_wrong_where_the_true_excess_has_not_its_direction() -> None:
    sure = {"median": 0.5, "lower": 0.1, "upper": 0.9}
    up, down = {"words": "enhanced"} | sure, {"words": "less than the reference"} | sure
    outcomes = [
        {"true": 0.0, "answers": {"x": up}},
        {"true": 0.3, "answers": {"x": up}},
        {"true": -0.3, "answers": {"x": down}},
        {"true": 0.3, "answers": {"x": down}},
        {"true": 1e-9, "answers": {"x": {"words": "not distinguishable by these data"} | sure}},
        {"failed": "ValueError: no"},
    ]
    assert error_rates.counts(outcomes, "x") == {
        "studies": 6, "enhanced": 2, "less": 2, "wrong": 2, "none": 1, "covered": 2,
    }  # fmt: skip


def test_what_chance_does_not_explain_is_bold() -> None:
    good = {"words": "not distinguishable by these data", "median": 0.0, "lower": -1.0, "upper": 1.0}
    bad = {"words": "enhanced", "median": 1.0, "lower": 0.5, "upper": 1.5}
    outcomes = [
        {"true": 0.0, "answers": dict.fromkeys(error_rates.METHODS, good if number % 4 else bad)}
        for number in range(100)
    ]
    (row,) = error_rates._table({"a truth": outcomes})[2:]
    assert row.startswith("| a truth | 100 | 0.00 | **25 / 0 / 25** |")
    assert row.endswith("| **75 %** | **75 %** | **75 %** | **75 %** |")


def test_the_page_says_how_far_both_ways_of_fitting_differ() -> None:
    answered = {"true": 0.0, "answers": {}, "by_nuts": 0}
    outcomes = [answered | {"difference": 0.002}, answered | {"by_nuts": 2}, answered | {"difference": 0.01}]
    text = error_rates.page({"a truth": outcomes})
    assert "2 of 6 fits were left to NUTS. In the 2 studies that were fitted both ways" in text
    assert "differs by 0.010 at most, and by 0.006 in half of them" in text


def test_the_page_is_what_the_script_writes_around_its_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.startswith(error_rates.page({}).split("\n| truth |")[0])
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| truth")]
    assert {row.split("|")[1].strip() for row in rows} <= set(SCENARIOS)
    assert rows
