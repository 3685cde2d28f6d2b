"""The second step: the readings by arm, who left when, and readings left out with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from htmltools import Tag, TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.here import Here, Refused
from xenograft.app.lines import exclusions, with_exclusion, without_exclusion
from xenograft.app.pieces import onwards, sentences, table
from xenograft.figures.theme import settled
from xenograft.figures.volumes import volume_panels
from xenograft.study.removal import reasons_table
from xenograft.study.study import Study
from xenograft.study.tables import left_table, measured_table, summary_table

NEAR = 0.06
"""Share of the figure's diagonal within which a click means a reading."""

KEY = 0.15
"""Inches between the days below the panels and the key."""

PIXELS = 96
"""Of an inch on a page."""

EVERY_DAY = "all its days"


@dataclass(frozen=True)
class Drawn:
    """Where the readings are in the figure: `x` and `y` are shares of its width and height, from the top left."""

    places: pd.DataFrame


def panel() -> Tag:
    """The step, before anything is known."""
    return tags.div(ui.output_ui("look_body"))


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the step does."""
    drawn: reactive.Value[Drawn | None] = reactive.Value(None)
    wrong: reactive.Value[str] = reactive.Value("")

    @render.ui
    async def look_body() -> TagChild:
        found = await here.arrival()
        if found is None:
            return tags.p("There is no study yet. Drop a sheet first.", class_="mt-3")
        if isinstance(found, Refused):
            return sentences("problems", "The sheet is not read yet. Mend this on the first step:", found.problems)
        return TagList(
            tags.h1("The readings"),
            tags.p("One line for each animal, as measured. A click on a reading chooses it below.", class_="small"),
            ui.output_plot("readings_plot", height=_height(found.study), click=True),
            _excluding(found.study),
            ui.output_ui("excluded_list"),
            ui.output_ui("look_tables"),
            onwards(ui.input_action_button("to_run", "Next: run the analysis", class_="btn-primary")),
        )

    @reactive.effect
    @reactive.event(input.to_run)
    def _() -> None:
        ui.update_navset("step", selected="run")

    @render.plot(alt="Volumes of every animal by day, a panel for each arm; the tables below say who was measured when")
    async def readings_plot() -> Any:
        study = (await here.study()).study
        pixels = session.clientdata.output_width("readings_plot") or 900
        tall = session.clientdata.output_height("readings_plot") or 600
        none = pd.DataFrame(columns=["animal", "arm", "day", "median", "lower", "upper"])
        figure = volume_panels(study, none, none, width=max(pixels / PIXELS, 3.4))
        _stretch(figure, pixels / figure.dpi, tall / figure.dpi)
        settled(figure)
        drawn.set(Drawn(_places(figure, study)))
        return figure

    @reactive.effect
    @reactive.event(input.readings_plot_click)
    async def _() -> None:
        click, there = input.readings_plot_click(), drawn()
        if not click or there is None or there.places.empty:
            return
        width = session.clientdata.output_width("readings_plot") or 1
        height = session.clientdata.output_height("readings_plot") or 1
        x, y = click["coords_css"]["x"] / width, click["coords_css"]["y"] / height
        away = np.hypot(there.places["x"] - x, (there.places["y"] - y) * height / width)
        if away.min() > NEAR:
            return
        row = there.places.loc[away.idxmin()]
        ui.update_select("out_animal", selected=row["animal"])
        study = (await here.study()).study
        ui.update_select("out_day", choices=_days(study, str(row["animal"])), selected=f"{row['day']:g}")

    @reactive.effect
    @reactive.event(input.out_animal)
    async def _() -> None:
        study, animal = (await here.study()).study, str(input.out_animal())
        chosen = str(input.out_day())
        days = _days(study, animal)
        ui.update_select("out_day", choices=days, selected=chosen if chosen in days else None)

    @reactive.effect
    @reactive.event(input.leave_out)
    async def _() -> None:
        found = await here.study()
        animal, day = str(input.out_animal()), str(input.out_day())
        own = found.study.readings[found.study.readings["animal"] == animal]
        arm = str(own["arm"].iloc[0])
        plain, within = animal, None
        if found.file.entry.animal_ids == "within arm":
            plain, within = animal.removeprefix(f"{arm}/"), arm
        mouse, _, tumour = plain.partition(" · ") if "mouse" in own else (plain, "", "")
        when, why = None if day == EVERY_DAY else float(day), str(input.out_reason())
        said = here.change(lambda text: with_exclusion(text, mouse, when, why, arm=within, tumour=tumour or None))
        wrong.set(said or "")
        if said is None:
            ui.update_text("out_reason", value="")

    @render.ui
    def excluded_list() -> TagChild:
        left_out = exclusions(here.text())
        if not left_out:
            return sentences("problems", "Not left out:", [wrong()] if wrong() else [])
        said = [_in_words(one) for one in left_out]
        return TagList(
            sentences("problems", "Not left out:", [wrong()] if wrong() else []),
            tags.h3("Left out of the analysis, shown in the report with the reason"),
            tags.ul(*(tags.li(one) for one in said)),
            tags.div(
                ui.input_select("back", "Use again", {str(number): words for number, words in enumerate(said)}),
                ui.input_action_button("take_back", "Use it again"),
                class_="buttons",
            ),
        )

    @reactive.effect
    @reactive.event(input.take_back)
    def _() -> None:
        here.change(lambda text: without_exclusion(text, int(input.back())))

    @render.ui
    async def look_tables() -> TagChild:
        study = (await here.study()).study
        return TagList(
            tags.h2("Who was measured, and who left"),
            table(summary_table(study), "The arms"),
            table(measured_table(study), "Animals with a reading, by day"),
            table(left_table(study), "Left before the last day"),
            table(reasons_table(study), "Reasons for leaving, and what they count as"),
        )


def _height(study: Study) -> str:
    """Of the figure: panels stand four abreast, on a narrow screen one below the other."""
    number = len(study.arms)
    wide, narrow = 60 + 260 * -(-number // 4), 90 + 180 * (number if number <= 6 else -(-number // 2))
    return f"max({wide}px, min({narrow}px, (44rem - 100vw) * 1000))"


def _excluding(study: Study) -> TagChild:
    animals: dict[str, dict[str, str]] = {arm.name: {} for arm in study.arms}
    for animal, arm in study.readings.drop_duplicates("animal")[["animal", "arm"]].itertuples(index=False):
        animals[arm][animal] = animal
    first = next(animal for own in animals.values() for animal in own)
    return tags.div(
        tags.h2("Leave a reading out"),
        tags.div(
            ui.input_select("out_animal", "Animal", animals, selected=first),
            ui.input_select("out_day", "Day", _days(study, first)),
            ui.input_text("out_reason", "Why (needed)", placeholder="misread, ulcerated, …"),
            class_="fields",
        ),
        ui.input_action_button("leave_out", "Leave it out"),
        class_="box mt-3",
    )


def _days(study: Study, animal: str) -> dict[str, str]:
    """The animal's days with the volume read on each."""
    own = study.daily_readings[study.daily_readings["animal"] == animal]
    days = {
        f"{row.day:g}": f"day {row.day:g}: {'≤ ' if row.censored else ''}{row.volume:.5g}" for row in own.itertuples()
    }
    return days | {EVERY_DAY: EVERY_DAY}


def _in_words(entry: dict[str, Any]) -> str:
    arm = f" ({entry['arm']})" if "arm" in entry else ""
    when = f"day {entry['day']:g}" if "day" in entry else EVERY_DAY
    tumour = f" {entry['tumour']}" if "tumour" in entry else ""
    return f"{entry.get('animal')}{tumour}{arm}, {when}: {entry.get('reason')}"


def _stretch(figure: Any, width: float, height: float) -> None:
    """Give a figure of fixed margins the size of its place (inches); what stands around the panels keeps its own."""
    before, room = figure.get_size_inches()[1], figure.subplotpars
    figure.set_size_inches(width, height)
    figure.subplots_adjust(bottom=(room.bottom * before + KEY) / height, top=1 - (1 - room.top) * before / height)


def _places(figure: Any, study: Study) -> pd.DataFrame:
    """Where each reading was drawn."""
    parts: list[pd.DataFrame] = []
    width, height = figure.bbox.width, figure.bbox.height
    for axis, arm in zip(figure.axes, study.arms, strict=False):
        own = study.readings.loc[study.readings["arm"] == arm.name, ["animal", "day", "volume"]]
        axis.get_xlim()  # matplotlib scales an axis when it is asked for, and not before
        points = axis.transData.transform(own[["day", "volume"]].to_numpy(dtype=float))
        parts.append(own.assign(x=points[:, 0] / width, y=1 - points[:, 1] / height))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["animal", "day", "x", "y"])
