"""What readings say by themselves of models to try: animals unlike in some arms, effects that pass or come late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xenograft.study.flattening import FEWEST, slopes
from xenograft.study.study import Study

ALIKE = 0.2
"""Probability that animals which differ as much in every arm are said to differ by arm: models too many cost seconds,
and one too few makes intervals of new animals wrong."""

STEADY = 0.005
"""Probability that an effect which neither passes nor sets in late is said to do so, per arm."""


def differ_by_arm(study: Study) -> bool:
    """Whether animals' growth rates spread more in some arms than in others (Bartlett's test)."""
    of_animals = slopes(study.fitted_readings)
    arm = study.animals["arm"].reindex(of_animals.index)
    groups = [own.to_numpy() for _, own in of_animals.groupby(arm) if len(own) >= FEWEST]
    return len(groups) > 1 and bool(stats.bartlett(*groups).pvalue < ALIKE)


def speeding_up(study: Study) -> list[str]:
    """Treated arms whose animals grow faster (or shrink more slowly) later than earlier: an effect that passes."""
    changes = _changes(study)
    return [arm for arm, own in changes.items() if arm != study.control.name and _above(own, np.zeros(0))]


def setting_in(study: Study) -> list[str]:
    """Treated arms whose animals slow down more than those of the control: an effect that sets in late."""
    changes = _changes(study)
    control = changes.get(study.control.name, np.zeros(0))
    treated = {arm: own for arm, own in changes.items() if arm != study.control.name}
    return [arm for arm, own in treated.items() if len(control) >= FEWEST and _above(control, own)]


def _changes(study: Study) -> dict[str, np.ndarray]:
    """By how much (1/day) each animal grows faster in the later half of its visits than in the earlier, by arm."""
    readings = study.fitted_readings
    readings = readings[readings["day"] >= study.first_dose - 1]
    place = readings.groupby("animal")["day"].rank(method="dense")
    visits = readings.groupby("animal")["day"].transform("nunique")
    enough = visits >= 2 * FEWEST
    early, late = readings[enough & (place <= (visits + 1) // 2)], readings[enough & (place > visits // 2)]
    table = pd.DataFrame({"early": slopes(early), "late": slopes(late)}).dropna()
    change = table["late"] - table["early"]
    arm = study.animals["arm"].reindex(change.index)
    return {str(name): own.to_numpy() for name, own in change.groupby(arm, sort=False)}


def _above(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the first numbers are larger than the second, or (none) than 0."""
    if len(first) < FEWEST or (len(second) and len(second) < FEWEST):
        return False
    if len(second):
        found: Any = stats.ttest_ind(first, second, equal_var=False, alternative="greater")
    else:
        found = stats.ttest_1samp(first, 0.0, alternative="greater")
    return bool(found.pvalue < STEADY)
