"""What the figures have in common: axes of volume, keys, marks, names at the ends of curves."""

from __future__ import annotations

import io
import itertools
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from xenograft.study import Study

INK, SOFT, LINE, PAPER = "#1b2431", "#566172", "#d5dae1", "#fefefe"
CONTROL = "#7a8494"
THEME_COLOURS = {INK: "var(--ink)", SOFT: "var(--soft)", LINE: "var(--line)", PAPER: "var(--paper)"}
"""Colours that `svg` hands over to the page, so that figures follow its light or dark theme."""

THEME: dict[Any, Any] = {
    "text.parse_math": False,  # arms may be called "$…$"
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}
_SAVED: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "xenograft", "svg.id": None}


def unit_in_print(unit: str) -> str:
    """A unit of volume as people write it."""
    return {"mm3": "mm³", "cm3": "cm³"}.get(unit, unit)


def short(name: str, characters: int) -> str:
    """A name that fits its place; what is left out is in the middle, because arms of a grid differ at their ends."""
    if len(name) <= characters:
        return name
    end = max(characters - 1, 2) // 2
    return f"{name[: max(characters - 1, 2) - end].rstrip()}…{name[-end:].lstrip()}"


def left_early(study: Study) -> pd.DataFrame:
    """Animals whose last fitted reading is before the study's last: `Study.animals` of those."""
    animals = study.animals
    return animals[animals["last_day"] < study.fitted_readings["day"].max()]


def panel_key(study: Study) -> dict[str, Any]:
    """What the marks of a panel mean, as handles by label."""
    key: dict[str, Any] = {
        "reading": Line2D([], [], color=SOFT, marker="o", markersize=3, linestyle="none"),
        "animal": Line2D([], [], color=SOFT, linewidth=0.7),
        "typical animal, 95 % interval": (Patch(color=SOFT, alpha=0.22), Line2D([], [], color=SOFT, linewidth=2.2)),
        "typical control": Line2D([], [], color=CONTROL, linewidth=1.2, linestyle=(0, (1, 1.5))),
        "dose": Line2D([], [], color=SOFT, marker="^", markersize=4.5, linestyle="none"),
    }
    if not study.readings["fitted"].all():
        key["not fitted"] = Line2D(
            [], [], color=SOFT, marker="o", markersize=3, markerfacecolor=PAPER, linestyle="none"
        )
    if len(left_early(study)):
        key["left early"] = Line2D([], [], color=INK, marker="x", markersize=5, linestyle="none")
    return key


def volume_axis(axis: Axes, study: Study, curves: pd.DataFrame, *, readings: bool = True) -> None:
    """A log axis of volume over what is drawn, with the limit of quantification and the endpoint as thin lines."""
    drawn = [curves[name].to_numpy(dtype=float) for name in ("lower", "upper")] if len(curves) else []
    if readings or not len(curves):
        drawn = [
            study.readings["volume"].to_numpy(dtype=float),
            *([curves["median"].to_numpy()] if len(curves) else []),
        ]
    values = np.concatenate(drawn)
    values = values[np.isfinite(values) & (values > 0)]
    low, high = float(values.min()) / 1.25, float(values.max()) * 1.25
    axis.set_yscale("log")
    axis.set_ylim(low, high)
    axis.yaxis.set_major_locator(FixedLocator(_ticks(low, high)))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _volume(value)))
    for place in (study.limit_of_quantification, study.endpoint_volume):
        if place is not None and low < place < high:
            for one in axis.figure.axes if readings else (axis,):
                one.axhline(place, color=SOFT, linewidth=0.6, linestyle=(0, (4, 3)))


def mark_horizon(axis: Axes, horizon: float) -> None:
    """A thin line at the horizon."""
    axis.axvline(horizon, color=SOFT, linewidth=0.7, linestyle=(0, (2, 2)))
    axis.annotate(
        "horizon", (horizon, 0.97), xycoords=("data", "axes fraction"), xytext=(2, 0), textcoords="offset points",
        rotation=90, fontsize=7, color=SOFT, va="top",
    )  # fmt: skip


def name_ends(axis: Axes, names: Sequence[str], ends: Sequence[tuple[float, float, str]]) -> None:
    """Write each curve's name beside its end, moved apart so that none covers another, with a line that leads to it."""
    low, high = np.log(axis.get_ylim())
    places = np.array([(np.log(volume) - low) / (high - low) for _, volume, _ in ends]).clip(0, 1)
    ascending = np.argsort(places, kind="stable")
    room = axis.figure.bbox.height / axis.figure.dpi * 62  # points, without the axis below
    gap = min(13 / room, 1 / max(len(places) - 1, 1))
    spread = places.copy()
    for before, after in itertools.pairwise(ascending):
        spread[after] = max(spread[after], spread[before] + gap)
    ceiling = 1.0 + gap
    for place in ascending[::-1]:  # back down from the top, only as far as needed
        ceiling = spread[place] = min(spread[place], ceiling - gap)
    for name, place, (day, volume, colour) in zip(names, spread, ends, strict=True):
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)}
        axis.annotate(
            name, (day, volume), (1.03, place), "data", "axes fraction", arrowprops=leader, color=INK, fontsize=8.5,
            va="center", annotation_clip=False,
        )  # fmt: skip
    axis.set_xlim(right=max((day for day, _, _ in ends), default=1.0))


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], *, columns: int) -> None:
    """A key below the figure; labels may begin with an underscore."""
    if handles:
        # matplotlib takes labels that begin with "_" for hidden ones
        shown = [f"\u200b{label}" if label.startswith("_") else label for label in labels]
        figure.legend(handles, shown, loc="outside lower center", ncols=columns, handlelength=1.8, columnspacing=1.4)


def make_room(axis: Axes) -> None:
    """Room above and below the curves for words, with 0 inside."""
    low, high = axis.get_ylim()
    low, high = min(low, -0.05), max(high, 0.05)
    axis.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))


def order(study: Study, names: Iterable[str]) -> list[str]:
    """Arm names in the study's order, others after them."""
    known = [arm.name for arm in study.arms]
    return [*known, *(name for name in dict.fromkeys(names) if name not in known)]


def signed(value: Any) -> str:
    """A number with its sign, the minus as people print it."""
    return f"{value:+.2f}".replace("-", "−")


def doses(values: Iterable[Any]) -> list[str]:
    """Doses without needless digits."""
    return [f"{value:g}" for value in values]


def svg(figure: Figure, prefix: str) -> str:
    """A figure as an `<svg>` element to stand inside a page: the same bytes every time, text as text.

    Parameters
    ----------
    figure : Figure
        What to write.
    prefix : str
        Put before every id, so that several figures can share a page.
    """
    buffer = io.StringIO()
    with mpl.rc_context(THEME | _SAVED), warnings.catch_warnings():
        # the reader's fonts have glyphs (emoji, scripts) that the font used for measuring here lacks
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)  # pyright: ignore[reportArgumentType]
    text = buffer.getvalue()
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return re.sub(r"<[^>]+>", lambda tag: _for_a_page(tag.group(), prefix), text).strip()


def _ticks(low: float, high: float) -> list[float]:
    """At least three round volumes on a log axis where the range allows it."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(ticks) > 3:
            break
    return ticks


def _volume(value: float) -> str:
    """A volume on an axis: 300, 1,000, 10⁶."""
    if 0.001 <= value < 1e6:
        return f"{value:,.6g}"
    digits, power = f"{value:.1e}".split("e")
    raised = f"10{str(int(power)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
    return raised if digits == "1.0" else f"{float(digits):g} × {raised}"


def _for_a_page(tag: str, prefix: str) -> str:
    if tag.startswith("<svg"):
        box = re.search(r'viewBox="[^"]+"', tag)
        width = float(box.group().split()[2]) if box else 0.0
        # about as large as drawn, so that the text of every figure is of one size
        return f'<svg {box.group() if box else ""} style="max-width:{width * 1.45:.0f}px" focusable="false">'
    tag = re.sub(r'\bid="', f'id="{prefix}-', tag)
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}-', tag).replace("url(#", f"url(#{prefix}-")
    for colour, variable in THEME_COLOURS.items():
        tag = tag.replace(colour, variable)
    return tag
