"""Whether the sampler did its work, judged with ArviZ's diagnostics (docs/mathematics.md#health-of-a-fit)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import arviz as az
import numpy as np
import xarray as xr

from xenograft.printing import labelled

Status = Literal["pass", "caution", "fail"]

LIMITS: dict[str, tuple[float, float]] = {
    "R-hat": (1.01, 1.05),
    "bulk ESS": (400, 100),
    "tail ESS": (400, 100),
    "share of divergences": (0.001, 0.01),
    "E-BFMI": (0.3, 0.2),
    "share at maximum tree depth": (0.01, 0.1),
}
"""Limits of *pass* and *caution* (docs/mathematics.md#health-of-a-fit); beyond the second a fit fails."""

STATUS_MARKS: Mapping[str, str] = {"pass": "✓ pass", "caution": "! caution", "fail": "✕ fail"}
"""A status as people read it."""


LIMITS_OF_WEIGHTS: dict[str, tuple[float, float]] = {"Pareto k": (0.5, 0.5), "effective draws": (400, 100)}
"""The same of a fit by importance sampling."""

MORE_IS_BETTER = ("bulk ESS", "tail ESS", "E-BFMI", "effective draws")


@dataclass(frozen=True)
class Health:
    """Whether the sampler did its work.

    Parameters
    ----------
    status : {"pass", "caution", "fail"}
        A failed fit is shown but never ranked, averaged or concluded from.
    max_rhat, min_ess_bulk, min_ess_tail : float
        Worst over the model's parameters and the excess at the horizon (rank-normalised, Vehtari et al. 2021).
    divergences : int
        Divergent draws after tuning.
    max_treedepth_share : float
        Share of draws that reached the maximum tree depth.
    min_bfmi : float
        Worst chain's energy Bayesian fraction of missing information.
    failures : tuple of str
        What is not *pass*, in words, with the quantity it was found on.
    pareto_k, effective_draws : float
        Of a fit by importance sampling: tail of the weights, and how many independent draws they are worth, which
        are its effective sample sizes too; None of chains. A fit by importance sampling has no chains, and its
        `max_rhat` and `min_bfmi` are None. (Not a number is what could not be computed, and fails.)
    """

    status: Status
    max_rhat: float | None
    min_ess_bulk: float
    min_ess_tail: float
    divergences: int
    max_treedepth_share: float
    min_bfmi: float | None
    failures: tuple[str, ...] = ()
    pareto_k: float | None = None
    effective_draws: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One run of the sampler.

    Parameters
    ----------
    draws, tune : int
        Per chain.
    target_accept : float
        Acceptance rate that the step size aims at.
    adaptation : str
        "diag" or "low_rank" mass matrix; "importance" for draws without chains.
    status : {"pass", "caution", "fail"}
        Health of this run.
    failures : tuple of str
        As in `Health`.
    """

    draws: int
    tune: int
    target_accept: float
    adaptation: Literal["diag", "low_rank", "importance"]
    status: Status
    failures: tuple[str, ...]


def judge(quantities: xr.Dataset, sample_stats: xr.Dataset, many: xr.Dataset | None = None) -> Health:
    """Health of a fit by the limits of docs/mathematics.md#health-of-a-fit.

    Parameters
    ----------
    quantities : Dataset (chain, draw, …)
        Model parameters and the excess at the horizon.
    sample_stats : Dataset (chain, draw)
        `diverging`, `energy` and `reached_max_treedepth` of the sampler.
    many : Dataset (chain, draw, …), optional
        Latent variables and a spline's bends, of which hundreds would miss the first limits by chance: the second
        limits of R-hat and effective sample size apply.
    """
    diverging = sample_stats["diverging"]
    at_limit = sample_stats["reached_max_treedepth"]
    with np.errstate(divide="ignore", invalid="ignore"):  # of a quantity that never moved: not a number, which fails
        per_quantity = {
            "R-hat": _worst(az.rhat(quantities), largest=True),
            "bulk ESS": _worst(az.ess(quantities, method="bulk"), largest=False),
            "tail ESS": _worst(az.ess(quantities, method="tail"), largest=False),
        }
        bfmi = np.asarray(az.bfmi(sample_stats["energy"].to_dataset(name="energy"))["energy"])
    found: dict[str, tuple[float, str]] = {
        **per_quantity,
        "share of divergences": (float(diverging.mean()), f"{int(diverging.sum())} draws"),
        "E-BFMI": (float(bfmi.min()), f"chain {int(bfmi.argmin())}"),
        "share at maximum tree depth": (float(at_limit.mean()), f"{int(at_limit.sum())} draws"),
    }
    grades = {name: _grade(name, value) for name, (value, _) in found.items()}
    if many is not None and len(many):
        for name, (value, worst) in _of_many(many).items():
            if _grade(name, value) == 2:
                grades[name], found[name] = 2, (value, worst)
    order: Sequence[Status] = ("pass", "caution", "fail")
    return Health(
        status=order[max(grades.values())],
        max_rhat=found["R-hat"][0],
        min_ess_bulk=found["bulk ESS"][0],
        min_ess_tail=found["tail ESS"][0],
        divergences=int(diverging.sum()),
        max_treedepth_share=found["share at maximum tree depth"][0],
        min_bfmi=found["E-BFMI"][0],
        failures=tuple(f"{name} {found[name][0]:.3g} ({found[name][1]})" for name, grade in grades.items() if grade),
    )


def judge_weights(pareto_k: float, effective_draws: float) -> Health:
    """Health of a fit by importance sampling.

    Parameters
    ----------
    pareto_k : float
        Of the weights; above 0.5 their variance is infinite, and the fit fails.
    effective_draws : float
        Independent draws that the weighted ones are worth; the limits are those of effective sample sizes.
    """
    found = {"Pareto k": pareto_k, "effective draws": effective_draws}
    grades = {name: _grade(name, value) for name, value in found.items()}
    order: Sequence[Status] = ("pass", "caution", "fail")
    return Health(
        status=order[max(grades.values())],
        max_rhat=None,
        min_ess_bulk=effective_draws,
        min_ess_tail=effective_draws,
        divergences=0,
        max_treedepth_share=0.0,
        min_bfmi=None,
        failures=tuple(f"{name} {found[name]:.3g}" for name, grade in grades.items() if grade),
        pareto_k=pareto_k,
        effective_draws=effective_draws,
    )


def _of_many(quantities: xr.Dataset) -> dict[str, tuple[float, str]]:
    return {
        "R-hat": _worst(az.rhat(quantities), largest=True),
        "bulk ESS": _worst(az.ess(quantities, method="bulk"), largest=False),
    }


def _grade(name: str, value: float) -> int:
    """0 pass, 1 caution, 2 fail; a value that is not a number fails."""
    for grade, limit in enumerate((LIMITS | LIMITS_OF_WEIGHTS)[name]):
        better = value >= limit if name in MORE_IS_BETTER else value <= limit
        if better:
            return grade
    return 2


def _worst(values: xr.Dataset, *, largest: bool) -> tuple[float, str]:
    named = labelled(values)
    missing = named.index[~np.isfinite(named)]
    if len(missing):
        return np.nan, str(missing[0])
    name = str(named.idxmax() if largest else named.idxmin())
    return float(named[name]), name
