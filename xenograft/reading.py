"""Reading a study: study.toml and its table become a Study, or sentences that say why not (DESIGN 3.1, 8.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from xenograft.errors import StudyError
from xenograft.study import Study
from xenograft.study_file import StudyFile, counted, read_study_file
from xenograft.table import SEPARATORS, SPREADSHEETS, chosen_columns, read_cells, rows_in_our_words
from xenograft.table_problems import place_of, problems_of_table


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
    if path.suffix.lower() in (*SEPARATORS, *SPREADSHEETS):
        raise StudyError(f"{path.name}: is a table. Give the study.toml that names it as data.")
    file = read_study_file(path)
    if file.table is None:
        raise StudyError(file.problems)
    table = path.parent / file.table
    try:
        cells, checksum = read_cells(table)
    except StudyError as error:
        raise StudyError([*file.problems, *error.problems]) from None
    columns, column_problems = chosen_columns(file, table.name, list(cells.columns))
    rows = rows_in_our_words(file, cells, columns)
    analysed = rows[~rows["arm"].isin(file.ignored)] if "arm" in rows else rows
    problems = [*file.problems, *column_problems, *problems_of_table(file, table.name, rows, analysed, columns)]
    if problems:
        raise StudyError(problems)
    return _study(file, table.name, rows, analysed, checksum)


def summary_table(study: Study) -> pd.DataFrame:
    """One row per arm: its animals, its fitted readings, and how they begin and end.

    Returns
    -------
    DataFrame
        Days as recorded, volumes in the study's unit; `left before the last day` counts the animals whose last fitted
        reading is before the last of the study.
    """
    readings, animals = study.fitted_readings, study.animals
    last_day = readings["day"].max()
    summary = readings.groupby("arm").agg(
        **{"fitted readings": ("day", "size"), "first day": ("day", "min"), "last day": ("day", "max")}
    )
    by_arm = animals.assign(left=animals["last_day"] < last_day).groupby("arm")
    summary.insert(0, "animals", by_arm.size())
    for words, function in {"median baseline": "median", "smallest baseline": "min", "largest baseline": "max"}.items():
        summary[words] = by_arm["baseline"].agg(function)
    summary["left before the last day"] = by_arm["left"].sum()
    return summary.loc[[arm.name for arm in study.arms]].reset_index()


def _study(file: StudyFile, place: str, rows: pd.DataFrame, analysed: pd.DataFrame, checksum: str) -> Study:
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
        source_sha256=checksum,
    )
    notices = [*_arm_notices(study), *_table_notices(place, analysed), *_fit_notices(study, analysed)]
    return replace(study, notices=tuple(notices))


def _readings(file: StudyFile, rows: pd.DataFrame) -> pd.DataFrame:
    """The readings of a Study, sorted, with those that the likelihood uses marked (DESIGN 3.1)."""
    kept = rows[~rows["missing"]]
    order = kept["arm"].map({arm.name: place for place, arm in enumerate(file.arms)})
    kept = kept.assign(order=order).sort_values(["order", "animal", "day_number"], ignore_index=True)
    readings = kept[["animal", "arm"]].assign(
        day=kept["day_number"], volume=kept["volume_number"].where(~kept["censored"], kept["limit_number"])
    )
    readings["censored"] = kept["censored"]
    before = readings["day"].where(readings["day"] <= file.first_dose)
    baseline_day = before.groupby(readings["animal"]).transform("max")
    from_day = baseline_day.fillna(-np.inf) if file.entry.fit_from is None else file.entry.fit_from
    readings["fitted"] = readings["day"] >= from_day
    readings["baseline"] = readings["day"] == baseline_day
    if "weight" in kept:
        readings["weight"] = kept["weight_number"]
    for part in ("cohort", "cage"):
        if part in kept and kept[part].ne("").any():
            readings[part] = kept[part]
    if "reason_left" in kept:  # often written beside a volume that could no longer be measured
        told = rows[rows["reason_left"] != ""].drop_duplicates("animal", keep="last")
        reasons = dict(zip(told["animal"], told["reason_left"], strict=True))
        readings["reason_left"] = [reasons.get(animal, "") for animal in readings["animal"]]
    return readings


def _arm_notices(study: Study) -> Iterable[str]:
    for name, animals in study.ignored.items():
        yield f"Arm {name} ({counted(animals, 'animal')}) is listed with ignore = true and not analysed."
    if not study.combinations:
        yield "No arm receives two agents or more: there is no combination to judge."
    alone: dict[str, list[str]] = {}
    for combination in study.combinations:
        references = study.reference_arms(combination)
        for dosing in combination.dosings:
            if references[dosing.agent] is None:
                alone.setdefault(dosing.label(), []).append(combination.name)
    for label, names in alone.items():
        yield (
            f"No arm receives {label} alone on the days of {', '.join(names)}: "
            "the reference uses the model's own curve for it, not an arm."
        )


def _table_notices(place: str, rows: pd.DataFrame) -> Iterable[str]:
    missing = rows.index[rows["missing"]]
    if len(missing):
        row = place_of("", rows, missing[0]).removeprefix(", ")
        yield f"{place}: {counted(len(missing), 'reading')} left out because the volume is blank (the first in {row})."
    if "width" in rows:
        wider = rows.index[rows["width_number"] > rows["length_number"]]
        if len(wider):
            row = place_of("", rows, wider[0]).removeprefix(", ")
            count = counted(len(wider), "reading")
            yield f"{place}: {count} with a width above the length (the first in {row}), used as ½ · length · width²."


def _fit_notices(study: Study, rows: pd.DataFrame) -> Iterable[str]:
    readings, day = study.readings, f"the first dose (day {study.first_dose:g})"
    fitted = study.fitted_readings
    if study.fit_from is not None:
        yield f"Readings from day {study.fit_from:g} on are fitted (fit_from), not from the last one before {day} on."
    else:
        late = study.animals.index[study.animals["baseline"].isna()].tolist()
        if late:
            yield f"{_named(late, 'animal')} without a reading on or before {day}, fitted from the first reading."
    if len(fitted) < len(readings):
        yield f"{counted(len(readings) - len(fitted), 'earlier reading')} kept and drawn, not fitted."
    idle = [animal for animal in rows["animal"].unique().tolist() if animal not in study.animals.index]
    if idle:
        yield f"{_named(idle, 'animal')} without a reading to fit, not analysed."


def _named(names: Sequence[str], thing: str) -> str:
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"{counted(len(names), thing)} ({shown})"
