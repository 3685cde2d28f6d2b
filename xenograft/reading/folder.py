"""Study folders: where they are, and a study written in the one form that every study can be given."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xenograft.errors import InputError
from xenograft.files import guarded_text, replacing, toml_key, toml_text
from xenograft.study.study import Arm, Dosing, Study

_TEXTS = ("model", "animal", "arm", "cohort", "cage", "reason_left", "exclude")
_FIRST = ("model", "animal", "arm", "day", "volume")


def write_study(study: Study, folder: str | Path, *, replace: bool = False) -> None:
    """Write study.toml and volumes.csv; reading the folder gives a study with the same digest.

    Parameters
    ----------
    study : Study
        Its analysed arms are written; arms with `ignore = true` are not part of it.
    folder : str or Path
        Made if needed.
    replace : bool
        Whether files of these names that are there may be replaced.

    Raises
    ------
    InputError
        A file is there already, or the folder cannot be written to.
    """
    folder = Path(folder)
    contents = {"volumes.csv": csv_of(study), "study.toml": toml_of(study)}
    taken = [name for name in contents if (folder / name).exists()]
    if taken and not replace:
        raise InputError(f"{folder}: it already holds {' and '.join(sorted(taken))}. Name another folder.")
    for name, text in contents.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")


def studies_in(folder: str | Path) -> list[Path]:
    """Every folder with a study.toml below a folder that is no study itself, in order of their names."""
    place = Path(folder)
    if not place.is_dir() or (place / "study.toml").is_file():
        return []
    return sorted(found.parent for found in place.rglob("study.toml"))


def toml_of(study: Study) -> str:
    """The study.toml of `write_study`: its arms without those that were ignored, numbers in its unit."""
    keys: dict[str, Any] = {
        "name": study.name,
        "data": "volumes.csv",
        "unit": study.unit,
        "limit_of_quantification": _limit(study),
        "endpoint_volume": study.endpoint_volume,
        "horizon": study.chosen_horizon,
        "fit_from": study.fit_from,
        "primary": study.primary,
        "guarded": _is_guarded(study) or None,
    }
    lines = [f"{key} = {_value(value)}" for key, value in keys.items() if value is not None]
    if study.methods:
        lines += ["", "[methods]", *(f"{key} = {toml_text(said)}" for key, said in study.methods.items())]
    for arm in study.arms:
        lines += ["", *_arm_lines(arm)]
    return "\n".join([*lines, ""])


def csv_of(study: Study) -> str:
    """The volumes.csv of `write_study`: a row per reading, a censored one as "<" and its limit.

    Parameters
    ----------
    study : Study
        Volumes in its unit.
    """
    readings = study.readings
    columns: dict[str, Iterable[str]] = {part: map(guarded_text, readings[part]) for part in _TEXTS if part in readings}
    days, volumes = map(number_text, readings["day"]), map(number_text, readings["volume"])
    marks = np.where(readings["censored"], "<", "")
    columns |= {"day": days, "volume": (mark + volume for mark, volume in zip(marks, volumes, strict=True))}
    if "weight" in readings:
        columns["weight"] = ("" if pd.isna(weight) else number_text(weight) for weight in readings["weight"])
    order = [*(name for name in _FIRST if name in columns), *(name for name in columns if name not in _FIRST)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(order)
    writer.writerows(zip(*(columns[name] for name in order), strict=True))
    return text.getvalue()


def _arm_lines(arm: Arm) -> Iterable[str]:
    yield f"[arms.{toml_key(arm.name)}]"
    if arm.control:
        yield "control = true"
    for dosing in arm.dosings:
        yield f"agents.{toml_key(dosing.agent)} = {{ {', '.join(_dosing_parts(dosing))} }}"


def _dosing_parts(dosing: Dosing) -> Iterable[str]:
    if dosing.doses is not None:
        same = len(set(dosing.doses)) == 1
        yield f"dose = {_value(dosing.doses[0] if same else list(dosing.doses))}"
    if dosing.unit is not None:
        yield f"unit = {_value(dosing.unit)}"
    yield f"days = {_value(list(dosing.days))}" if dosing.schedule_known else f"start = {_value(dosing.days[0])}"
    if dosing.ends:
        yield "ends = true"


def _value(value: str | float | list[float]) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return toml_text(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return number_text(value)


def _limit(study: Study) -> float | None:
    """The study's limit, unless a reading that was measured lies at or below it (rows may have limits of their own)."""
    limit = study.limit_of_quantification
    measured = study.readings.loc[~study.readings["censored"], "volume"]
    return None if limit is None or (measured <= limit).any() else limit


def _is_guarded(study: Study) -> bool:
    texts = {str(text) for part in _TEXTS if part in study.readings for text in study.readings[part].unique()}
    return any(guarded_text(text) != text for text in texts)


def number_text(value: float) -> str:
    """A number as short as it can be without losing a digit."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
