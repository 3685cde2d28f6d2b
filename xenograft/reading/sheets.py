"""Which files are read, and by what: the register of formats, and the sheet that a study.toml names.

See docs/study-files.md. A format is one record of `FORMATS`; nothing else of the package knows suffixes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from xenograft.errors import StudyError, missing_file, quoted
from xenograft.reading.columnar import FEATHER, PARQUET, read_columnar
from xenograft.reading.delimited import SEPARATORS, read_delimited
from xenograft.reading.prism_archive import read_prism
from xenograft.reading.pzfx import read_pzfx
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet, letters
from xenograft.reading.xlsx import SPREADSHEETS, Marked, cells_of_spreadsheet

LARGEST = 100_000_000
"""Bytes of the largest table that is read."""
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""The size of a sheet in the spreadsheet programs; no table may be larger."""


@dataclass(frozen=True)
class Format:
    """One kind of file that holds readings.

    Parameters
    ----------
    words : str
        What people call it.
    suffixes : tuple of str
        Endings of its files, in lower case, with the dot.
    read : callable
        From the name of the file, its bytes and study.toml to its sheet. It raises a StudyError where `sheet` is needed
        and not named, or names none.
    has_tables : bool
        Whether a file may hold several tables, of which `sheet` of study.toml names one.
    """

    words: str
    suffixes: tuple[str, ...]
    read: Callable[[str, bytes, StudyEntry], Sheet]
    has_tables: bool = False


def _read_workbook(place: str, content: bytes, entry: StudyEntry) -> Sheet:
    rows, merged, notices, marked = cells_of_spreadsheet(place, content, sheet=entry.sheet, decimal=entry.decimal)
    struck = [mark for mark in marked if not mark.raised]
    raised = [mark for mark in marked if mark.raised]
    _ask_about(place, raised, struck, entry)
    for mark in raised:
        rows[mark.row][mark.column] = mark.plain
    if entry.struck_through == "missing":
        for mark in struck:
            rows[mark.row][mark.column] = ""
    excluded = (
        {(mark.row, mark.column): "struck through" for mark in struck} if entry.struck_through == "exclude" else {}
    )
    return Sheet(place, rows, merged, excluded, notices=notices)


def _ask_about(place: str, raised: Sequence[Marked], struck: Sequence[Marked], entry: StudyEntry) -> None:
    """Refuse superscripts and struck-through cells that study.toml says nothing about."""
    problems: list[str] = []
    for marks, key in ((raised, entry.superscripts), (struck, entry.struck_through)):
        if not marks or key is not None:
            continue
        first = marks[0]
        cell = f"{place}: cell {letters(first.column)}{first.row + 1}"
        more = f" (and {len(marks) - 1} more such cells)" if len(marks) > 1 else ""
        if first.raised:
            remedy = (
                'If superscripts are footnotes, write superscripts = "footnotes" in study.toml; else type the number'
            )
            problems.append(f"{cell} is {first.plain} with {first.raised} raised or lowered{more}. {remedy} plainly.")
        else:
            remedy = 'Write struck_through = "exclude", "missing" or "read" in study.toml'
            problems.append(f"{cell}, {quoted(first.plain)}, is struck through{more}. {remedy}.")
    if problems:
        raise StudyError(problems)


FORMATS: list[Format] = [
    Format("a table of text", tuple(SEPARATORS), read_delimited),
    Format("an Excel workbook", SPREADSHEETS, _read_workbook, has_tables=True),
    Format("a GraphPad Prism file", (".pzfx",), read_pzfx, has_tables=True),
    Format("a GraphPad Prism 10 file", (".prism",), read_prism, has_tables=True),
    Format("a Parquet file", PARQUET, read_columnar),
    Format("a Feather file", FEATHER, read_columnar),
]
"""Every kind of file that is read; a new one is a module with its reader, and a line here."""

_AS_SPREADSHEET = "Save it as .xlsx or as CSV, and name that as data"
_FROM_FRAME = "give it to Study.from_frame, or write it with to_parquet and name that as data"
WAYS_IN: dict[str, str] = {
    **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), _AS_SPREADSHEET),
    **dict.fromkeys((".xpt", ".sas7bdat"), f"Read it with pandas.read_sas and {_FROM_FRAME}"),
    ".dta": f"Read it with pandas.read_stata and {_FROM_FRAME}",
    ".sav": f"Read it with pandas.read_spss and {_FROM_FRAME}",
    **dict.fromkeys(
        (".rda", ".rdata", ".rds"),
        "In R, write the data frame with arrow::write_parquet or write.csv, and name that as data",
    ),
    **dict.fromkeys((".jmp", ".mat", ".json", ".pdf", ".docx"), "Export the table as CSV, and name that as data"),
    **dict.fromkeys((".pzf", ".pzm"), "Open it in Prism, save it as .pzfx, and name that as data"),
    **dict.fromkeys((".gz", ".zip", ".7z"), "Unpack it, and name the table in it as data"),
}
"""Of files that people have and that are not read: what to do with them."""


def suffixes() -> tuple[str, ...]:
    """Endings of the files that may be a table, those that are refused with a way in included."""
    return (*(suffix for one in FORMATS for suffix in one.suffixes), *WAYS_IN)


def read_sheet(path: Path, entry: StudyEntry) -> Sheet:
    """Read the table that a study.toml names.

    Parameters
    ----------
    path : pathlib.Path
        The file; its suffix says what it is.
    entry : StudyEntry
        Says which sheet, which rows and which decimal sign.

    Raises
    ------
    StudyError
        The file is missing, empty, too large, or not a table.
    """
    content = _content(path)
    found = _format_of(path)
    if entry.sheet is not None and not found.has_tables:
        finding = f"sheet = {quoted(entry.sheet)}, but a {path.suffix.lower()} file has no sheets"
        raise StudyError(f"{path.name}: {finding}. Remove sheet from study.toml, or name a .xlsx file as data.")
    sheet = found.read(path.name, content, entry)
    rows = sheet.rows
    if len(rows) > MOST_ROWS or max(map(len, rows), default=0) > MOST_COLUMNS:
        size = f"{MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns"
        raise StudyError(f"{path.name}: has more than {size}. Give one study per table.")
    if entry.last_row is not None:
        rows = rows[: entry.last_row]
    if not any("".join(row).strip() for row in rows):
        raise StudyError(f"{path.name}: is empty. Give a header and one row per reading.")
    return replace(sheet, rows=rows, checksum=hashlib.sha256(content).hexdigest())


def _format_of(path: Path) -> Format:
    suffix = path.suffix.lower()
    found = next((one for one in FORMATS if suffix in one.suffixes), None)
    if found is not None:
        return found
    if suffix in WAYS_IN:
        raise StudyError(f"{path.name}: {suffix} files are not read. {WAYS_IN[suffix]}.")
    raise StudyError(f'{path.name}: its name ends in "{suffix}". {_what_is_read()}')


def _what_is_read() -> str:
    *others, last = [one.suffixes[0] for one in FORMATS]
    return f"Give a table in {', '.join(others)} or {last}."


def _content(path: Path) -> bytes:
    try:
        if not path.exists():
            raise StudyError(missing_file(path))  # also of a name that no file can have
        if not path.is_file():
            raise StudyError(f"{path}: is not a file. {_what_is_read()}")
        _format_of(path)
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    except ValueError:
        raise StudyError(f"{quoted(str(path))}: is no file name. Correct data in study.toml.") from None
    if len(content) > LARGEST:
        raise StudyError(f"{path.name}: is larger than {LARGEST // 1_000_000} MB. Give one study per table.")
    return content
