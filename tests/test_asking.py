"""Questions about readings are asked where there is something to ask, and change nothing."""

from __future__ import annotations

import tomllib

import pandas as pd
import pytest
from tables import ARMS, table
from typer.testing import CliRunner

from xenograft.commands.app import app
from xenograft.reading.remarks import questions_about
from xenograft.study.study import Study
from xenograft.study.tables import excluded_table, left_table, measured_table, summary_table


def study_of(rows: pd.DataFrame, unit: str = "mm3", **extra: float) -> Study:
    return Study.from_frame(rows, arms=tomllib.loads(ARMS)["arms"], unit=unit, **extra)


def numbers(animals: int = 6) -> pd.DataFrame:
    rows = table(animals=animals)
    return rows.assign(day=rows["day"].astype(float), volume=rows["volume"].astype(float))


def test_an_ordinary_study_raises_no_question() -> None:
    assert questions_about(study_of(numbers())) == []


def test_a_dose_that_only_some_arms_say_is_questioned() -> None:
    arms = tomllib.loads(ARMS)["arms"]
    del arms["AB"]["agents"]["A"]["dose"], arms["AB"]["agents"]["A"]["unit"]
    study = Study.from_frame(numbers(), arms=arms)
    (question,) = questions_about(study)
    assert question.startswith("AB gives A without a dose, and A gives A 3 mg/kg")
    assert question.endswith("Then write the dose in AB too.")
    assert "A (no dose given) alone was not tested" in study.notices[0]


def test_volumes_of_cubic_centimetres_called_mm3_are_questioned() -> None:
    rows = numbers().assign(volume=lambda found: found["volume"] / 1000)
    (question,) = questions_about(study_of(rows))
    assert question.endswith('are the volumes in cm³? Then write unit = "cm3".')
    assert questions_about(study_of(rows, unit="cm3")) == []
    (reverse,) = questions_about(study_of(numbers(), unit="cm3"))
    assert reverse.endswith('are the volumes in mm³? Then write unit = "mm3".')
    assert questions_about(study_of(rows, unit="photons/s")) == []


@pytest.mark.parametrize(("factor", "asked"), [(5.1, 2), (4.8, 0), (1 / 5.1, 2)])
def test_five_times_the_volume_in_two_days_is_questioned(factor: float, asked: int) -> None:
    """The jump there and the jump back; at three days or more the factor is larger in proportion."""
    rows = table(animals=6, days=(0, 2, 4, 6))
    rows = rows.assign(day=rows["day"].astype(float), volume=100.0)
    rows["volume"] += rows["day"]  # no three equal readings at the end
    rows.loc[(rows["animal"] == "A1") & (rows["day"] == 2), "volume"] = 102 * factor
    found = [question for question in questions_about(study_of(rows)) if "misread" in question]
    assert len(found) == asked
    slow = rows.assign(day=rows["day"] * 2)
    assert not [question for question in questions_about(study_of(slow)) if "misread" in question]


def test_an_animal_that_grows_unlike_its_arm_is_questioned() -> None:
    rows = numbers()
    chosen = rows["animal"] == "AB2"
    rows.loc[chosen, "volume"] = [120.0, 190.0, 500.0, 1200.0]
    (question,) = [question for question in questions_about(study_of(rows)) if "AB2" in question]
    assert question.endswith("Was it dosed, and is it in the right arm?")


def test_readings_carried_forward_are_questioned() -> None:
    rows = numbers()
    rows.loc[(rows["animal"] == "B1") & (rows["day"] >= 0), "volume"] = 150.0
    assert any("B1" in question and "carried forward" in question for question in questions_about(study_of(rows)))


def test_excluded_and_censored_readings_raise_no_question_of_a_jump() -> None:
    rows = numbers().assign(exclude="")
    rows.loc[6, ["volume", "exclude"]] = [9000.0, "misread"]
    rows.loc[10, "volume"] = 1.0
    study = study_of(rows, limit_of_quantification=16)
    assert not [question for question in questions_about(study) if "misread?" in question]


def test_many_questions_of_a_kind_are_counted() -> None:
    rows = table(animals=8, days=(0, 1, 2))
    rows = rows.assign(day=rows["day"].astype(float), volume=[1.0, 90.0, 8000.0] * 32)
    assert any(question.startswith("… and ") for question in questions_about(study_of(rows)))


def test_asking_changes_nothing() -> None:
    study = study_of(numbers())
    before = study.readings.copy()
    questions_about(study)
    pd.testing.assert_frame_equal(study.readings, before)


def test_the_tables_of_check_say_who_left_when_why_and_what_is_kept_out() -> None:
    rows = numbers(3).assign(exclude="", reason_left="")
    rows = rows[~((rows["animal"] == "A1") & (rows["day"] == 14))]
    rows.loc[rows["animal"] == "A1", "reason_left"] = "weight loss"
    rows.loc[(rows["animal"] == "B2") & (rows["day"] == 7), "exclude"] = "misread"
    rows.loc[(rows["animal"] == "B1") & (rows["day"] == 7), "volume"] = 3
    study = study_of(rows, limit_of_quantification=16)
    left = left_table(study)
    assert left[["arm", "last day", "reason", "animals"]].values.tolist() == [["A", 7.0, "weight loss", "A1"]]
    assert excluded_table(study)[["animal", "day", "reason"]].values.tolist() == [["B2", 7.0, "misread"]]
    counts = measured_table(study).set_index("arm")
    assert counts.loc["A"].tolist() == [3, 3, 3, 2]
    summary = summary_table(study).set_index("arm")
    assert summary["at or below the limit"].to_dict() == {"vehicle": 0, "A": 0, "B": 1, "AB": 0}
    assert summary["excluded"].to_dict() == {"vehicle": 0, "A": 0, "B": 1, "AB": 0}


def test_check_prints_the_questions_and_passes(tmp_path) -> None:
    rows = numbers(6).assign(reason_left="")
    rows.loc[6, "volume"] = 90000
    study_of(rows).to_folder(tmp_path)
    done = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert done.exit_code == 0
    assert "question: Animal vehicle2" in done.stdout
    assert done.stdout.rstrip().endswith("nothing was changed: the questions are yours to answer.")
