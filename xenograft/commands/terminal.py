"""What commands share: their options, and printing tables and text on standard output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="A study.toml, or the folder that holds one.")]
Cards = Annotated[
    list[str] | None,
    typer.Option("-m", "--model", metavar="CARD", help="A shipped card's name, a card file or a folder of cards."),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same numbers.")]
Draws = Annotated[int, typer.Option(min=100, help="Posterior draws per chain, after as many for tuning.")]
Chains = Annotated[int, typer.Option(min=2, help="Independent chains.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")]
JsonPath = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Where to write results.json.")]
ReferenceOption = Annotated[
    Literal["bliss", "hsa"], typer.Option(help="No interaction: effects add (bliss), or the better agent alone (hsa).")
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache", metavar="DIR", help="Folder of stored fits, reused while data, card, seed and versions agree."
    ),
]


def standard_output() -> Console:
    """A console that never wraps or colours what a program may read."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=160)


def table_of(frame: Any) -> Table:
    """A frame as a table without lines."""
    table = Table(*map(str, frame.columns), box=None, pad_edge=False)
    for row in frame.itertuples(index=False):
        table.add_row(*(plain(value) for value in row))
    return table


def plain(value: object) -> str:
    """A value as text in which square brackets are no markup."""
    return escape(str(value))
