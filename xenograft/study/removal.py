"""Why animals left: what the words of `reason_left` mean for times to the endpoint and for the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import pandas as pd

from xenograft.study.study import Study

type Removal = Literal["size", "ulceration", "weight loss", "found dead", "condition", "scheduled", "unclear", ""]

_WORDS: Mapping[Removal, str] = {
    "scheduled": r"schedul|planned|terminal|terminat|end[ _-]?of[ _-]?(study|experiment|follow)|study[ _-]?end|"
    r"interim|satellite|sampling|sampled|harvest|biops|necropsy|collect|take[ _-]?down|\bpk\b",
    "ulceration": r"ulcer|necro(?!ps)|wound|open (tumou?r|lesion)|lesion",
    "weight loss": r"weight|\bbwl?\b|cachex|emaciat",
    "found dead": r"\bdead\b|\bdied\b|death|†|mortality",
    "condition": r"condition|moribund|sick|letharg|paraly|toxic|humane|clinical|illness|distress|morbid|"
    r"\bill\b|welfare|^other",
    "size": r"size|volume|burden|diameter|too (large|big)|large tumou?r|tumou?r (large|limit|load)|"
    r"mm3|mm³|cm3|>\s*\d{3,}|\btv\b",
}
"""Patterns by reason."""

_LIMIT = r"end[ -]?point|max(imum)?\b"
"""Means the size where nothing else is said: a "humane endpoint" is no endpoint of size."""

OTHER: tuple[Removal, ...] = ("ulceration", "weight loss", "found dead", "condition")
"""Reasons that may have to do with how the animal would have gone on, though not with the size that was read."""


def removal_of(words: str) -> Removal:
    """What a reason in a laboratory's words is; empty where there is none.

    "unclear" where it is none that is known, or says the size and something else, or a schedule and something else.
    """
    told = words.strip().lower().replace("_", " ")
    if not told:
        return ""
    found: list[Removal] = [kind for kind, pattern in _WORDS.items() if re.search(pattern, told)]
    if not found:
        return "size" if re.search(_LIMIT, told) else "unclear"
    of_schedule = "scheduled" in found and re.search(_LIMIT, told) is not None
    alone = len(found) == 1 or all(kind in OTHER for kind in found)
    return found[0] if alone and not of_schedule else "unclear"


def removals(study: Study) -> pd.Series:
    """Why each animal left, as `removal_of`; index `animal`. An animal read on the study's last day did not leave."""
    animals = study.animals
    found = animals["reason_left"].map(removal_of)
    return found.where(animals["last_day"] < study.fitted_readings["day"].max(), "")


def left_for_size(study: Study) -> frozenset[str]:
    """Animals whose reason is the size of the tumour, on whatever day."""
    reasons = study.animals["reason_left"]
    return frozenset(str(name) for name, words in reasons.items() if removal_of(words) == "size")


def left_below_endpoint(study: Study) -> pd.Series:
    """Last volumes of the animals that left for size and were never measured at the endpoint volume; index `animal`."""
    if study.endpoint_volume is None:
        return pd.Series(dtype=float)
    largest = study.daily_readings.groupby("animal")["volume"].max()
    for_size = left_for_size(study)
    below = [name for name in study.animals.index if name in for_size]
    last = study.animals.loc[below, "last_volume"]
    return last[largest.reindex(last.index) < study.endpoint_volume]


def reasons_table(study: Study) -> pd.DataFrame:
    """Every reason in the laboratory's words, what it counts as, and its number of animals; empty without any."""
    words = study.animals["reason_left"]
    told = words[words != ""]
    if told.empty:
        return pd.DataFrame(columns=["reason", "counts as", "animals"])
    table = told.value_counts(sort=False).rename_axis("reason").rename("animals").reset_index()
    table.insert(1, "counts as", table["reason"].map(removal_of))
    return table
