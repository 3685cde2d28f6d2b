"""Versions of a planned study or panel: numbers of animals and models, visits, durations and effects to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from xenograft.errors import InputError
from xenograft.files import finite
from xenograft.planning.design import Design, simulate_design
from xenograft.planning.planned_panel import FEWEST, PlannedPanel, names_of
from xenograft.simulation.truth import Truth
from xenograft.study.study import Study

DIMENSIONS = ("models", "animals", "every", "duration", "effect", "spread", "slope")
"""What cells differ in: models, animals per arm, days between visits, days from first dose to last visit; departure,
its sd between models (1/day) and its slope on the first moderator (1/day per unit)."""


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
    panels: Sequence[tuple[int, int]] = (),
    spreads: Sequence[float] = (),
    slopes: Sequence[float] = (),
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
    panels : sequence of (int, int)
        Of a panel: numbers of models, with the animals in each arm of each of them.
    spreads, slopes : sequence of float
        Of a panel: sds between models of the primary combination's departure (1/day), and its slopes on the first
        moderator of the truth (1/day per unit).

    Raises
    ------
    InputError
        A cell is no design.
    """
    problems = [*_number_problems(design, animals, every, durations), *_duration_problems(design, every, durations)]
    problems += _panel_problems(design, animals, panels, spreads, slopes)
    if effects and not any(arm.is_combination for arm in design.arms):
        problems.append("design: no arm is a combination, so --effect changes nothing. Leave it out.")
    if problems:
        raise InputError(problems)
    asked: dict[tuple[str, ...], Sequence[Any]] = {
        ("models", "animals"): panels, ("animals",): [(number,) for number in animals],
        ("every",): [(days,) for days in every], ("duration",): [(days,) for days in durations],
        ("effect",): [(rate,) for rate in effects], ("spread",): [(rate,) for rate in spreads],
        ("slope",): [(rate,) for rate in slopes],
    }  # fmt: skip
    given = {names: tuple(dict.fromkeys(values)) for names, values in asked.items() if values}
    cells: list[Cell] = []
    for values in product(*given.values()):
        varied: dict[str, float] = {
            name: one for names, own in zip(given, values, strict=True) for name, one in zip(names, own, strict=True)
        }
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
    """A truth with the departure that a cell asks for, of a panel with its sd between models and its slope too."""
    asked = {name: cell.varied[name] for name in ("spread", "slope") if name in cell.varied}
    if cell.effect is None and not asked:
        return truth
    combination = example_of(cell.design).primary_combination
    assert combination is not None
    changes: dict[str, Any] = {}
    if cell.effect is not None:
        changes["departure"] = truth.departure | {combination.name: cell.effect}
    panel = truth.panel
    if panel is not None and "spread" in asked:
        panel = panel.model_copy(update={"sd_departure": panel.sd_departure | {combination.name: asked["spread"]}})
    if panel is not None and "slope" in asked:
        name, first = next(iter(panel.moderators.items()))
        sloped = first.model_copy(
            update={"slope_departure": first.slope_departure | {combination.name: asked["slope"]}}
        )
        panel = panel.model_copy(update={"moderators": panel.moderators | {name: sloped}})
    return truth.model_copy(update=changes | {"panel": panel})


def example_of(design: Design) -> Study:
    """Any study of a design, of a panel of one of its models, for what depends on the design alone."""
    agents = {dosing.agent for arm in design.arms for dosing in arm.dosings}
    still = Truth(baseline=100.0, growth=0.0, kill=dict.fromkeys(agents, 0.0))
    free = replace(design, limit_of_quantification=None, endpoint_volume=None, panel=None)
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
        **({} if design.panel is None else {"panel": _panel_as_json(design.panel)}),
    }


def _panel_as_json(panel: PlannedPanel) -> dict[str, Any]:
    known = {name: {m: finite(value) for m, value in own.items()} for name, own in panel.moderators.items()}
    return asdict(panel) | {"moderators": known}


def _changed(design: Design, varied: Mapping[str, float]) -> Design:
    if "animals" in varied:
        design = replace(design, animals=dict.fromkeys(design.animals, int(varied["animals"])))
    if "models" in varied:
        design = replace(design, panel=PlannedPanel(names_of(int(varied["models"])), {}, {}))
    start = design.first_dose
    last = start + varied["duration"] if "duration" in varied else design.visits[-1]
    if "every" in varied:
        visits = start + np.arange(np.floor((last - start) / varied["every"] + 1e-9) + 1) * varied["every"]
        return replace(design, visits=tuple(visits.tolist()))
    return replace(design, visits=tuple(day for day in design.visits if day <= last))


def _number_problems(
    design: Design, animals: Sequence[int], every: Sequence[float], durations: Sequence[float]
) -> list[str]:
    least = 2 if design.panel is None else 1
    return [
        *(
            f"--animals: {number} is no number of animals per arm. Give {least} or more."
            for number in animals
            if number < least
        ),
        *(f"--visits: {days:g} days between visits. Give a number above 0." for days in every if not days > 0),
        *(f"--duration: {days:g} days. Give a number above 0." for days in durations if not days > 0),
    ]


def _panel_problems(
    design: Design,
    animals: Sequence[int],
    panels: Sequence[tuple[int, int]],
    spreads: Sequence[float],
    slopes: Sequence[float],
) -> list[str]:
    asked = {"--panels": panels, "--spread": spreads, "--slope": slopes}
    if design.panel is None:
        return [f"{name}: the design is one study. Add [panel] to it." for name, given in asked.items() if given]
    problems = [
        f"--panels: {models}x{each} is no panel. Give {FEWEST} models or more, of 1 animal per arm or more: 30x1."
        for models, each in panels
        if models < FEWEST or each < 1
    ]
    problems += [f"--spread: {rate:g}/day. Give a number of 0 or more." for rate in spreads if not rate >= 0]
    if panels and animals:
        problems.append("--animals: --panels says the animals of each arm. Give one of them.")
    if panels and (design.panel.animals or design.panel.moderators):
        said = "animals" if design.panel.animals else "moderators"
        problems.append(f"--panels: panel.{said} of the design are of its own models. Remove them, or leave it out.")
    return problems


def _duration_problems(design: Design, every: Sequence[float], durations: Sequence[float]) -> list[str]:
    span = design.visits[-1] - design.first_dose
    return [
        f"--duration: {days:g} days are more than the design's visits, which end {span:g} days after the first dose. "
        "Add visits to the design, or give --visits."
        for days in durations
        if days > span and not every
    ]
