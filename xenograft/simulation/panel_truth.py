"""How the models of a simulated panel differ: the table `[panel]` of truth.toml (docs/planning.md#a-panel)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

type _Share = Annotated[float, Field(ge=0, lt=1)]
type _Sds = dict[str, Annotated[float, Field(ge=0)]]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class ModeratorTruth(_Table):
    """`[panel.moderators.NAME]`: a moderator's values, and what it changes."""

    slope_kill: dict[str, float] = Field(default_factory=dict)
    """Change of an agent's kill rate per unit of the moderator (1/day); an agent not named: 0"""
    slope_departure: dict[str, float] = Field(default_factory=dict)
    """Change of a combination's departure per unit of the moderator (1/day); an arm not named: 0"""
    mean: float = 0.0
    """Mean over all models there are, at which the truth's own kills and departures hold"""
    sd: float = Field(default=1.0, gt=0)
    """Standard deviation over all models there are, in the moderator's unit"""
    share: float | None = Field(default=None, gt=0, lt=1)
    """Share of the models that are of a category: the moderator is then 1 for these and 0 for others"""
    like: str | None = None
    """Another moderator, with which this one goes together"""
    correlation: float = Field(default=0.0, ge=-1, le=1)
    """Correlation with it (of categories that of the normal values that are cut; no unit)"""
    unknown: _Share = 0.0
    """Share of the models of which nobody measured it (no unit)"""

    @model_validator(mode="after")
    def _is_a_number_or_a_category(self) -> Self:
        if self.share is not None and self.model_fields_set & {"mean", "sd"}:
            raise ValueError("a moderator with a share is 1 or 0, without mean and sd. Give share, or mean and sd.")
        if (self.like is None) != (self.correlation == 0):
            given, missing = ("correlation", "like") if self.like is None else ("like", "correlation")
            raise ValueError(f"{given} changes nothing without {missing}. Add it, or remove both.")
        return self

    @property
    def centre(self) -> float:
        """Value at which the truth's own kills and departures hold."""
        return self.mean if self.share is None else self.share


class PanelTruth(_Table):
    """`[panel]`: what differs between models, around the truth's own baseline, growth, kills and departures."""

    sd_baseline: float = Field(default=0.0, ge=0)
    """Between-model standard deviation of the log baseline volume (log units)"""
    sd_growth: float = Field(default=0.0, ge=0)
    """Between-model standard deviation of the growth rate (1/day)"""
    sd_kill: _Sds = Field(default_factory=dict)
    """Between-model standard deviation of an agent's kill rate (1/day); an agent not named: 0"""
    sd_departure: _Sds = Field(default_factory=dict)
    """Between-model standard deviation of a combination's departure (1/day); an arm not named: 0"""
    lost: _Share = 0.0
    """Share of the models that are lost altogether, at random (no unit)"""
    missing: dict[str, _Share] = Field(default_factory=dict)
    """Share of the models that lack an arm, at random (no unit)"""
    moderators: dict[str, ModeratorTruth] = Field(default_factory=dict)
    """What may change how a model responds"""


def problems_of_panel_truth(
    panel: PanelTruth, kills: Collection[str], arms: Mapping[str, bool], combinations: Collection[str]
) -> Iterable[str]:
    """A sentence for everything that a truth says about nothing in a panel.

    Parameters
    ----------
    panel : PanelTruth
        As written.
    kills : collection of str
        Keys of the truth's kill rates.
    arms : mapping of str to bool
        Names of the arms, and whether an arm is the control.
    combinations : collection of str
        Those that are combinations.
    """
    tables = {"sd_kill": panel.sd_kill, "sd_departure": panel.sd_departure}
    for name, one in panel.moderators.items():
        place = f'moderators."{name}"'
        tables |= {f"{place}.slope_kill": one.slope_kill, f"{place}.slope_departure": one.slope_departure}
        if one.like is not None and one.like not in list(panel.moderators)[: list(panel.moderators).index(name)]:
            yield f'truth: panel.{place}.like = "{one.like}" is no moderator above it. Name one that is.'
    for table, own in tables.items():
        known = kills if table.endswith("kill") else combinations
        what = "a key of kill" if table.endswith("kill") else "a combination arm"
        for key in own:
            if key not in known:
                yield f'truth: panel.{table}."{key}" is not {what}. Name one of {", ".join(known) or "(none)"}.'
    for key in panel.missing:
        if key not in arms:
            yield f'truth: panel.missing."{key}" is not an arm. Name one of {", ".join(arms)}.'
        elif arms[key]:
            yield f'truth: panel.missing."{key}" is the vehicle, without which a model tells nothing. Remove it.'
