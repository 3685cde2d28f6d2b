"""Whether animals of an arm differ as a card says: seen in their slopes, and in nothing else that is looked at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xenograft.evidence.predictive_check import predictive_check
from xenograft.evidence.spread_check import spread_of_slopes, unlike
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import fit
from xenograft.model.card import ModelCard
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study

A, B = Dosing("A", (0.0,)), Dosing("B", (0.0,))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("A + B", dosings=(A, B)))
DAYS = tuple(float(day) for day in range(0, 36, 3))
TRUTH = Truth(baseline=150.0, growth=0.07, sd_baseline=0.2, sd_growth=0.012, error=0.12, kill={"A": 0.08, "B": 0.06})


def _fitted(card: ModelCard, truth: Truth, seed: int = 1, limit: float | None = None) -> tuple[Study, Fit]:
    study = simulate(ARMS, truth, animals=10, days=DAYS, seed=seed, limit_of_quantification=limit)
    return study, fit(study, card, seed=1, progress=False, keep="posterior", method="importance")


def test_uneven_response_is_seen_and_goes_with_a_card_that_knows_it(cards: Mapping[str, ModelCard]) -> None:
    uneven = TRUTH.model_copy(update={"sd_effect": 0.5})
    study, found = _fitted(cards["exponential-bliss-departure"], uneven)
    spread = spread_of_slopes(found.posterior, study, found.card)
    assert unlike(spread)
    probability = spread.set_index("arm")["probability"]
    assert probability["A + B"] < 0.5 < 0.95 < probability["vehicle"]
    check = predictive_check(found)
    assert len(check.spread) == 4
    for name in ("spread-bliss-departure", "response-bliss-departure"):
        _, knows = _fitted(cards[name], uneven)
        assert unlike(spread_of_slopes(knows.posterior, study, knows.card)) == {}, name


def test_animals_that_differ_alike_raise_no_doubt(cards: Mapping[str, ModelCard]) -> None:
    doubted = 0
    for seed in range(6):
        study, found = _fitted(cards["exponential-bliss-departure"], TRUTH, seed, limit=60.0 if seed == 5 else None)
        spread = spread_of_slopes(found.posterior, study, found.card)
        assert np.isfinite(spread.drop(columns="arm").to_numpy(dtype=float)).all()
        assert (spread["lower"] < spread["median"]).all()
        doubted += bool(unlike(spread))
    assert doubted == 0
