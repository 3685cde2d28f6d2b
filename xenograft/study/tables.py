"""A study in a few tables for people: how many animals, how long, who left and what is kept out."""

from __future__ import annotations

import pandas as pd

from xenograft.study.study import Study

MOST_DAYS = 24
"""A table with a column per day is only given where it fits a screen."""


def summary_table(study: Study) -> pd.DataFrame:
    """One row per arm: its animals, its fitted readings, and how they begin and end.

    Returns
    -------
    DataFrame
        Days as recorded, volumes in the study's unit; `left before the last day` counts the animals whose last fitted
        reading is before the last of the study.
    """
    readings, animals = study.fitted_readings, study.animals
    last_day = readings["day"].max()
    summary = readings.groupby("arm").agg(
        **{"fitted readings": ("day", "size"), "first day": ("day", "min"), "last day": ("day", "max")}
    )
    by_arm = animals.assign(left=animals["last_day"] < last_day).groupby("arm")
    summary.insert(0, "animals", by_arm.size())
    for words, function in {"median baseline": "median", "smallest baseline": "min", "largest baseline": "max"}.items():
        summary[words] = by_arm["baseline"].agg(function)
    for words, marked in _counted_readings(study).items():
        if marked.any():
            summary[words] = marked.groupby(study.readings["arm"]).sum()
    summary["left before the last day"] = by_arm["left"].sum()
    return summary.loc[[arm.name for arm in study.arms]].reset_index()


def arm_of_groups(study: Study) -> pd.Series:
    """The arm of each of the study's groups (of its first animal), index their names in the order of the animals."""
    return study.animals["arm"].groupby(study.groups, sort=False).first()


def measured_table(study: Study) -> pd.DataFrame:
    """Number of animals with a reading, by arm (row) and day (column); empty for more than 24 days."""
    readings = study.daily_readings.drop_duplicates(["animal", "day"])
    if readings["day"].nunique() > MOST_DAYS:
        return pd.DataFrame()
    counts = readings.groupby(["arm", "day"]).size().unstack(fill_value=0).loc[[arm.name for arm in study.arms]]
    counts.columns = [f"{day:g}" for day in counts.columns]
    return counts.reset_index()


def left_table(study: Study) -> pd.DataFrame:
    """The animals whose last reading is before the study's last: when, at which volume, and why.

    Returns
    -------
    DataFrame
        One row per arm, last day and reason: `arm`, `last day`, `reason` (empty where nobody says), `animals`, and
        `largest volume` (last readings, in the study's unit).
    """
    animals = study.animals.rename_axis("animal").reset_index()
    left = animals[animals["last_day"] < study.fitted_readings["day"].max()]
    if left.empty:
        return pd.DataFrame()
    grouped = left.groupby(["arm", "last_day", "reason_left"], sort=False)
    table = grouped.agg(animals=("animal", _named), largest=("last_volume", "max")).reset_index()
    order = {arm.name: place for place, arm in enumerate(study.arms)}
    table = table.sort_values(["arm", "last_day"], key=lambda c: c.map(order) if c.name == "arm" else c)
    names = {"last_day": "last day", "reason_left": "reason", "largest": "largest volume"}
    return table.rename(columns=names)[["arm", "last day", "reason", "animals", "largest volume"]]


def excluded_table(study: Study) -> pd.DataFrame:
    """The excluded readings: `animal`, `arm`, `day`, `volume` (in the study's unit), `reason`; empty without any."""
    if "exclude" not in study.readings:
        return pd.DataFrame()
    found = study.readings[excluded(study)]
    return found[["animal", "arm", "day", "volume", "exclude"]].rename(columns={"exclude": "reason"})


def unit_in_print(unit: str) -> str:
    """A unit of volume as people write it."""
    return {"mm3": "mm³", "cm3": "cm³"}.get(unit, unit)


def left_early(study: Study) -> pd.DataFrame:
    """Animals whose last fitted reading is before the study's last: `Study.animals` of those."""
    animals = study.animals
    return animals[animals["last_day"] < study.fitted_readings["day"].max()]


def half_left(study: Study, arm: str) -> float:
    """The last day (as recorded) on which at least half of an arm's animals were still measured.

    Parameters
    ----------
    study : Study
        Its fitted readings.
    arm : str
        One that has animals; of another, without end.
    """
    leaving = study.animals.loc[study.animals["arm"] == arm, "last_day"].sort_values(ascending=False)
    return float(leaving.iloc[-(-len(leaving) // 2) - 1]) if len(leaving) else float("inf")


def excluded(study: Study) -> pd.Series:
    """Which readings are kept out of the likelihood by name (bool, on the rows of `Study.readings`)."""
    reasons = study.readings.get("exclude")
    return pd.Series(False, index=study.readings.index) if reasons is None else reasons.astype("str") != ""


def _counted_readings(study: Study) -> dict[str, pd.Series]:
    """Marks on the readings that the summary counts where there are any."""
    readings = study.readings
    return {"at or below the limit": readings["censored"] & readings["fitted"], "excluded": excluded(study)}


def _named(animals: pd.Series) -> str:
    names = animals.tolist()
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
