"""The same posterior without integrating anything out, for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm

from xenograft.model.card import ModelCard
from xenograft.study.study import Study


def explicit_model(study: Study, card: ModelCard) -> pm.Model:
    """The card's posterior as one would write it first: two effects per animal as parameters, one row per reading."""
    readings, animals = study.fitted_readings, study.animals
    animal = animals.index.get_indexer(readings["animal"])
    arms = [arm.agents for arm in study.arms]
    names = [arm.name for arm in study.arms]
    gets = np.array([[agent in given for agent, _ in study.levels] for given in arms], dtype=float)
    both = np.array([len(given) > 1 for given in arms], dtype=float)
    arm = np.array([names.index(name) for name in readings["arm"]])
    day = readings["day"].to_numpy()
    priors = card.on(study).priors

    def prior(name: str, **shape: Any) -> Any:
        return getattr(pm, priors[name].distribution)(name, **priors[name].arguments, **shape)

    with pm.Model() as model:
        baseline, growth, departure, error = (prior(name) for name in ("baseline", "growth", "departure", "error"))
        kill, sd_baseline, sd_growth = prior("kill", shape=2), prior("sd_baseline"), prior("sd_growth")
        correlation = 2 * pm.Beta("correlation_unit", 2.0, 2.0) - 1
        own = pm.Normal("own", shape=(2, len(animals)))
        own_baseline = baseline + sd_baseline * own[0]
        own_growth = growth + sd_growth * (correlation * own[0] + pm.math.sqrt(1 - correlation**2) * own[1])
        rate = own_growth[animal] - (gets @ kill + both * departure)[arm]
        observed = np.log(readings["volume"].to_numpy() / 100)
        pm.Normal("log_volume", own_baseline[animal] + rate * day, error, observed=observed)
    return model
