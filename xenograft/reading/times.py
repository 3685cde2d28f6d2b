"""When readings were taken: what headings, or the cells of a column, say about days, weeks or dates."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

TimeUnit = Literal["days", "hours", "weeks", "months"]
IN_DAYS: Mapping[str, Callable[[float], float]] = {
    "days": lambda number: number,
    "hours": lambda number: number / 24,
    "weeks": lambda number: number * 7,
}
"""A number of a unit in days; months have no fixed length and are asked for."""

UNIT_WORDS: Mapping[TimeUnit, str] = {
    "days": r"days?|dys?|d|jours?|j|tage?|t(?=ag)|d[ií]as?|giorn[oi]|dagen|dag|dp[a-z]{1,2}|p\.?i\.?d|pnd",
    "hours": r"hours?|hrs?|h|hpi|hpt|stunden?|std",
    "weeks": r"weeks?|wks?|w|woche?n?|semaines?|semanas?|wpi|wpt",
    "months": r"months?|mos?|mths?|monate?|mois",
}
_FILLING = (
    r"study|exp(?:eriment)?|of|on|at|post|after|since|from|into|in|the|treatment|treated|tx|dosing|dose|rx|therapy|"
    r"implant(?:ation|ed)?|inoculation|inoc|injection|inj|inject|random(?:i[sz]ation)?|rand|graft(?:ing)?|"
    r"engraftment|transplant(?:ation)?|enrol?lment|staging|"
    r"cells?|first|1st|start|begin(?:ning)?|p\.?i|elapsed|relative|time|number|no|nr|#|each|"
    r"t(?:umou?r)?|tum|vol(?:ume)?s?|tv|mtv|size|measure(?:ment|d)?s?|reading|value|mm|mm3|mm2|cm3|cm|cc|cubic|calliper|caliper|"
    r"bli|flux|radiance|signal|x|p|i"
)
_MEASURES = r"(?:t(?:umou?r)?|tum|vol(?:ume)?s?|tv|mtv|size|measure(?:ment|d)?s?|reading|value|mm3?|cm3?|bli|flux)"
_VISITS = (
    r"v|visit|tp|time ?points?|timepoint|measurement|scan|m|session|cycle|c|run|obs|n|no|nr|point|read|rep|replicate|#"
)
_NUMBER = r"\d+(?:\.\d+)?"
_MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "jan january januar janvier janv enero ene gennaio", "feb february februar fevrier fevr febrero febbraio",
            "mar march marz maerz mrz mars marzo", "apr april avril avr abril abr aprile", "may mai mayo maggio mag",
            "jun june juni juin junio giugno giu", "jul july juli juillet juil julio luglio lug",
            "aug august aout agosto ago", "sep sept september septembre septiembre settembre",
            "oct october okt oktober octobre octubre ottobre", "nov november novembre noviembre",
            "dec december dez dezember decembre diciembre dicembre dic",
        ),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
_UNACCENTED = str.maketrans("áàäâéèêëíóôöúûüñç", "aaaaeeeeiooouuunc")
_CLOCK = (
    r"(?:(?:T|,?\s+)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?(?:Z|[+-]00:?00)?)?"
)
_DAY_NAME = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_DATES = (
    rf"(?P<year>\d{{4}})(?P<sep>[-/._])(?P<month>\d{{1,2}})(?P=sep)(?P<day>\d{{1,2}}){_CLOCK}",
    rf"(?P<year>(?:19|20)\d{{2}})(?P<month>[01]\d)(?P<day>[0-3]\d){_CLOCK}",
    rf"{_DAY_NAME}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[-\s/._]*(?:of\s+)?(?P<name>[a-z]{{3,10}})\.?,?(?:[-\s/._]*['’]?(?P<year>\d{{4}}|\d{{2}}))?{_CLOCK}",
    rf"{_DAY_NAME}(?P<name>[a-z]{{3,10}})\.?[-\s/._]*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:(?:,\s*|[-\s/._]+)['’]?(?P<year>\d{{4}}|\d{{2}}))?{_CLOCK}",
    rf"{_DAY_NAME}(?P<first>\d{{1,2}})(?P<sep>[-/._])(?P<other>\d{{1,2}})(?:(?P=sep)(?P<year>\d{{4}}|\d{{2}}))?(?P<dot>\.?){_CLOCK}",
)
_SERIALS = (36_526, 62_500)
"""Days since 30 December 1899 that a spreadsheet writes for the years 2000 to 2071."""


@dataclass(frozen=True)
class Written:
    """A date as it is written.

    Parameters
    ----------
    year : int or None
        None where it is not given ("5-Jan").
    first, second : int
        Day and month, in the order `order` says, as far as it is known.
    order : {"known", "asked"}
        "asked": the first may be the day or the month; else `first` is the month and `second` the day.
    clock : float
        Fraction of the day; 0 without a time.
    """

    year: int | None
    first: int
    second: int
    order: Literal["known", "asked"] = "known"
    clock: float = 0.0
    has_clock: bool = False

    def at(self, date_order: str | None, near: date | None) -> datetime | None:
        """The date, None where the calendar has no such day or something is left open.

        Parameters
        ----------
        date_order : {"day first", "month first"} or None
            Which number of a date such as 3/4/2024 is the day.
        near : date or None
            Day 0; a date without a year is the one from 60 days before it on.
        """
        month, day = self.first, self.second
        if self.order == "asked":
            if date_order is None:
                return None
            month, day = (self.second, self.first) if date_order == "day first" else (self.first, self.second)
        try:
            if self.year is not None:
                return datetime(self.year, month, day) + timedelta(days=self.clock)
            if near is None:
                return None
            for year in (near.year - 1, near.year, near.year + 1):
                found = date(year, month, day)
                if near - timedelta(days=60) <= found < near + timedelta(days=305):
                    return datetime(year, month, day) + timedelta(days=self.clock)
        except ValueError:
            return None
        return None


def date_in(text: str) -> Written | None:
    """A cell as a date, in whichever of the usual forms it is written; None where it is none."""
    plain = " ".join(text.strip().lower().split()).translate(_UNACCENTED)
    if not any(character.isdigit() for character in plain):
        return None
    for pattern in _DATES:
        found = re.fullmatch(pattern, plain, flags=re.ASCII | re.IGNORECASE)
        if found and (written := _written(found.groupdict())):
            return written
    return None


def date_said(text: str) -> Written | None:
    """The date of a heading or a cell, words before it taken off ("TV_2026-01-05"); None where it says none."""
    if (plain := date_in(text)) is not None:
        return plain
    found = _said(text)
    return None if found is None else found.date


def _written(said: dict[str, str | None]) -> Written | None:
    year = None if (digits := said.get("year")) is None else int(digits)
    if year is not None and year < 100:
        year += 2000 if year < 70 else 1900
    clock, hour = 0.0, said.get("hour")
    if hour is not None:
        hours = int(hour) % 12 + (12 if said["half"] == "p" else 0) if said.get("half") else int(hour)
        clock = (hours + int(said["minute"] or 0) / 60 + float(said["second"] or 0) / 3600) / 24
        if not clock < 1:
            return None
    timed = hour is not None
    if name := said.get("name"):
        month = _MONTHS.get(name)
        return None if month is None else Written(year, month, int(said["day"] or 0), clock=clock, has_clock=timed)
    if said.get("month"):
        return Written(year, int(said["month"] or 0), int(said["day"] or 0), clock=clock, has_clock=timed)
    first, second = int(said["first"] or 0), int(said["other"] or 0)
    if year is None and not (said["sep"] == "/" or (said["sep"] == "." and said.get("dot"))):
        return None  # 4-7 and 4.7 are no dates
    if said.get("dot") and (said["sep"] != "." or year is not None):
        return None
    if not (1 <= first <= 31 and 1 <= second <= 31 and min(first, second) <= 12):
        return None
    return Written(year, first, second, "asked", clock, timed)


def serial_date(number: float) -> datetime | None:
    """The date that a spreadsheet keeps as this number of days, None outside the years 2000 to 2071."""
    if not _SERIALS[0] <= number < _SERIALS[1]:
        return None
    return datetime(1899, 12, 30) + timedelta(days=float(number))


@dataclass(frozen=True)
class Times:
    """What headings, or the cells of a column, say about when a reading was taken.

    Parameters
    ----------
    numbers : dict of str to float
        Text to a number of `unit`, for the texts that say one.
    dates : dict of str to Written
        Text to a date, for the texts that are dates.
    unit : {"days", "hours", "weeks", "months"} or None
        The unit that the texts name, None where they are bare numbers or dates.
    visits : bool
        The texts number visits (T0, T1, V2): nothing is known of days.
    unread : tuple of str
        Texts with neither.
    """

    numbers: dict[str, float] = field(default_factory=dict[str, float])
    dates: dict[str, Written] = field(default_factory=dict[str, Written])
    unit: TimeUnit | None = None
    visits: bool = False
    unread: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many texts say when."""
        return len(self.numbers) + len(self.dates)


def times_in(texts: Iterable[str]) -> Times:
    """What a row of headings, or the cells of a column in the order written, say about time.

    Words for time and for a tumour's size are taken off: "Day_0", "TV_D4", "4 dpi", "Day 7 (mm3)", "Week 1", "X0" are
    times; "T0", "V1" and "Baseline" are not, unless "T" goes with numbers that no list of visits has (0, 4, 7).

    Parameters
    ----------
    texts : iterable of str
        Headings from left to right, or cells from above; repeated ones count once.
    """
    words = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    said = {text: _said(text) for text in words}
    kinds = {kind for found in said.values() if found for kind in [found.kind] if kind != "bare"}
    if len(kinds - {"date"}) > 1:  # "Day 4" and "Week 2" in one row
        return Times(unread=tuple(words))
    if kinds - {"date", "days", "t"} and any(found and found.kind == "bare" for found in said.values()):
        said = {text: found if found and found.kind in ("bare", "date") else None for text, found in said.items()}
        kinds -= {kind for kind in kinds if kind != "date"}  # "Week 1" among 0, 7 and 14 is a mistake
    dates = {text: found.date for text, found in said.items() if found and found.date is not None}
    bare = {text: found for text, found in said.items() if found and found.date is None}
    kind = next(iter(kinds - {"date"}), None)
    numbers = _signed(bare)
    visits = kind == "visit" or (kind == "t" and not _no_visits(list(numbers.values())))
    return Times(
        {} if visits else numbers,
        dates,
        unit=kind if kind in UNIT_WORDS else None,  # type: ignore[arg-type]
        visits=visits,
        unread=tuple(text for text in words if visits or (text not in numbers and text not in dates)),
    )


@dataclass(frozen=True)
class _Said:
    """One text: a date, or a number with the kind of its prefix and whether a sign or a separator stands before it."""

    kind: str
    number: float = 0.0
    doubt: bool = False
    doubled: bool = False
    date: Written | None = None


@lru_cache(maxsize=20_000)
def _said(text: str) -> _Said | None:
    if both := re.fullmatch(r"(.*?\d)\s*[,\n(\[–-]\s*([^()\[\]]*\d[^()\[\]]*)[)\]]?", text.strip(), flags=re.DOTALL):
        first, second = _one(both[1]), _one(both[2])
        if first and second and first.kind == "days" and second.kind == "date":  # "Day 4 (2026-01-09)"
            return first
        if first and second and first.kind == "date" and second.kind == "days":
            return second
    return _one(text)


def _one(text: str) -> _Said | None:
    plain = re.sub(r"[(\[]\s*(?:(?:in\s+)?(?:mm|cm|µl|ul|mg|g|p/s|photons?)|n\s*=)[^)\]]*[)\]]", " ", text).strip()
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b(?=\s*days?\b)", "", plain, flags=re.IGNORECASE)  # "4th day"
    if found := re.fullmatch(rf"[+-]?{_NUMBER}", plain):
        return _Said("bare", float(plain))
    if (found := date_in(plain)) is not None:
        return _Said("date", date=found)
    plain = re.sub(r"[(\[](.*?)[)\]]", r" \1 ", plain).strip()
    number = re.search(rf"(?<!\d)(?<!\d\.)(?P<number>{_NUMBER})(?![\d.]*\d)", _without_units(plain))
    if number is None or re.fullmatch(r"\d{8}", number["number"]):
        return _date_behind_words(plain)
    before, after = _without_units(plain)[: number.start()], _without_units(plain)[number.end() :]
    if re.search(r"\d", before + after):
        return _date_behind_words(plain)
    sign = re.search(r"[-−–]\s*$", before), re.search(r"\.\s*$", before)
    kind = _kind(before, after)
    if kind is None:
        rest = plain[number.start() :]
        dated = date_in(rest)
        return _Said("date", date=dated) if dated and before and _is_filling(before) else None
    value = float(number["number"])
    if sign[0] and (not before.strip(" -−–") or re.search(r"[\s_=:]\s*[-−–]\s*$", before)):
        return _Said(kind, -value)
    doubled = re.search(r"\.\.\s*$|[\s_]\.\s*$", before) is not None
    return _Said(kind, value, doubt=bool(sign[0] or sign[1]), doubled=doubled)


def _date_behind_words(plain: str) -> _Said | None:
    """The date at the end of a heading such as "TV_20260105" or "X2026.01.05"."""
    rest = re.sub(r"^\D*", "", plain)
    dated = date_in(rest) if rest else None
    return _Said("date", date=dated) if dated and _is_filling(plain[: plain.index(rest)]) else None


def _without_units(text: str) -> str:
    """Text of the same length in which the digits of mm3, cm3 and the like are no digits."""
    return re.sub(r"(?<=mm)[\^]?[32³²]|(?<=cm)[\^]?[32³²]|1st|2nd", lambda found: " " * len(found[0]), text, flags=re.I)


def _tokens(text: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word for word in re.split(r"[\s_\-−–.:=,;/^+|*]+", spaced.lower().translate(_UNACCENTED)) if word]


def _is_filling(text: str) -> bool:
    return len(_tokens(text)) <= 3


def _kind(before: str, after: str) -> str | None:
    """What the words around a number make of it: a unit of time, "bare", "t", "visit", or None where they are none."""
    tokens = [*_tokens(before), *_tokens(after)]
    if not tokens:
        return "bare"
    units = [
        unit
        for unit, pattern in UNIT_WORDS.items()
        for token in tokens
        if re.fullmatch(pattern, token) and not (token in ("d", "w", "h", "j") and len(tokens) > 4)
    ]
    rest = [token for token in tokens if not any(re.fullmatch(pattern, token) for pattern in UNIT_WORDS.values())]
    if len(units) == 1:
        return units[0] if all(re.fullmatch(_FILLING, token) for token in rest) else None
    if units:
        return None
    last = _tokens(before)[-1:] or _tokens(after)[:1]
    if all(re.fullmatch(_FILLING, token) for token in rest):
        if last == ["t"] or rest == ["time"]:
            return "t"
        if rest == ["x"]:
            return "bare"
        if any(re.fullmatch(_MEASURES, token) for token in rest) or {"time", "rx", "tx", "post", "study"} & set(rest):
            return "t"
        return None
    if re.fullmatch(_VISITS, " ".join(last)):
        return "visit"
    return None


def _no_visits(numbers: Sequence[float]) -> bool:
    """Whether numbers after a mere "T" or "Vol" are those of no list of visits: they leave gaps."""
    steps = {later - earlier for earlier, later in itertools.pairwise(numbers)}
    return len(numbers) >= 3 and bool(steps) and steps != {1.0}


def _signed(said: Mapping[str, _Said]) -> dict[str, float]:
    """Numbers with their signs: a hyphen or dot right before one ("Day-4", "X.4") is a sign where only that ascends."""
    plain = {text: found.number for text, found in said.items()}
    if not any(found.doubt for found in said.values()):
        return plain
    readings = (
        plain,
        {text: -found.number if found.doubt and found.number else found.number for text, found in said.items()},
        {text: -found.number if found.doubled and found.number else found.number for text, found in said.items()},
    )
    ascending = next((numbers for numbers in readings if _ascends(numbers.values())), None)
    return ascending or {text: number for text, number in plain.items() if not said[text].doubt}


def _ascends(numbers: Iterable[float]) -> bool:
    found = list(numbers)
    return all(earlier < later for earlier, later in itertools.pairwise(found))
