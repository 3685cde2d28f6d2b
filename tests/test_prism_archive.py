"""Prism 10's .prism files: read where every part of them is understood, refused with the way in where one is not.

The files are made here after the public descriptions named in docs/prism.md.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from xenograft.errors import StudyError
from xenograft.reading.guess_study import guess_study, toml_of_guess
from xenograft.reading.read import read_study
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.sheets import read_sheet

ARMS = ("Vehicle", "Drug A", "Drug B", "Drug A + Drug B")
ROWS = [
    "0,100,120,105,95,110,98,102,99", "4,150,180,130,120,140,126,110,104",
    "7,210,250,160,150,170,158,118,110", "11,320,390,210,190,230,200,130,121",
]  # fmt: skip


def parts(**changed: Any) -> dict[str, Any]:
    """The parts of a file with one XY table of four arms and two animals each; keyword `table` changes its record."""
    table = {
        "uid": "t", "format": "xy", "dataFormat": "y_replicates", "replicatesCount": 2, "xDataSet": "x",
        "dataSets": ["a", "b", "c", "d"], "subcolumnTitlesDataSet": "names",
    } | changed.pop("table", {})  # fmt: skip
    names = [
        {
            "column": place,
            "replicates": [{"replicate": n, "name": {"string": f"{'VABC'[place]}{n + 1}"}} for n in (0, 1)],
        }
        for place in range(4)
    ]
    return {
        "document.json": {"sheets": {"graphs": ["g"], "data": ["s"]}},
        "data/sheets/s/sheet.json": {"title": {"string": "Tumours"}, "table": table},
        "data/tables/t/content.json": {"numberOfRows": 4, "numberOfColumns": 9},
        "data/tables/t/data.csv": "\n".join(ROWS) + "\n",
        "data/sets/x.json": {"title": "Days", "format": "y_single"},
        "data/sets/names.json": {"titles": names},
        **{
            f"data/sets/{uid}.json": {"title": {"string": arm}, "replicates": [{}, {}]}
            for uid, arm in zip("abcd", ARMS, strict=True)
        },
    } | changed  # fmt: skip


def write(folder: Path, contents: dict[str, Any]) -> Path:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in contents.items():
            opened.writestr(name, content if isinstance(content, str) else json.dumps(content))
    path = folder / "study.prism"
    path.write_bytes(packed.getvalue())
    return path


def sheet(folder: Path, contents: dict[str, Any], name: str | None = None) -> Sheet:
    return read_sheet(write(folder, contents), StudyEntry(name="?", data="?", sheet=name))


def marks(rows: str, attribute: str) -> dict[str, Any]:
    """The first data set, some rows of its first subcolumn marked."""
    one = {"cellAttributes": [{"rows": rows, "attributes": [attribute]}]}
    return {"data/sets/a.json": {"title": "Vehicle", "replicates": [one, {}]}}


def test_a_table_of_prism_10_is_arms_by_animals_by_days(tmp_path: Path) -> None:
    path = write(tmp_path, parts())
    (tmp_path / "study.toml").write_text(toml_of_guess(guess_study(path)), encoding="utf-8")
    found = read_study(tmp_path).readings
    assert len(found) == 32
    at = found.set_index(["arm", "animal", "day"])["volume"]
    assert at["Vehicle", "V2", 7.0] == 250
    assert at["Drug A + Drug B", "C1", 11.0] == 130


def test_excluded_values_keep_their_place_and_their_reason(tmp_path: Path) -> None:
    marked = {"title": "Drug A", "excludesCount": 3, "replicates": [
        {"cellAttributes": [{"rows": "0~1", "attributes": ["EXCLUDED"]}]},
        {"cellAttributes": [{"rows": "3", "attributes": ["EXCLUDED", "BOLD"]}]},
    ]}  # fmt: skip
    found = sheet(tmp_path, parts(**{"data/sets/b.json": marked}))
    assert {found.rows[row][column] for row, column in found.excluded} == {"105", "130", "190"}
    assert {found.address(*cell) for cell in found.excluded} == {"B:Y1 row 1", "B:Y1 row 2", "B:Y2 row 4"}


def test_a_computed_x_is_computed_and_row_titles_are_days_without_x(tmp_path: Path) -> None:
    series = {"title": "Days", "format": "series", "replicates": [{"startValue": 2.0, "interval": 3.5}]}
    csv = "\n".join(row.partition(",")[2] for row in ROWS) + "\n"
    size = {"numberOfRows": 4, "numberOfColumns": 8}
    contents = parts(**{"data/sets/x.json": series, "data/tables/t/data.csv": csv, "data/tables/t/content.json": size})
    assert [row[0] for row in sheet(tmp_path, contents).rows[2:]] == ["2", "5.5", "9", "12.5"]
    grouped = parts(table={"format": "grouped", "xDataSet": None, "rowTitlesDataSet": "r"})
    assert [row[0] for row in sheet(tmp_path, grouped).rows[2:]] == ["0", "4", "7", "11"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"data/tables/t/content.json": {"numberOfRows": 4, "numberOfColumns": 10}}, "in 10 columns where 9"),
        ({"data/tables/t/content.json": {"numberOfRows": 9, "numberOfColumns": 9}}, "columns where 9 are"),
        ({"data/sets/x.json": {"title": "Date", "format": "date"}}, "dates or times as X"),
        ({"data/sets/a.json": {"title": "V", "excludesCount": 1, "replicates": [{}, {}]}}, "excludes values in a way"),
        ({"data/sets/a.json": {"title": "V", "ranges": [{"attributes": ["EXCLUDED"]}]}}, "excludes values in a way"),
        (marks("9", "EXCLUDED"),
         "is stored in a way"),
        (marks("1", "BAD_VALUE"),
         "marks cells as BAD_VALUE"),
        ({"data/sets/a.json": {"title": {"runs": []}}}, "is stored in a way"),
        ({"table": {"dataFormat": "y_sd"}}, 'holds values of the format "y_sd", not animals'),
        ({"table": {"format": "survival"}}, "is a survival table"),
        ({"table": {"format": "nested"}}, 'is a table of kind "nested"'),
    ],
)  # fmt: skip
def test_what_is_not_known_for_certain_is_refused(changed: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="has no table of animals' readings") as caught:
        sheet(tmp_path, parts(**changed))
    assert why in str(caught.value)
    with pytest.raises(StudyError, match='the table "Tumours"'):
        sheet(tmp_path, parts(**changed), name="Tumours")


def test_what_is_no_prism_file_is_refused_with_the_way_in(tmp_path: Path) -> None:
    path = tmp_path / "study.prism"
    without = parts()
    del without["data/sheets/s/sheet.json"]
    write(tmp_path, without)
    contents = (b"", b"PK\x03\x04", b"<xml/>", path.read_bytes(), path.read_bytes()[:-30])
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(StudyError, match=r"in Prism, save the file as \.pzfx"):
            read_sheet(path, StudyEntry(name="?", data="?"))
