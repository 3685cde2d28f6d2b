"""What the cells of a table say beyond their numbers: words, marks, limits, repeated readings (`xenograft init`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from xenograft.files import toml_text
from xenograft.reading.cells import WORDS, meanings, numbers
from xenograft.reading.guess_times import Finding
from xenograft.reading.marks import begins_with_a_number, mark_of, plain_cells, thousands
from xenograft.reading.schema import StudyEntry

MOST_APART = 1.5
"""Repeated measurements of one tumour by callipers differ by less than this factor."""
_UNITS = {
    r"(?<![a-z])cm\s*(?:\^?3|³)": "cm3",
    r"(?<![a-z])mm\s*(?:\^?3|³)": "mm3",
    r"\b(?:photons?|p)\s*/\s*s(?:ec)?\b": "photons/s",
}

_LENGTH_IN_CM = r"\b(?:length|width|diameter|long|short|l|w)\s*[(\[]\s*cm\s*[)\]]"
_PLAIN = StudyEntry(name="?", data="?")


def unit_guessed(rows: Sequence[Sequence[str]]) -> Finding:
    """In which unit volumes are, by the words above the readings; lengths in cm give cm³."""
    found = Finding()
    texts = " ".join(text for row in rows for text in row)
    unit = next((unit for pattern, unit in _UNITS.items() if re.search(pattern, texts, flags=re.IGNORECASE)), None)
    lengths = re.search(_LENGTH_IN_CM, texts, flags=re.IGNORECASE)
    found.keys["unit"] = toml_text(unit or ("cm3" if lengths else "mm3"))
    if unit:
        found.said.append(f"Volumes are in {unit}.")
    elif lengths:
        found.said.append(f"Lengths are in cm ({lengths[0]}), so volumes in cm3.")
    else:
        found.asked.append("No unit is given: mm³ was written.")
    return found


def identities_guessed(texts: Mapping[str, pd.Series]) -> Finding:
    """Whether every arm numbers its own animals."""
    found = Finding()
    rows = pd.DataFrame({part: texts[part] for part in ("animal", "arm")}).drop_duplicates()
    rows = rows[rows["animal"].ne("") & rows["arm"].ne("")]
    shared = rows["animal"].duplicated(keep=False)
    if shared.any() and rows.loc[shared, "animal"].nunique() > rows["animal"].nunique() / 2:
        found.keys["animal_ids"] = '"within arm"'
        found.said.append("Every arm numbers its own animals.")
    return found


def written_once(texts: Mapping[str, pd.Series]) -> list[str]:
    """Parts that are written once for the rows below: an arm with a blank cell, animals or days with two in five."""
    found: list[str] = []
    for part, least in (("arm", 0.0), ("animal", 0.4), ("day", 0.4)):
        if part in texts and len(texts[part]) and texts[part].iloc[0] and texts[part].eq("").mean() > least:
            found.append(part)
    return found


def repeats_guessed(texts: Mapping[str, pd.Series]) -> Finding:
    """What several readings of an animal on a day are: of several tumours, or repeated measurements of one.

    Parameters
    ----------
    texts : mapping of str to Series of str
        Part to the cells, one row per reading; `tumour` where a column may tell tumours apart.
    """
    found = Finding()
    if not {"animal", "day", "volume"} <= set(texts):
        return found
    columns = [part for part in ("arm", "animal", "day") if part in texts]
    rows = pd.DataFrame({part: texts[part] for part in (*columns, "volume")})
    rows = rows[rows["volume"].ne("")]
    twice = rows.duplicated(columns, keep=False)
    if not twice.any():
        return found
    if "tumour" in texts:
        key = pd.DataFrame({part: texts[part] for part in (*columns, "tumour")}).loc[rows.index]
        if not key.duplicated().any():
            question = "Is every tumour of a mouse measured on its own? The mouse is a level above its tumours."
            found.asked.append(question)
            return found
    if "cage" in texts and texts["cage"].ne("").any():
        key = pd.DataFrame({part: texts[part] for part in (*columns, "cage")}).loc[rows.index]
        if not key.duplicated().any():
            question = (
                "Animals seem to be numbered within their cage: write cage and number as one name of each animal."
            )
            found.asked.append(question)
            return found
    number = numbers(rows["volume"].loc[twice], ".").where(lambda value: value > 0)
    group = [rows.loc[twice, part] for part in columns]
    apart = float((number.groupby(group).transform("max") / number.groupby(group).transform("min")).median())
    shared = f"{int(twice.sum())} readings share an animal and a day, {apart:.2f}-fold apart (median)"
    if apart > MOST_APART:
        found.asked.append(
            f"{shared}. Callipers do not differ so much: are they two tumours, or two mice with one name?"
        )
    elif 2 * twice.sum() < len(rows):
        found.asked.append(f"{shared}: are they repeated measurements (repeats), or is a day or a name wrong?")
    else:
        found.keys["repeats"] = '"mean"'
        written = 'their geometric mean was written. Or repeats = "readings", to use them all'
        found.asked.append(f"{shared}: {written}.")
    return found


def _meant(word: str) -> str:
    """A guess at what a word in place of a reading means."""
    gone = r"\s*(?:found dead|dead|died|death|euth|sac|cull|kill|removed|terminated|moribund|taken|humane|end ?point)"
    return '"left"' if re.match(gone, word, flags=re.IGNORECASE) else '"missing"'


def one_tumour_a_mouse(texts: Mapping[str, pd.Series]) -> bool:
    """Whether no animal has two values in the column that may tell tumours apart."""
    pairs = pd.DataFrame({part: texts[part] for part in ("animal", "tumour")}).drop_duplicates()
    return not pairs["animal"].duplicated().any()


def readings_guessed(texts: pd.Series, unit: str, decimal: str) -> Finding:
    """What the cells of volumes say about words, marks and limits.

    Parameters
    ----------
    texts : Series of str
        The cells.
    unit : str
        Unit of volume.
    decimal : {".", ","}
        The decimal sign.
    """
    found = Finding()
    number = numbers(texts, decimal)
    meaning = meanings(texts[number.isna()], _PLAIN.model_copy(update={"decimal": decimal}))
    unknown = [word for word in dict.fromkeys(texts[meaning.index[meaning == ""]]) if word]
    grouped = thousands(unknown, decimal)
    if grouped:
        found.said.append(f"Digits are grouped: {next(iter(grouped))} is {next(iter(grouped.values()))}.")
    unknown = [word for word in unknown if word not in grouped]
    plain = plain_cells(unknown, unit, decimal, {}, units=True)
    if plain.diameters:
        found.said.append(f"Cells such as {next(iter(plain.diameters))} hold two diameters: volume = 1/2 L W^2.")
    if plain.text:
        found.keys["units_in_cells"] = "true"
        found.said.append(f"Cells such as {next(iter(plain.text))} carry their unit.")
    marks = {mark: word for word in unknown for mark in [mark_of(word, decimal)] if mark is not None}
    if marks:
        found.keys["marks"] = "{ " + ", ".join(f'{toml_text(mark)} = "exclude"' for mark in marks) + " }"
        shown = ", ".join(f"{mark} ({word})" for mark, word in marks.items())
        found.asked.append(f'What the mark {shown} means: "exclude" was written; or "keep", "missing", "below limit".')
    odd = [word for word in unknown if word not in plain.diameters and word not in plain.text]
    odd = [word for word in odd if mark_of(word, decimal) is None]
    words = [word for word in odd if not begins_with_a_number(word)]
    if words:
        shown = ", ".join(words[:5]) + (", …" if len(words) > 5 else "")
        found.keys["words"] = "{ " + ", ".join(f"{toml_text(word)} = {_meant(word)}" for word in words[:20]) + " }"
        rest = f" Only the first 20 of {len(words)} such words were written." if len(words) > 20 else ""
        written = " and ".join(dict.fromkeys(_meant(word) for word in words))
        question = f'What {shown} means: {written} was written, of "missing", "below limit" and "left".{rest}'
        found.asked.append(question)
    if left := [word for word in odd if begins_with_a_number(word)]:
        shown = ", ".join(left[:5]) + (", …" if len(left) > 5 else "")
        found.asked.append(f"{shown}: no number as it stands. Correct the table, or say what is meant.")
    ambiguous = sorted({word for word in texts[meaning.index].str.lower() if word in ("nd", "x")} & set(WORDS))
    if ambiguous:
        found.asked.append(f"Whether {' and '.join(ambiguous)} means what `words` in docs/study-files.md says.")
    if (meaning == "below limit").any() or (number == 0).any():
        question = "The limit of quantification, for readings of 0 or below it: add limit_of_quantification."
        found.asked.append(question)
    median = float(np.nanmedian(number)) if number.notna().any() else np.nan
    if median < 5 and unit == "mm3":
        question = f"Half of the volumes are below {median:.2g} mm³: are they in cm³, or logarithms (scale)?"
        found.asked.append(question)
    return found
