"""Commands for CI: compare and reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xenograft.analysis import Analysis, analyse
from xenograft.commands import terminal
from xenograft.commands.fit import finish
from xenograft.commands.terminal import plain, standard_output, table_of
from xenograft.files import check_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xenograft.evidence.evidence import Evidence
    from xenograft.evidence.judging import GateOutcome
    from xenograft.model.card import ModelCard
    from xenograft.study.study import Study

GATE_FAILED = 1

app = typer.Typer()


@app.command()
def compare(
    study: terminal.StudyPath,
    model: terminal.Cards = None,
    gates: Annotated[
        Path | None, typer.Option("--gates", metavar="FILE", help="Rules (gates.toml); exit code 1 if one fails.")
    ] = None,
    json: terminal.JsonPath = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Where to write a summary in Markdown.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Where to write the gates as JUnit XML.")
    ] = None,
    cache: terminal.Cache = None,
    reference: terminal.ReferenceOption = "bliss",
    seed: terminal.Seed = 1,
    draws: terminal.Draws = 1000,
    chains: terminal.Chains = 4,
    quiet: terminal.Quiet = False,
) -> None:
    """Rank the models by how well they predict an animal they have not seen, and judge the gates of a CI job."""
    from xenograft.evidence.gates import Gate, check_gates, read_gates

    if junit and not gates:
        raise typer.BadParameter("--junit writes the gates; give --gates FILE too.")
    rules: tuple[Gate, ...] = read_gates(gates) if gates else ()
    check_outputs(json, markdown, junit)

    def names_exist(read: Study, cards: dict[str, ModelCard]) -> None:
        if gates:
            check_gates(gates, rules, read, cards)

    analysis = analyse(
        study, model, seed=seed, draws=draws, chains=chains, quiet=quiet, cache=cache, before_fitting=names_exist
    )
    from xenograft.evidence.evidence import gather_evidence

    evidence = gather_evidence(
        analysis.fits, analysis.ranking, refit=analysis.refit, found=analysis.findings, checks=analysis.checks,
    )  # fmt: skip
    outcomes: tuple[GateOutcome, ...] = ()
    if gates:
        from xenograft.evidence.judging import judge_gates

        outcomes = judge_gates(rules, evidence, folder=gates.parent)
    content = analysis.results(reference)
    sentences = [str(verdict["sentence"]) for verdict in content["verdicts"]]
    sentences += [str(content["several"]["sentence"])] if content.get("several") else []
    _print(evidence, sentences, outcomes)
    _write(analysis, evidence, content, sentences, outcomes, json=json, markdown=markdown, junit=junit)
    finish(analysis)
    if any(not outcome.passed for outcome in outcomes):
        raise typer.Exit(GATE_FAILED)


@app.command()
def reference(
    study: terminal.StudyPath,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The JSON file.")],
    model: terminal.Cards = None,
    cache: terminal.Cache = None,
    seed: terminal.Seed = 1,
    draws: terminal.Draws = 1000,
    chains: terminal.Chains = 4,
    quiet: terminal.Quiet = False,
) -> None:
    """Store what the models say today, for the drift gates of later comparisons."""
    from xenograft.evidence.drift import write_reference

    check_outputs(output)
    analysis = analyse(study, model, seed=seed, draws=draws, chains=chains, quiet=quiet, cache=cache, exact=False)
    write_reference(output, analysis.fits)
    stored = sum(fit.health.status != "fail" for fit in analysis.fits.values())
    standard_output().print(f"Stored {stored} of {len(analysis.fits)} cards in {plain(output)}.")
    finish(analysis)


def _print(evidence: Evidence, sentences: Sequence[str], outcomes: Sequence[GateOutcome]) -> None:
    from xenograft.evidence.markdown import bayes_factor_table, nulls_table, parts_table, ranking_table

    out = standard_output()
    for title, table in (
        ("", ranking_table(evidence)),
        ("nulls", nulls_table(evidence)),
        ("Bayes factor for a departure", bayes_factor_table(evidence)),
        ("combination predicted from vehicle and single arms", parts_table(evidence)),
    ):
        if not table.empty:
            if title:
                out.print(f"\n[bold]{title}[/bold]")
            out.print(table_of(table))
    listed = [
        *(f"note: {words}" for words in evidence.ranking.alike),
        *(f"warning: {words}" for words in evidence.warnings),
        *(f"refused {name}: {reason}" for name, reason in evidence.ranking.refused.items()),
    ]
    for block in (listed, sentences, [outcome.line for outcome in outcomes]):
        if block:
            out.print()
        for line in block:
            out.print(plain(line))


def _write(
    analysis: Analysis,
    evidence: Evidence,
    content: dict[str, Any],
    sentences: Sequence[str],
    outcomes: Sequence[GateOutcome],
    *,
    json: Path | None,
    markdown: Path | None,
    junit: Path | None,
) -> None:
    from dataclasses import asdict

    from xenograft.answers.results import to_json
    from xenograft.evidence.evidence import evidence_as_data
    from xenograft.evidence.judging import junit_xml
    from xenograft.evidence.markdown import comparison_markdown
    from xenograft.files import write_text

    if json:
        comparison = evidence_as_data(evidence)
        write_text(json, to_json(content | {"comparison": comparison, "gates": [asdict(one) for one in outcomes]}))
    if markdown:
        write_text(markdown, comparison_markdown(evidence, outcomes, sentences=sentences))
    if junit:
        spent = analysis.seconds or 0.0
        write_text(junit, junit_xml(outcomes, study=analysis.study.name, seconds=spent, verdicts=sentences))
