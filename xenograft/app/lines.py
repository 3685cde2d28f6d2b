"""Lines of study.toml, changed one by one: every choice on a page is a line that a person can read; comments stay."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.toml_document import TOMLDocument

from xenograft.errors import InputError, quoted
from xenograft.reading.folder import number_text

ASKED, ANSWERED = "# asked: ", "# answered: "


def parsed(text: str) -> dict[str, Any]:
    """What a study.toml says, empty while it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def with_value(text: str, path: Sequence[str], value: Any) -> str:
    """The text with a key set; None takes it out. Tables on the way are made where they are missing."""
    document = tomlkit.parse(text)
    place: Any = document
    for name in path[:-1]:
        if name not in place:
            if value is None:
                return text
            place[name] = tomlkit.table()
        place = place[name]
    if value is None:
        if path[-1] in place:
            del place[path[-1]]
    elif path[-1] not in place or place[path[-1]] != value:
        place[path[-1]] = _item(value)
    for name in path[:-1]:
        if not document.get(name):
            document.remove(name)
    return _dumped(document)


def with_difference(text: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The text with what differs between two drafts, so that an answer changes its own lines only."""
    for key in dict.fromkeys([*before, *after]):
        if key == "arms":
            for name, arm in after.get("arms", {}).items():
                if before.get("arms", {}).get(name) != arm:
                    text = with_arm(text, name, arm)
        elif before.get(key) != after.get(key):
            text = with_value(text, [key], after.get(key))
    return text


def with_arm(text: str, name: str, arm: Mapping[str, Any]) -> str:
    """The text with what an arm gets: `control`, `ignore`, and `agents` by name (dose, unit, days or start, ends)."""
    document = tomlkit.parse(text)
    if "arms" not in document:
        document["arms"] = tomlkit.table(is_super_table=True)
    table = tomlkit.table()
    for key in ("control", "ignore"):
        if arm.get(key):
            table.append(key, tomlkit.item(True))
    for agent, dosing in arm.get("agents", {}).items():
        table.append(tomlkit.key(["agents", agent]), _inline(dosing))
    table.add(tomlkit.nl())
    arms: Any = document["arms"]
    arms[name] = table
    return _dumped(document)


def with_exclusion(
    text: str, animal: str, day: float | None, reason: str, *, arm: str | None = None, tumour: str | None = None
) -> str:
    """The text with one more entry of `exclude`: a reading of a day, or all of an animal's."""
    if not reason.strip():
        raise InputError("Why is this reading left out? Say it in a few words: the report shows them.")
    entry: dict[str, Any] = {"animal": animal}
    entry |= ({"arm": arm} if arm else {}) | ({"tumour": tumour} if tumour else {})
    entry |= {} if day is None else {"day": _number(day)}
    entry["reason"] = reason.strip()
    return _with_exclusions(text, [*exclusions(text), entry])


def without_exclusion(text: str, place: int) -> str:
    """The text without one of the entries of `exclude`."""
    return _with_exclusions(text, [entry for number, entry in enumerate(exclusions(text)) if number != place])


def exclusions(text: str) -> list[dict[str, Any]]:
    """The entries of `exclude`, in order."""
    return [dict(entry) for entry in parsed(text).get("exclude", []) if isinstance(entry, dict)]


def with_answer(text: str, question: str, answer: str) -> str:
    """The text with a question of `check` and its answer as two comments before everything; without, where empty."""
    lines = text.splitlines()
    at = next((number for number, line in enumerate(lines) if line == f"{ASKED}{_one_line(question)}"), None)
    if at is not None:
        del lines[at : at + 2]
    if answer.strip():
        lines[:0] = [f"{ASKED}{_one_line(question)}", f"{ANSWERED}{_one_line(answer)}"]
    return "\n".join([*lines, ""])


def answers(text: str) -> dict[str, str]:
    """Answers by question, from the comments of `with_answer`."""
    lines = text.splitlines()
    return {
        line.removeprefix(ASKED): following.removeprefix(ANSWERED)
        for line, following in itertools.pairwise(lines)
        if line.startswith(ASKED) and following.startswith(ANSWERED)
    }


def days_text(days: Any) -> str:
    """Dosing days as a person types them: "0, 7, 14", or "0 every 7, 6 times"."""
    if isinstance(days, Mapping):
        return f"{days.get('from'):g} every {days.get('every'):g}, {days.get('times'):g} times"
    return ", ".join(number_text(float(day)) for day in days or ())


def read_days(typed: str) -> list[float | int] | dict[str, float | int]:
    """Dosing days from what a person typed, as study.toml has them.

    Raises
    ------
    InputError
        No days.
    """
    number = r"([+-]?\d+(?:\.\d+)?)"
    if found := re.fullmatch(rf"\s*{number}\s+every\s+{number}\s*,?\s*(\d+)\s+times\s*", typed):
        first, every, times = found.groups()
        return {"from": _number(float(first)), "every": _number(float(every)), "times": int(times)}
    return _numbers(typed, "Write the days as 0, 7, 14, or as 0 every 7, 3 times.")


def doses_text(dose: Any) -> str:
    """One dose, or one for each dosing day, as a person types them."""
    if dose is None:
        return ""
    return ", ".join(number_text(float(one)) for one in (dose if isinstance(dose, list) else [dose]))


def read_doses(typed: str) -> float | int | list[float | int] | None:
    """A dose, or one for each dosing day, from what a person typed; None where nothing was.

    Raises
    ------
    InputError
        No numbers.
    """
    if not typed.strip():
        return None
    doses = _numbers(typed, "Write one number, or one for each dosing day: 30, 15, 15.")
    return doses[0] if len(doses) == 1 else doses


def _numbers(typed: str, remedy: str) -> list[float | int]:
    parts = [part for part in re.split(r"[,;\s]+", typed.strip()) if part]
    try:
        found = [_number(float(part)) for part in parts]
    except ValueError:
        found = []
    if not found:
        raise InputError(f"{quoted(typed)} is no list of numbers. {remedy}")
    return found


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def _item(value: Any) -> Any:
    return _inline(value) if isinstance(value, Mapping) else tomlkit.item(value)


def _inline(entries: Mapping[str, Any]) -> Any:
    table = tomlkit.inline_table()
    for key, value in entries.items():
        table.append(key, _item(value))
    return table


def _with_exclusions(text: str, entries: Iterable[Mapping[str, Any]]) -> str:
    listed = list(entries)
    document = tomlkit.parse(text)
    document.pop("exclude", None)
    text = _dumped(document)
    if not listed:
        return text
    array = tomlkit.array()
    for entry in listed:
        array.append(_inline(entry))
    document = tomlkit.parse(text)
    document["exclude"] = array.multiline(len(listed) > 1)
    return _dumped(document)


def _dumped(document: TOMLDocument) -> str:
    return re.sub(r"\n{3,}", "\n\n", tomlkit.dumps(document))


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
