"""Commands for the next study: simulate, allocate."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xenograft.commands.terminal import Seed, plain, standard_output, table_of
from xenograft.errors import InputError, StudyError
from xenograft.files import write_text

if TYPE_CHECKING:
    from xenograft.model.card import ModelCard
    from xenograft.panels.panel import Panel
    from xenograft.planning.design import Design
    from xenograft.planning.simulated_panel import SimulatedPanel
    from xenograft.simulation.truth import Truth
    from xenograft.study.study import Study

RECORDED_DIGITS = 4
"""Significant digits of a written volume: more than callipers give."""

app = typer.Typer()


@app.command()
def simulate(
    design: Annotated[
        Path, typer.Argument(metavar="DESIGN", help="A study.toml without data, with animals and visits.")
    ],
    truth: Annotated[Path, typer.Option(metavar="FILE", help="The parameters to simulate with (truth.toml).")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the study.")],
    model: Annotated[
        str | None,
        typer.Option("-m", "--model", metavar="CARD", help="Refuse a truth that this card cannot describe."),
    ] = None,
    seed: Seed = 1,
) -> None:
    """Simulate a study with known truth, or a panel of models: study.toml, volumes.csv and truth.toml."""
    from xenograft.panels.read import read_panel
    from xenograft.planning.card_truth import problems_of_card
    from xenograft.planning.design import read_design, simulate_design
    from xenograft.planning.simulated_panel import panel_texts, simulate_panel
    from xenograft.reading.folder import csv_of, toml_of
    from xenograft.reading.read import read_study
    from xenograft.simulation.truth import read_truth, truth_text
    from xenograft.study.study import Study

    planned, true = read_design(design), read_truth(truth)
    head = f"# Simulated (seed {seed}) with the parameters in truth.toml. These are not measurements.\n"
    panel = None
    if planned.panel is None:
        made = simulate_design(planned, true, seed=seed, digits=RECORDED_DIGITS)
        texts = {"study.toml": head + toml_of(made), "volumes.csv": csv_of(made), "truth.toml": truth_text(true)}
    else:
        panel = simulate_panel(planned, true, seed=seed, digits=RECORDED_DIGITS)
        texts = panel_texts(panel, head)
    problems = problems_of_card(_one_card(model), true, planned.arms, truth.name) if model else []
    if problems:
        raise InputError([f"{problem} Or leave out -m {model}." for problem in problems])
    study = _read_again(texts, design.name, read_study if panel is None else read_panel)
    for name, text in texts.items():
        write_text(output / name, text)
    if isinstance(study, Study):
        _describe(study, planned, true)
    elif panel is not None:
        _describe_panel(study, panel)
    standard_output().print(f"Wrote {plain(output)}: {', '.join(texts)}.")


@app.command()
def allocate(
    baselines: Annotated[
        Path, typer.Argument(metavar="BASELINES", help="A CSV of animal and volume, and cage if shared.")
    ],
    arms: Annotated[str, typer.Option(metavar="A,B,…", help="Names of the arms, separated by commas.")],
    per_arm: Annotated[int, typer.Option(metavar="N", help="Animals in each arm.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The allocation.")] = Path(
        "allocation.csv"
    ),
    seed: Seed = 1,
    tries: Annotated[int, typer.Option(metavar="N", help="How many random allocations to choose from.")] = 1000,
) -> None:
    """Put animals into arms at random, balanced on baseline volume, cages spread over the arms."""
    from xenograft.planning.allocation import allocate, read_baselines

    found = read_baselines(baselines)
    allocation = allocate(found, [arm.strip() for arm in arms.split(",")], per_arm, seed=seed, tries=tries)
    table = allocation.table.assign(seed=seed)
    write_text(output, table.to_csv(index=False, lineterminator="\n"))
    balance = output.with_name(f"{output.stem}-balance.csv")
    write_text(balance, allocation.balance.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
    out = standard_output()
    out.print(table_of(allocation.balance.round({"geometric mean": 1, "smallest": 1, "largest": 1, "sd of log": 3})))
    for sentence in allocation.sentences:
        out.print(plain(sentence))
    out.print(f"Wrote {plain(output)} and {plain(balance)}.")


def _one_card(name: str) -> ModelCard:
    from xenograft.model.card import read_cards

    cards = list(read_cards(name).values())
    if len(cards) > 1:
        raise InputError(f"-m {name}: this is {len(cards)} cards. Name one.")
    return cards[0]


def _read_again[T](texts: dict[str, str], design: str, read: Callable[[str], T]) -> T:
    """The study or panel as it will be read, before anything is written."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        try:
            return read(folder)
        except StudyError as error:
            raise InputError(
                [f"{design}: the simulated study cannot be analysed: {problem}" for problem in error.problems]
            ) from None


def _describe(study: Study, design: Design, truth: Truth) -> None:
    from xenograft.simulation.true_excess import true_excess
    from xenograft.study.tables import summary_table

    out = standard_output()
    out.print(f"[bold]{plain(study.name)}[/bold]")
    out.print(table_of(summary_table(study)))
    for reference in ("bliss", "hsa"):
        found = true_excess(design.arms, truth, study.horizon, reference).isel(day=0)
        for name, value in zip(found["combination"].to_numpy(), found.to_numpy(), strict=True):
            out.print(plain(f"True {reference} excess of {name} on day {study.horizon:g}: {value:.3f}"))


def _describe_panel(read: Panel, made: SimulatedPanel) -> None:
    """The panel as it was read, and what an analysis should find."""
    from xenograft.commands.panel import show_panel
    from xenograft.planning.simulated_panel import true_answers

    show_panel(read)
    out = standard_output()
    for arm in made.judged:
        for reference in ("bliss", "hsa"):
            true = true_answers(made, arm, reference, seed=1)
            where = f"{reference} excess of {arm.name} on day {made.horizon:g}"
            out.print(plain(f"True {where} in the typical model: {true['average']:.3f}"))
            for name in made.moderators:
                out.print(plain(f"True rise of the {where} per unit of {name}: {true[str(name)]:.3f}"))
