"""The parameters of a fit of a panel as a table."""

from __future__ import annotations

import arviz as az
import numpy as np
import pandas as pd

from xenograft.panels.fit import PanelFit
from xenograft.printing import labelled


def panel_parameter_table(fit: PanelFit) -> pd.DataFrame:
    """The parameters of a fit of a panel, and how well each was sampled.

    Parameters
    ----------
    fit : PanelFit
        Posterior draws.

    Returns
    -------
    DataFrame
        By parameter: `mean`, `sd`, `lower`, `upper` (95 %, equal-tailed; rates in 1/day, spreads in log units),
        `ess_bulk`, `rhat`.
    """
    posterior, over = fit.posterior, ("chain", "draw")
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = {
            "mean": posterior.mean(over, skipna=False),
            "sd": posterior.std(over, ddof=1, skipna=False),
            "lower": posterior.quantile(0.025, over, skipna=False),
            "upper": posterior.quantile(0.975, over, skipna=False),
            "ess_bulk": az.ess(posterior, method="bulk"),
            "rhat": az.rhat(posterior),
        }
    return pd.DataFrame({measure: labelled(table) for measure, table in measures.items()})
