"""results.json of a panel (`kind` "panel"; docs/results-json.md#panels)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xenograft.answers.ranking import Comparison
from xenograft.answers.results import SCHEMA
from xenograft.files import finite, json_records
from xenograft.fitting.fit import versions
from xenograft.panels.answers import Answer, values_of
from xenograft.panels.fit import PanelFit
from xenograft.panels.panel import Panel
from xenograft.panels.parameters import panel_parameter_table
from xenograft.panels.verdicts import PanelVerdict, margin_of
from xenograft.quantities.estimands import REFERENCES, interval, probability_positive


def panel_results(
    panel: Panel,
    fits: Mapping[str, PanelFit],
    ranking: Comparison,
    answers: Sequence[Answer],
    verdicts: Sequence[PanelVerdict],
    *,
    alone: Mapping[str, pd.DataFrame],
    cautions: Sequence[str],
    reason: str | None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """The content of results.json.

    Parameters
    ----------
    panel, fits, ranking
        The analysis.
    answers, verdicts
        Of every combination and reference.
    alone : mapping of str to DataFrame
        By combination, from `panels.alone`.
    cautions : sequence of str
        What weakens the answers.
    reason : str or None
        Why there is no answer.
    seconds : float, optional
        Wall time of the whole analysis.
    """
    return {
        "schema": SCHEMA,
        "kind": "panel",
        "panel": _panel(panel),
        "models": _models(panel),
        "cards": [_card(name, fit, ranking) for name, fit in fits.items()],
        "answers": [_answer(panel, one, alone.get(one.combination)) for one in answers],
        "verdicts": [asdict(one) for one in verdicts],
        "reason": reason,
        "cautions": list(cautions),
        "nulls": ranking.nulls.to_dict(orient="records"),
        "references": {name: words for name, words in REFERENCES.items() if name != "additive"},
        "notices": list(panel.notices),
        "provenance": {
            "versions": versions(),
            "seed": next(iter(fits.values())).seed,
            "card_digests": {name: fit.card.digest for name, fit in fits.items()},
            "data_sha256": {m: study.source_sha256 for m, study in panel.studies.items()},
            "seconds_total": seconds,
        },
    }


def _panel(panel: Panel) -> dict[str, Any]:
    table = panel.animals_by_arm
    return {
        "name": panel.name,
        "digest": panel.digest,
        "unit": panel.unit,
        "models": len(panel.models),
        "historical": sorted(panel.historical),
        "animals": panel.animals,
        "readings": panel.readings,
        "censored": panel.censored,
        "arms": {arm.name: {"models": int((table[arm.name] > 0).sum()), "animals": int(table[arm.name].sum())}
                 for arm in panel.arms},
        "combinations": {arm.name: {"judged": arm in panel.judged,
                                    "complete_models": len(panel.complete(arm)) if arm in panel.judged else 0}
                         for arm in panel.combinations},
        "horizon": panel.horizon,
        "follow_up": panel.follow_up,
        "moderators": list(map(str, panel.moderators.columns)),
    }  # fmt: skip


def _models(panel: Panel) -> list[dict[str, Any]]:
    table = panel.animals_by_arm
    return [
        {
            "model": model,
            "historical": model in panel.historical,
            "first_dose": panel.first_dose[model],
            "animals": {str(arm): int(table[arm][model]) for arm in table},
            "moderators": {str(name): finite(panel.moderators[name][model]) for name in panel.moderators},
        }
        for model in panel.models
    ]


def _card(name: str, fit: PanelFit, ranking: Comparison) -> dict[str, Any]:
    ranked = ranking.table.loc[name].to_dict() if name in ranking.table.index else {}
    table = panel_parameter_table(fit)
    health = {k: finite(v) if isinstance(v, float) else v for k, v in asdict(fit.health).items()}
    return {
        "name": name,
        "claim": fit.card.claim,
        "digest": fit.card.digest,
        "answers": fit.card.answers,
        "moderators": fit.card.moderators,
        "answer_weight": finite(ranked.get("answer_weight")),
        "weight": finite(ranked.get("weight")),
        "health": health | {"failures": list(fit.health.failures)},
        "refused": ranking.refused.get(name),
        **{key: finite(ranked.get(key)) for key in ("elpd", "elpd_se", "elpd_diff", "elpd_diff_se", "p_loo")},
        "exact_refits": int(ranked["exact_refits"]) if ranked else None,
        "bad_k": int(ranked["bad_k"]) if ranked else None,
        "chains": fit.posterior.sizes["chain"],
        "draws": fit.posterior.sizes["draw"],
        "attempts": len(fit.attempts),
        "seconds": dict(fit.seconds),
        "parameters": {str(key): row for key, row in zip(table.index, json_records(table), strict=True)},
    }


def _answer(panel: Panel, answer: Answer, alone: pd.DataFrame | None) -> dict[str, Any]:
    margin = margin_of(answer.reference)
    return {
        "combination": answer.combination,
        "reference": answer.reference,
        "day": panel.horizon,
        "margin": margin,
        "average": summary(answer.average.sel(day=panel.horizon), margin),
        "new_model": summary(answer.new_model.sel(day=panel.horizon), margin),
        "share_above_0": _sized((answer.models > 0).mean("model")),
        "share_above_margin": _sized((answer.models > margin).mean("model")),
        "spread": _sized(answer.spread),
        "by_day": [
            {
                "day": float(day),
                "average": summary(answer.average.sel(day=day), margin),
                "new_model": summary(answer.new_model.sel(day=day), margin),
            }
            for day in answer.average["day"].to_numpy()
        ],
        "models": [_model(answer, model, alone, margin) for model in answer.models["model"].to_numpy()],
        "moderators": [] if answer.moderators is None else [
            _moderator(panel, answer.moderators, str(name), margin) for name in panel.moderators
        ],
    }  # fmt: skip


def _model(answer: Answer, model: str, alone: pd.DataFrame | None, margin: float) -> dict[str, Any]:
    own: dict[str, Any] | None = None
    if answer.reference == "bliss" and alone is not None and model in alone.index:
        row = alone.to_dict("index")[model]
        own = {key: finite(float(row[key])) for key in ("median", "lower", "upper")}
        own |= {"at_limit": bool(row["at_limit"]), "by": str(row["by"])}
    return {"model": str(model), "excess": summary(answer.models.sel(model=model), margin), "alone": own}


def _moderator(panel: Panel, draws: xr.DataArray, name: str, margin: float) -> dict[str, Any]:
    low, high = values_of(panel)[name]
    both = draws.sel(moderator=name)
    slope = (both.sel(place="high", drop=True) - both.sel(place="low", drop=True)) / (high - low)
    return {
        "moderator": name,
        "slope": _sized(slope) | {"unit": f"log units per unit of {name}"},
        "probability": float(probability_positive(slope)),
        "known_models": int(panel.moderators[name].notna().sum()),
        "at": [
            {"value": value, "excess": summary(both.sel(place=place, drop=True), margin)}
            for value, place in ((low, "low"), (high, "high"))
        ],
    }


def summary(draws: xr.DataArray, margin: float) -> dict[str, float]:
    """Median, 95 % interval, and the probabilities of an excess above 0, beyond the margin and as far below."""
    return _sized(draws) | {
        "probability": float(probability_positive(draws)),
        "beyond": float(np.mean(draws.to_numpy() > margin)),
        "opposite": float(np.mean(draws.to_numpy() < -margin)),
    }


def _sized(draws: xr.DataArray) -> dict[str, float]:
    row = interval(draws).iloc[0]
    return {key: float(row[key]) for key in ("median", "lower", "upper")}
