"""Known truth in, truth out: studies simulated by the independent ODE simulator, fitted by every card."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xenograft.answers.averaging import model_curves
from xenograft.answers.ranking import compare
from xenograft.answers.verdicts import verdicts
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import SamplerSettings, fit, fit_all
from xenograft.model.card import ModelCard, read_cards
from xenograft.simulation.simulate import Truth, simulate
from xenograft.study.study import REFERENCE_VOLUME, Arm, Dosing, Study

SEEDS = 20
WEEKLY = tuple(float(day) for day in range(0, 42, 7))


def _arms(a: Dosing, b: Dosing) -> tuple[Arm, ...]:
    return Arm("vehicle", control=True), Arm("A", dosings=(a,)), Arm("B", dosings=(b,)), Arm("A + B", dosings=(a, b))


ARMS = _arms(Dosing("A", WEEKLY), Dosing("B", WEEKLY))
WANING_ARMS = _arms(Dosing("A", (0.0, 21.0)), Dosing("B", (0.0, 14.0, 28.0)))
VISITS = (0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0, 24.0, 28.0, 31.0, 35.0, 38.0, 42.0)
COMMON = {"baseline": 170.0, "sd_baseline": 0.2, "sd_growth": 0.015, "correlation": 0.2, "error": 0.13}
KILL = {"A": 0.034, "B": 0.019}
LAWS = {
    "exponential": {"law": "exponential", "growth": 0.078},
    "gompertz": {"law": "gompertz", "growth": 0.11, "slowing": 0.03},
    "spline": {"law": "exponential", "growth": 0.078},
}
WANING = {
    "exposure": {"A": "decaying", "B": "decaying"}, "waning": {"A": 0.08, "B": 0.15}, "kill": {"A": 0.15, "B": 0.1},
}  # fmt: skip
LATE = {"exposure": {"A": "delayed", "B": "delayed"}, "onset": {"A": 0.2, "B": 0.3}, "kill": {"A": 0.05, "B": 0.03}}
ROBUST = {
    "sd_effect": 0.3, "degrees_of_freedom": 5.0, "spread": {"A": 1.5, "A + B": 1.5}, "error_factor": {"A + B": 1.5},
}  # fmt: skip
QUICK = SamplerSettings(draws=500, tune=500)


@pytest.mark.slow
@pytest.mark.xdist_group("fits")
# departures that are drawn together need several combinations: tests/test_several.py
@pytest.mark.parametrize("name", sorted(name for name in read_cards() if "shrunken" not in name))
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
    departure = {"departure": {"A + B": 0.02 if card.departure == "estimated" else 0.0}}
    combination = {"reference": "hsa"} if card.reference == "hsa" else departure
    more = {"decaying": WANING, "delayed": LATE}.get(str(card.exposure), {"kill": KILL})
    if card.error == "student":
        more = more | ROBUST
    elif card.spread == "arm":
        more = more | {"spread": ROBUST["spread"], "error_factor": ROBUST["error_factor"]}
    if "effect" in card.varies:
        more = more | {"sd_effect": 0.3}
    if "cohort" in card.varies:
        more = more | {"sd_cohort": 0.01}
    if card.residual:
        more = more | {"residual": 30.0, "kill": {"A": 0.09, "B": 0.05}}  # tumours become small enough to show it
    return Truth(**(COMMON | LAWS[card.growth] | more | combination))


def _parameters(card: ModelCard, truth: Truth) -> dict[str, float]:
    known = {
        "baseline": float(np.log(truth.baseline / 100)),
        "growth": truth.growth,
        **{f"kill[{agent}]": kill for agent, kill in truth.kill.items()},
        **{f"waning[{agent}]": waning for agent, waning in truth.waning.items()},
        "sd_baseline": truth.sd_baseline,
        "correlation": truth.correlation,
    }
    if card.spread == "arm":
        names = [arm.name for arm in ARMS]
        known |= {f"sd_growth[{name}]": truth.sd_growth * truth.spread.get(name, 1.0) for name in names}
        known |= {f"error[{name}]": truth.error * truth.error_factor.get(name, 1.0) for name in names}
    else:
        known |= {"sd_growth": truth.sd_growth, "error": truth.error}
    if truth.degrees_of_freedom is not None:
        known["degrees_of_freedom"] = truth.degrees_of_freedom
    known |= {name: getattr(truth, name) for name in ("sd_effect", "sd_cohort") if name in card.priors}
    known |= {f"onset[{agent}]": onset for agent, onset in truth.onset.items()}
    if card.residual:
        known["residual"] = truth.residual / REFERENCE_VOLUME
    if truth.slowing is not None:
        known["slowing"] = truth.slowing
    if card.departure == "estimated":
        known["departure[A + B]"] = truth.departure["A + B"]
    return known


def _fitted(card: ModelCard, truth: Truth, seed: int) -> Fit:
    arms = WANING_ARMS if truth.waning else ARMS
    cohorts = 5 if "cohort" in card.varies else None
    study = simulate(arms, truth, animals=10, days=VISITS, seed=seed, endpoint_volume=2000.0, cohorts=cohorts)
    return fit(study, card, seed=seed, settings=QUICK, progress=False)


def _scores(posterior: xr.Dataset, expected: dict[str, float]) -> dict[str, float]:
    """(posterior mean − truth) / posterior sd of every parameter."""
    flat: dict[str, xr.DataArray] = {}
    for name, draws in posterior.items():
        for dim in set(draws.dims) - {"chain", "draw"}:
            flat |= {f"{name}[{label}]": draws.sel({dim: label}) for label in draws[dim].to_numpy()}
        flat.setdefault(str(name), draws)
    return {name: float((flat[name].mean() - value) / flat[name].std()) for name, value in expected.items()}


def _bliss_verdict(study: Study) -> str:
    cards = read_cards("exponential-bliss-departure", "gompertz-bliss-departure")
    fits = fit_all(study, cards, seed=1, settings=QUICK, progress=False)
    ranking = compare(fits)
    return next(v for v in verdicts(fits, ranking, model_curves(fits, ranking)) if v.reference == "bliss").words
