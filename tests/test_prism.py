"""GraphPad Prism's files: what is in them arrives as the animals' readings, or the file is refused in a sentence.

Every row of docs/prism.md is a test here.
"""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from xenograft.commands.app import app
from xenograft.errors import StudyError
from xenograft.reading.guess_study import guess_study, toml_of_guess
from xenograft.reading.numbered import arms_of_headings
from xenograft.reading.read import read_study
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.sheets import read_sheet
from xenograft.study.study import Study

FIXTURES = Path(__file__).parents[1] / "fixtures"
WRITTEN = sorted((FIXTURES / "prism").glob("*.pzfx"))
OLD = '<?xml version="1.0" encoding="UTF-8"?><GraphPadPrismFile PrismXMLVersion="5.00">'
NEW = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<GraphPadPrismFile xmlns="http://graphpad.com/prism/Prism.htm" PrismXMLVersion="5.00">'
)
DAYS = ("0", "4", "7", "11")
VOLUMES = {
    "Vehicle": (("100", "150", "210", "320"), ("120", "180", "250", "390")),
    "Drug A": (("105", "130", "160", "210"), ("95", "120", "150", "190")),
    "Drug B": (("110", "140", "170", "230"), ("98", "126", "158", "200")),
    "Drug A + Drug B": (("102", "110", "118", "130"), ("99", "104", "110", "121")),
}


def cells(values: tuple[str, ...]) -> str:
    return "".join(value if value.startswith("<d") else f"<d>{value}</d>" for value in values)


def table(
    title: str = "Tumours", *, kind: str = 'TableType="XY" XFormat="numbers" YFormat="replicates"', x: str = "Days",
    days: tuple[str, ...] = DAYS, sets: dict[str, tuple[tuple[str, ...], ...]] = VOLUMES, before: str = "",
) -> str:  # fmt: skip
    """One table as Prism writes it."""
    axis = f"<XColumn><Title>{x}</Title><Subcolumn>{cells(days)}</Subcolumn></XColumn>" if x else ""
    columns = "".join(
        "<YColumn><Title>" + name + "</Title>"
        + "".join(f"<Subcolumn>{cells(one)}</Subcolumn>" for one in subcolumns) + "</YColumn>"
        for name, subcolumns in sets.items()
    )  # fmt: skip
    return f'<Table ID="T" {kind} EVFormat="AsteriskAfterNumber"><Title>{title}</Title>{before}{axis}{columns}</Table>'


def changed(arm: str, animal: int, row: int, value: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """The volumes with one cell written differently."""
    found = {name: [list(one) for one in subcolumns] for name, subcolumns in VOLUMES.items()}
    found[arm][animal - 1][row] = value
    return {name: tuple(tuple(one) for one in subcolumns) for name, subcolumns in found.items()}


def sheet(folder: Path, *tables: str, root: str = OLD, name: str | None = None, decimal: str = ".") -> Sheet:
    path = folder / "study.pzfx"
    path.write_text(f"{root}{''.join(tables)}</GraphPadPrismFile>", encoding="utf-8")
    return read_sheet(path, StudyEntry.model_validate({"name": "?", "data": "?", "sheet": name, "decimal": decimal}))


def study(folder: Path, *tables: str, root: str = OLD, name: str | None = None) -> Study:
    """As `xenograft init` and then `check` read it."""
    sheet(folder, *tables, root=root, name=name)
    (folder / "study.toml").write_text(toml_of_guess(guess_study(folder / "study.pzfx", sheet=name)), encoding="utf-8")
    return read_study(folder)


def readings(found: Study) -> dict[tuple[str, str, float], float]:
    return {(row.arm, row.animal, row.day): row.volume for row in found.readings.itertuples()}  # type: ignore[misc]


def expected(name: str = "{arm}/{number}") -> dict[tuple[str, str, float], float]:
    return {
        (arm, name.format(arm=arm, number=number), float(day)): float(volume)
        for arm, subcolumns in VOLUMES.items()
        for number, volumes in enumerate(subcolumns, start=1)
        for day, volume in zip(DAYS, volumes, strict=True)
    }


# Files that public packages wrote


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_what_public_packages_write_is_read_back(path: Path, tmp_path: Path) -> None:
    (tmp_path / path.name).write_bytes(path.read_bytes())
    name = "Tumour volume" if path.name.startswith("two-tables") else None
    (tmp_path / "study.toml").write_text(toml_of_guess(guess_study(tmp_path / path.name, sheet=name)), encoding="utf-8")
    found = read_study(tmp_path).readings
    truth: pd.DataFrame = runpy.run_path(str(FIXTURES / "make_prism.py"))["volumes"]()
    assert len(found) == len(truth) == 94
    for frame in (found, truth):
        frame["number"] = frame["animal"].str[-1]
    both = found.merge(truth, on=["arm", "number", "day"], suffixes=("", "_true"))
    assert len(both) == 94
    np.testing.assert_array_equal(both["volume"], both["volume_true"].str.rstrip("*").astype(float))
    if "pzfx.pzfx" in path.name:
        marked = both["volume_true"].str.endswith("*")
        assert both["exclude"].eq("excluded in Prism").tolist() == marked.tolist()
        assert marked.sum() == 1


# Kinds of table


@pytest.mark.parametrize("root", [OLD, NEW], ids=["plain", "with a namespace"])
def test_an_xy_table_with_replicates_is_arms_by_animals_by_days(root: str, tmp_path: Path) -> None:
    assert readings(study(tmp_path, table(), root=root)) == expected()


def test_a_grouped_table_has_its_days_in_the_row_titles(tmp_path: Path) -> None:
    titles = f"<RowTitlesColumn><Subcolumn>{cells(('Day 0', 'Day 4', 'Day 7', 'Day 11'))}</Subcolumn></RowTitlesColumn>"
    kind = 'TableType="TwoWay" XFormat="none" YFormat="replicates"'
    assert readings(study(tmp_path, table(kind=kind, x="", before=titles))) == expected()


def test_a_grouped_table_may_have_a_data_set_for_each_day(tmp_path: Path) -> None:
    titles = f"<RowTitlesColumn><Subcolumn>{cells(tuple(VOLUMES))}</Subcolumn></RowTitlesColumn>"
    across = {
        f"Day {day}": tuple(tuple(VOLUMES[arm][animal][place] for arm in VOLUMES) for animal in (0, 1))
        for place, day in enumerate(DAYS)
    }
    kind = 'TableType="TwoWay" XFormat="none" YFormat="replicates"'
    assert readings(study(tmp_path, table(kind=kind, x="", before=titles, sets=across))) == expected()


def test_titles_of_subcolumns_are_the_animals_names(tmp_path: Path) -> None:
    names = [[f"{'VABC'[place]}{number}" for place in range(4)] for number in (1, 2)]
    rows = "".join(
        f"<Subcolumn>{''.join(f'<d><TextAlign align="Center">{name}</TextAlign></d>' for name in row)}</Subcolumn>"
        for row in names
    )
    found = study(tmp_path, table(before=f'<SubColumnTitles OwnSet="1">{rows}</SubColumnTitles>'))
    assert set(found.readings["animal"]) == {name for row in names for name in row}
    shared = "".join(f"<Subcolumn><d>{name}</d></Subcolumn>" for name in ("Mouse 1", "Mouse 2"))
    found = study(tmp_path, table(before=f'<SubColumnTitles OwnSet="0">{shared}</SubColumnTitles>'))
    assert readings(found) == expected("{arm}/Mouse {number}")


def test_a_column_table_of_numbered_titles_is_animals_of_arms(tmp_path: Path) -> None:
    titles = f"<RowTitlesColumn><Subcolumn>{cells(DAYS)}</Subcolumn></RowTitlesColumn>"
    sets = {f"{arm}_{n}": ((*one[:3], str(300 + n)),) for arm, (one, _) in VOLUMES.items() for n in (1, 2, 3)}
    found = study(tmp_path, table(kind='TableType="OneWay" XFormat="none"', x="", before=titles, sets=sets))
    assert set(found.readings["arm"]) == set(VOLUMES)
    assert found.readings.groupby("arm")["animal"].nunique().eq(3).all()
    assert any("differ in a last number" in notice for notice in found.notices)


def test_a_table_of_multiple_variables_is_a_long_table(tmp_path: Path) -> None:
    rows = list(expected("{arm}-{number}").items())
    sets = {
        "Mouse": (tuple(animal for (_, animal, _), _ in rows),),
        "Group": (tuple(arm for (arm, _, _), _ in rows),),
        "Day": (tuple(f"{day:g}" for (_, _, day), _ in rows),),
        "Volume": (tuple(f"{volume:g}" for _, volume in rows),),
    }
    kind = 'TableType="OneWay" XFormat="none" ExtTableType="MultipleVariables"'
    assert readings(study(tmp_path, table(kind=kind, x="", sets=sets))) == dict(rows)


def test_dates_on_the_x_axis_are_read_as_they_are_written(tmp_path: Path) -> None:
    dates = ("2024-03-01", "2024-03-05", "2024-03-08", "2024-03-12")
    advanced = f"<XAdvancedColumn><Title>Date</Title><Subcolumn>{cells(dates)}</Subcolumn></XAdvancedColumn>"
    kind = 'TableType="XY" XFormat="date" YFormat="replicates"'
    years = ("0", "0.0109", "0.0192", "0.0301")  # what Prism writes beside them
    found = study(tmp_path, table(kind=kind, days=years, before=advanced))
    assert readings(found) == expected()


def test_a_survival_table_is_skipped_with_a_word(tmp_path: Path) -> None:
    found = sheet(tmp_path, table("Survival", kind='TableType="Survival" XFormat="numbers"'), table())
    assert found.notices == ('study.pzfx: not read: "Survival" is a survival table: times and events, no volumes.',)
    with pytest.raises(StudyError, match='the table "Survival" is a survival table'):
        sheet(tmp_path, table("Survival", kind='TableType="Survival" XFormat="numbers"'), table(), name="Survival")


def test_means_are_no_animals(tmp_path: Path) -> None:
    for format_, words in {"SDN": "SD and n", "SEN": "SEM and n", "SD": "SD", "upper-lower-limits": "limits"}.items():
        with pytest.raises(StudyError, match=f"holds means with {words}, not animals"):
            sheet(tmp_path, table(kind=f'TableType="XY" XFormat="numbers" YFormat="{format_}"'))


def test_several_tables_are_asked_about_by_name(tmp_path: Path) -> None:
    two = table("Tumour volume"), table("Body weight")
    with pytest.raises(StudyError) as caught:
        sheet(tmp_path, *two)
    assert str(caught.value) == (
        'study.pzfx: has 2 tables ("Tumour volume", "Body weight"). Name one: sheet = "Tumour volume" in study.toml, '
        'or --sheet "Tumour volume" with xenograft init.'
    )
    assert readings(study(tmp_path, *two, name="Tumour volume")) == expected()
    with pytest.raises(StudyError, match='Did you mean "Body weight"'):
        sheet(tmp_path, *two, name="body weight")
    again = sheet(tmp_path, table("Data 1"), table("Data 1", days=("1", "2", "3", "4")), name="Data 1 #2")
    assert [row[0] for row in again.rows] == ["Days", "1", "2", "3", "4"]


def test_the_command_line_reads_a_prism_file_from_start_to_check(tmp_path: Path) -> None:
    sheet(tmp_path, table("Volumes"), table("Weights"), root=NEW, name="Volumes")
    path = str(tmp_path / "study.pzfx")
    refused = CliRunner().invoke(app, ["init", path])
    assert refused.exit_code != 0
    assert not (tmp_path / "study.toml").exists()
    assert CliRunner().invoke(app, ["init", path, "--sheet", "Volumes"]).exit_code == 0
    checked = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert checked.exit_code == 0, checked.output
    assert "No problems found" in checked.output


# Cells


def test_an_excluded_value_arrives_with_its_reason_and_is_not_fitted(tmp_path: Path) -> None:
    for written in ('<d Excluded="1">180</d>', "180*", '<d Excluded="1">180*</d>'):
        found = study(tmp_path, table(sets=changed("Vehicle", 2, 1, written))).readings
        (at,) = found.index[found["exclude"] != ""]
        assert found.loc[at, ["arm", "animal", "day", "volume", "exclude", "fitted"]].tolist() == [
            "Vehicle", "Vehicle/2", 4.0, 180.0, "excluded in Prism", False,
        ]  # fmt: skip
    blank = study(tmp_path, table(sets=changed("Vehicle", 2, 1, '<d Excluded="1"></d>'))).readings
    assert "exclude" not in blank
    assert len(blank) == len(expected()) - 1


def test_a_reading_below_a_limit_is_censored_there(tmp_path: Path) -> None:
    found = study(tmp_path, table(sets=changed("Drug A + Drug B", 1, 3, "&lt;16"))).readings
    (at,) = found.index[found["censored"]]
    assert found.loc[at, ["animal", "day", "volume"]].tolist() == ["Drug A + Drug B/1", 11.0, 16.0]


def test_titles_lose_their_markup_and_nothing_else(tmp_path: Path) -> None:
    titles = ["Vehicle", '<B>Drug</B> A <Font Size="8">10 mg</Font>', "Drug<BR/>B", "A<Sub>1</Sub> &amp; B"]
    sets = dict(zip(titles, VOLUMES.values(), strict=True))
    found = sheet(tmp_path, table('<TextAlign align="Center">Tu<I>mo</I>urs</TextAlign>', sets=sets), name="Tumours")
    assert found.rows[0][1::2] == ["Vehicle", "Drug A 10 mg", "Drug B", "A1 & B"]


def test_a_raised_digit_behind_a_volume_is_not_one_of_its_digits(tmp_path: Path) -> None:
    found = sheet(tmp_path, table(sets=changed("Vehicle", 1, 1, "<d>150<Sup>2</Sup></d>")))
    assert found.rows[2][1] == "150^2"
    with pytest.raises(StudyError, match=r'cell A:Y1 row 2, animal Vehicle/1: volume is "150\^2"'):
        read_with(tmp_path)


def test_numbers_are_read_as_prism_writes_them(tmp_path: Path) -> None:
    written = {"150.": 150.0, "1.5e+002": 150.0, "1.401298e-045": 1.401298e-45}
    for text, value in written.items():
        found = sheet(tmp_path, table(sets=changed("Vehicle", 1, 1, text)))
        assert float(found.rows[2][1]) == value


def test_commas_of_decimals_and_of_thousands_are_told_apart(tmp_path: Path) -> None:
    sure = sheet(tmp_path, table(sets=changed("Vehicle", 1, 3, "1,234.5")))
    assert sure.rows[4][1] == "1234.5"
    assert "commas between thousands" in sure.notices[0]
    also = changed("Vehicle", 1, 3, "1,234")
    also["Drug A"] = (("105.5", *also["Drug A"][0][1:]), also["Drug A"][1])
    assert sheet(tmp_path, table(sets=also)).rows[4][1] == "1234"
    doubtful = sheet(tmp_path, table(sets=changed("Vehicle", 1, 3, "1,234")))
    assert doubtful.rows[4][1] == "1,234"  # as written: 1234 or 1.234, and only the laboratory knows
    with pytest.raises(StudyError, match='volume is "1,234"'):
        read_with(tmp_path)
    decimal = study(tmp_path, table(sets=changed("Vehicle", 1, 3, "320,5")))
    assert readings(decimal)["Vehicle", "Vehicle/1", 11.0] == 320.5
    german = changed("Vehicle", 1, 3, "1.320,5")
    assert sheet(tmp_path, table(sets=german), decimal=",").rows[4][1] == "1320,5"


def read_with(folder: Path, keys: str = "") -> Study:
    """Read study.pzfx as init would lay it out, whether or not it finds its cells readable."""
    (folder / "study.toml").write_text(
        f'name = "?"\ndata = "study.pzfx"\nlayout = "wide by animal"\nheader = ["arm"]\n{keys}\n'
        '[columns]\nday = "Days"\n[arms.Vehicle]\ncontrol = true\n'
        + "".join(f'[arms."{arm}"]\nagents.A = {{ start = 0 }}\n' for arm in list(VOLUMES)[1:]),
        encoding="utf-8",
    )
    return read_study(folder)


def test_rows_without_days_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="neither X values nor row titles, so its rows have no days"):
        sheet(tmp_path, table(x=""))


def test_row_titles_beside_x_are_named_and_left_out(tmp_path: Path) -> None:
    titles = f"<RowTitlesColumn><Subcolumn>{cells(('a', 'b', 'c', 'd'))}</Subcolumn></RowTitlesColumn>"
    found = study(tmp_path, table(before=titles))
    assert readings(found) == expected()
    assert any('row titles beside X were not read ("a", "b", "c")' in notice for notice in found.notices)


# What is no Prism file


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PCFFGRA4\x00\x01", "is not Prism's XML"),
        (b"PK\x03\x04", "is not Prism's XML"),
        (b"<html></html>", "is XML, but not of GraphPad Prism"),
        (b"<GraphPadPrismFile><Table>", "cannot be read as XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><GraphPadPrismFile/>', "cannot be read as XML"),
        (b"<GraphPadPrismFile/>", "has no table of animals' readings"),
        (b"", "cannot be read as XML"),
    ],
)
def test_what_is_no_prism_file_is_refused_in_a_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "study.pzfx"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=said):
        read_sheet(path, StudyEntry(name="?", data="?"))


# Numbered headings


def test_headings_that_count_animals_are_told_from_headings_that_name_doses() -> None:
    for mark in ("_", "-", ":Y", ".", " #", " m", " Mouse "):
        headings = [f"{arm}{mark}{number}" for arm in ("Vehicle", "A + B") for number in (1, 2, 3)]
        assert list(arms_of_headings(headings).values()) == ["Vehicle"] * 3 + ["A + B"] * 3, mark
    pandas = ["Vehicle", "Vehicle.1", "Vehicle.2", "A", "A.1", "A.2"]
    assert list(arms_of_headings(pandas).values()) == ["Vehicle"] * 3 + ["A"] * 3
    for others in (
        ["Vehicle", "A", "B", "A + B"],
        ["Group_1", "Group_2", "Group_3", "Group_4"],
        ["A_1", "A_3", "B_1", "B_3"],
        ["A_1", "A_10", "A_30", "B_1", "B_10", "B_30"],
        ["A_1", "A_1", "A_2", "B_1", "B_2", "B_3"],
    ):
        assert arms_of_headings(others) == {}, others


def spreadsheet(folder: Path, header: list[str]) -> Study:
    """A table of days and one column per animal, with a header of one row, as init reads it."""
    columns = [one for subcolumns in VOLUMES.values() for one in (*subcolumns, subcolumns[0])]
    lines = [",".join(header), *(",".join(row) for row in zip(DAYS, *columns, strict=True))]
    (folder / "volumes.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "study.toml").write_text(toml_of_guess(guess_study(folder / "volumes.csv")), encoding="utf-8")
    return read_study(folder)


def test_a_table_copied_from_prism_has_its_arm_above_the_first_animal_only(tmp_path: Path) -> None:
    found = spreadsheet(tmp_path, ["Days", *(text for arm in VOLUMES for text in (arm, "", ""))])
    both = expected() | {
        (arm, f"{arm}/3", float(day)): float(volume)
        for arm, subcolumns in VOLUMES.items()
        for day, volume in zip(DAYS, subcolumns[0], strict=True)
    }
    assert readings(found) == both


def test_numbered_headings_of_a_spreadsheet_are_animals_of_arms(tmp_path: Path) -> None:
    for mark in ("_", ":Y", " #"):
        found = spreadsheet(tmp_path, ["Days", *(f"{arm}{mark}{number}" for arm in VOLUMES for number in (1, 2, 3))])
        assert [arm.name for arm in found.arms] == list(VOLUMES)
        assert readings(found)["Drug B", f"Drug B{mark}2", 7.0] == 158
        assert len(found.readings) == 48
    toml = (tmp_path / "study.toml").read_text(encoding="utf-8")
    assert 'header = ["numbered arm"]' in toml
    others = ["Days", *(f"Dose {number}" for number in range(1, 13))]
    (tmp_path / "volumes.csv").write_text(
        "\n".join([",".join(others), *(",".join([day] * 13) for day in DAYS)]), encoding="utf-8"
    )
    with pytest.raises(StudyError, match="do not count the animals of two arms or more"):
        read_study(tmp_path)
