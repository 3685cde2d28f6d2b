"""The unconstrained coordinates of a card's parameters on a panel, and the panel as the density takes it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xenograft.fitting import block as of_study
from xenograft.fitting.coordinates import KINDS, Piece, Pieces
from xenograft.model.card import ModelCard
from xenograft.model.exposure import Schedule, schedule
from xenograft.model.prior import Prior
from xenograft.panels import block
from xenograft.panels.better import dropped_effects, towards_first
from xenograft.panels.columns import effect_columns
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


def panel_block(coordinates: PanelCoordinates, without: Collection[str] = ()) -> np.ndarray:
    """A panel under a card as the compiled density takes it.

    Parameters
    ----------
    coordinates : PanelCoordinates
        Of the card on the panel.
    without : collection of str
        Models left out: their readings count for nothing, and their latent values are standard normal.
    """
    panel, card, start = coordinates.panel, coordinates.card, coordinates.start
    readings, times = readings_of(panel), schedules_of(panel, card)
    model_of_reading = readings.model[readings.animal]
    days = [
        np.unique([*readings.elapsed[times.of_model[model_of_reading] == s], panel.last_day])
        for s in range(len(times.received))
    ]
    first_row = np.cumsum([0, *(len(panel.arms) * len(own) for own in days)])
    of_reading = times.of_model[model_of_reading]
    row = np.zeros(len(readings.elapsed), dtype=np.int64)
    for s, own in enumerate(days):
        mine = of_reading == s
        at = np.searchsorted(own, readings.elapsed[mine])
        row[mine] = first_row[s] + readings.arm[readings.animal[mine]] * len(own) + at
    parts = [_schedule_block(coordinates, received, own) for received, own in zip(times.received, days, strict=True)]
    kinds, numbers = coordinates.prior_numbers()
    below = np.full(len(row), -1, dtype=np.int64)
    if "below" in start:
        below[readings.censored] = start["below"] + np.arange(readings.censored.sum())
        out = np.isin(model_of_reading, [panel.models.index(name) for name in without]) & readings.censored
        kinds[below[out]] = of_study.NORMAL
    shown = _effects_of_arms(coordinates, times)
    linear = not ({"slowing", "waning", "onset"} & start.keys())
    tables = {slot: np.zeros(0) for slot in range(of_study.TABLES)}
    moderators = (
        panel.standard_moderators.to_numpy(dtype=float) if card.moderators else np.zeros((len(panel.models), 0))
    )
    tables |= _tables_of_effects(coordinates) | {
        block.PRIOR_KIND: kinds,
        block.PRIOR_NUMBERS: numbers,
        block.POSITION: np.full(18, -1, dtype=np.int64),
        block.MODEL_FIRST: np.searchsorted(readings.model, np.arange(len(panel.models) + 1)),
        block.HISTORICAL: np.array([name in panel.historical for name in panel.models]),
        block.MODERATOR: np.nan_to_num(moderators),
        block.UNKNOWN: np.isnan(moderators),
        block.ANIMAL_ARM: readings.arm,
        block.ANIMAL_FIRST: readings.first,
        block.READING_ROW: row,
        block.READING_VALUE: readings.log_volume,
        block.READING_BELOW: below,
        block.SCHEDULE_FIRST: np.cumsum([0, *map(len, parts)]),
        block.SCHEDULE_FIRST_ROW: first_row[:-1],
        block.SCHEDULES: np.concatenate(parts),
        block.LINEAR: np.array([linear]),
        block.ROWS_OF_COLUMNS: first_row[-1:],
        block.MOST_ANIMALS: np.bincount(readings.model, minlength=1).max(keepdims=True),
        block.LEFT_OUT: np.array([name in without for name in panel.models]),
        block.HIGHEST: np.array([card.reference == "hsa"]),
        block.DROPPED: dropped_effects(panel),
        block.TOWARDS: coordinates.towards_first,
        block.ARM_FIRST_EFFECT: np.cumsum([0, *map(len, shown)]),
        block.ARM_EFFECTS: np.concatenate(shown),
    }
    if linear:
        tables |= _cross_products(coordinates, readings, times, row, days, first_row)
    return of_study.packed(tables)


def _tables_of_effects(coordinates: PanelCoordinates) -> dict[int, np.ndarray]:
    panel, card, start = coordinates.panel, coordinates.card, coordinates.start
    levels, combinations = len(panel.levels), len(coordinates.effects) - 2 - len(panel.levels)
    moderators = panel.moderators.shape[1] if card.moderators else 0

    def by_effect(one: str, two: str, three: str, four: str) -> np.ndarray:
        kills = start[three] + np.arange(levels)
        departures = start.get(four, 0) + np.arange(combinations)
        return np.concatenate([[start[one], start[two]], kills, departures]).astype(np.int64)

    slope = np.full((len(coordinates.effects), moderators), -1, dtype=np.int64)
    if moderators:
        places = np.arange((levels + combinations) * moderators).reshape(-1, moderators)
        slope[2 : 2 + levels] = start["slope_kill"] + places[:levels]
        slope[2 + levels :] = start.get("slope_departure", 0) + places[:combinations]

    def by_arm(name: str) -> np.ndarray:
        steps = np.arange(len(panel.arms)) if card.spread == "arm" else np.zeros(len(panel.arms), dtype=np.int64)
        return start[name] + steps

    return {
        block.EFFECT_AT: by_effect("baseline", "growth", "kill", "departure"),
        block.BETWEEN_AT: by_effect("between_baseline", "between_growth", "between_kill", "between_departure"),
        block.SLOPE_AT: slope,
        block.SD_BASELINE_AT: np.array([start["sd_baseline"]]),
        block.SD_GROWTH_AT: by_arm("sd_growth"),
        block.CORRELATION_AT: np.array([start["correlation"]]),
        block.ERROR_AT: by_arm("error"),
        block.HISTORICAL_AT: np.array([start.get("historical_growth", -1)]),
    }


def _effects_of_arms(coordinates: PanelCoordinates, times: Schedules) -> list[np.ndarray]:
    """The effects that the animals of each arm show: baseline, growth, kills of what it gets, its departure."""
    panel = coordinates.panel
    shown: list[np.ndarray] = []
    for arm in range(len(panel.arms)):
        kills = [received.dosing_level[received.arm_gets_dosing[arm] > 0] for received in times.received]
        found = {block.BASELINE, block.GROWTH, *(block.FIRST_KILL + level for of in kills for level in of)}
        if "departure" in coordinates.start:
            own = [np.flatnonzero(received.arm_is_combination[arm]) for received in times.received]
            found |= {block.FIRST_KILL + len(panel.levels) + combination for of in own for combination in of}
        shown.append(np.array(sorted(found), dtype=np.int64))
    return shown


def _schedule_block(coordinates: PanelCoordinates, received: Schedule, days: np.ndarray) -> np.ndarray:
    """The exposures of one schedule as `fitting.compiled_arms` takes them; `UNIT_AT` is the effect of each unit."""
    panel, start = coordinates.panel, coordinates.start
    own = received.dosing_has_course.shape[1]
    unit = [*received.dosing_has_course.argmax(axis=0)]
    if received.combination_has_course.size:
        unit += [*(len(received.dosing_level) + received.combination_has_course.argmax(axis=0))]
    slots = np.stack(received.factors, axis=-1) if received.factors else np.zeros((0, 1), dtype=np.int64)
    estimated = "departure" in start
    first_departure = block.FIRST_KILL + len(panel.levels)
    departures = [first_departure + c if estimated else -1 for c in range(len(panel.combinations))]
    members = [np.flatnonzero(row) for row in received.arm_gets_dosing]
    joint = np.full(len(panel.arms), -1, dtype=np.int64)
    for arm, combination in zip(*np.nonzero(received.arm_is_combination), strict=True):
        joint[arm] = len(received.dosing_level) + combination
    position = np.full(18, -1, dtype=np.int64)
    position[of_study.SLOWING] = start.get("slowing", -1)
    position[of_study.RATES] = start.get("waning", start.get("onset", -1))
    return of_study.packed(
        {slot: np.zeros(0) for slot in range(of_study.TABLES)}
        | {
            of_study.POSITION: position,
            of_study.ELAPSED: days,
            of_study.JUMP_DAY: received.jump_day,
            of_study.JUMP: received.jump,
            of_study.RATES_OF_COURSE: received.rates_of_course,
            of_study.UNIT_OF_COURSE: np.array(unit, dtype=np.int64),
            of_study.FACTORS: np.where(slots < own, slots, -1),
            of_study.UNIT_AT: np.array([*(block.FIRST_KILL + received.dosing_level), *departures], dtype=np.int64),
            of_study.ARM_FIRST_UNIT: np.cumsum([0, *map(len, members)]),
            of_study.ARM_UNITS: np.concatenate([np.zeros(0, dtype=np.int64), *members]).astype(np.int64),
            of_study.ARM_JOINT: joint,
        }
    )


def _cross_products(
    coordinates: PanelCoordinates,
    readings: Readings,
    times: Schedules,
    row: np.ndarray,
    days: list[np.ndarray],
    first_row: np.ndarray,
) -> dict[int, np.ndarray]:
    """Cross products of the columns of each animal's readings, with each other and with the measured readings."""
    columns = np.concatenate(
        [
            effect_columns(own, received, coordinates.panel, coordinates.card, {}).reshape(-1, len(coordinates.effects))
            for received, own in zip(times.received, days, strict=True)
        ]
    )[row]
    measured = ~readings.censored
    animals, effects = len(readings.model), len(coordinates.effects)
    cross, vector, squares = np.zeros((animals, effects, effects)), np.zeros((animals, effects)), np.zeros(animals)
    np.add.at(cross, readings.animal, columns[:, :, None] * columns[:, None, :])
    known = readings.animal[measured]
    np.add.at(vector, known, columns[measured] * readings.log_volume[measured, None])
    np.add.at(squares, known, readings.log_volume[measured] ** 2)
    return {
        block.CROSS: cross.reshape(animals, -1),
        block.CROSS_READINGS: vector,
        block.SQUARES: squares,
    }
