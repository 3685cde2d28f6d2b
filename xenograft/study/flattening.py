"""Arms whose readings stop falling near the study's smallest volumes: a floor of what is measured, or rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from xenograft.study.study import Arm, Study

FALLEN = np.log(2.0)
"""By how much (log units) an arm has to have shrunk before its readings can be near a floor."""

ALARM = 0.005
"""Probability that an arm which goes on falling as before is said to flatten."""

NEAR = 2.0
"""How many times the 5 % quantile of the study's volumes is near its smallest."""

RISE = 0.35
"""Log units by which the last visits may rise and still be flat; more is regrowth."""

FEWEST = 3
"""Animals and last visits that tell."""


@dataclass(frozen=True)
class Flattening:
    """Where an arm's readings stop falling.

    Parameters
    ----------
    arm : str
        Its name.
    day : float
        First of the visits that are flat (as recorded).
    volume : float
        Median of their readings, in the study's unit.
    """

    arm: str
    day: float
    volume: float


def flattenings(study: Study) -> dict[str, Flattening]:
    """Treated arms whose readings flatten near the study's smallest volumes, by arm.

    An arm flattens where it has shrunk to half or less, its animals fall more slowly over the last third of the visits
    than over the first half (paired t test of their slopes), and at less than half that rate. Where most of the last
    readings are at or below a limit, that is no finding: they are analysed as what they are.

    Parameters
    ----------
    study : Study
        Its fitted readings.
    """
    found = (_flattening(study, arm) for arm in study.arms if not arm.control)
    return {one.arm: one for one in found if one is not None}


def shrinks(study: Study) -> bool:
    """Whether the typical tumour of some treated arm falls to half its baseline or less: a floor would matter."""
    readings = study.fitted_readings
    ratio = np.log(readings["volume"].to_numpy() / readings["animal"].map(study.animals["baseline"]).to_numpy())
    treated = readings.assign(ratio=ratio)[readings["arm"] != study.control.name]
    return bool((treated.groupby(["arm", "day"])["ratio"].median() <= -FALLEN).any())


def _flattening(study: Study, arm: Arm) -> Flattening | None:
    readings = study.fitted_readings
    own = readings[(readings["arm"] == arm.name) & (readings["day"] >= study.first_dose - 1)]
    days = np.unique(own["day"])
    last = days[-max(FEWEST, len(days) // 3) :]
    first = days[: max(2, (len(days) + 1) // 2)]
    if len(days) < 2 * FEWEST or first[-1] >= last[0]:
        return None
    late = own[own["day"].isin(last)]
    if late["censored"].mean() > 0.5:
        return None
    of_animals = pd.DataFrame({"before": slopes(own[own["day"].isin(first)]), "after": slopes(late)}).dropna()
    if len(of_animals) < FEWEST:
        return None
    before, after = of_animals["before"].mean(), of_animals["after"].mean()
    volume = float(late["volume"].median())
    fallen = float(np.log(own.loc[own["day"] == days[0], "volume"].median() / volume))
    near = volume <= NEAR * float(np.quantile(readings["volume"], 0.05))
    slower = before < 0 and before / 2 < after < RISE / (last[-1] - last[0])
    if fallen < FALLEN or not near or not slower:
        return None
    test = stats.ttest_rel(of_animals["after"], of_animals["before"], alternative="greater")
    return Flattening(arm.name, float(last[0]), volume) if test.pvalue < ALARM else None


def slopes(readings: pd.DataFrame) -> pd.Series:
    """By how much each animal's log volume changes per day; of animals with two visits or more."""
    kept = readings[readings.groupby("animal")["day"].transform("nunique") >= 2]
    log_volume = np.log(kept["volume"])
    day = kept["day"] - kept.groupby("animal")["day"].transform("mean")
    product = (day * log_volume).groupby(kept["animal"]).sum()
    return product / (day**2).groupby(kept["animal"]).sum()
