"""Where the readings of a study stand: a sheet, several, blocks below or beside each other; arms and weights."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from openpyxl.utils.cell import column_index_from_string

from xenograft.errors import StudyError, quoted
from xenograft.reading.layouts import Cells, one_row_per_reading
from xenograft.reading.numbered import arms_of_headings
from xenograft.reading.schema import Another, StudyEntry
from xenograft.reading.sheet import Sheet, letters
from xenograft.reading.sheets import read_sheet
from xenograft.reading.study_toml import StudyFile
from xenograft.reading.wide_columns import names_of

_GROUP_WORDS = r"(?:group|arm|treatment|cohort|regimen)"


@dataclass(frozen=True)
class Source:
    """The readings of a study as they stand in its files.

    Parameters
    ----------
    sheets : tuple of Sheet
        Every sheet with readings, as written.
    cells : Cells
        One row per reading.
    weights : (StudyFile, Cells) or None
        Weights of another sheet or file in place of volumes, and the study.toml under which they are read.
    """

    sheets: tuple[Sheet, ...]
    cells: Cells
    weights: tuple[StudyFile, Cells] | None = None


def read_source(file: StudyFile, folder: Path) -> Source:
    """The readings that a study.toml names, wherever they stand.

    Parameters
    ----------
    file : StudyFile
        Its `data`, `sheet` or `sheets`, `only_columns`, `arm_from`, `day_from`, `groups` and `weights`.
    folder : pathlib.Path
        Where study.toml is.

    Raises
    ------
    StudyError
        A file or sheet is missing or has no readings.
    """
    entry = file.entry
    table = folder / str(file.table)
    named = entry.arm_from == "animal names"
    said: dict[str, str] = {"arm": ""} if named or entry.groups is not None else {}
    if entry.sheets:
        part = "arm" if entry.sheets_are == "arms" else "day"
        sheets = [read_sheet(table, entry.model_copy(update={"sheet": name})) for name in entry.sheets]
        pieces = [
            (file, replace(_limited(sheet, entry), place=f"{sheet.place}, sheet {quoted(name)}"), {**said, part: name})
            for name, sheet in zip(entry.sheets, sheets, strict=True)
        ]
    else:
        sheets = [read_sheet(table, entry)]
        pieces = [(file, _limited(sheets[0], entry), said)]
    if "heading rows" in (entry.arm_from, entry.day_from):
        pieces = [block for piece in pieces for block in blocks_of(*piece)]
    cells = _joined([one_row_per_reading(*piece) for piece in pieces], list(entry.sheets), pieces)
    if entry.groups is not None:
        cells = _with_arms(file, cells, _pairs(file, folder, entry.groups))
    if named:
        cells = _with_arms(file, cells, _arms_in_names(file, cells))
    weights = None if entry.weights is None else _weights(file, folder, entry.weights)
    return Source(tuple(sheets), cells, weights)


def _limited(sheet: Sheet, entry: StudyEntry) -> Sheet:
    """The sheet with the cells outside `only_columns` blank."""
    if entry.only_columns is None:
        return sheet
    first, last = (column_index_from_string(end) - 1 for end in entry.only_columns.split(":"))
    return replace(sheet, rows=[_only(row, first, last + 1) for row in sheet.rows])


def _only(row: Sequence[str], start: int, end: int) -> list[str]:
    return [text if start <= position < end else "" for position, text in enumerate(row)]


def blocks_of(file: StudyFile, sheet: Sheet, said: Mapping[str, str]) -> list[tuple[StudyFile, Sheet, dict[str, str]]]:
    """The blocks of a sheet that has one for each arm or day, under its title; rows and columns keep their numbers.

    Parameters
    ----------
    file : StudyFile
        Its `header_row` is that of the first block; arms that it describes are titles for certain.
    sheet : Sheet
        The whole sheet.
    said : mapping of str to str
        What is known of all its rows.
    """
    top = file.entry.header_row - 1
    deep = len(file.entry.header_parts)
    part = "day" if file.entry.day_from else "arm"
    blocks: list[tuple[StudyFile, Sheet, dict[str, str]]] = []
    for start, end in _side_by_side(sheet.rows[top] if top < len(sheet.rows) else []):
        rows = [_only(row, start, end) for row in sheet.rows]
        for header, first, last, title in _one_below_another(rows, top, deep, file.arm_names):
            kept = [
                row if header <= number < header + deep or first <= number < last else []
                for number, row in enumerate(rows)
            ]
            if rows[header] and title in rows[header]:
                animals = names_of(file.entry)["animal"]
                kept[header] = [animals if text.strip() == title else text for text in rows[header]]
            entry = file.entry.model_copy(update={"header_row": header + 1})
            blocks.append((replace(file, entry=entry), replace(sheet, rows=kept), {**said, part: title}))
    return blocks


def titles_of(rows: Sequence[Sequence[str]], header_row: int, deep: int = 1) -> list[str]:
    """The titles of the blocks of a sheet, in the order written; see `blocks_of`."""
    top = header_row - 1
    found = [
        title
        for start, end in _side_by_side(rows[top])
        for _, first, last, title in _one_below_another([_only(row, start, end) for row in rows], top, deep, [])
        if any("".join(row[start:end]).strip() for row in rows[first:last])
    ]
    return list(dict.fromkeys(found))


def _side_by_side(header: Sequence[str]) -> list[tuple[int, int]]:
    """Ranges of columns of the blocks beside each other: each begins with the heading that the first begins with."""
    texts = [text.strip() for text in header]
    first = next((text for text in texts if text), "")
    starts = [position for position, text in enumerate(texts) if text == first and first]
    if len(starts) < 2 or not first:
        return [(0, 16_384)]
    return list(zip(starts, [*starts[1:], 16_384], strict=True))


def _one_below_another(
    rows: Sequence[Sequence[str]], top: int, deep: int, arms: Sequence[str]
) -> Iterable[tuple[int, int, int, str]]:
    """Of each block: the row of its header, the first and the end of its rows (from 0), and its title."""
    header = [text.strip().lower() for text in rows[top]]
    corner = next((j for j, text in enumerate(header) if text), 0)
    if starts := _headers_with_titles(rows, top):
        for at, end in zip(starts, [*starts[1:], len(rows)], strict=True):
            yield at, at + deep, end, rows[at][corner].strip()
        return
    ids = {_mask(row[corner]) for row in rows[top + deep :] if _filled(row) > 1 and corner < len(row)}
    title = _title_above(rows, top)
    at, first = top, top + deep
    for number in range(top + deep, len(rows)):
        row = rows[number]
        texts = [text.strip() for text in row]
        is_header = _filled(row) > 1 and corner < len(texts) and texts[corner].lower() == header[corner]
        found = None if is_header else _title(texts, ids, arms)
        if not is_header and found is None:
            continue
        if first < number and title is not None:
            yield at, first, number, title
        if is_header:
            at, first = number, number + deep
        else:
            title, first = found, number + 1
    if title is not None:
        yield at, first, len(rows), title
    else:
        yield at, first, len(rows), ""


def _headers_with_titles(rows: Sequence[Sequence[str]], top: int) -> list[int]:
    """Rows that say the header again with another arm where its first heading stands, and the header; else none."""
    header = [text.strip() for text in rows[top]]
    corner = next((j for j, text in enumerate(header) if text), 0)
    rest = header[corner + 1 :]
    if sum(bool(text) for text in rest) < 2:
        return []
    found = [
        number
        for number in range(top, len(rows))
        if len(rows[number]) > corner and [text.strip() for text in rows[number][corner + 1 :]] == rest
    ]
    titles = {rows[number][corner].strip() for number in found}
    return found if len(titles) == len(found) > 1 and all(titles) else []


def _title_above(rows: Sequence[Sequence[str]], top: int) -> str | None:
    for row in reversed(rows[:top]):
        texts = [text.strip() for text in row if text.strip()]
        if texts:
            return _title([text.strip() for text in row], set(), [])
    return None


def _title(texts: Sequence[str], ids: set[str], arms: Sequence[str]) -> str | None:
    """The arm that a row names when it is nothing but a title: one cell, or "Group" and a cell."""
    filled = [text for text in texts if text]
    if len(filled) == 2 and re.fullmatch(
        rf"{_GROUP_WORDS}\s*(?:name|id|no\.?|#)?\s*:?", filled[0], flags=re.IGNORECASE
    ):
        return filled[1]
    if len(filled) != 1 or re.fullmatch(r"[+-]?[\d.,]+%?", filled[0]):
        return None
    title = re.sub(rf"^{_GROUP_WORDS}\s*(?:\d+|[A-Z])?\s*[:=–-]\s*(?=\S)", "", filled[0], flags=re.IGNORECASE).rstrip(
        " :"
    )
    if title in arms:
        return title
    return None if _mask(filled[0]) in ids else title


def _filled(row: Sequence[str]) -> int:
    return sum(bool(text.strip()) for text in row)


def _mask(text: str) -> str:
    """The pattern of a name: letters and digits without their values, so that M05 is like M01."""
    return re.sub(r"[A-Za-z]+", "a", re.sub(r"\d+", "9", text.strip())) if re.search(r"\d", text) else text.strip()


def _joined(cells: Sequence[Cells], names: Sequence[str], pieces: Sequence[tuple[StudyFile, Sheet, object]]) -> Cells:
    """Several parts of a table as one, each reading with its cell."""
    if len(cells) == 1:
        return cells[0]
    several = len(names) > 1
    rows: list[pd.DataFrame] = []
    for number, part in enumerate(cells):
        file, sheet, _ = pieces[number]
        found = part.rows.copy()
        if not part.wide and "cell" not in found:
            words = names_of(file.entry)
            header = [text.strip() for text in sheet.rows[file.entry.header_row - 1]]
            measure = next((words[m] for m in ("volume", "length") if words[m] in header), "")
            column = letters(header.index(measure)) if measure else "A"
            found["cell"] = column + found.index.astype(str)
        if several:
            found["cell"] += f" of the sheet {quoted(names[number])}"
        rows.append(found)
    header = tuple(dict.fromkeys(name for part in cells for name in part.header if name != "cell"))
    if all(part.header == cells[0].header for part in cells):
        header = cells[0].header  # names that are there twice are refused as such
    return Cells(
        pd.concat(rows, ignore_index=True).fillna(""),
        (*header, "cell") if cells[0].wide else header,
        wide=cells[0].wide,
        problems=tuple(problem for part in cells for problem in part.problems),
        notices=tuple(dict.fromkeys(notice for part in cells for notice in part.notices)),
    )


def _pairs(file: StudyFile, folder: Path, groups: Another) -> dict[str, str]:
    """Animal to arm, from another sheet or file."""
    where, sheet = _other(file, folder, groups)
    header = [text.strip() for text in sheet.rows[groups.header_row - 1]]
    for part in ("animal", "arm"):
        if getattr(groups, part) not in header:
            shown = ", ".join(text for text in header if text)
            raise StudyError(f"{where}: there is no column {quoted(getattr(groups, part))}. Its columns: {shown}.")
    animal, arm = header.index(groups.animal), header.index(groups.arm)
    pairs: dict[str, str] = {}
    problems: list[str] = []
    for number, row in enumerate(sheet.rows[groups.header_row :], start=groups.header_row + 1):
        texts = [text.strip() for text in row] + [""] * (len(header) - len(row))
        if not texts[animal] and not texts[arm]:
            continue
        if pairs.setdefault(texts[animal], texts[arm]) != texts[arm]:
            finding = f"animal {quoted(texts[animal])} is in the arms {pairs[texts[animal]]} and {texts[arm]}"
            problems.append(f"{where}, row {number}: {finding}. Correct it.")
    if problems:
        raise StudyError(problems)
    return pairs


def _other(file: StudyFile, folder: Path, another: Another) -> tuple[str, Sheet]:
    name = another.data or str(file.table)
    update = {
        "sheet": another.sheet,
        "header_row": another.header_row,
        "header": None,
        "last_row": None,
        "layout": "long",
    }
    sheet = read_sheet(folder / name, file.entry.model_copy(update=update))
    where = sheet.place if another.sheet is None else f"{sheet.place}, sheet {quoted(another.sheet)}"
    return where, sheet


def _words(file: StudyFile, cells: Cells) -> Mapping[str, str]:
    return {"animal": "animal", "arm": "arm"} if cells.wide else names_of(file.entry)


def _arms_in_names(file: StudyFile, cells: Cells) -> dict[str, str]:
    """Animal to arm, where animals are called "Vehicle_1", "Vehicle_2", …"""
    animal = _words(file, cells)["animal"]
    if animal not in cells.rows:
        return {}
    names = [name for name in dict.fromkeys(cells.rows[animal].str.strip()) if name]
    arms = arms_of_headings(names)
    if not arms:
        finding = f"the animals ({', '.join(map(quoted, names[:3]))}, …) are not called by their arm and a number"
        raise StudyError(f"{file.place}: {finding}. Remove arm_from, and name a column of arms.")
    return arms


def _with_arms(file: StudyFile, cells: Cells, pairs: Mapping[str, str]) -> Cells:
    words = _words(file, cells)
    if words["animal"] not in cells.rows:
        return cells
    animals = cells.rows[words["animal"]].str.strip()
    rows = cells.rows.assign(**{words["arm"]: animals.map(pairs).fillna("")})
    lost = [animal for animal in dict.fromkeys(animals) if animal and not pairs.get(animal)]
    problems = [f"{file.place}: animal {quoted(animal)} has no arm in groups. Add it there." for animal in lost]
    kept = rows[~animals.isin(lost)]
    return replace(cells, rows=kept, problems=(*cells.problems, *problems))


def _weights(file: StudyFile, folder: Path, weights: Another) -> tuple[StudyFile, Cells]:
    """The weights of another sheet or file, laid out as the readings are."""
    name = weights.data or str(file.table)
    columns = file.entry.columns.model_copy(
        update={"volume": weights.weight, "animal": weights.animal, "day": weights.day}
    )
    plainly = {"unit": "mm3", "scale": "linear", "words": {}, "marks": {}, "fill_down": (), "columns": columns}
    where = {"sheet": weights.sheet, "sheets": (), "header_row": weights.header_row, "last_row": None}
    entry = file.entry.model_copy(update=plainly | where)
    sheet = read_sheet(folder / name, entry)
    own = replace(file, entry=entry)
    return own, one_row_per_reading(own, sheet, {} if columns.arm in _names(sheet, entry) else {"arm": ""})


def _names(sheet: Sheet, entry: StudyEntry) -> list[str]:
    row = entry.header_row - 1
    return [text.strip() for text in sheet.rows[row]] if row < len(sheet.rows) else []
