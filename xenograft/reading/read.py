"""Reading a study: study.toml and its table, or a data frame, become a Study, or sentences that say why not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from xenograft.errors import StudyError
from xenograft.reading.columns import chosen_columns, rows_in_our_words, with_exclusions
from xenograft.reading.layouts import Cells, one_row_per_reading
from xenograft.reading.problems import problems_of_table
from xenograft.reading.remarks import notices_of
from xenograft.reading.sheet import Sheet
from xenograft.reading.sheets import read_sheet, suffixes
from xenograft.reading.study_toml import StudyFile, read_study_file, study_file_of
from xenograft.study.study import Arm, Dosing, Study

PLACE, ARGUMENTS = "data frame", "arguments"


def read_study(path: str | Path) -> Study:
    """Read a study from its study.toml and the table that it names.

    Parameters
    ----------
    path : str or pathlib.Path
        A study.toml, or a folder that holds one.

    Returns
    -------
    Study
        Volumes in mm³ (or the study's own unit), days as the laboratory recorded them.

    Raises
    ------
    StudyError
        Anything in the two files that cannot be analysed: every problem that can be found in one pass.
    """
    path = Path(path)
    path = path / "study.toml" if path.is_dir() else path
    if path.suffix.lower() in suffixes():
        raise StudyError(f"{path.name}: is a table. Give the study.toml that names it as data.")
    file = read_study_file(path)
    if file.table is None or not file.table_readable:
        raise StudyError(file.problems)
    table = path.parent / file.table
    sheet = _or_all_problems(file, lambda: read_sheet(table, file.entry))
    cells = _or_all_problems(file, lambda: one_row_per_reading(file, sheet))
    return study_of(file, sheet, cells)


def study_of(file: StudyFile, sheet: Sheet, cells: Cells) -> Study:
    """The study that a study.toml and the cells of its table make.

    Parameters
    ----------
    file : StudyFile
        What study.toml says.
    sheet : Sheet
        The table as it is written; its name, checksum and notices are kept.
    cells : Cells
        The same with one row per reading.

    Raises
    ------
    StudyError
        Every problem of the two that can be found in one pass.
    """
    place = sheet.place
    columns, problems = chosen_columns(file, place, cells)
    rows, exclude_problems = with_exclusions(file, place, rows_in_our_words(file, cells, columns))
    analysed = rows[~rows["arm"].isin(file.ignored)] if "arm" in rows else rows
    problems = [*file.problems, *cells.problems, *problems, *exclude_problems]
    problems += problems_of_table(file, place, rows, analysed, columns)
    if problems:
        raise StudyError(problems)
    return _study(file, sheet, cells, rows, analysed)


def study_from_frame(
    frame: pd.DataFrame, arms: Mapping[str, Mapping[str, Any]] | Sequence[Arm], said: Mapping[str, Any]
) -> Study:
    """A study from a long table in memory, and what a study.toml would say of it; see `Study.from_frame`."""
    if len(frame) == 0:
        raise StudyError(f"{PLACE}: it has no rows. Give one row per reading.")
    written = {key: _plain(value) for key, value in said.items()} | {
        "data": PLACE,
        "columns": None if said["columns"] is None else dict(said["columns"]),
        "exclude": [_plain(entry) for entry in said["exclude"]],
        "arms": _arm_tables(arms),
    }
    file = study_file_of(ARGUMENTS, {key: value for key, value in written.items() if value is not None})
    if not file.table_readable:
        raise StudyError(file.problems)
    rows = frame.set_axis([str(column) for column in frame.columns], axis=1).reset_index(drop=True)
    hashed = pd.util.hash_pandas_object(rows.astype("str"), index=False).to_numpy().tobytes()
    sheet = Sheet(PLACE, [], checksum=hashlib.sha256("\0".join(rows.columns).encode() + hashed).hexdigest())
    return study_of(file, sheet, Cells(rows, tuple(rows.columns)))


def _or_all_problems[T](file: StudyFile, read: Callable[[], T]) -> T:
    """What `read` returns; where it finds the table unusable, with the problems of study.toml before its own."""
    try:
        return read()
    except StudyError as error:
        raise StudyError([*file.problems, *error.problems]) from None


def _study(file: StudyFile, sheet: Sheet, cells: Cells, rows: pd.DataFrame, analysed: pd.DataFrame) -> Study:
    entry = file.entry
    if entry.animal_ids == "within arm":
        analysed = analysed.assign(animal=analysed["arm"] + "/" + analysed["animal"])
    readings = _readings(file, analysed)
    animals = rows.drop_duplicates(["arm", "animal"])["arm"].value_counts()
    ignored = {name: int(animals.get(name, 0)) for name in file.ignored}
    study = Study(
        name=entry.name,
        unit=file.unit,
        arms=file.arms,
        readings=readings,
        limit_of_quantification=file.in_unit(entry.limit_of_quantification),
        endpoint_volume=file.in_unit(entry.endpoint_volume),
        chosen_horizon=entry.horizon,
        primary=entry.primary,
        fit_from=entry.fit_from,
        ignored=ignored,
        source_sha256=sheet.checksum,
    )
    notices = [*sheet.notices, *cells.notices, *notices_of(study, sheet.place, analysed, file.entry)]
    return replace(study, notices=tuple(notices))


def _readings(file: StudyFile, rows: pd.DataFrame) -> pd.DataFrame:
    """The readings of a Study, sorted, with those that the likelihood uses marked (docs/mathematics.md#the-tumour)."""
    kept = rows[~rows["missing"]]
    order = kept["arm"].map({arm.name: place for place, arm in enumerate(file.arms)})
    kept = kept.assign(order=order).sort_values(["order", "animal", "day_number"], ignore_index=True)
    readings = kept[["animal", "arm"]].assign(
        day=kept["day_number"], volume=kept["volume_number"].where(~kept["censored"], kept["limit_number"])
    )
    readings["censored"] = kept["censored"]
    used = kept["exclude"].eq("") if "exclude" in kept else pd.Series(data=True, index=kept.index)
    before = readings["day"].where((readings["day"] <= file.first_dose) & used)
    baseline_day = before.groupby(readings["animal"]).transform("max")
    from_day = baseline_day.fillna(-np.inf) if file.entry.fit_from is None else file.entry.fit_from
    readings["fitted"] = (readings["day"] >= from_day) & used
    readings["baseline"] = (readings["day"] == baseline_day) & used
    if "weight" in kept:
        readings["weight"] = kept["weight_number"]
    for part in ("cohort", "cage", "exclude"):
        if part in kept and kept[part].ne("").any():
            readings[part] = kept[part]
    if reasons := _reasons_left(rows):
        readings["reason_left"] = [reasons.get(animal, "") for animal in readings["animal"]]
    return readings


def _reasons_left(rows: pd.DataFrame) -> dict[str, str]:
    """Why animals left: what their column says (often beside a volume not taken), else a word such as "dead"."""
    reasons: dict[str, str] = {}
    for part in ("left", "reason_left"):
        if part in rows:
            told = rows[rows[part] != ""].drop_duplicates("animal", keep="last" if part == "reason_left" else "first")
            reasons |= dict(zip(told["animal"], told[part], strict=True))
    return reasons if "reason_left" in rows or reasons else {}


def _arm_tables(arms: Mapping[str, Mapping[str, Any]] | Sequence[Arm]) -> dict[str, Any]:
    if isinstance(arms, Mapping):
        return {str(name): _plain(table) for name, table in arms.items()}
    return {
        arm.name: {"control": arm.control, "agents": {d.agent: _dosing_table(d) for d in arm.dosings}} for arm in arms
    }


def _dosing_table(dosing: Dosing) -> dict[str, Any]:
    table: dict[str, Any] = {"ends": dosing.ends}
    if dosing.doses is not None:
        table["dose"] = list(dosing.doses)
    if dosing.unit is not None:
        table["unit"] = dosing.unit
    return table | ({"days": list(dosing.days)} if dosing.schedule_known else {"start": dosing.days[0]})


def _plain(value: Any) -> Any:
    """Python's own numbers and lists for NumPy's, as a TOML file would give them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value
