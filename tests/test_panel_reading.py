"""Reading panels: arms matched by what they get, historical controls, moderators, and a sentence for what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from panels_of import STUDY, invented, written
from running import Run

from xenograft.errors import StudyError
from xenograft.panels.asked import questions_about_panel
from xenograft.panels.read import of_combination, read_panel, read_panel_arrival
from xenograft.panels.shown import gaps, models_table
from xenograft.reading.read import read_study

FOLDER_STUDY = """name = "{name}"
data = "volumes.csv"

[arms.{control}]
control = true

[arms.one]
agents.{a} = {{ dose = {dose}, unit = "mg/kg", start = {start} }}

[arms.two]
agents.B = {{ start = {start} }}

[arms.both]
agents.{a} = {{ dose = {dose}, unit = "mg/kg", start = {start} }}
agents.B = {{ start = {start} }}
"""


def folder_of_studies(
    place: Path, *, doses: tuple[float, ...] = (3.0, 3.0), agents: tuple[str, ...] = ("A-1", "a 1")
) -> Path:
    """Two studies of one animal an arm, their controls and agents called differently, dosing from days 0 and 10."""
    for number, (dose, agent) in enumerate(zip(doses, agents, strict=True)):
        folder, start = place / f"model {number}", 10 * number
        folder.mkdir(parents=True)
        control = "vehicle" if number == 0 else "saline"
        text = FOLDER_STUDY.format(name=number, control=control, a=f'"{agent}"', dose=dose, start=start)
        (folder / "study.toml").write_text(text, encoding="utf-8")
        rows = ["animal,arm,day,volume"]
        for arm in (control, "one", "two", "both"):
            for day in (0, 7, 14):
                rows += [f"{arm} m,{arm},{day + start},{100 + 10 * day}"]
        (folder / "volumes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place


def test_arms_of_a_folder_are_matched_by_what_they_get_whatever_they_are_called(tmp_path: Path) -> None:
    panel = read_panel(folder_of_studies(tmp_path))
    assert [arm.name for arm in panel.arms] == ["vehicle", "one", "two", "both"]
    assert panel.level_labels == ("A-1", "B")
    assert (panel.animals_by_arm == 1).to_numpy().all()
    assert panel.first_dose == {"model 0": 0.0, "model 1": 10.0}
    assert panel.complete(panel.combinations[0]) == panel.models
    assert any("a 1 is taken for A-1" in notice for notice in panel.notices)


def test_doses_are_apart_unless_panel_toml_says_that_they_count_as_one(tmp_path: Path) -> None:
    place = folder_of_studies(tmp_path, doses=(3.0, 10.0))
    panel = read_panel(place)
    assert panel.level_labels == ("A-1 3", "B", "A-1 10")
    assert any('doses = "alike"' in notice for notice in panel.notices)
    (place / "panel.toml").write_text('doses = "alike"\n', encoding="utf-8")
    assert read_panel(place).level_labels == ("A-1", "B")


def test_agents_of_other_names_are_mapped_in_panel_toml(tmp_path: Path) -> None:
    place = folder_of_studies(tmp_path, agents=("ours", "theirs"))
    assert len(read_panel(place).combinations) == 2
    (place / "panel.toml").write_text('[agents]\ntheirs = "ours"\n', encoding="utf-8")
    assert len(read_panel(place).combinations) == 1


def test_a_table_with_a_column_of_models_is_the_panel_that_was_written(tmp_path: Path) -> None:
    panel = invented(4, 2, censored=False, uneven=False)
    found = read_panel(written(panel, tmp_path / "panel"))
    assert found.models == panel.models
    assert (found.animals_by_arm == panel.animals_by_arm).to_numpy().all()
    assert found.readings == panel.readings
    np.testing.assert_allclose(found.moderators.to_numpy(), panel.moderators.to_numpy())
    only = of_combination(found, "A + B", "test")
    assert [arm.name for arm in only.arms] == ["vehicle", "A", "B", "A + B"]


def test_a_model_with_the_vehicle_alone_is_a_historical_control_and_one_without_an_arm_lends(tmp_path: Path) -> None:
    panel = read_panel(written(invented(4, 2, censored=False), tmp_path / "panel"))
    assert panel.historical == {"M3"}
    assert any("historical" in notice for notice in panel.notices)
    assert panel.animals_by_arm.loc["M1", "B"] == 0
    assert "without one of them: M1" in " ".join(gaps(panel))
    assert models_table(panel).set_index("model").loc["M1", "B"] == "·"


def test_categories_and_gaps_of_moderators_become_columns(tmp_path: Path) -> None:
    folder = written(invented(4, 2, censored=False, uneven=False), tmp_path / "panel")
    (folder / "moderators.csv").write_text(
        "model,subtype,score\nM0,luminal,1\nM1,basal,2\nM2,luminal,NA\nM3,basal,4.5\n", encoding="utf-8"
    )
    panel = read_panel(folder)
    assert panel.moderators["subtype: luminal"].tolist() == [1, 0, 1, 0]
    assert np.isnan(panel.moderators.loc["M2", "score"])
    assert any("score is unknown of 1 of 4 models" in notice for notice in panel.notices)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("moderators.csv", "modle,E\nM0,1\nM1,2\nM2,3\n", 'has no column called model. Did you mean "modle"?'),
        ("moderators.csv", "model,E\nM0,1\nM0,2\nM1,3\nM2,4\n", 'model "M0" has two rows. Keep one.'),
        ("moderators.csv", "model,E\nX,1\nY,2\nZ,3\n", "none of its models"),
        ("moderators.csv", "model,E\nm 00,1\nM1,2\nM2,3\nM3,4\n", 'model "m 00" is not in the panel, whose "M0"'),
        ("moderators.csv", "model,E\nM0,1\nM1,high\nM2,2\nM3,3\n", "is a number for 3 models and"),
        ("moderators.csv", "model,E\nM0,1\nM1,\nM2,\nM3,3\n", "is known of 2 models of the panel, and at least 3"),
        ("moderators.csv", "model,E\nM0,1\nM1,1\nM2,1\nM3,1\n", "does not differ between the models"),
        ("panel.toml", 'horizn = 3\n', 'unknown key "horizn". Did you mean "horizon"?'),
        ("panel.toml", "horizon = 300\n", "it must not be beyond the last reading"),
        ("panel.toml", '[models.M9]\nignore = true\n', '"M9"'),
        ("panel.toml", 'combination = "A+B"\n', 'combination = "A+B" is not one of A + B'),
        ("panel.toml", '[agents]\nC = "A"\n', 'agents names "C", which no study gives'),
        ("panel.toml", '[models.M0]\nname = "M1"\n', 'two models are called "M1"'),
        ("study.toml", STUDY + '\n[columns]\nmodel = "line"\n', '[columns] model = "line" is not a column'),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_sentence(tmp_path: Path, name: str, content: str, sentence: str) -> None:
    folder = written(invented(4, 2, censored=False, uneven=False), tmp_path / "panel")
    if name == "study.toml":  # tables come after all keys
        head, columns = content.split("\n[columns]\n")
        content = head.replace("\n[arms.vehicle]", f"\n[columns]\n{columns}\n[arms.vehicle]")
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(StudyError) as raised:
        read_panel(folder)
    assert sentence in str(raised.value)


def test_rows_of_moderators_that_the_panel_has_no_model_for_are_said(tmp_path: Path) -> None:
    folder = written(invented(4, 2, censored=False, uneven=False), tmp_path / "panel")
    rows = "model,E\nM0,1\nM1,2\nM2,3\nM3,4\nM10,5\nQ1,6\n"
    (folder / "moderators.csv").write_text(rows, encoding="utf-8")
    said = "Moderators are known of M10 and Q1 too, which the panel does not have."
    assert said in read_panel(folder).notices
    (folder / "panel.toml").write_text("[models.M3]\nignore = true\n", encoding="utf-8")
    (folder / "moderators.csv").write_text(rows.replace("M10,5\nQ1,6\n", ""), encoding="utf-8")
    assert not any("known of" in notice for notice in read_panel(folder).notices)


def altered(place: Path, **columns: Callable[[pd.Series], pd.Series]) -> Path:
    """A panel as one table, with columns of its model M1 as these functions have them."""
    folder = written(invented(4, 3, seed=2, censored=False, uneven=False), place)
    table = pd.read_csv(folder / "volumes.csv")
    of_one = table["model"] == "M1"
    for name, function in columns.items():
        table[name] = function(table[name]).where(of_one, table[name])
    table.to_csv(folder / "volumes.csv", index=False)
    return folder


@pytest.mark.parametrize(
    ("columns", "asked"),
    [
        ({"day": lambda days: days * 24}, "M1: its readings are"),
        ({"day": lambda days: days / 7}, "M1: its readings are"),
        ({"volume": lambda volumes: volumes / 1000}, "12 animals (first M1/vehicle0) have no reading above"),
        ({"volume": lambda volumes: volumes.where(volumes.index != 62, volumes * 10)}, "Is it ten times too large"),
        ({}, ""),
    ],
)  # fmt: skip
def test_a_model_unlike_the_others_is_asked_about(
    run: Run, tmp_path: Path, columns: dict[str, Callable[[pd.Series], pd.Series]], asked: str
) -> None:
    found = run("check", altered(tmp_path / "panel", **columns))
    assert found.code == 0
    questions = " ".join(found.out.split()).split("question: ")[1:]
    assert any(asked in question for question in questions) if asked else not questions, found.out


def test_a_folder_of_studies_is_asked_about_study_by_study(tmp_path: Path) -> None:
    place = folder_of_studies(tmp_path)
    table = place / "model 1" / "volumes.csv"
    table.write_text(
        table.read_text(encoding="utf-8").replace("both m,both,17,170", "both m,both,17,1700"), encoding="utf-8"
    )
    arrival = read_panel_arrival(place)
    assert list(arrival.tables) == list(arrival.panel.models)
    asked = questions_about_panel(arrival)
    slip = "model 1: Animal both m (both): 1,700 on day 17, between 100 on day 10 and 240 on day 24. Is it ten times"
    assert any(question.startswith(slip) for question in asked), asked
    assert any(question.startswith("model 0: Every animal begins with a volume of 100") for question in asked), asked
    (place / "panel.toml").write_text('[models."model 1"]\nname = "HX"\n', encoding="utf-8")
    arrival = read_panel_arrival(place)
    assert list(arrival.tables) == list(arrival.panel.models) == ["model 0", "HX"]
    assert not any(question.startswith("model 1: ") for question in questions_about_panel(arrival))


def test_one_study_and_a_panel_are_told_apart(tmp_path: Path) -> None:
    folder = written(invented(4, 2, censored=False, uneven=False), tmp_path / "panel")
    with pytest.raises(StudyError, match=r"holds 4 models .*xenograft panel"):
        read_study(folder)
    table = folder / "volumes.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *(line for line in lines if line.startswith("M0,"))]) + "\n")
    with pytest.raises(StudyError, match="needs at least 2 models"):
        read_panel(folder)
    (folder / "moderators.csv").unlink()
    with pytest.raises(StudyError, match="needs at least 2 models"):
        read_panel(folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(StudyError, match="holds neither"):
        read_panel(empty)
