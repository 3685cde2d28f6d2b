"""Figures of animals: waterfall, spider, survival, swimmer, body weight. Tables in, figures out, nothing computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, PercentFormatter

from xenograft.figures.axes import (
    animal_lines,
    arm_panels,
    heading,
    label_rows,
    legend,
    panel_grid,
    percent,
    ratio_axis,
)
from xenograft.figures.theme import INK, MANY, PAPER, SOFT, THEME, WIDE, arm_colours, short
from xenograft.study.study import Study

CUT = 200.0
"""Change (%) at which a bar of the waterfall is cut."""

MARKERS = ("D", "o", "s", "^", "P", "X", "*", "v")


@mpl.rc_context(THEME)
def waterfall(
    study: Study,
    responses: pd.DataFrame,
    *,
    classes: Sequence[str],
    thresholds: Sequence[float] = (-50.0, 35.0),
    width: float = WIDE,
) -> Figure:
    """Each animal's best response, sorted within its arm: filled for the best class, empty for the worst.

    Parameters
    ----------
    study : Study
        Order of the arms.
    responses : DataFrame
        One row per animal: `animal`, `arm`, `best` (best change of volume from baseline, %; −100 = nothing left) and
        `response` (its class); an animal without a class is left out.
    classes : sequence of str
        All classes, the best first; they give the fillings and the key.
    thresholds : sequence of float
        Changes (%) at which thin lines are drawn, mRECIST's by default (Gao 2015).
    width : float
        Inches; arms stand side by side in a wide figure, below each other in a narrow one.
    """
    arms = [arm.name for arm in study.arms if (responses["arm"] == arm.name).any()]
    fills, colours = dict(zip(classes, np.linspace(1, 0, len(classes)), strict=True)), arm_colours(study)
    wide = width > 6
    rows = -(-len(arms) // 4) or 1 if wide else max(len(arms), 1)
    per_row = -(-len(arms) // rows)
    figure, axes = panel_grid(
        rows,
        max(per_row, 1),
        width=width,
        height=1.9 if rows == 1 else 1.25,
        between=(0.12, 0.52),
        margins=(0.84, 0.36),
    )
    for axis in axes[len(arms) :]:
        axis.remove()
    for axis, arm in zip(axes, arms, strict=False):
        shown = responses[(responses["arm"] == arm) & responses["response"].isin(list(classes))]
        shown = shown.dropna(subset="best").sort_values("best", ascending=False)
        heights = shown["best"].clip(upper=CUT)
        # a change of exactly 0 would have no bar to colour
        heights = heights.where(heights.abs() >= 1.0, 1.0)
        places = np.arange(len(shown))
        for bar, name in zip(axis.bar(places, heights, width=0.8), shown["response"], strict=True):
            _fill(bar, colours[arm], fills[name])
        cut = places[shown["best"].to_numpy() > CUT]
        if len(cut):
            axis.plot(cut, np.full(len(cut), CUT), "^", color=INK, markersize=3, clip_on=False)
        axis.axhline(0.0, color=INK, linewidth=0.8)
        for place in thresholds:
            axis.axhline(place, color=SOFT, linewidth=0.6, linestyle=(0, (4, 3)))
        axis.set_title(short(arm, int(width / max(per_row, 1) * 9.5)), fontsize=9 if per_row <= 4 else 7.5)
        axis.set_xticks([])
        axis.set_ylim(-105, CUT * 1.05)
        axis.set_xlabel(f"{len(shown)} animals", fontsize=8)
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
        place = axis.get_subplotspec()
        if place is None or place.is_first_col():
            axis.set_ylabel("best change")
        else:
            axis.tick_params(labelleft=False)
    handles: list[Any] = [_fill(Patch(), SOFT, fill) for fill in fills.values()]
    names = list(fills)
    if (responses["best"] > CUT).any():
        handles.append(Line2D([], [], color=INK, marker="^", markersize=4, linestyle="none"))
        names.append(f"more than {percent(CUT)}")
    legend(figure, handles, names, columns=6 if wide else 3)
    return figure


def _fill(patch: Patch, colour: str, opacity: float) -> Patch:
    patch.set(facecolor=to_rgba(colour, opacity), edgecolor=colour, linewidth=0.8)
    return patch


@mpl.rc_context(THEME)
def spider(study: Study, changes: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Each animal's volume relative to its own baseline, one panel per arm.

    Parameters
    ----------
    study : Study
        Arms.
    changes : DataFrame
        One row per reading: `animal`, `arm`, `day` (as recorded), `ratio` (volume over the animal's baseline, no unit;
        0 = nothing left) and `censored` (bool: at or below the limit, drawn open).
    width : float
        Inches.
    """
    figure, axes = arm_panels(study, width=width)
    colours, image = arm_colours(study), len(changes) > MANY
    floor = ratio_axis(axes[0], changes["ratio"])
    for axis, arm in zip(axes, study.arms, strict=True):
        shown = changes[changes["arm"] == arm.name]
        colour = colours[arm.name]
        shown = shown.assign(height=shown["ratio"].clip(lower=floor))
        animal_lines(axis, shown, "height", colour=colour, width=0.9, many=image)
        ends = shown.groupby("animal", sort=False)[["day", "height"]].last()
        axis.plot(ends["day"], ends["height"], "o", color=colour, markersize=2.6, rasterized=image)
        low = shown[shown["censored"].astype(bool)]
        if len(low):
            axis.plot(
                low["day"], low["height"], "v", markersize=4, markerfacecolor=PAPER,
                markeredgecolor=colour, rasterized=image,
            )  # fmt: skip
        axis.axhline(1.0, color=INK, linewidth=0.8)
    label_rows(axes, "change from baseline")
    return figure


@mpl.rc_context(THEME)
def survival(
    study: Study, observed: pd.DataFrame, predicted: pd.DataFrame, *, event: str, width: float = WIDE
) -> Figure:
    """The share of animals without the event: Kaplan–Meier steps against what the models predict for new animals.

    Parameters
    ----------
    study : Study
        Arms.
    observed : DataFrame
        Kaplan–Meier: `arm`, `day` (as recorded), `survival` (share without the event from this day on; each arm starts
        with a row of 1) and `censored` (animals that left on this day without the event, marked with a tick).
    predicted : DataFrame
        Posterior predictive: `arm`, `day`, `median`, `lower`, `upper` (share of new animals without the event); may be
        empty.
    event : str
        In words, for example "volume of 2,000 mm³ reached".
    width : float
        Inches.
    """
    figure, axes = arm_panels(study, width=width, numbers="below")
    colours = arm_colours(study)
    named: dict[str, Any] = {}
    for axis, arm in zip(axes, study.arms, strict=True):
        colour = colours[arm.name]
        band = predicted[predicted["arm"] == arm.name] if len(predicted) else predicted
        if len(band):
            axis.fill_between(band["day"], band["lower"], band["upper"], color=colour, alpha=0.2, linewidth=0)
            axis.plot(band["day"], band["median"], color=colour, linewidth=1.2, linestyle=(0, (4, 2)))
            named["predicted for new animals, 95 % interval"] = (
                Patch(color=SOFT, alpha=0.22), Line2D([], [], color=SOFT, linestyle=(0, (4, 2)), linewidth=1.2),
            )  # fmt: skip
        steps = observed[observed["arm"] == arm.name]
        axis.step(steps["day"], steps["survival"], where="post", color=colour, linewidth=2.0)
        left = steps[steps["censored"].astype(float) > 0]
        axis.plot(left["day"], left["survival"], "|", color=INK, markersize=7, markeredgewidth=1.1)
        axis.set_ylim(-0.04, 1.06)
        axis.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    named["Kaplan–Meier"] = Line2D([], [], color=SOFT, linewidth=2.0)
    if (observed["censored"].astype(float) > 0).any():
        named["left without the event"] = Line2D([], [], color=INK, marker="|", linestyle="none", markersize=7)
    label_rows(axes, "animals without")
    heading(figure, f"Event: {event}")
    legend(figure, list(named.values()), list(named), columns=3 if width > 6 else 1)
    return figure


@mpl.rc_context(THEME)
def swimmer(study: Study, animals: pd.DataFrame, events: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """How long each animal was in the study and what happened to it: one bar per animal, grouped by arm.

    Parameters
    ----------
    study : Study
        Arms and colours.
    animals : DataFrame
        One row per animal: `animal`, `arm`, `start`, `end` (days as recorded).
    events : DataFrame
        `animal`, `day`, `event` (what happened, in words; one mark per kind); may be empty.
    width : float
        Inches.
    """
    known = {arm.name: place for place, arm in enumerate(study.arms)}
    rows = animals.assign(place=animals["arm"].map(known)).sort_values(["place", "end"], kind="stable")
    height = float(np.clip(0.085 * len(rows), 2.0, 9.0)) + 0.9
    figure = Figure(figsize=(width, height), layout="constrained")
    axis: Axes = figure.subplots()
    colours, height_of, y, middles = arm_colours(study), {}, 0.0, {}
    for arm, group in rows.groupby("arm", sort=False):
        places = y + np.arange(len(group))
        axis.barh(
            places, group["end"] - group["start"], left=group["start"], height=0.8 if len(rows) < 300 else 1.0,
            color=colours[str(arm)], alpha=0.75, linewidth=0, rasterized=len(rows) > MANY // 10,
        )  # fmt: skip
        height_of |= dict(zip(group["animal"], places, strict=True))
        middles[str(arm)] = float(places.mean())
        y = places[-1] + 1 + max(1.0, 0.02 * len(rows))
    named: dict[str, Any] = {}
    for marker, (kind, found) in zip(MARKERS, events.groupby("event", sort=False), strict=False):
        named[str(kind)] = axis.plot(
            found["day"], found["animal"].map(height_of), marker, color=INK, markersize=4.2 if len(rows) < 300 else 2,
            markeredgecolor=PAPER, markeredgewidth=0.4, clip_on=False, zorder=4,
        )[0]  # fmt: skip
    axis.set_yticks(list(middles.values()), [short(name, 30 if width > 6 else 14) for name in middles], color=INK)
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_ylim(y, -1.5)
    axis.set_xlabel("day")
    legend(figure, list(named.values()), [short(name, 40) for name in named], columns=3 if width > 6 else 1)
    return figure


@mpl.rc_context(THEME)
def body_weight(
    study: Study, weights: pd.DataFrame, *, limits: Sequence[float] = (-15.0, -20.0), width: float = WIDE
) -> Figure:
    """Each animal's body weight relative to its first, one panel per arm, with the arm's median.

    Parameters
    ----------
    study : Study
        Arms.
    weights : DataFrame
        `animal`, `arm`, `day` (as recorded), `change` (of body weight from the animal's first, %).
    limits : sequence of float
        Losses (%) at which thin lines are drawn.
    width : float
        Inches.
    """
    figure, axes = arm_panels(study, width=width)
    colours, image = arm_colours(study), len(weights) > MANY
    for axis, arm in zip(axes, study.arms, strict=True):
        shown = weights[weights["arm"] == arm.name]
        animal_lines(axis, shown, "change", colour=colours[arm.name], width=0.7, many=image)
        middle = shown.groupby("day")["change"].median()
        axis.plot(middle.index, middle, color=colours[arm.name], linewidth=2.2)
        axis.axhline(0.0, color=INK, linewidth=0.8)
        for place in limits:
            axis.axhline(place, color=SOFT, linewidth=0.6, linestyle=(0, (4, 3)))
    axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value)))
    label_rows(axes, "change of body weight")
    named: Mapping[str, Any] = {
        "animal": Line2D([], [], color=SOFT, linewidth=0.7),
        "median of the arm": Line2D([], [], color=SOFT, linewidth=2.2),
    }
    legend(figure, list(named.values()), list(named), columns=2)
    return figure
