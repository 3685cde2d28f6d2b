"""The sheet of a table before anything is known of it: its layout, its decimal sign (`xenograft init`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from xenograft.errors import StudyError
from xenograft.reading.delimited import SEPARATORS
from xenograft.reading.guess_layout import HEADER_ROWS, laid_out
from xenograft.reading.laid_out import LaidOut
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.sheets import read_sheet


def read_unknown(table: Path, sheet: str | None) -> tuple[Sheet, LaidOut, str, tuple[str, ...]]:
    """The sheet, how it is laid out, its decimal sign, and questions about cells that look unlike their value."""
    doubts: tuple[str, ...] = ()
    for decimal in (".", ","):
        keys = {"name": "?", "data": table.name, "decimal": decimal, "sheet": sheet}
        entry = StudyEntry.model_validate(keys)
        read, found = None, None
        for row in range(1, HEADER_ROWS + 1):
            if read is None or table.suffix.lower() in SEPARATORS:  # which sign separates the cells may hang on the row
                try:
                    read = read_sheet(table, entry.model_copy(update={"header_row": row}))
                except StudyError as error:
                    plainly = {"superscripts": "footnotes", "struck_through": "read", "header_row": row}
                    read = read_sheet(table, entry.model_copy(update=plainly))
                    doubts = error.problems
            if row > len(read.rows):
                break
            if read.says:
                layout = read.says.get("layout", '"long"').strip('"')
                found = LaidOut(1, layout, columns=dict(read.columns))
                break
            if sum(bool(text.strip()) for text in read.rows[row - 1]) >= 2:
                found = laid_out(read.rows)
                break
        if read is None:
            raise StudyError(f"{table.name}: has no rows. Give a header and one row per reading.")
        if found is None:
            row = next((n for n, line in enumerate(read.rows, start=1) if sum(bool(t.strip()) for t in line) >= 3), 0)
            if not row:
                finding = "no row with three headings or more was found"
                raise StudyError(f"{table.name}: {finding}. Write study.toml by hand.")
            found = LaidOut(row, "long")
        if decimal == "," or not _has_decimal_commas(read.rows[found.row :]):
            return read, found, decimal, doubts
    raise AssertionError


def _has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    texts = [text.strip() for row in rows for text in row]
    written = [text for text in texts if re.fullmatch(r"[+-]?(?:\d+|\d{1,3}(?:[ '’\u00a0\u202f]\d{3})+),\d+", text)]
    pointed = sum(re.fullmatch(r"[+-]?\d+\.\d+", text) is not None for text in texts)
    return len(written) > pointed and any(len(text.split(",")[1]) != 3 for text in written)
