"""Invented studies written as laboratories write them: layouts, headings, marks and units of docs/study-files.md."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl

ARMS = ("Vehicle", "DrugA", "DrugB", "DrugA + DrugB")
RATES = {"Vehicle": 0.11, "DrugA": 0.07, "DrugB": 0.06, "DrugA + DrugB": 0.01}
START = date(2026, 1, 5)

DAYS: dict[str, Callable[[int], str]] = {
    "0": lambda d: f"{d}",
    "Day 0": lambda d: f"Day {d}",
    "Day_0": lambda d: f"Day_{d}",
    "Day.0": lambda d: f"Day.{d}",
    "day0": lambda d: f"day{d}",
    "D0": lambda d: f"D{d}",
    "D.0": lambda d: f"D.{d}",
    "d_0": lambda d: f"d_{d}",
    "0d": lambda d: f"{d}d",
    "0 d": lambda d: f"{d} d",
    "0 days": lambda d: f"{d} days",
    "0 dpi": lambda d: f"{d} dpi",
    "DPI 0": lambda d: f"DPI {d}",
    "Day 0 (mm3)": lambda d: f"Day {d} (mm3)",
    "TV_D0": lambda d: f"TV_D{d}",
    "Vol D0": lambda d: f"Vol D{d}",
    "Tumor volume day 0": lambda d: f"Tumor volume day {d}",
    "Study Day 0": lambda d: f"Study Day {d}",
    "Day 0 post treatment": lambda d: f"Day {d} post treatment",
    "X0": lambda d: f"X{d}",
    "Jour 0": lambda d: f"Jour {d}",
    "Tag 0": lambda d: f"Tag {d}",
    "t=0": lambda d: f"t={d}",
    "Day 0 (n=3)": lambda d: f"Day {d} (n=3)",
    "0th day": lambda d: f"{d}th day",
    "Rx0": lambda d: f"Rx{d}",
    "J+0": lambda d: f"J+{d}",
    "0. Tag": lambda d: f"{d}. Tag",
    "TV_20260105": lambda d: f"TV_{START + timedelta(d):%Y%m%d}",
    "X2026.01.05": lambda d: f"X{START + timedelta(d):%Y.%m.%d}",
    "24 h": lambda d: f"{24 * d} h",
    "24hrs": lambda d: f"{24 * d}hrs",
    "2026-01-05": lambda d: f"{START + timedelta(d):%Y-%m-%d}",
    "05-Jan-26": lambda d: f"{START + timedelta(d):%d-%b-%y}",
    "5-Jan": lambda d: f"{(START + timedelta(d)).day}-{START + timedelta(d):%b}",
    "Jan 5, 2026": lambda d: f"{START + timedelta(d):%b} {(START + timedelta(d)).day}, 2026",
    "5 January 2026": lambda d: f"{(START + timedelta(d)).day} {START + timedelta(d):%B} 2026",
    "1/5/26": lambda d: f"{(START + timedelta(d)).month}/{(START + timedelta(d)).day}/26",
    "05.01.2026": lambda d: f"{START + timedelta(d):%d.%m.%Y}",
    "20260105": lambda d: f"{START + timedelta(d):%Y%m%d}",
    "46027": lambda d: f"{(START + timedelta(d) - date(1899, 12, 30)).days}",
    "2026/01/05": lambda d: f"{START + timedelta(d):%Y/%m/%d}",
    "2026-01-05 09:31:00": lambda d: f"{datetime(2026, 1, 5, 9, 31) + timedelta(d):%Y-%m-%d %H:%M:%S}",
}
WEEKS: dict[str, Callable[[int], str]] = {
    "Week 0": lambda d: f"Week {d // 7}",
    "W0": lambda d: f"W{d // 7}",
    "wk_0": lambda d: f"wk_{d // 7}",
    "0 weeks": lambda d: f"{d // 7} weeks",
}
"""For studies measured every seven days."""
VISITS: dict[str, Callable[[int], str]] = {
    "T0": lambda n: f"T{n}",
    "V1": lambda n: f"V{n + 1}",
    "Visit 1": lambda n: f"Visit {n + 1}",
    "TP0": lambda n: f"TP{n}",
    "Scan 1": lambda n: f"Scan {n + 1}",
}
"""Headings that say nothing of days; the number of the visit is written."""
LAYOUTS = ("long", "wide by day", "wide by animal", "blocks", "sheets")
NAMES = (
    ("Mouse ID", "Group", "Day", "Tumor volume (mm3)"),
    ("animal", "arm", "day", "volume"),
    ("Ear tag", "Treatment", "Timepoint", "TV"),
    ("Subject", "Cohort", "Study day", "Tumour volume"),
    ("Mouse #", "Treatment group", "Days after treatment", "Volume"),
    ("ID", "Compound", "Date", "Tumor size"),
)
MARKS = ("", "*", "†", "(a)", "#", "(ulcerated)")
INSTEAD = ("", "<16", "< 16", "NA", "n/a", "not done", "found dead", "Euth.", "lost")
"""Cells in place of a last reading: below a limit of its own, or words."""


@dataclass(frozen=True)
class Lab:
    """A study and how a laboratory writes it.

    Parameters
    ----------
    volumes : dict of (str, str, int) to float
        Arm, animal and day to volume (mm³).
    layout, heading : str
        One of LAYOUTS; one of DAYS, WEEKS or VISITS.
    names : tuple of str
        What the columns of animals, arms, days and volumes are called.
    mark : str
        Behind some of the volumes.
    unit : {"mm3", "cm3"}
        Unit in which volumes are written.
    decimal : {".", ","}
        The decimal sign.
    instead : str
        One of INSTEAD, in place of the last reading of every fourth animal.
    """

    volumes: dict[tuple[str, str, int], float]
    layout: str = "long"
    heading: str = "Day 0"
    names: tuple[str, str, str, str] = NAMES[0]
    mark: str = ""
    unit: str = "mm3"
    decimal: str = "."
    instead: str = ""
    rows: list[list[str]] = field(default_factory=list[list[str]])

    @property
    def days(self) -> list[int]:
        """Days with readings, ascending."""
        return sorted({day for _, _, day in self.volumes})

    @property
    def readings(self) -> dict[tuple[str, str, int], float]:
        """What is to be read: the volumes, or 16 for those below it, without those in whose place is a word."""
        limit = 16.0 if self.instead.startswith("<") else None
        told = {key: limit if self.is_instead(key) else volume for key, volume in self.volumes.items()}
        return {key: volume for key, volume in told.items() if volume is not None}

    def is_instead(self, key: tuple[str, str, int]) -> bool:
        """Whether something else is written in place of a reading."""
        last = key[2] == self.days[-1] and self.animals.index(key[:2]) % 4 == 1
        return bool(self.instead) and last

    @property
    def animals(self) -> list[tuple[str, str]]:
        """Arm and animal, in the order written."""
        return list(dict.fromkeys((arm, animal) for arm, animal, _ in self.volumes))


def invented(seed: int, *, days: Sequence[int], animals: int = 3, arms: Sequence[str] = ARMS) -> Lab:
    """A study of exponential growth with noise."""
    rng = random.Random(seed)
    volumes: dict[tuple[str, str, int], float] = {}
    number = 0
    for arm in arms:
        for _ in range(animals):
            number += 1
            first = rng.uniform(90, 150)
            for day in days:
                volume = first * 2.718281828 ** (RATES[arm] * day + rng.gauss(0, 0.08))
                volumes[arm, f"M{number:02d}", day] = round(volume, 1)
    return Lab(volumes)


def when(lab: Lab, day: int) -> str:
    """The day as the laboratory writes it."""
    if lab.heading in VISITS:
        return VISITS[lab.heading](lab.days.index(day))
    return {**DAYS, **WEEKS}[lab.heading](day)


def written(lab: Lab) -> Lab:
    """The study with its rows of cells; of `sheets`, one after the other with the arm in a first cell."""
    animal, arm, day, volume = lab.names
    if lab.unit == "cm3":
        volume = "Tumor volume (cm3)"
    cell = {key: _cell(lab, number, value) for number, (key, value) in enumerate(lab.volumes.items())}
    cell |= {key: lab.instead for key in cell if lab.is_instead(key)}
    days, animals = lab.days, lab.animals
    match lab.layout:
        case "long":
            rows = [[animal, arm, day, volume]]
            rows += [[m, a, when(lab, d), text] for (a, m, d), text in cell.items()]
        case "wide by day":
            rows = [[animal, arm, *(when(lab, d) for d in days)]]
            rows += [[m, a, *(cell.get((a, m, d), "") for d in days)] for a, m in animals]
        case "wide by animal":
            rows = [[day, *(a for a, _ in animals)], ["", *(m for _, m in animals)]]
            rows += [[when(lab, d), *(cell.get((a, m, d), "") for a, m in animals)] for d in days]
        case _:
            rows = [[animal, *(when(lab, d) for d in days)]]
            for name in dict.fromkeys(a for a, _ in animals):
                rows.append([name, *[""] * len(days)])
                rows += [[m, *(cell.get((a, m, d), "") for d in days)] for a, m in animals if a == name]
    return replace(lab, rows=rows)


def _cell(lab: Lab, number: int, value: float) -> str:
    text = (f"{value:g}" if lab.unit == "mm3" else f"{value / 1000:.7g}").replace(".", lab.decimal)
    return text + lab.mark if lab.mark and number % 17 == 5 else text


def save(lab: Lab, folder: Path) -> Path:
    """The rows as a file: CSV, or a workbook with one sheet per arm."""
    folder.mkdir(parents=True, exist_ok=True)
    if lab.layout != "sheets":
        text = io.StringIO()
        csv.writer(text, delimiter=";" if lab.decimal == "," else ",").writerows(lab.rows)
        (folder / "table.csv").write_text(text.getvalue(), encoding="utf-8")
        return folder / "table.csv"
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    header, sheet = lab.rows[0], None
    for row in lab.rows[1:]:
        if row[0] in ARMS:
            sheet = book.create_sheet(row[0])
            sheet.append(header)
        elif sheet is not None:
            sheet.append([float(text) if text.replace(".", "", 1).isdigit() else text for text in row])
    book.save(folder / "table.xlsx")
    return folder / "table.xlsx"
