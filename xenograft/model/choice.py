"""Which cards a study supports, and which of the shipped ones are fitted unless told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from xenograft.model.card import ModelCard
from xenograft.model.vocabulary import SHARES, SHRUNKEN
from xenograft.printing import listed
from xenograft.study.flattening import shrinks
from xenograft.study.study import Study
from xenograft.study.tested import judged_combinations
from xenograft.study.unevenness import differ_by_arm, setting_in, speeding_up

LASTING = (
    "exponential-bliss-departure",
    "exponential-bliss",
    "exponential-hsa",
    "gompertz-bliss-departure",
    "gompertz-bliss",
    "gompertz-hsa",
)
"""Shipped cards that are fitted to every study unless others are named: two growth laws with their nulls, effects that
last."""

WANING = (
    "decaying-bliss-departure",
    "decaying-bliss",
    "gompertz-decaying-bliss-departure",
    "gompertz-decaying-bliss",
)
"""Fitted as well where the dosing days leave room for an effect to wane: they take as long again.
Their nulls of the highest single agent are not among them: those of `LASTING` answer that question sooner."""

SHRINKING = ("residual-bliss-departure", "gompertz-residual-bliss-departure")
"""Fitted as well where a treated arm shrinks to half or less: what never shrinks is then a part of what is measured."""

_SHARED_IN_WORDS = {
    "mouse": "some mice carry several tumours, and it does not say how much tumours of a mouse",
    "cage": "some cages hold several animals, and it does not say how much animals of a cage",
}

UNEVEN = (
    "spread-bliss-departure",
    "gompertz-spread-bliss-departure",
    "response-bliss-departure",
    "gompertz-response-bliss-departure",
)
"""Fitted as well where growth rates spread more in some arms than in others: animals differ, or respond, unevenly."""

SETTING_IN = ("delayed-bliss-departure", "gompertz-delayed-bliss-departure")
"""Fitted as well where a treated arm slows down more than the control."""

WITHOUT_A_LAW = ("spline",)
"""Fitted as well where a treated arm's course changes, either way."""

IN_COHORTS = ("cohort-bliss-departure", "gompertz-cohort-bliss-departure")
"""Fitted as well where a column says the cohorts."""

IN_GRIDS = ("shrunken-bliss-departure", "gompertz-shrunken-bliss-departure")
"""Fitted as well where several combinations are judged: each tells something of the others."""

SEVERAL = 3
"""Combinations from which on their mean departure, and how they differ, are told."""

_WHY: Mapping[tuple[str, ...], str] = {
    LASTING: "fitted to every study: effects that last, under two growth laws, with their nulls",
    WANING: "the dosing days, or regrowth, leave room for an effect to wane",
    SHRINKING: "a treated arm shrinks to half or less, so that what never shrinks counts",
    UNEVEN: "growth rates spread more in some arms than in others",
    SETTING_IN: "a treated arm slows down more than the control",
    WITHOUT_A_LAW: "the course of a treated arm changes",
    IN_COHORTS: "a column says the cohorts",
    IN_GRIDS: "three combinations or more tell of each other",
}

TELLING_GAP = 14.0
"""Days without a dose, from which on an effect that wanes can be told from one that lasts: by the median of the prior
half of a dose's effect is gone after a week, so a quarter is left after two."""


def why_not(study: Study, card: ModelCard) -> str | None:
    """What a study lacks for a card, in words; None where it can be fitted.

    Parameters
    ----------
    study : Study
        Arms, doses, days and cohorts.
    card : ModelCard
        The hypothesis.
    """
    return next(iter(_reasons(study, card)), None)


def share_within_groups(study: Study, card: ModelCard) -> str | None:
    """The card's share that is a parameter on a study, if any.

    `mouse_share` where mice carry several tumours, `cage_share` where cages hold several animals, if what these have in
    common differs at all.
    """
    if study.group == "animal" or not card.shared_in(study.group):
        return None
    share, _ = SHARES[study.group]
    return share if share in card.priors else None


def default_cards(study: Study, cards: Mapping[str, ModelCard]) -> tuple[dict[str, ModelCard], dict[str, str]]:
    """The shipped cards to fit to a study, and those left out with the reason.

    Parameters
    ----------
    study : Study
        What is fitted.
    cards : mapping of str to ModelCard
        The shipped cards by name; what readings give no reason for is left out silently.

    Returns
    -------
    chosen : dict of str to ModelCard
    left_out : dict of str to str
        Why, by name.
    """
    passing, late = bool(speeding_up(study)), bool(setting_in(study))
    wanted = (
        *LASTING, *WANING, *(SHRINKING if shrinks(study) else ()), *(UNEVEN if differ_by_arm(study) else ()),
        *(SETTING_IN if late else ()), *(WITHOUT_A_LAW if passing or late else ()),
        *(IN_COHORTS if len(study.cohorts) > 1 else ()),
        *(IN_GRIDS if len(judged_combinations(study)) >= SEVERAL else ()),
    )  # fmt: skip
    considered = {name: cards[name] for name in wanted if name in cards}
    left_out = {name: reason for name, card in considered.items() if (reason := why_not(study, card))}
    if not passing and (reason := _why_not_waning(study)):
        left_out |= {name: reason for name in WANING if name in considered}
    if not judged_combinations(study):  # cards that differ in the departure only are then one and the same
        without = "a combination whose agents were all tested alone" if study.combinations else "a combination"
        same = {name: f"without {without} it says the same as the model with a departure"
                for name, card in considered.items() if not card.answers}  # fmt: skip
        left_out = same | left_out
    return {name: card for name, card in considered.items() if name not in left_out}, left_out


def why_chosen(name: str) -> str:
    """Why `default_cards` chose a card, in words; empty for a card that it never chooses."""
    return next((reason for names, reason in _WHY.items() if name in names), "")


def by_reason(left_out: Mapping[str, str]) -> dict[str, str]:
    """The names of the cards left out for a reason, in words, by that reason."""
    return {reason: listed([name for name in left_out if left_out[name] == reason]) for reason in left_out.values()}


def _why_not_waning(study: Study) -> str | None:
    """What the dosing days lack to tell an effect that wanes from one that lasts."""
    dosings = [dosing for arm in study.arms for dosing in arm.dosings]
    if unknown := list(dict.fromkeys(dosing.agent for dosing in dosings if not dosing.schedule_known)):
        return (
            f"the study says the start of {listed(unknown)}, not the dosing days, and no treated arm grows faster "
            "later than earlier; named with -m, the start counts as a single dose"
        )
    given = [[day for day in dosing.days if day < study.horizon] for dosing in dosings]
    longest = max((float(np.diff([*days, study.horizon]).max()) for days in given if days), default=0.0)
    if longest < TELLING_GAP:
        return (
            f"no agent pauses for {TELLING_GAP:g} days before day {study.horizon:g} (the longest pause: {longest:g}), "
            "too short to tell an effect that wanes from one that lasts"
        )
    return None


def _reasons(study: Study, card: ModelCard) -> Iterable[str]:
    agents = list(dict.fromkeys(agent for agent, _ in study.levels))
    if card.panel:
        yield "it is for a panel of models (xenograft panel), and this is one study"
    if isinstance(card.exposure, Mapping):
        named = set(card.exposure) - {"default"}
        for agent in sorted(named - set(agents)):
            yield f"it names the exposure of {agent}, and the study has no such agent (its agents: {', '.join(agents)})"
        missing = [agent for agent in agents if agent not in named]
        if missing and "default" not in card.exposure:
            yield f'it says no exposure for {", ".join(missing)}; add "default" to its exposure'
    for entry in card.priors:
        _, _, agent = entry.partition(".")
        if agent and agent not in agents:
            yield f"it has a prior for {agent}, and the study has no such agent (its agents: {', '.join(agents)})"
    if card.dose_effect != "free":
        if any(level is None for _, level in study.levels):
            yield f'dose_effect = "{card.dose_effect}" needs the doses of every arm, and the study does not say them'
        elif len(study.levels) == len(agents):
            yield f'dose_effect = "{card.dose_effect}" needs an agent at two doses or more'
    if card.departure_by == SHRUNKEN and len(study.combinations) < SEVERAL:
        yield (
            f"departures that are drawn towards their mean need {SEVERAL} combinations or more, and the study has "
            f"{len(study.combinations) or 'none'}"
        )
    if "cohort" in card.varies and len(study.cohorts) < 2:
        yield "its cohorts vary, and the study's animals are all of one cohort"
    if study.group != "animal" and card.shared_in(study.group) and not share_within_groups(study, card):
        yield (
            f"{_SHARED_IN_WORDS[study.group]} have in common; add [priors.{SHARES[study.group][0]}] to it, as the "
            "shipped cards have it"
        )
    days = study.fitted_readings["day"].nunique()
    if card.law.own_curves and days < 4:
        yield f"a curve that bends needs readings on 4 days or more, and the study has {days}"
