"""The excess of a panel's combinations as one table, for Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, Interaction
from xenograft.answers.ranking import Comparison
from xenograft.errors import InputError, NoHealthyFitError
from xenograft.panels.answers import REFERENCES, answers_of
from xenograft.panels.fit import PanelFit
from xenograft.quantities.estimands import interval, probability_positive

AVERAGE_MODEL, NEW_MODEL = "average model", "new model"


def panel_interaction(
    fits: Mapping[str, PanelFit], ranking: Comparison, *, reference: str = "bliss", model: str = AVERAGED
) -> Interaction:
    """The excess of every combination of a panel, of the average model, of a new one, and of each.

    Parameters
    ----------
    fits, ranking
        By card name, and their comparison.
    reference : {"bliss", "hsa"}
        What no interaction means.
    model : str
        "averaged", or the name of an answering card.

    Returns
    -------
    Interaction
        Table with columns `model`, `combination`, `reference`, `of`, `day` (since the first dose), `median`, `lower`,
        `upper` (95 %, log units; positive = enhanced), `probability`; draws (chain, draw, combination, of, day) of the
        average and of a new model.

    Raises
    ------
    InputError
        For a reference that a panel does not have.
    NoHealthyFitError
        When there is no healthy fit that may answer.
    """
    if reference not in REFERENCES:
        raise InputError(f"interaction: reference = {reference!r} is not one of {', '.join(REFERENCES)} of a panel.")
    weights = ranking.answer_weights
    if not weights or model not in (AVERAGED, *weights):
        raise NoHealthyFitError(f"interaction: there is no healthy fit for {model}. Look at the health of the fits.")
    if model != AVERAGED:
        table = ranking.table.assign(answer_weight=float("nan"))
        table.loc[model, "answer_weight"] = 1.0
        ranking = replace(ranking, table=table)
    panel = next(iter(fits.values())).panel
    found = [one for one in answers_of(panel, fits, ranking) if one.reference == reference]
    if not found:
        raise InputError(f"interaction: {panel.name} has no combination whose agents were given alone.")
    draws = xr.concat(
        [
            xr.concat([one.average, one.new_model], dim="of", coords="minimal", compat="override").assign_coords(
                of=[AVERAGE_MODEL, NEW_MODEL]
            )
            for one in found
        ],
        dim=pd.Index([one.combination for one in found], name="combination"),
    ).transpose("chain", "draw", "combination", "of", "day")
    parts = [_rows(draws)]
    for one in found:
        models = one.models.rename(model="of").expand_dims(combination=[one.combination], day=[panel.horizon])
        parts.append(_rows(models.transpose("chain", "draw", "combination", "of", "day")))
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "model", model)
    table.insert(2, "reference", reference)
    return Interaction(table, draws)


def _rows(draws: xr.DataArray) -> pd.DataFrame:
    table = interval(draws)
    table["probability"] = probability_positive(draws).to_series()
    return table.reset_index()
