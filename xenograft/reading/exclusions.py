"""Readings that a study keeps out of the likelihood, each with its reason (docs/study-files.md)."""

from __future__ import annotations

import pandas as pd

from xenograft.errors import did_you_mean, quoted
from xenograft.reading.schema import ExcludeEntry
from xenograft.reading.study_toml import StudyFile


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


def _meant(entry: ExcludeEntry, rows: pd.DataFrame) -> pd.Index:
    meant = (rows["animal"] == entry.animal) & ~rows["missing"]
    if entry.arm is not None:
        meant &= rows["arm"] == entry.arm
    if entry.day is not None:
        meant &= rows["day_number"] == entry.day
    return rows.index[meant]


def _not_found(entry: ExcludeEntry, place: str, rows: pd.DataFrame) -> str:
    animals = rows["animal"].unique().tolist()
    if entry.animal not in animals:
        return f"is not in {place}.{did_you_mean(entry.animal, animals)} Correct it, or remove the exclusion."
    where = "" if entry.arm is None else f" in arm {quoted(entry.arm)}"
    when = "" if entry.day is None else f" on day {entry.day:g}"
    return f"has no reading{where}{when} in {place}. Correct it, or remove the exclusion."
