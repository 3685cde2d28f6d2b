"""A sheet: the cells of one table as text, numbered as the program that wrote them numbers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Cell = tuple[int, int]
"""Row and column of a cell of a sheet, from 0."""


@dataclass(frozen=True)
class Sheet:
    """The cells of one table.

    Parameters
    ----------
    place : str
        Name of the file, for sentences.
    rows : list of lists of str
        Every cell as text, row 1 of the spreadsheet first; rows may differ in length.
    merged : mapping of Cell to Cell
        Of a cell hidden by a merge: the cell that shows its value.
    excluded : mapping of Cell to str
        Of a cell that the file itself marks as not to be used: why.
    addresses : mapping of Cell to str
        What the program that wrote the file calls a cell, where that is not "B3".
    says : mapping of str to str
        Keys of study.toml whose values (in TOML) follow from the kind of file, for a first draft: `layout`, `header`.
    columns : mapping of str to str
        The same of [columns]: part to heading.
    checksum : str
        SHA-256 of the file.
    notices : tuple of str
        What a reader should know: sheets not read, an encoding that was assumed.
    """

    place: str
    rows: list[list[str]]
    merged: Mapping[Cell, Cell] = field(default_factory=dict[Cell, Cell])
    excluded: Mapping[Cell, str] = field(default_factory=dict[Cell, str])
    addresses: Mapping[Cell, str] = field(default_factory=dict[Cell, str])
    says: Mapping[str, str] = field(default_factory=dict[str, str])
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    checksum: str = ""
    notices: tuple[str, ...] = ()

    def address(self, row: int, column: int) -> str:
        """What people call a cell (row and column from 0): "B3", or as the program that wrote the file says."""
        return self.addresses.get((row, column)) or f"{letters(column)}{row + 1}"


def letters(column: int) -> str:
    """The letters of a spreadsheet's column: 0 is A, 26 is AA."""
    before, last = divmod(column, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)
