"""Which cards a study supports, and which are fitted unless others are named; the pages say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from xenograft.model.card import ModelCard
from xenograft.model.choice import (
    IN_COHORTS,
    IN_GRIDS,
    LASTING,
    SETTING_IN,
    SHRINKING,
    TELLING_GAP,
    UNEVEN,
    WANING,
    WITHOUT_A_LAW,
    by_reason,
    default_cards,
)
from xenograft.simulation.simulate import simulate
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing, Study


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
    waning, _ = waning.split("And where the readings give reason to")
    (table,) = re.findall(r"also fitted \|\n\|---\|---\|\n(.*?)\n\n", page, re.DOTALL)
    shown = [tuple(re.findall(r"`([\w-]+)`", row)) for row in table.splitlines()]
    assert tuple(re.findall(r"`(\w+-[\w-]+)`", lasting)) == LASTING
    assert tuple(re.findall(r"`(\w+-[\w-]+)`", waning)) == WANING
    assert f"pauses for {TELLING_GAP:g} days" in waning
    assert shown == [SHRINKING, UNEVEN, SETTING_IN + WITHOUT_A_LAW, WITHOUT_A_LAW, IN_COHORTS, IN_GRIDS]
    numbers = {4: "four", 6: "six"}
    front = (root / "README.md").read_text(encoding="utf-8")
    assert f"{numbers[len(LASTING)].capitalize()} models" in front
    assert f"an agent pauses for {TELLING_GAP:g} days, {numbers[len(WANING)]} more" in front


ARMS = tuple(
    Arm(name, control=not given, dosings=tuple(Dosing(x, (0.0,), schedule_known=False) for x in given))
    for name, given in {"vehicle": "", "A": "A", "B": "B", "A + B": "AB"}.items()
)
DAYS = tuple(float(day) for day in range(0, 43, 3))
PLAIN = Truth(
    baseline=150.0, growth=0.06, sd_baseline=0.2, sd_growth=0.012, error=0.12, kill={"A": 0.04, "B": 0.03},
)  # fmt: skip


def asked_for(cards: Mapping[str, ModelCard], seeds: int = 20, cohorts: int | None = None, **other: object) -> dict:
    """In what share of simulated studies of 8 animals an arm each kind of card is fitted."""
    truth = Truth.model_validate(PLAIN.model_dump(exclude_defaults=True) | other)
    kinds = {"uneven": UNEVEN, "late": SETTING_IN, "passing": WANING, "no law": WITHOUT_A_LAW, "cohorts": IN_COHORTS}
    found = dict.fromkeys(kinds, 0.0)
    for seed in range(seeds):
        study = simulate(ARMS, truth, animals=8, days=DAYS, seed=seed, endpoint_volume=3000.0, cohorts=cohorts)
        chosen, _ = default_cards(study, cards)
        for kind, names in kinds.items():
            found[kind] += (set(names) <= set(chosen)) / seeds
    return found


def test_readings_ask_for_the_cards_that_they_need_and_for_no_other(cards: Mapping[str, ModelCard]) -> None:
    plain = asked_for(cards, seeds=40)
    assert plain.pop("uneven") <= 0.35
    assert max(plain.values()) <= 0.15
    assert plain["cohorts"] == 0
    assert asked_for(cards, sd_effect=0.6, kill={"A": 0.08, "B": 0.06})["uneven"] > 0.8
    wane = asked_for(cards, exposure={"A": "decaying", "B": "decaying"}, waning={"A": 0.1, "B": 0.1},
                     kill={"A": 0.2, "B": 0.15})  # fmt: skip
    assert min(wane["passing"], wane["no law"]) > 0.9  # the start alone is known
    delayed = {"exposure": {"A": "delayed", "B": "delayed"}, "onset": {"A": 0.08, "B": 0.08}}
    late = asked_for(cards, **delayed, kill={"A": 0.08, "B": 0.07})
    assert min(late["late"], late["no law"]) > 0.9
    assert asked_for(cards, seeds=2, cohorts=2)["cohorts"] == 1
