"""Where together two agents do as much as the better of them: the two halves of a model's effects, with derivatives.

Which agent is the better one in a model is a half-space of its effects. In each half everything is linear and normal,
so that a half adds the density of the readings as if that agent were the better one, times the normal probability of
the half given them. See docs/mathematics.md#panels.
"""
# pyright: basic

from __future__ import annotations

import math

import numpy as np

from xenograft.fitting.block import jitted
from xenograft.fitting.compiled_latents import log_probability
from xenograft.panels.block import TOWARDS
from xenograft.panels.compiled_models import (
    animals_backwards,
    animals_information,
    fill_given_readings,
    fill_prior_of_model,
    gather_model,
    integrate_model,
    model_backwards,
)

LEAST_VARIANCE = 1e-10
"""Of what decides which agent is the better one (squared log units): models that do not differ decide sharply."""


@jitted
def has_choice(real, whole, m, effects):
    """Whether a model has a combination of which one agent is the better one."""
    size = 0.0
    for k in range(effects):
        size += abs(real[whole[TOWARDS] + m * effects + k])
    return size > 0.0


@jitted
def half_of_model(real, whole, m, better, mean, given, along):
    """Log probability of a half of a model's effects, its mean over its sd, the sd, and the hazard there.

    Filled is `along`, the covariance of the effects with what decides.
    """
    effects, sign = mean.size, 1.0 - 2.0 * better
    middle, variance = 0.0, LEAST_VARIANCE
    for k in range(effects):
        middle += sign * real[whole[TOWARDS] + m * effects + k] * mean[k]
        along[k] = 0.0
    for a in range(given.shape[0]):
        size = 0.0
        for k in range(effects):
            size += sign * real[whole[TOWARDS] + m * effects + k] * given[a, k]
        variance += size * size
        for k in range(effects):
            along[k] += size * given[a, k]
    sd = math.sqrt(variance)
    probability, hazard = log_probability(middle / sd)
    return probability, middle / sd, sd, hazard


@jitted
def gather_half(
    real, whole, natural, x, columns, m, better, information, vector, square, readings, spread, matrix, sums,
    typical, loading, factor, given, off, mean,
):  # fmt: skip
    """Log density of a model's readings where one agent is the better one, whatever its effects are."""
    value = animals_information(real, whole, natural, x, columns, m, better, information, vector, square, readings)
    value += gather_model(whole, natural, m, information, vector, square, spread, matrix, sums)
    fill_prior_of_model(real, whole, natural, m, typical, loading)
    return value + integrate_model(matrix, sums, typical, loading, factor, given, off, mean)


@jitted
def better_of_two(
    real, whole, natural, x, columns, m, information, vector, square, readings, spread, matrix, sums,
    typical, loading, factor, given, off, mean, covariance, pull, of_natural, of_columns, gradient,
):  # fmt: skip
    """Log density of a model's readings, and its derivatives: both halves of its effects together."""
    effects = mean.size
    along, tilt, each = np.zeros(effects), np.zeros(effects), np.zeros(2)
    for better in range(2):
        each[better] = gather_half(
            real, whole, natural, x, columns, m, better, information, vector, square, readings, spread, matrix, sums,
            typical, loading, factor, given, off, mean,
        )  # fmt: skip
        each[better] += half_of_model(real, whole, m, better, mean, given, along)[0]
    largest = max(each[0], each[1])
    total = largest + math.log(math.exp(each[0] - largest) + math.exp(each[1] - largest))
    for better in range(2):
        weight = math.exp(each[better] - total)
        if weight == 0.0:
            continue
        gather_half(
            real, whole, natural, x, columns, m, better, information, vector, square, readings, spread, matrix, sums,
            typical, loading, factor, given, off, mean,
        )  # fmt: skip
        _, standard, sd, hazard = half_of_model(real, whole, m, better, mean, given, along)
        fill_given_readings(matrix, sums, typical, given, off, covariance, pull)
        bend, sign = hazard * (hazard + standard) / (sd * sd), 1.0 - 2.0 * better
        for k in range(effects):
            tilt[k] = sign * real[whole[TOWARDS] + m * effects + k]
            for n in range(effects):
                tilt[k] -= matrix[k, n] * along[n]
            pull[k] += tilt[k] * hazard / sd
        model_backwards(real, whole, m, weight, matrix, loading, covariance, pull, tilt, bend, of_natural)
        for k in range(effects):  # from here on the moments of that half
            mean[k] += along[k] * hazard / sd
            for n in range(effects):
                covariance[k, n] -= bend * along[k] * along[n]
        animals_backwards(
            real, whole, natural, x, columns, m, better, weight, information, vector, square, spread, mean, covariance,
            readings, of_natural, of_columns, gradient,
        )  # fmt: skip
    return total
