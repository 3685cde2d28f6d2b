"""A sheet: the cells of a CSV, TSV or XLSX file as text, numbered as a spreadsheet numbers them.

See docs/study-files.md.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xenograft.errors import StudyError, missing_file, quoted
from xenograft.reading.schema import StudyEntry
from xenograft.reading.xlsx import SPREADSHEETS, cells_of_spreadsheet

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
OTHER_SPREADSHEETS = (".xls", ".xlsb", ".ods", ".numbers")
LARGEST = 100_000_000
"""Bytes of the largest table that is read."""
MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
"""The size of a sheet in the spreadsheet programs; no table may be larger."""


@dataclass(frozen=True)
class Sheet:
    """The cells of one sheet.

    Parameters
    ----------
    place : str
        Name of the file, for sentences.
    rows : list of lists of str
        Every cell as text, row 1 of the spreadsheet first; rows may differ in length.
    merged : mapping of (int, int) to (int, int)
        Of a cell hidden by a merge (row and column from 0): the cell that shows its value.
    checksum : str
        SHA-256 of the file.
    notices : tuple of str
        What a reader should know: sheets not read, an encoding that was assumed.
    """

    place: str
    rows: list[list[str]]
    merged: Mapping[tuple[int, int], tuple[int, int]] = field(default_factory=dict[tuple[int, int], tuple[int, int]])
    checksum: str = ""
    notices: tuple[str, ...] = ()


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
    suffix = path.suffix.lower()
    checksum = hashlib.sha256(content).hexdigest()
    if suffix in SPREADSHEETS:
        rows, merged, notices = cells_of_spreadsheet(path.name, content, sheet=entry.sheet, decimal=entry.decimal)
    else:
        if entry.sheet is not None:
            finding = f"sheet = {quoted(entry.sheet)}, but a {suffix} file has no sheets"
            raise StudyError(f"{path.name}: {finding}. Remove sheet from study.toml, or name a .xlsx file as data.")
        text, notices = _text(path.name, content)
        rows, merged = _lines(path, text, entry), {}
    if len(rows) > MOST_ROWS or max(map(len, rows), default=0) > MOST_COLUMNS:
        size = f"{MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns"
        raise StudyError(f"{path.name}: has more than {size}. Give one study per table.")
    if entry.last_row is not None:
        rows = rows[: entry.last_row]
    if not any("".join(row).strip() for row in rows):
        raise StudyError(f"{path.name}: is empty. Give a header and one row per reading.")
    return Sheet(path.name, rows, merged, checksum, notices)


def letters(column: int) -> str:
    """The letters of a spreadsheet's column: 0 is A, 26 is AA."""
    before, last = divmod(column, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)


def _content(path: Path) -> bytes:
    suffix = path.suffix.lower()
    try:
        if not path.exists():
            raise StudyError(missing_file(path))  # also of a name that no file can have
        if not path.is_file():
            raise StudyError(f"{path}: is not a file. Give a table in .csv, .tsv or .xlsx.")
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    except ValueError:
        raise StudyError(f"{quoted(str(path))}: is no file name. Correct data in study.toml.") from None
    if suffix in OTHER_SPREADSHEETS:
        raise StudyError(
            f"{path.name}: {suffix} files are not read. Save it as .xlsx or as CSV, and name that as data."
        )
    if suffix not in SEPARATORS and suffix not in SPREADSHEETS:
        raise StudyError(f'{path.name}: its name ends in "{suffix}". Give a table in .csv, .tsv or .xlsx.')
    if len(content) > LARGEST:
        raise StudyError(f"{path.name}: is larger than {LARGEST // 1_000_000} MB. Give one study per table.")
    return content


def _text(place: str, content: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a file, with a notice where its encoding had to be assumed: no number depends on it."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), ()
        except UnicodeDecodeError:
            raise StudyError(f'{place}: is not a table of text. Save the table as "CSV UTF-8".') from None
    if b"\0" in content:
        raise StudyError(f'{place}: is not a table of text. Save the table as "CSV UTF-8".')
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
    try:
        text = content.decode("cp1252")  # what Excel calls CSV; Latin-1 with the typographic characters
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text, (f"{place} is not UTF-8 text (row {row}) and was read as Latin-1: look at its accented letters.",)


def _lines(path: Path, text: str, entry: StudyEntry) -> list[list[str]]:
    separator = _separator(path, text, entry)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise StudyError(f"{path.name}: cannot be read as a table ({error}). Check its quotation marks.") from None


def _separator(path: Path, text: str, entry: StudyEntry) -> str:
    """What separates the columns: what the suffix says, else what the last row of the header has."""
    expected = SEPARATORS[path.suffix.lower()]
    likely: Sequence[str] = (";", "\t", expected) if entry.decimal == "," else (expected, ";", "\t", ",", "|")
    last = entry.header_row + len(entry.header_parts) - 1
    line = next((line for number, line in enumerate(io.StringIO(text), start=1) if number == last), "")
    return next((separator for separator in likely if separator in line), expected)
