"""Which agent of a combination is the better one in a model, where together they do as much as that one.

The better one is the agent that alone takes more off the log volume by the end of the panel's follow-up: a half-space
of the model's effects. See docs/mathematics.md#panels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import log_ndtr, logsumexp, ndtri_exp

from xenograft.model.card import ModelCard
from xenograft.model.exposure import Schedule
from xenograft.panels.columns import effect_columns
from xenograft.panels.panel import Panel
from xenograft.printing import listed

LEAST_VARIANCE = 1e-10
"""As of `compiled_better`."""


def dropped_effects(panel: Panel) -> np.ndarray:
    """The effect that counts for nothing in an arm where its first agent is the better one, and where its second is.

    Parameters
    ----------
    panel : Panel
        Its arms.

    Returns
    -------
    int array (arm, 2)
        Places among the effects of a model; −1 of arms that are no combination of two agents.
    """
    places = {level: 2 + place for place, level in enumerate(panel.levels)}
    found = np.full((len(panel.arms), 2), -1, dtype=np.int64)
    for a, arm in enumerate(panel.arms):
        if len(arm.dosings) == 2:
            first, second = (places[dosing.agent, dosing.level] for dosing in arm.dosings)
            found[a] = second, first
    return found


def towards_first(
    panel: Panel, card: ModelCard, received: Sequence[Schedule], of_model: np.ndarray, effects: int
) -> np.ndarray:
    """What is positive where the first agent of a model's combination is the better one, as a sum of its effects.

    Parameters
    ----------
    panel, card
        Of the fit.
    received, of_model
        From `schedules_of`.
    effects : int
        How many effects a model has.

    Returns
    -------
    array (model, effect)
        Days of exposure to the agents by the end of the follow-up, those of the second negative; 0 for a model without
        a combination, and everywhere unless the card's reference is the highest single agent.
    """
    found = np.zeros((len(panel.models), effects))
    if card.reference != "hsa":
        return found
    dropped, counts = dropped_effects(panel), panel.animals_by_arm.to_numpy()
    day = np.array([panel.follow_up])
    columns = [effect_columns(day, one, panel, card, {})[:, 0] for one in received]
    for m in range(len(panel.models)):
        for a in np.flatnonzero((counts[m] > 0) & (dropped[:, 0] >= 0)):
            second, first = dropped[a]
            own = -columns[of_model[m]][a, [first, second]]
            found[m, [first, second]] = (own if own.any() else np.ones(2)) * (1, -1)
    return found


def why_no_better_agent(panel: Panel) -> str | None:
    """Why the better agent cannot be told in every model, in words; None where it can."""
    for arm in panel.combinations:
        if len(arm.dosings) != 2:
            return f"it takes the better of two agents, and {arm.name} has {len(arm.dosings)}"
    names = [arm.name for arm in panel.combinations]
    counts = (panel.animals_by_arm[names] > 0).sum(axis=1)
    if (counts > 1).any():
        return (
            f"it takes one combination in each model, and {counts.idxmax()} has {counts.max()}; name one of "
            f"{listed(names)} with --combination"
        )
    return None


def log_halves(log_density: np.ndarray, mean: np.ndarray, given: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Log density of readings and either half of the effects (draw, half, model).

    Parameters
    ----------
    log_density : array (draw, half, model)
        Of the readings, the effects anywhere.
    mean : array (draw, half, model, effect)
        Of the effects given the readings.
    given : array (draw, half, model, source, effect)
        given' given is their covariance.
    towards : array (model, effect)
        Positive in the first half.
    """
    if log_density.shape[1] == 1:
        return log_density
    middle, sd = _deciding(mean, given, towards)
    chosen = (towards != 0).any(axis=1)
    return log_density + np.where(chosen, log_ndtr(middle / sd), 0.0)


def draws_in_halves(
    log_density: np.ndarray, mean: np.ndarray, given: np.ndarray, towards: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draws of the effects given the readings (draw, model, effect); arguments as of `log_halves`."""
    noise = rng.standard_normal((mean.shape[0], *mean.shape[2:3], given.shape[3]))
    if log_density.shape[1] == 1:
        return mean[:, 0] + (noise[..., None] * given[:, 0]).sum(axis=2)
    each = log_halves(log_density, mean, given, towards)
    second = np.log(rng.uniform(size=noise.shape[:2])) < each[:, 1] - logsumexp(each, axis=1)
    half = np.where(second, 1, 0)[:, None, :]
    middle, sd = (np.take_along_axis(one, half, axis=1)[:, 0] for one in _deciding(mean, given, towards))
    mean = np.take_along_axis(mean, half[..., None], axis=1)[:, 0]
    given = np.take_along_axis(given, half[..., None, None], axis=1)[:, 0]
    sign = np.where(second, -1.0, 1.0)
    drawn = mean + (noise[..., None] * given).sum(axis=2)
    deciding = sign[..., None] * towards
    along = np.einsum("dmse,dms->dme", given, np.einsum("dmse,dme->dms", given, deciding))
    # what decides is drawn above 0 in place of anywhere, the rest keeps what it has given that
    uniform = np.log(rng.uniform(size=sd.shape))
    above = middle - sd * ndtri_exp(np.minimum(uniform + log_ndtr(middle / sd), -1e-16))
    moved = (above - (deciding * drawn).sum(axis=2)) / sd**2
    return drawn + np.where((towards != 0).any(axis=1)[:, None], moved[..., None] * along, 0.0)


def _deciding(mean: np.ndarray, given: np.ndarray, towards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd (draw, half, model) of what is positive in each half."""
    signs = np.array([1.0, -1.0])[:, None, None]
    middle = (signs * towards * mean).sum(axis=-1)
    sizes = np.einsum("dhmse,me->dhms", given, towards)
    return middle, np.sqrt((sizes**2).sum(axis=-1) + LEAST_VARIANCE)
