"""The integrated likelihood of the readings, compiled, with derivatives by hand: what `likelihood.log_density` says.

Animals of one arm and cohort that were measured on the same days lie in one *group*, readings of a day side by side:
what readings tell of an animal's own effects is equally precise for all of a group. Of a group with animals enough, the
products of its readings by pairs of days say all (`integrate_by_moments`). Of the others that information is gathered
(a vector per animal, a matrix per group); then the effects integrate out; then the derivatives by vector and matrix
become those by the arms' table. What else depends on the effects (censored readings) adds its own in between.
"""
# pyright: basic

from __future__ import annotations

import math

import numpy as np

from xenograft.fitting.block import (
    COHORT,
    GROUP_ANIMALS,
    GROUP_ARM,
    GROUP_COHORT,
    GROUP_FIRST_ROW,
    GROUP_IN_MOUSE,
    MOMENTS,
    MOMENTS_AT,
    POSITION,
    READINGS_BY_ARM,
    ROW_DAY,
    ROW_SUMS,
    ROWS,
    jitted,
)
from xenograft.fitting.compiled_arms import COLUMNS, MEAN, PRECISION
from xenograft.fitting.compiled_growth import FROM_GROWTH

LOG_2_PI = math.log(2 * math.pi)

MOST_INFORMATION = 1e12
"""Of readings on a standard normal effect; beyond it what they tell of each other is lost in rounding."""

MOST_SQUARES = 1e10
"""Of readings about a group's typical curve, in their sds: beyond it the part that effects explain is lost likewise."""


@jitted
def dot(first, k, start, second, begin, size):
    """Sum of products of parts of a row of the first and of the second, in four sums that a processor adds at once."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = size - size % 4
    for i in range(0, whole, 4):
        a += first[k, start + i] * second[begin + i]
        b += first[k, start + i + 1] * second[begin + i + 1]
        c += first[k, start + i + 2] * second[begin + i + 2]
        d += first[k, start + i + 3] * second[begin + i + 3]
    for i in range(whole, size):
        a += first[k, start + i] * second[begin + i]
    return (a + b) + (c + d)


@jitted
def mean_of(whole, natural, growth, arms, group, d):
    """Log volume of the typical animal of a group's arm and cohort on a day."""
    mean = arms[MEAN, whole[whole[GROUP_ARM] + group], d]
    first = whole[whole[POSITION] + COHORT]
    if first >= 0:
        mean += natural[first + whole[whole[GROUP_COHORT] + group]] * growth[FROM_GROWTH, d]
    return mean


@jitted
def mean_backwards(whole, natural, growth, of_arms, of_growth, gradient, group, d, of_mean):
    """From a derivative by `mean_of` to those by what it is made of."""
    of_arms[MEAN, whole[whole[GROUP_ARM] + group], d] += of_mean
    first = whole[whole[POSITION] + COHORT]
    if first >= 0:
        at = first + whole[whole[GROUP_COHORT] + group]
        gradient[at] += of_mean * growth[FROM_GROWTH, d]
        of_growth[FROM_GROWTH, d] += of_mean * natural[at]


@jitted
def normal_constants(real, whole, arms, of_arms):
    """Log density of all measured readings at their means, without weights."""
    days, value, last, logarithm = arms.shape[2], 0.0, 1.0, 0.0
    for a in range(arms.shape[1]):
        for d in range(days):
            readings, precision = real[whole[READINGS_BY_ARM] + a * days + d], arms[PRECISION, a, d]
            if readings > 0:
                if precision != last:  # in most models it is the same on all days
                    last, logarithm = precision, math.log(precision)
                value += 0.5 * readings * (logarithm - LOG_2_PI)
                of_arms[PRECISION, a, d] += 0.5 * readings / precision
    return value


@jitted
def fill_rows(real, whole, rows):
    """`rows` of `gather_information` where readings have no weights."""
    for power in range(3):
        for row in range(rows.shape[1]):
            rows[power, row] = real[whole[ROW_SUMS] + power * rows.shape[1] + row]


@jitted
def gather_information(whole, natural, growth, arms, rows, volumes, begin, vector, matrix):
    """Fill B'Wr (effect, animal) and B'WB (group, effect, effect); return the density at effects of 0, less constants.

    `rows` (3, row) holds the number of readings of each animal of a group on a day (or their summed weights), the sum
    of all log volumes that day, and of their squares; `volumes` from `begin` on (row by row, animal) the sums of each
    animal.
    """
    effects, value, animal, at = vector.shape[0], 0.0, 0, begin
    for g in range(matrix.shape[0]):
        a, n = whole[whole[GROUP_ARM] + g], whole[whole[GROUP_ANIMALS] + g]
        first, last = whole[whole[GROUP_FIRST_ROW] + g], whole[whole[GROUP_FIRST_ROW] + g + 1]
        if whole[whole[MOMENTS_AT] + g] >= 0:
            animal += n
            at += n * (last - first)
            continue
        squares = 0.0
        for row in range(first, last):
            d = whole[whole[ROW_DAY] + row]
            precision, mean, w = arms[PRECISION, a, d], mean_of(whole, natural, growth, arms, g, d), rows[0, row]
            squares += precision * (rows[2, row] - 2 * mean * rows[1, row] + n * w * mean * mean)
            for k in range(effects):
                slope = precision * arms[COLUMNS + k, a, d]
                for i in range(n):
                    vector[k, animal + i] += slope * (volumes[at + i] - w * mean)
                for m in range(k + 1):
                    matrix[g, k, m] += w * slope * arms[COLUMNS + m, a, d]
            at += n
        if squares > MOST_SQUARES:
            return -math.inf
        value -= 0.5 * squares
        animal += n
        for k in range(effects):
            for m in range(k):
                matrix[g, m, k] = matrix[g, k, m]
    return value


@jitted
def factorise(matrix, g, factor, inverse):
    """Lower Cholesky factor of I + matrix[g], and its inverse."""
    for k in range(factor.shape[0]):
        for m in range(k + 1):
            rest = matrix[g, k, m] + (1.0 if k == m else 0.0)
            for n in range(m):
                rest -= factor[k, n] * factor[m, n]
            factor[k, m] = math.sqrt(rest) if k == m else rest / factor[m, m]
        inverse[k, k] = 1 / factor[k, k]
        for m in range(k):
            rest = 0.0
            for n in range(m, k):
                rest -= factor[k, n] * inverse[n, m]
            inverse[k, m] = rest / factor[k, k]


@jitted
def matrix_of_factor(factor, inverse, of_factor, work, of_matrix):
    """Add to derivatives by a symmetric matrix those by its Cholesky factor (Murray 2016)."""
    size = factor.shape[0]
    for k in range(size):
        for m in range(size):
            work[k, m] = 0.0
        for m in range(k + 1):
            for n in range(k, size):
                work[k, m] += factor[n, k] * of_factor[n, m]
        work[k, k] *= 0.5
    for i in range(size):
        for j in range(size):
            total = 0.0
            for k in range(i, size):
                for m in range(j, size):
                    total += inverse[k, i] * (work[k, m] + work[m, k]) * inverse[m, j]
            of_matrix[i, j] += 0.5 * total


@jitted
def integrate(whole, vector, matrix):
    """What the animals' effects add to the density; `vector` and `matrix` become its derivatives by themselves.

    Tumours that have something in common with others of their mouse are left to `compiled_mice`.

    The derivative by an animal's vector is the mean of its effects given its readings; that by the matrix is −½ of the
    sum of their mean squares.
    """
    effects = vector.shape[0]
    factor, inverse = np.zeros((effects, effects)), np.zeros((effects, effects))
    covariance, right = np.zeros((effects, effects)), np.zeros(effects)
    value, animal = 0.0, 0
    for g in range(matrix.shape[0]):
        n = whole[whole[GROUP_ANIMALS] + g]
        for k in range(effects):
            if matrix[g, k, k] > MOST_INFORMATION:
                return -math.inf
        if whole[whole[GROUP_IN_MOUSE] + g] or whole[whole[MOMENTS_AT] + g] >= 0:
            animal += n
            continue
        factorise(matrix, g, factor, inverse)
        for k in range(effects):
            value -= n * math.log(factor[k, k])
            for m in range(k + 1):
                total = 0.0
                for j in range(k, effects):
                    total += inverse[j, k] * inverse[j, m]
                covariance[k, m] = covariance[m, k] = total
                matrix[g, k, m] = -0.5 * n * total
        for i in range(animal, animal + n):
            for k in range(effects):
                right[k] = vector[k, i]
            for k in range(effects):
                mean = 0.0
                for m in range(effects):
                    mean += covariance[k, m] * right[m]
                vector[k, i] = mean
                value += 0.5 * mean * right[k]
            for k in range(effects):
                for m in range(k + 1):
                    matrix[g, k, m] -= 0.5 * vector[k, i] * vector[m, i]
        for k in range(effects):
            for m in range(k):
                matrix[g, m, k] = matrix[g, k, m]
        animal += n
    return value


@jitted
def readings_backwards(
    whole, natural, growth, arms, rows, volumes, begin, of_vector, of_matrix, of_arms, of_growth, gradient
):
    """From derivatives by `vector` and `matrix` to those by the arms' table and the cohorts."""
    effects, animal, at = of_vector.shape[0], 0, begin
    sums = np.zeros(effects)
    for g in range(of_matrix.shape[0]):
        a, n = whole[whole[GROUP_ARM] + g], whole[whole[GROUP_ANIMALS] + g]
        first, last = whole[whole[GROUP_FIRST_ROW] + g], whole[whole[GROUP_FIRST_ROW] + g + 1]
        if whole[whole[MOMENTS_AT] + g] >= 0:
            animal += n
            at += n * (last - first)
            continue
        for k in range(effects):
            sums[k] = 0.0
            for i in range(n):
                sums[k] += of_vector[k, animal + i]
        for row in range(first, last):
            d = whole[whole[ROW_DAY] + row]
            precision, mean, w = arms[PRECISION, a, d], mean_of(whole, natural, growth, arms, g, d), rows[0, row]
            of_mean = rows[1, row] - n * w * mean
            of_precision = -0.5 * (rows[2, row] - 2 * mean * rows[1, row] + n * w * mean * mean)
            for k in range(effects):
                column = arms[COLUMNS + k, a, d]
                by_vector = dot(of_vector, k, animal, volumes, at, n) - w * mean * sums[k]
                by_matrix = 0.0
                for m in range(effects):
                    by_matrix += w * of_matrix[g, k, m] * arms[COLUMNS + m, a, d]
                of_arms[COLUMNS + k, a, d] += precision * (by_vector + 2 * by_matrix)
                of_precision += column * (by_vector + by_matrix)
                of_mean -= w * column * sums[k]
            of_arms[PRECISION, a, d] += of_precision
            mean_backwards(whole, natural, growth, of_arms, of_growth, gradient, g, d, precision * of_mean)
            at += n
        animal += n


@jitted
def integrate_by_moments(real, whole, natural, growth, arms, rows, effects, of_arms, of_growth, gradient):
    """What the readings of groups with moments add to the density, less constants, and its derivatives.

    With r the readings of an animal less their mean, its effects integrated out it is ½ v'v, v = L⁻¹B'W r, L the
    Cholesky factor of I + B'WB: summed over animals ½ tr(U Q U'), U = L⁻¹B'W, where Q = Σ rr' is the moments about the
    readings' own means and n δδ', δ those means less the model's.
    """
    most, groups, value, days = 0, whole[ROWS + GROUP_ARM], 0.0, whole[ROW_DAY]
    cohort = whole[whole[POSITION] + COHORT]
    for g in range(groups):
        most = max(most, whole[whole[GROUP_FIRST_ROW] + g + 1] - whole[whole[GROUP_FIRST_ROW] + g])
    whitened, product, table = np.zeros((effects, most)), np.zeros((effects, most)), np.zeros((4 + effects, most))
    matrix, factor, inverse = (
        np.zeros((1, effects, effects)),
        np.zeros((effects, effects)),
        np.zeros((effects, effects)),
    )
    square, of_matrix, shift = np.zeros((effects, effects)), np.zeros((effects, effects)), np.zeros(effects)
    for g in range(groups):
        at = whole[whole[MOMENTS_AT] + g]
        if at < 0:
            continue
        a, n = whole[whole[GROUP_ARM] + g], whole[whole[GROUP_ANIMALS] + g]
        first, moments = whole[whole[GROUP_FIRST_ROW] + g], whole[MOMENTS] + at
        size = whole[whole[GROUP_FIRST_ROW] + g + 1] - first
        all_squares = 0.0
        for k in range(effects):
            for m in range(k + 1):
                matrix[0, k, m] = 0.0
        for r in range(size):
            d = whole[days + first + r]
            w, total, precision, mean = rows[0, first + r], rows[1, first + r], arms[PRECISION, a, d], arms[MEAN, a, d]
            if cohort >= 0:
                mean = mean_of(whole, natural, growth, arms, g, d)
            apart = total / n - w * mean
            squares = rows[2, first + r] - 2 * mean * total + n * w * mean * mean
            all_squares += precision * squares
            table[0, r], table[1, r], table[2, r], table[3, r] = w, precision, apart, squares
            for k in range(effects):
                column = arms[COLUMNS + k, a, d]
                table[4 + k, r] = column
                for m in range(k + 1):
                    matrix[0, k, m] += w * precision * column * table[4 + m, r]
        for k in range(effects):
            if matrix[0, k, k] > MOST_INFORMATION:
                return -math.inf
        if all_squares > MOST_SQUARES:
            return -math.inf
        value -= 0.5 * all_squares
        factorise(matrix, 0, factor, inverse)
        for k in range(effects):
            value -= n * math.log(factor[k, k])
            shift[k] = 0.0
            for r in range(size):
                total = 0.0
                for m in range(k + 1):
                    total += inverse[k, m] * table[4 + m, r]
                whitened[k, r] = table[1, r] * total
                shift[k] += whitened[k, r] * table[2, r]
            for r in range(size):
                product[k, r] = n * shift[k] * table[2, r] + dot(whitened, k, 0, real, moments + r * size, size)
        for k in range(effects):
            for m in range(effects):
                total = 0.0
                for r in range(size):
                    total += product[k, r] * whitened[m, r]
                square[k, m] = total + (n if k == m else 0.0)
            value += 0.5 * (square[k, k] - n)
        for k in range(effects):
            for m in range(effects):
                total = 0.0
                for i in range(k, effects):
                    for j in range(m, effects):
                        total += inverse[i, k] * square[i, j] * inverse[j, m]
                of_matrix[k, m] = -0.5 * total
        for r in range(size):
            d, w, precision = whole[days + first + r], table[0, r], table[1, r]
            of_mean, of_precision = n * table[2, r], -0.5 * table[3, r]
            for k in range(effects):
                column, by_vector, by_matrix, of_all = table[4 + k, r], 0.0, 0.0, 0.0
                for m in range(effects):
                    by_matrix += w * of_matrix[k, m] * table[4 + m, r]
                for m in range(k, effects):
                    by_vector += inverse[m, k] * product[m, r]
                    of_all += inverse[m, k] * shift[m]
                of_arms[COLUMNS + k, a, d] += precision * (by_vector + 2 * by_matrix)
                of_precision += column * (by_vector + by_matrix)
                of_mean -= n * w * column * of_all
            of_arms[PRECISION, a, d] += of_precision
            if cohort >= 0:
                mean_backwards(whole, natural, growth, of_arms, of_growth, gradient, g, d, precision * of_mean)
            else:
                of_arms[MEAN, a, d] += precision * of_mean
    return value
