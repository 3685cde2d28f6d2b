"""The numbers of an arm, each with its unit, definition, direction and margin, and the summary of their draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.quantities.estimands import (
    doubling_time,
    growth_rate,
    growth_rate_inhibition,
    quantiles,
    time_to_multiple,
    treated_over_control,
    tumour_growth_inhibition,
)
from xenograft.quantities.whole_course import best_response, cell_kill_of, delay_of, nadir, time_to_regrowth
from xenograft.study.study import Study


@dataclass(frozen=True)
class Question:
    """What is asked of a number besides its size.

    Parameters
    ----------
    null : float
        Value that means no effect, in the number's unit.
    direction : {"above", "below"}
        Side of the null that the probability is of.
    margin : float
        How far from the null a value has to be to matter (half the region of practical equivalence).
    """

    null: float
    direction: Literal["above", "below"]
    margin: float


QUESTIONS: Mapping[str, Question] = {
    "tgi": Question(0, "above", 10),
    "tgi_baseline": Question(0, "above", 10),
    "tgi_auc": Question(0, "above", 10),
    "tgi_auc_baseline": Question(0, "above", 10),
    "tc": Question(100, "below", 10),
    "tc_change": Question(100, "below", 10),
    "growth_rate": Question(0, "above", 0.01),
    "growth_rate_inhibition": Question(0, "above", 10),
    "growth_delay_2x": Question(0, "above", 2),
    "growth_delay_4x": Question(0, "above", 2),
    "growth_delay_5x": Question(0, "above", 2),
    "log_cell_kill": Question(0, "above", 0.3),
    "net_log_cell_kill": Question(0, "above", 0.3),
    "best_response": Question(0, "below", 10),
    "excess_bliss": Question(0, "above", float(np.log(1.25))),
    "excess_hsa": Question(0, "above", float(np.log(1.25))),
    "excess_additive": Question(0, "above", 0.1),
}
"""By key; a number without an entry (a doubling time, a nadir) has a size and no direction. A log excess of ln 1.25 is
a volume 20 % below the reference's."""

UNDEFINED = 0.025
"""Share of draws without a number up to which the others are summarised: one tail of a 95 % interval."""

ROW = ("median", "lower", "upper", "probability", "beyond", "opposite", "margin", "unreached", "undefined")


def arm_estimands(curves: xr.DataArray, study: Study, horizon: float | None = None) -> dict[str, xr.DataArray]:
    """Every number of section 5 that is reported for an arm, as draws.

    Parameters
    ----------
    curves : DataArray (chain, draw, arm, day)
        From `curves` or `model_curves`; the first dose and the horizon among its days.
    study : Study
        Tells the control and the dosing days.
    horizon : float, optional
        Day as recorded; default the study's.

    Returns
    -------
    dict of str to DataArray (chain, draw, arm)
        By the key used in results.json; `unit`, `definition`, `horizon` and `of` in attrs.
    """
    horizon, control = study.horizon if horizon is None else horizon, study.control.name
    curves = curves.sel(day=slice(curves.attrs["first_dose"], horizon))
    rate = growth_rate(curves, horizon)
    time = {multiple: time_to_multiple(curves, multiple, horizon) for multiple in (2.0, 4.0, 5.0)}
    smallest, smallest_time = nadir(curves, horizon)
    return {
        "tgi": tumour_growth_inhibition(curves, control, horizon),
        "tgi_baseline": tumour_growth_inhibition(curves, control, horizon, "baseline"),
        "tgi_auc": tumour_growth_inhibition(curves, control, horizon, "auc"),
        "tgi_auc_baseline": tumour_growth_inhibition(curves, control, horizon, "auc_baseline"),
        "tc": treated_over_control(curves, control, horizon),
        "tc_change": treated_over_control(curves, control, horizon, "baseline"),
        "growth_rate": rate,
        "growth_rate_inhibition": growth_rate_inhibition(rate, control),
        "doubling_time": doubling_time(rate),
        "time_to_2x": time[2.0],
        "time_to_4x": time[4.0],
        "time_to_5x": time[5.0],
        "growth_delay_2x": delay_of(time[2.0], control, 2.0),
        "growth_delay_4x": delay_of(time[4.0], control, 4.0),
        "growth_delay_5x": delay_of(time[5.0], control, 5.0),
        "log_cell_kill": cell_kill_of(time[2.0], time[4.0], control),
        "net_log_cell_kill": cell_kill_of(time[2.0], time[4.0], control, dosing_durations(study, curves)),
        "best_response": best_response(curves, horizon),
        "nadir": smallest,
        "time_to_nadir": smallest_time,
        "time_to_regrowth": time_to_regrowth(curves, horizon),
    }


def dosing_durations(study: Study, curves: xr.DataArray) -> xr.DataArray:
    """Days from each arm's first to its last dose.

    Returns
    -------
    DataArray (arm)
        0 for the control, not a number where the dosing days are not known.
    """
    own = {arm.name: arm for arm in study.arms}
    days: list[float] = []
    for name in curves["arm"].to_numpy():
        dosings = own[name].dosings if name in own else ()
        known = name in own and all(dosing.schedule_known for dosing in dosings)
        given = [day for dosing in dosings for day in dosing.days]
        days.append((max(given) - min(given) if given else 0.0) if known else np.nan)
    return xr.DataArray(days, dims="arm", coords={"arm": curves["arm"].to_numpy()})


def summarise(draws: xr.DataArray, key: str, margin: float | None = None) -> pd.DataFrame:
    """Size and direction of a number, from its draws.

    Parameters
    ----------
    draws : DataArray (chain, draw, …)
        In its unit; infinite where a time is after the horizon, not a number where the definition fails.
    key : str
        Tells null, direction and margin, see `QUESTIONS`.
    margin : float, optional
        Instead of the usual one, in the number's unit.

    Returns
    -------
    DataFrame
        One row per label of the remaining dimensions: `median`, `lower`, `upper` (95 % equal-tailed; infinite = after
        the horizon), `probability` of the direction (draws at the null count half), `beyond` and `opposite`
        (probability of more than the margin in the direction and against it; after the horizon counts as more),
        `margin`, `unreached` (share of draws that are infinite) and `undefined` (share without a number; above 2.5 %
        nothing else is given).
    """
    return pd.DataFrame(summary_columns(draws, key, margin), index=_labels(draws))


def summary_columns(draws: xr.DataArray, key: str, margin: float | None = None) -> dict[str, np.ndarray]:
    """The columns of `summarise` by name, arrays (label) in its units, for tables that are put together from many."""
    rest = [name for name in draws.dims if name not in ("chain", "draw")]
    ordered = draws.transpose(..., "chain", "draw") if rest else draws
    values = ordered.to_numpy().reshape(-1, draws.sizes["chain"] * draws.sizes["draw"])  # (label, sample)
    missing = np.isnan(values)
    undefined = missing.mean(axis=1)
    found = dict.fromkeys(ROW, np.full(len(values), np.nan))
    found |= {"unreached": np.isinf(values).mean(axis=1), "undefined": undefined}
    usable = undefined <= UNDEFINED
    defined = [row[~gone] for row, gone in zip(values[usable], missing[usable], strict=True)]

    found |= _of_usable(ROW[:3], [quantiles(sample, (0.5, 0.025, 0.975)) for sample in defined], usable)
    question = QUESTIONS.get(key)
    if question:
        margin = question.margin if margin is None else margin
        sign = 1 if question.direction == "above" else -1
        gains = [sign * (sample - question.null) for sample in defined]
        shares = [
            (np.mean((gain > 0) + 0.5 * (gain == 0)), np.mean(gain > margin), np.mean(gain < -margin)) for gain in gains
        ]
        found |= _of_usable(ROW[3:6], shares, usable) | {"margin": np.full(len(values), margin)}
    return found


def _of_usable(names: Sequence[str], rows: Sequence[Any], usable: np.ndarray) -> dict[str, np.ndarray]:
    """Columns (label) by name, of one row of numbers for each usable label; not a number for the others."""
    table = np.full((len(names), len(usable)), np.nan)
    table[:, usable] = np.reshape(rows, (-1, len(names))).T
    return dict(zip(names, table, strict=True))


def why_missing(key: str, row: Mapping[str, float], control: str, horizon: float) -> str:
    """Why a summary has a number that is not finite, in words; empty where all are.

    Parameters
    ----------
    key : str
        The number.
    row : mapping of str to float
        A row of `summarise`.
    control : str
        Name of the vehicle arm.
    horizon : float
        Day as recorded.
    """
    if np.isfinite([row["median"], row["lower"], row["upper"]]).all():
        return ""
    share = f"in {row['undefined']:.0%} of draws"
    if row["undefined"] > UNDEFINED:
        if key.startswith("growth_delay") or "cell_kill" in key:
            if key == "net_log_cell_kill":
                return f"the dosing days are not known, or day {horizon:g} is too early to tell {share}"
            return f"neither the arm nor {control} gets that large by day {horizon:g} {share}"
        if key == "best_response":
            return "the horizon is less than 10 days after the first dose"
        return f"{control} does not grow {share}"
    if key == "doubling_time":
        return f"the tumour does not grow in {row['unreached']:.0%} of draws"
    return f"not reached by day {horizon:g} in {row['unreached']:.0%} of draws"


def _labels(draws: xr.DataArray) -> pd.Index:
    """A row per label of the dimensions beside chain and draw, in the order of `interval`."""
    one = draws.isel(chain=0, draw=0, drop=True)
    return one.to_series().index if one.ndim else pd.RangeIndex(1)
