"""Studies of other shapes than four arms: a dose grid, a dose ladder, a combination without its single arm."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from xenograft.analysis import collect_results
from xenograft.answers.averaging import AVERAGED, interaction, model_curves
from xenograft.answers.ranking import compare
from xenograft.answers.verdicts import verdicts
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import SamplerSettings, fit_all
from xenograft.model.card import read_cards
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import Arm, Dosing, Study

DAYS = tuple(float(day) for day in range(0, 29, 4))
COMMON = {"baseline": 170.0, "growth": 0.09, "sd_baseline": 0.2, "sd_growth": 0.012, "correlation": 0.2, "error": 0.1}
DOSES = (1.0, 2.0, 4.0)
QUICK = SamplerSettings(draws=500, tune=500)
ENHANCED_CELL = "A 4 + B 4"

pytestmark = pytest.mark.xdist_group("other shapes")  # compiled once for themselves, beside the fits


def _dosing(agent: str, dose: float) -> Dosing:
    return Dosing(agent, (0.0, 7.0, 14.0, 21.0), (dose,) * 4, "mg/kg")


@pytest.fixture(scope="module")
def grid() -> tuple[Study, dict[str, Fit]]:
    """A 4 × 4 grid in which one cell alone departs from Bliss."""
    arms = [Arm("vehicle", control=True)]
    arms += [Arm(f"{agent} {dose:g}", dosings=(_dosing(agent, dose),)) for agent, dose in product("AB", DOSES)]
    arms += [Arm(f"A {a:g} + B {b:g}", dosings=(_dosing("A", a), _dosing("B", b))) for a, b in product(DOSES, DOSES)]
    kill = {"A 1": 0.01, "A 2": 0.02, "A 4": 0.03, "B 1": 0.0, "B 2": 0.015, "B 4": 0.02}
    truth = Truth(**(COMMON | {"kill": kill, "departure": {ENHANCED_CELL: 0.05}}))
    study = simulate(arms, truth, animals=6, days=DAYS, seed=4)
    return study, fit_all(study, read_cards("exponential-bliss-departure"), seed=1, settings=QUICK, progress=False)


def test_a_dose_grid_gets_one_verdict_per_cell(grid: tuple[Study, dict[str, Fit]]) -> None:
    study, fits = grid
    ranking = compare(fits)
    found = verdicts(fits, ranking, model_curves(fits, ranking))
    assert len(study.combinations) == 9
    assert sorted({(v.combination, v.reference) for v in found}) == sorted(
        (arm.name, reference) for arm in study.combinations for reference in ("bliss", "hsa")
    )
    bliss = {v.combination: v.words for v in found if v.reference == "bliss"}
    assert bliss[ENHANCED_CELL] == "enhanced"
    assert sum(words == "enhanced" for words in bliss.values()) < 9


def test_a_dose_grid_has_one_kill_per_dose_and_one_excess_per_cell(grid: tuple[Study, dict[str, Fit]]) -> None:
    study, fits = grid
    posterior = fits["exponential-bliss-departure"].posterior
    assert list(posterior["agent"].values) == ["A 1", "A 2", "A 4", "B 1", "B 2", "B 4"]
    draws = interaction(fits, compare(fits)).draws.sel(day=28.0)
    true = np.array([0.05 * 28 if arm.name == ENHANCED_CELL else 0.0 for arm in study.combinations])
    score = (draws.mean(("chain", "draw")) - true) / draws.std(("chain", "draw"))
    assert (np.abs(score) < 4).all()


def test_the_study_verdict_of_a_grid_is_that_of_the_largest_doses(grid: tuple[Study, dict[str, Fit]]) -> None:
    study, fits = grid
    content = collect_results(study, fits, compare(fits))
    assert content["verdict"]["combination"] == ENHANCED_CELL
    assert len([row for row in content["interaction"] if row["model"] == AVERAGED]) == 9 * 3


def test_a_dose_ladder_is_judged_against_the_vehicle() -> None:
    ladder = (_dosing("A", dose) for dose in (1.0, 2.0, 4.0))
    arms = [Arm("vehicle", control=True), *(Arm(f"A {d.level:g}", dosings=(d,)) for d in ladder)]
    truth = Truth(**(COMMON | {"kill": {"A 1": 0.01, "A 2": 0.03, "A 4": 0.05}}))
    study = simulate(arms, truth, animals=6, days=DAYS, seed=5)
    fits = fit_all(study, read_cards("exponential-bliss-departure"), seed=1, settings=QUICK, progress=False)
    content = collect_results(study, fits, compare(fits))
    assert (content["verdict"]["kind"], content["verdict"]["arm"]) == ("inhibition", "A 4"), "its largest dose"
    assert [row["arm"] for row in content["verdicts"]] == ["A 1", "A 2", "A 4"]
    assert content["interaction"] == []
    rates = {row["arm"]: row["growth_rate"] for row in content["arms"] if row["model"] == AVERAGED}
    assert rates["A 1"]["median"] > rates["A 2"]["median"] > rates["A 4"]["median"]
