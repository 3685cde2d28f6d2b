"""results.json: everything a program may want from an analysis, under stable keys (docs/results-json.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import arviz as az
import numpy as np
import xarray as xr

from xenograft.answers.averaging import (
    AVERAGED,
    Verdict,
    averaged_curves,
    interaction_of,
    model_curves,
    no_conclusion,
    verdicts,
)
from xenograft.answers.number_records import arm_records, definitions, interaction_records, predictions, raw_numbers
from xenograft.answers.ranking import Comparison
from xenograft.fitting.fit import Fit, versions
from xenograft.fitting.health import Health
from xenograft.quantities.estimands import REFERENCES, combination_index, interval
from xenograft.study.study import Study

SCHEMA = "xenograft-results/1"

REFERENCE_WORDS: Mapping[str, str] = {
    "bliss": "independent action (Bliss)",
    "hsa": "the highest single agent (HSA)",
    "additive": "response additivity",
}


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


def sentence(study: Study, verdict: Verdict, curves: Mapping[str, xr.DataArray]) -> str:
    """A verdict as a sentence for people."""
    if verdict.probability is None:
        return f"{verdict.combination} against {REFERENCE_WORDS[verdict.reference]}: {verdict.words}."
    on_the_day = curves[AVERAGED].sel(day=[verdict.day])  # of a grid, all days of all combinations take seconds
    draws = interaction_of(study, on_the_day, AVERAGED, verdict.reference).draws
    at_horizon = draws.sel(combination=verdict.combination, day=verdict.day)
    index = interval(combination_index(at_horizon)).iloc[0]
    agreement = {
        "agree": " The growth laws agree.",
        "differ in strength": " The growth laws differ in strength.",
        "conflict": " The growth laws contradict each other.",
        None: "",
    }[verdict.agreement]
    return (
        f"{verdict.combination} against {REFERENCE_WORDS[verdict.reference]}, day {verdict.day:g}: {verdict.words}. "
        f"Tumours are {index['median']:.2f} times the volume that the reference predicts "
        f"(95 % interval {index['lower']:.2f} to {index['upper']:.2f}); "
        f"the probability that the combination does more is {_share(verdict.probability)}.{agreement}{_doubts(verdict)}"
    )


def _doubts(verdict: Verdict) -> str:
    borderline = " Borderline: the probability is within its Monte-Carlo error of a limit; use more draws."
    caution = " Caution: a model that may answer did not sample well; look at the health of the fits."
    return f"{borderline if verdict.borderline else ''}{caution if verdict.caution else ''}"


def _share(probability: float) -> str:
    if probability > 0.999:
        return "above 0.999"
    return "below 0.001" if probability < 0.001 else f"{probability:.3f}"


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
    posterior = fit.posterior
    with np.errstate(divide="ignore", invalid="ignore"):  # of a parameter that never moved: not a number, so null
        tables = {
            "mean": posterior.mean(("chain", "draw"), skipna=False),
            "sd": posterior.std(("chain", "draw"), ddof=1, skipna=False),
            "lower": posterior.quantile(0.025, ("chain", "draw"), skipna=False),
            "upper": posterior.quantile(0.975, ("chain", "draw"), skipna=False),
            "ess_bulk": az.ess(posterior, method="bulk"),
            "rhat": az.rhat(posterior),
        }
    flat = {key: _flat(table) for key, table in tables.items()}
    return {
        "name": name,
        "claim": fit.card.claim,
        "digest": fit.card.digest,
        "answers": fit.card.answers,
        "answer_weight": _number(ranked.get("answer_weight")),
        "weight": _number(ranked.get("weight")),
        "health": _health(fit.health),
        "refused": ranking.refused.get(name),
        **{key: _number(ranked.get(key)) for key in ("elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo")},
        "bad_k": int(ranked["bad_k"]) if ranked else None,
        "cautions": ranked.get("cautions") or None,
        "attempts": len(fit.attempts),
        "seconds": dict(fit.seconds),
        "parameters": {parameter: {key: _number(flat[key][parameter]) for key in tables} for parameter in flat["mean"]},
    }


def _health(health: Health) -> dict[str, Any]:
    """Measures that are not numbers become null; `failures` says which and why."""
    measures = {key: _number(value) if isinstance(value, float) else value for key, value in asdict(health).items()}
    return measures | {"failures": list(health.failures)}


def _flat(table: xr.Dataset) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, variable in table.items():
        if variable.ndim:
            found |= {f"{name}[{label}]": float(value) for label, value in variable.to_series().items()}
        else:
            found[str(name)] = float(variable)
    return found


def _number(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
