"""A study as plain data and a table, the one form in which it is stored: beside a fit, in a reference for drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from xenograft.study.study import Arm, Dosing, Study

FLAGS = ("censored", "fitted", "baseline")
NUMBERS = ("day", "volume", "weight")


def facts_of(study: Study) -> dict[str, Any]:
    """Everything about a study but its readings, as JSON can hold it."""
    plain = {name: value for name, value in vars(study).items() if name in Study.__dataclass_fields__}
    del plain["readings"]
    return plain | {"arms": [asdict(arm) for arm in study.arms], "ignored": dict(study.ignored)}


def study_of(facts: Mapping[str, Any], readings: pd.DataFrame) -> Study:
    """The study with these facts and readings.

    Parameters
    ----------
    facts : mapping
        From `facts_of`, also after it was JSON.
    readings : DataFrame
        As `Study.readings`; texts and flags may have other types of column.

    Raises
    ------
    KeyError, TypeError, ValueError
        When the facts are not those of a study.
    """
    table = readings.copy()
    for name in table.columns.difference([*NUMBERS, *FLAGS]):
        table[name] = table[name].astype("str")
    table[list(FLAGS)] = table[list(FLAGS)].astype(bool)
    arms = tuple(
        Arm(arm["name"], arm["control"], tuple(_dosing(dosing) for dosing in arm["dosings"])) for arm in facts["arms"]
    )
    given: dict[str, Any] = {**facts, "arms": arms, "notices": tuple(facts["notices"])}
    return Study(readings=table, **given)


def _dosing(facts: Mapping[str, Any]) -> Dosing:
    doses = facts["doses"]
    given: dict[str, Any] = {**facts, "days": tuple(facts["days"]), "doses": None if doses is None else tuple(doses)}
    return Dosing(**given)
