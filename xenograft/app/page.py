"""The one page of the app: its rooms, the steps of a study, and what a session shares between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from shiny import App, Inputs, Outputs, Session, reactive, ui
from starlette.requests import Request

from xenograft.app import allocate, answer, arms, columns, index, look, plan, questions, run, sheet, take
from xenograft.app.here import here_of
from xenograft.app.jobs import Desk
from xenograft.app.studies import Studies
from xenograft.app.work import Shelf

STEPS = {"sheet": "1 Sheet", "look": "2 Look", "run": "3 Run", "answer": "4 Answer", "take": "5 Take away"}


def app_of(shelf: Shelf, desk: Desk, studies: Studies | None, largest: int) -> App:
    """The pages.

    Parameters
    ----------
    shelf, desk, studies
        Of the app; `studies` is None where no folder was named.
    largest : int
        Megabytes of the largest upload.
    """

    def page(_request: Request) -> ui.Tag:
        return _page(studies is not None, largest)

    def server(input: Inputs, output: Outputs, session: Session) -> None:
        here = here_of(shelf, desk, studies, largest)

        @reactive.effect
        def _() -> None:
            """The study that the address names, when a page is opened or loaded again."""
            asked = parse_qs(session.clientdata.url_search().removeprefix("?"))
            with reactive.isolate():
                if here.work() is not None or here.plan() is not None:
                    return
                here.plan.set(shelf.find(asked.get("plan", [""])[0]))
                found = shelf.find(asked.get("study", [""])[0])
                if found is not None:
                    here.open(found)
                    step = asked.get("step", [""])[0]
                    ui.update_navset("step", selected=step if step in STEPS else _step_of(desk, found.folder))
                if (room := asked.get("room", [""])[0]) in ("plan", "allocate", "studies"):
                    ui.update_navset("room", selected=room)

        @reactive.effect
        async def _() -> None:
            """The address keeps what is in hand, so that loading the page again loses nothing."""
            work, plan, room = here.work(), here.plan(), input.room()
            kept = {"room": room} if room != "study" else {}
            kept |= {"study": work.key, "step": input.step()} if work else {}
            kept |= {"plan": plan.key} if plan else {}
            await session.bookmark.update_query_string(f"?{urlencode(kept)}")

        for part in (sheet, questions, arms, columns, look, run, answer, take, index, plan, allocate):
            part.serve(input, output, session, here)

    return App(page, server)


def _step_of(desk: Desk, folder: Path) -> str:
    """Where somebody left off."""
    state = desk.standing(folder).state
    return {"none": "sheet", "done": "answer"}.get(state, "run")


def _page(has_studies: bool, largest: int) -> ui.Tag:
    steps: list[Any] = [
        ui.nav_panel(STEPS["sheet"], sheet.panel(largest), value="sheet"),
        ui.nav_panel(STEPS["look"], look.panel(), value="look"),
        ui.nav_panel(STEPS["run"], run.panel(), value="run"),
        ui.nav_panel(STEPS["answer"], answer.panel(), value="answer"),
        ui.nav_panel(STEPS["take"], take.panel(), value="take"),
    ]
    study = ui.nav_panel("Study", ui.output_ui("study_head"), ui.navset_underline(*steps, id="step"), value="study")
    rooms: list[Any] = [study]
    if has_studies:
        rooms.append(ui.nav_panel("All studies", index.panel(), value="studies"))
    rooms.append(ui.nav_panel("Plan", plan.panel(), value="plan"))
    rooms.append(ui.nav_panel("Allocate", allocate.panel(), value="allocate"))
    return ui.page_fluid(
        ui.head_content(ui.tags.link(rel="icon", href="data:,")),
        ui.include_css(Path(__file__).with_name("app.css")),
        ui.tags.a("Skip to the content", href="#content", class_="skip"),
        ui.tags.header(ui.tags.a("xenograft", href="./", class_="brand"), ui.span("Everything stays on this machine")),
        ui.tags.main(ui.navset_pill(*rooms, id="room"), id="content", tabindex="-1"),
        title="xenograft",
        lang="en",
    )
