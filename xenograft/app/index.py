"""Several studies side by side: a table of their verdicts that can be sorted, each opened with a click."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from htmltools import Tag, TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.analysing import analyse_work
from xenograft.app.here import Here, settle
from xenograft.app.panels import COLUMNS as PANEL_COLUMNS
from xenograft.app.panels import PANEL_PAGE, Panels
from xenograft.app.pieces import sentences, table
from xenograft.app.run import digest
from xenograft.app.studies import COLUMNS, Studies

SORTED = {name: name for name in COLUMNS}
USUAL = {"cards": [], "seed": 1, "draws": 1000, "chains": 4, "fast": False, "reference": "bliss"}
"""What `xenograft report` does unless told."""


def panel() -> Tag:
    """The room."""
    return tags.div(
        tags.h1("All studies"),
        ui.output_ui("index_head"),
        tags.div(
            ui.input_select("index_sort", "Sorted by", SORTED),
            ui.input_checkbox("index_falling", "falling", False),
            ui.input_action_button("analyse_all", "Analyse those that are not"),
            class_="buttons",
        ),
        ui.output_ui("index_table"),
        tags.div(ui.output_ui("index_choice"), ui.input_action_button("index_open", "Open it"), class_="buttons"),
        ui.output_ui("panels_table"),
        ui.output_ui("panels_buttons"),
        ui.output_ui("panels_answer"),
    )


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the room does."""
    if here.studies is None:
        return
    studies: Studies = here.studies
    rows = _looked_at(input, studies.table)

    @render.ui
    def index_head() -> TagChild:
        if not rows():
            return sentences("asked", "None here:", [f"{studies.folder}: no folder below it holds a study.toml."])
        analysed = sum(row[-1] == "analysed" for row in rows())
        return tags.p(f"{len(rows())} below {studies.folder}, {analysed} analysed. The folder itself is never changed: "
                      "an opened study is a copy.", class_="small")  # fmt: skip

    @render.ui
    def index_table() -> TagChild:
        frame = pd.DataFrame(rows(), columns=list(COLUMNS))
        key = str(input.index_sort())
        found = frame.sort_values(key, ascending=not input.index_falling(), key=lambda c: c.str.lower(), kind="stable")
        return TagList(tags.h2("Side by side"), table(found, "Their verdicts"))

    @render.ui
    def index_choice() -> TagChild:
        names = studies.names()
        return ui.input_select("index_study", "Study", {name: name for name in names})

    @reactive.effect
    @reactive.event(input.index_open)
    def _() -> None:
        name = str(input.index_study())
        if name in studies.names():
            here.open(studies.work(name))
            ui.update_navset("room", selected="study")
            ui.update_navset("step", selected="answer" if here.desk.standing(studies.work(name).folder).state == "done"
                             else "sheet")  # fmt: skip

    @reactive.effect
    @reactive.event(input.analyse_all)
    def _() -> None:
        for name in studies.names():
            work = studies.work(name)
            if here.desk.standing(work.folder).state != "done":
                here.desk.submit(work.folder, analyse_work, USUAL | {"lines": digest(work.toml)})

    _serve_panels(input, Panels(studies.folder, studies.kept, here.desk))


def _looked_at(input: Inputs, table_now: Callable[[], pd.DataFrame]) -> reactive.Value[tuple[tuple[str, ...], ...]]:
    """Rows of a table that is looked at again and again while its room is open."""
    rows: reactive.Value[tuple[tuple[str, ...], ...]] = reactive.Value(())

    @reactive.effect
    def _() -> None:
        if input.room() != "studies":
            return
        settle(rows, tuple(map(tuple, table_now().to_numpy().tolist())))
        reactive.invalidate_later(2)

    return rows


def _serve_panels(input: Inputs, panels: Panels) -> None:
    """Panels of models, below the studies: analysed here, and read on their own page."""
    rows = _looked_at(input, panels.table)
    shown: reactive.Value[str] = reactive.Value("")

    @render.ui
    def panels_table() -> TagChild:
        if not rows():
            return None
        found = pd.DataFrame(rows(), columns=list(PANEL_COLUMNS))
        return TagList(tags.h2("Panels"), table(found, "Many models, one question each: what they answer under Bliss"))

    @reactive.calc
    def names() -> tuple[str, ...]:
        return tuple(row[0] for row in rows())

    @render.ui
    def panels_buttons() -> TagChild:
        if not names():
            return None
        return tags.div(
            ui.input_select("panel_name", "Panel", {name: name for name in names()}),
            ui.input_action_button("panel_analyse", "Analyse it"),
            ui.input_action_button("panel_open", "Show its answer"),
            class_="buttons",
        )

    @reactive.effect
    @reactive.event(input.panel_analyse)
    def _() -> None:
        if (name := str(input.panel_name())) in panels.names():
            panels.submit(name)

    @reactive.effect
    @reactive.event(input.panel_open)
    def _() -> None:
        shown.set(str(input.panel_name()))

    @render.ui
    def panels_answer() -> TagChild:
        name = shown()
        if not name or not rows():
            return None
        work, answer = panels.answer(name)
        if work is None or not answer:
            return tags.p(f"{name}: there is no answer yet.", role="status")
        address = f"written/{work.key}/{PANEL_PAGE}"
        return TagList(
            tags.h2(name),
            tags.ul(*(tags.li(one) for one in answer["sentences"])),
            sentences("asked", "Read with caution:", answer["cautions"]),
            tags.p(tags.a("Open it in a window of its own", href=address, target="_blank", rel="noopener")),
            tags.iframe(src=address, title=f"The report of {name}", class_="report"),
        )
