"""Commands that fit: fit, report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xenograft.analysis import Analysis
from xenograft.console import plain, standard_output
from xenograft.options import Cards, Chains, Draws, JsonPath, Quiet, Reference, Seed, StudyPath

if TYPE_CHECKING:
    from xenograft.fitted import Fit

NO_HEALTHY_FIT = 3

app = typer.Typer()


@app.command()
def fit(
    study: StudyPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the fits.")],
    model: Cards = None,
    seed: Seed = 1,
    draws: Draws = 1000,
    chains: Chains = 4,
    quiet: Quiet = False,
) -> None:
    """Fit model cards; write one NetCDF file per card and results.json."""
    analysis = Analysis(study, model, seed, draws, chains, quiet)
    for name, one in analysis.fits.items():
        one.save(output / f"{name}.nc")
        standard_output().print(plain(f"{name}: {_health(one)} → {output / f'{name}.nc'}"))
    analysis.write_json(output / "results.json", "bliss")
    finish(analysis)


@app.command()
def report(
    study: StudyPath,
    model: Cards = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The HTML file.")] = Path(
        "report.html"
    ),
    json: JsonPath = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for every figure as PNG, SVG and PDF.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the report; the study's name by default.")] = None,
    logo: Annotated[Path | None, typer.Option(metavar="FILE", help="PNG, JPEG or SVG beside the heading.")] = None,
    template: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A Jinja template that extends report.html.jinja.")
    ] = None,
    reference: Reference = "bliss",
    seed: Seed = 1,
    draws: Draws = 1000,
    chains: Chains = 4,
    quiet: Quiet = False,
) -> None:
    """Fit, compare, average: one HTML report, results.json and the verdict."""
    from xenograft.report_tables import report_content
    from xenograft.reporting import write_figures, write_html

    analysis = Analysis(study, model, seed, draws, chains, quiet)
    json = json or output.with_name("results.json")
    content = analysis.write_json(json, reference)
    shown = report_content(analysis.study, analysis.fits, analysis.ranking, content, _command(), title=title)
    write_html(output, shown, logo=logo, template=template)
    if figures is not None:
        write_figures(figures, shown)
    out = standard_output()
    for verdict in content["verdicts"]:
        out.print(plain(verdict["sentence"]))
    if content["reason"]:
        out.print(plain(content["reason"]))
    out.print(f"Report: {plain(output)}  Numbers: {plain(json)}")
    finish(analysis)


def finish(analysis: Analysis) -> None:
    """Say which fits failed; exit 3 when no healthy card may answer."""
    for name, reason in analysis.ranking.refused.items():
        typer.echo(f"{name}: {reason}", err=True)
    if analysis.has_no_answer:
        raise typer.Exit(NO_HEALTHY_FIT)


def _health(one: Fit) -> str:
    failures = f" ({'; '.join(one.health.failures)})" if one.health.failures else ""
    return f"{one.health.status}{failures}"


def _command() -> str:
    return shlex.join(["xenograft", *sys.argv[1:]])
