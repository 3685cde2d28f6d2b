"""Layers, the public surface, results.json, the command line."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import xenograft
from xenograft import cli, sampling
from xenograft.answers import VERDICT_REFERENCES
from xenograft.comparison import compare
from xenograft.fitted import Fit, Health
from xenograft.results import collect_results, to_json
from xenograft.study import Study

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "xenograft"
LAYERS = [
    ("errors",), ("files", "study"), ("study_file", "cards", "growth"), ("table", "exposure"),
    ("table_problems", "dynamics"), ("likelihood",), ("reading", "fitted", "simulation", "estimands"), ("prediction",),
    ("model",), ("sampling",), ("comparison",), ("answers",), ("results",), ("drawing",), ("figures",), ("reporting",),
    ("workers",), ("cli",),
]  # fmt: skip
MODULES = {file.stem: file for file in PACKAGE.glob("*.py") if file.stem != "__init__"}
CARD = "exponential-bliss-departure"
FIXTURE = str(ROOT / "fixtures" / "her2-four-arm")


def _imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):  # what is imported for the type checker only does not run
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: relative import"
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "xenograft"}
    return found


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name: str) -> None:
    level = {module: place for place, layer in enumerate(LAYERS) for module in layer}
    ours = {found.removeprefix("xenograft.") for found in _imports(MODULES[name]) if found.startswith("xenograft.")}
    assert {found for found in ours if found in level and level[found] >= level[name]} == set()


@pytest.mark.parametrize("name", MODULES)
def test_pymc_is_met_in_two_modules_only(name: str) -> None:
    roots = {found.split(".")[0] for found in _imports(MODULES[name])}
    if name not in ("model", "sampling"):
        assert not roots & {"pymc", "pytensor", "nutpie"}


def test_the_simulator_shares_no_code_with_the_likelihood() -> None:
    ours = {found for found in _imports(MODULES["simulation"]) if found.startswith("xenograft")}
    assert ours <= {"xenograft.errors", "xenograft.study"}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_small_and_have_telling_names(name: str) -> None:
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 350
    assert name not in ("utils", "base", "core", "helpers")


@pytest.mark.parametrize("code", ["import xenograft", "import xenograft.cli", "from xenograft import read_study"])
def test_reading_a_study_needs_neither_pymc_nor_matplotlib(code: str) -> None:
    check = f"{code}; import sys; print([m for m in ('pymc', 'matplotlib', 'nutpie', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_surface_is_sorted_and_complete() -> None:
    assert xenograft.__all__ == sorted(xenograft.__all__)
    assert set(xenograft.__all__) == set(xenograft._MODULE_OF)
    assert not set(xenograft.__all__) & set(MODULES)
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(xenograft.__all__)


@pytest.mark.parametrize("name", xenograft.__all__)
def test_everything_public_is_documented(name: str) -> None:
    thing = getattr(xenograft, name)
    assert thing.__doc__
    assert thing.__module__.startswith("xenograft.")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = xenograft.nothing


KEYS = {
    "": "schema study models interaction arms verdicts verdict reason references nulls notices provenance",
    "study": "name digest unit animals readings censored arms first_dose horizon",
    "models": "name claim digest answers answer_weight weight health refused elpd elpd_se elpd_diff elpd_diff_se p_loo "
    "bad_k cautions attempts seconds parameters",
    "interaction": "model combination reference day excess combination_index probability",
    "arms": "model arm of predicted day tgi tgi_baseline tgi_auc tgi_auc_baseline growth_rate doubling_time time_to_2x "
    "time_to_4x",
    "verdicts": "combination reference day probability mcse words agreement borderline caution sentence",
    "nulls": "null answering elpd_diff elpd_diff_se",
    "provenance": "versions seed data_sha256 card_digests seconds_total",
}


def test_results_have_their_stable_keys_and_are_documented(fits: dict[str, Fit], study: Study) -> None:
    content = json.loads(to_json(collect_results(study, fits, compare(fits))))
    documented = (ROOT / "docs" / "results-json.md").read_text(encoding="utf-8")
    for place, keys in KEYS.items():
        found = content if not place else content[place][0] if isinstance(content[place], list) else content[place]
        assert set(found) == set(keys.split()), place
        assert all(f"`{key}`" in documented for key in keys.split()), place
    assert content["schema"] == "xenograft-results/1"
    assert set(content["models"][0]["health"]) == set(Health.__dataclass_fields__)
    assert len(content["verdicts"]) == len(VERDICT_REFERENCES)
    assert content["verdict"]["words"] == "enhanced"
    for row in content["arms"]:
        for value in row.values():
            if isinstance(value, dict) and value["median"] is None:
                assert value["reason"]


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["xenograft", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_check_prints_the_arms(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "check", FIXTURE) == 0
    out = capsys.readouterr().out
    assert "T-DM1 + pertuzumab  10" in out
    assert "No problems found." in out


def test_models_lists_the_cards(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, "models") == 0
    assert all(name in capsys.readouterr().out for name in (CARD,))


def test_example_writes_a_study_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert _run(monkeypatch, "example", str(tmp_path / "mine")) == 0
    assert _run(monkeypatch, "check", str(tmp_path / "mine")) == 0
    assert _run(monkeypatch, "example", str(tmp_path / "mine")) == 2
    assert "already holds" in capsys.readouterr().err


def test_report_writes_the_page_and_the_numbers_and_prints_the_verdict(
    fits: dict[str, Fit], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert fits
    page = tmp_path / "out" / "page.html"
    assert _run(monkeypatch, "report", FIXTURE, "-m", CARD, "-o", str(page), "--draws", "500") == 0
    said = capsys.readouterr()
    assert "against independent action (Bliss), day 31: enhanced." in said.out
    assert "draws" in said.err
    assert "draws" not in said.out
    assert "enhanced" in page.read_text(encoding="utf-8")
    content = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [model["name"] for model in content["models"]] == [CARD]
    assert sorted(file.name for file in page.parent.iterdir()) == ["page.html", "results.json"]


def test_fit_writes_fits_that_can_be_loaded_and_is_quiet_when_asked(
    fits: dict[str, Fit], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert fits
    options = ("-m", CARD, "-o", str(tmp_path), "--draws", "300", "--seed", "7", "--quiet")
    assert _run(monkeypatch, "fit", FIXTURE, *options) == 0
    assert capsys.readouterr().err == ""
    found = Fit.load(tmp_path / f"{CARD}.nc")
    assert (found.seed, found.posterior.sizes["draw"] % 300, found.card.name) == (7, 0, CARD)
    assert json.loads((tmp_path / "results.json").read_text())["provenance"]["seed"] == 7


def test_compare_prints_the_ranking(
    fits: dict[str, Fit], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fits
    arguments = ("compare", FIXTURE, "-m", CARD, "-m", "exponential-bliss", "--draws", "500", "--quiet")
    assert _run(monkeypatch, *arguments) == 0
    out = capsys.readouterr().out
    assert re.search(rf"{CARD}\s+\d+\.\d ± \d+\.\d\s+0\.0 ± 0\.0", out)
    assert f"null exponential-bliss against {CARD}: elpd -" in out


def test_without_a_healthy_answer_the_exit_code_is_3_and_the_report_says_so(
    fits: dict[str, Fit], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert fits
    sick = Health("fail", 1.4, 20, 20, 0, 0.0, 0.9, ("R-hat 1.4 (growth)",))
    monkeypatch.setattr(sampling, "judge", lambda *_: sick)
    page = tmp_path / "page.html"
    arguments = ("report", FIXTURE, "-m", CARD, "-o", str(page), "--draws", "100", "--quiet")
    assert _run(monkeypatch, *arguments) == 3
    assert "no conclusion: the sampler did not converge" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert 'class="verdict bad"' in text[: text.index("<figure")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "nowhere"), "nowhere: there is no such file."),
        (("report", FIXTURE, "-m", "exponential-blis"), 'Did you mean "exponential-bliss"?'),
        (
            ("check", str(ROOT / "fixtures" / "broken-studies" / "negative-volume")),
            "is -4; it must be 0 or more.",
        ),
        (("reprot", FIXTURE), "No such command"),
        (("report", FIXTURE, "--sede", "1"), "No such option"),
        (("report",), "Missing argument"),
        (("report", FIXTURE, "--draws", "many"), "integer"),
    ],
)
def test_what_a_user_did_wrong_is_a_sentence_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert _run(monkeypatch, *arguments) == 2
    said = capsys.readouterr()
    assert words in " ".join((said.out + said.err).replace("│", " ").split())
    assert "Traceback" not in said.err


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt(), 130), (ZeroDivisionError("oops"), 4)])
def test_interruptions_and_our_own_faults_leave_old_files_alone(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    raised: BaseException,
    code: int,
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise raised

    monkeypatch.setattr(sampling, "fit_all", fail)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.html").write_text("the last good one")
    assert _run(monkeypatch, "report", FIXTURE, "-m", CARD) == code
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert (tmp_path / "report.html").read_text() == "the last good one"
    assert (tmp_path / "xenograft.log").exists() == (code == 4)
