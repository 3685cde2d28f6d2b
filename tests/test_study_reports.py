"""A folder of studies: a report each, past those that cannot be analysed, and an index of the verdicts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from invented_report import GOOD, REFUSED, SICK, content_for
from running import Run

from xenograft.answers.results import to_json
from xenograft.errors import InputError, StudyError
from xenograft.evidence.cautions import Caution
from xenograft.files import write_text
from xenograft.reading.folder import studies_in
from xenograft.report import folder as study_reports
from xenograft.report.content import ReportContent
from xenograft.report.content_of_sensitivity import SensitivityTable
from xenograft.report.folder import (
    StudyReport,
    exit_code_of,
    index_page,
    reports_markdown,
    write_reports,
)
from xenograft.report.markdown import report_markdown

FIXTURE = Path(__file__).parents[1] / "fixtures" / "her2-four-arm"
CARD = "exponential-bliss-departure"


def folder_of(place: Path, *names: str) -> Path:
    for name in names:
        (place / name).mkdir(parents=True)
        (place / name / "study.toml").write_text('name = "x"', encoding="utf-8")
    return place


@pytest.fixture
def analysed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Instead of fitting, the invented content of other tests; a study in a folder named after an error raises it."""
    calls: list[Any] = []
    content = content_for()

    def analyse(place: Path, model: list[str] | None, **settings: Any) -> SimpleNamespace:
        calls.append((place.name, model, settings))
        if place.name == "broken":
            raise StudyError(["study.toml: no arm is the control. Name one.", "study.toml: a second problem."])
        if place.name == "crash":
            raise ZeroDivisionError("division by zero")
        return SimpleNamespace(has_no_answer=place.name == "sick")

    def written(analysis: SimpleNamespace, page: Path, *, json: Path, reference: str, **_: Any) -> ReportContent:
        calls.append(reference)
        write_text(page, "page")
        write_text(json, to_json(content.results))
        return content

    monkeypatch.setattr(study_reports, "analyse", analyse)
    monkeypatch.setattr(study_reports, "written", written)
    return calls


def test_studies_are_found_at_any_depth_and_a_study_is_no_folder_of_studies(tmp_path: Path) -> None:
    folder_of(tmp_path, "b", "a/deep")
    assert [place.relative_to(tmp_path).as_posix() for place in studies_in(tmp_path)] == ["a/deep", "b"]
    assert studies_in(tmp_path / "b") == []
    assert studies_in(tmp_path / "none") == []


def test_every_study_gets_its_report_its_numbers_and_a_row(tmp_path: Path, analysed: list[Any]) -> None:
    found = write_reports(tmp_path / "out", folder_of(tmp_path / "in", "a", "deep/b"), markdown=tmp_path / "all.md")
    assert [one.folder for one in found] == ["a", "deep/b"]
    assert exit_code_of(found) == 0
    for name in ("a", "deep/b"):
        assert (tmp_path / "out" / name / "report.html").read_text() == "page"
        assert json.loads((tmp_path / "out" / name / "results.json").read_text())["verdict"]["words"] == "enhanced"
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'href="a/report.html"' in page
    assert 'href="deep/b/results.json"' in page
    assert "2 studies: 2 enhanced." in page
    assert (tmp_path / "all.md").read_text(encoding="utf-8").count("✅ A + B: enhanced") == 2
    assert [call for call in analysed if isinstance(call, str)] == ["bliss", "bliss"]


def test_settings_reach_every_analysis(tmp_path: Path, analysed: list[Any]) -> None:
    write_reports(
        tmp_path / "out", folder_of(tmp_path / "in", "a"), cards=[CARD], reference="hsa", seed=7, draws=200, chains=3,
        quiet=True, cache=tmp_path / "fits", method="importance",
    )  # fmt: skip
    settings = {
        "seed": 7, "draws": 200, "chains": 3, "quiet": True, "cache": tmp_path / "fits", "method": "importance",
    }  # fmt: skip
    assert analysed == [("a", [CARD], settings), "hsa"]


def test_a_study_that_cannot_be_read_is_listed_with_its_sentence_and_the_others_are_reported(
    tmp_path: Path, analysed: list[Any]
) -> None:
    told: list[StudyReport] = []
    found = write_reports(tmp_path / "out", folder_of(tmp_path / "in", "a", "broken", "c"), say=told.append)
    assert told == found
    assert [one.written for one in found] == [True, False, True]
    assert found[1].reason == "study.toml: no arm is the control. Name one.\nstudy.toml: a second problem."
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "study.toml: no arm is the control. Name one." in page
    assert "not analysed" in page
    assert 'href="broken/report.html"' not in page
    assert "3 studies: 2 enhanced, 1 not analysed." in page
    assert exit_code_of(found) == 2


def test_an_internal_error_of_one_study_leaves_a_log_and_the_others_are_reported(
    tmp_path: Path, analysed: list[Any]
) -> None:
    found = write_reports(tmp_path / "out", folder_of(tmp_path / "in", "broken", "crash", "d"))
    assert found[1].reason == (
        "internal error (ZeroDivisionError: division by zero). Please report it with crash/xenograft.log."
    )
    assert "ZeroDivisionError" in (tmp_path / "out" / "crash" / "xenograft.log").read_text()
    assert found[2].written
    assert exit_code_of(found) == 4


@pytest.mark.parametrize(("codes", "code"), [((0, 0), 0), ((0, 3), 3), ((3, 2, 0), 2), ((2, 4, 3), 4)])
def test_a_folder_ends_as_its_gravest_study(codes: tuple[int, ...], code: int) -> None:
    assert exit_code_of([replace(GOOD, exit_code=one) for one in codes]) == code


def test_a_study_without_a_healthy_fit_is_reported_and_ends_with_3(tmp_path: Path, analysed: list[Any]) -> None:
    found = write_reports(tmp_path / "out", folder_of(tmp_path / "in", "sick"))
    assert found[0].written
    assert exit_code_of(found) == 3


def test_what_all_studies_share_is_refused_before_anything_is_fitted(tmp_path: Path, analysed: list[Any]) -> None:
    studies = folder_of(tmp_path / "in", "a")
    for wrong in ({"logo": tmp_path / "none.png"}, {"template": tmp_path / "none.jinja"}, {"cards": ["none.toml"]}):
        with pytest.raises(InputError):
            write_reports(tmp_path / "out", studies, **wrong)  # pyright: ignore
    with pytest.raises(InputError) as found:
        write_reports(tmp_path / "out", tmp_path / "out")
    assert str(found.value).endswith("no folder below it holds a study.toml. Name a folder of studies.")
    assert analysed == []


def test_the_index_runs_its_own_script_only_and_loads_nothing(tmp_path: Path) -> None:
    page = index_page([GOOD, REFUSED, SICK], title="Q3 <all>")
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "<h1>Q3 &lt;all&gt;</h1>" in page
    assert "b&lt;ad/study.toml" in page
    assert "3 studies: 1 enhanced, 1 not analysed, 1 no conclusion." in page
    assert "<td>Health of the fits</td>" in page


def test_an_unfinished_index_says_how_many_studies_are_left() -> None:
    assert "2 still to be analysed" in index_page([GOOD], title="Studies", waiting=2)
    assert "still to be analysed" not in index_page([GOOD], title="Studies")


def test_the_markdown_of_many_studies_is_a_table() -> None:
    lines = reports_markdown([GOOD, REFUSED, SICK], title="Studies").splitlines()
    assert lines[0] == "## Studies"
    assert lines[-3] == "| Study one | ✅ A + B: enhanced | 0.50 (0.10 to 0.90) | – | 0.990 | – |"
    assert lines[-2] == "| b\\<ad | ❌ b\\<ad/study.toml: no arm is the control. Name one. | – | – | – | – |"
    assert lines[-1].endswith("| – | – | Health of the fits |")


def test_a_study_without_a_combination_stands_in_the_index_with_its_size() -> None:
    tgi = {"median": 49.3, "lower": 35.0, "upper": 59.4}
    verdict = {"kind": "inhibition", "arm": "DrugA", "control": "Vehicle", "day": 18.0, "probability": 0.996,
               "words": "inhibited", "agreement": None, "tgi": tgi}  # fmt: skip
    one = StudyReport("two", "Two arms", "good", verdict, tgi=tgi, animals=10, written=True)
    page = index_page([one, GOOD], title="Studies")
    assert "2 studies: 1 inhibited, 1 enhanced." in page
    row = page[page.index('data-sort="Two arms"') :]
    cells = [cell.strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row[: row.index("</tr>")], re.DOTALL)]
    assert cells[1:] == [
        "DrugA",
        "inhibited",
        "–",
        "0.996",
        "49.3 (35.0 to 59.4)",
        "–",
        "–",
        "18",
        "Vehicle",
        "one law",
        "10",
    ]
    assert one.line == "two: DrugA: inhibited, TGI 49.3 (35.0 to 59.4) % on day 18"
    assert "| Two arms | ✅ DrugA: inhibited | – | 49.3 (35.0 to 59.4) | 0.996 | – |" in reports_markdown(
        [one], title="x"
    )


def test_the_markdown_of_a_report_has_its_first_screen() -> None:
    content = content_for()
    text = report_markdown(content)
    assert text.startswith("## A study\n\n✅ **A + B: enhanced** (analysis sound)\n\nOn day 14 tumours are 0.60 times")
    assert "- ✅ **Growth laws:** the laws give the same verdict" in text
    assert "| A + B | Bliss | enhanced | 0.50 (0.30 to 0.70) | 0.990 | agree |" in text
    assert "| vehicle | 1.0 (0.8 to 1.2) |" in text
    moved = SensitivityTable("On the priors", content.curves, "The excess *moves*.", doubtful=True)
    doubtful = report_markdown(
        replace(content, sensitivity=(moved,), cautions=(Caution("Priors", "The excess *moves*."),))
    )
    assert "⚠️ **A + B: enhanced** (read with caution)" in doubtful
    assert "- ⚠️ **Priors:** The excess \\*moves\\*." in doubtful
    assert "- On the priors: The excess" in doubtful


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--json", "x.json"),
         "--json: of a folder of studies each report has its own results.json beside it. Leave it out."),
        (("-o", "all.html"), "-o all.html: the reports of a folder of studies go into a folder. Name a folder."),
    ],
)  # fmt: skip
def test_options_of_a_single_study_are_refused_for_a_folder(
    run: Run, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    found = run("report", folder_of(tmp_path / "in", "a"), *options)
    assert (found.code, found.out, found.err) == (2, "", sentence + "\n")


@pytest.mark.usefixtures("fits")
def test_the_command_reports_a_folder_past_a_broken_study(run: Run, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "in", "broken")
    shutil.copytree(FIXTURE, folder / "four")
    found = run("report", folder, "-m", CARD, "--draws", "500", "--quiet", "--markdown", "all.md", "--title", "Mine")
    assert found.code == 2
    lines = found.out.splitlines()
    assert lines[0].startswith("broken: not analysed: ")
    assert "four: T-DM1 + pertuzumab: enhanced" in lines
    assert lines[-1] == "Index: reports/index.html"
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == ["four", "index.html"]
    assert sorted(path.name for path in (tmp_path / "reports" / "four").iterdir()) == ["report.html", "results.json"]
    assert "<h1>Mine</h1>" in (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
    assert "T-DM1 + pertuzumab: enhanced" in (tmp_path / "all.md").read_text(encoding="utf-8")
