"""Which parameters the readings of a study say something of."""

from __future__ import annotations

import xarray as xr

from xenograft.study.study import Study
from xenograft.study.tested import unjudged_combinations


def identified(draws: xr.Dataset, study: Study) -> xr.Dataset:
    """Parameters without those of agents never tested alone and of combinations that cannot be judged.

    Only a prior tells these apart, so none of them is an estimate.
    """
    alone = study.tested_alone
    agents = {agent for agent, _ in study.levels} - {agent for agent, _ in alone}
    levels = {label for level, label in zip(study.levels, study.level_labels, strict=True) if level not in alone}
    hidden = {"agent": levels, "combination": {arm.name for arm in unjudged_combinations(study)}}
    hidden |= dict.fromkeys(("single_agent", "waning_agent", "delayed_agent"), agents)
    kept = {dim: [x for x in draws[dim].to_numpy() if str(x) not in hidden[dim]] for dim in hidden if dim in draws.dims}
    known = draws.sel(kept)
    return known[[name for name, values in known.items() if values.size]]
