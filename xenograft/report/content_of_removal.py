"""How the answer depends on animals that left: readings after the horizon, and what others would have done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import xarray as xr

from xenograft.answers.averaging import interaction_of
from xenograft.answers.inhibition import words_of
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import INTERACTION_WORDS, verdict_words
from xenograft.evidence.removal import amount_of, removed_otherwise, would_have_grown
from xenograft.fitting.fit import Fit
from xenograft.printing import SHORT_REFERENCES, fixed, listed, number, percent_interval, share
from xenograft.quantities.estimands import interval, probability_positive, tumour_growth_inhibition
from xenograft.report.sensitivity_table import SensitivityTable
from xenograft.study.study import Study


def on_animals_that_left(
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    curves: xr.DataArray,
    cut: xr.DataArray | None,
    verdict: Mapping[str, Any],
) -> list[SensitivityTable]:
    """The verdict's answer from the readings up to the horizon, and if animals that left had grown otherwise.

    Parameters
    ----------
    study, fits, ranking
        The analysis.
    curves : DataArray (chain, draw, arm, day)
        Averaged typical curves.
    cut : DataArray or None
        From `curves_of_cut`.
    verdict : mapping
        The primary verdict of results.json.

    Returns
    -------
    list of SensitivityTable
        One, or none where no reading is after the horizon and no animal left for a reason other than size before it.
    """
    rows: list[tuple[str, xr.DataArray]] = [("as reported", curves.sel(day=[study.horizon]))]
    if cut is not None:
        rows.append((f"all arms cut at day {study.horizon:g}", cut))
    left = removed_otherwise(study)
    count = sum(len(days) for days in left.values())
    amount = amount_of(fits, ranking) if count else 0.0
    for sign, word in ((1, "faster"), (-1, "more slowly")) if count else ():
        assumed = f"the {count} that left for other reasons would have grown {word} by {number(amount, 2)} per day"
        rows.append((assumed, would_have_grown(study, curves, sign * amount)))
    if len(rows) == 1:
        return []
    found = if_assumed(study, rows, verdict, "On animals that left")
    return [replace(found, finding=found.finding + _told_of_removal(study, cut is not None, left, amount))]


def if_assumed(
    study: Study, rows: list[tuple[str, xr.DataArray]], verdict: Mapping[str, Any], title: str
) -> SensitivityTable:
    """The verdict's answer as reported and under each assumption.

    Parameters
    ----------
    study : Study
        Its horizon.
    rows : list of (str, DataArray)
        The assumption in words, and the averaged typical curves under it; the first is "as reported".
    verdict : mapping
        The primary verdict of results.json.
    title : str
        Of the table.
    """
    inhibition = verdict["kind"] == "inhibition"
    extremes = words_of(verdict.get("independence")) if inhibition else INTERACTION_WORDS
    draws = {words: _answer(study, one, verdict) for words, one in rows}
    sizes = {words: interval(one).iloc[0].to_dict() for words, one in draws.items()}
    chance = {words: float(probability_positive(one)) for words, one in draws.items()}
    said = {words: verdict_words(value, None, *extremes) for words, value in chance.items()}
    reported = said["as reported"]
    others = [f"{words} ({told})" for words, told in said.items() if told != reported]
    what = "TGI" if inhibition else f"Excess over {SHORT_REFERENCES[verdict['reference']]}"
    table = pd.DataFrame({
        "Assumed": list(said),
        f"{what}{' (%)' if inhibition else ''}": [(percent_interval if inhibition else fixed)(sizes[w]) for w in said],
        f"P({'TGI' if inhibition else 'excess'} > 0)": [share(chance[words]) for words in said],
        "Verdict": list(said.values()),
    })  # fmt: skip
    finding = (
        f"The verdict would be another with {listed(others)}."
        if others
        else f"The verdict is the same with {listed(list(said)[1:])}."
    )
    caption = f"{what} on day {study.horizon:g}"
    return SensitivityTable(title, table, finding, caption=caption, changed=listed(others) if others else "")


def _told_of_removal(study: Study, cut: bool, left: Mapping[str, tuple[float, ...]], amount: float) -> str:
    finding = ""
    if left:
        counts = listed([f"{len(days)} of {arm}" for arm, days in left.items()])
        finding += (
            f" For other reasons than size left, before day {study.horizon:g}: {counts}; {number(amount, 2)} per day "
            "is one standard deviation of animals' growth rates. This is a sensitivity, no joint model of removal and "
            "growth, which would be biased where animals are removed for size."
        )
    return finding + (" Cut at that day, arms that are followed for longer count with the same days." if cut else "")


def _answer(study: Study, curves: xr.DataArray, verdict: Mapping[str, Any]) -> xr.DataArray:
    """Draws (chain, draw) of the verdict's answer at the horizon."""
    if verdict["kind"] == "inhibition":
        return tumour_growth_inhibition(curves, verdict["control"], study.horizon).sel(arm=verdict["arm"], drop=True)
    found = interaction_of(study, curves, "", verdict["reference"]).draws
    return found.sel(combination=verdict["combination"], day=study.horizon, drop=True)
