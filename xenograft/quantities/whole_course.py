"""Estimands of a whole curve: delays, cell kill, best response, nadir, regrowth, the excess over time.

See docs/estimands.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xenograft.quantities.estimands import described, time_to_multiple

BEST_FROM = 10.0
"""Days after the first dose from which a best response is looked for, as mRECIST does."""

PER_DECADE = 3.32
"""Doublings in a factor of ten, as in the published formula of log10 cell kill (log2 10)."""


def growth_delay(curves: xr.DataArray, control: str, multiple: float, horizon: float) -> xr.DataArray:
    """T − C: by how many days later than the control each arm reaches a multiple of its volume at the first dose.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume, the first dose among its days.
    control : str
        Name of the vehicle arm.
    multiple : float
        For example 4.
    horizon : float
        Day (as recorded) at which the search ends.

    Returns
    -------
    DataArray (…, arm)
        Days; positive = delayed, infinite where only the control reaches the multiple, minus infinite where only the
        arm does, not a number where neither does.
    """
    return delay_of(time_to_multiple(curves, multiple, horizon), control, multiple)


def delay_of(time: xr.DataArray, control: str, multiple: float) -> xr.DataArray:
    """As `growth_delay` (days, positive = delayed; …, arm), of times (…, arm) from `time_to_multiple`."""
    reference = time.sel(arm=control, drop=True)
    neither = np.isinf(time) & np.isinf(reference)
    delay = time.where(~neither) - reference.where(~neither)
    words = (
        f"T - C: days to {multiple:g} x the volume at the first dose minus the control's; infinite = after the horizon"
    )
    return described(delay, "day", words, **_context(time))


def log_cell_kill(
    curves: xr.DataArray, control: str, horizon: float, duration: xr.DataArray | None = None
) -> xr.DataArray:
    """Log10 cell kill at four times the volume at the first dose.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume, the first dose among its days.
    control : str
        Name of the vehicle arm.
    horizon : float
        Day (as recorded) at which the search ends.
    duration : DataArray (arm), optional
        Days from each arm's first to its last dose, subtracted for the net cell kill; default none, the gross one.

    Returns
    -------
    DataArray (…, arm)
        Log10 units: (T − C − duration)/(3.32 DT_C), DT_C the control's doubling time from its volume at the first dose;
        not a number where the horizon is too early to tell the sign.
    """
    double, fourfold = (time_to_multiple(curves, multiple, horizon) for multiple in (2.0, 4.0))
    return cell_kill_of(double, fourfold, control, duration)


def cell_kill_of(
    double: xr.DataArray, fourfold: xr.DataArray, control: str, duration: xr.DataArray | None = None
) -> xr.DataArray:
    """As `log_cell_kill` (log10 units; …, arm), of times (days; …, arm) to twice and to four times the volume."""
    net = delay = delay_of(fourfold, control, 4.0)
    if duration is not None:  # of an arm that gets there after the horizon, the sign is known if that is late enough
        of_control = fourfold.sel(arm=control, drop=True)
        at_least = fourfold.attrs["horizon"] - fourfold.attrs["first_dose"] - of_control - duration
        net = (delay - duration).where(~np.isinf(delay) | (at_least >= 0))
    doubling = double.sel(arm=control, drop=True)
    found = net / (PER_DECADE * doubling.where(np.isfinite(doubling)))
    subtracted = "" if duration is None else " - days from first to last dose"
    words = f"(T - C at 4 x{subtracted})/(3.32 x the control's doubling time)"
    return described(found, "log10", words, **_context(delay))


def best_response(curves: xr.DataArray, horizon: float) -> xr.DataArray:
    """Smallest change of volume from the first dose, from 10 days after it to the horizon.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume, the first dose among its days.
    horizon : float
        Day as recorded.

    Returns
    -------
    DataArray (…, arm)
        Percent; negative = smaller than at the first dose; not a number with a horizon before 10 days.
    """
    course, start = _course(curves, horizon)
    late = course.sel(day=slice(start + BEST_FROM, None))
    if not late.sizes["day"]:
        found = course.isel(day=0, drop=True) * np.nan
    else:
        found = 100 * (xr.ufuncs.exp((late - course.isel(day=0, drop=True)).min("day")) - 1)
    return _described(
        found, "%", "Smallest change of volume from the first dose, 10 days or more after it", curves, horizon
    )


def nadir(curves: xr.DataArray, horizon: float) -> tuple[xr.DataArray, xr.DataArray]:
    """The smallest volume between the first dose and the horizon, and when it is reached.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume, the first dose among its days.
    horizon : float
        Day as recorded.

    Returns
    -------
    volume, time : DataArrays (…, arm)
        In percent of the volume at the first dose (100 = never smaller), and days since the first dose.
    """
    course, start = _course(curves, horizon)
    relative = 100 * xr.ufuncs.exp((course - course.isel(day=0, drop=True)).min("day"))
    time = course["day"].isel(day=course.argmin("day")).drop_vars("day") - start
    volume_words = "Smallest volume up to the horizon, in percent of that at the first dose"
    time_words = "Days from the first dose to the smallest volume up to the horizon"
    return (
        _described(relative, "%", volume_words, curves, horizon),
        _described(time.transpose(*relative.dims), "day", time_words, curves, horizon),
    )


def time_to_regrowth(curves: xr.DataArray, horizon: float) -> xr.DataArray:
    """When a tumour that shrank is back at its volume at the first dose.

    Parameters
    ----------
    curves : DataArray (…, arm, day)
        ln volume, the first dose among its days; linear between days.
    horizon : float
        Day (as recorded) at which the search ends.

    Returns
    -------
    DataArray (…, arm)
        Days since the first dose; 0 where the volume never was smaller, infinite where it stays smaller to the horizon.
    """
    course, start = _course(curves, horizon)
    day = course["day"].to_numpy() - start
    gain = (course - course.isel(day=0, drop=True)).transpose(..., "day").to_numpy()
    lowest = gain.argmin(axis=-1)[..., None]
    back = (np.arange(len(day)) > lowest) & (gain >= 0)
    at = back.argmax(axis=-1)[..., None]
    before = np.maximum(at - 1, 0)
    low, high = np.take_along_axis(gain, before, -1), np.take_along_axis(gain, at, -1)
    crossing = day[before] + (day[at] - day[before]) * -low / np.where(high > low, high - low, 1.0)
    time = np.where(back.any(axis=-1), crossing[..., 0], np.inf)
    time = np.where(lowest[..., 0] == 0, 0.0, time)
    found = course.isel(day=0, drop=True).copy(data=time)
    words = (
        "Days from the first dose until a tumour that shrank is back at its volume then; infinite = after the horizon"
    )
    return _described(found, "day", words, curves, horizon)


def whole_course_excess(excess: xr.DataArray, horizon: float) -> xr.DataArray:
    """The excess averaged over the days from the first dose to the horizon.

    Parameters
    ----------
    excess : DataArray (…, day)
        From `excess`; linear between days.
    horizon : float
        Day as recorded.

    Returns
    -------
    DataArray (…)
        In the unit of the excess; positive = enhanced.
    """
    course, start = _course(excess, horizon)
    found = course.integrate("day") / (float(course["day"][-1]) - start)
    words = f"Average from the first dose to the horizon of: {excess.attrs['definition']}"
    return described(found, excess.attrs["unit"], words, horizon=horizon, **_context(excess))


def largest_excess(excess: xr.DataArray, horizon: float) -> tuple[xr.DataArray, xr.DataArray]:
    """The largest excess from the first dose to the horizon, and its day.

    Parameters
    ----------
    excess : DataArray (…, day)
        From `excess`.
    horizon : float
        Day as recorded.

    Returns
    -------
    largest, day : DataArrays (…)
        In the unit of the excess, and day as recorded (the first such day).
    """
    course, _ = _course(excess, horizon)
    day = course["day"].isel(day=course.argmax("day")).drop_vars("day")
    largest = course.max("day", skipna=False)
    return (
        described(
            largest, excess.attrs["unit"], "Largest excess up to the horizon", horizon=horizon, **_context(excess)
        ),
        described(day, "day (as recorded)", "Day of the largest excess up to the horizon", horizon=horizon),
    )


def _course(values: xr.DataArray, horizon: float) -> tuple[xr.DataArray, float]:
    """The days from the first dose to the horizon, and the first dose."""
    start = float(values.attrs["first_dose"])
    return values.sel(day=slice(start, horizon)), start


def _described(values: xr.DataArray, unit: str, words: str, curves: xr.DataArray, horizon: float) -> xr.DataArray:
    more = {key: curves.attrs[key] for key in ("of", "first_dose") if key in curves.attrs}
    return described(values, unit, words, horizon=horizon, **more)


def _context(values: xr.DataArray) -> dict[str, Any]:
    return {key: value for key, value in values.attrs.items() if key not in ("unit", "definition")}
