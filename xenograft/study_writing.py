"""A study as its two files: study.toml and the table beside it (DESIGN 8.1)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from xenograft.study import Arm, Dosing, Study

_OPTIONAL = ("weight", "cohort", "cage", "exclude", "reason_left")


def study_text(study: Study, data: str = "volumes.csv") -> str:
    """The text of study.toml.

    Parameters
    ----------
    study : Study
        Its arms without those that were ignored; numbers in its unit.
    data : str
        File name of the table.
    """
    numbers = {
        "limit_of_quantification": study.limit_of_quantification,
        "endpoint_volume": study.endpoint_volume,
        "fit_from": study.fit_from,
        "horizon": study.chosen_horizon,
    }
    head = [f"name = {_quoted(study.name)}", f"data = {_quoted(data)}", f"unit = {_quoted(study.unit)}"]
    head += [f"{key} = {_number(value)}" for key, value in numbers.items() if value is not None]
    head += [f"primary = {_quoted(study.primary)}"] if study.primary else []
    return "\n".join([*head, *(line for arm in study.arms for line in _arm_lines(arm))]) + "\n"


def table_text(study: Study) -> str:
    """The text of the table: a row per reading, a censored one as "<" and its limit, columns without content left out.

    Parameters
    ----------
    study : Study
        Volumes in its unit.
    """
    readings = study.readings
    volumes = zip(readings["volume"], readings["censored"], strict=True)
    table = pd.DataFrame(
        {
            "animal": readings["animal"],
            "arm": readings["arm"],
            "day": [_number(day) for day in readings["day"]],
            "volume": [f"{'<' if below else ''}{_number(volume)}" for volume, below in volumes],
        }
    )
    for name in _OPTIONAL:
        if name in readings:
            column = readings[name].fillna("") if name != "weight" else _blank_where_missing(readings[name])
            if any(column):
                table[name] = column
    return table.to_csv(index=False, lineterminator="\n")


def toml_key(name: str) -> str:
    """A name as a TOML key, in quotes unless it is one plain word."""
    return name if name.isascii() and name.isalpha() else _quoted(name)


def _arm_lines(arm: Arm) -> Iterable[str]:
    """One [arms.…] table, after an empty line."""
    yield from ("", f"[arms.{toml_key(arm.name)}]")
    if arm.control:
        yield "control = true"
    for dosing in arm.dosings:
        yield f"agents.{toml_key(dosing.agent)} = {{ {', '.join(_agent_parts(dosing))} }}"


def _agent_parts(dosing: Dosing) -> Iterable[str]:
    if dosing.doses:
        same = len(set(dosing.doses)) == 1
        yield f"dose = {_number(dosing.doses[0]) if same else _list(dosing.doses)}"
    if dosing.unit is not None:
        yield f"unit = {_quoted(dosing.unit)}"
    yield f"days = {_list(dosing.days)}" if dosing.schedule_known else f"start = {_number(dosing.days[0])}"
    if dosing.ends:
        yield "ends = true"


def _list(numbers: Sequence[float]) -> str:
    return f"[{', '.join(_number(number) for number in numbers)}]"


def _number(value: float) -> str:
    """The shortest text that is read back as the same number."""
    return np.format_float_positional(value, trim="-")


def _blank_where_missing(column: pd.Series) -> list[str]:
    return ["" if pd.isna(value) else _number(value) for value in column]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
