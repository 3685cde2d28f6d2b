"""Figures of the report: tables in, matplotlib figures out. Nothing is computed here and pyplot is not touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xenograft.drawing import (
    CONTROL,
    INK,
    PAPER,
    SOFT,
    THEME,
    doses,
    left_early,
    legend,
    make_room,
    mark_horizon,
    name_ends,
    order,
    panel_key,
    short,
    signed,
    unit_in_print,
    volume_axis,
)
from xenograft.study import Arm, Study

WIDE, NARROW = 9.0, 3.75
"""Widths (inches) of a figure for a desk or a sheet of paper, and for a telephone."""

ARM_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#b8860b", "#56a0d3", "#8c6bb1")
"""Okabe & Ito (2008), yellow and black replaced so that every colour shows on white and on near-black."""

REFERENCES = {"bliss": "Bliss: the agents' effects add", "hsa": "HSA: as good as the better agent"}
MODEL_DASHES: Sequence[Any] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 3)))


def arm_colours(study: Study) -> dict[str, str]:
    """One colour per arm, the same in every figure and table: grey for the control, else safe for the colour-blind.

    Returns
    -------
    dict of str to str
        Hexadecimal colours by arm, in the study's order. Beyond seven treated arms shades of one lightness scale.
    """
    treated = [arm.name for arm in study.arms if not arm.control]
    many = len(treated) > len(ARM_COLOURS)
    shades = (
        [to_hex(mpl.colormaps["viridis"](x)) for x in np.linspace(0.25, 0.75, len(treated))] if many else ARM_COLOURS
    )
    chosen = dict(zip(treated, shades, strict=False))
    return {arm.name: chosen.get(arm.name, CONTROL) for arm in study.arms}


@mpl.rc_context(THEME)
def volume_panels(study: Study, curves: pd.DataFrame, animal_curves: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Every animal's readings, one panel per arm, with the typical curve and its band.

    Parameters
    ----------
    study : Study
        Arms and readings.
    curves : DataFrame
        Of one model: `arm`, `day` (as recorded), `median`, `lower`, `upper` (volume in the study's unit).
    animal_curves : DataFrame
        Individual fits: `animal`, `arm`, `day`, `median`; where empty the readings themselves are joined.
    width : float
        Inches; decides how many panels stand side by side.
    """
    number = len(study.arms)
    most = 4 if width > 6 else 2 if number > 6 else 1
    rows = -(-number // most)
    columns = -(-number // rows)
    height = (2.5 if rows == 1 else 2.1) if width > 6 else 1.9
    figure = Figure(figsize=(width, rows * height + 0.75), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes: list[Axes] = list(grid.flat)
    colours = arm_colours(study)
    handles = panel_key(study)
    for axis, arm in zip(axes, study.arms, strict=False):
        _panel(axis, study, arm, curves, animal_curves, colours)
        animals = int((study.animals["arm"] == arm.name).sum())
        narrow = width / columns < 2  # smaller letters rather than names cut until arms of a grid look alike
        characters = int((width - 0.6) / columns * (12 if narrow else 9.5))
        axis.set_title(short(arm.name, characters), color=INK, fontsize=8.0 if narrow else 9.5)
        axis.text(0.03, 0.97, f"n = {animals}", transform=axis.transAxes, va="top", fontsize=8, color=SOFT)
    for place, axis in enumerate(axes):
        if place >= number:
            axis.remove()
        elif place + columns >= number:
            axis.tick_params(labelbottom=True)
            axis.set_xlabel("day")
        if place % columns == 0:
            axis.set_ylabel(f"volume ({unit_in_print(study.unit)})")
    volume_axis(axes[0], study, curves)
    axes[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    legend(figure, list(handles.values()), list(handles), columns=len(handles) if width > 6 else 2)
    return figure


@mpl.rc_context(THEME)
def typical_curves(study: Study, curves: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """The typical animal of every arm on one axis, with 95 % intervals where they do not bury each other.

    Parameters
    ----------
    study : Study
        Arms and their order.
    curves : DataFrame
        Of one model: `arm`, `day` (as recorded), `median`, `lower`, `upper` (volume in the study's unit). Arms that
        the study does not have are predicted and dashed.
    width : float
        Inches; a wide figure names each curve at its end, a narrow one below.
    """
    arms = [name for name in order(study, curves["arm"]) if (curves["arm"] == name).any()]
    wide = width > 6
    below = 0.0 if wide else 0.19 * len(arms)
    figure = Figure(figsize=(width, max(3.6, 0.2 * len(arms) + 0.8) if wide else 2.8 + below), layout="constrained")
    axis: Axes = figure.subplots()
    colours = arm_colours(study)
    handles, ends = [], []
    for name in arms:
        course = curves[curves["arm"] == name]
        colour = colours.get(name, SOFT)
        style = "-" if name in colours else (0, (4, 2))
        if len(arms) <= 6:
            axis.fill_between(course["day"], course["lower"], course["upper"], color=colour, alpha=0.16, linewidth=0)
        handles += axis.plot(course["day"], course["median"], color=colour, linewidth=2.0, linestyle=style)
        ends.append((float(course["day"].iloc[-1]), float(course["median"].iloc[-1]), colour))
    volume_axis(axis, study, curves, readings=False)
    axis.set_xlabel("day")
    axis.set_ylabel(f"volume ({unit_in_print(study.unit)})")
    mark_horizon(axis, study.horizon)
    if wide:
        name_ends(axis, [short(name, 34) for name in arms], ends)
    else:
        legend(figure, handles, [short(name, 44) for name in arms], columns=1)
    return figure


@mpl.rc_context(THEME)
def excess_by_day(interaction: pd.DataFrame, horizon: float, *, width: float = WIDE) -> Figure:
    """What one combination does beyond each reference, by day: the average with its band, each model as a thin line.

    Parameters
    ----------
    interaction : DataFrame
        Of one combination: `model`, `reference`, `day` (as recorded), `median`, `lower`, `upper` (log units);
        "bliss" and "hsa" are drawn.
    horizon : float
        Day (as recorded) of the verdict.
    width : float
        Inches; panels stand side by side in a wide figure.
    """
    references = [name for name in REFERENCES if (interaction["reference"] == name).any()]
    models = list(dict.fromkeys(interaction["model"]))
    main = "averaged" if "averaged" in models else models[0] if len(models) == 1 else None
    cards = [name for name in models if name != main]
    wide, key = width > 6, 0.2 * len(models)
    shape = (1, len(references)) if wide else (len(references), 1)
    height = 3.1 + (0.25 if wide else key) if wide else 2.5 * len(references) + key
    figure = Figure(figsize=(width, height), layout="constrained")
    axes: list[Axes] = list(figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).flat)
    named: dict[str, Any] = {}
    for axis, reference in zip(axes, references, strict=True):
        rows = interaction[interaction["reference"] == reference]
        axis.axhline(0.0, color=INK, linewidth=0.9)
        for place, name in enumerate(cards):
            course = rows[rows["model"] == name]
            dash = MODEL_DASHES[(place + 1) % len(MODEL_DASHES)]
            named[name] = axis.plot(course["day"], course["median"], color=SOFT, linewidth=1.0, linestyle=dash)[0]
        if main is not None:
            course = rows[rows["model"] == main]
            colour = ARM_COLOURS[2]
            axis.fill_between(course["day"], course["lower"], course["upper"], color=colour, alpha=0.2, linewidth=0)
            label = "average of the models, 95 % interval" if main == "averaged" else main
            named = {label: axis.plot(course["day"], course["median"], color=colour, linewidth=2.2)[0], **named}
        axis.set_title(REFERENCES[reference])
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        mark_horizon(axis, horizon)
        for words, height_in_axis, side in (("▲ enhanced", 0.98, "top"), ("▼ less than the reference", 0.02, "bottom")):
            axis.text(0.015, height_in_axis, words, transform=axis.transAxes, va=side, fontsize=8, color=SOFT)
    for axis in axes if not wide else axes[:1]:
        axis.set_ylabel("excess (log units)")
    for axis in axes if wide else axes[-1:]:
        axis.set_xlabel("day")
    make_room(axes[0])
    legend(figure, list(named.values()), [short(name, 46) for name in named], columns=3 if wide else 1)
    return figure


@mpl.rc_context(THEME)
def dose_grid(cells: pd.DataFrame, agents: Sequence[str], *, width: float = WIDE) -> Figure:
    """A heat map of the excess over the doses of two agents.

    Parameters
    ----------
    cells : DataFrame
        One row per combination arm: `row` and `column` (dose of the first and second agent, in its unit), `median`,
        `lower`, `upper` (log units) and `mark` (text beside the median, empty for none).
    agents : two of str
        What the axes are called: first agent (rows), second agent (columns), with units.
    width : float
        Inches; a narrow figure leaves the intervals to the table.
    """
    medians = cells.pivot(index="row", columns="column", values="median").sort_index(ascending=False)
    spacious = width / medians.shape[1] > 1.1
    words = [
        f"{signed(row.median)} {row.mark}".rstrip()
        + (f"\n{signed(row.lower)} to {signed(row.upper)}" if spacious else "")
        for row in cells.itertuples(index=False)
    ]
    labels = cells.assign(words=words).pivot(index="row", columns="column", values="words")
    labels = labels.reindex(medians.index).fillna("")
    side = min(width, 1.5 * medians.shape[1] + 0.9)
    figure = Figure(figsize=(side, 0.62 * medians.shape[0] + 0.7), layout="constrained")
    axis: Axes = figure.subplots()
    extent = float(np.nanmax(np.abs(medians.to_numpy()), initial=0.1))
    sns.heatmap(
        medians, ax=axis, cmap="PuOr_r", vmin=-1.15 * extent, vmax=1.15 * extent, annot=labels, fmt="", cbar=False,
        linewidths=1.5, linecolor=PAPER, annot_kws={"fontsize": 8.5}, xticklabels=doses(medians.columns),
        yticklabels=doses(medians.index),
    )  # fmt: skip
    axis.tick_params(length=0, rotation=0)
    axis.set_ylabel(short(agents[0], 30))
    axis.set_xlabel(short(agents[1], 50))
    axis.grid(visible=False)
    return figure


def _panel(
    axis: Axes, study: Study, arm: Arm, curves: pd.DataFrame, animal_curves: pd.DataFrame, colours: dict[str, str]
) -> None:
    colour = colours[arm.name]
    readings = study.readings[study.readings["arm"] == arm.name]
    limit = study.limit_of_quantification or 0.0
    lines = readings.rename(columns={"volume": "median"})
    if not animal_curves.empty and (animal_curves["arm"] == arm.name).any():
        lines = animal_curves[animal_curves["arm"] == arm.name]
    for _, course in lines.groupby("animal", sort=False):
        axis.plot(course["day"], course["median"], color=colour, linewidth=0.7, alpha=0.5)
    above = readings[readings["volume"] > limit]
    for fitted, face in ((True, colour), (False, PAPER)):
        shown = above[above["fitted"] == fitted]
        axis.plot(
            shown["day"], shown["volume"], "o", markersize=2.6, markerfacecolor=face, markeredgecolor=colour,
            markeredgewidth=0.0 if fitted else 0.6, alpha=0.75,
        )  # fmt: skip
    censored = readings[readings["volume"] <= limit]
    if len(censored):
        axis.plot(censored["day"], censored["volume"], "v", markersize=4, markerfacecolor=PAPER, markeredgecolor=colour)
    control = curves[curves["arm"] == study.control.name] if len(curves) else curves
    if len(control) and not arm.control:
        axis.plot(control["day"], control["median"], color=CONTROL, linewidth=1.2, linestyle=(0, (1, 1.5)))
    typical = curves[curves["arm"] == arm.name] if len(curves) else curves
    if len(typical):
        axis.fill_between(typical["day"], typical["lower"], typical["upper"], color=colour, alpha=0.22, linewidth=0)
        axis.plot(typical["day"], typical["median"], color=colour, linewidth=2.2)
    left = left_early(study)
    left = left[left["arm"] == arm.name]
    axis.plot(left["last_day"], left["last_volume"], "x", markersize=5, markeredgewidth=1.2, color=INK)
    dosed = sorted({day for dosing in arm.dosings for day in dosing.days})
    if dosed:  # an empty line that is not clipped counts as a point at the origin and spoils the layout
        axis.plot(
            dosed, [0.0] * len(dosed), "^", transform=axis.get_xaxis_transform(), markersize=4.5, color=SOFT,
            markeredgewidth=0, clip_on=False, zorder=5,
        )  # fmt: skip
