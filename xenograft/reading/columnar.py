"""Parquet and Feather files: a data frame as it was written, its index and the kinds of its columns kept."""

from __future__ import annotations

import io
from pathlib import PurePath

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet

from xenograft.errors import StudyError, quoted
from xenograft.reading.cells import text_of
from xenograft.reading.schema import StudyEntry
from xenograft.reading.sheet import Sheet

PARQUET = (".parquet", ".pq")
FEATHER = (".feather", ".arrow")


def read_columnar(place: str, content: bytes, entry: StudyEntry) -> Sheet:
    """The cells of a Parquet or Feather file, with the names of its columns in row 1.

    Numbers are written so that they read back to the last bit, dates as 2024-03-01, ids as they are ("007" stays).

    Parameters
    ----------
    place : str
        Name of the file; its suffix says which of the two it is.
    content : bytes
        The file.
    entry : StudyEntry
        Its decimal sign is used for numbers, as for those of a workbook.

    Raises
    ------
    StudyError
        Not such a file, or a column of lists.
    """
    frame = _frame(place, content)
    if any(name is not None for name in frame.index.names) or not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    columns = [frame.iloc[:, position] for position in range(frame.shape[1])]
    for column in columns:
        if isinstance(first := next((value for value in column if value is not None), None), list | dict) or (
            hasattr(first, "__len__") and not isinstance(first, str | bytes)
        ):
            finding = f"its column {quoted(str(column.name))} holds lists, not one value a row"
            raise StudyError(f"{place}: {finding}. Write one row per reading.")
    levels = frame.columns.nlevels
    headings = [[str(part) for part in name] if isinstance(name, tuple) else [str(name)] for name in frame.columns]
    written = [_written(column, entry.decimal) for column in columns]
    rows = [[heading[level] for heading in headings] for level in range(levels)]
    return Sheet(place, rows + [list(row) for row in zip(*written, strict=True)])


def _frame(place: str, content: bytes) -> pd.DataFrame:
    try:
        if PurePath(place).suffix.lower() in PARQUET:
            return parquet.read_table(io.BytesIO(content)).to_pandas()
        return feather.read_table(io.BytesIO(content)).to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError):
        raise StudyError(f"{place}: cannot be read. Write the data frame again, with to_parquet or to_csv.") from None


def _written(column: pd.Series, decimal: str) -> list[str]:
    text = text_of(column).fillna("")
    if decimal != "." and pd.api.types.is_float_dtype(column.dtype):
        text = text.str.replace(".", decimal, regex=False)
    return text.tolist()
