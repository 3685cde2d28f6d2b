"""Which cards a study supports, and which of the shipped ones are fitted unless told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from xenograft.cards import ModelCard
from xenograft.study import Study

DEFAULT = (
    "exponential-bliss-departure",
    "exponential-bliss",
    "exponential-hsa",
    "gompertz-bliss-departure",
    "gompertz-bliss",
    "gompertz-hsa",
)
"""Shipped cards that are fitted unless others are named: two growth laws, each compiled once, with their nulls."""


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


def default_cards(study: Study, cards: Mapping[str, ModelCard]) -> tuple[dict[str, ModelCard], dict[str, str]]:
    """The shipped cards to fit to a study, and those left out with the reason.

    Parameters
    ----------
    study : Study
        What is fitted.
    cards : mapping of str to ModelCard
        The shipped cards by name; those not in `DEFAULT` are left out silently.

    Returns
    -------
    chosen : dict of str to ModelCard
    left_out : dict of str to str
        Why, by name.
    """
    considered = {name: cards[name] for name in DEFAULT if name in cards}
    left_out = {name: reason for name, card in considered.items() if (reason := why_not(study, card))}
    if not study.combinations:  # cards that differ in the departure only are then one and the same
        same = {name: "without a combination it is the card that leaves the departure free"
                for name, card in considered.items() if not card.answers}  # fmt: skip
        left_out = same | left_out
    return {name: card for name, card in considered.items() if name not in left_out}, left_out


def _reasons(study: Study, card: ModelCard) -> Iterable[str]:
    agents = list(dict.fromkeys(agent for agent, _ in study.levels))
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
    if "cohort" in card.varies and len(study.cohorts) < 2:
        yield "its cohorts vary, and the study's animals are all of one cohort"
    days = study.fitted_readings["day"].nunique()
    if card.growth == "spline" and days < 4:
        yield f"a curve that bends needs readings on 4 days or more, and the study has {days}"
