"""Several tumours in a mouse, several readings of a tumour on a day (docs/study-files.md)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from xenograft.reading.study_toml import StudyFile, counted

BETWEEN = " · "
"""Between a mouse and its tumour in the name of an animal: "M01 · left"."""
MOST_APART = 1.5
"""Repeated measurements of one tumour by callipers differ by less than this factor."""


def with_mice(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with every tumour as an animal of its own, and its mouse beside it.

    Parameters
    ----------
    rows : DataFrame
        From `rows_in_our_words`.

    Returns
    -------
    DataFrame
        Where some mouse has several tumours: `mouse` is the animal of the table, `animal` is "M01 · left". Else the
        rows as they are.
    """
    if not {"animal", "tumour"} <= set(rows):
        return rows
    key = ["arm", "animal"] if "arm" in rows else ["animal"]
    pairs = rows[rows["tumour"].ne("")].drop_duplicates([*key, "tumour"])
    if not pairs.duplicated(key).any():
        return rows
    label = rows["animal"].where(rows["tumour"].eq(""), rows["animal"] + BETWEEN + rows["tumour"])
    return rows.assign(mouse=rows["animal"], animal=label.where(rows["animal"].ne(""), ""))


def tumour_problems(place: str, rows: pd.DataFrame) -> Iterable[tuple[int, str]]:
    """Readings that do not say of which tumour of a mouse they are."""
    if "mouse" not in rows:
        return
    for row in rows.index[rows["tumour"].eq("") & ~rows["missing"] & rows["mouse"].ne("")]:
        spot = f"cell {rows.at[row, 'cell']}" if "cell" in rows else f"row {row}"
        finding = f"{place}, {spot}, animal {rows.at[row, 'mouse']}: tumour is blank"
        yield int(row), f"{finding}, and other mice have several. Say which tumour it is."


def with_means(file: StudyFile, place: str, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows with the geometric mean for several readings of a tumour on a day, where the study asks for it.

    Parameters
    ----------
    file : StudyFile
        Its `repeats`.
    place : str
        Name of the table.
    rows : DataFrame
        Analysed rows; volumes in `file.unit`.

    Returns
    -------
    rows : DataFrame
        The first row of each group with the mean; a group with a reading below the limit is left as it is.
    notices : list of str
        How many there were, and how far apart.
    """
    if file.entry.repeats is None:
        return rows, []
    key = ["arm", "animal", "day_number"]
    taken = rows[~rows["missing"]]
    if "exclude" in taken:
        taken = taken[taken["exclude"] == ""]
    taken = taken[taken.duplicated(key, keep=False)]
    if taken.empty:
        return rows, []
    groups = taken.groupby(key, sort=False)
    apart = (groups["volume_number"].max() / groups["volume_number"].min()).replace([np.inf, -np.inf], np.nan)
    far = apart[apart > MOST_APART]
    spread = f"{apart.median():.2f}-fold apart (median), {apart.max():.2f}-fold at most"
    used = "their geometric mean is used" if file.entry.repeats == "mean" else "each is used as a reading"
    notices = [f"{place}: {counted(len(taken), 'reading')} share a tumour and a day, {spread}; {used}."]
    if len(far):
        _, animal, day = far.index[0]
        notices.append(
            f"{place}: on {counted(len(far), 'day')} such readings are more than {MOST_APART:g}-fold apart (first "
            "animal "
            f"{animal}, day {day:g}). Are they two tumours, or two mice with one name?"
        )
    if file.entry.repeats == "readings":
        return rows, notices
    whole = taken[~groups["censored"].transform("any")]
    means = np.exp(whole["volume_number"].map(np.log).groupby([whole[part] for part in key]).transform("mean"))
    rows = rows.copy()
    rows.loc[whole.index, "volume_number"] = means
    if "weight_number" in rows:
        weights = whole["weight_number"].groupby([whole[part] for part in key]).transform("mean")
        rows.loc[whole.index, "weight_number"] = weights
    return rows.drop(index=whole.index[whole.duplicated(key)]), notices
