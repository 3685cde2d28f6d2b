"""XLSX files: the cells of one sheet as text, merges and formulas told apart from values (docs/study-files.md)."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from xml.parsers import expat

import openpyxl
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.utils.cell import column_index_from_string
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from xenograft.errors import StudyError, did_you_mean, quoted

SPREADSHEETS = (".xlsx", ".xlsm")
LARGEST_UNPACKED = 300_000_000
"""Bytes of the largest workbook after unpacking."""
LARGEST_RATIO = 200
"""Largest factor by which a workbook of more than 10 MB may grow when unpacked; readings grow 5- to 50-fold."""
MOST_CELLS = 20_000_000

Cells = list[list[str]]
Merges = Mapping[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Marked:
    """A cell whose look says what its value does not.

    Parameters
    ----------
    row, column : int
        From 0.
    plain : str
        Its text without the superscript.
    raised : str
        The superscript; empty for a cell that is struck through.
    """

    row: int
    column: int
    plain: str
    raised: str = ""


def cells_of_spreadsheet(
    place: str, content: bytes, *, sheet: str | None, decimal: str
) -> tuple[Cells, Merges, tuple[str, ...], tuple[Marked, ...]]:
    """Every cell of one sheet as text: formulas as their stored values, dates as 2024-03-01.

    Parameters
    ----------
    place : str
        Name of the file, for sentences.
    content : bytes
        The file.
    sheet : str or None
        Name of the sheet; None for the only visible one.
    decimal : {".", ","}
        The study's decimal sign, used for numbers as for text.

    Returns
    -------
    cells : list of lists of str
        Row 1 first.
    merged : mapping of (int, int) to (int, int)
        Of a cell hidden by a merge (row and column from 0): the cell that shows its value.
    notices : tuple of str
        Hidden sheets that were not read, hidden rows and columns that were.
    marked : tuple of Marked
        Cells with a superscript behind a number, and cells struck through.

    Raises
    ------
    StudyError
        Not a workbook, too large, no such sheet, or formulas that nobody has computed.
    """
    _refuse_bombs(place, content)
    workbook = _opened(place, content, values=True)
    chosen = _chosen(place, workbook, sheet)
    if chosen.max_row * chosen.max_column > MOST_CELLS:
        extent = f"{chosen.max_row:,} rows and {chosen.max_column:,} columns"
        raise StudyError(f"{place}: the sheet {quoted(chosen.title)} spreads over {extent}. Delete its stray cells.")
    rows: Sequence[Sequence[Any]] = list(chosen.iter_rows(values_only=True))
    _refuse_formulas_without_values(place, content, chosen.title, rows)
    cells = [[_as_text(value, decimal) for value in row] for row in rows]
    return (
        cells,
        _merges(chosen),
        tuple(_notices(place, workbook, chosen)),
        tuple(_marked(place, content, chosen.title)),
    )


NOT_A_WORKBOOK = (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError)
"""What zipfile says of bytes that are no zip archive, of one made for a later version, and of a broken name in one."""


def visible_sheets(place: str, content: bytes) -> list[str]:
    """Names of the sheets that a reader of the workbook sees."""
    _refuse_bombs(place, content)
    workbook = _opened(place, content, values=True)
    return [sheet.title for sheet in workbook.worksheets if sheet.sheet_state == "visible" and _has_cells(sheet)]


def _has_cells(sheet: Worksheet) -> bool:
    return any(value is not None and str(value).strip() for row in sheet.iter_rows(values_only=True) for value in row)


def _marked(place: str, content: bytes, title: str) -> Iterable[Marked]:
    """Cells struck through, and numbers with a superscript: 155 with a raised 1 is no 1551."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        looks = b"".join(
            packed.read(name)
            for name in packed.namelist()
            if name.endswith(("styles.xml", "sharedStrings.xml")) or name.startswith("xl/worksheets/")
        )
    if b"vertAlign" not in looks and b"<strike" not in looks:
        return
    written = _opened(place, content, values=True, rich=True)[title]
    assert isinstance(written, Worksheet)
    for row in written.iter_rows():
        for cell in row:
            if cell.value is None:
                continue
            at = cell.row - 1, cell.column - 1
            runs = cell.value if isinstance(cell.value, CellRichText) else []
            raised = "".join(_run(run) for run in runs if _looks(run, "vertAlign") in ("superscript", "subscript"))
            plain = "".join(_run(run) for run in runs if _looks(run, "vertAlign") not in ("superscript", "subscript"))
            if raised.strip() and re.fullmatch(r"\s*[<≤~]?\s*[\d.,]+\s*", plain):
                yield Marked(*at, plain.strip(), raised.strip())
            if cell.font.strike or any(_looks(run, "strike") for run in runs):
                yield Marked(*at, str(cell.value).strip())


def _run(run: object) -> str:
    return run.text if isinstance(run, TextBlock) else str(run)


def _looks(run: object, name: str) -> object:
    return getattr(run.font, name, None) if isinstance(run, TextBlock) else None


def _refuse_bombs(place: str, content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
    except NOT_A_WORKBOOK:
        raise StudyError(f"{place}: is not an .xlsx workbook. Save it as .xlsx or as CSV.") from None
    if unpacked > LARGEST_UNPACKED or (unpacked > 10_000_000 and unpacked > LARGEST_RATIO * len(content)):
        size = f"{unpacked / 1e6:,.0f} MB from {len(content) / 1e6:,.1f} MB"
        raise StudyError(f"{place}: unpacks to {size}. Save the one sheet with the readings as CSV.")


def _opened(place: str, content: bytes, *, values: bool, rich: bool = False) -> Workbook:
    """The workbook; entities, which defusedxml refuses and lxml (where installed) loses silently, are refused."""
    if not openpyxl.DEFUSEDXML:
        raise RuntimeError("openpyxl does not use defusedxml; unset OPENPYXL_DEFUSEDXML")
    try:
        _refuse_document_types(place, content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations that openpyxl does not keep
            return openpyxl.load_workbook(io.BytesIO(content), data_only=values, keep_links=False, rich_text=rich)
    except StudyError:
        raise
    except InvalidFileException:
        raise StudyError(f"{place}: is not an .xlsx workbook. Save it as .xlsx or as CSV.") from None
    except Exception:  # a damaged workbook may raise anything
        finding = "cannot be read as a workbook"
        raise StudyError(f"{place}: {finding}. Open it in a spreadsheet program and save it again.") from None


def _refuse_document_types(place: str, content: bytes) -> None:
    """Entities are declared in a document type, and no spreadsheet program writes one."""

    def refuse(*_: object) -> None:
        finding = "declares a document type, which no spreadsheet program writes"
        raise StudyError(f"{place}: {finding}. Open it in a spreadsheet program and save it again.")

    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for part in packed.namelist():
            if part.endswith((".xml", ".rels")):
                parser = expat.ParserCreate()
                parser.StartDoctypeDeclHandler = refuse
                with packed.open(part) as opened:
                    parser.ParseFile(opened)


def _chosen(place: str, workbook: Workbook, sheet: str | None) -> Worksheet:
    sheets: list[Worksheet] = list(workbook.worksheets)
    if sheet is not None:
        for candidate in sheets:
            if candidate.title == sheet:
                return candidate
        names = [candidate.title for candidate in sheets]
        remedy = did_you_mean(sheet, names) or f" Its sheets: {', '.join(map(quoted, names))}."
        raise StudyError(f"{place}: there is no sheet {quoted(sheet)}.{remedy}")
    visible = [candidate for candidate in sheets if candidate.sheet_state == "visible"]
    if len(visible) > 1:  # a sheet without a cell is no choice
        visible = [candidate for candidate in visible if _has_cells(candidate)] or visible[:1]
    if len(visible) == 1:
        return visible[0]
    if not visible:
        raise StudyError(f"{place}: has no visible sheet. Name the sheet with the readings: sheet = … in study.toml.")
    names = ", ".join(quoted(candidate.title) for candidate in visible)
    raise StudyError(
        f"{place}: has {len(visible)} sheets ({names}). Name one in study.toml: sheet = {names.split(', ')[0]}."
    )


def _refuse_formulas_without_values(place: str, content: bytes, title: str, rows: Sequence[Sequence[Any]]) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        formulas = any(b"<f" in packed.read(name) for name in packed.namelist() if name.startswith("xl/worksheets/"))
    if not formulas:
        return
    written = _opened(place, content, values=False)[title]
    assert isinstance(written, Worksheet)
    lost = [
        cell.coordinate
        for row, values in zip(written.iter_rows(), rows, strict=False)
        for cell, value in zip(row, values, strict=False)
        if cell.data_type == "f" and (value is None or (value == 0 and not _may_be_zero(str(cell.value), rows)))
    ]
    if lost:
        others = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        finding = f"cell {lost[0]}{others} of the sheet {quoted(title)} holds a formula without its value"
        raise StudyError(f"{place}: {finding}. Open it in a spreadsheet program and save it again.")


def _may_be_zero(formula: str, rows: Sequence[Sequence[Any]]) -> bool:
    """Whether a formula that is stored as 0 may be 0: a cell of the sheet that it names is blank, text or 0.

    A program that writes formulas without computing them (XlsxWriter, so pandas.to_excel) stores 0 as their value.
    """
    for letters, number in re.findall(r"(?<![A-Za-z!'])\$?([A-Z]{1,3})\$?(\d+)(?![\d(])", formula):
        row, column = int(number) - 1, column_index_from_string(letters) - 1
        value = rows[row][column] if row < len(rows) and column < len(rows[row]) else None
        if not isinstance(value, int | float) or value == 0:
            return True
    return False


def _merges(sheet: Worksheet) -> Merges:
    merged: dict[tuple[int, int], tuple[int, int]] = {}
    for area in sheet.merged_cells.ranges:
        if area.size["rows"] * area.size["columns"] > MOST_CELLS:
            continue
        shown = (area.min_row - 1, area.min_col - 1)
        merged |= {
            (row, column): shown
            for row in range(area.min_row - 1, min(area.max_row, sheet.max_row))
            for column in range(area.min_col - 1, min(area.max_col, sheet.max_column))
            if (row, column) != shown
        }
    return merged


def _as_text(value: Any, decimal: str) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return str(value).upper()
        case int():
            return str(value)
        case float():
            written = str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
            return written.replace(".", decimal)
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _notices(place: str, workbook: Workbook, sheet: Worksheet) -> Sequence[str]:
    hidden = [quoted(other.title) for other in workbook.worksheets if other.sheet_state != "visible" and other != sheet]
    notices = [f"{place}: the hidden sheet{'s' * (len(hidden) > 1)} {', '.join(hidden)} not read."] if hidden else []
    for words, dimensions in (("rows", sheet.row_dimensions), ("columns", sheet.column_dimensions)):
        if any(dimension.hidden for dimension in list(dimensions.values())):
            notices.append(
                f"{place}: the sheet {quoted(sheet.title)} has hidden {words}; they were read like the others."
            )
    return notices
