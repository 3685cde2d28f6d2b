"""The studies of a panel with known truth: each model draws its own growth, kills and departures.

Each model's readings are then those of a simulated study, by the same solver (docs/planning.md#a-panel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from xenograft.errors import InputError
from xenograft.simulation.panel_truth import PanelTruth
from xenograft.simulation.simulate import SimulatedStudy, simulate
from xenograft.simulation.truth import Truth, problems_of_truth
from xenograft.study.study import Arm


@dataclass(frozen=True, eq=False)
class SimulatedModels:
    """Studies of several models, with the truth each was made with.

    Parameters
    ----------
    studies : dict of str to SimulatedStudy
        By model; arms that a model lacks are not part of its study.
    moderators : DataFrame (model, moderator)
        As somebody measured them, not a number where nobody did.
    """

    studies: dict[str, SimulatedStudy]
    moderators: pd.DataFrame


def simulate_models(
    arms: Sequence[Arm],
    truth: Truth,
    *,
    models: Sequence[str],
    animals: Mapping[str, Mapping[str, int]],
    days: Sequence[float],
    seed: int,
    moderators: Mapping[str, Mapping[str, float]] | None = None,
    endpoint_volume: float | None = None,
    limit_of_quantification: float | None = None,
    digits: int | None = None,
) -> SimulatedModels:
    """Studies of the models of a panel, made with a known truth.

    Parameters
    ----------
    arms : sequence of Arm
        What models get; at least one arm is dosed.
    truth : Truth
        Of the typical model, and in its `panel` how models differ.
    models : sequence of str
        Names. A longer list has the models of a shorter one, and more.
    animals : mapping of str to mapping of str to int
        By model and arm; 0 where a model does not get an arm.
    days, seed, endpoint_volume, limit_of_quantification, digits
        As in `simulate`.
    moderators : mapping of str to mapping of str to float, optional
        By moderator and model the values that are known, not a number where nobody measured one; drawn as the truth
        says otherwise.

    Raises
    ------
    InputError
        The truth does not fit the arms, or there is nothing to simulate.
    """
    problems = list(problems_of_truth(arms, truth))
    if truth.panel is None:
        problems.append("truth: it does not say how models differ. Add [panel], with sd_growth for a start.")
    else:
        problems += [
            f'truth: panel.moderators."{name}" has its values in the design. Leave only its slopes.'
            for name, one in truth.panel.moderators.items()
            if name in (moderators or {}) and one.model_fields_set - {"slope_kill", "slope_departure"}
        ]
    if problems:
        raise InputError(problems)
    assert truth.panel is not None
    known = moderators or {}
    values: dict[str, dict[str, float]] = {}
    studies: dict[str, SimulatedStudy] = {}
    for number, model in enumerate(models):
        streams = np.random.default_rng([seed, number]).spawn(5)
        of_effects, of_moderators, of_losses, of_unknown, of_study = streams
        value = _values(truth.panel, known, model, of_moderators)
        true = _of_model(truth, value, _centres(truth.panel, known), of_effects)
        lost = float(of_losses.random()) < truth.panel.lost
        lacking = dict(zip((arm.name for arm in arms), of_losses.random(len(arms)), strict=True))
        has = [
            arm.name
            for arm in arms
            if animals[model][arm.name] and not lacking[arm.name] < truth.panel.missing.get(arm.name, 0.0)
        ]
        if lost or not has:
            continue
        study = simulate(
            arms, true, animals={name: max(number, 1) for name, number in animals[model].items()}, days=days,
            seed=int(of_study.integers(2**32)), endpoint_volume=endpoint_volume,
            limit_of_quantification=limit_of_quantification, digits=digits, name=model,
        )  # fmt: skip
        studies[model] = _of_arms(study, has, model)
        hidden = dict(zip(value, of_unknown.random(len(value)), strict=True))
        values[model] = {name: own[model] for name, own in known.items()} | {
            name: np.nan if hidden[name] < truth.panel.moderators[name].unknown else drawn
            for name, drawn in value.items()
            if name not in known
        }
    table = pd.DataFrame.from_dict(values, orient="index") if studies else pd.DataFrame()
    return SimulatedModels(studies, table.rename_axis(index="model"))


def at_moderators(truth: Truth, beyond: Mapping[str, float]) -> Truth:
    """The truth of a typical model of other values of the moderators.

    Parameters
    ----------
    truth : Truth
        With `panel`.
    beyond : mapping of str to float
        By moderator, how far its value is above the one at which the truth's kills and departures hold; one that the
        truth does not name changes nothing.

    Returns
    -------
    Truth
        Of one study.
    """
    assert truth.panel is not None
    moved = {name: (truth.panel.moderators[name], x) for name, x in beyond.items() if name in truth.panel.moderators}
    kill = {key: rate + sum(one.slope_kill.get(key, 0.0) * x for one, x in moved.values())
            for key, rate in truth.kill.items()}  # fmt: skip
    keys = {*truth.departure, *(key for one, _ in moved.values() for key in one.slope_departure)}
    departure = {
        key: truth.departure.get(key, 0.0) + sum(one.slope_departure.get(key, 0.0) * x for one, x in moved.values())
        for key in sorted(keys)
    }
    return truth.model_copy(update={"panel": None, "kill": kill, "departure": departure})


def new_model(truth: Truth, known: Mapping[str, Mapping[str, float]], seed: int) -> Truth:
    """The truth of a model that was not tested, its moderators drawn as those of the others, where these are known."""
    assert truth.panel is not None
    of_effects, of_moderators = np.random.default_rng(seed).spawn(2)
    value = _values(truth.panel, known, "", of_moderators)
    return _of_model(truth, value, _centres(truth.panel, known), of_effects)


def centre_of(panel: PanelTruth, known: Mapping[str, Mapping[str, float]], name: str) -> float:
    """Value of a moderator at which the truth's kills and departures hold: of one that is known, the models' mean."""
    if name in known:
        return float(np.nanmean(list(known[name].values())))
    return panel.moderators[name].centre if name in panel.moderators else 0.0


def _centres(panel: PanelTruth, known: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {name: centre_of(panel, known, name) for name in panel.moderators}


def _values(
    panel: PanelTruth, known: Mapping[str, Mapping[str, float]], model: str, rng: np.random.Generator
) -> dict[str, float]:
    """A model's moderators; one that is known in other models is drawn with their mean and sd."""
    normal: dict[str, float] = {}
    found: dict[str, float] = {}
    for name, one in panel.moderators.items():
        z = float(rng.standard_normal())
        if one.like is not None:
            z = one.correlation * normal[one.like] + np.sqrt(1 - one.correlation**2) * z
        normal[name] = z
        if name in known:
            values = np.array(list(known[name].values()))
            given = known[name].get(model, np.nan)
            found[name] = float(np.nanmean(values) + np.nanstd(values, ddof=1) * z) if np.isnan(given) else given
        elif one.share is not None:
            found[name] = float(z > ndtri(1 - one.share))
        else:
            found[name] = one.mean + one.sd * z
    return found


def _of_model(truth: Truth, value: Mapping[str, float], centre: Mapping[str, float], rng: np.random.Generator) -> Truth:
    """What one model has of its own."""
    panel = truth.panel
    assert panel is not None
    moved = at_moderators(truth, {name: value[name] - centre[name] for name in value})
    of_kills, of_departures = rng.spawn(2)
    baseline, growth = rng.standard_normal(2)
    kill = {key: rate + panel.sd_kill.get(key, 0.0) * of_kills.standard_normal() for key, rate in moved.kill.items()}
    departures = sorted({*moved.departure, *panel.sd_departure})
    departure = {
        key: moved.departure.get(key, 0.0) + panel.sd_departure.get(key, 0.0) * of_departures.standard_normal()
        for key in departures
    }
    return moved.model_copy(
        update={
            "baseline": truth.baseline * float(np.exp(panel.sd_baseline * baseline)),
            "growth": truth.growth + panel.sd_growth * float(growth),
            "kill": {key: float(rate) for key, rate in kill.items()},
            "departure": {key: float(rate) for key, rate in departure.items()},
        }
    )


def _of_arms(study: SimulatedStudy, names: Sequence[str], model: str) -> SimulatedStudy:
    """A study with some of its arms, its animals called by model too."""
    readings = study.readings[study.readings["arm"].isin(names)].reset_index(drop=True)
    animals = study.true_animals[study.true_animals["arm"].isin(names)]
    return replace(
        study,
        arms=tuple(arm for arm in study.arms if arm.name in names),
        readings=readings.assign(animal=f"{model}/" + readings["animal"]),
        true_animals=animals.set_axis(pd.Index(f"{model}/" + animals.index, name="animal")),
    )
