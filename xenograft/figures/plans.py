"""Figures of plans and calibrations: the chance of the verdict over what its cells vary, as curves and as a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from xenograft.figures.theme import ARM_COLOURS, CONTROL, INK, NARROW, SOFT, THEME, WIDE, short

WORDS = {
    "animals": "animals per arm",
    "every": "days between visits",
    "duration": "days from first dose to last visit",
    "effect": "departure (1/day)",
}
"""Columns of the table that cells vary, on the axes."""

SHORT = {"animals": "{:g} animals", "every": "every {:g} d", "duration": "{:g} d", "effect": "{:g}/day"}
ENOUGH = 0.8
MOST_PANELS = 6

NAMED = ("excess", "log likelihood")
"""Quantities with a colour of their own, by a word of their names."""


@mpl.rc_context(THEME)
def power_curves(table: pd.DataFrame, *, width: float = WIDE) -> Figure | None:
    """The chance of the verdict that is true, against what has most values, a line for each of what comes next.

    Parameters
    ----------
    table : DataFrame
        Columns as of `planned_power.power`; its first model is drawn. Where nothing is there, the chance of a wrong
        verdict.
    width : float
        Inches.

    Returns
    -------
    Figure or None
        None where the cells vary nothing.
    """
    rows, across, lines, panels = _arranged(table)
    if not across:
        return None
    groups: list[tuple[Any, pd.DataFrame]] = list(rows.groupby(panels, sort=False)) if panels else [((), rows)]
    groups = groups[:MOST_PANELS]
    columns = min(len(groups), 3)
    height = 3.0 * -(-len(groups) // columns) + 0.3
    figure = Figure(figsize=(width if columns > 1 else 0.62 * width, height), layout="constrained")
    axes: list[Axes] = list(figure.subplots(-(-len(groups) // columns), columns, squeeze=False, sharey=True).flat)
    for axis in axes[len(groups) :]:
        axis.set_visible(False)
    for axis, (which, group) in zip(axes, groups, strict=False):
        curves = list(group.groupby(lines, sort=False)) if lines else [(None, group)]
        for colour, (value, curve) in zip([*ARM_COLOURS, *[SOFT] * len(curves)], curves, strict=False):
            label = SHORT[lines].format(value) if lines else None
            axis.errorbar(
                curve[across], curve["chance"], yerr=curve["chance ±"], color=colour, marker="o", markersize=4,
                linewidth=1.4, elinewidth=0.8, capsize=2, label=label,
            )  # fmt: skip
        axis.axhline(ENOUGH, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
        axis.set_ylim(-0.02, 1.02)
        axis.set_xticks(sorted(set(group[across])))
        axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        axis.set_xlabel(WORDS[across])
        if panels:
            axis.set_title(", ".join(SHORT[name].format(one) for name, one in zip(panels, which, strict=True)))
    axes[0].set_ylabel(_label(rows))
    if lines:
        axes[0].legend(title=WORDS[lines])
    return figure


@mpl.rc_context(THEME)
def power_map(table: pd.DataFrame, *, width: float = 1.5 * NARROW) -> Figure | None:
    """The chance of the verdict that is true as a map over two of what the cells vary.

    Parameters
    ----------
    table : DataFrame
        As for `power_curves`.
    width : float
        Inches.

    Returns
    -------
    Figure or None
        None where the cells do not vary two things exactly.
    """
    rows, across, lines, panels = _arranged(table)
    if not lines or panels:
        return None
    wide = rows.pivot(index=lines, columns=across, values="chance").sort_index(ascending=False)
    figure = Figure(figsize=(width, 0.8 + 0.45 * len(wide)), layout="constrained")
    axis = figure.subplots()
    values = wide.to_numpy(dtype=float)
    axis.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value > 0.6 else INK
        axis.text(column, row, f"{100 * value:.0f} %", ha="center", va="center", color=colour)
    axis.set_xticks(range(len(wide.columns)), [f"{value:g}" for value in wide.columns])
    axis.set_yticks(range(len(wide)), [f"{value:g}" for value in wide.index])
    axis.set_xlabel(WORDS[across])
    axis.set_ylabel(WORDS[lines])
    axis.set_title(_label(rows))
    axis.grid(visible=False)
    return figure


def _arranged(table: pd.DataFrame) -> tuple[pd.DataFrame, str, str, list[str]]:
    """The first model's rows with their `chance`, and what goes along the axis, to lines and to panels."""
    rows = table[table["model"] == table["model"].iloc[0]].copy()
    less, nothing = rows["true"] < -1e-6, bool((rows["true"].abs() < 1e-6).all())
    for end in ("", " ±"):
        rows[f"chance{end}"] = rows[f"less{end}"].where(less, rows[f"enhanced{end}"])
    if nothing:
        rows["chance"], rows["chance ±"] = rows["enhanced"] + rows["less"], np.hypot(rows["enhanced ±"], rows["less ±"])
    varied = [name for name in WORDS if name in rows]
    numbers = {name: rows[name].nunique() for name in varied}
    ordered = sorted(varied, key=lambda name: (-numbers[name], varied.index(name)))
    if "animals" in ordered and numbers["animals"] > 1:
        ordered = ["animals", *(name for name in ordered if name != "animals")]
    across, lines, *panels = [*ordered, *[""] * (2 - len(ordered))]
    return rows, across, lines, sorted(panels, key=varied.index)


def _label(rows: pd.DataFrame) -> str:
    """What the chance is of."""
    true = rows["true"]
    if (true.abs() < 1e-6).all():
        return "chance of a wrong verdict"
    if (true > -1e-6).all():
        return 'chance of "enhanced"'
    return 'chance of "less"' if (true < 1e-6).all() else "chance of the true verdict"


@mpl.rc_context(THEME)
def calibration_ranks(
    differences: Mapping[str, Sequence[float]],
    lower: Sequence[float],
    upper: Sequence[float],
    *,
    outside: Sequence[str],
    title: str,
    width: float = 1.4 * NARROW,
) -> Figure:
    """Share of the ranks at or below a value, less that value, for each quantity (ECDF difference).

    Parameters
    ----------
    differences : mapping of str to sequence (place)
        Of each quantity at 0, 1/20, … 1. Above 0 early on: truths are lower in the posterior than they should be;
        a hump up and then down: the posterior is too wide, down and then up: too narrow.
    lower, upper : sequences (place)
        Band that all quantities of a calibrated card keep to.
    outside : sequence of str
        Quantities to name since they leave it.
    title : str
        Above the axes.
    width : float
        Inches.
    """
    place = np.linspace(0, 1, len(lower))
    figure = Figure(figsize=(width, 0.62 * width), layout="constrained")
    axis = figure.subplots()
    axis.fill_between(place, lower, upper, color=SOFT, alpha=0.16, linewidth=0, label="99 % band of all")
    colours = iter(ARM_COLOURS)
    others = 0
    for name, values in differences.items():
        named = name in outside or any(word in name for word in NAMED)
        if named:
            colour = next(colours, INK)
            axis.plot(place, values, color=colour, linewidth=1.6, label=short(name, 30), zorder=3)
        else:
            others += 1
            axis.plot(place, values, color=CONTROL, linewidth=0.7, label="parameters" if others == 1 else None)
    axis.axhline(0.0, color=INK, linewidth=0.8)
    axis.set_xlim(0, 1)
    axis.set_xlabel("rank of the truth among the posterior draws")
    axis.set_ylabel("share of studies beyond uniform")
    axis.set_title(title)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure
