"""What the figures of a panel show, as tables: curves of each model, excess by moderator, best responses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.panels.analysis import PanelAnalysis
from xenograft.panels.answers import Answer, values_of
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import readings_of, schedules_of
from xenograft.panels.effects import curves_of_effects
from xenograft.panels.fit import PanelFit
from xenograft.quantities.estimands import interval

DRAWS = 100
"""Posterior draws from which curves and best responses are taken."""

COUNTED_FROM = 10.0
"""Days from which a change counts as a best response (mRECIST, Gao et al. 2015), where there are readings."""

POINTS = 25
"""Values of a moderator at which its band is drawn."""


def heaviest(analysis: PanelAnalysis) -> PanelFit:
    """The answering card of the largest weight, which curves and responses are drawn of."""
    weights = analysis.ranking.answer_weights
    return analysis.fits[max(weights, key=lambda name: weights[name])]


def curves_by_model(analysis: PanelAnalysis, until: float) -> pd.DataFrame:
    """Median curves of each model's arms with animals: `model`, `arm`, `day`, `volume`."""
    panel, fit = analysis.panel, heaviest(analysis)
    days = np.linspace(0.0, until, 25)
    counts, times = panel.animals_by_arm, schedules_of(panel, fit.card)
    effects = _thinned(fit)
    parts: list[pd.DataFrame] = []
    for m, model in enumerate(panel.models):
        own = effects.sel(model=model, drop=True)
        arms = times.arms[times.of_model[m]]
        curves = curves_of_effects(own, fit.posterior, panel, fit.card, list(days), arms)
        median = xr.ufuncs.exp(curves.median(("chain", "draw"))).to_series().rename("volume").reset_index()
        there = [arm for arm in counts.columns if counts[arm][model] > 0]
        parts.append(median[median["arm"].isin(there)].assign(model=model))
    return pd.concat(parts, ignore_index=True)


def by_moderator(analysis: PanelAnalysis, answer: Answer, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each model's excess against a moderator, and the band of the typical model (Bliss: linear in the moderator)."""
    assert answer.moderators is not None
    values = analysis.panel.moderators[name]
    table = interval(answer.models).reset_index()
    table["value"] = table["model"].map(values)
    low, high = values_of(analysis.panel)[name]
    both = answer.moderators.sel(moderator=name)
    slope = (both.sel(place="high", drop=True) - both.sel(place="low", drop=True)) / (high - low)
    grid = np.linspace(float(values.min()), float(values.max()), POINTS)
    line = both.sel(place="low", drop=True) + slope * xr.DataArray(grid - low, dims="value")
    band = interval(line.assign_coords(value=grid)).reset_index()
    return table.dropna(subset="value"), band


def best_by_arm(analysis: PanelAnalysis, *, seed: int = 1) -> pd.DataFrame:
    """Best changes of volume by arm, seen and as replicated from the posterior: `arm`, `rank`, `seen`, `median`, …."""
    panel, fit = analysis.panel, heaviest(analysis)
    rng = np.random.default_rng(seed)
    readings = readings_of(panel)
    effects = _thinned(fit)
    model_of = readings.model[readings.animal]
    seen = _best(readings.log_volume[None], readings.first, readings.elapsed)[0]
    flat = effects.stack(sample=("chain", "draw")).transpose("sample", "model", "effect").to_numpy()
    posterior = fit.posterior.sel(draw=effects["draw"])
    given = {
        str(name): values.stack(sample=("chain", "draw")).transpose("sample", ...).to_numpy()
        for name, values in posterior.items()
    }
    times = schedules_of(panel, fit.card)
    mean = np.empty((len(flat), len(readings.elapsed)))
    growth = np.empty_like(mean)
    from_baseline = np.empty_like(mean)
    for s, received in enumerate(times.received):
        mine = np.flatnonzero(times.of_model[model_of] == s)
        days, at = np.unique(readings.elapsed[mine], return_inverse=True)
        columns = effect_columns(days, received, panel, fit.card, given)
        columns = np.broadcast_to(columns, (len(flat), *columns.shape[-3:]))
        used = columns[:, readings.arm[readings.animal[mine]], at]
        mean[:, mine] = (used * flat[:, model_of[mine]]).sum(axis=-1)
        from_baseline[:, mine], growth[:, mine] = used[..., 0], used[..., 1]
    arm = readings.arm
    spread = {name: _by_arm(given[name], arm) for name in ("sd_growth", "error")}
    one, two = rng.standard_normal((2, len(flat), len(readings.model)))
    rho = given["correlation"][:, None]
    own = given["sd_baseline"][:, None] * one
    rate = spread["sd_growth"] * (rho * one + np.sqrt(1 - rho**2) * two)
    drawn = mean + own[:, readings.animal] * from_baseline + rate[:, readings.animal] * growth
    drawn += spread["error"][:, readings.animal] * rng.standard_normal(drawn.shape)
    below = np.where(readings.censored, readings.log_volume, -np.inf)
    replicated = _best(np.maximum(drawn, below), readings.first, readings.elapsed)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(one_arm.name for one_arm in panel.arms):
        mine = (arm == place) & np.isfinite(seen)
        ranked = np.sort(replicated[:, mine], axis=1)
        lower, median, upper = np.quantile(ranked, [0.05, 0.5, 0.95], axis=0)
        for rank, value in enumerate(np.sort(seen[mine])):
            rows.append(
                {"arm": name, "rank": rank, "seen": value, "median": median[rank], "lower": lower[rank],
                 "upper": upper[rank]}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _by_arm(values: np.ndarray, arm: np.ndarray) -> np.ndarray:
    return values[:, arm] if values.ndim == 2 else values[:, None] * np.ones(len(arm))


def _best(log_volume: np.ndarray, first: np.ndarray, elapsed: np.ndarray) -> np.ndarray:
    """Largest fall of volume from the first reading of each animal, percent (…, animal); NaN with one reading."""
    found = np.full((len(log_volume), len(first) - 1), np.nan)
    for i, (begin, end) in enumerate(pairwise(first.tolist())):
        late = np.flatnonzero(elapsed[begin + 1 : end] >= COUNTED_FROM) + begin + 1
        used = late if len(late) else np.arange(end - 1, end) if end - begin > 1 else late
        if len(used):
            change = log_volume[:, used] - log_volume[:, begin, None]
            found[:, i] = 100 * np.expm1(change.min(axis=1))
    return found


def _thinned(fit: PanelFit) -> xr.DataArray:
    step = max(1, fit.effects.sizes["draw"] * fit.effects.sizes["chain"] // DRAWS)
    return fit.effects.isel(draw=slice(None, None, step))
