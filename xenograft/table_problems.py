"""What in a table cannot be analysed, as sentences: all of it in one pass (DESIGN 3.5, 8.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from xenograft.errors import did_you_mean, not_available, quoted
from xenograft.study_file import StudyFile, counted
from xenograft.table import BELOW_LIMIT, MEASURES, MISSING

_Problem = tuple[int, str]  # row (0: the table as a whole), sentence
_REMEDIES = {"day": "Write the day as a number, for example 14.", "weight": "Correct it, or leave it blank."}
_RECORD_ZERO = "Record an unmeasurable tumour as 0 and give limit_of_quantification."


def problems_of_table(
    file: StudyFile, place: str, rows: pd.DataFrame, analysed: pd.DataFrame, columns: Mapping[str, str]
) -> list[str]:
    """A sentence for everything in a table that cannot be analysed.

    Parameters
    ----------
    file : StudyFile
        The study.toml that names the table.
    place : str
        Name of the table.
    rows, analysed : DataFrame
        From `rows_in_our_words`: all rows, and those without the arms to be ignored.
    columns : mapping of str to str
        Part to column of the table.

    Returns
    -------
    list of str
        Findings about the table as a whole first, then by row.
    """
    problems: list[_Problem] = [
        *_arm_problems(file, place, rows),
        *_blank_problems(place, analysed),
        *_number_problems(place, analysed),
        *_limit_problems(file, place, analysed),
        *_identity_problems(file, place, analysed),
        *_unavailable_problems(file, place, analysed, columns),
        *_extent_problems(file, place, analysed),
    ]
    return [sentence for _, sentence in sorted(problems, key=lambda problem: problem[0])]


def _arm_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    if "arm" not in rows:
        return
    known = file.arm_names
    unknown = rows[~rows["arm"].isin([*known, ""])]
    for name, found in unknown.groupby("arm", sort=False):
        row, name = found.index[0], str(name)
        remedy = f"Add [arms.{quoted(name)}] there or correct the table."
        finding = (
            f"arm {quoted(name)} ({counted(len(found), 'row')}) is not in {file.place}.{did_you_mean(name, known)}"
        )
        yield row, f"{place_of(place, rows, row)}: {finding} {remedy}"
    present = set(rows["arm"].unique())
    for arm in file.arms:
        if arm.name not in present:
            suggestion = did_you_mean(arm.name, unknown["arm"].unique())
            remedy = "Correct its name, or remove it."
            yield 0, f"{file.place}: arm {quoted(arm.name)} has no animals in {place}.{suggestion} {remedy}"


def _blank_problems(place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    for part in ("animal", "arm", "day"):
        if part in rows:
            for row in rows.index[rows[part] == ""]:
                yield row, f"{place_of(place, rows, row)}: {part} is blank. Every reading needs animal, arm and day."


def _number_problems(place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    for part in ("day", *MEASURES):
        if part not in rows:
            continue
        text, number = rows[part], rows[f"{part}_number"]
        remedy = _REMEDIES.get(part, "Correct it, or leave a missing reading blank.")
        silent = text.eq("") if part == "day" else text.str.lower().isin(MISSING)
        if part not in ("day", "weight"):
            silent |= text.str.fullmatch(BELOW_LIMIT, case=False)
        for row in rows.index[number.isna() & ~silent]:
            advice = "Write decimals with a point." if re.fullmatch(r"-?\d+,\d+", text[row]) else remedy
            yield row, f"{place_of(place, rows, row)}: {part} is {quoted(text[row])}; it must be a number. {advice}"
        for row in rows.index[np.isinf(number)]:
            yield row, f"{place_of(place, rows, row)}: {part} is {text[row]}; it must be a finite number. {remedy}"
        for row in rows.index[(number < 0) & ~np.isinf(number) & (part != "day")]:
            advice = remedy if part == "weight" else _RECORD_ZERO
            yield row, f"{place_of(place, rows, row)}: {part} is {text[row]}; it must be 0 or more. {advice}"


def _limit_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Readings of 0 or below a limit in words that have no limit, and limits that are none."""
    if "volume_number" not in rows:
        return
    if "limit" in rows:
        stated = rows["limit"].ne("") & ~rows["limit"].str.lower().isin(MISSING)
        number = pd.to_numeric(rows["limit"], errors="coerce")
        for row in rows.index[stated & ~((number > 0) & np.isfinite(number))]:
            finding = f"limit is {quoted(rows.at[row, 'limit'])}; it must be a volume above 0"
            yield row, f"{place_of(place, rows, row)}: {finding}. Correct it, or leave it blank for the study's limit."
    shown = rows["volume"] if "volume" in rows else rows["length"] + " × " + rows["width"]
    asking = rows.index[((rows["volume_number"] == 0) | rows["below"]) & ~(rows["limit_number"] > 0)]
    if len(asking):
        row = asking[0]
        first = "" if len(asking) == 1 else f", the first of {len(asking)} such readings"
        remedy = "Give limit_of_quantification, the smallest volume the laboratory can measure, in study.toml."
        yield row, f"{place_of(place, rows, row)}: volume is {shown[row]}{first}. {remedy}"


def _identity_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Animals in two arms, and two readings of an animal on one day."""
    if not {"animal", "arm"} <= set(rows):
        return
    named = rows[(rows["animal"] != "") & rows["arm"].isin(file.arm_names)]
    if file.entry.animal_ids == "unique":
        once = named.drop_duplicates(["animal", "arm"])
        arms = once.drop_duplicates("animal").assign(row=lambda found: found.index).set_index("animal")
        for row, animal, arm in once.loc[once.duplicated("animal"), ["animal", "arm"]].itertuples(name=None):
            finding = f"it is in arm {arm}, and in arm {arms.at[animal, 'arm']} in row {arms.at[animal, 'row']}"
            remedy = f'Correct it, or write animal_ids = "within arm" in {file.place} if every arm numbers its own.'
            yield row, f"{place_of(place, rows, row)}: {finding}. {remedy}"
    if "day" not in rows:
        return
    taken = named[~named["missing"] & named["day_number"].notna()]
    key = ["arm", "animal", "day_number"]
    repeated = taken[taken.duplicated(key)]
    if repeated.empty:
        return
    first = taken.drop_duplicates(key).assign(row=lambda found: found.index).set_index(key)["row"]
    for row, *reading in repeated[key].itertuples(name=None):
        finding = f"a second reading on day {reading[-1]:g} (the first is in row {first[tuple(reading)]})"
        yield row, f"{place_of(place, rows, row)}: {finding}. Keep one."


def _unavailable_problems(
    file: StudyFile, place: str, rows: pd.DataFrame, columns: Mapping[str, str]
) -> Iterable[_Problem]:
    """Columns that are part of the format and that no code stands behind yet."""
    for part in ("exclude", "study"):
        if part not in rows or rows[part].eq("").all():
            continue
        finding = f"{counted(int(rows[part].ne('').sum()), 'cell')} filled"
        if part == "study":
            if _says_nothing_beyond_arm(rows, part):
                continue
            finding = f"{rows[part].nunique()} values that are not one per arm"
        name = columns[part]
        label = f'the column "{name}" ({finding})' if name == part else f'the column "{name}" ({part}: {finding})'
        way = f"take {part} out of [columns] in {file.place}" if name != part else "rename the column"
        first = "take the rows to be excluded out of the table, and " if part == "exclude" else ""
        yield 0, not_available(place, label, f"To analyse the study without it, {first}{way}.")


def _says_nothing_beyond_arm(rows: pd.DataFrame, part: str) -> bool:
    if rows[part].nunique() == 1:
        return True
    if "arm" not in rows:
        return False
    return len(rows[["arm", part]].drop_duplicates()) == rows["arm"].nunique() == rows[part].nunique()


def _extent_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Too few animals in an arm, and days of study.toml outside the days of the table."""
    entry, first_dose = file.entry, file.first_dose
    taken = rows[~rows["missing"]]
    days = taken["day_number"].replace([np.inf, -np.inf], np.nan) if "day_number" in taken else pd.Series(dtype=float)
    last = float(days.max())
    if entry.fit_from is not None and entry.fit_from > last:
        yield 0, f"{file.place}: fit_from is {entry.fit_from:g}, after the last reading (day {last:g}). Correct it."
        return
    if {"arm", "animal"} <= set(rows):
        fitted = taken if entry.fit_from is None or days.empty else taken[~(days < entry.fit_from)]
        animals = fitted.groupby("arm")["animal"].nunique()
        present = set(rows["arm"].unique())
        for arm in file.arms:
            count = int(animals.get(arm.name, 0))
            if count < 2 and arm.name in present:
                finding = f"arm {quoted(arm.name)} has {counted(count, 'animal')} with readings to fit"
                yield 0, f"{place}: {finding}; it needs at least 2. Add animals, or give the arm ignore = true."
    if first_dose is None or np.isnan(last):
        return
    if first_dose >= last:
        finding = f"the first dose is on day {first_dose:g}, and no reading is later (the last is on day {last:g})"
        yield 0, f"{file.place}: {finding}. Correct start or days."
    elif entry.horizon is not None and not first_dose < entry.horizon <= last:
        asked = f"after the first dose (day {first_dose:g}) and not beyond the last reading (day {last:g})"
        yield 0, f"{file.place}: horizon is {entry.horizon:g}; it must be {asked}."


def place_of(place: str, rows: pd.DataFrame, row: int) -> str:
    """Where a row is, in words: "volumes.csv, row 37, animal M12"."""
    animal = str(rows.at[row, "animal"]) if "animal" in rows else ""
    return f"{place}, row {row}{f', animal {animal}' if animal else ''}"
