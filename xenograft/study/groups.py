"""What is independent in a study: its animals, mice that carry several tumours, or cages that hold several animals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pandas as pd

type Group = Literal["animal", "mouse", "cage", "model"]

PLURAL: Mapping[Group, str] = {"animal": "animals", "mouse": "mice", "cage": "cages", "model": "models"}
"""The groups in words, when there are several."""


def group_of(animals: pd.DataFrame) -> Group:
    """What the groups of `Study.animals` are.

    Mice where some mouse carries several tumours, each of them a row; else cages where some cage holds several animals.
    """
    for group in ("mouse", "cage"):
        if group in animals and animals[group][animals[group] != ""].duplicated().any():
            return group
    return "animal"


def groups_of(animals: pd.DataFrame) -> pd.Series:
    """To which group each animal belongs: its mouse or cage (unknown: a group by itself), or itself; index `animal`."""
    itself, group = animals.index.to_series(), group_of(animals)
    return itself if group == "animal" else animals[group].where(animals[group] != "", itself)


def counted(animals: pd.DataFrame) -> str:
    """How many animals there are, in words: "40 animals", "12 tumours in 6 mice" or "40 animals in 10 cages"."""
    group = group_of(animals)
    if group == "animal":
        return f"{len(animals)} animals"
    what = "tumours" if group == "mouse" else "animals"
    return f"{len(animals)} {what} in {groups_of(animals).nunique()} {PLURAL[group]}"


def with_groups(animals: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """The animals with the `mouse` and the `cage` that their readings name, the first that is named; empty: unknown."""
    named: dict[str, pd.Series] = {}
    for part in ("mouse", "cage"):
        if part in readings:
            known = readings.assign(name=readings[part].fillna("").astype("str"))
            first = known[known["name"] != ""].groupby("animal")["name"].first()
            named[part] = first.reindex(animals.index, fill_value="")
    return animals.assign(**named)


def cages_of(animals: pd.DataFrame) -> pd.DataFrame:
    """The `arm` and `cage` of every animal of `Study.animals` whose cage is known; empty without such a column."""
    if "cage" not in animals:
        return pd.DataFrame({"arm": [], "cage": []})
    return animals.loc[animals["cage"] != "", ["arm", "cage"]]


def nested_in_arms(cages: pd.DataFrame) -> bool:
    """Whether every cage is of one arm, so that arms differ by their cages too."""
    return bool(cages.groupby("cage")["arm"].nunique().le(1).all())
