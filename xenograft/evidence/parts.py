"""Would the combination have been predicted from its parts, the vehicle and the single arms (docs/comparison.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from xenograft.answers.ranking import Comparison, expected_log_density, paired_difference
from xenograft.evidence.predictive_check import check_of, reading_probabilities
from xenograft.fitting.fit import Fit, Refit
from xenograft.fitting.integrated import log_likelihood
from xenograft.study.study import Arm, Study
from xenograft.study.tables import arm_of_groups

COLUMNS = (
    "card", "reference", "combination", "animals", "elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "coverage_50",
    "coverage_90", "mean_pit", "reason",
)  # fmt: skip


def predict_from_parts(fits: Mapping[str, Fit], ranking: Comparison, *, refit: Refit | None = None) -> pd.DataFrame:
    """Predict every combination arm from the vehicle and the single-agent arms alone, and score the prediction.

    Every card that fixes the departure says what the combination does once the agents' own effects are known. Each is
    fitted to all arms but the combinations, and the animals of each combination are predicted (the question of Lopez
    et al. 1999: is the combination what its parts let expect?).

    Parameters
    ----------
    fits : mapping of str to Fit
        By card name.
    ranking : Comparison
        Of these fits; failed ones are passed over.
    refit : callable, optional
        How to fit again; default `sampling.refit_without`.

    Returns
    -------
    DataFrame
        One row per such card and combination: `card`, `reference` ("bliss" or "hsa"), `combination`, `animals`, `elpd`
        (log predictive density of its animals) and `elpd_se`, `elpd_diff` and `elpd_diff_se` (to the card that
        predicts this combination best, 0 or negative), `coverage_50` and `coverage_90` (shares of the combination's
        readings inside their predictive intervals), `mean_pit` (below 0.5: tumours smaller than the parts let
        expect), `reason` (why there is no prediction; empty where there is one).
    """
    nulls = {name: fits[str(name)] for name in ranking.table.index if not fits[str(name)].card.answers}
    if not nulls:
        return pd.DataFrame(columns=list(COLUMNS))
    study = next(iter(nulls.values())).study
    held_out = {arm.name: _animals_of(study, arm) for arm in study.combinations}
    rows: list[dict[str, Any]] = []
    pointwise: dict[tuple[str, str], pd.Series] = {}
    fitted: dict[str, Fit] = {}
    for name, fit in nulls.items() if held_out else ():
        parts = fit.card.model_copy(update={"reference": "bliss"}).digest  # without combinations both mean the same
        if parts not in fitted:
            everyone = [animal for animals in held_out.values() for animal in animals]
            fitted[parts] = (refit or _default_refit())(fit, everyone)
        for arm in study.combinations:
            row, density = _prediction(fitted[parts], fit, arm, held_out[arm.name])
            rows.append({"card": str(name), "reference": fit.card.reference, "combination": arm.name} | row)
            if density is not None:
                pointwise[arm.name, str(name)] = density
    for row in rows:
        own = {card: density for (arm, card), density in pointwise.items() if arm == row["combination"]}
        if row["card"] in own:
            best = max(own.values(), key=lambda density: float(density.sum()))
            row["elpd_diff"], row["elpd_diff_se"] = paired_difference(own[row["card"]], best)
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))


def _default_refit() -> Refit:
    from xenograft.fitting.sampling import refit_without

    return refit_without


def _animals_of(study: Study, arm: Arm) -> list[str]:
    arms = arm_of_groups(study)
    return [str(name) for name in arms.index[arms == arm.name]]


def _prediction(parts: Fit, fit: Fit, arm: Arm, animals: list[str]) -> tuple[dict[str, Any], pd.Series | None]:
    missing = [agent for agent, single in fit.study.reference_arms(arm).items() if single is None]
    if missing:
        return {"animals": len(animals), "reason": f"no arm gets {' or '.join(missing)} alone as this arm does"}, None
    if parts.health.status == "fail":
        words = "; ".join(parts.health.failures)
        return {"animals": len(animals), "reason": f"the sampler did not converge ({words})"}, None
    draws = log_likelihood(parts.posterior, fit.study, fit.card, animals)
    density = expected_log_density(draws.stack(sample=("chain", "draw")).transpose("sample", ...).to_numpy())
    readings = reading_probabilities(parts.posterior, fit.study, fit.card)
    check = check_of(readings[readings["arm"] == arm.name]).by_arm.iloc[0]
    row = {
        "animals": len(animals),
        "elpd": float(density.sum()),
        "elpd_se": float(np.sqrt(density.size * density.var())),
        **{name: float(check[name]) for name in ("coverage_50", "coverage_90", "mean_pit")},
        "reason": "",
    }
    return row, pd.Series(density, index=animals)
