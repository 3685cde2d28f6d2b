"""The integrated likelihood of readings above the limit, with its derivatives, in one pass: what the sampler works on.

`likelihood.log_density` says what is computed. PyTensor takes ten loops over the readings and as many temporary arrays
for it and its gradient; here readings lie by day, animals of an arm side by side, so that all of them are gone through
at once, and what the readings alone tell (`sums`) is computed beforehand: a third of the time. For normal errors and no
more than two effects (baseline, growth) of an animal; the rest is left to `likelihood`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from inspect import getsource
from typing import Any
from zlib import crc32

import numba
import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from xenograft.model.likelihood import Panel

LOG_2_PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class ReadingsByDay:
    """The readings of a panel with animals sorted by arm.

    Parameters
    ----------
    weight_by_day, log_volume_by_day : arrays (day, animal)
        How often the animal was measured above the limit, and the sum of the log volumes over the reference volume.
    first_animal : array (arm + 1)
        Where the animals of each arm begin; the last entry is the number of animals.
    sums : array (3, arm, day)
        Number of readings, sum of their log volumes, sum of the squares.
    """

    weight_by_day: np.ndarray
    log_volume_by_day: np.ndarray
    first_animal: np.ndarray
    sums: np.ndarray


def readings_by_day(readings: Panel, arms: int) -> ReadingsByDay:
    """Arrange a panel for `density_in_one_pass`.

    Parameters
    ----------
    readings : Panel
        Its censored readings are left out.
    arms : int
        Number of arms of the study.
    """
    place = np.empty(len(readings.arm_index), dtype=np.int64)
    place[np.argsort(readings.arm_index, kind="stable")] = np.arange(len(place))
    shape = (len(readings.elapsed), len(place))
    weight, log_volume = np.zeros(shape), np.zeros(shape)
    row, column = np.nonzero((readings.weight > 0) & (readings.censored == 0))
    at = readings.day_index[row, column], place[row]
    np.add.at(weight, at, 1.0)
    np.add.at(log_volume, at, readings.log_volume[row, column])
    first = np.searchsorted(np.sort(readings.arm_index), np.arange(arms + 1))
    sums = np.zeros((3, arms, shape[0]))
    arm, day = readings.arm_index[row], readings.day_index[row, column]
    for power in range(3):
        np.add.at(sums[power], (arm, day), readings.log_volume[row, column] ** power)
    return ReadingsByDay(weight, log_volume, first.astype(float), sums)


class DensityAndDerivatives(Op):
    """Log density of all readings, the animals' own normal effects integrated out, and its derivatives.

    Inputs are the fields of `ReadingsByDay`, and `mean` (arm, day), `variance` (1 or arm, 1 or day), `first` and
    `second` (1 or arm, 1 or day): what `likelihood.tables_of_arms` says, an absent column being 0. Outputs: the density
    (scalar; natural log of a density per log unit for each reading) and its derivatives by the last four inputs.
    """

    __props__ = ()

    def make_node(self, *inputs: Variable) -> Apply:
        inputs_ = [pt.as_tensor_variable(one) for one in inputs]
        return Apply(self, inputs_, [pt.dscalar(), *(one.type() for one in inputs_[4:])])

    def perform(self, node: Apply, inputs: Sequence[np.ndarray], output_storage: Any) -> None:
        for storage, value in zip(output_storage, _in_one_pass(*inputs), strict=True):
            storage[0] = value

    def pullback(self, inputs: Sequence[Variable], outputs: Sequence[Variable], cotangents: Sequence[Any]) -> list[Any]:
        assert all(isinstance(one.type, DisconnectedType) for one in cotangents[1:]), "there are no second derivatives"
        return [DisconnectedType()() for _ in range(4)] + [cotangents[0] * one for one in outputs[1:]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False] * 5] * 4 + [[True] * 5] * 4


def density_in_one_pass(readings: ReadingsByDay, typical: Any, variance: Any, columns: Sequence[Any]) -> Any:
    """Log density of all readings, the animals' own effects integrated out, for PyTensor.

    Parameters
    ----------
    readings : ReadingsByDay
        Symbols or arrays.
    typical : symbol (arm, day)
        Log volume of the typical animal.
    variance : symbol (1 or arm, 1 or day)
        Of a reading (squared log units).
    columns : sequence of symbols (1 or arm, day), at most two
        How each standard normal effect enters (log units).

    Returns
    -------
    scalar symbol
        Natural log of a density per log unit for each reading; can be derived once.
    """
    absent = [np.zeros((1, 1))] * (2 - len(columns))
    by_day = [getattr(readings, item.name) for item in fields(ReadingsByDay)]
    found: Any = DensityAndDerivatives()(*by_day, typical, variance, *columns, *absent)
    return found[0]


@numba.njit
def _in_one_pass(
    weight: Any, log_volume: Any, first_animal: Any, sums: Any, mean: Any, variance: Any, first: Any, second: Any
) -> Any:
    n_arms, n_days = mean.shape
    n_animals = weight.shape[1]
    of_mean, of_variance = np.zeros(mean.shape), np.zeros(variance.shape)
    of_first, of_second = np.zeros(first.shape), np.zeros(second.shape)
    log_variance = np.log(variance)
    own = np.zeros((5, n_animals))
    s00, s10, s11, b0, b1 = own[0], own[1], own[2], own[3], own[4]  # of S = B'PB and b = B'Pr
    twice = 0.0
    for arm in range(n_arms):
        begin, end = int(first_animal[arm]), int(first_animal[arm + 1])
        for day in range(n_days):
            number, total, squares = sums[0, arm, day], sums[1, arm, day], sums[2, arm, day]
            if number == 0:
                continue
            va, vd = arm if variance.shape[0] > 1 else 0, day if variance.shape[1] > 1 else 0
            a0, d0 = arm if first.shape[0] > 1 else 0, day if first.shape[1] > 1 else 0
            a1, d1 = arm if second.shape[0] > 1 else 0, day if second.shape[1] > 1 else 0
            v, m, x0, x1 = variance[va, vd], mean[arm, day], first[a0, d0], second[a1, d1]
            twice -= number * (log_variance[va, vd] + LOG_2_PI) + (squares - 2 * m * total + number * m * m) / v
            p0, p1 = x0 / v, x1 / v
            p00, p10, p11 = p0 * x0, p1 * x0, p1 * x1
            for i in range(begin, end):
                w = weight[day, i]
                residual = log_volume[day, i] - w * m
                b0[i] += p0 * residual
                b1[i] += p1 * residual
                s00[i] += p00 * w
                s10[i] += p10 * w
                s11[i] += p11 * w
    for i in range(n_animals):
        determinant = (1 + s00[i]) * (1 + s11[i]) - s10[i] ** 2
        c00, c10, c11 = (1 + s11[i]) / determinant, -s10[i] / determinant, (1 + s00[i]) / determinant
        u0, u1 = c00 * b0[i] + c10 * b1[i], c10 * b0[i] + c11 * b1[i]
        twice += u0 * b0[i] + u1 * b1[i] - np.log(determinant)
        # from here on mean and mean square of the animal's effects given its readings
        b0[i], b1[i] = u0, u1
        s00[i], s10[i], s11[i] = u0 * u0 + c00, u0 * u1 + c10, u1 * u1 + c11
    for arm in range(n_arms):
        begin, end = int(first_animal[arm]), int(first_animal[arm + 1])
        for day in range(n_days):
            number, total, squares = sums[0, arm, day], sums[1, arm, day], sums[2, arm, day]
            if number == 0:
                continue
            w0, w1, y0, y1, w00, w10, w11 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(begin, end):
                w, y = weight[day, i], log_volume[day, i]
                w0 += w * b0[i]
                w1 += w * b1[i]
                y0 += y * b0[i]
                y1 += y * b1[i]
                w00 += w * s00[i]
                w10 += w * s10[i]
                w11 += w * s11[i]
            va, vd = arm if variance.shape[0] > 1 else 0, day if variance.shape[1] > 1 else 0
            a0, d0 = arm if first.shape[0] > 1 else 0, day if first.shape[1] > 1 else 0
            a1, d1 = arm if second.shape[0] > 1 else 0, day if second.shape[1] > 1 else 0
            v, m, x0, x1 = variance[va, vd], mean[arm, day], first[a0, d0], second[a1, d1]
            r0, r1 = y0 - m * w0, y1 - m * w1
            h0, h1 = w00 * x0 + w10 * x1, w10 * x0 + w11 * x1
            of_mean[arm, day] = (total - number * m - x0 * w0 - x1 * w1) / v
            of_first[a0, d0] += (r0 - h0) / v
            of_second[a1, d1] += (r1 - h1) / v
            left = squares - 2 * m * total + number * m * m - 2 * (x0 * r0 + x1 * r1) + x0 * h0 + x1 * h1
            of_variance[va, vd] += 0.5 * (left / v - number) / v
    return np.asarray(0.5 * twice), of_mean, of_variance, of_first, of_second


@register_funcify_default_op_cache_key(DensityAndDerivatives)
def _for_numba(op: Op, **_: Any) -> tuple[Any, int]:
    return _in_one_pass, crc32(getsource(_in_one_pass.py_func).encode())
