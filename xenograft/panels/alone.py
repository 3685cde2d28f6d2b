"""What the readings of one model say by themselves, with nothing borrowed from the other models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from xenograft.errors import InputError
from xenograft.fitting.curves import curves_of
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import SamplerSettings
from xenograft.fitting.sampling import fit as fit_study
from xenograft.model.card import ModelCard
from xenograft.model.vocabulary import MODERATORS, MODERATORS_OF_DEPARTURE, PANEL, PANEL_DEPARTURE
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import readings_of, schedules_of
from xenograft.panels.fit import PanelFit
from xenograft.panels.panel import Panel
from xenograft.quantities.estimands import excess, interval
from xenograft.study.study import Arm, Study

FREE = 1e6
"""Sd of an effect on which nothing is known beforehand (log units, log units by the horizon)."""

ENOUGH_ANIMALS = 3
"""In each arm, from which on a model's own animals tell how much they differ."""

BY_FIT, BY_LEAST_SQUARES = "fit", "least_squares"


def card_of_one_model(card: ModelCard) -> ModelCard:
    """A panel's card as that of one study: without what says how models differ.

    Parameters
    ----------
    card : ModelCard
        With `panel = true`.
    """
    between = {*PANEL, *PANEL_DEPARTURE, *MODERATORS, *MODERATORS_OF_DEPARTURE}
    priors = {name: prior for name, prior in card.priors.items() if name.partition(".")[0] not in between}
    return card.model_copy(update={"panel": False, "moderators": False, "priors": priors})


def fits_of_models(panel: Panel, card: ModelCard, *, seed: int) -> dict[str, Fit]:
    """Fits of single models by the card of one study, where their own animals suffice and the sampler did its work.

    Parameters
    ----------
    panel : Panel
        Models and readings.
    card : ModelCard
        Of the panel.
    seed : int
        As of `fit`.
    """
    own, counts = card_of_one_model(card), panel.animals_by_arm
    found: dict[str, Fit] = {}
    for name in dict.fromkeys(model for arm in panel.judged for model in panel.complete(arm)):
        given = counts.to_numpy()[panel.models.index(name)]
        if given[given > 0].min() < ENOUGH_ANIMALS:
            continue
        try:
            one = fit_study(
                _until(panel, name), own, seed=seed, settings=SamplerSettings(retries=0), progress=False,
                keep="posterior", method="importance",
            )  # fmt: skip
        except InputError:  # the study lacks what its card asks for, as a model of the panel it does not
            continue
        if one.health.status != "fail":
            found[name] = one
    return found


def alone(panel: Panel, fit: PanelFit, combination: Arm, own: Mapping[str, Fit]) -> pd.DataFrame:
    """The Bliss excess of each model at the horizon by its own readings.

    From the model's own fit where there is one; else by generalised least squares: baseline, growth, kills and
    departure of the model alone, each free; only how much animals and readings differ, and how fast growth slows or
    effects wane, is the panel's. Readings below the limit are then taken at it.

    Parameters
    ----------
    panel : Panel
        Models and readings.
    fit : PanelFit
        The answering card of the largest weight.
    combination : Arm
        A judged combination of the panel.
    own : mapping of str to Fit
        From `fits_of_models`.

    Returns
    -------
    DataFrame (model)
        `median`, `lower`, `upper` (95 %, log units; positive = enhanced), `by` ("fit" or "least_squares"), `at_limit`
        (whether the model's combination arm has readings below the limit); models that have the combination, each agent
        alone and the vehicle.
    """
    table = _by_least_squares(panel, fit, combination).assign(by=BY_LEAST_SQUARES)
    singles = [arm.name for arm in panel.singles(combination)]
    for name in table.index.intersection(list(own)):
        one = own[name]
        day = panel.first_dose[name] + panel.horizon
        curves = curves_of(one.posterior, one.study, one.card, [day])
        draws = excess(curves, combination.name, singles, panel.control.name).isel(day=0, drop=True)
        row: Any = interval(draws).iloc[0]
        table.loc[name, ["median", "lower", "upper"]] = [row["median"], row["lower"], row["upper"]]
        table.loc[name, "by"] = BY_FIT
    return table


def _until(panel: Panel, name: str) -> Study:
    """A model's study with the readings that the panel fits."""
    study = panel.studies[name]
    if panel.until is None:
        return study
    early = study.readings["day"] - panel.first_dose[name] <= panel.until
    return replace(study, readings=study.readings.assign(fitted=study.readings["fitted"] & early))


def _by_least_squares(panel: Panel, fit: PanelFit, combination: Arm) -> pd.DataFrame:
    readings, times = readings_of(panel), schedules_of(panel, fit.card)
    mean = {str(name): values.mean(("chain", "draw")).to_numpy() for name, values in fit.posterior.items()}
    rates: Mapping[str, np.ndarray] = {n: mean[n] for n in ("slowing", "waning", "onset") if n in mean}
    model_of = readings.model[readings.animal]
    rows: dict[str, dict[str, object]] = {}
    places = {arm.name: place for place, arm in enumerate(panel.arms)}
    singles = [places[arm.name] for arm in panel.singles(combination)]
    joint, control = places[combination.name], places[panel.control.name]
    for name in panel.complete(combination):
        m = panel.models.index(name)
        own = np.flatnonzero(model_of == m)
        animal = readings.animal[own]
        arm = readings.arm[animal]
        days, at = np.unique([*readings.elapsed[own], panel.horizon], return_inverse=True)
        columns = effect_columns(days, times.received[times.of_model[m]], panel, fit.card, rates)
        used = columns[arm, at[:-1]]
        error, growth = (np.broadcast_to(mean[key], len(panel.arms))[arm] for key in ("error", "sd_growth"))
        first, second = float(mean["sd_baseline"]) * used[:, 0], growth * used[:, 1]
        both = float(mean["correlation"]) * np.outer(first, second)
        covariance = (np.outer(first, first) + np.outer(second, second) + both + both.T) * (animal[:, None] == animal)
        covariance += np.diag(error**2)
        information = used.T @ np.linalg.solve(covariance, used)
        information += np.eye(used.shape[1]) / FREE**2
        spread = np.linalg.inv(information)
        effects = spread @ (used.T @ np.linalg.solve(covariance, readings.log_volume[own]))
        there = columns[:, at[-1]]
        weight = (there[singles] - there[control]).sum(axis=0) - (there[joint] - there[control])
        size, sd = float(weight @ effects), float(np.sqrt(weight @ spread @ weight))
        below = bool(readings.censored[own][arm == joint].any())
        rows[name] = {"median": size, "lower": size - 1.96 * sd, "upper": size + 1.96 * sd, "at_limit": below}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["median", "lower", "upper", "at_limit"])
