"""The tables of docs/estimands.md: every number with its unit and definition, as the package says them.

`uv run python benchmarks/definitions.py` writes them again; tests/test_docs.py checks that the page is up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from xenograft.answers.followed import level_curves
from xenograft.quantities.animals import RAW_DEFINITIONS
from xenograft.quantities.arms import ARM_DEFINITIONS
from xenograft.quantities.catalogue import QUESTIONS, arm_estimands
from xenograft.reading.read import read_study
from xenograft.study.examples import example_folder

PAGE = Path(__file__).parents[1] / "docs" / "estimands.md"


def tables() -> dict[str, str]:
    """Markdown tables by the name of their place in the page."""
    study = read_study(example_folder())
    level = level_curves(study)
    with np.errstate(divide="ignore", invalid="ignore"):  # the numbers of level curves mean nothing
        told = {
            key: (str(v.attrs["unit"]), str(v.attrs["definition"])) for key, v in arm_estimands(level, study).items()
        }
    return {"curves": _table(told, asked=True), "arms": _table(ARM_DEFINITIONS), "animals": _table(RAW_DEFINITIONS)}


def page(text: str) -> str:
    """The page with its tables written again."""
    for name, table in tables().items():
        marks = rf"(<!-- {name}: written by benchmarks/definitions.py -->\n).*?(<!-- end of {name} -->)"
        text = re.sub(marks, lambda found, table=table: f"{found[1]}{table}{found[2]}", text, flags=re.DOTALL)
    return text


def _table(definitions: Mapping[str, tuple[str, str]], *, asked: bool = False) -> str:
    head = ["number", "unit", "definition", *(["probability of", "margin"] if asked else [])]
    rows = [_row(key, unit, words, asked=asked) for key, (unit, words) in definitions.items()]
    return "\n".join([_line(head), _line(["---"] * len(head)), *map(_line, rows)]) + "\n"


def _row(key: str, unit: str, words: str, *, asked: bool) -> list[str]:
    question = QUESTIONS.get(key)
    more = ["", ""] if question is None else [f"{question.direction} {question.null:g}", f"{question.margin:g}"]
    return [f"`{key}`", unit, words[0].upper() + words[1:], *(more if asked else [])]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', ' ') for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
