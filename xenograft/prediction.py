"""Curves from a fit: typical and mean log volumes of the arms, animals' own curves, new readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from xenograft.cards import ModelCard
from xenograft.dynamics import effect_columns, typical_log_volume
from xenograft.exposure import schedule
from xenograft.fitted import Fit, parameters_of
from xenograft.likelihood import effects, log_density, moments, panel
from xenograft.study import Arm, Study

CHUNK = 4_000_000
"""Numbers held per array while going through posterior draws (32 MB)."""


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
    typical = typical_log_volume(elapsed, schedule(study, arms), parameters)
    if of == "mean":
        spread = sum(column**2 for column in effect_columns(elapsed, parameters))
        typical = typical + np.asarray(spread)[..., None, :] / 2
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
    """Single-agent arms that combinations need as reference and the study does not have."""
    missing = {
        dosing: Arm(name=f"{dosing.label()} (predicted)", dosings=(dosing,))
        for combination in study.combinations
        for dosing, arm in zip(combination.dosings, study.reference_arms(combination).values(), strict=True)
        if arm is None
    }
    return tuple(missing.values())


def reference_names(study: Study, combination: Arm) -> tuple[str, ...]:
    """Names of the arms (of `curves`) that a combination is measured against, one per agent."""
    predicted = {arm.dosings[0]: arm for arm in predicted_references(study)}
    own = study.reference_arms(combination)
    return tuple((own[d.agent] or predicted[d]).name for d in combination.dosings)


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
    readings, given = panel(study), schedule(study)
    mean, precision, columns = moments(readings, given, parameters)
    shape = (*mean.shape[:-1], len(columns))
    noise = np.random.default_rng(seed).standard_normal(shape)
    own = effects(readings.log_volume, mean, precision, columns, noise)
    elapsed = np.asarray(day, dtype=float) - study.first_dose
    typical = typical_log_volume(elapsed, given, parameters)[..., readings.arm_index, :]
    basis = effect_columns(elapsed, parameters)
    curve = typical + sum(own[..., k, None] * column[..., None, :] for k, column in enumerate(basis))
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


def log_likelihood(posterior: xr.Dataset, study: Study, card: ModelCard) -> xr.DataArray:
    """Integrated log likelihood of each animal's readings under each draw (DESIGN 4).

    Returns
    -------
    DataArray (chain, draw, animal)
        Natural log of a density per log unit for each reading.
    """
    readings, given = panel(study), schedule(study)
    parts: list[Any] = []
    step = max(1, CHUNK // (readings.weight.size * posterior.sizes["chain"]))
    for start in range(0, posterior.sizes["draw"], step):
        parameters = parameters_of(posterior.isel(draw=slice(start, start + step)), card)
        mean, precision, columns = moments(readings, given, parameters)
        parts.append(log_density(readings.log_volume, mean, precision, columns))
    return xr.DataArray(
        np.concatenate(parts, axis=1),
        dims=("chain", "draw", "animal"),
        coords={"chain": posterior["chain"], "draw": posterior["draw"], "animal": list(study.animals.index)},
        name="volume_readings",
    )


def new_readings(posterior: xr.Dataset, study: Study, card: ModelCard, *, seed: int) -> xr.DataArray:
    """Readings of new animals with the arms and days of the study's own: the predictive distribution.

    Returns
    -------
    DataArray (chain, draw, animal, reading)
        Natural log of volume over the reference volume, NaN where the animal has no such reading.
    """
    readings = panel(study)
    mean, precision, columns = moments(readings, schedule(study), parameters_of(posterior, card))
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((len(columns), *mean.shape[:-1], 1))
    drawn = mean + sum(own[k] * column for k, column in enumerate(columns))
    present = np.broadcast_to(readings.weight > 0, drawn.shape)
    sd = 1 / np.sqrt(np.where(present, precision, np.inf))
    return xr.DataArray(
        np.where(present, drawn + rng.standard_normal(drawn.shape) * sd, np.nan),
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
    rng = np.random.default_rng(seed)
    names = [name for name in card.priors if "." not in name and name not in ("kill", "departure")]
    values: dict[str, Any] = {
        name: (("chain", "draw"), card.prior_of(name).frozen.rvs((1, draws), random_state=rng)) for name in names
    }
    kills = [card.prior_of("kill", agent).frozen.rvs((1, draws), random_state=rng) for agent, _ in study.levels]
    values["kill"] = (("chain", "draw", "agent"), np.stack(kills, axis=-1))
    coords: dict[str, Any] = {"chain": [0], "draw": np.arange(draws), "agent": list(study.level_labels)}
    if study.combinations:
        coords["combination"] = [arm.name for arm in study.combinations]
    if "departure" in card.priors:
        size = (1, draws, len(study.combinations))
        departure = card.prior_of("departure").frozen.rvs(size, random_state=rng)
        values["departure"] = (("chain", "draw", "combination"), departure)
    return xr.Dataset(values, coords=coords)
