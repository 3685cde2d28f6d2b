"""Slips that happen to a sheet of a laboratory, made at random: one for each study of `lab_sheets`."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from lab_sheets import START, Lab

Rows = list[list[str]]


def _cells(lab: Lab) -> list[tuple[int, int]]:
    """Where the volumes stand: row and column from 0."""
    written = {f"{volume:g}" for volume in lab.volumes.values()}
    return [(i, j) for i, row in enumerate(lab.rows) for j, text in enumerate(row) if text in written]


def header_lost(lab: Lab, rng: random.Random) -> Rows:
    return lab.rows[1:]


def columns_swapped(lab: Lab, rng: random.Random) -> Rows:
    """The cells of two columns of readings (or of day and volume) change places, their headings stay."""
    width = len(lab.rows[0])
    first, second = rng.sample(range(max(width - 4, 0) if lab.layout == "long" else 1, width), 2)
    top = 2 if lab.layout == "wide by animal" else 1
    rows = [list(row) for row in lab.rows]
    for row in rows[top:]:
        if len(row) > max(first, second):
            row[first], row[second] = row[second], row[first]
    return rows


def block_shifted(lab: Lab, rng: random.Random) -> Rows:
    """The readings of one row move a cell to the right, those of a long table a row down."""
    rows = [list(row) for row in lab.rows]
    places = _cells(lab)
    if lab.layout == "long":
        at = rng.randrange(len(places) // 2)
        for (i, j), (before, _) in zip(reversed(places[at + 1 :]), reversed(places[at:-1]), strict=True):
            rows[i][j] = rows[before][j]
        rows[places[at][0]][places[at][1]] = ""
        return rows
    i = rng.choice(sorted({row for row, _ in places}))
    start = min(j for row, j in places if row == i)
    rows[i] = [*rows[i][:start], "", *rows[i][start:-1]]
    return rows


def unit_changed(lab: Lab, rng: random.Random) -> Rows:
    """The second half of the rows in cm³."""
    rows = [list(row) for row in lab.rows]
    places = _cells(lab)
    half = sorted({row for row, _ in places})[len({row for row, _ in places}) // 2 :]
    for i, j in places:
        if i in half:
            rows[i][j] = f"{float(rows[i][j]) / 1000:g}"
    return rows


def summary_added(lab: Lab, rng: random.Random) -> Rows:
    rows = [list(row) for row in lab.rows]
    word = rng.choice(("Mean", "SEM", "Average", "Median", "SD", "Total", "N"))
    at = rng.randrange(len(rows) // 2, len(rows) + 1)
    animal = 0
    filled = [
        word if j == animal else "" if lab.layout == "long" and j in (1, 2) else "123.4" for j in range(len(rows[0]))
    ]
    if lab.layout == "wide by day":
        filled[1] = rng.choice(("", "Vehicle"))
    rows.insert(at, filled)
    return rows


def dates_mixed(lab: Lab, rng: random.Random) -> Rows:
    """Half of the dates with the day first, half with the month first."""
    rows = [list(row) for row in lab.rows]
    said = {}
    for number, day in enumerate(lab.days):
        moment = START + timedelta(day)
        said[f"{moment.month}/{moment.day}/26"] = (
            f"{moment.day}/{moment.month}/26" if number % 2 else f"{moment.month}/{moment.day}/26"
        )
    return [[said.get(text, text) for text in row] for row in rows]


def decimal_lost(lab: Lab, rng: random.Random) -> Rows:
    rows = [list(row) for row in lab.rows]
    places = [(i, j) for i, j in _cells(lab) if "." in rows[i][j]]
    i, j = rng.choice(places)
    rows[i][j] = rows[i][j].replace(".", "")
    return rows


def row_repeated(lab: Lab, rng: random.Random) -> Rows:
    at = rng.randrange(2, len(lab.rows))
    return [*lab.rows[: at + 1], list(lab.rows[at]), *lab.rows[at + 1 :]]


def row_lost(lab: Lab, rng: random.Random) -> Rows:
    """A reading, or an animal, that nobody could miss who sees the sheet alone."""
    at = rng.randrange(2, len(lab.rows))
    return [*lab.rows[:at], *lab.rows[at + 1 :]]


def digits_swapped(lab: Lab, rng: random.Random) -> Rows:
    rows = [list(row) for row in lab.rows]
    i, j = rng.choice(_cells(lab))
    text = rows[i][j]
    rows[i][j] = text[1] + text[0] + text[2:] if len(text) > 2 and text[1].isdigit() else text
    return rows


def name_misspelled(lab: Lab, rng: random.Random) -> Rows:
    """One animal, where it is written, with another letter case or sign."""
    rows = [list(row) for row in lab.rows]
    places = [(i, j) for i, row in enumerate(rows) for j, text in enumerate(row) if text in {m for _, m in lab.animals}]
    i, j = rng.choice(places)
    rows[i][j] = rng.choice((rows[i][j].lower(), rows[i][j].replace("M", "M-"), rows[i][j].replace("M0", "M")))
    return rows


def heading_changed(lab: Lab, rng: random.Random) -> Rows:
    """One heading, or one day of the column, says nothing any more."""
    rows = [list(row) for row in lab.rows]
    i, j = (rng.randrange(2, len(rows)), 2) if lab.layout == "long" else (0, len(rows[0]) - 1)
    if lab.layout == "wide by animal":
        i, j = len(rows) - 1, 0
    rows[i][j] = rng.choice(("end", "?", "Final", "last day", ""))
    return rows


CORRUPTIONS: dict[str, Callable[[Lab, random.Random], Rows]] = {
    "the header row is lost": header_lost,
    "two columns are swapped, their headings not": columns_swapped,
    "a block is shifted by one cell": block_shifted,
    "half of the rows are in another unit": unit_changed,
    "a row of summaries is added": summary_added,
    "dates are half American, half European": dates_mixed,
    "a decimal point is lost": decimal_lost,
    "a row is there twice": row_repeated,
    "a row is lost": row_lost,
    "two digits are swapped": digits_swapped,
    "a name is written otherwise once": name_misspelled,
    "a heading or a day says nothing": heading_changed,
}


def corrupted(lab: Lab, kind: str, rng: random.Random) -> Lab:
    """The written study with one slip of this kind."""
    return replace(lab, rows=CORRUPTIONS[kind](lab, rng))
