"""Do animals of an arm differ as a card says: what predictions of new animals, classes and survival rest on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.fitting.curves import new_readings
from xenograft.model.card import ModelCard
from xenograft.model.likelihood import panel
from xenograft.study.study import Study

ALARM = 0.01
"""Probability, for an arm under a card that is right, of animals that differ so much more or less than replicated."""

USED_DRAWS = 400
"""Posterior draws of which studies are replicated."""

FEWEST = 3
"""Readings of an animal, and animals of an arm, that tell."""


def spread_of_slopes(posterior: xr.Dataset, study: Study, card: ModelCard) -> pd.DataFrame:
    """The spread of the animals' growth rates in each arm, beside that of the study replicated from the posterior.

    An animal's growth rate is the slope of a straight line through its log volumes. Replicated animals have the arms
    and days of the study's own; a limit of quantification is theirs too.

    Parameters
    ----------
    posterior : Dataset (chain, draw, …)
        Draws of the card's parameters.
    study : Study
        The readings.
    card : ModelCard
        The hypothesis.

    Returns
    -------
    DataFrame
        Columns `arm`, `animals`, `observed` (sd, 1/day), `lower`, `median`, `upper` (95 % of the replicated ones),
        `probability` (that a replicated one is larger).
    """
    readings = panel(study)
    size = posterior.sizes["chain"] * posterior.sizes["draw"]
    thinned = posterior.isel(draw=slice(None, None, max(1, size // USED_DRAWS)))
    replicated = new_readings(thinned, study, card, seed=0).to_numpy().reshape(-1, *readings.weight.shape)
    below = np.where(readings.censored > 0, readings.log_volume, -np.inf)
    floor = float(below.max()) if np.isfinite(below).any() else -np.inf
    day = readings.elapsed[readings.day_index]
    ours = _slopes(readings.log_volume[None], day, readings.weight)[0]
    theirs = _slopes(np.maximum(replicated, floor), day, readings.weight)
    rows: list[dict[str, object]] = []
    for place, arm in enumerate(study.arms):
        own = (readings.arm_index == place) & (readings.weight.sum(axis=-1) >= FEWEST)
        if own.sum() < FEWEST:
            continue
        observed, spread = float(ours[own].std(ddof=1)), theirs[:, own].std(axis=-1, ddof=1)
        lower, median, upper = np.quantile(spread, [0.025, 0.5, 0.975]).tolist()
        rows.append(
            {
                "arm": arm.name,
                "animals": int(own.sum()),
                "observed": observed,
                "lower": lower,
                "median": median,
                "upper": upper,
                "probability": float((spread > observed).mean()),
            }
        )
    return pd.DataFrame(rows, columns=["arm", "animals", "observed", "lower", "median", "upper", "probability"])


def unlike(spread: pd.DataFrame) -> dict[str, list[str]]:
    """The arms whose animals differ "more" and "less" than replicated ones, from `spread_of_slopes`."""
    more, less = spread["probability"] < ALARM / 2, spread["probability"] > 1 - ALARM / 2
    named = {"more": spread.loc[more, "arm"].tolist(), "less": spread.loc[less, "arm"].tolist()}
    return {how: [str(arm) for arm in arms] for how, arms in named.items() if arms}


def _slopes(log_volume: np.ndarray, day: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Slopes (draw, animal) of straight lines through log volumes (draw, animal, reading) against days."""
    volume = np.where(weight > 0, log_volume, 0.0)
    number = np.maximum(weight.sum(axis=-1, keepdims=True), 1)
    centred = np.where(weight > 0, day - (weight * day).sum(axis=-1, keepdims=True) / number, 0.0)
    squares = (centred**2).sum(axis=-1)
    return (volume * centred).sum(axis=-1) / np.where(squares > 0, squares, np.inf)
