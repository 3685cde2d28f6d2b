"""What a simulated study is made with: every true parameter, read from and written to truth.toml.

See docs/planning.md#simulate-it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from xenograft.errors import InputError, problems_of, quoted
from xenograft.files import read_toml, toml_key
from xenograft.simulation.panel_truth import PanelTruth, problems_of_panel_truth
from xenograft.study.study import Arm, Dosing

type _Factor = Annotated[float, Field(gt=0)]

NEEDED_BY_LAW: Mapping[str, str] = {
    "gompertz": "slowing",
    "logistic": "capacity",
    "lag": "growth_before",
    "von-bertalanffy": "cell_loss",
    "exponential-linear": "linear_from",
}
"""The parameter that each growth law has beyond the growth rate."""

NEEDED_BY_EXPOSURE: Mapping[str, str] = {"decaying": "waning", "delayed": "onset"}
"""The rate that each course of exposure needs for its agent."""


class Truth(BaseModel):
    """The parameters a simulated study is made with; the units are those of the model (mm³, day, log units)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    law: Literal["exponential", "gompertz", "logistic", "lag", "von-bertalanffy", "exponential-linear"] = "exponential"
    """Growth law; "lag": exponential, at another rate before the first dose, in every arm"""
    baseline: float = Field(gt=0)
    """Median volume on the day of the first dose (mm³)"""
    growth: float
    """Typical growth rate (1/day): of a 100 mm³ tumour (gompertz, von-bertalanffy), of a very small one (the others)"""
    slowing: float | None = Field(default=None, gt=0)
    """Loss of growth rate per log unit of volume (1/day), gompertz only"""
    capacity: float | None = Field(default=None, gt=0)
    """Volume at which growth stops (mm³), logistic only"""
    growth_before: float | None = None
    """Typical growth rate before the first dose (1/day), lag only"""
    cell_loss: float | None = Field(default=None, gt=0)
    """Rate at which volume is lost (1/day) while it is gained in proportion to the surface, von-bertalanffy only"""
    linear_from: float | None = Field(default=None, gt=0)
    """Volume from which a tumour gains the same volume every day (mm³), exponential-linear only"""
    sd_baseline: float = Field(default=0.0, ge=0)
    """Between-animal standard deviation of the log baseline volume (log units)"""
    sd_growth: float = Field(default=0.0, ge=0)
    """Between-animal standard deviation of the growth rate (1/day)"""
    correlation: float = Field(default=0.0, ge=-1, le=1)
    """Correlation of an animal's log baseline volume and growth rate (no unit)"""
    sd_effect: float = Field(default=0.0, ge=0)
    """Between-animal standard deviation of the relative treatment effect (no unit)"""
    sd_cohort: float = Field(default=0.0, ge=0)
    """Standard deviation of the shift of the growth rates of a cohort's animals (1/day)"""
    mouse_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the variances between animals that tumours of one mouse have in common (no unit)"""
    responder_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the treated animals whose treatment effect is multiplied by responder_factor (no unit)"""
    responder_factor: float = 1.0
    """What the treatment effect of those animals is multiplied by (no unit); 0 = they do not respond"""
    error: float = Field(default=0.0, ge=0)
    """Standard deviation of a reading around the animal's log volume (log units)"""
    degrees_of_freedom: float | None = Field(default=None, gt=0)
    """Degrees of freedom of Student reading errors, whose scale is error; without it errors are normal"""
    small_tumour_error: float = Field(default=0.0, ge=0)
    """Error of a reading in volume (mm³): log variance error² + (this/V)², V the arm's typical volume that day"""
    residual: float = Field(default=0.0, ge=0)
    """Volume that is measured with every tumour and is none (mm³): a reading is of the tumour and this"""
    outlier_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the readings whose error is multiplied by outlier_factor (no unit)"""
    outlier_factor: float = Field(default=1.0, gt=0)
    """What the error of those readings is multiplied by (no unit)"""
    dropout: float = Field(default=0.0, ge=0)
    """Rate at which animals are lost for reasons other than their tumour, from the first dose on (1/day)"""
    reference: Literal["bliss", "hsa"] = "bliss"
    """What a combination does without departure: the sum of its agents' kills, or (hsa) as much as the better agent"""
    kill: dict[str, float] = Field(default_factory=dict)
    """Kill rate (1/day) of each agent, or of an agent at one dose level ("T-DM1 3"), which comes first"""
    exposure: dict[str, Literal["constant", "decaying", "delayed"]] = Field(default_factory=dict)
    """Course of each agent's exposure; an agent not named: constant"""
    waning: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Rate at which a decaying exposure is lost (1/day), for each such agent"""
    onset: dict[str, _Factor] = Field(default_factory=dict)
    """Rate at which a delayed exposure builds up (1/day), for each such agent"""
    departure: dict[str, float] = Field(default_factory=dict)
    """Kill rate (1/day) of a combination arm beyond the sum of its agents; positive = enhanced, an arm not named: 0"""
    spread: dict[str, _Factor] = Field(default_factory=dict)
    """What sd_growth is multiplied by in an arm (no unit); an arm not named: 1"""
    error_factor: dict[str, _Factor] = Field(default_factory=dict)
    """What error is multiplied by in an arm (no unit); an arm not named: 1"""
    panel: PanelTruth | None = None
    """How the models of a panel differ; the parameters above are then those of the typical model"""

    @model_validator(mode="after")
    def _has_what_its_law_needs(self) -> Self:
        for law, name in NEEDED_BY_LAW.items():
            given = getattr(self, name) is not None
            if self.law == law and not given:
                raise ValueError(f'law = "{law}" needs {name}. Add it.')
            if self.law != law and given:
                raise ValueError(f'{name} has no meaning under law = "{self.law}". Remove it, or set law = "{law}".')
        return self

    @model_validator(mode="after")
    def _has_what_its_exposures_need(self) -> Self:
        for course, name in NEEDED_BY_EXPOSURE.items():
            rates: Mapping[str, float] = getattr(self, name)
            for agent, chosen in self.exposure.items():
                if chosen == course and agent not in rates:
                    raise ValueError(f'exposure.{quoted(agent)} = "{course}" needs {name}.{quoted(agent)}. Add it.')
            for agent in rates:
                if self.exposure.get(agent) != course:
                    key = quoted(agent)
                    raise ValueError(
                        f'{name}.{key} needs exposure.{key} = "{course}". Add that, or remove {name}.{key}.'
                    )
        return self

    @model_validator(mode="after")
    def _departs_from_a_sum_only(self) -> Self:
        if self.reference == "hsa" and self.departure:
            raise ValueError('departure has no meaning under reference = "hsa". Remove one of them.')
        return self

    @model_validator(mode="after")
    def _has_both_halves_of_a_mixture(self) -> Self:
        for kind in ("responder", "outlier"):
            share, factor = getattr(self, f"{kind}_share"), getattr(self, f"{kind}_factor")
            if (share > 0) != (factor != 1):
                given, missing = ("share", "factor") if share > 0 else ("factor", "share")
                raise ValueError(f"{kind}_{given} changes nothing without {kind}_{missing}. Add it, or remove both.")
        return self


def read_truth(path: str | Path) -> Truth:
    """Read the truth of a simulated study from its truth.toml.

    Parameters
    ----------
    path : str or Path
        A TOML file with the fields of `Truth`.

    Raises
    ------
    InputError
        The file is missing, is not TOML, or says what no truth can say.
    """
    path = Path(path)
    try:
        return Truth.model_validate(read_toml(path))
    except ValidationError as error:
        raise InputError(problems_of(path.name, error, Truth)) from None


def truth_text(truth: Truth) -> str:
    """The text of truth.toml: the growth law and every parameter that is not at its default, with meaning and unit."""
    own = {"law": truth.law, **truth.model_dump(exclude_defaults=True, exclude={"panel"})}
    lines = ["# The parameters that the study was simulated with.", *_lines_of(Truth, own)]
    if truth.panel is not None:
        lines += ["", f"# {Truth.model_fields['panel'].description}", "[panel]"]
        lines += _lines_of(PanelTruth, truth.panel.model_dump(exclude_defaults=True, exclude={"moderators"}), "panel")
        for name, one in truth.panel.moderators.items():
            place = f"panel.moderators.{toml_key(name)}"
            lines += ["", f"[{place}]", *_lines_of(type(one), one.model_dump(exclude_defaults=True), place)]
    return "\n".join(lines) + "\n"


def _lines_of(schema: type[BaseModel], values: Mapping[str, Any], place: str = "") -> list[str]:
    """Keys with their meanings, then tables of keys."""
    lines: list[str] = []
    tables: list[str] = []
    for name, value in values.items():
        meaning = f"# {schema.model_fields[name].description}"
        if isinstance(value, dict):
            own = [f"{toml_key(str(key))} = {json.dumps(item)}" for key, item in value.items()]
            tables += ["", meaning, f"[{place}.{name}]" if place else f"[{name}]", *own]
        else:
            lines += [meaning, f"{name} = {json.dumps(value, ensure_ascii=False)}"]
    return [*lines, *tables]


def problems_of_truth(arms: Sequence[Arm], truth: Truth) -> Iterable[str]:
    """A sentence for everything that a truth leaves open, or says about nothing, in a design."""
    dosings = [dosing for arm in arms for dosing in arm.dosings]
    agents = {dosing.agent for dosing in dosings}
    levels = {kill_key(dosing, truth): None for dosing in dosings}
    combinations = [arm.name for arm in arms if arm.is_combination]
    names = [arm.name for arm in arms]
    if not dosings:
        yield "design: no arm is dosed; a study starts at its first dose. Give an arm an agent."
    yield from (f'truth: agent {key} has no kill rate. Add kill."{key}".' for key in levels if key not in truth.kill)
    for table, known in {"kill": agents | {_level(d) for d in dosings}, "exposure": agents}.items():
        for key in getattr(truth, table):
            if key not in known:
                yield f'truth: {table}."{key}" is an agent of no arm. Remove it.'
    for key in truth.departure:
        if key not in combinations:
            named = ", ".join(combinations) or "(none)"
            yield f'truth: departure."{key}" is not a combination arm. Name one of {named}.'
    for table in ("spread", "error_factor"):
        for key in getattr(truth, table):
            if key not in names:
                yield f'truth: {table}."{key}" is not an arm. Name one of {", ".join(names)}.'
    if truth.panel is not None:
        controls = {arm.name: arm.control for arm in arms}
        yield from problems_of_panel_truth(truth.panel, truth.kill, controls, combinations)
        if truth.reference == "hsa" and truth.panel.sd_departure:
            yield 'truth: panel.sd_departure has no meaning under reference = "hsa". Remove one of them.'


def kill_key(dosing: Dosing, truth: Truth) -> str:
    """The key of `Truth.kill` for a dosing: its dose level where that has a rate of its own, else its agent."""
    return _level(dosing) if _level(dosing) in truth.kill else dosing.agent


def _level(dosing: Dosing) -> str:
    return dosing.agent if dosing.level is None else f"{dosing.agent} {dosing.level:g}"
