"""What a column of cages says, and what a careful reader would ask of it."""

from __future__ import annotations

from collections.abc import Iterable

from xenograft.printing import listed
from xenograft.reading.study_toml import counted
from xenograft.study.groups import cages_of, nested_in_arms
from xenograft.study.study import Study

MOST_IN_A_CAGE = 10
"""Mice that live in a cage are five or fewer nearly everywhere; rats two or three."""


def cage_notices(study: Study) -> Iterable[str]:
    """What was taken for a cage, and what the design then cannot tell apart."""
    cages = cages_of(study.animals)
    if not len(cages):
        return
    by_animal = study.fitted_readings.groupby("animal", sort=False)["cage"]
    moved = by_animal.agg(lambda column: column[column != ""].nunique() > 1)
    if moved.any():
        names = [str(name) for name in moved.index[moved]]
        yield f"{counted(len(names), 'animal')} moved to another cage ({listed(names[:5])}); the first cage counts."
    if not cages["cage"].duplicated().any():
        return
    number = counted(cages["cage"].nunique(), "cage")
    if study.group != "cage":
        yield f"{number} are not used: mice with several tumours are the level above a tumour."
    elif nested_in_arms(cages):
        yield (
            f"Animals live in {number}, and every cage is of one arm: arms differ by their cages too, and intervals "
            "hold as much of that as animals of one arm's cages show (cage_share)."
        )
    else:
        yield f"Animals live in {number}: what animals of a cage have in common is estimated (cage_share)."


def cage_questions(study: Study) -> Iterable[str]:
    """Cages of more animals than live in one: numbers that begin again in every arm."""
    cages = cages_of(study.animals)
    for cage, own in cages.groupby("cage", sort=False):
        if len(own) > MOST_IN_A_CAGE and own["arm"].nunique() > 1:
            yield (
                f"Cage {cage} holds {len(own)} animals of {own['arm'].nunique()} arms. Do cages begin again at 1 in "
                "every arm? Then give each a name of its own in the table."
            )
            return
