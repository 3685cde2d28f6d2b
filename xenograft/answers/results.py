"""results.json: everything a program may want from an analysis, under stable keys (docs/results-json.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from xenograft.answers.as_measured import MeasuredDay
from xenograft.answers.findings import Findings, averaged_numbers
from xenograft.answers.inhibition import NUMBERS, Inhibition, primary_inhibition
from xenograft.answers.interactions import SINGLES
from xenograft.answers.ranking import Comparison
from xenograft.answers.several import Several, several_in_words
from xenograft.answers.verdicts import Verdict, no_conclusion
from xenograft.files import finite, json_records
from xenograft.fitting.fit import Fit, parameter_table, versions
from xenograft.fitting.health import Health
from xenograft.fitting.identified import identified
from xenograft.printing import labelled
from xenograft.quantities.animals import RAW_DEFINITIONS
from xenograft.quantities.arms import ARM_DEFINITIONS
from xenograft.quantities.estimands import REFERENCES
from xenograft.quantities.interaction_tests import Contrast
from xenograft.study.study import Study
from xenograft.study.tested import compared_arms, untested

SCHEMA = "xenograft-results/1"

INTERVAL = ("median", "lower", "upper")
SHARES = ("probability", "beyond", "opposite", "margin")


def results_of(
    found: Findings,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    cautions: Sequence[Sequence[str]],
    sentences: Sequence[str],
    reference: str = "bliss",
    seconds: float | None = None,
) -> dict[str, Any]:
    """As `collect_results`, from the tables at hand.

    Parameters
    ----------
    found : Findings
        What the fits say together.
    fits, ranking
        The analysis.
    cautions : sequence of sequence of str
        Of each verdict, what weakens it.
    sentences : sequence of str
        The verdicts for people, with what weakens them.
    reference, seconds
        As of `collect_results`.
    """
    study = found.study
    said = [
        verdict_record(one, found.against) | {"cautions": list(doubts), "sentence": words}
        for one, doubts, words in zip(found.verdicts, cautions, sentences, strict=True)
    ]
    chosen = primary_record(study, found.verdicts, said, averaged_numbers(found.arms), reference)
    return {
        "schema": SCHEMA,
        "study": _study(study),
        "models": [_model(name, fit, ranking) for name, fit in fits.items()],
        "interaction": interaction_records(found.interaction[found.interaction["against"] == SINGLES]),
        "beyond_pairs": interaction_records(found.interaction[found.interaction["against"] != SINGLES]),
        "arms": _arms(found.arms),
        "comparisons": _comparisons(found),
        "definitions": _definitions(found),
        "readings": _readings(found),
        "predictions": {
            "responses": json_records(found.responses),
            "survival": json_records(found.predicted_survival),
            "best": json_records(found.best),
        },
        "as_measured": [measured_record(one) for one in found.measured],
        "interaction_tests": [contrast_record(one) for one in found.contrasts],
        "verdicts": said,
        "verdict": chosen,
        "several": None if found.several is None else _several(found.several),
        "reason": None if chosen else no_conclusion(fits, ranking),
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


def verdict_record(one: Verdict | Inhibition, against: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """A verdict, and of an inhibition its numbers."""
    if isinstance(one, Verdict):
        return {"kind": "interaction"} | asdict(one)
    averaged = averaged_numbers(against[one.control])
    rows = {(row["arm"], row["quantity"]): _number_record(row) for _, row in averaged.iterrows()}
    numbers = {key: rows.get((one.arm, key)) for key in NUMBERS}
    return {"kind": "inhibition"} | asdict(one) | numbers | {
        "control_growth_rate": rows.get((one.control, "growth_rate")),
    }  # fmt: skip


def _several(one: Several) -> dict[str, Any]:
    told = asdict(one) | {"concluded": list(one.concluded), "cells": [dict(cell) for cell in one.cells]}
    return told | {"sentence": several_in_words(one)}


def primary_record(
    study: Study,
    verdicts: Sequence[Verdict | Inhibition],
    said: Sequence[dict[str, Any]],
    arms: pd.DataFrame,
    reference: str,
) -> dict[str, Any] | None:
    """The study's own verdict.

    Of the primary combination; where it cannot be judged, of that combination against the nearest of its parts; without
    a combination, of the arm with the most inhibition.

    Parameters
    ----------
    study : Study
        Its combinations.
    verdicts : sequence of Verdict or Inhibition
        All of them.
    said : sequence of dict
        Their records.
    arms : DataFrame
        Of the averaged typical curves, as `Summary.arms`.
    reference : {"bliss", "hsa"}
        What no interaction means.
    """
    compared = [row for row in said if row["kind"] == "inhibition"]
    primary = study.primary_combination
    if primary is None:
        judged = [one for one in verdicts if isinstance(one, Inhibition)]
        first = primary_inhibition(judged, arms)
        return next((row for row in compared if first and row["arm"] == first.arm), None)
    if untested(study, primary):
        return next((row for row in compared if row["arm"] == primary.name), None)
    judged_on = [row for row in said if row["kind"] == "interaction" and row["reference"] == reference]
    return next((row for row in judged_on if row["combination"] == primary.name), None)


def _comparisons(found: Findings) -> list[dict[str, Any]]:
    """Combinations that cannot be judged against the arms that get a part of them, per model."""
    records: list[dict[str, Any]] = []
    for arm, others in compared_arms(found.study).items():
        for other in others:
            table = found.against[other]
            records += [record | {"control": other} for record in _arms(table[table["arm"] == arm])]
    return records


def _study(study: Study) -> dict[str, Any]:
    animals = study.animals
    return {
        "name": study.name,
        "digest": study.digest,
        "unit": study.unit,
        "animals": len(animals),
        "mice": study.groups.nunique() if study.group == "mouse" else len(animals),
        "cages": study.groups.nunique() if study.group == "cage" else None,
        "readings": len(study.fitted_readings),
        "censored": int(study.readings["censored"].sum()),
        "arms": {arm.name: int((animals["arm"] == arm.name).sum()) for arm in study.arms},
        "first_dose": study.first_dose,
        "horizon": study.horizon,
    }


def _model(name: str, fit: Fit, ranking: Comparison) -> dict[str, Any]:
    ranked = ranking.table.loc[name].to_dict() if name in ranking.table.index else {}
    known = identified(fit.posterior, fit.study).isel(chain=0, draw=0)
    parameters = parameter_table(fit).loc[labelled(known).index]  # in the model's order
    return {
        "name": name,
        "claim": fit.card.claim,
        "digest": fit.card.digest,
        "answers": fit.card.answers,
        "answer_weight": finite(ranked.get("answer_weight")),
        "weight": finite(ranked.get("weight")),
        "method": fit.method,
        "health": _health(fit.health),
        "refused": ranking.refused.get(name),
        **{key: finite(ranked.get(key)) for key in ("elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo")},
        "bad_k": int(ranked["bad_k"]) if ranked else None,
        "cautions": ranked.get("cautions") or None,
        "chains": fit.posterior.sizes["chain"],
        "draws": fit.posterior.sizes["draw"],
        "attempts": len(fit.attempts),
        "seconds": dict(fit.seconds),
        "parameters": {str(name): row for name, row in zip(parameters.index, json_records(parameters), strict=True)},
    }


def _health(health: Health) -> dict[str, Any]:
    """Measures that are not numbers become null; `failures` says which and why."""
    measures = {key: finite(value) if isinstance(value, float) else value for key, value in asdict(health).items()}
    return measures | {"failures": list(health.failures)}


def interaction_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Interaction of every combination at the horizon, per model and reference; the order of earlier versions."""
    records: list[dict[str, Any]] = []
    for (model, reference), own in table.groupby(["model", "reference"], sort=False):
        for (combination, against), rows in own.groupby(["combination", "against"], sort=False):
            by_quantity = rows.set_index("quantity").to_dict("index")
            records.append(_interaction_record(str(model), reference, combination, against, by_quantity))
    return records


def _arms(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Every number of every arm at the horizon, per model."""
    records: list[dict[str, Any]] = []
    for (model, of, arm, predicted), rows in table.groupby(["model", "of", "arm", "predicted"], sort=False):
        day = float(rows["day"].iloc[0])
        record = {"model": model, "arm": arm, "of": of, "predicted": bool(predicted), "day": day}
        records.append(record | {row["quantity"]: _number_record(row) for _, row in rows.iterrows()})
    return records


def _definitions(found: Findings) -> dict[str, dict[str, dict[str, str]]]:
    """What every number of `arms`, of an animal's and of an arm's readings is: unit and definition, by key."""
    told = found.arms.drop_duplicates("quantity").set_index("quantity")[["unit", "definition"]]
    raw = {"animal_readings": RAW_DEFINITIONS, "arm_readings": ARM_DEFINITIONS}
    return {"arms": {str(key): dict(row) for key, row in told.iterrows()}} | {
        place: {
            key: {"unit": found.study.unit if unit == "volume" else unit, "definition": words}
            for key, (unit, words) in known.items()
        }
        for place, known in raw.items()
    }


def _readings(found: Findings) -> dict[str, Any]:
    """Numbers of the readings alone: of animals, of arms, and Kaplan–Meier curves."""
    return {
        "day": found.study.horizon,
        "animals": [
            {
                "animal": animal,
                "arm": arm,
                "numbers": {row.quantity: row.text or finite(row.value) for row in rows.itertuples()},
                "at_least": [row.quantity for row in rows.itertuples() if row.beyond],
                "reasons": {row.quantity: row.reason for row in rows.itertuples() if row.reason},
            }
            for (animal, arm), rows in found.animal_readings.groupby(["animal", "arm"], sort=False)
        ],
        "arms": [
            {"arm": arm, "numbers": {row["quantity"]: _raw_record(row) for _, row in rows.iterrows()}}
            for arm, rows in found.arm_readings.groupby("arm", sort=False)
        ],
        "survival": json_records(found.survival),
    }


def measured_record(one: MeasuredDay) -> dict[str, Any]:
    """The arms on a day, as measured beside as modelled."""
    keys = ("measured", "modelled", "lower", "upper")
    arms = [
        {
            "arm": arm,
            "numbers": {
                row["quantity"]: {key: finite(row[key]) for key in keys}
                | {"animals": int(row["animals"]), "unit": row["unit"], "reason": row["reason"] or None}
                for _, row in rows.iterrows()
            },
            "animals": asdict(one.arms[str(arm)]) if arm in one.arms else None,
            "steps": asdict(one.steps[str(arm)]) if arm in one.steps else None,
        }
        for arm, rows in one.numbers.groupby("arm", sort=False)
    ]
    return {"day": one.day, "arms": arms, "why": list(one.why)}


def contrast_record(one: Contrast) -> dict[str, Any]:
    """A test of the interaction."""
    told = {key: finite(value) if isinstance(value, float) else value for key, value in asdict(one).items()}
    told["flat_prior_probability"] = finite(one.flat_prior_probability)
    return told | {"reason": one.reason or None}


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
        "expected_tgi": sized("expected_tgi"),
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
