"""The interaction of a combination by the tests that people know: p values of the readings alone, no prior, no card.

Both ask whether the combination's growth rate differs from the sum of what its agents do alone: rates of log volume, so
that no interaction is Bliss independence under exponential growth.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from xenograft.quantities.animals import animal_courses
from xenograft.study.study import Arm, Study

Method = Literal["animals' growth rates", "linear mixed model"]

DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class Contrast:
    """One test of a combination's interaction.

    Parameters
    ----------
    combination : str
        The arm.
    method : {"animals' growth rates", "linear mixed model"}
        A two-way analysis of variance of each animal's least-squares growth rate (its interaction, pooled variance of
        the arms in it); or a linear mixed model of ln volume: one baseline, a rate per arm, baseline and rate of each
        animal correlated, by REML (Wald test).
    estimate, standard_error : float
        Growth rate (1/day) by which the combination is below what its agents do alone; positive = enhanced.
    p : float
        Two-sided p value that it is 0.
    degrees_of_freedom : float
        Of the t distribution; infinite for the Wald test.
    time : str
        Unit in which time was fitted, "day" or "week": the answer does not depend on it, whether it is found does.
    reason : str
        Why there are no numbers, else empty.
    """

    combination: str
    method: Method
    estimate: float = np.nan
    standard_error: float = np.nan
    p: float = np.nan
    degrees_of_freedom: float = np.inf
    time: str = "day"
    reason: str = ""

    @property
    def flat_prior_probability(self) -> float:
        """About the probability of a positive estimate with flat priors: 1 - p/2, or p/2 of a negative estimate."""
        return 1 - self.p / 2 if self.estimate > 0 else self.p / 2


def interaction_contrasts(study: Study) -> tuple[Contrast, ...]:
    """Both tests of every combination; of agents that are no arm of their own, with the reason.

    Parameters
    ----------
    study : Study
        Its readings from the baseline on; those excluded with a reason are left out, one at or below the limit counts
        as the limit. Tumours of one mouse are averaged (of their logs) first.
    """
    if not study.combinations:
        return ()
    readings = _log_volumes(study)
    rates = _rates(readings)
    asked = {arm.name: _weights(study, arm) for arm in study.combinations}
    mixed = _mixed_rates(readings) if any(not reason for _, reason in asked.values()) else None
    found: list[Contrast] = []
    for combination, (weights, reason) in asked.items():
        by_rates = Contrast(combination, "animals' growth rates", reason=reason)
        by_mixed = Contrast(combination, "linear mixed model", reason=reason)
        found.append(by_rates if reason else _of_rates(by_rates, rates, weights))
        found.append(by_mixed if reason else _of_mixed_model(by_mixed, mixed, weights))
    return tuple(found)


def _weights(study: Study, combination: Arm) -> tuple[dict[str, float], str]:
    """Weights of the arms' rates: positive where a slower combination counts as enhanced."""
    singles = study.reference_arms(combination)
    missing = [agent for agent, arm in singles.items() if arm is None]
    if missing:
        return {}, f"the study has no arm of {', '.join(missing)} alone with the same doses"
    weights = {arm.name: 1.0 for arm in singles.values() if arm is not None}
    return weights | {combination.name: -1.0, study.control.name: 1.0 - len(singles)}, ""


def _log_volumes(study: Study) -> pd.DataFrame:
    """`group` (mouse or animal), `arm`, `day` (since the first dose), `y` (ln volume)."""
    rows = [
        {"group": study.groups.get(course.animal, course.animal), "arm": course.arm, "day": day, "y": np.log(volume)}
        for course in animal_courses(study)
        for day, volume in zip(course.elapsed, course.volume, strict=True)
    ]
    return pd.DataFrame(rows).groupby(["group", "arm", "day"], sort=False)["y"].mean().reset_index()


def _rates(readings: pd.DataFrame) -> dict[str, np.ndarray]:
    """Least-squares growth rate (1/day) of every animal with three readings or more, by arm."""
    found: dict[str, list[float]] = {}
    for (arm, _), own in readings.groupby(["arm", "group"], sort=False):
        if len(own) >= 3:
            found.setdefault(str(arm), []).append(float(np.polyfit(own["day"], own["y"], 1)[0]))
    return {arm: np.array(rates) for arm, rates in found.items()}


def _of_rates(contrast: Contrast, rates: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> Contrast:
    """The interaction of a two-way analysis of variance, as a t test of its contrast of cell means."""
    few = [arm for arm in weights if len(rates.get(arm, ())) == 0]
    if few:
        return replace(contrast, reason=f"no animal of {', '.join(few)} has three readings")
    own = {arm: rates[arm] for arm in weights}
    freedom = sum(len(values) - 1 for values in own.values())
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in own.values())
    if freedom == 0 or squares == 0:
        return replace(contrast, reason="the animals' rates do not differ within arms")
    estimate = sum(weights[arm] * values.mean() for arm, values in own.items())
    error = np.sqrt(squares / freedom * sum(weights[arm] ** 2 / len(values) for arm, values in own.items()))
    p = float(2 * stats.t.sf(abs(estimate) / error, freedom))
    return replace(
        contrast, estimate=float(estimate), standard_error=float(error), p=p, degrees_of_freedom=float(freedom)
    )


@dataclass(frozen=True, eq=False)
class _MixedRates:
    """The arms' growth rates (1/day) with their covariance, by one linear mixed model of the whole study."""

    rates: pd.Series
    covariance: pd.DataFrame
    time: str
    likelihood: float


def _of_mixed_model(contrast: Contrast, mixed: _MixedRates | None, weights: Mapping[str, float]) -> Contrast:
    if mixed is None:
        return replace(contrast, reason="the mixed model did not converge, neither in weeks nor in days")
    names = list(weights)
    weight = np.array([weights[name] for name in names])
    estimate = float(weight @ mixed.rates[names].to_numpy())
    error = float(np.sqrt(weight @ mixed.covariance.loc[names, names].to_numpy() @ weight))
    if not np.isfinite(error) or error == 0:
        return replace(contrast, reason="the mixed model has no standard error")
    p = float(2 * stats.norm.sf(abs(estimate) / error))
    return replace(contrast, estimate=estimate, standard_error=error, p=p, time=mixed.time)


def _mixed_rates(readings: pd.DataFrame) -> _MixedRates | None:
    """The fit in weeks or in days with the better likelihood; None where neither converges.

    statsmodels' optimiser stops early where variances of baseline and rate differ by orders of magnitude, as in days.
    """
    for method in ("lbfgs", "bfgs"):
        fits = [one for time in ("week", "day") if (one := _mixed_model(readings, time, method)) is not None]
        if fits:
            return max(fits, key=lambda one: one.likelihood)
    return None


def _mixed_model(readings: pd.DataFrame, time: Literal["week", "day"], method: str) -> _MixedRates | None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    scale = DAYS_PER_WEEK if time == "week" else 1.0
    arms = [str(arm) for arm in dict.fromkeys(readings["arm"])]
    elapsed = readings["day"].to_numpy() / scale
    own = readings["arm"].to_numpy()
    fixed = np.column_stack([np.ones_like(elapsed), *(elapsed * (own == arm) for arm in arms)])
    random = np.column_stack([np.ones_like(elapsed), elapsed])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is asked below
        try:
            found: Any = MixedLM(readings["y"].to_numpy(), fixed, readings["group"].to_numpy(), random).fit(
                reml=True, method=method
            )
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError, FloatingPointError):
            return None
    if not found.converged or not np.isfinite(found.llf):
        return None
    covariance = np.asarray(found.cov_params())[1 : len(arms) + 1, 1 : len(arms) + 1] / scale**2
    return _MixedRates(
        rates=pd.Series(np.asarray(found.fe_params)[1:] / scale, index=arms),
        covariance=pd.DataFrame(covariance, index=arms, columns=arms),
        time=time,
        # a REML likelihood depends on the unit of the rates, through the determinant of the fixed part
        likelihood=float(found.llf) - len(arms) * np.log(scale),
    )
