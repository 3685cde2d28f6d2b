"""A table of GraphPad Prism as a sheet: data sets are arms, subcolumns animals, X or row titles days (docs/prism)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from xenograft.errors import StudyError, did_you_mean, quoted
from xenograft.reading.cells import days, number_pattern
from xenograft.reading.numbered import arms_of_headings, as_animals
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Cell, Sheet, letters

READABLE = ("XY", "grouped", "column", "multiple variables")
REASON = "excluded in Prism"


@dataclass(frozen=True)
class Subcolumn:
    """One column of cells.

    Parameters
    ----------
    title : str
        The subcolumn's own title, empty without.
    cells : tuple of str
        As written, from row 1 on.
    excluded : frozenset of int
        Rows, from 0, of cells that Prism keeps out of analyses and graphs.
    """

    title: str
    cells: tuple[str, ...]
    excluded: frozenset[int] = frozenset()

    @property
    def blank(self) -> bool:
        """Whether no cell says anything."""
        return not any(self.cells)


@dataclass(frozen=True)
class DataSet:
    """What Prism calls a data set: a title above one or more subcolumns."""

    title: str
    subcolumns: tuple[Subcolumn, ...]


@dataclass(frozen=True)
class PrismTable:
    """A data table.

    Parameters
    ----------
    title : str
        Its title.
    kind : str
        One of `READABLE`, "survival", "contingency", "parts of whole", "nested" or "results".
    summaries : str
        What its subcolumns are where they are no replicates ("means with SD"), else empty.
    x : DataSet or None
        Values of X, dates as they are written.
    row_titles : Subcolumn or None
        Titles of the rows.
    sets : tuple of DataSet
        From left to right: A, B, C, …
    refused : str
        Why the table cannot be read for certain, empty where it can.
    """

    title: str
    kind: str
    summaries: str = ""
    x: DataSet | None = None
    row_titles: Subcolumn | None = None
    sets: tuple[DataSet, ...] = ()
    refused: str = ""


@dataclass
class _Grid:
    """Columns of cells with the headings above them, on the way to a sheet."""

    headings: list[list[str]] = field(default_factory=list[list[str]])
    columns: list[Subcolumn] = field(default_factory=list[Subcolumn])
    labels: list[str] = field(default_factory=list[str])

    def add(self, label: str, column: Subcolumn, *headings: str) -> None:
        self.headings.append(list(headings))
        self.columns.append(column)
        self.labels.append(label)


def sheet_of(place: str, tables: Sequence[PrismTable], entry: StudyEntry) -> Sheet:
    """The sheet of one table of a Prism file.

    Parameters
    ----------
    place : str
        Name of the file, for sentences.
    tables : sequence of PrismTable
        All its tables.
    entry : StudyEntry
        Its `sheet` names the table; its decimal sign tells thousands from decimals.

    Returns
    -------
    Sheet
        Of an XY or grouped table: the days, then one column per animal, arms above animals. Of a column table or one of
        multiple variables: titles above their columns. Cells are called as Prism shows them: "B:Y2 row 3".

    Raises
    ------
    StudyError
        No such table, several, or one without readings of animals.
    """
    table, notices = _chosen(place, tables, entry.sheet)
    grid = _Grid()
    says: dict[str, str] = {}
    columns: dict[str, str] = {}
    if table.kind in ("XY", "grouped") or _days_in_rows(table):
        day, title, more = _days(place, table)
        notices += more
        numbered = _numbered(table)
        if numbered:
            notices.append(f"{place}: {as_animals(numbered)}.")
        named = bool(numbered) or any(one.title for data in table.sets for one in data.subcolumns)
        levels = ("arm", "animal") if named else ("arm",)
        grid.add(
            "X" if table.x is not None and day in table.x.subcolumns else "row title",
            day,
            title,
            *([""] if named else []),
        )
        for label, arm, animal, column in _transposed(table) or _animals(table, numbered):
            grid.add(label, column, arm, *([animal] if named else []))
        says = {"layout": '"wide by animal"', "header": json.dumps(levels)}
        arms_of: dict[str, set[str]] = {}
        for heading in grid.headings[1:]:
            arms_of.setdefault(heading[-1], set()).add(heading[0])
        if named and max(map(len, arms_of.values())) > 1:
            says["animal_ids"] = '"within arm"'
        columns = {"day": title} if title and title != "day" else {}
    else:
        if table.row_titles is not None and not table.row_titles.blank:
            grid.add("row title", table.row_titles, "")
        for place_of_set, data in enumerate(table.sets):
            for number, one in enumerate(data.subcolumns, start=1):
                label = letters(place_of_set) + (f":Y{number}" if len(data.subcolumns) > 1 else "")
                grid.add(label, one, data.title if number == 1 else f"{data.title}_{number}")
    return _sheet(place, grid, entry.decimal, notices, says, columns)


def _chosen(place: str, tables: Sequence[PrismTable], name: str | None) -> tuple[PrismTable, list[str]]:
    """The table to read, and what is said of the others where the choice was not the user's."""
    named: dict[str, PrismTable] = {}
    for table in tables:
        title = table.title or "(untitled)"
        again = sum(other == title or other.startswith(f"{title} #") for other in named)
        named[f"{title} #{again + 1}" if again else title] = table
    if name is not None:
        if name not in named:
            known = f" Its tables: {', '.join(map(quoted, named))}." if named else ""
            raise StudyError(f"{place}: there is no table {quoted(name)}.{did_you_mean(name, named) or known}")
        if why := _why_not(named[name]):
            raise StudyError(f"{place}: the table {quoted(name)} {why}. Name a table of the animals' own readings.")
        return named[name], []
    readable = [title for title, table in named.items() if not _why_not(table)]
    skipped = {title: _why_not(table) for title, table in named.items() if _why_not(table) not in ("", _EMPTY)}
    others = "; ".join(f"{quoted(title)} {why}" for title, why in skipped.items())
    if not readable:
        found = f": {others}" if others else ""
        raise StudyError(f"{place}: has no table of animals' readings{found}. Save one with a row per day as .pzfx.")
    if len(readable) > 1:
        names = ", ".join(map(quoted, readable))
        raise StudyError(
            f"{place}: has {len(readable)} tables ({names}). Name one: sheet = {quoted(readable[0])} in study.toml, or "
            f"--sheet {quoted(readable[0])} with xenograft init."
        )
    return named[readable[0]], [f"{place}: not read: {others}."] if others else []


_EMPTY = "is empty"


def _why_not(table: PrismTable) -> str:
    """Why a table cannot hold readings of animals; empty where it can."""
    if table.kind == "survival":
        return "is a survival table: times and events, no volumes"
    if table.kind not in READABLE:
        return f"is a table of kind {quoted(table.kind)}"
    if table.refused:
        return table.refused
    if table.summaries:
        return f"holds {table.summaries}, not animals"
    return _EMPTY if all(one.blank for data in table.sets for one in data.subcolumns) else ""


def _days(place: str, table: PrismTable) -> tuple[Subcolumn, str, list[str]]:
    """The column that says the days, its heading, and what was left out beside it."""
    notices: list[str] = []
    titles = table.row_titles if table.row_titles is not None and not table.row_titles.blank else None
    x = (
        table.x.subcolumns[0]
        if table.x is not None and table.x.subcolumns and not table.x.subcolumns[0].blank
        else None
    )
    if x is None and titles is None:
        finding = f"the table {quoted(table.title)} has neither X values nor row titles, so its rows have no days"
        raise StudyError(f"{place}: {finding}. Write the day of each row there in Prism and save it again.")
    if x is not None and titles is not None:
        shown = ", ".join([quoted(text) for text in titles.cells if text][:3])
        notices.append(f"{place}: row titles beside X were not read ({shown}).")
    if x is not None and table.x is not None and len(table.x.subcolumns) > 1:
        notices.append(f"{place}: errors of X were not read.")
    if x is not None and table.x is not None:
        return x, table.x.title, notices
    assert titles is not None
    if table.kind == "grouped" and _times([data.title for data in table.sets]) and not _times(titles.cells):
        return Subcolumn("", tuple(data.title for data in table.sets)), "", notices
    return titles, "", notices


def _times(texts: Iterable[str]) -> bool:
    written = pd.Series([text for text in texts if text], dtype="str")
    return bool(len(written)) and bool(days(written, StudyEntry(name="?", data="?")).notna().all())


def _days_in_rows(table: PrismTable) -> bool:
    """Whether a column table has a day in each row title and an animal in each column."""
    return table.kind == "column" and table.row_titles is not None and _times(table.row_titles.cells)


def _numbered(table: PrismTable) -> dict[str, str]:
    """Arms of the data sets' titles where each is one animal with a number; empty where a data set is an arm."""
    filled = [data for data in table.sets if not all(one.blank for one in data.subcolumns)]
    single = all(sum(not one.blank for one in data.subcolumns) == 1 for data in filled)
    return arms_of_headings([data.title for data in filled]) if single else {}


def _animals(table: PrismTable, numbered: Mapping[str, str]) -> Iterable[tuple[str, str, str, Subcolumn]]:
    """Label, arm, animal and cells of every subcolumn that holds anything."""
    for position, data in enumerate(table.sets):
        letter = letters(position)
        if data.title in numbered:
            one = next(one for one in data.subcolumns if not one.blank)
            yield letter, numbered[data.title], data.title, one
            continue
        arm = data.title or f"Data Set-{letter}"
        for number, one in enumerate(data.subcolumns, start=1):
            if not one.blank:
                label = f"{letter}:Y{number}" if len(data.subcolumns) > 1 else letter
                yield label, arm, one.title or f"{arm}/{number}", one


def _transposed(table: PrismTable) -> list[tuple[str, str, str, Subcolumn]]:
    """The same of a grouped table with a data set per day and a row per arm; empty where it is not one."""
    titles = table.row_titles
    if table.kind != "grouped" or titles is None or not _times([data.title for data in table.sets]):
        return []
    if _times(titles.cells):
        return []
    found: list[tuple[str, str, str, Subcolumn]] = []
    for row, arm in enumerate(titles.cells):
        for number in range(max(len(data.subcolumns) for data in table.sets)):
            across = [data.subcolumns[number] if number < len(data.subcolumns) else _NOTHING for data in table.sets]
            cells = tuple(one.cells[row] if row < len(one.cells) else "" for one in across)
            excluded = frozenset(place for place, one in enumerate(across) if row in one.excluded)
            if any(cells):
                name = next((one.title for one in across if one.title), "")
                label = f"row {row + 1} Y{number + 1} of data set"
                found.append(
                    (label, arm or f"row {row + 1}", name or f"{arm}/{number + 1}", Subcolumn("", cells, excluded))
                )
    return found


_NOTHING = Subcolumn("", ())


def _sheet(
    place: str, grid: _Grid, decimal: str, notices: list[str], says: dict[str, str], columns: dict[str, str]
) -> Sheet:
    texts = [list(column.cells) for column in grid.columns]
    notices += _without_thousands(place, texts, decimal)
    top = len(grid.headings[0]) if grid.headings else 1
    rows = [list(level) for level in zip(*grid.headings, strict=True)]
    longest = max(map(len, texts), default=0)
    rows += [[column[row] if row < len(column) else "" for column in texts] for row in range(longest)]
    excluded: dict[Cell, str] = {}
    addresses: dict[Cell, str] = {}
    for position, (label, column) in enumerate(zip(grid.labels, grid.columns, strict=True)):
        addresses |= {(level, position): f"title of {label}" for level in range(top)}
        for row, text in enumerate(texts[position]):
            across = label.startswith("row ") and label != "row title"
            addresses[top + row, position] = f"{label} {letters(row)}" if across else f"{label} row {row + 1}"
            if starred := re.fullmatch(r"(.*\d[.,]?)\s*\*", text):  # how Prism writes an excluded value as text
                rows[top + row][position] = starred[1]
            if text and (starred or row in column.excluded):
                excluded[top + row, position] = REASON
    return Sheet(
        place, rows, excluded=excluded, addresses=addresses, says=says, columns=columns, notices=tuple(notices)
    )


def _without_thousands(place: str, columns: list[list[str]], decimal: str) -> list[str]:
    """Take marks of thousands out of the cells where other cells show that they are such; say so."""
    other = "," if decimal == "." else "."
    sign, mark = re.escape(decimal), re.escape(other)
    grouped = re.compile(rf"[<≤]?\s*[+-]?[1-9]\d{{0,2}}(?:{mark}\d{{3}})+(?:{sign}\d*)?\*?")
    number = re.compile(rf"{number_pattern(decimal)}\*?", flags=re.IGNORECASE)
    marked = [(column, row) for column in columns for row, text in enumerate(column) if other in text]
    marked = [(column, row) for column, row in marked if re.search(rf"\d{mark}\d", column[row])]
    sure = any(decimal in text and number.fullmatch(text) for column in columns for text in column) or any(
        decimal in column[row] or column[row].count(other) > 1 for column, row in marked
    )
    if not marked or not sure or not all(grouped.fullmatch(column[row]) for column, row in marked):
        return []
    shown = marked[0][0][marked[0][1]]
    for column, row in marked:
        column[row] = column[row].replace(other, "")
    what = "commas" if other == "," else "points"
    return [
        f"{place}: {what} between thousands were taken out of {len(marked)} cells ({quoted(shown)} is no fraction)."
    ]
