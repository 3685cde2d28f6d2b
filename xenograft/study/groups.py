"""What is independent in a study: its animals, or mice where some mouse carries several tumours."""

from __future__ import annotations

from typing import Literal

import pandas as pd


def group_of(animals: pd.DataFrame) -> Literal["animal", "mouse"]:
    """What the groups of `Study.animals` are: mice where some mouse carries several tumours, each of them a row."""
    if "mouse" not in animals:
        return "animal"
    return "mouse" if animals["mouse"][animals["mouse"] != ""].duplicated().any() else "animal"


def groups_of(animals: pd.DataFrame) -> pd.Series:
    """To which group each animal belongs: its mouse (unknown: a group by itself), or itself; index `animal`."""
    itself = animals.index.to_series()
    return itself if group_of(animals) == "animal" else animals["mouse"].where(animals["mouse"] != "", itself)


def counted(animals: pd.DataFrame) -> str:
    """How many animals there are, in words: "40 animals", or "12 tumours in 6 mice"."""
    if group_of(animals) == "animal":
        return f"{len(animals)} animals"
    return f"{len(animals)} tumours in {groups_of(animals).nunique()} mice"
