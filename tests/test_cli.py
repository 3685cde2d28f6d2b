"""The command line: results on standard output, everything else on standard error, and an exit code for every end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from running import Run
from tables import ARMS, table

from xenograft import files
from xenograft.fitting import sampling
from xenograft.fitting.fit import Fit
from xenograft.fitting.health import Health
from xenograft.fitting.sampling import SamplerSettings
from xenograft.model.card import ModelCard
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import Arm, Dosing, Study

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "her2-four-arm"
BROKEN = ROOT / "fixtures" / "broken-studies"
CARD = "exponential-bliss-departure"
ONE = ("-m", CARD, "--draws", "500")
TWO = ("-m", CARD, "-m", "exponential-bliss", "--draws", "500")
"""Cards of one growth law, so that the model compiled for the other tests is used."""


pytestmark = pytest.mark.usefixtures("quick_figures")

COMMANDS = (
    "check", "models", "example", "fit", "compare", "report", "estimands", "reference", "simulate", "allocate",
)  # fmt: skip


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge every fit a failure."""
    health = Health("fail", 1.3, 12.0, 9.0, 0, 0.0, 1.0, ("R-hat 1.3 (kill[pertuzumab])",))
    for judged in ("judge", "judge_weights"):
        monkeypatch.setattr(sampling, judged, lambda *_: health)


def instead_of_fitting(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def end(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(sampling, "fit_all", end)


def write_study(study: Study, folder: Path) -> Path:
    """A study as the files that the command line reads."""
    folder.mkdir()
    study.readings[["animal", "arm", "day", "volume"]].to_csv(folder / "volumes.csv", index=False)
    lines = [f'name = "{study.name}"', 'data = "volumes.csv"', 'unit = "mm3"']
    for arm in study.arms:
        lines += ["", f'[arms."{arm.name}"]', *(["control = true"] if arm.control else [])]
        lines += [f'agents."{d.agent}" = {{ dose = {list(d.doses or ())}, unit = "{d.unit}", days = {list(d.days)} }}'
                  for d in arm.dosings]  # fmt: skip
    (folder / "study.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


# Help and usage


def test_help_names_every_command(run: Run) -> None:
    found = run("--help")
    assert found.code == 0
    assert all(
        command in found.out
        for command in ("check", "models", "example", "fit", "compare", "report", "estimands", "reference")
    )
    assert run("-h").out == found.out


def test_every_command_explains_itself(run: Run, subtests: pytest.Subtests) -> None:
    for command in ["check", "models", "example", "fit", "compare", "report", "estimands", "reference"]:
        with subtests.test(command=command):
            found = run(command, "--help")
            assert (found.code, found.err) == (0, "")
            assert f"xenograft {command}" in found.out


def test_wrong_usage_is_named_with_exit_code_2(run: Run, subtests: pytest.Subtests) -> None:
    for words, named in [
        (("reprot", "study"), "reprot"),
        (("report", FIXTURE, "--sed", "1"), "--sed"),
        (("report",), "STUDY"),
        (("check",), "STUDY"),
        (("fit", FIXTURE), "--output"),
        (("report", FIXTURE, "--draws", "99"), "--draws"),
        (("report", FIXTURE, "--chains", "1"), "--chains"),
        (("report", FIXTURE, "--seed", "one"), "--seed"),
        (("report", FIXTURE, "--reference", "loewe"), "--reference"),
    ]:
        with subtests.test(words=words, named=named):
            found = run(*words)
            assert found.code == 2
            assert named in found.err
            assert "Traceback" not in found.err
            assert found.out == ""


# check, models, example


@pytest.mark.parametrize("place", [FIXTURE, FIXTURE / "study.toml"])
def test_check_prints_the_arms_their_animals_and_the_horizon(run: Run, place: Path) -> None:
    found = run("check", place)
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0] == "HER2-positive four-arm study (simulated)"
    assert lines[1] == "first dose day 0 · horizon day 31 · volumes in mm3 · limit of quantification 16"
    for arm in ("vehicle", "T-DM1", "pertuzumab", "T-DM1 + pertuzumab"):
        assert any(line.startswith(f"{arm} ") and " 10 " in line for line in lines), arm
    assert lines[-1] == "No problems found."


def test_check_prints_what_the_reader_should_know(run: Run, tmp_path: Path, study: Study) -> None:
    alone = replace(study, name="[bold]ladder[/bold]", arms=study.arms[:3])
    alone = replace(alone, readings=study.readings[study.readings["arm"] != study.arms[3].name])
    found = run("check", write_study(alone, tmp_path / "alone"))
    assert found.code == 0
    assert found.out.startswith("[bold]ladder[/bold]\n")  # shown as written
    assert "note: No arm receives two agents or more, so there is no interaction to judge: " in found.out
    assert f"are judged against {study.control.name}.\n" in found.out


def test_check_prints_the_problems_of_a_broken_study(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentences of every broken study are in test_reading."""
    for name in ("everything-at-once", "no-arms"):
        monkeypatch.chdir(BROKEN / name)
        found = run("check", "study.toml")
        assert (found.code, found.out) == (2, "")
        assert found.err == (BROKEN / name / "expected.txt").read_text(encoding="utf-8")


def test_check_prints_the_first_ten_of_many_problems_and_counts_the_others(run: Run, tmp_path: Path) -> None:
    rows = table(animals=3)
    rows.loc[:12, "volume"] = "-4"
    rows.to_csv(tmp_path / "volumes.csv", index=False)
    (tmp_path / "study.toml").write_text(f'name = "Study"\ndata = "volumes.csv"\n{ARMS}', encoding="utf-8")
    found = run("check", tmp_path)
    assert (found.code, found.out) == (2, "")
    *shown, others = found.err.splitlines()
    assert all(line.startswith("volumes.csv, row ") for line in shown)
    assert (len(shown), others) == (10, "… and 3 more.")


def test_a_study_that_is_not_there_is_named_by_every_command(
    run: Run, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for command in ["check", "fit", "compare", "report", "estimands"]:
        with subtests.test(command=command):
            found = run(command, "nowhere.toml", *(("-o", "fits") if command == "fit" else ()))
            assert (found.code, found.out) == (2, "")
            assert found.err == "nowhere.toml: there is no such file. Check the path.\n"
            assert list(tmp_path.iterdir()) == []


def test_models_lists_every_shipped_card_with_its_claim(run: Run, cards: Mapping[str, ModelCard]) -> None:
    found = run("models")
    assert (found.code, found.err) == (0, "")
    for card in cards.values():
        (line,) = [line for line in found.out.splitlines() if line.split()[0] == card.name]
        assert line.endswith(("yes" if card.answers else "null").ljust(len("answers")))
        assert card.claim in " ".join(found.out.split()) or card.claim.split(";")[0] in line


def test_example_writes_a_study_that_can_be_read_and_never_overwrites(run: Run, tmp_path: Path) -> None:
    found = run("example", "my study")
    assert (found.code, found.err) == (0, "")
    assert found.out == "Wrote my study. Next: xenograft report 'my study'\n"
    assert {file.name for file in (tmp_path / "my study").iterdir()} == {file.name for file in FIXTURE.iterdir()}
    assert run("check", "my study").code == 0
    (tmp_path / "my study" / "volumes.csv").write_text("mine", encoding="utf-8")
    again = run("example", "my study")
    assert (again.code, again.out) == (2, "")
    assert again.err.startswith("my study: it already holds ")
    assert again.err.endswith(". Name another folder.\n")
    assert (tmp_path / "my study" / "volumes.csv").read_text(encoding="utf-8") == "mine"


def test_example_says_so_when_it_cannot_write(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = run("example", "file/study")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("file/study/")
    assert ": cannot be written (" in found.err


# Cards


@pytest.mark.parametrize("command", ["compare", "report", "estimands"])
def test_an_unknown_card_is_named_with_a_suggestion(run: Run, command: str) -> None:
    found = run(command, FIXTURE, "-m", "exponential-blis")
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        '"exponential-blis" is neither a shipped card nor a file or folder. Did you mean "exponential-bliss"?\n'
    )


def test_a_broken_card_is_refused_in_its_own_words(run: Run, tmp_path: Path) -> None:
    text = (ROOT / "models" / f"{CARD}.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('"exponential"', '"exponental"'), encoding="utf-8")
    found = run("compare", FIXTURE, "-m", "mine.toml")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith('mine.toml: growth = "exponental" is not one of exponential, gompertz, spline.')


# fit, compare, report


@pytest.mark.usefixtures("fits")
def test_fit_writes_a_fit_per_card_and_the_results(run: Run, tmp_path: Path, study: Study) -> None:
    found = run("fit", FIXTURE, *ONE, "-o", "out/fits", "--seed", "5")
    assert found.code == 0
    assert found.out == f"{CARD}: pass → out/fits/{CARD}.nc\n"
    assert sorted(file.name for file in (tmp_path / "out" / "fits").iterdir()) == [f"{CARD}.nc", "results.json"]
    fit = Fit.load(tmp_path / "out" / "fits" / f"{CARD}.nc")
    assert (fit.card.name, fit.study.digest, fit.seed) == (CARD, study.digest, 5)
    assert fit.posterior.sizes["draw"] == 500
    results = json.loads((tmp_path / "out" / "fits" / "results.json").read_text(encoding="utf-8"))
    assert results["provenance"]["seed"] == 5
    assert [model["name"] for model in results["models"]] == [CARD]


@pytest.mark.usefixtures("fits", "drawn")
def test_report_writes_the_page_and_the_numbers_and_says_the_verdict(run: Run, tmp_path: Path) -> None:
    found = run("report", FIXTURE, *ONE, "-o", "out/my.html", "--markdown", "out/pr.md", "--cache", "kept")
    assert found.code == 0
    assert {path.suffix for path in (tmp_path / "kept").iterdir()} == {".nc"}
    assert "T-DM1 + pertuzumab: enhanced" in (tmp_path / "out" / "pr.md").read_text(encoding="utf-8")
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    sentences = [verdict["sentence"] for verdict in results["verdicts"]]
    assert found.out.splitlines() == [*sentences, "Report: out/my.html  Numbers: out/results.json"]
    page = (tmp_path / "out" / "my.html").read_text(encoding="utf-8")
    assert "T-DM1 + pertuzumab" in page
    assert f"xenograft report {FIXTURE} -m {CARD} --draws 500 -o out/my.html --markdown out/pr.md" in page
    assert 0 < results["provenance"]["seconds_total"] < 600


@pytest.mark.usefixtures("fits", "drawn")
def test_a_report_of_a_teams_own_has_its_title_logo_layout_and_figure_files(run: Run, tmp_path: Path) -> None:
    (tmp_path / "team.jinja").write_text('{% extends "report.html.jinja" %}{% block footer %}ACME{% endblock %}')
    (tmp_path / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    own = ("--title", "Third quarter", "--logo", "logo.svg", "--template", "team.jinja", "--figures", "drawn")
    assert run("report", FIXTURE, *ONE, "--quiet", *own).code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h1>Third quarter</h1>" in page
    assert "<footer>ACME</footer>" in page
    assert 'src="data:image/svg+xml;base64,' in page
    endings = {path.suffix for path in (tmp_path / "drawn").iterdir() if path.stem == "panels"}
    assert endings == {".png", ".svg", ".pdf"}


@pytest.mark.usefixtures("fits")
def test_progress_is_on_standard_error_and_can_be_silenced(run: Run) -> None:
    found = run("report", FIXTURE, *ONE)
    assert CARD in found.err
    assert "fitting 1 card" in found.err
    quiet = run("report", FIXTURE, *ONE, "--quiet")
    assert quiet.err == ""
    assert quiet.out == found.out  # the same seed, the same numbers


@pytest.mark.usefixtures("fits")
def test_the_verdicts_reference_and_the_place_of_the_numbers_may_be_chosen(run: Run, tmp_path: Path) -> None:
    found = run("report", FIXTURE, *ONE, "--quiet", "--reference", "hsa", "--json", "n/numbers.json")
    assert (found.code, found.err) == (0, "")
    results = json.loads((tmp_path / "n" / "numbers.json").read_text(encoding="utf-8"))
    assert results["verdict"]["reference"] == "hsa"
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("command", ["fit", "compare", "report", "reference"])
def test_seed_draws_and_chains_reach_the_sampler(run: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    asked: list[dict[str, Any]] = []

    def recording(*_: object, **options: Any) -> None:
        asked.append(options)
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "fit_all", recording)
    where = ("-o", "fits") if command in ("fit", "reference") else ()
    run(command, FIXTURE, "-m", CARD, *where)
    run(command, FIXTURE, "-m", CARD, *where, "--seed", "9", "--draws", "700", "--chains", "3", "--quiet")
    assert asked == [
        {"seed": 1, "settings": SamplerSettings(draws=1000, tune=1000, chains=4), "progress": True, "method": "nuts"},
        {"seed": 9, "settings": SamplerSettings(draws=700, tune=700, chains=3), "progress": False, "method": "nuts"},
    ]


def test_a_fast_report_asks_for_draws_without_chains(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def recording(*_: object, method: str, **__: object) -> None:
        asked.append(method)
        raise KeyboardInterrupt

    monkeypatch.setattr(sampling, "fit_all", recording)
    run("report", FIXTURE, "-m", CARD)
    run("report", FIXTURE, "-m", CARD, "--fast")
    assert asked == ["nuts", "importance"]


@pytest.mark.usefixtures("fits")
def test_a_folder_of_cards_may_be_given(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in (CARD, "exponential-bliss"):
        text = (ROOT / "models" / f"{name}.toml").read_text(encoding="utf-8")
        (tmp_path / "mine" / f"{name}.toml").write_text(text, encoding="utf-8")
    found = run("compare", FIXTURE, "-m", "mine", "--draws", "500", "--quiet")
    assert found.code == 0
    assert found.out == run("compare", FIXTURE, *TWO, "--quiet").out


@pytest.mark.usefixtures("fits")
def test_an_output_that_cannot_be_written_is_named_before_anything_is_fitted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    instead_of_fitting(monkeypatch, AssertionError("nothing needs to be fitted to see that"))
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    below, folder = "cannot be written (Not a directory). Choose another place.", "this is a folder. Give a file name."
    for words, said in [
        (("fit", FIXTURE, "-o", "file"), f"{Path('file', 'results.json')}: {below}"),
        (("report", FIXTURE, "-o", "folder"), f"folder: {folder}"),
        (("report", FIXTURE, "-o", Path("file", "r.html")), f"{Path('file', 'r.html')}: {below}"),
        (("report", FIXTURE, "--json", "folder"), f"folder: {folder}"),
        (("report", FIXTURE, "--slides", Path("file", "new", "s.pptx")), f"{Path('file', 'new', 's.pptx')}: {below}"),
        (("report", FIXTURE, "--figures", "file"), f"{Path('file', 'figure.png')}: {below}"),
        (("compare", FIXTURE, "--markdown", "folder"), f"folder: {folder}"),
        (("reference", FIXTURE, "-o", "folder"), f"folder: {folder}"),
    ]:
        with subtests.test(words=words):
            found = run(*words, "--quiet")
            assert (found.code, found.out, found.err) == (2, "", said + "\n")


@pytest.mark.usefixtures("fits")
def test_a_study_without_a_combination_has_a_verdict_for_each_dose(run: Run, tmp_path: Path) -> None:
    ladder = [Dosing("A", (0.0, 7.0, 14.0), (dose,) * 3, "mg/kg") for dose in (1.0, 4.0)]
    arms = [Arm("vehicle", control=True), *(Arm(f"A {d.level:g}", dosings=(d,)) for d in ladder)]
    truth = Truth(
        baseline=170.0, growth=0.09, sd_baseline=0.2, sd_growth=0.012, error=0.1, kill={"A 1": 0.01, "A 4": 0.05}
    )
    study = simulate(arms, truth, animals=6, days=range(0, 25, 4), seed=5, name="Ladder")
    found = run("report", write_study(study, tmp_path / "ladder"), *ONE)
    assert found.code == 0
    low, high, last = found.out.splitlines()
    assert low.startswith("A 1 against vehicle, day 24: ")
    assert high.startswith("A 4 against vehicle, day 24: inhibited. TGI ")
    assert last == "Report: report.html  Numbers: results.json"
    assert "note: No arm receives two agents or more" in found.err
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [(one["kind"], one["arm"]) for one in results["verdicts"]] == [("inhibition", "A 1"), ("inhibition", "A 4")]
    assert (tmp_path / "report.html").is_file()


# Ends


@pytest.mark.usefixtures("fits", "failing")
def test_without_a_healthy_answer_everything_is_written_and_the_exit_code_is_3(run: Run, tmp_path: Path) -> None:
    found = run("report", FIXTURE, *ONE, "--quiet")
    assert found.code == 3
    reason = "the sampler did not converge (R-hat 1.3 (kill[pertuzumab]))"
    assert found.err == f"{CARD}: {reason}\n"
    words = f"no conclusion: the sampler did not converge ({CARD}: {reason})"
    assert f"T-DM1 + pertuzumab against independent action (Bliss): {words}." in found.out.splitlines()
    assert (tmp_path / "report.html").is_file()
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["verdict"]["words"] == words


@pytest.mark.usefixtures("fits", "failing")
def test_a_failed_fit_is_named_with_the_quantity_by_fit_and_compare(run: Run, tmp_path: Path) -> None:
    found = run("fit", FIXTURE, *ONE, "-o", ".", "--quiet")
    assert found.code == 3
    assert found.out == f"{CARD}: fail (R-hat 1.3 (kill[pertuzumab])) → {CARD}.nc\n"
    assert Fit.load(tmp_path / f"{CARD}.nc").health.status == "fail"
    found = run("compare", FIXTURE, *ONE, "--quiet")
    assert found.code == 3
    assert f"refused {CARD}: the sampler did not converge (R-hat 1.3 (kill[pertuzumab]))" in found.out.splitlines()


@pytest.mark.usefixtures("fits", "failing")
def test_a_failed_null_alone_is_no_missing_answer(run: Run) -> None:
    assert run("compare", FIXTURE, "-m", "exponential-bliss", "--draws", "500", "--quiet").code == 0


def test_an_interrupt_ends_with_130_and_leaves_the_old_files(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("report.html", "results.json"):
        (tmp_path / name).write_text("old", encoding="utf-8")
    instead_of_fitting(monkeypatch, KeyboardInterrupt())
    found = run("report", FIXTURE, *ONE, "--quiet")
    assert (found.code, found.out) == (130, "")
    assert found.err == "xenograft: interrupted; files that were there before are unchanged.\n"
    assert {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()} == {
        "report.html": "old",
        "results.json": "old",
    }


def test_an_internal_error_is_one_line_and_a_log_file_with_the_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    instead_of_fitting(monkeypatch, ZeroDivisionError("unlucky"))
    found = run("report", FIXTURE, *ONE, "--quiet")
    assert (found.code, found.out) == (4, "")
    assert found.err == (
        "xenograft: internal error (ZeroDivisionError: unlucky). Please report it with xenograft.log.\n"
    )
    log = (tmp_path / "xenograft.log").read_text(encoding="utf-8")
    assert log.startswith("Traceback (most recent call last):")
    assert log.endswith("ZeroDivisionError: unlucky\n")


def test_an_internal_error_is_still_one_line_where_no_log_can_be_written(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "xenograft.log").mkdir()
    instead_of_fitting(monkeypatch, ZeroDivisionError("unlucky"))
    found = run("report", FIXTURE, *ONE, "--quiet")
    assert found.code == 4
    assert found.err == (
        "xenograft: internal error (ZeroDivisionError: unlucky). "
        "Please report it; xenograft.log could not be written (Is a directory).\n"
    )


@pytest.mark.usefixtures("fits")
def test_a_failure_while_writing_leaves_the_old_report_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    write = Path.write_text

    def torn(self: Path, text: str, **options: Any) -> int:
        if ".html" in self.name:
            write(self, text[:100], **options)
            raise OSError(28, "No space left on device")
        return write(self, text, **options)

    monkeypatch.setattr(files.Path, "write_text", torn)
    found = run("report", FIXTURE, *ONE, "--quiet")
    monkeypatch.undo()
    assert found.code in (2, 4)
    assert len(found.err.splitlines()) == 1
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "old"
    assert {file.name for file in tmp_path.iterdir()} <= {"report.html", "results.json", "xenograft.log"}
