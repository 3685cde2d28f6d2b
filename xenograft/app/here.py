"""What every page of one browser shares: the study in hand, its study.toml, and what became of the table."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shiny import reactive
from shiny.types import SilentException
from tomlkit.exceptions import TOMLKitError

from xenograft.app.jobs import Desk, Standing
from xenograft.app.studies import Studies
from xenograft.app.work import TOML, Shelf, Work, first_draft
from xenograft.errors import InputError
from xenograft.reading.guess_study import Guess
from xenograft.reading.read import Arrival, read_arrival

EVERY = 0.4
"""Seconds between two looks at an analysis."""


@dataclass(frozen=True)
class Refused:
    """A study that cannot be analysed yet.

    Parameters
    ----------
    problems : tuple of str
        The sentences of the command line.
    """

    problems: tuple[str, ...]


@dataclass(frozen=True)
class Here:
    """What the pages of one session share.

    Parameters
    ----------
    shelf, desk, studies
        Of the app.
    largest : int
        Megabytes of the largest upload.
    work : reactive value
        The study in hand, None before there is one.
    text : reactive value
        Its study.toml, as it stands in the folder; empty while none could be written.
    guess : reactive value
        What `xenograft init` guessed, with the answers given since; None for a study that came with its study.toml.
    generation : reactive value
        Counts whenever fields must be drawn anew, since something else than the fields has changed the lines.
    upset : reactive value
        Why the table could not even be guessed at.
    plan : reactive value
        Where the plan in hand is kept, None before there is one.
    standing : reactive value
        How its analysis stands.
    arrival : callable
        What became of the table; None without a study.
    """

    shelf: Shelf
    desk: Desk
    studies: Studies | None
    largest: int
    work: reactive.Value[Work | None]
    text: reactive.Value[str]
    guess: reactive.Value[Guess | None]
    generation: reactive.Value[int]
    upset: reactive.Value[tuple[str, ...]]
    plan: reactive.Value[Work | None]
    standing: reactive.Value[Standing]
    arrival: Callable[[], Awaitable[Arrival | Refused | None]]

    def open(self, work: Work, sheet: str | None = None) -> None:
        """Take a study in hand."""
        try:
            guess, upset = first_draft(work, sheet), ()
        except InputError as error:
            guess, upset = None, error.problems
        self.upset.set(upset)
        self.guess.set(guess)
        try:
            text = work.toml
        except (OSError, UnicodeDecodeError):
            text = ""
        self.text.set(text)
        self.work.set(work)
        self.redraw()

    def change(self, edit: Callable[[str], str], *, redraw: bool = False) -> str | None:
        """Change lines of study.toml; why not, in a sentence, where that cannot be done.

        Parameters
        ----------
        edit : callable
            From text to text.
        redraw : bool
            Whether fields show something else now.
        """
        with reactive.isolate():
            work, before = self.work(), self.text()
        if work is None:
            return None
        try:
            after = edit(before)
            tomllib.loads(after)
        except (tomllib.TOMLDecodeError, TOMLKitError) as error:
            return f"{TOML}: is not valid TOML: {error}. Correct that line."
        except InputError as error:
            return str(error)
        if after != before:
            work.write_toml(after)
            self.text.set(after)
        if redraw:
            self.redraw()
        return None

    def redraw(self) -> None:
        """Draw the fields anew."""
        with reactive.isolate():
            self.generation.set(self.generation() + 1)

    async def study(self) -> Arrival:
        """What became of the table; stops what asks where there is none."""
        found = await self.arrival()
        if not isinstance(found, Arrival):
            raise SilentException
        return found


def settle[T](value: reactive.Value[T], new: T) -> None:
    """Set a value where it is another one: of one that is equal nobody need be told."""
    with reactive.isolate():
        if value() != new:
            value.set(new)


def here_of(shelf: Shelf, desk: Desk, studies: Studies | None, largest: int) -> Here:
    """For a session that begins."""
    work: reactive.Value[Work | None] = reactive.Value(None)
    text: reactive.Value[str] = reactive.Value("")

    @reactive.calc
    async def arrival() -> Arrival | Refused | None:
        held, written = work(), text()
        if held is None or not written:
            return None
        return await asyncio.to_thread(_read, held)

    standing: reactive.Value[Standing] = reactive.Value(Standing())

    @reactive.effect
    def _() -> None:
        if (held := work()) is not None:
            settle(standing, desk.standing(held.folder))
            reactive.invalidate_later(EVERY)

    return Here(
        shelf=shelf, desk=desk, studies=studies, largest=largest, work=work, text=text, guess=reactive.Value(None),
        generation=reactive.Value(0), upset=reactive.Value(()), plan=reactive.Value(None), standing=standing,
        arrival=arrival,
    )  # fmt: skip


def _read(work: Work) -> Arrival | Refused:
    try:
        return Refused(work.elsewhere) if work.elsewhere else read_arrival(work.study)
    except InputError as error:
        return Refused(error.problems)
    except Exception as error:
        return Refused((f"internal error ({type(error).__name__}: {error}). Please report it with the table.",))
