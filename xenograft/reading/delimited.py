"""Tables as text: CSV, TSV and their relatives, in whatever encoding and with whatever between the columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import PurePath

from xenograft.errors import StudyError
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
"""What separates the columns, by suffix."""


def read_delimited(place: str, content: bytes, entry: StudyEntry) -> Sheet:
    """The cells of a table of text.

    Parameters
    ----------
    place : str
        Name of the file; its suffix says what separates the columns.
    content : bytes
        The file.
    entry : StudyEntry
        Says where the header is and which decimal sign is used.

    Raises
    ------
    StudyError
        Not text, or quotation marks that do not close.
    """
    text, notices = _text(place, content)
    return Sheet(place, _lines(place, text, entry), notices=notices)


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


def _lines(place: str, text: str, entry: StudyEntry) -> list[list[str]]:
    separator = _separator(place, text, entry)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise StudyError(f"{place}: cannot be read as a table ({error}). Check its quotation marks.") from None


def _separator(place: str, text: str, entry: StudyEntry) -> str:
    """What separates the columns: what the suffix says, else what the last row of the header has."""
    expected = SEPARATORS.get(PurePath(place).suffix.lower(), ",")
    likely: Sequence[str] = (";", "\t", expected) if entry.decimal == "," else (expected, ";", "\t", ",", "|")
    last = entry.header_row + len(entry.header_parts) - 1
    line = next((line for number, line in enumerate(io.StringIO(text), start=1) if number == last), "")
    return next((separator for separator in likely if separator in line), expected)
