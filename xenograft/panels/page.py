"""A panel's answers as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from xenograft import printing as printed
from xenograft.figures.theme import NARROW, WIDE, svg
from xenograft.files import write_text
from xenograft.panels.analysis import PanelAnalysis
from xenograft.panels.drawings import panel_drawings
from xenograft.panels.pictures import heaviest
from xenograft.report.sections import TEMPLATES

TEMPLATE = "panel.html.jinja"


def write_panel_page(path: str | Path, analysis: PanelAnalysis, *, title: str | None = None, command: str = "") -> None:
    """Write the page of a panel, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The HTML file.
    analysis : PanelAnalysis
        What it shows.
    title : str, optional
        Heading; the panel's name by default.
    command : str
        What makes the page again.
    """
    write_text(Path(path), panel_page(analysis, title=title, command=command))


def panel_page(analysis: PanelAnalysis, *, title: str | None = None, command: str = "") -> str:
    """The page as HTML text that needs nothing else; arguments as of `write_panel_page`."""
    results, panel = analysis.results, analysis.panel
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters |= {
        "number": printed.number, "fixed": printed.fixed, "share": printed.share, "breakable": printed.breakable,
        "decimal": printed.decimal,
    }  # fmt: skip
    best = heaviest(analysis) if analysis.answers else next(iter(analysis.fits.values()))
    in_days = best.card.on_days(panel.follow_up).priors
    return environment.get_template(TEMPLATE).render(
        results=results,
        title=title or panel.name,
        combinations=[arm.name for arm in panel.judged] if analysis.answers else [],
        arms=[arm.name for arm in panel.arms],
        figures=_figures(analysis),
        heaviest=best.card.name,
        priors=[
            {"name": name, "says": prior.in_words(), "days": in_days[name].in_words() if prior.relative else "",
             "why": prior.why}
            for name, prior in best.card.priors.items()
        ],
        command=command,
    )  # fmt: skip


def _figures(analysis: PanelAnalysis) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in panel_drawings(analysis):
        screens = [("wide", one.draw(WIDE)), ("narrow", one.draw(NARROW))]
        parts = [
            Markup('<div class="{}">{}</div>').format(kind, Markup(svg(figure, f"{one.name}-{kind}")))
            for kind, figure in screens
        ]
        found.append(
            {"name": one.name, "body": Markup("").join(parts), "alt": one.alt, "caption": one.caption, "narrow": True}
        )
    return found
