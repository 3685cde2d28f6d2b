"""What a careful reader would ask the laboratory about its readings: questions, never edits.

See docs/study-files.md#what-check-asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from xenograft.reading.study_toml import counted
from xenograft.study.study import Study

JUMP, JUMP_DAYS = 5.0, 2.0
"""A tumour does not become five times larger or smaller in two days: lines double in 8 to 14 days.

See models/README.md#where-the-priors-come-from.
"""
OUTLYING = 4.0
"""Robust standard deviations (1.4826 × median absolute deviation) from its arm's median growth rate."""
SMALLEST_SPREAD = 0.01
"""Growth rates (1/day) closer to their arm's median than four times this are not asked about."""
PLAUSIBLE_BASELINE = (5.0, 5000.0)
"""Median baselines (mm³) outside this range are usually cm³ taken for mm³, or the reverse."""
FEWEST = 5
SHOWN = 5


def questions_about(study: Study) -> list[str]:
    """Questions that a study's readings raise.

    Parameters
    ----------
    study : Study
        As read; nothing in it is changed.

    Returns
    -------
    list of str
        About the unit, impossible jumps, growth unlike the rest of the arm, and readings carried forward.
    """
    return [*_unit_questions(study), *_jumps(study), *_outlying_growth(study), *_carried_forward(study)]


def _unit_questions(study: Study) -> Iterable[str]:
    baseline = float(study.animals["baseline"].median())
    if study.unit != "mm3" or not np.isfinite(baseline):
        return
    low, high = PLAUSIBLE_BASELINE
    if baseline < low:
        yield f'The median baseline is {baseline:.2g} mm³: are the volumes in cm³? Then write unit = "cm3".'
    elif baseline > high:
        yield f'The median baseline is {baseline:,.0f} mm³: are the volumes in mm³? Then write unit = "mm3".'


def _jumps(study: Study) -> Iterable[str]:
    readings = _measured(study)
    before = readings.groupby("animal", sort=False)[["day", "log_volume"]].shift()
    rise, days = readings["log_volume"] - before["log_volume"], readings["day"] - before["day"]
    found = readings[rise.abs() >= np.log(JUMP) * np.maximum(days, JUMP_DAYS) / JUMP_DAYS]
    sentences = [
        f"Animal {animal} ({arm}): {np.exp(first):,.4g} on day {start:g}, {np.exp(log_volume):,.4g} on day {day:g}. "
        "Is one of the two misread?"
        for animal, arm, day, log_volume, start, first in zip(
            found["animal"], found["arm"], found["day"], found["log_volume"],
            before.loc[found.index, "day"], before.loc[found.index, "log_volume"], strict=True,
        )
    ]  # fmt: skip
    yield from _shortened(sentences, "such jump")


def _outlying_growth(study: Study) -> Iterable[str]:
    readings = _measured(study)
    readings = readings[readings.groupby("animal")["day"].transform("size") >= 3]
    centred = readings[["day", "log_volume"]] - readings.groupby("animal")[["day", "log_volume"]].transform("mean")
    sums = pd.DataFrame({"animal": readings["animal"], "arm": readings["arm"]}).assign(
        product=centred["day"] * centred["log_volume"], square=centred["day"] ** 2
    )
    animals = sums.groupby("animal", sort=False).agg(
        arm=("arm", "first"), product=("product", "sum"), square=("square", "sum")
    )
    animals["rate"] = animals["product"] / animals["square"]
    sentences: list[str] = []
    for arm, found in animals.groupby("arm", sort=False):
        if len(found) < FEWEST:
            continue
        median = found["rate"].median()
        spread = max(1.4826 * (found["rate"] - median).abs().median(), SMALLEST_SPREAD)
        for animal, rate in found.loc[(found["rate"] - median).abs() > OUTLYING * spread, "rate"].items():
            sentences.append(
                f"Animal {animal} ({arm}) grows by {rate:+.3f} per day, its arm by {median:+.3f}. "
                "Was it dosed, and is it in the right arm?"
            )
    yield from _shortened(sentences, "such animal")


def _carried_forward(study: Study) -> Iterable[str]:
    readings = study.readings[~study.readings["censored"]]
    sentences: list[str] = []
    for animal, found in readings.groupby("animal", sort=False):
        volumes = found["volume"].to_numpy()
        same = int((volumes[::-1] == volumes[-1]).cumprod().sum())
        if same >= 3:
            day = found["day"].iloc[-same]
            sentences.append(
                f"Animal {animal}: its last {same} readings, from day {day:g} on, are all {volumes[-1]:g}. "
                "Were they carried forward? Then remove all but the first."
            )
    yield from _shortened(sentences, "such animal")


def _measured(study: Study) -> pd.DataFrame:
    """Measured readings that are not excluded, with the natural log of their volume."""
    readings = study.readings[~study.readings["censored"]]
    if "exclude" in readings:
        readings = readings[readings["exclude"] == ""]
    return readings.assign(log_volume=np.log(readings["volume"]))


def _shortened(sentences: Sequence[str], thing: str) -> Iterable[str]:
    yield from sentences[:SHOWN]
    if len(sentences) > SHOWN:
        yield f"… and {counted(len(sentences) - SHOWN, f'more {thing}')}."
