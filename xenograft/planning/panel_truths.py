"""The truths that a panel card's priors hold possible: draws of its parameters, and the truth that each is."""

from __future__ import annotations

import xarray as xr

from xenograft.errors import InputError
from xenograft.model.card import ModelCard
from xenograft.panels.density import panel_density
from xenograft.panels.fit import why_not
from xenograft.panels.panel import Panel
from xenograft.planning.card_truth import truth_of
from xenograft.simulation.panel_truth import ModeratorTruth, PanelTruth
from xenograft.simulation.truth import Truth


def prior_panel_draws(panel: Panel, card: ModelCard, draws: int, *, seed: int) -> xr.Dataset:
    """Draws of a card's parameters on a panel from its priors (draw, …), rates in 1/day.

    Parameters
    ----------
    panel : Panel
        Agents, combinations, moderators and follow-up.
    card : ModelCard
        With `panel = true`.
    draws : int
        How many.
    seed : int
        Same seed, same draws.

    Raises
    ------
    InputError
        The panel lacks what the card needs.
    """
    if problem := why_not(panel, card):
        raise InputError(f"{card.name}: it has no truths on this design: {problem}. Choose another card.")
    density = panel_density(panel, card)
    return density.parameters(density.prior_draws(draws, seed=seed)[None]).squeeze("chain", drop=True)


def panel_truth_of(card: ModelCard, parameters: xr.Dataset, panel: Panel) -> Truth:
    """The truth that a panel card's parameters are, for the simulator.

    Parameters
    ----------
    card : ModelCard
        With `panel = true`.
    parameters : Dataset (agent, combination, …)
        One draw, as of `prior_panel_draws` or of a posterior.
    panel : Panel
        Its arms, and the moderators by whose sds slopes are counted.
    """

    def by_label(values: xr.Dataset, name: str, dim: str) -> dict[str, float]:
        if name not in values:
            return {}
        return dict(zip(values[dim].to_numpy().tolist(), values[name].to_numpy().tolist(), strict=True))

    sd = panel.moderators.std(ddof=1)
    moderators: dict[str, ModeratorTruth] = {}
    for name in map(str, panel.moderators) if card.moderators else ():
        own = parameters.sel(moderator=name) / float(sd[name])
        moderators[name] = ModeratorTruth(
            slope_kill=by_label(own, "slope_kill", "agent"),
            slope_departure=by_label(own, "slope_departure", "combination"),
        )
    spread = PanelTruth(
        sd_baseline=float(parameters["between_baseline"]),
        sd_growth=float(parameters["between_growth"]),
        sd_kill=by_label(parameters, "between_kill", "agent"),
        sd_departure=by_label(parameters, "between_departure", "combination"),
        moderators=moderators,
    )
    return truth_of(card, parameters, panel.arms).model_copy(update={"panel": spread})
