"""How the answer depends on what was chosen: model, day, single animals, priors; each a table with its finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED
from xenograft.answers.followed import AGAINST, EXCESS, inhibition_label
from xenograft.answers.inhibition import words_of
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import INTERACTION_WORDS, VERDICT_REFERENCES, verdict_words
from xenograft.evidence.sensitivity import (
    SENSITIVE,
    on_single_animals_in_words,
    prior_sensitivity,
    sensitive_in_words,
    without_each_animal,
)
from xenograft.fitting.fit import Fit, Refit
from xenograft.printing import SHORT_REFERENCES, few, fixed, listed, percent_interval, share
from xenograft.quantities.catalogue import shown, summarise
from xenograft.quantities.estimands import tumour_growth_inhibition
from xenograft.report.content_of_housing import on_cages
from xenograft.report.content_of_removal import on_animals_that_left
from xenograft.report.content_of_weights import on_the_weights
from xenograft.report.sensitivity_table import SensitivityTable
from xenograft.study.groups import PLURAL
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations, unjudged_combinations

DAYS_SHOWN = 4
"""Days of the table that says how the answer depends on the day."""

ANIMALS_SHOWN = 10
"""Animals of the table that says how the answer depends on single ones."""

FEW = 6
"""Most combinations or arms whose sensitivities are all listed; beyond, what is sensitive or the verdict's."""

ROWS = 24
"""Most rows of the table on the priors."""


def shown_days(study: Study) -> list[float]:
    """A handful of reading days after the first dose, with the horizon: where the answer is shown again."""
    days = np.unique(study.fitted_readings["day"])
    days = days[(days > study.first_dose) & (days <= max(study.horizon, days[-1]))]
    picked = days[np.linspace(0, len(days) - 1, min(DAYS_SHOWN, len(days))).round().astype(int)]
    return sorted({*map(float, picked), study.horizon})


def sensitivities(
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    curves: Mapping[str, xr.DataArray],
    cut: xr.DataArray | None,
    interaction: pd.DataFrame,
    verdict: Mapping[str, Any] | None,
    refit: Refit | None = None,
    *,
    priors: Mapping[str, pd.DataFrame] | None = None,
    without: pd.DataFrame | None = None,
) -> tuple[SensitivityTable, ...]:
    """Every check that there is an answer for: day, single animals, priors.

    Parameters
    ----------
    study : Study
        Days and horizon.
    fits, ranking
        The analysis.
    curves : mapping of str to DataArray
        Typical curves by model.
    cut : DataArray or None
        Averaged typical curves from the readings up to the horizon, from `curves_of_cut`.
    interaction : DataFrame
        Averaged and by card: `model`, `combination`, `reference`, `day`, `median`, `lower`, `upper`, `probability`.
    verdict : mapping or None
        The primary verdict of results.json.
    refit : callable, optional
        How to fit again without an animal.
    priors : mapping of str to DataFrame, optional
        From `prior_sensitivity`, by answering card, where at hand.
    without : DataFrame, optional
        From `without_each_animal`, of the verdict, where at hand.
    """
    found: list[SensitivityTable] = []
    if verdict and verdict["probability"] is not None:
        if verdict["kind"] == "inhibition":
            found.append(inhibition_by_day(study, curves[AVERAGED], verdict))
            of = {"arm": verdict["arm"], "control": verdict["control"]}
        else:
            found.append(on_the_day(study, interaction, verdict))
            of = {"combination": verdict["combination"], "reference": verdict["reference"]}
        table = without_each_animal(fits, ranking, refit=refit, **of) if without is None else without
        found.append(on_single_animals(table, verdict, ranking.good_k))
        found += on_animals_that_left(study, fits, ranking, curves[AVERAGED], cut, verdict)
        found += on_cages(study, fits, ranking, curves[AVERAGED], verdict)
        found += on_the_weights(study, ranking, curves, verdict)
    if ranking.answer_weights:
        wanted = _asked_of_priors(study)
        own = {n: prior_sensitivity(fits[n], curves[n], only=wanted) for n in ranking.answer_weights if priors is None}
        tables = own if priors is None else priors
        found.append(on_the_priors(study, tables, ranking.answer_weights, verdict))
    return tuple(replace(one, table=_without_empty_columns(one.table)) for one in found)


def _without_empty_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Columns that say something in some row."""
    return table.loc[:, [bool((table[name] != "–").any()) for name in table]] if len(table) else table


def on_the_day(study: Study, interaction: pd.DataFrame, verdict: Mapping[str, Any]) -> SensitivityTable:
    """The averaged excess of the verdict's combination on a handful of days.

    Parameters
    ----------
    study, interaction, verdict
        As in `sensitivities`.
    """
    rows = interaction[
        (interaction["model"] == AVERAGED)
        & (interaction["combination"] == verdict["combination"])
        & interaction["day"].isin(shown_days(study))
    ]
    probability = rows[rows["reference"] == verdict["reference"]].set_index("day")["probability"]
    said = {float(day): verdict_words(float(value), None) for day, value in probability.items()}
    reference = SHORT_REFERENCES[verdict["reference"]]
    others = {day: words for day, words in said.items() if words != said.get(study.horizon) and day != study.horizon}
    if others:
        finding = f"Against {reference} the same curves would read: {_on_days(others)}."
    else:
        finding = (
            f"Against {reference} the verdict would be the same on each of these days. That is nearly automatic: a "
            "departure is a rate, and the excess about that rate times days."
        )
    table = pd.DataFrame({"Day": [f"{day:g}" for day in said]})
    for key in VERDICT_REFERENCES:
        own, name = rows[rows["reference"] == key].set_index("day"), SHORT_REFERENCES[key]
        table[f"Excess over {name}"] = [fixed(own.loc[day].to_dict()) for day in said]
        table[f"P(excess over {name} > 0)"] = [share(float(own["probability"].loc[day])) for day in said]
    caption = f"{verdict['combination']}: excess by day, log units (95 % interval) and probability that it is above 0"
    return SensitivityTable("On the day", table, finding, caption=caption)


def inhibition_by_day(study: Study, curves: xr.DataArray, verdict: Mapping[str, Any]) -> SensitivityTable:
    """The averaged inhibition of the verdict's arm on a handful of days.

    Parameters
    ----------
    study : Study
        Days and horizon.
    curves : DataArray (chain, draw, arm, day)
        Averaged typical curves.
    verdict : mapping
        The primary verdict of results.json.
    """
    arm, control = verdict["arm"], verdict["control"]
    known = [day for day in shown_days(study) if day in curves["day"]]
    by_day = {day: tumour_growth_inhibition(curves, control, day).sel(arm=[arm]) for day in known}
    tables = {day: summarise(draws, "tgi").iloc[0] for day, draws in by_day.items()}
    extremes = words_of(verdict.get("independence"))
    said = {day: verdict_words(float(row["probability"]), None, *extremes) for day, row in tables.items()}
    others = {day: words for day, words in said.items() if words != said[study.horizon]}
    told = f"would read: {_on_days(others)}" if others else "would give the same verdict on each of these days"
    table = pd.DataFrame({
        "Day": [f"{day:g}" for day in tables],
        "TGI (%)": [percent_interval(row.to_dict()) for row in tables.values()],
        "P(TGI > 0)": [share(float(row["probability"])) for row in tables.values()],
        f"P(TGI > {verdict['margin']:g} %)": [share(float(row["beyond"])) for row in tables.values()],
    })  # fmt: skip
    caption = f"{arm} against {control}: TGI by day (95 % interval), and probabilities"
    return SensitivityTable("On the day", table, f"The same curves {told}.", caption=caption)


def _on_days(said: Mapping[float, str]) -> str:
    """Verdicts by day in words, days of the same verdict together."""
    days: dict[str, list[str]] = {}
    for day, words in said.items():
        days.setdefault(words, []).append(f"{day:g}")
    return listed([f"{words} on day{'s' * (len(on) > 1)} {listed(on)}" for words, on in days.items()])


def on_single_animals(table: pd.DataFrame, verdict: Mapping[str, Any], good_k: float) -> SensitivityTable:
    """Whether the verdict hangs on any one animal.

    Parameters
    ----------
    table : DataFrame
        From `without_each_animal`, of the verdict's combination and reference.
    verdict : mapping
        The primary verdict of results.json.
    good_k : float
        Limit of Pareto k.
    """
    one_of: Any = table.index.name or "animal"
    of_all = PLURAL[one_of]
    inhibition = verdict["kind"] == "inhibition"
    extremes = words_of(verdict.get("independence")) if inhibition else INTERACTION_WORDS
    of, unit, digits = ("TGI", "%", 1) if inhibition else ("excess", "log units", 2)
    against = verdict["control"] if inhibition else SHORT_REFERENCES[verdict["reference"]]
    hangs, short, not_known = on_single_animals_in_words(table, verdict["probability"], extremes)
    words = verdict_words(verdict["probability"], None, *extremes)
    unknown, known = (table[table["how"].eq("not to be trusted") == untold] for untold in (True, False))
    changed = known[[verdict_words(float(p), None, *extremes) != words for p in known["probability"]]]
    middle = float(table["median"].median())
    order = (table["median"] - middle).abs().sort_values(ascending=False, kind="stable").index
    named = list(dict.fromkeys([*changed.index, *unknown.index, *table.index[~(table["pareto_k"] <= good_k)], *order]))
    shown = table.loc[named[:ANIMALS_SHOWN]]
    finding = not_known
    if len(known):
        low, high = float(known["median"].min()), float(known["median"].max())
        span = f"the median {of} then lies between {low:.{digits}f} and {high:.{digits}f}".replace("-", "−")
        which = " for which that is known" if len(unknown) else ""
        same = f"The verdict is the same without any one of the {len(known)} {of_all}{which}"
        finding = f"{hangs or short or same}; {span}. {not_known}".rstrip()
    told = {
        "importance": "draws weighted by importance",
        "fitted again": "fitted again without it",
        "not to be trusted": "not to be trusted",
    }
    columns = pd.DataFrame({
        "Left out": shown.index.map(str),
        "Arm": shown["arm"].to_numpy(),
        f"Median {of}": [f"{value:.{digits}f}".replace("-", "−") for value in shown["median"]],
        f"P({of} > 0)": [share(float(value)) for value in shown["probability"]],
        "Pareto k": [f"{value:.2f}" for value in shown["pareto_k"]],
        **({"How": [told[how] for how in shown["how"]]} if shown["how"].nunique() > 1 else {}),
    })  # fmt: skip
    caption = (
        f"{verdict['arm' if inhibition else 'combination']} against {against} without one {one_of}, {unit}: "
        f"the {len(shown)} {of_all} that matter most"
        + (f" ({told[shown['how'].iloc[0]]})" if shown["how"].nunique() == 1 else "")
    )
    doubtful = words in extremes and bool(hangs or not_known)  # what concludes nothing claims nothing
    return SensitivityTable(f"On single {of_all}", columns, finding, doubtful, caption)


def on_the_priors(
    study: Study,
    tables: Mapping[str, pd.DataFrame],
    weights: Mapping[str, float],
    verdict: Mapping[str, Any] | None,
) -> SensitivityTable:
    """Whether the answers move when the priors are made a little stronger or weaker.

    Parameters
    ----------
    study : Study
        Its arms and combinations.
    tables : mapping of str to DataFrame
        From `prior_sensitivity`, by answering card.
    weights : mapping of str to float
        Answer weights of the cards.
    verdict : mapping or None
        The primary verdict of results.json.
    """
    wanted = _asked_of_priors(study)
    primary, judged = None, "tgi"
    if verdict and verdict["kind"] == "interaction":
        primary, judged = verdict["combination"], f"{EXCESS}{verdict['reference']}"
    elif verdict:
        label = inhibition_label(verdict["arm"], verdict["control"], verdict.get("independence"))
        judged, _, primary = label.removesuffix("]").partition("[")
    many = len(study.combinations or study.arms) > FEW
    rows: list[dict[str, Any]] = []
    for card, table in tables.items():
        for label, row in table.iterrows():
            key, _, of = str(label).removesuffix("]").partition("[")
            if key in wanted:
                rows.append({"answer": f"{wanted[key]} of {of}", "card": card, "of": of, "key": key, **row})
    sensitive = sorted((row for row in rows if row["words"]), key=lambda row: -row["prior"])
    asked = {f"{row['key']}[{row['of']}]": row["answer"] for row in rows}
    judged_only = asked if verdict is None else asked.keys() & {f"{judged}[{primary}]"}
    moved = {asked[label]: words for label in judged_only if (words := sensitive_in_words(tables, weights, label))}
    own, words = next(iter(moved.items()), ("", ""))
    rows = [row for row in rows if row["words"] or not many or row["of"] == primary]
    rows = sorted(rows, key=lambda row: -row["prior"])[:ROWS]
    largest = max((row["prior"] for row in rows), default=0.0)
    rows = [row for row in rows if row["words"]]
    told = {
        "Answer": [row["answer"] for row in rows],
        "Model": [row["card"] for row in rows],
        "All priors": [f"{row['prior']:.3f}" for row in rows],
        "Prior of the departure": ["–" if np.isnan(row["departure_prior"]) else f"{row['departure_prior']:.3f}"
                                   for row in rows],
        "Data": [f"{row['likelihood']:.3f}" for row in rows],
        "Finding": [row["words"] for row in rows],
    }  # fmt: skip
    caption = "Power-scaling sensitivity: how much an answer moves when priors or data weigh a little more or less"
    finding = _prior_finding(sensitive, own, words, largest)
    return SensitivityTable("On the priors", pd.DataFrame(told), finding, bool(own), caption)


def _asked_of_priors(study: Study) -> dict[str, str]:
    """The numbers that are looked at, and what a report calls them."""
    compared = {AGAINST: "TGI"} if unjudged_combinations(study) else {}
    if judged_combinations(study):
        return {f"{EXCESS}{key}": f"excess over {SHORT_REFERENCES[key]}" for key in VERDICT_REFERENCES} | compared
    return {number.key: number.said for number in shown("priors")} | compared


def _prior_finding(sensitive: list[dict[str, Any]], own: str, words: str, largest: float) -> str:
    """What the sensitivities say: of the answer itself first (empty where it does not move), then of the others."""
    if not sensitive:
        return (
            "No answer moves noticeably when the priors are made stronger or weaker "
            f"(largest sensitivity {largest:.3f}; {SENSITIVE:g} and above counts)."
        )
    said = [f"The {own} moves with the priors ({words})."] if own else []
    rest = {row["answer"]: row["prior"] for row in reversed(sensitive) if row["answer"] != own}
    if rest:
        named = few([f"{answer} ({prior:.2f})" for answer, prior in reversed(rest.items())], 3)
        alone = "The averaged answer does not move with the priors; other numbers, or single models, do"
        said.append(f"{'Also' if own else alone}: {named}.")
    return " ".join(said)
