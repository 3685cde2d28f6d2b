"""Columns of a sheet that look like volumes, days or starts of treatment and did not become them.

See docs/study-files.md#what-check-asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from xenograft.errors import quoted
from xenograft.reading.as_written import AsWritten, header_row
from xenograft.reading.formulas import formula_followed
from xenograft.reading.guess_columns import named_columns, says_nothing
from xenograft.reading.sheet import letters
from xenograft.reading.study_toml import counted
from xenograft.reading.times import date_in
from xenograft.study.study import Study

SHOWN = 5


def columns_not_used(raw: Sequence[AsWritten], study: Study) -> Iterable[str]:
    """Columns whose name says tumour volume, or the start of a treatment, and whose cells are not in the study."""
    volumes = np.unique(study.readings["volume"])
    scaled = np.concatenate([volumes, volumes / 1000.0])
    for cells in raw:
        row = header_row(cells)
        if row is None:
            continue
        header = cells.text[row].tolist()
        named = named_columns(header)
        likely = [name for name in (named.parts.get("volume"), *named.also.get("volume", ())) if name]
        shares: dict[str, float] = {}
        for name in likely:
            number = cells.number[row + 1 :, header.index(name)]
            number = number[np.isfinite(number)]
            if len(number) >= 3:
                shares[name] = float(np.mean(_among(number, scaled)))
        used = max(shares.values(), default=0.0)
        for name, share in shares.items():
            if share < 0.5 and used > 0.8:
                finding = f"the column {quoted(name)} also looks like volumes, and was not used"
                yield f"{cells.place}: {finding}. Is that right?"
            elif (
                share < 0.5
                and len(shares) == 1
                and "length" not in named.parts
                and study.unit == "mm3"
                and not _averaged(cells.number[row + 1 :, header.index(name)], study)
            ):
                yield (
                    f"{cells.place}: the numbers of the column {quoted(name)} are not the volumes that were read. "
                    "Is the right column used?"
                )
        yield from _unknown_columns(cells, row, header, {*likely, *named.repeated}, study)
        yield from _start_not_used(cells, row, header, named.parts, study)
        yield from _days_not_used(cells, row, named.parts, study)
        yield from _fates_not_used(cells, row, header, study)


def _averaged(numbers: np.ndarray, study: Study) -> bool:
    """Whether volumes are the geometric means of several numbers each: the mean of all logarithms is then the same."""
    measured = study.readings.loc[~study.readings["censored"], "volume"].to_numpy()
    numbers = numbers[np.isfinite(numbers) & (numbers > 0)]
    return len(numbers) > len(measured) and abs(np.log(numbers).mean() - np.log(measured).mean()) < 1e-6


def _unknown_columns(cells: AsWritten, row: int, header: Sequence[str], known: set[str], study: Study) -> Iterable[str]:
    """Columns of numbers as large as tumours under a word that says nothing of volumes, nor of anything else."""
    volumes, days = np.unique(study.readings["volume"]), np.unique(study.readings["day"])
    low, high = np.quantile(volumes, [0.05, 0.95])
    for position, name in enumerate(header):
        if not name or name in known or not says_nothing(name):
            continue
        number = cells.number[row + 1 :, position]
        number = number[np.isfinite(number)]
        different = len(np.unique(number))
        if different < 4 or len(number) < 0.5 * (len(cells.text) - row - 1) or set(number) <= set(days.tolist()):
            continue
        if np.mean(_among(number, volumes)) > 0.5 or _runs(number) or not low <= np.median(number) <= high:
            continue
        finding = f"the column {quoted(name)} holds numbers as large as the volumes, and was not used"
        yield f"{cells.place}: {finding}. Are they readings?"


def _runs(numbers: np.ndarray) -> bool:
    """Whether numbers count something: whole, each by one more than the one before."""
    return bool((np.diff(numbers) == 1).mean() > 0.8)


def _among(numbers: np.ndarray, known: np.ndarray) -> np.ndarray:
    known = np.sort(known)
    at = (
        np.clip(np.searchsorted(known, numbers), 1, len(known) - 1)
        if len(known) > 1
        else np.zeros(len(numbers), dtype=int)
    )
    near = np.minimum(np.abs(known[at] - numbers), np.abs(known[at - 1] - numbers))
    return near <= 1e-9 * np.maximum(np.abs(numbers), 1.0)


def _start_not_used(
    cells: AsWritten, row: int, header: Sequence[str], parts: dict[str, str], study: Study
) -> Iterable[str]:
    """A column with a date for each animal, from which days do not count: of a start, or under a word of no meaning."""
    if "day" not in parts:
        return
    day = header.index(parts["day"])
    once = study.readings.drop_duplicates("volume", keep=False)
    day_of = dict(zip(once["volume"], once["day"], strict=True))
    lines = [
        (line, when, day_of[known[0]])
        for line, numbers in zip(cells.text[row + 1 :], cells.number[row + 1 :], strict=True)
        for when in [_date(line[day])]
        for known in [[number for number in numbers.tolist() if number in day_of]]
        if when is not None and len(known) == 1
    ]
    for name in header:
        if not name or not (name == parts.get("start") or says_nothing(name)):
            continue
        own = [
            (begun, when, since) for line, when, since in lines for begun in [_date(line[header.index(name)])] if begun
        ]
        if len({begun for begun, _, _ in own}) < 2 or 2 * len(own) < len(lines):
            continue
        if any(since != (when - begun).days for begun, when, since in own):
            finding = f"the column {quoted(name)} has a date for each animal, and days do not count from it"
            remedy = f"Then write start = {quoted(name)} under [columns]"
            yield f"{cells.place}: {finding}. Should they? {remedy}."


def _days_not_used(cells: AsWritten, row: int, parts: dict[str, str], study: Study) -> Iterable[str]:
    """A column that is called day, whose numbers are not the days that were read, in whatever unit."""
    if "day" not in parts or "start" in parts or re.search(r"\d", parts["day"]):
        return
    number = np.unique(cells.number[row + 1 :, cells.text[row].tolist().index(parts["day"])])
    number = number[np.isfinite(number)]
    days = np.unique(study.readings["day"])
    if len(number) < 3:
        return
    for counted_so in (number, number / 24, number * 7):
        shifted = counted_so - counted_so[0] + days[0]
        if max(np.mean(_among(days, counted_so)), np.mean(_among(days, shifted))) > 0.5:
            return
    yield f"{cells.place}: the days that were read are not those of the column {quoted(parts['day'])}. Are they days?"


def _fates_not_used(cells: AsWritten, row: int, header: Sequence[str], study: Study) -> Iterable[str]:
    """A column of words that says which animals died or were killed, where no reason for leaving was read."""
    if study.animals["reason_left"].ne("").any():
        return
    for position, name in enumerate(header):
        below = cells.text[row + 1 :, position]
        if not name or np.isfinite(cells.number[row + 1 :, position]).mean() > 0.5:
            continue
        said = [text for text in below.tolist() if _FATE.fullmatch(text.lower())]
        if said:
            rows = counted(len(said), "row")
            finding = f"the column {quoted(name)} says {quoted(said[0])} ({rows}), and was not used"
            remedy = f"Is it why animals left? Then write reason_left = {quoted(name)} under [columns]"
            yield f"{cells.place}: {finding}. {remedy}."


_FATE = re.compile(
    r"(?:found )?dead|died|deceased|humane end ?-?point|moribund|found dead.*|removed(?: .*)?|"
    r"(?:was )?(?:sac|sac'?d|sacked|sacrificed|killed|culled|euthani[sz]ed|euth|terminated)(?: .*)?"
)


def _date(text: str) -> datetime | None:
    found = date_in(text)
    return None if found is None or found.order == "asked" else found.at(None, None)


def formula_questions(raw: Sequence[AsWritten]) -> Iterable[str]:
    for cells in raw:
        row = header_row(cells)
        if row is None:
            continue
        header = cells.text[row].tolist()
        parts = named_columns(header).parts
        if not {"length", "width"} <= set(parts):
            continue
        long, wide = (cells.number[row + 1 :, header.index(parts[part])] for part in ("length", "width"))
        both = np.isfinite(long) & np.isfinite(wide)
        if (wider := int((wide > long)[both].sum())) >= max(3, 0.5 * both.sum()):
            names = f"{quoted(parts['width'])} is above {quoted(parts['length'])}"
            yield f"{cells.place}: {names} in {wider} of {both.sum()} rows: did the two columns change places?"
        if "volume" not in parts:
            continue
        volume = cells.number[row + 1 :, header.index(parts["volume"])]
        if len(lost := np.nonzero(~np.isfinite(volume) & np.isfinite(long) & np.isfinite(wide))[0] + row + 2):
            shown = ", ".join(map(str, lost[:SHOWN])) + (", …" if len(lost) > SHOWN else "")
            finding = f"{counted(len(lost), 'row')} with a length and a width have no volume (row {shown})"
            yield f"{cells.place}: {finding}. Should it be computed from them? Then fill it in."
        found = formula_followed(long, wide, volume)
        if found is None or not found[1].any():
            continue
        rows = np.nonzero(found[1])[0] + row + 2
        column = letters(header.index(parts["volume"]))
        shown = ", ".join(f"{column}{number}" for number in rows[:SHOWN]) + (", …" if len(rows) > SHOWN else "")
        yield (
            f"{cells.place}: volumes follow {found[0]}, but not in {counted(len(rows), 'cell')} ({shown}): is a "
            "length or a volume "
            "misread there?"
        )
