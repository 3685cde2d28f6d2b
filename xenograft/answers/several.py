"""Several combinations: their mean excess, each drawn towards it, and how many verdicts chance would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, excess_by_combination
from xenograft.answers.precision import ENHANCED, LESS
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import INTERACTION_WORDS, REFERENCE_WORDS, Verdict
from xenograft.fitting.fit import Fit
from xenograft.model.choice import SEVERAL
from xenograft.model.vocabulary import SHRUNKEN
from xenograft.printing import few, share_in_words
from xenograft.quantities.estimands import combination_index, interval, probability_positive
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations


@dataclass(frozen=True)
class Several:
    """What the combinations of a study do together against Bliss, at the horizon.

    Parameters
    ----------
    combinations : int
        How many are judged.
    concluded : tuple of str
        Those that are called enhanced or less than the reference.
    expected_by_chance : float
        How many would be called so if none departed from the reference: 5 % of them.
    day : float
        The horizon, as recorded.
    excess : mapping of str to float
        Their mean excess, averaged over the answering cards: `median`, `lower`, `upper` (log units, positive =
        enhanced).
    probability : float
        That the mean excess is above 0.
    free, shrunken : str or None
        The heaviest answering card that leaves each combination by itself, and that which draws them towards their
        mean; None where no such card answers.
    cells : tuple of mappings
        Of each combination `combination`, and the excess (`median`, `lower`, `upper`, log units) under these two cards:
        `free`, `shrunken`.
    """

    combinations: int
    concluded: tuple[str, ...]
    expected_by_chance: float
    day: float
    excess: Mapping[str, float]
    probability: float
    free: str | None
    shrunken: str | None
    cells: tuple[Mapping[str, object], ...]


def several_combinations(
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    curves: Mapping[str, xr.DataArray],
    verdicts: Sequence[Verdict],
) -> Several | None:
    """What the combinations do together; None where fewer than three are judged, or no healthy card answers.

    Parameters
    ----------
    study, fits, ranking, curves
        As of `verdicts`.
    verdicts : sequence of Verdict
        Of the combinations.
    """
    judged, weights = judged_combinations(study), ranking.answer_weights
    if len(judged) < SEVERAL or not weights:
        return None
    heaviest = sorted(weights, key=lambda name: -weights[name])
    by_mean = {name: fits[name].card.departure_by == SHRUNKEN for name in heaviest}
    free = next((name for name in heaviest if not by_mean[name]), None)
    shrunken = next((name for name in heaviest if by_mean[name]), None)

    def of(model: str) -> xr.DataArray:
        return excess_by_combination(study, curves[model].sel(day=[study.horizon]), "bliss").isel(day=0, drop=True)

    mean = of(AVERAGED).mean("combination")
    tables = {kind: interval(of(name)) for kind, name in (("free", free), ("shrunken", shrunken)) if name is not None}
    told = {one.combination: one.words for one in verdicts if one.reference == "bliss"}
    return Several(
        combinations=len(judged),
        concluded=tuple(arm.name for arm in judged if told[arm.name] in INTERACTION_WORDS),
        expected_by_chance=(1 - ENHANCED + LESS) * len(judged),
        day=study.horizon,
        excess=_size(interval(mean)),
        probability=float(probability_positive(mean)),
        free=free,
        shrunken=shrunken,
        cells=tuple(
            {"combination": arm.name}
            | {kind: _size(tables[kind].loc[[arm.name]]) if kind in tables else None for kind in ("free", "shrunken")}
            for arm in judged
        ),
    )


def several_in_words(found: Several) -> str:
    """What the combinations do together, as a sentence for people."""
    low, middle, high = (
        float(combination_index(xr.DataArray(found.excess[name]))) for name in ("upper", "median", "lower")
    )
    called = f": {few(list(found.concluded), 4)}" if found.concluded else ""
    return (
        f"The {found.combinations} combinations together against {REFERENCE_WORDS['bliss']}, day {found.day:g}: on "
        f"average tumours are {middle:.2f} times the volume that the reference predicts (95 % interval {low:.2f} to "
        f"{high:.2f}); the probability that they do more on average is {share_in_words(found.probability)}. "
        f"{len(found.concluded) or 'None'} of them {'are' if len(found.concluded) > 1 else 'is'} called enhanced or "
        f"less than the reference{called}; if none departed from it, {found.expected_by_chance:.2g} would be by chance."
    )


def _size(table: pd.DataFrame) -> dict[str, float]:
    """Median and 95 % interval of a table of one row."""
    return {name: float(table[name].iloc[0]) for name in ("median", "lower", "upper")}
