"""One study or panel of a calibration: what is fitted, on which days, and how a truth is ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import arviz as az
import numpy as np
import xarray as xr

from xenograft.fitting.sampling import Method, SamplerSettings
from xenograft.model.card import ModelCard

VISITS = (0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0)
HORIZON = 21.0
DAYS = ((0.0, 14.0), (0.0, 7.0, 14.0))
"""Dosing days of the first agent and of the others."""

DOSES = (1.0, 4.0)
"""mg/kg, of a card that says how the effect rises with the dose, or departures differ."""

LIKELIHOOD_DRAWS = 100
"""Draws of each chain under which the joint log likelihood is computed."""

REDRAWN_AT_MOST = 20
"""Studies in a row with readings that no computer can hold, before the trial counts as failed."""

SETTINGS = SamplerSettings(draws=500, tune=500)


@dataclass(frozen=True)
class CalibrationTrial:
    """One study of a calibration.

    Parameters
    ----------
    card : ModelCard
        What is fitted.
    truths_from : ModelCard
        Whose priors the true parameters are drawn from: the card itself, or another, to see that it is noticed.
    seed, number : int
        Seed of the calibration and number of the study; both and the card's digest give the study.
    settings : SamplerSettings
        How to sample.
    method : {"nuts", "importance"}
        As in `fit`.
    """

    card: ModelCard
    truths_from: ModelCard
    seed: int
    number: int
    settings: SamplerSettings = SETTINGS
    method: Method = "importance"


def ranks_of(
    quantities: Mapping[str, tuple[xr.DataArray, float]], rng: np.random.Generator, worth: float = np.inf
) -> dict[str, float]:
    """Where each true value stands among its posterior draws.

    Parameters
    ----------
    quantities : mapping of str to (DataArray (chain, draw), float)
        Draws and the true value.
    rng : Generator
        Puts a rank somewhere between its neighbours, so that it is uniform on 0–1 rather than on a grid.
    worth : float
        Independent draws that the draws are worth at most, as importance sampling tells.

    Returns
    -------
    dict of str to float
        Draws are thinned to about independent ones, by the smaller of bulk and tail effective sample size.
    """
    found: dict[str, float] = {}
    for name, (draws, true) in quantities.items():
        values = draws.transpose("chain", "draw").to_numpy()
        chains = {"x": values}
        effective = min(worth, *(float(az.ess(chains, method=kind)["x"]) for kind in ("bulk", "tail")))
        step = int(np.ceil(values.size / effective)) if np.isfinite(effective) else 1
        thinned = values.ravel()[:: max(step, 1)]
        below, equal = int((thinned < true).sum()), int((thinned == true).sum())
        found[name] = (below + rng.uniform() * (equal + 1)) / (len(thinned) + 1)
    return found


def agents_of(card: ModelCard) -> list[str]:
    """The agents of a card's calibration: those that it names, else A and B."""
    named = set(card.exposure) - {"default"} if isinstance(card.exposure, dict) else set[str]()
    named |= {entry.partition(".")[2] for entry in card.priors if "." in entry}
    closed = isinstance(card.exposure, dict) and "default" not in card.exposure
    return [*sorted(named), *[agent for agent in "AB" if not closed and agent not in named][: max(2 - len(named), 0)]]
