"""A column that names tumour models: the table is then a panel, not one study (`xenograft init`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_NAMES = (
    r"(?:pdx|tumou?r|mouse|xenograft|cdx|patient|cancer)?[ ._-]*(?:model|line|cell[ ._-]?line)"
    r"(?:[ ._-]*(?:ids?|name|no|nr|#))?|"
    r"pdx(?:[ ._-]*(?:ids?|name|no|nr|#))?|patient(?:[ ._-]*(?:ids?|no|nr|#))?|xenograft|modell"
)
FEWEST_ROWS = 4
"""Rows that a model has on average, at least: else the column names animals or readings."""


def models_guessed(
    header: Sequence[str], rows: Sequence[Sequence[str]], columns: Mapping[str, str]
) -> tuple[str, tuple[str, ...]] | None:
    """The column of models, and its models; None where there is none.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequences of str
        Cells below them.
    columns : mapping of str to str
        Columns that play another part; that of arms has to have one arm in several models.
    """
    arm = columns.get("arm", "arm" if "arm" in header else "")
    if arm not in header:
        return None
    at_arm = header.index(arm)
    for place, name in enumerate(header):
        taken = name in columns.values() and columns.get("cohort") != name
        if taken or not re.fullmatch(_NAMES, name.strip().lower()):
            continue
        pairs = [
            (row[place].strip(), row[at_arm].strip())
            for row in rows
            if len(row) > max(place, at_arm) and row[place].strip() and row[at_arm].strip()
        ]
        models = tuple(dict.fromkeys(model for model, _ in pairs))
        shared = {arm for _, arm in pairs if len({m for m, a in set(pairs) if a == arm}) > 1}
        if len(models) > 1 and shared and len(pairs) >= FEWEST_ROWS * len(models):
            return name, models
    return None
