"""One check of how the answer depends on a choice, as a report shows it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class SensitivityTable:
    """One check of how the answer depends on a choice.

    Parameters
    ----------
    title : str
        For example "On the priors".
    table : DataFrame
        Columns as they are to be read, text or numbers.
    finding : str
        What it says, in a sentence.
    doubtful : bool
        Whether it puts the answer in doubt.
    caption : str
        What the numbers are; the title where empty.
    changed : str
        Under which assumptions the verdict would be another, in words; empty where under none.
    """

    title: str
    table: pd.DataFrame
    finding: str
    doubtful: bool = False
    caption: str = ""
    changed: str = ""
