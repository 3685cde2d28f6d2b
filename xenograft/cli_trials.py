"""Commands that fit thousands of simulated studies: calibrate."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xenograft.console import plain, standard_output, table_of
from xenograft.options import Quiet, Seed

if TYPE_CHECKING:
    from xenograft.calibration_records import Calibration
    from xenograft.sampling import SamplerSettings

MOST_PROCESSES = 4
"""Unless told: each process needs more than half a gigabyte."""

app = typer.Typer()

Studies = Annotated[int, typer.Option("-n", "--studies", min=2, help="Simulated studies.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes to fit in; the numbers do not depend on it. Default: up to four.")
]


@app.command()
def calibrate(
    model: Annotated[
        list[str],
        typer.Option("-m", "--model", metavar="CARD", help="A shipped card's name, a card file or a folder of cards."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for results, figures and single studies.")
    ] = Path("calibration"),
    studies: Studies = 500,
    seed: Seed = 1,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Simulate studies from a card's own priors, fit them, and see whether its intervals hold the truth."""
    from xenograft.calibration import SETTINGS, calibrate
    from xenograft.calibration_records import calibration_table, problems_of_calibration, write_calibration
    from xenograft.cards import read_cards

    cards = read_cards(*model)
    processes = processes_of(workers)
    settings = settings_of(SETTINGS, processes)
    found: dict[str, Calibration] = {}
    problems: list[str] = []
    for name, card in cards.items():
        store = output / "studies" / f"{name}.jsonl"
        calibration = calibrate(
            card, store, studies=studies, seed=seed, workers=processes, settings=settings, progress=not quiet
        )
        found[name] = calibration
        write_calibration(output / f"{name}.json", calibration)
        _draw(calibration, output / f"{name}.png")
        problems += problems_of_calibration(f"{name}.json", calibration, card)
    out = standard_output()
    out.print(table_of(calibration_table(found)))
    for problem in problems:
        out.print(plain(problem))
    out.print(f"Wrote {plain(output)}: a .json and a .png for each card; studies/ holds the single studies.")
    if problems:
        raise typer.Exit(1)


def _processors() -> int:
    return os.cpu_count() or 1


def processes_of(workers: int | None) -> int:
    """How many processes to use; as many as processors, up to four, unless told."""
    return workers or min(_processors(), MOST_PROCESSES)


def settings_of(settings: SamplerSettings, processes: int) -> SamplerSettings:
    """As many chains at once in each process as leaves a processor for each."""
    return replace(settings, cores=max(1, _processors() // processes))


def _draw(found: Calibration, path: Path) -> None:
    import numpy as np

    from xenograft.drawing import save_figures
    from xenograft.figures_calibration import calibration_ranks
    from xenograft.uniformity import band, places

    if not found.ranked:
        return
    lower, upper = (
        np.array([0.0, *(bound / found.ranked - places()), 0.0]) for bound in band(found.ranked, found.quantity_level)
    )
    differences = {
        name: [0.0, *(np.array(counts) / found.ranked - places()), 0.0] for name, counts in found.below.items()
    }
    title = f"{found.card}: {found.ranked} studies"
    figure = calibration_ranks(differences, lower.tolist(), upper.tolist(), outside=found.outside, title=title)
    save_figures(path.parent, {path.stem: figure}, ["png"])
