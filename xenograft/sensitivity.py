"""What the answers owe to the priors: power scaling (Kallioinen et al. 2024), and to the growth law."""

from __future__ import annotations

from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from xenograft.fitted import Fit
from xenograft.shown import flat, quantities

SENSITIVE = 0.05
"""Power-scaling sensitivity from which an answer is called sensitive (Kallioinen et al. 2024)."""


def prior_sensitivity(fit: Fit) -> pd.DataFrame:
    """How much each answer moves when the priors, or the data, are made a little stronger or weaker.

    Parameters
    ----------
    fit : Fit
        Posterior draws.

    Returns
    -------
    DataFrame
        One row per estimand (`excess_bliss[combination]`, `tgi[arm]`, …): `prior`, `departure_prior` (its part alone;
        NaN for a card that fixes the departure) and `likelihood` (sensitivities without unit; 0.05 and above counts),
        `words`: "prior and data disagree", "the prior decides" or "".
    """
    draws = quantities(fit)
    varying = [name for name, value in draws.items() if float(value.std(("chain", "draw")).max()) > 0]
    tree = xr.DataTree.from_dict(
        {
            "posterior": draws[varying],
            "log_prior": log_prior(fit),
            "log_likelihood": fit.draws["log_likelihood"].to_dataset(),
        }
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # of what does not move in one arm: not a number, left out
        columns = {
            "prior": flat(_sensitivity(tree, "prior")),
            "likelihood": flat(_sensitivity(tree, "likelihood")),
        }
        if "departure" in tree["log_prior"]:
            columns["departure_prior"] = flat(_sensitivity(tree, "prior", "departure"))
    table = pd.DataFrame(columns).reindex(columns=["prior", "departure_prior", "likelihood"])
    table = table[np.isfinite(table["prior"])]
    table["words"] = [_words(row["prior"], row["likelihood"]) for _, row in table.iterrows()]
    return table


def log_prior(fit: Fit) -> xr.Dataset:
    """Log density of each parameter's prior under each draw.

    Parameters
    ----------
    fit : Fit
        Posterior draws and the card with the priors.

    Returns
    -------
    Dataset (chain, draw)
        One variable per prior of the card; parameters with labels (agents, combinations) are summed.
    """
    found: dict[str, Any] = {}
    agents = [agent for agent, _ in fit.study.levels]
    for name, values in fit.posterior.items():
        if name not in fit.card.priors:
            continue
        own = values.transpose("chain", "draw", ...)
        if "agent" in own.dims:
            parts = [
                fit.card.prior_of(str(name), agent).frozen.logpdf(own.isel(agent=i)) for i, agent in enumerate(agents)
            ]
            density: Any = np.sum(parts, axis=0)
        else:
            density = fit.card.prior_of(str(name)).frozen.logpdf(own)
            density = density.sum(axis=tuple(range(2, density.ndim)))
        found[str(name)] = (("chain", "draw"), density)
    coords = {name: fit.posterior[name] for name in ("chain", "draw")}
    return xr.Dataset(found, coords=coords)


def _sensitivity(tree: xr.DataTree, group: str, variable: str | None = None) -> xr.Dataset:
    return az.psense(tree, group=group, group_var_names=variable)


def _words(prior: float, likelihood: float) -> str:
    if prior < SENSITIVE:
        return ""
    return "prior and data disagree" if likelihood >= SENSITIVE else "the prior decides"
