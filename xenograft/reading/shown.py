"""What arrived: the first animals by day with their cells, and what was not used (`init`, `check`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xenograft.errors import quoted
from xenograft.reading.guess_columns import named_columns
from xenograft.reading.read import Arrival
from xenograft.reading.sheet import Sheet, letters
from xenograft.reading.study_toml import counted

FIRST_ANIMALS, FIRST_DAYS = 3, 6


@dataclass(frozen=True)
class Shown:
    """What of a table became what.

    Parameters
    ----------
    first : DataFrame of str
        The first animals (rows) by their first days (columns): the volume as read, and its cell in brackets.
    traces : tuple of str
        The first readings in words: "B2 → day 0, M01, 105.4".
    counts : tuple of str
        Sentences: cells with a number, readings made of them, columns and rows not used.
    """

    first: pd.DataFrame
    traces: tuple[str, ...]
    counts: tuple[str, ...]


def shown(arrival: Arrival) -> Shown:
    """What arrived of a table, short enough for a terminal.

    Parameters
    ----------
    arrival : Arrival
        From `read_arrival`.
    """
    readings = every_reading(arrival)
    return Shown(
        _first(readings),
        tuple(_trace(row) for _, row in readings.head(3).iterrows()),
        tuple(_counts(arrival, readings)),
    )


def every_reading(arrival: Arrival) -> pd.DataFrame:
    """Every reading with the cell that holds it.

    Returns
    -------
    DataFrame
        `cell`, `day`, `animal`, `arm`, `written` (as in the table), `volume` (as analysed, in the study's unit), in the
        order of the table.
    """
    rows = arrival.rows
    taken = rows[~rows["missing"] & ~rows["arm"].isin(arrival.file.ignored)]
    written = taken["written"] if "written" in taken else taken["volume"] if "volume" in taken else _lengths(taken)
    volume = taken["volume_number"].where(~taken["censored"], taken["limit_number"])
    below = np.where(taken["censored"], "≤ ", "")
    return pd.DataFrame(
        {
            "cell": taken["cell"] if "cell" in taken else taken.index.astype(str),
            "day": taken["day_number"],
            "animal": taken["animal"],
            "arm": taken["arm"],
            "written": written,
            "volume": [f"{mark}{number:.5g}" for mark, number in zip(below, volume, strict=True)],
        }
    )


def _lengths(rows: pd.DataFrame) -> pd.Series:
    parts = [part for part in ("length", "width", "height") if part in rows]
    return rows[parts].agg(" × ".join, axis=1)


def _trace(row: pd.Series) -> str:
    return f"{row['cell']} → day {row['day']:g}, {row['animal']}, {row['volume']}"


def _first(readings: pd.DataFrame) -> pd.DataFrame:
    animals = list(dict.fromkeys(readings["animal"]))[:FIRST_ANIMALS]
    own = readings[readings["animal"].isin(animals)].drop_duplicates(["animal", "day"])
    days = sorted(own["day"].unique())[:FIRST_DAYS]
    table = {"animal": animals}
    for day in days:
        of_day = own[own["day"] == day].set_index("animal")
        table[f"day {day:g}"] = [
            f"{of_day.at[animal, 'volume']} ({of_day.at[animal, 'cell']})" if animal in of_day.index else ""
            for animal in animals
        ]
    return pd.DataFrame(table)


def _counts(arrival: Arrival, readings: pd.DataFrame) -> list[str]:
    numbers = {sheet.place: _numbers(sheet) for sheet in arrival.sheets}
    total = sum(int(found.sum()) for found in numbers.values())
    measures = sum(part in arrival.rows for part in ("length", "width")) if "volume" not in arrival.rows else 1
    used = len(readings) * max(measures, 1)
    animals = counted(len(set(readings["animal"])), "animal")
    sentences = [
        f"{counted(total, 'cell')} with a number; {counted(len(readings), 'reading')} of {animals} made of {used} of "
        "them; "
        f"{max(total - used, 0)} left out (days, names and other columns)."
    ]
    unused = [line for sheet in arrival.sheets for line in _columns_without(arrival, sheet, numbers[sheet.place])]
    if unused:
        sentences.append(f"Columns of numbers that are no readings: {'; '.join(unused)}.")
    left = int((arrival.rows["missing"]).sum())
    if left:
        sentences.append(
            f"{counted(left, 'cell')} where a reading could be {'is' if left == 1 else 'are'} blank or a word."
        )
    if total and used < 0.2 * total:
        sentences.append(
            "Fewer than a fifth of the numbers became readings: is the right table, and its right part, read?"
        )
    return sentences


def _numbers(sheet: Sheet) -> np.ndarray:
    width = max(map(len, sheet.rows), default=0)
    pattern = re.compile(r"\s*[<≤]?\s*[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)\s*")
    return np.array(
        [[bool(pattern.fullmatch(text)) for text in row] + [False] * (width - len(row)) for row in sheet.rows]
    )


def _columns_without(arrival: Arrival, sheet: Sheet, numbers: np.ndarray) -> list[str]:
    """Columns with numbers in their cells of which no reading was made, by name, with what they seem to be."""
    if numbers.size == 0 or "cell" not in arrival.rows:
        return []
    cells = arrival.rows["cell"].astype(str)
    used = set(cells.str.extract(r"^([A-Z]+)\d+", expand=False).dropna())
    if not used:
        return []
    top = arrival.file.entry.header_row - 1
    header = [text.strip() for text in sheet.rows[top]] if top < len(sheet.rows) else []
    ours: Mapping[str, object] = arrival.file.entry.columns.model_dump()
    known = {name: part for part, name in ours.items() if isinstance(name, str)}
    guessed = {name: part for part, name in named_columns(header).parts.items()}
    found: list[str] = []
    for position in range(numbers.shape[1]):
        count = int(numbers[top + 1 :, position].sum())
        name = header[position] if position < len(header) else ""
        if not count or letters(position) in used or known.get(name) in arrival.rows:
            continue
        like = f", like {guessed[name]}" if name in guessed else ""
        found.append(f"{quoted(name) if name else 'column ' + letters(position)} ({counted(count, 'number')}{like})")
    return found[:8] + (["…"] if len(found) > 8 else [])
