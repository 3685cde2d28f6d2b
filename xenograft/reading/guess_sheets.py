"""What the sheets of a workbook are to each other: one per arm or day, readings and groups, volumes and weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xenograft.errors import StudyError
from xenograft.files import toml_text
from xenograft.reading.guess_layout import LaidOut, laid_out
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.sheets import read_sheet
from xenograft.reading.times import times_in


@dataclass(frozen=True)
class Sheets:
    """How the sheets of a workbook belong together.

    Parameters
    ----------
    sheet : str
        The sheet whose layout is that of the readings.
    keys : dict of str to str
        Keys of study.toml.
    tables : tuple of str
        Lines of further tables.
    said, asked : tuple of str
        Sentences.
    """

    sheet: str
    keys: dict[str, str]
    tables: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    asked: tuple[str, ...] = field(default=())


def sheets_guessed(table: Path, names: Sequence[str]) -> Sheets | None:
    """How the sheets of a workbook belong together, None where their names and headers do not tell.

    Parameters
    ----------
    table : pathlib.Path
        The workbook.
    names : sequence of str
        Its visible sheets that have cells, two or more.
    """
    entry = StudyEntry.model_validate(
        {"name": "?", "data": table.name, "superscripts": "footnotes", "struck_through": "read"}
    )
    read: dict[str, tuple[Sheet, LaidOut | None]] = {}
    for name in names:
        try:
            sheet = read_sheet(table, entry.model_copy(update={"sheet": name}))
        except StudyError:
            return None
        read[name] = (sheet, laid_out(sheet.rows))
    with_readings = {name: found for name, (_, found) in read.items() if found is not None and _has_readings(found)}
    groups = [name for name, (_, found) in read.items() if found is not None and _is_groups(found)]
    pair = _volumes_and_weights(names)
    known = {name: found for name, (sheet, found) in read.items() if found is not None and len(sheet.rows) > found.row}
    if len(known) == len(names) == 2 and pair and (pair[1] in with_readings or "weight" in known[pair[1]].columns):
        return _with_weights(*pair, known)
    if len(with_readings) == 1 and len(groups) == 1 and len(names) == 2:
        return _with_groups(next(iter(with_readings.items())), groups[0], read[groups[0]][1])
    alike = {
        tuple(text.strip().lower() for text in read[name][0].rows[found.row - 1])
        for name, found in with_readings.items()
    }
    same = len({(found.layout, found.row) for found in with_readings.values()}) == 1 and len(with_readings) == len(
        names
    )
    if same and (len(alike) == 1 or all("arm" not in found.columns for found in with_readings.values())):
        return _one_each(names, with_readings)
    return None


def _has_readings(found: LaidOut) -> bool:
    measured = {"volume", "length"} & set(found.columns) or found.named.sides
    return found.layout != "long" or bool(measured) or "volume" in found.named.parts


def _is_groups(found: LaidOut) -> bool:
    return found.layout == "long" and {"animal", "arm"} <= set(found.columns) and not _has_readings(found)


def _with_groups(readings: tuple[str, LaidOut], groups: str, found: LaidOut | None) -> Sheets | None:
    name, layout = readings
    if found is None or "arm" in layout.columns:
        return None
    row = f"header_row = {found.row}, " if found.row > 1 else ""
    pair = f"animal = {toml_text(found.columns['animal'])}, arm = {toml_text(found.columns['arm'])}"
    lines = ("[groups]", f"sheet = {toml_text(groups)}", *f"{row}{pair}".split(", "))
    return Sheets(name, {"sheet": toml_text(name)}, lines, (f'Arms are on the sheet "{groups}".',))


def _volumes_and_weights(names: Sequence[str]) -> tuple[str, str] | None:
    weights = [name for name in names if re.search(r"weight|\bbw\b", name, flags=re.IGNORECASE)]
    volumes = [name for name in names if re.search(r"vol|tumou?r|\btv\b|size", name, flags=re.IGNORECASE)]
    volumes = [name for name in volumes if name not in weights]
    return (volumes[0], weights[0]) if len(weights) == len(volumes) == 1 else None


def _with_weights(volume: str, weight: str, found: dict[str, LaidOut]) -> Sheets | None:
    if found[volume].layout != found[weight].layout:
        return None
    columns = found[weight].columns
    lines = ["[weights]", f"sheet = {toml_text(weight)}"]
    if "animal" in columns:
        lines.append(f"animal = {toml_text(columns['animal'])}")
    if found[weight].row > 1:
        lines.append(f"header_row = {found[weight].row}")
    if found[weight].layout == "long":
        lines += [f"{part} = {toml_text(columns[part])}" for part in ("day", "weight") if part in columns]
    return Sheets(
        volume, {"sheet": toml_text(volume)}, tuple(lines), (f'Volumes are on "{volume}", weights on "{weight}".',)
    )


def _one_each(names: Sequence[str], found: dict[str, LaidOut]) -> Sheets | None:
    """A sheet for each arm or for each day."""
    times = times_in(names)
    days = times.count == len(names) and not times.visits
    lacking = "day" if days else "arm"
    if any(lacking in one.columns for one in found.values()) or (days and next(iter(found.values())).layout != "long"):
        return None
    listed = f"[{', '.join(map(toml_text, names))}]"
    keys = {"sheets": listed} | ({"sheets_are": '"days"'} if days else {})
    return Sheets(names[0], keys, said=(f"Every sheet is {'a day' if days else 'an arm'} ({', '.join(names)}).",))
