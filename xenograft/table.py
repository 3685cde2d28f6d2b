"""A table: its cells as text, numbered as a spreadsheet numbers its rows, and its columns in our words (DESIGN 8.1)."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xenograft.errors import StudyError, missing_file, not_available, quoted
from xenograft.study_file import StudyFile

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")

MEASURES = ("volume", "length", "width", "weight")
MISSING = ("", "na", "nan", "n/a", ".")
BELOW_LIMIT = r"<.*|np|nd|not (?:palpable|detected|detectable|measurable)|[bl]?lo[qd]|blq|bql"
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_INFINITE = r"[+-]?inf(?:inity)?"


def read_cells(path: Path) -> tuple[pd.DataFrame, str]:
    """Every cell of a CSV or TSV file as text, whitespace trimmed.

    Parameters
    ----------
    path : pathlib.Path
        The file; its suffix says what separates the columns.

    Returns
    -------
    cells : DataFrame of str
        One column per name in the header; the index is the row number in a spreadsheet (the header is row 1).
        Blank rows are left out and short rows end in empty cells.
    checksum : str
        SHA-256 of the file.

    Raises
    ------
    StudyError
        The file is missing, empty, or not a table of text.
    """
    content = _content(path)
    header, *body = _lines(path, content)
    header = [name.strip() for name in header]
    _refuse_other_separator(path, header)
    rows = {number: line for number, line in enumerate(body, start=2) if "".join(line).strip()}
    if not rows:
        raise StudyError(f"{path.name}: there are no rows below the header. Give one row per reading.")
    cells = pd.DataFrame(_fitted_to(path.name, header, rows), index=list(rows), dtype="str")
    cells.columns = header
    return cells, hashlib.sha256(content).hexdigest()


def chosen_columns(file: StudyFile, place: str, header: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Which column plays which part, and a sentence for everything wrong with the choice.

    Parameters
    ----------
    file : StudyFile
        Its [columns] come before our own words for the parts.
    place : str
        Name of the table, for sentences.
    header : sequence of str
        Names of the table's columns.

    Returns
    -------
    columns : dict of str to str
        Part to column: `animal`, `arm`, `day`, either `volume` or `length` and `width`, and what else the table has.
    problems : list of str
        Columns that are absent, named twice, or contradict each other.
    """
    mapped = file.entry.columns.model_fields_set
    columns, problems = _present_columns(file, place, header)
    lengths = {"length", "width"}
    if "volume" in mapped and lengths & mapped:
        problems.append(f"{file.place}: [columns] names volume and also length or width. Keep one of the two ways.")
    by_length = lengths & mapped or ("volume" not in columns and lengths & columns.keys())
    if by_length and file.unit != "mm3":
        problems.append(
            f"{file.place}: unit = {quoted(file.unit)}, but {place} gives length and width. "
            'Write unit = "mm3" for lengths in mm, or "cm3" for lengths in cm.'
        )
    measures = ("length", "width") if by_length else ("volume",)
    absent = [part for part in ("animal", "arm", "day", *measures) if part not in columns]
    problems += _absent_problems(place, absent, header)
    unused = {"volume"} if by_length else lengths
    return {part: name for part, name in columns.items() if part not in unused and header.count(name) == 1}, problems


def rows_in_our_words(file: StudyFile, cells: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """The table with our names for its columns, and values beside the text.

    Parameters
    ----------
    file : StudyFile
        Says the unit of volume.
    cells : DataFrame of str
        From `read_cells`.
    columns : mapping of str to str
        From `chosen_columns`.

    Returns
    -------
    DataFrame
        The parts as text, whitespace trimmed; `day_number`, `volume_number`, … are their values (NaN where a cell is
        not a number; volumes in `file.unit`); `missing` marks readings not taken, `below` those below a limit in words,
        `censored` those at or below their `limit_number` (in `file.unit`).
    """
    rows = pd.DataFrame({part: cells[name].str.strip() for part, name in columns.items()}, index=cells.index)
    for part in ("day", *MEASURES):
        if part in rows:
            written = rows[part].where(rows[part].str.fullmatch(f"{_NUMBER}|{_INFINITE}", case=False))
            rows[f"{part}_number"] = pd.to_numeric(written).astype(float)
    rows["missing"], rows["below"] = False, False
    for part in ("volume", "length", "width"):
        if part in rows:
            rows["missing"] |= rows[part].str.lower().isin(MISSING)
            rows["below"] |= rows[part].str.fullmatch(BELOW_LIMIT, case=False)
    if "length" in rows and "width" in rows:
        rows["volume_number"] = 0.5 * rows["length_number"] * rows["width_number"] ** 2
    if "volume_number" in rows:
        rows["volume_number"] *= file.volume_factor
        rows["limit_number"] = _limits(file, rows)
        rows["censored"] = rows["below"] | (rows["volume_number"] <= rows["limit_number"])
    return rows


def _limits(file: StudyFile, rows: pd.DataFrame) -> pd.Series:
    """The limit of quantification of each reading: its own ("<16"), else its row's, else the study's; NaN without."""
    study = file.entry.limit_of_quantification
    limit = pd.Series(np.nan if study is None else study, index=rows.index)
    if "limit" in rows:
        limit = pd.to_numeric(rows["limit"], errors="coerce").fillna(limit)
    if "volume" in rows:
        limit = pd.to_numeric(rows["volume"].str.extract(rf"^<\s*({_NUMBER})$", expand=False)).fillna(limit)
    return limit.astype(float) * file.volume_factor


def _content(path: Path) -> bytes:
    suffix = path.suffix.lower()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StudyError(missing_file(path)) from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    if suffix in SPREADSHEETS:
        remedy = 'Save the sheet as "CSV UTF-8" and name that file as data in study.toml.'
        raise StudyError(not_available(path.name, f"reading {suffix} files", remedy))
    if suffix not in SEPARATORS:
        raise StudyError(f'{path.name}: its name ends in "{suffix}". Give a table in .csv or .tsv.')
    return content


def _lines(path: Path, content: bytes) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise StudyError(f'{path.name}, row {row}: is not UTF-8 text. Save the table as "CSV UTF-8".') from None
    if "\0" in text:
        raise StudyError(f'{path.name}: is not a table of text. Save the table as "CSV UTF-8".')
    if not text.strip():
        raise StudyError(f"{path.name}: is empty. Give a header and one row per reading.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=SEPARATORS[path.suffix.lower()], strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise StudyError(f"{path.name}: cannot be read as a table ({error}). Check its quotation marks.") from None


def _refuse_other_separator(path: Path, header: Sequence[str]) -> None:
    expected = SEPARATORS[path.suffix.lower()]
    if len(header) > 1:
        return
    for separator, name in {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}.items():
        if separator != expected and any(separator in cell for cell in header):
            asked = "commas" if expected == "," else "tabs"
            finding = f"the columns are separated by {name}, not by {asked}"
            raise StudyError(f"{path.name}: {finding}. Save a .csv with commas or a .tsv with tabs.")


def _fitted_to(place: str, header: Sequence[str], rows: Mapping[int, list[str]]) -> list[list[str]]:
    width = len(header)
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


def _present_columns(file: StudyFile, place: str, header: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    names = file.entry.columns.model_dump()
    mapped = file.entry.columns.model_fields_set
    taken = {names[part] for part in mapped}
    columns: dict[str, str] = {}
    problems: list[str] = []
    for part, name in names.items():
        if part not in mapped and (name not in header or name in taken):
            continue
        columns[part] = name
        if name not in header:
            close = _similar(name.lower(), header)
            suggestion = f' Did you mean "{close}"?' if close else _all_of(header)
            problems.append(f"{file.place}: [columns] {part} = {quoted(name)} is not a column of {place}.{suggestion}")
        elif header.count(name) > 1:
            problems.append(f"{place}: {header.count(name)} columns are called {quoted(name)}. Rename all but one.")
    return columns, problems


def _absent_problems(place: str, absent: Sequence[str], header: Sequence[str]) -> Iterable[str]:
    if "day" in absent and sum(bool(re.fullmatch(_NUMBER, name)) for name in header) > 1:
        yield not_available(place, "one column per day", "Give one row per reading: animal, arm, day, volume.")
        absent = [part for part in absent if part not in ("day", "volume")]
    for part in absent:
        others = ' (nor "length" and "width")' if part == "volume" else ""
        close = _similar(part, header)
        remedy = (
            f' Did you mean "{close}"? Then write {part} = {quoted(close)} under [columns] in study.toml.'
            if close
            else f" Name it under [columns] in study.toml.{_all_of(header)}"
        )
        yield f'{place}: there is no column "{part}"{others}.{remedy}'


def _similar(word: str, header: Sequence[str]) -> str | None:
    names = {name.lower(): name for name in header if len(name) > 2}
    within = [lower for lower in names if word in lower or lower in word]
    return next((names[lower] for lower in within or difflib.get_close_matches(word, names, n=1)), None)


def _all_of(header: Sequence[str]) -> str:
    return f" Its columns: {', '.join(name for name in header if name)}."
