"""Inhibition as a spreadsheet has it, and the steps from there to that of typical tumours of one baseline: no model.

A spreadsheet divides the mean volumes of the animals still measured. A model's TGI is of typical tumours, of all
animals, from one baseline. The readings say how much each of these three changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xenograft.quantities.animals import Course, animal_courses
from xenograft.study.study import Study


@dataclass(frozen=True)
class ArmOnDay:
    """The animals of an arm on a day; volumes in the study's unit.

    Parameters
    ----------
    animals, measured : int
        Animals of the arm, and those still measured on the day.
    mean, typical : float
        Arithmetic and geometric mean volume of the animals still measured.
    typical_of_all : float
        Geometric mean of all, an animal that left before at the volume to which its own growth rate leads.
    baseline : float
        Geometric mean baseline of the animals in `typical_of_all`.
    """

    animals: int
    measured: int
    mean: float
    typical: float
    typical_of_all: float
    baseline: float


@dataclass(frozen=True)
class Steps:
    """TGI (%) of an arm on a day, each step with what the one before has.

    Parameters
    ----------
    measured : float
        Of the mean volumes of the animals still measured.
    typical : float
        Of geometric instead of arithmetic means, which large tumours pull up less.
    all_animals : float
        With the animals that left, at the volumes to which their own growth rates lead.
    one_baseline : float
        Of volumes relative to each arm's geometric mean baseline.
    """

    measured: float
    typical: float
    all_animals: float
    one_baseline: float


def comparison_days(study: Study) -> tuple[float, ...]:
    """The last day with all animals, where there is one after the first dose, and the horizon (as recorded)."""
    last = float(study.animals["last_day"].min())
    days = np.unique(study.fitted_readings["day"])
    whole = days[(days > study.first_dose) & (days <= last)]
    return tuple(sorted({*map(float, whole[-1:]), study.horizon}))


def arms_on_day(study: Study, day: float) -> dict[str, ArmOnDay]:
    """The animals of every arm on a day, by arm; left out are arms of which none is measured or has a baseline.

    Parameters
    ----------
    study : Study
        Its readings; those excluded with a reason are left out.
    day : float
        As recorded.
    """
    elapsed = day - study.first_dose
    courses = animal_courses(study)
    by_arm = {arm.name: [course for course in courses if course.arm == arm.name] for arm in study.arms}
    found = {name: _arm_on_day(own, elapsed) for name, own in by_arm.items()}
    return {name: one for name, one in found.items() if one is not None}


def steps_of(arm: ArmOnDay, control: ArmOnDay) -> Steps:
    """The steps from the spreadsheet's TGI of an arm to that of typical tumours of one baseline."""
    return Steps(
        measured=_inhibition(arm.mean, control.mean),
        typical=_inhibition(arm.typical, control.typical),
        all_animals=_inhibition(arm.typical_of_all, control.typical_of_all),
        one_baseline=_inhibition(arm.typical_of_all / arm.baseline, control.typical_of_all / control.baseline),
    )


def _inhibition(mine: float, theirs: float) -> float:
    return 100 * (1 - mine / theirs)


def _arm_on_day(courses: Sequence[Course], elapsed: float) -> ArmOnDay | None:
    there = [v for v in (course.volume_on(elapsed) for course in courses) if np.isfinite(v)]
    based = [course for course in courses if not course.no_baseline]
    carried = {course: _carried_on(course, elapsed) for course in based}
    every = {course: volume for course, volume in carried.items() if np.isfinite(volume)}
    if not there or not every:
        return None
    return ArmOnDay(
        animals=len(courses),
        measured=len(there),
        mean=float(np.mean(there)),
        typical=_geometric(there),
        typical_of_all=_geometric(list(every.values())),
        baseline=_geometric([float(course.volume[0]) for course in every]),
    )


def _geometric(volumes: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(volumes))))


def _carried_on(course: Course, elapsed: float) -> float:
    """Volume on a day; of an animal that left before, its last one with its own growth rate added; NaN without one."""
    if elapsed <= course.elapsed[-1] or len(course.elapsed) < 3:
        return course.volume_on(elapsed)
    rate = float(np.polyfit(course.elapsed, np.log(course.volume), 1)[0])
    return float(course.volume[-1] * np.exp(rate * (elapsed - course.elapsed[-1])))
