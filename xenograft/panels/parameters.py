"""The parameters of a fit of a panel as a table."""

from __future__ import annotations

import pandas as pd

from xenograft.fitting.fit import summarised
from xenograft.panels.fit import PanelFit


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
    return summarised(fit.posterior)
