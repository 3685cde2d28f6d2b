"""Studies with known truth, from the differential equation itself.

Shares no code with the likelihood: the equation of DESIGN 3.1 is integrated numerically here and in closed form there,
so that an error in either shows when a simulated study is fitted.
"""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from scipy.integrate import solve_ivp

from xenograft.errors import InputError, missing_file, problems_of
from xenograft.study import REFERENCE_VOLUME, Arm, Dosing, Study

ENDPOINT_REASON = "endpoint volume"
"""`reason_left` of an animal removed because of the size of its tumour."""

type Floats = NDArray[np.float64]
type Rate = Callable[[float, Floats], Floats]

_NEEDED_BY_LAW = {"gompertz": "slowing", "logistic": "capacity", "lag": "growth_before"}


class Truth(BaseModel):
    """The parameters a simulated study is made with; the units are those of the model (mm³, day, log units)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    law: Literal["exponential", "gompertz", "logistic", "lag"] = "exponential"
    """Growth law; "lag": exponential, at another rate before the first dose, in every arm"""
    baseline: float = Field(gt=0)
    """Median volume on the day of the first dose (mm³)"""
    growth: float
    """Typical growth rate (1/day): of a 100 mm³ tumour (gompertz), of a very small one (logistic)"""
    slowing: float | None = Field(default=None, gt=0)
    """Loss of growth rate per log unit of volume (1/day), gompertz only"""
    capacity: float | None = Field(default=None, gt=0)
    """Volume at which growth stops (mm³), logistic only"""
    growth_before: float | None = None
    """Typical growth rate before the first dose (1/day), lag only"""
    sd_baseline: float = Field(default=0.0, ge=0)
    """Between-animal standard deviation of the log baseline volume (log units)"""
    sd_growth: float = Field(default=0.0, ge=0)
    """Between-animal standard deviation of the growth rate (1/day)"""
    correlation: float = Field(default=0.0, ge=-1, le=1)
    """Correlation of an animal's log baseline volume and growth rate (no unit)"""
    sd_effect: float = Field(default=0.0, ge=0)
    """Between-animal standard deviation of the relative treatment effect (no unit)"""
    error: float = Field(default=0.0, ge=0)
    """Standard deviation of a reading around the animal's log volume (log units)"""
    kill: dict[str, float] = Field(default_factory=dict)
    """Kill rate (1/day) of each agent, or of an agent at one dose level ("T-DM1 3"), which comes first"""
    departure: dict[str, float] = Field(default_factory=dict)
    """Kill rate (1/day) of a combination arm beyond the sum of its agents; positive = enhanced, an arm not named: 0"""

    @model_validator(mode="after")
    def _has_what_its_law_needs(self) -> Self:
        for law, name in _NEEDED_BY_LAW.items():
            given = getattr(self, name) is not None
            if self.law == law and not given:
                raise ValueError(f'law = "{law}" needs {name}. Add it.')
            if self.law != law and given:
                raise ValueError(f'{name} has no meaning under law = "{self.law}". Remove it, or set law = "{law}".')
        return self


def read_truth(path: str | Path) -> Truth:
    """The truth of a simulated study, from its truth.toml.

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
        return Truth.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(missing_file(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: this is not a TOML file: {error}. Mend that line.") from None
    except ValidationError as error:
        raise InputError(problems_of(path.name, error, Truth)) from None


def simulate(
    arms: Sequence[Arm],
    truth: Truth,
    *,
    animals: int = 10,
    days: Sequence[float],
    seed: int,
    endpoint_volume: float | None = None,
    limit_of_quantification: float | None = None,
    name: str = "simulated study",
) -> Study:
    """A study as the laboratory would record it, made with a known truth.

    Parameters
    ----------
    arms : sequence of Arm
        The design; at least one arm is dosed.
    truth : Truth
        The parameters the animals and their readings are drawn with.
    animals : int
        Number of animals in each arm.
    days : sequence of float
        Visit days as the laboratory records them, the same for every animal; days before the first dose are allowed.
    seed : int
        The same seed gives the same study.
    endpoint_volume : float or None
        An animal leaves after its first reading (mm³, with its error) at or above this volume; that reading is kept.
    limit_of_quantification : float or None
        A smaller reading (mm³) is censored at this volume.
    name : str
        Name of the study.

    Raises
    ------
    InputError
        The truth does not fit the arms, or there is nothing to simulate.
    """
    visits = np.unique(np.asarray(days, dtype=float))
    _check(arms, truth, animals, visits)
    rng = np.random.default_rng(seed)
    first, second, third = rng.standard_normal((3, len(arms), animals))
    baseline = np.log(truth.baseline) + truth.sd_baseline * first
    across = np.sqrt(1 - truth.correlation**2)
    growth = truth.growth + truth.sd_growth * (truth.correlation * first + across * second)
    effect = 1 + truth.sd_effect * third

    log_volume = _log_volume(arms, truth, baseline, growth, effect, visits)
    volume = np.exp(log_volume + truth.error * rng.standard_normal(log_volume.shape))
    limit = 0.0 if limit_of_quantification is None else limit_of_quantification
    censored = volume <= limit
    volume = np.where(censored, limit, volume)
    return Study(
        name=name,
        unit="mm3",
        arms=tuple(arms),
        readings=_readings(arms, visits, volume, censored, endpoint_volume),
        limit_of_quantification=limit_of_quantification,
        endpoint_volume=endpoint_volume,
    )


def true_curves(arms: Sequence[Arm], truth: Truth, day: ArrayLike) -> xr.DataArray:
    """The true log volume of the typical (median) tumour of each arm.

    Parameters
    ----------
    arms : sequence of Arm
        The design.
    truth : Truth
        The parameters; spreads and error do not enter.
    day : float or array (day)
        Days as the laboratory records them.

    Returns
    -------
    DataArray (arm, day)
        Natural log of volume in mm³.
    """
    days = np.atleast_1d(np.asarray(day, dtype=float))
    _check(arms, truth, 1, days)
    typical = np.ones((len(arms), 1))
    curves = _log_volume(arms, truth, np.log(truth.baseline) * typical, truth.growth * typical, typical, days)
    coords = {"arm": [arm.name for arm in arms], "day": days}
    return xr.DataArray(curves[:, 0], coords=coords, dims=("arm", "day"), name="log_volume")


def _check(arms: Sequence[Arm], truth: Truth, animals: int, days: Floats) -> None:
    problems: list[str] = []
    dosings = [dosing for arm in arms for dosing in arm.dosings]
    keys = dict.fromkeys(_kill_key(dosing, truth) for dosing in dosings)
    combinations = [arm.name for arm in arms if arm.is_combination]
    if not dosings:
        problems.append("design: no arm is dosed; a study starts at its first dose. Give an arm an agent.")
    if animals < 1:
        problems.append(f"design: animals is {animals}; it must be 1 or more.")
    if not days.size or not np.all(np.isfinite(days)):
        problems.append("design: visit days must be one number or more, each finite.")
    problems += [f'truth: agent {key} has no kill rate. Add kill."{key}".' for key in keys if key not in truth.kill]
    known = {word for d in dosings for word in (d.agent, _dose_key(d))}
    problems += [f'truth: kill."{key}" is an agent of no arm. Remove it.' for key in truth.kill if key not in known]
    problems += [
        f'truth: departure."{key}" is not a combination arm. Name one of {", ".join(combinations) or "(none)"}.'
        for key in truth.departure
        if key not in combinations
    ]
    if problems:
        raise InputError(problems)


def _log_volume(
    arms: Sequence[Arm], truth: Truth, baseline: Floats, growth: Floats, effect: Floats, days: Floats
) -> Floats:
    """Log volume (arm, animal, day) of animals (arm, animal), integrated from the first dose forwards and backwards.

    Every visit and every day on which an exposure jumps is an edge between two integrations: the right-hand side is
    smooth within each, and no visit is interpolated.
    """
    dosings = [dosing for arm in arms for dosing in arm.dosings]
    first_dose = min(dosing.days[0] for dosing in dosings)
    edges = {first_dose, *days.tolist(), *(day for d in dosings for day in (d.days[0], d.end) if day < days.max())}

    def rate(day: float, log_volume: Floats) -> Floats:
        kill = np.array([[_kill(arm, truth, day)] for arm in arms])
        change = truth.growth_before - truth.growth if truth.growth_before is not None and day < first_dose else 0.0
        return _growth_rate(truth, growth + change, log_volume) - effect * kill

    reached = {first_dose: baseline}
    forwards = sorted(day for day in edges if day >= first_dose)
    backwards = sorted((day for day in edges if day <= first_dose), reverse=True)
    for start, stop in [*pairwise(forwards), *pairwise(backwards)]:
        reached[stop] = _integrate(rate, start, stop, reached[start])
    return np.stack([reached[day] for day in days.tolist()], axis=-1)


def _integrate(rate: Rate, start: float, stop: float, log_volume: Floats) -> Floats:
    before_the_later_edge = np.nextafter(max(start, stop), -np.inf)  # a jump on that day belongs to the next interval

    def flat(day: float, state: Floats) -> Floats:
        return rate(min(day, before_the_later_edge), state.reshape(log_volume.shape)).ravel()

    solution = solve_ivp(flat, (start, stop), log_volume.ravel(), method="DOP853", rtol=1e-10, atol=1e-10)
    if not solution.success:
        raise InputError(f"truth: the growth equation has no solution up to day {stop:g}. Use other parameters.")
    return solution.y[:, -1].reshape(log_volume.shape)


def _growth_rate(truth: Truth, growth: Floats, log_volume: Floats) -> Floats:
    if truth.slowing is not None:
        return growth - truth.slowing * (log_volume - np.log(REFERENCE_VOLUME))
    if truth.capacity is not None:
        return growth * (1 - np.exp(log_volume) / truth.capacity)
    return growth


def _kill(arm: Arm, truth: Truth, day: float) -> float:
    exposures = [float(dosing.days[0] <= day < dosing.end) for dosing in arm.dosings]
    own = sum(truth.kill[_kill_key(d, truth)] * exposure for d, exposure in zip(arm.dosings, exposures, strict=True))
    return own + truth.departure.get(arm.name, 0.0) * math.prod(exposures)


def _kill_key(dosing: Dosing, truth: Truth) -> str:
    return _dose_key(dosing) if _dose_key(dosing) in truth.kill else dosing.agent


def _dose_key(dosing: Dosing) -> str:
    return dosing.agent if dosing.level is None else f"{dosing.agent} {dosing.level:g}"


def _readings(
    arms: Sequence[Arm], days: Floats, volume: Floats, censored: NDArray[np.bool_], endpoint_volume: float | None
) -> pd.DataFrame:
    over = volume >= (np.inf if endpoint_volume is None else endpoint_volume)
    seen = np.cumsum(over, axis=-1) - over == 0  # no earlier reading was at the endpoint
    first_dose = min(dosing.days[0] for arm in arms for dosing in arm.dosings)
    before = seen & (days <= first_dose)
    baseline = before & (before.cumsum(axis=-1) == before.sum(axis=-1, keepdims=True))
    fitted = (np.cumsum(baseline, axis=-1) > 0) | ~before.any(axis=-1, keepdims=True)
    arm_at, animal_at, day_at = (index.tolist() for index in np.nonzero(seen))
    prefixes = _prefixes(arms)
    width = max(2, len(str(volume.shape[1])))
    return pd.DataFrame(
        {
            "animal": [f"{prefixes[a]}{i + 1:0{width}d}" for a, i in zip(arm_at, animal_at, strict=True)],
            "arm": [arms[a].name for a in arm_at],
            "day": days[day_at],
            "volume": volume[seen],
            "censored": censored[seen],
            "fitted": fitted[seen],
            "baseline": baseline[seen],
            "reason_left": np.where(over[seen], ENDPOINT_REASON, ""),
        }
    )


def _prefixes(arms: Sequence[Arm]) -> list[str]:
    """A letter per arm, C for a combination; further arms of the same letter are C2-, C3-, …"""
    taken: Counter[str] = Counter()
    prefixes: list[str] = []
    for arm in arms:
        letter = "C" if arm.is_combination else next((c.upper() for c in arm.name if c.isalpha()), "A")
        taken[letter] += 1
        prefixes.append(letter if taken[letter] == 1 else f"{letter}{taken[letter]}-")
    return prefixes
