"""A second process, so that two growth laws are compiled, and two figures drawn, at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from glob import escape
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

DIRECTORY_FLAG = "base_compiledir="
"""PyTensor's flag for the folder of compiled code."""


class Worker:
    """A spawned process that is given functions to call; it imports what it needs to fit at once.

    It has a compile directory of its own, since numba's cache does not bear two writers.
    """

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._ours, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, own_flags()), daemon=True)
        self._process.start()
        theirs.close()

    def begin[**P](self, function: Callable[P, object], *given: P.args, **options: P.kwargs) -> None:
        """Have a function called, without waiting.

        Parameters
        ----------
        function : callable
            Of a module, so that the other process can import it.
        given, options
            Its arguments, which are copied.
        """
        self._say((function, given, options))

    def answer(self) -> Any:
        """Wait for what the function returned; None where the process was lost.

        Raises
        ------
        Exception
            What went wrong in the other process.
        """
        try:
            found = self._ours.recv()
        except (EOFError, OSError):
            return None
        if isinstance(found, Exception):
            raise found
        return found

    def prepare(self, function: Callable[..., object]) -> None:
        """Have it import what a function needs, without waiting."""
        self._say((_import_only, (function,), {}))

    def _say(self, request: Any) -> None:
        with contextlib.suppress(OSError):  # a lost process is noticed when its answer is waited for
            self._ours.send(request)

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
    from xenograft.fitting import sampling as sampling  # only now: PyTensor reads its flags when it is imported

    while True:
        try:
            function, given, options = connection.recv()
        except EOFError:
            return
        if function is _import_only:
            continue
        try:
            connection.send(function(*given, **options))
        except Exception as error:
            connection.send(error)


def _import_only(_: object) -> None:
    """Marks a request that only imports: the function in it was imported when it arrived."""
