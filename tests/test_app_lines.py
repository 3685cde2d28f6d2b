"""What a page writes: lines of study.toml, a design and a truth, files with names that can be kept."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xenograft.app.allocate import allocation_of
from xenograft.app.analysing import analyse_work
from xenograft.app.arms import arm_entry, fields_of
from xenograft.app.lines import (
    answers,
    days_text,
    exclusions,
    read_days,
    read_doses,
    with_answer,
    with_arm,
    with_difference,
    with_exclusion,
    with_value,
    without_exclusion,
)
from xenograft.app.planned import Asked, design_text, problems_of, truth_text_of
from xenograft.app.work import Shelf, first_draft
from xenograft.errors import InputError, StudyError
from xenograft.planning.design import read_design
from xenograft.reading.guess_study import guess_study, toml_of_guess
from xenograft.reading.interview import interview, questions_of_arms
from xenograft.reading.read import read_study
from xenograft.simulation.simulate import true_curves
from xenograft.simulation.truth import read_truth
from xenograft.study.examples import example_folder

LAYOUTS = Path(__file__).parents[1] / "fixtures" / "layouts"
LINES = (example_folder() / "study.toml").read_text(encoding="utf-8")


def test_a_change_is_a_line_and_everything_else_stays_as_it_was() -> None:
    for path, value in ((["horizon"], 21), (["columns", "animal"], 'Mouse "ID"'), (["words"], {"ulc": "left"})):
        changed = with_value(LINES, path, value)
        kept = set(LINES.splitlines())
        assert kept <= set(changed.splitlines())
        assert 1 <= len(set(changed.splitlines()) - kept) <= 2
        found = tomllib.loads(changed)
        for name in path:
            found = found[name]
        assert found == value
        assert tomllib.loads(with_value(changed, path, None)) == tomllib.loads(LINES)


def test_the_cards_of_the_arms_say_what_the_lines_say() -> None:
    written = tomllib.loads(LINES)["arms"]
    for name, arm in written.items():
        agents = [fields_of(*one) for one in arm.get("agents", {}).items()]
        role = "control" if arm.get("control") else "treated"
        entry = arm_entry(role, agents)
        assert entry == arm
        assert tomllib.loads(with_arm(LINES, name, entry)) == tomllib.loads(LINES)
    [agent] = [fields_of("T-DM1", {"dose": 3.0, "days": [0, 21]})]
    changed = with_arm(
        LINES, "T-DM1", arm_entry("treated", [replace(agent, days="0 every 7, 3 times", dose="4, 3, 3")])
    )
    assert tomllib.loads(changed)["arms"]["T-DM1"]["agents"]["T-DM1"] == {
        "dose": [4, 3, 3], "days": {"from": 0, "every": 7, "times": 3},
    }  # fmt: skip
    assert arm_entry("ignored", [replace(agent, name=" ")]) == {"ignore": True}


def test_days_and_doses_are_read_as_people_type_them_and_nonsense_is_a_sentence() -> None:
    repeated = {"from": -1, "every": 3.5, "times": 2}
    for typed, days in (("0, 7; 14", [0, 7, 14]), ("0.5", [0.5]), ("-1 every 3.5, 2 times", repeated)):
        assert read_days(typed) == days
        assert read_days(days_text(days)) == days
    assert (read_doses(""), read_doses("3"), read_doses("30 15")) == (None, 3, [30, 15])
    for nonsense in ("", "daily", "0, x"):
        with pytest.raises(InputError, match="is no list of numbers"):
            read_days(nonsense)


def test_an_exclusion_needs_a_reason_is_read_by_the_reader_and_can_be_taken_back(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Why is this reading left out"):
        with_exclusion(LINES, "V01", 7, "  ")
    changed = with_exclusion(with_exclusion(LINES, "V01", 7.0, 'mis"read'), "T02", None, "dosed twice")
    work = Shelf(tmp_path).example()
    work.write_toml(changed)
    left_out = read_study(work.study).readings.query("exclude != ''")
    assert set(left_out["exclude"]) == {'mis"read', "dosed twice"}
    assert left_out.query("animal == 'V01'")["day"].tolist() == [7.0]
    once = without_exclusion(changed, 0)
    assert [entry["animal"] for entry in exclusions(once)] == ["T02"]
    assert tomllib.loads(without_exclusion(once, 0)) == tomllib.loads(LINES)


def test_an_answer_to_check_is_kept_as_a_comment_whatever_is_typed() -> None:
    question, answer = "Is 1,234 (M1, day 7) ten times too large?", 'It is right as it is: weighed\n[arms.evil]"'
    changed = with_answer(LINES, question, answer)
    assert tomllib.loads(changed) == tomllib.loads(LINES)
    assert answers(changed) == {question: 'It is right as it is: weighed [arms.evil]"'}
    assert answers(with_answer(changed, question, "no")) == {question: "no"}
    assert with_answer(changed, question, "").splitlines() == LINES.splitlines()


def test_answers_of_the_interview_change_their_own_lines_only() -> None:
    table = LAYOUTS / "wide-by-day" / "volumes.csv"
    guess = guess_study(table)
    before = toml_of_guess(guess)
    text = with_value(before, ["horizon"], 14)  # a line from elsewhere on the page
    limit = next(one for one in interview(guess) if "smallest volume" in one.text)
    answered = limit.answered(guess, "16")
    agents = next(iter(questions_of_arms(answered)))
    answered = agents.answered(answered, "New drug 5 mg/kg")
    drafts = (tomllib.loads(before), tomllib.loads(toml_of_guess(answered)))
    found = tomllib.loads(with_difference(text, *drafts))
    assert (found["horizon"], found["limit_of_quantification"]) == (14, 16)
    assert any(
        arm.get("agents") == {"New drug": {"dose": 5.0, "unit": "mg/kg", "start": 0}} for arm in found["arms"].values()
    )
    assert found["layout"] == "wide by day"


def test_a_dropped_table_gets_the_draft_of_init_and_names_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    table = LAYOUTS / "wide-by-day" / "volumes.csv"
    work = shelf.upload([("C:\\Users\\me\\my volumes.csv", table)])
    guess = first_draft(work)
    assert guess is not None
    assert work.toml == toml_of_guess(guess)
    assert (work.table, read_study(work.study).name) == (work.study / "my volumes.csv", "my volumes")
    for name in ("", "..", "../", ".study.csv", "x" * 200, "a\nb.csv"):
        with pytest.raises(InputError, match="cannot be kept"):
            shelf.upload([(name, table)])
    with pytest.raises(InputError, match="the table that it names is not there"):
        shelf.upload([("study.toml", example_folder() / "study.toml")])
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"no workbook")
    with pytest.raises(StudyError, match=r"broken\.xlsx"):
        first_draft(shelf.upload([("broken.xlsx", broken)]))


def test_a_study_names_no_table_elsewhere_and_one_of_the_owners_folder_is_copied_with_it(tmp_path: Path) -> None:
    folder, shelf = tmp_path / "deep" / "study", Shelf(tmp_path / "shelf")
    folder.mkdir(parents=True)
    (tmp_path / "volumes.csv").write_bytes((example_folder() / "volumes.csv").read_bytes())
    (folder / "study.toml").write_text(with_value(LINES, ["data"], "../../volumes.csv"), encoding="utf-8")
    work = shelf.copy(folder)
    assert work.elsewhere == ()
    assert len(read_study(work.study).animals) == 40
    for name in (str(tmp_path / "volumes.csv"), "../volumes.csv", "a\\b.csv", ".."):
        work.write_toml(with_value(with_value(LINES, ["data"], name), ["weights", "data"], name))
        assert [one.partition(" is a file elsewhere")[0].partition(" = ")[0] for one in work.elsewhere] == [
            "study.toml: data", "study.toml: weights.data",
        ]  # fmt: skip
        with pytest.raises(InputError, match="elsewhere"):
            analyse_work(work.folder, {})


def test_work_is_found_by_its_own_key_and_by_nothing_else(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    one, other = shelf.example(), shelf.example()
    assert one.key != other.key
    assert len(one.key) == 32
    assert shelf.find(one.key) == one
    for key in ("", ".", "..", f"{one.key}/../{other.key}", one.key[:-1], "A" * 32):
        assert shelf.find(key) is None
    assert shelf.folder.stat().st_mode & 0o077 == 0, "other people on this machine cannot look into it"


def test_a_plan_in_a_biologists_words_is_simulated_with_what_was_said(tmp_path: Path) -> None:
    asked = Asked(agents=('A "1"', "B"), tgi=(60.0, -20.0), index=0.4, doubling=6.0, volume=120.0, duration=21.0)
    assert problems_of(asked) == []
    (tmp_path / "design.toml").write_text(design_text(asked), encoding="utf-8")
    (tmp_path / "truth.toml").write_text(truth_text_of(asked), encoding="utf-8")
    design, truth = read_design(tmp_path / "design.toml"), read_truth(tmp_path / "truth.toml")
    assert design.visits[-1] == 21.0
    volume = np.exp(true_curves(design.arms, truth, [0.0, 6.0, 21.0]))
    vehicle = volume.sel(arm="vehicle")
    np.testing.assert_allclose(vehicle.sel(day=[0.0, 6.0]), [120.0, 240.0], rtol=1e-4)
    share = volume.sel(day=21.0) / vehicle.sel(day=21.0)
    np.testing.assert_allclose(share.sel(arm=['A "1"', "B"]), [0.4, 1.2], rtol=1e-4)
    np.testing.assert_allclose(share.sel(arm='A "1" + B'), 0.4 * 1.2 * 0.4, rtol=1e-4)


def test_what_cannot_be_planned_is_said_by_its_field() -> None:
    for change, field in (
        ({"tgi": (100.0, 0.0)}, "TGI"), ({"index": 0.0}, "Observed"), ({"agents": ("A", "A")}, "Agents"),
        ({"animals": (1,)}, "Animals"), ({"every": 40.0}, "Days between visits"), ({"doubling": 0.0}, "Doubling"),
    ):  # fmt: skip
        [sentence] = problems_of(replace(Asked(), **change))
        assert sentence.startswith(field)


def test_pasted_baselines_are_allocated_as_by_the_command_line() -> None:
    rows = [(f"M{number}", 90 + 7 * number % 40) for number in range(1, 21)]
    comma, tab, semicolon = (
        sign.join(("animal", "volume")) + "\n" + "\n".join(f"{animal}{sign}{volume}" for animal, volume in rows)
        for sign in (",", "\t", ";")
    )
    tables = [allocation_of(text, "vehicle, A", 8, 3).table for text in (comma, tab, semicolon)]
    assert all(table.equals(tables[0]) for table in tables)
    assert tables[0]["arm"].value_counts().to_dict() == {"vehicle": 8, "A": 8, "": 4}
    refused = {("", "a, b"): "has no rows", (comma, "a, a"): "different names", ("x,y\n1,2", "a, b"): "no column"}
    for (pasted, arms), finding in refused.items():
        with pytest.raises(InputError, match=finding):
            allocation_of(pasted, arms, 8, 1)
