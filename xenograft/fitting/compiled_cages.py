"""What animals of one cage have in common, compiled, with derivatives by hand: what `model.groups` says of it.

How fast an animal grows beyond what its baseline says is that of its cage for a share ρ of its variance. The column
of that effect is multiplied by √(1 − ρ) (`compiled_arms`), and with τ² = ρ / (1 − ρ), b = B'Wr, S = B'WB, A = I + S and
w the effect's column of A⁻¹, each animal tells of its cage's part the vector w'b and the matrix 1 − w (the effect's own
entry). With their sums s and C over a cage, M = 1 + τ² C and q = τ s / M (the mean of the cage's part), cages add

    Σ [−½ ln M + ½ M q²]

to the log density that animals have by themselves.
"""
# pyright: basic

from __future__ import annotations

import math

import numpy as np

from xenograft.fitting.block import (
    CAGE_ANIMAL,
    CAGE_COMMON_AT,
    CAGE_FIRST,
    CAGE_GROUP,
    CAGE_OF_LATENT,
    CAGE_SHARE,
    LATENT_ANIMAL,
    POSITION,
    ROWS,
    SD_BASELINE,
    jitted,
)
from xenograft.fitting.compiled_readings import factorise


@jitted
def _effect_of_growth(whole):
    """Which of an animal's effects is how fast it grows."""
    return 1 if whole[whole[POSITION] + SD_BASELINE] >= 0 else 0


@jitted
def _ratio(whole, natural):
    """τ: the sd of a cage's part over that of an animal's own."""
    share = natural[whole[whole[POSITION] + CAGE_SHARE]]
    return math.sqrt(share / (1 - share))


@jitted
def growth_given_readings(whole, matrix, column):
    """Fill the column w (group, effect) of A⁻¹."""
    effects, at = column.shape[1], _effect_of_growth(whole)
    factor, inverse = np.zeros((effects, effects)), np.zeros((effects, effects))
    for g in range(matrix.shape[0]):
        factorise(matrix, g, factor, inverse)
        for k in range(effects):
            column[g, k] = 0.0
            for j in range(max(k, at), effects):
                column[g, k] += inverse[j, k] * inverse[j, at]


@jitted
def integrate_cages(whole, natural, column, mean, sums):
    """What cages add to the density; fill s and C (`sums`: cage, 2). `mean` (effect, animal) holds A⁻¹b."""
    at, square, value = _effect_of_growth(whole), _ratio(whole, natural) ** 2, 0.0
    for cage in range(sums.shape[0]):
        for i in range(whole[whole[CAGE_FIRST] + cage], whole[whole[CAGE_FIRST] + cage + 1]):
            sums[cage, 0] += mean[at, whole[whole[CAGE_ANIMAL] + i]]
            sums[cage, 1] += 1 - column[whole[whole[CAGE_GROUP] + i], at]
        information = 1 + square * sums[cage, 1]
        value += 0.5 * square * sums[cage, 0] ** 2 / information - 0.5 * math.log(information)
    return value


@jitted
def part_of_cage(whole, natural, sums, cage):
    """A cage's part of the effect, from its own coordinate: standard normal given all that is measured of it."""
    ratio = _ratio(whole, natural)
    information = 1 + ratio * ratio * sums[cage, 1]
    own = natural[whole[whole[CAGE_COMMON_AT] + cage] + _effect_of_growth(whole)]
    return ratio * (ratio * sums[cage, 0] / information + own / math.sqrt(information))


@jitted
def add_cages(whole, natural, sums, own_vector):
    """To the information b of animals with censored readings what their cages say of them."""
    for latent in range(own_vector.shape[0]):
        part = part_of_cage(whole, natural, sums, whole[whole[CAGE_OF_LATENT] + latent])
        own_vector[latent, _effect_of_growth(whole)] += part


@jitted
def parts_backwards(whole, of_vector, before, of_part):
    """From what censored readings added to the derivatives by their animals' b to those by the cages' parts."""
    at = _effect_of_growth(whole)
    for latent in range(whole[ROWS + CAGE_OF_LATENT]):
        animal = whole[whole[LATENT_ANIMAL] + latent]
        of_part[whole[whole[CAGE_OF_LATENT] + latent]] += of_vector[at, animal] - before[at, animal]


@jitted
def cages_backwards(whole, natural, column, mean, sums, of_part, of_vector, of_matrix, gradient):
    """Add to the derivatives by b and S, and by ρ, what cages and their parts (`of_part`: cage) say."""
    effects, at, ratio = column.shape[1], _effect_of_growth(whole), _ratio(whole, natural)
    share_at = whole[whole[POSITION] + CAGE_SHARE]
    share, of_ratio = natural[share_at], 0.0
    for cage in range(sums.shape[0]):
        of_vectors, of_matrices = sums[cage, 0], sums[cage, 1]
        information = 1 + ratio * ratio * of_matrices
        middle = ratio * of_vectors / information
        squares = 1 / information + middle * middle
        by_vectors, by_matrices = ratio * middle, -0.5 * ratio * ratio * squares
        of_ratio += middle * of_vectors - ratio * of_matrices * squares
        common = whole[whole[CAGE_COMMON_AT] + cage]
        if common >= 0:
            own, root = natural[common + at], math.sqrt(information)
            gradient[common + at] += of_part[cage] * ratio / root
            by_information = -of_part[cage] * ratio * (middle + 0.5 * own / root) / information
            by_vectors += of_part[cage] * ratio * ratio / information
            by_matrices += by_information * ratio * ratio
            of_ratio += of_part[cage] * (2 * middle + own / root) + by_information * 2 * ratio * of_matrices
        for i in range(whole[whole[CAGE_FIRST] + cage], whole[whole[CAGE_FIRST] + cage + 1]):
            g, animal = whole[whole[CAGE_GROUP] + i], whole[whole[CAGE_ANIMAL] + i]
            for k in range(effects):
                of_vector[k, animal] += by_vectors * column[g, k]
                for m in range(effects):
                    crossed = column[g, k] * mean[m, animal] + column[g, m] * mean[k, animal]
                    of_matrix[g, k, m] += by_matrices * column[g, k] * column[g, m] - 0.5 * by_vectors * crossed
    gradient[share_at] += of_ratio * 0.5 * ratio / (share * (1 - share))
