"""The numbers of an arm, each with its function, question and places, and the summary of their draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
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

Place = Literal["followed", "drawn", "printed", "summary", "priors"]
"""Where a report has a number besides the table of all: followed from fit to fit (drift, sensitivity), drawn in the
figure of the arms, printed in the page's table, in the Markdown summary, asked how it depends on the priors (of a study
without a combination)."""


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


@dataclass(frozen=True)
class ArmCurves:
    """What numbers are computed from, with what several of them share.

    Parameters
    ----------
    curves : DataArray (chain, draw, arm, day)
        ln volume from the first dose to the horizon.
    study : Study
        Tells the dosing days.
    horizon : float
        Day as recorded.
    control : str
        The arm that others are compared with, usually the vehicle.
    """

    curves: xr.DataArray
    study: Study
    horizon: float
    control: str

    @cached_property
    def rate(self) -> xr.DataArray:
        """Mean growth rates (1/day)."""
        return growth_rate(self.curves, self.horizon)

    @cached_property
    def times(self) -> Mapping[float, xr.DataArray]:
        """Days to 2, 4 and 5 times the volume at the first dose."""
        return {multiple: time_to_multiple(self.curves, multiple, self.horizon) for multiple in (2.0, 4.0, 5.0)}

    @cached_property
    def smallest(self) -> tuple[xr.DataArray, xr.DataArray]:
        """The smallest volume, in percent of that at the first dose, and its day since then."""
        return nadir(self.curves, self.horizon)


@dataclass(frozen=True)
class ArmNumber:
    """A number of every arm.

    Parameters
    ----------
    key : str
        As results.json and the tables have it.
    draws : function of ArmCurves
        DataArray (chain, draw, arm) with `unit` and `definition` in attrs.
    question : Question, optional
        None: a size without a direction.
    said : str
        As a report says it; needed where it is shown.
    term : str
        Its entry in the report's glossary, if it has one.
    shown : tuple of Place
        Where.
    digits : int
        Significant ones in a report.
    of_control : bool
        Whether it says something of the control.
    undefined, endless, limit : str
        Why there is no number, why it is infinite (`horizon`, `control` and `share`, its probability, are filled in),
        and the word for an infinite one.
    """

    key: str
    draws: Callable[[ArmCurves], xr.DataArray]
    question: Question | None = None
    said: str = ""
    term: str = ""
    shown: tuple[Place, ...] = ()
    digits: int = 3
    of_control: bool = True
    undefined: str = "{control} not growing {share}"
    endless: str = "not reached by day {horizon:g} {share}"
    limit: str = "later"

    def heading(self, unit: str) -> str:
        """What a table or figure calls it."""
        return f"{self.said}{self.in_unit(unit)}"

    def in_unit(self, unit: str) -> str:
        """The unit in parentheses, where it has one that its name does not say."""
        words = "days" if unit == "day" else unit
        return f" ({words})" if words and words not in self.said.split() else ""


_TOO_SMALL = "neither the arm nor {control} gets that large by day {horizon:g} {share}"


def _growth_delay(multiple: float) -> ArmNumber:
    return ArmNumber(
        f"growth_delay_{multiple:g}x", lambda of: delay_of(of.times[multiple], of.control, multiple),
        Question(0, "above", 2), of_control=False, undefined=_TOO_SMALL,
    )  # fmt: skip


ARM_NUMBERS: dict[str, ArmNumber] = {
    number.key: number
    for number in (
        ArmNumber(
            "tgi", lambda of: tumour_growth_inhibition(of.curves, of.control, of.horizon), Question(0, "above", 10),
            said="TGI", term="tgi", shown=("followed", "drawn", "printed", "summary", "priors"), of_control=False,
        ),
        ArmNumber(
            "tgi_baseline", lambda of: tumour_growth_inhibition(of.curves, of.control, of.horizon, "baseline"),
            Question(0, "above", 10), shown=("followed",), of_control=False,
        ),
        ArmNumber(
            "tgi_auc", lambda of: tumour_growth_inhibition(of.curves, of.control, of.horizon, "auc"),
            Question(0, "above", 10), said="TGI of AUC", term="tgi", shown=("followed", "printed"), of_control=False,
        ),
        ArmNumber(
            "tgi_auc_baseline", lambda of: tumour_growth_inhibition(of.curves, of.control, of.horizon, "auc_baseline"),
            Question(0, "above", 10), shown=("followed",), of_control=False,
        ),
        ArmNumber(
            "tc", lambda of: treated_over_control(of.curves, of.control, of.horizon), Question(100, "below", 10),
            said="T/C", of_control=False,
        ),
        ArmNumber(
            "tc_change", lambda of: treated_over_control(of.curves, of.control, of.horizon, "baseline"),
            Question(100, "below", 10), of_control=False,
        ),
        ArmNumber(
            "growth_rate", lambda of: of.rate, Question(0, "above", 0.01), said="growth rate",
            shown=("followed", "drawn", "printed", "summary", "priors"), digits=2,
        ),
        ArmNumber(
            "growth_rate_inhibition", lambda of: growth_rate_inhibition(of.rate, of.control),
            Question(0, "above", 10), said="growth-rate inhibition", of_control=False,
        ),
        ArmNumber(
            "doubling_time", lambda of: doubling_time(of.rate), said="doubling time", term="doubling-time",
            shown=("followed", "drawn", "printed", "summary"), endless="not growing {share}",
            limit="never",
        ),
        ArmNumber("time_to_2x", lambda of: of.times[2.0], said="days to 2 × baseline", shown=("followed", "printed")),
        ArmNumber("time_to_4x", lambda of: of.times[4.0], shown=("followed",)),
        ArmNumber("time_to_5x", lambda of: of.times[5.0]),
        _growth_delay(2.0),
        _growth_delay(4.0),
        _growth_delay(5.0),
        ArmNumber(
            "log_cell_kill", lambda of: cell_kill_of(of.times[2.0], of.times[4.0], of.control),
            Question(0, "above", 0.3), of_control=False, undefined=_TOO_SMALL,
        ),
        ArmNumber(
            "net_log_cell_kill",
            lambda of: cell_kill_of(of.times[2.0], of.times[4.0], of.control, dosing_durations(of.study, of.curves)),
            Question(0, "above", 0.3), of_control=False,
            undefined="the dosing days are not known, or day {horizon:g} is too early to tell {share}",
        ),
        ArmNumber(
            "best_response", lambda of: best_response(of.curves, of.horizon), Question(0, "below", 10),
            undefined="the horizon is less than 10 days after the first dose",
        ),
        ArmNumber("nadir", lambda of: of.smallest[0]),
        ArmNumber("time_to_nadir", lambda of: of.smallest[1]),
        ArmNumber("time_to_regrowth", lambda of: time_to_regrowth(of.curves, of.horizon)),
    )
}  # fmt: skip
"""Every number of an arm by key, in the order of tables. A number without a question (a doubling time, a nadir) has a
size and no direction."""

EXCESS_QUESTIONS: Mapping[str, Question] = {
    "excess_bliss": Question(0, "above", float(np.log(1.25))),
    "excess_hsa": Question(0, "above", float(np.log(1.25))),
    "excess_additive": Question(0, "above", 0.1),
}
"""What is asked of the excess over each reference; a log excess of ln 1.25 is a volume 20 % below the reference's."""

UNDEFINED = 0.025
"""Share of draws without a number up to which the others are summarised: one tail of a 95 % interval."""

ROW = ("median", "lower", "upper", "probability", "beyond", "opposite", "margin", "unreached", "undefined")


def arm_estimands(
    curves: xr.DataArray,
    study: Study,
    horizon: float | None = None,
    *,
    only: Sequence[str] | None = None,
    control: str | None = None,
) -> dict[str, xr.DataArray]:
    """Every number of section 5 that is reported for an arm, as draws.

    Parameters
    ----------
    curves : DataArray (chain, draw, arm, day)
        From `curves` or `model_curves`; the first dose and the horizon among its days.
    study : Study
        Tells the control and the dosing days.
    horizon : float, optional
        Day as recorded; default the study's.
    only : sequence of str, optional
        Keys of those that are wanted; default all.
    control : str, optional
        The arm that others are compared with; default the vehicle.

    Returns
    -------
    dict of str to DataArray (chain, draw, arm)
        By the key used in results.json; `unit`, `definition`, `horizon` and `of` in attrs.
    """
    horizon = study.horizon if horizon is None else horizon
    course = curves.sel(day=slice(curves.attrs["first_dose"], horizon))
    given = ArmCurves(course, study, horizon, control or study.control.name)
    return {key: ARM_NUMBERS[key].draws(given) for key in (ARM_NUMBERS if only is None else only)}


def questions() -> dict[str, Question]:
    """What is asked of numbers of arms and of the excess of combinations, by key."""
    asked = {key: number.question for key, number in ARM_NUMBERS.items() if number.question}
    return asked | dict(EXCESS_QUESTIONS)


def shown(place: Place) -> list[ArmNumber]:
    """The numbers that a report has in a place, in the order of tables."""
    return [number for number in ARM_NUMBERS.values() if place in number.shown]


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
        Tells null, direction and margin, see `questions`.
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
    question = questions().get(key)
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
    number = ARM_NUMBERS[key]
    lacking = row["undefined"] > UNDEFINED
    probability = float(row["undefined" if lacking else "unreached"])
    share = "(probability > 0.99)" if probability >= 0.995 else f"(probability {probability:.2f})"
    return (number.undefined if lacking else number.endless).format(control=control, horizon=horizon, share=share)


def _labels(draws: xr.DataArray) -> pd.Index:
    """A row per label of the dimensions beside chain and draw, in the order of `interval`."""
    one = draws.isel(chain=0, draw=0, drop=True)
    return one.to_series().index if one.ndim else pd.RangeIndex(1)
