"""A first study.toml from a table alone: what can be guessed, what cannot, and both said (`xenograft init`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from xenograft.errors import StudyError
from xenograft.files import toml_text
from xenograft.reading.cells import WORDS, days, looks_like_a_date, meanings, numbers
from xenograft.reading.guess_arms import GuessedArm, guess_arms
from xenograft.reading.layouts import Cells, one_row_per_reading
from xenograft.reading.numbered import arms_of_headings, as_animals
from xenograft.reading.schema import Columns, StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.sheets import read_sheet
from xenograft.reading.study_toml import study_file_of

SYNONYMS: Mapping[str, Sequence[str]] = {
    "animal": ("animal", "mouse", "subject", "rat", "ear tag", "tag", "id"),
    "arm": ("arm", "group", "treatment", "regimen", "drug"),
    "day": ("day", "days", "study day", "day of study", "time", "date", "dpi", "day post implant"),
    "volume": ("volume", "tumor volume", "tumour volume", "tv", "vol", "size", "flux", "bli", "radiance"),
    "length": ("length", "l", "long", "long axis"),
    "width": ("width", "w", "short", "short axis"),
    "height": ("height", "h", "depth"),
    "weight": ("weight", "body weight", "bw"),
    "cohort": ("cohort", "batch"),
    "cage": ("cage",),
    "reason_left": ("reason left", "reason", "fate", "removal reason"),
}
_UNITS = {r"\bcm\s*(?:\^?3|³)": "cm3", r"\bmm\s*(?:\^?3|³)": "mm3", r"\b(?:photons?|p)\s*/\s*s(?:ec)?\b": "photons/s"}
_HEADER_ROWS = 12


@dataclass(frozen=True)
class Guess:
    """What a table seems to be.

    Parameters
    ----------
    keys : dict of str to str
        Keys of study.toml and their values in TOML.
    columns : dict of str to str
        Part to column, where the table's name is not ours.
    arms : tuple of GuessedArm
        In the order of the table.
    start : float
        The day written as first dosing day of every agent.
    guessed, open : tuple of str
        Sentences: what was guessed, and what the table cannot say.
    """

    keys: dict[str, str]
    columns: dict[str, str] = field(default_factory=dict[str, str])
    arms: tuple[GuessedArm, ...] = ()
    start: float = 0.0
    guessed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def guess_study(table: Path, *, sheet: str | None = None) -> Guess:
    """Guess layout, columns, unit, arms and agents of a table.

    Parameters
    ----------
    table : pathlib.Path
        CSV, TSV or XLSX.
    sheet : str or None
        Sheet of a workbook, None for the only visible one.

    Raises
    ------
    StudyError
        The file cannot be read as a table.
    """
    guess = Guess({"name": toml_text(table.stem), "data": toml_text(table.name)})
    if sheet is not None:
        guess.keys["sheet"] = toml_text(sheet)
    read, row, decimal = _read(table, sheet)
    if decimal == ",":
        guess.keys["decimal"] = '","'
        guess = _said(guess, "Decimals are written with a comma.")
    if row > 1:
        guess.keys["header_row"] = str(row)
        guess = _said(guess, f"The header is in row {row}.")
    if read.says:
        guess = replace(guess, keys=guess.keys | dict(read.says), columns=dict(read.columns))
        guess = _said(guess, f"Laid out as the file itself says: {read.says['layout'].strip(chr(34))}.")
    else:
        guess = _with_layout(guess, read.rows[row - 1 :])
    guess = _with_unit(guess, read.rows[: row + 1])
    return _with_contents(guess, _cells_of(guess, read), decimal)


def toml_of_guess(guess: Guess) -> str:
    """The commented study.toml of a guess."""
    lines = ["# Written by xenograft init: correct what is marked CHECK, then run xenograft check."]
    lines += [f"{key} = {value}{_REMARKS.get(key, '')}" for key, value in guess.keys.items()]
    if "limit_of_quantification" not in guess.keys:
        lines.append("# limit_of_quantification = 16.0  # smallest volume that can be measured, if readings are at it")
    lines.append("# endpoint_volume = 2000.0")
    if guess.columns:
        lines += ["", "[columns]", *(f"{part} = {toml_text(name)}" for part, name in guess.columns.items())]
    for arm in guess.arms:
        lines += ["", f"[arms.{toml_text(arm.name)}]", *_arm_lines(arm, guess.start)]
    return "\n".join([*lines, ""])


def _read(table: Path, sheet: str | None) -> tuple[Sheet, int, str]:
    """The sheet, the row of its header, and its decimal sign."""
    for decimal in (".", ","):
        entry = StudyEntry.model_validate({"name": "?", "data": table.name, "decimal": decimal, "sheet": sheet})
        for row in range(1, _HEADER_ROWS + 1):
            read = read_sheet(table, entry.model_copy(update={"header_row": row}))
            if row <= len(read.rows) and sum(bool(text.strip()) for text in read.rows[row - 1]) >= 3:
                break
        else:
            raise StudyError(f"{table.name}: no row with three headings or more was found. Write study.toml by hand.")
        if decimal == "," or not _has_decimal_commas(read.rows[row:]):
            return read, row, decimal
    raise AssertionError


def _has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    texts = [text.strip() for row in rows for text in row]
    written = [text for text in texts if re.fullmatch(r"[+-]?\d+,\d+", text)]
    return bool(written) and any(len(text.split(",")[1]) != 3 for text in written)


def _with_layout(guess: Guess, rows: Sequence[Sequence[str]]) -> Guess:
    """The guess with layout, header and columns, from the header on."""
    header = [text.strip() for text in rows[0]]
    second = [text.strip() for text in rows[1]] if len(rows) > 1 else []
    first_cells = pd.Series([row[0] if row else "" for row in rows[1:]], dtype="str")
    columns = _columns_in(header)
    if {"animal", "day"} <= set(columns) and ("volume" in columns or {"length", "width"} <= set(columns)):
        return _with_columns(_said(guess, "Long: one row per reading."), columns)
    if _day_like(header) >= 2:
        guess.keys["layout"] = '"wide by day"'
        measured = [text.lower() for text in second if text]
        if measured and set(measured) <= {"l", "w", "h", "length", "width", "height", "volume"}:
            guess.keys["header"] = '["day", "measure"]'
        guess = _with_days(guess, pd.Series([text for text in header if looks_like_a_date(text)], dtype="str"))
        return _with_columns(_said(guess, "Wide by day: one column per day."), _row_columns(columns))
    joined = [" ".join(filter(None, pair)) for pair in zip(header, second, strict=False)]
    if _ascending(first_cells.iloc[1:]) and second and len([text for text in header[1:] if text]) >= 2:
        guess.keys["layout"] = '"wide by animal"'
        parts = '["arm"]' if second[0] and _ascending(first_cells) else '["arm", "animal"]'
        if parts != '["arm"]' and len(set(header[1:])) > len(set(second[1:])):
            parts = '["animal", "arm"]'
        if parts == '["arm"]' and (numbered := arms_of_headings([text for text in header[1:] if text])):
            parts = '["numbered arm"]'
            guess = _said(guess, f"H{as_animals(numbered)[1:]}.")
        guess.keys["header"] = parts
        one_row = parts in ('["arm"]', '["numbered arm"]')
        named = {"day": (header[0] or second[0])} if header[0] or (second[0] and not one_row) else {}
        return _with_columns(_said(guess, "Wide by animal: one column per animal."), named)
    if _day_like(second) >= 2 and not _day_like(second[:1]):
        guess.keys.update(layout='"wide by day"', header='["name", "day"]')
        guess = _with_days(guess, pd.Series([text for text in second if looks_like_a_date(text)], dtype="str"))
        named = _row_columns(_columns_in(header) | _columns_in(second))
        return _with_columns(_said(guess, "Wide by day, under a header of two rows."), named)
    two = _columns_in(joined)
    if {"animal", "day"} <= set(two):
        guess.keys["header"] = '["name", "name"]'
        return _with_columns(_said(guess, "Long: one row per reading, under a header of two rows."), two)
    missing = ", ".join(part for part in ("animal", "day", "volume") if part not in columns)
    return _with_columns(
        _asked(guess, f"The columns of {missing} were not recognised: name them under [columns]."), columns
    )


def _row_columns(columns: Mapping[str, str]) -> dict[str, str]:
    return {part: name for part, name in columns.items() if part in ("animal", "arm", "cohort", "cage", "reason_left")}


def _columns_in(header: Sequence[str]) -> dict[str, str]:
    """Part to column: an exact word first, then a word within the name."""
    plain = {
        name: re.sub(r"[_\s.]+", " ", re.sub(r"[(\[].*?[)\]]", "", name)).strip().lower() for name in header if name
    }
    spaced = {name: re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name) for name in plain}
    found: dict[str, str] = {}
    for exact in (True, False):
        for part, words in SYNONYMS.items():
            for word in words:
                for name, text in plain.items():
                    wordy = re.sub(r"[_\W]+", " ", spaced[name]).lower()
                    fits = text == word if exact else len(word) > 1 and re.search(rf"\b{word}\b", wordy) is not None
                    if fits and part not in found and name not in found.values():
                        found[part] = name
    return found


def _with_columns(guess: Guess, columns: Mapping[str, str]) -> Guess:
    named = {part: name for part, name in columns.items() if name != getattr(Columns(), part)}
    named_so = [f'{part} is the column "{name}"' for part, name in named.items()]
    guess = replace(guess, columns=named)
    return _said(guess, f"Columns: {', '.join(named_so)}.") if named_so else guess


def _day_like(texts: Sequence[str]) -> int:
    written = pd.Series([text for text in texts if text], dtype="str")
    if written.empty:
        return 0
    return int((days(written, _PLAIN).notna() | written.map(looks_like_a_date)).sum())


def _ascending(texts: pd.Series) -> bool:
    texts = texts.astype("str").str.strip()
    texts = texts[texts != ""].reset_index(drop=True)
    if len(texts) < 2:
        return False
    if texts.map(looks_like_a_date).all():
        return True
    number = days(texts, _PLAIN)
    return bool(number.notna().all() and number.is_monotonic_increasing and number.is_unique)


_PLAIN = StudyEntry(name="?", data="?")


def _with_unit(guess: Guess, rows: Sequence[Sequence[str]]) -> Guess:
    texts = " ".join(text for row in rows for text in row)
    unit = next((unit for pattern, unit in _UNITS.items() if re.search(pattern, texts, flags=re.IGNORECASE)), None)
    guess.keys["unit"] = toml_text(unit or "mm3")
    return _said(guess, f"Volumes are in {unit}.") if unit else _asked(guess, "No unit is given: mm³ was written.")


def _cells_of(guess: Guess, sheet: Sheet) -> Cells | StudyError:
    """The readings as the guess lays them out, or what is wrong with it."""
    file = study_file_of("study.toml", tomllib.loads(toml_of_guess(guess)))
    try:
        return one_row_per_reading(file, sheet)
    except StudyError as error:
        return error


def _with_contents(guess: Guess, cells: Cells | StudyError, decimal: str) -> Guess:
    """The guess with what the readings themselves say: dates, words, limits, arms."""
    if isinstance(cells, StudyError):
        return _asked(guess, *cells.problems)
    names = (
        {part: part for part in ("animal", "arm", "day", "volume")}
        if cells.wide
        else Columns().model_dump() | guess.columns
    )
    texts = {part: cells.rows[name].str.strip() for part, name in names.items() if cells.header.count(name) == 1}
    if "day" in texts and "day_0" not in guess.keys:
        guess = _with_days(guess, texts["day"])
    if "volume" in texts:
        guess = _with_readings(guess, texts["volume"], decimal)
    if "arm" not in texts:
        return _asked(guess, "The column of arms was not recognised: name it under [columns] and add the arms.")
    if texts["arm"].iloc[0] and (blank := int((texts["arm"] == "").sum())):
        guess.keys["fill_down"] = '["arm"]'
        guess = _said(guess, f"An arm is written once for all rows below it ({blank} cells are blank).")
    arms = guess_arms([name for name in dict.fromkeys(texts["arm"]) if name])
    return _with_arms(replace(guess, arms=tuple(arms)))


def _with_days(guess: Guess, texts: pd.Series) -> Guess:
    written = pd.Series([text for text in texts.unique() if text], dtype="str")
    dated = written[written.map(looks_like_a_date).astype(bool)]
    if written.empty:
        return guess
    if dated.empty:
        number = days(written, _PLAIN).dropna()
        start = 0.0 if not len(number) or number.min() <= 0 < number.max() else float(number.min())
        return _asked(
            replace(guess, start=start), f"The days of dosing: day {start:g} was written as the first of every agent."
        )
    parts = [re.split(r"[./-]", text) for text in dated]
    if len(parts[0][0]) != 4:
        day_first = any(int(part[0]) > 12 for part in parts) or dated.str.contains(".", regex=False).all()
        month_first = any(int(part[1]) > 12 for part in parts)
        guess.keys["date_order"] = '"month first"' if month_first else '"day first"'
        if not day_first and not month_first:
            guess = _asked(guess, "Whether dates have the day or the month first: day first was written.")
    order = guess.keys.get("date_order", '""').strip('"')
    key = (lambda p: (p[2], p[1], p[0])) if order == "day first" else (lambda p: (p[2], p[0], p[1]))
    first = min((tuple(part) for part in parts), key=lambda p: tuple(map(int, p if len(p[0]) == 4 else key(p))))
    year, month, day = first if len(first[0]) == 4 else key(first)
    guess.keys["day_0"] = f"{int(year):04d}-{int(month):02d}-{int(day):02d}"
    return _asked(guess, "The date of day 0: the first date of the table was written, and every agent starts on day 0.")


def _with_readings(guess: Guess, texts: pd.Series, decimal: str) -> Guess:
    number = numbers(texts, decimal)
    meaning = meanings(texts[number.isna()], _PLAIN.model_copy(update={"decimal": decimal}))
    unknown = [word for word in dict.fromkeys(texts[meaning.index[meaning == ""]]) if word]
    if unknown:
        shown = ", ".join(unknown[:5])
        guess.keys["words"] = "{ " + ", ".join(f'{toml_text(word)} = "missing"' for word in unknown[:20]) + " }"
        guess = _asked(guess, f'What {shown} means: "missing" was written; "below limit" and "left" are the others.')
    ambiguous = sorted({word for word in texts[meaning.index].str.lower() if word in ("nd", "x")} & set(WORDS))
    if ambiguous:
        guess = _asked(guess, f"Whether {' and '.join(ambiguous)} means what `words` in docs/study-files.md says.")
    if (meaning == "below limit").any() or (number == 0).any():
        guess = _asked(
            guess, "The limit of quantification, for readings of 0 or below it: add limit_of_quantification."
        )
    median = float(np.nanmedian(number)) if number.notna().any() else np.nan
    if median < 5 and guess.keys["unit"] == '"mm3"':
        guess = _asked(
            guess, f"Half of the volumes are below {median:.2g} mm³: are they in cm³, or logarithms (scale)?"
        )
    return guess


def _with_arms(guess: Guess) -> Guess:
    controls = [arm.name for arm in guess.arms if arm.control]
    guess = _said(guess, f"The control is {controls[0]}.") if controls else _asked(guess, "Which arm is the control.")
    for arm in guess.arms:
        if len(arm.agents) > 1:
            guess = _said(guess, f"Arm {arm.name} gets {' and '.join(agent.name for agent in arm.agents)}.")
        elif not arm.agents and not arm.control:
            guess = _asked(guess, f"What arm {arm.name} gets.")
    return guess


_REMARKS = {
    "unit": "  # mm3, cm3, or any other text",
    "day_0": "  # CHECK: the date of day 0, usually of the first dose",
    "date_order": "  # CHECK",
}


def _arm_lines(arm: GuessedArm, start: float) -> list[str]:
    if arm.control:
        return ["control = true"]
    if not arm.agents:
        return [
            "# CHECK: is it the vehicle (control = true)? Else which agents does it get? Or ignore = true.",
            f'# agents."NAME" = {{ dose = 3.0, unit = "mg/kg", start = {start:g} }}',
        ]
    lines: list[str] = []
    for agent in arm.agents:
        dose = "" if agent.dose is None else f"dose = {agent.dose}, "
        dose += "" if agent.unit is None else f"unit = {toml_text(agent.unit)}, "
        lines.append(
            f"agents.{toml_text(agent.name)} = {{ {dose}start = {start:g} }}  # CHECK: days = [0, 7, 14] if known"
        )
    return lines


def _said(guess: Guess, *sentences: str) -> Guess:
    """The guess, with sentences about what was guessed."""
    return replace(guess, guessed=(*guess.guessed, *sentences))


def _asked(guess: Guess, *sentences: str) -> Guess:
    """The guess, with sentences about what only the laboratory knows."""
    return replace(guess, open=(*guess.open, *sentences))
