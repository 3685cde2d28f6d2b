"""What the answer owes to when animals left, and to what those removed for other reasons than size would have done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from xenograft.answers.averaging import average
from xenograft.answers.ranking import Comparison
from xenograft.fitting.curves import curves_of
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import SamplerSettings, fit
from xenograft.study.removal import OTHER, removals
from xenograft.study.study import Study

NEGLIGIBLE = 0.01
"""Answer weight below which a card is not fitted again."""


def cut_at_horizon(study: Study) -> Study | None:
    """The study with every arm's readings up to its horizon only; None where there are none after it."""
    late = study.readings["fitted"] & (study.readings["day"] > study.horizon)
    if not late.any():
        return None
    readings = study.readings.assign(fitted=study.readings["fitted"] & ~late)
    return replace(study, readings=readings, chosen_horizon=study.horizon)


def curves_of_cut(fits: Mapping[str, Fit], ranking: Comparison) -> xr.DataArray | None:
    """Averaged typical curves at the horizon (chain, draw, arm, day) from the readings up to it.

    Arms of which animals are followed for longer then count with the same days as the others: an effect that fades, or
    growth that slows, after the horizon no longer bends their curves before it. The answering cards that carry weight
    are fitted again by importance sampling, with their priors in the whole study's own days, and keep their weights.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.

    Returns
    -------
    DataArray or None
        None where there are no readings after the horizon, or a fit of what is left failed.
    """
    weights = {name: weight for name, weight in ranking.answer_weights.items() if weight >= NEGLIGIBLE}
    study = next(iter(fits.values())).study
    cut = cut_at_horizon(study)
    if cut is None or not weights:
        return None
    found: dict[str, xr.DataArray] = {}
    for name in weights:
        whole = fits[name]
        sizes = whole.posterior.sizes
        settings = SamplerSettings(draws=sizes["draw"], tune=sizes["draw"], chains=sizes["chain"])
        again = fit(
            cut, whole.card.on(study), seed=whole.seed, settings=settings, progress=False, keep="posterior",
            method="importance",
        )  # fmt: skip
        if again.health.status == "fail":
            return None
        found[name] = curves_of(again.posterior, study, whole.card, [study.horizon])
    return average(found, weights)


def removed_otherwise(study: Study) -> Mapping[str, tuple[float, ...]]:
    """By arm, the last days (as recorded) of animals that left before the horizon for a reason such as ulceration."""
    why, animals = removals(study), study.animals
    early = animals[why.isin(OTHER) & (animals["last_day"] < study.horizon)]
    return {str(arm): tuple(rows["last_day"]) for arm, rows in early.groupby("arm", sort=False)}


def amount_of(fits: Mapping[str, Fit], ranking: Comparison) -> float:
    """By how much an animal that left is assumed to depart from the prediction: one sd of growth rates (1/day).

    Of the heaviest answering card, posterior median, of several arms their mean.
    """
    weights = ranking.answer_weights
    posterior = fits[max(weights, key=lambda name: weights[name])].posterior
    return float(posterior["sd_growth"].median(("chain", "draw")).mean())


def would_have_grown(study: Study, curves: xr.DataArray, amount: float) -> xr.DataArray:
    """Curves at the horizon, had the animals that left for other reasons than size grown faster than predicted.

    A reading that is missing is otherwise predicted from its animal's own readings (missing at random). Here each such
    animal grows faster by `amount` from the day it left on, and its arm's typical log volume with it, by its share of
    the arm: delta adjustment as Carpenter, Roger and Kenward (2013). It is a sensitivity and no joint model of growth
    and removal, which under removal by size biases slopes (docs/mathematics.md#animals-that-leave).

    Parameters
    ----------
    study : Study
        Who left, when and why.
    curves : DataArray (chain, draw, arm, day)
        ln volume of typical animals, the horizon among its days.
    amount : float
        1/day; below 0 they would have grown more slowly.

    Returns
    -------
    DataArray (chain, draw, arm, day)
        At the horizon only.
    """
    at_horizon = curves.sel(day=[study.horizon])
    animals = study.animals["arm"].value_counts()
    left = removed_otherwise(study)
    gained = [
        amount * sum(study.horizon - day for day in left.get(str(arm), ())) / animals[arm] if arm in animals else 0.0
        for arm in at_horizon["arm"].to_numpy()
    ]
    shift = xr.DataArray(np.array(gained), dims="arm", coords={"arm": at_horizon["arm"].to_numpy()})
    return (at_horizon + shift).assign_attrs(curves.attrs).transpose(*curves.dims)
