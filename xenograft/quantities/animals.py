"""What each animal did, from its readings alone: no model (docs/estimands.md).

Every measure is relative to the animal's baseline reading; days count from the first dose. A reading at or below the
limit of quantification counts as 0 for response classes and as the limit in ratios.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from xenograft.quantities.criteria import (
    CRITERION_WORDS,
    best_responses,
    classes_of,
    percent_change,
    time_below,
    time_to_reach,
)
from xenograft.study.removal import left_for_size
from xenograft.study.study import Study

MULTIPLES: Sequence[float] = (2.0, 4.0, 5.0)
"""Of the baseline: progression (2 and 5 times) and the PPTP event (4 times)."""

COLUMNS = ("animal", "arm", "quantity", "day", "value", "text", "beyond", "unit", "reason")

_MULTIPLE_WORDS = (
    "Days from the first dose until the readings first reach {} x the baseline, log-linear between readings"
)
RAW_DEFINITIONS: dict[str, tuple[str, str]] = {
    "baseline": ("volume", "Volume of the last reading on or before the first dose"),
    "rtv": ("", "Relative tumour volume: volume on the day over the baseline, log-linear between readings"),
    "growth_rate": ("1/day", "Least-squares slope of ln volume against day, from the baseline reading to the day"),
    "best_response": ("%", "Smallest change from baseline at 10 days or later (BR of mRECIST)"),
    "best_average_response": ("%", "Smallest running mean of the changes at 10 days or later (BAR of mRECIST)"),
    **{key: ("", words) for key, words in CRITERION_WORDS.items()},
    **{f"time_to_{multiple:g}x": ("day", _MULTIPLE_WORDS.format(f"{multiple:g}")) for multiple in MULTIPLES},
    "endpoint_time": (
        "day",
        "Days from the first dose to the first reading at or above the endpoint volume, or to removal for size",
    ),
    "weight_nadir": ("%", "Lowest body weight after the first dose, change from the weight at baseline"),
    "days_below_85": ("day", "Days with a body weight loss above 15 %, linear between weighings"),
    "days_below_80": ("day", "Days with a body weight loss above 20 %, linear between weighings"),
}
"""Unit and definition of every number of an animal; "volume" stands for the study's unit of volume."""


@dataclass(frozen=True, eq=False)
class Course:
    """The readings of one animal from its baseline on, those kept out of the analysis left out.

    Parameters
    ----------
    animal, arm : str
        As in the table.
    elapsed : array (reading)
        Days since the first dose; the first reading is the baseline reading where there is one.
    volume : array (reading)
        Study's unit; of a censored reading its limit.
    censored : bool array (reading)
        At or below the limit.
    has_baseline : bool
        Whether the first reading is a baseline reading.
    weight : array (reading) or None
        Body weight (g), NaN where not weighed.
    left_for_size : bool
        Whether the animal was removed because of the size of its tumour, as its `reason_left` says.
    """

    animal: str
    arm: str
    elapsed: Any
    volume: Any
    censored: Any
    has_baseline: bool
    weight: Any = None
    left_for_size: bool = False

    @property
    def volume_or_0(self) -> Any:
        """Volume with 0 for censored readings, as response classes count them."""
        return np.where(self.censored, 0.0, self.volume)

    @property
    def no_baseline(self) -> str:
        """Why nothing can be compared with the baseline, empty where it can."""
        if not self.has_baseline:
            return "no reading on or before the first dose"
        return "the baseline is at or below the limit of quantification" if self.censored[0] else ""

    def volume_on(self, elapsed: float) -> float:
        """Volume on a day, log-linear between readings; NaN before the first and after the last."""
        inside = self.elapsed[0] <= elapsed <= self.elapsed[-1]
        return float(np.exp(np.interp(elapsed, self.elapsed, np.log(self.volume)))) if inside else np.nan


@lru_cache(maxsize=4)  # a summary asks four times for those of one study
def animal_courses(study: Study) -> tuple[Course, ...]:
    """The readings of every animal from its baseline on, in the order of the study."""
    readings = study.daily_readings
    if "exclude" in readings:
        readings = readings[readings["exclude"] == ""]
    for_size = left_for_size(study)
    return tuple(
        _course(study, rows, for_size)
        for _, rows in readings.groupby("animal", sort=False)
        if (rows["day"] >= study.first_dose).any() or rows["baseline"].any()
    )


def animal_responses(study: Study, day: float | None = None) -> pd.DataFrame:
    """Every number of every animal's readings, with the reason where one cannot be computed.

    Parameters
    ----------
    study : Study
        Its readings are used as recorded; those excluded with a reason are left out.
    day : float, optional
        Day (as recorded) of the numbers that belong to one day; default the horizon.

    Returns
    -------
    DataFrame
        One row per animal and quantity of `RAW_DEFINITIONS`: columns `animal`, `arm`, `quantity`, `day` (as recorded,
        of numbers of one day), `value` (NaN of classes and where the definition fails), `text` (the class), `beyond`
        (the value is only a lower limit: the animal left first), `unit`, `reason` (why there is no number, else empty).
    """
    day = study.horizon if day is None else day
    courses = animal_courses(study)
    by_control = [course for course in courses if course.arm == study.control.name]
    median = _median_event(by_control)
    rows = [row for course in courses for row in (*_volumes(course, study, day), *_classes(course, study, median))]
    rows += [row for course in courses for row in (*_times(course, study), *_weights(course))]
    table = pd.DataFrame(rows, columns=[*COLUMNS[:7], "reason"])
    units = {key: study.unit if unit == "volume" else unit for key, (unit, _) in RAW_DEFINITIONS.items()}
    table.insert(COLUMNS.index("unit"), "unit", table["quantity"].map(units))
    order = {key: place for place, key in enumerate(RAW_DEFINITIONS)}
    animals = {course.animal: place for place, course in enumerate(courses)}
    places = table["animal"].map(animals) * len(order) + table["quantity"].map(order)
    return table.iloc[np.argsort(places.to_numpy(), kind="stable")].reset_index(drop=True)


def said(table: pd.DataFrame) -> pd.Series:
    """Each row of a table of raw numbers as people read it: the number, the class, "> 21", or the reason.

    Parameters
    ----------
    table : DataFrame
        With columns `value`, `text`, `beyond` and `reason`.

    Returns
    -------
    Series of str
        With the table's index.
    """
    number = table["value"].map(lambda value: f"{value:.3g}")
    number = number.where(~table["beyond"], "> " + number)
    return number.where(table["text"] == "", table["text"]).where(table["reason"] == "", table["reason"])


def _course(study: Study, rows: pd.DataFrame, for_size: Collection[str]) -> Course:
    has_baseline = bool(rows["baseline"].any())
    start = float(rows.loc[rows["baseline"], "day"].iloc[0]) if has_baseline else study.first_dose
    rows = rows[rows["day"] >= start]
    return Course(
        animal=str(rows["animal"].iloc[0]),
        arm=str(rows["arm"].iloc[0]),
        elapsed=rows["day"].to_numpy(dtype=float) - study.first_dose,
        volume=rows["volume"].to_numpy(dtype=float),
        censored=rows["censored"].to_numpy(dtype=bool),
        has_baseline=has_baseline,
        weight=rows["weight"].to_numpy(dtype=float) if "weight" in rows else None,
        left_for_size=str(rows["animal"].iloc[0]) in for_size,
    )


def _row(
    course: Course, quantity: str, value: float = np.nan, text: str = "", *, day: float = np.nan,
    beyond: bool = False, reason: str = "",
) -> tuple[Any, ...]:  # fmt: skip
    value, text = (np.nan, "") if reason else (value, text)
    return course.animal, course.arm, quantity, day, value, text, beyond and not reason, reason


def _volumes(course: Course, study: Study, day: float) -> Iterable[tuple[Any, ...]]:
    elapsed = day - study.first_dose
    first = float(course.volume[0])
    yield _row(course, "baseline", first, reason=course.no_baseline)
    on_day = course.volume_on(elapsed)
    gone = "" if np.isfinite(on_day) else f"not measured up to day {day:g}"
    yield _row(course, "rtv", on_day / first, day=day, reason=course.no_baseline or gone)
    used = course.elapsed <= elapsed
    few = "fewer than 3 readings" if used.sum() < 3 else ""
    slope = np.nan if few else float(np.polyfit(course.elapsed[used], np.log(course.volume[used]), 1)[0])
    yield _row(course, "growth_rate", slope, day=day, reason=few)


def _classes(course: Course, study: Study, median_event: float) -> Iterable[tuple[Any, ...]]:
    reason = course.no_baseline or ("" if len(course.volume) > 1 else "no reading after the baseline")
    quantities = ("best_response", "best_average_response", "mrecist", "genentech", "pptp")
    if reason:
        yield from (_row(course, quantity, reason=reason) for quantity in quantities)
        return
    best, average = (float(x) for x in best_responses(percent_change(course.volume_or_0), course.elapsed))
    early = "" if np.isfinite(best) else "no reading at 10 days or later"
    classes = classes_of(course.volume_or_0, course.elapsed, measurable=100.0 if study.unit == "mm3" else None)
    small = "" if str(classes.get("pptp", "")) else "the baseline is below 100 mm3, PPTP's measurable volume"
    unmeasured = "" if study.unit == "mm3" else f"PPTP's measurable volume is in mm3, the study's in {study.unit}"
    yield _row(course, "best_response", best, reason=early)
    yield _row(course, "best_average_response", average, reason=early)
    yield _row(course, "mrecist", text=str(classes["mrecist"]), reason=early)
    yield _row(course, "genentech", text=str(classes["genentech"]))
    pptp = str(classes.get("pptp", ""))
    pptp = _progression(course, median_event) if pptp == "PD" and course.arm != study.control.name else pptp
    yield _row(course, "pptp", text=pptp, reason=unmeasured or small)


def _progression(course: Course, median_event: float) -> str:
    """PD1 or PD2 of a treated animal by its time to 4 x baseline over the control's median (Houghton et al. 2007)."""
    time, reached = time_to_reach(course.elapsed, course.volume, 4 * course.volume[0])
    return "PD1" if reached and time <= 1.5 * median_event else "PD2"


def _times(course: Course, study: Study) -> Iterable[tuple[Any, ...]]:
    for multiple in MULTIPLES:
        time, reached = time_to_reach(course.elapsed, course.volume, multiple * course.volume[0])
        yield _row(course, f"time_to_{multiple:g}x", time, beyond=not reached, reason=course.no_baseline)
    time, reached, reason = endpoint_of(course, study)
    yield _row(course, "endpoint_time", time, beyond=not reached, reason=reason)


def endpoint_of(course: Course, study: Study) -> tuple[float, bool, str]:
    """When an animal's readings first are at or above the endpoint volume, or it was removed because of its size.

    Returns
    -------
    time : float
        Days since the first dose; of an animal that left, of its last reading.
    reached : bool
        Whether the endpoint volume was read, or the animal left for size: that is the event, whatever was read last.
    reason : str
        Why there is no time, else empty.
    """
    if study.endpoint_volume is None:
        if not left_for_size(study):
            return np.nan, False, "the study names no endpoint_volume"
        return max(float(course.elapsed[-1]), 0.0), course.left_for_size, ""
    large = np.flatnonzero((course.volume >= study.endpoint_volume) & ~course.censored)
    at = int(large[0]) if large.size else -1
    return max(float(course.elapsed[at]), 0.0), bool(large.size) or course.left_for_size, ""


def _weights(course: Course) -> Iterable[tuple[Any, ...]]:
    if course.weight is None:
        return
    weighed = ~np.isnan(course.weight)
    elapsed, weight = course.elapsed[weighed], course.weight[weighed]
    reason = "" if weighed.size and weighed[0] and course.has_baseline else "no body weight at baseline"
    reason = reason or ("" if len(weight) > 1 else "no body weight after the baseline")
    percent = weight if reason else 100 * weight / weight[0]
    yield _row(course, "weight_nadir", np.nan if reason else float(percent[1:].min() - 100), reason=reason)
    for limit in (85, 80):
        below = np.nan if reason else time_below(elapsed, percent, float(limit))
        yield _row(course, f"days_below_{limit}", below, reason=reason)


def _median_event(controls: Sequence[Course]) -> float:
    """Median time to 4 x baseline of the control animals (Kaplan-Meier), infinite where fewer than half reach it."""
    from xenograft.quantities.survival import median_time

    times = [time_to_reach(c.elapsed, c.volume, 4 * c.volume[0]) for c in controls if not c.no_baseline]
    return median_time([time for time, _ in times], [reached for _, reached in times]) if times else np.inf
