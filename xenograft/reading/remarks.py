"""What a reader of a study should know about how it was read: nothing here is an error, and nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import pandas as pd

from xenograft.errors import quoted
from xenograft.printing import listed
from xenograft.reading.problems import place_of
from xenograft.reading.schema import Formula, StudyEntry
from xenograft.reading.study_toml import counted
from xenograft.study.study import Arm, Study

_FORMULA_WORDS: Mapping[Formula, str] = {
    "1/2 L W^2": "½ · length · width²",
    "pi/6 L W^2": "π/6 · length · width²",
    "0.52 L W^2": "0.52 · length · width²",
    "1/2 L W H": "½ · length · width · height",
    "pi/6 L W H": "π/6 · length · width · height",
}


_BLANK = ("", "na", "nan", "n/a", ".")


def notices_of(study: Study, place: str, rows: pd.DataFrame, entry: StudyEntry) -> list[str]:
    """Sentences about readings left out, words taken as readings, arms not analysed, and what is not fitted.

    Parameters
    ----------
    study : Study
        As read.
    place : str
        Name of its table.
    rows : DataFrame
        From `rows_in_our_words`, the analysed arms, animals as the study names them.
    entry : StudyEntry
        What study.toml says.
    """
    return [*_arm_notices(study), *_table_notices(place, rows, entry), *_fit_notices(study, rows)]


def _arm_notices(study: Study) -> Iterable[str]:
    for name, animals in study.ignored.items():
        yield f"Arm {name} ({counted(animals, 'animal')}) is listed with ignore = true and not analysed."
    if not study.combinations:
        yield "No arm receives two agents or more: there is no combination to judge."
    alone: dict[str, list[str]] = {}
    for combination in study.combinations:
        references = study.reference_arms(combination)
        for dosing in combination.dosings:
            if references[dosing.agent] is None:
                alone.setdefault(dosing.label(), []).append(combination.name)
    for label, names in alone.items():
        yield (
            f"No arm receives {label} alone on the days of {', '.join(names)}: "
            "the reference uses the model's own curve for it, not an arm."
        )
    for combination in study.combinations:
        if len(combination.dosings) > 2:
            yield _what_a_triple_tells(study, combination)


def _what_a_triple_tells(study: Study, combination: Arm) -> str:
    """Which smaller combinations are arms decides what a combination of three agents or more can be judged against."""
    given = {frozenset(arm.dosings): arm.name for arm in study.combinations}
    sizes = range(2, len(combination.dosings))
    smaller = [part for size in sizes for part in combinations(combination.dosings, size)]
    arms = [given[frozenset(part)] for part in smaller if frozenset(part) in given]
    labels = [" + ".join(dosing.label() for dosing in part) for part in smaller if frozenset(part) not in given]
    judged = f"{combination.name} is judged against its single agents"
    if arms:
        judged += f", and against {listed(arms)} with the agents that are not in it"
    if not labels:
        return f"{judged}."
    missing = f"{listed(labels)} {'is no arm' if len(labels) == 1 else 'are no arms'}"
    return f"{judged}; {missing}, so its interaction cannot be told apart from theirs."


def _table_notices(place: str, rows: pd.DataFrame, entry: StudyEntry) -> Iterable[str]:
    missing = rows[rows["missing"] & (rows["left"] == "")]
    if "cell" in rows:  # a wide table has blank cells after every animal that left: only the gaps are worth a word
        last = rows[~rows["missing"]].groupby("animal")["day_number"].max()
        missing = missing[missing["day_number"] < missing["animal"].map(last).astype(float)]
    if len(missing):
        where = place_of("", rows, missing.index[0]).removeprefix(", ")
        cells = [word for part in ("volume", "length") if part in rows for word in missing[part].unique().tolist()]
        words = [word for word in cells if word.lower() not in _BLANK]
        said = f"blank or {_or(words)}" if words else "blank"
        count = counted(len(missing), "reading")
        yield f"{place}: {count} left out because the volume is {said} (the first in {where})."
    gone = rows[rows["left"] != ""]
    if len(gone):
        words = _or(gone["left"].unique().tolist())
        yield f"{place}: {counted(gone['animal'].nunique(), 'animal')} marked as gone in place of a reading ({words})."
    words = rows.loc[rows["below"] & ~rows["missing"], "volume"] if "volume" in rows else pd.Series(dtype="str")
    words = words[~words.str.startswith(("<", "≤"))]
    if len(words):
        said = _or(words.unique().tolist())
        yield f"{place}: {counted(len(words), 'reading')} of {said} taken as at or below the limit of quantification."
    if "width" in rows:
        wider = rows.index[rows["width_number"] > rows["length_number"]]
        if len(wider):
            where = place_of("", rows, wider[0]).removeprefix(", ")
            count = counted(len(wider), "reading")
            used = _FORMULA_WORDS[entry.volume_formula]
            yield f"{place}: {count} with a width above the length (the first in {where}), used as {used}."


def _or(words: Sequence[str]) -> str:
    return " or ".join(quoted(word) for word in words[:5]) + (" …" if len(words) > 5 else "")


def _fit_notices(study: Study, rows: pd.DataFrame) -> Iterable[str]:
    readings, day = study.readings, f"the first dose (day {study.first_dose:g})"
    fitted = study.fitted_readings
    if study.fit_from is not None:
        yield f"Readings from day {study.fit_from:g} on are fitted (fit_from), not from the last one before {day} on."
    else:
        late = study.animals.index[study.animals["baseline"].isna()].tolist()
        if late:
            yield f"{_named(late, 'animal')} without a reading on or before {day}, fitted from the first reading."
    excluded = readings["exclude"].ne("") if "exclude" in readings else pd.Series(data=False, index=readings.index)
    earlier = len(readings) - len(fitted) - int(excluded.sum())
    if earlier:
        yield f"{counted(earlier, 'earlier reading')} kept and drawn, not fitted."
    if excluded.any():
        reasons = "; ".join(
            f"{reason}: {_named(found['animal'].unique().tolist(), 'animal')}"
            for reason, found in readings[excluded].groupby("exclude", sort=False)
        )
        yield f"{counted(int(excluded.sum()), 'reading')} excluded, kept and drawn, not fitted ({reasons})."
    idle = [animal for animal in rows["animal"].unique().tolist() if animal not in study.animals.index]
    if idle:
        yield f"{_named(idle, 'animal')} without a reading to fit, not analysed."


def _named(names: Sequence[str], thing: str) -> str:
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{counted(len(names), thing)} ({shown})"
