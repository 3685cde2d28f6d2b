"""Several readings of a tumour on one day as one, for all that counts or follows animals (repeats = "readings")."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def once_a_day(readings: pd.DataFrame) -> pd.DataFrame:
    """The readings with those of one tumour on one day as one.

    The likelihood uses every reading; an animal leaves, reaches a size or is counted once.

    Parameters
    ----------
    readings : DataFrame
        As `Study.readings`.

    Returns
    -------
    DataFrame
        The same where no tumour has two readings on a day. Else the first of them, its `volume` their geometric mean
        and its `weight` their mean; `censored` where all are, `fitted` and `baseline` where one is. Readings excluded
        with a reason are kept apart from those that are not.
    """
    key = ["animal", "day", *(["exclude"] if "exclude" in readings else [])]
    if not readings.duplicated(key).any():
        return readings
    how: dict[str, Any] = {name: "first" for name in map(str, readings.columns) if name not in key}
    how |= {"volume": _geometric_mean, "censored": "all", "fitted": "any", "baseline": "any"}
    how |= {"weight": "mean"} if "weight" in readings else {}
    merged = readings.groupby(key, sort=False, as_index=False).agg(how)
    return merged[list(readings.columns)]


def _geometric_mean(volumes: pd.Series) -> float:
    return float(np.exp(np.log(volumes.to_numpy(dtype=float)).mean()))
