"""Which formula the volumes of a table follow, where it gives lengths and widths beside them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_KNOWN: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "1/2 L W^2": lambda long, wide: 0.5 * long * wide**2,
    "pi/6 L W^2": lambda long, wide: np.pi / 6 * long * wide**2,
    "0.52 L W^2": lambda long, wide: 0.52 * long * wide**2,
    "1/2 L^2 W": lambda long, wide: 0.5 * long**2 * wide,
    "pi/6 (L W)^(3/2)": lambda long, wide: np.pi / 6 * (long * wide) ** 1.5,
}


def formula_followed(long: np.ndarray, wide: np.ndarray, volume: np.ndarray) -> tuple[str, np.ndarray] | None:
    """Which formula volumes follow from their lengths and widths, and which of them do not follow it.

    Parameters
    ----------
    long, wide : arrays (row,)
        Lengths (mm).
    volume : array (row,)
        mm³.

    Returns
    -------
    (str, array of bool (row,)) or None
        The formula, and the rows further from it than rounding explains; None where no formula fits half of the rows.
    """
    sound = np.isfinite(long) & np.isfinite(wide) & np.isfinite(volume) & (volume > 0) & (long > 0) & (wide > 0)
    if sound.sum() < 3:
        return None
    best: tuple[str, np.ndarray, float] | None = None
    for name, function in _KNOWN.items():
        with np.errstate(all="ignore"):
            away = np.abs(np.log(function(long, wide) / volume))
        slack = 0.02 + 0.06 / np.minimum(long, wide)  # lengths are written to 0.1 mm or finer
        off = sound & (away > np.where(np.isfinite(slack), slack, 1.0))
        middle = float(np.median(away[sound]))
        if best is None or middle < best[2]:
            best = (name, off, middle)
    assert best is not None
    return (best[0], best[1]) if best[1].sum() < sound.sum() / 2 else None
