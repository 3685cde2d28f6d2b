"""A planned study: a study.toml without data, with animals and visits instead (docs/planning.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from xenograft.errors import InputError, did_you_mean, problems_of, quoted, unknown_key
from xenograft.files import read_toml
from xenograft.planning.planned_panel import PanelTable, PlannedPanel, planned_panel
from xenograft.reading.study_toml import AgentEntry, StudyFile, study_file_of
from xenograft.simulation.simulate import SimulatedStudy, simulate
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm

FROM_STUDY_FILES = (
    "name", "unit", "limit_of_quantification", "endpoint_volume", "fit_from", "horizon", "primary", "arms",
)  # fmt: skip
"""Keys that mean in a design what they mean in study.toml."""


def _visit_days(written: Any) -> tuple[float, ...] | None:
    try:
        return AgentEntry.model_validate({"days": written}).days  # a list or { from, every, times }, as dosing days
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _numbers_of_animals(written: Any) -> int | dict[str, int]:
    numbers: list[Any] = list(written.values()) if isinstance(written, dict) else [written]
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 1 for number in numbers):
        raise ValueError(f"{quoted(written)} is no number of animals, 1 or more. Write 8, or one number for each arm.")
    return written


class DesignEntry(BaseModel):
    """What a design says beyond study.toml: animals (one number, or one per arm), visits, tumours, cohorts, a panel."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    animals: Annotated[int | dict[str, int], PlainValidator(_numbers_of_animals)]
    visits: Annotated[tuple[float, ...], PlainValidator(_visit_days)]
    tumours: Annotated[int, Field(ge=1)] = 1
    cohorts: Annotated[int, Field(ge=2)] | None = None
    panel: PanelTable | None = None


@dataclass(frozen=True)
class Design:
    """A planned study.

    Parameters
    ----------
    name : str
        What the study is called.
    arms : tuple of Arm
        In the order of the file.
    animals : mapping of str to int
        Number of animals by arm (of each model, in a panel); of mice, where they carry several tumours.
    visits : tuple of float
        Visit days as the laboratory will record them.
    tumours : int
        Tumours of each mouse.
    cohorts : int or None
        Number of cohorts into which the animals of each arm are put in rotation.
    limit_of_quantification, endpoint_volume : float or None
        Volumes in mm³, as of a Study.
    fit_from, horizon : float or None
        Days, as of a Study.
    primary : str or None
        The combination arm whose verdict is the study's.
    panel : PlannedPanel or None
        The models, where it is a panel.
    """

    name: str
    arms: tuple[Arm, ...]
    animals: Mapping[str, int]
    visits: tuple[float, ...]
    tumours: int = 1
    cohorts: int | None = None
    limit_of_quantification: float | None = None
    endpoint_volume: float | None = None
    fit_from: float | None = None
    horizon: float | None = None
    primary: str | None = None
    panel: PlannedPanel | None = None

    @property
    def first_dose(self) -> float:
        """Earliest dosing day of any arm."""
        return min(day for arm in self.arms for dosing in arm.dosings for day in dosing.days)


def read_design(path: str | Path) -> Design:
    """Read a planned study.

    Parameters
    ----------
    path : str or Path
        A TOML file with the keys of study.toml but `data` and how the table is written; `animals`, one number or one
        by arm; `visits`, a list of days or { from, every, times }; optionally `tumours` of each
        mouse, `cohorts`, and the models of a `panel`.

    Raises
    ------
    InputError
        With a sentence for everything in the file that cannot be simulated.
    """
    path = Path(path)
    written = read_toml(path)
    known = (*FROM_STUDY_FILES, *DesignEntry.model_fields)
    shared = {key: value for key, value in written.items() if key in FROM_STUDY_FILES}
    file = study_file_of(path.name, {"data": "none", **shared})
    problems = [*_key_problems(path.name, written, known), *file.problems]
    try:
        own = DesignEntry.model_validate(written)
    except ValidationError as error:
        raise InputError([*problems, *problems_of(path.name, error, DesignEntry)]) from None
    animals = own.animals if isinstance(own.animals, dict) else {arm.name: own.animals for arm in file.arms}
    problems += _fit_problems(path.name, file, animals, own.visits)
    panel = None
    if own.panel is not None:
        names, controls = [arm.name for arm in file.arms], [arm.name for arm in file.arms if arm.control]
        panel, more = planned_panel(path.parent, path.name, own.panel, names, controls)
        problems += more
    problems += _panel_problems(path.name, own, animals)
    if problems:
        raise InputError(problems)
    return Design(
        name=file.entry.name,
        arms=file.arms,
        animals=animals,
        visits=own.visits,
        tumours=own.tumours,
        cohorts=own.cohorts,
        limit_of_quantification=file.in_unit(file.entry.limit_of_quantification),
        endpoint_volume=file.in_unit(file.entry.endpoint_volume),
        fit_from=file.entry.fit_from,
        horizon=file.entry.horizon,
        primary=file.entry.primary,
        panel=panel,
    )


def simulate_design(design: Design, truth: Truth, *, seed: int, digits: int | None = None) -> SimulatedStudy:
    """A study as a design plans it, made with a known truth.

    Parameters
    ----------
    design : Design
        Arms, animals, visits, limit and endpoint.
    truth : Truth
        The parameters the animals and their readings are drawn with.
    seed : int
        The same seed gives the same study.
    digits : int or None
        Significant digits to which a volume is recorded.

    Returns
    -------
    SimulatedStudy
        A Study with its truth.

    Raises
    ------
    InputError
        The truth does not fit the design, or the design is a panel (`simulate_panel`).
    """
    if design.panel is not None:
        raise InputError("design: it is a panel, and one study is asked for. Leave [panel] out.")
    study = simulate(
        design.arms,
        truth,
        animals=design.animals,
        days=design.visits,
        seed=seed,
        endpoint_volume=design.endpoint_volume,
        limit_of_quantification=design.limit_of_quantification,
        tumours=design.tumours,
        cohorts=design.cohorts,
        digits=digits,
        name=design.name,
    )
    study = replace(study, chosen_horizon=design.horizon, primary=design.primary, fit_from=design.fit_from)
    if design.fit_from is None:
        return study
    return replace(study, readings=study.readings.assign(fitted=study.readings["day"] >= design.fit_from))


def _key_problems(place: str, written: Mapping[str, Any], known: tuple[str, ...]) -> Iterable[str]:
    for key in written:
        if key in known:
            continue
        if key == "data" or not did_you_mean(key, known):
            yield f'{place}: "{key}" has no meaning in a design, which has no table yet. Remove it.'
        else:
            yield unknown_key(place, key, known)


def _panel_problems(place: str, own: DesignEntry, animals: Mapping[str, int]) -> Iterable[str]:
    if own.panel is None and min(animals.values(), default=2) < 2:
        yield (
            f"{place}: animals: {quoted(own.animals)} is no number of animals, 2 or more. Write 8, or one number for "
            "each arm."
        )
    for name, given in {"tumours": own.tumours > 1, "cohorts": own.cohorts is not None}.items():
        if own.panel is not None and given:
            yield f"{place}: {name} has no meaning in a panel, which knows models and animals. Remove it."


def _fit_problems(place: str, file: StudyFile, animals: Mapping[str, int], visits: tuple[float, ...]) -> Iterable[str]:
    names = [arm.name for arm in file.arms]
    if file.unit != "mm3":
        yield f'{place}: unit = "{file.unit}"; studies are simulated in mm3. Remove unit, and give volumes in mm³.'
    for name in names:
        if name not in animals:
            yield f'{place}: arm {name} has no animals. Add animals."{name}".'
    for name in animals:
        if name not in [*names, *file.broken]:
            yield f'{place}: animals."{name}" is not an arm.{did_you_mean(name, names)} Name arms of this design only.'
    if file.first_dose is None:
        return
    if visits[-1] <= file.first_dose:
        yield (
            f"{place}: the last visit is on day {visits[-1]:g} and the first dose on day {file.first_dose:g}. "
            "Add visits after it."
        )
    horizon, fit_from = file.entry.horizon, file.entry.fit_from
    if horizon is not None and not file.first_dose < horizon <= visits[-1]:
        between = f"after the first dose (day {file.first_dose:g}) and not after the last visit (day {visits[-1]:g})"
        yield f"{place}: horizon = {horizon:g}; it must be {between}."
    if fit_from is not None and fit_from > visits[-1]:
        yield f"{place}: fit_from = {fit_from:g} is after the last visit (day {visits[-1]:g}). Give an earlier day."
