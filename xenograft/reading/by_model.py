"""One table of several tumour models, told apart by a column: each model becomes a study of its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pandas as pd

from xenograft.errors import StudyError, quoted, unknown_choice
from xenograft.printing import few
from xenograft.reading.columns import chosen_columns
from xenograft.reading.read import Arrival, arrival_of, file_and_source
from xenograft.reading.sources import Source
from xenograft.study.study import Study


def models_of(path: str | Path) -> list[str]:
    """The models of a table with a column of models, in its order; none where it has no such column or is not read.

    Parameters
    ----------
    path : str or Path
        A study.toml, or the folder that holds one.
    """
    try:
        file, source = file_and_source(path, of_panel=True, by_model=True)
        columns, _ = chosen_columns(file, source.sheets[0].place, source.cells)
    except StudyError:
        return []
    named = source.cells.rows[columns["model"]].str.strip() if "model" in columns else []
    return [name for name in dict.fromkeys(named) if name]


def read_by_model(path: str | Path, without: Collection[str] = ()) -> tuple[dict[str, Study], Arrival]:
    """Read every model of a table with a column of models.

    Parameters
    ----------
    path : str or Path
        A study.toml, or the folder that holds one; its arms are those of all models, day 0 is their first dose.

    without : collection of str
        Models to leave out.

    Returns
    -------
    studies : dict of str to Study
        By model, in the order of the table; arms that a model does not have are not part of its study.
    arrival : Arrival
        The table as a whole; animals that have one name in several models are called by both names.

    Raises
    ------
    StudyError
        The table has no column of models, or something that cannot be analysed: all problems in one pass.
    """
    file, source = file_and_source(path, of_panel=True, by_model=True)
    place = source.sheets[0].place
    columns, problems = chosen_columns(file, place, source.cells)
    if "model" not in columns:
        problems = problems or [
            f"{place}: has no column of models, so that it is one study. Name the column in {file.place} "
            "([columns] model = …), or give a folder of studies."
        ]
        raise StudyError([*file.problems, *problems])
    models = source.cells.rows[columns["model"]].str.strip()
    if (models == "").any():
        blank = models.index[models == ""]
        raise StudyError(f"{place}, row {blank[0]}: model is blank ({len(blank)} rows). Say which model each is of.")
    if lost := [name for name in without if name not in set(models)]:
        raise StudyError(unknown_choice(place, "model", lost[0], dict.fromkeys(models)))
    kept = ~models.isin(list(without))
    source = replace(source, cells=replace(source.cells, rows=source.cells.rows[kept]))
    models = models[kept]
    arrival = arrival_of(file, _with_own_names(source, models, columns))
    return _by_model(arrival, place, list(dict.fromkeys(models))), arrival


def _with_own_names(source: Source, models: pd.Series, columns: dict[str, str]) -> Source:
    """The source with animals named by model and animal where several models have an animal of one name."""
    if "animal" not in columns:
        return source
    rows, name = source.cells.rows, columns["animal"]
    animals = rows[name].str.strip()
    if pd.DataFrame({"animal": animals, "model": models}).drop_duplicates()["animal"].duplicated().any():
        rows = rows.assign(**{name: (models + "/" + animals).where(animals != "", "")})
    return replace(source, cells=replace(source.cells, rows=rows))


def _by_model(arrival: Arrival, place: str, models: list[str]) -> dict[str, Study]:
    whole = arrival.study
    found: dict[str, Study] = {}
    for model, readings in whole.readings.groupby("model", sort=False):
        names = set(readings["arm"])
        found[str(model)] = replace(
            whole,
            name=str(model),
            arms=tuple(arm for arm in whole.arms if arm.name in names),
            readings=readings.drop(columns="model").reset_index(drop=True),
            primary=None,
            chosen_horizon=None,
            ignored={},
            notices=(),
        )
    kept = {model: found[model] for model in models if model in found and found[model].readings["fitted"].any()}
    without = [model for model, study in kept.items() if not any(arm.control for arm in study.arms)]
    if without:
        it, has = ("it", "has") if len(without) == 1 else ("them", "have")
        raise StudyError(
            f"{place}: {few(without, 5)} {has} no animal of the vehicle, without which growth is unknown. Leave {it} "
            f"out: in panel.toml, [models.{quoted(without[0])}] ignore = true."
        )
    return kept
