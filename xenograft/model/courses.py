"""What one agent's exposure is made of: courses that jump on some days and in between stay or decay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xenograft.study.study import Dosing


@dataclass(frozen=True)
class Course:
    """A part of an exposure.

    Parameters
    ----------
    jumps : list of (float, float)
        Days since the study's first dose, and by how much it jumps then (no unit).
    decays : bool
        Whether it decays at the agent's rate in between; else it stays.
    """

    jumps: list[tuple[float, float]]
    decays: bool = False


def from_first_dose(dosing: Dosing, first_dose: float) -> list[Course]:
    """1 from an agent's first dose on, to its end where it ends; `first_dose` is the study's (day as recorded)."""
    start, end = dosing.days[0] - first_dose, dosing.end - first_dose
    return [Course([(start, 1.0), *([(end, -1.0)] if np.isfinite(end) else [])])]


def pulses(dosing: Dosing, first_dose: float) -> list[Course]:
    """Every dose adds its amount over the last dose, and wanes."""
    doses = dosing.doses or (1.0,) * len(dosing.days)
    jumps = [(day - first_dose, dose / doses[-1]) for day, dose in zip(dosing.days, doses, strict=True)]
    return [Course(jumps, decays=True)]


def built_up(dosing: Dosing, first_dose: float) -> list[Course]:
    """1 − exp(−onset · days since the agent's first dose)."""
    start = dosing.days[0] - first_dose
    return [Course([(start, 1.0)]), Course([(start, -1.0)], decays=True)]
