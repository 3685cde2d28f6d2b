"""Studies of many shapes, and a card for every word of the vocabulary, for the tests of the density."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from xenograft.model.card import ModelCard
from xenograft.model.prior import Prior
from xenograft.study.study import Arm, Dosing, Study

PRIORS: dict[str, tuple[str, dict[str, float]]] = {
    "baseline": ("Normal", {"mu": 0.5, "sigma": 1.0}),
    "growth": ("LogNormal", {"mu": -2.6, "sigma": 0.6}),
    "slowing": ("LogNormal", {"mu": -4.2, "sigma": 1.0}),
    "kill": ("Normal", {"mu": 0.03, "sigma": 0.1}),
    "waning": ("LogNormal", {"mu": -2.3, "sigma": 0.8}),
    "onset": ("Exponential", {"lam": 4.0}),
    "departure": ("Normal", {"mu": 0.01, "sigma": 0.03}),
    "sd_departure": ("HalfNormal", {"sigma": 0.02}),
    "dose_power": ("Gamma", {"alpha": 3.0, "beta": 3.0}),
    "sd_baseline": ("HalfNormal", {"sigma": 0.5}),
    "sd_growth": ("LogNormal", {"mu": -4.2, "sigma": 0.7}),
    "sd_effect": ("HalfNormal", {"sigma": 0.4}),
    "sd_cohort": ("Gamma", {"alpha": 2.0, "beta": 100.0}),
    "correlation": ("LKJ", {"eta": 2.0}),
    "error": ("HalfNormal", {"sigma": 0.3}),
    "small_tumour_error": ("Exponential", {"lam": 10.0}),
    "residual": ("LogNormal", {"mu": -2.0, "sigma": 1.0}),
    "degrees_of_freedom": ("LogNormal", {"mu": 1.8, "sigma": 0.6}),
    "smoothness": ("LogNormal", {"mu": -5.2, "sigma": 0.6}),
    "mouse_share": ("Beta", {"alpha": 2.0, "beta": 3.0}),
    "cage_share": ("Beta", {"alpha": 2.0, "beta": 3.0}),
}

WORDS: dict[str, dict[str, Any]] = {
    "exponential": {},
    "gompertz": {"growth": "gompertz"},
    "spline": {"growth": "spline"},
    "decaying": {"exposure": "decaying"},
    "decaying gompertz": {"exposure": "decaying", "growth": "gompertz"},
    "delayed": {"exposure": "delayed"},
    "delayed gompertz": {"exposure": "delayed", "growth": "gompertz"},
    "an exposure for each agent": {"exposure": {"A": "decaying", "B": "delayed", "default": "constant"}},
    "two wane, gompertz": {"exposure": {"A": "decaying", "B": "decaying", "C": "delayed"}, "growth": "gompertz"},
    "hsa": {"reference": "hsa", "departure": "none"},
    "hsa, gompertz, decaying": {"reference": "hsa", "departure": "none", "growth": "gompertz", "exposure": "decaying"},
    "no departure": {"departure": "none"},
    "one departure": {"departure_by": "study"},
    "shrunken departures": {"departure_by": "shrunken", "growth": "gompertz"},
    "power": {"dose_effect": "power"},
    "linear": {"dose_effect": "linear"},
    "no effects": {"varies": ()},
    "baseline varies": {"varies": ("baseline",)},
    "growth varies": {"varies": ("growth",), "growth": "gompertz"},
    "effect varies": {"varies": ("effect",)},
    "all vary": {"varies": ("baseline", "growth", "effect", "cohort"), "growth": "gompertz"},
    "cohorts": {"varies": ("baseline", "growth", "cohort")},
    "spread by arm": {"spread": "arm", "growth": "gompertz"},
    "small tumours": {"error_small": True, "varies": ("baseline", "growth", "effect")},
    "residual": {"residual": True},
    "residual, all": {
        "residual": True, "error_small": True, "varies": ("baseline", "growth", "effect"), "spread": "arm",
        "growth": "gompertz", "exposure": "decaying",
    },
    "residual, student": {"residual": True, "error": "student"},
    "residual, hsa": {"residual": True, "reference": "hsa", "departure": "none"},
    "student": {"error": "student"},
    "student, all": {
        "error": "student", "varies": ("baseline", "growth", "effect", "cohort"), "spread": "arm", "error_small": True,
        "growth": "gompertz", "exposure": "decaying",
    },
}  # fmt: skip
"""What a card for each word says otherwise than a plain one."""


def card_of(words: str, **priors: Prior) -> ModelCard:
    """A card for an entry of `WORDS`; `priors` replace its own, `kill_A` that of agent A."""
    said: dict[str, Any] = {
        "growth": "exponential", "exposure": "constant", "reference": "bliss", "departure": "estimated",
        "varies": ("baseline", "growth"), "error": "normal", **WORDS[words],
    }  # fmt: skip
    exposures = set(said["exposure"].values()) if isinstance(said["exposure"], dict) else {said["exposure"]}
    needed = {
        "slowing": said["growth"] == "gompertz", "smoothness": said["growth"] == "spline",
        "waning": "decaying" in exposures, "onset": "delayed" in exposures,
        "departure": said["departure"] == "estimated", "dose_power": said.get("dose_effect") == "power",
        "sd_departure": said.get("departure_by") == "shrunken",
        "correlation": {"baseline", "growth"} <= set(said["varies"]),
        "degrees_of_freedom": said["error"] == "student", "small_tumour_error": said.get("error_small", False),
        "residual": said.get("residual", False),
        **{f"sd_{name}": name in said["varies"] for name in ("baseline", "growth", "effect", "cohort")},
    }  # fmt: skip
    names = ["baseline", "growth", "kill", "error", *(name for name, is_needed in needed.items() if is_needed)]
    names += ["mouse_share"] if {"baseline", "growth", "effect"} & set(said["varies"]) else []
    names += ["cage_share"] if "growth" in said["varies"] else []
    own = {name: _prior(*PRIORS[name]) for name in names}
    own |= {name.replace("kill_", "kill."): prior for name, prior in priors.items()}
    return ModelCard(name=words, claim="a test", priors=own, **said)


def prior(distribution: str, **numbers: float) -> Prior:
    """A prior without prose."""
    return _prior(distribution, numbers)


def random_study(seed: int, *, censored: bool = False, mice: bool = False, cages: bool = False) -> Study:
    """Three agents, two dose levels of one, pairs and a triple, arms in any order, cohorts, visits before dosing.

    Doses are given on several days, some of one size and some not, some end; animals leave, miss visits or are measured
    twice a day; with `censored` readings below 60 are limits; with `mice` most animals are tumours of a few mice, with
    `cages` they live in a few cages, of whatever arms.
    """
    rng = np.random.default_rng(seed)
    first = float(rng.integers(-3, 4))
    days = first + np.unique(np.concatenate([[-4.0, 0.0], rng.choice(np.arange(1, 30), 6, replace=False)]))

    def dosing(agent: str, amount: float) -> Dosing:
        given = np.sort(rng.choice(np.arange(0, 22), rng.integers(1, 4), replace=False)) + first
        amounts = (*(amount * rng.choice([1.0, 1.0, 0.5], len(given) - 1)), amount)
        return Dosing(
            agent, tuple(map(float, given)), amounts, "mg/kg", ends=bool(rng.random() < 0.3 and len(given) > 1)
        )

    single = [dosing("A", 1.0), dosing("A", 3.0), dosing("B", 2.0), dosing("C", 5.0)]
    single[0] = replace(single[0], days=(first, *(day for day in single[0].days if day > first)), doses=None)
    single[0] = replace(single[0], doses=(1.0,) * len(single[0].days), ends=False)
    low, high, b, c = single
    dosings = [(), (low,), (high,), (b,), (c,), (high, b), (b, c), (high, b, c)]
    arms = [Arm(f"arm {i}", control=not given, dosings=given) for i, given in enumerate(dosings)]
    arms = [arms[i] for i in rng.permutation(len(arms))]
    rows: list[dict[str, Any]] = []
    for arm in arms:
        for number in range(int(rng.integers(1, 4))):
            rate, level = rng.normal(0.05, 0.06), rng.normal(4.8, 0.3)
            last = rng.choice(days[3:])
            for day in days[(days <= last) & ((rng.random(len(days)) < 0.8) | (days == first))]:
                for _ in range(1 + int(rng.random() < 0.1)):
                    volume = float(np.exp(level + rate * (day - first) + rng.normal(0, 0.15)))
                    rows.append({"animal": f"{arm.name}/{number}", "arm": arm.name, "day": day, "volume": volume,
                                 "cohort": f"batch {number % 2}"})  # fmt: skip
    table = pd.DataFrame(rows)
    below = table["volume"] < 60
    table = table.assign(censored=below & censored, volume=np.where(below & censored, 60.0, table["volume"]))
    if mice or cages:
        chosen = np.random.default_rng([seed, 1])
        names = table["animal"].unique()
        owner = dict(
            zip(names, chosen.choice(["", *(f"mouse {i}" for i in range(len(names) // 2))], len(names)), strict=True)
        )
        table["mouse" if mice else "cage"] = table["animal"].map(owner)
    table["fitted"] = table["day"] >= first - 4 * (rng.random() < 0.5)
    table["baseline"] = (table["day"] == first) & ~table.duplicated(["animal", "day"])
    return Study(
        name="random", unit="mm3", arms=tuple(arms), readings=table,
        limit_of_quantification=60.0 if censored else None,
    )  # fmt: skip


def _prior(distribution: str, numbers: dict[str, float]) -> Prior:
    return Prior.model_validate({"distribution": distribution, **numbers, "unit": "", "why": "a test"})
