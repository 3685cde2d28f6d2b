"""The studies below a folder, side by side: which are analysed, what they say, and the work that belongs to each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xenograft.app.analysing import ANSWER
from xenograft.app.jobs import Desk
from xenograft.app.work import Shelf, Work, read_record
from xenograft.files import write_text
from xenograft.reading.folder import studies_in

LINKS = "studies.json"
COLUMNS = ("study", "verdict", "size", "sound", "state")


@dataclass(frozen=True)
class Studies:
    """The studies below a folder.

    Parameters
    ----------
    folder : Path
        Never written to: each study is copied to work of its own when it is opened.
    shelf : Shelf
        Where that work is kept.
    desk : Desk
        Says what runs.
    """

    folder: Path
    shelf: Shelf
    desk: Desk

    def names(self) -> list[str]:
        """Folders of the studies, relative to the folder; "." where it is one itself."""
        found = [place.relative_to(self.folder).as_posix() for place in studies_in(self.folder)]
        return ["."] if (self.folder / "study.toml").is_file() else found

    def work(self, name: str) -> Work:
        """The work that belongs to a study: what was begun before, else a copy of it as it is now."""
        if name not in self.names():
            raise KeyError(name)
        links = self._links()
        found = self.shelf.find(str(links.get(name, "")))
        if found is None:
            found = self.shelf.copy(self.folder / name)
            write_text(self._place, json.dumps(self._links() | {name: found.key}))
        return found

    def begun(self, name: str) -> Work | None:
        """The work that belongs to a study, None where it was never opened."""
        return self.shelf.find(str(self._links().get(name, "")))

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

    @property
    def _place(self) -> Path:
        """Which work belongs to which study of this folder."""
        key = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:16]
        return self.shelf.folder / f"{key}-{LINKS}"

    def _links(self) -> dict[str, Any]:
        return read_record(self._place)
