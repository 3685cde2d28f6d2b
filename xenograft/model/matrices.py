"""Small symmetric matrices as lists of lists of arrays: two or three rows, elementwise over animals and draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def cholesky(matrix: Sequence[Sequence[Any]], *, xp: Any = np) -> list[list[Any]]:
    """Lower factor c of a positive definite matrix c c', of which only the lower half is looked at."""
    factor: list[list[Any]] = []
    for k, entries in enumerate(matrix):
        row: list[Any] = []
        for m in range(k):
            row.append((entries[m] - sum(row[n] * factor[m][n] for n in range(m))) / factor[m][m])
        factor.append([*row, xp.sqrt(entries[k] - sum(entry**2 for entry in row))])
    return factor


def forward_substituted(factor: Sequence[Sequence[Any]], right: Sequence[Any]) -> list[Any]:
    """Solution x of c x = right."""
    found: list[Any] = []
    for k, value in enumerate(right):
        found.append((value - sum(factor[k][n] * found[n] for n in range(k))) / factor[k][k])
    return found


def back_substituted(factor: Sequence[Sequence[Any]], right: Sequence[Any]) -> list[Any]:
    """Solution x of c' x = right."""
    found: list[Any] = [None] * len(right)
    for k in reversed(range(len(right))):
        rest = sum(factor[m][k] * found[m] for m in range(k + 1, len(right)))
        found[k] = (right[k] - rest) / factor[k][k]
    return found


def solved(factor: Sequence[Sequence[Any]], right: Sequence[Any]) -> list[Any]:
    """Solution x of c c' x = right."""
    return back_substituted(factor, forward_substituted(factor, right))
