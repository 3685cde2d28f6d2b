"""The density of a panel, compiled once per machine: priors, columns by day, one model after the other."""
# pyright: basic

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import types
from numba.np.numpy_support import carray

from xenograft.fitting import compiled_density as one_study
from xenograft.fitting.block import (
    ARM_FIRST_UNIT,
    ARM_JOINT,
    ARM_UNITS,
    COLUMNS_OF,
    ELAPSED,
    END,
    POSITION,
    RATES,
    RATES_OF_COURSE,
    ROWS,
    SLOWING,
    UNIT_AT,
    jitted,
)
from xenograft.fitting.compiled_arms import fill_exposure
from xenograft.fitting.compiled_density import NOT_FINITE, WRONG_SIZE, fill_priors, priors_backwards
from xenograft.fitting.compiled_growth import BASELINE_SLOPE, FROM_BASELINE, FROM_GROWTH, GROWTH_SLOPE, fill_growth
from xenograft.panels.block import (
    EFFECT_AT,
    HIGHEST,
    LEFT_OUT,
    LINEAR,
    MODERATOR,
    MOST_ANIMALS,
    PRIOR_KIND,
    READING_VALUE,
    ROWS_OF_COLUMNS,
    SCHEDULE_FIRST,
    SCHEDULE_FIRST_ROW,
    SCHEDULES,
)
from xenograft.panels.compiled_better import better_of_two, gather_half, has_choice
from xenograft.panels.compiled_models import (
    OWN,
    animals_backwards,
    fill_given_readings,
    model_backwards,
    number_of_models,
)

SOURCES = (
    *(
        Path(one_study.__file__).parent / f"{name}.py"
        for name in ("block", "compiled_growth", "compiled_arms", "compiled_latents", "compiled_density")
    ),
    *(
        Path(__file__).parent / f"{name}.py"
        for name in ("block", "compiled_models", "compiled_better", "compiled_panels")
    ),
)
"""Modules of which compiled code is made."""


@jitted
def growth_and_exposure(real, whole, natural):
    """Growth and exposure on the days of a schedule, with their slopes, as `compiled_density` has them of a study."""
    days, units = whole[ROWS + ELAPSED], whole[ROWS + UNIT_AT]
    growth, exposure = np.zeros((4, days)), np.zeros((2 + whole[COLUMNS_OF + RATES_OF_COURSE], units, days))
    fill_growth(real, whole, natural, growth)
    fill_exposure(real, whole, natural, exposure)
    return growth, exposure


@jitted
def fill_columns(real, whole, natural, columns):
    """What each effect of a model contributes to a log volume (row, effect), rows by schedule, arm and day."""
    for s in range(whole[ROWS + SCHEDULE_FIRST_ROW]):
        begin, end = whole[SCHEDULES] + whole[whole[SCHEDULE_FIRST] + s], whole[whole[SCHEDULE_FIRST] + s + 1]
        own_real, own = real[begin : whole[SCHEDULES] + end], whole[begin : whole[SCHEDULES] + end]
        growth, exposure = growth_and_exposure(own_real, own, natural)
        days = growth.shape[1]
        for a in range(own[ROWS + ARM_JOINT]):
            first, last = own[own[ARM_FIRST_UNIT] + a], own[own[ARM_FIRST_UNIT] + a + 1]
            joint = own[own[ARM_JOINT] + a]
            for d in range(days):
                row = whole[whole[SCHEDULE_FIRST_ROW] + s] + a * days + d
                columns[row, 0] = growth[FROM_BASELINE, d]
                columns[row, 1] = growth[FROM_GROWTH, d]
                for member in range(first, last):
                    unit = own[own[ARM_UNITS] + member]
                    columns[row, own[own[UNIT_AT] + unit]] -= exposure[0, unit, d]
                if joint >= 0 and own[own[UNIT_AT] + joint] >= 0:
                    columns[row, own[own[UNIT_AT] + joint]] -= exposure[0, joint, d]


@jitted
def columns_backwards(real, whole, natural, of_columns, of_natural):
    """From derivatives by the columns to those by slowing, waning and onset."""
    for s in range(whole[ROWS + SCHEDULE_FIRST_ROW]):
        begin, end = whole[SCHEDULES] + whole[whole[SCHEDULE_FIRST] + s], whole[whole[SCHEDULE_FIRST] + s + 1]
        own_real, own = real[begin : whole[SCHEDULES] + end], whole[begin : whole[SCHEDULES] + end]
        growth, exposure = growth_and_exposure(own_real, own, natural)
        days = growth.shape[1]
        slowing, rate_at = own[own[POSITION] + SLOWING], own[own[POSITION] + RATES]
        for a in range(own[ROWS + ARM_JOINT]):
            first, last = own[own[ARM_FIRST_UNIT] + a], own[own[ARM_FIRST_UNIT] + a + 1]
            joint = own[own[ARM_JOINT] + a]
            for d in range(days):
                row = whole[whole[SCHEDULE_FIRST_ROW] + s] + a * days + d
                if slowing >= 0:
                    of_natural[slowing] += of_columns[row, 0] * growth[BASELINE_SLOPE, d]
                    of_natural[slowing] += of_columns[row, 1] * growth[GROWTH_SLOPE, d]
                for member in range(first, last + 1):
                    unit = joint if member == last else own[own[ARM_UNITS] + member]
                    if unit < 0 or own[own[UNIT_AT] + unit] < 0:
                        continue
                    of_exposure = -of_columns[row, own[own[UNIT_AT] + unit]]
                    if slowing >= 0:
                        of_natural[slowing] += of_exposure * exposure[1, unit, d]
                    for r in range(exposure.shape[0] - 2):
                        of_natural[rate_at + r] += of_exposure * exposure[2 + r, unit, d]


@jitted
def columns_of_effects(real, whole, natural):
    """Columns of the effects (row, effect): from the block, or from the parameters that they depend on."""
    effects, rows = whole[ROWS + EFFECT_AT], whole[whole[ROWS_OF_COLUMNS]]
    columns = np.zeros((rows, effects))
    fill_columns(real, whole, natural, columns)
    return columns


_DOUBLES = types.CPointer(types.double)
DESCRIPTION = types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr)
"""Size, position, log densities of the models, their effects, data; the form of `compiled_density.ENTRY`."""


@cache
def compiled_panel() -> Any:
    """The C function of a panel's density, from numba's cache where this machine has compiled it before."""

    def entry(size, position_, gradient_, value_, block_):
        header = carray(block_, (END + 1,), np.int64)
        if size != header[ROWS + PRIOR_KIND]:
            return WRONG_SIZE
        real, whole = carray(block_, (header[END],), np.float64), carray(block_, (header[END],), np.int64)
        x, gradient, value = carray(position_, (size,)), carray(gradient_, (size,)), carray(value_, (1,))
        natural, slope, of_natural = np.zeros(size), np.zeros(size), np.zeros(size)
        total = fill_priors(real, whole, x, natural, slope, gradient, of_natural)
        columns = columns_of_effects(real, whole, natural)
        effects, sources = columns.shape[1], columns.shape[1] + whole[COLUMNS_OF + MODERATOR]
        of_columns = np.zeros((1, 1)) if whole[whole[LINEAR]] > 0 else np.zeros(columns.shape)
        most = whole[whole[MOST_ANIMALS]]
        information, vector = np.zeros((most, effects, effects)), np.zeros((most, effects))
        square, spread = np.zeros(most), np.zeros((most, OWN, OWN))
        readings = np.zeros(whole[ROWS + READING_VALUE])
        matrix, covariance = np.zeros((effects, effects)), np.zeros((effects, effects))
        sums, typical, off, mean, pull, untilted = np.zeros((6, effects))
        highest = whole[whole[HIGHEST]] > 0
        loading, factor, given = (
            np.zeros((effects, sources)), np.zeros((sources, sources)), np.zeros((sources, effects)),
        )  # fmt: skip
        for m in range(number_of_models(whole)):
            if whole[whole[LEFT_OUT] + m] > 0:
                continue
            if highest and has_choice(real, whole, m, effects):
                total += better_of_two(
                    real, whole, natural, x, columns, m, information, vector, square, readings, spread, matrix, sums,
                    typical, loading, factor, given, off, mean, covariance, pull, of_natural, of_columns, gradient,
                )  # fmt: skip
                continue
            total += gather_half(
                real, whole, natural, x, columns, m, -1, information, vector, square, readings, spread, matrix, sums,
                typical, loading, factor, given, off, mean,
            )  # fmt: skip
            fill_given_readings(matrix, sums, typical, given, off, covariance, pull)
            model_backwards(real, whole, m, 1.0, matrix, loading, covariance, pull, untilted, 0.0, of_natural)
            animals_backwards(
                real, whole, natural, x, columns, m, -1, 1.0, information, vector, square, spread, mean, covariance,
                readings, of_natural, of_columns, gradient,
            )  # fmt: skip
        if whole[whole[LINEAR]] == 0:
            columns_backwards(real, whole, natural, of_columns, of_natural)
        priors_backwards(whole, x, slope, of_natural, gradient)
        value[0] = total
        finite = math.isfinite(total)
        for one in gradient:
            finite = finite and math.isfinite(one)
        return 0 if finite else NOT_FINITE

    return one_study.compiled_for_c(entry, one_study.ENTRY, "panel", SOURCES)


@cache
def compiled_models_of_panel() -> Any:
    """The C function that tells each model's log density and effects at a position.

    Of each model: log density of its readings (measured and latent ones), the mean of its effects given them, and
    `given` (source, effect), with given' given their covariance. Where together two agents do as much as the better of
    them, all of it as if the first were, then as if the second were; minus infinity for a model without a combination.
    """

    def description(size, position_, densities_, effects_, block_):
        header = carray(block_, (END + 1,), np.int64)
        if size != header[ROWS + PRIOR_KIND]:
            return WRONG_SIZE
        real, whole = carray(block_, (header[END],), np.float64), carray(block_, (header[END],), np.int64)
        x = carray(position_, (size,))
        natural, slope, of_natural, gradient = np.zeros(size), np.zeros(size), np.zeros(size), np.zeros(size)
        fill_priors(real, whole, x, natural, slope, gradient, of_natural)
        columns = columns_of_effects(real, whole, natural)
        models, effects = number_of_models(whole), columns.shape[1]
        sources = effects + whole[COLUMNS_OF + MODERATOR]
        halves = 2 if whole[whole[HIGHEST]] > 0 else 1
        densities = carray(densities_, (halves, models))
        described = carray(effects_, (halves, models, 1 + sources, effects))
        most = whole[whole[MOST_ANIMALS]]
        information, vector = np.zeros((most, effects, effects)), np.zeros((most, effects))
        square, spread = np.zeros(most), np.zeros((most, OWN, OWN))
        readings, matrix = np.zeros(whole[ROWS + READING_VALUE]), np.zeros((effects, effects))
        sums, typical, off, mean, _ = np.zeros((5, effects))
        loading, factor, given = (
            np.zeros((effects, sources)), np.zeros((sources, sources)), np.zeros((sources, effects)),
        )  # fmt: skip
        for half in range(halves):
            for m in range(models):
                chosen = halves == 2 and has_choice(real, whole, m, effects)
                densities[half, m] = gather_half(
                    real, whole, natural, x, columns, m, half if chosen else -1, information, vector, square, readings,
                    spread, matrix, sums, typical, loading, factor, given, off, mean,
                )  # fmt: skip
                if half > 0 and not chosen:
                    densities[half, m] = -math.inf
                for k in range(effects):
                    described[half, m, 0, k] = mean[k]
                    for a in range(sources):
                        described[half, m, 1 + a, k] = given[a, k]
        return 0

    return one_study.compiled_for_c(description, DESCRIPTION, "models_of_panel", SOURCES)
