"""Reading a panel: a folder of studies, or one study whose table has a column of models (docs/panels.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from xenograft.errors import StudyError, quoted, unknown_choice
from xenograft.panels.matching import matched
from xenograft.panels.moderators import MODERATORS, read_moderators
from xenograft.panels.panel import Panel
from xenograft.panels.panel_toml import PANEL, ModelEntry, PanelEntry, read_panel_file
from xenograft.printing import few
from xenograft.reading.by_model import models_of, read_by_model
from xenograft.reading.folder import studies_in
from xenograft.reading.read import Arrival, read_arrival
from xenograft.study.study import Study

FEWEST = 2
"""Models of which a panel needs at least so many that are no historical controls."""


@dataclass(frozen=True)
class PanelArrival:
    """A panel, and the tables that it was read from.

    Parameters
    ----------
    panel : Panel
        As analysed.
    tables : mapping of str to Arrival
        By model; one table of all models as "".
    """

    panel: Panel
    tables: Mapping[str, Arrival]


def read_panel(place: str | Path) -> Panel:
    """Read a panel of tumour models.

    Parameters
    ----------
    place : str or pathlib.Path
        A folder of study folders; a study.toml, or its folder, whose table has a column of models; or a panel.toml that
        says which studies. A panel.toml and a moderators.csv in the folder are read too.

    Returns
    -------
    Panel
        Arms matched by what they get: agents, their doses.

    Raises
    ------
    StudyError
        Anything in the files that cannot be analysed: every problem that can be found in one pass.
    """
    return read_panel_arrival(place).panel


def read_panel_arrival(place: str | Path) -> PanelArrival:
    """The same, with the tables as they arrived."""
    place = Path(place)
    folder = place if place.is_dir() else place.parent
    if not place.exists():
        raise StudyError(f"{place}: there is no such file or folder. Check the path.")
    if place.is_file() and place.suffix.lower() != ".toml":
        raise StudyError(f"{place.name}: is no panel. Give a folder, a panel.toml or a study.toml.")
    asked = place.is_file() and place.name.endswith(PANEL)
    written = place if asked else folder / PANEL
    entry = read_panel_file(written) if asked or written.is_file() else PanelEntry()
    where = written.name
    table = folder / "study.toml" if place.is_dir() or asked else place
    studies, tables = _studies(folder, table, entry, where)
    whole = tables[""].study if "" in tables else None
    began = None if whole is None else whole.first_dose
    studies, historical = _named(studies, entry, where)
    if whole is None:
        tables = dict(zip(studies, tables.values(), strict=True))
    names = {m: dict(entry.agents) | _entry_of(entry, m).agents for m in studies}
    matches = matched(studies, names, alike=entry.doses == "alike", place=where, first_dose=began)
    vehicle_only = {m for m, study in matches.studies.items() if len(study.arms) == 1}
    if len(studies) - len(vehicle_only | historical) < FEWEST:
        raise StudyError(
            f"{place}: a panel needs at least {FEWEST} models with a treated arm, and has "
            f"{len(studies) - len(vehicle_only | historical)}. Use xenograft report for one study."
        )
    notices = list(matches.notices)
    if vehicle_only - historical:
        names_of = few(sorted(vehicle_only - historical), 4)
        notices.append(f"{names_of}: vehicle alone, taken for historical controls with a sd of growth of their own.")
    moderators, not_there = _moderators(folder, entry, list(studies))
    called = entry.name or (folder.resolve().name if whole is None else whole.name)
    panel = Panel(
        called, matches.studies, matches.arms, matches.first_dose, frozenset(vehicle_only | historical), moderators,
        entry.horizon, (*notices, *_said_of_moderators(moderators, not_there)), entry.until,
    )  # fmt: skip
    _check_days(panel, place.name)
    if entry.combination is not None:
        panel = of_combination(panel, entry.combination, where)
    return PanelArrival(panel, tables)


def is_panel(place: str | Path) -> bool:
    """Whether a place is a panel and no study: it has a panel.toml, is a folder of studies, or its table has models.

    Parameters
    ----------
    place : str or pathlib.Path
        A file or folder.
    """
    place = Path(place)
    if place.is_dir() and ((place / PANEL).is_file() or studies_in(place)):
        return True
    return place.name.endswith(PANEL) or len(models_of(place)) >= FEWEST


def of_combination(panel: Panel, combination: str, place: str) -> Panel:
    """The panel with one of its combinations: the vehicle, its agents alone, and their combination.

    Parameters
    ----------
    panel : Panel
        With several combinations.
    combination : str
        Name of the arm.
    place : str
        Where it is asked for, for the sentence if there is no such arm.
    """
    known = {arm.name: arm for arm in panel.combinations}
    if combination not in known:
        raise StudyError(unknown_choice(place, "combination", combination, known))
    wanted = set(known[combination].dosings)
    levels = {(d.agent, d.level) for d in wanted}
    arms = tuple(a for a in panel.arms if {(d.agent, d.level) for d in a.dosings} <= levels)
    names = {arm.name for arm in arms}
    studies = {m: _with_arms(study, names) for m, study in panel.studies.items()}
    alone = {m for m, study in studies.items() if len(study.arms) == 1}
    kept = {m: study for m, study in studies.items() if m not in alone - panel.historical}
    moderators = panel.moderators.loc[list(kept)] if panel.moderators.shape[1] else panel.moderators
    return replace(panel, studies=kept, arms=arms, moderators=moderators)


def _with_arms(study: Study, names: set[str]) -> Study:
    arms = tuple(arm for arm in study.arms if arm.name in names)
    return replace(study, arms=arms, readings=study.readings[study.readings["arm"].isin(names)].reset_index(drop=True))


def _studies(folder: Path, table: Path, entry: PanelEntry, where: str) -> tuple[dict[str, Study], dict[str, Arrival]]:
    """Studies by model as they are called in their folders or table, and the tables as `PanelArrival` has them."""
    if entry.studies or not table.is_file():
        tables = _in_folders(folder, entry, where)
        return {model: arrival.study for model, arrival in tables.items()}, tables
    ignored = [name for name, own in entry.models.items() if own.ignore]
    studies, arrival = read_by_model(table, ignored)
    unknown = [name for name in entry.models if name not in studies and name not in ignored]
    if unknown:
        raise StudyError(unknown_choice(where, "models", unknown[0], studies))
    return studies, {"": arrival}


def _in_folders(folder: Path, entry: PanelEntry, where: str) -> dict[str, Arrival]:
    found = studies_in(folder)
    problems: list[str] = []
    if entry.studies:
        found = []
        for pattern in entry.studies:
            named = [Path(pattern)] if Path(pattern).is_absolute() else sorted(folder.glob(pattern or "."))
            new = [path for path in named if (path / "study.toml").is_file()]
            if not new:
                problems.append(f"{where}: studies: no folder {quoted(pattern)} with a study.toml. Correct it.")
            found += [path for path in new if path not in found]
    if problems:
        raise StudyError(problems)
    if not found:
        raise StudyError(
            f"{folder}: holds neither a study.toml nor folders that do. Make one of each model's table with xenograft "
            "init, or of a table with a column of models."
        )
    short = [path.name for path in found]
    called = {path: path.name if short.count(path.name) == 1 else str(path.relative_to(folder)) for path in found}
    unknown = [name for name in entry.models if name not in called.values()]
    if unknown:
        raise StudyError(unknown_choice(where, "models", unknown[0], called.values()))
    tables: dict[str, Arrival] = {}
    for path, name in called.items():
        if _entry_of(entry, name).ignore:
            continue
        try:
            tables[name] = read_arrival(path, of_panel=True)
        except StudyError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    if problems:
        raise StudyError(problems)
    return tables


def _entry_of(entry: PanelEntry, model: str) -> ModelEntry:
    own = entry.models.get(model)
    return own or next((one for one in entry.models.values() if one.name == model), ModelEntry())


def _named(studies: Mapping[str, Study], entry: PanelEntry, where: str) -> tuple[dict[str, Study], set[str]]:
    """The studies under the names that panel.toml gives their models, and which of them are historical."""
    found: dict[str, Study] = {}
    historical: set[str] = set()
    for called, study in studies.items():
        own = _entry_of(entry, called)
        name = own.name or called
        if name in found:
            raise StudyError(f"{where}: two models are called {quoted(name)}. Give each a name of its own.")
        found[name] = study
        if own.historical:
            historical.add(name)
    return found, historical


def _moderators(folder: Path, entry: PanelEntry, models: list[str]) -> tuple[pd.DataFrame, list[str]]:
    path = folder / (entry.moderators or MODERATORS)
    if entry.moderators is None and not path.is_file():
        return pd.DataFrame(index=pd.Index(models, name="model")), []
    ignored = [name for called, own in entry.models.items() if own.ignore for name in (called, own.name)]
    found, others = read_moderators(path, models)
    return found, [model for model in others if model not in ignored]


def _said_of_moderators(moderators: pd.DataFrame, not_there: list[str]) -> list[str]:
    found = [
        f"{name} is unknown of {int(gaps.sum())} of {len(gaps)} models ({few(list(gaps.index[gaps]), 3)}), which are "
        "analysed as models of any value."
        for name, gaps in moderators.isna().items()
        if gaps.any()
    ]
    if not_there:
        found.append(f"Moderators are known of {few(not_there, 4)} too, which the panel does not have.")
    return found


def _check_days(panel: Panel, place: str) -> None:
    if panel.chosen_horizon is not None and panel.chosen_horizon > panel.last_day:
        raise StudyError(
            f"{PANEL}: horizon is {panel.chosen_horizon:g}; it must not be beyond the last reading, "
            f"{panel.last_day:g} days after the first dose."
        )
    units = {study.unit for study in panel.studies.values()}
    if len(units) > 1:
        raise StudyError(f"{place}: its studies have volumes in {few(sorted(units), 3)}. Give them in one unit.")
