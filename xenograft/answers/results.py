"""results.json: everything a program may want from an analysis, under stable keys (docs/results-json.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, averaged_curves, model_curves
from xenograft.answers.interactions import SINGLES, interaction_numbers
from xenograft.answers.new_animals import best_arms, predicted_responses, predicted_survival
from xenograft.answers.ranking import Comparison
from xenograft.answers.summary import arm_numbers
from xenograft.answers.verdicts import no_conclusion, sentence, verdicts
from xenograft.files import finite, json_records
from xenograft.fitting.fit import Fit, parameter_table, versions
from xenograft.fitting.health import Health
from xenograft.quantities.animals import RAW_DEFINITIONS, animal_responses
from xenograft.quantities.arms import ARM_DEFINITIONS, arm_responses, survival_curves
from xenograft.quantities.catalogue import arm_estimands
from xenograft.quantities.estimands import REFERENCES
from xenograft.study.study import Study

SCHEMA = "xenograft-results/1"

INTERVAL = ("median", "lower", "upper")
SHARES = ("probability", "beyond", "opposite", "margin")


def collect_results(
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    reference: str = "bliss",
    seconds: float | None = None,
) -> dict[str, Any]:
    """The content of results.json.

    Parameters
    ----------
    study : Study
        What was analysed.
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    reference : {"bliss", "hsa"}
        Under which the primary verdict is given.
    seconds : float, optional
        Wall time of the whole analysis.

    Returns
    -------
    dict
        Plain data; numbers that are not finite are None, with a reason beside them.
    """
    typical = model_curves(fits, ranking)
    mean = averaged_curves(fits, ranking, of="mean")
    found = verdicts(fits, ranking, typical)
    said = [asdict(verdict) | {"sentence": sentence(study, verdict, typical)} for verdict in found]
    against_singles, over_pairs = interaction_records(study, typical)
    primary = study.primary_combination
    chosen = [v for v in said if primary and (v["combination"], v["reference"]) == (primary.name, reference)]
    return {
        "schema": SCHEMA,
        "study": _study(study),
        "models": [_model(name, fit, ranking) for name, fit in fits.items()],
        "interaction": against_singles,
        "beyond_pairs": over_pairs,
        "arms": arm_records(study, typical) + arm_records(study, mean),
        "definitions": definitions(study, typical),
        "readings": raw_numbers(study),
        "predictions": predictions(fits, ranking),
        "verdicts": said,
        "verdict": chosen[0] if chosen else None,
        "reason": None if chosen else _no_verdict(fits, ranking),
        "references": REFERENCES,
        "nulls": ranking.nulls.to_dict(orient="records"),
        "notices": list(study.notices),
        "provenance": {
            "versions": versions(),
            "seed": next(iter(fits.values())).seed,
            "data_sha256": study.source_sha256,
            "card_digests": {name: fit.card.digest for name, fit in fits.items()},
            "seconds_total": seconds,
        },
    }


def to_json(content: Mapping[str, Any]) -> str:
    """JSON text; refuses numbers that JSON does not know."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _no_verdict(fits: Mapping[str, Fit], ranking: Comparison) -> str:
    study = next(iter(fits.values())).study
    if not study.combinations:
        return "The study has no combination arm, so there is no interaction to judge."
    return no_conclusion(fits, ranking)


def _study(study: Study) -> dict[str, Any]:
    animals = study.animals
    return {
        "name": study.name,
        "digest": study.digest,
        "unit": study.unit,
        "animals": len(animals),
        "readings": len(study.fitted_readings),
        "censored": int(study.readings["censored"].sum()),
        "arms": {arm.name: int((animals["arm"] == arm.name).sum()) for arm in study.arms},
        "first_dose": study.first_dose,
        "horizon": study.horizon,
    }


def _model(name: str, fit: Fit, ranking: Comparison) -> dict[str, Any]:
    ranked = ranking.table.loc[name].to_dict() if name in ranking.table.index else {}
    parameters = parameter_table(fit)
    return {
        "name": name,
        "claim": fit.card.claim,
        "digest": fit.card.digest,
        "answers": fit.card.answers,
        "answer_weight": finite(ranked.get("answer_weight")),
        "weight": finite(ranked.get("weight")),
        "health": _health(fit.health),
        "refused": ranking.refused.get(name),
        **{key: finite(ranked.get(key)) for key in ("elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo")},
        "bad_k": int(ranked["bad_k"]) if ranked else None,
        "cautions": ranked.get("cautions") or None,
        "attempts": len(fit.attempts),
        "seconds": dict(fit.seconds),
        "parameters": {str(name): row for name, row in zip(parameters.index, json_records(parameters), strict=True)},
    }


def _health(health: Health) -> dict[str, Any]:
    """Measures that are not numbers become null; `failures` says which and why."""
    measures = {key: finite(value) if isinstance(value, float) else value for key, value in asdict(health).items()}
    return measures | {"failures": list(health.failures)}


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
                "numbers": {row.quantity: row.text or finite(row.value) for row in rows.itertuples()},
                "at_least": [row.quantity for row in rows.itertuples() if row.beyond],
                "reasons": {row.quantity: row.reason for row in rows.itertuples() if row.reason},
            }
            for (animal, arm), rows in animals.groupby(["animal", "arm"], sort=False)
        ],
        "arms": [
            {"arm": arm, "numbers": {row["quantity"]: _raw_record(row) for _, row in rows.iterrows()}}
            for arm, rows in arms.groupby("arm", sort=False)
        ],
        "survival": json_records(survival_curves(study)),
    }


def predictions(fits: Mapping[str, Fit], ranking: Comparison) -> dict[str, Any]:
    """What a new animal would do, from the averaged cards; empty lists where no healthy card answers."""
    if not ranking.answer_weights:
        return {"responses": [], "survival": [], "best": []}
    return {
        "responses": json_records(predicted_responses(fits, ranking, model=AVERAGED)),
        "survival": json_records(predicted_survival(fits, ranking, model=AVERAGED)),
        "best": json_records(best_arms(fits, ranking)),
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
    numbers = {key: finite(row[key]) for key in (*INTERVAL, *SHARES, "unreached")} | {"unit": row["unit"]}
    return numbers | ({"reason": row["reason"]} if row["reason"] else {})


def _raw_record(row: pd.Series) -> dict[str, Any]:
    numbers = {key: finite(row[key]) for key in ("value", "lower", "upper")}
    told = {"text": row["text"]} if row["text"] else {}
    reason = {"reason": row["reason"]} if row["reason"] else {}
    return numbers | {"animals": int(row["animals"]), "unit": row["unit"]} | told | reason
