"""The true excess of a design, from its truth."""

from __future__ import annotations

import numpy as np
import pytest

from xenograft.errors import InputError
from xenograft.simulation.true_excess import true_excess
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

A, B, C = (Dosing(agent, days=(start,)) for agent, start in (("A", 0.0), ("B", 0.0), ("C", 5.0)))
LATE = Dosing("B", days=(4.0,))
ARMS = (
    Arm("vehicle", control=True),
    Arm("A", dosings=(A,)),
    Arm("B", dosings=(B,)),
    Arm("A + B", dosings=(A, B)),
    Arm("A + late B", dosings=(A, LATE)),
    Arm("A + B + C", dosings=(A, B, C)),
)
KILL = {"A": 0.05, "B": 0.02, "C": 0.01}
TRUTH = Truth(baseline=150.0, growth=0.08, kill=KILL, departure={"A + B": 0.03, "A + late B": -0.01})
EXACT = {"rtol": 1e-8, "atol": 1e-8}


def test_the_bliss_excess_is_the_departure_times_the_days_of_common_exposure() -> None:
    found = true_excess(ARMS, TRUTH, [0.0, 10.0, 20.0])
    assert list(found["combination"].to_numpy()) == ["A + B", "A + late B", "A + B + C"]
    np.testing.assert_allclose(found, [[0, 0.3, 0.6], [0, -0.06, -0.16], [0, 0, 0]], **EXACT)
    assert (found.sel(combination="A + B + C") == 0).all()  # exactly, or the sign of an error would be a finding


def test_the_other_references_are_measured_against_agents_that_no_arm_gets_alone() -> None:
    hsa = true_excess(ARMS, TRUTH, 10.0, "hsa").isel(day=0)
    np.testing.assert_allclose(hsa, [1.0 - 0.5, 0.5 + 0.12 - 0.06 - 0.5, 0.75 - 0.5], **EXACT)
    additive = true_excess(ARMS, TRUTH, 10.0, "additive").isel(day=0)
    lost = [1 - np.exp(-x) for x in (1.0, 0.5, 0.2)]
    np.testing.assert_allclose(additive[0], lost[0] - lost[1] - lost[2], **EXACT)


def test_saturating_growth_makes_an_excess_where_there_is_no_departure() -> None:
    logistic = Truth(law="logistic", capacity=1500.0, baseline=150.0, growth=0.08, kill=KILL)
    assert (np.abs(true_excess(ARMS, logistic, 30.0)) > 0.05).all()


def test_under_hsa_truth_the_hsa_excess_is_zero() -> None:
    truth = Truth(baseline=150.0, growth=0.08, kill=KILL, reference="hsa")
    assert (true_excess(ARMS, truth, [10.0, 20.0], "hsa") == 0).all()
    assert (true_excess(ARMS, truth, [10.0, 20.0], "bliss") < -0.1).all()


def test_a_design_without_combination_has_no_excess() -> None:
    assert true_excess(ARMS[:3], Truth(baseline=150.0, growth=0.08, kill={"A": 0.05, "B": 0.02}), [1.0, 2.0]).shape == (
        0,
        2,
    )


def test_a_design_without_control_or_an_unfit_truth_is_refused() -> None:
    with pytest.raises(InputError, match="no arm is the control"):
        true_excess(ARMS[1:], TRUTH, 10.0)
    with pytest.raises(InputError, match="agent C has no kill rate"):
        true_excess(ARMS, Truth(baseline=150.0, growth=0.08, kill={"A": 0.05, "B": 0.02}), 10.0)
