"""All that is written of one analysis: the page, results.json, Markdown, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from xenograft.analysis import Analysis
from xenograft.answers.ranking import Comparison
from xenograft.answers.results import to_json
from xenograft.files import write_text
from xenograft.fitting.fit import Fit
from xenograft.fitting.processes import Worker
from xenograft.quantities.estimands import JudgedReference
from xenograft.report.content import ReportContent, report_content
from xenograft.report.markdown import report_markdown
from xenograft.report.page import write_figures, write_html
from xenograft.study.study import Study


def write_report(
    path: str | Path,
    study: Study,
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    reference: JudgedReference = "bliss",
    title: str | None = None,
    logo: str | Path | None = None,
    template: str | Path | None = None,
    figures: str | Path | None = None,
    slides: str | Path | None = None,
    json: str | Path | None = None,
    markdown: str | Path | None = None,
    command: str = "xenograft.write_report(…)",
) -> None:
    """Write the HTML report of a study.

    Parameters
    ----------
    path : str or Path
        File to write; replaced when the new one is complete.
    study : Study
        What was analysed.
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    reference : {"bliss", "hsa"}
        Under which the study's verdict is given.
    title : str, optional
        Heading; the study's name by default.
    logo : str or Path, optional
        PNG, JPEG or SVG file, put into the page beside the heading.
    template : str or Path, optional
        A Jinja file of the team's own, usually one that extends "report.html.jinja" and replaces some of its blocks.
    figures : str or Path, optional
        Folder to which every figure is written as PNG, SVG and PDF.
    slides : str or Path, optional
        Where to write slides for the meeting (.pptx); needs python-pptx.
    json : str or Path, optional
        Where to write results.json.
    markdown : str or Path, optional
        Where to write the answer as Markdown, for a pull request.
    command : str
        What reproduces the report, printed at its end.

    Raises
    ------
    InputError
        When a file cannot be read, written or used.
    """
    written(
        Analysis(study, fits, ranking), path, reference=reference, title=title, logo=logo, template=template,
        figures=figures, slides=slides, json=json, markdown=markdown, command=command,
    )  # fmt: skip


def written(
    analysis: Analysis,
    page: str | Path,
    *,
    reference: JudgedReference = "bliss",
    title: str | None = None,
    logo: str | Path | None = None,
    template: str | Path | None = None,
    figures: str | Path | None = None,
    slides: str | Path | None = None,
    json: str | Path | None = None,
    markdown: str | Path | None = None,
    command: str,
    second: Worker | None = None,
) -> ReportContent:
    """Write what is asked for of an analysis, each file whole or not at all.

    Parameters
    ----------
    analysis : Analysis
        Study, fits and ranking.
    page : str or Path
        The HTML file.
    reference, title, logo, template, figures, slides, json, markdown, command
        As in `write_report`.
    second : Worker, optional
        Computes what needs the fits alone and draws half of the figures (`fitting.processes.second_process`).

    Returns
    -------
    ReportContent
        What the page shows.
    """
    analysis = replace(analysis, second=second)
    results = analysis.results(reference)
    content = report_content(analysis, results, command, title=title)
    if json is not None:  # before the page, which a team's template can stop
        write_text(json, to_json(results))
    write_html(page, content, logo=logo, template=template, second=second)
    if figures is not None:
        write_figures(figures, content)
    if slides is not None:
        from xenograft.report.slides import write_slides

        write_slides(slides, content)
    if markdown is not None:
        write_text(markdown, report_markdown(content))
    return content
