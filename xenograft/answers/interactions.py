"""Everything that is reported of an interaction: at the horizon, over the course, over a grid of doses.

See docs/estimands.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, model_curves
from xenograft.answers.ranking import Comparison
from xenograft.errors import InputError, NoHealthyFitError
from xenograft.fitting.curves import single_arms
from xenograft.fitting.fit import Fit
from xenograft.quantities.catalogue import ROW, summary_columns
from xenograft.quantities.estimands import REFERENCES, Reference, combination_index, excess, expected_inhibition
from xenograft.quantities.whole_course import largest_excess, whole_course_excess
from xenograft.study.study import Arm, Study

InteractionQuantity = Literal[
    "excess", "combination_index", "expected_tgi", "whole_course_excess", "largest_excess", "day_of_largest"
]

INTERACTION_COLUMNS = ("model", "combination", "against", "reference", "quantity", "day", *ROW, "unit", "definition")
SINGLES = "single agents"
"""What a combination is measured against, unless it contains a pair that the study has as an arm."""


def interaction_numbers(
    study: Study,
    curves: xr.DataArray,
    model: str,
    *,
    horizon: float | None = None,
    margins: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Every number of every combination under every reference.

    Parameters
    ----------
    study : Study
        Its combinations.
    curves : DataArray (chain, draw, arm, day)
        Typical curves, from `model_curves`.
    model : str
        Named in the table.
    horizon : float, optional
        Day as recorded; default the study's.
    margins : mapping of str to float, optional
        Margin by "excess_bliss", "excess_hsa", "excess_additive", instead of the usual ones.

    Returns
    -------
    DataFrame
        Columns `model`, `combination`, `against` ("single agents", or a pair that is an arm and the remaining agents),
        `reference`, `quantity` (excess, combination_index, expected_tgi, whole_course_excess, largest_excess,
        day_of_largest), `day`
        (the horizon, as recorded), those of `summarise`, `unit`, `definition`.
    """
    horizon = study.horizon if horizon is None else horizon
    rows: list[dict[str, Any]] = []
    for arm in study.combinations:
        for against, names in measured_against(study, arm).items():
            for reference in REFERENCES:
                draws = interaction_draws(study, curves, arm.name, names, reference, horizon)  # pyright: ignore[reportArgumentType]
                for quantity, values in draws.items():
                    key = f"excess_{reference}" if quantity.endswith("excess") else quantity
                    columns = summary_columns(values, key, (margins or {}).get(key))
                    rows.append(
                        {
                            "combination": arm.name,
                            "against": against,
                            "reference": reference,
                            "quantity": quantity,
                            **{name: column[0] for name, column in columns.items()},
                            "unit": values.attrs["unit"],
                            "definition": values.attrs["definition"],
                        }
                    )
    if not rows:
        return pd.DataFrame(columns=list(INTERACTION_COLUMNS))
    return pd.DataFrame(rows).assign(model=model, day=horizon)[list(INTERACTION_COLUMNS)]


def interaction_draws(
    study: Study, curves: xr.DataArray, combination: str, against: Sequence[str], reference: Reference, horizon: float
) -> dict[InteractionQuantity, xr.DataArray]:
    """Draws of every number of one combination under one reference.

    Parameters
    ----------
    study : Study
        Tells the control.
    curves : DataArray (chain, draw, arm, day)
        Typical curves.
    combination : str
        The arm.
    against : sequence of str
        Arms (of `curves`) whose effects the reference puts together.
    reference : {"bliss", "hsa", "additive"}
        What no interaction means.
    horizon : float
        Day as recorded.

    Returns
    -------
    dict of str to DataArray (chain, draw)
        By quantity; the combination index exists for "bliss" and "hsa" only.
    """
    by_day = excess(curves, combination, against, study.control.name, reference)
    at = by_day.sel(day=horizon, drop=True)
    largest, day = largest_excess(by_day, horizon)
    found: dict[InteractionQuantity, xr.DataArray] = {"excess": at}
    if reference != "additive":
        found["combination_index"] = combination_index(at)
    found["expected_tgi"] = expected_inhibition(
        curves.sel(day=horizon, drop=True), combination, at, study.control.name, reference
    )
    found["whole_course_excess"] = whole_course_excess(by_day, horizon)
    found["largest_excess"], found["day_of_largest"] = largest, day
    return found


def measured_against(study: Study, combination: Arm) -> dict[str, tuple[str, ...]]:
    """What a combination can be measured against: its single agents, and every pair that is an arm with the rest.

    Returns
    -------
    dict of str to tuple of str
        Names of the arms (of `curves`), by words such as "single agents" or "A + B, C"; without those that ask for an
        agent that was not tested alone.
    """
    single = single_arms(study, combination)
    complete = all(name is not None for name in single.values())
    found = {SINGLES: tuple(name for name in single.values() if name is not None)} if complete else {}
    for smaller in study.combinations:
        if set(smaller.dosings) < set(combination.dosings):
            rest = [single[dosing] for dosing in combination.dosings if dosing not in smaller.dosings]
            known = [name for name in rest if name is not None]
            if len(known) == len(rest):
                found[", ".join([smaller.name, *known])] = (smaller.name, *known)
    return found


def dose_matrix(
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    reference: Reference = "bliss",
    value: Literal["median", "lower", "upper", "probability", "beyond"] = "median",
    quantity: InteractionQuantity = "excess",
    model: str = AVERAGED,
) -> pd.DataFrame:
    """A grid of doses as a matrix: one number per cell, at the horizon.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    reference : {"bliss", "hsa", "additive"}
        What no interaction means.
    value : {"median", "lower", "upper", "probability", "beyond"}
        What stands in the cells.
    quantity : str
        Of which number, see `interaction_numbers`.
    model : str
        "averaged" or a card's name.

    Returns
    -------
    DataFrame
        Doses of the first agent down, of the second across (ascending); NaN where the study has no such arm,
        or where an agent of it was not tested alone.

    Raises
    ------
    NoHealthyFitError
        When the model has no healthy fit.
    InputError
        When the study has no two agents that are combined.
    """
    available = model_curves(fits, ranking)
    if model not in available:
        raise NoHealthyFitError(f"dose matrix: there is no healthy fit for {model}. Look at the health of the fits.")
    study = next(iter(fits.values())).study
    table = interaction_numbers(study, available[model], model)
    return matrix_of(study, table[(table["reference"] == reference) & (table["quantity"] == quantity)], value)


def matrix_of(study: Study, table: pd.DataFrame, value: str) -> pd.DataFrame:
    """Rows of `interaction_numbers` (one per combination) as a matrix of doses of the first two agents combined.

    Raises
    ------
    InputError
        When the study has no arm with exactly two agents.
    """
    pairs = [arm for arm in study.combinations if len(arm.dosings) == 2]
    if not pairs:
        raise InputError(f"{study.name}: no arm receives exactly two agents, so there is no matrix of doses.")
    order = [agent for agent, _ in study.levels]
    first, second = sorted(pairs[0].agents, key=order.index)
    own = table[table["against"] == SINGLES].set_index("combination")[value].to_dict()
    cells = {
        (by_agent[first], by_agent[second]): own.get(arm.name, float("nan"))
        for arm in pairs
        if set(arm.agents) == {first, second}
        for by_agent in ({dosing.agent: _dose(dosing.level) for dosing in arm.dosings},)
    }
    matrix = pd.Series(cells).rename_axis([_axis(pairs, first), _axis(pairs, second)]).unstack()
    return matrix.sort_index(axis=0).sort_index(axis=1)


def _dose(level: float | None) -> float:
    return float("nan") if level is None else level


def _axis(pairs: Sequence[Arm], agent: str) -> str:
    unit = next((d.unit for arm in pairs for d in arm.dosings if d.agent == agent and d.unit), "")
    return f"{agent} ({unit})" if unit else agent
