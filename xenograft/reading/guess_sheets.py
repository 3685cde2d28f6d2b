"""What sheets, or the blocks of a sheet, are to each other: one per arm or day, readings and groups or weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from xenograft.errors import StudyError, quoted
from xenograft.files import toml_text
from xenograft.reading.guess_layout import laid_out
from xenograft.reading.guess_times import Finding, times_guessed
from xenograft.reading.laid_out import LaidOut
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.sheets import read_sheet
from xenograft.reading.sources import titles_of
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
    readings = {name: found for name, found in with_readings.items() if _has_animals(found)}
    groups = [name for name, (_, found) in read.items() if found is not None and _is_groups(found)]
    pair = _volumes_and_weights([name for name, (_, found) in read.items() if found is not None])
    known = {name: found for name, (sheet, found) in read.items() if found is not None and len(sheet.rows) > found.row}
    if (
        pair
        and set(readings) <= set(pair) <= set(known)
        and (pair[1] in readings or "weight" in known[pair[1]].columns)
    ):
        return _left_out(_with_weights(*pair, known), names, pair)
    if len(readings) == 1:
        name = next(iter(readings))
        if len(groups) == 1 and (two := _with_groups((name, readings[name]), groups[0], read[groups[0]][1])):
            return _left_out(two, names, [name, groups[0]])
        return _left_out(Sheets(name, {"sheet": toml_text(name)}), names, [name])
    alike = {
        tuple(text.strip().lower() for text in read[name][0].rows[found.row - 1]) for name, found in readings.items()
    }
    if len({(found.layout, found.row, found.parts) for found in readings.values()}) != 1:
        return None
    if len(alike) > 1 and any("arm" in found.columns for found in readings.values()):
        return None
    return _left_out(_one_each(list(readings), readings), names, list(readings))


def _has_animals(found: LaidOut) -> bool:
    return found.layout == "wide by animal" or "animal" in found.columns


def _left_out(found: Sheets | None, names: Sequence[str], kept: Sequence[str]) -> Sheets | None:
    """The sheets with a question about those that have no readings of animals."""
    others = [name for name in names if name not in kept]
    if not others or found is None:
        return found
    asked = f"No readings of animals were found on {', '.join(map(quoted, others))}: left out."
    return replace(found, asked=(*found.asked, asked))


def _has_readings(found: LaidOut) -> bool:
    measured = {"volume", "length"} & set(found.columns) or found.named.sides or found.named.repeated
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
    when = times_guessed(names) if days else Finding()
    said = f"Every sheet is {'a day' if days else 'an arm'} ({', '.join(names)})."
    asked = [sentence for sentence in when.asked if not sentence.startswith("The days of dosing")]
    return Sheets(names[0], keys | when.keys, said=(said, *when.said), asked=tuple(asked))


def titles_guessed(rows: Sequence[Sequence[str]], found: LaidOut) -> Finding:
    """What the titles above the blocks of a sheet name: their arms, or their days; nothing where there are none.

    Parameters
    ----------
    rows : sequence of sequences of str
        All cells of the sheet.
    found : LaidOut
        The layout of the first block.
    """
    lost = {"arm", "day"} - set(found.columns)
    if not lost or found.parts not in ((), ("day", "measure"), ("arm",)):
        return Finding()
    titles = titles_of(rows, found.row, max(len(found.parts), 1))
    days = times_in(titles).count == len(titles)
    part = "day" if days else "arm"
    if len(titles) < 2 or part not in lost or (days and found.layout != "long"):
        return Finding()
    return Finding({f"{part}_from": '"heading rows"'}, [f"Titles of blocks name the {part}s: {', '.join(titles)}."])
