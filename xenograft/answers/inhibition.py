"""A treated arm against another: of a study, or a combination, whose interaction cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED
from xenograft.answers.precision import error_of_average, is_borderline, known_from
from xenograft.answers.ranking import Comparison
from xenograft.answers.summary import arm_numbers
from xenograft.answers.verdicts import (
    NOT_JUDGED,
    Agreement,
    agreement_of,
    no_conclusion,
    of_several_laws,
    verdict_words,
)
from xenograft.files import finite
from xenograft.fitting.fit import Fit
from xenograft.printing import capitalised, interval_in_words, number, percent_interval, share_in_words
from xenograft.quantities.catalogue import arm_estimands, questions
from xenograft.quantities.estimands import probability_positive, tumour_growth_inhibition
from xenograft.study.study import Study
from xenograft.study.tested import compared_arms, judged_combinations, unjudged_combinations, why_not_judged

WORDS = ("inhibited", "faster than the vehicle")
"""Of a treatment under which tumours are smaller, or larger, than the vehicle's."""

WORDS_OF_ARMS = ("inhibited", "faster than that arm")
"""The same of a combination of which an agent was not tested alone, against the arms that get a part of it."""

NUMBERS = ("tgi", "tc", "growth_rate", "growth_rate_inhibition")
"""Numbers of the arm that stand in a verdict on it."""


@dataclass(frozen=True)
class Inhibition:
    """What the study says of a treatment against the vehicle, or another arm, at the horizon.

    Parameters
    ----------
    arm, control : str
        The treated arm and what it is compared with: the vehicle, or an arm that gets a part of its agents.
    day : float
        The horizon, as recorded.
    probability : float or None
        That the typical tumour is smaller than under `control`, averaged over the answering cards; None without a
        healthy one.
    relevant, opposite : float or None
        That its volume is smaller (larger) by more than the margin.
    margin : float
        Of TGI (%): how much inhibition matters.
    mcse : float or None
        Monte-Carlo standard error of `probability`.
    words : str
        "inhibited", "faster than the vehicle" (with `independence` "faster than that arm"), "not distinguishable by
        these data" or "no conclusion: …".
    agreement : {"agree", "differ in strength", "opposite directions", "conflict"} or None
        As `agreement_of` the answering cards.
    borderline : bool
        Whether `probability` is within 2 Monte-Carlo standard errors of a limit.
    caution : bool
        Whether an answering fit is not *pass*: averaged with caution, or failed and left out.
    independence : str or None
        Of a combination, why nothing is concluded on its interaction.
    """

    arm: str
    control: str
    day: float
    probability: float | None
    relevant: float | None
    opposite: float | None
    margin: float
    mcse: float | None
    words: str
    agreement: Agreement | None
    borderline: bool
    caution: bool
    independence: str | None = None


def judged_pairs(study: Study) -> list[tuple[str, str]]:
    """Which arms are judged against which.

    A combination without a reference against the arms that get a part of it, and the vehicle; in a study where no
    combination has a reference, every other treated arm against the vehicle.
    """
    compared = compared_arms(study)
    pairs = [(arm, other) for arm, others in compared.items() for other in others]
    if judged_combinations(study):
        return pairs
    alone = [arm.name for arm in study.arms if not arm.control and arm.name not in compared]
    return [*pairs, *((name, study.control.name) for name in alone)]


def inhibitions(fits: Mapping[str, Fit], ranking: Comparison, curves: Mapping[str, xr.DataArray]) -> list[Inhibition]:
    """A verdict for each of `judged_pairs`, at the study's horizon.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    curves : mapping of str to DataArray
        From `model_curves` (typical).
    """
    study, weights = next(iter(fits.values())).study, ranking.answer_weights
    margin, day = float(questions()["tgi"].margin), study.horizon
    missing = {arm.name: f"{NOT_JUDGED['bliss']}: {why_not_judged(study, arm)}" for arm in unjudged_combinations(study)}
    pairs = judged_pairs(study)
    if not weights:
        words = no_conclusion(fits, ranking)
        return [
            Inhibition(arm, control, day, None, None, None, margin, None, words, None, False, False, missing.get(arm))
            for arm, control in pairs
        ]
    caution = any(one.health.status != "pass" for one in fits.values() if one.card.answers)
    found: list[Inhibition] = []
    for name, control in pairs:
        tgi = {
            card: tumour_growth_inhibition(curves[card].sel(arm=[name, control]), control, day).sel(arm=name)
            for card in (*weights, AVERAGED)
        }
        averaged = tgi.pop(AVERAGED)
        probability = float(probability_positive(averaged))
        known = {card: known_from(draws, fits[card].health.effective_draws) for card, draws in tgi.items()}
        error = error_of_average(probability, weights, known)
        said = {card: float(probability_positive(one)) for card, one in tgi.items()}
        agreement = agreement_of(said, weights) if of_several_laws(fits, weights) else None
        found.append(
            Inhibition(
                arm=name,
                control=control,
                day=day,
                probability=probability,
                relevant=float((averaged > margin).mean()),
                opposite=float((averaged < -margin).mean()),
                margin=margin,
                mcse=error,
                words=verdict_words(probability, agreement, *words_of(missing.get(name))),
                agreement=agreement,
                borderline=is_borderline(probability, error),
                caution=caution,
                independence=missing.get(name),
            )
        )
    return found


def words_of(independence: str | None) -> tuple[str, str]:
    """What a verdict calls an arm with smaller tumours than its control, and one with larger."""
    return WORDS_OF_ARMS if independence else WORDS


def numbers_against(study: Study, curves: xr.DataArray, model: str) -> dict[str, pd.DataFrame]:
    """The numbers of `NUMBERS` of every arm against each arm that it is judged against.

    Parameters
    ----------
    study : Study
        Tells who is judged against whom.
    curves : DataArray (chain, draw, arm, day)
        Typical curves.
    model : str
        Named in the tables.

    Returns
    -------
    dict of str to DataFrame
        By the name of the other arm, as `Summary.arms`.
    """
    pairs = judged_pairs(study)
    found: dict[str, pd.DataFrame] = {}
    for control in dict.fromkeys(other for _, other in pairs):
        arms = [control, *(arm for arm, other in pairs if other == control)]
        own = curves.sel(arm=arms)
        draws = arm_estimands(own, study, only=NUMBERS, control=control)
        found[control] = arm_numbers(study, own, model, draws, control=control)
    return found


def primary_inhibition(found: list[Inhibition], arms: pd.DataFrame) -> Inhibition | None:
    """The verdict of the study: of its only treated arm, else of the arm with the most inhibition (median TGI).

    Parameters
    ----------
    found : list of Inhibition
        From `inhibitions`.
    arms : DataFrame
        Of the averaged typical curves, as `Summary.arms`.
    """
    tgi = arms[arms["quantity"] == "tgi"].set_index("arm")["median"]
    return max(found, key=lambda one: tgi.get(one.arm, -np.inf), default=None)


def inhibition_sentence(verdict: Inhibition, arms: pd.DataFrame) -> str:
    """A verdict as a sentence for people, without what weakens it.

    Parameters
    ----------
    verdict : Inhibition
        From `inhibitions`.
    arms : DataFrame
        Of the averaged typical curves, as `Summary.arms`.
    """
    asked = f"{capitalised(verdict.independence)}. " if verdict.independence else ""
    head = f"{asked}{verdict.arm} against {verdict.control}"
    if verdict.probability is None or verdict.relevant is None:
        return f"{head}: {verdict.words}."
    said = {(row["arm"], row["quantity"]): row for row in arms.to_dict("records")}

    def size(arm: str, quantity: str) -> str:
        row = said[arm, quantity]
        limits = {key: finite(row[key]) for key in ("median", "lower", "upper")} | {"reason": row["reason"]}
        return interval_in_words(limits, 2) if quantity == "growth_rate" else percent_interval(limits)

    return (
        f"{head}, day {verdict.day:g}: {verdict.words}. "
        f"TGI {size(verdict.arm, 'tgi')} %, T/C {size(verdict.arm, 'tc')} % (95 % intervals); "
        f"growth rate {size(verdict.arm, 'growth_rate')} per day, of {verdict.control} "
        f"{size(verdict.control, 'growth_rate')}; "
        f"the probability that tumours are smaller than under {verdict.control} is "
        f"{share_in_words(verdict.probability)}, by more than {number(verdict.margin)} % of its volume "
        f"{share_in_words(verdict.relevant)}."
    )
