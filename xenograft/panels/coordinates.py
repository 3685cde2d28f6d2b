"""The unconstrained coordinates of a card's parameters on a panel, and its readings and schedules as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xenograft.fitting import block as of_study
from xenograft.fitting.coordinates import KINDS, Piece, Pieces
from xenograft.model.card import ModelCard
from xenograft.model.exposure import Schedule, schedule
from xenograft.model.prior import Prior
from xenograft.panels.better import towards_first
from xenograft.panels.panel import Panel
from xenograft.study.study import Arm

LATENT = ("below",)
"""Latent log volumes of censored readings: log of how far below the limit they are."""

SIGNED = ("between_baseline", "between_growth", "between_kill", "between_departure", "historical_growth")
"""Sds between models, whose coordinate is the sd with either sign where the prior is half normal: the density depends
on the square alone, and near 0 it is as round as anywhere, while the log would have a long tail."""


@dataclass(frozen=True)
class Readings:
    """The fitted readings of a panel as arrays, model after model, animal after animal.

    Parameters
    ----------
    model, arm : int arrays (animal)
        Positions in `Panel.models` and `Panel.arms`.
    first : int array (animal + 1)
        Each animal's first reading.
    elapsed : array (reading)
        Days since the first dose.
    log_volume : array (reading)
        Natural log of volume, of a censored reading of its limit, over the reference volume.
    censored : bool array (reading)
    names : tuple of str (animal)
    """

    model: np.ndarray
    arm: np.ndarray
    first: np.ndarray
    elapsed: np.ndarray
    log_volume: np.ndarray
    censored: np.ndarray
    names: tuple[str, ...]

    @property
    def animal(self) -> np.ndarray:
        """Which animal each reading is of."""
        return np.repeat(np.arange(len(self.model)), np.diff(self.first))


def readings_of(panel: Panel) -> Readings:
    """The fitted readings of a panel as arrays."""
    table = panel.fitted_readings
    arms = {arm.name: place for place, arm in enumerate(panel.arms)}
    models = {name: place for place, name in enumerate(panel.models)}
    animal = table.groupby(["model", "animal"], sort=False).ngroup().to_numpy()
    order = np.lexsort((np.arange(len(table)), animal))
    table, animal = table.iloc[order], animal[order]
    first = np.searchsorted(animal, np.arange(animal[-1] + 2))
    each = table.iloc[first[:-1]]
    return Readings(
        each["model"].map(models).to_numpy(dtype=np.int64),
        each["arm"].map(arms).to_numpy(dtype=np.int64),
        first,
        table["elapsed"].to_numpy(dtype=float),
        np.log(table["volume"].to_numpy(dtype=float) / panel.reference_volume),
        table["censored"].to_numpy(dtype=bool),
        tuple(each["animal"].astype(str)),
    )


@dataclass(frozen=True)
class Schedules:
    """The different schedules of a panel.

    Parameters
    ----------
    of_model : int array (model)
        Which of them a model has.
    arms : tuple of tuple of Arm
        What the panel's arms get under each, days since the first dose.
    received : tuple of Schedule
        The same for the equation.
    """

    of_model: np.ndarray
    arms: tuple[tuple[Arm, ...], ...]
    received: tuple[Schedule, ...]


def schedules_of(panel: Panel, card: ModelCard) -> Schedules:
    """The schedules of a panel's models under a card's exposure, each once."""
    found: dict[tuple[Arm, ...], int] = {}
    of_model = [found.setdefault(panel.arms_of(model), len(found)) for model in panel.models]
    received = tuple(schedule_of_arms(panel, arms, card) for arms in found)
    return Schedules(np.array(of_model, dtype=np.int64), tuple(found), received)


@dataclass(frozen=True)
class _AsStudy:
    """What `schedule` asks of a study."""

    levels: tuple[tuple[str, float | None], ...]
    arms: tuple[Arm, ...]
    last_day: float
    first_dose: float = 0.0

    @property
    def fitted_readings(self) -> Mapping[str, np.ndarray]:
        return {"day": np.array([self.last_day])}


def schedule_of_arms(panel: Panel, arms: tuple[Arm, ...], card: ModelCard) -> Schedule:
    """What arms receive, days since the first dose, for the equation."""
    as_study = _AsStudy(panel.levels, arms, panel.last_day)
    return schedule(as_study, exposure=card.exposure)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class PanelCoordinates(Pieces):
    """The coordinates of a card's parameters on a panel.

    Parameters
    ----------
    panel : Panel
        Its models, arms and agents are the labels.
    card : ModelCard
        With its priors in days.
    """

    panel: Panel
    card: ModelCard

    @cached_property
    def effects(self) -> tuple[str, ...]:
        """What each model has of its own, in the order of `block`: baseline, growth, kills, departures."""
        kills = [f"kill[{label}]" for label in self.panel.level_labels]
        departures = [f"departure[{arm.name}]" for arm in self.panel.combinations] if "departure" in self.start else []
        return ("baseline", "growth", *kills, *departures)

    @cached_property
    def mirrored(self) -> tuple[int, ...]:
        """The coordinates on whose sign the density does not depend: sds between models with half-normal priors."""
        found: list[int] = []
        for piece in self.pieces:
            if piece.name in SIGNED and piece.kinds[0] == of_study.NORMAL:
                found += range(self.start[piece.name], self.start[piece.name] + piece.size)
        return tuple(found)

    @cached_property
    def towards_first(self) -> np.ndarray:
        """What is positive where the first agent of a model's combination is the better one (model, effect)."""
        times = schedules_of(self.panel, self.card)
        return towards_first(self.panel, self.card, times.received, times.of_model, len(self.effects))

    def values(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """The constrained value of each piece, sds without their sign."""
        found = Pieces.values(self, np.asarray(x))
        return {name: np.abs(value) if name in SIGNED else value for name, value in found.items()}

    def labels(self) -> dict[str, list[str]]:
        """Labels of the dimensions that parameters have."""
        panel = self.panel
        received = schedule_of_arms(panel, panel.arms, self.card)
        return {
            "agent": list(panel.level_labels),
            "combination": [arm.name for arm in panel.combinations],
            "moderator": list(panel.moderators.columns),
            "arm": [arm.name for arm in panel.arms],
            "waning_agent": list(received.waning_agents),
            "delayed_agent": list(received.delayed_agents),
        }


def panel_coordinates(panel: Panel, card: ModelCard) -> PanelCoordinates:
    """The coordinates that a card has on a panel, its priors in the panel's time."""
    own = card.on_days(panel.follow_up)
    return PanelCoordinates(tuple(_pieces(panel, own)), panel, own)


def _pieces(panel: Panel, card: ModelCard) -> Iterable[Piece]:
    received = schedule_of_arms(panel, panel.arms, card)
    levels, combinations = len(panel.levels), len(panel.combinations)
    estimated = card.departure == "estimated" and combinations > 0
    agent, combination = (("agent",), (levels,)), (("combination",), (combinations,))
    moderator = ("moderator",), (panel.moderators.shape[1],)
    arm = (("arm",), (len(panel.arms),)) if card.spread == "arm" else ((), ())
    yield _piece(card, "baseline")
    yield _piece(card, "growth")
    kills = [card.prior_of("kill", name) for name, _ in panel.levels]
    yield Piece("kill", *agent, tuple(KINDS[prior.distribution] for prior in kills), tuple(kills))
    if estimated:
        yield _piece(card, "departure", *combination)
    yield _piece(card, "between_baseline")
    yield _piece(card, "between_growth")
    yield _piece(card, "between_kill", *agent)
    if estimated:
        yield _piece(card, "between_departure", *combination)
    if panel.historical:
        yield _piece(card, "historical_growth")
    if card.moderators:
        yield _piece(card, "slope_kill", agent[0] + moderator[0], agent[1] + moderator[1])
        if estimated:
            yield _piece(card, "slope_departure", combination[0] + moderator[0], combination[1] + moderator[1])
    if card.law.priors:
        yield _piece(card, "slowing")
    for name, dim, agents in (
        ("waning", "waning_agent", received.waning_agents),
        ("onset", "delayed_agent", received.delayed_agents),
    ):
        if agents:
            yield _piece(card, name, (dim,), (len(agents),))
    yield _piece(card, "sd_baseline")
    yield _piece(card, "sd_growth", *arm)
    yield _piece(card, "correlation")
    yield _piece(card, "error", *arm)
    below = int(readings_of(panel).censored.sum())
    if below:
        yield Piece("below", ("censored_reading",), (below,), (of_study.SPREAD_OF_READING,))


def _piece(card: ModelCard, name: str, dims: tuple[str, ...] = (), shape: tuple[int, ...] = ()) -> Piece:
    prior = card.prior_of(name)
    if name in SIGNED and prior.distribution == "HalfNormal":
        prior = Prior(distribution="Normal", mu=0.0, sigma=prior.sigma, unit=prior.unit, why=prior.why)
    return Piece(name, dims, shape, (KINDS[prior.distribution],), (prior,))
