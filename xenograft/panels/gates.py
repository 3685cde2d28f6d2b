"""Gates of a panel: rules on the average model, a new one, the spread and a moderator (docs/panels.md#gates)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xenograft.errors import InputError, unknown_choice
from xenograft.evidence.gates import Gate, HealthGate
from xenograft.evidence.judging import GateOutcome, health_found, outcome
from xenograft.model.card import ModelCard
from xenograft.panels.panel import Panel

if TYPE_CHECKING:
    from xenograft.panels.analysis import PanelAnalysis


class _OfCombination(Gate):
    combination: str | None = None
    reference: Literal["bliss", "hsa"] = "bliss"


class AverageGate(_OfCombination):
    """The excess of the average model at the horizon: its probability, its median or an end of its 95 % interval.

    `probability` is that of an excess above 0, `beyond` above the margin, `opposite` as far below 0.
    """

    measure: Literal["probability", "beyond", "opposite", "median", "lower", "upper"] = "probability"


class NewModelGate(AverageGate):
    """The same of a model that was not tested."""


class SpreadGate(_OfCombination):
    """How much the excess differs between models: their sd in log units, or an end of its 95 % interval."""

    measure: Literal["median", "lower", "upper"] = "median"


class ModeratorGate(_OfCombination):
    """Whether the excess rises with a moderator: the probability, or the slope in log units per unit of it."""

    moderator: str
    measure: Literal["probability", "median", "lower", "upper"] = "probability"


KINDS: Mapping[str, type[Gate]] = {
    "health": HealthGate,
    "average": AverageGate,
    "new_model": NewModelGate,
    "spread": SpreadGate,
    "moderator": ModeratorGate,
}
"""Every kind of gate that a panel has."""


def check_panel_gates(path: str | Path, gates: Sequence[Gate], panel: Panel, cards: Mapping[str, ModelCard]) -> None:
    """Make sure, before anything is fitted, that everything the gates name is there.

    Parameters
    ----------
    path : str or Path
        Of the gates.toml, which starts each sentence.
    gates : sequence of Gate
        Of `KINDS`.
    panel : Panel
        Its combinations and moderators may be named.
    cards : mapping of str to ModelCard
        Those that will be fitted.

    Raises
    ------
    InputError
        With a sentence, and a suggestion, per unknown name.
    """
    problems: list[str] = []
    judged = [arm.name for arm in panel.judged]
    moderators = list(map(str, panel.moderators.columns))
    for gate in gates:
        place = f'{Path(path).name}, gate "{gate.name}"'
        if isinstance(gate, HealthGate) and gate.card not in (None, *cards):
            problems.append(unknown_choice(place, "card", gate.card, cards))
        if not isinstance(gate, _OfCombination):
            continue
        if not judged:
            problems.append(f"{place}: the panel has no combination whose agents some model gets alone. Remove it.")
        elif gate.combination is None and len(judged) > 1:
            problems.append(f'{place}: which combination? Name one with combination = "…": {", ".join(judged)}.')
        elif gate.combination not in (None, *judged):
            problems.append(unknown_choice(place, "combination", gate.combination, judged))
        if not isinstance(gate, ModeratorGate):
            continue
        if not moderators:
            problems.append(f"{place}: nothing was measured of the models (moderators.csv). Remove the gate.")
        elif gate.moderator not in moderators:
            problems.append(unknown_choice(place, "moderator", gate.moderator, moderators))
        elif not any(card.moderators and card.answers for card in cards.values()):
            problems.append(f"{place}: no fitted card has moderators. Add -m panel-exponential-moderators.")
    if problems:
        raise InputError(problems)


def judge_panel_gates(gates: Sequence[Gate], analysis: PanelAnalysis) -> tuple[GateOutcome, ...]:
    """Judge every gate on the numbers that results.json has.

    Parameters
    ----------
    gates : sequence of Gate
        Of `KINDS`.
    analysis : PanelAnalysis
        From `analyse_panel`.
    """
    return tuple(outcome(gate, *_found(gate, analysis)) for gate in gates)


def _found(gate: Gate, analysis: PanelAnalysis) -> tuple[float | None, str]:
    if isinstance(gate, HealthGate):
        return health_found(gate, {name: fit.health for name, fit in analysis.fits.items()})
    assert isinstance(gate, AverageGate | SpreadGate | ModeratorGate)
    combination = gate.combination or analysis.panel.judged[0].name
    answer = next(
        (
            one
            for one in analysis.results["answers"]
            if one["combination"] == combination and one["reference"] == gate.reference
        ),
        None,
    )
    if answer is None:
        return None, "no healthy card may answer"
    detail = f"{combination}, {gate.reference}, day {answer['day']:g}"
    if not isinstance(gate, ModeratorGate):
        return answer[gate.kind][gate.measure], detail
    rows = [one for one in answer["moderators"] if one["moderator"] == gate.moderator]
    if not rows:
        return None, "no healthy card with moderators may answer"
    found: dict[str, Any] = {**rows[0]["slope"], "probability": rows[0]["probability"]}
    return found[gate.measure], f"{detail}, {gate.moderator}"
