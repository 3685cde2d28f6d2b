"""The density that is sampled: log posterior and gradient at unconstrained coordinates, compiled once per machine.

Priors and transforms are PyMC's (log of a positive parameter, log odds of one on 0–1), so that the density is that of
`pymc_model.build`, constants included.
"""
# pyright: basic

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from filelock import FileLock, Timeout
from numba import types
from numba.np.numpy_support import carray

from xenograft.fitting.block import (
    ANIMALS,
    ARM_JOINT,
    CAGE_COMMON_AT,
    COLUMNS_OF,
    CORRELATION_UNIT,
    DEPARTURE_MEAN,
    ELAPSED,
    END,
    GAMMA,
    GROUP_ARM,
    HALF_NORMAL,
    LATENT_GROUP,
    LOG_NORMAL,
    LOG_VOLUMES,
    NORMAL,
    POSITION,
    PRIOR_KIND,
    PRIOR_NUMBERS,
    RATES_OF_COURSE,
    ROW_SUMS,
    ROWS,
    SCALED_BEND,
    SCALED_COHORT,
    SCALED_DEPARTURE,
    SD_BASELINE,
    SD_COHORT,
    SD_DEPARTURE,
    SD_EFFECT,
    SD_GROWTH_AT,
    SHARE,
    SMOOTHNESS,
    SPREAD_OF_READING,
    SPREAD_USED,
    TUMOUR_GROUP,
    UNIT_AT,
    jitted,
)
from xenograft.fitting.compiled_arms import (
    COLUMNS,
    arms_backwards,
    fill_arms,
    fill_exposure,
)
from xenograft.fitting.compiled_cages import (
    add_cages,
    cages_backwards,
    growth_given_readings,
    integrate_cages,
    parts_backwards,
)
from xenograft.fitting.compiled_growth import fill_growth
from xenograft.fitting.compiled_latents import (
    below_the_limit,
    copy_information,
    fill_weighted_rows,
    spreads_backwards,
    weighted_rows_backwards,
)
from xenograft.fitting.compiled_mice import (
    below_the_limit_of_mice,
    integrate_mice,
    tumours_alone,
    tumours_information,
)
from xenograft.fitting.compiled_readings import (
    LOG_2_PI,
    fill_rows,
    gather_information,
    integrate,
    integrate_by_moments,
    normal_constants,
    readings_backwards,
)

NOT_FINITE, WRONG_SIZE = 3, -1
"""What an entry returns otherwise than 0; nutpie goes on after a positive number, as at a divergence."""

PATIENCE = 300.0
"""Seconds to wait for another process that compiles the same function."""

SOURCES = (
    "block", "compiled_growth", "compiled_arms", "compiled_readings", "compiled_latents", "compiled_mice",
    "compiled_cages", "compiled_density",
)  # fmt: skip
"""Modules of which compiled code is made."""

_SOURCES = tuple(Path(__file__).parent / f"{name}.py" for name in SOURCES)


@jitted
def prior_of_coordinate(kind, a, b, constant, x):
    """Log density of an unconstrained coordinate, its derivative, the parameter, and the parameter's derivative."""
    if kind in (NORMAL, SCALED_COHORT, SCALED_DEPARTURE):
        z = (x - a) / b
        return constant - 0.5 * z * z, -z / b, x, 1.0
    if kind in (SCALED_BEND, SPREAD_OF_READING):
        return 0.0, 0.0, x, 1.0
    if kind == CORRELATION_UNIT:
        small = math.exp(-abs(x))
        unit = 1 / (1 + small) if x > 0 else small / (1 + small)
        logs = -abs(x) - 2 * math.log1p(small)
        return constant + a * logs, a * (1 - 2 * unit), 2 * unit - 1, 2 * small / (1 + small) ** 2
    if kind == SHARE:
        small = math.exp(-abs(x))
        unit = 1 / (1 + small) if x > 0 else small / (1 + small)
        log_unit, log_rest = min(x, 0.0) - math.log1p(small), min(-x, 0.0) - math.log1p(small)
        return constant + a * log_unit + b * log_rest, a - (a + b) * unit, unit, small / (1 + small) ** 2
    value = math.exp(x)
    if kind == HALF_NORMAL:
        square = (value / a) ** 2
        return constant - 0.5 * square + x, 1 - square, value, value
    if kind == LOG_NORMAL:
        z = (x - a) / b
        return constant - 0.5 * z * z, -z / b, value, value
    if kind == GAMMA:
        return constant + a * x - b * value, a - b * value, value, value
    return constant - a * value + x, 1 - a * value, value, value


@jitted
def fill_priors(real, whole, x, natural, slope, gradient, of_natural):
    """The parameters, their slopes and the priors' gradient; return the priors' log density."""
    sd_cohort, rough = whole[whole[POSITION] + SD_COHORT], whole[whole[POSITION] + SMOOTHNESS]
    total = 0.0
    for i in range(natural.size):
        kind, at = whole[whole[PRIOR_KIND] + i], whole[PRIOR_NUMBERS] + 3 * i
        prior = prior_of_coordinate(kind, real[at], real[at + 1], real[at + 2], x[i])
        total += prior[0]
        gradient[i], natural[i], slope[i] = prior[1], prior[2], prior[3]
    smoothness = natural[rough] if rough >= 0 else 1.0
    log_smoothness = math.log(smoothness)
    for i in range(natural.size):
        if whole[whole[PRIOR_KIND] + i] == SCALED_COHORT:
            slope[i] = natural[sd_cohort]
            natural[i] = slope[i] * x[i]
        if whole[whole[PRIOR_KIND] + i] == SCALED_DEPARTURE:
            slope[i] = natural[whole[whole[POSITION] + SD_DEPARTURE]]
            natural[i] = natural[whole[whole[POSITION] + DEPARTURE_MEAN]] + slope[i] * x[i]
        if whole[whole[PRIOR_KIND] + i] == SCALED_BEND:  # normal with the scale √smoothness, which also multiplies it
            square = x[i] * x[i] / smoothness
            total -= 0.5 * (square + log_smoothness + LOG_2_PI)
            gradient[i] = -x[i] / smoothness
            of_natural[rough] += 0.5 * (square - 1) / smoothness
            slope[i] = math.sqrt(smoothness)
            natural[i] = slope[i] * x[i]
    return total


@jitted
def priors_backwards(whole, x, slope, of_natural, gradient):
    """Add to the gradient what the parameters' derivatives say."""
    for i in range(slope.size):
        if whole[whole[PRIOR_KIND] + i] == SCALED_COHORT:
            of_natural[whole[whole[POSITION] + SD_COHORT]] += of_natural[i] * x[i]
        if whole[whole[PRIOR_KIND] + i] == SCALED_DEPARTURE:
            of_natural[whole[whole[POSITION] + DEPARTURE_MEAN]] += of_natural[i]
            of_natural[whole[whole[POSITION] + SD_DEPARTURE]] += of_natural[i] * x[i]
        if whole[whole[PRIOR_KIND] + i] == SCALED_BEND:
            of_natural[whole[whole[POSITION] + SMOOTHNESS]] += 0.5 * of_natural[i] * x[i] / slope[i]
    for i in range(slope.size):
        gradient[i] += of_natural[i] * slope[i]


@jitted
def number_of_effects(whole):
    """How many effects an animal has of its own."""
    found = 1 if whole[whole[SD_GROWTH_AT]] >= 0 else 0
    found += 1 if whole[whole[POSITION] + SD_BASELINE] >= 0 else 0
    return found + (1 if whole[whole[POSITION] + SD_EFFECT] >= 0 else 0)


_DOUBLES = types.CPointer(types.double)
ENTRY = types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr)
"""Size, position, gradient, value, data: how nutpie calls a density."""

EXPANSION = types.int64(types.uint64, types.uint64, _DOUBLES, _DOUBLES, types.voidptr)
"""Size, size of the result, position, result, data: how nutpie asks what is to be stored of a position."""


@cache
def compiled_density(*, with_latents: bool, share: str | None) -> Any:
    """The C function of a density, from numba's cache where this machine has compiled it before.

    Parameters
    ----------
    with_latents : bool
        Whether any reading is censored or has a Student error.
    share : {"mouse_share", "cage_share"} or None
        What tumours of a mouse or animals of a cage have in common.
    """
    latents, mice, cages = int(with_latents), int(share == "mouse_share"), int(share == "cage_share")

    def entry(size, position_, gradient_, value_, block_):
        header = carray(block_, (END + 1,), np.int64)
        if size != header[ROWS + PRIOR_KIND]:
            return WRONG_SIZE
        real, whole = carray(block_, (header[END],), np.float64), carray(block_, (header[END],), np.int64)
        x, gradient, value = carray(position_, (size,)), carray(gradient_, (size,)), carray(value_, (1,))
        natural, slope, of_natural = np.zeros(size), np.zeros(size), np.zeros(size)
        days, units, effects = whole[ROWS + ELAPSED], whole[ROWS + UNIT_AT], number_of_effects(whole)
        growth, of_growth, alone = np.zeros((4, days)), np.zeros((4, days)), np.zeros((units, days))
        exposure = np.zeros((2 + whole[COLUMNS_OF + RATES_OF_COURSE], units, days))
        arms = np.zeros((COLUMNS + effects, whole[ROWS + ARM_JOINT], days))
        of_arms = np.zeros((COLUMNS + effects, whole[ROWS + ARM_JOINT], days))
        vector = np.zeros((effects, whole[whole[ANIMALS]]))
        matrix = np.zeros((whole[ROWS + GROUP_ARM], effects, effects))
        rows = np.zeros((3, whole[COLUMNS_OF + ROW_SUMS]))
        volumes, begin = real, whole[LOG_VOLUMES]
        total = fill_priors(real, whole, x, natural, slope, gradient, of_natural)
        fill_growth(real, whole, natural, growth)
        fill_exposure(real, whole, natural, exposure)
        fill_arms(real, whole, natural, growth, exposure, alone, arms)
        if latents:
            weights, of_weights = np.zeros(whole[ROWS + SPREAD_USED]), np.zeros(whole[ROWS + SPREAD_USED])
            own_vector = np.zeros((whole[ROWS + LATENT_GROUP], effects))
            own_matrix = np.zeros((whole[ROWS + LATENT_GROUP], effects, effects))
            if weights.size > 0:
                volumes, begin = np.zeros(rows.shape[1]), 0
                total += fill_weighted_rows(real, whole, natural, weights, rows, volumes)
            else:
                fill_rows(real, whole, rows)
        else:
            fill_rows(real, whole, rows)
        total += normal_constants(real, whole, arms, of_arms)
        if not cages:
            total += integrate_by_moments(
                real, whole, natural, growth, arms, rows, effects, of_arms, of_growth, of_natural
            )
        total += gather_information(whole, natural, growth, arms, rows, volumes, begin, vector, matrix)
        if latents:
            copy_information(whole, vector, matrix, own_vector, own_matrix)
        if mice:
            tumours = whole[ROWS + TUMOUR_GROUP]
            of_tumours, square = np.zeros((2, tumours, effects)), np.zeros((5, tumours, effects, effects))
            tumours_information(whole, vector, matrix, of_tumours[0], square[0])
        if cages:
            column, sums = np.zeros((matrix.shape[0], effects)), np.zeros((whole[ROWS + CAGE_COMMON_AT], 2))
            growth_given_readings(whole, matrix, column)
        total += integrate(whole, vector, matrix)
        if cages:
            mean, of_part = vector.copy(), np.zeros(sums.shape[0])
            total += integrate_cages(whole, natural, column, mean, sums)
            if latents:
                add_cages(whole, natural, sums, own_vector)
        if mice:
            total += tumours_alone(
                whole, natural, of_tumours[0], square[0], square[1], square[2], square[3], of_tumours[1], square[4]
            )
            total += integrate_mice(
                whole, natural, of_tumours[0], square[3], of_tumours[1], square[4], vector, matrix, of_natural
            )
            if latents:
                total += below_the_limit_of_mice(
                    real, whole, natural, growth, arms, weights, of_tumours[0], square[0], square[1], square[2],
                    square[3], of_tumours[1], square[4], vector, matrix, of_arms, of_growth, of_weights, of_natural,
                )  # fmt: skip
        if latents:
            total += below_the_limit(
                real, whole, natural, growth, arms, weights, own_vector, own_matrix,
                vector, matrix, of_arms, of_growth, of_weights, of_natural,
            )  # fmt: skip
        if cages:
            if latents:
                parts_backwards(whole, vector, mean, of_part)
            cages_backwards(whole, natural, column, mean, sums, of_part, vector, matrix, of_natural)
        if latents and weights.size > 0:
            weighted_rows_backwards(real, whole, natural, growth, arms, weights, vector, matrix, of_weights)
            total += spreads_backwards(real, whole, natural, weights, of_weights, of_natural)
        readings_backwards(
            whole, natural, growth, arms, rows, volumes, begin, vector, matrix, of_arms, of_growth, of_natural
        )
        arms_backwards(real, whole, natural, growth, exposure, alone, arms, of_arms, of_growth, of_natural)
        priors_backwards(whole, x, slope, of_natural, gradient)
        value[0] = total
        finite = math.isfinite(total)
        for one in gradient:
            finite = finite and math.isfinite(one)
        return 0 if finite else NOT_FINITE

    of = {"mouse_share": "_of_mice", "cage_share": "_of_cages", None: ""}[share]
    return compiled_for_c(entry, ENTRY, ("with_latents" if with_latents else "of_measured") + of, _SOURCES)


@cache
def compiled_expansion() -> Any:
    """The C function that stores a position as it is."""

    def expansion(size, expanded, position_, stored_, _):
        if size != expanded:
            return WRONG_SIZE
        position, stored = carray(position_, (size,)), carray(stored_, (size,))
        for i in range(size):
            stored[i] = position[i]
        return 0

    return compiled_for_c(expansion, EXPANSION, "expansion", _SOURCES)


def compiled_for_c(function: Any, signature: Any, name: str, sources: Sequence[Path]) -> Any:
    """A function compiled for C, kept on disk under a name that says what it was made of.

    Parameters
    ----------
    function : callable
        What numba compiles.
    signature : numba type
        `ENTRY` or `EXPANSION`.
    name : str
        What it is called on disk, before the digest of its sources.
    sources : sequence of Path
        Modules of which its code is made.

    Notes
    -----
    numba itself looks for changes in the function's own file only, and keeps all variants of a function in one index,
    which two processes may spoil for each other.
    """
    function.__qualname__ = f"{name}_{_digest_of(sources)}"
    with _one_at_a_time(function.__qualname__):
        try:
            return numba.cfunc(signature, cache=True, error_model="numpy")(function)
        except RuntimeError:  # neither the package's folder nor the user's can be written to
            return numba.cfunc(signature, error_model="numpy")(function)


@contextmanager
def _one_at_a_time(name: str) -> Generator[None]:
    """Of the processes of a machine that start at once one compiles, while the others wait for what it stores."""
    lock = FileLock(Path(tempfile.gettempdir()) / f"xenograft-{name}.lock", timeout=PATIENCE)
    try:
        lock.acquire()
    except (OSError, Timeout):  # each compiles for itself then
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _digest_of(sources: Sequence[Path]) -> str:
    content = b"".join(path.read_bytes() for path in sources)
    return hashlib.sha256(content).hexdigest()[:16]
