"""With flat priors the power of the linear card is that of the mixed linear model, which has a closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from xenograft.model.card import read_card
from xenograft.planning.cells import cells_of
from xenograft.planning.design import Design
from xenograft.planning.power import power
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

STUDIES = 200
ANIMALS = 8
A, B = (Dosing(agent, (0.0, 7.0, 14.0)) for agent in "AB")
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("both", dosings=(A, B)))
VISITS = (0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0)
EFFECTS = (0.0, 0.02, 0.035)
TRUTH = Truth(
    baseline=170.0, growth=0.08, sd_baseline=0.2, sd_growth=0.015, correlation=0.2, error=0.13,
    kill={"A": 0.03, "B": 0.02},
)  # fmt: skip
CARD = Path(__file__).parents[1] / "benchmarks" / "wide-exponential.toml"


def closed_form(effect: float) -> tuple[float, float]:
    """Chance of "enhanced" and width of the 95 % interval of the excess (Laird & Ware 1982, Biometrics 38:963).

    The variance of the contrast is that of generalised least squares with the true variances; since these are estimated
    between animals, its standardised estimate is taken as Student with the animals less the five means.
    """
    day = np.array(VISITS)
    effects = np.column_stack([np.ones_like(day), day])
    sd = np.array([TRUTH.sd_baseline, TRUTH.sd_growth])
    between = np.outer(sd, sd) * np.array([[1, TRUTH.correlation], [TRUTH.correlation, 1]])
    inverse = np.linalg.inv(effects @ between @ effects.T + TRUTH.error**2 * np.eye(len(day)))
    information = np.zeros((5, 5))
    for a, b in ((0, 0), (1, 0), (0, 1), (1, 1)):
        fixed = np.column_stack([np.ones_like(day), day, -a * day, -b * day, -a * b * day])
        information += ANIMALS * fixed.T @ inverse @ fixed
    error = np.sqrt(np.linalg.inv(information)[4, 4])
    freedom = 4 * ANIMALS - 5
    limit = stats.t.ppf(0.975, freedom)
    return float(stats.nct.sf(limit, freedom, effect / error)), float(2 * limit * error * day[-1])


def test_the_closed_form_has_its_limits() -> None:
    assert closed_form(0.0)[0] == pytest.approx(0.025, abs=1e-6)
    assert closed_form(1.0)[0] == pytest.approx(1.0)


@pytest.mark.slow
@pytest.mark.xdist_group("fits")
def test_the_power_of_the_linear_card_is_that_of_the_mixed_linear_model(tmp_path: Path) -> None:
    design = Design("plan", ARMS, {arm.name: ANIMALS for arm in ARMS}, VISITS)
    table = power(
        cells_of(design, effects=EFFECTS), TRUTH, [read_card(CARD)], tmp_path / "store.jsonl", studies=STUDIES
    )
    for effect, row in zip(EFFECTS, table.to_dict("records"), strict=True):
        chance, width = closed_form(effect)
        noise = np.sqrt(chance * (1 - chance) / STUDIES)
        assert row["enhanced"] == pytest.approx(chance, abs=3 * noise), (row, chance)
        # the posterior of the variances is skewed, which widens an interval by a few percent
        assert row["width"] == pytest.approx(width, rel=0.08)
        assert abs(row["bias"]) <= 1.6 * row["bias ±"]  # three standard errors
        assert row["true"] == pytest.approx(effect * 21)
