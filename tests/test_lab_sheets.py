"""A laboratory's own sheet is read right, or stops with a question: never misread in silence."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab_sheets import DAYS, INSTEAD, LAYOUTS, MARKS, NAMES, VISITS, WEEKS, Lab, invented, save, written

from xenograft.errors import StudyError
from xenograft.reading.guess_study import Guess, guess_study, toml_of_guess
from xenograft.reading.read import read_study
from xenograft.study.study import Study

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
MANY = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def as_read(lab: Lab, folder: Path) -> tuple[Guess, Study | StudyError]:
    """What `init` guesses of a sheet, and the study, or the refusal, that follows from it."""
    table = save(lab, folder)
    guess = guess_study(table)
    (folder / "study.toml").write_text(toml_of_guess(guess), encoding="utf-8")
    try:
        return guess, read_study(folder)
    except StudyError as error:
        return guess, error


def readings_of(study: Study) -> dict[tuple[str, str, float], float]:
    readings = study.readings
    first = readings["day"].min()
    names = readings["animal"].str.split("/").str[-1]
    return {
        (arm, animal, round(day - first, 6)): volume
        for arm, animal, day, volume in zip(
            readings["arm"], names, readings["day"], readings["volume"], strict=True
        )
    }  # fmt: skip


def assert_same(lab: Lab, study: Study) -> None:
    first = min(lab.days)
    expected = {(arm, animal, float(day - first)): volume for (arm, animal, day), volume in lab.readings.items()}
    found = readings_of(study)
    assert found.keys() == expected.keys()
    assert all(abs(found[key] - volume) <= 1e-6 * volume for key, volume in expected.items())


# Every heading, every layout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_way_to_write_a_day_is_read_in_every_layout(layout: str, tmp_path: Path) -> None:
    """Words in front and behind, what R makes of names, dates in the usual forms: every fifth in each layout."""
    for number, heading in enumerate(list(DAYS)[LAYOUTS.index(layout) :: len(LAYOUTS)]):
        lab = written(replace(invented(number, days=(0, 4, 7, 11, 14, 18)), layout=layout, heading=heading))
        guess, study = as_read(lab, tmp_path / str(number))
        assert isinstance(study, Study), (heading, study)
        assert_same(lab, study)
        assert study.first_dose == 0, heading
        hours = heading.startswith("24")
        assert ("time_unit" in guess.keys) == hours
        assert not hours or any("Times are in hours" in question for question in guess.open)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_weeks_are_seven_days_and_asked_about(layout: str, tmp_path: Path) -> None:
    for number, heading in enumerate(WEEKS):
        lab = written(replace(invented(number, days=(0, 7, 14, 21, 28)), layout=layout, heading=heading))
        guess, study = as_read(lab, tmp_path / str(number))
        assert isinstance(study, Study), (heading, study)
        assert_same(lab, study)
        assert any("Times are in weeks" in question for question in guess.open)
        text = (tmp_path / str(number) / "study.toml").read_text().replace('time_unit = "weeks"', "")
        (tmp_path / str(number) / "study.toml").write_text(text)
        with pytest.raises(StudyError, match=r'count weeks, not days. Write time_unit = "weeks"'):
            read_study(tmp_path / str(number))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_headings_that_number_visits_stop_and_are_named(layout: str, tmp_path: Path) -> None:
    for number, heading in enumerate(VISITS):
        lab = written(replace(invented(number, days=(0, 4, 7, 11, 14)), layout=layout, heading=heading))
        guess, study = as_read(lab, tmp_path / str(number))
        assert isinstance(study, StudyError), heading
        if layout == "wide by animal":  # nothing but the visits could say that it is one
            continue
        assert VISITS[heading](1) in " ".join([*guess.open, *study.problems]), heading


def test_days_before_day_0_keep_their_sign(tmp_path: Path) -> None:
    for number, style in enumerate(("Day {}", "D{}", "Day{}", "Day_{}", "X{}", "X.{}", "Day.{}", "{}", "{} d")):
        lab = written(replace(invented(number, days=(-4, -1, 0, 3, 7)), layout="wide by day", heading="0"))
        header = [
            style.format(abs(int(text)) if style in ("X.{}",) and int(text) < 0 else text).replace(
                "X.", "X." if int(text) < 0 else "X"
            )
            for text in lab.rows[0][2:]
        ]
        if style == "Day.{}":
            header = [f"Day..{-int(text)}" if int(text) < 0 else f"Day.{text}" for text in lab.rows[0][2:]]
        if style == "X{}":
            header = [f"X.{-int(text)}" if int(text) < 0 else f"X{text}" for text in lab.rows[0][2:]]
        lab.rows[0][2:] = header
        _, study = as_read(lab, tmp_path / str(number))
        assert isinstance(study, Study), (header, study)
        assert sorted(set(study.readings["day"])) == [-4, -1, 0, 3, 7], header


def test_a_row_of_readings_is_never_a_header(tmp_path: Path) -> None:
    """Whatever the headings are, no volume becomes a day, and no animal vanishes."""
    odd = ("alpha", "Q{}", "read{}", "{}b", "Sample {}", "M{}", "vol#{}x", "Cycle {}", "Month {}", "?{}", "")
    for number, style in enumerate(odd):
        lab = written(replace(invented(number, days=(0, 4, 7, 11)), layout="wide by day", heading="0"))
        lab.rows[0][2:] = [
            style.format(text) + ("" if "{" in style else "abcd"[at]) for at, text in enumerate(lab.rows[0][2:])
        ]
        try:
            _, study = as_read(lab, tmp_path / str(number))
        except StudyError:
            continue
        assert isinstance(study, StudyError), (style, sorted(set(study.readings["day"])))


def test_days_of_other_languages_are_no_ear_tags_and_a_mouse_is_a_mouse_there(tmp_path: Path) -> None:
    """`Tag 0` is a German day: it was taken for the animals, and the first day was lost."""
    for number, (animal, arm, day) in enumerate(
        (("Maus", "Gruppe", "Tag"), ("Souris", "Groupe", "Jour"), ("Tier-Nr", "Gruppe", "Tag"))
    ):
        lab = replace(invented(number, days=(0, 4, 7, 11)), layout="wide by day", heading="Day 0")
        lab = written(lab)
        lab.rows[0][:] = [animal, arm, *(text.replace("Day", day) for text in lab.rows[0][2:])]
        _, study = as_read(lab, tmp_path / str(number))
        assert isinstance(study, Study), (animal, study)
        assert_same(lab, study)


def test_dates_without_a_year_go_over_new_year(tmp_path: Path) -> None:
    """The first date as written is the first; January after December is of the next year."""
    for number, layout in enumerate(("long", "wide by day", "wide by animal")):
        lab = written(replace(invented(number, days=(0, 4, 7, 11, 14)), layout=layout, heading="Day 0"))
        dates = dict(
            zip((f"Day {day}" for day in lab.days), ("22-Dec", "26-Dec", "29-Dec", "2-Jan", "5-Jan"), strict=True)
        )
        lab.rows[:] = [[dates.get(text, text) for text in row] for row in lab.rows]
        _, study = as_read(lab, tmp_path / str(number))
        assert isinstance(study, Study), study
        assert_same(lab, study)
        assert study.first_dose == study.readings["day"].min() == 0


# One study, however it is written


@st.composite
def laboratories(draw: st.DrawFn) -> Lab:
    headings = st.sampled_from([*DAYS, *WEEKS])
    heading = draw(headings)
    steps = draw(st.lists(st.sampled_from((2, 3, 4, 5, 7)), min_size=3, max_size=7))
    days = [0]
    for step in steps:
        days.append(days[-1] + (7 if heading in WEEKS else step))
    lab = invented(draw(st.integers(0, 10_000)), days=days, animals=draw(st.integers(2, 4)))
    return replace(
        lab, layout=draw(st.sampled_from(LAYOUTS)), heading=heading, names=draw(st.sampled_from(NAMES)),
        mark=draw(st.sampled_from(MARKS)), unit=draw(st.sampled_from(("mm3", "mm3", "cm3"))),
        decimal=draw(st.sampled_from((".", ".", ","))), instead=draw(st.sampled_from(INSTEAD)),
    )  # fmt: skip


def assert_right_or_refused(lab: Lab) -> bool:
    """Whether it was read; anything but the same readings or a refusal fails."""
    if lab.unit == "cm3" and lab.layout != "long":
        lab = replace(lab, unit="mm3")  # nothing in such a sheet says cm³
    if lab.unit == "cm3" and lab.instead.startswith("<"):
        lab = replace(lab, instead="")  # "<16" is cm³ there
    lab = written(lab)
    with tempfile.TemporaryDirectory() as folder:
        try:
            _, study = as_read(lab, Path(folder))
        except StudyError:
            return False
        if isinstance(study, StudyError):
            return False
        assert_same(lab, study)
        return True


@FEW
@given(lab=laboratories())
def test_a_study_however_written_is_itself_or_refused(lab: Lab) -> None:
    assert_right_or_refused(lab)


@pytest.mark.slow
def test_two_thousand_studies_however_written_are_themselves_and_nearly_all_are_read() -> None:
    read: list[bool] = []

    @MANY
    @given(lab=laboratories())
    def many(lab: Lab) -> None:
        read.append(assert_right_or_refused(lab))

    many()
    assert sum(read) > 0.95 * len(read)
