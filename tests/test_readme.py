"""The README's claims: its commands, its Python example and the output it shows, its table of models."""

from __future__ import annotations

import itertools
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


def test_the_front_page_can_be_read_to_its_end() -> None:
    assert len(README.splitlines()) <= 200


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
            if re.fullmatch(r"-?\d+\.?\d*", ours):  # another processor draws other numbers: elpd varies by 0.5
                assert float(theirs) == pytest.approx(float(ours), rel=0.01, abs=0.05)
            else:
                assert theirs == ours
    assert (tmp_path / "report.html").is_file()
    made, stored = (np.asarray(Image.open(path).convert("L"), float) for path in (tmp_path / "excess.png", FIGURE))
    assert made.shape == stored.shape
    assert np.abs(made - stored).mean() < 2  # of 255: the same figure, but for Monte-Carlo error and fonts


def test_the_verdict_the_readme_quotes_is_the_fixtures(fits: Mapping[str, Fit]) -> None:
    from xenograft.analysis import collect_results
    from xenograft.answers.ranking import compare

    study = next(iter(fits.values())).study
    sentence = collect_results(study, fits, compare(fits))["verdict"]["sentence"]
    (quoted,) = re.findall(r"^> (T-DM1 .*?)\n\n", README, re.MULTILINE | re.DOTALL)
    quoted = " ".join(quoted.replace("\n> ", " ").split())
    # of ten models; of these six the other law carries a hundredth of the weight, or a little less
    quoted, sentence = (text.removesuffix(" The growth laws agree.") for text in (quoted, sentence))
    numbers = r"\d+\.\d+"
    assert re.sub(numbers, "#", sentence) == re.sub(numbers, "#", quoted)
    for ours, theirs in zip(re.findall(numbers, quoted), re.findall(numbers, sentence), strict=True):
        assert float(theirs) == pytest.approx(float(ours), abs=0.03)


def table_below(page: str, head: str) -> list[list[str]]:
    """Cells of the first table of a page of docs/ whose header begins with these words, bold marks left out."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").replace("**", "").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"| {head}"))
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[start:])
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return [cells[0], *cells[2:]]


def test_the_error_rates_the_readme_quotes_are_those_of_the_tables() -> None:
    text = " ".join(README.split())
    _, *averaged = table_below("what-was-found.md", "truth | studies | called enhanced")
    wrong = [int(row[2]) + int(row[3]) for row in averaged]
    assert {row[1] for row in averaged} == {"200"}
    assert len(averaged) == 4
    assert f"in four sets of 200 simulated studies it called {min(wrong)} to {max(wrong)} of 200" in text
    head, *rows = table_below("error-rates.md", "truth | studies")
    logistic = [dict(zip(head, row, strict=True)) for row in rows if row[0].startswith("logistic")]

    def wrong_in_all(method: str) -> int:
        return sum(int(row[f"{method}: enhanced / less / wrong"].split(" / ")[2]) for row in logistic)

    assert (
        f"the exponential model alone is wrong in {wrong_in_all('exponential card')} of "
        f"{sum(int(row['studies']) for row in logistic)} studies, a mixed linear model in "
        f"{wrong_in_all('mixed linear model')}, the average in {wrong_in_all('averaged')} "
    ) in text


def test_the_health_of_real_studies_the_readme_quotes_is_that_of_the_table() -> None:
    head, *rows = table_below("what-was-found.md", "study | fits")
    fits, passed = (sum(int(row[head.index(column)]) for row in rows) for column in ("fits", "pass"))
    assert len(rows) == 20
    assert f"On twenty real studies {passed} of {fits} fits pass" in " ".join(README.split())
    assert not any("(fail" in row[-1] for row in rows)


def test_files_the_readme_links_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert (ROOT / target).exists(), target
