"""Commands that fit thousands of simulated studies: power, calibrate."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xenograft.commands.terminal import Cards, Quiet, ReferenceOption, Seed, plain, standard_output, table_of
from xenograft.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from xenograft.fitting.sampling import SamplerSettings
    from xenograft.model.card import ModelCard
    from xenograft.planning.calibration_record import Calibration
    from xenograft.planning.design import Design
    from xenograft.simulation.truth import Truth

POWER_CARD = "exponential-bliss-departure"
"""Fitted by `power` unless others are named."""

PANEL_CARD, MODERATED_CARD = "panel-exponential", "panel-exponential-moderators"
"""Fitted to a panel, and to one with moderators, unless others are named."""

MOST_PROCESSES = 4
"""Unless told: each process needs more than half a gigabyte."""

app = typer.Typer()

Studies = Annotated[int, typer.Option("-n", "--studies", min=2, help="Simulated studies.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes to fit in; the numbers do not depend on it. Default: up to four.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A running Dask cluster (tcp://…:8786) to fit on instead of this machine."),
]


@app.command()
def power(
    design: Annotated[
        Path, typer.Argument(metavar="DESIGN", help="A study.toml without data, with animals and visits.")
    ],
    truth: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The parameters to simulate with (truth.toml).")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FIT", help='Draw the truths from a saved fit, or from the card\'s priors ("prior").'
        ),
    ] = None,
    animals: Annotated[str, typer.Option(metavar="N,N,…", help="Numbers of animals per arm to compare.")] = "",
    visits: Annotated[str, typer.Option(metavar="DAYS,…", help="Days between visits to compare.")] = "",
    duration: Annotated[
        str, typer.Option(metavar="DAYS,…", help="Days from the first dose to the last visit to compare.")
    ] = "",
    effect: Annotated[
        str, typer.Option(metavar="RATE,…", help="Departures of the primary combination (1/day) to compare.")
    ] = "",
    panels: Annotated[
        str, typer.Option(metavar="MxN,…", help="Of a panel: models x animals per arm of each to compare (30x1,5x8).")
    ] = "",
    spread: Annotated[
        str, typer.Option(metavar="RATE,…", help="Of a panel: sds of that departure between models (1/day) to compare.")
    ] = "",
    slope: Annotated[
        str, typer.Option(metavar="RATE,…", help="Of a panel: its slopes on the first moderator (1/day per unit).")
    ] = "",
    model: Cards = None,
    reference: ReferenceOption = "bliss",
    studies: Studies = 500,
    seed: Seed = 1,
    workers: Workers = None,
    scheduler: Scheduler = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for table, figures and single studies.")
    ] = Path("power"),
    quiet: Quiet = False,
) -> None:
    """What a planned study would find, by simulation: the chance of each verdict, interval width, bias, coverage."""
    from xenograft.files import write_csv
    from xenograft.model.card import read_cards
    from xenograft.planning.cells import cells_of
    from xenograft.planning.design import read_design
    from xenograft.planning.one_study import SETTINGS
    from xenograft.planning.power import power, power_sentences

    planned = read_design(design)
    cards = list(read_cards(*(model or [_usual_card(planned, truth)])).values())
    cells = cells_of(
        planned,
        animals=[int(number) for number in _numbers("--animals", animals, whole=True)],
        every=_numbers("--visits", visits),
        durations=_numbers("--duration", duration),
        effects=_numbers("--effect", effect),
        panels=_panels(panels),
        spreads=_numbers("--spread", spread),
        slopes=_numbers("--slope", slope),
    )
    truths = _truths(truth, source, planned, cards, studies, seed)
    processes = _processes(workers, scheduler)
    table = power(
        cells, truths, cards, output / "studies.jsonl", studies=studies, seed=seed, reference=reference,
        workers=processes, scheduler=scheduler, settings=_settings(SETTINGS, processes), progress=not quiet,
    )  # fmt: skip
    write_csv(output / "power.csv", table)
    written = ["power.csv", *_draw_power(table, output)]
    out = standard_output()
    out.print(table_of(_shown(table)))
    for sentence in power_sentences(table):
        out.print(plain(sentence))
    out.print(f"Wrote {plain(output)}: {', '.join(written)}; studies.jsonl holds the single studies.")


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
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> None:
    """Check a model: simulate studies from its own priors, fit them, see whether its intervals hold the truth."""
    from xenograft.model.card import read_cards
    from xenograft.planning.calibration import calibrate
    from xenograft.planning.calibration_record import calibration_table, problems_of_calibration, write_calibration
    from xenograft.planning.calibration_trial import SETTINGS

    cards = read_cards(*model)
    processes = _processes(workers, scheduler)
    settings = _settings(SETTINGS, processes)
    found: dict[str, Calibration] = {}
    problems: list[str] = []
    for name, card in cards.items():
        store = output / "studies" / f"{name}.jsonl"
        calibration = calibrate(
            card, store, studies=studies, seed=seed, workers=processes, scheduler=scheduler, settings=settings,
            progress=not quiet,
        )  # fmt: skip
        found[name] = calibration
        write_calibration(output / f"{name}.json", calibration)
        _draw(calibration, output / f"{name}.svg")
        problems += problems_of_calibration(f"{name}.json", calibration, card)
    out = standard_output()
    out.print(table_of(calibration_table(found)))
    for problem in problems:
        out.print(plain(problem))
    out.print(f"Wrote {plain(output)}: a .json and a .svg for each card; studies/ holds the single studies.")
    if problems:
        raise typer.Exit(1)


def _processors() -> int:
    return os.cpu_count() or 1


def _processes(workers: int | None, scheduler: str | None) -> int:
    """How many processes to use; as many as processors, up to four, unless told; none beside a cluster."""
    if workers is not None and scheduler is not None:
        raise InputError("--workers and --scheduler: a cluster has its own workers. Give one of the two.")
    return 0 if scheduler is not None else workers or min(_processors(), MOST_PROCESSES)


def _settings(settings: SamplerSettings, processes: int) -> SamplerSettings:
    """As many chains at once in each process as leaves a processor for each; one on a cluster's workers."""
    return replace(settings, cores=max(1, _processors() // processes) if processes else 1)


def _numbers(option: str, written: str, *, whole: bool = False) -> list[float]:
    """Numbers separated by commas."""
    try:
        return [float(int(part) if whole else float(part)) for part in written.split(",") if part.strip()]
    except ValueError:
        kind = "whole numbers" if whole else "numbers"
        raise InputError(f'{option}: "{written}" is no list of {kind}. Separate {kind} by commas.') from None


def _panels(written: str) -> list[tuple[int, int]]:
    """Models x animals, separated by commas."""
    found: list[tuple[int, int]] = []
    for part in written.replace("×", "x").split(","):
        models, _, animals = part.strip().partition("x")
        if not (models.isdigit() and animals.isdigit()) and part.strip():
            raise InputError(f'--panels: "{written}" are no panels. Write models x animals per arm: 30x1,5x8.')
        found += [(int(models), int(animals))] if part.strip() else []
    return found


def _usual_card(design: Design, truth: Path | None) -> str:
    """The card that is fitted unless others are named."""
    from xenograft.simulation.truth import read_truth

    if design.panel is None:
        return POWER_CARD
    spread = read_truth(truth).panel if truth else None
    moderated = design.panel.moderators or (spread is not None and spread.moderators)
    return MODERATED_CARD if moderated else PANEL_CARD


def _truths(
    truth: Path | None, source: str | None, design: Design, cards: list[ModelCard], studies: int, seed: int
) -> Truth | list[Truth]:
    from xenograft.fitting.fit import Fit
    from xenograft.planning.power import truths_from
    from xenograft.simulation.truth import read_truth

    if (truth is None) == (source is None):
        given = "neither" if truth is None else "both"
        raise InputError(f"power: {given} of --truth and --from given. Give one: it says what studies are made with.")
    if truth is not None:
        return read_truth(truth)
    known = cards[0] if source == "prior" else Fit.load(str(source))
    return truths_from(known, design, studies, seed=seed)


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table as people read it: shares in percent with their half-widths, log units with two digits."""
    from xenograft.planning.cells import DIMENSIONS
    from xenograft.planning.power import VERDICTS

    def percent(name: str) -> list[str]:
        pairs = zip(table[name], table[f"{name} ±"], strict=True)
        return [f"{100 * share:.0f} % ±{100 * half:.0f}" for share, half in pairs]

    shown = table[[name for name in DIMENSIONS if name in table]].map("{:g}".format)
    if "question" in table:
        shown = shown.assign(question=table["question"].replace({"new_model": "new model"}))
    shown = shown.assign(model=table["model"], studies=table["studies"], true=table["true"].map("{:.2f}".format))
    shown = shown.assign(**{verdict: percent(verdict) for verdict in VERDICTS})
    numbers = {name: table[name].map("{:.2f}".format) for name in ("width", "bias")}
    return shown.assign(**numbers, covered=percent("covered"))


def _draw_power(table: pd.DataFrame, folder: Path) -> list[str]:
    from xenograft.figures.panel_plans import panel_power
    from xenograft.figures.plans import power_curves, power_map
    from xenograft.figures.theme import save_figures

    if "question" in table:
        return [path.name for path in save_figures(folder, {"power": panel_power(table)}, ["png", "svg"])]
    figures = {"power": power_curves(table), "power-map": power_map(table)}
    drawn = {name: figure for name, figure in figures.items() if figure is not None}
    return [path.name for path in save_figures(folder, drawn, ["png", "svg"])]


def _draw(found: Calibration, path: Path) -> None:
    import numpy as np

    from xenograft.figures.plans import calibration_ranks
    from xenograft.figures.theme import save_figures
    from xenograft.planning.calibration_record import band, places

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
    save_figures(path.parent, {path.stem: figure}, ["svg"])
