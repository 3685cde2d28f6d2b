"""The first study.toml: what was guessed of a table, what was not, and the commented file that says so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from xenograft.reading.guess_arms import GuessedArm
from xenograft.study.folder import toml_text


@dataclass(frozen=True)
class Guess:
    """What a table seems to be.

    Parameters
    ----------
    keys : dict of str to str
        Keys of study.toml and their values in TOML.
    columns : dict of str to str
        Part to column, where the table's name is not ours.
    arms : tuple of GuessedArm
        In the order of the table.
    start : float
        The day written as first dosing day of every agent.
    guessed, open : tuple of str
        Sentences: what was guessed, and what the table cannot say.
    """

    keys: dict[str, str]
    columns: dict[str, str] = field(default_factory=dict[str, str])
    arms: tuple[GuessedArm, ...] = ()
    start: float = 0.0
    guessed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def toml_of_guess(guess: Guess) -> str:
    """The commented study.toml of a guess."""
    lines = ["# Written by xenograft init: correct what is marked CHECK, then run xenograft check."]
    lines += [f"{key} = {value}{_REMARKS.get(key, '')}" for key, value in guess.keys.items()]
    if "limit_of_quantification" not in guess.keys:
        lines.append("# limit_of_quantification = 16.0  # smallest volume that can be measured, if readings are at it")
    lines.append("# endpoint_volume = 2000.0")
    if guess.columns:
        lines += ["", "[columns]", *(f"{part} = {toml_text(name)}" for part, name in guess.columns.items())]
    for arm in guess.arms:
        lines += ["", f"[arms.{toml_text(arm.name)}]", *_arm_lines(arm, guess.start)]
    return "\n".join([*lines, ""])


_REMARKS = {
    "unit": "  # mm3, cm3, or any other text",
    "day_0": "  # CHECK: the date of day 0, usually of the first dose",
    "date_order": "  # CHECK",
}


def _arm_lines(arm: GuessedArm, start: float) -> list[str]:
    if arm.control:
        return ["control = true"]
    if not arm.agents:
        return [
            "# CHECK: is it the vehicle (control = true)? Else which agents does it get? Or ignore = true.",
            f'# agents."NAME" = {{ dose = 3.0, unit = "mg/kg", start = {start:g} }}',
        ]
    lines: list[str] = []
    for agent in arm.agents:
        dose = "" if agent.dose is None else f"dose = {agent.dose}, "
        dose += "" if agent.unit is None else f"unit = {toml_text(agent.unit)}, "
        lines.append(
            f"agents.{toml_text(agent.name)} = {{ {dose}start = {start:g} }}  # CHECK: days = [0, 7, 14] if known"
        )
    return lines


def said(guess: Guess, *sentences: str) -> Guess:
    """The guess, with sentences about what was guessed."""
    return replace(guess, guessed=(*guess.guessed, *sentences))


def asked(guess: Guess, *sentences: str) -> Guess:
    """The guess, with sentences about what only the laboratory knows."""
    return replace(guess, open=(*guess.open, *sentences))
