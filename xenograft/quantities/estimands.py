"""Estimands: functions of log-volume curves, never of parameters (docs/estimands.md).

Every function takes curves `(…, arm, day)` of ln volume and returns draws with the leading dimensions kept. Durations
count from the first dose (`curves.attrs["first_dose"]`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

Reference = Literal["bliss", "hsa", "additive"]
JudgedReference = Literal["bliss", "hsa"]
TgiVersion = Literal["relative", "baseline", "auc", "auc_baseline"]

ROUNDING = 1e-10
"""Differences of log volumes below this are rounding error."""
REFERENCES: dict[str, str] = {
    "bliss": "the agents' reductions of log volume add (independent action)",
    "hsa": "the combination reduces log volume as much as the better single agent",
    "additive": "the agents' reductions of relative volume add (response additivity)",
}
"""What no interaction means under each reference."""

EXCESS_WORDS: dict[str, str] = {
    "bliss": "R_AB - (R_A + R_B), R the reduction of ln volume against the control; positive = enhanced",
    "hsa": "R_AB - max(R_A, R_B), the larger taken in every draw and on every day; positive = enhanced",
    "additive": "(1 - y_AB) - [(1 - y_A) + (1 - y_B)], y the volume over the control's; positive = enhanced",
}
"""How each excess is computed."""


EXPECTED_WORDS = "100 (1 - V_R/V_C), V_R the volume that the reference predicts; above 100 = a volume below 0"
"""How the inhibition that a reference predicts is computed."""

TGI_WORDS: dict[TgiVersion, str] = {
    "relative": "100 (1 - V_T/V_C); 0 = as the control, 100 = tumour gone",
    "baseline": "100 (1 - dV_T/dV_C), changes since the first dose; above 100 = regression",
    "auc": "100 (1 - AUC_T/AUC_C), areas under volume from the first dose to the horizon",
    "auc_baseline": "100 (1 - AUC_T/AUC_C), each arm's volume at the first dose subtracted; above 100 = regression",
}
"""How each version of tumour growth inhibition is computed."""


def described(values: xr.DataArray, unit: str, definition: str, **more: Any) -> xr.DataArray:
    """Draws that carry their unit and definition, and what else belongs to them (`of`, `horizon`), in attrs."""
    return values.drop_attrs(deep=False).assign_attrs(unit=unit, definition=definition, **more)


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
    found = found.where(~(np.abs(found) <= ROUNDING), 0.0)  # a card that fixes the departure is at 0, not beside it
    unit = "fraction of the control's volume" if reference == "additive" else "log units"
    started = {key: curves.attrs[key] for key in ("first_dose",) if key in curves.attrs}
    return described(found, unit, EXCESS_WORDS[reference], of="typical", reference=reference, **started)


def combination_index(excess: xr.DataArray) -> xr.DataArray:
    """Volume over the volume that the reference predicts: exp(−excess) of a bliss or hsa excess.

    Returns
    -------
    DataArray (…, day)
        No unit; below 1 = enhanced.
    """
    words = "exp(-excess): volume over the volume that the reference predicts; below 1 = enhanced"
    return described(
        xr.ufuncs.exp(-excess),
        "",
        words,
        **{key: excess.attrs[key] for key in ("of", "reference") if key in excess.attrs},
    )


def expected_inhibition(
    curves: xr.DataArray, combination: str, excess: xr.DataArray, control: str, reference: Reference
) -> xr.DataArray:
    """Tumour growth inhibition that the reference predicts of a combination: its own with the excess taken back.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume of typical animals.
    combination : str
        Name of the combination arm.
    excess : DataArray (…, day)
        Of these curves, from `excess`.
    control : str
        Name of the vehicle arm.
    reference : {"bliss", "hsa", "additive"}
        Of the excess.

    Returns
    -------
    DataArray (…, day)
        Percent of the control's volume; above 100 where response additivity predicts a volume below 0.
    """
    remaining = curves.sel(arm=combination, drop=True) - curves.sel(arm=control, drop=True)  # ln T/C
    if reference == "additive":
        found = 100 * (1 - xr.ufuncs.exp(remaining) - excess)
    else:
        found = 100 * (1 - xr.ufuncs.exp(remaining + excess))
    return described(found, "%", EXPECTED_WORDS, of="typical", reference=reference)


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
        Percent; 0 = as the control, 100 = tumour gone (or at its first volume, where changes are compared); not a
        number where changes are compared and the control does not grow.
    """
    amount = _amount(curves, horizon, version)
    return _at(100 * (1 - amount / _of_control(amount, control)), "%", TGI_WORDS[version], curves, horizon)


def treated_over_control(
    curves: xr.DataArray, control: str, horizon: float, version: Literal["relative", "baseline"] = "relative"
) -> xr.DataArray:
    """Volume of each arm over the control's at the horizon (T/C).

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume, the horizon and (for "baseline") the first dose among its days.
    control : str
        Name of the vehicle arm.
    horizon : float
        Day as recorded.
    version : {"relative", "baseline"}
        100 V_T/V_C, or 100 ΔV_T/ΔV_C of the changes since the first dose.

    Returns
    -------
    DataArray (…, arm)
        Percent; 100 = as the control; not a number where changes are compared and the control does not grow.
    """
    words = {"relative": "100 V_T/V_C", "baseline": "100 dV_T/dV_C, changes since the first dose"}[version]
    amount = _amount(curves, horizon, version)
    return _at(100 * amount / _of_control(amount, control), "%", words, curves, horizon)


def growth_rate(curves: xr.DataArray, horizon: float) -> xr.DataArray:
    """Mean growth rate from the first dose to the horizon: (z(h) − z(0))/h.

    Returns
    -------
    DataArray (…, arm)
        1/day; negative = shrinking.
    """
    start = curves.attrs["first_dose"]
    change = curves.sel(day=horizon, drop=True) - curves.sel(day=start, drop=True)
    words = "(z(h) - z(0))/h, z = ln volume; negative = shrinking"
    return _at(change / (horizon - start), "1/day", words, curves, horizon)


def growth_rate_inhibition(growth_rate: xr.DataArray, control: str) -> xr.DataArray:
    """By how much each arm's growth rate is below the control's.

    Parameters
    ----------
    growth_rate : DataArray (…, arm)
        From `growth_rate`.
    control : str
        Name of the vehicle arm.

    Returns
    -------
    DataArray (…, arm)
        Percent; 0 = as the control, above 100 = shrinking; not a number where the control does not grow.
    """
    words = "100 (1 - rate_T/rate_C); above 100 = shrinking"
    found = 100 * (1 - growth_rate / _of_control(growth_rate, control))
    return described(found, "%", words, **_context(growth_rate))


def doubling_time(growth_rate: xr.DataArray) -> xr.DataArray:
    """Days in which the volume doubles: ln 2 over a growth rate.

    Returns
    -------
    DataArray
        Days; infinite where the tumour does not grow.
    """
    growing = growth_rate > 0
    found = xr.where(growing, np.log(2) / growth_rate.where(growing), np.inf).where(growth_rate.notnull())
    words = "ln 2 over the growth rate; infinite where the tumour does not grow"
    return described(found, "day", words, **_context(growth_rate))


def time_to_multiple(curves: xr.DataArray, multiple: float, horizon: float | None = None) -> xr.DataArray:
    """Days from the first dose until each arm's curve first reaches a multiple of its volume at the first dose.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume, the first dose among its days; linear between days.
    multiple : float
        For example 2 for a doubling.
    horizon : float, optional
        Day (as recorded) at which the search ends; default the last day of the curves.

    Returns
    -------
    DataArray (…, arm)
        Days since the first dose; infinite where the multiple is not reached by the horizon (censored there).
    """
    start = curves.attrs["first_dose"]
    course = curves.sel(day=slice(start, horizon)).transpose(..., "day")
    gain = (course - course.isel(day=0, drop=True) - np.log(multiple)).to_numpy()
    day = course["day"].to_numpy() - start
    reached = gain >= -ROUNDING
    at = reached.argmax(axis=-1)[..., None]
    before = np.maximum(at - 1, 0)
    low, high = np.take_along_axis(gain, before, -1), np.take_along_axis(gain, at, -1)
    rise = np.where(high > low, high - low, 1.0)
    crossing = day[before] + (day[at] - day[before]) * -low / rise
    time = np.where(reached.any(axis=-1), crossing[..., 0], np.inf)
    words = f"Days from the first dose to {multiple:g} x the volume then; infinite = after the horizon"
    found = course.isel(day=0, drop=True).copy(data=time)
    return _at(found, "day", words, curves, float(course["day"][-1]))


def probability_positive(draws: xr.DataArray) -> xr.DataArray:
    """Share of draws above 0 plus half the share equal to 0, over chain and draw."""
    return ((draws > 0) + 0.5 * (draws == 0)).mean(("chain", "draw"))


def probability_best(curves: xr.DataArray, arms: Sequence[str], horizon: float) -> xr.DataArray:
    """Probability that each arm has the smallest tumour at the horizon.

    Parameters
    ----------
    curves : DataArray (chain, draw, arm, day)
        ln volume.
    arms : sequence of str
        The arms that compete.
    horizon : float
        Day as recorded.

    Returns
    -------
    DataArray (arm)
        0 to 1; they add up to 1.
    """
    volume = curves.sel(day=horizon, arm=list(arms), drop=True)
    smallest = volume == volume.min("arm")
    found = (smallest / smallest.sum("arm")).mean(("chain", "draw"))
    return _at(found, "", "Probability of the smallest volume of all arms at the horizon", curves, horizon)


def interval(draws: xr.DataArray, probability: float = 0.95) -> pd.DataFrame:
    """Median and equal-tailed interval over chain and draw.

    Returns
    -------
    DataFrame
        Columns `median`, `lower`, `upper`; one row per label of the remaining dimensions.
    """
    tail = (1 - probability) / 2
    found = xr.apply_ufunc(
        quantiles, draws, kwargs={"probabilities": (0.5, tail, 1 - tail)},
        input_core_dims=[["chain", "draw"]], output_core_dims=[["limit"]],
    )  # fmt: skip
    names = ("median", "lower", "upper")
    if found.ndim == 1:
        return pd.DataFrame([found.to_numpy()], columns=list(names))
    return pd.DataFrame({name: found.isel(limit=i).to_series() for i, name in enumerate(names)})


def quantiles(values: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """Quantiles (…, probability) of draws (…, chain, draw) or of draws in one dimension, some of them infinite."""
    flat = values.reshape(*values.shape[:-2], -1)
    # infinite times are ordinary order statistics, but interpolating between two of them would be inf − inf
    method = "linear" if np.isfinite(flat).all() else "inverted_cdf"
    return np.moveaxis(np.quantile(flat, probabilities, axis=-1, method=method), 0, -1)


def _amount(curves: xr.DataArray, horizon: float, version: TgiVersion) -> xr.DataArray:
    """What TGI and T/C compare: volume, its change, or the area under either."""
    course = curves.sel(day=slice(curves.attrs["first_dose"], horizon))
    if version in ("relative", "baseline"):
        last = xr.ufuncs.exp(course.sel(day=horizon, drop=True))
        return last if version == "relative" else last - xr.ufuncs.exp(course.isel(day=0, drop=True))
    volume = xr.ufuncs.exp(course)
    return (volume if version == "auc" else volume - volume.isel(day=0, drop=True)).integrate("day")


def _of_control(amount: xr.DataArray, control: str) -> xr.DataArray:
    """The control's amount where it can be divided by."""
    of_control = amount.sel(arm=control, drop=True)
    return of_control.where(of_control > 0)


def _at(values: xr.DataArray, unit: str, definition: str, curves: xr.DataArray, horizon: float) -> xr.DataArray:
    more = {key: curves.attrs[key] for key in ("of", "first_dose") if key in curves.attrs}
    return described(values, unit, definition, horizon=horizon, **more)


def _context(values: xr.DataArray) -> dict[str, Any]:
    return {key: value for key, value in values.attrs.items() if key not in ("unit", "definition")}
