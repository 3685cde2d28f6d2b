"""Which cards a study supports, and which are fitted unless others are named; the pages say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from xenograft.model.card import ModelCard
from xenograft.model.choice import LASTING, SHRINKING, TELLING_GAP, WANING, by_reason, default_cards
from xenograft.study.study import Dosing, Study


def given(study: Study, **days: tuple[float, ...] | Dosing) -> Study:
    """The study with other dosing days of some agents."""

    def dosing(one: Dosing) -> Dosing:
        other = days.get(one.agent.replace("-", ""), one)
        return other if isinstance(other, Dosing) else Dosing(one.agent, other)

    return replace(
        study, arms=tuple(replace(arm, dosings=tuple(dosing(one) for one in arm.dosings)) for arm in study.arms)
    )


def test_waning_cards_are_fitted_where_an_agent_pauses(study: Study, cards: Mapping[str, ModelCard]) -> None:
    chosen, left_out = default_cards(study, cards)  # T-DM1 on days 0 and 21
    assert tuple(chosen) == LASTING + WANING
    assert left_out == {}


def test_nothing_wanes_visibly_under_weekly_doses(study: Study, cards: Mapping[str, ModelCard]) -> None:
    weekly = given(study, TDM1=tuple(float(day) for day in range(0, 42, 7)))
    chosen, left_out = default_cards(weekly, cards)
    assert tuple(chosen) == LASTING
    assert set(left_out) == set(WANING)
    assert set(left_out.values()) == {
        "no agent pauses for 14 days before day 31 (the longest pause: 7), too short to tell an effect that wanes "
        "from one that lasts"
    }


@pytest.mark.parametrize(
    ("days", "fits"), [((0.0,), True), ((0.0, 7.0, 14.0), True), ((0.0, 7.0, 14.0, 21.0), False), ((0.0, 40.0), True)]
)
def test_a_pause_is_between_doses_or_before_the_horizon(
    study: Study, cards: Mapping[str, ModelCard], days: tuple[float, ...], fits: bool
) -> None:
    assert study.horizon == 31
    chosen, _ = default_cards(given(study, TDM1=days), cards)
    assert (set(WANING) <= set(chosen)) is fits


def test_a_start_alone_is_no_schedule(study: Study, cards: Mapping[str, ModelCard]) -> None:
    started = given(study, pertuzumab=Dosing("pertuzumab", (0.0,), schedule_known=False))
    chosen, left_out = default_cards(started, cards)
    assert tuple(chosen) == LASTING
    (reason,) = by_reason(left_out)
    assert reason.startswith("the study says the start of pertuzumab, not the dosing days")
    assert by_reason(left_out)[reason] == (
        "decaying-bliss-departure, decaying-bliss, gompertz-decaying-bliss-departure and gompertz-decaying-bliss"
    )


def test_without_a_combination_only_cards_that_answer_are_fitted(study: Study, cards: Mapping[str, ModelCard]) -> None:
    kept = study.readings["arm"].isin(["vehicle", "T-DM1"])
    single = replace(study, arms=study.arms[:2], readings=study.readings[kept])
    chosen, left_out = default_cards(single, cards)
    assert all(card.answers for card in chosen.values())
    assert set(left_out) == {name for name in LASTING + WANING if not cards[name].answers}


def test_the_pages_say_which_cards_are_fitted_unless_others_are_named() -> None:
    root = Path(__file__).parents[1]
    page = (root / "models" / "README.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"\*\*Fitted unless you name others\*\*.*?(?=\n\n)", page, re.DOTALL)
    lasting, waning = said.split("Where the study gives")
    waning, shrinking = waning.split("Where a treated arm shrinks")
    assert tuple(re.findall(r"`(\w+-[\w-]+)`", lasting)) == LASTING
    assert tuple(re.findall(r"`(\w+-[\w-]+)`", waning)) == WANING
    assert f"pauses for {TELLING_GAP:g} days" in waning
    assert tuple(re.findall(r"`(\w+-[\w-]+)`", shrinking)) == SHRINKING
    numbers = {4: "four", 6: "six"}
    front = (root / "README.md").read_text(encoding="utf-8")
    assert f"{numbers[len(LASTING)].capitalize()} models" in front
    assert f"an agent pauses for {TELLING_GAP:g} days, {numbers[len(WANING)]} more" in front
