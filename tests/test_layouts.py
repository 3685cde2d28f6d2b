"""The same study, however a laboratory writes it down, is the same study; and no layout loses or invents a reading."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from tables import ARMS, table

from xenograft.errors import StudyError
from xenograft.reading.read import read_study
from xenograft.study.study import Study

FIXTURES = Path(__file__).parents[1] / "fixtures"
LAYOUTS = sorted((FIXTURES / "layouts").iterdir())
SHARED = Path(__file__).parents[2] / "shared" / "data"
WIDE_SHEETS = {
    "LS_1034": "ls1034-rabusertib-irinotecan",
    "SNU-81": "snu81-rabusertib-irinotecan",
    "SW837": "sw837-rabusertib-irinotecan",
}


@pytest.fixture(scope="module")
def original() -> Study:
    return read_study(FIXTURES / "her2-four-arm")


def study_in(
    folder: Path, content: str | bytes, keys: str = "", *, data: str = "volumes.csv", arms: str = ARMS
) -> Study:
    """Write a table and its study.toml, and read them."""
    (folder / data).write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "study.toml").write_text(f'name = "Study"\ndata = "{data}"\n{keys}\n{arms}', encoding="utf-8")
    return read_study(folder)


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """The long table of test_reading with one column per day."""
    days = list(dict.fromkeys(rows["day"]))
    return rows.pivot(index=["arm", "animal"], columns="day", values="volume")[days].reset_index()


# One study, many layouts


def test_there_are_at_least_twelve_layouts() -> None:
    assert len(LAYOUTS) >= 12


@pytest.mark.parametrize("folder", LAYOUTS, ids=lambda folder: folder.name)
def test_every_layout_reads_to_the_same_digest_and_readings(folder: Path, original: Study) -> None:
    study = read_study(folder)
    assert study.digest == original.digest
    columns = ["animal", "arm", "day", "censored", "fitted", "baseline"]
    pd.testing.assert_frame_equal(study.readings[columns], original.readings[columns])
    np.testing.assert_allclose(study.readings["volume"], original.readings["volume"], rtol=1e-14)


def test_the_layouts_are_what_their_script_writes() -> None:
    written = runpy.run_path(str(FIXTURES / "make_layouts.py"))["contents"]()
    assert {name.split("/")[0] for name in written} == {folder.name for folder in LAYOUTS}
    for name, content in written.items():
        if not name.endswith(".xlsx"):
            expected = content.encode() if isinstance(content, str) else content
            assert (FIXTURES / "layouts" / name).read_bytes() == expected, name


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real studies are kept beside the project and are not here")
@pytest.mark.parametrize(("sheet", "name"), WIDE_SHEETS.items())
def test_a_laboratorys_wide_sheet_is_its_long_table_a_day_later(tmp_path: Path, sheet: str, name: str) -> None:
    """A posterior is a function of digest, card and seed: equal digests are equal posteriors."""
    long = read_study(SHARED / name)
    arms = (SHARED / name / "study.toml").read_text(encoding="utf-8").split('unit = "mm3"\n')[1]
    keys = 'layout = "wide by day"\nadd_days = 1\n[columns]\narm = "Treatment"\nanimal = "Mouse"\n'
    content = (SHARED / "wide-sheets" / f"{sheet}.csv").read_bytes()
    study = study_in(tmp_path, content, keys, arms=arms)
    assert study.digest == long.digest
    pd.testing.assert_frame_equal(study.readings, long.readings)
    unshifted = study_in(tmp_path, content, keys.replace("add_days = 1\n", ""), arms=arms)
    assert unshifted.digest != long.digest


# Wide by day


def test_a_cell_of_a_wide_table_is_named_as_a_spreadsheet_names_it(tmp_path: Path) -> None:
    rows = table()
    rows.loc[5, "volume"] = "-4"
    content = wide(rows).to_csv(index=False)
    with pytest.raises(StudyError, match=r"cell [A-F]\d+, animal vehicle2: volume is -4"):
        study_in(tmp_path, content, 'layout = "wide by day"')


def test_blank_cells_after_removal_are_no_notice_and_gaps_are_one(tmp_path: Path) -> None:
    rows = table()
    rows.loc[3, "volume"] = ""  # vehicle1 after its removal
    assert "blank" not in " ".join(study_in(tmp_path, wide(rows).to_csv(index=False), 'layout = "wide by day"').notices)
    rows.loc[5, "volume"] = ""  # vehicle2 between two readings
    notices = study_in(tmp_path, wide(rows).to_csv(index=False), 'layout = "wide by day"').notices
    assert any(
        "1 reading left out because the volume is blank" in notice and "vehicle2" in notice for notice in notices
    )


def test_a_column_that_is_no_day_is_named_and_not_read(tmp_path: Path) -> None:
    content = wide(table()).assign(Sex="f").to_csv(index=False)
    notices = study_in(tmp_path, content, 'layout = "wide by day"').notices
    assert 'volumes.csv: 1 column not read ("Sex").' in notices
    ignored = study_in(tmp_path, content, 'layout = "wide by day"\nignore_columns = ["Sex"]').notices
    assert not any("not read" in notice for notice in ignored)


def test_rows_below_the_table_are_cut_off_by_last_row(tmp_path: Path) -> None:
    content = table().to_csv(index=False)
    below = content + "Checked by hand,,,123\n"
    with pytest.raises(StudyError):
        study_in(tmp_path, below)
    study = study_in(tmp_path, below, f"last_row = {len(content.splitlines())}")
    assert study.digest == study_in(tmp_path, content).digest


def test_animals_without_names_are_numbered_within_their_arm(tmp_path: Path) -> None:
    rows = wide(table())
    turned = rows.drop(columns="animal").T
    content = turned.reset_index().to_csv(index=False, header=False)
    study = study_in(tmp_path, content, 'layout = "wide by animal"\nheader = ["arm"]\n[columns]\nday = "arm"\n')
    assert {"vehicle/1", "vehicle/2", "AB/1"} <= set(study.animals.index)
    assert sorted(study.readings["volume"]) == sorted(table()["volume"].astype(float))


# Dates, words, formulas


def test_dates_count_from_day_0_and_their_order_must_be_said(tmp_path: Path) -> None:
    rows = table().assign(day=lambda t: [f"{int(day) + 10:02d}/05/2024" for day in t["day"]])
    content = rows.to_csv(index=False)
    first = study_in(tmp_path, content, 'day_0 = 2024-05-10\ndate_order = "day first"')
    assert first.digest == study_in(tmp_path, table().to_csv(index=False)).digest
    with pytest.raises(StudyError, match="a date whose order is not known"):
        study_in(tmp_path, content, "day_0 = 2024-05-10")
    with pytest.raises(StudyError, match="no date of the calendar"):
        study_in(tmp_path, content, 'day_0 = 2024-05-10\ndate_order = "month first"')


@pytest.mark.parametrize("word", ["dead", "SAC", "euthanised", "†"])
def test_an_animal_marked_as_gone_keeps_the_word_as_its_reason(tmp_path: Path, word: str) -> None:
    rows = table()
    rows.loc[3, "volume"] = word
    study = study_in(tmp_path, rows.to_csv(index=False))
    assert len(study.readings) == len(rows) - 1
    assert study.animals.loc["vehicle1", "reason_left"] == word
    assert any(f'1 animal marked as gone in place of a reading ("{word}")' in notice for notice in study.notices)


@pytest.mark.parametrize("word", ["NP", "nd", "BLQ", "<", "< LLOQ", "not palpable"])
def test_words_below_the_limit_are_censored_there(tmp_path: Path, word: str) -> None:
    rows = table()
    rows.loc[3, "volume"] = word
    readings = study_in(tmp_path, rows.to_csv(index=False), "limit_of_quantification = 16").readings
    assert readings.loc[readings["censored"], "volume"].tolist() == [16]


def test_a_study_may_say_what_its_own_words_mean(tmp_path: Path) -> None:
    rows = table()
    rows.loc[[3, 7, 11], "volume"] = ["ND", "-99", "ulcerated"]
    keys = 'limit_of_quantification = 16\nwords = { nd = "missing", "-99" = "missing", ulcerated = "left" }'
    study = study_in(tmp_path, rows.to_csv(index=False), keys)
    assert len(study.readings) == len(rows) - 3
    assert not study.readings["censored"].any()
    assert study.animals.loc["A1", "reason_left"] == "ulcerated"


@pytest.mark.parametrize(
    ("formula", "volume"),
    [("1/2 L W^2", 320.0), ("pi/6 L W^2", np.pi / 6 * 640), ("0.52 L W^2", 332.8), ("1/2 L W H", 280.0),
     ("pi/6 L W H", np.pi / 6 * 560)],
)  # fmt: skip
def test_every_formula_gives_its_own_volume(tmp_path: Path, formula: str, volume: float) -> None:
    rows = table().drop(columns="volume").assign(length="10", width="8", height="7")
    readings = study_in(tmp_path, rows.to_csv(index=False), f'volume_formula = "{formula}"').readings
    np.testing.assert_allclose(readings["volume"], volume, rtol=1e-15)


@pytest.mark.parametrize(("scale", "function"), [("ln", np.log), ("log10", np.log10)])
def test_logarithms_are_read_with_their_limits(tmp_path: Path, scale: str, function: np.ufunc) -> None:
    rows = table()
    logs = rows.assign(volume=[repr(float(function(float(v)))) for v in rows["volume"]])
    logs.loc[3, "volume"] = f"<{float(function(16.0))!r}"
    readings = study_in(tmp_path, logs.to_csv(index=False), f'scale = "{scale}"\nunit = "photons/s"').readings
    np.testing.assert_allclose(readings.loc[readings["censored"], "volume"], 16)
    np.testing.assert_allclose(readings["volume"].max(), rows["volume"].astype(float).max())


# Workbooks


def book_of(rows: pd.DataFrame) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Volumes"
    sheet.append(list(rows.columns))
    for row in rows.itertuples(index=False, name=None):
        sheet.append([float(cell) if cell.lstrip("-").isdigit() else cell for cell in row])
    return book


def test_hidden_sheets_are_named_and_hidden_rows_are_read(tmp_path: Path) -> None:
    book = book_of(table())
    book.create_sheet("Old").sheet_state = "hidden"
    book["Volumes"].row_dimensions[3].hidden = True
    book["Volumes"].column_dimensions["B"].hidden = True
    book.save(tmp_path / "volumes.xlsx")
    study = study_in(tmp_path, (tmp_path / "volumes.xlsx").read_bytes(), data="volumes.xlsx")
    assert len(study.readings) == len(table())
    assert 'volumes.xlsx: the hidden sheet "Old" not read.' in study.notices
    assert 'volumes.xlsx: the sheet "Volumes" has hidden rows; they were read like the others.' in study.notices
    assert 'volumes.xlsx: the sheet "Volumes" has hidden columns; they were read like the others.' in study.notices


def test_the_sheet_is_the_one_that_is_named(tmp_path: Path) -> None:
    book = book_of(table())
    other = book.copy_worksheet(book["Volumes"])
    other.title = "Doubled"
    for row in range(2, other.max_row + 1):
        other.cell(row, 4).value *= 2
    book.save(tmp_path / "volumes.xlsx")
    content = (tmp_path / "volumes.xlsx").read_bytes()
    single = study_in(tmp_path, content, 'sheet = "Volumes"', data="volumes.xlsx").readings["volume"]
    doubled = study_in(tmp_path, content, 'sheet = "Doubled"', data="volumes.xlsx").readings["volume"]
    np.testing.assert_allclose(doubled, 2 * single)


def test_numbers_of_a_workbook_are_read_whatever_the_decimal_sign(tmp_path: Path) -> None:
    book = book_of(table())
    book["Volumes"]["D3"] = "123,25"  # typed as text by someone with another keyboard
    book["Volumes"]["D4"] = 124.25
    book.save(tmp_path / "volumes.xlsx")
    content = (tmp_path / "volumes.xlsx").read_bytes()
    with pytest.raises(StudyError, match='volume is "123,25"'):
        study_in(tmp_path, content, data="volumes.xlsx")
    volumes = study_in(tmp_path, content, 'decimal = ","', data="volumes.xlsx").readings["volume"].tolist()
    assert {123.25, 124.25} <= set(volumes)


@pytest.mark.parametrize(
    ("place", "value"),
    [(b"PK\x05\x06", 0), (b"PK\x01\x02", 99), (b"xl/workbook.xml", 0xD3)],
    ids=["no archive", "made for a later version", "a name that is no UTF-8"],
)
def test_a_workbook_that_cannot_be_unpacked_is_refused(tmp_path: Path, place: bytes, value: int) -> None:
    book_of(table()).save(tmp_path / "volumes.xlsx")
    content = bytearray((tmp_path / "volumes.xlsx").read_bytes())
    at = content.rindex(place)
    if place == b"PK\x01\x02":
        at += 6  # the version that is needed to unpack
    elif place != b"PK\x05\x06":
        content[content.rindex(b"PK\x01\x02", 0, at) + 9] |= 0x08  # its name is said to be UTF-8
    content[at] = value
    with pytest.raises(StudyError, match=r"is not an \.xlsx workbook"):
        study_in(tmp_path, bytes(content), data="volumes.xlsx")


# What is kept out


def test_an_excluded_reading_is_kept_and_not_fitted(tmp_path: Path) -> None:
    rows = table(animals=3).assign(exclude="")
    rows.loc[2, "exclude"] = "calliper broken"
    study = study_in(tmp_path, rows.to_csv(index=False))
    reading = study.readings[study.readings["exclude"] != ""]
    assert reading[["animal", "day", "fitted"]].values.tolist() == [["vehicle1", 7.0, False]]
    assert len(study.readings) == len(rows)
    assert study.digest != study_in(tmp_path, table(animals=3).to_csv(index=False)).digest
    expected = "1 reading excluded, kept and drawn, not fitted (calliper broken: 1 animal (vehicle1))."
    assert expected in study.notices


def test_exclusions_may_stand_in_study_toml(tmp_path: Path) -> None:
    content = wide(table(animals=3)).to_csv(index=False)
    keys = 'layout = "wide by day"\nexclude = [\n{ animal = "A1", day = 7, reason = "misread" },\n'
    keys += '{ animal = "B3", reason = "no tumour" },\n]'
    study = study_in(tmp_path, content, keys)
    excluded = study.readings[study.readings["exclude"] != ""]
    assert excluded["exclude"].value_counts().to_dict() == {"no tumour": 4, "misread": 1}
    assert "B3" not in study.animals.index
    assert not excluded["fitted"].any()


def test_an_excluded_baseline_reading_hands_over_to_the_one_before(tmp_path: Path) -> None:
    rows = table(animals=3).assign(exclude="")
    rows.loc[(rows["animal"] == "A1") & (rows["day"] == "0"), "exclude"] = "misread"
    readings = study_in(tmp_path, rows.to_csv(index=False)).readings
    of_animal = readings[readings["animal"] == "A1"]
    assert of_animal.loc[of_animal["baseline"], "day"].tolist() == [-3]
    assert of_animal.loc[of_animal["fitted"], "day"].tolist() == [-3, 7, 14]
