"""What in a table cannot be analysed, as sentences: all of it in one pass (docs/study-files.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from xenograft.errors import did_you_mean, not_available, quoted
from xenograft.reading.cells import meanings, numbers, why_no_day
from xenograft.reading.columns import MEASURES
from xenograft.reading.headings import problem_of_all_times
from xenograft.reading.marks import mark_of
from xenograft.reading.repeats import tumour_problems
from xenograft.reading.study_toml import StudyFile, counted

_Problem = tuple[int, str]  # row (0: the table as a whole), sentence
_NO_REASONS = ("yes", "y", "true", "1", "x", "no", "n", "false", "0", "exclude", "excluded", "include", "-")
MOST_REPEATED = 10
"""More second readings of a day than these are no slip but a way to measure."""
_LEAVE_BLANK = "Correct it, or leave a missing reading blank."
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
        *_day_problems(file, place, analysed),
        *tumour_problems(place, analysed),
        *_number_problems(file, place, analysed),
        *_limit_problems(file, place, analysed),
        *_identity_problems(file, place, analysed),
        *_cohort_problems(file, place, analysed),
        *_left_problems(file, place, analysed),
        *_exclude_problems(place, analysed),
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


def _day_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    if "day" not in rows:
        return
    unread = rows["day_number"].isna() & rows["day"].ne("")
    if unread.any():
        dated = dict(zip(rows["day"], rows["day_number"], strict=True))
        if sentence := problem_of_all_times(file, place, dated, "days"):
            yield 0, sentence
            return
    if "start" in rows and rows["start"].ne("").any():
        yield from _start_problems(place, rows)
        unread &= rows["start"].ne("")
    for row in rows.index[unread]:
        yield row, f"{place_of(place, rows, row)}: day {why_no_day(str(rows.at[row, 'day']), file.place, file.entry)}"
    for row in rows.index[np.isinf(rows["day_number"])]:
        finding = f"day is {rows.at[row, 'day']}; it must be a finite number"
        yield row, f"{place_of(place, rows, row)}: {finding}. Write the day as a number, for example 14."


def _start_problems(place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Animals without a day 0 of their own, or with two, in a table that gives one to each."""
    for row in rows.index[rows["start"].eq("") & rows["day"].ne("")]:
        yield row, f"{place_of(place, rows, row)}: start is blank. Every animal needs its own day 0, or none does."
    for row in rows.index[rows["start"].str.fullmatch(r"[+-]?\d*[.,]\d+") & ~rows["start"].str.contains(r"[.,]0*$")]:
        finding = f"start is {quoted(rows.at[row, 'start'])}; it must be a day or a date"
        yield row, f"{place_of(place, rows, row)}: {finding}. Name another column as start, or none."
    once = rows[rows["start"].ne("")].drop_duplicates(["arm", "animal", "start"])
    for row in once.index[once.duplicated(["arm", "animal"])]:
        finding = f"its start is {quoted(once.at[row, 'start'])} here and another date above"
        yield row, f"{place_of(place, rows, row)}: {finding}. Give each animal one day 0."


def _number_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    entry = file.entry
    for part in MEASURES:
        if part not in rows:
            continue
        text, number = rows[part], rows[f"{part}_number"]
        remedy = "Correct it, or leave it blank." if part == "weight" else _LEAVE_BLANK
        unread = number.isna()
        if part == "volume" and "bare" in rows:
            for row in rows.index[rows["bare"]]:
                finding = f"volume is {quoted(text[row])}, one number, and other cells hold two lengths"
                yield (
                    row,
                    f"{place_of(place, rows, row)}: {finding}. Write both lengths in every cell.",
                )
        silent = meanings(text[unread], entry).isin(
            ["missing"] if part == "weight" else ["missing", "left", "below limit"]
        )
        for row in silent.index[~silent]:
            advice = _decimal_advice(file, text[row]) or (remedy if part == "weight" else _word_advice(file, text[row]))
            yield row, f"{place_of(place, rows, row)}: {part} is {quoted(text[row])}; it must be a number. {advice}"
        written = numbers(text[np.isinf(number)], entry.decimal)  # a volume may also be computed
        for row in written.index[np.isinf(written)]:
            yield row, f"{place_of(place, rows, row)}: {part} is {text[row]}; it must be a finite number. {remedy}"
        negative = (number < 0) & ~np.isinf(number)
        for row in rows.index[negative & (part != "volume" or entry.scale == "linear")]:
            advice = remedy if part == "weight" else _RECORD_ZERO
            yield row, f"{place_of(place, rows, row)}: {part} is {text[row]}; it must be 0 or more. {advice}"
    if "volume_number" in rows:
        infinite = rows[np.isinf(rows["volume_number"])]
        for part in ("volume", "length", "width", "height"):
            if part in infinite:
                infinite = infinite[~np.isinf(numbers(infinite[part], entry.decimal))]
        for row in infinite.index:
            finding = f"volume is {_shown(rows, row)}, more than a computer can hold"
            yield row, f"{place_of(place, rows, row)}: {finding}. Correct it, its unit or scale."


def _decimal_advice(file: StudyFile, text: str) -> str | None:
    """The remedy for a number written with the other decimal sign, None for any other text."""
    here, other = (".", ",") if file.entry.decimal == "." else (",", ".")
    if numbers(pd.Series([text], dtype="str"), other).isna().iloc[0]:
        return None
    if re.fullmatch(rf"[1-9]\d{{0,2}}{re.escape(other)}\d{{3}}", text):
        plain = text.replace(other, "")
        return (
            f'Write {plain} if it is more than a thousand, or decimal = "{other}" in {file.place} if it is a fraction.'
        )
    name = "point" if here == "." else "comma"
    return f'Write decimals with a {name}, or decimal = "{other}" in {file.place}.'


def _word_advice(file: StudyFile, text: str) -> str:
    if (mark := mark_of(text, file.entry.decimal)) is not None:
        return f'Say what {quoted(mark)} means in {file.place}, for example marks = {{ {quoted(mark)} = "keep" }}.'
    if any(character.isdigit() for character in text):
        return _LEAVE_BLANK
    return f'Correct it, or say what it means in {file.place}, for example words = {{ {quoted(text)} = "missing" }}.'


def _shown(rows: pd.DataFrame, row: int) -> str:
    """The cells from which a volume is read, as the table has them."""
    if "volume" in rows:
        return str(rows.at[row, "volume"])
    return " × ".join(str(rows.at[row, part]) for part in ("length", "width", "height") if part in rows)


def _limit_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Readings of 0 or below a limit in words that have no limit, and limits that are none."""
    if "volume_number" not in rows:
        return
    if "limit" in rows:
        number = numbers(rows["limit"], file.entry.decimal)
        stated = meanings(rows["limit"], file.entry).ne("missing")
        for row in rows.index[stated & ~(((number > 0) | (file.entry.scale != "linear")) & np.isfinite(number))]:
            finding = f"limit is {quoted(rows.at[row, 'limit'])}; it must be a volume above 0"
            yield row, f"{place_of(place, rows, row)}: {finding}. Correct it, or leave it blank for the study's limit."
    for row in rows.index[rows["censored"] & np.isinf(rows["limit_number"])]:
        finding = f"volume is {_shown(rows, row)}; its limit must be a finite number"
        yield row, f"{place_of(place, rows, row)}: {finding}. Correct it, or its limit."
    asking = rows.index[((rows["volume_number"] == 0) | rows["below"]) & ~(rows["limit_number"] > 0)]
    if len(asking):
        row = asking[0]
        first = "" if len(asking) == 1 else f", the first of {len(asking)} such readings"
        remedy = "Give limit_of_quantification, the smallest volume the laboratory can measure, in study.toml."
        yield row, f"{place_of(place, rows, row)}: volume is {_shown(rows, row)}{first}. {remedy}"


def _identity_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Animals in two arms, and two readings of an animal on one day."""
    if not {"animal", "arm"} <= set(rows):
        return
    named = rows[(rows["animal"] != "") & rows["arm"].isin(file.arm_names)]
    if file.entry.animal_ids == "unique":
        once = named.drop_duplicates(["animal", "arm"])
        arms = once.drop_duplicates("animal").assign(row=lambda found: found.index).set_index("animal")
        for row, animal, arm in once.loc[once.duplicated("animal"), ["animal", "arm"]].itertuples(name=None):
            other = spot(rows, int(str(arms.at[animal, "row"])))
            finding = f"it is in arm {arm}, and in arm {arms.at[animal, 'arm']} in {other}"
            remedy = f'Correct it, or write animal_ids = "within arm" in {file.place} if every arm numbers its own.'
            yield row, f"{place_of(place, rows, row)}: {finding}. {remedy}"
    if "day" not in rows:
        return
    taken = named[~named["missing"] & named["day_number"].notna()]
    key = ["arm", "animal", "day_number"]
    repeated = taken[taken.duplicated(key)]
    if repeated.empty or file.entry.repeats is not None:
        return
    first = taken.drop_duplicates(key).assign(row=lambda found: found.index).set_index(key)["row"]
    if len(repeated) > MOST_REPEATED:
        row = repeated.index[0]
        other = spot(rows, int(first.xs(tuple(repeated.loc[row, key])).item()))
        yield (
            row,
            (
                f"{place_of(place, rows, row)}: a second reading on day {repeated.at[row, 'day_number']:g} (the "
                f"first is in {other}), the first of {len(repeated)} such readings. Are they repeated measurements "
                f'of one tumour? Then write repeats = "mean" in {file.place}. Are they several tumours of a mouse? '
                "Then name the column that tells them apart as tumour under [columns]. Are they two mice with one "
                "name? Then correct it. Are they something else, such as body weights? Then leave them out: "
                'only_columns = "A:H", or last_row.'
            ),
        )
        return
    for row, *reading in repeated[key].itertuples(name=None):
        finding = f"a second reading on day {reading[-1]:g} (the first is in {spot(rows, first[tuple(reading)])})"
        yield row, f"{place_of(place, rows, row)}: {finding}. Keep one."


def _cohort_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Animals in two cohorts."""
    if not {"animal", "arm", "cohort"} <= set(rows) or rows["cohort"].eq("").all():
        return
    key = _animal_key(file)
    once = rows[rows["animal"] != ""].drop_duplicates([*key, "cohort"]).assign(at=lambda found: found.index)
    twice = once[once.duplicated(key)].merge(once.drop_duplicates(key), on=key, suffixes=("", "_first"))
    for row, cohort, other, first in twice[["at", "cohort", "at_first", "cohort_first"]].itertuples(
        index=False, name=None
    ):
        finding = f"it is in cohort {quoted(cohort)}, and in {quoted(first)} in {spot(rows, other)}"
        yield row, f"{place_of(place, rows, row)}: {finding}. Give it one cohort."


def _left_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Animals with a reading after the cell that says that they had left."""
    if not {"animal", "arm", "day_number"} <= set(rows) or rows["left"].eq("").all():
        return
    key = _animal_key(file)
    gone = rows[rows["left"].ne("") & rows["day_number"].notna()].sort_values("day_number").drop_duplicates(key)
    gone = gone[[*key, "day_number", "left"]].assign(row=gone.index)
    later = rows[~rows["missing"]].assign(at=lambda found: found.index).merge(gone, on=key, suffixes=("", "_gone"))
    later = later[later["day_number"] > later["day_number_gone"]].drop_duplicates(key)
    for row, day, left, since, at in later[["at", "day_number", "left_gone", "day_number_gone", "row"]].itertuples(
        index=False, name=None
    ):
        finding = f"a reading on day {day:g} after {quoted(left)} on day {since:g} ({spot(rows, at)})"
        yield row, f"{place_of(place, rows, row)}: {finding}. Correct one of the two."


def _animal_key(file: StudyFile) -> list[str]:
    return ["animal"] if file.entry.animal_ids == "unique" else ["arm", "animal"]


def _exclude_problems(place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    if "exclude" in rows:
        for row in rows.index[rows["exclude"].str.lower().isin(_NO_REASONS)]:
            finding = f"exclude is {quoted(rows.at[row, 'exclude'])}, which is no reason"
            yield row, f"{place_of(place, rows, row)}: {finding}. Say why, or leave it blank to keep the reading."


def _unavailable_problems(
    file: StudyFile, place: str, rows: pd.DataFrame, columns: Mapping[str, str]
) -> Iterable[_Problem]:
    """A column that is part of the format and that no code stands behind yet."""
    part = "study"
    if part not in rows or rows[part].eq("").all() or _says_nothing_beyond_arm(rows, part):
        return
    finding = f"{rows[part].nunique()} values that are not one per arm"
    name = columns[part]
    label = f'the column "{name}" ({finding})' if name == part else f'the column "{name}" ({part}: {finding})'
    way = f"take {part} out of [columns] in {file.place}" if name != part else "rename the column"
    yield 0, not_available(place, label, f"To analyse the study without it, {way}.")


def _says_nothing_beyond_arm(rows: pd.DataFrame, part: str) -> bool:
    if rows[part].nunique() == 1:
        return True
    if "arm" not in rows:
        return False
    return len(rows[["arm", part]].drop_duplicates()) == rows["arm"].nunique() == rows[part].nunique()


def _extent_problems(file: StudyFile, place: str, rows: pd.DataFrame) -> Iterable[_Problem]:
    """Too few animals in an arm, and days of study.toml outside the days of the table."""
    entry, first_dose = file.entry, file.first_dose
    if file.arms and not file.broken and not file.of_panel and all(arm.control for arm in file.arms):
        yield (
            0,
            f"{file.place}: no arm gets an agent, so there is nothing to compare. Add the treated arms to the study.",
        )
    taken = rows[~rows["missing"] & (rows["exclude"].eq("") if "exclude" in rows else True)]
    days = taken["day_number"].replace([np.inf, -np.inf], np.nan) if "day_number" in taken else pd.Series(dtype=float)
    last = float(days.max())
    if entry.fit_from is not None and entry.fit_from > last:
        yield 0, f"{file.place}: fit_from is {entry.fit_from:g}, after the last reading (day {last:g}). Correct it."
        return
    if {"arm", "animal"} <= set(rows):
        fitted = taken if entry.fit_from is None or days.empty else taken[~(days < entry.fit_from)]
        animals = fitted.groupby("arm")["animal"].nunique()
        present = set(rows["arm"].unique())
        least = 1 if file.of_panel else 2
        for arm in file.arms:
            count = int(animals.get(arm.name, 0))
            if count < least and arm.name in present:
                finding = f"arm {quoted(arm.name)} has {counted(count, 'animal')} with readings to fit"
                yield 0, f"{place}: {finding}; it needs at least {least}. Add animals, or give the arm ignore = true."
    if first_dose is None or np.isnan(last):
        return
    if first_dose >= last:
        finding = f"the first dose is on day {first_dose:g}, and no reading is later (the last is on day {last:g})"
        yield 0, f"{file.place}: {finding}. Correct start or days."
    elif entry.horizon is not None and not first_dose < entry.horizon <= last:
        asked = f"after the first dose (day {first_dose:g}) and not beyond the last reading (day {last:g})"
        yield 0, f"{file.place}: horizon is {entry.horizon:g}; it must be {asked}."


def place_of(place: str, rows: pd.DataFrame, row: int) -> str:
    """Where a reading is, in words: "volumes.csv, row 37, animal M12", of a wide table "…, cell F12, animal M12"."""
    animal = str(rows.at[row, "animal"]) if "animal" in rows else ""
    return f"{place}, {spot(rows, row)}{f', animal {animal}' if animal else ''}"


def spot(rows: pd.DataFrame, row: int) -> str:
    """Where a reading is in its table: "row 37", of a wide table "cell F12"."""
    return f"cell {rows.at[row, 'cell']}" if "cell" in rows else f"row {row}"
