"""What people read on a report's page, and which of its numbers come from its content."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from xenograft.printing import number
from xenograft.report.content import ReportContent
from xenograft.report.page import render
from xenograft.study.follow_up import follow_up

PACKAGE = Path(__file__).parents[1] / "xenograft"
NUMBER = r"(?<![A-Za-z\d])(?<![A-Za-z]-)\d[\d,]*(?:\.\d+)?"  # not the 1 of T-DM1, nor what is in GDC-0084


def tokens(text: str) -> set[str]:
    """Numbers in a text, without their signs."""
    return {found.rstrip(",") for found in re.findall(NUMBER, text)}


def text_of(page: str) -> str:
    """What people read: no figures, no style, no digests, no addresses."""
    for pattern in (r"<(style|script|svg|math)\b.*?</\1>", r'<td class="code">.*?</td>'):
        page = re.sub(pattern, " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r'<[^>]*title="[^"]*"[^>]*>', " ", page)))


def values_of(content: ReportContent) -> Iterator[float]:
    """Every number of results.json and of the tables, those in sentences too."""

    def walk(value: Any) -> Iterator[float]:
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, int | float):
            yield float(value)
        elif isinstance(value, str):
            yield from (float(found.replace(",", "")) for found in tokens(value))
        elif isinstance(value, Mapping):
            yield from (found for pair in value.items() for one in pair for found in walk(one))
        elif isinstance(value, pd.DataFrame):
            yield from (float(found) for found in value.select_dtypes("number").to_numpy().ravel())
            yield from (found for name in value.select_dtypes(exclude="number") for one in value[name].astype("str")
                        for found in walk(one))  # fmt: skip
        elif isinstance(value, list | tuple):
            yield from (found for one in value for found in walk(one))
        elif hasattr(value, "__dataclass_fields__"):
            yield from (found for field in fields(value) for found in walk(getattr(value, field.name)))

    study = content.study
    counts = study.animals.groupby("arm")[["readings", "censored"]].sum()
    medians = study.animals.groupby("arm")["baseline"].median().to_frame()
    days = [value - study.first_dose for value in study.fitted_readings["day"]]
    left = (study.animals["last_day"] < study.fitted_readings["day"].max()).groupby(study.animals["arm"]).sum()
    given = [prior for card in content.cards.values() for prior in card.priors.values()]
    priors = [
        one.in_words()
        for prior in given
        for one in (prior, *([prior.on_follow_up(follow_up(study))] if prior.relative else []))
    ]
    for source in (content, priors, study.animals.reset_index(), counts, medians, days, left.astype(int).to_frame()):
        yield from walk(source)


def printed(value: float) -> set[str]:
    """How a number may be printed."""
    size = abs(value)
    if not size < float("inf"):
        return set()
    forms = {f"{size:.{places}f}" for places in range(5)} | {
        f"{size:g}",
        f"{size:,.0f}",
        f"{100 * size:.0f}",
        f"{100 - size:.0f}",
    }
    return forms | {found for digits in (2, 3, 4) for found in tokens(number(size, digits))}


@cache
def wording() -> set[str]:
    """Numbers in the report's own words."""
    written = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".jinja", ".toml")]
    cards = (PACKAGE.parent / "models").glob("*.toml")
    return {found for path in (*written, *cards) for found in tokens(path.read_text(encoding="utf-8"))}


def unexplained(content: ReportContent, page: str | None = None) -> set[str]:
    """Numbers on the page (rendered here where it is not given) that are neither in its content nor in its words."""
    known = {form for value in set(values_of(content)) for form in printed(value)}
    return tokens(text_of(page or render(content))) - known - wording()


def tables_of(page: str) -> dict[str, list[list[str]]]:
    """Tables by caption: rows of cells as people read them, the headings first."""
    found: dict[str, list[list[str]]] = {}
    for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
        caption = re.search(r"<caption>(.*?)</caption>", table, re.DOTALL)
        rows = re.findall(r"<tr.*?</tr>", table, re.DOTALL)
        cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
        found[_words(caption.group(1)) if caption else ""] = [[_words(cell) for cell in row] for row in cells]
    return found


def _words(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", markup.replace("<wbr>", ""))).strip()
