"""A panel under a card as one block of numbers, which the compiled density takes."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from xenograft.fitting import block as of_study
from xenograft.model.exposure import Schedule
from xenograft.panels import block
from xenograft.panels.better import dropped_effects
from xenograft.panels.columns import effect_columns
from xenograft.panels.coordinates import PanelCoordinates, Readings, Schedules, readings_of, schedules_of


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
