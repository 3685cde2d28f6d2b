"""A study under a card as the compiled density takes it: every table of its block."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from xenograft.fitting import block
from xenograft.fitting.coordinates import Coordinates
from xenograft.model.exposure import Schedule
from xenograft.model.latents import capacity, latents_of
from xenograft.model.likelihood import Panel, panel
from xenograft.model.spline import COMBINATION_BENDS, INTERVALS, bend_basis, bend_starts

MOST_ROWS = 6
"""Days, per animal of a group, up to which its readings enter as moments: their products by pairs of days."""


def study_block(coordinates: Coordinates, received: Schedule, without: Collection[str] = ()) -> np.ndarray:
    """The block of a study under a card.

    Parameters
    ----------
    coordinates : Coordinates
        Of the card on the study.
    received : Schedule
        What the arms receive.
    without : collection of str
        Animals left out.

    Returns
    -------
    array (number)
        See `block.packed`.
    """
    readings = panel(coordinates.study, without)
    tables = _tables_of_arms(coordinates, received, readings) | _tables_of_readings(coordinates, readings)
    tables[block.PRIOR_KIND], tables[block.PRIOR_NUMBERS] = coordinates.prior_numbers()
    places = latents_of(coordinates.study, coordinates.card, readings)
    if "spread" in coordinates.start:  # that of a reading left out is standard normal
        spreads = slice(coordinates.start["spread"], coordinates.start["spread"] + len(places.spread_used))
        tables[block.PRIOR_KIND][spreads][places.spread_used == 0] = block.NORMAL
    return block.packed(tables)


def _tables_of_arms(coordinates: Coordinates, received: Schedule, readings: Panel) -> dict[int, np.ndarray]:
    study, card, start = coordinates.study, coordinates.card, coordinates.start
    names = (
        "baseline", "growth", "slowing", "", "dose_power", "sd_baseline", "sd_effect", "correlation",
        "small_tumour_error", "degrees_of_freedom", "sd_cohort", "cohort_standard", "smoothness", "bend_scaled",
        "spread", "mouse_share", "residual", "cage_share", "departure_mean", "sd_departure",
    )  # fmt: skip
    position = np.array([start.get(name, -1) for name in names])
    position[block.RATES] = start.get("waning", start.get("onset", -1))
    own = received.dosing_has_course.shape[1]
    unit = [*received.dosing_has_course.argmax(axis=0), *(
        len(received.dosing_level) + received.combination_has_course.argmax(axis=0)
        if received.combination_has_course.size else []
    )]  # fmt: skip
    slots = np.stack(received.factors, axis=-1) if received.factors else np.zeros((0, 1), dtype=np.int64)
    unit_at, log_dose = _rates_of_units(coordinates, received)
    members = [np.flatnonzero(row) for row in received.arm_gets_dosing]
    joint = np.full(len(study.arms), -1)
    for arm, combination in zip(*np.nonzero(received.arm_is_combination), strict=True):
        joint[arm] = len(received.dosing_level) + combination

    def by_arm(name: str) -> np.ndarray:
        steps = np.arange(len(study.arms)) if card.spread == "arm" else np.zeros(len(study.arms), dtype=np.int64)
        return start[name] + steps if name in start else np.full(len(study.arms), -1)

    return {
        block.POSITION: position,
        block.ELAPSED: readings.elapsed,
        block.JUMP_DAY: received.jump_day,
        block.JUMP: received.jump,
        block.RATES_OF_COURSE: received.rates_of_course,
        block.UNIT_OF_COURSE: np.array(unit, dtype=np.int64),
        block.FACTORS: np.where(slots < own, slots, -1),
        block.BASIS: _basis(received, readings.elapsed) if card.law.own_curves else np.zeros((0, INTERVALS)),
        block.UNIT_AT: unit_at,
        block.UNIT_LOG_DOSE: log_dose,
        block.ARM_FIRST_UNIT: np.cumsum([0, *map(len, members)]),
        block.ARM_UNITS: np.concatenate(members),
        block.ARM_JOINT: joint,
        block.HIGHEST: np.array([card.reference == "hsa"]),
        block.SD_GROWTH_AT: by_arm("sd_growth"),
        block.ERROR_AT: by_arm("error"),
        block.FLOOR: np.array([float(readings.floor)]),
    }


def _rates_of_units(coordinates: Coordinates, received: Schedule) -> tuple[np.ndarray, np.ndarray]:
    """The coordinate of each unit's rate, −1 where it is 0, and the log of the dose it is multiplied by."""
    study, card, start = coordinates.study, coordinates.card, coordinates.start
    combinations = len(study.combinations)
    if card.dose_effect == "free":
        kill_at, log_dose = start["kill"] + received.dosing_level, np.zeros(len(received.dosing_level))
    else:
        agents = list(dict.fromkeys(agent for agent, _ in study.levels))
        of_level = np.array([agents.index(agent) for agent, _ in study.levels])
        kill_at = start["kill_at_top_dose"] + of_level[received.dosing_level]
        log_dose = np.log(study.relative_doses)[received.dosing_level]
    departure_at = np.full(combinations, start.get("departure_standard", start.get("departure", -1)))
    if card.departure == "estimated" and card.departure_by != "study":
        departure_at += np.arange(combinations)
    return np.concatenate([kill_at, departure_at]), np.concatenate([log_dose, np.zeros(combinations)])


def _basis(received: Schedule, elapsed: np.ndarray) -> np.ndarray:
    """What a unit of bending adds to each curve (curve by curve, day; knot)."""
    basis = bend_basis(elapsed - bend_starts(received)[:, None], received.span)
    basis[1 + len(received.dosing_level) :] *= COMBINATION_BENDS
    return basis.reshape(-1, INTERVALS)


@dataclass(frozen=True)
class _Group:
    """Animals of one arm and cohort measured on the same days."""

    animals: list[int]
    arm: int
    cohort: int
    days: np.ndarray


def _groups(readings: Panel, count: np.ndarray, alone: np.ndarray, *, cohorts: bool) -> list[_Group]:
    """Groups of the animals that are not left out; those `alone` make one each."""
    found: dict[tuple[int, int, bytes, int], list[int]] = {}
    kept = (readings.weight > 0).any(axis=1)
    for animal in np.flatnonzero(kept):
        cohort = int(readings.cohort_index[animal]) if cohorts else 0
        own = int(animal) if alone[animal] else -1
        key = (int(readings.arm_index[animal]), cohort, count[animal].tobytes(), own)
        found.setdefault(key, []).append(int(animal))
    return [
        _Group(animals, arm, cohort, np.flatnonzero(count[animals[0]]))
        for (arm, cohort, _, _), animals in sorted(found.items(), key=lambda item: (item[0][0], item[1][0]))
    ]


def _tables_of_readings(coordinates: Coordinates, readings: Panel) -> dict[int, np.ndarray]:
    study, card = coordinates.study, coordinates.card
    days, animals = len(readings.elapsed), len(readings.arm_index)
    measured = (readings.weight > 0) & (readings.censored == 0)
    below = (readings.weight > 0) & (readings.censored > 0)
    count, total, squares = np.zeros((3, animals, days))
    row, column = np.nonzero(measured)
    at = row, readings.day_index[row, column]
    for table, power in ((count, 0), (total, 1), (squares, 2)):
        np.add.at(table, at, readings.log_volume[row, column] ** power)
    by_arm = np.zeros((len(study.arms), days))
    np.add.at(by_arm, readings.arm_index, count)
    student = "degrees_of_freedom" in card.priors
    in_mouse = _in_mouse(coordinates, readings)
    groups = _groups(readings, count, below.any(axis=1) | student | in_mouse, cohorts="sd_cohort" in card.priors)
    of_rows = [(group, day) for group in groups for day in group.days]
    tables = {
        block.READINGS_BY_ARM: by_arm,
        block.GROUP_ARM: np.array([group.arm for group in groups], dtype=np.int64),
        block.GROUP_COHORT: np.array([group.cohort for group in groups], dtype=np.int64),
        block.GROUP_FIRST_ROW: np.cumsum([0, *(len(group.days) for group in groups)]),
        block.GROUP_ANIMALS: np.array([len(group.animals) for group in groups], dtype=np.int64),
        block.ROW_DAY: np.array([day for _, day in of_rows], dtype=np.int64),
        block.ROW_SUMS: np.array(
            [
                [count[group.animals[0], day] for group, day in of_rows],
                [total[group.animals, day].sum() for group, day in of_rows],
                [squares[group.animals, day].sum() for group, day in of_rows],
            ]
        ).reshape(3, -1),
        block.ANIMALS: np.array([sum(len(group.animals) for group in groups)]),
        block.LOG_VOLUMES: np.concatenate([np.zeros(0), *(total[g.animals][:, g.days].T.ravel() for g in groups)]),
    }
    tables |= _tables_of_moments(groups, total, share=coordinates.start.get("cage_share") is not None)
    latents = np.flatnonzero(below.any(axis=1))
    tables |= _tables_of_mice(coordinates, readings, groups, latents, in_mouse)
    tables |= _tables_of_cages(coordinates, readings, groups, latents)
    return tables | _tables_of_latents(coordinates, readings, groups, measured, below)


def _tables_of_moments(groups: list[_Group], total: np.ndarray, *, share: bool) -> dict[int, np.ndarray]:
    """Products of the log volumes of each pair of days about their means, summed over the animals of a group.

    Animals measured on the same days need nothing else where their effects integrate out by themselves; −1 marks
    groups that are gone through animal by animal: too small, or with effects that cages have in common (`share`).
    """
    at, moments, length = list[int](), list[np.ndarray](), 0
    for group in groups:
        size = len(group.days)
        if share or len(group.animals) < 2 or size > MOST_ROWS * len(group.animals):
            at.append(-1)
            continue
        centred = total[group.animals][:, group.days]
        centred = centred - centred.mean(axis=0)
        at.append(length)
        moments.append((centred.T @ centred).ravel())
        length += size**2
    return {
        block.MOMENTS_AT: np.array(at, dtype=np.int64),
        block.MOMENTS: np.concatenate([np.zeros(0), *moments]),
    }


def _in_mouse(coordinates: Coordinates, readings: Panel) -> np.ndarray:
    """Whether each animal is a tumour that has something in common with others of its mouse."""
    if readings.groups is None or "mouse_share" not in coordinates.start:
        return np.zeros(len(readings.arm_index), dtype=bool)
    return readings.groups.several[readings.groups.group_index] > 0


def _tables_of_mice(
    coordinates: Coordinates, readings: Panel, groups: list[_Group], latents: np.ndarray, in_mouse: np.ndarray
) -> dict[int, np.ndarray]:
    place_of = {group.animals[0]: place for place, group in enumerate(groups) if len(group.animals) == 1}
    first_animal = np.cumsum([0, *(len(group.animals) for group in groups)])
    latent_of = {int(animal): latent for latent, animal in enumerate(latents)}
    mice: list[list[int]] = []
    common_at: list[int] = []
    if readings.groups is not None and in_mouse.any():
        room = capacity(coordinates.study, coordinates.card)
        position = latents_of(coordinates.study, coordinates.card, readings).group_position
        for mouse in np.flatnonzero(readings.groups.several):
            tumours = readings.groups.members[mouse][readings.groups.present[mouse] > 0]
            if kept := [int(animal) for animal in tumours if int(animal) in place_of]:
                mice.append(kept)
                hard = any(animal in latent_of for animal in kept)
                common_at.append(
                    coordinates.start["common_effect"] + room.effects * int(position[mouse]) if hard else -1
                )
    tumours = [animal for mouse in mice for animal in mouse]
    return {
        block.MOUSE_FIRST: np.cumsum([0, *map(len, mice)]),
        block.COMMON_AT: np.array(common_at, dtype=np.int64),
        block.TUMOUR_GROUP: np.array([place_of[animal] for animal in tumours], dtype=np.int64),
        block.TUMOUR_ANIMAL: np.array([first_animal[place_of[animal]] for animal in tumours], dtype=np.int64),
        block.TUMOUR_LATENT: np.array([latent_of.get(animal, -1) for animal in tumours], dtype=np.int64),
        block.GROUP_IN_MOUSE: np.array([in_mouse[group.animals[0]] for group in groups], dtype=np.int64),
        block.LATENT_IN_MOUSE: in_mouse[latents].astype(np.int64),
    }


def _tables_of_cages(
    coordinates: Coordinates, readings: Panel, groups: list[_Group], latents: np.ndarray
) -> dict[int, np.ndarray]:
    """The animals of each cage that are not left out; an animal by itself is a cage."""
    animals = [(g, animal) for g, group in enumerate(groups) for animal in group.animals]
    order = list[tuple[int, int, int]]()
    common = np.zeros(0, dtype=np.int64)
    cage_of: dict[int, int] = {}
    if "cage_share" in coordinates.start and readings.groups is not None:
        index = readings.groups.group_index
        kept = np.unique([index[animal] for _, animal in animals])
        cage_of = {animal: int(np.searchsorted(kept, index[animal])) for _, animal in animals}
        order = sorted((cage_of[animal], place, g) for place, (g, animal) in enumerate(animals))
        room = capacity(coordinates.study, coordinates.card)
        position = latents_of(coordinates.study, coordinates.card, readings).group_position[kept]
        hard = np.isin(np.arange(len(kept)), [cage_of[int(animal)] for animal in latents])
        common = np.where(hard, coordinates.start.get("common_effect", 0) + room.effects * position, -1)
    sizes = np.bincount(np.array([cage for cage, _, _ in order], dtype=np.int64), minlength=len(common))
    return {
        block.CAGE_FIRST: np.concatenate([[0], np.cumsum(sizes)]),
        block.CAGE_GROUP: np.array([g for _, _, g in order], dtype=np.int64),
        block.CAGE_ANIMAL: np.array([place for _, place, _ in order], dtype=np.int64),
        block.CAGE_COMMON_AT: common.astype(np.int64),
        block.CAGE_OF_LATENT: np.array([cage_of[int(animal)] for animal in latents] if cage_of else [], dtype=np.int64),
    }


def _tables_of_latents(
    coordinates: Coordinates, readings: Panel, groups: list[_Group], measured: np.ndarray, below: np.ndarray
) -> dict[int, np.ndarray]:
    room = capacity(coordinates.study, coordinates.card)
    places = latents_of(coordinates.study, coordinates.card, readings)
    first_row = np.cumsum([0, *(len(group.days) for group in groups)])
    first_animal = np.cumsum([0, *(len(group.animals) for group in groups)])
    group_of = {animal: g for g, group in enumerate(groups) for animal in group.animals}
    reading_group, reading_row, reading_at = [], [], ([], [])
    if room.spreads:
        for animal, column in zip(*np.nonzero(measured), strict=True):
            g = group_of[animal]
            reading_group.append(g)
            day = readings.day_index[animal, column]
            reading_row.append(first_row[g] + int(np.searchsorted(groups[g].days, day)))
            reading_at[0].append(animal)
            reading_at[1].append(column)
    latents = [int(animal) for animal in np.flatnonzero(below.any(axis=1))]
    censored = [np.flatnonzero(below[animal]) for animal in latents]
    limits = (
        np.repeat(latents, [len(columns) for columns in censored]).astype(int),
        np.concatenate([np.zeros(0, dtype=int), *censored]),
    )
    return {
        block.READING_GROUP: np.array(reading_group, dtype=np.int64),
        block.READING_ROW: np.array(reading_row, dtype=np.int64),
        block.READING_VALUE: readings.log_volume[reading_at] if reading_row else np.zeros(0),
        block.READING_SPREAD: places.spread_position[reading_at] if reading_row else np.zeros(0, dtype=np.int64),
        block.SPREAD_USED: places.spread_used,
        block.LATENT_GROUP: np.array([group_of[animal] for animal in latents], dtype=np.int64),
        block.LATENT_ANIMAL: np.array([first_animal[group_of[animal]] for animal in latents], dtype=np.int64),
        block.LATENT_AT: coordinates.start.get("own_effect", 0)
        + room.effects * places.animal_position[np.array(latents, dtype=np.int64)],
        block.LATENT_FIRST: np.cumsum([0, *map(len, censored)]),
        block.BELOW_DAY: readings.day_index[limits],
        block.BELOW_LIMIT: readings.log_volume[limits],
        block.BELOW_SPREAD: places.spread_position[limits]
        if room.spreads
        else np.full(len(limits[0]), -1, dtype=np.int64),
    }
