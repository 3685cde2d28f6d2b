"""Versions of a planned study: numbers of animals, visits, durations and effects to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from xenograft.errors import InputError
from xenograft.planning.design import Design, simulate_design
from xenograft.simulation.truth import Truth
from xenograft.study.study import Study

DIMENSIONS = ("animals", "every", "duration", "effect")
"""What cells differ in: animals per arm, days between visits, days from first dose to last visit, departure (1/day)."""


@dataclass(frozen=True)
class Cell:
    """One version of a design, with what its truths are changed to.

    Parameters
    ----------
    design : Design
        Animals, visits.
    effect : float or None
        Departure of the primary combination (1/day); None leaves the truth's own.
    varied : mapping of str to float
        Its place in the plan: those of `DIMENSIONS` that were asked for.
    """

    design: Design
    effect: float | None
    varied: Mapping[str, float]


def cells_of(
    design: Design,
    *,
    animals: Sequence[int] = (),
    every: Sequence[float] = (),
    durations: Sequence[float] = (),
    effects: Sequence[float] = (),
) -> list[Cell]:
    """A cell for every combination of what is varied; the rest stays as the design has it.

    Parameters
    ----------
    design : Design
        To start from.
    animals : sequence of int
        Animals in each arm.
    every : sequence of float
        Days between visits, from the first dose on.
    durations : sequence of float
        Days from the first dose to the last visit.
    effects : sequence of float
        Departures of the primary combination (1/day), positive = enhanced.

    Raises
    ------
    InputError
        A cell is no design.
    """
    problems = [*_number_problems(animals, every, durations), *_duration_problems(design, every, durations)]
    if effects and not any(arm.is_combination for arm in design.arms):
        problems.append("design: no arm is a combination, so --effect changes nothing. Leave it out.")
    if problems:
        raise InputError(problems)
    asked: dict[str, Sequence[float]] = {
        "animals": animals, "every": every, "duration": durations, "effect": effects
    }  # fmt: skip
    given = {name: tuple(dict.fromkeys(values)) for name, values in asked.items() if values}
    cells: list[Cell] = []
    for values in product(*given.values()):
        varied = dict(zip(given, values, strict=True))
        changed = _changed(design, varied)
        if changed.horizon is not None and changed.horizon > changed.visits[-1]:
            last = f"(day {changed.visits[-1]:g})"
            raise InputError(
                f"design: horizon = {changed.horizon:g} is after the last visit {last} of a cell. "
                "Remove horizon, or give longer durations."
            )
        cells.append(Cell(changed, varied.get("effect"), varied))
    return cells


def with_effect(truth: Truth, cell: Cell) -> Truth:
    """A truth with the departure that a cell asks for."""
    if cell.effect is None:
        return truth
    combination = example_of(cell.design).primary_combination
    assert combination is not None
    return truth.model_copy(update={"departure": truth.departure | {combination.name: cell.effect}})


def example_of(design: Design) -> Study:
    """Any study of a design, for what depends on the design alone."""
    agents = {dosing.agent for arm in design.arms for dosing in arm.dosings}
    still = Truth(baseline=100.0, growth=0.0, kill=dict.fromkeys(agents, 0.0))
    free = replace(design, limit_of_quantification=None, endpoint_volume=None)
    return simulate_design(free, still, seed=0)


def cell_as_json(cell: Cell) -> dict[str, Any]:
    """Everything that a cell changes, as JSON can hold it."""
    design = cell.design
    return {
        "varied": dict(cell.varied),
        "arms": [repr(arm) for arm in design.arms],
        **{
            name: getattr(design, name)
            for name in (
                "visits",
                "tumours",
                "cohorts",
                "limit_of_quantification",
                "endpoint_volume",
                "fit_from",
                "horizon",
                "primary",
            )
        },
        "animals": dict(design.animals),
    }


def _changed(design: Design, varied: Mapping[str, float]) -> Design:
    if "animals" in varied:
        design = replace(design, animals=dict.fromkeys(design.animals, int(varied["animals"])))
    start = design.first_dose
    last = start + varied["duration"] if "duration" in varied else design.visits[-1]
    if "every" in varied:
        visits = start + np.arange(np.floor((last - start) / varied["every"] + 1e-9) + 1) * varied["every"]
        return replace(design, visits=tuple(visits.tolist()))
    return replace(design, visits=tuple(day for day in design.visits if day <= last))


def _number_problems(animals: Sequence[int], every: Sequence[float], durations: Sequence[float]) -> list[str]:
    return [
        *(f"--animals: {number} is no number of animals per arm. Give 2 or more." for number in animals if number < 2),
        *(f"--visits: {days:g} days between visits. Give a number above 0." for days in every if not days > 0),
        *(f"--duration: {days:g} days. Give a number above 0." for days in durations if not days > 0),
    ]


def _duration_problems(design: Design, every: Sequence[float], durations: Sequence[float]) -> list[str]:
    span = design.visits[-1] - design.first_dose
    return [
        f"--duration: {days:g} days are more than the design's visits, which end {span:g} days after the first dose. "
        "Add visits to the design, or give --visits."
        for days in durations
        if days > span and not every
    ]
