"""What is asked of draws while they are made: the quantities by which a fit is judged, and which agent does more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.fitting.curves import curves_of, reference_names
from xenograft.model.card import ModelCard
from xenograft.quantities.estimands import excess
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations

MANY = ("bend", "cohort_growth")
"""Parameters of which there are many; judged as latent variables are."""


def judged_quantities(posterior: xr.Dataset, study: Study, card: ModelCard) -> xr.Dataset:
    """What a fit's health is judged on: the card's parameters and the Bliss excess at the horizon.

    Parameters
    ----------
    posterior : Dataset (chain, draw, …)
        Parameters of the card, rates in 1/day.
    study, card
        What was fitted.

    Returns
    -------
    Dataset (chain, draw, …)
        With `excess` (chain, draw, judged_combination; log units, positive = enhanced) where it is estimated.
    """
    judged = posterior.drop_vars(MANY, errors="ignore")
    combinations = judged_combinations(study)
    if combinations and card.departure == "estimated":
        curve = curves_of(posterior, study, card, [study.horizon])
        found = [
            excess(curve, arm.name, reference_names(study, arm), study.control.name).isel(day=0, drop=True)
            for arm in combinations
        ]
        names = pd.Index([arm.name for arm in combinations], name="judged_combination")
        judged = judged.assign(excess=xr.concat(found, dim=names))
    return judged


def better_agent(posterior: xr.Dataset, study: Study, card: ModelCard) -> np.ndarray:
    """Which single agents of the combinations reduce more at the horizon (draw): one number for each order."""
    curve = curves_of(posterior, study, card, [study.horizon]).isel(day=0, drop=True)
    order = np.zeros(curve.sizes["chain"] * curve.sizes["draw"], dtype=int)
    for arm in judged_combinations(study):
        singles = curve.sel(arm=list(reference_names(study, arm))).transpose("chain", "draw", "arm")
        order = order * singles.sizes["arm"] + singles.to_numpy().argmin(axis=-1).ravel()
    return order
