"""Tables of docs/estimands.md and models/README.md: every number, and every word of a card, as the package says them.

`uv run python benchmarks/definitions.py` writes them again; tests/test_docs.py checks that the pages are up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from xenograft.answers.followed import level_curves
from xenograft.model.card import ModelCard
from xenograft.model.vocabulary import (
    ALWAYS,
    CORRELATED,
    CORRELATION,
    ERROR_SMALL,
    KEYS,
    MODERATORS,
    MODERATORS_OF_DEPARTURE,
    PANEL,
    PANEL_DEPARTURE,
    PARAMETERS,
    RESIDUAL,
    SHARED_BY,
    WITH_OWN_CURVES,
)
from xenograft.quantities.animals import RAW_DEFINITIONS
from xenograft.quantities.arms import ARM_DEFINITIONS
from xenograft.quantities.catalogue import arm_estimands, questions
from xenograft.reading.read import read_study
from xenograft.study.examples import example_folder

ROOT = Path(__file__).parents[1]
SHARED_IN = {
    "mouse": "any whose animals differ; used where mice carry several tumours",
    "cage": "`varies = growth`; used where cages hold several animals",
}
PAGES = [ROOT / "docs" / "estimands.md", ROOT / "models" / "README.md"]


def tables() -> dict[str, str]:
    """Markdown tables by the name of their place in a page."""
    study = read_study(example_folder())
    level = level_curves(study)
    with np.errstate(divide="ignore", invalid="ignore"):  # the numbers of level curves mean nothing
        told = {
            key: (str(v.attrs["unit"]), str(v.attrs["definition"])) for key, v in arm_estimands(level, study).items()
        }
    return {
        "curves": _table(told, asked=True),
        "arms": _table(ARM_DEFINITIONS),
        "animals": _table(RAW_DEFINITIONS),
        "words": _markdown(["key", "word", "says", "priors"], _words()),
        "parameters": _markdown(["prior", "unit", "distributions", "of a card that says"], _parameters()),
    }


def page(text: str) -> str:
    """A page with its tables written again."""
    for name, table in tables().items():
        marks = rf"(<!-- {name}: written by benchmarks/definitions.py -->\n).*?(<!-- end of {name} -->)"
        text = re.sub(marks, lambda found, table=table: f"{found[1]}{table}{found[2]}", text, flags=re.DOTALL)
    return text


def _table(definitions: Mapping[str, tuple[str, str]], *, asked: bool = False) -> str:
    head = ["number", "unit", "definition", *(["probability of", "margin"] if asked else [])]
    return _markdown(head, [_row(key, unit, words, asked=asked) for key, (unit, words) in definitions.items()])


def _words() -> Iterator[list[str]]:
    for key, words in KEYS.items():
        usual = ModelCard.model_fields[key].default
        for name, word in words.items():
            notes = ["unless said"] if name == usual else []
            if getattr(word, "own_curves", False):
                notes.append(f"only with {_marked(WITH_OWN_CURVES.values())}")
            yield [
                f"`{key}`",
                f"`{name}`",
                word.said + (f" ({'; '.join(notes)})" if notes else ""),
                _marked(word.priors),
            ]
    yield ["`error_small`", "`true`", "readings of small tumours are less precise", _marked(ERROR_SMALL)]
    yield ["`residual`", "`true`", "something that never shrinks is measured with every tumour", _marked(RESIDUAL)]
    yield ["`panel`", "`true`", "of a panel of models, which differ", _marked([*PANEL, *PANEL_DEPARTURE])]
    moderated = _marked([*MODERATORS, *MODERATORS_OF_DEPARTURE])
    yield ["`moderators`", "`true`", "how models respond changes with what was measured of them", moderated]


def _parameters() -> Iterator[list[str]]:
    for name, parameter in PARAMETERS.items():
        needs = [f"`{key} = {word}`" for key, words in KEYS.items() for word in words if name in words[word].priors]
        needs += ["`residual = true`"] if name in RESIDUAL else []
        needs += ["`error_small = true`"] if name in ERROR_SMALL else ["any"] if name in ALWAYS else []
        if name in (*PANEL, *MODERATORS, *PANEL_DEPARTURE, *MODERATORS_OF_DEPARTURE):
            needs = ["`panel = true`" if name in (*PANEL, *PANEL_DEPARTURE) else "`moderators = true`"]
            needs += ["`departure = estimated`"] if name in (*PANEL_DEPARTURE, *MODERATORS_OF_DEPARTURE) else []
        if name in SHARED_BY:
            needs = [SHARED_IN[SHARED_BY[name]]]
        if name == CORRELATION:
            needs = [f"`varies` {' and '.join(f'`{word}`' for word in CORRELATED)}"]
        yield [f"`{name}`", parameter.unit, _marked(parameter.distributions), ", ".join(needs)]


def _marked(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join([_line(head), _line(["---"] * len(head)), *map(_line, rows)]) + "\n"


def _row(key: str, unit: str, words: str, *, asked: bool) -> list[str]:
    question = questions().get(key)
    more = ["", ""] if question is None else [f"{question.direction} {question.null:g}", f"{question.margin:g}"]
    return [f"`{key}`", unit, words[0].upper() + words[1:], *(more if asked else [])]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', ' ') for cell in cells)} |"


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
