"""The columns of a wide sheet: which hold readings, what their headings say, and which stay out.

See docs/study-files.md#layouts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xenograft.errors import quoted
from xenograft.reading.cells import days, looks_like_a_date, why_no_day
from xenograft.reading.guess_columns import is_derived
from xenograft.reading.headings import is_moment, measure_said, problem_of_all_times
from xenograft.reading.numbered import arms_of_headings, without_their_summaries
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.study_toml import StudyFile, counted
from xenograft.reading.summaries import summaries_among

READ_DOWN = ("animal", "arm", "day", "tumour", "start", "cohort", "cage", "study", "model", "reason_left")
MEASURED = ("volume", "length", "width", "height", "weight")


def names_of(entry: StudyEntry) -> dict[str, str]:
    """What the table calls its columns, by part; volume is "volume" where there are several columns of it."""
    names: dict[str, str | tuple[str, ...] | dict[str, str]] = entry.columns.model_dump()
    return {part: name if isinstance(name, str) else part for part, name in names.items()}


@dataclass(frozen=True)
class WideColumn:
    """A column of a wide sheet that holds readings: its position and what its heading says."""

    position: int
    said: Mapping[str, str]
    measure: str


def reading_columns(
    file: StudyFile, sheet: Sheet, headings: Mapping[int, Mapping[str, str]], body: pd.DataFrame, top: int
) -> tuple[list[WideColumn], list[str], list[str]]:
    """The columns that hold readings, what is wrong with the others, and those left unread."""
    entry = file.entry
    columns: list[WideColumn] = []
    problems: list[str] = []
    unread: list[str] = []
    headings, unnumbered = _numbered(sheet.place, headings)
    problems += unnumbered
    dated = _days_of_headings(headings, entry) if "day" in entry.header_parts else {}
    if problem := problem_of_all_times(file, sheet.place, dated):
        return [], [problem], []
    counts: dict[str, int] = {}
    lost: dict[str, str] = {}
    row_of = {part: top + level for level, part in enumerate(entry.header_parts)}
    texts = [text for said in headings.values() for part, text in said.items() if part in ("day", "animal")]
    summaries = summaries_among(texts, (said.get("arm", "") for said in headings.values()))
    arms_of_summaries = summaries_among(said.get("arm", "") for said in headings.values())
    for position, said in headings.items():

        def cell(part: str, position: int = position) -> str:
            return f"{sheet.place}, cell {sheet.address(row_of[part], position)}"

        if not said.get("animal") and said.get("arm") in arms_of_summaries:
            unread.append(said["arm"])
            continue
        blank = [part for part, text in said.items() if not text and part not in ("measure", "tumour")]
        if blank:
            filled = counted(int(body[position].str.strip().ne("").sum()), "cell")
            finding = f"the heading is blank ({blank[0]}) above {filled}"
            problems.append(f"{cell(blank[0])}: {finding}. Fill it in, or empty the column.")
            continue
        if summary := next((text for part, text in said.items() if part != "arm" and text in summaries), None):
            unread.append(summary)
            continue
        if "day" in said and np.isnan(dated[said["day"]]):
            if is_moment(said["day"]):
                finding = f"the heading {quoted(said['day'])} is no day"
                remedy = f"Say which in {file.place}, for example day_of = {{ {quoted(said['day'])} = 0 }}"
                problems.append(f"{cell('day')}: {finding}. {remedy}, or add it to ignore_columns.")
            elif is_derived(said["day"]) and any(np.isfinite(day) for day in dated.values()):
                unread.append(said["day"])
            elif re.search(r"\d", said["day"]) or not re.search(r"[^\W\d_]", said["day"]):
                lost[cell("day")] = said["day"]
            else:
                unread.append(said["day"])
            continue
        measure = _measure(entry, said.get("measure"))
        if measure is None:
            words = ", ".join(MEASURED)
            finding = f"the heading says {quoted(said['measure'])}, which is none of {words}"
            problems.append(f"{cell('measure')}: {finding}. Name it under [columns] in {file.place}.")
            continue
        known = {part: text for part, text in said.items() if part != "measure"}
        if "arm" in known and "animal" not in known:
            counts[known["arm"]] = counts.get(known["arm"], 0) + 1
            known["animal"] = f"{known['arm']}/{counts[known['arm']]}"
        columns.append(WideColumn(position, known, measure))
    return columns, [*problems, *_no_days(file, sheet.place, lost)], unread


def _no_days(file: StudyFile, place: str, lost: Mapping[str, str]) -> Iterable[str]:
    """Headings (cell to text) that are no days, one by one or, where there are several alike, in one sentence."""
    if len(lost) <= 2 or any(map(looks_like_a_date, lost.values())):
        for cell, text in lost.items():
            why = why_no_day(text, file.place, file.entry)
            yield f"{cell}: the day of the column {why} Else add it to ignore_columns."
        return
    cell, text = next(iter(lost.items()))
    shown = ", ".join(quoted(text) for text in list(lost.values())[:3])
    example = f"day_of = {{ {quoted(text)} = 0, … }}"
    finding = f"the headings {shown}, … ({len(lost)} of them, from cell {cell.rsplit(' ', 1)[-1]} on) are no days"
    yield f"{place}: {finding}. Say which day each is in {file.place}: {example}. Or add them to ignore_columns."


def _numbered(
    place: str, headings: Mapping[int, Mapping[str, str]]
) -> tuple[Mapping[int, Mapping[str, str]], list[str]]:
    """Headings that name an arm and count its animals ("Vehicle_1"), as arm and animal; and what is wrong with them."""
    if not any("numbered arm" in said for said in headings.values()):
        return headings, []
    texts = list(dict.fromkeys(said["numbered arm"] for said in headings.values()))
    animals = without_their_summaries(texts)
    arms = arms_of_headings(animals)
    arms |= {text: text for text in texts if text not in animals}
    if len(arms) < len(texts):
        shown = ", ".join(quoted(text) for text in texts[:4])
        finding = f"the headings ({shown}, …) do not count the animals of two arms or more"
        return {}, [f'{place}: {finding}. Write header = ["arm"], or two rows with arms and animals.']
    return {
        position: {**{part: text for part, text in said.items() if part != "numbered arm"},
                   "arm": arms[said["numbered arm"]], "animal": said["numbered arm"]}
        for position, said in headings.items()
    }, []  # fmt: skip


def _days_of_headings(headings: Mapping[int, Mapping[str, str]], entry: StudyEntry) -> dict[str, float]:
    texts = pd.Series(list(dict.fromkeys(said["day"] for said in headings.values())), dtype="str")
    return dict(zip(texts, days(texts, entry), strict=True)) if len(texts) else {}


def _measure(entry: StudyEntry, text: str | None) -> str | None:
    if not text:
        return "volume" if text is None else None
    names = names_of(entry)
    plain = re.sub(r"\s*[(\[].*[)\]]$", "", text).strip().lower()  # "Length (mm)"
    for part in MEASURED:
        if text == names[part] or plain == part:
            return part
    return measure_said(text)
