"""Headings of a wide table: when, and what or which tumour was measured (docs/study-files.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xenograft.errors import quoted
from xenograft.reading.cells import numbers
from xenograft.reading.schema import StudyEntry
from xenograft.reading.study_toml import StudyFile
from xenograft.reading.times import Times, times_in

MEASURE_WORDS = {
    **dict.fromkeys(("volume", "vol", "tv", "v", "tumor volume", "tumour volume", "size"), "volume"),
    **dict.fromkeys(("length", "l", "long", "len", "long axis"), "length"),
    **dict.fromkeys(("width", "w", "short", "wid", "short axis"), "width"),
    **dict.fromkeys(("height", "h", "depth"), "height"),
    **dict.fromkeys(("weight", "bw", "bwt", "wt", "body weight", "bodyweight", "body wt"), "weight"),
}
SIDE_WORDS = {
    **dict.fromkeys(("left", "l", "lt", "lf", "lhs", "left flank", "flank l", "flank left", "left side"), "left"),
    **dict.fromkeys(("right", "r", "rt", "rf", "rhs", "right flank", "flank r", "flank right", "right side"), "right"),
}
_ABOUT_A_TUMOUR = r"\b(?:tumou?rs?|flank|side|volumes?|vol|tv|size)\b"
_MOMENTS = (
    r"base ?line|pre|pre[- ]?(?:treatment|dose|tx|study)|before|initial|start|beginning|randomi[sz]ation|enrol?lment|"
    r"staging|(?:first|last) (?:day|visit|measurement|reading)|"
    r"end|final|last|end ?point|terminal|necropsy|sacrifice|harvest|post|post[- ]?treatment|after"
)


@dataclass(frozen=True)
class Heading:
    """What the heading of one column of readings says.

    Parameters
    ----------
    when : str
        The part that says the time.
    measure : str or None
        "volume", "length", … where the heading names one.
    tumour : str
        "left" or "right"; empty where the heading names none.
    """

    when: str
    measure: str | None = None
    tumour: str = ""


def measure_said(text: str) -> str | None:
    """The measure that a heading names, "volume" for "Tumor volume (mm3)"; None where it names none."""
    plain = re.sub(r"[(\[].*?[)\]]|\b(?:mm|cm)[³²23]?\b|\bg$", " ", text.lower())
    return MEASURE_WORDS.get(" ".join(re.sub(r"[_\W]+", " ", plain).split()))


def side_said(text: str) -> str | None:
    """Left or right, for "Left tumor" and "R flank"; None for any other heading."""
    plain = " ".join(re.sub(r"[_\W]+", " ", re.sub(_ABOUT_A_TUMOUR, " ", text.lower())).split())
    return SIDE_WORDS.get(plain)


def headings_of(texts: Sequence[str]) -> tuple[dict[str, Heading], Times]:
    """What the headings of a row say: the time, and beside it a measure ("L D0") or a side ("Day 0 left").

    Parameters
    ----------
    texts : sequence of str
        Headings from left to right.

    Returns
    -------
    headings : dict of str to Heading
        Text to what it says, for the texts that say when.
    times : Times
        Of all `when`, in the order written; what is not understood is in `unread`.
    """
    words = list(dict.fromkeys(text for text in texts if text.strip()))
    plain = times_in(words)
    said = {text: Heading(text) for text in words if text in plain.numbers or text in plain.dates}
    labels = {text: found for text in words if text not in said for found in [_labelled(text)] if found}
    kinds = {label for label, _ in labels.values()}
    sided = bool(kinds & {word for word, side in SIDE_WORDS.items() if side == "right"})
    for text, (label, when) in labels.items():
        if sided and label in SIDE_WORDS:
            said[text] = Heading(when, tumour=SIDE_WORDS[label])
        elif label in MEASURE_WORDS and not (sided and label == "l"):
            said[text] = Heading(when, MEASURE_WORDS[label])
    if not labels:
        return said, plain
    times = times_in(found.when for text in words for found in [said.get(text)] if found)
    unread = tuple(text for text in words if text not in said)
    return said, Times(times.numbers, times.dates, times.unit, times.visits, unread)


def is_moment(text: str) -> bool:
    """Whether a heading without a number names a moment of the study, such as "Baseline"."""
    plain = " ".join(re.sub(r"[_\W]+", " ", text).lower().split())
    measure = r"(?: (?:tumou?r )?(?:volume|vol|tv|size|mm3|mm))*"
    return re.fullmatch(rf"(?:(?:tumou?r )?(?:volume|vol|tv|size) )?(?:{_MOMENTS}){measure}", plain) is not None


def with_labels(headings: Mapping[int, Mapping[str, str]], entry: StudyEntry) -> dict[int, dict[str, str]]:
    """The headings with what stands beside their day: a measure ("L D0") or a side ("Day 0 left")."""
    texts = [said["day"] for said in headings.values()]
    if numbers(pd.Series(texts, dtype="str"), entry.decimal).notna().all():
        return {position: dict(said) for position, said in headings.items()}
    found, times = headings_of(texts)
    first: dict[object, str] = {}
    for heading in found.values():
        first.setdefault(times.numbers.get(heading.when, times.dates.get(heading.when)), heading.when)
    labelled: dict[int, dict[str, str]] = {}
    for position, said in headings.items():
        labelled[position] = dict(said)
        heading = found.get(said["day"])
        if heading is None or (heading.measure is None and not heading.tumour and heading.when == said["day"]):
            continue
        labelled[position]["day"] = first[times.numbers.get(heading.when, times.dates.get(heading.when))]
        if heading.measure is not None:
            labelled[position]["measure"] = heading.measure
        if heading.tumour:
            labelled[position]["tumour"] = heading.tumour
    return labelled


def with_sides(headings: Mapping[int, Mapping[str, str]]) -> dict[int, dict[str, str]]:
    """The headings with left and right, where these stand in the row of measures, as tumours."""
    words = {said.get("measure", "") for said in headings.values()} - {""}
    if "right" not in {side_said(word) for word in words} or not all(map(side_said, words)):
        return {position: dict(said) for position, said in headings.items()}
    return {
        position: {part: text for part, text in said.items() if part != "measure"}
        | ({"tumour": side} if (side := side_said(said.get("measure", ""))) else {})
        for position, said in headings.items()
    }


def problem_of_all_times(
    file: StudyFile, place: str, dated: Mapping[str, float], thing: str = "headings"
) -> str | None:
    """What is wrong with all headings, or the cells of a column, at once: they number visits, or count hours or weeks.

    Parameters
    ----------
    file : StudyFile
        What study.toml says of days.
    place : str
        Name of the table.
    dated : mapping of str to float
        What was read from each text; NaN where it is no day.
    thing : str
        What the texts are, for the sentence.
    """
    lost = [text for text, day in dated.items() if np.isnan(day) and text]
    if len(lost) < 2 or file.entry.day_0 is not None:
        return None
    times = times_in(lost)
    shown = ", ".join(quoted(text) for text in lost[:3]) + (", …" if len(lost) > 3 else "")
    if times.visits:
        example = ", ".join(f"{quoted(text)} = {day}" for text, day in zip(lost[:2], (0, 4), strict=True))
        finding = f"the {thing} {shown} are not understood as days: they number visits"
        return f"{place}: {finding}. Say which day each is in {file.place}: day_of = {{ {example}, … }}."
    wanted = file.entry.time_unit or "days"
    if times.unit not in (None, wanted):
        finding = f"the {thing} {shown} count {times.unit}, not {wanted}"
        if times.unit == "months":
            return (
                f"{place}: {finding}. Say which day each is in {file.place}: day_of = {{ {quoted(lost[0])} = 30, … }}."
            )
        return f'{place}: {finding}. Write time_unit = "{times.unit}" in {file.place}.'
    return None


def _labelled(text: str) -> tuple[str, str] | None:
    """A heading without the word at its beginning or end that names a measure or a side, and that word."""
    words = [word for word in re.split(r"[\s_.:,;()\[\]-]+", text) if word]
    for count in (2, 1):
        if len(words) <= count:
            continue
        for first, label in ((True, words[:count]), (False, words[-count:])):
            name = " ".join(label).lower()
            if name not in MEASURE_WORDS and name not in SIDE_WORDS:
                continue
            when = text
            for word in label:
                pattern = rf"(?:^|(?<=[\s_.:,;()\[\]-])){re.escape(word)}(?=$|[\s_.:,;()\[\]-])"
                places = list(re.finditer(pattern, when))
                place = places[0] if first else places[-1]
                when = when[: place.start()] + when[place.end() :]
            when = re.sub(r"[(\[]\s*(?:mm|cm|g)?[²³23]?\s*[)\]]", "", when).strip(" _.:,;()[]-")
            found = times_in([when])
            if found.dates or found.unit is not None:
                return name, when
    return None
