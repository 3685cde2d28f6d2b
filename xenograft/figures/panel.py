"""Figures of a panel: models and their average, a moderator, heterogeneity, readings by model, best responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from xenograft.figures.axes import volume_ticks
from xenograft.figures.theme import ARM_COLOURS, INK, LINE, SOFT, THEME, WIDE, short

OWN, SHRUNKEN, TOGETHER = SOFT, ARM_COLOURS[1], ARM_COLOURS[0]

ACROSS = 6
"""Small panels side by side in a wide figure."""


@mpl.rc_context(THEME)
def forest_of_models(models: pd.DataFrame, together: pd.DataFrame, *, margin: float, width: float = WIDE) -> Figure:
    """What the combination does in each model: its own readings, drawn towards the others; the average; a new model.

    Parameters
    ----------
    models : DataFrame
        From bottom to top: `model`, `median`, `lower`, `upper`, and `own`, `own_lower`, `own_upper` (NaN where there
        is none), in log units; `fitted`, whether its own estimate is of a fit.
    together : DataFrame
        Rows "average model" and "new model" (`name`, `median`, `lower`, `upper`).
    margin : float
        What is closer to 0 is shaded.
    width : float
        Inches.
    """
    rows = len(models) + len(together) + 1
    figure = Figure(figsize=(width, 0.8 + 0.19 * rows + 0.5), layout="constrained")
    axis = figure.add_subplot()
    axis.axvspan(-margin, margin, color=LINE, alpha=0.5, lw=0)
    axis.axvline(0, color=SOFT, lw=0.8)
    at = np.arange(len(together) + 1, rows)
    far = max(float(np.nanmax(np.abs(table[["lower", "upper"]].to_numpy()))) for table in (models, together)) * 1.1
    own = models["own"].to_numpy(dtype=float)
    axis.hlines(
        at - 0.22, *(np.clip(models[end].to_numpy(), -far, far) for end in ("own_lower", "own_upper")),
        color=OWN, lw=0.7, alpha=0.7,
    )  # fmt: skip
    inside = np.abs(own) < far
    fitted = models["fitted"].to_numpy(dtype=bool)
    for of, mark, label in ((fitted, "o", "its own fit"), (~fitted, "^", "its own readings, least squares")):
        if (inside & of).any():
            axis.plot(own[inside & of], at[inside & of] - 0.22, mark, ms=2.6, mfc="none", mec=OWN, label=label)
    axis.hlines(at + 0.12, models["lower"], models["upper"], color=SHRUNKEN, lw=1.3)
    axis.plot(models["median"], at + 0.12, "o", ms=3.4, color=SHRUNKEN, label="in the panel")
    for place, (median, lower, upper) in enumerate(together[["median", "lower", "upper"]].to_numpy(dtype=float)[::-1]):
        axis.hlines(place, lower, upper, color=TOGETHER, lw=2.2)
        axis.plot(median, place, "D", ms=4.5, color=TOGETHER)
    axis.axhline(len(together) - 0.5 + 0.25, color=LINE, lw=0.8)
    names = [*together["name"].iloc[::-1], "", *(short(str(name), 26) for name in models["model"])]
    axis.set_yticks(np.arange(rows), names, fontsize=7.5)
    axis.set_ylim(-0.7, rows - 0.3)
    axis.set_xlim(-far, far)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel(f"excess (log units){': ' if width > 6 else chr(10)}← less than the reference | more →")
    figure.legend(loc="outside upper left", ncols=2, fontsize=7.5)
    return figure


LABELLED = 4
"""Models that are named beside a moderator."""


@mpl.rc_context(THEME)
def excess_by_moderator(points: pd.DataFrame, band: pd.DataFrame, *, name: str, width: float = WIDE) -> Figure:
    """The excess of each model against a moderator, and that of the typical model with its band.

    Parameters
    ----------
    points : DataFrame
        `value`, `median`, `lower`, `upper`, `model`; in log units.
    band : DataFrame
        `value`, `median`, `lower`, `upper`.
    name : str
        Of the moderator.
    width : float
        Inches.
    """
    figure = Figure(figsize=(min(width, 6.5), 3.2), layout="constrained")
    axis = figure.add_subplot()
    axis.axhline(0, color=SOFT, lw=0.8)
    axis.fill_between(band["value"], band["lower"], band["upper"], color=TOGETHER, alpha=0.18, lw=0)
    axis.plot(band["value"], band["median"], color=TOGETHER, lw=1.6)
    axis.vlines(points["value"], points["lower"], points["upper"], color=SHRUNKEN, lw=0.6, alpha=0.6)
    axis.plot(points["value"], points["median"], "o", ms=3.4, color=SHRUNKEN)
    standard = points[["value", "median"]].apply(lambda column: (column - column.mean()) / (column.std() or 1.0))
    outermost = (standard**2).sum(axis=1).nlargest(LABELLED).index  # on them a slope rests most
    for row in points.loc[outermost].itertuples():
        axis.annotate(
            short(str(row.model), 16), (row.value, row.median), xytext=(4, 3), textcoords="offset points", fontsize=7
        )
    axis.set_xlabel(name)
    axis.set_ylabel("excess (log units)")
    return figure


@mpl.rc_context(THEME)
def heterogeneity(
    new: np.ndarray, models: np.ndarray, spread: np.ndarray, prior: np.ndarray, *, margin: float, width: float = WIDE
) -> Figure:
    """Where the excess of a new model lies, with the panel's models below it; and the spread beside its prior.

    Parameters
    ----------
    new : array (draw)
        Excess of new models.
    models : array (model)
        Medians of the panel's models.
    spread, prior : arrays (draw)
        Sd of the excess between models, posterior and prior.
    margin : float
        What is closer to 0 is shaded.
    width : float
        Inches.
    """
    wide = width > 6
    figure = Figure(figsize=(width, 2.6 if wide else 5.0), layout="constrained")
    first, second = figure.subplots(*((1, 2) if wide else (2, 1)))
    low, high = np.quantile(new, [0.005, 0.995])
    first.axvspan(-margin, margin, color=LINE, alpha=0.5, lw=0)
    first.hist(np.clip(new, low, high), bins=50, density=True, color=TOGETHER, alpha=0.55)
    first.plot(models, np.zeros_like(models), "|", ms=10, color=SHRUNKEN, clip_on=False)
    first.set_xlabel(f"excess in a new model (log units){'; ' if wide else chr(10)}ticks: the panel's models")
    top = float(np.quantile(np.concatenate([spread, prior]), 0.98))
    bins = np.linspace(0, top, 45)
    second.hist(prior, bins=bins.tolist(), density=True, color=LINE, label="prior")
    second.hist(spread, bins=bins.tolist(), density=True, color=TOGETHER, alpha=0.6, label="with the readings")
    second.set_xlabel("sd of the excess between models (log units)")
    second.legend()
    for axis in (first, second):
        axis.set_yticks([])
        axis.grid(visible=False)
    return figure


@mpl.rc_context(THEME)
def readings_by_model(
    readings: pd.DataFrame, curves: pd.DataFrame, colours: Mapping[str, str], *, until: float, unit: str,
    width: float = WIDE,
) -> Figure:  # fmt: skip
    """Readings of each model with the curves of its arms, a small panel for each.

    Parameters
    ----------
    readings : DataFrame
        `model`, `arm`, `animal`, `elapsed` (days since the first dose), `volume`, `censored`.
    curves : DataFrame
        `model`, `arm`, `day`, `volume`: of the model's typical animal; drawn where its arm has readings.
    colours : mapping of str to str
        By arm.
    until : float
        Last day that is drawn.
    unit : str
        Of the volumes, as printed.
    width : float
        Inches.
    """
    names = list(dict.fromkeys(readings["model"]))
    across = ACROSS if width > 6 else 2
    across = min(across, len(names))
    down = int(np.ceil(len(names) / across))
    figure = Figure(figsize=(width, 0.7 + 1.35 * down), layout="constrained")
    axes: Sequence[Axes] = list(np.atleast_1d(figure.subplots(down, across, sharex=True, sharey=True)).ravel())
    shown, drawn = readings[readings["elapsed"] <= until], dict(list(curves.groupby("model", sort=False)))
    by_model = dict(list(shown.groupby("model", sort=False)))
    for axis, name in zip(axes, names, strict=False):
        for arm, own in by_model[name].groupby("arm", sort=False) if name in by_model else ():
            for _, animal in own.groupby("animal", sort=False):
                axis.plot(animal["elapsed"], animal["volume"], color=colours[str(arm)], lw=0.5, alpha=0.5)
            at = own[own["censored"]]
            axis.plot(own["elapsed"], own["volume"], ".", ms=2.2, color=colours[str(arm)], alpha=0.8)
            axis.plot(at["elapsed"], at["volume"], "v", ms=3, color=colours[str(arm)])
        last = by_model[name].groupby("arm")["elapsed"].max() if name in by_model else {}
        for arm, own in drawn[name].groupby("arm", sort=False) if name in drawn else ():
            own = own[own["day"] <= last.get(arm, 0.0)]
            axis.plot(own["day"], own["volume"], color=colours[str(arm)], lw=1.4)
        axis.set_title(short(str(name), 20), fontsize=7.5, pad=2)
        axis.tick_params(labelsize=6.5)
        axis.xaxis.set_major_locator(MaxNLocator(4))
    extent = float(shown["volume"].min()) / 1.5, float(shown["volume"].max()) * 1.5
    axes[0].set_yscale("log")
    axes[0].set_ylim(extent)
    volume_ticks(axes[0].yaxis, extent, least=3)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    figure.supxlabel("days since the first dose", fontsize=8, color=SOFT)
    figure.supylabel(f"volume ({unit})", fontsize=8, color=SOFT)
    handles: list[Any] = [Line2D([], [], color=colour, lw=1.6) for colour in colours.values()]
    figure.legend(handles, [short(arm, 30) for arm in colours], loc="outside upper left", ncols=4 if width > 6 else 2)
    return figure


@mpl.rc_context(THEME)
def best_responses(best: pd.DataFrame, colours: Mapping[str, str], *, width: float = WIDE) -> Figure:
    """Waterfall of best responses by arm, with what the models predict of each rank.

    Parameters
    ----------
    best : DataFrame
        `arm`, `rank` (0 is the best), `seen`, `median`, `lower`, `upper` (change of volume from baseline, percent).
    colours : mapping of str to str
        By arm.
    width : float
        Inches.
    """
    arms = [arm for arm in colours if (best["arm"] == arm).any()]
    wide = width > 6
    across = min(len(arms), 4) if wide else 1
    down = int(np.ceil(len(arms) / across))
    figure = Figure(figsize=(width, 0.4 + 2.1 * down), layout="constrained")
    axes = list(np.atleast_1d(figure.subplots(down, across, sharey=True)).ravel())
    for axis, arm in zip(axes, arms, strict=False):
        own = best[best["arm"] == arm].sort_values("rank", ascending=False)
        at = np.arange(len(own))
        axis.bar(at, np.clip(own["seen"], -100, 200), color=colours[arm], alpha=0.75, width=0.85)
        axis.fill_between(
            at, np.clip(own["lower"], -100, 200), np.clip(own["upper"], -100, 200), color=INK, alpha=0.15, lw=0
        )
        axis.plot(at, np.clip(own["median"], -100, 200), color=INK, lw=1.0)
        for change in (35, -50):
            axis.axhline(change, color=SOFT, lw=0.6, ls=(0, (4, 3)))
        axis.axhline(0, color=SOFT, lw=0.6)
        axis.set_title(short(arm, 28))
        axis.set_xticks([])
        axis.set_ylim(-105, 205)
    for axis in axes[len(arms) :]:
        axis.set_visible(False)
    figure.supylabel("best change of volume (%)", fontsize=8, color=SOFT)
    return figure
