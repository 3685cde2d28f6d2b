"""Estimands: functions of log-volume curves, never of parameters (DESIGN 5).

Every function takes curves `(…, arm, day)` of ln volume and returns draws with the leading dimensions kept. Durations
count from the first dose (`curves.attrs["first_dose"]`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

Reference = Literal["bliss", "hsa", "additive"]
TgiVersion = Literal["relative", "baseline", "auc", "auc_baseline"]

ROUNDING = 1e-10
"""Differences of log volumes below this are rounding error."""

REFERENCES: dict[str, str] = {
    "bliss": "the agents' reductions of log volume add (independent action)",
    "hsa": "the combination reduces log volume as much as the better single agent",
    "additive": "the agents' reductions of relative volume add (response additivity)",
}
"""What no interaction means under each reference."""


def reduction(curves: xr.DataArray, control: str) -> xr.DataArray:
    """By how much each arm's log volume is below the control's.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume.
    control : str
        Name of the vehicle arm.

    Returns
    -------
    DataArray (…, arm, day)
        Log units; positive = inhibition.
    """
    return curves.sel(arm=control, drop=True) - curves


def excess(
    curves: xr.DataArray, combination: str, singles: Sequence[str], control: str, reference: Reference = "bliss"
) -> xr.DataArray:
    """What a combination does beyond the reference, by day.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume of typical animals; means over animals depart from any reference as soon as animals differ.
    combination : str
        Name of the combination arm.
    singles : sequence of str
        Names of its single-agent arms.
    control : str
        Name of the vehicle arm.
    reference : {"bliss", "hsa", "additive"}
        What no interaction means; see `REFERENCES`. The larger single reduction of "hsa" is taken per draw and day.

    Returns
    -------
    DataArray (…, day)
        Log units (bliss, hsa) or fractions of the control's volume (additive); positive = enhanced.

    Raises
    ------
    ValueError
        For mean curves or an unknown reference.
    """
    if curves.attrs.get("of", "typical") != "typical":
        raise ValueError('an excess is a function of typical curves; compute them with of="typical"')
    inhibited = reduction(curves, control)
    together, alone = inhibited.sel(arm=combination, drop=True), inhibited.sel(arm=list(singles))
    match reference:
        case "bliss":
            found = together - alone.sum(dim="arm", skipna=False)
        case "hsa":
            found = together - alone.max(dim="arm", skipna=False)
        case "additive":
            found = 1 - xr.ufuncs.exp(-together) - (1 - xr.ufuncs.exp(-alone)).sum(dim="arm", skipna=False)
        case _:
            raise ValueError(f"reference = {reference!r} is not one of {', '.join(get_args(Reference))}")
    return found.where(~(np.abs(found) <= ROUNDING), 0.0)  # a card that fixes the departure is at 0, not beside it


def combination_index(excess: xr.DataArray) -> xr.DataArray:
    """Volume over the volume that the reference predicts: exp(−excess) of a bliss or hsa excess.

    Returns
    -------
    DataArray (…, day)
        No unit; below 1 = enhanced.
    """
    return xr.ufuncs.exp(-excess)


def tumour_growth_inhibition(
    curves: xr.DataArray, control: str, horizon: float, version: TgiVersion = "relative"
) -> xr.DataArray:
    """Tumour growth inhibition of each arm at the horizon.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume; the first dose and the horizon must be among its days for all versions but "relative".
    control : str
        Name of the vehicle arm.
    horizon : float
        Day as recorded.
    version : {"relative", "baseline", "auc", "auc_baseline"}
        100(1 − V_T/V_C); 100(1 − ΔV_T/ΔV_C) of the changes since the first dose; 100(1 − AUC_T/AUC_C) of the areas
        under volume; the same with each arm's volume at the first dose subtracted (above 100 = regression).

    Returns
    -------
    DataArray (…, arm)
        Percent; 0 = as the control, 100 = tumour gone (or at its first volume, where changes are compared).
    """
    course = curves.sel(day=slice(curves.attrs["first_dose"], horizon))
    volume = xr.ufuncs.exp(course)
    change = volume - volume.isel(day=0, drop=True)
    match version:
        case "relative":
            amount = volume.sel(day=horizon, drop=True)
        case "baseline":
            amount = change.sel(day=horizon, drop=True)
        case "auc":
            amount = volume.integrate("day")
        case "auc_baseline":
            amount = change.integrate("day")
    return 100 * (1 - amount / amount.sel(arm=control, drop=True))


def growth_rate(curves: xr.DataArray, horizon: float) -> xr.DataArray:
    """Mean growth rate from the first dose to the horizon: (z(h) − z(0))/h.

    Returns
    -------
    DataArray (…, arm)
        1/day; negative = shrinking.
    """
    start = curves.attrs["first_dose"]
    change = curves.sel(day=horizon, drop=True) - curves.sel(day=start, drop=True)
    return change / (horizon - start)


def doubling_time(growth_rate: xr.DataArray) -> xr.DataArray:
    """Days in which the volume doubles: ln 2 over a growth rate.

    Returns
    -------
    DataArray
        Days; infinite where the tumour does not grow.
    """
    growing = growth_rate > 0
    return xr.where(growing, np.log(2) / growth_rate.where(growing), np.inf)


def time_to_multiple(curves: xr.DataArray, multiple: float) -> xr.DataArray:
    """Days from the first dose until each arm's curve first reaches a multiple of its volume at the first dose.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume, the first dose among its days; linear between days.
    multiple : float
        For example 2 for a doubling.

    Returns
    -------
    DataArray (…, arm)
        Days since the first dose; infinite where the curve's last day comes first.
    """
    start = curves.attrs["first_dose"]
    course = curves.sel(day=slice(start, None)).transpose(..., "day")
    gain = (course - course.isel(day=0, drop=True) - np.log(multiple)).to_numpy()
    day = course["day"].to_numpy() - start
    reached = gain >= 0
    at = reached.argmax(axis=-1)[..., None]
    before = np.maximum(at - 1, 0)
    low, high = np.take_along_axis(gain, before, -1), np.take_along_axis(gain, at, -1)
    rise = np.where(high > low, high - low, 1.0)
    crossing = day[before] + (day[at] - day[before]) * -low / rise
    time = np.where(reached.any(axis=-1), crossing[..., 0], np.inf)
    return course.isel(day=0, drop=True).copy(data=time)


def probability_positive(draws: xr.DataArray) -> xr.DataArray:
    """Share of draws above 0 plus half the share equal to 0, over chain and draw."""
    return ((draws > 0) + 0.5 * (draws == 0)).mean(("chain", "draw"))


def interval(draws: xr.DataArray, probability: float = 0.95) -> pd.DataFrame:
    """Median and equal-tailed interval over chain and draw.

    Returns
    -------
    DataFrame
        Columns `median`, `lower`, `upper`; one row per label of the remaining dimensions.
    """
    tail = (1 - probability) / 2
    # infinite times are ordinary order statistics, but interpolating between two of them would be inf − inf
    method = "linear" if bool(np.isfinite(draws).all()) else "inverted_cdf"
    table = draws.quantile([0.5, tail, 1 - tail], ("chain", "draw"), method=method, skipna=False)
    rest = [str(name) for name in table.dims if name != "quantile"]
    columns = {name: table.isel(quantile=i, drop=True) for i, name in enumerate(("median", "lower", "upper"))}
    if not rest:
        return pd.DataFrame({name: [float(value)] for name, value in columns.items()})
    return pd.DataFrame({name: value.to_series() for name, value in columns.items()})
