"""Which hypothesis predicts the next animal best: leave-one-animal-out, weights, nulls (docs/comparison.md)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from xenograft.errors import InputError
from xenograft.fitting.fit import Fit, Refit
from xenograft.fitting.health import STATUS_MARKS
from xenograft.model.card import ModelCard
from xenograft.printing import html_card, html_list, html_table
from xenograft.study.groups import PLURAL
from xenograft.study.tested import judged_combinations

COLUMNS = (
    "elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo", "weight", "pseudo_bma_weight", "answers", "answer_weight",
    "exact_refits", "bad_k", "health", "cautions",
)  # fmt: skip
"""Of the ranking, whether or not any fit is ranked."""

FAR, FAR_ERRORS, NEGLIGIBLE = 10.0, 4.0, 0.01
"""Log units, and standard errors, behind the best and weight below it: exact estimates cannot change such a place."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The healthy fits of one study, ranked.

    Parameters
    ----------
    table : DataFrame
        One row per healthy card, best first: `elpd` (expected log predictive density of the animals, each left out in
        turn; of mice with several tumours; of cages), `elpd_se`, `elpd_diff` and `elpd_diff_se` (to the best, 0 or
        negative), `p_loo` (effective number of
        parameters), `weight` (stacking over all), `pseudo_bma_weight` (pseudo-BMA with the Bayesian bootstrap, over
        all), `answers`, `answer_weight` (stacking over the answering cards, NaN for others), `exact_refits` (animals
        left out by fitting again), `bad_k` (animals whose Pareto k is too large for their elpd to be trusted and
        which were not left out exactly), `health`, `cautions` (ArviZ's).
    pointwise, pareto_k : DataFrame (animal, card)
        elpd of each animal, mouse or cage (the index is named so), and Pareto k of its estimate by importance sampling.
    good_k : float
        Pareto k above which an animal's estimate by importance sampling is not trusted.
    nulls : DataFrame
        Columns `null`, `answering`, `elpd_diff` (null minus answering card), `elpd_diff_se`.
    refused : mapping of str to str
        Cards that are not ranked, with the reason.
    alike : tuple of str
        A sentence for every two cards that differ in priors only, in the departure only, or in nothing.
    refits : mapping of (str, str) to Dataset (chain, draw, …)
        Posterior without an animal, by card and animal, of those left out by fitting again.
    """

    table: pd.DataFrame
    pointwise: pd.DataFrame
    pareto_k: pd.DataFrame
    good_k: float
    nulls: pd.DataFrame
    refused: Mapping[str, str]
    alike: tuple[str, ...] = field(default=())
    refits: Mapping[tuple[str, str], xr.Dataset] = field(default_factory=dict)

    @property
    def left_out(self) -> str:
        """How many are left out in turn, in words: "40 animals", "6 mice" or "10 cages"."""
        group: Any = self.pointwise.index.name or "animal"
        return f"{len(self.pointwise)} {PLURAL[group]}"

    @property
    def answer_weights(self) -> dict[str, float]:
        """Stacking weights of the healthy answering cards, by name."""
        weights = self.table["answer_weight"].dropna()
        return {str(name): float(weight) for name, weight in weights.items()}

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.table)} cards on {self.left_out}>"

    def _repr_html_(self) -> str:

        return _comparison_html(self)


def compare(fits: Mapping[str, Fit], *, exact: bool = True, refit: Refit | None = None) -> Comparison:
    """Rank fits of one study by how well they predict an animal they have not seen.

    Every animal is left out in turn by Pareto-smoothed importance sampling (Vehtari et al. 2017); where that cannot be
    trusted (Pareto k above ArviZ's limit for this number of draws, or not a number) the card is fitted again without
    the animal, unless it is far behind the best card and gets no weight: an animal more or less would not change that,
    and it is counted (`bad_k`). Where mice carry several tumours, mice are left out with all their tumours; cages with
    their animals.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name. Failed fits are refused with the reason, never ranked.
    exact : bool
        Fit again where importance sampling cannot be trusted; False leaves those estimates as they are, counted.
    refit : callable, optional
        How to fit again; default `sampling.refit_without`, which needs no compilation where the fits were made.

    Raises
    ------
    InputError
        When the fits are of different studies.
    """
    digests = {fit.study.digest for fit in fits.values()}
    if len(digests) > 1:
        names = ", ".join(f"{name} ({fit.study.name})" for name, fit in fits.items())
        raise InputError(f"compare: the fits are of different studies: {names}. Compare fits of one study.")
    refused = {
        name: f"the sampler did not converge ({'; '.join(fit.health.failures)})"
        for name, fit in fits.items()
        if fit.health.status == "fail"
    }
    healthy = {name: fit for name, fit in fits.items() if name not in refused}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning)  # large Pareto k: counted, named and shown instead
        estimates: dict[str, Any] = {name: az.loo(fit.draws, pointwise=True) for name, fit in healthy.items()}
        pareto_k = pd.DataFrame({name: estimate.pareto_k.to_series() for name, estimate in estimates.items()})
        good_k = min((float(estimate.good_k) for estimate in estimates.values()), default=np.nan)
        bad = ~(pareto_k <= good_k)
        refits: dict[tuple[str, str], xr.Dataset] = {}
        # who is near the best is asked only where that decides what is fitted again
        for name, fit in _contenders(healthy, estimates).items() if exact and bad.to_numpy().any() else ():
            animals = [str(animal) for animal in bad.index[bad[name]]]
            estimates[name], done = _left_out_exactly(estimates[name], fit, animals, refit)
            bad.loc[list(done), name] = False
            refits |= {(name, animal): posterior for animal, posterior in done.items()}
        ranked, answering = _rankings(healthy, estimates)
    pointwise = pd.DataFrame({name: estimate.elpd_i.to_series() for name, estimate in estimates.items()})
    ranked = ranked.reindex(columns=COLUMNS)
    if healthy:
        ranked["answers"] = [healthy[name].card.answers for name in ranked.index]
        ranked["answer_weight"] = answering["weight"].reindex(ranked.index)
        ranked["exact_refits"] = [sum(card == name for card, _ in refits) for name in ranked.index]
        ranked["bad_k"] = bad.sum().reindex(ranked.index)
        ranked["health"] = [healthy[name].health.status for name in ranked.index]
    alike = cards_alike({name: fit.card for name, fit in fits.items()})
    return Comparison(ranked, pointwise, pareto_k, good_k, _nulls(healthy, pointwise), refused, alike, refits)


def cards_alike(cards: Mapping[str, ModelCard]) -> tuple[str, ...]:
    """A sentence for every two cards that differ in priors only, in the departure only, or in nothing.

    Parameters
    ----------
    cards : mapping of str to ModelCard
        By name.
    """
    found: list[str] = []
    for (name, card), (other_name, other) in combinations(cards.items(), 2):
        words, priors = _words_that_differ(card, other), priors_that_differ(card, other)
        if not words and not priors:
            found.append(f"{name} and {other_name} are one hypothesis under two names.")
        elif not words:
            found.append(f"{name} and {other_name} differ only in priors ({', '.join(priors)}).")
        elif words == ["departure"] and priors in ([], ["departure"]):
            found.append(f"{name} and {other_name} differ only in the departure.")
    return tuple(found)


def priors_that_differ(card: ModelCard, other: ModelCard) -> list[str]:
    """Names of the priors that are not the same distribution with the same numbers in both cards."""
    numbers = [{name: prior.says for name, prior in c.priors.items()} for c in (card, other)]
    return [name for name in dict.fromkeys([*numbers[0], *numbers[1]]) if numbers[0].get(name) != numbers[1].get(name)]


def expected_log_density(log_likelihood: np.ndarray) -> np.ndarray:
    """Log of the mean density over draws.

    Parameters
    ----------
    log_likelihood : array (sample, …)
        Under each draw of a posterior that has not seen what is scored.
    """
    return logsumexp(log_likelihood, axis=0) - np.log(len(log_likelihood))


def paired_difference(ours: pd.Series, theirs: pd.Series) -> tuple[float, float]:
    """Sum of the animals' differences and its standard error."""
    difference = (ours - theirs).to_numpy()
    return float(difference.sum()), float(np.sqrt(len(difference) * difference.var()))


def _left_out_exactly(
    estimate: Any, fit: Fit, animals: list[str], refit: Refit | None
) -> tuple[Any, dict[str, xr.Dataset]]:
    """The estimate with these animals left out by fitting again, and the posterior without each where that worked."""
    if not animals:
        return estimate, {}
    if refit is None:
        from xenograft.fitting.sampling import refit_without

        refit = refit_without
    estimate, done = deepcopy(estimate), dict[str, xr.Dataset]()
    for animal in animals:
        again = refit(fit, [animal])
        if again.health.status == "fail":
            continue
        place = {fit.study.group: animal}
        density = again.draws["log_likelihood"]["volume_readings"].sel(place).to_numpy().ravel()
        estimate.elpd_i.loc[place] = expected_log_density(density)
        estimate.pareto_k.loc[place] = 0.0  # ArviZ's word for an exact estimate
        done[animal] = again.posterior
    elpd = estimate.elpd_i.to_numpy()
    density = fit.draws["log_likelihood"]["volume_readings"].stack(sample=("chain", "draw")).transpose("sample", ...)
    estimate.elpd = float(elpd.sum())
    estimate.se = float(np.sqrt(len(elpd) * elpd.var()))
    estimate.p = float(expected_log_density(density.to_numpy()).sum() - elpd.sum())
    return estimate, done


def _contenders(healthy: Mapping[str, Fit], estimates: Mapping[str, Any]) -> dict[str, Fit]:
    """The fits whose exact estimate may matter: not those far behind that get no weight either way."""
    near = {
        str(name)
        for ranked in _rankings(healthy, estimates)
        for name, row in ranked.iterrows()
        if row["weight"] >= NEGLIGIBLE or not abs(row["elpd_diff"]) > max(FAR, FAR_ERRORS * row["elpd_diff_se"])
    }
    return {name: fit for name, fit in healthy.items() if name in near}


def _rankings(healthy: Mapping[str, Fit], estimates: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ranking of all cards, and of those that answer."""
    ranked = _ranking(estimates)
    own = {name: estimate for name, estimate in estimates.items() if healthy[name].card.answers}
    return ranked, ranked if len(own) == len(estimates) else _ranking(own)


def _ranking(estimates: Mapping[str, Any]) -> pd.DataFrame:
    names = ["elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo", "weight", "pseudo_bma_weight", "cautions"]
    if not estimates:
        return pd.DataFrame(columns=names)
    if len(estimates) == 1:
        ((name, only),) = estimates.items()
        row = {"elpd": only.elpd, "elpd_se": only.se, "elpd_diff": 0.0, "elpd_diff_se": 0.0, "p_loo": only.p}
        return pd.DataFrame([row | {"weight": 1.0, "pseudo_bma_weight": 1.0, "cautions": ""}], index=[name])
    table = az.compare(dict(estimates), round_to="none")
    table["pseudo_bma_weight"] = az.compare(dict(estimates), method="BB-pseudo-BMA", round_to="none")["weight"]
    table["cautions"] = [
        "; ".join(text for text in (row["diag_diff"], row["diag_elpd"]) if text) for _, row in table.iterrows()
    ]
    return table.rename(columns={"se": "elpd_se", "dse": "elpd_diff_se", "p": "p_loo"})[names]


def _nulls(healthy: Mapping[str, Fit], pointwise: pd.DataFrame) -> pd.DataFrame:
    """Each card that fixes the departure against the answering card of the same growth, exposure and error."""
    rows: list[dict[str, Any]] = []
    for null, fit in healthy.items():
        if not judged_combinations(fit.study):  # the two then differ in a prior only
            continue
        for answering, other in healthy.items():
            if fit.card.null_of(other.card):
                difference, se = paired_difference(pointwise[null], pointwise[answering])
                rows.append({"null": null, "answering": answering, "elpd_diff": difference, "elpd_diff_se": se})
    return pd.DataFrame(rows, columns=["null", "answering", "elpd_diff", "elpd_diff_se"])


def _words_that_differ(card: ModelCard, other: ModelCard) -> list[str]:
    prose = {"name", "claim", "priors"}
    ours, theirs = card.model_dump(exclude=prose), other.model_dump(exclude=prose)
    return [key for key in ours if ours[key] != theirs[key]]


def _comparison_html(comparison: Comparison) -> str:
    """A ranking: which card predicts an animal best, the nulls beside what they fix, and what was refused."""
    table = comparison.table
    rows = [
        {
            "card": name,
            "elpd": f"{row['elpd']:.1f}",
            "difference": "best" if row["elpd_diff"] == 0 else f"{row['elpd_diff']:.1f} ± {row['elpd_diff_se']:.1f}",
            "weight": f"{row['weight']:.2f}",
            "answer weight": f"{row['answer_weight']:.2f}" if row["answers"] else "null",
            f"{comparison.left_out.split()[-1]} refitted": int(row["exact_refits"]),
            "in doubt": int(row["bad_k"]),
            "health": STATUS_MARKS.get(str(row["health"]), str(row["health"])),
        }
        for name, row in table.iterrows()
    ]
    _, left_out = comparison.left_out.split()
    nulls = [
        f"{row['null']} predicts the {left_out} {abs(row['elpd_diff']):.1f} ± {row['elpd_diff_se']:.1f} elpd "
        f"{'worse' if row['elpd_diff'] < 0 else 'better'} than {row['answering']}"
        for _, row in comparison.nulls.iterrows()
    ]
    refused = [f"{name}: {reason}" for name, reason in comparison.refused.items()]
    facts = [f"{comparison.left_out}, each left out in turn", "higher elpd predicts better"]
    return html_card("Comparison", f"{len(table)} cards", facts, [html_table(rows), html_list([*nulls, *refused])])
