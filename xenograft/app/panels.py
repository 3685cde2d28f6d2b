"""The panels below a folder: which are analysed, and what they answer (`xenograft panel`)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xenograft.app.analysing import ANSWER, NUMBERS
from xenograft.app.jobs import Desk, tell
from xenograft.app.work import Kept, Work, read_record
from xenograft.files import write_text

PANEL, PANEL_PAGE = "panel.toml", "panel.html"
COLUMNS = ("panel", "on average", "in a new model", "state")


@dataclass(frozen=True)
class Panels:
    """The panels below a folder.

    Parameters
    ----------
    folder : Path
        Never written to.
    kept : Kept
        Where what they answer is kept.
    desk : Desk
        Says what runs.
    """

    folder: Path
    kept: Kept
    desk: Desk

    def names(self) -> list[str]:
        """Folders with a panel.toml, relative to the folder; "." where it is one itself."""
        return sorted(place.parent.relative_to(self.folder).as_posix() for place in self.folder.rglob(PANEL))

    def submit(self, name: str) -> None:
        """Queue the analysis of a panel as its files are now; one that is queued stays as it is."""
        work = self.kept.find(f"panel {name}") or self.kept.new(f"panel {name}")
        self.desk.submit(work.folder, analyse_panel_work, {"place": str(self.folder / name)})

    def answer(self, name: str) -> tuple[Work | None, Mapping[str, Any]]:
        """Where a panel's page is kept, and what it answers; None and nothing before it was analysed."""
        work = self.kept.find(f"panel {name}")
        return work, {} if work is None else read_record(work.out / ANSWER)

    def table(self) -> pd.DataFrame:
        """One row per panel."""
        return pd.DataFrame([self._row(name) for name in self.names()], columns=list(COLUMNS))

    def _row(self, name: str) -> Mapping[str, Any]:
        row = dict.fromkeys(COLUMNS, "") | {"panel": name, "state": "not analysed"}
        work, answer = self.answer(name)
        if work is None:
            return row
        standing = self.desk.standing(work.folder)
        doing = (standing.progress or {}).get("words", "") if standing.state == "running" else ""
        states = {"none": "not analysed", "done": "analysed"}
        row["state"] = doing or states.get(standing.state, standing.state)
        if standing.problems:
            return row | {"on average": standing.problems[0]}
        return row | {question: answer.get(question, "") for question in COLUMNS[1:3]}


def analyse_panel_work(folder: Path, asked: Mapping[str, Any]) -> None:
    """Fit and report the panel at `place`, as `xenograft panel PLACE` does; `cards` and `draws` may be asked for."""
    from xenograft.answers.results import to_json
    from xenograft.fitting.sampling import SamplerSettings
    from xenograft.panels.analysis import PanelAnalysis, analyse_panel, panel_cards
    from xenograft.panels.page import write_panel_page
    from xenograft.panels.read import read_panel

    def said(analysis: PanelAnalysis, question: str) -> str:
        several = len({one.combination for one in analysis.verdicts}) > 1
        return "; ".join(
            f"{one.combination}: {one.words}" if several else one.words
            for one in analysis.verdicts
            if one.question == question and one.reference == "bliss"
        )

    place, out = Path(str(asked["place"])), Work(folder).out
    tell(folder, words="reading")
    (out / ANSWER).unlink(missing_ok=True)  # of the files as they were
    panel = read_panel(place)
    cards = panel_cards(panel, asked.get("cards"))
    draws = int(asked.get("draws", SamplerSettings().draws))
    tell(folder, words=f"fitting {len(cards)} models to {len(panel.models)} tumour models")
    analysis = analyse_panel(
        panel, cards, settings=SamplerSettings(draws=draws, tune=draws), quiet=True,
        say=lambda words: tell(folder, words=words),
    )  # fmt: skip
    write_panel_page(out / PANEL_PAGE, analysis, command=shlex.join(["xenograft", "panel", str(place), "--seed", "1"]))
    write_text(out / NUMBERS, to_json(analysis.results))
    found = {
        "on average": said(analysis, "average") or analysis.reason,
        "in a new model": said(analysis, "new_model"),
        "sentences": [one.sentence for one in analysis.verdicts] or [analysis.reason],
        "cautions": list(analysis.cautions),
    }
    write_text(out / ANSWER, to_json(found))
