"""One block of numbers that holds a study and a card for the compiled density: what lies where, and how it is read.

The density is compiled once, whatever is fitted; a study and a card are its data. They lie in one array of 8-byte
numbers, behind a header that says where each table begins and how long it is, so that a sampler that calls compiled
code needs one address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numba
import numpy as np

_options: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
jitted: Any = numba.njit(**_options)
"""Compiled as a part of the density; a division by 0 gives no error but a number that is not finite.

Compiled functions see the block twice, as `real` numbers and as `whole` ones, and read `real[whole[TABLE] + i]`: slices
and reshaped views would take most of the time that compilation takes.
"""

(
    PRIOR_KIND, PRIOR_NUMBERS, POSITION,
    ELAPSED, JUMP_DAY, JUMP, RATES_OF_COURSE, UNIT_OF_COURSE, FACTORS, BASIS,
    UNIT_AT, UNIT_LOG_DOSE, ARM_FIRST_UNIT, ARM_UNITS, ARM_JOINT, HIGHEST, SD_GROWTH_AT, ERROR_AT, FLOOR,
    READINGS_BY_ARM, GROUP_ARM, GROUP_COHORT, GROUP_FIRST_ROW, GROUP_ANIMALS, ANIMALS, ROW_DAY, ROW_SUMS, LOG_VOLUMES,
    MOMENTS_AT, MOMENTS,
    READING_GROUP, READING_ROW, READING_VALUE, READING_SPREAD, SPREAD_USED,
    LATENT_GROUP, LATENT_ANIMAL, LATENT_AT, LATENT_FIRST, BELOW_DAY, BELOW_LIMIT, BELOW_SPREAD,
    MOUSE_FIRST, COMMON_AT, TUMOUR_GROUP, TUMOUR_ANIMAL, TUMOUR_LATENT, GROUP_IN_MOUSE, LATENT_IN_MOUSE,
    CAGE_FIRST, CAGE_GROUP, CAGE_ANIMAL, CAGE_COMMON_AT, CAGE_OF_LATENT,
) = range(54)  # fmt: skip
"""Tables of the block; `study_block` says what is in each."""

TABLES = 54

(
    NORMAL, HALF_NORMAL, LOG_NORMAL, GAMMA, EXPONENTIAL, CORRELATION_UNIT, SHARE,
    SCALED_COHORT, SCALED_BEND, SPREAD_OF_READING, SCALED_DEPARTURE,
) = range(11)  # fmt: skip
"""Entries of `PRIOR_KIND`: a prior with its transform; the last four depend on other coordinates too."""

(
    BASELINE, GROWTH, SLOWING, RATES, DOSE_POWER, SD_BASELINE, SD_EFFECT, CORRELATION, SMALL_TUMOUR_ERROR,
    DEGREES_OF_FREEDOM, SD_COHORT, COHORT, SMOOTHNESS, BEND, SPREAD, MOUSE_SHARE, RESIDUAL, CAGE_SHARE,
    DEPARTURE_MEAN, SD_DEPARTURE,
) = range(20)  # fmt: skip
"""Entries of the table `POSITION`: the first coordinate of a parameter, −1 where the card has none."""

ROWS, COLUMNS_OF = TABLES, 2 * TABLES
"""The header: where table `t` begins is entry `t`, its rows are entry `ROWS + t`, its columns `COLUMNS_OF + t`."""

END = 3 * TABLES
"""Entry of the header with the length of the block."""


def packed(tables: Mapping[int, np.ndarray]) -> np.ndarray:
    """The block of some tables.

    Parameters
    ----------
    tables : mapping of int to array
        By its place; whole numbers or real ones, of one dimension or two.

    Returns
    -------
    array (number)
        Float; whole numbers, the header's too, lie in it by their bits.
    """
    header = np.zeros(END + 1, dtype=np.int64)
    parts: list[np.ndarray] = []
    header[END] = len(header)
    for slot in range(TABLES):
        table = np.atleast_1d(tables[slot])
        kind = np.int64 if table.dtype.kind in "bi" else np.float64
        parts.append(np.ascontiguousarray(table, dtype=kind).ravel().view(np.float64))
        header[slot], header[ROWS + slot] = header[END], len(table)
        header[COLUMNS_OF + slot] = table.shape[1] if table.ndim == 2 else 1
        header[END] += table.size
    return np.concatenate([header.view(np.float64), *parts])
