"""The progress of a fit: a line on standard error, or below the cell of a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

MEMORY = 600.0
"""Seconds over which the speed of trials is averaged: the first of a process takes longest."""

EVERY = 0.2
"""Seconds between two updates of a notebook's page."""


type Listener = Callable[[str, float], None]
"""Told a fit's name and the share of it that is done, from 0 to 1."""

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def told_to(listener: Listener) -> Generator[None]:
    """Have a function told of every fit's progress within the block, in place of standard error."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


class FitProgress:
    """One line per fit: what it is doing, and the share of draws done."""

    def __init__(self, name: str, *, shown: bool) -> None:
        listener = _LISTENER.get()
        self._line: _Line
        if listener is not None:
            self._line = _ToldLine(name, listener)
        else:
            self._line = _CellLine(name) if shown and in_notebook() else _TerminalLine(name, shown=shown)

    def __enter__(self) -> FitProgress:
        self._line.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.stop()

    def weighting(self) -> None:
        """Draws are made without chains: there is no share of them to tell."""
        self._line.update(0, 0, "importance sampling")

    def sampling(self, total: int) -> Callable[[Sequence[Any]], None]:
        """A callback for the sampler, which tells the draws of each chain so far."""

        def update(chains: Sequence[Any]) -> None:
            done = sum(chain.finished_draws for chain in chains)
            self._line.update(total, done, f"{done:,} of {total:,} draws")

        self._line.update(total, 0, "sampling")
        return update


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this, whose pages can be changed after they are shown."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class _Line(Protocol):
    def start(self) -> None: ...
    def update(self, total: int, done: int, note: str) -> None: ...
    def stop(self) -> None: ...


class _ToldLine:
    def __init__(self, name: str, listener: Listener) -> None:
        self._name, self._listener = name, listener

    def start(self) -> None:
        self._listener(self._name, 0.0)

    def update(self, total: int, done: int, note: str) -> None:
        if total:
            self._listener(self._name, min(done / total, 1.0))

    def stop(self) -> None:
        self._listener(self._name, 1.0)


class _TerminalLine:
    def __init__(self, name: str, *, shown: bool) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn()
        self._bar = Progress(*columns, console=Console(stderr=True), disable=not shown)
        self._task = self._bar.add_task(name, total=None, note="starting")

    def start(self) -> None:
        self._bar.start()

    def update(self, total: int, done: int, note: str) -> None:
        self._bar.update(self._task, total=total or None, completed=done, note=note)

    def stop(self) -> None:
        self._bar.stop()


class _CellLine:
    """HTML below the cell, changed in place: it needs no widgets, which many notebooks do not have."""

    def __init__(self, name: str) -> None:
        self._name, self._started, self._said = name, time.perf_counter(), 0.0
        self._state = (0, 0, "starting")
        self._shown: Any = None

    def start(self) -> None:
        self._shown = sys.modules["IPython"].display.display(self._page(), raw=True, display_id=True)

    def update(self, total: int, done: int, note: str) -> None:
        self._state = (total, done, note)
        if time.perf_counter() - self._said > EVERY:
            self._said = time.perf_counter()
            self._shown.update(self._page(), raw=True)

    def stop(self) -> None:
        self._shown.update(self._page(), raw=True)

    def _page(self) -> dict[str, str]:
        total, done, note = self._state
        words = f"{self._name}: {note}, {time.perf_counter() - self._started:.0f} s"
        value = f' value="{done}" max="{total}"' if total else ""
        bar = f'<progress{value} aria-label="{escape(self._name)}"></progress>'
        return {"text/plain": words, "text/html": f"<div>{bar} {escape(words)}</div>"}


class TrialsProgress:
    """One line on standard error: trials done, failed, and the time left."""

    def __init__(self, name: str, total: int, *, shown: bool) -> None:
        note = TextColumn("{task.completed:,} of {task.total:,}{task.fields[failures]}")
        columns = TextColumn("{task.description}"), BarColumn(), note, TimeRemainingColumn(compact=True)
        console = Console(stderr=True)
        self._bar = Progress(
            *columns, TextColumn("left"), console=console, disable=not shown, speed_estimate_period=MEMORY
        )
        self._task = self._bar.add_task(name, total=total, failures="")
        self._failed = 0

    def __enter__(self) -> TrialsProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def done(self, trials: int, failed: int) -> None:
        """Some more trials are done, some of them failed."""
        self._failed += failed
        self._bar.update(self._task, advance=trials, failures=f", {self._failed:,} failed" if self._failed else "")
