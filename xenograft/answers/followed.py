"""Every number a report shows, as draws of one fit: the excess of each combination and the answers for each arm."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.averaging import interaction_of
from xenograft.fitting.curves import curve_days, curves, predicted_references
from xenograft.fitting.fit import Fit
from xenograft.printing import labelled
from xenograft.quantities.catalogue import arm_estimands, shown
from xenograft.quantities.estimands import REFERENCES, tumour_growth_inhibition
from xenograft.study.study import Study
from xenograft.study.tested import compared_arms, judged_combinations

EXCESS = "excess_"
"""Prefix of the excess over a reference."""

AGAINST = "tgi_against"
"""Inhibition of a combination that cannot be judged, against each arm that gets a part of it."""


def quantities(fit: Fit) -> xr.Dataset:
    """Draws of every estimand shown, at the study's horizon, under one card.

    Parameters
    ----------
    fit : Fit
        Posterior draws.

    Returns
    -------
    Dataset (chain, draw, combination, arm, comparison)
        `excess_bliss`, `excess_hsa`, `excess_additive` (combination; positive = enhanced) and the answers for every
        arm under the keys of results.json; `tgi_against` (comparison) of combinations that cannot be judged. Times
        are given as their inverse (1/day, 0 where a draw does not reach them), NaN for an arm in which fewer than half
        the draws reach them.
    """
    return quantities_of(fit.study, curves(fit))


def quantities_of(study: Study, curve: xr.DataArray, only: Collection[str] | None = None) -> xr.Dataset:
    """As `quantities`, from typical curves at hand, which may be averaged over cards.

    Parameters
    ----------
    study : Study
        Names and horizon.
    curve : DataArray (chain, draw, arm, day)
        ln volume.
    only : collection of str, optional
        Names of those that are wanted; default all.
    """
    at_horizon = curve.sel(day=[study.horizon])
    found: dict[str, xr.DataArray] = {}
    if judged_combinations(study):
        for reference in (one for one in REFERENCES if only is None or f"{EXCESS}{one}" in only):
            draws = interaction_of(study, at_horizon, "", reference).draws.isel(day=0, drop=True)  # pyright: ignore
            found[f"{EXCESS}{reference}"] = draws
    followed = [number.key for number in shown("followed") if only is None or number.key in only]
    for name, draws in arm_estimands(curve, study, only=followed).items():
        reached = xr.ufuncs.isfinite(draws).mean(("chain", "draw")) >= 0.5
        found[name] = (1 / draws).where(reached) if draws.attrs["unit"] == "day" else draws
    if compared_arms(study) and (only is None or AGAINST in only):
        found[AGAINST] = inhibition_against(study, curve)
    moving = {name: draws.drop_vars("predicted", errors="ignore") for name, draws in found.items()}
    return xr.Dataset({name: draws.reset_coords(drop=True) for name, draws in moving.items()})


def inhibition_against(study: Study, curve: xr.DataArray) -> xr.DataArray:
    """Draws (chain, draw, comparison) of TGI (%) against other arms than the vehicle: "A+B against A"."""
    pairs = [(arm, other) for arm, others in compared_arms(study).items() for other in others]
    draws = [tumour_growth_inhibition(curve, other, study.horizon).sel(arm=arm, drop=True) for arm, other in pairs]
    names = pd.Index([comparison_of(arm, other) for arm, other in pairs], name="comparison")
    return xr.concat(draws, dim=names, combine_attrs="override").transpose("chain", "draw", "comparison")


def comparison_of(arm: str, other: str) -> str:
    """The name of a comparison of two arms."""
    return f"{arm} against {other}"


def inhibition_label(arm: str, control: str, independence: str | None) -> str:
    """What the inhibition of a verdict is called among the quantities."""
    return f"tgi[{arm}]" if independence is None else f"{AGAINST}[{comparison_of(arm, control)}]"


def quantity_names(study: Study) -> list[str]:
    """Labels of all quantities of a study, known before anything is fitted: `excess_bliss[combination]`, `tgi[arm]`."""
    level = level_curves(study)
    with np.errstate(divide="ignore", invalid="ignore"):  # the numbers of level curves mean nothing
        return [str(name) for name in labelled(quantities_of(study, level).isel(chain=0, draw=0)).index]


def level_curves(study: Study) -> xr.DataArray:
    """Curves (chain, draw, arm, day) of tumours that do not grow: for the names of numbers, before there are draws."""
    days = curve_days(study)
    arms = [arm.name for arm in (*study.arms, *predicted_references(study))]
    return xr.DataArray(
        np.zeros((1, 1, len(arms), len(days))),
        dims=("chain", "draw", "arm", "day"),
        coords={"arm": arms, "day": days, "predicted": ("arm", [False] * len(arms))},
        attrs={"of": "typical", "first_dose": study.first_dose},
    )
