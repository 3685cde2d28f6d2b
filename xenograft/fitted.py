"""A fit: posterior draws of one card on one study, how healthy they are, and its file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from xenograft.cards import ModelCard
from xenograft.dynamics import Parameters
from xenograft.errors import FitFileError, missing_file
from xenograft.files import replacing
from xenograft.fit_files import SCHEMA, refuse_other_files
from xenograft.study import Arm, Dosing, Study

Status = Literal["pass", "caution", "fail"]

LIMITS: Mapping[str, tuple[float, float]] = {
    "R-hat": (1.01, 1.05),
    "bulk ESS": (400, 100),
    "tail ESS": (400, 100),
    "share of divergences": (0.001, 0.01),
    "E-BFMI": (0.3, 0.2),
    "share at maximum tree depth": (0.01, 0.1),
}
"""Limits of *pass* and *caution* (DESIGN 6); beyond the second a fit fails."""


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
    """

    status: Status
    max_rhat: float
    min_ess_bulk: float
    min_ess_tail: float
    divergences: int
    max_treedepth_share: float
    min_bfmi: float
    failures: tuple[str, ...] = ()


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
        "diag" or "low_rank" mass matrix.
    status : {"pass", "caution", "fail"}
        Health of this run.
    failures : tuple of str
        As in `Health`.
    """

    draws: int
    tune: int
    target_accept: float
    adaptation: Literal["diag", "low_rank"]
    status: Status
    failures: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Fit:
    """Posterior draws of one card on one study.

    Parameters
    ----------
    study : Study
        What was fitted.
    card : ModelCard
        The hypothesis.
    draws : DataTree
        Groups `posterior` (chain, draw, …), `log_likelihood` (chain, draw, animal), `sample_stats`,
        `posterior_predictive` and `prior_predictive` (chain, draw, animal, reading; fewer draws), `observed_data` and
        `constant_data` (animal, reading).
    health : Health
        Of the attempt that was kept.
    attempts : tuple of Attempt
        Every run of the sampler, in order.
    seed : int
        The seed given; the sampler's own follows from it and the card's digest.
    seconds : mapping
        Wall time of `compile` and `sample`.
    """

    study: Study
    card: ModelCard
    draws: xr.DataTree
    health: Health
    attempts: tuple[Attempt, ...]
    seed: int
    seconds: Mapping[str, float]

    @property
    def posterior(self) -> xr.Dataset:
        """Posterior draws of the parameters (chain, draw, …), rates in 1/day."""
        return self.draws["posterior"].to_dataset()

    def parameters(self, thin: int = 1) -> Parameters:
        """The posterior draws as arrays (chain, draw, …).

        Parameters
        ----------
        thin : int
            Every `thin`-th draw is used.
        """
        return parameters_of(self.posterior.isel(draw=slice(None, None, thin)), self.card)

    def save(self, path: str | Path) -> None:
        """Write the fit as NetCDF (under a temporary name first, then moved).

        Parameters
        ----------
        path : str or Path
            File to write; replaced if it exists.
        """
        tree = self.draws.copy()
        tree["readings"] = xr.DataTree(_table_to_dataset(self.study.readings))
        tree.attrs = {
            "schema": SCHEMA,
            "study": json.dumps(_study_to_json(self.study)),
            "card": self.card.model_dump_json(),
            "study_digest": self.study.digest,
            "card_digest": self.card.digest,
            "health": json.dumps(asdict(self.health)),
            "attempts": json.dumps([asdict(attempt) for attempt in self.attempts]),
            "seed": str(self.seed),
            "seconds": json.dumps(dict(self.seconds)),
            "versions": json.dumps(versions()),
        }
        with replacing(path) as temporary:
            # in memory first: HDF5 crashes the program when the disk fills up while it writes
            memory = io.BytesIO()
            tree.to_netcdf(memory, engine="h5netcdf")
            temporary.write_bytes(memory.getvalue())

    @staticmethod
    def load(path: str | Path) -> Fit:
        """Read a fit written by `save`.

        Parameters
        ----------
        path : str or Path
            A NetCDF file.

        Raises
        ------
        FitFileError
            When the file is missing, not NetCDF, or not a fit of this package.
        """
        path = Path(path)
        if not path.is_file():
            raise FitFileError(missing_file(path))
        refuse_other_files(path)
        try:
            with xr.open_datatree(path, engine="h5netcdf") as opened:
                tree = opened.load()
        except (OSError, ValueError, KeyError):
            raise FitFileError(f"{path.name}: this is not a NetCDF file. Give a file that Fit.save wrote.") from None
        attrs, tree.attrs = tree.attrs, {}
        try:
            fit = _fit_of(tree, {str(key): value for key, value in attrs.items()})
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            raise FitFileError(f"{path.name}: a part of the fit is missing or broken. Fit the study again.") from None
        if (fit.study.digest, fit.card.digest) != (attrs["study_digest"], attrs["card_digest"]):
            raise FitFileError(f"{path.name}: its content does not match its digests. Fit the study again.")
        return fit


def parameters_of(posterior: xr.Dataset, card: ModelCard) -> Parameters:
    """Draws of a card's parameters as NumPy arrays (chain, draw, …); what the card fixes is filled in."""
    values = {name: variable.to_numpy() for name, variable in posterior.items()}
    size = values["baseline"].shape
    combinations = posterior.sizes.get("combination", 0)
    return Parameters(
        baseline=values["baseline"],
        growth=values["growth"],
        slowing=values.get("slowing"),
        kill=values["kill"],
        departure=values.get("departure", np.zeros((*size, combinations))),
        highest_single_agent=float(card.reference == "hsa"),
        sd_baseline=values["sd_baseline"],
        sd_growth=values["sd_growth"],
        correlation=values["correlation"],
        error=values["error"],
    )


def judge(quantities: xr.Dataset, sample_stats: xr.Dataset) -> Health:
    """Health of a fit by the limits of DESIGN 6.

    Parameters
    ----------
    quantities : Dataset (chain, draw, …)
        Model parameters and the excess at the horizon.
    sample_stats : Dataset (chain, draw)
        `diverging`, `energy` and `reached_max_treedepth` of the sampler.
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


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {name: version(name) for name in ("xenograft", "pymc", "nutpie", "pytensor", "arviz", "numpy")}


def _fit_of(tree: xr.DataTree, attrs: Mapping[str, Any]) -> Fit:
    """The fit in a file's groups and attributes."""
    readings = tree["readings"].to_dataset()
    del tree["readings"]
    health = json.loads(attrs["health"])
    attempts = json.loads(attrs["attempts"])
    return Fit(
        study=_study_from_json(json.loads(attrs["study"]), readings),
        card=ModelCard.model_validate_json(attrs["card"]),
        draws=tree,
        health=Health(**(health | {"failures": tuple(health["failures"])})),
        attempts=tuple(Attempt(**(item | {"failures": tuple(item["failures"])})) for item in attempts),
        seed=int(attrs["seed"]),
        seconds=json.loads(attrs["seconds"]),
    )


def _grade(name: str, value: float) -> int:
    """0 pass, 1 caution, 2 fail; a value that is not a number fails."""
    for grade, limit in enumerate(LIMITS[name]):
        better = value >= limit if name.endswith("ESS") or name == "E-BFMI" else value <= limit
        if better:
            return grade
    return 2


def _worst(values: xr.Dataset, *, largest: bool) -> tuple[float, str]:
    named = {
        f"{name}[{', '.join(map(str, np.atleast_1d(label)))}]" if variable.ndim else str(name): value
        for name, variable in values.items()
        for label, value in _labelled(variable)
    }
    missing = [name for name, value in named.items() if not np.isfinite(value)]
    if missing:
        return np.nan, missing[0]
    name = (max if largest else min)(named, key=lambda key: named[key])
    return named[name], name


def _labelled(variable: xr.DataArray) -> list[tuple[Any, float]]:
    if not variable.ndim:
        return [("", float(variable))]
    return list(variable.to_series().astype(float).items())


def _table_to_dataset(table: pd.DataFrame) -> xr.Dataset:
    columns = {
        name: ("row", column.to_numpy(dtype=str if column.dtype.kind not in "fbi" else None))
        for name, column in table.items()
    }
    return xr.Dataset(columns)


def _study_to_json(study: Study) -> dict[str, Any]:
    plain = {name: value for name, value in vars(study).items() if name in Study.__dataclass_fields__}
    del plain["readings"]
    return plain | {"arms": [asdict(arm) for arm in study.arms], "ignored": dict(study.ignored)}


def _study_from_json(content: dict[str, Any], readings: xr.Dataset) -> Study:
    def dosing(item: dict[str, Any]) -> Dosing:
        item["days"] = tuple(item["days"])
        item["doses"] = None if item["doses"] is None else tuple(item["doses"])
        return Dosing(**item)

    content["arms"] = tuple(
        Arm(arm["name"], arm["control"], tuple(dosing(item) for item in arm["dosings"])) for arm in content["arms"]
    )
    content["notices"] = tuple(content["notices"])
    table = pd.DataFrame({name: variable.to_numpy() for name, variable in readings.items()})
    flags = ["censored", "fitted", "baseline"]
    for name in table.columns.difference(["day", "volume", "weight", *flags]):
        table[name] = table[name].astype("str")
    table[flags] = table[flags].astype(bool)
    return Study(readings=table, **content)
