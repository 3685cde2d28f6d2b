"""Animals that have something in common: tumours of one mouse, whose effects are alike (docs/mathematics.md).

An animal's standard normal effects are e = √share · m + √(1 − share) · u, m of its group and u its own: each animal by
itself is as without groups. Given m the animals of a group are independent, so each is integrated as before and leaves
an information matrix and vector on m, which add up. Written once for NumPy (posterior draws lead) and PyTensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

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


def share_of_groups(groups: Grouping, mouse_share: Any) -> Any:
    """Share of their effects' variances that the animals of each group have in common: 0 in groups of one.

    Parameters
    ----------
    groups : Grouping
        NumPy or PyTensor arrays.
    mouse_share : array (...) or None
        The parameter; None is 0.

    Returns
    -------
    array (..., group)
    """
    return groups.several * (0.0 if mouse_share is None else mouse_share[..., None])


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
    readings: Any, mean: Any, precision: Any, columns: Sequence[Any], share: Any, *, xp: Any = np
) -> Any:
    """Log density of each group's readings, the effects of its animals and their common part integrated out.

    Parameters
    ----------
    readings, mean, precision, columns
        As in `likelihood.log_density`, arrays (..., group, member, reading); precision 0 leaves a reading out.
    share : array (..., group)
        Share of the effects' variances that members have in common, 0 to below 1.

    Returns
    -------
    array (..., group)
        Natural log of a density per log unit for each reading.
    """
    residual = readings - mean
    factor, score, mean_effect, common, projected = _given_common(residual, precision, columns, share, xp=xp)
    present = precision > 0
    log_precision = xp.where(present, xp.log(xp.where(present, precision, 1.0)) - np.log(2 * np.pi), 0.0)
    fit = (log_precision - precision * residual**2).sum(axis=-1)
    own = sum(
        (1 - share[..., None]) * score[k] * mean_effect[k] - 2 * xp.log(factor[k][k]) for k in range(len(columns))
    )
    shared = sum(share * v**2 - 2 * xp.log(common[k][k]) for k, v in enumerate(projected))
    return 0.5 * ((fit + own).sum(axis=-1) + shared)


def effects_of_groups(
    readings: Any, mean: Any, precision: Any, columns: Sequence[Any], share: Any, own: Any, common: Any, *, xp: Any = np
) -> Any:
    """The animals' standard normal effects from standard normal numbers: draws given the readings that have precision.

    Parameters
    ----------
    readings, mean, precision, columns, share
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
    factor, score, _, of_common, projected = _given_common(readings - mean, precision, columns, share, xp=xp)
    some = share > 0
    root = xp.where(some, xp.sqrt(xp.where(some, share, 1.0)), 0.0)
    part = xp.sqrt(1 - share)[..., None]
    drawn = back_substituted(of_common, [root * v + common[..., k] for k, v in enumerate(projected)])
    right = [part**2 * score[k] + (root * drawn[k])[..., None] for k in range(len(columns))]
    whitened = forward_substituted(factor, right)
    return xp.stack(back_substituted(factor, [v + part * own[..., k] for k, v in enumerate(whitened)]), axis=-1)


def as_one_animal(
    readings: np.ndarray, mean: np.ndarray, precision: np.ndarray, columns: Sequence[np.ndarray], share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    """A group as one animal with as many effects as its members have together.

    Parameters
    ----------
    readings, mean, precision, columns, share
        As in `log_density_of_groups`, NumPy arrays.

    Returns
    -------
    readings, mean, precision, columns
        As in `likelihood.log_density`, arrays (..., group, reading), readings of the first member first; columns of the
        first member's effects first.
    """
    size = precision.shape[-2]
    one = np.ones_like(share)
    factor = cholesky([[one if k == m else share for m in range(k + 1)] for k in range(size)])

    def flat(array: np.ndarray) -> np.ndarray:
        return array.reshape(*array.shape[:-2], -1)

    found: list[np.ndarray] = []
    for j in range(size):
        weight = np.stack([factor[i][j] if j <= i else 0 * one for i in range(size)], axis=-1)[..., None]
        found += [flat(weight * column) for column in columns]
    return flat(readings), flat(mean), flat(precision), found


def _given_common(
    residual: Any, precision: Any, columns: Sequence[Any], share: Any, *, xp: Any
) -> tuple[list[list[Any]], list[Any], list[Any], list[list[Any]], list[Any]]:
    """What an animal's readings say of its effects and of the common part m of its group.

    With S = B'PB and b = B'Pr of an animal and A = I + (1 − share) S: the Cholesky factor of A, b and A⁻¹b of each
    animal; of each group the Cholesky factor c of I + share Σ A⁻¹S, and c⁻¹ Σ A⁻¹b.
    """
    size = len(columns)
    weighted = [precision * column for column in columns]
    score = [(column * residual).sum(axis=-1) for column in weighted]
    half = [[(weighted[k] * columns[m]).sum(axis=-1) for m in range(k + 1)] for k in range(size)]
    part = (1 - share)[..., None]
    factor = cholesky(
        [[part * half[k][m] + (1.0 if k == m else 0.0) for m in range(k + 1)] for k in range(size)], xp=xp
    )
    mean_effect = solved(factor, score)
    information: list[list[Any]] = []
    for k in range(size):
        row = solved(factor, [half[max(k, m)][min(k, m)] for m in range(size)])
        information.append([share * row[m].sum(axis=-1) + (1.0 if k == m else 0.0) for m in range(k + 1)])
    common = cholesky(information, xp=xp)
    return factor, score, mean_effect, common, forward_substituted(common, [m.sum(axis=-1) for m in mean_effect])
