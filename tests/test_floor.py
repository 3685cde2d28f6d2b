"""What never shrinks is measured with every tumour: it is asked about, and a card with a residual finds it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xenograft.errors import CardError
from xenograft.fitting.curves import curves_of, new_readings
from xenograft.fitting.sampling import SamplerSettings, fit
from xenograft.model.card import ModelCard, read_card, read_cards, shipped_cards
from xenograft.model.choice import SHRINKING, default_cards
from xenograft.model.curve import Parameters, measured
from xenograft.reading.remarks import questions_about
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth
from xenograft.study.flattening import flattenings, shrinks
from xenograft.study.study import Arm, Dosing, Study

A, B = Dosing("A", (0.0,)), Dosing("B", (0.0,))
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("A + B", dosings=(A, B)))
VISITS = (0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0, 24.0, 28.0, 31.0, 35.0, 38.0, 42.0)
TRUTH = Truth(
    baseline=165.0, growth=0.078, sd_baseline=0.25, sd_growth=0.015, error=0.13, kill={"A": 0.10, "B": 0.06},
    residual=25.0,
)  # fmt: skip


def study_of(truth: Truth, seed: int = 1, days: tuple[float, ...] = VISITS) -> Study:
    made = simulate(ARMS, truth, animals=8, days=days, endpoint_volume=2000.0, seed=seed)
    return Study("floor", "mm3", ARMS, made.readings, endpoint_volume=2000.0)


def excess_of(study: Study, card: ModelCard) -> np.ndarray:
    settings = SamplerSettings(draws=250, tune=250)
    found = fit(study, card, seed=1, settings=settings, progress=False, keep="posterior", method="importance")
    curve = curves_of(found.posterior, study, card, [study.horizon]).isel(day=0)
    log = {arm.name: curve.sel(arm=arm.name) for arm in ARMS}
    return (log["A"] + log["B"] - log["A + B"] - log["vehicle"]).to_numpy().ravel()


def test_a_floor_makes_a_sum_look_like_less_and_a_residual_takes_that_back() -> None:
    study, cards = study_of(TRUTH), read_cards("exponential-bliss-departure", "residual-bliss-departure")
    without, with_residual = (excess_of(study, card) for card in cards.values())
    assert (without > 0).mean() < 0.025  # "less than the reference", and nothing interacts
    assert 0.025 < (with_residual > 0).mean() < 0.975
    assert abs(np.median(with_residual)) < abs(np.median(without)) / 3


def test_check_asks_about_an_arm_that_stops_falling_near_the_smallest_volumes() -> None:
    study = study_of(TRUTH)
    found = flattenings(study)
    assert list(found) == ["A + B"]
    assert 20 < found["A + B"].volume < 45
    asked = [words for words in questions_about(study) if "stop falling" in words]
    assert len(asked) == 1
    assert asked[0].startswith("Arm A + B: its readings stop falling from day ")
    assert "give limit_of_quantification" in asked[0]
    limited = replace(study, limit_of_quantification=10.0)
    assert not any("give limit_of_quantification" in words for words in questions_about(limited))


def test_arms_that_go_on_falling_are_not_asked_about() -> None:
    falling = TRUTH.model_copy(update={"residual": 0.0})
    uneven = falling.model_copy(update={"sd_effect": 0.3})
    asked = [flattenings(study_of(truth, seed)) for truth in (falling, uneven) for seed in range(30)]
    assert sum(map(bool, asked)) <= 2


def test_readings_at_a_recorded_limit_are_no_finding() -> None:
    study = study_of(TRUTH)
    limit = 60.0
    at_limit = study.readings["volume"] <= limit
    readings = study.readings.assign(volume=study.readings["volume"].clip(lower=limit), censored=at_limit)
    assert flattenings(replace(study, readings=readings, limit_of_quantification=limit)) == {}


def test_a_residual_is_among_the_models_where_a_treated_arm_shrinks() -> None:
    chosen, left_out = default_cards(study_of(TRUTH), read_cards())
    assert set(SHRINKING) <= set(chosen)
    growing = study_of(TRUTH.model_copy(update={"kill": {"A": 0.03, "B": 0.02}}))
    assert not shrinks(growing)
    chosen, left_out = default_cards(growing, read_cards())
    assert not set(SHRINKING) & set(chosen)
    assert not set(SHRINKING) & set(left_out)  # nothing that a reader of a growing study need know


def test_what_is_measured_is_the_tumour_and_the_residual() -> None:
    parameters = Parameters(*(np.array(0.0),) * 5, residual=np.array(0.25))
    typical, column = np.log(np.array([[4.0, 0.25, 1e-9]])), np.ones((1, 3))
    mean, (seen,) = measured(typical, [column], parameters)
    np.testing.assert_allclose(np.exp(mean), [[4.25, 0.5, 0.25]])
    np.testing.assert_allclose(seen, [[4.0 / 4.25, 0.5, 0.0]], atol=1e-8)
    same, columns = measured(typical, [column], replace(parameters, residual=None))
    assert same is typical
    assert columns[0] is column


def test_curves_are_of_the_tumour_and_new_readings_of_what_is_measured() -> None:
    study, card = study_of(TRUTH), read_cards("residual-bliss-departure")["residual-bliss-departure"]
    settings = SamplerSettings(draws=250, tune=250)
    found = fit(study, card, seed=1, settings=settings, progress=False, keep="posterior", method="importance")
    last = float(study.readings["day"].max())
    tumour = float(np.exp(curves_of(found.posterior, study, card, [last]).sel(arm="A + B").median()))
    drawn = new_readings(found.posterior, study, card, seed=1)
    treated = [animal for animal in study.animals.index if study.animals.at[animal, "arm"] == "A + B"]
    read = float(np.exp(drawn.sel(animal=treated).isel(reading=-1).median())) * study.reference_volume
    assert tumour < 15 < 25 < read


def test_a_simulated_residual_is_added_to_every_tumour() -> None:
    bare = TRUTH.model_copy(update={"error": 0.0, "residual": 0.0})
    volume = study_of(bare).readings["volume"].to_numpy()
    with_residual = study_of(bare.model_copy(update={"residual": 25.0})).readings["volume"].to_numpy()
    assert len(volume) >= len(with_residual)  # some reach the endpoint sooner
    shared = study_of(bare, days=VISITS[:3]).readings["volume"].to_numpy()
    more = study_of(bare.model_copy(update={"residual": 25.0}), days=VISITS[:3]).readings["volume"].to_numpy()
    np.testing.assert_allclose(more - shared, 25.0)


def test_a_residual_and_cohorts_are_refused_together(tmp_path: Path) -> None:
    text = (shipped_cards() / "residual-bliss-departure.toml").read_text(encoding="utf-8")
    file = tmp_path / "residual-bliss-departure.toml"
    file.write_text(text.replace('varies = ["baseline", "growth"]', 'varies = ["baseline", "growth", "cohort"]'))
    with pytest.raises(CardError, match="Leave one of them out"):
        read_card(file)


def test_a_card_without_a_residual_keeps_the_digest_it_had_before_there_was_one(cards: dict[str, ModelCard]) -> None:
    card = cards["exponential-bliss-departure"]
    with_residual = card.model_copy(update={"residual": True})
    assert with_residual.digest != card.digest
    assert not with_residual.null_of(card)
    assert not cards["exponential-bliss"].null_of(with_residual)
