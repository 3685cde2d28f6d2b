"""Volumes whose level says something: what is written for no tumour, two units, untreated tumours that vanish."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from xenograft.reading.study_toml import counted
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print

FLOOR_ANIMALS, FLOOR_GAP = 3, 3.0
"""A smallest volume that this many animals share, this far below the next one, is what is written for no tumour."""
UNIT_GAP = 25.0
"""Animals that begin this many times larger than the next smaller ones are not of one unit."""
DROP = 50.0
"""Untreated tumours do not become this many times smaller from one visit to the next, nor larger."""
FALL = 3.0
"""An untreated tumour this far above the limit does not fall below it by the next reading."""


def floor_questions(study: Study) -> Iterable[str]:
    """A smallest volume that several animals share."""
    if (value := floor_value(study)) is not None:
        own = study.readings[study.readings["volume"].eq(value) & ~study.readings["censored"]]
        first = f"first {own['animal'].iloc[0]}, day {own['day'].iloc[0]:g}"
        yield (
            f"The smallest volume, {value:g}, is that of {counted(own['animal'].nunique(), 'animal')} ({first}), "
            f"far below all others: is {value:g} what is written for a tumour too small to measure? Then write "
            "limit_of_quantification, the smallest volume that can be measured."
        )


def floor_value(study: Study) -> float | None:
    """The smallest volume measured, where several animals share it far below all others; None else."""
    readings = study.readings[~study.readings["censored"]]
    smallest = readings["volume"].min()
    own = readings[readings["volume"] == smallest]
    others = readings.loc[readings["volume"] > smallest, "volume"]
    if own["animal"].nunique() < FLOOR_ANIMALS or others.empty or others.min() < FLOOR_GAP * smallest:
        return None
    return float(smallest)


def unit_questions(study: Study) -> Iterable[str]:
    """Animals whose first volumes fall into two groups, one many times the other."""
    measured = study.readings[~study.readings["censored"]]
    first = measured.sort_values("day").groupby("animal", sort=False)["volume"].first().sort_values()
    if len(first) < 2:
        return
    gaps = np.diff(np.log10(first.to_numpy()))
    at = int(np.argmax(gaps))
    if gaps[at] > np.log10(UNIT_GAP):
        times = first.iloc[at + 1 :].median() / first.iloc[: at + 1].median()
        yield (
            f"{counted(at + 1, 'animal')} (first {first.index[0]}) begin with volumes some {times:,.0f} times smaller "
            "than the others: are they written in another unit?"
        )


def never_measured_questions(study: Study) -> Iterable[str]:
    """Animals all of whose readings are below the limit."""
    below = study.readings.groupby("animal", sort=False)["censored"].all()
    if names := list(below.index[below]):
        several = f"{counted(len(names), 'animal')} (first {names[0]}) have"
        them, unit = several if len(names) > 1 else f"Animal {names[0]} has", unit_in_print(study.unit)
        yield (
            f"{them} no reading above the limit of quantification ({study.limit_of_quantification:g}): was there a "
            f"tumour, and is the volume in {unit}?"
        )


def relative_questions(study: Study) -> Iterable[str]:
    """First volumes that are all the same: percentages of them, or multiples."""
    measured = study.readings[~study.readings["censored"]]
    first = measured.sort_values("day").groupby("animal", sort=False)["volume"].first()
    if len(first) >= FLOOR_ANIMALS and first.nunique() == 1 and measured["volume"].nunique() > 1:
        yield (
            f"Every animal begins with a volume of {first.iloc[0]:g}: are the volumes relative to the first one "
            "(percent, or fold)? Then give the volumes themselves."
        )


def fall_questions(study: Study) -> Iterable[str]:
    """Untreated animals that fall from well above the limit to below it."""
    own = study.readings[study.readings["arm"] == study.control.name].sort_values(["animal", "day"])
    before = own.groupby("animal")[["volume", "censored", "day"]].shift()
    fell = own["censored"] & before["censored"].eq(False) & (before["volume"] > FALL * own["volume"])
    if fell.any():
        first = own[fell].iloc[0]
        was = before.loc[own[fell].index[0]]
        number = own.loc[fell, "animal"].nunique()
        fell_from = f"{was['volume']:,.4g} on day {was['day']:g}"
        fell_to = f"at or below {first['volume']:g} on day {first['day']:g}"
        yield (
            f"{counted(number, 'untreated animal')} fell below the limit ({first['animal']}: {fell_from}, {fell_to}): "
            "are these zeros that nobody measured?"
        )


def drop_questions(study: Study) -> Iterable[str]:
    """Two visits between which half of the untreated animals become many times smaller, or larger."""
    own = study.readings[(study.readings["arm"] == study.control.name) & ~study.readings["censored"]]
    own = own.sort_values(["animal", "day"])
    before = own.groupby("animal")[["day", "volume"]].shift()
    steps = pd.DataFrame(
        {"before": before["day"], "day": own["day"], "times": own["volume"] / before["volume"]}
    ).dropna()
    for (first, second), found in steps.groupby(["before", "day"]):
        times = float(found["times"].median())
        if len(found) >= 2 and (times > DROP or times < 1 / DROP):
            size = f"{times:,.0f} times larger" if times > 1 else f"{1 / times:,.0f} times smaller"
            yield (
                f"From day {first:g} to day {second:g} untreated tumours become some {size}: are the later readings in "
                "another unit?"
            )
