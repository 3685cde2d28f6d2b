"""The README's claims: its commands, its Python example and the output it shows, its table of models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xenograft.fitting.fit import Fit
from xenograft.model.card import ModelCard

ROOT = Path(__file__).parents[1]
FIGURE = ROOT / "docs" / "her2-excess.png"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_runs_exactly_the_readmes_test_command() -> None:
    command = "python3 -m pip install uv && uv run pytest"
    assert re.search(rf"^{re.escape(command)} +#", README, re.MULTILINE)
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith(f"\n{command}")
    assert "bash .ci/run" in (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")


def test_every_shipped_card_is_in_the_readme(cards: Mapping[str, ModelCard]) -> None:
    for card in cards.values():
        assert f"| `{card.name}` | {card.claim} | {'yes' if card.answers else 'null'} |" in README


def test_the_python_example_runs_and_prints_what_it_shows(
    fits: Mapping[str, Fit], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert fits  # compiled already
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    code = code.replace('"fixtures/her2-four-arm"', repr(str(ROOT / "fixtures" / "her2-four-arm")))
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    for line in shown.splitlines():
        if line.strip() == "...":
            continue
        words = line.split()
        (found,) = [other.split() for other in printed.splitlines() if other.split()[:1] == words[:1]]
        assert len(found) == len(words)
        for ours, theirs in zip(words, found, strict=True):
            if re.fullmatch(r"-?\d+\.?\d*", ours):  # Monte-Carlo numbers may differ in the last digit elsewhere
                assert float(theirs) == pytest.approx(float(ours), rel=0.003, abs=0.05)
            else:
                assert theirs == ours
    assert (tmp_path / "report.html").is_file()
    made, stored = (np.asarray(Image.open(path).convert("L"), float) for path in (tmp_path / "excess.png", FIGURE))
    assert made.shape == stored.shape
    assert np.abs(made - stored).mean() < 2  # of 255: the same figure, but for Monte-Carlo error and fonts


def test_the_verdict_the_readme_quotes_is_the_fixtures(fits: Mapping[str, Fit]) -> None:
    from xenograft.answers.ranking import compare
    from xenograft.answers.results import collect_results

    study = next(iter(fits.values())).study
    sentence = collect_results(study, fits, compare(fits))["verdict"]["sentence"]
    (quoted,) = re.findall(r"^> (T-DM1 .*?)\n\n", README, re.MULTILINE | re.DOTALL)
    quoted = " ".join(quoted.replace("\n> ", " ").split())
    numbers = r"\d+\.\d+"
    assert re.sub(numbers, "#", sentence) == re.sub(numbers, "#", quoted)
    for ours, theirs in zip(re.findall(numbers, quoted), re.findall(numbers, sentence), strict=True):
        assert float(theirs) == pytest.approx(float(ours), abs=0.03)


def test_files_the_readme_links_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert (ROOT / target).exists(), target
