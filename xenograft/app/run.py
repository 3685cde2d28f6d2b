"""The third step: which models are fitted and why, how far the analysis is, and a way to end it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from htmltools import Tag, TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.analysing import analyse_work, command_of
from xenograft.app.here import Here, Refused, settle
from xenograft.app.jobs import Standing
from xenograft.app.pieces import onwards, sentences
from xenograft.model.card import ModelCard, read_cards
from xenograft.model.choice import by_reason, default_cards, why_chosen, why_not
from xenograft.study.study import Study

STEP_WORDS: Mapping[str, str] = {
    "compare": "The models are compared.",
    "report": "The answer is put together and drawn.",
    "days": "The answer is there. Its numbers on every other day are computed.",
    "numbers": "The answer is there. The tables are written.",
    "figures": "The answer is there. The figures are written as files.",
}
SHARE_OF: Mapping[str, float] = {"compare": 0.6, "report": 0.65, "days": 1.0, "numbers": 1.0, "figures": 1.0}
"""Of the way to the verdict, by the step that has begun; the fits are the first 0.6."""

MAKING = 30.0
"""Seconds without a step after which a person is told why."""

FIRST_TIME = "The first analysis after an installation takes a minute or two longer: its models become machine code."

SPEEDS = {
    "careful": "Careful: chains for every model",
    "fast": "Fast: without chains wherever that may be trusted (as --fast)",
}


def panel() -> Tag:
    """The step, before anything is known."""
    return tags.div(
        ui.output_ui("run_status"), ui.output_ui("run_progress"), tags.div(ui.output_ui("run_body"), id="run_choices")
    )


def digest(text: str) -> str:
    """Of the lines that were analysed, to see whether they have changed since."""
    return hashlib.sha256(text.encode()).hexdigest()


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the step does."""
    state: reactive.Value[tuple[str, int, tuple[str, ...]]] = reactive.Value(("none", 0, ()))
    wrong: reactive.Value[str] = reactive.Value("")

    @reactive.effect
    def _() -> None:
        found = here.standing()
        settle(
            state, (found.state, found.ahead, found.problems)
        )  # without progress, or buttons are drawn anew all the time

    @render.ui
    async def run_body() -> TagChild:
        here.generation()
        found = await here.arrival()
        if found is None:
            return tags.p("There is no study yet. Drop a sheet first.", class_="mt-3")
        if isinstance(found, Refused):
            return sentences("problems", "The sheet is not read yet. Mend this on the first step:", found.problems)
        return _body(found.study)

    def asked() -> dict[str, Any] | str:
        """What is chosen, or why that cannot be."""
        chosen = list(input.cards())
        if not chosen:
            return "No model is chosen. Choose at least one."
        try:
            seed, draws, chains = int(input.seed()), int(input.draws()), int(input.chains())
        except (TypeError, ValueError):
            return "Seed, draws and chains must be whole numbers."
        if not (0 <= seed < 2**31 and 100 <= draws <= 20_000 and 2 <= chains <= 16):
            return "Give a seed of 0 or more, 100 to 20,000 draws, and 2 to 16 chains."
        return {
            "cards": chosen, "seed": seed, "draws": draws, "chains": chains, "fast": input.speed() == "fast",
            "reference": str(input.asked_reference()),
        }  # fmt: skip

    async def as_usual(chosen: dict[str, Any]) -> dict[str, Any]:
        """What is chosen, without the models where they are those that suit the study."""
        suited, _ = default_cards((await here.study()).study, read_cards())
        return chosen | ({"cards": []} if set(chosen["cards"]) == set(suited) else {})

    @render.ui
    async def run_command() -> TagChild:
        chosen = asked()
        return None if isinstance(chosen, str) else tags.code(command_of(await as_usual(chosen)))

    @reactive.effect
    @reactive.event(input.begin)
    async def _() -> None:
        work, chosen = here.work(), asked()
        if work is None or isinstance(chosen, str):
            wrong.set(chosen if isinstance(chosen, str) else "")
            return
        wrong.set("")
        given = await as_usual(chosen) | {"lines": digest(here.text())}
        here.desk.submit(work.folder, analyse_work, given)
        here.standing.set(here.desk.standing(work.folder))

    @reactive.effect
    @reactive.event(input.cancel)
    def _() -> None:
        if (work := here.work()) is not None:
            here.desk.cancel(work.folder)
            here.standing.set(here.desk.standing(work.folder))

    @reactive.effect
    @reactive.event(input.to_answer)
    def _() -> None:
        ui.update_navset("step", selected="answer")

    @render.ui
    def run_status() -> TagChild:
        how, ahead, problems = state()
        if wrong():
            return sentences("problems", "Not begun:", [wrong()])
        if how == "waiting":
            said = f"In the queue: {ahead - 1} before this one." if ahead > 1 else "In the queue: it is the next."
            return tags.div(tags.p(said), ui.input_action_button("cancel", "Cancel"), class_="asked", role="status")
        if how == "running":
            return tags.div(
                tags.style("#run_choices { display: none; }"),
                tags.strong("The analysis runs. "),
                "You may close this page, load it again, or go on looking: it goes on by itself.",
                tags.div(ui.input_action_button("cancel", "Cancel"), class_="buttons"),
                class_="asked",
            )
        if how in ("failed", "lost"):
            return sentences("problems", "The analysis ended without an answer:", problems)
        if how == "cancelled":
            return tags.div(
                "Cancelled. The study is as it was; run it again when you like.", class_="asked", role="status"
            )
        if how == "done":
            return tags.div(
                tags.strong("The answer is there. ", role="status"),
                onwards(ui.input_action_button("to_answer", "See the answer", class_="btn-primary")),
                class_="fine",
            )
        return None

    @render.ui
    def run_progress() -> TagChild:
        found = here.standing()
        if found.state != "running":
            return None
        reactive.invalidate_later(1)
        share, words, left = progress_of(found, time.time())
        bar = tags.progress(value=f"{share:.3f}", max="1", aria_label="How far the analysis is")
        return tags.div(bar, tags.p(f"{words} {left}".strip()))

    @reactive.effect
    def _() -> None:
        """The verdict is shown when it is there, to whoever waits for it."""
        progress = here.standing().progress or {}
        with reactive.isolate():
            if here.standing().state == "running" and progress.get("step") == "days" and input.step() == "run":
                ui.update_navset("step", selected="answer")


def progress_of(found: Standing, now: float) -> tuple[float, str, str]:
    """How far an analysis is: the share of the way to the verdict, what it does, and how long it still takes."""
    progress: Mapping[str, Any] = found.progress or {}
    step = progress.get("step")
    if step is None:
        return 0.0, "The models are made ready.", ""
    ready_at = progress.get("ready_at")
    left = "" if ready_at is None or SHARE_OF.get(step, 0.0) >= 1 else f"{_seconds(float(ready_at) - now)} left."
    if step == "fit":
        cards, done = int(progress["cards"]), int(progress["done"])
        card = f": {progress['card']}" if progress.get("card") else ""
        if not progress["share"] and now - (found.begun or now) > MAKING:
            left = FIRST_TIME
        return 0.6 * float(progress["share"]), f"Fitted: {done} of {cards} models{card}.", left
    return SHARE_OF[step], STEP_WORDS[step], left


def _seconds(left: float) -> str:
    if left < 5:
        return "A few seconds"
    return f"About {5 * round(left / 5):g} seconds" if left < 90 else f"About {round(left / 60):g} minutes"


def _body(study: Study) -> TagChild:
    cards = read_cards()
    suited, left_out = default_cards(study, cards)
    others = {name: card for name, card in cards.items() if name not in suited and why_not(study, card) is None}
    groups = dict.fromkeys(why_chosen(name) for name in suited)
    shown = {name: _label(card) for name, card in {**suited, **others}.items()}
    reasons = [
        tags.li(f"{why.capitalize()}: {', '.join(n for n in suited if why_chosen(n) == why)}.") for why in groups
    ]
    left = [tags.li(f"{names}: {reason}.") for reason, names in by_reason(left_out).items()]
    return TagList(
        tags.h1("Run the analysis"),
        tags.p(f"{len(suited)} models suit this study. Each is fitted, they are ranked by how well they predict an "
               "animal that they have not seen, and those that answer are averaged."),
        ui.input_radio_buttons("speed", "How", SPEEDS, selected="careful"),
        tags.div(ui.input_action_button("begin", "Run the analysis", class_="btn-primary"), class_="buttons"),
        tags.h2("Why these models"),
        tags.ul(*reasons, class_="small"),
        tags.details(tags.summary("Left out, and why"), tags.ul(*left, class_="small mt-2")) if left else None,
        tags.details(
            tags.summary("Choose models, seed and draws yourself"),
            ui.input_checkbox_group("cards", "Models that are fitted", shown, selected=list(suited)),
            tags.div(
                ui.input_numeric("seed", "Seed", 1, min=0),
                ui.input_numeric("draws", "Draws of each chain", 1000, min=100),
                ui.input_numeric("chains", "Chains", 4, min=2),
                ui.input_select("asked_reference", "No interaction means",
                                {"bliss": "effects add (Bliss)", "hsa": "the better agent (HSA)"}),
                class_="fields",
            ),
        ),
        tags.div("On the command line: ", ui.output_ui("run_command", inline=True), class_="small"),
    )  # fmt: skip


def _label(card: ModelCard) -> TagChild:
    return TagList(tags.strong(card.name), tags.span(f" {card.claim}", class_="small"))
