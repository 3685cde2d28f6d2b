"""Numbers, probabilities and lists as people print them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

if TYPE_CHECKING:
    import xarray as xr

SHORT_REFERENCES = {"bliss": "Bliss", "hsa": "HSA", "additive": "response additivity"}

UNBROKEN = 32
"""Letters up to which a cell stays on one line."""


def listed(words: Sequence[str]) -> str:
    """Words with commas, and "and" before the last."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def capitalised(words: str) -> str:
    """A sentence's first letter as a capital; the others as they are."""
    return f"{words[:1].upper()}{words[1:]}"


def few(words: Sequence[str], most: int = 5) -> str:
    """As `listed`, the rest of many counted."""
    more = len(words) - most
    return listed(words) if more <= 0 else f"{', '.join(words[:most])} and {more} more"


def labelled(table: xr.Dataset) -> pd.Series:
    """Numbers of a dataset as one column, named as people read them: `growth`, `tgi[T-DM1]`, `bend[T-DM1, 3]`."""
    values: dict[str, float] = {}
    for name, variable in table.items():
        if variable.ndim:
            values |= {label_of(name, label): float(value) for label, value in variable.to_series().items()}
        else:
            values[str(name)] = float(variable)
    return pd.Series(values, dtype=float)


def label_of(name: object, label: object) -> str:
    """The name of one number among several of its kind; `label` is a tuple where it has several."""
    return f"{name}[{', '.join(map(str, label)) if isinstance(label, tuple) else label}]"


def number(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits, a dash where there is none."""
    if value is None or pd.isna(value):
        return "–"
    text = f"{value:,.{digits}g}"
    return (f"{value:,.0f}" if "e+" in text else text).replace("-", "−")


def significant(value: float | None, digits: int = 3) -> str:
    """A number with all of so many significant digits, "90.0" beside "89.8"; else as `number`."""
    if value is None or pd.isna(value) or value == 0:
        return number(value, digits)
    text = f"{value:#.{digits}g}"
    return number(value, digits) if "e" in text else text.removesuffix(".").replace("-", "−")


def percent(value: float | None) -> str:
    """A percentage to one decimal; a smaller one to one digit; 0 and 100 as they are."""
    if value is None or pd.isna(value):
        return "–"
    if value in (0, 100):
        return number(value)
    return number(value, 1) if abs(value) < 0.05 else decimal(value)


def breakable(name: str) -> Markup:
    """A name for a narrow column: escaped, and a line may end after each "+" between agents."""
    return Markup(escape(name).replace("+", "+<wbr>"))


def interval_in_words(found: Mapping[Any, Any] | None, digits: int = 3) -> str:
    """Median and interval in words, alone where it is one number by definition; what is infinite says why.

    Percentages (by their `unit`) are as in `percent_interval`.
    """
    if found is not None and found.get("unit") == "%":
        return percent_interval(found)
    return _interval(found, lambda value: significant(value, digits), lambda value: number(value, digits))


def percent_interval(found: Mapping[Any, Any] | None) -> str:
    """As `interval_in_words`, of percentages to one decimal."""
    return _interval(found, percent, percent)


def _interval(found: Mapping[Any, Any] | None, said: Callable[[float], str], alone: Callable[[float], str]) -> str:
    if found is None:
        return "–"
    if found["median"] is None:
        return str(found.get("reason", "–"))
    if found["lower"] == found["median"] == found["upper"]:
        return alone(found["median"])
    upper = "no limit" if found["upper"] is None else said(found["upper"])
    lower = "no limit" if found["lower"] is None else said(found["lower"])
    return f"{said(found['median'])} ({lower} to {upper})"


def whole(value: float) -> str:
    """A number without decimals, from 10 on; below, to three digits."""
    return number(value) if abs(value) < 10 else f"{value:,.0f}".replace("-", "−")


def decimal(value: float) -> str:
    """A number to one decimal."""
    return f"{value:.1f}".replace("-", "−")


def fixed(found: Mapping[Any, Any] | None) -> str:
    """Median and interval to two decimals."""
    if found is None:
        return "–"
    median, lower, upper = (f"{found[key]:.2f}".replace("-", "−") for key in ("median", "lower", "upper"))
    return f"{median} ({lower} to {upper})"


def share(value: float | None) -> str:
    """A probability to three decimals."""
    if value is None:
        return "–"
    return "> 0.999" if value > 0.999 else "< 0.001" if value < 0.001 else f"{value:.3f}"


def share_in_words(probability: float) -> str:
    """A probability to three decimals within a sentence."""
    if probability > 0.999:
        return "above 0.999"
    return "below 0.001" if probability < 0.001 else f"{probability:.3f}"


def html_card(title: str, kind: str, facts: Sequence[str], parts: Sequence[str]) -> str:
    """A record in a notebook, with the notebook's own colours, so that light and dark themes both work."""
    return (
        f'<div class="xenograft"><p><strong>{escape(title)}</strong> <em>{escape(kind)}</em><br>'
        f"{escape(' · '.join(facts))}</p>{''.join(parts)}</div>"
    )


def html_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under the names of their columns; wide ones scroll. Empty where there is none."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col" style="text-align:left">{escape(name)}</th>' for name in rows[0])
    body = "".join("<tr>" + "".join(map(_cell, row.values())) + "</tr>" for row in rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div style="overflow-x:auto" tabindex="0">{table}</div>'


def html_list(sentences: Sequence[str]) -> str:
    """Sentences, one below the other; empty where there is none."""
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in sentences)}</ul>" if sentences else ""


def _cell(value: Any) -> str:
    words = str(value)
    wrap = "nowrap" if len(words) < UNBROKEN else "normal"
    return f'<td style="text-align:left;white-space:{wrap}">{escape(words)}</td>'


def bullets(sentences: Sequence[str]) -> str:
    """Sentences as a list in Markdown."""
    return "\n".join(f"- {markdown_text(words)}" for words in sentences)


def markdown_table(frame: pd.DataFrame) -> str:
    """A table that GitHub shows as one."""
    columns = [markdown_text(str(name)) for name in frame.columns]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(markdown_text(str(value)) for value in row)} |" for row in frame.itertuples(index=False)]
    return "\n".join(lines)


def markdown_text(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = text.replace("\\", "\\\\").replace("\n", " ")
    for mark in ("|", "*", "_", "`", "<", "[", "]"):
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped
