"""What the figures have in common: theme, one colour per arm, names that fit, writing to a page or to files."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine

from xenograft.files import replacing
from xenograft.study.study import Study

WIDE, NARROW = 9.0, 3.75
"""Widths (inches) of a figure for a desk or a sheet of paper, and for a telephone."""

INK, SOFT, LINE, PAPER = "#1b2431", "#566172", "#d5dae1", "#fefefe"
CONTROL = "#7a8494"
THEME_COLOURS = {INK: "var(--ink)", SOFT: "var(--soft)", LINE: "var(--line)", PAPER: "var(--paper)"}
"""Colours that `svg` hands over to the page, so that figures follow its light or dark theme."""

ARM_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#b8860b", "#56a0d3", "#8c6bb1")
"""Okabe & Ito (2008), yellow and black replaced so that every colour shows on white and on near-black."""

MANY = 4000
"""Marks in one figure beyond which points are drawn as an image inside it: a page must open fast."""

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
_SAVED: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "xenograft", "svg.id": None, "pdf.fonttype": 42}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_METADATA: Mapping[str, Any] = {"png": {"Software": None}, "svg": _NO_METADATA, "pdf": {"CreationDate": None}}


def short(name: str, characters: int) -> str:
    """A name that fits its place; what is left out is in the middle, because arms of a grid differ at their ends."""
    if len(name) <= characters:
        return name
    end = max(characters - 1, 2) // 2
    return f"{name[: max(characters - 1, 2) - end].rstrip()}…{name[-end:].lstrip()}"


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
    with mpl.rc_context(THEME | _SAVED), _missing_glyphs_are_fine():
        _lay_out(figure)
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA, transparent=True)  # pyright: ignore
    text = buffer.getvalue()
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return re.sub(r"<[^>]+>", lambda tag: _for_a_page(tag.group(), prefix), text).strip()


def save_figures(
    folder: str | Path, figures: Mapping[str, Figure], endings: Sequence[str] = ("png", "svg", "pdf")
) -> list[Path]:
    """Write figures as PNG (200 dpi), SVG and PDF, for slides, editing and print.

    Parameters
    ----------
    folder : str or Path
        Made if needed.
    figures : mapping of str to Figure
        By file name without ending.
    endings : sequence of {"png", "svg", "pdf"}
        Formats to write.

    Returns
    -------
    list of Path
        What was written; each file whole or not at all.

    Raises
    ------
    InputError
        When the folder cannot be written to.
    """
    written: list[Path] = []
    with mpl.rc_context(THEME | _SAVED), _missing_glyphs_are_fine():
        for name, figure in figures.items():
            _lay_out(figure)
            for ending in endings:
                metadata = _METADATA[ending]
                path = Path(folder) / f"{name}.{ending}"
                with replacing(path) as temporary:
                    figure.savefig(temporary, format=ending, dpi=200, facecolor="white", metadata=metadata)  # pyright: ignore
                written.append(path)
    return written


def picture(figure: Figure) -> bytes:
    """A figure as PNG (200 dpi) on white, to stand in a document."""
    buffer = io.BytesIO()
    with mpl.rc_context(THEME | _SAVED), _missing_glyphs_are_fine():
        _lay_out(figure)
        figure.savefig(buffer, format="png", dpi=200, facecolor="white", metadata=_METADATA["png"])
    return buffer.getvalue()


def settled(figure: Figure) -> Figure:
    """The figure laid out as it was meant, at its size of now; Shiny would lay it out anew, over its own key."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
    figure.set_layout_engine(PlaceHolderLayoutEngine(adjust_compatible=True, colorbar_gridspec=True))
    return figure


def _lay_out(figure: Figure) -> None:
    """Place the panels once; saving would draw the whole figure beforehand to do the same, for each format again."""
    engine = figure.get_layout_engine()
    if engine is not None:
        figure.set_dpi(72)  # of vector formats
        engine.execute(figure)
        figure.set_layout_engine("none")


@contextmanager
def _missing_glyphs_are_fine() -> Generator[None]:
    """The reader's fonts have glyphs (emoji, scripts) that the font used for measuring here lacks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        yield


def _for_a_page(tag: str, prefix: str) -> str:
    if tag.startswith("<svg"):
        box = re.search(r'viewBox="[^"]+"', tag)
        width = float(box.group().split()[2]) if box else 0.0
        # about as large as drawn, so that the text of every figure is of one size
        return f'<svg {box.group() if box else ""} style="max-width:{width * 1.45:.0f}px" focusable="false">'
    if not tag.startswith("<image"):  # hundredths of a point suffice, and halve the page
        tag = re.sub(r"(-?\d+\.\d{2})\d+", r"\1", tag)
    tag = re.sub(r'\bid="', f'id="{prefix}-', tag)
    tag = re.sub(r'(?:xlink:)?href="#', f'href="#{prefix}-', tag).replace("url(#", f"url(#{prefix}-")
    tag = tag.replace('xlink:href="data:', 'href="data:')
    for colour, variable in THEME_COLOURS.items():
        tag = tag.replace(colour, variable)
    return tag
