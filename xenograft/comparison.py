"""Which hypothesis predicts the next animal best: PSIS leave-one-animal-out, stacking, nulls (DESIGN 7)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import arviz as az
import numpy as np
import pandas as pd

from xenograft.errors import InputError
from xenograft.fitted import Fit

COLUMNS = (
    "elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo", "weight", "answers", "answer_weight", "bad_k", "health",
    "cautions",
)  # fmt: skip
"""Of the ranking, whether or not any fit is ranked."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The healthy fits of one study, ranked.

    Parameters
    ----------
    table : DataFrame
        One row per healthy card, best first: `elpd` (expected log predictive density of the animals, each left out in
        turn), `elpd_se`, `elpd_diff` and `elpd_diff_se` (to the best, 0 or negative), `p_loo` (effective number of
        parameters), `weight` (stacking over all), `answers`, `answer_weight` (stacking over the answering cards, NaN
        for others), `bad_k` (animals whose Pareto k is too large for their elpd to be trusted), `health`, `cautions`
        (ArviZ's).
    pointwise, pareto_k : DataFrame (animal, card)
        elpd of each animal, and the Pareto k of its estimate.
    good_k : float
        Pareto k above which an animal's estimate is not trusted.
    nulls : DataFrame
        Columns `null`, `answering`, `elpd_diff` (null minus answering card), `elpd_diff_se`.
    refused : mapping of str to str
        Cards that are not ranked, with the reason.
    """

    table: pd.DataFrame
    pointwise: pd.DataFrame
    pareto_k: pd.DataFrame
    good_k: float
    nulls: pd.DataFrame
    refused: Mapping[str, str]

    @property
    def answer_weights(self) -> dict[str, float]:
        """Stacking weights of the healthy answering cards, by name."""
        weights = self.table["answer_weight"].dropna()
        return {str(name): float(weight) for name, weight in weights.items()}

    def _repr_html_(self) -> str:
        return self.table.round(3).to_html()


def compare(fits: Mapping[str, Fit]) -> Comparison:
    """Rank fits of one study by how well they predict an animal they have not seen.

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name. Failed fits are refused with the reason, never ranked.

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
        ranked = _ranking(estimates)
        answering = _ranking({name: estimate for name, estimate in estimates.items() if healthy[name].card.answers})
    pointwise = pd.DataFrame({name: estimate.elpd_i.to_series() for name, estimate in estimates.items()})
    pareto_k = pd.DataFrame({name: estimate.pareto_k.to_series() for name, estimate in estimates.items()})
    good_k = min((float(estimate.good_k) for estimate in estimates.values()), default=np.nan)
    ranked = ranked.reindex(columns=COLUMNS)
    if healthy:
        ranked["answers"] = [healthy[name].card.answers for name in ranked.index]
        ranked["answer_weight"] = answering["weight"].reindex(ranked.index)
        ranked["bad_k"] = (~(pareto_k <= good_k)).sum().reindex(ranked.index)
        ranked["health"] = [healthy[name].health.status for name in ranked.index]
    return Comparison(ranked, pointwise, pareto_k, good_k, _nulls(healthy, pointwise), refused)


def _ranking(estimates: Mapping[str, Any]) -> pd.DataFrame:
    names = ["elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo", "weight", "cautions"]
    if not estimates:
        return pd.DataFrame(columns=names)
    if len(estimates) == 1:
        ((name, only),) = estimates.items()
        row = {"elpd": only.elpd, "elpd_se": only.se, "elpd_diff": 0.0, "elpd_diff_se": 0.0, "p_loo": only.p}
        return pd.DataFrame([row | {"weight": 1.0, "cautions": ""}], index=[name])
    table = az.compare(dict(estimates), round_to="none")
    table["cautions"] = [
        "; ".join(text for text in (row["diag_diff"], row["diag_elpd"]) if text) for _, row in table.iterrows()
    ]
    return table.rename(columns={"se": "elpd_se", "dse": "elpd_diff_se", "p": "p_loo"})[names]


def _nulls(healthy: Mapping[str, Fit], pointwise: pd.DataFrame) -> pd.DataFrame:
    """Each card that fixes the departure against the answering card of the same growth, exposure and error."""
    rows: list[dict[str, Any]] = []
    for null, fit in healthy.items():
        for answering, other in healthy.items():
            if fit.card.null_of(other.card):
                difference = pointwise[null] - pointwise[answering]
                se = np.sqrt(len(difference) * difference.var(ddof=0))
                rows.append({"null": null, "answering": answering, "elpd_diff": difference.sum(), "elpd_diff_se": se})
    return pd.DataFrame(rows, columns=["null", "answering", "elpd_diff", "elpd_diff_se"])
