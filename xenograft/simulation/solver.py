"""The equation of docs/mathematics.md#the-tumour for any growth law and exposure, integrated numerically.

Shares no code with the likelihood, which has the same equation in closed form: an error in either shows when a
simulated study is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from xenograft.errors import InputError
from xenograft.simulation.truth import Truth, kill_key
from xenograft.study.study import REFERENCE_VOLUME, Arm, Dosing

type Floats = NDArray[np.float64]
type Rate = Callable[[float, Floats], Floats]

SHARPNESS = 20.0
"""How sharply exponential growth becomes linear (Simeoni 2004, Cancer Res 64:1094)."""


def log_volumes(
    arms: Sequence[Arm], truth: Truth, baseline: Floats, growth: Floats, effect: Floats, days: Floats
) -> Floats:
    """Log volumes of animals, integrated from the first dose forwards and backwards.

    Every visit and every day on which an exposure jumps is an edge between two integrations: the right-hand side is
    smooth within each, and no visit is interpolated.

    Parameters
    ----------
    arms : sequence of Arm
        The design.
    truth : Truth
        Growth law, kills, departures and exposures.
    baseline, growth, effect : arrays (arm, animal)
        Each animal's log volume at the first dose (ln mm³), growth rate (1/day) and factor on the treatment's effect.
    days : array (day)
        As recorded.

    Returns
    -------
    array (arm, animal, day)
        Natural log of volume in mm³.

    Raises
    ------
    InputError
        The equation has no solution up to the last day.
    """
    if truth.reference == "hsa":
        return _log_volumes_of_the_better_agent(arms, truth, baseline, growth, effect, days)
    return _solved(arms, truth, baseline, growth, effect, days)


def _log_volumes_of_the_better_agent(
    arms: Sequence[Arm], truth: Truth, baseline: Floats, growth: Floats, effect: Floats, days: Floats
) -> Floats:
    """Each animal of a combination as if it got one agent only: the smallest of its tumours on each day."""
    alone = [(place, dosing) for place, arm in enumerate(arms) for dosing in arm.dosings or (None,)]
    owner = np.array([place for place, _ in alone])
    given = [Arm(arms[place].name, dosings=(dosing,) if dosing else ()) for place, dosing in alone]
    solved = _solved(given, truth, baseline[owner], growth[owner], effect[owner], days)
    return np.stack([solved[owner == place].min(axis=0) for place in range(len(arms))])


def _solved(
    arms: Sequence[Arm], truth: Truth, baseline: Floats, growth: Floats, effect: Floats, days: Floats
) -> Floats:
    first_dose = min(dosing.days[0] for arm in arms for dosing in arm.dosings)
    jumps = {day for arm in arms for dosing in arm.dosings for day in _jumps(dosing, truth) if day < days.max()}
    edges = {first_dose, *days.tolist(), *jumps}

    rates = [[truth.kill[kill_key(dosing, truth)] for dosing in arm.dosings] for arm in arms]

    def rate(day: float, log_volume: Floats) -> Floats:
        kill = np.array([[_kill(arm, own, truth, day)] for arm, own in zip(arms, rates, strict=True)])
        change = truth.growth_before - truth.growth if truth.growth_before is not None and day < first_dose else 0.0
        return growth_rates(truth, growth + change, log_volume) - effect * kill

    reached = {first_dose: baseline}
    forwards = sorted(day for day in edges if day >= first_dose)
    backwards = sorted((day for day in edges if day <= first_dose), reverse=True)
    for start, stop in [*pairwise(forwards), *pairwise(backwards)]:
        reached[stop] = _integrate(rate, start, stop, reached[start])
    return np.stack([reached[day] for day in days.tolist()], axis=-1)


def growth_rates(truth: Truth, growth: Floats, log_volume: Floats) -> Floats:
    """Growth rate of the log volume of an untreated tumour.

    Parameters
    ----------
    truth : Truth
        The growth law and its parameters.
    growth : array (...)
        Each animal's growth rate (1/day), as `Truth.growth` is meant under the law.
    log_volume : array (...)
        Natural log of volume in mm³.

    Returns
    -------
    array (...)
        1/day.
    """
    relative = log_volume - np.log(REFERENCE_VOLUME)
    if truth.slowing is not None:
        return growth - truth.slowing * relative
    if truth.capacity is not None:
        return growth * (1 - np.exp(log_volume) / truth.capacity)
    if truth.cell_loss is not None:
        return (growth + truth.cell_loss) * np.exp(-relative / 3) - truth.cell_loss
    if truth.linear_from is not None:
        above = SHARPNESS * (log_volume - np.log(truth.linear_from))
        return growth * np.exp(-np.logaddexp(0.0, above) / SHARPNESS)
    return growth


def exposure_on(dosing: Dosing, truth: Truth, day: float) -> float:
    """How much of an agent's full effect is there on a day (docs/mathematics.md#exposure).

    Parameters
    ----------
    dosing : Dosing
        When the agent is given, and how much of it.
    truth : Truth
        The course of the agent's exposure and its rate.
    day : float
        As recorded; a dose given on that day counts.

    Returns
    -------
    float
        0 before the first dose; 1 is full exposure. The pulses of a decaying exposure add up, each of the height
        dose/last dose; a constant one is off from the day on which it ends.
    """
    match truth.exposure.get(dosing.agent, "constant"):
        case "constant":
            return float(dosing.days[0] <= day < dosing.end)
        case "delayed":
            return -math.expm1(-truth.onset[dosing.agent] * max(day - dosing.days[0], 0.0))
        case "decaying":
            doses = dosing.doses or (1.0,) * len(dosing.days)
            pulses = zip(dosing.days, doses, strict=True)
            waning = truth.waning[dosing.agent]
            return sum(dose / doses[-1] * math.exp(-waning * (day - given)) for given, dose in pulses if given <= day)


def _jumps(dosing: Dosing, truth: Truth) -> tuple[float, ...]:
    """Days on which an exposure, or its slope, changes suddenly."""
    return dosing.days if truth.exposure.get(dosing.agent) == "decaying" else (dosing.days[0], dosing.end)


def _kill(arm: Arm, rates: Sequence[float], truth: Truth, day: float) -> float:
    exposures = [exposure_on(dosing, truth, day) for dosing in arm.dosings]
    return math.sumprod(rates, exposures) + truth.departure.get(arm.name, 0.0) * math.prod(exposures)


def _integrate(rate: Rate, start: float, stop: float, log_volume: Floats) -> Floats:
    before_the_later_edge = np.nextafter(max(start, stop), -np.inf)  # a jump on that day belongs to the next interval

    def flat(day: float, state: Floats) -> Floats:
        return rate(min(day, before_the_later_edge), state.reshape(log_volume.shape)).ravel()

    solution = solve_ivp(
        flat, (start, stop), log_volume.ravel(), method="DOP853", rtol=1e-10, atol=1e-10, first_step=abs(stop - start)
    )  # days apart and rates of a tenth per day: mostly one step, which the error control halves where it must
    if not solution.success:
        raise InputError(f"truth: the growth equation has no solution up to day {stop:g}. Use other parameters.")
    return solution.y[:, -1].reshape(log_volume.shape)
