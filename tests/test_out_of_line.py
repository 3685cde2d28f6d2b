"""What a slip of typing or pasting leaves in the course of a study is asked about; a study without one is not."""

from __future__ import annotations

import random
import tomllib

import numpy as np
import pandas as pd
import pytest
from lab_sheets import ARMS, Lab, invented

from xenograft.reading.gaps import gap_questions
from xenograft.reading.levels import drop_questions, relative_questions
from xenograft.reading.out_of_line import out_of_line_questions
from xenograft.study.study import Study

DAYS = (0, 3, 7, 10, 14, 17, 21)
_STUDY = tomllib.loads(
    "[arms.Vehicle]\ncontrol = true\n[arms.DrugA]\nagents.A = { start = 0 }\n[arms.DrugB]\nagents.B = { start = 0 }\n"
    '[arms."DrugA + DrugB"]\nagents.A = { start = 0 }\nagents.B = { start = 0 }\n'
)


def study_of(rows: pd.DataFrame) -> Study:
    return Study.from_frame(rows, arms=_STUDY["arms"])


def frame(lab: Lab | None = None, *, animals: int = 5, seed: int = 1) -> pd.DataFrame:
    lab = lab or invented(seed, days=DAYS, animals=animals)
    return pd.DataFrame(
        [(*key, volume) for key, volume in lab.volumes.items()], columns=["arm", "animal", "day", "volume"]
    )


def asked(rows: pd.DataFrame) -> list[str]:
    study = study_of(rows)
    names = list(dict.fromkeys(rows["animal"]))
    return [*out_of_line_questions(study), *drop_questions(study), *gap_questions(study, names)]


def at(rows: pd.DataFrame, animal: str, day: int) -> pd.Series:
    return (rows["animal"] == animal) & (rows["day"] == day)


def test_studies_without_a_slip_raise_no_question() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        days = [0, *sorted(rng.sample(range(2, 26), rng.randint(4, 7)))]
        assert asked(frame(invented(seed, days=days, animals=rng.randint(3, 6)))) == [], seed


@pytest.mark.parametrize("day", [0, 10, 21])
def test_one_reading_off_the_line_of_its_animal_is_asked_about_wherever_it_stands(day: int) -> None:
    """First, in the middle and last; too large and too small; the sentence says what the others lead to."""
    for factor in (10.0, 0.1, 6.0, 0.15):
        rows = frame()
        rows.loc[at(rows, "M08", day), "volume"] *= factor
        (question,) = asked(rows)
        assert question.startswith("Animal M08 (DrugA): ")
        assert f"on day {day}, where its other readings lead one to expect some" in question


def test_digits_that_lie_on_the_line_in_another_order_are_named() -> None:
    rows = frame()
    for day, volume in zip(DAYS, (109.0, 142.0, 214.0, 291.0, 420.0, 601.0, 850.0), strict=True):
        rows.loc[at(rows, "M03", day), "volume"] = volume
    rows.loc[at(rows, "M03", 10), "volume"], text = 921.0, "291"
    (question,) = asked(rows)
    assert question.startswith("Animal M03 (Vehicle): 921 on day 10")
    assert question.endswith(f"Is it {text}, with two digits exchanged?")


def test_a_rough_animal_is_not_one_reading_misread() -> None:
    rows = frame()
    rows.loc[rows["animal"] == "M04", "volume"] *= [1, 3, 1, 3, 1, 3, 1]
    assert not [line for line in out_of_line_questions(study_of(rows)) if "M04" in line]


def test_an_arm_that_bends_where_its_treatment_works_is_not_asked_about() -> None:
    rows = frame()
    treated = rows["arm"] != "Vehicle"
    rows.loc[treated & (rows["day"] >= 10), "volume"] *= 0.3
    assert asked(rows) == []


def test_two_days_that_changed_places_are_asked_about_once() -> None:
    for one, other in ((0, 7), (7, 10), (3, 17), (17, 21)):
        rows = frame()
        rows["day"] = rows["day"].replace({one: other, other: one})
        (question,) = asked(rows)
        assert question.startswith(f"The readings of days {one} and {other} would fit nearly every animal better")


def test_a_row_pasted_one_animal_too_far_is_asked_about() -> None:
    rows = frame(animals=6)
    day = rows["day"] == 21
    rows.loc[day, "volume"] = np.roll(rows.loc[day, "volume"], 1)
    assert any("entered one animal too far" in line for line in asked(rows))


def test_two_animals_in_each_others_arms_are_asked_about() -> None:
    rows = frame()
    rows["arm"] = rows["arm"].mask(rows["animal"] == "M02", "DrugA + DrugB").mask(rows["animal"] == "M17", "Vehicle")
    (question,) = asked(rows)
    assert question.endswith("did they change places?")
    assert "M02" in question
    assert "M17" in question


def test_a_gap_an_early_end_a_count_and_an_arm_one_short_are_asked_about() -> None:
    rows = frame()
    (gap,) = asked(rows[~at(rows, "M08", 10)])
    assert gap == "Only M08 on day 10 has no reading between others: was a row left out?"
    smallest = rows[(rows["arm"] == "DrugA") & (rows["day"] == 17)].sort_values("volume")["animal"].iloc[0]
    (end,) = asked(rows[~at(rows, smallest, 21)])
    assert end.startswith(f"Animal {smallest} (DrugA) has no reading after day 17")
    count, size = asked(rows[rows["animal"] != "M08"])
    assert count == "Animals are counted from M01 on, without M08: was it left out?"
    assert size == "Arm DrugA has 4 animals and every other arm 5: was one left out?"
    (size,) = asked(rows[rows["animal"] != "M20"])
    assert size == "Arm DrugA + DrugB has 4 animals and every other arm 5: was one left out?"


def test_a_study_run_with_gaps_is_not_asked_about_each_of_them() -> None:
    rows = frame()
    assert asked(rows[~rows["animal"].isin(["M02", "M07", "M12"]) | (rows["day"] != 10)]) == []
    assert asked(rows[(rows["day"] < 17) | ~rows["animal"].isin(["M01", "M06", "M11"])]) == []


def test_an_arm_of_twice_the_size_and_a_name_unlike_all_others_are_asked_about() -> None:
    rows = frame()
    rows["arm"] = rows["arm"].replace("DrugB", "DrugA")
    assert any("is it two arms?" in line for line in gap_questions(_without_b(rows), list(rows["animal"].unique())))
    named = frame().replace({"animal": {"M11": "m-11"}})
    assert any(line.startswith("Animal m-11 is not written like the others") for line in asked(named))


def _without_b(rows: pd.DataFrame) -> Study:
    arms = {name: arm for name, arm in _STUDY["arms"].items() if name in set(rows["arm"])}
    return Study.from_frame(rows, arms=arms)


def test_untreated_tumours_that_become_a_thousand_times_smaller_are_asked_about() -> None:
    rows = frame()
    rows.loc[rows["day"] >= 14, "volume"] /= 1000
    assert any("are the later readings in another unit?" in line for line in asked(rows))
    assert set(rows["arm"]) == set(ARMS)


def test_volumes_that_all_begin_alike_are_asked_about_as_percentages() -> None:
    rows = frame()
    first = rows.groupby("animal")["volume"].transform("first")
    for whole in (100.0, 1.0):
        (question,) = relative_questions(study_of(rows.assign(volume=whole * rows["volume"] / first)))
        assert question.startswith(f"Every animal begins with a volume of {whole:g}: are the volumes relative")
    assert not list(relative_questions(study_of(rows)))
