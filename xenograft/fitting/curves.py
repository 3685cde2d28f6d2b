"""Curves from a fit: typical and mean log volumes of the arms, animals' own curves, new readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import xarray as xr

from xenograft.fitting.fit import Fit, parameters_of
from xenograft.model.card import ModelCard
from xenograft.model.choice import share_within_groups
from xenograft.model.curve import Parameters, course_of_arms, effect_columns, measured
from xenograft.model.exposure import schedule
from xenograft.model.groups import (
    by_group,
    effects_of_groups,
    shares_of_groups,
)
from xenograft.model.latents import latents_of, weights_of
from xenograft.model.likelihood import effects, moments, panel
from xenograft.model.prior import Prior
from xenograft.model.spline import INTERVALS, curves_that_bend
from xenograft.model.vocabulary import PARAMETERS, SHARED_BY, SHRUNKEN
from xenograft.study.study import Arm, Dosing, Study
from xenograft.study.tested import untested


def curves(
    fit: Fit, day: Sequence[float] | np.ndarray | None = None, of: Literal["typical", "mean"] = "typical"
) -> xr.DataArray:
    """Posterior log-volume curves of the arms.

    Parameters
    ----------
    fit : Fit
        Posterior draws.
    day : sequence of float, optional
        Days as recorded; default `curve_days(fit.study)`.
    of : {"typical", "mean"}
        "typical": the animal whose own effects are 0, the median tumour. "mean": ln of the mean volume over animals,
        never used for an excess, since means depart from any reference as soon as animals differ.

    Returns
    -------
    DataArray (chain, draw, arm, day)
        Natural log of volume in the study's unit. Arms are the study's, then one per single agent that a combination
        needs as reference and the study has no arm for; `predicted` (arm) is True for those.
    """
    return curves_of(fit.posterior, fit.study, fit.card, curve_days(fit.study) if day is None else day, of)


def curves_of(
    posterior: xr.Dataset, study: Study, card: ModelCard, day: Sequence[float] | np.ndarray, of: str = "typical"
) -> xr.DataArray:
    """As `curves`, from parameter draws that are not (yet) a fit."""
    predicted = predicted_references(study)
    arms = (*study.arms, *predicted)
    parameters = parameters_of(posterior, card)
    day = np.asarray(day, dtype=float)
    elapsed = day - study.first_dose
    untreated, reduction = course_of_arms(elapsed, schedule(study, arms, card.exposure), parameters)
    typical = untreated[..., None, :] - reduction
    if of == "mean":
        with_arms = _with_predicted_arms(parameters, study, arms)
        typical = typical + sum(column**2 for column in effect_columns(elapsed, with_arms, reduction)) / 2
    return xr.DataArray(
        typical + np.log(study.reference_volume),
        dims=("chain", "draw", "arm", "day"),
        coords={
            "chain": posterior["chain"],
            "draw": posterior["draw"],
            "arm": [arm.name for arm in arms],
            "day": day,
            "predicted": ("arm", [False] * len(study.arms) + [True] * len(predicted)),
        },
        name="log_volume",
        attrs={"of": of, "unit": f"ln {study.unit}", "first_dose": study.first_dose},
    )


def predicted_references(study: Study) -> tuple[Arm, ...]:
    """Single-agent arms on other days than any of the study, that combinations need as reference."""
    missing = {
        dosing: Arm(name=f"{dosing.label()} (predicted)", dosings=(dosing,))
        for combination in study.combinations
        for dosing, arm in zip(combination.dosings, study.reference_arms(combination).values(), strict=True)
        if arm is None and dosing not in untested(study, combination)
    }
    return tuple(missing.values())


def reference_names(study: Study, combination: Arm) -> tuple[str, ...]:
    """Names of the arms (of `curves`) that a combination whose agents were tested is measured against, one each."""
    return tuple(name for name in single_arms(study, combination).values() if name is not None)


def single_arms(study: Study, combination: Arm) -> dict[Dosing, str | None]:
    """Names of the arms (of `curves`) that get each agent of a combination alone; None where it was not tested."""
    predicted = {arm.dosings[0]: arm for arm in predicted_references(study)}
    own = study.reference_arms(combination)
    arms = {dosing: own[dosing.agent] or predicted.get(dosing) for dosing in combination.dosings}
    return {dosing: None if arm is None else arm.name for dosing, arm in arms.items()}


def curve_days(study: Study) -> np.ndarray:
    """Every whole day from first dose to last fitted reading, the horizon and the reading days (as recorded)."""
    last = float(study.fitted_readings["day"].max())
    whole = study.first_dose + np.arange(np.floor(last - study.first_dose) + 1)
    read = study.fitted_readings["day"].to_numpy()
    return np.unique(np.concatenate([whole, [study.horizon], read[read >= study.first_dose]]))


def animal_curves(fit: Fit, day: Sequence[float] | np.ndarray, *, thin: int = 10, seed: int = 0) -> xr.DataArray:
    """Log-volume curves of each animal, its own effects drawn from their exact distribution given its readings.

    Parameters
    ----------
    fit : Fit
        Posterior draws.
    day : sequence of float
        Days as recorded.
    thin : int
        Every `thin`-th draw is used.
    seed : int
        Seed of the draws of the animals' effects.

    Returns
    -------
    DataArray (chain, draw, animal, day)
        Natural log of volume in the study's unit, without reading error.
    """
    study, parameters = fit.study, fit.parameters(thin)
    readings, given = panel(study), schedule(study, exposure=fit.card.exposure)
    mean, precision, columns = moments(readings, given, parameters)
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((*mean.shape[:-1], len(columns)))
    places = latents_of(study, fit.card, readings)
    drawn = fit.latent.isel(draw=slice(None, None, thin), missing_dims="ignore")
    if "spread" in drawn:
        _, weights = weights_of(drawn["spread"].to_numpy(), places, parameters.degrees_of_freedom)
        precision = precision * weights
    if "own_effect" in drawn:
        censored = (readings.censored > 0).any(axis=-1)
        noise = np.where(censored[:, None], drawn["own_effect"].to_numpy()[..., places.animal_position, :], noise)
        precision = precision * (1 - readings.censored)
    if readings.groups is None:
        own = effects(readings.log_volume, mean, precision, columns, noise)
    else:
        groups = readings.groups
        common = rng.standard_normal((*mean.shape[:-2], len(groups.members), len(columns)))
        if "common_effect" in drawn:
            hard = (readings.censored > 0).any(axis=-1)[groups.members].any(axis=-1) & (groups.several > 0)
            latent = drawn["common_effect"].to_numpy()[..., places.group_position, :]
            common = np.where(hard[:, None], latent, common)
        grouped = by_group(groups, readings.log_volume, mean, precision, columns)
        shares = shares_of_groups(groups, parameters, len(columns))
        own = effects_of_groups(*grouped, shares, noise[..., groups.members, :], common)
        own = own[..., groups.group_index, groups.member_index, :]
    elapsed = np.asarray(day, dtype=float) - study.first_dose
    untreated, reduction = course_of_arms(elapsed, given, parameters)
    of_arms, columns = measured(
        untreated[..., None, :] - reduction, effect_columns(elapsed, parameters, reduction), parameters
    )
    curve = of_arms[..., readings.arm_index, :]
    if parameters.cohort is not None:
        _, from_growth = parameters.columns(elapsed, parameters)
        curve = curve + parameters.cohort[..., readings.cohort_index, None] * from_growth[..., None, :]
    for k, column in enumerate(columns):
        of_animal = column if column.shape[-2] == 1 else column[..., readings.arm_index, :]
        curve = curve + own[..., k, None] * of_animal
    posterior = fit.posterior.isel(draw=slice(None, None, thin))
    return xr.DataArray(
        curve + np.log(study.reference_volume),
        dims=("chain", "draw", "animal", "day"),
        coords={
            "chain": posterior["chain"],
            "draw": posterior["draw"],
            "animal": list(study.animals.index),
            "day": day,
        },
        name="log_volume",
        attrs={"unit": f"ln {study.unit}"},
    )


def new_readings(posterior: xr.Dataset, study: Study, card: ModelCard, *, seed: int) -> xr.DataArray:
    """Readings of new animals with the arms and days of the study's own: the predictive distribution.

    Returns
    -------
    DataArray (chain, draw, animal, reading)
        Natural log of volume over the reference volume, NaN where the animal has no such reading.
    """
    readings = panel(study)
    parameters = parameters_of(posterior, card)
    mean, precision, columns = moments(readings, schedule(study, exposure=card.exposure), parameters)
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((len(columns), *mean.shape[:-1], 1))
    if readings.groups is not None:
        groups = readings.groups
        shares = shares_of_groups(groups, parameters, len(columns))
        share = np.moveaxis(shares[..., groups.group_index, :], -1, 0)[..., None] if columns else np.zeros(0)
        common = rng.standard_normal((len(columns), *mean.shape[:-2], len(groups.members)))
        own = np.sqrt(share) * common[..., groups.group_index, None] + np.sqrt(1 - share) * own
    drawn = mean + sum(own[k] * column for k, column in enumerate(columns))
    present = np.broadcast_to(readings.weight > 0, drawn.shape)
    sd = 1 / np.sqrt(np.where(present, precision, np.inf))
    freedom = parameters.degrees_of_freedom
    errors = rng.standard_normal if freedom is None else partial(rng.standard_t, freedom[..., None, None])
    return xr.DataArray(
        np.where(present, drawn + errors(size=drawn.shape) * sd, np.nan),
        dims=("chain", "draw", "animal", "reading"),
        coords={"chain": posterior["chain"], "draw": posterior["draw"], "animal": list(study.animals.index)},
        name="volume_readings",
    )


def prior_draws(study: Study, card: ModelCard, draws: int, *, seed: int) -> xr.Dataset:
    """Draws of a card's parameters from their priors, as a posterior with one chain.

    Returns
    -------
    Dataset (chain=1, draw, agent, combination)
        Rates in 1/day, sds in log units and 1/day.
    """
    rng, card = np.random.default_rng(seed), card.on(study)
    received = schedule(study, exposure=card.exposure)
    labels: dict[str, tuple[str, ...]] = {
        "agent": study.level_labels,
        "combination": tuple(arm.name for arm in study.combinations),
        "waning_agent": received.waning_agents,
        "delayed_agent": received.delayed_agents,
        "arm": tuple(arm.name for arm in study.arms),
        "cohort": study.cohorts,
        "curve": tuple(str(i) for i in range(curves_that_bend(received))),
        "knot": tuple(str(i) for i in range(INTERVALS)),
    }
    dims = {name: parameter.dim for name, parameter in PARAMETERS.items() if parameter.dim}
    dims |= dict.fromkeys(("error", "sd_growth"), "arm") if card.spread == "arm" else {}

    def drawn(prior: Prior, *dims: str) -> Any:
        return prior.draws((1, draws, *(len(labels[dim]) for dim in dims)), rng)

    def standard(*dims: str) -> Any:
        return rng.standard_normal((1, draws, *(len(labels[dim]) for dim in dims)))

    values: dict[str, Any] = {}
    elsewhere = {"kill", "departure", *(set(SHARED_BY) - {share_within_groups(study, card)})}
    elsewhere |= set() if study.combinations else {"sd_departure"}
    for name in sorted({name for name in card.priors if "." not in name} - elsewhere):
        own = (dims[name],) if name in dims else ()
        values[name] = (("chain", "draw", *own), drawn(card.prior_of(name), *own))
    values["kill"] = (("chain", "draw", "agent"), _prior_kills(study, card, values, drawn))
    if "departure" in card.priors and study.combinations:
        departure = drawn(card.prior_of("departure"), *(("combination",) if card.departure_by == "arm" else ()))
        if card.departure_by == SHRUNKEN:
            values["departure_mean"] = (("chain", "draw"), departure)
            own = values["sd_departure"][1][..., None] * standard("combination")
            departure = departure[..., None] + own
        if card.departure_by == "study":
            departure = np.repeat(departure[..., None], len(study.combinations), axis=-1)
        values["departure"] = (("chain", "draw", "combination"), departure)
    if "smoothness" in card.priors:
        bend = values["smoothness"][1][..., None, None] * standard("curve", "knot")
        values["bend"] = (("chain", "draw", "curve", "knot"), bend)
    if "sd_cohort" in card.priors:
        shift = values["sd_cohort"][1][..., None] * standard("cohort")
        values["cohort_growth"] = (("chain", "draw", "cohort"), shift)
    used = {dim for dims, _ in values.values() for dim in dims} - {"chain", "draw"}
    used |= {"combination"} if study.combinations else set()
    named = {dim: list(labels[dim]) for dim in sorted(used)}
    return xr.Dataset(values, coords={"chain": [0], "draw": np.arange(draws)} | named)


def _prior_kills(study: Study, card: ModelCard, values: Mapping[str, Any], drawn: Any) -> Any:
    if card.dose_effect == "free":
        return np.stack([drawn(card.prior_of("kill", agent)) for agent, _ in study.levels], axis=-1)
    top = {agent: drawn(card.prior_of("kill", agent)) for agent, _ in study.levels}
    power = values["dose_power"][1] if card.dose_effect == "power" else 1.0
    of_levels = zip(study.levels, study.relative_doses, strict=True)
    return np.stack([top[agent] * dose**power for (agent, _), dose in of_levels], axis=-1)


def _with_predicted_arms(parameters: Parameters, study: Study, arms: Sequence[Arm]) -> Parameters:
    """Growth of animals spread by arm: an arm that the study does not have takes the mean spread of those it has."""
    more = len(arms) - len(study.arms)
    spread = parameters.sd_growth
    if not more or spread is None or spread.shape[-1] == 1:
        return parameters
    mean = np.repeat(spread.mean(axis=-1, keepdims=True), more, axis=-1)
    return replace(parameters, sd_growth=np.concatenate([spread, mean], axis=-1))
