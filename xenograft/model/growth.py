"""Growth laws: what a tumour's own baseline and growth rate contribute to its log volume.

See docs/mathematics.md#the-tumour.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SERIES_BELOW = 1e-4
"""|x| below which (1 − e^−x)/x is taken from its series; the error there is below 1e-17."""


def growth_columns(day: Any, slowing: Any, *, xp: Any = np) -> tuple[Any, Any]:
    """What a tumour's own baseline and growth rate contribute to its log volume by a given day.

    Parameters
    ----------
    day : array (day)
        Days since the first dose, negative before it.
    slowing : array (...) or None
        Gompertz slowing rate (1/day), 0 or more; None is exponential growth.

    Returns
    -------
    from_baseline, from_growth : arrays (..., day)
        Weight of the log baseline (no unit) and of the growth rate (days): e^−βt and (1 − e^−βt)/β.
    """
    if slowing is None:
        return xp.ones_like(day), day
    slowed = slowing[..., None] * day
    return xp.exp(-slowed), day * relative_growth(slowed, xp=xp)


def relative_growth(x: Any, *, xp: Any = np) -> Any:
    """(1 − e^−x)/x, exact in value and gradient at 0.

    Parameters
    ----------
    x : array (...)
        Rate times duration, no unit, of either sign.

    Returns
    -------
    array (...)
        Between 0 and 1 for positive x, 1 at 0.
    """
    small = xp.abs(x) < SERIES_BELOW
    if xp is np and np.ndim(x):  # most are not small: the series is for those that are
        with np.errstate(divide="ignore", invalid="ignore"):
            found = -np.expm1(-x) / x
        found[small] = _near_zero(x[small])
        return found
    safe = xp.where(small, 1.0, x)
    return xp.where(small, _near_zero(x), -xp.expm1(-safe) / safe)


def _near_zero(x: Any) -> Any:
    return 1 - x / 2 + x**2 / 6 - x**3 / 24
