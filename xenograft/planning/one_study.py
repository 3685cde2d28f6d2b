"""One planned study, simulated and answered: what it says, and whether that is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xenograft.answers.averaging import AVERAGED, average
from xenograft.answers.ranking import compare
from xenograft.answers.verdicts import agreement_of, no_conclusion, verdict_words
from xenograft.fitting.curves import curves_of, reference_names
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import Method, SamplerSettings, fit
from xenograft.model.card import ModelCard
from xenograft.planning.design import Design, simulate_design
from xenograft.planning.trials import Outcome
from xenograft.quantities.estimands import JudgedReference, excess, probability_positive, quantiles
from xenograft.simulation.true_excess import true_excess
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Study
from xenograft.study.tested import why_not_judged

SETTINGS = SamplerSettings(draws=500, tune=500)

BOTH_WAYS_EVERY = 25
"""Of so many studies one is fitted by importance sampling and by NUTS, so that a difference would be seen."""


@dataclass(frozen=True)
class PlannedStudy:
    """A study to simulate, fit and answer.

    Parameters
    ----------
    design : Design
        Arms, animals, visits.
    truth : Truth
        What it is simulated with.
    cards : tuple of ModelCard
        What is fitted; two or more that answer are averaged by stacking, as in a report.
    reference : {"bliss", "hsa"}
        What no interaction means.
    seed, number : int
        Seed of the plan and number of the study: the same in every cell of a plan, so that cells are compared on
        studies that are as alike as they can be.
    settings : SamplerSettings
        How to sample.
    method : {"nuts", "importance"}
        As in `fit`.
    both_ways : int
        Of so many studies one is fitted by NUTS too, where `method` is "importance".
    """

    design: Design
    truth: Truth
    cards: tuple[ModelCard, ...]
    reference: JudgedReference
    seed: int
    number: int
    settings: SamplerSettings = SETTINGS
    method: Method = "importance"
    both_ways: int = BOTH_WAYS_EVERY


def answer_planned_study(planned: PlannedStudy) -> Outcome:
    """Simulate a study, fit it, and answer for its primary combination at its horizon.

    Returns
    -------
    outcome
        `day` (the horizon), `true` (the excess then, log units) and `answers`: for each card, and "averaged" where
        several answer, `words`, and where a fit converged `median`, `lower`, `upper` (95 %) and `probability` of an
        excess above 0; `by_nuts`, fits that importance sampling left to NUTS; of one study in `both_ways`
        `difference`, the largest difference of a card's probability between both ways. `failed` where no fit
        converged.
    """
    of_study, of_fits = np.random.SeedSequence([planned.seed, planned.number]).generate_state(2)
    study = simulate_design(planned.design, planned.truth, seed=int(of_study))
    combination = study.primary_combination
    if combination is None:
        return {"failed": "the design has no combination"}
    if reason := why_not_judged(study, combination):
        return {"failed": f"{combination.name} has no reference: {reason}"}
    exact = true_excess(planned.design.arms, planned.truth, study.horizon, planned.reference)
    several = sum(card.answers for card in planned.cards) > 1
    keep = "likelihood" if several else "posterior"

    def fitted(method: Method) -> dict[str, Fit]:
        return {
            card.name: fit(
                study, card, seed=int(of_fits), settings=planned.settings, progress=False, keep=keep, method=method
            )
            for card in planned.cards
        }

    fits = fitted(planned.method)
    draws = {name: _excess(one, study, combination, planned.reference) for name, one in fits.items()}
    answers = {
        name: answer_of(found)
        if fits[name].health.status != "fail"
        else {"words": f"no conclusion: {_why(fits[name])}"}
        for name, found in draws.items()
    }
    if several:
        answers[AVERAGED] = _averaged(fits, draws)
    found: dict[str, Any] = {
        "day": study.horizon,
        "true": float(exact.sel(combination=combination.name).squeeze()),
        "answers": answers,
    }
    if planned.method == "importance":
        found["by_nuts"] = sum(one.method == "nuts" for one in fits.values())
        if planned.number % planned.both_ways == 0:
            found["difference"] = _difference(draws, fitted("nuts"), study, combination, planned.reference)
    if all("median" not in answer for answer in answers.values()):
        found["failed"] = "; ".join(f"{name}: {_why(one)}" for name, one in fits.items())
    return found


def _excess(fitted: Fit, study: Study, combination: Arm, reference: JudgedReference) -> xr.DataArray:
    curves = curves_of(fitted.posterior, study, fitted.card, [study.horizon])
    names = reference_names(study, combination)
    return excess(curves, combination.name, names, study.control.name, reference).isel(day=0, drop=True)


def _difference(
    draws: Mapping[str, xr.DataArray],
    others: Mapping[str, Fit],
    study: Study,
    combination: Arm,
    reference: JudgedReference,
) -> float:
    """The largest difference of a card's probability of an excess above 0 between draws and those of other fits."""
    pairs = [(draws[name], _excess(one, study, combination, reference)) for name, one in others.items()]
    return max(abs(float(probability_positive(a)) - float(probability_positive(b))) for a, b in pairs)


def _averaged(fits: Mapping[str, Fit], draws: Mapping[str, xr.DataArray]) -> dict[str, Any]:
    """The verdict of a report: answering cards averaged by stacking, none where they contradict each other."""
    ranking = compare(fits)
    weights = ranking.answer_weights
    if not weights:
        return {"words": no_conclusion(fits, ranking)}
    own = {name: draws[name] for name in weights}
    agreement = agreement_of({name: float(probability_positive(found)) for name, found in own.items()}, weights)
    return answer_of(average(own, weights), agreement)


def answer_of(draws: xr.DataArray, agreement: str | None = None) -> dict[str, Any]:
    """The verdict's `words`, `median`, `lower`, `upper` (95 %) and `probability` above 0 of draws (chain, draw)."""
    lower, median, upper = quantiles(draws.to_numpy(), (0.025, 0.5, 0.975)).tolist()
    probability = float(probability_positive(draws))
    return {
        "words": verdict_words(probability, agreement),
        "median": median,
        "lower": lower,
        "upper": upper,
        "probability": probability,
    }


def _why(fitted: Fit) -> str:
    return f"the sampler did not converge ({'; '.join(fitted.health.failures)})"
