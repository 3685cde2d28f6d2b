"""What the answers owe to the priors (power scaling, Kallioinen et al. 2024) and to each single animal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.averaging import interaction_of
from xenograft.answers.followed import quantities_of
from xenograft.answers.ranking import Comparison
from xenograft.answers.verdicts import INTERACTION_WORDS, verdict_words
from xenograft.errors import InputError
from xenograft.fitting.curves import curves, curves_of
from xenograft.fitting.fit import Fit, Refit
from xenograft.fitting.left_out import LeftOut, without_each
from xenograft.fitting.sampling import refit_without
from xenograft.model.card import ModelCard
from xenograft.model.vocabulary import SHRUNKEN
from xenograft.printing import few, labelled, listed, share_in_words
from xenograft.quantities.estimands import JudgedReference, tumour_growth_inhibition
from xenograft.study.tables import arm_of_groups

SENSITIVE = 0.05
"""Power-scaling sensitivity from which an answer is called sensitive (Kallioinen et al. 2024)."""

HELD = 0.9
"""Probability that a claimed direction keeps without any animal on which it does not hang. The farthest of some thirty
animals is two standard deviations off; in arms of five to eight leaving it out moves the answer by 0.4 to 0.6 standard
errors, which takes a probability of 0.975 to 0.94 or 0.92. What moves it further is more than chance does."""

NEGLIGIBLE = 1e-4
"""Answer weight up to which a card is left out of what single animals do: it moves no probability by more."""


def prior_sensitivity(
    fit: Fit, curve: xr.DataArray | None = None, *, only: Collection[str] | None = None
) -> pd.DataFrame:
    """How much each answer moves when the priors, or the data, are made a little stronger or weaker.

    Parameters
    ----------
    fit : Fit
        Posterior draws.
    curve : DataArray, optional
        Its typical curves, from `curves`, where at hand.
    only : collection of str, optional
        Names of the estimands that are wanted (`excess_bliss`, `tgi`, …); default all.

    Returns
    -------
    DataFrame
        One row per estimand (`excess_bliss[combination]`, `tgi[arm]`, …): `prior`, `departure_prior` (its part alone;
        NaN for a card that fixes the departure) and `likelihood` (sensitivities without unit; 0.05 and above counts),
        `words`: "prior and data disagree", "the prior decides" or "".
    """
    draws = quantities_of(fit.study, curves(fit) if curve is None else curve, only)
    varying = [name for name, value in draws.items() if float(value.std(("chain", "draw")).max()) > 0]
    tree = xr.DataTree.from_dict(
        {
            "posterior": draws[varying],
            "log_prior": log_prior(fit),
            "log_likelihood": fit.draws["log_likelihood"].to_dataset(),
        }
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # of what does not move in one arm: not a number, left out
        columns = {
            "prior": labelled(_sensitivity(tree, "prior")),
            "likelihood": labelled(_sensitivity(tree, "likelihood")),
        }
        if "departure" in tree["log_prior"]:
            columns["departure_prior"] = labelled(_sensitivity(tree, "prior", "departure"))
    table = pd.DataFrame(columns).reindex(columns=["prior", "departure_prior", "likelihood"])
    table = table[np.isfinite(table["prior"])]
    table["words"] = [_words(row["prior"], row["likelihood"]) for _, row in table.iterrows()]
    return table


def averaged_sensitivity(tables: Mapping[str, pd.DataFrame], weights: Mapping[str, float], label: str) -> float:
    """How much an averaged answer moves with the priors: the mean over the cards, the most that their mixture can.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        From `prior_sensitivity`, by answering card.
    weights : mapping of str to float
        Answer weights; they do not move with the priors.
    label : str
        Of the answer, as in the tables' index.
    """
    return sum(weights.get(name, 0.0) * float(table["prior"].get(label, 0.0)) for name, table in tables.items())


def sensitive_in_words(tables: Mapping[str, pd.DataFrame], weights: Mapping[str, float], label: str) -> str:
    """That an averaged answer moves with the priors, and by which card most; empty where it does not count."""
    if (mean := averaged_sensitivity(tables, weights, label)) < SENSITIVE:
        return ""
    own = {name: table.loc[[label]].iloc[0] for name, table in tables.items() if label in table.index}
    parts = {name: (row["prior"] >= SENSITIVE, weights.get(name, 0.0) * row["prior"]) for name, row in own.items()}
    card = max(parts, key=lambda name: parts[name])
    return (
        f"sensitivity {mean:.2f}, the models by their weight; {SENSITIVE:g} and above counts; most by {card}, "
        f"{own[card]['prior']:.2f}: {own[card]['words']}"
    )


def without_each_animal(
    fits: Mapping[str, Fit],
    ranking: Comparison,
    *,
    combination: str | None = None,
    arm: str | None = None,
    control: str | None = None,
    reference: JudgedReference = "bliss",
    refit: Refit | None = None,
    drawn: Mapping[str, LeftOut | None] | None = None,
) -> pd.DataFrame:
    """The averaged answer at the horizon when one animal is left out, for every animal in turn.

    The posterior without an animal is drawn by importance sampling. Where its weights may not be trusted, and of a card
    with hundreds of latent variables, the draws of the chains are weighted instead (Pareto-smoothed, Vehtari et al.
    2017); where these may not be trusted either, the ranking's fit without the animal serves, or a new one. The cards
    keep their answer weights.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits.
    combination : str, optional
        The arm whose excess is looked at.
    arm : str, optional
        The arm whose tumour growth inhibition is looked at, instead of a combination's excess.
    control : str, optional
        The arm that it is compared with; default the vehicle.
    reference : {"bliss", "hsa"}
        What no interaction means.
    refit : callable, optional
        How to fit again; default `refit_without`.
    drawn : mapping of str to LeftOut or None, optional
        The posteriors without one animal each, from `drawn_without_each`, where at hand for another arm or reference.

    Returns
    -------
    DataFrame
        One row per animal (mouse with its tumours), in the study's order; index their names, columns `arm`, `median`
        (of an excess log units, positive = enhanced; of an inhibition %), `probability` of a value above 0, `pareto_k`
        (of the weights, the largest over the answering cards), `how` ("importance", "fitted again", or "not to be
        trusted": a large Pareto k and no fit without the animal). Empty where no healthy card answers. Weighted draws
        are too few for the ends of an interval, so there is none.
    """
    if (combination is None) == (arm is None):
        raise InputError("without_each_animal: name either a combination or an arm.")
    columns = ["arm", "median", "probability", "pareto_k", "how"]
    weights = _that_matter(ranking)
    if not weights:
        return pd.DataFrame(columns=columns)
    study = next(iter(fits.values())).study

    def answer_of(posterior: xr.Dataset, card: ModelCard) -> np.ndarray:
        curve = curves_of(posterior, study, card, [study.horizon])
        if combination is None:
            found = tumour_growth_inhibition(curve, control or study.control.name, study.horizon).sel(arm=arm)
        else:
            found = interaction_of(study, curve, "", reference).draws.sel(combination=combination)
        return found.to_numpy().ravel()

    exact = drawn_without_each(fits, ranking) if drawn is None else drawn

    @cache
    def of_chains(name: str) -> LeftOut:
        return _by_own_draws(fits[name], ranking)

    @cache
    def answers(name: str, chains: bool) -> np.ndarray:
        left = exact[name]
        return answer_of(fits[name].posterior if chains or left is None else left.posterior, fits[name].card)

    def without(name: str, animal: str) -> tuple[np.ndarray, np.ndarray, float, str]:
        """Draws, their weights, Pareto k, and how they were made."""
        left, how = exact[name] or of_chains(name), "importance"
        chains = exact[name] is None
        again = ranking.refits.get((name, animal))
        if again is None and not chains and animal in left.untrusted and animal not in of_chains(name).untrusted:
            left, chains = of_chains(name), True
        k = float(left.pareto_k[animal])
        if again is None and not chains and animal in left.untrusted:
            fitted = (refit or refit_without)(fits[name], [animal])
            again = None if fitted.health.status == "fail" else fitted.posterior
        if again is not None:
            how = "fitted again"
        elif animal in left.untrusted:
            how = "not to be trusted"
        apart = left.apart.get(animal) if again is None else again
        if apart is None:
            return answers(name, chains), left.weight.loc[animal].to_numpy(), k, how
        values = answer_of(apart, fits[name].card)
        return values, np.full(len(values), 1 / len(values)), k, how

    rows: list[dict[str, Any]] = []
    for animal, own_arm in arm_of_groups(study).items():
        found = [without(name, str(animal)) for name in weights]
        values, shares, k, how = zip(*found, strict=True)
        told = next(word for word in ("not to be trusted", "fitted again", "importance") if word in how)
        scaled = [weight * share for weight, share in zip(weights.values(), shares, strict=True)]
        row = _weighted(np.concatenate(values), np.concatenate(scaled))
        rows.append({"animal": str(animal), "arm": own_arm, "pareto_k": max(k), "how": told} | row)
    return pd.DataFrame(rows).set_index("animal")[columns].rename_axis(study.group)


def drawn_without_each(fits: Mapping[str, Fit], ranking: Comparison) -> dict[str, LeftOut | None]:
    """The posteriors of the answering cards that matter without one animal each, from `without_each`."""
    untold = {name: _by_own_draws(fits[name], ranking).untrusted for name in _that_matter(ranking)}
    return {name: without_each(fits[name], needed=needed) for name, needed in untold.items()}


def _that_matter(ranking: Comparison) -> dict[str, float]:
    return {name: weight for name, weight in ranking.answer_weights.items() if weight > NEGLIGIBLE}


def on_single_animals_in_words(
    table: pd.DataFrame, probability: float, extremes: tuple[str, str] = INTERACTION_WORDS
) -> tuple[str, str, str]:
    """On which animals a verdict hangs, without which it falls short, and of which it is not known; each may be empty.

    A verdict that claims a direction hangs on an animal without which the probability is clearly inside its limits
    (below `HELD`, or above 1 − `HELD`), any other on one without which it would claim one.

    Parameters
    ----------
    table : DataFrame
        From `without_each_animal`.
    probability : float
        Of the verdict, with every animal.
    extremes : (str, str)
        The verdict's words for a high and for a low probability.
    """
    one_of, of_all = ("mouse", "mice") if table.index.name == "mouse" else ("animal", "animals")
    words = verdict_words(probability, None, *extremes)
    said = pd.Series([verdict_words(float(p), None, *extremes) for p in table["probability"]], index=table.index)
    trusted = table["how"] != "not to be trusted"
    changed, unknown = trusted & (said != words), table.index[~trusted]
    toward = table["probability"] if words == extremes[0] else 1 - table["probability"]
    near = changed & (toward >= HELD) & (words in extremes)
    hangs = short = not_known = ""
    if (lost := changed & ~near).any():
        hangs = (
            f"The verdict hangs on single {of_all}: without {_each(table.index[lost])} it would be "
            f"{listed(list(said[lost].unique()))}"
        )
    if near.any():
        short = (
            f"Without {_each(table.index[near])} the probability would fall short of its limit "
            f"({few([share_in_words(float(p)) for p in table['probability'][near]])})"
        )
    if len(unknown):
        not_known = (
            f"Not known for {few(list(map(str, unknown)))}: Pareto k is above its limit, and there is no fit without "
            f"the {one_of}."
        )
    return hangs, short, not_known


def _each(names: pd.Index) -> str:
    return few(list(map(str, names))) + ("" if len(names) == 1 else " (one at a time)")


def log_prior(fit: Fit) -> xr.Dataset:
    """Log density of each parameter's prior under each draw.

    Parameters
    ----------
    fit : Fit
        Posterior draws and the card with the priors.

    Returns
    -------
    Dataset (chain, draw)
        One variable per prior of the card; parameters with labels (agents, combinations) are summed.
    """
    found: dict[str, Any] = {}
    agents, card = [agent for agent, _ in fit.study.levels], fit.card.on(fit.study)
    shrunken = {"departure_mean": "departure", "departure": ""} if card.departure_by == SHRUNKEN else {}
    for parameter, values in fit.posterior.items():
        name = shrunken.get(str(parameter), str(parameter))  # the prior is that of the mean
        if name not in card.priors:
            continue
        own = values.transpose("chain", "draw", ...)
        if "agent" in own.dims:
            parts = [card.prior_of(str(name), agent).frozen.logpdf(own.isel(agent=i)) for i, agent in enumerate(agents)]
            density: Any = np.sum(parts, axis=0)
        else:
            density = card.prior_of(str(name)).frozen.logpdf(own)
            density = density.sum(axis=tuple(range(2, density.ndim)))
        found[str(name)] = (("chain", "draw"), density)
    coords = {name: fit.posterior[name] for name in ("chain", "draw")}
    return xr.Dataset(found, coords=coords)


def _sensitivity(tree: xr.DataTree, group: str, variable: str | None = None) -> xr.Dataset:
    return az.psense(tree, group=group, group_var_names=variable)


def _by_own_draws(fit: Fit, ranking: Comparison) -> LeftOut:
    """The posteriors without one animal each, by weighting the draws of the whole one."""
    group = fit.study.group
    log_likelihood = fit.draws["log_likelihood"]["volume_readings"].transpose(group, "chain", "draw")
    log_weights, _ = log_likelihood.azstats.psislw(dim=["chain", "draw"])
    weights = np.exp(log_weights.transpose(group, "chain", "draw").to_numpy().reshape(log_weights.sizes[group], -1))
    index = [str(name) for name in log_weights[group].to_numpy()]
    table = pd.DataFrame(weights / weights.sum(axis=1, keepdims=True), index=index)
    pareto_k = ranking.pareto_k[fit.card.name].rename(index=str)
    return LeftOut(fit.posterior, table, pareto_k, frozenset(pareto_k.index[~(pareto_k <= ranking.good_k)]))


def _weighted(values: np.ndarray, shares: np.ndarray) -> dict[str, float]:
    """Median and probability above 0 of weighted draws."""
    order = np.argsort(values)
    heaped = np.cumsum(shares[order])
    middle = min(int(np.searchsorted(heaped, heaped[-1] / 2)), len(values) - 1)
    above = float(shares[values > 0].sum() + shares[values == 0].sum() / 2)
    return {"median": float(values[order][middle]), "probability": above / float(heaped[-1])}


def _words(prior: float, likelihood: float) -> str:
    if prior < SENSITIVE:
        return ""
    return "prior and data disagree" if likelihood >= SENSITIVE else "the prior decides"
