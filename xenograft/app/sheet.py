"""The first step: drop a sheet, see what was read of it beside its cells, and which line of study.toml says so."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
from htmltools import Tag, TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app import arms, columns, questions
from xenograft.app.here import Here, Refused
from xenograft.app.pieces import onwards, sentences, table
from xenograft.app.work import Work
from xenograft.errors import InputError, StudyError
from xenograft.printing import few
from xenograft.reading.guess_read import read_unknown
from xenograft.reading.prism_archive import tables_of_prism
from xenograft.reading.pzfx import tables_of_pzfx
from xenograft.reading.read import Arrival
from xenograft.reading.sheet import Sheet, letters
from xenograft.reading.sheets import FORMATS
from xenograft.reading.shown import every_reading, shown
from xenograft.reading.study_toml import counted
from xenograft.reading.xlsx import SPREADSHEETS, visible_sheets
from xenograft.study.examples import ExampleName
from xenograft.study.tables import unit_in_print

MOST_ROWS, MOST_COLUMNS = 80, 40
"""Cells of a sheet that are shown."""

EXAMPLES: dict[str, ExampleName] = {"example": "her2-four-arm", "example_once": "her2-single-dose"}


def panel(largest: int) -> Tag:
    """The step, before anything is known."""
    suffixes = [suffix for one in FORMATS for suffix in one.suffixes]
    dropping = tags.div(
        tags.h1("Drop a sheet of tumour volumes"),
        ui.input_file(
            "dropped",
            f"Excel, CSV, GraphPad Prism, Parquet or Feather, up to {largest} MB. "
            "Drop it on the field, or browse. If you have its study.toml, choose both.",
            multiple=True, accept=[*suffixes, ".toml"], button_label="Browse…", placeholder="Drop a sheet here",
        ),
        ui.output_ui("refused_upload"),
        tags.p("A row per reading or a column per day, groups as columns, blocks or sheets: it is read as it is, and "
               "what is unclear is asked. Nothing is changed, and nothing leaves this machine.", class_="small"),
        class_="box drop",
    )  # fmt: skip
    looking = tags.div(
        tags.h2("Or look around first"),
        tags.p("A simulated study: vehicle, two antibodies and both, callipers twice a week.", class_="small"),
        ui.input_action_button("example", "Open the example"),
        tags.p("One dose, and regrowth from below the smallest volume that is measured.", class_="small mt-3"),
        ui.input_action_button("example_once", "Open the second example"),
        class_="box",
    )
    return tags.div(
        tags.div(tags.div(dropping, looking, class_="start"), id="start"),
        ui.output_ui("sheet_body"),
    )


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the step does."""
    refused: reactive.Value[tuple[str, ...]] = reactive.Value(())
    editing: reactive.Value[str] = reactive.Value("")

    @reactive.effect
    @reactive.event(input.dropped)
    def _() -> None:
        files = input.dropped() or []
        try:
            work = here.shelf.upload([(one["name"], Path(one["datapath"])) for one in files])
        except InputError as error:
            refused.set(error.problems)
            return
        refused.set(())
        here.open(work)

    def opens(button: str, name: ExampleName) -> None:
        @reactive.effect
        @reactive.event(input[button])
        def _() -> None:
            here.open(here.shelf.example(name))

    for button, name in EXAMPLES.items():
        opens(button, name)

    @reactive.effect
    @reactive.event(input.chosen_sheet)
    def _() -> None:
        work = here.work()
        if work is not None and input.chosen_sheet():
            here.open(work, input.chosen_sheet())

    @reactive.effect
    @reactive.event(input.forget)
    async def _() -> None:
        if (work := here.work()) is not None:
            here.desk.cancel(work.folder)
            shutil.rmtree(work.folder, ignore_errors=True)
            here.work.set(None)
            here.text.set("")
            await session.bookmark.update_query_string("?")
            ui.update_navset("step", selected="sheet")
        ui.modal_remove()

    @reactive.effect
    @reactive.event(input.ask_forget)
    def _() -> None:
        ui.modal_show(
            ui.modal(
                "The study, its answer and everything made of it are deleted from this app. Your own file stays.",
                title="Delete this study?",
                footer=TagList(ui.modal_button("Keep it"), ui.input_action_button("forget", "Delete it")),
            )
        )

    @render.ui
    def refused_upload() -> TagChild:
        return sentences("problems", "This cannot be taken:", refused())

    @render.ui
    async def study_head() -> TagChild:
        work = here.work()
        if work is None:
            return None
        found = await here.arrival()
        name = found.study.name if isinstance(found, Arrival) else (work.table.name if work.table else "A study")
        new = tags.a("New study", href="./", class_="btn btn-default btn-sm")
        delete = ui.input_action_button("ask_forget", "Delete", class_="btn-sm")
        return tags.div(tags.h1(name, class_="me-auto mb-0"), new, delete, class_="buttons")

    @render.ui
    def sheet_body() -> TagChild:
        if here.work() is None:
            return None
        return TagList(
            tags.style("#start { display: none; }"),
            ui.output_ui("what_was_read"),
            ui.output_ui("as_read"),
            questions.part(),
            arms.part(),
            columns.part(),
            ui.output_ui("toml_shown"),
            tags.div(
                tags.details(
                    tags.summary("Edit the lines"),
                    ui.output_ui("toml_editor"),
                    ui.input_action_button("toml_save", "Use these lines"),
                    ui.output_ui("toml_refused"),
                ),
                onwards(ui.input_action_button("to_look", "Next: look at the readings", class_="btn-primary")),
                id="with_lines",
            ),
        )

    @reactive.effect
    @reactive.event(input.to_look)
    def _() -> None:
        ui.update_navset("step", selected="look")

    @render.ui
    async def what_was_read() -> TagChild:
        if here.upset():
            return TagList(sentences("problems", "The table is not read yet:", here.upset()), _sheets(here.work()))
        found = await here.arrival()
        if isinstance(found, Refused):
            return sentences("problems", f"To be mended first ({len(found.problems)}):", found.problems)
        if found is None:
            return None
        study = found.study
        limit = study.limit_of_quantification
        said = [
            f"{counted(len(study.animals), 'animal')} in {counted(len(study.arms), 'arm')}, "
            f"{counted(len(study.readings), 'reading')}; first dose day {study.first_dose:g}, single numbers are given "
            f"for day {study.horizon:g}; volumes in {unit_in_print(study.unit)}"
            + ("" if limit is None else f", smallest that is measured {limit:g}") + ".",
        ]  # fmt: skip
        return TagList(sentences("fine", "The sheet is read.", said), _guessed(here))

    @render.ui
    async def as_read() -> TagChild:
        found, work = await here.arrival(), here.work()
        if work is None or here.upset():
            return None
        sheets = _sheets_of(found, work)
        parts: list[TagChild] = []
        if isinstance(found, Arrival):
            told = shown(found)
            parts += [
                table(told.first, "The first animals as read, each volume with its cell"),
                tags.ul(*(tags.li(one) for one in told.counts), class_="small mt-2"),
            ]
        problems = found.problems if isinstance(found, Refused) else ()
        readings = every_reading(found) if isinstance(found, Arrival) else pd.DataFrame()
        parts += [_cells(sheet, readings, problems) for sheet in sheets[:3]]
        return TagList(tags.h2("What was read"), *parts)

    @render.ui
    def toml_shown() -> TagChild:
        if not here.text():
            return tags.style("#with_lines { display: none; }")
        return TagList(
            tags.h2("The lines that say all this"),
            tags.p("Every choice on this page is a line of study.toml, which the command line reads too.",
                   class_="small"),
            tags.pre(here.text(), class_="toml", tabindex="0", role="region", aria_label="study.toml"),
            tags.div(ui.download_button("toml_download", "Download study.toml"), class_="buttons"),
        )  # fmt: skip

    @render.download_button(filename="study.toml")
    def toml_download():
        yield here.text()

    @render.ui
    def toml_editor() -> TagChild:
        here.generation()
        with reactive.isolate():
            text = here.text()
        rows = min(max(text.count("\n") + 2, 8), 40)
        return ui.input_text_area("toml_edited", "study.toml", text, rows=rows, width="100%", spellcheck="false")

    @reactive.effect
    @reactive.event(input.toml_save)
    def _() -> None:
        here.upset.set(())
        editing.set(here.change(lambda _: input.toml_edited(), redraw=True) or "")

    @render.ui
    def toml_refused() -> TagChild:
        return sentences("problems", "Not used:", [editing()] if editing() else [])


def _guessed(here: Here) -> TagChild:
    guess = here.guess()
    if guess is None or not guess.guessed:
        return None
    return tags.details(
        tags.summary(f"{counted(len(guess.guessed), 'thing')} guessed from the sheet"),
        tags.ul(*(tags.li(one) for one in guess.guessed), class_="small mt-2"),
    )


def _sheets(work: Work | None) -> TagChild:
    """A menu of the sheets of a workbook, or the tables of a Prism file."""
    name = work.noted("sheet").get("table") if work else None
    if work is None or not name:
        return None
    path = work.study / str(name)
    try:
        if path.suffix.lower() in SPREADSHEETS:
            names = visible_sheets(path.name, path.read_bytes())
        elif path.suffix.lower() == ".pzfx":
            names = [one.title for one in tables_of_pzfx(path.name, path.read_bytes())]
        elif path.suffix.lower() == ".prism":
            names = [one.title for one in tables_of_prism(path.name, path.read_bytes())]
        else:
            names = []
    except StudyError:
        names = []
    if len(names) < 2:
        return None
    choices = {"": "Choose one"} | {one: one for one in names}
    return ui.input_select("chosen_sheet", "Which sheet or table holds the readings?", choices)


def _sheets_of(found: Arrival | Refused | None, work: Work) -> list[Sheet]:
    """The cells as written, of a table that could not be read too."""
    if isinstance(found, Arrival):
        return list(found.sheets)
    path = work.table
    if path is None:
        return []
    try:
        return [read_unknown(path, work.noted("sheet").get("sheet"))[0]]
    except StudyError:
        return []


def _cells(sheet: Sheet, readings: pd.DataFrame, problems: tuple[str, ...]) -> TagChild:
    """A sheet with what became of its cells; those that a sentence names stand out."""
    width = min(max(map(len, sheet.rows), default=0), MOST_COLUMNS)
    became = {
        str(row.cell): f"day {row.day:g}, {row.animal} ({row.arm}): {row.volume}" for row in readings.itertuples()
    } if len(readings) else {}  # fmt: skip
    told = " ".join(one for one in problems if one.startswith(sheet.place.partition(",")[0]))
    bad_cells = set(re.findall(r"cell ([A-Z]{1,3}\d+)", told))
    bad_rows = {int(number) for number in re.findall(r"row (\d+)", told)}
    named = bad_rows | {int(re.sub(r"\D", "", cell)) for cell in bad_cells}
    body: list[Tag] = []
    lines = sorted({*range(min(len(sheet.rows), MOST_ROWS)), *(row - 1 for row in named if 0 < row <= len(sheet.rows))})
    for row in lines:
        line = sheet.rows[row]
        cells: list[Tag] = [tags.th(str(row + 1), scope="row", class_="bad" if row + 1 in bad_rows else None)]
        for column in range(width):
            text, address = (line[column] if column < len(line) else ""), sheet.address(row, column)
            kind = "bad" if address in bad_cells else "read" if address in became else None
            cells.append(tags.td(text[:60], title=became.get(address), class_=kind))
        body.append(tags.tr(*cells))
    head = tags.tr(tags.th("row", scope="col"), *(tags.th(letters(column), scope="col") for column in range(width)))
    cut = len(sheet.rows) > MOST_ROWS or max(map(len, sheet.rows), default=0) > MOST_COLUMNS
    and_named = ", and those that are named above" if len(lines) > MOST_ROWS else ""
    caption = f"The cells of {sheet.place}" + (f" (the first {MOST_ROWS} rows{and_named})" if cut else "")
    inside = tags.table(tags.caption(caption, class_="visually-hidden"), tags.thead(head), tags.tbody(*body))
    examples = [f"{address} → {words}" for address, words in list(became.items())[:3]]
    key = [tags.span("became a reading", class_="read")] if became else []
    key += [tags.span("named in a sentence above", class_="bad")] if bad_cells or bad_rows else []
    return TagList(
        tags.h3(caption),
        tags.p(*key, few(examples) if examples else "", class_="key small"),
        tags.div(inside, class_="scroll cells", tabindex="0", role="region", aria_label=caption),
    )
