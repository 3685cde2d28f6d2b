"""Figures of answers: excess by day, the combination against its references, dose grids, a forest of arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xenograft.figures.axes import legend, make_room, mark_horizon, panel_grid, volume_axis
from xenograft.figures.theme import (
    ARM_COLOURS,
    CONTROL,
    INK,
    PAPER,
    SOFT,
    THEME,
    WIDE,
    arm_colours,
    doses,
    order,
    short,
    signed,
)
from xenograft.printing import SHORT_REFERENCES, number
from xenograft.study.study import Study
from xenograft.study.tables import unit_in_print

REFERENCES = {
    "bliss": "Bliss: the agents' effects add",
    "hsa": "HSA: as good as the better agent",
    "additive": "Response additivity",
}
DASHES: Sequence[Any] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 3)))
_REFERENCE_DASHES = {"bliss": DASHES[1], "hsa": DASHES[2], "additive": DASHES[3]}


@mpl.rc_context(THEME)
def excess_by_day(
    interaction: pd.DataFrame,
    horizon: float,
    *,
    margin: float | None = None,
    void_from: float = np.inf,
    width: float = WIDE,
) -> Figure:
    """What one combination does beyond each reference, by day: the average with its band, each model as a thin line.

    Parameters
    ----------
    interaction : DataFrame
        Of one combination: `model`, `reference` ("bliss", "hsa", "additive"), `day` (as recorded), `median`, `lower`,
        `upper` (log units; share of the control's volume for "additive"); positive = enhanced.
    horizon : float
        Day (as recorded) of the verdict.
    margin : float, optional
        Smallest excess of interest (log units): what is closer to 0 is shaded. Not drawn for "additive", which has
        another unit.
    void_from : float
        Day (as recorded) from which response additivity predicts no volume: its lines are faint from there on.
    width : float
        Inches; panels stand side by side in a wide figure.
    """
    references = [name for name in REFERENCES if (interaction["reference"] == name).any()]
    models = list(dict.fromkeys(interaction["model"]))
    main = "averaged" if "averaged" in models else models[0] if len(models) == 1 else None
    cards = [name for name in models if name != main]
    wide = width > 6
    shape = (1, len(references)) if wide else (len(references), 1)
    figure, axes = panel_grid(
        *shape, width=width, height=2.35 if wide else 1.9, between=(0.66, 0.5), margins=(0.66, 0.5)
    )
    named: dict[str, Any] = {}
    for axis, reference in zip(axes, references, strict=True):
        rows = interaction[interaction["reference"] == reference]
        if margin is not None and reference != "additive":
            named["closer to 0 than the margin"] = axis.axhspan(-margin, margin, color=SOFT, alpha=0.1, linewidth=0)
        axis.axhline(0.0, color=INK, linewidth=0.9)
        for place, name in enumerate(cards):
            course = rows[rows["model"] == name]
            dash = DASHES[(place + 1) % len(DASHES)]
            for part, alpha in _parts(course, reference, void_from):
                line = axis.plot(part["day"], part["median"], color=SOFT, linewidth=1.0, linestyle=dash, alpha=alpha)[0]
                named.setdefault(name, line)
        if main is not None:
            course = rows[rows["model"] == main]
            colour = ARM_COLOURS[2]
            label = "average of the models, 95 % interval" if main == "averaged" else main
            for part, alpha in _parts(course, reference, void_from):
                own = colour if alpha == 1 else SOFT
                axis.fill_between(part["day"], part["lower"], part["upper"], color=own, alpha=0.2 * alpha, linewidth=0)
                line = axis.plot(part["day"], part["median"], color=own, linewidth=2.2, alpha=alpha)[0]
                named = {label: line, **named} if label not in named else named
        axis.set_title(REFERENCES[reference])
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        mark_horizon(axis, horizon)
        low, high = axis.get_xlim()
        # on the other side of the horizon's own word
        place, towards = (0.985, "right") if horizon < (low + high) / 2 else (0.015, "left")
        for words, height_in_axis, side in (("▲ enhanced", 0.98, "top"), ("▼ less than the reference", 0.02, "bottom")):
            axis.text(
                place, height_in_axis, words, transform=axis.transAxes, ha=towards, va=side, fontsize=8, color=SOFT
            )
    _same_scale([axis for axis, name in zip(axes, references, strict=True) if name != "additive"])
    for axis, reference in zip(axes, references, strict=True):
        if reference == "additive":
            make_room(axis)
            axis.set_ylabel("excess (share of control)")
        elif not wide or axis is axes[0]:
            axis.set_ylabel("excess (log units)")
    for axis in axes if wide else axes[-1:]:
        axis.set_xlabel("day")
    legend(figure, list(named.values()), [short(name, 46) for name in named], columns=3 if wide else 1)
    return figure


def _parts(course: pd.DataFrame, reference: str, void_from: float) -> list[tuple[pd.DataFrame, float]]:
    """A course up to the day from which its reference is none, and the rest, with their opacities."""
    if reference != "additive" or not (course["day"] >= void_from).any():
        return [(course, 1.0)]
    days = course["day"]
    return [(course[days < void_from], 1.0), (course[days >= days[days < void_from].max()], 0.35)]


@mpl.rc_context(THEME)
def combination_against_references(
    study: Study, combination: str, curves: pd.DataFrame, expected: pd.DataFrame, *, width: float = WIDE
) -> Figure:
    """The combination's readings and typical curve beside what each reference predicts from the single agents.

    Parameters
    ----------
    study : Study
        Readings, unit, colours.
    combination : str
        Name of the combination arm.
    curves : DataFrame
        Of one model: `arm`, `day`, `median`, `lower`, `upper` (volume in the study's unit).
    expected : DataFrame
        Of the same model and this combination: `reference` ("bliss", "hsa", "additive"), `day`, `median`, `lower`,
        `upper` (volume in the study's unit that a combination without interaction would have).
    width : float
        Inches.
    """
    figure = Figure(figsize=(width, 3.6 if width > 6 else 3.4), layout="constrained")
    axis: Axes = figure.subplots()
    colour = arm_colours(study)[combination]
    named: dict[str, Any] = {}
    for reference, dash in _REFERENCE_DASHES.items():
        course = expected[expected["reference"] == reference]
        if len(course):
            if reference == "bliss":
                axis.fill_between(course["day"], course["lower"], course["upper"], color=SOFT, alpha=0.14, linewidth=0)
            line = axis.plot(course["day"], course["median"], color=SOFT, linewidth=1.6, linestyle=dash)[0]
            named[f"predicted by {SHORT_REFERENCES[reference]}"] = line
    course = curves[curves["arm"] == combination]
    axis.fill_between(course["day"], course["lower"], course["upper"], color=colour, alpha=0.22, linewidth=0)
    named[f"{short(combination, 30)}, typical animal"] = axis.plot(
        course["day"], course["median"], color=colour, linewidth=2.2
    )[0]
    readings = study.fitted_readings[study.fitted_readings["arm"] == combination]
    for censored, marker in ((False, "o"), (True, "v")):
        shown = readings[readings["censored"] == censored]
        if len(shown):
            mark = axis.plot(
                shown["day"], shown["volume"], marker, markersize=3.2, markeredgecolor=colour, alpha=0.7,
                markeredgewidth=0.9 if censored else 0.0, markerfacecolor=PAPER if censored else colour,
            )[0]  # fmt: skip
            named["at or below the limit" if censored else "reading"] = mark
    bounded = expected[expected["reference"] != "additive"]  # which may predict that nothing is left
    volume_axis(axis, study, [readings["volume"], course["median"], bounded["median"]])
    mark_horizon(axis, study.horizon)
    axis.set_xlabel("day")
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.set_ylabel(f"volume ({unit_in_print(study.unit)})")
    legend(figure, list(named.values()), list(named), columns=3 if width > 6 else 1)
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
    extent = float(np.nanmax(np.abs(medians.to_numpy()), initial=np.log(2)))  # what is small is faint
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


@mpl.rc_context(THEME)
def forest(study: Study, measures: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Each arm's numbers with their intervals, one panel per measure.

    Parameters
    ----------
    study : Study
        Order and colours of the arms.
    measures : DataFrame
        `arm`, `measure` (what a panel is called, with its unit), `median`, `lower`, `upper`, `reason` (written in
        place of a median that is not finite, such as the doubling time of a tumour that does not grow). An interval
        without upper limit, or with one far beyond the medians, ends in an arrow; a median ten times the smallest
        or more is written beside it. A line stands at 0, a dashed one at the control's median.
    width : float
        Inches; panels stand side by side in a wide figure.
    """
    arms = [name for name in order(study, measures["arm"]) if (measures["arm"] == name).any()]
    names = list(dict.fromkeys(measures["measure"]))
    wide, colours = width > 6, arm_colours(study)
    height = 0.27 * len(arms) + 0.8
    size = (width, height) if wide else (width, height * len(names))
    figure = Figure(figsize=size, layout="constrained")
    shape = (1, len(names)) if wide else (len(names), 1)
    axes: list[Axes] = list(figure.subplots(*shape, sharey=True, squeeze=False).flat)
    for axis, measure in zip(axes, names, strict=True):
        rows = measures[measures["measure"] == measure].astype({"median": float})
        edge = _edge(rows)
        for _, row in rows.iterrows():
            place, colour = arms.index(row["arm"]), colours.get(row["arm"], SOFT)
            if not np.isfinite(row["median"]):
                axis.text(
                    0.5, place, row["reason"], transform=axis.get_yaxis_transform(), ha="center", va="center",
                    fontsize=7.5, color=SOFT,
                )  # fmt: skip
                continue
            upper = float(row["upper"]) if pd.notna(row["upper"]) else np.inf
            axis.plot([min(row["lower"], edge), min(upper, edge)], [place] * 2, color=colour)
            if row["median"] <= edge:
                axis.plot([row["median"]], [place], "o", color=colour, markersize=5)
            else:
                axis.annotate(
                    f"{number(row['median'])} ", (edge, place), xytext=(-4, 5), textcoords="offset points",
                    fontsize=7.5, color=colour, ha="right",
                )  # fmt: skip
            if upper > edge:
                axis.plot([edge], [place], ">", color=colour, markersize=6)
        axis.set_title(measure, fontsize=9)
        axis.axvline(0.0, color=INK, linewidth=0.8, zorder=0)
        control = rows.loc[rows["arm"] == study.control.name, "median"]
        if len(control) and np.isfinite(control.iloc[0]) and control.iloc[0] != 0:
            axis.axvline(control.iloc[0], color=CONTROL, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.set_ylim(len(arms) - 0.4, -0.6)
    axes[0].set_yticks(range(len(arms)), [short(name, 32 if wide else 18) for name in arms], color=INK)
    return figure


def _edge(rows: pd.DataFrame) -> float:
    """How far a panel goes: where an upper limit is missing or ten times the medians, to three times the largest one.

    Medians of ten times the smallest one or more do not count: a tumour that hardly grows doubles in years.
    """
    medians = rows["median"][np.isfinite(rows["median"])]
    if not len(medians) or float(medians.min()) <= 0:
        return np.inf
    largest = float(medians[medians < 10 * medians.min()].max())
    far = rows.loc[medians.index, "upper"].astype(float).fillna(np.inf).max() > 10 * largest
    return 3 * largest if far else np.inf


def _same_scale(axes: Sequence[Axes]) -> None:
    """The same limits for panels of the same unit, with room for words."""
    if not axes:
        return
    low, high = (
        pick(limit) for pick, limit in ((min, [a.get_ylim()[0] for a in axes]), (max, [a.get_ylim()[1] for a in axes]))
    )
    for axis in axes:
        axis.set_ylim(low, high)
        make_room(axis)
