"""What each effect of a model contributes to a log volume by a given day: the equation, linear in the effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xenograft.model.card import ModelCard
from xenograft.model.exposure import Schedule, accumulated_exposure
from xenograft.model.growth import growth_columns
from xenograft.panels.panel import Panel


def effect_columns(
    day: Any, received: Schedule, panel: Panel, card: ModelCard, rates: Mapping[str, Any], *, xp: Any = np
) -> Any:
    """The weight of every effect of a model in the log volumes of its arms.

    Parameters
    ----------
    day : array (day)
        Days since the first dose.
    received : Schedule
        What the panel's arms receive.
    panel, card
        Say which effects there are.
    rates : mapping of str to array (...)
        `slowing` (...), `waning` and `onset` (..., agent) in 1/day, as far as the card has them.

    Returns
    -------
    array (..., arm, day, effect)
        Of baseline (no unit), growth, kills and departures (days; those of treatment 0 or negative).
    """
    slowing, waning, onset = (rates.get(name) for name in ("slowing", "waning", "onset"))
    from_baseline, from_growth = growth_columns(day, slowing, xp=xp)
    alone, together = accumulated_exposure(day, received, slowing, waning, onset, xp=xp)
    level_of = (np.array(received.dosing_level)[:, None] == np.arange(len(panel.levels))).astype(float)
    gets = received.arm_gets_dosing[:, :, None] * level_of[None]  # arm, dosing, level
    arms = np.ones((len(panel.arms), 1))
    columns = [from_baseline[..., None, :] * arms, from_growth[..., None, :] * arms]
    like = 0 * (alone[..., :1, :] + columns[0])  # with the draws of rates, where there are any
    columns = [column + like for column in columns]
    columns += [like - gets[:, :, level] @ alone for level in range(len(panel.levels))]
    if card.departure == "estimated" and panel.combinations:
        is_one = received.arm_is_combination
        columns += [like - is_one[:, [c]] * together[..., [c], :] for c in range(len(panel.combinations))]
    return xp.stack(columns, axis=-1)
