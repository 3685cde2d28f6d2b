"""The models of a planned panel: the table `[panel]` of a design (docs/planning.md#a-panel)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from xenograft.errors import StudyError, did_you_mean, quoted
from xenograft.panels.moderators import read_moderators

FEWEST = 2
"""Models that a panel has at least."""


def _models(written: Any) -> tuple[str, ...]:
    if isinstance(written, int) and not isinstance(written, bool) and written >= FEWEST:
        return names_of(written)
    names: list[Any] = list(written) if isinstance(written, list) else []
    if not all(isinstance(one, str) and one for one in names) or len(set(names)) < max(len(names), FEWEST):
        raise ValueError(
            f'{quoted(written)} makes no panel. Write how many models, 2 or more, or their names: ["P14", "P20"].'
        )
    return tuple(names)


def _animals(written: Any) -> dict[str, int | dict[str, int]]:
    if not isinstance(written, dict):
        raise ValueError(f"{quoted(written)} is no table of models. Write one number, or one by arm, for a model.")
    for model, own in written.items():
        numbers: list[Any] = list(own.values()) if isinstance(own, dict) else [own]
        if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
            raise ValueError(f"{quoted(own)} is no number of animals of {model}. Write 0 or more, or one for each arm.")
    return written


class PanelTable(BaseModel):
    """`[panel]` of a design: which models, animals where they differ from the design's, known moderators."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    models: Annotated[tuple[str, ...], PlainValidator(_models)]
    animals: Annotated[dict[str, int | dict[str, int]], PlainValidator(_animals)] = {}
    moderators: Annotated[str, Field(min_length=1)] | None = None


@dataclass(frozen=True)
class PlannedPanel:
    """The models of a planned panel.

    Parameters
    ----------
    models : tuple of str
        Their names.
    animals : mapping of str to mapping of str to int
        By model and arm, where they differ from the design's; 0 where a model does not get an arm.
    moderators : mapping of str to mapping of str to float
        By moderator and model, where the models are known; not a number where nobody measured one.
    """

    models: tuple[str, ...]
    animals: Mapping[str, Mapping[str, int]]
    moderators: Mapping[str, Mapping[str, float]]


def names_of(models: int) -> tuple[str, ...]:
    """Names of so many models."""
    width = max(2, len(str(models)))
    return tuple(f"M{number + 1:0{width}d}" for number in range(models))


def planned_panel(
    folder: Path, place: str, table: PanelTable, arms: Sequence[str], controls: Iterable[str]
) -> tuple[PlannedPanel, list[str]]:
    """The panel that a design plans, and a sentence for everything in it that cannot be simulated.

    Parameters
    ----------
    folder : Path
        Where the design lies, and its moderators beside it.
    place : str
        Name of the design, for sentences.
    table : PanelTable
        As written.
    arms, controls : of str
        Names of the arms, and of those that are a control.
    """
    problems: list[str] = []
    animals: dict[str, dict[str, int]] = {}
    for model, own in table.animals.items():
        if model not in table.models:
            problems.append(
                f'{place}: panel.animals."{model}" is not a model.{did_you_mean(model, table.models)} Name one of '
                f"{table.models[0]}, {table.models[1]}, …"
            )
        animals[model] = dict.fromkeys(arms, own) if isinstance(own, int) else own
        for name, number in animals[model].items():
            if name not in arms:
                hint = did_you_mean(name, arms)
                problems.append(f'{place}: panel.animals."{model}"."{name}" is not an arm.{hint} Name arms only.')
            elif number == 0 and name in controls:
                problems.append(
                    f"{place}: panel.animals leaves {model} without the vehicle, without which it tells nothing. "
                    "Give it animals, or leave the model out."
                )
    known: dict[str, dict[str, float]] = {}
    if table.moderators is not None:
        try:
            found, _ = read_moderators(folder / table.moderators, table.models)
            known = {str(name): {str(m): float(v) for m, v in column.items()} for name, column in found.items()}
        except StudyError as error:
            problems += error.problems
    return PlannedPanel(table.models, animals, known), problems
