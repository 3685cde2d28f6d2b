"""GraphPad Prism's own files since version 10 (.prism): a ZIP of CSV and JSON. See docs/prism.md.

Its maker describes the format in words only; what is not known for certain makes a table refused, never guessed.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from xenograft.errors import StudyError
from xenograft.reading.prism import DataSet, PrismTable, Subcolumn, sheet_of
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet
from xenograft.reading.xlsx import LARGEST_UNPACKED, NOT_A_WORKBOOK

_KINDS = {
    "xy": "XY", "column": "column", "grouped": "grouped", "multivariable": "multiple variables",
    "partsofwhole": "parts of whole",
}  # fmt: skip
_SINGLE = ("y_single", "text")
_REPLICATES = ("y_replicates", "text_replicates")
_DOUBTFUL = {"OUTLIER", "ERRONEOUS_VALUE", "BAD_VALUE", "SECTION_TITLE", "CENSORED"}
_WAY = "in Prism, save the file as .pzfx and name that as data, or copy the table into a CSV"


def read_prism(place: str, content: bytes, entry: StudyEntry) -> Sheet:
    """The cells of one data table of a .prism file.

    Takes what `pzfx.read_pzfx` takes.

    Raises
    ------
    StudyError
        Not such a file, no such table, or one whose storage is not known for certain.
    """
    return sheet_of(place, tables_of_prism(place, content), entry)


def tables_of_prism(place: str, content: bytes) -> list[PrismTable]:
    """Every data table of a .prism file, in the order of the file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > LARGEST_UNPACKED:
                raise StudyError(f"{place}: unpacks to more than {LARGEST_UNPACKED // 1_000_000} MB: {_WAY}.")
            document = json.loads(packed.read("document.json"))
            return [table for uid in document["sheets"]["data"] if (table := _sheet(packed, document, uid))]
    except StudyError:
        raise
    except (*NOT_A_WORKBOOK, KeyError, TypeError, ValueError, RuntimeError, OSError, EOFError):
        raise StudyError(f"{place}: is not a .prism file that can be read: {_WAY}.") from None


def _sheet(packed: zipfile.ZipFile, document: Mapping[str, Any], uid: str) -> PrismTable | None:
    written = json.loads(packed.read(f"data/sheets/{uid}/sheet.json"))
    table = written.get("table")
    if not table:
        return None
    attributes = document.get("sheetAttributesMap", {}).get(uid, {})
    title = _text(written.get("title")) or _text(attributes.get("title"))
    kind = str(table.get("format", "unknown"))
    kind = _KINDS.get(kind, kind)
    values = table.get("dataFormat", "y_single")
    if values not in (*_SINGLE, *_REPLICATES):
        return PrismTable(title, kind, summaries=f'values of the format "{values}"')
    try:
        return _table(packed, title, kind, table)
    except _NotKnownError as why:
        return PrismTable(title, kind, refused=f"{why}: {_WAY}")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return PrismTable(title, kind, refused=f"is stored in a way that is not publicly described: {_WAY}")


class _NotKnownError(Exception):
    """What of a table cannot be read for certain."""


def _table(packed: zipfile.ZipFile, title: str, kind: str, table: Mapping[str, Any]) -> PrismTable:
    each = 1 if table.get("dataFormat", "y_single") in _SINGLE else int(table["replicatesCount"])
    sets: Sequence[str] = table["dataSets"]
    row_titles, x = table.get("rowTitlesDataSet"), table.get("xDataSet")
    axis = _data_set(packed, x) if x else {}
    series = axis.get("format") == "series"
    if re.search("date|time", str(axis.get("format", "")), flags=re.IGNORECASE):
        raise _NotKnownError("has dates or times as X, whose storage is not publicly described")
    folder = f"data/tables/{table['uid']}"
    rows = list(csv.reader(io.StringIO(packed.read(f"{folder}/data.csv").decode("utf-8-sig"), newline="")))
    size = json.loads(packed.read(f"{folder}/content.json"))
    width = (1 if row_titles else 0) + (1 if x and not series else 0) + len(sets) * each
    if size["numberOfColumns"] != width or size["numberOfRows"] != len(rows) or any(len(row) > width for row in rows):
        raise _NotKnownError(f"is stored in {size['numberOfColumns']} columns where {width} are understood")
    cells = [tuple(row[column].strip() if column < len(row) else "" for row in rows) for column in range(width)]
    taken = iter(cells)
    titles = Subcolumn("", next(taken)) if row_titles else None
    abscissa = None
    if x:
        values = _series(axis, len(rows)) if series else next(taken)
        abscissa = DataSet(_text(axis.get("title")), (Subcolumn("", values),))
    names = _titles(packed, table.get("subcolumnTitlesDataSet"))
    found: list[DataSet] = []
    for place, uid in enumerate(sets):
        written = _data_set(packed, uid)
        columns = [next(taken) for _ in range(each)]
        excluded = _excluded(written, columns)
        found.append(
            DataSet(
                _text(written.get("title")),
                tuple(
                    Subcolumn(names.get((place, number), ""), column, excluded[number])
                    for number, column in enumerate(columns)
                ),
            )
        )
    return PrismTable(title, kind, "", abscissa, titles, tuple(found))


def _excluded(written: Mapping[str, Any], columns: Sequence[tuple[str, ...]]) -> list[frozenset[int]]:
    """Rows of each subcolumn that Prism excludes; every mark of the data set must be accounted for."""
    rows: list[set[int]] = [set() for _ in columns]
    marks = 0
    for number, replicate in enumerate(written.get("replicates") or []):
        for mark in replicate.get("cellAttributes") or []:
            if doubtful := _DOUBTFUL & set(mark["attributes"]):
                raise _NotKnownError(f"marks cells as {sorted(doubtful)[0]}, whose meaning is not publicly described")
            if "EXCLUDED" in mark["attributes"]:
                marks += 1
                first, last = re.fullmatch(r"(\d+)(?:~(\d+))?", mark["rows"]).groups()  # type: ignore[union-attr]
                rows[number] |= set(range(int(first), int(last or first) + 1))
    told = json.dumps(written).count('"EXCLUDED"')
    counted = int(written.get("excludesCount") or 0)
    blank = any(not column[row] for column, marked in zip(columns, rows, strict=True) for row in marked)
    if marks != told or blank or (counted and not marks):
        raise _NotKnownError("excludes values in a way that is not publicly described")
    return [frozenset(one) for one in rows]


def _series(axis: Mapping[str, Any], rows: int) -> tuple[str, ...]:
    """Values of an X that Prism computes from its first value and its step."""
    (written,) = axis["replicates"]
    start, step = float(written["startValue"]), float(written["interval"])
    return tuple(f"{start + step * row:.12g}" for row in range(rows))


def _titles(packed: zipfile.ZipFile, uid: str | None) -> dict[tuple[int, int], str]:
    """Titles of subcolumns, by data set and replicate."""
    if not uid:
        return {}
    return {
        (int(column["column"]), int(one["replicate"])): _text(one["name"])
        for column in _data_set(packed, uid)["titles"]
        for one in column["replicates"]
    }


def _data_set(packed: zipfile.ZipFile, uid: str) -> dict[str, Any]:
    return json.loads(packed.read(f"data/sets/{uid}.json"))


def _text(written: Any) -> str:
    """A title: plain text, or a record of text and its fonts."""
    if written is None:
        return ""
    return " ".join((written if isinstance(written, str) else str(written["string"])).split())
