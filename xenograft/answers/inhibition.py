"""The verdict of a study without a combination: does a treatment slow tumours down against the vehicle?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import (
    Agreement,
    agreement_of,
    is_borderline,
    monte_carlo_error,
    no_conclusion,
    of_several_laws,
    verdict_words,
)
from xenograft.files import finite
from xenograft.fitting.fit import Fit
from xenograft.printing import interval_in_words, number, share_in_words
from xenograft.quantities.catalogue import questions
from xenograft.quantities.estimands import probability_positive, tumour_growth_inhibition

WORDS = ("inhibited", "faster than the vehicle")
"""Of a treatment under which tumours are smaller, or larger, than the vehicle's."""


@dataclass(frozen=True)
class Inhibition:
    """What the study says of a treatment against the vehicle at the horizon.

    Parameters
    ----------
    arm, control : str
        The treated arm and the vehicle.
    day : float
        The horizon, as recorded.
    probability : float or None
        That the typical tumour is smaller than the vehicle's, averaged over the answering cards; None without a
        healthy one.
    relevant, opposite : float or None
        That its volume is smaller (larger) by more than the margin.
    margin : float
        Of TGI (%): how much inhibition matters.
    mcse : float or None
        Monte-Carlo standard error of `probability`.
    words : str
        "inhibited", "faster than the vehicle", "not distinguishable by these data" or "no conclusion: …".
    agreement : {"agree", "differ in strength", "opposite directions", "conflict"} or None
        As `agreement_of` the answering cards.
    borderline : bool
        Whether `probability` is within 3 Monte-Carlo standard errors of a limit.
    caution : bool
        Whether an answering fit is not *pass*: averaged with caution, or failed and left out.
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


def inhibitions(fits: Mapping[str, Fit], ranking: Comparison, curves: Mapping[str, xr.DataArray]) -> list[Inhibition]:
    """A verdict for every treated arm against the vehicle, at the study's horizon.

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
    treated = [arm.name for arm in study.arms if not arm.control]
    margin, day, control = float(questions()["tgi"].margin), study.horizon, study.control.name
    if not weights:
        words = no_conclusion(fits, ranking)
        return [
            Inhibition(name, control, day, None, None, None, margin, None, words, None, False, False)
            for name in treated
        ]
    of_card = {name: tumour_growth_inhibition(curves[name], control, day) for name in (*weights, AVERAGED)}
    caution = any(one.health.status != "pass" for one in fits.values() if one.card.answers)
    found: list[Inhibition] = []
    for name in treated:
        own = {card: of_card[card].sel(arm=name) for card in weights}
        averaged = of_card[AVERAGED].sel(arm=name)
        probability = float(probability_positive(averaged))
        error = float(np.sqrt(sum(weights[card] * monte_carlo_error(draws) ** 2 for card, draws in own.items())))
        said = {card: float(probability_positive(one)) for card, one in own.items()}
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
                words=verdict_words(probability, agreement, *WORDS),
                agreement=agreement,
                borderline=is_borderline(probability, error),
                caution=caution,
            )
        )
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
    head = f"{verdict.arm} against {verdict.control}"
    if verdict.probability is None or verdict.relevant is None:
        return f"{head}: {verdict.words}."
    said = {(row["arm"], row["quantity"]): row for row in arms.to_dict("records")}

    def size(arm: str, quantity: str, digits: int = 3) -> str:
        row = said[arm, quantity]
        limits = {key: finite(row[key]) for key in ("median", "lower", "upper")}
        return interval_in_words(limits | {"reason": row["reason"]}, digits)

    return (
        f"{head}, day {verdict.day:g}: {verdict.words}. "
        f"TGI {size(verdict.arm, 'tgi')} %, T/C {size(verdict.arm, 'tc')} % (95 % intervals); "
        f"growth rate {size(verdict.arm, 'growth_rate', 2)} per day, of {verdict.control} "
        f"{size(verdict.control, 'growth_rate', 2)}; "
        f"the probability that tumours are smaller than under {verdict.control} is "
        f"{share_in_words(verdict.probability)}, by more than {number(verdict.margin)} % of its volume "
        f"{share_in_words(verdict.relevant)}."
    )
