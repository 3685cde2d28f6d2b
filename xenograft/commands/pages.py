"""The command that opens the app: app."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from xenograft.errors import InputError

app = typer.Typer()

NEEDED = ("shiny", "tomlkit")


@app.command("app")
def open_app(
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Studies below it are listed side by side; it is never changed.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where work is kept [~/.xenograft/app, or $XENOGRAFT_APP]."),
    ] = None,
    largest: Annotated[int, typer.Option(metavar="MB", min=1, max=100, help="Size of the largest upload.")] = 25,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Analyses at a time; the others wait. One for each core unless told.")
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen at; another one only in a container.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(envvar="XENOGRAFT_TOKEN", help="Token of the address; drawn anew at each start unless given."),
    ] = None,
) -> None:
    """Open the app: from a sheet to the report in a browser, on this machine, without a request to anywhere."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            f"app: it needs {' and '.join(missing)}, which xenograft alone does not bring. "
            'Install: pip install "xenograft[app]"'
        )
    if token is not None and len(token) < 16:
        raise InputError("--token: it is shorter than 16 characters, and may be guessed. Give a longer one.")
    from xenograft.app.server import serve

    def say(address: str) -> None:
        typer.echo(f"xenograft app: {address}")
        typer.echo("Everything stays on this machine. Press Ctrl-C to end it; what was done is kept.", err=True)

    serve(
        port=port, host=host, browser=not no_browser, folder=folder, shelf=keep, largest=largest, at_once=jobs,
        token=token, say=say,
    )  # fmt: skip
