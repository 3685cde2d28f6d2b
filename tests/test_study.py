"""What follows from the arms and readings of a study."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from xenograft.files import digest_of
from xenograft.study.study import Arm, Dosing, Study

A = Dosing("A", (0.0,), (3.0,), "mg/kg")
B = Dosing("B", (0.0, 7.0, 14.0), (30.0, 15.0, 15.0), "mg/kg")
LOW_A = dataclasses.replace(A, doses=(1.0,))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("AB", dosings=(A, B)))


def study_with(arms=ARMS, last_days=None, **fields) -> Study:
    """Animals 1-4 of every arm, read weekly up to the arm's last days (28 unless told)."""
    rows = [
        (f"{arm.name}{number}", arm.name, float(day), 100.0 + number + day, True, day == 0)
        for arm in arms
        for number, last in enumerate((last_days or {}).get(arm.name, (28, 28, 28, 28)))
        for day in range(0, last + 1, 7)
    ]
    readings = pd.DataFrame(rows, columns=["animal", "arm", "day", "volume", "fitted", "baseline"])
    readings["censored"] = False
    return Study(**({"name": "Study", "unit": "mm3", "arms": arms, "readings": readings} | fields))


def test_the_horizon_is_the_last_day_on_which_every_arm_has_half_its_animals():
    assert study_with().horizon == 28
    assert study_with(last_days={"vehicle": (14, 14, 21, 28)}).horizon == 21
    assert study_with(last_days={"vehicle": (14, 14, 14, 28), "A": (28, 28, 21, 21)}).horizon == 14


def test_a_chosen_horizon_comes_before_the_rule():
    assert study_with(chosen_horizon=10.0).horizon == 10


def test_the_horizon_is_after_the_first_dose_even_when_an_arm_empties_early():
    assert study_with(last_days={"vehicle": (0, 0, 0, 7)}).horizon == 7


def test_the_only_combination_is_the_primary_one():
    assert study_with().primary_combination is ARMS[3]


def test_of_several_combinations_the_largest_doses_are_primary_unless_chosen():
    low = Arm("low AB", dosings=(LOW_A, B))
    arms = (ARMS[0], low, *ARMS[1:], Arm("low A", dosings=(LOW_A,)))
    assert study_with(arms).primary_combination is ARMS[3]
    assert study_with(arms, primary="low AB").primary_combination is low


def test_a_study_of_single_agents_has_no_primary_combination():
    study = study_with(ARMS[:3])
    assert study.combinations == ()
    assert study.primary_combination is None


def test_the_reference_of_a_combination_is_the_arm_with_the_same_dose_and_days():
    study = study_with()
    assert study.reference_arms(ARMS[3]) == {"A": ARMS[1], "B": ARMS[2]}
    later = Arm("B", dosings=(dataclasses.replace(B, days=(7.0, 14.0, 21.0)),))
    other = study_with((ARMS[0], Arm("A", dosings=(LOW_A,)), later, ARMS[3]))
    assert other.reference_arms(ARMS[3]) == {"A": None, "B": None}


def test_levels_are_agents_with_their_last_doses():
    arms = (*ARMS, Arm("low A", dosings=(LOW_A,)))
    assert study_with(arms).levels == (("A", 3.0), ("B", 15.0), ("A", 1.0))
    assert study_with(arms).level_labels == ("A 3", "B", "A 1")
    assert study_with().level_labels == ("A", "B")


def test_the_level_of_an_agent_without_a_dose_is_unknown():
    start = Dosing("A", (0.0,), schedule_known=False)
    assert (start.level, start.label()) == (None, "A")
    assert A.label() == "A 3 mg/kg"


def test_an_effect_ends_one_dosing_interval_after_the_last_dose():
    assert B.end == np.inf
    assert dataclasses.replace(B, ends=True).end == 21


def test_an_animal_keeps_its_baseline_volume_when_that_reading_is_not_fitted():
    study = study_with()
    late = study_with(readings=study.readings.assign(fitted=study.readings["day"] >= 7))
    assert late.animals["baseline"].equals(study.animals["baseline"])
    assert (late.animals["readings"] == study.animals["readings"] - 1).all()


def test_the_reference_volume_is_100_mm3_or_the_median_baseline_of_another_unit():
    assert study_with().reference_volume == 100
    assert study_with(unit="photons/s").reference_volume == pytest.approx(np.sqrt(101 * 102))


def test_the_digest_follows_what_changes_a_posterior_only():
    study = study_with()
    for same in (
        dataclasses.replace(study, name="Other"),
        dataclasses.replace(study, notices=("Something to know.",)),
        dataclasses.replace(study, arms=study.arms[::-1]),
        dataclasses.replace(study, readings=study.readings.iloc[::-1]),
        dataclasses.replace(study, readings=study.readings.assign(volume=lambda rows: rows["volume"] * (1 + 1e-13))),
    ):
        assert same.digest == study.digest
    for other in (
        dataclasses.replace(study, unit="photons/s"),
        dataclasses.replace(study, arms=(*ARMS[:3], Arm("AB", dosings=(LOW_A, B)))),
        dataclasses.replace(study, readings=study.readings.assign(volume=lambda rows: rows["volume"] * (1 + 1e-7))),
        dataclasses.replace(study, readings=study.readings.assign(fitted=lambda rows: rows["day"] > 0)),
    ):
        assert other.digest != study.digest


def test_numbers_in_a_digest_are_taken_to_ten_digits():
    assert digest_of({"a": 1, "b": [0.1 + 0.2]}) == digest_of({"b": (0.3,), "a": 1.0})
    assert digest_of([0.3]) != digest_of([0.3000001])
