"""Answers of one or several cards: averaged curves, interaction, arms, verdicts (docs/estimands.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.ranking import Comparison
from xenograft.errors import NoHealthyFitError
from xenograft.fitting.curves import curves, reference_names
from xenograft.fitting.fit import Fit
from xenograft.quantities.estimands import Reference, excess, interval, probability_positive
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations

AVERAGED = "averaged"

MOST = 2
"""Times as many averaged draws at most as a card has."""


@dataclass(frozen=True, eq=False)
class Interaction:
    """The excess of every combination over a reference, by day.

    Parameters
    ----------
    table : DataFrame
        Columns `model`, `combination`, `reference`, `day` (as recorded), `median`, `lower`, `upper` (95 % equal-tailed,
        log units; fractions of the control's volume for "additive") and `probability` that the excess is above 0.
    draws : DataArray (chain, draw, combination, day)
        The excess; positive = enhanced.
    """

    table: pd.DataFrame
    draws: xr.DataArray

    def _repr_html_(self) -> str:
        return self.table.round(3).to_html(index=False)


def model_curves(
    fits: Mapping[str, Fit], ranking: Comparison, *, of: Literal["typical", "mean"] = "typical"
) -> dict[str, xr.DataArray]:
    """Curves of every healthy card, and of their average under the name "averaged" where a card answers.

    Returns
    -------
    dict of str to DataArray (chain, draw, arm, day)
        As `prediction.curves`, on its default days.
    """
    own = {str(name): curves(fits[str(name)], of=of) for name in ranking.table.index}
    weights = ranking.answer_weights
    return ({AVERAGED: average({name: own[name] for name in weights}, weights)} if weights else {}) | own


def averaged_curves(
    fits: Mapping[str, Fit], ranking: Comparison, *, of: Literal["typical", "mean"] = "typical"
) -> dict[str, xr.DataArray]:
    """The average of `model_curves` alone; empty where no healthy card answers."""
    weights = ranking.answer_weights
    own = {name: curves(fits[name], of=of) for name in weights}
    return {AVERAGED: average(own, weights)} if weights else {}


def average(draws: Mapping[str, xr.DataArray], weights: Mapping[str, float]) -> xr.DataArray:
    """Draws of several cards mixed by weight.

    Parameters
    ----------
    draws : mapping of str to DataArray (chain, draw, …)
        By card, on the same labels.
    weights : mapping of str to float
        Add up to 1.

    Returns
    -------
    DataArray (chain, draw, …)
        From each card and chain evenly spaced draws, in number proportional to its weight: as many as the heaviest card
        has for its share, but no more than `MOST` times those of the shortest fit.
    """
    shares = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    sizes = {name: array.sizes["draw"] for name, array in draws.items()}
    enough = min(sizes[name] / share for name, share in shares.items() if share > 0)
    size = int(min(enough, MOST * min(sizes.values())))
    ends = np.rint(np.cumsum(list(weights.values())) / sum(weights.values()) * size).astype(int)
    counts = dict(zip(weights, np.diff(ends, prepend=0), strict=True))
    parts = [
        array.isel(draw=np.linspace(0, array.sizes["draw"] - 1, counts[name]).round().astype(int))
        for name, array in draws.items()
        if counts[name]
    ]
    return xr.concat(parts, dim="draw", combine_attrs="override").assign_coords(draw=np.arange(size))


def interaction(
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    reference: Reference = "bliss",
    model: str = AVERAGED,
) -> Interaction:
    """The excess of every combination by day, averaged over the answering cards or of one card.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    reference : {"bliss", "hsa", "additive"}
        What no interaction means.
    model : str
        "averaged" or a card's name.

    Raises
    ------
    NoHealthyFitError
        When the model has no healthy fit.
    """
    available = model_curves(fits, ranking)
    if model not in available:
        raise NoHealthyFitError(f"interaction: there is no healthy fit for {model}. Look at the health of the fits.")
    return interaction_of(_study(fits), available[model], model, reference)


def interaction_of(study: Study, curves: xr.DataArray, model: str, reference: Reference) -> Interaction:
    """As `interaction`, from curves already at hand."""
    draws = excess_by_combination(study, curves, reference)
    table = interval(draws) if draws.size else pd.DataFrame(columns=["median", "lower", "upper"])
    table["probability"] = probability_positive(draws).to_series() if draws.size else None
    table = table.reset_index() if draws.size else table.assign(combination=[], day=[])
    table.insert(0, "model", model)
    table.insert(2, "reference", reference)
    return Interaction(table, draws)


def curve_table(study: Study, curves: Mapping[str, xr.DataArray]) -> pd.DataFrame:
    """Curves with 95 % intervals as a table.

    Returns
    -------
    DataFrame
        Columns `model`, `of`, `arm`, `predicted`, `day` (as recorded), `median`, `lower`, `upper` (volume in the
        study's unit).
    """
    parts: list[pd.DataFrame] = []
    for model, draws in curves.items():
        table = interval(xr.ufuncs.exp(draws)).reset_index()
        predicted = dict(zip(draws["arm"].to_numpy(), draws["predicted"].to_numpy(), strict=True))
        parts.append(table.assign(model=model, of=draws.attrs["of"], predicted=table["arm"].map(predicted)))
    columns = ["model", "of", "arm", "predicted", "day", "median", "lower", "upper"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def animal_table(curves: xr.DataArray, study: Study) -> pd.DataFrame:
    """Median curve of each animal as a table.

    Parameters
    ----------
    curves : DataArray (chain, draw, animal, day)
        From `prediction.animal_curves`.
    study : Study
        Tells each animal's arm and last day; curves end with the animal.

    Returns
    -------
    DataFrame
        Columns `animal`, `arm`, `day` (as recorded), `median` (volume in the study's unit).
    """
    median = xr.ufuncs.exp(curves.median(("chain", "draw"))).to_series().rename("median").reset_index()
    median["arm"] = median["animal"].map(study.animals["arm"])
    return median[median["day"] <= median["animal"].map(study.animals["last_day"])]


def whole_days(study: Study) -> np.ndarray:
    """Whole days from the first dose to the last fitted reading, and that reading's day (as recorded)."""
    last = float(study.fitted_readings["day"].max())
    return np.unique([*np.arange(study.first_dose, last, 1.0), last])


def excess_by_combination(study: Study, curves: xr.DataArray, reference: Reference) -> xr.DataArray:
    """Draws of the excess over a reference (chain, draw, combination, day; positive = enhanced), from curves.

    Of the combinations whose agents were tested alone.
    """
    found = [
        excess(curves, arm.name, reference_names(study, arm), study.control.name, reference)
        for arm in judged_combinations(study)
    ]
    if not found:
        return curves.isel(arm=slice(0, 0)).drop_vars("predicted").rename(arm="combination")
    names = pd.Index([arm.name for arm in judged_combinations(study)], name="combination")
    return xr.concat(found, dim=names).transpose("chain", "draw", "combination", "day")


def _study(fits: Mapping[str, Fit]) -> Study:
    return next(iter(fits.values())).study
