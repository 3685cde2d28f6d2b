"""The app as a server on the loopback address: its pages, the files of an analysis, and how it begins and ends."""

from __future__ import annotations

import os
import secrets
import socket
import webbrowser
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from xenograft.app.guard import LOOPBACK, Guard
from xenograft.app.jobs import Desk
from xenograft.app.page import app_of
from xenograft.app.studies import Studies
from xenograft.app.work import Kept, Shelf
from xenograft.errors import InputError

LARGEST_UPLOAD = 25
"""Megabytes, unless told."""

_SERVED = (".html", ".svg", ".png")


def default_shelf() -> Path:
    """Where work is kept unless told: in the user's own folder, so that closing the app loses nothing."""
    return Path(os.environ.get("XENOGRAFT_APP") or Path.home() / ".xenograft" / "app")


def application(
    *,
    token: str,
    shelf: Path,
    folder: Path | None = None,
    largest: int = LARGEST_UPLOAD,
    at_once: int | None = None,
    local: bool = True,
) -> ASGIApp:
    """The whole app.

    Parameters
    ----------
    token : str
        That the address must carry.
    shelf : Path
        Where work is kept.
    folder : Path, optional
        Studies below it are listed; reports of them go to a folder of the shelf.
    largest : int
        Megabytes of the largest upload.
    at_once : int, optional
        Analyses that run at a time; one for each core unless told.
    local : bool
        Whether only this machine's own names are answered to.
    """
    works, desk = Shelf(shelf), Desk(at_once)
    studies = None if folder is None else Studies(folder, Kept(folder, works), desk)

    def file_of_work(request: Request) -> Response:
        work = works.find(request.path_params["key"])
        if work is None:
            return PlainTextResponse("There is no such study.\n", 404)
        path = (work.out / request.path_params["name"]).resolve()
        if not path.is_relative_to(work.out.resolve()) or path.suffix not in _SERVED or not path.is_file():
            return PlainTextResponse("There is no such file.\n", 404)
        return FileResponse(path)

    pages = app_of(works, desk, studies, largest)
    routes = [Route("/written/{key}/{name:path}", file_of_work), Mount("/", app=pages)]
    return Guard(Starlette(routes=routes), token=token, largest=largest * 1_000_000, local=local)


def serve(
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    browser: bool = True,
    folder: Path | None = None,
    shelf: Path | None = None,
    largest: int = LARGEST_UPLOAD,
    at_once: int | None = None,
    token: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the app until it is interrupted.

    Parameters
    ----------
    port : int
        0: any that is free.
    host : str
        Address to listen at; any but the loopback address is for a container, whose port is published with care.
    browser : bool
        Open the page.
    folder, shelf, largest, at_once
        As in `application`.
    token : str, optional
        Drawn anew at each start unless given.
    say : callable
        Told the address.

    Raises
    ------
    InputError
        When the port is taken, or the folder is none.
    """
    if folder is not None and not folder.is_dir():
        raise InputError(f"--folder {folder}: this is no folder. Name one that holds studies.")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # whoever opens the address that is said below waits, and is not refused
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"--port {port}: cannot be listened at on {host} ({reason}). Give another port.") from None
    local = host in LOOPBACK
    word = token or secrets.token_urlsafe(24)
    app = application(
        token=word, shelf=shelf or default_shelf(), folder=folder, largest=largest, at_once=at_once, local=local
    )
    shown = host if local and ":" not in host else "127.0.0.1"
    address = f"http://{shown}:{listening.getsockname()[1]}/?token={word}"
    say(address)
    if browser:
        webbrowser.open(address)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", server_header=False)
    uvicorn.Server(config).run(sockets=[listening])
