"""What a new animal would do: predicted response classes, time to the endpoint volume, the best arm.

See docs/estimands.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.averaging import AVERAGED, average, averaged_curves
from xenograft.answers.ranking import Comparison
from xenograft.errors import NoHealthyFitError
from xenograft.fitting.fit import Fit
from xenograft.model.curve import course_of_arms, effect_columns, error_variance, measured
from xenograft.model.exposure import schedule
from xenograft.model.likelihood import panel
from xenograft.quantities.criteria import CRITERIA, PPTP_MEASURABLE, classes_of
from xenograft.quantities.estimands import probability_best
from xenograft.study.study import Study

type Event = Literal["2x", "4x", "5x", "endpoint"]

DRAWS = 250
"""Posterior draws per chain that new animals are drawn from."""

RESPONSES = ("model", "arm", "criterion", "response", "probability", "lower", "upper", "animals")
SURVIVAL = ("model", "arm", "day", "share", "lower", "upper", "animals")


def predicted_responses(
    fits: Mapping[str, Fit], ranking: Comparison, *, model: str = AVERAGED, animals: int = 10, seed: int = 0
) -> pd.DataFrame:
    """Probability of each response class for a new animal of each arm.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    model : str
        "averaged" or a card's name.
    animals : int
        New animals per arm and draw: the size of the group that the interval is about.
    seed : int
        Same seed, same numbers.

    Returns
    -------
    DataFrame
        Columns `model`, `arm`, `criterion`, `response` ("" = not classed: no baseline that can be used, or the animal
        reaches the endpoint volume before 10 days), `probability` (0 to 1), `lower`, `upper` (95 % interval of the
        share in a group of `animals`), `animals`. PPTP's progressive disease is not divided.

    Raises
    ------
    NoHealthyFitError
        When the model has no healthy fit.
    """
    drawn = new_animals(fits, ranking, model=model, animals=animals, seed=seed)
    return responses_of(_study(fits), drawn, model)


def responses_of(study: Study, readings: xr.DataArray | None, model: str) -> pd.DataFrame:
    """As `predicted_responses`, from the readings of `new_animals` at hand; empty without."""
    if readings is None:
        return pd.DataFrame(columns=list(RESPONSES))
    measurable = PPTP_MEASURABLE if study.unit == "mm3" else None
    elapsed = readings["day"].to_numpy() - study.first_dose
    rows: list[dict[str, Any]] = []
    for arm in readings["arm"].to_numpy():
        classes = classes_of(_recorded(study, readings.sel(arm=arm).to_numpy()), elapsed, measurable=measurable)
        for criterion, found in classes.items():
            for response in (*CRITERIA[criterion], ""):
                share = (found == response).mean(axis=-1)
                lower, upper = np.quantile(share, [0.025, 0.975])
                rows.append(
                    {
                        "model": model,
                        "arm": str(arm),
                        "criterion": criterion,
                        "response": response,
                        "probability": float(share.mean()),
                        "lower": float(lower),
                        "upper": float(upper),
                        "animals": readings.sizes["animal"],
                    }
                )
    return pd.DataFrame(rows, columns=list(RESPONSES))


def predicted_survival(
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    model: str = AVERAGED,
    event: Event = "endpoint",
    animals: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """Share of new animals of each arm without an event, by day.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    model : str
        "averaged" or a card's name.
    event : {"endpoint", "2x", "4x", "5x"}
        A reading at or above the endpoint volume, or that many times the animal's own baseline reading.
    animals : int
        New animals per arm and draw: the size of the group that the interval is about.
    seed : int
        Same seed, same numbers.

    Returns
    -------
    DataFrame
        Columns `model`, `arm`, `day` (as recorded), `share` (0 to 1), `lower`, `upper` (95 % interval of the share in a
        group of `animals`), `animals`; empty where the study names no endpoint volume, and for a multiple of the
        baseline where no new animal has a baseline above the limit of quantification.

    Raises
    ------
    NoHealthyFitError
        When the model has no healthy fit.
    """
    drawn = new_animals(fits, ranking, model=model, animals=animals, seed=seed)
    return survival_of(_study(fits), drawn, model, event)


def survival_of(study: Study, readings: xr.DataArray | None, model: str, event: Event = "endpoint") -> pd.DataFrame:
    """As `predicted_survival`, from the readings of `new_animals` at hand; empty without."""
    limit = None if readings is None else _event_volume(study, readings, event)
    if readings is None or limit is None:
        return pd.DataFrame(columns=list(SURVIVAL))
    at_risk = limit.notnull()
    number = at_risk.sum("animal")
    # a reading at the event is the last that counts; the share is of the animals that can have it
    without = ((readings < limit) & at_risk).astype(float).cumprod("day").sum("animal")
    share = without.where(number > 0) / number.where(number > 0)
    share = share.isel(arm=share.notnull().any(("chain", "draw", "day")).to_numpy())
    bounds = share.quantile([0.025, 0.975], ("chain", "draw"))
    table = share.mean(("chain", "draw")).transpose("arm", "day").to_series().rename("share").reset_index()
    for place, name in enumerate(("lower", "upper")):
        bound = bounds.isel(quantile=place, drop=True).transpose("arm", "day")
        table[name] = bound.to_series().to_numpy()
    return table.assign(model=model, animals=readings.sizes["animal"])[list(SURVIVAL)]


def best_arms(fits: Mapping[str, Fit], ranking: Comparison) -> pd.DataFrame:
    """Probability that each arm is the best: the smallest typical tumour of all arms at the horizon.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits; the answering cards are averaged.

    Returns
    -------
    DataFrame
        Columns `arm`, `probability` (they add up to 1), `day` (the horizon, as recorded); empty where no healthy card
        answers.
    """
    return best_arms_of(_study(fits), averaged_curves(fits, ranking).get(AVERAGED))


def best_arms_of(study: Study, averaged: xr.DataArray | None) -> pd.DataFrame:
    """As `best_arms`, from the averaged typical curves at hand."""
    if averaged is None:
        return pd.DataFrame(columns=["arm", "probability", "day"])
    found = probability_best(averaged, [arm.name for arm in study.arms], study.horizon)
    return found.to_series().rename("probability").reset_index().assign(day=study.horizon)


def visits(study: Study) -> np.ndarray:
    """Days (as recorded) on which a new animal is measured: the first dose and those of the animal followed longest."""
    longest = study.animals.sort_values(["last_day", "readings"], kind="stable").index[-1]
    days = study.fitted_readings.loc[study.fitted_readings["animal"] == longest, "day"].to_numpy(dtype=float)
    return np.unique([study.first_dose, *days[days > study.first_dose]])


def new_animal_readings(fit: Fit, day: np.ndarray, *, animals: int, seed: int) -> xr.DataArray:
    """Readings of new animals of every arm, with their own effects and reading errors.

    Parameters
    ----------
    fit : Fit
        Posterior draws, of which at most 250 per chain are used.
    day : array (day)
        Days as recorded.
    animals : int
        Per arm and draw.
    seed : int
        Same seed, same numbers.

    Returns
    -------
    DataArray (chain, draw, arm, animal, day)
        Natural log of volume in the study's unit.
    """
    study, thin = fit.study, max(1, fit.posterior.sizes["draw"] // DRAWS)
    elapsed, parameters = np.asarray(day) - study.first_dose, fit.parameters(thin)
    untreated, reduction = course_of_arms(elapsed, schedule(study, exposure=fit.card.exposure), parameters)
    own = effect_columns(elapsed, parameters, reduction)
    typical, columns = measured(untreated[..., None, :] - reduction, own, parameters)
    variance = error_variance(parameters, typical, panel(study).floor)
    rng = np.random.default_rng(seed)
    shape = (*typical.shape[:3], animals)
    drawn = typical[..., None, :] + np.zeros((animals, len(elapsed)))
    for column in columns:
        drawn += rng.standard_normal(shape)[..., None] * column[..., None, :]
    freedom = parameters.degrees_of_freedom
    errors = rng.standard_normal(drawn.shape)
    if freedom is not None:
        errors = rng.standard_t(np.broadcast_to(freedom[..., None, None, None], drawn.shape))
    drawn += errors * np.sqrt(variance)[..., None, :]
    posterior = fit.posterior.isel(draw=slice(None, None, thin))
    return xr.DataArray(
        drawn + np.log(study.reference_volume),
        dims=("chain", "draw", "arm", "animal", "day"),
        coords={
            "chain": posterior["chain"],
            "draw": posterior["draw"],
            "arm": [arm.name for arm in study.arms],
            "day": day,
        },
    )


def new_animals(
    fits: Mapping[str, Fit], ranking: Comparison, *, model: str = AVERAGED, animals: int = 10, seed: int = 0
) -> xr.DataArray:
    """Readings of new animals of every arm on the days of `visits`; what is given is as in `predicted_responses`.

    Returns
    -------
    DataArray (chain, draw, arm, animal, day)
        Natural log of volume in the study's unit.
    """
    weights = ranking.answer_weights if model == AVERAGED else {model: 1.0}
    if not weights or not set(weights) <= set(ranking.table.index):
        raise NoHealthyFitError(f"prediction: there is no healthy fit for {model}. Look at the health of the fits.")
    days = visits(_study(fits))
    return average(
        {name: new_animal_readings(fits[name], days, animals=animals, seed=seed) for name in weights}, weights
    )


def _event_volume(study: Study, readings: xr.DataArray, event: Event) -> xr.DataArray | None:
    """Log volume (chain, draw, arm, animal) at which each new animal has the event, NaN where it cannot."""
    baseline = readings.isel(day=0, drop=True)
    if event == "endpoint":
        volume = study.endpoint_volume
        return None if volume is None else xr.full_like(baseline, np.log(volume))
    limit = study.limit_of_quantification
    seen = baseline if limit is None else baseline.where(baseline > np.log(limit))
    return seen + np.log(float(event.removesuffix("x"))) if bool(seen.notnull().any()) else None


def _recorded(study: Study, log_volume: Any) -> Any:
    """Volumes as a laboratory records them: 0 at the limit, none after the endpoint, none without a baseline."""
    volume = np.exp(log_volume)
    if study.endpoint_volume is not None:
        reached = np.cumsum(volume >= study.endpoint_volume, axis=-1) - (volume >= study.endpoint_volume)
        volume = np.where(reached > 0, np.nan, volume)
    if study.limit_of_quantification is not None:
        volume = np.where(volume <= study.limit_of_quantification, 0.0, volume)
    return np.where(volume[..., :1] > 0, volume, np.nan)


def _study(fits: Mapping[str, Fit]) -> Study:
    return next(iter(fits.values())).study
