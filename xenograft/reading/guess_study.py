"""A first study.toml from a table alone: what can be guessed, what cannot, and both said (`xenograft init`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xenograft.errors import StudyError, quoted
from xenograft.files import toml_key, toml_text
from xenograft.reading.folder import number_text
from xenograft.reading.guess_arms import GuessedArm, guess_arms
from xenograft.reading.guess_contents import (
    identities_guessed,
    one_tumour_a_mouse,
    readings_guessed,
    repeats_guessed,
    unit_guessed,
    written_once,
)
from xenograft.reading.guess_layout import row_of_weights
from xenograft.reading.guess_models import models_guessed
from xenograft.reading.guess_read import read_unknown
from xenograft.reading.guess_sheets import sheets_guessed, titles_guessed
from xenograft.reading.guess_times import Finding, times_guessed, weeks_and_days
from xenograft.reading.laid_out import LaidOut
from xenograft.reading.layouts import Cells
from xenograft.reading.numbered import arms_of_headings, as_animals, without_their_summaries
from xenograft.reading.schema import Columns
from xenograft.reading.sheet import Sheet
from xenograft.reading.sources import read_source, titles_of
from xenograft.reading.study_toml import study_file_of
from xenograft.reading.summaries import is_beside, summaries_among
from xenograft.reading.xlsx import SPREADSHEETS, visible_sheets


@dataclass(frozen=True)
class Guess:
    """What a table seems to be.

    Parameters
    ----------
    keys : dict of str to str
        Keys of study.toml and their values in TOML.
    columns : dict of str to str or dict
        Part to column, where the table's name is not ours; of volume, tumour to column or several readings' columns.
    arms : tuple of GuessedArm
        In the order of the table.
    start : float
        The day written as first dosing day of every agent.
    tables : tuple of str
        Lines of further tables, such as [groups].
    guessed, open : tuple of str
        Sentences: what was guessed, and what the table cannot say.
    models : tuple of str
        Tumour models that a column names; none where the table is one study.
    """

    keys: dict[str, str]
    columns: Mapping[str, str | tuple[str, ...] | dict[str, str]] = field(
        default_factory=dict[str, str | tuple[str, ...] | dict[str, str]]
    )
    arms: tuple[GuessedArm, ...] = ()
    start: float = 0.0
    tables: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


def guess_study(table: Path, *, sheet: str | None = None) -> Guess:
    """Guess layout, columns, unit, arms and agents of a table.

    Parameters
    ----------
    table : pathlib.Path
        CSV, TSV or XLSX.
    sheet : str or None
        Sheet of a workbook, None for the only visible one with cells.

    Raises
    ------
    StudyError
        The file cannot be read as a table.
    """
    guess = Guess({"name": toml_text(table.stem), "data": toml_text(table.name)})
    guess, sheet = _with_sheets(guess, table, sheet)
    read, found, decimal, doubts = read_unknown(table, sheet)
    guess = _asked(guess, *doubts)
    if decimal == ",":
        guess.keys["decimal"] = '","'
        guess = _said(guess, "Decimals are written with a comma.")
    guess, read = _with_layout(guess, read, found)
    guess = _with(guess, unit_guessed(read.rows[: found.row + 1]))
    guess = _with_times(guess, read, found)
    return _with_contents(guess, table, decimal, read, found)


ASKED_BY_JOURNALS = (
    "# What a journal asks (ARRIVE), for the report; in your own words:",
    "# [methods]",
    '# strain = ""',
    '# cell_line = ""',
    '# randomisation = ""',
    '# blinding = ""',
    '# sample_size = ""',
)
"""Lines at the end of a guess, to be filled in."""


def toml_of_guess(guess: Guess) -> str:
    """The commented study.toml of a guess."""
    lines = ["# Written by xenograft init: correct what is marked CHECK, then run xenograft check."]
    lines += [f"{key} = {value}{_REMARKS.get(key, '')}" for key, value in guess.keys.items()]
    if "limit_of_quantification" not in guess.keys:
        lines.append("# limit_of_quantification = 16.0  # smallest volume that can be measured, if readings are at it")
    lines.append("# endpoint_volume = 2000.0")
    if guess.columns:
        lines += ["", "[columns]", *(f"{part} = {_name(name)}" for part, name in guess.columns.items())]
    if guess.tables:
        lines += ["", *guess.tables]
    for arm in guess.arms:
        lines += ["", f"[arms.{toml_text(arm.name)}]", *_arm_lines(arm, guess.start)]
    lines += ["", *ASKED_BY_JOURNALS]
    return "\n".join([*lines, ""])


def _with_sheets(guess: Guess, table: Path, sheet: str | None) -> tuple[Guess, str | None]:
    """The guess with the sheets of a workbook, and the sheet to look at for the layout.

    Raises
    ------
    StudyError
        The workbook has several sheets: not one per arm or day, nor readings with their groups or weights.
    """
    if sheet is not None or table.suffix.lower() not in SPREADSHEETS or not table.is_file():
        if sheet is not None:
            guess.keys["sheet"] = toml_text(sheet)
        return guess, sheet
    names = visible_sheets(table.name, table.read_bytes())
    if len(names) < 2:
        return guess, None
    found = sheets_guessed(table, names)
    if found is None:
        shown = ", ".join(map(quoted, names))
        remedy = f"Say which: xenograft init {table.name} --sheet {quoted(names[0])}"
        raise StudyError(f"{table.name}: has {len(names)} sheets ({shown}). {remedy}.")
    guess.keys.update(found.keys)
    return _asked(_said(replace(guess, tables=found.tables), *found.said), *found.asked), found.sheet


def _with_layout(guess: Guess, read: Sheet, found: LaidOut) -> tuple[Guess, Sheet]:
    """The guess with layout, header and columns, and the part of the sheet that holds readings."""
    if read.says:
        guess.keys.update(read.says)
        guess = _said(guess, f"Laid out as the file itself says: {found.layout}.")
        return _with_columns(guess, dict(read.columns)), read
    if found.row > 1:
        guess.keys["header_row"] = str(found.row)
        guess = _said(guess, f"The header is in row {found.row}.")
    if found.layout != "long":
        guess.keys["layout"] = toml_text(found.layout)
    if found.parts:
        guess.keys["header"] = f"[{', '.join(map(toml_text, found.parts))}]"
    guess = _asked(_said(guess, *found.said), *found.asked)
    across = found.layout == "wide by animal"
    if (weights := row_of_weights(read.rows, found.row)) is not None:
        guess.keys["last_row"] = str(weights - 1)
        title = next(text for text in read.rows[weights - 1] if text.strip())
        guess = _asked(guess, f"The rows from {weights} on ({quoted(title)}) are taken for weights, and left out.")
        read = replace(read, rows=read.rows[: weights - 1])
    if "sheets" not in guess.keys:
        guess = _with(guess, titles_guessed(read.rows, found))
    if found.layout == "long" and (
        lost := [part for part in ("animal", "day", "volume") if not _is_said(part, found, guess)]
    ):
        guess = _asked(guess, f"The columns of {', '.join(lost)} were not recognised: name them under [columns].")
    if across and found.parts == ("arm",) and {"sheets", "arm_from"} & set(guess.keys):
        guess.keys["header"] = '["animal"]'
    columns: dict[str, str | tuple[str, ...] | dict[str, str]] = dict(found.columns)
    if (
        not across
        and not {"sheets", "arm_from"} & set(guess.keys)
        and "arm" not in columns
        and "animal" in found.columns
    ):
        named = dict.fromkeys(_column(read, found.row + max(len(found.parts) - 1, 0), found.columns["animal"]))
        if arms := arms_of_headings(without_their_summaries([name for name in named if name])):
            guess.keys["arm_from"] = '"animal names"'
            guess = _said(guess, f"H{as_animals(arms)[1:]}.")
    if found.layout == "long" and found.named.sides and "tumour" not in columns:
        columns["volume"] = dict(found.named.sides)
    elif found.layout == "long" and found.named.repeated:
        columns["volume"] = found.named.repeated
    if found.layout == "long" and {"length", "width", "height"} <= set(columns):
        guess.keys["volume_formula"] = '"pi/6 L W H"'
        guess = _asked(guess, "Volumes are computed as π/6 · length · width · height, as a height is given. Are they?")
    return _with_columns(guess, columns), read


def _is_said(part: str, found: LaidOut, guess: Guess) -> bool:
    """Whether a column of a long table, or the name of its sheet, says a part."""
    lengths = {"length", "width"} <= set(found.columns)
    elsewhere = part == "day" and (guess.keys.get("sheets_are") == '"days"' or "day_from" in guess.keys)
    return (
        part in found.columns
        or elsewhere
        or (part == "volume" and (lengths or bool(found.named.sides or found.named.repeated)))
    )


def _with_columns(guess: Guess, columns: Mapping[str, str | tuple[str, ...] | dict[str, str]]) -> Guess:
    ours = Columns().model_dump()
    named = {part: name for part, name in columns.items() if name != ours[part]}
    named_so = [f'{part} is the column "{name}"' for part, name in named.items() if isinstance(name, str)]
    guess = replace(guess, columns=named)
    return _said(guess, f"Columns: {', '.join(named_so)}.") if named_so else guess


def _with_times(guess: Guess, read: Sheet, found: LaidOut) -> Guess:
    """The guess with what headings, or the column of days, say about time."""
    rows = read.rows[found.row :]
    if found.layout == "wide by day":
        if found.times.visits or not found.times.count:
            both = weeks_and_days(found.headings)
            return guess if both is None else _with(guess, both)  # else asked already
        return _with(guess, times_guessed(found.headings))
    if "day_from" in guess.keys:
        return _with(guess, times_guessed(titles_of(read.rows, found.row)))
    name = found.columns.get("day", "")
    if found.layout == "wide by animal":
        rows = rows[max(len(found.parts) - 1, 0) :]
        first = [row[0].strip() for row in rows if sum(bool(text.strip()) for text in row) > 1]
        summaries = summaries_among(first)
        return _with(
            guess,
            times_guessed(
                [text for text in first if text not in summaries and text != name and not is_beside(text)], name
            ),
        )
    cells = _column(read, found.row, name)[max(len(found.parts) - 1, 0) :]
    return _with(guess, times_guessed(cells, name)) if name else guess


def _column(sheet: Sheet, row: int, name: str) -> list[str]:
    header = [text.strip() for text in sheet.rows[row - 1]]
    if name not in header:
        return []
    position = header.index(name)
    return [line[position].strip() for line in sheet.rows[row:] if position < len(line)]


def _cells_of(guess: Guess, table: Path) -> Cells | StudyError:
    """The readings as the guess lays them out, or what is wrong with it."""
    file = study_file_of("study.toml", tomllib.loads(toml_of_guess(guess)))
    looser = {"superscripts": "footnotes", "struck_through": "read"}
    try:
        return read_source(replace(file, entry=file.entry.model_copy(update=looser)), table.parent).cells
    except StudyError as error:
        return error


def _with_contents(guess: Guess, table: Path, decimal: str, sheet: Sheet, found: LaidOut) -> Guess:
    """The guess with what the readings themselves say: words, marks, limits, arms."""
    guess = _with_models(guess, sheet, found)
    cells = _cells_of(guess, table)
    if isinstance(cells, StudyError):
        if not any("not understood as days" in question for question in guess.open):
            guess = _asked(guess, *cells.problems)
        arms_named = dict.fromkeys(_column(sheet, found.row, found.columns.get("arm", "")))
        return _with_arms(replace(guess, arms=tuple(guess_arms([name for name in arms_named if name]))))
    guess = _said(guess, *(notice.removeprefix(f"{sheet.place}: ") for notice in cells.notices if "left out" in notice))
    names: dict[str, str] = {part: part for part in ("animal", "arm", "day", "volume", "tumour", "cage", "model")}
    if not cells.wide:
        ours: dict[str, Any] = {**Columns().model_dump(), **guess.columns}
        names = {part: name if isinstance(name, str) else part for part, name in ours.items()}
    texts = {part: cells.rows[name].str.strip() for part, name in names.items() if cells.header.count(name) == 1}
    if "start" in texts and "start" in guess.columns:
        guess.keys.pop("day_0", None)
        guess = replace(guess, open=tuple(text for text in guess.open if not text.startswith("The date of day 0")))
        sentence = f'Days count from each animal\'s own "{guess.columns["start"]}": is that the day of its first dose?'
        guess = _asked(replace(guess, start=0.0), sentence)
    if "volume" in texts:
        guess = _with(guess, readings_guessed(texts["volume"], guess.keys["unit"].strip('"'), decimal))
    down = written_once(texts)
    if down:
        guess.keys["fill_down"] = f"[{', '.join(map(toml_text, down))}]"
        guess = _said(guess, f"{' and '.join(down)} is written once for all rows below it.".capitalize())
        texts |= {part: texts[part].mask(texts[part] == "").ffill().fillna("") for part in down}
    guess = _with(guess, repeats_guessed(texts))
    if "tumour" in guess.columns and "tumour" in texts and "animal" in texts and one_tumour_a_mouse(texts):
        guess = replace(guess, columns={part: name for part, name in guess.columns.items() if part != "tumour"})
    if "arm" not in texts:
        return _asked(guess, "The column of arms was not recognised: name it under [columns] and add the arms.")
    if {"animal", "day"} <= set(texts):
        own = texts | {"animal": texts["model"] + "/" + texts["animal"]} if guess.models else texts
        guess = _with(guess, identities_guessed(own))
    names_of_arms = [name for name in dict.fromkeys(texts["arm"]) if name]
    found_summaries = summaries_among(names_of_arms)
    summaries = [name for name in names_of_arms if name in found_summaries]
    if summaries:
        guess.keys["ignore_columns"] = f"[{', '.join(map(toml_text, summaries))}]"
        guess = _said(guess, f"{', '.join(summaries)}: summaries, left out.")
    arms = guess_arms([name for name in names_of_arms if name not in summaries])
    return _with_arms(replace(guess, arms=tuple(arms)))


def _with_models(guess: Guess, sheet: Sheet, found: LaidOut) -> Guess:
    """The guess with the column that tells models apart, where the table is a panel."""
    header = [text.strip() for text in sheet.rows[found.row - 1]]
    known = {part: name for part, name in guess.columns.items() if isinstance(name, str)}
    models = models_guessed(header, sheet.rows[found.row :], known)
    if models is None or found.layout == "wide by animal":
        return guess
    name, called = models
    columns = {part: named for part, named in guess.columns.items() if named != name} | {"model": name}
    told = f'The column "{name}" names {len(called)} models ({", ".join(called[:3])}, …): this is a panel.'
    return _said(replace(guess, columns=columns, models=called), told)


def _with_arms(guess: Guess) -> Guess:
    controls = [arm.name for arm in guess.arms if arm.control]
    guess = _said(guess, f"The control is {controls[0]}.") if controls else _asked(guess, "Which arm is the control.")
    for arm in guess.arms:
        if len(arm.agents) > 1:
            guess = _said(guess, f"Arm {arm.name} gets {' and '.join(agent.name for agent in arm.agents)}.")
        elif not arm.agents and not arm.control:
            guess = _asked(guess, f"What arm {arm.name} gets.")
    return guess


def _name(name: str | tuple[str, ...] | dict[str, str]) -> str:
    if isinstance(name, str):
        return toml_text(name)
    if isinstance(name, tuple):
        return f"[{', '.join(map(toml_text, name))}]"
    return "{ " + ", ".join(f"{toml_key(side)} = {toml_text(column)}" for side, column in name.items()) + " }"


_REMARKS = {
    "unit": "  # mm3, cm3, or any other text",
    "volume_formula": "  # CHECK",
    "day_0": "  # CHECK: the date of day 0, usually of the first dose",
    "date_order": "  # CHECK",
    "time_unit": "  # CHECK",
    "clock": '  # or "fractions"',
    "marks": '  # CHECK: "exclude", "exclude: the reason", "keep", "missing" or "below limit"',
    "repeats": '  # CHECK: or "readings"',
    "day_of": "  # CHECK: the day of each",
}


def _arm_lines(arm: GuessedArm, start: float) -> list[str]:
    if arm.control:
        return ["control = true"]
    if not arm.agents:
        return [
            "# CHECK: is it the vehicle (control = true)? Else which agents does it get? Or ignore = true.",
            f'# agents."NAME" = {{ dose = 3.0, unit = "mg/kg", start = {number_text(start)} }}',
        ]
    lines: list[str] = []
    for agent in arm.agents:
        dose = "" if agent.dose is None else f"dose = {agent.dose}, "
        dose += "" if agent.unit is None else f"unit = {toml_text(agent.unit)}, "
        dosing = f"{{ {dose}start = {number_text(start)} }}"
        lines.append(f"agents.{toml_text(agent.name)} = {dosing}  # CHECK: days = [0, 7, 14] if known")
    return lines


def _with(guess: Guess, found: Finding) -> Guess:
    """The guess with what was found."""
    keys = {**guess.keys, **found.keys}
    start = guess.start if found.start is None else found.start
    return _asked(_said(replace(guess, keys=keys, start=start), *found.said), *found.asked)


def _said(guess: Guess, *sentences: str) -> Guess:
    """The guess, with sentences about what was guessed."""
    return replace(guess, guessed=(*guess.guessed, *sentences))


def _asked(guess: Guess, *sentences: str) -> Guess:
    """The guess, with sentences about what only the laboratory knows."""
    return replace(guess, open=(*guess.open, *sentences))
