"""GraphPad Prism's XML files (.pzfx): their tables, cell by cell. See docs/prism.md."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from xenograft.errors import StudyError
from xenograft.reading.prism import DataSet, PrismTable, Subcolumn, sheet_of
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet

_TABLES = ("Table", "HugeTable", "Table1024")
_KINDS = {
    "XY": "XY", "OneWay": "column", "TwoWay": "grouped", "Survival": "survival", "Contingency": "contingency",
    "PartsOfWhole": "parts of whole", "Result": "results", "MultipleVariables": "multiple variables",
    "Nested": "nested",
}  # fmt: skip
_SUMMARIES = {
    "SD": "means with SD", "SE": "means with SEM", "CV": "means with CV", "SDN": "means with SD and n",
    "SEN": "means with SEM and n", "CVN": "means with CV and n", "low-high": "means with error bars",
    "upper-lower-limits": "means with limits",
}  # fmt: skip
_SCRIPTS = {"Sup": "^", "Sub": "_"}


def read_pzfx(place: str, content: bytes, entry: StudyEntry) -> Sheet:
    """The cells of one table of a .pzfx file, whichever version of Prism wrote it.

    Parameters
    ----------
    place : str
        Name of the file, for sentences.
    content : bytes
        The file.
    entry : StudyEntry
        Its `sheet` names the table; it is not needed where only one can hold readings.

    Raises
    ------
    StudyError
        Not Prism's XML, or no such table.
    """
    return sheet_of(place, tables_of_pzfx(place, content), entry)


def tables_of_pzfx(place: str, content: bytes) -> list[PrismTable]:
    """Every table of a .pzfx file, in the order of the file."""
    if content.startswith((b"PCFF", b"PK")):
        finding = "is not Prism's XML, whatever its name says"
        raise StudyError(f"{place}: {finding}. Open it in Prism and save it as .pzfx, or copy the table into a CSV.")
    try:
        root = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, UnicodeError, ValueError):
        raise StudyError(
            f"{place}: cannot be read as XML. Open it in Prism and save it again, or copy the table into a CSV."
        ) from None
    if _name(root) != "GraphPadPrismFile":
        raise StudyError(f"{place}: is XML, but not of GraphPad Prism. Save the table as .pzfx or as CSV.")
    return [_table(element) for element in root if _name(element) in _TABLES]


def _table(element: Element) -> PrismTable:
    kind = element.get("ExtTableType") or element.get("TableType", "")
    sets = [child for child in element if _name(child) == "YColumn"]
    titles = _subcolumn_titles(element)
    dated = element.get("XFormat") in ("date", "startenddate", "time")
    advanced = _first(element, "XAdvancedColumn") if dated else None  # beside it stand days or years since the first
    x = advanced if advanced is not None else _first(element, "XColumn")
    return PrismTable(
        title=_title(element),
        kind=_KINDS.get(kind, kind or "XY"),
        summaries=_SUMMARIES.get(element.get("YFormat", ""), ""),
        x=None if x is None else _data_set(x, []),
        row_titles=next((_subcolumn(one, "") for one in _subcolumns(_first(element, "RowTitlesColumn"))), None),
        sets=tuple(_data_set(one, [row[place] if place < len(row) else "" for row in titles])
                   for place, one in enumerate(sets)),
    )  # fmt: skip


def _subcolumn_titles(table: Element) -> list[list[str]]:
    """By subcolumn, its title in each data set."""
    element = _first(table, "SubColumnTitles")
    if element is None:
        return []
    own = element.get("OwnSet") != "0"
    sets = sum(_name(child) == "YColumn" for child in table)
    rows = [[_text(cell) for cell in one if _name(cell) == "d"] for one in _subcolumns(element)]
    return rows if own else [row * sets if len(row) == 1 else row for row in rows]


def _data_set(element: Element, titles: list[str]) -> DataSet:
    return DataSet(
        _title(element),
        tuple(
            _subcolumn(one, titles[place] if place < len(titles) else "")
            for place, one in enumerate(_subcolumns(element))
        ),
    )


def _subcolumn(element: Element, title: str) -> Subcolumn:
    cells = [cell for cell in element if _name(cell) == "d"]
    excluded = [row for row, cell in enumerate(cells) if cell.get("Excluded", "0").lower() in ("1", "true")]
    own = _first(element, "Title")
    return Subcolumn(
        title or ("" if own is None else _text(own)),
        tuple(_text(cell, scripts=True) for cell in cells),
        frozenset(excluded),
    )


def _title(element: Element) -> str:
    found = _first(element, "Title")
    return "" if found is None else _text(found)


def _text(element: Element, *, scripts: bool = False) -> str:
    """What an element says, without its fonts and alignments; in a cell, 154 with a raised 2 is no 1542."""
    return " ".join("".join(_pieces(element, scripts=scripts)).split())


def _pieces(element: Element, *, scripts: bool) -> Iterable[str]:
    yield element.text or ""
    for child in element:
        name = _name(child)
        yield " " if name == "BR" else _SCRIPTS.get(name, "") if scripts else ""
        yield from _pieces(child, scripts=scripts)
        yield child.tail or ""


def _subcolumns(element: Element | None) -> list[Element]:
    return [] if element is None else [child for child in element if _name(child) == "Subcolumn"]


def _first(element: Element, name: str) -> Element | None:
    return next((child for child in element if _name(child) == name), None)


def _name(element: Element) -> str:
    """An element's name without its namespace: Prism 6 to 8 write none, Prism 9 and 10 do, prismwriter mixes both."""
    return element.tag.rpartition("}")[2]
