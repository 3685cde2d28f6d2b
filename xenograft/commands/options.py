"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

StudyPath = Annotated[Path, typer.Argument(metavar="STUDY", help="A study.toml, or the folder that holds one.")]
Cards = Annotated[
    list[str] | None,
    typer.Option("-m", "--model", metavar="CARD", help="A shipped card's name, a card file or a folder of cards."),
]
Seed = Annotated[int, typer.Option(help="Same seed, same numbers.")]
Draws = Annotated[int, typer.Option(min=100, help="Posterior draws per chain, after as many for tuning.")]
Chains = Annotated[int, typer.Option(min=2, help="Independent chains.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on standard error.")]
JsonPath = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Where to write results.json.")]
Reference = Annotated[Literal["bliss", "hsa"], typer.Option(help="What no interaction means in the study's verdict.")]
Cache = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Folder of stored fits: reused where nothing that matters changed."),
]
