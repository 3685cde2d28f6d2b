"""How the answer depends on the weights of the models: stacking, or how well each predicts by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import xarray as xr

from xenograft.answers.averaging import AVERAGED, average
from xenograft.answers.ranking import Comparison
from xenograft.printing import few
from xenograft.report.content_of_removal import if_assumed
from xenograft.report.sensitivity_table import SensitivityTable
from xenograft.study.study import Study

APART = 0.05
"""Difference of a model's two weights from which the answer by the other weights is shown."""


def on_the_weights(
    study: Study, ranking: Comparison, curves: Mapping[str, xr.DataArray], verdict: Mapping[str, Any]
) -> list[SensitivityTable]:
    """The verdict's answer had the models been weighed by their elpd (pseudo-BMA+, Yao et al. 2018).

    Parameters
    ----------
    study : Study
        Its horizon.
    ranking : Comparison
        Both weights of the answering cards.
    curves : mapping of str to DataArray
        Typical curves by model, and averaged.
    verdict : mapping
        The primary verdict of results.json.

    Returns
    -------
    list of SensitivityTable
        One, or none where both weights are nearly the same.
    """
    stacked = ranking.answer_weights
    alone = by_elpd(ranking)
    if max((abs(alone[name] - stacked[name]) for name in alone), default=0.0) < APART:
        return []
    at = {name: curves[name].sel(day=[study.horizon]) for name in alone}
    rows = [
        ("as reported", curves[AVERAGED].sel(day=[study.horizon])),
        ("models weighed by elpd (pseudo-BMA+)", average(at, alone)),
    ]
    found = if_assumed(study, rows, verdict, "On the weights of the models")
    heaviest = sorted(alone, key=lambda name: -alone[name])
    told = few([f"{name} {alone[name]:.2f}" for name in heaviest if alone[name] >= 0.005], 4)
    finding = (
        "Stacking weighs a model by what it adds to the mixture; pseudo-BMA+ by how well it predicts by "
        f"itself: {told}. {found.finding}"
    )
    return [replace(found, finding=finding)]


def by_elpd(ranking: Comparison) -> dict[str, float]:
    """Pseudo-BMA+ weights among the answering cards; empty where a null leaves them nothing to share."""
    weights = ranking.table.loc[list(ranking.answer_weights), "pseudo_bma_weight"].astype(float)
    total = float(weights.sum())
    return {} if not total > 1e-6 else {str(name): float(weight) / total for name, weight in weights.items()}
