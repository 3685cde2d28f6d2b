"""The answer on every day, under either reference and for several margins: computed once, so that a choice is instant.

Posteriors do not depend on any of these (`answers.summary.at_day`); the words are the report's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.analysis import Analysis
from xenograft.answers.averaging import AVERAGED, averaged_curves, excess_by_combination
from xenograft.answers.findings import averaged_numbers
from xenograft.answers.inhibition import inhibition_sentence, inhibitions, numbers_against
from xenograft.answers.interactions import SINGLES, interaction_numbers
from xenograft.answers.results import interaction_records, primary_record, verdict_record
from xenograft.answers.summary import arm_matrix, arm_numbers, at_day
from xenograft.answers.verdicts import VERDICT_REFERENCES, agreement_in_words, sentence, verdicts
from xenograft.quantities.catalogue import ARM_NUMBERS, arm_estimands
from xenograft.quantities.estimands import tumour_growth_inhibition
from xenograft.report import words
from xenograft.report.content import ReportContent
from xenograft.study.tested import judged_combinations

MARGINS = (5, 10, 20, 30, 40, 50)
"""Smallest effects of interest (% of volume) between which the page lets one choose; that of the report is 20."""

SHOWN = ("tgi", "tc", "growth_rate", "growth_rate_inhibition")
"""Numbers of the arms that are shown by day."""


def answers_by_day(analysis: Analysis, content: ReportContent) -> dict[str, Any]:
    """Verdicts, answers in a sentence and numbers of the arms, by day.

    Returns
    -------
    dict
        `days`, `horizon`, `references`, `margins`, and `by_day`: by day and reference the `headline`, `sentences` and
        `answers` by margin (%); by day the `arms`, by "typical" and "mean", as rows of text.
    """
    fits, ranking = analysis.fits, analysis.ranking
    if not ranking.answer_weights:
        return {"days": [], "by_day": {}}
    typical = analysis.findings.curves
    mean = averaged_curves(fits, ranking, of="mean")[AVERAGED]
    last = float(analysis.study.fitted_readings["day"].max())
    days = [day for day in typical[AVERAGED]["day"].to_numpy() if analysis.study.first_dose < day <= last]
    by_day = {f"{day:g}": _on(float(day), analysis, typical, mean, content) for day in days}
    judged = bool(judged_combinations(analysis.study))
    return {
        "days": [float(day) for day in days],
        "horizon": analysis.study.horizon,
        "references": list(VERDICT_REFERENCES) if judged else ["bliss"],
        "margins": list(MARGINS),
        "by_day": by_day,
    }


def _on(
    day: float, analysis: Analysis, typical: Mapping[str, xr.DataArray], mean: xr.DataArray, content: ReportContent
) -> dict[str, Any]:
    ranking = analysis.ranking
    fits = at_day(analysis.fits, day)
    study = next(iter(fits.values())).study
    interacting, compared = verdicts(fits, ranking, typical), inhibitions(fits, ranking, typical)
    against = numbers_against(study, typical[AVERAGED], AVERAGED) if compared else {}
    told = [sentence(study, one, typical) for one in interacting]
    told += [inhibition_sentence(one, averaged_numbers(against[one.control])) for one in compared]
    found = (*interacting, *compared)
    told = [f"{text}{agreement_in_words(one.agreement)}" for text, one in zip(told, found, strict=True)]
    tables = {
        curve.attrs["of"]: arm_numbers(study, curve, AVERAGED, arm_estimands(curve, study, only=SHOWN))
        for curve in (typical[AVERAGED], mean)
    }
    said = [verdict_record(one, against) | {"cautions": [], "sentence": text}
            for one, text in zip(found, told, strict=True)]  # fmt: skip
    numbers = interaction_numbers(study, typical[AVERAGED], AVERAGED)
    interaction = interaction_records(numbers[numbers["against"] == SINGLES]) if len(numbers) else []
    excesses = {name: excess_by_combination(study, typical[AVERAGED], name).sel(day=day) for name in VERDICT_REFERENCES}
    by_reference: dict[str, Any] = {}
    for reference in VERDICT_REFERENCES:
        primary = primary_record(study, found, said, averaged_numbers(tables["typical"]), reference)
        if primary is None:
            continue
        results = {"verdict": primary, "interaction": interaction}
        shown = replace(content, study=study, results=results)
        by_reference[reference] = {
            "headline": words.headline(primary),
            "words": primary["words"],
            "probability": primary["probability"],
            "question": words.question(shown),
            "answers": {str(margin): _answer(shown, primary, margin, excesses, typical) for margin in MARGINS},
            "sentences": [
                one["sentence"] for one in said if one["kind"] == "inhibition" or one["reference"] == reference
            ],
        }
    return {
        "references": by_reference,
        "arms": {of: _rows(arm_matrix(table)) for of, table in tables.items()},
    }


def _answer(
    content: ReportContent,
    primary: dict[str, Any],
    margin: int,
    excesses: Mapping[str, xr.DataArray],
    typical: Mapping[str, xr.DataArray],
) -> str:
    """The report's answer in one sentence, with another smallest effect of interest."""
    if primary["kind"] == "inhibition":
        if primary["probability"] is None:
            return ""
        arm, control = primary["arm"], primary["control"]
        curve = typical[AVERAGED].sel(arm=[arm, control])
        tgi = tumour_growth_inhibition(curve, control, primary["day"]).sel(arm=arm)
        shares = {"relevant": float((tgi > margin).mean()), "opposite": float((tgi < -margin).mean())}
        results = {**content.results, "verdict": primary | shares | {"margin": float(margin)}}
        return words.answer(replace(content, results=results))
    limit = -float(np.log1p(-margin / 100))
    rows = [
        {
            "combination": str(name), "reference": reference,
            "above": float((draws.sel(combination=name) > limit).mean()),
            "below": float((draws.sel(combination=name) < -limit).mean()),
        }
        for reference, draws in excesses.items()
        for name in draws["combination"].to_numpy()
    ]  # fmt: skip
    return words.answer(replace(content, margin=limit, relevance=pd.DataFrame(rows)))


def _rows(matrix: pd.DataFrame) -> list[dict[str, str]]:
    """Numbers of the arms as the report calls them, as rows of text."""

    def said(row: str) -> str:
        key, _, unit = row.partition(" (")
        return ARM_NUMBERS[key].heading(unit.removesuffix(")"))

    matrix = matrix.rename(said)
    return [{str(key): str(value) for key, value in row.items()} for row in matrix.reset_index().to_dict("records")]
