"""How long a study follows its tumours: the time in which priors of rates may be stated."""

from __future__ import annotations

import numpy as np

from xenograft.study.study import Study


def follow_up(study: Study) -> float:
    """Days from the study's first dose to the last visit at which half of the control animals were still measured.

    It grows and shrinks with the speed of the tumours and of the design, and no treatment can change it: the control
    arm gets none. One animal that is followed for months, or an arm that is cured, does not count; nor does what
    happens to treated animals. Where no control animal is measured after the first dose it is that of all animals.

    Parameters
    ----------
    study : Study
        With at least one reading after its first dose.

    Returns
    -------
    float
        Days, above 0.
    """
    animals = study.animals
    since = animals["last_day"] - study.first_dose
    for last in (since[animals["arm"] == study.control.name], since):
        held = np.sort(last.to_numpy())[::-1]
        if len(held) and held[(len(held) - 1) // 2] > 0:
            return float(held[(len(held) - 1) // 2])
    return max(float(since.max()), 1.0)
