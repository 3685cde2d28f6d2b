"""A study without a combination: each treated arm against the vehicle, from curves invented without a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xenograft.answers.averaging import AVERAGED, average
from xenograft.answers.findings import averaged_numbers
from xenograft.answers.inhibition import Inhibition, inhibition_sentence, inhibitions, primary_inhibition
from xenograft.answers.ranking import COLUMNS, Comparison
from xenograft.answers.summary import arm_numbers
from xenograft.fitting.fit import Fit
from xenograft.fitting.health import Health
from xenograft.model.card import ModelCard
from xenograft.study.study import Study

EXPONENTIAL, GOMPERTZ = "exponential-bliss-departure", "gompertz-bliss-departure"
AGENTS = ("T-DM1", "pertuzumab")


@pytest.fixture(scope="module")
def singles(study: Study) -> Study:
    """The fixture without its combination."""
    arms = tuple(arm for arm in study.arms if not arm.is_combination)
    readings = study.readings[study.readings["arm"].isin([arm.name for arm in arms])]
    return replace(study, arms=arms, readings=readings.reset_index(drop=True))


def fits_of(study: Study, cards: Mapping[str, ModelCard], **status: str) -> dict[str, Fit]:
    """Fits without draws: what a verdict asks of them."""
    found = {name: status.get(name.partition("-")[0], "pass") for name in (EXPONENTIAL, GOMPERTZ)}
    return {
        name: Fit(study, cards[name], xr.DataTree(), Health(word, 1.0, 1e3, 1e3, 0, 0.0, 1.0), (), 1, {})  # pyright: ignore
        for name, word in found.items()
    }


def ranking_of(weights: Mapping[str, float], refused: Mapping[str, str] | None = None) -> Comparison:
    table = pd.DataFrame({"answer_weight": weights}, columns=list(COLUMNS))
    nothing = pd.DataFrame()
    return Comparison(table, nothing, nothing, 0.7, nothing, refused or {})


def curves_of(study: Study, inhibited: float, size: float = 0.7) -> xr.DataArray:
    """Curves in which T-DM1 makes tumours smaller by `size` (log units) in a share of the draws, else larger."""
    days = np.array([0.0, 7.0, 14.0, study.horizon])
    sign = np.random.default_rng(1).permutation(np.where(np.arange(4000) < round(4000 * inhibited), 1.0, -1.0))
    growth = np.full((4, 1000, len(study.arms)), 0.08)
    growth[..., 1] -= size / study.horizon * sign.reshape(4, 1000)
    values = np.log(150.0) + growth[..., None] * days
    return xr.DataArray(
        values,
        dims=("chain", "draw", "arm", "day"),
        coords={"chain": range(4), "draw": range(1000), "arm": [arm.name for arm in study.arms], "day": days,
                "predicted": ("arm", [False] * len(study.arms))},
        attrs={"of": "typical", "unit": "ln mm3", "first_dose": 0.0},
    )  # fmt: skip


def judged(study: Study, cards: Mapping[str, ModelCard], exponential: float, gompertz: float) -> Inhibition:
    weights = {EXPONENTIAL: 0.5, GOMPERTZ: 0.5}
    own = {EXPONENTIAL: curves_of(study, exponential), GOMPERTZ: curves_of(study, gompertz)}
    curves = own | {AVERAGED: average(own, weights)}
    return inhibitions(fits_of(study, cards), ranking_of(weights), curves)[0]


def test_the_verdict_is_that_of_the_share_of_draws_with_smaller_tumours(
    singles: Study, cards: Mapping[str, ModelCard]
) -> None:
    undecided = "not distinguishable by these data"
    for exponential, gompertz, words, agreement in (
        (1.0, 0.99, "inhibited", "agree"),
        (0.0, 0.01, "faster than the vehicle", "agree"),
        (0.6, 0.5, undecided, "agree"),
        (1.0, 0.9, undecided, "differ in strength"),
        (0.99, 0.03, undecided, "opposite directions"),
        (1.0, 0.0, f"{undecided}: the growth laws disagree", "conflict"),
    ):
        found = judged(singles, cards, exponential, gompertz)
        assert (found.words, found.agreement) == (words, agreement), (exponential, gompertz)
        assert found.probability == pytest.approx((exponential + gompertz) / 2, abs=0.03)
        assert (found.arm, found.control, found.day) == ("T-DM1", "vehicle", singles.horizon)


def test_every_treated_arm_is_judged_and_the_most_inhibited_speaks_for_the_study(
    singles: Study, cards: Mapping[str, ModelCard]
) -> None:
    curves = curves_of(singles, 1.0)
    found = inhibitions(
        fits_of(singles, cards), ranking_of({EXPONENTIAL: 1.0}), {EXPONENTIAL: curves, AVERAGED: curves}
    )
    assert [one.arm for one in found] == list(AGENTS)
    assert found[0].probability == 1.0
    assert found[1].probability == 0.5  # its curve is the vehicle's
    arms = arm_numbers(singles, curves, AVERAGED)
    chosen = primary_inhibition(found, averaged_numbers(arms))
    assert chosen is not None
    assert chosen.arm == "T-DM1"
    sentence = inhibition_sentence(chosen, arms)
    volume = 100 * np.exp(-0.7)
    assert sentence.startswith(f"T-DM1 against vehicle, day {singles.horizon:g}: inhibited. TGI {100 - volume:.3g} %")
    assert f"T/C {volume:.3g} %" in sentence  # draws that are all alike have no interval
    assert "growth rate 0.057 per day, of vehicle 0.08; " in sentence
    assert sentence.endswith("is above 0.999, by more than 10 % of its volume above 0.999.")


def test_inhibition_smaller_than_the_margin_is_not_relevant(singles: Study, cards: Mapping[str, ModelCard]) -> None:
    curves = curves_of(singles, 1.0, size=0.05)  # TGI of 5 %
    (found, _) = inhibitions(
        fits_of(singles, cards), ranking_of({EXPONENTIAL: 1.0}), {EXPONENTIAL: curves, AVERAGED: curves}
    )
    assert (found.words, found.probability, found.relevant, found.opposite) == ("inhibited", 1.0, 0.0, 0.0)


def test_without_a_healthy_fit_there_is_no_conclusion(singles: Study, cards: Mapping[str, ModelCard]) -> None:
    sick = fits_of(singles, cards, exponential="fail", gompertz="fail")
    refused = dict.fromkeys(sick, "the sampler did not converge (R-hat 1.4)")
    found = inhibitions(sick, ranking_of({}, refused), {})
    assert {one.probability for one in found} == {None}
    assert found[0].words.startswith("no conclusion: the sampler did not converge")
    assert inhibition_sentence(found[0], pd.DataFrame(columns=["arm", "quantity"])) == (
        f"T-DM1 against vehicle: {found[0].words}."
    )


def test_a_fit_of_caution_makes_the_verdict_one_of_caution(singles: Study, cards: Mapping[str, ModelCard]) -> None:
    curves = curves_of(singles, 1.0)
    for status, caution in (("pass", False), ("caution", True)):
        fits = fits_of(singles, cards, gompertz=status)
        found = inhibitions(fits, ranking_of({EXPONENTIAL: 1.0}), {EXPONENTIAL: curves, AVERAGED: curves})
        assert {one.caution for one in found} == {caution}
