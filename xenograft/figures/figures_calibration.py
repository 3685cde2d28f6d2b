"""The figure of a calibration: how far the ranks of each quantity are from uniform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from xenograft.figures.theme import ARM_COLOURS, CONTROL, INK, NARROW, SOFT, THEME, short

NAMED = ("excess", "log likelihood")
"""Quantities with a colour of their own, by a word of their names."""


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
