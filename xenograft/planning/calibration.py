"""Simulation-based calibration: is a card's posterior as sure as it says it is?.

See docs/planning.md#is-a-model-calibrated (Talts et al. 2018).

Parameters are drawn from the card's own priors, a study is simulated with them and fitted. Over many studies the rank
of a true value among its posterior draws is uniform if simulator, likelihood and sampler say the same. Ranked are all
parameters, the excess at the horizon and the joint log likelihood, which sees errors that the parameters alone do not
(Modrák et al. 2023).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xenograft.errors import InputError
from xenograft.fitting.curves import curves_of, new_readings, prior_draws, reference_names
from xenograft.fitting.fit import versions
from xenograft.fitting.integrated import log_likelihood
from xenograft.fitting.sampling import Method, SamplerSettings, fit
from xenograft.model.card import ModelCard
from xenograft.model.vocabulary import SHRUNKEN
from xenograft.planning.calibration_record import Calibration, calibration_of
from xenograft.planning.calibration_trial import (
    DAYS,
    DOSES,
    HORIZON,
    LIKELIHOOD_DRAWS,
    REDRAWN_AT_MOST,
    SETTINGS,
    VISITS,
    CalibrationTrial,
    agents_of,
    ranks_of,
)
from xenograft.planning.card_truth import in_truths, truth_of
from xenograft.planning.panel_calibration import rank_one_panel
from xenograft.planning.trials import Outcome, run_trials
from xenograft.quantities.estimands import excess
from xenograft.simulation.simulate import LARGEST, simulate
from xenograft.simulation.true_excess import true_excess
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study
from xenograft.study.tested import untested

ANIMALS = 8
COHORTS = 4


def calibrate(
    card: ModelCard,
    store: str | Path,
    *,
    studies: int = 500,
    seed: int = 1,
    workers: int = 0,
    scheduler: str | None = None,
    settings: SamplerSettings = SETTINGS,
    truths_from: ModelCard | None = None,
    progress: bool = False,
    method: Method = "importance",
) -> Calibration:
    """Calibrate a card by simulation: 4 arms of 8 animals, 7 visits in 3 weeks, horizon day 21.

    Of a card for panels each study is one of 8 models of 2 animals in each arm.

    Parameters
    ----------
    card : ModelCard
        The hypothesis.
    store : str or Path
        JSON lines, one per study; a run that was interrupted, or had fewer studies, goes on from there.
    studies : int
        How many; 200 or more for a finding.
    seed : int
        Same seed, same numbers, in any number of processes.
    workers : int
        Processes; 0 is this one.
    scheduler : str, optional
        Address of a running Dask cluster to fit on instead.
    settings : SamplerSettings
        4 chains × (500 + 500) unless given.
    truths_from : ModelCard, optional
        Draw the truths from this card's priors instead: the calibration of a wrong prior.
    progress : bool
        Show a bar with the time left on standard error.
    method : {"nuts", "importance"}
        As in `fit`; importance sampling turns to NUTS by itself where it may not be trusted.

    Returns
    -------
    Calibration
        What was found; a fit that fails is counted and ranks are those of the others.

    Raises
    ------
    InputError
        The store holds another calibration.
    """
    drawn_from = truths_from or card
    kinds = {"draws": settings.draws, "tune": settings.tune, "chains": settings.chains}
    way = {} if method == "nuts" else {"method": method}
    about = {
        "schema": "xenograft-calibration-trials/1", "card": card.digest, "truths from": drawn_from.digest, "seed": seed,
        **kinds, **way, "versions": versions(),
    }  # fmt: skip
    trials = {
        str(number): CalibrationTrial(card, drawn_from, seed, number, settings, method) for number in range(studies)
    }
    found = run_trials(
        rank_one_panel if card.panel else rank_one_study,
        trials,
        Path(store),
        about=about,
        workers=workers,
        scheduler=scheduler,
        progress=progress,
        title=card.name,
    )
    return calibration_of(card, found, seed=seed, settings=kinds, simulator=_simulator(card))


def rank_one_study(trial: CalibrationTrial) -> Outcome:
    """Draw a truth, simulate a study, fit it, and rank the truth among the posterior draws.

    Returns
    -------
    outcome
        `ranks` (by quantity, uniform on 0–1 if calibrated), `redrawn` (studies that no computer can hold), `health`;
        or `failed`, why the fit did not converge.
    """
    card = trial.card
    study, drawn, truth, redrawn, seed = _drawn_study(trial)
    fitted = fit(study, card, seed=seed, settings=trial.settings, progress=False, keep="posterior", method=trial.method)
    if fitted.health.status == "fail":
        return {"failed": f"did not converge: {'; '.join(fitted.health.failures)}", "redrawn": redrawn}
    quantities = _quantities(fitted.posterior, drawn, study, card, truth)
    worth = fitted.health.effective_draws
    ranks = ranks_of(quantities, np.random.default_rng(seed), np.inf if worth is None else worth)
    return {"ranks": ranks, "redrawn": redrawn, "health": fitted.health.status, "method": fitted.method}


def bare_study(card: ModelCard) -> Study:
    """The design of a card's calibration, as a study in which no tumour grows.

    Vehicle, two agents (those that the card names, else A and B) and both; two doses where the card says how the effect
    rises with the dose, and every pair of them where it says how departures differ; four cohorts where it has cohorts.
    No animal leaves and no reading has a limit.
    """
    agents, several = agents_of(card), card.departure_by == SHRUNKEN
    doses = DOSES if several or card.dose_effect != "free" else (None,)
    dosings = [
        [Dosing(agent, days, None if dose is None else (dose,) * len(days), None if dose is None else "mg/kg")
         for dose in doses]
        for agent, days in zip(agents, (DAYS[0], *[DAYS[1]] * len(agents)), strict=False)
    ]  # fmt: skip
    single = [Arm(dosing.label(), dosings=(dosing,)) for levels in dosings for dosing in levels]
    together = tuple(levels[-1] for levels in dosings)
    combined = [Arm(" + ".join(agents), dosings=together)] if len(agents) > 1 else []
    if several:
        pairs = product(*dosings)
        combined = [Arm(" + ".join(dosing.label() for dosing in pair), dosings=pair) for pair in pairs]
    arms = (Arm("vehicle", control=True), *single, *combined)
    still = Truth(baseline=100.0, growth=0.0, kill=dict.fromkeys(agents, 0.0))
    cohorts = COHORTS if "cohort" in card.varies else None
    made = simulate(arms, still, animals=ANIMALS, days=VISITS, seed=0, cohorts=cohorts)
    return Study(f"calibration of {card.name}", "mm3", arms, made.readings, chosen_horizon=HORIZON)


def _simulator(card: ModelCard) -> str:
    """Which simulator can hold every parameter of a card."""
    # a truth's residual is added to each tumour, a card's to the first order around the arm's typical one
    own = (
        not in_truths(card)
        or card.residual
        or "cohort" in card.varies
        or (card.reference == "hsa" and "effect" in card.varies)
    )
    return "the model's own" if own else "the differential equation"


def _drawn_study(trial: CalibrationTrial) -> tuple[Study, xr.Dataset, Truth | None, int, int]:
    """The study of a trial, its true parameters, how often it was drawn again, and the seed of the fit."""
    bare = bare_study(trial.card)
    streams = np.random.SeedSequence([trial.seed, trial.number, int(trial.card.digest[:8], 16)])
    for redrawn, stream in enumerate(streams.spawn(REDRAWN_AT_MOST)):
        of_parameters, of_study, of_fit = (int(number) for number in stream.generate_state(3))
        drawn = prior_draws(bare, trial.truths_from, 1, seed=of_parameters)
        made = _simulated(bare, trial.card, drawn, of_study)
        if made is not None:
            return made[0], drawn, made[1], redrawn, of_fit
    raise InputError("no study could be simulated: tumours beyond any volume. Use narrower priors.")


def _simulated(bare: Study, card: ModelCard, drawn: xr.Dataset, seed: int) -> tuple[Study, Truth | None] | None:
    """A study with the parameters drawn; None where its readings are beyond what a computer can hold.

    Whether it is depends on the readings alone, so the posterior of the others is what it would have been.
    """
    if _simulator(card) == "the model's own":
        log_volume = new_readings(drawn, bare, card, seed=seed).to_numpy().ravel()
        if np.abs(log_volume).max() > LARGEST:
            return None
        volume = bare.reference_volume * np.exp(log_volume)
        return replace(bare, readings=bare.readings.assign(volume=volume)), None
    truth = truth_of(card, drawn.squeeze(("chain", "draw"), drop=True), bare.arms)
    try:
        made = simulate(bare.arms, truth, animals=ANIMALS, days=VISITS, seed=seed)
    except InputError:
        return None
    return replace(bare, readings=made.readings), truth


def _quantities(
    posterior: xr.Dataset, drawn: xr.Dataset, study: Study, card: ModelCard, truth: Truth | None
) -> dict[str, tuple[xr.DataArray, float]]:
    """Draws and true value of everything that is ranked."""
    found: dict[str, tuple[xr.DataArray, float]] = {}
    for name in map(str, drawn):
        if name not in posterior:
            continue
        places: list[dict[str, Any]] = [{}]
        for dim in drawn[name].dims[2:]:
            places = [place | {str(dim): i} for place in places for i in range(drawn.sizes[dim])]
        for place in places:
            draws = posterior[name].isel(place)
            label = ", ".join(str(draws[dim].item()) for dim in place)
            found[f"{name}[{label}]" if place else name] = draws, float(drawn[name].isel(place).squeeze())
    # the card that leaves no departure from Bliss has that excess 0 throughout
    reference = "hsa" if card.reference == "bliss" and not card.answers else "bliss"
    for place, combination in enumerate(study.combinations):
        if untested(study, combination):
            continue
        own = (combination.name, reference_names(study, combination), study.control.name, reference)
        at_horizon = excess(curves_of(posterior, study, card, [HORIZON]), *own).isel(day=0)
        if truth is None:
            true = excess(curves_of(drawn, study, card, [HORIZON]), *own)
        else:
            true = true_excess(study.arms, truth, HORIZON, reference).isel(combination=place)
        found[f"{reference} excess[{combination.name}]"] = at_horizon, float(true.squeeze())
    thinned = posterior.isel(draw=slice(None, None, max(1, posterior.sizes["draw"] // LIKELIHOOD_DRAWS)))
    group = study.group
    joint = log_likelihood(thinned, study, card).sum(group)
    found["log likelihood"] = joint, float(log_likelihood(drawn, study, card).sum(group).squeeze())
    return found
