"""Animals that have something in common: tumours of one mouse, animals of one cage (docs/mathematics.md).

An animal's standard normal effects are e = √share · m + √(1 − share) · u, m of its group and u its own: each animal by
itself is as without groups. Tumours of a mouse share all their effects, animals of a cage how fast they grow. Given m
the animals of a group are independent, so each is integrated as before and leaves an information matrix and vector on
m, which add up. Written once for NumPy (posterior draws lead) and PyTensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xenograft.model.curve import Parameters
from xenograft.model.matrices import back_substituted, cholesky, forward_substituted, solved


@dataclass(frozen=True)
class Grouping:
    """Which animals belong together.

    Parameters
    ----------
    members : int array (group, member)
        Positions of each group's animals (0 pads).
    present : array (group, member)
        1 for a member, 0 for padding.
    group_index, member_index : int arrays (animal)
        Where in `members` each animal stands.
    """

    members: Any
    present: Any
    group_index: Any
    member_index: Any

    @property
    def several(self) -> Any:
        """1 for groups of several animals, 0 for the others (group): only they have something in common."""
        return (self.present.sum(axis=-1) > 1) * 1.0


def grouping(groups: pd.Series) -> Grouping | None:
    """The groups of animals, in the order of their first animals; None where every animal is one.

    Parameters
    ----------
    groups : Series (animal)
        Names of the groups, as `Study.groups`.
    """
    if not groups.duplicated().any():
        return None
    group_index, _ = pd.factorize(groups)
    member_index = groups.groupby(groups, sort=False).cumcount().to_numpy()
    shape = (int(group_index.max()) + 1, int(member_index.max()) + 1)
    members, present = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    members[group_index, member_index] = np.arange(len(groups))
    present[group_index, member_index] = 1.0
    return Grouping(members, present, group_index.astype(np.int64), member_index.astype(np.int64))


def shares_of_groups(groups: Grouping, parameters: Parameters, effects: int, *, xp: Any = np) -> Any:
    """Share of each effect's variance that the animals of a group have in common: 0 for a tumour by itself.

    Parameters
    ----------
    groups : Grouping
        NumPy or PyTensor arrays.
    parameters : Parameters
        Their `mouse_share` counts for all effects, their `cage_share` for that of growth alone.
    effects : int
        How many effects an animal has.

    Returns
    -------
    array (..., group, effect)
    """
    of_growth = 0 if parameters.sd_baseline is None else 1
    found: list[Any] = []
    for k in range(effects):
        if parameters.cage_share is not None and k == of_growth:  # an animal by itself is a cage
            found.append(parameters.cage_share[..., None] + 0 * groups.several)
        else:
            share = 0 * parameters.baseline if parameters.mouse_share is None else parameters.mouse_share
            found.append(groups.several * share[..., None])
    return xp.stack(found, axis=-1) if found else None


def by_group(
    groups: Grouping, readings: Any, mean: Any, precision: Any, columns: Sequence[Any]
) -> tuple[Any, Any, Any, list[Any]]:
    """The arguments of `likelihood.log_density` (…, animal, reading) as arrays (…, group, member, reading).

    The precision of padding is 0.
    """
    mean, *columns = (array + 0 * readings for array in (mean, *columns))
    members = [array[..., groups.members, :] for array in (readings, mean, precision, *columns)]
    return members[0], members[1], members[2] * groups.present[..., None], members[3:]


def log_density_of_groups(
    readings: Any, mean: Any, precision: Any, columns: Sequence[Any], shares: Any, *, xp: Any = np
) -> Any:
    """Log density of each group's readings, the effects of its animals and their common part integrated out.

    Parameters
    ----------
    readings, mean, precision, columns
        As in `likelihood.log_density`, arrays (..., group, member, reading); precision 0 leaves a reading out.
    shares : array (..., group, effect)
        Shares of the effects' variances that members have in common, 0 to below 1.

    Returns
    -------
    array (..., group)
        Natural log of a density per log unit for each reading.
    """
    residual = readings - mean
    given = _given_common(residual, precision, columns, shares, xp=xp)
    present = precision > 0
    log_precision = xp.where(present, xp.log(xp.where(present, precision, 1.0)) - np.log(2 * np.pi), 0.0)
    fit = (log_precision - precision * residual**2).sum(axis=-1)
    own = sum(given.score[k] * given.mean_effect[k] - 2 * xp.log(given.factor[k][k]) for k in range(len(columns)))
    shared = sum(v**2 - 2 * xp.log(given.common[k][k]) for k, v in enumerate(given.projected))
    return 0.5 * ((fit + own).sum(axis=-1) + shared)


def effects_of_groups(
    readings: Any,
    mean: Any,
    precision: Any,
    columns: Sequence[Any],
    shares: Any,
    own: Any,
    common: Any,
    *,
    xp: Any = np,
) -> Any:
    """The animals' standard normal effects from standard normal numbers: draws given the readings that have precision.

    Parameters
    ----------
    readings, mean, precision, columns, shares
        As in `log_density_of_groups`.
    own : array (..., group, member, effect)
        Of each animal, given what its group has in common.
    common : array (..., group, effect)
        Of each group. Zeros in both give the conditional means.

    Returns
    -------
    array (..., group, member, effect)
        Standard normal effects (no unit).
    """
    given = _given_common(readings - mean, precision, columns, shares, xp=xp)
    drawn = back_substituted(given.common, [v + common[..., k] for k, v in enumerate(given.projected)])
    right = [given.score[k] + (given.ratio[k] * drawn[k])[..., None] for k in range(len(columns))]
    whitened = forward_substituted(given.factor, right)
    found = back_substituted(given.factor, [v + own[..., k] for k, v in enumerate(whitened)])
    return xp.stack([given.part[k][..., None] * effect for k, effect in enumerate(found)], axis=-1)


def as_one_animal(
    readings: np.ndarray, mean: np.ndarray, precision: np.ndarray, columns: Sequence[np.ndarray], shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """A group as one animal with as many effects as its members have together.

    Parameters
    ----------
    readings, mean, precision, columns, shares
        As in `log_density_of_groups`, NumPy arrays.

    Returns
    -------
    readings, mean, precision, columns
        As in `likelihood.log_density`, arrays (..., group, reading), readings of the first member first; columns of the
        first member's effects first.
    """
    size = precision.shape[-2]
    factors: list[list[list[Any]]] = []
    for k in range(len(columns)):
        share, one = shares[..., k], np.ones_like(shares[..., k])
        factors.append(cholesky([[one if i == j else share for j in range(i + 1)] for i in range(size)]))

    def flat(array: np.ndarray) -> np.ndarray:
        return array.reshape(*array.shape[:-2], -1)

    found: list[np.ndarray] = []
    for j in range(size):
        for factor, column in zip(factors, columns, strict=True):
            zero = 0 * factor[0][0]
            weight = np.stack([factor[i][j] if j <= i else zero for i in range(size)], axis=-1)[..., None]
            found.append(flat(weight * column))
    return flat(readings), flat(mean), flat(precision), found


def common_part(
    readings: np.ndarray,
    mean: np.ndarray,
    precision: np.ndarray,
    columns: Sequence[np.ndarray],
    shares: np.ndarray,
    effect: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of what animals of a group have in common of one effect, given the readings that have precision.

    Parameters
    ----------
    readings, mean, precision, columns, shares
        As in `log_density_of_groups`, NumPy arrays.
    effect : int
        The only one whose share is not 0.

    Returns
    -------
    mean, sd : arrays (..., group)
        No unit; 0 and 1 where nothing is shared.
    """
    given = _given_common(readings - mean, precision, columns, shares, xp=np)
    sd = 1 / given.common[effect][effect]
    return given.projected[effect] * sd, sd


@dataclass(frozen=True)
class _Given:
    """What the readings say of the effects of each animal and of the common part m of its group.

    With effects √(1 − share) (ratio · m + u), ratio² = share / (1 − share), columns multiplied by √(1 − share), and of
    each animal S = B'PB, b = B'Pr and A = I + S: `factor` of A (lower Cholesky), `score` b, `mean_effect` A⁻¹b; of each
    group `common`, the factor c of I + ratio Σ A⁻¹S ratio, and `projected`, c⁻¹ ratio Σ A⁻¹b.
    """

    part: list[Any]
    ratio: list[Any]
    factor: list[list[Any]]
    score: list[Any]
    mean_effect: list[Any]
    common: list[list[Any]]
    projected: list[Any]


def _given_common(residual: Any, precision: Any, columns: Sequence[Any], shares: Any, *, xp: Any) -> _Given:
    size = len(columns)
    part, ratio = [], []
    for k in range(size):
        share = shares[..., k]
        some = share > 0
        part.append(xp.sqrt(1 - share))
        ratio.append(xp.where(some, xp.sqrt(xp.where(some, share / (1 - share), 1.0)), 0.0))
    own = [part[k][..., None, None] * column for k, column in enumerate(columns)]
    weighted = [precision * column for column in own]
    score = [(column * residual).sum(axis=-1) for column in weighted]
    half = [[(weighted[k] * own[m]).sum(axis=-1) for m in range(k + 1)] for k in range(size)]
    factor = cholesky([[half[k][m] + (1.0 if k == m else 0.0) for m in range(k + 1)] for k in range(size)], xp=xp)
    mean_effect = solved(factor, score)
    information: list[list[Any]] = []
    for k in range(size):
        row = solved(factor, [half[max(k, m)][min(k, m)] for m in range(size)])
        information.append([ratio[k] * ratio[m] * row[m].sum(axis=-1) + (1.0 if k == m else 0.0) for m in range(k + 1)])
    common = cholesky(information, xp=xp)
    projected = forward_substituted(common, [ratio[k] * m.sum(axis=-1) for k, m in enumerate(mean_effect)])
    return _Given(part, ratio, factor, score, mean_effect, common, projected)
