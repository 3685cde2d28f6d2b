"""The questions of `xenograft check` and of `xenograft init`, to be answered on the page; each answer is a line."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from typing import Any

from htmltools import TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui
from shiny.types import SilentException

from xenograft.app.here import Here, settle
from xenograft.app.lines import answers, parsed, with_answer, with_difference
from xenograft.app.pieces import sentences
from xenograft.errors import InputError
from xenograft.reading.guess_study import Guess, toml_of_guess
from xenograft.reading.interview import Question, interview
from xenograft.reading.read import Arrival
from xenograft.reading.remarks import questions_about
from xenograft.reading.second_look import second_look
from xenograft.reading.study_toml import counted

CONTROL = "Which arm is the control"
"""Begins the one question that the cards of the arms answer."""

REPLIES = ("", "It is right as it is", "I will mend the sheet", "I left the reading out", "I do not know")


def part() -> TagChild:
    """The place of the questions on the first step."""
    return TagList(ui.output_ui("only_you_know"), ui.output_ui("asked_by_check"), ui.output_ui("notes_of_check"))


def asked_about(arrival: Arrival) -> list[str]:
    """What `xenograft check` asks."""
    return [*second_look(arrival.sheets, arrival.study), *questions_about(arrival.study)]


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the questions do."""
    asked: reactive.Value[tuple[str, ...]] = reactive.Value(())
    noted: reactive.Value[tuple[str, ...]] = reactive.Value(())
    wrong: reactive.Value[tuple[str, ...]] = reactive.Value(())

    @reactive.effect
    async def _() -> None:
        found = await here.arrival()
        if isinstance(found, Arrival):
            said = asked_about(found)
            settle(asked, tuple(said))
            settle(noted, tuple(notice for notice in found.study.notices if notice not in said))
        else:
            settle(asked, ())
            settle(noted, ())

    @render.ui
    def only_you_know() -> TagChild:
        generation = here.generation()  # and no more: a field that is drawn anew loses the cursor
        with reactive.isolate():
            guess = here.guess()
        if guess is None:
            return None
        fields: list[TagChild] = []
        for number, question in enumerate(_interview(guess)):
            name, label = f"g{generation}_ask_{number}", f"{question.text}?"
            if question.choices:
                fields.append(ui.input_select(name, label, list(question.choices), selected=question.default))
            else:
                fields.append(ui.input_text(name, label, question.default, update_on="blur"))
        return TagList(
            tags.h2("What only you know"),
            ui.output_ui("still_open"),
            tags.div(*fields, class_="fields"),
            ui.output_ui("wrong_answers"),
        )

    @render.ui
    def still_open() -> TagChild:
        guess, written = here.guess(), parsed(here.text())
        still = [one for one in guess.open if not _is_answered(one, written)] if guess else []
        return tags.ul(*(tags.li(one) for one in still), class_="small") if still else None

    @render.ui
    def wrong_answers() -> TagChild:
        return sentences("problems", "Not understood:", wrong())

    @reactive.effect
    def _() -> None:
        """Answers of the interview, each changing its own lines."""
        generation = here.generation()
        with reactive.isolate():
            first = here.guess()
        if first is None:
            return
        guess, problems = first, []
        for number, question in enumerate(_interview(first)):
            given = str(input[f"g{generation}_ask_{number}"]()).strip()
            if given == question.default:
                continue
            try:
                guess = question.answered(guess, given)
            except InputError as error:
                problems.append(f"{question.text}? {error}")
        settle(wrong, tuple(problems))
        if guess is not first:
            before, after = (tomllib.loads(toml_of_guess(one)) for one in (first, guess))
            here.guess.set(guess)
            here.change(lambda text: with_difference(text, before, after))

    @render.ui
    def asked_by_check() -> TagChild:
        if not asked():
            return None
        with reactive.isolate():
            known = answers(here.text())
        rows: list[TagChild] = []
        for question in asked():
            if _is_more(question):
                rows.append(tags.div(tags.p(question), class_="question"))
                continue
            name, said = _name(question), known.get(question, "")
            reply, _, note = said.partition(": ")
            rows.append(
                tags.div(
                    tags.p(question),
                    tags.div(
                        ui.input_select(f"{name}_reply", "Your answer", {one: one or "Not answered" for one in REPLIES},
                                        selected=reply if reply in REPLIES else ""),
                        ui.input_text(f"{name}_note", "In your words (if you like)", note, update_on="blur"),
                    ),
                    class_="question",
                )
            )  # fmt: skip
        heading = counted(sum(not _is_more(question) for question in asked()), "question")
        return TagList(
            tags.h2(f"{heading} about this sheet"),
            tags.p("Nothing was changed. An answer is kept as a comment in study.toml; a reading is left out under "
                   "Look, and a cell is mended in your own sheet.", class_="small"),
            *rows,
        )  # fmt: skip

    @reactive.effect
    def _() -> None:
        """Answers to what check asks, kept as comments."""
        for question in asked():
            name = _name(question)
            try:
                reply, note = str(input[f"{name}_reply"]()), str(input[f"{name}_note"]()).strip()
            except SilentException:
                continue
            answer = ": ".join(part for part in (reply, note) if part)
            with reactive.isolate():
                before = answers(here.text()).get(question, "")
            if answer != before:
                here.change(lambda text, q=question, a=answer: with_answer(text, q, a))

    @render.ui
    def notes_of_check() -> TagChild:
        if not noted():
            return None
        many = len(noted())
        return tags.details(
            tags.summary(f"{many} note{'' if many == 1 else 's'} on how it was read"),
            tags.ul(*(tags.li(one) for one in noted()), class_="small mt-2"),
        )


def _interview(guess: Guess) -> list[Question]:
    return [question for question in interview(guess) if not question.text.startswith(CONTROL)]


def _is_answered(sentence: str, written: Mapping[str, Any]) -> bool:
    """Whether the lines, which the fields of the page write, say by now what a sentence asks."""
    arms: dict[str, Any] = {name: arm for name, arm in written.get("arms", {}).items() if isinstance(arm, dict)}
    if sentence.startswith("Which arm is the control"):
        return any(arm.get("control") for arm in arms.values())
    if sentence.startswith("The limit of quantification"):
        return "limit_of_quantification" in written
    if sentence.startswith("The days of dosing"):
        return all("days" in dosing for arm in arms.values() for dosing in arm.get("agents", {}).values())
    return any(
        sentence == f"What arm {name} gets." and (arm.get("agents") or arm.get("control") or arm.get("ignore"))
        for name, arm in arms.items()
    )


def _is_more(sentence: str) -> bool:
    """Whether it only says how many more questions of a kind there are."""
    return sentence.startswith("…")


def _name(question: str) -> str:
    return f"q{hashlib.sha256(question.encode()).hexdigest()[:12]}"
