"""Arms, and how they receive their agents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Dosing:
    """How an arm receives one agent.

    Parameters
    ----------
    agent : str
        Name of the drug.
    days : tuple of float
        Dosing days as the laboratory recorded them, ascending; the start day alone where only that is known.
    doses : tuple of float or None
        Dose on each dosing day (in `unit`), or None where the study does not say.
    unit : str or None
        Unit of the doses, for example "mg/kg".
    ends : bool
        The effect ends one dosing interval after the last dose (at least two dosing days needed).
    schedule_known : bool
        False where the study gives a start day only.
    """

    agent: str
    days: tuple[float, ...]
    doses: tuple[float, ...] | None = None
    unit: str | None = None
    ends: bool = False
    schedule_known: bool = True

    @property
    def level(self) -> float | None:
        """The dose level: the last (maintenance) dose, None where doses are unknown."""
        return self.doses[-1] if self.doses else None

    @property
    def end(self) -> float:
        """Day on which the effect ends (infinity unless `ends`)."""
        return 2 * self.days[-1] - self.days[-2] if self.ends else np.inf

    def label(self) -> str:
        """The agent and its dose level in words, for example "T-DM1 3 mg/kg"."""
        return self.agent if self.level is None else f"{self.agent} {self.level:g} {self.unit or ''}".strip()

    def in_words(self) -> str:
        """The agent, its dose and its days, for example "T-DM1 3 mg/kg, days 0, 21"."""
        days = [f"{day:g}" for day in self.days]
        if not self.schedule_known:
            return f"{self.label()}, from day {days[0]}"
        first = f" (first {self.doses[0]:g})" if self.doses and self.doses[0] != self.doses[-1] else ""
        listed = ", ".join(days) if len(days) <= 8 else f"{', '.join(days[:3])}, … {days[-1]} ({len(days)} doses)"
        return f"{self.label()}{first}, day{'s' if len(days) > 1 else ''} {listed}"


@dataclass(frozen=True)
class Arm:
    """A group of animals that gets the same treatment.

    Parameters
    ----------
    name : str
        As in the table.
    control : bool
        True for the vehicle arm.
    dosings : tuple of Dosing
        One per agent; empty for the vehicle.
    """

    name: str
    control: bool = False
    dosings: tuple[Dosing, ...] = ()

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the agents given."""
        return tuple(dosing.agent for dosing in self.dosings)

    @property
    def is_combination(self) -> bool:
        """Whether the arm gets two agents or more."""
        return len(self.dosings) > 1


class Treatments:
    """What follows from the arms of a study, or of a panel of studies."""

    arms: tuple[Arm, ...]

    @cached_property
    def control(self) -> Arm:
        """The vehicle arm."""
        return next(arm for arm in self.arms if arm.control)

    @cached_property
    def combinations(self) -> tuple[Arm, ...]:
        """Arms with two agents or more."""
        return tuple(arm for arm in self.arms if arm.is_combination)

    @cached_property
    def levels(self) -> tuple[tuple[str, float | None], ...]:
        """Every agent with each of its dose levels, in order of appearance; each has its own kill rate."""
        return tuple(dict.fromkeys((d.agent, d.level) for arm in self.arms for d in arm.dosings))

    @cached_property
    def tested_alone(self) -> frozenset[tuple[str, float | None]]:
        """Those of `levels` that an arm gets alone, on whatever days."""
        return frozenset((d.agent, d.level) for arm in self.arms if len(arm.dosings) == 1 for d in arm.dosings)

    @cached_property
    def level_labels(self) -> tuple[str, ...]:
        """Names of `levels`: the agent, with its dose where the agent is given at several."""
        agents = [agent for agent, _ in self.levels]
        return tuple(a if agents.count(a) == 1 or x is None else f"{a} {x:g}" for a, x in self.levels)
