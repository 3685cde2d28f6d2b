"""`xenograft init`: what a table alone tells, what it cannot, and a file that says both."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from xenograft.commands.app import app
from xenograft.errors import InputError, StudyError
from xenograft.reading.guess_arms import guess_arms
from xenograft.reading.guess_study import guess_study, toml_of_guess
from xenograft.reading.read import read_study

FIXTURES = Path(__file__).parents[1] / "fixtures"
LAYOUTS = sorted((FIXTURES / "layouts").glob("*/volumes.*"))


@pytest.mark.parametrize("table", LAYOUTS, ids=lambda table: table.parent.name)
def test_a_guessed_study_file_reads_the_table_without_a_word_changed(table: Path, tmp_path: Path) -> None:
    """No layout of the fixture needs a hand on the file before it is read with all readings and all arms."""
    shutil.copy(table, tmp_path)
    guess = guess_study(table, sheet="Volumes" if table.parent.name == "workbook-long" else None)
    (tmp_path / "study.toml").write_text(toml_of_guess(guess), encoding="utf-8")
    study = read_study(tmp_path)
    assert len(study.readings) == 492
    assert [arm.agents for arm in study.combinations] == [("T-DM1", "pertuzumab")]
    assert study.control.name == "vehicle"
    assert any("days of dosing" in sentence or "date of day 0" in sentence for sentence in guess.open)


@pytest.mark.parametrize(
    ("names", "agents"),
    [
        (("Vehicle", "A", "B", "A + B"), [(), ("A",), ("B",), ("A", "B")]),
        (("Vehicle", "A", "B", "A+B"), [(), ("A",), ("B",), ("A", "B")]),
        (("PBS", "A", "B", "A_B"), [(), ("A",), ("B",), ("A", "B")]),
        (("control", "T-DM1", "Pertuzumab", "T-DM1 & pertuzumab"),
         [(), ("T-DM1",), ("Pertuzumab",), ("T-DM1", "Pertuzumab")]),
        (("Untreated", "drug A", "drug B", "Combo"), [(), ("drug A",), ("drug B",), ("drug A", "drug B")]),
        (("Control", "DrugX", "DrugY", "ComboXY"), [(), ("DrugX",), ("DrugY",), ("DrugX", "DrugY")]),
        (("Control", "Cisplatin", "PF384", "Cis + PF384"), [(), ("Cisplatin",), ("PF384",), ("Cisplatin", "PF384")]),
        (("Control", "Drug A", "Drug B", "A + B"), [(), ("Drug A",), ("Drug B",), ("Drug A", "Drug B")]),
        (("PBS", "Pertuzumab", "T-DM1", "P + T"), [(), ("Pertuzumab",), ("T-DM1",), ("Pertuzumab", "T-DM1")]),
        (("PBS", "Palbociclib", "Paclitaxel", "P + T"), [(), ("Palbociclib",), ("Paclitaxel",), ("P", "T")]),
        (("Group 1", "Group 2", "Group 3", "Group 4"), [(), (), (), ()]),
        (("x_0_y_0", "x_1_y_0", "x_0_y_5", "x_1_y_5"), [(), ("x",), ("y",), ("x", "y")]),
        (("Vehicle", "some_drug", "T-DM1"), [(), ("some_drug",), ("T-DM1",)]),
    ],
)  # fmt: skip
def test_agents_are_guessed_from_the_names_of_arms(names: tuple[str, ...], agents: list[tuple[str, ...]]) -> None:
    found = guess_arms(names)
    assert [tuple(agent.name for agent in arm.agents) for arm in found] == agents
    assert [arm.name for arm in found] == list(names)
    assert sum(arm.control for arm in found) == (names[0] != "Group 1")


def test_doses_in_the_names_of_arms_are_doses_and_not_agents() -> None:
    found = guess_arms(["Vehicle", "T-DM1 3 mg/kg", "pertuzumab (15 mpk)", "T-DM1 3 mg/kg + pertuzumab 15 mpk"])
    assert [(agent.name, agent.dose, agent.unit) for agent in found[3].agents] == [
        ("T-DM1", 3.0, "mg/kg"),
        ("pertuzumab", 15.0, "mg/kg"),
    ]


def test_what_numbered_groups_get_is_left_to_fill_in(tmp_path: Path) -> None:
    rows = [f"M{group}{n},Group {group},{day},{100 + day}" for group in (1, 2) for n in (1, 2) for day in (0, 7)]
    (tmp_path / "t.csv").write_text("animal,arm,day,volume\n" + "\n".join(rows) + "\n")
    guess = guess_study(tmp_path / "t.csv")
    assert {"Which arm is the control.", "What arm Group 1 gets.", "What arm Group 2 gets."} <= set(guess.open)
    text = toml_of_guess(guess)
    assert '[arms."Group 2"]\n# CHECK: ' in text
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(StudyError, match="no arm has control = true"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("animal,arm,day,volume\nM1,A,0,0.12\nM1,A,7,0.31\n", "are they in cm³"),
        ("animal,arm,day,volume\nM1,A,0,100\nM1,A,7,0\n", "add limit_of_quantification"),
        ("animal,arm,day,volume\nM1,A,0,100\nM1,A,7,ulc\n", "What ulc means"),
        ("animal,arm,day,volume\nM1,A,0,100\nM1,A,7,ND\n", "Whether nd means"),
        ("animal,arm,date,volume\nM1,A,01/02/2024,100\nM1,A,03/02/2024,100\n", "day first was written"),
        ("thing,stuff,when,what\n1,2,a,4\n", "were not recognised"),
    ],
)
def test_what_a_table_cannot_say_is_asked(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    assert any(sentence in open_question for open_question in guess_study(tmp_path / "t.csv").open)


@pytest.mark.parametrize(("heading", "unit"), [("TV (mm3)", "mm3"), ("vol [cm³]", "cm3"), ("BLI (p/s)", "photons/s")])
def test_the_unit_is_taken_from_the_headings(tmp_path: Path, heading: str, unit: str) -> None:
    (tmp_path / "t.csv").write_text(f"animal,arm,day,{heading}\nM1,A,0,100\n")
    assert guess_study(tmp_path / "t.csv").keys["unit"] == f'"{unit}"'


def test_a_study_file_that_is_there_is_replaced_by_force_only(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "her2-four-arm" / "volumes.csv", tmp_path)
    (tmp_path / "study.toml").write_text("mine")
    run = CliRunner()
    refused = run.invoke(app, ["init", str(tmp_path / "volumes.csv")])
    assert isinstance(refused.exception, InputError)
    assert str(refused.exception) == f"{tmp_path / 'study.toml'}: it is there already. Add --force to replace it."
    assert (tmp_path / "study.toml").read_text() == "mine"
    forced = run.invoke(app, ["init", str(tmp_path / "volumes.csv"), "--force"])
    assert forced.exit_code == 0
    assert "guessed: The control is vehicle." in forced.stdout
    assert "to fill in: The days of dosing" in forced.stdout
    assert run.invoke(app, ["check", str(tmp_path)]).exit_code == 0


def test_the_sheet_of_a_workbook_is_chosen_by_its_option(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "layouts" / "workbook-long" / "volumes.xlsx", tmp_path)
    book = openpyxl.load_workbook(tmp_path / "volumes.xlsx")
    book.copy_worksheet(book["Volumes"]).title = "Second study"
    book.save(tmp_path / "volumes.xlsx")
    run = CliRunner()
    asked = run.invoke(app, ["init", str(tmp_path / "volumes.xlsx")])
    assert isinstance(asked.exception, StudyError)
    assert 'has 3 sheets ("Volumes", "Weights", "Second study")' in str(asked.exception)
    assert run.invoke(app, ["init", str(tmp_path / "volumes.xlsx"), "--sheet", "Volumes"]).exit_code == 0
    assert 'sheet = "Volumes"' in (tmp_path / "study.toml").read_text()


ON_A_TERMINAL = {"TTY_COMPATIBLE": "1"}


def _asked(tmp_path: Path, rows: str, answers: str, env: dict[str, str] = ON_A_TERMINAL) -> tuple[Result, Path]:
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "t.csv").write_text(rows)
    told = CliRunner().invoke(app, ["init", str(tmp_path / "t.csv"), "--ask"], input=answers, env=env)
    return told, tmp_path / "study.toml"


def _table(arms: Sequence[str], cell: str = "105.4") -> str:
    rows = [
        f"M{i}{n},{arm},{day},{100 + 10 * day + n}" for i, arm in enumerate(arms) for n in (1, 2, 3) for day in (0, 7)
    ]
    return "\n".join(["Mouse,Group,Day,Tumor volume", *rows, f"M09,{arms[0]},0,{cell}", ""])


def test_questions_answered_with_their_defaults_write_what_init_writes_without_them(tmp_path: Path) -> None:
    for number, table in enumerate(
        (
            _table(("Vehicle", "DrugA 3 mg/kg", "DrugB", "DrugA 3 mg/kg + DrugB")),
            _table(("Group 1", "Group 2"), "68*"),
            _table(("Vehicle", "DrugA"), "ulc"),
            "Mouse,Group,Date,TV (cm3)\nM1,Vehicle,3/4/2026,0.1\nM1,Vehicle,5/4/2026,0.2\nM2,A,3/4/2026,0.1\n",
        )
    ):
        folder = tmp_path / str(number)
        told, path = _asked(folder, table, "\n" * 40)
        assert told.exit_code == 0, told.output
        assert path.read_text() == toml_of_guess(guess_study(folder / "t.csv"))


def test_answers_are_written_and_wrong_ones_asked_again(tmp_path: Path) -> None:
    answers = "HER2\n\nleft out\nexclude: ulcerated\n-3\n16\nGroup 1\n\nDrugA 3 mg/kg + DrugB\nsoon\n3\n"
    told, path = _asked(tmp_path, _table(("Group 1", "Group 2", "Group 3"), "68*"), answers)
    assert told.exit_code == 0, told.output
    assert '"left out" is not one of keep, exclude, missing, below limit.' in told.output
    assert '"-3" is no volume above 0.' in told.output
    assert '"soon" is no number.' in told.output
    written = tomllib.loads(path.read_text())
    assert (written["name"], written["limit_of_quantification"]) == ("HER2", 16)
    assert written["marks"] == {"*": "exclude: ulcerated"}
    assert written["arms"]["Group 1"] == {"control": True}
    assert written["arms"]["Group 2"] == {}  # "?" leaves it to be written later
    both = {"DrugA": {"dose": 3.0, "unit": "mg/kg", "start": 3}, "DrugB": {"start": 3}}
    assert written["arms"]["Group 3"] == {"agents": both}


def test_questions_need_a_terminal_and_an_end(tmp_path: Path) -> None:
    table = _table(("Vehicle", "DrugA"))
    told, path = _asked(tmp_path, table, "", env={"TTY_COMPATIBLE": "0", "FORCE_COLOR": ""})
    assert isinstance(told.exception, InputError)
    assert told.exception.exit_code == 2
    assert "--ask asks questions on a terminal" in str(told.exception)
    told, path = _asked(tmp_path, table, "HER2\n")
    assert str(told.exception) == "The questions were broken off: no study.toml was written."
    assert not path.exists()


def test_init_prints_the_notices_of_a_sheet(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(_table(("Vehicle", "DrugA")) + "M01,Vehicle,14,\nM01,Vehicle,21,150\n")
    told = CliRunner().invoke(app, ["init", str(tmp_path / "t.csv")])
    assert "note: t.csv: 1 reading left out because the volume is blank" in told.output
