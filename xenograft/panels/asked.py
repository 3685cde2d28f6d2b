"""What a careful reader asks of a panel: of its tables, of each model's readings, of models unlike the others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from xenograft.panels.panel import Panel
from xenograft.panels.read import PanelArrival
from xenograft.reading.remarks import questions_about
from xenograft.reading.second_look import second_look

TIMES_AS_LONG = 7.0
"""A model whose readings are so many times as far apart as those of the others (or as near) is asked about: days for
weeks are 7 times."""


def questions_about_panel(arrival: PanelArrival) -> list[str]:
    """Questions that a panel raises, those of one model with its name before them.

    Parameters
    ----------
    arrival : PanelArrival
        As read; nothing in it is changed.
    """
    panel = arrival.panel
    found: list[str] = []
    for model, table in arrival.tables.items():
        found += [_of(model, words) for words in second_look(table.sheets, table.study)]
    for model, study in panel.studies.items():
        found += [_of(model, words) for words in questions_about(study)]
    return list(dict.fromkeys([*found, *_of_days(panel)]))


def _of(model: str, words: str) -> str:
    return f"{model}: {words}" if model else words


def _of_days(panel: Panel) -> Iterable[str]:
    """Models whose time is counted in something else than the others'."""
    apart = {model: np.median(np.diff(days)) for model, days in _days(panel).items() if len(days) > 1}
    for model, own in apart.items():
        others = [steps for other, steps in apart.items() if other != model]
        middle = np.median(others) if others else own
        if not 1 / TIMES_AS_LONG < own / middle < TIMES_AS_LONG:
            yield (
                f"{model}: its readings are {own:g} days apart, those of other models {middle:g}: are its days hours, "
                "weeks or visits?"
            )


def _days(panel: Panel) -> dict[str, np.ndarray]:
    return {model: np.unique(study.readings["day"]) for model, study in panel.studies.items()}
