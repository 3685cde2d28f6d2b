"""Typical log volumes of the arms by day, compiled, with their derivatives by hand: the equation of `model.curve`.

Three tables follow each other: what growth contributes (`compiled_growth`), what each exposure has accumulated, what
the arms look like. Forwards they are filled; backwards the density's derivatives by an arm's table become those by the
parameters. A *unit* is a dosing or, behind them, a combination: what has a rate of its own.
"""
# pyright: basic

from __future__ import annotations

import math

import numpy as np

from xenograft.fitting.block import (
    ARM_FIRST_UNIT,
    ARM_JOINT,
    ARM_UNITS,
    BASELINE,
    BASIS,
    BEND,
    CAGE_SHARE,
    COLUMNS_OF,
    CORRELATION,
    DOSE_POWER,
    ELAPSED,
    ERROR_AT,
    FACTORS,
    FLOOR,
    GROWTH,
    HIGHEST,
    JUMP,
    JUMP_DAY,
    POSITION,
    RATES,
    RATES_OF_COURSE,
    RESIDUAL,
    ROWS,
    SD_BASELINE,
    SD_EFFECT,
    SD_GROWTH_AT,
    SLOWING,
    SMALL_TUMOUR_ERROR,
    UNIT_AT,
    UNIT_LOG_DOSE,
    UNIT_OF_COURSE,
    jitted,
)
from xenograft.fitting.compiled_growth import BASELINE_SLOPE, FROM_BASELINE, FROM_GROWTH, GROWTH_SLOPE, relative_growth

MEAN, PRECISION, REDUCTION, TUMOUR, COLUMNS = range(5)
"""Rows of the arms' table: log of what is measured, inverse variance of a reading, reduction by treatment, the share of
what is measured that is tumour (1 without a residual), then effects' columns."""


@jitted
def product_jump(real, whole, natural, product, event, slopes):
    """By how much a product of courses jumps on a day; the first row of `slopes` (2, rate) gets its derivatives."""
    jumps, rates, rate_at = whole[COLUMNS_OF + JUMP], slopes.shape[1], whole[whole[POSITION] + RATES]
    after, before = 1.0, 1.0
    for r in range(rates):
        slopes[0, r] = slopes[1, r] = 0.0
    for slot in range(whole[COLUMNS_OF + FACTORS]):
        course = whole[whole[FACTORS] + product * whole[COLUMNS_OF + FACTORS] + slot]
        if course < 0:
            continue
        share, decay = whole[RATES_OF_COURSE] + course * rates, 0.0
        for r in range(rates):
            decay += real[share + r] * natural[rate_at + r]
        value_after, value_before, slope_after, slope_before = 0.0, 0.0, 0.0, 0.0
        for j in range(course * jumps, (course + 1) * jumps):
            size, since = real[whole[JUMP] + j], event - real[whole[JUMP_DAY] + j]
            if size == 0.0 or since < 0:
                continue
            left = size * math.exp(-decay * since)
            value_after += left
            slope_after -= since * left
            if since > 0:
                value_before += left
                slope_before -= since * left
        for r in range(rates):
            slopes[0, r] = slopes[0, r] * value_after + after * slope_after * real[share + r]
            slopes[1, r] = slopes[1, r] * value_before + before * slope_before * real[share + r]
        after *= value_after
        before *= value_before
    for r in range(rates):
        slopes[0, r] -= slopes[1, r]
    return after - before


@jitted
def fill_exposure(real, whole, natural, exposure):
    """Accumulated exposure (row, unit, day), then its derivatives by the slowing rate and by each rate."""
    elapsed, days = whole[ELAPSED], exposure.shape[2]
    slowing_at, rate_at = whole[whole[POSITION] + SLOWING], whole[whole[POSITION] + RATES]
    courses, rates, jumps = whole[ROWS + JUMP], exposure.shape[0] - 2, whole[COLUMNS_OF + JUMP]
    own = courses - whole[ROWS + FACTORS]
    slowing = natural[slowing_at] if slowing_at >= 0 else 0.0
    slopes = np.zeros((2, rates))
    for c in range(courses):
        unit, share, decay = whole[whole[UNIT_OF_COURSE] + c], whole[RATES_OF_COURSE] + c * rates, 0.0
        for r in range(rates):
            decay += real[share + r] * natural[rate_at + r]
        product = c >= own and rates > 0
        for j in range(jumps):
            start, size = real[whole[JUMP_DAY] + c * jumps + j], real[whole[JUMP] + c * jumps + j]
            if start >= real[elapsed + days - 1]:
                continue
            if product:
                size = product_jump(real, whole, natural, c - own, start, slopes)
            for d in range(days):
                u = real[elapsed + d] - start
                if u <= 0:
                    continue
                if slowing_at < 0 and rates == 0:
                    exposure[0, unit, d] += size * u
                    continue
                low, high = min(slowing, decay), max(slowing, decay)
                value, slope = relative_growth((high - low) * u)
                left = u * math.exp(-low * u)
                held, by_high = left * value, u * left * slope
                by_low = -u * held - by_high
                exposure[0, unit, d] += size * held
                exposure[1, unit, d] += size * (by_low if slowing < decay else by_high)
                by_decay = size * (by_high if slowing < decay else by_low)
                for r in range(rates):
                    exposure[2 + r, unit, d] += real[share + r] * by_decay
                    if product:
                        exposure[2 + r, unit, d] += slopes[0, r] * held


@jitted
def dose_factor(real, whole, natural, unit):
    """What the rate of a unit is multiplied by for its dose (no unit)."""
    power = whole[whole[POSITION] + DOSE_POWER]
    return math.exp((natural[power] if power >= 0 else 1.0) * real[whole[UNIT_LOG_DOSE] + unit])


@jitted
def bend_of(real, whole, natural, curve, d):
    """How far a spline's curve departs from a straight line on a day (log units); 0 of other growth laws."""
    first, knots = whole[whole[POSITION] + BEND], whole[COLUMNS_OF + BASIS]
    total = 0.0
    if first >= 0:
        basis = whole[BASIS] + (curve * whole[ROWS + ELAPSED] + d) * knots
        for k in range(knots):
            total += natural[first + curve * knots + k] * real[basis + k]
    return total


@jitted
def bend_backwards(real, whole, gradient, curve, d, of_curve):
    """From a derivative by `bend_of` to those by the bends."""
    first, knots = whole[whole[POSITION] + BEND], whole[COLUMNS_OF + BASIS]
    if first >= 0:
        basis = whole[BASIS] + (curve * whole[ROWS + ELAPSED] + d) * knots
        for k in range(knots):
            gradient[first + curve * knots + k] += of_curve * real[basis + k]


@jitted
def largest_alone(whole, alone, arm, d):
    """The dosing of an arm with the largest reduction on a day."""
    first = whole[ARM_UNITS] + whole[whole[ARM_FIRST_UNIT] + arm]
    largest = whole[first]
    for at in range(first, whole[ARM_UNITS] + whole[whole[ARM_FIRST_UNIT] + arm + 1]):
        if alone[whole[at], d] > alone[largest, d]:
            largest = whole[at]
    return largest


@jitted
def fill_arms(real, whole, natural, growth, exposure, alone, arms):
    """Rows `MEAN` and so on of `arms` (row, arm, day), and each unit's reduction `alone` (unit, day)."""
    baseline, growth_rate = natural[whole[whole[POSITION] + BASELINE]], natural[whole[whole[POSITION] + GROWTH]]
    common = 0  # the curve of all arms
    for unit in range(alone.shape[0]):
        at = whole[whole[UNIT_AT] + unit]
        rate = natural[at] * dose_factor(real, whole, natural, unit) if at >= 0 else 0.0
        for d in range(alone.shape[1]):
            alone[unit, d] = rate * exposure[0, unit, d] - bend_of(real, whole, natural, 1 + unit, d)
    for a in range(arms.shape[1]):
        joint = whole[whole[ARM_JOINT] + a]
        first, last = whole[whole[ARM_FIRST_UNIT] + a], whole[whole[ARM_FIRST_UNIT] + a + 1]
        for d in range(alone.shape[1]):
            reduction = 0.0
            if joint >= 0 and whole[whole[HIGHEST]] > 0:
                reduction = alone[largest_alone(whole, alone, a, d), d]
            else:
                for member in range(first, last):
                    reduction += alone[whole[whole[ARM_UNITS] + member], d]
            if joint >= 0:
                reduction += alone[joint, d]
            untreated = baseline * growth[FROM_BASELINE, d] + growth_rate * growth[FROM_GROWTH, d]
            arms[REDUCTION, a, d] = reduction
            arms[MEAN, a, d] = untreated + bend_of(real, whole, natural, common, d) - reduction
        _fill_columns(whole, natural, growth, arms, a)
        _add_residual(whole, natural, arms, a)
        _fill_precision(real, whole, natural, arms, a)


@jitted
def _fill_columns(whole, natural, growth, arms, a):
    position, sd_growth = whole[POSITION], whole[whole[SD_GROWTH_AT] + a]
    correlation = whole[position + CORRELATION]
    sd_baseline, sd_effect = whole[position + SD_BASELINE], whole[position + SD_EFFECT]
    cage_share = whole[position + CAGE_SHARE]
    within = math.sqrt(1 - natural[cage_share]) if cage_share >= 0 else 1.0
    of_baseline = natural[sd_baseline] if sd_baseline >= 0 else 0.0
    of_growth = natural[sd_growth] if sd_growth >= 0 else 0.0
    of_effect = natural[sd_effect] if sd_effect >= 0 else 0.0
    rho = natural[correlation] if correlation >= 0 else 0.0
    own = of_growth * math.sqrt(1 - rho * rho) * within
    second = COLUMNS + (1 if sd_baseline >= 0 else 0)
    third = second + (1 if sd_growth >= 0 else 0)
    for d in range(arms.shape[2]):
        if sd_baseline >= 0:
            arms[COLUMNS, a, d] = of_baseline * growth[FROM_BASELINE, d] + rho * of_growth * growth[FROM_GROWTH, d]
        if sd_growth >= 0:
            arms[second, a, d] = own * growth[FROM_GROWTH, d]
        if sd_effect >= 0:
            arms[third, a, d] = -of_effect * arms[REDUCTION, a, d]


@jitted
def _add_residual(whole, natural, arms, a):
    """From the tumour to what is measured: a residual adds to its volume, and takes from how animals differ."""
    at = whole[whole[POSITION] + RESIDUAL]
    if at < 0:
        return  # no function looks at the share then
    for d in range(arms.shape[2]):
        tumour = arms[MEAN, a, d]
        arms[TUMOUR, a, d] = 1 / (1 + natural[at] * math.exp(-tumour))
        arms[MEAN, a, d] = max(tumour, math.log(natural[at]))
        arms[MEAN, a, d] += math.log1p(math.exp(-abs(tumour - math.log(natural[at]))))
        for row in range(COLUMNS, arms.shape[0]):
            arms[row, a, d] *= arms[TUMOUR, a, d]


@jitted
def _residual_backwards(whole, natural, arms, of_arms, gradient, a):
    """From derivatives by what is measured, and its columns, to those by the tumour's; `arms` becomes the tumour's."""
    at = whole[whole[POSITION] + RESIDUAL]
    if at < 0:
        return
    for d in range(arms.shape[2]):
        share = arms[TUMOUR, a, d]
        of_share = 0.0
        for row in range(COLUMNS, arms.shape[0]):
            own = arms[row, a, d] / share if share > 0 else 0.0
            of_share += of_arms[row, a, d] * own
            of_arms[row, a, d] *= share
            arms[row, a, d] = own
        slope = share * (1 - share) * of_share
        gradient[at] += ((1 - share) * of_arms[MEAN, a, d] - slope) / natural[at]
        of_arms[MEAN, a, d] = share * of_arms[MEAN, a, d] + slope


@jitted
def _fill_precision(real, whole, natural, arms, a):
    error, floor = natural[whole[whole[ERROR_AT] + a]], real[whole[FLOOR]]
    small = whole[whole[POSITION] + SMALL_TUMOUR_ERROR]
    variance = error * error
    constant = 1 / variance
    for d in range(arms.shape[2]):
        arms[PRECISION, a, d] = constant
        if small >= 0:
            relative = natural[small] * math.exp(-max(arms[MEAN, a, d], floor))
            arms[PRECISION, a, d] = 1 / (variance + relative * relative)


@jitted
def arms_backwards(real, whole, natural, growth, exposure, alone, arms, of_arms, of_growth, gradient):
    """From derivatives by `arms` (`of_arms`) and by rows of `growth` (`of_growth`) to those by the parameters."""
    position, days = whole[POSITION], alone.shape[1]
    baseline, growth_rate, slowing = whole[position + BASELINE], whole[position + GROWTH], whole[position + SLOWING]
    of_alone, of_untreated = np.zeros(alone.shape), np.zeros(days)
    for a in range(arms.shape[1]):
        _precision_backwards(real, whole, natural, arms, of_arms, gradient, a)
        _residual_backwards(whole, natural, arms, of_arms, gradient, a)
        _columns_backwards(whole, natural, growth, arms, of_arms, of_growth, gradient, a)
        joint = whole[whole[ARM_JOINT] + a]
        first, last = whole[whole[ARM_FIRST_UNIT] + a], whole[whole[ARM_FIRST_UNIT] + a + 1]
        for d in range(days):
            of_untreated[d] += of_arms[MEAN, a, d]
            of_reduction = of_arms[REDUCTION, a, d] - of_arms[MEAN, a, d]
            if joint >= 0:
                of_alone[joint, d] += of_reduction
            if joint >= 0 and whole[whole[HIGHEST]] > 0:
                of_alone[largest_alone(whole, alone, a, d), d] += of_reduction
            else:
                for member in range(first, last):
                    of_alone[whole[whole[ARM_UNITS] + member], d] += of_reduction
    for unit in range(alone.shape[0]):
        _unit_backwards(real, whole, natural, exposure, of_alone, gradient, unit)
    common = 0
    for d in range(days):
        gradient[baseline] += of_untreated[d] * growth[FROM_BASELINE, d]
        gradient[growth_rate] += of_untreated[d] * growth[FROM_GROWTH, d]
        if slowing >= 0:
            of_first = of_growth[FROM_BASELINE, d] + of_untreated[d] * natural[baseline]
            of_second = of_growth[FROM_GROWTH, d] + of_untreated[d] * natural[growth_rate]
            gradient[slowing] += of_first * growth[BASELINE_SLOPE, d] + of_second * growth[GROWTH_SLOPE, d]
        bend_backwards(real, whole, gradient, common, d, of_untreated[d])


@jitted
def _unit_backwards(real, whole, natural, exposure, of_alone, gradient, unit):
    at, slowing = whole[whole[UNIT_AT] + unit], whole[whole[POSITION] + SLOWING]
    rate_at, power = whole[whole[POSITION] + RATES], whole[whole[POSITION] + DOSE_POWER]
    factor = dose_factor(real, whole, natural, unit)
    rate, of_rate = natural[at] * factor if at >= 0 else 0.0, 0.0
    for d in range(of_alone.shape[1]):
        of_rate += of_alone[unit, d] * exposure[0, unit, d]
        if slowing >= 0:
            gradient[slowing] += rate * of_alone[unit, d] * exposure[1, unit, d]
        for r in range(exposure.shape[0] - 2):
            gradient[rate_at + r] += rate * of_alone[unit, d] * exposure[2 + r, unit, d]
        bend_backwards(real, whole, gradient, 1 + unit, d, -of_alone[unit, d])
    if at >= 0:
        gradient[at] += of_rate * factor
        if power >= 0:
            gradient[power] += of_rate * rate * real[whole[UNIT_LOG_DOSE] + unit]


@jitted
def _precision_backwards(real, whole, natural, arms, of_arms, gradient, a):
    error, floor = whole[whole[ERROR_AT] + a], real[whole[FLOOR]]
    small = whole[whole[POSITION] + SMALL_TUMOUR_ERROR]
    total = 0.0
    for d in range(arms.shape[2]):
        precision = arms[PRECISION, a, d]
        of_variance = -of_arms[PRECISION, a, d] * precision * precision
        total += of_variance
        if small >= 0:
            relative = math.exp(-max(arms[MEAN, a, d], floor)) * natural[small]
            gradient[small] += 2 * relative * relative / natural[small] * of_variance
            if arms[MEAN, a, d] > floor:
                of_arms[MEAN, a, d] -= 2 * relative * relative * of_variance
    gradient[error] += 2 * natural[error] * total


@jitted
def _columns_backwards(whole, natural, growth, arms, of_arms, of_growth, gradient, a):
    position, sd_growth = whole[POSITION], whole[whole[SD_GROWTH_AT] + a]
    correlation = whole[position + CORRELATION]
    sd_baseline, sd_effect = whole[position + SD_BASELINE], whole[position + SD_EFFECT]
    cage_share = whole[position + CAGE_SHARE]
    within = math.sqrt(1 - natural[cage_share]) if cage_share >= 0 else 1.0
    of_baseline = natural[sd_baseline] if sd_baseline >= 0 else 0.0
    own_growth = natural[sd_growth] if sd_growth >= 0 else 0.0
    of_effect = natural[sd_effect] if sd_effect >= 0 else 0.0
    rho = natural[correlation] if correlation >= 0 else 0.0
    share = math.sqrt(1 - rho * rho)
    second = COLUMNS + (1 if sd_baseline >= 0 else 0)
    third = second + (1 if sd_growth >= 0 else 0)
    by_baseline, by_growth, by_own, by_effect = 0.0, 0.0, 0.0, 0.0  # derivatives by the columns, times what they scale
    for d in range(arms.shape[2]):
        from_growth = growth[FROM_GROWTH, d]
        if sd_baseline >= 0:
            of_column = of_arms[COLUMNS, a, d]
            by_baseline += of_column * growth[FROM_BASELINE, d]
            by_growth += of_column * from_growth
            of_growth[FROM_BASELINE, d] += of_column * of_baseline
            of_growth[FROM_GROWTH, d] += of_column * rho * own_growth
        if sd_growth >= 0:
            of_column = of_arms[second, a, d]
            by_own += of_column * from_growth
            of_growth[FROM_GROWTH, d] += of_column * share * within * own_growth
        if sd_effect >= 0:
            of_column = of_arms[third, a, d]
            by_effect -= of_column * arms[REDUCTION, a, d]
            of_arms[REDUCTION, a, d] -= of_column * of_effect
    if sd_baseline >= 0:
        gradient[sd_baseline] += by_baseline
    if sd_growth >= 0:
        gradient[sd_growth] += rho * by_growth + share * within * by_own
    if correlation >= 0:
        gradient[correlation] += own_growth * (by_growth - by_own * rho / share * within)
    if cage_share >= 0:
        gradient[cage_share] -= 0.5 * share * own_growth / within * by_own
    if sd_effect >= 0:
        gradient[sd_effect] += by_effect
