"""How a sheet is laid out: which row is the header, and what headings and the cells below say (`xenograft init`)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

from xenograft.errors import quoted
from xenograft.reading.body import joined_names
from xenograft.reading.guess_across import wide_by_animal
from xenograft.reading.guess_columns import Named, named_columns
from xenograft.reading.guess_times import column_of_times, weeks_and_days
from xenograft.reading.headings import Heading, headings_of, is_moment, measure_said, side_said
from xenograft.reading.laid_out import LaidOut
from xenograft.reading.sheet import letters
from xenograft.reading.summaries import summaries_among
from xenograft.reading.times import Times, times_in

HEADER_ROWS = 30
_ROW_PARTS = ("animal", "arm", "cohort", "cage", "reason_left", "tumour", "start")


def laid_out(rows: Sequence[Sequence[str]]) -> LaidOut | None:
    """The layout of a sheet, None where no row looks like a header.

    A row of readings is never a header: that names the animal, the arm or the day, or its headings say days in words.

    Parameters
    ----------
    rows : sequence of sequences of str
        All cells of the sheet, the first row first.
    """
    cells = [[text.strip() for text in row] for row in rows]
    first = _named_row(cells)
    if first is not None:
        first = next((n for n in range(first) if _says_again(cells[first], cells[n])), first)
        return _under_names(cells, first)
    for position, row in enumerate(cells[:HEADER_ROWS]):
        found = _without_names(cells, position, row)
        if found is not None:
            return found
    return None


def _named_row(cells: Sequence[Sequence[str]]) -> int | None:
    """The row that names the most parts of a table, the first of several; names repeated below are no names."""
    best, most = None, 0
    for position, row in enumerate(cells[:HEADER_ROWS]):
        if sum(bool(text) for text in row) < 2 or _mostly_readings(row):
            continue
        parts = {
            part: name
            for part, name in named_columns(row).parts.items()
            if part in ("animal", "arm", "day", "volume", "length", "width")
            and not _repeated_below(cells, position, row.index(name))
        }
        worth = 2 * len(parts) + (1 if times_in(row).count > 1 or "day" in parts else 0)
        worth *= bool({"animal", "arm", "day"} & set(parts))
        if worth > most:
            best, most = position, worth
    return best


def _says_again(row: Sequence[str], earlier: Sequence[str]) -> bool:
    """Whether an earlier row is the same header, with another arm in its first cell."""
    return sum(bool(text) for text in earlier) > 2 and list(row[1:]) == list(earlier[1:])


def _mostly_readings(row: Sequence[str]) -> bool:
    """Whether a row holds numbers that do not ascend, or numbers with decimals: readings, not days."""
    numbers = [
        float(text)
        for text in row
        if re.fullmatch(r"-?\d+(?:[.,]\d+)?", text.replace(",", "."))
        for text in [text.replace(",", ".")]
    ]
    filled = [text for text in row if text]
    if len(numbers) < 2 or len(numbers) < len(filled) / 2:
        return False
    descends = any(later < earlier for earlier, later in itertools.pairwise(numbers))
    return descends or sum(number != int(number) for number in numbers) > len(numbers) / 2


def _repeated_below(cells: Sequence[Sequence[str]], row: int, column: int) -> bool:
    text = cells[row][column]
    below = [line[column] for line in cells[row + 1 : row + 4] if column < len(line)]
    return text in below


def _under_names(cells: Sequence[Sequence[str]], row: int) -> LaidOut | None:
    header = list(cells[row])
    below = cells[row + 1 :]
    second = list(below[0]) if below else []
    named = _with_arms_in_words(named_columns(header), header, below)
    parts = named.parts
    rowwise = {part: name for part, name in parts.items() if part in _ROW_PARTS}
    summaries = summaries_among(header)
    others = [j for j, text in enumerate(header) if text not in rowwise.values() and text not in summaries]
    said, times = headings_of([header[j] for j in others if header[j]])
    measured = "volume" in parts or {"length", "width"} <= set(parts) or bool(named.sides or named.repeated)
    days = [header[j] for j in others if header[j] in said]
    if parts.get("start") in said and len(said) > 1:
        rowwise.pop("start", None)
    if (two := _two_rows(cells, row, rowwise)) is not None:
        return two
    bare = times.unit is None and not times.dates
    if (
        len(days) >= 2
        and not (bare and not _ascending_numbers(days))
        and not ("day" in parts and _one_row_per_reading(below, header, parts))
        and _filled_with_readings(below, [header.index(d) for d in days])
    ):
        return _wide_by_day(cells, row, header, second, named, said, times, days, others)
    if measured and "day" in parts:
        found = _long(cells, row, named)
        return replace(found, parts=("name", "ignore")) if _units_only(second, header) else found
    if measured and "animal" in parts and (day := column_of_times(header, below, parts.values())) is not None:
        asked = f'day is "{day}", because all its cells say when.'
        found = _long(cells, row, replace(named, parts={**parts, "day": day}))
        return replace(found, asked=(*found.asked, asked))
    two = _second_row_of_days(header, second, below[1:], rowwise)
    if two is not None and "day" not in parts:
        words = {**_rowwise(second), **rowwise}
        said, times = headings_of(two)
        sentence = "Wide by day, under a header of two rows."
        return LaidOut(row + 1, "wide by day", ("name", "day"), words, named, tuple(two), times, (sentence,))
    padded = [*second, *[""] * (len(header) - len(second))][: len(header)]
    joined = joined_names([header, padded], ["name", "name"])
    under = named_columns(joined)
    if (not measured and "day" not in parts) or "animal" not in parts:
        by_animal = wide_by_animal(cells, row)
        if by_animal is not None:
            return by_animal
    if (
        not _has_numbers(second)
        and {"animal", "day"} <= set(under.parts)
        and ({"volume"} & set(under.parts) or {"length", "width"} <= set(under.parts))
    ):
        sentence = "Long: one row per reading, under a header of two rows."
        return LaidOut(row + 1, "long", ("name", "name"), _long_columns(under), under, said=(sentence,))
    if "day" in parts:
        by_animal = wide_by_animal(cells, row)
        if by_animal is not None:
            return by_animal
    numeric = [header[j] for j in others if header[j] and header[j] not in parts.values() and _mostly_numbers(below, j)]
    if len(numeric) >= 2 and "day" not in parts:
        return _not_understood(row, named, numeric)
    return LaidOut(row + 1, "long", (), _long_columns(named), named)


def _without_names(cells: Sequence[Sequence[str]], position: int, row: Sequence[str]) -> LaidOut | None:
    """A layout whose header names neither animal nor arm nor day: headings are days in words, or days go down."""
    if sum(bool(text) for text in row) < 2:
        return None
    summaries = summaries_among(row)
    times = times_in(text for text in row if text not in summaries)
    telling = times.unit is not None or len(times.dates) > 1 or times.visits
    below = cells[position + 1 :]
    if times.count > 1 and (telling or (not row[0] and _ascending_numbers([t for t in row if t in times.numbers]))):
        said, times = headings_of([text for text in row if text])
        days = [text for text in row if text in said]
        if _filled_with_readings(below, [list(row).index(day) for day in days]):
            named = named_columns(row)
            second = list(below[0]) if below else []
            return _wide_by_day(cells, position, list(row), second, named, said, times, days, range(len(row)))
    return wide_by_animal(cells, position)


def _wide_by_day(
    cells: Sequence[Sequence[str]],
    row: int, header: list[str], second: list[str], named: Named, said: dict[str, Heading], times: Times,
    days: Sequence[str], others: Sequence[int],
) -> LaidOut:  # fmt: skip
    parts: tuple[str, ...] = ()
    if _measures_or_sides([text for j, text in enumerate(second) if text and j in others]):
        parts = ("day", "measure")
    asked: list[str] = []
    if lost := [text for text in times.unread if is_moment(text)]:
        asked.append(f"Which day {_some(lost)} is: write day_of, for example day_of = {{ {quoted(lost[0])} = 0 }}.")
    shown = [said[day].when for day in days]
    if any(found.tumour for found in said.values()):
        asked.append("Left and right are taken for two tumours of one mouse.")
    sentences = ["Wide by day: one column per day."]
    if any(not re.fullmatch(r"-?\d+(?:\.\d+)?", day) for day in days):
        sentences.append(f"The headings {_some(days)} were understood.")
    if times.unit is None and any(re.match(r"t\b|t[\s=_]*\d|time", day.lower()) for day in days):
        asked.append(f"The headings {_some(days)}: they were taken for days.")
    found = LaidOut(
        row + 1, "wide by day", parts, _rowwise(header), named, tuple(shown), times, tuple(sentences), tuple(asked)
    )
    return _with_unnamed(cells, found)


def _units_only(second: Sequence[str], header: Sequence[str]) -> bool:
    """Whether the row below the names holds their units, and nothing else."""
    filled = [text for text in second if text]
    unit = r"[(\[]?\s*(?:days?|d|hours?|h|weeks?|mm|cm|(?:mm|cm)\s*\^?[32³²]|g|mg|µl|ul|mg/kg|%)\s*[)\]]?"
    return len(filled) > 1 and not second[0] and all(re.fullmatch(unit, text, re.IGNORECASE) for text in filled)


def _with_arms_in_words(named: Named, header: Sequence[str], below: Sequence[Sequence[str]]) -> Named:
    """The names with the column that has words for arms, where the best one has numbers only and another would do."""
    if "arm" not in named.parts or not _numbers_only(header, below, named.parts["arm"]):
        return named
    others = [text for text in header if text not in named.parts.values()]
    other = named_columns(others).parts.get("arm")
    if other is None or _numbers_only(header, below, other):
        return named
    return replace(named, parts={**named.parts, "arm": other})


def _numbers_only(header: Sequence[str], below: Sequence[Sequence[str]], name: str) -> bool:
    position = list(header).index(name)
    return all(re.fullmatch(r"\d*", line[position]) for line in below if position < len(line))


def _one_row_per_reading(below: Sequence[Sequence[str]], header: Sequence[str], parts: dict[str, str]) -> bool:
    """Whether animals stand in several rows, beside days: what looks like days in the header is something else then."""
    if "animal" not in parts or re.search(r"\d", parts["day"]):
        return False
    animals = [line[header.index(parts["animal"])] for line in below if len(line) == len(header)]
    return 2 * len({name for name in animals if name}) <= len([name for name in animals if name])


def _measures_or_sides(texts: Sequence[str]) -> bool:
    """Whether headings say nothing but what was measured, or nothing but left and right."""
    sides = {side_said(text) for text in texts}
    return bool(texts) and (all(map(measure_said, texts)) or (None not in sides and "right" in sides))


def _two_rows(cells: Sequence[Sequence[str]], row: int, rowwise: dict[str, str]) -> LaidOut | None:
    """Days and what was measured (or left and right) in two rows of which the lower names the animals."""
    above, header = list(cells[row - 1]), list(cells[row])
    beyond = [text for text in header if text and text not in rowwise.values()]
    upper = [text for text in above if text]
    repeated = len(beyond) > len(set(beyond)) > 1
    if row == 0 or len(set(upper)) < 2 or not repeated:
        return None
    if _measures_or_sides(beyond) and len(headings_of(upper)[0]) == len(upper):
        parts, days = ("day", "measure"), upper
    elif _measures_or_sides(upper) and len(headings_of(beyond)[0]) == len(set(beyond)):
        parts, days = ("measure", "day"), beyond
    else:
        return None
    said, times = headings_of(days)
    shown = [said[day].when for day in dict.fromkeys(days)]
    sentence = f"Wide by day, under two rows of {' and '.join(f'{part}s' for part in parts)}."
    return LaidOut(row, "wide by day", parts, rowwise, named_columns(header), tuple(shown), times, (sentence,))


def _long(cells: Sequence[Sequence[str]], row: int, named: Named) -> LaidOut:
    said, asked = ["Long: one row per reading."], []
    columns = _long_columns(named)
    if named.sides and "tumour" not in columns:
        sides = " and ".join(f'"{name}"' for name in named.sides.values())
        asked.append(f"{sides} are taken for two tumours of one mouse.")
    elif named.repeated:
        shown = ", ".join(f'"{name}"' for name in named.repeated)
        asked.append(f"{shown} are taken for repeated readings of one tumour, and not for tumours. Are they?")
    elif also := named.also.get("volume"):
        asked.append(f'volume is "{columns["volume"]}"; {_some(also)} also looks like it.')
    if "volume" in columns and {"length", "width"} <= set(named.parts):
        pair = f'"{named.parts["length"]}" and "{named.parts["width"]}"'
        said.append(f'volume is "{columns["volume"]}"; {pair} were used to check it only.')
    if also := named.also.get("day"):
        asked.append(f'day is "{columns["day"]}"; {_some(also)} also looks like it.')
    return _with_unnamed(cells, LaidOut(row + 1, "long", (), columns, named, said=tuple(said), asked=tuple(asked)))


def _with_unnamed(cells: Sequence[Sequence[str]], found: LaidOut) -> LaidOut:
    """The layout with a column without a name as the animals (and the arms), where no column is called so."""
    columns, header = dict(found.columns), cells[found.row - 1]
    below = cells[found.row :]
    unnamed = [j for j, text in enumerate(header) if not text and _is_text_or_ids(below, j)]
    lost = [part for part in ("animal", "arm") if part not in columns]
    if "animal" not in lost or not unnamed:
        return found
    counts = {j: len({line[j] for line in below if j < len(line)}) for j in unnamed}
    ranked = sorted(unnamed, key=lambda j: -counts[j])
    columns["animal"] = f"column {letters(ranked[0])}"
    if "arm" in lost and len(ranked) > 1:
        columns["arm"] = f"column {letters(ranked[1])}"
    asked = (*found.asked, f"The column {letters(ranked[0])} has no name: it was taken for the animals.")
    return replace(found, columns=columns, asked=asked)


def _is_text_or_ids(below: Sequence[Sequence[str]], position: int) -> bool:
    texts = [line[position] for line in below if position < len(line) and line[position]]
    return bool(texts) and not any(re.fullmatch(r"[+-]?\d*[.,]\d+", text) for text in texts)


def _long_columns(named: Named) -> dict[str, str]:
    columns = {part: name for part, name in named.parts.items() if part != "replicate"}
    if "volume" in columns or named.sides or named.repeated:
        columns = {part: name for part, name in columns.items() if part not in ("length", "width", "height")}
    return columns


def _rowwise(header: Sequence[str]) -> dict[str, str]:
    return {part: name for part, name in named_columns(header).parts.items() if part in _ROW_PARTS}


def _second_row_of_days(
    header: Sequence[str], second: Sequence[str], below: Sequence[Sequence[str]], rowwise: dict[str, str]
) -> list[str] | None:
    """Days in the row below a banner, which is mostly blank or repeated; no animal or arm stands beside them."""
    if not second or _mostly_readings(second):
        return None
    for j, text in enumerate(header):
        if text in rowwise.values() and j < len(second) and second[j]:
            return None
    beside = set(_rowwise(second).values())
    above = [text for text in header if text not in rowwise.values()]
    banner = [text for text in above if text]
    if len(banner) > len(above) / 2 and len(set(banner)) > len(banner) / 2:
        return None
    days = [
        text
        for j, text in enumerate(second)
        if text and text not in beside and (j >= len(header) or header[j] not in rowwise.values())
    ]
    said, times = headings_of(days)
    found = [text for text in days if text in said]
    if len(found) < 2 or (times.unit is None and not times.dates and not _ascending_numbers(found)):
        return None
    return found if _filled_with_readings(below, [list(second).index(day) for day in found]) else None


_WEIGHTS = r"\b(?:body ?weights?|weights?|bw|k[oö]rpergewicht|gewicht|poids)\b"


def row_of_weights(rows: Sequence[Sequence[str]], header_row: int) -> int | None:
    """Where a block of weights begins below the readings: its title, or a header with weights in it; None without.

    Parameters
    ----------
    rows : sequence of sequences of str
        All cells of the sheet.
    header_row : int
        The header of the readings, from 1.
    """
    header = [text.strip() for text in rows[header_row - 1]]
    if any(re.search(_WEIGHTS, text, flags=re.IGNORECASE) for text in header):
        return None
    for number, row in enumerate(rows[header_row:], start=header_row + 1):
        filled = [text.strip() for text in row if text.strip()]
        says = [text for text in filled if re.search(_WEIGHTS, text.replace("_", " "), flags=re.IGNORECASE)]
        if says and (len(filled) == 1 or (len(says) > 1 and filled[0] == next(text for text in header if text))):
            return number
    return None


def _not_understood(row: int, named: Named, headings: Sequence[str]) -> LaidOut:
    times = times_in(headings)
    why = "they number visits" if times.visits else "no day, date or week was found in them"
    question = (
        f"The headings {_some(headings)} are not understood as days ({why}): say which day each is, "
        f"day_of = {{ {quoted(headings[0])} = 0, … }}."
    )
    columns = {part: name for part, name in named.parts.items() if part in _ROW_PARTS}
    asked = () if weeks_and_days(headings) else (question,)
    return LaidOut(row + 1, "wide by day", (), columns, named, tuple(headings), times, asked=asked)


def _ascending_numbers(texts: Sequence[str]) -> bool:
    times = times_in(texts)
    numbers = list(times.numbers.values())
    rising = all(earlier < later for earlier, later in itertools.pairwise(numbers))
    return rising and len(numbers) == len(texts)


def _filled_with_readings(below: Sequence[Sequence[str]], positions: Sequence[int]) -> bool:
    """Whether numbers stand below at least half of the headings."""
    return sum(_mostly_numbers(below, j, least=0.0) for j in positions) >= len(positions) / 2


def _mostly_numbers(below: Sequence[Sequence[str]], position: int, least: float = 0.5) -> bool:
    texts = [line[position] for line in below if position < len(line) and line[position]]
    numeric = sum(re.match(r"[<+-]?\s*\d", text) is not None for text in texts)
    return bool(texts) and numeric > least * len(texts)


def _has_numbers(row: Sequence[str]) -> bool:
    return any(re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?", text) for text in row)


def _some(texts: Sequence[str]) -> str:
    return ", ".join(quoted(text) for text in texts[:3]) + (", …" if len(texts) > 3 else "")
