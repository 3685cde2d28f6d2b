"""A study and a card become a PyMC model on the integrated likelihood (docs/mathematics.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor.shape import specify_shape

from xenograft.fitting.coordinates import labels_of
from xenograft.model.card import ModelCard
from xenograft.model.choice import share_within_groups
from xenograft.model.curve import Parameters
from xenograft.model.exposure import Schedule, schedule
from xenograft.model.groups import Grouping, by_group, effects_of_groups, log_density_of_groups, shares_of_groups
from xenograft.model.latents import Latents, capacity, latents_of, weights_of
from xenograft.model.likelihood import (
    Panel,
    log_density,
    log_probability_below,
    log_probability_given,
    moments,
    panel,
)
from xenograft.model.prior import Prior
from xenograft.model.vocabulary import PARAMETERS, SHRUNKEN
from xenograft.study.study import Study

DIMS: Mapping[str, str | tuple[str, ...]] = {
    "elapsed": "day",
    "arm_index": "animal",
    "cohort_index": "animal",
    "day_index": ("animal", "reading"),
    "log_volume": ("animal", "reading"),
    "weight": ("animal", "reading"),
    "censored": ("animal", "reading"),
    "animal_position": "animal",
    "spread_position": ("animal", "reading"),
    "group_index": "animal",
    "member_index": "animal",
}
"""Dimensions of the models' data; those of the schedule have none."""


def build(study: Study, card: ModelCard) -> pm.Model:
    """The PyMC model of a study under a card.

    The observed variable `volume_readings` (animal, reading; log volume over reference volume) is one distribution
    with one log-likelihood value per animal; the animals' own effects are integrated out. Where mice carry several
    tumours it is (mouse, member, reading), with one value per mouse. All data are `pm.Data` and can be exchanged with
    `pm.set_data`. Under a card or study with censored or Student readings, these values are given variables
    `latent`; the stored log likelihood of a fit integrates them out.

    Parameters
    ----------
    study : Study
        The arms and readings.
    card : ModelCard
        The hypothesis.

    Returns
    -------
    pymc.Model
        Free variables as the card's priors name them: `baseline` (log units above the reference volume), `growth`,
        `slowing`, `kill` (agent), `departure` (combination), `waning`, `onset`, all 1/day, `sd_baseline` (log units),
        `sd_growth` (1/day), `correlation` (through `correlation_unit` on 0–1), `error` (log units) and so on.
    """
    card = card.on(study)
    with pm.Model(coords=labels_of(study, card)) as model:
        given = {name: pm.Data(name, value, dims=DIMS.get(name)) for name, value in data(study, card).items()}
        departure = None
        if card.departure == "estimated" and study.combinations:
            departure = _departure(card)
        readings, received = _panel_and_schedule(study, card, given)
        parameters = _parameters(study, card, _by_combination(study, card, departure), float(card.reference == "hsa"))
        mean, precision, columns = moments(readings, received, parameters, xp=pt)
        precision = _student(study, card, given, parameters, precision)
        own = _own_effects(study, card, given)
        measured = precision
        if own is not None:  # of censored readings the observed variable holds the limit
            measured = precision * (1 - readings.censored)
            below = _below_the_limit(readings, mean, precision, columns, own, parameters)
            pm.Potential("below_the_limit", below)
        if readings.groups is None:
            _animals_readings("volume_readings", mean, measured, columns, given["log_volume"])
        else:
            _groups_readings("volume_readings", study, readings, parameters, mean, measured, columns)
    return model


def data(study: Study, card: ModelCard, without: Collection[str] = ()) -> dict[str, np.ndarray]:
    """Everything of a study that enters the model as data, by name; who gets what is part of the graph.

    Parameters
    ----------
    study : Study
        The arms and readings.
    card : ModelCard
        Its exposure says on which days what jumps; its errors, which readings need latent variables.
    without : collection of str
        Animals (or mice with their tumours) left out.
    """
    readings, received = panel(study, without), schedule(study, exposure=card.exposure)
    found = {"jump_day": received.jump_day, "jump": received.jump, "span": np.array(received.span)}
    found |= {item.name: np.asarray(getattr(readings, item.name)) for item in fields(Panel) if item.name != "groups"}
    found |= asdict(readings.groups) if readings.groups is not None else {}
    room, places = capacity(study, card), latents_of(study, card, readings)
    if room.animals:
        found["animal_position"] = places.animal_position
    else:
        del found["censored"]
    if room.groups:
        found["group_position"] = places.group_position
    if room.spreads:
        found |= {"spread_position": places.spread_position, "spread_used": places.spread_used}
    if "sd_cohort" not in card.priors:
        del found["cohort_index"]
    if not card.error_small:
        del found["floor"]
    if not card.law.own_curves:
        del found["span"]
    return found


def _panel_and_schedule(study: Study, card: ModelCard, given: Mapping[str, Any]) -> tuple[Panel, Schedule]:
    named = {item.name: given.get(item.name, 0.0) for item in fields(Panel) if item.name != "groups"}
    if "members" in given:
        named["groups"] = Grouping(**{item.name: given[item.name] for item in fields(Grouping)})
    received = schedule(study, exposure=card.exposure)
    return Panel(**named), replace(received, **{n: given[n] for n in ("jump_day", "jump", "span") if n in given})


def _departure(card: ModelCard) -> Any:
    """Of each combination, or one for the study."""
    prior = card.prior_of("departure")
    if card.departure_by == SHRUNKEN:
        sd = variable_of("sd_departure", card.prior_of("sd_departure"))
        own = sd * pm.Normal("departure_standard", dims="combination")
        return pm.Deterministic("departure", variable_of("departure_mean", prior) + own, dims="combination")
    if card.departure_by == "arm":
        return variable_of("departure", prior, dims="combination")
    return variable_of("departure_of_study", prior)


def _by_combination(study: Study, card: ModelCard, departure: Any) -> Any:
    """The departure of each combination; one shared over the study counts for all."""
    if departure is None:
        return np.zeros(len(study.combinations))
    if card.departure_by != "study":
        return departure
    return pm.Deterministic("departure", departure * np.ones(len(study.combinations)), dims="combination")


def _parameters(study: Study, card: ModelCard, departure: Any, highest_single_agent: Any) -> Parameters:
    spread = "arm" if card.spread == "arm" else None
    error = variable_of("error", card.prior_of("error"), dims=spread)
    of_law = {} if card.law.own_curves else {name: variable_of(name, card.prior_of(name)) for name in card.law.priors}
    optional = {
        name: variable_of(name, card.prior_of(name), dims=spread if name == "sd_growth" else PARAMETERS[name].dim)
        for name in (
            "waning", "onset", "sd_baseline", "sd_growth", "sd_effect", "correlation", "small_tumour_error",
            "residual", "degrees_of_freedom",
        )
        if name in card.priors
    }  # fmt: skip
    if share := share_within_groups(study, card):
        optional[share] = variable_of(share, card.prior_of(share))
    if "sd_growth" in optional and not spread:
        optional["sd_growth"] = optional["sd_growth"][None]
    if "sd_cohort" in card.priors:
        scaled = variable_of("sd_cohort", card.prior_of("sd_cohort")) * pm.Normal("cohort_standard", dims="cohort")
        optional["cohort"] = pm.Deterministic("cohort_growth", scaled, dims="cohort")
    if card.law.own_curves:
        # halfway between centred and not: where readings tell much about a bend and where they tell little
        half = pt.sqrt(variable_of("smoothness", card.prior_of("smoothness")))
        scaled = half * pm.Normal("bend_scaled", 0.0, half, dims=("curve", "knot"))
        optional["bend"] = pm.Deterministic("bend", scaled, dims=("curve", "knot"))
    return Parameters(
        baseline=variable_of("baseline", card.prior_of("baseline")),
        growth=variable_of("growth", card.prior_of("growth")),
        kill=_kill(study, card),
        departure=departure,
        highest_single_agent=highest_single_agent,
        error=error if spread else error[None],
        slowing=of_law.pop("slowing", None),
        of_law=of_law,
        columns=card.law.columns,
        **optional,
    )


def variable_of(name: str, prior: Prior, dims: str | tuple[str, ...] | None = None) -> Any:
    """A free variable with a prior; of a correlation through `name_unit` on 0–1."""
    # NumPy's numbers keep their precision; PyTensor would take a plain 100.0 for single precision, and its log as well
    numbers = {argument: np.float64(value) for argument, value in prior.arguments.items()}
    if prior.distribution == "LKJ":  # of a 2 × 2 matrix: a symmetric Beta on (−1, 1)
        return pm.Deterministic(name, 2 * pm.Beta(f"{name}_unit", numbers["eta"], numbers["eta"]) - 1)
    return getattr(pm, prior.distribution)(name, **numbers, dims=dims)


def _kill(study: Study, card: ModelCard) -> Any:
    if card.dose_effect == "free":
        return _kills("kill", [card.prior_of("kill", agent) for agent, _ in study.levels], study.level_labels, "agent")
    agents = list(dict.fromkeys(agent for agent, _ in study.levels))
    top = _kills("kill_at_top_dose", [card.prior_of("kill", agent) for agent in agents], agents, "single_agent")
    power = variable_of("dose_power", card.prior_of("dose_power")) if card.dose_effect == "power" else 1.0
    agent_of_level = [agents.index(agent) for agent, _ in study.levels]
    return pm.Deterministic("kill", top[agent_of_level] * study.relative_doses**power, dims="agent")


def _kills(name: str, priors: list[Prior], labels: Collection[str], dim: str) -> Any:
    if len({(prior.distribution, *prior.arguments.values()) for prior in priors}) == 1:
        return variable_of(name, priors[0], dims=dim)
    parts = [variable_of(f"{name}_{label}", prior) for label, prior in zip(labels, priors, strict=True)]
    return pm.Deterministic(name, pt.stack(parts), dims=dim)


def _student(study: Study, card: ModelCard, given: Mapping[str, Any], parameters: Parameters, precision: Any) -> Any:
    """Precisions with a latent gamma weight for each Student reading."""
    room = capacity(study, card).spreads
    if not room:
        return precision
    used = specify_shape(given["spread_used"], (room,))
    places = Latents(None, given["spread_position"], used)
    density, weights = weights_of(pm.Normal("spread", shape=room), places, parameters.degrees_of_freedom, xp=pt)
    pm.Potential("spread_density", density)
    return precision * weights


def _own_effects(study: Study, card: ModelCard, given: Mapping[str, Any]) -> Any:
    """Latent effects (animal, effect) of the animals with censored readings, and (group, effect) of their groups.

    None without such an animal, or such a group of several animals.
    """
    room = capacity(study, card)
    if not room.animals:
        return None
    own = pm.Normal("own_effect", shape=(room.animals, room.effects))
    common = None
    if room.groups:
        common = pm.Normal("common_effect", shape=(room.groups, room.effects))[given["group_position"]]
    return own[given["animal_position"]] if "animal_position" in given else own, common


def _below_the_limit(
    readings: Panel, mean: Any, precision: Any, columns: list[Any], latent: Any, parameters: Parameters
) -> Any:
    (own, common), groups, censored = latent, readings.groups, readings.censored
    log_cdf = _log_cdf_where(censored)
    if groups is None or common is None:
        of_readings = (readings.log_volume, mean, precision, columns)
        return log_probability_below(*of_readings, censored, own, log_cdf, xp=pt)
    grouped = by_group(groups, readings.log_volume, mean, precision * (1 - censored), columns)
    shares = shares_of_groups(groups, parameters, len(columns), xp=pt)
    found = effects_of_groups(*grouped, shares, own[groups.members], common, xp=pt)
    effects = found[groups.group_index, groups.member_index]
    fitted = mean + sum(effects[..., k, None] * column for k, column in enumerate(columns))
    return log_probability_given(readings.log_volume, fitted, precision, censored, log_cdf, xp=pt)


def _log_cdf_where(censored: Any) -> Callable[[Any], Any]:
    """Log of the normal distribution function of censored readings, 0 of others, which need not be computed."""
    at: Any = pt.nonzero(censored)

    def log_cdf(value: Any) -> Any:
        found: Any = pt.zeros_like(value)
        return found[at].set(_log_cdf(value[at]))

    return log_cdf


def _log_cdf(value: Any) -> Any:
    """As PyMC's, each branch within its own range, so that its derivative is a number everywhere."""
    low: Any = pt.minimum(value, -1.0)
    high: Any = pt.maximum(value, -1.0)
    tail: Any = pt.erfcx(-low / np.sqrt(2.0))
    above: Any = pt.erfc(high / np.sqrt(2.0))
    return pt.where(value < -1.0, pt.log(tail / 2) - low**2 / 2, pt.log1p(-above / 2))


def _animals_readings(name: str, mean: Any, precision: Any, columns: list[Any], observed: Any) -> None:
    """The observed variable."""

    def logp(value: Any, mean: Any, precision: Any, *columns: Any) -> Any:
        return log_density(value, mean, precision, columns, xp=pt)

    def random(mean: Any, precision: Any, *columns: Any, rng: np.random.Generator, size: Any = None) -> Any:
        shape = np.broadcast_shapes(np.shape(mean), np.shape(precision), *(np.shape(column) for column in columns))
        shape = shape if size is None else (*size, shape[-1])
        sd = np.where(precision > 0, 1 / np.sqrt(np.where(precision > 0, precision, 1.0)), 0.0)
        own = sum(rng.standard_normal((*shape[:-1], 1)) * column for column in columns)
        return mean + own + sd * rng.standard_normal(shape)

    pm.CustomDist(
        name,
        mean,
        precision,
        *columns,
        logp=logp,
        random=random,
        signature=f"(n),(n){',(n)' * len(columns)}->(n)",
        dims=("animal", "reading"),
        observed=observed,
    )


def _groups_readings(
    name: str, study: Study, readings: Panel, parameters: Parameters, mean: Any, precision: Any, columns: list[Any]
) -> None:
    """The observed variable where animals belong to groups, with one log-likelihood value per group."""
    assert readings.groups is not None
    observed, *given = by_group(readings.groups, readings.log_volume, mean, precision, columns)

    def logp(value: Any, shares: Any, mean: Any, precision: Any, *columns: Any) -> Any:
        return log_density_of_groups(value, mean, precision, columns, shares, xp=pt)

    def random(
        shares: Any, mean: Any, precision: Any, *columns: Any, rng: np.random.Generator, size: Any = None
    ) -> Any:
        shape = np.broadcast_shapes(np.shape(mean), np.shape(precision), *(np.shape(column) for column in columns))
        shape = shape if size is None else (*size, *shape[-2:])
        sd = np.where(precision > 0, 1 / np.sqrt(np.where(precision > 0, precision, 1.0)), 0.0)
        common = np.sqrt(shares)[..., None, None]
        own = sum(
            (
                common[..., k, :, :] * rng.standard_normal((*shape[:-2], 1, 1))
                + np.sqrt(1 - common[..., k, :, :] ** 2) * own
            )
            * column
            for k, column in enumerate(columns)
            for own in [rng.standard_normal((*shape[:-1], 1))]
        )
        return mean + own + sd * rng.standard_normal(shape)

    mean, precision, columns = given
    matrix = "(m,n)"
    shares = shares_of_groups(readings.groups, parameters, len(columns), xp=pt)
    shares = readings.groups.several[:, None] * np.zeros(0) if shares is None else shares
    pm.CustomDist(
        name,
        shares,
        mean,
        precision,
        *columns,
        logp=logp,
        random=random,
        signature=f"(k),{','.join([matrix] * (2 + len(columns)))}->{matrix}",
        dims=(study.group, "member", "reading"),
        observed=observed,
    )
