"""Each answer under each law, averaged, and whether the laws agree on it (docs/comparison.md#which-cards-answer)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Literal

import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, ENHANCED, LESS, interaction_of, verdict_words
from xenograft.quantities.catalogue import arm_estimands
from xenograft.quantities.estimands import REFERENCES, interval, probability_positive
from xenograft.study.study import Study

type Agreement = Literal["agree", "differ in strength", "conflict"]

COLUMNS = ("quantity", "model", "median", "lower", "upper", "unit", "agreement")


def answers_by_law(study: Study, curves: Mapping[str, xr.DataArray], cards: list[str]) -> pd.DataFrame:
    """Every answer averaged and under every answering card, with the agreement of the cards in words.

    Parameters
    ----------
    study : Study
        Names and horizon.
    curves : mapping of str to DataArray (chain, draw, arm, day)
        From `answers.model_curves` (typical): those of the answering cards, and "averaged".
    cards : list of str
        The answering cards.

    Returns
    -------
    DataFrame
        Columns `quantity` (`excess_bliss[combination]`, `tgi[arm]`, …), `model`, `median`, `lower`, `upper` (95 %
        equal-tailed), `unit`, and `agreement` of the cards: "agree", "differ in strength" or "conflict" (None with
        fewer than two). An excess is judged by its verdicts; another quantity agrees where each card's median lies in
        every other card's interval, and is in conflict where two intervals do not meet.
    """
    chosen = {name: curves[name] for name in (AVERAGED, *cards) if name in curves}
    tables = {model: _answers(study, draws) for model, draws in chosen.items()}
    rows: list[pd.DataFrame] = []
    for model, table in tables.items():
        words = [_agreement(str(name), [tables[card].loc[name] for card in cards]) for name in table.index]
        agreement = pd.Series(words, index=table.index, dtype=object)
        rows.append(table.assign(model=model, agreement=agreement).rename_axis("quantity").reset_index())
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]


def _answers(study: Study, curve: xr.DataArray) -> pd.DataFrame:
    """Median, interval, unit and (of an excess) probability of each quantity of one model."""
    at_horizon = curve.sel(day=[study.horizon])
    parts: list[pd.DataFrame] = []
    for reference in REFERENCES if study.combinations else ():
        draws = interaction_of(study, at_horizon, "", reference).draws.isel(day=0, drop=True)  # pyright: ignore
        unit = "share of control volume" if reference == "additive" else "log units"
        table = interval(draws).assign(unit=unit, probability=probability_positive(draws).to_series())
        parts.append(table.rename(index=f"excess_{reference}[{{}}]".format))
    for name, draws in arm_estimands(curve, study).items():
        parts.append(
            interval(draws).assign(unit=draws.attrs["unit"], probability=None).rename(index=f"{name}[{{}}]".format)
        )
    return pd.concat([part.astype({"probability": object}) for part in parts])


def _agreement(quantity: str, found: list[pd.Series]) -> Agreement | None:
    if len(found) < 2:
        return None
    if quantity.startswith("excess_"):
        probabilities = [row["probability"] for row in found]
        if max(probabilities) >= ENHANCED and min(probabilities) <= LESS:
            return "conflict"
        return "agree" if len({verdict_words(p, None) for p in probabilities}) == 1 else "differ in strength"
    pairs = list(combinations(found, 2))
    if any(one["lower"] > other["upper"] or other["lower"] > one["upper"] for one, other in pairs):
        return "conflict"
    inside = all(
        one["lower"] <= other["median"] <= one["upper"] and other["lower"] <= one["median"] <= other["upper"]
        for one, other in pairs
    )
    return "agree" if inside else "differ in strength"
