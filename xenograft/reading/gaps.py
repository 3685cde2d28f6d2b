"""What a study seems to lack: a reading, an animal in a count, an animal in an arm; and names unlike all others.

A row that was lost leaves no trace of its own; what stands around it may. See docs/study-files.md#what-check-asks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from xenograft.printing import listed
from xenograft.study.study import Study

MOST_GAPS = 2
"""More missing visits, or animals that leave early, than these are how the study was run, and no slip."""
FEWEST = 8
"""Animals from which on a count of them, or how their names are written, says something."""


def gap_questions(study: Study, names: Sequence[str]) -> Iterable[str]:
    """Questions about what seems to be missing.

    Parameters
    ----------
    study : Study
        As read.
    names : sequence of str
        The animals as the table writes them.
    """
    yield from _visits(study)
    yield from _counted(names)
    yield from _sizes(study)
    yield from _names_unlike(names)


def _visits(study: Study) -> Iterable[str]:
    """Animals without a reading on a day on which every other animal of the study that lived has one."""
    readings = study.readings
    last, first = readings.groupby("animal")["day"].max(), readings.groupby("animal")["day"].min()
    had = readings[["animal", "day"]].drop_duplicates()
    known = set(zip(had["animal"], had["day"], strict=True))
    lost: list[tuple[str, float]] = []
    for day in np.unique(readings["day"]):
        due = [str(animal) for animal in last.index if first[animal] < day < last[animal]]
        without = [animal for animal in due if (animal, day) not in known]
        if without and len(without) <= MOST_GAPS and len(due) >= 4 * len(without):
            lost += [(animal, float(day)) for animal in without]
    if 0 < len(lost) <= MOST_GAPS:
        shown = listed([f"{animal} on day {day:g}" for animal, day in lost])
        yield f"Only {shown} {'has' if len(lost) == 1 else 'have'} no reading between others: was a row left out?"
    yield from _left_alone(study)


def _left_alone(study: Study) -> Iterable[str]:
    """The only animals that leave before the last day, without a reason, with smaller tumours than some that stay."""
    animals = study.animals
    early = animals[(animals["last_day"] < animals["last_day"].max()) & animals["reason_left"].eq("")]
    if not 0 < len(early) <= MOST_GAPS or len(animals) < FEWEST:
        return
    for name, arm, day, volume in zip(early.index, early["arm"], early["last_day"], early["last_volume"], strict=True):
        own = study.readings[(study.readings["arm"] == arm) & (study.readings["day"] == day)]
        if own["volume"].max() > volume:
            yield (
                f"Animal {name} ({arm}) has no reading after day {day:g}, though larger tumours of its arm were "
                "measured on: was a row left out? Else say why it left (reason_left)."
            )


def _counted(names: Sequence[str]) -> Iterable[str]:
    """Numbers left out of a count that is otherwise whole: M01 to M20 without M13."""
    found = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    if len(names) < FEWEST or not all(found):
        return
    stems = {match[1] for match in found if match}
    numbers = sorted(int(match[2]) for match in found if match)
    if len(stems) != 1 or len(set(numbers)) < len(numbers):
        return
    start = 1 if numbers[0] <= 2 else numbers[0]
    lost = sorted(set(range(start, numbers[-1] + 1)) - set(numbers))
    if 0 < len(lost) <= MOST_GAPS:
        width = len(next(match[2] for match in found if match))
        shown = listed([f"{next(iter(stems))}{number:0{width}d}" for number in lost])
        yield (
            f"Animals are counted from {names[0]} on, without {shown}: "
            f"{'was it' if len(lost) == 1 else 'were they'} left out?"
        )


def _sizes(study: Study) -> Iterable[str]:
    """One arm with an animal less than all others, or with twice as many."""
    sizes = Counter(study.animals["arm"])
    if len(sizes) < 3:
        return
    usual, times = Counter(sizes.values()).most_common(1)[0]
    if times < len(sizes) - 1 or times < 2:
        return
    for arm, size in sizes.items():
        if size == usual - 1 and usual >= 3:
            yield f"Arm {arm} has {size} animals and every other arm {usual}: was one left out?"
        elif size == 2 * usual:
            yield f"Arm {arm} has {size} animals and every other arm {usual}: is it two arms?"


def _names_unlike(names: Sequence[str]) -> Iterable[str]:
    """One name written unlike all the others."""
    forms = {name: re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]+", "A", re.sub(r"\d", "9", name))) for name in names}
    often = Counter(forms.values())
    plain = [name for name in names if not re.search(r"\d", name)]
    if len(names) >= FEWEST and 1 < len(plain) <= 0.25 * len(names):
        yield f"Animals {listed(plain[:5])} have no number in their names, and the others have: are they animals?"
    odd = [name for name, form in forms.items() if often[form] == 1]
    if len(names) >= FEWEST and len(odd) == 1 and len(often) == 2:
        other = next(name for name in names if name != odd[0])
        yield f"Animal {odd[0]} is not written like the others ({other}, …): is it the same kind of name?"
