"""Panels in the app: found below the folder, analysed as on the command line, their answer kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from panels_of import invented, written

from xenograft.app.jobs import Desk
from xenograft.app.panels import PANEL_PAGE, Panels, analyse_panel_work
from xenograft.app.studies import Studies
from xenograft.app.work import Kept, Shelf
from xenograft.errors import StudyError

ROOT = Path(__file__).parents[1]


def test_a_panel_is_listed_apart_from_studies_and_answers_as_on_the_command_line(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    panel = written(invented(4, 2, censored=False, uneven=False, departure=0.03), lab / "mine")
    (panel / "panel.toml").write_text("", encoding="utf-8")
    shutil.copytree(ROOT / "fixtures" / "her2-four-arm", lab / "one")
    kept, desk = Kept(lab, Shelf(tmp_path / "work")), Desk(1)
    panels = Panels(lab, kept, desk)
    try:
        assert Studies(lab, kept, desk).names() == ["one"]
        assert panels.table().to_dict("records") == [
            {"panel": "mine", "on average": "", "in a new model": "", "state": "not analysed"}
        ]
        work = kept.new("panel mine")
        analyse_panel_work(work.folder, {"place": str(panel), "cards": ["panel-exponential"], "draws": 200})
        found, answer = Panels(lab, Kept(lab, Shelf(tmp_path / "work")), desk).answer("mine")
    finally:
        desk.close()
    assert found == work
    verdicts = json.loads((work.out / "results.json").read_text(encoding="utf-8"))["verdicts"]
    assert answer["sentences"] == [one["sentence"] for one in verdicts]
    assert answer["on average"] == verdicts[0]["words"]
    page = (work.out / PANEL_PAGE).read_text(encoding="utf-8")
    assert verdicts[0]["sentence"] in page
    assert sorted(path.name for path in panel.iterdir()) == [
        "moderators.csv",
        "panel.toml",
        "study.toml",
        "volumes.csv",
    ]


def test_a_panel_that_is_refused_says_the_sentence_of_the_command_line(tmp_path: Path) -> None:
    folder, work = written(invented(4, 2, uneven=False), tmp_path / "mine"), Shelf(tmp_path / "work").new()
    work.out.mkdir()
    (work.out / "answer.json").write_text("{}", encoding="utf-8")
    (folder / "panel.toml").write_text('doses = "never"\n', encoding="utf-8")
    with pytest.raises(StudyError, match=r"panel\.toml.*doses"):
        analyse_panel_work(work.folder, {"place": str(folder)})
    assert not (work.out / "answer.json").exists(), "an answer of the files as they were"
