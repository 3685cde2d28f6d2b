"""Figures for the statistician: residuals, influential animals, priors against posteriors, traces and ranks."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from xenograft.figures.axes import legend, panel_grid, volume_ticks
from xenograft.figures.theme import ARM_COLOURS, CONTROL, INK, MANY, SOFT, THEME, WIDE, arm_colours, short
from xenograft.study.groups import PLURAL
from xenograft.study.study import Study
from xenograft.study.tables import arm_of_groups, unit_in_print

CHAIN_COLOURS = (*ARM_COLOURS, CONTROL)
NAMED = 12
"""Most animals that a figure names."""

MOST_PARAMETERS = 24
"""Most panels of one figure; the table has the rest."""


@mpl.rc_context(THEME)
def residuals(study: Study, table: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """What is left when each animal's own curve is taken off its readings: by day, by volume, against the normal.

    Parameters
    ----------
    study : Study
        Colours of the arms, unit.
    table : DataFrame
        One row per fitted, uncensored reading: `animal`, `arm`, `day` (as recorded), `expected` (volume of the animal's
        own curve, in the study's unit), `residual` (log reading minus log curve, in units of the reading error's sd).
    width : float
        Inches.
    """
    wide = width > 6
    figure = Figure(figsize=(width, 2.9 if wide else 7.0), layout="constrained")
    axes: list[Axes] = list(figure.subplots(*((1, 3) if wide else (3, 1)), squeeze=False).flat)
    colours, image = arm_colours(study), len(table) > MANY
    handles: dict[str, Any] = {}
    for arm in study.arms:
        shown = table[table["arm"] == arm.name]
        for axis, name in zip(axes[:2], ("day", "expected"), strict=True):
            handles[arm.name] = axis.plot(
                shown[name], shown["residual"], "o", color=colours[arm.name], markersize=2.8, alpha=0.6,
                markeredgewidth=0, rasterized=image,
            )[0]  # fmt: skip
    ordered = table.sort_values("residual")
    middle = (np.arange(len(ordered)) + 0.5) / max(len(ordered), 1)
    normal = np.array([NormalDist().inv_cdf(share) for share in middle])
    axes[2].plot(normal, ordered["residual"], "o", color=SOFT, markersize=2.8, markeredgewidth=0, rasterized=image)
    axes[2].axline((0.0, 0.0), slope=1.0, color=INK, linewidth=0.8)
    for axis in axes[:2]:
        axis.axhline(0.0, color=INK, linewidth=0.8)
        for place in (-2.0, 2.0):
            axis.axhline(place, color=SOFT, linewidth=0.6, linestyle=(0, (4, 3)))
    axes[1].set_xscale("log")
    volume_ticks(axes[1].xaxis, table["expected"], least=2)
    axes[0].set_xlabel("day")
    axes[1].set_xlabel(f"volume of the animal's curve ({unit_in_print(study.unit)})")
    axes[2].set_xlabel("expected of a normal distribution")
    for axis in axes if not wide else axes[:1]:
        axis.set_ylabel("residual (reading error's sd)")
    few = dict(list(handles.items())[:8])
    legend(figure, list(few.values()), [short(name, 30) for name in few], columns=4 if wide else 2)
    return figure


@mpl.rc_context(THEME)
def influence(study: Study, pareto_k: pd.DataFrame, good_k: float, *, width: float = WIDE) -> Figure:
    """How much each animal matters: its Pareto k under every model, with the names of those above the limit.

    Parameters
    ----------
    study : Study
        Arms and colours.
    pareto_k : DataFrame (animal, card)
        Pareto k of each animal's (or mouse's) leave-one-out estimate (no unit); index their names.
    good_k : float
        The k above which an animal's estimate is not trusted.
    width : float
        Inches.
    """
    known = {arm.name: place for place, arm in enumerate(study.arms)}
    arm_of = arm_of_groups(study).reindex(pareto_k.index)
    rows = pareto_k.assign(_place=arm_of.map(known)).sort_values("_place", kind="stable").drop(columns="_place")
    figure = Figure(figsize=(width, 3.2), layout="constrained")
    axis: Axes = figure.subplots()
    colours, arm_of = arm_colours(study), arm_of.reindex(rows.index)
    places = pd.Series(np.arange(len(rows)), index=rows.index)
    worst = rows.max(axis=1)
    for arm in study.arms:
        inside = arm_of.index[arm_of == arm.name]
        if not len(inside):
            continue
        values = rows.loc[inside]
        axis.vlines(places[inside], values.min(axis=1), values.max(axis=1), color=colours[arm.name], linewidth=1.0)
        for name in rows.columns:
            axis.plot(
                places[inside], values[name], "o", color=colours[arm.name], markersize=2.8, alpha=0.8,
                rasterized=rows.size > MANY,
            )  # fmt: skip
    axis.axhline(good_k, color=INK, linewidth=0.9)
    axis.annotate(
        f"limit {good_k:.2f}", (0.0, good_k), xycoords=("axes fraction", "data"), xytext=(2, 2),
        textcoords="offset points", fontsize=7.5, color=SOFT,
    )  # fmt: skip
    for animal, value in worst[~(worst <= good_k)].sort_values(ascending=False).head(NAMED).items():
        axis.annotate(
            short(str(animal), 14), (float(places.loc[str(animal)]), value), xytext=(0, 4), textcoords="offset points",
            fontsize=7.5, color=INK, rotation=90, ha="center",
        )  # fmt: skip
    axis.set_xticks([])
    axis.set_xlabel(f"{PLURAL[study.group]}, by arm")
    axis.set_ylabel("Pareto k")
    axis.margins(y=0.25)
    handles = [Line2D([], [], color=colours[arm.name], marker="o", markersize=3.5) for arm in study.arms[:8]]
    legend(figure, handles, [short(arm.name, 30) for arm in study.arms[:8]], columns=4 if width > 6 else 1)
    return figure


@mpl.rc_context(THEME)
def prior_and_posterior(densities: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """What was believed of each parameter before the data, and after.

    Parameters
    ----------
    densities : DataFrame
        Of one model: `parameter`, `unit`, `value` (in that unit, ascending), `prior`, `posterior` (densities, 1/unit).
    width : float
        Inches; decides how many panels stand side by side.
    """
    names = list(dict.fromkeys(densities["parameter"]))[:MOST_PARAMETERS]
    columns = min(4 if width > 6 else 2, max(len(names), 1))
    rows = -(-len(names) // columns) or 1
    figure, axes = panel_grid(rows, columns, width=width, height=0.8, between=(0.2, 0.66), margins=(0.14, 0.42))
    for axis in axes[len(names) :]:
        axis.remove()
    handles: dict[str, Any] = {}
    for axis, name in zip(axes, names, strict=False):
        course = densities[densities["parameter"] == name]
        posterior, prior = course["posterior"], course["prior"]
        handles["posterior"] = axis.fill_between(
            course["value"], posterior, color=ARM_COLOURS[1], alpha=0.45, linewidth=0
        )
        handles["prior"] = axis.plot(course["value"], prior, color=INK, linewidth=1.1, linestyle=(0, (4, 2)))[0]
        top = float(np.nanmax([posterior.max(), prior[np.isfinite(prior)].quantile(0.98)]))
        axis.set_ylim(0.0, 1.1 * top if top > 0 else 1.0)
        axis.set_yticks([])
        axis.set_title(short(name, int(width / columns * 11)), fontsize=8, fontweight="normal")
        axis.set_xlabel(str(course["unit"].iloc[0]), fontsize=7.5)
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.tick_params(labelsize=7.5)
    legend(figure, list(handles.values()), list(handles), columns=2)
    return figure


@mpl.rc_context(THEME)
def traces(draws: pd.DataFrame, *, bins: int = 20, width: float = WIDE) -> Figure:
    """Whether the chains agree: each parameter's draws in turn, and how often each chain holds each rank.

    Chains that explore the same distribution have flat rank histograms (Vehtari et al. 2021).

    Parameters
    ----------
    draws : DataFrame
        Of one model: `parameter`, `chain`, `draw`, `value` (in the parameter's unit), `rank` (of the value among all
        draws of its parameter, 0 to 1).
    bins : int
        Of the rank histogram.
    width : float
        Inches.
    """
    names = list(dict.fromkeys(draws["parameter"]))[:MOST_PARAMETERS]
    rows = max(len(names), 1)
    figure, axes = panel_grid(
        rows, 2, width=width, height=0.75, between=(0.45, 0.48), margins=(0.6, 0.5), width_ratios=(2, 1)
    )
    grid = list(zip(axes[::2], axes[1::2], strict=True))
    edges = np.linspace(0.0, 1.0, bins + 1)
    handles: dict[str, Any] = {}
    for (left, right), name in zip(grid, names, strict=False):
        own = draws[draws["parameter"] == name]
        for place, (chain, course) in enumerate(own.groupby("chain")):
            colour = CHAIN_COLOURS[place % len(CHAIN_COLOURS)]
            handles[f"chain {chain}"] = left.plot(
                course["draw"], course["value"], color=colour, linewidth=0.5, alpha=0.8, rasterized=True
            )[0]
            counts, _ = np.histogram(course["rank"], bins=edges)
            right.stairs(counts, edges, color=colour, linewidth=1.1)
        left.set_title(short(name, 40), fontsize=8, fontweight="normal")
        right.axhline(len(own) / max(own["chain"].nunique(), 1) / bins, color=SOFT, linewidth=0.8, linestyle="--")
        right.set_ylim(bottom=0)
        for axis in (left, right):
            axis.tick_params(labelsize=7.5)
            axis.xaxis.set_major_locator(MaxNLocator(5 if width > 6 else 2))
    grid[-1][0].set_xlabel("draw")
    grid[-1][1].set_xlabel("rank of the draw (share)" if width > 6 else "rank (share)")
    legend(figure, list(handles.values()), list(handles), columns=4 if width > 6 else 2)
    return figure
