"""A slip in a sheet is read right, refused or asked about; what passes unseen is counted and listed in the docs."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from corruptions import CORRUPTIONS, corrupted
from lab_sheets import LAYOUTS, NAMES, Lab, invented, save, written

from xenograft.errors import StudyError
from xenograft.reading.guess_study import guess_study, toml_of_guess
from xenograft.reading.read import read_arrival
from xenograft.reading.remarks import questions_about
from xenograft.reading.second_look import second_look
from xenograft.study.study import Study

HEADINGS = ("0", "Day 0", "Day_0", "D0", "0 dpi", "X0", "2026-01-05", "05-Jan-26", "1/5/26")
DOCS = Path(__file__).parents[1] / "docs" / "study-files.md"


def as_told(lab: Lab, folder: Path) -> tuple[Study | None, set[str]]:
    """The study as read, None where it is refused, and everything that is asked about it."""
    try:
        table = save(lab, folder)
        guess = guess_study(table)
        (folder / "study.toml").write_text(toml_of_guess(guess), encoding="utf-8")
        arrival = read_arrival(folder)
    except StudyError:
        return None, set()
    said = {*guess.open, *second_look(arrival.sheets, arrival.study), *questions_about(arrival.study)}
    return arrival.study, said | {
        notice for notice in arrival.study.notices if "left out" in notice or "without" in notice
    }


def curves(study: Study) -> Counter[object]:
    """The arms' curves whatever their animals are called: a name is a label, and what is read of it is the same."""
    values = study.readings[["arm", "day", "volume", "censored", "fitted"]]
    return Counter(
        tuple(values.loc[found.index].sort_values(["day", "volume"]).itertuples(index=False, name=None))
        for _, found in study.readings.groupby("animal")
    )


def fate(kind: str, seed: int) -> str:
    """What becomes of one slip: "read right", "refused", "asked about" or "unseen"."""
    rng = random.Random(f"{kind} {seed}")
    days = [0, *sorted(rng.sample(range(2, 26), rng.randint(4, 7)))]
    heading = "1/5/26" if kind.startswith("dates") else rng.choice(HEADINGS)
    lab = replace(
        invented(seed, days=days, animals=rng.randint(3, 6)), heading=heading, names=rng.choice(NAMES),
        layout=rng.choice([layout for layout in LAYOUTS if layout != "sheets"]),
    )  # fmt: skip
    lab = written(lab)
    with tempfile.TemporaryDirectory() as folder:
        study, after = as_told(corrupted(lab, kind, rng), Path(folder))
    if study is None:
        return "refused"
    with tempfile.TemporaryDirectory() as folder:
        clean, before = as_told(lab, Path(folder))
    assert clean is not None
    if curves(study) == curves(clean):
        return "read right"
    return "asked about" if after - before else "unseen"


def test_the_shorter_half_of_the_kinds_of_slips_never_passes_unseen() -> None:
    """A lost header, summaries, mixed dates and changed units are never read as something else."""
    never = ("the header row is lost", "a row of summaries is added", "half of the rows are in another unit")
    for kind in (*never, "dates are half American, half European"):
        found = [fate(kind, seed) for seed in range(3)]
        assert "unseen" not in found, (kind, found)


@pytest.mark.slow
def test_what_passes_unseen_of_two_thousand_slips_is_what_the_docs_list() -> None:
    told: dict[str, Counter[str]] = {kind: Counter() for kind in CORRUPTIONS}
    for number in range(2000):
        kind = list(CORRUPTIONS)[number % len(CORRUPTIONS)]
        told[kind][fate(kind, number)] += 1
    text = DOCS.read_text(encoding="utf-8").split("### What may pass unseen")[1]
    unseen = {kind: found["unseen"] for kind, found in told.items() if found["unseen"]}
    assert all(f"- {kind}: " in text for kind in unseen), told
    assert sum(unseen.values()) <= 2000 / 10, told
