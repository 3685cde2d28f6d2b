"""What was measured of the models and may decide how they respond: moderators.csv as columns of numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xenograft.errors import StudyError, did_you_mean, missing_file, quoted
from xenograft.printing import few
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheets import read_sheet

MODERATORS = "moderators.csv"

UNKNOWN = ("", "na", "n/a", "nan", "nd", "-", "unknown", "none", "not measured")
"""Cells that hold no value, in small letters."""

FEWEST = 3
"""Models of which a moderator has to be known."""


def read_moderators(path: Path, models: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Moderators of the models of a panel.

    Parameters
    ----------
    path : Path
        A table with a column `model` and a column for each moderator, numbers or categories; gaps are allowed.
    models : sequence of str
        Of the panel.

    Returns
    -------
    moderators : DataFrame (model, moderator)
        Numbers as they are; of a category 1 and 0 for each of its words but the first of the alphabet, in columns such
        as "subtype: luminal". NaN where unknown.
    others : list of str
        Models whose rows are passed over, since the panel does not have them.

    Raises
    ------
    StudyError
        The table has no column `model`, a model twice, one that is called almost as one of the panel's without a row,
        or nothing of the panel's models.
    """
    if not path.is_file():
        raise StudyError(missing_file(path))
    header, *rows = read_sheet(path, StudyEntry(name=path.stem, data=path.name)).rows
    header = [text.strip() for text in header]
    if "model" not in header:
        hint = did_you_mean("model", header) or f" Its columns: {few(header, 6)}."
        raise StudyError(f"{path.name}: has no column called model.{hint}")
    if repeated := [name for place, name in enumerate(header) if name and name in header[:place]]:
        raise StudyError(f"{path.name}: two columns are called {quoted(repeated[0])}. Rename one.")
    cells = [[*row, *[""] * len(header)][: len(header)] for row in rows if "".join(row).strip()]
    table = pd.DataFrame(cells, columns=header, dtype="str").apply(lambda column: column.str.strip())
    table = table[[name for name in header if name]]
    twice = table["model"][table["model"].duplicated() & table["model"].ne("")]
    if len(twice):
        raise StudyError(f"{path.name}: model {quoted(twice.iloc[0])} has two rows. Keep one.")
    table = table.set_index("model")
    if not set(table.index) & set(models):
        raise StudyError(
            f"{path.name}: none of its models ({few(list(table.index), 3)}) is in the panel ({few(models, 3)}). "
            "Write the names as the panel does."
        )
    others = [str(model) for model in table.index if model not in models]
    without = {as_compared(model): model for model in models if model not in table.index}
    if alike := [(other, without[as_compared(other)]) for other in others if as_compared(other) in without]:
        (other, ours), *more = alike
        raise StudyError(
            f"{path.name}: model {quoted(other)} is not in the panel, whose {quoted(ours)} has no row"
            f"{f' (and {len(more)} more such)' if more else ''}. Write the names as the panel does."
        )
    found: dict[str, pd.Series] = {}
    for name in table:
        found |= _columns(path.name, str(name), table[name].reindex(list(models)).fillna(""))
    return pd.DataFrame(found, index=pd.Index(list(models), name="model")), others


def as_compared(name: str) -> str:
    """A model's name without what is easily written otherwise: case, spaces, dashes and dots, zeros before a number."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]+", "", name.casefold()))


def _columns(place: str, name: str, text: pd.Series) -> dict[str, pd.Series]:
    """The columns of one moderator."""
    known = ~text.str.lower().isin(UNKNOWN)
    if known.sum() < FEWEST:
        raise StudyError(
            f"{place}: {name} is known of {known.sum()} models of the panel, and at least {FEWEST} are needed. "
            "Remove the column."
        )
    if text[known].str.fullmatch(r"[+-]?\d+(,\d+)?").all():
        text = text.str.replace(",", ".")
    number = pd.to_numeric(text.where(known), errors="coerce")
    words = text[known & number.isna()]
    if len(words) and number.notna().any():
        raise StudyError(
            f"{place}: {name} is a number for {number.notna().sum()} models and {quoted(words.iloc[0])} for model "
            f"{words.index[0]}. Write numbers or categories, and leave a gap where it is unknown."
        )
    if not len(words):
        if np.isinf(number).any() or number.nunique() < 2:
            raise StudyError(f"{place}: {name} does not differ between the models of the panel. Remove the column.")
        return {name: number}
    kinds = sorted(set(words))
    if len(kinds) < 2 or len(kinds) > max(2, known.sum() // 2):
        finding = f"{name} has {len(kinds)} categories in {known.sum()} models"
        raise StudyError(f"{place}: {finding}, from which nothing can be learned. Remove the column, or join them.")
    return {f"{name}: {kind}": text.eq(kind).astype(float).where(known) for kind in kinds[1:]}
