"""Sheets with days down the first column and animals across: which rows name arms and animals (`xenograft init`)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from xenograft.reading.guess_columns import named_columns
from xenograft.reading.laid_out import LaidOut
from xenograft.reading.numbered import arms_of_headings, as_animals, without_their_summaries
from xenograft.reading.summaries import is_beside, summaries_among
from xenograft.reading.times import times_in

MOST_HEADER_ROWS = 4
_READING = re.compile(r"[<≤~+-]?\s*[\d.,]+(?:e[+-]?\d+)?\s*(?:[^\w\s]+|\(\w+\)|mm.*|cm.*|[x×].*)?", re.IGNORECASE)


def wide_by_animal(cells: Sequence[Sequence[str]], row: int) -> LaidOut | None:
    """Days down the first column and animals across: under a row of arms, of animals, or of both."""
    header = list(cells[row])
    if len([text for text in header[1:] if text]) < 2:
        return None
    block = _first_block(cells, row)
    for deep in range(1, min(MOST_HEADER_ROWS, len(block)) + 1):
        first = [line[0] for line in block[deep - 1 :]]
        summaries = summaries_among(first) | {text for text in first[1:] if is_beside(text)}
        if first[0] in summaries or not _days_going_down([text for text in first if text not in summaries]):
            continue
        if deep == 1 and _text_beyond(block[0]):
            continue
        rows = [header, *block[: deep - 1]]
        parts = _parts(rows)
        if parts is None:
            return None
        corner = next((line[0] for line in rows if line[0]), "")
        said = ["Wide by animal: one column per animal."]
        if parts == ("numbered arm",):
            said.append(f"H{as_animals(_numbered_arms(header))[1:]}.")
        columns = {"day": corner} if corner else {}
        return LaidOut(row + 1, "wide by animal", parts, columns, named_columns(header), said=tuple(said))
    return None


def _first_block(cells: Sequence[Sequence[str]], row: int) -> list[list[str]]:
    """The rows below a header up to the next blank row, title or header; as wide as the header."""
    block: list[list[str]] = []
    for line in cells[row + 1 :]:
        filled = [text for text in line if text]
        if not filled and not block:
            continue
        ends = len(filled) == 1 and line[0] and not times_in([line[0]]).count
        if not filled or ends or (line[0] and line[0] == cells[row][0]):
            break
        block.append([*line, *[""] * (len(cells[row]) - len(line))])
    return block


def _parts(rows: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """What each row of the header says: by the word in its first cell, else the one that varies more is the animals."""
    if len(rows) == 1:
        return ("numbered arm",) if _numbered_arms(rows[0]) else ("arm",)
    words = [next(iter(set(named_columns([line[0]]).parts) & {"animal", "arm"}), "") for line in rows]
    if words.count("animal") == 1 and words.count("arm") == 1:
        return tuple(word or "ignore" for word in words)
    if len(rows) > 2:
        return None
    return ("animal", "arm") if len(set(rows[0][1:])) > len(set(rows[1][1:])) else ("arm", "animal")


def _numbered_arms(header: Sequence[str]) -> dict[str, str]:
    return arms_of_headings(without_their_summaries([text for text in header[1:] if text]))


def _text_beyond(row: Sequence[str]) -> bool:
    return sum(bool(text) and not _READING.fullmatch(text) for text in row[1:]) > len(row[1:]) / 2


def _days_going_down(texts: Sequence[str]) -> bool:
    words = [text for text in texts if text]
    if len(words) < 2 or len(set(words)) < len(words):
        return False
    times = times_in(words)
    if times.visits or times.count < len(words):
        return False
    if times.dates:
        return len(times.dates) == len(words)
    numbers = list(times.numbers.values())
    return all(earlier < later for earlier, later in itertools.pairwise(numbers))
