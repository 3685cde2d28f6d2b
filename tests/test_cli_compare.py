"""The CI job: gates, their lines and exit codes, the files for machines, stored fits and references."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from running import Run

from xenograft.evidence.gates import KINDS
from xenograft.fitting import sampling
from xenograft.fitting.fit import Fit, Health

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "her2-four-arm"
DEPARTURE, NULL = "exponential-bliss-departure", "exponential-bliss"
TWO = ("-m", DEPARTURE, "-m", NULL, "--draws", "500", "--quiet")
"""Cards of one growth law, so that the model compiled for the other tests is used."""

RULES: Mapping[str, tuple[str, Any, Any]] = {
    'kind = "health"\nmeasure = "max_rhat"': ("<=", 1.05, 0.9),
    f'kind = "rank"\ncard = "{DEPARTURE}"\nagainst = "{NULL}"': (">=", 0, 100),
    f'kind = "weight"\ncard = "{DEPARTURE}"': (">=", 0.1, 1.1),
    f'kind = "elpd"\ncard = "{NULL}"': (">=", 100, 1000),
    'kind = "probability"': (">=", 0.975, 1.5),
    'kind = "excess"\nmeasure = "lower"': (">", 0, 2),
    'kind = "inhibition"\narm = "T-DM1"': (">=", 0.5, 1.5),
    f'kind = "coverage"\ncard = "{DEPARTURE}"': (">=", 0.75, 0.999),
    'kind = "sensitivity"': ("<=", 0.3, 0),
    f'kind = "bayes_factor"\ncard = "{DEPARTURE}"': (">=", 3, 1e9),
    f'kind = "parts"\ncard = "{NULL}"\nmeasure = "mean_pit"': ("<=", 0.5, 0),
    'kind = "drift"\nreference = "reference.json"': ("<=", 0.5, -1),
}
"""Every kind of gate with a number that passes and one that fails."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored fits, so that only the first command of this module samples."""
    return tmp_path_factory.mktemp("stored-fits")


def write_gates(folder: Path, *, passing: bool) -> Path:
    tables = [
        f'[[gate]]\nname = "rule {i}"\n{rule}\noperator = "{operator}"\n'
        f'value = {good if passing else bad}\nwhy = "so"\n'
        for i, (rule, (operator, good, bad)) in enumerate(RULES.items())
    ]
    path = folder / "gates.toml"
    path.write_text("\n".join(tables), encoding="utf-8")
    return path


def test_every_kind_of_gate_is_run_through_the_command_line() -> None:
    assert {rule.split('"')[1] for rule in RULES} == set(KINDS)


@pytest.mark.usefixtures("fits")
def test_gates_pass_and_fail_with_a_line_each_an_exit_code_and_files(run: Run, cache: Path, tmp_path: Path) -> None:
    stored = run("reference", FIXTURE, *TWO, "--cache", cache, "-o", "reference.json")
    assert (stored.code, stored.err, stored.out) == (0, "", "Stored 2 of 2 cards in reference.json.\n")
    gates = write_gates(tmp_path, passing=True)
    outputs = ("--json", "out/r.json", "--markdown", "out/s.md", "--junit", "out/j.xml")
    found = run("compare", FIXTURE, *TWO, "--cache", cache, "--gates", gates, *outputs)
    lines = [line for line in found.out.splitlines() if line.startswith(("pass", "FAIL"))]
    assert (found.code, found.err) == (0, ""), lines
    assert [line.split(":")[0] for line in lines] == [f"pass  rule {i}" for i in range(len(RULES))]
    assert all("found " in line and "asked " in line and "margin " in line for line in lines)
    write_gates(tmp_path, passing=False)
    failing = run("compare", FIXTURE, *TWO, "--cache", cache, "--gates", gates, *outputs)
    lines = [line for line in failing.out.splitlines() if line.startswith(("pass", "FAIL"))]
    assert (failing.code, failing.err) == (1, "")
    assert [line.split(":")[0] for line in lines] == [f"FAIL  rule {i}" for i in range(len(RULES))]

    results = json.loads((tmp_path / "out" / "r.json").read_text(encoding="utf-8"))
    assert [gate["passed"] for gate in results["gates"]] == [False] * len(RULES)
    comparison = results["comparison"]
    assert [row["card"] for row in comparison["ranking"]] == [DEPARTURE, NULL]
    assert len(comparison["animals"]) == 40
    assert {"laws", "parts", "bayes_factors", "sensitivity", "checks", "pareto_k", "warnings"} <= set(comparison)
    text = (tmp_path / "out" / "s.md").read_text(encoding="utf-8")
    assert f"**{len(RULES)} of {len(RULES)} gates failed.**" in text
    assert "elpd difference to the best card" in text
    schema = etree.XMLSchema(etree.parse(str(Path(__file__).parent / "junit.xsd")))
    document = etree.parse(str(tmp_path / "out" / "j.xml"))
    schema.assertValid(document)
    assert document.getroot().get("failures") == str(len(RULES))


@pytest.mark.usefixtures("fits")
def test_compare_prints_ranking_nulls_factor_prediction_and_verdicts(run: Run, cache: Path, tmp_path: Path) -> None:
    found = run("compare", FIXTURE, *TWO, "--cache", cache)
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0].split()[:3] == ["card", "elpd", "difference"]
    assert lines[1].split()[0] == DEPARTURE
    assert "0.0 ± 0.0" in lines[1]
    assert " null " in lines[2]
    for title in ("nulls", "Bayes factor for a departure", "combination predicted from vehicle and single arms"):
        assert title in lines
    assert f"note: {DEPARTURE} and {NULL} differ only in the departure." in lines
    assert any(line.startswith("T-DM1 + pertuzumab against independent action (Bliss), day 31: ") for line in lines)
    assert not any(line.startswith(("pass", "FAIL")) for line in lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("fits")
def test_stored_fits_are_reused_and_said_to_be(run: Run, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loud = [word for word in TWO if word != "--quiet"]
    first = run("compare", FIXTURE, *loud, "--cache", cache)

    def no_sampling(*_: object, **__: object) -> None:
        raise AssertionError("something was fitted")

    monkeypatch.setattr(sampling, "fit_all", no_sampling)
    monkeypatch.setattr(sampling, "refit_without", no_sampling)
    again = run("compare", FIXTURE, *loud, "--cache", cache)
    assert again.code == 0
    assert again.out == first.out
    for name in (DEPARTURE, NULL):
        assert f"{name}: stored fit reused ({cache}/{name}-" in again.err
    assert run("compare", FIXTURE, *loud, "--cache", cache, "--seed", "2").code == 4  # another seed is another fit


@pytest.mark.usefixtures("fits")
def test_the_verdicts_reference_may_be_chosen(run: Run, cache: Path, tmp_path: Path) -> None:
    run("compare", FIXTURE, *TWO, "--cache", cache, "--reference", "hsa", "--json", "r.json")
    results = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert results["verdict"]["reference"] == "hsa"


@pytest.mark.usefixtures("fits")
def test_without_a_healthy_answer_the_exit_code_is_3_whatever_the_gates_say(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    health = Health("fail", 1.3, 12.0, 9.0, 0, 0.0, 1.0, ("R-hat 1.3 (growth)",))
    for judged in ("judge", "judge_weights"):
        monkeypatch.setattr(sampling, judged, lambda *_: health)
    (tmp_path / "gates.toml").write_text(
        '[[gate]]\nname = "sure"\nkind = "probability"\noperator = ">="\nvalue = 0.975\nwhy = "so"\n', encoding="utf-8"
    )
    found = run("compare", FIXTURE, "-m", DEPARTURE, "--draws", "500", "--quiet", "--gates", "gates.toml",
                "--markdown", "s.md", "--junit", "j.xml", "--json", "r.json")  # fmt: skip
    assert found.code == 3
    assert "FAIL  sure: nothing to judge (no healthy card may answer), asked >= 0.975" in found.out.splitlines()
    assert all((tmp_path / name).is_file() for name in ("s.md", "j.xml", "r.json"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gate = 1", "gates.toml: there is no gate. Write each rule as a [[gate]] table."),
        ('[[gate]]\nname = "a"\nkind = "rank"\ncard = "exponental-bliss"\noperator = ">="\nvalue = -4\nwhy = "b"\n',
         f'gates.toml, gate "a": card = "exponental-bliss" is none of {DEPARTURE}, {NULL}. Did you mean "{NULL}"?'),
    ],
)  # fmt: skip
def test_a_bad_gates_file_is_named_before_anything_is_fitted(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, sentence: str
) -> None:
    monkeypatch.setattr(sampling, "fit_all", None)
    (tmp_path / "gates.toml").write_text(text, encoding="utf-8")
    found = run("compare", FIXTURE, *TWO, "--gates", "gates.toml")
    assert (found.code, found.out, found.err) == (2, "", f"{sentence}\n")


def test_junit_without_gates_is_wrong_usage(run: Run) -> None:
    found = run("compare", FIXTURE, "--junit", "j.xml")
    assert (found.code, found.out) == (2, "")
    assert "--junit writes the gates; give --gates FILE too." in " ".join(found.err.split())


@pytest.mark.usefixtures("fits")
def test_progress_says_what_is_fitted_again(run: Run, fits: Mapping[str, Fit]) -> None:
    found = run("compare", FIXTURE, *[word for word in TWO if word != "--quiet"])
    assert f"{NULL}: fitting again without 10 animals" in found.err
