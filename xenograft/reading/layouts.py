"""Layouts: a sheet, long or wide, becomes one row per reading; every reading keeps its cell (docs/study-files.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xenograft.errors import StudyError, quoted
from xenograft.reading.body import filled_from_above, fitted_to, joined_names, with_letters, without_repeated_headers
from xenograft.reading.cells import days, why_no_day
from xenograft.reading.headings import is_moment, problem_of_all_times, with_labels, with_sides
from xenograft.reading.numbered import arms_of_headings
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet, letters
from xenograft.reading.study_toml import StudyFile, counted
from xenograft.reading.summaries import summaries_among, without_summaries, without_summary_rows

READ_DOWN = ("animal", "arm", "day", "tumour", "start", "cohort", "cage", "study", "reason_left")
MEASURED = ("volume", "length", "width", "height", "weight")
_SHORT = {"v": "volume", "l": "length", "w": "width", "h": "height"}


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
        if isinstance(entry.columns.volume, dict):
            return _with_sides(file, sheet.place, body, names, entry.columns.volume, notices)
        return Cells(body, tuple(names), notices=notices)
    return _melted(file, sheet, header, body, top, said)


def names_of(entry: StudyEntry) -> dict[str, str]:
    """What the table calls its columns, by part; volume is "volume" where there is a column for each tumour."""
    names: dict[str, str | dict[str, str]] = entry.columns.model_dump()
    return {part: part if isinstance(name, dict) else name for part, name in names.items()}


def _with_sides(
    file: StudyFile,
    place: str,
    body: pd.DataFrame,
    names: Sequence[str],
    sides: Mapping[str, str],
    notices: tuple[str, ...],
) -> Cells:
    """A long table with a column for each tumour of a mouse, with one row for each of them."""
    if absent := [name for name in sides.values() if list(names).count(name) != 1]:
        shown = ", ".join(name for name in names if name)
        raise StudyError(f"{file.place}: [columns] volume names {quoted(absent[0])}, not a column of {place}: {shown}.")
    others = [
        name for name in names if name not in sides.values() and name not in ("volume", file.entry.columns.tumour)
    ]
    parts: list[pd.DataFrame] = []
    for number, (tumour, name) in enumerate(sides.items()):
        part = body[others].assign(volume=body[name], **{file.entry.columns.tumour: tumour})
        part["cell"] = letters(list(names).index(name)) + body.index.astype(str)
        parts.append(part.set_axis(body.index * len(sides) + number))
    rows = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    return Cells(rows, (*others, "volume", file.entry.columns.tumour), notices=notices)


@dataclass(frozen=True)
class _Column:
    """A column of a wide sheet that holds readings: its position and what its heading says."""

    position: int
    said: Mapping[str, str]
    measure: str


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
    columns, problems, unread = _reading_columns(file, sheet, headings, body, top)
    if missing := list(_missing_parts(file, place, {*named, *known}, header)):
        raise StudyError(missing)
    if unread:
        names = ", ".join(quoted(name) for name in unread)
        notices.append(f"{place}: {counted(len(unread), 'column')} not read ({names}).")
    if not columns:
        if not problems:
            problems.append(_no_reading_columns(file, place, header))
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


def _reading_columns(
    file: StudyFile, sheet: Sheet, headings: Mapping[int, Mapping[str, str]], body: pd.DataFrame, top: int
) -> tuple[list[_Column], list[str], list[str]]:
    """The columns that hold readings, what is wrong with the others, and those left unread."""
    entry = file.entry
    columns: list[_Column] = []
    problems: list[str] = []
    unread: list[str] = []
    headings, unnumbered = _numbered(sheet.place, headings)
    problems += unnumbered
    dated = _days_of_headings(headings, entry) if "day" in entry.header_parts else {}
    if problem := problem_of_all_times(file, sheet.place, dated):
        return [], [problem], []
    counts: dict[str, int] = {}
    row_of = {part: top + level for level, part in enumerate(entry.header_parts)}
    texts = [text for said in headings.values() for part, text in said.items() if part in ("day", "animal")]
    summaries = summaries_among(texts, (said.get("arm", "") for said in headings.values()))
    arms_of_summaries = summaries_among(said.get("arm", "") for said in headings.values())
    for position, said in headings.items():

        def cell(part: str, position: int = position) -> str:
            return f"{sheet.place}, cell {sheet.address(row_of[part], position)}"

        if not said.get("animal", "named") and said.get("arm") in arms_of_summaries:
            unread.append(said["arm"])
            continue
        blank = [part for part, text in said.items() if not text and part not in ("measure", "tumour")]
        if blank:
            filled = counted(int(body[position].str.strip().ne("").sum()), "cell")
            finding = f"the heading is blank ({blank[0]}) above {filled}"
            problems.append(f"{cell(blank[0])}: {finding}. Fill it in, or empty the column.")
            continue
        if summary := next((text for part, text in said.items() if part != "arm" and text in summaries), None):
            unread.append(summary)
            continue
        if "day" in said and np.isnan(dated[said["day"]]):
            if is_moment(said["day"]):
                finding = f"the heading {quoted(said['day'])} is no day"
                remedy = f"Say which in {file.place}, for example day_of = {{ {quoted(said['day'])} = 0 }}"
                problems.append(f"{cell('day')}: {finding}. {remedy}, or add it to ignore_columns.")
            elif re.search(r"\d", said["day"]) or not re.search(r"[^\W\d_]", said["day"]):
                why = why_no_day(said["day"], file.place, entry)
                problems.append(f"{cell('day')}: the day of the column {why} Else add it to ignore_columns.")
            else:
                unread.append(said["day"])
            continue
        measure = _measure(entry, said.get("measure"))
        if measure is None:
            words = ", ".join(MEASURED)
            finding = f"the heading says {quoted(said['measure'])}, which is none of {words}"
            problems.append(f"{cell('measure')}: {finding}. Name it under [columns] in {file.place}.")
            continue
        known = {part: text for part, text in said.items() if part != "measure"}
        if "arm" in known and "animal" not in known:
            counts[known["arm"]] = counts.get(known["arm"], 0) + 1
            known["animal"] = f"{known['arm']}/{counts[known['arm']]}"
        columns.append(_Column(position, known, measure))
    return columns, problems, unread


def _numbered(
    place: str, headings: Mapping[int, Mapping[str, str]]
) -> tuple[Mapping[int, Mapping[str, str]], list[str]]:
    """Headings that name an arm and count its animals ("Vehicle_1"), as arm and animal; and what is wrong with them."""
    if not any("numbered arm" in said for said in headings.values()):
        return headings, []
    texts = list(dict.fromkeys(said["numbered arm"] for said in headings.values()))
    arms = arms_of_headings(texts)
    if not arms:
        shown = ", ".join(quoted(text) for text in texts[:4])
        finding = f"the headings ({shown}, …) do not count the animals of two arms or more"
        return {}, [f'{place}: {finding}. Write header = ["arm"], or two rows with arms and animals.']
    return {
        position: {**{part: text for part, text in said.items() if part != "numbered arm"},
                   "arm": arms[said["numbered arm"]], "animal": said["numbered arm"]}
        for position, said in headings.items()
    }, []  # fmt: skip


def _days_of_headings(headings: Mapping[int, Mapping[str, str]], entry: StudyEntry) -> dict[str, float]:
    texts = pd.Series(list(dict.fromkeys(said["day"] for said in headings.values())), dtype="str")
    return dict(zip(texts, days(texts, entry), strict=True)) if len(texts) else {}


def _measure(entry: StudyEntry, text: str | None) -> str | None:
    if not text:
        return "volume" if text is None else None
    names = names_of(entry)
    plain = re.sub(r"\s*[(\[].*[)\]]$", "", text).strip().lower()  # "Length (mm)"
    for part in MEASURED:
        if text == names[part] or plain == part:
            return part
    return _SHORT.get(plain)


def _grouped(columns: Iterable[_Column]) -> list[list[_Column]]:
    """Columns that hold the measures of the same readings, for example a length and a width, together."""
    groups: list[list[_Column]] = []
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


def _block(sheet: Sheet, body: pd.DataFrame, named: Mapping[str, int], group: Sequence[_Column]) -> pd.DataFrame:
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
            yield f'{place}: there is no column "{part}". {remedy}'
    columns = file.entry.columns
    for part in sorted(columns.model_fields_set & set(READ_DOWN) - said):
        name = getattr(columns, part)
        if part not in ("animal", "arm", "day"):
            yield f"{file.place}: [columns] {part} = {quoted(name)} is not a column of {place}. Correct it."


def _no_reading_columns(file: StudyFile, place: str, header: list[list[str]]) -> str:
    thing = "day" if file.entry.layout == "wide by day" else "animal"
    row = file.entry.header_row
    finding = (
        f"no heading in row {row} is a {thing}" if len(header) == 1 else f"no heading from row {row} on is a {thing}"
    )
    return f"{place}: {finding}. Correct layout, header or header_row in {file.place}."


def _numeric(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.,]+", text) is not None
