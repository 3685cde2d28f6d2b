"""Priors: distributions by PyMC's names, each with its unit and reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy import stats

Distribution = Literal["Normal", "HalfNormal", "LogNormal", "Gamma", "Beta", "LKJ", "Exponential"]

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "Normal": ("mu", "sigma"),
    "HalfNormal": ("sigma",),
    "LogNormal": ("mu", "sigma"),
    "Gamma": ("alpha", "beta"),
    "Beta": ("alpha", "beta"),
    "LKJ": ("eta",),
    "Exponential": ("lam",),
}
"""Numbers that each distribution needs, named as in PyMC."""

FOLLOW_UP = "follow-up"
"""In a unit, the time for which the study follows its control animals (`xenograft.study.follow_up`)."""

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
_Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]


class Prior(BaseModel):
    """A prior distribution with its unit and reason.

    Parameters
    ----------
    distribution : str
        Name of the distribution as in PyMC.
    mu, sigma, alpha, beta, eta, lam : float
        Its numbers, as PyMC names them; each distribution needs its own.
    unit : str
        Unit of the parameter. "1/follow-up" and the like count in the study's own time (`on_follow_up`).
    why : str
        The reason for these numbers; starts with "Differs:" where another shipped card has another prior.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    distribution: Distribution
    mu: _Finite | None = None
    sigma: _Positive | None = None
    alpha: _Positive | None = None
    beta: _Positive | None = None
    eta: _Positive | None = None
    lam: _Positive | None = None
    unit: str
    why: str = Field(min_length=1)

    @model_validator(mode="after")
    def _numbers_fit_the_distribution(self) -> Prior:
        needed = ARGUMENTS[self.distribution]
        given = [name for name in ("mu", "sigma", "alpha", "beta", "eta", "lam") if getattr(self, name) is not None]
        if set(given) != set(needed):
            raise ValueError(
                f"{self.distribution} needs {' and '.join(needed)}; found {' and '.join(given) or 'none'}. "
                "Give each of its numbers, and no other."
            )
        return self

    @property
    def arguments(self) -> dict[str, float]:
        """The numbers of the distribution by name."""
        return {name: float(getattr(self, name)) for name in ARGUMENTS[self.distribution]}

    @property
    def frozen(self) -> Any:
        """The distribution in SciPy; LKJ is that of the single correlation of a 2 × 2 matrix on (−1, 1)."""
        a = self.arguments
        match self.distribution:
            case "Normal":
                return stats.norm(a["mu"], a["sigma"])
            case "HalfNormal":
                return stats.halfnorm(scale=a["sigma"])
            case "LogNormal":
                return stats.lognorm(s=a["sigma"], scale=np.exp(a["mu"]))
            case "Gamma":
                return stats.gamma(a["alpha"], scale=1 / a["beta"])
            case "Beta":
                return stats.beta(a["alpha"], a["beta"])
            case "LKJ":
                return stats.beta(a["eta"], a["eta"], loc=-1, scale=2)
            case "Exponential":
                return stats.expon(scale=1 / a["lam"])

    @property
    def relative(self) -> bool:
        """Whether its numbers count in follow-ups of the study rather than in days."""
        return FOLLOW_UP in self.unit

    @property
    def says(self) -> list[Any]:
        """What of it changes a posterior: distribution, numbers, and whether these count in follow-ups."""
        return [self.distribution, self.arguments, *([FOLLOW_UP] if self.relative else [])]

    def on_follow_up(self, days: float) -> Prior:
        """The same prior in days.

        Parameters
        ----------
        days : float
            The study's follow-up; a rate of 1/follow-up is 1/days per day.
        """
        if not self.relative:
            return self
        unit = self.unit.replace(FOLLOW_UP, "day")
        factor = days ** -(float(unit.partition("^")[2]) if "^" in unit else 1.0)
        match self.distribution:
            case "Normal":
                changed = {"mu": self.arguments["mu"] * factor, "sigma": self.arguments["sigma"] * factor}
            case "HalfNormal":
                changed = {"sigma": self.arguments["sigma"] * factor}
            case "LogNormal":
                changed = {"mu": self.arguments["mu"] + float(np.log(factor))}
            case "Gamma":
                changed = {"beta": self.arguments["beta"] / factor}
            case "Exponential":
                changed = {"lam": self.arguments["lam"] / factor}
            case "Beta" | "LKJ":
                raise ValueError(f"{self.distribution} is of numbers without a unit of time.")
        return self.model_copy(update=changed | {"unit": unit})

    def draws(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Independent draws of the distribution, as `frozen.rvs` makes them without the cost of a SciPy object.

        Parameters
        ----------
        shape : int or tuple of int
            Of the array.
        rng : Generator
            Source of randomness.
        """
        a = self.arguments
        match self.distribution:
            case "Normal":
                return a["mu"] + a["sigma"] * rng.standard_normal(shape)
            case "HalfNormal":
                return a["sigma"] * np.abs(rng.standard_normal(shape))
            case "LogNormal":
                return np.exp(a["mu"]) * np.exp(a["sigma"] * rng.standard_normal(shape))
            case "Gamma":
                return rng.standard_gamma(a["alpha"], shape) / a["beta"]
            case "Beta":
                return rng.beta(a["alpha"], a["beta"], shape)
            case "LKJ":
                return 2 * rng.beta(a["eta"], a["eta"], shape) - 1
            case "Exponential":
                return rng.standard_exponential(shape) / a["lam"]

    def in_words(self) -> str:
        """The distribution as a reader would write it, for example "Normal(0.03, 0.1) 1/day"."""
        numbers = ", ".join(f"{value:.4g}" for value in self.arguments.values())
        return f"{self.distribution}({numbers}) {self.unit}".strip()
