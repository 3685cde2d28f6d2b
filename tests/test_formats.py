"""Every kind of file is one record of the register; data frames travel with their index and kinds of columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xenograft.errors import StudyError
from xenograft.reading import sheets
from xenograft.reading.guess_study import guess_study, toml_of_guess
from xenograft.reading.read import read_study
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.sheets import FORMATS, WAYS_IN, Format, read_sheet
from xenograft.study.study import Study

PLAIN = StudyEntry(name="?", data="?")
ROWS = [
    (f"{arm[0]}{number:02d}", arm, day, round(float(100 * np.exp(rate * day) * (1 + number / 7)), 13))
    for arm, rate in (("vehicle", 0.1), ("Drug", 0.05))
    for number in (1, 2)
    for day in (0, 7, 14)
]
LONG = pd.DataFrame(ROWS, columns=["animal", "arm", "day", "volume"])


def study(path: Path) -> Study:
    (path.parent / "study.toml").write_text(toml_of_guess(guess_study(path)), encoding="utf-8")
    return read_study(path.parent)


def written(folder: Path, frame: pd.DataFrame, suffix: str) -> Path:
    path = folder / f"volumes{suffix}"
    if suffix in (".feather", ".arrow"):
        frame.to_feather(path)
    else:
        frame.to_parquet(path)
    return path


def test_a_new_format_is_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_toy(place: str, content: bytes, entry: StudyEntry) -> Sheet:
        rows = [line.split("~") for line in content.decode().splitlines()]
        last = len(rows) - 1
        return Sheet(place, rows, excluded={(last, 3): "toy says so"}, addresses={(last, 3): "the last one"})

    path = tmp_path / "volumes.toy"
    lines = ["animal~arm~day~volume", *("~".join(map(str, row)) for row in ROWS)]
    path.write_text("\n".join(lines))
    with pytest.raises(StudyError, match=r'ends in "\.toy"\. Give a table in \.csv, '):
        study(path)
    monkeypatch.setattr(sheets, "FORMATS", [*FORMATS, Format("a toy", (".toy",), read_toy)])
    found = study(path).readings
    np.testing.assert_array_equal(found.sort_values(["arm", "animal", "day"])["volume"],
                                  LONG.sort_values(["arm", "animal", "day"])["volume"])  # fmt: skip
    assert found.loc[found["exclude"] == "toy says so", ["animal", "day"]].to_numpy().tolist() == [["D02", 14]]
    wide = Sheet("toy", [["", "A"]], addresses={(0, 1): "there"})
    assert (wide.address(0, 1), wide.address(0, 0)) == ("there", "A1")
    with pytest.raises(StudyError, match="has no sheets"):
        read_sheet(path, PLAIN.model_copy(update={"sheet": "one"}))


def test_suffixes_belong_to_one_format_each() -> None:
    every = [suffix for one in FORMATS for suffix in one.suffixes] + list(WAYS_IN)
    assert len(every) == len(set(every))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in every)


def test_files_that_are_not_read_are_refused_with_the_way_in(tmp_path: Path) -> None:
    said = {
        ".xls": "Save it as .xlsx or as CSV", ".ods": "Save it as .xlsx or as CSV", ".xpt": "pandas.read_sas",
        ".sas7bdat": "Study.from_frame", ".rda": "arrow::write_parquet", ".dta": "pandas.read_stata",
    }  # fmt: skip
    for suffix, way in said.items():
        path = tmp_path / f"volumes{suffix}"
        path.write_bytes(b"anything")
        with pytest.raises(StudyError, match=f"{suffix} files are not read") as caught:
            read_sheet(path, PLAIN)
        assert way in str(caught.value)


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_a_data_frame_travels_with_its_index_and_kinds(suffix: str, tmp_path: Path) -> None:
    expected = study_from(LONG)
    kinds = LONG.assign(arm=LONG["arm"].astype("category"), day=LONG["day"].astype("Int16"))
    numbered = LONG.assign(animal=LONG["animal"].map({name: n for n, name in enumerate(LONG["animal"].unique(), 1)}))
    frames = {
        "as it is": LONG,
        "categories and nullable integers": kinds,
        "filtered": pd.concat([LONG, LONG.iloc[:1]]).drop_duplicates().sample(frac=1, random_state=1),
    }
    for what, frame in frames.items():
        found = study(written(tmp_path, frame.reset_index(drop=True) if suffix == ".feather" else frame, suffix))
        pd.testing.assert_frame_equal(found.readings, expected.readings, obj=what)
    if suffix == ".parquet":
        for index in (["animal"], ["animal", "day"], ["arm", "animal", "day"]):
            found = study(written(tmp_path, LONG.set_index(index), suffix))
            pd.testing.assert_frame_equal(found.readings, expected.readings)
    found = study(written(tmp_path, numbered, suffix))
    assert set(found.readings["animal"]) == {"1", "2", "3", "4"}
    missing = LONG.astype({"volume": float})
    missing.loc[0, "volume"] = np.nan
    assert len(study(written(tmp_path, missing, suffix)).readings) == len(LONG) - 1


def study_from(frame: pd.DataFrame) -> Study:
    arms = {"vehicle": {"control": True}, "Drug": {"agents": {"Drug": {"start": 0}}}}
    return Study.from_frame(frame, arms=arms)


def test_dates_of_a_data_frame_are_days_from_the_first(tmp_path: Path) -> None:
    dated = LONG.assign(day=pd.Timestamp("2024-03-01") + pd.to_timedelta(LONG["day"], unit="D"))
    found = study(written(tmp_path, dated, ".parquet"))
    assert sorted(found.readings["day"].unique()) == [0, 7, 14]


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    ids = LONG.assign(animal=LONG["animal"].map({"v01": "007", "v02": "7", "D01": "1e3", "D02": "0x1"}))
    assert set(study(written(tmp_path, ids, ".parquet")).readings["animal"]) == {"007", "7", "1e3", "0x1"}


def test_a_wide_frame_of_two_header_rows_keeps_both(tmp_path: Path) -> None:
    wide = LONG.pivot(index="day", columns=["arm", "animal"], values="volume")
    path = written(tmp_path, wide, ".parquet")
    rows = read_sheet(path, PLAIN).rows
    assert [row[1] for row in rows[:2]] == ["vehicle", "v01"]
    pd.testing.assert_frame_equal(study(path).readings, study_from(LONG).readings)


def test_decimals_are_written_with_the_sign_of_the_study(tmp_path: Path) -> None:
    path = written(tmp_path, LONG, ".parquet")
    rows = read_sheet(path, PLAIN.model_copy(update={"decimal": ","})).rows
    assert rows[1][3] == repr(ROWS[0][3]).replace(".", ",")


def test_what_is_no_such_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for suffix in (".parquet", ".feather"):
        path = tmp_path / f"volumes{suffix}"
        for content in (b"", b"PAR1", b"ARROW1\0\0nonsense", b"animal,arm\n"):
            path.write_bytes(content)
            with pytest.raises(StudyError, match="cannot be read"):
                read_sheet(path, PLAIN)
    lists = LONG.assign(volume=[[1.0, 2.0]] * len(LONG))
    with pytest.raises(StudyError, match='its column "volume" holds lists'):
        read_sheet(written(tmp_path, lists, ".parquet"), PLAIN)
