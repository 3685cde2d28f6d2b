"""Pieces that several pages are made of: lists of sentences, tables, steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pandas as pd
from htmltools import Tag, TagChild, TagList, tags

LONGEST_NAME = 45
"""Letters of an agent's name above its line of doses."""


def sentences(kind: Literal["problems", "asked", "fine"], heading: str, said: Sequence[str]) -> TagChild:
    """Sentences in a box of their kind; nothing where there is none."""
    if not said:
        return None
    role = "alert" if kind == "problems" else None
    return tags.div(tags.strong(heading), tags.ul(*(tags.li(one) for one in said)), role=role, class_=kind)


def table(frame: pd.DataFrame, caption: str, *, class_: str = "") -> TagChild:
    """A frame as a table that scrolls, with its caption; nothing where it is empty."""
    if not len(frame):
        return None
    head = tags.tr(*(tags.th(str(name), scope="col") for name in frame.columns))
    body = [
        tags.tr(tags.th(_said(first), scope="row"), *(tags.td(_said(value)) for value in rest))
        for first, *rest in frame.itertuples(index=False)
    ]
    inside = tags.table(tags.caption(caption, class_="visually-hidden"), tags.thead(head), tags.tbody(*body))
    return TagList(
        tags.h3(caption),
        tags.div(inside, class_=f"scroll {class_}".strip(), tabindex="0", role="region", aria_label=caption),
    )


def onwards(button: Tag) -> Tag:
    """The button that leads to the next step."""
    return tags.div(button, class_="buttons")


def timeline(rows: Iterable[tuple[str, Sequence[float]]], last: float) -> TagChild:
    """Dosing days of agents as marks on a line from the first dose, or day 0, to the study's last day.

    Parameters
    ----------
    rows : iterable of (str, sequence of float)
        Agent and days.
    last : float
        Day at the right end.
    """
    given = [(agent, list(days)) for agent, days in rows if days]
    if not given:
        return None
    first = min(0.0, *(min(days) for _, days in given))
    last = max(last, *(max(days) for _, days in given), first + 1)
    row = 26  # the agent's name, and its line below
    height = row * len(given) + 16

    def at(day: float) -> float:
        return 4 + 292 * (day - first) / (last - first)

    marks: list[Any] = []
    for number, (agent, days) in enumerate(given):
        y, colour = row * (number + 1) - 6, ("#0b5c62", "#9a4a00", "#5b3fa0")[number % 3]
        name = agent if len(agent) <= LONGEST_NAME else f"{agent[: LONGEST_NAME - 1]}…"
        marks.append(Tag("text", name, x=0, y=y - 8, font_size=10, fill=colour))
        marks.append(Tag("line", x1=4, x2=296, y1=y, y2=y, stroke="#8793a3"))
        marks += [Tag("circle", cx=f"{at(day):.1f}", cy=y, r=4, fill=colour) for day in days]
    ends = [(first, "start"), (last, "end")]
    marks += [
        Tag("text", f"day {day:g}", x=f"{at(day):.1f}", y=height - 2, font_size=10, text_anchor=side, fill="#4f5b6b")
        for day, side in ends
    ]
    words = "; ".join(f"{agent} on days {', '.join(f'{day:g}' for day in days)}" for agent, days in given)
    return Tag("svg", *marks, viewBox=f"0 0 300 {height}", role="img", aria_label=words, class_="timeline")


def _said(value: Any) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.5g}"
    return str(value)
