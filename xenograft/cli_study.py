"""Commands on studies and cards that need no fit: check, models, example."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from xenograft.console import plain, standard_output, table_of
from xenograft.errors import InputError
from xenograft.options import StudyPath

app = typer.Typer()


@app.command()
def check(study: StudyPath) -> None:
    """Read and validate a study; print its arms, animals and days."""
    from xenograft.reading import read_study, summary_table

    found = read_study(study)
    out = standard_output()
    out.print(f"[bold]{plain(found.name)}[/bold]")
    out.print(f"first dose day {found.first_dose:g} · horizon day {found.horizon:g} · volumes in {plain(found.unit)}")
    out.print(table_of(summary_table(found)))
    for notice in found.notices:
        out.print(f"note: {plain(notice)}")
    out.print("No problems found.")


@app.command()
def models() -> None:
    """List the model cards that come with the package."""
    from xenograft.cards import read_cards

    table = Table("card", "claim", "answers", box=None, pad_edge=False)
    for card in read_cards().values():
        table.add_row(plain(card.name), plain(card.claim), "yes" if card.answers else "null")
    standard_output().print(table)


@app.command()
def example(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write the study to.")]) -> None:
    """Write a simulated four-arm study to start from."""
    inside = Path(__file__).parent / "example"
    source = inside if inside.is_dir() else Path(__file__).parents[1] / "fixtures" / "her2-four-arm"
    taken = [file.name for file in source.iterdir() if (folder / file.name).exists()]
    if taken:
        raise InputError(f"{folder}: it already holds {', '.join(sorted(taken))}. Name another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            shutil.copyfile(file, folder / file.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}). Choose another place.") from None
    standard_output().print(f"Wrote {plain(folder)}. Next: xenograft report {plain(shlex.quote(str(folder)))}")
