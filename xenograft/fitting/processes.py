"""A second process, so that two figures are drawn at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable
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


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process decides what an interruption means
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
