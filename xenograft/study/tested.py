"""Which agents were tested alone: only then is there a reference, and a combination can be judged against it."""

from __future__ import annotations

from xenograft.printing import listed
from xenograft.study.study import Arm, Dosing, Study


def untested(study: Study, combination: Arm) -> tuple[Dosing, ...]:
    """What a combination gives that no arm gives alone at that dose, on whatever days.

    The readings then tell what such an agent and its interaction do together and, how they share it, only the priors.
    """
    return tuple(dosing for dosing in combination.dosings if (dosing.agent, dosing.level) not in study.tested_alone)


def judged_combinations(study: Study) -> tuple[Arm, ...]:
    """The combinations all of whose agents were tested alone, in the order of the study."""
    return tuple(arm for arm in study.combinations if not untested(study, arm))


def unjudged_combinations(study: Study) -> tuple[Arm, ...]:
    """The combinations with an agent that was not tested alone, in the order of the study."""
    return tuple(arm for arm in study.combinations if untested(study, arm))


def why_not_judged(study: Study, combination: Arm) -> str:
    """Why a combination cannot be judged, for example "B alone was not tested"; empty where it can."""
    alone = {agent for agent, _ in study.tested_alone}
    names = [
        d.agent if d.agent not in alone else d.label() if d.level is not None else f"{d.agent} (no dose given)"
        for d in untested(study, combination)
    ]
    return f"{listed(names)} alone {'was' if len(names) == 1 else 'were'} not tested" if names else ""


def comparators(study: Study, combination: Arm) -> tuple[Arm, ...]:
    """The arms that a combination without a reference is compared with, the nearest first, the vehicle last.

    Those are the arms whose agents, at the same doses on the same days, are a part of its own, and not all of them a
    part of another such arm's.
    """
    parts = [arm for arm in study.arms if arm.dosings and set(arm.dosings) < set(combination.dosings)]
    nearest = [arm for arm in parts if not any(set(arm.dosings) < set(other.dosings) for other in parts)]
    return (*sorted(nearest, key=lambda arm: -len(arm.dosings)), study.control)


def compared_arms(study: Study) -> dict[str, tuple[str, ...]]:
    """For each combination that cannot be judged the names of its `comparators`."""
    return {arm.name: tuple(c.name for c in comparators(study, arm)) for arm in unjudged_combinations(study)}
