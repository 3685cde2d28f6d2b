"""One planned panel, simulated and answered: what it says to each of its questions, and whether that is true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xenograft.answers.averaging import AVERAGED, average
from xenograft.answers.verdicts import agreement_of
from xenograft.fitting.sampling import Method
from xenograft.panels.answers import ExcessOfCard, compare_panel, values_of
from xenograft.panels.fit import PanelFit, fit_panel
from xenograft.planning.one_study import PlannedStudy, answer_of
from xenograft.planning.simulated_panel import SimulatedPanel, simulate_panel, true_answers
from xenograft.planning.trials import Outcome
from xenograft.quantities.estimands import JudgedReference, probability_positive
from xenograft.study.study import Arm

AVERAGE, NEW_MODEL = "average", "new_model"
"""Questions of every panel; each moderator is one more, under its name."""

NOT_LEARNABLE = "no conclusion: it does not differ between the models"


def answer_planned_panel(planned: PlannedStudy) -> Outcome:
    """Simulate a panel, fit it, and answer for its primary combination at its horizon.

    Returns
    -------
    outcome
        As of `answer_planned_study`, with `true` and `answers` by question: the average model, a new model (whose
        `true` excess is that of one more model drawn), and each moderator (log units per unit of it; "enhanced" where
        the excess rises with it). Models are left out by importance sampling alone where cards are averaged.
    """
    of_panel, of_fits, of_new = np.random.SeedSequence([planned.seed, planned.number]).generate_state(3)
    panel = simulate_panel(planned.design, planned.truth, seed=int(of_panel))
    return answer_panel(panel, planned, seed=int(of_fits), seed_of_new=int(of_new))


def answer_panel(panel: SimulatedPanel, planned: PlannedStudy, *, seed: int, seed_of_new: int) -> Outcome:
    """The answers to a simulated panel, as `answer_planned_panel` returns them.

    Parameters
    ----------
    panel : SimulatedPanel
        The panel with its truth.
    planned : PlannedStudy
        How it is fitted.
    seed, seed_of_new : int
        Of the fits, and of the model that was not tested.
    """
    primary = panel.design.primary
    combination = next((arm for arm in panel.judged if primary in (None, arm.name)), None)
    if combination is None:
        return {"failed": "no model gives the agents of the combination alone"}
    cards = [card for card in planned.cards if not card.moderators or panel.moderators.shape[1]]
    several = sum(card.answers for card in cards) > 1

    def fitted(method: Method) -> dict[str, PanelFit]:
        keep = "likelihood" if several else "posterior"
        return {
            card.name: fit_panel(
                panel, card, seed=seed, settings=planned.settings, progress=False, keep=keep, method=method
            )
            for card in cards
        }

    fits = fitted(planned.method)
    draws = {name: _draws(panel, one, combination, planned.reference) for name, one in fits.items() if one.card.answers}
    questions = [AVERAGE, NEW_MODEL, *asked_moderators(planned)]
    answers: dict[str, dict[str, Any]] = {question: {} for question in questions}
    for name, one in fits.items():
        for question in questions if one.card.answers else ():
            if one.health.status == "fail":
                answers[question][name] = {"words": f"no conclusion: the sampler did not converge ({_why(one)})"}
            elif question in draws[name]:
                answers[question][name] = answer_of(draws[name][question])
            elif one.card.moderators:
                answers[question][name] = {"words": NOT_LEARNABLE}
    if several:
        for question, answer in _averaged(fits, draws, questions).items():
            answers[question][AVERAGED] = answer
    found: dict[str, Any] = {
        "day": panel.horizon,
        "true": true_answers(panel, combination, planned.reference, seed=seed_of_new),
        "answers": answers,
    }
    if planned.method == "importance":
        found["by_nuts"] = sum(one.method == "nuts" for one in fits.values())
        if planned.number % planned.both_ways == 0:
            found["difference"] = _difference(panel, draws, fitted("nuts"), combination, planned.reference)
    if all("median" not in answer for answer in answers[AVERAGE].values()):
        found["failed"] = "; ".join(f"{name}: {_why(one)}" for name, one in fits.items()) or "no card can be fitted"
    return found


def asked_moderators(planned: PlannedStudy) -> list[str]:
    """Moderators that the cards ask about: those of the design, then those of the truth."""
    of_design = [] if planned.design.panel is None else list(planned.design.panel.moderators)
    of_truth = [] if planned.truth.panel is None else list(planned.truth.panel.moderators)
    return list(dict.fromkeys([*of_design, *of_truth])) if any(card.moderators for card in planned.cards) else []


def _draws(
    panel: SimulatedPanel, fitted: PanelFit, combination: Arm, reference: JudgedReference
) -> dict[str, xr.DataArray]:
    """Draws (chain, draw) of the answer to each question under one card."""
    of_card, day = ExcessOfCard(panel, fitted, 1), [panel.horizon]
    found = {
        AVERAGE: of_card.excess(of_card.typical, combination, reference, day).isel(day=0, drop=True),
        NEW_MODEL: of_card.excess(of_card.new, combination, reference, day).isel(day=0, drop=True),
    }
    if not fitted.card.moderators:
        return found
    ends = of_card.at_values(combination, reference)
    for name, (low, high) in values_of(panel).items():
        both = ends.sel(moderator=name, drop=True)
        found[name] = (both.sel(place="high", drop=True) - both.sel(place="low", drop=True)) / (high - low)
    return found


def _averaged(
    fits: Mapping[str, PanelFit], draws: Mapping[str, Mapping[str, xr.DataArray]], questions: list[str]
) -> dict[str, dict[str, Any]]:
    """The verdicts of a report: answering cards averaged, of a moderator those that have moderators."""
    ranking = compare_panel(fits, exact=False)
    weights = ranking.answer_weights
    found: dict[str, dict[str, Any]] = {}
    for question in questions:
        own = {name: draws[name][question] for name in weights if question in draws[name]}
        mine = {name: weights[name] for name in own}
        if not weights:
            reasons = "; ".join(f"{name}: {why}" for name, why in ranking.refused.items())
            found[question] = {"words": f"no conclusion: the sampler did not converge ({reasons})"}
        elif not own or not sum(mine.values()):
            found[question] = {"words": NOT_LEARNABLE if not own else "no conclusion: no card with moderators predicts"}
        elif question == AVERAGE:
            said = {name: float(probability_positive(one)) for name, one in own.items()}
            found[question] = answer_of(average(own, mine), agreement_of(said, weights))
        else:
            found[question] = answer_of(average(own, mine))
    return found


def _difference(
    panel: SimulatedPanel,
    draws: Mapping[str, Mapping[str, xr.DataArray]],
    others: Mapping[str, PanelFit],
    combination: Arm,
    reference: JudgedReference,
) -> float:
    """The largest difference of a probability above 0 between draws and those of other fits."""
    again = {name: _draws(panel, others[name], combination, reference) for name in draws}
    return max(
        abs(float(probability_positive(draws[name][question])) - float(probability_positive(again[name][question])))
        for name in draws
        for question in draws[name]
    )


def _why(fitted: PanelFit) -> str:
    return "; ".join(fitted.health.failures)
