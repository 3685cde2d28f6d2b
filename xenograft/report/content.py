"""What a report shows, gathered from an analysis: tables for the figures and the page, no words and no drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.analysis import Analysis
from xenograft.answers.averaging import AVERAGED, Interaction, animal_table, curve_table, interaction_of, whole_days
from xenograft.answers.findings import averaged_numbers
from xenograft.answers.inhibition import Inhibition
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import VERDICT_REFERENCES, Verdict
from xenograft.evidence.cautions import Caution, spread_in_words
from xenograft.fitting.curves import animal_curves
from xenograft.fitting.fit import Fit
from xenograft.model.card import ModelCard
from xenograft.quantities.estimands import interval
from xenograft.report.content_of_checks import densities, predictive_bands, residual_table, trace_table
from xenograft.report.content_of_responses import Responses, responses_shown
from xenograft.report.content_of_sensitivity import SensitivityTable, sensitivities
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations

MARGIN = float(np.log(1.25))
"""Smallest excess of interest (log units): tumours a fifth smaller than predicted, about one calliper error."""


CARRIES = 0.005
"""Answer weight from which a model's draws and parameters are shown: it is not 0.00 on the page."""


@dataclass(frozen=True)
class ReportContent:
    """Everything a report shows. What is empty or None is left out of the page.

    Parameters
    ----------
    title : str
        Heading.
    study : Study
        Arms and readings.
    results : mapping
        The content of results.json.
    curves : DataFrame
        `model`, `of`, `arm`, `predicted`, `day` (as recorded), `median`, `lower`, `upper` (volume of the typical
        animal in the study's unit, 95 %); the model is "averaged", or a card's name where none answers.
    interaction : DataFrame
        Averaged and of every answering card: `model`, `combination`, `reference`, `day`, `median`, `lower`, `upper`,
        `probability` of an excess above 0.
    animal_curves : DataFrame
        `animal`, `arm`, `day`, `median`: each animal's own curve under the best card; may be empty.
    cards : mapping of str to ModelCard
        The hypotheses by name.
    command : str
        What reproduces the report.
    margin : float
        Smallest excess of interest (log units).
    relevance : DataFrame
        At the horizon, averaged: `combination`, `reference`, `above` (probability of an excess larger than the margin),
        `below` (smaller than minus the margin).
    expected : DataFrame
        Averaged: `combination`, `reference`, `day`, `median`, `lower`, `upper` (volume without interaction).
    predictive : DataFrame
        Best card: `arm`, `day`, `median`, `lower50`, `upper50`, `lower90`, `upper90` (volume of a
        new animal's reading).
    residuals : DataFrame
        Best card: `animal`, `arm`, `day`, `expected` (volume), `residual` (reading error's sd).
    pareto_k : DataFrame (animal, card)
        Pareto k of each animal.
    good_k : float
        Limit of Pareto k.
    densities : mapping of str to DataFrame
        By answering card, the two that weigh most: `parameter`, `unit`, `value`, `prior`, `posterior`.
    traces : mapping of str to DataFrame
        By card that is not *pass* and carries the answer, or failed: `parameter`, `chain`, `draw`, `value`, `rank`.
    changes : DataFrame
        `animal`, `arm`, `day`, `ratio` (volume over baseline), `censored`.
    weights : DataFrame
        `animal`, `arm`, `day`, `change` (of body weight from the first, %).
    responses : Responses or None
        Counted and predicted responses.
    sensitivity : tuple of SensitivityTable
        Further checks.
    predictive_check : tuple of str or None
        What the answering models cannot reproduce, in words; empty: nothing found; None: not checked.
    unlike : str
        Where animals do not differ as the heaviest answering model says, and what rests on that; empty where they do.
    cautions : tuple of Caution
        What weakens the primary verdict.
    left_out : mapping of str to str
        Why a card that is fitted to other studies was not fitted to this one, by name.
    arms : DataFrame
        Every number of every arm of the average's typical curves, as `Summary.arms`.
    """

    title: str
    study: Study
    results: Mapping[str, Any]
    curves: pd.DataFrame
    interaction: pd.DataFrame
    animal_curves: pd.DataFrame
    cards: Mapping[str, ModelCard]
    command: str
    margin: float = MARGIN
    relevance: pd.DataFrame = field(default_factory=pd.DataFrame)
    expected: pd.DataFrame = field(default_factory=pd.DataFrame)
    predictive: pd.DataFrame = field(default_factory=pd.DataFrame)
    residuals: pd.DataFrame = field(default_factory=pd.DataFrame)
    pareto_k: pd.DataFrame = field(default_factory=pd.DataFrame)
    good_k: float = np.nan
    densities: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    traces: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    changes: pd.DataFrame = field(default_factory=pd.DataFrame)
    weights: pd.DataFrame = field(default_factory=pd.DataFrame)
    responses: Responses | None = None
    sensitivity: tuple[SensitivityTable, ...] = ()
    predictive_check: tuple[str, ...] | None = None
    unlike: str = ""
    cautions: tuple[Caution, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    arms: pd.DataFrame = field(default_factory=pd.DataFrame)


def report_content(
    analysis: Analysis, results: Mapping[str, Any], command: str, *, title: str | None = None
) -> ReportContent:
    """Gather what a report shows from an analysis.

    Parameters
    ----------
    analysis : Analysis
        Study, fits, ranking and what they say together.
    results : mapping
        The content of results.json, from `Analysis.results`.
    command : str
        What reproduces the report.
    title : str, optional
        Heading; the study's name by default.
    """
    study, fits, ranking = analysis.study, analysis.fits, analysis.ranking
    found = analysis.findings
    typical = found.curves
    main = AVERAGED if AVERAGED in typical else next(iter(typical), None)
    excesses = {
        (model, reference): interaction_of(study, draws, model, reference)
        for model, draws in typical.items()
        if model == main or fits[model].card.answers
        for reference in ("bliss", "hsa", "additive")
    }
    tables = [one.table for one in excesses.values()]
    averaged = {reference: one for (model, reference), one in excesses.items() if model == AVERAGED}
    interaction = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["combination"])
    best = fits[str(ranking.table.index[0])] if len(ranking.table) else None
    own = animal_curves(best, _days(study)) if best else None
    primary = _place_of(results["verdict"], found.verdicts)
    return ReportContent(
        title=title or study.name,
        study=study,
        results=results,
        curves=curve_table(study, {main: typical[main]} if main else {}),
        interaction=interaction,
        animal_curves=_animal_curves(study, own),
        cards={name: fit.card for name, fit in fits.items()},
        command=command,
        left_out=dict(analysis.left_out),
        arms=averaged_numbers(found.arms),
        relevance=_relevance(study, averaged),
        expected=_expected(study, typical.get(AVERAGED), averaged),
        predictive=predictive_bands(best),
        residuals=residual_table(best, own),
        pareto_k=ranking.pareto_k,
        good_k=ranking.good_k,
        densities={name: densities(fits[name]) for name in _heaviest(ranking)},
        traces={name: trace_table(fit) for name, fit in fits.items() if _traced(fit, ranking)},
        changes=_changes(study),
        weights=_weights(study),
        responses=responses_shown(found),
        sensitivity=sensitivities(
            study,
            fits,
            ranking,
            typical,
            analysis.cut_curves if results["verdict"] else None,
            interaction,
            results["verdict"],
            analysis.refit,
            priors=analysis.priors,
            without=None if primary is None else analysis.without[primary],
        ),
        unlike=spread_in_words(ranking, analysis.checks),
        predictive_check=_predictive_warnings(analysis),
        cautions=() if primary is None else analysis.cautions[primary],
    )


def _place_of(primary: Mapping[str, Any] | None, verdicts: Sequence[Verdict | Inhibition]) -> int | None:
    """Which of the verdicts is the primary one of results.json."""
    for place, one in enumerate(verdicts):
        names = ("arm", "control") if isinstance(one, Inhibition) else ("combination", "reference")
        if primary and all(getattr(one, name) == primary.get(name) for name in names):
            return place
    return None


def _predictive_warnings(analysis: Analysis) -> tuple[str, ...] | None:
    """What the heaviest answering card cannot reproduce; None without a healthy answering card."""
    name = next(iter(_heaviest(analysis.ranking)), None)
    return None if name is None else tuple(f"{name}: {found}" for found in analysis.checks[name].warnings)


def _traced(fit: Fit, ranking: Comparison) -> bool:
    """Whether the draws of a fit are shown: those not *pass* that carry the answer, or would had they not failed."""
    if fit.health.status == "pass" or not fit.card.answers:
        return False
    return fit.health.status == "fail" or ranking.answer_weights.get(fit.card.name, 0.0) >= CARRIES


def _heaviest(ranking: Comparison) -> list[str]:
    """The answering cards whose priors are drawn: the two that weigh most."""
    weights = ranking.answer_weights
    return sorted(weights, key=lambda name: -weights[name])[:2]


def _days(study: Study) -> np.ndarray:
    """Whole days and every fitted reading's day."""
    return np.unique(np.concatenate([whole_days(study), study.fitted_readings["day"].to_numpy()]))


def _animal_curves(study: Study, own: xr.DataArray | None) -> pd.DataFrame:
    columns = ["animal", "arm", "day", "median"]
    if own is None:
        return pd.DataFrame(columns=columns)
    return animal_table(own.sel(day=whole_days(study)), study)[columns]


def _relevance(study: Study, averaged: Mapping[str, Interaction]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for reference in VERDICT_REFERENCES:
        if reference not in averaged:
            continue
        draws = averaged[reference].draws.sel(day=study.horizon)
        for arm in judged_combinations(study):
            excess = draws.sel(combination=arm.name)
            above, below = float((excess > MARGIN).mean()), float((excess < -MARGIN).mean())
            rows.append({"combination": arm.name, "reference": reference, "above": above, "below": below})
    return pd.DataFrame(rows, columns=["combination", "reference", "above", "below"])


def _expected(study: Study, curves: xr.DataArray | None, averaged: Mapping[str, Interaction]) -> pd.DataFrame:
    """The volume of a combination without interaction: its own curve with the excess taken back, draw by draw."""
    parts: list[pd.DataFrame] = []
    for arm in judged_combinations(study) if curves is not None else ():
        assert curves is not None
        log_volume = curves.sel(arm=arm.name, drop=True)
        control = curves.sel(arm=study.control.name, drop=True)
        for reference, found in averaged.items():
            excess = found.draws.sel(combination=arm.name, drop=True)
            if reference == "additive":  # of shares of the control's volume; at most all of it can be taken away
                volume = (xr.ufuncs.exp(log_volume) + excess * xr.ufuncs.exp(control)).clip(min=0.0)
            else:
                volume = xr.ufuncs.exp(log_volume + excess)
            table = interval(volume).reset_index()
            parts.append(table.assign(combination=arm.name, reference=reference))
    columns = ["combination", "reference", "day", "median", "lower", "upper"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _changes(study: Study) -> pd.DataFrame:
    """Volumes over the animal's own baseline, from the baseline on."""
    readings = study.daily_readings[study.daily_readings["fitted"]]
    baseline = readings["animal"].map(study.animals["baseline"])
    table = readings[["animal", "arm", "day", "censored"]].assign(ratio=readings["volume"] / baseline)
    return table[table["ratio"].notna()]


def _weights(study: Study) -> pd.DataFrame:
    """Body weights relative to the animal's first from the last one on or before the first dose on."""
    columns = ["animal", "arm", "day", "change"]
    if "weight" not in study.readings:
        return pd.DataFrame(columns=columns)
    rows = study.daily_readings.dropna(subset="weight").sort_values(["animal", "day"])
    before = rows[rows["day"] <= study.first_dose].groupby("animal")["weight"].last()
    first = rows.groupby("animal")["weight"].first()
    start = rows["animal"].map(before.combine_first(first))
    return rows.assign(change=100 * (rows["weight"] / start - 1))[columns]
