"""The cells of a sheet as they are written, as text and as numbers: what a second look sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xenograft.reading.guess_columns import named_columns
from xenograft.reading.sheet import Sheet


@dataclass(frozen=True)
class AsWritten:
    """The cells of a sheet as text and as numbers (NaN), one array each."""

    place: str
    text: np.ndarray
    number: np.ndarray

    @staticmethod
    def of(sheet: Sheet) -> AsWritten:
        width = max(map(len, sheet.rows), default=0)
        text = np.array([[*row, *[""] * (width - len(row))] for row in sheet.rows], dtype=object)
        if not text.size:
            return AsWritten(sheet.place, text.reshape(0, 0), np.empty((0, 0)))
        flat = pd.Series(text.ravel(), dtype="str").str.strip()
        plain = flat.str.replace(",", ".", n=1) if flat.str.fullmatch(r"[+-]?\d+,\d{1,2}").any() else flat
        number = pd.to_numeric(plain.where(plain.str.match(r"[+-]?\.?\d")), errors="coerce").to_numpy(dtype=float)
        return AsWritten(sheet.place, flat.to_numpy(dtype=object).reshape(text.shape), number.reshape(text.shape))


def header_row(cells: AsWritten) -> int | None:
    """The row of text that names the most columns."""
    worth = [len(named_columns(row.tolist()).parts) for row in cells.text[:30]]
    return int(np.argmax(worth)) if worth and max(worth) >= 2 else None
