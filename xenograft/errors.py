"""What can go wrong, as sentences: place, finding, remedy.

XenograftError                 anything the package raises on purpose
├── InputError                 a file or argument the user can mend (exit code 2)
│   ├── StudyError             study.toml or its table
│   ├── CardError              a model card
│   └── FitFileError           a saved fit
└── NoHealthyFitError          no fit that may answer converged (exit code 3)
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

SHOWN = 10


class XenograftError(Exception):
    """Base of every error the package raises on purpose."""

    exit_code = 4


class InputError(XenograftError):
    """Something in the input that can be mended.

    Parameters
    ----------
    problems : sequence of str
        One sentence per problem, all problems of the input; `str()` shows the first ten and counts the rest.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[str] | str) -> None:
        sentences = (problems,) if isinstance(problems, str) else problems
        self.problems: tuple[str, ...] = tuple(map(_printable, sentences))
        hidden = len(self.problems) - SHOWN
        lines = [*self.problems[:SHOWN], *([f"… and {hidden} more."] if hidden > 0 else [])]
        super().__init__("\n".join(lines))


class StudyError(InputError):
    """A study.toml or its table cannot be used."""


class CardError(InputError):
    """A model card cannot be used."""


class FitFileError(InputError):
    """A file is not a fit saved by this package."""


class NoHealthyFitError(XenograftError):
    """No model that estimates the interaction could be fitted reliably."""

    exit_code = 3


def _printable(sentence: str) -> str:
    """A sentence in which names from the data can neither steer a terminal nor fill it."""
    shown = "".join(
        c
        if c == "\n" or unicodedata.category(c) not in _STEERING
        else c.encode("unicode_escape", "surrogatepass").decode()
        for c in sentence
    )
    return re.sub(r"\S{201,}", lambda long: f"{long[0][:100]}…", shown)


_STEERING = ("Cc", "Cf", "Cs", "Co")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion to append to a sentence, empty when nothing is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f' Did you mean "{close[0]}"?' if close else ""


def unknown_key(place: str, key: str, known: Iterable[str]) -> str:
    """The sentence for a key that a file may not contain."""
    known = list(known)
    suggestion = did_you_mean(key, known) or f" Known keys: {', '.join(known)}."
    return f'{place}: unknown key "{key}".{suggestion}'


def unknown_choice(place: str, key: str, value: object, choices: Iterable[str]) -> str:
    """The sentence for a value outside a closed vocabulary."""
    choices = list(choices)
    return f"{place}: {key} = {quoted(value)} is not one of {', '.join(choices)}.{did_you_mean(str(value), choices)}"


def not_available(place: str, what: str, remedy: str) -> str:
    """The sentence for a word of the vocabulary that no code stands behind yet."""
    return f"{place}: {what} is not available yet. {remedy}"


def missing_file(path: str | Path) -> str:
    """The sentence for a file that does not exist."""
    return f"{path}: there is no such file. Check the path."


def quoted(value: object) -> str:
    """A value as the file would show it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def problems_of(place: str, error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Sentences for everything pydantic found wrong with a TOML file.

    Parameters
    ----------
    place : str
        File name that starts each sentence.
    error : pydantic.ValidationError
        What pydantic raised.
    model : type of pydantic.BaseModel
        The schema, searched for the keys that would have been known.
    """
    return [_sentence(place, dict(found), model) for found in error.errors(include_url=False)]


_ASKED = {
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "string_too_short": "text of at least one character",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a table of keys",
    "model_type": "a table of keys",
}


def _sentence(place: str, found: Mapping[str, Any], model: type[BaseModel]) -> str:
    *parents, last = [str(part) for part in found["loc"]] or [""]
    where = ".".join([*parents, last])
    match found["type"]:
        case "extra_forbidden":
            inside = f"{place}, {'.'.join(parents)}" if parents else place
            return unknown_key(inside, last, _known_keys(model, parents))
        case "missing":
            return f'{place}: "{where}" is missing. Add it.'
        case "literal_error":
            choices = [choice.strip("'") for choice in found["ctx"]["expected"].replace(" or ", ", ").split(", ")]
            return unknown_choice(place, where, found["input"], choices)
        case "value_error":
            return f"{place}: {where + ': ' if where else ''}{found['ctx']['error']}"
        case _:
            asked = _ASKED.get(found["type"]) or found["msg"].removeprefix("Input should be ")
            return f"{place}: {where} is {quoted(found['input'])}; it must be {asked}."


def _known_keys(model: type[BaseModel], parents: Sequence[str]) -> list[str]:
    for parent in parents:
        field = model.model_fields.get(parent)
        nested = _models_in(field.annotation) if field else []
        if not nested:  # a free name below a table of tables (an arm, an agent): stay with the current schema
            continue
        model = nested[0]
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
