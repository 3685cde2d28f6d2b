"""What the readings of a model say, its animals' and its own effects integrated out, with derivatives by hand.

Everything is linear in the effects, so that an animal leaves an information matrix on its model's effects, their sum
gives the model's density, and all derivatives are moments of the effects given the readings.
See docs/mathematics.md#panels.
"""
# pyright: basic

from __future__ import annotations

import math

import numpy as np

from xenograft.fitting.block import COLUMNS_OF, ROWS, jitted
from xenograft.fitting.compiled_readings import LOG_2_PI
from xenograft.panels.block import (
    ANIMAL_ARM,
    ANIMAL_FIRST,
    ARM_EFFECTS,
    ARM_FIRST_EFFECT,
    BETWEEN_AT,
    CORRELATION_AT,
    CROSS,
    CROSS_READINGS,
    DROPPED,
    EFFECT_AT,
    ERROR_AT,
    GROWTH,
    HISTORICAL,
    HISTORICAL_AT,
    LINEAR,
    MODEL_FIRST,
    MODERATOR,
    READING_BELOW,
    READING_ROW,
    READING_VALUE,
    SD_BASELINE_AT,
    SD_GROWTH_AT,
    SLOPE_AT,
    SQUARES,
    UNKNOWN,
)

OWN = 2
"""Effects that each animal has of its own: baseline and growth, the first two of its model's."""


@jitted
def effects_of_arm(whole, arm):
    """The effects that an arm's animals show, in order: baseline, growth, what the arm gets."""
    at, first = whole[ARM_EFFECTS], whole[ARM_FIRST_EFFECT] + arm
    return whole[at + whole[first] : at + whole[first + 1]]


@jitted
def dropped_effect(whole, arm, better):
    """The effect that counts for nothing in an arm where its first (0) or second (1) agent is the better one, or −1."""
    return whole[whole[DROPPED] + 2 * arm + better] if better >= 0 else -1


@jitted
def animals_information(real, whole, natural, x, columns, m, better, information, vector, square, readings):
    """Information matrix, vector and squares of each animal of a model on its arm's effects; return the constants.

    `better` is the better one of two agents, 0 or 1; −1 where each kills as when it is alone.
    """
    effects, total = vector.shape[1], 0.0
    for i in range(whole[whole[MODEL_FIRST] + m], whole[whole[MODEL_FIRST] + m + 1]):
        at, arm = i - whole[whole[MODEL_FIRST] + m], whole[whole[ANIMAL_ARM] + i]
        used, dropped = effects_of_arm(whole, arm), dropped_effect(whole, arm, better)
        error = natural[whole[whole[ERROR_AT] + arm]]
        precision = 1 / (error * error)
        linear = whole[whole[LINEAR]] > 0
        square[at] = real[whole[SQUARES] + i] if linear else 0.0
        for k in range(used.size):
            vector[at, k] = real[whole[CROSS_READINGS] + i * effects + used[k]] if linear else 0.0
            for n in range(used.size):
                information[at, k, n] = (
                    real[whole[CROSS] + (i * effects + used[k]) * effects + used[n]] if linear else 0.0
                )
        count = 0
        for j in range(whole[whole[ANIMAL_FIRST] + i], whole[whole[ANIMAL_FIRST] + i + 1]):
            count += 1
            below = whole[whole[READING_BELOW] + j]
            value = real[whole[READING_VALUE] + j]
            if below >= 0:
                value -= math.exp(x[below])
                total += x[below]
            readings[j] = value
            if linear and below < 0:
                continue
            row = whole[whole[READING_ROW] + j]
            square[at] += value * value
            for k in range(used.size):
                column = columns[row, used[k]]
                vector[at, k] += column * value
                if not linear:
                    for n in range(k + 1):
                        information[at, k, n] += column * columns[row, used[n]]
        square[at] *= precision
        for k in range(used.size):
            vector[at, k] *= precision if used[k] != dropped else 0.0
            for n in range(k + 1):
                information[at, k, n] *= precision if used[k] != dropped and used[n] != dropped else 0.0
                information[at, n, k] = information[at, k, n]
        total -= count * (0.5 * LOG_2_PI + math.log(error))
    return total


@jitted
def own_covariance(whole, natural, arm):
    """Variances of an animal's own baseline and growth, and their covariance."""
    sd_baseline = natural[whole[whole[SD_BASELINE_AT]]]
    sd_growth = natural[whole[whole[SD_GROWTH_AT] + arm]]
    correlation = natural[whole[whole[CORRELATION_AT]]]
    return sd_baseline * sd_baseline, sd_growth * sd_growth, correlation * sd_baseline * sd_growth


@jitted
def own_given_model(whole, natural, arm, information, spread):
    """Fill the covariance of an animal's own effects given its readings and its model; return half the log of |A|."""
    first, second, both = own_covariance(whole, natural, arm)
    a, b, c = information[0, 0], information[1, 1], information[0, 1]
    # spread = (Ω⁻¹ + S)⁻¹ = (I + Ω S)⁻¹ Ω, without an inverse of Ω, which may be singular
    p, q = 1 + first * a + both * c, first * c + both * b
    r, s = both * a + second * c, 1 + both * c + second * b
    determinant = p * s - q * r
    spread[0, 0] = (s * first - q * both) / determinant
    spread[0, 1] = (s * both - q * second) / determinant
    spread[1, 0] = spread[0, 1]
    spread[1, 1] = (p * second - r * both) / determinant
    return 0.5 * math.log(determinant)


@jitted
def gather_model(whole, natural, m, information, vector, square, spread, matrix, sums):
    """Sum what the animals of a model say of its effects; return constants and minus half the squares."""
    effects = sums.shape[0]
    total = 0.0
    for k in range(effects):
        sums[k] = 0.0
        for n in range(effects):
            matrix[k, n] = 0.0
    first = whole[whole[MODEL_FIRST] + m]
    for at in range(whole[whole[MODEL_FIRST] + m + 1] - first):
        own, arm = information[at], whole[whole[ANIMAL_ARM] + first + at]
        used = effects_of_arm(whole, arm)
        total -= own_given_model(whole, natural, arm, own, spread[at])
        mean_0 = spread[at, 0, 0] * vector[at, 0] + spread[at, 0, 1] * vector[at, 1]
        mean_1 = spread[at, 1, 0] * vector[at, 0] + spread[at, 1, 1] * vector[at, 1]
        total -= 0.5 * (square[at] - vector[at, 0] * mean_0 - vector[at, 1] * mean_1)
        for k in range(used.size):
            sums[used[k]] += vector[at, k] - own[k, 0] * mean_0 - own[k, 1] * mean_1
            left_0 = own[k, 0] * spread[at, 0, 0] + own[k, 1] * spread[at, 1, 0]
            left_1 = own[k, 0] * spread[at, 0, 1] + own[k, 1] * spread[at, 1, 1]
            for n in range(used.size):
                matrix[used[k], used[n]] += own[k, n] - left_0 * own[0, n] - left_1 * own[1, n]
    return total


@jitted
def sd_between(whole, m, k):
    """The coordinate of the sd between models of an effect: of growth, that of the historical ones where it is one."""
    if k == GROWTH and whole[whole[HISTORICAL] + m] > 0:
        return whole[whole[HISTORICAL_AT]]
    return whole[whole[BETWEEN_AT] + k]


@jitted
def fill_prior_of_model(real, whole, natural, m, typical, loading):
    """Mean of a model's effects, and what they have of its standard normal variables: its own, unknown moderators."""
    effects, moderators = typical.size, whole[COLUMNS_OF + MODERATOR]
    for k in range(effects):
        typical[k] = natural[whole[whole[EFFECT_AT] + k]]
        for n in range(loading.shape[1]):
            loading[k, n] = 0.0
        loading[k, k] = natural[sd_between(whole, m, k)]
        for q in range(moderators):
            slope = whole[whole[SLOPE_AT] + k * moderators + q]
            if slope < 0:
                continue
            if whole[whole[UNKNOWN] + m * moderators + q] > 0:
                loading[k, effects + q] = natural[slope]
            else:
                typical[k] += natural[slope] * real[whole[MODERATOR] + m * moderators + q]


@jitted
def integrate_model(matrix, sums, typical, loading, factor, given, off, mean):
    """Integrate a model's effects out: log density but for the constants of `gather_model`.

    Filled are the effects' mean given the readings, `given` with given' given their covariance, and `off`, by which
    the mean departs from the typical model.
    """
    effects, sources = loading.shape
    value = 0.0
    for k in range(effects):
        residual = sums[k]
        for n in range(effects):
            residual -= matrix[k, n] * typical[n]
        mean[k] = residual
        value += 0.5 * typical[k] * (residual + sums[k])
    for a in range(sources):
        for b in range(a + 1):
            total = 1.0 if a == b else 0.0
            for k in range(effects):
                if loading[k, a] != 0.0:
                    for n in range(effects):
                        total += loading[k, a] * matrix[k, n] * loading[n, b]
            for c in range(b):
                total -= factor[a, c] * factor[b, c]
            factor[a, b] = math.sqrt(total) if a == b else total / factor[b, b]
        value -= math.log(factor[a, a])
        for k in range(effects):
            total = loading[k, a]
            for c in range(a):
                total -= factor[a, c] * given[c, k]
            given[a, k] = total / factor[a, a]
    for k in range(effects):
        off[k] = 0.0
    for a in range(sources):
        along = 0.0
        for k in range(effects):
            along += given[a, k] * mean[k]
        value += 0.5 * along * along
        for k in range(effects):
            off[k] += given[a, k] * along
    for k in range(effects):
        mean[k] = typical[k] + off[k]
    return value


@jitted
def fill_given_readings(matrix, sums, typical, given, off, covariance, pull):
    """Covariance of a model's effects given its readings, and how the readings pull at their mean."""
    effects = typical.size
    for k in range(effects):
        for n in range(effects):
            total = 0.0
            for a in range(given.shape[0]):
                total += given[a, k] * given[a, n]
            covariance[k, n] = total
    for k in range(effects):
        pull[k] = sums[k]
        for n in range(effects):
            pull[k] -= matrix[k, n] * (typical[n] + off[n])


@jitted
def model_backwards(real, whole, m, weight, matrix, loading, covariance, pull, tilt, bend, of_natural):
    """Add the derivatives by means, sds and slopes of a model's effects, so many times.

    `tilt` and `bend` say how a condition on the effects changes their second moments (`compiled_better`); else 0.
    """
    effects = matrix.shape[0]
    moderators = whole[COLUMNS_OF + MODERATOR]
    curved = np.zeros((effects, effects))
    for k in range(effects):
        for n in range(effects):
            for c in range(effects):
                curved[k, n] += matrix[k, c] * covariance[c, n]
    for k in range(effects):
        of_natural[whole[whole[EFFECT_AT] + k]] += weight * pull[k]
        own = pull[k] * pull[k] - matrix[k, k] - bend * tilt[k] * tilt[k]
        for c in range(effects):
            own += curved[k, c] * matrix[c, k]
        of_natural[sd_between(whole, m, k)] += weight * own * loading[k, k]
        for q in range(moderators):
            slope = whole[whole[SLOPE_AT] + k * moderators + q]
            if slope < 0:
                continue
            if whole[whole[UNKNOWN] + m * moderators + q] == 0:
                of_natural[slope] += weight * pull[k] * real[whole[MODERATOR] + m * moderators + q]
                continue
            for n in range(effects):
                if loading[n, effects + q] == 0.0:
                    continue
                both = pull[k] * pull[n] - matrix[k, n] - bend * tilt[k] * tilt[n]
                for c in range(effects):
                    both += curved[k, c] * matrix[c, n]
                of_natural[slope] += weight * both * loading[n, effects + q]


@jitted
def animals_backwards(
    real, whole, natural, x, columns, m, better, weight, information, vector, square, spread, mean, covariance,
    readings, of_natural, of_columns, gradient,
):  # fmt: skip
    """Add the derivatives by the animals' sds, errors, latent readings and columns, so many times."""
    linear = whole[whole[LINEAR]] > 0
    effects = mean.size
    all_total, all_moments, left = np.zeros(effects), np.zeros((effects, effects)), np.zeros((OWN, effects))
    first = whole[whole[MODEL_FIRST] + m]
    for i in range(first, whole[whole[MODEL_FIRST] + m + 1]):
        at, arm = i - first, whole[whole[ANIMAL_ARM] + i]
        used, dropped = effects_of_arm(whole, arm), dropped_effect(whole, arm, better)
        size = used.size
        own, total, moments = information[at, :size, :size], all_total[:size], all_moments[:size, :size]
        error_at = whole[whole[ERROR_AT] + arm]
        error = natural[error_at]
        for o in range(OWN):
            for n in range(size):
                left[o, n] = spread[at, o, 0] * own[0, n] + spread[at, o, 1] * own[1, n]
        for k in range(size):
            total[k] = mean[used[k]]
            if k < OWN:
                total[k] += spread[at, k, 0] * vector[at, 0] + spread[at, k, 1] * vector[at, 1]
                for n in range(size):
                    total[k] -= left[k, n] * mean[used[n]]
        for k in range(size):  # (I − left) covariance, then times (I − left)'
            for n in range(size):
                moments[k, n] = covariance[used[k], used[n]]
        for n in range(size):
            one, two = 0.0, 0.0
            for c in range(size):
                one += left[0, c] * covariance[used[c], used[n]]
                two += left[1, c] * covariance[used[c], used[n]]
            moments[0, n] -= one
            moments[1, n] -= two
        for k in range(size):
            one, two = 0.0, 0.0
            for c in range(size):
                one += moments[k, c] * left[0, c]
                two += moments[k, c] * left[1, c]
            moments[k, 0] -= one
            moments[k, 1] -= two
        for o in range(OWN):
            moments[o, 0] += spread[at, o, 0]
            moments[o, 1] += spread[at, o, 1]
        _own_backwards(whole, natural, arm, weight, own, vector[at], total, moments, of_natural)
        squares = square[at]
        for k in range(size):
            squares -= 2 * total[k] * vector[at, k]
            for n in range(size):
                moments[k, n] += total[k] * total[n]
                squares += own[k, n] * moments[k, n]
        count = whole[whole[ANIMAL_FIRST] + i + 1] - whole[whole[ANIMAL_FIRST] + i]
        of_natural[error_at] += weight * (squares - count) / error
        precision = 1 / (error * error)
        for j in range(whole[whole[ANIMAL_FIRST] + i], whole[whole[ANIMAL_FIRST] + i + 1]):
            below, row = whole[whole[READING_BELOW] + j], whole[whole[READING_ROW] + j]
            if below >= 0:
                away = readings[j]
                for k in range(size):
                    away -= columns[row, used[k]] * total[k] if used[k] != dropped else 0.0
                gradient[below] += weight * (1 + precision * away * math.exp(x[below]))
            if not linear:
                for k in range(size):
                    if used[k] == dropped:
                        continue
                    slope = readings[j] * total[k]
                    for n in range(size):
                        slope -= moments[k, n] * columns[row, used[n]] if used[n] != dropped else 0.0
                    of_columns[row, used[k]] += weight * precision * slope


@jitted
def _own_backwards(whole, natural, arm, weight, own, vector, total, moments, of_natural):
    """Derivatives by the sds and the correlation of animals' own effects, from their covariance's."""
    effects = total.size
    one, two = vector[0], vector[1]
    for n in range(effects):
        one -= own[0, n] * total[n]
        two -= own[1, n] * total[n]
    of_first, of_second, of_both = one * one - own[0, 0], two * two - own[1, 1], one * two - own[0, 1]
    for k in range(effects):
        along_0, along_1 = 0.0, 0.0
        for n in range(effects):
            along_0 += moments[k, n] * own[0, n]
            along_1 += moments[k, n] * own[1, n]
        of_first += own[0, k] * along_0
        of_both += own[0, k] * along_1
        of_second += own[1, k] * along_1
    sd_baseline_at, sd_growth_at = whole[whole[SD_BASELINE_AT]], whole[whole[SD_GROWTH_AT] + arm]
    correlation_at = whole[whole[CORRELATION_AT]]
    sd_baseline, sd_growth, correlation = natural[sd_baseline_at], natural[sd_growth_at], natural[correlation_at]
    of_natural[sd_baseline_at] += weight * (of_first * sd_baseline + of_both * correlation * sd_growth)
    of_natural[sd_growth_at] += weight * (of_second * sd_growth + of_both * correlation * sd_baseline)
    of_natural[correlation_at] += weight * of_both * sd_baseline * sd_growth


@jitted
def number_of_models(whole):
    """How many models there are."""
    return whole[ROWS + HISTORICAL]
