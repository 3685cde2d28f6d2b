"""A second process, so that two growth laws are compiled, and two figures drawn, at once."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from glob import escape
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xenograft.cards import ModelCard
    from xenograft.fitted import Fit
    from xenograft.report_tables import ReportContent
    from xenograft.sampling import SamplerSettings
    from xenograft.study import Study

DIRECTORY_FLAG = "base_compiledir="
"""PyTensor's flag for the folder of compiled code."""


class Worker:
    """A spawned process that fits cards, fits them again, and draws figures; it imports what it needs to fit at once.

    It has a compile directory of its own, since numba's cache does not bear two writers.
    """

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._ours, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, own_flags()), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self, study: Study, cards: Mapping[str, ModelCard], *, seed: int, settings: SamplerSettings) -> None:
        """Have the cards fitted, without waiting."""
        self._say(
            ("sampling", "fit_all", (study, dict(cards)), {"seed": seed, "settings": settings, "progress": False})
        )

    def fits(self) -> dict[str, Fit] | None:
        """Wait for the fits; None where the process was lost.

        Raises
        ------
        Exception
            What went wrong in the other process.
        """
        return self._answer()

    def refit(self, fit: Fit, animals: Sequence[str]) -> Fit | None:
        """Fit a card of this process again without some animals; None where the process was lost.

        Raises
        ------
        Exception
            What went wrong in the other process.
        """
        self._say(("sampling", "refit_without", (fit, list(animals)), {}))
        return self._answer()

    def will_draw(self) -> None:
        """Have it import what draws figures, without waiting."""
        self._say(("report_figures", None, (), {}))

    def begin_drawing(self, content: ReportContent, names: Sequence[str]) -> None:
        """Have figures of a report drawn, without waiting."""
        self._say(("report_figures", "svg_by_name", (content, list(names)), {}))

    def drawn(self) -> dict[str, list[tuple[str, str]]] | None:
        """Wait for the figures: SVG by the class of screen, by name; None where the process was lost.

        Raises
        ------
        Exception
            What went wrong in the other process.
        """
        return self._answer()

    def _say(self, request: Any) -> None:
        with contextlib.suppress(OSError):  # a lost process is noticed when its answer is waited for
            self._ours.send(request)

    def _answer(self) -> Any:
        try:
            found = self._ours.recv()
        except (EOFError, OSError):
            return None
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._ours.close()


def own_flags(name: str = "xenograft-worker") -> str:
    """PyTensor's flags for another process, with a compile directory of its own inside this one's.

    Parameters
    ----------
    name : str
        Of the directory; no two processes that run at once may share one.
    """
    flags = [flag for flag in os.environ.get("PYTENSOR_FLAGS", "").split(",") if flag]
    others = [flag for flag in flags if not flag.startswith(DIRECTORY_FLAG)]
    return ",".join([*others, f"{DIRECTORY_FLAG}{_directory(flags) / name}"])


def enter_own_directory(flags: str) -> None:
    """Have this process, before it imports PyTensor, compile where the flags say, with what was compiled before.

    Parameters
    ----------
    flags : str
        From `own_flags`.
    """
    before = os.environ.get("PYTENSOR_FLAGS", "")
    os.environ["PYTENSOR_FLAGS"] = flags
    copy_compiled(_directory(before.split(",")), _directory(flags.split(",")))


def _directory(flags: Sequence[str]) -> Path:
    given = [flag.removeprefix(DIRECTORY_FLAG) for flag in flags if flag.startswith(DIRECTORY_FLAG)]
    return Path(given[-1] if given else Path.home() / ".pytensor")


def copy_compiled(source: Path, target: Path) -> None:
    """Copy the machine code that a compile directory lacks from another one, which may be in use.

    Compiling a model anew takes a minute, reading it seconds.

    Parameters
    ----------
    source, target : Path
        Compile directories (PyTensor's `base_compiledir`). A function that the target knows is left as it is there.
    """
    for index in sorted(source.glob("numba/*.nbi")):
        copied = target / "numba" / index.name
        if copied.exists():
            continue
        # numba replaces whole files only; the code comes before the index that points to it
        with contextlib.suppress(OSError):  # what cannot be copied is compiled
            copied.parent.mkdir(parents=True, exist_ok=True)
            for part in (*index.parent.glob(f"{escape(index.stem)}.*.nbc"), index):
                torn = copied.parent / f"{part.name}.tmp"
                shutil.copy2(part, torn)
                torn.replace(copied.parent / part.name)


def _serve(connection: Connection, flags: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides what an interruption means
    enter_own_directory(flags)
    importlib.import_module("xenograft.sampling")
    while True:
        try:
            module, function, given, options = connection.recv()
        except EOFError:
            return
        try:
            found = importlib.import_module(f"xenograft.{module}")
            if function:
                connection.send(getattr(found, function)(*given, **options))
        except Exception as error:
            connection.send(error)
