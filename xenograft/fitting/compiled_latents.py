"""Censored and Student readings, compiled, with derivatives by hand: what `model.latents` and `likelihood` say of them.

An animal with censored readings keeps its own effects as coordinates, standard normal given its measured readings.
A Student reading has a coordinate for the gamma weight of its precision. Animals of either kind are groups of one.
"""
# pyright: basic

from __future__ import annotations

import math

import numpy as np

from xenograft.fitting.block import (
    BELOW_DAY,
    BELOW_LIMIT,
    BELOW_SPREAD,
    DEGREES_OF_FREEDOM,
    GROUP_ARM,
    LATENT_ANIMAL,
    LATENT_AT,
    LATENT_FIRST,
    LATENT_GROUP,
    LATENT_IN_MOUSE,
    POSITION,
    READING_GROUP,
    READING_ROW,
    READING_SPREAD,
    READING_VALUE,
    ROW_DAY,
    ROWS,
    SPREAD,
    SPREAD_USED,
    jitted,
)
from xenograft.fitting.compiled_arms import COLUMNS, PRECISION
from xenograft.fitting.compiled_readings import LOG_2_PI, factorise, matrix_of_factor, mean_backwards, mean_of

FAR_BELOW = -35.0
"""Standard deviations below which the normal distribution function is taken from its asymptotic series."""


@jitted
def log_probability(z):
    """Log of the standard normal distribution function, and its derivative."""
    if z < FAR_BELOW:
        square = 1 / (z * z)
        series = 1 - square * (1 - square * (3 - square * (15 - 105 * square)))
        return -0.5 * z * z - 0.5 * LOG_2_PI - math.log(-z) + math.log(series), -z / series
    density = math.exp(-0.5 * (z * z + LOG_2_PI))
    if z > 0:
        beyond = 0.5 * math.erfc(z / math.sqrt(2.0))
        return math.log1p(-beyond), density / (1 - beyond)
    below = 0.5 * math.erfc(-z / math.sqrt(2.0))
    return math.log(below), density / below


@jitted
def digamma(x):
    """Derivative of the log gamma function (Abramowitz and Stegun 6.3.18, after 6.3.5)."""
    value = 0.0
    while x < 10:
        value -= 1 / x
        x += 1
    square = 1 / (x * x)
    series = 1 / 240 - square * (1 / 132 - square * 691 / 32760)
    series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square * series)))
    return value + math.log(x) - 0.5 / x - series


@jitted
def copy_information(whole, vector, matrix, own_vector, own_matrix):
    """The information of the animals with censored readings."""
    for latent in range(own_vector.shape[0]):
        g, animal = whole[whole[LATENT_GROUP] + latent], whole[whole[LATENT_ANIMAL] + latent]
        for k in range(own_vector.shape[1]):
            own_vector[latent, k] = vector[k, animal]
            for m in range(own_vector.shape[1]):
                own_matrix[latent, k, m] = matrix[g, k, m]


@jitted
def fill_weighted_rows(real, whole, natural, weights, rows, volumes):
    """The gamma weights of Student readings, `rows` and `volumes` of `gather_information`; return ½ Σ ln weight."""
    scale = 1 / math.sqrt(natural[whole[whole[POSITION] + DEGREES_OF_FREEDOM]] / 2)
    for s in range(weights.size):
        weights[s] = math.exp(scale * natural[whole[whole[POSITION] + SPREAD] + s])
    log_weights = 0.0
    for r in range(whole[ROWS + READING_ROW]):
        weight, row = weights[whole[whole[READING_SPREAD] + r]], whole[whole[READING_ROW] + r]
        value = real[whole[READING_VALUE] + r]
        rows[0, row] += weight
        rows[1, row] += weight * value
        rows[2, row] += weight * value * value
        volumes[row] += weight * value
        log_weights += 0.5 * math.log(weight)
    return log_weights


@jitted
def weighted_rows_backwards(real, whole, natural, growth, arms, weights, of_vector, of_matrix, of_weights):
    """Derivatives by the weights of measured readings; animals are groups of one."""
    effects = of_vector.shape[0]
    for r in range(whole[ROWS + READING_ROW]):
        g, spread = whole[whole[READING_GROUP] + r], whole[whole[READING_SPREAD] + r]
        a, d = whole[whole[GROUP_ARM] + g], whole[whole[ROW_DAY] + whole[whole[READING_ROW] + r]]
        residual = real[whole[READING_VALUE] + r] - mean_of(whole, natural, growth, arms, g, d)
        found = -0.5 * residual * residual
        for k in range(effects):
            column = arms[COLUMNS + k, a, d]
            found += column * of_vector[k, g] * residual
            for m in range(effects):
                found += column * of_matrix[g, k, m] * arms[COLUMNS + m, a, d]
        of_weights[spread] += arms[PRECISION, a, d] * found + 0.5 / weights[spread]


@jitted
def spreads_backwards(real, whole, natural, weights, of_weights, gradient):
    """Log density of the used spreads; derivatives by spreads and degrees of freedom, those by weights included."""
    freedom, spread = whole[whole[POSITION] + DEGREES_OF_FREEDOM], whole[whole[POSITION] + SPREAD]
    shape = natural[freedom] / 2
    scale = 1 / math.sqrt(shape)
    constant = shape * math.log(shape) - math.lgamma(shape) + math.log(scale)
    of_constant = math.log(shape) + 1 - digamma(shape) - 0.5 / shape
    value = 0.0
    for s in range(weights.size):
        if real[whole[SPREAD_USED] + s] == 0:
            continue
        log_weight = scale * natural[spread + s]
        value += constant + shape * (log_weight - weights[s])
        of_log_weight = shape * (1 - weights[s]) + of_weights[s] * weights[s]
        gradient[spread + s] += of_log_weight * scale
        of_shape = of_constant + log_weight - weights[s] - of_log_weight * log_weight / (2 * shape)
        gradient[freedom] += 0.5 * of_shape
    return value


@jitted
def censored_readings(
    real, whole, natural, growth, arms, weights, latent, g, own, of_own, of_arms, of_growth, of_weights, gradient
):
    """Log probability of an animal's censored readings given its effects `own`; derivatives are added to `of_…`."""
    a, value = whole[whole[GROUP_ARM] + g], 0.0
    for c in range(whole[whole[LATENT_FIRST] + latent], whole[whole[LATENT_FIRST] + latent + 1]):
        d, spread = whole[whole[BELOW_DAY] + c], whole[whole[BELOW_SPREAD] + c]
        weight = weights[spread] if spread >= 0 else 1.0
        scale = math.sqrt(weight * arms[PRECISION, a, d])
        fitted = mean_of(whole, natural, growth, arms, g, d)
        for k in range(own.size):
            fitted += own[k] * arms[COLUMNS + k, a, d]
        z = (real[whole[BELOW_LIMIT] + c] - fitted) * scale
        probability, ratio = log_probability(z)
        value += probability
        of_fitted = -ratio * scale
        of_arms[PRECISION, a, d] += 0.5 * ratio * z / arms[PRECISION, a, d]
        if spread >= 0:
            of_weights[spread] += 0.5 * ratio * z / weight
        for k in range(own.size):
            of_arms[COLUMNS + k, a, d] += of_fitted * own[k]
            of_own[k] += of_fitted * arms[COLUMNS + k, a, d]
        mean_backwards(whole, natural, growth, of_arms, of_growth, gradient, g, d, of_fitted)
    return value


@jitted
def below_the_limit(
    real, whole, natural, growth, arms, weights, own_vector, own_matrix,
    of_vector, of_matrix, of_arms, of_growth, of_weights, gradient,
):  # fmt: skip
    """Log probability of the censored readings given the animals' own effects; the derivatives are added to `of_…`.

    `own_vector` (latent, effect) and `own_matrix` (latent, effect, effect) hold the animals' information.
    """
    effects = own_vector.shape[1]
    factor, inverse = np.zeros((effects, effects)), np.zeros((effects, effects))
    own, of_own = np.zeros(effects), np.zeros(effects)
    value = 0.0
    for latent in range(own_vector.shape[0]):
        if whole[whole[LATENT_IN_MOUSE] + latent]:
            continue
        g, at = whole[whole[LATENT_GROUP] + latent], whole[whole[LATENT_AT] + latent]
        factorise(own_matrix, latent, factor, inverse)
        for k in range(effects):  # c'⁻¹ (c⁻¹ vector + latent): the effects given the measured readings
            own[k] = of_own[k] = 0.0
            whitened = natural[at + k]
            for m in range(k + 1):
                whitened += inverse[k, m] * own_vector[latent, m]
            for m in range(k + 1):
                own[m] += inverse[k, m] * whitened
        value += censored_readings(
            real, whole, natural, growth, arms, weights, latent, g, own, of_own,
            of_arms, of_growth, of_weights, gradient,
        )  # fmt: skip
        _own_effects_backwards(whole, own_vector, latent, factor, inverse, own, of_own, of_vector, of_matrix, gradient)
    return value


@jitted
def _own_effects_backwards(whole, own_vector, latent, factor, inverse, own, of_own, of_vector, of_matrix, gradient):
    effects, at = own.size, whole[whole[LATENT_AT] + latent]
    g, animal = whole[whole[LATENT_GROUP] + latent], whole[whole[LATENT_ANIMAL] + latent]
    projected, back = np.zeros(effects), np.zeros(effects)
    of_factor, middle = np.zeros((effects, effects)), np.zeros((effects, effects))
    for k in range(effects):
        for m in range(k + 1):
            projected[k] += inverse[k, m] * of_own[m]  # c⁻¹ of_own
        gradient[at + k] += projected[k]
        for m in range(k + 1):
            back[m] += inverse[k, m] * projected[k]  # (I + matrix)⁻¹ of_own
    for k in range(effects):
        of_vector[k, animal] += back[k]
        # by c: −own projected' of the outer solution, −back (c⁻¹ vector)' of the inner one
        for m in range(k + 1):
            whitened = 0.0
            for n in range(m + 1):
                whitened += inverse[m, n] * own_vector[latent, n]
            of_factor[k, m] = -own[k] * projected[m] - back[k] * whitened
    matrix_of_factor(factor, inverse, of_factor, middle, of_matrix[g])
