"""The fourth step: the verdict with its lamps, the same on another day or by another measure, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from htmltools import Tag, TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.analysing import ANSWER, DAYS, PAGE
from xenograft.app.here import Here, settle
from xenograft.app.pieces import onwards, sentences, table
from xenograft.app.run import digest
from xenograft.app.work import Work, read_record

LAMPS = {"good": "✓", "doubt": "!", "bad": "✕"}
USUAL_MARGIN = "20"
OF = {"typical": "the typical tumour (median)", "mean": "mean volumes"}
REFERENCES = {"bliss": "Effects add (Bliss)", "hsa": "The better agent alone (HSA)"}


def panel() -> Tag:
    """The step, before anything is known."""
    return tags.div(
        ui.output_ui("answer_missing"),
        ui.output_ui("answer_changed"),
        ui.output_ui("answer_now"),
        ui.output_ui("answer_choices"),
        ui.output_ui("answer_numbers"),
        ui.output_ui("answer_report"),
    )


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the step does."""
    first: reactive.Value[dict[str, Any]] = reactive.Value({})
    by_day: reactive.Value[dict[str, Any]] = reactive.Value({})

    @reactive.effect
    def _() -> None:
        """What the analysis has written so far."""
        work, standing = here.work(), here.standing()
        begun = standing.state in ("running", "waiting") and (standing.progress or {}).get("step") in (
            None, "fit", "compare", "report",
        )  # fmt: skip
        settle(first, {} if work is None or begun else read_record(work.out / ANSWER))
        settle(by_day, {} if work is None or begun else read_record(work.out / DAYS))

    @render.ui
    def answer_missing() -> TagChild:
        if first():
            return None
        state = here.standing().state
        if state in ("waiting", "running"):
            return tags.p("The analysis runs; its answer will stand here.", class_="mt-3", role="status")
        if state in ("failed", "lost"):
            return sentences("problems", "There is no answer:", here.standing().problems)
        return tags.p("There is no answer yet. Run the analysis first.", class_="mt-3")

    @render.ui
    def answer_changed() -> TagChild:
        asked = here.standing().asked or {}
        if not first() or not asked or asked.get("lines") == digest(here.text()):
            return None
        return sentences("asked", "Changed since:", ["The study was changed after this analysis. Run it again."])

    def chosen() -> dict[str, Any]:
        """The answer under what is chosen, as far as it is computed."""
        days = by_day()
        if not days.get("days"):
            return {}
        on = days["by_day"].get(str(input.answer_day()), {})
        return on.get("references", {}).get(_reference(input, days), {})

    @render.ui
    def answer_now() -> TagChild:
        answer, days = first(), by_day()
        if not answer:
            return None
        if not days.get("days"):
            return _verdict(answer, answer["question"], answer["headline"], answer["answer"])
        found = chosen()
        usual = _is_usual(input, days, answer, here)
        if usual or not found:
            return _verdict(answer, answer["question"], answer["headline"], answer["answer"])
        told = found["answers"].get(str(input.answer_margin()), "")
        about = f"The lamps are those of the report: day {answer['day']:g}"
        return _verdict(answer, found["question"], found["headline"], told, note=f"{about}, as it was asked.")

    @render.ui
    def answer_choices() -> TagChild:
        days = by_day()
        if not first():
            return None
        if not days.get("days"):
            return tags.p("Other days and measures can be chosen here in a moment.", class_="small", role="status")
        offered = {f"{day:g}": f"day {day:g}" for day in days["days"]}
        fields: list[TagChild] = [
            ui.input_select("answer_day", "On day", offered, selected=f"{days['horizon']:g}"),
        ]
        if len(days["references"]) > 1:
            fields.append(
                ui.input_select("answer_reference", "No interaction means", REFERENCES, selected=_asked(here))
            )
        fields += [
            ui.input_select(
                "answer_margin", "What matters: tumours smaller by at least",
                {str(one): f"{one} %" for one in days["margins"]}, selected=USUAL_MARGIN,
            ),
            ui.input_select("answer_of", "Numbers of the arms are of", OF),
        ]  # fmt: skip
        return tags.div(
            tags.h2("Ask it otherwise"),
            tags.p("Nothing is fitted again: the fits do not depend on these.", class_="small"),
            tags.div(*fields, class_="fields"),
            class_="box mt-3",
        )

    @render.ui
    def answer_numbers() -> TagChild:
        days = by_day()
        if not days.get("days"):
            return None
        day = str(input.answer_day())
        rows = days["by_day"].get(day, {}).get("arms", {}).get(str(input.answer_of()), [])
        told = chosen().get("sentences", [])
        if _is_usual(input, days, first(), here):
            told = first()["sentences"]
        caption = f"The arms on day {day}, of {OF[str(input.answer_of())]}: median and 95 % interval"
        return TagList(
            tags.h2("Every verdict"), tags.ul(*(tags.li(one) for one in told)), table(pd.DataFrame(rows), caption)
        )

    @render.ui
    def answer_report() -> TagChild:
        work = here.work()
        if not first() or work is None:
            return None
        address = _address(work)
        return TagList(
            tags.h2("The report"),
            tags.p(tags.a("Open it in a window of its own", href=address, target="_blank", rel="noopener")),
            tags.iframe(src=address, title="The report", class_="report"),
            onwards(ui.input_action_button("to_take", "Next: take it away", class_="btn-primary")),
        )

    @reactive.effect
    @reactive.event(input.to_take)
    def _() -> None:
        ui.update_navset("step", selected="take")


def _address(work: Work) -> str:
    written = work.out / PAGE
    stamp = int(written.stat().st_mtime) if written.exists() else 0
    return f"written/{work.key}/{PAGE}?at={stamp}"


def _asked(here: Here) -> str:
    with reactive.isolate():
        return str((here.standing().asked or {}).get("reference", "bliss"))


def _reference(input: Inputs, days: Mapping[str, Any]) -> str:
    return str(input.answer_reference()) if len(days["references"]) > 1 else "bliss"


def _is_usual(input: Inputs, days: Mapping[str, Any], answer: Mapping[str, Any], here: Here) -> bool:
    """Whether what is chosen is what the report says."""
    asked = _asked(here) if len(days["references"]) > 1 else "bliss"
    usual = (f"{answer['day']:g}", USUAL_MARGIN, asked)
    return (str(input.answer_day()), str(input.answer_margin()), _reference(input, days)) == usual


def _verdict(answer: Mapping[str, Any], question: str, headline: str, told: str, *, note: str = "") -> TagChild:
    mark, badge = answer["badge"]
    lamps = [
        tags.li(
            tags.span(LAMPS[one["level"]], class_="lamp", aria_hidden="true"),
            tags.b(f"{one['name']}: "),
            one["words"],
            class_=one["level"],
        )
        for one in answer["lights"]
    ]
    return tags.section(
        tags.p(question, class_="mb-1"),
        tags.p(f"{mark} {badge}", class_="badge-words mb-0"),
        tags.h2(headline),
        tags.p(told) if told else None,
        tags.ul(*lamps, class_="lamps"),
        tags.p(note, class_="small mb-0 mt-2") if note else None,
        class_=f"verdict {answer['level']}",
        aria_label="The answer",
    )
