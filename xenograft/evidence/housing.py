"""What the answer would be if the animals of each arm lived together in cages that nobody wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xenograft.answers.averaging import average
from xenograft.answers.ranking import Comparison
from xenograft.fitting.curves import curves_of
from xenograft.fitting.fit import Fit, parameters_of
from xenograft.model.vocabulary import SHARES
from xenograft.study.groups import cages_of
from xenograft.study.study import Study

IN_A_CAGE = 4
"""Animals that are assumed to share a cage: mice are kept in cages of three to five."""


def housing_unknown(study: Study) -> bool:
    """Whether animals may share cages of which the study says nothing."""
    return study.group == "animal" and cages_of(study.animals).empty


def curves_in_cages(study: Study, fits: Mapping[str, Fit], ranking: Comparison) -> xr.DataArray | None:
    """Averaged typical curves at the horizon, had the animals of each arm shared cages, four in each.

    Animals of a cage would have a share of what makes some grow faster than others in common, drawn from the usual
    prior of `cage_share`. An arm's mean then varies by its few cages and not by its animals alone: by share ·
    sd_growth² · (1/cages − 1/animals) more, which is drawn and added to each arm's curve.

    Parameters
    ----------
    study, fits, ranking
        The analysis.

    Returns
    -------
    DataArray (chain, draw, arm, day) or None
        None where no card that answers lets growth differ between animals.
    """
    weights = ranking.answer_weights
    if not weights or any("sd_growth" not in fits[name].posterior for name in weights):
        return None
    animals = study.animals["arm"].value_counts()
    rng = np.random.default_rng(0)
    elapsed = np.array([study.horizon - study.first_dose])
    usual: Any = SHARES["cage"][1]
    numbers = usual[1]
    found: dict[str, xr.DataArray] = {}
    for name in weights:
        curve = curves_of(fits[name].posterior, study, fits[name].card, [study.horizon])
        parameters = parameters_of(fits[name].posterior, fits[name].card)
        _, from_growth = parameters.columns(elapsed, parameters)
        days = np.broadcast_to(from_growth, (*curve.shape[:2], 1))
        share = rng.beta(numbers["alpha"], numbers["beta"], curve.shape[:2])
        moved = curve.copy()
        for place, arm in enumerate(study.arms):
            number = int(animals[arm.name])
            spread = parameters.sd_growth[..., min(place, parameters.sd_growth.shape[-1] - 1)]
            more = np.sqrt(share * (1 / -(-number // IN_A_CAGE) - 1 / number)) * spread
            moved.loc[{"arm": arm.name}] += (more * rng.standard_normal(more.shape))[..., None] * days
        found[name] = moved
    return average(found, weights)
