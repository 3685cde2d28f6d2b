"""Tables that show whether a model fits and a sampler worked: predictions, residuals, densities, traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from xenograft.fitting.fit import Fit
from xenograft.fitting.identified import identified
from xenograft.model.curve import course_of_arms, error_variance, measured
from xenograft.model.exposure import schedule
from xenograft.model.likelihood import panel
from xenograft.printing import label_of

TRACED = 6
"""Parameters of a fit that is not *pass* whose draws are shown: those with the largest R-hat."""


def predictive_bands(best: Fit | None) -> pd.DataFrame:
    """What a model expects of new animals' readings, by arm and day, from its stored predictive draws.

    Returns
    -------
    DataFrame
        `arm`, `day` (as recorded), `median`, `lower50`, `upper50`, `lower90`, `upper90` (volume in the study's unit).
    """
    columns = ["arm", "day", "median", "lower50", "upper50", "lower90", "upper90"]
    if best is None:
        return pd.DataFrame(columns=columns)
    study = best.study
    drawn = best.draws["posterior_predictive"]["volume_readings"].transpose("chain", "draw", "animal", "reading")
    elapsed = best.draws["constant_data"]["elapsed"].transpose("animal", "reading").to_numpy()
    there = np.isfinite(elapsed)
    samples = drawn.to_numpy().reshape(-1, *elapsed.shape)[:, there]  # (sample, reading present)
    arms = study.animals["arm"].reindex(list(map(str, drawn["animal"].to_numpy()))).to_numpy()
    places = pd.DataFrame({
        "arm": np.repeat(arms[:, None], elapsed.shape[1], axis=1)[there],
        "day": np.round(elapsed[there] + study.first_dose, 6),
    })  # fmt: skip
    shares = {"median": 0.5, "lower50": 0.25, "upper50": 0.75, "lower90": 0.05, "upper90": 0.95}
    rows: list[dict[str, Any]] = []
    for (arm, day), inside in places.groupby(["arm", "day"]).groups.items():  # pyright: ignore
        found = np.exp(np.quantile(samples[:, list(inside)], list(shares.values()))) * study.reference_volume
        rows.append({"arm": arm, "day": day} | dict(zip(shares, found, strict=True)))
    return pd.DataFrame(rows, columns=columns)


def residual_table(best: Fit | None, own: xr.DataArray | None) -> pd.DataFrame:
    """What is left of each uncensored reading without its animal's own curve.

    Parameters
    ----------
    best : Fit or None
        The model; without one the table is empty.
    own : DataArray (chain, draw, animal, day) or None
        The animals' curves on the days of all readings, from `animal_curves`.

    Returns
    -------
    DataFrame
        `animal`, `arm`, `day`, `expected` (volume in the study's unit), `residual` (in sds of the reading error of its
        arm, and of its size where the card says so).
    """
    columns = ["animal", "arm", "day", "expected", "residual"]
    if best is None or own is None or "error" not in best.posterior:
        return pd.DataFrame(columns=columns)
    readings = best.study.fitted_readings
    readings = readings[~readings["censored"].astype(bool)]
    place = (
        xr.DataArray(readings["animal"].to_numpy(), dims="row"),
        xr.DataArray(readings["day"].to_numpy(), dims="row"),
    )
    log_curve = own.mean(("chain", "draw")).sel(animal=place[0], day=place[1]).to_numpy()
    error = reading_error(best, np.unique(readings["day"]))
    own_error = error.sel(arm=xr.DataArray(readings["arm"].to_numpy(), dims="row"), day=place[1]).to_numpy()
    table = readings[["animal", "arm", "day"]].assign(expected=np.exp(log_curve))
    table["residual"] = (np.log(readings["volume"].to_numpy()) - log_curve) / own_error
    return table[columns]


def reading_error(fit: Fit, day: np.ndarray) -> xr.DataArray:
    """Standard deviation of a reading around its animal's own curve, averaged over the draws.

    Parameters
    ----------
    fit : Fit
        Posterior draws.
    day : array (day)
        Days as recorded.

    Returns
    -------
    DataArray (arm, day)
        Log units; of Student errors the standard deviation too, not the scale, where their mean degrees of freedom are
        above 2, so that there is one.
    """
    study, parameters, elapsed = fit.study, fit.parameters(), day - fit.study.first_dose
    untreated, reduction = course_of_arms(elapsed, schedule(study, exposure=fit.card.exposure), parameters)
    typical, _ = measured(untreated[..., None, :] - reduction, [], parameters)
    variance = error_variance(parameters, typical, panel(study).floor)
    scale = np.sqrt(np.broadcast_to(variance, reduction.shape)).mean(axis=(0, 1))
    freedom = np.inf if parameters.degrees_of_freedom is None else float(parameters.degrees_of_freedom.mean())
    sd = scale if not 2 < freedom < np.inf else scale * np.sqrt(freedom / (freedom - 2))
    return xr.DataArray(sd, dims=("arm", "day"), coords={"arm": [arm.name for arm in study.arms], "day": day})


def densities(fit: Fit) -> pd.DataFrame:
    """Prior density beside a kernel estimate of the posterior, for every parameter with a prior of its own.

    Without what only a prior tells apart: agents never tested alone, and their interaction.

    Returns
    -------
    DataFrame
        `parameter`, `unit`, `value` (160 of them, in that unit), `prior`, `posterior` (densities).
    """
    parts: list[pd.DataFrame] = []
    card = fit.card.on(fit.study)
    agents = {name: agent for name, (agent, _) in zip(fit.study.level_labels, fit.study.levels, strict=True)}
    for parameter, label, draws in _parameters(identified(fit.posterior, fit.study)):
        known = agents.get(label) if parameter == "kill" else None
        try:
            prior = card.prior_of(parameter, known)
        except KeyError:  # made from other parameters
            continue
        flat = draws.ravel()
        if not np.isfinite(flat).all() or flat.std() == 0:
            continue
        low, high = _range(flat, prior.frozen)
        value = np.linspace(low, high, 160)
        name = label_of(parameter, label) if label else parameter
        density = stats.gaussian_kde(flat[:: max(1, flat.size // 2000)])(value)
        parts.append(
            pd.DataFrame({"parameter": name, "unit": prior.unit, "value": value, "prior": prior.frozen.pdf(value),
                          "posterior": density})
        )  # fmt: skip
    columns = ["parameter", "unit", "value", "prior", "posterior"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def trace_table(fit: Fit) -> pd.DataFrame:
    """Draws and their ranks for the parameters on which the chains agree least, at most 500 draws a chain.

    Returns
    -------
    DataFrame
        `parameter`, `chain`, `draw`, `value`, `rank` (among all draws of the parameter, 0 to 1).
    """
    parts: list[pd.DataFrame] = []
    known = _parameters(identified(fit.posterior, fit.study))
    for parameter, label, draws in sorted(known, key=_disagreement)[:TRACED]:
        chains, length = draws.shape
        order = stats.rankdata(draws, axis=None) / draws.size
        table = pd.DataFrame({
            "parameter": label_of(parameter, label) if label else parameter,
            "chain": np.repeat(np.arange(chains), length),
            "draw": np.tile(np.arange(length), chains),
            "value": draws.ravel(),
            "rank": order.ravel(),
        })  # fmt: skip
        parts.append(table[table["draw"] % max(1, length // 500) == 0])
    columns = ["parameter", "chain", "draw", "value", "rank"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _disagreement(parameter: tuple[str, str, np.ndarray]) -> float:
    """Minus R-hat; what never moved, or holds no numbers, first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rhat = float(az.rhat(parameter[2], chain_axis=0, draw_axis=1))
    return -rhat if np.isfinite(rhat) else -np.inf


def _range(draws: np.ndarray, prior: Any) -> tuple[float, float]:
    """Where the posterior is, and the prior's bulk as far as it leaves the posterior legible."""
    low, high = np.quantile(draws, [0.001, 0.999])
    width = high - low
    bulk = prior.ppf([0.025, 0.975])
    low, high = max(min(bulk[0], low), low - 4 * width), min(max(bulk[1], high), high + 4 * width)
    support = prior.support()
    return float(max(low - 0.05 * width, support[0])), float(min(high + 0.05 * width, support[1]))


def _parameters(posterior: xr.Dataset) -> Sequence[tuple[str, str, np.ndarray]]:
    """Every scalar of the posterior with its label: name, label, draws (chain, draw)."""
    found: list[tuple[str, str, np.ndarray]] = []
    for name, variable in posterior.items():
        if variable.ndim == 2:
            found.append((str(name), "", variable.to_numpy()))
        elif variable.ndim == 3 and variable.sizes[variable.dims[2]] <= 40:
            last = variable.dims[2]
            for place, label in enumerate(variable[last].to_numpy()):
                found.append((str(name), str(label), variable.isel({last: place}).to_numpy()))
    return found
