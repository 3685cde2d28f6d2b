"""Cells that are more than a number: a mark or unit behind it, or both diameters in one (docs/study-files.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xenograft.reading.cells import number_pattern

_MARK = (
    r"[*†‡§¶#^~?!°$&ª]+|\((?!(?:mm|cm|µl|ul)[³23]?\))[a-zA-Z*†‡§#][a-zA-Z ]{0,19}\)|"
    r"\[[a-zA-Z0-9*†‡§#]{1,2}\]|[¹²³⁴-⁹ᵃ-ᶜ]+"
)
_UNITS = {
    "mm3": r"(?:mm|cu\.? ?mm|cubic ?mm)\s*(?:\^?3|³)?",
    "cm3": r"(?:cm\s*(?:\^?3|³)|cc|ml)",
    "mm": r"mm",
}
_BY = r"\s*[x×X✕*]\s*"
MEANINGS_OF_MARKS = ("keep", "exclude", "missing", "below limit")


@dataclass(frozen=True)
class Plain:
    """What is left of cells that are no plain numbers.

    Parameters
    ----------
    text : dict of str to str
        Cell to the number in it, mark and unit taken off.
    marks : dict of str to str
        Cell to its mark, for cells whose mark the study explains.
    diameters : dict of str to tuple of str
        Cell to the lengths in it, the longest first ("9.6x12.1").
    """

    text: dict[str, str]
    marks: dict[str, str]
    diameters: dict[str, tuple[str, ...]]


def plain_cells(
    texts: Sequence[str], unit: str, decimal: str, marks: Mapping[str, str], *, units: bool = False
) -> Plain:
    """Cells of readings without their marks and units, as far as nothing about them is in doubt.

    Parameters
    ----------
    texts : sequence of str
        Cells that are no plain numbers.
    unit : {"mm3", "cm3", "mm"} or other text
        What is measured; a cell that names another unit is left as it is.
    decimal : {".", ","}
        The decimal sign.
    marks : mapping of str to str
        The marks that the study explains.
    units : bool
        The study says that cells carry their unit ("288 mm3").
    """
    found = Plain({}, {}, {})
    number = number_pattern(decimal)
    own = _UNITS.get(unit) if units else None
    for cell in texts:
        text = cell
        for mark in sorted(marks, key=len, reverse=True):
            if re.fullmatch(rf"{re.escape(mark)}\s*[<≤]?\s*{number}", text):
                text, found.marks[cell] = text[len(mark) :].strip(), mark
            elif text.endswith(mark) and re.match(rf"[<≤]?\s*{number}", text):
                text, found.marks[cell] = text[: -len(mark)].strip(), mark
            else:
                continue
            break
        if own and (with_unit := re.fullmatch(rf"([<≤]?\s*{number})\s*{own}", text, flags=re.IGNORECASE)):
            text = with_unit[1]
        if both := re.fullmatch(rf"({number})(?:\s*mm)?{_BY}({number})(?:\s*mm)?(?:{_BY}({number}))?\s*(?:mm)?", text):
            lengths = [length for length in both.groups() if length]
            if min(float(one.replace(decimal, ".")) for one in lengths) <= 0:
                continue
            found.diameters[cell] = tuple(sorted(lengths, key=lambda one: -float(one.replace(decimal, "."))))
        elif text != cell:
            found.text[cell] = text
    return found


def thousands(texts: Sequence[str], decimal: str) -> dict[str, str]:
    """Cells whose digits are grouped by blanks or apostrophes ("1 234,5", "1'234"), and the number in them.

    Commas and points between thousands are the decimal sign of somewhere else: such cells are refused. So is "120 130",
    which may be two numbers.

    Parameters
    ----------
    texts : sequence of str
        Cells that are no plain numbers.
    decimal : {".", ","}
        The decimal sign.
    """
    fraction = rf"{re.escape(decimal)}\d+"
    grouped = re.compile(
        rf"[<≤]?\s*[+-]?[1-9]\d{{0,2}}(?:(?:['’]\d{{3}})+(?:{fraction})?|(?:[ \u00a0\u202f]\d{{3}})+{fraction})"
    )
    return {text: re.sub(r"(?<=\d)[ '’\u00a0\u202f](?=\d)", "", text) for text in texts if grouped.fullmatch(text)}


def mark_of(text: str, decimal: str) -> str | None:
    """The mark behind or before a number ("68*", "~70", "12 (a)"), None where a cell is something else."""
    number = number_pattern(decimal)
    behind = re.fullmatch(rf"[<≤]?\s*{number}(?:\s*mm3)?\s*({_MARK})", text)
    before = re.fullmatch(rf"([~≈*†‡#?]+)\s*{number}", text)
    found = behind or before
    return None if found is None else found[1]


def begins_with_a_number(text: str) -> bool:
    """Whether a cell has a number in front, so that it is never a word for a reading that was not taken."""
    return re.match(r"\s*[<>≤≥~≈+-]?\s*[.,]?\d", text) is not None
