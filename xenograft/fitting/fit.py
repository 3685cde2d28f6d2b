"""A fit: posterior draws of one card on one study, how healthy they are, and its file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from xenograft.errors import FitFileError, missing_file
from xenograft.files import replacing
from xenograft.fitting.fit_file import SCHEMA, refuse_other_files
from xenograft.fitting.health import STATUS_MARKS, Attempt, Health
from xenograft.fitting.identified import identified
from xenograft.model.card import ModelCard
from xenograft.model.curve import Parameters
from xenograft.printing import html_card, html_list, html_table, labelled
from xenograft.study.record import facts_of, study_of
from xenograft.study.study import Study

MOST_PARAMETERS = 30
"""Rows of the parameter table; a spline's hundreds of bends would bury the rest."""


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
        Groups `posterior` (chain, draw, …), `log_likelihood` (chain, draw, animal; or mouse, where mice carry several
        tumours), `sample_stats` (with `above_0`, the probability of each departure above 0 given the draw's other
        parameters, where that is known), `posterior_predictive` and `prior_predictive` (chain, draw, animal, reading;
        fewer draws), `observed_data` and `constant_data` (animal, reading).
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

    def __repr__(self) -> str:
        chains, draws = self.posterior.sizes["chain"], self.posterior.sizes["draw"]
        return f"<Fit {self.card.name} of {self.study.name!r}: {self.health.status}, {chains} × {draws} draws>"

    def _repr_html_(self) -> str:

        return _fit_html(self)

    @property
    def posterior(self) -> xr.Dataset:
        """Posterior draws of the parameters (chain, draw, …), rates in 1/day."""
        return self.draws["posterior"].to_dataset()

    @property
    def method(self) -> Literal["nuts", "importance"]:
        """How the draws that were kept were made: by chains, or by importance sampling."""
        return "nuts" if self.health.effective_draws is None else "importance"

    @property
    def latent(self) -> xr.Dataset:
        """Draws of the latent variables: `own_effect`, `common_effect` (chain, draw, row, effect), `spread`."""
        return self.draws["latent"].to_dataset() if "latent" in self.draws else xr.Dataset()

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
            "study": json.dumps(facts_of(self.study)),
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


type Refit = Callable[[Fit, Sequence[str]], Fit]
"""How to fit again without some animals."""


def parameters_of(posterior: xr.Dataset, card: ModelCard) -> Parameters:
    """Draws of a card's parameters as NumPy arrays (chain, draw, …); what the card fixes is filled in."""
    values = {str(name): variable.to_numpy() for name, variable in posterior.items()}
    combinations = posterior.sizes.get("combination", 0)
    values.setdefault("departure", np.zeros((*values["baseline"].shape, combinations)))
    if card.spread == "common":
        values |= {name: values[name][..., None] for name in ("error", "sd_growth") if name in values}
    if "cohort_growth" in values:
        values["cohort"] = values["cohort_growth"]
    known: dict[str, Any] = {name: values[name] for name in Parameters.__dataclass_fields__ if name in values}
    known["of_law"] = {name: values[name] for name in card.law.priors if name in values.keys() - known.keys()}
    known.update(columns=card.law.columns, highest_single_agent=float(card.reference == "hsa"))
    return Parameters(**known)


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    return {name: metadata.version(name) for name in ("xenograft", "nutpie", "numba", "numpy", "scipy", "arviz")}


def _fit_of(tree: xr.DataTree, attrs: Mapping[str, Any]) -> Fit:
    """The fit in a file's groups and attributes."""
    readings = tree["readings"].to_dataset()
    del tree["readings"]
    health = json.loads(attrs["health"])
    attempts = json.loads(attrs["attempts"])
    return Fit(
        study=study_of(
            json.loads(attrs["study"]), pd.DataFrame({str(name): one.to_numpy() for name, one in readings.items()})
        ),
        card=ModelCard.model_validate_json(attrs["card"]),
        draws=tree,
        health=Health(**(health | {"failures": tuple(health["failures"])})),
        attempts=tuple(Attempt(**(item | {"failures": tuple(item["failures"])})) for item in attempts),
        seed=int(attrs["seed"]),
        seconds=json.loads(attrs["seconds"]),
    )


def _table_to_dataset(table: pd.DataFrame) -> xr.Dataset:
    columns = {
        name: ("row", column.to_numpy(dtype=str if column.dtype.kind not in "fbi" else None))
        for name, column in table.items()
    }
    return xr.Dataset(columns)


def _fit_html(fit: Fit) -> str:
    """A fit: whether the sampler did its work, and the parameters."""
    health, posterior = fit.health, fit.posterior
    facts = [fit.study.name, f"{posterior.sizes['chain']} × {posterior.sizes['draw']:,} draws", f"seed {fit.seed}"]
    if fit.method == "nuts":
        facts.append(f"R-hat up to {health.max_rhat:.3f}")
        facts.append(f"ESS from {health.min_ess_bulk:,.0f}")
        facts.append(f"{health.divergences} divergences")
    else:
        facts.append(f"importance sampling: Pareto k {health.pareto_k:.2f}")
        facts.append(f"worth {health.effective_draws:,.0f} draws")
    table = parameter_table(fit)
    more = f"<p>… and {len(table) - MOST_PARAMETERS} more</p>" if len(table) > MOST_PARAMETERS else ""
    shown = table.head(MOST_PARAMETERS)
    rows = [
        {
            "parameter": name,
            "mean": f"{row['mean']:.3g}",
            "sd": f"{row['sd']:.2g}",
            "95 % interval": f"{row['lower']:.3g} to {row['upper']:.3g}",
            "ESS": f"{row['ess_bulk']:,.0f}",
            "R-hat": f"{row['rhat']:.3f}",
        }
        for name, row in shown.iterrows()
    ]
    kind = f"Fit, {STATUS_MARKS[health.status]}"
    return html_card(fit.card.name, kind, facts, [html_list(health.failures), html_table(rows), more])


def parameter_table(fit: Fit) -> pd.DataFrame:
    """The parameters of a fit that the data say something of, and how well each was sampled.

    What an agent that was never tested alone does, and its interaction, is left out: only a prior tells them apart.

    Parameters
    ----------
    fit : Fit
        Posterior draws.

    Returns
    -------
    DataFrame
        By parameter, those with a prior first: `mean`, `sd`, `lower`, `upper` (95 %, equal-tailed; rates in 1/day,
        spreads in log units), `ess_bulk`, `rhat`.
    """
    order = {name: place for place, name in enumerate(fit.card.priors)}
    known = identified(fit.posterior, fit.study)
    posterior = known[sorted(known, key=lambda name: order.get(str(name), len(order)))]
    return summarised(posterior)


def summarised(posterior: xr.Dataset) -> pd.DataFrame:
    """Mean, sd, 95 % interval (equal-tailed), bulk effective draws and R-hat of every parameter (chain, draw, …)."""
    over = ("chain", "draw")
    with np.errstate(divide="ignore", invalid="ignore"):  # of a parameter that never moved: not a number
        measures = {
            "mean": posterior.mean(over, skipna=False),
            "sd": posterior.std(over, ddof=1, skipna=False),
            "lower": posterior.quantile(0.025, over, skipna=False),
            "upper": posterior.quantile(0.975, over, skipna=False),
            "ess_bulk": az.ess(posterior, method="bulk"),
            "rhat": az.rhat(posterior),
        }
    return pd.DataFrame({measure: labelled(table) for measure, table in measures.items()})
