"""Commands on studies and cards that need no fit: init, check, models, example."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from xenograft.commands.panel import show_panel
from xenograft.commands.terminal import plain, standard_output, table_of
from xenograft.errors import InputError
from xenograft.files import replacing, write_text
from xenograft.study.examples import example_folder

if TYPE_CHECKING:
    from xenograft.reading.guess_study import Guess
    from xenograft.reading.read import Arrival

app = typer.Typer()


@app.command()
def init(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A table of readings: .csv, .xlsx, .pzfx, .parquet.")],
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook or table of a Prism file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a study.toml that is there.")] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask what only you know, one by one, the guess as default.")
    ] = False,
) -> None:
    """Write a study.toml beside a table, and say what was guessed and what only you know."""
    from xenograft.reading.guess_study import guess_study, toml_of_guess

    path = table.parent / "study.toml"
    out = standard_output()
    if path.exists() and not force:
        raise InputError(f"{path}: it is there already. Add --force to replace it.")
    if ask and not out.is_terminal:
        raise InputError("--ask asks questions on a terminal, and this is none. Leave it out, and edit study.toml.")
    guess = guess_study(table, sheet=sheet)
    for sentence in guess.guessed:
        out.print(f"guessed: {plain(sentence)}")
    for sentence in guess.open:
        out.print(f"to fill in: {plain(sentence)}")
    write_text(path, toml_of_guess(_answered(guess) if ask else guess))
    if guess.models:
        _write_panel(path.with_name("panel.toml"), guess.models, force=force)
        _print_panel(path)
    else:
        _print_first(path)
    out.print(f"Wrote {plain(path)}. Look at it, then: xenograft check {plain(shlex.quote(str(table.parent)))}")


@app.command()
def check(
    study: Annotated[
        Path,
        typer.Argument(metavar="STUDY", help="A study.toml, the folder that holds one, or a panel (xenograft panel)."),
    ],
    show: Annotated[bool, typer.Option("--show", help="Print every reading with the cell it was read from.")] = False,
) -> None:
    """Read and check a study; print what arrived of its table, and ask about readings that look odd."""
    from xenograft.panels.asked import questions_about_panel
    from xenograft.panels.read import is_panel, read_panel_arrival
    from xenograft.reading.read import read_arrival
    from xenograft.reading.remarks import questions_about
    from xenograft.reading.second_look import second_look
    from xenograft.reading.shown import every_reading
    from xenograft.study.removal import reasons_table
    from xenograft.study.tables import excluded_table, left_table, measured_table, summary_table

    if is_panel(study):
        panel = read_panel_arrival(study)
        show_panel(panel.panel, questions_about_panel(panel))
        return
    arrival = read_arrival(study)
    found = arrival.study
    out = standard_output()
    out.print(f"[bold]{plain(found.name)}[/bold]")
    limit = found.limit_of_quantification
    limited = "" if limit is None else f" · limit of quantification {limit:g}"
    out.print(
        f"first dose day {found.first_dose:g} · horizon day {found.horizon:g} · volumes in {plain(found.unit)}{limited}"
    )
    out.print(table_of(_rounded(summary_table(found))))
    tables = {
        "Animals with a reading, by day:": measured_table(found),
        "Left before the last day:": left_table(found),
        "Reasons for leaving, and what they count as:": reasons_table(found),
        "Excluded, kept and not fitted:": excluded_table(found),
    }
    for heading, table in tables.items():
        if len(table):
            out.print(f"\n{heading}")
            out.print(table_of(_rounded(table)))
    _print_arrival(arrival)
    if show:
        out.print("\nEvery reading:")
        out.print(table_of(every_reading(arrival).assign(day=lambda rows: rows["day"].map("{:g}".format))))
    out.print()
    asked = [*second_look(arrival.sheets, found), *questions_about(found)]
    for notice in found.notices:
        if notice not in asked:
            out.print(f"note: {plain(notice)}")
    for question in asked:
        out.print(f"question: {plain(question)}")
    out.print(f"No problems found{', and nothing was changed: the questions are yours to answer' if asked else ''}.")


@app.command()
def models() -> None:
    """List the model cards that come with the package."""
    from xenograft.model.card import read_cards

    table = Table("card", "claim", "answers", box=None, pad_edge=False)
    for card in read_cards().values():
        table.add_row(plain(card.name), plain(card.claim), "yes" if card.answers else "null")
    standard_output().print(table)


@app.command()
def example(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write the study to.")]) -> None:
    """Write a simulated four-arm study to start from."""
    source = example_folder()
    taken = [file.name for file in source.iterdir() if (folder / file.name).exists()]
    if taken:
        raise InputError(f"{folder}: it already holds {', '.join(sorted(taken))}. Name another folder.")
    try:
        for file in source.iterdir():
            with replacing(folder / file.name) as temporary:
                shutil.copyfile(file, temporary)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}). Choose another place.") from None
    standard_output().print(f"Wrote {plain(folder)}. Next: xenograft report {plain(shlex.quote(str(folder)))}")


def _answered(guess: Guess) -> Guess:
    """The guess with the answers of the person at the terminal; a wrong answer is asked again."""
    from xenograft.reading.interview import interview, questions_of_arms

    for questions in (interview, questions_of_arms):
        for question in questions(guess):
            answered = None
            while answered is None:
                try:
                    answered = question.answered(guess, typer.prompt(question.text, question.default).strip())
                except InputError as error:
                    standard_output().print(plain(error))
                except typer.Abort:
                    raise InputError("The questions were broken off: no study.toml was written.") from None
            guess = answered
    return guess


def _write_panel(path: Path, models: tuple[str, ...], *, force: bool) -> None:
    """A commented panel.toml beside the study.toml of a table with a column of models."""
    from xenograft.panels.panel_toml import toml_of_panel

    if path.exists() and not force:
        standard_output().print(f"note: {plain(path)} is there already and was left as it is.")
        return
    write_text(path, toml_of_panel(models))
    standard_output().print(f"Wrote {plain(path)}.")


def _print_panel(path: Path) -> None:
    from xenograft.errors import StudyError
    from xenograft.panels.asked import questions_about_panel
    from xenograft.panels.read import read_panel_arrival

    try:
        panel = read_panel_arrival(path.parent)
        show_panel(panel.panel, questions_about_panel(panel))
    except StudyError as error:
        standard_output().print(f"Not readable yet: {plain(error.problems[0])}")


def _print_first(path: Path) -> None:
    """What arrives of a table under a study.toml just written, where it can be read, and its notices."""
    from xenograft.errors import StudyError
    from xenograft.reading.read import read_arrival
    from xenograft.study.removal import reasons_table

    try:
        arrival = read_arrival(path)
    except StudyError as error:
        standard_output().print(f"Not readable yet: {plain(error.problems[0])}")
        return
    _print_arrival(arrival)
    if len(table := reasons_table(arrival.study)):
        standard_output().print("\nReasons for leaving, and what they count as:")
        standard_output().print(table_of(table))
    for notice in arrival.study.notices:
        standard_output().print(f"note: {plain(notice)}")


def _print_arrival(arrival: Arrival) -> None:
    from xenograft.reading.shown import shown

    out = standard_output()
    found = shown(arrival)
    out.print("\nAs read, each volume with its cell:")
    out.print(table_of(found.first))
    out.print(plain("; ".join(found.traces)))
    for sentence in found.counts:
        out.print(plain(sentence))


def _rounded(table: Any) -> Any:
    """Numbers to five significant digits, as one reads them."""
    return table.map(lambda value: f"{value:.5g}" if isinstance(value, float) else value)
