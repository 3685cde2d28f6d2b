"""Shapes of sheets that nobody showed us first: each is read right, refused in one sentence, or asked about."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from lab_sheets import ARMS, Lab, invented, save, written

from xenograft.errors import StudyError
from xenograft.reading.guess_study import guess_study, toml_of_guess
from xenograft.reading.read import read_arrival
from xenograft.reading.second_look import second_look
from xenograft.study.study import Study

DAYS = (0, 4, 7, 11, 14, 18)
Rows = Sequence[Sequence[object]]


@pytest.fixture(scope="module")
def lab() -> Lab:
    return invented(5, days=DAYS)


def told(table: Path) -> tuple[Study | str, str]:
    """The study, or why it is refused; and all that is asked about it."""
    guess = guess_study(table)
    (table.parent / "study.toml").write_text(toml_of_guess(guess), encoding="utf-8")
    try:
        arrival = read_arrival(table.parent)
    except StudyError as error:
        return " ".join(error.problems), " ".join(guess.open)
    return arrival.study, " ".join([*guess.open, *second_look(arrival.sheets, arrival.study)])


def sheet(folder: Path, rows: Rows, *, separator: str = ",") -> Path:
    folder.mkdir(parents=True)
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    (folder / "t.csv").write_text(text.getvalue(), encoding="utf-8")
    return folder / "t.csv"


def book(folder: Path, sheets: Mapping[str, Rows]) -> Path:
    folder.mkdir(parents=True)
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for name, rows in sheets.items():
        page = made.create_sheet(name)
        for row in rows:
            page.append([float(text) if isinstance(text, str) and _is_number(text) else text for text in row])
    made.save(folder / "t.xlsx")
    return folder / "t.xlsx"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def curves(study: Study | str) -> list[tuple[str, tuple[tuple[float, float], ...]]]:
    assert isinstance(study, Study), study
    return sorted(
        (str(own["arm"].iloc[0]), tuple(zip(own["day"].round(6), own["volume"].round(4), strict=True)))
        for _, own in study.readings.sort_values("day").groupby("animal")
    )


def truth(lab: Lab) -> list[tuple[str, tuple[tuple[float, float], ...]]]:
    return sorted(
        (arm, tuple((float(day), lab.volumes[arm, animal, day]) for day in lab.days)) for arm, animal in lab.animals
    )


def wide(lab: Lab, heading: str = "Day 0") -> list[list[str]]:
    return written(replace(lab, layout="wide by day", heading=heading)).rows


def of_arms(lab: Lab) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for row in wide(lab)[1:]:
        found.setdefault(row[1], []).append([row[0], *row[2:]])
    return found


def weights(row: Sequence[str]) -> list[str]:
    return [f"{21 + 0.3 * number + len(row[0]) / 10:g}" for number in range(len(row) - 2)]


# Weights, percentages, doses and dates beside the readings


def test_weights_beside_or_below_the_volumes_never_mix_with_them(lab: Lab, tmp_path: Path) -> None:
    rows = wide(lab)
    blank, days = [""] * (len(DAYS) - 1), rows[0][2:]
    body = [[*row, *weights(row)] for row in rows[1:]]
    below = [[*row[:2], *weights(row)] for row in rows[1:]]
    read = {
        "banner": [["", "", "Tumor volume (mm3)", *blank, "Body weight (g)", *blank], [*rows[0], *days], *body],
        "named": [[*rows[0], *(f"BW {day}" for day in days)], *body],
        "title": [*rows, [], ["Body weight (g)"], rows[0], *below],
        "headings": [*rows, [], ["Mouse ID", "Group", *(f"BW {day}" for day in days)], *below],
    }
    for name, table in read.items():
        study, asked = told(sheet(tmp_path / name, table))
        assert curves(study) == truth(lab), name
        assert name not in ("title", "headings") or "taken for weights, and left out" in asked
    refused = {"same headings": [[*rows[0], *days], *body], "no header": [*rows, [], *below]}
    for name, table in refused.items():
        study, _ = told(sheet(tmp_path / name, table))
        assert isinstance(study, str), name
        assert "such as body weights? Then leave them out" in study


def test_a_day_that_is_headed_twice_is_refused_and_replicates_of_all_days_are_not(lab: Lab, tmp_path: Path) -> None:
    rows = wide(lab)
    one = [
        [*row[:4], row[3] if number == 0 else f"{float(row[3]) * 1.05:g}", *row[4:]] for number, row in enumerate(rows)
    ]
    study, asked = told(sheet(tmp_path / "one", one))
    assert isinstance(study, str)
    assert "a second reading on day 4" in study
    assert "is a day or a name wrong?" in asked
    all_twice = [[*row[:2], *(text for text in row[2:] for _ in range(2))] for row in rows]
    study, asked = told(sheet(tmp_path / "all", all_twice))
    assert curves(study) == truth(lab)
    assert "their geometric mean was written" in asked


def test_what_is_made_of_the_readings_is_left_out_with_a_notice(lab: Lab, tmp_path: Path) -> None:
    rows = wide(lab)
    for number, style in enumerate(("% change {}", "{} %", "RTV {}", "Fold change {}", "Normalized {}")):
        header = [*rows[0], *(style.format(text) for text in rows[0][2:])]
        table = [header, *([*row, *(f"{float(text) / 2:g}" for text in row[2:])] for row in rows[1:])]
        study, _ = told(sheet(tmp_path / str(number), table))
        assert curves(study) == truth(lab), style
        assert isinstance(study, Study)
        assert any("6 columns not read" in notice for notice in study.notices)


def test_rows_of_doses_dates_and_notes_are_no_animals(lab: Lab, tmp_path: Path) -> None:
    rows = wide(lab)
    across = written(replace(lab, layout="wide by animal")).rows
    dates = ["", "", *(f"2026-01-{5 + day:02d}" for day in DAYS)]
    tables = {
        "dosing": [rows[0], ["Dosing", "", "x", "x", "", "", "", ""], *rows[1:]],
        "dates": [rows[0], dates, *rows[1:]],
        "notes": [*rows, [], ["* found dead"], ["Measured by: JS"]],
        "across": [*across[:3], ["Dose", *["x"] * (len(across[0]) - 1)], *across[3:], [], ["Notes: by mouth"]],
    }
    for name, table in tables.items():
        study, _ = told(sheet(tmp_path / name, table))
        assert curves(study) == truth(lab), name
        assert isinstance(study, Study)
        assert any("without an animal left out" in notice for notice in study.notices), name


def test_summaries_are_known_in_other_languages_and_behind_an_arm(lab: Lab, tmp_path: Path) -> None:
    rows = wide(lab)
    words = ("Mittelwert", "Standardabweichung", "Anzahl", "Moyenne", "Ecart-type", "Erreur type", "Media",
             "Desv. est.", "Gemiddelde", "p-value vs vehicle", "T/C (%)", "Vehicle mean", "Vehicle n")  # fmt: skip
    table = [*rows, *([word, "Vehicle", *(f"{100 + 9 * n + m}" for m in DAYS)] for n, word in enumerate(words))]
    study, asked = told(sheet(tmp_path / "rows", table))
    assert curves(study) == truth(lab)
    assert "did not arrive" not in asked
    numbered = [["Day", *(f"{arm}_{number}" for arm in ARMS for number in (1, 2, 3, "Mean"))]]
    for day in DAYS:
        cells = [[f"{lab.volumes[arm, m, day]:g}" for a, m in lab.animals if a == arm] for arm in ARMS]
        numbered.append([str(day), *(text for own in cells for text in (*own, "111.1"))])
    numbered[0] = [text.replace("_Mean", " Mean") for text in numbered[0]]
    study, _ = told(sheet(tmp_path / "columns", numbered))
    assert curves(study) == truth(lab)


def test_means_without_animals_are_refused_as_such(lab: Lab, tmp_path: Path) -> None:
    mean = {arm: [np.mean([float(row[at]) for row in own]) for at in range(1, 7)] for arm, own in of_arms(lab).items()}
    down = [["Day", *(f"{arm} {word}" for arm in ARMS for word in ("mean", "SEM", "n"))]]
    down += [[day, *(x for arm in ARMS for x in (round(mean[arm][at], 1), 12.5, 3))] for at, day in enumerate(DAYS)]
    study, _ = told(sheet(tmp_path / "down", down))
    assert isinstance(study, str)
    assert "are means and the like, and no animals" in study
    across = [
        ["Group", *(f"Day {day}" for day in DAYS)],
        *([arm, *(f"{v:.0f} ± 14" for v in mean[arm])] for arm in ARMS),
    ]
    study, _ = told(sheet(tmp_path / "across", across))
    assert isinstance(study, str)
    assert "If its rows are means of arms, give the volumes of each animal instead" in study


# Blocks, sheets and headers


def test_blocks_have_their_arm_in_a_corner_above_days_or_beside_each_other(lab: Lab, tmp_path: Path) -> None:
    days = [f"Day {day}" for day in DAYS]
    arms = of_arms(lab)
    corner = [line for arm, own in arms.items() for line in ([arm, *days], *own, [])]
    down = []
    for arm, own in arms.items():
        down += [[arm], ["Day", *(row[0] for row in own)]]
        down += [[day, *(row[at + 1] for row in own)] for at, day in enumerate(DAYS)] + [[]]
    beside = [[], []]
    for arm, own in arms.items():
        beside[0] += [arm, "", "", "", ""]
        beside[1] += ["Day", *(row[0] for row in own), ""]
    for at, day in enumerate(DAYS):
        beside.append([text for own in arms.values() for text in (day, *(row[at + 1] for row in own), "")])
    for name, table in (("corner", corner), ("down", down), ("beside", beside)):
        study, _ = told(sheet(tmp_path / name, table))
        assert curves(study) == truth(lab), name


def test_sheets_of_arms_stand_beside_summaries_and_notes_and_sheets_of_days_are_dates_or_weeks(
    lab: Lab, tmp_path: Path
) -> None:
    days = [f"Day {day}" for day in DAYS]
    arms = {arm: [["Mouse", *days], *own] for arm, own in of_arms(lab).items()}
    summary = {"Summary": [["Group", *days], *([arm, *["200.1"] * 6] for arm in ARMS)], "Notes": [["Dosed by JS"]]}
    study, asked = told(book(tmp_path / "arms", {**arms, **summary}))
    assert curves(study) == truth(lab)
    assert 'No readings of animals were found on "Summary", "Notes": left out' in asked
    study, asked = told(book(tmp_path / "notes", {"Data": wide(lab), "Notes": [["Dosed by JS"], ["Cage 4 flooded"]]}))
    assert curves(study) == truth(lab)
    weekly = invented(6, days=(0, 7, 14, 21))
    styles = {"weeks": lambda day: f"Week {day // 7}", "dates": lambda day: f"{5 + day:02d}-Jan-2026"}
    for name, style in styles.items():
        pages = {
            style(day): [
                ["Mouse", "Group", "TV"],
                *([m, a, f"{weekly.volumes[a, m, day]:g}"] for a, m in weekly.animals),
            ]
            for day in weekly.days
        }
        study, asked = told(book(tmp_path / name, pages))
        assert curves(study) == truth(weekly), name
        assert "Times are in weeks" in asked or "The date of day 0" in asked


def test_lengths_widths_and_volumes_stand_below_their_day_whichever_row_names_the_animals(
    lab: Lab, tmp_path: Path
) -> None:
    upper = [text for day in DAYS for text in (f"Day {day}", "", "")]
    measures = ["L (mm)", "W (mm)", "V (mm3)"] * len(DAYS)
    body = [[m, a, *(x for day in DAYS for x in (9, 8, lab.volumes[a, m, day]))] for a, m in lab.animals]
    tables = {
        "above": [["Mouse", "Group", *upper], ["", "", *measures], *body],
        "below": [["", "", *upper], ["Mouse", "Group", *measures], *body],
    }
    for name, table in tables.items():
        study, _ = told(sheet(tmp_path / name, table))
        assert curves(study) == truth(lab), name
    sides = [
        ["", "", "Left tumor", *[""] * 5, "Right tumor", *[""] * 5],
        ["Mouse", "Group", *[f"D{d}" for d in DAYS] * 2],
    ]
    sides += [[m, a, *(lab.volumes[a, m, day] * side for side in (1, 2) for day in DAYS)] for a, m in lab.animals]
    study, _ = told(sheet(tmp_path / "sides", sides))
    assert isinstance(study, Study)
    assert study.readings["mouse"].nunique() == 12
    assert study.readings["volume"].sum() == pytest.approx(3 * sum(lab.volumes.values()))


def test_header_rows_with_names_of_their_own_may_stand_above_animals(lab: Lab, tmp_path: Path) -> None:
    table = [
        ["Animal ID", *(m for _, m in lab.animals)],
        ["Treatment", *(a for a, _ in lab.animals)],
        ["Sex", *"F" * 12],
    ]
    table += [[f"D{day}", *(lab.volumes[a, m, day] for a, m in lab.animals)] for day in DAYS]
    study, asked = told(sheet(tmp_path / "three", table))
    assert curves(study) == truth(lab)
    assert "no day was found" not in asked
    units = [["Mouse", "Group", "Time", "Volume"], ["", "", "(days)", "(mm3)"]]
    units += [[m, a, day, volume] for (a, m, day), volume in lab.volumes.items()]
    assert curves(told(sheet(tmp_path / "units", units))[0]) == truth(lab)


def test_animals_called_by_their_arm_and_a_number_need_no_column_of_arms(lab: Lab, tmp_path: Path) -> None:
    names = {animal: f"{arm}_{1 + number % 3}" for number, (arm, animal) in enumerate(lab.animals)}
    long = [["Sample ID", "Day", "TV"], *([names[m], day, volume] for (_, m, day), volume in lab.volumes.items())]
    across = [["Mouse", *(f"Day {d}" for d in DAYS)], *([names[row[0]], *row[2:]] for row in wide(lab)[1:])]
    for name, table in (("long", long), ("wide", across)):
        study, _ = told(sheet(tmp_path / name, table))
        assert curves(study) == truth(lab)
        assert 'arm_from = "animal names"' in (tmp_path / name / "study.toml").read_text()
    text = (tmp_path / "wide" / "t.csv").read_text().replace("Vehicle_1", "Old one")
    (tmp_path / "wide" / "t.csv").write_text(text)
    with pytest.raises(StudyError, match=r"are not called by their arm and a number\. Remove arm_from"):
        read_arrival(tmp_path / "wide")


# Days


def test_a_week_and_a_day_are_written_as_days_and_asked_about(lab: Lab, tmp_path: Path) -> None:
    for number, (style, first) in enumerate((("W{}D{}", 1), ("Week {} Day {}", 1), ("wk{}-d{}", 0))):
        rows = wide(lab)
        rows[0][2:] = [style.format(day // 7 + first, day % 7) for day in DAYS]
        study, asked = told(sheet(tmp_path / str(number), rows))
        assert curves(study) == truth(lab)
        assert "name a week and a day: they were written as days" in asked
        assert "not understood" not in asked
    rows = wide(lab)
    rows[0][2:] = [f"C{1 + day // 14}D{1 + day % 14}" for day in DAYS]
    study, _ = told(sheet(tmp_path / "cycles", rows))
    assert isinstance(study, str)
    assert study.count('"C1D1"') == 2  # one sentence for all headings, with an example


def test_a_column_is_the_day_where_all_its_cells_say_when(lab: Lab, tmp_path: Path) -> None:
    for number, name in enumerate(("Visit", "Phase", "Session")):
        for style in ("2026-01-{:02d}", "Day {}"):
            when = {day: style.format(day + 5 if "2026" in style else day) for day in DAYS}
            rows = [["Mouse", "Group", name, "TV"], *([m, a, when[d], v] for (a, m, d), v in lab.volumes.items())]
            study, asked = told(sheet(tmp_path / f"{number}{style[:3]}", rows))
            assert curves(study) == truth(lab), (name, style)
            assert f'day is "{name}", because all its cells say when' in asked


def test_two_diameters_called_d1_and_d2_are_no_days(lab: Lab, tmp_path: Path) -> None:
    rows = [["Mouse", "Group", "Day", "D1 (mm)", "D2 (mm)"]]
    rows += [
        [m, a, day, round((2.4 * v) ** (1 / 3), 2), round((1.4 * v) ** (1 / 3), 2)]
        for (a, m, day), v in lab.volumes.items()
    ]
    study, _ = told(sheet(tmp_path / "d", rows))
    assert isinstance(study, str)
    assert 'no column "volume" (nor "length" and "width")' in study


def test_a_start_of_each_animal_under_any_word_is_used_or_asked_about(lab: Lab, tmp_path: Path) -> None:
    began = {animal: 5 + number for number, (_, animal) in enumerate(lab.animals)}
    for number, name in enumerate(("Date of first treatment", "Enrolled", "Threshold reached", "Moved")):
        rows = [["Mouse", "Group", "Date", name, "TV"]]
        for (arm, animal, day), volume in lab.volumes.items():
            visit, own = (f"2026-02-{began[animal] + since:02d}" for since in (day - 4, -4))
            if began[animal] + day <= 32:
                rows.append([animal, arm, visit, own, f"{volume:g}"])
        study, asked = told(sheet(tmp_path / str(number), rows))
        assert isinstance(study, Study), study
        if number < 2:
            assert study.readings["day"].min() == 0
            assert not study.animals["baseline"].isna().any()
        else:
            assert f'the column "{name}" has a date for each animal' in asked
            assert "11 of 12 animals have no reading on or before the first dose" in asked


def test_dates_whose_order_nothing_tells_are_not_guessed(lab: Lab, tmp_path: Path) -> None:
    """Days apart in one order and months apart in the other is no doubt; both within a month is."""
    rows = wide(lab)
    rows[0][2:] = ["1/5/26", "1/7/26", "1/9/26", "1/10/26", "1/11/26", "1/12/26"]
    study, asked = told(sheet(tmp_path / "days", rows))
    assert isinstance(study, Study)
    assert sorted(set(study.readings["day"])) == [0, 2, 4, 5, 6, 7]
    assert "month first was written" in asked
    rows[0][2:] = ["1/5/26", "3/7/26", "5/9/26", "7/10/26", "9/11/26", "11/12/26"]
    study, asked = told(sheet(tmp_path / "months", rows))
    assert isinstance(study, str)
    assert "Whether dates have the day or the month first: write date_order" in asked


# Cells and names


def test_digits_grouped_by_blanks_or_apostrophes_are_one_number_and_commas_are_not_guessed(
    lab: Lab, tmp_path: Path
) -> None:
    large = replace(lab, volumes={key: round(volume + 1000, 1) for key, volume in lab.volumes.items()})
    rows = wide(large)
    styles = {
        "swiss": lambda text: f"{text[0]}'{text[1:]}",
        "french": lambda text: f"{text[0]}\u202f{text[1:]}".replace(".", ","),
    }
    for name, style in styles.items():
        table = [rows[0], *([*row[:2], *(style(f"{float(text):.1f}") for text in row[2:])] for row in rows[1:])]
        assert curves(told(sheet(tmp_path / name, table, separator=";"))[0]) == truth(large), name
    for name, style in {"comma": "{:,.1f}", "whole": "{:,.0f}"}.items():
        table = [rows[0], *([*row[:2], *(style.format(float(text)) for text in row[2:])] for row in rows[1:])]
        study, _ = told(sheet(tmp_path / name, table))
        assert isinstance(study, str), name
        assert name == "comma" or "if it is more than a thousand" in study


def test_a_decimal_comma_among_points_is_one_faulty_cell(lab: Lab, tmp_path: Path) -> None:
    rows = wide(lab)
    rows[4][3] = rows[4][3].replace(".", ",")
    study, _ = told(sheet(tmp_path / "one", rows, separator=";"))
    assert isinstance(study, str)
    assert study.count("must be a number") == 1


def test_names_and_words_of_other_sheets_find_their_part(lab: Lab, tmp_path: Path) -> None:
    headers = (
        ("Tier-Nr.", "Behandlung", "Datum", "Volumen"), ("Ratón", "Grupo", "Día", "Volumen tumoral (mm3)"),
        ("Muis", "Groep", "Dag", "Tumorvolume"), ("Mouse No.", "Tx", "D", "Vol"),
        ("mouse_id", "group", "timestamp", "volume"), ("Mouse", "Arm", "Days since first dose", "mm3"),
    )  # fmt: skip
    for number, header in enumerate(headers):
        dated = header[2] in ("Datum", "timestamp")
        rows = [list(header)] + [
            [m, a, f"2026-01-{5 + d:02d}T09:30:00" if dated else d, v] for (a, m, d), v in lab.volumes.items()
        ]
        assert curves(told(sheet(tmp_path / str(number), rows))[0]) == truth(lab), header
    codes = {arm: str(number) for number, arm in enumerate(ARMS)}
    both = [["Mouse", "Group #", "Treatment", "Day", "TV", "Weight change (%)"]]
    both += [[m, codes[a], a, d, v, -2.5] for (a, m, d), v in lab.volumes.items()]
    assert curves(told(sheet(tmp_path / "both", both))[0]) == truth(lab)


def test_animals_numbered_within_their_cage_or_named_with_a_side_are_asked_about(lab: Lab, tmp_path: Path) -> None:
    twelve = invented(8, days=DAYS, animals=4)
    rows = [["Cage", "Mouse", "Group", *(f"Day {d}" for d in DAYS)]]
    rows += [[f"C{n // 2}", 1 + n % 2, *row[1:]] for n, row in enumerate(wide(twelve)[1:])]
    study, asked = told(sheet(tmp_path / "cages", rows))
    assert isinstance(study, str)
    assert "numbered within their cage" in asked
    rows = wide(lab)
    both = [rows[0], *([f"{row[0]} ({side})", *row[1:]] for row in rows[1:] for side in ("left", "right"))]
    _, asked = told(sheet(tmp_path / "sides", both))
    assert "are they two tumours of one mouse?" in asked
    odd = [
        *rows,
        ["Kontrollwert", "Vehicle", *map(str, range(50, 56))],
        ["Referenz", "Vehicle", *map(str, range(70, 76))],
    ]
    _, asked = told(sheet(tmp_path / "odd", odd))
    assert "have no number in their names" in asked


def test_a_volume_that_is_blank_beside_a_length_and_a_width_is_asked_about(lab: Lab, tmp_path: Path) -> None:
    rows = [["Mouse", "Group", "Day", "Length", "Width", "Volume"]]
    for (arm, animal, day), volume in lab.volumes.items():
        width = round((2 * volume / 1.2) ** (1 / 3), 2)
        rows.append([animal, arm, str(day), f"{1.2 * width:.2f}", f"{width:g}", f"{volume:g}"])
    rows[8][5] = ""
    _, asked = told(sheet(tmp_path / "t", rows))
    assert "1 row with a length and a width have no volume (row 9)" in asked
    assert "Should it be computed from them?" in asked


def test_several_operators_are_averaged_without_a_question_about_the_column(lab: Lab, tmp_path: Path) -> None:
    rows = [["Mouse", "Group", "Day", "Operator", "TV"]]
    rows += [
        [m, a, d, who, round(v * f, 3)]
        for (a, m, d), v in lab.volumes.items()
        for who, f in (("A", 1.04), ("B", 1 / 1.04))
    ]
    _, asked = told(sheet(tmp_path / "t", rows))
    assert "their geometric mean was written" in asked
    assert "Is the right column used?" not in asked


def test_sheets_saved_by_the_invented_laboratory_are_the_truth(lab: Lab, tmp_path: Path) -> None:
    study, _ = told(save(written(replace(lab, layout="wide by day")), tmp_path / "t"))
    assert curves(study) == truth(lab)


def test_days_that_a_sheet_shows_as_dates_are_no_dates(tmp_path: Path) -> None:
    for across in (False, True):
        made = openpyxl.Workbook()
        rows = made.active
        assert rows is not None
        days, animals = (1, 4, 8, 60, 61), {"m1": "vehicle", "m2": "vehicle", "m3": "drug", "m4": "drug"}
        if across:
            rows.append(["animal", "group", *days])
            for animal, arm in animals.items():
                rows.append([animal, arm, *(100 + 3 * day for day in days)])
            shown = [rows.cell(1, 3 + place) for place in range(len(days))]
        else:
            rows.append(["animal", "group", "day", "volume"])
            for animal, arm in animals.items():
                for day in days:
                    rows.append([animal, arm, day, 100 + 3 * day])
            shown = [rows.cell(row, 3) for row in range(2, 2 + len(days) * len(animals))]
        for cell in shown:
            cell.number_format = "d-mmm"
        folder = tmp_path / str(across)
        folder.mkdir()
        made.save(folder / "t.xlsx")
        said, asked = told(folder / "t.xlsx")
        assert isinstance(said, str)
        assert "numbers that the sheet shows as dates" in asked
        assert "1900" in said
