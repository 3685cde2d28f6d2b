"""The questions of a first study.toml, one by one, each with the guess as its default (`xenograft init --ask`)."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from xenograft.errors import InputError, quoted
from xenograft.files import toml_text
from xenograft.reading.folder import number_text
from xenograft.reading.guess_arms import GuessedArm, agent_of
from xenograft.reading.guess_study import Guess

_WHAT: dict[str, tuple[str, tuple[str, ...]]] = {
    "date_order": ("Which comes first in a date such as 3/4/2026", ("day first", "month first")),
    "time_unit": ("What do the times of the table count", ("hours", "weeks")),
    "clock": ("Are times of day left out, or fractions of days", ("whole days", "fractions")),
    "repeats": ("What are several readings of a tumour on a day", ("mean", "readings")),
}
_MARKS = ("keep", "exclude", "missing", "below limit")
_WORDS = ("missing", "below limit", "left")
NOTHING, LATER = "none", "?"


@dataclass(frozen=True)
class Question:
    """One question of `xenograft init --ask`.

    Parameters
    ----------
    text : str
        Without a question mark.
    default : str
        The guess.
    answered : callable
        From the guess and the answer to the guess with it.
    choices : tuple of str
        All that may be answered; empty where that is free.

    Raises
    ------
    InputError
        By `answered`: the answer cannot be what is asked for.
    """

    text: str
    default: str
    answered: Callable[[Guess, str], Guess]
    choices: tuple[str, ...] = ()


def interview(guess: Guess) -> Iterator[Question]:
    """What only the laboratory knows, in the order in which study.toml says it; sends nothing, changes nothing.

    Parameters
    ----------
    guess : Guess
        From `guess_study`; what its arms get is asked by `questions_of_arms`, when the control is known.
    """
    yield Question("What is the study called", _value(guess, "name"), _with_text("name"))
    yield Question("What unit are the volumes in (mm3, cm3, or any other)", _value(guess, "unit"), _with_text("unit"))
    if "day_0" in guess.keys:
        yield Question("Which date is day 0, usually that of the first dose", _value(guess, "day_0"), _with_day_0)
    for key, (text, choices) in _WHAT.items():
        if key in guess.keys:
            yield Question(f"{text} ({_either(choices)})", _value(guess, key), _with_choice(key, choices), choices)
    for key, choices in (("marks", _MARKS), ("words", _WORDS)):
        for text, meaning in _table(guess, key).items():
            yield Question(f"What does {text} mean ({_either(choices)})", meaning, _with_meaning(key, text, choices))
    limit = _value(guess, "limit_of_quantification") or NOTHING
    text = f"What is the smallest volume that can be measured ({NOTHING}: every reading is a measurement)"
    yield Question(text, limit, _with_limit)
    if guess.arms:
        control = next((arm.name for arm in guess.arms if arm.control), LATER)
        names = [*(arm.name for arm in guess.arms), LATER]
        yield Question(f"Which arm is the control ({_either(names)})", control, _with_control)


def questions_of_arms(guess: Guess) -> Iterator[Question]:
    """What every arm but the control gets ("?": to be written later), and when dosing begins."""
    for number, arm in enumerate(guess.arms):
        if not arm.control:
            text = (
                f'What does arm {quoted(arm.name)} get (agents with "+" between them and doses behind: A 3 mg/kg + B)'
            )
            yield Question(text, _agents_in_words(arm), _with_agents(number))
    yield Question("On which day does dosing begin", number_text(guess.start), _with_start)


def _either(choices: Sequence[str]) -> str:
    return ", ".join(choices[:-1]) + f" or {choices[-1]}" if len(choices) > 1 else choices[0]


def _value(guess: Guess, key: str) -> str:
    """What stands behind a key, as a person writes it."""
    written = guess.keys.get(key, "")
    return str(tomllib.loads(f"it = {written}")["it"]) if written else ""


def _table(guess: Guess, key: str) -> dict[str, str]:
    return tomllib.loads(f"it = {guess.keys[key]}")["it"] if key in guess.keys else {}


def _with_key(guess: Guess, key: str, value: str) -> Guess:
    return replace(guess, keys={**guess.keys, key: value})


def _with_text(key: str) -> Callable[[Guess, str], Guess]:
    return lambda guess, answer: _with_key(guess, key, toml_text(answer))


def _with_choice(key: str, choices: Sequence[str]) -> Callable[[Guess, str], Guess]:
    return lambda guess, answer: _with_key(guess, key, toml_text(_one_of(answer, choices)))


def _one_of(answer: str, choices: Sequence[str]) -> str:
    found = [choice for choice in choices if choice.lower().startswith(answer.lower())]
    exact = [choice for choice in choices if choice.lower() == answer.lower()]
    if len(exact or found) != 1:
        raise InputError(f"{quoted(answer)} is not one of {', '.join(choices)}.")
    return (exact or found)[0]


def _with_day_0(guess: Guess, answer: str) -> Guess:
    try:
        return _with_key(guess, "day_0", date.fromisoformat(answer).isoformat())
    except ValueError:
        raise InputError(f"{quoted(answer)} is no date. Write it as 2026-01-05.") from None


def _with_meaning(key: str, text: str, choices: Sequence[str]) -> Callable[[Guess, str], Guess]:
    def answered(guess: Guess, answer: str) -> Guess:
        reason = re.fullmatch(r"exclude: .+", answer)  # why a mark excludes a reading may be said at once
        meaning = answer if reason and "exclude" in choices else _one_of(answer, choices)
        table = _table(guess, key) | {text: meaning}
        written = ", ".join(f"{toml_text(word)} = {toml_text(meant)}" for word, meant in table.items())
        return _with_key(guess, key, f"{{ {written} }}")

    return answered


def _with_limit(guess: Guess, answer: str) -> Guess:
    if answer == NOTHING:
        return replace(
            guess, keys={key: value for key, value in guess.keys.items() if key != "limit_of_quantification"}
        )
    limit = _number(answer)
    if limit <= 0:
        raise InputError(f"{quoted(answer)} is no volume above 0.")
    return _with_key(guess, "limit_of_quantification", number_text(limit))


def _number(answer: str) -> float:
    try:
        number = float(answer)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{quoted(answer)} is no number.")
    return number


def _with_control(guess: Guess, answer: str) -> Guess:
    if answer == LATER:
        return guess
    name = _one_of(answer, [arm.name for arm in guess.arms])
    arms = tuple(
        replace(arm, control=arm.name == name, agents=() if arm.name == name else arm.agents) for arm in guess.arms
    )
    return replace(guess, arms=arms)


def _agents_in_words(arm: GuessedArm) -> str:
    if not arm.agents:
        return LATER
    doses = [f" {agent.dose:g} {agent.unit or ''}".rstrip() if agent.dose is not None else "" for agent in arm.agents]
    return " + ".join(f"{agent.name}{dose}" for agent, dose in zip(arm.agents, doses, strict=True))


def _with_agents(number: int) -> Callable[[Guess, str], Guess]:
    def answered(guess: Guess, answer: str) -> Guess:
        arm = guess.arms[number]
        if answer == _agents_in_words(arm):
            return guess
        agents = tuple(agent_of(part.strip()) for part in answer.split("+"))
        if not all(agent.name for agent in agents):
            raise InputError(f"{quoted(answer)} names no agent. Write for example DrugA 3 mg/kg + DrugB.")
        arms = [*guess.arms]
        arms[number] = replace(arm, agents=agents)
        return replace(guess, arms=tuple(arms))

    return answered


def _with_start(guess: Guess, answer: str) -> Guess:
    return replace(guess, start=_number(answer))
