"""Figures of volumes: tables in, matplotlib figures out. Nothing is computed here and pyplot is not touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from xenograft.figures.axes import (
    animal_lines,
    arm_panels,
    label_rows,
    legend,
    mark_horizon,
    name_ends,
    panel_key,
    volume_axis,
)
from xenograft.figures.theme import CONTROL, INK, MANY, PAPER, SOFT, THEME, WIDE, arm_colours, order, short
from xenograft.study.study import Arm, Study
from xenograft.study.tables import excluded, half_left, left_early, unit_in_print

FADED = 0.4
"""Opacity of a typical curve after the last day on which half of the arm's animals were still measured."""


@mpl.rc_context(THEME)
def volume_panels(study: Study, curves: pd.DataFrame, animal_curves: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Every animal's readings, one panel per arm, with the typical curve and its band.

    A censored reading is an open triangle at its limit, an excluded one a cross, one before the baseline a ring.

    Parameters
    ----------
    study : Study
        Arms and readings.
    curves : DataFrame
        Of one model: `arm`, `day` (as recorded), `median`, `lower`, `upper` (volume in the study's unit); where empty
        neither curves nor their key are drawn.
    animal_curves : DataFrame
        Individual fits: `animal`, `arm`, `day`, `median`; where empty the readings themselves are joined.
    width : float
        Inches; decides how many panels stand side by side.
    """
    figure, axes = arm_panels(study, width=width)
    colours, handles = arm_colours(study), panel_key(study, typical=not curves.empty)
    for axis, arm in zip(axes, study.arms, strict=True):
        _panel(axis, study, arm, curves, animal_curves, colours[arm.name])
    label_rows(axes, f"volume ({unit_in_print(study.unit)})")
    drawn = [study.readings["volume"], *([curves["median"]] if len(curves) else [])]
    volume_axis(axes[0], study, drawn, others=axes)
    legend(figure, list(handles.values()), list(handles), columns=6 if width > 6 else 2)
    return figure


@mpl.rc_context(THEME)
def typical_curves(
    study: Study, curves: pd.DataFrame, *, scales: Sequence[str] = ("linear", "log"), width: float = WIDE
) -> Figure:
    """The typical animal of every arm on one axis, with 95 % intervals where they do not bury each other.

    Parameters
    ----------
    study : Study
        Arms and their order.
    curves : DataFrame
        Of one model: `arm`, `day` (as recorded), `median`, `lower`, `upper` (volume in the study's unit). Arms that
        the study does not have are predicted and dashed.
    scales : sequence of {"linear", "log"}
        One panel each.
    width : float
        Inches; a wide figure names each curve at its end, a narrow one below.
    """
    arms = [name for name in order(study, curves["arm"]) if (curves["arm"] == name).any()]
    wide = width > 6
    below = 0.19 * len(arms)
    size = (width, max(3.3, 0.2 * len(arms) + 0.8)) if wide else (width, 2.4 * len(scales) + below)
    figure = Figure(figsize=size, layout="constrained")
    shape = (1, len(scales)) if wide else (len(scales), 1)
    axes: list[Axes] = list(figure.subplots(*shape, sharex=True, squeeze=False).flat)
    colours = arm_colours(study)
    handles, ends = [], []
    for axis, scale in zip(axes, scales, strict=True):
        handles, ends, faded = [], [], []
        for name in arms:
            course = curves[curves["arm"] == name]
            colour = colours.get(name, SOFT)
            style = "-" if name in colours else (0, (4, 2))
            if len(arms) <= 6:
                axis.fill_between(
                    course["day"], course["lower"], course["upper"], color=colour, alpha=0.16, linewidth=0
                )
            held = course["day"] <= half_left(study, name)
            handles += axis.plot(
                course["day"].where(held), course["median"], color=colour, linewidth=2.0, linestyle=style
            )
            faded.append((course[~held | ~held.shift(-1, fill_value=True)], colour))
            ends.append((float(course["day"].iloc[-1]), float(course["median"].iloc[-1]), colour))
        for course, colour in faded:
            axis.plot(course["day"], course["median"], color=colour, linewidth=2.0, alpha=FADED)
        bounds = ["lower", "upper"] if len(arms) <= 6 else ["median"]
        drawn = [curves[name] for name in bounds]
        if scale == "linear":  # a curve that leaves the readings far behind would flatten all others
            drawn = [values.clip(upper=1.5 * study.readings["volume"].max()) for values in drawn]
        volume_axis(axis, study, drawn, scale=scale)
        axis.set_title(f"{scale} scale", color=SOFT, fontweight="normal", fontsize=8.5)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        mark_horizon(axis, study.horizon)
    for axis in axes if wide else axes[-1:]:
        axis.set_xlabel("day")
    for axis in axes[:1] if wide else axes:
        axis.set_ylabel(f"volume ({unit_in_print(study.unit)})")
    if wide:
        for axis in axes:
            name_ends(axis, [short(name, 34 if len(scales) == 1 else 22) for name in arms], ends)
    else:
        legend(figure, handles, [short(name, 44) for name in arms], columns=1)
    return figure


@mpl.rc_context(THEME)
def predictive_panels(study: Study, bands: pd.DataFrame, *, width: float = WIDE) -> Figure:
    """Could a model have produced these readings: its predictions of new animals' readings behind the real ones.

    Parameters
    ----------
    study : Study
        Arms and readings.
    bands : DataFrame
        Of one model, predictive distribution of a reading: `arm`, `day` (as recorded), `median`, `lower50`, `upper50`,
        `lower90`, `upper90` (volume in the study's unit; the central 50 % and 90 %).
    width : float
        Inches.
    """
    figure, axes = arm_panels(study, width=width)
    colours = arm_colours(study)
    handles: dict[str, Any] = {}
    for axis, arm in zip(axes, study.arms, strict=True):
        course = bands[bands["arm"] == arm.name].sort_values("day")
        colour = colours[arm.name]
        for share, alpha in (("90", 0.16), ("50", 0.3)):
            handles[f"{share} % of new readings"] = axis.fill_between(
                course["day"], course[f"lower{share}"], course[f"upper{share}"], color=colour, alpha=alpha, linewidth=0
            )
        handles["median"] = axis.plot(course["day"], course["median"], color=colour, linewidth=1.6)[0]
        _marks(axis, study, study.readings[(study.readings["arm"] == arm.name) & study.readings["fitted"]], INK, 0.55)
    label_rows(axes, f"volume ({unit_in_print(study.unit)})")
    drawn = [study.fitted_readings["volume"], *([bands["lower90"], bands["upper90"]] if len(bands) else [])]
    volume_axis(axes[0], study, drawn, others=axes)
    legend(figure, list(handles.values()), list(handles), columns=3 if width > 6 else 1)
    return figure


def _panel(axis: Axes, study: Study, arm: Arm, curves: pd.DataFrame, animal_curves: pd.DataFrame, colour: str) -> None:
    readings = study.readings[study.readings["arm"] == arm.name]
    lines = readings.rename(columns={"volume": "median"})
    if not animal_curves.empty and (animal_curves["arm"] == arm.name).any():
        lines = animal_curves[animal_curves["arm"] == arm.name]
    image = len(study.readings) > MANY
    animal_lines(axis, lines, "median", colour=colour, width=0.7, many=image)
    _marks(axis, study, readings, colour, 0.75)
    control = curves[curves["arm"] == study.control.name] if len(curves) else curves
    if len(control) and not arm.control:
        axis.plot(control["day"], control["median"], color=CONTROL, linewidth=1.2, linestyle=(0, (1, 1.5)))
    typical = curves[curves["arm"] == arm.name] if len(curves) else curves
    if len(typical):
        axis.fill_between(typical["day"], typical["lower"], typical["upper"], color=colour, alpha=0.22, linewidth=0)
        held = typical["day"] <= half_left(study, arm.name)
        axis.plot(typical["day"].where(held), typical["median"], color=colour, linewidth=2.2)
        axis.plot(typical["day"].where(~held), typical["median"], color=colour, linewidth=2.2, alpha=FADED)
    left = left_early(study)
    left = left[left["arm"] == arm.name]
    axis.plot(
        left["last_day"], left["last_volume"], "s", markersize=5, markeredgewidth=1.0, color=INK,
        markerfacecolor="none", rasterized=image,
    )  # fmt: skip
    dosed = sorted({day for dosing in arm.dosings for day in dosing.days})
    if dosed:  # an empty line that is not clipped counts as a point at the origin and spoils the layout
        axis.plot(
            dosed, np.zeros(len(dosed)), "^", transform=axis.get_xaxis_transform(), markersize=4.5, color=SOFT,
            markeredgewidth=0, clip_on=False, zorder=5,
        )  # fmt: skip


def _marks(axis: Axes, study: Study, readings: pd.DataFrame, colour: str, alpha: float) -> None:
    """One mark per reading that says what kind of reading it is."""
    left_out = excluded(study).reindex(readings.index)
    censored = readings["censored"].astype(bool)
    style: dict[str, Any] = {
        "rasterized": len(study.readings) > MANY,
        "linestyle": "none",
        "markeredgecolor": colour,
        "alpha": alpha,
    }
    measured = readings[~censored & ~left_out]
    for fitted, face in ((True, colour), (False, PAPER)):
        shown = measured[measured["fitted"] == fitted]
        edge = 0.0 if fitted else 0.6
        axis.plot(
            shown["day"], shown["volume"], marker="o", markersize=2.6, markerfacecolor=face, markeredgewidth=edge,
            **style,
        )  # fmt: skip
    below = readings[censored & ~left_out]
    if len(below):
        axis.plot(
            below["day"], below["volume"], marker="v", markersize=4, markerfacecolor=PAPER, markeredgewidth=0.9, **style
        )
    out = readings[left_out]
    if len(out):
        axis.plot(out["day"], out["volume"], marker="x", markersize=4.5, markeredgewidth=1.0, **style)
