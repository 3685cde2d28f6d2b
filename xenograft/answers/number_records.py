"""Numbers as records of results.json: plain data, None with a reason where there is no number.

See docs/results-json.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED
from xenograft.answers.interactions import SINGLES, interaction_numbers
from xenograft.answers.new_animals import best_arms, predicted_responses, predicted_survival
from xenograft.answers.ranking import Comparison
from xenograft.answers.summary import arm_numbers
from xenograft.fitting.fit import Fit
from xenograft.quantities.animals import RAW_DEFINITIONS, animal_responses
from xenograft.quantities.arms import ARM_DEFINITIONS, arm_responses, survival_curves
from xenograft.quantities.catalogue import arm_estimands
from xenograft.quantities.estimands import REFERENCES
from xenograft.study.study import Study

INTERVAL = ("median", "lower", "upper")
SHARES = ("probability", "beyond", "opposite", "margin")


def interaction_records(
    study: Study, curves: Mapping[str, xr.DataArray]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Interaction of every combination at the horizon, per model and reference.

    Parameters
    ----------
    study : Study
        Its combinations.
    curves : mapping of str to DataArray
        Typical curves by model.

    Returns
    -------
    against_singles, over_pairs : lists of dict
        Measured against single agents; and, of combinations of three agents or more, against a pair that is an arm and
        the remaining agents.
    """
    against_singles: list[dict[str, Any]] = []
    over_pairs: list[dict[str, Any]] = []
    for model, draws in curves.items():
        table = interaction_numbers(study, draws, model)
        for reference in REFERENCES:  # the order of earlier versions: by reference, then by arm
            own = table[table["reference"] == reference]
            for (combination, against), rows in own.groupby(["combination", "against"], sort=False):
                by_quantity = rows.set_index("quantity").to_dict("index")
                records = against_singles if against == SINGLES else over_pairs
                records.append(_interaction_record(model, reference, combination, against, by_quantity))
    return against_singles, over_pairs


def arm_records(study: Study, curves: Mapping[str, xr.DataArray]) -> list[dict[str, Any]]:
    """Every number of every arm at the horizon, per model."""
    records: list[dict[str, Any]] = []
    for model, draws in curves.items():
        for (arm, predicted), rows in arm_numbers(study, draws, model).groupby(["arm", "predicted"], sort=False):
            record = {
                "model": model, "arm": arm, "of": draws.attrs["of"], "predicted": bool(predicted), "day": study.horizon,
            }  # fmt: skip
            records.append(record | {row["quantity"]: _number_record(row) for _, row in rows.iterrows()})
    return records


def definitions(study: Study, curves: Mapping[str, xr.DataArray]) -> dict[str, dict[str, dict[str, str]]]:
    """What every number of `arms`, of an animal's and of an arm's readings is: unit and definition, by key."""
    first = next(iter(curves.values()), None)
    told = {} if first is None else arm_estimands(first.isel(chain=[0], draw=[0]), study)
    raw = {"animal_readings": RAW_DEFINITIONS, "arm_readings": ARM_DEFINITIONS}
    return {
        "arms": {
            key: {"unit": str(values.attrs["unit"]), "definition": str(values.attrs["definition"])}
            for key, values in told.items()
        }
    } | {
        place: {
            key: {"unit": study.unit if unit == "volume" else unit, "definition": words}
            for key, (unit, words) in found.items()
        }
        for place, found in raw.items()
    }


def raw_numbers(study: Study) -> dict[str, Any]:
    """Numbers of the readings alone: of animals, of arms, and Kaplan–Meier curves."""
    animals = animal_responses(study)
    arms = arm_responses(study)
    return {
        "day": study.horizon,
        "animals": [
            {
                "animal": animal,
                "arm": arm,
                "numbers": {row.quantity: row.text or _number(row.value) for row in rows.itertuples()},
                "at_least": [row.quantity for row in rows.itertuples() if row.beyond],
                "reasons": {row.quantity: row.reason for row in rows.itertuples() if row.reason},
            }
            for (animal, arm), rows in animals.groupby(["animal", "arm"], sort=False)
        ],
        "arms": [
            {"arm": arm, "numbers": {row["quantity"]: _raw_record(row) for _, row in rows.iterrows()}}
            for arm, rows in arms.groupby("arm", sort=False)
        ],
        "survival": _records(survival_curves(study)),
    }


def predictions(fits: Mapping[str, Fit], ranking: Comparison) -> dict[str, Any]:
    """What a new animal would do, from the averaged cards; empty lists where no healthy card answers."""
    if not ranking.answer_weights:
        return {"responses": [], "survival": [], "best": []}
    return {
        "responses": _records(predicted_responses(fits, ranking, model=AVERAGED)),
        "survival": _records(predicted_survival(fits, ranking, model=AVERAGED)),
        "best": _records(best_arms(fits, ranking)),
    }


def _interaction_record(
    model: str, reference: object, combination: object, against: object, rows: Mapping[Any, Mapping[Any, Any]]
) -> dict[str, Any]:
    def sized(quantity: str) -> dict[str, float] | None:
        return {key: float(rows[quantity][key]) for key in INTERVAL} if quantity in rows else None

    at = rows["excess"]
    return {
        "model": model,
        "combination": combination,
        "against": against,
        "reference": reference,
        "day": float(at["day"]),
        "excess": sized("excess"),
        "combination_index": sized("combination_index"),
        **{key: float(at[key]) for key in SHARES},
        "whole_course_excess": sized("whole_course_excess"),
        "largest_excess": sized("largest_excess"),
        "day_of_largest": sized("day_of_largest"),
    }


def _number_record(row: pd.Series) -> dict[str, Any]:
    numbers = {key: _number(row[key]) for key in (*INTERVAL, *SHARES, "unreached")} | {"unit": row["unit"]}
    return numbers | ({"reason": row["reason"]} if row["reason"] else {})


def _raw_record(row: pd.Series) -> dict[str, Any]:
    numbers = {key: _number(row[key]) for key in ("value", "lower", "upper")}
    told = {"text": row["text"]} if row["text"] else {}
    reason = {"reason": row["reason"]} if row["reason"] else {}
    return numbers | {"animals": int(row["animals"]), "unit": row["unit"]} | told | reason


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(key): _number(value) if isinstance(value, float) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def _number(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
