"""Plan the next study: what is true in a biologist's words, and the chance to find it, which fills in while it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
from htmltools import Tag, TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.here import Here, settle
from xenograft.app.jobs import Standing
from xenograft.app.pieces import sentences, table
from xenograft.app.planned import (
    DESIGN,
    POWER,
    TRUTH,
    Asked,
    asked_of,
    command_of,
    design_text,
    plan_work,
    problems_of,
    truth_text_of,
)
from xenograft.app.work import read_record
from xenograft.figures.plans import power_curves
from xenograft.figures.theme import settled

USUAL = Asked()


def panel() -> Tag:
    """The room."""
    number = _number
    return tags.div(
        tags.h1("Plan the next study"),
        tags.p("Vehicle, each agent alone, and both. Say what you believe is true; studies are then simulated and "
               "analysed, and counted: how often would the combination be called enhanced?"),
        tags.div(
            tags.div(
                tags.h2("What is true"),
                tags.div(
                    ui.input_text("plan_one", "First agent", USUAL.agents[0]),
                    number("plan_tgi_one", "Its TGI alone (%) at the end", USUAL.tgi[0], max=99),
                    ui.input_text("plan_other", "Second agent", USUAL.agents[1]),
                    number("plan_tgi_other", "Its TGI alone (%) at the end", USUAL.tgi[1], max=99),
                    class_="fields",
                ),
                ui.input_slider("plan_index", "Both together: observed over expected volume (1: they only add)",
                                0.1, 2.0, USUAL.index, step=0.05),
                ui.input_slider("plan_doubling", "Doubling time of untreated tumours (days)", 2, 30, USUAL.doubling,
                                step=0.5),
                tags.div(
                    number("plan_volume", "Volume at the first dose (mm³)", USUAL.volume, min=1),
                    number("plan_differ", "Growth differs between animals by (%)", USUAL.differ, min=0, max=100),
                    number("plan_error", "Error of a reading (%)", USUAL.error, min=1, max=100),
                    class_="fields",
                ),
                class_="box",
            ),
            tags.div(
                tags.h2("The design"),
                tags.div(
                    ui.input_text("plan_animals", "Animals per arm to compare", ", ".join(map(str, USUAL.animals))),
                    number("plan_duration", "Days from first dose to last visit", USUAL.duration, min=1),
                    number("plan_every", "Days between visits", USUAL.every, min=0.5, step=0.5),
                    number("plan_doses", "Days between doses", USUAL.doses, min=0.5, step=0.5),
                    number("plan_studies", "Simulated studies for each number", USUAL.studies, min=2, max=500),
                    class_="fields",
                ),
                ui.output_ui("plan_table"),
                tags.div(
                    ui.input_action_button("plan_begin", "Simulate", class_="btn-primary"),
                    ui.output_ui("plan_cancel"),
                    class_="buttons",
                ),
                class_="box",
            ),
            class_="start",
        ),
        ui.output_ui("plan_status"),
        ui.output_ui("plan_result"),
    )  # fmt: skip


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the room does."""
    work = here.plan
    standing: reactive.Value[Standing] = reactive.Value(Standing())
    found: reactive.Value[dict[str, Any]] = reactive.Value({})
    wrong: reactive.Value[tuple[str, ...]] = reactive.Value(())

    @reactive.effect
    def _() -> None:
        if (held := work()) is not None:
            settle(standing, here.desk.standing(held.folder))
            settle(found, read_record(held.folder / POWER))
            reactive.invalidate_later(0.5)

    @reactive.effect
    @reactive.event(here.plan)
    def _() -> None:
        """The fields say what was asked, when the address names a plan."""
        with reactive.isolate():
            asked = here.desk.standing(held.folder).asked if (held := work()) else None
        if asked:
            _fill(asked_of(asked))

    def typed() -> Asked | list[str]:
        texts = {name: input[f"plan_{name}"]() for name in ("one", "other", "animals")}
        numbers = {
            name: input[f"plan_{name}"]()
            for name in ("tgi_one", "tgi_other", "index", "doubling", "volume", "differ", "error", "every", "duration",
                         "doses", "studies")
        }  # fmt: skip
        parts = [part for part in re.split(r"[,;\s]+", str(texts["animals"]).strip()) if part]
        if not all(part.isdigit() for part in parts):
            return ["Animals: give whole numbers, separated by commas."]
        if any(value is None for value in numbers.values()):
            return ["Every field needs a number."]
        own = {name: float(value) for name, value in numbers.items() if value is not None}
        asked = Asked(
            agents=(str(texts["one"]), str(texts["other"])), tgi=(own["tgi_one"], own["tgi_other"]),
            index=own["index"], doubling=own["doubling"], volume=own["volume"], differ=own["differ"],
            error=own["error"], animals=tuple(sorted({int(part) for part in parts})), every=own["every"],
            duration=own["duration"], doses=own["doses"], studies=int(own["studies"]),
        )  # fmt: skip
        return problems_of(asked) or asked

    @render.ui
    def plan_table() -> TagChild:
        asked = typed()
        if isinstance(asked, list):
            return sentences("problems", "To be mended first:", asked)
        return _design_table(asked)

    @reactive.effect
    @reactive.event(input.plan_begin)
    def _() -> None:
        asked = typed()
        if isinstance(asked, list):
            wrong.set(tuple(asked))
            return
        wrong.set(())
        held = work()
        if held is not None:
            here.desk.cancel(held.folder)
        held = here.shelf.new()
        work.set(held)
        found.set({})
        here.desk.submit(held.folder, plan_work, asdict(asked))
        standing.set(here.desk.standing(held.folder))

    @reactive.effect
    @reactive.event(input.plan_stop)
    def _() -> None:
        if (held := work()) is not None:
            here.desk.cancel(held.folder)

    @render.ui
    def plan_cancel() -> TagChild:
        return ui.input_action_button("plan_stop", "Cancel") if standing().is_open else None

    @render.ui
    def plan_status() -> TagChild:
        now, so_far = standing(), found()
        if wrong():
            return sentences("problems", "Not begun:", wrong())
        if now.state in ("failed", "lost"):
            return sentences("problems", "The simulation ended:", now.problems)
        if not now.is_open:
            return None
        done, of = so_far.get("studies", 0), so_far.get("of") or (now.asked or {}).get("studies", 1)
        bar = tags.progress(value=str(done), max=str(of), aria_label="How many studies are simulated")
        words = "In the queue." if now.state == "waiting" else f"{done} of {of} studies for each number of animals."
        return tags.div(bar, tags.p(words, role="status"))

    @render.ui
    def plan_result() -> TagChild:
        so_far, held = found(), work()
        if not so_far or held is None:
            return None
        asked = standing().asked or {}
        lines = asked_lines(asked)
        return TagList(
            tags.h2("The chance to find it"),
            tags.ul(*(tags.li(one) for one in so_far["sentences"])),
            ui.output_plot("plan_curve", height="340px"),
            table(_shown(so_far["rows"]), f"What {so_far['studies']} studies for each number of animals found"),
            tags.details(
                tags.summary("The same on the command line"),
                tags.p("Save these two files, and:", tags.br(), tags.code(lines[2]), class_="mt-2"),
                tags.div(
                    ui.download_button("plan_design", DESIGN), ui.download_button("plan_truth", TRUTH), class_="buttons"
                ),
                tags.pre(
                    lines[0] + "\n" + lines[1],
                    class_="toml",
                    tabindex="0",
                    role="region",
                    aria_label="design.toml and truth.toml",
                ),
            ),
        )

    @render.plot(alt="The chance of the verdict by number of animals per arm; the table below has the numbers")
    def plan_curve() -> Any:
        rows = found().get("rows")
        if not rows or len(rows) < 2:
            return None
        figure = power_curves(pd.DataFrame(rows))
        if figure is None:
            return None
        wide, tall = session.clientdata.output_width("plan_curve"), session.clientdata.output_height("plan_curve")
        figure.set_size_inches((wide or 700) / figure.dpi, (tall or 340) / figure.dpi)
        return settled(figure)

    @render.download_button(filename=DESIGN)
    def plan_design():
        yield asked_lines(standing().asked or {})[0]

    @render.download_button(filename=TRUTH)
    def plan_truth():
        yield asked_lines(standing().asked or {})[1]


def _number(
    name: str,
    label: str,
    value: float,
    *,
    min: float | None = None,
    max: float | None = None,
    step: float | None = None,
) -> Tag:
    """A field for a number, without needless zeros."""
    return ui.input_numeric(name, label, _plain(value), min=min, max=max, step=step)


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _fill(asked: Asked) -> None:
    """Put a plan into the fields."""
    for name, text in (
        ("one", asked.agents[0]),
        ("other", asked.agents[1]),
        ("animals", ", ".join(map(str, asked.animals))),
    ):
        ui.update_text(f"plan_{name}", value=text)
    for name in ("index", "doubling"):
        ui.update_slider(f"plan_{name}", value=getattr(asked, name))
    numbers = {"tgi_one": asked.tgi[0], "tgi_other": asked.tgi[1]}
    numbers |= {
        name: getattr(asked, name) for name in ("volume", "differ", "error", "every", "duration", "doses", "studies")
    }
    for name, value in numbers.items():
        ui.update_numeric(f"plan_{name}", value=_plain(value))


def asked_lines(written: Mapping[str, Any]) -> tuple[str, str, str]:
    """design.toml, truth.toml and the command of a plan that was asked for."""
    asked = asked_of(written) if written else USUAL
    return design_text(asked), truth_text_of(asked), command_of(asked)


def _design_table(asked: Asked) -> TagChild:
    one, other = asked.agents
    days = f"every {asked.doses:g} days"
    most = f"{min(asked.animals)} to {max(asked.animals)}" if len(asked.animals) > 1 else str(min(asked.animals))
    rows = [
        {"arm": "vehicle", "gets": "control", "animals": most},
        {"arm": one, "gets": f"{one}, {days}", "animals": most},
        {"arm": other, "gets": f"{other}, {days}", "animals": most},
        {"arm": f"{one} + {other}", "gets": f"both, {days}", "animals": most},
    ]
    visits = int(asked.duration // asked.every) + 1
    return table(pd.DataFrame(rows), f"Four arms, {visits} visits")


def _shown(rows: list[dict[str, Any]]) -> pd.DataFrame:
    def percent(row: Mapping[str, Any], name: str) -> str:
        value, half = row.get(name), row.get(f"{name} ±")
        return "–" if value is None else f"{100 * value:.0f} % ±{100 * (half or 0):.0f}"

    return pd.DataFrame(
        [
            {
                "animals per arm": f"{row['animals']:g}",
                **{name: percent(row, name) for name in ("enhanced", "less", "not distinguishable", "no conclusion")},
                "interval holds the truth": percent(row, "covered"),
            }
            for row in rows
        ]
    )
