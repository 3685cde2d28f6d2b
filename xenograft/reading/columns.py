"""A table's columns in our words, what its cells are worth, and which readings stay out (docs/study-files.md)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from xenograft.errors import did_you_mean, quoted
from xenograft.reading.cells import below_pattern, days, looks_like_a_date, meanings, moment_of, numbers, text_of
from xenograft.reading.layouts import Cells
from xenograft.reading.marks import plain_cells, thousands
from xenograft.reading.schema import Columns, ExcludeEntry, Formula, StudyEntry
from xenograft.reading.study_toml import CUBIC_CENTIMETRES, StudyFile

MEASURES = ("volume", "length", "width", "height", "weight")
FORMULAS: Mapping[Formula, Callable[[pd.Series, pd.Series, pd.Series | None], pd.Series]] = {
    "1/2 L W^2": lambda length, width, _: 0.5 * length * width**2,
    "pi/6 L W^2": lambda length, width, _: np.pi / 6 * length * width**2,
    "0.52 L W^2": lambda length, width, _: 0.52 * length * width**2,
    "1/2 L W H": lambda length, width, height: 0.5 * length * width * height,
    "pi/6 L W H": lambda length, width, height: np.pi / 6 * length * width * height,
}
"""Volume from calliper lengths: the modified ellipsoid (Tomayko & Reynolds 1989; Euhus 1986) and the ellipsoid."""


def chosen_columns(file: StudyFile, place: str, cells: Cells) -> tuple[dict[str, str], list[str]]:
    """Which column plays which part, and a sentence for everything wrong with the choice.

    Parameters
    ----------
    file : StudyFile
        Its [columns] come before our own words for the parts.
    place : str
        Name of the table, for sentences.
    cells : Cells
        From `one_row_per_reading`.

    Returns
    -------
    columns : dict of str to str
        Part to column: `animal`, `arm`, `day`, either `volume` or `length` and `width` (and `height`), and what else
        the table has.
    problems : list of str
        Columns that are absent, named twice, or contradict each other.
    """
    mapped: set[str] = set() if cells.wide else file.entry.columns.model_fields_set
    columns, problems = _present_columns(file, place, cells.header, Columns() if cells.wide else file.entry.columns)
    lengths = {"length", "width", "height"}
    if "volume" in mapped and lengths & mapped:
        problems.append(f"{file.place}: [columns] names volume and also length or width. Keep one of the two ways.")
    by_length = lengths & mapped or ("volume" not in columns and lengths & columns.keys())
    if by_length and file.unit != "mm3":
        problems.append(
            f"{file.place}: unit = {quoted(file.unit)}, but {place} gives length and width. "
            'Write unit = "mm3" for lengths in mm, or "cm3" for lengths in cm.'
        )
    if by_length and file.entry.scale != "linear":
        problems.append(f"{file.place}: scale = {quoted(file.entry.scale)}, but {place} gives lengths. Remove scale.")
    used = ["length", "width", *(["height"] if "H" in file.entry.volume_formula else [])]
    measures = used if by_length else ["volume"]
    absent = [part for part in ("animal", "arm", "day", *measures) if part not in columns]
    problems += _absent_problems(file, place, absent, cells.header)
    unused = {"volume", *(lengths - set(used))} if by_length else lengths
    chosen = {part: name for part, name in columns.items() if part not in unused and cells.header.count(name) == 1}
    return chosen, problems


def rows_in_our_words(file: StudyFile, cells: Cells, columns: Mapping[str, str]) -> pd.DataFrame:
    """The table with our names for its columns, and values beside the text.

    Parameters
    ----------
    file : StudyFile
        Says the unit of volume.
    cells : Cells
        From `one_row_per_reading`.
    columns : mapping of str to str
        From `chosen_columns`.

    Returns
    -------
    DataFrame
        The parts as text, whitespace trimmed, and of a wide table the `cell`; `day_number`, `volume_number`, … are
        their values (NaN where a cell is not a number; volumes in `file.unit`); `missing` marks readings not taken,
        `left` the word of those that say that the animal had left, `below` those below a limit in words, `censored`
        those at or below their `limit_number` (in `file.unit`).
    """
    entry = file.entry
    rows = pd.DataFrame({part: text_of(cells.rows[name]) for part, name in columns.items()}, index=cells.rows.index)
    if entry.guarded:
        for part in set(rows) - set(MEASURES):
            rows[part] = rows[part].str.replace(r"^'", "", regex=True)
    if cells.wide or ("cell" in cells.rows and "cell" not in cells.header):
        rows["cell"] = cells.rows["cell"]
    if "day" in rows:
        rows["day_number"] = _days_of_rows(rows, file)
    for part in set(MEASURES) & set(rows):
        typed = cells.rows[columns[part]]
        rows[f"{part}_number"] = numbers(
            rows[part] if isinstance(typed.dtype, pd.StringDtype | np.dtypes.ObjectDType) else typed, entry.decimal
        )
    rows["missing"], rows["below"], rows["left"] = False, False, ""
    for part in ("volume", "length", "width", "height"):
        if part in rows:
            if entry.words:  # a number that the study calls a word, such as 999, is one
                chosen = rows[part].str.lower().isin([word.strip().lower() for word in entry.words])
                rows[f"{part}_number"] = rows[f"{part}_number"].mask(chosen)
            rows = _with_plain_numbers(rows, part, file)
            words = rows[f"{part}_number"].isna()
            meaning = meanings(rows.loc[words, part], entry)
            rows.loc[meaning.index[meaning.isin(["missing", "left"])], "missing"] = True
            rows.loc[meaning.index[meaning == "below limit"], "below"] = True
            left = meaning.index[meaning == "left"]
            rows.loc[left, "left"] = rows.loc[left, part]
    if {"length", "width"} <= set(rows):
        formula = FORMULAS[entry.volume_formula]
        height = rows["height_number"] if "height" in rows else None
        if height is not None or "H" not in entry.volume_formula:
            rows["volume_number"] = formula(rows["length_number"], rows["width_number"], height)
    if "volume_number" in rows:
        rows["limit_number"] = _limits(file, rows)
        rows = _with_marks(rows, entry)
        rows["volume_number"] = _linear(file, rows["volume_number"])
        rows["below"] &= ~rows["missing"]
        rows["censored"] = rows["below"] | (rows["volume_number"] <= rows["limit_number"])
    return rows


def _days_of_rows(rows: pd.DataFrame, file: StudyFile) -> pd.Series:
    """Days of the readings: counted from the animal's own start where the table has one, else from day 0."""
    entry = file.entry
    if "start" not in rows or rows["start"].eq("").all():
        return days(rows["day"], entry)
    if entry.day_0 is not None or rows["day"].map(looks_like_a_date).any():
        moments = [{text: moment_of(text, entry) for text in rows[part].unique().tolist()} for part in ("day", "start")]
        since = [
            _apart(moments[0][day], moments[1][start], entry) if start else np.nan
            for day, start in zip(rows["day"], rows["start"], strict=True)
        ]
        return pd.Series(since, index=rows.index, dtype=float) + entry.add_days
    return days(rows["day"], entry) - days(rows["start"], entry) + entry.add_days


def _apart(day: datetime | None, start: datetime | None, entry: StudyEntry) -> float:
    if day is None or start is None:
        return np.nan
    if entry.clock == "fractions":
        return (day - start) / timedelta(days=1)
    return float((day.date() - start.date()).days)


def _with_plain_numbers(rows: pd.DataFrame, part: str, file: StudyFile) -> pd.DataFrame:
    """The rows with numbers for cells that hold a mark, a unit or two lengths beside them."""
    entry, number = file.entry, f"{part}_number"
    unread = rows.loc[rows[number].isna() & rows[part].ne(""), part]
    if unread.empty:
        return rows
    unit = "mm" if part != "volume" else "cm3" if entry.unit in CUBIC_CENTIMETRES else file.unit
    chosen = {word.strip().lower() for word in entry.words}
    words = [word for word in unread.unique().tolist() if any(map(str.isdigit, word)) and word.lower() not in chosen]
    plain = plain_cells(words, unit, entry.decimal, entry.marks, units=entry.units_in_cells)
    plain.text.update(thousands(words, entry.decimal))
    if plain.marks:
        marks = unread.map(plain.marks).dropna()
        rows["mark"] = marks.reindex(rows.index).combine_first(rows["mark"]) if "mark" in rows else marks
        rows["mark"] = rows["mark"].fillna("")
    if plain.text:
        rows["written"] = rows[part]
        rows[part] = rows[part].map(plain.text).fillna(rows[part]).astype("str")
        rows[number] = rows[number].fillna(numbers(rows[part], entry.decimal))
    if plain.diameters and part == "volume":
        volumes = {cell: _volume_of(lengths, entry) for cell, lengths in plain.diameters.items()}
        found = unread.map(volumes).dropna().astype(float)
        rows["bare"] = rows[number].gt(0)
        rows[number] = rows[number].fillna(found)
    return rows


def _volume_of(lengths: Sequence[str], entry: StudyEntry) -> float:
    """The volume of the lengths in one cell, NaN where the study's formula needs another number of them."""
    if (len(lengths) == 3) != ("H" in entry.volume_formula):
        return np.nan
    first, *others = numbers(pd.Series(list(lengths), dtype="str"), entry.decimal)
    formula = FORMULAS[entry.volume_formula]
    return float(formula(*(pd.Series([one]) for one in (first, *others, *([0.0] if len(others) == 1 else [])))).iloc[0])


def _with_marks(rows: pd.DataFrame, entry: StudyEntry) -> pd.DataFrame:
    """The rows with what the study says of its marks: such readings are kept, excluded, missing or below the limit."""
    if "mark" not in rows:
        return rows
    meaning = rows["mark"].map(entry.marks).fillna("")
    rows.loc[meaning == "missing", "missing"] = True
    rows.loc[meaning == "below limit", "below"] = True
    excluded = meaning.str.startswith("exclude")
    if excluded.any():
        reason = meaning.str.removeprefix("exclude").str.lstrip(": ")
        reason = reason.where(reason != "", "marked " + rows["mark"])
        before = rows["exclude"] if "exclude" in rows else pd.Series("", index=rows.index, dtype="str")
        rows["exclude"] = before.where(~excluded | before.ne(""), reason)
    return rows


def with_exclusions(file: StudyFile, place: str, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows with the reasons of [[exclude]] beside those of their own column.

    Parameters
    ----------
    file : StudyFile
        Its `[[exclude]]` tables name an animal and, where only one reading is meant, a day.
    place : str
        Name of the table, for sentences.
    rows : DataFrame
        From `rows_in_our_words`; animals as the table names them.

    Returns
    -------
    rows : DataFrame
        With a column `exclude` (str, the reason; empty where a reading is kept) if any reading has a reason.
    problems : list of str
        Exclusions that fit no reading, or the animals of several arms.
    """
    problems: list[str] = []
    if not file.entry.exclude or not {"animal", "arm", "day_number"} <= set(rows):
        return rows, problems
    reasons = rows["exclude"].copy() if "exclude" in rows else pd.Series("", index=rows.index, dtype="str")
    for number, entry in enumerate(file.entry.exclude, start=1):
        found = _meant(entry, rows)
        said = f"{file.place}, exclude {number}: animal {quoted(entry.animal)}"
        if found.empty:
            problems.append(f"{said} {_not_found(entry, place, rows)}")
        elif entry.arm is None and rows.loc[found, "arm"].nunique() > 1:
            arms = " and ".join(rows.loc[found, "arm"].unique().tolist())
            problems.append(f"{said} is in the arms {arms}. Add its arm.")
        else:
            reasons[found] = entry.reason
    return rows.assign(exclude=reasons), problems


def _linear(file: StudyFile, written: pd.Series) -> pd.Series:
    """Volumes as the table has them, in `file.unit`."""
    if file.entry.scale != "linear":
        with np.errstate(over="ignore"):  # infinity is refused as such
            written = np.exp(written * (1.0 if file.entry.scale == "ln" else np.log(10.0)))
    return written * file.volume_factor


def _limits(file: StudyFile, rows: pd.DataFrame) -> pd.Series:
    """The limit of quantification of each reading: its own ("<16"), else its row's, else the study's; NaN without."""
    decimal, study = file.entry.decimal, file.entry.limit_of_quantification
    limit = pd.Series(np.nan, index=rows.index)
    if "limit" in rows:
        limit = numbers(rows["limit"], decimal)
    if "volume" in rows:
        own = rows.loc[rows["below"], "volume"].str.extract(f"^{below_pattern(decimal)}$", expand=False)
        limit = numbers(own.fillna(""), decimal).reindex(rows.index).fillna(limit)
        both = rows.loc[rows["below"], "volume"].str.extract(r"^[<≤]\s*([\d.,]+)\s*[x×X]\s*([\d.,]+)$").dropna()
        if len(both):
            pairs = [
                _volume_of(sorted(pair, reverse=True), file.entry) for pair in both.itertuples(index=False, name=None)
            ]
            limit = pd.Series(pairs, index=both.index).reindex(rows.index).fillna(limit)
    return _linear(file, limit).fillna(np.nan if study is None else study * file.volume_factor)


def _present_columns(
    file: StudyFile, place: str, header: Sequence[str], wanted: Columns
) -> tuple[dict[str, str], list[str]]:
    names = {part: name if isinstance(name, str) else part for part, name in wanted.model_dump().items()}
    mapped = wanted.model_fields_set
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


def _absent_problems(file: StudyFile, place: str, absent: Sequence[str], header: Sequence[str]) -> Iterable[str]:
    if "day" in absent and file.entry.layout == "long":
        headings = pd.Series(list(header), dtype="str")
        dated = days(headings, file.entry).notna() | headings.map(looks_like_a_date)
        if dated.sum() > 1:
            finding = f"{dated.sum()} columns are called by days"
            yield f'{place}: {finding}. Write layout = "wide by day" in {file.place}, or give one row per reading.'
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


def _meant(entry: ExcludeEntry, rows: pd.DataFrame) -> pd.Index:
    named = rows["animal"] == entry.animal
    if "mouse" in rows:
        named |= rows["mouse"] == entry.animal
    meant = named & ~rows["missing"]
    if entry.tumour is not None and "tumour" in rows:
        meant &= rows["tumour"] == entry.tumour
    if entry.arm is not None:
        meant &= rows["arm"] == entry.arm
    if entry.day is not None:
        meant &= rows["day_number"] == entry.day
    return rows.index[meant]


def _not_found(entry: ExcludeEntry, place: str, rows: pd.DataFrame) -> str:
    animals = [*rows["animal"].unique().tolist(), *(rows["mouse"].unique().tolist() if "mouse" in rows else [])]
    if entry.animal not in animals:
        return f"is not in {place}.{did_you_mean(entry.animal, animals)} Correct it, or remove the exclusion."
    where = "" if entry.arm is None else f" in arm {quoted(entry.arm)}"
    when = "" if entry.day is None else f" on day {entry.day:g}"
    return f"has no reading{where}{when} in {place}. Correct it, or remove the exclusion."
