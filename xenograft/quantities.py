"""Every number a report shows, as draws of one fit: the excess of each combination and the answers for each arm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers import arm_estimands, interaction_of
from xenograft.estimands import REFERENCES
from xenograft.fitted import Fit
from xenograft.prediction import curves
from xenograft.study import Study

EXCESS = "excess_"
"""Prefix of the excess over a reference."""


def quantities(fit: Fit) -> xr.Dataset:
    """Draws of every estimand shown, at the study's horizon, under one card.

    Parameters
    ----------
    fit : Fit
        Posterior draws.

    Returns
    -------
    Dataset (chain, draw, combination, arm)
        `excess_bliss`, `excess_hsa`, `excess_additive` (combination; positive = enhanced) and the answers for every
        arm under the keys of results.json. A time that some draws do not reach is given as its inverse (1/day, 0 where
        it is not reached); what is the same in every draw is left out.
    """
    return quantities_of(fit.study, curves(fit))


def quantities_of(study: Study, curve: xr.DataArray) -> xr.Dataset:
    """As `quantities`, from typical curves at hand, which may be averaged over cards.

    Parameters
    ----------
    study : Study
        Names and horizon.
    curve : DataArray (chain, draw, arm, day)
        ln volume.
    """
    at_horizon = curve.sel(day=[study.horizon])
    found: dict[str, xr.DataArray] = {}
    if study.combinations:
        for reference in REFERENCES:
            draws = interaction_of(study, at_horizon, "", reference).draws.isel(day=0, drop=True)  # pyright: ignore
            found[f"{EXCESS}{reference}"] = draws
    for name, (draws, _) in arm_estimands(curve, study.control.name, study.horizon).items():
        found[name] = draws if bool(np.isfinite(draws).all()) else 1 / draws
    moving = {name: draws.drop_vars("predicted", errors="ignore") for name, draws in found.items()}
    return xr.Dataset({name: draws.reset_coords(drop=True) for name, draws in moving.items()})


def flat(table: xr.Dataset) -> pd.Series:
    """A dataset without chain and draw as one column, named as people read it: `tgi[T-DM1]`."""
    values: dict[str, float] = {}
    for name, variable in table.items():
        if not variable.ndim:
            values[str(name)] = float(variable)
            continue
        values |= {_label(str(name), label): float(value) for label, value in variable.to_series().items()}
    return pd.Series(values, dtype=float)


def _label(name: str, label: object) -> str:
    return f"{name}[{', '.join(map(str, label)) if isinstance(label, tuple) else label}]"
