"""Numbers, probabilities and lists as people print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

SHORT_REFERENCES = {"bliss": "Bliss", "hsa": "HSA", "additive": "response additivity"}


def listed(words: Sequence[str]) -> str:
    """Words with commas, and "and" before the last."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def few(words: Sequence[str], most: int = 5) -> str:
    """As `listed`, the rest of many counted."""
    more = len(words) - most
    return listed(words) if more <= 0 else f"{', '.join(words[:most])} and {more} more"


def number(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits, a dash where there is none."""
    if value is None or pd.isna(value):
        return "–"
    text = f"{value:,.{digits}g}"
    return (f"{value:,.0f}" if "e+" in text else text).replace("-", "−")


def breakable(name: str) -> Markup:
    """A name for a narrow column: escaped, and a line may end after each "+" between agents."""
    return Markup(str(escape(name)).replace("+", "+<wbr>"))


def interval_in_words(found: Mapping[Any, Any] | None, digits: int = 3) -> str:
    """Median and interval in words; what is infinite says why."""
    if found is None:
        return "–"
    if found["median"] is None:
        return str(found.get("reason", "–"))
    upper = "no limit" if found["upper"] is None else number(found["upper"], digits)
    lower = "no limit" if found["lower"] is None else number(found["lower"], digits)
    return f"{number(found['median'], digits)} ({lower} to {upper})"


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
