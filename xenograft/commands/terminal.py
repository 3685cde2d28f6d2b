"""Printing tables and text on standard output."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


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
