"""A second look at a table beside the study that was made of it, which does not know how the table was read.

It sees cells and readings, nothing in between: what went wrong on the way shows as a question.
See docs/study-files.md#what-check-asks.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from xenograft.printing import listed
from xenograft.reading.as_written import AsWritten
from xenograft.reading.columns_unused import columns_not_used, formula_questions
from xenograft.reading.gaps import gap_questions
from xenograft.reading.levels import (
    drop_questions,
    fall_questions,
    floor_questions,
    never_measured_questions,
    relative_questions,
    unit_questions,
)
from xenograft.reading.sheet import Sheet
from xenograft.reading.study_toml import counted
from xenograft.reading.summaries import summaries_among
from xenograft.study.study import Study

LONGEST_DAYS = 365
SIDES = (r"l|left|lt|lhs", r"r|right|rt|rhs"), (r"t1", r"t2"), (r"a", r"b"), (r"1", r"2")
SHOWN = 5


def second_look(sheets: Sequence[Sheet], study: Study) -> list[str]:
    """Questions about what of a table arrived, and as what.

    Parameters
    ----------
    sheets : sequence of Sheet
        The cells as written.
    study : Study
        What was read of them.

    Returns
    -------
    list of str
        About days, the order of readings, animals, rows and columns that did not arrive, names, and smallest values.
    """
    raw = [AsWritten.of(sheet) for sheet in sheets]
    return [
        *_days(study),
        *_no_baseline(study),
        *_order(raw, study),
        *_not_arrived(raw, study),
        *columns_not_used(raw, study),
        *_names(study),
        *_pairs(study),
        *unit_questions(study),
        *never_measured_questions(study),
        *floor_questions(study),
        *fall_questions(study),
        *drop_questions(study),
        *relative_questions(study),
        *gap_questions(study, list(dict.fromkeys(_own_names(study).values()))),
        *formula_questions(raw),
    ]


def _days(study: Study) -> Iterable[str]:
    days = np.unique(study.readings["day"])
    fractions = np.unique(np.round(days - np.floor(days), 6))
    if len(fractions) > 1 or (len(days) > 1 and len(fractions) == 1 and 0 < fractions[0] < 1e-3):
        odd = [f"{day:g}" for day in days if day != np.floor(day)][:3]
        yield f"Some days are not whole ({', '.join(odd)}): are they days, or readings that were taken for days?"
    if np.abs(days).max() > LONGEST_DAYS:
        far = days[np.argmax(np.abs(days))]
        yield f"Days go to {far:g}: are they days, or hours, dates or a count of something else?"
    steps = np.diff(days)
    if len(days) >= 4 and (steps == 1).all() and _daily_growth(study) > 1.25:
        yield f"Days are {days[0]:g}, {days[1]:g}, {days[2]:g}, …: are they days, or the numbers of visits?"


def _daily_growth(study: Study) -> float:
    """Median factor by which an untreated tumour grows from one day of the study to the next."""
    own = study.fitted_readings[study.fitted_readings["arm"] == study.control.name]
    own = own[~own["censored"]].sort_values(["animal", "day"])
    rise = own["volume"].map(np.log).groupby(own["animal"]).diff()
    return float(np.exp(rise.median())) if rise.notna().any() else 0.0


def _no_baseline(study: Study) -> Iterable[str]:
    without = study.animals["baseline"].isna()
    if study.fit_from is not None or without.mean() <= 0.5:
        return
    first = study.readings["day"].min()
    if without.all():
        yield (
            f"No animal has a reading on or before the first dose (day {study.first_dose:g}; the first reading is on "
            f"day {first:g}): is the first dose on the right day?"
        )
    else:
        yield (
            f"{without.sum()} of {len(without)} animals have no reading on or before the first dose (day "
            f"{study.first_dose:g}): is it on the right day, or has every animal a day 0 of its own?"
        )


def _own_names(study: Study) -> dict[str, str]:
    """The animals as a table may write them: without the arm before them, without the tumour behind them."""
    readings = study.readings.drop_duplicates("animal")
    names: dict[str, str] = {}
    for animal, arm in zip(readings["animal"], readings["arm"], strict=True):
        plain = animal.removeprefix(f"{arm}/")
        names[animal] = plain.split(" · ")[0]
    return names


def _order(raw: Sequence[AsWritten], study: Study) -> Iterable[str]:
    """Animals whose volumes stand in another order in the table than their days."""
    if len(raw) != 1:
        return
    cells, names = raw[0], _own_names(study)
    measured = study.readings[~study.readings["censored"]]
    often = Counter(names.values())
    unique = {animal for animal, name in names.items() if often[name] == 1}
    at: dict[str, list[tuple[int, int]]] = {}
    wanted = {names[animal] for animal in unique}
    for row, column in zip(*np.nonzero(np.isin(cells.text, list(wanted))), strict=True):
        at.setdefault(str(cells.text[row, column]), []).append((int(row), int(column)))
    found: list[str] = []
    for animal, own in itertools.islice(measured[measured["animal"].isin(unique)].groupby("animal", sort=False), 200):
        volumes = own.sort_values("day")["volume"].tolist()
        places = at.get(names[str(animal)], [])
        if len(volumes) < 3 or len(set(volumes)) < len(volumes) or not places:
            continue
        rows = sorted({row for row, _ in places})
        across = cells.number[rows].ravel().tolist()
        down = cells.number[:, sorted({column for _, column in places})].ravel().tolist()
        for line in (across, down):
            written = [number for number in line if number in set(volumes)]
            if len(written) == len(volumes) == len(set(written)):
                if written != volumes:
                    found.append(str(animal))
                break
    if found:
        shown = listed(found[:3]) + (" and others" if len(found) > 3 else "")
        yield (
            f"{cells.place}: the readings of {shown} stand in another order than their days: are the days what the "
            "headings, "
            "or the dates, say?"
        )


def _not_arrived(raw: Sequence[AsWritten], study: Study) -> Iterable[str]:
    """Names among the animals that are none of the study, and rows of numbers without a name."""
    names = set(_own_names(study).values())
    volumes = set(study.readings["volume"].tolist())
    arms = [arm.name for arm in study.arms]
    for cells in raw:
        found = np.isin(cells.text, list(names))
        if not found.any():
            continue
        column = int(found.sum(axis=0).argmax())
        if found.sum(axis=1).max() >= found[:, column].sum():
            continue  # animals stand across
        rows = np.nonzero(found[:, column])[0]
        if len({cells.text[row, column] for row in rows}) < 2:
            continue
        masks = {_mask(cells.text[row, column]) for row in rows}
        summaries = summaries_among(cells.text[:, column].tolist(), arms)
        lost: list[str] = []
        for row in range(len(cells.text)):
            text = cells.text[row, column]
            numbers = np.isfinite(np.delete(cells.number[row], column)).sum()
            if found[row, column] or text in summaries or numbers < 2 or set(cells.text[row]) & set(study.ignored):
                continue
            above = row < rows[0]
            if (above and _mask(text) not in masks) or (
                not text and not above and _continues(cells, row, column, volumes)
            ):
                continue
            if above and text and _ascends(cells.number[row]):
                continue
            if summaries_among(cells.text[row].tolist(), [*arms, *cells.text[row].tolist()]):
                continue
            lost.append(f"row {row + 1}" + (f" ({text})" if text else ""))
        if lost:
            shown = ", ".join(lost[:SHOWN]) + (", …" if len(lost) > SHOWN else "")
            yield f"{cells.place}: {counted(len(lost), 'row')} with numbers did not arrive: {shown}. Should they?"


def _continues(cells: AsWritten, row: int, column: int, volumes: set[float]) -> bool:
    """Whether a row without a name holds readings of the study, as where an animal is named once for several rows."""
    return any(number in volumes for number in cells.number[row].tolist())


def _ascends(numbers: np.ndarray) -> bool:
    found = numbers[np.isfinite(numbers)]
    return len(found) > 1 and bool((np.diff(found) > 0).all()) and bool((found == np.floor(found)).all())


def _mask(text: str) -> str:
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "9", text))


def _names(study: Study) -> Iterable[str]:
    """Names of animals that differ in nothing but case, blanks, signs or zeros in front."""
    alike: dict[tuple[str, str], list[str]] = {}
    for animal, arm in zip(study.animals.index, study.animals["arm"], strict=True):
        plain = re.sub(r"0+(?=\d)", "", re.sub(r"[\W_]+", "", str(animal).lower().removeprefix(f"{arm}/".lower())))
        alike.setdefault((arm, plain), []).append(str(animal))
    for (arm, _), names in alike.items():
        if len(names) > 1 and "mouse" not in study.readings:
            yield f"Animals {listed(names)} ({arm}) differ in case, signs or zeros only: are they one animal?"


def _pairs(study: Study) -> Iterable[str]:
    """Names that differ in left and right only, of animals that leave together: two tumours of a mouse."""
    if "mouse" in study.readings:
        return
    animals = study.animals
    for first, second in SIDES:
        bases: dict[tuple[str, str], list[str]] = {}
        for animal, arm in zip(animals.index, animals["arm"], strict=True):
            plain = str(animal).removeprefix(f"{arm}/")
            after = r"(?:[\s_.\-/]+|(?<=\d)(?<!\D0)(?<!^0))\(?"  # V01 is a number, no side 1 of V0
            if split := re.fullmatch(rf"(.*\w){after}(?:{first}|{second})\)?", plain, flags=re.IGNORECASE):
                bases.setdefault((arm, split[1].rstrip(" _.-(/")), []).append(str(animal))
        couples = [names for names in bases.values() if len(names) == 2]
        if len(couples) < 2 or 2 * len(couples) < 0.6 * len(animals) or any(len(names) > 2 for names in bases.values()):
            continue
        last = animals["last_day"]
        together = np.mean([bool(last[one] == last[other]) for one, other in couples])
        if together >= 0.8:
            yield (
                f"Animals {couples[0][0]} and {couples[0][1]} ({counted(len(couples), 'such pair')}) have one name "
                "but for the "
                "side, and leave together: are they two tumours of one mouse? Then give a column tumour."
            )
            return
