"""What the days of a table seem to be: their unit, day 0, the order of day and month (`xenograft init`)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from xenograft.errors import quoted
from xenograft.reading.cells import FIRST_SERIAL, NUMBERS_SHOWN_AS_DATES
from xenograft.reading.guess_columns import says_another_date, unit_of_name
from xenograft.reading.times import IN_DAYS, Written, date_in, serial_date, times_in

LONGEST_GAP = timedelta(days=27)
"""Between two visits; the same day of the next month is further away, and is another order of day and month."""


@dataclass
class Finding:
    """Keys of study.toml with their values in TOML, sentences about what was guessed and what is asked."""

    keys: dict[str, str] = field(default_factory=dict[str, str])
    said: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])
    start: float | None = None


def times_guessed(texts: Sequence[str], name: str = "") -> Finding:
    """What headings, or the cells of the column of days, say about the keys of study.toml.

    Parameters
    ----------
    texts : sequence of str
        In the order written; blanks and repetitions do not matter.
    name : str
        Name of the column, which may name a unit ("Time (h)").
    """
    words = [text for text in dict.fromkeys(text.strip() for text in texts) if text]
    if (both := weeks_and_days(words)) is not None:
        return both
    found = Finding()
    times = times_in(words)
    dates = dict(times.dates)
    bare = {text: number for text, number in times.numbers.items() if re.fullmatch(r"\d{5,8}(?:\.\d+)?", text)}
    if bare and len(bare) == len(times.numbers) and min(bare.values()) >= FIRST_SERIAL:
        eight = {text: date_in(text) for text in bare}
        if all(eight.values()):
            dates |= {text: written for text, written in eight.items() if written}
        else:
            dates |= {text: _of_serial(number) for text, number in bare.items() if serial_date(number)}
    if dates and len(dates) >= len(times.numbers):
        return _with_dates(found, dates)
    if times.visits:
        found.asked.append(
            f"The days {_some(words)} are not understood (they number visits): say which day each is, "
            f"day_of = {{ {quoted(words[0])} = 0, … }}."
        )
        return found
    unit = (
        times.unit if times.unit not in (None, "days") else unit_of_name(name) if times.unit is None and name else None
    )
    if unit in IN_DAYS and unit != "days":
        found.keys["time_unit"] = f'"{unit}"'
        of = f'the column "{name}"' if times.unit is None else f"{_some(words)}"
        found.asked.append(f"Times are in {unit} ({of}): they were converted to days. Are they?")
    elif unit == "months":
        found.asked.append("Times are in months, which have no fixed length: write the days, or day_of = { … }.")
    numbers = [IN_DAYS.get(unit or "days", float)(number) for number in times.numbers.values()]
    if lost := [text for text in times.unread if re.search(r"[a-zA-Z]", text)][:3]:
        found.asked.append(
            f"{_some(lost)}: no day was found in it. Say which it is: day_of = {{ {quoted(lost[0])} = 0 }}."
        )
    start = 0.0 if not numbers or min(numbers) <= 0 < max(numbers) else float(min(numbers))
    found.start = start
    found.asked.append(f"The days of dosing: day {start:g} was written as the first of every agent.")
    return found


def weeks_and_days(texts: Sequence[str]) -> Finding | None:
    """What texts with a week and a day ("W1D3"; the first week is the lowest), or with a day or a week ("Week 2"), say.

    None for other texts.
    """
    parted = [re.fullmatch(r"w(?:ee)?k?\s*(\d+)[\s_.,:/-]*d(?:ay)?\s*(\d+)", text.strip(), re.I) for text in texts]
    pairs = [(int(found[1]), int(found[2])) for found in parted if found]
    if len(pairs) >= 2 and len(pairs) == len(texts):
        first = min(week for week, _ in pairs)
        told = {text: float(7 * (week - first) + day) for text, (week, day) in zip(texts, pairs, strict=True)}
        finding = "name a week and a day"
    elif told := _in_their_own_units(texts):
        finding = "are in several units"
    else:
        return None
    found = Finding(start=float(min(told.values())))
    found.keys["day_of"] = "{ " + ", ".join(f"{quoted(text)} = {day:g}" for text, day in told.items()) + " }"
    found.asked.append(
        f"{_some(texts)} {finding}: they were written as days ({quoted(texts[0])} is day {told[texts[0]]:g}, "
        f"{quoted(texts[-1])} is day {told[texts[-1]]:g}). Are they?"
    )
    found.asked.append(f"The days of dosing: day {found.start:g} was written as the first of every agent.")
    return found


def _in_their_own_units(texts: Sequence[str]) -> dict[str, float]:
    """Days of texts that each say a unit, not all the same ("Day 3", "Week 1"), if they ascend; else none."""
    told: dict[str, float] = {}
    units: set[str] = set()
    for text in texts:
        times = times_in([text])
        if times.unit is None or times.unit not in IN_DAYS or not times.numbers:
            return {}
        units.add(times.unit)
        told[text] = float(IN_DAYS[times.unit](times.numbers[text.strip()]))
    ascending = all(earlier < later for earlier, later in itertools.pairwise(told.values()))
    return told if len(units) > 1 and ascending else {}


def column_of_times(header: Sequence[str], below: Sequence[Sequence[str]], taken: Collection[str]) -> str | None:
    """The only column whose cells all are dates, or say a unit of time ("Day 4"); None where there is none, or two."""
    found: list[str] = []
    for position, name in enumerate(header):
        cells = list(dict.fromkeys(line[position] for line in below if position < len(line) and line[position]))
        if not name or name in taken or not 2 <= len(cells) <= 5_000 or says_another_date(name):
            continue
        times = times_in(cells[:200])
        if times.count == len(cells[:200]) and (times.unit is not None or len(times.dates) == times.count):
            found.append(name)
    return found[0] if len(found) == 1 else None


def _of_serial(number: float) -> Written:
    shown = serial_date(number)
    assert shown is not None
    clock = (shown - datetime.combine(shown.date(), datetime.min.time())) / timedelta(days=1)
    return Written(shown.year, shown.month, shown.day, clock=clock, has_clock=bool(clock))


def _with_dates(found: Finding, dates: dict[str, Written]) -> Finding:
    written = list(dates.values())
    order = _order(found, dates)
    year = None
    if any(one.year is None for one in written):
        year = date.today().year
        found.asked.append(f"The year of the dates: {year} was written in day_0.")
    near = date(year, 7, 1) if year else None
    if near is not None and (first := _moment(written[0], order, near)) is not None:
        near = first.date()
    found_moments = [one.at(order, near) for one in written]  # "2-Jan" after "22-Dec" is of the next year
    moments = [moment for moment in found_moments if moment is not None]
    if not moments and order is None and any(one.order == "asked" for one in written):
        return found
    if not moments:
        found.asked.append("The date of day 0: no date of the table is one of the calendar.")
        return found
    if min(moments).year <= NUMBERS_SHOWN_AS_DATES:
        found.asked.append(
            f"The days: the table has dates of {min(moments).year}, which are numbers that the sheet shows as dates. "
            "Format them as numbers in the sheet, save it, and run init again."
        )
        return found
    if any(one.clock for one in written):
        twice = len({moment.date() for moment in moments}) < len(moments) and _several_visits(dates)
        found.keys["clock"] = '"fractions"' if twice else '"whole days"'
        told = (
            "read as fractions of days: some dates have several times" if twice else "left out: whole days are counted"
        )
        found.said.append(f"Dates have a time of day, {told}.")
    found.keys["day_0"] = f"{min(moments):%Y-%m-%d}"
    fractions = found.keys.get("clock") == '"fractions"'
    first = min(moments)
    found.start = (
        (first - datetime.combine(first.date(), datetime.min.time())) / timedelta(days=1) if fractions else 0.0
    )
    question = "The date of day 0: the first date of the table was written, and every agent starts on day 0."
    found.asked.append(question)
    return found


def _moment(one: Written, order: str | None, near: date | None) -> datetime | None:
    if one.year is None and near is not None:
        one = Written(near.year, one.first, one.second, one.order, one.clock, one.has_clock)
    return one.at(order, near)


def _several_visits(dates: dict[str, Written]) -> bool:
    """Whether the dates of a study carry few times of day, so that these tell visits apart rather than animals."""
    clocks = {one.clock for one in dates.values()}
    return 2 <= len(clocks) <= 3 and 2 * len(clocks) <= len(dates)


def _order(found: Finding, dates: dict[str, Written]) -> str | None:
    asked = {text: one for text, one in dates.items() if one.order == "asked"}
    if not asked:
        return None
    day_first = any(one.first > 12 for one in asked.values())
    month_first = any(one.second > 12 for one in asked.values())
    if day_first and month_first:
        found.asked.append("Some dates have the day first, others the month: correct the table, then write date_order.")
    if not day_first and not month_first:
        likely = [order for order in ("day first", "month first") if _rises(list(asked.values()), order)]
        if all("." in text for text in asked):
            likely = ["day first"]
        if len(likely) != 1:
            found.asked.append("Whether dates have the day or the month first: write date_order.")
            return None
        month_first = likely == ["month first"]
        found.asked.append(f"Whether dates have the day or the month first: {likely[0].replace('_', ' ')} was written.")
    order = "month first" if month_first and not day_first else "day first"
    found.keys["date_order"] = f'"{order}"'
    return order


def _rises(dates: Sequence[Written], order: str) -> bool:
    """Whether dates ascend as written, without a gap that no laboratory leaves between two visits."""
    moments = [_moment(one, order, date(2025, 7, 1)) for one in dates]
    return all(
        a is not None and b is not None and timedelta(0) < b - a <= LONGEST_GAP for a, b in itertools.pairwise(moments)
    )


def _some(texts: Sequence[str]) -> str:
    return ", ".join(quoted(text) for text in texts[:3]) + (", …" if len(texts) > 3 else "")
