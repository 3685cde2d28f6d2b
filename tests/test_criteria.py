"""Response criteria: an animal in each class and on each boundary; an independent implementation on real studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenograft.quantities.animals import animal_courses, animal_responses
from xenograft.quantities.criteria import (
    CRITERIA,
    CRITERION_WORDS,
    MRECIST_LIMITS,
    best_responses,
    classes_of,
    genentech_class,
    mrecist_class,
    percent_change,
    pptp_class,
    time_below,
    time_to_reach,
)
from xenograft.reading.read import read_study

DAYS = (0.0, 5.0, 10.0, 15.0)
NAN = np.nan
REAL = (
    "palbociclib-temozolomide", "ls1034-rabusertib-irinotecan", "a375-vemurafenib-bso", "pdx-p10-cisplatin-pf384",
    "squeak-drugx-drugy", "gdc0084-temozolomide-grid",
)  # fmt: skip


def mrecist_of(*volumes: float, days: tuple[float, ...] = DAYS) -> str:
    return str(mrecist_class(*best_responses(percent_change(np.array(volumes)), np.array(days))))


# mRECIST


def test_an_animal_in_each_class_of_mrecist(subtests: pytest.Subtests) -> None:
    for volumes, expected in [
        ((100, 60, 2, 50), "CR"),  # BR −98, BAR (0 − 40 − 98)/3 = −46
        ((100, 90, 2, 80), "PR"),  # BR −98, but BAR (0 − 10 − 98)/3 = −36 is not below −40
        ((100, 70, 40, 60), "PR"),  # BR −60, BAR (0 − 30 − 60)/3 = −30
        ((100, 120, 40, 100), "SD"),  # BR −60, but BAR (0 + 20 − 60)/3 = −13
        ((100, 110, 120, 130), "SD"),  # BR 20, BAR (0 + 10 + 20)/3 = 10
        ((100, 300, 130, 300), "PD"),  # BR 30, but BAR (0 + 200 + 30)/3 = 77
        ((100, 150, 200, 250), "PD"),
    ]:
        with subtests.test(volumes=volumes, expected=expected):
            assert mrecist_of(*volumes) == expected


def test_an_animal_on_a_boundary_of_mrecist_is_not_in_the_better_class(subtests: pytest.Subtests) -> None:
    for name in list(MRECIST_LIMITS):
        for place in [0, 1]:
            with subtests.test(name=name, place=place):
                limits = list(MRECIST_LIMITS[name])
                inside = [limit - 1e-9 for limit in limits]
                on_boundary = [
                    limit if position == place else below
                    for position, (limit, below) in enumerate(zip(limits, inside, strict=True))
                ]
                classes = CRITERIA["mrecist"]
                assert str(mrecist_class(*inside)) == name
                assert str(mrecist_class(*on_boundary)) == classes[classes.index(name) + 1]


def test_mrecist_looks_from_day_10_on_and_averages_from_the_first_reading() -> None:
    assert mrecist_of(100, 1, 100, 100, days=(0, 9.9, 10, 15)) == "SD"
    assert mrecist_of(100, 1, 1, 100, days=(0, 5, 10, 15)) == "CR"
    assert mrecist_of(100, 1, 1, days=(0, 5, 9.9)) == ""
    change, average = best_responses(percent_change(np.array([100, 50, 200.0])), np.array([0, 5, 10.0]))
    assert (float(change), float(average)) == (pytest.approx(100), pytest.approx((0 - 50 + 100) / 3))


def test_a_missing_reading_is_skipped_and_not_averaged() -> None:
    change = percent_change(np.array([[100, NAN, 40, 40], [100, 40, 40, NAN]]))
    best, average = best_responses(change, np.array(DAYS))
    np.testing.assert_allclose(best, [-60, -60])
    np.testing.assert_allclose(average, [(-60 - 60) / 3, (-60 - 60) / 3])


@settings(deadline=None)
@given(st.lists(st.floats(1, 1e4), min_size=2, max_size=12), st.floats(1e-3, 1e3))
def test_no_class_depends_on_the_unit_of_volume(volumes: list[float], factor: float) -> None:
    days = np.arange(len(volumes)) * 4.0
    first = classes_of(np.array(volumes), days, measurable=100.0)
    other = classes_of(
        np.array(volumes) * 2.0 ** round(np.log2(factor)), days, measurable=100.0 * 2.0 ** round(np.log2(factor))
    )
    assert {key: str(value) for key, value in first.items()} == {key: str(value) for key, value in other.items()}


@settings(deadline=None)
@given(st.lists(st.floats(1, 1e4), min_size=4, max_size=12))
def test_a_smaller_last_reading_never_gives_a_worse_class(volumes: list[float]) -> None:
    days = np.arange(len(volumes)) * 4.0
    smaller = [*volumes[:-1], volumes[-1] / 2]
    for criterion in ("mrecist", "pptp", "genentech"):
        order = ["", *CRITERIA[criterion]]
        before, after = (str(classes_of(np.array(v), days, measurable=100.0)[criterion]) for v in (volumes, smaller))
        assert order.index(after) <= order.index(before)


@pytest.mark.parametrize("name", REAL)
def test_mrecist_of_real_studies_agrees_with_an_independent_implementation(shared_data: Path, name: str) -> None:
    study = read_study(shared_data / name)
    table = animal_responses(study)
    found = table[table["quantity"] == "mrecist"].set_index("animal")
    expected = {
        animal: _mrecist_by_thresholds(rows, study.first_dose)
        for animal, rows in study.readings.groupby("animal", sort=False)
    }
    classed = {animal: word for animal, word in expected.items() if word}
    assert len(classed) >= 15
    assert {animal: found.loc[animal, "text"] for animal in classed} == classed
    for animal in set(found.index) - set(classed):
        assert found.loc[animal, "reason"]


def _mrecist_by_thresholds(rows: object, first_dose: float) -> str:
    """Gao et al. 2015 in plain Python: one animal, one list of readings."""
    readings = [
        (day - first_dose, 0.0 if censored else volume, baseline)
        for day, volume, censored, baseline in zip(
            rows["day"], rows["volume"], rows["censored"], rows["baseline"], strict=True
        )
    ]
    start = next((place for place, (_, _, baseline) in enumerate(readings) if baseline), None)
    if start is None or readings[start][1] == 0:
        return ""
    initial = readings[start][1]
    changes: list[float] = []
    best, best_average = float("inf"), float("inf")
    for time, volume, _ in readings[start:]:
        changes.append((volume - initial) / initial * 100)
        if time >= 10:
            best = min(best, changes[-1])
            best_average = min(best_average, sum(changes) / len(changes))
    if best == float("inf"):
        return ""
    if best < -95 and best_average < -40:
        return "CR"
    if best < -50 and best_average < -20:
        return "PR"
    return "SD" if best < 35 and best_average < 30 else "PD"


# Genentech


def test_an_animal_in_each_class_of_the_genentech_studies(subtests: pytest.Subtests) -> None:
    for volumes, expected in [
        ((100, 40, 10, 0), "CR"),
        ((100, 0, 0, 30), "PR"),  # gone in between, but not at the last reading
        ((100, 50, 80, 200), "PR"),  # exactly half counts
        ((100, 50.1, 80, 200), "none"),
        ((100, 40, 0, NAN), "CR"),
        ((100, NAN, NAN, NAN), ""),
    ]:
        with subtests.test(volumes=volumes, expected=expected):
            assert str(genentech_class(np.array(volumes, dtype=float))) == expected


# PPTP


def test_an_animal_in_each_class_of_the_pptp(subtests: pytest.Subtests) -> None:
    for volumes, expected in [
        ((300, 200, 90, 80), "MCR"),
        ((300, 99.9, 150, 400), "CR"),
        ((300, 100, 150, 400), "PR"),  # 100 mm³ is measurable, but at most half of 300
        ((300, 150, 200, 400), "PR"),  # exactly half
        ((300, 151, 200, 375), "SD"),  # exactly 25 % above
        ((300, 151, 200, 375.1), "PD"),
        ((99, 20, 20, 20), ""),  # not measurable to begin with
        ((100, 99, 99, 99), "MCR"),
        ((300, NAN, NAN, NAN), ""),
        ((300, 280, NAN, NAN), "SD"),
    ]:
        with subtests.test(volumes=volumes, expected=expected):
            assert str(pptp_class(np.array(volumes, dtype=float))) == expected


def test_the_measurable_volume_can_be_given_in_another_unit() -> None:
    assert str(pptp_class(np.array([0.3, 0.2, 0.09]), measurable=0.1)) == "MCR"


def test_pptp_is_left_out_where_volumes_have_no_such_unit() -> None:
    assert set(classes_of(np.array([1.0, 2.0]), np.array([0, 10.0]), measurable=None)) == {"mrecist", "genentech"}


def test_every_criterion_is_described() -> None:
    assert set(CRITERION_WORDS) == set(CRITERIA)


# Times


def test_a_volume_is_reached_between_readings_along_a_line_of_ln_volume() -> None:
    assert time_to_reach([0, 10], [100, 400], 200) == (pytest.approx(5.0), True)
    assert time_to_reach([0, 10, 20], [100, 400, 100], 400) == (pytest.approx(10.0), True)
    assert time_to_reach([0, 10], [100, 150], 200) == (10.0, False)


def test_a_baseline_before_the_first_dose_does_not_make_a_time_negative() -> None:
    assert time_to_reach([-2, 2], [100, 400], 200) == (0.0, True)
    assert time_to_reach([-4, -2], [100, 110], 200) == (0.0, False)
    assert time_to_reach([0, 5], [300, 400], 200) == (0.0, True)


def test_days_below_a_threshold_follow_a_line_between_weighings() -> None:
    # 100 → 80 crosses 85 after 7.5 of 10 days, 80 → 100 again after 2.5: 2.5 + 2.5 days
    assert time_below([0, 10, 20], [100, 80, 100], 85) == pytest.approx(5.0)
    assert time_below([0, 10, 20], [100, 80, 80], 80) == 0.0
    assert time_below([0, 10, 20], [100, 70, 70], 80) == pytest.approx(10 / 3 + 10)


def test_the_courses_of_a_study_begin_with_the_baseline(study) -> None:
    for course in animal_courses(study):
        assert course.has_baseline
        assert course.elapsed[0] <= 0 < course.elapsed[1]
