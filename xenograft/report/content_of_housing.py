"""How the answer depends on cages of which a study says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import xarray as xr

from xenograft.answers.ranking import Comparison
from xenograft.evidence.housing import IN_A_CAGE, curves_in_cages, housing_unknown
from xenograft.fitting.fit import Fit
from xenograft.report.content_of_removal import if_assumed
from xenograft.report.sensitivity_table import SensitivityTable
from xenograft.study.study import Study


def on_cages(
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    curves: xr.DataArray,
    verdict: Mapping[str, Any],
) -> list[SensitivityTable]:
    """The verdict's answer if animals of an arm shared cages that nobody wrote down.

    Parameters
    ----------
    study, fits, ranking, curves, verdict
        As in `on_animals_that_left`.

    Returns
    -------
    list of SensitivityTable
        One, or none where the study says the cages, or mice carry several tumours.
    """
    caged = curves_in_cages(study, fits, ranking) if housing_unknown(study) else None
    if caged is None:
        return []
    assumed = f"animals of an arm in cages of {IN_A_CAGE}, each of one arm"
    rows = [("as reported", curves.sel(day=[study.horizon])), (assumed, caged)]
    found = if_assumed(study, rows, verdict, "On cages")
    told = (
        f"The study does not say which animals share a cage, and the answer takes each for itself. {found.finding} "
        "Animals of a cage are then assumed to have 0.1 to 0.9 of what makes some grow faster than others in common. A "
        "column “cage” in the table lets the models know."
    )
    return [replace(found, finding=told)]
