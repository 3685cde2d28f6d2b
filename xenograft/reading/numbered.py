"""Headings that differ only in a last number are animals of one arm: "Vehicle_1", "Vehicle_2", … (docs/prism.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from xenograft.reading.summaries import summaries_among

_LAST_NUMBER = re.compile(
    r"(?P<arm>.*\S)\s*(?:_|:Y|\.|-|\s#|\s*#|\s(?:m|mouse|animal|rep|y)\s*\.?)\s*(?P<number>\d{1,3})", re.I
)
FEWEST = 3
"""Fewer headings with the same beginning may be two doses of an agent."""
MISSING = 2
"""Numbers that may be absent, of animals that were never measured; more of them look like doses."""


def arms_of_headings(headings: Sequence[str]) -> dict[str, str]:
    """The arm of each heading, where all headings are arms with a last number.

    Parameters
    ----------
    headings : sequence of str
        "Vehicle_1", "Vehicle-1", "Vehicle:Y1", "Vehicle #1", "Vehicle m1"; also "Vehicle", "Vehicle.1", as pandas
        numbers headings that repeat.

    Returns
    -------
    dict of str to str
        Heading to arm; empty unless there are two arms or more, each with at least `FEWEST` headings that count its
        animals: other numbers are doses, or groups.
    """
    parted = {heading: _LAST_NUMBER.fullmatch(heading.strip()) for heading in headings}
    arms = {heading: found["arm"].strip() if found else heading.strip() for heading, found in parted.items()}
    numbers: dict[str, list[int]] = {}
    for heading, found in parted.items():
        numbers.setdefault(arms[heading], []).append(int(found["number"]) if found else 0)
    fits = len(parted) == len(headings) and len(numbers) >= 2 and all(map(_counts, numbers.values()))
    return arms if fits else {}


def without_their_summaries(headings: Sequence[str]) -> list[str]:
    """The headings without those that sum an arm up ("Vehicle mean" beside "Vehicle_1")."""
    parted = [_LAST_NUMBER.fullmatch(heading.strip()) for heading in headings]
    summaries = summaries_among(headings, {found["arm"].strip() for found in parted if found})
    return [heading for heading in headings if heading not in summaries]


def _counts(numbers: Sequence[int]) -> bool:
    """Whether numbers are those of the animals of an arm."""
    first, last = min(numbers), max(numbers)
    return (
        len(set(numbers)) == len(numbers) >= FEWEST
        and first <= 1 + MISSING
        and last - first + 1 - len(numbers) <= MISSING
    )


def as_animals(arms: Mapping[str, str]) -> str:
    """The sentence that says which headings were read so."""
    first = next(iter(arms.values()))
    shown = [heading for heading, arm in arms.items() if arm == first][:2]
    return f'headings that differ in a last number ("{shown[0]}", "{shown[1]}") are animals of one arm'
