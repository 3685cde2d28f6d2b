"""Commands that fit: fit, report."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xenograft.analysis import Analysis, analyse
from xenograft.commands.terminal import (
    Cache,
    Cards,
    Chains,
    Draws,
    JsonPath,
    Quiet,
    ReferenceOption,
    Seed,
    StudyPath,
    plain,
    standard_output,
)
from xenograft.errors import InputError
from xenograft.files import check_outputs

if TYPE_CHECKING:
    from xenograft.fitting.fit import Fit
    from xenograft.fitting.sampling import Method
    from xenograft.model.card import ModelCard
    from xenograft.study.study import Study

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
    """Fit the models; write one NetCDF file per model, and results.json."""
    check_outputs(output / "results.json")
    analysis = analyse(study, model, seed=seed, draws=draws, chains=chains, quiet=quiet)
    for name, one in analysis.fits.items():
        one.save(output / f"{name}.nc")
        standard_output().print(plain(f"{name}: {_health(one)} → {output / f'{name}.nc'}"))
    from xenograft.answers.results import to_json
    from xenograft.files import write_text

    write_text(output / "results.json", to_json(analysis.results("bliss")))
    finish(analysis)


@app.command()
def report(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="A study.toml, the folder that holds one, or a folder of studies.")
    ],
    model: Cards = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The HTML file [report.html]; of many studies a folder [reports]."
        ),
    ] = None,
    json: JsonPath = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write the answer in Markdown, for a pull request.")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for every figure as PNG, SVG and PDF.")
    ] = None,
    slides: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write slides for the meeting (.pptx).")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the report; the study's name by default.")] = None,
    logo: Annotated[Path | None, typer.Option(metavar="FILE", help="PNG, JPEG or SVG beside the heading.")] = None,
    template: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A Jinja template that extends report.html.jinja.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Draw by importance sampling, without chains, wherever that may be trusted.")
    ] = False,
    cache: Cache = None,
    reference: ReferenceOption = "bliss",
    seed: Seed = 1,
    draws: Draws = 1000,
    chains: Chains = 4,
    quiet: Quiet = False,
) -> None:
    """Fit, compare and average the models: an HTML report, results.json, the verdict. Takes a folder of studies too."""
    from xenograft.reading.folder import studies_in

    method = "importance" if fast else "nuts"
    if studies_in(study):
        if slides is not None:
            raise InputError("--slides: slides are made of one study. Name one, or leave it out.")
        _report_folder(
            study, model, output, json, markdown=markdown, figures=figures, title=title, logo=logo, template=template,
            method=method, cache=cache, reference=reference, seed=seed, draws=draws, chains=chains, quiet=quiet,
        )  # fmt: skip
        return
    output = output or Path("report.html")
    json = json or output.with_name("results.json")
    check_outputs(output, json, markdown, slides, figures and figures / "figure.png")

    from xenograft.fitting.processes import second_process

    def layout_is_fine(_study: Study, _cards: dict[str, ModelCard]) -> None:
        from xenograft.report.page import check_layout
        from xenograft.report.slides import check_slides

        check_layout(logo, template)
        if slides is not None:
            check_slides(slides)

    with second_process() as second:
        analysis = analyse(
            study, model, seed=seed, draws=draws, chains=chains, quiet=quiet, cache=cache, method=method,
            before_fitting=layout_is_fine,
        )  # fmt: skip
        from xenograft.report.outputs import written

        content = written(
            analysis, output, reference=reference, title=title, logo=logo, template=template, figures=figures,
            slides=slides, json=json, markdown=markdown, command=command_line(seed), second=second,
        ).results  # fmt: skip
    out = standard_output()
    for verdict in content["verdicts"]:
        out.print(plain(verdict["sentence"]))
    if content.get("several"):
        out.print(plain(content["several"]["sentence"]))
    if content["reason"]:
        out.print(plain(content["reason"]))
    out.print(f"Report: {plain(output)}  Numbers: {plain(json)}")
    finish(analysis)


def _report_folder(
    folder: Path,
    model: list[str] | None,
    output: Path | None,
    json: Path | None,
    *,
    markdown: Path | None,
    figures: Path | None,
    title: str | None,
    logo: Path | None,
    template: Path | None,
    method: Method,
    cache: Path | None,
    reference: Literal["bliss", "hsa"],
    seed: int,
    draws: int,
    chains: int,
    quiet: bool,
) -> None:
    from xenograft.report.folder import INDEX, StudyReport, exit_code_of, write_reports

    if json is not None:
        raise InputError("--json: of a folder of studies each report has its own results.json beside it. Leave it out.")
    if output is not None and (output.suffix or output.is_file()):
        raise InputError(f"-o {output}: the reports of a folder of studies go into a folder. Name a folder.")
    output = output or Path("reports")
    out = standard_output()

    def say(done: StudyReport) -> None:
        out.print(plain(done.line))

    found = write_reports(
        output, folder, cards=model, reference=reference, title=title, logo=logo, template=template, figures=figures,
        markdown=markdown, cache=cache, method=method, seed=seed, draws=draws, chains=chains, quiet=quiet,
        command=command_line(seed), say=say,
    )  # fmt: skip
    out.print(f"Index: {plain(output / INDEX)}")
    if code := exit_code_of(found):
        raise typer.Exit(code)


def finish(analysis: Analysis) -> None:
    """Say which fits failed; exit 3 when no healthy card may answer."""
    for name, reason in analysis.ranking.refused.items():
        typer.echo(f"{name}: {reason}", err=True)
    if analysis.has_no_answer:
        raise typer.Exit(NO_HEALTHY_FIT)


def _health(one: Fit) -> str:
    failures = f" ({'; '.join(one.health.failures)})" if one.health.failures else ""
    return f"{one.health.status}{failures}"


def command_line(seed: int) -> str:
    """What makes the page again: as called, with the seed where it was not given."""
    given = any(word == "--seed" or word.startswith("--seed=") for word in sys.argv)
    return shlex.join(["xenograft", *sys.argv[1:], *([] if given else ["--seed", str(seed)])])
