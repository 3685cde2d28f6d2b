"""Known truth in, truth out: studies simulated by the independent ODE simulator, fitted by every card."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xenograft.answers import model_curves, verdicts
from xenograft.cards import ModelCard, read_cards
from xenograft.comparison import compare
from xenograft.fitted import Fit
from xenograft.sampling import SamplerSettings, fit, fit_all
from xenograft.simulation import Truth, simulate
from xenograft.study import Arm, Dosing, Study

SEEDS = 20
WEEKLY = tuple(float(day) for day in range(0, 42, 7))
A, B = Dosing("A", WEEKLY), Dosing("B", WEEKLY)
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("A + B", dosings=(A, B)))
VISITS = (0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0, 24.0, 28.0, 31.0, 35.0, 38.0, 42.0)
COMMON = {"baseline": 170.0, "sd_baseline": 0.2, "sd_growth": 0.015, "correlation": 0.2, "error": 0.13}
KILL = {"A": 0.034, "B": 0.019}
LAWS = {
    "exponential": {"law": "exponential", "growth": 0.078},
    "gompertz": {"law": "gompertz", "growth": 0.11, "slowing": 0.03},
}
QUICK = SamplerSettings(draws=500, tune=500)


@pytest.mark.slow
@pytest.mark.xdist_group("fits")
@pytest.mark.parametrize("name", sorted(read_cards()))
def test_every_card_recovers_its_own_truth(name: str) -> None:
    card = read_cards(name)[name]
    truth = _truth(card)
    expected = _parameters(card, truth)
    scores = [_scores(_fitted(card, truth, seed).posterior, expected) for seed in range(SEEDS)]
    table = pd.DataFrame(scores)
    covered = (table.abs() < 1.96).sum()
    # 13 of 20 or fewer has probability 3e-5 per parameter when the intervals are right; some 50 are looked at
    assert (covered >= 14).all(), covered
    # the average of 20 standardised errors has sd 1/√20
    assert (table.mean().abs() < 4 / np.sqrt(SEEDS)).all(), table.mean()


@pytest.mark.usefixtures("fits")
def test_growth_that_changes_at_dosing_does_not_pass_for_interaction() -> None:
    truth = Truth(**(COMMON | {"law": "lag", "growth": 0.078, "growth_before": 0.04, "kill": KILL}))
    days = (-21.0, -17.0, -14.0, -10.0, -7.0, -3.0, *VISITS)
    studies = [simulate(ARMS, truth, animals=10, days=days, seed=seed, endpoint_volume=2000.0) for seed in range(4)]
    from_implantation = [replace(study, readings=study.readings.assign(fitted=True)) for study in studies]
    assert [_bliss_verdict(study) for study in studies].count("enhanced") == 0
    assert [_bliss_verdict(study) for study in from_implantation].count("enhanced") >= 3  # the rule is what helps


def _truth(card: ModelCard) -> Truth:
    departure = {"bliss": 0.02 if card.departure == "estimated" else 0.0, "hsa": -min(KILL.values())}[card.reference]
    return Truth(**(COMMON | LAWS[card.growth] | {"kill": KILL, "departure": {"A + B": departure}}))


def _parameters(card: ModelCard, truth: Truth) -> dict[str, float]:
    known = {
        "baseline": float(np.log(truth.baseline / 100)),
        "growth": truth.growth,
        "kill[A]": KILL["A"],
        "kill[B]": KILL["B"],
        "sd_baseline": truth.sd_baseline,
        "sd_growth": truth.sd_growth,
        "correlation": truth.correlation,
        "error": truth.error,
    }
    if truth.slowing is not None:
        known["slowing"] = truth.slowing
    if card.departure == "estimated":
        known["departure[A + B]"] = truth.departure["A + B"]
    return known


def _fitted(card: ModelCard, truth: Truth, seed: int) -> Fit:
    study = simulate(ARMS, truth, animals=10, days=VISITS, seed=seed, endpoint_volume=2000.0)
    return fit(study, card, seed=seed, settings=QUICK, progress=False)


def _scores(posterior: xr.Dataset, expected: dict[str, float]) -> dict[str, float]:
    """(posterior mean − truth) / posterior sd of every parameter."""
    flat: dict[str, xr.DataArray] = {}
    for name, draws in posterior.items():
        for dim in ("agent", "combination"):
            if dim in draws.dims:
                flat |= {f"{name}[{label}]": draws.sel({dim: label}) for label in draws[dim].to_numpy()}
        flat.setdefault(str(name), draws)
    return {name: float((flat[name].mean() - value) / flat[name].std()) for name, value in expected.items()}


def _bliss_verdict(study: Study) -> str:
    cards = read_cards("exponential-bliss-departure", "gompertz-bliss-departure")
    fits = fit_all(study, cards, seed=1, settings=QUICK, progress=False)
    ranking = compare(fits)
    return next(v for v in verdicts(fits, ranking, model_curves(fits, ranking)) if v.reference == "bliss").words
