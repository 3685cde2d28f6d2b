"""A second process, for what can be computed or drawn while the first one is busy."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from typing import Any


class Worker:
    """A spawned process that is given functions to call."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._ours, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs,), daemon=True)
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

    def prepare(self, *modules: str) -> None:
        """Have it import modules, without waiting."""
        self._say((_import_only, modules, {}))

    def _say(self, request: Any) -> None:
        with contextlib.suppress(OSError):  # a lost process is noticed when its answer is waited for
            self._ours.send(request)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._ours.close()


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides what an interruption means
    while True:
        try:
            function, given, options = connection.recv()
        except EOFError:
            return
        if function is _import_only:
            function(*given)
            continue
        try:
            connection.send(function(*given, **options))
        except Exception as error:
            connection.send(error)


def _import_only(*modules: str) -> None:
    """A request without an answer."""
    for module in modules:
        importlib.import_module(module)


OF_A_REPORT = ("xenograft.evidence.sensitivity", "xenograft.evidence.removal", "xenograft.report.drawings")
"""Modules that the second process of a report is going to need."""


@contextlib.contextmanager
def second_process() -> Generator[Worker | None]:
    """A process that imports what a report needs of it while this one reads and fits; it ends with the block.

    None where there is one core only.
    """
    if (os.cpu_count() or 1) < 2:
        yield None
        return
    second = Worker()
    second.prepare(*OF_A_REPORT)
    try:
        yield second
    finally:
        second.close()
