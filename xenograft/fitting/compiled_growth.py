"""What a tumour's own baseline and growth rate contribute to its log volume by day, compiled: as `model.growth`."""
# pyright: basic

from __future__ import annotations

import math

from xenograft.fitting.block import ELAPSED, POSITION, SLOWING, jitted

SERIES_BELOW = 1e-4
"""|x| below which (1 − e^−x)/x and its derivative are taken from their series; the error there is below 1e-17."""

FROM_BASELINE, FROM_GROWTH, BASELINE_SLOPE, GROWTH_SLOPE = range(4)
"""Rows of the growth table: what baseline and growth rate contribute, and both derived by the slowing rate."""


@jitted
def relative_growth(x):
    """(1 − e^−x)/x and its derivative."""
    if abs(x) < SERIES_BELOW:
        return 1 - x / 2 + x * x / 6 - x * x * x / 24, -0.5 + x / 3 - x * x / 8 + x * x * x / 30
    lost = -math.expm1(-x)
    value = lost / x
    return value, (1 - lost - value) / x


@jitted
def fill_growth(real, whole, natural, growth):
    """Rows `FROM_BASELINE` to `GROWTH_SLOPE` of `growth` (row, day)."""
    elapsed, at = whole[ELAPSED], whole[whole[POSITION] + SLOWING]
    for d in range(growth.shape[1]):
        day = real[elapsed + d]
        if at < 0:
            growth[FROM_BASELINE, d] = 1.0
            growth[FROM_GROWTH, d] = day
            continue
        value, slope = relative_growth(natural[at] * day)
        growth[FROM_BASELINE, d] = math.exp(-natural[at] * day)
        growth[FROM_GROWTH, d] = day * value
        growth[BASELINE_SLOPE, d] = -day * growth[FROM_BASELINE, d]
        growth[GROWTH_SLOPE, d] = day * day * slope
