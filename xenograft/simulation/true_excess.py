"""The answer that an analysis of a simulated study should find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from xenograft.errors import InputError
from xenograft.quantities.estimands import excess
from xenograft.simulation.simulate import true_curves
from xenograft.simulation.truth import Truth, problems_of_truth
from xenograft.study.study import Arm

PRECISION = 1e-7
"""Differences of true log volumes below this are the error of their integration."""


def true_excess(
    arms: Sequence[Arm], truth: Truth, day: ArrayLike, reference: Literal["bliss", "hsa", "additive"] = "bliss"
) -> xr.DataArray:
    """What each combination truly does beyond the reference, for the typical tumour of a simulated study.

    Parameters
    ----------
    arms : sequence of Arm
        The design. A combination is measured against each of its agents given alone as in the combination, whether or
        not an arm of the design gets that.
    truth : Truth
        The parameters the study is made with.
    day : float or array (day)
        Days as the laboratory records them.
    reference : {"bliss", "hsa", "additive"}
        What no interaction means (docs/estimands.md#of-a-combination).

    Returns
    -------
    DataArray (combination, day)
        Log units (additive: share of the control's volume); positive = enhanced.

    Raises
    ------
    InputError
        The truth does not fit the arms, or no arm is the control.
    """
    control = next((arm for arm in arms if arm.control), None)
    if control is None:
        raise InputError("design: no arm is the control, from which reductions are measured. Give one control = true.")
    problems = list(problems_of_truth(arms, truth))
    if problems:
        raise InputError(problems)
    combinations = [arm for arm in arms if arm.is_combination]
    alone = {
        dosing: Arm(f"{place}: {dosing.label()} alone", dosings=(dosing,))
        for place, dosing in enumerate(dict.fromkeys(dosing for arm in combinations for dosing in arm.dosings))
    }
    curves = true_curves([*arms, *alone.values()], truth, day)
    found = np.array(
        [
            excess(curves, arm.name, [alone[dosing].name for dosing in arm.dosings], control.name, reference)
            for arm in combinations
        ]
    ).reshape(-1, curves.sizes["day"])
    return xr.DataArray(
        np.where(np.abs(found) <= PRECISION, 0.0, found),
        coords={"combination": [arm.name for arm in combinations], "day": curves["day"]},
        dims=("combination", "day"),
        name="excess",
        attrs={"reference": reference},
    )
