"""The command for panels: many models, one question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xenograft.commands.compare import GATE_FAILED
from xenograft.commands.fit import NO_HEALTHY_FIT, command_line
from xenograft.commands.terminal import Cards, Chains, Draws, JsonPath, Quiet, Seed, plain, standard_output, table_of
from xenograft.files import check_outputs

if TYPE_CHECKING:
    from xenograft.panels.analysis import PanelAnalysis
    from xenograft.panels.panel import Panel

app = typer.Typer()


@app.command()
def panel(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="PLACE", help="A folder of studies, a panel.toml, or a study whose table has a column of models."
        ),
    ],
    model: Cards = None,
    combination: Annotated[
        str | None, typer.Option(metavar="ARM", help="Only this combination, with its agents alone and the vehicle.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The HTML file.")] = Path("panel.html"),
    json: JsonPath = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write the answer in Markdown, for a pull request.")
    ] = None,
    gates: Annotated[
        Path | None, typer.Option("--gates", metavar="FILE", help="Rules (gates.toml); exit code 1 if one fails.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Where to write the gates as JUnit XML.")
    ] = None,
    seed: Seed = 1,
    draws: Draws = 1000,
    chains: Chains = 4,
    quiet: Quiet = False,
) -> None:
    """Many models, one question: on average, in the next model, and in which kind of model."""
    from xenograft.evidence.gates import read_gates
    from xenograft.panels.gates import KINDS, check_panel_gates, judge_panel_gates
    from xenograft.panels.read import of_combination, read_panel

    if junit and not gates:
        raise typer.BadParameter("--junit writes the gates; give --gates FILE too.")
    json = json or output.with_name("results.json")
    check_outputs(output, json, markdown, junit)
    rules = read_gates(gates, KINDS) if gates else ()
    found = read_panel(place)
    if combination is not None:
        found = of_combination(found, combination, "--combination")
    from dataclasses import asdict

    from xenograft.answers.results import to_json
    from xenograft.evidence.judging import junit_xml
    from xenograft.files import write_text
    from xenograft.fitting.sampling import SamplerSettings
    from xenograft.panels.analysis import analyse_panel, panel_cards
    from xenograft.panels.markdown import panel_markdown

    cards = panel_cards(found, model)
    if gates:
        check_panel_gates(gates, rules, found, cards)
    settings = SamplerSettings(draws=draws, tune=draws, chains=chains)
    analysis = analyse_panel(found, cards, seed=seed, settings=settings, quiet=quiet)
    from xenograft.panels.page import write_panel_page

    write_panel_page(output, analysis, command=command_line(seed))
    outcomes = judge_panel_gates(rules, analysis)
    judged = {"gates": [asdict(one) for one in outcomes]} if gates else {}
    write_text(json, to_json(analysis.results | judged))
    if markdown:
        write_text(markdown, panel_markdown(analysis, outcomes))
    if junit:
        spent, said = analysis.results["provenance"]["seconds_total"], [one.sentence for one in analysis.verdicts]
        write_text(junit, junit_xml(outcomes, study=found.name, seconds=spent, verdicts=said, command="panel"))
    _print(analysis)
    for one in outcomes:
        standard_output().print(plain(one.line))
    standard_output().print(f"Report: {plain(output)}  Numbers: {plain(json)}")
    if analysis.has_no_answer:
        raise typer.Exit(NO_HEALTHY_FIT)
    if any(not one.passed for one in outcomes):
        raise typer.Exit(GATE_FAILED)


def show_panel(found: Panel, asked: Sequence[str] = ()) -> None:
    """Print a panel: models by arms, what is missing, agents that never meet, moderators, notices, and questions."""
    from xenograft.panels.shown import arms_table, gaps, models_table

    out = standard_output()
    out.print(f"[bold]{plain(found.name)}[/bold]")
    out.print(
        f"{len(found.models)} models · {found.animals} animals · {found.readings:,} readings, {found.censored} below "
        f"the limit · horizon {found.horizon:g} days after the first dose · volumes in {plain(found.unit)}"
    )
    out.print(table_of(arms_table(found)))
    out.print("\nAnimals with a reading, by model and arm:")
    out.print(table_of(models_table(found)))
    out.print()
    for sentence in (*gaps(found), *found.notices):
        out.print(f"note: {plain(sentence)}")
    for question in asked:
        out.print(f"question: {plain(question)}")
    out.print(f"No problems found{', and nothing was changed: the questions are yours to answer' if asked else ''}.")


def _print(analysis: PanelAnalysis) -> None:
    from xenograft.panels.markdown import answers_table, cards_table, moderators_table

    out = standard_output()
    for title, table in (
        ("Cards, each model left out in turn", cards_table(analysis.results)),
        ("Excess in log units on the horizon (positive = enhanced)", answers_table(analysis.results)),
        ("Moderators", moderators_table(analysis.results)),
    ):
        if len(table):
            out.print(f"\n[bold]{title}[/bold]")
            out.print(table_of(table))
    out.print()
    for one in analysis.verdicts:
        out.print(plain(one.sentence))
    if analysis.reason:
        out.print(plain(analysis.reason))
    for words in analysis.cautions:
        out.print(f"Caution: {plain(words)}")
