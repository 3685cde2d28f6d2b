"""The rows below a header: their names, blank cells filled from above, headers said again (docs/study-files.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from xenograft.errors import StudyError
from xenograft.reading.sheet import Sheet, letters
from xenograft.reading.study_toml import StudyFile


def without_repeated_headers(body: pd.DataFrame, header: Sequence[str]) -> pd.DataFrame:
    """The body without rows that say the header again."""
    first = next((j for j, text in enumerate(header) if text), None)
    if first is None or sum(bool(text) for text in header) < 2:
        return body
    likely = body.index[body[first].str.strip() == header[first]]
    again = [row for row in likely if [text.strip() for text in body.loc[row]] == list(header)]
    return body.drop(index=again) if again else body


def with_letters(names: Sequence[str], body: pd.DataFrame) -> list[str]:
    """Names of columns; one without a name and with cells is called by its letter: "column A"."""
    return [
        name or (f"column {letters(j)}" if j in body and body[j].str.strip().ne("").any() else "")
        for j, name in enumerate(names)
    ]


def joined_names(header: list[list[str]], parts: Sequence[str]) -> list[str]:
    """Names of the columns of a long table; the rows of a header of several rows are joined."""
    rows = [row for row, part in zip(header, parts, strict=True) if part == "name"]
    names: list[str] = []
    above = [""] * (len(rows) - 1)
    for cells in zip(*rows, strict=True):
        if any(cells[:-1]) or not cells[-1]:
            above = list(cells[:-1]) if cells[-1] else [""] * (len(rows) - 1)
        pieces = [*(above if cells[-1] else cells[:-1]), cells[-1]]
        names.append(" ".join(piece for piece in pieces if piece))
    return names


def filled_from_above(body: pd.DataFrame, named: Mapping[str, int], file: StudyFile, sheet: Sheet) -> pd.DataFrame:
    """The body with merged cells and, where the study says so, blank cells filled from above."""
    shown = {(row + 1, column): source for (row, column), source in sheet.merged.items() if source[0] + 1 in body.index}
    down = {named[part] for part in file.entry.fill_down if part in named}
    for position in {*named.values()} if shown or down else ():
        column = body[position].copy()
        for (row, at), source in shown.items():
            if at == position and source[1] == position and row in body.index:
                column[row] = body.at[source[0] + 1, position]
        if position in down:
            column = column.mask(column.str.strip() == "").ffill().fillna("")
        body[position] = column
    return body


def fitted_to(place: str, width: int, rows: Mapping[int, list[str]]) -> list[list[str]]:
    """The rows as wide as the header; a row with cells beyond it is refused."""
    if all(len(line) == width for line in rows.values()):
        return list(rows.values())
    problems = [
        f"{place}, row {number}: it has {len(line)} cells and the header {width}. "
        "Put quotation marks around a cell that contains the separator."
        for number, line in rows.items()
        if "".join(line[width:]).strip()
    ]
    if problems:
        raise StudyError(problems)
    return [line[:width] + [""] * (width - len(line)) for line in rows.values()]
