"""Priors that count in the study's own time: what they are on a study, and that nothing else changes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from xenograft.errors import CardError
from xenograft.fitting.curves import prior_draws
from xenograft.model.card import ModelCard, read_card, read_cards, shipped_cards
from xenograft.model.prior import ARGUMENTS, Prior
from xenograft.model.vocabulary import PARAMETERS
from xenograft.study.follow_up import follow_up
from xenograft.study.study import Study

RATES = [name for name, parameter in PARAMETERS.items() if parameter.unit == "1/day"]


def in_time(study: Study, factor: float) -> Study:
    """The study with every day multiplied."""
    arms = tuple(
        replace(arm, dosings=tuple(replace(d, days=tuple(factor * day for day in d.days)) for d in arm.dosings))
        for arm in study.arms
    )
    return replace(study, arms=arms, readings=study.readings.assign(day=study.readings["day"] * factor))


def without(study: Study, drop: Callable[[pd.DataFrame], pd.Series]) -> Study:
    return replace(study, readings=study.readings[~drop(study.readings)].reset_index(drop=True))


def test_the_follow_up_is_that_of_half_of_the_control_animals(study: Study) -> None:
    last = study.animals.loc[study.animals["arm"] == study.control.name, "last_day"] - study.first_dose
    days = follow_up(study)
    assert (last >= days).mean() >= 0.5 > (last > days).mean()


def test_the_follow_up_is_a_time_and_nothing_else(study: Study) -> None:
    assert follow_up(in_time(study, 1 / 7)) == pytest.approx(follow_up(study) / 7)
    in_cm3 = replace(study, unit="cm3", readings=study.readings.assign(volume=study.readings["volume"] / 1000))
    assert follow_up(in_cm3) == follow_up(study)


def test_no_treatment_changes_the_follow_up(study: Study) -> None:
    treated = {arm.name for arm in study.arms if not arm.control}
    early = without(study, lambda r: r["arm"].isin(treated) & (r["day"] > study.first_dose + 7))
    late = study.readings[study.readings["arm"].isin(treated)].groupby("animal").tail(1)
    cured = replace(study, readings=pd.concat([study.readings, late.assign(day=300.0, baseline=False)]))
    assert follow_up(early) == follow_up(cured) == follow_up(study)


def test_one_control_tumour_that_does_not_grow_does_not_stretch_the_follow_up(study: Study) -> None:
    control = study.readings[study.readings["arm"] == study.control.name].groupby("animal").tail(1).head(1)
    followed = replace(study, readings=pd.concat([study.readings, control.assign(day=300.0, baseline=False)]))
    assert follow_up(followed) - follow_up(study) <= 7


def test_without_control_readings_after_the_first_dose_all_animals_count(study: Study) -> None:
    alone = without(study, lambda r: (r["arm"] == study.control.name) & (r["day"] > study.first_dose))
    assert follow_up(alone) >= follow_up(study)


def test_a_prior_in_follow_ups_is_that_of_the_rate_times_the_follow_up(subtests: pytest.Subtests) -> None:
    value = np.array([0.011, 0.04, 0.2])
    for distribution in PARAMETERS["growth"].distributions + PARAMETERS["slowing"].distributions:
        with subtests.test(distribution=distribution):
            numbers = dict.fromkeys(ARGUMENTS[distribution], 1.3)
            prior = Prior(distribution=distribution, **numbers, unit="1/follow-up", why="A test.")
            in_days = prior.on_follow_up(31.0)
            np.testing.assert_allclose(in_days.frozen.pdf(value), 31.0 * prior.frozen.pdf(31.0 * value))
            assert in_days.unit == "1/day"
            assert in_days.on_follow_up(5.0) == in_days


def test_bending_counts_in_follow_ups_to_the_power_it_has() -> None:
    prior = read_cards("spline")["spline"].priors["smoothness"]
    assert prior.on_follow_up(4.0).frozen.median() == pytest.approx(prior.frozen.median() / 8)


def test_treatment_is_judged_on_the_studys_own_scale_in_every_shipped_card(study: Study) -> None:
    cards = read_cards().values()
    assert {name for card in cards for name, prior in card.priors.items() if prior.relative} == {
        "kill", "departure", "sd_departure", "slowing", "sd_growth", "sd_cohort", "smoothness",
    }  # fmt: skip
    for card in (card for card in cards if card.departure == "estimated"):
        for factor in (0.3, 1.0, 3.0):
            own = in_time(study, factor)
            prior = prior_draws(own, card, 4000, seed=1)
            drawn = prior.get("departure_mean", prior["departure"]).to_numpy().ravel() * follow_up(own)
            assert stats.kstest(drawn, card.priors["departure"].frozen.cdf).pvalue > 1e-4


def test_a_card_in_follow_ups_and_the_same_in_days_are_two_hypotheses_and_one_posterior(
    study: Study, cards: dict[str, ModelCard]
) -> None:
    card = cards["gompertz-bliss-departure"]
    in_days = card.on(study)
    assert in_days.digest != card.digest
    assert in_days.on(study) == in_days
    assert in_days.priors["departure"].unit == "1/day"
    unit = card.priors["departure"].model_copy(update={"unit": "1/day"})
    assert card.model_copy(update={"priors": card.priors | {"departure": unit}}).digest != card.digest


def test_a_unit_of_time_that_would_be_misread_is_refused(tmp_path: Path, subtests: pytest.Subtests) -> None:
    text = (shipped_cards() / "exponential-bliss.toml").read_text(encoding="utf-8")
    for name, before, unit, finding in [
        ("kill", "1/follow-up", "1/week", 'is in "1/week"; its unit must be "1/day" or "1/follow-up".'),
        ("growth", "1/day", "1/followup", 'is in "1/followup"; its unit must be "1/day" or "1/follow-up".'),
        ("error", "ln volume", "1/follow-up", 'is in "1/follow-up", and error has no unit of time.'),
    ]:  # fmt: skip
        with subtests.test(name=name):
            head, _, tail = text.partition(f"[priors.{name}]")
            file = tmp_path / "exponential-bliss.toml"
            file.write_text(f"{head}[priors.{name}]" + tail.replace(f'unit = "{before}"', f'unit = "{unit}"', 1))
            with pytest.raises(CardError) as found:
                read_card(file)
            assert found.value.problems == (f"exponential-bliss.toml: the prior of {name} {finding}",)


def test_every_rate_may_count_in_days_or_in_follow_ups() -> None:
    for card in read_cards().values():
        for name, prior in card.priors.items():
            assert prior.unit in ("1/day", "1/follow-up") or name not in RATES
