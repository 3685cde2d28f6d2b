"""What a cell says: a number, a day, a date, or one of the words that laboratories write instead.

See docs/study-files.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd

from xenograft.errors import quoted
from xenograft.reading.schema import Meaning, StudyEntry
from xenograft.reading.times import IN_DAYS, date_said, serial_date, times_in

WORDS: Mapping[str, Meaning] = {
    **dict.fromkeys(("", "na", "nan", "n/a", "#n/a", ".", "-", "–", "—", "x", "missing", "not done"), "missing"),
    **dict.fromkeys(("not measured", "not recorded"), "missing"),
    **dict.fromkeys(("np", "nd", "bl", "blq", "bloq", "bql", "lloq", "loq", "blod", "bld", "lod"), "below limit"),
    **dict.fromkeys(
        ("not palpable", "non-palpable", "not detected", "not detectable", "not measurable"), "below limit"
    ),
    **dict.fromkeys(("below limit", "llod", "bllq", "tstm", "too small", "too small to measure"), "below limit"),
    **dict.fromkeys(
        ("small bud", "bud", "palpable", "palpable only", "barely palpable", "unmeasurable"), "below limit"
    ),
    **dict.fromkeys(("dead", "died", "found dead", "fd", "death", "†", "sac", "sac'd", "sac.", "sacced"), "left"),
    **dict.fromkeys(("sacrificed", "sacrifice", "euthanised", "euthanized", "euth", "eut", "culled"), "left"),
    **dict.fromkeys(("killed", "removed", "terminated", "taken down", "off study"), "left"),
}
"""What a word in place of a reading means, in lower case; [words] of a study.toml comes before it."""

_DIGITS = r"[0-9]+"
FIRST_SERIAL = 36_526
"""Days (a hundred years) from which on a bare number is a date: 1 January 2000 in a spreadsheet."""

NUMBERS_SHOWN_AS_DATES = 1904
"""Year up to which a date is a small number in the format of a date: spreadsheets count from 1900, or 1904."""


def number_pattern(decimal: str) -> str:
    """A regular expression for a plain decimal number with this decimal sign."""
    sign = re.escape(decimal)
    return rf"[+-]?(?:{_DIGITS}{sign}?[0-9]*|{sign}{_DIGITS})(?:e[+-]?{_DIGITS})?"


def text_of(column: pd.Series) -> pd.Series:
    """Cells as text, whitespace trimmed: numbers and dates of a data frame as a spreadsheet shows them."""
    if isinstance(column.dtype, pd.StringDtype):
        return column.str.strip()
    return pd.Series([_shown(value) for value in column.tolist()], index=column.index, dtype="str").str.strip()


def _shown(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return str(value)
        case float() if value == value:
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime() if value is not pd.NaT:
            return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
        case date() if value is not pd.NaT:
            return value.isoformat()
        case _:
            return "" if pd.isna(value) else str(value)


def numbers(text: pd.Series, decimal: str) -> pd.Series:
    """Cells as numbers, NaN where a cell is not one.

    Parameters
    ----------
    text : Series of str, or of numbers
        Cells, whitespace trimmed; numbers of a data frame are taken as they are.
    decimal : {".", ","}
        The decimal sign; the other one makes a cell no number, so that 1,234 is never taken for 1.234.
    """
    if pd.api.types.is_numeric_dtype(text) and not pd.api.types.is_bool_dtype(text):
        return text.astype(float)
    written = text.where(text.str.fullmatch(rf"(?:{number_pattern(decimal)}|[+-]?inf(?:inity)?)", case=False))
    if decimal != ".":
        written = written.str.replace(decimal, ".", regex=False)
    return pd.to_numeric(written).astype(float)


def days(text: pd.Series, entry: StudyEntry) -> pd.Series:
    """Cells as days (as study.toml counts them), NaN where a cell is not a day.

    Parameters
    ----------
    text : Series of str
        "7", "day 7", "D7", "4 dpi", …; hours and weeks where `time_unit` says so; where the study gives `day_0`, dates
        in any usual form.
    entry : StudyEntry
        Its `day_0`, `date_order`, `time_unit`, `clock`, `day_of`, `add_days` and decimal sign.
    """
    if pd.api.types.is_numeric_dtype(text) or entry.day_0 is None:
        number = _counted_days(text, entry)
    else:
        since = {word: _days_since(word, entry) for word in text.unique().tolist()}
        number = text.map(since).astype(float)
    number = number + entry.add_days
    if entry.day_of:
        number = text.map({word.strip(): float(day) for word, day in entry.day_of.items()}).fillna(number).astype(float)
    return number


def _counted_days(text: pd.Series, entry: StudyEntry) -> pd.Series:
    """Days of cells that count them; every text is looked at once, in the order in which it first stands."""
    words = text.unique()
    if len(words) < len(text):
        return text.map(dict(zip(words, _counted_days(pd.Series(words, dtype=text.dtype), entry), strict=True))).astype(
            float
        )
    number = numbers(text, entry.decimal)
    unit = None
    if number.isna().any():
        words = text.tolist()
        pointed = {word: word.replace(entry.decimal, ".") if entry.decimal != "." else word for word in words}
        found = times_in(pointed[word] for word in words if word not in entry.day_of)
        unit = found.unit
        said = {word: found.numbers.get(pointed[word], np.nan) for word in words}
        number = number.fillna(text.map(said)).astype(float)
    if unit is not None and unit != (entry.time_unit or "days"):
        return number * np.nan  # "Week 1" where nothing says that weeks are meant
    if entry.time_unit in ("hours", "weeks"):
        return number.map(IN_DAYS[entry.time_unit])
    return number.mask(number.abs().ge(FIRST_SERIAL) & np.isfinite(number))


def _days_since(text: str, entry: StudyEntry) -> float:
    found = moment_of(text, entry)
    if found is None or entry.day_0 is None or found.year <= NUMBERS_SHOWN_AS_DATES:
        return np.nan
    clock = (found - datetime.combine(found.date(), time())) / timedelta(days=1)
    if clock and entry.clock is None:
        return np.nan
    return (found.date() - entry.day_0).days + (clock if entry.clock == "fractions" else 0.0)


def moment_of(text: str, entry: StudyEntry) -> datetime | None:
    """The date (and time of day) that a cell says, None where it is none or its order of day and month is not known."""
    if (written := date_said(text)) is not None:
        return written.at(entry.date_order, entry.day_0)
    if re.fullmatch(r"\d{5}(?:[.,]\d+)?", text):
        return serial_date(float(text.replace(",", ".")))
    return None


def looks_like_a_date(text: str) -> bool:
    """Whether a cell is written as a date, in whatever order."""
    return date_said(text) is not None


def why_no_day(text: str, place: str, entry: StudyEntry) -> str:
    """What is wrong with a cell that `days` could not read, and the remedy, to follow "day".

    Parameters
    ----------
    text : str
        The cell.
    place : str
        What sentences call study.toml.
    entry : StudyEntry
        What study.toml says of days.
    """
    written = date_said(text)
    if written is not None:
        if written.year is not None and written.year <= NUMBERS_SHOWN_AS_DATES:
            remedy = "Format such cells as numbers in the sheet and save it again"
            return f"is {quoted(text)}, a date of {written.year}: a number that the sheet shows as a date. {remedy}."
        if written.order == "asked" and entry.date_order is None:
            asked = 'Write date_order = "day first" or "month first"'
            also = ", and the date of day 0 as day_0," if entry.day_0 is None else ""
            return f"is {quoted(text)}, a date whose order is not known. {asked}{also} in {place}."
        if entry.day_0 is None:
            return f"is {quoted(text)}, a date. Write the date of day 0 in {place}, for example day_0 = 2024-03-01."
        if written.clock and entry.clock is None and written.at(entry.date_order, entry.day_0):
            return f"is {quoted(text)}; with day_0 in {place} it must be a date. Write it as 2024-03-01."
        return f"is {quoted(text)}, which is no date of the calendar. Correct it, or date_order in {place}."
    if entry.day_0 is not None:
        return f"is {quoted(text)}; with day_0 in {place} it must be a date. Write it as 2024-03-01."
    if re.fullmatch(r"\d{5,}(?:\.\d+)?", text):
        shown = serial_date(float(text)) if len(text.split(".")[0]) == 5 else None
        meant = f" ({shown:%Y-%m-%d} as spreadsheets count days)" if shown else ""
        remedy = f"If it is a date, write the date of day 0 in {place}, for example day_0 = 2024-03-01"
        return f"is {quoted(text)}{meant}, more than a hundred years. {remedy}."
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return f'is {quoted(text)}; it must be a number. Write decimals with a point, or decimal = "," in {place}.'
    return f"is {quoted(text)}; it must be a number. Write the day as a number, for example 14."


def meanings(text: pd.Series, entry: StudyEntry) -> pd.Series:
    """What the words in place of readings mean.

    Returns
    -------
    Series of str
        "below limit" (also "<16"), "missing", "left", or "" where the cell is none of the words.
    """
    said = {**WORDS, **{word.strip().lower(): meaning for word, meaning in entry.words.items()}}
    lower = text.str.lower()
    found = lower.map(said).fillna("").astype("str")
    number = number_pattern(entry.decimal)
    below = rf"{below_pattern(entry.decimal)}|[<≤]\s*{number}\s*[x×X]\s*{number}"
    own_limit = text.str.startswith(("<", "≤")) & text.str.fullmatch(below, case=False)
    return found.mask(own_limit, "below limit")


def below_pattern(decimal: str) -> str:
    """A regular expression for "<16", "< LLOQ" or "<"; the group is the number."""
    return rf"[<≤]\s*(?:({number_pattern(decimal)})|l?l?o[qd]|limit)?"
