"""Arms of different studies that get the same: the same agents, under whatever names, at the same doses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from xenograft.errors import StudyError, quoted
from xenograft.panels.panel import since_first_dose
from xenograft.printing import few, listed
from xenograft.study.study import Arm, Dosing, Study

type Key = frozenset[tuple[str, float | None]]


@dataclass(frozen=True)
class Matched:
    """Studies whose arms and agents have common names.

    Parameters
    ----------
    studies : dict of str to Study
        By model.
    arms : tuple of Arm
        Of the panel, days since the first dose.
    first_dose : dict of str to float
        Day of the first dose by model, as recorded.
    notices : tuple of str
        What was taken for the same, and what was not.
    """

    studies: dict[str, Study]
    arms: tuple[Arm, ...]
    first_dose: dict[str, float]
    notices: tuple[str, ...]


def matched(
    studies: Mapping[str, Study],
    names: Mapping[str, Mapping[str, str]],
    *,
    alike: bool,
    place: str,
    first_dose: float | None = None,
) -> Matched:
    """Match the arms of studies by what they get.

    Parameters
    ----------
    studies : mapping of str to Study
        By model.
    names : mapping of str to mapping of str to str
        By model, what an agent is called in the panel, where it differs.
    alike : bool
        Whether all doses of an agent count as one.
    place : str
        Name of panel.toml, for sentences.
    first_dose : float, optional
        Of all models, where they stand in one table; else each model's own.
    """
    notices: list[str] = []
    problems = _unknown_names(studies, names, place)
    renamed, said = _agents(studies, names)
    notices += said
    if alike:
        relative = {agent for arms in renamed.values() for arm in arms for agent in arm.agents}
    else:
        relative, said = _without_doses(renamed)
        notices += said
    renamed = {m: [_with_relative(arm, relative) for arm in arms] for m, arms in renamed.items()}
    known: dict[Key, str] = {}
    firsts: dict[str, float] = {
        m: study.first_dose if first_dose is None else first_dose for m, study in studies.items()
    }
    panel: dict[str, Arm] = {}
    found: dict[str, Study] = {}
    for model, arms in renamed.items():
        own: dict[str, str] = {}
        taken: dict[Key, str] = {}
        kept: list[Arm] = []
        for arm in arms:
            key = _key(arm)
            if key in taken:
                problems.append(
                    f"{model}: the arms {quoted(taken[key])} and {quoted(arm.name)} get the same agents at the same "
                    "doses. Give one of them ignore = true in its study.toml."
                )
            taken[key] = arm.name
            name = known.setdefault(key, _free_name(arm, known.values()))
            panel.setdefault(name, since_first_dose(replace(arm, name=name), firsts[model]))
            own[arm.name] = name
            kept.append(replace(arm, name=name))
        study = studies[model]
        readings = study.readings.assign(arm=study.readings["arm"].map(own))
        found[model] = replace(study, arms=tuple(kept), readings=readings, primary=None)
    if problems:
        raise StudyError(problems)
    notices += _several_doses(renamed)
    order = sorted(panel.values(), key=lambda arm: (not arm.control, len(arm.dosings) > 1))
    return Matched(found, tuple(order), firsts, tuple(notices))


def _unknown_names(studies: Mapping[str, Study], names: Mapping[str, Mapping[str, str]], place: str) -> list[str]:
    agents = {agent for study in studies.values() for agent, _ in study.levels}
    asked = dict.fromkeys(name for own in names.values() for name in own)
    return [
        f"{place}: agents names {quoted(name)}, which no study gives ({few(sorted(agents), 6)}). Correct it."
        for name in asked
        if name not in agents
    ]


def _agents(
    studies: Mapping[str, Study], names: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, list[Arm]], list[str]]:
    """The arms with the panel's names of agents; spellings that differ in case, blanks or hyphens are one agent."""
    spelled: dict[str, str] = {}
    same: dict[str, set[str]] = {}
    found: dict[str, list[Arm]] = {}
    for model, study in studies.items():
        arms: list[Arm] = []
        for arm in study.arms:
            dosings: list[Dosing] = []
            for dosing in arm.dosings:
                told = names.get(model, {}).get(dosing.agent, dosing.agent)
                plain = re.sub(r"[\W_]+", "", told).casefold() or told
                name = spelled.setdefault(plain, told)
                if name != told:
                    same.setdefault(name, set()).add(told)
                dosings.append(replace(dosing, agent=name))
            arms.append(replace(arm, dosings=tuple(dosings)))
        found[model] = arms
    return found, [f"{listed(sorted(others))} is taken for {name}." for name, others in same.items()]


def _without_doses(renamed: Mapping[str, list[Arm]]) -> tuple[set[str], list[str]]:
    """Agents whose dose some studies do not say and the others agree on."""
    levels: dict[str, set[float | None]] = {}
    for arms in renamed.values():
        for arm in arms:
            for dosing in arm.dosings:
                levels.setdefault(dosing.agent, set()).add(dosing.level)
    some = {agent for agent, own in levels.items() if None in own and len(own) == 2}
    return some, [
        f"{agent}: some studies do not say the dose, which is taken for that of the others." for agent in sorted(some)
    ]


def _with_relative(arm: Arm, agents: set[str]) -> Arm:
    """The arm with the doses of some agents over their last, so that they count as one dose."""
    dosings = tuple(
        replace(
            d, unit=None, doses=tuple(x / d.doses[-1] for x in d.doses) if d.doses else (1.0,) * len(d.days),
        ) if d.agent in agents else d
        for d in arm.dosings
    )  # fmt: skip
    return replace(arm, dosings=dosings)


def _key(arm: Arm) -> Key:
    return frozenset((dosing.agent, dosing.level) for dosing in arm.dosings)


def _free_name(arm: Arm, taken: Iterable[str]) -> str:
    """The arm's own name, or what it gets where another arm is called so."""
    names = set(taken)
    if arm.name not in names:
        return arm.name
    told = " + ".join(dosing.label() for dosing in arm.dosings) or "vehicle"
    return told if told not in names else f"{told} ({len(names)})"


def _several_doses(renamed: Mapping[str, list[Arm]]) -> list[str]:
    levels: dict[str, dict[float | None, list[str]]] = {}
    for model, arms in renamed.items():
        for dosing in dict.fromkeys(d for arm in arms for d in arm.dosings):
            own = levels.setdefault(dosing.agent, {}).setdefault(dosing.level, [])
            if model not in own:
                own.append(model)
    return [
        f"{agent} is given at {listed([f'{level:g} ({few(models, 2)})' for level, models in own.items() if level])}, "
        'which count as different treatments; doses = "alike" in panel.toml counts them as one.'
        for agent, own in levels.items()
        if len(own) > 1
        and len({model for models in own.values() for model in models}) > 1
        and not any(set(models) == set(renamed) for models in own.values())
    ]
