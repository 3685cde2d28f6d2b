"""What weakens a verdict, once: the terminal, results.json, Markdown, JUnit and the page say these sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import xarray as xr

from xenograft.answers.followed import AGAINST, EXCESS, inhibition_label
from xenograft.answers.inhibition import Inhibition, words_of
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import AGREEMENT_WORDS, CARRIES, INTERACTION_WORDS, VERDICT_REFERENCES, Verdict
from xenograft.evidence.predictive_check import PredictiveCheck
from xenograft.evidence.sensitivity import (
    on_single_animals_in_words,
    prior_sensitivity,
    sensitive_in_words,
)
from xenograft.evidence.spread_check import unlike
from xenograft.fitting.fit import Fit
from xenograft.printing import few
from xenograft.quantities.catalogue import shown
from xenograft.study.flattening import flattenings
from xenograft.study.groups import cages_of, nested_in_arms
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print
from xenograft.study.tested import judged_combinations, unjudged_combinations

type About = Literal[
    "Health of the fits",
    "Verdict",
    "Growth laws",
    "Predictive check",
    "Single animals",
    "Priors",
    "Floor",
    "Cages",
    "Spread of animals",
]


@dataclass(frozen=True)
class Caution:
    """One doubt about a verdict.

    Parameters
    ----------
    about : str
        What was looked at.
    words : str
        What was found, as a sentence.
    """

    about: About
    words: str


def cautions_about(
    verdict: Verdict | Inhibition,
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    checks: Mapping[str, PredictiveCheck],
    priors: Mapping[str, pd.DataFrame],
    without: pd.DataFrame | None = None,
) -> tuple[Caution, ...]:
    """Every doubt about a verdict; none where nothing was concluded.

    Parameters
    ----------
    verdict : Verdict or Inhibition
        Of a combination, or of an arm against the vehicle.
    study, fits, ranking
        The analysis.
    checks : mapping of str to PredictiveCheck
        Of the answering cards that carry weight.
    priors : mapping of str to DataFrame
        From `prior_sensitivity`, of the answering cards.
    without : DataFrame, optional
        From `without_each_animal`, of this verdict; None where nothing was concluded.
    """
    if verdict.probability is None:
        return ()
    return (
        *_of_sampling(verdict, fits),
        *_of_laws(verdict, ranking, checks),
        *_of_readings(study, ranking, checks),
        *_of_animals(verdict, without),
        *_of_priors(verdict, ranking, priors),
        *_of_floors(verdict, study),
        *_of_cages(study),
        *_of_spread(ranking, checks),
    )


def owed_to_priors(
    fits: Mapping[str, Fit], ranking: Comparison, curves: Mapping[str, xr.DataArray]
) -> dict[str, pd.DataFrame]:
    """What the judged answers of each answering card owe to its priors, from `prior_sensitivity`.

    Parameters
    ----------
    fits, ranking
        The analysis.
    curves : mapping of str to DataArray
        Typical curves by model.
    """
    found: dict[str, pd.DataFrame] = {}
    for name in ranking.answer_weights:
        judged = [f"{EXCESS}{key}" for key in VERDICT_REFERENCES]
        study = fits[name].study
        only = judged if judged_combinations(study) else [number.key for number in shown("priors")]
        only = [*only, AGAINST, "tgi"] if unjudged_combinations(study) else only
        found[name] = prior_sensitivity(fits[name], curves[name], only=only)
    return found


def carrying(ranking: Comparison) -> list[str]:
    """The answering cards that carry weight, the heaviest first."""
    weights = ranking.answer_weights
    return sorted((name for name, weight in weights.items() if weight >= CARRIES), key=lambda name: -weights[name])


def none_reproduces(ranking: Comparison, checks: Mapping[str, PredictiveCheck]) -> bool:
    """Whether every answering card that carries weight fails the predictive check: what they share is then wrong."""
    names = carrying(ranking)
    return bool(names) and all(name in checks and checks[name].warnings for name in names)


def _of_sampling(verdict: Verdict | Inhibition, fits: Mapping[str, Fit]) -> Iterable[Caution]:
    if verdict.caution:
        sick = {name: fit.health.status for name, fit in fits.items() if fit.card.answers}
        named = few([f"{name}: {status}" for name, status in sick.items() if status != "pass"])
        yield Caution("Health of the fits", f"A model that may answer did not sample well ({named}).")
    if verdict.borderline:
        words = "The probability is within its Monte-Carlo error of a limit; use more draws."
        yield Caution("Verdict", words)


def _of_laws(
    verdict: Verdict | Inhibition, ranking: Comparison, checks: Mapping[str, PredictiveCheck]
) -> Iterable[Caution]:
    if verdict.agreement in ("conflict", "opposite directions"):
        yield Caution("Growth laws", f"The growth laws {AGREEMENT_WORDS[verdict.agreement]}.")
    elif verdict.agreement is not None and none_reproduces(ranking, checks):
        words = "No growth law that carries weight reproduces the readings: that they agree would say little."
        yield Caution("Growth laws", words)


def _of_readings(study: Study, ranking: Comparison, checks: Mapping[str, PredictiveCheck]) -> Iterable[Caution]:
    heaviest = next(iter(carrying(ranking)), "")
    missed = checks[heaviest].warnings if heaviest in checks else ()
    if missed:
        arms = [arm.name for arm in study.arms if any(words.startswith(f"{arm.name}: ") for words in missed)]
        yield Caution("Predictive check", f"{heaviest} does not predict the readings of {few(arms, 4)} well.")


def concludes(verdict: Verdict | Inhibition) -> bool:
    """Whether a verdict claims a direction."""
    return verdict.words in _extremes(verdict)


def _extremes(verdict: Verdict | Inhibition) -> tuple[str, str]:
    return words_of(verdict.independence) if isinstance(verdict, Inhibition) else INTERACTION_WORDS


def _of_animals(verdict: Verdict | Inhibition, without: pd.DataFrame | None) -> Iterable[Caution]:
    if without is None or not len(without) or verdict.probability is None:
        return
    hangs, _, not_known = on_single_animals_in_words(without, verdict.probability, _extremes(verdict))
    if hangs or not_known:
        yield Caution("Single animals", " ".join(filter(None, [f"{hangs}." if hangs else "", not_known])))


def _of_priors(
    verdict: Verdict | Inhibition, ranking: Comparison, priors: Mapping[str, pd.DataFrame]
) -> Iterable[Caution]:
    if isinstance(verdict, Inhibition):
        what, label = "inhibition", inhibition_label(verdict.arm, verdict.control, verdict.independence)
    else:
        what, label = "excess", f"{EXCESS}{verdict.reference}[{verdict.combination}]"
    if words := sensitive_in_words(priors, ranking.answer_weights, label):
        yield Caution("Priors", f"The {what} moves with the priors ({words}).")


def spread_in_words(ranking: Comparison, checks: Mapping[str, PredictiveCheck]) -> str:
    """Where animals do not differ as the heaviest card says, and what rests on that; empty where they do."""
    heaviest = next(iter(carrying(ranking)), "")
    spread = checks[heaviest].spread if heaviest in checks else pd.DataFrame()
    found = unlike(spread) if len(spread) else {}
    effects = {"more": "narrow", "less": "wide"}
    told = [
        f"Animals of {few(arms)} differ {how} than {heaviest} says: predicted intervals of new animals, response "
        f"classes and survival there are too {effects[how]}."
        for how, arms in found.items()
    ]
    return " ".join(told)


def _of_spread(ranking: Comparison, checks: Mapping[str, PredictiveCheck]) -> Iterable[Caution]:
    if words := spread_in_words(ranking, checks):
        yield Caution("Spread of animals", words)


def _of_floors(verdict: Verdict | Inhibition, study: Study) -> Iterable[Caution]:
    if isinstance(verdict, Inhibition) or not verdict.words.startswith("less"):
        return
    found = flattenings(study).get(verdict.combination)
    if found is not None:
        yield Caution(
            "Floor",
            f"{verdict.combination} ends near a floor: from day {found.day:g} on its readings stay at about "
            f"{found.volume:.3g} {unit_in_print(study.unit)}, near the smallest of the study; what it does beyond that "
            "cannot be seen.",
        )


def _of_cages(study: Study) -> Iterable[Caution]:
    """Cages that differ by nobody knows how much: of which no model knows, or of which each is an arm."""
    cages = cages_of(study.animals)
    if not cages["cage"].duplicated().any() or not nested_in_arms(cages):
        return
    if study.group != "cage":
        yield Caution(
            "Cages",
            f"Animals of an arm share cages ({cages['cage'].nunique()} of them), each cage is of one arm, and the "
            "models know the mice, not the cages: where cages differ, the interval is too narrow.",
        )
    elif alone := [arm for arm, own in cages.groupby("arm", sort=False)["cage"] if own.nunique() == 1 and len(own) > 1]:
        yield Caution(
            "Cages",
            f"All animals of {few([str(arm) for arm in alone])} live in one cage: what the treatment does cannot be "
            "told from what the cage does, and how wide the interval is rests on the prior of cage_share.",
        )
