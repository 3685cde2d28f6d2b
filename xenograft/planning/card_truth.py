"""The truths that a model card holds possible: whether one is, and which one parameters drawn for a card are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xenograft.errors import quoted
from xenograft.model.card import ModelCard
from xenograft.model.exposure import kind_of
from xenograft.model.vocabulary import CORRELATED, ERROR, EXPOSURE, LASTS, PARAMETERS, VARIES
from xenograft.simulation.truth import Truth, kill_key
from xenograft.study.study import REFERENCE_VOLUME, Arm, Dosing


def problems_of_card(card: ModelCard, truth: Truth, arms: Sequence[Arm], place: str = "truth") -> list[str]:
    """A sentence for everything in which a truth is not one of those that a card holds possible.

    Parameters
    ----------
    card : ModelCard
        The hypothesis.
    truth : Truth
        The parameters to simulate with; it fits the arms.
    arms : sequence of Arm
        The design.
    place : str
        What sentences call the truth.

    Returns
    -------
    list of str
        Empty where the card holds the truth possible.
    """
    found = [
        *_growth_findings(card, truth),
        *_exposure_findings(card, truth, arms),
        *_combination_findings(card, truth, arms),
        *_dose_findings(card, truth, arms),
        *_animal_findings(card, truth),
        *_reading_findings(card, truth),
        *_panel_findings(card, truth),
    ]
    return [f"{place}: {finding}" for finding in found]


def truth_of(card: ModelCard, parameters: xr.Dataset, arms: Sequence[Arm]) -> Truth:
    """The truth that a card's parameters are, for the simulator.

    Parameters
    ----------
    card : ModelCard
        Of a growth law and exposures that truths have (`in_truths`), without cohorts; where it is `hsa`, without
        `effect` among what varies.
    parameters : Dataset (agent, combination, …)
        One draw, as of `prior_draws` or of a posterior, labelled by the study that `arms` are of.
    arms : sequence of Arm
        The design.
    """
    value = {str(name): np.asarray(one, dtype=float) for name, one in parameters.items()}
    names = [arm.name for arm in arms]

    def by_label(name: str, dim: str) -> dict[str, float]:
        if name not in value:
            return {}
        return dict(zip(parameters[dim].to_numpy().tolist(), np.atleast_1d(value[name]).tolist(), strict=True))

    def over_first(name: str) -> dict[str, float]:
        own = value.get(name)
        return dict(zip(names, (own / own[0]).tolist(), strict=True)) if own is not None and own.ndim else {}

    agents = dict.fromkeys(agent for arm in arms for agent in arm.agents)
    kinds = {agent: EXPOSURE[kind_of(card.exposure, agent)].truth for agent in agents}
    said: dict[str, Any] = {
        name: float(value[name].flat[0])
        for name, parameter in PARAMETERS.items()
        if parameter.dim is None and name in value and name in Truth.model_fields
    }
    said |= {
        "law": card.law.truth,
        "baseline": REFERENCE_VOLUME * float(np.exp(value["baseline"])),
        "reference": card.reference,
        "kill": by_label("kill", "agent"),
        "departure": by_label("departure", "combination"),
        "exposure": {agent: kind for agent, kind in kinds.items() if kind != EXPOSURE[LASTS].truth},
        "waning": by_label("waning", "waning_agent"),
        "onset": by_label("onset", "delayed_agent"),
        "spread": over_first("sd_growth"),
        "error_factor": over_first("error"),
    }
    for volume in said.keys() & {"small_tumour_error", "residual"}:
        said[volume] *= REFERENCE_VOLUME
    return Truth(**said)


def in_truths(card: ModelCard) -> bool:
    """Whether a simulated truth can have the card's growth law and its exposures."""
    return None not in {card.law.truth, *(EXPOSURE[word].truth for word in card.words("exposure"))}


def _growth_findings(card: ModelCard, truth: Truth) -> Iterable[str]:
    law = truth.law if card.law.own_curves else card.law.truth
    if law is None:
        yield f"no truth has the law {card.growth}, which the card {card.name} claims. Use another card."
    elif truth.law != law:
        yield f'law = "{truth.law}", and the card {card.name} claims {card.growth} growth. Set law = "{law}".'


def _exposure_findings(card: ModelCard, truth: Truth, arms: Sequence[Arm]) -> Iterable[str]:
    for agent in dict.fromkeys(agent for arm in arms for agent in arm.agents):
        claimed = card.exposure
        if isinstance(claimed, dict):
            claimed = claimed.get(agent) or claimed.get("default", LASTS)
        kind, given = EXPOSURE[claimed], truth.exposure.get(agent, EXPOSURE[LASTS].truth)
        if kind.truth is None:
            yield f"no truth has the exposure {claimed}, which the card {card.name} claims. Use another card."
        elif given != kind.truth:
            key = quoted(agent)
            rate = "".join(f", and {name}.{key}" for name in kind.priors)
            yield (
                f"exposure.{key} is {given}, and the card {card.name} claims {claimed}. "
                f'Set exposure.{key} = "{claimed}"{rate}.'
            )


def _combination_findings(card: ModelCard, truth: Truth, arms: Sequence[Arm]) -> Iterable[str]:
    combinations = [arm.name for arm in arms if arm.is_combination]
    if combinations and not card.law.own_curves and truth.reference != card.reference:
        yield (
            f'reference = "{truth.reference}", and the card {card.name} claims {card.reference}. '
            f'Set reference = "{card.reference}".'
        )
    given = [truth.departure.get(name) for name in combinations]
    if card.departure == "none" and any(given):
        yield f'departure is not 0, and the card {card.name} claims departure = "none". Remove departure.'
    if card.departure == "estimated":
        for name, value in zip(combinations, given, strict=True):
            if value is None:
                yield f"the card {card.name} estimates a departure. Add departure.{quoted(name)}, 0 for none."
        if card.departure_by == "study" and len(set(given)) > 1:
            yield f"the departures differ, and the card {card.name} claims one for the study. Give them one value."


def _dose_findings(card: ModelCard, truth: Truth, arms: Sequence[Arm]) -> Iterable[str]:
    by_agent: dict[str, dict[float, Dosing]] = {}
    for dosing in (dosing for arm in arms for dosing in arm.dosings):
        if dosing.level is not None:
            by_agent.setdefault(dosing.agent, {})[dosing.level] = dosing
    for agent, levels in by_agent.items():
        if len(levels) < 2 or card.dose_effect == "free":
            continue
        dose = np.array(sorted(levels))
        kill = np.array([truth.kill[kill_key(levels[level], truth)] for level in sorted(levels)])
        power = 1.0 if card.dose_effect == "linear" else _power(dose, kill)
        if not np.allclose(kill, kill[-1] * (dose / dose[-1]) ** power, rtol=1e-6, atol=0):
            how = "in proportion to its dose" if card.dose_effect == "linear" else "as a power of its dose"
            yield f"the kill rates of {agent} do not rise {how}, as the card {card.name} claims. Change kill."


def _power(dose: np.ndarray, kill: np.ndarray) -> float:
    """The power that the smallest and the largest dose imply; not a number where their kills differ in sign."""
    ratio = kill[0] / kill[-1] if kill[-1] else np.nan
    return float(np.log(ratio) / np.log(dose[0] / dose[-1])) if ratio > 0 else np.nan


def _animal_findings(card: ModelCard, truth: Truth) -> Iterable[str]:
    for what, (name,) in ((word.name, word.priors) for word in VARIES.values()):
        varies, given = what in card.varies, getattr(truth, name) > 0
        if varies and not given:
            yield f"the card {card.name} claims that animals vary in {what}. Add {name}."
        if given and not varies:
            yield f"{name} is not 0, and the card {card.name} claims no such variation. Remove {name}."
    if truth.correlation and not set(CORRELATED) <= set(card.varies):
        yield f"correlation is not 0, and the card {card.name} has none. Remove correlation."
    if truth.spread and card.spread != "arm":
        yield f"spread differs between arms, and the card {card.name} claims that it does not. Remove spread."
    if truth.mouse_share > 0 and "mouse_share" not in card.priors:
        yield f"mouse_share is not 0, and the card {card.name} has no prior of it. Remove mouse_share."
    if truth.responder_share > 0:
        yield "no card claims a share of responders. Remove responder_share and responder_factor."


def _panel_findings(card: ModelCard, truth: Truth) -> Iterable[str]:
    if card.panel != (truth.panel is not None):
        remedy = "Add [panel]" if card.panel else "Remove panel"
        yield f"the card {card.name} is for {'a panel' if card.panel else 'one study'}. {remedy}."
    if truth.panel is None or not card.panel:
        return
    if card.departure == "none" and any(truth.panel.sd_departure.values()):
        yield f'panel.sd_departure is not 0, and the card {card.name} claims departure = "none". Remove it.'
    for name, one in truth.panel.moderators.items() if not card.moderators else ():
        if any((*one.slope_kill.values(), *one.slope_departure.values())):
            yield f"panel.moderators.{quoted(name)} has slopes, and the card {card.name} claims none. Remove them."


def _reading_findings(card: ModelCard, truth: Truth) -> Iterable[str]:
    student = "degrees_of_freedom" in ERROR[card.error].priors
    if student and truth.degrees_of_freedom is None:
        yield f"the card {card.name} claims Student errors. Add degrees_of_freedom."
    if not student and truth.degrees_of_freedom is not None:
        yield f"degrees_of_freedom is given, and the card {card.name} claims normal errors. Remove it."
    if card.error_small and not truth.small_tumour_error:
        yield f"the card {card.name} claims a larger error of small tumours. Add small_tumour_error."
    if truth.small_tumour_error and not card.error_small:
        yield f"small_tumour_error is not 0, and the card {card.name} claims no such error. Remove it."
    if truth.error_factor and card.spread != "arm":
        yield f"error_factor differs between arms, and the card {card.name} claims one error. Remove error_factor."
    if card.residual and not truth.residual:
        yield f"the card {card.name} claims a residual. Add residual."
    if truth.residual and not card.residual:
        yield f"residual is not 0, and the card {card.name} claims none. Remove it."
    if truth.outlier_share > 0:
        yield "no card claims a share of outlying readings. Remove outlier_share and outlier_factor."
    if not truth.error:
        yield f"error is 0, and the card {card.name} claims that readings vary. Add error."
