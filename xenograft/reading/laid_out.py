"""A guess at the layout of a sheet."""

from __future__ import annotations

from dataclasses import dataclass, field

from xenograft.reading.guess_columns import Named
from xenograft.reading.times import Times


@dataclass(frozen=True)
class LaidOut:
    """A guess at the layout of a sheet.

    Parameters
    ----------
    row : int
        Row of the header, from 1.
    layout : {"long", "wide by day", "wide by animal"}
    parts : tuple of str
        What each row of the header says; empty where the layout's own parts do.
    columns : dict of str to str
        Part to column.
    named : Named
        All that the header's names say.
    headings : tuple of str
        Of a wide table by day: the headings that say when, as far as they are understood.
    times : Times
        What the headings say.
    said, asked : tuple of str
        Sentences.
    """

    row: int
    layout: str
    parts: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict[str, str])
    named: Named = field(default_factory=lambda: Named({}))
    headings: tuple[str, ...] = ()
    times: Times = field(default_factory=Times)
    said: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
