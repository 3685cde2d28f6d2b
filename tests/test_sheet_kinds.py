"""Kinds of laboratory sheets that were once misread, refused or half read: each is read, or asked about by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from lab_sheets import Lab, invented, save, written
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font
from typer.testing import CliRunner

from xenograft.commands.app import app
from xenograft.errors import StudyError
from xenograft.reading.guess_study import Guess, guess_study, toml_of_guess
from xenograft.reading.read import read_arrival
from xenograft.reading.remarks import questions_about
from xenograft.reading.second_look import second_look
from xenograft.study.study import Study

DAYS = (0, 4, 7, 11, 14, 18)


@dataclass(frozen=True)
class Start:
    """What `init` and `check` say of a table."""

    guess: Guess
    study: Study | None
    problems: tuple[str, ...]
    questions: tuple[str, ...]


def start(table: Path, *, keys: str = "", without: Sequence[str] = (), sheet: str | None = None) -> Start:
    guess = guess_study(table, sheet=sheet)
    text = keys + "\n" + toml_of_guess(guess)
    text = "\n".join(line for line in text.splitlines() if not line.startswith(tuple(without) or ("\0",)))
    (table.parent / "study.toml").write_text(text, encoding="utf-8")
    try:
        arrival = read_arrival(table.parent)
    except StudyError as error:
        return Start(guess, None, error.problems, ())
    asked = [*second_look(arrival.sheets, arrival.study), *questions_about(arrival.study)]
    return Start(guess, arrival.study, (), tuple(asked))


def long_rows(lab: Lab) -> pd.DataFrame:
    rows = [(animal, arm, day, volume) for (arm, animal, day), volume in lab.volumes.items()]
    return pd.DataFrame(rows, columns=["Mouse", "Group", "Day", "Volume"])


@pytest.fixture
def lab() -> Lab:
    return invented(1, days=DAYS)


def csv(folder: Path, rows: pd.DataFrame, name: str = "t.csv") -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    rows.to_csv(folder / name, index=False)
    return folder / name


def total(study: Study | None) -> float:
    assert study is not None
    return float(study.readings["volume"].sum())


# Columns


def test_the_tumours_volume_is_told_from_every_other_volume(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    first = rows.groupby("Mouse")["Volume"].transform("first")
    others = {
        "Injection volume": 150 + rows.index % 40, "Dose volume (uL)": 200, "Blood volume": 50,
        "Baseline volume": first, "Initial tumor volume (mm3)": first, "Relative tumor volume": rows["Volume"] / first,
        "log volume": np.log(rows["Volume"]),
        "Normalized volume": rows["Volume"] / first, "% change in tumour volume": 100 * (rows["Volume"] / first - 1),
        "Sample volume": 10, "Final volume": 999, "Mean tumor volume": 300, "Start TV": first,
    }  # fmt: skip
    for number, (other, values) in enumerate(others.items()):
        for name in ("Volume", "Tumor volume (mm3)", "TV_mm3", "Tumour size"):
            table = rows.rename(columns={"Volume": name})
            table.insert(3, other, values)
            found = start(csv(tmp_path / f"{number} {name[:6]}", table))
            assert found.guess.columns.get("volume", "volume") == name, (other, name)
            assert total(found.study) == pytest.approx(rows["Volume"].sum())


def test_two_columns_that_fit_alike_are_both_named(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab).assign(**{"Volume 2nd reader": lambda table: table["Volume"] * 1.1})
    found = start(csv(tmp_path, rows))
    assert any('"Volume 2nd reader" also looks like it' in question for question in found.guess.open)


def test_a_column_of_days_is_never_the_arm_and_a_cohort_may_be_one(tmp_path: Path, lab: Lab) -> None:
    names = ("Timepoint", "Treatment day", "Days after treatment", "Day of treatment", "Days post implantation",
             "Study Day", "days into dosing", "DPI", "Day", "Time (days)", "Date of study day")  # fmt: skip
    for number, name in enumerate(names):
        arm = ("Group", "Treatment", "Compound", "Condition", "Cohort", "Treatment arm")[number % 6]
        table = long_rows(lab).rename(columns={"Day": name, "Group": arm})
        found = start(csv(tmp_path / str(number), table))
        assert found.guess.columns["day"] == name, (name, arm, found.guess.columns)
        assert found.guess.columns["arm"] == arm
        assert total(found.study) == pytest.approx(table["Volume"].sum())


def test_a_first_column_without_a_name_is_the_animals_and_asked_about(tmp_path: Path, lab: Lab) -> None:
    found = start(csv(tmp_path, long_rows(lab).rename(columns={"Mouse": ""})))
    assert any("has no name: it was taken for the animals" in question for question in found.guess.open)
    assert found.study is not None
    assert len(found.study.animals) == 12


def test_hours_and_weeks_of_a_column_are_converted_and_not_without_a_word(tmp_path: Path, lab: Lab) -> None:
    for number, (name, factor, unit) in enumerate(
        (("Time (h)", 24, "hours"), ("Hours", 24, "hours"), ("hours post dose", 24, "hours"), ("Week", 1 / 7, "weeks"))
    ):
        days = (0, 7, 14, 21) if unit == "weeks" else DAYS
        rows = long_rows(invented(2, days=days))
        rows["Day"] = (rows["Day"] * factor).round(6)
        found = start(csv(tmp_path / str(number), rows.rename(columns={"Day": name})))
        assert found.guess.keys["time_unit"] == f'"{unit}"'
        assert found.study is not None
        assert sorted(set(found.study.readings["day"])) == list(days)


def test_the_first_day_is_written_with_all_its_digits(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    rows["Day"] = rows["Day"] + 0.39583333
    found = start(csv(tmp_path, rows))
    assert found.study is not None
    assert not found.study.animals["baseline"].isna().any()
    late = start(csv(tmp_path, rows.assign(Day=rows["Day"] + 3)), keys="", without=("# nothing",))
    assert late.study is not None
    text = (tmp_path / "study.toml").read_text().replace("start = 3.39583333", "start = 3")
    (tmp_path / "study.toml").write_text(text)
    arrival = read_arrival(tmp_path)
    asked = second_look(arrival.sheets, arrival.study)
    assert any("No animal has a reading on or before the first dose" in question for question in asked)


# Rows


def test_summaries_are_no_animals_wherever_they_stand(tmp_path: Path, lab: Lab) -> None:
    lab = written(replace(lab, layout="wide by day", heading="Day 0"))
    clean = start(save(lab, tmp_path / "clean"))
    words = (
        ("Mean", "SEM"),
        ("average", "SD"),
        ("MEDIAN", "n"),
        ("Mean ± SEM", "N"),
        ("Avg.", "Std Dev"),
        ("TGI (%)", "p value"),
    )
    for number, pair in enumerate(words):
        rows = [list(row) for row in lab.rows]
        for word in pair:
            rows.append([word, "Vehicle", *["321.5"] * len(DAYS)])
            rows.insert(4, [word, "Vehicle", *["123.4"] * len(DAYS)])
        found = start(save(replace(lab, rows=rows), tmp_path / str(number)))
        assert found.study is not None, found.problems
        assert found.study.digest == clean.study.digest if clean.study else False
        assert any("summaries left out" in notice and "row" in notice for notice in found.study.notices)
    across = written(replace(lab, layout="wide by animal"))
    for row, text in zip(across.rows, ("Mean", "", *["222.2"] * len(DAYS)), strict=True):
        row.append(text)
    found = start(save(across, tmp_path / "across"))
    assert found.study is not None, found.problems
    assert found.study.digest == clean.study.digest if clean.study else False


def test_blocks_of_groups_below_and_beside_each_other_are_arms(tmp_path: Path, lab: Lab) -> None:
    wide = written(replace(lab, layout="wide by day", heading="Day 0"))
    header, body = [wide.rows[0][0], *wide.rows[0][2:]], {}
    for row in wide.rows[1:]:
        body.setdefault(row[1], []).append([row[0], *row[2:]])
    blank = [""] * (len(header) - 1)
    stacked = [line for arm, own in body.items() for line in ([arm, *blank], header, *own, ["", *blank])]
    titled = [header] + [line for arm, own in body.items() for line in ([f"Group: {arm}", *blank], *own)]
    beside: list[list[str]] = [[], []]
    for arm in body:
        beside[0] += [arm, *blank, ""]
        beside[1] += [*header, ""]
    beside += [[cell for arm in body for cell in (*body[arm][line], "")] for line in range(3)]
    clean = start(save(wide, tmp_path / "clean"))
    for name, rows in (("stacked", stacked), ("titled", titled), ("beside", beside)):
        found = start(save(replace(wide, rows=rows), tmp_path / name))
        assert found.study is not None, (name, found.problems)
        assert clean.study is not None
        assert found.study.digest == clean.study.digest, name
    again = [line for arm in body for line in (wide.rows[0], *([row for row in wide.rows if row[1] == arm]))]
    found = start(save(replace(wide, rows=again), tmp_path / "again"))
    assert found.study is not None
    assert found.study.digest == clean.study.digest


def test_only_columns_keeps_what_stands_beside_the_table_out(tmp_path: Path, lab: Lab) -> None:
    wide = written(replace(lab, layout="wide by day", heading="Day 0"))
    rows = [[*row, "", *row[2:4]] for row in wide.rows]
    found = start(save(replace(wide, rows=rows), tmp_path), keys='only_columns = "A:H"')
    assert found.study is not None
    assert len(found.study.readings) == len(lab.volumes)


# Workbooks


def test_sheets_of_a_workbook_belong_together_or_are_asked_for_by_name(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    with pd.ExcelWriter(tmp_path / "groups.xlsx") as book:
        rows.drop(columns="Group").to_excel(book, sheet_name="Volumes", index=False)
        rows[["Mouse", "Group"]].drop_duplicates().to_excel(book, sheet_name="Groups", index=False)
    with pd.ExcelWriter(tmp_path / "days.xlsx") as book:
        for day, own in rows.groupby("Day"):
            own.drop(columns="Day").to_excel(book, sheet_name=f"Day {day}", index=False)
    with pd.ExcelWriter(tmp_path / "weights.xlsx") as book:
        rows.to_excel(book, sheet_name="Tumor volume", index=False)
        rows.drop(columns="Volume").assign(Weight=20.5).to_excel(book, sheet_name="Body weight", index=False)
    for name in ("groups", "days", "weights"):
        found = start(tmp_path / f"{name}.xlsx")
        assert found.study is not None, (name, found.problems)
        assert total(found.study) == pytest.approx(rows["Volume"].sum()), name
        assert sorted(set(found.study.readings["day"])) == list(DAYS)
        assert ("weight" in found.study.readings) == (name == "weights")
    with pd.ExcelWriter(tmp_path / "odd.xlsx") as book:
        rows.to_excel(book, sheet_name="First", index=False)
        rows.to_excel(book, sheet_name="Second", index=False)
    with pytest.raises(
        StudyError, match=r'has 2 sheets \("First", "Second"\). Say which: xenograft init .* --sheet "First"'
    ):
        guess_study(tmp_path / "odd.xlsx")


def test_arms_and_weights_may_stand_in_another_file(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    csv(tmp_path, rows[["Mouse", "Group"]].drop_duplicates(), "groups.csv")
    csv(tmp_path, rows[["Mouse", "Day"]].assign(weight=21.5), "weights.csv")
    table = csv(tmp_path, rows.drop(columns="Group"))
    start(table)
    arms = "[arms.Vehicle]\ncontrol = true\n[arms.DrugA]\nagents.A = { start = 0 }\n"
    arms += "[arms.DrugB]\nagents.B = { start = 0 }\n"
    arms += '[arms."DrugA + DrugB"]\nagents = { A = { start = 0 }, B = { start = 0 } }\n'
    keys = '[columns]\nanimal = "Mouse"\nday = "Day"\nvolume = "Volume"\n'
    keys += '[groups]\ndata = "groups.csv"\nanimal = "Mouse"\narm = "Group"\n'
    keys += '[weights]\ndata = "weights.csv"\nanimal = "Mouse"\nday = "Day"\n'
    text = f'name = "s"\ndata = "t.csv"\n{keys}{arms}'
    (tmp_path / "study.toml").write_text(text)
    study = read_arrival(tmp_path).study
    assert total(study) == pytest.approx(rows["Volume"].sum())
    assert set(study.readings["weight"]) == {21.5}
    csv(tmp_path, rows[["Mouse", "Group"]].drop_duplicates().iloc[1:], "groups.csv")
    with pytest.raises(StudyError, match='animal "M01" has no arm in groups'):
        read_arrival(tmp_path)


def test_a_formula_that_nobody_computed_is_no_zero(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Mouse", "Group", "Day", "L", "W", "Volume"])
    for row, (arm, mouse, day) in enumerate(
        [(a, f"{a}{m}", d) for a in ("Vehicle", "A") for m in (1, 2) for d in (0, 7)], start=2
    ):
        sheet.append([mouse, arm, day, 10, 5 + day / 7, f"=0.5*D{row}*E{row}^2"])
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(StudyError, match=r"cell F2 and 7 more .* holds a formula without its value"):
        guess_study(tmp_path / "t.xlsx")


def test_superscripts_and_struck_through_cells_wait_for_an_answer(tmp_path: Path, lab: Lab) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in [list(long_rows(lab).columns), *long_rows(lab).values.tolist()]:
        sheet.append(row)
    was = sheet["D4"].value
    sheet["D4"] = CellRichText(str(was), TextBlock(InlineFont(vertAlign="superscript"), "1"))
    sheet["D9"].font = Font(strike=True)
    book.save(tmp_path / "t.xlsx")
    asked = start(tmp_path / "t.xlsx")
    assert any("D4 is" in question and "raised" in question for question in asked.guess.open)
    assert any("D9" in problem and "struck through" in problem for problem in asked.problems)
    keys = 'superscripts = "footnotes"\nstruck_through = "exclude"\n'
    told = start(tmp_path / "t.xlsx", keys=keys)
    assert told.study is not None, told.problems
    assert total(told.study) == pytest.approx(sum(lab.volumes.values()))
    assert told.study.readings["exclude"].eq("struck through").sum() == 1
    kept = start(tmp_path / "t.xlsx", keys=keys.replace("exclude", "missing"))
    assert kept.study is not None
    assert len(kept.study.readings) == len(lab.volumes) - 1


# Cells


def test_a_mark_has_one_meaning_and_keeps_the_reading_with_its_reason(tmp_path: Path, lab: Lab) -> None:
    for number, mark in enumerate(("*", "**", "†", "#", "(a)", "[1]", "^")):
        rows = long_rows(lab).astype({"Volume": str})
        rows.loc[[3, 20, 40], "Volume"] += mark
        found = start(csv(tmp_path / str(number), rows))
        assert sum("What the mark" in question for question in found.guess.open) == 1
        assert found.study is not None, (mark, found.problems)
        assert total(found.study) == pytest.approx(sum(lab.volumes.values()))
        assert found.study.readings["exclude"].eq(f"marked {mark}").sum() == 3
        text = (tmp_path / str(number) / "study.toml").read_text()
        (tmp_path / str(number) / "study.toml").write_text(text.replace('"exclude"', '"exclude: ulcerated"'))
        assert read_arrival(tmp_path / str(number)).study.readings["exclude"].eq("ulcerated").sum() == 3
        (tmp_path / str(number) / "study.toml").write_text(text.replace("marks =", "# marks ="))
        with pytest.raises(StudyError, match=r"Say what .* means in study.toml, for example marks"):
            read_arrival(tmp_path / str(number))


def test_units_and_both_diameters_may_stand_in_a_cell(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    for number, unit in enumerate((" mm3", "mm3", " mm^3", " mm³")):
        found = start(csv(tmp_path / str(number), rows.assign(Volume=rows["Volume"].astype(str) + unit)))
        assert total(found.study) == pytest.approx(rows["Volume"].sum())
    other = start(csv(tmp_path / "cm", rows.assign(Volume=rows["Volume"].astype(str) + " cm3", unit="mm3")))
    assert other.study is None or other.study.unit == "mm3"
    for number, between in enumerate(("x", " x ", "×", "X")):
        cells = [f"{2 + volume / 100:.1f}{between}{1 + volume / 200:.1f}" for volume in rows["Volume"]]
        found = start(csv(tmp_path / f"x{number}", rows.assign(Volume=cells).rename(columns={"Volume": "Size"})))
        lengths = np.array([cell.lower().replace("×", "x").split("x") for cell in cells], dtype=float)
        long, wide = lengths.max(axis=1), lengths.min(axis=1)
        assert total(found.study) == pytest.approx((0.5 * long * wide**2).sum())
    mixed = ["12.1x9.6", *rows["Volume"].astype(str)[1:]]
    assert any(
        "one number, and other cells hold two" in problem
        for problem in start(csv(tmp_path / "mix", rows.assign(Volume=mixed))).problems
    )


def test_nothing_that_begins_with_a_number_is_proposed_as_missing(tmp_path: Path, lab: Lab) -> None:
    for number, text in enumerate(("68*", "12..5", "1O5", "3,4,5", "250 approx", "100?", "~70")):
        rows = long_rows(lab).astype({"Volume": str})
        rows.loc[5, "Volume"] = text
        guess = guess_study(csv(tmp_path / str(number), rows))
        assert text not in guess.keys.get("words", "")


def test_words_for_a_tumour_too_small_are_below_the_limit(tmp_path: Path, lab: Lab) -> None:
    for number, word in enumerate(("too small to measure", "TSTM", "small bud", "palpable", "NP")):
        rows = long_rows(lab).astype({"Volume": str})
        rows.loc[71, "Volume"] = word
        found = start(csv(tmp_path / str(number), rows), keys="limit_of_quantification = 16")
        assert found.study is not None, found.problems
        assert found.study.readings["censored"].sum() == 1


def test_the_same_smallest_value_in_several_animals_is_asked_about_first(tmp_path: Path) -> None:
    lab = invented(3, days=DAYS, animals=4)
    rows = long_rows(lab)
    gone = rows["Group"].eq("DrugA + DrugB") & rows["Day"].ge(11)
    for number, value in enumerate((1.0, 0.5, 0.1)):
        found = start(csv(tmp_path / str(number), rows.assign(Volume=rows["Volume"].mask(gone, value))))
        assert any(f"is {value:g} what is written for a tumour too small" in question for question in found.questions)
        assert not any("carried forward" in question for question in found.questions)
        assert not any("misread" in question for question in found.questions)


# Time


def test_each_mouse_may_have_its_own_day_0(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    began = {mouse: date(2026, 1, 5) + timedelta(3 * number) for number, mouse in enumerate(rows["Mouse"].unique())}
    rows["Date"] = [
        (began[mouse] + timedelta(day)).isoformat() for mouse, day in zip(rows["Mouse"], rows["Day"], strict=True)
    ]
    for number, name in enumerate(
        ("Treatment start", "Start date", "Date of randomisation", "Enrolment date", "First dose")
    ):
        table = rows.assign(**{name: rows["Mouse"].map(began).map(date.isoformat)}).drop(columns="Day")
        found = start(csv(tmp_path / str(number), table))
        assert found.study is not None, (name, found.problems)
        assert sorted(set(found.study.readings["day"])) == list(DAYS), name
        assert any(name in question for question in found.guess.open)
        text = (tmp_path / str(number) / "study.toml").read_text().replace("start = ", "# start = ", 1)
        (tmp_path / str(number) / "study.toml").write_text(text.replace("[columns]", "day_0 = 2026-01-05\n[columns]"))
        arrival = read_arrival(tmp_path / str(number))
        asked = second_look(arrival.sheets, arrival.study)
        assert any(f'the column "{name}" has a date for each animal' in question for question in asked)


def test_dates_above_the_days_are_no_header(tmp_path: Path, lab: Lab) -> None:
    wide = written(replace(lab, layout="wide by day", heading="0"))
    dates = ["", "", *(f"2026-01-{5 + day:02d}" for day in DAYS)]
    found = start(save(replace(wide, rows=[["Study", "X-01"], dates, *wide.rows]), tmp_path))
    assert found.study is not None, found.problems
    assert found.guess.keys["header_row"] == "3"
    assert sorted(set(found.study.readings["day"])) == list(DAYS)


def test_a_vehicle_alone_is_a_sentence(tmp_path: Path) -> None:
    rows = long_rows(invented(1, days=DAYS, arms=("Vehicle",)))
    assert start(csv(tmp_path, rows)).problems == (
        "study.toml: no arm gets an agent, so there is nothing to compare. Add the treated arms to the study.",
    )


# Tumours and repeated measurements


def test_two_tumours_of_a_mouse_are_two_rows_with_one_mouse(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    for number, (name, sides) in enumerate(
        (("Flank", "LR"), ("Tumor", "12"), ("Side", ("left", "right")), ("Tumor ID", "AB"))
    ):
        both = pd.concat(
            [rows.assign(**{name: side}, Volume=rows["Volume"] * (1 + n / 9)) for n, side in enumerate(sides)]
        )
        found = start(csv(tmp_path / str(number), both.sort_values(["Mouse", "Day"])))
        assert found.study is not None, (name, found.problems)
        assert len(found.study.animals) == 24
        assert found.study.animals.index[0] == f"M01 · {sides[0]}"
        assert set(found.study.readings["mouse"]) == set(rows["Mouse"])
    for number, pair in enumerate(
        (("Left tumor volume", "Right tumor volume"), ("TV L", "TV R"), ("Tumor 1 volume", "Tumor 2 volume"))
    ):
        table = rows.rename(columns={"Volume": pair[0]}).assign(**{pair[1]: rows["Volume"] * 2})
        found = start(csv(tmp_path / f"columns {number}", table))
        assert found.study is not None, found.problems
        assert total(found.study) == pytest.approx(3 * rows["Volume"].sum())
        assert found.study.readings["mouse"].nunique() == 12
    single = start(csv(tmp_path / "single", rows.assign(tumour="right")))
    assert single.study is not None
    assert "mouse" not in single.study.readings


def test_two_tumours_in_the_headings_of_a_wide_table(tmp_path: Path, lab: Lab) -> None:
    wide = written(replace(lab, layout="wide by day", heading="Day 0"))
    for number, style in enumerate(("{} left|{} right", "{} L|{} R", "Left {}|Right {}", "{} (R)|{} (L)")):
        rows = [[*row[:2], *(cell for text in row[2:] for cell in (text, text))] for row in wide.rows]
        rows[0] = [*wide.rows[0][:2], *(part.format(text) for text in wide.rows[0][2:] for part in style.split("|"))]
        found = start(save(replace(wide, rows=rows), tmp_path / str(number)))
        assert found.study is not None, (style, found.problems)
        assert len(found.study.animals) == 24, style


def test_names_that_differ_in_the_side_only_are_asked_about(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    for number, sides in enumerate((("_L", "_R"), ("-left", "-right"), (" T1", " T2"), ("a", "b"))):
        both = pd.concat(
            [
                rows.assign(Mouse=rows["Mouse"] + side, Volume=rows["Volume"] * (1 + n / 9))
                for n, side in enumerate(sides)
            ]
        )
        found = start(csv(tmp_path / str(number), both))
        assert any("two tumours of one mouse" in question for question in found.questions), sides


def test_repeated_measurements_are_averaged_or_used_each(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    thrice = pd.concat(
        [rows.assign(Replicate=n, Volume=rows["Volume"] * factor) for n, factor in ((1, 1.0), (2, 1.1), (3, 1 / 1.1))]
    )
    found = start(csv(tmp_path, thrice.sort_values(["Mouse", "Day", "Replicate"])))
    assert found.study is not None, found.problems
    assert total(found.study) == pytest.approx(rows["Volume"].sum())
    assert any("share a tumour and a day" in notice for notice in found.study.notices)
    text = (tmp_path / "study.toml").read_text()
    (tmp_path / "study.toml").write_text(text.replace('repeats = "mean"', 'repeats = "readings"'))
    each = read_arrival(tmp_path).study
    assert len(each.readings) == len(thrice)
    np.testing.assert_allclose(each.animals["baseline"], found.study.animals["baseline"])
    (tmp_path / "study.toml").write_text(text.replace("repeats", "# repeats"))
    with pytest.raises(StudyError, match=r"the first of 144 such readings. Are they repeated measurements"):
        read_arrival(tmp_path)


# A second look


def test_length_width_and_volume_name_the_formula_and_the_rows_that_disagree(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    formulas = {"1/2 L W^2": 0.5, "pi/6 L W^2": np.pi / 6}
    for number, (formula, factor) in enumerate(formulas.items()):
        wide = ((rows["Volume"] / factor) / 1.25) ** (1 / 3)
        table = rows.assign(Length=(1.25 * wide).round(2), Width=wide.round(2))
        table.loc[[7, 30], "Volume"] *= 1.6
        found = start(csv(tmp_path / str(number), table))
        assert any(
            f"volumes follow {formula}, but not in 2 cells (D9, D32)" in question for question in found.questions
        )


def test_a_reading_ten_times_too_large_or_small_is_asked_about(tmp_path: Path, lab: Lab) -> None:
    for number, factor in enumerate((10, 0.1, 100)):
        rows = long_rows(lab)
        rows.loc[8, "Volume"] *= factor
        found = start(csv(tmp_path / str(number), rows))
        words = {10: "ten times too large", 0.1: "ten times too small", 100: "a hundred times too large"}[factor]
        assert sum(words in question for question in found.questions) == 1, found.questions


def test_animals_that_are_never_above_the_limit_are_asked_about(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    in_cm3 = rows["Mouse"].isin(rows["Mouse"].unique()[:2])
    rows.loc[in_cm3, "Volume"] /= 1000
    start(csv(tmp_path / "litres", rows))
    file = tmp_path / "litres" / "study.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("\nunit", "\nlimit_of_quantification = 16\nunit", 1), encoding="utf-8")
    arrival = read_arrival(file)
    (asked,) = (words for words in second_look(arrival.sheets, arrival.study) if "limit" in words)
    assert asked.startswith("2 animals (first M01) have no reading above the limit of quantification (16): was there")


def test_what_did_not_arrive_is_asked_about(tmp_path: Path, lab: Lab) -> None:
    """The second look sees cells and the study: here a study of another table, as if it had been misread."""
    wide = written(replace(lab, layout="wide by day", heading="Day 0"))
    start(save(wide, tmp_path))
    arrival = read_arrival(tmp_path)
    study = arrival.study
    lost = replace(study, readings=study.readings[study.readings["animal"] != "M01"])
    assert any(
        "1 row with numbers did not arrive: row 2 (M01)" in question for question in second_look(arrival.sheets, lost)
    )
    eaten = study.readings.assign(
        day=study.readings["day"].map(dict(zip(DAYS, (105.4, 154.3, 245.3, 357.7, 560.8, 768.3), strict=True)))
    )
    asked = " ".join(second_look(arrival.sheets, replace(study, readings=eaten)))
    assert "not whole" in asked
    assert "Days go to 768.3" in asked
    mirrored = study.readings.assign(day=18 - study.readings["day"])
    assert "in another order than their days" in " ".join(
        second_look(arrival.sheets, replace(study, readings=mirrored))
    )
    assert second_look(arrival.sheets, study) == []


def test_untreated_tumours_do_not_fall_below_the_limit_unasked(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    rows["Volume"] = rows["Volume"].mask(rows["Day"].eq(18), 0)
    found = start(csv(tmp_path, rows), keys="limit_of_quantification = 16")
    assert any("3 untreated animals fell below the limit" in question for question in found.questions)


# What arrived is shown


def test_init_and_check_show_what_arrived_beside_its_cells(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    rows.insert(3, "Injection volume", 200)
    table = csv(tmp_path, rows)
    first = rows["Volume"].iloc[0]
    for command in (["init", str(table)], ["check", str(tmp_path)]):
        told = CliRunner().invoke(app, command)
        assert told.exit_code == 0, told.output
        assert f"E2 → day 0, M01, {first:.5g}" in told.output
        assert "72 readings of 12 animals made of 72 of them" in told.output
        assert 'no readings: "Injection volume" (72 numbers)' in told.output
    assert "E73" not in CliRunner().invoke(app, ["check", str(tmp_path)]).output
    assert "E73" in CliRunner().invoke(app, ["check", str(tmp_path), "--show"]).output


def test_an_endpoint_may_be_a_diameter(tmp_path: Path, lab: Lab) -> None:
    found = start(csv(tmp_path, long_rows(lab)), keys="endpoint_diameter = 15.0")
    assert found.study is not None
    assert found.study.endpoint_volume == pytest.approx(0.5 * 15**3)


# Shapes less usual


def test_blocks_under_the_title_of_their_day_are_read(tmp_path: Path, lab: Lab) -> None:
    rows: list[list[str]] = []
    for day in lab.days:
        rows += [[f"Day {day}"], ["Mouse", "Group", "Volume"]]
        rows += [[animal, arm, f"{lab.volumes[arm, animal, day]:g}"] for arm, animal in lab.animals] + [[]]
    (tmp_path / "t.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    found = start(tmp_path / "t.csv")
    assert found.guess.keys["day_from"] == '"heading rows"'
    assert found.study is not None
    assert sorted(set(found.study.readings["day"])) == list(DAYS)
    assert total(found.study) == pytest.approx(sum(lab.volumes.values()))


def test_headings_in_days_and_weeks_are_days_and_asked_about(tmp_path: Path) -> None:
    lab = invented(1, days=(0, 3, 7, 14, 21))
    wide = long_rows(lab).pivot_table(index=["Mouse", "Group"], columns="Day", values="Volume", sort=False)
    wide.columns = [f"Day {day}" if day < 10 else f"Week {day // 7}" for day in wide.columns]
    found = start(csv(tmp_path, wide.reset_index()))
    assert any("are in several units" in question for question in found.guess.open)
    assert found.study is not None
    assert sorted(set(found.study.readings["day"])) == list(lab.days)


def test_columns_that_count_readings_of_a_tumour_are_repeats_and_asked_about(tmp_path: Path, lab: Lab) -> None:
    rows = long_rows(lab)
    for number, stems in enumerate(("TV{}", "Tumour volume rep{}", "Volume {} (mm3)")):
        table = rows.drop(columns="Volume")
        for at, factor in enumerate((1.0, 1.05, 0.97), start=1):
            table[stems.format(at)] = (rows["Volume"] * factor).round(2)
        found = start(csv(tmp_path / str(number), table))
        assert any("repeated readings of one tumour" in question for question in found.guess.open), stems
        assert found.study is not None
        assert len(found.study.readings) == len(rows)
        factor = (1.05 * 0.97) ** (1 / 3)
        assert total(found.study) == pytest.approx(factor * rows["Volume"].sum(), rel=1e-3)
        assert not any("was not used" in question for question in found.questions)


def test_a_height_is_used_and_asked_about(tmp_path: Path, lab: Lab) -> None:
    table = long_rows(lab)
    edge = (table.pop("Volume") * 6 / np.pi) ** (1 / 3)
    found = start(csv(tmp_path, table.assign(L=(edge * 1.1).round(3), W=(edge / 1.1).round(3), H=edge.round(3))))
    assert any("length · width · height" in question for question in found.guess.open)
    assert total(found.study) == pytest.approx(sum(lab.volumes.values()), rel=1e-2)


def test_widths_above_lengths_all_the_way_down_are_asked_about(tmp_path: Path, lab: Lab) -> None:
    table = long_rows(lab)
    edge = (table.pop("Volume") * 2) ** (1 / 3)
    for number, (length, width) in enumerate(((edge / 1.1, edge * 1.1), (edge * 1.1, edge / 1.1))):
        found = start(csv(tmp_path / str(number), table.assign(Length=length.round(2), Width=width.round(2))))
        assert any("change places" in question for question in found.questions) == (number == 0)


def test_a_column_that_says_who_died_is_asked_about_or_used(tmp_path: Path, lab: Lab) -> None:
    table = long_rows(lab)
    gone = (table["Mouse"] == "M02") & (table["Day"] > 10)
    table.loc[gone, "Volume"] = np.nan
    for number, word in enumerate(("dead", "euthanized", "Found dead", "sac'd", "sacrificed d11")):
        written_down = table.assign(Status=np.where(gone, word, "alive"))
        found = start(csv(tmp_path / str(number), written_down))
        assert any("Status" in question and "why animals left" in question for question in found.questions), word
        (tmp_path / str(number) / "study.toml").write_text(
            toml_of_guess(found.guess).replace("[columns]", '[columns]\nreason_left = "Status"')
        )
        reasons = read_arrival(tmp_path / str(number)).study.animals["reason_left"]
        assert reasons[reasons != ""].to_dict() == {"M02": word}


def test_ratios_beside_the_volumes_are_left_out_and_named(tmp_path: Path, lab: Lab) -> None:
    wide = long_rows(lab).pivot_table(index=["Mouse", "Group"], columns="Day", values="Volume", sort=False)
    for number, heading in enumerate(("RTV{}", "D{}/D0", "% change D{}", "RTV D{}")):
        table = wide.rename(columns="D{}".format)
        for day in DAYS[1:]:
            table[heading.format(day)] = (wide[day] / wide[0]).round(2)
        found = start(csv(tmp_path / str(number), table.reset_index()))
        assert total(found.study) == pytest.approx(wide.sum().sum()), heading


def test_a_day_sorted_by_itself_is_asked_about(tmp_path: Path) -> None:
    lab = invented(3, days=DAYS, animals=5)
    wide = long_rows(lab).pivot_table(index=["Mouse", "Group"], columns="Day", values="Volume", sort=False)
    whole = wide.sort_values(11)  # the table sorted by a day is in order
    alone = wide.assign(**{"11": 0}).drop(columns="11")
    alone[11] = np.sort(wide[11].to_numpy())
    for number, table in enumerate((whole, alone)):
        found = start(csv(tmp_path / str(number), table.rename(columns="Day {}".format).reset_index()))
        assert any("sorted without the others" in question for question in found.questions) == (number == 1)
