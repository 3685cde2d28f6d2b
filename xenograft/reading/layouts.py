"""Layouts: a sheet, long or wide, becomes one row per reading; every reading keeps its cell (docs/study-files.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from xenograft.errors import StudyError, quoted
from xenograft.reading.body import filled_from_above, fitted_to, joined_names, with_letters, without_repeated_headers
from xenograft.reading.headings import with_labels, with_sides
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet, letters
from xenograft.reading.study_toml import StudyFile, counted
from xenograft.reading.summaries import summaries_among, without_summaries, without_summary_rows
from xenograft.reading.wide_columns import MEASURED, READ_DOWN, WideColumn, names_of, reading_columns

_NO_MEANS = " If its rows are means of arms, give the volumes of each animal instead."


@dataclass(frozen=True)
class Cells:
    """A table with one row per reading.

    Parameters
    ----------
    rows : DataFrame of str
        One column per column of the sheet (long), or per part (wide: `animal`, `arm`, `day`, `volume`, …, and `cell`,
        the cell of the reading). The index is the row of the spreadsheet (long) or a running number in reading order.
    header : tuple of str
        Names of the columns, repeated names included.
    wide : bool
        The columns have our names already.
    problems, notices : tuple of str
        Sentences about the layout.
    """

    rows: pd.DataFrame
    header: tuple[str, ...]
    wide: bool = False
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def one_row_per_reading(file: StudyFile, sheet: Sheet, said: Mapping[str, str] | None = None) -> Cells:
    """The cells of a sheet with one row per reading, whatever the layout.

    Parameters
    ----------
    file : StudyFile
        Its `layout`, `header` and `header_row` say how the sheet is laid out.
    sheet : Sheet
        From `read_sheet`, or a part of it.
    said : mapping of str to str, optional
        What the name of the sheet, or the title above a block, says of all its rows: their arm or day.

    Raises
    ------
    StudyError
        There is no row below the header, or cells beyond it.
    """
    entry, said = file.entry, said or {}
    top = entry.header_row - 1
    parts = entry.header_parts
    first = top + len(parts)
    header = [[text.strip() for text in row] for row in sheet.rows[top:first]]
    rows = {number: line for number, line in enumerate(sheet.rows[first:], start=first + 1) if "".join(line).strip()}
    if not rows:
        raise StudyError(f"{sheet.place}: there are no rows below the header. Give one row per reading.")
    width = max(map(len, header))
    header = [row + [""] * (width - len(row)) for row in header]
    body = pd.DataFrame(fitted_to(sheet.place, width, rows), index=list(rows), dtype="str")
    body = without_repeated_headers(body, header[-1])
    if entry.layout == "long":
        names = with_letters(joined_names(header, parts), body)
        words = names_of(entry)
        body = filled_from_above(
            body, {part: names.index(words[part]) for part in READ_DOWN if words[part] in names}, file, sheet
        )
        body.columns = names
        reasons = _excluded(sheet, body, [names.index(words[part]) for part in MEASURED if words[part] in names])
        if reasons is not None:
            kept = body[words["exclude"]].str.strip() if words["exclude"] in names else ""
            body[words["exclude"]] = reasons.mask(reasons == "", kept)
            names = list(body.columns)
        body, names, notices = without_summaries(sheet.place, body, names, words)
        for part, text in said.items():
            body[words[part]] = text
            names = [*names, words[part]]
        if not isinstance(entry.columns.volume, str):
            return _with_several_volumes(file, sheet.place, body, names, entry.columns.volume, notices)
        return Cells(body, tuple(names), notices=notices)
    return _melted(file, sheet, header, body, top, said)


def _with_several_volumes(
    file: StudyFile,
    place: str,
    body: pd.DataFrame,
    names: Sequence[str],
    volumes: Mapping[str, str] | Sequence[str],
    notices: tuple[str, ...],
) -> Cells:
    """A long table with a column for each tumour of a mouse, or each reading of a tumour, with one row for each."""
    of_tumours = isinstance(volumes, Mapping)
    sides = volumes if isinstance(volumes, Mapping) else {name: name for name in volumes}
    if absent := [name for name in sides.values() if list(names).count(name) != 1]:
        shown = ", ".join(name for name in names if name)
        raise StudyError(f"{file.place}: [columns] volume names {quoted(absent[0])}, not a column of {place}: {shown}.")
    taken = {*sides.values(), "volume", *([file.entry.columns.tumour] if of_tumours else [])}
    others = [name for name in names if name not in taken]
    parts: list[pd.DataFrame] = []
    for number, (tumour, name) in enumerate(sides.items()):
        part = body[others].assign(volume=body[name])
        if of_tumours:
            part[file.entry.columns.tumour] = tumour
        part["cell"] = letters(list(names).index(name)) + body.index.astype(str)
        parts.append(part.set_axis(body.index * len(sides) + number))
    rows = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    added = ("volume", file.entry.columns.tumour) if of_tumours else ("volume",)
    return Cells(rows, (*others, *added), notices=notices)


def _melted(
    file: StudyFile, sheet: Sheet, header: list[list[str]], body: pd.DataFrame, top: int, known: Mapping[str, str]
) -> Cells:
    entry, place = file.entry, sheet.place
    named = {part: position for part, position in _named_columns(entry, header).items() if part not in known}
    body = filled_from_above(body, named, file, sheet)
    body, notices = without_summary_rows(place, body, named)
    ignored = {j for j in range(len(header[0])) if any(row[j] in entry.ignore_columns for row in header)}
    candidates = [j for j in range(len(header[0])) if j not in named.values() and j not in ignored]
    candidates = [j for j in candidates if body[j].str.strip().ne("").any()]
    headings = _headings(entry, header, candidates, sheet.merged, top)
    if "day" in entry.header_parts:
        headings = with_labels(headings, entry)
    headings = with_sides(headings)
    columns, problems, unread = reading_columns(file, sheet, headings, body, top)
    if missing := list(_missing_parts(file, place, {*named, *known}, header)):
        raise StudyError(missing)
    if unread:
        names = ", ".join(quoted(name) for name in unread)
        notices.append(f"{place}: {counted(len(unread), 'column')} not read ({names}).")
    if not columns:
        if not problems:
            problems.append(_no_reading_columns(file, place, header, unread))
        raise StudyError(problems)
    blocks = [_block(sheet, body, named, group) for group in _grouped(columns)]
    rows = pd.concat(blocks).sort_index(kind="stable").assign(**known)
    return Cells(
        rows.reset_index(drop=True).fillna(""),
        tuple(rows.columns),
        wide=True,
        problems=tuple(problems),
        notices=tuple(notices),
    )


def _named_columns(entry: StudyEntry, header: list[list[str]]) -> dict[str, int]:
    """The columns that say something about their whole row, by part: those with a name of ours or of [columns]."""
    in_header = set(entry.header_parts)
    names = names_of(entry)
    found: dict[str, int] = {}
    for part in READ_DOWN:
        if part in in_header:
            continue
        for position in range(len(header[0])):
            own = [row[position] for row in header]
            if names[part] in own or (not any(own) and names[part] == f"column {letters(position)}"):
                found.setdefault(part, position)
    unnamed = entry.layout == "wide by animal" and "day" not in found
    if unnamed and not any(row[0] for row in header):
        found["day"] = 0  # the corner above the days is often left blank
    return found


def _headings(
    entry: StudyEntry,
    header: list[list[str]],
    candidates: Sequence[int],
    merged: Mapping[tuple[int, int], tuple[int, int]],
    top: int,
) -> dict[int, dict[str, str]]:
    """What the heading of each column says, by part; a blank cell above the last row repeats the one on its left."""
    said: dict[int, dict[str, str]] = {position: {} for position in candidates}
    parts = entry.header_parts
    innermost = max(level for level, part in enumerate(parts) if part not in ("name", "ignore"))
    for level, part in enumerate(parts):
        if part in ("name", "ignore"):
            continue
        before, last = -1, ""
        for position in candidates:
            text = header[level][position]
            shown = merged.get((top + level, position))
            if not text and shown is not None and shown[0] - top in range(len(header)):
                text = header[shown[0] - top][shown[1]]
            if not text and (level < innermost or part == "arm") and before >= 0:
                text = last
            said[position][part] = text
            before, last = position, text
    return said


def _grouped(columns: Iterable[WideColumn]) -> list[list[WideColumn]]:
    """Columns that hold the measures of the same readings, for example a length and a width, together."""
    groups: list[list[WideColumn]] = []
    open_groups: dict[tuple[tuple[str, str], ...], int] = {}
    for column in columns:
        key = tuple(sorted(column.said.items()))
        at = open_groups.get(key)
        if at is None or column.measure in [other.measure for other in groups[at]]:
            open_groups[key] = len(groups)
            groups.append([column])
        else:
            groups[at].append(column)
    return groups


def _block(sheet: Sheet, body: pd.DataFrame, named: Mapping[str, int], group: Sequence[WideColumn]) -> pd.DataFrame:
    first = group[0]
    block = pd.DataFrame({part: body[position].str.strip() for part, position in named.items()}, index=body.index)
    for part, text in first.said.items():
        block[part] = text
    for column in group:
        block[column.measure] = body[column.position].str.strip()
    if sheet.addresses:
        block["cell"] = [sheet.address(row - 1, first.position) for row in body.index]
    else:
        block["cell"] = letters(first.position) + body.index.astype(str)
    reasons = _excluded(sheet, body, [column.position for column in group])
    if reasons is not None:
        block["exclude"] = reasons
    block.index = body.index * 100_000 + first.position
    return block


def _excluded(sheet: Sheet, body: pd.DataFrame, positions: Sequence[int]) -> pd.Series | None:
    """Why the file itself excludes readings, by row of the body; None where it excludes none at all."""
    if not sheet.excluded:
        return None
    told = [
        next((sheet.excluded[row - 1, at] for at in positions if (row - 1, at) in sheet.excluded), "")
        for row in body.index
    ]
    return pd.Series(told, index=body.index, dtype="str")


def _missing_parts(file: StudyFile, place: str, named: Iterable[str], header: list[list[str]]) -> Iterable[str]:
    said = set(file.entry.header_parts) | set(named)
    said |= {"arm", "animal"} if "numbered arm" in said else set()
    if file.entry.layout == "wide by animal" and "animal" not in said:
        said.add("animal")  # numbered within their arm
    for part in ("animal", "arm", "day"):
        if part not in said:
            names = ", ".join(dict.fromkeys(text for row in header for text in row if text and not _numeric(text)))
            remedy = f"Name it under [columns] in {file.place}." + (f" Its columns: {names}." if names else "")
            remedy += _NO_MEANS if part == "animal" and "arm" in said else ""
            yield f'{place}: there is no column "{part}". {remedy}'
    columns = file.entry.columns
    for part in sorted(columns.model_fields_set & set(READ_DOWN) - said):
        name = getattr(columns, part)
        if part not in ("animal", "arm", "day"):
            yield f"{file.place}: [columns] {part} = {quoted(name)} is not a column of {place}. Correct it."


def _no_reading_columns(file: StudyFile, place: str, header: list[list[str]], unread: Sequence[str]) -> str:
    if len(unread) > 1 and all(text in summaries_among(unread) for text in unread):
        shown = ", ".join(map(quoted, unread[:3]))
        return f"{place}: {shown}, … are means and the like, and no animals. Give the volumes of each animal."
    thing = "day" if file.entry.layout == "wide by day" else "animal"
    row = file.entry.header_row
    finding = (
        f"no heading in row {row} is a {thing}" if len(header) == 1 else f"no heading from row {row} on is a {thing}"
    )
    return f"{place}: {finding}. Correct layout, header or header_row in {file.place}."


def _numeric(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.,]+", text) is not None
