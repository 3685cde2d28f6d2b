"""The files that a team copies: the workflow, the README's lines, the fixture's gates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from running import Run

from xenograft.evidence.drift import drift, read_reference
from xenograft.evidence.gates import KINDS, check_gates, read_gates
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import fit_all
from xenograft.model.card import ModelCard
from xenograft.model.choice import LASTING, WANING
from xenograft.study.study import Study

ROOT = Path(__file__).parents[1]
GATES = ROOT / "fixtures" / "ci" / "gates.toml"
WORKFLOW = (ROOT / ".github" / "workflows" / "compare-models.yml").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENT = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")


def options_of(command: str) -> set[str]:
    return set(re.findall(r"--[a-z]+", command))


def test_the_fixtures_gates_fit_its_study_and_the_shipped_cards(study: Study, cards: Mapping[str, ModelCard]) -> None:
    check_gates(GATES, read_gates(GATES), study, cards)


def test_the_fixtures_reference_is_of_the_fixture_and_of_todays_cards(
    study: Study, cards: Mapping[str, ModelCard]
) -> None:
    stored = read_reference(GATES.parent / "reference.json")
    answering = " ".join(f"-m {name}" for name in LASTING + WANING if cards[name].answers)
    remedy = f"xenograft reference fixtures/her2-four-arm {answering} -o fixtures/ci/reference.json"
    assert stored["study"]["digest"] == study.digest, remedy
    assert {name: model["digest"] for name, model in stored["models"].items()} == {
        name: cards[name].digest for name in LASTING + WANING if cards[name].answers
    }, remedy


def test_fits_of_today_do_not_drift_from_the_fixtures_reference(
    study: Study, cards: Mapping[str, ModelCard], fits: Mapping[str, Fit]
) -> None:
    stored = read_reference(GATES.parent / "reference.json")
    others = {name: cards[name] for name in stored["models"] if name not in fits}
    today = {**fits, **fit_all(study, others, seed=1, progress=False)}
    for name in stored["models"]:
        shifts = drift(stored, today[name]).shifts()
        assert not len(shifts) or shifts.iloc[0] < 0.1, shifts  # else a number has got another meaning


def test_the_workflow_judges_the_fixtures_gates_with_options_that_exist(run: Run) -> None:
    command = re.findall(r"uv run (xenograft compare .*?)\n\s+- name", WORKFLOW, flags=re.DOTALL)[0]
    assert "fixtures/her2-four-arm --gates fixtures/ci/gates.toml" in command
    assert options_of(command) == {"--gates", "--cache", "--json", "--markdown", "--junit"}
    assert options_of(command) <= options_of(run("compare", "--help").out)


def test_the_readmes_lines_are_few_and_use_options_that_exist() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    assert len(block.strip().splitlines()) <= 13
    (command,) = re.findall(r"xenograft compare my-study .*", block)
    assert options_of(command) <= options_of(WORKFLOW)


def test_every_kind_of_gate_with_its_keys_and_measures_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", DOCUMENT, flags=re.MULTILINE))
    assert list(rows) == list(KINDS)
    common = {"kind", "name", "operator", "value", "why"}
    for kind, model in KINDS.items():
        for key in set(model.model_fields) - common:
            assert f"`{key}`" in rows[kind] or (kind == "excess" and "as `probability`" in rows[kind]), (kind, key)
        if "measure" in model.model_fields:
            for word in model.model_fields["measure"].annotation.__args__:  # pyright: ignore
                assert f"`{word}`" in rows[kind], (kind, word)
