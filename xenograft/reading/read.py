"""Reading a study: study.toml and its table, or a data frame, become a Study, or sentences that say why not."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from xenograft.errors import StudyError
from xenograft.printing import few
from xenograft.reading.columns import chosen_columns, rows_in_our_words, with_exclusions
from xenograft.reading.layouts import Cells
from xenograft.reading.problems import problems_of_table
from xenograft.reading.remarks import notices_of
from xenograft.reading.repeats import with_means, with_mice
from xenograft.reading.sheet import Sheet, letters
from xenograft.reading.sheets import suffixes
from xenograft.reading.sources import Source, read_source
from xenograft.reading.study_toml import StudyFile, read_study_file, study_file_of
from xenograft.study.study import Arm, Dosing, Study

PLACE, ARGUMENTS = "data frame", "arguments"


@dataclass(frozen=True)
class Arrival:
    """A study, and what of its table became what.

    Parameters
    ----------
    study : Study
        As analysed.
    file : StudyFile
        What study.toml says.
    sheets : tuple of Sheet
        The cells as written.
    rows : DataFrame
        One row per reading, as `rows_in_our_words` gives them, with the `spot` of each: the cell that holds it.
    """

    study: Study
    file: StudyFile
    sheets: tuple[Sheet, ...]
    rows: pd.DataFrame


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
    return read_arrival(path).study


def read_arrival(path: str | Path, *, of_panel: bool = False) -> Arrival:
    """Read a study, and keep which cell each reading came from; see `read_study`.

    Parameters
    ----------
    path : str or pathlib.Path
        A study.toml, or a folder that holds one.
    of_panel : bool
        Whether it is one model of a panel: an arm may then have a single animal, and there may be the vehicle alone.
    """
    return arrival_of(*file_and_source(path, of_panel=of_panel))


def file_and_source(path: str | Path, *, of_panel: bool = False, by_model: bool = False) -> tuple[StudyFile, Source]:
    """A study.toml, and the cells of the table that it names.

    Parameters
    ----------
    path : str or pathlib.Path
        A study.toml, or a folder that holds one.
    of_panel : bool
        As in `read_arrival`.
    by_model : bool
        Whether the table holds several models, told apart by a column.
    """
    path = Path(path)
    path = path / "study.toml" if path.is_dir() else path
    if path.suffix.lower() in suffixes():
        raise StudyError(f"{path.name}: is a table. Give the study.toml that names it as data.")
    file = replace(read_study_file(path), of_panel=of_panel, by_model=by_model)
    if file.table is None or not file.table_readable:
        raise StudyError(file.problems)
    try:
        source = read_source(file, path.parent)
    except StudyError as error:
        raise StudyError([*file.problems, *error.problems]) from None
    return file, source


def arrival_of(file: StudyFile, source: Source) -> Arrival:
    """The study that a study.toml and the cells of its table make.

    Parameters
    ----------
    file : StudyFile
        What study.toml says.
    source : Source
        The table as it is written, and with one row per reading.

    Raises
    ------
    StudyError
        Every problem of the two that can be found in one pass.
    """
    sheet, cells = source.sheets[0], source.cells
    place = sheet.place
    columns, problems = chosen_columns(file, place, cells)
    rows = with_mice(rows_in_our_words(file, cells, columns))
    if source.weights is not None:
        rows = _with_weights(rows, *source.weights)
    rows, exclude_problems = with_exclusions(file, place, rows)
    problems += [] if file.by_model else several_models(place, rows)
    analysed = rows[~rows["arm"].isin(file.ignored)] if "arm" in rows else rows
    problems = [*file.problems, *cells.problems, *problems, *exclude_problems]
    problems += problems_of_table(file, place, rows, analysed, columns)
    if problems:
        raise StudyError(problems)
    if "cell" not in rows:
        measured = next((columns[part] for part in ("volume", "length") if part in columns), None)
        column = letters(cells.header.index(measured)) if measured in cells.header else ""
        rows = rows.assign(cell=column + rows.index.astype(str)) if file.place != ARGUMENTS else rows
    analysed, repeated = with_means(file, place, analysed)
    study = _study(file, sheet, [*cells.notices, *repeated], rows, analysed)
    return Arrival(study, file, source.sheets, rows)


def several_models(place: str, rows: pd.DataFrame) -> list[str]:
    """What is wrong with a table whose column of models names several, where one study is asked for."""
    models = [name for name in rows["model"].unique().tolist() if name] if "model" in rows else []
    if len(models) < 2:
        return []
    return [
        f"{place}: holds {len(models)} models ({few(models, 3)}), which are not one study. Analyse them as a panel "
        "(xenograft panel), or keep the rows of one model."
    ]


def _with_weights(rows: pd.DataFrame, own: StudyFile, weights: Cells) -> pd.DataFrame:
    """The rows with the weights of another sheet, by animal and day."""
    columns, _ = chosen_columns(own, "", weights)
    if not {"animal", "day", "volume"} <= set(columns) or not {"animal", "day_number"} <= set(rows):
        return rows
    found = rows_in_our_words(own, weights, columns).drop_duplicates(["animal", "day_number"])
    found = found.set_index(["animal", "day_number"])
    key = pd.MultiIndex.from_arrays([rows["mouse" if "mouse" in rows else "animal"], rows["day_number"]])
    return rows.assign(
        weight=found["volume"].reindex(key).fillna("").to_numpy(),
        weight_number=found["volume_number"].reindex(key).to_numpy(),
    )


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
    return arrival_of(file, Source((sheet,), Cells(rows, tuple(rows.columns)))).study


def _study(file: StudyFile, sheet: Sheet, said: Sequence[str], rows: pd.DataFrame, analysed: pd.DataFrame) -> Study:
    entry = file.entry
    if entry.animal_ids == "within arm":
        own = {part: analysed["arm"] + "/" + analysed[part] for part in ("animal", "mouse") if part in analysed}
        if "cage" in analysed:  # numbered within arms, as the animals are
            own["cage"] = (analysed["arm"] + "/" + analysed["cage"]).where(analysed["cage"].ne(""), "")
        analysed = analysed.assign(**own)
    readings = _readings(file, analysed)
    animals = rows.drop_duplicates(["arm", "animal"])["arm"].value_counts()
    ignored = {name: int(animals.get(name, 0)) for name in file.ignored}
    study = Study(
        name=entry.name,
        unit=file.unit,
        arms=file.arms,
        readings=readings,
        limit_of_quantification=file.in_unit(entry.limit_of_quantification),
        endpoint_volume=file.in_unit(file.endpoint),
        chosen_horizon=entry.horizon,
        primary=entry.primary,
        fit_from=entry.fit_from,
        ignored=ignored,
        methods=entry.methods.model_dump(exclude_none=True),
        source_sha256=sheet.checksum,
    )
    notices = [*sheet.notices, *said, *notices_of(study, sheet.place, analysed, file.entry)]
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
    first = -np.inf if file.first_dose is None else file.first_dose  # of a vehicle alone: every reading counts
    before = readings["day"].where((readings["day"] <= first) & used)
    baseline_day = before.groupby(readings["animal"]).transform("max")
    from_day = baseline_day.fillna(-np.inf) if file.entry.fit_from is None else file.entry.fit_from
    readings["fitted"] = (readings["day"] >= from_day) & used
    readings["baseline"] = (readings["day"] == baseline_day) & used
    if "weight" in kept:
        readings["weight"] = kept["weight_number"]
    for part in ("mouse", "cohort", "cage", "exclude"):
        if part in kept and kept[part].ne("").any():
            readings[part] = kept[part]
    if file.by_model:
        readings["model"] = kept["model"]
    if reasons := _reasons_left(rows):
        readings["reason_left"] = [reasons.get(animal, "") for animal in readings["animal"]]
    return readings


STILL_THERE = ("alive", "ok", "none", "on study", "in study", "n/a", "na", "-")
"""What a column of reasons says of animals that did not leave."""


def _reasons_left(rows: pd.DataFrame) -> dict[str, str]:
    """Why animals left: what their column says (often beside a volume not taken), else a word such as "dead"."""
    reasons: dict[str, str] = {}
    for part in ("left", "reason_left"):
        if part in rows:
            said = rows[part].where(~rows[part].str.lower().isin(STILL_THERE), "")
            told = rows.assign(**{part: said})[said != ""]
            told = told.drop_duplicates("animal", keep="last" if part == "reason_left" else "first")
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
