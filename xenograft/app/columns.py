"""Columns by menus, and the other lines that many sheets need."""

from __future__ import annotations

from typing import Any

from htmltools import TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.here import Here, settle
from xenograft.app.lines import parsed, with_value
from xenograft.app.pieces import sentences
from xenograft.app.work import Work
from xenograft.errors import StudyError, quoted
from xenograft.reading.guess_read import read_unknown
from xenograft.reading.schema import Columns

PARTS = {
    "animal": "Animal", "arm": "Arm", "day": "Day or date", "volume": "Volume", "length": "Length", "width": "Width",
    "height": "Height", "tumour": "Which tumour of a mouse", "cage": "Cage", "cohort": "Cohort or batch",
    "weight": "Body weight", "reason_left": "Why it left", "start": "The animal's own day 0",
}  # fmt: skip
"""Columns that a menu offers, in words."""

NUMBERS = {
    "limit_of_quantification": "Smallest volume that is measured",
    "endpoint_volume": "Volume at which animals are removed",
    "horizon": "Day of single numbers",
    "fit_from": "First day that is fitted",
    "header_row": "Row of the header",
    "last_row": "Last row of the table",
}
"""Keys that a number field offers; those of rows are whole numbers."""

CHOICES = {
    "layout": ("Layout", {"long": "A row per reading", "wide by day": "A column per day",
                          "wide by animal": "A column per animal"}),
    "animal_ids": ("Names of animals", {"unique": "Each once in the study", "within arm": "Every arm numbers its own"}),
    "decimal": ("Decimals", {".": "with a point", ",": "with a comma"}),
    "unit": ("Unit of the volumes", {"mm3": "mm³", "cm3": "cm³ (converted)"}),
}  # fmt: skip
"""Keys that a menu offers, with their words; the first choice is what holds where the key is not written."""

OURS: dict[str, Any] = Columns().model_dump()


def part() -> TagChild:
    """The place of the menus on the first step."""
    return TagList(ui.output_ui("column_menus"), ui.output_ui("column_problems"))


def headings(work: Work, text: str) -> list[str]:
    """Names in the header of the table, as far as it has one."""
    path, written = work.table, parsed(text)
    if path is None:
        return []
    sheet = next((written[key] for key in ("sheet",) if isinstance(written.get(key), str)), None)
    named = written.get("sheets")
    try:
        read, found, _, _ = read_unknown(path, sheet or (str(named[0]) if isinstance(named, list) and named else None))
    except StudyError:
        return []
    row = written.get("header_row", found.row)
    cells = read.rows[row - 1] if isinstance(row, int) and 0 < row <= len(read.rows) else []
    return list(dict.fromkeys(name.strip() for name in cells if name.strip()))


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the menus do."""
    wrong: reactive.Value[tuple[str, ...]] = reactive.Value(())
    nothing: tuple[int, dict[str, str]] = (-1, {})
    drawn: reactive.Value[tuple[int, dict[str, str]]] = reactive.Value(
        nothing
    )  # generation, and the column that each menu began with

    @render.ui
    def column_menus() -> TagChild:
        generation = here.generation()
        with reactive.isolate():
            work, text = here.work(), here.text()
        if work is None or not text:
            return None
        names, written = headings(work, text), parsed(text)
        said = written.get("columns", {})
        menus: list[TagChild] = []
        began: dict[str, str] = {}
        for key, words in PARTS.items():
            now = said.get(key, OURS[key])
            if not isinstance(now, str):  # volume by tumour: its own table, in the lines below
                continue
            began[key] = now if now in names or key in said else ""
            choices = {"": "not in the table"} | {name: name for name in [*names, *([now] if began[key] else [])]}
            menus.append(ui.input_select(f"g{generation}_column_{key}", words, choices, selected=began[key]))
        drawn.set((generation, began))
        fields = [_number(generation, key, words, written.get(key)) for key, words in NUMBERS.items()]
        for key, (words, offered) in CHOICES.items():
            now = str(written.get(key, next(iter(offered))))
            fields.append(
                ui.input_select(
                    f"g{generation}_key_{key}", words, offered if now in offered else {now: now} | offered, selected=now
                )
            )
        return tags.details(
            tags.summary("Columns, layout, limits"),
            tags.h3("Which column says what"),
            tags.div(*menus, class_="fields"),
            tags.h3("Layout and limits"),
            tags.div(*fields, class_="fields"),
            open="open" if here.upset() else None,
            class_="mt-3",
        )

    @reactive.effect
    def _() -> None:
        generation, began = drawn()
        if generation < 0:
            return
        for key, before in began.items():
            chosen = str(input[f"g{generation}_column_{key}"]())
            if chosen != before:
                began[key] = chosen
                value = None if chosen in ("", OURS[key]) else chosen
                here.change(lambda text, k=key, v=value: with_value(text, ["columns", k], v))
        problems: list[str] = []
        for key, words in NUMBERS.items():
            typed = str(input[f"g{generation}_key_{key}"]()).strip()
            value, said = _read(key, words, typed)
            problems += [said] if said else []
            with reactive.isolate():
                now = parsed(here.text()).get(key)
            if not said and value != now:
                here.change(lambda text, k=key, v=value: with_value(text, [k], v))
        for key, (_, offered) in CHOICES.items():
            chosen = str(input[f"g{generation}_key_{key}"]())
            first = next(iter(offered))
            with reactive.isolate():
                now = parsed(here.text()).get(key)
            if chosen != (first if now is None else now):
                here.change(lambda text, k=key, v=chosen: with_value(text, [k], v))
        settle(wrong, tuple(problems))

    @render.ui
    def column_problems() -> TagChild:
        return sentences("problems", "Not understood:", wrong())


def _number(generation: int, key: str, words: str, now: Any) -> TagChild:
    shown = f"{now:g}" if isinstance(now, int | float) and not isinstance(now, bool) else ""
    return ui.input_text(f"g{generation}_key_{key}", words, shown, placeholder="none", update_on="blur")


def _read(key: str, words: str, typed: str) -> tuple[float | int | None, str]:
    """A number from what was typed, or why it is none."""
    if not typed:
        return None, ""
    try:
        value = float(typed)
    except ValueError:
        return None, f"{words}: {quoted(typed)} is no number."
    if value.is_integer():
        return int(value), ""
    if key.endswith("_row"):
        return None, f"{words}: {quoted(typed)} is no whole number."
    return value, ""
