"""What a job's process does for the answer: the calls of `xenograft report`, then what the page may ask next."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xenograft.app.jobs import PACE, tell
from xenograft.app.work import Work, read_record
from xenograft.errors import InputError
from xenograft.files import write_csv, write_text

if TYPE_CHECKING:
    import pandas as pd

    from xenograft.analysis import Analysis
    from xenograft.report.content import ReportContent

PAGE, NUMBERS, ANSWER, DAYS, TABLE, WORKBOOK, FIGURES = (
    "report.html", "results.json", "answer.json", "days.json", "numbers.csv", "numbers.xlsx", "figures",
)  # fmt: skip

AFTER = 20.0
"""Seconds from the last fit to the verdict, until an analysis on this machine has shown how many."""

STEPS = ("fit", "compare", "report", "days", "numbers", "figures")
"""What an analysis does in turn; the verdict is there after the third."""


def command_of(asked: Mapping[str, Any], *, everything: bool = False) -> str:
    """The command that gives the same results.json from the study's folder.

    Parameters
    ----------
    asked : mapping
        `cards` (empty: those that suit the study), `seed`, `draws`, `chains`, `fast`, `reference`.
    everything : bool
        With the figures too.
    """
    words = ["xenograft", "report", "study.toml"]
    for card in asked.get("cards", ()):
        words += ["-m", str(card)]
    words += ["--seed", str(asked["seed"])]
    words += ["--draws", str(asked["draws"])] if asked["draws"] != 1000 else []
    words += ["--chains", str(asked["chains"])] if asked["chains"] != 4 else []
    words += ["--fast"] if asked["fast"] else []
    words += ["--reference", "hsa"] if asked["reference"] == "hsa" else []
    return shlex.join([*words, *(["--figures", FIGURES] if everything else [])])


def analyse_work(folder: Path, asked: Mapping[str, Any]) -> None:
    """Fit and report the study of a piece of work; see `command_of` for what may be asked."""
    from xenograft.analysis import analyse
    from xenograft.answers.results import to_json
    from xenograft.fitting.processes import second_process
    from xenograft.fitting.progress import told_to
    from xenograft.report.outputs import written

    work = Work(folder)
    if work.elsewhere:
        raise InputError(work.elsewhere)
    cards = [str(card) for card in asked.get("cards", ())] or None
    follow = _Follow(folder, asked)
    for name in (ANSWER, DAYS, TABLE, WORKBOOK):
        (work.out / name).unlink(missing_ok=True)
    with told_to(follow.fit), second_process() as second:
        analysis = analyse(
            work.study, cards, seed=asked["seed"], draws=asked["draws"], chains=asked["chains"], quiet=True,
            method="importance" if asked["fast"] else "nuts", before_fitting=follow.begin,
        )  # fmt: skip
        follow.step("report")
        content = written(
            analysis, work.out / PAGE, reference=asked["reference"], json=work.out / NUMBERS,
            command=command_of(asked), second=second,
        )  # fmt: skip
    write_text(work.out / ANSWER, to_json(answer_of(analysis, content)))
    follow.step("days")
    from xenograft.app.by_day import answers_by_day

    write_text(work.out / DAYS, to_json(answers_by_day(analysis, content)))
    follow.step("numbers")
    write_numbers(work.out, analysis, asked["seed"])
    follow.step("figures")
    from xenograft.report.page import write_figures

    write_figures(work.out / FIGURES, content)


def answer_of(analysis: Analysis, content: ReportContent) -> dict[str, Any]:
    """What the page says first, in the report's own words."""
    from xenograft.printing import interval_in_words, percent_interval
    from xenograft.report import words

    verdict = content.results["verdict"]
    level = words.level_of(content)
    size = "–"
    if verdict and verdict["kind"] == "inhibition":
        size = f"TGI {percent_interval(verdict['tgi'])} %"
    elif verdict and (found := words.averaged_interaction(content.results, verdict)):
        size = f"{interval_in_words(found['combination_index'], 2)} × the volume predicted"
    return {
        "title": content.title,
        "level": level,
        "badge": list(words.LEVELS[level]),
        "question": words.question(content),
        "headline": words.headline(verdict) if verdict else content.results["reason"],
        "answer": words.answer(content),
        "lights": [{"name": one.name, "level": one.level, "words": one.words} for one in words.lights(content)],
        "size": size,
        "day": analysis.study.horizon,
        "sentences": [one["sentence"] for one in content.results["verdicts"]],
        "has_interaction": any(one["kind"] == "interaction" for one in content.results["verdicts"]),
    }


def write_numbers(folder: Path, analysis: Analysis, seed: int) -> None:
    """Every number as `xenograft estimands --csv` gives it, and the same as a workbook."""
    from xenograft.answers.summary import long_table, summary

    if not analysis.ranking.answer_weights:
        return
    table = long_table(summary(analysis.fits, analysis.ranking, seed=seed))
    write_csv(folder / TABLE, table)
    write_workbook(folder / WORKBOOK, table)


def write_workbook(path: Path, table: pd.DataFrame) -> None:
    """A table as an Excel workbook in which no text is computed."""
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    from xenograft.files import json_value, replacing, without_formulas

    book = Workbook(write_only=True)
    sheet = book.create_sheet("numbers")
    for place in range(1, table.shape[1] + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 18
    safe = without_formulas(table)
    sheet.append([str(name) for name in safe.columns])
    for row in safe.itertuples(index=False):
        sheet.append([json_value(value) for value in row])
    with replacing(path) as temporary:
        book.save(temporary)


class _Follow:
    """How far an analysis is, told to its folder."""

    def __init__(self, folder: Path, asked: Mapping[str, Any]) -> None:
        self._folder, self._asked = folder, asked
        self._cards: list[str] = []
        self._done: dict[str, float] = {}
        self._step, self._told = "fit", 0.0
        self._first: tuple[float, float] | None = (
            None  # when fits first went on, and how far; machine code was made before
        )
        self._fitted: float | None = None
        self._after = float(read_record(folder.parent / PACE).get("after", AFTER))

    def begin(self, _study: object, cards: Mapping[str, object]) -> None:
        self._cards = list(cards)
        self._say()

    def fit(self, name: str, share: float) -> None:
        """A fit goes on, or an animal is left out where that needs a fit of its own."""
        if self._step != "fit" or name not in self._cards:
            return
        self._done[name] = max(share, self._done.get(name, 0.0))
        if share in (0.0, 1.0) or time.time() - self._told > 0.3:
            self._say(name)
        if all(self._done.get(card, 0.0) >= 1.0 for card in self._cards):
            self.step("compare")

    def step(self, step: str) -> None:
        """The next of `STEPS` begins."""
        if step in ("compare", "report") and self._fitted is None:
            self._fitted = time.time()
        if step == "days" and self._fitted is not None:  # remembered for the next analysis
            write_text(self._folder.parent / PACE, json.dumps({"after": time.time() - self._fitted}))
        self._step = step
        self._say()

    def _say(self, card: str = "") -> None:
        self._told = time.time()
        share = sum(self._done.values()) / max(len(self._cards), 1)
        if share > 0 and self._first is None:
            self._first = self._told, share
        tell(
            self._folder, step=self._step, card=card, cards=len(self._cards), share=share,
            done=sum(value >= 1.0 for value in self._done.values()), ready_at=self._ready_at(share),
        )  # fmt: skip

    def _ready_at(self, share: float) -> float | None:
        """When the verdict will be there (seconds since 1970), None while nobody can tell."""
        if self._fitted is not None:
            return self._fitted + self._after
        if self._first is None or share - self._first[1] < 0.03:
            return None
        now, (since, before) = time.time(), self._first
        return now + (now - since) * (1 - share) / (share - before) + self._after
