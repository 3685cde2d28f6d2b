"""Several combinations: drawn towards their mean where they are alike, told together, and counted against chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from xenograft.analysis import Analysis
from xenograft.answers.averaging import excess_by_combination
from xenograft.answers.ranking import compare
from xenograft.fitting.curves import curves
from xenograft.fitting.fit import Fit
from xenograft.fitting.sampling import SamplerSettings, fit_all
from xenograft.model.card import read_cards
from xenograft.model.choice import default_cards, why_not
from xenograft.study.study import Arm, Dosing, Study

DOSES = (10.0, 20.0, 40.0)
MODELS = ("exponential-bliss-departure", "shrunken-bliss-departure")


def grid() -> Study:
    """One dose of A with each of three of B, effects that add, six animals an arm."""
    rng, day = np.random.default_rng(11), np.arange(0.0, 22.0, 3.0)

    def dosing(agent: str, dose: float) -> Dosing:
        return Dosing(agent, (0.0, 7.0), doses=(dose, dose), unit="mg/kg")

    b = {dose: dosing("B", dose) for dose in DOSES}
    arms = (
        Arm("vehicle", control=True), Arm("A", dosings=(dosing("A", 5.0),)),
        *(Arm(f"B {dose:g}", dosings=(own,)) for dose, own in b.items()),
        *(Arm(f"A + B {dose:g}", dosings=(dosing("A", 5.0), own)) for dose, own in b.items()),
    )  # fmt: skip
    rows: list[dict[str, Any]] = []
    for arm in arms:
        kill = sum({"A": 0.03, "B": 0.001 * (one.level or 0)}[one.agent] for one in arm.dosings)
        for animal in range(6):
            rate = 0.1 + rng.normal(0, 0.015) - kill
            log_volume = np.log(150) + rng.normal(0, 0.2) + rate * day + rng.normal(0, 0.12, len(day))
            rows += [
                {"animal": f"{arm.name} {animal}", "arm": arm.name, "day": when, "volume": volume}
                for when, volume in zip(day, np.exp(log_volume), strict=True)
            ]
    return Study.from_frame(pd.DataFrame(rows), arms=arms, name="grid")


@pytest.fixture(scope="module")
def fits() -> dict[str, Fit]:
    cards = read_cards(*MODELS)
    settings = SamplerSettings(draws=250)
    return fit_all(grid(), cards, seed=1, settings=settings, progress=False, method="importance")


def test_combinations_that_are_alike_are_drawn_towards_their_mean_which_stays(fits: dict[str, Fit]) -> None:
    assert [one.method for one in fits.values()] == ["importance"] * 2  # the funnel of the scale is no reason for NUTS
    study = fits[MODELS[0]].study
    free, shrunken = (
        excess_by_combination(study, curves(fits[name], day=[study.horizon]), "bliss").isel(day=0) for name in MODELS
    )
    centres = [own.mean(("chain", "draw")) for own in (free, shrunken)]
    assert float(centres[1].std()) < 0.85 * float(centres[0].std())  # 0.70
    error = float(free.mean("combination").std())
    assert abs(float(centres[1].mean() - centres[0].mean())) < 0.25 * error


def test_the_combinations_are_told_together_with_the_verdicts_that_chance_would_give(fits: dict[str, Fit]) -> None:
    study = fits[MODELS[0]].study
    content = Analysis(study, fits, compare(fits, exact=False)).results("bliss")
    found = content["several"]
    assert found["combinations"] == 3
    assert found["expected_by_chance"] == pytest.approx(0.15)
    called = [
        one["combination"]
        for one in content["verdicts"]
        if one["kind"] == "interaction" and one["reference"] == "bliss" and not one["words"].startswith("not")
    ]
    assert found["concluded"] == called
    assert (found["free"], found["shrunken"]) == MODELS
    assert [cell["combination"] for cell in found["cells"]] == [arm.name for arm in study.combinations]
    index = np.exp(-found["excess"]["median"])
    assert f"on average tumours are {index:.2f} times the volume" in found["sentence"]
    assert "if none departed from it, 0.15 would be by chance" in found["sentence"]


def test_departures_are_drawn_together_where_there_are_several_and_only_there() -> None:
    study, cards = grid(), read_cards()
    assert "shrunken-bliss-departure" in default_cards(study, cards)[0]
    two = Study.from_frame(
        study.readings[study.readings["arm"] != "A + B 40"][["animal", "arm", "day", "volume"]],
        arms=[arm for arm in study.arms if arm.name != "A + B 40"],
    )
    assert "shrunken-bliss-departure" not in default_cards(two, cards)[0]
    assert why_not(two, cards["shrunken-bliss-departure"]) == (
        "departures that are drawn towards their mean need 3 combinations or more, and the study has 2"
    )
