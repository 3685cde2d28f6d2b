"""The command that prints every number: estimands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from xenograft.commands.terminal import Cards, Chains, Draws, Quiet, Seed, plain, standard_output, table_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from xenograft.answers.ranking import Comparison
    from xenograft.answers.summary import Summary
    from xenograft.fitting.fit import Fit

ARMS_ABREAST = 5
"""Arms in one table on the terminal."""

app = typer.Typer()


@app.command("estimands")
def print_estimands(
    source: Annotated[
        list[Path],
        typer.Argument(
            metavar="STUDY|FIT...", help="A study to fit, or fits of one study (NetCDF files or their folder)."
        ),
    ],
    day: Annotated[
        float | None, typer.Option(help="Day of the numbers, as recorded; otherwise the study's horizon.")
    ] = None,
    of: Annotated[
        Literal["typical", "mean"], typer.Option(help="Numbers of the typical animal or of mean volumes.")
    ] = "typical",
    card: Annotated[str, typer.Option(help="'averaged', or the name of one model.")] = "averaged",
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Where to write every number.")] = None,
    model: Cards = None,
    seed: Seed = 1,
    draws: Draws = 1000,
    chains: Chains = 4,
    quiet: Quiet = False,
) -> None:
    """Print every number the field reports: from the models, from the readings alone, for a new animal."""
    fits, ranking = _fits(source, model, seed=seed, draws=draws, chains=chains, quiet=quiet)
    from xenograft.answers.summary import summary

    for name, reason in ranking.refused.items():
        typer.echo(f"{name}: {reason}", err=True)
    numbers = summary(fits, ranking, model=card, of=of, day=day, seed=seed)
    _print(numbers, next(iter(fits.values())))
    if csv:
        numbers.to_csv(csv)
        standard_output().print(f"Every number: {plain(csv)}")


def _fits(
    source: list[Path], model: list[str] | None, *, seed: int, draws: int, chains: int, quiet: bool
) -> tuple[dict[str, Fit], Comparison]:
    from xenograft.errors import InputError

    files = [file for place in source for file in _fit_files(place)]
    if not files:
        if len(source) > 1:
            raise InputError(f"{source[1]}: one study at a time. Give one study, or fits of one study.")
        from xenograft.analysis import analyse

        analysis = analyse(source[0], model, seed=seed, draws=draws, chains=chains, quiet=quiet)
        return dict(analysis.fits), analysis.ranking
    from xenograft.answers.ranking import compare
    from xenograft.fitting.fit import Fit

    others = [place for place in source if not _fit_files(place)]
    if others:
        raise InputError(f"{others[0]}: a study beside fits. Give one study, or fits of one study.")
    if model:
        raise InputError("-m: chooses the cards to fit, and these are fits already. Leave it out, or give a study.")
    loaded = [Fit.load(file) for file in files]
    names = [fit.card.name for fit in loaded]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"{files[names.index(twice)]}: the card {twice} is there more than once. Give each fit once.")
    fits = dict(zip(names, loaded, strict=True))
    return fits, compare(fits)


def _fit_files(place: Path) -> list[Path]:
    """The fits that a path means: itself, or those in a folder that is no study."""
    if place.suffix == ".nc":
        return [place]
    return [] if (place / "study.toml").is_file() or not place.is_dir() else sorted(place.glob("*.nc"))


def _print(numbers: Summary, fit: Fit) -> None:
    from xenograft.answers.summary import arm_matrix

    study, out = fit.study, standard_output()
    first = numbers.arms.iloc[0]
    out.print(f"[bold]{plain(study.name)}[/bold]")
    of = "typical animal" if first["of"] == "typical" else "mean volumes"
    cards = "averaged cards" if first["model"] == "averaged" else plain(first["model"])
    out.print(f"Day {first['day']:g}, {cards}, {of}: median (95 % interval)")
    _print_by_arm(out, arm_matrix(numbers.arms).reset_index())
    if len(numbers.interaction):
        out.print(f"\n[bold]Interaction[/bold] up to day {first['day']:g}; positive excess = enhanced")
        out.print(table_of(_interaction(numbers.interaction)))
    out.print(f"\n[bold]From the readings alone[/bold], day {first['day']:g}")
    _print_by_arm(out, _readings(numbers.arm_readings))
    out.print("\n[bold]A new animal[/bold]: probability of each response (95 % interval of the share in a group of "
              f"{numbers.responses['animals'].iloc[0]})")  # fmt: skip
    _print_by_arm(out, _responses(numbers.responses))
    best = ", ".join(f"{plain(row.arm)} {row.probability:.2f}" for row in numbers.best.itertuples())
    if best:
        out.print(f"Probability of the smallest typical tumour on day {numbers.best['day'].iloc[0]:g}: {best}")


def _print_by_arm(out: Console, table: pd.DataFrame) -> None:
    """A table whose first column names the number and the others the arms: a few arms at a time, or names are cut."""
    for start in range(1, table.shape[1], ARMS_ABREAST):
        if start > 1:
            out.print()
        out.print(table_of(table.iloc[:, [0, *range(start, min(start + ARMS_ABREAST, table.shape[1]))]]))


def _interaction(table: pd.DataFrame) -> pd.DataFrame:
    size = [f"{row['median']:.3g} ({row['lower']:.3g} to {row['upper']:.3g})" for _, row in table.iterrows()]
    shown = table[["combination", "against", "reference", "quantity"]].assign(size=size)
    shown["P(> 0)"] = [_share(value) for value in table["probability"]]
    shown["P(> margin)"] = [
        "" if value != value else f"{_share(value)} (> {margin:.3g})"
        for value, margin in zip(table["beyond"], table["margin"], strict=True)
    ]
    return shown


def _readings(table: pd.DataFrame) -> pd.DataFrame:
    said = [row["reason"] or row["text"] or f"{row['value']:.3g}" for _, row in table.iterrows()]
    names = [f"{key} ({unit})" if unit else key for key, unit in zip(table["quantity"], table["unit"], strict=True)]
    wide = table.assign(said=said, quantity=names).pivot(index="quantity", columns="arm", values="said")
    wide = wide.loc[list(dict.fromkeys(names)), list(dict.fromkeys(table["arm"]))]
    return wide.reset_index()


def _responses(table: pd.DataFrame) -> pd.DataFrame:
    cells = [f"{row['probability']:.2f} ({row['lower']:.1f} to {row['upper']:.1f})" for _, row in table.iterrows()]
    response = table["criterion"] + " " + table["response"].replace("", "not classed")
    wide = table.assign(said=cells, response=response).pivot(index="response", columns="arm", values="said")
    return wide.loc[list(dict.fromkeys(response)), list(dict.fromkeys(table["arm"]))].reset_index()


def _share(value: float) -> str:
    return "" if value != value else f"{value:.3f}"
