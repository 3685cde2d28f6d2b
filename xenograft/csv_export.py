"""Tables as CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xenograft.files import replacing

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet take text for a formula."""


def guarded(table: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before every text that a spreadsheet would take for a formula; numbers stay numbers.

    Parameters
    ----------
    table : DataFrame
        Any; its column names are guarded as well.

    Returns
    -------
    DataFrame
        A copy.
    """
    return table.map(_guard).rename(columns=_guard)


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV (UTF-8), whole or not at all; text that starts like a formula gets an apostrophe before it.

    Parameters
    ----------
    path : str or Path
        File to write; replaced if it exists.
    table : DataFrame
        Its index is not written; a missing number is an empty cell, an infinite one is "inf".
    """
    with replacing(path) as temporary:
        guarded(table).to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def _guard(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
