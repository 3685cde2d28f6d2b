"""Verdicts: what the study says of each combination, and whether the growth laws say the same (docs/verdict.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, excess_by_combination, interaction_of
from xenograft.answers.precision import ENHANCED, LESS, Known, error_of_average, is_borderline, known_from
from xenograft.answers.ranking import Comparison
from xenograft.fitting.fit import Fit
from xenograft.printing import share_in_words
from xenograft.quantities.catalogue import arm_estimands
from xenograft.quantities.estimands import (
    REFERENCES,
    JudgedReference,
    combination_index,
    interval,
    probability_positive,
)
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations, why_not_judged

VERDICT_REFERENCES: Sequence[JudgedReference] = ("bliss", "hsa")

REFERENCE_WORDS: Mapping[str, str] = {
    "bliss": "independent action (Bliss)",
    "hsa": "the highest single agent (HSA)",
    "additive": "response additivity",
}

CARRIES = 0.01
"""Answer weight from which a law has a say in the agreement: a hundredth of the averaged draws."""

type Agreement = Literal["agree", "differ in strength", "opposite directions", "conflict"]

NOT_JUDGED: Mapping[str, str] = {
    "bliss": "no conclusion on independence",
    "hsa": "no conclusion on the better agent",
}
"""How the verdict on a combination begins of which an agent was not tested alone, by reference."""

AGREEMENT_WORDS: Mapping[Agreement, str] = {
    "agree": "agree",
    "differ in strength": "differ in strength",
    "opposite directions": "point in opposite directions",
    "conflict": "contradict each other",
}
"""What the growth laws do, as it ends a sentence."""

COLUMNS = ("quantity", "model", "median", "lower", "upper", "unit", "agreement")


@dataclass(frozen=True)
class Verdict:
    """What the study says about a combination at the horizon.

    Parameters
    ----------
    combination : str
        The arm.
    reference : {"bliss", "hsa"}
        What no interaction means.
    day : float
        The horizon, as recorded.
    probability : float or None
        That the excess is above 0, averaged over the answering cards; None without a healthy one, or a reference.
    mcse : float or None
        Monte-Carlo standard error of the probability.
    words : str
        "enhanced", "less than the reference", "not distinguishable by these data", "no conclusion: …", or, where an
        agent was not tested alone, "no conclusion on …: …".
    agreement : {"agree", "differ in strength", "opposite directions", "conflict"} or None
        As `agreement_of` the answering cards.
    borderline : bool
        Whether the probability is within 2 Monte-Carlo standard errors of a limit.
    caution : bool
        Whether an answering fit is not *pass*: averaged with caution, or failed and left out.
    """

    combination: str
    reference: JudgedReference
    day: float
    probability: float | None
    mcse: float | None
    words: str
    agreement: Agreement | None
    borderline: bool
    caution: bool


def verdicts(fits: Mapping[str, Fit], ranking: Comparison, curves: Mapping[str, xr.DataArray]) -> list[Verdict]:
    """A verdict for every combination under Bliss and HSA, at the study's horizon.

    Parameters
    ----------
    fits, ranking
        As in `interaction`.
    curves : mapping of str to DataArray
        From `model_curves` (typical).
    """
    study, weights = next(iter(fits.values())).study, ranking.answer_weights
    found: list[Verdict] = []
    for reference in VERDICT_REFERENCES:
        at_horizon = {
            name: excess_by_combination(study, curves[name], reference).sel(day=study.horizon)
            for name in (*weights, *([AVERAGED] if weights else []))
        }
        for arm in study.combinations:
            missing = why_not_judged(study, arm)
            if missing or not weights:
                words = f"{NOT_JUDGED[reference]}: {missing}" if missing else no_conclusion(fits, ranking)
                found.append(Verdict(arm.name, reference, study.horizon, None, None, words, None, False, False))
                continue
            own = {name: at_horizon[name].sel(combination=arm.name) for name in weights}
            probability = float(probability_positive(at_horizon[AVERAGED].sel(combination=arm.name)))
            error = error_of_average(probability, weights, {n: _known(fits[n], one) for n, one in own.items()})
            said = {name: float(probability_positive(one)) for name, one in own.items()}
            agreement = agreement_of(said, weights) if of_several_laws(fits, weights) else None
            found.append(
                Verdict(
                    combination=arm.name,
                    reference=reference,
                    day=study.horizon,
                    probability=probability,
                    mcse=error,
                    words=verdict_words(probability, agreement),
                    agreement=agreement,
                    borderline=is_borderline(probability, error),
                    caution=any(one.health.status != "pass" for one in fits.values() if one.card.answers),
                )
            )
    return found


def agreement_of(probabilities: Mapping[str, float], weights: Mapping[str, float]) -> Agreement | None:
    """Whether the growth laws say the same of an excess.

    Parameters
    ----------
    probabilities : mapping of str to float
        Of an excess above 0, by answering card.
    weights : mapping of str to float
        Answer weights; a card below `CARRIES` has no say.

    Returns
    -------
    str or None
        "agree" (the same verdict), "differ in strength" (the same direction, not the same verdict), "opposite
        directions" (neither), "conflict" (opposite verdicts); None where fewer than two cards have a say.
    """
    found = [probability for name, probability in probabilities.items() if weights.get(name, 0.0) >= CARRIES]
    if len(found) < 2:
        return None
    said = {verdict_words(probability, None) for probability in found}
    if len(said) == 1:
        return "agree"
    if max(found) >= ENHANCED and min(found) <= LESS:
        return "conflict"
    return "opposite directions" if min(found) < 0.5 < max(found) else "differ in strength"


def of_several_laws(fits: Mapping[str, Fit], weights: Mapping[str, float]) -> bool:
    """Whether cards that carry weight differ in growth, exposure or residual, and not in priors alone."""
    cards = [fits[name].card for name, weight in weights.items() if weight >= CARRIES]
    return len({(card.growth, str(card.exposure), card.residual) for card in cards}) > 1


INTERACTION_WORDS = ("enhanced", "less than the reference")
"""What a verdict on a combination says of a high and of a low probability."""


def verdict_words(
    probability: float, agreement: str | None, above: str = INTERACTION_WORDS[0], below: str = INTERACTION_WORDS[1]
) -> str:
    """The verdict's exact words for a probability that the excess is above 0 (docs/verdict.md#the-four-verdicts)."""
    if agreement == "conflict":
        return "not distinguishable by these data: the growth laws disagree"
    if probability >= ENHANCED:
        return above
    return below if probability <= LESS else "not distinguishable by these data"


def no_conclusion(fits: Mapping[str, Fit], ranking: Comparison) -> str:
    """The verdict's words when no healthy card may answer."""
    reasons = [f"{name}: {reason}" for name, reason in ranking.refused.items() if fits[name].card.answers]
    if not reasons:
        return "no conclusion: no fitted card leaves the combination free"
    return f"no conclusion: the sampler did not converge ({'; '.join(reasons)})"


def _known(fit: Fit, excess: xr.DataArray) -> Known:
    """As `known_from`; where the excess has the sign of the departure, by what each draw tells of that."""
    stats, name = fit.draws["sample_stats"].to_dataset(), str(excess["combination"].item())
    if "above_0" in stats and ((excess > 0) == (fit.posterior["departure"].sel(combination=name) > 0)).all():
        return known_from(excess, fit.health.effective_draws, stats["above_0"].sel(combination=name))
    return known_from(excess, fit.health.effective_draws)


def sentence(study: Study, verdict: Verdict, curves: Mapping[str, xr.DataArray]) -> str:
    """A verdict as a sentence for people, without what weakens it."""
    if verdict.probability is None:
        return f"{verdict.combination} against {REFERENCE_WORDS[verdict.reference]}: {verdict.words}."
    on_the_day = curves[AVERAGED].sel(day=[verdict.day])  # of a grid, all days of all combinations take seconds
    draws = interaction_of(study, on_the_day, AVERAGED, verdict.reference).draws
    at_horizon = draws.sel(combination=verdict.combination, day=verdict.day)
    index = interval(combination_index(at_horizon)).iloc[0]
    return (
        f"{verdict.combination} against {REFERENCE_WORDS[verdict.reference]}, day {verdict.day:g}: {verdict.words}. "
        f"Tumours are {index['median']:.2f} times the volume that the reference predicts "
        f"(95 % interval {index['lower']:.2f} to {index['upper']:.2f}); "
        f"the probability that the combination does more is {share_in_words(verdict.probability)}."
    )


def agreement_in_words(agreement: Agreement | None) -> str:
    """What the growth laws do, as a sentence after another; empty where one law alone has a say."""
    return f" The growth laws {AGREEMENT_WORDS[agreement]}." if agreement else ""


def answers_by_law(study: Study, curves: Mapping[str, xr.DataArray], weights: Mapping[str, float]) -> pd.DataFrame:
    """Every answer averaged and under every answering card, with the agreement of the cards in words.

    Parameters
    ----------
    study : Study
        Names and horizon.
    curves : mapping of str to DataArray (chain, draw, arm, day)
        From `answers.model_curves` (typical): those of the answering cards, and "averaged".
    weights : mapping of str to float
        Answer weights of the answering cards.

    Returns
    -------
    DataFrame
        Columns `quantity` (`excess_bliss[combination]`, `tgi[arm]`, …), `model`, `median`, `lower`, `upper` (95 %
        equal-tailed), `unit`, and `agreement` of the cards that carry weight (None with fewer than two): of an excess
        as `agreement_of`; another quantity agrees where each card's median lies in every other card's interval, is in
        conflict where two intervals do not meet, and differs in strength between the two.
    """
    chosen = {name: curves[name] for name in (AVERAGED, *weights) if name in curves}
    tables = {model: _answers(study, draws) for model, draws in chosen.items()}
    rows: list[pd.DataFrame] = []
    for model, table in tables.items():
        words = [
            _agreement(str(name), {card: tables[card].loc[name] for card in weights}, weights) for name in table.index
        ]
        agreement = pd.Series(words, index=table.index, dtype=object)
        rows.append(table.assign(model=model, agreement=agreement).rename_axis("quantity").reset_index())
    if not rows:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]


def _answers(study: Study, curve: xr.DataArray) -> pd.DataFrame:
    """Median, interval, unit and (of an excess) probability of each quantity of one model."""
    at_horizon = curve.sel(day=[study.horizon])
    parts: list[pd.DataFrame] = []
    for reference in REFERENCES if judged_combinations(study) else ():
        draws = interaction_of(study, at_horizon, "", reference).draws.isel(day=0, drop=True)  # pyright: ignore
        unit = "share of control volume" if reference == "additive" else "log units"
        table = interval(draws).assign(unit=unit, probability=probability_positive(draws).to_series())
        parts.append(table.rename(index=f"excess_{reference}[{{}}]".format))
    for name, draws in arm_estimands(curve, study).items():
        parts.append(
            interval(draws).assign(unit=draws.attrs["unit"], probability=None).rename(index=f"{name}[{{}}]".format)
        )
    return pd.concat([part.astype({"probability": object}) for part in parts])


def _agreement(quantity: str, found: Mapping[str, pd.Series], weights: Mapping[str, float]) -> Agreement | None:
    if quantity.startswith("excess_"):
        return agreement_of({card: row["probability"] for card, row in found.items()}, weights)
    carrying = [row for card, row in found.items() if weights[card] >= CARRIES]
    if len(carrying) < 2:
        return None
    pairs = list(combinations(carrying, 2))
    if any(one["lower"] > other["upper"] or other["lower"] > one["upper"] for one, other in pairs):
        return "conflict"
    inside = all(
        one["lower"] <= other["median"] <= one["upper"] and other["lower"] <= one["median"] <= other["upper"]
        for one, other in pairs
    )
    return "agree" if inside else "differ in strength"
