"""What tumours of one mouse have in common, compiled, with derivatives by hand: what `model.groups` says of it.

Of each tumour b = B'Wr and S = B'WB are known (`compiled_readings`). With the share ρ that tumours of a mouse have in
common, A = I + (1 − ρ) S, C = A⁻¹S, a = A⁻¹b of each tumour, M = I + ρ ΣC and k = Σa of the mouse, the effects add

    Σ [−½ ln |A| + ½ (1 − ρ) b'a] − ½ ln |M| + ½ ρ k'M⁻¹k

to the log density. Tumours of mice with several of them are groups of one in `compiled_readings`.
"""
# pyright: basic

from __future__ import annotations

import math

import numpy as np

from xenograft.fitting.block import (
    COMMON_AT,
    LATENT_AT,
    MOUSE_FIRST,
    MOUSE_SHARE,
    POSITION,
    ROWS,
    TUMOUR_ANIMAL,
    TUMOUR_GROUP,
    TUMOUR_LATENT,
    jitted,
)
from xenograft.fitting.compiled_latents import censored_readings
from xenograft.fitting.compiled_readings import factorise, matrix_of_factor


@jitted
def tumours_information(whole, vector, matrix, own_vector, own_matrix):
    """What the readings say of each tumour, b (tumour, effect) and S (tumour, effect, effect)."""
    for t in range(own_vector.shape[0]):
        g, animal = whole[whole[TUMOUR_GROUP] + t], whole[whole[TUMOUR_ANIMAL] + t]
        for k in range(own_vector.shape[1]):
            own_vector[t, k] = vector[k, animal]
            for m in range(own_vector.shape[1]):
                own_matrix[t, k, m] = matrix[g, k, m]


@jitted
def _crossed(inverse, product):
    """The inverse of c c' from that of c."""
    size = inverse.shape[0]
    for k in range(size):
        for m in range(k + 1):
            total = 0.0
            for j in range(k, size):
                total += inverse[j, k] * inverse[j, m]
            product[k, m] = product[m, k] = total


@jitted
def _times(matrix, vector, product):
    for k in range(vector.size):
        product[k] = 0.0
        for m in range(vector.size):
            product[k] += matrix[k, m] * vector[m]


@jitted
def _multiplied(left, right, product):
    size = left.shape[0]
    for k in range(size):
        for m in range(size):
            product[k, m] = 0.0
            for n in range(size):
                product[k, m] += left[k, n] * right[n, m]


@jitted
def _inner(first, second):
    total = 0.0
    for k in range(first.size):
        total += first[k] * second[k]
    return total


@jitted
def tumours_alone(whole, natural, own_vector, own_matrix, factors, inverses, solved, mean, common):
    """Fill of each tumour the factor of A and its inverse, A⁻¹, a, C; return what tumours by themselves add."""
    effects = own_vector.shape[1]
    own = 1 - natural[whole[whole[POSITION] + MOUSE_SHARE]]
    scaled = np.zeros(own_matrix.shape)
    value = 0.0
    for t in range(own_vector.shape[0]):
        for k in range(effects):
            for m in range(effects):
                scaled[t, k, m] = own * own_matrix[t, k, m]
        factorise(scaled, t, factors[t], inverses[t])
        _crossed(inverses[t], solved[t])
        _times(solved[t], own_vector[t], mean[t])
        _multiplied(solved[t], own_matrix[t], common[t])
        value += 0.5 * own * _inner(own_vector[t], mean[t])
        for k in range(effects):
            value -= math.log(factors[t, k, k])
    return value


@jitted
def _of_mouse(share, begin, end, mean, common, information, factor, inverse, covariance, total, shift):
    """M's factor, its inverse, M⁻¹, k and M⁻¹k of a mouse."""
    for k in range(total.size):
        total[k] = 0.0
        for m in range(total.size):
            information[0, k, m] = 0.0
    for t in range(begin, end):
        for k in range(total.size):
            total[k] += mean[t, k]
            for m in range(total.size):
                information[0, k, m] += share * common[t, k, m]
    factorise(information, 0, factor, inverse)
    _crossed(inverse, covariance)
    _times(covariance, total, shift)


@jitted
def integrate_mice(whole, natural, own_vector, solved, mean, common, of_vector, of_matrix, gradient):
    """What the common parts add to the density; `of_vector` and `of_matrix` become derivatives by b and S.

    The derivative by b is the mean of a tumour's effects given all readings of its mouse; that by S is −½ of their mean
    squares, as without mice.
    """
    effects = own_vector.shape[1]
    at = whole[whole[POSITION] + MOUSE_SHARE]
    share = natural[at]
    own = 1 - share
    shape = (effects, effects)
    information = np.zeros((1, effects, effects))
    factor, inverse, covariance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    between, square, by_share = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    total, shift, moved = np.zeros(effects), np.zeros(effects), np.zeros(effects)
    value = 0.0
    for mouse in range(whole[ROWS + COMMON_AT]):
        begin, end = whole[whole[MOUSE_FIRST] + mouse], whole[whole[MOUSE_FIRST] + mouse + 1]
        _of_mouse(share, begin, end, mean, common, information, factor, inverse, covariance, total, shift)
        explained = _inner(total, shift)
        value += 0.5 * share * explained
        gradient[at] += 0.5 * explained
        for k in range(effects):
            value -= math.log(factor[k, k])
            for m in range(effects):
                by_share[k, m] = 0.0
        for t in range(begin, end):
            _multiplied(common[t], common[t], square)
            _times(common[t], mean[t], moved)
            gradient[at] += share * _inner(moved, shift) - 0.5 * _inner(mean[t], mean[t])
            for k in range(effects):
                gradient[at] += 0.5 * common[t, k, k]
                for m in range(effects):
                    by_share[k, m] += common[t, k, m] + share * square[k, m]
            _times(solved[t], shift, moved)
            _multiplied(solved[t], covariance, square)
            _multiplied(square, solved[t], between)
            g, animal = whole[whole[TUMOUR_GROUP] + t], whole[whole[TUMOUR_ANIMAL] + t]
            for k in range(effects):
                of_vector[k, animal] = own * mean[t, k] + share * moved[k]
            for k in range(effects):
                for m in range(effects):
                    spread = own * solved[t, k, m] + share * between[k, m]
                    of_matrix[g, k, m] = -0.5 * (spread + of_vector[k, animal] * of_vector[m, animal])
        _times(by_share, shift, moved)
        gradient[at] -= 0.5 * share * _inner(shift, moved)
        for k in range(effects):
            for m in range(effects):
                gradient[at] -= 0.5 * covariance[k, m] * by_share[m, k]
    return value


@jitted
def below_the_limit_of_mice(
    real, whole, natural, growth, arms, weights, own_vector, own_matrix, factors, inverses, solved, mean, common,
    of_vector, of_matrix, of_arms, of_growth, of_weights, gradient,
):  # fmt: skip
    """Log probability of the censored readings of tumours that have something in common, as `below_the_limit`.

    The mouse's part is m = c⁻ᵀ(√ρ c⁻¹k + z) with cc' = M and its own coordinates z; the effects of a tumour with
    censored readings are A⁻¹((1 − ρ) b + √ρ m) + √(1 − ρ) f⁻ᵀ z with ff' = A.
    """
    effects = own_vector.shape[1]
    share_at = whole[whole[POSITION] + MOUSE_SHARE]
    share = natural[share_at]
    own_share = 1 - share
    root, part = math.sqrt(share), math.sqrt(own_share)
    shape = (effects, effects)
    information = np.zeros((1, effects, effects))
    factor, inverse, covariance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    total, shift, m, of_m = np.zeros(effects), np.zeros(effects), np.zeros(effects), np.zeros(effects)
    drawn, projected, back = np.zeros(effects), np.zeros(effects), np.zeros(effects)
    right, middle, spread = np.zeros(effects), np.zeros(effects), np.zeros(effects)
    own, of_own = np.zeros(effects), np.zeros(effects)
    of_factor, of_information, work = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    tumours = own_vector.shape[0]
    of_inner, of_inner_factor = np.zeros((tumours, effects, effects)), np.zeros(shape)
    value, of_own_share, of_root, of_part = 0.0, 0.0, 0.0, 0.0
    for mouse in range(whole[ROWS + COMMON_AT]):
        z = whole[whole[COMMON_AT] + mouse]
        if z < 0:
            continue
        begin, end = whole[whole[MOUSE_FIRST] + mouse], whole[whole[MOUSE_FIRST] + mouse + 1]
        _of_mouse(share, begin, end, mean, common, information, factor, inverse, covariance, total, shift)
        for k in range(effects):
            drawn[k] = of_m[k] = 0.0
            for n in range(k, effects):
                drawn[k] += inverse[n, k] * natural[z + n]
            m[k] = root * shift[k] + drawn[k]
        for t in range(begin, end):
            latent = whole[whole[TUMOUR_LATENT] + t]
            if latent < 0:
                continue
            at, g, animal = (
                whole[whole[LATENT_AT] + latent],
                whole[whole[TUMOUR_GROUP] + t],
                whole[whole[TUMOUR_ANIMAL] + t],
            )
            for k in range(effects):
                right[k] = own_share * own_vector[t, k] + root * m[k]
                of_own[k] = spread[k] = 0.0
                for n in range(k, effects):
                    spread[k] += inverses[t, n, k] * natural[at + n]
            _times(solved[t], right, middle)
            for k in range(effects):
                own[k] = middle[k] + part * spread[k]
            value += censored_readings(
                real, whole, natural, growth, arms, weights, latent, g, own, of_own,
                of_arms, of_growth, of_weights, gradient,
            )  # fmt: skip
            _times(solved[t], of_own, back)
            of_own_share += _inner(back, own_vector[t])
            of_root += _inner(back, m)
            of_part += _inner(of_own, spread)
            for k in range(effects):
                of_vector[k, animal] += own_share * back[k]
                of_m[k] += root * back[k]
                projected[k] = 0.0
                for n in range(k + 1):
                    projected[k] += part * inverses[t, k, n] * of_own[n]
                gradient[at + k] += projected[k]
            for k in range(effects):
                for n in range(effects):
                    of_inner_factor[k, n] = -spread[k] * projected[n] if n <= k else 0.0
                    of_inner[t, k, n] -= back[k] * middle[n]
            matrix_of_factor(factors[t], inverses[t], of_inner_factor, work, of_inner[t])
        # m backwards
        of_root += _inner(of_m, shift)
        for k in range(effects):
            projected[k] = 0.0
            for n in range(k + 1):
                projected[k] += inverse[k, n] * of_m[n]
            gradient[z + k] += projected[k]
        _times(covariance, of_m, back)
        for k in range(effects):
            back[k] *= root  # by the mouse's k
            for n in range(effects):
                of_factor[k, n] = -drawn[k] * projected[n] if n <= k else 0.0
        for k in range(effects):
            for n in range(effects):
                of_information[k, n] = -back[k] * shift[n]
        matrix_of_factor(factor, inverse, of_factor, work, of_information)
        for k in range(effects):
            for n in range(k):
                both = 0.5 * (of_information[k, n] + of_information[n, k])
                of_information[k, n] = of_information[n, k] = both
        for t in range(begin, end):
            g, animal = whole[whole[TUMOUR_GROUP] + t], whole[whole[TUMOUR_ANIMAL] + t]
            _times(solved[t], back, projected)  # by a, and from there by b
            _multiplied(solved[t], of_information, of_factor)  # over ρ: by C, and from there by S
            for k in range(effects):
                of_vector[k, animal] += projected[k]
                for n in range(effects):
                    gradient[share_at] += of_information[k, n] * common[t, k, n]
                    of_inner[t, k, n] -= projected[k] * mean[t, n]
                    for i in range(effects):
                        of_inner[t, k, n] -= share * of_factor[k, i] * common[t, n, i]
            for k in range(effects):
                for n in range(effects):
                    by_matrix = share * of_factor[k, n] + own_share * of_inner[t, k, n]
                    of_own_share += of_inner[t, k, n] * own_matrix[t, k, n]
                    of_matrix[g, k, n] += 0.5 * by_matrix
                    of_matrix[g, n, k] += 0.5 * by_matrix
    gradient[share_at] += 0.5 * of_root / root - 0.5 * of_part / part - of_own_share
    return value
