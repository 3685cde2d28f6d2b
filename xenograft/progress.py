"""The progress of a fit on standard error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

MEMORY = 600.0
"""Seconds over which the speed of trials is averaged: the first of a process takes longest."""


class FitProgress:
    """One line per fit on standard error: compiling, then the share of draws done."""

    def __init__(self, name: str, *, shown: bool) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn()
        self._bar = Progress(*columns, console=Console(stderr=True), disable=not shown)
        self._task = self._bar.add_task(name, total=None, note="compiling")

    def __enter__(self) -> FitProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def sampling(self, total: int) -> Callable[[Sequence[Any]], None]:
        """A callback for the sampler, which tells the draws of each chain so far."""

        def update(chains: Sequence[Any]) -> None:
            done = sum(chain.finished_draws for chain in chains)
            self._bar.update(self._task, total=total, completed=done, note=f"{done:,} of {total:,} draws")

        self._bar.update(self._task, total=total, completed=0, note="sampling")
        return update


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
