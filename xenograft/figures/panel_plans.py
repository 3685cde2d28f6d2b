"""The figure of a planned panel: the chance of a verdict on each question, design by design."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from xenograft.figures.theme import ARM_COLOURS, INK, SOFT, THEME, WIDE

SHORT = {
    "every": "every {:g} d", "duration": "{:g} d", "effect": "{:g}/day", "spread": "sd {:g}/day",
    "slope": "slope {:g}/day",
}  # fmt: skip
SAID = {"average": "average model", "new_model": "a new model, either verdict"}
NOTHING = 1e-6


@mpl.rc_context(THEME)
def panel_power(table: pd.DataFrame, *, width: float = 0.8 * WIDE) -> Figure:
    """The chance of the verdict that is true, of a new model of either verdict, on each question of every design.

    Parameters
    ----------
    table : DataFrame
        As of `planning.power.power` of panels; its first model is drawn. Where nothing is there, the chance of a wrong
        verdict.
    width : float
        Inches.
    """
    rows = table[table["model"] == table["model"].iloc[0]]
    figure = Figure(figsize=(width, 0.55 * width), layout="constrained")
    axis = figure.subplots()
    questions = list(rows.groupby("question", sort=False))
    colours = [*ARM_COLOURS, *[SOFT] * len(questions)]
    for place, (colour, (question, own)) in enumerate(zip(colours, questions, strict=False)):
        less = own["true"] < -NOTHING
        either = (own["true"].abs() < NOTHING) | (question == "new_model")
        both = own["enhanced"] + own["less"], np.hypot(own["enhanced ±"], own["less ±"])
        chance = own["less"].where(less, own["enhanced"]).where(~either, both[0])
        error = own["less ±"].where(less, own["enhanced ±"]).where(~either, both[1])
        wrong = " (wrong)" if bool((own["true"].abs() < NOTHING).all()) else ""
        at = np.arange(len(own)) + 0.06 * (place - (len(questions) - 1) / 2)
        axis.errorbar(
            at, chance, yerr=error, color=colour, marker="o", markersize=4, linewidth=1.4, elinewidth=0.8, capsize=2,
            label=f"{SAID.get(str(question), str(question))}{wrong}",
        )  # fmt: skip
    first = rows[rows["question"] == rows["question"].iloc[0]]
    axis.set_xticks(range(len(first)), [_named(row) for _, row in first.iterrows()])
    axis.axhline(0.8, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
    axis.set_ylim(-0.02, 1.02)
    axis.yaxis.set_major_formatter(PercentFormatter(1.0))
    axis.set_ylabel("chance of the verdict")
    axis.set_xlabel("models × animals per arm" if "models" in first else "design")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
    return figure


def _named(row: pd.Series) -> str:
    """What a cell varies, in a few characters."""
    size = f"{row['models']:g} × {row['animals']:g}" if "models" in row else ""
    size = f"{row['animals']:g} animals" if not size and "animals" in row else size
    others = [words.format(row[name]) for name, words in SHORT.items() if name in row]
    return "\n".join([*([size] if size else []), *others]) or "as planned"
