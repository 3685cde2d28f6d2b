"""The studies below a folder, side by side: which are analysed, what they say, and the work that belongs to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xenograft.app.analysing import ANSWER
from xenograft.app.jobs import Desk
from xenograft.app.panels import PANEL
from xenograft.app.work import Kept, Work, read_record
from xenograft.reading.folder import studies_in

COLUMNS = ("study", "verdict", "size", "sound", "state")


@dataclass(frozen=True)
class Studies:
    """The studies below a folder.

    Parameters
    ----------
    folder : Path
        Never written to: each study is copied to work of its own when it is opened.
    kept : Kept
        Where that work is kept.
    desk : Desk
        Says what runs.
    """

    folder: Path
    kept: Kept
    desk: Desk

    def names(self) -> list[str]:
        """Folders of the studies, relative to the folder; "." where it is one itself. A panel's table is no study."""
        places = [self.folder] if (self.folder / "study.toml").is_file() else studies_in(self.folder)
        return [place.relative_to(self.folder).as_posix() for place in places if not (place / PANEL).is_file()]

    def work(self, name: str) -> Work:
        """The work that belongs to a study: what was begun before, else a copy of it as it is now."""
        if name not in self.names():
            raise KeyError(name)
        return self.kept.find(name) or self.kept.new(name, self.folder / name)

    def begun(self, name: str) -> Work | None:
        """The work that belongs to a study, None where it was never opened."""
        return self.kept.find(name)

    def table(self) -> pd.DataFrame:
        """One row per study, in the order of their names: what it says, as far as it was analysed."""
        rows = [self._row(name, self.begun(name)) for name in self.names()]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _row(self, name: str, work: Work | None) -> Mapping[str, Any]:
        row = dict.fromkeys(COLUMNS, "") | {"study": name, "state": "not analysed"}
        if work is None:
            return row
        standing = self.desk.standing(work.folder)
        answer = read_record(work.out / ANSWER)
        row["state"] = {"none": "not analysed", "done": "analysed"}.get(standing.state, standing.state)
        if answer:
            row |= {"verdict": answer["headline"], "sound": answer["badge"][1], "size": answer["size"]}
            row["state"] = row["state"] if standing.is_open else "analysed"
        elif standing.problems:
            row["verdict"] = standing.problems[0]
        return row
