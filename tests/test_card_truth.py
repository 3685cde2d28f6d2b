"""What a truth must contain to be an example of a card's claim."""

from __future__ import annotations

from typing import Any

import pytest

from xenograft.model.card import ModelCard, read_cards
from xenograft.planning.card_truth import problems_of_card
from xenograft.simulation.truth import Truth
from xenograft.study.study import Arm, Dosing

A, B = (Dosing(agent, days=(0.0,), doses=(2.0,), unit="mg/kg") for agent in "AB")
ARMS = (Arm("vehicle", control=True), Arm("A", dosings=(A,)), Arm("B", dosings=(B,)), Arm("A + B", dosings=(A, B)))
TRUE: dict[str, Any] = {
    "baseline": 170.0, "growth": 0.08, "sd_baseline": 0.2, "sd_growth": 0.01, "correlation": 0.2, "error": 0.1,
    "kill": {"A": 0.03, "B": 0.02}, "departure": {"A + B": 0.01},
}  # fmt: skip
CARD: dict[str, Any] = {
    "name": "c", "claim": "A claim.", "growth": "exponential", "exposure": "constant", "reference": "bliss",
    "departure": "estimated", "varies": ("baseline", "growth"), "error": "normal", "priors": {},
}  # fmt: skip


def problems(card: dict[str, Any], truth: dict[str, Any], arms: tuple[Arm, ...] = ARMS) -> list[str]:
    return problems_of_card(ModelCard(**(CARD | card)), Truth(**(TRUE | truth)), arms, "truth.toml")


DECAYING = {"exposure": {"A": "decaying", "B": "decaying"}, "waning": {"A": 0.1, "B": 0.2}}


def test_a_truth_that_a_card_holds_possible_is_accepted(subtests: pytest.Subtests) -> None:
    for card, truth in [
        ({}, {}),
        ({}, {"departure": {"A + B": 0.0}, "dropout": 0.01}),
        ({"departure": "none"}, {"departure": {}}),
        ({"departure": "none", "reference": "hsa"}, {"departure": {}, "reference": "hsa"}),
        ({"growth": "gompertz"}, {"law": "gompertz", "slowing": 0.02}),
        ({"growth": "spline", "departure": "none"}, {"law": "logistic", "capacity": 3000.0, "departure": {}}),
        ({"exposure": "decaying"}, DECAYING),
        ({"exposure": {"A": "decaying", "B": "decaying"}}, DECAYING),
        ({"exposure": {"A": "delayed", "default": "constant"}}, {"exposure": {"A": "delayed"}, "onset": {"A": 0.2}}),
        ({"varies": ("baseline", "growth", "effect", "cohort")}, {"sd_effect": 0.2, "sd_cohort": 0.1}),
        ({"error": "student"}, {"degrees_of_freedom": 4.0}),
        ({"spread": "arm"}, {"spread": {"A": 2.0}, "error_factor": {"B": 2.0}}),
        ({"error_small": True}, {"small_tumour_error": 5.0}),
    ]:
        with subtests.test(card=card, truth=truth):
            assert problems(card, truth) == []


def test_a_truth_that_a_card_excludes_is_refused(subtests: pytest.Subtests) -> None:
    for card, truth, sentence in [
        (
            {"growth": "gompertz"},
            {},
            'law = "exponential", and the card c claims gompertz growth. Set law = "gompertz".',
        ),
        (
            {"exposure": "decaying"},
            DECAYING | {"exposure": {"B": "decaying"}, "waning": {"B": 0.1}},
            'exposure."A" is constant, and the card c claims decaying. Set exposure."A" = "decaying", and waning."A".',
        ),
        (
            {},
            {"exposure": {"A": "delayed"}, "onset": {"A": 0.2}},
            'exposure."A" is delayed, and the card c claims constant. Set exposure."A" = "constant".',
        ),
        (
            {"reference": "hsa", "departure": "none"},
            {"departure": {}},
            'reference = "bliss", and the card c claims hsa. Set reference = "hsa".',
        ),
        ({"departure": "none"}, {}, 'departure is not 0, and the card c claims departure = "none". Remove departure.'),
        ({}, {"departure": {}}, 'the card c estimates a departure. Add departure."A + B", 0 for none.'),
        (
            {"varies": ("baseline", "growth", "effect")},
            {},
            "the card c claims that animals vary in effect. Add sd_effect.",
        ),
        ({}, {"sd_cohort": 0.1}, "sd_cohort is not 0, and the card c claims no such variation. Remove sd_cohort."),
        (
            {"varies": ("baseline",)},
            {"sd_growth": 0.0},
            "correlation is not 0, and the card c has none. Remove correlation.",
        ),
        (
            {},
            {"spread": {"A": 2.0}},
            "spread differs between arms, and the card c claims that it does not. Remove spread.",
        ),
        (
            {},
            {"error_factor": {"A": 2.0}},
            "error_factor differs between arms, and the card c claims one error. Remove error_factor.",
        ),
        ({"error": "student"}, {}, "the card c claims Student errors. Add degrees_of_freedom."),
        (
            {},
            {"degrees_of_freedom": 4.0},
            "degrees_of_freedom is given, and the card c claims normal errors. Remove it.",
        ),
        ({"error_small": True}, {}, "the card c claims a larger error of small tumours. Add small_tumour_error."),
        (
            {},
            {"small_tumour_error": 5.0},
            "small_tumour_error is not 0, and the card c claims no such error. Remove it.",
        ),
        ({"residual": True}, {}, "the card c claims a residual. Add residual."),
        ({}, {"residual": 25.0}, "residual is not 0, and the card c claims none. Remove it."),
        ({}, {"error": 0.0}, "error is 0, and the card c claims that readings vary. Add error."),
        (
            {},
            {"responder_share": 0.1, "responder_factor": 2.0},
            "no card claims a share of responders. Remove responder_share and responder_factor.",
        ),
        (
            {},
            {"outlier_share": 0.1, "outlier_factor": 2.0},
            "no card claims a share of outlying readings. Remove outlier_share and outlier_factor.",
        ),
    ]:
        with subtests.test(card=card, truth=truth):
            assert problems(card, truth) == [f"truth.toml: {sentence}"]


LADDER = (ARMS[0], *(Arm(f"A {x:g}", dosings=(Dosing("A", (0.0,), (x,), "mg/kg"),)) for x in (1.0, 2.0, 4.0)))


def test_the_kill_rates_of_a_dose_ladder_follow_the_cards_dose_effect(subtests: pytest.Subtests) -> None:
    for effect, kills, fits in [
        ("free", (0.04, 0.01, 0.02), True),
        ("linear", (0.01, 0.02, 0.04), True),
        ("linear", (0.01, 0.02, 0.03), False),
        ("power", (0.01, 0.02, 0.04), True),
        ("power", (0.01, 0.01 * 2**0.5, 0.02), True),
        ("power", (0.01, 0.015, 0.02), False),
        ("power", (-0.01, 0.015, 0.02), False),
    ]:
        with subtests.test(effect=effect, kills=kills):
            kill = {f"A {dose}": rate for dose, rate in zip((1, 2, 4), kills, strict=True)}
            found = problems({"dose_effect": effect}, {"kill": kill, "departure": {}}, LADDER)
            how = {"linear": "in proportion to its dose", "power": "as a power of its dose"}.get(effect)
            sentence = f"truth.toml: the kill rates of A do not rise {how}, as the card c claims. Change kill."
            assert found == ([] if fits else [sentence])


def test_departures_shared_by_a_study_are_equal() -> None:
    arms = (*ARMS, Arm("A late + B", dosings=(Dosing("A", (7.0,), (2.0,), "mg/kg"), B)))
    by_study = {"departure_by": "study"}
    assert problems(by_study, {"departure": {"A + B": 0.01, "A late + B": 0.01}}, arms) == []
    assert problems(by_study, {"departure": {"A + B": 0.01, "A late + B": 0.02}}, arms) == [
        "truth.toml: the departures differ, and the card c claims one for the study. Give them one value."
    ]


def example_of(card: ModelCard) -> dict[str, Any]:
    """A truth that a card holds possible, from its words alone."""
    claimed = card.exposure if isinstance(card.exposure, dict) else {"default": card.exposure}
    exposure = {agent: claimed.get(agent) or claimed.get("default", "constant") for agent in "AB"}
    options = {
        "growth": {"law": "gompertz", "slowing": 0.02} if card.growth == "gompertz" else {},
        "waning": {"waning": {agent: 0.1 for agent in "AB" if exposure[agent] == "decaying"}},
        "onset": {"onset": {agent: 0.1 for agent in "AB" if exposure[agent] == "delayed"}},
        "departure": {"departure": {"A + B": 0.01} if card.departure == "estimated" else {}},
        "effect": {"sd_effect": 0.2 if "effect" in card.varies else 0.0},
        "cohort": {"sd_cohort": 0.2 if "cohort" in card.varies else 0.0},
        "error": {"degrees_of_freedom": 4.0 if card.error == "student" else None},
        "residual": {"residual": 20.0 if card.residual else 0.0},
        "small": {"small_tumour_error": 5.0 if card.error_small else 0.0},
    }
    merged: dict[str, Any] = {"exposure": exposure, "reference": card.reference}
    for option in options.values():
        merged |= option
    return merged


def test_every_shipped_card_holds_a_truth_possible_that_follows_its_words(subtests: pytest.Subtests) -> None:
    for card in read_cards().values():
        with subtests.test(card=card):
            assert problems_of_card(card, Truth(**(TRUE | example_of(card))), ARMS) == []
