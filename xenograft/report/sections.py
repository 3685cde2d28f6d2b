"""The sections of a report below its answer, one record each, in the order of the page and of its navigation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xenograft.report.content import ReportContent

TEMPLATES = Path(__file__).parent / "templates"

PAGE = "report.html.jinja"
"""The template that a team's own extends."""

PLACE = "{# sections #}"
"""Where in the page's template the sections stand."""


def always(content: ReportContent) -> bool:
    """Of a section that every report has."""
    return True


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Parameters
    ----------
    anchor : str
        Its id in the page, and the name of the block that a team's template may replace: letters and underscores.
    link : str
        What the navigation calls it.
    title : str
        Its heading.
    template : Path
        A Jinja file with what stands below the heading. It sees what the page's template sees: `content`, `results`,
        `study`, `unit`, `figures`, and the macros `table`, `figure` and `term`.
    needs : callable
        Whether a report's content has what it shows; where it has not, page and navigation leave it out.
    """

    anchor: str
    link: str
    title: str
    template: Path
    needs: Callable[[ReportContent], bool] = always


def _shipped(anchor: str, title: str, link: str | None = None) -> Section:
    return Section(anchor, link or title, title, TEMPLATES / "sections" / f"{anchor}.html.jinja")


SECTIONS: tuple[Section, ...] = (
    _shipped("takeaway", "For your slide and your paper", "Slide and paper"),
    _shipped("figures", "What was seen", "Figures"),
    _shipped("numbers", "Numbers"),
    _shipped("sensitivity", "Does the answer depend on our choices?", "Sensitivity"),
    _shipped("methods", "Methods and priors"),
    _shipped("animals", "Animals and readings", "Animals"),
    _shipped("health", "Health of the fits", "Health"),
    _shipped("provenance", "Provenance"),
    _shipped("terms", "Terms"),
)


def page_templates(sections: Sequence[Section]) -> Mapping[str, str]:
    """The page's template with a block for each section, and the sections' own, by name.

    Parameters
    ----------
    sections : sequence of Section
        In the order of the page.
    """
    blocks = "".join(_BLOCK.replace("ANCHOR", one.anchor) for one in sections)
    layout = (TEMPLATES / PAGE).read_text(encoding="utf-8").replace(PLACE, blocks)
    return {PAGE: layout} | {f"section_{one.anchor}": one.template.read_text(encoding="utf-8") for one in sections}


_BLOCK = """{% block ANCHOR %}
{% for section in sections if section.anchor == "ANCHOR" %}
<section aria-labelledby="ANCHOR">
<h2 id="ANCHOR">{{ section.title }}</h2>
{% include "section_ANCHOR" %}
</section>
{% endfor %}
{% endblock %}
"""
