"""Calibration of a panel card: a panel simulated with parameters from its priors, fitted, the truth ranked."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xenograft.errors import InputError
from xenograft.model.card import ModelCard
from xenograft.model.exposure import kind_of
from xenograft.model.vocabulary import EXPOSURE
from xenograft.panels.answers import ExcessOfCard
from xenograft.panels.density import panel_density
from xenograft.panels.fit import PanelFit, fit_panel
from xenograft.panels.likelihood import model_log_likelihood
from xenograft.planning.calibration_trial import (
    DAYS,
    HORIZON,
    LIKELIHOOD_DRAWS,
    REDRAWN_AT_MOST,
    VISITS,
    CalibrationTrial,
    agents_of,
    ranks_of,
)
from xenograft.planning.design import Design
from xenograft.planning.panel_truths import panel_truth_of, prior_panel_draws
from xenograft.planning.planned_panel import PlannedPanel, names_of
from xenograft.planning.simulated_panel import SimulatedPanel, example_panel, simulate_panel, true_answers
from xenograft.planning.trials import Outcome
from xenograft.simulation.true_excess import true_excess
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

MODELS, ANIMALS = 8, 2

MODERATORS = {
    "number": (-1.3, -0.9, -0.5, -0.1, 0.2, 0.6, 1.0, 1.4),
    "category": (1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, np.nan),
}
"""Of a card with moderators, by model: one of each kind, of one model unknown."""


def bare_design(card: ModelCard) -> Design:
    """The design of a panel card's calibration: 8 models, 2 animals in each of 4 arms, 7 visits in 3 weeks.

    Nothing is below a limit and no animal leaves, as in the calibration of a study's card.
    """
    agents = agents_of(card)
    decaying = any("waning" in EXPOSURE[kind_of(card.exposure, agent)].priors for agent in agents)
    dosings = [Dosing(agent, days if decaying else days[:1]) for agent, days in zip(agents, DAYS, strict=False)]
    single = [Arm(dosing.agent, dosings=(dosing,)) for dosing in dosings]
    arms = (Arm("vehicle", control=True), *single, Arm(" + ".join(agents), dosings=tuple(dosings)))
    names = names_of(MODELS)
    known = {name: dict(zip(names, values, strict=True)) for name, values in MODERATORS.items()}
    return Design(
        f"calibration of {card.name}", arms, dict.fromkeys((arm.name for arm in arms), ANIMALS), VISITS,
        horizon=HORIZON, panel=PlannedPanel(names, {}, known if card.moderators else {}),
    )  # fmt: skip


def rank_one_panel(trial: CalibrationTrial) -> Outcome:
    """Draw a truth, simulate a panel, fit it, and rank the truth among the posterior draws, as `rank_one_study`.

    Ranked are all parameters, the excess of the average model, of a new one and of the panel's first, and the joint log
    likelihood.
    """
    card = trial.card
    panel, drawn, redrawn, seed = _drawn_panel(trial)
    fitted = fit_panel(panel, card, seed=seed, settings=trial.settings, progress=False, method=trial.method)
    if fitted.health.status == "fail":
        return {"failed": f"did not converge: {'; '.join(fitted.health.failures)}", "redrawn": redrawn}
    worth = fitted.health.effective_draws
    quantities = _quantities(fitted, panel, drawn, seed)
    ranks = ranks_of(quantities, np.random.default_rng(seed), np.inf if worth is None else worth)
    return {"ranks": ranks, "redrawn": redrawn, "health": fitted.health.status, "method": fitted.method}


def _drawn_panel(trial: CalibrationTrial) -> tuple[SimulatedPanel, xr.Dataset, int, int]:
    """The panel of a trial, its true parameters, how often it was drawn again, and the seed of the fit."""
    design = bare_design(trial.card)
    bare = example_panel(design, None)
    streams = np.random.SeedSequence([trial.seed, trial.number, int(trial.card.digest[:8], 16)])
    for redrawn, stream in enumerate(streams.spawn(REDRAWN_AT_MOST)):
        of_parameters, of_panel, of_fit = (int(number) for number in stream.generate_state(3))
        drawn = prior_panel_draws(bare, trial.truths_from, 1, seed=of_parameters).squeeze("draw", drop=True)
        truth = panel_truth_of(trial.card, drawn, bare)
        try:
            return simulate_panel(design, truth, seed=of_panel), drawn, redrawn, of_fit
        except InputError:
            continue
    raise InputError("no panel could be simulated: tumours beyond any volume. Use narrower priors.")


def _quantities(
    fitted: PanelFit, panel: SimulatedPanel, drawn: xr.Dataset, seed: int
) -> dict[str, tuple[xr.DataArray, float]]:
    """Draws and true value of everything that is ranked."""
    card, posterior = fitted.card, fitted.posterior
    found: dict[str, tuple[xr.DataArray, float]] = {}
    for name in map(str, drawn):
        places: list[dict[str, Any]] = [{}]
        for dim in drawn[name].dims:
            places = [place | {str(dim): i} for place in places for i in range(drawn.sizes[dim])]
        for place in places:
            draws = posterior[name].isel(place)
            label = ", ".join(str(draws[dim].item()) for dim in place)
            found[f"{name}[{label}]" if place else name] = draws, float(drawn[name].isel(place))
    # a card without a departure has a Bliss excess of 0 throughout
    reference = "bliss" if card.answers else "hsa"
    of_card, day = ExcessOfCard(panel, fitted, seed), [panel.horizon]
    for arm in panel.judged:
        true = true_answers(panel, arm, reference, seed=seed)
        first, label = panel.models[0], f"{reference} excess[{arm.name}]"
        average = of_card.excess(of_card.typical, arm, reference, day).isel(day=0, drop=True)
        new = of_card.excess(of_card.new, arm, reference, day).isel(day=0, drop=True)
        own = of_card.of_models(arm, reference).sel(model=first, drop=True)
        found[label] = average, true["average"]
        found[f"{label} of a new model"] = new, true["new_model"]
        of_first: Truth = panel.truths[first]
        at = panel.design.first_dose + panel.horizon
        exact = true_excess(panel.design.arms, of_first, at, reference).sel(combination=arm.name)
        found[f"{label} of {first}"] = own, float(exact.squeeze())
    density = panel_density(panel, card)
    thinned = posterior.isel(draw=slice(None, None, max(1, posterior.sizes["draw"] // LIKELIHOOD_DRAWS)))
    nothing = xr.Dataset()
    joint = model_log_likelihood(density, density.unconstrained(thinned, nothing)).sum("model")
    at_truth = density.unconstrained(drawn.expand_dims(("chain", "draw")), nothing)
    found["log likelihood"] = joint, float(model_log_likelihood(density, at_truth).sum())
    return found
