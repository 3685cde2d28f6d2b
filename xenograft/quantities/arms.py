"""What each arm did, from its animals' readings alone: no model (docs/estimands.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xenograft.quantities.animals import MULTIPLES, Course, animal_courses, animal_responses, endpoint_of
from xenograft.quantities.criteria import CRITERIA, time_to_reach
from xenograft.quantities.survival import MOST_ARRANGEMENTS, kaplan_meier, log_rank, median_interval, restricted_mean
from xenograft.study.removal import left_for_size
from xenograft.study.study import Arm, Study

ARM_COLUMNS = ("arm", "quantity", "day", "value", "lower", "upper", "text", "animals", "unit", "reason")

_ON_DAY = "means over the animals still measured on the day, log-linear between readings"
_KM = "Kaplan-Meier, animals that left before count until their last reading"
_MIDPOINT = "the midpoint where exactly half are without it until the next event, 95 % interval"
_EXACT = (
    f"exact over the at most {MOST_ARRANGEMENTS:,} ways to deal the animals to both arms (10 + 10), else chi-squared"
)
_EVENTS: dict[str, str] = {
    **{f"{multiple:g}x": f"{multiple:g} x the baseline" for multiple in MULTIPLES},
    "endpoint": "the endpoint volume",
}

ARM_DEFINITIONS: dict[str, tuple[str, str]] = {
    "volume_mean": ("volume", f"Mean volume, {_ON_DAY}"),
    "volume_sem": ("volume", "Standard error of volume_mean: standard deviation over the root of the animals"),
    "volume_median": ("volume", "Median volume of the animals still measured on the day, log-linear between readings"),
    "tgi": ("%", f"100 (1 - V_T/V_C), {_ON_DAY}; 0 = as the control"),
    "tgi_baseline": ("%", f"100 (1 - dV_T/dV_C), changes from baseline, {_ON_DAY}; above 100 = regression"),
    "tgi_auc": ("%", "100 (1 - AUC_T/AUC_C), areas under volume from baseline to the day, means over animals"),
    "tgi_auc_baseline": ("%", "As tgi_auc with each animal's baseline subtracted; above 100 = regression"),
    "tgi_rtv": ("%", f"100 (1 - RTV_T/RTV_C), relative tumour volumes, {_ON_DAY}"),
    "tc": ("%", f"100 V_T/V_C, {_ON_DAY}"),
    "tc_change": ("%", f"100 dV_T/dV_C, changes from baseline, {_ON_DAY}"),
    "rtv": ("", "Relative tumour volume (volume on the day over the baseline), mean over animals"),
    "growth_rate": ("1/day", "Mean over animals of the least-squares slope of ln volume"),
    **{
        key: (unit, words)
        for event, what in _EVENTS.items()
        for key, (unit, words) in {
            f"median_time_to_{event}": ("day", f"Median days from the first dose to {what}, {_KM}, {_MIDPOINT}"),
            f"restricted_mean_time_to_{event}": ("day", f"Restricted mean days to {what}, up to the day, {_KM}"),
            f"log_rank_{event}": ("", f"p value of the log-rank test against the control, times to {what}, {_EXACT}"),
        }.items()
    },
    **{
        f"growth_delay_{multiple:g}x": ("day", f"T - C: median days to {multiple:g} x the baseline minus the control's")
        for multiple in MULTIPLES
    },
    "log_cell_kill": ("log10", "Gross log10 cell kill: (T - C at 4 x)/(3.32 x the control's median doubling time)"),
    "net_log_cell_kill": ("log10", "As log_cell_kill with the days from the arm's first to its last dose subtracted"),
    **{
        f"{criterion}_{name.lower()}": ("%", f"Animals classed {name} by {criterion}, of those classed")
        for criterion, names in CRITERIA.items()
        for name in names
    },
    "weight_nadir": ("%", "Lowest mean body weight loss of the arm's animals: mean over animals of each one's nadir"),
    "days_below_85": ("day", "Mean days with a body weight loss above 15 %"),
    "days_below_80": ("day", "Mean days with a body weight loss above 20 %"),
}
"""Unit and definition of every raw number of an arm; "volume" stands for the study's unit of volume."""


def arm_responses(study: Study, day: float | None = None) -> pd.DataFrame:
    """Every number of every arm's readings, with the reason where one cannot be computed.

    Parameters
    ----------
    study : Study
        Its readings are used as recorded; those excluded with a reason are left out.
    day : float, optional
        Day (as recorded); default the horizon.

    Returns
    -------
    DataFrame
        One row per arm and quantity of `ARM_DEFINITIONS`: columns `arm`, `quantity`, `day` (as recorded), `value` (NaN
        where the definition fails, infinite where a median is not reached), `lower` and `upper` (95 %, of medians and
        restricted means), `text` ("4 of 10" of classes), `animals` (that the number is of), `unit`, `reason` (why there
        is no number, else empty).
    """
    day = study.horizon if day is None else day
    courses = animal_courses(study)
    animals = animal_responses(study, day)
    by_arm = {arm.name: [course for course in courses if course.arm == arm.name] for arm in study.arms}
    control = by_arm[study.control.name]
    rows: list[dict[str, Any]] = []
    for arm in study.arms:
        own = by_arm[arm.name]
        found = [
            *_volumes(own, day - study.first_dose, day),
            *_inhibition(own, control, study, day),
            *_means(animals[animals["arm"] == arm.name]),
            *_times(own, control, study, arm, day),
            *_shares(animals[animals["arm"] == arm.name]),
        ]
        rows += [
            {"arm": arm.name, "day": day, "lower": np.nan, "upper": np.nan, "text": "", "reason": ""} | row
            for row in found
        ]
    table = pd.DataFrame(rows)
    units = {key: study.unit if unit == "volume" else unit for key, (unit, _) in ARM_DEFINITIONS.items()}
    table["unit"] = table["quantity"].map(units)
    return table[list(ARM_COLUMNS)]


def survival_curves(study: Study) -> pd.DataFrame:
    """Kaplan–Meier curves of the time to each multiple of the baseline and to the endpoint volume, by arm.

    Parameters
    ----------
    study : Study
        Its readings.

    Returns
    -------
    DataFrame
        Columns `event` ("2x", "4x", "5x", "endpoint"), `arm`, `day` (as recorded), `share` of the animals without the
        event, `lower`, `upper` (95 %), `at_risk`. An event that the study does not define has no rows.
    """
    parts: list[pd.DataFrame] = []
    courses = animal_courses(study)
    for arm in study.arms:
        own = [course for course in courses if course.arm == arm.name]
        for event in _EVENTS:
            times, reached, reason = _event_times(own, study, event)
            if not reason:
                table = kaplan_meier(times, reached)
                table.insert(0, "day", table.pop("elapsed") + study.first_dose)
                parts.append(table.assign(event=event, arm=arm.name))
    columns = ["event", "arm", "day", "share", "lower", "upper", "at_risk"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _volumes(own: Sequence[Course], elapsed: float, day: float) -> Iterable[dict[str, Any]]:
    """Mean with standard error and median volume of the animals still measured on a day."""
    there = [volume for volume in (course.volume_on(elapsed) for course in own) if np.isfinite(volume)]
    gone = "" if there else f"no animal of the arm is measured up to day {day:g}"
    one = gone or ("" if len(there) > 1 else "one animal has no standard error")
    found = {
        "volume_mean": (np.nan if gone else float(np.mean(there)), gone),
        "volume_sem": (np.nan if one else float(np.std(there, ddof=1) / np.sqrt(len(there))), one),
        "volume_median": (np.nan if gone else float(np.median(there)), gone),
    }
    for quantity, (value, reason) in found.items():
        yield {"quantity": quantity, "value": value, "animals": len(there), "reason": reason}


def _inhibition(own: Sequence[Course], control: Sequence[Course], study: Study, day: float) -> Iterable[dict[str, Any]]:
    treated, untreated = _amounts(own, day - study.first_dose), _amounts(control, day - study.first_dose)
    named = {
        "tgi": "volume", "tgi_baseline": "change", "tgi_auc": "area", "tgi_auc_baseline": "area_of_change",
        "tgi_rtv": "relative", "tc": "volume", "tc_change": "change",
    }  # fmt: skip
    for quantity, amount in named.items():
        mine, theirs = treated[amount], untreated[amount]
        reason = _no_ratio(len(own), mine, theirs, study.control.name, day)
        ratio = np.nan if reason else float(np.mean(mine) / np.mean(theirs))
        value = 100 * ratio if quantity.startswith("tc") else 100 * (1 - ratio)
        yield {"quantity": quantity, "value": value, "animals": len(mine), "reason": reason}


def _amounts(courses: Sequence[Course], elapsed: float) -> Mapping[str, list[float]]:
    """Volume, change, area and relative volume on a day of the animals still measured then."""
    found: dict[str, list[float]] = {name: [] for name in ("volume", "change", "relative", "area", "area_of_change")}
    for course in courses:
        on_day = course.volume_on(elapsed)
        if not np.isfinite(on_day):
            continue
        found["volume"].append(on_day)
        if course.no_baseline:
            continue
        first = float(course.volume[0])
        before = course.elapsed < elapsed
        days, volume = np.append(course.elapsed[before], elapsed), np.append(course.volume[before], on_day)
        found["change"].append(on_day - first)
        found["relative"].append(on_day / first)
        found["area"].append(float(np.trapezoid(volume, days)))
        found["area_of_change"].append(float(np.trapezoid(volume - first, days)))
    return found


def _no_ratio(animals: int, mine: Sequence[float], theirs: Sequence[float], control: str, day: float) -> str:
    """Why a ratio of two arms' means has no value, empty where it has."""
    if not animals:
        return "the arm has no animals"
    if not theirs:
        return f"no animal of {control} with what is needed is measured up to day {day:g}"
    if not mine:
        return f"no animal of the arm with what is needed is measured up to day {day:g}"
    return "" if np.mean(theirs) > 0 else f"{control} does not grow by day {day:g}"


def _means(animals: pd.DataFrame) -> Iterable[dict[str, Any]]:
    """Means over the animals for which an animal's number exists."""
    for quantity in ("rtv", "growth_rate", "weight_nadir", "days_below_85", "days_below_80"):
        own = animals[animals["quantity"] == quantity]
        if own.empty and quantity not in ("rtv", "growth_rate"):
            continue  # the study records no body weights
        there = own["value"].dropna()
        reason = "" if len(there) else f"no animal: {own['reason'].iloc[0]}"
        yield {
            "quantity": quantity,
            "value": there.mean() if len(there) else np.nan,
            "animals": len(there),
            "reason": reason,
        }


def _times(
    own: Sequence[Course], control: Sequence[Course], study: Study, arm: Arm, day: float
) -> Iterable[dict[str, Any]]:
    medians: dict[str, tuple[float, float]] = {}
    for event, what in _EVENTS.items():
        times, reached, reason = _event_times(own, study, event)
        base_times, base_reached, base_reason = _event_times(control, study, event)
        count = {"animals": len(times)}
        if reason:
            for kind in ("median_time_to", "restricted_mean_time_to", "log_rank"):
                yield {"quantity": f"{kind}_{event}", "value": np.nan, "reason": reason} | count
            continue
        median, lower, upper = median_interval(times, reached)
        medians[event] = median, np.nan if base_reason else median_interval(base_times, base_reached)[0]
        unreached = "" if np.isfinite(median) else f"fewer than half the animals reach {what}"
        yield {
            "quantity": f"median_time_to_{event}", "value": median, "lower": lower, "upper": upper, "reason": unreached,
        } | count  # fmt: skip
        yield _restricted(event, times, reached, day - study.first_dose, day) | count
        why = "the control itself" if arm.control else base_reason
        p = np.nan if why else log_rank(times, reached, base_times, base_reached)
        why = why or ("" if np.isfinite(p) else f"no animal of either arm reaches {what}")
        yield {"quantity": f"log_rank_{event}", "value": np.nan if why else p, "reason": why} | count
    yield from _delays(medians, study, arm, len(own))


def _restricted(
    event: str, times: Sequence[float], reached: Sequence[bool], until: float, day: float
) -> dict[str, Any]:
    """Restricted mean, where the last animal's follow-up allows it."""
    quantity = f"restricted_mean_time_to_{event}"
    last = int(np.argmax(times))
    if times[last] < until and not any(r for t, r in zip(times, reached, strict=True) if t == times[last]):
        return {"quantity": quantity, "value": np.nan, "reason": f"no animal is followed up to day {day:g}"}
    mean, error = restricted_mean(times, reached, until)
    bounds = {"lower": max(mean - 1.96 * error, 0.0), "upper": min(mean + 1.96 * error, until)}
    return {"quantity": quantity, "value": mean} | bounds


def _delays(
    medians: Mapping[str, tuple[float, float]], study: Study, arm: Arm, animals: int
) -> Iterable[dict[str, Any]]:
    def unreached(event: str) -> str:
        if event not in medians:
            return "no animal has a baseline reading"
        if not np.isfinite(medians[event][1]):
            return f"fewer than half the animals of {study.control.name} reach {_EVENTS[event]}"
        return "" if np.isfinite(medians[event][0]) else f"fewer than half the animals reach {_EVENTS[event]}"

    for multiple in MULTIPLES:
        event = f"{multiple:g}x"
        reason = unreached(event)
        value = np.nan if reason else medians[event][0] - medians[event][1]
        yield {"quantity": f"growth_delay_{event}", "value": value, "animals": animals, "reason": reason}
    reason = unreached("4x") or ("" if np.isfinite(medians["2x"][1]) else unreached("2x"))
    delay = np.nan if reason else medians["4x"][0] - medians["4x"][1]
    doubling = np.nan if reason else 3.32 * medians["2x"][1]
    yield {"quantity": "log_cell_kill", "value": delay / doubling, "animals": animals, "reason": reason}
    known = all(dosing.schedule_known for dosing in arm.dosings)
    reason = reason or ("" if known else "the dosing days are not known")
    net = np.nan if reason else (delay - dosing_duration(arm)) / doubling
    yield {"quantity": "net_log_cell_kill", "value": net, "animals": animals, "reason": reason}


def dosing_duration(arm: Arm) -> float:
    """Days from an arm's first to its last dose; 0 for the control and a single dose."""
    days = [day for dosing in arm.dosings for day in dosing.days]
    return max(days) - min(days) if days else 0.0


def _shares(animals: pd.DataFrame) -> Iterable[dict[str, Any]]:
    for criterion, names in CRITERIA.items():
        own = animals[animals["quantity"] == criterion]
        classed = own.loc[own["reason"] == "", "text"].replace({"PD1": "PD", "PD2": "PD"})
        for name in names:
            count, of = int((classed == name).sum()), len(classed)
            yield {
                "quantity": f"{criterion}_{name.lower()}", "value": 100 * count / of if of else np.nan, "animals": of,
                "text": f"{count} of {of}" if of else "", "reason": "" if of else f"no animal: {own['reason'].iloc[0]}",
            }  # fmt: skip


def _event_times(courses: Sequence[Course], study: Study, event: str) -> tuple[list[float], list[bool], str]:
    """Times of an event of an arm's animals, whether each had it, and why there are none."""
    if event == "endpoint":
        known = study.endpoint_volume is not None or left_for_size(study)
        found = [endpoint_of(course, study)[:2] for course in courses] if known else []
        reason = "the study names no endpoint_volume"
    else:
        multiple = float(event.removesuffix("x"))
        based = [course for course in courses if not course.no_baseline]
        found = [time_to_reach(c.elapsed, c.volume, multiple * c.volume[0]) for c in based]
        reason = "no animal has a baseline reading"
    return [time for time, _ in found], [reached for _, reached in found], "" if found else reason
