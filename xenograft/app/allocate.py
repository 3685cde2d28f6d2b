"""Put animals into arms: paste their volumes, get an allocation at random in which the arms begin alike."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pandas as pd
from htmltools import Tag, TagChild, TagList, tags
from shiny import Inputs, Outputs, Session, reactive, render, ui

from xenograft.app.here import Here
from xenograft.app.pieces import sentences, table
from xenograft.errors import InputError
from xenograft.files import without_formulas
from xenograft.planning.allocation import Allocation, allocate, read_baselines

LONGEST = 1_000_000
"""Characters that may be pasted."""

EXAMPLE = "animal,volume\nM01,112\nM02,98\n…"


def panel() -> Tag:
    """The room."""
    return tags.div(
        tags.h1("Put animals into arms"),
        tags.p("Of many random allocations the one is taken in which the arms differ least in mean and spread of the "
               "volumes. Animals of a cage are spread over the arms."),
        tags.div(
            tags.div(
                ui.input_text_area("baselines", "Paste animal and volume (mm³), and cage if they share cages, with "
                                   "these words as the first row", rows=12, width="100%", placeholder=EXAMPLE,
                                   spellcheck="false"),
                class_="box",
            ),
            tags.div(
                ui.input_text("allocate_arms", "Arms, separated by commas", "vehicle, Drug A, Drug B, Drug A + Drug B"),
                ui.input_numeric("per_arm", "Animals in each arm", 8, min=1),
                ui.input_numeric("allocate_seed", "Seed (write it into the protocol)", 1, min=0),
                ui.input_action_button("allocate_now", "Allocate", class_="btn-primary"),
                ui.output_ui("allocate_refused"),
                class_="box",
            ),
            class_="start",
        ),
        ui.output_ui("allocated"),
    )  # fmt: skip


def allocation_of(pasted: str, arms: str, per_arm: int, seed: int) -> Allocation:
    """The allocation of pasted baselines, by the command line's own functions.

    Raises
    ------
    InputError
        What the command line would refuse.
    """
    if len(pasted) > LONGEST:
        raise InputError("The table is too long. Paste one row for each animal.")
    first = pasted.strip().splitlines()[0] if pasted.strip() else ""
    suffix = ".tsv" if "\t" in first else ".csv"
    text = pasted if suffix == ".tsv" or "," in first else pasted.replace(";", ",")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"pasted{suffix}"
        path.write_text(text.strip() + "\n" if text.strip() else "", encoding="utf-8")
        found = read_baselines(path)
    return allocate(found, [arm.strip() for arm in arms.split(",")], per_arm, seed=seed)


def serve(input: Inputs, output: Outputs, session: Session, here: Here) -> None:
    """What the room does."""
    found: reactive.Value[Allocation | None] = reactive.Value(None)
    wrong: reactive.Value[tuple[str, ...]] = reactive.Value(())

    @reactive.effect
    @reactive.event(input.allocate_now)
    def _() -> None:
        found.set(None)
        try:
            per_arm, seed = int(input.per_arm()), int(input.allocate_seed())
            found.set(allocation_of(str(input.baselines()), str(input.allocate_arms()), per_arm, max(seed, 0)))
            wrong.set(())
        except (TypeError, ValueError):
            wrong.set(("Animals in each arm and seed must be whole numbers.",))
        except InputError as error:
            wrong.set(error.problems)

    @render.ui
    def allocate_refused() -> TagChild:
        return sentences("problems", "Not allocated:", wrong())

    @render.ui
    def allocated() -> TagChild:
        allocation = found()
        if allocation is None:
            return None
        return TagList(
            tags.h2("The allocation"),
            tags.ul(*(tags.li(one) for one in allocation.sentences)),
            tags.div(ui.download_button("allocation_csv", "Download allocation.csv"), class_="buttons"),
            table(allocation.balance, "How alike the arms begin"),
            table(_shown(allocation), "Which animal gets what"),
        )

    @render.download_button(filename="allocation.csv")
    def allocation_csv():
        if (allocation := found()) is not None:
            text = io.StringIO()
            without_formulas(allocation.table.assign(seed=allocation.seed)).to_csv(text, index=False)
            yield text.getvalue()


def _shown(allocation: Allocation) -> pd.DataFrame:
    frame = allocation.table
    return frame.assign(arm=frame["arm"].where(frame["arm"] != "", "not needed"))
