"""Axes that several figures share: panels per arm, volumes, changes from baseline, keys, names at curves' ends."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from xenograft.figures.theme import CONTROL, INK, PAPER, SOFT, short
from xenograft.study.study import Study
from xenograft.study.tables import excluded, left_early


def arm_panels(
    study: Study, *, width: float, numbers: Literal["above", "below"] = "above"
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel per arm, in the study's order, all on the same axes.

    Parameters
    ----------
    study : Study
        Its arms.
    width : float
        Inches; decides how many panels stand side by side.
    numbers : {"above", "below"}
        Where in its panel each arm's number of animals stands: where nothing is drawn.
    """
    number = len(study.arms)
    most = 4 if width > 6 else 2 if number > 6 else 1
    rows = -(-number // most)
    columns = -(-number // rows)
    height = (2.0 if rows == 1 else 1.5) if width > 6 else 1.35
    figure, axes = panel_grid(rows, columns, width=width, height=height, between=(0.16, 0.34), shared=True)
    narrow = width / columns < 2  # smaller letters rather than names cut until arms of a grid look alike
    characters = int((width - 0.6) / columns * (12 if narrow else 9.5))
    counted = study.animals["arm"].value_counts()
    for axis, arm in zip(axes, study.arms, strict=False):
        axis.set_title(short(arm.name, characters), color=INK, fontsize=8.0 if narrow else 9.5)
        words, place = f"n = {counted.get(arm.name, 0)}", {"above": 0.97, "below": 0.06}[numbers]
        axis.text(
            0.03, place, words, transform=axis.transAxes, va={"above": "top", "below": "bottom"}[numbers], fontsize=8,
            color=SOFT,
        )  # fmt: skip
    for place, axis in enumerate(axes):
        if place >= number:
            axis.remove()
        elif place + columns >= number:
            axis.tick_params(labelbottom=True)
            axis.set_xlabel("day")
    axes[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure, axes[:number]


def panel_grid(
    rows: int,
    columns: int,
    *,
    width: float,
    height: float,
    between: tuple[float, float],
    margins: tuple[float, float] = (0.84, 0.5),
    shared: bool = False,
    width_ratios: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Panels side by side and below each other with margins of fixed size: a layout engine would take half the time.

    Parameters
    ----------
    rows, columns : int
        Of panels.
    width : float
        Of the figure (inches).
    height : float
        Of a panel (inches).
    between : tuple of float
        Room between columns and between rows (inches), the latter for titles and numbers.
    margins : tuple of float
        Room at the left and at the bottom (inches), for numbers and words.
    shared : bool
        One horizontal and one vertical axis for all panels.
    width_ratios : sequence of float, optional
        Of the columns, where they are not equally wide.
    """
    (left, bottom), top, right = margins, 0.3, 0.12
    whole = top + rows * height + (rows - 1) * between[1] + bottom
    figure = Figure(figsize=(width, whole))
    panel = (width - left - right - (columns - 1) * between[0]) / columns
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, bottom=bottom / whole, top=1 - top / whole,
        wspace=between[0] / panel, hspace=between[1] / height,
    )  # fmt: skip
    axes = figure.subplots(rows, columns, sharex=shared, sharey=shared, squeeze=False, width_ratios=width_ratios)
    return figure, list(axes.flat)


def animal_lines(axis: Axes, courses: pd.DataFrame, of: str, *, colour: str, width: float, many: bool) -> None:
    """A thin line per animal.

    Parameters
    ----------
    axis : Axes
        Where they are drawn.
    courses : DataFrame
        `animal`, `day` and the column named by `of`.
    of : str
        What is drawn against day.
    colour : str
        Of the arm.
    width : float
        Of the lines (points).
    many : bool
        Draw them as an image inside the figure.
    """
    lines = [course.to_numpy(dtype=float) for _, course in courses.groupby("animal", sort=False)[["day", of]]]
    axis.add_collection(LineCollection(lines, colors=colour, linewidths=width, alpha=0.5, rasterized=many))
    axis.autoscale_view()


def label_rows(axes: Sequence[Axes], words: str) -> None:
    """Write what the vertical axis shows beside the first panel of each row."""
    for axis in axes:
        place = axis.get_subplotspec()
        if place is None or place.is_first_col():
            axis.set_ylabel(words)


def panel_key(study: Study, *, typical: bool) -> dict[str, Any]:
    """What the marks of a panel mean, as handles by label; of typical curves too where they are drawn."""
    key: dict[str, Any] = {
        "reading": Line2D([], [], color=SOFT, marker="o", markersize=3, linestyle="none"),
        "animal": Line2D([], [], color=SOFT, linewidth=0.7),
    }
    if typical:
        key["typical animal, 95 % interval"] = (
            Patch(color=SOFT, alpha=0.22), Line2D([], [], color=SOFT, linewidth=2.2),
        )  # fmt: skip
        key["typical control"] = Line2D([], [], color=CONTROL, linewidth=1.2, linestyle=(0, (1, 1.5)))
    key["dose"] = Line2D([], [], color=SOFT, marker="^", markersize=4.5, linestyle="none")
    if not (study.readings["fitted"] | excluded(study)).all():
        key["not fitted"] = Line2D(
            [], [], color=SOFT, marker="o", markersize=3, markerfacecolor=PAPER, linestyle="none"
        )
    if study.readings["censored"].any():
        key["at or below the limit"] = Line2D(
            [], [], color=SOFT, marker="v", markersize=4, markerfacecolor=PAPER, linestyle="none"
        )
    if excluded(study).any():
        key["excluded"] = Line2D([], [], color=SOFT, marker="x", markersize=4.5, linestyle="none")
    if len(left_early(study)):
        key["left early"] = Line2D(
            [], [], color=INK, marker="s", markersize=5, markerfacecolor="none", linestyle="none"
        )
    return key


def volume_axis(
    axis: Axes, study: Study, drawn: Sequence[Any], *, others: Sequence[Axes] = (), scale: str = "log"
) -> None:
    """An axis of volume over what is drawn, with the limit of quantification and the endpoint as thin lines.

    Parameters
    ----------
    axis : Axes
        Its limits and ticks are set; panels that share them follow.
    study : Study
        Limit and endpoint.
    drawn : sequence of arrays
        Volumes that must be inside.
    others : sequence of Axes
        Panels that get the thin lines too.
    scale : {"log", "linear"}
        Of the axis.
    """
    values = np.concatenate([np.asarray(part, dtype=float).ravel() for part in drawn])
    values = values[np.isfinite(values) & (values > 0)]
    low, high = (float(values.min()) / 1.25, float(values.max()) * 1.25) if values.size else (10.0, 1000.0)
    axis.set_yscale(scale)
    if scale == "log":
        axis.set_ylim(low, high)
        volume_ticks(axis.yaxis, (low, high))
    else:
        low = 0.0
        axis.set_ylim(0.0, high / 1.2)
        axis.yaxis.set_major_locator(MaxNLocator(6))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _volume(value)))
    for place in (study.limit_of_quantification, study.endpoint_volume):
        if place is not None and low < place < high:
            for one in (axis, *(other for other in others if other is not axis)):
                one.axhline(place, color=SOFT, linewidth=0.6, linestyle=(0, (4, 3)))


def volume_ticks(axis: Axis, drawn: Any, *, least: int = 4) -> None:
    """At least so many round volumes on a log axis over what is drawn; few where they stand side by side."""
    values = np.asarray(drawn, dtype=float)
    values = values[np.isfinite(values) & (values > 0)]
    axis.set_major_locator(FixedLocator(_ticks(float(values.min()), float(values.max()), least) if values.size else []))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _volume(value)))


def ratio_axis(axis: Axes, ratios: Any) -> float:
    """A log axis of volume over baseline, labelled with the change in percent; the place of what shrank to nothing.

    Parameters
    ----------
    axis : Axes
        Its limits and ticks are set; panels that share them follow.
    ratios : array
        Volume over baseline (no unit); 0 where nothing was left.

    Returns
    -------
    float
        The ratio at the bottom of the axis, where zeros are drawn.
    """
    found = np.asarray(ratios, dtype=float)
    found = found[np.isfinite(found) & (found > 0)]
    low, high = (min(float(found.min()), 0.5), max(float(found.max()), 2.0)) if found.size else (0.5, 2.0)
    low, high = low / 1.4, high * 1.25
    axis.set_yscale("log")
    axis.set_ylim(low, high)
    places = [r for r in (0.01, 0.05, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 30.0, 100.0, 1000.0) if low <= r <= high]
    axis.yaxis.set_major_locator(FixedLocator(places))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(100 * (value - 1))))
    return low * 1.1


def percent(change: float) -> str:
    """A change in percent with its sign, as people print it."""
    return "0 %" if abs(change) < 0.5 else f"{change:+,.0f} %".replace("-", "−")


def mark_horizon(axis: Axes, horizon: float) -> None:
    """A thin line at the day of the answer, which is named before it: the curves' names stand behind their ends."""
    axis.axvline(horizon, color=SOFT, linewidth=0.7, linestyle=(0, (2, 2)))
    axis.annotate(
        f"day {horizon:g}", (horizon, 0.97), xycoords=("data", "axes fraction"), xytext=(-2, 0),
        textcoords="offset points", rotation=90, fontsize=7, color=SOFT, ha="right", va="top",
    )  # fmt: skip


def name_ends(axis: Axes, names: Sequence[str], ends: Sequence[tuple[float, float, str]]) -> None:
    """Write each curve's name beside its end, moved apart so that none covers another, with a line that leads to it."""
    drawn = axis.transAxes.inverted().transform(axis.transData.transform([(day, volume) for day, volume, _ in ends]))
    places = drawn[:, 1].clip(0, 1)
    ascending = np.argsort(places, kind="stable")
    room = axis.figure.bbox.height / axis.figure.dpi * 62  # points, without the axis below
    gap = min(13 / room, 1 / max(len(places) - 1, 1))
    spread = places.copy()
    for before, after in itertools.pairwise(ascending):
        spread[after] = max(spread[after], spread[before] + gap)
    ceiling = 1.0 + gap
    for place in ascending[::-1]:  # back down from the top, only as far as needed
        ceiling = spread[place] = min(spread[place], ceiling - gap)
    low, high = axis.get_ylim()
    for name, place, (day, volume, colour) in zip(names, spread, ends, strict=True):
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)}
        axis.annotate(
            name, (day, min(max(volume, low), high)), (1.03, place), "data", "axes fraction", arrowprops=leader,
            color=INK, fontsize=8.5, va="center", annotation_clip=False,
        )  # fmt: skip
    axis.set_xlim(right=max((day for day, _, _ in ends), default=1.0))


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], *, columns: int) -> None:
    """A key below the figure; labels may begin with an underscore."""
    if handles:
        # matplotlib takes labels that begin with "_" for hidden ones
        shown = [f"\u200b{label}" if label.startswith("_") else label for label in labels]
        if figure.get_layout_engine() is None:
            _more_room(figure, below=0.2 * -(-len(shown) // columns) + 0.1)
            place = "lower center"
        else:
            place = "outside lower center"
        figure.legend(handles, shown, loc=place, ncols=columns, handlelength=1.8, columnspacing=1.4)


def _more_room(figure: Figure, *, below: float = 0.0, above: float = 0.0) -> None:
    """Make a figure of fixed margins taller (inches); its panels keep their size."""
    width, height = figure.get_size_inches()
    taller, room = height + below + above, figure.subplotpars
    figure.set_size_inches(width, taller)
    figure.subplots_adjust(
        bottom=(room.bottom * height + below) / taller, top=1 - ((1 - room.top) * height + above) / taller
    )


def heading(figure: Figure, words: str) -> None:
    """A line above all panels of a figure of fixed margins."""
    _more_room(figure, above=0.22)
    figure.suptitle(words, x=0.01, y=1 - 0.06 / figure.get_size_inches()[1], ha="left", fontsize=8.5, color=SOFT)


def make_room(axis: Axes) -> None:
    """Room above and below the curves for words, with 0 inside."""
    low, high = axis.get_ylim()
    low, high = min(low, -0.05), max(high, 0.05)
    axis.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))


def _ticks(low: float, high: float, least: int) -> list[float]:
    """At least so many round volumes on a log axis where the range allows it."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(ticks) >= least:
            break
    return ticks


def _volume(value: float) -> str:
    """A volume on an axis: 300, 1,000, 10⁶."""
    if value == 0 or 0.001 <= value < 1e6:
        return f"{value:,.6g}"
    digits, power = f"{value:.1e}".split("e")
    raised = f"10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    return raised if digits == "1.0" else f"{float(digits):g} × {raised}"
